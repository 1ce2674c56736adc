//! Work that is done again and again.

use tree_sitter::Node;

use super::{Code, LOOPS, around, function_of};

/// Calls without an effect, by their last word: doing them once is the same.
const PURE: &[&str] = &[
    "ToLower",
    "ToUpper",
    "TrimSpace",
    "containsKey",
    "contains_key",
    "find",
    "get",
    "lower",
    "sorted",
    "split",
    "strip",
    "toLowerCase",
    "toUpperCase",
    "to_lowercase",
    "to_string",
    "to_uppercase",
    "trim",
    "upper",
    "has",
];

/// What makes a pattern of a text.
const COMPILES: &[&str] =
    &["Pattern.compile(", "Regex::new(", "new RegExp(", "re.compile(", "regexp.MustCompile("];

/// A pattern that is compiled wherever it is used.
pub(super) fn compiled(code: &Code<'_>, node: Node<'_>) -> Option<String> {
    let kinds = ["call", "call_expression", "method_invocation", "new_expression"];
    if !kinds.contains(&node.kind()) {
        return None;
    }
    let text = code.of(node);
    let compiles = COMPILES.iter().any(|it| text.starts_with(it)) && text.matches('(').count() < 4;
    let declares = code.language == "cpp" && text.starts_with("std::regex(");
    let is_in_loop = around(node, LOOPS).is_some();
    ((compiles || declares) && is_in_loop)
        .then(|| "is compiled again in every round; compile it once before the loop".to_owned())
}

/// A call that the function makes more than once, word for word.
pub(super) fn calls(code: &Code<'_>, node: Node<'_>) -> Option<String> {
    let kinds = ["call", "call_expression", "method_invocation"];
    if !kinds.contains(&node.kind()) {
        return None;
    }
    let text = code.of(node);
    let is_long = text.len() > 60 || text.contains('\n');
    let head = text.split('(').next().unwrap_or_default();
    let word = head.rsplit(['.', ':']).next().unwrap_or_default();
    let inner = node
        .parent()
        .is_some_and(|parent| kinds.contains(&parent.kind()) || parent.kind() == "attribute");
    if is_long || !PURE.contains(&word) {
        return None;
    }
    let times = function_of(code, node).matches(text).count();
    (times > 1 && !inner).then(|| format!("`{text}` is called {times} times; call it once"))
}

#[cfg(test)]
mod tests {
    use super::super::tests::{check, clean};

    #[test]
    fn work_that_is_done_again_is_found() {
        check(
            "a.py",
            "def f(a):\n    for b in a:\n        if re.compile('x').match(b):\n            g(b)\n",
            3,
            "compiled again",
        );
        check(
            "a.js",
            "function f(a) {\n  if (a.trim() === \"\") {\n    return g(a.trim());\n  }\n  return 1;\n}\n",
            2,
            "2 times",
        );
        clean("a.js", "function f(a) {\n  g(a);\n  return g(a);\n}\n");
        check(
            "a.rs",
            "fn f(a: &str) -> bool {\n    a.to_lowercase() == b || a.to_lowercase() == c\n}\n",
            2,
            "2 times",
        );
    }
}
