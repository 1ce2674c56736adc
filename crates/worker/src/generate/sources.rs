//! The sources of drafts, and the choice between them: the edited code comes first; otherwise the
//! text so far or a draft model, whichever promises more tokens per millisecond.

use localcoder_protocol::DraftUse;

use super::draft::{Draft, Drafter, Trust};
use super::draft_model::{Ask, DraftModel};
use super::pace::Pace;
use crate::engine::SessionError;
use crate::llama::Token;

pub(super) struct Sources<'a> {
    drafter: Drafter<'a>,
    model: Option<&'a mut DraftModel>,
    /// The first token of a draft that was not worth verifying: the next token that is written
    /// shows for free whether it would have been right.
    passed: Option<Draft>,
}

impl<'a> Sources<'a> {
    pub(super) fn new(drafter: Drafter<'a>, mut model: Option<&'a mut DraftModel>) -> Self {
        if let Some(model) = model.as_deref_mut() {
            model.begin();
        }
        Self { drafter, model, passed: None }
    }

    pub(super) fn used(&self) -> DraftUse {
        self.model.as_deref().map(DraftModel::used).unwrap_or_default()
    }

    pub(super) fn guess(
        &mut self,
        ask: Ask<'_>,
        pace: &Pace,
    ) -> Result<Option<Draft>, SessionError> {
        let own = self.drafter.guess(ask.most).map(|mut draft| {
            let chance = self.drafter.chance(draft.trust);
            let worth = pace.best(draft.tokens.len(), chance, ask.again, 0.0);
            // If it is not worth anything, its first token is kept to learn from: see `passed`.
            // Otherwise odds that have become bad could never recover.
            draft.tokens.truncate(worth.map_or(1, |it| it.length));
            (draft, worth)
        });
        let (own, own_worth) = own.unzip();
        let own_worth = own_worth.flatten();
        let is_first = own.as_ref().is_some_and(|draft| draft.trust.is_of_the_source());
        // The edited code comes before the draft model without a comparison: its guess costs
        // nothing, and asking the other one would.
        if !(is_first && own_worth.is_some())
            && let Some(draft) =
                self.ask_model(ask, pace, own_worth.map_or(0.0, |it| it.tokens_per_ms))?
        {
            self.passed = own.map(one);
            return Ok(Some(draft));
        }
        if own_worth.is_some() {
            return Ok(own);
        }
        self.passed = own.map(one);
        Ok(None)
    }

    /// A draft of the draft model, if it promises more than `least` tokens per millisecond.
    fn ask_model(
        &mut self,
        ask: Ask<'_>,
        pace: &Pace,
        least: f64,
    ) -> Result<Option<Draft>, SessionError> {
        let Some(model) = self.model.as_deref_mut() else { return Ok(None) };
        let worth = model.worth(ask, pace).filter(|worth| worth.tokens_per_ms > least);
        let Some(worth) = worth else { return Ok(None) };
        match model.guess(ask, worth, pace) {
            Err(SessionError::Cancelled) => Err(SessionError::Cancelled),
            // Drafts only add speed: without the draft model the text is the same.
            Err(SessionError::Decode(error)) => {
                crate::process::log(&format!("the draft model fails: {error:?}"));
                // For this generation only; what it holds is kept, and the next generation tries it
                // again.
                self.model = None;
                Ok(None)
            }
            guessed => guessed,
        }
    }

    pub(super) fn verified(&mut self, draft: Option<&Draft>, ms: f64) {
        if let Some(model) = self.model_of(draft) {
            model.verified(ms);
        }
    }

    pub(super) fn judge(&mut self, draft: &Draft, right: usize, pace: &Pace) {
        match self.model_of(Some(draft)) {
            Some(model) => model.judge(right, pace),
            None => self.drafter.judge(draft, right),
        }
    }

    fn model_of(&mut self, draft: Option<&Draft>) -> Option<&mut DraftModel> {
        let is_its = draft.is_some_and(|draft| draft.trust == Trust::Model);
        self.model.as_deref_mut().filter(|_| is_its)
    }

    pub(super) fn follow(&mut self, token: Token) {
        if let Some(passed) = self.passed.take() {
            self.drafter.judge(&passed, usize::from(passed.tokens.first() == Some(&token)));
        }
        if let Some(model) = self.model.as_deref_mut() {
            model.follow(token);
        }
        self.drafter.follow(token);
    }
}

fn one(mut draft: Draft) -> Draft {
    draft.tokens.truncate(1);
    draft
}
