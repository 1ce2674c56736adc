//! Numbers about the model's shape that llama.cpp asserts for every architecture (`load_hparams` in
//! `llama-model.cpp`, of llama.cpp as shipped with `llama-cpp-sys-2` 0.1.161): a failed assertion
//! would end its process. Assertions for single architectures are not repeated here.

use crate::error::{GgufError, damaged, shown};
use crate::metadata::{Metadata, Value};

/// `LLAMA_MAX_LAYERS`: the capacity of lists with an entry for each layer.
pub(crate) const LAYERS_MAX: u32 = 512;
/// `LLAMA_MAX_EXPERTS`.
const EXPERTS_MAX: u32 = 1024;
/// `LLAMA_ROPE_SCALING_TYPES`.
const SCALINGS: &[&str] = &["none", "linear", "yarn", "longrope"];
/// For these, llama.cpp treats a single expert as none.
const ONE_EXPERT_IS_NONE: &[&str] = &["hunyuan_vl", "hunyuan-dense"];

/// Follows the architecture's name; kept by [`Metadata`].
pub(crate) const SCALING: &str = "rope.scaling.type";

pub(crate) fn check(metadata: &Metadata, architecture: &str, layers: u32) -> Result<(), GgufError> {
    let key = |name: &str| format!("{architecture}.{name}");
    if let Some(scaling) = metadata.text(&key(SCALING))?
        && !SCALINGS.contains(&scaling)
    {
        return damaged(format!("`{}` is `{}`", shown(&key(SCALING)), shown(scaling)));
    }
    let ahead = metadata.u32(&key("nextn_predict_layers"))?.unwrap_or(0);
    if ahead > layers {
        return damaged(format!("{ahead} of its {layers} layers look ahead"));
    }
    experts(metadata, architecture)
}

pub(crate) fn has_experts(metadata: &Metadata, architecture: &str) -> Result<bool, GgufError> {
    Ok(metadata.u32(&format!("{architecture}.expert_count"))?.unwrap_or(0) > 1)
}

/// Checks how many experts there are, how many of them are used, and in how many groups: the
/// relations that llama.cpp asserts.
fn experts(metadata: &Metadata, architecture: &str) -> Result<(), GgufError> {
    let number = |name: &str| metadata.u32(&format!("{architecture}.{name}"));
    let count = number("expert_count")?.unwrap_or(0);
    if count <= 1 && ONE_EXPERT_IS_NONE.contains(&architecture) {
        return Ok(());
    }
    let used = most(metadata, &format!("{architecture}.expert_used_count"))?;
    let groups = number("expert_group_count")?.unwrap_or(0);
    if count > EXPERTS_MAX {
        return damaged(format!("it claims {count} experts"));
    }
    if used > i64::from(count) || (used < 1 && count > 0) {
        return damaged(format!("it uses {used} of {count} experts"));
    }
    if groups > 0 && groups >= count {
        return damaged(format!("it has {count} experts in {groups} groups"));
    }
    if groups > 1 {
        let used = number("expert_group_used_count")?.unwrap_or(0);
        if !count.is_multiple_of(groups) || used == 0 || used >= groups {
            return damaged(format!("it uses {used} of {groups} groups of its {count} experts"));
        }
    }
    Ok(())
}

/// One number for all layers, or the largest of one for each; 0 without an entry. As llama.cpp
/// reads it: the checks above must see the number that it asserts about.
fn most(metadata: &Metadata, key: &str) -> Result<i64, GgufError> {
    match metadata.get(key) {
        None => Ok(0),
        Some(Value::U32(number)) => Ok(i64::from(*number)),
        // To llama.cpp, a negative number is a very large one.
        Some(Value::List(list)) => Ok(list.iter().copied().fold(0, |most, number| {
            if number < 0 { i64::from(u32::MAX) } else { most.max(number) }
        })),
        Some(_) => damaged(format!("`{}` is neither a number nor a list of them", shown(key))),
    }
}
