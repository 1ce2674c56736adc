//! What this machine has: memory, and room on the disk of the models. Measured, not guessed, if the
//! system reports it.

use std::path::Path;

use serde::Serialize;

use crate::fit::{Fit, Memory};
use crate::memory;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Machine {
    /// All memory there is; 0 if the system does not report it.
    pub memory_bytes: u64,
    /// How much of it could be had now, if the system reports it.
    pub memory_free_bytes: Option<u64>,
    pub disk_free_bytes: u64,
}

impl Machine {
    /// This machine, with models in this folder, which need not exist yet.
    #[must_use]
    pub fn here(models: &Path) -> Self {
        // The first folder that exists is on the disk where the models will be.
        let folder = models.ancestors().find(|folder| folder.is_dir());
        let stat = folder.and_then(|folder| rustix::fs::statvfs(folder).ok());
        // `f_bavail` and not `f_bfree`: a part is reserved for the administrator.
        let disk_free_bytes = stat.map_or(0, |stat| stat.f_bavail.saturating_mul(stat.f_frsize));
        Self {
            memory_bytes: memory::total_bytes().unwrap_or(0),
            memory_free_bytes: memory::free_bytes(),
            disk_free_bytes,
        }
    }

    #[must_use]
    pub fn memory(&self) -> Memory {
        Memory {
            total_bytes: Some(self.memory_bytes).filter(|bytes| *bytes > 0),
            free_bytes: self.memory_free_bytes,
        }
    }

    /// Whether this much memory is available now: see [`Memory::fit`].
    #[must_use]
    pub fn fit(&self, needed_bytes: u64) -> Fit {
        self.memory().fit(needed_bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_machine_tells() {
        let machine = Machine::here(Path::new("/nonexistent/folder"));
        assert!(machine.memory_bytes > 0 && machine.disk_free_bytes > 0, "{machine:?}");
        let free = machine.memory_free_bytes.unwrap();
        assert!(free > 0 && free <= machine.memory_bytes, "{machine:?}");
    }
}
