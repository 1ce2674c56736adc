//! The folder of installed models: blobs by digest, and a manifest for each model. Changes are made
//! under a lock between processes; each is one rename, so that after a crash the store is either as
//! it was or as it was to be.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::ErrorKind;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use localcoder_disk::{Kind, Unfinished, cause_of, open, read_text, sync_folder_of};
use localcoder_gguf::{Header, names_base_model};

use crate::catalog::is_id;
use crate::error::{Problem, Remedy, StoreError, Unread, disk, unusable};
use crate::gguf_file::checked_header;
use crate::manifest::{Installed, Linked, Source, write_whole};
use crate::{Catalog, Entry, LICENSE_BYTES_MAX, LicenseTerms, Machine, shipped_text};

/// Accessible only to the user: which models they have is private. Applies to folders that are
/// created here: one that is there already keeps the mode that its owner gave it.
const FOLDER_MODE: u32 = 0o700;

/// The folder of installed models: `blobs`, `manifests`, `licenses` and `downloads`, and the list
/// of consents. A manifest is changed by one rename or removal under the lock, so that a process
/// that reads without the lock (the host, while the command line installs) sees a model as it was
/// or as it is to be, and never half of it.
///
/// Holds nothing but the path: it is cheap to clone, and what another process has changed is seen
/// by the next call.
#[derive(Debug, Clone)]
pub struct Store {
    folder: PathBuf,
}

/// A model and whether it can be used, as far as that can be seen without reading its file: a file
/// that was damaged without a change of its length is found by [`Store::verify`] alone.
#[derive(Debug, Clone, PartialEq)]
pub struct Listed {
    pub model: Installed,
    /// A clause for people; `None` if it can be used.
    pub problem: Option<String>,
}

impl Store {
    /// Opens the store in a folder, which is created if it is missing.
    ///
    /// # Errors
    /// If it can't be created.
    pub fn open(folder: &Path) -> Result<Self, StoreError> {
        let store = Self { folder: folder.to_owned() };
        for name in ["blobs", "downloads", "manifests", "licenses"] {
            let path = folder.join(name);
            DirBuilder::new()
                .recursive(true)
                .mode(FOLDER_MODE)
                .create(&path)
                .map_err(|error| disk(&path, &error))?;
        }
        Ok(store)
    }

    /// The store in a folder, or `None` if there is none. For callers that only read: a command
    /// that lists models must not leave empty folders behind on a machine that has none.
    #[must_use]
    pub fn existing(folder: &Path) -> Option<Self> {
        let is_there = match folder.join("manifests").metadata() {
            Ok(about) => about.is_dir(),
            // A folder that can't be looked at is not a missing one: the next access will say why.
            Err(error) => !matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory),
        };
        is_there.then(|| Self { folder: folder.to_owned() })
    }

    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    pub(crate) fn downloads(&self) -> PathBuf {
        self.folder.join("downloads")
    }

    pub(crate) fn manifests(&self) -> PathBuf {
        self.folder.join("manifests")
    }

    pub(crate) fn consents(&self) -> PathBuf {
        self.folder.join("consents.jsonl")
    }

    pub(crate) fn blob(&self, sha256: &str) -> PathBuf {
        self.folder.join("blobs").join(format!("sha256-{sha256}"))
    }

    /// All models, by name. A malformed manifest is skipped; its blob is not lost.
    ///
    /// # Errors
    /// If the folder can't be read, or this process lacks the resources to read what is in it.
    pub fn list(&self) -> Result<Vec<Listed>, StoreError> {
        let folder = self.manifests();
        let failed = |error: std::io::Error| disk(&folder, &error);
        let mut models = Vec::new();
        for entry in std::fs::read_dir(&folder).map_err(failed)? {
            let path = entry.map_err(failed)?.path();
            if path.extension().is_none_or(|extension| extension != "json") {
                continue;
            }
            match Installed::read(&path) {
                Ok(model) => {
                    let problem = self.problem(&model).map(|problem| problem.text);
                    models.push(Listed { problem, model });
                }
                // A model that is installed must not look like one that is not.
                Err(Unread::Disk(cause)) if cause.kind == Kind::Shortage => {
                    return Err(unusable(&path, cause));
                }
                Err(_) => {}
            }
        }
        models.sort_by(|a, b| a.model.id.cmp(&b.model.id));
        Ok(models)
    }

    fn manifest(&self, id: &str) -> PathBuf {
        self.manifests().join(format!("{id}.json"))
    }

    /// Whether no model has this id. A manifest that is malformed counts as none, since its model
    /// can't be used and could never be replaced otherwise; one that the disk does not give is an
    /// error, since it may be sound.
    pub(crate) fn is_free(&self, id: &str) -> Result<bool, StoreError> {
        let path = self.manifest(id);
        match Installed::read(&path) {
            Ok(_) => Ok(false),
            Err(Unread::Disk(cause)) if cause.kind != Kind::Missing => Err(unusable(&path, cause)),
            Err(_) => Ok(true),
        }
    }

    /// A model by its id.
    ///
    /// # Errors
    /// If there is none, or its manifest can't be read.
    pub fn model(&self, id: &str) -> Result<Installed, StoreError> {
        // The id becomes a part of a path: `../x` must not lead out of the folder.
        if !is_id(id) {
            return Err(StoreError::NotInstalled(id.to_owned()));
        }
        let path = self.manifest(id);
        let id = id.to_owned();
        Installed::read(&path).map_err(|source| match source {
            Unread::Disk(cause) if cause.kind == Kind::Missing => StoreError::NotInstalled(id),
            source => StoreError::Manifest { id, path, source },
        })
    }

    /// The model that an id means: the one with that id, else a usable one with the file that the
    /// catalog means by the id.
    ///
    /// A file may be installed under another id than the catalog's, and profiles and settings speak
    /// of the catalog's. The exact id comes first, so that a model whose own file is damaged still
    /// answers to its name with the error that explains it if there is no other.
    ///
    /// # Errors
    /// If there is none, or its manifest can't be read.
    pub fn meant(&self, id: &str) -> Result<Installed, StoreError> {
        let named = self.model(id);
        match &named {
            Ok(model) if self.problem(model).is_none() => return named,
            // A manifest that is there and can't be read may be of the very model: another one must
            // not silently take its place.
            Err(error) if !matches!(error, StoreError::NotInstalled(_)) => return named,
            _ => {}
        }
        let is_it = |listed: &Listed| listed.problem.is_none() && listed.model.is_of(id);
        let same = self.list()?.into_iter().find(is_it);
        same.map_or(named, |listed| Ok(listed.model))
    }

    /// The usable model whose file was imported in place from this path, so that a path that is
    /// named a second time need not be hashed again. The path is compared as it is written, and
    /// errors count as "not there": the caller imports the file then, which reports them.
    #[must_use]
    pub fn left_at(&self, path: &Path) -> Option<Installed> {
        let is_it = |model: &Installed| model.linked.as_ref().is_some_and(|it| it.path == path);
        let listed = self.list().ok()?.into_iter();
        let mut usable = listed.filter(|listed| listed.problem.is_none());
        usable.find(|listed| is_it(&listed.model)).map(|listed| listed.model)
    }

    /// The file of a usable model: see [`Self::meant`].
    ///
    /// # Errors
    /// If it is not installed, or its file is missing or another one.
    pub fn path_of(&self, id: &str) -> Result<PathBuf, StoreError> {
        let model = self.meant(id)?;
        match self.problem(&model) {
            None => Ok(self.file_of(&model)),
            Some(problem) => Err(StoreError::Unusable { id: id.to_owned(), problem }),
        }
    }

    /// Whether the file of a model is outside the store and looks as if it had been written to;
    /// [`Store::verify`] finds out.
    ///
    /// # Errors
    /// If there is no such model.
    pub fn is_touched(&self, id: &str) -> Result<bool, StoreError> {
        let problem = self.problem(&self.meant(id)?);
        Ok(problem.is_some_and(|problem| problem.remedy == Remedy::Verify))
    }

    /// Whether a model was made to answer requests: it has a template for that. A model without one
    /// only continues a text. Reads the header of the file, or takes the template that a catalog
    /// has for it.
    ///
    /// # Errors
    /// If it can't be used.
    pub fn has_template(&self, id: &str) -> Result<bool, StoreError> {
        let (model, header) = self.described(id)?;
        Ok(model.chat_template.is_some() || header.chat_template.is_some())
    }

    /// Whether a model calls itself a base model, which was not made to follow instructions, and no
    /// catalog has a chat template for it nevertheless.
    ///
    /// # Errors
    /// If it can't be used.
    pub fn says_base(&self, id: &str) -> Result<bool, StoreError> {
        let (model, header) = self.described(id)?;
        let stem = model.file.rsplit_once('.').map_or(model.file.as_str(), |(stem, _)| stem);
        let named = [id, &model.name, stem].into_iter().any(names_base_model);
        Ok(model.chat_template.is_none() && (named || header.says_base()))
    }

    fn described(&self, id: &str) -> Result<(Installed, Header), StoreError> {
        let model = self.meant(id)?;
        let path = self.path_of(id)?;
        let (mut file, _) = open(&path).map_err(|error| unusable(&path, error.cause(&path)))?;
        Ok((model, checked_header(&path, &mut file)?))
    }

    /// Removes a blob if no model has it: what is left after a name got another file. Errors are
    /// swallowed, since the call cleans up after something else that is reported; a blob that stays
    /// costs room only, and the next import of the same file replaces it.
    pub(crate) fn drop_unused(&self, sha256: &str) {
        // The lock is held over look and removal: otherwise another process could add a model of
        // this file in between.
        let Ok(_lock) = self.lock() else { return };
        // Without a complete list every blob could be in use.
        let Ok(models) = self.list() else { return };
        let is_used =
            models.iter().any(|it| it.model.linked.is_none() && it.model.sha256 == sha256);
        if !is_used {
            let _ = std::fs::remove_file(self.blob(sha256));
        }
    }

    pub(crate) fn file_of(&self, model: &Installed) -> PathBuf {
        match &model.linked {
            Some(linked) => linked.path.clone(),
            None => self.blob(&model.sha256),
        }
    }

    /// What can be seen without reading the file, which has gigabytes: that
    /// it is there, has its length, and, if it is outside the store, the time it had when its
    /// digest was taken. Blobs need no time: they are read-only and only ever replaced by a file of
    /// the same digest.
    pub(crate) fn problem(&self, model: &Installed) -> Option<Problem> {
        let problem = |remedy, text| Some(Problem { remedy, text });
        let again = match model.source {
            Source::Catalog { .. } => Remedy::Install,
            Source::File { .. } => Remedy::Import,
        };
        // A profile means the catalog's file by its name, and no other file may stand in for it.
        let brought = matches!(model.source, Source::File { .. });
        let entry = Catalog::known().entry(&model.id);
        if brought && entry.is_some_and(|entry| entry.sha256 != model.sha256) {
            let text = "its file was imported under the name of a model of the catalog and is \
                        another one"
                .to_owned();
            return problem(Remedy::Import, text);
        }
        let path = self.file_of(model);
        let metadata = match std::fs::metadata(&path) {
            Ok(metadata) => metadata,
            Err(error) if error.kind() == ErrorKind::NotFound => {
                return problem(again, format!("its file `{}` is gone", path.display()));
            }
            Err(error) => {
                let why = cause_of(&error, &path).text;
                let text = format!("its file `{}` can't be looked at: {why}", path.display());
                return problem(again, text);
            }
        };
        // The length comes before the time, since a file of another length can't be the same: it
        // has to be had again, and reading it would be in vain.
        if metadata.len() != model.bytes {
            let (found, had) = (metadata.len(), model.bytes);
            let text = format!("its file has {found} bytes and not the {had} that it had");
            return problem(again, text);
        }
        let same =
            |linked: &Linked| metadata.modified().is_ok_and(|it| ns(it) == linked.modified_ns);
        // A time alone proves nothing: `touch`, a backup or `cp` change it and not the contents. So
        // the remedy is to verify, and not to import again.
        let changed = model.linked.as_ref().is_some_and(|linked| !same(linked));
        let text = "its file, or its time alone, was changed since it was imported";
        if changed { problem(Remedy::Verify, text.to_owned()) } else { None }
    }

    /// Adds a model: its copy becomes its blob, unless its file is in its place already, and its
    /// manifest is written. The order is what makes a crash harmless: a blob without a manifest is
    /// only room that is taken, a manifest without a blob would be a model that can't be used. The
    /// lock is held over both, and over `describe`, which makes the model and checks its id:
    /// without it, another process could take the id, or the blob before the manifest has it.
    /// `describe` must not take the lock.
    pub(crate) fn add(
        &self,
        copy: Option<Unfinished>,
        describe: impl FnOnce() -> Result<Installed, StoreError>,
    ) -> Result<Installed, StoreError> {
        let lock = self.lock()?;
        let model = describe()?;
        // Unreadable counts as none: it is about to be replaced.
        let before = self.model(&model.id).ok();
        if let Some(copy) = copy {
            let blob = self.blob(&model.sha256);
            copy.persist(&blob).map_err(|error| disk(&blob, &error.error))?;
            sync_folder_of(&blob).map_err(|error| disk(&blob, &error))?;
        }
        model.write(&self.manifests())?;
        drop(lock);
        // Forget what is known about the other file that had the name.
        if let Some(before) = before.filter(|before| before.sha256 != model.sha256) {
            self.drop_unused(&before.sha256);
        }
        Ok(model)
    }

    /// Removes a model and returns how many bytes that freed. The file is kept as long as another
    /// model has it; a file outside the store belongs to the user and stays. A process that has the
    /// file mapped keeps it until it ends: the system frees the blocks of a removed file with its
    /// last user, so a model can be removed while it answers.
    ///
    /// # Errors
    /// If there is no such model, or the disk can't be written.
    pub fn remove(&self, id: &str) -> Result<u64, StoreError> {
        let _lock = self.lock()?;
        let model = self.model(id)?;
        // The manifest goes first: after a crash in between, the blob is room that is taken, and
        // not a model that is listed and can't be loaded.
        let manifest = self.manifest(id);
        fs_err::remove_file(&manifest).map_err(|error| disk(&manifest, &error))?;
        if matches!(model.source, Source::File { .. }) {
            // Another model may get this name later, with another license.
            let _ = std::fs::remove_file(self.license_path(id));
        }
        // The list is read again without the model, still under the lock: whoever is left in it
        // counts.
        let shared = self
            .list()?
            .iter()
            .any(|other| other.model.linked.is_none() && other.model.sha256 == model.sha256);
        if shared || model.linked.is_some() {
            return Ok(0);
        }
        let blob = self.blob(&model.sha256);
        match std::fs::remove_file(&blob) {
            Ok(()) => Ok(model.bytes),
            // A model whose file is lost can be removed like any other; it freed nothing.
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(0),
            Err(error) => Err(disk(&blob, &error)),
        }
    }

    /// Bytes that are there of a download that was not finished; 0 if there are none. Files in
    /// `downloads` are named by the digest that is wanted, not by the model: what was begun under
    /// one name is resumed under another.
    #[must_use]
    pub fn loaded_bytes(&self, sha256: &str) -> u64 {
        let path = self.downloads().join(format!("{sha256}.partial"));
        std::fs::metadata(path).map_or(0, |metadata| metadata.len())
    }

    /// Deletes what was downloaded of an unfinished file, with the mark that says from where it is
    /// resumed. Whoever calls it makes sure that no download of the file is running: its lock goes,
    /// too.
    pub fn discard_download(&self, sha256: &str) -> Result<(), StoreError> {
        for end in ["partial", "mark", "lock"] {
            let path = self.downloads().join(format!("{sha256}.{end}"));
            match std::fs::remove_file(&path) {
                Err(error) if error.kind() != ErrorKind::NotFound => {
                    return Err(disk(&path, &error));
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Size of everything in the store, including unfinished downloads. Files that were imported in
    /// place are not counted; what can't be looked at counts as nothing.
    #[must_use]
    pub fn used_bytes(&self) -> u64 {
        ["blobs", "downloads"].iter().map(|name| bytes_in(&self.folder.join(name))).sum()
    }

    /// Memory of this machine and room on the store's disk.
    #[must_use]
    pub fn machine(&self) -> Machine {
        Machine::here(&self.folder)
    }

    /// The text of a model's license, if it is known here: shipped, or kept from before. `None`
    /// before the first installation of a model whose license does not come with the product.
    #[must_use]
    pub fn license_text(&self, entry: &Entry) -> Option<String> {
        shipped_text(&entry.license).or_else(|| self.text_beside(&entry.id))
    }

    /// The text of an installed model's license, if it is known.
    #[must_use]
    pub fn kept_license(&self, model: &Installed) -> Option<String> {
        let license = model.license.as_ref()?;
        // A license that only claims a known license's name is shown as it came.
        // The digest decides whether the license's name can be trusted, for that is the only thing
        // about a carried model that was checked.
        match Catalog::known().by_digest(&model.sha256) {
            Some(_) => shipped_text(license).or_else(|| self.text_beside(&model.id)),
            None => self.text_beside(&model.id).or_else(|| shipped_text(license)),
        }
    }

    fn text_beside(&self, id: &str) -> Option<String> {
        read_text(&self.license_path(id), LICENSE_BYTES_MAX).ok()
    }

    /// Keeps a license's text with the models, unless it comes with the product.
    pub(crate) fn keep_license(
        &self,
        id: &str,
        license: &LicenseTerms,
        text: &str,
    ) -> Result<(), StoreError> {
        if shipped_text(license).is_some_and(|shipped| shipped == text) {
            return Ok(());
        }
        write_whole(&self.license_path(id), text.as_bytes())
    }

    fn license_path(&self, id: &str) -> PathBuf {
        self.folder.join("licenses").join(format!("{id}.txt"))
    }

    /// Takes the lock of the store until the file is dropped, which also happens when a process
    /// dies: a lock file that was only there or not would be left behind by a crash. It is held for
    /// moments, never during a copy or a download, so callers wait for it. It is not reentrant:
    /// [`Store::add`], [`Store::remove`] and [`Store::drop_unused`] take it themselves.
    pub(crate) fn lock(&self) -> Result<File, StoreError> {
        let path = self.folder.join("lock");
        let lock = || {
            let file = OpenOptions::new().write(true).create(true).truncate(false).open(&path)?;
            file.lock()?;
            Ok(file)
        };
        lock().map_err(|error: std::io::Error| disk(&path, &error))
    }
}

fn bytes_in(folder: &Path) -> u64 {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.metadata().ok()).map(|metadata| metadata.len()).sum()
}

/// Nanoseconds since 1970, as exact as file systems are: with whole seconds, a change within the
/// second of an import would not be seen. 0 for times before that.
pub(crate) fn ns(time: SystemTime) -> u64 {
    let since = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}
