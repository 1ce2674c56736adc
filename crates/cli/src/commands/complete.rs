//! `localcoder complete`: what the editor would suggest at a position.

use localcoder_protocol::{
    Complete, CompleteParams, CompletedAt, ErrorCode, ErrorInfo, Infill, Position,
};

use crate::arguments::CompleteOptions;
use crate::complete_arguments::At;
use crate::output;
use crate::session::{REQUEST_ID, Session, model_reference, overrides};
use crate::source::SourceFile;

pub(crate) fn run(options: &CompleteOptions) -> Result<(), ErrorInfo> {
    let document = SourceFile::read(&options.file)?.document;
    let position = position(&document.text, options.at)?;
    let params = CompleteParams {
        request_id: REQUEST_ID.to_owned(),
        document,
        position,
        chunks: Vec::new(),
        edits: Vec::new(),
        // Asked for on purpose: nothing is withheld, and what would be is said below.
        explicit: true,
        model: model_reference(options.model.model.as_deref())?,
        settings: overrides(options.model.profile.as_deref()),
    };
    let answer = Session::open()?.request::<Complete>(&params, |_| Ok(()))?;
    if options.json {
        return output::answer::<CompletedAt>(&answer);
    }
    match (&answer.nothing, &answer.suggestion) {
        (Some(nothing), None) => output::note(&format!("Nothing to suggest: {}.", nothing.text)),
        (Some(nothing), Some(_)) => {
            output::note(&format!("It would not be shown while you type: {}.", nothing.text));
        }
        (None, _) => {}
    }
    if answer.infill == Some(Infill::Words) {
        output::note("This model has no tokens for filling a gap, so it was asked in words.");
    }
    let Some(suggestion) = &answer.suggestion else { return Ok(()) };
    if suggestion.replaces > 0 {
        let plural = if suggestion.replaces == 1 { "" } else { "s" };
        let count = suggestion.replaces;
        output::note(&format!("It takes the place of {count} character{plural} behind it."));
    }
    output::data(&format!("{}\n", suggestion.text))
}

/// The position as editors count it, in UTF-16 units, from a column in characters, as people count
/// them.
fn position(text: &str, at: At) -> Result<Position, ErrorInfo> {
    let At { line, column } = at;
    let row = usize::try_from(line - 1).unwrap_or(usize::MAX);
    let before = usize::try_from(column - 1).unwrap_or(usize::MAX);
    // A line that there is not is left to the host, whose error names the last one.
    let of_line = text.split('\n').nth(row).map(|line| line.trim_end_matches('\r'));
    if let Some(of_line) = of_line.filter(|of_line| of_line.chars().count() < before) {
        let (count, text) = (of_line.chars().count(), "there is no such column");
        return Err(ErrorInfo::new(ErrorCode::LinesOutOfRange, format!("{text}: {column}"))
            .with_cause(format!("line {line} has {count} characters"))
            .with_hint(format!("choose a column from 1 to {}", count + 1)));
    }
    let units: usize = of_line.unwrap_or("").chars().take(before).map(char::len_utf16).sum();
    Ok(Position { line, character: u32::try_from(units).unwrap_or(u32::MAX) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_characters_and_positions_are_units() {
        let at = |line, column| position("a😀b\r\nc", At { line, column });
        assert_eq!(at(1, 3).unwrap(), Position { line: 1, character: 3 });
        assert_eq!(at(1, 4).unwrap(), Position { line: 1, character: 4 });
        assert_eq!(at(2, 2).unwrap(), Position { line: 2, character: 1 });
        let error = at(1, 5).unwrap_err().to_string();
        assert!(error.contains("line 1 has 3 characters"), "{error}");
    }
}
