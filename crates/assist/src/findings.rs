//! What is found in code before a model sees it, as the model is told it: by tools, by our own checks, by
//! the user's test.

use localcoder_protocol::TestRun;

use crate::document::Line;
use crate::flaws::Flaw;

const DIAGNOSTIC_CHARS_MAX: usize = 200;

/// Of what a failing test says, from its end: the first failure with what was expected.
const TEST_CHARS_MAX: usize = 800;

/// What is told of a line.
pub(crate) fn told(code: &str, message: &str) -> String {
    let short = |text: &str| -> String {
        let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
        words.chars().take(DIAGNOSTIC_CHARS_MAX).collect()
    };
    format!("- `{}`: {}", short(code), short(message))
}

/// The flaws that are found without a model.
pub(crate) fn of_flaws(all: &[Line<'_>], flaws: &[Flaw]) -> String {
    let told = flaws.iter().map(|flaw| told(all[flaw.line].text, &flaw.message));
    told.collect::<Vec<_>>().join("\n")
}

/// That a test fails, and the end of what it says, where the reason stands.
pub(crate) fn of_test(run: &TestRun) -> String {
    let said = run.said.trim();
    let most = TEST_CHARS_MAX.saturating_sub(1);
    let from = said.char_indices().rev().nth(most).map_or(0, |(at, _)| at);
    format!("- `{}` fails:\n{}", run.name, &said[from..])
}
