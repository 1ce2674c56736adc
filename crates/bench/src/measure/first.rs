//! The time to the first token: for a selection that was prepared, for one that was not, and from
//! the start of the process; and the time to switch the model.

use std::time::Instant;

use anyhow::Result;

use super::contest::in_turns;
use super::llama_server::{LlamaServer, Settings};
use super::report::{Row, Target};
use super::statistics::{geometric_mean, median, middle};
use super::worker::{LocalCoderWorker, Timing};
use super::{Bench, projection};

const STARTS: usize = 3;
/// The first token of a prepared prompt may cost as much as a batch of this many rows, since no
/// more tokens than that may be left to read of it.
const BATCH_ROWS: u32 = 32;
const BESIDE_MS: f64 = 10.0;

pub(super) fn resident(bench: &mut Bench<'_>) -> Result<Vec<Row>> {
    bench.worker.settle()?;
    let cases = bench.long.clone();
    let batch_ms = bench.worker.batch_ms(BATCH_ROWS)?;
    let (mut firsts, mut fresh) = (Vec::new(), Vec::new());
    for (number, case) in cases.iter().enumerate() {
        // Each case begins differently, or the state of the case before would serve a part of it.
        let case = case.unread(number);
        bench.worker.prepare(&case)?;
        let (timing, usage) = bench.worker.write(&case, true)?;
        firsts.push(timing.first_ms / (batch_ms + BESIDE_MS));
        fresh.push(f64::from(usage.prompt_tokens - usage.cached_tokens));
    }
    let note =
        format!("of the cost of a batch of {BATCH_ROWS} ({batch_ms:.1} ms) and {BESIDE_MS} ms");
    let mut rows = vec![
        bench.row("prepared: uncached prompt tokens", middle(&fresh), Target::AtMost(32.0), ""),
        bench
            .row("prepared: time to the first token", middle(&firsts), Target::AtMost(1.0), note)
            .projected(projection::first_token(median(&fresh))),
    ];
    if bench.peer.is_none() {
        return Ok(rows);
    }
    let mut server = bench.llama_server(&Settings::DEFAULT)?;
    let worker = &mut bench.worker;
    // The sides: the worker with a prepared prompt, the worker without, llama-server without. Every
    // turn gets a number of its own, so that neither engine finds an earlier turn in its cache.
    let mut number = cases.len();
    let times = in_turns(cases.len(), 1, 3, |side, case| {
        number += 1;
        let case = &cases[case].unread(number);
        if side == 2 {
            return Ok(server.write(case, false)?.first_ms);
        }
        // Outside the timing: an editor prepares while the user still writes the instruction.
        if side == 0 {
            worker.prepare(case)?;
        }
        Ok(worker.write(case, true)?.0.first_ms)
    })?;
    let all = |_: usize| true;
    let tokens = cases.iter().map(|case| case.prompt_tokens).max().unwrap_or(0);
    let note = format!(
        "ours {:.1} ms, theirs {:.0} ms; up to {tokens} tokens",
        times.best(0, 0),
        times.best(2, 0)
    );
    rows.push(bench.row(
        "prepared: llama-server's time to the first token, to ours",
        times.ratio(2, 0, all),
        Target::AtLeast(10.0),
        note,
    ));
    rows.push(
        bench
            .row(
                "nothing known, model resident: time to the first token, to llama-server's",
                times.ratio(1, 2, all),
                Target::None,
                "",
            )
            .projected(projection::first_token(f64::from(tokens))),
    );
    Ok(rows)
}

/// First token of a prompt whose beginning was kept: from the start of the process with the file in
/// the page cache, and right after loading the model.
pub(super) fn start(bench: &mut Bench<'_>) -> Result<Vec<Row>> {
    if bench.peer.is_none() {
        return Ok(Vec::new());
    }
    let case = bench.begun.clone();
    bench.worker.write(&case, true)?;
    // The state comes from the resident worker and is given to a fresh one, as the host does when a
    // worker is started again.
    let state = bench.worker.kept(case.beginning())?;
    let mut kept_tokens = 0;
    let mut resident = (Vec::new(), Vec::new());
    let times = in_turns(STARTS, 1, 2, |side, _| {
        let begun = Instant::now();
        let from_start = |begun: Instant, timing: Timing| {
            // `write` measures from its own start, so the time before it is added and the time
            // after the first token taken off.
            begun.elapsed().as_secs_f64() * 1e3 - timing.total_ms + timing.first_ms
        };
        if side == 0 {
            let mut worker = LocalCoderWorker::start(&bench.model)?;
            kept_tokens = worker.begin_with(case.beginning(), &state)?;
            let timing = worker.write(&case, true)?.0;
            resident.0.push(timing.first_ms);
            return Ok(from_start(begun, timing));
        }
        let mut server = bench.llama_server(&Settings::DEFAULT)?;
        let timing = server.write(&case, true)?;
        let time = from_start(begun, timing);
        resident.1.push(server.write(&case, false)?.first_ms);
        Ok(time)
    })?;
    let unread = f64::from(case.prompt_tokens - kept_tokens);
    let of = format!("{} tokens, {kept_tokens} of them kept", case.prompt_tokens);
    let note = format!("ours {:.0} ms, theirs {:.0} ms; {of}", times.best(0, 0), times.best(1, 0));
    let figure = times.ratio(0, 1, |_| true);
    let name = "from the start: time to the first token, to llama-server's";
    let from_start =
        bench.row(name, figure, Target::AtMost(0.55), note).projected(projection::start(unread));
    let ratios: Vec<f64> = resident.0.iter().zip(&resident.1).map(|(a, b)| a / b).collect();
    let note = format!("ours {:.0} ms, theirs {:.0} ms; {of}", resident.0[0], resident.1[0]);
    let name = "just loaded: time to the first token, to llama-server's without a cache";
    let loaded = bench
        .row(name, geometric_mean(&ratios), Target::AtMost(0.5), note)
        .projected(projection::first_token(unread));
    Ok(vec![from_start, loaded])
}

pub(super) fn switch(bench: &mut Bench<'_>) -> Result<Vec<Row>> {
    if bench.peer.is_none() {
        return Ok(Vec::new());
    }
    let mut ratios = Vec::new();
    let mut note = String::new();
    for _ in 0..STARTS {
        // A background load of faster weights must not run into the time of the switch.
        bench.worker.settle()?;
        let begun = Instant::now();
        bench.worker.reload()?;
        let own = begun.elapsed().as_secs_f64();
        let begun = Instant::now();
        let server: LlamaServer = bench.llama_server(&Settings::DEFAULT)?;
        let other = begun.elapsed().as_secs_f64();
        drop(server);
        note = format!("ours {:.0} ms, theirs {:.0} ms", own * 1e3, other * 1e3);
        ratios.push(own / other);
    }
    let name = "change of the model: to llama-server's load";
    Ok(vec![bench.row(name, geometric_mean(&ratios), Target::AtMost(1.0), note)])
}
