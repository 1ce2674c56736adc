//! What is in the KV cache: for each purpose the tokens of its last prompt and answer, so that
//! the next prompt is computed only from where it differs from what is there. What is there is
//! known token by token and compared, never assumed.

use localcoder_protocol::Purpose;

use crate::llama::{Context, DecodeError, Sequence, Token};

/// A beginning is taken from another sequence only if it spares this many tokens more than the
/// own one: the rest of the own sequence is lost by it.
const SHARE_MIN_TOKENS: usize = 8;

/// A sequence that holds nothing but in the middle of one call.
const SCRATCH: Sequence = 3;
/// How many sequences a context has.
pub(crate) const SEQUENCES: usize = Purpose::ALL.len() + 1;

/// Why tokens were not computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SessionError {
    /// It was asked to end.
    Cancelled,
    /// llama.cpp failed.
    Decode(DecodeError),
}

/// One context and what it holds.
#[derive(Debug)]
pub(crate) struct Session {
    context: Context,
    window: usize,
    /// Whether the model's memory can be cut and shared.
    flexible: bool,
    sequences: [Held; Purpose::ALL.len()],
    current: usize,
    /// Counts the selections, for [`Held::used`].
    clock: u64,
}

/// What one sequence holds.
#[derive(Debug, Default)]
struct Held {
    /// Mirrors the cache, token by token.
    tokens: Vec<Token>,
    /// When it was selected last.
    used: u64,
}

impl Session {
    /// An empty session with a window of at most `window` tokens. `flexible`: whether the model's
    /// memory can be cut and shared.
    pub(crate) fn new(context: Context, window: u32, flexible: bool) -> Self {
        let window = window.min(context.context_tokens());
        Self {
            context,
            window: usize::try_from(window).unwrap_or(usize::MAX),
            flexible,
            sequences: Default::default(),
            current: 0,
            clock: 0,
        }
    }

    /// Size of the window in tokens. llama.cpp may have made more; it is not used.
    pub(crate) fn window(&self) -> usize {
        self.window
    }

    /// Everything in the current sequence.
    pub(crate) fn tokens(&self) -> &[Token] {
        &self.sequences[self.current].tokens
    }

    /// How many tokens all sequences hold together; what they share counts once.
    pub(crate) fn held_tokens(&self) -> usize {
        let own = |index: usize| {
            let (before, held) = (&self.sequences[..index], &self.sequences[index].tokens);
            let shared = before.iter().map(|it| common_prefix(&it.tokens, held)).max();
            held.len() - shared.unwrap_or(0)
        };
        (0..self.sequences.len()).map(own).sum()
    }

    /// The state of a beginning that some sequence holds, and of nothing after it.
    pub(crate) fn state_of(&mut self, beginning: &[Token]) -> Option<Vec<u8>> {
        let holds = |held: &Held| held.tokens.starts_with(beginning);
        let from = self.sequences.iter().position(holds).filter(|_| self.flexible)?;
        self.context.share(number(from), SCRATCH, beginning.len());
        let state = self.context.state(SCRATCH);
        self.context.truncate(SCRATCH, 0);
        Some(state).filter(|state| !state.is_empty())
    }

    /// Begins with the state of a beginning that another session has computed; false, and empty
    /// as before, where something is held already or the state is not of these tokens.
    pub(crate) fn begin_with(&mut self, beginning: &[Token], state: &[u8]) -> bool {
        if self.held_tokens() > 0 || beginning.len() > self.window || !self.flexible {
            return false;
        }
        let sequence = number(0);
        if !self.context.restore(sequence, state) {
            return false;
        }
        if self.context.filled(sequence) != beginning.len() {
            self.context.truncate(sequence, 0);
            return false;
        }
        self.sequences[0].tokens = beginning.to_vec();
        true
    }

    /// Takes over what another session on the same model has computed, as far as it fits.
    pub(crate) fn adopt(&mut self, other: &mut Self) {
        for sequence in 0..self.sequences.len() {
            let state = other.context.state(number(sequence));
            if !other.sequences[sequence].tokens.is_empty()
                && self.context.restore(number(sequence), &state)
            {
                std::mem::swap(&mut self.sequences[sequence], &mut other.sequences[sequence]);
            }
        }
        (self.current, self.clock) = (other.current, other.clock);
    }

    /// Whether no further token fits.
    pub(crate) fn is_full(&self) -> bool {
        self.tokens().len() >= self.window
    }

    /// Whether what runs should end.
    pub(crate) fn cancel_asked(&self) -> bool {
        self.context.abort_asked()
    }

    /// Logits after the last token but `from_last`, of those that the last step asked for.
    pub(crate) fn logits(&self, from_last: usize) -> Option<&[f32]> {
        self.context.logits(from_last)
    }

    /// Most tokens of one [`Session::advance`].
    pub(crate) fn step_tokens(&self) -> usize {
        self.context.outputs()
    }

    /// Makes the sequence of a purpose the current one, with the longest beginning of `prompt`
    /// that any sequence holds, but at most `most` tokens. Returns how many are there.
    fn select(&mut self, purpose: Purpose, prompt: &[Token], most: usize) -> usize {
        self.current = index(purpose);
        self.clock += 1;
        self.sequences[self.current].used = self.clock;
        let common = |held: &Held| common_prefix(&held.tokens, prompt).min(most);
        let own = common(&self.sequences[self.current]);
        let (longest, other) = (0..self.sequences.len())
            .map(|other| (common(&self.sequences[other]), other))
            .max()
            .unwrap_or((0, self.current));
        if self.flexible && longest >= own + SHARE_MIN_TOKENS {
            self.cut(self.current, 0);
            self.context.share(number(other), number(self.current), longest);
            self.sequences[self.current].tokens = prompt[..longest].to_vec();
            return longest;
        }
        self.cut(self.current, own)
    }

    /// Makes the sequence hold exactly `prompt`, at most `step` tokens at a time, and returns how
    /// many tokens of it were there already. With `logits` the last token never is: its logits
    /// are what follows from. `progress` gets how many are there now, first and after each batch.
    pub(crate) fn prefill(
        &mut self,
        purpose: Purpose,
        prompt: &[Token],
        (step, logits): (usize, bool),
        mut progress: impl FnMut(usize),
    ) -> Result<usize, SessionError> {
        let most = prompt.len() - usize::from(logits && !prompt.is_empty());
        let cached = self.select(purpose, prompt, most);
        progress(cached);
        let step = step.clamp(1, self.context.batch_tokens());
        while self.tokens().len() < prompt.len() {
            if self.context.abort_asked() {
                return Err(SessionError::Cancelled);
            }
            let filled = self.tokens().len();
            let end = prompt.len().min(filled + step);
            self.compute(&prompt[filled..end], usize::from(logits && end == prompt.len()))?;
            progress(self.tokens().len());
        }
        Ok(cached)
    }

    /// Computes further tokens, with the logits after each.
    pub(crate) fn advance(&mut self, tokens: &[Token]) -> Result<(), SessionError> {
        self.compute(tokens, tokens.len())
    }

    /// Takes back the last `count` tokens. Only where the model's memory can be cut.
    pub(crate) fn take_back(&mut self, count: usize) -> Result<(), SessionError> {
        let wanted = self.tokens().len().saturating_sub(count);
        if count == 0 || self.cut(self.current, wanted) == wanted {
            return Ok(());
        }
        Err(SessionError::Decode(DecodeError::Invalid))
    }

    /// Cuts a sequence to its first `tokens` tokens and returns how many are left.
    fn cut(&mut self, sequence: usize, tokens: usize) -> usize {
        let left = self.context.truncate(number(sequence), tokens);
        self.sequences[sequence].tokens.truncate(left);
        self.sequences[sequence].tokens.len()
    }

    fn compute(&mut self, batch: &[Token], logits: usize) -> Result<(), SessionError> {
        loop {
            let sequence = number(self.current);
            let filled = self.tokens().len();
            let error = match self.context.decode(sequence, filled, batch, logits) {
                Ok(()) => {
                    self.sequences[self.current].tokens.extend_from_slice(batch);
                    return Ok(());
                }
                // The cells are another purpose's: the one used longest ago gives them up.
                Err(DecodeError::Full) if self.evict() => continue,
                Err(error) => error,
            };
            return Err(self.failed(batch, error));
        }
    }

    fn failed(&mut self, batch: &[Token], error: DecodeError) -> SessionError {
        match error {
            DecodeError::Aborted => {
                // What was finished before the flag was seen is still there.
                let filled = self.context.filled(number(self.current));
                let tokens = &mut self.sequences[self.current].tokens;
                tokens.extend_from_slice(batch);
                tokens.truncate(filled);
                SessionError::Cancelled
            }
            // The cache is as before.
            DecodeError::Full | DecodeError::Invalid => SessionError::Decode(error),
            DecodeError::OutOfMemory | DecodeError::Failed(_) => {
                // Nobody knows what is in it now.
                self.context.clear();
                self.sequences.iter_mut().for_each(|held| held.tokens.clear());
                SessionError::Decode(error)
            }
        }
    }

    /// Empties the sequence that was used longest ago, but the current one; false where all
    /// others are empty.
    fn evict(&mut self) -> bool {
        let others = (0..self.sequences.len())
            .filter(|it| *it != self.current && !self.sequences[*it].tokens.is_empty());
        let Some(oldest) = others.min_by_key(|it| self.sequences[*it].used) else { return false };
        self.cut(oldest, 0);
        true
    }
}

fn index(purpose: Purpose) -> usize {
    Purpose::ALL.iter().position(|it| *it == purpose).unwrap_or(0)
}

fn number(index: usize) -> Sequence {
    // There are three.
    Sequence::try_from(index).unwrap_or(0)
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
