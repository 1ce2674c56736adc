//! Whether a model fits into memory: the one rule for everything that says so. `models list` and
//! `profiles` apply it to models of a catalog, the host's survey to installed ones, and a load
//! obeys it. Pure arithmetic; how much memory there is comes from `memory`.

use localcoder_gguf::{FIRST_OUTPUT_ROWS, Header, KvType, RunShape};
use localcoder_protocol::limits::{BATCH_TOKENS, OUTPUT_ROWS_MAX};
use localcoder_protocol::{KvStorage, LoadProfile, MemoryUse, Purpose};
use serde::Serialize;

use crate::Entry;

/// What a model takes in addition to its file and the KV cache, if only its catalog entry is known:
/// compute buffers, vocabulary, logits. Calculated from the header it is 442 MB for the largest
/// model of the product's catalog in the largest window, and 50 MB for the smallest.
const BESIDE_BYTES: u64 = 512 * 1024 * 1024;
/// Percentage of all memory that may be taken if the system does not report what is free: the rest
/// is for the system and the editor.
const USABLE_PERCENT: u64 = 75;

/// Step between the context windows that are tried. The smallest allowed window is tried whatever
/// the step.
pub const WINDOW_STEP_TOKENS: u32 = 2_048;

// The worker has a sequence for each purpose and a scratch sequence, each with its first logits.
const _: () = assert!(FIRST_OUTPUT_ROWS == Purpose::ALL.len() as u64 + 1);

/// What is known of a model's file. A header gives the better answer, and is only there once the
/// file is.
#[derive(Debug, Clone, Copy)]
pub enum Known<'a> {
    Header(&'a Header),
    Entry(&'a Entry),
}

/// How much memory a model needs: weights, KV cache, buffers and vocabulary together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Need {
    pub bytes: u64,
    /// Whether a worker has reported it; otherwise it is calculated.
    pub measured: bool,
}

impl Need {
    /// What a model needs when it is run like this. `measured` is what a worker has reported for
    /// the same file, window and KV cache, which counts more than any calculation. A worker reports
    /// only the buffers of llama.cpp, so what it allocates beside them is added.
    #[must_use]
    pub fn of(known: Known<'_>, run: RunShape, measured: Option<MemoryUse>) -> Self {
        let bytes = match (known, measured) {
            (Known::Header(header), Some(memory)) => {
                memory.total_bytes().saturating_add(header.estimate(run).beside_bytes())
            }
            (Known::Header(header), None) => header.estimate(run).total_bytes(),
            (Known::Entry(_), Some(memory)) => memory.total_bytes().saturating_add(BESIDE_BYTES),
            (Known::Entry(entry), None) => {
                let kv = run.kv.bytes_from_f16(entry.kv_bytes_per_token);
                let kv = kv.saturating_mul(run.context_tokens.into());
                entry.bytes.saturating_add(kv).saturating_add(BESIDE_BYTES)
            }
        };
        Self { bytes, measured: measured.is_some() }
    }
}

impl Known<'_> {
    /// The window that a model is run with if the settings allow those from `least` to `most`, and
    /// what it needs with that window: the largest for which there is memory now, else the
    /// smallest. None is larger than what the model was trained for. `least` counts even if there
    /// is no memory for it: whether a load is tried then is up to the caller, who gets the need
    /// with it.
    #[must_use]
    pub fn window(self, (least, most): (u32, u32), memory: Memory) -> (u32, Need) {
        let trained = match self {
            Self::Header(header) => header.context_length,
            Self::Entry(entry) => entry.context_tokens,
        };
        let trained = u32::try_from(trained).unwrap_or(u32::MAX);
        let [least, most] = [least, most].map(|tokens| tokens.min(trained));
        let mut window = most.max(least);
        loop {
            let need = Need::of(self, usual(window), None);
            if window <= least || memory.fit(need.bytes) == Fit::Fits {
                return (window, need);
            }
            // The smallest window is tried even if the steps would pass it.
            window = window.saturating_sub(WINDOW_STEP_TOKENS).max(least);
        }
    }
}

impl Entry {
    /// What the model needs when it is run as usual, with a context window of this many tokens.
    #[must_use]
    pub fn need(&self, context_tokens: u32) -> Need {
        Need::of(Known::Entry(self), usual(context_tokens), None)
    }
}

/// How a model is run if nothing else is set and there is room.
fn usual(context_tokens: u32) -> RunShape {
    RunShape {
        context_tokens,
        batch_tokens: BATCH_TOKENS,
        output_tokens: OUTPUT_ROWS_MAX,
        kv: KvType::F16,
        flash_attention: false,
    }
}

/// The shape of a run that a load profile asks a worker for.
#[must_use]
pub fn run_shape(profile: &LoadProfile) -> RunShape {
    RunShape {
        batch_tokens: profile.batch_tokens,
        kv: match profile.kv {
            KvStorage::F16 => KvType::F16,
            KvStorage::Q8_0 => KvType::Q8_0,
        },
        // llama.cpp stores the cache in 8 bits only with flash attention.
        flash_attention: profile.kv == KvStorage::Q8_0,
        ..usual(profile.context_tokens)
    }
}

/// The machine's memory, as far as it is known; `None` for what the system does not report.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Memory {
    /// All memory that a program of this user could have.
    pub total_bytes: Option<u64>,
    pub free_bytes: Option<u64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Fit {
    Fits,
    /// It fits once other programs are closed.
    Tight,
    /// It is too large for this machine's memory.
    TooLarge,
    /// The system does not report the memory.
    Unknown,
}

impl Memory {
    /// Whether this much memory is available. What is free now decides if it is known; the total
    /// only tells what can never fit from what fits once others have ended. Where nothing is
    /// reported nothing is refused: [`Fit::Unknown`].
    #[must_use]
    pub fn fit(&self, needed_bytes: u64) -> Fit {
        let usable = |total: u64| total / 100 * USABLE_PERCENT;
        match (self.free_bytes, self.total_bytes) {
            (Some(free), _) if needed_bytes <= free => Fit::Fits,
            (_, Some(total)) if needed_bytes > total => Fit::TooLarge,
            (None, Some(total)) if needed_bytes <= usable(total) => Fit::Fits,
            (None, None) => Fit::Unknown,
            _ => Fit::Tight,
        }
    }
}

impl Memory {
    /// Whether this much memory is available, with the numbers; `size` formats one for people.
    #[must_use]
    pub fn fit_text(&self, needed_bytes: u64, size: impl Fn(u64) -> String) -> String {
        let needed = size(needed_bytes);
        let of = self.total_bytes.map_or_else(String::new, |it| format!(" of {}", size(it)));
        match (self.fit(needed_bytes), self.free_bytes) {
            (Fit::Fits, Some(free)) => format!("needs {needed}, {} free{of}", size(free)),
            (Fit::Fits, None) => format!("needs {needed}{of}"),
            (Fit::Tight, Some(free)) => {
                format!("needs {needed}, {} free{of}: close other programs", size(free))
            }
            (Fit::Tight, None) => format!("needs {needed}{of}: close other programs"),
            (Fit::TooLarge, _) => format!("needs {needed}{of}: too large for this machine"),
            (Fit::Unknown, _) => format!("needs {needed}; what is free is not known here"),
        }
    }
}

impl Fit {
    #[must_use]
    pub fn text(self) -> &'static str {
        match self {
            Self::Fits => "fits this machine",
            Self::Tight => "fits if other programs are closed",
            Self::TooLarge => "does not fit into this machine's memory",
            Self::Unknown => "this machine does not tell its memory",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Catalog;

    const GIB: u64 = 1024 * 1024 * 1024;

    fn demo() -> Header {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../models/demo/localcoder-demo.gguf");
        let bytes = std::fs::read(path).unwrap();
        Header::read(bytes.as_slice(), bytes.len() as u64).unwrap()
    }

    fn memory(total_gib: Option<u64>, free_gib: Option<u64>) -> Memory {
        let bytes = |gib: Option<u64>| gib.map(|gib| gib * GIB);
        Memory { total_bytes: bytes(total_gib), free_bytes: bytes(free_gib) }
    }

    #[test]
    fn what_is_free_now_counts_and_all_there_is_only_beside_it() {
        let both = memory(Some(16), Some(6));
        assert_eq!(both.fit(5 * GIB), Fit::Fits);
        assert_eq!(both.fit(7 * GIB), Fit::Tight);
        assert_eq!(both.fit(17 * GIB), Fit::TooLarge);
        // What is free is not known: a quarter is left for other programs.
        let total = memory(Some(16), None);
        assert_eq!(total.fit(11 * GIB), Fit::Fits);
        assert_eq!(total.fit(13 * GIB), Fit::Tight);
        assert_eq!(total.fit(17 * GIB), Fit::TooLarge);
        let free = memory(None, Some(6));
        assert_eq!((free.fit(6 * GIB), free.fit(7 * GIB)), (Fit::Fits, Fit::Tight));
        assert_eq!(memory(None, None).fit(1), Fit::Unknown);
    }

    #[test]
    fn whether_a_model_fits_is_said_in_words_of_its_own() {
        let all = [Fit::Fits, Fit::Tight, Fit::TooLarge, Fit::Unknown];
        for (index, fit) in all.into_iter().enumerate() {
            assert!(fit.text().contains("machine") || fit == Fit::Tight, "{fit:?}");
            assert!(all[..index].iter().all(|other| other.text() != fit.text()), "{fit:?}");
        }
        assert!(Fit::Tight.text().contains("other programs"));
    }

    #[test]
    fn a_model_needs_no_more_once_it_is_installed_than_its_entry_says() {
        // Heads, width, feed-forward width and vocabulary of the files that the catalog names.
        let shapes = [
            ("qwen2.5-coder-7b", 28, 3_584, 18_944, 152_064),
            ("llama-3-8b", 32, 4_096, 14_336, 128_256),
            ("qwen2.5-coder-14b", 40, 5_120, 13_824, 152_064),
            ("qwen2.5-coder-1.5b", 12, 1_536, 8_960, 151_936),
            ("qwen2.5-coder-0.5b", 14, 896, 4_864, 151_936),
        ];
        let catalog = Catalog::shipped();
        for (id, heads, width, inner, vocabulary) in shapes {
            let entry = catalog.entry(id).unwrap();
            let mut header = demo();
            header.tensor_bytes = entry.bytes;
            header.head_count = heads;
            header.embedding_length = width;
            header.feed_forward_length = inner;
            header.vocabulary_size = vocabulary;
            for window in [512, 4096, 8192] {
                let run = usual(window);
                // One has the KV cache of the demo model, the other that of the entry.
                let there = header.estimate(run);
                let there = there.total_bytes() - there.kv_bytes;
                let said = entry.need(window).bytes - entry.kv_bytes_per_token * u64::from(window);
                assert!(there <= said, "{id}, {window}: {there} bytes, and {said} were said");
                assert!(said - there <= BESIDE_BYTES, "{id}, {window}: {said} is far too much");
            }
        }
    }

    #[test]
    fn the_largest_window_that_fits_is_meant_else_the_smallest() {
        let catalog = Catalog::shipped();
        let entry = catalog.entry("qwen2.5-coder-7b").unwrap();
        let need = |tokens| entry.need(tokens).bytes;
        let window = |free: u64| {
            let memory = memory(Some(64), None);
            let memory = Memory { free_bytes: Some(free), ..memory };
            let (tokens, needed) = Known::Entry(entry).window((4096, 8192), memory);
            assert_eq!(needed.bytes, need(tokens));
            tokens
        };
        assert_eq!(window(need(8192)), 8192);
        assert_eq!(window(need(8192) - 1), 6144);
        assert_eq!(window(need(4096)), 4096);
        assert_eq!(window(0), 4096);
        let all = memory(Some(64), Some(64));
        let mut small = entry.clone();
        small.context_tokens = 2048;
        assert_eq!(Known::Entry(&small).window((4096, 8192), all).0, 2048);
    }

    #[test]
    fn whether_it_fits_is_said_with_the_numbers() {
        let size = |bytes: u64| format!("{} GiB", bytes / GIB);
        let text = |memory: Memory, gib: u64| memory.fit_text(gib * GIB, size);
        let both = memory(Some(16), Some(6));
        assert_eq!(text(both, 5), "needs 5 GiB, 6 GiB free of 16 GiB");
        assert_eq!(text(both, 7), "needs 7 GiB, 6 GiB free of 16 GiB: close other programs");
        assert_eq!(text(both, 17), "needs 17 GiB of 16 GiB: too large for this machine");
        assert_eq!(text(memory(None, None), 1), "needs 1 GiB; what is free is not known here");
        assert_eq!(text(memory(Some(16), None), 1), "needs 1 GiB of 16 GiB");
    }

    #[test]
    fn what_was_measured_counts_more_than_the_arithmetic() {
        let header = demo();
        let run = usual(2048);
        let computed = Need::of(Known::Header(&header), run, None);
        assert_eq!(
            (computed.bytes, computed.measured),
            (header.estimate(run).total_bytes(), false)
        );
        let memory = MemoryUse { weights_bytes: 1_000, kv_bytes: 10, compute_bytes: 1 };
        let measured = Need::of(Known::Header(&header), run, Some(memory));
        assert_eq!(measured.bytes, 1_011 + header.estimate(run).beside_bytes());
        assert!(measured.measured);
    }

    #[test]
    fn a_smaller_cache_needs_less() {
        let catalog = Catalog::shipped();
        let entry = catalog.entry("qwen2.5-coder-7b").unwrap();
        let run = |kv| RunShape { kv, ..usual(4096) };
        let [full, half] = [KvType::F16, KvType::Q8_0]
            .map(|kv| Need::of(Known::Entry(entry), run(kv), None).bytes);
        assert_eq!(full - half, entry.kv_bytes_per_token * 4096 * 30 / 64);
    }

    #[test]
    fn a_run_has_the_shape_that_its_profile_asks_for() {
        let profile = LoadProfile {
            context_tokens: 2048,
            batch_tokens: 64,
            threads: 0,
            gpu_layers: None,
            kv: KvStorage::Q8_0,
            repack: true,
        };
        let shape = run_shape(&profile);
        assert_eq!((shape.context_tokens, shape.batch_tokens), (2048, 64));
        assert_eq!((shape.kv, shape.flash_attention), (KvType::Q8_0, true));
        assert_eq!(shape.output_tokens, OUTPUT_ROWS_MAX);
    }
}
