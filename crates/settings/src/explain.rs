//! An error in the settings as a client shows it: its code, why, what helps, and what can be
//! offered.

use localcoder_disk::{Cause, ReadError};
use localcoder_protocol::{ErrorAction, ErrorCode, ErrorInfo};

use crate::env::HOME;
use crate::error::SettingsError;
use crate::{AIR_GAPPED, Key};

impl From<SettingsError> for ErrorInfo {
    fn from(error: SettingsError) -> Self {
        use ErrorAction::{OpenSettings, OpenSettingsFile};
        let code = match &error {
            SettingsError::AirGapped { .. } => ErrorCode::AirGapped,
            SettingsError::HomeNowhere { .. } | SettingsError::NoHome(_) => ErrorCode::FileAccess,
            _ => ErrorCode::InvalidSetting,
        };
        let info = Self::new(code, error.to_string());
        match error {
            SettingsError::NotAllowed { allowed, .. } => {
                info.with_cause(format!("allowed is {allowed}")).with_hint("nothing was changed")
            }
            SettingsError::NoSetting(_) => {
                info.with_hint("look up its name among all settings").with_action(OpenSettings)
            }
            SettingsError::NoProfile { there, .. } => info
                .with_cause(format!("there are {}", there.join(", ")))
                .with_hint("choose one of these, or make it under `localcoder.profiles`"),
            SettingsError::Unread { path, source } => {
                let Cause { text, hint, .. } = source.cause(&path);
                let info = info.with_cause(text);
                // The general hint for a wrong kind of file does not help here.
                if matches!(source, ReadError::Io(_)) { info.with_hint(hint) } else { info }
            }
            SettingsError::NotJson { why, .. } => info.with_cause(why),
            SettingsError::UnknownIn { means_air_gap, .. } => {
                let info = info
                    .with_hint("remove it, or look up the name in docs/reference/settings.md")
                    .with_action(OpenSettingsFile);
                let meant = format!(
                    "it may be meant as `localcoder.{AIR_GAPPED}`, which therefore counts as on"
                );
                if means_air_gap { info.with_cause(meant) } else { info }
            }
            SettingsError::NotAllowedIn { key, allowed, .. } => {
                let (otherwise, hint) = match key {
                    Key::AirGapped => ("; anything else counts as on", "fix the value there"),
                    _ => ("", "the value below it is used until this one is fixed"),
                };
                info.with_cause(format!("allowed is {allowed}{otherwise}"))
                    .with_hint(hint)
                    .with_action_on(OpenSettingsFile, key.name())
            }
            SettingsError::TwiceIn { key, .. } => {
                let info = info
                    .with_hint("leave one of them")
                    .with_action_on(OpenSettingsFile, key.name());
                match key {
                    Key::AirGapped => {
                        info.with_cause("it is not clear which is meant, so it counts as on")
                    }
                    _ => info,
                }
            }
            SettingsError::AirGapped { reason, problem, .. } => air_gapped(info, &reason, problem),
            SettingsError::HomeNowhere { source, .. } => info
                .with_cause(format!("it is meant from the working folder: {source}"))
                .with_hint(format!("set {HOME} to a path that begins with `/`")),
            SettingsError::NoHome(error) => info
                .with_cause(error.to_string())
                .with_hint("set HOME, or set LOCALCODER_HOME to a folder for LocalCoder's files"),
        }
    }
}

/// If the air gap only counts as on because something is wrong with the settings, that has to be
/// fixed.
fn air_gapped(info: ErrorInfo, reason: &str, problem: Option<Box<ErrorInfo>>) -> ErrorInfo {
    let how = match &problem {
        None => "turn air-gapped mode off",
        Some(problem) => problem.hint.as_deref().unwrap_or("fix the settings"),
    };
    let info = info
        .with_cause(format!("{reason}, so nothing is downloaded"))
        .with_hint(format!("download the file on another machine and import it here; or {how}"));
    match problem {
        None => info.with_action_on(ErrorAction::OpenSettings, AIR_GAPPED),
        Some(problem) => ErrorInfo { action: problem.action, subject: problem.subject, ..info },
    }
}
