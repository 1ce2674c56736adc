//! What an answer means for the file. Servers, and the proxies in front of them, get ranges wrong
//! in many ways, so the status alone decides nothing: what counts is where the coming bytes begin,
//! and how long the whole file is.

use std::time::Duration;

use localcoder_protocol::{FetchFailure, FetchLimits};

use crate::attempt_error::{AttemptError, Retry};

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Head {
    pub(crate) status: u16,
    pub(crate) content_length: Option<u64>,
    pub(crate) content_range: Option<String>,
    pub(crate) content_type: Option<String>,
    pub(crate) content_encoding: Option<String>,
    pub(crate) retry_after: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Meaning {
    From(u64),
    Complete,
}

/// Judges an answer to a request for the bytes from `at` of a file of `total` bytes;
/// [`Meaning::From`] is never beyond `at`. What can't be placed makes the download start over, and
/// what is about another file sends it to another address.
pub(crate) fn judge(
    head: &Head,
    at: u64,
    total: u64,
    limits: &FetchLimits,
) -> Result<Meaning, AttemptError> {
    match head.status {
        416 if at == total => return Ok(Meaning::Complete),
        416 => return Err(start_over("the server has no bytes from where the file is to go on")),
        _ => check_kind(head, limits)?,
    }
    let Some(range) = &head.content_range else {
        if head.status == 206 {
            return Err(start_over("the server sends a part of the file and does not say which"));
        }
        return whole(head, total);
    };
    let Some(range) = Range::parse(range) else {
        return Err(start_over("the server sends a part of the file and does not say which"));
    };
    if range.total.is_some_and(|said| said != total) {
        return Err(wrong(&length(range.total.unwrap_or(0), total)));
    }
    // Earlier is fine: then some bytes are written again. A gap could not be filled.
    if range.start > at {
        return Err(start_over("the server leaves a gap in the file"));
    }
    if range.end >= total || head.content_length.is_some_and(|it| it > total - range.start) {
        return Err(wrong("the server sends more than the file has"));
    }
    Ok(Meaning::From(range.start))
}

/// Checks that a body can be the file at all: not an error, a web page, or compressed.
pub(crate) fn check_kind(head: &Head, limits: &FetchLimits) -> Result<(), AttemptError> {
    if !matches!(head.status, 200 | 206) {
        return Err(refused(head.status, head, limits));
    }
    let is_page = head.content_type.as_deref().is_some_and(|kind| {
        let kind = kind.trim_start().to_ascii_lowercase();
        kind.starts_with("text/html") || kind.starts_with("application/xhtml")
    });
    if is_page {
        return Err(wrong(
            "a web page came instead of the file; a network that asks you to sign in does that",
        ));
    }
    let encoding = head.content_encoding.as_deref().unwrap_or("identity").trim();
    if !encoding.is_empty() && !encoding.eq_ignore_ascii_case("identity") {
        return Err(wrong(&format!("the server packs the file (`{}`)", shown(encoding))));
    }
    Ok(())
}

fn whole(head: &Head, total: u64) -> Result<Meaning, AttemptError> {
    match head.content_length {
        Some(said) if said != total => Err(wrong(&length(said, total))),
        _ => Ok(Meaning::From(0)),
    }
}

fn refused(status: u16, head: &Head, limits: &FetchLimits) -> AttemptError {
    let said = format!("the server answers with {status}");
    match status {
        // From a proxy that answers a plain request itself; for a tunnel the library reports it.
        407 => AttemptError::new(
            FetchFailure::Proxy,
            Retry::Nothing,
            "the proxy wants a user name and a password",
        ),
        408 | 425 | 429 | 500..=599 => {
            // Only seconds are understood; a date would need this machine's clock to be right.
            let wait = head.retry_after.as_deref().and_then(|text| text.trim().parse().ok());
            let most = Duration::from_millis(limits.retry_after_max_ms);
            let wait = wait.map(|seconds| Duration::from_secs(seconds).min(most));
            let why = if status == 429 { "it has too many requests" } else { "it is in trouble" };
            AttemptError::new(FetchFailure::Server, Retry::Again(wait), format!("{said}: {why}"))
        }
        401 | 403 => AttemptError::new(
            FetchFailure::Refused,
            Retry::Elsewhere,
            format!("{said}: the file is not for everybody"),
        ),
        404 | 410 => AttemptError::new(
            FetchFailure::Refused,
            Retry::Elsewhere,
            format!("{said}: the file is not there"),
        ),
        _ => AttemptError::new(FetchFailure::Server, Retry::Elsewhere, said),
    }
}

fn start_over(message: &str) -> AttemptError {
    AttemptError::new(FetchFailure::Server, Retry::StartOver, message)
}

fn wrong(message: &str) -> AttemptError {
    AttemptError::new(FetchFailure::WrongFile, Retry::Elsewhere, message)
}

fn length(said: u64, total: u64) -> String {
    format!("the server's file has {said} bytes, and the one wanted has {total}")
}

/// What a server says, without control characters and with a limited length.
fn shown(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(40).collect()
}

/// `bytes 5-9/10`; the total may be `*`.
struct Range {
    start: u64,
    end: u64,
    total: Option<u64>,
}

impl Range {
    fn parse(text: &str) -> Option<Self> {
        let (range, total) = text.trim().strip_prefix("bytes")?.trim_start().split_once('/')?;
        let (start, end) = range.split_once('-')?;
        let (start, end) = (start.trim().parse().ok()?, end.trim().parse().ok()?);
        let total = match total.trim() {
            "*" => None,
            total => Some(total.parse().ok()?),
        };
        (start <= end).then_some(Self { start, end, total })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOTAL: u64 = 100;

    fn head(status: u16) -> Head {
        Head { status, ..Head::default() }
    }

    fn part(status: u16, range: &str) -> Head {
        Head { content_range: Some(range.to_owned()), ..head(status) }
    }

    fn judged(head: &Head, at: u64) -> Result<Meaning, (FetchFailure, Retry)> {
        judge(head, at, TOTAL, &FetchLimits::default())
            .map_err(|error| (error.failed.failure, error.retry))
    }

    #[test]
    fn what_counts_is_where_the_bytes_begin() {
        assert_eq!(judged(&head(200), 0), Ok(Meaning::From(0)));
        // The range was ignored.
        assert_eq!(judged(&head(200), 40), Ok(Meaning::From(0)));
        assert_eq!(judged(&part(206, "bytes 40-99/100"), 40), Ok(Meaning::From(40)));
        // A proxy that turns 206 into 200, and one that begins earlier than requested.
        assert_eq!(judged(&part(200, "bytes 40-99/100"), 40), Ok(Meaning::From(40)));
        assert_eq!(judged(&part(206, "bytes 32-99/100"), 40), Ok(Meaning::From(32)));
        assert_eq!(judged(&part(206, "bytes 40-99/*"), 40), Ok(Meaning::From(40)));
        assert_eq!(judged(&head(416), TOTAL), Ok(Meaning::Complete));
    }

    #[test]
    fn what_can_not_be_placed_starts_over() {
        let start_over = Err((FetchFailure::Server, Retry::StartOver));
        for head in [
            head(206),
            head(416),
            part(206, "bytes 41-99/100"),
            part(206, "bytes 9-4/100"),
            part(206, "lines 40-99/100"),
            part(206, "bytes"),
        ] {
            assert_eq!(judged(&head, 40), start_over, "{head:?}");
        }
    }

    #[test]
    fn another_file_is_not_written() {
        let wrong = Err((FetchFailure::WrongFile, Retry::Elsewhere));
        let page = Head { content_type: Some("Text/HTML; charset=utf-8".to_owned()), ..head(200) };
        let packed = Head { content_encoding: Some("gzip".to_owned()), ..head(200) };
        let short = Head { content_length: Some(99), ..head(200) };
        let long = Head { content_length: Some(61), ..part(206, "bytes 40-99/100") };
        for head in
            [page, packed, short, long, part(206, "bytes 40-99/101"), part(206, "bytes 40-100/*")]
        {
            assert_eq!(judged(&head, 40), wrong, "{head:?}");
        }
    }

    #[test]
    fn a_server_in_trouble_is_asked_again_when_it_says() {
        let busy =
            |after: Option<&str>| Head { retry_after: after.map(str::to_owned), ..head(503) };
        let again = |wait: Option<u64>| {
            Err((FetchFailure::Server, Retry::Again(wait.map(Duration::from_secs))))
        };
        assert_eq!(judged(&busy(None), 0), again(None));
        assert_eq!(judged(&busy(Some("7")), 0), again(Some(7)));
        assert_eq!(judged(&busy(Some("86400")), 0), again(Some(300)));
        assert_eq!(judged(&busy(Some("Tue, 01 Jan 2030 00:00:00 GMT")), 0), again(None));
        assert_eq!(judged(&head(407), 0), Err((FetchFailure::Proxy, Retry::Nothing)));
        for status in [401, 403, 404, 410] {
            assert_eq!(judged(&head(status), 0), Err((FetchFailure::Refused, Retry::Elsewhere)));
        }
    }
}
