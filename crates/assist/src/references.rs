//! What an answer refers to, and its line in the document. Models name things that do not exist, so
//! what is not found is not a reference; and only a name, a piece of code or a line that exists
//! becomes one.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use localcoder_protocol::{DocumentText, LineRange, Reference};

use crate::document::{self, Line};
use crate::language::Language;
use crate::{place, scopes, syntax};

const REFERENCES_MAX: usize = 48;

/// Characters of words that can be a reference; longer ones are neither a name nor a line of code.
const WORDS_CHARS_MAX: usize = 120;

/// Bytes of a place with its neighbors: larger ones occur in generated files only.
const PLACE_BYTES_MAX: usize = 8 * 1024;

const TEXT_BYTES_MAX: usize = 64 * 1024;

/// Values and other words that belong to the language, though its grammar treats them as names. A
/// link to the first `self` of a file would help nobody.
const OF_LANGUAGES: &[&str] =
    &["None", "True", "False", "null", "nil", "true", "false", "undefined", "self", "this", "NULL"];

/// The lines that an answer refers to.
///
/// `lines`: the selection, 0-based. `told`: lines, from 1, whose numbers the model was given.
pub(crate) fn of(
    text: &str,
    document: &DocumentText,
    language: &Language,
    lines: &Range<usize>,
    told: &BTreeSet<u32>,
) -> Vec<Reference> {
    let mut end = text.len().min(TEXT_BYTES_MAX);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    let code = Code::new(document, language, lines);
    let (mut found, mut seen) = (Vec::new(), BTreeSet::new());
    for mention in mentions(&text[..end]) {
        if found.len() == REFERENCES_MAX {
            break;
        }
        let line = match mention.kind {
            Kind::Code => code.line_of(&mention.words),
            Kind::Name => code.line_of_name(&mention.words),
            Kind::Lines(start, end) => {
                // The model does not see line numbers. One that it was not given is made up.
                let all_told = (start..=end).all(|line| told.contains(&line));
                (all_told && start <= end).then(|| start as usize - 1)
            }
        };
        let in_code = mention.kind == Kind::Code;
        // A name is a link once as code and once as a word, since the view shows these apart.
        let Some(line) = line.filter(|_| seen.insert((mention.words.clone(), in_code))) else {
            continue;
        };
        found.extend(reference(document, line, mention.words, in_code));
    }
    found
}

/// A reference as an edit that changes nothing: so the host finds its line again in a document that
/// has changed since, by its neighbors, or says that it is gone.
fn reference(
    document: &DocumentText,
    line: usize,
    words: String,
    in_code: bool,
) -> Option<Reference> {
    let number = u32::try_from(line + 1).ok()?;
    let mut place = place::edit_of(document, LineRange { start: number, end: number }, "").ok()?;
    let neighbors = place.anchor.before.iter().chain(&place.anchor.after);
    let bytes = place.original.len() + neighbors.map(String::len).sum::<usize>();
    place.replacement = place.original.clone();
    (bytes <= PLACE_BYTES_MAX).then_some(Reference { words, in_code, place })
}

pub(crate) fn lines_in(question: &str, line_count: usize) -> BTreeSet<u32> {
    let ranges = mentions(question).into_iter().filter_map(|mention| match mention.kind {
        Kind::Lines(start, end) => Some(start..=end.min(start.saturating_add(LINES_TOLD_MAX - 1))),
        Kind::Code | Kind::Name => None,
    });
    let exists = |line: &u32| (1..=line_count).contains(&(*line as usize));
    ranges.flatten().filter(exists).take(LINES_TOLD_MAX as usize).collect()
}

/// Most lines of a question that the prompt includes.
const LINES_TOLD_MAX: u32 = 8;

struct Code<'a> {
    all: Vec<Line<'a>>,
    selected: Range<usize>,
    /// Each name in the code with the line of its first occurrence in the selection.
    names: BTreeMap<&'a str, usize>,
    texts: BTreeMap<&'a str, usize>,
    declared: BTreeMap<&'a str, usize>,
    keywords: BTreeSet<&'a str>,
}

impl<'a> Code<'a> {
    fn new(document: &'a DocumentText, language: &Language, lines: &Range<usize>) -> Self {
        let text = document.text.as_str();
        let all = document::lines(text);
        let (mut names, mut texts) = (BTreeMap::new(), BTreeMap::new());
        let mut declared = BTreeMap::new();
        let mut keywords = BTreeSet::new();
        match syntax::parse(language, text) {
            Some(tree) => syntax::walk(&mut tree.walk(), &mut |node| {
                let word = text.get(node.byte_range()).unwrap_or_default();
                let row = node.start_position().row;
                if scopes::is_named(node)
                    && let Some(name) = scopes::name(node, text)
                {
                    declared.entry(name).or_insert(row);
                }
                if node.child_count() == 0 && node.kind().contains("string") {
                    for (at, word) in words_at(word) {
                        let row = row + text[node.start_byte()..][..at].matches('\n').count();
                        if lines.contains(&row) {
                            texts.entry(word).or_insert(row);
                        }
                    }
                }
                if node.child_count() == 0 && is_name(word) {
                    if !node.is_named() || node.kind() == "primitive_type" {
                        keywords.insert(word);
                    } else if lines.contains(&row) && node.kind().contains("identifier") {
                        names.entry(word).or_insert(row);
                    }
                }
                true
            }),
            None => {
                for row in lines.clone() {
                    for word in words(all[row].text) {
                        names.entry(word).or_insert(row);
                    }
                }
            }
        }
        keywords.extend(OF_LANGUAGES);
        Self { all, selected: lines.clone(), names, texts, declared, keywords }
    }

    /// A name that can't be an ordinary word.
    fn line_of_name(&self, name: &str) -> Option<usize> {
        self.names.get(name).or_else(|| self.declared.get(name)).copied()
    }

    fn line_of(&self, words: &str) -> Option<usize> {
        let words = words.trim();
        if is_name(words) {
            return match self.keywords.contains(words) {
                true => None,
                // A key or a value is in a string, not among the names.
                false => {
                    let named = self.line_of_name(words);
                    named.or_else(|| self.texts.get(words).copied()).or_else(|| self.first(words))
                }
            };
        }
        if !words.chars().any(char::is_alphabetic) {
            return None;
        }
        let exact = || self.only(words);
        let Some((name, _)) = words.split_once('(').filter(|_| words.ends_with(')')) else {
            let is_path = words.chars().all(|c| c.is_alphanumeric() || "_.:$@".contains(c));
            return if is_path { self.first(words) } else { exact() };
        };
        let is_keyword = self.keywords.contains(name);
        exact().or_else(|| match is_name(name) {
            true if is_keyword => None,
            true => self.line_of_name(name),
            false => self.first(name).filter(|_| !name.is_empty()),
        })
    }

    fn first(&self, words: &str) -> Option<usize> {
        self.having(words).next()
    }

    /// The line of the selection that contains them, if only one does: of several equal ones nobody
    /// knows which the model means.
    fn only(&self, words: &str) -> Option<usize> {
        let mut rows = self.having(words);
        rows.next().filter(|_| rows.next().is_none())
    }

    fn having(&self, words: &str) -> impl Iterator<Item = usize> {
        let words = spaced(words);
        self.selected.clone().filter(move |row| stands_in(&spaced(self.all[*row].text), &words))
    }
}

fn spaced(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Whether words occur in a text, and not only as part of longer ones.
fn stands_in(text: &str, words: &str) -> bool {
    let part = |c: Option<char>| c.is_some_and(is_part);
    text.match_indices(words).any(|(at, _)| {
        let (before, after) =
            (text[..at].chars().next_back(), text[at + words.len()..].chars().next());
        let begins = !(part(words.chars().next()) && part(before));
        begins && !(part(words.chars().next_back()) && part(after))
    })
}

fn is_part(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

fn is_name(word: &str) -> bool {
    let mut chars = word.chars();
    chars.next().is_some_and(|first| first.is_alphabetic() || first == '_') && chars.all(is_part)
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c| !is_part(c)).filter(|word| is_name(word))
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Mention {
    words: String,
    kind: Kind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Code,
    Name,
    Lines(u32, u32),
}

fn mentions(text: &str) -> Vec<Mention> {
    let mut found = Vec::new();
    let mut fence: Option<&str> = None;
    let mut prose = String::new();
    for line in text.lines() {
        let start = line.trim_start();
        let ticks = &start[..start.len() - start.trim_start_matches('`').len()];
        match fence {
            Some(open) if ticks.len() >= open.len() && start.trim() == ticks => fence = None,
            Some(_) => {}
            // A fence with another backtick behind it is a code span of its line.
            None if ticks.len() >= 3 && !start[ticks.len()..].contains('`') => fence = Some(ticks),
            None => {
                prose.push_str(line);
                prose.push('\n');
            }
        }
    }
    for (is_code, piece) in spans(&prose) {
        if !is_code {
            in_prose(piece, &mut found);
        } else if piece.chars().count() <= WORDS_CHARS_MAX {
            found.push(Mention { words: span_text(piece), kind: Kind::Code });
        }
    }
    found
}

/// The text of a code span, as the view displays it.
fn span_text(inner: &str) -> String {
    let text = inner.replace('\n', " ");
    let is_padded = text.starts_with(' ') && text.ends_with(' ') && !text.trim().is_empty();
    if is_padded { text[1..text.len() - 1].to_owned() } else { text }
}

/// Prose and code spans, alternating. A span ends with as many backticks as it began with, as in
/// Markdown; backticks without such an end are text.
fn spans(text: &str) -> Vec<(bool, &str)> {
    let (mut pieces, mut rest) = (Vec::new(), text);
    let run = |at: &str| at.len() - at.trim_start_matches('`').len();
    let mut from = 0;
    while let Some(open) = rest[from..].find('`').map(|at| at + from) {
        let ticks = run(&rest[open..]);
        let inner = open + ticks;
        let mut close = inner;
        let end = loop {
            let Some(at) = rest[close..].find('`').map(|at| at + close) else { break None };
            let length = run(&rest[at..]);
            if length == ticks {
                break Some(at);
            }
            close = at + length;
        };
        match end {
            Some(end) => {
                pieces.push((false, &rest[..open]));
                pieces.push((true, &rest[inner..end]));
                rest = &rest[end + ticks..];
                from = 0;
            }
            None => from = inner,
        }
    }
    pieces.push((false, rest));
    pieces
}

fn in_prose(text: &str, found: &mut Vec<Mention>) {
    for (at, word) in words_at(text) {
        let is_line = word.eq_ignore_ascii_case("line");
        if is_line || word.eq_ignore_ascii_case("lines") {
            found.extend(lines_at(&text[at..], word.len(), !is_line));
        } else if is_distinct(word) {
            found.push(Mention { words: word.to_owned(), kind: Kind::Name });
        }
    }
}

fn words_at(text: &str) -> impl Iterator<Item = (usize, &str)> {
    // The words are slices of the text, so their addresses say where in it they are.
    let start = text.as_ptr() as usize;
    words(text).map(move |word| (word.as_ptr() as usize - start, word))
}

/// Whether a word of prose can only be a name from the code: an underscore within it, or upper case
/// after lower case. "total" may be the word.
fn is_distinct(word: &str) -> bool {
    let inner = word.trim_matches('_');
    let humps = word.chars().zip(word.chars().skip(1));
    let has_hump = humps.into_iter().any(|(one, two)| one.is_lowercase() && two.is_uppercase());
    word.len() >= 4 && (inner.contains('_') || has_hump)
}

/// `line 3`, `lines 3-5`, `lines 3 to 5`.
fn lines_at(text: &str, keyword: usize, is_plural: bool) -> Option<Mention> {
    let blank = text[keyword..].len() - text[keyword..].trim_start_matches([' ', '\n']).len();
    let first_at = keyword + blank;
    let (first, first_end) = number_at(text, first_at).filter(|_| blank > 0)?;
    let one = Mention { words: text[..first_end].to_owned(), kind: Kind::Lines(first, first) };
    if !is_plural {
        return Some(one);
    }
    let joints = ["-", "–", "—", " - ", " – ", " to ", " and ", " through "];
    let last = joints.iter().find_map(|joint| {
        text[first_end..].starts_with(joint).then(|| number_at(text, first_end + joint.len()))?
    });
    let many = last.map(|(last, end)| Mention {
        words: text[..end].to_owned(),
        kind: Kind::Lines(first, last),
    });
    Some(many.unwrap_or(one))
}

fn number_at(text: &str, at: usize) -> Option<(u32, usize)> {
    let digits = text[at..].bytes().take_while(u8::is_ascii_digit).count();
    let number = text[at..at + digits].parse().ok()?;
    Some((number, at + digits))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const TEXT: &str = "\
import os

LIMIT = 3

def helper(x):
    return x

def total_stock(items):
    # A total of the quantity.
    total = 0
    for item in items:
        total += item[\"quantity\"]
        total += 1
        total += 1
    return helper(min(total, LIMIT))
";

    fn document() -> DocumentText {
        DocumentText { path: "a.py".to_owned(), language_id: None, text: TEXT.to_owned() }
    }

    /// The words of an answer about the last function that became references, and their lines.
    fn found(answer: &str, told: &[u32]) -> Vec<(String, u32)> {
        let told = told.iter().copied().collect();
        let references = of(answer, &document(), Language::of(None, "a.py"), &(7..15), &told);
        references.iter().map(|it| (it.words.clone(), it.place.range.start)).collect()
    }

    #[track_caller]
    fn check(answer: &str, expected: &[(&str, u32)]) {
        let expected: Vec<_> =
            expected.iter().map(|(words, line)| ((*words).to_owned(), *line)).collect();
        assert_eq!(found(answer, &[]), expected, "{answer:?}");
    }

    #[test]
    fn names_lead_to_the_line_where_they_come_first() {
        check("`total_stock` sums up `item`.", &[("total_stock", 8), ("item", 11)]);
        // Not the comment, which comes before it.
        check("`total` and `total` again", &[("total", 10)]);
        // A key is in a string.
        check("`quantity`, `LIMIT`", &[("quantity", 12), ("LIMIT", 15)]);
        // A use in the selection counts more than a declaration elsewhere.
        check("`helper()` and `helper(x)`", &[("helper()", 15), ("helper(x)", 15)]);
    }

    #[test]
    fn code_leads_to_the_only_line_that_has_it() {
        check("`total = 0`", &[("total = 0", 10)]);
        check("`min(total, LIMIT)`", &[("min(total, LIMIT)", 15)]);
        check("`for  item in items`", &[("for  item in items", 11)]);
        // It is there twice.
        check("`total += 1`", &[]);
    }

    #[test]
    fn a_method_leads_to_its_first_call_whatever_it_is_called_with() {
        let text = "def f(rows, row):\n    rows.append(row)\n    rows.append(0)\n".to_owned();
        let document = DocumentText { text, ..document() };
        let language = Language::of(None, "a.py");
        let lines = |answer| -> Vec<u32> {
            let found = of(answer, &document, language, &(0..3), &BTreeSet::new());
            found.iter().map(|it| it.place.range.start).collect()
        };
        assert_eq!(lines("`rows.append()`"), [2]);
        assert_eq!(lines("`rows.append(0)`"), [3]);
        assert_eq!(lines("`rows.extend()`"), [] as [u32; 0]);
    }

    #[test]
    fn what_is_not_there_leads_nowhere() {
        check("`totals`, `tot`, `item_count`, `sum()`, `total.add(1)`", &[]);
        check("`return`, `for`, `in`, `None`, `+=`, `0`, ``, `(x)`", &[]);
        // Outside of the selection only declarations count.
        check("`os`, `x`, and `helper` is `total_stock`", &[("helper", 15), ("total_stock", 8)]);
    }

    #[test]
    fn words_that_can_only_be_names_are_found_in_prose() {
        check("Here total_stock adds item and total.", &[("total_stock", 8)]);
        check("totalStock or total_stocks", &[]);
    }

    #[test]
    fn a_line_counts_where_the_model_knows_its_number() {
        check("See line 10.", &[]);
        let told =
            found("See Line 10, lines 11-12, lines 10 and 99, line 4294967296.", &[10, 11, 12]);
        assert_eq!(told, [("Line 10".to_owned(), 10), ("lines 11-12".to_owned(), 11)]);
        // It reads as 10 to 1.
        assert_eq!(found("lines 10 to 1", &[1, 10]), []);
        assert_eq!(found("lines 10–11", &[10, 11]), [("lines 10–11".to_owned(), 10)]);
    }

    #[test]
    fn a_question_names_lines_that_exist() {
        let lines = |question| lines_in(question, 15).into_iter().collect::<Vec<_>>();
        assert_eq!(lines("What does line 3 do, and lines 14-99?"), [3, 14, 15]);
        assert_eq!(lines("line 0, line 16, outline 3, lines"), [] as [u32; 0]);
        assert_eq!(lines("lines 1-4294967295").len(), LINES_TOLD_MAX as usize);
    }

    #[test]
    fn blocks_of_code_and_other_markup_name_nothing() {
        check("```python\n`total_stock`\ntotal_stock = 1\n```\n", &[]);
        check("````\n```\n`total`\n````\n`item`", &[("item", 11)]);
        check("``total`` and ` total `", &[("total", 10)]);
        check("`total", &[]);
        check("[total](command:evil) <a href=x>total</a> ![total](http://x)", &[]);
    }

    #[test]
    fn without_a_grammar_words_count() {
        let document = DocumentText { path: "a.zig".to_owned(), ..document() };
        let language = Language::of(None, "a.zig");
        let references = of("`item`, `items`", &document, language, &(7..15), &BTreeSet::new());
        let lines: Vec<u32> = references.iter().map(|it| it.place.range.start).collect();
        assert_eq!(lines, [11, 8]);
    }

    #[test]
    fn a_place_is_found_again_where_its_line_has_moved_and_only_there() {
        let references =
            of("`total = 0`", &document(), Language::of(None, "a.py"), &(7..15), &BTreeSet::new());
        let place = &references[0].place;
        let moved = DocumentText { text: format!("# New.\n{TEXT}"), ..document() };
        assert_eq!(place::locate(&moved, place).unwrap().0.start, 11);
        let gone = DocumentText { text: TEXT.replace("total = 0", "total = 1"), ..document() };
        assert!(place::locate(&gone, place).is_err());
    }

    #[test]
    fn lines_that_nobody_has_written_are_not_places() {
        let text = format!("a = \"{}\"\nb = 1\n", "x".repeat(2 * PLACE_BYTES_MAX));
        let document = DocumentText { text, ..document() };
        let language = Language::of(None, "a.py");
        assert_eq!(of("`a` and `b`", &document, language, &(0..2), &BTreeSet::new()), []);
    }

    proptest! {
        /// Whatever is written, a reference is about words of the answer that occur at its line.
        #[test]
        fn no_answer_leads_to_a_wrong_line(
            answer in "([`\n a-z_()+=]|total|item|quantity|line 9|lines 8-99){0,60}",
        ) {
            let told: BTreeSet<u32> = [8, 9].into();
            let document = document();
            let lines = document::lines(TEXT);
            for reference in of(&answer, &document, Language::of(None, "a.py"), &(7..15), &told) {
                prop_assert!(answer.replace('\n', " ").contains(&reference.words));
                let line = reference.place.range.start as usize;
                let text = lines[line - 1].text;
                prop_assert_eq!(&reference.place.original, text);
                let first = words(&reference.words).next().unwrap_or_default();
                let says_lines = ["line", "lines"].contains(&first);
                prop_assert!(says_lines || spaced(text).contains(first), "{:?} in {:?}", reference.words, text);
            }
        }
    }
}
