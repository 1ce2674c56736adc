//! The editor server's log: a file that is rotated when it is full, and the last lines in memory
//! for an error message. The lines come from the server's two output streams.

use std::collections::VecDeque;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use localcoder_disk::LogRing;

/// Of the file, and of the one before it.
const FILE_BYTES_MAX: u64 = 2 * 1024 * 1024;
const TAIL_LINES: usize = 20;
/// A longer line is cut: those of stack traces are shorter, and output without line ends must not
/// fill the memory.
pub(crate) const LINE_BYTES_MAX: u64 = 8 * 1024;

#[derive(Debug)]
pub(crate) struct Log {
    path: PathBuf,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    file: LogRing,
    tail: VecDeque<String>,
}

impl Log {
    /// Never fails: where the file can't be opened, the log is kept in memory only, and the file is
    /// tried again later.
    pub(crate) fn open(path: PathBuf) -> Self {
        let file = LogRing::new(path.clone(), FILE_BYTES_MAX, 1);
        Self { path, state: Mutex::new(State { file, tail: VecDeque::new() }) }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn line(&self, line: &str) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.tail.len() == TAIL_LINES {
            state.tail.pop_front();
        }
        state.tail.push_back(line.to_owned());
        // In one piece, since each write is a line.
        let _ = state.file.write_all(format!("{line}\n").as_bytes());
    }

    pub(crate) fn tail(&self) -> String {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        Vec::from_iter(state.tail.iter().map(String::as_str)).join("\n")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_files_bound_the_log_and_the_tail_has_the_last_lines() {
        let dir = tempfile::tempdir().unwrap();
        let log = Log::open(dir.path().join("editor-server.log"));
        let long = "x".repeat(8000);
        for i in 0..1000 {
            log.line(&format!("{i} {long}"));
        }
        let sizes: Vec<u64> = fs_err::read_dir(dir.path())
            .unwrap()
            .map(|e| e.unwrap().metadata().unwrap().len())
            .collect();
        assert_eq!(sizes.len(), 2);
        assert!(sizes.iter().all(|&size| size <= FILE_BYTES_MAX), "{sizes:?}");
        assert!(log.tail().lines().last().unwrap().starts_with("999 "));
    }
}
