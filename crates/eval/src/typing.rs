//! A hole that is typed key by key, by a typist who knows what belongs there: what is suggested at
//! each pause, and how much of it the typist takes: all of it, the first line, the first words, or
//! nothing.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use localcoder_protocol::{
    DocumentText, EvalSilence, EvalTyping, GhostText, Position, RecentEdit, Silence,
};
use serde::{Deserialize, Serialize};

use crate::infilling::{self, Hole};
use crate::report::percent;
use crate::run::{Ran, Runner};

const BLANKS: [char; 2] = [' ', '\t'];

/// How much of a suggestion is taken. A suggestion that is not right as a whole is still worth what
/// of it need not be typed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Taken {
    /// All of it: it is what was to be written, or the program passes its tests with it.
    Whole,
    Line,
    /// Its first words, up to where it first differs from what was to be written.
    Words,
    Nothing,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Pause {
    /// Bytes of the hole that were written by then, without the indentation that the editor sets.
    pub at: usize,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// How much of it was taken; absent if the suggestion was there at the pause before, where it
    /// was judged already: it counts once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub taken: Option<Taken>,
    /// How much would have been taken of a suggestion that was withheld because the model was too
    /// unsure.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub withheld: Option<Taken>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub silence: Option<Silence>,
    /// Whether the answer came from a suggestion that the host had kept, and nothing was computed.
    pub kept: bool,
    /// Whether it was made for another text and is shown nevertheless, which is a fault of the
    /// product.
    #[serde(default)]
    pub stale: bool,
    /// Whether it repeats the line after the cursor; a fault too.
    #[serde(default)]
    pub repeats: bool,
    pub ms: f64,
    /// Tokens of the prompt that were not in the model's cache.
    pub uncached_tokens: u32,
    /// How sure the model was, as the mean log-probability of its tokens.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mean_log_probability: Option<f32>,
}

/// A hole that was typed: a line of the file of `--out`. Lines of other kinds in the same file are
/// skipped, and these are by runs without `--typed`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TypedHole {
    pub task: String,
    /// The model, the build, and how it was asked: lines with others are not continued.
    pub asked: String,
    /// What was to be written in all, in bytes of UTF-8.
    pub characters: u32,
    /// How much of it came with suggestions.
    pub taken_characters: u32,
    pub pauses: Vec<Pause>,
}

/// A hole that is being typed. The typist knows the text that was taken out, writes it and nothing
/// else: whatever is taken of suggestions, the document is a beginning of the right one at every
/// key. The one exception ends it: a text with which the program passes, too.
#[derive(Debug, Clone)]
pub struct Typist<'a> {
    hole: &'a Hole,
    /// The document up to the cursor when the typist begins: an editor indents a new line by
    /// itself.
    start: String,
    right: &'a str,
    written: String,
    taken: usize,
    /// The suggestions that were shown, each with the number of bytes written when it was. All of
    /// them and not only the last: the host may show one again after a few keys.
    shown: Vec<(usize, String)>,
    done: bool,
}

impl<'a> Typist<'a> {
    #[must_use]
    pub fn new(hole: &'a Hole) -> Self {
        let indent = hole.right.len() - hole.right.trim_start_matches(BLANKS).len();
        let at_line = hole.before.is_empty() || hole.before.ends_with('\n');
        let indent = if at_line { indent } else { 0 };
        let (white, right) = hole.right.split_at(indent);
        let start = format!("{}{white}", hole.before);
        Self {
            hole,
            start,
            // Blanks at the end are not typed by anyone who knows what belongs there.
            right: right.trim_end(),
            written: String::new(),
            taken: 0,
            shown: Vec::new(),
            done: false,
        }
    }

    fn before(&self) -> String {
        format!("{}{}", self.start, self.written)
    }

    fn left(&self) -> &'a str {
        self.right.get(self.written.len()..).unwrap_or_default()
    }

    #[must_use]
    pub fn is_done(&self) -> bool {
        self.done || self.left().is_empty()
    }

    /// Whether a typist pauses to look at what there is: at the beginning, and before each word.
    #[must_use]
    pub fn is_pause(&self) -> bool {
        let is_word = |c: char| c.is_alphanumeric() || c == '_';
        let begins = self.left().chars().next().is_some_and(is_word);
        let last = self.written.chars().next_back();
        last.is_none() || (begins && !last.is_some_and(is_word))
    }

    #[must_use]
    pub fn at(&self) -> usize {
        self.written.len()
    }

    #[must_use]
    pub fn document(&self) -> DocumentText {
        infilling::document(&self.before(), &self.hole.after)
    }

    #[must_use]
    pub fn position(&self) -> Position {
        infilling::position(&self.before())
    }

    /// What was changed so far, as an editor reports it: one stretch of lines; nothing before the
    /// first key.
    #[must_use]
    pub fn edits(&self) -> Vec<RecentEdit> {
        // Compared with the document as the typist has found it: its indentation is not an edit of
        // theirs.
        let opened = format!("{}{}", self.start, self.hole.after);
        let DocumentText { path, text, .. } = self.document();
        let (before, after) = difference(&opened, &text);
        let is_nothing = before.is_empty() && after.is_empty();
        if is_nothing { Vec::new() } else { vec![RecentEdit { path, before, after, line: None }] }
    }

    /// Types the next key of what belongs there; the indentation of a new line comes with it, as in
    /// an editor. Does nothing once the hole is filled.
    pub fn key(&mut self) {
        let left = self.left();
        let Some(first) = left.chars().next() else { return };
        let mut end = first.len_utf8();
        if first == '\n' {
            end = left.len() - left[1..].trim_start_matches(BLANKS).len();
        }
        self.written.push_str(&left[..end]);
    }

    /// Whether a suggestion is the rest of one that was there at a pause before, or that very one
    /// where nothing was typed since.
    #[must_use]
    pub fn stays(&self, suggestion: &GhostText) -> bool {
        self.shown.iter().any(|(at, text)| {
            let typed = self.written.get(*at..).filter(|typed| !typed.is_empty());
            let rest = typed.and_then(|typed| text.strip_prefix(typed));
            *at == self.written.len() && *text == suggestion.text
                || rest.is_some_and(|rest| rest == suggestion.text)
        })
    }

    /// Whether a suggestion that took no computing now neither continues one that was shown nor
    /// follows one that was taken: then it is for another text. Means nothing for one that was
    /// computed for this text.
    #[must_use]
    pub fn is_stale(&self, suggestion: &GhostText) -> bool {
        // What comes after a suggestion that was typed or taken in full may have been computed
        // ahead.
        let follows = |(at, text): &(usize, String)| {
            self.written.get(*at..).is_some_and(|typed| typed.starts_with(text))
        };
        !self.stays(suggestion) && !self.shown.iter().any(follows)
    }

    /// Whether the last line of a suggestion already follows the cursor, as where a model does not
    /// stop at the end of the hole. Blank lines in between don't count.
    #[must_use]
    pub fn repeats(&self, suggestion: &GhostText) -> bool {
        // The first line of what follows is the rest of the cursor's own line.
        let next = self.hole.after.split('\n').skip(1).find(|line| !line.trim().is_empty());
        let last = suggestion.text.lines().next_back().unwrap_or_default();
        let before = self.before();
        let line = match suggestion.text.contains('\n') {
            true => last.to_owned(),
            false => format!("{}{last}", before.rsplit('\n').next().unwrap_or_default()),
        };
        next.is_some_and(|next| next.trim_end() == line.trim_end() && !line.trim().is_empty())
            // What was taken out may be equal to what follows it.
            && !self.left().trim_end().ends_with(last.trim())
    }

    /// Takes as much of a suggestion as is right, and writes it. The program is run unless the
    /// suggestion is literally what was to be written, which takes as long as its tests.
    pub fn take(&mut self, runner: &Runner, suggestion: &GhostText) -> Taken {
        // Whatever is taken of it, it was shown, and may stay on the screen.
        self.shown.push((self.written.len(), suggestion.text.clone()));
        let left = self.left();
        let text = suggestion.text.trim_end();
        let (mine, theirs) = (first_line(left), first_line(text));
        // What ends within a line is the whole of it only if that line ends there.
        let ends = |rest: &str| rest.is_empty() || rest.starts_with('\n');
        // From the most to the least. What replaces text behind the cursor can't be compared with
        // what is left to write; only the tests can tell about it.
        let (taken, bytes) = if suggestion.replaces > 0 {
            (Taken::Nothing, 0)
        } else if left.strip_prefix(text).is_some_and(ends) {
            (Taken::Whole, text.len())
        } else if theirs == mine {
            (Taken::Line, theirs.len())
        } else {
            match same_words(left, text) {
                0 => (Taken::Nothing, 0),
                bytes => (Taken::Words, bytes),
            }
        };
        // The tests go before the comparison by words, but not before the literal one, which is
        // free.
        let ran = || self.hole.judge_behind(runner, &self.before(), suggestion);
        if taken != Taken::Whole && ran() == Ran::Passed {
            // The program is right but is another text, so there is nothing left to type.
            self.taken += left.len();
            self.done = true;
            return Taken::Whole;
        }
        self.taken += bytes;
        self.written.push_str(&left[..bytes]);
        taken
    }

    #[must_use]
    pub fn ended(self, asked: &str, pauses: Vec<Pause>) -> TypedHole {
        let number = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
        TypedHole {
            task: self.hole.id.clone(),
            asked: asked.to_owned(),
            characters: number(self.right.len()),
            taken_characters: number(self.taken),
            pauses,
        }
    }
}

fn first_line(text: &str) -> &str {
    text.split('\n').next().unwrap_or_default().trim_end()
}

/// How many bytes two texts have in common at their beginning, in whole words. 0 if that is
/// punctuation and blanks alone: nobody takes a suggestion for these.
fn same_words(one: &str, other: &str) -> usize {
    let same = one.char_indices().zip(other.chars()).take_while(|((_, a), b)| a == b);
    let end = same.last().map_or(0, |((at, c), _)| at + c.len_utf8());
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    let begins = |text: &str| text[end..].chars().next().is_some_and(is_word);
    // Where either continues the word, what they have in common of it is not a word.
    let cut = begins(one) || begins(other);
    let common = if cut { one[..end].trim_end_matches(is_word) } else { &one[..end] };
    if common.contains(is_word) { common.len() } else { 0 }
}

fn difference(one: &str, other: &str) -> (String, String) {
    let (before, after): (Vec<&str>, Vec<&str>) =
        (one.split('\n').collect(), other.split('\n').collect());
    let start = before.iter().zip(&after).take_while(|(a, b)| a == b).count();
    let most = before.len().min(after.len()) - start;
    let ends = before.iter().rev().zip(after.iter().rev());
    let end = ends.take(most).take_while(|(a, b)| a == b).count();
    let of = |lines: &[&str]| lines[start..lines.len() - end].join("\n");
    (of(&before), of(&after))
}

/// The results of all holes together, as counts and medians: a few pauses at which a model was
/// loaded or the machine was busy would decide a mean.
#[must_use]
pub fn typing(holes: &[TypedHole]) -> EvalTyping {
    let mut all = EvalTyping::default();
    let mut silences: BTreeMap<Silence, u32> = BTreeMap::new();
    let (mut computed, mut kept, mut uncached) = (Vec::new(), Vec::new(), Vec::new());
    for hole in holes {
        all.holes += 1;
        all.characters += hole.characters;
        all.taken_characters += hole.taken_characters;
        for (number, pause) in hole.pauses.iter().enumerate() {
            all.pauses += 1;
            all.shown_pauses += u32::from(pause.text.is_some());
            all.stale += u32::from(pause.stale);
            all.repeats += u32::from(pause.repeats);
            if let Some(reason) = pause.silence {
                *silences.entry(reason).or_default() += 1;
            }
            if let Some(taken) = pause.withheld {
                all.withheld += 1;
                all.withheld_right += u32::from(matches!(taken, Taken::Whole | Taken::Line));
            }
            if let Some(taken) = pause.taken {
                all.suggestions += 1;
                *match taken {
                    Taken::Whole => &mut all.whole,
                    Taken::Line => &mut all.line,
                    Taken::Words => &mut all.words,
                    Taken::Nothing => &mut all.wrong,
                } += 1;
            }
            // Answers that were kept take no computing, so the two kinds have medians of their own.
            if pause.kept {
                all.kept += 1;
                kept.push(pause.ms);
            // At a hole's first pause all of the prompt is new, which says nothing of typing.
            } else if number > 0 && pause.uncached_tokens > 0 {
                uncached.push(f64::from(pause.uncached_tokens));
                if pause.text.is_some() {
                    computed.push(pause.ms);
                }
            }
        }
    }
    all.silences =
        silences.into_iter().map(|(reason, pauses)| EvalSilence { reason, pauses }).collect();
    all.computed_ms = median(computed);
    all.kept_ms = median(kept);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it was a count")]
    let tokens = median(uncached) as u32;
    EvalTyping { uncached_tokens: tokens, ..all }
}

// The upper one of the two in the middle, as no value is made up; 0 if there are none.
fn median(mut values: Vec<f64>) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}

#[must_use]
pub fn typing_text(all: &EvalTyping) -> String {
    let mut text = String::new();
    let of = |part: u32, whole: u32| format!("{part} ({:.0} %)", percent(part, whole));
    let kept = all.whole + all.line;
    let _ = writeln!(
        text,
        "{} holes were typed, with {} pauses before a word. At {} there was a suggestion.\n\
         Of {} suggestions {} were right as a whole or in their first line: {} as a whole, {} in \
         their first line.\nOf {} the first words were right, of {} nothing; {} were for another \
         text, and {} repeat the line behind them.\nOf {} more that the model was not sure enough \
         of {} were right.\nOf {} characters {} came with them.",
        all.holes,
        all.pauses,
        of(all.shown_pauses, all.pauses),
        all.suggestions,
        of(kept, all.suggestions),
        all.whole,
        all.line,
        of(all.words, all.suggestions),
        of(all.wrong, all.suggestions),
        all.stale,
        all.repeats,
        all.withheld,
        of(all.withheld_right, all.withheld),
        all.characters,
        of(all.taken_characters, all.characters),
    );
    let _ = writeln!(
        text,
        "Half of those that had to be computed were there after {:.0} ms or less, and half of the \
         pauses had {} prompt tokens or fewer to compute.\n{} were there already, half of them \
         after {:.1} ms or less.",
        all.computed_ms, all.uncached_tokens, all.kept, all.kept_ms
    );
    for EvalSilence { reason, pauses } in &all.silences {
        let _ = writeln!(text, "None at {pauses} pauses: {}", reason.text());
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hole(right: &str) -> Hole {
        infilling::sample(
            "MultiLineInfilling/HumanEval/1/L0",
            "def f(x):\n",
            "    return y\n",
            right,
        )
    }

    fn ghost(text: &str) -> GhostText {
        GhostText { text: text.to_owned(), replaces: 0 }
    }

    #[test]
    fn every_key_brings_the_document_nearer_to_what_it_was() {
        let hole = hole("    z = x\n    y = z + 1\n");
        let mut typist = Typist::new(&hole);
        assert_eq!(typist.document().text, "def f(x):\n    \n    return y\n");
        assert!(typist.edits().is_empty());
        let mut pauses = Vec::new();
        while !typist.is_done() {
            if typist.is_pause() {
                pauses.push(typist.left().to_owned());
            }
            typist.key();
        }
        assert_eq!(pauses, ["z = x\n    y = z + 1", "x\n    y = z + 1", "y = z + 1", "z + 1", "1"]);
        assert_eq!(typist.document().text, "def f(x):\n    z = x\n    y = z + 1\n    return y\n");
        assert_eq!(typist.position(), Position { line: 3, character: 13 });
        let edit = &typist.edits()[0];
        assert_eq!(edit.before, "    ");
        assert_eq!(edit.after, "    z = x\n    y = z + 1");
    }

    #[test]
    fn of_a_suggestion_is_taken_what_is_right() {
        let runner = crate::run::free();
        let hole = hole("    z = total(x)\n    y = z + 1\n");
        let after = |text: &str| {
            let mut typist = Typist::new(&hole);
            let taken = typist.take(&runner, &ghost(text));
            (taken, typist.written)
        };
        assert_eq!(after("z = total(x)"), (Taken::Whole, "z = total(x)".into()));
        assert_eq!(after("z = total(x)\n    y = 2"), (Taken::Line, "z = total(x)".into()));
        assert_eq!(after("z = totals"), (Taken::Words, "z = ".into()));
        assert_eq!(after("zero = 1"), (Taken::Nothing, String::new()));
        assert_eq!(after("= total"), (Taken::Nothing, String::new()));
    }

    #[test]
    fn another_text_counts_where_the_program_passes_with_it() {
        let runner = crate::run::free();
        if !runner.can_run(crate::language::Language::Python) {
            return;
        }
        let hole = hole("    y = x + 1\n");
        let mut typist = Typist::new(&hole);
        assert_eq!(typist.take(&runner, &ghost("y = 1 + x")), Taken::Whole);
        assert!(typist.is_done());
    }

    #[test]
    fn a_suggestion_that_stays_is_told_from_one_for_another_text() {
        let runner = crate::run::free();
        let hole = hole("    y = x + 1\n");
        let mut typist = Typist::new(&hole);
        assert!(!typist.stays(&ghost("y = z")) && typist.is_stale(&ghost("y = z")));
        typist.take(&runner, &ghost("y = z"));
        assert_eq!(typist.at(), 4, "two words of it");
        assert!(typist.stays(&ghost("z")) && !typist.is_stale(&ghost("z")));
        assert!(typist.is_stale(&ghost("zero")));
        assert!(typist.repeats(&ghost("1\n    return y")) && !typist.repeats(&ghost("1")));
    }

    #[test]
    fn a_summary_counts_each_suggestion_once() {
        let pause = |at, taken, silence: Option<Silence>, kept, ms| Pause {
            at,
            text: silence.is_none().then(|| "a".to_owned()),
            taken,
            withheld: silence.map(|_| Taken::Whole),
            silence,
            kept,
            stale: false,
            repeats: false,
            ms,
            uncached_tokens: if kept { 0 } else { 9 },
            mean_log_probability: None,
        };
        let typed = TypedHole {
            task: "a".into(),
            asked: String::new(),
            characters: 10,
            taken_characters: 4,
            pauses: vec![
                pause(0, None, Some(Silence::Unsure), false, 900.0),
                pause(2, Some(Taken::Words), None, false, 80.0),
                pause(4, None, None, true, 1.0),
                pause(6, Some(Taken::Line), None, false, 100.0),
            ],
        };
        let all = typing(&[typed]);
        assert_eq!((all.pauses, all.shown_pauses, all.suggestions), (4, 3, 2));
        assert_eq!((all.whole, all.line, all.words, all.wrong), (0, 1, 1, 0));
        assert_eq!((all.withheld, all.withheld_right), (1, 1));
        assert_eq!((all.computed_ms, all.kept_ms, all.uncached_tokens), (100.0, 1.0, 9));
        let text = typing_text(&all);
        assert!(text.contains("Of 2 suggestions 1 (50 %)") && text.contains("1 pauses"), "{text}");
    }
}
