//! Changes to values that llama.cpp computes with, drawn from a seed: to the numbers of the shape,
//! to the vocabulary, to types, shapes and contents of tensors. Unlike [`super::changed`], they
//! keep the format valid, so that a reader of headers accepts most of the files.

use super::change::{FLOATS, NUMBERS, Numbers, a_tensor, changed_once, element, named, set_text};
use super::{BLOCKS, ModelFile, kind, names, text};

const SMALL: &[u32] = &[
    0, 1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 24, 31, 32, 33, 63, 64, 65, 96, 127, 128, 129, 255, 256,
    257, 512, 513, 1000, 1024, 4096,
];
/// Lengths of lists: around the number of layers, and around the maximum number of layers.
const LENGTHS: &[usize] = &[0, 1, 2, 3, 4, 5, 8, 64, 65, 511, 512, 513];
/// Texts by which llama.cpp chooses one of several ways to compute.
const WORDS: &[&str] =
    &["", "none", "linear", "yarn", "longrope", "gelu", "silu", "relu", "reference", "x"];
/// Texts that are tokens for some models and cause trouble in others.
const TOKENS: &[&[u8]] = &[
    b"<unk>",
    b"<s>",
    b"</s>",
    b"<pad>",
    b"<mask>",
    b"<|endoftext|>",
    b"<|eot_id|>",
    b"<|im_end|>",
    b"<end_of_turn>",
    b"<|fim_prefix|>",
    b"<0x00>",
    b"<0xFF>",
    b"\\x00",
    b"\\x",
    b"\\",
    b"'\\x41'",
    b"b'\\xff'",
    b"\xe2\x96\x81\xe2\x96\x81",
    b"\xc4\xa0",
    b"\xf0\x9f\x98\x80",
    b"\xf0\x9f",
    b"\xff",
    b"##he",
    b" h",
];

type Change = (&'static str, fn(&mut ModelFile, &mut Numbers));

const CHANGES: &[Change] = &[
    ("a number of the shape", a_number),
    ("a number of the shape", a_number),
    ("a list of the shape", a_list),
    ("another architecture", |file, numbers| {
        let others = localcoder_gguf::ARCHITECTURES;
        *file = file.with_architecture(numbers.of(others));
    }),
    ("a token's number", |file, numbers| {
        let name = format!("tokenizer.ggml.{}_token_id", numbers.of(names::TOKENS));
        let tokens = file.tokens() as u32;
        let numbers = [tokens, tokens.saturating_sub(1), u32::MAX, i32::MAX as u32, drawn(numbers)];
        file.set_number(&name, numbers[4 - (numbers[4] as usize % 5)]);
    }),
    ("the kind of vocabulary", |file, numbers| {
        file.set_text("tokenizer.ggml.model", numbers.of(names::TOKENIZERS));
    }),
    ("how a text is cut", |file, numbers| {
        file.set_text("tokenizer.ggml.pre", numbers.of(names::CUTTERS));
    }),
    ("an answer of the vocabulary", |file, numbers| {
        let value = vec![numbers.below(2) as u8];
        file.set(numbers.of(names::ANSWERS), kind::BOOL, value);
    }),
    ("a map of characters", |file, numbers| {
        let length = numbers.of(&[0, 3, 4, 5, 8, 64, 1024]);
        let mut bytes: Vec<u8> = (0..length).map(|_| numbers.below(256) as u8).collect();
        if length >= 8 {
            bytes[..4].copy_from_slice(
                &numbers.of(&[0_u32, 4, (length as u32).saturating_sub(5), 60]).to_le_bytes(),
            );
        }
        let list = [&0_u32.to_le_bytes()[..], &(length as u64).to_le_bytes(), &bytes].concat();
        file.set("tokenizer.ggml.precompiled_charsmap", kind::ARRAY, list);
    }),
    ("a token", |file, numbers| {
        if let Some(pair) = named(file, "tokenizer.ggml.tokens") {
            set_text(pair, numbers, |numbers| match numbers.below(4) {
                0 => (0..numbers.below(12)).map(|_| numbers.below(256) as u8).collect(),
                1 => b"he".repeat(numbers.of(&[1, 100, 3_000])),
                _ => numbers.of(TOKENS).to_vec(),
            });
        }
    }),
    ("types of tokens", |file, numbers| {
        for _ in 0..numbers.of(&[1, 3, 300]) {
            element(file, numbers, "tokenizer.ggml.token_type", |n| n.below(8) as u32);
        }
    }),
    ("no tokens' types, or none of another kind", |file, numbers| {
        let lists = ["tokenizer.ggml.token_type", "tokenizer.ggml.scores", "tokenizer.ggml.merges"];
        let gone = numbers.of(&lists);
        file.pairs.retain(|pair| pair.key != gone.as_bytes());
    }),
    ("a merge", |file, numbers| {
        if let Some(pair) = named(file, "tokenizer.ggml.merges") {
            set_text(pair, numbers, |numbers| {
                let parts = [&b"h"[..], b"e", b" ", b"", b"\xc4\xa0", b"\xff", b"hell", b"o"];
                (0..numbers.below(5)).flat_map(|_| numbers.of(&parts).to_vec()).collect()
            });
        }
    }),
    ("a tensor's type", a_type),
    ("a tensor's type", a_type),
    ("the type of all tensors that can have it", |file, numbers| {
        let (kind, block, _) = numbers.of(BLOCKS);
        for tensor in &mut file.tensors {
            // Tensors of one dimension are added rather than multiplied, so they keep their type.
            if tensor.shape.len() > 1 && tensor.shape[0].is_multiple_of(block) {
                tensor.kind = kind;
            }
        }
        file.lay_out();
    }),
    ("a tensor's shape", a_shape),
    ("a tensor more", |file, numbers| {
        let shape = a_tensor(file, numbers).map(|tensor| tensor.shape.clone()).unwrap_or_default();
        file.set_tensor(numbers.of(names::TENSORS), &shape);
        if numbers.below(2) == 0 {
            a_type(file, numbers);
        }
        file.lay_out();
    }),
    ("a tensor less", |file, numbers| {
        let at = numbers.below(file.tensors.len());
        if file.tensors.len() > 1 {
            file.tensors.remove(at);
        }
        file.lay_out();
    }),
    ("weights", weights),
    ("weights", weights),
];

#[must_use]
pub fn varied(file: &ModelFile, seed: u64) -> (Vec<u8>, Vec<&'static str>) {
    let mut numbers = Numbers::new(seed);
    let (mut file, mut what) = (file.clone(), Vec::new());
    for _ in 0..=numbers.below(4) {
        // Now and then a change that may break the format, so that the two kinds also meet.
        if numbers.below(6) == 0 {
            what.push(changed_once(&mut file, &mut numbers));
        } else {
            let (name, change) = numbers.of(CHANGES);
            change(&mut file, &mut numbers);
            what.push(name);
        }
    }
    file.pad();
    (file.written(), what)
}

fn drawn(numbers: &mut Numbers) -> u32 {
    match numbers.below(4) {
        0 => u32::try_from(numbers.of(NUMBERS)).unwrap_or(u32::MAX),
        _ => numbers.of(SMALL),
    }
}

fn a_number(file: &mut ModelFile, numbers: &mut Numbers) {
    let key = a_key(file, numbers);
    let at = file.pairs.iter().position(|pair| pair.key == key.as_bytes());
    let known = at.map(|at| file.pairs[at].kind);
    let kinds = [kind::U32, kind::U32, kind::F32, kind::BOOL, kind::STRING, kind::I32, kind::U64];
    let wanted = known.filter(|_| numbers.below(8) > 0).unwrap_or_else(|| numbers.of(&kinds));
    let value = match wanted {
        kind::F32 => numbers.of(&[FLOATS, &[0.5, 1.0, 10_000.0]].concat()).to_le_bytes().to_vec(),
        kind::BOOL => vec![numbers.below(2) as u8],
        kind::STRING => text(numbers.of(WORDS).as_bytes()),
        kind::U64 => u64::from(drawn(numbers)).to_le_bytes().to_vec(),
        kind::ARRAY => return a_list(file, numbers),
        _ => drawn(numbers).to_le_bytes().to_vec(),
    };
    file.set(&key, wanted, value);
}

fn a_key(file: &ModelFile, numbers: &mut Numbers) -> String {
    let prefix = file.architecture() + ".";
    let there: Vec<_> =
        file.pairs.iter().filter(|pair| pair.key.starts_with(prefix.as_bytes())).collect();
    // Half of the time an existing one, since llama.cpp is sure to use that.
    if numbers.below(2) == 0 && !there.is_empty() {
        return String::from_utf8_lossy(&there[numbers.below(there.len())].key).into_owned();
    }
    prefix + numbers.of(names::NUMBERS)
}

fn a_list(file: &mut ModelFile, numbers: &mut Numbers) {
    let key = a_key(file, numbers);
    let element = numbers.of(&[kind::U32, kind::I32, kind::F32, kind::BOOL, kind::STRING]);
    let length = numbers.of(LENGTHS);
    let mut value = element.to_le_bytes().to_vec();
    value.extend((length as u64).to_le_bytes());
    for _ in 0..length {
        match element {
            kind::BOOL => value.push(numbers.below(2) as u8),
            kind::F32 => value.extend(numbers.of(FLOATS).to_le_bytes()),
            kind::STRING => value.extend(text(numbers.of(WORDS).as_bytes())),
            _ => value.extend(drawn(numbers).to_le_bytes()),
        }
    }
    file.set(&key, kind::ARRAY, value);
}

fn a_type(file: &mut ModelFile, numbers: &mut Numbers) {
    // A type whose blocks do not fit the rows is refused by every reader, so it is rare.
    let any = numbers.below(8) == 0;
    if let Some(tensor) = a_tensor(file, numbers) {
        let width = tensor.shape.first().copied().unwrap_or(0);
        let fit = |(_, block, _): &&(u32, u64, u64)| any || width.is_multiple_of(*block);
        let fitting: Vec<_> = BLOCKS.iter().filter(fit).collect();
        tensor.kind = fitting[numbers.below(fitting.len())].0;
    }
    file.lay_out();
}

fn a_shape(file: &mut ModelFile, numbers: &mut Numbers) {
    let (how, number) = (numbers.below(6), u64::from(numbers.of(SMALL)).max(1));
    if let Some(tensor) = a_tensor(file, numbers) {
        match how {
            0 => tensor.shape.reverse(),
            1 => tensor.shape.push(1),
            2 if tensor.shape.len() > 1 => tensor.shape = vec![tensor.shape.iter().product()],
            3 => tensor.shape.insert(0, 1),
            4 => tensor.shape.push(number.min(4)),
            _ => {
                let at = numbers.below(tensor.shape.len());
                tensor.shape[at] = number;
            }
        }
    }
    file.lay_out();
}

fn weights(file: &mut ModelFile, numbers: &mut Numbers) {
    let (mut from, mut to) = (0, file.data.len());
    if numbers.below(2) == 0
        && let Some(tensor) = a_tensor(file, numbers)
        && let (Ok(start), Some(bytes)) = (usize::try_from(tensor.offset), tensor.bytes())
    {
        // The tensor may lie beyond the data, of which `lay_out` writes no more than its limit.
        from = start.min(to);
        to = from.saturating_add(usize::try_from(bytes).unwrap_or(0)).min(to);
    }
    let (any, float) = (numbers.below(3) == 0, numbers.of(FLOATS).to_le_bytes());
    let place = &mut file.data[from..to];
    if any {
        place.iter_mut().for_each(|byte| *byte = numbers.below(256) as u8);
    } else {
        place.chunks_exact_mut(4).for_each(|chunk| chunk.copy_from_slice(&float));
    }
}
