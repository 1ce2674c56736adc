//! What is asked: edits and explanations of functions of the Python standard library, laid out
//! by the product's own code.

use anyhow::{Context as _, Result, anyhow};
use localcoder_assist::{Command, Layout, Limits, prepare};
use localcoder_protocol::{DocumentText, ErrorInfo, LineRange};
use serde_json::Value;

use super::ours::Ours;
use crate::places;

/// The window of both engines.
pub(super) const WINDOW_TOKENS: u32 = 4096;
/// Functions of 60 to 420 tokens: about three characters each.
const CHARACTERS: std::ops::Range<usize> = 180..1_300;
/// Tokens of an explanation; enough to time, and the demo has little to say.
const EXPLANATION_TOKENS: u32 = 96;
/// Lines of a file that make a prompt of about 1,000 tokens.
const LONG_LINES: usize = 90;

/// One prompt.
#[derive(Debug, Clone)]
pub(super) struct Case {
    pub(super) layout: Layout,
}

impl Case {
    /// The prompt as text with the template's control tokens written out, as llama-server reads
    /// it. The widened demo has plain ChatML.
    pub(super) fn text(&self) -> String {
        let Layout { system, user, prefill, .. } = &self.layout;
        format!(
            "<|im_start|>system\n{system}<|im_end|>\n<|im_start|>user\n{user}<|im_end|>\n\
             <|im_start|>assistant\n{prefill}"
        )
    }

    /// A case without a model to count its tokens.
    #[cfg(test)]
    pub(super) fn for_tests(code: &str) -> Self {
        let document = document("a.py", code.to_owned());
        let lines = LineRange { start: 1, end: 1 };
        let task = prepare(&document, lines, Command::rewrite(None)).expect("it is sound");
        let counts = vec![1; task.texts_to_count().len()];
        let limits = Limits { window_tokens: 512, trained_context_tokens: 512 };
        Self { layout: task.layout(&counts, limits).expect("it fits") }
    }
}

fn document(path: &str, text: String) -> DocumentText {
    DocumentText { path: path.to_owned(), language_id: Some("python".to_owned()), text }
}

/// The records with something to improve.
fn records() -> Result<Vec<Value>> {
    let text = fs_err::read_to_string(places::root().join("models/demo/choose.json"))?;
    let records: Vec<Value> = serde_json::from_str(&text)?;
    let wanted = |record: &Value| {
        let code = record["degraded"].as_str().unwrap_or_default();
        CHARACTERS.contains(&code.len())
            && record["transforms"].as_array().is_some_and(|it| !it.is_empty())
    };
    Ok(records.into_iter().filter(wanted).collect())
}

fn lay_out(
    ours: &mut Ours,
    document: &DocumentText,
    lines: LineRange,
    command: Command,
) -> Result<Case> {
    let plain = |error: ErrorInfo| anyhow!("{error}");
    let task = prepare(document, lines, command).map_err(plain)?;
    let counts = ours.count(task.texts_to_count())?;
    let limits = Limits { window_tokens: WINDOW_TOKENS, trained_context_tokens: WINDOW_TOKENS };
    Ok(Case { layout: task.layout(&counts, limits).map_err(plain)? })
}

/// A record's code with what stands round it, and the lines of the code.
fn in_its_file(record: &Value) -> Result<(DocumentText, LineRange)> {
    let part = |name: &str| record[name].as_str().context("a record without text");
    let (before, code, after) = (part("before")?, part("degraded")?, part("after")?);
    let head = if before.is_empty() { 0 } else { before.lines().count() + 1 };
    let gap = |text: &str| if text.is_empty() { String::new() } else { format!("{text}\n\n") };
    let text = format!("{}{code}\n\n{after}\n", gap(before));
    let line = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
    let lines = LineRange { start: line(head + 1), end: line(head + code.lines().count()) };
    Ok((document(part("file")?, text), lines))
}

/// Edits of different lengths.
pub(super) fn edits(ours: &mut Ours, count: usize) -> Result<Vec<Case>> {
    every(count, |record| {
        let (document, lines) = in_its_file(record)?;
        lay_out(ours, &document, lines, Command::rewrite(None))
    })
}

/// Explanations of the same functions.
pub(super) fn explanations(ours: &mut Ours, count: usize) -> Result<Vec<Case>> {
    let mut cases = every(count, |record| {
        let (document, lines) = in_its_file(record)?;
        lay_out(ours, &document, lines, Command::Explain)
    })?;
    for case in &mut cases {
        case.layout.max_tokens = EXPLANATION_TOKENS;
    }
    Ok(cases)
}

/// Edits with a prompt of about 1,000 tokens.
pub(super) fn long(ours: &mut Ours) -> Result<Vec<Case>> {
    let mut lines = Vec::new();
    for record in records()? {
        lines.extend(record["good"].as_str().unwrap_or_default().lines().map(str::to_owned));
        lines.push(String::new());
    }
    let mut cases = Vec::new();
    for chunk in lines.chunks(LONG_LINES).take(6) {
        let document = document("long.py", chunk.join("\n"));
        let middle = u32::try_from(chunk.len() / 2).unwrap_or(1);
        let lines = LineRange { start: middle, end: middle + 8 };
        cases.push(lay_out(ours, &document, lines, Command::rewrite(None))?);
    }
    Ok(cases)
}

/// Cases of records that are spread over all lengths.
fn every(count: usize, case: impl FnMut(&Value) -> Result<Case>) -> Result<Vec<Case>> {
    let mut records = records()?;
    records.sort_by_key(|record| record["degraded"].as_str().map(str::len));
    let step = (records.len() / count.max(1)).max(1);
    records.iter().step_by(step).take(count).map(case).collect()
}
