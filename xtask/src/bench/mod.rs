//! `bench`: the engine against llama-server, on the same file, with the same prompts, in one run.
//!
//! Every figure is a ratio of times taken in turns (ours, theirs, theirs, ours), because a
//! machine's speed drifts more than engines differ. The models are the demo model in the shape
//! of large ones: they cost what those cost and edit as the demo does, so nothing here says
//! anything about the quality of answers. Called by `commands/bench.rs`.

mod cases;
mod measure;
mod models;
mod ours;
mod peer;
mod report;
mod statistics;
mod theirs;

use std::path::Path;

use anyhow::Result;

use crate::{places, report as terminal};
use models::Shape;
use ours::Ours;
use report::{Row, Versions};
use theirs::Theirs;

/// What to measure.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Plan {
    /// The small shape alone, and fewer cases.
    pub(crate) quick: bool,
    /// Without llama-server: only what the engine gains over itself.
    pub(crate) alone: bool,
}

/// Measures, prints the table and writes `target/bench/engine.json`.
pub(crate) fn run(plan: Plan) -> Result<()> {
    let folder = places::target().join("bench");
    fs_err::create_dir_all(&folder)?;
    let peer = if plan.alone { None } else { Some(peer::build(&folder)?) };
    let shapes: &[Shape] = if plan.quick { &[Shape::Small] } else { &[Shape::Small, Shape::Large] };
    let mut rows = Vec::new();
    let theirs = peer.as_ref().map(|peer| peer.version);
    let mut versions = Versions { theirs, ..Versions::default() };
    for shape in shapes {
        let model = models::make(*shape, &folder, peer.as_ref())?;
        let name = shape.name();
        terminal::stage(&format!("measure {name}"), || {
            let mut ours = Ours::start(&model)?;
            versions.ours = ours.llama_build.clone();
            rows.extend(measure_shape(name, &model, &mut ours, peer.as_ref(), plan)?);
            Ok(())
        })?;
    }
    report::print(&rows, &versions);
    report::write(&folder.join("engine.json"), &rows, &versions)
}

fn measure_shape(
    shape: &'static str,
    model: &Path,
    ours: &mut Ours,
    peer: Option<&peer::Peer>,
    plan: Plan,
) -> Result<Vec<Row>> {
    let count = if plan.quick { 8 } else { 24 };
    let edits = cases::edits(ours, count)?;
    let texts = cases::explanations(ours, count / 2)?;
    let mut rows = vec![
        measure::against_itself(ours, &edits)?.named(shape, "edits, with drafts to without"),
        measure::cancelled_prefill(ours, &edits)?.named(shape, "cancel in prefill, ms"),
        measure::cancelled_decode(ours, &texts)?.named(shape, "cancel in decode, ms"),
        measure::own_cost(ours, &texts)?.named(shape, "cost beside the steps, ms a token"),
    ];
    let Some(peer) = peer else { return Ok(rows) };
    for (settings, arguments) in theirs::SETTINGS {
        let mut theirs = Theirs::start(peer, model, arguments)?;
        let ratio = measure::edits(ours, &mut theirs, &edits)?;
        rows.push(ratio.named(shape, &format!("edits, to llama-server {settings}")));
        if !arguments.is_empty() {
            continue;
        }
        let long = cases::long(ours)?;
        rows.extend([
            measure::texts(ours, &mut theirs, &texts)?.named(shape, "novel text"),
            measure::prepared(ours, &mut theirs, &long)?.named(shape, "first token, prepared"),
            measure::unprepared(ours, &mut theirs, &long)?
                .named(shape, "first token, nothing known"),
            measure::start(model, peer, &texts[0])?.named(shape, "first token from the start"),
            measure::memory(ours, &theirs)?.named(shape, "memory that is not the file"),
        ]);
    }
    Ok(rows)
}

#[cfg(test)]
mod tests {
    use super::cases::Case;

    #[test]
    fn a_case_has_a_prompt_for_both() {
        let case = Case::for_tests("x = 1");
        assert!(case.text().starts_with("<|im_start|>system\n"));
        assert!(case.text().contains("x = 1"));
        assert!(case.text().ends_with("```python\n"));
    }
}
