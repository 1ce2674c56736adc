//! This machine's memory for a program of this user: all there is, and what could be had now,
//! within the limits of this process's control groups. Whether a model fits is decided in `fit`,
//! and what may be loaded by the host.

use std::path::Path;

/// What could be had now, in bytes: what the system calls available, or less if a control group of
/// this process has less left. `None` if the system does not report it.
#[cfg(not(target_os = "macos"))]
#[must_use]
pub fn free_bytes() -> Option<u64> {
    free_in(Path::new("/"))
}

#[cfg(not(target_os = "macos"))]
pub(crate) fn total_bytes() -> Option<u64> {
    total_in(Path::new("/"))
}

/// The smaller of what the system could give and of what Metal may hold at once minus what the
/// window system wants of that.
#[cfg(target_os = "macos")]
#[must_use]
pub fn free_bytes() -> Option<u64> {
    let free = macos::free(&text("/usr/bin/vm_stat", &[])?)?;
    let limit = macos::metal_limit(total_bytes()?, number("iogpu.wired_limit_mb").unwrap_or(0));
    Some(free.min(limit))
}

#[cfg(target_os = "macos")]
pub(crate) fn total_bytes() -> Option<u64> {
    number("hw.memsize")
}

#[cfg(target_os = "macos")]
fn text(program: &str, arguments: &[&str]) -> Option<String> {
    let output = std::process::Command::new(program).args(arguments).output().ok()?;
    String::from_utf8(output.stdout).ok()
}

#[cfg(target_os = "macos")]
fn number(name: &str) -> Option<u64> {
    text("/usr/sbin/sysctl", &["-n", name])?.trim().parse().ok()
}

/// Parsing of what macOS reports; separate from asking for it, so that it is tested everywhere.
#[cfg(any(target_os = "macos", test))]
mod macos {
    /// What the window system and other programs hold of the GPU's share.
    const BESIDE_BYTES: u64 = 2 * 1024 * 1024 * 1024;
    /// Up to this much memory, Metal may hold two thirds of it; above, three quarters.
    const TWO_THIRDS_BYTES_MAX: u64 = 36 * 1024 * 1024 * 1024;

    /// Pages that are free or can be reclaimed without loss, from `vm_stat`.
    pub(super) fn free(text: &str) -> Option<u64> {
        let page: u64 =
            text.split("page size of ").nth(1)?.split_whitespace().next()?.parse().ok()?;
        let pages = |name: &str| {
            let rest = text.lines().find_map(|line| line.strip_prefix(name))?;
            rest.trim().trim_end_matches('.').parse::<u64>().ok()
        };
        let all = ["Pages free:", "Pages inactive:", "Pages speculative:", "Pages purgeable:"];
        Some(all.into_iter().filter_map(pages).sum::<u64>().saturating_mul(page))
    }

    /// Metal's limit on what is in use at once. `wired_limit_mib`: the limit that the user has set,
    /// or 0.
    pub(super) fn metal_limit(memory_bytes: u64, wired_limit_mib: u64) -> u64 {
        let limit = match (wired_limit_mib, memory_bytes) {
            (0, ..=TWO_THIRDS_BYTES_MAX) => memory_bytes / 3 * 2,
            (0, _) => memory_bytes / 4 * 3,
            (set, _) => set.saturating_mul(1024 * 1024),
        };
        limit.saturating_sub(BESIDE_BYTES)
    }
}

/// Free memory from the system's files under `root`; tests pass a root of their own. `MemAvailable`
/// and not `MemFree`: the page cache is given back when memory is needed, and holds most of a
/// model's file after it was read once.
#[cfg_attr(target_os = "macos", allow(dead_code, reason = "it has no such files"))]
fn free_in(root: &Path) -> Option<u64> {
    let free = meminfo(root, "MemAvailable:")?;
    Some(least_in_groups(root, left_in_group).map_or(free, |left| left.min(free)))
}

/// Total memory from the system's files under `root`.
#[cfg_attr(target_os = "macos", allow(dead_code, reason = "it has no such files"))]
fn total_in(root: &Path) -> Option<u64> {
    let total = meminfo(root, "MemTotal:")?;
    Some(least_in_groups(root, limit_of_group).map_or(total, |limit| limit.min(total)))
}

fn meminfo(root: &Path, name: &str) -> Option<u64> {
    let text = std::fs::read_to_string(root.join("proc/meminfo")).ok()?;
    Some(number_after(&text, name)?.saturating_mul(1024))
}

/// The smallest value that any control group of this process reports. In a container, the whole
/// machine's memory is shown by `/proc/meminfo`, and a process that takes more than its group may
/// have is killed.
fn least_in_groups(root: &Path, of: impl Fn(&Path, &Kind) -> Option<u64>) -> Option<u64> {
    let groups = std::fs::read_to_string(root.join("proc/self/cgroup")).unwrap_or_default();
    groups.lines().filter_map(|line| in_groups(root, line, &of)).min()
}

/// Names of the files of a version of control groups, and where they are mounted.
struct Kind {
    mounted: &'static str,
    limit: &'static str,
    used: &'static str,
    /// The page cache counts as used but is reclaimed when memory is needed.
    cached: [&'static str; 2],
}

const UNIFIED: Kind = Kind {
    mounted: "sys/fs/cgroup",
    limit: "memory.max",
    used: "memory.current",
    cached: ["active_file ", "inactive_file "],
};
const OLD: Kind = Kind {
    mounted: "sys/fs/cgroup/memory",
    limit: "memory.limit_in_bytes",
    used: "memory.usage_in_bytes",
    cached: ["total_active_file ", "total_inactive_file "],
};

/// The smallest value of the groups of a line in `/proc/self/cgroup`: a group and all above it. A
/// limit of an outer group holds for all groups in it, even if the inner one has none.
fn in_groups(root: &Path, line: &str, of: impl Fn(&Path, &Kind) -> Option<u64>) -> Option<u64> {
    // `hierarchy:controllers:path`; a path may have colons of its own.
    let mut parts = line.splitn(3, ':').skip(1);
    let kind = match parts.next()? {
        "" => UNIFIED,
        controllers if controllers.split(',').any(|it| it == "memory") => OLD,
        _ => return None,
    };
    let top = root.join(kind.mounted);
    let group = top.join(parts.next()?.trim_start_matches('/'));
    let all = group.ancestors().take_while(|folder| folder.starts_with(&top));
    all.filter_map(|folder| of(folder, &kind)).min()
}

fn read(folder: &Path, name: &str) -> Option<String> {
    std::fs::read_to_string(folder.join(name)).ok()
}

/// A group without a limit says `max`.
fn limit_of_group(folder: &Path, kind: &Kind) -> Option<u64> {
    read(folder, kind.limit)?.trim().parse().ok()
}

fn left_in_group(folder: &Path, kind: &Kind) -> Option<u64> {
    let limit = limit_of_group(folder, kind)?;
    let used: u64 = read(folder, kind.used)?.trim().parse().ok()?;
    let stat = read(folder, "memory.stat").unwrap_or_default();
    let cached = kind.cached.iter().filter_map(|name| number_after(&stat, name)).sum();
    // Read from two files at two moments: either difference could be negative.
    Some(limit.saturating_sub(used.saturating_sub(cached)))
}

fn number_after(text: &str, name: &str) -> Option<u64> {
    let rest = text.lines().find_map(|line| line.strip_prefix(name))?;
    rest.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A system whose files have this content.
    fn system(files: &[(&str, &str)]) -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        for (path, content) in files {
            let path = root.path().join(path);
            fs_err::create_dir_all(path.parent().unwrap()).unwrap();
            fs_err::write(path, content).unwrap();
        }
        root
    }

    const MEMINFO: (&str, &str) =
        ("proc/meminfo", "MemTotal: 2000 kB\nMemAvailable:   1000 kB\nCached: 1 kB\n");

    #[test]
    fn without_groups_it_is_what_the_system_has() {
        let root = system(&[MEMINFO]);
        assert_eq!(free_in(root.path()), Some(1_024_000));
        assert_eq!(total_in(root.path()), Some(2_048_000));
        assert_eq!(free_in(system(&[]).path()), None);
    }

    #[test]
    fn what_macos_says_is_read() {
        let text = "Mach Virtual Memory Statistics: (page size of 16384 bytes)\n\
                    Pages free:                               10000.\n\
                    Pages active:                            400000.\n\
                    Pages inactive:                           20000.\n\
                    Pages speculative:                         1000.\n\
                    Pages purgeable:                            500.\n";
        assert_eq!(macos::free(text), Some(31_500 * 16_384));
        assert_eq!(macos::free("nothing"), None);
        let gib = 1024 * 1024 * 1024;
        // 12 GiB of 18, less 2 for others.
        assert_eq!(macos::metal_limit(18 * gib, 0), 10 * gib);
        assert_eq!(macos::metal_limit(64 * gib, 0), 46 * gib);
        assert_eq!(macos::metal_limit(18 * gib, 14 * 1024), 12 * gib);
    }

    #[test]
    fn the_narrowest_group_counts_and_its_cached_files_do_not() {
        let root = system(&[
            MEMINFO,
            ("proc/self/cgroup", "0::/outer/inner\n"),
            ("sys/fs/cgroup/outer/memory.max", "500000\n"),
            ("sys/fs/cgroup/outer/memory.current", "400000\n"),
            (
                "sys/fs/cgroup/outer/memory.stat",
                "anon 1\nactive_file 100000\ninactive_file 50000\n",
            ),
            ("sys/fs/cgroup/outer/inner/memory.max", "max\n"),
            ("sys/fs/cgroup/outer/inner/memory.current", "400000\n"),
        ]);
        assert_eq!(free_in(root.path()), Some(250_000));
        assert_eq!(total_in(root.path()), Some(500_000), "no more than the group may have");
    }

    #[test]
    fn groups_of_the_old_kind_count_too() {
        let root = system(&[
            MEMINFO,
            ("proc/self/cgroup", "7:cpu:/x\n4:memory,other:/box\n0::/\n"),
            ("sys/fs/cgroup/memory/box/memory.limit_in_bytes", "300000\n"),
            ("sys/fs/cgroup/memory/box/memory.usage_in_bytes", "100000\n"),
            // How this kind writes that there is no limit.
            ("sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n"),
            ("sys/fs/cgroup/memory/memory.usage_in_bytes", "100000\n"),
        ]);
        assert_eq!(free_in(root.path()), Some(200_000));
        assert_eq!(total_in(root.path()), Some(300_000));
    }
}
