//! Lines around the selection that the model repeated in its answer.
//!
//! Exact repeats at the edges are removed. Less clear ones are pointed out.

use super::{Problem, Rewrite, Severity};

/// A single repeated line with fewer letters and digits counts as chance: a bracket, `else`,
/// `return`. The shortest import (`import a`) has as many.
const LETTERS_MIN: usize = 7;

/// Takes lines off the answer's edges that repeat those next to the selection, blank lines aside. A
/// repeat that the selection itself has at that edge is part of the code.
pub(crate) fn trim(answer: &str, original: &str, before: &[String], after: &[String]) -> String {
    // Compared by what is in the lines, cut by their numbers, which `filled` keeps: blank lines
    // between kept ones stay as the model wrote them.
    let lines = filled(answer.split('\n'));
    let own = filled(original.split('\n'));
    // If a blank line next to it is repeated as well, even a short line is not a coincidence.
    let is_apart = |side: Option<&String>, pair: Option<&[(usize, &str)]>| {
        side.is_some_and(|line| line.trim().is_empty())
            && pair.is_some_and(|pair| pair[0].0 + 1 < pair[1].0)
    };
    let (gap_before, gap_after) = (before.last(), after.first());
    let before = filled(before.iter().map(String::as_str));
    let after = filled(after.iter().map(String::as_str));
    let (mut head, mut tail) = (0, 0);
    let repeat = head_repeat(&lines, &own, &before);
    if is_no_chance(&lines[..repeat])
        || is_apart(gap_before, lines[repeat.saturating_sub(1)..].get(..2))
            && tells(&lines[..repeat])
    {
        head = repeat;
    }
    // The tail is looked for in what is left, so that no line is taken off twice.
    let rest = &lines[head..];
    let repeat = tail_repeat(rest, &own, &after);
    let (inner, repeated) = rest.split_at(rest.len() - repeat);
    if is_no_chance(repeated)
        || is_apart(gap_after, rest[inner.len().saturating_sub(1)..].get(..2)) && tells(repeated)
    {
        tail = repeat;
    }
    // Short files have lines that say too little each; all of them together are not a coincidence.
    if let Some((all_before, all_after)) = is_file(&lines, &before, &after) {
        (head, tail) = (all_before, all_after);
    }
    let kept = &lines[head..lines.len() - tail];
    // An answer of nothing but repeats is left to the guards.
    let (Some((first, _)), Some((last, _))) = (kept.first(), kept.last()) else {
        return answer.to_owned();
    };
    let all: Vec<&str> = answer.split('\n').collect();
    all[*first..=*last].join("\n").trim_end().to_owned()
}

/// How many lines are before and after the selection, if the answer is the whole file: it then
/// repeats all of them, however short they are.
fn is_file(
    lines: &[(usize, &str)],
    before: &[(usize, &str)],
    after: &[(usize, &str)],
) -> Option<(usize, usize)> {
    let (head, tail) = (before.len(), after.len());
    let inner = lines.len().checked_sub(head + tail)?;
    let all: Vec<_> = before.iter().chain(after).copied().collect();
    (head > 0
        && tail > 0
        && inner > 0
        && same(&lines[..head], before)
        && same(&lines[head + inner..], after)
        && is_no_chance(&all))
    .then_some((head, tail))
}

fn tells(lines: &[(usize, &str)]) -> bool {
    lines.iter().any(|(_, line)| letters(line) > 2)
}

fn letters(line: &str) -> usize {
    line.chars().filter(|c| c.is_alphanumeric()).count()
}

/// The non-blank lines, trimmed, each with its number: models drop and add blank lines and
/// indentation when they copy.
fn filled<'a>(lines: impl Iterator<Item = &'a str>) -> Vec<(usize, &'a str)> {
    lines.map(str::trim).enumerate().filter(|(_, line)| !line.is_empty()).collect()
}

/// How many first lines of the answer are the last lines before the selection.
fn head_repeat(lines: &[(usize, &str)], own: &[(usize, &str)], before: &[(usize, &str)]) -> usize {
    let most = lines.len().min(before.len());
    // The longest repeat, as a shorter one would leave the rest of it in the code.
    let longest = (1..=most).rev().find(|&count| {
        let repeated = &before[before.len() - count..];
        // If the selection begins with the same lines, as one of several similar functions may,
        // they are its own.
        same(&lines[..count], repeated) && !same(&own[..count.min(own.len())], repeated)
    });
    longest.unwrap_or(0)
}

fn tail_repeat(lines: &[(usize, &str)], own: &[(usize, &str)], after: &[(usize, &str)]) -> usize {
    let most = lines.len().min(after.len());
    let longest = (1..=most).rev().find(|&count| {
        let repeated = &after[..count];
        let end = own.len() - count.min(own.len());
        same(&lines[lines.len() - count..], repeated) && !same(&own[end..], repeated)
    });
    longest.unwrap_or(0)
}

// The prompt has the surroundings with their indentation, and the selection without.
fn same(lines: &[(usize, &str)], repeated: &[(usize, &str)]) -> bool {
    lines.len() == repeated.len()
        && lines.iter().zip(repeated).all(|((_, line), (_, other))| line == other)
}

/// Whether lines say so much that they do not occur twice by chance. The fence around the selection
/// says nothing, and is never part of what is selected inside of it.
fn is_no_chance(lines: &[(usize, &str)]) -> bool {
    let telling = lines.iter().filter(|(_, line)| letters(line) > 2);
    telling.clone().count() >= 2
        || telling.map(|(_, line)| letters(line)).sum::<usize>() >= LETTERS_MIN
        || matches!(lines, [(_, line)] if line.starts_with("```"))
}

/// A repeat that is still in the answer: the two lines next to the selection on one side, one after
/// the other. A single line often occurs twice in similar code.
pub(super) fn remaining(rewrite: &Rewrite<'_>) -> Option<Problem> {
    let (before, after) = rewrite.around;
    let before = filled(before.iter().map(String::as_str));
    let above = &before[before.len().saturating_sub(2)..];
    let after = filled(after.iter().map(String::as_str));
    let below = &after[..after.len().min(2)];
    let has = |text: &str, pair: &[(usize, &str)]| {
        filled(text.lines()).windows(2).any(|found| same(found, pair))
    };
    let repeated = [above, below].into_iter().find(|pair| {
        pair.len() == 2
            && is_no_chance(pair)
            && has(rewrite.answer, pair)
            && !has(rewrite.original, pair)
    })?;
    let shown: String = repeated[0].1.chars().take(40).collect();
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
    fn a_short_line_is_a_repeat_as_well_and_blank_lines_hide_none() {
        check("package lo\n\nfunc f() {}", "func g() {}", &["package lo", ""], &[], "func f() {}");
        check("import os\nx = 1", "x = 0", &["import os", "", ""], &[], "x = 1");
        check(
            "from typing import List\n\n\ndef f(): pass",
            "def f(): 0",
            &["from typing import List", ""],
            &[],
            "def f(): pass",
        );
        // A blank line between them is repeated as well.
        check("# Shop\n\nnew", "old", &["# Shop", ""], &[], "new");
        check("new\n\nrun $1", "old", &[], &["", "run $1"], "new");
        // Without a blank line the same short heading may be the new text's own.
        check("# Shop\nnew", "old", &["# Shop"], &[], "# Shop\nnew");
        // The whole file.
        check("if a {\nnew\n}", "old", &["if a {"], &["}"], "if a {\nnew\n}");
        check("class A {\nint i;\nnew\n}", "old", &["class A {", "int i;"], &["}"], "new");
        // The fence that closes the block around the selection.
        check("better\n```", "good", &["```"], &["```"], "better");
    }

    #[test]
    fn what_may_be_chance_or_the_selections_own_stays() {
        check("}\nx", "y", &["a", "}"], &[], "}\nx");
        check("x = 1\nreturn", "x = 0", &[], &["return"], "x = 1\nreturn");
        check("x = 1\n}\nelse {", "x = 0", &[], &["}", "else {"], "x = 1\n}\nelse {");
        let line = "connection.send(request, timeout)";
        check(&format!("{line}\nx"), &format!("{line}\ny"), &[line], &[], &format!("{line}\nx"));
        // Nothing would be left, and an empty answer would delete the selection.
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
                is_told_flaws: false,
            })
        };
        assert!(repeats("x", "y\nimport os\nimport sys\nx").is_some());
        assert_eq!(repeats("x", "import sys\nx"), None);
        assert_eq!(repeats("import os\nimport sys", "import os\nimport sys\nx"), None);
    }
}
