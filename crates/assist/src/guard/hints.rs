//! Type hints that were asked for and are missing: a small model annotates the parameters and
//! forgets the return type.

use super::{Problem, Rewrite, Severity};
use crate::{corrections, syntax};

/// An answer in which no function has a return type. One that has it somewhere has understood the
/// request.
pub(super) fn of_returns(rewrite: &Rewrite<'_>) -> Option<Problem> {
    if rewrite.language.id != "python" || !corrections::asks_for_returns(rewrite.instruction) {
        return None;
    }
    let tree = syntax::parse(rewrite.language, rewrite.answer)?;
    let (mut first, mut has_any) = (None::<std::ops::Range<usize>>, false);
    syntax::walk(&mut tree.walk(), &mut |node| {
        if node.kind() == "function_definition" {
            has_any |= node.child_by_field_name("return_type").is_some();
            if first.is_none() {
                first = node.child_by_field_name("name").map(|it| it.byte_range());
            }
        }
        true
    });
    let name = rewrite.answer.get(first.filter(|_| !has_any)?)?;
    Some(Problem::new(Severity::Doubtful, format!("`{name}` still has no return type")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(instruction: &str, answer: &str) -> Option<String> {
        let original = "def f(a):\n    pass\n";
        let rewrite =
            Rewrite { instruction: Some(instruction), ..Rewrite::of("a.py", original, answer) };
        of_returns(&rewrite).map(|problem| problem.reason)
    }

    #[test]
    fn a_return_type_that_was_asked_for_is_missed() {
        let both = "Add type hints to the parameters and the return type.";
        let parameters = "def f(a: int):\n    pass\n";
        assert_eq!(found(both, parameters).as_deref(), Some("`f` still has no return type"));
        assert_eq!(found(both, "def f(a: int) -> None:\n    pass\n"), None);
        assert_eq!(found("Add a type hint to the parameter.", parameters), None);
        // The word alone does not ask for a type.
        assert_eq!(found("Return the result at once.", parameters), None);
    }
}
