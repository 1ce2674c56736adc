//! `localcoder generate`: a prompt of the user's own, for scripts and benchmarks.

use std::io::{ErrorKind, Read};
use std::path::Path;

use localcoder_disk::cause_of;
use localcoder_protocol::{
    DOCUMENT_BYTES_MAX, ErrorCode, ErrorInfo, Generate, GenerateParams, Generated, SamplingParams,
};

use crate::arguments::GenerateOptions;
use crate::commands::assist::end_of_stream;
use crate::failure::explained;
use crate::output;
use crate::session::{REQUEST_ID, Session, model_reference, overrides};

pub(crate) fn run(options: &GenerateOptions) -> Result<(), ErrorInfo> {
    let prompt = match options.prompt.as_str() {
        "-" => read_stdin()?,
        text => text.to_owned(),
    };
    if prompt.trim().is_empty() {
        return Err(ErrorInfo::new(ErrorCode::Usage, "the prompt is empty")
            .with_hint("give one with --prompt TEXT, or on stdin"));
    }
    let params = GenerateParams {
        request_id: REQUEST_ID.to_owned(),
        prompt,
        system: options.system.clone(),
        raw: options.raw,
        max_tokens: options.max_tokens,
        stop: options.stop.clone(),
        sampling: SamplingParams {
            temperature: options.temperature,
            top_p: options.top_p,
            repeat_penalty: options.repeat_penalty,
            seed: options.seed,
        },
        model: model_reference(options.model.model.as_deref())?,
        settings: overrides(options.model.profile.as_deref()),
    };
    let stream = |text: &str| if options.json { Ok(()) } else { output::data(text) };
    let answer = match Session::open()?.request::<Generate>(&params, stream) {
        // As with `head`: whoever read it has enough.
        Err(_) if output::reader_is_gone() => return Ok(()),
        answer => answer?,
    };
    if options.json {
        return output::answer::<Generated>(&answer);
    }
    end_of_stream(&answer.text, answer.finish)
}

fn read_stdin() -> Result<String, ErrorInfo> {
    let mut text = String::new();
    // One more than allowed, so that a text that is too long is refused and not cut.
    let limit = DOCUMENT_BYTES_MAX as u64 + 1;
    std::io::stdin().lock().take(limit).read_to_string(&mut text).map_err(|error| {
        let unread = |code| ErrorInfo::new(code, "the prompt on stdin can't be read");
        match error.kind() {
            ErrorKind::InvalidData => unread(ErrorCode::NotText)
                .with_cause("it is not UTF-8")
                .with_hint("send it as UTF-8"),
            _ => {
                explained(unread(ErrorCode::FileAccess), cause_of(&error, Path::new("/dev/stdin")))
            }
        }
    })?;
    if text.len() > DOCUMENT_BYTES_MAX {
        let message = format!("the prompt has more than {DOCUMENT_BYTES_MAX} bytes");
        return Err(ErrorInfo::new(ErrorCode::DocumentTooLarge, message));
    }
    Ok(text)
}
