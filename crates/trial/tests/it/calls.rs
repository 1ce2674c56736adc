//! Calls with made-up values: what an edit changes is found, and what it leaves is not reported.

use localcoder_protocol::{DocumentText, LineRange, TestKind, TestOutcome, TestRun};
use localcoder_trial::{Compared, Search, find};

use crate::{Free, has};

/// What calls say of a change to all of a file, alone in a folder.
fn called(file: &str, before: &str, after: &str) -> Option<TestRun> {
    compared(Compared::ValuesAndErrors, file, before, after)
}

fn compared(by: Compared, file: &str, before: &str, after: &str) -> Option<TestRun> {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join(file);
    std::fs::write(&path, before).expect("written");
    let path = path.to_string_lossy().into_owned();
    let document = DocumentText { path, language_id: None, text: before.to_owned() };
    let lines = LineRange { start: 1, end: 80 };
    let search =
        Search { document: &document, lines, within: Some(folder.path()), calls: Some(by) };
    let run = find(&search).expect("it is small")?.run(after, &Free);
    assert_eq!(run.kind, TestKind::Calls, "{run:?}");
    let left = std::fs::read_dir(folder.path()).expect("a folder").count();
    assert_eq!(left, 1, "nothing is written beside the user's file");
    Some(run)
}

#[track_caller]
fn is_same(file: &str, before: &str, after: &str) {
    let run = called(file, before, after).expect("something can be called");
    assert_eq!(run.outcome, TestOutcome::Passed, "{run:?}");
    assert!(
        run.name.split(' ').next().is_some_and(|count| count.parse::<u32>().is_ok()),
        "{run:?}"
    );
}

#[track_caller]
fn differs(file: &str, before: &str, after: &str, said: &str) {
    let run = called(file, before, after).expect("something can be called");
    assert_eq!(run.outcome, TestOutcome::Failed, "{run:?}");
    assert!(run.said.contains(said), "{run:?}");
}

const CART: &str = "class Cart:
    def __init__(self, limit=10):
        self.limit = limit
        self._items = {}

    def add(self, name, count=1):
        if count < 1:
            raise ValueError(\"none\")
        self._items[name] = self._items.get(name, 0) + count

    def first_over(self, limit: int):
        for name, count in self._items.items():
            if count > limit:
                return name


def above_average(values):
    average = sum(values) / len(values)
    return [value for value in values if value > average]


def parse(line: str) -> dict[str, int]:
    found = {}
    for part in line.split(\",\"):
        key, _, value = part.partition(\"=\")
        found[key.strip()] = int(value or 0)
    return found
";

#[test]
fn what_a_function_of_python_gives_otherwise_is_told_with_the_call() {
    if !has("python3", "--version") {
        return;
    }
    let with = |from: &str, to: &str| CART.replace(from, to);
    differs("a.py", CART, &with("> average", ">= average"), "`above_average([");
    differs("a.py", CART, &with("count > limit", "count >= limit"), "`it.first_over(");
    differs("a.py", CART, &with("key.strip()", "key"), "`parse(");
    differs("a.py", CART, &with("get(name, 0) + count", "get(name, 0)"), "Cart(");
    let sorts = with("average = sum", "values.sort()\n    average = sum");
    differs("a.py", CART, &sorts, "leaves what it is given as [");
    differs("a.py", CART, &with("len(values)", "size(values)"), "raises NameError");
    differs("a.py", CART, &with("def parse", "deff parse"), "SyntaxError");
}

#[test]
fn what_is_only_written_in_another_way_gives_the_same() {
    if !has("python3", "--version") {
        return;
    }
    is_same("a.py", CART, CART);
    let with = |from: &str, to: &str| CART.replace(from, to);
    is_same("a.py", CART, &with("_items", "_counts"));
    is_same("a.py", CART, &with("average", "mean").replace("above_mean", "above_average"));
    is_same("a.py", CART, &with("found = {}", "found: dict[str, int] = dict()"));
    // A function that has another name now can't be compared.
    is_same("a.py", CART, &with("above_average", "over_average"));
}

#[test]
fn what_gives_something_else_each_time_or_never_ends_is_not_compared() {
    if !has("python3", "--version") {
        return;
    }
    let run = |text: &str| called("a.py", text, text).expect("there are functions").outcome;
    assert_eq!(
        run("import time\n\ndef f(a: int):\n    return time.time_ns()\n"),
        TestOutcome::NotRun
    );
    assert_eq!(run("def f(a: int):\n    while True:\n        pass\n"), TestOutcome::NotRun);
    assert_eq!(run("def f(file):\n    return file.read().decode()\n"), TestOutcome::NotRun);
    assert_eq!(called("a.py", "A = 1\n", "A = 2\n"), None, "there is nothing to call");
}

#[test]
fn errors_that_were_swallowed_may_come_out_where_flaws_are_to_be_removed() {
    let python =
        "def f(text):\n    try:\n        return int(text)\n    except:\n        return None\n";
    let script = "function f(text) {\n  try {\n    return JSON.parse(text).length + 1;\n  } catch {\n    return 0;\n  }\n}\n";
    for (file, before, from, to) in [
        ("a.py", python, "except:", "except OSError:"),
        ("a.cjs", script, "return 0", "throw new Error(\"no\")"),
    ] {
        if !has(if file.ends_with("py") { "python3" } else { "node" }, "--version") {
            continue;
        }
        let outcome = |by, after: &str| compared(by, file, before, after).map(|run| run.outcome);
        let after = before.replace(from, to);
        assert_eq!(outcome(Compared::Values, &after), Some(TestOutcome::Passed), "{file}");
        assert_eq!(outcome(Compared::ValuesAndErrors, &after), Some(TestOutcome::Failed), "{file}");
    }
    if has("python3", "--version") {
        let (before, after) = ("def f(a: int):\n    return a\n", "def f(a: int):\n    return b\n");
        let run = compared(Compared::Values, "a.py", before, after).expect("it can be called");
        assert!(run.said.contains("NameError"), "{run:?}");
    }
}

const MATRIX: &str = "import { sep } from \"node:path\";

export class Matrix {
  constructor(rows) {
    this.rows = rows;
  }

  normalized() {
    const most = Math.max(...this.rows.flat());
    return new Matrix(this.rows.map((row) => row.map((value) => value / most)));
  }

  get width() {
    return this.rows[0].length;
  }
}

export const aboveAverage = (values) => {
  const average = values.reduce((a, b) => a + b, 0) / values.length;
  return values.filter((value) => value > average);
};

function joined(parts) {
  return parts.join(sep);
}
";

#[test]
fn the_same_for_javascript_also_what_is_not_exported() {
    if !has("node", "--version") {
        return;
    }
    let with = |from: &str, to: &str| MATRIX.replace(from, to);
    is_same("a.mjs", MATRIX, MATRIX);
    is_same("a.js", MATRIX, &with("const most", "const largest").replace("/ most", "/ largest"));
    differs("a.mjs", MATRIX, &with("> average", ">= average"), "`aboveAverage([");
    differs("a.mjs", MATRIX, &with("value / most", "value / (most + 1)"), "it.normalized()");
    differs("a.mjs", MATRIX, &with("[0].length", ".length"), "it.width");
    differs("a.mjs", MATRIX, &with("join(sep)", "join()"), "joined(");
    let plain = "function f(text) {\n  return text.trim();\n}\nmodule.exports = { f };\n";
    is_same("a.cjs", plain, plain);
    differs("a.cjs", plain, &plain.replace("trim", "trimEnd"), "`f(");
}
