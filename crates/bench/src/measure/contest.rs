//! Several engines on the same cases, alternately, because a machine's speed drifts more than
//! engines differ. The caller decides what is measured; this only keeps the order fair.

use anyhow::Result;

use super::cases::Case;
use super::llama_server::LlamaServer;
use super::statistics::{Figure, geometric_mean};
use super::worker::{LocalCoderWorker, Timing};

/// An engine that writes answers. Both kinds are called alike, so that no side gets a warm-up, a
/// cache or a check that the other does not.
pub(super) enum Contestant<'a> {
    Worker { engine: &'a mut LocalCoderWorker, drafts: bool },
    Server(&'a mut LlamaServer),
}

impl Contestant<'_> {
    /// Reads the prompt, so that the next [`Contestant::write`] need not. What is compared is the
    /// writing; the time to the first token has measurements of its own.
    pub(super) fn read(&mut self, case: &Case) -> Result<()> {
        match self {
            Self::Worker { engine, .. } => engine.prepare(case),
            Self::Server(engine) => engine.read(case),
        }
    }

    pub(super) fn write(&mut self, case: &Case) -> Result<Timing> {
        match self {
            Self::Worker { engine, drafts } => Ok(engine.write(case, *drafts)?.0),
            Self::Server(engine) => engine.write(case, true),
        }
    }
}

/// Times of every side on every case, in milliseconds. A time may be NaN where a side was left out;
/// ratios with that side mean nothing.
#[derive(Debug)]
pub(super) struct Times {
    // By side, then by case, then by round.
    all: Vec<Vec<Vec<f64>>>,
}

impl Times {
    /// The ratio of one side's time to another's over some of the cases: above 1 if `other` is
    /// faster. Of several rounds the best counts, since disturbances only make a time longer. The
    /// mean is geometric: with an arithmetic one, the ratio and its inverse would not agree.
    pub(super) fn ratio(
        &self,
        side: usize,
        other: usize,
        wanted: impl Fn(usize) -> bool,
    ) -> Figure {
        let cases = (0..self.all[side].len()).filter(|case| wanted(*case));
        let ratios: Vec<f64> =
            cases.map(|case| self.best(side, case) / self.best(other, case)).collect();
        geometric_mean(&ratios)
    }

    pub(super) fn best(&self, side: usize, case: usize) -> f64 {
        self.all[side][case].iter().copied().fold(f64::INFINITY, f64::min)
    }
}

/// Measures every side on every case in every round. The order rotates from case to case and is
/// reversed in every other round: a side that always came after the same other one would always
/// meet the machine as that one leaves it. `measure` gets the side and the case; its first error
/// ends everything.
pub(super) fn in_turns(
    cases: usize,
    rounds: usize,
    sides: usize,
    mut measure: impl FnMut(usize, usize) -> Result<f64>,
) -> Result<Times> {
    let mut all = vec![vec![Vec::new(); cases]; sides];
    for round in 0..rounds {
        for turn in 0..cases * sides {
            let (case, place) = (turn / sides, turn % sides);
            let place = if round % 2 == 0 { place } else { sides - 1 - place };
            // Rotation changes who begins, but not who follows whom; only the reversal changes
            // that.
            let side = (place + case) % sides;
            all[side][case].push(measure(side, case)?);
        }
    }
    Ok(Times { all })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_side_meets_every_case_in_every_place() {
        let mut order = Vec::new();
        let times = in_turns(2, 2, 2, |side, case| {
            order.push((side, case));
            Ok(if side == 0 { 4.0 } else { 2.0 })
        });
        let turns = [(0, 0), (1, 0), (1, 1), (0, 1), (1, 0), (0, 0), (0, 1), (1, 1)];
        assert_eq!(order, turns);
        assert!((times.unwrap().ratio(0, 1, |_| true).value - 2.0).abs() < 1e-9);
    }
}
