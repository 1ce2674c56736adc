//! A first look at a model file, so that the common mistakes get an error of their own before
//! llama.cpp reads anything. Checks no more than the magic: the host has checked the header.

use std::fs::{File, Metadata};
use std::io::{self, Read as _};
use std::path::Path;
use std::time::SystemTime;

use localcoder_protocol::{ErrorAction, ErrorCode, ErrorInfo};

/// Shortest file that can be a GGUF: magic, version and two counts.
const HEADER_BYTES: u64 = 24;

/// Tells whether a path still has the file that was loaded from it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct FileStamp {
    pub(super) bytes: u64,
    modified: Option<SystemTime>,
    inode: u64,
}

impl FileStamp {
    fn of(metadata: &Metadata) -> Self {
        use std::os::unix::fs::MetadataExt as _;
        Self { bytes: metadata.len(), modified: metadata.modified().ok(), inode: metadata.ino() }
    }
}

/// Looks at the file.
pub(super) fn inspect(path: &Path) -> Result<FileStamp, ErrorInfo> {
    let shown = path.display();
    let metadata = std::fs::metadata(path).map_err(|error| access_error(path, &error))?;
    // A pipe would block for ever.
    if !metadata.is_file() {
        return Err(ErrorInfo::new(ErrorCode::ModelNotGguf, format!("`{shown}` is not a file"))
            .with_hint("name a `.gguf` file")
            .with_action(ErrorAction::OpenSettings));
    }
    let mut magic = Vec::new();
    File::open(path)
        .and_then(|file| file.take(4).read_to_end(&mut magic))
        .map_err(|error| access_error(path, &error))?;
    if magic != b"GGUF" {
        return Err(ErrorInfo::new(
            ErrorCode::ModelNotGguf,
            format!("`{shown}` is not a GGUF model"),
        )
        .with_cause("it does not begin with `GGUF`")
        .with_hint("download the model in the GGUF format")
        .with_action(ErrorAction::OpenSettings));
    }
    if metadata.len() < HEADER_BYTES {
        let cause = format!("it ends after {} bytes", metadata.len());
        return Err(damaged(path).with_cause(cause));
    }
    Ok(FileStamp::of(&metadata))
}

/// The file is cut off or damaged.
pub(super) fn damaged(path: &Path) -> ErrorInfo {
    ErrorInfo::new(
        ErrorCode::ModelDamaged,
        format!("the model `{}` is damaged or incomplete", path.display()),
    )
    .with_hint("download it again, and compare its size and checksum with the publisher's")
}

fn access_error(path: &Path, error: &io::Error) -> ErrorInfo {
    let shown = path.display();
    let (code, message, hint) = match error.kind() {
        io::ErrorKind::NotFound => (
            ErrorCode::ModelNotFound,
            format!("there is no model at `{shown}`"),
            "check the path in the settings, or choose another model",
        ),
        _ => (
            ErrorCode::FileAccess,
            format!("the model `{shown}` can't be read"),
            "check the permissions of the file and of the folders above it",
        ),
    };
    ErrorInfo::new(code, message)
        .with_cause(error.to_string())
        .with_hint(hint)
        .with_action(ErrorAction::OpenSettings)
}
