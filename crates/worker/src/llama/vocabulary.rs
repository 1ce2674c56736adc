//! Whether a token means the same to two models: only then can one guess what the other writes.

use std::ffi::CStr;

use llama_cpp_sys_2 as sys;

use super::{Model, Token};

impl Model {
    /// The first token of those that both have which differs in the other model, or ends the turn
    /// in only one of them. How a text is split into tokens does not matter: one of the models does
    /// it for both.
    pub(crate) fn first_other_token(&self, other: &Self) -> Option<Token> {
        let common = self.vocab_tokens().min(other.vocab_tokens());
        let common = Token::try_from(common).unwrap_or(Token::MAX);
        (0..common).find(|token| {
            self.raw_text(*token) != other.raw_text(*token)
                || self.is_control(*token) != other.is_control(*token)
                || self.is_end_of_generation(*token) != other.is_end_of_generation(*token)
        })
    }

    fn raw_text(&self, token: Token) -> Option<&CStr> {
        // SAFETY: the vocabulary lives as long as the model and has the token; the text is its own.
        unsafe {
            let text = sys::llama_vocab_get_text(self.vocab_ptr(), token);
            (!text.is_null()).then(|| CStr::from_ptr(text))
        }
    }
}
