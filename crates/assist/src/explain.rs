//! What is wrong with text work as a client shows it: the error code, the reason, what helps, and
//! which actions can be offered.

use localcoder_protocol::limits::CONTEXT_TOKENS_MAX as WINDOW_TOKENS_MAX;
use localcoder_protocol::{ErrorAction, ErrorCode, ErrorInfo};

use crate::errors::AssistError;

impl From<AssistError> for ErrorInfo {
    fn from(error: AssistError) -> Self {
        use ErrorAction::{OpenSettings, RestartEngine, Retry, SwitchModel};
        let info = Self::new(code(&error), error.to_string());
        match error {
            AssistError::NotUtf8 { why, .. } => {
                info.with_cause(why).with_hint("name a source file, or convert this one to UTF-8")
            }
            AssistError::OneLine { .. } => info
                .with_cause("its line ends are CR alone, as on Macs before the year 2001")
                .with_hint("convert its line ends to LF"),
            AssistError::Binary { .. } => info
                .with_cause("it has NUL characters, so it is probably binary")
                .with_hint("open a source file"),
            AssistError::NoLines { total, .. } => {
                info.with_hint(format!("choose lines from 1 to {total}, the first before the last"))
            }
            AssistError::NoLine { total, .. } => {
                info.with_hint(format!("choose a line from 1 to {total}"))
            }
            AssistError::Blank { .. } => info.with_hint(
                "select the lines of code that you mean, or say in words what is to be written \
                 there",
            ),
            AssistError::NoCodeAt { .. } => {
                info.with_hint("select the code, or put the cursor into a function")
            }
            AssistError::TooManyBytes { .. } => info.with_hint("select fewer lines"),
            AssistError::TooManyTokens { needed, lines_max, trained_context_tokens, .. } => {
                with_room(info, needed, lines_max, trained_context_tokens)
            }
            AssistError::InstructionTooLong { .. } => info.with_hint("say it in fewer words"),
            AssistError::NoCommand(_) => info
                .with_hint("the client is newer than the host: start the engine again")
                .with_action(RestartEngine),
            AssistError::NoInstruction(_) => {
                info.with_hint("leave it out, or use `improve` with it")
            }
            AssistError::Changed { why, .. } => info.with_cause(why).with_hint(
                "the document was left as it is; select the lines again and ask once more",
            ),
            AssistError::NotThose(_) => {
                info.with_hint("the document was left as it is; ask once more")
            }
            AssistError::Unusable(why) => info
                .with_cause(why)
                .with_hint("ask again, select fewer lines, or use a larger model")
                .with_action(Retry),
            AssistError::WindowFull(why) => info
                .with_cause(why)
                .with_hint("select fewer lines, or raise `localcoder.contextWindow`")
                .with_action_on(OpenSettings, "contextWindow"),
            AssistError::ThinksTooLong(_) => info
                .with_cause(
                    "it is made to think first, and its chat template has nothing that stops it",
                )
                .with_hint(
                    "choose a model that answers at once, such as an `instruct` model for code",
                )
                .with_action(SwitchModel),
            AssistError::BaseModel(_) => info
                .with_cause("base models continue a text and were not made to follow instructions")
                .with_hint("choose its variant called `instruct` or `chat`")
                .with_action(SwitchModel),
            AssistError::CountsIncomplete => info,
        }
    }
}

fn code(error: &AssistError) -> ErrorCode {
    match error {
        AssistError::NotUtf8 { .. } | AssistError::OneLine { .. } | AssistError::Binary { .. } => {
            ErrorCode::NotText
        }
        AssistError::NoLines { .. } | AssistError::NoLine { .. } => ErrorCode::LinesOutOfRange,
        AssistError::Blank { .. } | AssistError::NoCodeAt { .. } => ErrorCode::SelectionEmpty,
        AssistError::TooManyBytes { .. } | AssistError::TooManyTokens { .. } => {
            ErrorCode::SelectionTooLarge
        }
        AssistError::InstructionTooLong { .. } | AssistError::NoInstruction(_) => ErrorCode::Usage,
        AssistError::NoCommand(_) => ErrorCode::Protocol,
        AssistError::Changed { .. } | AssistError::NotThose(_) => ErrorCode::DocumentChanged,
        AssistError::Unusable(_) | AssistError::WindowFull(_) | AssistError::ThinksTooLong(_) => {
            ErrorCode::AnswerUnusable
        }
        AssistError::BaseModel(_) => ErrorCode::ModelUnsupported,
        AssistError::CountsIncomplete => ErrorCode::Internal,
    }
}

/// How to make room for this many tokens: fewer lines, or a larger context window if the model has
/// one.
fn with_room(info: ErrorInfo, needed: u32, lines_max: u64, trained_tokens: u32) -> ErrorInfo {
    let fewer = match lines_max {
        0 => "select fewer lines".to_owned(),
        some => format!("select fewer lines (about {some} fit)"),
    };
    // A window beyond what the model was trained on would not help.
    let most = trained_tokens.min(WINDOW_TOKENS_MAX);
    match window_for(needed).filter(|tokens| *tokens <= most) {
        Some(tokens) => info
            .with_hint(format!("{fewer}, or set `localcoder.contextWindow` to {tokens}"))
            .with_action_on(ErrorAction::OpenSettings, "contextWindow"),
        None if most < WINDOW_TOKENS_MAX => info
            .with_hint(format!("{fewer}, or use a model with a longer context"))
            .with_action(ErrorAction::SwitchModel),
        None => info.with_hint(fewer),
    }
}

/// The smallest usual context window that has room for this many tokens. Round numbers, as the user
/// is to type it; `None` if it takes more than is supported.
fn window_for(needed: u32) -> Option<u32> {
    [1024, 2048, 4096, 6144, WINDOW_TOKENS_MAX].into_iter().find(|window| *window >= needed)
}
