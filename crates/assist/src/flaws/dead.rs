//! Code without effect: it is never reached, or what it computes is never used.

use tree_sitter::Node;

use super::{Code, FUNCTIONS, around};
use crate::syntax;

const EXITS: &[&str] = &[
    "break_statement",
    "continue_statement",
    "raise_statement",
    "return_statement",
    "throw_statement",
];

/// Whether a statement leaves its block. In Rust it is the expression inside of it that does.
pub(super) fn leaves(statement: Node<'_>) -> bool {
    let inner = statement.named_child(0).filter(|_| statement.kind() == "expression_statement");
    let expressions = ["break_expression", "continue_expression", "return_expression"];
    EXITS.contains(&statement.kind()) || expressions.contains(&inner.unwrap_or(statement).kind())
}

/// A statement after one that leaves the block; a comment in between doesn't count.
pub(super) fn unreachable(code: &Code<'_>, node: Node<'_>) -> Option<String> {
    let mut before = node.prev_named_sibling()?;
    while before.kind().contains("comment") {
        before = before.prev_named_sibling()?;
    }
    // The next case of a switch follows the `return` of this one in some grammars, and a label can
    // be jumped to.
    let is_label = node.kind().contains("case") || node.kind().contains("label");
    if !EXITS.contains(&before.kind()) || node.kind().contains("comment") || is_label {
        return None;
    }
    // An `if` without braces has its `else` behind the statement that leaves.
    let of_if = node.parent().and_then(|parent| parent.child_by_field_name("consequence"));
    if of_if == Some(before) {
        return None;
    }
    // A function may be declared after the `return` of a script.
    let is_declared = node.kind().contains("function");
    (!is_declared && !code.of(node).is_empty()).then(|| "is never reached".to_owned())
}

/// A condition that no value satisfies: a constant, or a length below 0. What follows from
/// conditions above it is found by `ranges`.
pub(super) fn never_true(code: &Code<'_>, node: Node<'_>) -> Option<String> {
    let condition = match node.kind() {
        "if_statement" | "elif_clause" | "if_expression" => {
            node.child_by_field_name("condition")?
        }
        _ => return None,
    };
    let text: String = code.of(condition).split_whitespace().collect();
    let text = text.trim_start_matches('(').trim_end_matches(')');
    let of_length = [".size()<0", ".length()<0", ".len()<0"];
    // In other languages `length` may be a field of any number.
    let has_field = code.is(&["javascript", "typescript", "java"]) && text.ends_with(".length<0");
    let is_length = has_field
        || of_length.iter().any(|it| text.ends_with(it))
        || (text.starts_with("len(") && text.ends_with(")<0"));
    let is_constant = ["False", "false", "0"].contains(&text);
    (is_length || is_constant).then(|| "is never true".to_owned())
}

/// A local variable that is never read. What is assigned may have to be kept for its effect, so the
/// message says so where there is a call.
pub(super) fn unused(code: &Code<'_>, node: Node<'_>) -> Option<String> {
    let name = match (code.language, node.kind()) {
        ("python", "assignment") => node.child_by_field_name("left")?,
        ("javascript" | "typescript" | "java", "variable_declarator") => {
            node.child_by_field_name("name")?
        }
        ("rust", "let_declaration") => node.child_by_field_name("pattern")?,
        ("c" | "cpp", "init_declarator") => node.child_by_field_name("declarator")?,
        _ => return None,
    };
    let text = code.of(name);
    // Outside of functions other files may read the name.
    let function = around(node, FUNCTIONS)?;
    // Patterns of several names are left out: of a tuple often only one part is wanted. An
    // underscore says that the author knows.
    if !name.kind().ends_with("identifier") || text.starts_with('_') {
        return None;
    }
    // One report for each variable is enough: at the place where it is set first.
    let before = code.text.get(function.start_byte()..name.start_byte()).unwrap_or_default();
    if syntax::count_of_word(before, text) > 0 {
        return None;
    }
    // An assignment to a variable of another scope is an effect.
    let is_outside = ["global ", "nonlocal "].iter().any(|word| code.of(function).contains(word));
    // The assigned expression may have an effect.
    let calls = code.of(node).contains('(');
    let also = if calls { "; keep the call where it does more than give a value" } else { "" };
    (!is_outside && !is_read(code, function, text))
        .then(|| format!("sets `{text}`, which is never used{also}"))
}

fn is_read(code: &Code<'_>, function: Node<'_>, name: &str) -> bool {
    let mut is_read = false;
    syntax::walk(&mut function.walk(), &mut |node| {
        let is_name = node.child_count() == 0 && code.of(node) == name;
        let is_word = node.child_count() == 0 && node.kind().contains("identifier");
        // By name and not by scope: a variable of the same name in an inner function counts as a
        // read, which lets a flaw go and reports no wrong one.
        is_read |= is_name && is_word && !is_written(node) && !is_of_itself(code, node, name);
        // An interpolated string or a macro may read it, too.
        is_read |= node.child_count() == 0
            && (node.kind().contains("string") || node.kind() == "token_tree")
            && syntax::count_of_word(code.of(node), name) > 0;
        !is_read
    });
    is_read
}

/// Whether a read only contributes to the variable's own next value: `n = max(n, 1)`. If all reads
/// are of that kind, nothing comes of the variable.
fn is_of_itself(code: &Code<'_>, node: Node<'_>, name: &str) -> bool {
    let assigned = std::iter::successors(node.parent(), Node::parent).find(|it| {
        ["assignment", "assignment_expression", "assignment_statement"].contains(&it.kind())
    });
    assigned.is_some_and(|it| {
        let is_statement = it.parent().is_some_and(|outer| outer.kind() == "expression_statement");
        is_statement && it.child_by_field_name("left").is_some_and(|left| code.of(left) == name)
    })
}

/// Whether a name only receives a value where it occurs. `n += 1` and `n++` count as statements
/// only: within an expression their value is read.
fn is_written(node: Node<'_>) -> bool {
    let Some(parent) = node.parent() else { return false };
    let is_field = |field| parent.child_by_field_name(field) == Some(node);
    match parent.kind() {
        "assignment" | "assignment_expression" | "assignment_statement" => is_field("left"),
        "augmented_assignment" | "augmented_assignment_expression" | "compound_assignment_expr" => {
            is_field("left")
                && parent.parent().is_some_and(|outer| outer.kind() == "expression_statement")
        }
        "variable_declarator" => is_field("name"),
        "let_declaration" => is_field("pattern"),
        "init_declarator" => is_field("declarator"),
        "update_expression" => {
            parent.parent().is_some_and(|outer| outer.kind() == "expression_statement")
        }
        "mut_pattern" => true,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{check, clean};

    #[test]
    fn what_is_never_reached_is_found() {
        check("a.py", "def f():\n    return 1\n    g()\n", 3, "never reached");
        check("a.js", "function f() {\n  throw a;\n  g();\n}\n", 3, "never reached");
        clean(
            "a.js",
            "function f(a) {\n  switch (a) {\n    case 1:\n      return 2;\n    default:\n      return 3;\n  }\n}\n",
        );
        // Was told to the model as never reached: without braces the `else` is a sibling of the
        // `return`.
        clean("a.js", "function f(a) {\n  if (a) return g();\n  else return h();\n}\n");
        check("a.js", "if (a.length < 0) {\n  f();\n}\n", 1, "never true");
        check(
            "a.go",
            "package a\n\nfunc f() {\n\tif len(a) < 0 {\n\t\tg()\n\t}\n}\n",
            4,
            "never true",
        );
    }

    #[test]
    fn a_variable_that_nothing_reads_is_found() {
        check(
            "a.py",
            "def f(a):\n    n = 0\n    for b in a:\n        n += 1\n    return a\n",
            2,
            "`n`, which is never used",
        );
        check(
            "a.py",
            "def f(a):\n    n = 0\n    for b in a:\n        n = max(n, b)\n    return a\n",
            2,
            "`n`, which is never used",
        );
        clean(
            "a.py",
            // A read for its own next value that another variable gets as well is a read.
            "def f(a):\n    n = 0\n    for b in a:\n        n = m = max(n, b)\n    return m\n",
        );
        clean("a.py", "def f(a):\n    n = 0\n    for b in a:\n        n += 1\n    return f'{n}'\n");
        check(
            "a.js",
            "function f(a) {\n  let n = 0;\n  n += 1;\n  return a;\n}\n",
            2,
            "never used",
        );
        check("a.rs", "fn f(a: u8) -> u8 {\n    let b = g(a);\n    a\n}\n", 2, "never used");
        clean("a.rs", "fn f(a: u8) {\n    let b = g(a);\n    println!(\"{b}\");\n}\n");
        clean("a.rs", "fn f(a: u8) {\n    let b = g(a);\n    println!(\"{}\", b);\n}\n");
        check(
            "A.java",
            "class A { int f(int a) {\n  int b = g(a);\n  return a; } }\n",
            2,
            "never used",
        );
        // A module's names may be used from anywhere.
        clean("a.py", "n = 0\n");
    }
}
