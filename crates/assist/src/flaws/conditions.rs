//! Conditions that say what they mean in a roundabout way.

use tree_sitter::Node;

use super::{Code, around};

/// Nodes whose value is true or false in every language, whatever their parts are.
const COMPARISONS: &[&str] = &["comparison_operator", "not_operator"];

const OPERATORS: &[&str] = &["==", "===", "!=", "!==", "<", "<=", ">", ">=", "in", "instanceof"];

/// Languages in which the condition of an `if` is always true or false itself.
const STRICT: &[&str] = &["go", "rust", "java", "csharp"];

/// A branch that returns true and another that returns false. Only where the condition itself is
/// true or false: in Python and JavaScript `if items: return True` turns a list into a truth value,
/// which returning `items` would not.
pub(super) fn returns_by_branches(code: &Code<'_>, node: Node<'_>) -> Option<String> {
    if !["if_statement", "if_expression"].contains(&node.kind()) {
        return None;
    }
    let condition = node.child_by_field_name("condition")?;
    let then = returned(code, node.child_by_field_name("consequence")?)?;
    let alternatives =
        node.children_by_field_name("alternative", &mut node.walk()).collect::<Vec<Node<'_>>>();
    let otherwise = match alternatives.as_slice() {
        [] => returned(code, following(node)?)?,
        // A chain of three branches returns more than its condition.
        [only] if only.kind() != "elif_clause" => returned(code, *only)?,
        _ => return None,
    };
    let is_boolean = code.is(STRICT) || is_boolean(code, condition);
    (then != otherwise && is_boolean).then(|| {
        // Said with its direction: the condition alone would be the opposite where the branch
        // returns false.
        let value = if then { "the condition" } else { "the negated condition" };
        format!("returns true or false from branches; return {value} itself")
    })
}

/// The statement behind an `if`. In Rust the statement is around it.
fn following(node: Node<'_>) -> Option<Node<'_>> {
    node.next_named_sibling().or_else(|| {
        node.parent().filter(|it| it.kind() == "expression_statement")?.next_named_sibling()
    })
}

/// What a branch gives that does nothing but return true or false. By its text, as grammars wrap a
/// single statement in up to three nodes, with and without braces.
fn returned(code: &Code<'_>, branch: Node<'_>) -> Option<bool> {
    let mut text = code.of(branch).trim();
    text = text.strip_prefix("else").unwrap_or(text).trim_start();
    text = text.strip_prefix(':').unwrap_or(text).trim();
    text = text.strip_prefix('{').and_then(|it| it.strip_suffix('}')).unwrap_or(text).trim();
    text = text.strip_suffix(';').unwrap_or(text).trim_end();
    // The last expression of a block is its value.
    let is_last = code.is(&["rust"]);
    match text.strip_prefix("return").map(str::trim_start).or(is_last.then_some(text))? {
        "True" | "true" => Some(true),
        "False" | "false" => Some(false),
        _ => None,
    }
}

/// Whether a condition is true or false, rather than a value that counts as one of them.
fn is_boolean(code: &Code<'_>, condition: Node<'_>) -> bool {
    // A list and no recursion: a chain of thousands of `&&` is a tree as deep as it is long.
    let mut open = vec![condition];
    while let Some(node) = open.pop() {
        let operator = node.child_by_field_name("operator").map(|it| code.of(it));
        match (node.kind(), operator) {
            (kind, _) if COMPARISONS.contains(&kind) => {}
            ("parenthesized_expression" | "condition_clause", _) => match node.named_child(0) {
                Some(inner) if node.named_child_count() == 1 => open.push(inner),
                _ => return false,
            },
            // `!items` is true or false whatever `items` is.
            ("unary_expression", Some("!")) => {}
            ("binary_expression", Some(it)) if OPERATORS.contains(&it) => {}
            // `a and b` of Python and JavaScript gives one of its sides, so both have to be true or
            // false.
            ("binary_expression" | "boolean_operator", Some("&&" | "||" | "and" | "or")) => {
                for side in ["left", "right"] {
                    match node.child_by_field_name(side) {
                        Some(it) => open.push(it),
                        None => return false,
                    }
                }
            }
            _ => return false,
        }
    }
    true
}

pub(super) fn equals_none(code: &Code<'_>, node: Node<'_>) -> Option<String> {
    if !code.is(&["python"]) || node.kind() != "comparison_operator" || node.child_count() != 3 {
        return None;
    }
    let better = match code.of(node.child(1)?) {
        "==" => "is None",
        "!=" => "is not None",
        _ => return None,
    };
    // Tables and queries give `==` a meaning of its own, where it is an argument or an index.
    let is_data = around(node, &["argument_list", "subscript"]).is_some();
    (code.of(node.child(2)?) == "None" && !is_data)
        .then(|| format!("compares to None with an equality operator; use `{better}`"))
}

pub(super) fn in_keys(code: &Code<'_>, node: Node<'_>) -> Option<String> {
    if !code.is(&["python"]) || node.kind() != "comparison_operator" || node.child_count() != 3 {
        return None;
    }
    let looks = ["in", "not in"].contains(&code.of(node.child(1)?));
    let keys = code.of(node.child(2)?).strip_suffix(".keys()")?;
    looks.then(|| format!("`.keys()` is not needed; `in {keys}` checks the keys"))
}

#[cfg(test)]
mod tests {
    use super::super::tests::{check, clean};

    #[test]
    fn a_condition_that_is_returned_by_branches_is_found() {
        let says = "return the condition itself";
        check(
            "a.py",
            "def f(a):\n    if a < 1:\n        return True\n    else:\n        return False\n",
            2,
            says,
        );
        check(
            "a.py",
            "def f(a):\n    if a < 1 and not a:\n        return True\n    return False\n",
            2,
            says,
        );
        check(
            "a.py",
            "def f(a):\n    if a < 1:\n        return False\n    return True\n",
            2,
            "negated",
        );
        check(
            "a.js",
            "function f(a) {\n  if (a === 1 || !a) {\n    return true;\n  }\n  return false;\n}\n",
            2,
            says,
        );
        check(
            "a.ts",
            "function f(a: number) {\n  if (a > 1) return true;\n  else return false;\n}\n",
            2,
            says,
        );
        check(
            "A.java",
            "class A { boolean f(int a) {\n  if (g(a)) {\n    return true;\n  } else {\n    return false;\n  }\n} }\n",
            2,
            says,
        );
        check(
            "a.go",
            "package a\n\nfunc f(a int) bool {\n\tif g(a) {\n\t\treturn true\n\t}\n\treturn false\n}\n",
            4,
            says,
        );
        check("a.rs", "fn f(a: u8) -> bool {\n    if g(a) { true } else { false }\n}\n", 2, says);
        check(
            "a.rs",
            "fn f(a: u8) -> bool {\n    if g(a) {\n        return true;\n    }\n    false\n}\n",
            2,
            says,
        );
        check(
            "a.cpp",
            "bool f(int a) {\n  if (a > 1) {\n    return true;\n  }\n  return false;\n}\n",
            2,
            says,
        );
    }

    #[test]
    fn a_condition_that_only_counts_as_true_is_none() {
        clean("a.py", "def f(a):\n    if a:\n        return True\n    return False\n");
        clean("a.py", "def f(a):\n    if a and a < 1:\n        return True\n    return False\n");
        clean("a.js", "function f(a) {\n  if (a) {\n    return true;\n  }\n  return false;\n}\n");
        clean(
            "a.py",
            "def f(a):\n    for b in a:\n        if b < 1:\n            return True\n    return False\n",
        );
        clean(
            "a.py",
            "def f(a):\n    if a < 1:\n        return True\n    elif a > 3:\n        return True\n    else:\n        return False\n",
        );
        clean(
            "a.go",
            "package a\n\nfunc f(a int) bool {\n\tif a < 1 {\n\t\tg()\n\t\treturn true\n\t}\n\treturn false\n}\n",
        );
        clean("a.rs", "fn f(a: u8) -> bool {\n    if g(a) { true } else { true }\n}\n");
    }

    #[test]
    fn equality_with_none_and_keys_that_are_asked_for_are_found() {
        check(
            "a.py",
            "def f(a):\n    if a == None:\n        return 1\n    return a\n",
            2,
            "`is None`",
        );
        check("a.py", "def f(a):\n    return a.b != None\n", 2, "`is not None`");
        check("a.py", "def f(a, b):\n    return a in b.keys()\n", 2, "`in b`");
        clean("a.py", "def f(q):\n    return q.filter(A.b == None)\n");
        clean("a.py", "def f(d):\n    return d[d.a == None]\n");
        clean("a.py", "def f(a):\n    return a is None\n");
        clean("a.py", "def f(a):\n    return list(a.keys())\n");
    }

    #[test]
    fn the_self_test_has_code_with_a_flaw_that_is_named() {
        let sample = include_str!("../../../../ide/sample/inventory.py");
        let at = sample.find("def restock").unwrap();
        check("a.py", &sample[at..], 3, "`is None`");
    }
}
