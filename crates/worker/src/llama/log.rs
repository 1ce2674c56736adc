//! llama.cpp's log: its lines go to stderr at once, and the last ones are kept for error messages,
//! because llama.cpp gives its reasons only in the log. There is one log per process, as in
//! llama.cpp.

use std::cell::Cell;
use std::collections::VecDeque;
use std::ffi::{CStr, c_char, c_void};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use llama_cpp_sys_2 as sys;
use localcoder_protocol::{MemoryUse, says_out_of_memory};

use super::sizes;

const LINES_MAX: usize = 40;
/// Longest line kept, in bytes: a message may quote text of a file, of any length.
const LINE_BYTES_MAX: usize = 500;

/// Whether a backend has reported a failed allocation since [`Log::begin`]: a GPU may continue and
/// write garbage.
static OUT_OF_MEMORY_SAID: AtomicBool = AtomicBool::new(false);

static LINES: Mutex<LogLines> = Mutex::new(LogLines::new());

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Level {
    Info,
    Warn,
    Error,
}

thread_local! {
    /// Whether a failure of this thread's work does not matter to the running request.
    static ASIDE: Cell<bool> = const { Cell::new(false) };
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct Log;

impl Log {
    /// Forgets the lines so far, so that [`Log::lines`] covers only what comes next.
    pub(crate) fn begin() {
        let mut lines = lock();
        OUT_OF_MEMORY_SAID.store(false, Ordering::Release);
        // A line that is half written belongs to another thread, such as that of repacking, and
        // will be completed.
        let partial = std::mem::take(&mut lines.partial);
        *lines = LogLines { partial, ..LogLines::new() };
    }

    /// From now on an out-of-memory error of this thread does not count for [`Log::out_of_memory`]:
    /// the running request does not depend on its work.
    pub(crate) fn set_aside() {
        ASIDE.set(true);
    }

    pub(crate) fn out_of_memory() -> bool {
        OUT_OF_MEMORY_SAID.load(Ordering::Acquire)
    }

    pub(crate) fn lines() -> LogLines {
        lock().clone()
    }
}

#[derive(Debug, Clone, Default)]
pub(crate) struct LogLines {
    last: VecDeque<String>,
    warnings: VecDeque<String>,
    errors: VecDeque<String>,
    partial: Option<(Level, String)>,
    memory: MemoryUse,
}

impl LogLines {
    pub(crate) const fn new() -> Self {
        Self {
            last: VecDeque::new(),
            warnings: VecDeque::new(),
            errors: VecDeque::new(),
            partial: None,
            memory: MemoryUse::NONE,
        }
    }

    pub(crate) fn errors(&self) -> impl Iterator<Item = &str> {
        self.errors.iter().map(String::as_str)
    }

    pub(crate) fn memory(&self) -> MemoryUse {
        self.memory
    }

    /// The best explanation in the log: the last errors, else the last warning or line.
    pub(crate) fn cause(&self) -> Option<String> {
        let errors: Vec<&str> =
            self.errors.iter().rev().take(3).rev().map(String::as_str).collect();
        if errors.is_empty() {
            return self.warnings.back().or(self.last.back()).cloned();
        }
        Some(errors.join("; "))
    }

    /// Takes a piece of text and calls `on_line` for every line that it completes. llama.cpp logs
    /// in pieces; `level` is `None` for one that continues a line, which keeps the level of its
    /// first piece.
    pub(crate) fn push(
        &mut self,
        level: Option<Level>,
        text: &str,
        mut on_line: impl FnMut(Level, &str),
    ) {
        for piece in text.split_inclusive('\n') {
            let (kept, line) =
                self.partial.get_or_insert_with(|| (level.unwrap_or(Level::Info), String::new()));
            let level = *kept;
            let room = LINE_BYTES_MAX.saturating_sub(line.len());
            let end = piece.floor_char_boundary(room.min(piece.len()));
            line.push_str(&piece[..end]);
            if piece.ends_with('\n') {
                let line = self.partial.take().map(|(_, line)| line).unwrap_or_default();
                let line = line.trim_end();
                if !line.is_empty() {
                    on_line(level, line);
                    self.keep(level, line);
                }
            }
        }
    }

    fn keep(&mut self, level: Level, line: &str) {
        sizes::add(&mut self.memory, line);
        let own = match level {
            Level::Error => Some(&mut self.errors),
            Level::Warn => Some(&mut self.warnings),
            Level::Info => None,
        };
        // Errors have a queue of their own: a load logs many lines of information after a first
        // error, which would push the reason out.
        for queue in own.into_iter().chain([&mut self.last]) {
            if queue.len() == LINES_MAX {
                queue.pop_front();
            }
            queue.push_back(line.to_owned());
        }
    }
}

pub(super) fn install() {
    // SAFETY: the callback is a static function that never unwinds and ignores its data pointer.
    unsafe { sys::llama_log_set(Some(on_log), std::ptr::null_mut()) };
}

unsafe extern "C" fn on_log(level: sys::ggml_log_level, text: *const c_char, _: *mut c_void) {
    if text.is_null() || level == sys::GGML_LOG_LEVEL_DEBUG {
        return;
    }
    let level = match level {
        sys::GGML_LOG_LEVEL_CONT => None,
        sys::GGML_LOG_LEVEL_ERROR => Some(Level::Error),
        sys::GGML_LOG_LEVEL_WARN => Some(Level::Warn),
        _ => Some(Level::Info),
    };
    // SAFETY: llama.cpp passes a NUL-terminated string that lives during the call.
    let text = unsafe { CStr::from_ptr(text) }.to_string_lossy();
    lock().push(level, &text, |level, line| {
        // Under the lock of the lines: `begin` clears both together.
        if level == Level::Error && says_out_of_memory(line) && !ASIDE.get() {
            OUT_OF_MEMORY_SAID.store(true, Ordering::Release);
        }
        crate::process::log_raw(line);
    });
}

fn lock() -> MutexGuard<'static, LogLines> {
    // A panic ends the process, so nothing runs that could see a poisoned lock.
    LINES.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(pieces: &[(Option<Level>, &str)]) -> LogLines {
        let mut lines = LogLines::new();
        for (level, text) in pieces {
            lines.push(*level, text, |_, _| {});
        }
        lines
    }

    #[test]
    fn pieces_become_lines_and_continue_with_their_first_level() {
        let lines = said(&[
            (Some(Level::Error), "load: tensor "),
            (None, "is missing\nload: "),
            (Some(Level::Info), "done\n"),
        ]);
        assert_eq!(lines.errors().collect::<Vec<_>>(), ["load: tensor is missing"]);
        assert_eq!(lines.last.back().map(String::as_str), Some("load: done"));
    }

    #[test]
    fn the_cause_is_the_last_errors_else_the_last_thing_said() {
        let info = (Some(Level::Info), "reading\n");
        assert_eq!(said(&[]).cause(), None);
        assert_eq!(said(&[info]).cause().unwrap(), "reading");
        assert_eq!(said(&[(Some(Level::Warn), "odd\n"), info]).cause().unwrap(), "odd");
        let error = (Some(Level::Error), "a\nb\n");
        assert_eq!(said(&[error, info]).cause().unwrap(), "a; b");
        let errors = ["1\n", "2\n", "3\n", "4\n"].map(|text| (Some(Level::Error), text));
        assert_eq!(said(&errors).cause().unwrap(), "2; 3; 4");
    }

    #[test]
    fn lines_and_their_number_are_bounded() {
        let mut lines = LogLines::new();
        lines.push(Some(Level::Error), &format!("{}\n", "ä".repeat(10_000)), |_, _| {});
        assert!(lines.errors().next().unwrap().len() <= LINE_BYTES_MAX);
        for _ in 0..1_000 {
            lines.push(Some(Level::Error), "again\n", |_, _| {});
        }
        assert_eq!(lines.errors.len(), LINES_MAX);
        assert_eq!(lines.last.len(), LINES_MAX);
    }
}
