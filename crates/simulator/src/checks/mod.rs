//! What must hold, whatever happens: each file covers one subject of the invariants in
//! `ARCHITECTURE.md`. Checked on each of the host's effects, and again after each event.

pub(crate) mod bounds;
pub(crate) mod loads;
pub(crate) mod requests;
pub(crate) mod status;
pub(crate) mod supervision;

use crate::broken::Outcome;
use crate::world::World;

pub(crate) fn after_event(world: &mut World) -> Outcome {
    bounds::waiting(&world.requests)?;
    world.check_silence()
}
