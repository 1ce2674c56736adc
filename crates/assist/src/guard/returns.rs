//! A function that returned something and no longer does. It still parses, so no other check finds
//! it. Only for languages in which a value is never returned implicitly.

use super::{Problem, Rewrite, Severity, asks_to_delete};

/// Languages that have no implicit result and for which a lost `return` is a lost result.
const EXPLICIT: &[&str] = &["python"];

pub(super) fn vanished(rewrite: &Rewrite<'_>) -> Option<Problem> {
    let lost = EXPLICIT.contains(&rewrite.language.id)
        && !asks_to_delete(rewrite.instruction)
        && gives_back(rewrite.original)
        && !gives_back(rewrite.answer);
    // Of 1,001 recorded right answers to instructions 12 do this: too many to ask again.
    let severity = if rewrite.instruction.is_some() { Severity::Warn } else { Severity::Doubtful };
    lost.then(|| Problem::new(severity, "it no longer returns what the selection returned"))
}

fn gives_back(code: &str) -> bool {
    code.lines().any(|line| {
        let mut words =
            line.split(|c: char| !c.is_alphanumeric() && c != '_').filter(|word| !word.is_empty());
        // `return x`, `if a: return x`, `lambda: x`, `yield x`; a bare `return` gives nothing.
        words.by_ref().any(|word| matches!(word, "return" | "yield" | "lambda"))
            && (words.next().is_some() || line.contains(['"', '\'', '[', '{', '(']))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(original: &str, answer: &str, instruction: Option<&str>) -> bool {
        let rewrite = Rewrite { instruction, ..Rewrite::of("a.py", original, answer) };
        vanished(&rewrite).is_some()
    }

    #[test]
    fn a_lost_result_is_found() {
        let original = "def f(x):\n    x = x + 1\n    return x";
        assert!(check(original, "def f(x):\n    x += 1", None));
        assert!(check(original, "def f(x):\n    x += 1\n    return", None));
        assert!(!check(original, "def f(x):\n    x += 1\n    return x", None));
        assert!(!check(original, "def f(x):\n    yield x + 1", None));
        // A `lambda` gives its result without the word.
        assert!(!check(original, "f = lambda x: x + 1", None));
        assert!(!check("def f(x):\n    x.go()", "def f(x):\n    x.run()", None));
        assert!(!check(original, "def f(x):\n    x += 1", Some("remove the return")));
        // No word follows the `return`, and something is returned all the same.
        assert!(!check("return ''", "return \"\"", None));
    }
}
