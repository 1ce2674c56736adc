//! The results as a table on the terminal and as JSON.

use std::path::Path;

use anyhow::Result;
use serde_json::{Value, json};

use super::models::Shape;
use super::statistics::Figure;
use crate::report;

#[derive(Debug, Default)]
pub(super) struct Setting {
    pub(super) llama_build: String,
    /// `None` if llama-server was not measured.
    pub(super) server_package: Option<String>,
    pub(super) machine: String,
}

/// What a figure should be. Kept as text in `engine.json` (`>= 2.2`), so that the file is readable
/// without this program and earlier rows can be merged with new ones.
#[derive(Debug, Clone, Copy)]
pub(super) enum Target {
    AtLeast(f64),
    AtMost(f64),
    None,
}

impl Target {
    pub(super) fn is_met(self, value: f64) -> Option<bool> {
        match self {
            Self::AtLeast(least) => Some(value >= least),
            Self::AtMost(most) => Some(value <= most),
            Self::None => None,
        }
    }

    pub(super) fn from_text(text: &str) -> Self {
        let number = |sign: &str| text.strip_prefix(sign).and_then(|rest| rest.trim().parse().ok());
        match (number(">="), number("<=")) {
            (Some(least), _) => Self::AtLeast(least),
            (_, Some(most)) => Self::AtMost(most),
            _ => Self::None,
        }
    }

    pub(super) fn text(self) -> String {
        match self {
            Self::AtLeast(least) => format!(">= {least}"),
            Self::AtMost(most) => format!("<= {most}"),
            Self::None => String::new(),
        }
    }
}

#[derive(Debug, Clone)]
pub(super) struct Row {
    pub(super) shape: String,
    /// The name in tables and, with `shape`, the key by which a later run replaces the row.
    pub(super) name: String,
    pub(super) figure: Figure,
    pub(super) target: Target,
    pub(super) note: String,
    pub(super) projection: String,
}

impl Row {
    pub(super) fn projected(self, projection: String) -> Self {
        Self { projection, ..self }
    }
}

pub(super) fn print(rows: &[Row]) {
    for row in rows {
        let Figure { value, low, high, n } = row.figure;
        let spread = format!("{value:.3} ({low:.3} to {high:.3}, n {n})");
        let met = row.target.is_met(value).map_or("", |met| if met { "met" } else { "MISSED" });
        let target = format!("{} {met}", row.target.text());
        let (shape, name, note) = (&row.shape, &row.name, &row.note);
        report::line(format!("{shape:5} {name:52} {spread:34} {target:15} {note}"));
    }
}

pub(super) fn write(path: &Path, rows: &[Row], setting: &Setting) -> Result<()> {
    let rows: Vec<_> = rows
        .iter()
        .map(|row| {
            let Figure { value, low, high, n } = row.figure;
            json!({
                "shape": row.shape, "name": row.name, "ratio": value, "low": low, "high": high,
                "n": n, "target": row.target.text(), "met": row.target.is_met(value),
                "note": row.note, "projectionM3Pro": row.projection,
            })
        })
        .collect();
    let all = json!({
        "llamaBuild": setting.llama_build, "serverPackage": setting.server_package,
        "machine": setting.machine, "rows": rows,
    });
    Ok(fs_err::write(path, serde_json::to_string_pretty(&all)? + "\n")?)
}

/// The rows of earlier runs; empty if there were none. A file or row that can't be read counts as
/// none: an older format is measured again rather than migrated.
pub(super) fn read(path: &Path) -> Vec<Row> {
    let text = fs_err::read_to_string(path).unwrap_or_default();
    let all: Value = serde_json::from_str(&text).unwrap_or_default();
    all["rows"].as_array().map_or(&[][..], Vec::as_slice).iter().filter_map(row).collect()
}

/// Adds rows, replacing those that were measured before; small shapes come first, real models last.
pub(super) fn merge(rows: &mut Vec<Row>, new: Vec<Row>) {
    for row in new {
        let same = |old: &&mut Row| old.shape == row.shape && old.name == row.name;
        match rows.iter_mut().find(same) {
            Some(old) => *old = row,
            None => rows.push(row),
        }
    }
    let shape = |row: &Row| Shape::ALL.iter().position(|shape| shape.name() == row.shape);
    rows.sort_by_cached_key(|row| (shape(row).unwrap_or(Shape::ALL.len()), row.shape.clone()));
}

fn row(value: &Value) -> Option<Row> {
    let text = |name: &str| value[name].as_str().map(str::to_owned);
    let number = |name: &str| value[name].as_f64();
    Some(Row {
        shape: text("shape")?,
        name: text("name")?,
        figure: Figure {
            value: number("ratio")?,
            low: number("low")?,
            high: number("high")?,
            n: usize::try_from(value["n"].as_u64()?).ok()?,
        },
        target: Target::from_text(&text("target")?),
        note: text("note")?,
        projection: text("projectionM3Pro").unwrap_or_default(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_of_an_earlier_run_come_back_and_are_replaced_by_new_ones() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("engine.json");
        assert!(read(&path).is_empty());
        let row = |shape: &str, name: &str, value: f64| Row {
            shape: shape.to_owned(),
            name: name.to_owned(),
            figure: Figure { value, low: 2.0, high: 3.0, n: 7 },
            target: Target::AtLeast(2.2),
            note: "a note".to_owned(),
            projection: "3.1".to_owned(),
        };
        let rows = [row("7b", "edits", 2.5), row("7b", "memory", 2.5)];
        write(&path, &rows, &Setting::default()).unwrap();
        let mut rows = read(&path);
        let real = row("Qwen, real weights", "edits", 3.0);
        merge(&mut rows, vec![real, row("7b", "edits", 4.0), row("demo", "cancels", 1.0)]);
        let found: Vec<_> = rows.iter().map(|row| (row.name.as_str(), row.figure.value)).collect();
        assert_eq!(found, [("cancels", 1.0), ("edits", 4.0), ("memory", 2.5), ("edits", 3.0)]);
        assert_eq!(rows[1].target.text(), ">= 2.2");
    }
}
