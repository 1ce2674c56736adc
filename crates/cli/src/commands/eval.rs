//! `localcoder eval`: how good a model's edits are, measured by tasks whose answers are run. It
//! asks what the editor asks; each outcome is saved at once, so that a run can be resumed.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::time::Instant;

use localcoder_disk::{cause_of, read_text};
use localcoder_eval::{Half, Language, Outcome, Runner, Task, Verdict, percent};
use localcoder_host::connect;
use localcoder_protocol::{
    Assist, AssistAnswer, AssistParams, BUILD_ID, ClientKind, CommandSpec, DocumentText,
    EditAnswer, ErrorCode, ErrorInfo, EvalReplayed, EvalReport, Evaluated, Fact, Generate,
    GenerateParams, Notification as _, SamplingParams, Tried, TryEdit, TryEditParams,
};
use localcoder_settings::Places;
use localcoder_transport::{Client, ClientEvent, read_answer};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{eval_infilling, eval_next_edit, eval_typing};
use crate::arguments::{EvalHalf, EvalOptions};
use crate::failure::explained;
use crate::offline::Offline;
use crate::output;
use crate::session::{model_reference, overrides, program, uncounted};
use crate::tester::Tester;

/// Longest file of outcomes. One outcome has some KB, so this is some ten thousand of them; a
/// larger file was given by mistake.
const OUTCOMES_BYTES_MAX: u64 = 256 * 1024 * 1024;

/// Most tokens of an answer without the product's own limit: the longest task's code has some
/// hundred, and models explain it as well.
const PLAIN_TOKENS_MAX: u32 = 1_024;

pub(crate) fn run(options: &EvalOptions) -> Result<(), ErrorInfo> {
    let replayed = options.replay.as_deref().map(replayed).transpose()?;
    // Recorded answers need no model, no host and no compiler, unless tasks were asked for as well.
    if replayed.is_some() && options.tasks.is_empty() && !options.prove {
        return report(
            options,
            &EvalReport {
                model: None,
                rows: Vec::new(),
                skipped: Vec::new(),
                replayed,
                typing: None,
            },
        );
    }
    let runner = Runner::new(Box::new(Offline::probe()));
    // Said and not refused: on a system that can't confine programs the measurement is still
    // wanted.
    if let Some(why) = runner.network() {
        output::note(&format!("The programs that are run have the network: {why}."));
    }
    let mut skipped = Skipped::default();
    // Read before a host is started: a misspelled file is reported at once.
    let holes = eval_infilling::holes(options)?;
    let tasks: Vec<Task> = tasks(options)?
        .into_iter()
        .filter(|task| match runner.why_not(task.language) {
            Some(why) => skipped.add(task.language.name(), why),
            None => true,
        })
        .collect();
    if options.prove {
        return prove(&runner, &tasks, skipped);
    }
    if let Some(path) = &options.answers {
        let outcomes = eval_infilling::judged(path, &runner, &holes, &mut skipped)?;
        let model = Some(path.display().to_string());
        let (rows, skipped) = (localcoder_eval::rows(&outcomes), skipped.facts());
        return report(options, &EvalReport { model, rows, skipped, replayed, typing: None });
    }
    let mut asking = Asking::open(options)?;
    if options.typed {
        let typing = Some(eval_typing::run(&mut asking, &runner, &holes, &mut skipped)?);
        let (model, rows) = (Some(asking.model_name), Vec::new());
        let skipped = skipped.facts();
        return report(options, &EvalReport { model, rows, skipped, replayed, typing });
    }
    let mut outcomes = eval_infilling::fill(&mut asking, &runner, &holes, &mut skipped)?;
    if let Some(took) = eval_infilling::took(&outcomes) {
        output::note(&took);
    }
    outcomes.extend(eval_next_edit::predict(&mut asking, &eval_next_edit::tasks(options)?)?);
    for (number, task) in tasks.iter().enumerate() {
        // A known outcome is in the report as if it were new: a run that was resumed gives what one
        // that was not ended would have given. That its task can be judged here was found out then.
        let known = asking.known.remove(&task.id);
        let is_new = known.is_none();
        let outcome = match known {
            Some(outcome) => outcome,
            None if !is_provable(&runner, task) => {
                let _ = skipped.add(&task.id, "its right answer does not pass its tests here");
                continue;
            }
            None => asking.outcome(&runner, task)?,
        };
        if is_new {
            // Saved before anything else is done: a run takes hours, and may be ended at any time.
            asking.keep(&outcome)?;
            let place = format!("{}/{}", number + 1, tasks.len());
            output::note(&format!("{place} {}: {}", task.id, words(&outcome)));
        }
        outcomes.push(outcome);
    }
    let rows = localcoder_eval::rows(&outcomes);
    let model = Some(asking.model_name);
    let skipped = skipped.facts();
    report(options, &EvalReport { model, rows, skipped, replayed, typing: None })
}

/// What can't be judged, with the reason: by language or by task, each once, and sorted for the
/// report.
#[derive(Default)]
pub(super) struct Skipped(BTreeMap<String, String>);

impl Skipped {
    /// Always returns false, so that it can be the answer of a filter: the task is not to be run.
    pub(super) fn add(&mut self, what: &str, why: &str) -> bool {
        self.0.insert(what.to_owned(), why.to_owned());
        false
    }

    fn facts(self) -> Vec<Fact> {
        self.0.into_iter().map(|(what, text)| Fact { what, text }).collect()
    }
}

/// The tasks that were asked for, without holes and next edits.
///
/// # Errors
/// If a file can't be read, or if nothing is left, which would be a report about nothing.
fn tasks(options: &EvalOptions) -> Result<Vec<Task>, ErrorInfo> {
    let unread = |why: String| {
        ErrorInfo::new(ErrorCode::Usage, "the tasks can't be read")
            .with_cause(why)
            .with_hint("give `own`, or a file `humanevalpack-LANGUAGE.jsonl` or `.jsonl.gz`")
    };
    let own = ["own".into()];
    let wanted = if options.tasks.is_empty() { &own[..] } else { &options.tasks };
    let mut tasks = Vec::new();
    let is_other =
        |path: &&PathBuf| localcoder_eval::is_infilling(path) || eval_next_edit::is_source(path);
    for source in wanted.iter().filter(|source| !is_other(source)) {
        tasks.extend(
            match source.to_str() {
                Some("own") => localcoder_eval::own_tasks(),
                _ => localcoder_eval::read_pack(source),
            }
            .map_err(unread)?,
        );
    }
    let languages = options.language.iter().map(|name| {
        Language::named(name).ok_or_else(|| {
            let known = Language::ALL.map(Language::name).join(", ");
            ErrorInfo::new(ErrorCode::Usage, format!("there are no tasks in `{name}`"))
                .with_hint(format!("there are some in {known}"))
        })
    });
    let languages = languages.collect::<Result<BTreeSet<_>, _>>()?;
    let half = options.half.map(half_of);
    let is_wanted = |task: &Task| {
        let is_kind =
            // `flaw` means all sorts of flaws, which are kinds such as `flaw: …`.
            |kind: &String| task.kind == *kind || task.kind.starts_with(&format!("{kind}:"));
        (languages.is_empty() || languages.contains(&task.language))
            && (options.kind.is_empty() || options.kind.iter().any(is_kind))
            && half.is_none_or(|half| task.half() == half)
    };
    let mut tasks: Vec<Task> = tasks.into_iter().filter(is_wanted).collect();
    let has_others = wanted.iter().any(|source| is_other(&source));
    if tasks.is_empty() && !has_others {
        return Err(ErrorInfo::new(ErrorCode::Usage, "no task is of that kind, language and half")
            .with_hint("`localcoder eval --help` says what there is"));
    }
    if let Some(every) = options.every {
        // Last, so that it is a share of what was asked for.
        tasks = tasks.into_iter().step_by(every.get()).collect();
    }
    Ok(tasks)
}

pub(super) fn half_of(half: EvalHalf) -> Half {
    match half {
        EvalHalf::Tuning => Half::Tuning,
        EvalHalf::HeldOut => Half::HeldOut,
    }
}

fn is_provable(runner: &Runner, task: &Task) -> bool {
    task.judge(runner, &task.right, &task.with(&task.right)).right()
}

/// Whether the tasks' own right and wrong answers are judged correctly, without any model. Faults
/// are data, and are all printed; the error at the end is for the exit code.
fn prove(runner: &Runner, tasks: &[Task], skipped: Skipped) -> Result<(), ErrorInfo> {
    let faults: Vec<String> = tasks.iter().filter_map(|task| task.prove(runner).err()).collect();
    for fault in &faults {
        output::line(fault)?;
    }
    for Fact { what, text } in skipped.facts() {
        output::note(&format!("Not proved: {what}: {text}"));
    }
    output::line(&format!("{} tasks proved, {} not.", tasks.len() - faults.len(), faults.len()))?;
    if faults.is_empty() {
        return Ok(());
    }
    Err(ErrorInfo::new(ErrorCode::Usage, "some tasks are not proved by their own references")
        .with_hint("fix them: what is wrong is said above"))
}

/// Asks the model over one connection, one request at a time, and saves the outcomes. It is the
/// state that holes, next edits and tasks share in a run.
pub(super) struct Asking<'a> {
    pub(super) options: &'a EvalOptions,
    pub(super) client: Client,
    pub(super) model: Option<String>,
    /// The model's name, from its last answer; until there is one, as it was given.
    pub(super) model_name: String,
    /// The model as it was given, the build, and how it is asked: outcomes of others are not
    /// comparable, and are not continued.
    pub(super) asked: String,
    pub(super) known: BTreeMap<String, Outcome>,
    out: Option<File>,
}

impl<'a> Asking<'a> {
    fn open(options: &'a EvalOptions) -> Result<Self, ErrorInfo> {
        let places = Places::resolve()?;
        let model = model_reference(options.model.model.as_deref())?;
        let model_name = model.clone().unwrap_or_else(|| "the model that is set".to_owned());
        let how = match (options.plain, options.test) {
            (true, _) => ", plain",
            (false, true) => ", tested",
            (false, false) => "",
        };
        let profile = options.model.profile.as_ref().map(|it| format!(", profile {it}"));
        let profile = profile.unwrap_or_default();
        let asked = format!("{model_name}, build {BUILD_ID}{profile}{how}");
        let mut known = BTreeMap::new();
        let mut out = None;
        if let Some(path) = &options.out {
            // Typed holes have lines of their own kind, which `eval_typing` reads.
            let lines = if options.typed { Vec::new() } else { outcomes(path)? };
            for outcome in lines.into_iter().filter(|outcome| outcome.asked == asked) {
                known.insert(outcome.task.clone(), outcome);
            }
            // Appended to, so that outcomes of other models and builds in the same file stay.
            let opened = continued(path).map_err(|error| unwritten(path, &error))?;
            out = Some(opened);
        }
        let client = connect::connect_or_start(&places, &program()?, ClientKind::Cli)?;
        Ok(Self { options, client, model, model_name, asked, known, out })
    }

    fn outcome(&mut self, runner: &Runner, task: &Task) -> Result<Outcome, ErrorInfo> {
        let started = Instant::now();
        let id = format!("eval {}", task.id);
        let params = AssistParams {
            instruction: task.instruction.clone(),
            pending: task.pending(),
            model: self.model.clone(),
            // No user has seen these edits: they don't belong in the statistics of those that were
            // shown.
            settings: uncounted(overrides(self.options.model.profile.as_deref())),
            ..AssistParams::new(id, "improve", task.document.clone(), task.lines)
        };
        let language = task.language.name();
        let outcome = Outcome::unanswered(&task.id, &task.kind, language, &self.asked);
        if self.options.plain {
            return self.plain_outcome(runner, task, outcome);
        }
        let answer = self.asked(params, task);
        let outcome = Outcome { seconds: started.elapsed().as_secs_f64(), ..outcome };
        match answer {
            Ok(AssistAnswer::Edit(edit)) => {
                self.model_name.clone_from(&edit.model.name);
                Ok(judged(outcome, runner, task, &edit))
            }
            Ok(AssistAnswer::Text(_)) => {
                Err(ErrorInfo::new(ErrorCode::Internal, "an edit was asked for, and a text came"))
            }
            // The model is to blame; any other error ends the run.
            Err(error) if is_of_the_answer(error.code) => {
                Ok(Outcome { why: error.to_string(), ..outcome })
            }
            Err(error) => Err(error),
        }
    }

    /// Asks, and has the examples in the documentation run if that is wanted, in an otherwise empty
    /// folder.
    fn asked(&mut self, mut params: AssistParams, task: &Task) -> Result<AssistAnswer, ErrorInfo> {
        if !self.options.test {
            return self.client.call::<Assist>(&params, |_, _| {});
        }
        let unmade = |error: std::io::Error| {
            ErrorInfo::new(ErrorCode::FileAccess, "a folder for a task could not be made")
                .with_cause(error.to_string())
        };
        let folder = tempfile::tempdir().map_err(unmade)?;
        let path = folder.path().join(&task.document.path);
        fs_err::write(&path, &task.document.text).map_err(unmade)?;
        let document =
            DocumentText { path: path.to_string_lossy().into_owned(), ..task.document.clone() };
        let spec = CommandSpec::of(&params.command);
        let command = spec.map(|spec| (spec, params.instruction.as_deref()));
        // What keeps the test from being found is for users to know; here the model is asked
        // without it.
        let found =
            Tester::find(&document, task.lines, Some(folder.path()), command).ok().flatten();
        let Some(tester) = found else {
            return self.client.call::<Assist>(&params, |_, _| {});
        };
        // The host compares with the result on the text as it is.
        params.test = Some(tester.run(&[]));
        let call = self.client.start::<Assist>(&params)?;
        let events = self.client.events().clone();
        loop {
            match events.recv() {
                Ok(ClientEvent::Answer(id, result)) if id == call => {
                    return read_answer::<Assist>(result);
                }
                Ok(ClientEvent::Notification(method, params)) if method == TryEdit::METHOD => {
                    let wanted = serde_json::from_value::<TryEditParams>(params);
                    let tried = wanted.map(|wanted| tester.tried(&wanted));
                    // A request that can't be read is not answered, and the host continues without
                    // the test.
                    tried.map_or(Ok(0), |tried| self.client.start::<Tried>(&tried))?;
                }
                Ok(ClientEvent::Closed) | Err(_) => {
                    let text = "the LocalCoder host ended";
                    return Err(ErrorInfo::new(ErrorCode::HostUnreachable, text));
                }
                // Progress, and answers to what was tried.
                Ok(_) => {}
            }
        }
    }

    /// The outcome of a task without the product's own prompt and checks: no second attempt, no
    /// refusal, and nothing in doubt. It shows what these are worth.
    fn plain_outcome(
        &mut self,
        runner: &Runner,
        task: &Task,
        outcome: Outcome,
    ) -> Result<Outcome, ErrorInfo> {
        let started = Instant::now();
        let params = GenerateParams {
            request_id: format!("eval {}", task.id),
            prompt: task.plain_prompt(),
            system: None,
            raw: false,
            max_tokens: Some(PLAIN_TOKENS_MAX),
            stop: Vec::new(),
            // So that a run can be repeated.
            sampling: SamplingParams { temperature: Some(0.0), ..SamplingParams::default() },
            model: self.model.clone(),
            settings: overrides(self.options.model.profile.as_deref()),
        };
        let answer = self.client.call::<Generate>(&params, |_, _| {})?;
        self.model_name.clone_from(&answer.model.name);
        // The measured time includes that of judging it, below.
        let code = localcoder_eval::code_of(&answer.text).to_owned();
        let judged = task.judge(runner, &code, &task.with(&code));
        let outcome = Outcome {
            seconds: started.elapsed().as_secs_f64(),
            model_seconds: (answer.usage.prefill_ms + answer.usage.decode_ms) / 1000.0,
            attempts: 1,
            tokens: answer.usage.generated_tokens,
            ..outcome
        };
        Ok(decided(outcome, judged, code == task.shown(), code))
    }

    pub(super) fn keep(&mut self, outcome: &impl Serialize) -> Result<(), ErrorInfo> {
        let (Some(file), Some(path)) = (&mut self.out, &self.options.out) else { return Ok(()) };
        // One write for a line: if the run is ended in it, at most this line is cut.
        let line = serde_json::to_string(outcome).unwrap_or_default() + "\n";
        file.write_all(line.as_bytes()).map_err(|error| unwritten(path, &error))
    }
}

/// Whether the answer is to blame for the error, and the next task can be tried. Any other error
/// would come again with each task.
pub(super) fn is_of_the_answer(code: ErrorCode) -> bool {
    matches!(
        code,
        ErrorCode::AnswerUnusable | ErrorCode::SelectionTooLarge | ErrorCode::GenerateFailed
    )
}

fn judged(outcome: Outcome, runner: &Runner, task: &Task, answer: &EditAnswer) -> Outcome {
    let replacement = answer.edit.replacement.as_str();
    // An edit is of whole lines, with the line end; patterns see the selection without.
    let selection = replacement.strip_suffix('\n').unwrap_or(replacement);
    // The program is judged with its imports, which are edits of their own elsewhere in the
    // document.
    let edits: Vec<_> = std::iter::once(&answer.edit).chain(&answer.imports).collect();
    let judged = match localcoder_assist::apply_all(&task.document, &edits) {
        Ok((edited, _)) => task.judge(runner, selection, &edited),
        Err(error) => {
            localcoder_eval::Judged { done: false, passes: false, why: format!("{error:?}") }
        }
    };
    let outcome = Outcome {
        warned: !answer.warnings.is_empty(),
        unsure: answer.unsure.is_some(),
        model_seconds: (answer.usage.prefill_ms + answer.usage.decode_ms) / 1000.0,
        attempts: answer.attempts,
        tokens: answer.usage.generated_tokens,
        ..outcome
    };
    decided(outcome, judged, answer.unchanged, selection.to_owned())
}

fn decided(
    outcome: Outcome,
    judged: localcoder_eval::Judged,
    unchanged: bool,
    answer: String,
) -> Outcome {
    let verdict = match (judged.right(), unchanged) {
        // Also where nothing was changed, as for right code that was to be left alone.
        (true, _) => Verdict::Right,
        (false, true) => Verdict::Unchanged,
        (false, false) => Verdict::Wrong,
    };
    Outcome {
        verdict,
        done: judged.done,
        passes: judged.passes,
        why: judged.why,
        answer: (!unchanged).then_some(answer),
        ..outcome
    }
}

pub(super) fn words(outcome: &Outcome) -> String {
    let verdict = match outcome.verdict {
        Verdict::Right => "right",
        Verdict::Wrong => "wrong",
        Verdict::Unchanged => "unchanged",
        Verdict::Refused => "refused",
    };
    // Of a program's output the last line has the error.
    let why = outcome.why.lines().last().map(|line| format!(": {line}")).unwrap_or_default();
    format!("{verdict}, {:.1} s{why}", outcome.seconds)
}

pub(super) fn outcomes(path: &Path) -> Result<Vec<Outcome>, ErrorInfo> {
    known_lines(path)
}

pub(super) fn known_lines<T: DeserializeOwned>(path: &Path) -> Result<Vec<T>, ErrorInfo> {
    if !path.exists() {
        return Ok(Vec::new());
    }
    let text = read_text(path, OUTCOMES_BYTES_MAX).map_err(|error| {
        let message = format!("`{}` can't be read", path.display());
        explained(ErrorInfo::new(ErrorCode::FileAccess, message), error.cause(path))
    })?;
    let lines = text.lines().map(serde_json::from_str::<T>);
    let read: Vec<Result<T, _>> = lines.collect();
    // A cut line is ignored: its run was ended while it was written. Where no line can be read, the
    // file is another one, and must not be appended to. A single one may be that of a run that was
    // ended in its first line.
    if read.len() > 1 && read.iter().all(Result::is_err) {
        let message = format!("`{}` is not a file of outcomes", path.display());
        return Err(ErrorInfo::new(ErrorCode::Usage, message)
            .with_hint("give `--out` a new file, or one that it has written"));
    }
    Ok(read.into_iter().flatten().collect())
}

/// Opens a file of lines to append to it. A line that was cut when its run was ended gets its end,
/// so that it does not spoil the next one as well.
fn continued(path: &Path) -> std::io::Result<File> {
    let mut file = File::options().create(true).read(true).append(true).open(path)?;
    let mut last = [b'\n'];
    if file.metadata()?.len() > 0 {
        file.seek(SeekFrom::End(-1))?;
        file.read_exact(&mut last)?;
    }
    if last != *b"\n" {
        file.write_all(b"\n")?;
    }
    Ok(file)
}

fn unwritten(path: &Path, error: &std::io::Error) -> ErrorInfo {
    let message = format!("`{}` can't be written", path.display());
    explained(ErrorInfo::new(ErrorCode::FileAccess, message), cause_of(error, path))
}

fn replayed(path: &Path) -> Result<EvalReplayed, ErrorInfo> {
    let recorded = localcoder_eval::read_recorded(path).map_err(|why| {
        ErrorInfo::new(ErrorCode::Usage, "the recorded answers can't be read")
            .with_cause(why)
            .with_hint("docs/eval.md says what is in such a file")
    })?;
    localcoder_eval::replay(&recorded)
}

fn report(options: &EvalOptions, report: &EvalReport) -> Result<(), ErrorInfo> {
    if options.json {
        return output::answer::<Evaluated>(report);
    }
    if let Some(model) = &report.model {
        output::line(&format!("Model: {model}, build {BUILD_ID}\n"))?;
        if !report.rows.is_empty() {
            output::data(&localcoder_eval::table(&report.rows))?;
        }
    }
    if let Some(typing) = &report.typing {
        output::data(&localcoder_eval::typing_text(typing))?;
    }
    if let Some(replayed) = &report.replayed {
        output::data(&replay_text(replayed))?;
    }
    for Fact { what, text } in &report.skipped {
        output::note(&format!("Not judged: {what}: {text}"));
    }
    Ok(())
}

fn replay_text(replayed: &EvalReplayed) -> String {
    let EvalReplayed { answers, right, shown, shown_right, flagged_right, findings } = replayed;
    let mut text = format!(
        "Recorded answers: {answers}, of which {:.1} % are right.\nShown as they are: {shown}, of \
         which {:.1} % are right.\nRight ones that are flagged: {flagged_right}, {:.1} % of the \
         right ones.\n",
        percent(*right, *answers),
        percent(*shown_right, *shown),
        percent(*flagged_right, *right),
    );
    for finding in findings {
        let (wrong, right) = (finding.wrong, finding.right);
        text.push_str(&format!("  {wrong:5} wrong and {right:4} right: {}\n", finding.what));
    }
    text
}

#[cfg(test)]
mod tests {
    use localcoder_eval::Ran;

    use super::*;

    #[test]
    fn what_a_model_has_written_reaches_nobody() {
        let runner = Runner::new(Box::new(Offline::probe()));
        if runner.network().is_some() || !runner.can_run(Language::Python) {
            return;
        }
        // There is something to be reached, so that a failure to reach it is the sandbox's doing.
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let text = format!("import socket\nsocket.create_connection(('127.0.0.1', {port}), 2)");
        let Ran::Failed(said) = runner.run(Language::Python, &text, "") else {
            panic!("it got through")
        };
        assert!(said.contains("Error"), "{said}");
    }
}
