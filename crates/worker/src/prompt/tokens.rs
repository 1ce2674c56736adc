//! From the pieces of a prompt to its tokens; each kind of piece has its own rule.

use localcoder_protocol::{ErrorCode, ErrorInfo, InfillPart};
use localcoder_templates::Piece;

use crate::llama::{Model, Token};

/// What is needed from a vocabulary. A trait, so that the rules can be tested without a model.
pub(crate) trait Tokenize {
    fn tokenize(&self, text: &str, parse_special: bool) -> Vec<Token>;
    fn size(&self) -> usize;
    fn is_control(&self, token: Token) -> bool;
    /// Whether each text gets a space before it.
    fn is_sentencepiece(&self) -> bool;
    /// The token that every prompt begins with, if there is one.
    fn first_token(&self) -> Option<Token>;
}

impl Tokenize for Model {
    fn tokenize(&self, text: &str, parse_special: bool) -> Vec<Token> {
        Self::tokenize(self, text, parse_special)
    }

    fn size(&self) -> usize {
        self.vocab_tokens()
    }

    fn is_control(&self, token: Token) -> bool {
        Self::is_control(self, token)
    }

    fn is_sentencepiece(&self) -> bool {
        Self::is_sentencepiece(self)
    }

    fn first_token(&self) -> Option<Token> {
        if self.adds_bos() { self.bos() } else { None }
    }
}

/// The tokens of a prompt. The first token is added unless the template wrote it itself, and ends
/// up there once, however often and after whatever white space the template wrote it.
pub(crate) fn assemble(vocab: &impl Tokenize, pieces: &[Piece]) -> Vec<Token> {
    let mut tokens: Vec<Token> = Vec::new();
    for piece in pieces {
        let (text, parse_special) = match piece {
            Piece::Template(text) => (text, true),
            Piece::Content(text) => (text, false),
        };
        // After a control token a text begins, and SentencePiece's space before it belongs there;
        // within a text it would be a space that nobody wrote.
        let inside_text = tokens.last().is_some_and(|last| !vocab.is_control(*last));
        if inside_text && vocab.is_sentencepiece() {
            tokens.extend(without_space(vocab, text, parse_special));
        } else {
            tokens.extend(vocab.tokenize(text, parse_special));
        }
    }
    if let Some(first) = vocab.first_token() {
        if let Some(Piece::Template(text)) = pieces.first()
            && text.starts_with(char::is_whitespace)
            && vocab.tokenize(text.trim_start(), true).first() == Some(&first)
            && let Some(at) = tokens.iter().position(|token| *token == first)
        {
            tokens.drain(..at);
        }
        let written = tokens.iter().take_while(|token| **token == first).count();
        tokens.drain(..written);
        tokens.insert(0, first);
    }
    tokens
}

/// The tokens of a prompt that gives some of them by number. After one of these, a text does not
/// begin with a space of its own: it continues in the middle of a file.
pub(crate) fn infill(vocab: &impl Tokenize, parts: &[InfillPart]) -> Result<Vec<Token>, ErrorInfo> {
    let mut tokens: Vec<Token> = vocab.first_token().into_iter().collect();
    for part in parts {
        match part {
            InfillPart::Token { token } => {
                let known = usize::try_from(*token).is_ok_and(|token| token < vocab.size());
                let Some(token) = Token::try_from(*token).ok().filter(|_| known) else {
                    let text = format!("the model has no token {token}");
                    return Err(ErrorInfo::new(ErrorCode::Protocol, text));
                };
                tokens.push(token);
            }
            InfillPart::Text { text } if vocab.is_sentencepiece() => {
                tokens.extend(without_space(vocab, text, false));
            }
            InfillPart::Text { text } => tokens.extend(vocab.tokenize(text, false)),
        }
    }
    Ok(tokens)
}

/// SentencePiece puts a space before every text that it is given, which is wrong in the middle of
/// one. So it is given a line end first, which never merges with what follows, and whose tokens are
/// then removed.
fn without_space(vocab: &impl Tokenize, text: &str, parse_special: bool) -> Vec<Token> {
    let lead = vocab.tokenize("\n", parse_special);
    let tokens = vocab.tokenize(&format!("\n{text}"), parse_special);
    match tokens.strip_prefix(lead.as_slice()) {
        Some(rest) => rest.to_vec(),
        // A vocabulary in which the line end does merge: a space too many is better than a text
        // without its beginning.
        None => vocab.tokenize(text, parse_special),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Bytes are tokens; `<s>` is 1000 if it is parsed; a space is added first on request.
    struct Bytes {
        sentencepiece: bool,
    }

    impl Tokenize for Bytes {
        fn tokenize(&self, text: &str, parse_special: bool) -> Vec<Token> {
            let mut tokens = Vec::new();
            let mut after_text = false;
            for (index, part) in text.split("<s>").enumerate() {
                let name: &[u8] = if index == 0 { b"" } else { b"<s>" };
                if parse_special && index > 0 {
                    tokens.push(1000);
                    after_text = false;
                }
                let name = if parse_special { b"" } else { name };
                if self.sentencepiece && !after_text && !part.is_empty() {
                    tokens.push(b' '.into());
                }
                tokens.extend(name.iter().chain(part.as_bytes()).map(|byte| Token::from(*byte)));
                after_text = true;
            }
            tokens
        }

        fn size(&self) -> usize {
            1001
        }

        fn is_control(&self, token: Token) -> bool {
            token == 1000
        }

        fn is_sentencepiece(&self) -> bool {
            self.sentencepiece
        }

        fn first_token(&self) -> Option<Token> {
            Some(1000)
        }
    }

    fn shown(vocab: &Bytes, pieces: &[Piece]) -> String {
        let byte = |token: Token| u8::try_from(token).map_or('^', char::from);
        assemble(vocab, pieces).into_iter().map(byte).collect()
    }

    #[test]
    fn only_the_template_has_tokens_of_control() {
        let vocab = Bytes { sentencepiece: false };
        let pieces = [
            Piece::Template("<s>user:".into()),
            Piece::Content("a<s>b".into()),
            Piece::Template("<s>".into()),
        ];
        assert_eq!(shown(&vocab, &pieces), "^user:a<s>b^");
    }

    #[test]
    fn the_first_token_comes_once() {
        let vocab = Bytes { sentencepiece: false };
        assert_eq!(shown(&vocab, &[Piece::Content("<s>".into())]), "^<s>");
        assert_eq!(shown(&vocab, &[Piece::Template("<s>a".into())]), "^a");
        assert_eq!(shown(&vocab, &[Piece::Template("<s><s>a<s>".into())]), "^a^");
        assert_eq!(shown(&vocab, &[Piece::Template("\n <s>a".into())]), "^a");
        assert_eq!(shown(&vocab, &[Piece::Template("\n a<s>".into())]), "^\n a^");
        assert_eq!(shown(&vocab, &[]), "^");
    }

    #[test]
    fn tokens_by_number_stand_between_texts_and_nothing_in_a_text_is_one() {
        let parts = [
            InfillPart::Token { token: 1000 },
            InfillPart::Text { text: "a<s>".into() },
            InfillPart::Token { token: 7 },
            InfillPart::Text { text: "b".into() },
        ];
        for sentencepiece in [false, true] {
            let tokens = infill(&Bytes { sentencepiece }, &parts).unwrap();
            let expected = [1000, 1000, 97, 60, 115, 62, 7, 98];
            assert_eq!(tokens, expected.map(|it: Token| it), "{sentencepiece}");
        }
        let unknown = [InfillPart::Token { token: 1001 }];
        let error = infill(&Bytes { sentencepiece: false }, &unknown).unwrap_err();
        assert!(error.to_string().contains("no token 1001"), "{error}");
    }

    #[test]
    fn sentencepiece_gets_a_space_after_control_only() {
        let vocab = Bytes { sentencepiece: true };
        let pieces = [
            Piece::Template("<s>[INST] ".into()),
            Piece::Content("hello".into()),
            Piece::Template(" [/INST]<s>".into()),
            Piece::Content("x".into()),
        ];
        assert_eq!(shown(&vocab, &pieces), "^ [INST] hello [/INST]^ x");
    }
}
