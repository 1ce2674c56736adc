//! A model's chat template: it ends within its limits, with pieces in which each message is whole or
//! with a reason, whatever the template and the messages are.

use localcoder_protocol::{ChatMessage, Role};
use localcoder_templates::{Tried, fuzz_template};

use crate::input::Input;

/// Real chats have more messages, which take more of the same.
const MESSAGES_MAX: usize = 6;
const ROLES: [Role; 3] = [Role::System, Role::User, Role::Assistant];

pub(crate) fn run(bytes: &[u8]) {
    tried(bytes);
}

/// What became of the template, for a fuzzer that has to begin another process at some time.
///
/// # Panics
/// Where something does not hold.
pub fn tried(bytes: &[u8]) -> Tried {
    let mut input = Input::new(bytes);
    // How many messages, and whose.
    let mut numbers = input.number();
    let messages = numbers % (MESSAGES_MAX + 1);
    numbers /= MESSAGES_MAX + 1;
    let text = input.text();
    let mut chat = Vec::new();
    for at in 0..messages {
        // In turn, starting at any of them.
        let role = ROLES[(numbers + at) % ROLES.len()];
        chat.push(ChatMessage { role, content: input.text().into_owned() });
    }
    fuzz_template(&text, &chat)
}
