//! The models that are measured: the demo model in the shape of larger ones.

use std::path::{Path, PathBuf};

use anyhow::Result;
use sha2::{Digest as _, Sha256};

use super::peer::Peer;
use crate::files::Stamp;
use crate::{places, process, python, report};

/// The model whose cost it has. Zeros are multiplied like any other numbers, so a widened demo
/// model takes the time and memory of the model whose shape it has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    Demo,
    /// Qwen2.5-Coder-0.5B.
    Small,
    /// Qwen2.5-Coder-7B.
    Large,
}

impl Shape {
    pub(super) const ALL: [Self; 3] = [Self::Demo, Self::Small, Self::Large];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Demo => "demo",
            Self::Small => "0.5b",
            Self::Large => "7b",
        }
    }
}

pub(super) fn shipped() -> PathBuf {
    places::root().join("models/demo/localcoder-demo.gguf")
}

/// The model's file, created if it does not exist or was made from another demo model. Quantized to
/// `Q4_K_M` if there is, or was, a peer that can do it, else to `Q8_0`.
pub(super) fn make(shape: Shape, folder: &Path, peer: Option<&Peer>) -> Result<PathBuf> {
    let shipped = shipped();
    if shape == Shape::Demo {
        return Ok(shipped);
    }
    let name = shape.name();
    let q8 = folder.join(format!("demo-{name}-q8_0.gguf"));
    let q4 = folder.join(format!("demo-{name}-q4_k_m.gguf"));
    let demo = fs_err::read(shipped)?;
    let digest = format!("{:x?}", Sha256::digest(&demo).as_slice());
    let stamp_of = |kind: &str| Stamp::new(&format!("bench-{name}-{kind}"), digest.clone());
    // Also without a peer now: one of an earlier run has made it, and figures stay comparable.
    if stamp_of("q4").is_fresh() && q4.is_file() {
        return Ok(q4);
    }
    let (kind, made) = if peer.is_some() { ("q4", &q4) } else { ("q8", &q8) };
    let stamp = stamp_of(kind);
    if stamp.is_fresh() && made.is_file() {
        return Ok(made.clone());
    }
    // Cleared before the work: if that is interrupted, the half-written file must not look fresh.
    stamp.clear();
    report::stage(&format!("make the {name} model"), || {
        let mut widen =
            process::command(python::environment()?, &places::root().join("models/demo"));
        widen.args(["-B", "-m", "demo_model.widen", name]).arg(&q8);
        process::read(&mut widen)?;
        if let Some(peer) = peer {
            let mut quantize = process::command(&peer.quantize, folder);
            // Its input is already quantized to 8 bits.
            process::read(quantize.arg("--allow-requantize").args([&q8, &q4]).arg("Q4_K_M"))?;
            // A 7B in eight bits is eight gigabytes.
            fs_err::remove_file(&q8)?;
        }
        Ok(())
    })?;
    stamp.set()?;
    Ok(made.clone())
}
