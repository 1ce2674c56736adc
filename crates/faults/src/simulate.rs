//! `simulate`: the host's core in simulated worlds, one for each seed, on all processors. What is
//! simulated and what must hold is defined in `crates/simulator`; here it is only run, counted and
//! reported.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use localcoder_simulator::{Broken, Tally};
use serde_json::{Value, json};

use crate::options::Simulate;
use crate::{places, report};

const AT_A_TIME: u64 = 64;
const REPORT_EVERY: Duration = Duration::from_secs(5);
const MS_A_YEAR: f64 = 365.25 * 24.0 * 3_600_000.0;

pub(super) fn run(options: &Simulate) -> Result<()> {
    match options.seed {
        Some(seed) => replay(seed),
        None => simulate(options.from, options.seeds),
    }
}

fn replay(seed: u64) -> Result<()> {
    let (result, lines) = localcoder_simulator::replay(seed);
    for line in lines {
        report::line(line);
    }
    match result {
        Ok(tally) => {
            report::line(format!("seed {seed} holds: {} events", tally.events));
            Ok(())
        }
        Err(Broken { invariant, what, .. }) => bail!("seed {seed}: {invariant}: {what}"),
    }
}

fn simulate(from: u64, seeds: u64) -> Result<()> {
    let begun = Instant::now();
    let next = AtomicU64::new(0);
    let stop = AtomicBool::new(false);
    let all = Mutex::new((Tally::default(), None::<Broken>));
    let threads = std::thread::available_parallelism()?.get();
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                // Seeds that were taken are finished even after a failure, so the lowest failing
                // seed of those is found.
                while !stop.load(Ordering::Relaxed) {
                    let first = next.fetch_add(AT_A_TIME, Ordering::Relaxed);
                    if first >= seeds {
                        return;
                    }
                    let some = some(from + first..from + seeds.min(first + AT_A_TIME));
                    let mut all = all.lock().unwrap_or_else(PoisonError::into_inner);
                    all.0.add(&some.0);
                    if let Some(broken) = some.1 {
                        stop.store(true, Ordering::Relaxed);
                        // Threads do not finish in order; the smallest seed is reported, so that a
                        // run can be compared with another.
                        let first = all.1.as_ref().is_none_or(|known| broken.seed < known.seed);
                        all.1 = if first { Some(broken) } else { all.1.take() };
                    }
                }
            });
        }
        scope.spawn(|| report_progress(&next, &stop, seeds, begun));
    });
    let (tally, broken) = all.into_inner().unwrap_or_else(PoisonError::into_inner);
    show(&tally, begun.elapsed());
    let path = places::target().join("faults/simulator.json");
    let result = in_json(&tally, from, broken.as_ref(), begun.elapsed());
    crate::files::write(&path, &format!("{result:#}\n"))?;
    report::line(format!("written to {}", path.display()));
    match broken {
        None => Ok(()),
        Some(broken) => {
            report::line(broken.to_string());
            bail!(
                "seed {}: {}\nagain, with all that happens: cargo xtask simulate --seed {}",
                broken.seed,
                broken.invariant,
                broken.seed
            )
        }
    }
}

/// Runs several worlds, up to the first in which an invariant does not hold. The tally has only
/// those before it.
fn some(seeds: std::ops::Range<u64>) -> (Tally, Option<Broken>) {
    let mut tally = Tally::default();
    for seed in seeds {
        match localcoder_simulator::run(seed) {
            Ok(one) => tally.add(&one),
            Err(broken) => return (tally, Some(broken)),
        }
    }
    (tally, None)
}

fn report_progress(next: &AtomicU64, stop: &AtomicBool, seeds: u64, begun: Instant) {
    let mut reported_at = begun;
    loop {
        // The scope ends only with this thread, so it must notice the end soon.
        std::thread::sleep(Duration::from_millis(50));
        let done = next.load(Ordering::Relaxed);
        if done >= seeds || stop.load(Ordering::Relaxed) {
            return;
        }
        if reported_at.elapsed() >= REPORT_EVERY {
            reported_at = Instant::now();
            let rate = done as f64 / begun.elapsed().as_secs_f64();
            report::line(format!("{done} of {seeds} seeds, {rate:.0} a second"));
        }
    }
}

fn show(tally: &Tally, took: Duration) {
    let years = tally.simulated_ms as f64 / MS_A_YEAR;
    report::line(format!(
        "{} seeds in {}: {} events, {years:.1} simulated years, {} hosts, {} workers, {} loads, \
         {} clients, {} requests",
        tally.seeds,
        report::time(took),
        tally.events,
        tally.hosts,
        tally.workers,
        tally.loads,
        tally.clients,
        tally.requests,
    ));
    report::line("how requests ended:");
    for ((method, ending), times) in &tally.endings {
        report::line(format!("  {times:>12}  {method}: {ending}"));
    }
    report::line("what went wrong in the worlds:");
    for (fault, times) in &tally.faults {
        report::line(format!("  {times:>12}  {fault}"));
    }
}

fn in_json(tally: &Tally, from: u64, broken: Option<&Broken>, took: Duration) -> Value {
    let endings = tally.endings.iter();
    let endings: serde_json::Map<String, Value> = endings
        .map(|((method, ending), times)| (format!("{method}: {ending}"), json!(times)))
        .collect();
    json!({
        "from": from,
        "seeds": tally.seeds,
        "events": tally.events,
        "simulatedYears": tally.simulated_ms as f64 / MS_A_YEAR,
        "hosts": tally.hosts,
        "workers": tally.workers,
        "loads": tally.loads,
        "clients": tally.clients,
        "requests": tally.requests,
        "endings": endings,
        "faults": tally.faults,
        "seconds": took.as_secs(),
        "broken": broken.map(|it| json!({
            "seed": it.seed, "invariant": it.invariant, "what": it.what,
        })),
    })
}
