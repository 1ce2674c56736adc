//! One to three changes to a GGUF file, drawn from a seed: to its metadata, its vocabulary, its
//! tensors, to counts and lengths, and to single bytes.

use super::{ModelFile, Pair, Tensor, kind, text};

/// Numbers that tend to break something: limits of types and of other readers, and one that made
/// llama.cpp abort when it was the number of heads.
pub(super) const NUMBERS: &[u64] = &[
    0,
    1,
    2,
    3,
    7,
    31,
    33,
    255,
    256,
    4096,
    4097,
    64_260,
    65_535,
    65_536,
    1 << 20,
    (1 << 31) - 1,
    1 << 31,
    u32::MAX as u64,
    1 << 32,
    i64::MAX as u64,
    u64::MAX,
];

pub(super) const FLOATS: &[f32] =
    &[0.0, -0.0, -1.0, 1e-45, 1e38, f32::INFINITY, f32::NEG_INFINITY, f32::NAN];

/// Texts that are not tokens, or a token that exists already.
const TOKENS: &[&[u8]] = &[
    b"",
    b"h",
    b"hello",
    b"<0x0A>",
    b"<0xZZ>",
    b"<0x",
    b"</s>",
    b"<|im_end|>",
    b"\0",
    b"a\0b",
    b"\xff\xfe",
    b" ",
    b"\xe2\x96\x81",
    b"\n",
];

/// A small random number generator (xorshift64*), so that a seed gives the same file everywhere.
pub(super) struct Numbers(u64);

impl Numbers {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 8
    }

    pub(super) fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() % end.max(1) as u64).unwrap_or(0)
    }

    pub(super) fn of<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.below(all.len())]
    }
}

type Change = (&'static str, fn(&mut ModelFile, &mut Numbers));

const CHANGES: &[Change] = &[
    ("a number", number),
    ("a float", float),
    ("a text", a_text),
    ("a type", |file, numbers| {
        // A type of the same width does not shift what follows it.
        let like = [kind::U32, kind::I32, kind::F32];
        let any = numbers.below(15) as u32;
        let other = if numbers.below(2) == 0 { any } else { numbers.of(&like) };
        if let Some(pair) = a_pair(file, numbers)
            && (other == any || like.contains(&pair.kind))
        {
            pair.kind = other;
        }
    }),
    ("an entry twice", |file, numbers| {
        if let Some(pair) = a_pair(file, numbers).cloned() {
            let at = numbers.below(file.pairs.len() + 1);
            file.pairs.insert(at, pair);
        }
    }),
    ("an entry less", |file, numbers| {
        let at = numbers.below(file.pairs.len());
        if at < file.pairs.len() {
            file.pairs.remove(at);
        }
    }),
    ("another name", |file, numbers| {
        let name =
            numbers.of(&[&b""[..], b"general.alignment", b"x", b"\xff", b"a b", b"general.type"]);
        if let Some(pair) = a_pair(file, numbers) {
            pair.key = name.to_vec();
        }
    }),
    ("an entry more", |file, numbers| {
        let (key, kind) = numbers.of(EXTRA);
        let value = numbers.of(NUMBERS).to_le_bytes();
        let width = super::scalar_bytes(kind).unwrap_or(0);
        let value =
            if kind == kind::STRING { text(numbers.of(TOKENS)) } else { value[..width].to_vec() };
        file.pairs.push(Pair { key: key.as_bytes().to_vec(), kind, value });
        file.pad();
    }),
    ("entries in another order", |file, numbers| {
        let (a, b) = (numbers.below(file.pairs.len()), numbers.below(file.pairs.len()));
        if a.max(b) < file.pairs.len() {
            file.pairs.swap(a, b);
        }
    }),
    ("a token", token),
    ("a token's type", |file, numbers| {
        element(file, numbers, "tokenizer.ggml.token_type", |n| {
            n.of(&[0_u32, 1, 2, 3, 4, 5, 6, 7, u32::MAX])
        });
    }),
    ("a token's score", |file, numbers| {
        element(file, numbers, "tokenizer.ggml.scores", |n| n.of(FLOATS).to_bits());
    }),
    ("a merge", merge),
    ("a list's length", |file, numbers| {
        let length = numbers.of(NUMBERS);
        if let Some(pair) = a_list(file, numbers) {
            pair.value[4..12].copy_from_slice(&length.to_le_bytes());
        }
    }),
    ("a list's type", |file, numbers| {
        let element = numbers.below(15) as u32;
        if let Some(pair) = a_list(file, numbers) {
            pair.value[..4].copy_from_slice(&element.to_le_bytes());
        }
    }),
    ("a tensor's name", |file, numbers| {
        let other = a_tensor(file, numbers).map(|it| it.name.clone()).unwrap_or_default();
        let name = numbers.of(&[&other[..], b"", &[b'a'; 64], &[b'a'; 63], b"\xff", b"blk.9.x"]);
        let name = name.to_vec();
        if let Some(tensor) = a_tensor(file, numbers) {
            tensor.name = name;
        }
        file.pad();
    }),
    ("a tensor's shape", shape),
    ("a tensor's type", |file, numbers| {
        let kind = numbers.below(46) as u32;
        if let Some(tensor) = a_tensor(file, numbers) {
            tensor.kind = kind;
        }
        lay_out(file, numbers);
    }),
    ("a tensor's place", |file, numbers| {
        let offset = numbers.of(NUMBERS);
        if let Some(tensor) = a_tensor(file, numbers) {
            tensor.offset = if offset < 64 { tensor.offset.wrapping_add(offset) } else { offset };
        }
    }),
    ("a tensor less", |file, numbers| {
        let at = numbers.below(file.tensors.len());
        if at < file.tensors.len() {
            file.tensors.remove(at);
        }
        lay_out(file, numbers);
    }),
    ("the version", |file, numbers| {
        file.version = numbers.of(&[0, 1, 2, 4, 3_u32.swap_bytes(), u32::MAX]);
    }),
    ("the data", |file, numbers| {
        let length = numbers.of(&[0, file.data.len() / 2, file.data.len() + 1]);
        file.data.resize(length, 0xFF);
    }),
    ("the weights", |file, numbers| {
        let bytes = numbers.of(FLOATS).to_le_bytes();
        file.data.chunks_exact_mut(4).for_each(|chunk| chunk.copy_from_slice(&bytes));
    }),
];

/// Entries that readers know and that the sound files do not have.
const EXTRA: &[(&str, u32)] = &[
    ("general.alignment", kind::U32),
    ("general.alignment", kind::U64),
    ("general.type", kind::STRING),
    ("split.count", kind::U16),
    ("split.count", kind::U32),
    ("tokenizer.ggml.padding_token_id", kind::U32),
    ("tokenizer.ggml.fim_pre_token_id", kind::U32),
    ("tokenizer.ggml.eot_token_id", kind::U32),
    ("tokenizer.ggml.add_space_prefix", kind::BOOL),
    ("tokenizer.ggml.precompiled_charsmap", kind::STRING),
    ("tokenizer.ggml.token_type_count", kind::U32),
    ("llama.rope.scaling.type", kind::STRING),
    ("llama.rope.scaling.factor", kind::F32),
    ("llama.attention.key_length", kind::U32),
    ("llama.attention.value_length", kind::U32),
    ("llama.vocab_size", kind::U32),
    ("llama.expert_count", kind::U32),
    ("llama.expert_used_count", kind::U32),
    ("llama.attention.sliding_window", kind::U32),
    ("qwen2.attention.key_length", kind::U32),
    ("qwen2.rope.scaling.type", kind::STRING),
    ("qwen2.pooling_type", kind::U32),
    ("any.byte", kind::U8),
    ("any.double", kind::F64),
];

#[must_use]
pub fn changed(file: &ModelFile, seed: u64) -> (Vec<u8>, Vec<&'static str>) {
    let mut numbers = Numbers::new(seed);
    let (mut file, mut what) = (file.clone(), Vec::new());
    for _ in 0..=numbers.below(3) {
        what.push(changed_once(&mut file, &mut numbers));
    }
    file.pad();
    // The remaining changes are not to parts: wrong counts, single bytes, and the end of the file.
    let (mut tensors, mut pairs) = (file.tensors.len() as u64, file.pairs.len() as u64);
    // Seldom, since a reader stops at a wrong count and does not get to the other changes.
    match numbers.below(40) {
        0 => (tensors, what) = (numbers.of(NUMBERS), with(what, "the count of tensors")),
        1 => (pairs, what) = (numbers.of(NUMBERS), with(what, "the count of entries")),
        _ => {}
    }
    // Single bytes are changed before the data only: in the weights hardly any reader looks.
    let (mut bytes, start) = file.written_with(tensors, pairs);
    match numbers.below(20) {
        0 => {
            let at = numbers.below(start);
            bytes[at] = numbers.of(&[0, 1, 0x7F, 0x80, 0xFF]);
            what.push("a byte");
        }
        1 => {
            let at = numbers.below(start);
            bytes[at] ^= 1 << numbers.below(8);
            what.push("a bit");
        }
        2 => {
            bytes.truncate(numbers.below(bytes.len()));
            what.push("cut off");
        }
        _ => {}
    }
    (bytes, what)
}

pub(super) fn changed_once(file: &mut ModelFile, numbers: &mut Numbers) -> &'static str {
    let (name, change) = numbers.of(CHANGES);
    change(file, numbers);
    name
}

fn with(mut what: Vec<&'static str>, more: &'static str) -> Vec<&'static str> {
    what.push(more);
    what
}

fn a_pair<'a>(file: &'a mut ModelFile, numbers: &mut Numbers) -> Option<&'a mut Pair> {
    let at = numbers.below(file.pairs.len());
    file.pairs.get_mut(at)
}

pub(super) fn a_tensor<'a>(
    file: &'a mut ModelFile,
    numbers: &mut Numbers,
) -> Option<&'a mut Tensor> {
    let at = numbers.below(file.tensors.len());
    file.tensors.get_mut(at)
}

fn one_of<'a>(
    file: &'a mut ModelFile,
    numbers: &mut Numbers,
    wanted: impl Fn(&Pair) -> bool,
) -> Option<&'a mut Pair> {
    let mut all: Vec<&mut Pair> = file.pairs.iter_mut().filter(|pair| wanted(pair)).collect();
    let at = numbers.below(all.len());
    (at < all.len()).then(|| all.swap_remove(at))
}

fn a_list<'a>(file: &'a mut ModelFile, numbers: &mut Numbers) -> Option<&'a mut Pair> {
    one_of(file, numbers, |pair| pair.kind == kind::ARRAY && pair.value.len() >= 12)
}

fn number(file: &mut ModelFile, numbers: &mut Numbers) {
    let number = numbers.of(NUMBERS).to_le_bytes();
    let whole =
        |pair: &Pair| ![kind::F32, kind::F64, kind::STRING, kind::ARRAY].contains(&pair.kind);
    if let Some(pair) = one_of(file, numbers, whole) {
        let width = pair.value.len().min(8);
        pair.value[..width].copy_from_slice(&number[..width]);
    }
}

fn float(file: &mut ModelFile, numbers: &mut Numbers) {
    let number = numbers.of(FLOATS).to_le_bytes();
    if let Some(pair) = one_of(file, numbers, |pair| pair.kind == kind::F32) {
        pair.value = number.to_vec();
    }
}

fn a_text(file: &mut ModelFile, numbers: &mut Numbers) {
    let long = vec![b'a'; numbers.of(&[64, 4097, 70_000])];
    let texts = [&b""[..], b"qwen2", b"llama", b"gpt2", b"spm", b"\xff", b"a\0b", b"clip", &long];
    let value = text(numbers.of(&texts));
    if let Some(pair) = one_of(file, numbers, |pair| pair.kind == kind::STRING) {
        pair.value = value;
    }
}

fn texts(value: &[u8]) -> Option<Vec<Vec<u8>>> {
    let mut rest = value.get(12..)?;
    let mut texts = Vec::new();
    while !rest.is_empty() {
        texts.push(super::string(&mut rest)?.to_vec());
    }
    Some(texts)
}

pub(super) fn set_text(
    pair: &mut Pair,
    numbers: &mut Numbers,
    change: impl Fn(&mut Numbers) -> Vec<u8>,
) {
    let Some(mut all) = texts(&pair.value) else { return };
    let at = numbers.below(all.len());
    let Some(one) = all.get_mut(at) else { return };
    *one = change(numbers);
    let list = all.iter().flat_map(|it| text(it));
    pair.value = pair.value[..12].iter().copied().chain(list).collect();
}

pub(super) fn named<'a>(file: &'a mut ModelFile, name: &str) -> Option<&'a mut Pair> {
    let wanted = |pair: &&mut Pair| pair.key == name.as_bytes() && pair.value.len() > 12;
    file.pairs.iter_mut().find(wanted)
}

fn token(file: &mut ModelFile, numbers: &mut Numbers) {
    if let Some(pair) = named(file, "tokenizer.ggml.tokens") {
        set_text(pair, numbers, |numbers| match numbers.below(8) {
            0 => vec![b'x'; numbers.of(&[65, 1000, 20_000])],
            _ => numbers.of(TOKENS).to_vec(),
        });
    }
}

fn merge(file: &mut ModelFile, numbers: &mut Numbers) {
    if let Some(pair) = named(file, "tokenizer.ggml.merges") {
        let merges = [&b""[..], b" ", b"h", b"h e l", b"x y", b"\xff \xff", b"he he", b"a b"];
        set_text(pair, numbers, |numbers| numbers.of(&merges).to_vec());
    }
}

pub(super) fn element(
    file: &mut ModelFile,
    numbers: &mut Numbers,
    name: &str,
    value: fn(&mut Numbers) -> u32,
) {
    let Some(pair) = named(file, name) else { return };
    let at = 12 + 4 * numbers.below((pair.value.len() - 12) / 4);
    let bytes = value(numbers).to_le_bytes();
    if let Some(place) = pair.value.get_mut(at..at + 4) {
        place.copy_from_slice(&bytes);
    }
}

fn shape(file: &mut ModelFile, numbers: &mut Numbers) {
    let (number, how) = (numbers.of(NUMBERS), numbers.below(5));
    if let Some(tensor) = a_tensor(file, numbers) {
        match how {
            0 => tensor.shape.push(number),
            1 => drop(tensor.shape.pop()),
            2 => tensor.shape = vec![1, 1, 1, 1, 1],
            3 => tensor.shape.reverse(),
            _ => {
                if let Some(size) = tensor.shape.first_mut() {
                    *size = number;
                }
            }
        }
    }
    file.pad();
    lay_out(file, numbers);
}

/// Limit on the data, since a shape may ask for any size and several thousand files are written;
/// a tensor beyond it lies outside of its file.
const DATA_BYTES_MAX: u64 = 1 << 20;

/// Usually places the tensors one after another again: every reader notices when they are not,
/// which would hide everything else that is wrong.
fn lay_out(file: &mut ModelFile, numbers: &mut Numbers) {
    let sizes: Option<Vec<u64>> = file.tensors.iter().map(Tensor::bytes).collect();
    // A tensor of unknown type or impossible shape has no size to go by; then the places stay.
    let Some(sizes) = sizes.filter(|_| numbers.below(4) > 0) else { return };
    let mut end = 0_u64;
    for (tensor, bytes) in file.tensors.iter_mut().zip(sizes) {
        tensor.offset = end;
        end = end.saturating_add(bytes).saturating_add(31) / 32 * 32;
    }
    file.data.resize(usize::try_from(end.min(DATA_BYTES_MAX)).unwrap_or(0), 0);
}
