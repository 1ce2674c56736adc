//! The numbers in `localcoder_protocol::limits` are not repeated elsewhere: a constant with the
//! same value, whose name says that it means the same, would have to agree, and one day does not.

use anyhow::Result;
use localcoder_protocol::limits;

use super::Repository;
use super::repository::SourceFile;

const PLACE: &str = "crates/protocol/src/limits.rs";

/// Limits with words: a constant means the same if one of these is in its name, or in the name of
/// the file that it is in.
const MEANT_BY: &[(&str, &[&str])] = &[
    ("CONTEXT_TOKENS_MIN", &["CONTEXT_TOKENS", "WINDOW_TOKENS", "CONTEXT_WINDOW"]),
    ("CONTEXT_TOKENS_MAX", &["CONTEXT_TOKENS", "WINDOW_TOKENS", "CONTEXT_WINDOW"]),
    ("CONTEXT_TOKENS", &["CONTEXT_TOKENS", "WINDOW_TOKENS", "CONTEXT_WINDOW"]),
    ("BATCH_TOKENS", &["BATCH", "CHUNK_ROWS"]),
    ("SMALL_BATCH_TOKENS", &["BATCH"]),
    ("OUTPUT_ROWS_MAX", &["OUTPUT_TOKENS", "OUTPUT_ROWS", "LOGITS"]),
    ("PREFIX_BYTES_MAX", &["PREFIX"]),
    ("WORKER_EXCHANGE_FD", &["EXCHANGE"]),
    ("WORKER_MODELS_FD", &["MODELS_FD"]),
    ("REPACKED_MODEL_BYTES_MIN", &["REPACK", "SECOND_LOAD"]),
    ("SURVEY_MODELS_MAX", &["SURVEY"]),
    ("SLOW_TOKENS_PER_S", &["SLOW"]),
    ("SCOPE_LINES_MAX", &["SCOPE", "GROWN"]),
    ("LOCATED_EDITS_MAX", &["LOCATED"]),
    ("CHAT_TEMPLATE_BYTES_MAX", &["TEMPLATE"]),
    ("SHA256_DIGITS", &["DIGITS", "SHA256"]),
    ("FRAME_BYTES_MAX", &["FRAME"]),
    ("STRANGER_FRAME_BYTES_MAX", &["STRANGER"]),
    ("FRAME_WITHIN_MS", &["FRAME"]),
    ("DOCUMENT_BYTES_MAX", &["DOCUMENT"]),
    ("REQUEST_ID_BYTES_MAX", &["REQUEST_ID"]),
    ("TEST_WITHIN_MS", &["TEST_WITHIN"]),
    ("TRIED_WITHIN_MS", &["TRIED", "TRIAL_MS"]),
    ("CLIENTS_MAX", &["CLIENTS_MAX", "CONNECTIONS_MAX"]),
    ("QUEUE_MAX", &["QUEUE"]),
    ("CHUNKS_MAX", &["CHUNKS"]),
    ("RECENT_EDITS_MAX", &["RECENT_EDITS"]),
    ("DIAGNOSTICS_MAX", &["DIAGNOSTICS"]),
    ("CHUNK_BYTES_MAX", &["CHUNK_BYTES"]),
    ("HEARTBEAT_MS", &["BEAT"]),
    ("SILENCE_MS", &["SILENCE_MS"]),
    ("WORKER_START_MS", &["START_MS"]),
    ("RESTARTS_MAX", &["BURST", "RESTARTS_MAX"]),
    ("RESTARTS_MAX_OF_ALL", &["BURST", "RESTARTS_MAX"]),
    ("RESTARTS_WITHIN_MS", &["BURST", "STARTS_WITHIN"]),
];

const OTHERS: &[(&str, &str, &str)] = &[
    ("crates/worker/src/engine/load.rs", "GPU_BATCH_TOKENS_MAX", "a step that a GPU can't give up"),
    // It uses no other crate; `model-store` checks that the two agree.
    ("crates/gguf/src/metadata.rs", "TEMPLATE_BYTES_MAX", "of a crate of its own"),
    ("crates/worker/tests/it/harness.rs", "HEARTBEAT_MS", "faster, for tests"),
];

/// No limit is defined twice, and none is without words by which a second one would be found.
pub(super) fn once(repository: &Repository) -> Result<Vec<String>> {
    let known = limits::all();
    let mut complaints = Vec::new();
    for (name, ..) in &known {
        if !MEANT_BY.iter().any(|(limit, _)| limit == name) {
            complaints.push(format!("{PLACE}: `{name}` has no row in xtask/src/tidy/limits.rs"));
        }
    }
    let is_written =
        |file: &&SourceFile| file.path != PLACE && !file.path.starts_with("xtask/src/tidy/");
    let files = repository.written("rs").chain(repository.written("ts")).filter(is_written);
    for file in files {
        for (number, line) in file.text.lines().enumerate() {
            let Some((name, values)) = constant(line) else { continue };
            if OTHERS.iter().any(|(path, other, _)| *path == file.path && *other == name) {
                continue;
            }
            let named = format!("{}_{name}", stem(&file.path)).to_uppercase();
            // The file's name counts as well: `BYTES_MAX` in `frame.rs` is a limit on frames.
            let second = MEANT_BY.iter().find(|(limit, words)| {
                let value = known.iter().find(|(name, ..)| name == limit);
                let value = value.and_then(|(_, value, _)| value.parse().ok());
                // Compared as bits, which equal decimals have alike.
                value.is_some_and(|value: f64| values.contains(&value.to_bits()))
                    && words.iter().any(|word| named.contains(word))
            });
            if let Some((limit, _)) = second {
                complaints.push(format!(
                    "{}:{}: `{name}` is `{limit}` of {PLACE} a second time; use that one",
                    file.path,
                    number + 1
                ));
            }
        }
    }
    Ok(complaints)
}

fn stem(path: &str) -> &str {
    let name = path.rsplit('/').next().unwrap_or_default();
    name.split('.').next().unwrap_or_default()
}

/// The name of a constant that a line declares, and the numbers in its value, as bits. A range has
/// two. `None` for anything that is not a constant in capitals, which TypeScript has as well.
fn constant(line: &str) -> Option<(&str, Vec<u64>)> {
    let (before, rest) = line.split_once("const ")?;
    // A constant that a comment quotes is not a second definition.
    if before.contains("//") {
        return None;
    }
    let name = rest.split([':', ' ', '=']).next()?;
    let value = rest.split_once('=')?.1.trim().trim_end_matches(';');
    let is_name = name.len() > 1
        && name.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_');
    let values = value.split("..=").filter_map(number).map(f64::to_bits).collect();
    is_name.then_some((name, values))
}

/// `64 * 1024`, `1 << 20`, `10.0` and `Duration::from_secs(10)`, the last in milliseconds, as most
/// limits are. `None` for anything else.
fn number(text: &str) -> Option<f64> {
    let text = text.trim();
    if let Some(inner) = text.strip_prefix("Duration::from_secs(") {
        return Some(number(inner.trim_end_matches(')'))? * 1_000.0);
    }
    if let Some(inner) = text.strip_prefix("Duration::from_millis(") {
        return number(inner.trim_end_matches(')'));
    }
    if let Some((one, by)) = text.split_once("<<") {
        return Some(number(one)? * number(by)?.exp2());
    }
    // A factor that is not a number makes the whole none: a constant made from another one is not a
    // second copy.
    text.split('*').map(|factor| factor.trim().replace('_', "").parse::<f64>().ok()).product()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(line: &str) -> Option<(&str, Vec<f64>)> {
        let (name, values) = constant(line)?;
        Some((name, values.into_iter().map(f64::from_bits).collect()))
    }

    #[test]
    fn constants_are_read_however_their_numbers_are_written() {
        for (line, name, number) in [
            ("const A_B: u32 = 8192;", "A_B", 8_192.0),
            ("pub(crate) const C1: u64 = 64 * 1024 * 1_024;", "C1", 67_108_864.0),
            ("    const D_MS: u64 = 1 << 20;", "D_MS", 1_048_576.0),
            ("const E_S: f64 = 10.0;", "E_S", 10.0),
            ("const F_TIME: Duration = Duration::from_secs(10);", "F_TIME", 10_000.0),
            ("export const MAX = 64;", "MAX", 64.0),
            ("const BYTES_MAX = 30 * 60_000;", "BYTES_MAX", 1_800_000.0),
        ] {
            assert_eq!(values(line), Some((name, vec![number])), "{line}");
        }
        let range = "const R_R: std::ops::RangeInclusive<u32> = 512..=8192;";
        assert_eq!(values(range), Some(("R_R", vec![512.0, 8_192.0])));
        assert_eq!(values("const NAMES: &[&str] = &["), Some(("NAMES", vec![])));
        for line in
            ["// const A_B: u32 = 1;", "const fn a() -> u32 {", "let x = 3;", "const x = 3;"]
        {
            assert_eq!(values(line), None, "{line}");
        }
    }
}
