//! What the command line and `localcoder-fetch` say to each other: one [`FetchOrder`] as a line of
//! JSON on its standard input, then a [`FetchEvent`] a line on its standard output, of which the
//! last is `done` or `failed`. When its standard input ends, so does the program: what it has is
//! kept.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::Confined;

/// What is to be done, and that it may be. An order that does not say so in plain words is refused
/// before anything is opened: the program can't know the user's settings, and whoever forgets to
/// look at them must not get through.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FetchOrder {
    pub network: FetchNetwork,
    #[serde(flatten)]
    pub task: FetchTask,
}

/// The part of a [`FetchOrder`] that is read first: an order of which nothing else can be
/// understood is refused for the same reason.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
pub struct FetchPermission {
    /// See [`FetchOrder::network`].
    #[serde(default)]
    pub network: FetchNetwork,
}

/// Whether the settings of the user allow to open a connection. Read from any JSON value, so that
/// an order with something else in this place is understood as a refusal and not answered as
/// malformed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", from = "Value")]
pub enum FetchNetwork {
    /// They were read, and they do.
    Allowed,
    /// It was not stated.
    #[default]
    Refused,
}

impl From<Value> for FetchNetwork {
    /// Whatever is not the one word is a refusal.
    fn from(said: Value) -> Self {
        if said == "allowed" { Self::Allowed } else { Self::Refused }
    }
}

/// What is to be downloaded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "task")]
pub enum FetchTask {
    /// A large file with a known digest.
    File(FetchRequest),
    /// A short text without one.
    Text(FetchText),
}

/// A text that a person is to read, such as a license.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FetchText {
    /// Addresses of the same text, the preferred one first.
    pub urls: Vec<String>,
    /// See [`FetchRequest::hosts`].
    pub hosts: Vec<String>,
    /// A longer one is refused.
    pub bytes_max: u64,
    /// How long it is tried.
    #[serde(default)]
    pub limits: FetchLimits,
}

/// Environment variables that name a proxy for it, the first for encrypted addresses first.
pub const PROXY_VARIABLES: [&str; 6] =
    ["https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY", "http_proxy", "HTTP_PROXY"];

/// One file that is to be had: from where, as what, and what it must be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FetchRequest {
    /// Addresses of the same file, the preferred one first. `https`, or `http` on this machine.
    pub urls: Vec<String>,
    /// Names of hosts that may be asked, redirects included; `.example.org` stands for all of
    /// its subdomains.
    pub hosts: Vec<String>,
    /// Folder of the unfinished file and its lock; on the file system of `target`.
    pub folder: String,
    /// Path of the finished file. It is not there before it is whole and verified.
    pub target: String,
    pub bytes: u64,
    /// Its SHA-256, 64 lower-case hexadecimal digits.
    pub sha256: String,
    /// What the file begins with; anything else is an error page of a server or proxy.
    pub magic: String,
    /// Bytes of the disk that must stay free.
    pub reserve_bytes: u64,
    /// How long it is tried.
    #[serde(default)]
    pub limits: FetchLimits,
}

/// When a connection counts as dead, and how often it is tried again. The defaults are for the
/// internet; tests have shorter ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct FetchLimits {
    /// Time to connect, and to the head of an answer.
    pub connect_ms: u64,
    /// Longest time without a byte.
    pub stall_ms: u64,
    /// Least speed over `slow_window_ms`: a server that sends a byte now and then is never silent
    /// for `stall_ms`.
    pub slow_bytes_per_s: u64,
    /// Over which the speed is taken.
    pub slow_window_ms: u64,
    /// Tries without progress.
    pub tries: u32,
    /// Pause before the second try; each further one is twice as long.
    pub pause_ms: u64,
    pub pause_max_ms: u64,
    /// Longest pause that a server may ask for.
    pub retry_after_max_ms: u64,
    /// Redirects in a row.
    pub redirects: u32,
}

impl Default for FetchLimits {
    /// For the internet.
    fn default() -> Self {
        Self {
            connect_ms: 15_000,
            stall_ms: 30_000,
            slow_bytes_per_s: 8 * 1024,
            slow_window_ms: 60_000,
            tries: 6,
            pause_ms: 1_000,
            pause_max_ms: 32_000,
            retry_after_max_ms: 300_000,
            redirects: 5,
        }
    }
}

/// What happens meanwhile. Any number of events, in any order but for two: `Confined` comes first,
/// and `Done` or `Failed` last. A program that ends without the last one was killed or has crashed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase", tag = "event")]
pub enum FetchEvent {
    /// What the system refuses it from here on. The first event where the order made sense; nothing
    /// was opened before it.
    Confined(Confined),
    /// What was there of an earlier try is read again.
    Checking {
        /// Bytes read.
        bytes: u64,
        /// Bytes there are.
        total_bytes: u64,
    },
    /// Bytes come.
    Progress {
        /// Bytes on disk.
        bytes: u64,
        total_bytes: u64,
        /// Speed over the last seconds, for an estimate of the time that is left.
        bytes_per_s: u64,
    },
    /// A try failed, and the next comes after a pause.
    Waiting {
        wait_ms: u64,
        /// Why; a sentence without its end.
        reason: String,
    },
    /// What was there could not be used, so it starts over.
    Restarted {
        /// Why; a sentence without its end.
        reason: String,
    },
    /// The text that was wanted.
    Text {
        /// All of it.
        text: String,
    },
    /// The file is there, whole and verified.
    Done,
    /// It is not, and trying again at once would not help.
    Failed {
        failure: FetchFailure,
        /// What happened; a sentence without its end.
        message: String,
    },
}

/// Kinds of failure, by what can be done about them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum FetchFailure {
    /// It was not stated that the settings allow it, so nothing was opened.
    AirGapped,
    Invalid,
    /// Another process loads the same file.
    Busy,
    /// There is not enough room on the disk.
    NoSpace,
    /// The disk can't be written or read.
    Disk,
    /// No server was reached, or the connection broke again and again.
    Unreachable,
    /// A server could not prove who it is.
    Untrusted,
    /// Bytes come too slowly, or not at all.
    TooSlow,
    /// A proxy wants a password.
    Proxy,
    /// A server says that the file is not there or not for us.
    Refused,
    /// A server is in trouble.
    Server,
    /// A redirect leads where nothing may be loaded from.
    Redirect,
    /// What the server has is another file, or a page about a problem.
    WrongFile,
    /// The whole file came twice and had the wrong digest both times.
    Checksum,
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_the_one_word_is_a_permission() {
        let network =
            |order: Value| serde_json::from_value::<FetchPermission>(order).unwrap().network;
        let written = serde_json::to_value(FetchNetwork::Allowed).unwrap();
        assert_eq!(network(json!({"network": written, "task": "file"})), FetchNetwork::Allowed);
        for said in [json!(true), json!(1), json!(null), json!("Allowed"), json!("refused")] {
            assert_eq!(network(json!({"network": said})), FetchNetwork::Refused, "{said}");
        }
        assert_eq!(network(json!({"task": "file"})), FetchNetwork::Refused);
        let refused = serde_json::to_value(FetchNetwork::Refused).unwrap();
        assert_eq!(network(json!({"network": refused})), FetchNetwork::Refused);
    }

    #[test]
    fn an_order_is_read_as_it_is_written() {
        let task = FetchTask::Text(FetchText {
            urls: vec!["https://example.org/license".to_owned()],
            hosts: vec!["example.org".to_owned()],
            bytes_max: 1,
            limits: FetchLimits::default(),
        });
        let order = FetchOrder { network: FetchNetwork::Allowed, task };
        let line = serde_json::to_string(&order).unwrap();
        assert_eq!(serde_json::from_str::<FetchOrder>(&line).unwrap(), order, "{line}");
    }
}
