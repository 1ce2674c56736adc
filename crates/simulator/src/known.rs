//! What is known to be wrong and is let pass until it is mended: each as narrow as can be, with
//! what happens and why. An empty list is the aim; a line that is not needed any more goes.

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
}

/// What is let pass now.
pub(crate) const KNOWN: Known = Known { stalls_are_released: true, silence_slack_ms: 3_100 };
