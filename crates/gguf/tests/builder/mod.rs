//! Writes small GGUF files, valid or not, for the tests.

/// Type numbers of metadata values.
pub(crate) const U16: u32 = 2;
pub(crate) const U32: u32 = 4;
pub(crate) const I32: u32 = 5;
pub(crate) const F32: u32 = 6;
pub(crate) const BOOL: u32 = 7;
pub(crate) const STRING: u32 = 8;
pub(crate) const ARRAY: u32 = 9;

/// Tensors of a layer of `qwen2`.
pub(crate) const LAYER: [&str; 9] = [
    "attn_norm",
    "attn_q",
    "attn_k",
    "attn_v",
    "attn_output",
    "ffn_norm",
    "ffn_gate",
    "ffn_up",
    "ffn_down",
];
/// Bytes and elements of these in both layers.
pub(crate) const LAYERS_BYTES: u64 = 2 * 9 * 4;

/// A file under construction. Everything in it can be wrong.
#[derive(Clone)]
pub(crate) struct Builder {
    pub(crate) version: u32,
    pub(crate) pairs: Vec<(Vec<u8>, u32, Vec<u8>)>,
    pub(crate) tensors: Vec<Tensor>,
    pub(crate) pairs_claimed: Option<u64>,
    pub(crate) tensors_claimed: Option<u64>,
}

/// A tensor as its list entry describes it.
#[derive(Clone)]
pub(crate) struct Tensor {
    pub(crate) name: String,
    pub(crate) shape: Vec<u64>,
    pub(crate) kind: u32,
    pub(crate) offset: u64,
}

impl Builder {
    /// [`Self::sound`] under the name of another architecture.
    pub(crate) fn sound_as(architecture: &str) -> Self {
        let mut file = Self::sound();
        for (key, ..) in &mut file.pairs {
            if let Some(rest) = key.strip_prefix(b"qwen2.") {
                *key = [architecture.as_bytes(), b".", rest].concat();
            }
        }
        file.text("general.architecture", architecture);
        file
    }

    /// A valid file of a tiny model: 8 tokens of width 32, two layers.
    pub(crate) fn sound() -> Self {
        let mut builder = Self {
            version: 3,
            pairs: Vec::new(),
            tensors: Vec::new(),
            pairs_claimed: None,
            tensors_claimed: None,
        };
        builder.text("general.architecture", "qwen2");
        builder.text("general.name", "Tiny");
        builder.text("general.license", "mit");
        builder.number("general.file_type", 15);
        builder.number("qwen2.context_length", 2048);
        builder.number("qwen2.embedding_length", 32);
        builder.number("qwen2.block_count", 2);
        builder.number("qwen2.attention.head_count", 4);
        builder.number("qwen2.attention.head_count_kv", 2);
        builder.set("qwen2.rope.freq_base", F32, &10_000_f32.to_le_bytes());
        builder.text("tokenizer.ggml.model", "gpt2");
        builder.tokens(&[
            "a",
            "b",
            "<0x0A>",
            "c",
            "<|fim_prefix|>",
            "<|fim_suffix|>",
            "<|fim_middle|>",
            "d",
        ]);
        builder.set("tokenizer.ggml.token_type", ARRAY, &numbers(I32, &[1, 1, 6, 1, 3, 3, 3, 1]));
        builder.set("tokenizer.ggml.scores", ARRAY, &numbers(F32, &[0; 8]));
        builder.set("tokenizer.ggml.add_bos_token", BOOL, &[0]);
        builder.text("tokenizer.chat_template", "{{ messages }}");
        builder.tensor("token_embd.weight", &[32, 8], 8);
        builder.tensor("output_norm.weight", &[32], 0);
        // What a layer must have; the shapes are not checked.
        for name in (0..2).flat_map(|layer| LAYER.map(|part| format!("blk.{layer}.{part}.weight")))
        {
            builder.tensor(&name, &[1], 0);
        }
        builder
    }

    /// Lays the tensors out one after the other again, after a shape or a name has changed.
    pub(crate) fn lay_out(&mut self) {
        for tensor in std::mem::take(&mut self.tensors) {
            self.tensor(&tensor.name, &tensor.shape, tensor.kind);
        }
    }

    pub(crate) fn set(&mut self, key: &str, kind: u32, value: &[u8]) {
        self.pairs.retain(|(name, ..)| name != key.as_bytes());
        self.pairs.push((key.into(), kind, value.into()));
    }

    pub(crate) fn text(&mut self, key: &str, text: &str) {
        self.set(key, STRING, &string(text));
    }

    pub(crate) fn number(&mut self, key: &str, number: u32) {
        self.set(key, U32, &number.to_le_bytes());
    }

    pub(crate) fn remove(&mut self, key: &str) {
        self.pairs.retain(|(name, ..)| name != key.as_bytes());
    }

    pub(crate) fn tokens(&mut self, tokens: &[&str]) {
        let mut value = STRING.to_le_bytes().to_vec();
        value.extend((tokens.len() as u64).to_le_bytes());
        value.extend(tokens.iter().flat_map(|token| string(token)));
        self.set("tokenizer.ggml.tokens", ARRAY, &value);
    }

    /// Adds a tensor (of type 0 or 8) after the existing ones.
    pub(crate) fn tensor(&mut self, name: &str, shape: &[u64], kind: u32) {
        let offset = self.data_bytes().next_multiple_of(32);
        self.tensors.push(Tensor { name: name.into(), shape: shape.into(), kind, offset });
    }

    fn data_bytes(&self) -> u64 {
        self.tensors.last().map_or(0, |tensor| {
            let elements = tensor.shape.iter().fold(1, |all: u64, size| all.wrapping_mul(*size));
            let bytes =
                if tensor.kind == 8 { elements / 32 * 34 } else { elements.wrapping_mul(4) };
            tensor.offset.wrapping_add(bytes)
        })
    }

    /// The header alone.
    pub(crate) fn header(&self) -> Vec<u8> {
        let mut file = b"GGUF".to_vec();
        file.extend(self.version.to_le_bytes());
        file.extend(self.tensors_claimed.unwrap_or(self.tensors.len() as u64).to_le_bytes());
        file.extend(self.pairs_claimed.unwrap_or(self.pairs.len() as u64).to_le_bytes());
        for (key, kind, value) in &self.pairs {
            file.extend((key.len() as u64).to_le_bytes());
            file.extend(key);
            file.extend(kind.to_le_bytes());
            file.extend(value);
        }
        for tensor in &self.tensors {
            file.extend(string(&tensor.name));
            file.extend((tensor.shape.len() as u32).to_le_bytes());
            file.extend(tensor.shape.iter().flat_map(|size| size.to_le_bytes()));
            file.extend(tensor.kind.to_le_bytes());
            file.extend(tensor.offset.to_le_bytes());
        }
        file
    }

    /// The whole file, with zeros as its data. Data larger than a test needs is omitted.
    pub(crate) fn file(&self) -> Vec<u8> {
        let mut file = self.header();
        let start = file.len().next_multiple_of(32);
        file.resize(start + self.data_bytes().min(1 << 20) as usize, 0);
        file
    }
}

/// A text preceded by its length.
pub(crate) fn string(text: &str) -> Vec<u8> {
    let mut value = (text.len() as u64).to_le_bytes().to_vec();
    value.extend(text.as_bytes());
    value
}

/// A list of 32-bit numbers.
pub(crate) fn numbers(kind: u32, numbers: &[i32]) -> Vec<u8> {
    let mut value = kind.to_le_bytes().to_vec();
    value.extend((numbers.len() as u64).to_le_bytes());
    value.extend(numbers.iter().flat_map(|number| number.to_le_bytes()));
    value
}
