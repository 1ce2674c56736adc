//! Invariant 2, as far as it is about numbers: nothing grows without a limit.

use localcoder_host::core::{Effect, QUEUE_MAX};

use super::requests::Requests;
use crate::broken::{Outcome, breach};

const EFFECTS_MAX: usize = 4 * QUEUE_MAX + 64;

pub(crate) fn effects(effects: &[Effect]) -> Outcome {
    if effects.len() > EFFECTS_MAX {
        return breach("bounds: effects of an event", format!("{} of them", effects.len()));
    }
    Ok(())
}

pub(crate) fn waiting(requests: &Requests) -> Outcome {
    // One request may be in progress and one may be repeated; the others wait in the queue.
    let waiting = requests.waiting_for_models();
    if waiting > QUEUE_MAX + 2 {
        return breach("bounds: waiting requests", format!("{waiting} of them"));
    }
    Ok(())
}
