//! A line as words and signs, without a grammar: what was changed in one, and where else the same
//! tokens occur.

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Kind {
    Word,
    Number,
    /// A literal between quotes, closed in its line.
    Text,
    Sign,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Token<'a> {
    pub(super) kind: Kind,
    pub(super) text: &'a str,
    pub(super) at: usize,
}

impl Token<'_> {
    pub(super) fn end(&self) -> usize {
        self.at + self.text.len()
    }
}

pub(super) fn indent(line: &str) -> usize {
    line.len() - line.trim_start().len()
}

pub(super) fn is_word_char(c: char) -> bool {
    c.is_alphanumeric() || c == '_' || c == '$'
}

pub(super) fn of(line: &str) -> Vec<Token<'_>> {
    let mut tokens = Vec::new();
    let mut at = 0;
    while let Some(first) = line[at..].chars().next() {
        let rest = &line[at..];
        let word = || rest.find(|c: char| !is_word_char(c)).unwrap_or(rest.len());
        let (kind, length) = if first.is_whitespace() {
            at += first.len_utf8();
            continue;
        } else if first.is_ascii_digit() {
            // With what belongs to a number, as in `0x1F`, `1_000` and `1.5f`.
            let is_digit = |c: char| is_word_char(c) || c == '.';
            (Kind::Number, rest.find(|c: char| !is_digit(c)).unwrap_or(rest.len()))
        } else if is_word_char(first) {
            (Kind::Word, word())
        } else if let Some(length) = quoted(rest, first) {
            (Kind::Text, length)
        } else {
            // Also a quote that nothing closes in this line, such as a lifetime's or an apostrophe.
            (Kind::Sign, first.len_utf8())
        };
        tokens.push(Token { kind, text: &rest[..length], at });
        at += length;
    }
    tokens
}

/// The length of the literal that the rest of a line begins with.
fn quoted(rest: &str, quote: char) -> Option<usize> {
    if !matches!(quote, '"' | '\'' | '`') {
        return None;
    }
    let mut escaped = false;
    let end = rest.char_indices().skip(1).find(|(_, c)| {
        let ends = *c == quote && !escaped;
        escaped = *c == '\\' && !escaped;
        ends
    });
    end.map(|(at, c)| at + c.len_utf8())
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Middle {
    pub(super) start: usize,
    pub(super) end: usize,
}

impl Middle {
    pub(super) fn of(before: &[Token<'_>], after: &[Token<'_>]) -> Self {
        let most = before.len().min(after.len());
        let same = |(one, other): &(&Token<'_>, &Token<'_>)| one.text == other.text;
        let start = before.iter().zip(after).take_while(same).count();
        let ends = before.iter().rev().zip(after.iter().rev());
        // What the beginning has is not counted again at the end, which would overlap from `a` to
        // `a, a`.
        let end = ends.take(most - start).take_while(same).count();
        Self { start, end }
    }

    pub(super) fn within<'a, 'b>(self, tokens: &'b [Token<'a>]) -> &'b [Token<'a>] {
        &tokens[self.start..tokens.len() - self.end]
    }
}

/// The old and the new word where one word replaced another and nothing else changed.
pub(super) fn renamed<'a>(before: &[Token<'a>], after: &[Token<'a>]) -> Option<(&'a str, &'a str)> {
    match renames(before, after)?.as_slice() {
        [only] => Some(*only),
        _ => None,
    }
}

/// Old words and the new ones in their place, each pair once; `None` if anything else changed.
pub(super) fn renames<'a>(
    before: &[Token<'a>],
    after: &[Token<'a>],
) -> Option<Vec<(&'a str, &'a str)>> {
    if before.len() != after.len() {
        return None;
    }
    let mut pairs: Vec<(&str, &str)> = Vec::new();
    for (old, new) in before.iter().zip(after).filter(|(old, new)| old.text != new.text) {
        let is_new = pairs.iter().all(|(one, other)| *one != old.text && *other != new.text);
        let is_words = old.kind == Kind::Word && new.kind == Kind::Word;
        // One name that became two, or two that became one, is not a renaming.
        if !is_words || !is_new && !pairs.contains(&(old.text, new.text)) {
            return None;
        }
        if is_new {
            pairs.push((old.text, new.text));
        }
    }
    // Names that changed places, such as two parameters, are still the same names.
    let is_moved = pairs.iter().any(|(old, _)| pairs.iter().any(|(_, new)| old == new));
    (!pairs.is_empty() && !is_moved).then_some(pairs)
}

pub(super) fn find(all: &[Token<'_>], run: &[Token<'_>]) -> Option<usize> {
    let same = |(one, other): (&Token<'_>, &Token<'_>)| one.text == other.text;
    let fits = |window: &[Token<'_>]| window.iter().zip(run).all(same);
    if run.is_empty() { None } else { all.windows(run.len()).position(fits) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(line: &str) -> Vec<&str> {
        of(line).iter().map(|token| token.text).collect()
    }

    #[test]
    fn a_line_is_words_numbers_literals_and_signs() {
        assert_eq!(
            texts(r#"  log("a \" b", x_1 + 2.5)"#),
            ["log", "(", r#""a \" b""#, ",", "x_1", "+", "2.5", ")"]
        );
        // A lifetime is not a literal.
        assert_eq!(texts("&'a str"), ["&", "'", "a", "str"]);
        assert_eq!(texts("naïve = 'é'"), ["naïve", "=", "'é'"]);
        assert!(of("   ").is_empty());
    }

    #[test]
    fn a_change_is_what_stands_between_what_both_have() {
        let (before, after) = (of("x = f(a)"), of("x = await f(a)"));
        let middle = Middle::of(&before, &after);
        assert_eq!((middle.start, middle.end), (2, 4));
        assert_eq!(middle.within(&before), []);
        assert_eq!(middle.within(&after)[0].text, "await");
        // Tokens that could belong to either end count once.
        let (before, after) = (of("a a"), of("a a a"));
        assert_eq!(Middle::of(&before, &after), Middle { start: 2, end: 0 });
    }

    #[test]
    fn a_rename_is_one_word_for_another_and_nothing_else() {
        assert_eq!(renamed(&of("n = n + 1"), &of("count = count + 1")), Some(("n", "count")));
        assert_eq!(renamed(&of("n = n + 1"), &of("count = n + 1")), Some(("n", "count")));
        assert_eq!(renamed(&of("n = 1"), &of("count = 2")), None);
        assert_eq!(renamed(&of("n = 1"), &of("n = 2")), None);
        assert_eq!(renamed(&of("f(a)"), &of("f(a, b)")), None);
        let (before, after) = (of("[n, setN] = f(0)"), of("[count, setCount] = f(0)"));
        assert_eq!(renames(&before, &after), Some(vec![("n", "count"), ("setN", "setCount")]));
        assert_eq!(renamed(&before, &after), None);
        assert_eq!(renames(&of("f(a, b)"), &of("f(b, a)")), None);
        assert_eq!(renames(&of("a + a"), &of("b + c")), None);
        assert_eq!(renames(&of("a + b"), &of("c + c")), None);
    }
}
