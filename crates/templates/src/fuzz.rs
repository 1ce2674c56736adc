//! What must hold for any template at all, for fuzzers and for inputs that were kept.

use std::time::{Duration, Instant};

use localcoder_protocol::ChatMessage;

use crate::guard::{memory_peak_bytes, parked_threads};
use crate::jinja::Source;
use crate::{Limit, Limits, Piece, Template, TemplateError};

/// Small limits, so that an input takes little time and a stopped template keeps little memory.
const LIMITS: Limits = Limits {
    steps: 5_000,
    output_bytes: 16 * 1024,
    memory_bytes: 512 * 1024,
    stack_bytes: 256 * 1024,
    // These few steps take a thousandth of it, unless a single one takes long.
    computing: Duration::from_millis(30),
    waiting: Duration::from_secs(5),
    // Each of them leaves half a MiB behind at most, usually less.
    stopped_max: 500,
};
/// On a busy machine the clock may be checked late.
const END_WITHIN: Duration = Duration::from_secs(20);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tried {
    Ended,
    /// It had to be stopped, and keeps holding what it held.
    Stopped,
    /// It was not run: too many templates were stopped in this process before. Start another
    /// process.
    NotRun,
}

/// Compiles a text as a template and lays out a chat with it. Panics if a limit does not hold, or
/// if what the messages say came out changed.
///
/// # Panics
/// If something does not hold.
pub fn fuzz_template(text: &str, chat: &[ChatMessage]) -> Tried {
    // Asked here and not left to the template, whose refusal would count as an input that ended.
    if parked_threads() >= LIMITS.stopped_max {
        return Tried::NotRun;
    }
    let started = Instant::now();
    let (text, bos, eos) = (text.to_owned(), "<s>".to_owned(), "</s>".to_owned());
    let compiled = Template::compile_within(Source { text, bos, eos, date: None }, LIMITS);
    let mut tried = Tried::Ended;
    let mut count = |error: &TemplateError| {
        assert!(!error.to_string().is_empty());
        if was_stopped(error) {
            tried = Tried::Stopped;
        }
    };
    match compiled {
        Ok(template) => {
            for _ in 0..2 {
                match template.lay_out(chat) {
                    Ok(pieces) => check(chat, &pieces),
                    Err(error) => count(&error),
                }
            }
            if let Err(error) = template.lay_out_for_answer(chat) {
                count(&error);
            }
        }
        Err(error) => count(&error),
    }
    assert!(started.elapsed() < END_WITHIN, "it has no end");
    // While an allocation grows, it briefly exists twice.
    assert!(memory_peak_bytes() <= Limits::PRODUCT.memory_bytes, "{} bytes", memory_peak_bytes());
    tried
}

fn was_stopped(error: &TemplateError) -> bool {
    match error {
        TemplateError::Limit(limit) => match limit {
            Limit::Memory(_) | Limit::Depth | Limit::Computing(_) | Limit::Waiting(_) => true,
            Limit::Steps(_) | Limit::Output(_) | Limit::Repeats(_) | Limit::Stopped(_) => false,
        },
        TemplateError::Failed(_) | TemplateError::Vanished(_) => false,
    }
}

/// Each message's content must come out whole, except for white space around it.
fn check(chat: &[ChatMessage], pieces: &[Piece]) {
    for message in chat.iter().filter(|it| !it.content.trim().is_empty()) {
        let is_it = |piece: &Piece| match piece {
            Piece::Content(text) => text.trim() == message.content.trim(),
            Piece::Template(_) => false,
        };
        assert!(pieces.iter().any(is_it), "{message:?} is not among {pieces:?}");
    }
    for piece in pieces {
        let (Piece::Template(text) | Piece::Content(text)) = piece;
        assert!(!text.is_empty());
        if let Piece::Content(text) = piece {
            assert!(chat.iter().any(|it| it.content.contains(text.as_str())), "{text:?}");
        }
    }
}
