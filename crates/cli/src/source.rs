//! The source file that a command works on: read as text, and written back as a whole or not at
//! all.

use std::path::{Component, Path, PathBuf};

use localcoder_assist::{check_text, unified_diff};
use localcoder_disk::{Kind, ReadError, RewriteError, Stamp, read, recovery_copy, rewrite};
use localcoder_protocol::{
    DOCUMENT_BYTES_MAX, DocumentText, Edit, ErrorCode, ErrorInfo, LineRange,
};

use crate::failure::explained;

/// A source file as it was read: the text without a byte order mark, and what is needed to notice
/// that the file has changed since.
pub(crate) struct SourceFile {
    path: PathBuf,
    seen: Stamp,
    byte_order_mark: bool,
    pub(crate) document: DocumentText,
}

impl SourceFile {
    pub(crate) fn read(path: &Path) -> Result<Self, ErrorInfo> {
        let shown = path.display().to_string();
        let contents =
            read(path, DOCUMENT_BYTES_MAX as u64).map_err(|error| unread(path, &error))?;
        let text = check_text(&shown, &contents.bytes)?;
        Ok(Self {
            path: path.to_owned(),
            seen: contents.stamp,
            byte_order_mark: text.byte_order_mark,
            document: DocumentText {
                path: in_a_diff(path),
                language_id: None,
                text: text.text.to_owned(),
            },
        })
    }

    /// The diff of edits that belong together, in a form that `git apply` takes. `without_mark` is
    /// the diff of the text that the host got.
    pub(crate) fn diff(&self, edits: &[&Edit], without_mark: &str) -> Result<String, ErrorInfo> {
        if !self.byte_order_mark {
            return Ok(without_mark.to_owned());
        }
        // The byte order mark is not part of the text that the host got; it belongs to the first
        // line.
        let (changed, _) = localcoder_assist::apply_all(&self.document, edits)?;
        let [before, after] = [&self.document.text, &changed].map(|text| format!("\u{feff}{text}"));
        Ok(unified_diff(&self.document.path, &before, &after))
    }

    /// Checks that nothing prevents a change, before a model works for nothing: after a write that
    /// was cut short there is a copy of the file, which another change would overwrite.
    pub(crate) fn check_before_a_change(&self) -> Result<(), ErrorInfo> {
        match recovery_copy(&self.path) {
            Some(copy) => Err(self.unwritten(&RewriteError::Interrupted(copy))),
            None => Ok(()),
        }
    }

    /// Applies edits that belong together to the file as it is now; returns where the first of them
    /// was.
    pub(crate) fn apply(&self, edits: &[&Edit]) -> Result<LineRange, ErrorInfo> {
        // Read again: the model has taken seconds, in which the user may have saved the file. Each
        // edit finds its place in the text as it is now, or is refused.
        let now = Self::read(&self.path)?;
        let (text, range) = localcoder_assist::apply_all(&now.document, edits)?;
        now.write(&text)?;
        Ok(range)
    }

    fn write(&self, text: &str) -> Result<(), ErrorInfo> {
        let mark = if self.byte_order_mark { "\u{feff}" } else { "" };
        let written = rewrite(&self.path, &self.seen, format!("{mark}{text}").as_bytes());
        written.map_err(|error| self.unwritten(&error))
    }

    fn unwritten(&self, error: &RewriteError) -> ErrorInfo {
        let (code, how) = match error {
            RewriteError::Changed => (ErrorCode::DocumentChanged, " and was left as it is"),
            RewriteError::Torn(..) => (ErrorCode::FileAccess, " as a whole"),
            // Only a torn write has touched it.
            _ => (ErrorCode::FileAccess, " and was left as it is"),
        };
        let message = format!("`{}` could not be written{how}", self.path.display());
        explained(ErrorInfo::new(code, message), error.cause(&self.path))
    }
}

/// The path for a diff, so that `git apply` takes it where the command was run: relative to that
/// folder, without `.` and `..`; relative to the root if the file is elsewhere.
fn in_a_diff(path: &Path) -> String {
    let up = path.components().any(|part| part == Component::ParentDir);
    let absolute = match (up, path.parent(), path.file_name()) {
        // Only the system knows what `..` means after a link.
        (true, Some(folder), Some(name)) => folder.canonicalize().map(|folder| folder.join(name)),
        _ => std::path::absolute(path),
    };
    let Ok(absolute) = absolute else { return path.display().to_string() };
    let here = std::env::current_dir().unwrap_or_default();
    absolute.strip_prefix(&here).unwrap_or(&absolute).display().to_string()
}

fn unread(path: &Path, error: &ReadError) -> ErrorInfo {
    let shown = path.display();
    let cause = error.cause(path);
    match error {
        ReadError::TooLarge { .. } | ReadError::Endless { .. } => {
            let bytes = match error {
                ReadError::TooLarge { bytes, .. } => format!("{bytes} bytes"),
                _ => "more".to_owned(),
            };
            let message =
                format!("`{shown}` has {bytes}; at most {DOCUMENT_BYTES_MAX} can be worked on");
            ErrorInfo::new(ErrorCode::DocumentTooLarge, message)
                .with_hint("split the file, or work on a part of it in a new file")
        }
        ReadError::NotAFile(kind) => {
            ErrorInfo::new(ErrorCode::FileAccess, format!("`{shown}` is {kind}"))
                .with_cause("only a regular file can be worked on")
                .with_hint("name a file")
        }
        _ if cause.kind == Kind::Missing => {
            ErrorInfo::new(ErrorCode::FileNotFound, format!("there is no file `{shown}`"))
                .with_hint(cause.hint)
        }
        _ => {
            let message = format!("`{shown}` can't be read");
            explained(ErrorInfo::new(ErrorCode::FileAccess, message), cause)
        }
    }
}
