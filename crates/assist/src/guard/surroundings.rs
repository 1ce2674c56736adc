//! An answer that is the code around the selection and not the selection: small models confuse the
//! two.

use std::collections::BTreeSet;

use super::{Problem, Rewrite, Severity, asks_to_delete};

/// Fewer lines are not evidence enough.
const LINES_MIN: usize = 3;

/// Finds an answer that has more lines of the surroundings than of the selection, and hardly any of
/// the latter.
pub(super) fn instead(rewrite: &Rewrite<'_>) -> Option<Problem> {
    let telling = |text: &str| -> BTreeSet<String> {
        let lines = text.lines().map(str::trim);
        let lines = lines.filter(|line| line.chars().filter(|c| c.is_alphanumeric()).count() > 2);
        lines.map(str::to_owned).collect()
    };
    let (own, answer) = (telling(rewrite.original), telling(rewrite.answer));
    let (before, after) = rewrite.around;
    let around: BTreeSet<String> =
        telling(&before.join("\n")).union(&telling(&after.join("\n"))).cloned().collect();
    let of_around =
        answer.iter().filter(|line| around.contains(*line) && !own.contains(*line)).count();
    let of_own = answer.iter().filter(|line| own.contains(*line)).count();
    let lost = own.len() >= LINES_MIN && of_own * 5 < own.len();
    // At least half of the answer, so that a few common lines don't count.
    let taken = of_around >= LINES_MIN.min(answer.len()).max(1) && of_around * 2 >= answer.len();
    (lost && taken && !asks_to_delete(rewrite.instruction)).then(|| {
        let reason = "it is the code round the selection and not the selection";
        Problem::new(Severity::Unusable, reason)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_around(original: &str, answer: &str, before: &[&str]) -> bool {
        let before: Vec<String> = before.iter().map(|line| (*line).to_owned()).collect();
        let rewrite = Rewrite {
            around: (&before, &[]),
            instruction: Some("Use range."),
            ..Rewrite::of("a.go", original, answer)
        };
        instead(&rewrite).is_some()
    }

    #[test]
    fn the_code_above_in_place_of_the_selection_is_found() {
        let before = ["package main", "import \"fmt\"", "func main() {", "fmt.Println(sum())", "}"];
        let own = "func sum(a []int) int {\n\ttotal := 0\n\tfor i := 0; i < len(a); i++ {\n\t\ttotal += a[i]\n\t}\n\treturn total\n}";
        let above = "package main\nimport \"fmt\"\nfunc main() {\nfmt.Println(sum())\n}";
        assert!(is_around(own, above, &before));
        let good = "func sum(a []int) int {\n\ttotal := 0\n\tfor _, x := range a {\n\t\ttotal += x\n\t}\n\treturn total\n}";
        assert!(!is_around(own, good, &before));
        assert!(!is_around(own, "func sum(a []int) int { return all(a) }", &before));
        assert!(!is_around("x", above, &before), "too little to say");
    }
}
