//! Frames of a stream: they are the same however the stream is divided, never longer than allowed,
//! and written again as they were read.

use std::io::BufReader;

use localcoder_protocol::FRAME_BYTES_MAX;
use localcoder_transport::{read_frame, write_frame};

pub(crate) fn run(bytes: &[u8]) {
    let max = match bytes.first() {
        // A low limit, so that a fuzzer reaches the refusal with short frames.
        Some(b'c') => 16,
        _ => FRAME_BYTES_MAX,
    };
    let (frames, end) = frames(bytes, 4096, max);
    assert_eq!(self::frames(bytes, 3, max), (frames.clone(), end), "it depends on the pieces");
    let mut written = Vec::new();
    for frame in &frames {
        assert!(frame.len() <= max, "{} bytes, {max} allowed", frame.len());
        write_frame(&mut written, frame).expect("memory takes all that is written");
    }
    assert_eq!(self::frames(&written, 4096, max), (frames, String::new()));
}

/// All frames, and why there are no more; the reason is empty if the stream ends after a frame.
fn frames(bytes: &[u8], piece: usize, max: usize) -> (Vec<Vec<u8>>, String) {
    let mut reader = BufReader::with_capacity(piece, bytes);
    let mut frames = Vec::new();
    loop {
        match read_frame(&mut reader, max) {
            Ok(Some(frame)) => frames.push(frame),
            Ok(None) => return (frames, String::new()),
            Err(error) => return (frames, error.to_string()),
        }
    }
}
