//! Runs programs of others without a network, in the way the editor is run when that is wanted.

use std::path::Path;
use std::process::Command;

use localcoder_launcher::{Confinement, probe_confinement};
use localcoder_trial::program::Confine;

use crate::contained::CONTAINED;

pub(crate) struct Offline(Confinement);

impl Offline {
    /// Finds out how that can be done on this system, by trying: a user namespace, else a filter of
    /// calls.
    pub(crate) fn probe() -> Self {
        Self(probe_confinement())
    }
}

impl Offline {
    /// Whether called code can be kept from the user's files here: the rules on files are Linux's
    /// (Landlock).
    pub(crate) fn can_contain() -> bool {
        cfg!(target_os = "linux")
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

    fn contained(&self, folder: &Path) -> Option<Vec<String>> {
        // This program again, as the rules are set by the process that then becomes the other one.
        let own = std::env::current_exe().ok().filter(|_| Self::can_contain())?;
        let [own, folder] = [own.as_path(), folder].map(|it| it.to_string_lossy().into_owned());
        Some(vec![own, CONTAINED.to_owned(), folder])
    }
}
