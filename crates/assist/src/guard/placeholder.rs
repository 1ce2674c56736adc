//! Comments that stand for code the model left out: "... rest of the code ...".

use super::{Problem, Rewrite, Severity};
use crate::language::{Comments, Language};

/// Parts of such comments, in lower case.
const PHRASES: &[&str] = &[
    "rest of the",
    "rest of your",
    "rest of code",
    "rest of function",
    "rest of method",
    "remaining code",
    "remaining implementation",
    "existing code",
    "existing implementation",
    "previous code",
    "original code",
    "unchanged code",
    "code unchanged",
    "remains unchanged",
    "remain unchanged",
    "remains the same",
    "remain the same",
    "same as before",
    "same as above",
    "your code here",
    "implementation here",
    "omitted for brevity",
    "code omitted",
];

/// A placeholder comment in the answer that is not in the original; with it the answer would delete
/// the user's code.
pub(super) fn introduced(rewrite: &Rewrite<'_>) -> Option<Problem> {
    let comments = rewrite.language.comments;
    let line = rewrite.answer.lines().map(str::trim).find(|line| {
        (comment(line, comments).is_some_and(is_placeholder)
            || behind_code(line, comments).is_some_and(is_told_placeholder)
            || has_no_dots(rewrite.language) && matches!(*line, "..." | "…"))
            // A remark that the selection has already says something about code that was left out
            // long ago.
            && !rewrite.original.lines().any(|own| own.trim() == *line)
    })?;
    let shown: String = line.chars().take(60).collect();
    let reason = format!("it leaves code out and says `{shown}` instead");
    Some(Problem::new(Severity::Unusable, reason))
}

pub(super) fn starts(comments: Comments) -> &'static [&'static str] {
    match comments {
        Comments::Hash => &["#"],
        Comments::Slash => &["//", "/*", "{/*"],
        Comments::Dash => &["--"],
        Comments::Markup => &["<!--"],
        Comments::Any => &["#", "//", "/*", "--", "<!--", ";", "%"],
    }
}

/// Whether a line of dots means nothing in a language. If there is a grammar it says so itself,
/// except for a shell's, which takes any word for a command.
fn has_no_dots(language: &Language) -> bool {
    language.id == "shellscript"
        || language.grammar("").is_none()
            && !language.prose
            && !matches!(language.id, "" | "perl" | "r" | "lua")
}

fn behind_code(line: &str, comments: Comments) -> Option<&str> {
    starts(comments).iter().find_map(|start| Some(line.rsplit_once(&format!(" {start}"))?.1.trim()))
}

/// The words of a line that is a comment and nothing else.
pub(super) fn comment(line: &str, comments: Comments) -> Option<&str> {
    let words = starts(comments).iter().find_map(|start| line.strip_prefix(start))?;
    Some(words.trim_matches(|c: char| c.is_whitespace() || "#/*-<>{}!;%".contains(c)))
}

/// Whether a comment has both dots and words that say what they stand for: a comment after code may
/// well have one of the two.
fn is_told_placeholder(words: &str) -> bool {
    let lower = words.to_lowercase();
    (lower.starts_with("...") || lower.starts_with('…'))
        && PHRASES.iter().any(|phrase| lower.contains(phrase))
}

fn is_placeholder(words: &str) -> bool {
    let lower = words.to_lowercase();
    let bare = lower.trim_matches(|c: char| !c.is_alphanumeric());
    let dots = lower.starts_with("...") || lower.starts_with('…');
    dots || bare == "unchanged"
        || bare == "no change"
        || bare == "no changes"
        // A longer sentence with such a phrase in it tells something about the code.
        || PHRASES.iter().any(|phrase| lower.contains(phrase)) && bare.split(' ').count() <= 10
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(id: &str, original: &str, answer: &str) -> bool {
        let rewrite = Rewrite {
            language: Language::of(Some(id), ""),
            original,
            answer,
            document: (original, answer),
            around: (&[], &[]),
            instruction: None,
            only_comments: false,
            is_told_flaws: false,
        };
        introduced(&rewrite).is_some()
    }

    #[test]
    fn comments_that_stand_for_code_are_found() {
        assert!(found("python", "a", "a\n# ... rest of the code"));
        for words in ["unchanged", "No change", "no changes."] {
            assert!(found("python", "a", &format!("    # {words}")), "{words}");
        }
        assert!(found("rust", "a", "// ...existing code..."));
        assert!(found("javascriptreact", "a", "{/* ... */}"));
        assert!(found("html", "a", "<!-- rest of the page remains the same -->"));
        assert!(found("", "a", "-- Same as before"));
    }

    #[test]
    fn code_and_honest_comments_are_not() {
        // Three dots are a body in Python, so they count only where a line can't be code.
        assert!(!found("python", "a", "def f(): ..."));
        assert!(!found("python", "a", "# The list is unchanged when nothing matches."));
        assert!(!found("python", "# ... rest of the code", "# ... rest of the code\nb"));
        assert!(!found("rust", "a", "let rest = [..]; // the rest of it"));
    }
}
