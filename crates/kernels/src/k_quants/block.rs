//! Unpacks one block from its few bits to bytes, and reads its head. Uses AVX2, which every level
//! has.

use std::arch::x86_64::{
    __m128i, __m256i, _mm_and_si128, _mm_cvtsi32_si128, _mm_loadu_si128, _mm_packs_epi32,
    _mm_set_epi32, _mm_set1_epi8, _mm_srli_epi16, _mm_sub_epi8, _mm_unpackhi_epi64,
    _mm_unpacklo_epi8, _mm256_add_epi32, _mm256_and_si256, _mm256_broadcastsi128_si256,
    _mm256_castsi128_si256, _mm256_castsi256_si128, _mm256_cvtepi8_epi16, _mm256_cvtepi8_epi32,
    _mm256_cvtepu8_epi16, _mm256_cvtepu8_epi32, _mm256_extracti128_si256, _mm256_inserti128_si256,
    _mm256_loadu_si256, _mm256_or_si256, _mm256_set_epi32, _mm256_set1_epi8, _mm256_set1_epi32,
    _mm256_setzero_si256, _mm256_shuffle_epi8, _mm256_sll_epi16, _mm256_slli_epi16,
    _mm256_slli_epi32, _mm256_srl_epi16, _mm256_srli_epi16, _mm256_srlv_epi32,
    _mm256_zextsi128_si256,
};

use crate::Format;
use crate::format::CHOICE;
use crate::matrix::half;

pub(crate) const PARTS: usize = 8;

/// The head of a block: what its weights are scaled with.
pub(crate) struct Head {
    /// One per 16 weights; with one per 32, the second register is unused.
    pub(crate) scales: [__m256i; 2],
    /// What the sums of 16 or 32 values are multiplied with, in 16 bits each: the minima, or the
    /// scales times the excess of the weights.
    pub(crate) offsets: __m256i,
    pub(crate) scale: f32,
    /// The scale of the offsets; 0 if there are no minima.
    pub(crate) minimum: f32,
}

/// # Safety
/// The processor has the features; a block of the format is there.
#[inline]
#[target_feature(enable = "avx2,f16c")]
pub(crate) unsafe fn head<const FORMAT: u8>(block: *const u8) -> Head {
    // SAFETY: guaranteed by the caller: the places are those of ggml's blocks.
    unsafe {
        match Format::of(FORMAT) {
            Format::Q4K | Format::Q5K => {
                let packed = block.add(4).cast::<[u32; 3]>().read_unaligned();
                let ([scales, more_scales], [minima, more_minima]) = scales_and_minima(packed);
                let scales = bytes([scales, more_scales, 0, 0]);
                let minima = bytes([minima, more_minima, 0, 0]);
                Head {
                    scales: [_mm256_cvtepu8_epi32(scales), _mm256_setzero_si256()],
                    offsets: _mm256_cvtepu8_epi16(minima),
                    scale: half(block),
                    minimum: half(block.add(2)),
                }
            }
            Format::Q2K => {
                let both = _mm_loadu_si128(block.cast());
                let four_bits = _mm_set1_epi8(0x0f);
                let minima = _mm_and_si128(_mm_srli_epi16(both, 4), four_bits);
                Head {
                    scales: wide(_mm_and_si128(both, four_bits)),
                    offsets: _mm256_cvtepu8_epi16(minima),
                    scale: half(block.add(80)),
                    minimum: half(block.add(82)),
                }
            }
            Format::Q3K => {
                let packed = block.add(96).cast::<[u32; 3]>().read_unaligned();
                of_sixteen(_mm_sub_epi8(six_bits(packed), _mm_set1_epi8(32)), 2, block.add(108))
            }
            Format::Iq4Xs => {
                let scales = with_high_bits(
                    block.add(4).cast::<i32>().read_unaligned(),
                    block.add(2).cast::<u16>().read_unaligned(),
                );
                let halves =
                    (_mm256_castsi256_si128(scales), _mm256_extracti128_si256::<1>(scales));
                let short = _mm256_zextsi128_si256(_mm_packs_epi32(halves.0, halves.1));
                Head {
                    scales: [scales, _mm256_setzero_si256()],
                    // Times 128, the excess of the chosen numbers.
                    offsets: _mm256_slli_epi16::<7>(short),
                    scale: half(block),
                    minimum: 0.0,
                }
            }
            _ => of_sixteen(_mm_loadu_si128(block.add(192).cast()), 5, block.add(208)),
        }
    }
}

/// A head with sixteen scales, for weights with an excess of this many bits.
///
/// # Safety
/// The processor has the features; a number of 16 bits is at `scale`.
#[inline]
#[target_feature(enable = "avx2,f16c")]
unsafe fn of_sixteen(scales: __m128i, bits: i32, scale: *const u8) -> Head {
    Head {
        scales: wide(scales),
        offsets: _mm256_sll_epi16(_mm256_cvtepi8_epi16(scales), _mm_cvtsi32_si128(bits)),
        // SAFETY: guaranteed by the caller.
        scale: unsafe { half(scale) },
        minimum: 0.0,
    }
}

#[inline]
#[target_feature(enable = "avx2")]
fn wide(scales: __m128i) -> [__m256i; 2] {
    let upper = _mm_unpackhi_epi64(scales, scales);
    [_mm256_cvtepi8_epi32(scales), _mm256_cvtepi8_epi32(upper)]
}

#[inline]
#[target_feature(enable = "avx2")]
fn bytes(words: [u32; 4]) -> __m128i {
    let [first, second, third, fourth] = words.map(u32::cast_signed);
    _mm_set_epi32(fourth, third, second, first)
}

/// Unpacks eight scales and eight minima of six bits from twelve bytes: the low six bits of the
/// first four of each are in bytes of their own; of the others, the low four bits share bytes, and
/// the high two are in what is left of the first eight bytes.
#[inline]
pub(crate) fn scales_and_minima([first, second, third]: [u32; 3]) -> ([u32; 2], [u32; 2]) {
    const SIX: u32 = 0x3f3f_3f3f;
    const FOUR: u32 = 0x0f0f_0f0f;
    const TWO: u32 = 0x0303_0303;
    let high = |word: u32| ((word >> 6) & TWO) << 4;
    (
        [first & SIX, (third & FOUR) | high(first)],
        [second & SIX, ((third >> 4) & FOUR) | high(second)],
    )
}

/// Unpacks sixteen scales of six bits: the low four bits of the first eight are in the low halves
/// of eight bytes, those of the others in the high halves, and the high two bits of four scales in
/// each of four bytes.
#[inline]
#[target_feature(enable = "avx2")]
fn six_bits([first, second, third]: [u32; 3]) -> __m128i {
    const FOUR: u32 = 0x0f0f_0f0f;
    const TWO: u32 = 0x0303_0303;
    let high = |shift: u32| ((third >> shift) & TWO) << 4;
    bytes([
        (first & FOUR) | high(0),
        (second & FOUR) | high(2),
        ((first >> 4) & FOUR) | high(4),
        ((second >> 4) & FOUR) | high(6),
    ])
}

/// Unpacks eight scales of six bits with an excess of 32: the low four bits are together, two in a
/// byte, and so are the high two.
#[inline]
#[target_feature(enable = "avx2")]
fn with_high_bits(low: i32, high: u16) -> __m256i {
    let low = _mm_cvtsi32_si128(low);
    let pairs = _mm_unpacklo_epi8(low, _mm_srli_epi16::<4>(low));
    let low = _mm256_cvtepu8_epi32(_mm_and_si128(pairs, _mm_set1_epi8(0x0f)));
    let high = _mm256_set1_epi32(i32::from(high));
    let high = _mm256_srlv_epi32(high, _mm256_set_epi32(14, 12, 10, 8, 6, 4, 2, 0));
    let high = _mm256_slli_epi32::<4>(_mm256_and_si256(high, _mm256_set1_epi32(3)));
    _mm256_add_epi32(_mm256_or_si256(low, high), _mm256_set1_epi32(-32))
}

/// The weights in the order of the columns' values, unsigned: each has the excess that
/// [`Format::too_high`] gives.
///
/// # Safety
/// The processor has the features; a block of the format is there.
#[inline]
#[target_feature(enable = "avx2")]
pub(crate) unsafe fn weights<const FORMAT: u8>(block: *const u8) -> [__m256i; PARTS] {
    // SAFETY: guaranteed by the caller: the places are those of ggml's blocks.
    unsafe {
        match Format::of(FORMAT) {
            Format::Q4K => four_bits(block.add(16)),
            Format::Q5K => {
                let mut weights = four_bits(block.add(48));
                let fifth = _mm256_loadu_si256(block.add(16).cast());
                // The lowest bit of each byte is the fifth of the first 32 weights, and so on.
                for (part, weights) in weights.iter_mut().enumerate() {
                    *weights = _mm256_or_si256(*weights, moved(fifth, part as i32, 4, 1));
                }
                weights
            }
            Format::Q6K => six_bit_weights(block),
            Format::Q3K => {
                let mut weights = two_bits(block.add(32));
                let third = _mm256_loadu_si256(block.cast());
                for (part, weights) in weights.iter_mut().enumerate() {
                    *weights = _mm256_or_si256(*weights, moved(third, part as i32, 2, 1));
                }
                weights
            }
            Format::Q2K => two_bits(block.add(16)),
            _ => chosen(block.add(8)),
        }
    }
}

/// In each 32 bytes, the low halves are 32 weights and the high halves the next 32.
#[inline]
#[target_feature(enable = "avx2")]
unsafe fn four_bits(packed: *const u8) -> [__m256i; PARTS] {
    let four_bits = _mm256_set1_epi8(0x0f);
    let mut weights = [_mm256_setzero_si256(); PARTS];
    for (index, weights) in weights.as_chunks_mut::<2>().0.iter_mut().enumerate() {
        // SAFETY: 128 bytes are at `packed`.
        let both = unsafe { _mm256_loadu_si256(packed.add(32 * index).cast()) };
        weights[0] = _mm256_and_si256(both, four_bits);
        weights[1] = _mm256_and_si256(_mm256_srli_epi16::<4>(both), four_bits);
    }
    weights
}

/// In each 32 bytes, the lowest two bits are 32 weights, and so on.
#[inline]
#[target_feature(enable = "avx2")]
unsafe fn two_bits(packed: *const u8) -> [__m256i; PARTS] {
    let mut weights = [_mm256_setzero_si256(); PARTS];
    for (index, weights) in weights.as_chunks_mut::<4>().0.iter_mut().enumerate() {
        // SAFETY: 64 bytes are at `packed`.
        let four = unsafe { _mm256_loadu_si256(packed.add(32 * index).cast()) };
        for (part, weights) in weights.iter_mut().enumerate() {
            *weights = moved(four, 2 * part as i32, 0, 3);
        }
    }
    weights
}

/// 128 bytes of low four bits, then 64 bytes of high two bits. The four quarters of each 128
/// weights share 32 bytes of high bits; the third and fourth quarter have their low bits in the
/// high halves of the bytes of the first and second.
#[inline]
#[target_feature(enable = "avx2")]
unsafe fn six_bit_weights(block: *const u8) -> [__m256i; PARTS] {
    let (four_bits, two_bits) = (_mm256_set1_epi8(0x0f), _mm256_set1_epi8(0x30));
    let mut weights = [_mm256_setzero_si256(); PARTS];
    for (index, weights) in weights.as_chunks_mut::<4>().0.iter_mut().enumerate() {
        // SAFETY: 192 bytes of bits are at `block`.
        let (low, high) = unsafe {
            let low =
                [0, 32].map(|at| _mm256_loadu_si256(block.add(64 * index + at).cast::<__m256i>()));
            (low, _mm256_loadu_si256(block.add(128 + 32 * index).cast::<__m256i>()))
        };
        let high = [
            _mm256_slli_epi16::<4>(high),
            _mm256_slli_epi16::<2>(high),
            high,
            _mm256_srli_epi16::<2>(high),
        ];
        for (quarter, weights) in weights.iter_mut().enumerate() {
            let low = low[quarter % 2];
            let low = if quarter < 2 { low } else { _mm256_srli_epi16::<4>(low) };
            let high = _mm256_and_si256(high[quarter], two_bits);
            *weights = _mm256_or_si256(_mm256_and_si256(low, four_bits), high);
        }
    }
    weights
}

/// In each 16 bytes, the low halves choose 16 weights and the high halves the next 16.
#[inline]
#[target_feature(enable = "avx2")]
unsafe fn chosen(packed: *const u8) -> [__m256i; PARTS] {
    let mut weights = [_mm256_setzero_si256(); PARTS];
    let four_bits = _mm_set1_epi8(0x0f);
    for (index, weights) in weights.iter_mut().enumerate() {
        // SAFETY: 128 bytes are at `packed`, and CHOICE has 16.
        let (both, choice) = unsafe {
            let both = _mm_loadu_si128(packed.add(16 * index).cast());
            (both, _mm_loadu_si128(CHOICE.as_ptr().cast()))
        };
        let low = _mm_and_si128(both, four_bits);
        let high = _mm_and_si128(_mm_srli_epi16::<4>(both), four_bits);
        let nibbles = _mm256_inserti128_si256::<1>(_mm256_castsi128_si256(low), high);
        *weights = _mm256_shuffle_epi8(_mm256_broadcastsi128_si256(choice), nibbles);
    }
    weights
}

/// Moves some bits of each byte to another position: `mask` selects them, shifted to the lowest
/// position.
#[inline]
#[target_feature(enable = "avx2")]
fn moved(bytes: __m256i, from: i32, to: i32, mask: i8) -> __m256i {
    let low = _mm256_srl_epi16(bytes, _mm_cvtsi32_si128(from));
    let low = _mm256_and_si256(low, _mm256_set1_epi8(mask));
    _mm256_sll_epi16(low, _mm_cvtsi32_si128(to))
}
