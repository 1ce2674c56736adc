//! The thin rest of the host: one loop that turns what the system does into events, and carries out
//! effects. It decides nothing.

mod handing;
mod inspector;
mod journal;
mod kept_file;
mod last_lines;
mod ledger_file;
mod level;
mod listener;
mod log;
mod look;
mod machine;
mod oom;
mod orphans;
mod power;
mod prefixes;
mod pressure;
mod recognition;
mod sleep;
mod worker_environment;
mod worker_process;

use std::collections::{HashMap, VecDeque};
use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender};
use localcoder_protocol::{Confined, ErrorCode, ErrorInfo, HEARTBEAT_MS, HostStatus};
use localcoder_sandbox::{Profile, Walls};
use localcoder_settings::{Places, SettingsFiles, env, places};
use localcoder_transport::private::{self, PrivateFolders};
use localcoder_transport::{Id, Message, shortage, spawn_thread};
use serde_json::json;

use crate::core::{ClientId, Effect, Event, Host, HostConfig};
use handing::{Handing, Next};
use inspector::{Inspected, Inspector, Load};
use journal::Journal;
use kept_file::KeptFile;
pub use ledger_file::LedgerFile;
use listener::{ClientWriter, Listener};
use look::{Checked, Models};
pub use machine::name as machine_name;
use prefixes::Prefixes;
use recognition::Recognition;
use worker_process::Workers;

/// Events that may wait for the core. Readers wait for room, so a flood only slows down its sender.
const EVENTS_MAX: usize = 1024;
/// A host without clients keeps its model this long, so that a series of commands finds it loaded
/// (other local servers use the same keep-alive).
const IDLE_EXIT_MS: u64 = 5 * 60 * 1_000;

enum Input {
    Event(Event),
    Accepted(ClientId, ClientWriter),
    /// A client for which there is no room asks for the status.
    HowIsIt(Sender<HostStatus>),
    Opened(Load, Result<Arc<Checked>, ErrorInfo>),
}

/// Runs a host until it is unused or told to stop. `ready` gets one line of JSON when clients can
/// connect, or when it turns out that they can't: `{"ready":true}`, `{"running":true}` or
/// `{"error":…}`.
///
/// # Errors
/// If the folder, lock or socket can't be used, or the system provides no threads.
pub fn run(places: &Places, mut ready: impl Write) -> Result<(), ErrorInfo> {
    let closed = match check_folders(places) {
        Ok(closed) => closed,
        Err(error) => {
            // This is not logged: the log's folder may be the very one that belongs to another
            // user.
            let _ = writeln!(ready, "{}", json!({"error": error}));
            return Err(error);
        }
    };
    // Before any thread is started, so that all of them inherit it.
    let confined = confine(places);
    let bound = Listener::bind(places);
    // A host that ends at once because another runs must not write to the other's log.
    if !matches!(bound, Ok(None)) {
        log::start(&places.logs);
    }
    // A waiting client is told that the host runs only once the host can answer.
    let started = bound.and_then(|listener| {
        listener
            .map(|listener| Ok((Shell::start(places, &listener, confined.clone())?, listener)))
            .transpose()
    });
    match started {
        Ok(Some((shell, _listener))) => {
            let Confined { calls, files, why } = &confined;
            tracing::info!(calls, files, why, "the host keeps itself to its work");
            for line in closed {
                tracing::warn!("{line}");
            }
            let _ = writeln!(ready, "{}", json!({"ready": true}));
            // Flushed and closed at once: a client waits for this line.
            let _ = ready.flush();
            drop(ready);
            shell.run();
            Ok(())
        }
        Ok(None) => {
            let _ = writeln!(ready, "{}", json!({"running": true}));
            Ok(())
        }
        Err(error) => {
            tracing::error!(code = error.code.as_str(), %error, "the host can't start");
            let _ = writeln!(ready, "{}", json!({"error": error}));
            Err(error)
        }
    }
}

/// From here on this process and its workers have no network access, and write only to four
/// folders, which hold its socket and its lock, its measurements, its log, and what it has counted
/// of edits. It can only read models.
fn confine(places: &Places) -> Confined {
    let own = [&places.runtime, &places.cache, &places.logs].map(Clone::clone);
    let writes: Vec<_> = own.into_iter().chain([places.statistics()]).collect();
    for folder in &writes {
        // If this fails, the code that needs the folder reports why.
        let _ = fs_err::create_dir_all(folder);
    }
    localcoder_sandbox::close(&Profile::Host { writes: &writes }, Walls::All)
}

/// Makes sure that the installation's folders belong to this user, and closes those that are open
/// to others; returns a line for the log about each of these.
///
/// # Errors
/// If one belongs to another user.
pub fn check_folders(places: &Places) -> Result<Vec<String>, ErrorInfo> {
    let closed = private::check(&PrivateFolders {
        data: &places.data,
        config: &places.config,
        cache: &places.cache,
        logs: &places.logs,
        runtime: &places.runtime,
        models: &places.models,
        editor: &places.editor,
    })?;
    Ok(closed)
}

struct Shell {
    host: Host,
    places: Places,
    started: Instant,
    /// How many times faster than real time its clock runs; 1 except in fault trials.
    time_scale: u64,
    sender: Sender<Input>,
    inputs: Receiver<Input>,
    clients: HashMap<ClientId, ClientWriter>,
    /// Events that the shell itself caused and the core has not handled yet. They come before the
    /// next input, and never within an effect: the core handles one event at a time.
    pending: VecDeque<Event>,
    workers: Workers,
    measurements: KeptFile,
    editor_settings: KeptFile,
    loading: KeptFile,
    ledger: LedgerFile,
    prefixes: Prefixes,
    inspector: Inspector,
    handing: Handing,
    journal: Journal,
}

impl Shell {
    /// Everything a host needs, with its threads. If one of them can't be started there is no host,
    /// since it would be half alive.
    fn start(places: &Places, listener: &Listener, confined: Confined) -> Result<Self, ErrorInfo> {
        let (sender, inputs) = crossbeam_channel::bounded(EVENTS_MAX);
        let exe_dir = program_folder()?;
        let worker = env::path(env::WORKER).unwrap_or_else(|| level::worker(&exe_dir));
        let idle = env::text(env::HOST_IDLE_MS).and_then(|text| text.parse().ok());
        let time_scale = env::text(env::TIME_SCALE).and_then(|text| text.parse().ok());
        let time_scale = time_scale.unwrap_or(1).max(1);
        let measurements = KeptFile::new(places.measurements_file());
        let editor_settings = KeptFile::new(places.editor_settings_file());
        let loading = KeptFile::new(places.loading_file());
        let settings = read_settings(places);
        let config = HostConfig {
            pid: std::process::id(),
            confined,
            file_settings: settings.file,
            editor_settings: settings.editor,
            idle_exit_ms: idle.unwrap_or(IDLE_EXIT_MS),
            seed: u64::from(std::process::id()) ^ unix_time_ns(),
            heartbeat_ms: (HEARTBEAT_MS / time_scale).max(1),
            machine: machine::name(),
            measurements: measurements.read(),
            unfinished_load: loading.read(),
        };
        let models = Models {
            demo: places::demo_model(&exe_dir),
            installed: places.models.clone(),
            catalog: places.catalog_file(),
            recognition: Recognition::default(),
        };
        let no_thread = |error: std::io::Error| {
            let message = "the LocalCoder host could not start its threads";
            shortage(ErrorCode::HostUnreachable, message, &error)
        };
        let workers = Workers::new(worker, places.workers_file(), sender.clone());
        let inspector = Inspector::new(models, inspected(sender.clone()));
        let shell = Self {
            host: Host::new(config),
            places: places.clone(),
            started: Instant::now(),
            time_scale,
            workers: workers.map_err(no_thread)?,
            measurements,
            editor_settings,
            loading,
            ledger: LedgerFile::new(places.ledger_file()),
            prefixes: Prefixes::new(places),
            inspector: inspector.map_err(no_thread)?,
            handing: Handing::default(),
            sender,
            inputs,
            clients: HashMap::new(),
            pending: VecDeque::new(),
            journal: Journal::default(),
        };
        // Last: before it, nobody can connect to a host that may not come to be. Threads that are
        // started on demand once died of a limit on memory, and every later request waited without
        // an end.
        listener.accept_into(shell.sender.clone()).map_err(no_thread)?;
        Ok(shell)
    }

    fn run(mut self) {
        // These only give hints: the host works without them, so that they may fail to start.
        let sender = self.sender.clone();
        power::watch(move |saves| sender.send(Input::Event(Event::PowerSaving(saves))).is_ok());
        let sender = self.sender.clone();
        pressure::watch(move |short| sender.send(Input::Event(Event::MemoryShort(short))).is_ok());
        let sender = self.sender.clone();
        sleep::watch(move || sender.send(Input::Event(Event::Woke)).is_ok());
        // The first event gives the core the time.
        let mut event = Event::Tick;
        loop {
            if self.apply(event) {
                tracing::info!("the host ends");
                return self.leave();
            }
            event = self.next_event();
        }
    }

    fn next_event(&mut self) -> Event {
        loop {
            if let Some(event) = self.pending.pop_front() {
                return event;
            }
            if let Some(event) = self.wait() {
                return event;
            }
        }
    }

    /// Waits for the next event; `None` if what happened does not concern the core. A deadline that
    /// has come is looked at before the channel, so that a flood of messages does not keep the host
    /// from noticing a hang.
    fn wait(&mut self) -> Option<Event> {
        let now = self.now_ms();
        let input = match self.host.next_deadline_ms() {
            Some(due) if due <= now => return Some(Event::Tick),
            Some(due) => match self.inputs.recv_timeout(self.real(due - now)) {
                Ok(input) => input,
                Err(_) => return Some(Event::Tick),
            },
            None => self.inputs.recv().expect("the shell holds a sender itself"),
        };
        match input {
            Input::Event(event) => Some(event),
            Input::Accepted(client, writer) => {
                self.clients.insert(client, writer);
                Some(Event::ClientConnected(client))
            }
            Input::HowIsIt(answer) => {
                let _ = answer.send(self.host.status());
                None
            }
            Input::Opened(load, opened) => {
                self.hand_over(load, opened);
                None
            }
        }
    }

    fn now_ms(&self) -> u64 {
        let elapsed = self.started.elapsed().as_micros() * u128::from(self.time_scale) / 1_000;
        u64::try_from(elapsed).expect("fewer than 500 million years")
    }

    fn real(&self, ms: u64) -> Duration {
        Duration::from_micros((ms * 1_000).div_ceil(self.time_scale))
    }

    fn apply(&mut self, event: Event) -> bool {
        // First, so that no effect of this event is sent to it.
        if let Event::ClientGone(client) = event {
            self.clients.remove(&client);
        }
        if let Event::WorkerEnded { generation, .. } = event {
            self.handing.forget(generation);
        }
        let mut exit = false;
        let now_ms = self.now_ms();
        self.journal.happened(now_ms, &event);
        for effect in self.host.handle(now_ms, event) {
            self.journal.wanted(now_ms, &effect);
            match effect {
                Effect::Reply { .. } | Effect::Notify(..) => self.send(&effect),
                Effect::Close(client) => self.close(client),
                Effect::InspectModel { references } => self.inspector.inspect(references),
                Effect::StartWorker { generation } => self.workers.start(generation),
                Effect::SendWorker { generation, message } => {
                    self.send_worker(generation, message);
                }
                Effect::StopWorker { generation } => self.workers.stop(generation),
                Effect::TerminateWorker { generation } => self.workers.terminate(generation),
                Effect::KillWorker { generation } => self.workers.kill(generation),
                Effect::FindHelper { path, help, named } => {
                    self.inspector.find_helper(path, help, named);
                }
                Effect::FindSmaller { path, bytes } => self.inspector.find_smaller(path, bytes),
                Effect::FindPrefix { generation, key } => self.find_prefix(generation, key),
                Effect::KeepPrefix { generation, key, bytes } => {
                    self.keep_prefix(generation, key, bytes);
                }
                Effect::ReadSettings { client, id } => {
                    let contents = Box::new(read_settings(&self.places).file);
                    self.pending.push_back(Event::SettingsRead { client, id, contents });
                }
                Effect::KeepMeasurements(text) => self.measurements.keep(&text),
                Effect::KeepEditorSettings(text) => self.editor_settings.keep(&text),
                // On the disk before the worker is asked: this load may take the machine down.
                Effect::LoadBegins(text) => self.loading.keep_durably(&text),
                Effect::LoadEnded => self.loading.forget(),
                Effect::CountShown(shown) => self.ledger.shown(&shown),
                Effect::CountDecision { edit_id, decision } => {
                    self.ledger.decided(&edit_id, decision);
                }
                Effect::Exit => exit = true,
            }
        }
        exit
    }

    fn send_worker(&mut self, generation: u64, message: Message) {
        match self.handing.next(generation, message) {
            Next::Send(message) => self.workers.send(generation, message),
            Next::Open(load, path) => self.inspector.open(load, path),
            Next::Wait => {}
        }
    }

    /// Hands a worker the file of its load, then the messages that waited for it. If the file could
    /// not be opened, the load fails as if the worker had reported that.
    fn hand_over(&mut self, load: Load, opened: Result<Arc<Checked>, ErrorInfo>) {
        let Some((asked, waiting)) = self.handing.opened(load) else { return };
        let generation = load.generation;
        match opened.and_then(|checked| self.workers.hand(load, &checked)) {
            Ok(()) => self.workers.send(generation, asked),
            Err(error) => {
                let id = Id::Number(load.request);
                let message = Message::Response { id, result: Err(error) };
                self.pending.push_back(Event::WorkerMessage { generation, message });
            }
        }
        for message in waiting {
            self.send_worker(generation, message);
        }
    }

    fn send(&mut self, effect: &Effect) {
        let Some((client, message)) = effect.message() else { return };
        let slow =
            // A full outbox means that the client does not read: it is closed instead of waited
            // for, since this thread serves all.
            self.clients.get(&client).is_some_and(|writer| writer.outbox.send(message).is_err());
        if slow {
            tracing::warn!(client, "disconnected: it does not read");
            self.close(client);
        }
    }

    /// Runs on a thread of its own, since the disk may be slow. It always answers, since jobs wait.
    fn find_prefix(&mut self, generation: u64, key: String) {
        let (prefixes, sender) = (self.prefixes.clone(), self.sender.clone());
        let exchange = self.workers.exchange(generation);
        let wanted = key.clone();
        let find = move || {
            let bytes = exchange.and_then(|exchange| prefixes.find(&wanted, &exchange));
            let event = Event::PrefixFound { generation, key: wanted, bytes };
            let _ = sender.send(Input::Event(event));
        };
        if let Err(error) = spawn_thread("prefix", find) {
            tracing::warn!(%error, "a kept state is not looked for");
            self.pending.push_back(Event::PrefixFound { generation, key, bytes: None });
        }
    }

    /// Takes the state out of the exchange file at once, before the worker can write the next one
    /// into it, and writes it to the cache on a thread of its own.
    fn keep_prefix(&self, generation: u64, key: String, bytes: u64) {
        let prefixes = self.prefixes.clone();
        let Some(exchange) = self.workers.exchange(generation) else { return };
        let state = match prefixes::written(&exchange, bytes) {
            Ok(state) => state,
            Err(error) => {
                tracing::warn!(%error, "what all prompts begin with is not kept");
                return;
            }
        };
        let keep = move || prefixes.keep(&key, &state);
        if let Err(error) = spawn_thread("prefix", keep) {
            tracing::warn!(%error, "what all prompts begin with is not kept");
        }
    }

    fn close(&mut self, client: ClientId) {
        if let Some(writer) = self.clients.remove(&client) {
            writer.close();
        }
    }

    fn leave(self) {
        // Clients first: their last messages need not wait for workers to be gone.
        for (_, writer) in self.clients {
            writer.finish();
        }
        self.workers.finish();
    }
}

fn inspected(sender: Sender<Input>) -> impl Fn(Inspected) + Send {
    move |inspected| {
        let event = match inspected {
            Inspected::First(references, result) => Event::ModelInspected {
                references,
                result: Box::new(result),
                // Read after the inspection, which may have taken seconds.
                free_bytes: localcoder_model_store::free_bytes(),
            },
            Inspected::Helper(path, help, found) => Event::HelperFound {
                path,
                help,
                found: Box::new(found),
                free_bytes: localcoder_model_store::free_bytes(),
            },
            Inspected::Smaller(path, found) => Event::SmallerFound { path, found: Box::new(found) },
            Inspected::Opened(load, opened) => {
                let _ = sender.send(Input::Opened(load, opened));
                return;
            }
        };
        // The host ends without waiting for a slow disk.
        let _ = sender.send(Input::Event(event));
    }
}

fn program_folder() -> Result<PathBuf, ErrorInfo> {
    let exe = std::env::current_exe().map_err(|error| {
        ErrorInfo::new(ErrorCode::Internal, "this program's own place could not be found")
            .with_cause(error.to_string())
    })?;
    Ok(exe.parent().map_or_else(PathBuf::new, PathBuf::from))
}

/// The settings on disk. If something can't be read, it is logged here and reported by the core.
fn read_settings(places: &Places) -> SettingsFiles {
    let files = SettingsFiles::read(places);
    for problem in files.problems() {
        tracing::warn!(error = %problem, "a settings file is not used");
    }
    files
}

fn unix_time_ns() -> u64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    // The low bits vary the most, and only they matter for a seed.
    #[expect(clippy::cast_possible_truncation, reason = "the low bits are what is wanted")]
    now.map_or(0, |since| since.as_nanos() as u64)
}
