//! Compares with the same product in plain arithmetic, for random weights and columns.

use proptest::prelude::*;

use crate::format::Family;
use crate::{CHUNK, Codes, Format, Level, Matrix, Output, Scratch, multiply};

fn spread(format: Format, data: &[u8]) -> Vec<f32> {
    data.chunks_exact(format.block_bytes()).flat_map(|block| weights(format, block)).collect()
}

fn weights(format: Format, block: &[u8]) -> Vec<f32> {
    let weight = match format {
        Format::Q4K => q4_k,
        Format::Q5K => q5_k,
        Format::Q6K => q6_k,
        Format::Q3K => q3_k,
        Format::Q2K => q2_k,
        Format::Iq4Xs => iq4_xs,
        Format::Iq4Nl => iq4_nl,
        Format::Q4_0 => q4_0,
        Format::Q5_0 => q5_0,
        Format::Q8_0 => q8_0,
    };
    (0..format.block_weights()).map(|index| weight(block, index)).collect()
}

fn q4_0(block: &[u8], index: usize) -> f32 {
    number(&block[0..2]) * (f32::from(half_of(&block[2..18], index)) - 8.0)
}

fn q5_0(block: &[u8], index: usize) -> f32 {
    let fifth = (block[2 + index / 8] >> (index % 8)) & 1;
    let weight = half_of(&block[6..22], index) | (fifth << 4);
    number(&block[0..2]) * (f32::from(weight) - 16.0)
}

fn q8_0(block: &[u8], index: usize) -> f32 {
    number(&block[0..2]) * f32::from(block[2 + index].cast_signed())
}

/// A value from 16 bytes: the low halves come first, then the high ones.
fn half_of(bytes: &[u8], index: usize) -> u8 {
    if index < 16 { bytes[index] & 15 } else { bytes[index - 16] >> 4 }
}

fn q4_k(block: &[u8], index: usize) -> f32 {
    of_head(block, index / 32, four_bits(&block[16..144], index))
}

fn q5_k(block: &[u8], index: usize) -> f32 {
    let fifth = (block[16 + index % 32] >> (index / 32)) & 1;
    of_head(block, index / 32, four_bits(&block[48..176], index) | (fifth << 4))
}

fn four_bits(nibbles: &[u8], index: usize) -> u8 {
    let sub = index / 32;
    let byte = nibbles[sub / 2 * 32 + index % 32];
    if sub.is_multiple_of(2) { byte & 15 } else { byte >> 4 }
}

fn of_head(block: &[u8], sub: usize, weight: u8) -> f32 {
    let packed = &block[4..16];
    let (scale, minimum) = if sub < 4 {
        (packed[sub] & 63, packed[sub + 4] & 63)
    } else {
        (
            (packed[sub + 4] & 15) | ((packed[sub - 4] >> 6) << 4),
            (packed[sub + 4] >> 4) | ((packed[sub] >> 6) << 4),
        )
    };
    number(&block[0..2]) * f32::from(scale) * f32::from(weight)
        - number(&block[2..4]) * f32::from(minimum)
}

fn q6_k(block: &[u8], index: usize) -> f32 {
    let (half, quarter, at) = (index / 128, index % 128 / 32, index % 32);
    let low = block[64 * half + 32 * (quarter % 2) + at];
    let low = if quarter < 2 { low & 15 } else { low >> 4 };
    let high = (block[128 + 32 * half + at] >> (2 * quarter)) & 3;
    let scale = i8::from_ne_bytes([block[192 + index / 16]]);
    let weight = i16::from(low | (high << 4)) - 32;
    number(&block[208..210]) * f32::from(scale) * f32::from(weight)
}

fn q3_k(block: &[u8], index: usize) -> f32 {
    let (half, quarter, at) = (index / 128, index % 128 / 32, index % 32);
    let low = (block[32 + 32 * half + at] >> (2 * quarter)) & 3;
    let third = (block[at] >> (index / 32)) & 1;
    let (packed, group) = (&block[96..108], index / 16);
    let low_of_scale = if group < 8 { packed[group] & 15 } else { packed[group - 8] >> 4 };
    let high_of_scale = (packed[8 + group % 4] >> (2 * (group / 4))) & 3;
    let scale = f32::from(low_of_scale | (high_of_scale << 4)) - 32.0;
    number(&block[108..110]) * scale * (f32::from(low | (third << 2)) - 4.0)
}

fn q2_k(block: &[u8], index: usize) -> f32 {
    let (half, quarter, at) = (index / 128, index % 128 / 32, index % 32);
    let weight = (block[16 + 32 * half + at] >> (2 * quarter)) & 3;
    let both = block[index / 16];
    number(&block[80..82]) * f32::from(both & 15) * f32::from(weight)
        - number(&block[82..84]) * f32::from(both >> 4)
}

const CHOICE: [f32; 16] = [
    -127.0, -104.0, -83.0, -65.0, -49.0, -35.0, -22.0, -10.0, 1.0, 13.0, 25.0, 38.0, 53.0, 69.0,
    89.0, 113.0,
];

fn iq4_nl(block: &[u8], index: usize) -> f32 {
    number(&block[0..2]) * CHOICE[usize::from(half_of(&block[2..18], index))]
}

fn iq4_xs(block: &[u8], index: usize) -> f32 {
    let sub = index / 32;
    let high = (u16::from_le_bytes([block[2], block[3]]) >> (2 * sub)) & 3;
    let low = (block[4 + sub / 2] >> (4 * (sub % 2))) & 15;
    let scale = f32::from(low) + 16.0 * f32::from(high) - 32.0;
    let choice = half_of(&block[8 + 16 * sub..][..16], index % 32);
    number(&block[0..2]) * scale * CHOICE[usize::from(choice)]
}

fn number(bytes: &[u8]) -> f32 {
    let bits = u16::from_le_bytes([bytes[0], bytes[1]]);
    let fraction = 1.0 + f32::from(bits & 1023) / 1024.0;
    let power = i32::from((bits >> 10) & 31) - 15;
    let size = fraction * 2f32.powi(power);
    if bits & 0x8000 == 0 { size } else { -size }
}

fn rounded(format: Format, column: &[f32]) -> Vec<f32> {
    match format.family() {
        Family::K => column.chunks(256).flat_map(with_one_scale).collect(),
        Family::Legacy => column.chunks(32).flat_map(with_a_short_scale).collect(),
    }
}

fn with_one_scale(values: &[f32]) -> Vec<f32> {
    let furthest = values
        .iter()
        .copied()
        .fold(0.0f32, |most, value| if value.abs() > most.abs() { value } else { most });
    if furthest == 0.0 {
        return vec![0.0; values.len()];
    }
    let to_codes = -127.0 / furthest;
    let code = |value: &f32| (to_codes * value).round_ties_even().min(127.0) / to_codes;
    values.iter().map(code).collect()
}

/// The same values, scaled with a scale of eleven bits.
fn with_a_short_scale(values: &[f32]) -> Vec<f32> {
    let most = values.iter().fold(0.0f32, |most, value| most.max(value.abs()));
    if most == 0.0 {
        return vec![0.0; values.len()];
    }
    let unit = 2f32.powi((most / 127.0).log2().floor() as i32 - 10);
    let scale = (most / 127.0 / unit).round_ties_even() * unit;
    values.iter().map(|value| (value * (127.0 / most)).round_ties_even() * scale).collect()
}

fn matrix(format: Format, rows: usize, length: usize, bytes: &mut impl FnMut() -> u8) -> Vec<u8> {
    let mut data = Vec::new();
    for _ in 0..rows * length / format.block_weights() {
        let mut block: Vec<u8> = (0..format.block_bytes()).map(|_| bytes()).collect();
        let halves: &[usize] = match format {
            Format::Q4K | Format::Q5K => &[0, 2],
            Format::Q6K => &[208],
            Format::Q3K => &[108],
            Format::Q2K => &[80, 82],
            _ => &[0],
        };
        for at in halves {
            // Between 2^-11 and 2^-7, of either sign.
            block[at + 1] = (block[at + 1] & 0x8f) | 0x10;
        }
        data.extend(block);
    }
    data
}

/// Numbers that look random, from a seed: generating each byte as a property test would be slow.
fn random(seed: u64) -> impl FnMut() -> u8 {
    let mut state = seed | 1;
    move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 32) as u8
    }
}

fn check(level: Level, format: Format, rows: usize, blocks: usize, columns: usize, seed: u64) {
    let length = blocks * format.block_weights();
    let (mut bits, mut values) = (random(seed), random(seed ^ 0x5555));
    check_with(level, format, (rows, length), columns, &mut bits, &mut values);
}

fn check_with(
    level: Level,
    format: Format,
    (rows, length): (usize, usize),
    columns: usize,
    bits: &mut impl FnMut() -> u8,
    bytes: &mut impl FnMut() -> u8,
) {
    let data = matrix(format, rows, length, bits);
    let input: Vec<Vec<f32>> = (0..columns)
        .map(|_| (0..length).map(|_| f32::from(bytes()) / 32.0 - 4.0).collect())
        .collect();
    let weights = spread(format, &data);
    // The memory has other contents before, and begins at any alignment.
    let mut memory = vec![0xff; 1 + Codes::bytes(level, format, length, columns)];
    let codes = Codes::over(&mut memory[1..], level, format, length, columns);
    let middle = codes.chunks() / 2;
    for (column, values) in input.iter().enumerate() {
        for part in [middle..codes.chunks(), 0..middle] {
            // SAFETY: one thread.
            unsafe { codes.fill(column, values, part) };
        }
    }
    let matrix = Matrix::new(format, &data, rows, length).expect("the data has the size");
    let mut values = vec![f32::NAN; rows * columns];
    let output = Output::over(&mut values, rows);
    let mut scratch = Scratch::default();
    let middle = rows / 3;
    for part in [0..middle, middle..rows] {
        // SAFETY: one thread, and all was filled.
        unsafe { multiply(&matrix, part, &codes, output, &mut scratch) };
    }
    for (column, input) in input.iter().enumerate() {
        let input = rounded(format, input);
        for row in 0..rows {
            let weights = &weights[row * length..][..length];
            let parts = || weights.iter().zip(&input).map(|(a, b)| f64::from(*a) * f64::from(*b));
            let (wanted, size): (f64, f64) = (parts().sum(), parts().map(f64::abs).sum());
            let got = f64::from(values[column * rows + row]);
            assert!(
                (wanted - got).abs() <= 1e-5 * size + 1e-6,
                "{level:?}, {format:?}, row {row} of {rows}, column {column} of {columns}: {got}, not {wanted}"
            );
        }
    }
}

#[test]
fn every_number_of_columns_gets_the_product() {
    for level in Level::all() {
        for format in Format::ALL {
            for columns in 1..=40 {
                let blocks = 2 * CHUNK / format.block_weights();
                check(level, format, 24, blocks, columns, 7 + columns as u64);
            }
        }
    }
}

fn products(level: Level, matrix: &Matrix<'_>, columns: &[Vec<f32>]) -> Vec<Vec<f32>> {
    let (format, length, rows) = (matrix.format(), matrix.length(), matrix.rows());
    let mut memory = vec![0xff; Codes::bytes(level, format, length, columns.len())];
    let codes = Codes::over(&mut memory, level, format, length, columns.len());
    let mut values = vec![f32::NAN; rows * columns.len()];
    let output = Output::over(&mut values, rows);
    // SAFETY: one thread.
    unsafe {
        for (column, values) in columns.iter().enumerate() {
            codes.fill(column, values, 0..codes.chunks());
        }
        multiply(matrix, 0..rows, &codes, output, &mut Scratch::default());
    }
    values.chunks(rows).map(<[f32]>::to_vec).collect()
}

/// Otherwise what is written would depend on how many tokens are computed at once. Of 16 answers of
/// a small base model 10 once went another way with drafts than without.
#[test]
fn a_column_comes_out_the_same_in_any_company() {
    for (level, format) in Level::all().flat_map(|level| Format::ALL.map(|it| (level, it))) {
        // The last chunk, and the last round of sums, have all blocks, some, or one.
        for blocks in [1, 2, 3, 5, 8, 9, 14, 16, 23, 37] {
            let length = blocks * format.block_weights();
            let data = matrix(format, 11, length, &mut random(blocks as u64));
            let matrix = Matrix::new(format, &data, 11, length).unwrap();
            let mut bytes = random(77);
            let columns: Vec<Vec<f32>> = (0..37)
                .map(|_| (0..length).map(|_| f32::from(bytes()) / 32.0 - 4.0).collect())
                .collect();
            let alone: Vec<_> = columns
                .iter()
                .flat_map(|it| products(level, &matrix, std::slice::from_ref(it)))
                .collect();
            for count in 2..=columns.len() {
                let together = products(level, &matrix, &columns[..count]);
                for (column, (one, other)) in together.iter().zip(&alone).enumerate() {
                    assert_eq!(
                        one.iter().map(|it| it.to_bits()).collect::<Vec<_>>(),
                        other.iter().map(|it| it.to_bits()).collect::<Vec<_>>(),
                        "{level:?}, {format:?}, {blocks} blocks, column {column} of {count}"
                    );
                }
            }
        }
    }
}

#[test]
fn a_column_of_zeros_gives_zeros() {
    for (level, format) in Level::all().flat_map(|level| Format::ALL.map(|it| (level, it))) {
        let data = matrix(format, 8, CHUNK, &mut random(3));
        let mut memory = vec![0xff; Codes::bytes(level, format, CHUNK, 1)];
        let codes = Codes::over(&mut memory, level, format, CHUNK, 1);
        let mut values = vec![f32::NAN; 8];
        let matrix = Matrix::new(format, &data, 8, CHUNK).unwrap();
        let output = Output::over(&mut values, 8);
        // SAFETY: one thread.
        unsafe {
            codes.fill(0, &[0.0; CHUNK], 0..1);
            multiply(&matrix, 0..8, &codes, output, &mut Scratch::default());
        }
        assert_eq!(values, [0.0; 8], "{level:?}, {format:?}");
    }
}

/// Nothing overflows if all products are as large as they can be: random bytes come near the bound
/// of 16 bits only once in a very long time, and what saturates there is wrong without a trace.
#[test]
fn the_largest_products_have_room() {
    for (level, format) in Level::all().flat_map(|level| Format::ALL.map(|it| (level, it))) {
        for (bits, columns) in [(0xff, 1), (0xff, 16), (0x00, 1), (0x00, 16), (0x80, 16)] {
            check_with(level, format, (9, 2 * CHUNK), columns, &mut || bits, &mut || 255);
        }
    }
}

#[test]
fn a_matrix_has_the_size_that_is_said() {
    let data = vec![0; 2 * 3 * Format::Q6K.block_bytes()];
    assert!(Matrix::new(Format::Q6K, &data, 2, 3 * CHUNK).is_some());
    assert!(Matrix::new(Format::Q6K, &data, 3, 3 * CHUNK).is_none());
    assert!(Matrix::new(Format::Q6K, &data, 2, 3 * CHUNK + 32).is_none());
    assert!(Matrix::new(Format::Q4K, &data, 2, 3 * CHUNK).is_none());
    assert!(Matrix::new(Format::Q4K, &[], 0, 3 * CHUNK).is_none());
    assert!(Matrix::new(Format::Q4K, &data, usize::MAX, 3 * CHUNK).is_none());
    assert!(Matrix::new(Format::Q8_0, &data[..2 * 5 * 34], 2, 5 * 32).is_some());
}

#[test]
fn columns_have_room_however_they_are_distributed() {
    for (level, format) in Level::all().flat_map(|level| Format::ALL.map(|it| (level, it))) {
        let bytes = |columns| Codes::bytes(level, format, 3 * CHUNK, columns);
        for columns in 1..100 {
            let most = Codes::bytes_at_most(level, format, 3 * CHUNK, columns);
            for first in 0..columns {
                let parts = if first == 0 { 0 } else { bytes(first) } + bytes(columns - first);
                assert!(parts <= most, "{level:?}, {format:?}, {first} of {columns}");
            }
            assert!(columns * bytes(1) <= most, "{level:?}, {format:?}, {columns} on their own");
        }
    }
}

#[test]
fn columns_of_the_output_may_begin_anywhere() {
    for level in Level::all() {
        for columns in [2, 9] {
            let data = matrix(Format::Q4K, 9, CHUNK, &mut random(5));
            let matrix = Matrix::new(Format::Q4K, &data, 9, CHUNK).unwrap();
            let mut memory = vec![0; Codes::bytes(level, Format::Q4K, CHUNK, columns)];
            let codes = Codes::over(&mut memory, level, Format::Q4K, CHUNK, columns);
            let starts: Vec<_> = (0..columns).rev().map(|column| 20 * column + 1).collect();
            let (mut together, mut apart) = (vec![0.0; 9 * columns], vec![0.0; 20 * columns]);
            let output = Output::over(&mut together, 9);
            // SAFETY: one thread, and each column has 20 places.
            unsafe {
                for column in 0..columns {
                    codes.fill(column, &[1.0 + column as f32; CHUNK], 0..1);
                }
                multiply(&matrix, 0..9, &codes, output, &mut Scratch::default());
                let output = Output::scattered(apart.as_mut_ptr(), 9, &starts);
                multiply(&matrix, 0..9, &codes, output, &mut Scratch::default());
            }
            for (column, start) in starts.into_iter().enumerate() {
                assert_eq!(apart[start..start + 9], together[9 * column..9 * (column + 1)]);
            }
            assert_eq!(apart.iter().filter(|value| **value != 0.0).count(), 9 * columns);
        }
    }
}

#[test]
fn a_level_has_the_name_that_it_is_chosen_by() {
    for level in Level::all() {
        assert_eq!(Level::named(level.name()), Some(level));
    }
    assert_eq!(Level::named("off"), None);
    assert_eq!(Level::best(), Level::all().last());
}

#[test]
fn formats_have_their_numbers() {
    for (number, format) in (0..).zip(Format::ALL) {
        assert_eq!((format as u8, Format::of(number)), (number, format));
    }
}

proptest! {
    #[test]
    fn all_sizes_get_the_product(
        rows in 1usize..40,
        blocks in 1usize..20,
        columns in 1usize..36,
        format in prop::sample::select(&Format::ALL[..]),
        seed in any::<u64>(),
    ) {
        for level in Level::all() {
            check(level, format, rows, blocks, columns, seed);
        }
    }
}
