//! Names for files that the user has brought. The names of catalog models are reserved: settings
//! and profiles mean by them the one file that the catalog pins, so another file gets a name of its
//! own, whatever it is called.

use std::path::Path;

use localcoder_gguf::Header;
use localcoder_protocol::DEMO;

use crate::catalog::{Catalog, Entry, ID_LENGTH_MAX, is_id};
use crate::error::StoreError;
use crate::manifest::Installed;
use crate::store::Store;

/// Prefix for a name that a file claims but may not have, since it belongs to another file; the
/// user can still tell what it was called.
const CLAIMED: &str = "imported-";
/// Length of a digest's beginning in a name made from it: enough to distinguish a user's models.
const DIGEST_LETTERS: usize = 8;
/// How many models with the same name can be distinguished by a number; beyond, the user has to
/// name them.
const NUMBER_MAX: u32 = 99;

pub(crate) fn is_reserved(id: &str, catalog: &Catalog) -> bool {
    id == DEMO || catalog.entry(id).is_some()
}

pub(crate) fn of_claimed(id: &str) -> String {
    trimmed(&format!("{CLAIMED}{id}"))
}

/// An id made from the file's name, else from the name in its header; empty if neither has a letter
/// or digit that an id could have.
pub(crate) fn of_file(path: &Path, header: &Header) -> String {
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    let of_stem = of_text(&stem);
    if of_stem.is_empty() { of_text(header.name.as_deref().unwrap_or_default()) } else { of_stem }
}

/// The name if there is nothing else to make one from.
pub(crate) fn of_digest(model: &Installed) -> String {
    let digest: String = model.sha256.chars().take(DIGEST_LETTERS).collect();
    of_text(&format!("{}-{digest}", model.architecture))
}

fn of_text(text: &str) -> String {
    let kept = |c: char| if c.is_ascii_alphanumeric() || ".-_".contains(c) { c } else { '-' };
    trimmed(&text.to_lowercase().chars().map(kept).collect::<String>())
}

fn trimmed(text: &str) -> String {
    let ends = ['-', '.', '_'];
    let id: String = text.trim_start_matches(ends).chars().take(ID_LENGTH_MAX).collect();
    id.trim_end_matches(ends).to_owned()
}

impl Installed {
    /// Whether its file is the one that the catalog means by an id. The entry noted at the import
    /// counts as well as the product's own catalog, since the user's catalog may have changed
    /// since.
    pub(crate) fn is_of(&self, id: &str) -> bool {
        let pins = |entry: &Entry| entry.sha256 == self.sha256;
        self.catalog_id.as_deref() == Some(id) || Catalog::known().entry(id).is_some_and(pins)
    }
}

impl Store {
    /// Fails unless this can be a name and no model has it yet. `demo` is never free: it is the
    /// model that comes with the product, which has no manifest.
    pub(crate) fn check_free(&self, id: &str) -> Result<(), StoreError> {
        if !is_id(id) {
            return Err(StoreError::NotAnId(id.to_owned()));
        }
        if id != DEMO && self.is_free(id)? {
            return Ok(());
        }
        Err(StoreError::IdTaken(id.to_owned()))
    }

    /// Fails if a model of the catalog is installed, unless it can't be used and its file would fix
    /// it. Asked before a copy becomes the blob, which would make a model usable whose file was
    /// lost.
    pub(crate) fn check_new(&self, entry: &Entry) -> Result<(), StoreError> {
        match self.model(&entry.id) {
            Ok(there) if there.sha256 == entry.sha256 => match self.problem(&there) {
                None => Err(StoreError::FileInstalled(entry.id.clone())),
                Some(_) => Ok(()),
            },
            _ => self.check_free(&entry.id),
        }
    }

    /// The name, or the name with a number if another model has it.
    pub(crate) fn free_name(&self, name: &str) -> Result<String, StoreError> {
        if self.is_free(name)? {
            return Ok(name.to_owned());
        }
        for number in 2..=NUMBER_MAX {
            let end = format!("-{number}");
            // The number must not push the name over the bound; ids are ASCII, so letters are
            // bytes.
            let begin: String = name.chars().take(ID_LENGTH_MAX - end.len()).collect();
            let numbered = format!("{begin}{end}");
            if self.is_free(&numbered)? {
                return Ok(numbered);
            }
        }
        self.check_free(name).map(|()| name.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_made_of_a_name() {
        for (name, id) in [
            ("Qwen2.5 Coder (7B)", "qwen2.5-coder--7b"),
            ("model", "model"),
            ("-._", ""),
            ("模型", ""),
            ("模型 7B", "7b"),
            ("\u{1b}[31mred", "31mred"),
        ] {
            assert_eq!(of_text(name), id);
        }
        assert_eq!(of_text(&"x".repeat(100)).len(), ID_LENGTH_MAX);
        assert!(is_id(&of_claimed(&"x".repeat(ID_LENGTH_MAX))));
    }

    #[test]
    fn names_of_the_catalog_are_reserved() {
        let catalog = Catalog::shipped();
        assert!(is_reserved("qwen2.5-coder-7b", &catalog) && is_reserved(DEMO, &catalog));
        assert!(!is_reserved("imported-qwen2.5-coder-7b", &catalog));
        assert_eq!(of_claimed("qwen2.5-coder-7b"), "imported-qwen2.5-coder-7b");
    }
}
