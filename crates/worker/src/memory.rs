//! What the system reports about memory, and releasing the pages of a mapped file. Knows nothing of
//! models; the engine calls it around a second load.
//!
//! The system reports it in files, which are opened while that is still allowed, see [`prepare`].

#[cfg(target_os = "linux")]
use std::fs::File;
#[cfg(target_os = "linux")]
use std::os::unix::fs::FileExt as _;
#[cfg(target_os = "linux")]
use std::sync::OnceLock;

#[cfg(target_os = "linux")]
static FILES: OnceLock<[Option<File>; 2]> = OnceLock::new();

/// Opens the files that are read later. Must be called before the sandbox forbids opening any.
pub(crate) fn prepare() {
    #[cfg(target_os = "linux")]
    let _ = files();
}

#[cfg(target_os = "linux")]
fn files() -> &'static [Option<File>; 2] {
    FILES.get_or_init(|| ["/proc/meminfo", "/proc/self/maps"].map(|path| File::open(path).ok()))
}

/// The current contents of such a file; `None` if it can't be read. Read at offsets, so that each
/// call starts at the beginning and two at once do not disturb each other.
#[cfg(target_os = "linux")]
fn text(file: Option<&File>) -> Option<String> {
    let (file, mut text, mut part) = (file?, Vec::new(), [0; 4096]);
    loop {
        match file.read_at(&mut part, text.len() as u64) {
            Ok(0) => return String::from_utf8(text).ok(),
            Ok(count) => text.extend_from_slice(&part[..count]),
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(_) => return None,
        }
    }
}

/// Memory that a program could take now; `None` if the system does not report it.
#[cfg(target_os = "linux")]
pub(crate) fn free_bytes() -> Option<u64> {
    let text = text(files()[0].as_ref())?;
    let line = text.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    let kib: u64 = line.split_whitespace().next()?.parse().ok()?;
    kib.checked_mul(1024)
}

#[cfg(not(target_os = "linux"))]
pub(crate) fn free_bytes() -> Option<u64> {
    None
}

/// Releases the pages of a mapped file, given by its inode, from this process; they stay in the
/// system's cache, and one that is read again comes back from there. Otherwise pages that were only
/// read to be copied would count as memory in use.
#[cfg(target_os = "linux")]
#[expect(unsafe_code, reason = "std can't advise on mappings")]
pub(crate) fn forget_mapped(inode: u64) {
    let maps = text(files()[1].as_ref()).unwrap_or_default();
    for (start, length) in maps.lines().filter_map(|line| readable(line, inode)) {
        // SAFETY: the range is a mapping of a file that nothing here writes to, so dropping its
        // pages changes nothing that is read from it.
        unsafe { libc::madvise(start as *mut libc::c_void, length, libc::MADV_DONTNEED) };
    }
}

/// Other systems release such pages by themselves.
#[cfg(not(target_os = "linux"))]
pub(crate) fn forget_mapped(_inode: u64) {}

/// Start and length of a read-only mapping of this file, from its line in `/proc/self/maps`: range,
/// rights, offset, device, inode, name. Files on two devices may have the same inode number; the
/// other file is then merely read again.
#[cfg(target_os = "linux")]
fn readable(line: &str, inode: u64) -> Option<(usize, usize)> {
    let mut fields = line.split_whitespace();
    let (start, end) = fields.next()?.split_once('-')?;
    let (start, end) = (usize::from_str_radix(start, 16), usize::from_str_radix(end, 16));
    let (start, end) = (start.ok()?, end.ok()?);
    let only_read = fields.next()?.starts_with("r--");
    let is_it = fields.nth(2)?.parse() == Ok(inode);
    (only_read && is_it).then(|| Some((start, end.checked_sub(start)?)))?
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn the_system_says_how_much_is_free_each_time() {
        assert!(free_bytes().unwrap() > 1024 * 1024);
        assert!(free_bytes().is_some());
    }

    #[test]
    fn only_mappings_of_the_file_that_are_only_read_are_given_back() {
        let line = "7f0000001000-7f0000003000 r--s 00000000 fe:00 12    /models/a.gguf (deleted)";
        assert_eq!(readable(line, 12), Some((0x7f00_0000_1000, 0x2000)));
        assert_eq!(readable(line, 13), None);
        assert_eq!(readable(&line.replace("r--s", "rw-p"), 12), None);
        assert_eq!(readable("nonsense", 12), None);
    }

    #[test]
    fn a_mapping_of_a_file_is_found_in_what_the_system_says() {
        use std::os::unix::fs::MetadataExt as _;

        // This very program is a mapped file.
        let inode = std::fs::metadata(std::env::current_exe().unwrap()).unwrap().ino();
        let maps = text(files()[1].as_ref()).unwrap();
        assert!(maps.lines().any(|line| readable(line, inode).is_some()), "{maps}");
    }
}
