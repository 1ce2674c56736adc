//! Which lines are meant if nothing is selected, and what there is to choose from if a lot is.
//!
//! The function around the cursor is meant; else the type, else the statement; without a grammar,
//! the lines between two blank ones.

use std::ops::Range;

use localcoder_protocol::limits::SCOPE_LINES_MAX;
use localcoder_protocol::{DocumentText, Scope, ScopesAnswer, ScopesParams};
use tree_sitter::{Node, Point};

use crate::document::{self, Line};
use crate::errors::AssistError;
use crate::language::{Language, file_name};
use crate::syntax;

/// How many are offered: a longer list is not read.
const OFFERED_MAX: usize = 30;

const FUNCTIONS: &[&str] = &[
    "constructor_declaration",
    "function_declaration",
    "function_definition",
    "function_item",
    "generator_function_declaration",
    "local_function_statement",
    "method",
    "method_declaration",
    "method_definition",
    "rule_set",
    "singleton_method",
];

const CLOSURES: &[&str] =
    &["arrow_function", "closure_expression", "func_literal", "function", "function_expression"];

const TYPES: &[&str] = &[
    "class",
    "class_declaration",
    "class_definition",
    "class_specifier",
    "element",
    "enum_declaration",
    "enum_item",
    "enum_specifier",
    "impl_item",
    "interface_declaration",
    "mod_item",
    "module",
    "record_declaration",
    "section",
    "struct_declaration",
    "struct_item",
    "struct_specifier",
    "table",
    "table_array_element",
    "trait_item",
    "type_alias_declaration",
    "type_declaration",
];

/// The scopes that a command may be meant for.
///
/// # Errors
/// `linesOutOfRange`; `selectionEmpty` if there is no code at the cursor.
pub fn scopes(params: &ScopesParams) -> Result<ScopesAnswer, AssistError> {
    let ScopesParams { document, selection, empty } = params;
    let all = document::lines(&document.text);
    let lines = document::rows(document, &all, *selection)?;
    let language = Language::of(document.language_id.as_deref(), &document.path);
    if *empty {
        return at_cursor(document, language, &all, lines.start);
    }
    if lines.len() <= SCOPE_LINES_MAX as usize {
        let label = "selection".to_owned();
        let chosen = Scope { range: *selection, label };
        return Ok(ScopesAnswer { chosen: Some(chosen.clone()), scopes: vec![chosen] });
    }
    let label = format!("all {} selected lines", lines.len());
    let mut scopes = vec![Scope { range: *selection, label }];
    scopes.extend(within(language, &document.text, &lines));
    scopes.truncate(OFFERED_MAX);
    Ok(ScopesAnswer { chosen: None, scopes })
}

fn at_cursor(
    document: &DocumentText,
    language: &Language,
    all: &[Line<'_>],
    line: usize,
) -> Result<ScopesAnswer, AssistError> {
    let mut scopes = around(language, &document.text, all[line].text, line);
    if scopes.is_empty() {
        scopes.extend(paragraph(all, line));
    }
    let Some(first) = scopes.first() else {
        let name = file_name(&document.path).to_owned();
        return Err(AssistError::NoCodeAt { name, line: line + 1 });
    };
    let height = first.range.end - first.range.start + 1;
    let chosen = (height <= SCOPE_LINES_MAX).then(|| first.clone());
    Ok(ScopesAnswer { chosen, scopes })
}

/// What surrounds a line, the likeliest first: its function, then what that is in, then, if that is
/// long, the statements in it.
fn around(language: &Language, text: &str, line_text: &str, line: usize) -> Vec<Scope> {
    let Some(tree) = syntax::parse(language, text) else { return Vec::new() };
    if line_text.trim().is_empty() && language.prose {
        return Vec::new();
    }
    let column = line_text.len() - line_text.trim_start().len();
    let point = Point::new(line, column);
    let Some(node) = tree.root_node().descendant_for_point_range(point, point) else {
        return Vec::new();
    };
    let (mut named, mut statements) = (Vec::new(), Vec::new());
    let mut next = Some(node);
    while let Some(node) = next {
        next = node.parent();
        // The root is the whole file, which is not what a cursor means.
        if next.is_none() {
            break;
        }
        if let Some(scope) = named_scope(node, text) {
            named.push((FUNCTIONS.contains(&node.kind()) || is_closure(node), scope));
        } else if is_statement(node) {
            let label = node.kind().replace('_', " ");
            statements.push(Scope { range: document::range(&syntax::rows(node)), label });
        }
    }
    let innermost = named.iter().position(|(is_function, _)| *is_function);
    // A type within the function, around the cursor, is less than what is meant.
    named.drain(..innermost.unwrap_or(0));
    let mut scopes: Vec<Scope> = named.into_iter().map(|(_, scope)| scope).collect();
    let is_large = |scope: &Scope| scope.range.end - scope.range.start >= SCOPE_LINES_MAX;
    if scopes.first().is_none_or(is_large) {
        statements.retain(|statement| !is_large(statement));
        // The widest one that is not too wide.
        statements.reverse();
        scopes.extend(statements);
    }
    scopes.dedup_by(|next, one| next.range == one.range);
    scopes.truncate(OFFERED_MAX);
    scopes
}

/// The functions and types completely within some lines, each small enough to be worked on; the
/// outermost of those, as nothing within what is found is searched.
fn within(language: &Language, text: &str, lines: &Range<usize>) -> Vec<Scope> {
    let Some(tree) = syntax::parse(language, text) else { return Vec::new() };
    let mut found = Vec::new();
    syntax::walk(&mut tree.walk(), &mut |node| {
        let rows = syntax::rows(node);
        let is_amid = rows.start >= lines.start && rows.end <= lines.end;
        let is_small = rows.len() <= SCOPE_LINES_MAX as usize;
        if let Some(scope) = named_scope(node, text).filter(|_| is_amid && is_small) {
            found.push(scope);
            return false;
        }
        rows.start < lines.end && rows.end > lines.start
    });
    found
}

pub(crate) fn is_named(node: Node<'_>) -> bool {
    let kind = node.kind();
    // Whether it is the whole file is asked last: for a parent, the grammar's library goes down
    // from the root, which for each node of a deep tree would take minutes.
    node.is_named()
        && (FUNCTIONS.contains(&kind) || TYPES.contains(&kind) || is_closure(node))
        && node.parent().is_some()
}

pub(crate) fn is_function(node: Node<'_>) -> bool {
    FUNCTIONS.contains(&node.kind()) || (CLOSURES.contains(&node.kind()) && node.is_named())
}

pub(crate) fn is_type(node: Node<'_>) -> bool {
    node.parent().is_some() && node.is_named() && TYPES.contains(&node.kind())
}

pub(crate) fn name<'a>(node: Node<'_>, text: &'a str) -> Option<&'a str> {
    let parent = node.parent();
    // A closure has its name from the declaration that it is the value of.
    let holder = parent.filter(|_| is_closure(node)).unwrap_or(node);
    let name = holder.child_by_field_name("name").or_else(|| syntax::declared(node));
    name.and_then(|name| text.get(name.byte_range()))
}

/// A function or type with its name, and with what belongs to it in front of it.
fn named_scope(node: Node<'_>, text: &str) -> Option<Scope> {
    let kind = match node.kind() {
        kind if FUNCTIONS.contains(&kind) && kind.contains("method") => "method",
        "rule_set" => "rule",
        kind if FUNCTIONS.contains(&kind) => "function",
        _ if is_closure(node) => "function",
        kind if is_named(node) => kind.split('_').next().unwrap_or(kind),
        _ => return None,
    };
    // Decorators and `export` belong to the function, though the grammar puts them around it.
    let wrapper = node
        .parent()
        .filter(|it| ["decorated_definition", "export_statement"].contains(&it.kind()));
    let range = document::range(&syntax::rows(wrapper.unwrap_or(node)));
    let label = name(node, text).map_or_else(|| kind.to_owned(), |name| format!("{kind} {name}"));
    Some(Scope { range, label })
}

/// Whether it is an anonymous function that is given a name where it is defined.
fn is_closure(node: Node<'_>) -> bool {
    let named = ["variable_declarator", "pair", "assignment_expression", "public_field_definition"];
    CLOSURES.contains(&node.kind())
        && node.is_named()
        && node.parent().is_some_and(|parent| named.contains(&parent.kind()))
}

fn is_statement(node: Node<'_>) -> bool {
    let kind = node.kind();
    node.is_named()
        && (kind.ends_with("_statement")
            || kind.ends_with("_declaration")
            || kind.ends_with("_item"))
}

fn paragraph(all: &[Line<'_>], line: usize) -> Option<Scope> {
    let is_blank = |at: &usize| all[*at].is_blank();
    if is_blank(&line) {
        return None;
    }
    let start = (0..line).rev().find(is_blank).map_or(0, |at| at + 1);
    let end = (line..all.len()).find(is_blank).unwrap_or(all.len());
    Some(Scope { range: document::range(&(start..end)), label: "paragraph".to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use localcoder_protocol::LineRange;

    fn ask(path: &str, text: &str, (start, end): (u32, u32), empty: bool) -> ScopesAnswer {
        let document =
            DocumentText { path: path.to_owned(), language_id: None, text: text.to_owned() };
        let selection = LineRange { start, end };
        scopes(&ScopesParams { document, selection, empty }).unwrap()
    }

    #[track_caller]
    fn check(path: &str, text: &str, line: u32, expected: (&str, u32, u32)) {
        let chosen = ask(path, text, (line, line), true).chosen.unwrap();
        let (label, start, end) = expected;
        assert_eq!(
            (chosen.label.as_str(), chosen.range),
            (label, LineRange { start, end }),
            "{path}"
        );
    }

    #[test]
    fn the_function_round_the_cursor_is_meant() {
        let text = "import os\n\n\nclass A:\n    @cached\n    def f(self):\n        if self:\n            return 1\n        return 2\n\n    x = 1\n";
        check("a.py", text, 8, ("function f", 5, 9));
        check("a.py", text, 5, ("class A", 4, 11));
        check("a.py", text, 11, ("class A", 4, 11));
        check("a.py", text, 1, ("import statement", 1, 1));
        check("a.js", "export function f(a) {\n  return a;\n}\n", 2, ("function f", 1, 3));
        check("a.ts", "const f = (a: number) => {\n  return a;\n};\n", 2, ("function f", 1, 3));
        check(
            "a.js",
            "function f(a) {\n  a.map((b) => {\n    g(b);\n  });\n}\n",
            3,
            ("function f", 1, 5),
        );
        check("a.rs", "impl A {\n    fn f() {\n        g();\n    }\n}\n", 3, ("function f", 2, 4));
        check("a.go", "package a\n\nfunc (a A) F() {\n\tg()\n}\n", 4, ("method F", 3, 5));
        check("A.java", "class A {\n  int f() {\n    return 1;\n  }\n}\n", 3, ("method f", 2, 4));
        check("a.c", "int *f(int a)\n{\n  return a;\n}\n", 3, ("function f", 1, 4));
        check("a.rb", "class A\n  def f\n    1\n  end\nend\n", 3, ("method f", 2, 4));
        check("a.css", "a {\n  color: red;\n}\n", 2, ("rule", 1, 3));
    }

    #[test]
    fn where_no_grammar_tells_it_is_what_stands_between_blank_lines() {
        check("a.txt", "one\n\ntwo\nthree\n\nfour\n", 4, ("paragraph", 3, 4));
        check("a.lua", "a = 1\nb = 2\n\nc = 3\n", 1, ("paragraph", 1, 2));
        let document =
            DocumentText { path: "a.py".into(), language_id: None, text: "a\n\n\nb\n".into() };
        let selection = LineRange { start: 2, end: 2 };
        let error = scopes(&ScopesParams { document, selection, empty: true }).unwrap_err();
        assert!(matches!(error, AssistError::NoCodeAt { line: _, .. }), "{error}");
    }

    #[test]
    fn a_function_that_is_long_is_a_choice() {
        let body: String = (0..130).map(|n| format!("        g({n})\n")).collect();
        let text = format!(
            "def f(a):\n    for b in a:\n{body}    if a:\n        h()\n        i()\n    return 1\n"
        );
        let answer = ask("a.py", &text, (134, 134), true);
        assert_eq!(answer.chosen, None);
        let labels: Vec<_> = answer.scopes.iter().map(|it| it.label.as_str()).collect();
        assert_eq!(labels, ["function f", "if statement", "expression statement"]);
    }

    #[test]
    fn a_large_selection_is_a_choice_of_what_is_in_it() {
        let one = |name: &str| format!("def {name}():\n{}\n", "    g()\n".repeat(60));
        let text = ["a", "b", "c"].map(one).join("\n");
        let answer = ask("a.py", &text, (1, 130), false);
        assert_eq!(answer.chosen, None);
        let labels: Vec<_> = answer.scopes.iter().map(|it| it.label.as_str()).collect();
        assert_eq!(labels, ["all 130 selected lines", "function a", "function b"]);
        assert!(ask("a.py", &text, (1, 60), false).chosen.is_some());
    }
}
