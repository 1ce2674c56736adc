//! The name of the machine's processor, which identifies what was measured on it. Called at the
//! start, and for a report.

/// Name and number of the processors; one home folder may be used on several machines.
#[must_use]
pub fn name() -> String {
    let cpus = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let name = cpus.lines().find_map(|line| line.strip_prefix("model name")?.split_once(':'));
    let name = name.map_or(std::env::consts::ARCH, |(_, name)| name.trim());
    let count = std::thread::available_parallelism().map_or(0, usize::from);
    format!("{count} x {name}")
}
