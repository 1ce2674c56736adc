//! A small sound file for each architecture, found by trial: whatever llama.cpp reports as missing
//! is added until it loads the file. Kept between runs, since this takes some minutes.

use std::path::Path;

use anyhow::Result;
use localcoder_fuzzing::model_file::{ModelFile, bytes_of_text};
use localcoder_gguf::{ARCHITECTURES, Header};

use super::driver::Driver;
use super::verdict::{Kind, log_of};
use crate::report;

/// An architecture needs about ten numbers, and about ten tensors per layer, each of them a try for
/// being missing and another for its shape.
const TRIES_MAX: usize = 250;

/// Numbers that models of all architectures may have, and that are consistent with each other.
const NUMBERS: &[(&str, u32)] = &[
    ("context_length", 128),
    ("embedding_length", 64),
    ("block_count", 2),
    ("feed_forward_length", 256),
    ("attention.head_count", 4),
    ("attention.head_count_kv", 2),
    ("rope.dimension_count", 16),
];

/// Numbers that are added on demand, and that must be consistent with the others.
const FITTING: &[(&str, u32)] = &[
    ("expert_count", 4),
    ("expert_used_count", 2),
    ("expert_feed_forward_length", 64),
    ("expert_shared_feed_forward_length", 64),
    ("expert_shared_count", 1),
    ("expert_gating_func", 2),
    ("leading_dense_block_count", 1),
    ("attention.sliding_window", 16),
    ("attention.key_length", 16),
    ("attention.value_length", 16),
    ("attention.key_length_mla", 32),
    ("attention.value_length_mla", 16),
    ("attention.key_length_swa", 16),
    ("attention.value_length_swa", 16),
    ("attention.key_length_mla_swa", 32),
    ("attention.value_length_mla_swa", 16),
    ("attention.q_lora_rank", 32),
    ("attention.kv_lora_rank", 32),
    ("attention.kv_lora_rank_swa", 32),
    ("attention.decay_lora_rank", 16),
    ("attention.iclr_lora_rank", 16),
    ("attention.value_residual_mix_lora_rank", 16),
    ("attention.gate_lora_rank", 16),
    ("attention.output_lora_rank", 16),
    ("attention.indexer.head_count", 4),
    ("attention.indexer.key_length", 32),
    ("attention.indexer.top_k", 8),
    ("attention.indexer.block_size", 8),
    ("ssm.conv_kernel", 4),
    ("ssm.inner_size", 128),
    ("ssm.state_size", 16),
    ("ssm.time_step_rank", 8),
    ("ssm.group_count", 2),
    ("wkv.head_size", 16),
    ("kda.head_dim", 16),
    ("time_mix_extra_dim", 16),
    ("time_decay_extra_dim", 16),
    ("shortconv.l_cache", 3),
    ("embedding_length_per_layer_input", 16),
    ("interleave_moe_layer_step", 1),
    ("hyper_connection.count", 4),
    ("attention.group_norm_groups", 4),
];

/// A file for every architecture for which one can be made. A failure is kept, too, as a `.none`
/// file with the reason: finding that there is none takes as long as finding one.
pub(super) fn all(folder: &Path, driver: &mut Driver) -> Result<Vec<(String, ModelFile)>> {
    fs_err::create_dir_all(folder)?;
    let mut all = Vec::new();
    for architecture in ARCHITECTURES {
        let path = folder.join(format!("{architecture}.gguf"));
        let why = folder.join(format!("{architecture}.none"));
        if !path.is_file() && !why.is_file() {
            // Under another name until it is sound, since this program may be ended at any time.
            let trial = folder.join("trial");
            match learned(architecture, &trial, driver)? {
                Ok(()) => fs_err::rename(&trial, &path)?,
                Err(said) => {
                    report::line(format!("  none for {architecture}: {said}"));
                    fs_err::write(&why, said)?;
                }
            }
        }
        let file = fs_err::read(&path).ok().and_then(|bytes| ModelFile::read(&bytes));
        all.extend(file.map(|file| ((*architecture).to_owned(), file)));
    }
    Ok(all)
}

/// Leaves a sound file of an architecture at the path; returns the reason if none is found. The
/// outer error is one of the driver, the inner one a verdict on the architecture.
fn learned(
    architecture: &str,
    path: &Path,
    driver: &mut Driver,
) -> Result<std::result::Result<(), String>> {
    let mut file = bytes_of_text().with_architecture(architecture);
    // The tensors of the template are those of another architecture.
    file.tensors.clear();
    file.data.clear();
    for (name, number) in NUMBERS {
        file.set_number(&format!("{architecture}.{name}"), *number);
    }
    file.set_tensor("token_embd.weight", &[64, file.tokens()]);
    let mut said = String::new();
    for _ in 0..TRIES_MAX {
        file.lay_out();
        let bytes = file.written();
        fs_err::write(path, &bytes)?;
        let verdict = driver.verdict(path)?;
        // Running is not enough: the fuzzer needs files that our reader accepts.
        if verdict.kind == Kind::Ran {
            let read = Header::read(bytes.as_slice(), bytes.len() as u64);
            return Ok(read.map(|_| ()).map_err(|error| format!("our reader refuses it: {error}")));
        }
        let log = fs_err::read(log_of(path)).unwrap_or_default();
        let log = String::from_utf8_lossy(&log).into_owned();
        let before = said;
        said = log.lines().next().unwrap_or_default().to_owned();
        // The same complaint twice means that the fix did not help, and would not the next time.
        if said == before || verdict.kind != Kind::Refused || !fix(&mut file, &log) {
            return Ok(Err(format!("{} {}", verdict.kind.words(), verdict.said)));
        }
    }
    Ok(Err(said))
}

/// Adds what llama.cpp reports as missing; false if its message is not understood. One change for
/// each call, because the later lines of a log often follow from the first. The messages are those
/// of the llama.cpp that we link, so another version may need other patterns.
fn fix(file: &mut ModelFile, log: &str) -> bool {
    for line in log.lines() {
        let between = |before: &str, after: &str| {
            let rest = line.split_once(before)?.1;
            Some(if after.is_empty() { rest } else { rest.split_once(after)?.0 })
        };
        let missing_tensor = between("missing tensor '", "'");
        if let Some(name) = missing_tensor.or_else(|| between("tensor '", "' not found")) {
            // The shape is not in this message; the next one complains of it and names it.
            file.set_tensor(name, &[1]);
            return true;
        }
        if let (Some(name), Some(shape)) =
            (between("tensor '", "'"), between("wrong shape; expected ", ", got"))
        {
            let numbers: Vec<u64> =
                shape.split(',').filter_map(|number| number.trim().parse().ok()).collect();
            file.set_tensor(name, &numbers);
            // No tensor can have a dimension of zero, so this architecture is given up.
            return !numbers.is_empty() && !numbers.contains(&0);
        }
        if let (Some(key), Some(length)) =
            (between("key ", " has wrong array length"), between("expected ", ", got"))
        {
            file.set_list(key, &vec![2; length.parse().unwrap_or(0)]);
            return true;
        }
        if let (Some(key), Some(kind)) =
            (between("key ", " has wrong type"), between("expected type ", ""))
        {
            match kind.trim() {
                "f32" => file.set_float(key, if key.contains("eps") { 1e-5 } else { 1.0 }),
                "bool" => file.set_answer(key, true),
                "str" => file.set_text(key, "none"),
                _ => return false,
            }
            return true;
        }
        if let Some(key) = between("array key not found in model: ", "") {
            file.set_list(key, &[1, 0]);
            return true;
        }
        if let Some(key) = between("key not found in model: ", "") {
            missing(file, key);
            return true;
        }
    }
    false
}

/// Adds an entry that is missing: as a number, until llama.cpp reports that it must be something
/// else.
fn missing(file: &mut ModelFile, key: &str) {
    let architecture = file.architecture() + ".";
    let name = key.strip_prefix(&architecture).unwrap_or(key);
    if name == "expert_feed_forward_length" {
        // Without experts, the entry is not read.
        for (name, number) in &FITTING[..2] {
            file.set_number(&format!("{architecture}{name}"), *number);
        }
    }
    let known = FITTING.iter().find(|(other, _)| *other == name);
    if name == "rope.dimension_sections" {
        return file.set_list(key, &[2, 2, 2, 2]);
    }
    if name.contains("epsilon") {
        return file.set_float(key, 1e-5);
    }
    file.set_number(key, known.map_or(2, |known| known.1));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_llama_cpp_misses_is_put_there() {
        let mut file = bytes_of_text();
        for line in [
            "load: missing tensor 'blk.0.x.weight'",
            "check_tensor_dims: tensor 'blk.0.x.weight' has wrong shape; expected    64,     2, got     1",
            "error loading model hyperparameters: key not found in model: qwen2.wkv.head_size",
            "error: key qwen2.logit_scale has wrong type u32 but expected type f32",
        ] {
            assert!(fix(&mut file, line), "{line}");
        }
        let tensor = file.tensors.iter().find(|tensor| tensor.name == b"blk.0.x.weight");
        assert_eq!(tensor.unwrap().shape, [64, 2]);
        let number = file.pairs.iter().find(|pair| pair.key == b"qwen2.wkv.head_size");
        assert_eq!(number.unwrap().value, 16_u32.to_le_bytes());
        assert!(!fix(&mut file, "something else"));
    }
}
