//! Opens the IDE: one launcher per user starts the editor server, shows its windows and takes
//! both down when the last window is closed.
//!
//! Knows nothing of models or the host; the extension in the editor starts that. It prints nothing:
//! the caller of [`open`] gets [`Notice`]s. Called by `localcoder PATH`.

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

#[derive(Debug, Clone, Default)]
pub struct OpenRequest {
    /// Folders and files; relative ones are taken from the working folder. If empty, the folder
    /// that was last open, if it still exists.
    pub paths: Vec<PathBuf>,
    pub browser: bool,
    /// Open another window even if one shows the folder already; otherwise that one comes to the
    /// front.
    pub new_window: bool,
}

/// Where the files are and which programs are run. Tests give one of their own, with shell scripts
/// as programs.
#[derive(Debug, Clone)]
pub struct Setup {
    /// Server data, user data, extensions and window data; created if missing.
    pub editor: PathBuf,
    /// Lock and sockets; made private to the user.
    pub runtime: PathBuf,
    pub logs: PathBuf,
    pub settings: PathBuf,
    /// The user's copy of the sample project, which is trusted without asking.
    pub sample: PathBuf,
    /// `LOCALCODER_HOME` for the editor, if this is a private installation.
    pub home: Option<PathBuf>,
    pub node: PathBuf,
    pub server_main: PathBuf,
    /// The `localcoder` program, for the extension.
    pub localcoder: PathBuf,
    /// The `localcoder-desktop` program. Without it, or without a display, the address is reported
    /// instead.
    pub desktop: PathBuf,
    pub display: bool,
    /// Start the editor server, and so its extensions and terminals, without network.
    pub air_gapped: bool,
}

impl Setup {
    /// The setup of an assembled IDE at `ide`, with its programs next to `localcoder`. Looks at the
    /// environment (`LOCALCODER_HOME`, display) but not at the disk: what is missing is an error
    /// when it is started. Air-gapped mode is off until the caller, who has read the settings, sets
    /// it.
    #[must_use]
    pub fn assembled(ide: &Path, localcoder: &Path, folders: &Folders) -> Self {
        let suffix = std::env::consts::EXE_SUFFIX;
        Self {
            editor: folders.editor.clone(),
            runtime: folders.runtime.clone(),
            logs: folders.logs.clone(),
            settings: folders.settings.clone(),
            sample: folders.sample.clone(),
            // The editor's terminals start in other folders than this program.
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

/// The folders of an installation that the launcher uses; each is described in [`Setup`].
#[derive(Debug, Clone)]
pub struct Folders {
    pub editor: PathBuf,
    pub runtime: PathBuf,
    pub logs: PathBuf,
    pub settings: PathBuf,
    pub sample: PathBuf,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    HandedOver,
    Closed,
    Interrupted,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Notice {
    Opening,
    /// No window could be shown, or none was wanted: the address for a browser.
    Address {
        /// The address opens one session, so only the user may see it.
        url: String,
        reason: String,
    },
    HandedOver {
        message: String,
    },
    /// The IDE is air-gapped: how far that reaches on this system, as sentences.
    AirGapped(String),
    ServerRestarted,
    WindowsReopened,
    /// Something failed; the IDE continues as far as it can.
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

/// Opens the IDE and returns when its last window is closed, or on SIGINT, SIGTERM or SIGHUP. If a
/// launcher is already running, that one opens the window and this returns at once.
///
/// The handlers for these three signals stay installed, so it is for programs that do nothing else.
///
/// # Errors
/// If a path does not exist, the runtime folder can't be used, or the editor server does not start
/// or keeps ending.
pub fn open(
    request: &OpenRequest,
    setup: &Setup,
    notice: &(dyn Fn(Notice) + Sync),
) -> Result<Outcome, ErrorInfo> {
    let paths = request.paths.iter().map(|path| absolute(path)).collect::<Result<Vec<_>, _>>()?;
    // Before anything is started, so that a typo costs nothing.
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

/// Whether a window can be shown here. On Linux: whether the environment announces X11 or Wayland,
/// which is what a session over SSH lacks. Whether a display answers is found out by the window
/// program.
#[must_use]
pub fn has_display() -> bool {
    let set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    !cfg!(target_os = "linux") || set("DISPLAY") || set("WAYLAND_DISPLAY")
}

fn absolute(path: &Path) -> Result<PathBuf, LauncherError> {
    let joined = std::path::absolute(path)
        .map_err(|source| LauncherError::NotAPath { path: path.to_owned(), source })?;
    // Links and `..` are resolved, because the editor shows the path as it is given. A path that
    // does not exist stays as it is, for the error that names it.
    Ok(fs_err::canonicalize(&joined).unwrap_or(joined))
}
