//! `localcoder stats`: what became of the edits that were shown, and next to it what tasks say
//! about the same models. The host has counted; here the file is read, or deleted. No host is
//! needed.

use std::collections::BTreeMap;
use std::path::Path;

use localcoder_disk::cause_of;
use localcoder_eval::{Outcome, Verdict, measured};
use localcoder_host::ledger::{About, Ledger, sum};
use localcoder_host::shell::LedgerFile;
use localcoder_protocol::{
    EditCounts, EditStatistics, ErrorCode, ErrorInfo, EvalShare, StatisticsBy, StatisticsDeleted,
    StatisticsGroup, StatisticsRow, StatsDelete, StatsShow,
};
use localcoder_settings::Places;

use super::eval::outcomes;
use crate::failure::explained;
use crate::output;
use crate::settings_file::resolved;
use crate::stats_arguments::StatsOptions;

const ALL: [StatisticsBy; 4] =
    [StatisticsBy::Command, StatisticsBy::Model, StatisticsBy::Language, StatisticsBy::Prompt];

pub(crate) fn run(options: &StatsOptions) -> Result<(), ErrorInfo> {
    let places = Places::resolve()?;
    let file = LedgerFile::new(places.ledger_file());
    if options.delete {
        return delete(&file, options);
    }
    let statistics = statistics(&places, &file, options)?;
    if options.json { output::answer::<StatsShow>(&statistics) } else { show(&statistics) }
}

fn statistics(
    places: &Places,
    file: &LedgerFile,
    options: &StatsOptions,
) -> Result<EditStatistics, ErrorInfo> {
    let tasks = options.eval.as_deref().map(Tasks::read).transpose()?;
    let (ledger, bytes) = file.read().map_err(|error| {
        let message = format!("`{}` can't be read", file.path().display());
        explained(ErrorInfo::new(ErrorCode::FileAccess, message), error.cause(file.path()))
    })?;
    let wanted = options.by.map_or_else(|| ALL.to_vec(), |by| vec![by.into()]);
    let all = ledger.counts().fold(EditCounts::default(), |all, (_, counts)| sum(all, counts));
    Ok(EditStatistics {
        file: file.path().display().to_string(),
        bytes,
        on: resolved(places).settings.ledger,
        since: ledger.since().map(str::to_owned),
        unread_lines: ledger.unread_lines(),
        all: row("all".to_owned(), all, Vec::new()),
        groups: wanted.into_iter().map(|by| group(by, &ledger, tasks.as_ref())).collect(),
    })
}

fn group(by: StatisticsBy, ledger: &Ledger, tasks: Option<&Tasks>) -> StatisticsGroup {
    let mut rows: BTreeMap<String, EditCounts> = BTreeMap::new();
    for (about, counts) in ledger.counts() {
        let sums = rows.entry(name(by, about)).or_default();
        *sums = sum(*sums, counts);
    }
    let row = |(name, counts): (String, EditCounts)| {
        let eval = match (by, tasks) {
            (_, Some(tasks)) => tasks.shares(by, &name),
            (StatisticsBy::Model, None) => measured(&name),
            (_, None) => Vec::new(),
        };
        row(name, counts, eval)
    };
    let mut rows: Vec<StatisticsRow> = rows.into_iter().map(row).collect();
    rows.sort_by_key(|row| std::cmp::Reverse(row.counts.shown));
    StatisticsGroup { by, rows }
}

fn name(by: StatisticsBy, about: &About) -> String {
    match by {
        StatisticsBy::Command if about.instructed => format!("{}, instructed", about.command),
        StatisticsBy::Command => about.command.clone(),
        StatisticsBy::Model => about.model.clone(),
        StatisticsBy::Language => about.language.clone(),
        StatisticsBy::Prompt => about.prompt.clone(),
    }
}

fn row(name: String, counts: EditCounts, eval: Vec<EvalShare>) -> StatisticsRow {
    let kept = counts.kept.saturating_add(counts.kept_in_part);
    // An edit that is still open says nothing yet. Saturating, as the file may have been changed by
    // hand.
    let decided = counts.shown.saturating_sub(counts.undecided);
    let kept_of = |all: u64| (all > 0).then(|| share(kept, all));
    StatisticsRow {
        name,
        counts,
        kept_of_shown: kept_of(counts.shown),
        kept_of_decided: kept_of(decided),
        eval,
    }
}

#[expect(clippy::cast_precision_loss, reason = "a share is shown as a whole percentage")]
fn share(part: u64, all: u64) -> f64 {
    part as f64 / all as f64
}

struct Tasks(Vec<Outcome>);

impl Tasks {
    fn read(path: &Path) -> Result<Self, ErrorInfo> {
        // Reading takes a missing file for one without outcomes, as `eval --out` begins a new one.
        if !path.exists() {
            let message = format!("there is no `{}`", path.display());
            return Err(ErrorInfo::new(ErrorCode::Usage, message)
                .with_hint("`localcoder eval --out FILE` writes one"));
        }
        Ok(Self(outcomes(path)?))
    }

    /// The tasks' results for the model or language of a row; they have none for other rows. Tasks
    /// of which nothing was shown have no share, and are left out.
    fn shares(&self, by: StatisticsBy, name: &str) -> Vec<EvalShare> {
        let is_of_row = |outcome: &&Outcome| match by {
            // `asked` has the build behind the model: runs of all builds count here.
            StatisticsBy::Model => outcome.asked.split(", build").next() == Some(name),
            StatisticsBy::Language => outcome.language == name,
            StatisticsBy::Command | StatisticsBy::Prompt => false,
        };
        let outcomes: Vec<&Outcome> = self.0.iter().filter(is_of_row).collect();
        let is_flaw = |outcome: &Outcome| outcome.kind.starts_with("flaw");
        let is_told = |outcome: &Outcome| !is_flaw(outcome) && outcome.kind != "keep";
        let of = |what: &str, is_it: &dyn Fn(&Outcome) -> bool| {
            let these: Vec<&&Outcome> = outcomes.iter().filter(|outcome| is_it(outcome)).collect();
            let count = |verdict| these.iter().filter(|it| it.verdict == verdict).count() as u64;
            let (right, wrong) = (count(Verdict::Right), count(Verdict::Wrong));
            (right + wrong > 0).then(|| EvalShare {
                what: what.to_owned(),
                tasks: u32::try_from(these.len()).unwrap_or(u32::MAX),
                right_of_shown: share(right, right + wrong),
            })
        };
        [of("instructed", &is_told), of("planted flaws", &is_flaw)].into_iter().flatten().collect()
    }
}

fn show(statistics: &EditStatistics) -> Result<(), ErrorInfo> {
    let EditStatistics { file, bytes, on, since, unread_lines, all, groups } = statistics;
    match since {
        None => output::line("No edits were counted yet.")?,
        Some(since) => output::line(&format!("Edits that were shown since {since}:"))?,
    }
    for group in groups.iter().filter(|group| !group.rows.is_empty()) {
        output::line("")?;
        let rows: Vec<&StatisticsRow> = group.rows.iter().chain([all]).collect();
        table(title(group.by), &rows).iter().try_for_each(|line| output::line(line))?;
    }
    let EditCounts { unsure, unsure_kept, .. } = all.counts;
    if unsure > 0 {
        output::line(&format!(
            "\nShown as *not sure*: {unsure}, of which {unsure_kept} were kept."
        ))?;
    }
    if groups.iter().flat_map(|group| &group.rows).any(|row| !row.eval.is_empty()) {
        output::note("eval: of what `localcoder eval` would have shown, how much is right.");
    }
    if *unread_lines > 0 {
        output::note(&format!("{unread_lines} lines of the file can't be read, and don't count."));
    }
    if !on {
        output::note("Nothing is counted now: `localcoder config set ledger true` counts again.");
    }
    if *bytes > 0 {
        output::note(&format!("Kept in {file}; `localcoder stats --delete` deletes it."));
    }
    Ok(())
}

fn title(by: StatisticsBy) -> &'static str {
    match by {
        StatisticsBy::Command => "command",
        StatisticsBy::Model => "model",
        StatisticsBy::Language => "language",
        StatisticsBy::Prompt => "prompt",
    }
}

const COLUMNS: [&str; 11] = [
    "shown",
    "kept",
    "in part",
    "dropped",
    "undone",
    "retried",
    "followed up",
    "undecided",
    "kept of shown",
    "of decided",
    "eval",
];

fn table(title: &str, rows: &[&StatisticsRow]) -> Vec<String> {
    let widest = rows.iter().map(|row| row.name.chars().count()).chain([title.len()]).max();
    let name_columns = widest.unwrap_or(0);
    let has_eval = rows.iter().any(|row| !row.eval.is_empty());
    let columns = COLUMNS.len() - usize::from(!has_eval);
    let line = |name: &str, cells: &[String]| {
        let cells = cells.iter().zip(COLUMNS).take(columns);
        // The last column is text, and begins where its heading does.
        let cells = cells.map(|(cell, head)| match head {
            "eval" => format!("  {cell}"),
            _ => format!("  {cell:>width$}", width = head.len().max(5)),
        });
        let cells: String = cells.collect();
        format!("{name:name_columns$}{cells}").trim_end().to_owned()
    };
    let head = line(title, &COLUMNS.map(str::to_owned));
    let rows = rows.iter().map(|row| line(&row.name, &cells(row)));
    std::iter::once(head).chain(rows).collect()
}

fn cells(row: &StatisticsRow) -> [String; 11] {
    let EditCounts { shown, kept, kept_in_part, dropped, undone, .. } = row.counts;
    let EditCounts { retried, followed_up, undecided, .. } = row.counts;
    let percent = |share: f64| format!("{:.0} %", share * 100.0);
    let share = |share: Option<f64>| share.map_or_else(|| "-".to_owned(), percent);
    let eval = row.eval.iter().map(|EvalShare { what, tasks, right_of_shown }| {
        format!("{} ({tasks} {what})", percent(*right_of_shown))
    });
    [
        shown.to_string(),
        kept.to_string(),
        kept_in_part.to_string(),
        dropped.to_string(),
        undone.to_string(),
        retried.to_string(),
        followed_up.to_string(),
        undecided.to_string(),
        share(row.kept_of_shown),
        share(row.kept_of_decided),
        eval.collect::<Vec<_>>().join(", "),
    ]
}

fn delete(file: &LedgerFile, options: &StatsOptions) -> Result<(), ErrorInfo> {
    let path = file.path();
    let shown = path.display();
    // Nobody is asked about a file that does not exist.
    if !options.yes && path.symlink_metadata().is_ok() {
        agreed(path, options.json)?;
    }
    let deleted = file.delete().map_err(|error| {
        let info = ErrorInfo::new(ErrorCode::FileAccess, format!("`{shown}` could not be deleted"));
        explained(info, cause_of(&error, path))
    })?;
    if options.json {
        let answer = StatisticsDeleted { file: shown.to_string(), deleted };
        return output::answer::<StatsDelete>(&answer);
    }
    output::note(&match deleted {
        true => format!("Deleted {shown}: nothing is known of earlier edits any more."),
        false => format!("There was nothing to delete: no {shown}."),
    });
    Ok(())
}

fn agreed(path: &Path, json: bool) -> Result<(), ErrorInfo> {
    let question = format!("Delete what was counted of edits, {}? [y/N] ", path.display());
    // With `--json` a program has called, and there is nobody to be asked.
    match (!json).then(|| output::confirmed(&question)).flatten() {
        Some(true) => Ok(()),
        Some(false) => Err(ErrorInfo::new(ErrorCode::Cancelled, "nothing was deleted")),
        None => Err(ErrorInfo::new(ErrorCode::Usage, "nothing was deleted")
            .with_cause("there is no terminal to ask in")
            .with_hint("`--yes` deletes it without a question")),
    }
}

#[cfg(test)]
mod tests {
    use localcoder_protocol::EvalShare;

    use super::*;

    fn counts(shown: u64, kept: u64, undecided: u64) -> EditCounts {
        EditCounts { shown, kept, undecided, ..EditCounts::default() }
    }

    #[test]
    fn a_table_has_every_count_and_what_tasks_say_beside_it() {
        let share = |what: &str, tasks, right_of_shown| EvalShare {
            what: what.to_owned(),
            tasks,
            right_of_shown,
        };
        let shares = vec![share("instructed", 50, 0.604), share("planted flaws", 30, 0.7)];
        let one = row("qwen2.5-coder-1.5b".to_owned(), counts(10, 6, 2), shares);
        let all = row("all".to_owned(), counts(10, 6, 2), Vec::new());
        assert_eq!((one.kept_of_shown, one.kept_of_decided), (Some(0.6), Some(0.75)));
        let lines = table("model", &[&one, &all]);
        assert!(
            lines[0].starts_with("model") && lines[0].ends_with("of decided  eval"),
            "{lines:?}"
        );
        assert!(lines[1].contains("60 %  ") && lines[1].contains("75 %"), "{lines:?}");
        assert!(lines[1].ends_with("60 % (50 instructed), 70 % (30 planted flaws)"), "{lines:?}");
        let plain = table("model", &[&all]);
        assert!(!plain[0].contains("eval"), "{plain:?}");
        // The numbers are below their headings.
        assert_eq!(plain[0].len(), plain[1].len(), "{plain:#?}");
    }

    #[test]
    fn where_nothing_was_shown_there_is_no_share() {
        let none = row("all".to_owned(), counts(0, 0, 0), Vec::new());
        assert_eq!((none.kept_of_shown, none.kept_of_decided), (None, None));
        assert_eq!(cells(&none)[8], "-");
        let undecided = row("all".to_owned(), counts(2, 0, 2), Vec::new());
        assert_eq!((undecided.kept_of_shown, undecided.kept_of_decided), (Some(0.0), None));
    }
}
