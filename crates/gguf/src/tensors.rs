//! The list of tensors: what is stored where in the file.
//!
//! llama.cpp maps the file and trusts this list, so every number in it is checked: shapes,
//! sizes, and that the tensors follow each other within the file.

use std::collections::{HashMap, HashSet};
use std::io::Read;

use crate::error::{GgufError, damaged, shown};
use crate::source::Source;
use crate::types::{TensorType, tensor_type};

const TENSORS_MAX: u64 = 65_536;
/// llama.cpp keeps names in 64 bytes including a final zero.
const NAME_BYTES_MAX: u64 = 63;
const DIMENSIONS_MAX: u32 = 4;
/// ggml can't multiply with matrices of these types: the table of its CPU backend
/// (`type_traits_cpu` in `ggml-cpu.c`, as shipped with `llama-cpp-sys-2` 0.1.161) has no function
/// for them, and it would call a null pointer. Two are intermediate results, the others are lists
/// of indices.
const NOT_MULTIPLIED: &[&str] = &["Q8_1", "Q8_K", "I8", "I16", "I32", "I64", "F64"];
/// Tensors that are added or multiplied element by element, which ggml only does with plain
/// numbers.
const PLAIN: &[&str] = &["norm.weight", ".bias"];
/// The tensor that is a list of indices: the experts for each token, by its number.
const INDICES: &str = ".ffn_gate_tid2eid.weight";

#[derive(Debug, Default)]
pub(crate) struct Tensors {
    pub(crate) parameters: u64,
    pub(crate) bytes: u64,
    /// Bytes by type, to name the one that most weights have.
    by_type: HashMap<&'static str, u64>,
    /// Shape of `token_embd.weight`: width and number of rows.
    pub(crate) embedding: Option<(u64, u64)>,
    pub(crate) names: HashSet<String>,
    /// The end of the last tensor, from the beginning of the data.
    end: u64,
}

impl Tensors {
    /// Reads the list and checks that the tensors follow each other without gaps or overlaps, as
    /// llama.cpp requires: a tensor whose offset leads elsewhere would be read from another one's
    /// data. Whether the last one ends within the file is known at the end of the list, where the
    /// data begins.
    pub(crate) fn read<R: Read>(
        source: &mut Source<R>,
        tensors: u64,
        alignment: u64,
    ) -> Result<Self, GgufError> {
        match tensors {
            0 => {
                return Err(GgufError::Unsupported(
                    "it has no weights, only a vocabulary".to_owned(),
                ));
            }
            1..=TENSORS_MAX => {}
            _ => return damaged(format!("it claims {tensors} tensors")),
        }
        let mut all = Self::default();
        let mut next_offset = 0_u64;
        for _ in 0..tensors {
            let Some(name) = source.string(NAME_BYTES_MAX)?.filter(|name| !name.is_empty()) else {
                return damaged("a tensor has no proper name");
            };
            let shape = Shape::read(source, &name)?;
            let offset = source.u64()?;
            // Two tensors in the same bytes are what an attacker would write; llama.cpp refuses
            // gaps and overlaps, too.
            if offset != next_offset {
                return damaged(format!("the tensor `{}` is not where it should be", shown(&name)));
            }
            let Some(end) = offset.checked_add(shape.bytes) else {
                return damaged("its tensors are larger than any file");
            };
            all.add(&name, &shape, end);
            let Some(padded) = end.checked_next_multiple_of(alignment) else {
                return damaged("its tensors are larger than any file");
            };
            next_offset = padded;
            // llama.cpp looks tensors up by name.
            if let Some(twice) = all.names.replace(name) {
                return damaged(format!("the tensor `{}` is there twice", shown(&twice)));
            }
        }
        all.check_end(source, alignment)?;
        Ok(all)
    }

    fn add(&mut self, name: &str, shape: &Shape, end: u64) {
        self.parameters = self.parameters.saturating_add(shape.elements);
        self.bytes = self.bytes.saturating_add(shape.bytes);
        *self.by_type.entry(shape.kind.name).or_default() += shape.bytes;
        if name == "token_embd.weight" {
            self.embedding = Some((shape.width, shape.elements / shape.width));
        }
        self.end = end;
    }

    fn check_end<R: Read>(&self, source: &Source<R>, alignment: u64) -> Result<(), GgufError> {
        let start = source.position().next_multiple_of(alignment);
        let Some(expected_bytes) = start.checked_add(self.end) else {
            return damaged("its tensors are larger than any file");
        };
        let actual_bytes = source.file_bytes();
        // The list alone looks whole in a download that was interrupted: only the end of the last
        // tensor shows that data is missing.
        if expected_bytes > actual_bytes {
            return Err(GgufError::Truncated { expected_bytes, actual_bytes });
        }
        Ok(())
    }

    /// The type with the most bytes; among equals the last by name, so that the answer does not
    /// depend on the order of a hash map.
    pub(crate) fn usual_type(&self) -> &'static str {
        let most = self.by_type.iter().max_by_key(|(name, bytes)| (**bytes, **name));
        most.map_or("F32", |(name, _)| name)
    }
}

/// The type and size of a tensor. `width` is the first dimension, in which the numbers of a row
/// follow each other.
struct Shape {
    kind: TensorType,
    width: u64,
    elements: u64,
    bytes: u64,
}

impl Shape {
    fn read<R: Read>(source: &mut Source<R>, name: &str) -> Result<Self, GgufError> {
        let dimensions = source.u32()?;
        if !(1..=DIMENSIONS_MAX).contains(&dimensions) {
            return damaged(format!("the tensor `{}` has {dimensions} dimensions", shown(name)));
        }
        let mut width = 0;
        // Wider than what is allowed, so that one more factor can't overflow before it is checked.
        let mut elements = 1_u128;
        for dimension in 0..dimensions {
            let size = source.u64()?;
            width = if dimension == 0 { size } else { width };
            // Checked after each step: llama.cpp counts elements in signed 64-bit numbers.
            elements = match elements.checked_mul(size.into()) {
                Some(product) if size > 0 && product <= i64::MAX as u128 => product,
                _ => {
                    return damaged(format!("the tensor `{}` has an impossible size", shown(name)));
                }
            };
        }
        let kind = tensor_type(source.u32()?)?;
        // ggml ends the process at other types: `binary_op: unsupported types`.
        if kind.name != "F32" && PLAIN.iter().any(|ending| name.ends_with(ending)) {
            let (name, kind) = (shown(name), kind.name);
            return damaged(format!("`{name}` is of the type {kind} and should be of F32"));
        }
        if NOT_MULTIPLIED.contains(&kind.name) && !(kind.name == "I32" && name.ends_with(INDICES)) {
            let (name, kind) = (shown(name), kind.name);
            return damaged(format!("`{name}` is of the type {kind}, which no weights are"));
        }
        // Blocks do not cross rows.
        if !width.is_multiple_of(kind.block) {
            return damaged(format!(
                "the rows of `{}` do not fit the type {}",
                shown(name),
                kind.name
            ));
        }
        let elements = u64::try_from(elements).unwrap_or(u64::MAX);
        match (elements / kind.block).checked_mul(kind.block_bytes) {
            Some(bytes) => Ok(Self { kind, width, elements, bytes }),
            None => damaged(format!("the tensor `{}` has an impossible size", shown(name))),
        }
    }
}
