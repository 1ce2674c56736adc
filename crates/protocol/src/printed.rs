//! What the command line prints with `--json`: one type a command, from which the published
//! schemas and the extension's types come. Who prints one names the command, so that nothing else
//! can be printed there.
//!
//! An answer that a host gives is printed as it came. The rest is here: what scripts and the
//! extension may rely on, whatever the files of the store look like.

use serde::{Deserialize, Serialize};

use crate::{
    AssistAnswer, CompleteAnswer, EditStatistics, ErrorInfo, FetchEvent, GenerateAnswer,
    HostStatus, ModelDetails, ModelList, ModelTask, SelfTestEvent, SelfTestReport, SetupReport,
    Silence, StatisticsDeleted, SurveyAnswer, TestRun,
};

/// A command with `--json`.
pub trait Printed {
    /// What it prints when it worked; a [`Failure`] is printed otherwise.
    type Answer: Serialize;
    /// As it is typed, without `localcoder`.
    const COMMAND: &'static str;
}

/// A row of the table of what is printed.
#[derive(Debug, Clone, Copy)]
pub struct PrintedCommand {
    /// See [`Printed::COMMAND`].
    pub command: &'static str,
    /// Name of the type of [`Printed::Answer`].
    pub answer: &'static str,
    /// The schema of what is printed.
    #[cfg(feature = "codegen")]
    pub schema: fn() -> schemars::Schema,
}

macro_rules! printed {
    ($($(#[$doc:meta])* $name:ident = $command:literal => $answer:ident;)*) => {
        $($(#[$doc])*
        #[derive(Debug, Clone, Copy)]
        pub struct $name;
        impl Printed for $name {
            type Answer = $answer;
            const COMMAND: &'static str = $command;
        })*
        /// Every command with `--json` but those of [`crate::COMMANDS`], which all print what
        /// `assist` says.
        pub const PRINTED: &[PrintedCommand] = &[$(PrintedCommand {
            command: $command,
            answer: stringify!($answer),
            #[cfg(feature = "codegen")]
            schema: || schemars::schema_for!($answer),
        }),*];
    };
}

printed! {
    /// Any command that failed.
    Failed = "failure" => Failure;
    /// The commands on lines of a file.
    Assisted = "assist" => AssistAnswer;
    /// What comes next at a place.
    CompletedAt = "complete" => CompleteAnswer;
    /// The user's own test of some lines was run.
    Tested = "test" => TestReport;
    /// A prompt of the user's own.
    Generated = "generate" => GenerateAnswer;
    /// All models.
    ModelsList = "models list" => ModelList;
    /// One model.
    ModelsInfo = "models info" => ModelDetails;
    /// A license, before it is agreed to.
    ModelsLicense = "models license" => ModelLicense;
    /// A model of the catalog was loaded.
    ModelsInstall = "models install" => ModelInstalled;
    /// A line of what happens meanwhile.
    ModelsInstallEvents = "models install --events" => InstallEvent;
    /// What was loaded of a model was deleted.
    ModelsDiscard = "models discard" => ModelDiscarded;
    /// A file or an exported model was taken in.
    ModelsImport = "models import" => ModelInstalled;
    /// A model was written for another machine.
    ModelsExport = "models export" => ModelExported;
    /// A model was removed.
    ModelsRemove = "models remove" => ModelRemoved;
    /// A model's file is what was installed.
    ModelsVerify = "models verify" => ModelVerified;
    /// Another model is used.
    ModelsUse = "models use" => ModelChosen;
    /// All profiles.
    Profiles = "profiles" => SurveyAnswer;
    /// All profiles, as `profiles` prints them.
    ProfilesList = "profiles list" => SurveyAnswer;
    /// Another profile is used.
    ProfilesUse = "profiles use" => ProfileChosen;
    /// All settings.
    ConfigList = "config list" => SettingsList;
    /// One setting.
    ConfigGet = "config get" => SettingValue;
    /// Whether everything is in order.
    DoctorRun = "doctor" => Checkup;
    /// What may use the network.
    DoctorPrivacy = "doctor --privacy" => PrivacyReport;
    /// What there is to know before a model is chosen, and how far that is.
    SetupShow = "setup" => SetupReport;
    /// Whether a model works here, and how fast.
    SelfTestRun = "self-test" => SelfTestReport;
    /// A line of what happens meanwhile.
    SelfTestEvents = "self-test --events" => SelfTestEvent;
    /// How good a model's edits are.
    Evaluated = "eval" => EvalReport;
    /// What became of the edits that were shown.
    StatsShow = "stats" => EditStatistics;
    /// That is deleted.
    StatsDelete = "stats --delete" => StatisticsDeleted;
    /// What the host does.
    StatusShow = "status" => StatusReport;
    /// A host runs.
    HostStart = "host start" => HostStarted;
    /// No host runs.
    HostStop = "host stop" => HostStopped;
    /// What was written goes, models apart.
    Reset = "reset" => Removal;
    /// All of it goes.
    Uninstall = "uninstall" => Removal;
}

/// What is printed in place of an answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "codegen", derive(ts_rs::TS, schemars::JsonSchema))]
pub struct Failure {
    /// What happened.
    pub error: ErrorInfo,
}

/// The user's own test of some lines.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "codegen", derive(ts_rs::TS, schemars::JsonSchema))]
pub struct TestReport {
    /// How it went; absent where there is none that is known how to run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "codegen", ts(optional))]
    pub run: Option<TestRun>,
}

/// Something that is known, for people.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "codegen", derive(ts_rs::TS, schemars::JsonSchema))]
pub struct Fact {
    /// A word for it.
    pub what: String,
    /// What is known.
    pub text: String,
}

/// What is there of a model.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "codegen", derive(ts_rs::TS, schemars::JsonSchema))]
pub struct InstalledModel {
    /// By which it is called.
    pub id: String,
    /// For people.
    pub name: String,
    /// Where its file is; absent where it is gone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "codegen", ts(optional))]
    pub path: Option<String>,
    /// Length of the file.
    pub bytes: u64,
    /// Its SHA-256.
    pub sha256: String,
    /// Whether a catalog pins this file by its digest. Where none does, name, license and template are
    /// what the file, or the folder that it came in, claims.
    pub verified: bool,
    /// The name of another model under which it came here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "codegen", ts(optional))]
    pub claimed_id: Option<String>,
    /// Repository and revision, or the file that it was imported from.
    pub source: String,
    /// Such as `qwen2`.
    pub architecture: String,
    /// Such as `Q4_K_M`.
    pub quantization: String,
    /// Number of weights.
    pub parameters: u64,
    /// Longest context that it was trained for, in tokens.
    pub context_tokens: u64,
    /// Its license, where a catalog says; what came with it where it is not verified.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "codegen", ts(optional))]
    pub license: Option<License>,
    /// What its file claims of its license, which was not checked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "codegen", ts(optional))]
    pub claimed_license: Option<String>,
    /// Id of the license that the user agreed to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "codegen", ts(optional))]
    pub agreed_to: Option<String>,
    /// When it was installed, in seconds since 1970.
    pub installed_at_s: u64,
    /// Why it is of no use for edits and explanations, and what is; said at an import.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "codegen", ts(optional))]
    pub not_for_edits: Option<String>,
}

/// A license.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "codegen", derive(ts_rs::TS, schemars::JsonSchema))]
pub struct License {
    /// SPDX id, or the name that the model hub has for it.
    pub id: String,
    /// For people.
    pub name: String,
    /// Address of its text.
    pub url: String,
    /// Whether it allows commercial use.
    pub commercial: bool,
    /// Conditions worth knowing before reading all of it.
    pub conditions: Vec<String>,
    /// What must be shown where the model is used.
    pub attribution: Vec<String>,
}

/// A license, before it is agreed to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "codegen", derive(ts_rs::TS, schemars::JsonSchema))]
pub struct ModelLicense {
    /// By which the model is called.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Absent where nothing is known of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "codegen", ts(optional))]
    pub license: Option<License>,
    /// Its text; empty where it is not known.
    pub text: String,
    /// What is agreed to with it.
    pub facts: Vec<Fact>,
}

/// A model is there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "codegen", derive(ts_rs::TS, schemars::JsonSchema))]
pub struct ModelInstalled {
    /// Which.
    pub installed: InstalledModel,
}

/// What happens while a model is downloaded, a line each. The last line is `installed` or a
/// [`Failure`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase", tag = "event")]
#[cfg_attr(feature = "codegen", derive(ts_rs::TS, schemars::JsonSchema))]
pub enum InstallEvent {
    /// What was there of an earlier try is read again.
    Checking {
        /// Bytes read.
        bytes: u64,
        /// Bytes there are.
        total_bytes: u64,
    },
    /// Bytes come.
    Progress {
        /// Bytes on disk.
        bytes: u64,
        /// Length of the file.
        total_bytes: u64,
        /// Speed over the last seconds.
        bytes_per_s: u64,
    },
    /// A try failed, and the next comes after a pause.
    Waiting {
        /// The pause in milliseconds.
        wait_ms: u64,
        /// Why.
        reason: String,
    },
    /// What was there could not be used, so it starts over.
    Restarted {
        /// Why.
        reason: String,
    },
    /// It is there, whole and verified.
    Installed {
        /// Which.
        installed: Box<InstalledModel>,
    },
}

impl InstallEvent {
    /// What of the program that loads is of interest to others.
    #[must_use]
    pub fn of(event: FetchEvent) -> Option<Self> {
        match event {
            FetchEvent::Checking { bytes, total_bytes } => {
                Some(Self::Checking { bytes, total_bytes })
            }
            FetchEvent::Progress { bytes, total_bytes, bytes_per_s } => {
                Some(Self::Progress { bytes, total_bytes, bytes_per_s })
            }
            FetchEvent::Waiting { wait_ms, reason } => Some(Self::Waiting { wait_ms, reason }),
            FetchEvent::Restarted { reason } => Some(Self::Restarted { reason }),
            FetchEvent::Confined(_)
            | FetchEvent::Text { .. }
            | FetchEvent::Done
            | FetchEvent::Failed { .. } => None,
        }
    }
}

/// What was loaded of a model is deleted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "codegen", derive(ts_rs::TS, schemars::JsonSchema))]
pub struct ModelDiscarded {
    /// The model's id.
    pub discarded: String,
    /// Bytes that are free now.
    pub freed_bytes: u64,
}

/// A model is written for another machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "codegen", derive(ts_rs::TS, schemars::JsonSchema))]
pub struct ModelExported {
    /// The model's id.
    pub exported: String,
    /// The folder that holds it.
    pub folder: String,
}

/// A model is removed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "codegen", derive(ts_rs::TS, schemars::JsonSchema))]
pub struct ModelRemoved {
    /// The model's id.
    pub removed: String,
    /// Bytes that are free now.
    pub freed_bytes: u64,
}

/// A model's file is what was installed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "codegen", derive(ts_rs::TS, schemars::JsonSchema))]
pub struct ModelVerified {
    /// The model's id.
    pub verified: String,
    /// The file's SHA-256.
    pub sha256: String,
}

/// Another model is used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "codegen", derive(ts_rs::TS, schemars::JsonSchema))]
pub struct ModelChosen {
    /// What for.
    pub task: ModelTask,
    /// Id, path, or the bundled model's name.
    pub model: String,
    /// What the editor's own setting says instead, which counts more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "codegen", ts(optional))]
    pub overridden_by: Option<String>,
}

/// Another profile is used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "codegen", derive(ts_rs::TS, schemars::JsonSchema))]
pub struct ProfileChosen {
    /// Its name.
    pub profile: String,
    /// What the editor's own setting says instead, which counts more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "codegen", ts(optional))]
    pub overridden_by: Option<String>,
    /// Names of settings that the user has set and that count more than the profile.
    pub overrides: Vec<String>,
}

/// All settings.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "codegen", derive(ts_rs::TS, schemars::JsonSchema))]
pub struct SettingsList {
    /// Every setting with its value in force.
    pub settings: Vec<SettingValue>,
    /// What was set and is not used, and why.
    pub errors: Vec<ErrorInfo>,
}

/// A setting with its value in force.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "codegen", derive(ts_rs::TS, schemars::JsonSchema))]
pub struct SettingValue {
    /// Its name.
    pub key: String,
    /// Its value.
    #[cfg_attr(feature = "codegen", ts(type = "unknown"))]
    pub value: serde_json::Value,
    /// Where the value comes from, for people.
    pub from: String,
    /// Why it has this value, where something else than a setting says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "codegen", ts(optional))]
    pub reason: Option<String>,
}

/// Whether everything is there and in order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "codegen", derive(ts_rs::TS, schemars::JsonSchema))]
pub struct Checkup {
    /// Whether all findings are good.
    pub healthy: bool,
    /// What was looked at.
    pub findings: Vec<Finding>,
    /// Where the report is, where one was wanted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "codegen", ts(optional))]
    pub report: Option<String>,
}

/// What was looked at and how it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "codegen", derive(ts_rs::TS, schemars::JsonSchema))]
pub struct Finding {
    /// What.
    pub what: String,
    /// Whether it is in order.
    pub ok: bool,
    /// How it is, where it is in order.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "codegen", ts(optional))]
    pub text: Option<String>,
    /// What is wrong, where something is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "codegen", ts(optional))]
    pub error: Option<ErrorInfo>,
}

/// What may use the network here, what can't, and how that can be checked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "codegen", derive(ts_rs::TS, schemars::JsonSchema))]
pub struct PrivacyReport {
    /// Whether air-gapped mode is on: nothing is downloaded.
    pub air_gapped: bool,
    /// Whether it is on, and what has turned it on, as a sentence.
    pub air_gap: String,
    /// How often a download was refused because of it; absent if not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "codegen", ts(optional))]
    pub refused: Option<u64>,
    /// How often that was, as a sentence.
    pub refused_text: String,
    /// What the front of the running IDE has refused, a row for each kind; empty if not known.
    pub refusals: Vec<PrivacyRefusal>,
    /// By whom and since when, or why nothing is known.
    pub refusals_text: String,
    /// Programs of the product.
    pub programs: Vec<PrivacyFinding>,
    /// What the editor would ask by itself.
    pub editor: Vec<PrivacyFinding>,
    /// Files that hold something of what the user does, as `what`, and what that is.
    pub kept: Vec<Fact>,
    /// Commands of this system that show it, as `text`, and what they show.
    pub checks: Vec<Fact>,
}

/// What something may do with the network.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "codegen", derive(ts_rs::TS, schemars::JsonSchema))]
pub struct PrivacyFinding {
    /// A program, or what would ask.
    pub what: String,
    /// In a word.
    pub network: NetworkUse,
    /// That word as it is shown.
    pub word: String,
    /// By what, and what was seen of it.
    pub text: String,
}

/// How often the front has refused something.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "codegen", derive(ts_rs::TS, schemars::JsonSchema))]
pub struct PrivacyRefusal {
    /// Why, in a word.
    pub kind: String,
    /// How often.
    pub count: u64,
    /// What was counted.
    pub text: String,
}

/// What something may do with the network, in a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "codegen", derive(ts_rs::TS, schemars::JsonSchema))]
pub enum NetworkUse {
    /// Nothing: it is off, or can't.
    None,
    /// This machine only.
    Loopback,
    /// It has none, and nothing would hold it back.
    Unused,
    /// What the user asks for is downloaded, and nothing else.
    WhenAsked,
    /// Nothing holds it back.
    Open,
    /// It does not run now.
    NotRunning,
    /// It was not, or could not be, looked at.
    Unknown,
}

/// How good a model's edits are.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "codegen", derive(ts_rs::TS, schemars::JsonSchema))]
pub struct EvalReport {
    /// The model; absent where recorded answers were judged or tasks were proved.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "codegen", ts(optional))]
    pub model: Option<String>,
    /// A row for each kind and language, then those with an instruction, then all.
    pub rows: Vec<EvalRow>,
    /// Tasks that could not be judged, and why.
    pub skipped: Vec<Fact>,
    /// What became of recorded answers, where some were given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "codegen", ts(optional))]
    pub replayed: Option<EvalReplayed>,
    /// What became of suggestions while holes were typed, where that was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "codegen", ts(optional))]
    pub typing: Option<EvalTyping>,
}

/// Holes that were typed key by key.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "codegen", derive(ts_rs::TS, schemars::JsonSchema))]
pub struct EvalTyping {
    /// How many.
    pub holes: u32,
    /// Characters that had to be there.
    pub characters: u32,
    /// How many of these came with suggestions that were taken.
    pub taken_characters: u32,
    /// Pauses before a word.
    pub pauses: u32,
    /// How many of these had a suggestion.
    pub shown_pauses: u32,
    /// Suggestions, each counted once however long it stayed.
    pub suggestions: u32,
    /// Those that are what was to be written, or with which the program passes its tests.
    pub whole: u32,
    /// Those whose first line is.
    pub line: u32,
    /// Those whose first words are.
    pub words: u32,
    /// All others.
    pub wrong: u32,
    /// Those that were made for another text.
    pub stale: u32,
    /// Those that repeat the line behind them.
    pub repeats: u32,
    /// Those that were not shown as the model was not sure of them.
    pub withheld: u32,
    /// How many of these were right, as a whole or in their first line.
    pub withheld_right: u32,
    /// Why there was none, and how often.
    pub silences: Vec<EvalSilence>,
    /// From a pause to a suggestion that had to be computed, the median in milliseconds; the first
    /// pause in a hole, where all is new, is left out.
    pub computed_ms: f64,
    /// From a pause to a suggestion that was there already, the median in milliseconds.
    pub kept_ms: f64,
    /// Suggestions that were there already.
    pub kept: u32,
    /// Prompt tokens that had to be computed at a pause, the median of the same pauses.
    pub uncached_tokens: u32,
}

/// A reason for silence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "codegen", derive(ts_rs::TS, schemars::JsonSchema))]
pub struct EvalSilence {
    /// Which.
    pub reason: Silence,
    /// At how many pauses.
    pub pauses: u32,
}

/// Tasks of one kind or in one language.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "codegen", derive(ts_rs::TS, schemars::JsonSchema))]
pub struct EvalRow {
    /// Which.
    pub name: String,
    /// How many.
    pub tasks: u32,
    /// Answers that are as asked and with which the program works; of code that was to be left
    /// alone, also where it was.
    pub right: u32,
    /// Answers that are as asked, whether or not the program works.
    pub done: u32,
    /// Answers with which the program works, unchanged ones as well.
    pub passes: u32,
    /// Where nothing was changed, and something was to be.
    pub unchanged: u32,
    /// Answers that were shown and are not right.
    pub wrong: u32,
    /// Where an error came instead of an answer.
    pub refused: u32,
    /// Shown answers that are said to be doubtful.
    pub unsure: u32,
    /// How many of these are right.
    pub unsure_right: u32,
    /// From request to answer, of answers that took one attempt.
    pub once_seconds: f64,
    /// How much of that the model took.
    pub once_model_seconds: f64,
    /// Tokens that the model wrote.
    pub tokens: u64,
    /// From the requests to the answers.
    pub seconds: f64,
}

/// What became of recorded answers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "codegen", derive(ts_rs::TS, schemars::JsonSchema))]
pub struct EvalReplayed {
    /// All answers.
    pub answers: u32,
    /// How many of them are right.
    pub right: u32,
    /// Those that would be shown as they are.
    pub shown: u32,
    /// How many of these are right.
    pub shown_right: u32,
    /// Right ones that would not be shown, or asked for once more.
    pub flagged_right: u32,
    /// How often each finding stops an answer.
    pub findings: Vec<EvalFinding>,
}

/// A finding of the guards.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "codegen", derive(ts_rs::TS, schemars::JsonSchema))]
pub struct EvalFinding {
    /// What it says.
    pub what: String,
    /// How many wrong answers it stops.
    pub wrong: u32,
    /// How many right ones.
    pub right: u32,
}

/// What the host does, where one runs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "codegen", derive(ts_rs::TS, schemars::JsonSchema))]
pub struct StatusReport {
    /// Whether one runs.
    pub running: bool,
    /// What it says of itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "codegen", ts(optional))]
    pub status: Option<HostStatus>,
    /// What is wrong in the files of settings.
    pub settings_errors: Vec<ErrorInfo>,
}

/// A host runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "codegen", derive(ts_rs::TS, schemars::JsonSchema))]
pub struct HostStarted {
    /// Where it listens.
    pub socket: String,
    /// Its process.
    pub pid: u32,
}

/// No host runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "codegen", derive(ts_rs::TS, schemars::JsonSchema))]
pub struct HostStopped {
    /// Whether one ran.
    pub stopped: bool,
    /// Whether it had to be ended from outside, since it did not answer.
    pub forced: bool,
}

/// What is removed of what the product has written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "codegen", derive(ts_rs::TS, schemars::JsonSchema))]
pub struct Removal {
    /// Whether it was removed; otherwise it would be.
    pub done: bool,
    /// Bytes of what goes.
    pub bytes: u64,
    /// What goes.
    pub goes: Vec<RemovalPart>,
    /// What is there and stays.
    pub stays: Vec<RemovalPart>,
    /// Whether an open IDE is closed for it.
    pub closes: bool,
}

/// A part of what the product has written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "codegen", derive(ts_rs::TS, schemars::JsonSchema))]
pub struct RemovalPart {
    /// For people.
    pub what: String,
    /// Where it is.
    pub paths: Vec<String>,
    /// Bytes of it; absent where they were not counted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "codegen", ts(optional))]
    pub bytes: Option<u64>,
    /// What else is to be known, such as why it stays.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "codegen", ts(optional))]
    pub text: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_in_the_table_once() {
        let mut commands: Vec<&str> = PRINTED.iter().map(|row| row.command).collect();
        commands.sort_unstable();
        commands.dedup();
        assert_eq!(commands.len(), PRINTED.len());
    }
}
