//! What is in the KV cache: the tokens of the last prompt and answer, so that the next prompt
//! is computed only from where it differs.

use crate::llama::{Context, DecodeError, Token};

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
    /// Mirrors the cache, token by token.
    tokens: Vec<Token>,
}

impl Session {
    /// An empty session with a window of at most `window` tokens.
    pub(crate) fn new(context: Context, window: u32) -> Self {
        let window = window.min(context.context_tokens());
        Self { context, window: usize::try_from(window).unwrap_or(usize::MAX), tokens: Vec::new() }
    }

    /// Size of the window in tokens. llama.cpp may have made more; it is not used.
    pub(crate) fn window(&self) -> usize {
        self.window
    }

    /// Everything in the cache.
    pub(crate) fn tokens(&self) -> &[Token] {
        &self.tokens
    }

    /// Whether no further token fits.
    pub(crate) fn is_full(&self) -> bool {
        self.tokens.len() >= self.window
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

    /// Makes the cache hold exactly `prompt`, at most `step` tokens at a time, and returns how
    /// many tokens of it were there already. `progress` gets how many are there now, first and after each batch. The last
    /// one is always computed: its logits are what follows from.
    pub(crate) fn prefill(
        &mut self,
        prompt: &[Token],
        step: usize,
        mut progress: impl FnMut(usize),
    ) -> Result<usize, SessionError> {
        let common = common_prefix(&self.tokens, prompt).min(prompt.len().saturating_sub(1));
        let cached = self.context.truncate(common);
        self.tokens.truncate(cached);
        let cached = self.tokens.len();
        progress(cached);
        let step = step.clamp(1, self.context.batch_tokens());
        while self.tokens.len() < prompt.len() {
            if self.context.abort_asked() {
                return Err(SessionError::Cancelled);
            }
            let end = prompt.len().min(self.tokens.len() + step);
            let batch = &prompt[self.tokens.len()..end];
            self.compute(batch, usize::from(end == prompt.len()))?;
            progress(self.tokens.len());
        }
        Ok(cached)
    }

    /// Computes further tokens, with the logits after each.
    pub(crate) fn advance(&mut self, tokens: &[Token]) -> Result<(), SessionError> {
        self.compute(tokens, tokens.len())
    }

    /// Takes back the last `count` tokens. Where the model's memory can't do that, all before
    /// them is computed again.
    pub(crate) fn take_back(&mut self, count: usize) -> Result<(), SessionError> {
        if count == 0 {
            return Ok(());
        }
        let wanted = self.tokens.len().saturating_sub(count);
        if self.context.truncate(wanted) == wanted {
            self.tokens.truncate(wanted);
            return Ok(());
        }
        let kept = self.tokens[..wanted].to_vec();
        self.tokens.truncate(self.context.filled());
        self.prefill(&kept, usize::MAX, |_| {}).map(|_| ())
    }

    fn compute(&mut self, batch: &[Token], logits: usize) -> Result<(), SessionError> {
        let Err(error) = self.context.decode(self.tokens.len(), batch, logits) else {
            self.tokens.extend_from_slice(batch);
            return Ok(());
        };
        match error {
            DecodeError::Aborted => {
                // What was finished before the flag was seen is still there.
                self.tokens.extend_from_slice(batch);
                let filled = self.context.filled();
                self.tokens.truncate(filled);
                Err(SessionError::Cancelled)
            }
            // The cache is as before.
            DecodeError::Full | DecodeError::Invalid => Err(SessionError::Decode(error)),
            DecodeError::OutOfMemory | DecodeError::Failed(_) => {
                // Nobody knows what is in it now.
                self.context.truncate(0);
                self.tokens.clear();
                Err(SessionError::Decode(error))
            }
        }
    }
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
