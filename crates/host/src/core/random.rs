//! Pseudo-random numbers: the same seed gives the same sequence, so that a run can be repeated.

use localcoder_protocol::EditId;

#[derive(Debug)]
pub(super) struct Random(fastrand::Rng);

impl Random {
    pub(super) fn new(seed: u64) -> Self {
        Self(fastrand::Rng::with_seed(seed))
    }

    pub(super) fn edit_id(&mut self) -> EditId {
        format!("{:08x}{:08x}", self.next(), self.next())
    }

    pub(super) fn next(&mut self) -> u32 {
        self.0.u32(..)
    }
}
