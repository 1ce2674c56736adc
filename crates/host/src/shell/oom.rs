//! Whether the system has ended processes for lack of memory: Linux counts them, in total and for
//! each control group. A worker that was killed while the count went up was one of them. Other
//! systems do not report it.

pub(super) fn kills() -> u64 {
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let own = read("/proc/self/cgroup")
        .lines()
        .filter_map(|line| line.strip_prefix("0::"))
        .map(|group| count(&read(&format!("/sys/fs/cgroup{group}/memory.events"))))
        .sum::<u64>();
    // A worker of this group is counted twice. That does not matter: only whether the number grows
    // does.
    count(&read("/proc/vmstat")).saturating_add(own)
}

fn count(text: &str) -> u64 {
    let line = text.lines().find_map(|line| line.strip_prefix("oom_kill "));
    line.and_then(|number| number.trim().parse().ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_count_is_read_from_either_file() {
        assert_eq!(count("low 0\noom 3\noom_kill 2\n"), 2);
        assert_eq!(count("pgfault 1\noom_kill 17\n"), 17);
        assert_eq!(count(""), 0);
    }
}
