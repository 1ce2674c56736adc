//! Conditions that are never true, since earlier ones have left the block for every such value: `if
//! x < 1: return`, and later `if x == 0`.
//!
//! Comparisons with integers are followed back through the conditions before them, in the same
//! block and in the branches of the same `if`. The compared values need not be integers: if `x < 1`
//! is false, `x` is at least 1, and no more is known.

use std::sync::LazyLock;

use regex::Regex;
use tree_sitter::Node;

use super::Code;

/// How many statements before a condition are examined. A bound keeps long lists of statements from
/// costing their square.
const STATEMENTS_MAX: usize = 30;

const IFS: &[&str] = &["if_expression", "if_statement"];

const BLOCKS: &[&str] = &["block", "compound_statement", "statement_block", "statement_list"];

/// A comparison of an expression without effects with an integer; either may come first. Calls
/// other than those of a length may return something else each time.
static COMPARED: LazyLock<Regex> = LazyLock::new(|| {
    let value = r"((?:len\([\w.]+\))|(?:[A-Za-z_][\w.]*(?:\.(?:len|length|size)\(\))?))";
    // The longer signs first, as an alternation takes the first that fits. Nine digits surely fit
    // into an `i64`.
    let (relation, number) = (r"\s*(<=|>=|===|==|<|>)\s*", r"(-?\d{1,9})");
    Regex::new(&format!("^(?:{value}{relation}{number}|{number}{relation}{value})$"))
        .expect("it was tried")
});

// Negated ranges as guards write them: Python's chained comparison and Rust's `contains`. Either is
// two comparisons with `or` between them, which is what `outside` makes of it.
static OUTSIDE: LazyLock<Regex> = LazyLock::new(|| {
    let python = r"not\s+\(?\s*(-?\d{1,9})\s*(<=?)\s*([A-Za-z_][\w.]*)\s*(<=?)\s*(-?\d{1,9})\s*\)?";
    let rust =
        r"!\(\s*(-?\d{1,9})\s*(\.\.=?)\s*(-?\d{1,9})\s*\)\s*\.contains\(\s*&([A-Za-z_][\w.]*)\s*\)";
    Regex::new(&format!("^(?:{python}|{rust})$")).expect("it was tried")
});

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Relation {
    Below,
    AtMost,
    Above,
    AtLeast,
    Equal,
}

impl Relation {
    fn of(sign: &str) -> Option<Self> {
        match sign {
            "<" => Some(Self::Below),
            "<=" => Some(Self::AtMost),
            ">" => Some(Self::Above),
            ">=" => Some(Self::AtLeast),
            "==" | "===" => Some(Self::Equal),
            _ => None,
        }
    }

    fn turned(self) -> Self {
        match self {
            Self::Below => Self::Above,
            Self::AtMost => Self::AtLeast,
            Self::Above => Self::Below,
            Self::AtLeast => Self::AtMost,
            Self::Equal => Self::Equal,
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Comparison {
    value: String,
    relation: Relation,
    number: i64,
}

/// The values that are still possible. A bound is a number and whether that number is excluded
/// itself.
#[derive(Debug, Default)]
struct Left {
    least: Option<(i64, bool)>,
    most: Option<(i64, bool)>,
    not: Vec<i64>,
}

impl Left {
    /// Excludes the values that would have made a comparison true, since it was false.
    fn without(&mut self, relation: Relation, number: i64) {
        // Of two equal lower bounds the excluded one is narrower, and `true` is the greater one.
        let least =
            |old: Option<(i64, bool)>, new: (i64, bool)| Some(old.map_or(new, |old| old.max(new)));
        // Of two equal upper bounds the excluded one is narrower.
        let most = |old: Option<(i64, bool)>, new: (i64, bool)| {
            Some(old.map_or(new, |old| if (old.0, !old.1) < (new.0, !new.1) { old } else { new }))
        };
        match relation {
            Relation::Below => self.least = least(self.least, (number, false)),
            Relation::AtMost => self.least = least(self.least, (number, true)),
            Relation::Above => self.most = most(self.most, (number, false)),
            Relation::AtLeast => self.most = most(self.most, (number, true)),
            Relation::Equal => self.not.push(number),
        }
    }

    fn allows(&self, relation: Relation, number: i64) -> bool {
        let (least, most) = (self.least, self.most);
        // Between two integers there are others, as values need not be integers: any room below or
        // above is enough.
        let is_below = || least.is_none_or(|(it, _)| it < number);
        let is_above = || most.is_none_or(|(it, _)| it > number);
        let can_be = || {
            least.is_none_or(|(it, excluded)| it < number || it == number && !excluded)
                && most.is_none_or(|(it, excluded)| it > number || it == number && !excluded)
                && !self.not.contains(&number)
        };
        match relation {
            Relation::Below => is_below(),
            Relation::Above => is_above(),
            Relation::AtMost => is_below() || can_be(),
            Relation::AtLeast => is_above() || can_be(),
            Relation::Equal => can_be(),
        }
    }
}

/// A condition whose comparisons are all known to be false. All of them must be about one value,
/// since what is known of it is kept for that value alone.
pub(super) fn never_true(code: &Code<'_>, node: Node<'_>) -> Option<String> {
    if !IFS.contains(&node.kind()) && node.kind() != "elif_clause" {
        return None;
    }
    let compared = comparisons(code.of(node.child_by_field_name("condition")?))?;
    let [first, ..] = compared.as_slice() else { return None };
    let value = first.value.as_str();
    if compared.iter().any(|it| it.value != value) {
        return None;
    }
    // Earlier conditions say nothing about a value that the `if` itself sets, as in Go.
    if node.child_by_field_name("initializer").is_some_and(|it| changes(code.of(it), value)) {
        return None;
    }
    // That no length is below 0 is known without any condition before.
    let mut left = Left { least: is_length(code, value).then_some((0, false)), ..Left::default() };
    for before in before(code, node, value) {
        left.without(before.relation, before.number);
    }
    let is_possible = compared.iter().any(|it| left.allows(it.relation, it.number));
    (!is_possible).then(|| format!("is never true: the conditions above leave no such `{value}`"))
}

fn is_length(code: &Code<'_>, value: &str) -> bool {
    let calls = [".len()", ".length()", ".size()"];
    let has_field = code.is(&["javascript", "typescript", "java"]) && value.ends_with(".length");
    value.starts_with("len(") || has_field || calls.iter().any(|it| value.ends_with(it))
}

/// The comparisons of a value that are known to be false when a condition is evaluated. Goes back
/// over earlier statements and then up, as long as nothing may have changed the value: through
/// branches of the same `if`, but not out of a block, as what is before a loop or a function says
/// little of what is in it.
fn before(code: &Code<'_>, node: Node<'_>, value: &str) -> Vec<Comparison> {
    let mut known = Vec::new();
    let mut at = node;
    loop {
        // The siblings of a branch are the condition and other branches, not earlier statements.
        let is_branch = at.parent().is_some_and(|parent| IFS.contains(&parent.kind()));
        let mut next = at.prev_named_sibling();
        for _ in 0..STATEMENTS_MAX {
            let Some(statement) = next else { break };
            next = statement.prev_named_sibling();
            if statement.kind() == "elif_clause" {
                known.extend(falsified(code, statement, value));
            } else if let Some(guard) = guard(statement).filter(|_| !is_branch) {
                known.extend(falsified(code, guard, value));
            // A statement that names the value may change it, so nothing before it counts.
            } else if !is_branch && changes(code.of(statement), value) {
                return known;
            }
        }
        let Some(parent) = at.parent() else { break };
        let is_alternative = parent.child_by_field_name("alternative") == Some(at)
            || at.kind() == "elif_clause" && IFS.contains(&parent.kind());
        // In an `else`, the condition of its own `if` was false.
        if is_alternative && IFS.contains(&parent.kind()) {
            known.extend(falsified(code, parent, value));
        } else if !["else_clause", "expression_statement"].contains(&parent.kind()) {
            break;
        }
        at = parent;
    }
    known
}

/// The `if` that a statement is, provided that it has no `else` and its branch leaves the block.
fn guard(statement: Node<'_>) -> Option<Node<'_>> {
    let choice = match statement.kind() {
        "expression_statement" => statement.named_child(0)?,
        _ => statement,
    };
    if !IFS.contains(&choice.kind()) || choice.child_by_field_name("alternative").is_some() {
        return None;
    }
    let mut last = choice.child_by_field_name("consequence")?;
    // Blocks contain their statements directly, or, in Go, in a list inside.
    while !super::dead::leaves(last) && BLOCKS.contains(&last.kind()) {
        let count = u32::try_from(last.named_child_count()).ok()?;
        last = last.named_child(count.checked_sub(1)?)?;
    }
    super::dead::leaves(last).then_some(choice)
}

/// The comparisons that are false if the branch of an `if` is not taken.
fn falsified(code: &Code<'_>, choice: Node<'_>, value: &str) -> Vec<Comparison> {
    let condition = choice.child_by_field_name("condition");
    let mut all = condition.and_then(|it| comparisons(code.of(it))).unwrap_or_default();
    all.retain(|it| it.value == value);
    all
}

/// Whether a statement may change a value: whatever names it may. A call that is given the list may
/// change its length, and so may an alias, which is not seen.
fn changes(statement: &str, value: &str) -> bool {
    let base = value.trim_start_matches("len(").split(['.', ')']).next().unwrap_or_default();
    crate::syntax::count_of_word(statement, base) > 0
}

/// The comparisons of which at least one must be true; `None` if the condition has another form.
/// With `and` in it nothing follows from its being false for either side.
fn comparisons(condition: &str) -> Option<Vec<Comparison>> {
    let condition = unwrapped(condition);
    if condition.contains("&&") || condition.split_whitespace().any(|word| word == "and") {
        return None;
    }
    let parts = condition.split("||").flat_map(|part| part.split(" or "));
    let mut all = Vec::new();
    for part in parts {
        // One part that is not understood makes the whole condition unknown: it may be the one that
        // is true.
        all.extend(comparison(unwrapped(part)).or_else(|| outside(unwrapped(part)))?);
    }
    Some(all)
}

fn comparison(part: &str) -> Option<Vec<Comparison>> {
    let found = COMPARED.captures(part)?;
    let text = |at: usize| found.get(at).map(|it| it.as_str());
    let (value, relation, number) = match text(1) {
        Some(value) => (value, Relation::of(text(2)?)?, text(3)?),
        // The number is first, as in `0 < x`, so the sign is read from the other side.
        None => (text(6)?, Relation::of(text(5)?)?.turned(), text(4)?),
    };
    Some(vec![Comparison { value: value.to_owned(), relation, number: number.parse().ok()? }])
}

fn outside(part: &str) -> Option<Vec<Comparison>> {
    let found = OUTSIDE.captures(part)?;
    let text = |at: usize| found.get(at).map(|it| it.as_str());
    let (value, least, most, includes) = match text(3) {
        Some(value) => (value, text(1)?, text(5)?, (text(2)? == "<=", text(4)? == "<=")),
        // The beginning of a range of Rust always belongs to it; its end does with `..=` only.
        None => (text(9)?, text(6)?, text(8)?, (true, text(7)? == "..=")),
    };
    let below = if includes.0 { Relation::Below } else { Relation::AtMost };
    let above = if includes.1 { Relation::Above } else { Relation::AtLeast };
    let of = |relation, number: &str| {
        Some(Comparison { value: value.to_owned(), relation, number: number.parse().ok()? })
    };
    Some(vec![of(below, least)?, of(above, most)?])
}

/// The text without brackets around all of it; `(a) or (b)` has none.
fn unwrapped(text: &str) -> &str {
    let text = text.trim();
    let inner = text.strip_prefix('(').and_then(|it| it.strip_suffix(')'));
    // Brackets within are not matched up, so a condition in brackets with a call in it is not
    // understood and nothing is said of it.
    inner.filter(|it| !it.contains(['(', ')'])).map_or(text, str::trim)
}

#[cfg(test)]
mod tests {
    use super::super::tests::{check, clean};

    const SAYS: &str = "leave no such";

    #[test]
    fn what_was_excluded_before_is_never_true() {
        for (path, text, line) in [
            (
                "a.py",
                "def f(x):\n    if x < 1 or x > 9:\n        return 0\n    if x == 0:\n        g()\n",
                4,
            ),
            (
                "a.py",
                "def f(x):\n    if not 1 <= x <= 9:\n        raise E\n    y = 1\n    if x > 9:\n        g(y)\n",
                5,
            ),
            (
                "a.py",
                "def f(a):\n    if len(a) == 0:\n        return 1\n    if len(a) < 0 or 0 == len(a):\n        g()\n",
                4,
            ),
            (
                "a.py",
                "def f(x):\n    if not 1 < x < 9:\n        raise E\n    if x == 1 or x == 9:\n        g()\n",
                4,
            ),
            ("a.py", "def f(x):\n    if x < 5:\n        g()\n    elif x < 3:\n        h()\n", 4),
            (
                "a.js",
                "function f(x) {\n  if (x <= 0) throw e;\n  if (x === 0) {\n    g();\n  }\n}\n",
                3,
            ),
            (
                "a.js",
                "function f(x) {\n  if (x < 5) {\n    g();\n  } else if (x < 2) {\n    h();\n  }\n}\n",
                4,
            ),
            (
                "a.rs",
                "fn f(x: u8) {\n    if !(1..=12).contains(&x) {\n        return;\n    }\n    if x == 0 {\n        g();\n    }\n}\n",
                5,
            ),
            (
                "a.go",
                "package a\n\nfunc f(x int) {\n\tif x <= 0 {\n\t\treturn\n\t}\n\tif x < 0 {\n\t\tg()\n\t}\n}\n",
                7,
            ),
            (
                "A.java",
                "class A { int f(int x) {\n  if (x < 0) { throw e; }\n  if (x < -1) { return 1; }\n  return 0; } }\n",
                3,
            ),
            (
                "a.cpp",
                "int f(int x) {\n  if (x < 0 || x > 10) {\n    return 1;\n  }\n  if (x > 10) {\n    return 2;\n  }\n  return 0;\n}\n",
                5,
            ),
        ] {
            check(path, text, line, SAYS);
        }
    }

    #[test]
    fn what_can_still_be_is_left_alone() {
        for (path, text) in [
            // The bound itself is still possible.
            ("a.py", "def f(x):\n    if x < 1:\n        return 0\n    if x == 1:\n        g()\n"),
            ("a.py", "def f(x):\n    if x < 1:\n        return 0\n    if x <= 1:\n        g()\n"),
            (
                "a.py",
                "def f(x):\n    if not 1 <= x <= 9:\n        raise E\n    if x == 1:\n        g()\n",
            ),
            (
                "a.py",
                "def f(x):\n    if not 1 <= x <= 9:\n        raise E\n    if x == 9:\n        g()\n",
            ),
            // The branch does not leave the block, or not always.
            ("a.py", "def f(x):\n    if x < 1:\n        g()\n    if x == 0:\n        g()\n"),
            (
                "a.py",
                "def f(x):\n    if x < 1 and g():\n        return 0\n    if x == 0:\n        g()\n",
            ),
            (
                "a.py",
                "def f(x):\n    if x < 1:\n        return 0\n    else:\n        x = 0\n    if x == 0:\n        g()\n",
            ),
            // The value was changed in between, or is a different one.
            (
                "a.py",
                "def f(x):\n    if x < 1:\n        return 0\n    x -= 1\n    if x == 0:\n        g()\n",
            ),
            (
                "a.py",
                "def f(a):\n    if len(a) == 0:\n        return 0\n    a.pop()\n    if len(a) == 0:\n        g()\n",
            ),
            (
                "a.py",
                "def f(x, y):\n    if x < 1:\n        return 0\n    if y == 0:\n        g()\n",
            ),
            // There are other values between two integers.
            (
                "a.js",
                "function f(x) {\n  if (x <= 2) return 1;\n  if (x < 3) return 2;\n  return 3;\n}\n",
            ),
            // It is set in the condition itself, or is a field that happens to have that name.
            (
                "a.go",
                "package a\n\nfunc f(x int) {\n\tif x <= 0 {\n\t\treturn\n\t}\n\tif x = g(); x < 0 {\n\t\th()\n\t}\n}\n",
            ),
            (
                "a.py",
                "def f(a):\n    if a.length == 0:\n        return 0\n    if a.length < 0:\n        g()\n",
            ),
            // A call may return another value each time.
            (
                "a.py",
                "def f():\n    if n() < 1:\n        return 0\n    if n() == 0:\n        g()\n",
            ),
            (
                "a.rs",
                "fn f(x: u8) {\n    if !(1..12).contains(&x) {\n        return;\n    }\n    if x == 11 {\n        g();\n    }\n}\n",
            ),
        ] {
            clean(path, text);
        }
    }
}
