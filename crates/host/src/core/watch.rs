//! What is done about a worker that is silent, stands still, or ends: `lifecycle` says when it is
//! ended, `budget` whether another one is started; here both are asked and done.

use localcoder_protocol::{ErrorInfo, Stage};

use super::Host;
use super::budget;
use super::engine::Engine;
use super::errors::{self, Doing};
use super::event::{Effect, WorkerEnding};
use super::job::{Job, Work};
use super::lifecycle::{Order, Phase};
use super::prefix::Prefix;
use super::slots::{SlotId, Slots};
use crate::ModelFile;

/// Clock jumps of this size between two events mean that the machine or this process slept, and
/// silence during sleep is no hang.
const SLEEP_MS: u64 = 5_000;
/// A wait is made longer or shorter by up to so much, so that not all start at once (policy).
const JITTER_PERCENT: u64 = 20;

/// Why workers are ended when the host is about to: that is no crash.
pub(super) const LEAVES: &str = "LocalCoder ends";

impl Engine {
    /// A crash was counted and the next start is only waiting for its time.
    pub(super) fn restarts_soon(&self) -> bool {
        self.life.phase() == Phase::Dead && self.restart_at_ms.is_some()
    }

    fn deadline_ms(&self, seen_ms: u64) -> Option<u64> {
        self.life.deadline_ms(seen_ms).into_iter().chain(self.restart_at_ms).min()
    }
}

impl Host {
    pub(super) fn watch_deadline_ms(&self) -> Option<u64> {
        self.slots.iter().filter_map(|(_, engine)| engine.deadline_ms(self.seen_ms)).min()
    }

    /// Called before every event: what it brings may have waited while the machine slept.
    pub(super) fn notice_sleep(&mut self) {
        if self.now_ms - self.seen_ms > SLEEP_MS {
            for slot in Slots::ids() {
                self.slots[slot].life.slept(self.now_ms);
            }
        }
        self.seen_ms = self.now_ms;
    }

    /// Called after every event: restarts that are due, hangs.
    pub(super) fn watch_workers(&mut self) {
        for slot in Slots::ids() {
            let engine = &mut self.slots[slot];
            engine.restart_at_ms = engine.restart_at_ms.filter(|at| *at > self.now_ms);
            if let Some(order) = engine.life.look(self.now_ms) {
                self.follow(slot, order);
            }
        }
    }

    /// Does what the life of a worker wants done.
    pub(super) fn follow(&mut self, slot: SlotId, order: Order) {
        let generation = self.slots[slot].generation;
        match order {
            Order::Stop => self.effects.push(Effect::StopWorker { generation }),
            Order::Terminate => self.effects.push(Effect::TerminateWorker { generation }),
            Order::Kill => self.effects.push(Effect::KillWorker { generation }),
            Order::GiveUp => {
                let description = "it could not be ended, and is left alone".to_owned();
                let ending = WorkerEnding { description, ..WorkerEnding::default() };
                self.worker_ended(generation, &ending);
            }
        }
    }

    pub(super) fn worker_ended(&mut self, generation: u64, ending: &WorkerEnding) {
        let Some(slot) = self.slots.of_generation(generation) else { return };
        let works = self.active.as_ref().is_some_and(|job| job.slot == Some(slot));
        let engine = &mut self.slots[slot];
        let doing = match () {
            () if engine.is_starting() => Doing::Starting,
            () if engine.loading.is_some() => Doing::Loading,
            () if works => Doing::Answering,
            () if engine.greeting.is_none() => Doing::Starting,
            () => Doing::Nothing,
        };
        let because = engine.life.stopped_because();
        let lost = engine.loaded.take().map(|loaded| (loaded.file, loaded.profile));
        let loading = engine.loading.take();
        engine.life.enter(self.now_ms, Phase::Dead);
        engine.greeting = None;
        engine.prefix = Prefix::default();
        engine.calls.clear();
        engine.stale = None;
        if loading.is_some() {
            self.load_ended();
        }
        if self.leaving || because == Some(LEAVES) {
            self.look_again();
            return;
        }
        let killed = because.map(errors::worker_hung);
        let ran = loading.as_ref().map(|it| (&it.file, &it.profile));
        let ran = ran.or(lost.as_ref().map(|(file, profile)| (file, profile)));
        let restart = self.plan_restart(slot, &budget::key(ran));
        let ending = killed.as_ref().unwrap_or(ending);
        let error = errors::worker_ended(doing, ending, restart);
        self.failed = Some(error.clone());
        // With less, or elsewhere, it may go well at once.
        let other_way = match (&loading, &lost) {
            _ if !restart => false,
            (Some(loading), _) => {
                self.loads_with_less(slot, loading, &error)
                    || self.crash_falls_back(doing, (&loading.file, &loading.profile), &error)
            }
            (None, Some((file, profile))) => {
                self.answers_with_less(&error, file, profile)
                    || self.crash_falls_back(doing, (file, profile), &error)
            }
            (None, None) => false,
        };
        if works && !(restart && self.begin_again()) {
            self.fail_active(error.clone());
        }
        match doing {
            Doing::Loading if other_way => {}
            Doing::Starting | Doing::Loading if restart => self.wait_once_more(slot, &error),
            _ => self.fail_waiting_for(slot, &error),
        }
        let comes_back = restart && self.nobody_waits() && !self.draining;
        if let Some((file, _)) = lost.filter(|_| comes_back) {
            // The window should say "ready" again without being asked.
            self.queue_own(vec![file.info.reference], Work::Warm);
        }
        // Others may want the memory.
        self.look_again();
    }

    /// Those who wait for a model that did not come wait for the next worker, once.
    fn wait_once_more(&mut self, slot: SlotId, error: &ErrorInfo) {
        let mut index = 0;
        while index < self.queue.len() {
            let job = &self.queue[index];
            if job.slot != Some(slot) {
                index += 1;
            } else if job.may_begin_again() {
                let Some(job) = self.queue.remove(index) else { continue };
                let job = job.again();
                self.tell(&job, Stage::Retrying, None, "The engine ended; starting it anew".into());
                self.queue.insert(index, job);
                index += 1;
            } else {
                self.fail_queued(index, error.clone());
            }
        }
    }

    /// Asks the new worker what the old one has not answered, once and only where nothing of an
    /// answer was shown; whether it does.
    pub(super) fn begin_again(&mut self) -> bool {
        let Some(job) = self.active.take_if(|job| job.may_begin_again()) else { return false };
        let job = job.again();
        self.tell(&job, Stage::Retrying, None, "The engine ended; asking a new one".to_owned());
        self.queue.push_front(job);
        true
    }

    /// Counts the crash and says whether the worker is started again by itself.
    fn plan_restart(&mut self, slot: SlotId, key: &str) -> bool {
        let Some(wait) = self.budgets.crashed(key, self.now_ms) else { return false };
        let spread = wait * JITTER_PERCENT / 100;
        let jitter = u64::from(self.next_seed()) % (2 * spread + 1);
        self.slots[slot].restart_at_ms = Some(self.now_ms + wait - spread + jitter);
        true
    }

    /// A file of no use: all who wait for it are told, wherever it would have gone.
    pub(super) fn fail_waiting_with(&mut self, file: &ModelFile, error: &ErrorInfo) {
        let waits = |job: &Job| job.file.as_ref() == Some(file);
        while let Some(index) = self.queue.iter().position(waits) {
            self.fail_queued(index, error.clone());
        }
    }

    /// A failed start, load or worker: those who wait for it are told.
    pub(super) fn fail_waiting_for(&mut self, slot: SlotId, error: &ErrorInfo) {
        let mut index = 0;
        while index < self.queue.len() {
            if self.queue[index].slot == Some(slot) {
                self.fail_queued(index, error.clone());
            } else {
                index += 1;
            }
        }
    }
}
