//! Which instructions the kernels may use.

/// A set of instructions that this processor has: a level can only be obtained by asking the
/// processor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Level(pub(crate) Instructions);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Instructions {
    /// Products of bytes are added up in 16 bits; since 2013 in Intel's Core line, 2017 in AMD's.
    Avx2,
    /// Products of bytes are added up in 32 bits at once; laptops since 2021.
    AvxVnni,
    /// As AVX-VNNI, but twice as wide; servers since 2019, AMD since 2022.
    Avx512,
}

const ALL: [Instructions; 3] = [Instructions::Avx2, Instructions::AvxVnni, Instructions::Avx512];

impl Level {
    #[must_use]
    pub fn best() -> Option<Self> {
        Self::all().last()
    }

    /// The level of this name (`avx2`, `avx-vnni`, `avx512`), if this processor has it.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::all().find(|level| level.name() == name)
    }

    pub fn all() -> impl Iterator<Item = Self> {
        ALL.into_iter().filter(|level| is_here(*level)).map(Self)
    }

    #[must_use]
    pub fn name(self) -> &'static str {
        match self.0 {
            Instructions::Avx2 => "avx2",
            Instructions::AvxVnni => "avx-vnni",
            Instructions::Avx512 => "avx512",
        }
    }
}

#[cfg(target_arch = "x86_64")]
fn is_here(instructions: Instructions) -> bool {
    use std::arch::is_x86_feature_detected as has;
    // AVX2 alone does not imply the other two, which every kernel uses: for sums and for scales of
    // 16 bits.
    let avx2 = has!("avx2") && has!("fma") && has!("f16c");
    match instructions {
        Instructions::Avx2 => avx2,
        Instructions::AvxVnni => avx2 && has!("avxvnni"),
        Instructions::Avx512 => {
            avx2 && has!("avx512f") && has!("avx512bw") && has!("avx512vl") && has!("avx512vnni")
        }
    }
}

#[cfg(not(target_arch = "x86_64"))]
fn is_here(_: Instructions) -> bool {
    false
}
