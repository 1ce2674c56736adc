//! Lines round the selection that the model repeated in its answer.
//!
//! Exact repeats at the edges are taken off. Where it is less clear they are pointed out.

use super::{Problem, Rewrite, Severity};

/// Fewer repeated lines than this are taken for chance, unless a line is long.
const LINES_MIN: usize = 2;

/// A single line of this many characters is no chance either.
const CHARACTERS_MIN: usize = 24;

/// Takes lines off the answer's edges that repeat those next to the selection. A repeat that
/// the selection itself has at that edge is part of the code.
pub(crate) fn trim(answer: &str, original: &str, before: &[String], after: &[String]) -> String {
    let lines: Vec<&str> = answer.split('\n').collect();
    let own: Vec<&str> = original.split('\n').collect();
    let head = head_repeat(&lines, &own, before);
    let rest = &lines[head..];
    let tail = tail_repeat(rest, &own, after);
    let kept = &rest[..rest.len() - tail];
    // An answer of nothing but repeats is judged as it is.
    let kept = if kept.iter().all(|line| line.trim().is_empty()) { &lines[..] } else { kept };
    let first = kept.iter().position(|line| !line.trim().is_empty()).unwrap_or(0);
    kept[first..].join("\n").trim_end().to_owned()
}

/// How many first lines of the answer are the last lines before the selection.
fn head_repeat(lines: &[&str], own: &[&str], before: &[String]) -> usize {
    let most = lines.len().min(before.len());
    let longest = (1..=most).rev().find(|&count| {
        let repeated = &before[before.len() - count..];
        same(&lines[..count], repeated) && !same(&own[..count.min(own.len())], repeated)
    });
    longest.filter(|&count| is_no_chance(&lines[..count])).unwrap_or(0)
}

/// How many last lines of the answer are the first lines after the selection.
fn tail_repeat(lines: &[&str], own: &[&str], after: &[String]) -> usize {
    let most = lines.len().min(after.len());
    let longest = (1..=most).rev().find(|&count| {
        let repeated = &after[..count];
        let end = own.len() - count.min(own.len());
        same(&lines[lines.len() - count..], repeated) && !same(&own[end..], repeated)
    });
    longest.filter(|&count| is_no_chance(&lines[lines.len() - count..])).unwrap_or(0)
}

fn same(lines: &[&str], repeated: &[String]) -> bool {
    // The surroundings stand in the prompt with their indentation, the selection without.
    lines.len() == repeated.len()
        && lines.iter().zip(repeated).all(|(line, other)| line.trim() == other.trim())
}

/// Whether lines say enough that nobody writes them twice by chance.
fn is_no_chance(lines: &[&str]) -> bool {
    let telling =
        lines.iter().filter(|line| line.chars().filter(|c| c.is_alphanumeric()).count() > 2);
    telling.clone().count() >= LINES_MIN
        || telling.map(|line| line.trim().len()).sum::<usize>() >= CHARACTERS_MIN
}

/// A repeat that is still in the answer: the two lines next to the selection on one side, one
/// behind the other. A single line is often written twice in similar code.
pub(super) fn remaining(rewrite: &Rewrite<'_>) -> Option<Problem> {
    let filled = |line: &&str| !line.is_empty();
    let (before, after) = rewrite.around;
    let mut above: Vec<&str> =
        before.iter().rev().map(|line| line.trim()).filter(filled).take(2).collect();
    above.reverse();
    let below: Vec<&str> = after.iter().map(|line| line.trim()).filter(filled).take(2).collect();
    let has = |text: &str, pair: &[&str]| {
        let lines: Vec<&str> = text.lines().map(str::trim).filter(filled).collect();
        lines.windows(2).any(|found| found == pair)
    };
    let repeated = [above, below].into_iter().find(|pair| {
        pair.len() == 2
            && is_no_chance(pair)
            && has(rewrite.answer, pair)
            && !has(rewrite.original, pair)
    })?;
    let shown: String = repeated[0].chars().take(40).collect();
    let reason = format!("it repeats code from outside of the selection (`{shown}`)");
    Some(Problem::new(Severity::Warn, reason))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::language::Language;

    #[track_caller]
    fn check(answer: &str, original: &str, before: &[&str], after: &[&str], expected: &str) {
        let owned =
            |lines: &[&str]| lines.iter().map(|line| (*line).to_owned()).collect::<Vec<_>>();
        assert_eq!(trim(answer, original, &owned(before), &owned(after)), expected);
    }

    #[test]
    fn repeated_surroundings_are_taken_off_the_edges() {
        let before = ["import os", "import sys", ""];
        let after = ["", "def next_function(argument):", "    pass"];
        check("import os\nimport sys\n\nx = 1", "x = 0", &before, &after, "x = 1");
        check("x = 1\n\ndef next_function(argument):", "x = 0", &before, &after, "x = 1");
        check("x = 1\n\ndef next_function(argument):\n    pass", "x = 0", &before, &after, "x = 1");
    }

    #[test]
    fn what_may_be_chance_or_the_selections_own_stays() {
        check("}\nx", "y", &["a", "}"], &[], "}\nx");
        check("x = 1\nreturn", "x = 0", &[], &["return"], "x = 1\nreturn");
        let line = "connection.send(request, timeout)";
        check(&format!("{line}\nx"), &format!("{line}\ny"), &[line], &[], &format!("{line}\nx"));
        check(line, "y", &[line], &[], line);
    }

    #[test]
    fn a_repeat_amid_the_answer_is_pointed_out() {
        let around =
            |lines: &[&str]| lines.iter().map(|line| (*line).to_owned()).collect::<Vec<_>>();
        let (before, after) = (around(&["import os", "import sys"]), around(&[]));
        let repeats = |original, answer| {
            let language = Language::of(None, "");
            let document = (original, answer);
            let around = (before.as_slice(), after.as_slice());
            remaining(&Rewrite {
                language,
                original,
                answer,
                document,
                around,
                instruction: None,
                only_comments: false,
            })
        };
        assert!(repeats("x", "y\nimport os\nimport sys\nx").is_some());
        assert_eq!(repeats("x", "import sys\nx"), None);
        assert_eq!(repeats("import os\nimport sys", "import os\nimport sys\nx"), None);
    }
}
