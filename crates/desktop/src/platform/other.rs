//! For platforms whose view is the system's own and where wry's builder is all there is: macOS.

use tao::window::Window;
use wry::{NewWindowFeatures, NewWindowResponse, WebView, WebViewBuilder};

use crate::page::{EventSender, PageEvent};

/// The view's own clipboard works for pages.
pub(crate) const CLIPBOARD_SCRIPT: &str = "";

pub(crate) fn read_clipboard(got: impl FnOnce(&str) + 'static) {
    got("");
}

pub(crate) fn write_clipboard(_text: &str) {}

pub(crate) fn build(builder: WebViewBuilder<'_>, window: &Window) -> wry::Result<WebView> {
    builder.build(window)
}

/// Here the content security policy keeps a page from other addresses.
pub(crate) fn refuse_all_but(_view: &WebView, _origin: &str, _proxy: &str) {}

pub(crate) fn watch(_view: &WebView, _events: &EventSender) {}

/// The view has no call that asks a page. Unsaved text is in the editor's backups, which it
/// restores by itself.
pub(crate) fn ask_to_close(_view: &WebView, events: &EventSender) {
    events.send(PageEvent::Closed);
}

/// For an editor that is moved out: the system's own new window shows it.
pub(crate) fn blank_window(_features: &NewWindowFeatures) -> NewWindowResponse {
    NewWindowResponse::Allow
}

/// The end of standard input says that the launcher is gone.
pub(crate) fn end_with_parent() {}
