//! One line or several: more than one only where a block begins, or in an empty line of one.

use localcoder_protocol::BlockEnd;

use super::gap::Gap;

/// What a line that opens a block ends with, in languages without a bracket for it.
const OPENING_WORDS: &[&str] = &["do", "then", "else", "begin", "=>", "->"];

/// How much is to be written. A suggestion that nobody asked for ends with its line or its block;
/// only where the user has asked for one in the middle of a line does the model decide.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lines {
    One,
    Block(BlockEnd),
    Free,
}

impl Lines {
    pub(super) fn of(gap: &Gap, explicit: bool) -> Self {
        // What would not be suggested unasked is a gap in a line, and only the model knows its end.
        if explicit && gap.silence(false).is_some() {
            return Self::Free;
        }
        // With code behind the cursor, more lines would tear that line apart.
        if !gap.rest().trim().is_empty() {
            return Self::One;
        }
        let line = gap.line_before();
        // In these languages a block ends by indentation alone, and no line of its own closes it.
        let closes = !matches!(gap.language.id, "python" | "yaml" | "markdown");
        let block = |indent_chars| Self::Block(BlockEnd { indent_chars, closes });
        if !line.trim().is_empty() {
            // In the line of a call itself its arguments come next, and not a block.
            let calls = line.trim_end().ends_with(['(', '[']);
            // Deeper than the header by one: how far a file indents is not known here, and whatever
            // is deeper belongs to the block.
            return if opens(gap, line) && !calls { block(indent(line) + 1) } else { Self::One };
        }
        let earlier = gap.before.trim_end();
        let header = earlier.rsplit('\n').next().unwrap_or_default();
        if opens(gap, header) {
            return block((indent(header) + 1).max(indent(line)));
        }
        if indent(line) > 0 { block(indent(line)) } else { Self::One }
    }

    pub(super) fn stop(self) -> Vec<String> {
        match self {
            Self::One => vec!["\n".to_owned()],
            // A block ends by its layout, which the worker watches; two blank lines end it in any
            // case.
            Self::Block(_) | Self::Free => vec!["\n\n\n".to_owned()],
        }
    }

    pub(super) fn block_end(self) -> Option<BlockEnd> {
        match self {
            Self::One | Self::Free => None,
            Self::Block(end) => Some(end),
        }
    }

    pub(super) fn max_tokens(self) -> u32 {
        match self {
            Self::One => 48,
            Self::Block(_) | Self::Free => 64,
        }
    }
}

fn opens(gap: &Gap, line: &str) -> bool {
    let line = line.trim_end();
    if line.ends_with(['{', '(', '[']) {
        return true;
    }
    match gap.language.id {
        "python" => line.ends_with(':'),
        _ => OPENING_WORDS.iter().any(|word| {
            line.strip_suffix(word).is_some_and(|head| !head.ends_with(char::is_alphanumeric))
        }),
    }
}

pub(super) fn indent(line: &str) -> u32 {
    let count = line.chars().take_while(|c| [' ', '\t'].contains(c)).count();
    u32::try_from(count).unwrap_or(u32::MAX)
}
