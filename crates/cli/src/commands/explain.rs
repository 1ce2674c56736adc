//! `localcoder explain`: the answer as it is written, or as JSON at its end.

use localcoder_protocol::{ErrorInfo, Explain, ExplainParams, FinishReason};

use crate::arguments::ExplainOptions;
use crate::output;
use crate::session::{REQUEST_ID, Session, model_reference, overrides};
use crate::source::SourceFile;

pub(crate) fn run(options: &ExplainOptions) -> Result<(), ErrorInfo> {
    let params = ExplainParams {
        request_id: REQUEST_ID.to_owned(),
        document: SourceFile::read(&options.target.file)?.document,
        selection: options.target.lines,
        model: model_reference(options.model.model.as_deref())?,
        settings: overrides(options.model.profile.as_deref()),
    };
    let stream = |text: &str| if options.json { Ok(()) } else { output::data(text) };
    let answer = match Session::open()?.request::<Explain>(&params, stream) {
        Err(_) if output::reader_is_gone() => return Ok(()),
        answer => answer?,
    };
    if options.json { output::value(&answer) } else { end_of_stream(&answer.text, answer.finish) }
}

/// Ends the last line, and says so where the answer is cut.
pub(crate) fn end_of_stream(text: &str, finish: FinishReason) -> Result<(), ErrorInfo> {
    if !text.ends_with('\n') {
        output::line("")?;
    }
    match finish {
        FinishReason::TokenLimit => output::note("The answer was cut: it reached its token limit."),
        FinishReason::ContextFull => output::note("The answer was cut: the context is full."),
        FinishReason::EndOfTurn | FinishReason::StopString => {}
    }
    Ok(())
}
