//! The table from method to request: what a client can ask for, as typed values.

use localcoder_assist::{AssistError, Command, Fill, NextEditTask, Task, prepare, prepare_follow};
use localcoder_protocol::limits::LOCATED_EDITS_MAX;
use localcoder_protocol::{
    AnswerKind, Assist, AssistParams, Cancel, CancelParams, Complete, Configure, ConfigureFile,
    ConfigureFileParams, ConfigureParams, DOCUMENT_BYTES_MAX, DocumentText, Drain, EditPlace,
    ErrorAction, ErrorCode, ErrorInfo, Generate, GenerateParams, Hello, HelloParams, LineRange,
    LocateEdits, LocateEditsAnswer, LocateEditsParams, ModelUse, PredictEdit, Prepare,
    PrepareParams, RecordDecision, RecordDecisionParams, Request, RequestId, Scopes, ScopesParams,
    Snooze, SnoozeParams, Status, Stop, Survey, SurveyParams, Tried, TriedParams, Unload,
    UnloadParams, Warm, WarmParams, is_edit_id,
};
use serde_json::{Map, Value};

use super::errors;
use super::jobs::{Counting, EditWish, Job};

#[derive(Debug)]
pub(super) enum Asked {
    Hello(HelloParams),
    Status,
    Drain,
    Stop,
    Configure(ConfigureParams),
    ConfigureFile(ConfigureFileParams),
    Cancel(CancelParams),
    LocateEdits(Box<LocateEditsParams>),
    Scopes(Box<ScopesParams>),
    Tried(TriedParams),
    RecordDecision(RecordDecisionParams),
    Survey(SurveyParams),
    Unload(UnloadParams),
    Warm(WarmParams),
    Snooze(SnoozeParams),
    /// Ghost text, which can often be answered without a model.
    Complete(Box<Suggest>),
    /// A next edit, which can often be answered without a model.
    PredictEdit(Box<Predict>),
    Work(Box<Work>),
}

#[derive(Debug)]
pub(super) struct Suggest {
    pub(super) request_id: RequestId,
    pub(super) model: Option<String>,
    pub(super) overrides: Map<String, Value>,
    pub(super) fill: Box<Fill>,
}

#[derive(Debug)]
pub(super) struct Predict {
    pub(super) request_id: RequestId,
    pub(super) model: Option<String>,
    pub(super) overrides: Map<String, Value>,
    pub(super) task: Box<NextEditTask>,
}

#[derive(Debug)]
pub(super) struct Work {
    pub(super) request_id: RequestId,
    /// The model, if it is not the one that the settings name.
    pub(super) model: Option<String>,
    /// Values of settings for this request alone.
    pub(super) overrides: Map<String, Value>,
    pub(super) kind: Kind,
}

#[derive(Debug)]
pub(super) enum Kind {
    Prepare(Task),
    Assist(Task, EditWish),
    Generate(Box<GenerateParams>),
}

impl Kind {
    /// The use for which the settings name a model, if the request names none. A client's own
    /// prompt is not about code, as far as is known.
    pub(super) fn model_use(&self) -> ModelUse {
        match self {
            Self::Prepare(task) | Self::Assist(task, _) => task.spec().model,
            Self::Generate(_) => ModelUse::General,
        }
    }

    /// `counting` is called for commands alone: it draws the id of an edit.
    pub(super) fn job(
        self,
        settings: &localcoder_settings::Settings,
        counting: impl FnOnce() -> Counting,
    ) -> Job {
        match self {
            Self::Prepare(task) => Job::prepare(task),
            Self::Assist(task, wish) => {
                Job::assist(task, wish, counting(), settings.explanation_length)
            }
            Self::Generate(params) => Job::generate(*params, settings.sampling_set),
        }
    }
}

/// The command whose prompt is read ahead for all commands: they share everything before the
/// command.
const READ_AHEAD: &str = "improve";

type Reader = fn(Value) -> Result<Asked, ErrorInfo>;

/// Everything a client can ask. `tests::every_request_has_a_reader` holds it complete.
const READERS: &[(&str, Reader)] = &[
    (Hello::METHOD, |params| Ok(Asked::Hello(read::<Hello>(params)?))),
    // Parameters are read even where there are none to read, so that a malformed request is refused
    // like any other.
    (Status::METHOD, |params| read::<Status>(params).map(|_| Asked::Status)),
    (Drain::METHOD, |params| read::<Drain>(params).map(|_| Asked::Drain)),
    (Stop::METHOD, |params| read::<Stop>(params).map(|_| Asked::Stop)),
    (Configure::METHOD, |params| Ok(Asked::Configure(read::<Configure>(params)?))),
    (ConfigureFile::METHOD, |params| Ok(Asked::ConfigureFile(read::<ConfigureFile>(params)?))),
    (Cancel::METHOD, |params| Ok(Asked::Cancel(read::<Cancel>(params)?))),
    (LocateEdits::METHOD, |params| Ok(Asked::LocateEdits(Box::new(read::<LocateEdits>(params)?)))),
    (Scopes::METHOD, |params| Ok(Asked::Scopes(Box::new(read::<Scopes>(params)?)))),
    (Tried::METHOD, |params| Ok(Asked::Tried(read::<Tried>(params)?))),
    (RecordDecision::METHOD, |params| {
        let params = read::<RecordDecision>(params)?;
        // The id becomes a line of the ledger: only our own form of it may, or a client could write
        // text into the file.
        match is_edit_id(&params.edit_id) {
            true => Ok(Asked::RecordDecision(params)),
            false => Err(ErrorInfo::new(ErrorCode::Protocol, "no edit is named like that")),
        }
    }),
    (Survey::METHOD, |params| Ok(Asked::Survey(read::<Survey>(params)?))),
    (Unload::METHOD, |params| Ok(Asked::Unload(read::<Unload>(params)?))),
    (Warm::METHOD, |params| Ok(Asked::Warm(read::<Warm>(params)?))),
    (Snooze::METHOD, |params| Ok(Asked::Snooze(read::<Snooze>(params)?))),
    (Complete::METHOD, |params| {
        let params = read::<Complete>(params)?;
        // Before anything is parsed: a parser's time goes with the length of the document.
        checked(&params.document)?;
        let fill = Box::new(Fill::new(&params)?);
        let (request_id, model) = (params.request_id, params.model);
        let suggest = Suggest { request_id, model, overrides: params.settings, fill };
        Ok(Asked::Complete(Box::new(suggest)))
    }),
    (PredictEdit::METHOD, |params| {
        let params = read::<PredictEdit>(params)?;
        checked(&params.document)?;
        let task = Box::new(NextEditTask::new(&params)?);
        let (request_id, model) = (params.request_id, params.model);
        let predict = Predict { request_id, model, overrides: params.settings, task };
        Ok(Asked::PredictEdit(Box::new(predict)))
    }),
    (Prepare::METHOD, |params| {
        let PrepareParams { request_id, document, selection } = read::<Prepare>(params)?;
        let kind = Kind::Prepare(task(&document, selection, Command::new(READ_AHEAD, None)?)?);
        work(request_id, None, Map::new(), kind)
    }),
    (Assist::METHOD, |params| {
        let params = read::<Assist>(params)?;
        let AssistParams { request_id, command, document, selection, instruction, .. } = params;
        let command = Command::new(&command, instruction.as_deref())?;
        let task = match &params.pending {
            Some(pending) => prepare_follow(checked(&document)?, pending, command)?,
            None => task(&document, selection, command)?,
        };
        let mut task = task.with_diagnostics(&params.diagnostics);
        // A conversation belongs to questions; an edit is asked by its instruction alone.
        if task.spec().answer == AnswerKind::Text {
            task = task.with_conversation(&params.conversation);
        }
        if let Some(run) = &params.test {
            task = task.with_test(run);
        }
        let AssistParams { test, variation, drafts, .. } = params;
        let kind = Kind::Assist(task, EditWish { test, variation, drafts });
        work(request_id, params.model, params.settings, kind)
    }),
    (Generate::METHOD, |params| {
        let params = read::<Generate>(params)?;
        let (request_id, model) = (params.request_id.clone(), params.model.clone());
        let overrides = params.settings.clone();
        work(request_id, model, overrides, Kind::Generate(Box::new(params)))
    }),
];

/// Reads a request. All checks that need no state are made here, so that what the rest of the core
/// gets is well formed.
pub(super) fn request(method: &str, params: Value) -> Result<Asked, ErrorInfo> {
    match READERS.iter().find(|(name, _)| *name == method) {
        Some((_, reader)) => reader(params),
        None => Err(ErrorInfo::new(ErrorCode::Protocol, format!("`{method}` is not known"))
            .with_hint("the client is newer than the host: start the engine again")
            .with_action(ErrorAction::RestartEngine)),
    }
}

fn read<R: Request>(params: Value) -> Result<R::Params, ErrorInfo> {
    serde_json::from_value(params).map_err(|error| {
        let text = format!("the parameters of `{}` can't be read", R::METHOD);
        ErrorInfo::new(ErrorCode::Protocol, text).with_cause(error.to_string())
    })
}

fn task(
    document: &DocumentText,
    selection: LineRange,
    command: Command,
) -> Result<Task, ErrorInfo> {
    Ok(prepare(checked(document)?, selection, command)?)
}

fn checked(document: &DocumentText) -> Result<&DocumentText, ErrorInfo> {
    match document.text.len() {
        bytes if bytes > DOCUMENT_BYTES_MAX => {
            Err(errors::document_too_large(&document.path, bytes))
        }
        _ => Ok(document),
    }
}

fn work(
    request_id: RequestId,
    model: Option<String>,
    overrides: Map<String, Value>,
    kind: Kind,
) -> Result<Asked, ErrorInfo> {
    Ok(Asked::Work(Box::new(Work { request_id, model, overrides, kind })))
}

pub(super) fn locate_edits(params: &LocateEditsParams) -> Result<LocateEditsAnswer, ErrorInfo> {
    let LocateEditsParams { document, edits, check_syntax } = params;
    if edits.len() > LOCATED_EDITS_MAX {
        let text =
            format!("{} edits; at most {LOCATED_EDITS_MAX} are located at once", edits.len());
        return Err(ErrorInfo::new(ErrorCode::Protocol, text));
    }
    let places = localcoder_assist::locate_all(document, edits);
    let place = |found: Result<LineRange, AssistError>| match found {
        Ok(range) => EditPlace { range: Some(range), error: None },
        Err(error) => EditPlace { range: None, error: Some(error.into()) },
    };
    let broken = || localcoder_assist::broken_by(document, edits);
    Ok(LocateEditsAnswer {
        places: places.into_iter().map(place).collect(),
        syntax_error: check_syntax.then(broken).flatten(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use localcoder_protocol::HOST_REQUESTS;

    #[test]
    fn every_request_has_a_reader() {
        let mut read: Vec<&str> = READERS.iter().map(|(name, _)| *name).collect();
        let mut declared: Vec<&str> = HOST_REQUESTS.iter().map(|row| row.method).collect();
        declared.push(Hello::METHOD);
        read.sort_unstable();
        declared.sort_unstable();
        assert_eq!(read, declared);
    }
}
