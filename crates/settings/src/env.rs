//! Every environment variable that the programs read, in one place.

use std::path::PathBuf;

use localcoder_disk::cause_of;

use crate::SettingsError;

/// Root of a private installation: settings, models, logs, socket. Tests always set it.
pub const HOME: &str = "LOCALCODER_HOME";
/// Folder of the assembled IDE, where it is not beside the programs.
pub const IDE_DIR: &str = "LOCALCODER_IDE_DIR";
/// The demo model, where it is not beside the programs.
pub const DEMO_MODEL: &str = "LOCALCODER_DEMO_MODEL";
/// The worker program, where it is not beside this one.
pub const WORKER: &str = "LOCALCODER_WORKER";
/// Set by the launcher for the extension: the `localcoder` program.
pub const BIN: &str = "LOCALCODER_BIN";
/// Milliseconds after which a host without clients ends, for tests.
pub const HOST_IDLE_MS: &str = "LOCALCODER_HOST_IDLE_MS";
/// How much faster than the world's the host's clock runs, for trials of faults: all its deadlines
/// pass sooner by this factor.
pub const TIME_SCALE: &str = "LOCALCODER_TIME_SCALE";
/// Filter of the log files, as of `tracing`: `debug`, `localcoder_host=trace`.
pub const LOG: &str = "LOCALCODER_LOG";

/// The value as a path, where it is set and not empty.
#[must_use]
pub fn path(name: &str) -> Option<PathBuf> {
    std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from)
}

/// `LOCALCODER_HOME` as it means the same in each folder; `None` where it is not set. Whoever starts
/// a program of ours in another folder hands this on.
///
/// # Errors
/// Where it is meant from this folder, and that is gone.
pub fn home() -> Result<Option<PathBuf>, SettingsError> {
    let Some(home) = path(HOME) else { return Ok(None) };
    std::path::absolute(&home)
        .map(Some)
        .map_err(|error| SettingsError::HomeNowhere { source: cause_of(&error, &home), home })
}

/// The value as text, where it is set, not empty and UTF-8.
#[must_use]
pub fn text(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_variable_is_its_text_or_nothing() {
        // Cargo sets the one for its tests.
        assert_eq!(text("CARGO_PKG_NAME").as_deref(), Some("localcoder-settings"));
        assert_eq!(text("LOCALCODER_THAT_NOBODY_SETS"), None);
    }
}
