//! The reader under everything: it counts what it reads and stops at the bounds.
//!
//! Lengths in a file are claims. Nothing is allocated for a claim; bytes are read as they arrive,
//! and the file's length and the header's bound are checked before each step.

use std::io::{BufReader, Read};

use crate::error::{GgufError, damaged};

/// Most bytes of a header. What a hostile file can cost is bounded by it: time to read that much,
/// whatever it claims.
const HEADER_BYTES_MAX: u64 = 256 * 1024 * 1024;

/// Most bytes of one string that we skip.
const STRING_BYTES_MAX: u64 = 16 * 1024 * 1024;

pub(crate) struct Source<R> {
    reader: BufReader<R>,
    position: u64,
    file_bytes: u64,
}

impl<R: Read> Source<R> {
    pub(crate) fn new(reader: R, file_bytes: u64) -> Self {
        Self { reader: BufReader::with_capacity(64 * 1024, reader), position: 0, file_bytes }
    }

    pub(crate) fn position(&self) -> u64 {
        self.position
    }

    pub(crate) fn file_bytes(&self) -> u64 {
        self.file_bytes
    }

    /// The first bytes of the file, or fewer if it has no more.
    pub(crate) fn peek(&mut self) -> Result<&[u8], GgufError> {
        let held = std::io::BufRead::fill_buf(&mut self.reader)?;
        // The file may have grown since its length was taken; what is beyond it is not looked at.
        let most = usize::try_from(self.file_bytes).unwrap_or(usize::MAX);
        Ok(&held[..held.len().min(most)])
    }

    /// Counts bytes that are about to be read, and fails if the header or the file has no room for
    /// them. Called before each read, so that a length that lies is found without reading or
    /// allocating for it.
    fn claim(&mut self, bytes: u64) -> Result<(), GgufError> {
        // A sum that overflows is beyond the bound, too.
        let end = self.position.saturating_add(bytes);
        if end > HEADER_BYTES_MAX {
            return damaged(format!("it is longer than {} MiB", HEADER_BYTES_MAX >> 20));
        }
        if end > self.file_bytes {
            return Err(self.truncated(end));
        }
        self.position = end;
        Ok(())
    }

    fn truncated(&self, expected_bytes: u64) -> GgufError {
        GgufError::Truncated { expected_bytes, actual_bytes: self.file_bytes }
    }

    /// The error for a failure of the reader. A file that is shorter than it was said to be is cut
    /// off.
    fn failed(&self, error: std::io::Error) -> GgufError {
        if error.kind() == std::io::ErrorKind::UnexpectedEof {
            GgufError::Truncated {
                expected_bytes: self.position,
                // The claim was counted already, so the position is above zero, and what is really
                // there is less.
                actual_bytes: self.file_bytes.min(self.position - 1),
            }
        } else {
            GgufError::Read(error)
        }
    }

    pub(crate) fn bytes<const N: usize>(&mut self) -> Result<[u8; N], GgufError> {
        self.claim(N as u64)?;
        let mut bytes = [0; N];
        self.reader.read_exact(&mut bytes).map_err(|error| self.failed(error))?;
        Ok(bytes)
    }

    pub(crate) fn u32(&mut self) -> Result<u32, GgufError> {
        self.bytes().map(u32::from_le_bytes)
    }

    pub(crate) fn u64(&mut self) -> Result<u64, GgufError> {
        self.bytes().map(u64::from_le_bytes)
    }

    pub(crate) fn skip(&mut self, bytes: u64) -> Result<(), GgufError> {
        self.claim(bytes)?;
        let taken = std::io::copy(&mut self.reader.by_ref().take(bytes), &mut std::io::sink())?;
        if taken < bytes {
            return Err(self.failed(std::io::ErrorKind::UnexpectedEof.into()));
        }
        Ok(())
    }

    /// Reads a string of at most `bytes_max` bytes; `None` if it is longer, in which case it is
    /// skipped, or not UTF-8.
    pub(crate) fn string(&mut self, bytes_max: u64) -> Result<Option<String>, GgufError> {
        Ok(self.raw_string(bytes_max)?.and_then(|bytes| String::from_utf8(bytes).ok()))
    }

    pub(crate) fn raw_string(&mut self, bytes_max: u64) -> Result<Option<Vec<u8>>, GgufError> {
        let length = self.u64()?;
        if length > STRING_BYTES_MAX {
            return damaged(format!("it has a text of {length} bytes"));
        }
        if length > bytes_max {
            self.skip(length)?;
            return Ok(None);
        }
        self.claim(length)?;
        // Grows with what arrives: the length is a claim until then.
        let mut bytes = Vec::new();
        let taken = self.reader.by_ref().take(length).read_to_end(&mut bytes)? as u64;
        if taken < length {
            return Err(self.failed(std::io::ErrorKind::UnexpectedEof.into()));
        }
        Ok(Some(bytes))
    }
}
