//! Work that is done again and again.

use tree_sitter::Node;

use super::{Code, FUNCTIONS, LOOPS, around, function_of};
use crate::syntax::walk;

/// Parts of the names of calls that have an effect or return something else each time: if written
/// twice, they are meant twice.
const DOES: &[&str] = &[
    "add", "append", "assert", "call", "close", "copy", "create", "delete", "exec", "fetch",
    "flush", "input", "insert", "lock", "log", "malloc", "new", "next", "now", "open", "pop",
    "post", "print", "push", "put", "rand", "random", "read", "receive", "recv", "remove", "run",
    "scan", "seek", "send", "set", "shift", "skip", "sleep", "spawn", "start", "submit", "super",
    "take", "time", "update", "uuid", "wait", "write",
];

/// Calls that only convert a value, at no cost.
const CHEAP: &[&str] = &[
    "abs",
    "at",
    "begin",
    "cbegin",
    "cend",
    "end",
    "float",
    "front",
    "int",
    "is_empty",
    "isEmpty",
    "len",
    "length",
    "list",
    "max",
    "min",
    "range",
    "size",
    "size_t",
    "static_cast",
    "str",
    "std",
    "string",
    "tuple",
    "unwrap",
    "Some",
    "Ok",
    "Err",
    "None",
    "clone",
    "cloned",
    "to_owned",
    "to_string",
    "iter",
    "String",
    "Number",
    "Boolean",
    "append",
    "make",
    "cap",
    "is_some",
    "is_none",
    "Errorf",
    "format",
    "isinstance",
    "super",
    "type",
    "bool",
    "back",
    "empty",
    "c_str",
    "charAt",
    "chars",
    "bytes",
    "as_str",
    "as_ref",
];

const COSTLY: &[&str] = &[
    "lower",
    "lowercase",
    "split",
    "strip",
    "toLowerCase",
    "toUpperCase",
    "to_lowercase",
    "to_uppercase",
    "trim",
    "upper",
];

const BRANCHES: &[&str] = &[
    "conditional_expression",
    "expression_switch_statement",
    "if_expression",
    "if_statement",
    "match_block",
    "match_expression",
    "match_statement",
    "switch_body",
    "switch_block",
    "switch_expression",
    "ternary_expression",
];

const COMPILES: &[&str] =
    &["Pattern.compile(", "Regex::new(", "new RegExp(", "re.compile(", "regexp.MustCompile("];

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
        .then(|| "is compiled again in every iteration; compile it once before the loop".to_owned())
}

/// A call that the function makes more than once, word for word. Left out are names that suggest an
/// effect or another value each time ([`DOES`]), conversions that cost nothing ([`CHEAP`]), and
/// calls of which only one can run.
pub(super) fn calls(code: &Code<'_>, node: Node<'_>) -> Option<String> {
    let kinds = ["call", "call_expression", "method_invocation"];
    if !kinds.contains(&node.kind()) {
        return None;
    }
    let text = code.of(node);
    let head = text.split('(').next().unwrap_or_default();
    let word = head.rsplit(['.', ':', '<', ' ', '>']).next().unwrap_or_default();
    // A call without arguments is mostly a getter, which costs nothing and reads better twice than
    // a variable does.
    let is_short = text.len() < 8 || text.ends_with("()") && !COSTLY.contains(&word);
    if text.len() > 60 || is_short || text.contains('\n') || !is_plain(word) {
        return None;
    }
    // Of nested calls the outermost is reported; a call whose value is unused is made for its
    // effect.
    let parent = node.parent()?;
    let inner = ["attribute", "field_expression", "member_expression", "selector_expression"];
    let is_inner = kinds.contains(&parent.kind()) || inner.contains(&parent.kind());
    if is_inner || parent.kind() == "expression_statement" {
        return None;
    }
    // Counted as text first, which is cheap; the tree is walked only where there is a second one.
    let times = function_of(code, node).matches(text).count();
    (times > 1 && !is_behind_another_condition(node) && is_made_twice(code, node))
        .then(|| format!("`{text}` is called {times} times; call it once and store the result"))
}

/// Whether it is evaluated only depending on an earlier part of the same condition, so that calling
/// it before would be another program.
fn is_behind_another_condition(node: Node<'_>) -> bool {
    let mut up = std::iter::successors(Some(node), Node::parent);
    up.any(|inner| {
        inner.parent().is_some_and(|outer| {
            outer.child_by_field_name("operator").is_some_and(|operator| {
                ["and", "or", "&&", "||"].contains(&operator.kind())
                    && operator.start_byte() < inner.start_byte()
            })
        })
    })
}

/// Whether an identical call can run in the same pass, that is, not only in another branch.
fn is_made_twice(code: &Code<'_>, node: Node<'_>) -> bool {
    let function = around(node, FUNCTIONS)
        .unwrap_or_else(|| std::iter::successors(Some(node), Node::parent).last().unwrap_or(node));
    let mut is_so = false;
    walk(&mut function.walk(), &mut |other| {
        let is_same = other.id() != node.id()
            && other.kind() == node.kind()
            && code.of(other) == code.of(node);
        is_so |= is_same && !are_in_other_branches(node, other);
        !is_so
    });
    is_so
}

fn are_in_other_branches(one: Node<'_>, other: Node<'_>) -> bool {
    let up = |node| std::iter::successors(Some(node), Node::parent);
    let mut below = one;
    let holder = up(one).skip(1).find(|holder| {
        let is_common = holder.byte_range().contains(&other.start_byte());
        if !is_common {
            below = *holder;
        }
        is_common
    });
    // The innermost node that holds both calls decides: if it is a block, both run.
    let Some(holder) = holder.filter(|it| BRANCHES.contains(&it.kind())) else { return false };
    let condition = ["condition", "value", "subject"];
    let condition = condition.iter().find_map(|field| holder.child_by_field_name(field));
    // A call in the condition runs whichever branch is taken, so it is made along with that of any
    // branch.
    condition
        .is_none_or(|it| it.id() != below.id() && !it.byte_range().contains(&other.start_byte()))
}

/// Whether a call of that name returns the same for the same arguments, and is not free.
fn is_plain(word: &str) -> bool {
    let lower = word.to_lowercase();
    !word.is_empty()
        && !CHEAP.contains(&word)
        // At either end, for `read_line` and `hasNext`; within a word they are chance, as `add` in
        // `padding`.
        && !DOES.iter().any(|it| lower.starts_with(it) || lower.ends_with(it))
}

pub(super) fn looks_twice(code: &Code<'_>, node: Node<'_>) -> Option<String> {
    if !["if_expression", "if_statement"].contains(&node.kind()) {
        return None;
    }
    let condition = code.of(node.child_by_field_name("condition")?);
    let function = function_of(code, node);
    let (before, after) =
        [".contains_key(", ".containsKey("].iter().find_map(|it| condition.split_once(it))?;
    let map = before.rsplit(['(', '!', ' ']).next().unwrap_or_default();
    let key = after.split(')').next().unwrap_or_default();
    let looked_up = [format!("{map}.get({key})"), format!("{map}[{key}]")];
    looked_up
        .iter()
        .any(|it| function.contains(it.as_str()))
        .then(|| format!("checks for `{key}` and then looks it up again; look it up once"))
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
        for branches in [
            "    if a % 2 and is_odd_one(a):\n        b()\n    elif not a and is_odd_one(a):\n        c()\n",
            "    if a:\n        return weigh(a, 1)\n    else:\n        return -weigh(a, 1)\n",
            "    return weigh(a, 1) if b else -weigh(a, 1)\n",
        ] {
            clean("a.py", &format!("def f(a):\n{branches}"));
        }
        check(
            "a.py",
            "def f(a):\n    if weigh(a, 1) > 2:\n        return weigh(a, 1)\n    return 1\n",
            2,
            "2 times",
        );
        clean("a.js", "function f(a) {\n  send(a, 1);\n  return send(a, 1);\n}\n");
        // Naming a conversion that costs nothing makes code longer, not faster.
        clean("a.py", "def f(a):\n    return max(a.b, 1) + max(a.b, 1)\n");
        let twice = "fn f(a: &Map) -> u8 {\n    if a.contains_key(&b) {\n        return a.get(&b);\n    }\n    0\n}\n";
        check("a.rs", twice, 2, "looks it up again");
        check(
            "a.rs",
            "fn f(a: &str) -> bool {\n    a.to_lowercase() == b || a.to_lowercase() == c\n}\n",
            2,
            "2 times",
        );
    }
}
