//! What must hold, whatever happens: each file a subject of `ARCHITECTURE.md`'s invariants. Checked
//! as the host's effects come, and once more after each event.

pub(crate) mod bounds;
pub(crate) mod loads;
pub(crate) mod requests;
pub(crate) mod status;
pub(crate) mod supervision;

use crate::broken::Outcome;
use crate::world::World;

/// After the effects of each event.
pub(crate) fn after_event(world: &mut World) -> Outcome {
    bounds::waiting(&world.requests)?;
    world.check_silence()
}
