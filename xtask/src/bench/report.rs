//! The table on the terminal and the same as JSON.

use std::path::Path;

use anyhow::Result;
use serde_json::json;

use super::statistics::Figure;
use crate::report;

/// What was measured against what.
#[derive(Debug, Default)]
pub(super) struct Versions {
    /// llama.cpp in our worker.
    pub(super) ours: String,
    /// The package that llama-server is from, where it was measured.
    pub(super) theirs: Option<&'static str>,
}

/// One measurement.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) shape: &'static str,
    pub(super) name: String,
    pub(super) figure: Figure,
    /// The 99th percentile, of times.
    pub(super) worst: Option<f64>,
    pub(super) note: String,
}

/// Prints all rows. Ratios are theirs to ours: above 1 we are faster.
pub(super) fn print(rows: &[Row], versions: &Versions) {
    let theirs = versions.theirs.unwrap_or("not measured");
    report::line(format!("ours: {}; llama-server: {theirs}", versions.ours));
    report::line("Ratios are their time to ours: above 1 ours is faster.\n");
    for Row { shape, name, figure, worst, note } in rows {
        let Figure { value, low, high, n } = figure;
        let worst = worst.map(|worst| format!(", p99 {worst:.2}")).unwrap_or_default();
        let spread = format!("{value:.2} ({low:.2} to {high:.2}{worst}, n {n})");
        report::line(format!("{shape:5} {name:45} {spread:42} {note}"));
    }
}

/// Writes `engine.json`.
pub(super) fn write(path: &Path, rows: &[Row], versions: &Versions) -> Result<()> {
    let rows: Vec<_> = rows
        .iter()
        .map(|Row { shape, name, figure, worst, note }| {
            json!({
                "shape": shape, "name": name, "ratio": figure.value, "low": figure.low,
                "high": figure.high, "n": figure.n, "p99": worst, "note": note,
            })
        })
        .collect();
    let all = json!({ "ours": versions.ours, "theirs": versions.theirs, "rows": rows });
    fs_err::write(path, serde_json::to_string_pretty(&all)? + "\n")?;
    report::line(format!("\nwritten to {}", path.display()));
    Ok(())
}
