//! What a model that folds its input into a state takes for that, from the numbers of its shape: as
//! much as llama.cpp allocates for one sequence (`n_embd_r` and `n_embd_s` in `llama-hparams.cpp`),
//! or a little more.

use crate::error::GgufError;
use crate::metadata::{Metadata, Value};

/// Bytes for one sequence, in 32-bit floats over all layers that have a state; 0 for a model
/// without one. Which kind of state it is follows from the numbers that are there, in the order in
/// which `n_embd_r` and `n_embd_s` look for them.
pub(crate) fn bytes(
    metadata: &Metadata,
    architecture: &str,
    (layers, width, heads): (u32, u32, u32),
) -> Result<u64, GgufError> {
    let number = |name: &str| {
        let number = metadata.u32(&format!("{architecture}.{name}"))?;
        Ok::<_, GgufError>(u64::from(number.unwrap_or(0)))
    };
    let (width, heads) = (u64::from(width), u64::from(heads));
    let short = number("shortconv.l_cache")?;
    let (time_mixing, delta) = (number("wkv.head_size")?, number("kda.head_dim")?);
    let convolution = number("ssm.conv_kernel")?;
    let values = if time_mixing > 0 {
        width.saturating_mul(time_mixing.saturating_add(2))
    } else if short > 0 {
        width.saturating_mul(short - 1)
    } else if delta > 0 {
        let inner = heads.saturating_mul(delta);
        inner.saturating_mul(delta.saturating_add(3 * convolution.max(4)))
    } else {
        let (inner, state) = (number("ssm.inner_size")?, number("ssm.state_size")?);
        let convolved = inner
            .saturating_add(number("ssm.group_count")?.saturating_mul(state).saturating_mul(2));
        let before = convolution.saturating_sub(1).saturating_mul(convolved);
        inner.saturating_mul(state).saturating_add(before)
    };
    // More layers with keys than layers is a contradiction, which must not underflow.
    let layers = u64::from(layers - layers_with_keys(metadata, architecture, layers)?.min(layers));
    Ok(values.saturating_mul(4).saturating_mul(layers))
}

fn layers_with_keys(
    metadata: &Metadata,
    architecture: &str,
    layers: u32,
) -> Result<u32, GgufError> {
    if let Some(interval) = interval(metadata, architecture)? {
        return Ok(layers / interval);
    }
    let heads = metadata.get(&format!("{architecture}.attention.head_count_kv"));
    let Some(Value::List(heads)) = heads else { return Ok(0) };
    Ok(u32::try_from(heads.iter().filter(|heads| **heads > 0).count()).unwrap_or(layers))
}

pub(crate) fn interval(metadata: &Metadata, architecture: &str) -> Result<Option<u32>, GgufError> {
    let interval = metadata.u32(&format!("{architecture}.full_attention_interval"))?;
    // 0 says nothing, and the number of layers is divided by it.
    Ok(interval.filter(|interval| *interval > 0))
}
