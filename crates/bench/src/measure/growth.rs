//! How cost grows: with the length of the prompt, with the number of tokens in the context, with
//! the size of the selection, and with the number of windows. This concerns only our own engine;
//! each row is the cost of the large case relative to that of the small one.

use anyhow::Result;

use super::Bench;
use super::host::HostClient;
use super::report::{Row, Target};
use super::statistics::{geometric_mean, median};
use super::worker::LocalCoderWorker;

/// Prompt tokens of the small and the large case. The demo model has a window of 2,048.
const PROMPTS: [u32; 2] = [256, 1_536];
const DEPTHS: [u32; 2] = [128, 1_536];
const WINDOWS: usize = 15;
const TRIES: usize = 5;

/// All rows; none for the large shape, which would take longer and tell nothing new. There are no
/// targets: growth is watched from one version to the next.
pub(super) fn growth(bench: &mut Bench<'_>) -> Result<Vec<Row>> {
    if bench.shape == "7b" {
        return Ok(Vec::new());
    }
    bench.worker.settle()?;
    let mut rows = vec![prompts(bench)?, depths(bench)?];
    rows.extend(selections(bench)?);
    rows.push(windows(bench)?);
    Ok(rows)
}

fn prompts(bench: &mut Bench<'_>) -> Result<Row> {
    let mut a_token =
        |tokens: u32| Ok::<_, anyhow::Error>(bench.worker.batch_ms(tokens)? / f64::from(tokens));
    let (small, large) = (a_token(PROMPTS[0])?, a_token(PROMPTS[1])?);
    let note = format!("{small:.2} and {large:.2} ms a token");
    let name = format!("growth: a prompt token of {} to one of {}", PROMPTS[1], PROMPTS[0]);
    Ok(bench.row(name, geometric_mean(&[large / small]), Target::None, note))
}

fn depths(bench: &mut Bench<'_>) -> Result<Row> {
    let a_token = |worker: &mut LocalCoderWorker, depth: u32| worker.ms_a_token_after(depth);
    let (small, large) =
        (a_token(&mut bench.worker, DEPTHS[0])?, a_token(&mut bench.worker, DEPTHS[1])?);
    let note = format!("{small:.2} and {large:.2} ms a token");
    let name = format!("growth: a written token after {} to one after {}", DEPTHS[1], DEPTHS[0]);
    Ok(bench.row(name, geometric_mean(&[large / small]), Target::None, note))
}

fn selections(bench: &mut Bench<'_>) -> Result<Option<Row>> {
    let mut cases = bench.edits.clone();
    cases.sort_by_key(|case| case.tokens);
    let third = cases.len() / 3;
    // With fewer than three edits, the shortest and the longest would be the same ones.
    if third == 0 {
        return Ok(None);
    }
    let mut a_token = |cases: &[super::cases::Case]| {
        let mut times = Vec::new();
        for case in cases {
            bench.worker.prepare(case)?;
            let timing = bench.worker.write(case, true)?.0;
            times.push(timing.total_ms / f64::from(timing.tokens.max(1)));
        }
        Ok::<_, anyhow::Error>(median(&times))
    };
    let (small, large) = (a_token(&cases[..third])?, a_token(&cases[cases.len() - third..])?);
    let tokens = |cases: &[super::cases::Case]| {
        median(&cases.iter().map(|case| f64::from(case.tokens)).collect::<Vec<_>>())
    };
    let name = "growth: a token of a long edit to one of a short edit";
    let note = format!(
        "{large:.2} ms of {} tokens, {small:.2} ms of {}",
        tokens(&cases[cases.len() - third..]),
        tokens(&cases[..third]),
    );
    Ok(Some(bench.row(name, geometric_mean(&[large / small]), Target::None, note)))
}

/// One window sends requests; the others are open and receive the status.
fn windows(bench: &mut Bench<'_>) -> Result<Row> {
    let mut client = HostClient::start()?;
    let time = |client: &mut HostClient, from: usize| {
        let mut times = Vec::new();
        for number in from..from + TRIES {
            times.push(client.generate(&bench.model, number)?.0);
        }
        // The first request also loads the model.
        Ok::<_, anyhow::Error>(median(&times[1..]))
    };
    let alone = time(&mut client, 0)?;
    let others: Result<Vec<_>> = (0..WINDOWS).map(|_| client.another_window()).collect();
    let others = others?;
    let among = time(&mut client, TRIES)?;
    // Only now: the other windows must be open while the second time is taken.
    drop(others);
    client.stop()?;
    let name = format!("growth: an answer with {} windows to one with 1", WINDOWS + 1);
    let note = format!("{among:.1} and {alone:.1} ms");
    Ok(bench.row(name, geometric_mean(&[among / alone]), Target::None, note))
}
