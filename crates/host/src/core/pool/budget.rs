//! How often a model may crash its worker before it is no longer started: a few times within
//! minutes, or repeatedly over hours, counted for each way of running it. Old crashes are forgiven
//! one by one. Pure; the pool notes crashes, the schedule asks before a load.

use std::collections::BTreeMap;
use std::path::PathBuf;

use localcoder_protocol::limits::{RESTARTS_MAX, RESTARTS_MAX_OF_ALL, RESTARTS_WITHIN_MS};
use localcoder_protocol::{KvStorage, LoadProfile};

use crate::ModelFile;

/// How often one crash is forgiven (as Chromium does with its GPU process).
const FORGIVEN_EVERY_MS: u64 = 60 * 60 * 1_000;
/// Unforgiven crashes with which a model that crashes now and then is no longer started, either:
/// such a model never exceeds what may happen within minutes.
const HELD_MAX: usize = 6;
/// Waits before the first, second and third start after a crash (policy).
const BACKOFF_MS: [u64; RESTARTS_MAX] = [250, 1_000, 4_000];
/// Ways of running models that are remembered; the one that crashed longest ago is forgotten. Each
/// step of the ladder is a way of its own.
const RUNS_MAX: usize = 32;

#[derive(Debug, Default)]
pub(super) struct Budgets {
    by_run: BTreeMap<Run, Crashes>,
    all: Crashes,
}

/// The crashes of one way of running a model.
#[derive(Debug, Default)]
struct Crashes {
    recent_ms: Vec<u64>,
    /// How many were not forgiven yet.
    held: usize,
    forgiven_ms: u64,
}

impl Crashes {
    fn note(&mut self, now_ms: u64) {
        self.recent_ms.retain(|at| now_ms < at + RESTARTS_WITHIN_MS);
        self.recent_ms.push(now_ms);
        let forgiven = self.forgiven(now_ms);
        // Never below zero: what can be forgiven is bounded by what is held.
        self.held -= forgiven;
        // By whole hours and not to the present: with a crash every 59 minutes none would ever be
        // forgiven.
        self.forgiven_ms += FORGIVEN_EVERY_MS * forgiven as u64;
        if self.held == 0 {
            self.forgiven_ms = now_ms;
        }
        self.held += 1;
    }

    fn forgiven(&self, now_ms: u64) -> usize {
        let times = now_ms.saturating_sub(self.forgiven_ms) / FORGIVEN_EVERY_MS;
        usize::try_from(times).unwrap_or(usize::MAX).min(self.held)
    }

    /// The time until which one more crash would be too many, if this many may happen within
    /// [`RESTARTS_WITHIN_MS`].
    fn burst_until(&self, most: usize) -> Option<u64> {
        // For one more to be allowed, the oldest of the last `most + 1` must leave the time window.
        let at = self.recent_ms.len().checked_sub(most + 1)?;
        Some(self.recent_ms[at] + RESTARTS_WITHIN_MS)
    }

    fn spent_until(&self, now_ms: u64) -> Option<u64> {
        let burst = self.burst_until(RESTARTS_MAX);
        // This many must be forgiven before one more is allowed.
        let forgiven = self.held.checked_sub(HELD_MAX).filter(|it| *it > 0);
        let held = forgiven.map(|it| self.forgiven_ms + FORGIVEN_EVERY_MS * it as u64);
        burst.into_iter().chain(held).filter(|until| *until > now_ms).max()
    }
}

/// What was run, and how: everything that a crash may depend on. The default is a worker without a
/// model.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Run(Option<(PathBuf, u32, u32, Option<u32>, KvStorage)>);

impl Run {
    pub(super) fn of(file: &ModelFile, profile: &LoadProfile) -> Self {
        let LoadProfile { context_tokens, batch_tokens, gpu_layers, kv, .. } = *profile;
        Self(Some((file.path.clone(), context_tokens, batch_tokens, gpu_layers, kv)))
    }
}

impl Budgets {
    /// Notes a crash; returns the wait before the worker may be started again, `None` if it may not
    /// be. The wait grows with the crashes of this way of running it alone.
    pub(super) fn crashed(&mut self, run: &Run, now_ms: u64) -> Option<u64> {
        if self.by_run.len() >= RUNS_MAX && !self.by_run.contains_key(run) {
            let last = |crashes: &Crashes| crashes.recent_ms.last().copied();
            let oldest = self.by_run.iter().min_by_key(|(_, crashes)| last(crashes));
            let oldest = oldest.map(|(run, _)| run.clone());
            oldest.and_then(|run| self.by_run.remove(&run));
        }
        // Counted over all ways as well: on a machine where everything crashes, each way for itself
        // would have its three starts.
        self.all.note(now_ms);
        let crashes = self.by_run.entry(run.clone()).or_default();
        crashes.note(now_ms);
        let recent = crashes.recent_ms.len();
        match self.spent_until(run, now_ms) {
            Some(_) => None,
            None => BACKOFF_MS.get(recent - 1).copied(),
        }
    }

    pub(super) fn recent(&self, run: &Run, now_ms: u64) -> usize {
        let recent = self.by_run.get(run).map_or(&[][..], |crashes| &crashes.recent_ms);
        recent.iter().filter(|at| now_ms < **at + RESTARTS_WITHIN_MS).count()
    }

    /// Until when it is not started; `None` if it may be. The later of its own limit and the one
    /// for all.
    pub(super) fn spent_until(&self, run: &Run, now_ms: u64) -> Option<u64> {
        let own = self.by_run.get(run).and_then(|crashes| crashes.spent_until(now_ms));
        own.max(self.all.burst_until(RESTARTS_MAX_OF_ALL).filter(|until| *until > now_ms))
    }

    /// The user has changed something, so earlier crashes say nothing about the next start.
    pub(super) fn forget(&mut self) {
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: u64 = 60_000;

    fn run(name: &str) -> Run {
        Run(Some((PathBuf::from(name), 4096, 256, None, KvStorage::F16)))
    }

    #[test]
    fn three_starts_with_growing_waits_then_a_pause() {
        let mut budgets = Budgets::default();
        let mut crash = |at| budgets.crashed(&run("a"), at);
        assert_eq!([crash(0), crash(1_000), crash(3_000)], [Some(250), Some(1_000), Some(4_000)]);
        assert_eq!(crash(9_000), None);
        assert_eq!(budgets.spent_until(&run("a"), 10_000), Some(5 * MINUTE));
        assert_eq!(budgets.spent_until(&run("a"), 5 * MINUTE), None);
        assert_eq!(budgets.spent_until(&run("b"), 10_000), None, "each has its own");
        assert_eq!(budgets.crashed(&run("a"), 5 * MINUTE), None, "one more is one too many");
        budgets.forget();
        assert_eq!(budgets.crashed(&run("a"), 5 * MINUTE), Some(250));
    }

    #[test]
    fn one_that_crashes_now_and_then_is_left_alone_in_the_end_and_forgiven_with_time() {
        let mut budgets = Budgets::default();
        let often = (0..10).map(|round| round * 6 * MINUTE);
        let refused = often.filter(|at| budgets.crashed(&run("a"), *at).is_none()).count();
        assert!(refused > 0, "every six minutes is too often");
        let mut seldom = Budgets::default();
        let mut rarely = (0..100).map(|round| round * 65 * MINUTE);
        assert!(rarely.all(|at| seldom.crashed(&run("a"), at).is_some()));
    }

    #[test]
    fn one_is_forgiven_in_an_hour_and_two_in_two() {
        let crash_at = |minutes: &[u64]| {
            let mut budgets = Budgets::default();
            for at in minutes {
                let _ = budgets.crashed(&run("a"), at * MINUTE);
            }
            let last = minutes.last().map_or(0, |at| at * MINUTE);
            budgets.spent_until(&run("a"), last + MINUTE)
        };
        assert_eq!(crash_at(&[0, 6, 12, 18, 24, 30]), None, "this many are held at most");
        assert_eq!(crash_at(&[0, 6, 12, 18, 24, 30, 36]), Some(60 * MINUTE));
        assert_eq!(crash_at(&[0, 6, 12, 18, 24, 30, 36, 42]), Some(120 * MINUTE));
        // Two of the first three were forgiven by then, at the first and second hour.
        let later = [0, 6, 12, 130, 136, 142, 148, 154, 160];
        assert_eq!(crash_at(&later), Some(180 * MINUTE));
    }

    #[test]
    fn a_crash_is_recent_for_five_minutes_and_no_longer() {
        let mut budgets = Budgets::default();
        let _ = budgets.crashed(&run("a"), 0);
        assert_eq!(budgets.recent(&run("a"), 5 * MINUTE - 1), 1);
        assert_eq!(budgets.recent(&run("a"), 5 * MINUTE), 0);
    }

    #[test]
    fn one_that_crashes_in_every_way_is_left_alone() {
        let mut budgets = Budgets::default();
        let ways = ["a", "b", "c", "d", "e", "f"];
        let starts = ways.map(|way| budgets.crashed(&run(way), 1).is_some());
        assert_eq!(starts, [true, true, true, true, true, false]);
        assert!(budgets.spent_until(&run("another"), 2).is_some());
        assert!(budgets.spent_until(&run("another"), 1 + 5 * MINUTE).is_none());
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let mut budgets = Budgets::default();
        for number in 0..1_000 {
            let _ = budgets.crashed(&run(&number.to_string()), number);
        }
        assert_eq!(budgets.by_run.len(), RUNS_MAX);
        assert_eq!(budgets.recent(&run("999"), 999), 1);
    }
}
