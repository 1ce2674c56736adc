//! Holes for `localcoder eval`: each is filled as in the editor, and the program is run.

use std::path::Path;
use std::time::Instant;

use localcoder_eval::{Filled, Hole, Language, Outcome, Ran, Runner, Verdict};
use localcoder_protocol::{
    Complete, CompleteAnswer, CompleteParams, ErrorCode, ErrorInfo, GhostText, Usage,
};

use super::eval::{Asking, Skipped, half_of, is_of_the_answer};
use crate::arguments::EvalOptions;
use crate::output;
use crate::session::overrides;

/// The holes in the files that were named; none if none was, unless the options need some.
pub(super) fn holes(options: &EvalOptions) -> Result<Vec<Hole>, ErrorInfo> {
    let mut holes = Vec::new();
    for path in options.tasks.iter().filter(|path| localcoder_eval::is_infilling(path)) {
        holes.extend(localcoder_eval::read_holes(path).map_err(|why| {
            ErrorInfo::new(ErrorCode::Usage, "the holes can't be read")
                .with_cause(why)
                .with_hint("give a file `infilling-KIND.jsonl` or `.jsonl.gz`")
        })?);
    }
    if (options.typed || options.answers.is_some()) && holes.is_empty() {
        return Err(ErrorInfo::new(ErrorCode::Usage, "there are no holes to be filled")
            .with_hint("name a file of HumanEval-infilling with `--tasks`"));
    }
    let half = options.half.map(half_of);
    holes.retain(|hole| half.is_none_or(|half| hole.half() == half));
    let every = options.every.map_or(1, std::num::NonZeroUsize::get);
    Ok(holes.into_iter().step_by(every).collect())
}

/// Fills the holes, and runs each program. Those whose own text does not pass its tests here are
/// skipped: no answer could be judged by them.
pub(super) fn fill(
    asking: &mut Asking<'_>,
    runner: &Runner,
    holes: &[Hole],
    skipped: &mut Skipped,
) -> Result<Vec<Outcome>, ErrorInfo> {
    let mut outcomes = Vec::new();
    for (number, hole) in holes.iter().enumerate() {
        if let Some(known) = asking.known.remove(&hole.id) {
            outcomes.push(known);
            continue;
        }
        if !hole.is_provable(runner) {
            let _ = skipped.add(&hole.id, "its right answer does not pass its tests here");
            continue;
        }
        let outcome = outcome(asking, runner, hole)?;
        asking.keep(&outcome)?;
        let place = format!("{}/{}", number + 1, holes.len());
        output::note(&format!("{place} {}: {}", hole.id, super::eval::words(&outcome)));
        outcomes.push(outcome);
    }
    Ok(outcomes)
}

fn outcome(asking: &mut Asking<'_>, runner: &Runner, hole: &Hole) -> Result<Outcome, ErrorInfo> {
    let params = CompleteParams {
        request_id: "eval".to_owned(),
        document: hole.document(),
        position: hole.position(),
        chunks: Vec::new(),
        edits: Vec::new(),
        // Asked for explicitly, so that nothing is suppressed; whether it would be shown unasked is
        // recorded.
        explicit: true,
        model: asking.model.clone(),
        settings: overrides(asking.options.model.profile.as_deref()),
    };
    let started = Instant::now();
    let answer = asking.client.call::<Complete>(&params, |_, _| {});
    let seconds = started.elapsed().as_secs_f64();
    let mut outcome = Outcome { seconds, asked: asking.asked.clone(), ..unanswered(hole) };
    let answer = match answer {
        Ok(answer) => answer,
        Err(error) if is_of_the_answer(error.code) => {
            outcome.why = error.to_string();
            return Ok(outcome);
        }
        Err(error) => return Err(error),
    };
    let CompleteAnswer { suggestion, nothing, usage, mean_log_probability, model, .. } = answer;
    if let Some(model) = model {
        asking.model_name = model.name;
    }
    let Usage { prompt_tokens, cached_tokens, generated_tokens, prefill_ms, decode_ms, .. } = usage;
    outcome.tokens = generated_tokens;
    outcome.uncached_tokens = prompt_tokens.saturating_sub(cached_tokens);
    outcome.model_seconds = (prefill_ms + decode_ms) / 1000.0;
    outcome.mean_log_probability = mean_log_probability;
    // There is a suggestion and a reason against it: it would be shown only if it is asked for.
    outcome.unsure = nothing.is_some();
    outcome.why = nothing.map(|nothing| nothing.text).unwrap_or_default();
    let Some(suggestion) = suggestion else {
        outcome.verdict = Verdict::Unchanged;
        return Ok(outcome);
    };
    Ok(filled(outcome, hole, runner, suggestion))
}

fn unanswered(hole: &Hole) -> Outcome {
    let python = Language::Python.name();
    Outcome { attempts: 1, ..Outcome::unanswered(&hole.id, hole.kind, python, "") }
}

fn filled(outcome: Outcome, hole: &Hole, runner: &Runner, suggestion: GhostText) -> Outcome {
    let done = hole.is_same(&suggestion);
    let ran = hole.judge(runner, &suggestion);
    let answer = Some(suggestion.text);
    match ran {
        Ran::Passed => Outcome { verdict: Verdict::Right, done, passes: true, answer, ..outcome },
        Ran::Failed(why) => Outcome { verdict: Verdict::Wrong, done, why, answer, ..outcome },
    }
}

/// Judges the texts with which another program has filled the holes, with the same tests. Holes
/// without an answer are skipped and not wrong: that program may have been given fewer.
pub(super) fn judged(
    path: &Path,
    runner: &Runner,
    holes: &[Hole],
    skipped: &mut Skipped,
) -> Result<Vec<Outcome>, ErrorInfo> {
    let answers = localcoder_eval::read_filled(path).map_err(|why| {
        ErrorInfo::new(ErrorCode::Usage, "the answers can't be read")
            .with_cause(why)
            .with_hint("give lines of JSON with `task`, `answer` and `seconds`")
    })?;
    let mut outcomes = Vec::new();
    for hole in holes {
        // A file may have several runs in it; the first answer to a hole counts.
        let Some(Filled { answer, seconds, .. }) = answers.iter().find(|it| it.task == hole.id)
        else {
            let _ = skipped.add(&hole.id, "there is no answer");
            continue;
        };
        if !hole.is_provable(runner) {
            let _ = skipped.add(&hole.id, "its right answer does not pass its tests here");
            continue;
        }
        let outcome = Outcome { seconds: *seconds, ..unanswered(hole) };
        let suggestion = GhostText { text: answer.clone(), replaces: 0 };
        outcomes.push(filled(outcome, hole, runner, suggestion));
    }
    Ok(outcomes)
}

/// How long it took, in words, to show where most of the time goes on a slow machine; `None`
/// without holes. Medians, as the first request loads the model.
pub(super) fn took(outcomes: &[Outcome]) -> Option<String> {
    let mut uncached: Vec<u32> = outcomes.iter().map(|it| it.uncached_tokens).collect();
    let mut seconds: Vec<f64> = outcomes.iter().map(|it| it.seconds).collect();
    uncached.sort_unstable();
    seconds.sort_by(f64::total_cmp);
    let middle = outcomes.len() / 2;
    let (tokens, seconds) = (uncached.get(middle)?, seconds.get(middle)?);
    Some(format!(
        "Half of the holes took {:.0} ms or less, and {tokens} prompt tokens or fewer to compute.",
        seconds * 1000.0
    ))
}
