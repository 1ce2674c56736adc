//! A log file with a limited size: when it is full, it becomes `.1`, that one `.2`, and the oldest
//! is deleted. Used by the host and the launcher.
//!
//! Nothing here fails: if the disk is full or the folder can't be written, lines are only counted,
//! and the count is logged once there is room again.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// A file that could not be opened is tried again after this: often enough for a maintainer, seldom
/// enough for a slow network folder.
const RETRY_AFTER: Duration = Duration::from_secs(5);
/// A longer line is cut. Ours have some hundred bytes; the text of an error may come from
/// elsewhere.
const LINE_BYTES_MAX: usize = 16 * 1024;

/// A log file with older ones; each call of `write` is one line.
#[derive(Debug)]
pub struct LogRing {
    path: PathBuf,
    bytes_max: u64,
    older_max: usize,
    file: Option<File>,
    written: u64,
    failed: Option<Instant>,
    /// Lines that were lost since the last one that could be written.
    lost: u64,
}

impl LogRing {
    /// Appends to the file if it exists, so that the limit holds over many short runs. No file
    /// becomes longer than `bytes_max` unless a single line is, and `older_max` older ones are
    /// kept. Never fails: a file that can't be opened is tried again with a later line.
    #[must_use]
    pub fn new(path: PathBuf, bytes_max: u64, older_max: usize) -> Self {
        let (file, failed, written, lost) = (None, None, 0, 0);
        let mut ring = Self { path, bytes_max, older_max, file, written, failed, lost };
        ring.open();
        ring
    }

    fn open(&mut self) {
        let options = || OpenOptions::new().create(true).append(true).mode(0o600).open(&self.path);
        let folder = self.path.parent().unwrap_or(&self.path);
        match std::fs::create_dir_all(folder).and_then(|()| options()) {
            Ok(file) => {
                self.written = file.metadata().map_or(0, |meta| meta.len());
                (self.file, self.failed) = (Some(file), None);
            }
            Err(_) => (self.file, self.failed) = (None, Some(Instant::now())),
        }
    }

    fn put(&mut self, line: &[u8]) -> bool {
        if self.file.is_none() && self.failed.is_none_or(|at| at.elapsed() >= RETRY_AFTER) {
            self.open();
        }
        if self.written + line.len() as u64 > self.bytes_max {
            self.turn();
        }
        let Some(file) = &mut self.file else { return false };
        // Counted even if it was only partly written.
        self.written += line.len() as u64;
        file.write_all(line).is_ok()
    }

    /// Sets the file aside and begins another. A file that can't be set aside is emptied: the limit
    /// matters more than its contents.
    fn turn(&mut self) {
        // From the oldest on, so that each name is free when it is needed; the oldest file is
        // overwritten.
        for number in (1..self.older_max).rev() {
            let _ = std::fs::rename(self.older(number), self.older(number + 1));
        }
        match std::fs::rename(&self.path, self.older(1)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                let emptied = self.file.as_ref().is_some_and(|file| file.set_len(0).is_ok());
                if emptied {
                    self.written = 0;
                } else {
                    (self.file, self.failed) = (None, Some(Instant::now()));
                }
            }
            // Also if the file was deleted: a new one is created.
            _ => self.open(),
        }
    }

    fn older(&self, number: usize) -> PathBuf {
        let mut name = self.path.clone().into_os_string();
        name.push(format!(".{number}"));
        PathBuf::from(name)
    }
}

impl Write for LogRing {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        if self.lost > 0 {
            // Before the line, so that the gap is where it belongs.
            let note = format!("… {} lines could not be written\n", self.lost);
            if self.put(note.as_bytes()) {
                self.lost = 0;
            }
        }
        let put = if line.len() <= LINE_BYTES_MAX {
            self.put(line)
        } else {
            self.put(&[&line[..LINE_BYTES_MAX], b"... (cut)\n"].concat())
        };
        self.lost += u64::from(!put);
        // Success even if the line is lost: `write_all` would otherwise try again or fail in the
        // logger.
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;
    use std::path::Path;

    use super::*;

    fn say(ring: &mut LogRing, line: &str) {
        ring.write_all(format!("{line}\n").as_bytes()).unwrap();
    }

    fn sizes(folder: &Path) -> Vec<(String, u64)> {
        let entries = std::fs::read_dir(folder).unwrap().map(Result::unwrap);
        let mut sizes: Vec<_> = entries
            .map(|it| (it.file_name().into_string().unwrap(), it.metadata().unwrap().len()))
            .collect();
        sizes.sort();
        sizes
    }

    #[test]
    fn four_files_bound_the_log_and_the_newest_lines_are_in_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("logs/host.log");
        let mut ring = LogRing::new(path.clone(), 1_000, 3);
        for number in 0..1_000 {
            say(&mut ring, &format!("line {number}"));
        }
        let sizes = sizes(path.parent().unwrap());
        let names: Vec<&str> = sizes.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["host.log", "host.log.1", "host.log.2", "host.log.3"]);
        assert!(sizes.iter().all(|(_, size)| *size <= 1_000), "{sizes:?}");
        let newest = std::fs::read_to_string(&path).unwrap();
        assert!(newest.ends_with("line 999\n"), "{newest}");
        let mode = std::fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "what a host did is nobody else's business");
    }

    #[test]
    fn a_later_host_goes_on_with_the_file_and_with_its_bound() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("host.log");
        for number in 0..30 {
            say(&mut LogRing::new(path.clone(), 100, 3), &format!("host {number} has begun"));
        }
        let sizes = sizes(folder.path());
        assert_eq!(sizes.len(), 4);
        assert!(sizes.iter().all(|(_, size)| *size <= 100 && *size > 50), "{sizes:?}");
    }

    #[test]
    fn a_folder_that_can_not_be_made_loses_lines_and_stops_nobody() {
        let folder = tempfile::tempdir().unwrap();
        let blocked = folder.path().join("logs");
        std::fs::write(&blocked, "no folder").unwrap();
        let mut ring = LogRing::new(blocked.join("host.log"), 1_000, 3);
        say(&mut ring, "lost");
        say(&mut ring, "lost as well");
        std::fs::remove_file(&blocked).unwrap();
        ring.failed = None;
        say(&mut ring, "kept");
        let text = std::fs::read_to_string(blocked.join("host.log")).unwrap();
        assert_eq!(text, "… 2 lines could not be written\nkept\n");
    }

    #[test]
    fn a_full_disk_loses_lines_and_stops_nobody() {
        let full = Path::new("/dev/full");
        if !full.exists() {
            return;
        }
        let mut ring = LogRing::new(full.to_owned(), u64::MAX, 3);
        for _ in 0..3 {
            say(&mut ring, "lost");
        }
        assert_eq!(ring.lost, 3);
    }

    #[test]
    fn a_file_that_can_not_be_set_aside_is_emptied() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("host.log");
        // A folder that is not empty can't be replaced by a file.
        std::fs::create_dir_all(folder.path().join("host.log.1/in the way")).unwrap();
        std::fs::create_dir_all(folder.path().join("host.log.2/in the way")).unwrap();
        let mut ring = LogRing::new(path.clone(), 100, 3);
        for number in 0..100 {
            say(&mut ring, &format!("line {number}"));
        }
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.len() <= 100 && text.ends_with("line 99\n"), "{text}");
    }

    #[test]
    fn a_line_without_an_end_in_sight_is_cut() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("host.log");
        say(&mut LogRing::new(path.clone(), 1 << 20, 3), &"x".repeat(1 << 19));
        assert!(std::fs::metadata(&path).unwrap().len() < 20_000);
    }
}
