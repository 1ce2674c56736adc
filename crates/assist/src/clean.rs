//! From what the model wrote to code: fences, chatter, thoughts and control tokens go.
//!
//! The answer begins inside a fence that the prompt opened, but models open it again, talk
//! before it, or go on after it. Whatever also stands in the selection is code and stays.
//! Whether the code is any good is not asked here (see `guard`).

use crate::language::Language;

/// Why there is no code in an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unusable {
    /// Nothing was written, or nothing but fences.
    Empty,
    /// The model talks about the code.
    ProseOnly,
    /// It was still thinking when the answer ended.
    Unfinished,
}

/// Words that end or begin a turn in the templates of common models. They are control tokens
/// and no text; a worker that shows them has a model with a broken vocabulary.
pub(crate) const CONTROL: &[&str] = &[
    "<|im_end|>",
    "<|im_start|>",
    "<|endoftext|>",
    "<|end_of_text|>",
    "<|eot_id|>",
    "<|end|>",
    "<|assistant|>",
    "<|user|>",
    "<|fim_prefix|>",
    "<|fim_suffix|>",
    "<|fim_middle|>",
    "<|fim_pad|>",
    "<|file_sep|>",
    "<|repo_name|>",
    "<end_of_turn>",
    "<start_of_turn>",
    "<｜end▁of▁sentence｜>",
    "</s>",
    "[/INST]",
];

/// How prose about code begins, in lower case. Only these are taken for prose where the answer
/// has code as well: better a remark left in than a line of code lost.
const OPENINGS: &[&str] = &[
    "here is",
    "here's",
    "here are",
    "sure",
    "certainly",
    "of course",
    "okay,",
    "below is",
    "the improved",
    "the code",
    "the following",
    "the changes",
    "this code",
    "this version",
    "this function",
    "this change",
    "these changes",
    "in this",
    "i have",
    "i've",
    "i made",
    "i changed",
    "note that",
    "note:",
    "explanation",
    "changes:",
    "changes made",
    "improvements",
    "key changes",
    "let me know",
    "you can",
];

/// Takes the code out of a raw answer. `selection` is the text the model was given, `fence` the
/// backticks the prompt opened with. Line ends become `\n`; blank lines at both ends go.
pub(crate) fn code(
    raw: &str,
    selection: &str,
    fence: &str,
    language: &Language,
) -> Result<String, Unusable> {
    let text = raw.replace("\r\n", "\n");
    let text = without_thoughts(&text, selection)?;
    let text = before_control(text, selection);
    let lines: Vec<&str> = text.split('\n').map(|line| line.trim_end_matches('\r')).collect();
    let own = selection.lines().filter(|line| fence_tag(line.trim_start(), USUAL).is_some());
    let lines = inside_fence(&lines, fence.len(), own.count());
    let lines = if language.prose { lines } else { without_remarks(lines, selection)? };
    match trim_blank(lines) {
        [] => Err(Unusable::Empty),
        lines => Ok(lines.join("\n").trim_end().to_owned()),
    }
}

/// Drops a leading `<think>…</think>`.
fn without_thoughts<'a>(text: &'a str, selection: &str) -> Result<&'a str, Unusable> {
    const OPEN: &str = "<think>";
    const CLOSE: &str = "</think>";
    if selection.contains(OPEN) || selection.contains(CLOSE) {
        return Ok(text);
    }
    // Where the template opened the thought, only its end is in the answer.
    match text.find(CLOSE) {
        Some(end) => Ok(&text[end + CLOSE.len()..]),
        None if text.trim_start().starts_with(OPEN) => Err(Unusable::Unfinished),
        None => Ok(text),
    }
}

/// What stands before the first control token that is not part of the user's own code.
fn before_control<'a>(text: &'a str, selection: &str) -> &'a str {
    let foreign = CONTROL.iter().filter(|token| !selection.contains(**token));
    let end = foreign.filter_map(|token| text.find(token)).min();
    &text[..end.unwrap_or(text.len())]
}

/// A line that opens or closes a fence of at least `length` backticks: what stands behind them.
fn fence_tag(line: &str, length: usize) -> Option<&str> {
    let line = line.trim_end();
    let tag = line.trim_start_matches('`');
    let is_tag = tag.chars().all(|c| c.is_alphanumeric() || "+-#._".contains(c));
    (line.len() - tag.len() >= length && is_tag).then_some(tag)
}

/// The lines that stand in the fence. Shorter fences are part of the code, but for one that is left
/// over at its end: where the prompt's fence is a long one, a model closes it with the usual.
fn inside_fence<'a, 'b>(lines: &'a [&'b str], length: usize, own_fences: usize) -> &'a [&'b str] {
    let lines = inside_whole_fence(lines, length);
    let fences = lines.iter().filter(|line| fence_tag(line.trim_start(), USUAL).is_some()).count();
    let last = lines.iter().rposition(|line| !line.trim().is_empty());
    match last {
        Some(last)
            if length > USUAL
                && !fences.is_multiple_of(2)
                && own_fences.is_multiple_of(2)
                && fence_tag(lines[last], USUAL) == Some("") =>
        {
            &lines[..last]
        }
        _ => lines,
    }
}

/// Backticks of a fence round code that has none.
const USUAL: usize = 3;

fn inside_whole_fence<'a, 'b>(lines: &'a [&'b str], length: usize) -> &'a [&'b str] {
    let first = lines.iter().position(|line| !line.trim().is_empty()).unwrap_or(0);
    let lines = &lines[first..];
    let is_fence = |line: &&str| fence_tag(line, length).is_some();
    let Some(fence) = lines.iter().position(is_fence) else { return lines };
    let (head, tail) = (&lines[..fence], &lines[fence + 1..]);
    let tag = fence_tag(lines[fence], length).unwrap_or_default();
    let reopened =
        fence == 0 && (!tag.is_empty() || tail.iter().any(|line| !line.trim().is_empty()));
    let talks_first = head.iter().all(|line| line.trim().is_empty() || is_remark(line));
    if reopened || (fence > 0 && talks_first) {
        let end = tail.iter().position(is_fence).unwrap_or(tail.len());
        return &tail[..end];
    }
    head
}

/// Drops remarks before and after the code; refuses an answer of nothing else.
fn without_remarks<'a, 'b>(
    lines: &'a [&'b str],
    selection: &str,
) -> Result<&'a [&'b str], Unusable> {
    let known = |line: &str| selection.lines().any(|own| own.trim() == line.trim());
    let talk = |line: &&str| is_sentence(line) && !known(line);
    let mut lines = trim_blank(lines);
    let mut filled = lines.iter().filter(|line| !line.trim().is_empty()).peekable();
    if filled.peek().is_some() && filled.all(|line| talk(line) || is_remark(line) && !known(line)) {
        return Err(Unusable::ProseOnly);
    }
    while let [first, rest @ ..] = lines
        && is_remark(first)
        && !known(first)
    {
        lines = trim_blank(rest);
    }
    // Remarks behind the code are paragraphs of their own, and nothing but prose follows.
    let prose = |line: &&str| line.trim().is_empty() || is_prose(line) && !known(line);
    let gaps = (0..lines.len()).filter(|&at| lines[at].trim().is_empty());
    let end = gaps.filter(|&at| at + 1 < lines.len()).find(|&at| {
        let tail = &lines[at + 1..];
        is_remark(tail[0]) && tail.iter().all(prose)
    });
    Ok(trim_blank(&lines[..end.unwrap_or(lines.len())]))
}

/// A line that stands in a remark: one that opens it, a sentence, or an item of a list.
fn is_prose(line: &str) -> bool {
    let after_number = line.trim_start_matches(|c: char| c.is_ascii_digit());
    let numbered = after_number.len() < line.len() && after_number.starts_with(". ");
    let item = line.starts_with("- ") || line.starts_with("* ") || numbered;
    is_remark(line) || is_sentence(line) || item
}

/// A line at the left edge that begins as remarks about code do.
fn is_remark(line: &str) -> bool {
    let bare = line.trim_start_matches(['*', '_']).trim_start();
    let lower = bare.to_lowercase();
    let opens = OPENINGS.iter().any(|opening| {
        lower
            .strip_prefix(opening)
            .is_some_and(|rest| !rest.starts_with(|c: char| c.is_alphanumeric()))
    });
    opens && !line.starts_with([' ', '\t']) && bare.split(' ').count() > 1 && !looks_like_code(bare)
        || matches!(lower.trim_end_matches('*'), "explanation:" | "changes:" | "improvements:")
}

/// A line that is a sentence of plain words: four or more, with a full stop or a colon.
fn is_sentence(line: &str) -> bool {
    let line = line.trim();
    let words = line.split_whitespace().filter(|word| {
        let word = word.trim_matches(|c: char| "`*\"'(),.:;!?".contains(c));
        word.chars().all(|c| c.is_alphabetic() || c == '\'' || c == '-') && !word.is_empty()
    });
    let total = line.split_whitespace().count();
    let capital = line.starts_with(|c: char| c.is_uppercase() || "-*`".contains(c));
    total >= 4
        && words.count() * 4 >= total * 3
        && capital
        && line.ends_with(['.', ':', '!', '?'])
        && !looks_like_code(line)
}

/// Signs that prose does not end or go on with.
fn looks_like_code(line: &str) -> bool {
    line.ends_with([';', '{', '}', ')', ',', '\\'])
        || [" = ", "==", "();", " := ", "->", "=>"].iter().any(|sign| line.contains(sign))
}

fn trim_blank<'a, 'b>(mut lines: &'a [&'b str]) -> &'a [&'b str] {
    while let [first, rest @ ..] = lines
        && first.trim().is_empty()
    {
        lines = rest;
    }
    while let [rest @ .., last] = lines
        && last.trim().is_empty()
    {
        lines = rest;
    }
    lines
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SELECTION: &str = "def f(a):\n    return a";

    fn clean(raw: &str, selection: &str, fence: &str) -> Result<String, Unusable> {
        code(raw, selection, fence, Language::of(Some("python"), ""))
    }

    #[track_caller]
    fn check(raw: &str, expected: &str) {
        assert_eq!(clean(raw, SELECTION, "```").as_deref(), Ok(expected), "{raw:?}");
    }

    #[test]
    fn code_stays_as_it_is() {
        check("x = 1\n\ny = 2", "x = 1\n\ny = 2");
        check("\n\nx = 1\r\ny = 2\n\n", "x = 1\ny = 2");
        check("    indented()\n  less()", "    indented()\n  less()");
        check("# Here is the trick.\nx = 1", "# Here is the trick.\nx = 1");
        check("s = '''\nThis is text.\n'''", "s = '''\nThis is text.\n'''");
        check(
            "def f():\n    \"\"\"Doc.\n\n    ```\n    f()\n    ```\n    \"\"\"",
            "def f():\n    \"\"\"Doc.\n\n    ```\n    f()\n    ```\n    \"\"\"",
        );
    }

    #[test]
    fn fences_go_with_what_stands_outside_of_them() {
        check("```python\nx = 1\n```", "x = 1");
        check("```\nx = 1\n```\nThat is all.", "x = 1");
        check("x = 1\n```", "x = 1");
        check("x = 1\n```\n\nI changed much.\n```python\ny = 2\n```", "x = 1");
        check("Here is the improved code:\n\n```python\nx = 1\n```\nEnjoy!", "x = 1");
        check("Sure, this is better:\n```py\nx = 1", "x = 1");
    }

    #[test]
    fn a_longer_fence_leaves_shorter_ones_in_the_code() {
        let selection = "```\ncode\n```";
        let text = clean("```\nbetter\n```\n````\nbye", selection, "````");
        assert_eq!(text.as_deref(), Ok("```\nbetter\n```"));
    }

    #[test]
    fn a_long_fence_that_is_closed_with_the_usual_one_is_closed() {
        let selection = "def f():\n    \"\"\"Doc.\n\n    ```\n    f()\n    ```\n    \"\"\"";
        let answer = format!("{selection}\n    return 1");
        for end in ["\n```", "\n```\n", "", "\n````"] {
            let text = clean(&format!("{answer}{end}"), selection, "````");
            assert_eq!(text.as_deref(), Ok(answer.as_str()), "{end:?}");
        }
        // The fence is the selection's own where it has one more itself.
        let half = "text\n```";
        assert_eq!(clean(half, half, "````").as_deref(), Ok(half));
    }

    #[test]
    fn thoughts_and_control_tokens_go() {
        check("<think>\nWell, x.\n</think>\n\nx = 1", "x = 1");
        check("Well, x.\n</think>\nx = 1", "x = 1");
        check("x = 1<|im_end|>\n<|im_start|>user", "x = 1");
        check("x = 1\n</s>", "x = 1");
        assert_eq!(clean("<think>\nHm", SELECTION, "```"), Err(Unusable::Unfinished));
        let own = "END = '<|im_end|>'\nT = '<think>'";
        assert_eq!(clean(own, own, "```").as_deref(), Ok(own));
    }

    #[test]
    fn remarks_round_the_code_go() {
        check("Here's the improved version:\nx = 1", "x = 1");
        check("x = 1\n\nThis version uses a name.", "x = 1");
        check(
            "x = 1\n\nExplanation:\n- Better.\n1. Faster.\n\nIt also reads much better.",
            "x = 1",
        );
        check("s = '''\n\nThis code is new.\n'''", "s = '''\n\nThis code is new.\n'''");
        check("sure = True\nx = 1", "sure = True\nx = 1");
    }

    #[test]
    fn remarks_that_the_user_wrote_stay() {
        let own = "x = '''\n\nThis code is old.\n'''";
        assert_eq!(clean(own, own, "```").as_deref(), Ok(own));
    }

    #[test]
    fn an_answer_without_code_is_unusable() {
        for raw in ["", "\n \n", "```", "```python\n```", "<|im_end|>"] {
            assert_eq!(clean(raw, SELECTION, "```"), Err(Unusable::Empty), "{raw:?}");
        }
        for raw in [
            "The function returns its argument and is already good.",
            "Here is the improved code:",
            "I cannot help with that request.\n\nPlease select some other code instead.",
        ] {
            assert_eq!(clean(raw, SELECTION, "```"), Err(Unusable::ProseOnly), "{raw:?}");
        }
    }

    #[test]
    fn prose_is_what_a_text_document_wants() {
        let text = "The function returns its argument and is already good.";
        let markdown = Language::of(Some("markdown"), "");
        assert_eq!(code(text, "Old text.", "```", markdown).as_deref(), Ok(text));
    }

    proptest! {
        #[test]
        fn code_without_fences_and_capitals_passes_through(text in "[a-z(][a-z =()\n]{0,60}[a-z)]") {
            let trimmed: Vec<&str> = text.split('\n').collect();
            let expected = trim_blank(&trimmed).join("\n");
            if !trimmed.iter().any(|line| is_remark(line)) {
                prop_assert_eq!(clean(&text, SELECTION, "```"), Ok(expected));
            }
        }

        #[test]
        fn nothing_makes_it_panic(raw in "(```|<think>|</think>|here is|[a-z\n \u{e9}]){0,30}") {
            let _ = clean(&raw, SELECTION, "```");
        }
    }
}
