//! A GGUF file of the user becomes a model: checked, hashed and copied in one pass over one open
//! file, so that what was checked is what is kept. Or it stays where it is, by choice.

use std::fs::File;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use localcoder_disk::{Cause, Kind, ReadError, cause_of, open, sync_folder_of, unfinished_in};
use localcoder_protocol::{DEMO, ErrorCode, ErrorInfo};

use crate::bundle::check;
use crate::catalog::is_id;
use crate::gguf_file::checked_header;
use crate::hash::digest;
use crate::manifest::{Installed, Linked, Source};
use crate::problem::{cancelled, disk};
use crate::store::{Store, ns};
use crate::{Catalog, Progress, RESERVE_BYTES};

/// Readable by its user, writable by nobody: a file of the store does not change.
const BLOB_MODE: u32 = 0o400;
/// What becomes of the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ImportMode {
    /// It is copied into the store, or cloned where the file system can.
    Copy,
    /// It stays where it is. When it is changed or gone, the model is gone.
    InPlace,
}

impl Store {
    /// Imports a file as a model with this id, or one made of its name.
    ///
    /// # Errors
    /// Where the file is no usable model, the id is taken, or the disk is full.
    pub fn import(
        &self,
        path: &Path,
        id: Option<&str>,
        mode: ImportMode,
        progress: &mut Progress<'_>,
    ) -> Result<Installed, ErrorInfo> {
        let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
        let id = self.free_id(id, &path)?;
        let (mut file, metadata) = open(&path).map_err(|error| unread(&path, &error))?;
        let header = checked_header(&path, &mut file)?;
        let bytes = metadata.len();
        let sha256 = match mode {
            ImportMode::Copy => self.take_in(&path, &mut file, bytes, None, progress)?,
            ImportMode::InPlace => digest(&mut file, bytes, progress, |_| Ok(()))
                .map_err(|error| no_file(&path, cause_of(&error, &path)))?
                .ok_or_else(|| cancelled("the import"))?,
        };
        let source = Source::File { path: path.clone() };
        let mut model = Installed::new(&id, &header, bytes, &sha256, source);
        model.file = path.file_name().map_or(model.file, |it| it.to_string_lossy().into_owned());
        if mode == ImportMode::InPlace {
            let modified =
                metadata.modified().map_err(|error| no_file(&path, cause_of(&error, &path)))?;
            model.linked = Some(Linked { path, modified_ns: ns(modified) });
        }
        // A file that the catalog knows has its licence and its name from there.
        if let Some(entry) = Catalog::shipped().models.iter().find(|it| it.sha256 == sha256) {
            model.describe(entry);
        }
        self.add(&model)?;
        Ok(model)
    }

    fn free_id(&self, id: Option<&str>, path: &Path) -> Result<String, ErrorInfo> {
        let id = id.map_or_else(|| id_of(path), str::to_owned);
        if !is_id(&id) {
            let message = format!("`{id}` can't be a model's id");
            return Err(ErrorInfo::new(ErrorCode::Usage, message).with_hint(
                "an id has 1 to 64 lower-case letters, digits, `.`, `-` and `_`; choose one with \
                 `--id`",
            ));
        }
        self.check_free(&id)?;
        Ok(id)
    }

    pub(crate) fn check_free(&self, id: &str) -> Result<(), ErrorInfo> {
        if id != DEMO && self.is_free(id)? {
            return Ok(());
        }
        let message = format!("there is a model `{id}` already");
        Err(ErrorInfo::new(ErrorCode::Usage, message)
            .with_hint("choose another id with `--id`, or remove that model first"))
    }

    /// Puts a copy into the store; its digest, which must be the one wanted, if one is.
    pub(crate) fn take_in(
        &self,
        path: &Path,
        file: &mut File,
        bytes: u64,
        wanted: Option<&str>,
        progress: &mut Progress<'_>,
    ) -> Result<String, ErrorInfo> {
        let downloads = self.downloads();
        let failed = |error: std::io::Error| disk(&downloads, &error);
        let copy = unfinished_in(&downloads, 0o600).map_err(failed)?;
        let cloned = rustix::fs::ioctl_ficlone(copy.as_file(), &*file).is_ok();
        if !cloned {
            self.check_room(bytes)?;
        }
        let mut to = copy.as_file();
        let mut writing = Ok(());
        let also = |part: &[u8]| {
            if !cloned {
                writing = to.write_all(part);
            }
            match &writing {
                Ok(()) => Ok(()),
                Err(error) => Err(error.kind().into()),
            }
        };
        let digest = digest(file, bytes, progress, also);
        writing.map_err(failed)?;
        let sha256 = digest
            .map_err(|error| no_file(path, cause_of(&error, path)))?
            .ok_or_else(|| cancelled("the import"))?;
        if let Some(wanted) = wanted {
            check(&path.display().to_string(), &sha256, wanted)?;
        }
        copy.as_file().set_permissions(PermissionsExt::from_mode(BLOB_MODE)).map_err(failed)?;
        copy.as_file().sync_all().map_err(failed)?;
        let blob = self.blob(&sha256);
        copy.persist(&blob).map_err(|error| disk(&blob, &error.error))?;
        sync_folder_of(&blob).map_err(failed)?;
        Ok(sha256)
    }

    fn check_room(&self, bytes: u64) -> Result<(), ErrorInfo> {
        let free = self.machine().disk_free_bytes;
        let needed = bytes.saturating_add(RESERVE_BYTES);
        if free >= needed {
            return Ok(());
        }
        let gb = |bytes: u64| format!("{}.{} GB", bytes / 1_000_000_000, bytes / 100_000_000 % 10);
        let message = format!("there is no room for a copy of {}", gb(bytes));
        Err(ErrorInfo::new(ErrorCode::DiskFull, message)
            .with_cause(format!("{} are free, and 1 GB must stay so", gb(free)))
            .with_hint("make room, or leave the file where it is with `--in-place`"))
    }
}

/// An id made of a file's name.
fn id_of(path: &Path) -> String {
    let stem = path.file_stem().unwrap_or_default().to_string_lossy().to_lowercase();
    let kept = |c: char| if c.is_ascii_alphanumeric() || ".-_".contains(c) { c } else { '-' };
    let id: String = stem.chars().map(kept).take(64).collect();
    id.trim_matches(['-', '.', '_']).to_owned()
}

fn unread(path: &Path, error: &ReadError) -> ErrorInfo {
    if let ReadError::NotAFile(kind) = error {
        let hint = if path.is_dir() { "name the GGUF file in it" } else { "name a GGUF file" };
        let message = format!("`{}` is {kind}", path.display());
        return ErrorInfo::new(ErrorCode::ModelNotGguf, message).with_hint(hint);
    }
    no_file(path, error.cause(path))
}

fn no_file(path: &Path, cause: Cause) -> ErrorInfo {
    let shown = path.display();
    let message = match cause.kind {
        Kind::Missing => format!("there is no file `{shown}`"),
        _ => format!("`{shown}` can't be read"),
    };
    ErrorInfo::new(ErrorCode::ModelNotFound, message).with_cause(cause.text).with_hint(cause.hint)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_made_of_the_files_name() {
        for (name, id) in [
            ("/x/Qwen2.5 Coder (7B).gguf", "qwen2.5-coder--7b"),
            ("model.gguf", "model"),
            ("-._.gguf", ""),
        ] {
            assert_eq!(id_of(Path::new(name)), id);
        }
    }
}
