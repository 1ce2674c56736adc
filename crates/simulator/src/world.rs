//! The world of one seed: its clock, its agenda, and the host in it. At first things go wrong as
//! its fault plan says; then the faults end, and everything must come to its end.

use std::collections::{BTreeMap, BTreeSet};
use std::panic::{AssertUnwindSafe, catch_unwind};

use localcoder_host::core::{CLIENTS_MAX, Effect, Event, Host, HostConfig};
use serde_json::{Map, Value, json};

use crate::broken::{Breach, Broken, Outcome, Trace, breach};
use crate::checks::loads::Loads;
use crate::checks::requests::Requests;
use crate::checks::supervision::Supervision;
use crate::clients::Clients;
use crate::faults::{Fault, FaultPlan};
use crate::random::Random;
use crate::store::Store;
use crate::tally::Tally;
use crate::worker::{BEAT_EVERY_MS, Worker};
use crate::world_event::{Agenda, WorldEvent};

pub(crate) const IDLE_EXIT_MS: u64 = 60_000;
/// Most events in one world; with more of them something loops. The number is a ceiling and not
/// a measurement: it only has to be far above what [`World::acts_left`] can cause.
const EVENTS_MAX: u64 = 60_000;
const EVENTS_AT_ONCE_MAX: u64 = 1_000;
/// Time after the last fault within which everything must end: two hours, simulated. It is
/// generous, since only a request that never ends is to be caught here; one that ends late is
/// caught by the checks of supervision.
const ENDS_WITHIN_MS: u64 = 2 * 60 * 60 * 1_000;

#[derive(Debug, Default)]
pub(crate) struct Disk {
    pub(crate) measurements: Option<String>,
    pub(crate) editor_settings: Option<String>,
    pub(crate) file_settings: Map<String, Value>,
    pub(crate) unfinished_load: Option<String>,
    pub(crate) prefixes: BTreeSet<String>,
}

pub(crate) struct World {
    pub(crate) seed: u64,
    pub(crate) random: Random,
    pub(crate) fault_plan: FaultPlan,
    pub(crate) tally: Tally,
    pub(crate) trace: Trace,
    pub(crate) now_ms: u64,
    /// When it last woke, or the host was last resumed.
    pub(crate) woke_ms: u64,
    pub(crate) agenda: Agenda,
    pub(crate) host: Option<Host>,
    pub(crate) disk: Disk,
    pub(crate) store: Store,
    pub(crate) clients: Clients,
    pub(crate) workers: BTreeMap<u64, Worker>,
    pub(crate) gpu: bool,
    pub(crate) short_of_memory: bool,
    pub(crate) saves_power: bool,
    pub(crate) requests: Requests,
    pub(crate) loads: Loads,
    pub(crate) supervision: Supervision,
    pub(crate) faults_ended: bool,
    pub(crate) acts_left: u64,
    /// How late the system wakes the host, the same throughout a world: mostly not at all, so that
    /// checks of exact times stay sharp in most worlds.
    late_ms: u64,
    events_at_once: u64,
    /// Changes the host's effects before they are checked; tests use it to show that the checks
    /// notice.
    pub(crate) tamper: fn(&mut Vec<Effect>),
}

impl World {
    pub(crate) fn new(seed: u64, trace: Trace) -> Self {
        let mut random = Random::new(seed);
        let fault_plan = FaultPlan::draw(&mut random);
        let store = Store::draw(&mut random);
        let (gpu, acts_left) = (random.per_mille(400), random.between(2, 26));
        let late_ms = *random.pick(&[0, 0, 0, 3, 40]);
        Self {
            seed,
            fault_plan,
            store,
            random,
            trace,
            tally: Tally { seeds: 1, ..Tally::default() },
            now_ms: 1_000,
            woke_ms: 0,
            agenda: Agenda::default(),
            host: None,
            disk: Disk::default(),
            clients: Clients::default(),
            workers: BTreeMap::new(),
            gpu,
            short_of_memory: false,
            saves_power: false,
            requests: Requests::default(),
            loads: Loads::default(),
            supervision: Supervision::default(),
            faults_ended: false,
            acts_left,
            late_ms,
            events_at_once: 0,
            tamper: |_| {},
        }
    }

    pub(crate) fn live(mut self) -> (Result<Tally, Broken>, Vec<String>) {
        // After a panic, only the trace is used.
        // A panic of the core is a broken invariant like any other, so that a run over a million
        // seeds names its seed instead of ending.
        let lived = catch_unwind(AssertUnwindSafe(|| self.run_to_end()));
        let result =
            lived.unwrap_or_else(|_| breach("the core does not panic", "it did; see above"));
        self.tally.simulated_ms = self.now_ms;
        self.tally.faults = self.fault_plan.struck().filter(|(_, times)| *times > 0).collect();
        let lines = self.trace.into_lines();
        match result {
            Ok(()) => (Ok(self.tally), lines),
            Err(Breach { invariant, what }) => {
                let broken = Broken { seed: self.seed, invariant, what, trace: lines.clone() };
                (Err(broken), lines)
            }
        }
    }

    fn run_to_end(&mut self) -> Outcome {
        if self.random.per_mille(300) {
            self.disk.file_settings = self.draw_settings();
        }
        for _ in 0..self.random.between(1, 3) {
            let at = self.now_ms + self.random.below(50);
            self.agenda.add(at, WorldEvent::ClientConnects);
        }
        self.schedule_fault_change();
        while self.acts_left > 0 {
            self.step()?;
        }
        self.end_faults()?;
        self.come_to_the_end()?;
        self.check_still_serves()?;
        self.shut_down()
    }

    /// Does what happens next: a deadline of the host, or something in the world. The clock
    /// jumps to its time and nothing waits, so a world of hours takes milliseconds.
    pub(crate) fn step(&mut self) -> Outcome {
        let deadline = self.host.as_ref().and_then(Host::next_deadline_ms);
        // As in the shell, what is due comes before what has arrived.
        let due = deadline.map(|at| at.max(self.now_ms) + self.late_ms);
        let next = self.agenda.next_ms().map(|at| at.max(self.now_ms));
        let ticks = match (due, next) {
            (None, None) => return breach("rest", "nothing is going to happen any more"),
            (Some(due), Some(next)) => due <= next,
            (due, None) => due.is_some(),
            (None, Some(_)) => false,
        };
        self.move_to(if ticks { due } else { next }.unwrap_or(self.now_ms))?;
        if ticks {
            let events_before = self.tally.events;
            self.deliver(Event::Tick)?;
            // A deadline that has passed and is not moved would make the shell spin: its loop
            // sleeps until the deadline and would tick again at once.
            let again = self.host.as_ref().and_then(Host::next_deadline_ms);
            if again.is_some_and(|again| again <= self.now_ms) {
                let text =
                    format!("a tick at event {events_before} moves the deadline to {again:?}");
                return breach("bounds: a deadline in the past", text);
            }
            return Ok(());
        }
        match self.agenda.take() {
            Some(event) => self.happens(event),
            None => Ok(()),
        }
    }

    fn move_to(&mut self, ms: u64) -> Outcome {
        self.events_at_once = if ms > self.now_ms { 0 } else { self.events_at_once + 1 };
        self.now_ms = ms;
        if self.events_at_once > EVENTS_AT_ONCE_MAX {
            return breach(
                "bounds: events at one moment",
                format!("more than {EVENTS_AT_ONCE_MAX}"),
            );
        }
        if self.tally.events > EVENTS_MAX {
            return breach("bounds: events", format!("more than {EVENTS_MAX} in one world"));
        }
        Ok(())
    }

    fn happens(&mut self, event: WorldEvent) -> Outcome {
        match event {
            WorldEvent::ClientConnects => self.client_connects(),
            WorldEvent::ClientActs(client) => self.client_acts(client),
            WorldEvent::ClientCancels { client, request_id } => {
                self.ask(client, "cancel", None, json!({"requestId": request_id}))
            }
            WorldEvent::ClientHasTried { client, params } => {
                self.ask(client, "tried", None, params)
            }
            WorldEvent::Inspected(references) => self.inspected(references),
            WorldEvent::HelperSought { path, help, named } => self.helper_sought(path, help, named),
            WorldEvent::SmallerSought { path, bytes } => self.smaller_sought(path, bytes),
            WorldEvent::PrefixLooked { generation, key } => self.prefix_looked(generation, key),
            WorldEvent::WorkerStarts(generation) => self.worker_starts(generation),
            WorldEvent::WorkerSteps { generation, call } => self.worker_steps(generation, call),
            WorldEvent::WorkerBeats(generation) => self.worker_beats(generation),
            WorldEvent::WorkerDies(generation) => {
                self.worker_dies(generation);
                Ok(())
            }
            WorldEvent::WorkerEndReported(generation) => self.report_worker_end(generation),
            WorldEvent::WorkerSays { generation, message } => {
                self.deliver(Event::WorkerMessage { generation, message: *message })
            }
            WorldEvent::FaultsChange => self.change_faults(),
            WorldEvent::Woke => self.deliver(Event::Woke),
        }
    }

    pub(crate) fn strikes(&mut self, fault: Fault) -> bool {
        let strikes = self.fault_plan.strikes(fault, &mut self.random);
        if strikes {
            self.trace.say(self.now_ms, || format!("*** {}", fault.words()));
        }
        strikes
    }

    pub(crate) fn later(&mut self, ms: u64, event: WorldEvent) {
        self.agenda.add(self.now_ms + ms, event);
    }

    pub(crate) fn host_starts(&mut self) -> Outcome {
        self.cut_off_what_was_kept();
        let object = |text: &String| serde_json::from_str::<Map<String, Value>>(text).ok();
        let config = HostConfig {
            pid: 1,
            confined: localcoder_protocol::Confined::default(),
            file_settings: self.disk.file_settings.clone().into(),
            editor_settings: self
                .disk
                .editor_settings
                .as_ref()
                .and_then(object)
                .unwrap_or_default()
                .into(),
            idle_exit_ms: IDLE_EXIT_MS,
            seed: self.seed,
            heartbeat_ms: BEAT_EVERY_MS,
            machine: "simulated".to_owned(),
            measurements: self.disk.measurements.clone(),
            unfinished_load: self.disk.unfinished_load.clone(),
        };
        self.trace.say(self.now_ms, || {
            format!(
                "a host starts, with {:?} and {:?}",
                config.file_settings.values, config.editor_settings.values
            )
        });
        self.loads.host_started(
            &config.file_settings.values,
            &config.editor_settings.values,
            config.unfinished_load.as_deref(),
        );
        self.supervision = Supervision::default();
        self.requests.host_started();
        self.host = Some(Host::new(config));
        self.tally.hosts += 1;
        self.deliver(Event::Tick)?;
        if self.saves_power {
            self.deliver(Event::PowerSaving(true))?;
        }
        if self.short_of_memory {
            self.deliver(Event::MemoryShort(true))?;
        }
        Ok(())
    }

    /// A power cut may leave only a part of a text. It is cut between characters here, since the
    /// core gets texts: bytes that are not UTF-8 are the shell's to deal with.
    fn cut_off_what_was_kept(&mut self) {
        if !self.strikes(Fault::KeptDamaged) {
            return;
        }
        let part = self.random.below(100);
        let Disk { measurements, editor_settings, unfinished_load, .. } = &mut self.disk;
        for text in [measurements, editor_settings, unfinished_load].into_iter().flatten() {
            let bytes = text.len() * usize::try_from(part).unwrap_or(0) / 100;
            text.truncate(text.floor_char_boundary(bytes));
        }
    }

    pub(crate) fn host_is_gone(&mut self) {
        self.trace.say(self.now_ms, || "the host is gone".to_owned());
        self.host = None;
        // What the host had asked of its workers and its disk dies with it; clients and the faults
        // of the machine live on, which is why the agenda forgets only a part.
        self.workers.clear();
        self.agenda.forget_host();
        let left = self.clients.all_lost();
        self.requests.forget_all();
        // Clients with an open window come back, and start another host.
        // At least one, so that a world never comes to rest without a host.
        let returns = left.min(CLIENTS_MAX / 16);
        for _ in 0..returns.max(1) {
            let ms = self.random.up_to_ms(2_000);
            self.later(ms, WorldEvent::ClientConnects);
        }
    }

    fn end_faults(&mut self) -> Outcome {
        self.trace.say(self.now_ms, || "--- the faults end".to_owned());
        self.faults_ended = true;
        self.late_ms = 0;
        self.fault_plan.end_faults();
        self.store.end_faults();
        if std::mem::take(&mut self.saves_power) {
            self.deliver(Event::PowerSaving(false))?;
        }
        if std::mem::take(&mut self.short_of_memory) {
            self.deliver(Event::MemoryShort(false))?;
        }
        Ok(())
    }

    pub(crate) fn come_to_the_end(&mut self) -> Outcome {
        let ends_ms = self.now_ms + ENDS_WITHIN_MS;
        while let Some(open) = self.requests.first_open() {
            let rests = self.agenda.next_ms().is_none()
                && self.host.as_ref().is_none_or(|host| host.next_deadline_ms().is_none());
            // A world at rest can be reported at once: time alone changes nothing any more.
            if rests || self.now_ms > ends_ms {
                let why = if rests { "nothing is going to happen" } else { "hours have passed" };
                return breach("inv 4: every request ends", format!("{open}: {why}"));
            }
            self.step()?;
        }
        // The requests are all answered, but "exactly once" is not shown by the first answer.
        // Time for a second answer or a late message to show up.
        let until = self.now_ms + 2_000;
        self.live_until(until)
    }

    pub(crate) fn live_until(&mut self, ms: u64) -> Outcome {
        loop {
            let deadline = self.host.as_ref().and_then(Host::next_deadline_ms);
            let next = [deadline, self.agenda.next_ms()].into_iter().flatten().min();
            if next.is_none_or(|next| next > ms) {
                break;
            }
            self.step()?;
        }
        self.now_ms = self.now_ms.max(ms);
        Ok(())
    }

    /// The host must end by itself once no client is connected any more. Checked in some worlds
    /// only; the others end with clients connected.
    fn shut_down(&mut self) -> Outcome {
        if self.host.is_none() || self.random.per_mille(700) {
            return Ok(());
        }
        self.clients.closed = true;
        for client in self.clients.connected() {
            self.client_vanishes(client)?;
        }
        // Its workers are asked to end, and killed if they do not.
        self.live_until(self.now_ms + IDLE_EXIT_MS + 20_000)?;
        if self.host.is_some() {
            return breach("exit", "the host stays though no client is connected");
        }
        Ok(())
    }
}
