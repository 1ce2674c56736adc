//! What is done about a worker that is silent, does not stop, or ends: it is asked whether it
//! lives, killed, and started again a few times. Sleep of the machine is no silence.

use localcoder_protocol::{ErrorInfo, Nothing, Ping, Stage};

use super::Host;
use super::engine::{Call, Engine, WorkerState};
use super::errors::{self, Doing};
use super::event::WorkerEnding;
use super::job::Work;
use super::prefix::Prefix;
use super::slots::{SlotId, Slots};

/// A busy worker is asked this often whether its request loop runs.
const PING_EVERY_MS: u64 = 2_000;
/// Without an answer for this long it is killed (policy: 10 s without a sign of life).
const PING_DEADLINE_MS: u64 = 10_000;
/// A cancelled generation must have ended by then, or the worker is killed.
const CANCEL_DEADLINE_MS: u64 = 10_000;
/// Clock jumps of this size between two events mean that the machine or this process slept, and
/// silence during sleep is no hang.
const SLEEP_MS: u64 = 5_000;
/// Waits before the first, second and third start after a crash (policy).
const BACKOFF_MS: [u64; 3] = [250, 1_000, 4_000];
/// Crashes within this time count against the budget of `BACKOFF_MS.len()` automatic starts.
const CRASH_WINDOW_MS: u64 = 5 * 60 * 1_000;

impl Engine {
    /// A crash was counted and the next start is only waiting for its time.
    pub(super) fn restarts_soon(&self) -> bool {
        self.worker == WorkerState::None && self.restart_at_ms.is_some()
    }

    pub(super) fn busy(&self) -> bool {
        matches!(self.worker, WorkerState::Up { .. })
            && self.awaits(&[Call::Devices, Call::Job, Call::Load, Call::Unload])
    }

    fn deadline_ms(&self, seen_ms: u64) -> Option<u64> {
        if self.killed_because.is_some() {
            // Its end is all that is awaited now.
            return self.restart_at_ms;
        }
        let ping = self.busy().then(|| match self.ping_sent_ms {
            Some(sent) => sent + PING_DEADLINE_MS,
            None => self.pinged_ms + PING_EVERY_MS,
        });
        // While a ping is out, wake often enough to tell sleep from silence.
        let awake = self.ping_sent_ms.map(|_| seen_ms + PING_EVERY_MS);
        let stale = self.stale.map(|(_, since)| since + CANCEL_DEADLINE_MS);
        [ping, awake, stale, self.restart_at_ms].into_iter().flatten().min()
    }
}

impl Host {
    pub(super) fn watch_deadline_ms(&self) -> Option<u64> {
        self.slots.iter().filter_map(|(_, engine)| engine.deadline_ms(self.seen_ms)).min()
    }

    /// Called at every event: restarts that are due, hangs.
    pub(super) fn watch_workers(&mut self) {
        let slept = self.now_ms - self.seen_ms > SLEEP_MS;
        self.seen_ms = self.now_ms;
        for slot in Slots::ids() {
            self.watch_worker(slot, slept);
        }
    }

    fn watch_worker(&mut self, slot: SlotId, slept: bool) {
        let now = self.now_ms;
        let engine = &mut self.slots[slot];
        if engine.restart_at_ms.is_some_and(|at| at <= now) {
            engine.restart_at_ms = None;
        }
        let mut because = None;
        if let Some((call, since)) = engine.stale {
            if slept {
                engine.stale = Some((call, now));
            } else if now >= since + CANCEL_DEADLINE_MS {
                because = Some("it did not stop when it was told to");
            }
        }
        match engine.ping_sent_ms {
            Some(_) if slept => engine.ping_sent_ms = Some(now),
            Some(sent) if now >= sent + PING_DEADLINE_MS => {
                because = Some("it gave no sign of life for 10 seconds");
            }
            None if engine.busy() && now >= engine.pinged_ms + PING_EVERY_MS => {
                engine.ping_sent_ms = Some(now);
                engine.pinged_ms = now;
                self.call_worker::<Ping>(slot, Call::Ping, &Nothing {});
            }
            _ => {}
        }
        if let Some(because) = because {
            self.kill_worker(slot, because);
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
            () => Doing::Nothing,
        };
        let killed = engine.killed_because.map(errors::worker_hung);
        let lost = engine.loaded.take().map(|loaded| (loaded.file, loaded.profile));
        let loading = engine.loading.take().map(|loading| (loading.file, loading.profile));
        engine.worker = WorkerState::None;
        engine.prefix = Prefix::default();
        engine.calls.clear();
        engine.stale = None;
        engine.ping_sent_ms = None;
        if self.exited {
            return;
        }
        if loading.is_some() {
            self.load_ended();
        }
        let restart = self.plan_restart(slot);
        let error = errors::worker_ended(doing, killed.as_ref().unwrap_or(ending), restart);
        self.failed = Some(error.clone());
        let ran = loading.as_ref().or(lost.as_ref()).map(|(_, profile)| *profile);
        let on_cpu =
            ran.is_some_and(|profile| self.crash_falls_back(slot, doing, &profile, &error));
        if works && !(restart && self.begin_again()) {
            self.fail_active(error.clone());
        }
        if !(on_cpu && doing == Doing::Loading) {
            self.fail_waiting_for(slot, &error);
        }
        let comes_back = restart && self.nobody_waits() && !self.draining;
        if let Some((file, _)) = lost.filter(|_| comes_back) {
            // The window should say "ready" again without being asked.
            self.queue_own(vec![file.info.reference], Work::Warm);
        }
        // Others may want the memory.
        self.look_again();
    }

    /// Asks the new worker what the old one has not answered, once and only where nothing of an
    /// answer was shown; whether it does.
    fn begin_again(&mut self) -> bool {
        let Some(job) = self.active.take_if(|job| job.may_begin_again()) else { return false };
        let job = job.again();
        self.tell(&job, Stage::Retrying, None, "The engine ended; asking a new one".to_owned());
        self.queue.push_front(job);
        true
    }

    /// Counts the crash and says whether the worker is started again by itself.
    fn plan_restart(&mut self, slot: SlotId) -> bool {
        let now = self.now_ms;
        let engine = &mut self.slots[slot];
        engine.crashes_ms.retain(|at| now - at < CRASH_WINDOW_MS);
        engine.crashes_ms.push(now);
        let Some(wait) = BACKOFF_MS.get(engine.crashes_ms.len() - 1) else { return false };
        engine.restart_at_ms = Some(now + wait);
        true
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
