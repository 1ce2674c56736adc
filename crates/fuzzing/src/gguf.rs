//! The header of a model file: if it is accepted, a second reader that knows nothing of models
//! agrees, and nothing depends on how the bytes are divided.

use std::io::Read;

use localcoder_gguf::{GgufError, Header, KvType, RunShape};

use crate::model_file::ModelFile;

/// Names from a file are cut in errors, and an error contains only a few of them, so it has at most
/// this many characters.
const ERROR_CHARS_MAX: usize = 400;

pub(crate) fn run(bytes: &[u8]) {
    let length = bytes.len() as u64;
    let read = Header::read(bytes, length);
    let slowly = Header::read(Pieces { bytes, next: FIRST_PIECE_BYTES }, length);
    match (read, slowly) {
        (Ok(header), Ok(again)) => {
            assert_eq!(header, again, "it depends on how the bytes arrive");
            check_header(bytes, &header);
        }
        // The kind of any other file shows in its first bytes, of which a piece may have only some.
        (Err(error @ GgufError::NotGguf(_)), Err(GgufError::NotGguf(_))) => {
            check_error(length, &error);
        }
        (Err(error), Err(again)) => {
            assert_eq!(error.to_string(), again.to_string(), "it depends on how the bytes arrive");
            check_error(length, &error);
        }
        (read, slowly) => panic!("{read:?}, and in pieces {slowly:?}"),
    }
}

fn check_header(bytes: &[u8], header: &Header) {
    let length = bytes.len() as u64;
    assert!(header.tensor_bytes <= length, "{} bytes in a file of {length}", header.tensor_bytes);
    assert!(header.vocabulary_size > 0 && header.block_count > 0 && header.embedding_length > 0);
    assert!(header.head_count_kv <= header.head_count);
    let ids: Vec<u32> = header
        .fim
        .into_iter()
        .flat_map(|fim| {
            let of_files = fim.repository.into_iter().chain(fim.file);
            [fim.prefix, fim.suffix, fim.middle].into_iter().chain(of_files)
        })
        .collect();
    assert!(ids.iter().all(|id| *id < header.vocabulary_size), "{ids:?}");
    let shown = [&header.architecture, &header.tokenizer].into_iter();
    let said = [&header.name, &header.size_label, &header.license];
    for text in shown.chain(said.into_iter().flatten()) {
        assert!(!text.contains(char::is_control), "{text:?}");
    }
    // The second reader shares no code with the first, so a mistake in one of them shows.
    check_file(bytes);
    check_estimate(header);
    // Files on disk may be longer than their tensors; only shorter ones are refused.
    let longer = [bytes, &[0]].concat();
    let again = Header::read(longer.as_slice(), length + 1).expect("what follows is not looked at");
    assert_eq!(again, *header);
}

/// Checks that another reader accepts the file, too, that each name occurs once, and that all
/// tensors are inside the file.
fn check_file(bytes: &[u8]) {
    let file = ModelFile::read(bytes).expect("an accepted header can be taken apart");
    for (at, pair) in file.pairs.iter().enumerate() {
        assert!(!file.pairs[..at].iter().any(|other| other.key == pair.key), "{:?}", pair.key);
    }
    let mut end = 0;
    for (at, tensor) in file.tensors.iter().enumerate() {
        assert!(!file.tensors[..at].iter().any(|other| other.name == tensor.name));
        assert!(tensor.offset >= end, "a tensor lies in another one");
        end = tensor.offset + tensor.bytes().expect("an accepted tensor has a size");
    }
    assert!(end <= file.data.len() as u64, "a tensor ends at {end} of {}", file.data.len());
    assert_eq!(file.written(), bytes, "what was read is written again");
}

fn check_estimate(header: &Header) {
    // Up to the most that the type allows: the sums must not overflow.
    for tokens in [1, 4096, u32::MAX] {
        let shape = |flash_attention| RunShape {
            context_tokens: tokens,
            batch_tokens: tokens,
            output_tokens: tokens,
            kv: KvType::F16,
            flash_attention,
        };
        let [without, with] = [false, true].map(|flash| header.estimate(shape(flash)));
        assert!(with.total_bytes() <= without.total_bytes());
        assert!(without.total_bytes() >= header.tensor_bytes);
    }
}

fn check_error(length: u64, error: &GgufError) {
    let text = error.to_string();
    // It quotes names from the file, and is shown on one line.
    assert!(!text.is_empty() && !text.contains(char::is_control), "{text:?}");
    assert!(text.chars().count() <= ERROR_CHARS_MAX, "{text}");
    assert!(!error.hint().is_empty());
    if let GgufError::Truncated { expected_bytes, actual_bytes } = error {
        assert!(expected_bytes > actual_bytes && *actual_bytes <= length, "{text}");
    }
    assert!(!matches!(error, GgufError::Read(_)), "memory can always be read: {text}");
}

/// More than the first bytes that identify files of other kinds, so that the reader in pieces
/// recognizes the same kinds as the other.
const FIRST_PIECE_BYTES: usize = 64;

struct Pieces<'a> {
    bytes: &'a [u8],
    next: usize,
}

impl Read for Pieces<'_> {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        let most = into.len().min(self.next);
        self.next = self.next % 7 + 1;
        self.bytes.read(&mut into[..most])
    }
}
