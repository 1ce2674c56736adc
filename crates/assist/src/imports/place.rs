//! Where the imports of a file are, or would go.

use tree_sitter::{Node, Point};

use crate::language::Language;
use crate::syntax;

const IMPORTS: &[&str] = &[
    "future_import_statement",
    "import_declaration",
    "import_from_statement",
    "import_statement",
    "namespace_use_declaration",
    "preproc_include",
    "use_declaration",
    "using_directive",
];

/// What comes before imports: comments, the package name, directives for the compiler.
const PREAMBLE: &[&str] = &[
    "block_comment",
    "comment",
    "file_scoped_namespace_declaration",
    "hash_bang_line",
    "inner_attribute_item",
    "line_comment",
    "namespace_definition",
    "package_clause",
    "package_declaration",
    "php_tag",
];

pub(crate) fn is_import_node(node: Node<'_>) -> bool {
    node.is_named() && IMPORTS.contains(&node.kind())
}

/// The line (from 0) next to which an import goes, and whether it goes before that line. `None` if
/// that line is not before `end`, or if no grammar says what an import is.
pub(super) fn of_imports(language: &Language, text: &str, end: usize) -> Option<(usize, bool)> {
    let tree = syntax::parse(language, text)?;
    let root = tree.root_node();
    if is_in_module(root, end) {
        return None;
    }
    let mut cursor = root.walk();
    let children: Vec<Node<'_>> =
        root.children(&mut cursor).filter(|child| syntax::rows(*child).start < end).collect();
    let last = children.iter().rev().find(|child| is_import_node(**child));
    // After the last one, so that those which depend on order, as `#include` may, stay in theirs.
    if let Some(last) = last {
        // The end of the last one, as an import in brackets has several lines.
        let line = syntax::rows(*last).end - 1;
        return (line < end).then_some((line, false));
    }
    if !has_imports(language) {
        return None;
    }
    let first = children.iter().find(|child| !is_preamble(**child))?;
    Some((syntax::rows(*first).start, true))
}

/// Whether a line is inside a module of Rust, which does not see the file's imports.
fn is_in_module(root: Node<'_>, line: usize) -> bool {
    let point = Point::new(line, 0);
    let mut node = root.descendant_for_point_range(point, point);
    while let Some(inner) = node {
        if inner.kind() == "mod_item" && syntax::rows(inner).start < line {
            return true;
        }
        node = inner.parent();
    }
    false
}

fn is_preamble(node: Node<'_>) -> bool {
    // A module's docstring, and `"use strict"`.
    let is_string = || {
        node.kind() == "expression_statement"
            && node.named_child_count() == 1
            && node.named_child(0).is_some_and(|child| child.kind() == "string")
    };
    PREAMBLE.contains(&node.kind()) || is_string()
}

fn has_imports(language: &Language) -> bool {
    const LANGUAGES: &[&str] = &[
        "c",
        "cpp",
        "csharp",
        "go",
        "java",
        "javascript",
        "javascriptreact",
        "php",
        "python",
        "rust",
        "typescript",
        "typescriptreact",
    ];
    LANGUAGES.contains(&language.id)
}
