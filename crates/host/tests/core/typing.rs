//! A user types, pauses, accepts suggestions completely or in part, deletes and moves elsewhere,
//! while a model writes what is right, what is there already, what was just changed, or anything.
//! Whatever it writes and whenever, nothing is shown that was made for another text, that repeats
//! what follows, or that takes back what was changed.

use localcoder_assist::Fill;
use localcoder_protocol::CompleteParams;
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::rig::Rig;

/// Only a few, so that lines repeat.
const LINES: [&str; 8] = [
    "total = first + second",
    "total = first",
    "return total",
    "print(total, first)",
    "if first:",
    "    second = total",
    "items.append(first)",
    "first = items[0]",
];

/// What the user does next.
#[derive(Debug, Clone)]
enum Act {
    /// The next key of the text that the user wants to write.
    Key,
    /// Several keys, faster than any suggestion is written.
    Keys(usize),
    /// The model writes this many characters, or to its end.
    Write(usize),
    End,
    /// The model is stopped before its end.
    Cut,
    Take,
    TakeWord,
    Delete,
    /// The cursor moves to the end of another line, where the user continues to write.
    Go(usize),
}

/// What the model writes.
#[derive(Debug, Clone, Copy)]
enum Script {
    Right,
    RightAndMore,
    WhatFollows,
    WhatWasThere,
    Round,
    Line(usize),
}

#[derive(Debug, Clone)]
struct Trace {
    document: Vec<usize>,
    at: usize,
    wanted: Vec<usize>,
    /// Which line was just changed, and its old text.
    changed: Option<(usize, usize)>,
    acts: Vec<Act>,
    scripts: Vec<Script>,
}

fn trace() -> impl Strategy<Value = Trace> {
    let line = || 0..LINES.len();
    let act = prop_oneof![
        6 => Just(Act::Key),
        3 => (2_usize..9).prop_map(Act::Keys),
        4 => (1_usize..20).prop_map(Act::Write),
        6 => Just(Act::End),
        1 => Just(Act::Cut),
        2 => Just(Act::Take),
        2 => Just(Act::TakeWord),
        1 => Just(Act::Delete),
        1 => (0_usize..9).prop_map(Act::Go),
    ];
    let script = prop_oneof![
        4 => Just(Script::Right),
        3 => Just(Script::RightAndMore),
        2 => Just(Script::WhatFollows),
        2 => Just(Script::WhatWasThere),
        1 => Just(Script::Round),
        2 => line().prop_map(Script::Line),
    ];
    (
        prop::collection::vec(line(), 1..7),
        0_usize..7,
        prop::collection::vec(line(), 1..4),
        prop::option::of((0_usize..7, line())),
        prop::collection::vec(act, 10..40),
        prop::collection::vec(script, 1..9),
    )
        .prop_map(|(document, at, wanted, changed, acts, scripts)| Trace {
            document,
            at,
            wanted,
            changed,
            acts,
            scripts,
        })
}

/// A text that the model was asked to continue, and what it wrote.
#[derive(Debug)]
struct Generation {
    before: String,
    after: String,
    written: String,
    cut: bool,
}

/// An editor window with one document.
struct Window {
    rig: Rig,
    before: String,
    after: String,
    left: String,
    /// The last change that was sent to the host, as lines before and after.
    changed: Option<(String, String)>,
    /// The id of the newest request.
    asked: i64,
    shown: Option<(String, usize)>,
    scripts: Vec<Script>,
    generations: Vec<Generation>,
    /// What the model is yet to write.
    script: String,
    requests: usize,
    all_shown: usize,
}

impl Window {
    fn open(trace: &Trace) -> Self {
        let mut lines: Vec<&str> = trace.document.iter().map(|line| LINES[*line]).collect();
        let at = trace.at.min(lines.len());
        let mut changed = None;
        if let Some((row, now)) = trace.changed {
            let row = row % lines.len();
            changed = Some((lines[row].to_owned(), LINES[now].to_owned()));
            lines[row] = LINES[now];
        }
        let text = |lines: &[&str]| lines.iter().map(|line| format!("    {line}\n")).collect();
        let before: String = text(&lines[..at]);
        let after: String = text(&lines[at..]);
        let wanted: Vec<String> =
            trace.wanted.iter().map(|line| format!("    {}", LINES[*line])).collect();
        let mut rig = Rig::with_settings(json!({"codeModel": "fim-a"}));
        rig.connect(1);
        rig.request(1, "warm", json!({}));
        Self {
            rig,
            before: format!("def f(items):\n{before}    "),
            after: format!("\n{after}"),
            left: wanted.join("\n").trim_start().to_owned(),
            changed,
            asked: 0,
            shown: None,
            scripts: trace.scripts.clone(),
            generations: Vec::new(),
            script: String::new(),
            requests: 0,
            all_shown: 0,
        }
    }

    fn params(&self, before: &str, after: &str) -> Value {
        let edits: Vec<Value> = self
            .changed
            .iter()
            .map(|(before, after)| json!({"path": "a.py", "before": before, "after": after}))
            .collect();
        json!({
            "requestId": format!("r{}", self.requests),
            "document": {"path": "a.py", "text": format!("{before}{after}")},
            "position": {
                "line": before.matches('\n').count() + 1,
                "character": before.rsplit('\n').next().unwrap_or("").len(),
            },
            "edits": edits,
        })
    }

    /// The text has changed, or the cursor has moved: the editor asks at once, and what was shown
    /// stays if it agrees with what was typed.
    fn moved(&mut self) {
        self.requests += 1;
        self.shown = None;
        let params = self.params(&self.before, &self.after);
        self.asked = self.rig.request(1, "complete", params);
        self.rig.end_what_was_cancelled();
        self.look();
    }

    /// Matches a generation that has just begun to its place, using its prompt.
    fn begun(&mut self) {
        let count = self.rig.calls("generate").len();
        if count == self.generations.len() {
            return;
        }
        let call = self.rig.calls("generate")[count - 1].clone();
        let parts = call["prompt"]["parts"].as_array().unwrap().clone();
        let after_token = |token: u64| {
            let at = parts.iter().position(|part| part["token"] == token).unwrap();
            parts.get(at + 1).and_then(|part| part["text"].as_str()).unwrap_or("").to_owned()
        };
        let (prefix, suffix, typed) = (after_token(1), after_token(2), after_token(3));
        assert!(suffix.len() + prefix.len() < 1_500, "all of the document is in the prompt");
        let mut before = format!("{prefix}{typed}");
        // The prompt leaves spaces at the end of a line to the model.
        if self.before.trim_end_matches(' ') == before {
            before.clone_from(&self.before);
        }
        self.script = self.scripted(&before, &suffix, call["stop"].to_string().contains("\"\\n\""));
        self.generations.push(Generation {
            before,
            after: suffix,
            written: String::new(),
            cut: false,
        });
    }

    fn scripted(&self, before: &str, after: &str, one_line: bool) -> String {
        let line = before.rsplit('\n').next().unwrap_or_default();
        let begun = line.trim_start();
        let goes_on = |wanted: &str| wanted.strip_prefix(begun).unwrap_or(wanted).to_owned();
        let blanks = if begun.is_empty() { "" } else { &line[line.trim_end().len()..] };
        let right = if before == self.before { self.left.clone() } else { goes_on(LINES[0]) };
        let text = match self.scripts[self.generations.len() % self.scripts.len()] {
            Script::Right => right.split('\n').next().unwrap_or_default().to_owned(),
            Script::RightAndMore => format!("{right}\n    total = 0\n    return items"),
            Script::WhatFollows => {
                let following = after.lines().find(|line| !line.trim().is_empty()).unwrap_or("");
                format!("{}\n{}", goes_on(following.trim()), after.trim_start_matches('\n'))
            }
            Script::WhatWasThere => {
                goes_on(self.changed.as_ref().map_or("pass", |(before, _)| before.trim()))
            }
            Script::Round => "first = total\n    ".repeat(6),
            Script::Line(number) => goes_on(LINES[number]),
        };
        let text = format!("{blanks}{text}");
        if one_line { text.split('\n').next().unwrap_or_default().to_owned() } else { text }
    }

    fn write(&mut self, most: usize) {
        self.begun();
        if !self.rig.is_writing() || self.script.is_empty() {
            return;
        }
        let end = self.script.floor_char_boundary(most.min(self.script.len()));
        let text: String = self.script.drain(..end).collect();
        if let Some(generation) = self.generations.last_mut() {
            generation.written.push_str(&text);
        }
        self.rig.write(&text);
        self.look();
    }

    fn end(&mut self, cut: bool) {
        if !cut {
            self.write(usize::MAX);
        }
        self.begun();
        if self.rig.is_writing() {
            self.generations.last_mut().unwrap().cut = cut;
            if cut { self.rig.finish_cut() } else { self.rig.finish() }
        }
        self.look();
    }

    /// The suggestion in the answer to the newest request is shown.
    fn look(&mut self) {
        self.begun();
        let Some(Ok(answer)) = self.rig.answers(self.asked).pop() else { return };
        let Some(text) = answer["suggestion"]["text"].as_str() else { return };
        let replaces = usize::try_from(answer["suggestion"]["replaces"].as_u64().unwrap()).unwrap();
        if self.shown.as_ref().is_some_and(|(shown, _)| shown == text) {
            return;
        }
        self.shown = Some((text.to_owned(), replaces));
        self.all_shown += 1;
        self.check(text, replaces);
    }

    fn check(&self, text: &str, replaces: usize) {
        let known = self.generations.iter().any(|it| self.comes_from(it, text));
        assert!(
            known,
            "`{text}` was made for another text than {:?}|{:?}: {:?}",
            self.before, self.after, self.generations
        );
        let line = self.before.rsplit('\n').next().unwrap_or_default();
        let whole = format!("{line}{text}");
        let lines: Vec<&str> = whole.split('\n').filter(|line| !line.trim().is_empty()).collect();
        let following: Vec<&str> =
            self.after.split('\n').skip(1).filter(|line| !line.trim().is_empty()).collect();
        let repeats = (1..=lines.len().min(following.len())).any(|count| {
            let own = &lines[lines.len() - count..];
            own.iter().zip(&following).all(|(a, b)| a.trim() == b.trim())
        });
        assert!(!repeats, "`{text}` repeats what follows {:?}|{:?}", self.before, self.after);
        if let Some((before, after)) = self.changed.as_ref().filter(|_| replaces == 0) {
            let first = text.lines().next().unwrap_or_default();
            let rest = self.after.split('\n').next().unwrap_or_default();
            let made = format!("{line}{first}{rest}");
            let back = made.trim() == before.trim() && made.trim() != after.trim();
            assert!(!back, "`{text}` takes back {before:?} -> {after:?}");
        }
    }

    /// Whether a suggestion is the rest of what the model wrote for that text, given that
    /// everything typed since agrees with it.
    fn comes_from(&self, it: &Generation, text: &str) -> bool {
        let Some(typed) = self.before.strip_prefix(it.before.as_str()) else { return false };
        let params: CompleteParams =
            serde_json::from_value(self.params(&it.before, &it.after)).unwrap();
        let finished = Fill::new(&params).unwrap().finish(&it.written, it.cut, None);
        let round = Fill::new(&params).unwrap().finish(&it.written, true, None);
        let fits = |whole: &str| whole.strip_prefix(typed).is_some_and(|rest| rest == text);
        self.after == it.after
            && (finished.is_ok_and(|it| fits(&it.text)) || round.is_ok_and(|it| fits(&it.text)))
    }

    /// Inserts text as if it had been typed.
    fn put(&mut self, text: &str) {
        self.before.push_str(text);
        self.left = match self.left.strip_prefix(text) {
            Some(left) => left.to_owned(),
            None => self.left.split_once('\n').map_or("", |(_, rest)| rest).to_owned(),
        };
        self.moved();
    }

    fn act(&mut self, act: &Act) {
        match act {
            Act::Key => self.key(),
            Act::Keys(count) => (0..*count).for_each(|_| self.key()),
            Act::Write(count) => self.write(*count),
            Act::End => self.end(false),
            Act::Cut => self.end(true),
            Act::Take => {
                if let Some((text, _)) = self.shown.take() {
                    self.put(&text);
                }
            }
            Act::TakeWord => {
                let Some((text, _)) = self.shown.take() else { return };
                let begins = text.find(|c: char| !c.is_whitespace()).unwrap_or(0);
                let ends = text[begins..].find(' ').map_or(text.len(), |at| begins + at);
                self.put(&text[..ends]);
            }
            Act::Delete => {
                if self.before.ends_with(|c: char| c.is_alphanumeric()) {
                    let last = self.before.pop().unwrap();
                    self.left.insert(0, last);
                    self.moved();
                }
            }
            Act::Go(row) => {
                let text = format!("{}{}", self.before, self.after);
                let row = 1 + row % text.matches('\n').count();
                let at: usize = text.split_inclusive('\n').take(row).map(str::len).sum();
                (self.before, self.after) = (text[..at - 1].to_owned(), text[at - 1..].to_owned());
                self.left = format!(" + {}", self.left.trim());
                self.moved();
            }
        }
    }

    fn key(&mut self) {
        let Some(first) = self.left.chars().next() else { return };
        let white = if first == '\n' { self.left[1..].find(|c| c != ' ').unwrap_or(0) } else { 0 };
        let key = self.left[..first.len_utf8() + white].to_owned();
        self.put(&key);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, max_shrink_iters: 2_000, ..ProptestConfig::default() })]

    #[test]
    fn nothing_stale_repeated_or_taken_back_is_shown_whatever_is_typed_and_written(
        trace in trace(),
    ) {
        let mut window = Window::open(&trace);
        window.moved();
        for act in &trace.acts {
            window.act(act);
        }
        prop_assert!(window.requests > 0);
    }
}

/// Without this, the property above would also hold for a host that shows nothing.
#[test]
fn most_of_what_is_right_is_shown_in_such_traces() {
    let trace = Trace {
        document: vec![0, 2],
        at: 1,
        wanted: vec![3, 6],
        changed: None,
        acts: Vec::new(),
        scripts: vec![Script::Right],
    };
    let mut window = Window::open(&trace);
    window.moved();
    window.end(false);
    assert_eq!(window.shown.as_ref().unwrap().0, "print(total, first)");
    window.act(&Act::Keys(5));
    assert_eq!(window.shown.as_ref().unwrap().0, "(total, first)");
    window.act(&Act::TakeWord);
    assert_eq!(window.shown.as_ref().unwrap().0, " first)");
    window.act(&Act::Take);
    assert_eq!(window.generations.len(), 2, "the next line, and nothing else");
    assert_eq!(window.all_shown, 7);
}
