//! The messages between the launcher and `localcoder-desktop`: one JSON object a line, commands
//! on the program's standard input and events on its standard output.
//!
//! Addresses are passed here and nowhere else, because they contain a ticket: other users can read
//! a command line or an environment. Both programs are shipped together, so the messages have no
//! version.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

pub use crate::explain::OUTPUT_FAILED;

/// Longest line either side accepts, in bytes. An address with a long path is a few KiB.
pub const LINE_BYTES_MAX: u64 = 256 * 1024;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "command", rename_all = "kebab-case")]
pub enum Command {
    /// The first line: where the program keeps its data and which origin is the editor's.
    Start {
        /// Folder for cookies, page storage and the windows' size; private to the user.
        data: PathBuf,
        /// `http://HOST:PORT`: the only origin that a window shows. Frames may also show hosts
        /// below it.
        origin: String,
        /// The proxy for everything else. It refuses, so that no name is even looked up.
        proxy: String,
    },
    Open {
        url: String,
    },
    Focus {
        window: u32,
    },
    /// Load every page again, because the editor server was restarted and a page has not reloaded
    /// by itself. A page with text that is not backed up asks first.
    Reload,
    /// Close every window. Unsaved text stays in the editor's backups.
    Quit,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum Event {
    Opened {
        /// Its number, which is never reused.
        window: u32,
        url: String,
    },
    Moved {
        window: u32,
        url: String,
    },
    Loaded {
        window: u32,
    },
    Closed {
        window: u32,
    },
    Browser {
        /// Its scheme and host; the rest could be private.
        origin: String,
    },
    Problem {
        message: String,
    },
}
