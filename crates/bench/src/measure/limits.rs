//! What must stay small: the time from a cancel to silence, the memory in addition to weights and
//! KV cache, and what a token costs in addition to the computation.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use localcoder_protocol::limits::BATCH_TOKENS;

use super::Bench;
use super::host::HostClient;
use super::llama_server::Settings;
use super::report::{Row, Target};
use super::statistics::{Figure, middle, percentile};
use super::worker::LocalCoderWorker;

const BESIDE_CHUNK_MS: f64 = 50.0;
const BESIDE_STEP_MS: f64 = 20.0;
/// A request is cancelled at one of 19 moments. That is a prime, so that with fewer cases than this
/// each case meets each moment in time.
const MOMENTS: usize = 19;
const MOMENTS_F64: f64 = 19.0;

pub(super) fn cancels(bench: &mut Bench<'_>) -> Result<Vec<Row>> {
    bench.worker.settle()?;
    let chunk_ms = bench.worker.batch_ms(BATCH_TOKENS)?;
    let step_ms = bench.worker.batch_ms(1)?;
    // With a large shape, reading would take minutes only to be cancelled.
    let mut cases = if bench.amount.large { Vec::new() } else { bench.long.clone() };
    cases.extend(bench.texts.iter().cloned());
    let worker = &mut bench.worker;
    // Taken before the cancels and again after them: an answer of another length shows that a
    // cancel left a state in the cache that is not the prompt's.
    let before = worker.write(&cases[0], true)?.0.tokens;
    let mut whole_ms = Vec::new();
    // The whole time of each case is measured first, so that the moments spread over the request
    // whatever the machine.
    for (number, case) in cases.iter().enumerate() {
        whole_ms.push(worker.write(&case.unread(number), false)?.0.total_ms);
    }
    let (mut reading, mut writing) = (Vec::new(), Vec::new());
    for number in 0..bench.amount.cancels {
        let which = number % cases.len();
        // The numbers continue after those above, or the prompt would be in the cache already.
        let case = cases[which].unread(MOMENTS + number);
        let share = f64::from(u32::try_from(number % MOMENTS)?) / MOMENTS_F64;
        let after = Duration::from_secs_f64(whole_ms[which] * share / 1e3);
        // The answer had ended before its moment came: that is not a cancel.
        let Some(cancelled) = worker.cancel(&case, after)? else { continue };
        let times = if cancelled.was_writing { &mut writing } else { &mut reading };
        times.push(cancelled.silent_ms);
    }
    ensure!(!worker.is_busy()?, "a cancelled generation still runs");
    ensure!(worker.write(&cases[0], true)?.0.tokens == before, "cancels left something behind");
    let row = |name: &str, times: &[f64], allowed: f64| {
        let (p50, p99) = (percentile(times, 0.5), percentile(times, 0.99));
        let note = format!("p50 {p50:.2} ms, p99 {p99:.2} ms, allowed {allowed:.1} ms");
        bench.row(name, worst(times, allowed), Target::AtMost(1.0), note)
    };
    Ok(vec![
        row("cancel in the prompt: p99 to what is allowed", &reading, chunk_ms + BESIDE_CHUNK_MS),
        row("cancel in the answer: p99 to what is allowed", &writing, step_ms + BESIDE_STEP_MS),
    ])
}

/// The 99th percentile as a share of the allowed time, with the median and the longest time in the
/// places of a spread's ends.
fn worst(times: &[f64], allowed: f64) -> Figure {
    let share = |part: f64| percentile(times, part) / allowed;
    Figure { value: share(0.99), low: share(0.5), high: share(1.0), n: times.len() }
}

/// What it costs to bring a token from the worker through the host to a client: the client's time
/// minus what the worker reports for reading and writing.
pub(super) fn own_cost(bench: &mut Bench<'_>) -> Result<Vec<Row>> {
    let mut client = HostClient::start()?;
    let (mut costs, mut shares) = (Vec::new(), Vec::new());
    for round in 0..bench.amount.cost_rounds {
        let (total_ms, usage) = client.generate(&bench.model, round)?;
        let inside_ms = usage.prefill_ms + usage.decode_ms;
        let tokens = f64::from(usage.generated_tokens.max(1));
        // The first request also starts a worker and loads the model, so it does not count.
        if round > 0 {
            costs.push((total_ms - inside_ms) / tokens);
            shares.push((total_ms - inside_ms) / usage.decode_ms);
        }
    }
    client.stop()?;
    let name = "cost of a token beside the computation, ms";
    let share = if bench.shape == "demo" { Target::None } else { Target::AtMost(0.01) };
    Ok(vec![
        bench.row(name, middle(&costs), Target::AtMost(0.3), "worker, host, client"),
        // A step of the demo model takes less than a millisecond.
        bench.row("the same as a share of the step", middle(&shares), share, ""),
    ])
}

/// The worker's memory in addition to weights and KV cache, and the resident memory of both engines
/// after the same work.
pub(super) fn memory(bench: &mut Bench<'_>) -> Result<Vec<Row>> {
    let mut rows = vec![beside(bench)?];
    if bench.peer.is_none() {
        return Ok(rows);
    }
    bench.worker.settle()?;
    let case = bench.long[0].clone();
    bench.worker.prepare(&case)?;
    bench.worker.write(&case, true)?;
    let mut server = bench.llama_server(&Settings::DEFAULT)?;
    server.write(&case, true)?;
    let (worker, server) = (mib(bench.worker.pid(), RESIDENT)?, mib(server.pid(), RESIDENT)?);
    let ratio = worker / server;
    let figure = Figure { value: ratio, low: ratio, high: ratio, n: 1 };
    let note = format!("ours {worker:.0} MiB, theirs {server:.0} MiB");
    let name = "resident memory: to llama-server's";
    rows.push(bench.row(name, figure, Target::AtMost(1.0), note));
    Ok(rows)
}

/// Resident memory without pages of the file, minus the KV cache: since the weights are read in
/// place, no copy of them is included.
fn beside(bench: &Bench<'_>) -> Result<Row> {
    // Without rearranged weights, which would be a copy in anonymous memory.
    let mut worker = LocalCoderWorker::start_with(&bench.model, false)?;
    worker.write(&bench.long[0], true)?;
    let own = mib(worker.pid(), ANONYMOUS)?;
    #[expect(clippy::cast_precision_loss, reason = "mebibytes")]
    let kv = worker.memory.kv_bytes as f64 / 1024.0 / 1024.0;
    let beside = own - kv;
    let figure = Figure { value: beside, low: beside, high: beside, n: 1 };
    let note = format!("all but the file {own:.0} MiB, KV cache {kv:.0} MiB");
    let name = "memory beside weights and KV cache, MiB";
    Ok(bench.row(name, figure, Target::AtMost(150.0), note))
}

const RESIDENT: &str = "VmRSS:";
const ANONYMOUS: &str = "RssAnon:";

fn mib(pid: u32, what: &str) -> Result<f64> {
    let status = fs_err::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix(what));
    let kib = line.and_then(|line| line.split_whitespace().next()?.parse::<f64>().ok());
    kib.map(|kib| kib / 1024.0).context("the system does not tell memory")
}
