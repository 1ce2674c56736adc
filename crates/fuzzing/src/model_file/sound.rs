//! Two small sound files, one for each kind of vocabulary that llama.cpp reads with its own code:
//! both can be loaded and run, and write nothing worth reading.

use super::{ModelFile, Pair, Tensor, kind, text};

const WIDTH: u64 = 32;
const INNER: u64 = 64;
const KEYS: u64 = 16;
/// Types of tokens: a word, a control token, a byte.
const NORMAL: i32 = 1;
const UNKNOWN: i32 = 2;
const CONTROL: i32 = 3;
const BYTE: i32 = 6;

/// A file of the architecture `qwen2`, whose tokens are merged from bytes as in GPT-2.
#[must_use]
pub fn bytes_of_text() -> ModelFile {
    let mut tokens: Vec<String> = (0..=255_u8).map(|byte| letter(byte).to_string()).collect();
    tokens.extend(["he", "ll", "hell", "hello"].map(str::to_owned));
    let words = tokens.len();
    let control = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"];
    let fim = ["<|fim_prefix|>", "<|fim_suffix|>", "<|fim_middle|>"];
    tokens.extend(control.into_iter().chain(fim).map(str::to_owned));
    let types = (0..tokens.len()).map(|at| if at < words { NORMAL } else { CONTROL });
    let mut file = File::new("qwen2");
    file.text("tokenizer.ggml.model", "gpt2");
    file.text("tokenizer.ggml.pre", "qwen2");
    file.texts("tokenizer.ggml.tokens", &tokens);
    file.numbers("tokenizer.ggml.token_type", types);
    let merges = ["h e", "l l", "he ll", "hell o"].map(str::to_owned);
    file.texts("tokenizer.ggml.merges", &merges);
    file.number("tokenizer.ggml.bos_token_id", words as u32);
    file.number("tokenizer.ggml.eos_token_id", words as u32 + 2);
    file.set("tokenizer.ggml.add_bos_token", kind::BOOL, vec![0]);
    file.text("tokenizer.chat_template", "{% for m in messages %}{{ m.content }}{% endfor %}");
    file.finish(tokens.len() as u64, true)
}

/// A file of the architecture `llama`, whose tokens are pieces with scores as in SentencePiece.
#[must_use]
pub fn pieces_of_text() -> ModelFile {
    let mut tokens = ["<unk>", "<s>", "</s>"].map(str::to_owned).to_vec();
    tokens.extend((0..=255).map(|byte| format!("<0x{byte:02X}>")));
    let words = ["\u{2581}", "h", "e", "l", "o", "he", "ll", "\u{2581}he", "hell", "hello"];
    tokens.extend(words.map(str::to_owned));
    let types = (0..tokens.len()).map(|at| match at {
        0 => UNKNOWN,
        1 | 2 => CONTROL,
        3..=258 => BYTE,
        _ => NORMAL,
    });
    let mut file = File::new("llama");
    file.text("tokenizer.ggml.model", "llama");
    file.texts("tokenizer.ggml.tokens", &tokens);
    let scores = (0..tokens.len()).map(|at| (-(at as f32)).to_bits() as i32);
    file.list("tokenizer.ggml.scores", kind::F32, scores);
    file.numbers("tokenizer.ggml.token_type", types);
    for (name, id) in [("bos", 1), ("eos", 2), ("unknown", 0)] {
        file.number(&format!("tokenizer.ggml.{name}_token_id"), id);
    }
    file.finish(tokens.len() as u64, false)
}

/// The letter that represents a byte in GPT-2's tokens.
fn letter(byte: u8) -> char {
    let printable = |byte: u8| matches!(byte, 0x21..=0x7E | 0xA1..=0xAC | 0xAE..=0xFF);
    if printable(byte) {
        return char::from(byte);
    }
    let before = (0..byte).filter(|byte| !printable(*byte)).count() as u32;
    char::from_u32(256 + before).expect("a letter of Latin Extended-A")
}

struct File {
    architecture: &'static str,
    pairs: Vec<Pair>,
    tensors: Vec<Tensor>,
    end: u64,
}

impl File {
    fn new(architecture: &'static str) -> Self {
        let mut file = Self { architecture, pairs: Vec::new(), tensors: Vec::new(), end: 0 };
        file.text("general.architecture", architecture);
        file.text("general.name", "Small");
        file.number("general.file_type", 0);
        for (name, number) in [
            ("context_length", 128),
            ("embedding_length", WIDTH as u32),
            ("block_count", 1),
            ("feed_forward_length", INNER as u32),
            ("attention.head_count", 4),
            ("attention.head_count_kv", 2),
            ("rope.dimension_count", 8),
        ] {
            file.number(&format!("{architecture}.{name}"), number);
        }
        for (name, number) in
            [("attention.layer_norm_rms_epsilon", 1e-6_f32), ("rope.freq_base", 10_000.0)]
        {
            let key = format!("{architecture}.{name}");
            file.set(&key, kind::F32, number.to_le_bytes().to_vec());
        }
        file
    }

    fn set(&mut self, key: &str, kind: u32, value: Vec<u8>) {
        self.pairs.push(Pair { key: key.as_bytes().to_vec(), kind, value });
    }

    fn text(&mut self, key: &str, value: &str) {
        self.set(key, kind::STRING, text(value.as_bytes()));
    }

    fn number(&mut self, key: &str, number: u32) {
        self.set(key, kind::U32, number.to_le_bytes().to_vec());
    }

    fn texts(&mut self, key: &str, texts: &[String]) {
        let mut value = kind::STRING.to_le_bytes().to_vec();
        value.extend((texts.len() as u64).to_le_bytes());
        value.extend(texts.iter().flat_map(|it| text(it.as_bytes())));
        self.set(key, kind::ARRAY, value);
    }

    fn numbers(&mut self, key: &str, numbers: impl ExactSizeIterator<Item = i32>) {
        self.list(key, kind::I32, numbers);
    }

    fn list(&mut self, key: &str, element: u32, numbers: impl ExactSizeIterator<Item = i32>) {
        let mut value = element.to_le_bytes().to_vec();
        value.extend((numbers.len() as u64).to_le_bytes());
        value.extend(numbers.flat_map(i32::to_le_bytes));
        self.set(key, kind::ARRAY, value);
    }

    fn tensor(&mut self, name: &str, shape: &[u64]) {
        let tensor = Tensor { name: name.into(), shape: shape.into(), kind: 0, offset: self.end };
        self.end += tensor.bytes().expect("a small tensor").next_multiple_of(32);
        self.tensors.push(tensor);
    }

    fn finish(mut self, tokens: u64, biased: bool) -> ModelFile {
        self.tensor("token_embd.weight", &[WIDTH, tokens]);
        self.tensor("output_norm.weight", &[WIDTH]);
        for (name, shape) in [
            ("attn_norm.weight", &[WIDTH][..]),
            ("attn_q.weight", &[WIDTH, WIDTH]),
            ("attn_k.weight", &[WIDTH, KEYS]),
            ("attn_v.weight", &[WIDTH, KEYS]),
            ("attn_output.weight", &[WIDTH, WIDTH]),
            ("ffn_norm.weight", &[WIDTH]),
            ("ffn_gate.weight", &[WIDTH, INNER]),
            ("ffn_up.weight", &[WIDTH, INNER]),
            ("ffn_down.weight", &[INNER, WIDTH]),
        ] {
            self.tensor(&format!("blk.0.{name}"), shape);
        }
        if biased {
            for (name, size) in [("q", WIDTH), ("k", KEYS), ("v", KEYS)] {
                self.tensor(&format!("blk.0.attn_{name}.bias"), &[size]);
            }
        }
        debug_assert!(!self.architecture.is_empty());
        let mut file = ModelFile {
            version: 3,
            pairs: self.pairs,
            tensors: self.tensors,
            padding: Vec::new(),
            data: vec![0; usize::try_from(self.end).expect("a small file")],
        };
        file.pad();
        file
    }
}
