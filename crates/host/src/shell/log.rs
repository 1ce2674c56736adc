//! The host's log file. It holds what happened, never what the user wrote.

use std::path::Path;

use localcoder_settings::env;
use tracing_subscriber::EnvFilter;

/// A log of this size is set aside at the next start; one older log is kept.
const LOG_BYTES_MAX: u64 = 4 * 1024 * 1024;

/// Starts logging to `host.log`. Without a writable folder there is no log, and nothing else
/// changes: the host must run from a full disk too.
pub(super) fn start(folder: &Path) {
    let path = folder.join("host.log");
    let opened = fs_err::create_dir_all(folder).and_then(|()| {
        if fs_err::metadata(&path).is_ok_and(|meta| meta.len() > LOG_BYTES_MAX) {
            fs_err::rename(&path, folder.join("host.log.1"))?;
        }
        fs_err::OpenOptions::new().create(true).append(true).open(&path)
    });
    let Ok(file) = opened else { return };
    let filter = env::text(env::LOG).unwrap_or_else(|| "info".to_owned());
    let _ = tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::new(filter))
        .with_ansi(false)
        .with_writer(std::sync::Mutex::new(file.into_file()))
        .try_init();
    tracing::info!(pid = std::process::id(), "the host starts");
}
