//! What only WebKitGTK can do: ask a page before it is closed, notice that its process has ended,
//! and show a bare window that a page fills itself.

use std::ffi::{CStr, c_char, c_int, c_void};
use std::mem::transmute;

use gtk::prelude::*;
use tao::platform::unix::WindowExtUnix;
use tao::window::Window;
use webkit2gtk::{
    NavigationPolicyDecision, NavigationPolicyDecisionExt, NetworkProxyMode, NetworkProxySettings,
    PermissionRequestExt, PolicyDecisionExt, PolicyDecisionType, SettingsExt, URIRequestExt,
    WebContextExt, WebViewExt, WebsiteDataManagerExt,
};
use wry::{
    NewWindowFeatures, NewWindowResponse, WebView, WebViewBuilder, WebViewBuilderExtUnix,
    WebViewExtUnix,
};

use crate::page::{EventSender, PageEvent};

/// WebKitGTK refuses pages that read the clipboard by script, so this script asks us for it.
pub(crate) const CLIPBOARD_SCRIPT: &str = include_str!("../clipboard.js");

/// Reads the clipboard's text. `got` is called on the main thread, some time later: another program
/// may own the text and has to be asked. Text that can't be had is empty.
pub(crate) fn read_clipboard(got: impl FnOnce(&str) + 'static) {
    let clipboard = gtk::Clipboard::get(&gtk::gdk::SELECTION_CLIPBOARD);
    clipboard.request_text(|_, text| got(text.unwrap_or_default()));
}

/// Puts text on the clipboard, where it stays after the window is gone: storing it hands it to the
/// desktop's clipboard manager, without which it would end with this process.
pub(crate) fn write_clipboard(text: &str) {
    let clipboard = gtk::Clipboard::get(&gtk::gdk::SELECTION_CLIPBOARD);
    clipboard.set_text(text);
    clipboard.store();
}

pub(crate) fn build(builder: WebViewBuilder<'_>, window: &Window) -> wry::Result<WebView> {
    let container = window.default_vbox().ok_or(wry::Error::InitScriptError)?;
    builder.build_gtk(container)
}

/// Makes WebKit send everything that is not for the editor to a proxy that refuses it, so that
/// nothing is looked up or connected to, whatever a page tries. Called before the first page is
/// loaded.
pub(crate) fn refuse_all_but(view: &WebView, origin: &str, proxy: &str) {
    let authority = origin.split_once("://").map_or(origin, |(_, authority)| authority);
    let host = authority.rsplit_once(':').map_or(authority, |(host, _)| host);
    // A host covers its subdomains as well, which webviews are on.
    let mut settings = NetworkProxySettings::new(Some(proxy), &[host]);
    let manager = view.webview().context().and_then(|context| context.website_data_manager());
    if let Some(manager) = manager {
        manager.set_network_proxy_settings(NetworkProxyMode::Custom, Some(&mut settings));
    }
}

/// Sends the events that the builder has no handler for, and refuses what a page may ask a browser
/// for.
pub(crate) fn watch(view: &WebView, events: &EventSender) {
    let native = view.webview();
    if let Some(settings) = WebViewExt::settings(&native) {
        // The command that moves an editor out runs some time after its key was pressed. All a page
        // can open is a bare window; `page.js` turns every other one into a message.
        settings.set_javascript_can_open_windows_automatically(true);
        forbid_hints(&settings);
    }
    let closes = events.clone();
    // Not the signal `close`: on that, wry destroys the view, and with it handlers that were added
    // later.
    native.connect_destroy(move |_| closes.send(PageEvent::Closed));
    let crashes = events.clone();
    native.connect_web_process_terminated(move |_, _| crashes.send(PageEvent::Crashed));
    native.connect_permission_request(|_, request| {
        // Camera, position and the like: the IDE needs none of them.
        request.deny();
        true
    });
}

/// How a page may hint at addresses that it will want. WebKit looks up their names without the
/// proxy.
const HINTS: [&CStr; 4] =
    [c"LinkDNSPrefetch", c"LinkPreconnect", c"LinkPreconnectEarlyHints", c"LinkPrefetch"];

/// Makes WebKit ignore hints: looking up a name reveals it to a resolver. A library before 2.42
/// does not have these names, and ignores hints by default (`enable-dns-prefetching`).
#[expect(unsafe_code, reason = "the crate has no calls for it")]
fn forbid_hints(settings: &webkit2gtk::Settings) {
    type All = unsafe extern "C" fn() -> *mut c_void;
    type Length = unsafe extern "C" fn(*mut c_void) -> usize;
    type Get = unsafe extern "C" fn(*mut c_void, usize) -> *mut c_void;
    type Identifier = unsafe extern "C" fn(*mut c_void) -> *const c_char;
    type Enable = unsafe extern "C" fn(*mut c_void, *mut c_void, c_int);
    type Unref = unsafe extern "C" fn(*mut c_void);
    // SAFETY: the names are those of the functions of WebKitGTK's `WebKitFeature.h` and
    // `WebKitSettings.h` with these arguments (`gboolean` is a C int, `gsize` a usize), the list
    // and its contents live until it is given back, and `settings` outlives the call.
    unsafe {
        let symbol = |name: &CStr| {
            let found = libc::dlsym(libc::RTLD_DEFAULT, name.as_ptr());
            (!found.is_null()).then_some(found)
        };
        let functions = (|| {
            Some((
                transmute::<*mut c_void, All>(symbol(c"webkit_settings_get_all_features")?),
                transmute::<*mut c_void, Length>(symbol(c"webkit_feature_list_get_length")?),
                transmute::<*mut c_void, Get>(symbol(c"webkit_feature_list_get")?),
                transmute::<*mut c_void, Identifier>(symbol(c"webkit_feature_get_identifier")?),
                transmute::<*mut c_void, Enable>(symbol(c"webkit_settings_set_feature_enabled")?),
                transmute::<*mut c_void, Unref>(symbol(c"webkit_feature_list_unref")?),
            ))
        })();
        // An older library: see above.
        let Some((all, length, get, identifier, enable, unref)) = functions else { return };
        let features = all();
        for at in 0..length(features) {
            let feature = get(features, at);
            if HINTS.contains(&CStr::from_ptr(identifier(feature))) {
                enable(settings.as_ptr().cast(), feature, 0);
            }
        }
        unref(features);
    }
}

/// Asks the page whether it may be closed; it answers with [`PageEvent::Closed`] or stays. A page
/// that does not respond is closed without asking.
pub(crate) fn ask_to_close(view: &WebView, events: &EventSender) {
    let native = view.webview();
    if native.is_web_process_responsive() {
        native.try_close();
    } else {
        events.send(PageEvent::Closed);
    }
}

/// A window that another window's page fills and closes, as for an editor that is moved out. It
/// belongs to that page's process (a related view), because the page writes into it directly, and
/// shows nothing from elsewhere. It is not one of the application's windows: no handler of ours is
/// on it.
pub(crate) fn blank_window(features: &NewWindowFeatures) -> NewWindowResponse {
    let webview = webkit2gtk::WebView::with_related_view(&features.opener.webview);
    let window = gtk::Window::new(gtk::WindowType::Toplevel);
    let (width, height) =
        features.size.map_or((1000, 700), |size| (size.width as i32, size.height as i32));
    window.set_default_size(width, height);
    window.add(&webview);
    webview.connect_title_notify(glib_title(&window));
    webview.connect_decide_policy(|_, decision, kind| {
        if kind != PolicyDecisionType::NavigationAction {
            return false;
        }
        let decision = decision.dynamic_cast_ref::<NavigationPolicyDecision>();
        let url = decision.and_then(|decision| decision.navigation_action()?.request()?.uri());
        let blank = url.is_none_or(|url| url.starts_with("about:"));
        if let (false, Some(decision)) = (blank, decision) {
            decision.ignore();
        }
        !blank
    });
    let shown = window.clone();
    webview.connect_ready_to_show(move |_| shown.show_all());
    let closed = window.clone();
    webview.connect_close(move |_| closed.close());
    let asking = webview.clone();
    // The page moves its contents back into the main window before it agrees.
    window.connect_delete_event(move |_, _| {
        asking.try_close();
        gtk::glib::Propagation::Stop
    });
    NewWindowResponse::Create { webview }
}

fn glib_title(window: &gtk::Window) -> impl Fn(&webkit2gtk::WebView) + 'static {
    let window = window.clone();
    move |webview| window.set_title(webview.title().as_deref().unwrap_or("LocalCoder IDE"))
}

/// Makes the kernel end this program with the launcher. The end of standard input means the same,
/// but a window that hangs would not notice it.
pub(crate) fn end_with_parent() {
    let _ = rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::KILL));
}
