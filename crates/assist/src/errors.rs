//! The errors of a request in words: what happened, why, and what to do next.
//!
//! Only those of `edit`; documents and places have their own beside the checks that find them.

use std::ops::Range;

use localcoder_protocol::limits::CONTEXT_TOKENS_MAX as WINDOW_TOKENS_MAX;
use localcoder_protocol::{ErrorAction, ErrorCode, ErrorInfo, LineRange};

use crate::budget::TooLarge;
use crate::language::file_name;
use crate::layout::Limits;

pub(crate) fn binary(path: &str) -> ErrorInfo {
    let name = file_name(path);
    ErrorInfo::new(ErrorCode::NotText, format!("`{name}` is not a text file"))
        .with_cause("it has NUL characters, so it is probably binary")
        .with_hint("open a source file")
}

pub(crate) fn instruction_too_long(bytes: usize, bytes_max: usize) -> ErrorInfo {
    let message = format!("the instruction has {bytes} bytes; at most {bytes_max} can be used");
    ErrorInfo::new(ErrorCode::Usage, message).with_hint("say it in fewer words")
}

pub(crate) fn unknown_command(id: &str) -> ErrorInfo {
    ErrorInfo::new(ErrorCode::Protocol, format!("there is no command `{id}`"))
        .with_hint("the client is newer than the host: start the engine again")
        .with_action(ErrorAction::RestartEngine)
}

pub(crate) fn no_instruction(id: &str) -> ErrorInfo {
    ErrorInfo::new(ErrorCode::Usage, format!("`{id}` takes no instruction"))
        .with_hint("leave it out, or use `improve` with it")
}

/// A selection that is refused before its tokens are counted.
pub(crate) fn selection_too_long(
    path: &str,
    lines: &Range<usize>,
    bytes: usize,
    bytes_max: usize,
) -> ErrorInfo {
    let (name, start, end) = (file_name(path), lines.start + 1, lines.end);
    ErrorInfo::new(
        ErrorCode::SelectionTooLarge,
        format!(
            "lines {start}-{end} of `{name}` have {bytes} bytes; at most {bytes_max} can be used"
        ),
    )
    .with_hint("select fewer lines")
}

/// A selection of `selection` tokens that does not fit the window.
pub(crate) fn too_large(
    range: LineRange,
    file: &str,
    refused: TooLarge,
    selection: u32,
    limits: Limits,
) -> ErrorInfo {
    let TooLarge { needed, window, selection_max } = refused;
    let LineRange { start, end } = range;
    let lines = u64::from(end - start + 1);
    let fewer = match lines * u64::from(selection_max) / u64::from(selection.max(1)) {
        0 => "select fewer lines".to_owned(),
        some => format!("select fewer lines (about {some} fit)"),
    };
    let most = limits.trained_context_tokens.min(WINDOW_TOKENS_MAX);
    let error =
        ErrorInfo::new(ErrorCode::SelectionTooLarge, message(start, end, file, needed, window));
    match window_for(needed).filter(|tokens| *tokens <= most) {
        Some(tokens) => error
            .with_hint(format!("{fewer}, or set `localcoder.contextWindow` to {tokens}"))
            .with_action_on(ErrorAction::OpenSettings, "contextWindow"),
        None if most < WINDOW_TOKENS_MAX => error
            .with_hint(format!("{fewer}, or use a model with a longer context"))
            .with_action(ErrorAction::SwitchModel),
        None => error.with_hint(fewer),
    }
}

fn message(start: u32, end: u32, file: &str, needed: u32, window: u32) -> String {
    format!(
        "lines {start}-{end} of `{file}` need about {needed} tokens with their answer, and the \
         context window has {window}"
    )
}

/// The window to set for this many tokens: a round number.
fn window_for(needed: u32) -> Option<u32> {
    [1024, 2048, 4096, 6144, WINDOW_TOKENS_MAX].into_iter().find(|window| *window >= needed)
}

/// An answer that asking again may better.
pub(crate) fn unusable(reason: &str) -> ErrorInfo {
    answer(reason)
        .with_hint("ask again, select fewer lines, or use a larger model")
        .with_action(ErrorAction::Retry)
}

/// An answer for which there was no room.
pub(crate) fn window_full(reason: &str) -> ErrorInfo {
    answer(reason)
        .with_hint("select fewer lines, or raise `localcoder.contextWindow`")
        .with_action_on(ErrorAction::OpenSettings, "contextWindow")
}

/// A model that goes on thinking. Asking again would take as long.
#[must_use]
pub fn thinks_too_long(tokens: u32) -> ErrorInfo {
    let message = format!(
        "the model thinks before it answers, and {tokens} tokens were not enough for an answer"
    );
    ErrorInfo::new(ErrorCode::AnswerUnusable, message)
        .with_cause("it is made to think first, and its chat template has nothing that stops it")
        .with_hint("choose a model that answers at once, such as an `instruct` model for code")
        .with_action(ErrorAction::SwitchModel)
}

/// A model that follows no instructions, by its own name.
#[must_use]
pub fn base_model(name: &str) -> ErrorInfo {
    ErrorInfo::new(ErrorCode::ModelUnsupported, format!("`{name}` is a base model"))
        .with_cause("base models continue a text and were not made to follow instructions")
        .with_hint("choose its variant called `instruct` or `chat`")
        .with_action(ErrorAction::SwitchModel)
}

fn answer(reason: &str) -> ErrorInfo {
    ErrorInfo::new(ErrorCode::AnswerUnusable, "the model's answer could not be used")
        .with_cause(reason)
}
