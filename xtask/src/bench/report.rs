//! The table on the terminal and the same as JSON.

use std::path::Path;

use anyhow::Result;
use serde_json::json;

use super::statistics::Figure;
use crate::report;

/// What was measured, with what.
#[derive(Debug, Default)]
pub(super) struct Setting {
    /// llama.cpp in our worker.
    pub(super) ours: String,
    /// The package that llama-server is from, where it was measured.
    pub(super) theirs: Option<&'static str>,
    /// The processor.
    pub(super) machine: String,
}

/// What a figure should be.
#[derive(Debug, Clone, Copy)]
pub(super) enum Target {
    /// At least this.
    AtLeast(f64),
    /// At most this.
    AtMost(f64),
    /// It is only told.
    None,
}

impl Target {
    fn is_met(self, value: f64) -> Option<bool> {
        match self {
            Self::AtLeast(least) => Some(value >= least),
            Self::AtMost(most) => Some(value <= most),
            Self::None => None,
        }
    }

    fn text(self) -> String {
        match self {
            Self::AtLeast(least) => format!(">= {least}"),
            Self::AtMost(most) => format!("<= {most}"),
            Self::None => String::new(),
        }
    }
}

/// One measurement.
#[derive(Debug)]
pub(super) struct Row {
    /// The model it was measured with.
    pub(super) shape: &'static str,
    pub(super) name: String,
    pub(super) figure: Figure,
    pub(super) target: Target,
    /// What else there is to know, such as the figures that a ratio is of.
    pub(super) note: String,
}

/// Prints all rows.
pub(super) fn print(rows: &[Row], setting: &Setting) {
    let theirs = setting.theirs.unwrap_or("not measured");
    report::line(format!("ours: {}; llama-server: {theirs}; {}", setting.ours, setting.machine));
    for row in rows {
        let Figure { value, low, high, n } = row.figure;
        let spread = format!("{value:.3} ({low:.3} to {high:.3}, n {n})");
        let met = row.target.is_met(value).map_or("", |met| if met { "met" } else { "MISSED" });
        let target = format!("{} {met}", row.target.text());
        let (shape, name, note) = (row.shape, &row.name, &row.note);
        report::line(format!("{shape:5} {name:52} {spread:34} {target:15} {note}"));
    }
}

/// Writes `engine.json`.
pub(super) fn write(path: &Path, rows: &[Row], setting: &Setting) -> Result<()> {
    let rows: Vec<_> = rows
        .iter()
        .map(|row| {
            let Figure { value, low, high, n } = row.figure;
            json!({
                "shape": row.shape, "name": row.name, "ratio": value, "low": low, "high": high,
                "n": n, "target": row.target.text(), "met": row.target.is_met(value),
                "note": row.note,
            })
        })
        .collect();
    let all = json!({
        "ours": setting.ours, "theirs": setting.theirs, "machine": setting.machine, "rows": rows,
    });
    fs_err::write(path, serde_json::to_string_pretty(&all)? + "\n")?;
    report::line(format!("\nwritten to {}", path.display()));
    Ok(())
}
