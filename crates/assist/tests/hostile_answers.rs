//! What becomes of answers that a model should not have written: fences, chatter, echoes, cut off
//! and broken code, invisible characters. The cases are data, in `tests/hostile`, one file for each
//! theme; the documents that they are about are in its `documents`.
//!
//! `wrappings.toml` is crossed with all documents, so that each wrapping is removed in every
//! language.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use localcoder_assist::{
    AssistError, Attempt, Command, Finished, Outcome, Task, apply_all, prepare,
};
use localcoder_protocol::{DocumentText, ErrorInfo, FinishReason, LineRange};
use serde::Deserialize;
use serde::de::DeserializeOwned;

/// A document in three parts; the middle one is selected.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    path: String,
    before: String,
    code: String,
    after: String,
    good: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Cases {
    case: Vec<Case>,
}

/// An answer to a selection, and the required result.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Case {
    name: String,
    /// The document's name.
    r#in: String,
    /// A selection instead of the document's own, for cases that the latter can't show.
    before: Option<String>,
    code: Option<String>,
    after: Option<String>,
    command: Option<String>,
    instruction: Option<String>,
    /// How the generation ended, as the protocol says it.
    finish: Option<FinishReason>,
    answer: String,
    /// What `{filler}` is replaced with, repeated.
    filler: String,
    times: usize,
    /// What replaces the selection in the end. If nothing else is given: at once and without a
    /// warning.
    becomes: Option<String>,
    /// The whole document in the end, if more than the selection changes.
    document: Option<String>,
    /// It is shown at once, with a warning that contains this text.
    warns: Option<String>,
    /// The model is asked again for this reason; the same answer is then shown with a warning.
    retry: Option<String>,
    /// The model may be asked again; the same answer is then refused for this reason.
    refused: Option<String>,
    /// Nothing is changed.
    unchanged: bool,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wrappings {
    wrapping: Vec<Wrapping>,
}

/// An answer with `{good}` in it that must be reduced to exactly that.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wrapping {
    name: String,
    answer: String,
    /// Documents that are exempt; the file gives the reason next to them.
    #[serde(default)]
    except: Vec<String>,
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/hostile")
}

fn read<T: DeserializeOwned>(path: &Path) -> T {
    let text = std::fs::read_to_string(path).expect("a file of this test");
    toml::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).expect("a folder of this test");
    let entries = entries.map(|entry| entry.expect("an entry").path());
    let mut files: Vec<PathBuf> = entries.filter(|path| path.is_file()).collect();
    files.sort();
    files
}

fn documents() -> BTreeMap<String, Document> {
    let all = files(&folder().join("documents"));
    all.iter().flat_map(|path| read::<BTreeMap<String, Document>>(path)).collect()
}

/// The case files, with what each is about.
fn themes() -> Vec<(String, Vec<Case>)> {
    let mut themes = Vec::new();
    for path in files(&folder()) {
        let name = path.file_stem().expect("a name").to_string_lossy().into_owned();
        if name != "wrappings" {
            themes.push((name, read::<Cases>(&path).case));
        }
    }
    themes
}

/// A model writes the selection's lines without the indentation that they share.
fn dedented(code: &str) -> String {
    let lines = || code.split_inclusive('\n').filter(|line| !line.trim().is_empty());
    let white = |line: &str| line.len() - line.trim_start_matches([' ', '\t']).len();
    let common = lines().map(white).min().unwrap_or(0);
    let strip = |line: &'_ str| line.get(common..).unwrap_or("\n").to_owned();
    code.split_inclusive('\n').map(strip).collect()
}

fn task(document: &Document, case: &Case) -> Task {
    let (before, code) = (&document.before, &document.code);
    let number = |text: &str| u32::try_from(text.matches('\n').count()).expect("a short text");
    let end = number(before) + number(code.trim_end_matches(['\r', '\n'])) + 1;
    let selection = LineRange { start: number(before) + 1, end };
    let text = [before.as_str(), code, &document.after].concat();
    let document = DocumentText { path: document.path.clone(), language_id: None, text };
    let command = case.command.as_deref().unwrap_or("improve");
    let command = Command::new(command, case.instruction.as_deref()).expect("a command");
    prepare(&document, selection, command).expect("a good request")
}

fn text_with(document: &Document, finished: &Finished) -> String {
    let text = [document.before.as_str(), &document.code, &document.after].concat();
    let document = DocumentText { path: document.path.clone(), language_id: None, text };
    let edits: Vec<_> = std::iter::once(&finished.edit).chain(&finished.imports).collect();
    apply_all(&document, &edits).expect("an edit of this text").0
}

/// What is wrong with the result of a case.
fn check(documents: &BTreeMap<String, Document>, case: &Case) -> Result<(), String> {
    let base = documents.get(&case.r#in).ok_or_else(|| format!("no document `{}`", case.r#in))?;
    let or = |own: &Option<String>, shared: &String| own.as_ref().unwrap_or(shared).clone();
    let document = Document {
        path: base.path.clone(),
        before: or(&case.before, &base.before),
        code: or(&case.code, &base.code),
        after: or(&case.after, &base.after),
        good: base.good.clone(),
    };
    let filled = |text: &str, shape: fn(&str) -> String| {
        text.replace("{good}", &shape(&document.good))
            .replace("{code}", &shape(&document.code))
            .replace("{before}", &document.before)
            .replace("{after}", &document.after)
            .replace("{filler}", &case.filler.repeat(case.times))
    };
    let answer = filled(&case.answer, dedented);
    let task = task(&document, case);
    let finish = case.finish.unwrap_or(FinishReason::EndOfTurn);
    let first = task.finish(&answer, finish, Attempt::First);
    let last = task.finish(&answer, finish, Attempt::Last);
    let shown = verdict(case, &first, &last)?;
    if let (Some(wanted), Some(finished)) = (&case.becomes, shown) {
        let found = text_with(&document, finished);
        let wanted =
            [document.before.as_str(), &filled(wanted, str::to_owned), &document.after].concat();
        if found != wanted {
            return Err(format!("expected {}\n    found {}", brief(&wanted), brief(&found)));
        }
    }
    if let (Some(wanted), Some(finished)) = (&case.document, shown) {
        let found = text_with(&document, finished);
        if found != *wanted {
            return Err(format!("expected {}\n    found {}", brief(wanted), brief(&found)));
        }
    }
    Ok(())
}

/// Whether the outcomes are those that a case requires, and what is shown in the end.
fn verdict<'a>(
    case: &Case,
    first: &'a Outcome,
    last: &'a Outcome,
) -> Result<Option<&'a Finished>, String> {
    let other = || Err(format!("found {}\n    and then {}", told(first), told(last)));
    let warned = |finished: &Finished, word: &str| {
        finished.warnings.iter().chain(&finished.unsure).any(|it| it.contains(word))
    };
    match (first, last) {
        (Outcome::Done(shown), _) if case.unchanged => match shown.unchanged {
            true => Ok(None),
            false => other(),
        },
        (Outcome::Unchanged, Outcome::Done(_)) if case.unchanged => Ok(None),
        (Outcome::Done(shown), _) if !shown.unchanged => match &case.warns {
            Some(word) if warned(shown, word) => Ok(Some(shown)),
            None if (case.becomes.is_some() || case.document.is_some())
                && case.retry.is_none()
                && shown.warnings.is_empty()
                && shown.unsure.is_none() =>
            {
                Ok(Some(shown))
            }
            _ => other(),
        },
        (Outcome::Retry { reason }, Outcome::Done(shown)) => match &case.retry {
            Some(word) if reason.contains(word) && warned(shown, word) => Ok(Some(shown)),
            _ => other(),
        },
        (Outcome::Retry { .. } | Outcome::Refused(_), Outcome::Refused(error)) => {
            match &case.refused {
                Some(word) if full(error).contains(word) => Ok(None),
                _ => other(),
            }
        }
        _ => other(),
    }
}

/// The error's message with its reason.
fn full(error: &AssistError) -> String {
    ErrorInfo::from(error.clone()).to_string()
}

fn told(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Done(done) if done.unchanged => "unchanged".to_owned(),
        Outcome::Done(done) => {
            format!("{} with warnings {:?}", brief(&done.edit.replacement), done.warnings)
        }
        Outcome::Retry { reason } => format!("a retry: {reason}"),
        Outcome::Unchanged => "unchanged, to be asked again".to_owned(),
        Outcome::Refused(error) => format!("a refusal: {}", full(error)),
    }
}

/// A text on one line, short enough to read.
fn brief(text: &str) -> String {
    let shown: String = text.chars().take(700).collect();
    format!("{shown:?}")
}

#[test]
fn every_hostile_answer_comes_to_what_its_case_says() {
    let documents = documents();
    let mut failures = Vec::new();
    let (mut names, mut paths) = (BTreeSet::new(), BTreeSet::new());
    for (theme, cases) in themes() {
        for case in &cases {
            assert!(names.insert(case.name.clone()), "two cases are called `{}`", case.name);
            paths.insert(case.r#in.clone());
            if let Err(why) = check(&documents, case) {
                failures.push(format!("{theme}: {}\n    {why}", case.name));
            }
        }
    }
    assert!(failures.is_empty(), "{} cases fail:\n{}", failures.len(), failures.join("\n"));
    assert!(names.len() >= 300 && paths.len() >= 15, "{} in {}", names.len(), paths.len());
}

#[test]
fn a_wrapping_is_taken_off_in_every_language() {
    let documents = documents();
    let mut failures = Vec::new();
    for wrapping in read::<Wrappings>(&folder().join("wrappings.toml")).wrapping {
        for name in documents.keys().filter(|name| !wrapping.except.contains(name)) {
            let case = Case {
                r#in: name.clone(),
                answer: wrapping.answer.clone(),
                becomes: Some("{good}".to_owned()),
                ..Case::default()
            };
            if let Err(why) = check(&documents, &case) {
                failures.push(format!("{} in {name}\n    {why}", wrapping.name));
            }
        }
    }
    assert!(failures.is_empty(), "{} fail:\n{}", failures.len(), failures.join("\n"));
}

#[test]
fn code_that_is_as_deep_as_it_is_long_does_not_end_the_process() {
    let many = 2_000;
    let sum = "1 + ".repeat(many) + "1";
    let all = "a and ".repeat(many) + "b";
    let brackets = "[".repeat(many) + &"]".repeat(many);
    let looped = |value: &str| format!("    for item in items:\n        text += {value}\n");
    let tested = |value: &str| format!("    if {value}:\n        return True\n    return False\n");
    for body in [
        looped(&sum),
        looped(&("1 if a else ".repeat(many) + "1")),
        tested(&all),
        format!("    return {brackets}\n"),
        format!("    return {}\n", "[".repeat(many)),
        format!("    return items{}\n", ".items".repeat(many)),
        format!("    return {}items\n", "not ".repeat(many)),
    ] {
        let document = DocumentText {
            path: "shop/generated.py".to_owned(),
            language_id: None,
            text: format!("def total(items):\n    text = ''\n{body}"),
        };
        let selection = LineRange { start: 1, end: 2 };
        let command = Command::new("improve", None).expect("a command");
        let task = prepare(&document, selection, command).expect("a good request");
        let answer = document.text.replace("text = ''", "text = 0");
        for attempt in [Attempt::First, Attempt::Last] {
            let outcome = task.finish(&answer, FinishReason::EndOfTurn, attempt);
            assert!(!matches!(outcome, Outcome::Unchanged), "{}", told(&outcome));
        }
    }
}
