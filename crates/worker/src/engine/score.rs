//! How well the loaded model predicts a text, token by token: how good a draft model it would be
//! for the model that wrote the text.

use localcoder_protocol::{
    ErrorCode, ErrorInfo, Foreseen, Purpose, ScoreTextAnswer, ScoreTextParams,
};

use super::{Engine, no_model};
use crate::generate::likeliest;
use crate::prompt;

impl Engine {
    pub(super) fn score(&mut self, params: &ScoreTextParams) -> Result<ScoreTextAnswer, ErrorInfo> {
        let loaded = self.loaded.as_mut().ok_or_else(no_model)?;
        let template = || loaded.template.as_ref().map_err(Clone::clone);
        let pieces = prompt::pieces(&params.prompt, template)?;
        let tokens = prompt::assemble(&*loaded.model, &pieces);
        let text = loaded.model.tokenize(&params.text, false);
        let session = &mut loaded.session;
        if tokens.is_empty() || tokens.len() + text.len() > session.window() {
            let message = format!(
                "{} tokens and a text of {} are not between 1 and the window's {}",
                tokens.len(),
                text.len(),
                session.window()
            );
            return Err(ErrorInfo::new(ErrorCode::Protocol, message));
        }
        let failed = |error| {
            ErrorInfo::new(ErrorCode::GenerateFailed, "the text could not be computed")
                .with_cause(format!("{error:?}"))
        };
        session
            .prefill(Purpose::Answer, &tokens, (usize::MAX, true), &[], |_| {})
            .map_err(failed)?;
        let mut foreseen = Vec::new();
        let model = &loaded.model;
        let mut take = |logits: Option<&[f32]>, token| -> Result<(), ErrorInfo> {
            let no_number =
                || ErrorInfo::new(ErrorCode::GenerateFailed, "the logits are not numbers");
            let (likeliest, probability) = logits.and_then(likeliest).ok_or_else(no_number)?;
            let bytes = u32::try_from(model.piece(token).len()).unwrap_or(u32::MAX);
            foreseen.push(Foreseen { token, bytes, likeliest, probability });
            Ok(())
        };
        if let Some(first) = text.first() {
            take(session.logits(0), *first)?;
        }
        let step_tokens = session.step_tokens();
        for at in (0..text.len().saturating_sub(1)).step_by(step_tokens) {
            // What follows the last token is not part of the text.
            let step = &text[at..(at + step_tokens).min(text.len() - 1)];
            session.advance(step).map_err(failed)?;
            for (index, token) in text[at + 1..=at + step.len()].iter().enumerate() {
                take(session.logits(step.len() - 1 - index), *token)?;
            }
        }
        Ok(ScoreTextAnswer { worker: self.shared.worker(), prompt: tokens, tokens: foreseen })
    }
}
