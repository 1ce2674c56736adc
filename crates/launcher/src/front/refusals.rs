//! What the front has refused in this run, counted by reason. Nothing is kept of who asked for
//! what, only how often. Read by `localcoder doctor --privacy`, through the launcher's own socket.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::running::Refused;

/// Why something is refused; each is a row of [`REASONS`], in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reason {
    OtherUser,
    Crowded,
    Unreadable,
    Proxy,
    Host,
    Token,
    Origin,
    Session,
    Ticket,
    Method,
    Path,
    Ahead,
}

/// For each reason its name in printed output, which scripts may read, and what was counted. An
/// array indexed by the reason, so that counting is one addition without a lock; a test holds the
/// order.
const REASONS: [(Reason, &str, &str); 12] = [
    (Reason::OtherUser, "otherUser", "connections of other users of this machine"),
    (
        Reason::Crowded,
        "crowded",
        "connections for which there was no room, or that gave way to others",
    ),
    (Reason::Unreadable, "unreadable", "connections that spoke no HTTP that can be read"),
    (
        Reason::Proxy,
        "proxy",
        "requests for another place: what a page in the IDE's own window tried to load from elsewhere \
         ends here, as at a proxy",
    ),
    (Reason::Host, "host", "requests for another host name than this run's"),
    (
        Reason::Token,
        "token",
        "requests without the secret path of this run; a browser asks so for its picture of the tab",
    ),
    (Reason::Origin, "origin", "requests of pages of another origin or site"),
    (Reason::Session, "session", "requests with the path and without a session"),
    (Reason::Ticket, "ticket", "addresses with a ticket that was used, is too old, or is none"),
    (Reason::Method, "method", "requests with a method that is not taken"),
    (Reason::Path, "path", "requests for what the front does not pass on"),
    (Reason::Ahead, "ahead", "addresses that a browser wanted to load before they were opened"),
];

#[derive(Debug, Default)]
pub(crate) struct Refusals {
    counts: [AtomicU64; REASONS.len()],
}

impl Refusals {
    pub(crate) fn count(&self, reason: Reason) -> u64 {
        self.counts[reason as usize].fetch_add(1, Ordering::Relaxed) + 1
    }

    /// All reasons, including those with a count of zero: a reader sees what is watched, not only
    /// what happened.
    pub(crate) fn all(&self) -> Vec<Refused> {
        let rows = REASONS.iter().zip(&self.counts).map(|((_, kind, text), count)| Refused {
            kind: (*kind).to_owned(),
            text: (*text).to_owned(),
            count: count.load(Ordering::Relaxed),
        });
        rows.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_reason_has_a_row_of_its_own() {
        for (index, (reason, kind, _)) in REASONS.iter().enumerate() {
            assert_eq!(*reason as usize, index, "{kind}");
            let refusals = Refusals::default();
            assert_eq!((refusals.count(*reason), refusals.count(*reason)), (1, 2));
            let counted: Vec<Refused> =
                refusals.all().into_iter().filter(|row| row.count > 0).collect();
            let [row] = &counted[..] else { panic!("{counted:?}") };
            assert_eq!((row.kind.as_str(), row.count), (*kind, 2));
        }
    }
}
