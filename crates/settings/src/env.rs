//! All environment variables that the programs read.

use std::path::PathBuf;

use localcoder_disk::cause_of;

use crate::SettingsError;

/// Root of a private installation: settings, models, logs, socket. Tests always set it.
pub const HOME: &str = "LOCALCODER_HOME";
/// Folder of the assembled IDE, if it is not next to the programs.
pub const IDE_DIR: &str = "LOCALCODER_IDE_DIR";
/// The demo model, if it is not next to the programs.
pub const DEMO_MODEL: &str = "LOCALCODER_DEMO_MODEL";
/// The worker program, if it is not next to this one.
pub const WORKER: &str = "LOCALCODER_WORKER";
/// Path of the `localcoder` program; the launcher sets it for the extension.
pub const BIN: &str = "LOCALCODER_BIN";
/// Milliseconds after which a host without clients ends, for tests.
pub const HOST_IDLE_MS: &str = "LOCALCODER_HOST_IDLE_MS";
/// How much faster than real time the host's clock runs, for fault trials: all its deadlines pass
/// sooner by this factor.
pub const TIME_SCALE: &str = "LOCALCODER_TIME_SCALE";
/// Filter for the log files, in `tracing`'s format: `debug`, `localcoder_host=trace`.
pub const LOG: &str = "LOCALCODER_LOG";

/// The value as a path, if it is set and not empty.
#[must_use]
pub fn path(name: &str) -> Option<PathBuf> {
    std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from)
}

/// `LOCALCODER_HOME` as an absolute path; `None` if it is not set. A program of ours that is
/// started in another folder must be passed this one.
///
/// # Errors
/// If it is relative to the current folder, and that is gone.
pub fn home() -> Result<Option<PathBuf>, SettingsError> {
    let Some(home) = path(HOME) else { return Ok(None) };
    std::path::absolute(&home)
        .map(Some)
        .map_err(|error| SettingsError::HomeNowhere { source: cause_of(&error, &home), home })
}

/// The value as text, if it is set, not empty and UTF-8.
#[must_use]
pub fn text(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_variable_is_its_text_or_nothing() {
        // Cargo sets this variable for its tests.
        assert_eq!(text("CARGO_PKG_NAME").as_deref(), Some("localcoder-settings"));
        assert_eq!(text("LOCALCODER_THAT_NOBODY_SETS"), None);
    }
}
