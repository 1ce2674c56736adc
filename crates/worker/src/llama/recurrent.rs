//! What a model keeps of the tokens that it has read: a cell for each, which can be removed one by
//! one, or a state that all of them are folded into, which can't be undone.

use super::Model;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum MemoryKind {
    /// Cells: the end of a sequence can be cut off, and a beginning shared.
    Cells,
    /// A state, alone or in addition to cells: a sequence can be copied as it is, and goes back by
    /// returning to a copy.
    Folded,
    /// Neither is known to work.
    Fixed,
}

/// Hybrids with another kind of memory: a copy of a sequence is more than a mark on its cells.
const FIXED: &[&str] = &["deepseek4", "glm5-next", "qwen4exp"];

impl Model {
    pub(crate) fn memory_kind(&self) -> MemoryKind {
        if !self.has_state() {
            return MemoryKind::Cells;
        }
        let known = |name: String| !FIXED.contains(&name.as_str());
        if self.metadata("general.architecture").is_some_and(known) {
            MemoryKind::Folded
        } else {
            MemoryKind::Fixed
        }
    }

    /// Size of the state of one sequence in bytes, from the shape that the file gives: at least
    /// what llama.cpp allocates. 0 for a model without a state.
    pub(crate) fn state_bytes(&self) -> u64 {
        if !self.has_state() {
            return 0;
        }
        let Some(architecture) = self.metadata("general.architecture") else { return 0 };
        let number = |name: &str| -> u64 {
            let text = self.metadata(&format!("{architecture}.{name}"));
            text.and_then(|text| text.parse().ok()).unwrap_or(0)
        };
        let shape = StateShape {
            width: number("embedding_length"),
            layers: number("block_count"),
            short_convolution: number("shortconv.l_cache"),
            heads: number("attention.head_count"),
            head_width: number("kda.head_dim"),
            key_value_width: number("wkv.head_size"),
            convolution: number("ssm.conv_kernel"),
            inner_width: number("ssm.inner_size"),
            state_width: number("ssm.state_size"),
            groups: number("ssm.group_count"),
        };
        shape.bytes()
    }
}

/// What determines the size of a state. A field is 0 if the model does not have it.
#[derive(Debug, Clone, Copy, Default)]
struct StateShape {
    width: u64,
    layers: u64,
    short_convolution: u64,
    heads: u64,
    head_width: u64,
    key_value_width: u64,
    convolution: u64,
    inner_width: u64,
    state_width: u64,
    groups: u64,
}

impl StateShape {
    /// An upper bound, as if every layer had a state: files say in many ways which of them do.
    fn bytes(&self) -> u64 {
        // Saturating throughout: the numbers are those of a file, and a product that wraps would
        // make a huge state look small.
        let values = if self.key_value_width > 0 {
            self.width.saturating_mul(self.key_value_width.saturating_add(2))
        } else if self.short_convolution > 0 {
            self.width.saturating_mul(self.short_convolution - 1)
        } else if self.head_width > 0 {
            let inner = self.heads.saturating_mul(self.head_width);
            inner.saturating_mul(self.head_width.saturating_add(3 * self.convolution.max(4)))
        } else {
            let beside = self.groups.saturating_mul(self.state_width).saturating_mul(2);
            let convolved = self.inner_width.saturating_add(beside);
            let state = self.state_width.saturating_mul(self.inner_width);
            state.saturating_add(self.convolution.saturating_mul(convolved))
        };
        values.saturating_mul(4).saturating_mul(self.layers)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_convolution_is_small_and_a_delta_net_is_not() {
        let lfm2 =
            StateShape { width: 2048, layers: 16, short_convolution: 3, ..Default::default() };
        assert_eq!(lfm2.bytes(), 2048 * 2 * 4 * 16);
        // Qwen3.5 4B: 32 heads of 128 by 128.
        let qwen = StateShape {
            width: 2560,
            layers: 32,
            convolution: 4,
            inner_width: 4096,
            state_width: 128,
            groups: 16,
            ..Default::default()
        };
        assert!(qwen.bytes() > 64 << 20 && qwen.bytes() < 80 << 20, "{}", qwen.bytes());
        let huge = StateShape { width: u64::MAX, layers: 9, short_convolution: 9, ..lfm2 };
        assert_eq!(huge.bytes(), u64::MAX);
    }
}
