//! Texts about the selection: how long one may be, the questions that came before, and what an
//! answer refers to.

use std::collections::BTreeSet;

use localcoder_protocol::{ChatMessage, DocumentText, Exchange, Reference, Role};

use super::Task;
use crate::budget::Plan;
use crate::document::Line;
use crate::prompt::{Order, Prompts};
use crate::references;

/// Exchanges of a conversation that are counted; the windows that we support have no room for more.
const EXCHANGES_MAX: usize = 32;

/// Bytes of an exchange that are counted, for the same reason.
const EXCHANGE_BYTES_MAX: usize = 32 * 1024;

const LINE_CHARS_MAX: usize = 200;

/// How long an explanation is to be: what the code is for and little more, a paragraph or two, or
/// step by step.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Length {
    Short,
    #[default]
    Medium,
    Long,
}

impl Length {
    /// Most tokens of a text of this length. Models that follow the length in the prompt stay below
    /// it; for the others it is the cutoff.
    pub(crate) const fn tokens_max(self) -> u32 {
        match self {
            Self::Short => 200,
            Self::Medium => 400,
            Self::Long => 800,
        }
    }

    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Short => "short",
            Self::Medium => "medium",
            Self::Long => "long",
        }
    }
}

/// What a text about the selection depends on in addition to the command: how long it is to be,
/// earlier exchanges as the prompt has them (the oldest first), how many there were before these,
/// and the lines whose numbers the model has been given. An answer can only refer to those by
/// number.
#[derive(Debug, Clone, Default)]
pub(super) struct Conversation {
    pub(super) length: Length,
    exchanges: Vec<Exchange>,
    left_out: u32,
    told: BTreeSet<u32>,
}

impl Conversation {
    /// Questions name lines by numbers that the model does not see, so the text of those lines is
    /// added.
    pub(super) fn question(&mut self, question: &str, all: &[Line<'_>]) -> String {
        let told = references::lines_in(question, all.len());
        let mut asked = question.to_owned();
        for number in &told {
            let text = all[*number as usize - 1].text.trim();
            let text: String = text.chars().take(LINE_CHARS_MAX).collect();
            if !text.is_empty() {
                asked.push_str(&format!("\nLine {number} is: {text}"));
            }
        }
        // Remembered, as a number in the answer is a link only if the model can know it.
        self.told.extend(told);
        asked
    }

    pub(super) fn texts<'a>(
        &'a self,
        prompts: &'static Prompts,
        order: Order<'a>,
    ) -> impl Iterator<Item = String> + 'a {
        let latest_first = self.exchanges.iter().rev();
        latest_first
            .map(move |exchange| asked_in(exchange, prompts, order) + "\n" + &exchange.answer)
    }

    pub(super) fn len(&self) -> usize {
        self.exchanges.len()
    }

    pub(super) fn omitted(&self, plan: &Plan) -> u32 {
        let omitted = self.exchanges.len() - plan.exchanges;
        self.left_out.saturating_add(u32::try_from(omitted).unwrap_or(u32::MAX))
    }

    /// The messages before the last question, and that question. The code is in the first message:
    /// templates want turns that alternate, and the model reads it once for all questions.
    pub(super) fn messages(
        &self,
        plan: &Plan,
        prompts: &'static Prompts,
        order: Order<'_>,
        user: String,
    ) -> (Vec<ChatMessage>, String) {
        let told = &self.exchanges[self.exchanges.len() - plan.exchanges..];
        let words = prompts.words(order);
        let Some(shared) = user.strip_suffix(&words).filter(|_| !told.is_empty()) else {
            return (Vec::new(), user);
        };
        let mut messages = Vec::new();
        for exchange in told {
            let head = if messages.is_empty() { shared } else { "" };
            let asked = head.to_owned() + &asked_in(exchange, prompts, order);
            messages.push(ChatMessage { role: Role::User, content: asked });
            let answer = exchange.answer.clone();
            messages.push(ChatMessage { role: Role::Assistant, content: answer });
        }
        (messages, words)
    }
}

fn asked_in(exchange: &Exchange, prompts: &Prompts, order: Order<'_>) -> String {
    prompts.words(Order { instruction: exchange.question.as_deref(), ..order })
}

impl Task {
    #[must_use]
    pub fn with_length(mut self, length: Length) -> Self {
        self.conversation.length = length;
        self
    }

    /// The task with what was asked and answered before, the oldest first. The latest are kept,
    /// without a gap: from the first exchange that is too large on, older ones are left out and
    /// counted.
    #[must_use]
    pub fn with_conversation(mut self, exchanges: &[Exchange]) -> Self {
        let fits = |it: &&Exchange| {
            let question = it.question.as_deref().unwrap_or_default();
            question.len() + it.answer.len() <= EXCHANGE_BYTES_MAX
        };
        // `take_while` and not `filter`: the history has no gap, so that nothing kept refers to
        // what is missing in its middle.
        let latest = exchanges.iter().rev().take(EXCHANGES_MAX).take_while(fits).count();
        let (older, kept) = exchanges.split_at(exchanges.len() - latest);
        let all = crate::document::lines(&self.document.text);
        let mut conversation = std::mem::take(&mut self.conversation);
        // Earlier questions get the text of their lines again, and these lines count as told.
        let kept = kept.iter().map(|it| Exchange {
            question: it.question.as_deref().map(|it| conversation.question(it, &all)),
            answer: it.answer.clone(),
        });
        let kept = kept.collect();
        let left_out = u32::try_from(older.len()).unwrap_or(u32::MAX);
        self.conversation = Conversation { exchanges: kept, left_out, ..conversation };
        self
    }

    #[must_use]
    pub fn text_notes(&self, prompts: &Prompts) -> Vec<String> {
        let is_lost = self.is_instructed() && !prompts.answers_questions();
        let note = "This model answers no questions: it has explained the code once more. \
            Choose another model to ask.";
        is_lost.then(|| note.to_owned()).into_iter().collect()
    }

    #[must_use]
    pub fn references(&self, text: &str) -> Vec<Reference> {
        let document: &DocumentText = &self.document;
        references::of(text, document, self.language, &self.lines, &self.conversation.told)
    }
}

#[cfg(test)]
mod tests {
    use localcoder_protocol::LineRange;

    use super::*;
    use crate::{Command, Layout, Limits, prepare};

    const CODE: &str = "def add(a, b):\n    total = a + b\n    return total\n";

    fn task(question: Option<&str>, earlier: &[Exchange]) -> Task {
        task_on(CODE, question, earlier)
    }

    fn task_on(code: &str, question: Option<&str>, earlier: &[Exchange]) -> Task {
        let document =
            DocumentText { path: "a.py".to_owned(), language_id: None, text: code.to_owned() };
        let command = Command::new("explain", question).unwrap();
        let end = u32::try_from(code.lines().count()).unwrap();
        let task = prepare(&document, LineRange { start: 1, end }, command).unwrap();
        task.with_conversation(earlier)
    }

    fn exchange(question: Option<&str>, answer: &str) -> Exchange {
        Exchange { question: question.map(str::to_owned), answer: answer.to_owned() }
    }

    fn layout(task: &Task, window_tokens: u32) -> Layout {
        let texts = task.texts_to_count(Prompts::usual());
        let counts: Vec<u32> =
            texts.iter().map(|text| u32::try_from(text.len().div_ceil(4)).unwrap()).collect();
        let limits = Limits { window_tokens, trained_context_tokens: 32_768 };
        task.layout(Prompts::usual(), &counts, limits).unwrap()
    }

    #[test]
    fn a_question_follows_what_was_said_and_the_code_is_read_once() {
        let first = layout(&task(None, &[]), 4096);
        assert_eq!(first.earlier, []);
        let earlier = [exchange(None, "It adds."), exchange(Some("Why?"), "To have a sum.")];
        let next = layout(&task(Some("And `b`?"), &earlier), 4096);
        let said: Vec<_> = next.earlier.iter().map(|it| (it.role, it.content.as_str())).collect();
        let words = |question| {
            let task = task(Some(question), &[]);
            Prompts::usual().words(task.order())
        };
        let why = words("Why?");
        assert_eq!(
            said,
            [
                // What was read for the explanation is the beginning of this prompt, byte for byte.
                (Role::User, first.user.as_str()),
                (Role::Assistant, "It adds."),
                (Role::User, why.as_str()),
                (Role::Assistant, "To have a sum."),
            ]
        );
        assert_eq!(next.user, words("And `b`?"));
        assert!(next.context.conversation_tokens > 0 && next.context.exchanges_omitted == 0);
    }

    #[test]
    fn a_question_alone_is_about_the_code() {
        let layout = layout(&task(Some("What is `a`?"), &[]), 4096);
        assert!(layout.user.contains("total = a + b") && layout.user.contains("What is `a`?"));
    }

    #[test]
    fn a_model_that_was_taught_no_questions_explains_and_it_is_said() {
        let asked = task(Some("What is `a`?"), &[]);
        let words = Prompts::of_demo().words(asked.order());
        assert_eq!(words, Prompts::of_demo().words(task(None, &[]).order()));
        assert_eq!(asked.text_notes(Prompts::of_demo()).len(), 1);
        assert_eq!(task(None, &[]).text_notes(Prompts::of_demo()), [] as [&str; 0]);
        assert_eq!(asked.text_notes(Prompts::usual()), [] as [&str; 0]);
    }

    #[test]
    fn what_to_watch_out_for_is_asked_where_something_is_known() {
        let swallows = "try:\n    g()\nexcept:\n";
        let user = |code: &str, question| layout(&task_on(code, question, &[]), 4096).user;
        let told = user(&format!("{swallows}    pass\n"), None);
        assert!(told.contains("watch out") && told.contains("`except:`"), "{told}");
        assert!(!user(CODE, None).contains("watch out"));
        // A question is answered, and nothing else with it.
        assert!(!user(swallows, Some("What is `g`?")).contains("watch out"));
    }

    #[test]
    fn the_oldest_is_left_out_first_and_counted() {
        let long = "It adds. ".repeat(60);
        let earlier: Vec<_> =
            (0..40).map(|number| exchange(Some(&format!("Question {number}?")), &long)).collect();
        let layout = layout(&task(Some("And now?"), &earlier), 2048);
        let told = u32::try_from(layout.earlier.len() / 2).unwrap();
        assert!(told > 1, "{told}");
        assert_eq!(layout.context.exchanges_omitted, 40 - told);
        let (first, last) = (&layout.earlier[0], &layout.earlier[layout.earlier.len() - 2]);
        assert!(first.content.contains("total = a + b"), "the code stays: {}", first.content);
        assert!(first.content.contains(&format!("Question {}?", 40 - told)));
        assert!(last.content.contains("Question 39?"));
        let used = layout.context.conversation_tokens + layout.max_tokens;
        assert!(used < 2048 && layout.max_tokens == Length::Medium.tokens_max());
    }

    #[test]
    fn an_answer_beyond_any_window_is_not_even_counted() {
        let earlier = [
            exchange(None, "It adds."),
            exchange(Some("Why?"), &"x".repeat(EXCHANGE_BYTES_MAX)),
            exchange(Some("So?"), "So."),
        ];
        let task = task(Some("And?"), &earlier);
        assert_eq!((task.conversation.len(), task.conversation.left_out), (1, 2));
    }

    #[test]
    fn a_line_that_a_question_names_is_reported_and_can_be_named() {
        let task = task(Some("What does line 2 do? And line 7?"), &[]);
        let user = layout(&task, 4096).user;
        assert!(user.contains("Line 2 is: total = a + b") && !user.contains("Line 7 is"), "{user}");
        let named = task.references("On line 2, and on line 3.");
        assert_eq!(named.iter().map(|it| it.words.as_str()).collect::<Vec<_>>(), ["line 2"]);
    }

    #[test]
    fn each_length_has_words_and_a_limit_of_its_own() {
        let of = |length| {
            let layout = layout(&task(None, &[]).with_length(length), 4096);
            (layout.user, layout.max_tokens)
        };
        let all = [of(Length::Short), of(Length::Medium), of(Length::Long)];
        assert!(all[0].1 < all[1].1 && all[1].1 < all[2].1);
        assert!(all[0].0 != all[1].0 && all[1].0 != all[2].0);
        assert!(all.iter().all(|(user, _)| !user.contains("{length}")));
    }
}
