//! Ghost text: what is suggested at the cursor while the user types. From a document and a place in
//! it to a prompt ([`Fill`]), and from what a model wrote to what is worth showing, or the reason
//! why nothing is.
//!
//! A prompt has the code before a place, then that after it, then what was typed since: so
//! everything but the typed text was already computed for the previous keystroke. [`Held`] is the
//! part that is to stay the same.

mod blanks;
mod circles;
mod clean;
mod gap;
mod header;
mod lines;
mod marks;
mod prompt;
mod secrets;
mod spot;
mod words;

use localcoder_protocol::{
    BlockEnd, CodeChunk, CompleteParams, GhostText, Infill, RecentEdit, Silence, WorkerPrompt,
};

use gap::Gap;
use lines::Lines;

use crate::errors::AssistError;
pub use prompt::{FillTokens, Held};
pub use spot::Spot;

/// Below this mean log-probability a suggestion is not shown. Of 50 suggestions of a 0.5B model,
/// for holes of a line and while those were typed, seven were below -0.35, six of them right, and
/// none below -0.7; the wrong ones score as high as the right ones, so a higher bound would hide
/// both.
const UNSURE_BELOW: f32 = -0.7;

/// What a model can be asked with: its own tokens for gaps, or words by its chat template, which is
/// worse.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FillWay {
    Tokens(FillTokens),
    Words,
}

/// One request, before a model is known: the same request may be answered by one model or the
/// other, so all that depends on the model is in [`Self::call`].
#[derive(Debug, Clone)]
pub struct Fill {
    gap: Gap,
    lines: Lines,
    chunks: Vec<CodeChunk>,
    edits: Vec<RecentEdit>,
    explicit: bool,
}

/// What the worker is asked, and what of it is kept for the next request. Generation ends at
/// `max_tokens`, at a string of `stop`, or where the layout leaves `block_end`.
#[derive(Debug)]
pub struct FillCall {
    pub prompt: WorkerPrompt,
    pub max_tokens: u32,
    pub stop: Vec<String>,
    pub block_end: Option<BlockEnd>,
    pub held: Held,
    pub infill: Infill,
}

impl Fill {
    /// Takes a request.
    ///
    /// # Errors
    /// The place is not in the document.
    pub fn new(params: &CompleteParams) -> Result<Self, AssistError> {
        let gap = Gap::new(&params.document, params.position)?;
        let CompleteParams { chunks, edits, explicit, .. } = params;
        let lines = Lines::of(&gap, *explicit);
        Ok(Self { gap, lines, chunks: chunks.clone(), edits: edits.clone(), explicit: *explicit })
    }

    /// The request as it would be if a suggestion had been accepted; computed while that suggestion
    /// is still shown, so that the next one is there at once. It is nobody's wish, so never
    /// explicit.
    #[must_use]
    pub fn accepting(&self, suggestion: &GhostText) -> Self {
        let gap = self.gap.accepting(suggestion);
        Self {
            lines: Lines::of(&gap, false),
            gap,
            chunks: self.chunks.clone(),
            edits: self.edits.clone(),
            explicit: false,
        }
    }

    /// The request in a new line, indented as editors do it; `None` if this line may continue.
    #[must_use]
    pub fn next_line(&self) -> Option<Self> {
        let line = self.gap.line_before();
        // Where a block begins, the suggestion for this line has brought the next ones already.
        let is_at_end = self.lines == Lines::One && !line.trim().is_empty();
        if !is_at_end || !self.gap.rest().is_empty() {
            return None;
        }
        let white = &line[..line.len() - line.trim_start_matches(gap::BLANKS).len()];
        let before = format!("{}\n{white}", self.gap.before);
        let gap = Gap { before, ..self.gap.clone() };
        Some(Self { lines: Lines::of(&gap, false), gap, ..self.clone() })
    }

    #[must_use]
    pub fn is_explicit(&self) -> bool {
        self.explicit
    }

    #[must_use]
    pub fn language(&self) -> &'static str {
        self.gap.language.id
    }

    #[must_use]
    pub fn spot(&self) -> Spot {
        Spot::of(&self.gap)
    }

    /// Why a model need not be asked; `None` if it is to be.
    #[must_use]
    pub fn silence(&self) -> Option<Silence> {
        self.gap.silence(self.explicit)
    }

    /// The prompt for a model with a window of this many tokens. `held` is what the client's
    /// previous prompt had; as little as possible of it is changed, as only what differs has to be
    /// computed.
    #[must_use]
    pub fn call(&self, way: FillWay, window_tokens: u32, held: Option<&Held>) -> FillCall {
        let budget = prompt::Budget::of(window_tokens);
        let others = match way {
            FillWay::Tokens(tokens) if tokens.file.is_some() => (&self.chunks[..], &self.edits[..]),
            // These formats have no way to mark what belongs to another file.
            FillWay::Tokens(_) | FillWay::Words => (&[][..], &[][..]),
        };
        let held = prompt::hold(&self.gap, others, budget, held);
        let typed = held.given(&self.gap.before);
        let (prompt, infill) = match way {
            FillWay::Tokens(tokens) => (held.prompt(tokens, typed), Infill::Tokens),
            FillWay::Words => (words::prompt(&self.gap, &held, typed), Infill::Words),
        };
        let mut stop = self.lines.stop();
        // Asked in words, the answer is in a fence.
        if infill == Infill::Words {
            stop.push("```".to_owned());
        }
        FillCall {
            prompt,
            max_tokens: self.lines.max_tokens(),
            stop,
            block_end: self.lines.block_end(),
            held,
            infill,
        }
    }

    /// What is shown of what a model wrote. `cut` says that the model was not finished, so that its
    /// last line may be half of one.
    ///
    /// # Errors
    /// Why nothing is shown.
    pub fn finish(
        &self,
        written: &str,
        cut: bool,
        mean_log_probability: Option<f32>,
    ) -> Result<GhostText, Silence> {
        // First of all, since the prompt ended without the blanks at the cursor and everything
        // after this compares with the line as the user has it.
        let written = blanks::behind(self.gap.line_before(), self.gap.blanks(), written)
            .ok_or(Silence::NothingToAdd)?;
        let suggestion = clean::finish(&self.gap, &self.lines, written, cut)?;
        // After cleaning, so that a secret in a line that is not shown anyway hides nothing.
        // Checked even where the user has asked.
        if secrets::brings_one(&suggestion.text, self.gap.texts()) {
            return Err(Silence::Secret);
        }
        if clean::takes_back(&self.gap, &suggestion, &self.edits) {
            return Err(Silence::Reversal);
        }
        // Whoever asks for a suggestion may want to see what is broken, too.
        if !self.explicit && clean::breaks(&self.gap, &self.lines, &suggestion) {
            return Err(Silence::Broken);
        }
        match self.doubt(mean_log_probability) {
            Some(reason) if !self.explicit => Err(reason),
            _ => Ok(suggestion),
        }
    }

    /// Whether the text has gone far enough, so that no more of it could be shown. Asked with every
    /// token: a model in a circle would otherwise keep the worker until its limit.
    #[must_use]
    pub fn is_enough(&self, written: &str) -> bool {
        circles::goes_round(written)
    }

    /// Why a suggestion is not shown unless the user has asked for it: the place, or a model that
    /// is unsure.
    #[must_use]
    pub fn doubt(&self, mean_log_probability: Option<f32>) -> Option<Silence> {
        let unsure = mean_log_probability.is_some_and(|mean| mean < UNSURE_BELOW);
        self.gap.silence(false).or_else(|| unsure.then_some(Silence::Unsure))
    }
}

#[cfg(test)]
mod cases;
#[cfg(test)]
mod tests;
