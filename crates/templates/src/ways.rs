//! What is done if a template refuses a chat or drops something of it: other forms of the chat that
//! say the same are tried. Pure functions.

use std::fmt;

use localcoder_protocol::{ChatMessage, Role};

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Way {
    AsItIs,
    /// The system message is put at the head of the first question.
    Folded,
    /// Several messages in a row from one side are joined into one.
    Joined,
    FoldedAndJoined,
}

impl fmt::Display for Way {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::AsItIs => "each message stays what it is",
            Self::Folded => "a system message is put at the head of the first question",
            Self::Joined => "messages of one side in a row are put together",
            Self::FoldedAndJoined => {
                "a system message is put at the head of the first question, and messages of one \
                 side in a row are put together"
            }
        })
    }
}

/// The other forms of a chat, the closest first; none if the chat has neither a system message
/// before a question nor two messages of one side in a row. Each says the same: only who says it,
/// or in how many turns, differs.
pub(crate) fn others(messages: &[ChatMessage]) -> impl Iterator<Item = (Way, Vec<ChatMessage>)> {
    let joined = join(messages);
    // Joined first: a system message may be several in a row, and only the first one is folded.
    // Without anything to join this would be the same as folding alone.
    let both = fold(joined.as_deref().unwrap_or(messages)).filter(|_| joined.is_some());
    // Only now the first question may follow another message from the same side.
    let both = both.map(|folded| join(&folded).unwrap_or(folded));
    let folded = fold(messages).map(|chat| (Way::Folded, chat));
    let joined = joined.map(|chat| (Way::Joined, chat));
    let both = both.map(|chat| (Way::FoldedAndJoined, chat));
    folded.into_iter().chain(joined).chain(both)
}

fn fold(messages: &[ChatMessage]) -> Option<Vec<ChatMessage>> {
    let (first, rest) = messages.split_first()?;
    if first.role != Role::System {
        return None;
    }
    let mut rest = rest.to_vec();
    let user = rest.iter_mut().find(|message| message.role == Role::User)?;
    user.content = format!("{}\n\n{}", first.content, user.content);
    Some(rest)
}

fn join(messages: &[ChatMessage]) -> Option<Vec<ChatMessage>> {
    let mut joined: Vec<ChatMessage> = Vec::with_capacity(messages.len());
    for message in messages {
        match joined.last_mut() {
            Some(last) if last.role == message.role => {
                last.content.push_str("\n\n");
                last.content.push_str(&message.content);
            }
            _ => joined.push(message.clone()),
        }
    }
    (joined.len() < messages.len()).then_some(joined)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chat(messages: &[(Role, &str)]) -> Vec<ChatMessage> {
        let message = |&(role, text): &(Role, &str)| ChatMessage { role, content: text.to_owned() };
        messages.iter().map(message).collect()
    }

    #[test]
    fn nothing_is_lost_and_the_nearest_form_comes_first() {
        let system = (Role::System, "s");
        let (a, b) = ((Role::User, "a"), (Role::User, "b"));
        let answer = (Role::Assistant, "c");
        let forms = |messages: &[_]| others(&chat(messages)).collect::<Vec<_>>();
        assert_eq!(
            forms(&[system, a, b, answer]),
            [
                (Way::Folded, chat(&[(Role::User, "s\n\na"), b, answer])),
                (Way::Joined, chat(&[system, (Role::User, "a\n\nb"), answer])),
                (Way::FoldedAndJoined, chat(&[(Role::User, "s\n\na\n\nb"), answer])),
            ]
        );
        assert_eq!(forms(&[system, a]), [(Way::Folded, chat(&[(Role::User, "s\n\na")]))]);
        assert_eq!(forms(&[a, b]), [(Way::Joined, chat(&[(Role::User, "a\n\nb")]))]);
        assert_eq!(forms(&[a, answer, b]), []);
        assert_eq!(forms(&[system, answer]), []);
    }
}
