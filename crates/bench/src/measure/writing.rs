//! The speed of writing: edits compared with llama-server and its own kinds of drafts, and text
//! without repetition compared with llama-bench.

use std::path::Path;

use anyhow::Result;

use super::cases::{Case, Kind};
use super::contest::{Contestant, Times, in_turns};
use super::llama_server::{LlamaServer, NGRAMS, Settings};
use super::peer::Peer;
use super::report::{Row, Target};
use super::statistics::{geometric_mean, median};
use super::worker::LocalCoderWorker;
use super::{Bench, projection};

/// Tokens that llama-bench writes; a case's explanation may have twice as many.
pub(super) const NOVEL_TOKENS: u32 = 48;
/// The target of the ratio to llama-bench, which can't draft.
const NOVEL: Target = Target::AtLeast(0.98);

/// Whole edits with a prompt that all sides have already read: with drafts, without, llama-server
/// with its defaults and with its n-gram settings.
pub(super) fn edits(bench: &mut Bench<'_>) -> Result<Vec<Row>> {
    bench.worker.settle()?;
    if let Some(kind) = bench.only {
        return one_kind(bench, kind);
    }
    let settings: Vec<&Settings> = match bench.peer {
        Some(_) => std::iter::once(&Settings::DEFAULT).chain(bench.ngrams.clone()).collect(),
        None => Vec::new(),
    };
    let written = write_edits(bench, &settings)?;
    let times = &written.times;
    let all = |_: usize| true;
    // The prompt of a renaming has the answer, which n-grams would copy.
    let honest = |case: usize| !bench.edits[case].kind.renames();
    let mut rows = Vec::new();
    if !bench.amount.large {
        let name = "edits: to the same engine without drafts";
        rows.push(bench.row(name, times.ratio(1, 0, all), Target::None, written.steps()));
        let name = "prepared edits, from the request: to the same engine without reuse, drafts and kept states";
        let note = bench.worker.step_ratios();
        rows.push(bench.row(name, geometric_mean(&written.whole), Target::None, note));
    }
    if settings.is_empty() {
        return Ok(rows);
    }
    let lengths: Vec<f64> = bench.edits.iter().map(|case| f64::from(case.tokens)).collect();
    let note = format!(
        "median {} tokens, {}; {} of {} answers of equal length",
        median(&lengths),
        written.steps(),
        written.same,
        written.asked,
    );
    let row =
        bench.row("edits: to llama-server", times.ratio(2, 0, all), Target::AtLeast(2.2), note);
    rows.push(row.projected(projection::edits(written.a_step(), written.rows_a_step())));
    for kind in Kind::ALL {
        let figure = times.ratio(2, 0, |case| bench.edits[case].kind == kind);
        if figure.n > 0 {
            rows.push(bench.row(kind_row(kind), figure, kind.target(), ""));
        }
    }
    for (index, settings) in settings.iter().enumerate().skip(1) {
        let name = their_gain(settings);
        // The worker's sides come first, so a server's side is its index and 2.
        rows.push(bench.row(name, times.ratio(2, index + 2, honest), Target::None, ""));
    }
    if let Some(best) = best_of(times, settings.len(), honest) {
        let name = "edits: to llama-server with its best n-gram settings";
        let figure = times.ratio(best, 0, honest);
        rows.push(bench.row(name, figure, Target::AtLeast(1.25), settings[best - 2].name()));
    }
    Ok(rows)
}

fn one_kind(bench: &mut Bench<'_>, kind: Kind) -> Result<Vec<Row>> {
    let written = write_edits(bench, &[&Settings::DEFAULT])?;
    let figure = written.times.ratio(2, 0, |_| true);
    Ok(vec![bench.row(kind_row(kind), figure, kind.target(), written.steps())])
}

fn kind_row(kind: Kind) -> String {
    format!("edits, {}: to llama-server", kind.name())
}

/// The edits of all sides: the worker with and without drafts, then llama-server with each setting.
struct Written {
    times: Times,
    /// Time of an edit without drafts and with nothing read before, relative to its time with both.
    whole: Vec<f64>,
    /// Tokens that the worker wrote with drafts, the steps for them, and how many were guessed.
    tokens: u32,
    steps: u32,
    drafted: u32,
    /// Answers of llama-server with its defaults, and how many of these are as long as the
    /// worker's.
    asked: usize,
    same: usize,
}

impl Written {
    fn a_step(&self) -> f64 {
        f64::from(self.tokens) / f64::from(self.steps.max(1))
    }

    fn rows_a_step(&self) -> f64 {
        1.0 + f64::from(self.drafted) / f64::from(self.steps.max(1))
    }

    fn steps(&self) -> String {
        format!("{:.1} tokens a step of {:.1}", self.a_step(), self.rows_a_step())
    }
}

fn write_edits(bench: &mut Bench<'_>, settings: &[&Settings]) -> Result<Written> {
    let started: Result<Vec<LlamaServer>> =
        settings.iter().map(|it| bench.llama_server(it)).collect();
    let mut servers = started?;
    let (cases, large, rounds) = (&bench.edits, bench.amount.large, bench.amount.rounds);
    let worker = &mut bench.worker;
    let (mut same, mut asked, mut tokens, mut steps, mut drafted) = (0, 0, 0, 0, 0);
    let times = in_turns(cases.len(), rounds, servers.len() + 2, |side, case| {
        let case = &cases[case];
        // An edit without drafts takes long with a large shape, and its rows are left out there.
        if side == 1 && large {
            return Ok(f64::NAN);
        }
        let mut contestant = match side {
            0 | 1 => Contestant::Worker { engine: worker, drafts: side == 0 },
            side => Contestant::Server(&mut servers[side - 2]),
        };
        contestant.read(case)?;
        let timing = contestant.write(case)?;
        if side == 0 {
            tokens += timing.tokens;
            steps += timing.steps;
            drafted += timing.drafted;
        } else if side == 2 {
            // The texts of a server are not kept; an equal length shows that both did the same
            // work.
            asked += 1;
            same += usize::from(case.tokens == timing.tokens);
        }
        Ok(timing.total_ms)
    })?;
    let mut whole = Vec::new();
    for (number, case) in cases.iter().enumerate().filter(|_| !large) {
        let unread_ms = worker.write(&case.unread(number), false)?.0.total_ms;
        worker.prepare(case)?;
        whole.push(unread_ms / worker.write(case, true)?.0.total_ms);
    }
    Ok(Written { times, whole, tokens, steps, drafted, asked, same })
}

fn best_of(times: &Times, servers: usize, wanted: impl Fn(usize) -> bool) -> Option<usize> {
    let gain = |side: usize| times.ratio(2, side, &wanted).value;
    // Side 2 is llama-server with its defaults.
    (3..servers + 2).max_by(|a, b| gain(*a).total_cmp(&gain(*b)))
}

pub(super) fn their_gain(settings: &Settings) -> String {
    format!("llama-server with {}: to its default", settings.name())
}

/// The n-gram settings that were fastest in the rows of a smaller model; the first ones if none
/// were measured. Only these are tried with the large shape.
pub(super) fn best_ngrams(rows: &[Row]) -> Vec<&'static Settings> {
    let gain = |settings: &Settings| {
        let name = their_gain(settings);
        rows.iter().find(|row| row.name == name).map_or(0.0, |row| row.figure.value)
    };
    NGRAMS.iter().max_by(|a, b| gain(a).total_cmp(&gain(b))).into_iter().collect()
}

pub(super) fn novel(bench: &mut Bench<'_>) -> Result<Vec<Row>> {
    let Some(peer) = bench.peer else { return Ok(Vec::new()) };
    bench.worker.settle()?;
    let cases = bench.texts.clone();
    let rows = novel_text(&mut bench.worker, peer, &bench.model, &cases, bench.amount.large)?;
    Ok(rows.into_iter().map(|it| Row { shape: bench.shape.to_owned(), ..it }).collect())
}

/// The rows of texts, without the name of the model. With a large one, only the figure that has a
/// target is measured, twice.
pub(super) fn novel_text(
    worker: &mut LocalCoderWorker,
    peer: &Peer,
    model: &Path,
    cases: &[Case],
    large: bool,
) -> Result<Vec<Row>> {
    let mut rows = Vec::new();
    let ways: &[(bool, Target)] =
        if large { &[(true, NOVEL)] } else { &[(true, NOVEL), (false, Target::None)] };
    for &(repack, target) in ways {
        let times = in_turns(cases.len(), if large { 2 } else { 1 }, 2, |side, case| {
            let case = &cases[case];
            if side == 1 {
                return peer.ms_a_token(model, case.prompt_tokens, NOVEL_TOKENS, repack);
            }
            worker.prepare(case)?;
            let (_, usage) = worker.write(case, false)?;
            Ok(usage.decode_ms / f64::from(usage.generated_tokens.max(1)))
        })?;
        let how = if repack { "as it comes" } else { "without repacking" };
        rows.push(Row {
            shape: String::new(),
            name: format!("novel text: to llama-bench {how}"),
            figure: times.ratio(1, 0, |_| true),
            target,
            note: format!("ours {:.2} ms a token", times.best(0, 0)),
            projection: String::new(),
        });
    }
    Ok(rows)
}
