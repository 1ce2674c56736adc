//! The messages between the launcher and `localcoder-desktop`: one JSON object a line, commands
//! on the program's standard input and events on its standard output.
//!
//! Addresses travel here and nowhere else, because they hold a ticket: a command line or an
//! environment can be read by other users. Both programs are shipped together, so there is no
//! version in it.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

pub use crate::explain::OUTPUT_FAILED;

/// Longest line either side accepts, in bytes. An address with a long path is a few KiB.
pub const LINE_BYTES_MAX: u64 = 256 * 1024;

/// What the launcher tells the desktop program.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "command", rename_all = "kebab-case")]
pub enum Command {
    /// The first line: where the program keeps its data and which origin is the editor's.
    Start {
        /// Folder for cookies, page storage and the windows' size; private to the user.
        data: PathBuf,
        /// `http://HOST:PORT`: the only origin that is shown in a window. Frames may show those of
        /// hosts below it, too.
        origin: String,
        /// The proxy for everything else. It refuses, so that nothing is even looked up.
        proxy: String,
    },
    /// Open a new window.
    Open {
        /// Where it begins; of the origin above.
        url: String,
    },
    /// Bring a window to the front.
    Focus {
        /// The number from [`Event::Opened`].
        window: u32,
    },
    /// Load every page again, because the editor server is a new one and a page has not done so by
    /// itself. A page with text that is not backed up asks first.
    Reload,
    /// Close every window. Unsaved text stays in the editor's backups.
    Quit,
}

/// What the desktop program reports.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum Event {
    /// A window is there.
    Opened {
        /// Its number; not used again.
        window: u32,
        /// Where it began, without the ticket.
        url: String,
    },
    /// A window shows another address, such as another folder.
    Moved {
        /// Its number.
        window: u32,
        /// Where it is now, without the ticket.
        url: String,
    },
    /// A page has been loaded.
    Loaded {
        /// The window's number.
        window: u32,
    },
    /// A window has been closed.
    Closed {
        /// Its number.
        window: u32,
    },
    /// A link was given to the system's browser.
    Browser {
        /// Its scheme and host; the rest is nobody's business.
        origin: String,
    },
    /// Something went wrong that does not end the program.
    Problem {
        /// What happened, as a sentence.
        message: String,
    },
}
