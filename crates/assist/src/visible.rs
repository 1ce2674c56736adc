//! Foreign text made safe to show on a terminal: names from model files, licenses, answers and file
//! names may hold characters that move the cursor, set colors, change the window title, or turn the
//! direction of what follows. They are shown, not obeyed. The command line calls it; what goes to a
//! file or a pipe is not changed.

use std::borrow::Cow;
use std::fmt::Write as _;

/// The text with what a terminal would obey written out as `\u001b`: JSON's own notation, so that
/// what is printed with `--json` keeps its meaning.
#[must_use]
pub fn visible(text: &str) -> Cow<'_, str> {
    if !text.contains(is_obeyed) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 16);
    let mut rest = text.chars().peekable();
    while let Some(character) = rest.next() {
        // A Windows line end moves the cursor no further than its second character would.
        if is_obeyed(character) && !(character == '\r' && rest.peek() == Some(&'\n')) {
            let _ = write!(shown, "\\u{:04x}", u32::from(character));
        } else {
            shown.push(character);
        }
    }
    Cow::Owned(shown)
}

/// A new line and a tab are as harmless as letters; all other controls are obeyed. The rest are the
/// direction characters of Unicode.
fn is_obeyed(character: char) -> bool {
    let plain = ['\n', '\t'].contains(&character);
    let turns = matches!(
        character,
        '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
    );
    turns || (character.is_control() && !plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_terminal_would_obey_is_written_out() {
        for (text, shown) in [
            ("a\u{1b}[31mred\u{1b}]0;name\u{7}", r"a\u001b[31mred\u001b]0;name\u0007"),
            ("over\rwritten\u{8}\u{7f}", r"over\u000dwritten\u0008\u007f"),
            // The same escape in one character, for terminals that know these.
            ("\u{9b}2J", r"\u009b2J"),
            ("txt.\u{202e}exe\u{2066}\u{200f}\u{61c}", r"txt.\u202eexe\u2066\u200f\u061c"),
        ] {
            assert_eq!(visible(text), shown);
        }
    }

    #[test]
    fn plain_text_of_any_language_stays_as_it_is() {
        for text in ["", "def f():\n\treturn 1\n", "a\r\nb\r\n", "naïve שלום 日本 👩‍💻"]
        {
            assert!(matches!(visible(text), Cow::Borrowed(_)) || text.contains('\r'));
            assert_eq!(visible(text), text);
        }
    }

    #[test]
    fn no_character_of_these_is_left() {
        let all: String = (0..=0x2069_u32).filter_map(char::from_u32).collect();
        let shown = visible(&all);
        assert!(!shown.contains(is_obeyed));
        assert!(shown.contains('\n') && shown.contains('\t'));
    }

    #[test]
    fn json_says_the_same_before_and_after() {
        let name = "a\u{9b}\u{202e}\u{7f}\u{1b}b".to_owned();
        let json = serde_json::to_string(&name).unwrap();
        assert_eq!(serde_json::from_str::<String>(&visible(&json)).unwrap(), name);
    }
}
