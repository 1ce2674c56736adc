//! What a model wrote that is not code: its control tokens, fences around the answer, and the name
//! of the file in a comment.

use super::gap::Gap;
use crate::clean::CONTROL;
use crate::language::file_name;

/// Tokens for gaps that models write as text if their file does not declare them as tokens.
const GAPS: &[&str] =
    &["<fim_prefix>", "<fim_suffix>", "<fim_middle>", "<fim_pad>", "<EOT>", "<|fim\u{2581}"];
/// A control token that is also a tag: `</s>` ends an HTML element where `<s>` has opened it.
const TAG: (&str, &str) = ("<s>", "</s>");
const FENCE: &str = "```";
const COMMENTS: &[&str] = &["//", "#", "--", "/*", "<!--", ";"];

pub(super) fn without<'a>(gap: &Gap, text: &'a str) -> &'a str {
    let is_tag = |mark: &str, at: usize| mark == TAG.1 && text[..at].contains(TAG.0);
    // After the first of them the model is in another turn or another gap.
    let marks = CONTROL.iter().chain(GAPS);
    let marks = marks.filter_map(|mark| text.find(mark).filter(|at| !is_tag(mark, *at)));
    let text = &text[..marks.min().unwrap_or(text.len())];
    without_name(gap, without_fences(gap, text))
}

fn without_fences<'a>(gap: &Gap, text: &'a str) -> &'a str {
    // In Markdown, fences may be what was to be written.
    if gap.language.id == "markdown" {
        return text;
    }
    let begun = text.trim_start();
    let text = match begun.strip_prefix(FENCE) {
        Some(rest) => rest.split_once('\n').map_or("", |(_, rest)| rest),
        None => text,
    };
    // At the beginning of a line only: a text in code may hold a fence.
    let end = text.find(&format!("\n{FENCE}"));
    &text[..end.unwrap_or(text.len())]
}

/// The text without a first line that only names the file: the prompt has a path before each piece
/// of code, and models write one, too.
fn without_name<'a>(gap: &Gap, text: &'a str) -> &'a str {
    let Some((first, rest)) = text.split_once('\n') else { return text };
    let is_comment = COMMENTS.iter().any(|mark| first.trim_start().starts_with(mark));
    let name = file_name(&gap.path);
    let says = first.trim_end_matches([' ', '*', '/', '-', '>']).ends_with(name);
    let words = first.split_whitespace().count();
    // More words are a comment that happens to end with the name.
    if is_comment && says && words <= 3 {
        rest.trim_start_matches(super::gap::BLANKS)
    } else {
        text
    }
}
