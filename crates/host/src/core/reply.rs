//! What clients are sent, as typed values. The shell turns them into messages.

use localcoder_protocol::{
    AssistAnswer, CancelAnswer, CompleteAnswer, ConfigureAnswer, Delta, DeltaParams, Draft,
    DraftParams, GenerateAnswer, HelloAnswer, HostStatus, LocateEditsAnswer, NextEditAnswer,
    Nothing, PrepareAnswer, Progress, ProgressParams, ScopesAnswer, StatusChanged, Suggestion,
    SuggestionParams, SurveyAnswer, TryEdit, TryEditParams, UnloadAnswer, WarmAnswer,
};
use localcoder_transport::Message;
use serde::Serialize;
use serde_json::Value;

/// The answer to a request.
#[derive(Debug, Clone, PartialEq)]
pub enum Reply {
    /// To `drain` and `stop`.
    Nothing,
    /// To `hello`.
    Hello(HelloAnswer),
    /// To `status`.
    Status(Box<HostStatus>),
    /// To `configure` and `configureFile`.
    Configure(ConfigureAnswer),
    /// To `cancel`.
    Cancel(CancelAnswer),
    /// To `locateEdits`.
    LocateEdits(LocateEditsAnswer),
    /// To `scopes`.
    Scopes(Box<ScopesAnswer>),
    /// To `survey`.
    Survey(SurveyAnswer),
    /// To `unload`.
    Unload(UnloadAnswer),
    /// To `warm`.
    Warm(WarmAnswer),
    /// To `prepare`.
    Prepare(PrepareAnswer),
    /// To `assist`.
    Assist(Box<AssistAnswer>),
    /// To `generate`.
    Generate(Box<GenerateAnswer>),
    /// To `complete`.
    Complete(Box<CompleteAnswer>),
    /// To `predictEdit`.
    PredictEdit(Box<NextEditAnswer>),
}

impl Reply {
    /// The value that is sent to the client.
    #[must_use]
    pub fn to_value(&self) -> Value {
        match self {
            Self::Nothing => json(&Nothing {}),
            Self::Hello(answer) => json(answer),
            Self::Status(answer) => json(answer),
            Self::Configure(answer) => json(answer),
            Self::Cancel(answer) => json(answer),
            Self::LocateEdits(answer) => json(answer),
            Self::Scopes(answer) => json(answer),
            Self::Survey(answer) => json(answer),
            Self::Unload(answer) => json(answer),
            Self::Warm(answer) => json(answer),
            Self::Prepare(answer) => json(answer),
            Self::Assist(answer) => json(answer),
            Self::Generate(answer) => json(answer),
            Self::Complete(answer) => json(answer),
            Self::PredictEdit(answer) => json(answer),
        }
    }
}

fn json(answer: &impl Serialize) -> Value {
    serde_json::to_value(answer).expect("protocol types serialize")
}

/// What a client is sent without having asked.
#[derive(Debug, Clone, PartialEq)]
pub enum Notice {
    /// Progress of a request.
    Progress(ProgressParams),
    /// A piece of a streamed answer.
    Delta(DeltaParams),
    /// An edit as far as it has been written.
    Draft(DraftParams),
    /// An edit on which the client must run its test.
    TryEdit(TryEditParams),
    /// A setting that the user may want to change.
    Suggestion(SuggestionParams),
    /// The host's status has changed.
    Status(Box<HostStatus>),
}

impl Notice {
    /// The message that is sent to the client.
    #[must_use]
    pub fn to_message(&self) -> Message {
        match self {
            Self::Progress(params) => Message::notification::<Progress>(params),
            Self::Delta(params) => Message::notification::<Delta>(params),
            Self::Draft(params) => Message::notification::<Draft>(params),
            Self::TryEdit(params) => Message::notification::<TryEdit>(params),
            Self::Suggestion(params) => Message::notification::<Suggestion>(params),
            Self::Status(status) => Message::notification::<StatusChanged>(status),
        }
    }
}
