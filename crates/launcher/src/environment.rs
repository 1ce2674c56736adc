//! Variables that the editor server and the window program must not get, however the launcher was
//! started. All others are the user's and stay: terminals in the editor inherit them.

use std::process::Command;

/// Variables of another VS Code, from whose terminal we may have been started, and of code-server.
/// The base also handles most of them when it reads the login shell's environment; an edit in
/// `ide/overlay/overlay.json` removes them there.
const PREFIXES: [&str; 4] = ["VSCODE_", "ELECTRON_", "CS_", "CODE_SERVER_"];

const NAMES: [&str; 7] = [
    // Both make Node.js load code.
    "NODE_OPTIONS",
    "NODE_REPL_EXTERNAL_MODULE",
    // Would be taken for the address of an extension gallery.
    "EXTENSIONS_GALLERY",
    // Where Node.js searches for native modules.
    "NODE_BINDINGS_ARROW",
    "NODE_BINDINGS_COMPILED_DIR",
    // The debugger would be handed over to another program, or listen on a TCP port.
    "JS_DEBUG_USE_COMPANION",
    "JS_DEBUG_USE_LOCAL_DAP_PORT",
];

/// Nothing in the IDE calls out; WebKit would send even requests to the loopback address to a
/// proxy. `NO_PROXY` stays: without a proxy it has no effect.
pub(crate) const PROXIES: [&str; 8] = [
    "http_proxy",
    "https_proxy",
    "all_proxy",
    "ftp_proxy",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "ALL_PROXY",
    "FTP_PROXY",
];

pub(crate) fn clean(command: &mut Command) {
    for (name, _) in std::env::vars_os() {
        if is_foreign(&name.to_string_lossy()) {
            command.env_remove(&name);
        }
    }
}

fn is_foreign(name: &str) -> bool {
    PREFIXES.iter().any(|prefix| name.starts_with(prefix))
        || NAMES.contains(&name)
        || PROXIES.contains(&name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_redirects_the_editor_goes_and_what_is_the_users_stays() {
        for name in ["EXTENSIONS_GALLERY", "CS_TELEMETRY_URL", "VSCODE_PROXY_URI", "https_proxy"] {
            assert!(is_foreign(name), "{name}");
        }
        for name in ["PATH", "NODE_PATH", "TMPDIR", "XDG_RUNTIME_DIR", "NO_PROXY", "CSX"] {
            assert!(!is_foreign(name), "{name}");
        }
    }
}
