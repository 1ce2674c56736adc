//! Real weights beside llama-server, on the same file in one run: instructed edits of the product's
//! own tasks, fixes of HumanEvalPack, and explanations, asked for as the product asks and answered
//! as the model answers. So these rows, unlike those of the shapes, have the drafts of real answers.

use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use localcoder_assist::Prompts;
use localcoder_eval::Task;
use localcoder_protocol::ModelInfo;

use super::cases::{Case, WINDOW_TOKENS, real, spread};
use super::contest::{Contestant, Times, in_turns};
use super::llama_server::{LlamaServer, NGRAMS, Settings};
use super::models::shipped;
use super::peer::{self, Peer};
use super::report::{self, Row, Setting, Target};
use super::statistics::{Figure, median};
use super::worker::{LocalCoderWorker, header};
use super::{document, processor, writing};
use crate::{places, report as terminal};

const EDITS: usize = 18;
const TEXTS: usize = 4;
/// Settings of llama-server are compared on every third edit, one server after the other, since
/// each of them takes the memory of the model again.
const TRIED: usize = 3;

/// What the model is asked to do, in the row's name and in the task's kind.
const FIXES: &str = "fix";

/// Measures a file, prints the table and adds its rows to the page.
pub(crate) fn run(model: &Path, tasks: Option<&Path>, edits: Option<usize>) -> Result<()> {
    let model = model.canonicalize()?;
    let folder = places::target().join("bench");
    fs_err::create_dir_all(&folder)?;
    let peer = peer::build(&folder)?;
    let worker = LocalCoderWorker::start(&model)?;
    let mut server = LlamaServer::start(&peer, &model, &Settings::DEFAULT)?;
    let mut weights = Weights { name: name(&model)?, model: &model, peer: &peer, worker };
    let asked = weights.cases(&mut server, &chosen(tasks, edits.unwrap_or(EDITS))?)?;
    let results = folder.join("engine.json");
    let setting = Setting {
        llama_build: weights.worker.llama_build.clone(),
        server_package: Some(peer.version.to_owned()),
        machine: processor(),
    };
    let mut rows = document::rows_so_far(&results, &setting.machine);
    weights.worker.settle()?;
    let new = terminal::stage("edits", || weights.edits(server, &asked))?;
    report::print(&new);
    report::merge(&mut rows, new);
    let new = terminal::stage("novel text", || weights.novel())?;
    report::print(&new);
    report::merge(&mut rows, new);
    report::write(&results, &rows, &setting)?;
    document::write(&rows, &setting)
}

/// Name and quantization, as the page's heading has them.
fn name(model: &Path) -> Result<String> {
    let header = header(model)?;
    let file = model.file_stem().context("a model without a name")?.to_string_lossy();
    let name = header.name.unwrap_or_else(|| file.into_owned());
    Ok(format!("{name}, {}, real weights", header.quantization))
}

/// The tasks that are asked: of each source the same number, spread over its kinds and languages.
fn chosen(pack: Option<&Path>, count: usize) -> Result<Vec<Task>> {
    let own = localcoder_eval::own_tasks().map_err(anyhow::Error::msg)?;
    let mut own: Vec<Task> =
        own.into_iter().filter(|it| it.is_instructed() && it.first.is_none()).collect();
    own.sort_by(|one, other| (&one.kind, &one.id).cmp(&(&other.kind, &other.id)));
    let Some(pack) = pack else { return Ok(spread(&own, count).cloned().collect()) };
    let fixes = localcoder_eval::read_pack(pack).map_err(anyhow::Error::msg)?;
    let fixes: Vec<Task> = fixes.into_iter().filter(|it| it.kind == FIXES).collect();
    Ok(spread(&own, count.div_ceil(2)).chain(spread(&fixes, count / 2)).cloned().collect())
}

/// A real model, a worker that runs it, and its peer.
struct Weights<'a> {
    name: String,
    model: &'a Path,
    peer: &'a Peer,
    worker: LocalCoderWorker,
}

/// An edit and the kind of its task.
struct Asked {
    case: Case,
    kind: String,
}

impl Weights<'_> {
    fn prompts(&self) -> Result<&'static Prompts> {
        let header = header(self.model)?;
        let bytes = fs_err::metadata(self.model)?.len();
        Ok(Prompts::of(&ModelInfo {
            reference: String::new(),
            name: self.name.clone(),
            architecture: header.architecture,
            size_bytes: bytes,
            trained_context_tokens: WINDOW_TOKENS,
            demo: self.model == shipped(),
            attribution: Vec::new(),
        }))
    }

    fn cases(&mut self, server: &mut LlamaServer, tasks: &[Task]) -> Result<Vec<Asked>> {
        let prompts = self.prompts()?;
        let mut asked = Vec::new();
        for task in tasks {
            let code = (&task.document, task.lines);
            let command = ("improve", task.instruction.as_deref());
            let mut case = real(prompts, &mut self.worker, code, command)?;
            // llama-server's own rendering, so that neither side is given the other's.
            case.theirs = Some(server.prompt(&case)?);
            case.tokens = self.worker.write(&case, true)?.0.tokens;
            asked.push(Asked { case, kind: task.kind.clone() });
        }
        ensure!(!asked.is_empty(), "there is no task");
        Ok(asked)
    }

    /// Whole edits whose prompt both sides have read, by the worker with and without drafts, and by
    /// llama-server as it comes and with the settings that suit these edits best.
    fn edits(&mut self, mut server: LlamaServer, asked: &[Asked]) -> Result<Vec<Row>> {
        let tried: Vec<&Asked> = asked.iter().step_by(TRIED).collect();
        let mut rows = Vec::new();
        let mut best: Option<(f64, &Settings)> = None;
        for settings in NGRAMS {
            let mut other = LlamaServer::start(self.peer, self.model, settings)?;
            let times = in_turns(tried.len(), 1, 2, |side, case| {
                let engine = if side == 0 { &mut server } else { &mut other };
                time(Contestant::Server(engine), &tried[case].case)
            })?;
            let figure = times.ratio(0, 1, |_| true);
            rows.push(self.row(writing::their_gain(settings), figure, Target::None, ""));
            if best.is_none_or(|(gain, _)| figure.value > gain) {
                best = Some((figure.value, settings));
            }
        }
        let (_, settings) = best.context("no settings are tried")?;
        let mut other = LlamaServer::start(self.peer, self.model, settings)?;
        let contest = self.contest(&mut server, &mut other, asked)?;
        Ok([contest.rows(self, asked, settings), rows].concat())
    }

    fn contest(
        &mut self,
        server: &mut LlamaServer,
        best: &mut LlamaServer,
        asked: &[Asked],
    ) -> Result<Contest> {
        let mut contest = Contest::default();
        let worker = &mut self.worker;
        contest.times = Some(in_turns(asked.len(), 1, 4, |side, case| {
            let Asked { case, .. } = &asked[case];
            match side {
                0 => {
                    worker.prepare(case)?;
                    let (timing, _) = worker.write(case, true)?;
                    contest.tokens += timing.tokens;
                    contest.steps += timing.steps;
                    Ok(timing.total_ms)
                }
                1 => time(Contestant::Worker { engine: worker, drafts: false }, case),
                2 => {
                    server.read(case)?;
                    let timing = server.write(case, true)?;
                    contest.same += usize::from(timing.tokens == case.tokens);
                    Ok(timing.total_ms)
                }
                _ => time(Contestant::Server(best), case),
            }
        })?);
        Ok(contest)
    }

    /// Explanations without drafts beside llama-bench, which has none.
    fn novel(&mut self) -> Result<Vec<Row>> {
        let prompts = self.prompts()?;
        let mut cases = Vec::new();
        for task in chosen(None, TEXTS)? {
            let code = (&task.document, task.lines);
            let mut case = real(prompts, &mut self.worker, code, ("explain", None))?;
            case.layout.max_tokens = writing::NOVEL_TOKENS;
            case.prompt_tokens = self.worker.write(&case, false)?.0.prompt_tokens;
            cases.push(case);
        }
        let rows = writing::novel_text(&mut self.worker, self.peer, self.model, &cases, false)?;
        Ok(rows.into_iter().map(|it| Row { shape: self.name.clone(), ..it }).collect())
    }

    fn row(&self, name: String, figure: Figure, target: Target, note: impl Into<String>) -> Row {
        let (shape, note, projection) = (self.name.clone(), note.into(), String::new());
        Row { shape, name, figure, target, note, projection }
    }
}

fn time(mut contestant: Contestant<'_>, case: &Case) -> Result<f64> {
    contestant.read(case)?;
    Ok(contestant.write(case)?.total_ms)
}

/// The worker with drafts and without, llama-server as it comes and at its best, on all edits.
#[derive(Default)]
struct Contest {
    times: Option<Times>,
    /// Tokens that the worker wrote with drafts, and the steps for them.
    tokens: u32,
    steps: u32,
    /// Answers of llama-server that are as long as the worker's.
    same: usize,
}

impl Contest {
    fn rows(&self, weights: &Weights<'_>, asked: &[Asked], settings: &Settings) -> Vec<Row> {
        let Some(times) = &self.times else { return Vec::new() };
        let lengths: Vec<f64> = asked.iter().map(|it| f64::from(it.case.tokens)).collect();
        let note = format!(
            "median {} tokens, {:.1} tokens a step; {} of {} answers of equal length",
            median(&lengths),
            f64::from(self.tokens) / f64::from(self.steps.max(1)),
            self.same,
            asked.len(),
        );
        let ratio = |side, other, kind: &str| {
            times.ratio(side, other, |case| kind.is_empty() || asked[case].kind == kind)
        };
        let all = |name: &str, side, target, note: String| {
            weights.row(name.to_owned(), ratio(side, 0, ""), target, note)
        };
        let mut rows = vec![
            all("edits: to llama-server", 2, Target::AtLeast(2.5), note),
            all(
                "edits: to llama-server with its best settings",
                3,
                Target::AtLeast(1.5),
                settings.name(),
            ),
            all("edits: to the same engine without drafts", 1, Target::None, String::new()),
        ];
        let mut kinds: Vec<&str> = asked.iter().map(|it| it.kind.as_str()).collect();
        kinds.dedup();
        for kind in kinds {
            let name = format!("edits, {kind}: to llama-server");
            rows.push(weights.row(name, ratio(2, 0, kind), Target::None, ""));
        }
        rows
    }
}
