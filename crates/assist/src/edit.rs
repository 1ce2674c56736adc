//! One request from selection to edit, as the host drives it:
//! [`prepare`] → count [`Task::texts_to_count`] → [`Task::layout`] → generate →
//! [`Task::finish`] → perhaps once more with [`Task::retry_layout`].
//!
//! This module only composes the others. It neither asks a model nor keeps a clock; the host's core
//! calls it.

mod begun;
mod conversation;
mod import_edit;

use std::ops::Range;

use localcoder_protocol::limits::SCOPE_LINES_MAX;
use localcoder_protocol::{
    Anchor, AnswerKind, CommandSpec, ContextUse, Diagnostic, DocumentText, Edit, FinishReason,
    LineRange, PendingEdit, TestOutcome, TestRun,
};

use crate::budget::{self, Answer, Counts};
use crate::errors::AssistError;
use crate::flaws::Flaw;
use crate::follow::{self, Base};
use crate::guard::{self, Problem, Rewrite, Severity};
use crate::indent::Dedented;
use crate::language::{Language, fence_tag, file_name, shown_name};
use crate::layout::{Layout, Limits};
use crate::outline::{self, OutlineLine};
use crate::prompt::{Follows, Input, Order, Prompts, fence};
use crate::surroundings::{self, Side};
use crate::{
    clean, corrections, diff, document, findings, flaws, hunks, imports, new_code, place, renames,
    same, sensitive, syntax,
};

use conversation::Conversation;
pub use conversation::Length;

const SELECTION_BYTES_MAX: usize = 256 * 1024;

/// A longer instruction fits no context window we support, either.
const INSTRUCTION_BYTES_MAX: usize = 16 * 1024;

/// How many diagnostics the prompt has at most, as many as a person would look at.
const DIAGNOSTICS_MAX: usize = 8;
const FIXES: &[&str] = &[
    "fix",
    "fixes",
    "bug",
    "bugs",
    "buggy",
    "repair",
    "broken",
    "wrong",
    "fail",
    "fails",
    "failing",
    "incorrect",
];

/// Most tokens of a model's answer to what there is to change: two long sentences have 80.
const PLAN_TOKENS_MAX: u32 = 96;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Command {
    spec: &'static CommandSpec,
    instruction: Option<String>,
}

impl Command {
    /// The command with this id, and the user's words for commands that take any. Blank words count
    /// as none.
    ///
    /// # Errors
    /// `protocol` if there is no such command.
    pub fn new(id: &str, instruction: Option<&str>) -> Result<Self, AssistError> {
        let spec = CommandSpec::of(id).ok_or_else(|| AssistError::NoCommand(id.to_owned()))?;
        let words = instruction.map(str::trim).filter(|text| !text.is_empty());
        if words.is_some() && !spec.takes_instruction {
            return Err(AssistError::NoInstruction(id.to_owned()));
        }
        Ok(Self { spec, instruction: words.map(str::to_owned) })
    }

    fn writes(&self) -> bool {
        self.spec.answer == AnswerKind::Edit && self.instruction.is_some()
    }
}

/// Whether the model may be asked again. After the first attempt an unusable or doubtful answer is
/// an [`Outcome::Retry`]; after the last an unusable one is refused, and a doubtful one is kept
/// with its doubts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Attempt {
    First,
    Last,
}

/// A rewrite that may be shown to the user. `imports` is to be applied in the same step as `edit`,
/// and the `hunks`, each of which can be kept or dropped by itself, together are the edit. If
/// `unchanged`, the edit's replacement is its original and `diff` is empty. `warnings` are what to
/// look at before keeping it, `notes` where the result differs from what was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finished {
    pub edit: Edit,
    pub imports: Option<Edit>,
    pub unchanged: bool,
    pub hunks: Vec<Edit>,
    pub diff: String,
    pub warnings: Vec<String>,
    pub notes: Vec<String>,
    /// Why it may well be wrong; `None` if nothing suggests so.
    pub unsure: Option<String>,
    /// Why the user must be asked before it is written; `None` if that is not needed.
    pub sensitive: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::large_enum_variant, reason = "there is one at a time, and it is used up at once")]
pub enum Outcome {
    Done(Finished),
    Retry {
        /// What was wrong, as a clause: "it was cut off before the end".
        reason: String,
    },
    /// The model was given an instruction and changed nothing. Ask it what there is to change, with
    /// [`Task::plan_layout`], and then for the code again.
    Unchanged,
    Refused(AssistError),
}

/// A checked request: which lines, in which form the model sees them, and what surrounds them. It
/// is made once and keeps all that is needed of the document, so that every attempt gets the same
/// prompt and is checked against the same text, whatever the user types meanwhile.
#[derive(Debug, Clone)]
pub struct Task {
    document: DocumentText,
    command: Command,
    language: &'static Language,
    tag: String,
    file: String,
    lines: Range<usize>,
    /// The lines that the user selected; fewer than `lines` if the selection cut through code.
    selected: Range<usize>,
    selection: Dedented,
    is_new: bool,
    before: Side,
    after: Side,
    outline: Vec<OutlineLine>,
    flaws: Vec<Flaw>,
    diagnostics: String,
    base: Option<Box<Base>>,
    conversation: Conversation,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SoFar {
    pub range: LineRange,
    pub text: String,
}

/// Checks a request to change an edit that is still undecided. `document` is as it was before that
/// edit.
///
/// # Errors
/// As [`prepare`], and `documentChanged` if the edit has no place any more.
pub fn prepare_follow(
    document: &DocumentText,
    pending: &PendingEdit,
    command: Command,
) -> Result<Task, AssistError> {
    let (now, lines, base) = follow::with_pending(document, pending)?;
    let PendingEdit { edit, instructions, .. } = pending;
    // "Call it `worth`" is a rename only with the earlier instruction in mind. Afterwards the words
    // are an ordinary instruction, so that the checks of renames apply.
    let words = command.instruction.as_deref();
    let meant = words.and_then(|it| renames::meant(it, instructions, &edit.replacement));
    let command = Command { instruction: meant.or(command.instruction), ..command };
    // The document with the pending edit in it is what the model sees and what is checked. Only the
    // result is put in terms of the document without it.
    let task = prepare(&now, lines, command)?;
    Ok(Task { base: Some(Box::new(base)), ..task })
}

/// Checks a request and takes everything that is needed later from the document.
///
/// # Errors
/// `linesOutOfRange`, `selectionEmpty`, `selectionTooLarge` or `usage` if selection or
/// instruction are beyond any context window, `notText` for a document with NUL characters.
pub fn prepare(
    document: &DocumentText,
    selection: LineRange,
    command: Command,
) -> Result<Task, AssistError> {
    let name = || file_name(&document.path).to_owned();
    if document.text.contains('\0') {
        return Err(AssistError::Binary { name: name() });
    }
    let bytes = command.instruction.as_ref().map_or(0, String::len);
    if bytes > INSTRUCTION_BYTES_MAX {
        return Err(AssistError::InstructionTooLong { bytes, bytes_max: INSTRUCTION_BYTES_MAX });
    }
    // Before `select`, for which a selection of blank lines is an error.
    let all = document::lines(&document.text);
    let gap = command.writes().then(|| document::gap(document, &all, selection)).flatten();
    let is_new = gap.is_some();
    let selected = gap.map_or_else(|| document::select(document, &all, selection), Ok)?;
    let language = Language::of(document.language_id.as_deref(), &document.path);
    let lines = match command.spec.answer {
        // A paragraph is not a construct: any of its lines can be rewritten alone.
        AnswerKind::Edit if !language.prose && !is_new => {
            syntax::whole(language, &document.text, &selected, SCOPE_LINES_MAX as usize)
        }
        AnswerKind::Edit | AnswerKind::Text => None,
    };
    let lines = lines.unwrap_or_else(|| selected.clone());
    let bytes: usize = all[lines.clone()].iter().map(|line| line.text.len()).sum();
    if bytes > SELECTION_BYTES_MAX {
        let (lines, bytes_max) = (document::range(&lines), SELECTION_BYTES_MAX);
        return Err(AssistError::TooManyBytes { name: name(), lines, bytes, bytes_max });
    }
    let (before, after) = surroundings::both(&all, &lines);
    let (mut conversation, mut command) = (Conversation::default(), command);
    // A question is told with the text of the lines that it names, so the command's words differ
    // from what the user wrote.
    if command.spec.answer == AnswerKind::Text {
        let question = command.instruction.take();
        command.instruction = question.map(|it| conversation.question(&it, &all));
    }
    let order = Order {
        spec: command.spec,
        instruction: command.instruction.as_deref(),
        language: language.id,
        is_new,
        diagnostics: "",
        follows: None,
        length: Length::default(),
    };
    // An explanation warns only of these flaws and of what tools report.
    let explains = order.spec.answer == AnswerKind::Text;
    let flaws = match order.looks_for_flaws() || explains {
        true => flaws::found(language, &document.text, &lines),
        false => Vec::new(),
    };
    Ok(Task {
        command,
        language,
        tag: fence_tag(language, document.language_id.as_deref()),
        file: shown_name(&document.path),
        selection: match is_new {
            true => Dedented::gap(lines.start, &all),
            false => Dedented::new(&all[lines.clone()], &all),
        },
        is_new,
        before,
        after,
        selected,
        document: document.clone(),
        outline: outline::of(language, &document.text, &all, &lines),
        diagnostics: findings::of_flaws(&all, &flaws),
        flaws,
        lines,
        base: None,
        conversation,
    })
}

impl Task {
    /// The task with what tools report for the document; only what is on the lines to rewrite is
    /// told. Tools come before our own findings, as they know types and other files, and all of it
    /// is cut to `DIAGNOSTICS_MAX`.
    #[must_use]
    pub fn with_diagnostics(mut self, diagnostics: &[Diagnostic]) -> Self {
        let all = document::lines(&self.document.text);
        let of_lines = diagnostics.iter().filter_map(|diagnostic| {
            let line = (diagnostic.line as usize).checked_sub(1)?;
            let code = self.lines.contains(&line).then(|| all[line].text.trim())?;
            Some(findings::of_tool(code, diagnostic))
        });
        let own = self.diagnostics.lines().map(str::to_owned);
        let lines: Vec<String> = of_lines.chain(own).take(DIAGNOSTICS_MAX).collect();
        self.diagnostics = lines.join("\n");
        self
    }

    /// The task with the result of the user's own test before the edit: if a fix is asked for, the
    /// prompt includes the failure, since that is what is to be fixed.
    #[must_use]
    pub fn with_test(mut self, run: &TestRun) -> Self {
        if run.outcome == TestOutcome::Failed && self.wants_fix() {
            let told = findings::of_test(run);
            if !self.diagnostics.is_empty() {
                self.diagnostics.push('\n');
            }
            self.diagnostics.push_str(&told);
        }
        self
    }

    #[must_use]
    pub fn wants_fix(&self) -> bool {
        let words = self.instruction().unwrap_or_default().to_lowercase();
        let mut words = words.split(|letter: char| !letter.is_alphanumeric());
        words.any(|word| FIXES.contains(&word))
    }

    #[must_use]
    pub fn spec(&self) -> &'static CommandSpec {
        self.command.spec
    }

    /// The document's language by our own name; `other` if we have none.
    #[must_use]
    pub fn language(&self) -> &'static str {
        if self.language.id.is_empty() { "other" } else { self.language.id }
    }

    /// The code that is rewritten, as the model sees it: without its common indentation, and grown
    /// to what the selection cut through.
    #[must_use]
    pub fn selected(&self) -> &str {
        &self.selection.text
    }

    #[must_use]
    pub fn is_instructed(&self) -> bool {
        self.command.instruction.is_some()
    }

    /// Whether anything but the model suggests that there is something to change: an instruction, a
    /// tool, a flaw that was found without a model, a failing test, or a command that adds
    /// something.
    #[must_use]
    pub fn is_prompted(&self) -> bool {
        !self.order().looks_for_flaws() || !self.diagnostics.is_empty() || self.base.is_some()
    }

    #[must_use]
    pub fn range(&self) -> LineRange {
        document::range(&self.lines)
    }

    /// The texts whose tokens the worker must count, in the order [`Self::layout`] expects them:
    /// one `countTokens` request.
    #[must_use]
    pub fn texts_to_count(&self, prompts: &'static Prompts) -> Vec<String> {
        let words = prompts.words(self.order());
        let frame = self.input(prompts, "", "", "").frame();
        let mut texts = vec![frame, words, self.selection.text.clone()];
        let outline = self.outline(prompts).iter().map(|line| &line.text);
        let lines = outline.chain(&self.before.lines).chain(&self.after.lines);
        // Each line is counted with its end. The sum is then at most off by what merges across
        // lines, for which `budget` keeps a reserve.
        texts.extend(lines.map(|line| format!("{line}\n")));
        texts.extend(self.conversation.texts(prompts, self.order()));
        texts
    }

    /// Lays the prompt out so that it and its answer fit.
    ///
    /// # Errors
    /// `selectionTooLarge`; `internal` if `counts` do not belong to
    /// [`Self::texts_to_count`].
    pub fn layout(
        &self,
        prompts: &'static Prompts,
        counts: &[u32],
        limits: Limits,
    ) -> Result<Layout, AssistError> {
        let far = self.outline(prompts);
        let lines = far.len() + self.before.lines.len() + self.after.lines.len();
        let [overhead, command, selection, of_lines @ ..] = counts else {
            return Err(AssistError::CountsIncomplete);
        };
        if of_lines.len() != lines + self.conversation.len() {
            return Err(AssistError::CountsIncomplete);
        }
        let (outline, rest) = of_lines.split_at(far.len());
        let (sides, conversation) = rest.split_at(lines - far.len());
        let (before, after) = sides.split_at(self.before.lines.len());
        let (overhead, command, selection) = (*overhead, *command, *selection);
        let counts = Counts { overhead, command, selection, before, after, outline, conversation };
        let answer = match self.command.spec.answer {
            AnswerKind::Edit if self.is_new => Answer::New,
            AnswerKind::Edit => Answer::Edit,
            AnswerKind::Text => Answer::Text(self.conversation.length.tokens_max()),
        };
        let plan = budget::plan(counts, limits, answer).map_err(|refused| {
            AssistError::too_many_tokens(self.range(), &self.file, refused, selection, limits)
        })?;
        let before = self.before.text_before(plan.before);
        let after = self.after.text_after(plan.after);
        let given = self.lines.start - self.before.reach(plan.before)
            ..self.lines.end + self.after.reach(plan.after);
        // The outline was made before it was known how far the neighboring lines reach: what they
        // contain is not said twice. The model gets it in the order of the file, not of usefulness.
        let mut far: Vec<&OutlineLine> =
            far[..plan.outline].iter().filter(|it| !given.contains(&it.line)).collect();
        far.sort_by_key(|it| it.line);
        let outline_lines = u32::try_from(far.len()).unwrap_or(u32::MAX);
        let outline = far.iter().map(|it| it.text.as_str()).collect::<Vec<_>>().join("\n");
        let prompt = self.input(prompts, &outline, &before, &after).render();
        let (before_lines, before_lines_omitted) = self.before.account(plan.before);
        let (after_lines, after_lines_omitted) = self.after.account(plan.after);
        let (earlier, user) = self.conversation.messages(&plan, prompts, self.order(), prompt.user);
        Ok(Layout {
            system: prompt.system,
            // With earlier exchanges the first message ends elsewhere, so the places where prompts
            // part would be wrong.
            partings: if earlier.is_empty() { prompt.partings } else { Vec::new() },
            earlier,
            user,
            prefill: prompt.prefill,
            stop: prompt.stop,
            draft: prompt.draft,
            before,
            max_tokens: plan.max_tokens,
            free_tokens: plan.free_tokens,
            context: ContextUse {
                window_tokens: limits.window_tokens,
                system_tokens: overhead.saturating_add(command),
                file_tokens: plan.surroundings_tokens,
                selection_tokens: selection,
                answer_tokens_max: plan.max_tokens,
                before_lines,
                before_lines_omitted,
                after_lines,
                after_lines_omitted,
                outline_lines,
                conversation_tokens: plan.conversation_tokens,
                exchanges_omitted: self.conversation.omitted(&plan),
            },
        })
    }

    /// The same prompt with one more line that says what was wrong. Everything before that line is
    /// kept, so that the model need not read it again. An answer that was cut off gets more room.
    #[must_use]
    pub fn retry_layout(&self, prompts: &Prompts, first: &Layout, reason: &str) -> Layout {
        let user = first.user.clone() + &prompts.retry_line(reason);
        self.with_more_room(first, user)
    }

    /// Asks what the instruction means for the code, to be answered in a sentence or two. `None` if
    /// this model's prompt set has no words for it.
    #[must_use]
    pub fn plan_layout(&self, prompts: &Prompts, first: &Layout) -> Option<Layout> {
        let question = prompts.question(self.instruction()?)?;
        let shared = first.user.strip_suffix(&prompts.words(self.order()))?;
        Some(Layout {
            user: shared.to_owned() + &question,
            prefill: String::new(),
            stop: vec!["```".to_owned()],
            draft: String::new(),
            max_tokens: PLAN_TOKENS_MAX.min(first.free_tokens),
            ..first.clone()
        })
    }

    /// The command again, with what the model has said there is to change. `None` where this
    /// model's prompts have no words for that, or for a command without an instruction.
    #[must_use]
    pub fn planned_layout(&self, prompts: &Prompts, first: &Layout, plan: &str) -> Option<Layout> {
        let words = prompts.planned(self.instruction()?, plan)?;
        let shared = first.user.strip_suffix(&prompts.words(self.order()))?;
        Some(self.with_more_room(first, shared.to_owned() + &words))
    }

    fn with_more_room(&self, first: &Layout, user: String) -> Layout {
        let max_tokens = first.max_tokens.saturating_mul(2).min(first.free_tokens);
        Layout { user, max_tokens, ..first.clone() }
    }

    /// Turns the raw answer to a rewrite into an edit, or says why it can't be one. The worst
    /// problem decides. `Hopeless` is refused at once: the window is full, and asking again would
    /// end the same way. From `Doubtful` on a first attempt is repeated. What is left of doubts in
    /// the last one makes the edit *not sure*, with the first as the reason and the others as
    /// warnings.
    ///
    /// The answer of a first attempt that was only doubtful can still be shown when the second is
    /// refused: give it to this method again as [`Attempt::Last`].
    #[must_use]
    pub fn finish(&self, answer: &str, finish: FinishReason, attempt: Attempt) -> Outcome {
        let (finished, problems) = match self.rewrite(answer, finish) {
            Ok((finished, problems)) => (Some(finished), problems),
            Err(problem) => (None, vec![problem]),
        };
        let worst = problems.iter().max_by_key(|problem| problem.severity);
        match (worst.map(|problem| (problem.severity, &problem.reason)), finished, attempt) {
            (Some((Severity::Hopeless, reason)), ..) => {
                Outcome::Refused(AssistError::WindowFull(reason.clone()))
            }
            (Some((severity, reason)), _, Attempt::First) if severity >= Severity::Doubtful => {
                Outcome::Retry { reason: reason.clone() }
            }
            (_, Some(finished), Attempt::First)
                if finished.unchanged && self.instruction().is_some() =>
            {
                Outcome::Unchanged
            }
            (Some((Severity::Unusable, reason)), ..) => {
                Outcome::Refused(AssistError::Unusable(reason.clone()))
            }
            (_, Some(mut finished), _) => {
                let (doubts, others): (Vec<_>, Vec<_>) =
                    problems.iter().partition(|problem| problem.severity == Severity::Doubtful);
                finished.unsure = doubts.first().map(|problem| problem.reason.clone());
                if !finished.unchanged && self.flaws.iter().any(|flaw| flaw.is_guess) {
                    // What the code can raise depends on code that the model has not seen, so such
                    // an answer is a guess.
                    let guessed =
                        "it takes fewer kinds of errors than before, by a guess".to_owned();
                    finished.unsure.get_or_insert(guessed);
                }
                let warning = |problem: &&Problem| format!("Look closely: {}.", problem.reason);
                finished.warnings =
                    doubts.iter().skip(1).chain(others.iter()).map(warning).collect();
                Outcome::Done(self.of_document(finished))
            }
            (_, None, _) => {
                Outcome::Refused(AssistError::Unusable("there is no code in it".to_owned()))
            }
        }
    }

    /// The rewrite as far as `answer` has come, in whole lines, followed by the old lines that it
    /// has not reached yet. `None` while nothing can be shown, as when the model is still thinking.
    /// Nothing is checked, and nothing may be kept of it: it is there to be watched.
    #[must_use]
    pub fn so_far(&self, answer: &str) -> Option<SoFar> {
        let (lines, _) = answer.rsplit_once('\n')?;
        let original = self.selection.text.as_str();
        let fence = fence(&["", "", original]);
        let code = clean::code(lines, original, &fence, self.language).ok()?;
        let edit = Edit {
            range: self.range(),
            original: self.selection.original(),
            replacement: self.selection.restore_so_far(&code),
            anchor: Anchor::default(),
        };
        let edit = match &self.base {
            Some(base) => base.edits_to(&self.edited(&edit, None)).0,
            None => edit,
        };
        let is_seen = edit.replacement != edit.original;
        is_seen.then_some(SoFar { range: edit.range, text: edit.replacement })
    }

    /// The result in terms of the document without the undecided edit, whose place the new one
    /// takes.
    fn of_document(&self, finished: Finished) -> Finished {
        let Some(base) = &self.base else { return finished };
        let after = self.edited(&finished.edit, finished.imports.as_ref());
        let (edit, imports) = base.edits_to(&after);
        let lines = edit.range.start as usize - 1..edit.range.end as usize;
        let first = imports.as_ref().map_or(lines.start, |it| it.range.start as usize - 1);
        let changes = diff::changes(base.text(), &after, first..lines.end);
        Finished {
            hunks: hunks::hunks(base.text(), &edit),
            diff: diff::unified(&self.document.path, base.text(), &after, &changes),
            edit,
            imports,
            ..finished
        }
    }

    /// What the model was told to fix and left as it was; `None` if there was nothing to fix, or if
    /// it was not told. It is found by looking for flaws in the edited text, and the same flaw by
    /// its message, as lines have moved.
    #[must_use]
    pub fn unmended(&self, prompts: &Prompts, finished: &Finished) -> Option<String> {
        if self.flaws.is_empty() || self.base.is_some() || !prompts.tells_flaws() {
            return None;
        }
        let edited = place::apply(&self.document.text, finished.edit.range, &finished.edit).ok()?;
        let height = finished.edit.replacement.split('\n').count();
        let left =
            flaws::found(self.language, &edited, &(self.lines.start..self.lines.start + height));
        let is_left = |flaw: &&Flaw| left.iter().any(|other| other.message == flaw.message);
        let flaw = self.flaws.iter().find(is_left)?;
        let line = self.document.text.split('\n').nth(flaw.line).unwrap_or_default();
        Some(format!("`{}` {}", line.trim(), flaw.message))
    }

    /// The edit that an answer makes, and what is wrong with it; an error if there is no code in
    /// the answer.
    ///
    /// The order matters. Fences and talk go first, as everything after reads code. Lines that
    /// repeat what is around the selection go before imports are looked at, and once more after.
    /// Corrections and renames change the code, so they come before the checks, which see what
    /// would be written and nothing else. An answer that only shuffles what was there is the
    /// selection as it was, and is not checked at all.
    fn rewrite(
        &self,
        raw: &str,
        finish: FinishReason,
    ) -> Result<(Finished, Vec<Problem>), Problem> {
        let cut = guard::cut(finish);
        let raw = match (&cut, finish) {
            (None, _) => raw,
            // It may have continued with what follows the selection; its last line is cut off. If
            // trimming below takes the end away, the answer was whole and ran on, and the cut did
            // no harm.
            (Some(_), FinishReason::TokenLimit) => raw.rsplit_once('\n').map_or("", |(all, _)| all),
            (Some(problem), _) => return Err(problem.clone()),
        };
        let original = self.selection.text.as_str();
        let fence = fence(&["", "", &self.selection.text]);
        // An empty answer is right only where deletion was asked for.
        let code = match clean::code(raw, original, &fence, self.language) {
            Err(clean::Unusable::Empty) if guard::asks_to_delete(self.instruction()) => {
                String::new()
            }
            Err(unusable) => return Err(cut.unwrap_or_else(|| unusable.into())),
            Ok(code) => code,
        };
        let before: Vec<String> = self.before.with_gap().rev().collect();
        let after: Vec<String> = self.after.with_gap().collect();
        let around = (before.as_slice(), after.as_slice());
        let trimmed = guard::trim_echo(&code, original, around.0, around.1);
        if let Some(problem) = cut.filter(|_| code.trim_end().ends_with(trimmed.trim_end())) {
            return Err(problem);
        }
        let code = trimmed;
        let code = imports::without_known(&code, original, self.language, around.0);
        let place = (self.document.text.as_str(), self.lines.start);
        let code = corrections::code(self.language, place, self.instruction(), code);
        // An instruction that names a rename is held to it: where the model changes more, only the
        // names are taken over, which cannot break anything.
        let names =
            self.instruction().and_then(|it| renames::alone(self.language, original, it, &code));
        let only_names = names.is_some();
        let code = names.unwrap_or(code);
        let (code, needed) = imports::needed(
            self.language,
            &self.document.text,
            &self.lines,
            original,
            &code,
            &self.diagnostics,
        );
        // After imports that are moved elsewhere, the answer may begin with what precedes the
        // selection.
        let code = guard::trim_echo(&code, original, around.0, around.1);
        let code = if self.is_new { self.set_off(&code) } else { code };
        let mut finished = self.edit(&code, needed.as_ref());
        if only_names {
            finished
                .notes
                .push("Only the names are changed: the model wanted to change more.".to_owned());
        }
        // Without an instruction another order of operands or another layout is not an improvement.
        // With one it may be what was asked for.
        let shuffles =
            || self.instruction().is_none() && same::code(self.language, original, &code);
        if finished.unchanged || shuffles() {
            // Made again from the original: `finished` may carry notes and imports of the answer
            // that is dropped.
            return Ok((self.edit(original, None), Vec::new()));
        }
        if finished.edit.range != self.range() {
            // Only an import is added: the code stays as it is, so there is nothing in it to check.
            return Ok((finished, Vec::new()));
        }
        let edited = self.edited(&finished.edit, finished.imports.as_ref());
        let problems = guard::check(&Rewrite {
            language: self.language,
            original,
            answer: &code,
            document: (&self.document.text, &edited),
            around,
            instruction: self.instruction(),
            only_comments: self.command.spec.only_comments,
            is_told_flaws: !self.diagnostics.is_empty(),
        });
        Ok((finished, problems))
    }

    fn edit(&self, code: &str, needed: Option<&imports::Needed>) -> Finished {
        let edit = Edit {
            range: self.range(),
            original: self.selection.original(),
            replacement: self.selection.restore(code),
            anchor: place::anchor(&self.document.text, &self.lines),
        };
        let imports = needed.map(|needed| self.import_edit(needed));
        let (edit, imports) = match imports {
            // A name that is reported as unknown is fixed by the import, not at the line that was
            // reported.
            Some(import) if edit.replacement == edit.original && self.wants_fix() => (import, None),
            imports => (edit, imports),
        };
        let edited = self.edited(&edit, imports.as_ref());
        let (old, new) = (self.document.text.as_str(), edited.as_str());
        let first = needed.map_or(self.lines.start, |needed| needed.line);
        let changes = diff::changes(old, new, first..self.lines.end);
        let added = needed.map(|needed| format!("Added: {}.", needed.imports.join("; ")));
        Finished {
            unchanged: edit.replacement == edit.original,
            hunks: hunks::hunks(old, &edit),
            diff: diff::unified(&self.document.path, old, new, &changes),
            warnings: Vec::new(),
            notes: self.grown().into_iter().chain(added).collect(),
            unsure: None,
            sensitive: sensitive::reason(&self.document.path).map(str::to_owned),
            edit,
            imports,
        }
    }

    fn grown(&self) -> Option<String> {
        let words = |lines: &Range<usize>| match (lines.start + 1, lines.end) {
            (start, end) if start == end => format!("line {start}"),
            (start, end) => format!("lines {start}-{end}"),
        };
        (self.lines != self.selected).then(|| {
            format!(
                "{} were worked on, since {} cut through code.",
                capitalized(&words(&self.lines)),
                words(&self.selected)
            )
        })
    }

    /// The document after the edit, and after the import edit, which comes before it. The edit is
    /// applied first, so that the lines of the import are still where they were.
    fn edited(&self, edit: &Edit, imports: Option<&Edit>) -> String {
        let edits = std::iter::once(edit).chain(imports);
        edits.fold(self.document.text.clone(), |text, edit| {
            place::apply(&text, edit.range, edit).expect("the edit was made from this document")
        })
    }

    fn set_off(&self, code: &str) -> String {
        let all = document::lines(&self.document.text);
        new_code::set_off(self.language, &all, self.lines.start, code)
    }

    fn order(&self) -> Order<'_> {
        Order {
            spec: self.command.spec,
            instruction: self.instruction(),
            language: self.language.id,
            is_new: self.is_new,
            diagnostics: &self.diagnostics,
            follows: self
                .base
                .as_deref()
                .map(|base| Follows { original: &base.original, instructions: &base.instructions }),
            length: self.conversation.length,
        }
    }

    fn instruction(&self) -> Option<&str> {
        self.command.instruction.as_deref()
    }

    fn outline(&self, prompts: &Prompts) -> &[OutlineLine] {
        if prompts.has_outline() { &self.outline } else { &[] }
    }

    fn input<'a>(
        &'a self,
        prompts: &'static Prompts,
        outline: &'a str,
        before: &'a str,
        after: &'a str,
    ) -> Input<'a> {
        Input {
            prompts,
            file: &self.file,
            language: &self.tag,
            outline,
            before,
            after,
            selection: &self.selection.text,
            order: self.order(),
        }
    }
}

impl From<clean::Unusable> for Problem {
    fn from(unusable: clean::Unusable) -> Self {
        let reason = match unusable {
            clean::Unusable::Empty => "it was empty",
            clean::Unusable::ProseOnly => "it had text about the code and no code",
            clean::Unusable::Unfinished => "it ended before there was any code",
        };
        Self { severity: Severity::Unusable, reason: reason.to_owned() }
    }
}

fn capitalized(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}
