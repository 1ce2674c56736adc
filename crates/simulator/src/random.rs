//! Random numbers from one seed. The same seed gives the same numbers on every machine, so a run
//! can be repeated from its seed alone.

#[derive(Debug, Clone)]
pub(crate) struct Random(fastrand::Rng);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(fastrand::Rng::with_seed(seed))
    }

    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        // `fastrand` panics if the range is empty.
        if bound == 0 { 0 } else { self.0.u64(..bound) }
    }

    pub(crate) fn between(&mut self, low: u64, high: u64) -> u64 {
        low + self.below(high.saturating_sub(low) + 1)
    }

    pub(crate) fn per_mille(&mut self, chance: u64) -> bool {
        self.below(1_000) < chance
    }

    pub(crate) fn pick<'a, T>(&mut self, of: &'a [T]) -> &'a T {
        let index = self.below(of.len() as u64);
        &of[usize::try_from(index).unwrap_or(0)]
    }

    /// A time up to `most`, short times often and long ones rarely: each halving is as likely as
    /// the one before.
    pub(crate) fn up_to_ms(&mut self, most: u64) -> u64 {
        let halvings = self.below(10);
        self.below((most >> halvings) + 1)
    }
}
