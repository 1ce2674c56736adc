//! The outcome of each task, as a line of a file that another run can continue, and as a table.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use localcoder_protocol::EvalRow;
use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Verdict {
    /// It was shown and is right. Of code that was to be left alone, also where it was left alone:
    /// nothing was shown then, and that is right.
    Right,
    Wrong,
    Unchanged,
    Refused,
}

/// The outcome of a task: one line of JSON in the file of `--out`. Fields that were added later
/// have a default, so that `localcoder stats --eval` can read files of earlier builds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Outcome {
    pub task: String,
    pub kind: String,
    pub language: String,
    /// The model, the build, and how it was asked: outcomes with others are not comparable, and are
    /// not continued.
    pub asked: String,
    pub verdict: Verdict,
    pub done: bool,
    /// Whether the program passes its tests, changed or not; for a next edit, whether its text is
    /// right.
    pub passes: bool,
    pub warned: bool,
    /// Shown as one that may well be wrong; for a hole, one that would not be shown unasked.
    #[serde(default)]
    pub unsure: bool,
    pub attempts: u32,
    pub tokens: u32,
    pub seconds: f64,
    /// How many of these the model took, for reading the prompt and writing; 0 in lines of builds
    /// that did not record it.
    #[serde(default)]
    pub model_seconds: f64,
    /// For a hole or a next edit: tokens of the prompt that were not in the model's cache.
    #[serde(default)]
    pub uncached_tokens: u32,
    /// For a hole or a next edit: how sure the model was, as the mean log-probability of its
    /// tokens.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mean_log_probability: Option<f32>,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub why: String,
    /// What replaced the selection, so that a reader of the file can see why it was judged so;
    /// `None` if nothing was changed or shown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer: Option<String>,
}

impl Outcome {
    /// The outcome of a task before there is an answer. It is [`Verdict::Refused`] with no attempt,
    /// which is what it stays if the request ends with an error.
    #[must_use]
    pub fn unanswered(task: &str, kind: &str, language: &str, asked: &str) -> Self {
        Self {
            task: task.to_owned(),
            kind: kind.to_owned(),
            language: language.to_owned(),
            asked: asked.to_owned(),
            verdict: Verdict::Refused,
            done: false,
            passes: false,
            warned: false,
            unsure: false,
            attempts: 0,
            tokens: 0,
            seconds: 0.0,
            model_seconds: 0.0,
            uncached_tokens: 0,
            mean_log_probability: None,
            why: String::new(),
            answer: None,
        }
    }
}

fn add(row: &mut EvalRow, outcome: &Outcome) {
    row.tasks += 1;
    row.done += u32::from(outcome.done);
    row.passes += u32::from(outcome.passes);
    let count = match outcome.verdict {
        Verdict::Right => &mut row.right,
        Verdict::Wrong => &mut row.wrong,
        Verdict::Unchanged => &mut row.unchanged,
        Verdict::Refused => &mut row.refused,
    };
    *count += 1;
    row.tokens += u64::from(outcome.tokens);
    row.seconds += outcome.seconds;
    // Doubts are counted among what would have been shown: there they are a warning.
    let shown = matches!(outcome.verdict, Verdict::Right | Verdict::Wrong);
    row.unsure += u32::from(shown && outcome.unsure);
    row.unsure_right += u32::from(outcome.verdict == Verdict::Right && outcome.unsure);
    // A second attempt has a prompt and checks of its own, so only answers of one say what the
    // product adds to the model's time.
    if outcome.attempts == 1 && outcome.model_seconds > 0.0 {
        row.once_seconds += outcome.seconds;
        row.once_model_seconds += outcome.model_seconds;
    }
}

fn line(row: &EvalRow) -> String {
    let share = |count: u32| format!("{:.0} %", percent(count, row.tasks));
    let each = |sum: f64| sum / f64::from(row.tasks.max(1));
    #[expect(clippy::cast_precision_loss, reason = "tokens of a run are some thousands")]
    let tokens = each(row.tokens as f64);
    format!(
        "| {} | {} | {} | {} | {} | {} | {} | {} | {:.0} % | {} | {:.0} % | {tokens:.0} | {:.1} |",
        row.name,
        row.tasks,
        share(row.right),
        share(row.done),
        share(row.passes),
        share(row.unchanged),
        share(row.wrong),
        share(row.refused),
        percent(row.right, row.right + row.wrong),
        share(row.unsure),
        percent(row.right - row.unsure_right, row.right + row.wrong - row.unsure),
        each(row.seconds)
    )
}

#[must_use]
pub fn percent(part: u32, all: u32) -> f64 {
    if all == 0 { 0.0 } else { 100.0 * f64::from(part) / f64::from(all) }
}

/// Outcomes by kind and language, then those of tasks with an instruction, then all: [`table`]
/// takes the last row for the sum.
#[must_use]
pub fn rows<'a>(outcomes: impl IntoIterator<Item = &'a Outcome>) -> Vec<EvalRow> {
    let mut by_kind: BTreeMap<&str, EvalRow> = BTreeMap::new();
    let mut by_language: BTreeMap<&str, EvalRow> = BTreeMap::new();
    let (mut instructed, mut all) = (EvalRow::default(), EvalRow::default());
    for outcome in outcomes {
        add(by_kind.entry(&outcome.kind).or_default(), outcome);
        add(by_language.entry(&outcome.language).or_default(), outcome);
        // The sort of a flaw is behind a colon.
        if outcome.kind != "keep" && !outcome.kind.starts_with("flaw") {
            add(&mut instructed, outcome);
        }
        add(&mut all, outcome);
    }
    let named = by_kind.into_iter().chain(by_language);
    let named = named.chain([("instructed", instructed), ("all", all)]);
    named.map(|(name, row)| EvalRow { name: name.to_owned(), ..row }).collect()
}

#[must_use]
pub fn table(rows: &[EvalRow]) -> String {
    let mut table = String::from(
        "| | tasks | right | done as asked | tests pass | unchanged | wrong shown | refused | \
         right of shown | not sure | right of sure | tokens each | s each |\n\
         |---|---|---|---|---|---|---|---|---|---|---|---|---|\n",
    );
    for row in rows {
        let _ = writeln!(table, "{}", line(row));
    }
    if let Some(all) = rows.last().filter(|all| all.once_model_seconds > 0.0) {
        let percent = 100.0 * (all.once_seconds / all.once_model_seconds - 1.0);
        let _ =
            writeln!(table, "\nAnswers of one attempt took {percent:.1} % longer than the model.");
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(kind: &str, verdict: Verdict) -> Outcome {
        Outcome {
            task: "a".to_owned(),
            kind: kind.to_owned(),
            language: "go".to_owned(),
            asked: String::new(),
            verdict,
            done: verdict == Verdict::Right,
            passes: verdict != Verdict::Wrong,
            warned: false,
            unsure: false,
            model_seconds: 0.0,
            attempts: 1,
            tokens: 10,
            uncached_tokens: 0,
            mean_log_probability: None,
            seconds: 2.0,
            why: String::new(),
            answer: None,
        }
    }

    #[test]
    fn a_report_counts_by_kind_and_language_and_what_is_right_of_what_was_shown() {
        let outcomes = [
            outcome("fix", Verdict::Right),
            Outcome { unsure: true, ..outcome("fix", Verdict::Wrong) },
            outcome("fix", Verdict::Unchanged),
            outcome("fix", Verdict::Refused),
            outcome("keep", Verdict::Right),
        ];
        let rows = rows(&outcomes);
        let names: Vec<&str> = rows.iter().map(|row| row.name.as_str()).collect();
        assert_eq!(names, ["fix", "keep", "go", "instructed", "all"]);
        assert_eq!((rows[0].tasks, rows[3].tasks, rows[4].tasks), (4, 4, 5));
        let table = table(&rows);
        let expected = "| fix | 4 | 25 % | 25 % | 75 % | 25 % | 25 % | 25 % | 50 % | 25 % | 100 % | 10 | 2.0 |";
        assert!(table.contains(expected), "{table}");
        assert!(table.contains("| go | 5 |") && table.contains("| all | 5 |"), "{table}");
    }

    #[test]
    fn an_outcome_is_a_line_that_is_read_again() {
        let outcome = outcome("fix", Verdict::Right);
        let line = serde_json::to_string(&outcome).unwrap();
        assert_eq!(serde_json::from_str::<Outcome>(&line).unwrap(), outcome);
    }
}
