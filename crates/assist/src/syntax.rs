//! What a parser says of a document: how many errors, and which node covers a range.
//!
//! It compares and does not judge: a document may be broken before we touch it. Bounded by size and
//! by steps, never by time, so that the same text gives the same answer.

use std::collections::BTreeSet;
use std::ops::{ControlFlow, Range};

use tree_sitter::{Node, ParseOptions, ParseState, Parser, Point, Tree, TreeCursor};

use crate::language::Language;

pub(crate) const BYTES_MAX: usize = 512 * 1024;

/// How often the parser may report progress (every few hundred steps) before it is stopped. A
/// document of [`BYTES_MAX`] needs a small part of that.
const REPORTS_MAX: u32 = 200_000;

/// Parses a document; `None` if there is no grammar or the text is too long.
pub(crate) fn parse(language: &Language, text: &str) -> Option<Tree> {
    if text.len() > BYTES_MAX {
        return None;
    }
    let mut parser = Parser::new();
    parser.set_language(&language.grammar(text)?).ok()?;
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

/// How many places the parser could not make sense of. `None` if the document was not parsed. The
/// number alone means little, as one missing bracket can be several errors; it is compared with
/// that of the document before.
pub(crate) fn error_count(language: &Language, text: &str) -> Option<usize> {
    let tree = parse(language, text)?;
    let mut errors = 0;
    // The grammars of markup accept closing tags without an opening one, and Ruby's takes a
    // superfluous `end` for a name.
    let is_lenient = text.contains("</") || language.id == "ruby";
    walk(&mut tree.walk(), &mut |node| {
        errors += usize::from(node.is_error() || node.is_missing() || is_let_pass(node, text));
        // Whole healthy branches are skipped.
        node.has_error() || is_lenient
    });
    Some(errors)
}

/// Whether a node is an error that its grammar accepts.
fn is_let_pass(node: Node<'_>, text: &str) -> bool {
    let name = |field| {
        let tag = node.child_by_field_name(field)?;
        text.get(tag.child_by_field_name("name")?.byte_range())
    };
    match node.kind() {
        "erroneous_end_tag" => true,
        "jsx_element" => name("open_tag") != name("close_tag"),
        "identifier" => text.get(node.byte_range()) == Some("end"),
        _ => false,
    }
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

/// What a declaration in C or C++ declares: the innermost of the declarators around its name.
pub(crate) fn declared(node: Node<'_>) -> Option<Node<'_>> {
    let mut inner = node.child_by_field_name("declarator")?;
    while let Some(next) = inner.child_by_field_name("declarator") {
        inner = next;
    }
    Some(inner)
}

/// Names of the variables that the lines have at their own outermost level, for languages in which
/// a function may be the value of a variable.
pub(crate) fn bound_names(language: &Language, code: &str) -> Vec<String> {
    let Some(tree) = parse(language, code) else { return Vec::new() };
    let mut names = Vec::new();
    walk(&mut tree.walk(), &mut |node| match node.kind() {
        "program" | "export_statement" | "lexical_declaration" | "variable_declaration" => true,
        "variable_declarator" => {
            let name = node.child_by_field_name("name");
            names.extend(name.and_then(|node| code.get(node.byte_range())).map(str::to_owned));
            false
        }
        _ => false,
    });
    names
}

/// Names of functions and classes that a document defines more than once at its outermost level.
/// Methods are left out, as several classes may have one of the same name.
pub(crate) fn defined_twice(language: &Language, text: &str) -> BTreeSet<String> {
    let (mut once, mut twice) = (BTreeSet::new(), BTreeSet::new());
    let Some(tree) = parse(language, text) else { return twice };
    let mut cursor = tree.walk();
    for node in tree.root_node().named_children(&mut cursor) {
        // A decorated function may be one part of an overload.
        let inner = match node.kind() {
            "export_statement" => node.child_by_field_name("declaration"),
            "function_definition"
            | "function_declaration"
            | "function_item"
            | "class_definition"
            | "class_declaration" => Some(node).filter(|node| !is_of_a_platform(*node, text)),
            _ => None,
        };
        let name = inner.and_then(|node| node.child_by_field_name("name"));
        if let Some(name) = name.and_then(|node| text.get(node.byte_range()))
            && !once.insert(name)
        {
            twice.insert(name.to_owned());
        }
    }
    twice
}

/// Whether an attribute says that a piece of Rust is only compiled under some condition.
fn is_of_a_platform(node: Node<'_>, text: &str) -> bool {
    let before = std::iter::successors(node.prev_sibling(), Node::prev_sibling);
    let mut attributes = before
        .take_while(|node| node.kind() == "attribute_item" || node.kind().contains("comment"));
    attributes.any(|node| text.get(node.byte_range()).is_some_and(|text| text.starts_with("#[cfg")))
}

/// Every identifier in a piece of code, without the words of comments and strings. Empty if we have
/// no grammar, so that a check which looks for a lost or new name finds none.
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

/// The words and signs of a piece of code in order, without comments and without the strings that
/// some languages use as comments. `None` if we have no grammar.
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

pub(crate) fn is_docstring_text(node: Node<'_>) -> bool {
    node.parent().is_some_and(is_docstring)
}

fn is_docstring(node: Node<'_>) -> bool {
    let only = node.named_child(0).filter(|_| node.named_child_count() == 1);
    node.kind() == "expression_statement" && only.is_some_and(|child| child.kind() == "string")
}

/// The selection extended so that it does not cut through a construct: those neighboring lines are
/// added that a partly selected construct spans. `None` if it cuts through none, if that can't be
/// known, or if too many lines would be needed.
pub(crate) fn whole(
    language: &Language,
    text: &str,
    lines: &Range<usize>,
    lines_max: usize,
) -> Option<Range<usize>> {
    let tree = parse(language, text)?;
    let all: Vec<&str> = text.split('\n').collect();
    let (first, last) = (all.get(lines.start)?, all.get(lines.end.checked_sub(1)?)?);
    let start = Point::new(lines.start, first.len() - first.trim_start().len());
    let end = Point::new(lines.end - 1, last.trim_end().len());
    let node = tree.root_node().descendant_for_point_range(start, end)?;
    // In broken code it is unclear where a construct ends.
    if node.has_error() {
        return None;
    }
    let mut cursor = node.walk();
    let within = node.children(&mut cursor).filter(|child| {
        let rows = rows(*child);
        rows.start < lines.end && rows.end > lines.start
    });
    let rows =
        within.map(rows).reduce(|all, next| all.start.min(next.start)..all.end.max(next.end))?;
    let grown = rows.start.min(lines.start)..rows.end.max(lines.end);
    (grown != *lines && grown.len() <= lines_max).then_some(grown)
}

pub(crate) fn rows(node: Node<'_>) -> Range<usize> {
    let end = node.end_position();
    // A node that includes its line end ends before the next line.
    let end_row = if end.column == 0 { end.row.saturating_sub(1) } else { end.row };
    node.start_position().row..end_row.max(node.start_position().row) + 1
}

/// Visits nodes in order, without recursion: the text decides how deeply they are nested. Descends
/// into a node's children if `visit` says so.
pub(crate) fn walk(cursor: &mut TreeCursor<'_>, visit: &mut dyn FnMut(Node<'_>) -> bool) {
    walk_to(cursor, usize::MAX, visit);
}

pub(crate) fn walk_to(
    cursor: &mut TreeCursor<'_>,
    levels: usize,
    visit: &mut dyn FnMut(Node<'_>) -> bool,
) {
    let mut level = 0;
    loop {
        if visit(cursor.node()) && level < levels && cursor.goto_first_child() {
            level += 1;
            continue;
        }
        while !cursor.goto_next_sibling() {
            if !cursor.goto_parent() {
                return;
            }
            level = level.saturating_sub(1);
        }
    }
}

pub(crate) fn count_of_word(text: &str, word: &str) -> usize {
    text.split(|c: char| !c.is_alphanumeric() && c != '_').filter(|it| *it == word).count()
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
            ("go", "package a\n\nfunc f(a int) int { return a }\n", "func f(a int int { return\n"),
            (
                "java",
                "class A { int f(int a) { return a; } }\n",
                "class A { int f(int a { return a; }\n",
            ),
            ("c", "int f(int a) { return a; }\n", "int f(int a { return a;\n"),
            ("cpp", "auto f(int a) -> int { return a; }\n", "auto f(int a -> int { return a;\n"),
            ("csharp", "class A { int F(int a) => a; }\n", "class A { int F(int a => a; \n"),
            ("ruby", "def f(a)\n  a\nend\n", "def f(a\n  a]\n"),
            ("php", "<?php function f($a) { return $a; }\n", "<?php function f($a { return $a;\n"),
            ("shellscript", "if [ -f a ]; then b; fi\n", "if [ -f a ]; then b\n"),
            ("json", "{\"a\": [1, 2]}\n", "{\"a\": [1, 2}\n"),
            ("yaml", "a:\n  - b\n", "a: [b\n"),
            ("toml", "a = [1, 2]\n", "a = [1, 2\n"),
            ("html", "<p>a</p>\n", "<p>a</p\n"),
            ("css", "a { color: red; }\n", "a { color: red;\n"),
            ("html", "<p>a</p>\n", "<p>a</p></b>\n"),
            ("javascriptreact", "f(<b>{a}</b>);\n", "f(<b>{a}</i>);\n"),
            ("ruby", "module A\n  def f\n  end\nend\n", "module A\n  def f\n  end\nend\nend\n"),
            ("sql", "SELECT a FROM b WHERE c = 1;\n", "SELECT a FROM WHERE ( c = 1;\n"),
        ] {
            assert_eq!(error_count(language(id), good), Some(0), "{id}");
            assert!(error_count(language(id), bad).unwrap() > 0, "{id}");
        }
        assert_eq!(error_count(language("swift"), "x"), None);
    }

    #[test]
    fn text_that_is_too_much_is_not_parsed_and_deep_nesting_does_no_harm() {
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
        // A part of a PHP file has no opening tag.
        assert_eq!(names("php", "function f() {}\n"), "f");
        let bound = bound_names(language("typescript"), "export const f = () => { let g; };\n");
        assert_eq!(bound, ["f"]);
    }

    #[test]
    fn what_is_defined_twice_is_found_at_the_outermost_level() {
        let twice = |id, code| defined_twice(language(id), code).into_iter().collect::<String>();
        assert_eq!(twice("python", "def f(): pass\ndef g(): pass\ndef f(): pass\n"), "f");
        assert_eq!(twice("python", "@a\ndef f(): pass\n@b\ndef f(): pass\n"), "");
        let cfg = "#[cfg(a)]\nfn f() {}\n#[cfg(b)]\n#[inline]\nfn f() {}\nfn g() {}\nfn g() {}\n";
        assert_eq!(twice("rust", cfg), "g");
        assert_eq!(twice("go", "package a\nfunc (a A) S() {}\nfunc (b B) S() {}\n"), "");
    }

    #[test]
    fn identifiers_are_neither_comments_nor_strings() {
        let names = identifiers(language("python"), "a.b = f('c')  # d\n");
        assert_eq!(names, BTreeSet::from(["a", "b", "f"]));
        assert!(identifiers(language("swift"), "a").is_empty());
    }

    #[test]
    fn a_selection_that_cuts_through_code_grows_to_what_it_cuts() {
        let grown = |id, text: &str, lines: Range<usize>| whole(language(id), text, &lines, 100);
        let python =
            "import a\n\ndef f(x):\n    if x:\n        g()\n        h()\n    return 1\n\ny = 1\n";
        // Whole statements, one or several of them, are complete.
        for lines in [2..7, 3..6, 4..5, 4..6, 3..7, 6..7, 0..9, 8..9] {
            assert_eq!(grown("python", python, lines.clone()), None, "{lines:?}");
        }
        assert_eq!(grown("python", python, 3..5), Some(3..6));
        assert_eq!(grown("python", python, 2..4), Some(2..7));
        assert_eq!(grown("python", python, 5..7), Some(3..7));
        // Without the last bracket, or from the middle of one function to the middle of the next.
        let java = "class A {\n    int f() {\n        g();\n        return 1;\n    }\n\n    int h() {\n        return 2;\n    }\n}\n";
        assert_eq!(grown("java", java, 1..4), Some(1..5));
        assert_eq!(grown("java", java, 3..7), Some(1..9));
        assert_eq!(grown("java", java, 1..5), None);
    }

    #[test]
    fn a_selection_grows_neither_without_measure_nor_in_broken_code() {
        let text = "def f(x):\n    if x:\n        g()\n    return 1\n";
        assert_eq!(whole(language("python"), text, &(0..2), 3), None);
        assert_eq!(
            whole(language("python"), "def f(:\n    if x:\n        g()\n", &(0..2), 9),
            None
        );
        assert_eq!(whole(language("swift"), text, &(0..2), 9), None);
    }
}
