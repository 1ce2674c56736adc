//! A simulator of the host's core: a whole world around one [`localcoder_host::core::Host`], with
//! clients, workers, files, memory and time, all drawn from one seed and in one thread. Whatever
//! goes wrong in the world, the host's invariants are checked after every event.
//!
//! It starts no process, opens no socket and reads no clock, so that a seed gives exactly the same
//! run; it does not include the shell or llama.cpp. `cargo xtask simulate` runs it with many seeds.

mod broken;
mod calls;
mod checks;
mod clients;
mod effects;
mod faults;
mod machine;
mod marks;
mod random;
mod settings;
mod steps;
mod store;
mod tally;
#[cfg(test)]
mod tests;
mod worker;
mod world;
mod world_event;

pub use broken::Broken;
pub use tally::Tally;

use broken::Trace;
use world::World;

/// Runs the world of a seed from its start to its end.
///
/// # Errors
/// The first invariant that does not hold, and what had happened before.
pub fn run(seed: u64) -> Result<Tally, Broken> {
    // Recording what happens takes longer than the events themselves.
    let (result, _) = World::new(seed, Trace::Off).live();
    if result.is_ok() {
        return result;
    }
    World::new(seed, Trace::Last(std::collections::VecDeque::new())).live().0
}

/// Runs the world of a seed and also returns everything that happened, one line for each event and
/// effect.
pub fn replay(seed: u64) -> (Result<Tally, Broken>, Vec<String>) {
    World::new(seed, Trace::All(Vec::new())).live()
}
