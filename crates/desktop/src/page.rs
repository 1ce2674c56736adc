//! One editor page in a native window: what it may show, and what it reports. The page's messages
//! and the native events of its view become [`PageEvent`]s for the application's loop.

use anyhow::Context;
use serde::Deserialize;
use tao::event_loop::EventLoopProxy;
use tao::window::Window;
use wry::{NewWindowResponse, PageLoadEvent, WebContext, WebView, WebViewBuilder};

use crate::app::Message;
use crate::link::{Link, judge, may_show};
use crate::platform;

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum PageEvent {
    Title(String),
    Moved(String),
    Loaded,
    Open(String),
    CloseAsked,
    /// It has agreed to be closed.
    Closed,
    /// It wants to be larger (+1), smaller (-1) or of normal size (0).
    Zoom(i32),
    Crashed,
    /// It wants the clipboard's text, and this number with the answer.
    ReadClipboard(u32),
    WriteClipboard(String),
}

/// What a page's script says; see `page.js`.
#[derive(Debug, Deserialize)]
#[serde(tag = "type", rename_all = "camelCase")]
enum PageMessage {
    Open { url: String },
    Close,
    Zoom { by: i32 },
    ReadClipboard { id: u32 },
    WriteClipboard { text: String },
}

#[derive(Debug, Clone)]
pub(crate) struct EventSender {
    pub(crate) window: u32,
    pub(crate) proxy: EventLoopProxy<Message>,
}

impl EventSender {
    pub(crate) fn send(&self, event: PageEvent) {
        // If the loop has ended, nobody needs the event.
        let _ = self.proxy.send_event(Message::Page { window: self.window, event });
    }
}

/// A view and the secret of its script, by which that script's messages are told from those of
/// frames: these can post to the same channel, and must not open windows or read the clipboard.
pub(crate) struct Page {
    pub(crate) view: WebView,
    key: String,
}

impl Page {
    /// Answers [`PageEvent::ReadClipboard`] with an event whose name has the secret in it, so that
    /// only our script can listen for it.
    pub(crate) fn give_clipboard(&self, id: u32, text: &str) -> wry::Result<()> {
        let detail = serde_json::json!({ "id": id, "text": text });
        let event = format!("new CustomEvent('localcoder:{}', {{ detail: {detail} }})", self.key);
        self.view.evaluate_script(&format!("window.dispatchEvent({event})"))
    }
}

/// Builds the view of a page, which is still empty: what the platform adds to it, such as the
/// refusing proxy, has to be there before the first request.
pub(crate) fn build(
    window: &Window,
    context: &mut WebContext,
    events: &EventSender,
    origin: &str,
) -> anyhow::Result<Page> {
    let key = secret()?;
    let scripts = [include_str!("page.js"), platform::CLIPBOARD_SCRIPT].concat();
    let script = scripts.replace("@ORIGIN@", origin).replace("@KEY@", &key);
    let signature = key.clone();
    let shown = origin.to_owned();
    let opened = origin.to_owned();
    let [titles, loads, asks, says, navigates] = [(); 5].map(|()| events.clone());
    let builder = WebViewBuilder::new_with_web_context(context)
        .with_devtools(false)
        .with_clipboard(true)
        .with_initialization_script_for_main_only(script, true)
        .with_navigation_handler(move |url| {
            // Asked for frames as well as for the page itself. Where a link leads out, the page
            // stays and the browser opens.
            let shows = may_show(&url, &shown);
            if !shows && judge(&url, &shown) == Link::Outside {
                navigates.send(PageEvent::Open(url));
            }
            shows
        })
        .with_new_window_req_handler(move |url, features| {
            if url.is_empty() || url == "about:blank" {
                return platform::blank_window(&features);
            }
            if judge(&url, &opened) != Link::Nowhere {
                asks.send(PageEvent::Open(url));
            }
            // Always denied here: the application opens a window of its own for the address, with
            // all its handlers.
            NewWindowResponse::Deny
        })
        .with_document_title_changed_handler(move |title| titles.send(PageEvent::Title(title)))
        .with_on_page_load_handler(move |event, url| {
            loads.send(match event {
                PageLoadEvent::Started => PageEvent::Moved(url),
                PageLoadEvent::Finished => PageEvent::Loaded,
            });
        })
        .with_ipc_handler(move |request| {
            if let Some(event) = understand(request.body(), &signature) {
                says.send(event);
            }
        });
    let view = platform::build(builder, window).context("the web view can't be made")?;
    platform::watch(&view, events);
    Ok(Page { view, key })
}

/// The event that a message means; `None` if it does not come from our script, or is malformed.
/// Zoom is cut to a single step, whatever the number.
fn understand(body: &str, key: &str) -> Option<PageEvent> {
    #[derive(Deserialize)]
    struct Signed {
        key: String,
    }
    let signed: Signed = serde_json::from_str(body).ok()?;
    // Before the rest is parsed: what comes from elsewhere is not even looked at.
    if signed.key != key {
        return None;
    }
    Some(match serde_json::from_str(body).ok()? {
        PageMessage::Open { url } => PageEvent::Open(url),
        PageMessage::Close => PageEvent::CloseAsked,
        PageMessage::Zoom { by } => PageEvent::Zoom(by.signum()),
        PageMessage::ReadClipboard { id } => PageEvent::ReadClipboard(id),
        PageMessage::WriteClipboard { text } => PageEvent::WriteClipboard(text),
    })
}

fn secret() -> anyhow::Result<String> {
    let mut bytes = [0_u8; 16];
    getrandom::fill(&mut bytes).map_err(|error| anyhow::anyhow!("no random numbers: {error}"))?;
    Ok(data_encoding::HEXLOWER.encode(&bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_messages_with_the_windows_secret_are_heard() {
        let said = r#"{"key":"k","type":"open","url":"https://example.org/"}"#;
        let opened = Some(PageEvent::Open("https://example.org/".to_owned()));
        assert_eq!(understand(said, "k"), opened);
        assert_eq!(understand(said, "other"), None);
        assert_eq!(understand(r#"{"type":"close"}"#, "k"), None);
        assert_eq!(understand(r#"{"key":"k","type":"close"}"#, "k"), Some(PageEvent::CloseAsked));
        let zoom = understand(r#"{"key":"k","type":"zoom","by":99}"#, "k");
        assert_eq!(zoom, Some(PageEvent::Zoom(1)));
        assert_eq!(understand("{", "k"), None);
    }

    #[test]
    fn two_windows_have_two_secrets() {
        assert_ne!(secret().unwrap(), secret().unwrap());
    }
}
