//! The contents of the KV cache: for each purpose the tokens of its last prompt and answer, so that
//! the next prompt is computed only from where it differs. What the cache holds is recorded token
//! by token and compared, never assumed.
//!
//! A model that folds what it reads into a state has sequences that can't be cut. For those, copies
//! of sequences are kept at the places where prompts diverge, to go back to. A copy is only a mark
//! on cells; its state is copied when one of the two sequences continues.

use localcoder_protocol::Purpose;

use crate::llama::{Context, DecodeError, MemoryKind, Sequence, Token};

/// A beginning is taken from another sequence only if it saves this many tokens more than the
/// sequence's own beginning does: taking it loses the rest of what the sequence has.
const SHARE_MIN_TOKENS: usize = 8;

/// Up to this many tokens are read again rather than splitting a step at the place where prompts
/// diverge.
const PARTING_TOKENS: usize = 32;

const PURPOSES: usize = Purpose::ALL.len();
/// A sequence that is empty except during a call; for a state that is folded, it keeps the current
/// sequence as it was before its last step.
const SCRATCH: Sequence = 3;
const _: () = assert!(PURPOSES == 3);
pub(crate) const SEQUENCES: usize = PURPOSES + 1;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SessionError {
    Cancelled,
    /// The only room left is taken by tokens that must not be evicted.
    Reserved,
    Decode(DecodeError),
}

#[derive(Debug)]
pub(crate) struct Session {
    context: Context,
    window: usize,
    /// Those of the purposes first, then the copies that are kept.
    sequences: Vec<SequenceState>,
    current: usize,
    /// How many tokens the current sequence held before its last step, if there is a copy from
    /// then.
    guard: Option<usize>,
    clock: u64,
}

#[derive(Debug, Default)]
struct SequenceState {
    /// The tokens of the sequence. The cache has the first [`SequenceState::computed`] of them.
    tokens: Vec<Token>,
    /// How many of the tokens are in the cache. The rest is computed with the next step.
    computed: usize,
    /// The clock of the session when it was last selected, or served as a beginning: the least
    /// recently used one is the first to be replaced or evicted.
    used: u64,
}

impl SequenceState {
    fn in_cache(&self) -> &[Token] {
        &self.tokens[..self.computed]
    }

    fn hold(&mut self, tokens: &[Token]) {
        self.tokens = tokens.to_vec();
        self.computed = tokens.len();
    }

    fn cut(&mut self, tokens: usize) {
        self.tokens.truncate(tokens);
        self.computed = self.tokens.len();
    }
}

impl Session {
    /// An empty session with a window of at most `window` tokens, and room for `kept` sequences in
    /// addition to those of the purposes.
    pub(crate) fn new(context: Context, window: u32, kept: usize) -> Self {
        let window = window.min(context.context_tokens());
        Self {
            context,
            window: usize::try_from(window).unwrap_or(usize::MAX),
            sequences: (0..PURPOSES + kept).map(|_| SequenceState::default()).collect(),
            current: 0,
            guard: None,
            clock: 0,
        }
    }

    /// Size of the window in tokens. llama.cpp may have allocated more, which is not used.
    pub(crate) fn window(&self) -> usize {
        self.window
    }

    pub(crate) fn tokens(&self) -> &[Token] {
        &self.sequences[self.current].tokens
    }

    /// How many tokens all sequences hold together; shared ones count once.
    pub(crate) fn held_tokens(&self) -> usize {
        let own = |index: usize| {
            let (before, held) = (&self.sequences[..index], self.sequences[index].in_cache());
            let shared = before.iter().map(|it| common_prefix(it.in_cache(), held)).max();
            held.len() - shared.unwrap_or(0)
        };
        (0..self.sequences.len()).map(own).sum()
    }

    /// Whether tokens that were computed as a guess can be taken back. If not, the caller must not
    /// pass any to [`Session::advance`]: there would be nothing to go back to.
    pub(crate) fn can_take_back(&self) -> bool {
        self.context.memory() != MemoryKind::Fixed
    }

    /// Whether taking tokens back means computing some of them again with the next step.
    pub(crate) fn computes_again(&self) -> bool {
        self.is_folded() && self.context.states_back() + 1 < self.context.outputs()
    }

    /// How many tokens the next step computes in addition to those that it is given. They are known
    /// but not in the cache: [`Session::take_back`] went back to a copy that ends before them. The
    /// caller plans with them, since they take room in a step and time.
    pub(crate) fn owed(&self) -> usize {
        let held = &self.sequences[self.current];
        held.tokens.len() - held.computed
    }

    /// Whether it has to be foreseen where prompts diverge: see [`Session::prefill`].
    pub(crate) fn is_folded(&self) -> bool {
        self.context.memory() == MemoryKind::Folded
    }

    /// The state of exactly this beginning, for [`Session::begin_with`] of another process; `None`
    /// if no sequence holds it or llama.cpp can't cut one there. Uses the scratch sequence, so the
    /// guard is lost.
    pub(crate) fn state_of(&mut self, beginning: &[Token]) -> Option<Vec<u8>> {
        let holds = |held: &SequenceState| held.in_cache().starts_with(beginning);
        let holders: Vec<usize> =
            (0..self.sequences.len()).filter(|it| holds(&self.sequences[*it])).collect();
        self.drop_guard();
        let context = &mut self.context;
        // Several may hold it, but a folded state can only be shared as a whole: try each.
        holders.iter().find(|it| context.share(number(**it), SCRATCH, beginning.len()))?;
        let state = self.context.state(SCRATCH);
        self.context.truncate(SCRATCH, 0);
        Some(state).filter(|state| !state.is_empty())
    }

    /// Starts from the state of a beginning that another session has computed. False, and empty as
    /// before, if the session is not empty or the state is not that of these tokens.
    pub(crate) fn begin_with(&mut self, beginning: &[Token], state: &[u8]) -> bool {
        let is_known = self.context.memory() != MemoryKind::Fixed;
        if self.held_tokens() > 0 || beginning.len() > self.window || !is_known {
            return false;
        }
        let sequence = number(0);
        if !self.context.restore(sequence, state) {
            return false;
        }
        // A state may fit this model and be that of another number of tokens; then every later
        // token would be put at a wrong position.
        if self.context.filled(sequence) != beginning.len() {
            self.context.truncate(sequence, 0);
            return false;
        }
        self.sequences[0].hold(beginning);
        true
    }

    /// Takes over what another session on the same model has computed, as far as it fits; what does
    /// not stays empty here and is read again. Only states are copied: no token is computed.
    /// `other` is left with what this session had, which is nothing.
    pub(crate) fn adopt(&mut self, other: &mut Self) {
        for sequence in 0..self.sequences.len().min(other.sequences.len()) {
            if other.sequences[sequence].computed == 0 {
                continue;
            }
            let state = other.context.state(number(sequence));
            if self.context.restore(number(sequence), &state) {
                std::mem::swap(&mut self.sequences[sequence], &mut other.sequences[sequence]);
            }
        }
        (self.current, self.clock) = (other.current, other.clock);
    }

    pub(crate) fn is_full(&self) -> bool {
        self.tokens().len() >= self.window
    }

    pub(crate) fn cancel_asked(&self) -> bool {
        self.context.abort_asked()
    }

    /// Logits after the token that is `from_last` before the last one, if the last step computed
    /// them.
    pub(crate) fn logits(&self, from_last: usize) -> Option<&[f32]> {
        self.context.logits(from_last)
    }

    /// Most tokens of one [`Session::advance`] such that all but the first can be taken back.
    /// Changes from step to step for a model with a state, so it is asked before each guess.
    pub(crate) fn step_tokens(&self) -> usize {
        let outputs = self.context.outputs();
        // Without a copy to go back to, a longer guess that turns out wrong could not be taken
        // back, and the generation would fail.
        let has_copy = self.guard.is_some() || self.context.can_share(number(self.current));
        if self.is_folded() && !has_copy {
            // There are only the states that the step itself keeps.
            outputs.min(self.context.states_back() + 1)
        } else {
            outputs
        }
    }

    /// Makes the sequence of a purpose the current one, with the longest beginning of `prompt` that
    /// any sequence holds, but at most `most` tokens. Returns how many tokens that is.
    ///
    /// Its own beginning is preferred to a slightly longer one of another sequence: to take that
    /// over, the sequence is emptied first, and what it had read behind the beginning is lost to a
    /// prompt that returns to it. A folded state can only be taken over whole, so there it is the
    /// kept copies that others begin with.
    fn select(&mut self, purpose: Purpose, prompt: &[Token], most: usize) -> usize {
        self.drop_guard();
        self.current = index(purpose);
        self.clock += 1;
        let current = self.current;
        // Tokens that are owed are not in the cache, so neither this prompt nor another can begin
        // with them.
        let computed = self.sequences[current].computed;
        self.sequences[current].cut(computed);
        self.sequences[current].used = self.clock;
        for kept in &mut self.sequences[PURPOSES..] {
            // A copy that this prompt begins with has served, even if a longer one is taken below:
            // otherwise the common beginning of all prompts would be the first to be replaced.
            if kept.computed > 0 && prompt.starts_with(kept.in_cache()) {
                kept.used = self.clock;
            }
        }
        let own = self.usable(current, prompt, most);
        let (longest, other) = (0..self.sequences.len())
            .map(|other| (self.usable(other, prompt, most), other))
            .max()
            .unwrap_or((0, current));
        if longest < own + SHARE_MIN_TOKENS {
            return self.cut(current, own);
        }
        self.cut(current, 0);
        // The current sequence was emptied before, because llama.cpp adds to a sequence what it is
        // given and does not replace it.
        if !self.context.share(number(other), number(current), longest) {
            return 0;
        }
        self.sequences[current].hold(&prompt[..longest]);
        longest
    }

    /// How many tokens of a text would have to be read for a purpose.
    pub(crate) fn unread(&self, purpose: Purpose, text: &[Token]) -> usize {
        let held = |held: &SequenceState| common_prefix(held.in_cache(), text);
        let own = held(&self.sequences[index(purpose)]);
        let longest = self.sequences.iter().map(held).max().unwrap_or(0);
        text.len() - if longest < own + SHARE_MIN_TOKENS { own } else { longest }
    }

    /// How many tokens of what a sequence holds the current sequence can take over to begin a
    /// prompt with.
    fn usable(&self, sequence: usize, prompt: &[Token], most: usize) -> usize {
        let held = self.sequences[sequence].in_cache();
        let common = common_prefix(held, prompt).min(most);
        let whole = common == held.len();
        let can = match self.context.memory() {
            MemoryKind::Cells => true,
            _ if sequence == self.current => self.context.can_truncate(number(sequence), common),
            // What is folded into a state can only be shared as a whole, not up to some token.
            _ => whole && self.context.can_share(number(sequence)),
        };
        if can { common } else { 0 }
    }

    /// Where a prompt diverges from what is held, unless that is soon after a known place: other
    /// prompts may diverge there too.
    fn parting(&self, prompt: &[Token], known: &[usize]) -> Option<usize> {
        let common = |held: &SequenceState| common_prefix(&held.tokens, prompt);
        let longest = self.sequences.iter().map(common).max()?;
        let is_near = |it: &usize| (*it..*it + PARTING_TOKENS).contains(&longest);
        (!known.iter().any(is_near)).then_some(longest)
    }

    /// Makes the sequence hold exactly `prompt`, at most `step` tokens at a time, and returns how
    /// many of its tokens were there already. With `logits` the last token is always computed: its
    /// logits are what the answer starts from. `partings`: after how many tokens other prompts are
    /// likely to differ from this one, in order; used only if [`Session::is_folded`]. `progress`
    /// gets how many tokens are there now, at the start and after each batch.
    pub(crate) fn prefill(
        &mut self,
        purpose: Purpose,
        prompt: &[Token],
        (step, logits): (usize, bool),
        partings: &[usize],
        mut progress: impl FnMut(usize),
    ) -> Result<usize, SessionError> {
        // Even if the cache has the whole prompt: logits are not kept with it.
        let most = prompt.len() - usize::from(logits && !prompt.is_empty());
        let mut partings = partings.to_vec();
        if self.is_folded() {
            partings.extend(self.parting(prompt, &partings));
        }
        partings.retain(|tokens| (SHARE_MIN_TOKENS..=most).contains(tokens));
        let cached = self.select(purpose, prompt, most);
        self.set_guard();
        // Reached without a step, from another sequence or by a cut: the loop below would not pass
        // it.
        if partings.contains(&cached) {
            self.keep();
        }
        progress(cached);
        let step = step.clamp(1, self.context.batch_tokens());
        while self.tokens().len() < prompt.len() {
            if self.context.abort_asked() {
                return Err(SessionError::Cancelled);
            }
            let filled = self.tokens().len();
            // A step ends where prompts part: a folded state can be copied as it is after a step,
            // and not as it was in the middle of one.
            let parting = partings.iter().filter(|it| **it > filled).min();
            let end = prompt.len().min(filled + step).min(*parting.unwrap_or(&usize::MAX));
            self.compute(&prompt[filled..end], usize::from(logits && end == prompt.len()))?;
            if partings.contains(&end) {
                self.keep();
            }
            progress(self.tokens().len());
        }
        Ok(cached)
    }

    /// Keeps a copy of the current sequence as it is, in place of the least recently used one; of
    /// several such, in place of the longest, which the fewest prompts begin with. Without room for
    /// copies, as with a model with cells, it does nothing; a failed copy costs only the place.
    fn keep(&mut self) {
        let held = &self.sequences[self.current];
        let is_kept = |it: &usize| self.sequences[*it].in_cache() == held.tokens;
        let mut kept = PURPOSES..self.sequences.len();
        if let Some(kept) = kept.clone().find(is_kept) {
            self.sequences[kept].used = self.clock;
            return;
        }
        let Some(oldest) = kept.by_ref().min_by_key(|it| {
            let held = &self.sequences[*it];
            (held.used, std::cmp::Reverse(held.computed))
        }) else {
            return;
        };
        let tokens = held.in_cache().to_vec();
        self.cut(oldest, 0);
        if self.context.share(number(self.current), number(oldest), tokens.len()) {
            self.sequences[oldest].hold(&tokens);
            self.sequences[oldest].used = self.clock;
        }
    }

    /// Computes further tokens, with the logits after each. Returns how many were computed in all,
    /// including those of [`Session::owed`].
    pub(crate) fn advance(&mut self, tokens: &[Token]) -> Result<usize, SessionError> {
        let computed = self.sequences[self.current].computed;
        self.compute(tokens, tokens.len())?;
        Ok(self.sequences[self.current].computed - computed)
    }

    /// Takes back the last `count` tokens of the last step; an earlier step can't be gone back
    /// into. Only if [`Session::can_take_back`]. Costs nothing for a model with cells. For one with
    /// a state it may leave tokens owed, see [`Session::owed`].
    pub(crate) fn take_back(&mut self, count: usize) -> Result<(), SessionError> {
        let held = &self.sequences[self.current];
        let wanted = held.tokens.len().saturating_sub(count);
        if count == 0 {
            return Ok(());
        }
        // The cheapest first. Cells are cut, and so is a folded state as far as llama.cpp keeps
        // earlier ones. Otherwise the copy from before the step takes its place, and the tokens
        // between the two are owed: they are known, and computed together with the next step.
        let can =
            wanted <= held.computed && self.context.can_truncate(number(self.current), wanted);
        if can && self.cut(self.current, wanted) == wanted {
            return Ok(());
        }
        if self.guard.is_some_and(|guard| guard <= wanted) && self.go_back() {
            self.sequences[self.current].tokens.truncate(wanted);
            return Ok(());
        }
        Err(SessionError::Decode(DecodeError::Invalid))
    }

    fn cut(&mut self, sequence: usize, tokens: usize) -> usize {
        let left = self.context.truncate(number(sequence), tokens);
        self.sequences[sequence].cut(left);
        self.sequences[sequence].tokens.len()
    }

    fn compute(&mut self, batch: &[Token], logits: usize) -> Result<(), SessionError> {
        let owed = self.owed();
        // What is owed was not counted when the batch was made as large as a step may be.
        if owed > 0 && owed + batch.len() > self.context.batch_tokens() {
            self.compute_all(&[], 0)?;
        }
        self.compute_all(batch, logits)
    }

    fn compute_all(&mut self, batch: &[Token], logits: usize) -> Result<(), SessionError> {
        let held = &mut self.sequences[self.current];
        let (known, computed) = (held.tokens.len(), held.computed);
        held.tokens.extend_from_slice(batch);
        if held.tokens.len() - computed > 1 {
            self.set_guard();
        }
        loop {
            let sequence = number(self.current);
            let tokens = &self.sequences[self.current].tokens[computed..];
            let error = match self.context.decode(sequence, computed, tokens, logits) {
                Ok(()) => {
                    let held = &mut self.sequences[self.current];
                    held.computed = held.tokens.len();
                    return Ok(());
                }
                // The cells belong to other purposes: the least recently used one gives them up.
                Err(DecodeError::Full) if self.evict() => continue,
                Err(DecodeError::Full) if self.is_unasked() => {
                    self.sequences[self.current].tokens.truncate(known);
                    return Err(SessionError::Reserved);
                }
                Err(error) => error,
            };
            return Err(self.failed(known, error));
        }
    }

    /// Keeps the current sequence as it is before a step that may be taken back or cancelled. For a
    /// step of one token a copy costs more than it saves: then the copy from before an earlier step
    /// stays.
    fn set_guard(&mut self) {
        if !self.is_folded() {
            return;
        }
        let computed = self.sequences[self.current].computed;
        // An empty sequence needs no copy, and llama.cpp has nothing to copy.
        if computed == 0 {
            self.drop_guard();
            self.guard = Some(0);
            return;
        }
        // A state that was gone back to can't be copied, but after the next step it is possible to
        // go back again.
        if self.context.can_share(number(self.current)) {
            self.context.truncate(SCRATCH, 0);
            let shared = self.context.share(number(self.current), SCRATCH, computed);
            self.guard = shared.then_some(computed);
        }
    }

    fn drop_guard(&mut self) {
        self.context.truncate(SCRATCH, 0);
        self.guard = None;
    }

    /// Puts the current sequence back to what it was at the guard; its tokens stay. False if there
    /// is no guard.
    fn go_back(&mut self) -> bool {
        let Some(guard) = self.guard else { return false };
        let current = number(self.current);
        self.context.truncate(current, 0);
        // Nothing to copy is as good as a copy: an empty sequence is the state at its beginning.
        let there = guard == 0 || self.context.share(SCRATCH, current, guard);
        // `tokens` is not cut: what lies between the guard and its end is now owed.
        self.sequences[self.current].computed = if there { guard } else { 0 };
        there
    }

    /// Cleans up after a failed step, before which the sequence had `known` tokens: whatever
    /// llama.cpp has left in the cache, our record of it must be the same, or the next prompt would
    /// continue from tokens that are not there.
    fn failed(&mut self, known: usize, error: DecodeError) -> SessionError {
        let current = self.current;
        match error {
            DecodeError::Aborted if self.is_folded() => {
                // The state is now neither that before the step nor that after it.
                let left = if self.go_back() { self.sequences[current].computed } else { 0 };
                self.sequences[current].cut(left);
                SessionError::Cancelled
            }
            DecodeError::Aborted => {
                // What was finished before the flag was seen is still there.
                let filled = self.context.filled(number(current));
                self.sequences[current].cut(filled);
                SessionError::Cancelled
            }
            // The cache is as before.
            DecodeError::Full | DecodeError::Invalid => {
                self.sequences[current].tokens.truncate(known);
                SessionError::Decode(error)
            }
            DecodeError::OutOfMemory | DecodeError::Failed(_) => {
                // Its contents are undefined now.
                self.context.clear();
                self.guard = None;
                // Also those of other purposes: cells of all sequences are in the one buffer that
                // failed.
                self.sequences.iter_mut().for_each(|held| held.cut(0));
                SessionError::Decode(error)
            }
        }
    }

    /// Whether the running computation was not asked for by the user: then it must not evict
    /// anything that was read for an edit.
    fn is_unasked(&self) -> bool {
        self.current == index(Purpose::Completion)
            && !self.sequences[index(Purpose::Edit)].tokens.is_empty()
    }

    /// Empties the least recently used sequence, except the current one and those it must not
    /// evict; false if all others are empty. Cells are shared, so this may free fewer than the
    /// sequence held, and the caller tries until the step fits.
    fn evict(&mut self) -> bool {
        let reserved = self.is_unasked().then(|| index(Purpose::Edit));
        let others = (0..self.sequences.len()).filter(|it| {
            *it != self.current && Some(*it) != reserved && !self.sequences[*it].tokens.is_empty()
        });
        let Some(oldest) = others.min_by_key(|it| self.sequences[*it].used) else { return false };
        self.cut(oldest, 0);
        true
    }
}

fn index(purpose: Purpose) -> usize {
    Purpose::ALL.iter().position(|it| *it == purpose).unwrap_or(0)
}

fn number(index: usize) -> Sequence {
    // There are few, and [`SCRATCH`] comes between them.
    let number = if index < PURPOSES { index } else { index + 1 };
    Sequence::try_from(number).unwrap_or(0)
}

fn common_prefix(a: &[Token], b: &[Token]) -> usize {
    a.iter().zip(b).take_while(|(a, b)| a == b).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_common_prefix_ends_at_the_first_difference() {
        assert_eq!(common_prefix(&[1, 2, 3], &[1, 2, 4]), 2);
        assert_eq!(common_prefix(&[1, 2], &[1, 2, 3]), 2);
        assert_eq!(common_prefix(&[], &[1]), 0);
        assert_eq!(common_prefix(&[2], &[1]), 0);
    }
}
