//! Saves the state of what all prompts of a kind begin with to the exchange file, and restores it.
//! The tokens are written before the state and compared with those of this model and template, so a
//! state of other tokens is never used.

use std::io;
use std::os::unix::fs::FileExt as _;

use localcoder_protocol::limits::PREFIX_BYTES_MAX;
use localcoder_protocol::{
    ErrorCode, ErrorInfo, InfillPart, PrefixAnswer, RestorePrefixParams, SavePrefixParams,
    WorkerPrompt,
};

use super::{Engine, Loaded, no_model};
use crate::llama::Token;
use crate::prompt;

const MAGIC: &[u8; 8] = b"LCPREFX1";
impl Engine {
    pub(super) fn save_prefix(
        &mut self,
        params: &SavePrefixParams,
    ) -> Result<PrefixAnswer, ErrorInfo> {
        let loaded = self.loaded.as_mut().ok_or_else(no_model)?;
        let tokens = common_tokens(loaded, &params.prompt)?;
        let written = match loaded.session.state_of(&tokens) {
            Some(state) => encode(&tokens, &state),
            None => Vec::new(),
        };
        if written.is_empty() || written.len() as u64 > PREFIX_BYTES_MAX {
            return Ok(self.prefix_answer(0, 0));
        }
        let file = self.exchange.as_ref().ok_or_else(no_exchange)?;
        // Emptied first: the end of a longer state from before would otherwise stay behind this
        // one.
        file.set_len(0).and_then(|()| file.write_all_at(&written, 0)).map_err(|e| failed(&e))?;
        Ok(self.prefix_answer(tokens.len(), written.len()))
    }

    pub(super) fn restore_prefix(
        &mut self,
        params: &RestorePrefixParams,
    ) -> Result<PrefixAnswer, ErrorInfo> {
        let file = self.exchange.as_ref().ok_or_else(no_exchange)?;
        // The size comes in a message: it is not allocated before it is known to be reasonable.
        if params.bytes > PREFIX_BYTES_MAX {
            return Ok(self.prefix_answer(0, 0));
        }
        let bytes = usize::try_from(params.bytes).expect("it is within the limit");
        let mut written = vec![0; bytes];
        file.read_exact_at(&mut written, 0).map_err(|error| failed(&error))?;
        let loaded = self.loaded.as_mut().ok_or_else(no_model)?;
        let tokens = common_tokens(loaded, &params.prompt)?;
        let restored = decode(&written, &tokens)
            .is_some_and(|state| loaded.session.begin_with(&tokens, state));
        Ok(self.prefix_answer(if restored { tokens.len() } else { 0 }, bytes))
    }

    fn prefix_answer(&self, tokens: usize, bytes: usize) -> PrefixAnswer {
        PrefixAnswer {
            worker: self.shared.worker(),
            tokens: u32::try_from(tokens).unwrap_or(u32::MAX),
            bytes: u64::try_from(bytes).unwrap_or(u64::MAX),
        }
    }
}

/// The tokens that all prompts begin with whose last message begins like that of `prompt`.
fn common_tokens(loaded: &Loaded, prompt: &WorkerPrompt) -> Result<Vec<Token>, ErrorInfo> {
    let template = || loaded.template.as_ref().map_err(Clone::clone);
    let mut all = Vec::new();
    // Tokens merge across the end of the known beginning, so where the common part ends is not
    // computed but seen, by continuing it in two ways that share nothing.
    for text in prompt::OTHER_TEXTS {
        let mut prompt = prompt.clone();
        match &mut prompt {
            WorkerPrompt::Raw { text: beginning } => beginning.push_str(text),
            WorkerPrompt::Chat { messages, .. } => {
                if let Some(last) = messages.last_mut() {
                    last.content.push_str(text);
                }
            }
            WorkerPrompt::Infill { parts } => {
                parts.push(InfillPart::Text { text: text.to_owned() });
            }
        }
        all.push(prompt::tokens(&*loaded.model, &prompt, template)?);
    }
    let common = all[0].iter().zip(&all[1]).take_while(|(a, b)| a == b).count();
    all[0].truncate(common);
    Ok(all.swap_remove(0))
}

fn encode(tokens: &[Token], state: &[u8]) -> Vec<u8> {
    let mut bytes = MAGIC.to_vec();
    bytes.extend(u32::try_from(tokens.len()).unwrap_or(u32::MAX).to_le_bytes());
    bytes.extend(tokens.iter().flat_map(|token| token.to_le_bytes()));
    bytes.extend(state);
    bytes
}

fn decode<'b>(bytes: &'b [u8], tokens: &[Token]) -> Option<&'b [u8]> {
    // Compared as bytes with what would have been written for these tokens: there is nothing to
    // parse, so a damaged head can't be misread, only not match.
    let head = encode(tokens, &[]);
    bytes.strip_prefix(head.as_slice()).filter(|state| !tokens.is_empty() && !state.is_empty())
}

fn no_exchange() -> ErrorInfo {
    ErrorInfo::new(ErrorCode::Protocol, "the host gave no file to exchange states in")
}

fn failed(error: &io::Error) -> ErrorInfo {
    ErrorInfo::new(ErrorCode::Internal, "the file to exchange states in can't be used")
        .with_cause(error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_is_only_of_the_tokens_that_it_was_written_for() {
        let bytes = encode(&[1, 2, 3], b"state");
        assert_eq!(decode(&bytes, &[1, 2, 3]), Some(&b"state"[..]));
        assert_eq!(decode(&bytes, &[1, 2]), None);
        assert_eq!(decode(&bytes, &[1, 2, 4]), None);
        assert_eq!(decode(&bytes, &[1, 2, 3, 4]), None);
        assert_eq!(decode(&bytes[..20], &[1, 2, 3]), None);
        assert_eq!(decode(b"", &[1]), None);
        assert_eq!(decode(&encode(&[], b"state"), &[]), None);
    }
}
