//! The arithmetic that tells before a load how much memory a model takes, compared with what the
//! worker measures: for windows of 2k to 8k tokens, with both kinds of KV cache.

use anyhow::Result;
use localcoder_gguf::{KvType, RunShape};
use localcoder_protocol::KvStorage;
use localcoder_protocol::limits::{BATCH_TOKENS, OUTPUT_ROWS_MAX};

use super::Bench;
use super::report::{Row, Target};
use super::statistics::{Figure, median};
use super::worker::header;

/// The windows that profiles use, and half of the smallest one.
const WINDOWS_TOKENS: [u32; 3] = [2048, 4096, 8192];
const KINDS: [(KvStorage, KvType, &str); 2] =
    [(KvStorage::F16, KvType::F16, "f16"), (KvStorage::Q8_0, KvType::Q8_0, "q8_0")];
/// How far an estimate may be off, as a share of the measured value.
const DEVIATION_MAX: f64 = 0.03;

pub(super) fn estimates(bench: &mut Bench<'_>) -> Result<Vec<Row>> {
    let header = header(&bench.model)?;
    let (mut deviations, mut worst) = (Vec::new(), (0.0, String::new()));
    for window in WINDOWS_TOKENS {
        for (storage, kv, name) in KINDS {
            let (context_tokens, measured) = bench.worker.memory_with(window, storage)?;
            let run = RunShape {
                context_tokens,
                batch_tokens: BATCH_TOKENS,
                output_tokens: OUTPUT_ROWS_MAX,
                kv,
                flash_attention: storage == KvStorage::Q8_0,
            };
            let expected = header.estimate(run).buffers_bytes();
            #[expect(clippy::cast_precision_loss, reason = "bytes")]
            let deviation = (expected as f64 / measured.total_bytes() as f64 - 1.0).abs();
            if deviation >= worst.0 {
                // `>=`, so that even a perfect estimate names the case it was for.
                worst = (deviation, format!("the worst with {context_tokens} tokens, {name}"));
            }
            deviations.push(deviation);
        }
    }
    // The later measurements expect the usual window, not the last one that was tried here.
    bench.worker.reload()?;
    let figure =
        Figure { value: worst.0, low: median(&deviations), high: worst.0, n: deviations.len() };
    let name = "memory: estimate from the header, off by at most";
    Ok(vec![bench.row(name, figure, Target::AtMost(DEVIATION_MAX), worst.1)])
}
