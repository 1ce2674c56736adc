//! Answers that say how to change the code instead of being the code: patches, conflict marks, tool
//! calls. Forms that could be undone already were (see `forms`); many of the others parse.

use super::{Problem, Rewrite, Severity};
use crate::language::Comments;

pub(super) fn instead(rewrite: &Rewrite<'_>) -> Option<Problem> {
    let is_new = |line: &&str| !rewrite.original.lines().any(|own| own.trim() == line.trim());
    let is_patch = rewrite.answer.lines().filter(|line| is_mark(line)).any(|line| is_new(&line))
        || is_call(rewrite.answer) && !rewrite.original.starts_with('{');
    let severity = match () {
        () if is_patch => Severity::Unusable,
        () if !rewrite.language.prose && has_wrapping(rewrite) => Severity::Unusable,
        () if !rewrite.language.prose && has_signs(rewrite) => Severity::Doubtful,
        () => return None,
    };
    Some(Problem::new(severity, "it says how to change the code and is not the code"))
}

fn has_signs(rewrite: &Rewrite<'_>) -> bool {
    let goes = |line: &str| line.starts_with('-') && !line.starts_with("--");
    let comes = |line: &str| line.starts_with('+') && !line.starts_with("++");
    let lines: Vec<&str> = rewrite.answer.lines().collect();
    lines.windows(2).any(|pair| goes(pair[0]) && comes(pair[1]))
        && !rewrite.original.lines().any(|line| goes(line) || comes(line))
}

/// Whether tags surround all of the code, in a language that has no tags and no grammar to say so.
fn has_wrapping(rewrite: &Rewrite<'_>) -> bool {
    let language = rewrite.language;
    if language.grammar("").is_some()
        || matches!(language.id, "" | "vue" | "svelte")
        || language.comments == Comments::Markup
    {
        return false;
    }
    let lines = || rewrite.answer.lines().filter(|line| !line.trim().is_empty());
    let opens = lines().next().is_some_and(|line| line.starts_with('<') && !line.starts_with("</"));
    let closes = lines().next_back().is_some_and(|line| line.starts_with("</") || line == "]]>");
    opens && closes && !rewrite.original.starts_with('<')
}

fn is_mark(line: &str) -> bool {
    let line = line.trim_start();
    line.starts_with("<<<<<<< ")
        || line.starts_with(">>>>>>> ")
        || line.starts_with("diff --git ")
        || line.starts_with("@@ -")
        || line.starts_with("+++ b/")
        || line.starts_with("<tool_call>")
}

/// Whether a text is JSON that calls a tool, or gives code under a key.
fn is_call(text: &str) -> bool {
    const KEYS: &[&str] = &["arguments", "parameters", "tool", "tool_calls", "code", "function"];
    let object = || serde_json::from_str::<serde_json::Map<String, serde_json::Value>>(text).ok();
    text.starts_with('{')
        && object().is_some_and(|object| KEYS.iter().any(|key| object.contains_key(*key)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_says_how_to_change_code_is_found_and_code_with_such_signs_is_not() {
        let found = |answer: &str| instead(&Rewrite::of("a.kt", "val a = 1", answer)).is_some();
        assert!(found("@@ -1 +1 @@\n-val b = 1\n+val b = 2"));
        assert!(found("<<<<<<< SEARCH\nval b\n=======\nval c\n>>>>>>> REPLACE"));
        assert!(found("{\"name\": \"edit\", \"arguments\": {\"line\": 1}}"));
        assert!(!found("val a = b shl 7 // <<<<<<< 7"));
        assert!(
            found("val a = 1\n-val b = 1\n+val b = 2") && found("<file a=\"b\">\nf()\n</file>")
        );
        assert!(!found("val a = \"\"\"\n<p>\n</p>\"\"\""), "a string ends with the tag");
        assert!(!found("val a = 1 +\n    2 -\n    3") && !found("val a =\n  1\n  + 2\n  - 3"));
    }
}
