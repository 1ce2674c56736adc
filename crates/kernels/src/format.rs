//! How matrices are stored, by ggml's names, and what the kernels have to know about it.

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Four bits, a scale and a minimum for each 32.
    Q4K,
    /// Five bits, a scale and a minimum for each 32.
    Q5K,
    /// Six bits, a scale for each 16.
    Q6K,
    /// Three bits, a scale for each 16.
    Q3K,
    /// Two bits, a scale and a minimum for each 16.
    Q2K,
    /// Four bits that choose one of sixteen numbers, a scale for each 32.
    Iq4Xs,
    /// Four bits, a scale for each 32.
    Q4_0,
    /// Five bits, a scale for each 32.
    Q5_0,
    /// Eight bits, a scale for each 32.
    Q8_0,
    /// Four bits that choose one of sixteen numbers, a scale for each 32.
    Iq4Nl,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Family {
    /// Blocks of 256.
    K,
    /// Blocks of 32.
    Legacy,
}

impl Format {
    pub const ALL: [Self; 10] = [
        Self::Q4K,
        Self::Q5K,
        Self::Q6K,
        Self::Q3K,
        Self::Q2K,
        Self::Iq4Xs,
        Self::Q4_0,
        Self::Q5_0,
        Self::Q8_0,
        Self::Iq4Nl,
    ];

    /// Weights in a block: a row has a whole number of them.
    #[must_use]
    pub const fn block_weights(self) -> usize {
        match self.family() {
            Family::K => 256,
            Family::Legacy => 32,
        }
    }

    #[must_use]
    pub const fn block_bytes(self) -> usize {
        match self {
            Self::Q4K => 144,
            Self::Q5K => 176,
            Self::Q6K => 210,
            Self::Q3K => 110,
            Self::Q2K => 84,
            Self::Iq4Xs => 136,
            Self::Q4_0 | Self::Iq4Nl => 18,
            Self::Q5_0 => 22,
            Self::Q8_0 => 34,
        }
    }

    pub(crate) const fn family(self) -> Family {
        match self {
            Self::Q4K | Self::Q5K | Self::Q6K | Self::Q3K | Self::Q2K | Self::Iq4Xs => Family::K,
            Self::Q4_0 | Self::Q5_0 | Self::Q8_0 | Self::Iq4Nl => Family::Legacy,
        }
    }
}

#[cfg(target_arch = "x86_64")]
impl Format {
    /// The format with this number: a const parameter can be a number, but not a format.
    pub(crate) const fn of(number: u8) -> Self {
        Self::ALL[number as usize]
    }

    /// Where the scale of a block is, and that of its minima.
    pub(crate) const fn scale_at(self) -> usize {
        match self {
            Self::Q6K => 208,
            Self::Q3K => 108,
            Self::Q2K => 80,
            _ => 0,
        }
    }

    pub(crate) const fn minimum_at(self) -> usize {
        self.scale_at() + 2
    }

    /// Weights that share a scale.
    pub(crate) const fn subblock(self) -> usize {
        match self {
            Self::Q6K | Self::Q3K | Self::Q2K => 16,
            _ => 32,
        }
    }

    /// The largest value of a weight when it is read as unsigned. Decides how many products fit
    /// into 16 bits, and with that how many can be added before they have to be widened.
    pub(crate) const fn most(self) -> i32 {
        match self {
            Self::Q2K => 3,
            Self::Q3K => 7,
            Self::Q4K | Self::Q4_0 => 15,
            Self::Q5K | Self::Q5_0 => 31,
            Self::Q6K => 63,
            Self::Q8_0 | Self::Iq4Xs | Self::Iq4Nl => 255,
        }
    }

    /// How much higher a weight is when read as unsigned than its true value. Weights are unpacked
    /// as unsigned numbers, because the instructions that multiply bytes take one unsigned and one
    /// signed operand; what is too much is this number times the sum of the column's values, and is
    /// subtracted once for all weights with the same scale.
    pub(crate) const fn too_high(self) -> i32 {
        match self {
            Self::Q4K | Self::Q5K | Self::Q2K => 0,
            Self::Q3K => 4,
            Self::Q4_0 => 8,
            Self::Q5_0 => 16,
            Self::Q6K => 32,
            Self::Q8_0 | Self::Iq4Xs | Self::Iq4Nl => 128,
        }
    }

    pub(crate) const fn has_minima(self) -> bool {
        matches!(self, Self::Q4K | Self::Q5K | Self::Q2K)
    }
}

/// The values that four bits choose from in `IQ4_NL` and `IQ4_XS`, plus 128.
#[cfg(target_arch = "x86_64")]
pub(crate) const CHOICE: [u8; 16] =
    [1, 24, 45, 63, 79, 93, 106, 118, 129, 141, 153, 166, 181, 197, 217, 241];
