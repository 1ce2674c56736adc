//! The words of the prompt, from `prompts.json`, and how they are put together.
//!
//! What two commands on the same selection share comes first and the command last, so that the
//! model reads the shared part once. The bundled demo model is trained on exactly these texts:
//! a change of `prompts.json` needs a new demo model. Nothing here counts tokens (see `budget`).

use std::sync::LazyLock;

use serde::Deserialize;

use crate::renames;

/// The pieces in `prompts.json`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Pieces {
    #[serde(rename = "version")]
    _version: u32,
    system: String,
    file: String,
    before: String,
    after: String,
    selection: String,
    improve: String,
    instructed: String,
    explain: String,
    retry: String,
    prefill: String,
}

static PIECES: LazyLock<Pieces> = LazyLock::new(|| {
    serde_json::from_str(include_str!("../prompts.json")).expect("a test reads the same file")
});

/// What every prompt begins with: the system message, and the head of the user's message up to
/// the first word that is the user's.
#[must_use]
pub fn beginning() -> (&'static str, &'static str) {
    let head = PIECES.file.split('{').next().unwrap_or_default();
    (&PIECES.system, head)
}

/// What the model is asked to do with the selection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Order<'a> {
    Improve,
    Instructed(&'a str),
    Explain,
}

/// What goes into a prompt. Texts have `\n` line ends and none after the last line.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Input<'a> {
    pub(crate) file: &'a str,
    /// The fence's tag.
    pub(crate) language: &'a str,
    /// Lines before the selection; no section where empty.
    pub(crate) before: &'a str,
    /// Lines after the selection; no section where empty.
    pub(crate) after: &'a str,
    pub(crate) selection: &'a str,
    pub(crate) order: Order<'a>,
}

/// A prompt in words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Prompt {
    pub(crate) system: String,
    pub(crate) user: String,
    pub(crate) prefill: String,
    pub(crate) stop: Vec<String>,
    /// What the answer looks like where nothing is changed but the names that were told.
    pub(crate) draft: String,
}

impl Input<'_> {
    /// The fence round all code in the prompt: longer than any run of backticks inside.
    pub(crate) fn fence(&self) -> String {
        let texts = [self.before, self.after, self.selection];
        let longest = texts.iter().map(|text| longest_run(text)).max().unwrap_or(0);
        "`".repeat((longest + 1).max(3))
    }

    pub(crate) fn render(&self) -> Prompt {
        let fence = self.fence();
        let explains = self.order == Order::Explain;
        Prompt {
            system: PIECES.system.clone(),
            user: self.shared() + &self.order.words(),
            prefill: if explains { String::new() } else { self.section(&PIECES.prefill, "") },
            draft: if explains { String::new() } else { format!("{}\n{fence}", self.expected()) },
            stop: if explains { Vec::new() } else { vec![format!("\n{fence}")] },
        }
    }

    /// The code as far as it is known before it is written.
    fn expected(&self) -> String {
        match self.order {
            Order::Instructed(text) => renames::renamed(self.selection, text),
            Order::Improve | Order::Explain => self.selection.to_owned(),
        }
    }

    /// The user's message up to the command.
    fn shared(&self) -> String {
        let mut text = fill(&PIECES.file, &[("file", self.file)]);
        for (piece, lines) in [(&PIECES.before, self.before), (&PIECES.after, self.after)] {
            if !lines.is_empty() {
                text.push_str(&self.section(piece, lines));
            }
        }
        text + &self.section(&PIECES.selection, self.selection)
    }

    fn section(&self, piece: &str, text: &str) -> String {
        let fence = self.fence();
        fill(piece, &[("fence", &fence), ("language", self.language), ("text", text)])
    }

    /// All that is in every prompt for this file whatever the selection, to count its tokens.
    pub(crate) fn frame(&self) -> String {
        let bare = Self { before: "-", after: "-", selection: "", ..*self };
        [PIECES.system.as_str(), &bare.shared(), &bare.section(&PIECES.prefill, "")].concat()
    }
}

impl Order<'_> {
    /// The command in words, the last part of the prompt.
    pub(crate) fn words(&self) -> String {
        match self {
            Self::Improve => PIECES.improve.clone(),
            Self::Explain => PIECES.explain.clone(),
            Self::Instructed(text) => fill(&PIECES.instructed, &[("instruction", text)]),
        }
    }
}

/// The line that a second request has behind the command.
pub(crate) fn retry_line(complaint: &str) -> String {
    fill(&PIECES.retry, &[("reason", complaint)])
}

/// Replaces `{name}` in one pass, so that braces in a value are never taken for a name.
fn fill(piece: &str, values: &[(&str, &str)]) -> String {
    let mut text = String::new();
    let mut rest = piece;
    while let Some(open) = rest.find('{') {
        let (head, tail) = rest.split_at(open);
        text.push_str(head);
        let value = values.iter().find_map(|(name, value)| {
            let after = tail[1..].strip_prefix(name)?.strip_prefix('}')?;
            Some((value, after))
        });
        rest = match value {
            Some((value, after)) => {
                text.push_str(value);
                after
            }
            None => {
                text.push('{');
                &tail[1..]
            }
        };
    }
    text + rest
}

fn longest_run(text: &str) -> usize {
    text.split(|c| c != '`').map(str::len).max().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const INPUT: Input<'static> = Input {
        file: "a.py",
        language: "python",
        before: "import os",
        after: "f()",
        selection: "def f():\n    pass",
        order: Order::Improve,
    };

    #[test]
    fn improve_reads_like_this() {
        let prompt = INPUT.render();
        let sections = "File: a.py\n\nBefore the selection:\n```python\nimport os\n```\n\n\
            After the selection:\n```python\nf()\n```\n\n\
            Selected code:\n```python\ndef f():\n    pass\n```\n\n";
        assert_eq!(prompt.user, format!("{sections}{}", PIECES.improve));
        assert_eq!(prompt.prefill, "```python\n");
        assert_eq!(prompt.stop, ["\n```"]);
        assert_eq!(prompt.draft, format!("{}\n```", INPUT.selection));
    }

    #[test]
    fn sections_without_text_are_left_out() {
        let user = Input { before: "", after: "", ..INPUT }.render().user;
        assert!(user.starts_with("File: a.py\n\nSelected code:\n"), "{user}");
    }

    #[test]
    fn commands_on_one_selection_share_all_up_to_the_command() {
        let improve = INPUT.render();
        let explain = Input { order: Order::Explain, ..INPUT }.render();
        let instructed = Input { order: Order::Instructed("Use `{text}`."), ..INPUT }.render();
        let shared = improve.user.strip_suffix(&PIECES.improve).unwrap();
        assert_eq!(explain.user.strip_suffix(&PIECES.explain), Some(shared));
        assert!(instructed.user.starts_with(&format!("{shared}Use `{{text}}`.\n")));
        assert_eq!((&improve.system, explain.prefill.as_str()), (&explain.system, ""));
    }

    /// The demo model's training tool renders the same requests with its own code. Both must
    /// agree to the byte, or the model is asked what it was never taught.
    #[test]
    fn prompts_are_those_that_the_demo_model_is_trained_on() {
        const GOLDEN: &str = include_str!("../../../models/demo/golden_prompts.json");
        let cases: Vec<serde_json::Value> = serde_json::from_str(GOLDEN).unwrap();
        assert!(cases.len() >= 5);
        for case in &cases {
            let field = |name: &str| case["request"][name].as_str().unwrap_or("");
            let input = Input {
                file: field("file"),
                language: field("language"),
                before: field("before"),
                after: field("after"),
                selection: field("selection"),
                order: match field("command") {
                    "improve" => Order::Improve,
                    "instructed" => Order::Instructed(field("instruction")),
                    "explain" => Order::Explain,
                    other => panic!("unknown command {other}"),
                },
            };
            let mut prompt = input.render();
            if let Some(reason) = case["request"]["reason"].as_str() {
                prompt.user += &retry_line(reason);
            }
            let (name, expected) = (&case["name"], &case["rendered"]);
            assert_eq!(expected["system"], prompt.system, "{name}");
            assert_eq!(expected["user"], prompt.user, "{name}");
            assert_eq!(expected["prefill"], prompt.prefill, "{name}");
            assert_eq!(expected["stop"], prompt.stop.concat(), "{name}");
        }
    }

    #[test]
    fn the_fence_is_longer_than_any_run_of_backticks_in_the_code() {
        let fence = |selection| Input { selection, ..INPUT }.fence();
        assert_eq!(fence("`a` ``b``"), "```");
        assert_eq!(fence("```\ncode\n```"), "````");
        assert_eq!(Input { before: "`````", ..INPUT }.render().prefill, "``````python\n");
    }

    #[test]
    fn code_is_never_taken_for_a_placeholder() {
        let user = Input { selection: "f'{text} {fence} {'", ..INPUT }.render().user;
        assert!(user.contains("\nf'{text} {fence} {'\n"));
    }
}
