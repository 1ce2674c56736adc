//! A model that has no tokens for gaps is asked in words: the answer is begun for it up to the
//! cursor, and ends with the line or the block.

use localcoder_protocol::{ChatMessage, Role, WorkerPrompt};

use super::gap::Gap;
use super::prompt::Held;
use crate::language::{fence_tag, shown_name};

const SYSTEM: &str = "You fill in code at the place of the cursor. You answer with the code that is \
                      missing there and with nothing else.";

pub(super) fn prompt(gap: &Gap, held: &Held, typed: &str) -> WorkerPrompt {
    // An answer begins at the start of a line, so the cursor's line is begun in it.
    let line = held.prefix.rfind('\n').map_or(0, |at| at + 1);
    let (before, begun) = held.prefix.split_at(line);
    let (tag, name) = (fence_tag(gap.language, None), shown_name(&gap.path));
    let content = format!(
        "`{name}` has a gap. Before it:\n```{tag}\n{before}\n```\nAfter it:\n```{tag}\n{}\n```\n\
         Write the lines that belong into the gap.",
        held.suffix.trim_end(),
    );
    WorkerPrompt::Chat {
        messages: vec![
            ChatMessage { role: Role::System, content: SYSTEM.to_owned() },
            ChatMessage { role: Role::User, content },
        ],
        prefill: format!("```{tag}\n{begun}{typed}"),
        partings: Vec::new(),
    }
}
