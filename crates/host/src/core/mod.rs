//! The host without I/O. [`Host::handle`] takes an event and the time and returns what to do;
//! the same events give the same effects, so the whole host is tested in memory.
//!
//! It never waits: what takes time is an effect whose outcome comes back as an event.

mod budget;
mod clients;
mod engine;
mod errors;
mod event;
mod fallback;
mod fit;
mod job;
mod knowledge;
mod ladder;
mod lifecycle;
mod placing;
mod prefix;
mod requests;
mod residency;
mod run;
mod slots;
mod speed;
mod status;
mod survey;
mod suspect;
mod waiting;
mod watch;

use std::collections::{BTreeMap, VecDeque};

use localcoder_protocol::{Device, ErrorInfo, HostStatus};
use localcoder_settings::{Contents, Layer, Resolved, Settings, resolve};

use budget::Budgets;
use clients::Client;
pub use event::{ClientId, Effect, Event, WorkerEnding};
use job::Job;
use knowledge::Knowledge;
use ladder::Ladder;
use residency::Unloaded;
use slots::Slots;
use speed::Speeds;
use survey::Survey;
use suspect::Suspect;

use crate::ModelFile;

/// Connections at once. Far above any number of windows; a bound all the same.
pub const CLIENTS_MAX: usize = 64;

/// Requests waiting at once, over all clients.
pub const QUEUE_MAX: usize = 64;

/// Files without hope that are remembered; the user has others.
const USELESS_MAX: usize = 16;

/// What the host is started with.
#[derive(Debug, Clone)]
pub struct HostConfig {
    /// Its process id, for `status`.
    pub pid: u32,
    /// What `settings.json` says.
    pub file_settings: Contents,
    /// What the editor had set last: a model is loaded with it before an editor is there to tell.
    pub editor_settings: Contents,
    /// Milliseconds after which it ends when no client is connected.
    pub idle_exit_ms: u64,
    /// Where seeds of requests without one come from.
    pub seed: u64,
    /// How often a worker is to give a sign of life.
    pub heartbeat_ms: u64,
    /// Names the processor, for what was measured on it.
    pub machine: String,
    /// The text of the last [`Effect::KeepMeasurements`], where there is one.
    pub measurements: Option<String>,
    /// The text of an [`Effect::LoadBegins`] that no [`Effect::LoadEnded`] followed: that load took
    /// the host down, or the machine.
    pub unfinished_load: Option<String>,
}

/// The host. See the module.
#[derive(Debug)]
pub struct Host {
    config: HostConfig,
    now_ms: u64,
    started_ms: Option<u64>,
    effects: Vec<Effect>,
    clients: BTreeMap<ClientId, Client>,
    editor_settings: Contents,
    settings: Settings,
    queue: VecDeque<Job>,
    /// What is being computed.
    active: Option<Job>,
    slots: Slots,
    budgets: Budgets,
    ladder: Ladder,
    /// Files that could not be loaded and never will be.
    useless: VecDeque<ModelFile>,
    /// Where models could be computed, once a worker has told.
    devices: Vec<Device>,
    /// How the GPU failed, where it did.
    gpu_failure: Option<String>,
    /// The last failure, until something works again.
    failed: Option<ErrorInfo>,
    /// Why nothing is loaded any more.
    unloaded: Option<Unloaded>,
    /// The model whose last load never ended, until it is asked for.
    suspect: Option<Suspect>,
    /// Memory that could be had when a file was looked at last.
    free_bytes: Option<u64>,
    knowledge: Knowledge,
    speeds: Speeds,
    surveys: Vec<Survey>,
    /// Whether the system saves power.
    saves_power: bool,
    /// Whether memory runs short.
    short_of_memory: bool,
    /// When the last event came, to tell sleep from silence.
    seen_ms: u64,
    draining: bool,
    /// Workers are being ended, and then the host ends.
    leaving: bool,
    exited: bool,
    /// Since when no client is connected.
    alone_since_ms: Option<u64>,
    status_dirty: bool,
    status_sent_ms: u64,
    status_told: Option<HostStatus>,
    seed: u64,
}

/// What both layers come to.
fn layered(file: &Contents, editor: &Contents) -> Resolved {
    resolve(&[(Layer::File, file), (Layer::Editor, editor)])
}

impl Host {
    /// A host that has just been started.
    #[must_use]
    pub fn new(config: HostConfig) -> Self {
        let editor_settings = config.editor_settings.clone();
        let settings = layered(&config.file_settings, &editor_settings).settings;
        let knowledge = Knowledge::new(config.machine.clone(), config.measurements.as_deref());
        Self {
            seed: config.seed,
            gpu_failure: knowledge.gpu_failure(),
            suspect: config.unfinished_load.as_deref().and_then(Suspect::read),
            knowledge,
            config,
            now_ms: 0,
            started_ms: None,
            effects: Vec::new(),
            clients: BTreeMap::new(),
            editor_settings,
            settings,
            queue: VecDeque::new(),
            active: None,
            slots: Slots::default(),
            budgets: Budgets::default(),
            ladder: Ladder::default(),
            useless: VecDeque::new(),
            devices: Vec::new(),
            failed: None,
            unloaded: None,
            free_bytes: None,
            speeds: Speeds::default(),
            surveys: Vec::new(),
            saves_power: false,
            short_of_memory: false,
            seen_ms: 0,
            draining: false,
            leaving: false,
            exited: false,
            alone_since_ms: None,
            status_dirty: false,
            status_sent_ms: 0,
            status_told: None,
        }
    }

    /// Takes one event at a time that never runs backwards; returns what to do, in order.
    pub fn handle(&mut self, now_ms: u64, event: Event) -> Vec<Effect> {
        self.now_ms = self.now_ms.max(now_ms);
        self.started_ms.get_or_insert(self.now_ms);
        if self.clients.is_empty() {
            self.alone_since_ms.get_or_insert(self.now_ms);
        }
        self.notice_sleep();
        match event {
            Event::ClientConnected(client) => self.client_connected(client),
            Event::ClientMessage(client, message) => self.client_message(client, message),
            Event::ClientMalformed(client, reason) => self.client_malformed(client, &reason),
            Event::ClientGone(client) => self.client_gone(client),
            Event::ModelInspected { references, result, free_bytes } => {
                self.model_inspected(&references, &result, free_bytes);
            }
            Event::SmallerFound { path, found } => self.smaller_found(&path, *found),
            Event::WorkerStarted { generation, result } => self.worker_started(generation, result),
            Event::WorkerMessage { generation, message } => {
                self.worker_message(generation, message);
            }
            Event::WorkerEnded { generation, ending } => self.worker_ended(generation, &ending),
            Event::PrefixFound { generation, key, bytes } => {
                self.prefix_found(generation, &key, bytes);
            }
            Event::PowerSaving(saves) => self.saves_power = saves,
            Event::MemoryShort(short) => self.short_of_memory = short,
            Event::Woke => self.woke(),
            Event::Tick => {}
            Event::Terminate => self.stop(),
        }
        self.watch_workers();
        self.advance();
        self.unload_unused();
        self.flush_streams();
        self.flush_status();
        self.leave_when_unused();
        self.keep_knowledge();
        std::mem::take(&mut self.effects)
    }

    /// When [`Event::Tick`] is due, on the clock of [`Self::handle`]; `None` while nothing is
    /// awaited.
    #[must_use]
    pub fn next_deadline_ms(&self) -> Option<u64> {
        [
            self.unused_from_ms().filter(|_| !self.leaving),
            self.status_deadline_ms(),
            self.stream_deadline_ms(),
            self.watch_deadline_ms(),
            self.residency_deadline_ms(),
            self.knowledge_deadline_ms(),
        ]
        .into_iter()
        .flatten()
        .min()
    }

    /// When it has been without clients for long enough.
    fn unused_from_ms(&self) -> Option<u64> {
        Some(self.alone_since_ms? + self.config.idle_exit_ms)
    }

    fn leave_when_unused(&mut self) {
        let unused = self.clients.is_empty()
            && self.unused_from_ms().is_some_and(|unused| self.now_ms >= unused);
        let done = self.active.is_none() && self.queue.is_empty() && self.surveys.is_empty();
        let drained = self.draining && done;
        if (unused || drained) && !self.leaving {
            self.leave();
        }
        let runs = |(_, engine): (_, &engine::Engine)| engine.running_generation().is_some();
        if self.leaving && !self.exited && !self.slots.iter().any(runs) {
            self.exited = true;
            self.effects.push(Effect::Exit);
        }
    }

    /// Nothing new is begun; the host ends when its workers have.
    fn leave(&mut self) {
        self.leaving = true;
        self.loads_end();
        for slot in slots::Slots::ids() {
            self.end_worker(slot, false, watch::LEAVES);
        }
    }

    /// Somebody came before it had ended for want of users.
    fn stay(&mut self) {
        if self.leaving && !self.exited && !self.draining {
            self.leaving = false;
        }
    }

    /// The next seed of a splitmix64 sequence: one number a request, the same for the same start.
    fn next_seed(&mut self) -> u32 {
        self.seed = self.seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.seed;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed >> 32) as u32
    }
}
