//! Indentation and line ends: taken off before the model sees the selection, put back on its
//! answer.
//!
//! Small models copy deep indentation badly, so they get none. Nothing is lost: an answer that
//! repeats the selection restores every byte of it.

use imara_diff::{Algorithm, Diff, InternedInput};

use crate::document::{Line, usual_end};

/// How far beyond the lines already written the next old line is searched for: more lines are
/// seldom removed at once, and a distant one may match by chance.
const LOOK_AHEAD_LINES: usize = 6;

#[derive(Debug, Clone)]
pub(crate) struct Dedented {
    /// The lines without their common indentation, joined with `\n`; blank lines are empty.
    pub(crate) text: String,
    base: String,
    /// The selection's lines with their ends; the last one has none.
    original: Vec<(String, String)>,
    end: &'static str,
    unit: Unit,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Unit {
    Tab,
    Spaces(usize),
    Unknown,
}

impl Dedented {
    /// Takes the common indentation off `selection`, which are lines of `document`.
    pub(crate) fn new(selection: &[Line<'_>], document: &[Line<'_>]) -> Self {
        let mut texts = selection.iter().filter(|line| !line.is_blank()).map(|line| line.text);
        let base = texts.next().map_or("", white_space);
        let base = texts.fold(base, |base, text| &base[..common(base, text)]);
        let shown = |line: &Line<'_>| match line.is_blank() {
            true => String::new(),
            false => line.text[base.len()..].to_owned(),
        };
        let last = selection.len().saturating_sub(1);
        Self {
            text: selection.iter().map(shown).collect::<Vec<_>>().join("\n"),
            base: base.to_owned(),
            original: selection
                .iter()
                .enumerate()
                .map(|(at, line)| {
                    (line.text.to_owned(), if at == last { "" } else { line.end }.to_owned())
                })
                .collect(),
            // The selection's own line ends first: a file may be mixed, and its parts need not.
            end: usual_end(&selection[..last]).or_else(|| usual_end(document)).unwrap_or("\n"),
            unit: unit(selection, document),
        }
    }

    /// An empty line, as the place of new code.
    pub(crate) fn gap(row: usize, document: &[Line<'_>]) -> Self {
        let line = document[row];
        let base = match line.text {
            // White space that somebody has typed in the line says where the code is to go.
            "" => indentation_at(row, document),
            typed => white_space(typed).to_owned(),
        };
        Self { base, ..Self::new(&[line], document) }
    }

    pub(crate) fn original(&self) -> String {
        self.original.iter().map(|(text, end)| format!("{text}{end}")).collect()
    }

    /// Puts indentation and line ends back on an answer, which has `\n` and no blank lines at
    /// either end. Unchanged lines get back exactly the bytes they had.
    pub(crate) fn restore(&self, answer: &str) -> String {
        let answer = self.normalize(answer);
        let old = self.original.iter().map(|(text, _)| text.as_str());
        let old: Vec<_> = old.map(|text| if text.trim().is_empty() { "" } else { text }).collect();
        let new: Vec<_> = answer.iter().map(String::as_str).collect();
        // Which lines are unchanged is found by a diff, so that a line with odd white space at its
        // end, or another line end, keeps it.
        let kept = unchanged(&old, &new);
        let mut restored = String::new();
        for (at, line) in answer.iter().enumerate() {
            let known = kept[at].map(|old| &self.original[old]);
            restored.push_str(known.map_or(line, |(text, _)| text));
            if at + 1 < answer.len() {
                let end = known.map(|(_, end)| end.as_str()).filter(|end| !end.is_empty());
                restored.push_str(end.unwrap_or(self.end));
            }
        }
        restored
    }

    /// [`Self::restore`] for the first lines of an answer, followed by those lines of the selection
    /// that it has not reached yet.
    pub(crate) fn restore_so_far(&self, answer: &str) -> String {
        let written = self.normalize(answer);
        let near = (written.len() + LOOK_AHEAD_LINES).min(self.original.len());
        let old = self.original[..near].iter().map(|(text, _)| text.as_str());
        let old: Vec<_> = old.map(|text| if text.trim().is_empty() { "" } else { text }).collect();
        let new: Vec<_> = written.iter().map(String::as_str).collect();
        let kept = unchanged(&old, &new);
        let reached = kept.iter().flatten().max().map_or(0, |last| last + 1);
        let mut text = self.restore(answer);
        for (at, (line, _)) in self.original.iter().enumerate().skip(reached) {
            let end = at.checked_sub(1).map(|before| self.original[before].1.as_str());
            text.push_str(end.filter(|end| !end.is_empty()).unwrap_or(self.end));
            text.push_str(line);
        }
        text
    }

    /// The answer's lines with the selection's base indentation and kind of white space.
    fn normalize(&self, answer: &str) -> Vec<String> {
        let mut lines: Vec<String> = answer
            .split('\n')
            .map(|line| if line.trim().is_empty() { String::new() } else { line.to_owned() })
            .collect();
        // Tabs or blanks are put right first, since what is common to all lines is counted in
        // bytes.
        convert(&mut lines, self.unit, &self.text);
        let surplus = common_of(&lines);
        strip(&mut lines, surplus.unwrap_or(0));
        if let Some(extra) = self.hanging(&lines) {
            strip(&mut lines[1..], extra);
        }
        for line in lines.iter_mut().filter(|line| !line.is_empty()) {
            line.insert_str(0, &self.base);
        }
        lines
    }

    /// By how much all lines but the first are indented too deeply. It happens because the text
    /// before the answer already includes the first line's indentation, while the model writes the
    /// others as they are in the file.
    fn hanging(&self, lines: &[String]) -> Option<usize> {
        if self.base.is_empty() {
            return None;
        }
        let wanted = common_of(self.text.split('\n').skip(1));
        let found = common_of(lines.iter().skip(1));
        // Exactly the base, no more: any other depth may be what the code needs.
        (wanted? + self.base.len() == found?).then_some(self.base.len())
    }
}

fn white_space(text: &str) -> &str {
    &text[..text.len() - text.trim_start_matches([' ', '\t']).len()]
}

/// The indentation for code in an empty line: if a line before it opens a block, the block's;
/// otherwise that of the less indented neighbor, since a block may end there.
fn indentation_at(row: usize, document: &[Line<'_>]) -> String {
    let is_filled = |line: &&Line<'_>| !line.is_blank();
    let before = document[..row].iter().rfind(is_filled).map_or("", |line| line.text.trim_end());
    let after = document[row + 1..].iter().find(is_filled).map_or("", |line| line.text);
    let (before, opens) = (white_space(before), before.ends_with([':', '{', '(', '[']));
    if opens {
        let step = match unit(&[], document) {
            Unit::Tab => "\t".to_owned(),
            Unit::Spaces(count) => " ".repeat(count),
            Unit::Unknown => " ".repeat(4),
        };
        return before.to_owned() + &step;
    }
    let after = white_space(after);
    (if after.len() < before.len() { after } else { before }).to_owned()
}

fn common(white: &str, text: &str) -> usize {
    white.bytes().zip(text.bytes()).take_while(|(a, b)| a == b).count()
}

/// How many bytes of white space all lines share at their beginning; `None` without lines.
fn common_of<S: AsRef<str>>(lines: impl IntoIterator<Item = S>) -> Option<usize> {
    let lines: Vec<S> = lines.into_iter().filter(|line| !line.as_ref().trim().is_empty()).collect();
    let first = white_space(lines.first()?.as_ref());
    Some(lines.iter().fold(first.len(), |length, line| length.min(common(first, line.as_ref()))))
}

fn strip(lines: &mut [String], length: usize) {
    for line in lines.iter_mut().filter(|line| !line.is_empty()) {
        line.drain(..length);
    }
}

/// What these lines, or else the whole document, are indented with.
fn unit(selection: &[Line<'_>], document: &[Line<'_>]) -> Unit {
    for lines in [selection, document] {
        let indents =
            || lines.iter().filter(|line| !line.is_blank()).map(|line| white_space(line.text));
        let tabs = indents().filter(|white| white.starts_with('\t')).count();
        let spaces = indents().filter(|white| white.starts_with(' ')).count();
        if tabs > 0 && spaces == 0 {
            return Unit::Tab;
        }
        if spaces > 0 && tabs == 0 {
            return Unit::Spaces(step(indents().map(str::len)));
        }
        // Mixed in the selection: nothing is converted, and the rest of the file does not decide.
        if tabs > 0 {
            return Unit::Unknown;
        }
    }
    Unit::Unknown
}

/// The smallest indentation as one step; 4 if that says nothing.
fn step(lengths: impl Iterator<Item = usize>) -> usize {
    lengths.filter(|&length| length > 1).min().filter(|&length| length <= 8).unwrap_or(4)
}

/// Rewrites leading tabs or spaces if the model used the other kind than it was `shown`.
fn convert(lines: &mut [String], unit: Unit, shown: &str) {
    let indents: Vec<_> = lines.iter().map(|line| white_space(line)).collect();
    let only = |kind: char| {
        indents.iter().any(|white| !white.is_empty())
            && indents.iter().all(|white| white.chars().all(|c| c == kind))
            // What the model was shown with this kind of white space it may write so.
            && !shown.split('\n').any(|line| line.starts_with(kind))
    };
    match unit {
        Unit::Tab if only(' ') => {
            let width = step(indents.iter().map(|white| white.len()));
            for line in lines.iter_mut() {
                let spaces = white_space(line).len();
                // What is left over of a step aligns a continued line and stays.
                line.replace_range(..spaces / width * width, &"\t".repeat(spaces / width));
            }
        }
        Unit::Spaces(width) if only('\t') => {
            for line in lines.iter_mut() {
                let tabs = white_space(line).len();
                line.replace_range(..tabs, &" ".repeat(tabs * width));
            }
        }
        _ => {}
    }
}

/// For each new line, the index of the old line that it is, if it did not change.
fn unchanged(old: &[&str], new: &[&str]) -> Vec<Option<usize>> {
    let mut input = InternedInput::default();
    input.update_before(old.iter().copied());
    input.update_after(new.iter().copied());
    // `diff` has no list of what stayed; of both sides the lines that are left are the same, in the
    // same order.
    let diff = Diff::compute(Algorithm::Histogram, &input);
    let mut kept_old = (0..old.len()).filter(|&at| !diff.is_removed(at as u32));
    (0..new.len()).map(|at| if diff.is_added(at as u32) { None } else { kept_old.next() }).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::document::lines;

    fn dedent(selection: &str) -> Dedented {
        Dedented::new(&lines(selection), &lines(selection))
    }

    #[track_caller]
    fn check(selection: &str, shown: &str, answer: &str, restored: &str) {
        let dedented = dedent(selection);
        assert_eq!(dedented.text, shown, "shown to the model");
        assert_eq!(dedented.restore(answer), restored, "restored");
    }

    #[test]
    fn the_common_indentation_goes_and_comes_back() {
        check("    a\n      b", "a\n  b", "a\n  c\n", "    a\n      c\n");
        check("\ta\n\t\tb", "a\n\tb", "a\n\tc", "\ta\n\t\tc");
        check("  a\n\tb", "  a\n\tb", "  a\n\tc", "  a\n\tc");
        check("a\r\nb", "a\nb", "a\nx\nb", "a\r\nx\r\nb");
    }

    #[test]
    fn blank_lines_keep_the_white_space_they_had_and_new_ones_get_none() {
        check("  a\n   \n  b", "a\n\nb", "a\n\nb\n\nc", "  a\n   \n  b\n\n  c");
    }

    #[test]
    fn each_line_of_a_mixed_document_keeps_its_end() {
        check("a\r\nb\nc\r\nd", "a\nb\nc\nd", "a\nb\nx\nc\nd", "a\r\nb\nx\r\nc\r\nd");
    }

    #[test]
    fn an_answer_with_indentation_of_its_own_is_moved_to_where_the_selection_was() {
        check("    a\n      b", "a\n  b", "  a\n    c", "    a\n      c");
        let method = "    def f(self):\n        return 1";
        check(
            method,
            "def f(self):\n    return 1",
            "def f(self):\n        return 2",
            "    def f(self):\n        return 2",
        );
    }

    #[test]
    fn the_other_kind_of_white_space_becomes_the_documents_own() {
        check("\tif a:\n\t\tb()", "if a:\n\tb()", "if a:\n    c()", "\tif a:\n\t\tc()");
        check("  if a:\n    b()", "if a:\n  b()", "if a:\n\tc()", "  if a:\n    c()");
    }

    proptest! {
        #[test]
        fn repeating_the_selection_restores_every_byte(
            text in "([ \t]{0,4}[a-c(]{0,3}[ \t]{0,2}(\n|\r\n)){0,8}[ \t]{0,3}[a-c]{1,3}",
        ) {
            let dedented = dedent(&text);
            prop_assert_eq!(dedented.restore(&dedented.text), text);
        }

        #[test]
        fn any_answer_can_be_restored(text in "([ \t]{0,4}[a-c]{0,2}\n){0,5}[a-c]", answer in "[ \ta-c\r\n]{0,40}") {
            dedent(&text).restore(&answer);
        }
    }
}
