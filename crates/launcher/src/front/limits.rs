//! How many connections there may be, and which one is dropped for a new one. Connections that are
//! in stay; of the others the oldest is dropped, because our own clients identify themselves at
//! once.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::Notify;

/// Connections that have not shown a session yet. A browser opens six at once for each window, so
/// this is room for ten windows that load at the same moment.
pub(super) const WAITING_MAX: usize = 64;
/// Connections that have shown a session. A window has two, six more while it loads, and some for
/// each webview; each costs two of the 1,024 descriptors that systems commonly allow.
pub(super) const IN_MAX: usize = 320;

#[derive(Default)]
pub(super) struct Connections {
    waiting: Mutex<VecDeque<Arc<Connection>>>,
    inside: AtomicUsize,
}

#[derive(Default)]
pub(super) struct Connection {
    entered: AtomicBool,
    go: Notify,
}

impl Connections {
    /// Adds a connection that has not identified itself; the longest waiting one may be dropped for
    /// it. Dropping the oldest instead of refusing the newest means that nobody can keep the user
    /// out by holding all places: our own clients need theirs for a moment only.
    pub(super) fn add(self: &Arc<Self>) -> Guest {
        let connection = Arc::<Connection>::default();
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.push_back(Arc::clone(&connection));
        if waiting.len() > WAITING_MAX
            && let Some(oldest) = waiting.pop_front()
        {
            // Its place is free from here on, although its task may end a little later.
            // `notify_one` is remembered if the task does not wait for it yet.
            oldest.go.notify_one();
        }
        drop(waiting);
        Guest { all: Arc::clone(self), connection }
    }

    fn forget(&self, connection: &Arc<Connection>) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.retain(|other| !Arc::ptr_eq(other, connection));
    }
}

/// A connection's place, for as long as it lives: dropping it frees the place, so it is held by
/// whatever keeps the connection going, first the request's task and then the WebSocket's.
pub(super) struct Guest {
    all: Arc<Connections>,
    connection: Arc<Connection>,
}

impl Guest {
    /// The connection has shown that it may come in; returns whether there is room. To be called
    /// for each request: only the first one takes a place. Without room the connection stays among
    /// the waiting, and may be dropped.
    pub(super) fn enter(&self) -> bool {
        if self.connection.entered.load(Ordering::Relaxed) {
            return true;
        }
        // Counted first and taken back: two connections that enter at once could otherwise both see
        // the last place.
        if self.all.inside.fetch_add(1, Ordering::Relaxed) >= IN_MAX {
            self.all.inside.fetch_sub(1, Ordering::Relaxed);
            return false;
        }
        self.connection.entered.store(true, Ordering::Relaxed);
        self.all.forget(&self.connection);
        true
    }

    pub(super) fn is_in(&self) -> bool {
        self.connection.entered.load(Ordering::Relaxed)
    }

    /// Completes when the connection has to go. Never completes for one that is in.
    pub(super) async fn told_to_go(&self) {
        self.connection.go.notified().await;
        // It may have come in at this very moment, and then it stays.
        if self.is_in() {
            std::future::pending::<()>().await;
        }
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        if self.is_in() {
            self.all.inside.fetch_sub(1, Ordering::Relaxed);
        } else {
            self.all.forget(&self.connection);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::Future;
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};

    use super::*;

    fn goes(guest: &Guest) -> bool {
        let mut told = pin!(guest.told_to_go());
        told.as_mut().poll(&mut Context::from_waker(Waker::noop())) == Poll::Ready(())
    }

    #[test]
    fn the_longest_waiting_goes_and_who_is_in_stays() {
        let all = Arc::<Connections>::default();
        let inside = all.add();
        assert!(inside.enter());
        let waiting: Vec<Guest> = (0..WAITING_MAX + 2).map(|_| all.add()).collect();
        assert!(goes(&waiting[0]) && goes(&waiting[1]));
        assert!(!goes(&waiting[2]) && !goes(&inside));
    }

    #[test]
    fn there_is_room_for_this_many_and_a_place_is_given_back() {
        let all = Arc::<Connections>::default();
        let mut guests: Vec<Guest> = (0..IN_MAX).map(|_| all.add()).collect();
        assert!(guests.iter().all(Guest::enter));
        let one_more = all.add();
        assert!(!one_more.enter() && !one_more.is_in());
        guests.pop();
        assert!(one_more.enter());
    }
}
