//! How often something may fail within a period of time before it is no longer retried. The time is
//! passed in.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

#[derive(Debug)]
pub(crate) struct Budget {
    allowed: usize,
    within: Duration,
    failures: VecDeque<Instant>,
}

impl Budget {
    pub(crate) fn new(allowed: usize, within: Duration) -> Self {
        Self { allowed, within, failures: VecDeque::new() }
    }

    /// Notes a failure at `now`; returns whether one more try is allowed. A refused one is not
    /// noted, so the window is not extended by failing further.
    pub(crate) fn spend(&mut self, now: Instant) -> bool {
        while self.failures.front().is_some_and(|&first| now - first >= self.within) {
            self.failures.pop_front();
        }
        if self.failures.len() >= self.allowed {
            return false;
        }
        self.failures.push_back(now);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fourth_failure_in_five_minutes_is_one_too_many_and_old_ones_are_forgiven() {
        let start = Instant::now();
        let at = |s| start + Duration::from_secs(s);
        let mut budget = Budget::new(3, Duration::from_secs(300));
        assert!(budget.spend(at(0)) && budget.spend(at(1)) && budget.spend(at(299)));
        assert!(!budget.spend(at(299)));
        assert!(budget.spend(at(300)));
    }
}
