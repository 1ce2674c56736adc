//! What an edit changes, as runs of lines and as a unified diff.
//!
//! Only the edit's own lines are compared, so no hunk ever reaches outside of them. Lines are
//! compared with their ends.

use std::fmt::Write;
use std::ops::Range;

use imara_diff::{Algorithm, Diff, InternedInput};

/// Unchanged lines shown around a change, as in `git diff`.
const CONTEXT_LINES: usize = 3;

/// One changed run, as 0-based ranges of the old and the new document's lines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Change {
    old: Range<usize>,
    new: Range<usize>,
}

impl Change {
    pub(crate) fn sides(&self) -> (Range<usize>, Range<usize>) {
        (self.old.clone(), self.new.clone())
    }
}

/// Compares two versions of a document that differ only within the `edited` lines of the old one.
/// Comparing the whole would let a diff move a change to equal lines outside of the edit, where
/// nothing may be kept or dropped.
pub(crate) fn changes(old: &str, new: &str, edited: Range<usize>) -> Vec<Change> {
    let (old, new) = (split(old), split(new));
    // What is behind the edited lines is the same in both. So where they end in the new text is
    // counted from its end, since nobody says how many lines the edit has added.
    let after = old.len().saturating_sub(edited.end);
    let old_part = &old[edited.start.min(old.len())..edited.end.min(old.len())];
    let new_part = &new[edited.start.min(new.len())
        ..new.len().saturating_sub(after).max(edited.start.min(new.len()))];
    let mut input = InternedInput::default();
    input.update_before(old_part.iter().copied());
    input.update_after(new_part.iter().copied());
    let mut diff = Diff::compute(Algorithm::Histogram, &input);
    diff.postprocess_lines(&input);
    let shift =
        |range: Range<u32>| range.start as usize + edited.start..range.end as usize + edited.start;
    diff.hunks().map(|hunk| Change { old: shift(hunk.before), new: shift(hunk.after) }).collect()
}

/// Writes the difference between two texts as `git diff` does; empty without one.
#[must_use]
pub fn unified_diff(path: &str, old: &str, new: &str) -> String {
    let all = 0..split(old).len();
    unified(path, old, new, &changes(old, new, all))
}

/// Writes changes as `git diff` does; empty without changes. An absolute path is written relative
/// to the root, so that `git apply` there, or `patch -p1 -d /`, takes it.
pub(crate) fn unified(path: &str, old: &str, new: &str, changes: &[Change]) -> String {
    let mut text = String::new();
    if changes.is_empty() {
        return text;
    }
    let (old, new) = (split(old), split(new));
    let path = path.trim_start_matches('/');
    put(&mut text, format_args!("--- {}\n+++ {}\n", name("a", path), name("b", path)));
    let mut rest = changes;
    while !rest.is_empty() {
        // As `git diff` does: two changes whose context would meet are one hunk.
        let near = |pair: &[Change]| pair[1].old.start - pair[0].old.end <= 2 * CONTEXT_LINES;
        let together = 1 + rest.windows(2).take_while(|pair| near(pair)).count();
        let (group, others) = rest.split_at(together);
        write_group(&mut text, &old, &new, group);
        rest = others;
    }
    text
}

/// A file's name on one side, as `git` writes and reads it: in quotes if something in it would end
/// the line or the name, and with a tab after a name that a date might seem to follow.
fn name(side: &str, path: &str) -> String {
    if !path.contains(|c: char| c.is_ascii_control() || matches!(c, '"' | '\\')) {
        let end = if path.contains(' ') { "\t" } else { "" };
        return format!("{side}/{path}{end}");
    }
    let mut quoted = format!("\"{side}/");
    for c in path.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            '\n' => quoted.push_str("\\n"),
            '\r' => quoted.push_str("\\r"),
            '\t' => quoted.push_str("\\t"),
            c if c.is_ascii_control() => put(&mut quoted, format_args!("\\{:03o}", u32::from(c))),
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

fn write_group(text: &mut String, old: &[&str], new: &[&str], group: &[Change]) {
    let (first, last) = (&group[0], &group[group.len() - 1]);
    // One number for both sides, as they agree up to the first change.
    let lead = first.old.start.min(CONTEXT_LINES);
    let trail = (old.len() - last.old.end).min(CONTEXT_LINES);
    let head = |start: usize, end: usize| match end - start {
        // An empty side is given by the line before it.
        0 => format!("{start},0"),
        1 => format!("{}", start + 1),
        length => format!("{},{length}", start + 1),
    };
    put(
        text,
        format_args!(
            "@@ -{} +{} @@\n",
            head(first.old.start - lead, last.old.end + trail),
            head(first.new.start - lead, last.new.end + trail)
        ),
    );
    let mut at = first.old.start - lead;
    for change in group {
        write_lines(text, ' ', &old[at..change.old.start]);
        write_lines(text, '-', &old[change.old.clone()]);
        write_lines(text, '+', &new[change.new.clone()]);
        at = change.old.end;
    }
    write_lines(text, ' ', &old[at..last.old.end + trail]);
}

fn write_lines(text: &mut String, sign: char, lines: &[&str]) {
    for line in lines {
        put(text, format_args!("{sign}{line}"));
        if !line.ends_with('\n') {
            text.push_str("\n\\ No newline at end of file\n");
        }
    }
}

fn put(text: &mut String, what: std::fmt::Arguments<'_>) {
    text.write_fmt(what).expect("a String takes all that is written to it");
}

/// Lines with their ends, as `diff` counts them: without an empty one after the last end.
fn split(text: &str) -> Vec<&str> {
    text.split_inclusive('\n').collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(old: &str, new: &str, edited: Range<usize>, expected: &str) {
        let changes = changes(old, new, edited);
        assert_eq!(unified("src/a.py", old, new, &changes), expected);
    }

    #[test]
    fn a_change_is_shown_with_three_lines_round_it() {
        let expected = "--- a/src/a.py\n+++ b/src/a.py\n@@ -2,7 +2,8 @@\n 2\n 3\n 4\n-5\n+five\n+FIVE\n 6\n 7\n 8\n";
        check(
            "1\n2\n3\n4\n5\n6\n7\n8\n9\n",
            "1\n2\n3\n4\nfive\nFIVE\n6\n7\n8\n9\n",
            4..5,
            expected,
        );
    }

    #[test]
    fn near_changes_share_a_group_and_far_ones_do_not() {
        let numbers = |changed: &[u32]| -> String {
            (1..=20)
                .map(|n| if changed.contains(&n) { format!("x{n}\n") } else { format!("{n}\n") })
                .collect()
        };
        let groups = |changed: &[u32]| {
            let (old, new) = (numbers(&[]), numbers(changed));
            unified("a", &old, &new, &changes(&old, &new, 0..20)).matches("@@ -").count()
        };
        assert_eq!(groups(&[3, 10]), 1);
        assert_eq!(groups(&[3, 11]), 2);
    }

    #[test]
    fn a_missing_last_line_end_is_said_on_the_side_that_misses_it() {
        let mark = "\\ No newline at end of file\n";
        check(
            "a",
            "b",
            0..1,
            &format!("--- a/src/a.py\n+++ b/src/a.py\n@@ -1 +1 @@\n-a\n{mark}+b\n{mark}"),
        );
        check(
            "a\nb",
            "x\nb",
            0..1,
            &format!("--- a/src/a.py\n+++ b/src/a.py\n@@ -1,2 +1,2 @@\n-a\n+x\n b\n{mark}"),
        );
        check("a", "a", 0..1, "");
    }

    #[test]
    fn changes_say_where_old_and_new_lines_are() {
        let sides = |old: &str, new: &str, edited| -> Vec<_> {
            changes(old, new, edited).iter().map(Change::sides).collect()
        };
        assert_eq!(sides("a\nb\nc\n", "a\nx\nb\nc\n", 0..3), [(1..1, 1..2)]);
        assert_eq!(sides("a\nb\nc\nd\n", "a\nc\ny\n", 0..4), [(1..2, 1..1), (3..4, 2..3)]);
    }

    proptest! {
        #[test]
        fn hunks_rebuild_the_new_document(
            head in "([ab]\n){0,3}", old in "([a-c]\n){0,6}", new in "([a-c]\n){0,6}", tail in "([ab]\n){0,3}[ab]?",
        ) {
            let before = format!("{head}{old}{tail}");
            let after = format!("{head}{new}{tail}");
            let start = head.lines().count();
            let edited = start..start + old.lines().count();
            let (old_lines, new_lines) = (split(&before), split(&after));
            let mut rebuilt = String::new();
            let mut at = 0;
            for change in changes(&before, &after, edited.clone()) {
                prop_assert!(edited.start <= change.old.start && change.old.end <= edited.end);
                rebuilt.extend(old_lines[at..change.old.start].iter().copied());
                rebuilt.extend(new_lines[change.new.clone()].iter().copied());
                at = change.old.end;
            }
            rebuilt.extend(old_lines[at..].iter().copied());
            prop_assert_eq!(rebuilt, after);
        }
    }
}
