//! A file as a model: opened once, with its header checked.

use std::fs::File;
use std::io::{BufReader, Seek as _, SeekFrom};
use std::path::Path;

use localcoder_gguf::{GgufError, Header};

use crate::error::StoreError;

/// Checks the header of an open file, and rewinds the file to its beginning. Rewinding lets the
/// caller hash the same handle, so that what was checked is what is kept.
///
/// # Errors
/// If it is not a usable model.
pub fn checked_header(path: &Path, file: &mut File) -> Result<Header, StoreError> {
    let refused = |source: GgufError| StoreError::NotAModel { path: path.to_owned(), source };
    let failed = |error: std::io::Error| refused(GgufError::Read(error));
    let bytes = file.metadata().map_err(failed)?.len();
    let header = Header::read(BufReader::new(&*file), bytes).map_err(refused)?;
    file.seek(SeekFrom::Start(0)).map_err(failed)?;
    Ok(header)
}
