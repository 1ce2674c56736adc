//! How much memory llama.cpp took, parsed from what it logs when it allocates: its C interface has
//! no function for it.

use localcoder_protocol::MemoryUse;

type Field = fn(&mut MemoryUse) -> &mut u64;

/// How a log line about a buffer ends; the words before say which buffer it is.
const KINDS: &[(&str, Field)] = &[
    ("model buffer size", |it| &mut it.weights_bytes),
    ("KV buffer size", |it| &mut it.kv_bytes),
    ("RS buffer size", |it| &mut it.kv_bytes),
    ("compute buffer size", |it| &mut it.compute_bytes),
    ("output buffer size", |it| &mut it.compute_bytes),
];

/// Adds the size that a line of the log reports; every other line, and a size that can't be read,
/// changes nothing. Buffers of one kind add up: a model on two devices has one on each.
pub(super) fn add(memory: &mut MemoryUse, line: &str) {
    let Some((what, size)) = line.split_once('=') else { return };
    let what = what.trim_end();
    let Some((_, field)) = KINDS.iter().find(|(kind, _)| what.ends_with(kind)) else { return };
    let mut words = size.split_whitespace();
    let (Some(Ok(mib)), Some("MiB")) = (words.next().map(str::parse::<f64>), words.next()) else {
        return;
    };
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "saturates")]
    let bytes = (mib * 1024.0 * 1024.0) as u64;
    let sum = field(memory);
    *sum = sum.saturating_add(bytes);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buffers_are_added_up_by_kind_and_other_lines_say_nothing() {
        let mut memory = MemoryUse::default();
        for line in [
            "load_tensors:   CPU_Mapped model buffer size =     3.50 MiB",
            "load_tensors:        Metal model buffer size =     0.50 MiB",
            "llama_context:        CPU  output buffer size =     0.25 MiB",
            "llama_kv_cache:        CPU KV buffer size =    4.00 MiB",
            "llama_kv_cache: size =    4.00 MiB (  2048 cells,   4 layers,  3/1 seqs)",
            "sched_reserve:        CPU compute buffer size =    11.75 MiB",
            "print_info: file size   = 3.54 MiB (8.53 BPW)",
            "CPU KV buffer size = much",
            "",
        ] {
            add(&mut memory, line);
        }
        let mib = 1024 * 1024;
        assert_eq!(memory.weights_bytes, 4 * mib);
        assert_eq!(memory.kv_bytes, 4 * mib);
        assert_eq!(memory.compute_bytes, 12 * mib);
    }
}
