//! A first look at a model file that the host has passed, so that the common mistakes get an error
//! of their own before llama.cpp reads anything. Checks only the magic: the host has checked the
//! header, and here we make sure that this is still the file that it checked.

use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::Path;

use localcoder_disk::Stamp;
use localcoder_protocol::{ErrorAction, ErrorCode, ErrorInfo};
use localcoder_transport::handover::Handed;

/// Shortest file that can be a GGUF: magic, version and two counts.
const HEADER_BYTES: u64 = 24;

/// Looks at the file that was passed; `path` is for messages only, since the sandbox does not allow
/// opening it. The stamp tells a later load of the same path whether it is still this file.
pub(super) fn inspect(path: &Path, given: &Handed) -> Result<Stamp, ErrorInfo> {
    let shown = path.display();
    let metadata = given.file.metadata().map_err(|error| access_error(path, &error))?;
    if !metadata.is_file() {
        return Err(ErrorInfo::new(ErrorCode::ModelNotGguf, format!("`{shown}` is not a file"))
            .with_hint("name a `.gguf` file")
            .with_action(ErrorAction::SwitchModel));
    }
    unchanged(path, given)?;
    let mut magic = [0; 4];
    match given.file.read_exact_at(&mut magic, 0) {
        // A file shorter than the magic is not a GGUF either.
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => magic.fill(0),
        read => read.map_err(|error| access_error(path, &error))?,
    }
    if magic != *b"GGUF" {
        return Err(ErrorInfo::new(
            ErrorCode::ModelNotGguf,
            format!("`{shown}` is not a GGUF model"),
        )
        .with_cause("it does not begin with `GGUF`")
        .with_hint("download the model in the GGUF format")
        .with_action(ErrorAction::SwitchModel));
    }
    if metadata.len() < HEADER_BYTES {
        let cause = format!("it ends after {} bytes", metadata.len());
        return Err(damaged(path).with_cause(cause));
    }
    Ok(Stamp::of(&metadata))
}

/// Refuses a file that another program has written to since it was checked: whatever llama.cpp has
/// read of it can't be trusted.
pub(super) fn unchanged(path: &Path, given: &Handed) -> Result<(), ErrorInfo> {
    if given.is_as_checked().map_err(|error| access_error(path, &error))? {
        return Ok(());
    }
    let message = format!("the file of the model `{}` changed while it was loaded", path.display());
    Err(ErrorInfo::new(ErrorCode::ModelDamaged, message)
        .with_cause("another program has written to it after it was checked")
        .with_hint("try again when the other program has finished")
        .with_action(ErrorAction::Retry))
}

pub(super) fn not_given(path: &Path) -> ErrorInfo {
    let message = format!("the file of the model `{}` was not given to the worker", path.display());
    ErrorInfo::new(ErrorCode::ModelNotFound, message)
        .with_hint("try again; if that does not help, start the engine again")
        .with_action(ErrorAction::RestartEngine)
}

pub(super) fn damaged(path: &Path) -> ErrorInfo {
    ErrorInfo::new(
        ErrorCode::ModelDamaged,
        format!("the model `{}` is damaged or incomplete", path.display()),
    )
    .with_hint("download it again, and compare its size and checksum with the publisher's")
}

fn access_error(path: &Path, error: &io::Error) -> ErrorInfo {
    let message = format!("the model `{}` can't be read", path.display());
    ErrorInfo::new(ErrorCode::FileAccess, message)
        .with_cause(error.to_string())
        .with_hint("check the disk or the network share that it is on")
        .with_action(ErrorAction::SwitchModel)
}
