//! What is known to be wrong and is let pass until it is mended: each as narrow as can be, with
//! what happens and why. An empty list is the aim; a line that is not needed any more goes.

use crate::worker::Method;

/// See the module.
#[derive(Debug)]
pub(crate) struct Known {
    /// A worker that answers pings and never ends a call is left alone, and so is one that thinks
    /// it has answered: nothing tells computing from standing still. So these calls end when the
    /// weather clears up.
    pub(crate) stalls_are_released: bool,
    /// Silence ends a worker after a ping every two seconds and ten more: so much later than ten
    /// seconds after its last sign of life.
    pub(crate) silence_slack_ms: u64,
    /// A worker that freezes over these is waited for without end: only `Engine::busy` is watched,
    /// and it knows neither a worker that has not said hello nor what concerns prefixes.
    pub(crate) unwatched: &'static [Method],
    /// `Host::token` and `prefill_progress` go by the number of the call alone: text of another
    /// worker that carries it is taken for the answer. So workers keep off each other's calls.
    pub(crate) tokens_are_anybodys: bool,
    /// A host that drains ends without an answer to a survey whose files are being looked at.
    pub(crate) drain_forgets_surveys: bool,
    /// `Host::notes` says of each window that is smaller than what is set that the model was
    /// trained for no more, also where only the settings have changed since, or were a request's.
    pub(crate) window_note_is_wrong: bool,
    /// A load that ends leaves what was free before it in the requests that wait; so the next goes
    /// by a number that is too high by what that load took beside its file.
    pub(crate) free_is_from_before: bool,
    /// A load that can't succeed ends the requests that wait for its place; those of the host
    /// itself that wait for another place try the same file again, so often.
    pub(crate) hopeless_loads_repeated: u64,
    /// When the budget of starts is used up, `plan_restart` leaves no pause: each request that
    /// waits already starts a worker at once.
    pub(crate) waiting_requests_start_workers: bool,
    /// An error that answers `unloadModel` is taken for success: the model is still there, and its
    /// memory is given to others.
    pub(crate) unload_error_is_ignored: bool,
    /// A request that waits for a place loads the file as it was found up to a second ago, also
    /// where another look has found it damaged since.
    pub(crate) goes_by_an_older_look: bool,
}

/// What is let pass now.
pub(crate) const KNOWN: Known = Known {
    stalls_are_released: true,
    silence_slack_ms: 3_100,
    unwatched: &[Method::Hello, Method::Restore, Method::Save],
    tokens_are_anybodys: true,
    drain_forgets_surveys: true,
    window_note_is_wrong: true,
    free_is_from_before: true,
    hopeless_loads_repeated: 2,
    waiting_requests_start_workers: true,
    unload_error_is_ignored: true,
    goes_by_an_older_look: true,
};
