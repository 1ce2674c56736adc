//! The models on disk and the memory of the machine: what the inspection of a file reports, what a
//! load of it finds, and how much memory it takes. Faults damage, replace and remove files.

use std::path::PathBuf;
use std::sync::{Arc, LazyLock};
use std::time::{Duration, SystemTime};

use localcoder_gguf::{Header, KvType, RunShape};
use localcoder_host::ModelFile;
use localcoder_model_store::Sampling;
use localcoder_protocol::limits::OUTPUT_ROWS_MAX;
use localcoder_protocol::{DEMO, ErrorCode, ErrorInfo, MemoryUse, ModelInfo};

use crate::random::Random;

impl Spec {
    pub(crate) fn bytes(&self) -> u64 {
        self.megabytes * 1_000_000
    }
}

#[derive(Debug)]
pub(crate) struct Spec {
    pub(crate) reference: &'static str,
    megabytes: u64,
    pub(crate) trained_tokens: u32,
    parameters: u64,
}

const fn spec(reference: &'static str, megabytes: u64, trained_tokens: u32, millions: u64) -> Spec {
    Spec { reference, megabytes, trained_tokens, parameters: millions * 1_000_000 }
}

/// The models that the built-in profiles name, and others: small, large, with a small window.
pub(crate) const SPECS: &[Spec] = &[
    spec(DEMO, 8, 2_048, 4),
    spec("qwen2.5-coder-7b", 4_700, 32_768, 7_600),
    spec("llama-3-8b", 4_900, 8_192, 8_000),
    spec("qwen2.5-coder-14b", 9_000, 32_768, 14_700),
    spec("small", 500, 8_192, 500),
    spec("narrow", 900, 1_024, 900),
    spec("/models/own.gguf", 2_500, 16_384, 3_000),
];

/// The headers of [`SPECS`]: the demo model's, with other sizes. A header that was read and not
/// made up keeps the estimate of memory on the product's own path.
static HEADERS: LazyLock<Vec<Arc<Header>>> = LazyLock::new(|| {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../models/demo/localcoder-demo.gguf");
    let bytes = std::fs::read(path).expect("the demo model is part of the repository");
    let demo = Header::read(bytes.as_slice(), bytes.len() as u64).expect("the demo model is good");
    let header = |spec: &Spec| {
        let mut header = demo.clone();
        header.tensor_bytes = spec.megabytes * 1_000_000;
        header.parameters = spec.parameters;
        header.context_length = u64::from(spec.trained_tokens);
        // As wide as in real models, so that lowering the window or the batch saves memory.
        header.head_count = 28;
        header.embedding_length = 3_584;
        header.feed_forward_length = 18_944;
        Arc::new(header)
    };
    SPECS.iter().map(header).collect()
});

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    Good,
    Missing,
    /// Its header is invalid.
    Bad(ErrorCode),
}

/// What only a load finds out: the header is good, so an inspection lets the file pass. Kept apart
/// from [`State`] since the host must treat the two differently: this one costs a worker's load
/// each time, and must not be tried again unasked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Content {
    Fine,
    Damaged,
    Unsupported,
}

#[derive(Debug)]
pub(crate) struct Store {
    states: [State; SPECS.len()],
    pub(crate) contents: [Content; SPECS.len()],
    written_s: [u64; SPECS.len()],
    pub(crate) total_bytes: u64,
    pub(crate) others_bytes: u64,
    pub(crate) tells_free: bool,
}

impl Store {
    pub(crate) fn draw(random: &mut Random) -> Self {
        let mut states = [State::Good; SPECS.len()];
        // The demo model comes with the product, so it is never missing at the start.
        for state in states.iter_mut().skip(1) {
            if random.per_mille(250) {
                *state = State::Missing;
            }
        }
        let total_bytes = *random.pick(&[4, 6, 8, 12, 16, 32]) * 1_000_000_000;
        Self {
            states,
            contents: [Content::Fine; SPECS.len()],
            written_s: [1_000; SPECS.len()],
            total_bytes,
            others_bytes: random.below(total_bytes / 2),
            tells_free: random.per_mille(900),
        }
    }

    pub(crate) fn end_faults(&mut self) {
        for index in 0..SPECS.len() {
            self.repair(index);
        }
        self.total_bytes = self.total_bytes.max(32_000_000_000);
        self.others_bytes = 0;
        self.tells_free = true;
    }

    fn repair(&mut self, index: usize) {
        if self.states[index] != State::Good || self.contents[index] != Content::Fine {
            self.replace(index);
        }
    }

    pub(crate) fn replace(&mut self, index: usize) {
        // The host tells files apart by the time at which they were written.
        self.written_s[index] += 60;
        self.states[index] = State::Good;
        self.contents[index] = Content::Fine;
    }

    pub(crate) fn spoil(&mut self, index: usize, code: Option<ErrorCode>) {
        self.states[index] = code.map_or(State::Missing, State::Bad);
    }

    /// Free memory, if models take `taken` in addition to the pages of their files.
    pub(crate) fn free_bytes(&self, taken: u64) -> Option<u64> {
        let free = self.total_bytes.saturating_sub(self.others_bytes).saturating_sub(taken);
        self.tells_free.then_some(free)
    }

    /// Behaves like the host's shell: the first file that exists is meant, and a bad one is not
    /// skipped.
    pub(crate) fn inspect(&self, references: &[String]) -> Result<ModelFile, ErrorInfo> {
        let mut missing = None;
        for reference in references {
            match self.look_at(reference) {
                Err(error) if error.code == ErrorCode::ModelNotFound => {
                    missing.get_or_insert(error);
                }
                found => return found,
            }
        }
        Err(missing.unwrap_or_else(|| ErrorInfo::new(ErrorCode::NoModel, "no model is named")))
    }

    fn look_at(&self, reference: &str) -> Result<ModelFile, ErrorInfo> {
        let index = SPECS.iter().position(|spec| spec.reference == reference);
        let found = index.map(|index| (index, self.states[index]));
        match found {
            None | Some((_, State::Missing)) => Err(ErrorInfo::new(
                ErrorCode::ModelNotFound,
                format!("no model `{reference}` is installed"),
            )),
            Some((_, State::Bad(code))) => {
                Err(ErrorInfo::new(code, format!("`{reference}` is not a usable model")))
            }
            Some((index, State::Good)) => Ok(self.file(index)),
        }
    }

    fn file(&self, index: usize) -> ModelFile {
        let spec = &SPECS[index];
        ModelFile {
            path: PathBuf::from(spec.reference),
            info: ModelInfo {
                reference: spec.reference.to_owned(),
                name: spec.reference.to_owned(),
                architecture: "qwen2".to_owned(),
                size_bytes: spec.megabytes * 1_000_000,
                trained_context_tokens: spec.trained_tokens,
                demo: index == 0,
                attribution: Vec::new(),
            },
            pinned: None,
            modified: Some(SystemTime::UNIX_EPOCH + Duration::from_secs(self.written_s[index])),
            chat_template: None,
            sampling: Sampling::default(),
            header: Some(Arc::clone(&HEADERS[index])),
        }
    }
}

pub(crate) fn index_of(path: &str) -> Option<usize> {
    SPECS.iter().position(|spec| spec.reference == path)
}

pub(crate) fn draft_memory() -> MemoryUse {
    MemoryUse { weights_bytes: 500_000_000, kv_bytes: 100_000_000, compute_bytes: 100_000_000 }
}

pub(crate) fn memory_of(index: usize, window: u32, batch: u32, q8: bool) -> MemoryUse {
    let estimate = HEADERS[index].estimate(RunShape {
        context_tokens: window,
        batch_tokens: batch,
        output_tokens: OUTPUT_ROWS_MAX,
        kv: if q8 { KvType::Q8_0 } else { KvType::F16 },
        flash_attention: q8,
    });
    MemoryUse {
        weights_bytes: estimate.weights_bytes,
        kv_bytes: estimate.kv_bytes,
        compute_bytes: estimate.compute_bytes,
    }
}
