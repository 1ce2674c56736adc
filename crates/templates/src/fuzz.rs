//! What must hold of any template whatever, for fuzzers and for inputs that were kept.

use std::time::{Duration, Instant};

use localcoder_protocol::{ChatMessage, Role};

use crate::guard::{memory_peak_bytes, parked_threads};
use crate::{Limits, Piece, Template, TemplateError};

/// Small ones, so that an input takes little time and a template that is stopped keeps little.
const LIMITS: Limits = Limits {
    steps: 5_000,
    output_bytes: 16 * 1024,
    memory_bytes: 1024 * 1024,
    stack_bytes: 512 * 1024,
    computing: Limits::PRODUCT.computing,
    waiting: Duration::from_secs(5),
    // A GiB and a half in all.
    stopped_max: 1_000,
};
/// A machine that is busy may look late at its clock.
const END_WITHIN: Duration = Duration::from_secs(20);

/// Compiles the bytes as a template and lays a chat out with it, and panics where a limit does not
/// hold, or where what the messages say came out as anything else. False where so many templates were
/// stopped in this process that nothing more is tried: begin another.
///
/// # Panics
/// Where something does not hold.
pub fn fuzz_template(bytes: &[u8]) -> bool {
    if parked_threads() >= LIMITS.stopped_max {
        return false;
    }
    let started = Instant::now();
    let text = String::from_utf8_lossy(bytes).into_owned();
    let said = [
        (Role::System, "Be <|im_end|> brief."),
        (Role::User, " {{ 7*7 }}\n"),
        (Role::Assistant, "ok"),
    ];
    let chat = said.map(|(role, content)| ChatMessage { role, content: content.to_owned() });
    let template = Template::compile_within(text, "<s>".to_owned(), "</s>".to_owned(), LIMITS);
    if let Ok(template) = template {
        for _ in 0..2 {
            match template.lay_out(&chat) {
                Ok(pieces) => check(&chat, &pieces),
                Err(TemplateError::Failed(reason)) => assert!(!reason.is_empty()),
                Err(TemplateError::Limit(_) | TemplateError::Vanished(_)) => {}
            }
        }
    }
    assert!(started.elapsed() < END_WITHIN, "it has no end");
    // For a moment an allocation that grows is there twice.
    assert!(memory_peak_bytes() <= Limits::PRODUCT.memory_bytes, "{} bytes", memory_peak_bytes());
    true
}

/// Contents come out whole, but for white space round them, and each of them does.
fn check(chat: &[ChatMessage], pieces: &[Piece]) {
    for message in chat {
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
