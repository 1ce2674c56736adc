//! Lines that read as the changed one did: they probably need the same change.

use localcoder_protocol::FollowsFrom;

use super::changes::Change;
use super::places::{Place, View, is_specific};
use super::tokens::{self, Kind, Middle, Token, indent};

/// A line that only has the form of the changed one must be this near to it.
const NEAR_ROWS: usize = 3;
/// Too many lines share a form of fewer tokens, unless they follow each other.
const FORM_TOKENS_MIN: usize = 4;
/// The same for lines of one form that follow each other, where the list itself says that they
/// belong together.
const LISTED_TOKENS_MIN: usize = 2;
/// How far such a list is looked at: a file may have nothing else.
const LISTED_ROWS_MAX: usize = 40;

pub(super) fn places(view: View<'_>, newest: &Change) -> Vec<Place> {
    let Some((before, row)) = newest.line() else { return Vec::new() };
    let after = view.lines[row].as_str();
    let change = Repeat::new(before, after);
    let done = view.changes.iter().skip(1).filter_map(|it| {
        let (before, row) = it.line()?;
        Some(Repeat::new(before, &view.lines[row]))
    });
    // A change that has been made twice is wanted elsewhere more surely than one that was made
    // once, so the rules ask for less from here on.
    let is_repeated = done.into_iter().any(|it| it.is_like(&change));
    // A change to a function's parameters or return type concerns that function alone.
    if view.code.is_some_and(|code| code.signature_at(row, change.column()).is_some()) {
        return Vec::new();
    }
    let cased = change.cased();
    let place = |at: usize| {
        let line = view.lines[at].as_str();
        let is_listed = change.is_listed(view.lines, row, at);
        let is_near = at.abs_diff(row) <= NEAR_ROWS;
        let by_form = || {
            let is_far = is_repeated || change.is_of_modifiers();
            (is_near || is_listed || is_far).then(|| change.by_form(line, is_listed)).flatten()
        };
        // The surest first: the same tokens, the same words in another case, the same quotes, and
        // the mere form last, since it alone says nothing of what the line is about.
        let same = change.at(line, is_repeated).or_else(|| by_case(&cased, line));
        let guess = same.or_else(|| change.by_quotes(line)).or_else(by_form)?;
        // A guess that changes nothing is kept as a place without one: the rule found the line, and
        // how to change it is for the model to say.
        let guess = guess.filter(|it| it != line).map(|it| vec![it]);
        // A line with strings copied from another one may be valid and still say the wrong thing.
        let is_certain = guess.is_some()
            && (is_repeated || at.abs_diff(row) <= NEAR_ROWS)
            && (is_repeated || !is_listed || change.before.len() >= FORM_TOKENS_MIN)
            && !change.is_of_texts();
        Some(Place { guess, is_certain, ..Place::new(FollowsFrom::Pattern, at..at + 1) })
    };
    let is_code = |at: &usize| {
        let line = &view.lines[*at];
        let column = line.len() - line.trim_start().len();
        let start: usize = view.lines[..*at].iter().map(|line| line.len() + 1).sum();
        *at != row
            && !line.trim().is_empty()
            && view.code.is_none_or(|code| !code.is_prose(start + column))
    };
    (0..view.lines.len()).filter(is_code).filter_map(place).collect()
}

#[derive(Debug)]
struct Repeat<'a> {
    before_line: &'a str,
    before: Vec<Token<'a>>,
    after: Vec<Token<'a>>,
    after_line: &'a str,
    middle: Middle,
}

impl<'a> Repeat<'a> {
    fn new(before_line: &'a str, after_line: &'a str) -> Self {
        let (before, after) = (tokens::of(before_line), tokens::of(after_line));
        let middle = Middle::of(&before, &after);
        Self { before_line, before, after, after_line, middle }
    }

    fn removed(&self) -> &[Token<'a>] {
        self.middle.within(&self.before)
    }

    fn inserted(&self) -> &[Token<'a>] {
        self.middle.within(&self.after)
    }

    fn column(&self) -> usize {
        self.after.get(self.middle.start).map_or(0, |token| token.at)
    }

    fn inserted_text(&self) -> &'a str {
        match self.inserted() {
            [] => "",
            [first, .., last] => &self.after_line[first.at..last.end()],
            [one] => one.text,
        }
    }

    fn is_like(&self, other: &Repeat<'_>) -> bool {
        let text = |tokens: &[Token<'_>]| -> Vec<String> {
            tokens.iter().map(|token| token.text.to_owned()).collect()
        };
        // Texts without their columns: the same change further right in a line is the same one.
        let is_same = (text(self.removed()), text(self.inserted()))
            == (text(other.removed()), text(other.inserted()));
        let made = Some(Some(self.after_line.to_owned()));
        is_same
            || self.affix().is_some_and(|affix| other.affix() == Some(affix))
            // The two changes need not share a word: if the newest one, applied to what the earlier
            // line was, gives what the user made of it, they are the same change.
            || other.by_form(self.before_line, false) == made
    }

    /// Whether only one literal value replaced another: that does not suggest a change elsewhere.
    fn is_a_value(&self) -> bool {
        let is_literal = |token: &Token<'_>| {
            matches!(token.kind, Kind::Number | Kind::Text) || ["-", "."].contains(&token.text)
        };
        !self.removed().is_empty()
            && !self.inserted().is_empty()
            && self.removed().iter().chain(self.inserted()).all(is_literal)
    }

    /// Whether strings were changed other than by a prefix or suffix.
    fn is_of_texts(&self) -> bool {
        let mut changed = self.removed().iter().chain(self.inserted());
        changed.any(|token| token.kind == Kind::Text) && self.affix().is_none()
    }

    /// Whether one name replaced another as a value: it may just have been the wrong one.
    fn is_a_swap(&self) -> bool {
        let [old] = self.removed() else { return false };
        let [new] = self.inserted() else { return false };
        let next = self.before.get(self.middle.start + 1).map_or("", |token| token.text);
        let is_first = self.middle.start == 0;
        // This one replaces the other wherever it stands.
        let is_modern = (old.text, new.text) == ("NULL", "nullptr");
        !is_modern
            && old.kind == Kind::Word
            && new.kind == Kind::Word
            && !is_first
            && !["(", ".", "!"].contains(&next)
    }

    /// The line with the same change, if it contains what was changed; `Some(None)` if its
    /// beginning matches and how it continues is unclear; `None` otherwise.
    fn at(&self, line: &str, is_repeated: bool) -> Option<Option<String>> {
        // Another number or another variable is a decision about that line. Only when the user has
        // made it twice does it say something about others.
        if !is_repeated && (self.is_a_value() || self.is_a_swap()) {
            return None;
        }
        let all = tokens::of(line);
        if self.removed().is_empty() { self.put_in(line, &all) } else { self.replaced(line, &all) }
    }

    fn replaced(&self, line: &str, all: &[Token<'_>]) -> Option<Option<String>> {
        let removed = self.removed();
        let left = self.middle.start.checked_sub(1).map(|at| self.before[at].text);
        let right = self.before.get(self.before.len() - self.middle.end).map(|token| token.text);
        let is_specific = removed.iter().any(is_specific);
        if let Some(at) = tokens::find(all, removed) {
            let here_left = at.checked_sub(1).map(|at| all[at].text);
            let here_right = all.get(at + removed.len()).map(|token| token.text);
            let same = (here_left == left, here_right == right);
            // A sign says little by itself, so both of its neighbors have to agree; of a word or a
            // value one is enough.
            let is_alike = if is_specific { same.0 || same.1 } else { same.0 && same.1 };
            let (first, last) = (&all[at], &all[at + removed.len() - 1]);
            let done = [&line[..first.at], self.inserted_text(), &line[last.end()..]].concat();
            return is_alike.then_some(Some(done));
        }
        if let Some(done) = self.in_literal(line, all) {
            return Some(Some(done));
        }
        // A call of the same function with other arguments, or of a method of that name on
        // something else.
        let call = removed.iter().position(|token| token.text == "(")?;
        let head = &removed[..=call];
        let tail = head.iter().skip_while(|it| it.kind == Kind::Word).count();
        let tails = [head, &head[head.len() - tail..]].into_iter();
        let is_call = |head: &[Token<'_>]| head.iter().any(|it| it.kind == Kind::Word);
        tails.filter(|it| is_call(it)).any(|it| tokens::find(all, it).is_some()).then_some(None)
    }

    /// The line with the prefix or suffix added to its string, if the tokens before that string are
    /// the same.
    fn in_literal(&self, line: &str, all: &[Token<'_>]) -> Option<String> {
        let (put, before) = self.affix()?;
        let start = self.middle.start;
        // Two tokens before the string, usually a function and its bracket: all calls of `t(` get
        // the prefix, and no other string does.
        let context = &self.before[start.saturating_sub(2)..start];
        let at = tokens::find(all, context)? + context.len();
        let literal = all.get(at).filter(|it| it.kind == Kind::Text && !context.is_empty())?;
        let inner = &literal.text[1..literal.text.len() - 1];
        // It has been added here already.
        if inner.contains(put.as_str()) {
            return None;
        }
        let inner = if before { format!("{put}{inner}") } else { format!("{inner}{put}") };
        let quote = &literal.text[..1];
        Some(format!("{}{quote}{inner}{quote}{}", &line[..literal.at], &line[literal.end()..]))
    }

    /// The word that a new string is made of by putting quotes around it, and the quote.
    fn quoted(&self, token: &Token<'a>) -> Option<(usize, &'a str)> {
        let quote = token.text.get(..1).filter(|_| token.kind == Kind::Text)?;
        let inner = token.text.get(1..token.text.len() - 1)?;
        // By position, so that the same place of another line gives that line's own word.
        let of = self.before.iter().position(|it| it.text == inner)?;
        Some((of, quote))
    }

    /// The word of the line that a new string has in it in another case, as it is there, and that
    /// case: a field's name in a tag.
    fn derived(&self, token: &Token<'a>) -> Option<(usize, String, Case)> {
        // A string that was there before has words of its own.
        if token.kind != Kind::Text || self.before.iter().any(|it| it.kind == Kind::Text) {
            return None;
        }
        let words = self.before.iter().enumerate().filter(|(_, it)| it.kind == Kind::Word);
        let mut derived =
            words.flat_map(|(of, it)| CASES.iter().map(move |case| (of, case(it.text), *case)));
        derived.find(|(_, from, _)| {
            let mut words = token.text.split(|c: char| !tokens::is_word_char(c));
            words.any(|word| word == from)
        })
    }

    /// The prefix or suffix that was added to a string; the flag says that it is a prefix.
    fn affix(&self) -> Option<(String, bool)> {
        let ([old], [new]) = (self.removed(), self.inserted()) else { return None };
        if old.kind != Kind::Text || new.kind != Kind::Text {
            return None;
        }
        let inner = |text: &str| text.get(1..text.len() - 1).map(str::to_owned);
        let (old, new) = (inner(old.text)?, inner(new.text)?);
        let before = new.strip_suffix(&old).map(|put| (put.to_owned(), true));
        before.or_else(|| new.strip_prefix(&old).map(|put| (put.to_owned(), false)))
    }

    fn put_in(&self, line: &str, all: &[Token<'_>]) -> Option<Option<String>> {
        let start = self.middle.start;
        let right = &self.before[start..];
        // A line that already has it needs no change.
        if self.inserted().is_empty()
            || tokens::find(all, self.inserted())
                .is_some_and(|_| self.inserted().iter().any(|it| it.kind == Kind::Word))
                && self.inserted().len() < 3
        {
            return None;
        }
        // Before tokens that read the same.
        if let [first, second, ..] = right
            && first.kind == Kind::Word
            && let Some(at) = tokens::find(all, &[*first, *second])
        {
            let left = start.checked_sub(1).map(|at| self.before[at].text);
            let here = at.checked_sub(1).map(|at| all[at].text);
            // The blanks behind what was put in are not tokens, but `await` needs its blank in the
            // other line as well.
            let space = &self.after_line[self.inserted().last()?.end()..];
            let space = &space[..space.len() - space.trim_start().len()];
            let done = [&line[..all[at].at], self.inserted_text(), space, &line[all[at].at..]];
            return (left == here).then_some(Some(done.concat()));
        }
        // Within the arguments of a call.
        let callee = self.callee()?;
        let is_called = all.windows(2).any(|two| two[0].text == callee && two[1].text == "(");
        is_called.then_some(None)
    }

    fn callee(&self) -> Option<&'a str> {
        let mut depth = 0_usize;
        let head = &self.before[..self.middle.start];
        // From the changed place back to the bracket that is still open there: calls among the
        // earlier arguments are closed, and counted over.
        for (at, token) in head.iter().enumerate().rev() {
            match token.text {
                ")" => depth += 1,
                "(" if depth == 0 => {
                    let name = at.checked_sub(1).map(|at| head[at])?;
                    return (name.kind == Kind::Word).then_some(name.text);
                }
                // Cannot go below zero: the arm above takes the bracket at depth 0.
                "(" => depth -= 1,
                _ => {}
            }
        }
        None
    }

    /// Whether nothing but modifiers was put in, which functions and fields far apart may have in
    /// common.
    fn is_of_modifiers(&self) -> bool {
        let inserted = self.inserted();
        self.removed().is_empty()
            && !inserted.is_empty()
            && inserted.iter().all(|it| MODIFIERS.contains(&it.text))
    }

    /// The line with its strings in other quotes where that is all that was changed.
    fn by_quotes(&self, line: &str) -> Option<Option<String>> {
        let ([old], [new]) = (self.removed(), self.inserted()) else { return None };
        let inner = |token: &Token<'_>| token.text.get(1..token.text.len() - 1).map(str::to_owned);
        let is_text = old.kind == Kind::Text && new.kind == Kind::Text;
        let (from, to) = (old.text.get(..1)?, new.text.get(..1)?);
        if !is_text || from == to || inner(old) != inner(new) {
            return None;
        }
        let mut done = line.to_owned();
        // From the end, so that the places before stay valid. A string with an escape or with the
        // new quote in it would need more than other quotes.
        for token in tokens::of(line).iter().rev().filter(|it| it.kind == Kind::Text) {
            let inner = inner(token)?;
            if token.text.starts_with(from) && !inner.contains('\\') && !inner.contains(to) {
                done.replace_range(token.at..token.end(), &format!("{to}{inner}{to}"));
            }
        }
        (done != line).then_some(Some(done))
    }

    /// Words and how they are written now, where upper or lower case is all that was changed.
    fn cased(&self) -> Vec<(&'a str, &'a str)> {
        let is_case = |(old, new): &(&str, &str)| {
            old.to_lowercase() == new.to_lowercase()
                && (*new == new.to_uppercase() || *new == new.to_lowercase())
        };
        let pairs = tokens::renames(&self.before, &self.after);
        pairs.filter(|pairs| pairs.iter().all(is_case)).unwrap_or_default()
    }

    /// Whether a row and the changed one are of one list: all between them have the form that it
    /// had, or that it has.
    fn is_listed(&self, lines: &[String], row: usize, at: usize) -> bool {
        let forms = [form(&self.before), form(&self.after)];
        let is_of_it = |line: &String| {
            indent(line) == indent(self.after_line) && forms.contains(&form(&tokens::of(line)))
        };
        row.abs_diff(at) <= LISTED_ROWS_MAX && lines[row.min(at)..=row.max(at)].iter().all(is_of_it)
    }

    /// The line with the same change of form, if it has the form of the changed one. Each token of
    /// the new line is taken from where it was in the old one, and from the same place of this line
    /// then; `Some(None)` where a new string can't be derived so, and a model has to write it.
    fn by_form(&self, line: &str, is_listed: bool) -> Option<Option<String>> {
        let all = tokens::of(line);
        let is_changed = form(&self.before) != form(&self.after);
        let least = if is_listed { LISTED_TOKENS_MIN } else { FORM_TOKENS_MIN };
        if !is_changed || self.before.len() < least || form(&all) != form(&self.before) {
            return None;
        }
        // The indentation is the line's own: an item of the same form may be nested deeper.
        let mut done = line[..indent(line)].to_owned();
        let mut at = indent(self.after_line);
        let mut last: Option<usize> = None;
        for (index, token) in self.after.iter().enumerate() {
            let between = &self.after_line[at..token.at];
            at = token.end();
            let from_end = self.after.len() - index;
            // Tokens outside of what was changed are matched by place, from either end. Within it
            // only words and values are traced back to where they were: a sign occurs anywhere, and
            // would be taken from the wrong place.
            let of_before = if index < self.middle.start {
                Some(index)
            } else if from_end <= self.middle.end {
                Some(self.before.len() - from_end)
            } else if is_specific(token) {
                self.before.iter().position(|it| it.text == token.text)
            } else {
                None
            };
            // Columns stay aligned as they are in the line itself.
            let own = of_before.filter(|of| *of > 0 && last == Some(of - 1));
            done.push_str(own.map_or(between, |of| &line[all[of - 1].end()..all[of].at]));
            last = of_before;
            match of_before {
                Some(of) => done.push_str(all[of].text),
                None if self.quoted(token).is_some() => {
                    let (of, quote) = self.quoted(token)?;
                    done.push_str(&[quote, all[of].text, quote].concat());
                }
                None if self.derived(token).is_some() => {
                    let (of, from, case) = self.derived(token)?;
                    done.push_str(&token.text.replace(&from, &case(all[of].text)));
                }
                // A string that was not there before may have been derived from another one.
                None if token.kind == Kind::Text && token.text.len() > 2 => return Some(None),
                None => done.push_str(token.text),
            }
        }
        Some(Some(done))
    }
}

fn by_case(cased: &[(&str, &str)], line: &str) -> Option<Option<String>> {
    if cased.is_empty() {
        return None;
    }
    let mut done = line.to_owned();
    for token in tokens::of(line).iter().rev() {
        if let Some((_, new)) = cased.iter().find(|(old, _)| *old == token.text) {
            done.replace_range(token.at..token.end(), new);
        }
    }
    (done != line).then_some(Some(done))
}

type Case = fn(&str) -> String;

const CASES: [Case; 4] = [str::to_owned, snake, camel, str::to_lowercase];

fn snake(name: &str) -> String {
    let mut written = String::new();
    let mut was_lower = false;
    for c in name.chars() {
        if c.is_uppercase() && was_lower {
            written.push('_');
        }
        was_lower = c.is_lowercase() || c.is_numeric();
        written.extend(c.to_lowercase());
    }
    written
}

fn camel(name: &str) -> String {
    let mut chars = name.chars();
    chars.next().map_or_else(String::new, |first| first.to_lowercase().chain(chars).collect())
}

/// Words that say more of a function, a field or a variable.
const MODIFIERS: &[&str] = &[
    "abstract",
    "async",
    "const",
    "constexpr",
    "export",
    "final",
    "inline",
    "internal",
    "noexcept",
    "override",
    "private",
    "protected",
    "pub",
    "public",
    "readonly",
    "static",
    "unsafe",
    "virtual",
];

/// A line's signs, and of which kind the words between them are.
pub(super) fn form(tokens: &[Token<'_>]) -> Vec<String> {
    let of = |token: &Token<'_>| match token.kind {
        Kind::Sign => token.text.to_owned(),
        kind => format!("{kind:?}"),
    };
    tokens.iter().map(of).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(before: &str, after: &str, line: &str) -> Option<Option<String>> {
        Repeat::new(before, after).at(line, false)
    }

    fn says(done: &str) -> Option<Option<String>> {
        Some(Some(done.to_owned()))
    }

    #[test]
    fn a_call_of_another_function_is_repeated_where_the_first_is_called() {
        let change = ("print(a)", "log.info(a)");
        assert_eq!(at(change.0, change.1, "    print(b, c)"), says("    log.info(b, c)"));
        assert_eq!(at(change.0, change.1, "    printed(b)"), None);
        assert_eq!(at("let a = b.unwrap();", "let a = b?;", "c.d().unwrap();"), says("c.d()?;"));
    }

    #[test]
    fn a_word_before_a_call_is_repeated_before_the_same_call() {
        let change = ("const a = load(b);", "const a = await load(b);");
        assert_eq!(
            at(change.0, change.1, "  const d = load(e);"),
            says("  const d = await load(e);")
        );
        // A line that the user has already changed by hand would be offered a second `await`.
        assert_eq!(at(change.0, change.1, "  const d = await load(e);"), None, "it is there");
        assert_eq!(at(change.0, change.1, "  const d = store(e);"), None);
    }

    #[test]
    fn another_value_says_nothing_of_other_places() {
        assert_eq!(at("retries = 3", "retries = 5", "retries = 3"), None);
        assert_eq!(at("x = a + price", "x = a + net", "y = b + price"), None);
        let twice = Repeat::new("x = a + price", "x = a + net").at("y = b + price", true);
        assert_eq!(twice, says("y = b + net"));
    }

    #[test]
    fn an_argument_more_is_for_the_model_to_fill_in() {
        let change = ("send(a)", "send(a, timeout)");
        assert_eq!(at(change.0, change.1, "send(other(b))"), Some(None));
        assert_eq!(at(change.0, change.1, "resend(b)"), None);
    }

    #[test]
    fn a_change_of_form_is_made_with_the_lines_own_words() {
        let change = Repeat::new("\"a\": 1,", "\"a\": {\"value\": 1},");
        assert_eq!(
            // Copying the new key into every line would be valid and wrong as soon as it was
            // derived from the old one, so it is left to a model.
            change.by_form("  \"b\": 2,", false),
            Some(None),
            "`value` may have come from `a`"
        );
        let change = Repeat::new("a: string;", "readonly a: string;");
        assert_eq!(change.by_form("  b: string;", false), says("  readonly b: string;"));
        let change = Repeat::new("    self.a = a", "    self.a = clean(a)");
        assert_eq!(change.by_form("    self.bc = bc", false), says("    self.bc = clean(bc)"));
        let change = Repeat::new("retries = 3 * 2", "retries = 4 * 2");
        assert_eq!(change.by_form("waits = 3 * 2", false), None, "it has its form still");
    }
}
