//! Whether a model fits into the memory that is free, before it is loaded: in numbers, and with
//! what would fit instead. Pure; `run` asks before each load.
//!
//! A model that is loaded counts as free, for its worker lets go of it first. What of it lies in
//! the system's cache counts twice then: rather a load that is slow than one that is refused
//! without need.

use localcoder_gguf::{Header, KvType, RunShape};
use localcoder_protocol::{ErrorAction, ErrorCode, ErrorInfo, KvStorage, LoadProfile, MemoryUse};

use crate::ModelFile;

/// Rows of logits that the worker keeps: its longest draft.
const OUTPUT_TOKENS: u32 = 32;
/// Context windows that are offered instead, the best first.
const SMALLER_TOKENS: [u32; 4] = [4096, 2048, 1024, 512];

/// Refuses a load for which there is no room. `loaded`: the model that would go.
pub(super) fn check(
    file: &ModelFile,
    profile: &LoadProfile,
    free_bytes: u64,
    loaded: Option<MemoryUse>,
) -> Result<(), ErrorInfo> {
    let Some(header) = &file.header else { return Ok(()) };
    let free = free_bytes.saturating_add(loaded.map_or(0, |it| it.total_bytes()));
    let needed = needed_bytes(header, profile, profile.context_tokens);
    if needed <= free {
        return Ok(());
    }
    let fits = |tokens: &u32| {
        *tokens < profile.context_tokens && needed_bytes(header, profile, *tokens) <= free
    };
    let hint = match SMALLER_TOKENS.into_iter().find(fits) {
        Some(tokens) => format!(
            "close other programs, or set `localcoder.contextWindow` to {tokens}: with that it fits"
        ),
        None => "close other programs, or choose a smaller model".to_owned(),
    };
    let name = &file.info.name;
    let message = format!("`{name}` needs {} of memory, and {} are free", size(needed), size(free));
    let window = profile.context_tokens;
    let least = needed_bytes(header, profile, 0);
    Err(ErrorInfo::new(ErrorCode::OutOfMemory, message)
        .with_cause(format!(
            "the model itself takes {}, and a context window of {window} tokens the rest",
            size(least)
        ))
        .with_hint(hint)
        .with_action(ErrorAction::OpenSettings))
}

fn needed_bytes(header: &Header, profile: &LoadProfile, context_tokens: u32) -> u64 {
    let kv = match profile.kv {
        KvStorage::F16 => KvType::F16,
        KvStorage::Q8_0 => KvType::Q8_0,
    };
    let run = RunShape {
        context_tokens,
        batch_tokens: profile.batch_tokens,
        output_tokens: OUTPUT_TOKENS,
        kv,
        flash_attention: profile.kv == KvStorage::Q8_0,
    };
    header.estimate(run).total_bytes()
}

fn size(bytes: u64) -> String {
    let tenths = bytes.div_ceil(100_000_000);
    match bytes {
        1_000_000_000.. => format!("{}.{} GB", tenths / 10, tenths % 10),
        _ => format!("{} MB", bytes.div_ceil(1_000_000)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_told_so_that_nothing_looks_smaller_than_it_is() {
        assert_eq!(size(4_730_000_001), "4.8 GB");
        assert_eq!(size(1_000_000_000), "1.0 GB");
        assert_eq!(size(61_300_000), "62 MB");
    }
}
