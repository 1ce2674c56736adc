//! The measurements. Each takes ours and theirs in turns and returns a figure over the cases.

use std::path::Path;
use std::time::Instant;

use anyhow::{Result, bail};

use super::cases::Case;
use super::ours::Ours;
use super::peer::Peer;
use super::report::Row;
use super::statistics::{geometric_mean, median, middle, percentile};
use super::theirs::Theirs;

/// Each case is measured this often on both sides: ours, theirs, theirs, ours.
const TURNS: [bool; 4] = [true, false, false, true];
/// Cancels of each kind.
const CANCELS: usize = 24;
/// Starts of both from nothing.
const STARTS: usize = 3;

/// What a figure is, before it has its name.
#[derive(Debug)]
pub(super) struct Measured {
    figure: super::statistics::Figure,
    worst: Option<f64>,
    note: String,
}

impl Measured {
    /// A row of the table.
    pub(super) fn named(self, shape: &'static str, name: &str) -> Row {
        let Self { figure, worst, note } = self;
        Row { shape, name: name.to_owned(), figure, worst, note }
    }
}

/// Times of both sides for each case, in turns; the ratio theirs to ours.
fn in_turns<A, B>(
    cases: &[Case],
    mut first: impl FnMut(&mut A, &Case) -> Result<f64>,
    mut second: impl FnMut(&mut B, &Case) -> Result<f64>,
    (ours, theirs): (&mut A, &mut B),
) -> Result<Vec<f64>> {
    let mut ratios = Vec::new();
    for case in cases {
        let (mut own, mut other) = (Vec::new(), Vec::new());
        for turn in TURNS {
            if turn {
                own.push(first(ours, case)?);
            } else {
                other.push(second(theirs, case)?);
            }
        }
        ratios.push(median_low(&other) / median_low(&own));
    }
    Ok(ratios)
}

/// The better of two: what disturbs a time only makes it longer.
fn median_low(times: &[f64]) -> f64 {
    times.iter().copied().fold(f64::INFINITY, f64::min)
}

fn ratio(ratios: &[f64], note: impl Into<String>) -> Measured {
    Measured { figure: geometric_mean(ratios), worst: None, note: note.into() }
}

fn times(times: &[f64], note: impl Into<String>) -> Result<Measured> {
    if times.is_empty() {
        bail!("nothing could be measured");
    }
    Ok(Measured { figure: middle(times), worst: Some(percentile(times, 0.99)), note: note.into() })
}

/// Whole edits on a prompt that both have read: what drafts are worth against llama-server.
pub(super) fn edits(ours: &mut Ours, theirs: &mut Theirs, cases: &[Case]) -> Result<Measured> {
    let (mut same, mut lengths) = (0, Vec::new());
    for case in cases {
        ours.prepare(case)?;
        let own = ours.write(case, true)?.0;
        let other = theirs.write(case, true)?;
        same += usize::from(own.tokens == other.tokens && own.prompt_tokens == other.prompt_tokens);
        lengths.push(f64::from(own.tokens));
    }
    let ratios = in_turns(
        cases,
        |ours: &mut Ours, case| Ok(ours.write(case, true)?.0.total_ms),
        |theirs: &mut Theirs, case| Ok(theirs.write(case, true)?.total_ms),
        (ours, theirs),
    )?;
    let (count, middle) = (cases.len(), median(&lengths));
    Ok(ratio(&ratios, format!("{same} of {count} of equal length; median {middle} tokens")))
}

/// Whole edits with drafts and without, on the same engine.
pub(super) fn against_itself(ours: &mut Ours, cases: &[Case]) -> Result<Measured> {
    let mut ratios = Vec::new();
    let (mut tokens, mut rounds) = (0, 0);
    for case in cases {
        ours.prepare(case)?;
        let (mut with, mut without) = (Vec::new(), Vec::new());
        for turn in TURNS {
            let (timing, usage) = ours.write(case, turn)?;
            if turn {
                with.push(timing.total_ms);
                tokens += usage.generated_tokens;
                rounds += usage.rounds;
            } else {
                without.push(timing.total_ms);
            }
        }
        ratios.push(median_low(&without) / median_low(&with));
    }
    let per_round = f64::from(tokens) / f64::from(rounds.max(1));
    Ok(ratio(&ratios, format!("{per_round:.1} tokens a round")))
}

/// Tokens a second of text that repeats nothing.
pub(super) fn texts(ours: &mut Ours, theirs: &mut Theirs, cases: &[Case]) -> Result<Measured> {
    let a_token = |timing: super::ours::Timing| {
        (timing.total_ms - timing.first_ms) / f64::from(timing.tokens.saturating_sub(1).max(1))
    };
    let ratios = in_turns(
        cases,
        |ours: &mut Ours, case| Ok(a_token(ours.write(case, false)?.0)),
        |theirs: &mut Theirs, case| Ok(a_token(theirs.write(case, true)?)),
        (ours, theirs),
    )?;
    Ok(ratio(&ratios, "speed after the first token"))
}

/// First token on a selection that was told ahead, against one that llama-server never saw.
pub(super) fn prepared(ours: &mut Ours, theirs: &mut Theirs, cases: &[Case]) -> Result<Measured> {
    let mut own = Vec::new();
    let ratios = in_turns(
        cases,
        |ours: &mut Ours, case| {
            ours.prepare(case)?;
            let first_ms = ours.write(case, true)?.0.first_ms;
            own.push(first_ms);
            Ok(first_ms)
        },
        |theirs: &mut Theirs, case| Ok(theirs.write(case, false)?.first_ms),
        (ours, theirs),
    )?;
    Ok(ratio(&ratios, format!("ours {:.0} ms", median(&own))))
}

/// First token with the model resident and an empty cache, on both sides.
pub(super) fn unprepared(ours: &mut Ours, theirs: &mut Theirs, cases: &[Case]) -> Result<Measured> {
    let ratios = in_turns(
        cases,
        |ours: &mut Ours, case| {
            ours.forget()?;
            Ok(ours.write(case, true)?.0.first_ms)
        },
        |theirs: &mut Theirs, case| Ok(theirs.write(case, false)?.first_ms),
        (ours, theirs),
    )?;
    Ok(ratio(&ratios, "model resident"))
}

/// First token from the start of the process, the file in the page cache.
pub(super) fn start(model: &Path, peer: &Peer, case: &Case) -> Result<Measured> {
    let mut ratios = Vec::new();
    for _ in 0..STARTS {
        let begun = Instant::now();
        let mut ours = Ours::start(model)?;
        let timing = ours.write(case, true)?.0;
        let own = begun.elapsed().as_secs_f64() * 1e3 - timing.total_ms + timing.first_ms;
        drop(ours);
        let begun = Instant::now();
        let mut theirs = Theirs::start(peer, model, &[])?;
        let timing = theirs.write(case, true)?;
        let other = begun.elapsed().as_secs_f64() * 1e3 - timing.total_ms + timing.first_ms;
        ratios.push(other / own);
    }
    Ok(ratio(&ratios, "the file in the page cache"))
}

/// Time from a cancel inside a prompt to the end.
pub(super) fn cancelled_prefill(ours: &mut Ours, cases: &[Case]) -> Result<Measured> {
    let mut found = Vec::new();
    for case in cases.iter().cycle().take(CANCELS) {
        ours.forget()?;
        found.extend(ours.cancel(case, false)?);
    }
    times(&found, "")
}

/// Time from a cancel while it writes to the end.
pub(super) fn cancelled_decode(ours: &mut Ours, cases: &[Case]) -> Result<Measured> {
    let mut found = Vec::new();
    for case in cases.iter().cycle().take(CANCELS) {
        found.extend(ours.cancel(case, true)?);
    }
    times(&found, "")
}

/// What a token costs from the worker to its client, beside the computation itself.
pub(super) fn own_cost(ours: &mut Ours, cases: &[Case]) -> Result<Measured> {
    let mut found = Vec::new();
    for case in cases {
        ours.prepare(case)?;
        let (timing, usage) = ours.write(case, false)?;
        let beside = timing.total_ms - usage.prefill_ms - usage.decode_ms;
        found.push(beside / f64::from(usage.generated_tokens.max(1)));
    }
    times(&found, "pipes and framing; the host is not in it")
}

/// Anonymous memory of both after the same work: what is not the mapped file.
pub(super) fn memory(ours: &Ours, theirs: &Theirs) -> Result<Measured> {
    let (own, other) = (anonymous_mib(ours.pid())?, anonymous_mib(theirs.pid())?);
    Ok(ratio(&[other / own], format!("ours {own:.0} MiB, theirs {other:.0} MiB")))
}

fn anonymous_mib(pid: u32) -> Result<f64> {
    let status = fs_err::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:"));
    let kib = line.and_then(|line| line.split_whitespace().next()?.parse::<f64>().ok());
    kib.map(|kib| kib / 1024.0).ok_or_else(|| anyhow::anyhow!("the system does not tell memory"))
}
