//! A whole download: from one try to the next, from one address to the next, until the file is
//! there or nothing helps. What a single answer means is decided in `response.rs`.

use std::fs::{File, OpenOptions, TryLockError};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::time::{Duration, SystemTime};

use localcoder_disk::cause_of;
use localcoder_protocol::{FetchEvent, FetchFailure, FetchRequest, is_sha256};

use crate::attempt::{Attempt, agent};
use crate::attempt_error::{AttemptError, Failed, Retry, disk};
use crate::partial::{Partial, Verdict, not_through_a_link};
use crate::permission::Permission;

/// The least that counts as progress: with less per try, a server could keep us busy forever.
const PROGRESS_BYTES: u64 = 1024 * 1024;
/// For small files, this fraction of the file counts as progress.
const PROGRESS_PARTS: u64 = 64;

/// Downloads the file that a checked request names, or says why it can't. If the target exists,
/// nothing is requested: files get this name only when they are right. A file that comes whole and
/// wrong is thrown away and downloaded once more; a second wrong one is an error.
pub(crate) fn download(
    request: &FetchRequest,
    permission: &Permission,
    report: &mut dyn FnMut(FetchEvent),
) -> Result<(), Failed> {
    let (folder, target) = (Path::new(&request.folder), Path::new(&request.target));
    // Before looking at the target: who had the lock before may have just finished it.
    let _lock = lock(folder, &request.sha256)?;
    if target.exists() {
        return Ok(());
    }
    let open = |report: &mut dyn FnMut(FetchEvent)| {
        Partial::open(folder, &request.sha256, request.bytes, &mut |bytes, total_bytes| {
            report(FetchEvent::Checking { bytes, total_bytes });
        })
        .map_err(|error| disk(&error).failed)
    };
    let mut partial = open(report)?;
    // What is missing and not the whole file: the rest is on the disk already.
    space(request, request.bytes - partial.bytes()).map_err(|error| error.failed)?;
    let mut wrong_before = false;
    loop {
        Tries::new(request, permission).fill(&mut partial, report)?;
        let digest = match partial.finish(&request.sha256, target) {
            Ok(Verdict::Right) => return Ok(()),
            Ok(Verdict::Wrong(digest)) => digest,
            Err(error) => return Err(disk(&error).failed),
        };
        // Also when it is an error in the end: nobody could make anything of these bytes.
        partial.discard().map_err(|error| disk(&error).failed)?;
        let message = format!("its digest is {digest}, and the one wanted is {}", request.sha256);
        if wrong_before {
            return Err(Failed::new(FetchFailure::Checksum, message));
        }
        wrong_before = true;
        report(FetchEvent::Restarted {
            reason: format!("the file came whole and is wrong: {message}"),
        });
        partial = open(report)?;
    }
}

/// Refuses a malformed request. A digest becomes part of file names, so it must not contain
/// anything else (a slash); a length of zero has no first byte to ask for.
pub(crate) fn check(request: &FetchRequest) -> Result<(), Failed> {
    let invalid = |message: &str| Err(Failed::new(FetchFailure::Invalid, message));
    if !is_sha256(&request.sha256) {
        return invalid("the digest is not 64 lower-case hexadecimal digits");
    }
    if request.bytes == 0 || request.urls.is_empty() {
        return invalid("there is no address, or the file has no length");
    }
    Ok(())
}

/// Two downloads of one file would write into the same unfinished one. The lock is held as long as
/// the value lives; the system releases it when this process ends. The lock file stays: removing it
/// would let two processes lock two files of one name.
fn lock(folder: &Path, sha256: &str) -> Result<File, Failed> {
    let path = folder.join(format!("{sha256}.lock"));
    let failed = |error: std::io::Error| disk(&error).failed;
    // Never through a symbolic link, as for the unfinished file.
    let file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .custom_flags(not_through_a_link())
        .open(&path)
        .map_err(|error| {
            let why = match path.is_symlink() {
                true => "it is a link to somewhere else, where nothing is to be written".to_owned(),
                false => cause_of(&error, &path).text,
            };
            let text = format!("`{}` can't be opened: {why}", path.display());
            failed(std::io::Error::new(error.kind(), text))
        })?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => {
            Err(Failed::new(FetchFailure::Busy, "another process downloads the same file"))
        }
        Err(TryLockError::Error(error)) => Err(failed(error)),
    }
}

/// Fails unless the disk has room for this many more bytes and what must stay free. Counts what
/// this user may still write and not what is free for root only (`f_bavail`).
fn space(request: &FetchRequest, bytes: u64) -> Result<(), AttemptError> {
    let stat = rustix::fs::statvfs(&request.folder).map_err(|error| disk(&error.into()))?;
    let free = stat.f_bavail.saturating_mul(stat.f_frsize);
    let needed = bytes.saturating_add(request.reserve_bytes);
    if free >= needed {
        return Ok(());
    }
    let message = format!(
        "{} more are needed on the disk: {} for the rest of the file, {} that must stay free, and \
         {} there are",
        size(needed - free),
        size(bytes),
        size(request.reserve_bytes),
        size(free),
    );
    Err(AttemptError::new(FetchFailure::NoSpace, Retry::Nothing, message))
}

fn size(bytes: u64) -> String {
    match bytes {
        0..1_000_000 => format!("{} kB", bytes.div_ceil(1_000)),
        1_000_000..1_000_000_000 => format!("{} MB", bytes.div_ceil(1_000_000)),
        _ => format!("{}.{} GB", bytes / 1_000_000_000, bytes / 100_000_000 % 10),
    }
}

/// Tries until the file has all its bytes. Each address may fail in its own way, so two things are
/// counted: tries without progress, which end the download at the request's limit, and addresses in
/// a row that can't have the file.
struct Tries<'a> {
    request: &'a FetchRequest,
    permission: &'a Permission,
    address: usize,
    /// How many addresses in a row have refused.
    refusals: usize,
    /// Tries since the last progress.
    count: u32,
    /// Whether the file started over without progress since.
    started_over: bool,
    /// The most bytes there ever were.
    most: u64,
}

impl<'a> Tries<'a> {
    fn new(request: &'a FetchRequest, permission: &'a Permission) -> Self {
        Self {
            request,
            permission,
            address: 0,
            refusals: 0,
            count: 0,
            started_over: false,
            most: 0,
        }
    }

    fn fill(
        &mut self,
        partial: &mut Partial,
        report: &mut dyn FnMut(FetchEvent),
    ) -> Result<(), Failed> {
        let agent = agent(&self.request.limits);
        self.most = partial.bytes();
        while partial.bytes() < self.request.bytes {
            let url = &self.request.urls[self.address];
            let space = |bytes| space(self.request, bytes);
            let (request, permission) = (self.request, self.permission);
            let mut attempt = Attempt { request, permission, report, space: &space };
            let Err(error) = attempt.run(&agent, url, partial) else { continue };
            if self.has_progressed(partial.bytes()) {
                (self.count, self.refusals, self.started_over) = (0, 0, false);
            }
            let wait = self.next(error, partial, report)?;
            std::thread::sleep(wait);
        }
        Ok(())
    }

    /// Measured against the most there ever were: a server that starts over and breaks off each
    /// time makes no progress.
    fn has_progressed(&mut self, bytes: u64) -> bool {
        let step = PROGRESS_BYTES.min(self.request.bytes / PROGRESS_PARTS).max(1);
        let progressed = bytes >= self.most + step;
        self.most = self.most.max(bytes);
        progressed
    }

    /// Decides what is tried next, and how long to wait before that. An error ends the download.
    /// Starting over is free once; a second time without progress it counts as an ordinary failure,
    /// or a server that never resumes would be asked without end.
    fn next(
        &mut self,
        error: AttemptError,
        partial: &mut Partial,
        report: &mut dyn FnMut(FetchEvent),
    ) -> Result<Duration, Failed> {
        let AttemptError { failed, retry } = error;
        let asked = match retry {
            Retry::Nothing => return Err(failed),
            Retry::Elsewhere => {
                self.forget_wrong(&failed, partial)?;
                self.refusals += 1;
                if self.refusals >= self.request.urls.len() {
                    return Err(failed);
                }
                self.address = (self.address + 1) % self.request.urls.len();
                report(FetchEvent::Waiting { wait_ms: 0, reason: failed.message });
                return Ok(Duration::ZERO);
            }
            Retry::StartOver if self.started_over => None,
            Retry::StartOver => {
                self.started_over = true;
                partial.cut(0).map_err(|error| disk(&error).failed)?;
                report(FetchEvent::Restarted { reason: failed.message });
                return Ok(Duration::ZERO);
            }
            Retry::Again(asked) => asked,
        };
        self.count += 1;
        if self.count >= self.request.limits.tries {
            return Err(failed);
        }
        // Another address may work better.
        self.address = (self.address + 1) % self.request.urls.len();
        let wait = asked.unwrap_or_else(|| self.pause());
        let wait_ms = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX);
        report(FetchEvent::Waiting { wait_ms, reason: failed.message });
        Ok(wait)
    }

    /// Bytes of another file must not be resumed: the next address would continue a web page. If
    /// the bytes begin as the file does, the error was about later ones, and what is there stays.
    fn forget_wrong(&self, failed: &Failed, partial: &mut Partial) -> Result<(), Failed> {
        if failed.failure != FetchFailure::WrongFile {
            return Ok(());
        }
        let magic = self.request.magic.as_bytes();
        let beginning = partial.beginning(magic.len()).map_err(|error| disk(&error).failed)?;
        if magic.starts_with(&beginning) {
            return Ok(());
        }
        partial.cut(0).map_err(|error| disk(&error).failed)
    }

    /// Doubles after each try, up to the request's limit, with a random part: half of it at least,
    /// so that it stays a pause. Clients that failed at the same moment don't all return at once.
    /// The clock is random enough for that.
    fn pause(&self) -> Duration {
        let limits = &self.request.limits;
        let doubled = limits.pause_ms.saturating_mul(1 << (self.count - 1).min(16));
        let most = doubled.min(limits.pause_max_ms);
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let share = u64::from(now.subsec_nanos() % 1_000);
        Duration::from_millis(most / 2 + most / 2 * share / 1_000)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_for_people() {
        assert_eq!(size(1), "1 kB");
        assert_eq!(size(4_500_000), "5 MB");
        assert_eq!(size(4_683_073_536), "4.6 GB");
    }
}
