//! GGUF files as their parts, so that one place can be changed while the rest stays valid: a small
//! sound file, and any number of changed ones, one for each seed.
//!
//! This knows the format and nothing about models, and accepts files that `localcoder-gguf`
//! refuses. It must not be used on strangers' files, since it keeps everything that it reads in
//! memory.

mod change;
mod edit;
mod names;
mod sound;
mod vary;

pub use change::changed;
pub use sound::{bytes_of_text, pieces_of_text};
pub use vary::varied;

pub(crate) mod kind {
    pub(crate) const U8: u32 = 0;
    pub(crate) const U16: u32 = 2;
    pub(crate) const U32: u32 = 4;
    pub(crate) const I32: u32 = 5;
    pub(crate) const F32: u32 = 6;
    pub(crate) const BOOL: u32 = 7;
    pub(crate) const STRING: u32 = 8;
    pub(crate) const ARRAY: u32 = 9;
    pub(crate) const U64: u32 = 10;
    pub(crate) const F64: u32 = 12;
}

const MAGIC: &[u8] = b"GGUF";
const ALIGNMENT_KEY: &[u8] = b"general.alignment";
const ALIGNMENT: usize = 32;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelFile {
    pub version: u32,
    pub pairs: Vec<Pair>,
    pub tensors: Vec<Tensor>,
    pub padding: Vec<u8>,
    pub data: Vec<u8>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pair {
    pub key: Vec<u8>,
    pub kind: u32,
    pub value: Vec<u8>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tensor {
    pub name: Vec<u8>,
    /// Its dimensions, the fastest-varying first.
    pub shape: Vec<u64>,
    pub kind: u32,
    pub offset: u64,
}

impl Tensor {
    /// Bytes that the tensor takes; `None` if its type is not known here, or its dimensions are
    /// impossible.
    #[must_use]
    pub fn bytes(&self) -> Option<u64> {
        let (_, block, block_bytes) = BLOCKS.iter().find(|(kind, ..)| *kind == self.kind)?;
        let elements = self.shape.iter().try_fold(1_u64, |all, size| all.checked_mul(*size))?;
        (elements / block).checked_mul(*block_bytes)
    }
}

/// Number of a type, and elements and bytes of one of its blocks, from `ggml.c`.
const BLOCKS: &[(u32, u64, u64)] = &[
    (0, 1, 4),
    (1, 1, 2),
    (2, 32, 18),
    (3, 32, 20),
    (6, 32, 22),
    (7, 32, 24),
    (8, 32, 34),
    (9, 32, 36),
    (10, 256, 84),
    (11, 256, 110),
    (12, 256, 144),
    (13, 256, 176),
    (14, 256, 210),
    (15, 256, 292),
    (16, 256, 66),
    (17, 256, 74),
    (18, 256, 98),
    (19, 256, 50),
    (20, 32, 18),
    (21, 256, 110),
    (22, 256, 82),
    (23, 256, 136),
    (24, 1, 1),
    (25, 1, 2),
    (26, 1, 4),
    (27, 1, 8),
    (28, 1, 8),
    (29, 256, 56),
    (30, 1, 2),
    (34, 256, 54),
    (35, 256, 66),
    (39, 32, 17),
    (40, 64, 36),
    (41, 128, 18),
    (42, 64, 18),
];

impl ModelFile {
    #[must_use]
    pub fn read(bytes: &[u8]) -> Option<Self> {
        let mut rest = bytes.strip_prefix(MAGIC)?;
        let version = u32::from_le_bytes(take(&mut rest)?);
        let tensor_count = u64::from_le_bytes(take(&mut rest)?);
        let pair_count = u64::from_le_bytes(take(&mut rest)?);
        // Nothing is reserved by the counts, since a changed file may claim any number.
        let mut pairs = Vec::new();
        for _ in 0..pair_count {
            let key = string(&mut rest)?.to_vec();
            let kind = u32::from_le_bytes(take(&mut rest)?);
            let length = value_bytes(kind, rest)?;
            let (value, after) = rest.split_at_checked(length)?;
            pairs.push(Pair { key, kind, value: value.to_vec() });
            rest = after;
        }
        let mut tensors = Vec::new();
        for _ in 0..tensor_count {
            let name = string(&mut rest)?.to_vec();
            let dimensions = u32::from_le_bytes(take(&mut rest)?);
            let mut shape = Vec::new();
            for _ in 0..dimensions {
                shape.push(u64::from_le_bytes(take(&mut rest)?));
            }
            let kind = u32::from_le_bytes(take(&mut rest)?);
            let offset = u64::from_le_bytes(take(&mut rest)?);
            tensors.push(Tensor { name, shape, kind, offset });
        }
        let position = bytes.len() - rest.len();
        // A file without tensors may end before the padding does.
        let start = position.next_multiple_of(alignment(&pairs)).min(bytes.len());
        let padding = bytes[position..start].to_vec();
        Some(Self { version, pairs, tensors, padding, data: bytes[start..].to_vec() })
    }

    #[must_use]
    pub fn written(&self) -> Vec<u8> {
        self.written_with(self.tensors.len() as u64, self.pairs.len() as u64).0
    }

    fn written_with(&self, tensors: u64, pairs: u64) -> (Vec<u8>, usize) {
        // The counts are parameters, so that a file can claim others than it has.
        let mut file = MAGIC.to_vec();
        file.extend(self.version.to_le_bytes());
        file.extend(tensors.to_le_bytes());
        file.extend(pairs.to_le_bytes());
        for Pair { key, kind, value } in &self.pairs {
            file.extend(text(key));
            file.extend(kind.to_le_bytes());
            file.extend(value);
        }
        for Tensor { name, shape, kind, offset } in &self.tensors {
            file.extend(text(name));
            file.extend((shape.len() as u32).to_le_bytes());
            file.extend(shape.iter().flat_map(|size| size.to_le_bytes()));
            file.extend(kind.to_le_bytes());
            file.extend(offset.to_le_bytes());
        }
        file.extend(&self.padding);
        let start = file.len();
        file.extend(&self.data);
        (file, start)
    }

    fn pad(&mut self) {
        self.padding.clear();
        let (file, start) = self.written_with(self.tensors.len() as u64, self.pairs.len() as u64);
        let end = start.next_multiple_of(alignment(&self.pairs));
        debug_assert!(file.len() >= start);
        self.padding.resize(end - start, 0);
    }
}

fn alignment(pairs: &[Pair]) -> usize {
    let said = pairs.iter().find(|pair| pair.key == ALIGNMENT_KEY && pair.kind == kind::U32);
    let said = said.and_then(|pair| pair.value.first_chunk());
    let said = said.map(|bytes| u32::from_le_bytes(*bytes) as usize);
    said.filter(|said| said.is_power_of_two()).unwrap_or(ALIGNMENT)
}

fn text(text: &[u8]) -> Vec<u8> {
    [&(text.len() as u64).to_le_bytes()[..], text].concat()
}

fn take<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    let (taken, after) = rest.split_first_chunk()?;
    *rest = after;
    Some(*taken)
}

fn string<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let length = usize::try_from(u64::from_le_bytes(take(rest)?)).ok()?;
    let (text, after) = rest.split_at_checked(length)?;
    *rest = after;
    Some(text)
}

fn value_bytes(kind: u32, rest: &[u8]) -> Option<usize> {
    if let Some(size) = scalar_bytes(kind) {
        return Some(size);
    }
    let mut after = rest;
    match kind {
        kind::STRING => {
            string(&mut after)?;
        }
        kind::ARRAY => {
            let element = u32::from_le_bytes(take(&mut after)?);
            let length = usize::try_from(u64::from_le_bytes(take(&mut after)?)).ok()?;
            if let Some(size) = scalar_bytes(element) {
                let bytes = size.checked_mul(length)?;
                after = after.split_at_checked(bytes)?.1;
            } else {
                // A length that the file can't hold ends at the first element that is missing.
                for _ in 0..length {
                    let bytes = value_bytes_of_text(element, after)?;
                    after = &after[bytes..];
                }
            }
        }
        _ => return None,
    }
    Some(rest.len() - after.len())
}

fn value_bytes_of_text(kind: u32, rest: &[u8]) -> Option<usize> {
    // Files do not contain lists of lists, so a text is the only element of unknown size.
    let mut after = rest;
    (kind == kind::STRING).then(|| string(&mut after))??;
    Some(rest.len() - after.len())
}

fn scalar_bytes(kind: u32) -> Option<usize> {
    match kind {
        0 | 1 | kind::BOOL => Some(1),
        2 | 3 => Some(2),
        4..=6 => Some(4),
        10..=12 => Some(8),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use localcoder_gguf::Header;

    use super::*;

    #[test]
    fn a_file_that_was_taken_apart_is_written_as_it_was() {
        for file in [bytes_of_text(), pieces_of_text()] {
            let bytes = file.written();
            assert_eq!(ModelFile::read(&bytes), Some(file));
            let header = Header::read(bytes.as_slice(), bytes.len() as u64).unwrap();
            assert_eq!(header.tensor_bytes, bytes.len() as u64 - header_bytes(&bytes));
        }
    }

    fn header_bytes(bytes: &[u8]) -> u64 {
        (bytes.len() - ModelFile::read(bytes).unwrap().data.len()) as u64
    }

    #[test]
    fn a_file_without_a_vocabulary_can_be_changed() {
        let mut bare = bytes_of_text();
        bare.pairs.retain(|pair| !pair.key.starts_with(b"tokenizer"));
        for seed in 0..2_000 {
            assert!(!varied(&bare, seed).1.is_empty());
        }
    }

    #[test]
    fn a_seed_gives_the_same_file_and_many_seeds_give_all_sorts() {
        let sound = pieces_of_text();
        assert_eq!(changed(&sound, 7), changed(&sound, 7));
        let accepted = (0..2_000).filter(|seed| {
            let (bytes, what) = changed(&sound, *seed);
            assert!(!what.is_empty());
            Header::read(bytes.as_slice(), bytes.len() as u64).is_ok()
        });
        let accepted = accepted.count();
        assert!((200..1_800).contains(&accepted), "{accepted} of 2000 are accepted");
    }
}
