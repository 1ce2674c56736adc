//! One run of the IDE, from the first window to the last: a closed set of events, one loop that
//! handles them, and the policy for what is started again after a crash.
//!
//! Every event comes through one channel from the threads that watch the server, the window
//! program, the socket and the signals, so that nothing here needs a lock.

use std::collections::{BTreeMap, BTreeSet};
use std::process::ExitStatus;
use std::sync::Arc;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use localcoder_protocol::ErrorInfo;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};

use crate::address::{Target, folder_of, query_of};
use crate::budget::Budget;
use crate::desktop::Desktop;
use crate::error::LauncherError;
use crate::front::{self, Front};
use crate::instance::{Ask, Asked, Instance};
use crate::log::Log;
use crate::memory::Memory;
use crate::offline::{self, Confinement};
use crate::private::empty_ipc;
use crate::private_folder;
use crate::running::{About, Opened};
use crate::server::{Server, failed};
use crate::window::{self, Command};
use crate::{Notice, Outcome, Setup};

/// Crashes are counted over this time, as VS Code does for its extension host.
const CRASH_TIME: Duration = Duration::from_secs(300);
const SERVER_RESTARTS: usize = 3;
/// How often windows are opened again in that time. The text in them may be what crashes them.
const WINDOW_RESTARTS: usize = 1;

/// How long pages get to begin reloading themselves from a new server before they are made to. They
/// do within a second or two, and first keep what is not saved; but a page whose own load was
/// interrupted has no script that could.
const RELOAD_TIME: Duration = Duration::from_secs(5);

struct Reloading {
    by: Instant,
    missing: BTreeSet<u32>,
}

/// Everything that can happen. The numbers tell a process from the one that it replaced.
enum Event {
    ServerEnded { generation: u32, status: ExitStatus },
    Window { generation: u32, event: window::Event },
    WindowsEnded { generation: u32, status: ExitStatus },
    Asked(Asked),
    Signal,
}

enum Done {
    Windows,
    Addresses(Vec<Notice>),
}

struct Session<'a> {
    setup: &'a Setup,
    notice: &'a (dyn Fn(Notice) + Sync),
    events: mpsc::Sender<Event>,
    front: Front,
    log: Arc<Log>,
    memory: Memory,
    confinement: Option<Confinement>,
    /// `None` after it has failed too often.
    server: Option<Server>,
    server_generation: u32,
    server_crashes: Budget,
    reloading: Option<Reloading>,
    desktop: Option<Desktop>,
    desktop_generation: u32,
    desktop_crashes: Budget,
    windows: BTreeMap<u32, String>,
    opening: Vec<String>,
    /// An address was given out, so the run lasts until a signal arrives.
    in_browser: bool,
    /// Why the run will end with an error once the windows are closed.
    failure: Option<ErrorInfo>,
}

/// Runs the IDE until its last window is closed or a signal arrives. Watches signals and takes
/// requests before anything is started: a signal or a second start that comes during the start is
/// then handled after it, and does not meet a process without either. Whatever the outcome, windows
/// and server are taken down before this returns.
pub(crate) fn run(
    instance: &Instance,
    ask: &Ask,
    setup: &Setup,
    notice: &(dyn Fn(Notice) + Sync),
) -> Result<Outcome, ErrorInfo> {
    let (sender, receiver) = mpsc::channel();
    watch_signals(sender.clone())?;
    let asks = sender.clone();
    let about = Arc::<About>::default();
    // From here on later starts are accepted; their requests wait in the channel until the server
    // is up.
    instance.serve(Arc::clone(&about), move |asked| asks.send(Event::Asked(asked)).is_ok())?;

    let mut session = Session::prepare(setup, notice, sender, &about)?;
    session.start_server()?;
    let outcome = session.answer(ask).map_err(ErrorInfo::from).and_then(|done| {
        match done {
            Done::Windows => notice(Notice::Opening),
            Done::Addresses(addresses) => addresses.into_iter().for_each(notice),
        }
        session.handle_all(&receiver)
    });
    session.shut_down();
    outcome
}

/// From here on the three signals end the run in an orderly way, and not the process at once.
fn watch_signals(sender: mpsc::Sender<Event>) -> Result<(), LauncherError> {
    let signals = signal_hook::iterator::Signals::new([SIGINT, SIGTERM, SIGHUP]);
    let mut signals = signals.map_err(LauncherError::NoSignals)?;
    let watch = move || {
        for _ in signals.forever() {
            if sender.send(Event::Signal).is_err() {
                return;
            }
        }
    };
    let spawned = std::thread::Builder::new().name("signals".to_owned()).spawn(watch);
    spawned.map(drop).map_err(LauncherError::NoSignals)
}

impl<'a> Session<'a> {
    /// Everything short of starting a process: folders, the trial of the confinement, the front.
    /// The front is opened before the server is started, because its port must be ours for the
    /// whole run: a server that dies would otherwise give its port to whoever asks for one.
    fn prepare(
        setup: &'a Setup,
        notice: &'a (dyn Fn(Notice) + Sync),
        events: mpsc::Sender<Event>,
        about: &About,
    ) -> Result<Self, LauncherError> {
        for folder in [&setup.editor, &setup.logs] {
            fs_err::create_dir_all(folder)
                .map_err(|source| LauncherError::NotMade { path: folder.clone(), source })?;
        }
        private_folder(&setup.editor.join("window"))?;
        empty_ipc(&setup.runtime)?;
        let confinement = setup.air_gapped.then(offline::probe);
        if let Some(confinement) = &confinement {
            notice(Notice::AirGapped(confinement.to_string()));
        }
        let log = Arc::new(Log::open(setup.logs.join("editor-server.log")));
        let server = front::server_socket(&setup.runtime);
        let kept = setup.editor.join("state");
        // Before the front is open, and so before any page is.
        if let Err(error) = front::trust_once(&kept, &setup.sample) {
            tracing::warn!(%error, "the sample project is not trusted ahead");
        }
        let front = Front::open(server, kept, &log, &about.refusals)?;
        let opened = Opened { port: front.port(), confinement: confinement.clone() };
        // Set once for a run, so it can't be set already.
        let _ = about.opened.set(opened);
        Ok(Self {
            setup,
            notice,
            events,
            front,
            log,
            memory: Memory::load(&setup.editor),
            confinement,
            server: None,
            server_generation: 0,
            server_crashes: Budget::new(SERVER_RESTARTS, CRASH_TIME),
            reloading: None,
            desktop: None,
            desktop_generation: 0,
            desktop_crashes: Budget::new(WINDOW_RESTARTS, CRASH_TIME),
            windows: BTreeMap::new(),
            opening: Vec::new(),
            in_browser: false,
            failure: None,
        })
    }

    /// Starts it and blocks until it listens, for half a minute at most. Events wait meanwhile. The
    /// generation is raised first, so that an event of the server before is recognized as old.
    fn start_server(&mut self) -> Result<(), LauncherError> {
        self.server_generation += 1;
        let (generation, events) = (self.server_generation, self.events.clone());
        // The channel outlives the session only while it ends; nobody needs the event then.
        let on_end = move |status| drop(events.send(Event::ServerEnded { generation, status }));
        self.server =
            Some(Server::start(self.setup, self.confinement.as_ref(), &self.log, on_end)?);
        Ok(())
    }

    /// The next event. While pages are due to reload, it waits no longer than they have time for,
    /// and then has all of them reloaded. `None` if no sender is left.
    fn next(&mut self, receiver: &mpsc::Receiver<Event>) -> Option<Event> {
        if let Some(reloading) = &self.reloading {
            let time = reloading.by.saturating_duration_since(Instant::now());
            match receiver.recv_timeout(time) {
                Ok(event) => return Some(event),
                Err(mpsc::RecvTimeoutError::Disconnected) => return None,
                Err(mpsc::RecvTimeoutError::Timeout) => {}
            }
            self.reloading = None;
            if let Some(desktop) = &mut self.desktop {
                desktop.send(&Command::Reload);
            }
        }
        receiver.recv().ok()
    }

    fn handle_all(&mut self, receiver: &mpsc::Receiver<Event>) -> Result<Outcome, ErrorInfo> {
        while let Some(event) = self.next(receiver) {
            match event {
                Event::ServerEnded { generation, status }
                    if generation == self.server_generation =>
                {
                    self.server_ended(status);
                }
                Event::Window { generation, event } if generation == self.desktop_generation => {
                    self.window_event(event);
                    // A window that was asked for and is not open yet counts: otherwise closing one
                    // window while another is being opened would end the run.
                    if self.windows.is_empty() && self.opening.is_empty() {
                        // Pages in a browser are not counted anywhere, so once an address was given
                        // out only a signal ends the run. The window program alone is ended then.
                        if !self.in_browser {
                            return self.failure.take().map_or(Ok(Outcome::Closed), Err);
                        }
                        self.close_desktop();
                    }
                }
                Event::WindowsEnded { generation, status }
                    if generation == self.desktop_generation =>
                {
                    self.windows_ended(status)?;
                }
                Event::Asked(asked) => {
                    let answer = self.answer(&asked.ask).map(|done| match done {
                        Done::Windows => "Opened in the LocalCoder IDE that is running.".to_owned(),
                        Done::Addresses(addresses) => {
                            let texts = addresses.iter().map(Notice::to_string);
                            texts.collect::<Vec<_>>().join("\n\n")
                        }
                    });
                    // The start may have given up waiting; what it asked for is done all the same.
                    let _ = asked.answer.send(answer.map_err(ErrorInfo::from));
                }
                Event::Signal => return Ok(Outcome::Interrupted),
                // These come from a process that has been replaced.
                Event::ServerEnded { .. } | Event::Window { .. } | Event::WindowsEnded { .. } => {}
            }
            // Without a window no one could see that it failed.
            if self.desktop.is_none()
                && let Some(error) = self.failure.take()
            {
                return Err(error);
            }
        }
        Err(LauncherError::EventsEnded.into())
    }

    /// Opens what a start asks for, be it this one's own or a later one's; without paths, the
    /// folder that was last open, or an empty window. A later start's error is its own, and the run
    /// continues.
    fn answer(&mut self, ask: &Ask) -> Result<Done, LauncherError> {
        let mut targets = Target::of_paths(&ask.paths)?;
        if targets.is_empty() {
            targets.push(self.last_or_empty());
        }
        // The server has failed for good: a new window would show nothing but an error page.
        if self.server.is_none() {
            return Err(failed(&self.log, "it ended too often"));
        }
        if let Some(reason) = self.why_no_window(ask.browser) {
            self.in_browser = true;
            let address = |target: &Target| -> Result<Notice, LauncherError> {
                let url = self.front.address(&target.query())?;
                Ok(Notice::Address { url, reason: reason.to_owned() })
            };
            return Ok(Done::Addresses(targets.iter().map(address).collect::<Result<_, _>>()?));
        }
        for target in &targets {
            match self.window_of(target) {
                Some(window) if !ask.new_window => self.send(&Command::Focus { window })?,
                _ => self.open_window(&target.query())?,
            }
        }
        Ok(Done::Windows)
    }

    /// The window that shows a folder. `None` for files: bringing the window of their folder to the
    /// front would not open them.
    fn window_of(&self, target: &Target) -> Option<u32> {
        let Target::Folder(folder) = target else { return None };
        let shows = |(_, url): &(&u32, &String)| folder_of(url).as_ref() == Some(folder);
        self.windows.iter().find(shows).map(|(&window, _)| window)
    }

    fn last_or_empty(&self) -> Target {
        // If windows are open, one of them already shows that folder.
        let last = self.memory.last_folder().filter(|_| self.windows.is_empty());
        let last = last.and_then(|folder| folder.to_str());
        last.map_or(Target::Empty, |folder| Target::Folder(folder.to_owned()))
    }

    fn why_no_window(&self, browser: bool) -> Option<&'static str> {
        if browser {
            Some("A browser was asked for.")
        } else if !self.setup.display {
            Some("There is no display to open a window on.")
        } else if !self.setup.desktop.is_file() {
            Some("The window program `localcoder-desktop` is not installed.")
        } else {
            None
        }
    }

    fn send(&mut self, command: &Command) -> Result<(), LauncherError> {
        if self.desktop.is_none() {
            self.start_desktop()?;
        }
        if let Some(desktop) = &mut self.desktop {
            desktop.send(command);
        }
        Ok(())
    }

    fn open_window(&mut self, query: &str) -> Result<(), LauncherError> {
        let url = self.front.address(query)?;
        // Noted as opening only once it was sent: an address that never got out would keep the run
        // alive forever.
        self.send(&Command::Open { url: url.clone() })?;
        self.opening.push(url);
        Ok(())
    }

    fn start_desktop(&mut self) -> Result<(), LauncherError> {
        self.desktop_generation += 1;
        let generation = self.desktop_generation;
        let (events, ends) = (self.events.clone(), self.events.clone());
        let desktop = Desktop::start(
            self.setup,
            (self.front.origin(), self.front.refusing_proxy()),
            move |event| drop(events.send(Event::Window { generation, event })),
            move |status| drop(ends.send(Event::WindowsEnded { generation, status })),
        )?;
        self.desktop = Some(desktop);
        Ok(())
    }

    fn window_event(&mut self, event: window::Event) {
        match event {
            window::Event::Opened { window, url } => {
                // Compared by what they show: the ticket that it was opened with is not reported
                // back.
                let asked = self.opening.iter().position(|asked| same_page(asked, &url));
                if let Some(index) = asked {
                    self.opening.swap_remove(index);
                }
                self.shows(window, url);
            }
            window::Event::Moved { window, url } => {
                self.has_come(window);
                self.shows(window, url);
            }
            window::Event::Closed { window } => {
                self.windows.remove(&window);
                self.has_come(window);
            }
            window::Event::Problem { message } => {
                tracing::warn!(%message, "the window program has a problem");
                (self.notice)(Notice::Problem(LauncherError::Windows(message).into()));
            }
            window::Event::Loaded { .. } | window::Event::Browser { .. } => {}
        }
    }

    fn has_come(&mut self, window: u32) {
        let Some(reloading) = &mut self.reloading else { return };
        reloading.missing.remove(&window);
        if reloading.missing.is_empty() {
            self.reloading = None;
        }
    }

    fn shows(&mut self, window: u32, url: String) {
        self.memory.keep_folder(folder_of(&url));
        self.windows.insert(window, url);
    }

    fn server_ended(&mut self, status: ExitStatus) {
        tracing::warn!(%status, "the editor server ended");
        self.log.line(&format!("[the editor server ended: {status}]"));
        self.server = None;
        let restarted = if self.server_crashes.spend(Instant::now()) {
            self.start_server()
        } else {
            Err(failed(&self.log, format!("it ended {} times in 5 minutes", SERVER_RESTARTS + 1)))
        };
        match restarted {
            Ok(()) => {
                (self.notice)(Notice::ServerRestarted);
                // The new server does not know the old server's pages.
                // Each page reloads by itself when it loses the connection, after it has kept what
                // is unsaved. Making it reload at once would cut that off.
                let missing: BTreeSet<u32> = self.windows.keys().copied().collect();
                let by = Instant::now() + RELOAD_TIME;
                self.reloading = (!missing.is_empty()).then_some(Reloading { by, missing });
            }
            Err(error) => {
                let error = ErrorInfo::from(error);
                let told = error.clone().with_hint(
                    "The windows stay open so that you can copy unsaved text. Close them, then \
                     start LocalCoder IDE again.",
                );
                // Without windows the error is what the run returns, and would be shown twice.
                if self.desktop.is_some() {
                    (self.notice)(Notice::Problem(told));
                }
                self.failure = Some(error);
            }
        }
    }

    /// The window program ended by itself: its windows are opened again, within limits. Beyond
    /// these, or without a server, it is an error that ends the run, unless an address was given out:
    /// the pages in a browser need no window program. Not reached if the windows
    /// were closed, since the run ends before the program does then.
    fn windows_ended(&mut self, status: ExitStatus) -> Result<(), LauncherError> {
        tracing::warn!(%status, "the window program ended");
        self.desktop = None;
        self.reloading = None;
        // Also those that were not open yet: their command went down with the program.
        let lost: Vec<String> =
            std::mem::take(&mut self.windows).into_values().chain(self.opening.drain(..)).collect();
        if self.server.is_some() && self.desktop_crashes.spend(Instant::now()) {
            for url in lost {
                // With a new ticket: the one in the address is used up.
                self.open_window(&query_of(&url))?;
            }
            (self.notice)(Notice::WindowsReopened);
            return Ok(());
        }
        let error = LauncherError::WindowsEnded(status);
        if self.in_browser && self.server.is_some() {
            (self.notice)(Notice::Problem(error.into()));
            return Ok(());
        }
        Err(error)
    }

    fn close_desktop(&mut self) {
        // Its remaining events are ignored.
        self.desktop_generation += 1;
        if let Some(desktop) = self.desktop.take() {
            desktop.stop();
        }
    }

    /// Takes everything down, in the order in which it depends on each other. Errors are of no use
    /// to anyone here and are not reported.
    fn shut_down(&mut self) {
        // Windows first: they still write backups to the server.
        self.close_desktop();
        if let Some(server) = self.server.take() {
            server.stop();
        }
        let _ = fs_err::remove_file(front::server_socket(&self.setup.runtime));
    }
}

fn same_page(a: &str, b: &str) -> bool {
    query_of(a) == query_of(b)
}
