//! Whether memory runs short, so that an idle model is unloaded before the system has to choose.
//! Polls every few seconds, since not every kernel notifies an unprivileged process.

use std::time::Duration;

use localcoder_transport::spawn_thread;

/// A machine that begins to swap is unusable within seconds.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// Calls `report` after each change, on a thread of its own, until it returns false.
pub(super) fn watch(report: impl Fn(bool) -> bool + Send + 'static) {
    let watch = move || {
        let mut was_short = false;
        // The first state is reported only if it is a shortage.
        loop {
            let short = is_short(was_short);
            if short != was_short {
                tracing::info!(short, "whether memory runs short has changed");
                was_short = short;
                if !report(short) {
                    return;
                }
            }
            std::thread::sleep(LOOK_EVERY);
        }
    };
    if let Err(error) = spawn_thread("pressure", watch) {
        tracing::warn!(%error, "memory pressure is not watched");
    }
}

#[cfg(target_os = "linux")]
fn is_short(was_short: bool) -> bool {
    let stalls = stalls(std::path::Path::new("/"));
    stalls.is_some_and(|percent| stalls_mean_short(percent, was_short))
}

/// The percentage of the last ten seconds in which everything was stalled for lack of memory, in
/// the whole system or in this process's control group, whichever is larger.
#[cfg(any(target_os = "linux", test))]
fn stalls(root: &std::path::Path) -> Option<f64> {
    let groups = std::fs::read_to_string(root.join("proc/self/cgroup")).unwrap_or_default();
    let group = groups.lines().find_map(|line| line.strip_prefix("0::/"));
    let of_group =
        // A container has a limit of its own, which the system's numbers do not show.
        group.map(|group| root.join("sys/fs/cgroup").join(group).join("memory.pressure"));
    let files = [Some(root.join("proc/pressure/memory")), of_group];
    let read = |file: std::path::PathBuf| full_avg10(&std::fs::read_to_string(file).ok()?);
    files.into_iter().flatten().filter_map(read).reduce(f64::max)
}

#[cfg(any(target_os = "linux", test))]
fn full_avg10(text: &str) -> Option<f64> {
    let line = text.lines().find_map(|line| line.strip_prefix("full "))?;
    let value = line.split_whitespace().find_map(|word| word.strip_prefix("avg10="))?;
    value.parse().ok()
}

/// Between the two thresholds the state stays as it was: repeated unloading and loading would make
/// the shortage worse. The upper one is a fifth of what systemd's killer tolerates (60 % by
/// default).
#[cfg(any(target_os = "linux", test))]
fn stalls_mean_short(percent: f64, was_short: bool) -> bool {
    const BEGINS_PERCENT: f64 = 12.0;
    const ENDS_PERCENT: f64 = 2.0;
    percent >= if was_short { ENDS_PERCENT } else { BEGINS_PERCENT }
}

#[cfg(target_os = "macos")]
fn is_short(_: bool) -> bool {
    let mut sysctl = std::process::Command::new("/usr/sbin/sysctl");
    let output = sysctl.args(["-n", "kern.memorystatus_vm_pressure_level"]).output();
    output.is_ok_and(|output| String::from_utf8_lossy(&output.stdout).trim() == "4")
}

#[cfg(not(any(target_os = "linux", target_os = "macos")))]
fn is_short(_: bool) -> bool {
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stalls_of_the_system_and_of_the_group_are_read() {
        let root = tempfile::tempdir().unwrap();
        let write = |path: &str, text: &str| {
            let path = root.path().join(path);
            fs_err::create_dir_all(path.parent().unwrap()).unwrap();
            fs_err::write(path, text).unwrap();
        };
        assert_eq!(stalls(root.path()), None);
        let pressure = |full: &str| {
            format!(
                "some avg10=50.00 avg60=1.00 avg300=0.00 total=9\n\
                 full avg10={full} avg60=0.10 avg300=0.00 total=3\n"
            )
        };
        write("proc/pressure/memory", &pressure("1.50"));
        assert_eq!(stalls(root.path()), Some(1.5));
        write("proc/self/cgroup", "0::/session/editor\n");
        write("sys/fs/cgroup/session/editor/memory.pressure", &pressure("33.00"));
        assert_eq!(stalls(root.path()), Some(33.0));
    }

    #[test]
    fn it_begins_late_and_ends_later() {
        let states = [0.0, 5.0, 12.0, 5.0, 2.0, 1.9, 5.0];
        let mut short = false;
        let seen = states.map(|percent| {
            short = stalls_mean_short(percent, short);
            short
        });
        assert_eq!(seen, [false, false, true, true, true, false, false]);
    }
}
