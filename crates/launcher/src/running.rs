//! What a running IDE reports about itself to a process that may open its socket: where its front
//! listens, what its editor server was started with, and what was refused so far. The thread that
//! takes later starts answers this, so a busy session does not delay it.
//!
//! Called by `localcoder doctor --privacy`, which does not start anything for it.

use std::path::Path;
use std::sync::{Arc, OnceLock};

use serde::{Deserialize, Serialize};

use crate::error::LauncherError;
use crate::front::Refusals;
use crate::instance;
use crate::offline::Confinement;

/// A running IDE. Another version may report less, and the rest is then missing.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Running {
    pub pid: u32,
    /// Known once the front is open.
    pub opened: Option<Opened>,
    pub refused: Vec<Refused>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Opened {
    pub port: u16,
    /// What keeps the editor off the network, if it was started in air-gapped mode.
    pub confinement: Option<Confinement>,
}

/// How often something was refused for one reason. `kind` is a word for scripts, `text` says in
/// words what was counted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Refused {
    pub kind: String,
    pub text: String,
    pub count: u64,
}

/// Where the launcher puts this together. Shared between the session, which fills it, and the
/// thread that answers; neither waits for the other.
#[derive(Debug, Default)]
pub(crate) struct About {
    pub(crate) refusals: Arc<Refusals>,
    pub(crate) opened: OnceLock<Opened>,
}

impl About {
    pub(crate) fn tell(&self) -> Running {
        Running {
            pid: std::process::id(),
            opened: self.opened.get().cloned(),
            refused: self.refusals.all(),
        }
    }
}

/// Asks the IDE with this runtime folder; `None` if none is running.
///
/// # Errors
/// If the folder is not this user's alone, or what is running does not answer this.
pub fn running(runtime: &Path) -> Result<Option<Running>, LauncherError> {
    instance::ask_about(runtime)
}
