//! What the user recently changed in a file, line by line, the newest first.

use std::ops::Range;

use localcoder_protocol::RecentEdit;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Change {
    /// The lines as they were; empty if lines were only inserted.
    pub(super) before: Vec<String>,
    /// The rows (from 0) of the lines as they are now; empty if lines were only removed.
    pub(super) rows: Range<usize>,
}

impl Change {
    /// The old line and the row of the new one, if one line was changed into one.
    pub(super) fn line(&self) -> Option<(&str, usize)> {
        match self.before.as_slice() {
            [before] if self.rows.len() == 1 => Some((before, self.rows.start)),
            _ => None,
        }
    }
}

/// The changes of one edit. `all`: the document's lines; `cursor`: the row of the cursor, which
/// decides between places that read the same if the edit does not give its line.
pub(super) fn of(edit: &RecentEdit, all: &[String], cursor: usize) -> Vec<Change> {
    let split = |text: &str| -> Vec<String> {
        let lines = text.split('\n').map(|line| line.strip_suffix('\r').unwrap_or(line).to_owned());
        if text.is_empty() { Vec::new() } else { lines.collect() }
    };
    let (before, after) = (split(&edit.before), split(&edit.after));
    let told = edit.line.and_then(|line| usize::try_from(line).ok()?.checked_sub(1));
    let stands = |at: &usize| all.get(*at..*at + after.len()).is_some_and(|it| it == after);
    let found = || {
        let starts = (0..all.len()).filter(stands);
        starts.min_by_key(|at| at.abs_diff(cursor)).filter(|_| !after.is_empty())
    };
    // The line that the edit gives may be outdated by edits above it, so it counts only if the text
    // is there.
    let Some(start) = told.filter(stands).or_else(found) else { return Vec::new() };
    // As many lines as before: each changed line is a change of its own, whose old line is known.
    if before.len() == after.len() {
        let pairs = before.into_iter().zip(&after).enumerate();
        let changed = pairs.filter(|(_, (one, other))| one != *other);
        return changed
            .map(|(at, (before, _))| Change {
                before: vec![before],
                rows: start + at..start + at + 1,
            })
            .collect();
    }
    // What is common at both ends may overlap, as where one of two equal lines was added.
    let most = before.len().min(after.len());
    let head = before.iter().zip(&after).take_while(|(one, other)| one == other).count();
    let ends = before.iter().rev().zip(after.iter().rev());
    let tail = ends.take(most - head).take_while(|(one, other)| one == other).count();
    vec![Change {
        before: before[head..before.len() - tail].to_vec(),
        rows: start + head..start + after.len() - tail,
    }]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn changes(before: &str, after: &str, line: Option<u32>, all: &str) -> Vec<Change> {
        let edit = RecentEdit {
            path: "a.py".to_owned(),
            before: before.to_owned(),
            after: after.to_owned(),
            line,
        };
        let all: Vec<String> = all.lines().map(str::to_owned).collect();
        of(&edit, &all, 0)
    }

    #[test]
    fn lines_that_stayed_are_no_change() {
        let found = changes("a\nb\nc", "A\nb\nC", Some(2), "x\nA\nb\nC\n");
        let of = |before: &str, rows| Change { before: vec![before.to_owned()], rows };
        assert_eq!(found, [of("a", 1..2), of("c", 3..4)]);
    }

    #[test]
    fn lines_put_in_and_taken_out_have_their_place() {
        let put_in = changes("a", "a\nb", Some(1), "a\nb\nc\n");
        assert_eq!(put_in, [Change { before: Vec::new(), rows: 1..2 }]);
        let taken_out = changes("a\nb", "", Some(2), "x\ny\n");
        assert_eq!(taken_out, [Change { before: vec!["a".into(), "b".into()], rows: 1..1 }]);
    }

    #[test]
    fn a_place_that_is_not_told_is_found_by_what_stands_there() {
        assert_eq!(changes("a", "b", None, "x\nb\n")[0].rows, 1..2);
        // If the given place no longer reads like that, it is searched for.
        assert_eq!(changes("a", "b", Some(1), "x\nb\n")[0].rows, 1..2);
        assert_eq!(changes("a", "b", None, "x\ny\n"), []);
        assert_eq!(changes("a", "", None, "x\ny\n"), [], "it may have stood anywhere");
    }
}
