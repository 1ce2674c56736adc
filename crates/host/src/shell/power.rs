//! Whether the system saves power: a laptop's last hour of battery should not be spent on
//! suggestions that nobody may want. Polls, since the systems have no common way to report it.

use std::time::Duration;

use localcoder_transport::spawn_thread;

/// A user who turns it on does not expect a change within the second.
const LOOK_EVERY: Duration = Duration::from_secs(15);

/// Calls `report` with the initial state and after each change, on a thread of its own, until it
/// returns false.
pub(super) fn watch(report: impl Fn(bool) -> bool + Send + 'static) {
    let watch = move || {
        let mut last = None;
        loop {
            let now = saves_power();
            if last != Some(now) && !report(now) {
                return;
            }
            if last.is_some_and(|last| last != now) {
                tracing::info!(saving = now, "the system's power mode changed");
            }
            last = Some(now);
            std::thread::sleep(LOOK_EVERY);
        }
    };
    if let Err(error) = spawn_thread("power", watch) {
        tracing::warn!(%error, "the power mode is not watched");
    }
}

#[cfg(target_os = "linux")]
fn saves_power() -> bool {
    has_low_power_profile(std::path::Path::new("/sys/firmware/acpi/platform_profile"))
}

/// Whether the "power saver" profile is on, which desktops set through the firmware.
#[cfg(any(target_os = "linux", test))]
fn has_low_power_profile(path: &std::path::Path) -> bool {
    std::fs::read_to_string(path)
        .is_ok_and(|profile| matches!(profile.trim(), "low-power" | "quiet"))
}

#[cfg(target_os = "macos")]
fn saves_power() -> bool {
    let output = std::process::Command::new("/usr/bin/pmset").arg("-g").output();
    output.is_ok_and(|output| {
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        text.lines().any(|line| line.split_whitespace().eq(["lowpowermode", "1"]))
    })
}

#[cfg(not(any(target_os = "linux", target_os = "macos")))]
fn saves_power() -> bool {
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_profile_of_the_firmware_tells() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("platform_profile");
        assert!(!has_low_power_profile(&path), "a machine without one does not save power");
        for (profile, saves) in
            [("low-power\n", true), ("balanced\n", false), ("performance", false)]
        {
            fs_err::write(&path, profile).unwrap();
            assert_eq!(has_low_power_profile(&path), saves, "{profile}");
        }
    }

    #[test]
    fn the_first_state_is_reported_and_the_watch_ends_with_its_listener() {
        let (sender, receiver) = std::sync::mpsc::channel();
        watch(move |saves| {
            sender.send(saves).unwrap_or_default();
            false
        });
        assert!(receiver.recv().is_ok());
        assert!(receiver.recv().is_err(), "nobody is told any more");
    }
}
