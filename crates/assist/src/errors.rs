//! What can be wrong with a request, and with a model's answer. How it is shown: `explain.rs`.

use localcoder_protocol::LineRange;

use crate::budget::TooLarge;
use crate::layout::Limits;

/// An error of text work. Its message says what happened, in one clause.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AssistError {
    #[error("`{name}` is not a text file in UTF-8")]
    NotUtf8 { name: String, why: String },
    #[error("`{name}` is one single line")]
    OneLine { name: String },
    #[error("`{name}` is not a text file")]
    Binary { name: String },
    #[error(
        "lines {start}-{end} are not in `{name}`, which has {total} {}",
        if *total == 1 { "line" } else { "lines" }
    )]
    NoLines { name: String, start: usize, end: usize, total: usize },
    #[error("line {line} is not in `{name}`, which has {total} lines")]
    NoLine { name: String, line: u32, total: usize },
    #[error("there is nothing but white space in {} of `{name}`", lines_of(*lines))]
    Blank { name: String, lines: LineRange },
    #[error("there is no code at line {line} of `{name}`")]
    NoCodeAt { name: String, line: usize },
    /// A selection that is refused before its tokens are counted.
    #[error(
        "lines {}-{} of `{name}` have {bytes} bytes; at most {bytes_max} can be used",
        lines.start,
        lines.end
    )]
    TooManyBytes { name: String, lines: LineRange, bytes: usize, bytes_max: usize },
    #[error(
        "lines {}-{} of `{name}` need about {needed} tokens with their answer, and the context \
         window has {window}",
        lines.start,
        lines.end
    )]
    TooManyTokens {
        name: String,
        lines: LineRange,
        needed: u32,
        window: u32,
        lines_max: u64,
        trained_context_tokens: u32,
    },
    #[error("the instruction has {bytes} bytes; at most {bytes_max} can be used")]
    InstructionTooLong { bytes: usize, bytes_max: usize },
    /// A command that this version does not know; a newer client may.
    #[error("there is no command `{0}`")]
    NoCommand(String),
    #[error("`{0}` takes no instruction")]
    NoInstruction(String),
    /// A document in which an edit has no place any more, or several.
    #[error("`{name}` has changed since the edit was made")]
    Changed { name: String, why: &'static str },
    /// The edit's place does not hold the text that the edit replaces.
    #[error("lines {}-{} are not those that the edit replaces", .0.start, .0.end)]
    NotThose(LineRange),
    /// An answer that asking again may improve.
    #[error("the model's answer could not be used")]
    Unusable(String),
    /// An answer for which the context window had no room.
    #[error("the model's answer could not be used")]
    WindowFull(String),
    /// A model that keeps thinking; asking again would take as long.
    #[error("the model thinks before it answers, and {0} tokens were not enough for an answer")]
    ThinksTooLong(u32),
    /// A model that does not follow instructions; the text is the name it gives itself.
    #[error("`{0}` is a base model")]
    BaseModel(String),
    #[error("the token counts are incomplete")]
    CountsIncomplete,
}

impl AssistError {
    /// The error for a selection of `selection` tokens that does not fit the window. How many lines
    /// would fit is estimated from the selection's own lines, which nobody has counted one by one.
    pub(crate) fn too_many_tokens(
        lines: LineRange,
        file: &str,
        refused: TooLarge,
        selection: u32,
        limits: Limits,
    ) -> Self {
        let TooLarge { needed, window, selection_max } = refused;
        let count = u64::from(lines.end - lines.start + 1);
        Self::TooManyTokens {
            name: file.to_owned(),
            lines,
            needed,
            window,
            lines_max: count * u64::from(selection_max) / u64::from(selection.max(1)),
            trained_context_tokens: limits.trained_context_tokens,
        }
    }
}

fn lines_of(LineRange { start, end }: LineRange) -> String {
    if start == end { format!("line {start}") } else { format!("lines {start}-{end}") }
}
