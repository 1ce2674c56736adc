//! An explanation as it streams, which is what views of Markdown get: the same in whatever pieces it
//! comes, all of it text of the answer, and no control token in it.

use localcoder_assist::{CONTROL_TOKENS, Explanation};

use crate::input::Input;

pub(crate) fn run(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    let size = input.number() % 32 + 1;
    let text = input.text();
    let whole = shown(&[&text]);
    let characters: Vec<char> = text.chars().collect();
    let pieces: Vec<String> = characters.chunks(size).map(|it| it.iter().collect()).collect();
    let pieces: Vec<&str> = pieces.iter().map(String::as_str).collect();
    assert_eq!(shown(&pieces), whole, "it depends on the pieces");
    assert!(text.contains(&whole), "{whole:?} was not written");
    for token in CONTROL_TOKENS {
        assert!(!whole.contains(token), "`{token}` is shown");
    }
}

fn shown(pieces: &[&str]) -> String {
    let mut explanation = Explanation::new();
    let shown: String = pieces.iter().map(|piece| explanation.push(piece)).collect();
    shown + &explanation.finish()
}
