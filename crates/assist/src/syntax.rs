//! What a parser says of a document: how many errors, and which node holds a range.
//!
//! It compares, it does not judge: a document may be broken before we touch it. Bounded by size
//! and by steps, never by time, so that the same text gives the same answer.

use std::collections::BTreeSet;
use std::ops::{ControlFlow, Range};

use localcoder_protocol::{DocumentText, LineRange};
use tree_sitter::{Node, ParseOptions, ParseState, Parser, Point, Tree, TreeCursor};

use crate::language::Language;

/// Larger documents are not parsed.
const BYTES_MAX: usize = 512 * 1024;

/// How often the parser may report progress (every few hundred steps) before it is stopped. A
/// document of [`BYTES_MAX`] takes a small part of it.
const REPORTS_MAX: u32 = 200_000;

/// Parses a document; `None` where there is no grammar or the text is too much.
pub(crate) fn parse(language: &Language, text: &str) -> Option<Tree> {
    if text.len() > BYTES_MAX {
        return None;
    }
    let mut parser = Parser::new();
    parser.set_language(&language.grammar()?).ok()?;
    let mut reports = 0_u32;
    let mut progress = |_: &ParseState| {
        reports += 1;
        if reports > REPORTS_MAX { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    };
    let bytes = text.as_bytes();
    parser.parse_with_options(
        &mut |at, _| bytes.get(at..).unwrap_or_default(),
        None,
        Some(ParseOptions::new().progress_callback(&mut progress)),
    )
}

/// How many places the parser could not make sense of. `None` where it did not parse.
pub(crate) fn error_count(language: &Language, text: &str) -> Option<usize> {
    let tree = parse(language, text)?;
    let mut errors = 0;
    walk(&mut tree.walk(), &mut |node| {
        errors += usize::from(node.is_error() || node.is_missing());
        // Whole healthy branches are skipped.
        node.has_error()
    });
    Some(errors)
}

/// Names that the lines define at their own outermost level: functions, classes and the like.
pub(crate) fn defined_names(language: &Language, code: &str) -> Vec<String> {
    let Some(tree) = parse(language, code) else { return Vec::new() };
    let mut names = Vec::new();
    let mut cursor = tree.walk();
    for node in tree.root_node().named_children(&mut cursor) {
        let inner = match node.kind() {
            "decorated_definition" => node.child_by_field_name("definition"),
            "export_statement" => node.child_by_field_name("declaration"),
            kind if kind.ends_with("_definition")
                || kind.ends_with("_declaration")
                || kind.ends_with("_item") =>
            {
                Some(node)
            }
            _ => None,
        };
        let name = inner.and_then(|node| node.child_by_field_name("name"));
        names.extend(name.and_then(|node| code.get(node.byte_range())).map(str::to_owned));
    }
    names
}

/// Every identifier in a piece of code; words of comments and strings are none. Empty where we
/// have no grammar.
pub(crate) fn identifiers<'a>(language: &Language, code: &'a str) -> BTreeSet<&'a str> {
    let mut names = BTreeSet::new();
    if let Some(tree) = parse(language, code) {
        walk(&mut tree.walk(), &mut |node| {
            if node.kind().ends_with("identifier") && node.child_count() == 0 {
                names.extend(code.get(node.byte_range()));
            }
            true
        });
    }
    names
}

/// The words and signs of a piece of code in their order, without comments and the strings that
/// some languages have in their place. `None` where we have no grammar.
pub(crate) fn words_of_code<'a>(language: &Language, code: &'a str) -> Option<Vec<&'a str>> {
    let tree = parse(language, code)?;
    let mut words = Vec::new();
    walk(&mut tree.walk(), &mut |node| {
        if node.kind().contains("comment") || is_docstring(node) {
            return false;
        }
        if node.child_count() == 0 {
            words.extend(code.get(node.byte_range()).map(str::trim).filter(|it| !it.is_empty()));
        }
        true
    });
    Some(words)
}

/// A statement that is a string and nothing else.
fn is_docstring(node: Node<'_>) -> bool {
    let only = node.named_child(0).filter(|_| node.named_child_count() == 1);
    node.kind() == "expression_statement" && only.is_some_and(|child| child.kind() == "string")
}

/// The lines of the smallest piece of code that holds `range` whole: where a selection that cuts
/// through code, or none at all, would better begin and end. `None` where only the whole document
/// does, and for languages we can't parse.
#[must_use]
pub fn enclosing_lines(document: &DocumentText, range: LineRange) -> Option<LineRange> {
    let language = Language::of(document.language_id.as_deref(), &document.path);
    let lines = (range.start as usize).checked_sub(1)?..range.end as usize;
    let found = enclosing(language, &document.text, lines)?;
    let number = |line: usize| u32::try_from(line).ok();
    Some(LineRange { start: number(found.start + 1)?, end: number(found.end)? })
}

fn enclosing(language: &Language, text: &str, lines: Range<usize>) -> Option<Range<usize>> {
    let tree = parse(language, text)?;
    let root = tree.root_node();
    let last = text.split('\n').nth(lines.end.checked_sub(1)?)?;
    let first = text.split('\n').nth(lines.start)?;
    let start = Point::new(lines.start, first.len() - first.trim_start().len());
    let end = Point::new(lines.end - 1, last.trim_end().len());
    let mut node = root.named_descendant_for_point_range(start, end)?;
    // A node that shares its lines with its parent is not yet whole lines of code.
    while let Some(parent) = node.parent() {
        if parent == root || rows(parent) != rows(node) {
            break;
        }
        node = parent;
    }
    (node != root).then(|| rows(node))
}

fn rows(node: Node<'_>) -> Range<usize> {
    node.start_position().row..node.end_position().row + 1
}

/// Visits nodes in order, without recursion: nesting is as deep as the text says. Goes into a
/// node's children where `visit` says so.
fn walk(cursor: &mut TreeCursor<'_>, visit: &mut dyn FnMut(Node<'_>) -> bool) {
    loop {
        if visit(cursor.node()) && cursor.goto_first_child() {
            continue;
        }
        while !cursor.goto_next_sibling() {
            if !cursor.goto_parent() {
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn language(id: &str) -> &'static Language {
        Language::of(Some(id), "")
    }

    #[test]
    fn errors_are_counted_in_each_language_we_parse() {
        for (id, good, bad) in [
            ("python", "def f(a):\n    return a\n", "def f(a:\n    return a]\n"),
            ("javascript", "const f = (a) => a;\n", "const f = (a => a;\n"),
            ("javascriptreact", "const f = <b>{a}</b>;\n", "const f = <b>{a</b>;\n"),
            ("typescript", "function f(a: number): void {}\n", "function f(a: number: void {\n"),
            ("typescriptreact", "const f = <B a={1}/>;\n", "const f = <B a={1/>;\n"),
            ("rust", "fn f(a: u8) -> u8 { a }\n", "fn f(a: u8 -> u8 { a \n"),
        ] {
            assert_eq!(error_count(language(id), good), Some(0), "{id}");
            assert!(error_count(language(id), bad).unwrap() > 0, "{id}");
        }
        assert_eq!(error_count(language("go"), "x"), None);
    }

    #[test]
    fn text_that_is_too_much_is_not_parsed_and_deep_nesting_is_no_harm() {
        assert_eq!(error_count(language("python"), &" ".repeat(BYTES_MAX + 1)), None);
        let deep = "(".repeat(20_000);
        assert!(error_count(language("javascript"), &deep).is_none_or(|errors| errors > 0));
    }

    #[test]
    fn outermost_definitions_are_named() {
        let names = |id, code| defined_names(language(id), code).join(" ");
        assert_eq!(
            names("python", "@a\ndef f():\n    def g(): pass\nclass C: pass\nx = 1\n"),
            "f C"
        );
        assert_eq!(names("typescript", "export function f() {}\ninterface I {}\n"), "f I");
        assert_eq!(names("rust", "fn f() {}\nstruct S;\nuse a::b;\n"), "f S");
    }

    #[test]
    fn identifiers_are_neither_comments_nor_strings() {
        let names = identifiers(language("python"), "a.b = f('c')  # d\n");
        assert_eq!(names, BTreeSet::from(["a", "b", "f"]));
        assert!(identifiers(language("go"), "a").is_empty());
    }

    #[test]
    fn the_enclosing_node_is_whole_lines() {
        let text = "import a\n\ndef f(x):\n    if x:\n        g()\n        h()\n    return 1\n";
        let enclosing = |lines| enclosing(language("python"), text, lines);
        assert_eq!(enclosing(4..6), Some(4..6));
        assert_eq!(enclosing(4..5), Some(4..5));
        assert_eq!(enclosing(3..5), Some(3..6));
        assert_eq!(enclosing(2..4), Some(2..7));
        assert_eq!(enclosing(0..3), None);
    }
}
