//! What can be wrong with settings, by cause. How it is shown: `explain.rs`.

use std::path::PathBuf;

use localcoder_disk::{Cause, ReadError};
use localcoder_protocol::ErrorInfo;
use serde_json::Value;

use crate::Key;
use crate::env::HOME;

/// An error in the settings. Its text says what happened, in one clause. Variants that end in `In`
/// are about a value in a file or layer, whose place they name; the others are about what somebody
/// wants to set.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    #[error("`{key}` can't be {value}")]
    NotAllowed { key: String, value: Value, allowed: String },
    #[error("there is no setting `{0}`")]
    NoSetting(String),
    #[error("there is no profile `{name}`")]
    NoProfile { name: String, there: Vec<String> },
    #[error("`{}` can't be read", path.display())]
    Unread { path: PathBuf, source: ReadError },
    #[error("`{}` is not JSON", path.display())]
    NotJson { path: PathBuf, why: String },
    #[error("there is no setting `localcoder.{name}` (in {place})")]
    UnknownIn { place: String, name: String, means_air_gap: bool },
    #[error("`localcoder.{}` can't be {value} (in {place})", key.name())]
    NotAllowedIn { place: String, key: Key, value: Value, allowed: String },
    #[error("`localcoder.{}` is set twice (in {place}), to different values", key.name())]
    TwiceIn { place: String, key: Key },
    #[error("{what}")]
    AirGapped { what: String, reason: String, problem: Option<Box<ErrorInfo>> },
    #[error("{HOME} is `{}`, and that leads nowhere", home.display())]
    HomeNowhere { home: PathBuf, source: Cause },
    #[error("your home folder could not be found")]
    NoHome(#[source] etcetera::HomeDirError),
}
