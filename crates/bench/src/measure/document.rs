//! `docs/reference/performance.md`: the measurements for readers, by machine. What was measured on
//! other machines stays in the file.

use std::fmt::Write as _;
use std::path::Path;

use anyhow::Result;

use super::report::{self, Row, Setting, Target};
use super::statistics::Figure;
use crate::places;

const HEAD: &str = "# Performance

How fast the engine is beside llama-server, on the same file, with the same prompts, in one run,
in turns. Written by `cargo xtask bench`; do not edit.

The models are the bundled demo model and the same model *in the shape of* larger ones: its
weights in the first rows and columns, zeros elsewhere, `Q4_K_M`. They cost what those cost and
write what the demo writes, so nothing here says anything about the quality of answers. `0.5b` and
`7b` are the shapes of Qwen2.5-Coder. Rows under the name of a model with *real weights* are of
its genuine file (`--model FILE`): tasks of `localcoder eval`, with the model's own answers.
What a run does not measure stays from an earlier one, which may have been of an earlier build.

Ratios have their direction in their name; in brackets the middle 95 % of their bootstrap over the
cases, and the number of cases. The column M3 Pro is a **projection** from what was counted here
and that machine's published memory bandwidth and prefill speed (7B `Q4_K_M`): nothing was
measured there.

What an edit gains depends on what a step of many tokens costs beside a step of one, so it differs
from processor to processor: each has a part of its own.
";
const PART: &str = "\n## ";

pub(super) fn write(rows: &[Row], setting: &Setting) -> Result<()> {
    let path = places::root().join("docs/reference/performance.md");
    // A missing page is an empty one: the first run on a fresh checkout writes it.
    let before = fs_err::read_to_string(&path).unwrap_or_default();
    Ok(fs_err::write(path, page(rows, setting, &before))?)
}

/// The rows that are to stay: of earlier runs in this tree, else those that the page has for this
/// machine.
pub(super) fn rows_so_far(results: &Path, machine: &str) -> Vec<Row> {
    let rows = report::read(results);
    if !rows.is_empty() {
        return rows;
    }
    let page = places::root().join("docs/reference/performance.md");
    rows_of(&fs_err::read_to_string(page).unwrap_or_default(), machine)
}

/// The rows of a machine's part, as far as its digits go.
fn rows_of(page: &str, machine: &str) -> Vec<Row> {
    let own = format!("{machine}\n");
    let Some(part) = page.split(PART).find(|part| part.starts_with(&own)) else {
        return Vec::new();
    };
    let mut shape = "";
    let mut rows = Vec::new();
    for line in part.lines() {
        if let Some(name) = line.strip_prefix("### ") {
            shape = name;
        }
        rows.extend(row_of(shape, line));
    }
    rows
}

fn row_of(shape: &str, line: &str) -> Option<Row> {
    let cells: Vec<&str> =
        line.strip_prefix("| ")?.strip_suffix(" |")?.split(" | ").map(str::trim).collect();
    let [name, measured, wanted, note, projection] = cells.try_into().ok()?;
    let (value, rest) = measured.strip_suffix(')')?.split_once(" (")?;
    let (low, rest) = rest.split_once(" to ")?;
    let (high, n) = rest.split_once(", ")?;
    let number = |text: &str| text.parse().ok();
    let figure = Figure {
        value: number(value)?,
        low: number(low)?,
        high: number(high)?,
        n: n.parse().ok()?,
    };
    let target = Target::from_text(wanted.split(',').next().unwrap_or_default());
    let text = |cell: &str| cell.to_owned();
    let (name, note, projection) = (text(name), text(note), text(projection));
    Some(Row { shape: text(shape), name, figure, target, note, projection })
}

/// The page with this machine's part first, and the parts for others unchanged.
fn page(rows: &[Row], setting: &Setting, before: &str) -> String {
    let own = format!("{}\n", setting.machine);
    let others = before.split(PART).skip(1).filter(|other| !other.starts_with(&own));
    let parts = std::iter::once(part(rows, setting)).chain(others.map(str::to_owned));
    let parts: Vec<String> = parts.map(|part| format!("{PART}{}\n", part.trim_end())).collect();
    format!("{HEAD}{}", parts.concat())
}

fn part(rows: &[Row], setting: &Setting) -> String {
    // A ratio without the version of both sides can't be compared with a later one.
    let package = setting.server_package.as_deref().unwrap_or("not measured");
    let mut page = format!("{}\n\n", setting.machine);
    let _ = writeln!(page, "- engine: {}", setting.llama_build);
    let _ = writeln!(page, "- llama-server, llama-bench: of the package {package}");
    let mut shape = "";
    for row in rows {
        if row.shape != shape {
            shape = &row.shape;
            let _ = writeln!(page, "\n### {shape}\n");
            page.push_str("| what | measured | wanted | note | M3 Pro (projection) |\n");
            page.push_str("|---|---|---|---|---|\n");
        }
        let Figure { value, low, high, n } = row.figure;
        let wanted = match row.target.is_met(value) {
            Some(met) => format!("{}{}", row.target.text(), if met { "" } else { ", **missed**" }),
            None => String::new(),
        };
        let (name, note, projection) = (&row.name, &row.note, &row.projection);
        let measured = format!("{value:.2} ({low:.2} to {high:.2}, {n})");
        let _ = writeln!(page, "| {name} | {measured} | {wanted} | {note} | {projection} |");
    }
    page
}

#[cfg(test)]
mod tests {
    use super::super::report::Target;
    use super::*;

    #[test]
    fn a_row_is_a_line_and_a_miss_is_reported() {
        let figure = Figure { value: 1.5, low: 1.0, high: 2.0, n: 3 };
        let row = Row {
            shape: "7b".to_owned(),
            name: "edits".to_owned(),
            figure,
            target: Target::AtLeast(2.2),
            note: "of all".to_owned(),
            projection: "3.9".to_owned(),
        };
        let setting = |machine: &str| Setting { machine: machine.to_owned(), ..Setting::default() };
        let rows = [row];
        let first = page(&rows, &setting("1 x Old"), "");
        let both = page(&rows, &setting("2 x New"), &first);
        let again = page(&rows, &setting("2 x New"), &both);
        assert_eq!(both, again);
        let read = rows_of(&both, "1 x Old");
        assert_eq!(page(&read, &setting("1 x Old"), ""), first);
        assert!(rows_of(&both, "3 x Other").is_empty());
        let parts: Vec<usize> =
            ["## 2 x New", "## 1 x Old"].map(|part| both.find(part).unwrap()).to_vec();
        assert!(parts[0] < parts[1], "{both}");
        let page = both;
        let line = "| edits | 1.50 (1.00 to 2.00, 3) | >= 2.2, **missed** | of all | 3.9 |";
        assert!(page.contains(line), "{page}");
    }
}
