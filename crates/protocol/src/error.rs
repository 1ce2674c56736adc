//! Errors as data: a closed set of codes, and what happened, why, and what to do next.
//! The codes are also the command line's exit codes, so they never change their number.

use serde::{Deserialize, Serialize};

macro_rules! codes {
    ($($(#[doc = $doc:literal])+ $name:ident = $exit:literal, $wire:literal;)*) => {
        /// What kind of failure it was. Closed: a client can list them all.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
        #[serde(rename_all = "camelCase")]
        #[cfg_attr(feature = "codegen", derive(ts_rs::TS, schemars::JsonSchema))]
        pub enum ErrorCode { $($(#[doc = $doc])+ $name,)* }

        impl ErrorCode {
            /// Every code, for tables and tests.
            pub const ALL: &'static [Self] = &[$(Self::$name),*];

            /// The command line's exit code.
            #[must_use]
            pub const fn exit_code(self) -> u8 {
                match self { $(Self::$name => $exit,)* }
            }

            /// Name on the wire.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $wire,)* }
            }

            /// What it means, in a sentence or two: the variant's own documentation.
            #[must_use]
            pub const fn describe(self) -> &'static str {
                match self { $(Self::$name => concat!($($doc),+).trim_ascii(),)* }
            }
        }
    };
}

codes! {
    /// A mistake of ours. Also what a panic in a command becomes.
    Internal = 1, "internal";
    /// The command or its arguments are malformed.
    Usage = 2, "usage";
    /// A message that does not follow the protocol.
    Protocol = 3, "protocol";
    /// The two sides speak different versions.
    VersionMismatch = 4, "versionMismatch";
    /// No host could be reached or started.
    HostUnreachable = 5, "hostUnreachable";
    /// The folder for socket and lock cannot be used.
    RuntimeFolder = 6, "runtimeFolder";
    /// The host takes no new work because it is ending.
    Draining = 7, "draining";
    /// Too many requests or clients at once.
    Busy = 8, "busy";
    /// What a command prints could not be written.
    OutputFailed = 9, "outputFailed";
    /// The file is not there.
    FileNotFound = 10, "fileNotFound";
    /// The file is there and can't be read or written.
    FileAccess = 11, "fileAccess";
    /// The file is binary or not UTF-8.
    NotText = 12, "notText";
    /// The lines asked for are not in the file.
    LinesOutOfRange = 13, "linesOutOfRange";
    /// Nothing but white space is selected.
    SelectionEmpty = 14, "selectionEmpty";
    /// The selection does not fit the context window.
    SelectionTooLarge = 15, "selectionTooLarge";
    /// The document is larger than a request may be.
    DocumentTooLarge = 16, "documentTooLarge";
    /// The text to be replaced is no longer where it was.
    DocumentChanged = 17, "documentChanged";
    /// The model's answer can't be used as an edit.
    AnswerUnusable = 18, "answerUnusable";
    /// A setting has a value that is not allowed.
    InvalidSetting = 19, "invalidSetting";
    /// No model is installed or named.
    NoModel = 20, "noModel";
    /// The model file is not there.
    ModelNotFound = 21, "modelNotFound";
    /// The file is not a GGUF.
    ModelNotGguf = 22, "modelNotGguf";
    /// The GGUF is cut off or damaged.
    ModelDamaged = 23, "modelDamaged";
    /// A GGUF of a kind this build can't run.
    ModelUnsupported = 24, "modelUnsupported";
    /// llama.cpp refused to load it.
    ModelLoadFailed = 25, "modelLoadFailed";
    /// There was not enough memory.
    OutOfMemory = 26, "outOfMemory";
    /// A model of this size is only loaded under a profile that allows it.
    ProfileNeeded = 27, "profileNeeded";
    /// The worker could not be started.
    WorkerStart = 30, "workerStart";
    /// The worker ended while it was working.
    WorkerCrashed = 31, "workerCrashed";
    /// llama.cpp failed in the middle of an answer.
    GenerateFailed = 32, "generateFailed";
    /// The editor could not be started.
    EditorStart = 40, "editorStart";
    /// A file could not be downloaded.
    DownloadFailed = 50, "downloadFailed";
    /// A file's digest is not the one it is pinned to.
    ChecksumMismatch = 51, "checksumMismatch";
    /// There is not enough room on the disk.
    DiskFull = 52, "diskFull";
    /// Nothing is downloaded, because `localcoder.airGapped` is on.
    AirGapped = 53, "airGapped";
    /// The license of a model was not agreed to.
    LicenseNotAccepted = 54, "licenseNotAccepted";
    /// The model is loaded, so it can't be removed.
    ModelInUse = 55, "modelInUse";
    /// The folder of installed models can't be used.
    ModelStore = 56, "modelStore";
    /// The user stopped it. 128 + SIGINT, as shells expect.
    Cancelled = 130, "cancelled";
}

/// What can be done about an error. Each client puts it in its own words: a window as a button, the
/// command line as a command. So no text below them names either.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "codegen", derive(ts_rs::TS, schemars::JsonSchema))]
pub enum ErrorAction {
    /// Ask again.
    Retry,
    /// Show the log.
    ShowLog,
    /// Open the product's settings.
    OpenSettings,
    /// Open the product's settings file where it says something wrong.
    OpenSettingsFile,
    /// Reload the window.
    ReloadWindow,
    /// Choose another profile.
    SwitchProfile,
    /// Choose another model.
    SwitchModel,
    /// Change to the profile *fast*.
    UseFastProfile,
    /// Show the models, to install, import, verify or remove one.
    ShowModels,
    /// Install the model that the error is about.
    InstallModel,
    /// Read the file of the model that the error is about, and compare its digest.
    VerifyModel,
    /// Remove the model that the error is about.
    RemoveModel,
    /// Import a model from a file.
    ImportModel,
    /// End the host and start another.
    RestartEngine,
    /// Write a report for a maintainer.
    CreateReport,
}

/// An error a person can act on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "codegen", derive(ts_rs::TS, schemars::JsonSchema))]
pub struct ErrorInfo {
    /// What kind of failure.
    pub code: ErrorCode,
    /// What happened: one sentence with the concrete file, model or number.
    pub message: String,
    /// Why, where known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "codegen", ts(optional))]
    pub cause: Option<String>,
    /// What to do next.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "codegen", ts(optional))]
    pub hint: Option<String>,
    /// What a client may offer to do about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "codegen", ts(optional))]
    pub action: Option<ErrorAction>,
    /// What that is done to: the id of a model, or the name of a setting.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "codegen", ts(optional))]
    pub subject: Option<String>,
}

impl ErrorInfo {
    /// An error that says only what happened; add to it with the `with_` methods.
    #[must_use]
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), cause: None, hint: None, action: None, subject: None }
    }

    /// Says why.
    #[must_use]
    pub fn with_cause(mut self, cause: impl Into<String>) -> Self {
        self.cause = Some(cause.into());
        self
    }

    /// Says what to do next.
    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Says what can be done about it.
    #[must_use]
    pub fn with_action(mut self, action: ErrorAction) -> Self {
        self.action = Some(action);
        self.subject = None;
        self
    }

    /// Adds an action on a subject: a model or a setting.
    #[must_use]
    pub fn with_action_on(mut self, action: ErrorAction, subject: impl Into<String>) -> Self {
        self.action = Some(action);
        self.subject = Some(subject.into());
        self
    }
}

impl std::fmt::Display for ErrorInfo {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.message)?;
        if let Some(cause) = &self.cause {
            write!(f, ": {cause}")?;
        }
        Ok(())
    }
}

impl std::error::Error for ErrorInfo {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_on_the_wire_are_what_serde_writes_and_exit_codes_are_unique() {
        let mut exits = std::collections::HashSet::new();
        for code in ErrorCode::ALL {
            assert_eq!(serde_json::to_value(code).unwrap(), code.as_str());
            assert!(exits.insert(code.exit_code()), "exit code of {code:?} is taken");
        }
    }
}
