//! Next edits in `localcoder eval`: after each task's edits, the next one is requested as the
//! editor would, and compared with the right ones.

use std::path::Path;
use std::time::{Duration, Instant};

use localcoder_eval::{Followed, NextEditKind, NextEditTask, Outcome, Verdict};
use localcoder_protocol::{
    Diagnostic, ErrorCode, ErrorInfo, NextEditAnswer, NextEditParams, PredictEdit, Silence, Warm,
    WarmParams,
};

use super::eval::{Asking, half_of, is_of_the_answer};
use crate::arguments::EvalOptions;
use crate::output;
use crate::session::overrides;

/// How long a model that was just loaded may take until it answers, and how often it is asked
/// meanwhile.
const READY_WITHIN: Duration = Duration::from_secs(60);
const ASK_AGAIN: Duration = Duration::from_millis(250);

const NAME: &str = "next-edit";

pub(super) fn is_source(path: &Path) -> bool {
    path.as_os_str() == NAME
}

pub(super) fn tasks(options: &EvalOptions) -> Result<Vec<NextEditTask>, ErrorInfo> {
    if !options.tasks.iter().any(|path| is_source(path)) {
        return Ok(Vec::new());
    }
    let tasks = localcoder_eval::next_edit_tasks().map_err(|why| {
        ErrorInfo::new(ErrorCode::Internal, "the tasks can't be read").with_cause(why)
    })?;
    let half = options.half.map(half_of);
    let is_wanted = |task: &NextEditTask| {
        let is_kind = |kind: &String| kind == kind_of(task) || kind == NAME;
        (options.kind.is_empty() || options.kind.iter().any(is_kind))
            && (options.language.is_empty()
                || options.language.iter().any(|it| it == task.language()))
            && half.is_none_or(|half| task.half() == half)
    };
    let every = options.every.map_or(1, std::num::NonZeroUsize::get);
    Ok(tasks.into_iter().filter(is_wanted).step_by(every).collect())
}

fn kind_of(task: &NextEditTask) -> &'static str {
    match task.kind {
        NextEditKind::Rename => "next:rename",
        NextEditKind::Signature => "next:signature",
        NextEditKind::Pattern => "next:pattern",
        NextEditKind::Diagnostic => "next:diagnostic",
        NextEditKind::Nothing => "next:nothing",
    }
}

pub(super) fn predict(
    asking: &mut Asking<'_>,
    tasks: &[NextEditTask],
) -> Result<Vec<Outcome>, ErrorInfo> {
    let mut outcomes = Vec::new();
    if !tasks.is_empty() {
        // Load first, since a request for a next edit does not wait for a load, as while typing.
        let warm = WarmParams { model: asking.model.clone(), ahead: false };
        asking.client.call::<Warm>(&warm, |_, _| {})?;
    }
    for (number, task) in tasks.iter().enumerate() {
        let known = asking.known.remove(&task.id);
        let is_new = known.is_none();
        let outcome = known.map_or_else(|| outcome(asking, task), Ok)?;
        if is_new {
            asking.keep(&outcome)?;
            let place = format!("{}/{}", number + 1, tasks.len());
            output::note(&format!("{place} {}: {}", task.id, super::eval::words(&outcome)));
        }
        outcomes.push(outcome);
    }
    Ok(outcomes)
}

/// The answer once the model is ready: right after a load it may not be, and a request for a next
/// edit does not wait. What is still silent after a minute is taken as the answer.
fn answered(asking: &mut Asking<'_>, params: &NextEditParams) -> Result<NextEditAnswer, ErrorInfo> {
    let started = Instant::now();
    loop {
        let answer = asking.client.call::<PredictEdit>(params, |_, _| {})?;
        let reason = answer.nothing.as_ref().map(|nothing| nothing.reason);
        let waits = matches!(reason, Some(Silence::Loading | Silence::Busy));
        if !waits || started.elapsed() > READY_WITHIN {
            return Ok(answer);
        }
        std::thread::sleep(ASK_AGAIN);
    }
}

fn outcome(asking: &mut Asking<'_>, task: &NextEditTask) -> Result<Outcome, ErrorInfo> {
    let diagnostics = task.diagnostics.iter().map(|it| Diagnostic {
        line: it.line,
        source: None,
        message: it.message.clone(),
    });
    let params = NextEditParams {
        request_id: "eval".to_owned(),
        document: task.document(),
        position: task.cursor,
        edits: task.edits(),
        diagnostics: diagnostics.collect(),
        // As while typing: what is too uncertain is not shown.
        explicit: false,
        model: asking.model.clone(),
        settings: overrides(asking.options.model.profile.as_deref()),
    };
    let started = Instant::now();
    let answer = answered(asking, &params);
    let seconds = started.elapsed().as_secs_f64();
    let none = Outcome::unanswered(&task.id, kind_of(task), task.language(), &asking.asked);
    let mut outcome = Outcome { verdict: Verdict::Unchanged, attempts: 1, seconds, ..none };
    let answer = match answer {
        Ok(answer) => answer,
        Err(error) if is_of_the_answer(error.code) => {
            outcome.verdict = Verdict::Refused;
            outcome.why = error.to_string();
            return Ok(outcome);
        }
        Err(error) => return Err(error),
    };
    let NextEditAnswer { edit, nothing, usage, mean_log_probability, model, .. } = answer;
    if let Some(model) = model {
        asking.model_name = model.name;
    }
    outcome.tokens = usage.generated_tokens;
    outcome.uncached_tokens = usage.prompt_tokens.saturating_sub(usage.cached_tokens);
    outcome.model_seconds = (usage.prefill_ms + usage.decode_ms) / 1000.0;
    outcome.mean_log_probability = mean_log_probability;
    outcome.why = nothing.map(|nothing| nothing.text).unwrap_or_default();
    let is_nothing = task.kind == NextEditKind::Nothing;
    let Some(edit) = edit else {
        // If no edit should follow, suggesting nothing is right.
        if is_nothing {
            (outcome.verdict, outcome.done, outcome.passes) = (Verdict::Right, true, true);
        }
        return Ok(outcome);
    };
    let Followed { place, text } = task.judge(&edit);
    // The columns of the report are those of edits: *done* is the place, *passes* the text.
    (outcome.done, outcome.passes) = (place, text);
    outcome.verdict = if text { Verdict::Right } else { Verdict::Wrong };
    let place = format!("line {}, {:?}", edit.range.start, edit.because);
    outcome.answer = Some(format!("{place}: {}", edit.replacement));
    Ok(outcome)
}
