//! `Content-Length` framing. A length is checked before anything is allocated for it.

use std::io::{self, BufRead, Read, Write};

/// Longest header block in bytes. Ours is one line; LSP peers send at most two.
pub const HEADER_BYTES_MAX: usize = 1024;

#[derive(Debug, thiserror::Error)]
pub enum FrameError {
    /// The stream failed or ended inside a frame.
    #[error("the stream failed: {0}")]
    Io(#[from] io::Error),
    #[error("the frame header is malformed: {0}")]
    Header(&'static str),
    #[error("a frame of {bytes} bytes is longer than the {max} bytes allowed")]
    TooLong {
        /// What the header says.
        bytes: usize,
        max: usize,
    },
}

/// Reads one frame; `None` if the stream ended between frames. After an error the position in the
/// stream is unknown, and nothing more can be read from it.
///
/// # Errors
/// If the stream fails, the header is malformed or the frame is longer than `max_bytes`.
pub fn read_frame(
    reader: &mut impl BufRead,
    max_bytes: usize,
) -> Result<Option<Vec<u8>>, FrameError> {
    let Some(length) = read_header(reader)? else { return Ok(None) };
    // Before the allocation: a stranger's header costs nothing but its own bytes.
    if length > max_bytes {
        return Err(FrameError::TooLong { bytes: length, max: max_bytes });
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    Ok(Some(body))
}

fn read_header(reader: &mut impl BufRead) -> Result<Option<usize>, FrameError> {
    let mut length = None;
    let mut read = 0;
    loop {
        let mut line = Vec::new();
        // The bound is on all lines together, and on what is read rather than on what was read: a
        // line without an end would otherwise be kept until memory runs out.
        let left = u64::try_from(HEADER_BYTES_MAX - read).expect("a small number");
        let count = reader.take(left).read_until(b'\n', &mut line)?;
        // Only between two frames is an end of the stream a peer that has closed it. Further on it
        // is a frame that was cut, which has no line end below.
        if count == 0 && read == 0 {
            return Ok(None);
        }
        read += count;
        let Some(line) = line.strip_suffix(b"\r\n") else {
            return Err(FrameError::Header("a line is too long or does not end in CRLF"));
        };
        if line.is_empty() {
            return length.map(Some).ok_or(FrameError::Header("there is no Content-Length"));
        }
        let line = std::str::from_utf8(line).map_err(|_| FrameError::Header("it is not ASCII"))?;
        let (name, value) =
            line.split_once(':').ok_or(FrameError::Header("a line has no colon"))?;
        // Other headers are skipped; LSP peers send `Content-Type` as well. Of several lengths the
        // last one counts.
        if name.eq_ignore_ascii_case("Content-Length") {
            let value = value.trim().parse();
            length = Some(value.map_err(|_| FrameError::Header("Content-Length is not a number"))?);
        }
    }
}

/// Writes one frame and flushes.
///
/// # Errors
/// If the stream fails.
pub fn write_frame(writer: &mut impl Write, body: &[u8]) -> io::Result<()> {
    // One write: header and body in two would be two packets on a socket.
    let mut frame = format!("Content-Length: {}\r\n\r\n", body.len()).into_bytes();
    frame.extend_from_slice(body);
    writer.write_all(&frame)?;
    writer.flush()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: &[u8]) -> Result<Option<Vec<u8>>, FrameError> {
        read_frame(&mut io::BufReader::with_capacity(3, bytes), 10)
    }

    #[test]
    fn frames_survive() {
        let mut bytes = Vec::new();
        write_frame(&mut bytes, b"hello").unwrap();
        write_frame(&mut bytes, b"").unwrap();
        let mut reader = &bytes[..];
        assert_eq!(read_frame(&mut reader, 10).unwrap().unwrap(), b"hello");
        assert_eq!(read_frame(&mut reader, 10).unwrap().unwrap(), b"");
        assert!(read_frame(&mut reader, 10).unwrap().is_none());
    }

    #[test]
    fn other_headers_are_skipped_and_bad_ones_refused() {
        let typed = b"content-type: x\r\ncontent-length: 2\r\n\r\nok";
        assert_eq!(read(typed).unwrap().unwrap(), b"ok");
        for (bytes, reason) in [
            (&b"Content-Length: 11\r\n\r\n"[..], "longer"),
            (b"Content-Length: 99999999999999999999\r\n\r\n", "not a number"),
            (b"Content-Length: -1\r\n\r\n", "not a number"),
            (b"\r\n", "no Content-Length"),
            (b"GET / HTTP/1.1\r\n\r\n", "no colon"),
            (b"Content-Length: 5\n\nhello", "CRLF"),
            (b"Content-Length: 5\r\n\r\nhe", "failed"),
            (b"Content-Len", "CRLF"),
        ] {
            let error = read(bytes).unwrap_err().to_string();
            assert!(error.contains(reason), "{error} does not say {reason}");
        }
        let long = vec![b'a'; 5_000];
        assert!(read(&long).unwrap_err().to_string().contains("too long"));
    }
}
