//! Models of a few hundred kilobytes with random weights and the demo model's vocabulary: one for
//! each way in which a model remembers what it has read. They write words without meaning, and the
//! same words for the same prompt.

use crate::demo;

const NUMBER: u32 = 4;
const FLOAT: u32 = 6;
const TEXT: u32 = 8;
const LIST: u32 = 9;
const NUMBERS: u32 = 5;

const LAYERS: u32 = 4;
const WIDTH: u64 = 64;
const INNER: u64 = 128;
const HEADS: u64 = 4;
const HEADS_KV: u64 = 2;
const HEAD: u64 = 16;
const CONVOLUTION: u64 = 4;
/// Heads of a layer's state, and their width.
const STATE_HEADS: u64 = 4;
const STATE: u64 = 16;
const GROUPS: u64 = 2;

/// How a model remembers what it has read. It decides whether a prompt can be cut back to an
/// earlier point, and with it how drafts and kept prompts work; so there is a model for each kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Memory {
    /// Three of four layers look at the last two tokens. llama.cpp can go back in them.
    ShortConvolution,
    /// Three of four layers fold everything into a state by gated delta rules. llama.cpp can go
    /// back.
    DeltaNet,
    /// Three of four layers fold everything into a state, like Mamba. llama.cpp can't go back.
    StateSpace,
    /// Every second layer sees only this many tokens back.
    SlidingWindow(u32),
}

impl Memory {
    const fn architecture(self) -> &'static str {
        match self {
            Self::ShortConvolution => "lfm2",
            Self::DeltaNet => "qwen35",
            Self::StateSpace => "granitehybrid",
            Self::SlidingWindow(_) => "gemma3",
        }
    }

    const fn has_state(self) -> bool {
        !matches!(self, Self::SlidingWindow(_))
    }
}

/// The bytes of a model with this kind of memory.
///
/// # Panics
/// If the demo model does not exist.
#[must_use]
pub fn model(memory: Memory) -> Vec<u8> {
    File::new(memory, 0.0).written()
}

/// The bytes of a model that mostly writes what [`model`] does, and sometimes something else: its
/// weights are mixed with this share of others, from 0 to 1.
///
/// # Panics
/// Like [`model`].
#[must_use]
pub fn relative(memory: Memory, difference: f32) -> Vec<u8> {
    File::new(memory, difference).written()
}

struct File {
    memory: Memory,
    pairs: Vec<u8>,
    pair_count: u64,
    tensors: Vec<(String, Vec<u64>, Vec<f32>)>,
    random: u64,
    /// The share of other weights that is mixed in, and the generator of these.
    difference: f32,
    others: u64,
}

impl File {
    fn new(memory: Memory, difference: f32) -> Self {
        let mut file = Self {
            memory,
            difference,
            others: 0xD1B5_4A32_D192_ED03,
            pairs: Vec::new(),
            pair_count: 0,
            tensors: Vec::new(),
            random: 0x9E37_79B9_7F4A_7C15,
        };
        let vocabulary = Vocabulary::of_demo();
        file.pair("general.architecture", TEXT, text(memory.architecture().as_bytes()));
        file.pair("general.name", TEXT, text(b"Tiny"));
        file.pairs.extend(&vocabulary.pairs);
        file.pair_count += vocabulary.pair_count;
        file.numbers();
        file.weights(&vocabulary);
        file
    }

    fn pair(&mut self, key: &str, kind: u32, value: Vec<u8>) {
        self.pairs.extend(text(key.as_bytes()));
        self.pairs.extend(kind.to_le_bytes());
        self.pairs.extend(value);
        self.pair_count += 1;
    }

    fn own(&mut self, key: &str, kind: u32, value: Vec<u8>) {
        self.pair(&format!("{}.{key}", self.memory.architecture()), kind, value);
    }

    fn number(&mut self, key: &str, number: u64) {
        let number = u32::try_from(number).expect("it is small");
        self.own(key, NUMBER, number.to_le_bytes().to_vec());
    }

    fn list(&mut self, key: &str, numbers: &[u32]) {
        let mut value = NUMBERS.to_le_bytes().to_vec();
        value.extend((numbers.len() as u64).to_le_bytes());
        value.extend(numbers.iter().flat_map(|number| number.to_le_bytes()));
        self.own(key, LIST, value);
    }

    fn numbers(&mut self) {
        for (key, number) in [
            ("context_length", 2048),
            ("embedding_length", WIDTH),
            ("block_count", LAYERS.into()),
            ("feed_forward_length", INNER),
            ("attention.head_count", HEADS),
            ("attention.key_length", HEAD),
            ("attention.value_length", HEAD),
            ("rope.dimension_count", HEAD),
        ] {
            self.number(key, number);
        }
        self.own("attention.layer_norm_rms_epsilon", FLOAT, 1e-6_f32.to_le_bytes().to_vec());
        self.own("rope.freq_base", FLOAT, 10_000_f32.to_le_bytes().to_vec());
        match self.memory {
            Memory::ShortConvolution | Memory::StateSpace => {
                // A layer without keys has a state instead.
                let heads = (0..LAYERS).map(|it| if self.looks_back(it) { 2 } else { 0 });
                self.list("attention.head_count_kv", &heads.collect::<Vec<_>>());
            }
            _ => self.number("attention.head_count_kv", HEADS_KV),
        }
        match self.memory {
            Memory::ShortConvolution => self.number("shortconv.l_cache", CONVOLUTION - 1),
            Memory::DeltaNet => {
                self.state_numbers(STATE_HEADS * STATE);
                self.number("full_attention_interval", LAYERS.into());
                self.list("rope.dimension_sections", &[4, 2, 2, 0]);
            }
            Memory::StateSpace => self.state_numbers(2 * WIDTH),
            Memory::SlidingWindow(tokens) => {
                self.number("attention.sliding_window", tokens.into());
                self.number("attention.sliding_window_pattern", 2);
            }
        }
    }

    fn state_numbers(&mut self, inner: u64) {
        for (key, number) in [
            ("ssm.conv_kernel", CONVOLUTION),
            ("ssm.inner_size", inner),
            ("ssm.state_size", STATE),
            ("ssm.time_step_rank", STATE_HEADS),
            ("ssm.group_count", GROUPS),
        ] {
            self.number(key, number);
        }
    }

    const fn looks_back(&self, layer: u32) -> bool {
        !self.memory.has_state() || layer + 1 == LAYERS
    }

    fn weights(&mut self, vocabulary: &Vocabulary) {
        self.tensor("token_embd.weight", &[WIDTH, vocabulary.words.len() as u64], 1.0);
        let norm = match self.memory {
            Memory::ShortConvolution => "token_embd_norm.weight",
            _ => "output_norm.weight",
        };
        self.ones(norm, WIDTH);
        // Only words that stay whole when the written text is read again; no other token is ever
        // chosen.
        let mut output = Vec::new();
        for word in &vocabulary.words {
            let is_whole = is_word(word);
            output.extend((0..WIDTH).map(|_| if is_whole { self.next() } else { 0.0 }));
        }
        let shape = vec![WIDTH, vocabulary.words.len() as u64];
        self.tensors.push(("output.weight".to_owned(), shape, output));
        for layer in 0..LAYERS {
            self.layer(layer);
        }
    }

    fn layer(&mut self, layer: u32) {
        let name = |part: &str| format!("blk.{layer}.{part}");
        self.ones(&name("attn_norm.weight"), WIDTH);
        if self.looks_back(layer) {
            self.attention(layer);
        } else {
            match self.memory {
                Memory::ShortConvolution => self.short_convolution(layer),
                Memory::DeltaNet => self.delta_net(layer),
                _ => self.state_space(layer),
            }
        }
        match self.memory {
            Memory::DeltaNet => self.ones(&name("post_attention_norm.weight"), WIDTH),
            Memory::SlidingWindow(_) => {
                for part in ["post_attention_norm", "post_ffw_norm", "ffn_norm"] {
                    self.ones(&name(&format!("{part}.weight")), WIDTH);
                }
            }
            _ => self.ones(&name("ffn_norm.weight"), WIDTH),
        }
        self.matrix(&name("ffn_gate.weight"), WIDTH, INNER);
        self.matrix(&name("ffn_up.weight"), WIDTH, INNER);
        self.matrix(&name("ffn_down.weight"), INNER, WIDTH);
    }

    fn attention(&mut self, layer: u32) {
        let name = |part: &str| format!("blk.{layer}.{part}.weight");
        // The query comes with a gate.
        let queries = if self.memory == Memory::DeltaNet { 2 } else { 1 };
        self.matrix(&name("attn_q"), WIDTH, HEADS * HEAD * queries);
        self.matrix(&name("attn_k"), WIDTH, HEADS_KV * HEAD);
        self.matrix(&name("attn_v"), WIDTH, HEADS_KV * HEAD);
        self.matrix(&name("attn_output"), HEADS * HEAD, WIDTH);
        if self.memory != Memory::StateSpace {
            self.ones(&name("attn_q_norm"), HEAD);
            self.ones(&name("attn_k_norm"), HEAD);
        }
    }

    fn short_convolution(&mut self, layer: u32) {
        let name = |part: &str| format!("blk.{layer}.shortconv.{part}.weight");
        self.matrix(&name("conv"), CONVOLUTION - 1, WIDTH);
        self.matrix(&name("in_proj"), WIDTH, 3 * WIDTH);
        self.matrix(&name("out_proj"), WIDTH, WIDTH);
    }

    fn delta_net(&mut self, layer: u32) {
        let name = |part: &str| format!("blk.{layer}.{part}");
        let values = STATE_HEADS * STATE;
        let all = 2 * GROUPS * STATE + values;
        self.matrix(&name("attn_qkv.weight"), WIDTH, all);
        self.matrix(&name("attn_gate.weight"), WIDTH, values);
        self.matrix(&name("ssm_conv1d.weight"), CONVOLUTION, all);
        self.tensor(&name("ssm_dt.bias"), &[STATE_HEADS], 0.5);
        self.decays(&name("ssm_a"), &[STATE_HEADS]);
        self.matrix(&name("ssm_beta.weight"), WIDTH, STATE_HEADS);
        self.matrix(&name("ssm_alpha.weight"), WIDTH, STATE_HEADS);
        self.ones(&name("ssm_norm.weight"), STATE);
        self.matrix(&name("ssm_out.weight"), values, WIDTH);
    }

    fn state_space(&mut self, layer: u32) {
        let name = |part: &str| format!("blk.{layer}.{part}");
        let inner = 2 * WIDTH;
        let all = inner + 2 * GROUPS * STATE;
        self.matrix(&name("ssm_in.weight"), WIDTH, inner + all + STATE_HEADS);
        self.matrix(&name("ssm_conv1d.weight"), CONVOLUTION, all);
        self.tensor(&name("ssm_conv1d.bias"), &[all], 0.1);
        self.tensor(&name("ssm_dt.bias"), &[STATE_HEADS], 0.5);
        self.decays(&name("ssm_a"), &[1, STATE_HEADS]);
        self.tensor(&name("ssm_d"), &[1, STATE_HEADS], 1.0);
        let values = vec![1.0; usize::try_from(inner).expect("it is small")];
        self.tensors.push((name("ssm_norm.weight"), vec![inner / GROUPS, GROUPS], values));
        self.matrix(&name("ssm_out.weight"), inner, WIDTH);
    }

    /// Scaled so that the output is about as large as the input.
    #[expect(clippy::cast_precision_loss, reason = "it is small")]
    fn matrix(&mut self, name: &str, from: u64, to: u64) {
        self.tensor(name, &[from, to], 1.8 / (from as f32).sqrt());
    }

    fn ones(&mut self, name: &str, width: u64) {
        let values = vec![1.0; usize::try_from(width).expect("it is small")];
        self.tensors.push((name.to_owned(), vec![width], values));
    }

    fn tensor(&mut self, name: &str, shape: &[u64], size: f32) {
        let values = (0..shape.iter().product()).map(|_| self.next() * size).collect();
        self.tensors.push((name.to_owned(), shape.to_vec(), values));
    }

    /// How fast a state forgets: slowly, so that distant tokens count.
    fn decays(&mut self, name: &str, shape: &[u64]) {
        let values = (0..shape.iter().product()).map(|_| -0.02 - 0.05 * self.next().abs());
        let values = values.collect();
        self.tensors.push((name.to_owned(), shape.to_vec(), values));
    }

    fn next(&mut self) -> f32 {
        // Both generators are drawn from each time, so that relatives with different shares differ
        // from the same model by more or less of the same weights.
        let own = drawn(&mut self.random);
        own + self.difference * (drawn(&mut self.others) - own)
    }

    fn written(&self) -> Vec<u8> {
        let mut file = b"GGUF".to_vec();
        file.extend(3_u32.to_le_bytes());
        file.extend((self.tensors.len() as u64).to_le_bytes());
        file.extend(self.pair_count.to_le_bytes());
        file.extend(&self.pairs);
        let mut data: Vec<u8> = Vec::new();
        for (name, shape, values) in &self.tensors {
            // GGUF's default alignment, for each tensor and for the data as a whole.
            data.resize(data.len().next_multiple_of(32), 0);
            file.extend(text(name.as_bytes()));
            file.extend(u32::try_from(shape.len()).expect("it has two").to_le_bytes());
            file.extend(shape.iter().flat_map(|size| size.to_le_bytes()));
            file.extend(0_u32.to_le_bytes());
            file.extend((data.len() as u64).to_le_bytes());
            data.extend(values.iter().flat_map(|value| value.to_le_bytes()));
        }
        file.resize(file.len().next_multiple_of(32), 0);
        file.extend(data);
        file
    }
}

#[expect(clippy::cast_precision_loss, reason = "24 bits fit")]
fn drawn(state: &mut u64) -> f32 {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    // Spread evenly over ±√3, which is a variance of 1.
    ((*state >> 40) as f32 / 8_388_608.0 - 1.0) * 1.732
}

fn is_word(token: &[u8]) -> bool {
    let letters = token.strip_prefix("\u{120}".as_bytes());
    letters.is_some_and(|it| it.len() > 1 && it.iter().all(u8::is_ascii_lowercase))
}

struct Vocabulary {
    pairs: Vec<u8>,
    pair_count: u64,
    words: Vec<Vec<u8>>,
}

impl Vocabulary {
    fn of_demo() -> Self {
        let bytes = demo::bytes();
        let number =
            |at: usize| u64::from_le_bytes(bytes[at..at + 8].try_into().expect("they are eight"));
        let size = |at: usize| usize::try_from(number(at)).expect("it was read");
        let mut it = Self { pairs: Vec::new(), pair_count: 0, words: Vec::new() };
        // After the magic, the version and the two counts.
        let mut at = 24;
        for _ in 0..number(16) {
            let start = at;
            let key = &bytes[at + 8..at + 8 + size(at)];
            at += 8 + key.len();
            let kind = |at: usize| {
                u32::from_le_bytes(bytes[at..at + 4].try_into().expect("they are four"))
            };
            let (value, of) = (at + 4, kind(at));
            let mut words = Vec::new();
            at = match of {
                TEXT => value + 8 + size(value),
                LIST if kind(value) == TEXT => {
                    let mut word = value + 12;
                    for _ in 0..number(value + 4) {
                        words.push(bytes[word + 8..word + 8 + size(word)].to_vec());
                        word += 8 + size(word);
                    }
                    word
                }
                // The demo model has only lists of four-byte numbers besides those of texts.
                LIST => value + 12 + 4 * size(value + 4),
                7 => value + 1,
                _ => value + 4,
            };
            if key.starts_with(b"tokenizer.") {
                it.pairs.extend(&bytes[start..at]);
                it.pair_count += 1;
                if key == b"tokenizer.ggml.tokens" {
                    it.words = words;
                }
            }
        }
        it
    }
}

fn text(text: &[u8]) -> Vec<u8> {
    [&(text.len() as u64).to_le_bytes()[..], text].concat()
}
