//! The source file that a command works on: read as text, and written back as a whole or not at
//! all.

use std::io::Write;
use std::path::{Path, PathBuf};

use localcoder_assist::check_text;
use localcoder_protocol::{
    DOCUMENT_BYTES_MAX, DocumentText, Edit, ErrorCode, ErrorInfo, LineRange,
};

/// A file as it was read.
pub(crate) struct SourceFile {
    path: PathBuf,
    byte_order_mark: bool,
    pub(crate) document: DocumentText,
}

impl SourceFile {
    pub(crate) fn read(path: &Path) -> Result<Self, ErrorInfo> {
        let shown = path.display().to_string();
        let meta = fs_err::metadata(path).map_err(|error| cannot_read(&shown, &error))?;
        if meta.is_dir() {
            return Err(ErrorInfo::new(ErrorCode::FileAccess, format!("`{shown}` is a folder"))
                .with_hint("name a file"));
        }
        // Before reading: a file of gigabytes must not be read only to be refused.
        if meta.len() > DOCUMENT_BYTES_MAX as u64 {
            return Err(ErrorInfo::new(
                ErrorCode::DocumentTooLarge,
                format!(
                    "`{shown}` has {} bytes; at most {DOCUMENT_BYTES_MAX} can be worked on",
                    meta.len()
                ),
            )
            .with_hint("split the file, or work on a part of it in a new file"));
        }
        let bytes = fs_err::read(path).map_err(|error| cannot_read(&shown, &error))?;
        let text = check_text(&shown, &bytes)?;
        Ok(Self {
            // What a link points to is replaced, not the link.
            path: path.canonicalize().unwrap_or_else(|_| path.to_owned()),
            byte_order_mark: text.byte_order_mark,
            document: DocumentText {
                path: shown.clone(),
                language_id: None,
                text: text.text.to_owned(),
            },
        })
    }

    /// Applies an edit to the file as it is now; returns where.
    pub(crate) fn apply(&self, edit: &Edit) -> Result<LineRange, ErrorInfo> {
        let now = Self::read(&self.path)?;
        let (range, _) = localcoder_assist::locate(&now.document, edit)?;
        let text = localcoder_assist::apply(&now.document.text, range, edit)?;
        now.write(&text)?;
        Ok(range)
    }

    fn write(&self, text: &str) -> Result<(), ErrorInfo> {
        let failed = |error: std::io::Error| {
            ErrorInfo::new(
                ErrorCode::FileAccess,
                format!("`{}` could not be written and was left as it is", self.path.display()),
            )
            .with_cause(error.to_string())
            .with_hint("check the permissions and the space left")
        };
        // A read-only file in a writable folder could be replaced; it was made read-only to
        // prevent just that.
        let opened = fs_err::OpenOptions::new().write(true).open(&self.path);
        let meta = opened.and_then(|file| file.metadata()).map_err(failed)?;
        let folder = self.path.parent().unwrap_or(Path::new("."));
        let mut file = tempfile::NamedTempFile::new_in(folder).map_err(failed)?;
        if self.byte_order_mark {
            file.write_all("\u{feff}".as_bytes()).map_err(failed)?;
        }
        file.write_all(text.as_bytes()).map_err(failed)?;
        file.as_file().set_permissions(meta.permissions()).map_err(failed)?;
        file.as_file().sync_all().map_err(failed)?;
        file.persist(&self.path).map_err(|error| failed(error.error))?;
        Ok(())
    }
}

fn cannot_read(shown: &str, error: &std::io::Error) -> ErrorInfo {
    if error.kind() == std::io::ErrorKind::NotFound {
        ErrorInfo::new(ErrorCode::FileNotFound, format!("there is no file `{shown}`"))
            .with_hint("check the path")
    } else {
        ErrorInfo::new(ErrorCode::FileAccess, format!("`{shown}` can't be read"))
            .with_cause(error.to_string())
            .with_hint("check the permissions")
    }
}
