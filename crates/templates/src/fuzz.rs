//! What must hold of any template whatever, for fuzzers and for inputs that were kept.

use std::time::{Duration, Instant};

use localcoder_protocol::ChatMessage;

use crate::guard::{memory_peak_bytes, parked_threads};
use crate::jinja::Source;
use crate::{Limit, Limits, Piece, Template, TemplateError};

/// Small ones, so that an input takes little time and a template that is stopped keeps little.
const LIMITS: Limits = Limits {
    steps: 5_000,
    output_bytes: 16 * 1024,
    memory_bytes: 512 * 1024,
    stack_bytes: 256 * 1024,
    // Fewer steps take a thousandth of it, unless one alone takes long.
    computing: Duration::from_millis(30),
    waiting: Duration::from_secs(5),
    // Each leaves half a MiB behind at most, mostly less.
    stopped_max: 500,
};
/// A machine that is busy may look late at its clock.
const END_WITHIN: Duration = Duration::from_secs(20);

/// What became of a template, where everything holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tried {
    /// It ended by itself.
    Ended,
    /// It had to be stopped, and keeps holding what it held.
    Stopped,
    /// Nothing: this many were stopped in this process that no more are run. Begin another.
    NotRun,
}

/// Compiles a text as a template and lays a chat out with it, and panics where a limit does not hold,
/// or where what the messages say came out as anything else.
///
/// # Panics
/// Where something does not hold.
pub fn fuzz_template(text: &str, chat: &[ChatMessage]) -> Tried {
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
    // For a moment an allocation that grows is there twice.
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

/// Contents come out whole, but for white space around them, and each of them does.
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
