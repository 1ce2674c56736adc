//! How much of what a model writes a smaller model predicts: on recorded answers of a model that
//! this machine need not have, and on texts that the model at hand writes now. From this follows
//! what a draft model gains here, and what it would gain on an M3 Pro.

mod policy;

use std::path::Path;
use std::process::Command as Process;

use anyhow::{Context as _, Result, ensure};
use localcoder_assist::{Command, Limits, Prompts, prepare};
use localcoder_protocol::Notification as _;
use localcoder_protocol::{
    ChatMessage, DocumentText, DraftUse, DraftWhen, LineRange, LoadDraft, LoadDraftParams, Purpose,
    Role, ScoreText, ScoreTextParams, Token, Usage, WorkerGenerate, WorkerGenerateParams,
    WorkerPrompt, WorkerSampling,
};
use serde_json::Value;

use super::cases::WINDOW_TOKENS;
use super::worker::LocalCoderWorker;
use crate::options::Acceptance;
use crate::report;
use policy::{Costs, Policy, Scored, all, best, by_probability, few_rows, looked_up, row_by_row};

/// Answers used of each recorded task: further ones of the same task are much alike.
const ANSWERS_A_TASK: usize = 2;
const TASKS: usize = 40;
const TEXTS: usize = 5;
const TEXT_TOKENS: u32 = 128;
/// How many of these are timed: with drafts when they pay, as in normal use, and with drafts
/// always.
const TIMED: [(DraftWhen, usize); 2] = [(DraftWhen::Pays, 2), (DraftWhen::Always, 1)];
/// How often each side is timed; the best counts, since other processes can only slow a run down.
const ROUNDS: usize = 2;
/// What a step of a 0.5B model takes on an M3 Pro: reading 0.40 GB at 0.78 of 150 GB/s, the
/// bandwidth that published decode speeds imply, takes 3.4 ms, and a model with few large matrix
/// products spends more than that on other work.
const DRAFT_MS: [f64; 3] = [3.4, 5.0, 7.0];

struct Written {
    prompt: WorkerPrompt,
    text: String,
    code: String,
}

struct Task {
    code: String,
    instruction: String,
    answers: Vec<String>,
}

pub(crate) fn run(plan: &Acceptance) -> Result<()> {
    let tasks: Vec<Task> = spread(read_tasks(&plan.answers)?, plan.tasks.unwrap_or(TASKS));
    let mut draft = LocalCoderWorker::start_with(&plan.draft, false)?;
    let Some(model) = &plan.model else {
        // Without the larger model at hand, only its recorded answers are scored: the acceptance
        // rate needs the draft model alone.
        let recorded = recorded(&mut draft, &tasks)?;
        let scored = score(&mut draft, &recorded)?;
        report::line(format!("{} recorded answers:", scored.len()));
        report_scores("all of them", &scored, false);
        report_scores("lines that the code before does not have", &scored, true);
        return Ok(());
    };
    let tokens = plan.tokens.unwrap_or(TEXT_TOKENS);
    let mut worker = LocalCoderWorker::start_with(model, false)?;
    let asked: Vec<(&str, Vec<WorkerPrompt>)> = vec![
        (
            "explanations",
            tasks.iter().take(TEXTS).map(|it| explain(&mut worker, it)).collect::<Result<_>>()?,
        ),
        ("new code", tasks.iter().take(TEXTS).map(tests_for).collect()),
    ];
    for (name, prompts) in &asked {
        let mut written = Vec::new();
        for prompt in prompts {
            let (text, ..) = worker.write_text(prompt, true, tokens)?;
            written.push(Written { prompt: prompt.clone(), text, code: String::new() });
        }
        report_scores(&format!("{name}, written here"), &score(&mut draft, &written)?, false);
    }
    // The workers that are timed load the draft model themselves; this one would only take memory.
    drop(draft);
    for (when, count) in TIMED {
        for (name, prompts) in &asked {
            let prompts = &prompts[..prompts.len().min(count)];
            time(name, (model, &plan.draft), when, (prompts, tokens))?;
        }
    }
    Ok(())
}

fn spread<T>(all: Vec<T>, count: usize) -> Vec<T> {
    let step = (all.len() / count.max(1)).max(1);
    all.into_iter().step_by(step).take(count).collect()
}

/// Reads one task per line, from a compressed file or a plain one.
fn read_tasks(path: &Path) -> Result<Vec<Task>> {
    let is_packed = path.extension().is_some_and(|it| it == "gz");
    let bytes = if is_packed {
        let output = Process::new("gzip").arg("-dc").arg(path).output().context("gzip")?;
        ensure!(output.status.success(), "{} can't be unpacked", path.display());
        output.stdout
    } else {
        fs_err::read(path)?
    };
    String::from_utf8(bytes)?.lines().map(read_task).collect()
}

fn read_task(line: &str) -> Result<Task> {
    let record: Value = serde_json::from_str(line)?;
    let part = |name: &str| record[name].as_str().map(str::to_owned).context("a part is missing");
    let answers = record["answers"].as_array().context("a record without answers")?;
    let answers = answers.iter().filter_map(|it| it["code"].as_str().map(str::to_owned));
    Ok(Task {
        code: part("before")?,
        instruction: part("instruction")?,
        answers: answers.take(ANSWERS_A_TASK).collect(),
    })
}

/// The recorded answers, each after a prompt as the product writes it.
fn recorded(worker: &mut LocalCoderWorker, tasks: &[Task]) -> Result<Vec<Written>> {
    let mut all = Vec::new();
    for task in tasks {
        let prompt = lay_out(worker, task, ("improve", Some(&task.instruction)))?;
        for answer in &task.answers {
            let (prompt, code) = (prompt.clone(), task.code.clone());
            // The prompt's prefill has opened a code block, so a recorded answer ends where the
            // model would close it.
            all.push(Written { prompt, code, text: format!("{}\n```", answer.trim_end()) });
        }
    }
    Ok(all)
}

fn explain(worker: &mut LocalCoderWorker, task: &Task) -> Result<WorkerPrompt> {
    lay_out(worker, task, ("explain", None))
}

fn lay_out(
    worker: &mut LocalCoderWorker,
    task: &Task,
    command: (&str, Option<&str>),
) -> Result<WorkerPrompt> {
    let text = task.code.clone();
    let lines = LineRange { start: 1, end: u32::try_from(text.lines().count())? };
    let document =
        DocumentText { path: "a.py".to_owned(), language_id: Some("python".to_owned()), text };
    let command = Command::new(command.0, command.1)?;
    let task = prepare(&document, lines, command)?;
    let counts = worker.count(task.texts_to_count(Prompts::usual()))?;
    let limits = Limits { window_tokens: WINDOW_TOKENS, trained_context_tokens: WINDOW_TOKENS };
    Ok(task.layout(Prompts::usual(), &counts, limits)?.worker_prompt())
}

/// A request for code that does not repeat the existing code.
fn tests_for(task: &Task) -> WorkerPrompt {
    let content =
        format!("```python\n{}\n```\n\nWrite unit tests for it with pytest. Only code.", task.code);
    WorkerPrompt::Chat {
        messages: vec![ChatMessage { role: Role::User, content }],
        prefill: "```python\n".to_owned(),
        partings: Vec::new(),
    }
}

/// What the draft model would have predicted for each token of each text. Texts that do not fit
/// into its context window are skipped; if that is more than half of them, the sample says nothing
/// and the run fails.
fn score(draft: &mut LocalCoderWorker, written: &[Written]) -> Result<Vec<Scored>> {
    let mut all = Vec::new();
    for Written { prompt, text, code } in written {
        let params = ScoreTextParams { prompt: prompt.clone(), text: text.clone() };
        let Ok(answer) = draft.call::<ScoreText>(&params, |_, _| {}) else { continue };
        let is_new = new_bytes(text, code);
        // Tokens and lines are aligned by bytes: a token knows only how many bytes it has.
        let mut at = 0;
        let is_new = answer.tokens.iter().map(|token| {
            let length = usize::try_from(token.bytes).unwrap_or(0);
            let part = is_new.get(at..at + length).unwrap_or(&[]);
            at += length;
            // A token that ends an old line and begins a new one counts as old.
            !part.is_empty() && part.iter().all(|it| *it)
        });
        let is_new = is_new.collect();
        all.push(Scored { prompt: answer.prompt, tokens: answer.tokens, is_new });
    }
    ensure!(all.len() * 2 > written.len(), "most texts do not fit into the window");
    Ok(all)
}

/// For each byte, whether it is in a line that the code does not have. Lines are compared without
/// their indentation: an answer that moves code into a block has not written it.
fn new_bytes(text: &str, code: &str) -> Vec<bool> {
    let known: std::collections::HashSet<&str> = code.lines().map(str::trim).collect();
    let is_new = |line: &str| !known.contains(line.trim());
    text.split_inclusive('\n').flat_map(|line| vec![is_new(line); line.len()]).collect()
}

fn report_scores(name: &str, texts: &[Scored], only_new: bool) {
    let count = texts.iter().flat_map(|it| &it.is_new).filter(|it| **it || !only_new).count();
    report::line(format!("\n{name}: {count} tokens"));
    for (end, count, right) in by_probability(texts, only_new) {
        report::line(format!(
            "  said with less than {end:.2}: {count} tokens, {right:.2} of them right"
        ));
    }
    let (found, right) = looked_up(texts, only_new);
    report::line(format!("  three tokens that stood before: {found:.2} of all, {right:.2} right"));
    for least in [0.0, 0.4, 0.7] {
        let a_step = |most| {
            let costs = Costs { step_ms: few_rows, draft_ms: 0.0 };
            let outcome = all(texts, Policy { most, least }, costs, only_new);
            format!("{most}: {:.2} ({:.2})", outcome.a_step(), outcome.right / outcome.guessed)
        };
        let steps: Vec<String> = [1, 2, 3, 4, 6, 8, 12].map(a_step).to_vec();
        report::line(format!(
            "  tokens a step by most guessed (share right), sure to {least}: {}",
            steps.join(", ")
        ));
    }
    for (curve, step_ms) in [("few rows", few_rows as fn(f64) -> f64), ("row by row", row_by_row)] {
        let plain = 1e3 / step_ms(1.0);
        for draft_ms in DRAFT_MS {
            let (policy, outcome) = best(texts, Costs { step_ms, draft_ms }, only_new);
            report::line(format!(
                "  M3 Pro, 7B, {curve}, draft step {draft_ms} ms: {:.1} tokens/s for {plain:.1}, \
                 {:.2} a step (at most {}, sure to {})",
                outcome.tokens_per_s(),
                outcome.a_step(),
                policy.most,
                policy.least
            ));
        }
    }
}

impl LocalCoderWorker {
    fn write_text(
        &mut self,
        prompt: &WorkerPrompt,
        plain: bool,
        max_tokens: u32,
    ) -> Result<(String, Usage, DraftUse)> {
        let params = WorkerGenerateParams {
            request_id: 1,
            purpose: Purpose::Answer,
            prompt: prompt.clone(),
            sampling: WorkerSampling { temperature: 0.0, top_p: 1.0, repeat_penalty: 1.0, seed: 1 },
            max_tokens,
            stop: Vec::new(),
            draft: String::new(),
            block_end: None,
            plain,
        };
        let mut text = String::new();
        let answer = self.call::<WorkerGenerate>(&params, |method, params| {
            if method == Token::METHOD {
                text.push_str(params["text"].as_str().unwrap_or_default());
            }
        })?;
        Ok((text, answer.usage, answer.draft))
    }
}

/// Writes texts with and without a draft model, alternately, and reports the ratio of the best
/// times of a token. Texts of the two sides should be equal: greedy sampling leaves nothing to
/// chance, so each that differs is counted in the report.
fn time(
    name: &str,
    (model, draft): (&Path, &Path),
    when: DraftWhen,
    (prompts, most): (&[WorkerPrompt], u32),
) -> Result<()> {
    let mut worker = LocalCoderWorker::start_with(model, false)?;
    let model_ref = draft.to_str().context("the path is not UTF-8")?.to_owned();
    let loaded = worker.give::<LoadDraft>(draft, &LoadDraftParams { model_ref, when })?;
    let (mut ms, mut tokens, mut used, mut other) = ([0.0; 2], [0; 2], DraftUse::default(), 0);
    // Steps of the side with drafts alone, to relate how often the draft model was asked.
    let mut rounds = 0;
    for prompt in prompts {
        let mut best = [f64::INFINITY; 2];
        let mut texts = [String::new(), String::new()];
        for side in (0..ROUNDS).flat_map(|_| [0, 1]) {
            let (text, usage, draft) = worker.write_text(prompt, side == 0, most)?;
            best[side] = best[side].min(usage.decode_ms / f64::from(usage.generated_tokens.max(1)));
            // Only the first round counts tokens; a repetition writes the same text.
            if texts[side].is_empty() {
                tokens[side] += usage.generated_tokens;
            }
            texts[side] = text;
            if side == 1 {
                rounds += usage.rounds;
                used.rounds += draft.rounds;
                used.drafted_tokens += draft.drafted_tokens;
                used.accepted_tokens += draft.accepted_tokens;
                used.time_ms += draft.time_ms;
            }
        }
        ms[0] += best[0];
        ms[1] += best[1];
        // Of the last round; the rounds of a side write the same text.
        other += usize::from(texts[0] != texts[1]);
    }
    report::line(format!(
        "{name}, {when:?}: {:.2} of the speed without ({:.1} and {:.1} ms a token); the draft model \
         takes {} ms a step and was asked in {} of {rounds} steps, {} of its {} tokens were written; \
         {other} of {} texts differ",
        ms[0] / ms[1],
        ms[1] / policy::to_float(prompts.len()),
        ms[0] / policy::to_float(prompts.len()),
        loaded.step_us / 1000,
        used.rounds,
        used.accepted_tokens,
        used.drafted_tokens,
        prompts.len()
    ));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_of_lines_that_the_code_has_are_not_new() {
        let is_new = new_bytes("a\n    b\nc", "b\nd");
        let marks: String = is_new.iter().map(|it| if *it { '+' } else { '-' }).collect();
        assert_eq!(marks, "++------+");
    }

    #[test]
    fn a_record_has_code_a_wish_and_answers() {
        let line = r#"{"before": "a", "instruction": "b", "answers": [{"code": "c"}, {"code": "d"}, {"code": "e"}]}"#;
        let task = read_task(line).unwrap();
        assert_eq!((task.code.as_str(), task.answers.len()), ("a", ANSWERS_A_TASK));
        assert!(read_task("{}").is_err());
    }
}
