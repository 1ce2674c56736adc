//! A simulator of the host's core: a whole world around one [`localcoder_host::core::Host`], with
//! clients, workers, files, memory and time, all drawn from one seed and in one thread. Whatever
//! goes wrong out there, the host's invariants are checked after every event.
//!
//! It starts no process, opens no socket and asks no clock, so a seed repeats exactly; the shell
//! and llama.cpp are not in it. `cargo xtask simulate` runs it over many seeds.

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

/// Lives through the world of a seed.
///
/// # Errors
/// With the first invariant that does not hold, and what had happened before.
pub fn run(seed: u64) -> Result<Tally, Broken> {
    // To write down what happens takes longer than to let it happen.
    let (result, _) = World::new(seed, Trace::Off).live();
    if result.is_ok() {
        return result;
    }
    World::new(seed, Trace::Last(std::collections::VecDeque::new())).live().0
}

/// The same with all that happened, a line for each event and effect.
pub fn replay(seed: u64) -> (Result<Tally, Broken>, Vec<String>) {
    World::new(seed, Trace::All(Vec::new())).live()
}
