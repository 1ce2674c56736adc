//! The life of one worker process as an explicit state machine: its phase, which phases may follow,
//! how long each may last without a sign of life or without progress, and how it is ended. There is
//! no I/O, and the time is passed in. It knows nothing of models and requests; the pool asks it
//! when its deadline has come and carries out its decision.

use std::fmt::{self, Display, Formatter};

use localcoder_protocol::limits::{SILENCE_MS, WORKER_START_MS};

/// Silence of this length is reported (VS Code's limit for its extension host).
const SILENCE_REPORTED_MS: u64 = 3_000;
/// A start that takes longer is reported.
const START_REPORTED_MS: u64 = 5_000;
/// A load without any progress for this long hangs. Any progress extends it: a slow disk is not a
/// hang.
const LOAD_STALL_MS: u64 = 60_000;
/// The limit without progress while a prompt is read.
const PREFILL_STALL_MS: u64 = 20_000;
/// The limit without progress while an answer is written.
const DECODE_STALL_MS: u64 = 10_000;
/// On a slow machine, the limit is this many times the longest step seen so far.
const STALL_STEPS: u64 = 10;
/// A cancelled generation must have ended by then.
const DRAIN_MS: u64 = 10_000;
/// How long each is waited for: the end after a request, after a demand, after a kill. A killed
/// process that still exists waits for a disk or a driver, and keeps its memory meanwhile.
const STOP_MS: [u64; 3] = [3_000, 2_000, 30_000];
/// While a worker is watched, the host checks it at least this often, so that a longer pause must
/// have been sleep.
const LOOK_EVERY_MS: u64 = 2_000;

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(in crate::core) enum Phase {
    #[default]
    Dead,
    Spawning,
    Handshake,
    Empty,
    Loading,
    Ready,
    Busy,
    Draining,
    Stopping,
}

use Phase::{Busy, Dead, Draining, Empty, Handshake, Loading, Ready, Spawning, Stopping};

const NEXT: &[(Phase, &[Phase])] = &[
    (Dead, &[Spawning]),
    (Spawning, &[Handshake, Stopping, Dead]),
    (Handshake, &[Empty, Stopping, Dead]),
    (Empty, &[Loading, Stopping, Dead]),
    (Loading, &[Ready, Empty, Stopping, Dead]),
    (Ready, &[Busy, Empty, Loading, Stopping, Dead]),
    (Busy, &[Ready, Draining, Stopping, Dead]),
    (Draining, &[Ready, Stopping, Dead]),
    (Stopping, &[Dead]),
];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Signal {
    Stop,
    Terminate,
    Kill,
    /// It can't be killed: continue without it.
    GiveUp,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum EndReason {
    /// The host ends, which is not a crash.
    HostLeaves,
    MemoryKept,
    OtherVersion,
    MalformedAnswer,
    NotStarted,
    NotCancelled,
    Silent,
    LoadStalled,
    PrefillStalled,
    DecodeStalled,
    NotAnswered,
}

/// Completes the sentence "it was ended because …".
impl Display for EndReason {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::HostLeaves => "LocalCoder ends",
            Self::MemoryKept => "it did not give its memory back",
            Self::OtherVersion => "it is of another version",
            Self::MalformedAnswer => "its answer could not be read",
            Self::NotStarted => "it did not start within 30 seconds",
            Self::NotCancelled => "it did not stop when it was asked to",
            Self::Silent => "it gave no sign of life for 10 seconds",
            Self::LoadStalled => "the load made no progress for a minute",
            Self::PrefillStalled => "it lived, but read nothing any more",
            Self::DecodeStalled => "it lived, but wrote nothing any more",
            Self::NotAnswered => "it lived, but did not answer for a minute",
        })
    }
}

#[derive(Debug, Default)]
pub(super) struct Lifecycle {
    phase: Phase,
    since_ms: u64,
    watched: bool,
    /// The last sign of life; while it is watched, at the earliest when it was asked something.
    heard_ms: u64,
    /// The number of the last heartbeat.
    progress: u64,
    /// When it last computed anything, or when it was asked something.
    moved_ms: u64,
    /// Longest time between two signs of progress of this process, by which a slow machine is told
    /// from a hang.
    longest_step_ms: u64,
    /// Whether the answer to the current request has begun; until then the longer limit of reading
    /// a prompt holds.
    writes: bool,
    /// How far the attempt to end it has come, and why it is being ended. The first reason stays,
    /// whatever else is found while it ends.
    stop: Option<(Signal, EndReason)>,
}

impl Lifecycle {
    pub(super) fn phase(&self) -> Phase {
        self.phase
    }

    pub(super) fn end_reason(&self) -> Option<EndReason> {
        self.stop.map(|(_, reason)| reason)
    }

    /// Moves to a phase. What is measured of a process is forgotten with it.
    pub(super) fn enter(&mut self, now_ms: u64, phase: Phase) {
        debug_assert!(may_follow(self.phase, phase), "{phase:?} may not follow {:?}", self.phase);
        if phase == Dead || phase == Spawning {
            *self = Self::default();
        }
        // `writes` belongs to one request, and each request enters `Busy`.
        (self.phase, self.since_ms, self.writes) = (phase, now_ms, false);
    }

    /// Notes that it was asked something. The first of several requests starts the clocks of
    /// silence.
    pub(super) fn record_request(&mut self, now_ms: u64) {
        if !self.watched {
            (self.watched, self.heard_ms, self.moved_ms) = (true, now_ms, now_ms);
        }
    }

    pub(super) fn record_idle(&mut self) {
        self.watched = false;
    }

    pub(super) fn record_message(&mut self, now_ms: u64) {
        self.heard_ms = now_ms;
    }

    /// Notes that it has computed something. Time in which nothing was asked of it is not a step.
    pub(super) fn record_progress(&mut self, now_ms: u64) {
        if self.watched {
            self.longest_step_ms = self.longest_step_ms.max(now_ms.saturating_sub(self.moved_ms));
        }
        self.moved_ms = now_ms;
    }

    pub(super) fn record_token(&mut self, now_ms: u64) {
        self.record_progress(now_ms);
        self.writes = true;
    }

    /// Takes a heartbeat. It is a sign of life in any case; it is progress only if its number has
    /// changed, which the worker counts up as it computes. A worker whose threads live while the
    /// computation hangs beats on with the same number.
    pub(super) fn record_heartbeat(&mut self, now_ms: u64, progress: u64) {
        if progress != self.progress {
            self.progress = progress;
            self.record_progress(now_ms);
        }
    }

    /// Whether it has been silent for so long that the user should know.
    pub(super) fn is_unresponsive(&self, now_ms: u64) -> bool {
        match self.phase {
            Spawning | Handshake => now_ms >= self.since_ms + START_REPORTED_MS,
            Dead | Stopping => false,
            _ => self.watched && now_ms >= self.heard_ms + SILENCE_REPORTED_MS,
        }
    }

    /// How long it may go without progress before it counts as hung. The longest step counts only
    /// for an answer: a load has one limit that holds for slow disks as well.
    fn stall_ms(&self) -> u64 {
        let steps = STALL_STEPS * self.longest_step_ms;
        match self.phase {
            Busy | Draining if self.writes => steps.max(DECODE_STALL_MS),
            Busy | Draining => steps.max(PREFILL_STALL_MS),
            _ => LOAD_STALL_MS,
        }
    }

    /// When it must be looked at next; `None` if nothing is due.
    pub(super) fn deadline_ms(&self, seen_ms: u64) -> Option<u64> {
        // First the time at which it is reported, then the time at which it is acted upon.
        let next = |since: u64, told: u64, done: u64| {
            since + if seen_ms < since + told { told } else { done }
        };
        let due = match self.phase {
            Dead => return None,
            Spawning | Handshake => next(self.since_ms, START_REPORTED_MS, WORKER_START_MS),
            Stopping => self.since_ms + self.stop_wait_ms(),
            _ if !self.watched => return None,
            _ => {
                let silent = next(self.heard_ms, SILENCE_REPORTED_MS, SILENCE_MS);
                let due = silent.min(self.moved_ms + self.stall_ms());
                // A cancel has a limit from its beginning, whatever progress is made.
                if self.phase == Draining { due.min(self.since_ms + DRAIN_MS) } else { due }
            }
        };
        Some(due.min(seen_ms + LOOK_EVERY_MS))
    }

    /// The machine, or this process, stood still until now, so that silence means nothing, and no
    /// step took that long. To be called before any event that came after it.
    pub(super) fn slept(&mut self, now_ms: u64) {
        // The beginning of the phase as well, since the limits of a start and of a cancel count
        // from it.
        (self.heard_ms, self.moved_ms, self.since_ms) = (now_ms, now_ms, now_ms);
    }

    /// What must be done about it now. To be called when [`Self::deadline_ms`] has come; calling it
    /// earlier does nothing.
    pub(super) fn look(&mut self, now_ms: u64) -> Option<Signal> {
        match self.phase {
            Dead => None,
            Stopping => self.escalate(now_ms),
            Spawning | Handshake => {
                let late = now_ms >= self.since_ms + WORKER_START_MS;
                late.then(|| self.end(now_ms, true, EndReason::NotStarted))?
            }
            _ => {
                let reason = self.hangs(now_ms)?;
                self.end(now_ms, true, reason)
            }
        }
    }

    fn hangs(&self, now_ms: u64) -> Option<EndReason> {
        // Before the check of `watched`: a cancelled call is awaited in any case.
        if self.phase == Draining && now_ms >= self.since_ms + DRAIN_MS {
            return Some(EndReason::NotCancelled);
        }
        if !self.watched {
            return None;
        }
        // Looked at before progress: a silent worker has made none that we know of, either, and what
        // is told should be the cause.
        if now_ms >= self.heard_ms + SILENCE_MS {
            return Some(EndReason::Silent);
        }
        (now_ms >= self.moved_ms + self.stall_ms()).then_some(match self.phase {
            Loading => EndReason::LoadStalled,
            Busy | Draining if self.writes => EndReason::DecodeStalled,
            Busy | Draining => EndReason::PrefillStalled,
            _ => EndReason::NotAnswered,
        })
    }

    /// Ends it: at once, or by asking first. `None` if that is under way already, with whatever
    /// reason came first.
    pub(super) fn end(&mut self, now_ms: u64, at_once: bool, reason: EndReason) -> Option<Signal> {
        if matches!(self.phase, Dead | Stopping) {
            return None;
        }
        // A worker that loads reads no messages, so it can't be asked to end.
        let signal = if at_once || self.phase == Loading { Signal::Kill } else { Signal::Stop };
        self.enter(now_ms, Stopping);
        self.stop = Some((signal, reason));
        Some(signal)
    }

    fn stop_wait_ms(&self) -> u64 {
        match self.stop {
            Some((Signal::Stop, _)) => STOP_MS[0],
            Some((Signal::Terminate, _)) => STOP_MS[1],
            _ => STOP_MS[2],
        }
    }

    fn escalate(&mut self, now_ms: u64) -> Option<Signal> {
        let (signal, reason) = self.stop?;
        if now_ms < self.since_ms + self.stop_wait_ms() {
            return None;
        }
        let next = match signal {
            Signal::Stop => Signal::Terminate,
            Signal::Terminate => Signal::Kill,
            // Never acted upon a second time: after giving up, the pool treats the process as
            // ended.
            Signal::Kill | Signal::GiveUp => Signal::GiveUp,
        };
        (self.since_ms, self.stop) = (now_ms, Some((next, reason)));
        Some(next)
    }
}

fn may_follow(before: Phase, after: Phase) -> bool {
    before == after || NEXT.iter().any(|(phase, next)| *phase == before && next.contains(&after))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn watched(phases: &[Phase]) -> Lifecycle {
        let mut life = Lifecycle::default();
        for phase in phases {
            life.enter(0, *phase);
        }
        life.record_request(0);
        life
    }

    const TO_LOADING: &[Phase] = &[Spawning, Handshake, Empty, Loading];
    const TO_BUSY: &[Phase] = &[Spawning, Handshake, Empty, Loading, Ready, Busy];

    /// Looks at each deadline, with a heartbeat every half second whose progress is given; returns
    /// when the worker is killed.
    fn killed_at(
        life: &mut Lifecycle,
        beats: Option<fn(u64) -> u64>,
        until_ms: u64,
    ) -> Option<u64> {
        let mut now = 0;
        while now < until_ms {
            now += 500;
            if let Some(progress) = beats {
                life.record_message(now);
                life.record_heartbeat(now, progress(now));
            }
            if life.deadline_ms(now - 500)? <= now && life.look(now) == Some(Signal::Kill) {
                return Some(now);
            }
        }
        None
    }

    #[test]
    fn every_phase_can_be_reached_and_left_and_ends_in_death() {
        for (phase, next) in NEXT {
            assert!(!next.is_empty());
            let reached = NEXT.iter().any(|(_, next)| next.contains(phase));
            assert!(reached, "{phase:?} is never reached");
            assert!(*phase == Dead || *phase == Stopping || next.contains(&Stopping), "{phase:?}");
        }
        assert!(!may_follow(Dead, Ready) && !may_follow(Stopping, Ready));
    }

    #[test]
    fn silence_is_reported_after_three_seconds_and_kills_after_ten() {
        for phases in [TO_LOADING, TO_BUSY] {
            let mut life = watched(phases);
            assert!(!life.is_unresponsive(2_999) && life.is_unresponsive(3_000));
            assert_eq!(life.deadline_ms(0), Some(2_000));
            assert_eq!(life.deadline_ms(2_000), Some(3_000));
            assert_eq!(killed_at(&mut life, None, 60_000), Some(10_000));
            assert!(life.end_reason() == Some(EndReason::Silent));
        }
    }

    #[test]
    fn beats_without_progress_are_a_hang_and_any_progress_is_none() {
        let still: Option<fn(u64) -> u64> = Some(|_| 0);
        assert_eq!(killed_at(&mut watched(TO_LOADING), still, 120_000), Some(60_000));
        assert_eq!(killed_at(&mut watched(TO_BUSY), still, 120_000), Some(20_000));
        let mut writing = watched(TO_BUSY);
        writing.record_token(0);
        assert_eq!(killed_at(&mut writing, still, 120_000), Some(10_000));
        // One step every nine seconds.
        let slow: Option<fn(u64) -> u64> = Some(|now| now / 9_000);
        for phases in [TO_LOADING, TO_BUSY] {
            assert_eq!(killed_at(&mut watched(phases), slow, 3_600_000), None);
        }
    }

    #[test]
    fn a_machine_whose_steps_are_long_is_given_ten_of_them() {
        let mut life = watched(TO_BUSY);
        life.record_message(4_000);
        life.record_progress(4_000);
        assert_eq!(life.stall_ms(), 40_000);
    }

    // A step that was cut by sleep was once taken for a long one, which would have let a worker
    // hang for hours (found by the simulator).
    #[test]
    fn sleep_is_not_silence_and_nothing_is_awaited_of_one_that_rests() {
        let mut life = watched(TO_BUSY);
        life.slept(3_600_000);
        life.record_progress(3_600_000);
        assert_eq!(life.look(3_600_000), None);
        assert_eq!(life.stall_ms(), PREFILL_STALL_MS, "no step was that long");
        assert_eq!(life.look(3_609_000), None);
        assert_eq!(life.look(3_610_000), Some(Signal::Kill));
        let mut rests = watched(TO_BUSY);
        rests.enter(1, Ready);
        rests.record_idle();
        assert_eq!(rests.deadline_ms(1), None);
        assert_eq!(rests.look(3_600_000), None);
        assert!(!rests.is_unresponsive(3_600_000));
    }

    #[test]
    fn it_is_asked_then_told_then_killed_then_given_up() {
        // What is found while it ends must neither speed it up nor change its reason.
        let mut life = watched(TO_BUSY);
        assert_eq!(life.end(0, false, EndReason::MemoryKept), Some(Signal::Stop));
        assert_eq!(life.end(1, true, EndReason::Silent), None, "it is under way");
        assert_eq!(life.end_reason(), Some(EndReason::MemoryKept));
        let mut signals = Vec::new();
        for now in 0..=40_000 {
            signals.extend(life.look(now).map(|signal| (now, signal)));
        }
        let expected =
            [(3_000, Signal::Terminate), (5_000, Signal::Kill), (35_000, Signal::GiveUp)];
        assert_eq!(signals[..3], expected);
        // A worker that loads can't be asked to end.
        assert_eq!(watched(TO_LOADING).end(0, false, EndReason::MemoryKept), Some(Signal::Kill));
    }

    #[test]
    fn a_start_and_a_cancel_have_their_time() {
        let mut starting = watched(&[Spawning, Handshake]);
        assert!(!starting.is_unresponsive(4_999) && starting.is_unresponsive(5_000));
        assert_eq!(starting.look(29_999), None);
        assert_eq!(starting.look(30_000), Some(Signal::Kill));
        let mut draining = watched(TO_BUSY);
        draining.enter(100, Draining);
        draining.record_message(9_000);
        draining.record_progress(9_000);
        assert_eq!(draining.look(10_099), None);
        assert_eq!(draining.look(10_100), Some(Signal::Kill));
    }
}
