//! How much of the file fits in addition to the selection, and how long the answer may be.
//!
//! Pure arithmetic on token counts that the worker made. It decides numbers only; `edit` takes
//! the lines. The nearest lines come first, two tokens before the selection for one after it.

use crate::layout::Limits;

/// A model with a shorter training context than this is a toy: it gets lost in a long prompt.
const SMALL_TRAINED_TOKENS: u32 = 2048;

const SMALL_SURROUNDINGS_MAX: u32 = 160;

/// Most tokens of surroundings for any model; more costs time and adds little. Every token here is
/// read before the first token of the answer, so this bounds the wait as well as the room.
const SURROUNDINGS_MAX: u32 = 1024;

/// The outline (lines elsewhere in the file that the selection uses) may take one fourth of what
/// the prompt has of the file: more would crowd out the lines next to the selection.
const OUTLINE_SHARE: u32 = 4;

/// Room for the chat template's own tokens, for tokens that split differently where texts meet,
/// and for the line that a second attempt adds.
const RESERVE_TOKENS: u32 = 96;

/// Room that every command is given when surroundings are chosen, so that commands on one
/// selection get the same surroundings and share the beginning of their prompts.
const COMMAND_TOKENS: u32 = 64;

/// Room that is kept for a text about the code when surroundings are chosen, however long it is to
/// be, and the least that such a text is worth starting with.
const TEXT_TOKENS: (u32, u32) = (400, 96);

/// What the chat template adds around a question and its answer.
const EXCHANGE_TOKENS: u32 = 16;

/// What an edit may add to a selection, in addition to three tenths of it: a documentation comment
/// with an example of its use took 120, and was cut off at 64.
const GROWTH_TOKENS: u32 = 160;
/// Most tokens of new code, about 60 lines, and the least it is worth starting with.
const NEW_TOKENS: (u32, u32) = (600, 96);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Answer {
    Edit,
    New,
    Text(u32),
}

/// Token counts of the parts of a prompt, as the worker made them. `before` and `after` have a
/// count for each line, from the selection outwards; `outline` has one for each line elsewhere that
/// the selection uses, the most useful first; `conversation` one for each earlier question with its
/// answer, the latest first. `overhead` is the system message with the headings, `command` the
/// instruction.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Counts<'a> {
    pub(crate) overhead: u32,
    pub(crate) command: u32,
    pub(crate) selection: u32,
    pub(crate) before: &'a [u32],
    pub(crate) after: &'a [u32],
    pub(crate) outline: &'a [u32],
    pub(crate) conversation: &'a [u32],
}

/// What fits into the window: how many entries of each list in [`Counts`], taken from its front.
/// `outline` is 0 if the whole file is given, as nothing is left to be summed up. `free_tokens` is
/// all that is left for an answer, of which `max_tokens` is granted at first; a second attempt may
/// take up to the whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Plan {
    pub(crate) before: usize,
    pub(crate) after: usize,
    pub(crate) outline: usize,
    pub(crate) exchanges: usize,
    pub(crate) conversation_tokens: u32,
    pub(crate) max_tokens: u32,
    pub(crate) free_tokens: u32,
    pub(crate) surroundings_tokens: u32,
}

/// The selection and its answer do not fit the window, in tokens: what prompt and answer need at
/// least, what there is, and the largest selection that would fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TooLarge {
    pub(crate) needed: u32,
    pub(crate) window: u32,
    pub(crate) selection_max: u32,
}

/// Chooses lines and limits. What surrounds the selection depends on the selection alone, not on
/// the command or on earlier questions: commands on one selection then have a prompt that begins
/// alike, and the worker keeps what it has read of it.
pub(crate) fn plan(counts: Counts<'_>, limits: Limits, answer: Answer) -> Result<Plan, TooLarge> {
    // A window may be set larger than what the model was trained on; beyond that positions mean
    // nothing to it. Sums saturate: counts come from another process.
    let window = limits.window_tokens.min(limits.trained_context_tokens.max(1));
    let fixed = counts.overhead.saturating_add(counts.command).saturating_add(RESERVE_TOKENS);
    let (wanted, least) = answer_tokens(counts.selection, answer);
    let prompt = fixed.saturating_add(counts.selection);
    let needed = prompt.saturating_add(least);
    if needed > window {
        let left = window.saturating_sub(fixed);
        // Prompt and answer both have the selection, and the answer a tenth more: 2.1 times in all.
        let selection_max = match answer {
            Answer::Edit => left.saturating_sub(answer_tokens(0, answer).1) * 10 / 21,
            Answer::New | Answer::Text(_) => left.saturating_sub(least),
        };
        return Err(TooLarge { needed, window, selection_max });
    }
    let free = window - prompt;
    // Room for the longest answer that any command could ask of this selection, for the same reason
    // as `COMMAND_TOKENS`: the surroundings must not depend on which one is asked.
    let longest = answer_tokens(counts.selection, Answer::Edit).0.max(TEXT_TOKENS.0);
    let reserved = longest.saturating_add(COMMAND_TOKENS.saturating_sub(counts.command));
    let room =
        free.saturating_sub(reserved).min(surroundings_max(window, limits.trained_context_tokens));
    let (mut before, mut after, mut used) = nearest(counts.before, counts.after, room);
    let mut outline = 0;
    // Only a file that does not fit has an outline, so what the neighboring lines may take is known
    // after a first try with all the room.
    if (before, after) != (counts.before.len(), counts.after.len()) {
        let (lines, tokens) = while_they_fit(counts.outline, room / OUTLINE_SHARE);
        (before, after, used) = nearest(counts.before, counts.after, room - tokens);
        (outline, used) = (lines, used + tokens);
    }
    // The surroundings were chosen without regard to the conversation, so that they stay the same
    // and what was read of them need not be read again.
    let (exchanges, conversation_tokens) =
        latest(counts.conversation, (free - used).saturating_sub(wanted));
    let free_tokens = free - used - conversation_tokens;
    Ok(Plan {
        before,
        after,
        outline,
        exchanges,
        conversation_tokens,
        max_tokens: wanted.min(free_tokens),
        free_tokens,
        surroundings_tokens: used,
    })
}

/// How long the answer may become, and how long it must be able to become.
fn answer_tokens(selection: u32, answer: Answer) -> (u32, u32) {
    match answer {
        Answer::Edit => {
            let tenth = selection.div_ceil(10);
            (
                selection.saturating_add(3 * tenth + GROWTH_TOKENS),
                selection.saturating_add(tenth + 16),
            )
        }
        Answer::New => NEW_TOKENS,
        Answer::Text(most) => (most, TEXT_TOKENS.1.min(most)),
    }
}

fn latest(counts: &[u32], room: u32) -> (usize, u32) {
    let with_template: Vec<u32> =
        counts.iter().map(|tokens| tokens.saturating_add(EXCHANGE_TOKENS)).collect();
    while_they_fit(&with_template, room)
}

fn surroundings_max(window: u32, trained: u32) -> u32 {
    let most = (window / 3).min(SURROUNDINGS_MAX);
    if trained <= SMALL_TRAINED_TOKENS { most.min(SMALL_SURROUNDINGS_MAX) } else { most }
}

fn while_they_fit(counts: &[u32], room: u32) -> (usize, u32) {
    let mut used = 0_u32;
    let fits = counts.iter().take_while(|tokens| {
        let all = used.saturating_add(**tokens);
        let fits = all <= room;
        used = if fits { all } else { used };
        fits
    });
    (fits.count(), used)
}

/// Takes whole lines from both sides while they fit. A side ends at its first line that does not
/// fit: lines from beyond a gap would mislead the model.
fn nearest(before: &[u32], after: &[u32], room: u32) -> (usize, usize, u32) {
    let mut sides = [Side::new(before), Side::new(after)];
    loop {
        let used = sides[0].tokens + sides[1].tokens;
        // The nearest line that is too long ends its side, while the other side may continue.
        let next = |side: &Side<'_>| side.next().filter(|&tokens| tokens <= room - used);
        let prefers_before = sides[0].tokens <= 2 * sides[1].tokens;
        let order = if prefers_before { [0, 1] } else { [1, 0] };
        match order.into_iter().find_map(|side| Some((side, next(&sides[side])?))) {
            Some((side, tokens)) => sides[side].take(tokens),
            None => return (sides[0].taken, sides[1].taken, used),
        }
    }
}

struct Side<'a> {
    counts: &'a [u32],
    taken: usize,
    tokens: u32,
}

impl<'a> Side<'a> {
    fn new(counts: &'a [u32]) -> Self {
        Self { counts, taken: 0, tokens: 0 }
    }

    fn next(&self) -> Option<u32> {
        self.counts.get(self.taken).copied()
    }

    fn take(&mut self, tokens: u32) {
        self.taken += 1;
        self.tokens += tokens;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn limits(window_tokens: u32, trained_context_tokens: u32) -> Limits {
        Limits { window_tokens, trained_context_tokens }
    }

    fn counts<'a>(selection: u32, before: &'a [u32], after: &'a [u32]) -> Counts<'a> {
        Counts {
            overhead: 80,
            command: 20,
            selection,
            before,
            after,
            outline: &[],
            conversation: &[],
        }
    }

    #[test]
    fn a_rewrite_may_grow_by_a_third_and_an_explanation_is_short() {
        let limit = |answer, selection| {
            plan(counts(selection, &[], &[]), limits(4096, 32768), answer).unwrap().max_tokens
        };
        assert_eq!(limit(Answer::Edit, 100), 290);
        assert_eq!(limit(Answer::Text(400), 100), 400);
        // 4096 - 100 - 96 - 1800 leaves less than the limit for an edit.
        assert_eq!(limit(Answer::Edit, 1800), 2100);
    }

    #[test]
    fn the_nearest_lines_come_first_and_twice_as_many_before_as_after() {
        let plan =
            plan(counts(10, &[10; 500], &[10; 500]), limits(1200, 32768), Answer::Edit).unwrap();
        assert_eq!((plan.before, plan.after), (27, 13));
        assert_eq!(plan.free_tokens, 1200 - 100 - 96 - 10 - 400);
    }

    #[test]
    fn every_command_on_one_selection_gets_the_same_surroundings() {
        for selection in [10, 200, 400] {
            let lines = |answer, command| {
                let counts = Counts { command, ..counts(selection, &[10; 500], &[10; 500]) };
                let plan = plan(counts, limits(1200, 32768), answer).unwrap();
                (plan.before, plan.after)
            };
            assert_eq!(lines(Answer::Edit, 30), lines(Answer::Text(400), 15), "{selection}");
        }
    }

    #[test]
    fn what_is_used_takes_a_fourth_where_not_all_is_given_and_nothing_else() {
        let limits = limits(1200, 32768);
        let counts = Counts { outline: &[40; 9], ..counts(10, &[10; 500], &[10; 500]) };
        let plan = plan(counts, limits, Answer::Edit).unwrap();
        assert_eq!((plan.outline, plan.before, plan.after), (2, 21, 11));
        assert_eq!(plan.surroundings_tokens, 400);
        let all = Counts { before: &[10; 5], after: &[10; 5], ..counts };
        assert_eq!(super::plan(all, limits, Answer::Edit).unwrap().outline, 0);
    }

    #[test]
    fn a_side_ends_at_its_first_line_that_does_not_fit() {
        assert_eq!(nearest(&[5, 900, 1], &[7, 7], 100), (1, 2, 19));
        assert_eq!(nearest(&[], &[60, 60], 100), (0, 1, 60));
        assert_eq!(nearest(&[5], &[5], 0), (0, 0, 0));
    }

    #[test]
    fn surroundings_are_bounded_by_window_and_by_the_models_training() {
        for (window, trained, most) in [(4096, 32768, 1024), (1500, 32768, 500), (2048, 2048, 160)]
        {
            let plan =
                plan(counts(10, &[1; 5000], &[1; 5000]), limits(window, trained), Answer::Edit);
            let plan = plan.unwrap();
            assert_eq!(plan.before + plan.after, most, "{window} {trained}");
        }
    }

    #[test]
    fn the_latest_of_a_conversation_fit_and_surroundings_stay_as_they_were() {
        let limits = limits(1500, 32768);
        let counts = counts(10, &[10; 500], &[10; 500]);
        let first = plan(counts, limits, Answer::Text(400)).unwrap();
        let told = Counts { conversation: &[50, 40, 900, 1], ..counts };
        let next = plan(told, limits, Answer::Text(200)).unwrap();
        assert_eq!((first.before, first.after), (next.before, next.after));
        // The first exchange that does not fit ends the list: anything before it would lack its
        // context.
        assert_eq!((next.exchanges, next.conversation_tokens), (2, 90 + 2 * EXCHANGE_TOKENS));
        assert_eq!(next.free_tokens, first.free_tokens - next.conversation_tokens);
    }

    #[test]
    fn a_long_text_takes_what_is_free_and_no_more() {
        let counts = counts(10, &[10; 500], &[10; 500]);
        let room = |window| plan(counts, limits(window, 32768), Answer::Text(800)).unwrap();
        assert_eq!(room(8192).max_tokens, 800);
        let small = room(1200);
        assert_eq!(small.max_tokens, small.free_tokens);
    }

    #[test]
    fn what_does_not_fit_is_refused_with_numbers() {
        let refused = plan(counts(3000, &[], &[]), limits(4096, 32768), Answer::Edit).unwrap_err();
        assert_eq!(refused, TooLarge { needed: 6512, window: 4096, selection_max: 1849 });
        let fits = counts(refused.selection_max, &[], &[]);
        assert!(plan(fits, limits(4096, 32768), Answer::Edit).is_ok());
        assert!(plan(counts(u32::MAX, &[], &[]), limits(1, 0), Answer::Text(400)).is_err());
    }

    proptest! {
        #[test]
        fn prompt_and_answer_never_exceed_the_window(
            selection in 0_u32..6000, window in 1_u32..9000, trained in 1_u32..9000,
            before in prop::collection::vec(0_u32..80, 0..200),
            after in prop::collection::vec(0_u32..80, 0..200),
            conversation in prop::collection::vec(0_u32..900, 0..9),
            explains: bool, text in 1_u32..2000,
        ) {
            let answer = if explains { Answer::Text(text) } else { Answer::Edit };
            let counts = Counts { conversation: &conversation, ..counts(selection, &before, &after) };
            if let Ok(plan) = plan(counts, limits(window, trained), answer) {
                let lines: u32 = before[..plan.before].iter().chain(&after[..plan.after]).sum();
                let told: u32 = conversation[..plan.exchanges].iter().map(|it| it + EXCHANGE_TOKENS).sum();
                let prompt = 100 + RESERVE_TOKENS + selection + lines + told;
                prop_assert_eq!(prompt + plan.free_tokens, window.min(trained));
                prop_assert!(plan.max_tokens <= plan.free_tokens);
            }
        }
    }
}
