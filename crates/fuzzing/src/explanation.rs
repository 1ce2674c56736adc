//! An explanation as it is streamed, which is what Markdown views receive: it is the same however
//! the answer is divided, contains only text of the answer and no control token, and each link to a
//! line leads to one that exists.

use localcoder_assist::{CONTROL_TOKENS, Command, Explanation, locate, prepare};
use localcoder_protocol::{DocumentText, LineRange};

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
    check_references(&whole);
}

const CODE: &str =
    "import os\n\ndef total(items):\n    text = 'it'\n    return sum(items) + len(text)\n";

fn check_references(answer: &str) {
    let document =
        DocumentText { path: "a.py".to_owned(), language_id: None, text: CODE.to_owned() };
    let command = Command::new("explain", Some("What do lines 3-4 do?")).expect("it is a command");
    let task = prepare(&document, LineRange { start: 3, end: 5 }, command).expect("it is code");
    for reference in task.references(answer) {
        let place = &reference.place;
        assert_eq!(place.original, place.replacement, "it would change something");
        let (range, moved) = locate(&document, place).expect("it is a line of the document");
        assert!(!moved && range == place.range && range.start == range.end);
        assert!(answer.replace('\n', " ").contains(&reference.words), "{:?}", reference.words);
    }
}

fn shown(pieces: &[&str]) -> String {
    let mut explanation = Explanation::new();
    let shown: String = pieces.iter().map(|piece| explanation.push(piece)).collect();
    shown + &explanation.finish()
}
