//! Errors that are swallowed or ignored.

use tree_sitter::Node;

use super::{Code, around};

pub(super) const CATCHES_EVERY: &str =
    "catches every error, even one that nobody expects; catch only the kind that can happen here";

/// A handler that catches every error and passes none of them on. By text: that an error is passed
/// on is told by a word anywhere in the handler, which lets some bad handlers go and blames no good
/// one.
pub(super) fn swallowed(code: &Code<'_>, node: Node<'_>) -> Option<String> {
    let all = code.of(node);
    let passes_on = |words: &[&str]| words.iter().any(|word| all.contains(word));
    // Without blanks, so that one spelling of each head is enough for the comparisons below.
    let head: String = all.lines().next().unwrap_or_default().split_whitespace().collect();
    let is_broad = match (code.language, node.kind()) {
        ("python", "except_clause") => {
            let broad = ["except:", "exceptException:", "exceptBaseException:"];
            let is_broad = broad.contains(&head.as_str())
                || head.starts_with("exceptExceptionas")
                || head.starts_with("exceptBaseExceptionas");
            is_broad && !passes_on(&["raise"])
        }
        ("javascript" | "typescript", "catch_clause") => {
            let parameter = node.child_by_field_name("parameter").map(|it| code.of(it));
            let body = node.child_by_field_name("body").map_or("", |it| code.of(it));
            // JavaScript has no kinds of errors to catch: who looks at the error may tell them
            // apart, so only a handler that does not look at it is broad.
            let is_used =
                parameter.is_some_and(|name| crate::syntax::count_of_word(body, name) > 0);
            !is_used && !passes_on(&["throw"])
        }
        ("java", "catch_clause") => {
            let kinds = ["(Exception", "(Throwable", "(RuntimeException", "(finalException"];
            kinds.iter().any(|kind| head.contains(kind)) && !passes_on(&["throw"])
        }
        ("csharp", "catch_clause") => {
            let is_all =
                head.starts_with("catch{") || head == "catch" || head.contains("(Exception");
            is_all && !passes_on(&["throw"])
        }
        ("cpp", "catch_clause") => head.contains("(...)") && !passes_on(&["throw"]),
        ("go", "call_expression") => {
            return (all == "recover()").then(|| {
                "hides every panic, even of a programming error; check for what can go wrong"
                    .to_owned()
            });
        }
        _ => false,
    };
    is_broad.then(|| CATCHES_EVERY.to_owned())
}

pub(super) fn ignored(code: &Code<'_>, node: Node<'_>) -> Option<String> {
    if code.language == "rust" && node.kind() == "let_declaration" {
        let text = code.of(node);
        // Without a call it drops a value on purpose, as one does to silence a warning.
        return (text.starts_with("let _ =") && text.contains('('))
            .then(|| "ignores what may be an error; handle it or return it with `?`".to_owned());
    }
    let is_assignment = ["short_var_declaration", "assignment_statement"].contains(&node.kind());
    if code.language != "go" || !is_assignment {
        return None;
    }
    let left = code.of(node.child_by_field_name("left")?);
    let right = code.of(node.child_by_field_name("right")?);
    // A map's or a channel's second value is not an error.
    let ignores = left.ends_with("_") && right.ends_with(')') && !right.starts_with("range");
    ignores.then(|| "ignores the error; handle it or return it".to_owned())
}

/// `unwrap` after a check of the same value, or where the function could return the error. In a
/// function that returns neither `Result` nor `Option` a mere `unwrap` may be meant.
pub(super) fn checked_and_unwrapped(code: &Code<'_>, node: Node<'_>) -> Option<String> {
    if code.language != "rust" || node.kind() != "call_expression" {
        return None;
    }
    let value = code.of(node).strip_suffix(".unwrap()")?;
    let function = around(node, &["function_item"])?;
    let returns = function.child_by_field_name("return_type").map_or("", |it| code.of(it));
    let can_return = returns.contains("Result<") || returns.contains("Option<");
    // The last part of `self.cache.entry` is enough: the check may go through a reference or a
    // local of that name.
    let name = value.rsplit(['.', '(', ' ']).next().unwrap_or(value);
    let text = code.of(function);
    let tests = ["is_none()", "is_err()", "is_some()", "is_ok()"];
    let is_tested = tests.iter().any(|test| text.contains(&format!("{name}.{test}")));
    match (can_return, is_tested) {
        // A test that was made counts first: `?` alone would leave it where it is.
        (_, true) => Some("is checked above and unwrapped here; `?`, `let ... else` or `if let` does both at once".to_owned()),
        (true, false) => Some("panics where the function could return an error; use `?`".to_owned()),
        (false, false) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{check, clean};

    #[test]
    fn a_handler_of_everything_is_found() {
        check("a.py", "try:\n    f()\nexcept:\n    pass\n", 3, "every error");
        check("a.py", "try:\n    f()\nexcept Exception as e:\n    g(e)\n", 3, "every error");
        clean("a.py", "try:\n    f()\nexcept OSError:\n    pass\nexcept Exception:\n    raise\n");
        check("a.js", "try {\n  f();\n} catch {\n  g();\n}\n", 3, "every error");
        clean("a.js", "try {\n  f();\n} catch (e) {\n  if (e.code !== 1) throw e;\n}\n");
        check(
            "A.java",
            "class A { void f() {\n try { g(); }\n catch (Exception e) { return; } } }\n",
            3,
            "every error",
        );
        check("a.cpp", "void f() {\n  try { g(); }\n  catch (...) { h(); }\n}\n", 3, "every error");
    }

    #[test]
    fn an_error_that_is_ignored_or_unwrapped_is_found() {
        check(
            "a.go",
            "package a\n\nfunc f() int {\n\ta, _ := g(1)\n\treturn a\n}\n",
            4,
            "ignores the error",
        );
        clean("a.go", "package a\n\nfunc f() int {\n\ta, _ := m[1]\n\treturn a\n}\n");
        let tested = "fn f(a: Option<u8>) -> u8 {\n    if a.is_none() {\n        return 1;\n    }\n    a.unwrap()\n}\n";
        check("a.rs", tested, 5, "checked above");
        check(
            "a.rs",
            "fn f(a: &str) -> Result<u8, E> {\n    Ok(a.parse().unwrap())\n}\n",
            2,
            "use `?`",
        );
        check(
            "a.rs",
            "fn f() -> Result<(), E> {\n    let _ = g(1);\n    Ok(())\n}\n",
            2,
            "ignores",
        );
        clean("a.rs", "fn main() {\n    g().unwrap();\n}\n");
    }
}
