//! A file as a model: opened once, its header checked, and refused in words.

use std::fs::File;
use std::io::{BufReader, Seek as _, SeekFrom};
use std::path::Path;

use localcoder_gguf::{GgufError, Header};
use localcoder_protocol::{ErrorCode, ErrorInfo};

/// Checks the header of an open file, which stands at its beginning afterwards.
///
/// # Errors
/// With the code and the next step for each way in which a file is not a usable model.
pub fn checked_header(path: &Path, file: &mut File) -> Result<Header, ErrorInfo> {
    let failed = |error: std::io::Error| refuse(path, &GgufError::Read(error));
    let bytes = file.metadata().map_err(failed)?.len();
    let header = Header::read(BufReader::new(&*file), bytes).map_err(|it| refuse(path, &it))?;
    file.seek(SeekFrom::Start(0)).map_err(failed)?;
    Ok(header)
}

/// Why a file is not a usable model.
#[must_use]
pub fn refuse(path: &Path, error: &GgufError) -> ErrorInfo {
    let (code, what) = match error {
        GgufError::NotGguf(_) => (ErrorCode::ModelNotGguf, "is not a GGUF file"),
        GgufError::Truncated { .. } | GgufError::Damaged(_) => {
            (ErrorCode::ModelDamaged, "is damaged")
        }
        GgufError::NotText(_) => (ErrorCode::ModelUnsupported, "is not a text model"),
        GgufError::WritesNothing(_) => (ErrorCode::ModelUnsupported, "writes no text"),
        GgufError::Unsupported(_) | GgufError::UnknownArchitecture(_) => {
            (ErrorCode::ModelUnsupported, "can't be run by this version")
        }
        _ => (ErrorCode::ModelNotFound, "can't be read"),
    };
    ErrorInfo::new(code, format!("the model `{}` {what}", path.display()))
        .with_cause(error.to_string())
        .with_hint(error.hint())
}
