//! Files that were changed at random or made to do harm: no panic, and bounded memory and work. A
//! single test function, since it measures the memory of the whole process.

#![expect(unsafe_code, reason = "an allocator that counts can only be written so")]

#[expect(dead_code, reason = "each test file uses a part of it")]
mod builder;

use std::alloc::{GlobalAlloc, Layout, System};
use std::io::Read;
use std::sync::atomic::{AtomicUsize, Ordering};

use builder::{ARRAY, Builder, STRING};
use localcoder_gguf::{GgufError, Header};

struct Counting;

static HELD: AtomicUsize = AtomicUsize::new(0);
static MOST: AtomicUsize = AtomicUsize::new(0);

// SAFETY: `System` does all the work; sizes are only counted in addition.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let held = HELD.fetch_add(layout.size(), Ordering::Relaxed) + layout.size();
        MOST.fetch_max(held, Ordering::Relaxed);
        // SAFETY: the caller's guarantee is passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        HELD.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: the caller's guarantee is passed on.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Reads a header; returns the result and the most bytes that were held meanwhile.
fn memory_of(reader: impl Read, file_bytes: u64) -> (Result<Header, GgufError>, usize) {
    let before = HELD.load(Ordering::Relaxed);
    MOST.store(before, Ordering::Relaxed);
    let result = Header::read(reader, file_bytes);
    (result, MOST.load(Ordering::Relaxed) - before)
}

/// A small random number generator, so that a failure can be reproduced.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % end as u64) as usize
    }
}

/// Changes a few bytes: to anything, to an extreme, or by one bit.
fn mutate(file: &mut Vec<u8>, header: usize, numbers: &mut Numbers) {
    for _ in 0..=numbers.below(3) {
        let at = numbers.below(header);
        match numbers.below(5) {
            0 => file[at] = numbers.below(256) as u8,
            1 => file[at] ^= 1 << numbers.below(8),
            2 => file[at] = [0, 1, 0x7F, 0x80, 0xFF][numbers.below(5)],
            3 => {
                let end = (at + 8).min(header);
                file[at..end].fill([0, 0xFF][numbers.below(2)]);
            }
            _ => file.truncate(at.max(1)),
        }
        if file.len() < header {
            return;
        }
    }
}

#[test]
fn hostile_files_are_read_within_bounds() {
    mutated_files();
    endless_files();
}

fn mutated_files() {
    let sound = Builder::sound();
    let (file, header) = (sound.file(), sound.header().len());
    let mut numbers = Numbers(0x9E37_79B9_7F4A_7C15);
    let (mut taken, mut refused) = (0, 0);
    for round in 0..20_000 {
        let mut mutated = file.clone();
        mutate(&mut mutated, header, &mut numbers);
        let (result, bytes) = memory_of(mutated.as_slice(), mutated.len() as u64);
        assert!(bytes < 1 << 20, "round {round} held {bytes} bytes");
        match result {
            Ok(header) => {
                assert!(header.context_length > 0 && header.vocabulary_size == 8, "round {round}");
                taken += 1;
            }
            Err(error) => {
                assert!(!error.to_string().is_empty());
                refused += 1;
            }
        }
    }
    assert!(taken > 500 && refused > 10_000, "{taken} taken, {refused} refused");
}

/// Endless readers, each with the claim that takes longest.
fn endless_files() {
    let empty = Builder { pairs: Vec::new(), tensors: Vec::new(), ..Builder::sound() };
    let list = |key, length: u64| {
        let mut builder = empty.clone();
        builder.set(key, ARRAY, &[&STRING.to_le_bytes()[..], &length.to_le_bytes()].concat());
        builder.tensors_claimed = Some(1);
        builder.header()
    };
    let texts = Builder { pairs_claimed: Some(4096), tensors_claimed: Some(1), ..empty.clone() };
    let zeros = || std::iter::repeat([0; 8]);
    let sixteens = || std::iter::repeat([16, 0, 0, 0, 0, 0, 0, 0]);
    check_endless(&list("tokenizer.ggml.tokens", 1 << 20), sixteens());
    check_endless(&list("any.list", 1 << 26), zeros());
    // Texts of nearly 16 MiB, each under another name. A pair is a whole number of words: name (8 +
    // 8), type and the first half of the claim, its second half and four bytes of text.
    let large = (0_u64..).flat_map(|number| {
        let name = *format!("{number:08}").as_bytes().first_chunk().expect("eight digits");
        let length: u32 = (16 << 20) - 4;
        let claim = [[8, 0, 0, 0], length.to_le_bytes()].concat();
        let claim = *claim.first_chunk().expect("eight bytes");
        let head = [[8, 0, 0, 0, 0, 0, 0, 0], name, claim];
        head.into_iter().chain(std::iter::repeat_n([0; 8], (16 << 20) / 8))
    });
    check_endless(&texts.header(), large);
}

fn check_endless(start: &[u8], rest: impl Iterator<Item = [u8; 8]>) {
    let endless = start.chain(Words { words: rest, left: Vec::new() });
    let (result, bytes) = memory_of(endless, u64::MAX);
    assert!(matches!(result, Err(GgufError::Damaged(_))), "{result:?}");
    assert!(bytes < 16 << 20, "held {bytes} bytes");
}

/// A reader of an iterator's items.
struct Words<I> {
    words: I,
    left: Vec<u8>,
}

impl<I: Iterator<Item = [u8; 8]>> Read for Words<I> {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        if self.left.is_empty() {
            self.left = self.words.by_ref().take(into.len().max(8) / 8).flatten().collect();
        }
        let count = self.left.as_slice().read(into)?;
        self.left.drain(..count);
        Ok(count)
    }
}
