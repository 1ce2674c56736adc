//! Runs programs of others without a network, in the way the editor is run when that is wanted.

use std::process::Command;

use localcoder_launcher::{Confinement, probe_confinement};
use localcoder_trial::program::Confine;

pub(crate) struct Offline(Confinement);

impl Offline {
    /// Finds out how that can be done on this system.
    pub(crate) fn probe() -> Self {
        Self(probe_confinement())
    }
}

impl Confine for Offline {
    fn why_not(&self) -> Option<&str> {
        match &self.0 {
            Confinement::None { why } => Some(why),
            Confinement::Namespace | Confinement::Filter => None,
        }
    }

    fn apply(&self, command: &mut Command) -> std::io::Result<()> {
        self.0.apply(command)
    }
}
