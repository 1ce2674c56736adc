//! What the system says of memory, and pages of a mapped file given back to it. Knows nothing of
//! models; the engine calls it round a second load.

/// Memory that a program could take now; `None` where the system does not say.
#[cfg(target_os = "linux")]
pub(crate) fn free_bytes() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/meminfo").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    let kib: u64 = line.split_whitespace().next()?.parse().ok()?;
    kib.checked_mul(1024)
}

/// As on Linux.
#[cfg(not(target_os = "linux"))]
pub(crate) fn free_bytes() -> Option<u64> {
    None
}

/// Takes the pages of a mapped file out of this process; they stay in the system's cache, and
/// one that is read again comes back from there. Without it, pages that were only read to be
/// copied would count as memory in use.
#[cfg(target_os = "linux")]
#[expect(unsafe_code, reason = "std can't advise on mappings")]
pub(crate) fn forget_mapped(path: &std::path::Path) {
    let Some(path) = path.to_str() else { return };
    let maps = std::fs::read_to_string("/proc/self/maps").unwrap_or_default();
    for line in maps.lines().filter(|line| line.ends_with(path)) {
        let Some((start, length)) = readable(line) else { continue };
        // SAFETY: the range is a mapping of a file that nothing here writes to, so dropping its
        // pages changes nothing that is read from it.
        unsafe { libc::madvise(start as *mut libc::c_void, length, libc::MADV_DONTNEED) };
    }
}

/// Elsewhere the system finds such pages by itself.
#[cfg(not(target_os = "linux"))]
pub(crate) fn forget_mapped(_path: &std::path::Path) {}

/// Start and length of a mapping that can only be read, from its line in `/proc/self/maps`.
#[cfg(target_os = "linux")]
fn readable(line: &str) -> Option<(usize, usize)> {
    let (range, rest) = line.split_once(' ')?;
    let (start, end) = range.split_once('-')?;
    let (start, end) = (usize::from_str_radix(start, 16), usize::from_str_radix(end, 16));
    let (start, end) = (start.ok()?, end.ok()?);
    rest.starts_with("r--").then(|| Some((start, end.checked_sub(start)?)))?
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn the_system_says_how_much_is_free() {
        assert!(free_bytes().unwrap() > 1024 * 1024);
    }

    #[test]
    fn only_mappings_that_are_only_read_are_given_back() {
        let line = "7f0000001000-7f0000003000 r--s 00000000 fe:00 12 /models/a.gguf";
        assert_eq!(readable(line), Some((0x7f00_0000_1000, 0x2000)));
        assert_eq!(readable(&line.replace("r--s", "rw-p")), None);
        assert_eq!(readable("nonsense"), None);
    }
}
