//! The key-value pairs of a header.
//!
//! Scalars are kept, texts only if they are needed. Long lists (a vocabulary has 150,000 tokens)
//! are streamed: only their length, their type and what is needed of their entries are kept.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::io::Read;

use crate::error::{GgufError, damaged, shown};
use crate::shape::SCALING;
use crate::source::Source;
use crate::types::ValueType;

const PAIRS_MAX: u64 = 4096;
const KEY_BYTES_MAX: u64 = 65_535;
/// Keys are kept to find duplicates; real files have a few kilobytes of them.
const KEYS_BYTES_MAX: usize = 4 * 1024 * 1024;
const ARRAY_LENGTH_MAX: u64 = 64 * 1024 * 1024;
/// Number lists up to this length are kept: they have an entry for each layer.
const LIST_LENGTH_MAX: u64 = 1024;
const VOCABULARY_MAX: u64 = 1024 * 1024;
const TEXT_BYTES_MAX: u64 = 4096;
/// Longest chat template, in bytes.
pub const TEMPLATE_BYTES_MAX: u64 = 1024 * 1024;
/// Longer tokens are not compared; the longest ones of known models are runs of a few hundred
/// blanks.
const TOKEN_BYTES_MAX: u64 = 4096;

pub(crate) const TOKENS: &str = "tokenizer.ggml.tokens";
pub(crate) const TEMPLATE: &str = "tokenizer.chat_template";

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Value {
    U16(u16),
    U32(u32),
    U64(u64),
    Float(f64),
    Bool(bool),
    Text(String),
    /// A short list of unsigned or signed 32-bit numbers; negative ones are kept as such.
    List(Vec<i64>),
    /// A list of which only its type and length are kept.
    Array {
        element: ValueType,
        length: u64,
    },
    Other,
}

/// All pairs of a header, as far as they are needed. What was not kept is there as
/// [`Value::Other`], so that a key that occurs twice is found whatever it is.
#[derive(Debug, Default)]
pub(crate) struct Metadata {
    values: HashMap<String, Value>,
    /// The tokens with a name in [`FIM_NAMES`]; the first of a role where several are there.
    pub(crate) fim: HashMap<FimRole, u32>,
    vocabulary: Vocabulary,
    /// A hash of the tokens that two sizes of one model share: see [`Metadata::read_tokens`].
    pub(crate) first_tokens: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum FimRole {
    Prefix,
    Suffix,
    Middle,
    Repository,
    File,
}

/// How model families write these tokens.
const FIM_NAMES: &[(&str, FimRole)] = &[
    ("<|fim_prefix|>", FimRole::Prefix),
    ("<fim-prefix>", FimRole::Prefix),
    ("<fim_prefix>", FimRole::Prefix),
    ("<｜fim▁begin｜>", FimRole::Prefix),
    ("<PRE>", FimRole::Prefix),
    ("▁<PRE>", FimRole::Prefix),
    ("<|code_prefix|>", FimRole::Prefix),
    ("[PREFIX]", FimRole::Prefix),
    ("<|fim_suffix|>", FimRole::Suffix),
    ("<fim-suffix>", FimRole::Suffix),
    ("<fim_suffix>", FimRole::Suffix),
    ("<｜fim▁hole｜>", FimRole::Suffix),
    ("<SUF>", FimRole::Suffix),
    ("▁<SUF>", FimRole::Suffix),
    ("<|code_suffix|>", FimRole::Suffix),
    ("[SUFFIX]", FimRole::Suffix),
    ("<|fim_middle|>", FimRole::Middle),
    ("<fim-middle>", FimRole::Middle),
    ("<fim_middle>", FimRole::Middle),
    ("<｜fim▁end｜>", FimRole::Middle),
    ("<MID>", FimRole::Middle),
    ("▁<MID>", FimRole::Middle),
    ("<|code_middle|>", FimRole::Middle),
    ("[MIDDLE]", FimRole::Middle),
    ("<|repo_name|>", FimRole::Repository),
    ("<|reponame|>", FimRole::Repository),
    ("<repo_name>", FimRole::Repository),
    ("<reponame>", FimRole::Repository),
    ("<|file_sep|>", FimRole::File),
    ("<file_sep>", FimRole::File),
    ("<filename>", FimRole::File),
];

/// What must agree between the lists of a vocabulary.
#[derive(Debug, Default)]
struct Vocabulary {
    /// For each token whether it is written `<0xAB>`.
    written_as_byte: Vec<bool>,
    byte_tokens: Vec<u32>,
}

/// The type number of tokens that stand for one byte (`LLAMA_TOKEN_TYPE_BYTE`).
const BYTE_TOKEN: i32 = 6;

impl Metadata {
    /// Reads this many pairs. The number is a claim, so nothing is allocated for it; every bound is
    /// checked before what it bounds is read.
    pub(crate) fn read<R: Read>(source: &mut Source<R>, pairs: u64) -> Result<Self, GgufError> {
        if pairs > PAIRS_MAX {
            return damaged(format!("it claims {pairs} entries"));
        }
        let mut metadata = Self::default();
        let mut key_bytes = 0;
        for _ in 0..pairs {
            let Some(key) = source.string(KEY_BYTES_MAX)?.filter(|key| !key.is_empty()) else {
                return damaged("an entry has no proper name");
            };
            key_bytes += key.len();
            if key_bytes > KEYS_BYTES_MAX {
                return damaged("the names of its entries are too long");
            }
            let value = metadata.read_value(source, &key)?;
            // Which of the two counts is not defined: llama.cpp refuses it, other readers take the
            // last, and what was checked must be what is used.
            if metadata.values.contains_key(&key) {
                return damaged(format!("the entry `{}` is there twice", shown(&key)));
            }
            metadata.values.insert(key, value);
        }
        Ok(metadata)
    }

    fn read_value<R: Read>(
        &mut self,
        source: &mut Source<R>,
        key: &str,
    ) -> Result<Value, GgufError> {
        Ok(match value_type(source, key)? {
            ValueType::U16 => Value::U16(u16::from_le_bytes(source.bytes()?)),
            ValueType::U32 => Value::U32(source.u32()?),
            ValueType::U64 => Value::U64(source.u64()?),
            ValueType::F32 => Value::Float(f32::from_le_bytes(source.bytes()?).into()),
            ValueType::F64 => Value::Float(f64::from_le_bytes(source.bytes()?)),
            ValueType::Bool => match source.bytes()? {
                // A compiler may take any other byte of a `bool` for anything.
                [0] => Value::Bool(false),
                [1] => Value::Bool(true),
                _ => return damaged(format!("`{}` is neither true nor false", shown(key))),
            },
            ValueType::String => read_text(source, key)?,
            ValueType::Array => self.read_array(source, key)?,
            other => {
                source.skip(other.size().unwrap_or(0))?;
                Value::Other
            }
        })
    }

    /// Reads a list: short ones of numbers are kept, the vocabulary is looked through as it passes,
    /// and everything else is skipped, so that a header of hundreds of megabytes takes no more
    /// memory than a small one.
    fn read_array<R: Read>(
        &mut self,
        source: &mut Source<R>,
        key: &str,
    ) -> Result<Value, GgufError> {
        let element = value_type(source, key)?;
        let length = source.u64()?;
        if length > ARRAY_LENGTH_MAX {
            return damaged(format!("the list `{}` claims {length} entries", shown(key)));
        }
        let about_tokens =
            matches!(key, TOKENS | "tokenizer.ggml.scores" | "tokenizer.ggml.token_type");
        if about_tokens && length > VOCABULARY_MAX {
            return damaged(format!("its vocabulary claims {length} tokens"));
        }
        match (element, element.size()) {
            (ValueType::Array, _) => {
                return damaged(format!("`{}` is a list of lists", shown(key)));
            }
            (ValueType::U32 | ValueType::I32, _) if length <= LIST_LENGTH_MAX && !about_tokens => {
                // Without a capacity: the length is a claim.
                let mut list = Vec::new();
                for _ in 0..length {
                    let bytes = source.bytes()?;
                    list.push(match element {
                        ValueType::U32 => u32::from_le_bytes(bytes).into(),
                        _ => i32::from_le_bytes(bytes).into(),
                    });
                }
                return Ok(Value::List(list));
            }
            (ValueType::I32, _) if key == "tokenizer.ggml.token_type" => {
                for token in 0..length {
                    if i32::from_le_bytes(source.bytes()?) == BYTE_TOKEN {
                        self.vocabulary.byte_tokens.push(u32::try_from(token).unwrap_or(u32::MAX));
                    }
                }
            }
            // Both are bounded, so the product can't overflow.
            (_, Some(size)) => source.skip(length * size)?,
            (_, None) if key == TOKENS => self.read_tokens(source, length)?,
            (_, None) => {
                for _ in 0..length {
                    source.string(0)?;
                }
            }
        }
        Ok(Value::Array { element, length })
    }

    /// Looks through the vocabulary once and keeps what is needed of it: the hash of the first
    /// tokens, which of them are written as bytes, and those that mark gaps. Two equal tokens are
    /// refused here, since llama.cpp asserts that there are none, and a failed assertion ends the
    /// worker.
    fn read_tokens<R: Read>(
        &mut self,
        source: &mut Source<R>,
        length: u64,
    ) -> Result<(), GgufError> {
        let mut hashes = Vec::new();
        // Makers fill up the end with unused tokens, which differ between the sizes of a model, so
        // that only the first ones are compared.
        let first = length.checked_ilog2().map_or(0, |power| 1 << power);
        // Compared within one process and never stored: another version of Rust may hash
        // differently.
        let mut all = DefaultHasher::new();
        for token in 0..length {
            // Bytes and not text: tokens are parts of characters in some vocabularies.
            let text = source.raw_string(TOKEN_BYTES_MAX)?.unwrap_or_default();
            // llama.cpp names empty tokens by their number.
            if !text.is_empty() {
                hashes.push(hash(&text));
            }
            if token < first {
                text.hash(&mut all);
            }
            // What is not UTF-8 is not written as a byte and marks no gap.
            let text = String::from_utf8(text).unwrap_or_default();
            self.vocabulary.written_as_byte.push(is_byte(&text));
            let found = FIM_NAMES.iter().find(|(name, _)| *name == text);
            if let (Some((_, role)), Ok(token)) = (found, u32::try_from(token)) {
                self.fim.entry(*role).or_insert(token);
            }
        }
        self.first_tokens = all.finish();
        // llama.cpp asserts that no two tokens are equal.
        hashes.sort_unstable();
        if hashes.windows(2).any(|pair| pair[0] == pair[1]) {
            return damaged("its vocabulary has the same token twice");
        }
        Ok(())
    }

    /// llama.cpp takes the digits out of a byte token's text without looking whether they are
    /// there. To be called when all lists have been read, whose order in the file is up to its
    /// maker.
    pub(crate) fn check_byte_tokens(&self) -> Result<(), GgufError> {
        let written = &self.vocabulary.written_as_byte;
        let wrong = |token: &&u32| written.get(**token as usize) != Some(&true);
        match self.vocabulary.byte_tokens.iter().find(wrong) {
            Some(token) => damaged(format!("token {token} should be a byte and is not written so")),
            None => Ok(()),
        }
    }

    pub(crate) fn get(&self, key: &str) -> Option<&Value> {
        self.values.get(key)
    }

    pub(crate) fn text(&self, key: &str) -> Result<Option<&str>, GgufError> {
        match self.get(key) {
            None => Ok(None),
            Some(Value::Text(text)) => Ok(Some(text)),
            Some(_) => damaged(format!("`{key}` is not a text")),
        }
    }

    /// A 32-bit number that may be missing. llama.cpp accepts no other width for these.
    pub(crate) fn u32(&self, key: &str) -> Result<Option<u32>, GgufError> {
        match self.get(key) {
            None => Ok(None),
            Some(Value::U32(number)) => Ok(Some(*number)),
            Some(_) => damaged(format!("`{}` is not a 32-bit number", shown(key))),
        }
    }

    /// The length of a list of this type that may be missing. A list of another element type is an
    /// error: llama.cpp reads the elements as what it expects.
    pub(crate) fn array(&self, key: &str, element: ValueType) -> Result<Option<u64>, GgufError> {
        match self.get(key) {
            None => Ok(None),
            Some(Value::Array { element: found, length }) if *found == element => Ok(Some(*length)),
            Some(_) => damaged(format!("`{key}` is not a list of the right type")),
        }
    }
}

/// Represents a token's text, which would take ten times the memory: among a million tokens, two
/// different ones have the same hash with a chance of one in thirty million.
fn hash(text: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    hasher.finish()
}

fn value_type<R: Read>(source: &mut Source<R>, key: &str) -> Result<ValueType, GgufError> {
    let number = source.u32()?;
    match ValueType::from_number(number) {
        Some(value_type) => Ok(value_type),
        None => damaged(format!("`{}` has the unknown type {number}", shown(key))),
    }
}

/// Keeps the short texts that are asked for later and the chat template, and skips others. A text
/// that is needed and too long or not UTF-8 makes the file damaged; one that is not needed may be
/// anything.
fn read_text<R: Read>(source: &mut Source<R>, key: &str) -> Result<Value, GgufError> {
    let wanted = matches!(key, "general.architecture" | "general.type")
        || key.starts_with("tokenizer.ggml.")
        || key.ends_with(SCALING)
        || matches!(
            key,
            "general.name"
                | "general.finetune"
                | "general.size_label"
                | "general.license"
                | "general.license.name"
        );
    if key == TEMPLATE {
        return match source.string(TEMPLATE_BYTES_MAX)? {
            Some(text) => Ok(Value::Text(text)),
            None => damaged("its chat template is longer than 1 MiB or not a text"),
        };
    }
    if !wanted {
        source.string(0)?;
        return Ok(Value::Other);
    }
    match source.string(TEXT_BYTES_MAX)? {
        Some(text) => Ok(Value::Text(text)),
        None => damaged(format!("`{}` is too long or not a text", shown(key))),
    }
}

fn is_byte(text: &str) -> bool {
    let digits = text.strip_prefix("<0x").and_then(|rest| rest.strip_suffix('>'));
    digits.is_some_and(|digits| {
        digits.len() == 2 && digits.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'A'..=b'F'))
    })
}
