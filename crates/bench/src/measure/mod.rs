//! `bench`: the engine compared with llama-server on the same file, with the same prompts, in one
//! run.
//!
//! Every figure is a ratio of times that were taken alternately (worker, server, server, worker),
//! because a machine's speed drifts more than engines differ. The models are the demo model in the
//! shape of large ones: they cost as much as those and edit like the demo model, so nothing here
//! says anything about the quality of answers. Rows of a real model's file come from `--model`.

mod acceptance;
mod cases;
mod contest;
mod document;
mod first;
mod fit;
mod growth;
mod host;
mod infill;
mod limits;
mod llama_server;
mod models;
mod peer;
mod projection;
mod real;
mod report;
mod statistics;
mod weights;
mod worker;
mod writing;

pub(crate) use acceptance::run as run_acceptance;
pub(crate) use infill::run as run_infill;
pub(crate) use real::run as run_real;
pub(crate) use weights::run as run_weights;

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

use crate::{places, report as terminal};
use cases::{Case, Cases, Kind};
use llama_server::{LlamaServer, NGRAMS, Settings};
use models::Shape;
use peer::Peer;
use report::{Row, Setting, Target};
use statistics::Figure;
use worker::LocalCoderWorker;

#[derive(Debug, Clone)]
pub(crate) struct Plan {
    /// Only the small shapes, and fewer cases.
    pub(crate) quick: bool,
    /// Without llama-server: only the engine compared with itself.
    pub(crate) alone: bool,
    /// Only one shape, or one part of the measurements; the other rows keep their earlier results.
    pub(crate) shape: Option<String>,
    pub(crate) part: Option<String>,
    pub(crate) edits: Option<usize>,
    pub(crate) kind: Option<String>,
}

impl Plan {
    fn wants(&self, part: &str) -> bool {
        self.part.as_ref().is_none_or(|wanted| wanted == part)
    }

    fn shapes(&self) -> Result<Vec<Shape>> {
        let all = if self.quick { &Shape::ALL[..2] } else { &Shape::ALL[..] };
        let Some(name) = &self.shape else { return Ok(all.to_vec()) };
        let wanted = Shape::ALL.into_iter().find(|shape| shape.name() == name);
        let names = Shape::ALL.map(Shape::name).join(", ");
        let wanted = wanted.with_context(|| format!("there is no shape `{name}`, only {names}"))?;
        Ok(vec![wanted])
    }
}

#[derive(Debug, Clone, Copy)]
struct Amount {
    edits: usize,
    texts: usize,
    long: usize,
    rounds: usize,
    cancels: usize,
    cost_rounds: usize,
    /// Then measurements that take long and tell nothing new are left out.
    large: bool,
}

impl Amount {
    fn of(shape: Shape, quick: bool) -> Self {
        let small = Self {
            edits: 8,
            texts: 2,
            long: 2,
            rounds: 1,
            cancels: 40,
            cost_rounds: 6,
            large: false,
        };
        match (shape, quick) {
            (Shape::Demo, true) => Self { cancels: 200, ..small },
            (Shape::Demo, false) => Self { cancels: 1_000, ..small },
            (Shape::Small, false) => small,
            (Shape::Small, true) => Self { cancels: 20, ..small },
            (Shape::Large, _) => {
                Self { edits: 24, long: 1, cancels: 20, cost_rounds: 3, large: true, ..small }
            }
        }
    }
}

/// A model, a worker that runs it, and the requests: what each part of the measurements gets.
struct Bench<'a> {
    shape: &'static str,
    model: PathBuf,
    amount: Amount,
    worker: LocalCoderWorker,
    peer: Option<&'a Peer>,
    /// Settings of llama-server's drafts that are measured in addition to its default: all for
    /// small shapes, and only the best of those for the large one.
    ngrams: Vec<&'static Settings>,
    edits: Vec<Case>,
    /// For `--kind`; `None` for all.
    only: Option<Kind>,
    texts: Vec<Case>,
    long: Vec<Case>,
    begun: Case,
}

impl Bench<'_> {
    fn llama_server(&self, settings: &Settings) -> Result<LlamaServer> {
        let peer = self.peer.ok_or_else(|| anyhow::anyhow!("llama-server is not measured"))?;
        LlamaServer::start(peer, &self.model, settings)
    }

    fn row(
        &self,
        name: impl Into<String>,
        figure: Figure,
        target: Target,
        note: impl Into<String>,
    ) -> Row {
        Row {
            shape: self.shape.to_owned(),
            name: name.into(),
            figure,
            target,
            note: note.into(),
            projection: String::new(),
        }
    }
}

type Part = fn(&mut Bench<'_>) -> Result<Vec<Row>>;

/// What is measured with each model, in this order. Cases are cached from part to part, so a part
/// that needs an unread prompt changes its beginning.
const PARTS: &[(&str, Part)] = &[
    ("edits", writing::edits),
    ("novel text", writing::novel),
    ("first token", first::resident),
    ("start", first::start),
    ("change of the model", first::switch),
    ("cancels", limits::cancels),
    ("cost beside the steps", limits::own_cost),
    ("memory", limits::memory),
    ("estimates", fit::estimates),
    ("growth", growth::growth),
];

/// What is measured with the shipped model: costs that a large model would hide, since its steps
/// take less than a millisecond.
const DEMO_PARTS: &[(&str, Part)] = &[
    ("cancels", limits::cancels),
    ("cost beside the steps", limits::own_cost),
    ("estimates", fit::estimates),
    ("growth", growth::growth),
];

/// Measures, prints the table and writes `target/bench/engine.json` and the page of the
/// documentation. Rows of earlier runs that were not measured now are kept, so that a part or a
/// shape can be repeated alone.
pub(crate) fn run(plan: &Plan) -> Result<()> {
    let folder = places::target().join("bench");
    fs_err::create_dir_all(&folder)?;
    let peer = if plan.alone { None } else { Some(peer::build(&folder)?) };
    let results = folder.join("engine.json");
    let shapes = plan.shapes()?;
    let mut rows = document::rows_so_far(&results, &processor());
    let mut setting = Setting::default();
    let cases = terminal::stage("cases", || Cases::choose(&models::shipped()))?;
    for shape in shapes {
        let model = models::make(shape, &folder, peer.as_ref())?;
        // The large shape comes last, when the rows of the smaller ones say which settings are
        // worth its time.
        let ngrams = match shape {
            Shape::Large => writing::best_ngrams(&rows),
            _ if plan.quick => NGRAMS.iter().take(2).collect(),
            _ => NGRAMS.iter().collect(),
        };
        let mut bench = prepare(shape, &model, &cases, plan, peer.as_ref(), ngrams)?;
        setting = Setting {
            llama_build: bench.worker.llama_build.clone(),
            server_package: peer.as_ref().map(|peer| peer.version.to_owned()),
            machine: processor(),
        };
        let parts = if shape == Shape::Demo { DEMO_PARTS } else { PARTS };
        for (name, part) in parts.iter().filter(|(name, _)| plan.wants(name)) {
            let new = terminal::stage(&format!("{}: {name}", shape.name()), || part(&mut bench))?;
            report::print(&new);
            report::merge(&mut rows, new);
            // Written after every part, so that results are not lost if a later one fails.
            report::write(&results, &rows, &setting)?;
        }
    }
    document::write(&rows, &setting)?;
    terminal::line("\nall rows:");
    report::print(&rows);
    terminal::line(format!("written to {}", results.display()));
    Ok(())
}

fn prepare<'a>(
    shape: Shape,
    model: &Path,
    cases: &Cases,
    plan: &Plan,
    peer: Option<&'a Peer>,
    ngrams: Vec<&'static Settings>,
) -> Result<Bench<'a>> {
    let amount = Amount::of(shape, plan.quick);
    let edits = plan.edits.map_or(amount.edits, |most| most.min(amount.edits));
    let only = plan.kind.as_deref().map(Kind::named).transpose()?;
    let mut edits = if amount.large { cases.edits_alone(edits) } else { cases.edits(edits) };
    edits.retain(|case| only.is_none_or(|only| case.kind == only));
    Ok(Bench {
        shape: shape.name(),
        model: model.to_owned(),
        amount,
        worker: LocalCoderWorker::start(model)?,
        peer,
        ngrams,
        edits,
        only,
        texts: cases.texts.iter().take(amount.texts).cloned().collect(),
        long: cases.long.iter().take(amount.long).cloned().collect(),
        begun: cases.begun.clone(),
    })
}

fn processor() -> String {
    let cpus = fs_err::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let name = cpus.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    let count = std::thread::available_parallelism().map_or(0, usize::from);
    // The number counts, too: the same processor with other cores is another machine on the page.
    format!("{count} x {}", name.map_or("unknown processor", |(_, name)| name))
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
