//! Against the same product in plain arithmetic, for random weights and columns.

use proptest::prelude::*;

use crate::{BLOCK, Codes, Format, Matrix, Output, Scratch, multiply};

/// What a matrix is, in numbers.
fn spread(format: Format, data: &[u8]) -> Vec<f32> {
    data.chunks_exact(format.block_bytes()).flat_map(|block| weights(format, block)).collect()
}

fn weights(format: Format, block: &[u8]) -> Vec<f32> {
    match format {
        Format::Q4K => (0..BLOCK).map(|index| q4_k(block, index)).collect(),
        Format::Q6K => (0..BLOCK).map(|index| q6_k(block, index)).collect(),
    }
}

fn q4_k(block: &[u8], index: usize) -> f32 {
    let (packed, nibbles) = (&block[4..16], &block[16..144]);
    let sub = index / 32;
    let (scale, minimum) = if sub < 4 {
        (packed[sub] & 63, packed[sub + 4] & 63)
    } else {
        (
            (packed[sub + 4] & 15) | ((packed[sub - 4] >> 6) << 4),
            (packed[sub + 4] >> 4) | ((packed[sub] >> 6) << 4),
        )
    };
    let byte = nibbles[sub / 2 * 32 + index % 32];
    let weight = if sub.is_multiple_of(2) { byte & 15 } else { byte >> 4 };
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

/// A normal number of 16 bits.
fn number(bytes: &[u8]) -> f32 {
    let bits = u16::from_le_bytes([bytes[0], bytes[1]]);
    let fraction = 1.0 + f32::from(bits & 1023) / 1024.0;
    let power = i32::from((bits >> 10) & 31) - 15;
    let size = fraction * 2f32.powi(power);
    if bits & 0x8000 == 0 { size } else { -size }
}

/// A column after it was rounded to eight bits.
fn rounded(column: &[f32]) -> Vec<f32> {
    let round = |block: &[f32]| {
        let furthest = block
            .iter()
            .copied()
            .fold(0.0f32, |most, value| if value.abs() > most.abs() { value } else { most });
        if furthest == 0.0 {
            return vec![0.0; block.len()];
        }
        let to_codes = -127.0 / furthest;
        let code = |value: &f32| (to_codes * value).round_ties_even().min(127.0) / to_codes;
        block.iter().map(code).collect()
    };
    column.chunks(BLOCK).flat_map(round).collect()
}

/// Bytes that make a matrix with scales of a size that occurs.
fn matrix(format: Format, rows: usize, blocks: usize, bytes: &mut impl FnMut() -> u8) -> Vec<u8> {
    let mut data = Vec::new();
    for _ in 0..rows * blocks {
        let mut block: Vec<u8> = (0..format.block_bytes()).map(|_| bytes()).collect();
        let halves: &[usize] = if format == Format::Q4K { &[0, 2] } else { &[208] };
        for at in halves {
            // Between 2^-11 and 2^-7, of either sign.
            block[at + 1] = (block[at + 1] & 0x8f) | 0x10;
        }
        data.extend(block);
    }
    data
}

/// Numbers that look random, from a seed: a property test that made each byte would be slow.
fn random(seed: u64) -> impl FnMut() -> u8 {
    let mut state = seed | 1;
    move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 32) as u8
    }
}

fn check(format: Format, rows: usize, blocks: usize, columns: usize, seed: u64) {
    let mut bytes = random(seed);
    let data = matrix(format, rows, blocks, &mut bytes);
    let input: Vec<Vec<f32>> = (0..columns)
        .map(|_| (0..blocks * BLOCK).map(|_| f32::from(bytes()) / 32.0 - 4.0).collect())
        .collect();
    let weights = spread(format, &data);
    // Something else was there before, and the memory begins anywhere.
    let mut memory = vec![0xff; 1 + Codes::bytes(blocks, columns)];
    let codes = Codes::over(&mut memory[1..], blocks, columns);
    let middle = blocks / 2;
    for (column, values) in input.iter().enumerate() {
        for part in [middle..blocks, 0..middle] {
            // SAFETY: the tests ask whether the processor has the instructions.
            unsafe { codes.fill(column, values, part) };
        }
    }
    let matrix = Matrix::new(format, &data, rows, blocks).expect("the data has the size");
    let mut values = vec![f32::NAN; rows * columns];
    let output = Output::over(&mut values, rows);
    let mut scratch = Scratch::default();
    let middle = rows / 3;
    for part in [0..middle, middle..rows] {
        // SAFETY: as above; one thread.
        unsafe { multiply(&matrix, part, &codes, output, &mut scratch) };
    }
    for (column, input) in input.iter().enumerate() {
        let input = rounded(input);
        for row in 0..rows {
            let weights = &weights[row * blocks * BLOCK..][..blocks * BLOCK];
            let parts = || weights.iter().zip(&input).map(|(a, b)| f64::from(*a) * f64::from(*b));
            let (wanted, size): (f64, f64) = (parts().sum(), parts().map(f64::abs).sum());
            let got = f64::from(values[column * rows + row]);
            assert!(
                (wanted - got).abs() <= 1e-5 * size + 1e-6,
                "{format:?}, row {row} of {rows}, column {column} of {columns}: {got}, not {wanted}"
            );
        }
    }
}

#[test]
fn every_number_of_columns_gets_the_product() {
    if !crate::available() {
        return;
    }
    for format in [Format::Q4K, Format::Q6K] {
        for columns in 1..=40 {
            check(format, 24, 2, columns, 7 + columns as u64);
        }
    }
}

#[test]
fn a_column_of_zeros_gives_zeros() {
    if !crate::available() {
        return;
    }
    let data = matrix(Format::Q4K, 8, 1, &mut random(3));
    let mut memory = vec![0xff; Codes::bytes(1, 1)];
    let codes = Codes::over(&mut memory, 1, 1);
    let mut values = vec![f32::NAN; 8];
    // SAFETY: the processor was asked.
    unsafe {
        codes.fill(0, &[0.0; BLOCK], 0..1);
        let matrix = Matrix::new(Format::Q4K, &data, 8, 1).unwrap();
        multiply(&matrix, 0..8, &codes, Output::over(&mut values, 8), &mut Scratch::default());
    }
    assert_eq!(values, [0.0; 8]);
}

#[test]
fn a_matrix_has_the_size_that_is_said() {
    let data = vec![0; 2 * 3 * Format::Q6K.block_bytes()];
    assert!(Matrix::new(Format::Q6K, &data, 2, 3).is_some());
    assert!(Matrix::new(Format::Q6K, &data, 3, 3).is_none());
    assert!(Matrix::new(Format::Q4K, &data, 2, 3).is_none());
    assert!(Matrix::new(Format::Q4K, &[], 0, 3).is_none());
    assert!(Matrix::new(Format::Q4K, &data, usize::MAX, 3).is_none());
}

proptest! {
    #[test]
    fn all_sizes_get_the_product(
        rows in 1usize..40,
        blocks in 1usize..5,
        columns in 1usize..36,
        six in any::<bool>(),
        seed in any::<u64>(),
    ) {
        prop_assume!(crate::available());
        check(if six { Format::Q6K } else { Format::Q4K }, rows, blocks, columns, seed);
    }
}
