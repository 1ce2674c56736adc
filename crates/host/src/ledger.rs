//! The ledger: which edits were shown and what became of them, as lines of text. Pure: the shell
//! writes the file ([`crate::shell::LedgerFile`]), `localcoder stats` reads it.
//!
//! A line is an edit that was shown, a decision about one, or the sums of a month. Lines contain
//! only names from our own tables, numbers, and names of models, never the user's text.

use std::collections::{BTreeMap, HashMap};

use localcoder_protocol::{Decision, EditCounts, EditId, is_edit_id};
use serde::{Deserialize, Serialize};

const EDITS_MAX: usize = 1_000;
/// Rows of months that are kept. A user of every command in five languages has about twenty a
/// month.
const MONTHS_MAX: usize = 1_000;
const NAME_CHARS_MAX: usize = 60;

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct About {
    pub command: String,
    pub instructed: bool,
    pub model: String,
    /// The digest of the model; `None` if it is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
    pub prompt: String,
    pub language: String,
    /// The active profile; `own` for one that the user defined.
    pub profile: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shown {
    pub edit_id: EditId,
    pub about: About,
    pub attempts: u32,
    pub unsure: bool,
}

#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Line {
    Shown {
        shown: EditId,
        day: String,
        #[serde(flatten)]
        about: About,
        attempts: u32,
        unsure: bool,
    },
    Decided {
        decided: EditId,
        decision: Decision,
    },
    Month {
        month: String,
        #[serde(flatten)]
        about: About,
        #[serde(flatten)]
        counts: EditCounts,
    },
}

impl Line {
    fn text(&self) -> String {
        serde_json::to_string(self).expect("strings and numbers serialize")
    }
}

#[must_use]
pub fn shown_line(shown: &Shown, day: String) -> String {
    let Shown { edit_id, about, attempts, unsure } = shown.clone();
    Line::Shown { shown: edit_id, day, about, attempts, unsure }.text()
}

#[must_use]
pub fn decided_line(edit_id: &str, decision: Decision) -> String {
    Line::Decided { decided: edit_id.to_owned(), decision }.text()
}

/// The name for a model that no catalog knows: the one in its file, which may be any text, so that
/// only characters that are usual in names are taken. Never the name of the file, which the user
/// chose.
#[must_use]
pub fn model_name(of_header: Option<&str>) -> String {
    let is_of_names = |letter: &char| letter.is_ascii_alphanumeric() || " .-_".contains(*letter);
    let name: String = of_header.unwrap_or_default().chars().filter(is_of_names).collect();
    let name: String = name.trim().chars().take(NAME_CHARS_MAX).collect();
    if name.is_empty() { "a file of your own".to_owned() } else { name }
}

#[derive(Debug)]
struct Edit {
    shown: Shown,
    day: String,
    decision: Option<Decision>,
}

impl Edit {
    fn month(&self) -> String {
        // The form is ours, so the month is its beginning.
        self.day.chars().take("2026-01".len()).collect()
    }

    fn counts(&self) -> EditCounts {
        let mut counts = EditCounts {
            shown: 1,
            unsure: u64::from(self.shown.unsure),
            attempts: u64::from(self.shown.attempts),
            ..EditCounts::default()
        };
        let count = match self.decision {
            Some(Decision::Kept) => &mut counts.kept,
            Some(Decision::KeptInPart { .. }) => &mut counts.kept_in_part,
            Some(Decision::Dropped) => &mut counts.dropped,
            Some(Decision::Undone) => &mut counts.undone,
            Some(Decision::Retried) => &mut counts.retried,
            Some(Decision::FollowedUp) => &mut counts.followed_up,
            None => &mut counts.undecided,
        };
        *count = 1;
        counts.unsure_kept = counts.unsure * (counts.kept + counts.kept_in_part);
        counts
    }
}

/// The state of an edit after another decision. Keeping an edit or taking it back always counts;
/// asking again says more than closing what was shown, which goes along with it.
fn decided(before: Option<Decision>, next: Decision) -> Decision {
    use Decision::{Dropped, FollowedUp, Kept, KeptInPart, Retried, Undone};
    match (before, next) {
        (None, next)
        | (_, next @ (Kept | KeptInPart { .. } | Undone))
        | (Some(Dropped | Retried | FollowedUp), next @ (Retried | FollowedUp)) => next,
        (Some(before), _) => before,
    }
}

#[derive(Debug, Default)]
pub struct Ledger {
    months: BTreeMap<(String, About), EditCounts>,
    /// In the order in which the edits were shown.
    edits: Vec<Edit>,
    unread_lines: u64,
}

impl Ledger {
    /// Reads a ledger's text; lines that can't be read are counted and skipped, since one of them
    /// (cut off by a crash, or of a later version) must not cost the others.
    #[must_use]
    pub fn read(text: &str) -> Self {
        let mut ledger = Self::default();
        let mut places: HashMap<EditId, usize> = HashMap::new();
        for line in text.lines().filter(|line| !line.trim().is_empty()) {
            match serde_json::from_str(line) {
                Ok(Line::Shown { shown: edit_id, day, about, attempts, unsure }) => {
                    if places.contains_key(&edit_id) {
                        continue;
                    }
                    places.insert(edit_id.clone(), ledger.edits.len());
                    let shown = Shown { edit_id, about, attempts, unsure };
                    ledger.edits.push(Edit { shown, day, decision: None });
                }
                Ok(Line::Decided { decided: edit_id, decision }) => {
                    // An id without an edit belongs to one that was shown while counting was turned
                    // off.
                    if let Some(place) = places.get(&edit_id).filter(|_| is_edit_id(&edit_id)) {
                        let edit = &mut ledger.edits[*place];
                        edit.decision = Some(decided(edit.decision, decision));
                    }
                }
                Ok(Line::Month { month, about, counts }) => {
                    let sums = ledger.months.entry((month, about)).or_default();
                    *sums = sum(*sums, counts);
                }
                Err(_) => ledger.unread_lines += 1,
            }
        }
        ledger
    }

    /// What was counted; the same [`About`] may occur several times, once for each month and once
    /// for each edit that is still kept by itself.
    pub fn counts(&self) -> impl Iterator<Item = (&About, EditCounts)> {
        let of_months = self.months.iter().map(|((_, about), counts)| (about, *counts));
        of_months.chain(self.edits.iter().map(|edit| (&edit.shown.about, edit.counts())))
    }

    #[must_use]
    pub fn since(&self) -> Option<&str> {
        let month = self.months.keys().next().map(|(month, _)| month.as_str());
        month.or_else(|| self.edits.iter().map(|edit| edit.day.as_str()).min())
    }

    #[must_use]
    pub fn unread_lines(&self) -> u64 {
        self.unread_lines
    }

    /// The ledger in less space: the newest edits as they are, sums by month for the others, and of
    /// these sums the newest.
    #[must_use]
    pub fn folded(mut self) -> String {
        let old = self.edits.len().saturating_sub(EDITS_MAX);
        for edit in self.edits.drain(..old) {
            let counts = edit.counts();
            let key = (edit.month(), edit.shown.about);
            let sums = self.months.entry(key).or_default();
            *sums = sum(*sums, counts);
        }
        // The map is ordered by month, so the first are the oldest.
        let dropped = self.months.len().saturating_sub(MONTHS_MAX);
        let months = self.months.into_iter().skip(dropped);
        let months = months.map(|((month, about), counts)| Line::Month { month, about, counts });
        let mut lines: Vec<String> = months.map(|line| line.text()).collect();
        for Edit { shown, day, decision } in &self.edits {
            lines.push(shown_line(shown, day.clone()));
            // One line for what may have been many decisions: only what came of them is kept.
            lines.extend(decision.map(|decision| decided_line(&shown.edit_id, decision)));
        }
        lines.iter().map(|line| format!("{line}\n")).collect()
    }
}

/// Adds two counts, up to the largest number.
#[must_use]
pub fn sum(one: EditCounts, other: EditCounts) -> EditCounts {
    // A file that was edited by hand may contain any numbers, so the sum must not overflow.
    let add = u64::saturating_add;
    EditCounts {
        shown: add(one.shown, other.shown),
        kept: add(one.kept, other.kept),
        kept_in_part: add(one.kept_in_part, other.kept_in_part),
        dropped: add(one.dropped, other.dropped),
        undone: add(one.undone, other.undone),
        retried: add(one.retried, other.retried),
        followed_up: add(one.followed_up, other.followed_up),
        undecided: add(one.undecided, other.undecided),
        unsure: add(one.unsure, other.unsure),
        unsure_kept: add(one.unsure_kept, other.unsure_kept),
        attempts: add(one.attempts, other.attempts),
    }
}

/// The day of a time, such as `2026-01-31`, in UTC, so that it does not reveal the time zone.
#[must_use]
pub fn day_of(unix_s: u64) -> String {
    // Years begin in March, so that a leap day is the last of its year; 400 of them are an era.
    let days = unix_s / 86_400 + 719_468;
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = era * 400 + year_of_era + u64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn about(model: &str) -> About {
        About {
            command: "improve".to_owned(),
            instructed: false,
            model: model.to_owned(),
            sha256: None,
            prompt: "instruct/2".to_owned(),
            language: "python".to_owned(),
            profile: "balanced".to_owned(),
        }
    }

    fn shown(number: usize) -> Shown {
        Shown { edit_id: format!("{number:016x}"), about: about("a"), attempts: 2, unsure: true }
    }

    fn all(ledger: &Ledger) -> EditCounts {
        ledger.counts().fold(EditCounts::default(), |all, (_, counts)| sum(all, counts))
    }

    fn after(decisions: &[Decision]) -> EditCounts {
        let mut text = shown_line(&shown(1), "2026-01-31".to_owned());
        for decision in decisions {
            text += &format!("\n{}", decided_line(&shown(1).edit_id, *decision));
        }
        all(&Ledger::read(&text))
    }

    #[test]
    fn an_edit_is_in_one_count_and_the_one_that_says_most() {
        use Decision::{Dropped, FollowedUp, Kept, KeptInPart, Retried, Undone};
        let part = KeptInPart { hunks_kept: 1, hunks_shown: 3 };
        type Count = fn(&EditCounts) -> u64;
        let cases: &[(&[Decision], Count)] = &[
            (&[], |counts| counts.undecided),
            (&[Kept], |counts| counts.kept),
            (&[part], |counts| counts.kept_in_part),
            (&[part, Kept], |counts| counts.kept),
            (&[Dropped, Kept], |counts| counts.kept),
            (&[Kept, Dropped], |counts| counts.kept),
            (&[Kept, FollowedUp], |counts| counts.kept),
            (&[Kept, Undone], |counts| counts.undone),
            (&[Kept, Undone, Kept], |counts| counts.kept),
            (&[Kept, Undone, Retried], |counts| counts.undone),
            (&[Retried, Dropped], |counts| counts.retried),
            (&[Dropped, Retried], |counts| counts.retried),
            (&[FollowedUp, Dropped], |counts| counts.followed_up),
            (&[Retried, Kept], |counts| counts.kept),
            (&[Dropped, Dropped], |counts| counts.dropped),
        ];
        for (decisions, count) in cases {
            let counts = after(decisions);
            assert_eq!((counts.shown, count(&counts)), (1, 1), "{decisions:?}: {counts:?}");
            let EditCounts { kept, kept_in_part, dropped, undone, .. } = counts;
            let sum = kept + kept_in_part + dropped + undone;
            assert_eq!(sum + counts.retried + counts.followed_up + counts.undecided, 1);
            assert_eq!((counts.unsure, counts.unsure_kept), (1, kept + kept_in_part));
            assert_eq!(counts.attempts, 2);
        }
    }

    #[test]
    fn broken_lines_and_decisions_about_nothing_are_passed_over() {
        let good = shown_line(&shown(1), "2026-01-31".to_owned());
        let decided = decided_line(&shown(1).edit_id, Decision::Kept);
        let stray = decided_line(&shown(2).edit_id, Decision::Kept);
        let cut = &good[..good.len() / 2];
        let odd = decided.replace("kept", "loved");
        let text =
            format!("{cut}\n{good}\n\nnonsense\n[]\n{good}\n{stray}\n{odd}\n{decided}\n\u{fffd}");
        let ledger = Ledger::read(&text);
        let counts = all(&ledger);
        assert_eq!((counts.shown, counts.kept, ledger.unread_lines()), (1, 1, 5));
    }

    #[test]
    fn what_is_folded_says_the_same_and_is_bounded_however_much_there_was() {
        let mut text = String::new();
        for number in 0..3_000 {
            let day = format!("2026-{:02}-15", number / 300 + 1);
            text += &format!("{}\n", shown_line(&shown(number), day));
            let decision = if number % 3 == 0 { Decision::Kept } else { Decision::Dropped };
            text += &format!("{}\n", decided_line(&shown(number).edit_id, decision));
        }
        let before = Ledger::read(&text);
        let (counts, since) = (all(&before), before.since().map(str::to_owned));
        assert_eq!((counts.shown, counts.kept), (3_000, 1_000));
        let folded = before.folded();
        assert!(folded.len() < text.len() / 2);
        let after = Ledger::read(&folded);
        assert_eq!((all(&after), after.unread_lines()), (counts, 0));
        assert_eq!((since.as_deref(), after.since()), (Some("2026-01-15"), Some("2026-01")));
        // A decision that comes later still finds its edit.
        let late = format!("{folded}{}\n", decided_line(&shown(2_999).edit_id, Decision::Undone));
        assert_eq!(all(&Ledger::read(&late)).undone, 1);
        assert_eq!(Ledger::read(&folded).folded(), folded, "nothing is left to fold");
    }

    #[test]
    fn months_without_an_end_are_not_kept_without_an_end() {
        let row = |number: usize| {
            let month = format!("{:04}-01", number / 10);
            let about = about(&format!("m{number:05}"));
            let counts = EditCounts { shown: 1, ..EditCounts::default() };
            Line::Month { month, about, counts }.text() + "\n"
        };
        let text: String = (0..MONTHS_MAX + 500).map(row).collect();
        let folded = Ledger::read(&text).folded();
        let after = Ledger::read(&folded);
        assert_eq!(after.counts().count(), MONTHS_MAX);
        assert_eq!(after.since(), Some("0050-01"), "the oldest have gone");
    }

    #[test]
    fn of_a_models_own_name_nothing_is_taken_but_what_names_are_made_of() {
        assert_eq!(model_name(Some("Qwen2.5-Coder 7B")), "Qwen2.5-Coder 7B");
        assert_eq!(model_name(Some("/home/ada/\u{1b}[2Jx")), "homeada2Jx");
        assert_eq!(model_name(Some("é/")), "a file of your own");
        assert_eq!(model_name(None), "a file of your own");
        assert_eq!(model_name(Some(&"x".repeat(500))).len(), NAME_CHARS_MAX);
    }

    #[test]
    fn days_are_those_of_the_calendar() {
        for (unix_s, day) in [
            (0, "1970-01-01"),
            (951_782_399, "2000-02-28"),
            (951_782_400, "2000-02-29"),
            (951_868_800, "2000-03-01"),
            (1_798_761_599, "2026-12-31"),
            (4_107_542_400, "2100-03-01"),
        ] {
            assert_eq!(day_of(unix_s), day);
        }
    }
}
