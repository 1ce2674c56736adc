//! Untrusted text on a terminal: no control sequence in it takes effect, and as JSON it keeps its
//! content.

use localcoder_assist::visible;

pub(crate) fn run(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let shown = visible(&text);
    let mut characters = shown.chars().peekable();
    while let Some(character) = characters.next() {
        let is_end = character == '\r' && characters.peek() == Some(&'\n');
        let is_plain = ['\n', '\t'].contains(&character) || is_end;
        assert!(is_plain || !character.is_control(), "{character:?} is obeyed");
        assert!(!is_turn(character), "{character:?} turns what follows");
    }
    assert_eq!(visible(&shown), shown, "what is shown is shown as it is");
    let plain = |c: &char| !c.is_control() && !is_turn(*c);
    let kept: String = text.chars().filter(plain).collect();
    if kept == *text {
        assert_eq!(shown, text, "plain text stays as it is");
    }
    let json = serde_json::to_string(&*text).expect("a text serializes");
    let again: String = serde_json::from_str(&visible(&json)).expect("it is still JSON");
    assert_eq!(again, *text, "JSON says what it said");
}

/// Characters that change the direction of text, by Unicode's property `Bidi_Control`.
fn is_turn(character: char) -> bool {
    ['\u{61c}', '\u{200e}', '\u{200f}'].contains(&character)
        || ('\u{202a}'..='\u{202e}').contains(&character)
        || ('\u{2066}'..='\u{2069}').contains(&character)
}
