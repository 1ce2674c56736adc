//! What is found in code before a model sees it, as it is put into the prompt: by tools, by our own
//! checks, by the user's test.

use localcoder_protocol::{Diagnostic, TestRun};

use crate::document::Line;
use crate::flaws::Flaw;

const DIAGNOSTIC_CHARS_MAX: usize = 200;

/// Most characters of a failing test's output, from its end: enough for the first failure with what
/// was expected.
const TEST_CHARS_MAX: usize = 800;

pub(crate) fn of_tool(code: &str, diagnostic: &Diagnostic) -> String {
    let told = told(code, &diagnostic.message);
    match diagnostic.source.as_deref().map(str::trim).filter(|source| !source.is_empty()) {
        Some(source) => format!("{told} [{}]", short(source)),
        None => told,
    }
}

pub(crate) fn told(code: &str, message: &str) -> String {
    format!("- `{}`: {}", short(code), short(message))
}

fn short(text: &str) -> String {
    // On one line: a report with line ends would look like several.
    let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
    words.chars().take(DIAGNOSTIC_CHARS_MAX).collect()
}

pub(crate) fn of_flaws(all: &[Line<'_>], flaws: &[Flaw]) -> String {
    let told = flaws.iter().map(|flaw| told(all[flaw.line].text, &flaw.message));
    told.collect::<Vec<_>>().join("\n")
}

/// That a test fails, and the end of its output, which has the reason.
pub(crate) fn of_test(run: &TestRun) -> String {
    let said = run.said.trim();
    let most = TEST_CHARS_MAX.saturating_sub(1);
    let from = said.char_indices().rev().nth(most).map_or(0, |(at, _)| at);
    format!("- `{}` fails:\n{}", run.name, &said[from..])
}
