//! The application: its windows, and the one loop that handles commands from the launcher and
//! events from windows and their pages.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::{Duration, Instant};

use anyhow::Context;
use localcoder_launcher::window::{Command, Event as Report};
use tao::event::{Event, StartCause, WindowEvent};
use tao::event_loop::{ControlFlow, EventLoopBuilder, EventLoopProxy, EventLoopWindowTarget};
use tao::window::{Icon, Window, WindowBuilder, WindowId};
use wry::WebContext;

use crate::geometry::Geometry;
use crate::link::{Link, judge, origin, without_ticket};
use crate::page::{self, EventSender, Page, PageEvent};
use crate::{icon, platform, report};

/// How long pages may delay the end of the program. Less than the launcher waits.
const QUIT_TIME: Duration = Duration::from_secs(2);
const ZOOM_STEP: f64 = 1.1;
const ZOOM_STEPS_MAX: i32 = 12;
/// How often a page is loaded again after its process has ended, over the whole life of its window.
const PAGE_CRASHES_MAX: u32 = 3;
/// Shown until the page has a title of its own, and whenever that is empty.
const TITLE: &str = "LocalCoder IDE";

#[derive(Debug)]
pub(crate) enum Message {
    Command(Command),
    Page {
        /// The number under which the launcher knows it.
        window: u32,
        event: PageEvent,
    },
}

struct PageWindow {
    // Declared first, since the view must be dropped before the window that holds it.
    page: Rc<Page>,
    window: Window,
    events: EventSender,
    crashes: u32,
}

struct App {
    data: PathBuf,
    origin: String,
    refusing: String,
    proxy: EventLoopProxy<Message>,
    context: WebContext,
    icon: Option<Icon>,
    geometry: Geometry,
    windows: BTreeMap<u32, PageWindow>,
    last_number: u32,
    quit_by: Option<Instant>,
}

/// Shows windows until told to quit; the process ends here, since the event loop never returns.
/// Must be called on the main thread. `listen` runs on a thread of its own and passes on the
/// launcher's commands; only the loop touches windows and views.
pub(crate) fn run(
    data: &Path,
    (origin, refusing): (String, String),
    listen: impl FnOnce(&dyn Fn(Command)) + Send + 'static,
) -> anyhow::Result<()> {
    // First of all: a launcher that dies from here on takes this program with it.
    platform::end_with_parent();
    localcoder_launcher::private_folder(data).context("the window's data folder can't be used")?;
    // The pages of earlier runs had other addresses: what they stored is out of reach, and the
    // launcher keeps what is needed.
    let pages = data.join("pages");
    match fs_err::remove_dir_all(&pages) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            report::problem(format!("data of earlier pages can't be removed: {error}"));
        }
        _ => {}
    }
    let event_loop = EventLoopBuilder::<Message>::with_user_event().build();
    let proxy = event_loop.create_proxy();
    let commands = proxy.clone();
    std::thread::Builder::new().name("commands".to_owned()).spawn(move || {
        listen(&|command| drop(commands.send_event(Message::Command(command))));
    })?;
    let icon = icon::load().inspect_err(|error| report::problem(format!("{error:#}"))).ok();
    let mut app = App {
        data: data.to_owned(),
        origin,
        refusing,
        proxy,
        context: WebContext::new(Some(pages)),
        icon,
        geometry: Geometry::load(data),
        windows: BTreeMap::new(),
        last_number: 0,
        quit_by: None,
    };
    event_loop.run(move |event, target, flow| {
        match event {
            Event::UserEvent(Message::Command(command)) => app.command(command, target),
            Event::UserEvent(Message::Page { window, event }) => app.page(window, event, target),
            Event::WindowEvent { window_id, event, .. } => app.window(window_id, &event),
            // The time is up, which is only set when quitting: pages that have not agreed to close
            // by now are closed without it.
            Event::NewEvents(StartCause::ResumeTimeReached { .. }) => app.windows.clear(),
            _ => {}
        }
        *flow = match app.quit_by {
            // Windows may be empty without quitting: the launcher opens the next one, or decides
            // that the run is over.
            Some(_) if app.windows.is_empty() => ControlFlow::Exit,
            Some(by) => ControlFlow::WaitUntil(by),
            None => ControlFlow::Wait,
        };
    })
}

impl App {
    fn command(&mut self, command: Command, target: &EventLoopWindowTarget<Message>) {
        match command {
            // The first one was read by `main`.
            Command::Start { .. } => report::problem("the window program was started twice"),
            Command::Open { url } => self.open(&url, target),
            Command::Focus { window } => {
                if let Some(page) = self.windows.get(&window) {
                    page.window.set_minimized(false);
                    page.window.set_focus();
                }
            }
            Command::Reload => {
                for page in self.windows.values() {
                    note(page.page.view.reload());
                }
            }
            Command::Quit => {
                // Told twice (a command and the end of standard input), the first time counts.
                self.quit_by.get_or_insert_with(|| Instant::now() + QUIT_TIME);
                for page in self.windows.values() {
                    platform::ask_to_close(&page.page.view, &page.events);
                }
            }
        }
    }

    fn open(&mut self, url: &str, target: &EventLoopWindowTarget<Message>) {
        // Also for what a page asks to open: a window never shows anything but the editor.
        if judge(url, &self.origin) != Link::Editor {
            return report::problem(format!("`{}` is not the editor's address", origin(url)));
        }
        self.last_number += 1;
        let number = self.last_number;
        match self.build(number, url, target) {
            Ok(page) => {
                self.windows.insert(number, page);
                report::event(&Report::Opened { window: number, url: without_ticket(url) });
            }
            Err(error) => {
                report::problem(format!("a window can't be opened: {error:#}"));
                // Reported nevertheless, so that the launcher does not wait for it.
                report::event(&Report::Opened { window: number, url: without_ticket(url) });
                report::event(&Report::Closed { window: number });
            }
        }
    }

    fn build(
        &mut self,
        number: u32,
        url: &str,
        target: &EventLoopWindowTarget<Message>,
    ) -> anyhow::Result<PageWindow> {
        let builder = WindowBuilder::new().with_title(TITLE).with_window_icon(self.icon.clone());
        let builder = self.geometry.apply(builder, self.windows.len());
        let window = builder.build(target).context("the system gave no window")?;
        let events = EventSender { window: number, proxy: self.proxy.clone() };
        let page = page::build(&window, &mut self.context, &events, &self.origin)?;
        // Before the first address is loaded: the proxy must be in place by the time of the first
        // request.
        platform::refuse_all_but(&page.view, &self.origin, &self.refusing);
        page.view.load_url(url).context("the page can't be loaded")?;
        Ok(PageWindow { page: Rc::new(page), window, events, crashes: 0 })
    }

    fn window(&mut self, id: WindowId, event: &WindowEvent<'_>) {
        let Some(page) = self.windows.values().find(|page| page.window.id() == id) else { return };
        match event {
            WindowEvent::CloseRequested => platform::ask_to_close(&page.page.view, &page.events),
            // The system closed the window without asking.
            WindowEvent::Destroyed => page.events.send(PageEvent::Closed),
            WindowEvent::Resized(_) | WindowEvent::Moved(_) => {
                let now = Geometry::of(&page.window, self.geometry);
                // Further windows open next to the first one, whose place the next start begins at.
                let alone = self.windows.len() == 1;
                self.geometry = if alone { now } else { now.at_place_of(self.geometry) };
            }
            _ => {}
        }
    }

    fn page(&mut self, number: u32, event: PageEvent, target: &EventLoopWindowTarget<Message>) {
        // Events are queued: the window may have been closed since.
        let Some(page) = self.windows.get_mut(&number) else { return };
        match event {
            PageEvent::Title(title) => {
                page.window.set_title(if title.is_empty() { TITLE } else { &title });
            }
            PageEvent::Moved(url) => {
                report::event(&Report::Moved { window: number, url: without_ticket(&url) });
            }
            PageEvent::Loaded => {
                let zoom = ZOOM_STEP.powi(self.geometry.zoom);
                note(page.page.view.zoom(zoom));
                note(page.page.view.focus());
                report::event(&Report::Loaded { window: number });
            }
            PageEvent::Zoom(by) => self.zoom(by),
            PageEvent::CloseAsked => platform::ask_to_close(&page.page.view, &page.events),
            PageEvent::Closed => {
                let page = self.windows.remove(&number);
                drop(page);
                if let Err(error) = self.geometry.save(&self.data) {
                    report::problem(format!("the windows' size can't be kept: {error}"));
                }
                report::event(&Report::Closed { window: number });
            }
            PageEvent::Crashed => {
                page.crashes += 1;
                if page.crashes <= PAGE_CRASHES_MAX {
                    report::problem("a page ended unexpectedly and was loaded again");
                    note(page.page.view.reload());
                } else {
                    report::problem("a page ended unexpectedly too often; its window is closed");
                    page.events.send(PageEvent::Closed);
                }
            }
            PageEvent::ReadClipboard(id) => {
                // Weak, so that a clipboard whose owner never answers does not keep the view.
                let page = Rc::downgrade(&page.page);
                // The window may be gone when the text arrives.
                platform::read_clipboard(move |text| {
                    if let Some(page) = page.upgrade() {
                        note(page.give_clipboard(id, text));
                    }
                });
            }
            PageEvent::WriteClipboard(text) => platform::write_clipboard(&text),
            PageEvent::Open(url) => match judge(&url, &self.origin) {
                Link::Editor => self.open(&url, target),
                Link::Outside => browse(&url),
                Link::Nowhere => report::problem(format!("`{}` is not opened", origin(&url))),
            },
        }
    }

    /// All windows share one zoom level, as in VS Code.
    fn zoom(&mut self, by: i32) {
        let zoom = if by == 0 { 0 } else { self.geometry.zoom + by };
        self.geometry.zoom = zoom.clamp(-ZOOM_STEPS_MAX, ZOOM_STEPS_MAX);
        for page in self.windows.values() {
            note(page.page.view.zoom(ZOOM_STEP.powi(self.geometry.zoom)));
        }
    }
}

fn browse(url: &str) {
    // The browser is the user's own program, so the files that it creates get the user's umask.
    match localcoder_launcher::with_users_umask(|| open::that_detached(url)) {
        Ok(()) => report::event(&Report::Browser { origin: origin(url).to_owned() }),
        Err(error) => {
            report::problem(format!("`{}` can't be opened in a browser: {error}", origin(url)));
        }
    }
}

/// A call into the view has failed: the window shows that better than any message.
fn note(result: wry::Result<()>) {
    if let Err(error) = result {
        report::error(&error.to_string());
    }
}
