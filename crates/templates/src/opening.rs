//! How an answer begins if it does not begin with thoughts: what a template leaves to the model
//! between the assistant's name and the answer's words, such as the channel, and the end of a
//! thought that the template opens. All that is known about this is what the template itself
//! writes. Pure functions.

use localcoder_protocol::{ChatMessage, Role, THOUGHTS, Thought};

use crate::layout::Piece;

/// A chat that contains an answer, to see where a template puts one. Without its last message it is
/// a chat that waits for an answer.
pub(crate) fn answered() -> [ChatMessage; 2] {
    let message = |role, text: &str| ChatMessage { role, content: text.to_owned() };
    [message(Role::User, "Question"), message(Role::Assistant, "Answer")]
}

/// What a template writes before an answer beyond what it writes when one is awaited: `waiting` and
/// `answered` are its output for [`answered`] without and with the answer. Empty, unless the latter
/// continues the former, and with more than white space.
pub(crate) fn left_to_the_model(waiting: &[Piece], answered: &[Piece]) -> String {
    let answer = answered.iter().rposition(|piece| matches!(piece, Piece::Content(_)));
    let Some(before) = answer.map(|at| &answered[..at]) else { return String::new() };
    let (text, waiting) = (joined(before), joined(waiting));
    let more = text.strip_prefix(&waiting).filter(|more| !more.trim().is_empty());
    more.unwrap_or_default().to_owned()
}

/// What closes a thought that is open at the end of a prompt.
pub(crate) fn closing(end: &str) -> Option<String> {
    // By the last mark of each kind: earlier turns may contain whole thoughts.
    let is_open = |thought: &&Thought| match (end.rfind(thought.open), end.rfind(thought.close)) {
        (Some(opened), Some(closed)) => opened > closed,
        (opened, _) => opened.is_some(),
    };
    let close = THOUGHTS.iter().find(is_open)?.close;
    // In the form in which it was opened.
    Some(if end.ends_with('\n') { format!("\n{close}\n\n") } else { close.to_owned() })
}

fn joined(pieces: &[Piece]) -> String {
    let text = |piece: &Piece| match piece {
        Piece::Template(text) | Piece::Content(text) => text.clone(),
    };
    pieces.iter().map(text).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thought_that_is_open_is_closed_in_its_own_form() {
        for (end, expected) in [
            ("<|im_start|>assistant\n<think>\n", Some("\n</think>\n\n")),
            ("<|Assistant|><think>", Some("</think>")),
            ("<|im_start|>assistant\n<think>\n\n</think>\n\n", None),
            ("<|Assistant|></think>", None),
            ("<think>a</think>b<|im_start|>assistant\n<think>\n", Some("\n</think>\n\n")),
            ("Here are my reasoning steps:\n", Some("\n[BEGIN FINAL RESPONSE]\n\n")),
            ("<|im_start|>assistant\n", None),
            ("", None),
        ] {
            assert_eq!(closing(end).as_deref(), expected, "{end:?}");
        }
    }
}
