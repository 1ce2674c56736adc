//! Where the view is the system's own and wry's builder is all there is: macOS.

use tao::window::Window;
use wry::{NewWindowFeatures, NewWindowResponse, WebView, WebViewBuilder};

use crate::page::{EventSender, PageEvent};

/// The view's own clipboard works for pages.
pub(crate) const CLIPBOARD_SCRIPT: &str = "";

/// Not asked for without the script.
pub(crate) fn read_clipboard(got: impl FnOnce(&str) + 'static) {
    got("");
}

/// Not asked for without the script.
pub(crate) fn write_clipboard(_text: &str) {}

/// Puts the view into the window.
pub(crate) fn build(builder: WebViewBuilder<'_>, window: &Window) -> wry::Result<WebView> {
    builder.build(window)
}

/// The content security policy is what keeps a page from other addresses here.
pub(crate) fn refuse_all_but(_view: &WebView, _origin: &str, _proxy: &str) {}

/// The builder's handlers are all that is watched here.
pub(crate) fn watch(_view: &WebView, _events: &EventSender) {}

/// The view has no call that asks a page. Unsaved text is in the editor's backups, which it
/// brings back by itself.
pub(crate) fn ask_to_close(_view: &WebView, events: &EventSender) {
    events.send(PageEvent::Closed);
}

/// An editor that is moved out: the system's own new window shows it.
pub(crate) fn blank_window(_features: &NewWindowFeatures) -> NewWindowResponse {
    NewWindowResponse::Allow
}

/// Standard input's end tells that the launcher is gone.
pub(crate) fn end_with_parent() {}
