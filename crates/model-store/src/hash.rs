//! The digest of a file, with progress.

use std::fs::File;
use std::io::Read;

use data_encoding::HEXLOWER;
use sha2::{Digest as _, Sha256};

use crate::Progress;

/// Bytes that are read at once: enough to keep a disk busy.
pub(crate) const READ_BYTES: usize = 1024 * 1024;

/// Reads a file to its end and returns its SHA-256 in lower-case hexadecimal digits; `also` gets
/// all bytes in order, so that a copy needs no second pass. `None` if `progress` cancelled it.
/// Fails if the file is longer than `total`; one that is shorter has another digest.
pub(crate) fn digest(
    file: &mut File,
    total: u64,
    progress: &mut Progress<'_>,
    mut also: impl FnMut(&[u8]) -> std::io::Result<()>,
) -> std::io::Result<Option<String>> {
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; READ_BYTES];
    let mut read_bytes = 0;
    loop {
        let read = file.read(&mut buffer)?;
        if read == 0 {
            return Ok(Some(HEXLOWER.encode(&hasher.finalize())));
        }
        hasher.update(&buffer[..read]);
        also(&buffer[..read])?;
        read_bytes += u64::try_from(read).unwrap_or(u64::MAX);
        if read_bytes > total {
            // Otherwise a program that keeps writing to the file could keep this going forever.
            return Err(std::io::Error::other("it has become longer while it was read"));
        }
        if !progress(read_bytes, total) {
            return Ok(None);
        }
    }
}
