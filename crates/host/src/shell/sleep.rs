//! Whether the machine was asleep. The clock that deadlines use stops during sleep, the calendar
//! does not; the difference is the sleep.

use std::time::{Duration, Instant, SystemTime};

use localcoder_transport::spawn_thread;

/// After opening the lid, a user needs some seconds until the first request.
const LOOK_EVERY: Duration = Duration::from_secs(5);
/// Clocks are adjusted by less; machines sleep for longer.
const SLEEP_MIN: Duration = Duration::from_secs(20);

/// Calls `report` after each sleep, on a thread of its own, until it returns false.
pub(super) fn watch(report: impl Fn() -> bool + Send + 'static) {
    let watch = move || {
        let mut last = (SystemTime::now(), Instant::now());
        loop {
            std::thread::sleep(LOOK_EVERY);
            let now = (SystemTime::now(), Instant::now());
            // A calendar that was set back is not a sleep.
            let by_calendar = now.0.duration_since(last.0).unwrap_or_default();
            if slept(by_calendar, now.1.duration_since(last.1)) {
                tracing::info!("the machine was asleep");
                if !report() {
                    return;
                }
            }
            last = now;
        }
    };
    if let Err(error) = spawn_thread("sleep", watch) {
        tracing::warn!(%error, "sleep is not noticed");
    }
}

fn slept(by_calendar: Duration, awake: Duration) -> bool {
    by_calendar.saturating_sub(awake) >= SLEEP_MIN
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_calendar_that_runs_ahead_means_sleep() {
        let seconds = Duration::from_secs;
        assert!(slept(seconds(3_600), seconds(5)));
        assert!(!slept(seconds(7), seconds(5)));
        // A busy machine is slow by both clocks, and a calendar may be set back.
        assert!(!slept(seconds(90), seconds(90)) && !slept(seconds(0), seconds(5)));
    }
}
