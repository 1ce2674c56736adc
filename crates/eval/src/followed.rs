//! Whether a next edit is the one that follows.

use std::ops::Range;

use localcoder_protocol::{DocumentText, NextEdit, RecentEdit};

use crate::next_edit::NextEditTask;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Followed {
    /// It changes lines that one of the right next edits changes.
    pub place: bool,
    /// The file that results is one of those given, but for blanks at the ends of lines.
    pub text: bool,
}

impl NextEditTask {
    #[must_use]
    pub fn language(&self) -> &str {
        let ending = self.file.rsplit('.').next().unwrap_or_default();
        match ending {
            // The others are languages whose files end with their name.
            "py" => "python",
            "ts" | "tsx" => "typescript",
            "js" => "javascript",
            "rs" => "rust",
            "md" => "markdown",
            "yml" => "yaml",
            other => other,
        }
    }

    #[must_use]
    pub fn document(&self) -> DocumentText {
        DocumentText { path: self.file.clone(), language_id: None, text: self.after().to_owned() }
    }

    /// The edits as an editor reports them, oldest first: the lines that each has changed, which
    /// are whole lines even where a word was.
    #[must_use]
    pub fn edits(&self) -> Vec<RecentEdit> {
        let steps = self.texts.windows(2);
        let last = steps.len().saturating_sub(1);
        let edit = |(at, step): (usize, &[String])| {
            let (before, after) = (lines(&step[0]), lines(&step[1]));
            let (old, new) = difference(&before, &after);
            let line = u32::try_from(new.start + 1).unwrap_or(u32::MAX);
            RecentEdit {
                path: self.file.clone(),
                before: before[old].join("\n"),
                after: after[new].join("\n"),
                // Where the earlier ones are by now is not known.
                line: (at == last).then_some(line),
            }
        };
        steps.enumerate().map(edit).collect()
    }

    /// Judges a next edit, made in the document after the last edit. Files are compared, not texts
    /// of edits: the same change may be given with more or fewer unchanged lines around it.
    #[must_use]
    pub fn judge(&self, edit: &NextEdit) -> Followed {
        let now = lines(self.after());
        // The range is from outside: one that is not in the document is cut to it, so that it is
        // wrong rather than a panic.
        let start = (edit.range.start as usize).saturating_sub(1).min(now.len());
        let end = (edit.range.end as usize).clamp(start, now.len());
        let mut edited = now.clone();
        edited.splice(start..end, edit.replacement.split('\n'));
        let (rows, _) = difference(&now, &edited);
        let touches = |right: &String| {
            let (theirs, _) = difference(&now, &lines(right));
            // A pure insertion has an empty range; it counts as one line, or it would touch
            // nothing.
            rows.start < theirs.end.max(theirs.start + 1)
                && theirs.start < rows.end.max(rows.start + 1)
        };
        let plain = |lines: &[&str]| -> Vec<String> {
            lines.iter().map(|line| line.trim_end().to_owned()).collect()
        };
        let edited = plain(&edited);
        Followed {
            place: self.right.iter().any(touches),
            text: self.right.iter().any(|right| plain(&lines(right)) == edited),
        }
    }
}

fn lines(text: &str) -> Vec<&str> {
    text.split('\n').collect()
}

/// The lines of both that are between their common beginning and end. Several changes far apart
/// make one long range.
fn difference(before: &[&str], after: &[&str]) -> (Range<usize>, Range<usize>) {
    let most = before.len().min(after.len());
    let head = before.iter().zip(after).take_while(|(one, other)| one == other).count();
    let ends = before.iter().rev().zip(after.iter().rev());
    // What is in the common beginning can't be in the common end as well, where lines repeat.
    let tail = ends.take(most - head).take_while(|(one, other)| one == other).count();
    (head..before.len() - tail, head..after.len() - tail)
}

#[cfg(test)]
mod tests {
    use localcoder_protocol::{FollowsFrom, LineRange, Position};

    use super::*;
    use crate::next_edit::NextEditKind;

    fn task() -> NextEditTask {
        NextEditTask {
            id: "a/b".to_owned(),
            kind: NextEditKind::Rename,
            file: "a.py".to_owned(),
            texts: vec!["n = 1\nf(n)\ng(n)\n".to_owned(), "m = 1\nf(n)\ng(n)\n".to_owned()],
            cursor: Position { line: 1, character: 1 },
            diagnostics: Vec::new(),
            right: vec!["m = 1\nf(m)\ng(n)\n".to_owned(), "m = 1\nf(m)\ng(m)\n".to_owned()],
        }
    }

    fn judged(start: u32, replacement: &str) -> (bool, bool) {
        let edit = NextEdit {
            range: LineRange { start, end: start },
            original: String::new(),
            replacement: replacement.to_owned(),
            because: FollowsFrom::Rename,
        };
        let Followed { place, text } = task().judge(&edit);
        (place, text)
    }

    #[test]
    fn an_edit_is_right_by_its_place_and_by_what_it_leaves() {
        assert_eq!(judged(2, "f(m)"), (true, true));
        assert_eq!(judged(2, "f(x)"), (true, false));
        assert_eq!(judged(1, "x = 1"), (false, false));
        assert_eq!(judged(3, "g(m)"), (true, false), "not before the other");
    }

    #[test]
    fn edits_are_told_by_their_lines() {
        let edits = task().edits();
        let [RecentEdit { before, after, line, .. }] = edits.as_slice() else { panic!("one") };
        assert_eq!((before.as_str(), after.as_str(), *line), ("n = 1", "m = 1", Some(1)));
    }
}
