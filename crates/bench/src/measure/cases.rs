//! The requests: edits and explanations of functions of the Python standard library, laid out by
//! the product's own code.

use std::path::Path;

use anyhow::{Context as _, Result};
use localcoder_assist::{Command, Layout, Limits, Prompts, prepare};
use localcoder_protocol::{ChatMessage, DocumentText, LineRange, Role, WorkerPrompt};
use serde_json::Value;

use super::report::Target;
use super::worker::LocalCoderWorker;
use crate::places;

/// The context window of both engines. They must have the same, or the KV caches differ in size.
pub(super) use localcoder_protocol::limits::CONTEXT_TOKENS as WINDOW_TOKENS;
const EDIT_TOKENS: std::ops::RangeInclusive<u32> = 60..=420;
/// Shorter code is not tried, since its answer would have too few tokens.
const CHARACTERS_MIN: usize = 120;
/// Tokens of an explanation: enough to time, and the demo model does not write much more.
const EXPLANATION_TOKENS: u32 = 96;
const COUNT_OF_OTHERS: usize = 4;
const LONG_TOKENS: u32 = 1_000;
/// Tokens of a prompt that begins with the product's own words, and how many of them those are.
/// Today's own words are fewer; see [`begun`].
const BEGUN_TOKENS: u32 = 500;
const BEGINNING_TOKENS: u32 = 300;
const FIRST_TOKENS: u32 = 8;
/// A name is renamed only if it occurs this often and is not a short keyword.
const NAME_COUNT_MIN: usize = 3;
const NAME_LENGTH_MIN: usize = 5;
const OLD_NAME: &str = "former_value";
/// A long document starts with this many lines before its tokens are counted one line at a time.
const LINES_MIN: usize = 12;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Delete,
    Replace,
    Mixed,
    Copy,
    /// A name is changed everywhere because an instruction asks for it. The demo model can't follow
    /// such an instruction, so its prompt has the new name already, and only the draft is made from
    /// the old name and the instruction: so the written text and the guess differ as they would in
    /// practice.
    Rename,
    /// As `Rename`, but without an instruction, so that the draft has the old name.
    NewName,
    /// What an instruction says, with real weights, whose answers are of no known kind.
    Told,
}

impl Kind {
    pub(super) const ALL: [Self; 6] =
        [Self::Delete, Self::Replace, Self::Mixed, Self::Copy, Self::Rename, Self::NewName];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Delete => "delete",
            Self::Replace => "replace",
            Self::Mixed => "mixed",
            Self::Copy => "nothing to do",
            Self::Rename => "rename",
            Self::NewName => "rename of its own accord",
            Self::Told => "as told",
        }
    }

    pub(super) fn named(name: &str) -> Result<Self> {
        let names = Self::ALL.map(Self::name).join(", ");
        let kind = Self::ALL.into_iter().find(|kind| kind.name() == name);
        kind.with_context(|| format!("there are no edits of the kind `{name}`, only {names}"))
    }

    pub(super) fn target(self) -> Target {
        match self {
            Self::Delete | Self::Rename => Target::AtLeast(3.0),
            Self::Replace | Self::Mixed | Self::Copy | Self::NewName | Self::Told => Target::None,
        }
    }

    /// The kind whose records it is made from.
    fn source(self) -> Self {
        if self.renames() { Self::Copy } else { self }
    }

    /// Whether the prompt contains the text to be written. llama-server's n-grams would copy it
    /// from there, so such cases are left out where its n-gram settings are judged.
    pub(super) fn renames(self) -> bool {
        matches!(self, Self::Rename | Self::NewName)
    }

    fn of(record: &Value) -> Self {
        const DELETING: [&str; 4] =
            ["return_temp", "else_after_return", "return_bool", "return_list_comp"];
        let names = record["transforms"].as_array().map_or(&[][..], Vec::as_slice);
        let deletes = |name: &Value| name.as_str().is_some_and(|name| DELETING.contains(&name));
        match (names.iter().any(deletes), names.iter().all(deletes)) {
            _ if names.is_empty() => Self::Copy,
            (true, true) => Self::Delete,
            (false, _) => Self::Replace,
            (true, false) => Self::Mixed,
        }
    }
}

#[derive(Debug, Clone)]
pub(super) struct Case {
    pub(super) layout: Layout,
    pub(super) kind: Kind,
    /// Of the prompt and of our engine's answer; 0 until the case has been written once.
    pub(super) prompt_tokens: u32,
    pub(super) tokens: u32,
    /// The prompt as llama-server renders it by the model's own template; `None` for the shapes,
    /// whose template is plain ChatML.
    pub(super) theirs: Option<String>,
}

impl Case {
    /// The same case with a beginning that no engine has read, for measurements that must not
    /// profit from a cache. The number is at the very start, because a cache keeps any common
    /// beginning.
    pub(super) fn unread(&self, number: usize) -> Self {
        let mut case = self.clone();
        case.layout.system = format!("{number}. {}", case.layout.system);
        case
    }

    /// The beginning of the prompt, up to the first word of the user, as a prompt of its own: this
    /// is the part that is the same for every request, whose state the host keeps.
    pub(super) fn beginning(&self) -> WorkerPrompt {
        let message = |role, content: &str| ChatMessage { role, content: content.to_owned() };
        WorkerPrompt::Chat {
            messages: vec![message(Role::System, &self.layout.system), message(Role::User, "")],
            prefill: String::new(),
            partings: Vec::new(),
        }
    }

    /// The prompt as text with the template's control tokens written out, which llama-server reads.
    /// The widened demo models use plain ChatML.
    pub(super) fn text(&self) -> String {
        if let Some(text) = &self.theirs {
            return text.clone();
        }
        let Layout { system, user, prefill, .. } = &self.layout;
        format!(
            "<|im_start|>system\n{system}<|im_end|>\n<|im_start|>user\n{user}<|im_end|>\n\
             <|im_start|>assistant\n{prefill}"
        )
    }

    /// A case made without a model that could count its tokens: each text counts as one.
    #[cfg(test)]
    pub(super) fn for_tests(code: &str) -> Self {
        let document = document("a.py", code.to_owned());
        let lines = LineRange { start: 1, end: 1 };
        let task = prepare(&document, lines, improve(None)).expect("it is sound");
        let counts = vec![1; task.texts_to_count(Prompts::of_demo()).len()];
        let limits = Limits { window_tokens: 512, trained_context_tokens: 512 };
        let layout = task.layout(Prompts::of_demo(), &counts, limits).expect("it fits");
        Self { layout, kind: Kind::Copy, prompt_tokens: 0, tokens: 0, theirs: None }
    }
}

/// A command on a model's own words, as the product lays it out.
pub(super) fn real(
    prompts: &'static Prompts,
    worker: &mut LocalCoderWorker,
    (document, lines): (&DocumentText, LineRange),
    (command, instruction): (&str, Option<&str>),
) -> Result<Case> {
    let command = Command::new(command, instruction)?;
    lay_out_with(prompts, worker, document, lines, (Kind::Told, command))
}

fn document(path: &str, text: String) -> DocumentText {
    DocumentText { path: path.to_owned(), language_id: Some("python".to_owned()), text }
}

fn records() -> Result<Vec<Value>> {
    // The split of records that guided the demo model's training: good code, what it was degraded
    // to, and the rest of its file.
    let text = fs_err::read_to_string(places::root().join("models/demo/choose.json"))?;
    let records: Vec<Value> = serde_json::from_str(&text)?;
    let long = |record: &Value| {
        record["degraded"].as_str().is_some_and(|code| code.len() >= CHARACTERS_MIN)
    };
    Ok(records.into_iter().filter(long).collect())
}

fn lay_out(
    worker: &mut LocalCoderWorker,
    document: &DocumentText,
    lines: LineRange,
    (kind, command): (Kind, Command),
) -> Result<Case> {
    lay_out_with(Prompts::of_demo(), worker, document, lines, (kind, command))
}

fn lay_out_with(
    prompts: &'static Prompts,
    worker: &mut LocalCoderWorker,
    document: &DocumentText,
    lines: LineRange,
    (kind, command): (Kind, Command),
) -> Result<Case> {
    let task = prepare(document, lines, command)?;
    let counts = worker.count(task.texts_to_count(prompts))?;
    let limits = Limits { window_tokens: WINDOW_TOKENS, trained_context_tokens: WINDOW_TOKENS };
    let layout = task.layout(prompts, &counts, limits)?;
    Ok(Case { layout, kind, prompt_tokens: 0, tokens: 0, theirs: None })
}

/// An edit when it is prepared, before the instruction is known, and when it is requested.
pub(super) struct Prepared {
    pub(super) before: Case,
    pub(super) asked: Case,
}

pub(super) fn prepared(worker: &mut LocalCoderWorker, count: usize) -> Result<Vec<Prepared>> {
    let records = records()?;
    let mut all = Vec::new();
    for record in spread(&records, count) {
        let (document, lines) = in_its_file(record, Place::File)?;
        let mut case = |instruction| {
            let kind = (Kind::of(record), improve(instruction));
            lay_out_with(Prompts::usual(), worker, &document, lines, kind)
        };
        let asked = case(Some("Add type hints to the parameters."))?;
        all.push(Prepared { before: case(None)?, asked });
    }
    Ok(all)
}

/// A record's code, in its file or alone, and the lines that it occupies.
fn in_its_file(record: &Value, place: Place) -> Result<(DocumentText, LineRange)> {
    let part = |name: &str| record[name].as_str().context("a record without text");
    let round = |name: &str| match place {
        Place::File => part(name),
        // An empty neighborhood gives a document of the code alone, and line numbers that start at
        // 1.
        Place::Alone => Ok(""),
    };
    let (before, code, after) = (round("before")?, part("degraded")?, round("after")?);
    let head = if before.is_empty() { 0 } else { before.lines().count() + 1 };
    let gap = |text: &str| if text.is_empty() { String::new() } else { format!("{text}\n\n") };
    let text = format!("{}{code}\n\n{after}\n", gap(before));
    let line = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
    let lines = LineRange { start: line(head + 1), end: line(head + code.lines().count()) };
    Ok((document(part("file")?, text), lines))
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    File,
    /// Nothing: a large shape reads only some twenty tokens of a prompt per second, and it is the
    /// writing that is measured.
    Alone,
}

/// All prompts, chosen once by means of the shipped model and used for every shape: the widened
/// models have its vocabulary and write the same text, at a hundred times the cost.
#[derive(Debug)]
pub(super) struct Cases {
    /// Edits with an answer of [`EDIT_TOKENS`], in the order of [`Kind::ALL`], each kind sorted
    /// from short to long: within their files (for small shapes), and alone.
    in_files: Vec<Vec<Case>>,
    alone: Vec<Vec<Case>>,
    pub(super) texts: Vec<Case>,
    pub(super) long: Vec<Case>,
    pub(super) begun: Case,
}

impl Cases {
    pub(super) fn choose(model: &Path) -> Result<Self> {
        let mut worker = LocalCoderWorker::start(model)?;
        let (mut in_files, mut alone) = (Vec::new(), Vec::new());
        for kind in Kind::ALL {
            in_files.push(edits(&mut worker, kind, Place::File)?);
            alone.push(edits(&mut worker, kind, Place::Alone)?);
        }
        let texts = explanations(&mut worker, COUNT_OF_OTHERS)?;
        let long = long(&mut worker, LONG_TOKENS, COUNT_OF_OTHERS)?;
        let begun = begun(&mut worker, &long[0])?;
        Ok(Self { in_files, alone, texts, long, begun })
    }

    /// This many edits, mostly of the kinds that change something, each kind spread over all of its
    /// lengths.
    pub(super) fn edits(&self, count: usize) -> Vec<Case> {
        chosen(&self.in_files, count, 1)
    }

    /// Edits without the rest of their files, from the shorter half of each kind.
    pub(super) fn edits_alone(&self, count: usize) -> Vec<Case> {
        chosen(&self.alone, count, 2)
    }
}

/// Some of each kind, from the shortest up to `1 / part` of the way to the longest. Half of the
/// cases are plain deletions and replacements; the rest is shared by the other four kinds.
fn chosen(by_kind: &[Vec<Case>], count: usize, part: usize) -> Vec<Case> {
    let shares = [count / 4, count / 4, count / 8, count / 8, count / 8, count / 8];
    let some = |(cases, share): (&Vec<Case>, usize)| {
        spread(&cases[..cases.len().div_ceil(part)], share).cloned().collect::<Vec<_>>()
    };
    by_kind.iter().zip(shares).flat_map(some).collect()
}

/// A prompt with a longer fixed beginning than today's, to measure what keeping its state gains.
/// The beginning repeats the system prompt with numbers, the rest is cut from a long case.
fn begun(worker: &mut LocalCoderWorker, long: &Case) -> Result<Case> {
    let mut case = long.clone();
    let sentence = case.layout.system.clone();
    // Counted again after every addition: joined texts do not have the sum of their tokens.
    let mut fill = |text: &mut String, more: &mut dyn Iterator<Item = String>, most: u32| {
        for next in more {
            let longer = format!("{text}{next}");
            if worker.count(vec![longer.clone()])?[0] > most {
                break;
            }
            *text = longer;
        }
        Ok::<_, anyhow::Error>(())
    };
    let mut sentences = (1..).map(|number| format!(" {number}. {sentence}"));
    fill(&mut case.layout.system, &mut sentences, BEGINNING_TOKENS)?;
    let user = std::mem::take(&mut case.layout.user);
    let mut lines = user.lines().map(|line| format!("{line}\n"));
    fill(&mut case.layout.user, &mut lines, BEGUN_TOKENS - BEGINNING_TOKENS)?;
    case.prompt_tokens = worker.write(&case, false)?.0.prompt_tokens;
    Ok(case)
}

fn edits(worker: &mut LocalCoderWorker, kind: Kind, place: Place) -> Result<Vec<Case>> {
    let mut cases = Vec::new();
    for record in records()?.iter().filter(|record| Kind::of(record) == kind.source()) {
        let (document, lines) = in_its_file(record, place)?;
        let mut case = lay_out(worker, &document, lines, (kind, improve(None)))?;
        if kind.renames() {
            let Some(name) = commonest_name(&case.layout.draft) else { continue };
            let document = DocumentText { text: with_old_name(&document.text, &name), ..document };
            // The prompt keeps the new name and only the draft gets the old one; see
            // `Kind::Rename`.
            let instruction = format!("Rename `{OLD_NAME}` to `{name}`.");
            let command = improve((kind == Kind::Rename).then_some(instruction.as_str()));
            case.layout.draft = lay_out(worker, &document, lines, (kind, command))?.layout.draft;
        }
        let timing = worker.write(&case, true)?.0;
        (case.prompt_tokens, case.tokens) = (timing.prompt_tokens, timing.tokens);
        if EDIT_TOKENS.contains(&case.tokens) {
            cases.push(case);
        }
    }
    cases.sort_by_key(|case| case.tokens);
    Ok(cases)
}

fn commonest_name(code: &str) -> Option<String> {
    let names: Vec<&str> = words(code).filter(|word| word.len() >= NAME_LENGTH_MIN).collect();
    let count = |name: &str| names.iter().filter(|other| **other == name).count();
    let name = names.iter().max_by_key(|name| count(name))?;
    (count(name) >= NAME_COUNT_MIN).then(|| (*name).to_owned())
}

fn with_old_name(code: &str, name: &str) -> String {
    let renamed = code.split_inclusive(|c: char| !is_of_a_word(c)).map(|part| {
        let word = part.trim_end_matches(|c: char| !is_of_a_word(c));
        // Whole words only: a part of a longer name must not change.
        if word == name { format!("{OLD_NAME}{}", &part[word.len()..]) } else { part.to_owned() }
    });
    renamed.collect()
}

fn words(code: &str) -> impl Iterator<Item = &str> {
    code.split(|c: char| !is_of_a_word(c)).filter(|word| !word.is_empty())
}

fn is_of_a_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

fn explanations(worker: &mut LocalCoderWorker, count: usize) -> Result<Vec<Case>> {
    let mut cases = Vec::new();
    for record in spread(&records()?, count) {
        let (document, lines) = in_its_file(record, Place::File)?;
        let mut case = lay_out(worker, &document, lines, (Kind::Copy, explain()))?;
        case.layout.max_tokens = EXPLANATION_TOKENS;
        let timing = worker.write(&case, false)?.0;
        (case.prompt_tokens, case.tokens) = (timing.prompt_tokens, timing.tokens);
        cases.push(case);
    }
    Ok(cases)
}

/// The files are made of the records' good code, one after another; each next file starts in the
/// middle of the one before, so that no two have the same beginning.
fn long(worker: &mut LocalCoderWorker, tokens: u32, count: usize) -> Result<Vec<Case>> {
    let mut lines = Vec::new();
    for record in records()? {
        lines.extend(record["good"].as_str().unwrap_or_default().lines().map(str::to_owned));
        lines.push(String::new());
    }
    let mut cases = Vec::new();
    let mut rest = lines.as_slice();
    while cases.len() < count {
        let mut used = rest.len().min(LINES_MIN);
        let mut document = document("long.py", rest[..used].join("\n"));
        // The demo's vocabulary is small: a line of code is about fifteen tokens.
        while worker.count(vec![document.text.clone()])?[0] < tokens && used < rest.len() {
            used += 1;
            document.text = rest[..used].join("\n");
        }
        let middle = u32::try_from(used / 2).unwrap_or(1);
        let lines = LineRange { start: middle, end: middle + 8 };
        let mut case = lay_out(worker, &document, lines, (Kind::Mixed, improve(None)))?;
        // Only the beginning of the answer to these is measured.
        case.layout.max_tokens = FIRST_TOKENS;
        let timing = worker.write(&case, true)?.0;
        (case.prompt_tokens, case.tokens) = (timing.prompt_tokens, timing.tokens);
        cases.push(case);
        // No prompt may be the beginning of another, which a cache would reuse.
        rest = &rest[(used / 2).min(rest.len())..];
    }
    Ok(cases)
}

pub(super) fn spread<T>(items: &[T], count: usize) -> impl Iterator<Item = &T> {
    let count = count.min(items.len());
    (0..count).map(move |index| &items[index * items.len() / count])
}

fn improve(instruction: Option<&str>) -> Command {
    Command::new("improve", instruction).expect("the table has it")
}

fn explain() -> Command {
    Command::new("explain", None).expect("the table has it")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_commonest_name_is_renamed_and_nothing_else() {
        let code = "total = 0\nfor item in items:\n    total += item.total\n";
        let name = commonest_name(code).unwrap();
        assert_eq!(
            with_old_name(code, &name),
            "former_value = 0\nfor item in items:\n    former_value += item.former_value\n"
        );
        assert_eq!(commonest_name("return a + b"), None);
    }
}
