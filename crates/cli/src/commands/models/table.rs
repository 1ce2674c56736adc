//! The table of `models list`: columns stay aligned whatever an id is called, and no line is wider
//! than the terminal.

use localcoder_protocol::{
    LicenseSource, ModelAction, ModelFit, ModelRole, ModelRow, ModelState, ModelTask, ModelTuning,
};

use super::terminal::bytes;

/// A longer id gets a line of its own, so that one file with a long name does not push all columns
/// out of the terminal.
const ID_COLUMNS_MAX: usize = 28;
const GAP: &str = "  ";

/// The columns after the id, the most important first: those that don't fit are left out, from the
/// end.
const COLUMNS: [&str; 8] =
    ["SIZE", "FITS", "TOKENS/S", "QUANT", "LICENSE", "CONTEXT", "MEMORY", "NAME"];

/// The lines of the table for a terminal with this many columns; `None` for all columns, however
/// wide. What had no room is named in a last line.
pub(super) fn lines(rows: &[ModelRow], columns: Option<usize>) -> Vec<String> {
    let is_to_come =
        |row: &&ModelRow| matches!(row.state, ModelState::Available | ModelState::Partial);
    let (others, there): (Vec<&ModelRow>, Vec<&ModelRow>) = rows.iter().partition(is_to_come);
    let cells: Vec<[String; 8]> = rows.iter().map(cells).collect();
    let id_columns = rows.iter().map(|row| length(&row.id)).filter(|it| *it <= ID_COLUMNS_MAX);
    let id_columns = id_columns.max().unwrap_or(0).max("ID".len());
    let widest = |at: usize| cells.iter().map(|row| length(&row[at])).max().unwrap_or(0);
    let widths: Vec<usize> =
        COLUMNS.iter().enumerate().map(|(at, head)| widest(at).max(head.len())).collect();
    let shown = fitting(id_columns, &widths, columns);
    let line = |cells: &[String]| {
        let padded = cells.iter().zip(&widths).take(shown).enumerate();
        let parts: Vec<String> = padded.map(|(at, (cell, width))| pad(cell, *width, at)).collect();
        parts.join(GAP)
    };
    let head = line(&COLUMNS.map(str::to_owned));
    let mut lines = Vec::new();
    let mut part = |title: &str, part: &[&ModelRow]| {
        if part.is_empty() {
            return;
        }
        if !lines.is_empty() {
            lines.push(String::new());
        }
        lines.push(title.to_owned());
        lines.push(format!("  {:id_columns$}{GAP}{head}", "ID").trim_end().to_owned());
        for row in part {
            let cells = line(&self::cells(row));
            let (mark, id) = (mark(&row.uses), &row.id);
            if length(id) > id_columns {
                lines.push(format!("{mark} {id}"));
                lines.push(format!("  {:id_columns$}{GAP}{cells}", "").trim_end().to_owned());
            } else {
                lines.push(format!("{mark} {id:id_columns$}{GAP}{cells}").trim_end().to_owned());
            }
            lines.extend(below(row).map(|text| format!("    {text}")));
        }
    };
    part("Installed:", &there);
    part("Can be installed with `localcoder models install ID`:", &others);
    if shown < COLUMNS.len() {
        let left_out = COLUMNS[shown..].join(", ").to_lowercase();
        lines.push(String::new());
        lines.push(format!("No room for: {left_out}. `localcoder models info ID` says all."));
    }
    lines
}

fn fitting(id_columns: usize, widths: &[usize], columns: Option<usize>) -> usize {
    let Some(columns) = columns else { return widths.len() };
    let mut taken = 2 + id_columns;
    let fits = |width: &&usize| {
        taken += GAP.len() + **width;
        taken <= columns
    };
    // The first that does not fit ends the line: a later and narrower one matters less, and columns
    // that come and go with the width would be hard to read.
    widths.iter().take_while(fits).count()
}

fn cells(row: &ModelRow) -> [String; 8] {
    let size = match row.bytes {
        0 => String::new(),
        size => bytes(size),
    };
    let fits = row.memory.as_ref().map_or("", |memory| match memory.fit {
        ModelFit::Loaded => "loaded",
        ModelFit::Fits => "yes",
        ModelFit::Tight => "tight",
        ModelFit::TooLarge => "no",
        ModelFit::Unknown => "?",
    });
    let speed = row.speed.as_ref().map_or_else(String::new, |speed| {
        let estimate = if speed.measured { "" } else { "~" };
        format!("{estimate}{:.1}", speed.tokens_per_s)
    });
    let license = row.license.as_ref().map_or_else(String::new, |license| {
        // What was not verified must not look like a fact.
        let claimed = if license.said_by == LicenseSource::Catalog { "" } else { " (claimed)" };
        format!("{}{claimed}", license.name)
    });
    let context = match row.context_tokens {
        0 => String::new(),
        tokens => tokens.to_string(),
    };
    let memory = row.memory.as_ref().map_or_else(String::new, |it| bytes(it.needed_bytes));
    [size, fits.to_owned(), speed, row.quantization.clone(), license, context, memory, name(row)]
}

fn name(row: &ModelRow) -> String {
    let roles = row.roles.iter().map(|role| match role {
        ModelRole::Code => "code",
        ModelRole::General => "general",
        ModelRole::Completion => "completion",
    });
    let base = (row.tuning == Some(ModelTuning::Base)).then_some("base");
    let about: Vec<&str> = roles.chain(base).chain(row.profile.as_deref()).collect();
    if about.is_empty() { row.name.clone() } else { format!("{} ({})", row.name, about.join(", ")) }
}

fn below(row: &ModelRow) -> impl Iterator<Item = String> {
    let again = match row.actions.contains(&ModelAction::Install) {
        true => format!("; `localcoder models install {}` downloads it again", row.id),
        false => String::new(),
    };
    let problem = row.problem.as_ref().map(|problem| format!("can't be used: {problem}{again}"));
    let bundled = (row.state == ModelState::Bundled)
        .then(|| "bundled with LocalCoder to try everything; no code assistant".to_owned());
    let begun = (row.state == ModelState::Partial)
        .then(|| format!("paused: {} of it are downloaded", bytes(row.loaded_bytes)));
    [problem, bundled, begun].into_iter().flatten()
}

fn mark(uses: &[ModelTask]) -> char {
    if uses.contains(&ModelTask::Code) {
        '*'
    } else if uses.is_empty() {
        ' '
    } else {
        '+'
    }
}

fn pad(cell: &str, width: usize, at: usize) -> String {
    match COLUMNS[at] {
        "SIZE" | "TOKENS/S" | "CONTEXT" | "MEMORY" => format!("{cell:>width$}"),
        "NAME" => cell.to_owned(),
        _ => format!("{cell:width$}"),
    }
}

fn length(text: &str) -> usize {
    text.chars().count()
}

#[cfg(test)]
mod tests {
    use localcoder_protocol::{ClaimedLicense, ModelMemory, ModelSpeed};

    use super::*;

    fn row(id: &str, state: ModelState) -> ModelRow {
        ModelRow {
            id: id.to_owned(),
            name: format!("Name of {id}"),
            state,
            uses: Vec::new(),
            actions: Vec::new(),
            bytes: 4_683_073_536,
            loaded_bytes: 0,
            roles: vec![ModelRole::Code],
            profile: Some("fast".to_owned()),
            tuning: Some(ModelTuning::Instruct),
            parameters: 7_000_000_000,
            quantization: "Q4_K_M".to_owned(),
            license: Some(ClaimedLicense {
                name: "Apache License 2.0".to_owned(),
                said_by: LicenseSource::Catalog,
            }),
            context_tokens: 32_768,
            memory: Some(ModelMemory {
                needed_bytes: 5_500_000_000,
                window_tokens: 4096,
                fit: ModelFit::Fits,
                text: String::new(),
            }),
            speed: Some(ModelSpeed { tokens_per_s: 6.25, measured: false, text: String::new() }),
            problem: None,
            description: String::new(),
            facts: Vec::new(),
        }
    }

    fn rows() -> Vec<ModelRow> {
        let mut demo = row("demo", ModelState::Bundled);
        demo.uses = vec![ModelTask::Code];
        vec![
            demo,
            row(&"long-".repeat(12), ModelState::Installed),
            row("small", ModelState::Available),
        ]
    }

    fn begins(lines: &[String], text: &str) -> Vec<usize> {
        lines.iter().filter_map(|line| line.find(text)).collect()
    }

    #[test]
    fn columns_stand_below_each_other_whatever_an_id_is_called() {
        let lines = lines(&rows(), None);
        for text in ["Q4_K_M", "Apache", "Name of", "~6.2", "4.68 GB"] {
            let at = begins(&lines, text);
            assert!(at.len() == 3 && at.iter().all(|it| *it == at[0]), "{text}: {lines:#?}");
        }
        assert_eq!(begins(&lines, "QUANT"), vec![begins(&lines, "Q4_K_M")[0]; 2]);
        assert!(lines.iter().any(|line| line.starts_with("* demo ")), "{lines:#?}");
        assert!(lines.contains(&format!("  {}", "long-".repeat(12))), "{lines:#?}");
    }

    #[test]
    fn a_table_as_a_terminal_of_100_columns_shows_it() {
        insta::assert_snapshot!("table", lines(&rows(), Some(100)).join("\n"));
    }

    #[test]
    fn what_has_no_room_is_left_out_from_the_end_and_reported() {
        for columns in [40, 60, 80, 100, 120] {
            let lines = lines(&rows(), Some(columns));
            let is_table = |line: &&String| line.contains("4.68 GB") || line.contains("SIZE");
            let table: Vec<&String> = lines.iter().filter(is_table).collect();
            assert_eq!(table.len(), 5, "{lines:#?}");
            assert!(table.iter().all(|line| length(line) <= columns), "{columns}: {lines:#?}");
            let last = lines.last().unwrap();
            assert!(last.starts_with("No room for: ") && last.contains("name"), "{last}");
        }
        assert!(!lines(&rows(), Some(200)).iter().any(|line| line.starts_with("No room")));
    }

    #[test]
    fn what_is_claimed_is_said_to_be() {
        let mut claims = row("a", ModelState::Installed);
        claims.license.as_mut().unwrap().said_by = LicenseSource::File;
        claims.speed.as_mut().unwrap().measured = true;
        claims.problem = Some("its file is gone".to_owned());
        let lines = lines(&[claims], None).join("\n");
        assert!(lines.contains("Apache License 2.0 (claimed)"), "{lines}");
        assert!(!lines.contains('~'), "{lines}");
        assert!(lines.contains("\n    can't be used: its file is gone"), "{lines}");
    }
}
