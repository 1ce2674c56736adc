//! What this machine has, and whether a model of a catalog fits it. Measured, not guessed, where
//! the system tells; of a file that is there the header tells more (`localcoder_gguf`).

use std::path::Path;

use serde::Serialize;

use crate::Entry;

/// What a process needs beside weights and KV cache; 65 MiB were measured, and the system and an
/// editor want some.
const BESIDE_BYTES: u64 = 512 * 1024 * 1024;
/// Of all memory, what may be taken: the rest is the system's and the editor's.
const USABLE_PERCENT: u64 = 75;

/// Memory and disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Machine {
    /// All memory there is; 0 where the system does not tell.
    pub memory_bytes: u64,
    /// Free bytes on the disk of the models.
    pub disk_free_bytes: u64,
}

/// Whether a model fits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Fit {
    /// With room to spare.
    Fits,
    /// Other programs may have to be closed.
    Tight,
    /// Not in this machine's memory.
    TooLarge,
    /// The system does not tell.
    Unknown,
}

impl Fit {
    /// For people.
    #[must_use]
    pub fn text(self) -> &'static str {
        match self {
            Self::Fits => "fits this machine",
            Self::Tight => "fits if other programs are closed",
            Self::TooLarge => "does not fit into this machine's memory",
            Self::Unknown => "this machine does not tell its memory",
        }
    }
}

impl Machine {
    /// This machine, with models in this folder or where it will be made.
    #[must_use]
    pub fn here(models: &Path) -> Self {
        let folder = models.ancestors().find(|folder| folder.is_dir());
        let stat = folder.and_then(|folder| rustix::fs::statvfs(folder).ok());
        let disk_free_bytes = stat.map_or(0, |stat| stat.f_bavail.saturating_mul(stat.f_frsize));
        Self { memory_bytes: memory_bytes(), disk_free_bytes }
    }

    /// Whether so much memory can be had.
    #[must_use]
    pub fn fit(&self, needed_bytes: u64) -> Fit {
        let usable = self.memory_bytes / 100 * USABLE_PERCENT;
        match needed_bytes {
            _ if self.memory_bytes == 0 => Fit::Unknown,
            needed if needed <= usable => Fit::Fits,
            needed if needed <= self.memory_bytes => Fit::Tight,
            _ => Fit::TooLarge,
        }
    }
}

impl Entry {
    /// Memory for a context window of so many tokens.
    #[must_use]
    pub fn memory_bytes(&self, context_tokens: u64) -> u64 {
        let kv = self.kv_bytes_per_token.saturating_mul(context_tokens);
        self.bytes.saturating_add(kv).saturating_add(BESIDE_BYTES)
    }
}

fn memory_bytes() -> u64 {
    if cfg!(target_os = "macos") {
        return macos_memory_bytes().unwrap_or(0);
    }
    let text = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("MemTotal:"));
    let kib = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
    kib.unwrap_or(0).saturating_mul(1024)
}

fn macos_memory_bytes() -> Option<u64> {
    let output = std::process::Command::new("sysctl").args(["-n", "hw.memsize"]).output().ok()?;
    String::from_utf8(output.stdout).ok()?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_fits_leaves_room_for_others() {
        let gib = 1024 * 1024 * 1024;
        let machine = Machine { memory_bytes: 16 * gib, disk_free_bytes: 0 };
        assert_eq!(machine.fit(5 * gib), Fit::Fits);
        assert_eq!(machine.fit(13 * gib), Fit::Tight);
        assert_eq!(machine.fit(17 * gib), Fit::TooLarge);
        assert_eq!(Machine { memory_bytes: 0, ..machine }.fit(1), Fit::Unknown);
    }

    #[test]
    fn this_machine_tells() {
        let machine = Machine::here(Path::new("/nonexistent/folder"));
        assert!(machine.memory_bytes > 0 && machine.disk_free_bytes > 0, "{machine:?}");
    }
}
