//! From what the model wrote to code: fences, chatter, thoughts and control tokens go.
//!
//! The answer begins inside a fence that the prompt opened, but models open it again, talk before
//! it, or continue after it. Whatever the selection has as well is code and stays. Whether the code
//! is any good is not decided here (see `guard`).

use localcoder_protocol::{THOUGHTS, Thought};

use crate::language::Language;
use crate::{fences, forms};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unusable {
    Empty,
    ProseOnly,
    /// It was still thinking when the answer ended.
    Unfinished,
}

/// Words that end or begin a turn in the templates of common models. They are control tokens and
/// never text: a worker that shows them has a model with a broken vocabulary.
pub const CONTROL: &[&str] = &[
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
    "<|return|>",
    "<end_of_turn>",
    "<turn|>",
    "<start_of_turn>",
    "<｜end▁of▁sentence｜>",
    "</s>",
    "[/INST]",
];

/// Control tokens that open the turn of the answer, which some models write once more although the
/// template has done so.
const OPENING_TURNS: &[&str] = &[
    "<|im_start|>assistant",
    "<|start_header_id|>assistant<|end_header_id|>",
    "<|assistant|>",
    "<start_of_turn>model",
    "[/INST]",
    "<\u{ff5c}Assistant\u{ff5c}>",
];

/// How prose about code begins, in lower case. If the answer has code as well, only these
/// openings count as prose: better to leave a remark in than to lose a line of code.
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

/// How an answer begins when the model declines, in lower case.
const DECLINING: &[&str] = &[
    "i'm sorry",
    "i am sorry",
    "sorry, ",
    "i cannot ",
    "i can't ",
    "i'm unable ",
    "i am unable ",
    "i'm not able ",
    "i apologize",
    "unfortunately, i ",
    "unfortunately i ",
    "as an ai ",
];

/// The whole answer of models that find nothing to do.
const NOTHING_TO_DO: &[&str] = &[
    "no changes",
    "no changes needed",
    "no change needed",
    "no changes are needed",
    "no changes required",
    "looks good",
    "done",
];

/// Takes the code out of a raw answer. `selection` is the text the model was given, `fence` the
/// backticks the prompt opened with. Line ends become `\n`; blank lines at both ends go.
pub(crate) fn code(
    raw: &str,
    selection: &str,
    fence: &str,
    language: &Language,
) -> Result<String, Unusable> {
    let text = raw.trim_start_matches('\u{FEFF}');
    // If there is no `\n`, each `\r` is the end of a line.
    let end = if text.contains('\n') { "\r\n" } else { "\r" };
    let text = text.replace(end, "\n");
    // From the outside to the inside. Thoughts go first, since what is in them looks like an answer:
    // fences, tags, the end of a turn. Tags are looked for around the fence and within it, as models
    // put either into the other.
    let text = after_opening(&text, selection);
    let mut text = text;
    // Some models think more than once before they answer.
    loop {
        let rest = without_thoughts(text, selection)?;
        if rest.len() == text.len() {
            break;
        }
        text = rest;
    }
    let text = without_inner_thoughts(text, selection);
    let text = before_control(&text, selection);
    let lines: Vec<&str> = text
        .split('\n')
        .map(|line| line.trim_end_matches('\r').trim_start_matches('\u{FEFF}'))
        .collect();
    // Tags before and after the fence, as the comment above has it.
    let lines = forms::inside_tags(&lines, selection, language);
    let lines = fences::inside(lines, fence.len(), selection, language);
    let lines = forms::inside_tags(lines, selection, language);
    // After unwrapping, since a refusal is often put into a fence.
    if declines(lines, selection, language) {
        return Err(Unusable::ProseOnly);
    }
    let lines = without_name(lines, selection, language);
    let lines = if language.prose { lines } else { without_remarks(lines, selection)? };
    match trim_blank(lines) {
        [] => Err(Unusable::Empty),
        lines => {
            let mut code = lines.join("\n").trim_end().to_owned();
            // The closing fence is on the last line of the code, which a line-wise search for
            // fences does not see.
            // Exactly one: a pair of fences within the line would be part of the text.
            if code.matches("```").count() == 1
                && code.ends_with("```")
                && !selection.contains("```")
            {
                code.truncate(code.trim_end_matches('`').trim_end().len());
            }
            Ok(forms::code(&code, selection, language).unwrap_or(code))
        }
    }
}

/// What follows the words that open the assistant's turn, which some models write again.
fn after_opening<'a>(text: &'a str, selection: &str) -> &'a str {
    let rest = text.trim_start();
    let opening = OPENING_TURNS.iter().find(|words| rest.starts_with(**words));
    match opening {
        Some(words) if !selection.contains(words) => &rest[words.len()..],
        _ => text,
    }
}

/// The marks of thoughts that the selection does not contain itself. Code that works with such
/// marks (a chat template, this very file) would lose lines otherwise.
fn foreign_thoughts(selection: &str) -> impl Iterator<Item = &'static Thought> {
    THOUGHTS.iter().filter(|it| !selection.contains(it.open) && !selection.contains(it.close))
}

/// Drops a leading `<think>…</think>`; an error if the thought never ended, so that what was
/// thought is never taken for code.
fn without_thoughts<'a>(text: &'a str, selection: &str) -> Result<&'a str, Unusable> {
    for thought in foreign_thoughts(selection) {
        let opens = text.trim_start().starts_with(thought.open);
        // If the template opened the thought, the answer has only its end. Templates open thoughts
        // only with the first pair of words; the others may be tags of a page.
        let is_only_end =
            |end: &usize| thought.open == THOUGHTS[0].open && !text[..*end].contains(thought.open);
        match text.find(thought.close).filter(|end| opens || is_only_end(end)) {
            Some(end) => return Ok(&text[end + thought.close.len()..]),
            None if opens => return Err(Unusable::Unfinished),
            None => {}
        }
    }
    Ok(text)
}

/// Drops thoughts that begin a line within the answer, and everything after one that has no end.
fn without_inner_thoughts(text: &str, selection: &str) -> String {
    let mut text = text.to_owned();
    // Tags are left alone here: within an answer they may be elements of a page.
    for thought in foreign_thoughts(selection).filter(|it| !it.is_tag) {
        let mut from = 0;
        while let Some(at) = text[from..].find(thought.open).map(|at| from + at) {
            // Marks behind code in the same line are a string or comment of the program.
            let line = text[..at].rfind('\n').map_or(0, |end| end + 1);
            if !text[line..at].trim().is_empty() {
                from = at + thought.open.len();
                continue;
            }
            let behind = at + thought.open.len();
            match text[behind..].find(thought.close) {
                Some(end) => {
                    let end = behind + end + thought.close.len();
                    let rest = text[end..].strip_prefix('\n').unwrap_or(&text[end..]);
                    text = format!("{}{rest}", &text[..line]);
                }
                None => text.truncate(line),
            }
            from = line;
        }
    }
    text
}

/// What comes before the first control token that is not part of the user's own code. What follows
/// such a token is another turn, which the model has made up.
fn before_control<'a>(text: &'a str, selection: &str) -> &'a str {
    let foreign = CONTROL.iter().filter(|token| !selection.contains(**token));
    let end = foreign.filter_map(|token| text.find(token)).min();
    let text = &text[..end.unwrap_or(text.len())];
    // A control token that the selection contains may still end the turn: only the surplus counts.
    let surplus = CONTROL.iter().find(|token| {
        let count = |text: &str| text.matches(**token).count();
        text.trim_end().ends_with(**token) && count(text) > count(selection)
    });
    surplus.and_then(|token| text.trim_end().strip_suffix(token)).unwrap_or(text)
}

/// Whether the model says that it can't, or that there is nothing to do, in words that the
/// selection does not have.
fn declines(lines: &[&str], selection: &str, language: &Language) -> bool {
    // Models write typographic apostrophes as often as straight ones.
    let text = trim_blank(lines).join(" ").to_lowercase().replace('\u{2019}', "'");
    let own = selection.to_lowercase().replace('\u{2019}', "'");
    let begins = |words: &&&str| text.starts_with(**words) && !own.contains(**words);
    let Some(_) = DECLINING.iter().find(begins) else {
        let bare = text.trim_end_matches(['.', '!']);
        // Markdown may well say "Done." or "Looks good".
        return !language.prose && own.trim() != text && NOTHING_TO_DO.contains(&bare);
    };
    // A text may well say that someone is sorry; only a model speaks of requests.
    !language.prose || ["assist", "help with", "request"].iter().any(|word| text.contains(word))
}

/// The text without the language's name in the first line, left over from the opening fence.
fn without_name<'a, 'b>(
    lines: &'a [&'b str],
    selection: &str,
    language: &Language,
) -> &'a [&'b str] {
    let name = |line: &str| [language.id, language.fence].contains(&line.trim());
    match trim_blank(lines) {
        [first, rest @ ..]
            if !rest.is_empty()
                && !language.prose
                && name(first)
                && !selection.lines().next().is_some_and(name) =>
        {
            rest
        }
        _ => lines,
    }
}

/// Drops remarks before and after the code; refuses an answer of nothing else. To lose a line of
/// code is worse than to keep a remark, so what comes before the code must begin as remarks do, and
/// what comes after must be prose to the end.
fn without_remarks<'a, 'b>(
    lines: &'a [&'b str],
    selection: &str,
) -> Result<&'a [&'b str], Unusable> {
    // Lines that the selection has are never talk, whatever they look like: comments and docstrings
    // are full of sentences.
    let known = |line: &str| selection.lines().any(|own| own.trim() == line.trim());
    let talk = |line: &&str| is_sentence(line) && !known(line);
    let mut lines = trim_blank(lines);
    let opens = |line: &&str| talk(line) || is_remark(line) && !known(line);
    let filled = || lines.iter().filter(|line| !line.trim().is_empty());
    if filled().next().is_some_and(opens)
        && filled().all(|line| opens(line) || is_prose(line) && !known(line))
    {
        return Err(Unusable::ProseOnly);
    }
    while let [first, rest @ ..] = lines
        && is_remark(first)
        && !known(first)
    {
        lines = trim_blank(rest);
    }
    // Remarks after the code are paragraphs of their own, with nothing but prose after them.
    let prose = |line: &&str| line.trim().is_empty() || is_prose(line) && !known(line);
    let gaps = (0..lines.len()).filter(|&at| lines[at].trim().is_empty());
    let end = gaps.filter(|&at| at + 1 < lines.len()).find(|&at| {
        let tail = &lines[at + 1..];
        is_remark(tail[0]) && tail.iter().all(prose)
    });
    Ok(trim_blank(&lines[..end.unwrap_or(lines.len())]))
}

/// Whether a line belongs to a remark: one that opens it, a sentence, or a list item.
pub(crate) fn is_prose(line: &str) -> bool {
    let after_number = line.trim_start_matches(|c: char| c.is_ascii_digit());
    let numbered = after_number.len() < line.len() && after_number.starts_with(". ");
    let item = line.starts_with("- ") || line.starts_with("* ") || numbered;
    is_remark(line) || is_sentence(line) || item
}

/// Whether a line at the left edge begins as remarks about code do.
pub(crate) fn is_remark(line: &str) -> bool {
    let bare = line.trim_start_matches(['*', '_']).trim_start();
    let lower = bare.to_lowercase();
    let opens = OPENINGS.iter().any(|opening| {
        lower
            .strip_prefix(opening)
            .is_some_and(|rest| !rest.starts_with(|c: char| c.is_alphanumeric()))
    });
    // One word alone ("sure", "explanation") may be a statement, such as the call of a command in a
    // shell script.
    opens && !line.starts_with([' ', '\t']) && bare.split(' ').count() > 1 && !looks_like_code(bare)
        || matches!(lower.trim_end_matches('*'), "explanation:" | "changes:" | "improvements:")
}

/// Whether a line is a sentence of plain words: four or more, with a full stop or a colon.
fn is_sentence(line: &str) -> bool {
    let line = line.trim();
    let words = line.split_whitespace().filter(|word| {
        let word = word.trim_matches(|c: char| "`*\"'(),.:;!?".contains(c));
        word.chars().all(|c| c.is_alphabetic() || c == '\'' || c == '-') && !word.is_empty()
    });
    let total = line.split_whitespace().count();
    // Two dashes begin a comment in some languages.
    let capital = !line.starts_with("--")
        && line.starts_with(|c: char| c.is_uppercase() || "-*`".contains(c));
    total >= 4
        // Three of four words: code in backquotes and numbers occur in sentences, too.
        && words.count() * 4 >= total * 3
        && capital
        && line.ends_with(['.', ':', '!', '?'])
        && !looks_like_code(line)
}

pub(crate) fn is_heading(line: &str) -> bool {
    let line = line.trim();
    let words = line.trim_start_matches('#');
    let bold =
        line.len() > 4 && line.starts_with("**") && line.trim_end_matches(':').ends_with("**");
    bold || (1..=6).contains(&(line.len() - words.len())) && words.starts_with(' ')
}

/// Whether a line ends or continues with signs that prose does not.
fn looks_like_code(line: &str) -> bool {
    line.ends_with([';', '{', '}', ')', ',', '\\'])
        || [" = ", "==", "();", " := ", "->", "=>"].iter().any(|sign| line.contains(sign))
}

pub(crate) fn trim_blank<'a, 'b>(mut lines: &'a [&'b str]) -> &'a [&'b str] {
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
        for announced in ["Answer:", "a.py", "## Better", "**Better**"] {
            check(&format!("{announced}\n\n```python\nx = 1\n```"), "x = 1");
        }
    }

    #[test]
    fn the_fence_round_code_with_fences_closes_behind_as_many_as_the_selection_has() {
        let selection = "D = '''\n```\nf()\n```\n'''";
        let answer = selection.replace("f()", "f(1)");
        let text = clean(&format!("```python\n{answer}\n```\n"), selection, "````");
        assert_eq!(text.as_deref(), Ok(answer.as_str()));
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
        // The fence is the selection's own if the selection has another one itself.
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
        check("[THINK]Hm.[/THINK]x = 1", "x = 1");
        check("<|channel>thought\nHm.<channel|>x = 1", "x = 1");
        check("<|channel|>analysis<|message|>Hm.<|end|>x = 1", "x = 1");
        check("x = 1\n<think>\nIs it?\n</think>\ny = 2", "x = 1\ny = 2");
        check("x = 1\n<think>\nIs it", "x = 1");
        let quoted = "x = '<think>'\ny = '</think>'";
        assert_eq!(clean(quoted, quoted, "```").as_deref(), Ok(quoted));
        check("x = 1 # <think> is a mark", "x = 1 # <think> is a mark");
        check("x = '<think>a</think>'", "x = '<think>a</think>'");
        let own = "END = '<|im_end|>'\nT = '<think>'";
        assert_eq!(clean(own, own, "```").as_deref(), Ok(own));
        // In HTML it strikes text out, and ends the selection.
        let struck = "<s>old</s>";
        for end in ["", "</s>", "\n</s>\n"] {
            let text = clean(&format!("{struck}{end}"), struck, "```");
            assert_eq!(text.as_deref(), Ok(struck), "{end:?}");
        }
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
        fn nothing_makes_it_panic(raw in "(```|~~~|<think>|</think>|here is|@@|<<<<<<<|=======|>>>>>>>|[-+>|:{\"0-3a-z\n\r \u{e9}]){0,40}") {
            let _ = clean(&raw, SELECTION, "```");
        }
    }
}
