//! Ends a text by its layout: at the first line that is indented less than its block. White space
//! at the beginning of a line is held back until the rest of the line shows where it belongs.

use localcoder_protocol::BlockEnd;

#[derive(Debug)]
enum State {
    /// After the first character of a line that is not white space.
    InLine,
    /// In white space at the beginning of a line; `held` is what was held back since the last line
    /// that was not blank.
    Before { held: String, indent: u32 },
    /// In the line that closes the block.
    InLast,
    /// The block has ended.
    Ended,
}

#[derive(Debug)]
pub(super) struct Block {
    end: BlockEnd,
    state: State,
}

impl Block {
    pub(super) fn new(end: BlockEnd) -> Self {
        // The text continues a line of the editor, whose indentation is already there.
        Self { end, state: State::InLine }
    }

    /// Takes a piece of the text; returns the part that belongs to the block, and whether the block
    /// has ended.
    pub(super) fn push(&mut self, text: &str) -> (String, bool) {
        let mut out = String::new();
        for c in text.chars() {
            match (&mut self.state, c) {
                (State::Ended, _) => break,
                (State::InLast, '\n') => self.state = State::Ended,
                (State::InLine, '\n') => {
                    self.state = State::Before { held: "\n".to_owned(), indent: 0 };
                }
                (State::InLine | State::InLast, c) => out.push(c),
                (State::Before { held, indent }, c) if c.is_whitespace() => {
                    held.push(c);
                    *indent = if c == '\n' { 0 } else { *indent + 1 };
                }
                (State::Before { held, indent }, c) => {
                    let inside = *indent >= self.end.indent_chars;
                    let closes = self.end.closes && [')', ']', '}'].contains(&c);
                    if inside || closes {
                        out.push_str(held);
                        out.push(c);
                    }
                    self.state = match (inside, closes) {
                        (true, _) => State::InLine,
                        (false, true) => State::InLast,
                        (false, false) => State::Ended,
                    };
                }
            }
        }
        (out, matches!(self.state, State::Ended))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Character by character, as tokens may come.
    fn of(indent_chars: u32, closes: bool, text: &str) -> (String, bool) {
        let mut block = Block::new(BlockEnd { indent_chars, closes });
        let mut out = String::new();
        for c in text.chars() {
            let (text, ended) = block.push(&c.to_string());
            out.push_str(&text);
            if ended {
                return (out, true);
            }
        }
        (out, false)
    }

    #[test]
    fn a_block_ends_before_the_first_line_that_is_not_indented_as_it_is() {
        let text = "if a:\n        b()\n\n    c()\n\ndef g():\n";
        assert_eq!(of(4, false, text), ("if a:\n        b()\n\n    c()".into(), true));
        assert_eq!(of(8, false, text), ("if a:\n        b()".into(), true));
        assert_eq!(of(0, false, text), (text.trim_end().into(), false));
    }

    #[test]
    fn the_line_that_closes_it_is_its_last_where_blocks_are_closed() {
        let text = "a();\n    b();\n  }, 1);\n  c();\n";
        assert_eq!(of(4, true, text), ("a();\n    b();\n  }, 1);".into(), true));
        assert_eq!(of(4, false, text), ("a();\n    b();".into(), true));
    }

    #[test]
    fn blank_lines_say_nothing_and_are_not_left_at_the_end() {
        assert_eq!(of(2, false, "a\n\n \t\n  b\n\n\nc"), ("a\n\n \t\n  b".into(), true));
        assert_eq!(of(2, false, "a\n   \n"), ("a".into(), false));
    }
}
