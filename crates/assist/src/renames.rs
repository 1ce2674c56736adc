//! Renames for which an instruction gives both names, such as "rename `total` to `sum`": the code
//! as it is expected afterwards, which the engine uses as a draft.
//!
//! The draft is only a guess: the model decides what is written, and a wrong guess only costs time.
//! If the instruction asks for nothing but a rename and the model changes more, the names alone are
//! changed here.

use tree_sitter::Node;

use crate::language::Language;
use crate::syntax;

const BETWEEN: &[&str] = &["to", "into", "as", "->", "=>", "→"];
/// Words that mark plain words as names: "rename total to sum".
const ORDERS: &[&str] = &["rename", "renaming", "renamed", "call"];
/// What may accompany the names if nothing else is asked for.
const FILLERS: &[&str] = &[
    "a",
    "also",
    "and",
    "argument",
    "class",
    "code",
    "constant",
    "everywhere",
    "field",
    "function",
    "here",
    "in",
    "it",
    "local",
    "method",
    "name",
    "of",
    "parameter",
    "please",
    "rename",
    "selected",
    "selection",
    "the",
    "this",
    "type",
    "variable",
];
const QUOTES: &[char] = &['`', '\'', '"', ',', '.', ';', ':', '(', ')'];

/// The code with the names that the instruction gives, as the draft of an answer. It is written
/// without a grammar, in strings and comments, too: a wrong draft costs some time, and the model
/// decides.
pub(crate) fn renamed(code: &str, instruction: &str) -> String {
    let pairs =
        pairs(instruction, |name| code.split(|c: char| !is_of_a_name(c)).any(|word| word == name));
    let new = |word: &str| pairs.iter().find(|(old, _)| *old == word).map(|(_, new)| *new);
    code.split_inclusive(|c: char| !is_of_a_name(c))
        .map(|part| {
            let word = part.trim_end_matches(|c: char| !is_of_a_name(c));
            new(word).map_or_else(|| part.to_owned(), |new| part.replacen(word, new, 1))
        })
        .collect()
}

/// A further rename, with the name that is meant: "call it `worth`" after "rename `x` to `total`"
/// becomes "rename `total` to `worth`". Small models do not know what "it" is. `code`: as it is
/// now.
pub(crate) fn meant(instruction: &str, earlier: &[String], code: &str) -> Option<String> {
    let words = instruction.split_whitespace().map(|word| word.trim_matches(QUOTES));
    let words: Vec<&str> = words.filter(|word| !word.is_empty()).collect();
    let [order, it, rest @ ..] = words.as_slice() else { return None };
    let is_one_of = |word: &str, all: &[&str]| all.contains(&word.to_lowercase().as_str());
    if !is_one_of(order, &["name", "call", "rename"]) || !is_one_of(it, &["it"]) {
        return None;
    }
    let rest = rest.strip_prefix(&["to"]).unwrap_or(rest);
    let (name, others) = rest.split_first()?;
    // "Call it with two arguments" is not a rename.
    let says_no_more = others.iter().all(|word| is_one_of(word, &["instead", "rather", "please"]));
    if !is_name(name) || !says_no_more {
        return None;
    }
    let stands = |name: &str| code.split(|c: char| !is_of_a_name(c)).any(|word| word == name);
    // That rename was made: the old name is gone, and the new one is there.
    let before = earlier.iter().rev().find_map(|instruction| {
        match pairs(instruction, |name| !stands(name)).as_slice() {
            [(_, new)] => Some(*new),
            _ => None,
        }
    })?;
    Some(format!("Rename `{before}` to `{name}`."))
}

/// The code with nothing but its names changed, if an instruction asks for nothing else and the
/// answer changes more. Comments and strings stay as they are.
pub(crate) fn alone(
    language: &Language,
    code: &str,
    instruction: &str,
    answer: &str,
) -> Option<String> {
    // Stricter than the draft's names: a word in a string does not count.
    let names = syntax::identifiers(language, code);
    let pairs = pairs(instruction, |name| names.contains(name));
    if pairs.is_empty() || !asks_for_nothing_else(instruction, &pairs) {
        return None;
    }
    let new = |word: &str| pairs.iter().find(|(old, _)| *old == word).map(|(_, new)| *new);
    let words = |text: &str| -> Option<Vec<String>> {
        let words = syntax::words_of_code(language, text)?;
        Some(words.iter().map(|word| new(word).unwrap_or(word).to_owned()).collect())
    };
    // If only the choice of occurrences differs, the model may know better which are meant.
    // Compared after the rename, so that answers which rename the same differ in nothing.
    if words(code)? == words(answer)? {
        return None;
    }
    let tree = syntax::parse(language, code)?;
    let mut replaced = Vec::new();
    syntax::walk(&mut tree.walk(), &mut |node| {
        if node.child_count() == 0
            && let Some(text) = code.get(node.byte_range())
            && let Some(name) = new(text)
            && let Some(name) = in_place(node, text, name)
        {
            // Comments and strings have nodes of other kinds, so they are not reached.
            replaced.push((node.byte_range(), name));
        }
        true
    });
    let mut renamed = code.to_owned();
    for (range, name) in replaced.iter().rev() {
        renamed.replace_range(range.clone(), name);
    }
    (!replaced.is_empty()).then_some(renamed)
}

/// The replacement for an identifier; `None` if it names a member of something else.
fn in_place(node: Node<'_>, old: &str, new: &str) -> Option<String> {
    let parent = node.parent()?;
    let is = |field| parent.child_by_field_name(field) == Some(node);
    match (node.kind(), parent.kind()) {
        ("shorthand_property_identifier" | "shorthand_property_identifier_pattern", _)
        | (_, "shorthand_field_initializer") => Some(format!("{old}: {new}")),
        // `x.total` and `f(total=1)` are names of something that is declared elsewhere.
        (_, "attribute") if is("attribute") => None,
        (_, "keyword_argument") if is("name") => None,
        ("property_identifier" | "field_identifier", kind) if !kind.contains("def") => None,
        (kind, _) => kind.ends_with("identifier").then(|| new.to_owned()),
    }
}

fn asks_for_nothing_else(instruction: &str, pairs: &[(&str, &str)]) -> bool {
    let words = instruction.split_whitespace().map(|word| word.trim_matches(QUOTES));
    words.filter(|word| !word.is_empty()).all(|word| {
        let is_name = pairs.iter().any(|(old, new)| word == *old || word == *new);
        let word = word.to_lowercase();
        is_name || BETWEEN.contains(&word.as_str()) || FILLERS.contains(&word.as_str())
    })
}

/// Old and new names: the old one is in the code, the new one is not. Plain words count only where
/// the instruction speaks of renaming, since "from cents to euros" has the same form.
fn pairs<'a>(instruction: &'a str, stands: impl Fn(&str) -> bool) -> Vec<(&'a str, &'a str)> {
    let words: Vec<&str> = instruction.split_whitespace().collect();
    let bare = |word: &str| word.trim_matches(QUOTES).to_lowercase();
    let ordered = words.iter().any(|word| ORDERS.contains(&bare(word).as_str()));
    let pair = |three: &[&'a str]| {
        let (old, new) = (three[0].trim_matches(QUOTES), three[2].trim_matches(QUOTES));
        let meant = ordered || (looks_like_code(three[0]) && looks_like_code(three[2]));
        // That the new name is free keeps an existing variable from being merged with the renamed
        // one.
        let fits = BETWEEN.contains(&three[1]) && is_name(old) && is_name(new);
        (meant && fits && stands(old) && !stands(new)).then_some((old, new))
    };
    words.windows(3).filter_map(pair).collect()
}

/// Whether its quotes or letters tell it from a word of a sentence.
fn looks_like_code(word: &str) -> bool {
    let inner = word.trim_matches(QUOTES);
    word.starts_with(['`', '\'', '"'])
        || inner.contains(['_', '$'])
        || inner.chars().skip(1).any(char::is_uppercase)
}

fn is_name(text: &str) -> bool {
    !text.is_empty() && text.chars().all(is_of_a_name) && !text.starts_with(char::is_numeric)
}

fn is_of_a_name(c: char) -> bool {
    c.is_alphanumeric() || c == '_' || c == '$'
}

#[cfg(test)]
mod tests {
    use super::*;

    const CODE: &str = "total = 0\nfor n in ns:\n    total += n.total_a\nreturn total\n";

    #[test]
    fn a_rename_once_more_is_of_the_name_that_was_given() {
        let earlier = ["Rename the variable `x` to `total`, in the comment too.".to_owned()];
        let meant = |words: &str| meant(words, &earlier, CODE);
        for words in ["Name it `worth` instead.", "call it worth", "Rename it to `worth`"] {
            assert_eq!(meant(words).as_deref(), Some("Rename `total` to `worth`."), "{words}");
        }
        for words in ["Name it.", "Call it in a loop.", "Name them `a` and `b`.", "Drop it."] {
            assert_eq!(meant(words), None, "{words}");
        }
        assert_eq!(super::meant("Name it `a`.", &["Use a sum.".to_owned()], CODE), None);
    }

    #[test]
    fn a_name_is_renamed_wherever_it_stands_alone() {
        let expected = "sum = 0\nfor n in ns:\n    sum += n.total_a\nreturn sum\n";
        for instruction in [
            "rename total to sum",
            "Rename the variable `total` to `sum`.",
            "`total` -> `sum`",
            "Please use types, and change 'total' into 'sum', too",
        ] {
            assert_eq!(renamed(CODE, instruction), expected, "{instruction}");
        }
    }

    fn alone_in(path: &str, code: &str, instruction: &str, answer: &str) -> Option<String> {
        alone(Language::of(None, path), code, instruction, answer)
    }

    #[test]
    fn an_answer_that_changes_more_than_the_names_is_not_taken() {
        let code = "def f(tmp):\n    # tmp\n    if tmp and tmp.tmp:\n        return g(tmp=tmp)\n";
        let ask = "Rename the parameter `tmp` to `line`.";
        let renamed =
            "def f(line):\n    # tmp\n    if line and line.tmp:\n        return g(tmp=line)\n";
        let more = "def f(line):\n    if line.tmp:\n        return g(tmp=line)\n";
        assert_eq!(alone_in("a.py", code, ask, more).as_deref(), Some(renamed));
        assert_eq!(alone_in("a.py", code, ask, renamed), None);
        // It may be right that one of them stays.
        assert_eq!(alone_in("a.py", code, ask, &renamed.replace("g(tmp", "g(line")), None);
        assert_eq!(alone_in("a.py", code, "Rename `tmp` to `line` and add types", more), None);
        assert_eq!(alone_in("a.txt", code, ask, more), None);
    }

    #[test]
    fn a_word_of_a_text_is_not_a_name() {
        let code = "void set(int v) {\n  log(\"bad value\" + v);\n}";
        let more = "void setValue(int value) {\n  log(\"bad value\" + value);\n}";
        let renamed = "void set(int value) {\n  log(\"bad value\" + value);\n}";
        let ask = "Rename the parameter `v` to `value`.";
        assert_eq!(alone_in("A.java", code, ask, more).as_deref(), Some(renamed));
    }

    #[test]
    fn what_is_written_short_is_written_out_where_its_name_changes() {
        let code = "function f(tmp) {\n  g(tmp);\n  return { tmp };\n}";
        let renamed = "function f(line) {\n  g(line);\n  return { tmp: line };\n}";
        let ask = "rename tmp to line";
        assert_eq!(alone_in("a.js", code, ask, "function f(line) {}").as_deref(), Some(renamed));
        let rust = "fn f(tmp: u8) -> A {\n    A { tmp }\n}";
        let renamed = "fn f(line: u8) -> A {\n    A { tmp: line }\n}";
        assert_eq!(alone_in("a.rs", rust, ask, "fn f(line: u8) {}").as_deref(), Some(renamed));
    }

    #[test]
    fn several_names_are_renamed_at_once() {
        let expected = "sum = 0\nfor item in items:\n    sum += item.total_a\nreturn sum\n";
        let instruction = "rename `total` to `sum`, n to item and ns to items";
        assert_eq!(renamed(CODE, instruction), expected);
    }

    #[test]
    fn anything_else_leaves_the_code_as_it_is() {
        for instruction in [
            "",
            "add types",
            // Not an order to rename, and nothing that tells a name from a word.
            "convert n to int",
            // The old name is not there, and the new one is.
            "rename count to sum",
            "rename total to ns",
            "rename total to 2 sums",
            "rename total",
        ] {
            assert_eq!(renamed(CODE, instruction), CODE, "{instruction}");
        }
    }
}
