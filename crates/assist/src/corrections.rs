//! Puts right, before the answer is checked, what a small model forgets and what can only be meant
//! one way: the return type of a function that returns nothing, and the order of functions in C and
//! C++.

use std::ops::Range;

use tree_sitter::Node;

use crate::language::Language;
use crate::syntax;

/// How users ask for type hints, in lower case.
const HINTS: &[&str] = &["type hint", "type annotation", "annotate"];
/// How they say that they mean the return type, too. "Add type hints" alone leaves return types as
/// they are.
const RETURNS: &[&str] = &["return", "result"];

/// The answer with such corrections made. `line`: where in `document` (from 0) it goes. In C and
/// C++ indented code is left alone: members of a class may be called before they are declared.
pub(crate) fn code(
    language: &Language,
    (document, line): (&str, usize),
    instruction: Option<&str>,
    answer: String,
) -> String {
    let is_inner = || document.lines().nth(line).is_some_and(|it| it.starts_with([' ', '\t']));
    match language.id {
        // Unasked, a return type would be a change that nobody wanted.
        "python" if asks_for_returns(instruction) => with_none(language, answer),
        "c" | "cpp" if !is_inner() => defined_first(language, document, answer),
        _ => answer,
    }
}

pub(crate) fn asks_for_returns(instruction: Option<&str>) -> bool {
    instruction.is_some_and(|text| {
        let text = text.to_lowercase();
        let says = |words: &[&str]| words.iter().any(|word| text.contains(word));
        says(HINTS) && says(RETURNS)
    })
}

/// Adds `-> None` to functions without a return type that return nothing.
fn with_none(language: &Language, mut answer: String) -> String {
    let Some(tree) = syntax::parse(language, &answer) else { return answer };
    let mut places = Vec::new();
    syntax::walk(&mut tree.walk(), &mut |node| {
        if node.kind() == "function_definition"
            && node.child_by_field_name("return_type").is_none()
            && node.child_by_field_name("body").is_some_and(gives_nothing)
        {
            places.extend(node.child_by_field_name("parameters").map(|it| it.end_byte()));
        }
        true
    });
    // From the end, so that the places before stay valid.
    for place in places.into_iter().rev() {
        answer.insert_str(place, " -> None");
    }
    answer
}

/// Whether a body never returns a value. A body that only raises may be there to be overridden, so
/// it does not count.
fn gives_nothing(body: Node<'_>) -> bool {
    let (mut gives, mut does) = (false, false);
    syntax::walk(&mut body.walk(), &mut |node| {
        let kind = node.kind();
        // A generator returns an iterator without having a `return`.
        gives |= kind == "yield" || kind == "return_statement" && node.named_child_count() > 0;
        does |= matches!(kind, "assignment" | "augmented_assignment" | "call" | "pass_statement");
        // Only a raise at the outermost level, which ends every call; one within a condition is an
        // error case of a function that returns.
        gives |= kind == "raise_statement" && node.parent() == Some(body);
        // What inner functions return is theirs.
        !matches!(kind, "function_definition" | "lambda" | "class_definition")
    });
    does && !gives
}

/// Moves a new function that is called above its definition in front of its caller: these languages
/// can't call what is declared later. Small models put a helper that they extract below the
/// function it came from. One function is moved at most.
fn defined_first(language: &Language, document: &str, answer: String) -> String {
    let Some(tree) = syntax::parse(language, &answer) else { return answer };
    let functions = functions(tree.root_node(), &answer);
    let moved = functions.iter().enumerate().rev().find_map(|(at, function)| {
        let callers = &functions[..at];
        let caller = callers.iter().find(|it| it.calls.contains(&function.name))?;
        // A prototype or an earlier definition makes the call legal as it is.
        let is_known = callers.iter().any(|it| it.name == function.name)
            || document.contains(&format!("{}(", function.name))
            || answer[..caller.lines.start].contains(&format!("{}(", function.name));
        (!is_known).then(|| (caller.lines.start, function.lines.clone()))
    });
    let Some((to, from)) = moved else { return answer };
    let (before, between) = (&answer[..to], &answer[to..from.start]);
    let (function, after) = (answer[from.clone()].trim_end(), &answer[from.end..]);
    let rest = between.trim_end().to_owned() + after;
    format!("{before}{function}\n\n{rest}")
}

struct Function {
    name: String,
    /// Including the comment above it.
    lines: Range<usize>,
    calls: Vec<String>,
}

fn functions(root: Node<'_>, text: &str) -> Vec<Function> {
    let mut functions = Vec::new();
    let mut start = None;
    for node in root.children(&mut root.walk()) {
        match node.kind() {
            // The comment right above a function moves with it.
            "comment" => start = start.or(Some(node.start_byte())),
            "function_definition" => {
                let lines = start.take().unwrap_or(node.start_byte())..node.end_byte();
                let Some(name) = declared_name(node, text) else { continue };
                let mut calls = Vec::new();
                syntax::walk(&mut node.walk(), &mut |inner| {
                    let called = inner.child_by_field_name("function");
                    let called = called.filter(|it| it.kind() == "identifier");
                    calls.extend(called.map(|it| text[it.byte_range()].to_owned()));
                    true
                });
                functions.push(Function { name, lines, calls });
            }
            _ => start = None,
        }
    }
    functions
}

/// The name of a free function; `None` for one that belongs to a type.
fn declared_name(function: Node<'_>, text: &str) -> Option<String> {
    let node = syntax::declared(function)?;
    (node.kind() == "identifier").then(|| text[node.byte_range()].to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn put_right(path: &str, document: &str, instruction: &str, answer: &str) -> String {
        let language = Language::of(None, path);
        code(language, (document, 0), Some(instruction), answer.to_owned())
    }

    #[test]
    fn a_function_that_returns_nothing_says_so_where_hints_are_asked_for() {
        let both = "Add type hints to the parameters and the return type.";
        let init = "def __init__(self, a: int):\n    self.a = a\n";
        let hinted = "def __init__(self, a: int) -> None:\n    self.a = a\n";
        assert_eq!(put_right("a.py", "", both, init), hinted);
        for kept in [
            hinted,
            "def f(a: int):\n    return a\n",
            "def f(a: int):\n    yield g(a)\n",
            "def f(a: int):\n    raise NotImplementedError(a)\n",
        ] {
            assert_eq!(put_right("a.py", "", both, kept), kept);
        }
        let inner =
            "def f(a: int) -> int:\n    def g():\n        print(a)\n    g()\n    return a\n";
        assert!(put_right("a.py", "", both, inner).contains("def g() -> None:"));
        assert_eq!(put_right("a.py", "", "Name it.", init), init);
    }

    #[test]
    fn a_new_function_stands_above_the_one_that_calls_it() {
        let before = "// F.\nint f(int a) {\n    return a + 1;\n}\n";
        let below = "// F.\nint f(int a) {\n    return next(a);\n}\n\n// The next one.\nint next(int a) {\n    return a + 1;\n}\n";
        let above = "// The next one.\nint next(int a) {\n    return a + 1;\n}\n\n// F.\nint f(int a) {\n    return next(a);\n}\n";
        assert_eq!(put_right("a.cpp", before, "Extract it.", below), above);
        assert_eq!(put_right("a.cpp", before, "Extract it.", above), above);
        // It is declared before, or belongs to a type.
        let declared = format!("int next(int a);\n{before}");
        assert_eq!(put_right("a.cpp", &declared, "Extract it.", below), below);
        let member = below.replace("int next", "int A::next");
        assert_eq!(put_right("a.cpp", before, "Extract it.", &member), member);
        assert_eq!(put_right("a.java", before, "Extract it.", below), below);
    }
}
