//! Whether brackets close, for languages without a parser here.
//!
//! Strings and comments are skipped in the way most languages write them; that is a guess, so a
//! finding is a doubt and not a proof.

/// The opening bracket whose kind is unbalanced in the answer though the original was balanced.
pub(super) fn unbalanced(original: &str, answer: &str) -> Option<char> {
    let (before, after) = (balance(original), balance(answer));
    ['(', '[', '{']
        .into_iter()
        .zip(before.into_iter().zip(after))
        // A selection that cuts through brackets says nothing about its answer.
        .find_map(|(bracket, (before, after))| (before == 0 && after != 0).then_some(bracket))
}

/// How many of each kind stay open; negative if more are closed than opened.
fn balance(text: &str) -> [i32; 3] {
    let mut open = [0; 3];
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        match c {
            '(' => open[0] += 1,
            ')' => open[0] -= 1,
            '[' => open[1] += 1,
            ']' => open[1] -= 1,
            '{' => open[2] += 1,
            '}' => open[2] -= 1,
            '"' | '\'' | '`' => skip_string(&mut rest, c),
            '/' if rest.peek() == Some(&'/') => while rest.next_if(|&c| c != '\n').is_some() {},
            _ => {}
        }
    }
    open
}

/// Skips to the end of a string if it ends on its line; an apostrophe in prose does not.
fn skip_string(rest: &mut std::iter::Peekable<std::str::Chars<'_>>, quote: char) {
    let mut ahead = rest.clone();
    while let Some(c) = ahead.next() {
        match c {
            '\n' => return,
            '\\' => {
                ahead.next();
            }
            c if c == quote => {
                *rest = ahead;
                return;
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_balance_that_was_lost_counts() {
        for (original, answer, expected) in [
            ("f(a[1]) { }", "g(a[2]) { }", None),
            ("f(a)", "f(a", Some('(')),
            ("f(a)", "f(a))", Some('(')),
            ("{", "{{", None),
            ("f()", "f('(')", None),
            ("f()", "f(\"\\\"(\") // (", None),
            ("f()", "don't(", Some('(')),
            ("a[0]", "a[0", Some('[')),
        ] {
            assert_eq!(unbalanced(original, answer), expected, "{answer}");
        }
    }
}
