//! The few answers that are the front's own: the page that takes a ticket, and refusals for clients
//! that already know the address.

use http_body_util::{BodyExt as _, Full};
use hyper::header::{self, HeaderValue};
use hyper::{Response, StatusCode};

use super::door::{COOKIE, Door, Secret};
use super::gate::Refusal;
use super::policy;
use super::upstream::Body;

/// Gives the browser its session and sends it to the editor. Not by a redirect: a browser that
/// comes from another site would not send the new cookie (`SameSite=Strict`) with that. A page that
/// refreshes itself is a navigation of our own origin.
pub(super) fn open(door: &Door, session: Option<&Secret>, query: &str) -> Response<Body> {
    let Some(session) = session else {
        return page(
            StatusCode::FORBIDDEN,
            "This address has been used, or is too old.",
            "Each address opens LocalCoder IDE once, so that nobody else can use it. Run \
             <code>localcoder --browser</code> in a terminal for another one. A window that is \
             open already stays open.",
            "",
        );
    };
    let target = format!("/{}/?{query}", door.path().reveal());
    let refresh = format!(r#"<meta http-equiv="refresh" content="0;url={}">"#, escape(&target));
    let mut answer = page(StatusCode::OK, "LocalCoder IDE", "It opens in a moment.", &refresh);
    // `Path` is the secret one: cookies are shared by all ports of a host, and a server on another
    // port must not be sent this one. It has no lifetime, so it ends with the browser, and no
    // `Secure`, since loopback is plain HTTP.
    let cookie = format!(
        "{COOKIE}={}; Path=/{}/; HttpOnly; SameSite=Strict",
        session.reveal(),
        door.path().reveal()
    );
    let cookie = HeaderValue::try_from(cookie).expect("it is plain text");
    answer.headers_mut().insert(header::SET_COOKIE, cookie);
    answer
}

pub(super) fn refuse(refusal: &Refusal) -> Response<Body> {
    match refusal {
        Refusal::NoSession => page(
            StatusCode::FORBIDDEN,
            "This browser is not signed in to LocalCoder IDE.",
            "Its session has ended, or this is another browser. Run <code>localcoder \
             --browser</code> in a terminal, and open the address that it tells.",
            "",
        ),
        Refusal::Ahead => page(StatusCode::SERVICE_UNAVAILABLE, "Not ahead of time.", "", ""),
        // The silent ones do not get here: `answer` closes their connection.
        Refusal::Silent(_) | Refusal::NotThere(_) => {
            page(StatusCode::NOT_FOUND, "There is nothing here.", "", "")
        }
    }
}

pub(super) fn no_server() -> Response<Body> {
    page(
        StatusCode::SERVICE_UNAVAILABLE,
        "The editor server is being started.",
        "This page is loaded again in a moment.",
        r#"<meta http-equiv="refresh" content="1">"#,
    )
}

pub(super) fn full() -> Response<Body> {
    page(
        StatusCode::SERVICE_UNAVAILABLE,
        "Too many windows are open.",
        "Close some, then load this page again.",
        "",
    )
}

pub(super) fn not_kept(error: &std::io::Error) -> Response<Body> {
    page(StatusCode::INSUFFICIENT_STORAGE, "It could not be kept.", &escape(&error.to_string()), "")
}

/// `head` and `text` are HTML, the title is plain text.
fn page(status: StatusCode, title: &str, text: &str, head: &str) -> Response<Body> {
    let html = format!(
        "<!DOCTYPE html><html lang=\"en\"><head><meta charset=\"utf-8\">{head}\
         <title>{title}</title></head><body><h1>{title}</h1><p>{text}</p></body></html>"
    );
    let mut answer = Response::new(Full::from(html).map_err(|never| match never {}).boxed());
    *answer.status_mut() = status;
    policy::put_on_own(answer.headers_mut());
    let html = HeaderValue::from_static("text/html; charset=utf-8");
    answer.headers_mut().insert(header::CONTENT_TYPE, html);
    if status != StatusCode::OK {
        answer.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    answer
}

fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            _ => escaped.push(letter),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_query_of_an_address_can_not_break_out_of_the_page() {
        assert_eq!(escape(r#"a=b&c="><script>"#), "a=b&amp;c=&quot;&gt;&lt;script&gt;");
    }
}
