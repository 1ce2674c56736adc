//! What a worker writes to stderr, line by line: logged as long as it is not a flood, and the last
//! lines kept for the report of its end. Lines are bounded in length and in number, but all of them
//! are read, however many: a worker must never wait for its log.

use std::collections::VecDeque;
use std::io::{self, BufRead, BufReader, Read};
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, bounded};
use localcoder_transport::spawn_thread;

pub(super) const TARGET: &str = "worker";

/// Lines kept for the report of a worker's end.
const LAST_LINES: usize = 40;
/// A longer line is cut. llama.cpp's have 500 bytes at most, but other libraries may print
/// anything.
const LINE_BYTES_MAX: usize = 2 * 1024;
/// How many lines may be logged in one burst: loading a model prints 130 or more.
const LINES_AT_ONCE: u32 = 1_000;
/// After this time one more line may be logged. At this rate, a flood of the longest lines takes
/// minutes to push everything else out of the log.
const LINE_EVERY: Duration = Duration::from_millis(100);
/// After lines were left out, logging resumes only when this many may be logged, not for each
/// single line.
const LINES_TO_GO_ON: u32 = 50;
/// Of the lines left out, this many are logged after all when the worker ends: its last words.
const LAST_WORDS: usize = 10;

/// Reads on a thread of its own; sends the last lines when the stream ends. The stream is read to
/// its end in any case, since a worker whose pipe is full would stand still.
pub(super) fn collect(
    generation: u64,
    stderr: impl Read + Send + 'static,
) -> io::Result<Receiver<Vec<String>>> {
    let (sender, receiver) = bounded(1);
    let read = move || {
        let log = |line: &str| tracing::info!(target: TARGET, generation, "{line}");
        let mut lines = Lines::new(log, Instant::now());
        lines.read(BufReader::with_capacity(64 * 1024, stderr));
        let _ = sender.send(lines.end());
    };
    spawn_thread("worker-stderr", read)?;
    Ok(receiver)
}

struct Lines<L> {
    log: L,
    last: VecDeque<String>,
    allowed: u32,
    counted: Instant,
    /// Lines left out since one was last logged.
    left_out: u64,
}

impl<L: FnMut(&str)> Lines<L> {
    fn new(log: L, now: Instant) -> Self {
        let last = VecDeque::with_capacity(LAST_LINES);
        Self { log, last, allowed: LINES_AT_ONCE, counted: now, left_out: 0 }
    }

    fn read(&mut self, mut stderr: impl BufRead) {
        let mut line = Vec::new();
        let mut cut = false;
        loop {
            let piece = match stderr.fill_buf() {
                Ok([]) => break,
                Ok(piece) => piece,
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
                Err(_) => break,
            };
            let end = piece.iter().position(|byte| *byte == b'\n');
            let part = &piece[..end.unwrap_or(piece.len())];
            let room = LINE_BYTES_MAX - line.len();
            line.extend_from_slice(&part[..room.min(part.len())]);
            // What does not fit is read and dropped: the worker must not block on a full pipe.
            cut |= part.len() > room;
            let used = end.map_or(piece.len(), |end| end + 1);
            stderr.consume(used);
            if end.is_some() {
                self.line(&line, cut, Instant::now());
                line.clear();
                cut = false;
            }
        }
        // The last line may have no end.
        self.line(&line, cut, Instant::now());
    }

    fn line(&mut self, bytes: &[u8], cut: bool, now: Instant) {
        let text = String::from_utf8_lossy(bytes);
        let text = text.trim_end();
        if text.is_empty() {
            return;
        }
        // The oldest line's memory is used again, so that a flood does not keep the allocator busy.
        let mut line = match self.last.len() {
            LAST_LINES => self.last.pop_front().unwrap_or_default(),
            _ => String::new(),
        };
        line.clear();
        line.push_str(text);
        if cut {
            line.push_str(" … (cut)");
        }
        if self.may_log(now) {
            self.log_left_out();
            (self.log)(&line);
        } else {
            self.left_out += 1;
        }
        self.last.push_back(line);
    }

    fn may_log(&mut self, now: Instant) -> bool {
        let since = now.saturating_duration_since(self.counted);
        let more = since.as_millis() / LINE_EVERY.as_millis();
        if more > 0 {
            let more = u32::try_from(more).unwrap_or(u32::MAX);
            self.allowed = self.allowed.saturating_add(more).min(LINES_AT_ONCE);
            self.counted = now;
        }
        // In a flood, each single line that is allowed would be surrounded by notes of what was
        // left out.
        let wanted = if self.left_out > 0 { LINES_TO_GO_ON } else { 1 };
        if self.allowed < wanted {
            return false;
        }
        self.allowed -= 1;
        true
    }

    fn log_left_out(&mut self) {
        match std::mem::take(&mut self.left_out) {
            0 => {}
            1 => (self.log)("… 1 line was left out"),
            count => (self.log)(&format!("… {count} lines were left out")),
        }
    }

    /// The lines that were kept. The last words of a flood are logged as well: they may say why it
    /// ended.
    fn end(mut self) -> Vec<String> {
        let words = LAST_WORDS.min(usize::try_from(self.left_out).unwrap_or(LAST_WORDS));
        self.left_out -= words as u64;
        self.log_left_out();
        let lines = Vec::from(self.last);
        for line in &lines[lines.len().saturating_sub(words)..] {
            (self.log)(line);
        }
        lines
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(stderr: &[u8]) -> (Vec<String>, Vec<String>) {
        let mut logged = Vec::new();
        let mut lines = Lines::new(|line: &str| logged.push(line.to_owned()), Instant::now());
        lines.read(BufReader::with_capacity(7, stderr));
        let kept = lines.end();
        (logged, kept)
    }

    #[test]
    fn all_lines_are_logged_and_the_last_are_kept() {
        let text: String = (0..100).map(|number| format!("line {number}\r\n\n")).collect();
        let (logged, kept) = read(format!("{text}no end").as_bytes());
        assert_eq!(logged.len(), 101);
        assert_eq!(kept, logged[61..]);
        assert_eq!(kept.last().unwrap(), "no end");
    }

    #[test]
    fn a_flood_is_counted_and_its_last_words_are_logged() {
        let text: String = (0..100_000).map(|number| format!("line {number}\n")).collect();
        let (logged, kept) = read(text.as_bytes());
        // On a busy machine this may take long enough for some more.
        assert!((1_011..2_000).contains(&logged.len()), "{}", logged.len());
        let counted = logged.iter().filter_map(|line| line.strip_prefix("… ")?.split_once(' '));
        let left_out: usize = counted.map(|(count, _)| count.parse::<usize>().unwrap()).sum();
        let notes = logged.iter().filter(|line| line.starts_with('…')).count();
        assert_eq!(left_out + logged.len() - notes, 100_000, "every line is logged or counted");
        assert_eq!(logged.last().unwrap(), "line 99999");
        assert_eq!(kept.len(), LAST_LINES);
        assert_eq!(kept[0], "line 99960");
    }

    #[test]
    fn after_a_flood_lines_are_logged_again() {
        let mut logged = Vec::new();
        let start = Instant::now();
        let mut lines = Lines::new(|line: &str| logged.push(line.to_owned()), start);
        for _ in 0..1_500 {
            lines.line(b"flood", false, start);
        }
        lines.line(b"too soon", false, start + Duration::from_secs(4));
        lines.line(b"later", false, start + Duration::from_secs(6));
        lines.end();
        assert_eq!(logged.len(), 1_002);
        assert_eq!(logged[1_000..], ["… 501 lines were left out", "later"]);
    }

    #[test]
    fn a_line_without_end_is_cut_and_bytes_that_are_not_text_are_replaced() {
        let mut text = vec![b'x'; 10 << 20];
        text.extend(b"\nbad \xff byte\n");
        let (logged, _) = read(&text);
        assert_eq!(logged[0].len(), LINE_BYTES_MAX + " … (cut)".len());
        assert!(logged[0].ends_with("x … (cut)"));
        assert_eq!(logged[1..], ["bad \u{fffd} byte"]);
    }
}
