//! Who is let in: the run's random names, the tickets that open a session once, and the sessions.
//! No I/O except for random bytes. What a request must look like is decided in `gate`.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::error::LauncherError;

/// Unused tickets that are kept, and sessions; the oldest are dropped, so that neither list grows
/// with a long run. Each window uses one of each, so far fewer are in use at once.
const KEPT_MAX: usize = 64;
/// How long an address stays valid until it is used, for instance by pasting it into a browser.
const TICKET_TIME: Duration = Duration::from_secs(15 * 60);

pub(super) const COOKIE: &str = "localcoder-session";

/// Random bytes as hexadecimal digits, which are safe in a host name, a path, a cookie and a query
/// alike. It has no `Debug`, so that no log can print it.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Secret(String);

impl Secret {
    /// # Errors
    /// If the system has no random numbers.
    pub(super) fn random(bytes: usize) -> Result<Self, LauncherError> {
        let mut buffer = vec![0_u8; bytes];
        getrandom::fill(&mut buffer).map_err(LauncherError::NoRandom)?;
        Ok(Self(data_encoding::HEXLOWER.encode(&buffer)))
    }

    pub(super) fn reveal(&self) -> &str {
        &self.0
    }

    /// Compares in a time that does not depend on where the texts begin to differ: a program on
    /// this machine could otherwise measure its way to a secret, byte by byte. The length is not a
    /// secret.
    pub(super) fn is(&self, text: &str) -> bool {
        let (ours, theirs) = (self.0.as_bytes(), text.as_bytes());
        ours.len() == theirs.len()
            && ours.iter().zip(theirs).fold(0, |seen, (a, b)| seen | (a ^ b)) == 0
    }
}

struct Ticket {
    secret: Secret,
    until: Instant,
}

/// The names, tickets and sessions of a run. All of it is in memory only: with the process, every
/// address and cookie that was given out becomes worthless.
pub(super) struct Door {
    /// `HOST:PORT` of the editor, with a random name under `localhost`: browsers do not look such
    /// names up anywhere. It shares no cookies or page storage with other local servers, and what a
    /// page of an earlier run left behind belongs to another name.
    authority: String,
    /// First part of every path of the editor. A cookie is sent to all ports of its host, but only
    /// for this path, which no one else knows.
    path: Secret,
    /// First part of the paths for the frames of webviews, which must not know the editor's.
    frames: Secret,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    tickets: VecDeque<Ticket>,
    sessions: VecDeque<Secret>,
}

impl Door {
    /// # Errors
    /// If the system has no random numbers.
    pub(super) fn new(host: &Secret, port: u16) -> Result<Self, LauncherError> {
        Ok(Self {
            authority: format!("{}.localhost:{port}", host.reveal()),
            path: Secret::random(16)?,
            frames: Secret::random(16)?,
            state: Mutex::default(),
        })
    }

    pub(super) fn authority(&self) -> &str {
        &self.authority
    }

    pub(super) fn path(&self) -> &Secret {
        &self.path
    }

    pub(super) fn frames(&self) -> &Secret {
        &self.frames
    }

    /// A new ticket; it opens one session.
    ///
    /// # Errors
    /// If the system has no random numbers.
    pub(super) fn issue(&self, now: Instant) -> Result<Secret, LauncherError> {
        let secret = Secret::random(32)?;
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.tickets.push_back(Ticket { secret: secret.clone(), until: now + TICKET_TIME });
        if state.tickets.len() > KEPT_MAX {
            state.tickets.pop_front();
        }
        Ok(secret)
    }

    /// Exchanges a ticket for a new session. `None` if there is no such ticket, or no longer. The
    /// ticket is used up even if the answer never reaches the browser.
    ///
    /// # Errors
    /// If the system has no random numbers.
    pub(super) fn exchange(
        &self,
        ticket: &str,
        now: Instant,
    ) -> Result<Option<Secret>, LauncherError> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        // There is no timer: stale tickets are dropped when somebody comes with one, and `issue`
        // bounds how many can wait for that.
        state.tickets.retain(|ticket| ticket.until > now);
        let Some(index) = state.tickets.iter().position(|it| it.secret.is(ticket)) else {
            return Ok(None);
        };
        // Before the ticket is removed: if there are no random numbers, it stays usable.
        let session = Secret::random(32)?;
        state.tickets.remove(index);
        state.sessions.push_back(session.clone());
        if state.sessions.len() > KEPT_MAX {
            state.sessions.pop_front();
        }
        Ok(Some(session))
    }

    /// Whether a `Cookie` header names an open session. Any of several cookies of our name will do:
    /// a webview's subdomain can set one for this host, and must not be able to sign the editor
    /// out.
    pub(super) fn knows(&self, cookies: &str) -> bool {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        cookie::Cookie::split_parse(cookies)
            .filter_map(Result::ok)
            .filter(|cookie| cookie.name() == COOKIE)
            .any(|cookie| state.sessions.iter().any(|session| session.is(cookie.value())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn door() -> Door {
        Door::new(&Secret::random(16).unwrap(), 4711).unwrap()
    }

    #[test]
    fn a_ticket_opens_one_session_and_only_once() {
        let (door, now) = (door(), Instant::now());
        let ticket = door.issue(now).unwrap();
        assert_eq!(ticket.reveal().len(), 64);
        let session = door.exchange(ticket.reveal(), now).unwrap().unwrap();
        assert!(door.exchange(ticket.reveal(), now).unwrap().is_none());
        assert!(door.knows(&format!("a=b; {COOKIE}={}", session.reveal())));
        for cookies in ["", "a=b", &format!("{COOKIE}={}", ticket.reveal()), COOKIE] {
            assert!(!door.knows(cookies), "{cookies}");
        }
    }

    #[test]
    fn a_ticket_that_lies_about_goes_stale() {
        let (door, now) = (door(), Instant::now());
        let ticket = door.issue(now).unwrap();
        assert!(door.exchange(ticket.reveal(), now + TICKET_TIME).unwrap().is_none());
    }

    #[test]
    fn a_cookie_that_somebody_else_has_set_beside_ours_keeps_nobody_out() {
        let (door, now) = (door(), Instant::now());
        let ticket = door.issue(now).unwrap();
        let session = door.exchange(ticket.reveal(), now).unwrap().unwrap();
        let cookies = format!("{COOKIE}=planted; {COOKIE}={}", session.reveal());
        assert!(door.knows(&cookies));
    }

    #[test]
    fn no_two_runs_have_a_name_in_common() {
        let (one, other) = (door(), door());
        assert_ne!(one.authority(), other.authority());
        assert!(!one.path().is(other.path().reveal()));
        assert!(!one.path().is(one.frames().reveal()));
    }
}
