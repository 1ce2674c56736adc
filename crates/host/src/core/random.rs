//! Numbers that look random and are the same for the same start, so that a run can be repeated.

use localcoder_protocol::EditId;

/// A splitmix64 sequence.
#[derive(Debug)]
pub(super) struct Random(u64);

impl Random {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// A name that nothing else has by chance.
    pub(super) fn edit_id(&mut self) -> EditId {
        format!("{:08x}{:08x}", self.next(), self.next())
    }

    pub(super) fn next(&mut self) -> u32 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed >> 32) as u32
    }
}
