//! How fast bytes arrive: the speed to show, and whether it is too slow to continue. Time is passed
//! in.

use std::collections::VecDeque;
use std::time::Duration;

use localcoder_protocol::FetchLimits;

/// The window for the speed that is shown: steady enough to read, quick enough to be believed.
const SHOWN_WINDOW: Duration = Duration::from_secs(5);
const SAMPLE_EVERY: Duration = Duration::from_millis(100);

#[derive(Debug)]
pub(crate) struct Speed {
    /// Time since the start, and how many bytes had arrived by then.
    samples: VecDeque<(Duration, u64)>,
    slow_window: Duration,
    slow_bytes_per_s: u64,
}

impl Speed {
    pub(crate) fn new(limits: &FetchLimits) -> Self {
        Self {
            samples: VecDeque::from([(Duration::ZERO, 0)]),
            slow_window: Duration::from_millis(limits.slow_window_ms),
            slow_bytes_per_s: limits.slow_bytes_per_s,
        }
    }

    /// Takes how many bytes have arrived by now; returns whether that is too slow. Only after a
    /// whole window: a connection may begin slowly. A server that sends a byte now and then keeps
    /// within every timeout, and only this ends it.
    pub(crate) fn is_too_slow(&mut self, now: Duration, bytes: u64) -> bool {
        if self.samples.back().is_none_or(|(last, _)| now >= *last + SAMPLE_EVERY) {
            self.samples.push_back((now, bytes));
        }
        let keep = self.slow_window.max(SHOWN_WINDOW);
        // One sample before the window is kept: the speed is measured from it.
        while self.samples.get(1).is_some_and(|(at, _)| *at + keep <= now) {
            self.samples.pop_front();
        }
        now >= self.slow_window && self.over(self.slow_window, now, bytes) < self.slow_bytes_per_s
    }

    pub(crate) fn bytes_per_s(&self, now: Duration, bytes: u64) -> u64 {
        self.over(SHOWN_WINDOW, now, bytes)
    }

    fn over(&self, window: Duration, now: Duration, bytes: u64) -> u64 {
        let from = now.saturating_sub(window);
        let older = self.samples.iter().take_while(|(at, _)| *at <= from).last();
        let Some((at, before)) = older.or(self.samples.front()) else { return 0 };
        let elapsed_ms = u64::try_from((now - *at).as_millis()).unwrap_or(u64::MAX).max(1);
        (bytes - before).saturating_mul(1_000) / elapsed_ms
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(seconds: u64, rate: impl Fn(u64) -> u64) -> (Speed, bool, u64) {
        let mut speed = Speed::new(&FetchLimits::default());
        let (mut bytes, mut slow) = (0, false);
        for second in 1..=seconds {
            bytes += rate(second);
            slow = speed.is_too_slow(Duration::from_secs(second), bytes);
        }
        let shown = speed.bytes_per_s(Duration::from_secs(seconds), bytes);
        (speed, slow, shown)
    }

    #[test]
    fn a_drip_is_too_slow_after_its_window() {
        assert!(!after(59, |_| 1).1);
        assert!(after(61, |_| 1).1);
        assert!(!after(600, |_| 9_000).1);
        // A fast start does not help forever.
        assert!(!after(120, |second| if second <= 60 { 1_000_000 } else { 9_000 }).1);
        assert!(after(121, |second| if second <= 60 { 1_000_000 } else { 1 }).1);
    }

    #[test]
    fn the_last_seconds_are_shown() {
        assert_eq!(after(60, |second| if second <= 50 { 100 } else { 7_000 }).2, 7_000);
        assert_eq!(after(1, |_| 500).2, 500);
    }

    #[test]
    fn samples_are_bounded() {
        let mut speed = Speed::new(&FetchLimits::default());
        for ms in 0..200_000 {
            speed.is_too_slow(Duration::from_millis(ms), ms);
        }
        assert!(speed.samples.len() <= 602, "{}", speed.samples.len());
    }
}
