//! A model as a folder that can be carried to a machine without a network: the file, what is known
//! about it, and its license. What arrives is checked like a download.

use std::fs::{DirBuilder, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};

use localcoder_disk::{ReadError, open, read_text};
use localcoder_protocol::limits::CHAT_TEMPLATE_BYTES_MAX;

use crate::consent::Consent;
use crate::error::{StoreError, disk, unusable};
use crate::gguf_file::checked_header;
use crate::hash::digest;
use crate::manifest::{Installed, MANIFEST_BYTES_MAX, Source, write_whole};
use crate::naming;
use crate::store::Store;
use crate::{Catalog, Entry, LICENSE_BYTES_MAX, Progress, shipped_text};

/// Names of the files in the folder.
const MODEL: &str = "model.gguf";
const MANIFEST: &str = "model.json";
const LICENSE: &str = "LICENSE.txt";
/// Longest name, in characters; the longest in the catalog has a third of this.
const NAME_LETTERS_MAX: usize = 120;

/// A folder with a model. What it says is only a claim until its file has been read; if it claims
/// the digest of a file in the catalog, everything else is taken from the catalog and not from the
/// folder: a folder that called itself by a catalog's name would otherwise be used by the default
/// profile. [`Bundle::read`] makes it, [`Store::import_bundle`] checks the file; in between, the
/// user is shown what it claims and asked for consent.
#[derive(Debug, Clone, PartialEq)]
pub struct Bundle {
    folder: PathBuf,
    /// What is known about the model: from the catalog, else from the folder.
    pub model: Installed,
    /// The text that the user has to agree to; never `None` if the model has a license.
    pub license_text: Option<String>,
    /// The catalog's entry for the digest that it claims; `None` for a model that no catalog knows.
    pub entry: Option<Entry>,
}

impl Bundle {
    #[must_use]
    pub fn is_at(path: &Path) -> bool {
        path.join(MANIFEST).is_file() && path.join(MODEL).is_file()
    }

    /// Reads the description in a folder.
    ///
    /// # Errors
    /// If it is malformed, or contradicts what the catalog says of the same file.
    pub fn read(folder: &Path, catalog: &Catalog) -> Result<Self, StoreError> {
        let unusable = |why: String| StoreError::NotExported { folder: folder.to_owned(), why };
        let manifest = folder.join(MANIFEST);
        let text = read_text(&manifest, MANIFEST_BYTES_MAX)
            .map_err(|error| unusable(unread(&manifest, &error)))?;
        let claimed = Installed::parse(&text).map_err(unusable)?;
        // A license that is there and can't be read must not look like a model without one.
        let license = folder.join(LICENSE);
        let carried = match read_text(&license, LICENSE_BYTES_MAX) {
            Ok(text) => Some(text),
            Err(error) if error.is_missing(&license) => None,
            Err(error) => return Err(unusable(unread(&license, &error))),
        };
        let entry = catalog.by_digest(&claimed.sha256).cloned();
        let (model, license_text) = match &entry {
            Some(entry) => {
                let shipped = shipped_text(&entry.license);
                (claimed.pinned_by(entry).map_err(unusable)?, shipped.or(carried))
            }
            None => (claimed.claimed_by(folder, catalog).map_err(unusable)?, carried),
        };
        // Nobody can agree to a text that is not there.
        if model.license.is_some() && license_text.is_none() {
            return Err(unusable(format!("the text of its license, `{LICENSE}`, is not there")));
        }
        Ok(Self { folder: folder.to_owned(), model, license_text, entry })
    }
}

impl Installed {
    /// A model of the catalog: described by the catalog, whatever the folder says.
    fn pinned_by(mut self, entry: &Entry) -> Result<Self, String> {
        // The digest is only checked when the file is copied; a length that contradicts the catalog
        // shows at once that it can't be right.
        if self.bytes != entry.bytes {
            return Err(format!(
                "it says that its file has {} bytes, and the one with this digest has {}",
                self.bytes, entry.bytes
            ));
        }
        self.only_itself();
        self.id.clone_from(&entry.id);
        self.file.clone_from(&entry.file);
        self.source = Source::of_entry(entry);
        self.describe(entry);
        Ok(self)
    }

    /// A model that no catalog knows: it must not have another model's name, and its claims stay
    /// claims.
    fn claimed_by(mut self, folder: &Path, catalog: &Catalog) -> Result<Self, String> {
        if self.sampling.is_some_and(|sampling| !sampling.is_sound()) {
            return Err("`sampling` has a number that is out of bounds".to_owned());
        }
        if self.chat_template.as_ref().is_some_and(|it| it.len() > CHAT_TEMPLATE_BYTES_MAX) {
            return Err(format!("`chatTemplate` has more than {CHAT_TEMPLATE_BYTES_MAX} bytes"));
        }
        let source = Source::File { path: folder.to_owned() };
        // The claim is kept for the user to read; the source of record is the folder, which is all
        // that is known here.
        let from = std::mem::replace(&mut self.source, source);
        self.only_itself();
        self.claimed_source = Some(plain(&from.to_string()));
        self.name = plain(&self.name);
        self.file = plain(&self.file);
        self.roles.clear();
        if naming::is_reserved(&self.id, catalog) {
            let own = naming::of_claimed(&self.id);
            self.claimed_id = Some(std::mem::replace(&mut self.id, own));
        }
        Ok(self)
    }

    /// Drops what is about the machine that exported the model. A folder from elsewhere must not
    /// say where a file is on this machine, which would be read as the model, or what its user has
    /// agreed to.
    fn only_itself(&mut self) {
        self.linked = None;
        self.consent = None;
        self.catalog_id = None;
        self.claimed_id = None;
        self.claimed_source = None;
    }
}

/// Untrusted text on one line, and no longer than a name may be: it is printed on terminals, where
/// control characters move the cursor and change colors.
fn plain(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(NAME_LETTERS_MAX).collect()
}

fn unread(path: &Path, error: &ReadError) -> String {
    format!("`{}` can't be read: {}", path.display(), error.cause(path).text)
}

impl Store {
    /// Exports a model as a folder `ID.localcoder-model` inside another one; returns its path. The
    /// file is hashed while it is copied, so that a damaged model does not spread.
    ///
    /// # Errors
    /// If the folder exists already, the model's file is not what was installed, or the disk is
    /// full. Nothing is left behind then.
    pub fn export(
        &self,
        id: &str,
        to: &Path,
        progress: &mut Progress<'_>,
    ) -> Result<PathBuf, StoreError> {
        let model = self.model(id)?;
        let source = self.path_of(id)?;
        let folder = to.join(format!("{id}.localcoder-model"));
        // Not recursive: a folder that is there may hold the user's files, and is removed below if
        // the export fails.
        DirBuilder::new().create(&folder).map_err(|error| match error.kind() {
            std::io::ErrorKind::AlreadyExists => StoreError::ExportedAlready(folder.clone()),
            std::io::ErrorKind::NotFound => StoreError::NoFolder(to.to_owned()),
            std::io::ErrorKind::NotADirectory => StoreError::NotAFolder(to.to_owned()),
            _ => disk(&folder, &error),
        })?;
        let result = self.fill(&folder, &model, &source, progress);
        if result.is_err() {
            let _ = std::fs::remove_dir_all(&folder);
        }
        result.map(|()| folder)
    }

    fn fill(
        &self,
        folder: &Path,
        model: &Installed,
        source: &Path,
        progress: &mut Progress<'_>,
    ) -> Result<(), StoreError> {
        let (mut from, _) = open(source).map_err(|it| unusable(source, it.cause(source)))?;
        let path = folder.join(MODEL);
        let mut to = File::create_new(&path).map_err(|error| disk(&path, &error))?;
        let found = digest(&mut from, model.bytes, progress, |bytes| to.write_all(bytes))
            .map_err(|error| disk(&path, &error))?
            .ok_or(StoreError::Cancelled("the export"))?;
        to.sync_all().map_err(|error| disk(&path, &error))?;
        check(&model.id, &found, &model.sha256)?;
        if let Some(text) = self.kept_license(model) {
            write_whole(&folder.join(LICENSE), text.as_bytes())?;
        }
        // The manifest comes last: a folder without it is not an exported model.
        let mut carried = model.clone();
        carried.linked = None;
        write_whole(&folder.join(MANIFEST), carried.text().as_bytes())
    }

    /// Imports a model from such a folder. `consent` is that of the user who imports it, if the
    /// model has a license. The consent is recorded before the model is usable, and only once its
    /// digest is right.
    ///
    /// # Errors
    /// If the file is not the one that the folder names, or not a usable model.
    pub fn import_bundle(
        &self,
        bundle: &Bundle,
        consent: Option<Consent>,
        progress: &mut Progress<'_>,
    ) -> Result<Installed, StoreError> {
        let claimed = &bundle.model;
        self.check_id_of(bundle)?;
        let path = bundle.folder.join(MODEL);
        let (mut file, about) = open(&path).map_err(|it| unusable(&path, it.cause(&path)))?;
        let header = checked_header(&path, &mut file)?;
        let bytes = about.len();
        // Before gigabytes are copied.
        if bytes != claimed.bytes {
            return Err(StoreError::OtherLength { path, found: bytes, claimed: claimed.bytes });
        }
        let mut model = claimed.clone().measured(&header, bytes);
        let (copy, _) = self.take_in(&path, &mut file, bytes, Some(&model.sha256), progress)?;
        self.add(Some(copy), || {
            // Another process may have taken the id during the copy.
            self.check_id_of(bundle)?;
            if model.claimed_id.is_some() {
                model.id = self.free_name(&model.id)?;
            }
            // Text and consent come before the manifest, by which the model exists.
            if let (Some(license), Some(text)) = (&model.license, &bundle.license_text) {
                self.keep_license(&model.id, license, text)?;
            }
            if let Some(consent) = &consent {
                consent.record(&self.consents(), (&model.id, &model.sha256), &model.source)?;
            }
            model.consent = consent;
            Ok(model)
        })
    }

    /// Fails if the id is taken, unless the model gets another one then.
    fn check_id_of(&self, bundle: &Bundle) -> Result<(), StoreError> {
        match &bundle.entry {
            Some(entry) => self.check_new(entry),
            None if bundle.model.claimed_id.is_none() => self.check_free(&bundle.model.id),
            None => Ok(()),
        }
    }
}

/// Fails if the digests differ. `id` is the model or the path that the error names.
pub(crate) fn check(id: &str, found: &str, wanted: &str) -> Result<(), StoreError> {
    if found == wanted {
        return Ok(());
    }
    let (of, found, wanted) = (id.to_owned(), found.to_owned(), wanted.to_owned());
    Err(StoreError::OtherDigest { of, found, wanted })
}
