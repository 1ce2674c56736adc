//! The words of the prompt, and how they are put together. Words depend on the model: each set in
//! `prompts/` is for one kind of models, and has words for every command.
//!
//! What two commands on the same selection share comes first and the command last, so that the
//! model reads the shared part once. The bundled demo model is trained on exactly the texts of
//! `demo.json`: changing them requires a new demo model, changing another set does not. Nothing
//! here counts tokens (see `budget`).

use std::collections::BTreeMap;
use std::sync::LazyLock;

use localcoder_protocol::{AnswerKind, CommandSpec, ModelInfo};
use serde::Deserialize;

use crate::edit::Length;
use crate::renames;

#[derive(Debug, Deserialize)]
pub struct Prompts {
    #[serde(skip)]
    name: &'static str,
    version: u32,
    system: String,
    file: String,
    /// Introduces the outline. Without these words the prompt has none.
    outline: Option<String>,
    before: String,
    after: String,
    selection: String,
    retry: String,
    prefill: String,
    instructed: String,
    /// The request for code where there is none yet. Without these words `instructed` is used.
    write: Option<String>,
    /// The request if the user asks a question about the code. Without these words the command is
    /// used.
    question: Option<String>,
    /// Asks an explanation what to watch out for, if tools have found something. Replaces `{watch}`
    /// in the command. Small models that are asked this when nothing was found make something up.
    watch: Option<String>,
    /// How long a text about the code is to be, by the length's name. Replaces `{length}` in the
    /// command and the question.
    #[serde(default)]
    lengths: BTreeMap<String, String>,
    /// Asks a model that changed nothing what there is to change. Without these words it is not
    /// asked again.
    plan: Option<String>,
    /// Says before the instruction what the selected code was before the undecided edit, and which
    /// instructions turned it into what it is. Without these words the prompt omits that.
    follow: Option<String>,
    /// The same for an edit that was made without an instruction.
    follow_improved: Option<String>,
    /// Only says which instructions turned the code into what it is.
    follow_told: Option<String>,
    again: Option<String>,
    /// The temperature for further answers to the same question. Without it there is only one
    /// answer.
    sampling_temperature: Option<f32>,
    /// What the user's tools report for the code. Without these words the prompt omits that.
    diagnostics: Option<String>,
    mend: Option<String>,
    /// The flaws that a command looks for in a language, by the language's id; in other languages
    /// none are named. Replaces `{flaws}` in the command.
    #[serde(default)]
    flaws: BTreeMap<String, String>,
    #[serde(flatten)]
    commands: BTreeMap<String, String>,
}

struct Set {
    name: &'static str,
    prompts: LazyLock<Prompts>,
}

macro_rules! sets {
    ($($name:literal),*) => {
        [$(Set {
            name: $name,
            prompts: LazyLock::new(|| {
                let text = include_str!(concat!("../prompts/", $name, ".json"));
                let prompts = serde_json::from_str(text).expect("a test reads the same file");
                Prompts { name: $name, ..prompts }
            }),
        }),*]
    };
}

/// All sets. The first is for models that are trained on it; the last is for models that nothing is
/// known about.
static SETS: [Set; 2] = sets!["demo", "instruct"];

/// The set for a family of models, by the architecture that the model's file names. Other families
/// take the last set.
const FAMILIES: &[(&str, &str)] = &[("qwen2", "instruct"), ("llama", "instruct")];

/// A model of a few megabytes understands only the words that it was trained on. Whatever its name,
/// a model of this size is a copy of the demo model: the smallest one that follows instructions has
/// 100 MB.
const TRAINED_ON_WORDS_BYTES_MAX: u64 = 16_000_000;

const DEMO_NAME: &str = "LocalCoder demo";

fn is_demo(model: &ModelInfo) -> bool {
    let is_small = model.size_bytes <= TRAINED_ON_WORDS_BYTES_MAX;
    model.demo || model.name.starts_with(DEMO_NAME) || is_small
}

impl Prompts {
    #[must_use]
    pub fn of_demo() -> &'static Self {
        &SETS[0].prompts
    }

    #[must_use]
    pub fn usual() -> &'static Self {
        &SETS[SETS.len() - 1].prompts
    }

    #[must_use]
    pub fn of(model: &ModelInfo) -> &'static Self {
        let family = FAMILIES.iter().find(|(architecture, _)| *architecture == model.architecture);
        let wanted = match family {
            // Before its family, which says nothing of the words that a model was trained on.
            _ if is_demo(model) => "demo",
            Some((_, set)) => set,
            None => return Self::usual(),
        };
        SETS.iter().find(|set| set.name == wanted).map_or_else(Self::usual, |set| &set.prompts)
    }

    /// The name of the set; answers to other words are not comparable.
    #[must_use]
    pub fn label(&self) -> String {
        format!("{}/{}", self.name, self.version)
    }

    /// What every prompt begins with: the system message, and the head of the user's message up to
    /// the first part that depends on the request.
    #[must_use]
    pub fn beginning(&self) -> (&str, &str) {
        let head = self.file.split('{').next().unwrap_or_default();
        (&self.system, head)
    }

    pub(crate) fn tells_flaws(&self) -> bool {
        self.mend.is_some()
    }

    pub(crate) fn answers_questions(&self) -> bool {
        self.question.is_some()
    }

    pub(crate) fn has_outline(&self) -> bool {
        self.outline.is_some()
    }

    /// The temperature for further answers; `None` if these do not help with this model.
    #[must_use]
    pub fn sampling_temperature(&self) -> Option<f32> {
        self.sampling_temperature
    }

    pub(crate) fn retry_line(&self, complaint: &str) -> String {
        fill(&self.retry, &[("reason", complaint)])
    }

    pub(crate) fn question(&self, instruction: &str) -> Option<String> {
        self.plan.as_deref().map(|words| fill(words, &[("instruction", instruction)]))
    }

    pub(crate) fn planned(&self, instruction: &str, plan: &str) -> Option<String> {
        let values = [("instruction", instruction), ("plan", plan)];
        self.again.as_deref().map(|words| fill(words, &values))
    }

    pub(crate) fn words(&self, order: Order<'_>) -> String {
        // A question is answered and nothing else: the findings were part of the explanation before
        // it.
        let is_told = !order.diagnostics.is_empty() && !order.is_question();
        let values = [("diagnostics", order.diagnostics)];
        if let Some(words) = self.mend.as_deref()
            && is_told
            && order.looks_for_flaws()
        {
            return fill(words, &values);
        }
        let diagnostics = self.diagnostics.as_deref().filter(|_| is_told);
        let diagnostics = diagnostics.map(|words| fill(words, &values));
        let earlier = order.follows.and_then(|it| self.earlier(it, order));
        earlier.unwrap_or_default() + &diagnostics.unwrap_or_default() + &self.command(order)
    }

    fn earlier(&self, follows: Follows<'_>, order: Order<'_>) -> Option<String> {
        // Without earlier instructions there is nothing to tell but what the code was.
        let words = match (follows.instructions, asks_for_what_was(order.instruction)) {
            ("", true) => self.follow_improved.as_deref(),
            ("", false) => None,
            (_, true) => self.follow.as_deref(),
            (_, false) => self.follow_told.as_deref(),
        };
        let values = [
            ("fence", fence(&[follows.original])),
            ("language", order.language.to_owned()),
            ("original", follows.original.to_owned()),
            ("instructions", follows.instructions.to_owned()),
        ];
        let values = values.each_ref().map(|(name, value)| (*name, value.as_str()));
        words.map(|words| fill(words, &values))
    }

    fn command(&self, order: Order<'_>) -> String {
        let length = self.lengths.get(order.length.word()).map_or("", String::as_str);
        match (order.instruction, order.spec.answer, self.question.as_deref()) {
            (Some(text), AnswerKind::Edit, _) => {
                let write = self.write.as_ref().filter(|_| order.is_new);
                fill(write.unwrap_or(&self.instructed), &[("instruction", text)])
            }
            (Some(text), AnswerKind::Text, Some(words)) => {
                fill(words, &[("instruction", text), ("length", length)])
            }
            (Some(_), AnswerKind::Text, None) | (None, ..) => {
                let words = self.commands.get(order.spec.id).map_or("", String::as_str);
                let is_told = !order.diagnostics.is_empty();
                let watch = self.watch.as_deref().filter(|_| is_told).unwrap_or_default();
                let flaws = self.flaws_in(order.language);
                fill(words, &[("flaws", flaws), ("length", length), ("watch", watch)])
            }
        }
    }

    fn flaws_in(&self, language: &str) -> &str {
        let found = self.flaws.get(language).or_else(|| self.flaws.get(""));
        found.map_or("", String::as_str)
    }
}

/// Words that ask for what an edit has removed.
const WHAT_WAS: &[&str] = &[
    "keep", "back", "restore", "original", "before", "again", "revert", "undo", "was", "were",
    "lost", "missing",
];

/// Whether an instruction is about the code before the undecided edit. Otherwise the model is not
/// shown that code: small models return to it, whatever the instruction says (in six of 30 tasks).
fn asks_for_what_was(instruction: Option<&str>) -> bool {
    let words = instruction.unwrap_or_default().to_lowercase();
    let mut words = words.split(|letter: char| !letter.is_alphanumeric());
    words.any(|word| WHAT_WAS.contains(&word))
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Order<'a> {
    pub(crate) spec: &'static CommandSpec,
    pub(crate) instruction: Option<&'a str>,
    pub(crate) language: &'static str,
    pub(crate) is_new: bool,
    pub(crate) diagnostics: &'a str,
    pub(crate) follows: Option<Follows<'a>>,
    pub(crate) length: Length,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Follows<'a> {
    pub(crate) original: &'a str,
    pub(crate) instructions: &'a str,
}

impl Order<'_> {
    /// Whether it is a question about the code, and not a request to explain it.
    fn is_question(&self) -> bool {
        self.instruction.is_some() && self.spec.answer == AnswerKind::Text
    }

    /// Whether the model must find out by itself what to do.
    pub(crate) fn looks_for_flaws(&self) -> bool {
        let is_edit = self.spec.answer == AnswerKind::Edit;
        self.instruction.is_none() && is_edit && !self.spec.only_comments
    }
}

/// What goes into a prompt. Texts have `\n` line ends and none after the last line.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Input<'a> {
    pub(crate) prompts: &'static Prompts,
    pub(crate) file: &'a str,
    pub(crate) language: &'a str,
    pub(crate) outline: &'a str,
    /// Lines before the selection; no section if empty.
    pub(crate) before: &'a str,
    /// Lines after the selection; no section if empty.
    pub(crate) after: &'a str,
    pub(crate) selection: &'a str,
    pub(crate) order: Order<'a>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Prompt {
    pub(crate) system: String,
    pub(crate) user: String,
    /// How many bytes of the user's message other prompts share: those for the same file, for the
    /// same lines around a selection, and for the same selection.
    pub(crate) partings: Vec<u32>,
    pub(crate) prefill: String,
    pub(crate) stop: Vec<String>,
    /// The expected answer if only the names in the instruction are changed; empty for a text.
    pub(crate) draft: String,
}

impl Input<'_> {
    /// The fence around all code in the prompt: longer than any run of backticks inside, so that
    /// code which contains fences (Markdown, a docstring) does not end it.
    pub(crate) fn fence(&self) -> String {
        fence(&[self.outline, self.before, self.after, self.selection])
    }

    pub(crate) fn render(&self) -> Prompt {
        let fence = self.fence();
        let prompts = self.prompts;
        let (around, shared) = (self.around(), self.shared());
        let lengths = [prompts.beginning().1.len(), around.len(), shared.len()];
        // In bytes of the message: the worker keeps what it has read up to these places, for the
        // next command on the same file, lines or selection.
        let partings = lengths.map(|bytes| u32::try_from(bytes).unwrap_or(u32::MAX)).to_vec();
        let (system, user) = (prompts.system.clone(), shared + &prompts.words(self.order));
        match self.order.spec.answer {
            AnswerKind::Text => Prompt {
                system,
                user,
                partings,
                prefill: String::new(),
                stop: Vec::new(),
                draft: String::new(),
            },
            AnswerKind::Edit => Prompt {
                system,
                user,
                partings,
                prefill: self.section(&prompts.prefill, ""),
                stop: vec![format!("\n{fence}")],
                // With the closing fence, so that an answer which changes nothing is checked to its
                // very end in one go.
                draft: self.expected().map_or_else(String::new, |code| format!("{code}\n{fence}")),
            },
        }
    }

    /// The code as far as it is known before it is written.
    fn expected(&self) -> Option<String> {
        let code = || match self.order.instruction {
            Some(text) => renames::renamed(self.selection, text),
            None => self.selection.to_owned(),
        };
        (!self.order.is_new).then(code)
    }

    fn shared(&self) -> String {
        match self.order.is_new {
            true => self.around() + "\n",
            false => self.around() + &self.section(&self.prompts.selection, self.selection),
        }
    }

    fn around(&self) -> String {
        let mut text = fill(&self.prompts.file, &[("file", self.file)]);
        for (piece, lines) in [
            (self.prompts.outline.as_ref(), self.outline),
            (Some(&self.prompts.before), self.before),
            (Some(&self.prompts.after), self.after),
        ] {
            if let Some(piece) = piece.filter(|_| !lines.is_empty()) {
                text.push_str(&self.section(piece, lines));
            }
        }
        text
    }

    fn section(&self, piece: &str, text: &str) -> String {
        let fence = self.fence();
        fill(piece, &[("fence", &fence), ("language", self.language), ("text", text)])
    }

    /// What every prompt for this file has, whatever the selection, to count its tokens.
    pub(crate) fn frame(&self) -> String {
        // Anything but empty, as sections without lines are left out.
        let bare = Self { outline: "-", before: "-", after: "-", selection: "", ..*self };
        [self.prompts.system.as_str(), &bare.shared(), &bare.section(&self.prompts.prefill, "")]
            .concat()
    }
}

pub(crate) fn fence(texts: &[&str]) -> String {
    let longest = texts.iter().map(|text| longest_run(text)).max().unwrap_or(0);
    "`".repeat((longest + 1).max(3))
}

/// Replaces `{name}` in one pass, so that braces in a value are never taken for a name: code that
/// is filled in may have `{selection}` in it.
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

    fn order(id: &str) -> Order<'static> {
        Order {
            spec: CommandSpec::of(id).unwrap(),
            instruction: None,
            language: "python",
            is_new: false,
            diagnostics: "",
            follows: None,
            length: Length::Medium,
        }
    }

    fn demo() -> &'static Prompts {
        &SETS[0].prompts
    }

    fn input() -> Input<'static> {
        Input {
            prompts: demo(),
            file: "a.py",
            language: "python",
            outline: "",
            before: "import os",
            after: "f()",
            selection: "def f():\n    pass",
            order: order("improve"),
        }
    }

    #[test]
    fn improve_reads_like_this() {
        let prompt = input().render();
        let sections = "File: a.py\n\nBefore the selection:\n```python\nimport os\n```\n\n\
            After the selection:\n```python\nf()\n```\n\n\
            Selected code:\n```python\ndef f():\n    pass\n```\n\n";
        assert_eq!(prompt.user, format!("{sections}{}", demo().commands["improve"]));
        assert_eq!(prompt.prefill, "```python\n");
        assert_eq!(prompt.stop, ["\n```"]);
        assert_eq!(prompt.draft, format!("{}\n```", input().selection));
    }

    #[test]
    fn what_is_looked_for_belongs_to_the_language() {
        let prompts = Prompts::usual();
        let words = |language| prompts.words(Order { language, ..order("improve") });
        assert!(words("python").contains("bare `except`"), "{}", words("python"));
        assert!(!words("rust").contains("except") && !words("cobol").contains("{flaws}"));
        assert_ne!(words("rust"), words("cobol"));
    }

    #[test]
    fn what_tools_say_is_reported_to_models_that_have_words_for_it() {
        let words = |prompts: &Prompts, diagnostics| {
            prompts.words(Order { diagnostics, ..order("improve") })
        };
        let told = words(Prompts::usual(), "- `x = 1`: never used");
        assert!(told.contains("- `x = 1`: never used\n"), "{told}");
        assert!(!told.contains("repeat it unchanged"), "something is wrong: {told}");
        let explain =
            |diagnostics| Prompts::usual().words(Order { diagnostics, ..order("explain") });
        let watched = explain("- `x`: unused");
        assert!(watched.contains("- `x`: unused\n") && watched.contains("watch out"), "{watched}");
        assert!(!explain("").contains("watch out"), "nothing is known to watch out for");
        assert_eq!(words(demo(), "- `x = 1`: never used"), words(demo(), ""));
    }

    #[test]
    fn every_set_has_words_for_every_command_and_for_nothing_else() {
        let ids: Vec<&str> = localcoder_protocol::COMMANDS.iter().map(|spec| spec.id).collect();
        for set in &SETS {
            for id in &ids {
                let words = set.prompts.commands.get(*id);
                assert!(words.is_some_and(|it| !it.is_empty()), "`{}`: `{id}`", set.name);
            }
            let known = |id: &&String| ids.contains(&id.as_str());
            assert_eq!(set.prompts.commands.keys().find(|id| !known(id)), None, "{}", set.name);
        }
        for (family, set) in FAMILIES {
            assert!(SETS.iter().any(|it| it.name == *set), "{family}: no set `{set}`");
        }
    }

    #[test]
    fn words_are_chosen_by_the_model() {
        let model = |architecture: &str, demo| ModelInfo {
            reference: String::new(),
            name: String::new(),
            architecture: architecture.to_owned(),
            size_bytes: 400_000_000,
            trained_context_tokens: 0,
            demo,
            attribution: Vec::new(),
        };
        let is = |model: &ModelInfo, set: usize| {
            std::ptr::eq(Prompts::of(model), &raw const *SETS[set].prompts)
        };
        assert!(is(&model("qwen2", true), 0));
        assert!(is(&model("qwen2", false), 1) && is(&model("never-heard-of", false), 1));
        // A copy of the demo model under another name.
        assert!(is(&ModelInfo { size_bytes: 4_000_000, ..model("qwen2", false) }, 0));
    }

    #[test]
    fn sections_without_text_are_left_out() {
        let user = Input { before: "", after: "", ..input() }.render().user;
        assert!(user.starts_with("File: a.py\n\nSelected code:\n"), "{user}");
    }

    #[test]
    fn commands_on_one_selection_share_all_up_to_the_command() {
        let improve = input().render();
        let explain = Input { order: order("explain"), ..input() }.render();
        let instructed = Input {
            order: Order { instruction: Some("Use `{text}`."), ..order("improve") },
            ..input()
        }
        .render();
        let shared = improve.user.strip_suffix(&demo().commands["improve"]).unwrap();
        assert_eq!(explain.user.strip_suffix(&demo().commands["explain"]), Some(shared));
        assert!(instructed.user.starts_with(&format!("{shared}Use `{{text}}`.\n")));
        assert_eq!((&improve.system, explain.prefill.as_str()), (&explain.system, ""));
    }

    /// The demo model's training tool renders the same requests with its own code. Both must agree
    /// byte for byte, or the model is asked what it was never taught.
    #[test]
    fn prompts_are_those_that_the_demo_model_is_trained_on() {
        const GOLDEN: &str = include_str!("../../../models/demo/golden_prompts.json");
        let cases: Vec<serde_json::Value> = serde_json::from_str(GOLDEN).unwrap();
        assert!(cases.len() >= 5);
        for case in &cases {
            let field = |name: &str| case["request"][name].as_str().unwrap_or("");
            let input = Input {
                outline: "",
                prompts: demo(),
                file: field("file"),
                language: field("language"),
                before: field("before"),
                after: field("after"),
                selection: field("selection"),
                order: match field("command") {
                    "instructed" => {
                        Order { instruction: Some(field("instruction")), ..order("improve") }
                    }
                    id => order(id),
                },
            };
            let mut prompt = input.render();
            if let Some(reason) = case["request"]["reason"].as_str() {
                prompt.user += &demo().retry_line(reason);
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
        let fence = |selection| Input { selection, ..input() }.fence();
        assert_eq!(fence("`a` ``b``"), "```");
        assert_eq!(fence("```\ncode\n```"), "````");
        assert_eq!(Input { before: "`````", ..input() }.render().prefill, "``````python\n");
    }

    #[test]
    fn code_is_never_taken_for_a_placeholder() {
        let user = Input { selection: "f'{text} {fence} {'", ..input() }.render().user;
        assert!(user.contains("\nf'{text} {fence} {'\n"));
    }
}
