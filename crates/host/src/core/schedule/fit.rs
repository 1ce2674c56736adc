//! How much memory a model takes with a context window, and whether that much is free: in numbers,
//! and in words with what would fit instead. Pure; `placing` decides by it, `survey` reports it.
//!
//! A measurement from an earlier load counts more than the arithmetic on the header.

use localcoder_gguf::{Header, RunShape};
use localcoder_model_store::{Known, Need, run_shape};
use localcoder_protocol::limits::{CONTEXT_TOKENS, CONTEXT_TOKENS_MIN};
use localcoder_protocol::{ErrorAction, ErrorCode, ErrorInfo, LoadProfile, MemoryUse};
use localcoder_settings::{LARGE_PARAMETERS, Profile, Settings};

use crate::ModelFile;

/// Context windows that are offered instead, largest first.
const SMALLER_TOKENS: [u32; 4] =
    [CONTEXT_TOKENS, CONTEXT_TOKENS / 2, CONTEXT_TOKENS / 4, CONTEXT_TOKENS_MIN];

/// Memory that the model takes; `measured` is what a worker reported for the same file, window and
/// KV cache. Nothing is known of a file without a header, which only tests have.
pub(super) fn needed(
    file: &ModelFile,
    profile: &LoadProfile,
    measured: Option<MemoryUse>,
) -> Option<Need> {
    let header = file.header.as_ref()?;
    Some(Need::of(Known::Header(header), run_shape(profile), measured))
}

/// Whether only a profile for large models may load it.
pub(super) fn is_large(header: &Header) -> bool {
    header.parameters >= LARGE_PARAMETERS
}

pub(super) fn lowered(profile: &LoadProfile, wanted: &LoadProfile) -> Vec<String> {
    let mut lowered = Vec::new();
    if profile.batch_tokens < wanted.batch_tokens {
        lowered.push(format!("prompts are read {} tokens at a time", profile.batch_tokens));
    }
    if profile.kv != wanted.kv {
        lowered.push("what was read is kept with 8 bits a value".to_owned());
    }
    lowered
}

pub(super) fn too_large(
    file: &ModelFile,
    profile: &LoadProfile,
    needed: u64,
    free: u64,
) -> ErrorInfo {
    let name = &file.info.name;
    let message = format!("`{name}` needs {} of memory, and {} are free", up(needed), down(free));
    let error = ErrorInfo::new(ErrorCode::OutOfMemory, message)
        .with_hint(instead(file, profile, free))
        .with_action(ErrorAction::SwitchProfile);
    let Some(header) = &file.header else { return error };
    let window = profile.context_tokens;
    let least = header.estimate(RunShape { context_tokens: 0, ..run_shape(profile) }).total_bytes();
    error.with_cause(format!(
        "the model itself takes {}, and a context window of {window} tokens the rest",
        up(least)
    ))
}

/// What the user can do if there is no room. A smaller window is only proposed where the arithmetic
/// says that it fits, and never one below [`CONTEXT_TOKENS_MIN`].
pub(super) fn instead(file: &ModelFile, profile: &LoadProfile, free: u64) -> String {
    let fits = |tokens: &u32| {
        *tokens < profile.context_tokens
            && needed(file, &LoadProfile { context_tokens: *tokens, ..*profile }, None)
                .is_some_and(|needed| needed.bytes <= free)
    };
    match SMALLER_TOKENS.into_iter().find(fits) {
        Some(tokens) => format!(
            "close other programs, or set `localcoder.contextWindow` to {tokens}: with that it fits"
        ),
        None => "close other programs, or choose a smaller model".to_owned(),
    }
}

pub(super) fn not_allowed(file: &ModelFile, settings: &Settings) -> ErrorInfo {
    let profile = &settings.profile.name;
    let parameters = file.header.as_ref().map_or(0, |header| header.parameters);
    let (billions, tenths) = (parameters / 1_000_000_000, parameters / 100_000_000 % 10);
    let (hint, action) = match settings.profile_for_large_models() {
        Some(Profile { name, .. }) => (
            format!("choose the profile `{name}`, which checks the free memory first"),
            ErrorAction::SwitchProfile,
        ),
        None => ("choose a smaller model".to_owned(), ErrorAction::SwitchModel),
    };
    ErrorInfo::new(
        ErrorCode::ProfileNeeded,
        format!(
            "`{}` has {billions}.{tenths} billion parameters, and the profile `{profile}` does \
             not load models of that size",
            file.info.name
        ),
    )
    .with_cause("it would leave too little memory for the rest of the machine, unseen")
    .with_hint(hint)
    .with_action(action)
}

/// A need in words, rounded up so that it never looks smaller than it is.
pub(super) fn up(bytes: u64) -> String {
    size(bytes, u64::div_ceil)
}

/// Free memory in words, rounded down so that it never looks larger than it is.
pub(super) fn down(bytes: u64) -> String {
    size(bytes, |bytes, unit| bytes / unit)
}

fn size(bytes: u64, divide: impl Fn(u64, u64) -> u64) -> String {
    let tenths = divide(bytes, 100_000_000);
    match tenths {
        10.. => format!("{}.{} GB", tenths / 10, tenths % 10),
        _ => format!("{} MB", divide(bytes, 1_000_000)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_need_looks_no_smaller_and_what_is_free_no_larger_than_it_is() {
        assert_eq!((up(4_730_000_001), down(4_799_000_000)), ("4.8 GB".into(), "4.7 GB".into()));
        assert_eq!((up(1_000_000_000), down(1_000_000_000)), ("1.0 GB".into(), "1.0 GB".into()));
        assert_eq!((up(61_300_000), down(61_900_000)), ("62 MB".into(), "61 MB".into()));
    }
}
