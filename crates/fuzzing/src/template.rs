//! A model's chat template: whatever the template and the messages are, it ends within its limits,
//! either with pieces that contain each message whole or with a reason.

use localcoder_protocol::{ChatMessage, Role};
use localcoder_templates::{Tried, fuzz_template};

use crate::input::Input;

/// Real chats have more messages, but more would only repeat the same code.
const MESSAGES_MAX: usize = 6;
const ROLES: [Role; 3] = [Role::System, Role::User, Role::Assistant];

pub(crate) fn run(bytes: &[u8]) {
    tried(bytes);
}

/// The result of the template, for a fuzzer that must start a new process at some point.
///
/// # Panics
/// If something does not hold.
pub fn tried(bytes: &[u8]) -> Tried {
    let mut input = Input::new(bytes);
    // The number of messages, and their roles.
    let mut numbers = input.number();
    let messages = numbers % (MESSAGES_MAX + 1);
    numbers /= MESSAGES_MAX + 1;
    let text = input.text();
    let mut chat = Vec::new();
    for at in 0..messages {
        // The roles alternate, starting at any of them.
        let role = ROLES[(numbers + at) % ROLES.len()];
        chat.push(ChatMessage { role, content: input.text().into_owned() });
    }
    fuzz_template(&text, &chat)
}
