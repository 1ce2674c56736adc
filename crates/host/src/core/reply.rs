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

#[derive(Debug, Clone, PartialEq)]
pub enum Reply {
    /// To `drain` and `stop`.
    Nothing,
    Hello(HelloAnswer),
    Status(Box<HostStatus>),
    /// To `configure` and `configureFile`.
    Configure(ConfigureAnswer),
    Cancel(CancelAnswer),
    LocateEdits(LocateEditsAnswer),
    Scopes(Box<ScopesAnswer>),
    Survey(SurveyAnswer),
    Unload(UnloadAnswer),
    Warm(WarmAnswer),
    Prepare(PrepareAnswer),
    Assist(Box<AssistAnswer>),
    Generate(Box<GenerateAnswer>),
    Complete(Box<CompleteAnswer>),
    PredictEdit(Box<NextEditAnswer>),
}

impl Reply {
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

#[derive(Debug, Clone, PartialEq)]
pub enum Notice {
    Progress(ProgressParams),
    Delta(DeltaParams),
    Draft(DraftParams),
    TryEdit(TryEditParams),
    Suggestion(SuggestionParams),
    Status(Box<HostStatus>),
}

impl Notice {
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
