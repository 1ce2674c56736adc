//! A place between two characters of a document, and the code on both sides of it.

use localcoder_protocol::{DocumentText, GhostText, Position, Silence};

use crate::document::{lines, usual_end};
use crate::errors::AssistError;
use crate::language::{Language, file_name};

/// Text after the cursor that does not count as the rest of its line: what an editor closes by
/// itself, [`REST_CHARS_MAX`] characters of it at most.
const CLOSERS: &str = ")]}>\"'`;,:";
pub(super) const BLANKS: [char; 2] = [' ', '\t'];
const REST_CHARS_MAX: usize = 8;

/// A place in a document. Line ends are `\n` here, whatever the document has; `line_end` is the
/// document's own, for what is shown.
#[derive(Debug, Clone)]
pub(super) struct Gap {
    pub(super) path: String,
    pub(super) language: &'static Language,
    pub(super) before: String,
    pub(super) after: String,
    pub(super) line_end: &'static str,
}

impl Gap {
    pub(super) fn new(document: &DocumentText, position: Position) -> Result<Self, AssistError> {
        let all = lines(&document.text);
        // Lines come counted from 1; a client that sends 0 is told that there is no such line.
        let row = position.line.checked_sub(1).and_then(|row| usize::try_from(row).ok());
        let Some(line) = row.and_then(|row| all.get(row)) else {
            let (line, name) = (position.line, file_name(&document.path).to_owned());
            return Err(AssistError::NoLine { name, line, total: all.len() });
        };
        let at = byte_of(line.text, position.character);
        let text = |lines: &[crate::document::Line<'_>]| -> String {
            let texts: Vec<&str> = lines.iter().map(|line| line.text).collect();
            texts.join("\n")
        };
        let row = row.unwrap_or(0);
        let mut before = text(&all[..row]);
        if row > 0 {
            before.push('\n');
        }
        before.push_str(&line.text[..at]);
        let mut after = line.text[at..].to_owned();
        if row + 1 < all.len() {
            after.push('\n');
            after.push_str(&text(&all[row + 1..]));
        }
        Ok(Self {
            path: document.path.clone(),
            language: Language::of(document.language_id.as_deref(), &document.path),
            before,
            after,
            line_end: usual_end(&all).unwrap_or("\n"),
        })
    }

    /// The place after a suggestion was taken, from which the next one is computed ahead.
    pub(super) fn accepting(&self, suggestion: &GhostText) -> Self {
        let mut before = self.before.clone();
        before.push_str(&suggestion.text.replace("\r\n", "\n"));
        Self { before, after: self.behind(suggestion.replaces).to_owned(), ..self.clone() }
    }

    pub(super) fn behind(&self, units: u32) -> &str {
        &self.after[byte_of(&self.after, units)..]
    }

    pub(super) fn texts(&self) -> [&str; 2] {
        [&self.before, &self.after]
    }

    pub(super) fn line_before(&self) -> &str {
        self.before.rsplit('\n').next().unwrap_or_default()
    }

    /// Blanks between the last written character of the cursor's line and the cursor; none in a
    /// line that is not begun yet, whose blanks are its indentation.
    pub(super) fn blanks(&self) -> &str {
        let line = self.line_before();
        let written = line.trim_end_matches(BLANKS);
        if written.is_empty() { "" } else { &line[written.len()..] }
    }

    pub(super) fn rest(&self) -> &str {
        self.after.split('\n').next().unwrap_or_default()
    }

    /// Why nothing is suggested here unasked; a user who asks is refused only an empty document.
    pub(super) fn silence(&self, explicit: bool) -> Option<Silence> {
        let is_word = |c: char| c.is_alphanumeric() || c == '_';
        let (last, next) = (self.before.chars().next_back(), self.after.chars().next());
        let rest = self.rest().trim();
        if self.before.trim().is_empty() && self.after.trim().is_empty() {
            Some(Silence::NoText)
        } else if explicit {
            None
        } else if last.is_some_and(is_word) && next.is_some_and(is_word) {
            Some(Silence::MidWord)
        } else if rest.chars().count() > REST_CHARS_MAX
            || !rest.chars().all(|c| CLOSERS.contains(c))
        {
            Some(Silence::InLine)
        } else {
            None
        }
    }
}

/// The byte offset of this many UTF-16 units: at most the length, and never within a character.
fn byte_of(text: &str, units: u32) -> usize {
    let mut left = usize::try_from(units).unwrap_or(usize::MAX);
    for (at, c) in text.char_indices() {
        // A place within a surrogate pair, which only a client's mistake can be, becomes the one
        // before the character.
        if left < c.len_utf16() {
            return at;
        }
        left -= c.len_utf16();
    }
    text.len()
}
