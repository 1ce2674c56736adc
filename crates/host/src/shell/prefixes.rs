//! Kept states of the prompts' common beginning: cache files, named by the key of the state,
//! readable only by the user, with a digest of their content. Losing one costs a little time.

use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use localcoder_disk::{Options, replace_with};
use localcoder_protocol::limits::PREFIX_BYTES_MAX;
use localcoder_settings::Places;
use sha2::{Digest as _, Sha256};

/// All of them together; those that were used longest ago are deleted first.
const ALL_BYTES_MAX: u64 = 256 * 1024 * 1024;
const DIGEST_BYTES: usize = 32;

#[derive(Debug, Clone)]
pub(super) struct Prefixes {
    folder: PathBuf,
}

impl Prefixes {
    pub(super) fn new(places: &Places) -> Self {
        Self { folder: places.prefixes() }
    }

    /// Copies the state of a key into the exchange file and returns its length. A damaged one is
    /// deleted.
    pub(super) fn find(&self, key: &str, exchange: &File) -> Option<u64> {
        let path = self.path(key);
        let mut bytes = Vec::new();
        let limit = PREFIX_BYTES_MAX + DIGEST_BYTES as u64;
        // The limit is one of what we write; a longer file is cut, and its digest fails.
        File::open(&path).ok()?.take(limit).read_to_end(&mut bytes).ok()?;
        let Some((digest, state)) = bytes.split_at_checked(DIGEST_BYTES) else {
            self.discard(&path, "it is too short");
            return None;
        };
        if digest != Sha256::digest(state).as_slice() {
            self.discard(&path, "its digest is wrong");
            return None;
        }
        // Shortened first: an earlier state may have been longer.
        let put = exchange.set_len(0).and_then(|()| exchange.write_all_at(state, 0));
        if let Err(error) = put {
            tracing::warn!(%error, "a kept state is not used");
            return None;
        }
        // Marks it as used, so that it is deleted last.
        let _ = File::open(&path).and_then(|file| file.set_modified(SystemTime::now()));
        u64::try_from(state.len()).ok()
    }

    pub(super) fn keep(&self, key: &str, state: &[u8]) {
        let kept = self.write(key, state);
        match kept {
            Ok(()) => tracing::info!(bytes = state.len(), "what all prompts begin with is kept"),
            Err(error) => tracing::warn!(%error, "what all prompts begin with is not kept"),
        }
        self.make_room();
    }

    fn write(&self, key: &str, state: &[u8]) -> io::Result<()> {
        fs_err::create_dir_all(&self.folder)?;
        replace_with(&self.path(key), Options::CACHE, |file| {
            file.write_all(Sha256::digest(state).as_slice())?;
            file.write_all(state)
        })
    }

    fn make_room(&self) {
        let entries = std::fs::read_dir(&self.folder).into_iter().flatten().flatten();
        let mut files: Vec<(SystemTime, u64, PathBuf)> = entries
            .filter_map(|entry| {
                let metadata = entry.metadata().ok().filter(std::fs::Metadata::is_file)?;
                Some((metadata.modified().ok()?, metadata.len(), entry.path()))
            })
            .collect();
        // By time, then by size: what was used longest ago is first.
        files.sort();
        let mut all: u64 = files.iter().map(|(_, bytes, _)| bytes).sum();
        for (_, bytes, path) in files {
            if all <= ALL_BYTES_MAX {
                return;
            }
            all -= bytes;
            self.discard(&path, "there are too many");
        }
    }

    fn discard(&self, path: &Path, why: &str) {
        // The path has only a digest in it.
        tracing::info!(path = %path.display(), why, "a kept state is removed");
        let _ = std::fs::remove_file(path);
    }

    fn path(&self, key: &str) -> PathBuf {
        // Half of the digest is enough to tell a few files apart, and a key is too long for a name.
        let digest = Sha256::digest(key.as_bytes());
        self.folder.join(data_encoding::HEXLOWER.encode(&digest[..16]))
    }
}

/// What the worker has just written to the exchange file. To be called before the worker is asked
/// for anything else, which could write the state of another model there.
pub(super) fn written(exchange: &File, bytes: u64) -> io::Result<Vec<u8>> {
    if bytes > PREFIX_BYTES_MAX {
        return Err(io::Error::other("it is too large"));
    }
    let mut state = vec![0; usize::try_from(bytes).unwrap_or(usize::MAX)];
    exchange.read_exact_at(&mut state, 0)?;
    Ok(state)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn store() -> (tempfile::TempDir, Prefixes, File) {
        let dir = tempfile::tempdir().unwrap();
        let prefixes = Prefixes { folder: dir.path().join("prefixes") };
        (dir, prefixes, tempfile::tempfile().unwrap())
    }

    fn content(exchange: &File, bytes: u64) -> Vec<u8> {
        let mut content = vec![0; usize::try_from(bytes).unwrap()];
        exchange.read_exact_at(&mut content, 0).unwrap();
        content
    }

    #[test]
    fn a_state_comes_back_under_its_key_and_no_other() {
        let (_dir, prefixes, exchange) = store();
        assert_eq!(prefixes.find("a", &exchange), None);
        exchange.write_all_at(b"state and more", 0).unwrap();
        prefixes.keep("a", &written(&exchange, 5).unwrap());
        exchange.set_len(0).unwrap();
        assert_eq!(prefixes.find("b", &exchange), None);
        assert_eq!(prefixes.find("a", &exchange), Some(5));
        assert_eq!(content(&exchange, 5), b"state");
        assert_eq!(exchange.metadata().unwrap().len(), 5, "nothing of before is left");
        let mode = std::fs::metadata(prefixes.path("a")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn a_damaged_state_is_removed() {
        let (_dir, prefixes, exchange) = store();
        for damage in [&b""[..], b"short", &[7; 100]] {
            prefixes.keep("a", b"state");
            fs_err::write(prefixes.path("a"), damage).unwrap();
            assert_eq!(prefixes.find("a", &exchange), None);
            assert!(!prefixes.path("a").exists());
        }
    }

    #[test]
    fn the_oldest_goes_when_there_are_too_many() {
        let (_dir, prefixes, exchange) = store();
        let state = vec![0; 60 * 1024 * 1024];
        for key in ["a", "b", "c", "d", "e"] {
            prefixes.keep(key, &state);
            // Files written at the same moment may have equal times, so they are set.
            let age = u64::from(b'z' - key.as_bytes()[0]);
            let then = SystemTime::now() - std::time::Duration::from_secs(age * 60);
            let file = File::open(prefixes.path(key)).unwrap();
            file.set_modified(then).unwrap();
        }
        prefixes.make_room();
        let there = |key: &str| prefixes.path(key).exists();
        assert!(!there("a") && there("b") && there("e"));
        exchange.set_len(PREFIX_BYTES_MAX + 1).unwrap();
        assert!(written(&exchange, PREFIX_BYTES_MAX + 1).is_err());
    }
}
