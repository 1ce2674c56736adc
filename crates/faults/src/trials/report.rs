//! The results of the trials, as a table for people and as JSON, and whether all of them are as
//! they must be. Any count of failures other than 0 makes the command fail.

use std::fmt::Write as _;
use std::time::Duration;

use anyhow::{Result, ensure};
use serde_json::{Value, json};

use super::verdict::{KILLED, READY, SHOWN, Verdict};
use crate::{files, places};

const FAILURES_MAX: usize = 5;

/// All trials of one kind, with their verdicts summed; printed as soon as it is made.
#[derive(Debug)]
pub(super) struct Row {
    name: String,
    trials: usize,
    verdict: Verdict,
    took: Duration,
    notes: Vec<String>,
}

impl Row {
    pub(super) fn new(name: &str, trials: usize, verdict: Verdict, took: Duration) -> Self {
        let row = Self { name: name.to_owned(), trials, verdict, took, notes: Vec::new() };
        crate::report::line(row.line());
        row
    }

    pub(super) fn with_note(mut self, note: impl Into<String>) -> Self {
        let note = note.into();
        crate::report::line(format!("    {note}"));
        self.notes.push(note);
        self
    }

    /// Of this many trials, those without a failure. A failure begins with its trial's number, so
    /// several of one trial count once.
    pub(super) fn good(&self, trials: usize) -> usize {
        let numbers = self.verdict.failures.iter().filter_map(|it| it.split(':').next());
        trials.saturating_sub(numbers.collect::<std::collections::BTreeSet<_>>().len())
    }

    fn bad(&self) -> usize {
        let Verdict { changed, host_deaths, no_end, orphans, wrong, .. } = &self.verdict;
        changed + host_deaths + no_end + orphans + wrong
    }

    fn line(&self) -> String {
        let Verdict { changed, host_deaths, no_end, orphans, wrong, .. } = &self.verdict;
        let mut line = format!(
            "{:<34} {:>5} {changed:>4} {host_deaths:>4} {no_end:>4} {orphans:>4} {wrong:>4}",
            self.name, self.trials
        );
        let times = &self.verdict.times;
        for of in COLUMNS {
            let text = times.get(of).map_or_else(String::new, |times| shown(times));
            let _ = write!(line, " {text:>18}");
        }
        for (of, times) in times.iter().filter(|(of, _)| !COLUMNS.contains(of)) {
            let _ = write!(line, " {of} {}", shown(times));
        }
        line
    }

    fn json(&self) -> Value {
        let verdict = &self.verdict;
        let mut times = serde_json::Map::new();
        for (of, values) in &verdict.times {
            let [p50, p99, max] = spread(values).map(|value| (value * 10.0).round() / 10.0);
            let spread = json!({"n": values.len(), "p50Ms": p50, "p99Ms": p99, "maxMs": max});
            times.insert((*of).to_owned(), spread);
        }
        json!({
            "kind": self.name,
            "trials": self.trials,
            "changed": verdict.changed,
            "hostDeaths": verdict.host_deaths,
            "withoutEnd": verdict.no_end,
            "orphans": verdict.orphans,
            "wrong": verdict.wrong,
            "endings": verdict.endings,
            "times": times,
            "notes": self.notes,
            "failures": verdict.failures.iter().take(FAILURES_MAX).collect::<Vec<_>>(),
            "seconds": self.took.as_secs(),
        })
    }
}

const COLUMNS: [&str; 3] = [SHOWN, READY, KILLED];

fn shown(times: &[f64]) -> String {
    let [p50, p99, max] = spread(times);
    format!("{p50:.0}/{p99:.0}/{max:.0}")
}

/// The median, the 99th percentile and the maximum, each one of the values, rounded up in rank, so
/// that 99 % of a few values is the largest; NaN if there are none.
fn spread(times: &[f64]) -> [f64; 3] {
    let mut sorted = times.to_vec();
    sorted.sort_by(f64::total_cmp);
    let at = |percent: usize| {
        let index = (sorted.len() * percent).div_ceil(100).saturating_sub(1);
        sorted.get(index).copied().unwrap_or(f64::NAN)
    };
    [at(50), at(99), at(100)]
}

pub(super) fn heading() {
    crate::report::line(format!(
        "{:<34} {:>5} {:>4} {:>4} {:>4} {:>4} {:>4} {:>18} {:>18} {:>18}",
        "kind",
        "n",
        "chg",
        "host",
        "open",
        "orph",
        "else",
        "reported ms 50/99/max",
        "ready ms",
        "hang ended ms"
    ));
}

/// Writes `target/faults/WHAT.json`, and fails if anything went wrong. The file is written first,
/// so a failed run can be read from it.
pub(super) fn conclude(what: &str, scale: &str, rows: &[Row], took: Duration) -> Result<()> {
    let result = json!({
        "what": what,
        "clock": scale,
        "kinds": rows.iter().map(Row::json).collect::<Vec<_>>(),
        "trials": rows.iter().map(|row| row.trials).sum::<usize>(),
        "bad": rows.iter().map(Row::bad).sum::<usize>(),
        "seconds": took.as_secs(),
    });
    let path = places::target().join(format!("faults/{what}.json"));
    files::write(&path, &format!("{result:#}\n"))?;
    crate::report::line(format!("written to {}", path.display()));
    let mut failures = String::new();
    for row in rows.iter().filter(|row| row.bad() > 0) {
        let _ = write!(failures, "\n{}:", row.name);
        for failure in row.verdict.failures.iter().take(FAILURES_MAX) {
            let _ = write!(failures, "\n  {failure}");
        }
    }
    if !failures.is_empty() {
        // Printed at once, since others may follow before this one is reported as an error.
        crate::report::line(&failures);
    }
    let bad: usize = rows.iter().map(Row::bad).sum();
    ensure!(bad == 0, "{what}: {bad} times something happened that must not");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spreads_are_of_whole_values() {
        let times: Vec<f64> = (1..=100_u32).map(f64::from).collect();
        assert_eq!(spread(&times), [50.0, 99.0, 100.0]);
        assert_eq!(spread(&[7.0]), [7.0, 7.0, 7.0]);
    }
}
