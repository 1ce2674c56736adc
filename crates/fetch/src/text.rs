//! A short text for people, such as a license: no digest pins it, so its length is limited, it must
//! be plain text, and it is read as a whole. Addresses are tried one after another, each as often
//! as for a file.

use std::io::Read as _;
use std::time::Duration;

use localcoder_protocol::{FetchFailure, FetchText};
use ureq::Agent;

use crate::attempt::{agent, ask, broken, follow, head};
use crate::attempt_error::{AttemptError, Failed, Retry};
use crate::hosts::Hosts;
use crate::permission::Permission;
use crate::response::check_kind;

pub(crate) fn load(request: &FetchText, permission: &Permission) -> Result<String, Failed> {
    let agent = agent(&request.limits);
    let mut last = Failed::new(FetchFailure::Invalid, "there is no address");
    for url in &request.urls {
        for attempt in 0..request.limits.tries {
            match attempt_once((request, permission), &agent, url) {
                Ok(text) => return Ok(text),
                Err(AttemptError { failed, retry: Retry::Again(asked) }) => {
                    last = failed;
                    let doubled = request.limits.pause_ms << attempt.min(16);
                    let pause = Duration::from_millis(doubled.min(request.limits.pause_max_ms));
                    std::thread::sleep(asked.unwrap_or(pause));
                }
                Err(error) => {
                    last = error.failed;
                    break;
                }
            }
        }
    }
    Err(last)
}

fn attempt_once(
    (request, permission): (&FetchText, &Permission),
    agent: &Agent,
    url: &str,
) -> Result<String, AttemptError> {
    let hosts = Hosts(&request.hosts);
    let redirects = request.limits.redirects;
    let answer = follow(&hosts, url, redirects, |to| ask((agent, permission), to, None, None))?;
    check_kind(&head(answer.status().as_u16(), answer.headers()), &request.limits)?;
    let mut bytes = Vec::new();
    answer
        .into_body()
        .into_reader()
        // One byte more than allowed shows that the text is too long.
        .take(request.bytes_max + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| broken(&error))?;
    let wrong = |message: &str| {
        Err(AttemptError::new(FetchFailure::WrongFile, Retry::Elsewhere, message.to_owned()))
    };
    if u64::try_from(bytes.len()).unwrap_or(u64::MAX) > request.bytes_max {
        return wrong("the text is longer than such a text can be");
    }
    match String::from_utf8(bytes) {
        Ok(text) if !text.trim().is_empty() => Ok(text),
        _ => wrong("what was received is not text"),
    }
}
