//! How deeply Python code is nested at most, from its tokens alone, before there is a tree.
//!
//! The parser makes room on the stack for itself. What comes after it does not: the tree's visitors
//! call themselves for each level, and so does giving its memory back. A sum of 100 000 parts, which
//! programs write, is a tree as deep as that and would end the process. So what may be too deep is
//! not parsed at all.

use ruff_python_ast::token::TokenKind;
use ruff_python_parser::Mode;
use ruff_python_parser::lexer::lex;

/// Levels that are looked into. A level takes up to 3 KB of the stack without optimization, and a
/// thread has 2 MB. Python itself refuses 200 brackets in each other.
const LEVELS_MAX: usize = 400;

/// What an open bracket, an indented block or the whole text has so far.
#[derive(Debug)]
struct Open {
    by: TokenKind,
    /// Tokens that may each put what follows, or what precedes, one level deeper.
    steps: usize,
    /// Whether a comma may belong to the parameters of a `lambda`, whose body goes on behind it.
    has_lambda: bool,
}

impl Open {
    fn new(by: TokenKind) -> Self {
        Self { by, steps: 0, has_lambda: false }
    }

    fn ends_with(&self, kind: TokenKind) -> bool {
        matches!(
            (self.by, kind),
            (TokenKind::Lpar, TokenKind::Rpar)
                | (TokenKind::Lsqb, TokenKind::Rsqb)
                | (TokenKind::Lbrace, TokenKind::Rbrace)
                | (TokenKind::Indent, TokenKind::Dedent)
        )
    }

    fn is_block(&self) -> bool {
        matches!(self.by, TokenKind::EndOfFile | TokenKind::Indent)
    }
}

/// Whether the code may be nested more deeply than is looked into. It errs on that side: operators
/// of one expression count as if each had the one before it as its part, and a bracket that is
/// closed by another kind of bracket counts as open.
pub(super) fn is_too_deep(text: &str) -> bool {
    let mut lexer = lex(text, Mode::Module);
    let (mut outer, mut now) = (Vec::new(), Open::new(TokenKind::EndOfFile));
    // The steps of all that is around what is open now.
    let mut around = 0;
    while around + now.steps <= LEVELS_MAX {
        match lexer.next_token() {
            TokenKind::EndOfFile => return false,
            // Statements are beside each other and not in each other.
            TokenKind::Newline if now.is_block() => now = Open::new(now.by),
            // What a comma separates is on one level, too.
            TokenKind::Comma if !now.has_lambda => now.steps = 0,
            kind @ (TokenKind::Lpar | TokenKind::Lsqb | TokenKind::Lbrace | TokenKind::Indent) => {
                now.steps += 1;
                around += now.steps;
                outer.push(std::mem::replace(&mut now, Open::new(kind)));
            }
            kind if now.ends_with(kind) => {
                // More is closed than was opened: nothing can be said, so it counts as too deep.
                let Some(before) = outer.pop() else { return true };
                now = before;
                around -= now.steps;
                if kind == TokenKind::Dedent {
                    now = Open::new(now.by);
                }
            }
            TokenKind::Name
            | TokenKind::Int
            | TokenKind::Float
            | TokenKind::Complex
            | TokenKind::String
            | TokenKind::FStringStart
            | TokenKind::FStringMiddle
            | TokenKind::FStringEnd
            | TokenKind::Comment
            | TokenKind::Newline
            | TokenKind::NonLogicalNewline
            | TokenKind::Comma
            | TokenKind::Rpar
            | TokenKind::Rsqb
            | TokenKind::Rbrace
            | TokenKind::Dedent => {}
            kind => {
                now.steps += 1;
                now.has_lambda |= kind == TokenKind::Lambda;
            }
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_can_be_repeated_to_make_a_deeper_tree_is_counted() {
        for (begin, part) in [
            ("x = ", "["),
            ("x = ", "f("),
            ("x = ", "{1: "),
            ("x = ", "-"),
            ("x = ", "not "),
            ("x = ", "await "),
            ("x = ", "1 + "),
            ("x = ", "1 ** "),
            ("x = a", ".b"),
            ("x = a", "[0]"),
            ("x = a", "(b, c)"),
            ("x = ", "lambda a, b: "),
            ("x = ", "1 if a else "),
            ("x = ", "[)("),
            ("x = ", "f'{"),
            ("", "async "),
            ("", "if a: "),
        ] {
            let text = |times: usize| begin.to_owned() + &part.repeat(times) + "1\n";
            assert!(!is_too_deep(&text(50)), "{part}");
            assert!(is_too_deep(&text(LEVELS_MAX + 1)), "{part}");
        }
        let blocks = |count: usize| {
            (0..count).map(|it| " ".repeat(it) + "if a:\n").collect::<String>() + "pass\n"
        };
        assert!(!is_too_deep(&blocks(50)) && is_too_deep(&blocks(LEVELS_MAX + 2)));
    }

    #[test]
    fn a_long_text_of_many_small_parts_is_not_deep() {
        for part in [
            "x = f(a)[0].b + -1\n",
            "def f(a, b=lambda c: c):\n    return [a, (b, {1: 2})]\n",
            "class A:\n    def f(self):\n        if a:\n            return f'{self.a:{b}}'\n",
            "@a\n@b(c)\ndef f(): pass\n",
        ] {
            assert!(!is_too_deep(&part.repeat(2000)), "{part}");
        }
        let table = format!("x = {{{}}}\n", "'a': [1, -2, f(3)],\n".repeat(2000));
        assert!(!is_too_deep(&table));
    }
}
