//! Blanks at the end of the typed part of a line are withheld from the model, so that it writes
//! them itself together with the word that follows. Here they are removed from what it wrote.

use super::gap::BLANKS;

/// What follows the blanks that `line` ends with; `None` if the model continued as if they were not
/// there, and its text does not fit after them. It fits without a blank of its own where a word or
/// literal begins after a sign (`x = ` and `1`), and not after a word (`return ` and `ed`), where
/// it would be that word's end.
pub(super) fn behind<'a>(line: &str, blanks: &str, written: &'a str) -> Option<&'a str> {
    if blanks.is_empty() {
        return Some(written);
    }
    let own = written.trim_start_matches(BLANKS);
    let is_new_line = own.is_empty() || own.starts_with(['\n', '\r']);
    let (last, first) = (line.trim_end_matches(BLANKS).chars().next_back(), own.chars().next());
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    let is_apart = || {
        let begins =
            first.is_some_and(|c| is_word(c) || ['"', '\'', '`', '(', '[', '{'].contains(&c));
        last.is_some_and(|c| !is_word(c) && !['"', '\'', '`', '.'].contains(&c)) && begins
    };
    (is_new_line || own.len() < written.len() || is_apart()).then_some(own)
}

#[cfg(test)]
mod tests {
    use super::behind;

    #[test]
    fn the_blank_of_the_line_is_not_repeated_and_what_does_not_follow_it_is_nothing() {
        for (line, written, expected) in [
            ("for ", " i in x:", Some("i in x:")),
            ("for ", "  i in x:", Some("i in x:")),
            ("for ", "mat(x)", None),
            ("x = ", " 1", Some("1")),
            ("x = ", "= 1", None),
            ("x = ", "1", Some("1")),
            ("f(a, ", "b)", Some("b)")),
            ("{ ", "a }", Some("a }")),
            ("a ", ".b", None),
            ("f() ", "\n", Some("\n")),
            ("if a: ", "\n    b", Some("\n    b")),
        ] {
            assert_eq!(behind(line, " ", written), expected, "{line:?} + {written:?}");
        }
        assert_eq!(behind("for", "", "mat(x)"), Some("mat(x)"));
        assert_eq!(behind("    ", "", " x"), Some(" x"));
    }
}
