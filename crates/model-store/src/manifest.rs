//! What is known about an installed model: one small file each, always written as a whole. It pins
//! the model to the digest of its blob, and says where it came from and what was agreed to.

use std::path::{Path, PathBuf};

use localcoder_disk::{Options, read_text, replace};
use localcoder_gguf::Header;
use localcoder_protocol::is_sha256;
use serde::{Deserialize, Serialize};

use crate::catalog::{LicenseTerms, is_id};
use crate::consent::Consent;
use crate::error::{StoreError, Unread, disk};
use crate::{Entry, Role, Sampling};

/// A manifest of any other version is refused as a whole: with a field that is not understood, a
/// license or a pin could be lost.
const VERSION: u32 = 1;

/// Longest manifest; the chat template in it may have 1 MiB, and more with JSON's escapes.
pub(crate) const MANIFEST_BYTES_MAX: u64 = 4 * 1024 * 1024;

/// What is known of an installed model: the contents of its manifest, `manifests/ID.json`. Fields
/// that came later have a default, so that manifests of earlier versions are read; fields that are
/// not known are ignored.
///
/// Facts of the file (`bytes`, `sha256`, architecture and sizes) were measured when it was taken
/// in. The rest is from the catalog if `catalog_id` is set, and else what somebody claims.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Installed {
    version: u32,
    /// The name by which it is used, and the name of its manifest. Unique in the store.
    pub id: String,
    /// The name that people see.
    pub name: String,
    /// Name of the file when it came; shown, never opened.
    pub file: String,
    /// Length of the file; another length on the disk makes the model unusable.
    pub bytes: u64,
    /// In lower-case hexadecimal digits. Names the blob, which several models may share.
    pub sha256: String,
    pub source: Source,
    /// Where the file is, if not in the store: a file of the user's that was imported in place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub linked: Option<Linked>,
    /// What it is meant for; empty if not stated.
    #[serde(default)]
    pub roles: Vec<Role>,
    pub architecture: String,
    pub parameters: u64,
    /// Such as `Q4_K_M`.
    pub quantization: String,
    /// Context length that it was trained for, in tokens.
    pub context_tokens: u64,
    /// Its license, from the catalog; for a model that was carried here and that no catalog knows,
    /// the license that came with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub license: Option<LicenseTerms>,
    /// What the file claims about its license; not verified.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub claimed_license: Option<String>,
    /// The catalog model that pins this file by its digest, whatever this one is called.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub catalog_id: Option<String>,
    /// The name that the folder it was carried in gave it, if that belongs to another model: it is
    /// called something else then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub claimed_id: Option<String>,
    /// Where the folder it was carried in said that it came from; not verified.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub claimed_source: Option<String>,
    /// Its chat template, if a catalog, or the folder it was carried in, says that the file's is
    /// missing or wrong.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub chat_template: Option<String>,
    /// What its maker recommends for answers that are not code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sampling: Option<Sampling>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub consent: Option<Consent>,
    /// When it was installed, in seconds since 1970.
    pub installed_at_s: u64,
}

/// Where a model came from. Decides what repairs it: one of a catalog can be installed again, one
/// of a file only the user can bring again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase", tag = "kind")]
pub enum Source {
    /// An entry of a catalog.
    Catalog {
        /// Name of the repository that it comes from.
        repository: String,
        /// Commit of the repository.
        revision: String,
        /// Address of the file.
        url: String,
    },
    File {
        /// Where it was.
        path: PathBuf,
    },
}

impl std::fmt::Display for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Catalog { repository, revision, url } if repository.is_empty() => {
                write!(f, "{url} at {revision}")
            }
            Self::Catalog { repository, revision, .. } => write!(f, "{repository} at {revision}"),
            Self::File { path } => write!(f, "imported from `{}`", path.display()),
        }
    }
}

impl Source {
    pub(crate) fn of_entry(entry: &Entry) -> Self {
        Self::Catalog {
            repository: entry.repository.clone(),
            revision: entry.revision.clone(),
            url: entry.urls().swap_remove(0),
        }
    }
}

/// A file of the user's that is used where it is, and the state in which its digest was taken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Linked {
    pub path: PathBuf,
    /// When it was last written, in nanoseconds since 1970; another time makes
    /// [`Store::verify`](crate::Store::verify) the remedy.
    pub modified_ns: u64,
}

impl Installed {
    pub(crate) fn new(id: &str, header: &Header, bytes: u64, sha256: &str, source: Source) -> Self {
        Self {
            version: VERSION,
            id: id.to_owned(),
            name: header.name.clone().unwrap_or_else(|| id.to_owned()),
            file: format!("{id}.gguf"),
            bytes,
            sha256: sha256.to_owned(),
            source,
            linked: None,
            roles: Vec::new(),
            architecture: header.architecture.clone(),
            parameters: header.parameters,
            quantization: header.quantization.to_owned(),
            context_tokens: header.context_length,
            license: None,
            claimed_license: header.license.clone(),
            claimed_id: None,
            claimed_source: None,
            chat_template: None,
            catalog_id: None,
            sampling: None,
            consent: None,
            installed_at_s: now_s(),
        }
    }

    /// A model as the catalog describes it. Sizes are still those of the header, which was read
    /// from the very file that the catalog pins.
    pub(crate) fn of_entry(entry: &Entry, header: &Header, consent: Consent) -> Self {
        let source = Source::of_entry(entry);
        let mut model = Self {
            file: entry.file.clone(),
            consent: Some(consent),
            ..Self::new(&entry.id, header, entry.bytes, &entry.sha256, source)
        };
        model.describe(entry);
        model
    }

    /// With the facts from its file, whatever the folder that it was carried in said about them:
    /// what can be measured is never taken from a claim.
    pub(crate) fn measured(mut self, header: &Header, bytes: u64) -> Self {
        self.bytes = bytes;
        self.architecture.clone_from(&header.architecture);
        self.parameters = header.parameters;
        header.quantization.clone_into(&mut self.quantization);
        self.context_tokens = header.context_length;
        self.claimed_license.clone_from(&header.license);
        self.installed_at_s = now_s();
        self
    }

    /// Takes over what a catalog says about this file. Neither the id nor the digest: a file may be
    /// installed under another name, and the caller has found the entry by the digest.
    pub(crate) fn describe(&mut self, entry: &Entry) {
        self.catalog_id = Some(entry.id.clone());
        self.name.clone_from(&entry.name);
        self.roles.clone_from(&entry.roles);
        self.license = Some(entry.license.clone());
        self.chat_template.clone_from(&entry.chat_template);
        self.sampling = entry.sampling;
    }

    pub(crate) fn read(path: &Path) -> Result<Self, Unread> {
        let text =
            read_text(path, MANIFEST_BYTES_MAX).map_err(|error| Unread::Disk(error.cause(path)))?;
        let installed = Self::parse(&text).map_err(Unread::Nonsense)?;
        // A manifest that was copied to another name would be a second model with the same id.
        if path.file_stem().is_none_or(|stem| *stem != *installed.id) {
            return Err(Unread::Nonsense("it is of another model".to_owned()));
        }
        Ok(installed)
    }

    /// Without the check of the file's name, for manifests in folders that are carried.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let installed: Self = serde_json::from_str(text).map_err(|error| error.to_string())?;
        if installed.version != VERSION {
            return Err(format!("it has version {}", installed.version));
        }
        // Both become parts of paths, and the text may come from elsewhere.
        if !is_id(&installed.id) || !is_sha256(&installed.sha256) {
            return Err("its id or digest is malformed".to_owned());
        }
        Ok(installed)
    }

    pub(crate) fn text(&self) -> String {
        serde_json::to_string_pretty(self).unwrap_or_default() + "\n"
    }

    pub(crate) fn write(&self, folder: &Path) -> Result<(), StoreError> {
        let path = folder.join(format!("{}.json", self.id));
        write_whole(&path, self.text().as_bytes())
    }
}

/// Writes a file so that after a power cut either it or the one before exists. The umask decides
/// who may read it: in the store only the user, in an export whoever the user's umask allows.
pub(crate) fn write_whole(path: &Path, bytes: &[u8]) -> Result<(), StoreError> {
    replace(path, bytes, Options::SHARED).map_err(|error| disk(path, &error))
}

/// Seconds since 1970; 0 on a machine whose clock is before that.
pub(crate) fn now_s() -> u64 {
    let since = std::time::SystemTime::now().duration_since(std::time::SystemTime::UNIX_EPOCH);
    since.map_or(0, |since| since.as_secs())
}
