//! Opens the IDE: one launcher per user starts the editor server, shows its windows and takes
//! both down when the last window is closed.
//!
//! Knows nothing of models or the host; the extension inside the editor starts that. It prints
//! nothing: whoever calls [`open`] is told by [`Notice`]s. Called by `localcoder PATH`.

mod address;
mod budget;
mod desktop;
mod environment;
mod error;
mod explain;
mod front;
mod health;
mod instance;
mod log;
mod memory;
mod offline;
mod private;
mod process;
mod running;
mod server;
mod session;
pub mod window;

use std::path::{Path, PathBuf};

use localcoder_protocol::ErrorInfo;

pub use error::LauncherError;
pub use offline::{Confinement, probe as probe_confinement};
pub use running::{Opened, Refused, Running, running};

pub use localcoder_transport::local::private_folder;
pub use localcoder_transport::private::{close_umask, with_users_umask};

/// What to open.
#[derive(Debug, Clone, Default)]
pub struct OpenRequest {
    /// Folders and files; relative ones are taken from the working folder. Where empty, the
    /// folder that was open last, if it is still there.
    pub paths: Vec<PathBuf>,
    /// Print an address for a browser and open no window.
    pub browser: bool,
    /// Open another window where one shows the folder already; else that one comes to the front.
    pub new_window: bool,
}

/// Where things lie and which programs are run.
#[derive(Debug, Clone)]
pub struct Setup {
    /// Server data, user data, extensions and window data; made where missing.
    pub editor: PathBuf,
    /// Lock and sockets; made private to the user.
    pub runtime: PathBuf,
    /// `editor-server.log` goes here.
    pub logs: PathBuf,
    /// The file that the editor's user settings lie in.
    pub settings: PathBuf,
    /// The user's copy of the sample project, which is trusted without a question.
    pub sample: PathBuf,
    /// `LOCALCODER_HOME` for the editor, where this is a private installation.
    pub home: Option<PathBuf>,
    /// The Node.js that runs the editor server.
    pub node: PathBuf,
    /// The editor server's `server-main.js`.
    pub server_main: PathBuf,
    /// The `localcoder` program, for the extension.
    pub localcoder: PathBuf,
    /// The `localcoder-desktop` program. Without it, or without a display, the address is reported.
    pub desktop: PathBuf,
    /// Whether windows can be shown; see [`has_display`].
    pub display: bool,
    /// Start the editor server, and so its extensions and terminals, without network.
    pub air_gapped: bool,
}

impl Setup {
    /// The setup of an assembled IDE at `ide` with its programs beside `localcoder`.
    #[must_use]
    pub fn assembled(ide: &Path, localcoder: &Path, folders: &Folders) -> Self {
        let suffix = std::env::consts::EXE_SUFFIX;
        Self {
            editor: folders.editor.clone(),
            runtime: folders.runtime.clone(),
            logs: folders.logs.clone(),
            settings: folders.settings.clone(),
            sample: folders.sample.clone(),
            // The editor's terminals are in other folders than this program.
            home: std::env::var_os("LOCALCODER_HOME")
                .filter(|home| !home.is_empty())
                .map(|home| std::path::absolute(&home).unwrap_or_else(|_| PathBuf::from(home))),
            node: ide.join("node/bin").join(format!("node{suffix}")),
            server_main: ide.join("vscode/out/server-main.js"),
            localcoder: localcoder.to_owned(),
            desktop: localcoder.with_file_name(format!("localcoder-desktop{suffix}")),
            display: has_display(),
            air_gapped: false,
        }
    }
}

/// The folders of an installation that the launcher uses.
#[derive(Debug, Clone)]
pub struct Folders {
    /// See [`Setup::editor`].
    pub editor: PathBuf,
    /// See [`Setup::runtime`].
    pub runtime: PathBuf,
    /// See [`Setup::logs`].
    pub logs: PathBuf,
    /// See [`Setup::settings`].
    pub settings: PathBuf,
    /// See [`Setup::sample`].
    pub sample: PathBuf,
}

/// How it ended well.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// A launcher was running already and did what was asked.
    HandedOver,
    /// The last window was closed.
    Closed,
    /// A signal ended it.
    Interrupted,
}

/// What a user should see while the IDE runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Notice {
    /// Windows are being opened.
    Opening,
    /// No window could be shown, or none was wanted: the address for a browser.
    Address {
        /// Opens one session, so it is for the user's eyes only.
        url: String,
        /// Why there is no window.
        reason: String,
    },
    /// Another launcher took the request.
    HandedOver {
        /// What it did.
        message: String,
    },
    /// The IDE is air-gapped: how far that reaches here, as sentences.
    AirGapped(String),
    /// The editor server ended by itself and was started again.
    ServerRestarted,
    /// The window program ended by itself; its windows were opened again.
    WindowsReopened,
    /// Something failed; the IDE goes on as far as it can.
    Problem(ErrorInfo),
}

impl std::fmt::Display for Notice {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Opening => f.write_str(
                "LocalCoder IDE is open. It ends when its last window is closed, or on Ctrl-C.",
            ),
            Self::Address { url, reason } => write!(
                f,
                "{reason} Open this address in a browser on this machine. It works once, for \
                 whoever opens it first, so don't share it:\n\n  {url}\n\nPress Ctrl-C to end the \
                 IDE."
            ),
            Self::HandedOver { message } | Self::AirGapped(message) => f.write_str(message),
            Self::ServerRestarted => {
                f.write_str("The editor server ended unexpectedly and was started again.")
            }
            Self::WindowsReopened => f.write_str(
                "The window program ended unexpectedly; its windows were opened again. Unsaved \
                 text comes back from the editor's backups.",
            ),
            Self::Problem(error) => {
                write!(f, "{error}")?;
                error.hint.iter().try_for_each(|hint| write!(f, "\nhint: {hint}"))
            }
        }
    }
}

/// Opens the IDE and stays until its last window is closed or SIGINT, SIGTERM or SIGHUP comes.
/// Where a launcher runs already, that one opens the window and this returns at once.
///
/// Handlers for those three signals stay installed, so it is for programs that do only this.
///
/// # Errors
/// Where a path is not there, the runtime folder can't be used, or the editor server does not
/// start or does not stay.
pub fn open(
    request: &OpenRequest,
    setup: &Setup,
    notice: &(dyn Fn(Notice) + Sync),
) -> Result<Outcome, ErrorInfo> {
    let paths = request.paths.iter().map(|path| absolute(path)).collect::<Result<Vec<_>, _>>()?;
    // Before anything is started, so that a typing mistake costs nothing.
    address::Target::of_paths(&paths)?;
    private_folder(&setup.runtime)?;
    let ask = instance::Ask { paths, browser: request.browser, new_window: request.new_window };
    match instance::claim(&setup.runtime, &ask)? {
        instance::Claim::Running(message) => {
            notice(Notice::HandedOver { message });
            Ok(Outcome::HandedOver)
        }
        instance::Claim::First(instance) => session::run(&instance, &ask, setup, notice),
    }
}

/// Whether a window can be shown here. On Linux: whether X11 or Wayland is announced.
#[must_use]
pub fn has_display() -> bool {
    let set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    !cfg!(target_os = "linux") || set("DISPLAY") || set("WAYLAND_DISPLAY")
}

fn absolute(path: &Path) -> Result<PathBuf, LauncherError> {
    let joined = std::path::absolute(path)
        .map_err(|source| LauncherError::NotAPath { path: path.to_owned(), source })?;
    // Links and `..` are resolved, because the editor shows the path as it is given. A path that
    // is not there is left as it is, for the error that names it.
    Ok(fs_err::canonicalize(&joined).unwrap_or(joined))
}
