//! Characters that no one sees: they can make code read differently from how it runs.
//!
//! Only newly introduced ones count; a document may have its own.

use super::{Problem, Severity};

/// An invisible or reordering character in the answer that the original does not have.
pub(super) fn introduced(original: &str, answer: &str) -> Option<Problem> {
    let new = answer.chars().find(|&c| is_hidden(c) && !original.contains(c))?;
    let reason = format!("it has an invisible character (U+{:04X})", u32::from(new));
    Some(Problem::new(Severity::Unusable, reason))
}

fn is_hidden(c: char) -> bool {
    matches!(c,
        // Reordering of text, and marks of direction.
        '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}' | '\u{200E}' | '\u{200F}' | '\u{061C}'
        // Characters without width, and blanks that look like letters' gaps.
        | '\u{200B}'..='\u{200D}' | '\u{2060}'..='\u{2064}' | '\u{FEFF}' | '\u{00AD}'
        | '\u{115F}' | '\u{1160}' | '\u{3164}' | '\u{FFA0}' | '\u{180E}'
        // Line separators that editors do not show as such.
        | '\u{2028}' | '\u{2029}' | '\u{0085}'
        // Tags and supplementary variation selectors.
        | '\u{E0000}'..='\u{E01EF}')
        || c.is_control() && !matches!(c, '\n' | '\t' | '\r' | '\u{000C}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn new_hidden_characters_are_found_and_old_ones_are_not() {
        let found = |original, answer| introduced(original, answer).map(|problem| problem.reason);
        assert_eq!(found("a", "a = 'äöü → 你好 😀'\t\n"), None);
        assert!(found("a", "a\u{202E}b").unwrap().contains("U+202E"));
        assert!(found("a", "a\u{200B}b").unwrap().contains("U+200B"));
        assert!(found("a", "a\u{E0041}").unwrap().contains("U+E0041"));
        assert!(found("a", "a\u{1b}[0m").unwrap().contains("U+001B"));
        assert_eq!(found("a\u{200D}", "b\u{200D}"), None);
    }
}
