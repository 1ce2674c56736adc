//! One look at a model's file: which file a reference means, whether llama.cpp may see that file,
//! and what is in it. A look may take as long as the disk does; the inspector gives it a thread and
//! a deadline.

use std::collections::HashMap;
use std::fs::{File, FileType, Metadata};
use std::os::unix::fs::{FileTypeExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use localcoder_disk::Stamp;
use localcoder_gguf::Header;
use localcoder_model_store::{Installed, Store, checked_header};
use localcoder_protocol::{DEMO, ErrorAction, ErrorCode, ErrorInfo, ModelInfo};
use localcoder_transport::{is_shortage, shortage};
use rustix::fs::OFlags;

use super::recognition::Recognition;
use crate::core::Help;
use crate::{ModelFile, Pinned};

/// A draft model that the user did not name must be at least this many times smaller than the
/// model: below that, guessing costs more than it gains, see docs/reference/drafting.md.
const DRAFT_TIMES_SMALLER: u64 = 6;

/// A model that suggests in another's place must be at least this many times smaller: else what
/// it gains is not worth the memory and the worse suggestions.
const SUGGESTER_TIMES_SMALLER: u64 = 2;

/// Where references are looked up.
#[derive(Debug, Clone)]
pub(super) struct Models {
    pub(super) demo: Option<PathBuf>,
    pub(super) installed: PathBuf,
    pub(super) catalog: PathBuf,
    pub(super) recognition: Recognition,
}

impl Models {
    /// The file of `demo`, of an installed model's id, or of a path; and what the store knows about
    /// it.
    fn find(&self, reference: &str) -> Result<(PathBuf, Option<Installed>), ErrorInfo> {
        if reference == DEMO {
            let demo = self.demo.clone().ok_or_else(|| {
                ErrorInfo::new(ErrorCode::NoModel, "the bundled demo model is missing")
                    .with_hint("install LocalCoder again, or choose a GGUF file of your own")
                    .with_action(ErrorAction::SwitchModel)
            })?;
            return Ok((demo, None));
        }
        let store = Store::existing(&self.installed);
        // A path contains a separator, since clients send absolute paths.
        if reference.contains(['/', '\\']) {
            let path = PathBuf::from(reference);
            let known = store.and_then(|store| store.left_at(&path));
            return Ok((path, known));
        }
        let found = store.map(|store| Ok((store.path_of(reference)?, store.meant(reference)?)));
        match found.unwrap_or_else(|| Err(not_installed(reference))) {
            Ok((path, model)) => Ok((path, Some(model))),
            Err(error) if error.code == ErrorCode::ModelNotFound => {
                let place = self.recognition.place_of(reference).ok_or(error)?;
                Ok((place, None))
            }
            Err(error) => Err(error),
        }
    }
}

/// Headers that were read before, each with the stamp of its file: every request asks for its
/// model, and reading a vocabulary of 150,000 tokens takes 18 ms. Looks that may hang share this,
/// so its lock is never held while a file is read.
#[derive(Debug, Default)]
pub(super) struct Headers {
    known: Mutex<HashMap<PathBuf, (Stamp, Arc<Header>)>>,
}

/// How many are kept; a chat template in a header may take 1 MiB.
const HEADERS_MAX: usize = 16;

impl Headers {
    fn of(&self, path: &Path, file: &mut File) -> Result<(Stamp, Arc<Header>), ErrorInfo> {
        let about = file.metadata().map_err(|error| cannot_open(path, &error))?;
        let stamp = Stamp::of(&about);
        // The lock is not held while the file is read below; two looks may read the same header,
        // which costs only time.
        let known = lock(&self.known).get(path).filter(|(known, _)| *known == stamp).cloned();
        if let Some(known) = known {
            return Ok(known);
        }
        let header = Arc::new(checked_header(path, file)?);
        let mut known = lock(&self.known);
        // All at once: which one is used least is not known, and a header is read again in
        // milliseconds.
        if known.len() >= HEADERS_MAX {
            known.clear();
        }
        known.insert(path.to_owned(), (stamp, Arc::clone(&header)));
        Ok((stamp, header))
    }
}

/// Where a look currently is, for reporting that it hangs.
#[derive(Debug, Default)]
pub(super) struct Place(Mutex<PathBuf>);

impl Place {
    pub(super) fn set(&self, path: &Path) {
        path.clone_into(&mut lock(&self.0));
    }

    pub(super) fn get(&self) -> PathBuf {
        lock(&self.0).clone()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[derive(Debug)]
pub(super) struct Checked {
    pub(super) file: File,
    pub(super) stamp: Stamp,
}

#[derive(Debug)]
pub(super) struct Look<'a> {
    pub(super) models: &'a Models,
    pub(super) headers: &'a Headers,
    pub(super) place: &'a Place,
}

impl Look<'_> {
    /// The first of several that exists. If it exists and can't be used, that is an error: silently
    /// taking another would be a surprise.
    pub(super) fn first(&self, references: &[String]) -> Result<ModelFile, ErrorInfo> {
        let mut missing = None;
        for reference in references {
            match self.inspect(reference) {
                // Only where there is none: a damaged first choice is reported.
                Err(error) if error.code == ErrorCode::ModelNotFound => {
                    missing.get_or_insert(error);
                }
                found => return found,
            }
        }
        let nothing = || ErrorInfo::new(ErrorCode::NoModel, "no model is named");
        Err(missing.unwrap_or_else(nothing))
    }

    /// The largest installed model that takes less than `bytes`. One of the same kind comes before
    /// any other, so that another quantization of the same model is found first.
    pub(super) fn smaller(&self, path: &Path, bytes: u64) -> Option<ModelFile> {
        // `Place` first: listing the folder may hang as well.
        self.place.set(&self.models.installed);
        let store = Store::existing(&self.models.installed)?;
        let installed: Vec<Installed> = store.list().ok()?.into_iter().map(|it| it.model).collect();
        let is_it = |model: &&Installed| store.path_of(&model.id).is_ok_and(|at| at == path);
        let own = installed.iter().find(is_it).map(|model| (&model.architecture, model.parameters));
        let mut smaller: Vec<&Installed> = installed.iter().filter(|it| it.bytes < bytes).collect();
        smaller.sort_by_key(|model| {
            let same = own.is_some_and(|own| own == (&model.architecture, model.parameters));
            let akin = own.is_some_and(|own| *own.0 == model.architecture);
            (!same, !akin, std::cmp::Reverse(model.bytes))
        });
        // The first that can be used: another may be damaged, or of a kind that is not supported.
        smaller.iter().find_map(|model| self.inspect(&model.id).ok())
    }

    /// The model that takes work off another: the named one, or the best of the installed ones.
    pub(super) fn helper(
        &self,
        path: &Path,
        help: Help,
        named: Option<&str>,
    ) -> Result<ModelFile, ErrorInfo> {
        match (named, help) {
            (Some(reference), _) => self.inspect(reference),
            (None, Help::Drafts) => self.draft(path),
            (None, Help::Suggests { bytes_most }) => self.suggester(path, bytes_most),
        }
    }

    /// The model that could suggest at the cursor in place of another: of those with tokens for
    /// gaps the largest that is likely to be fast enough, else the smallest.
    fn suggester(&self, path: &Path, bytes_most: u64) -> Result<ModelFile, ErrorInfo> {
        let none = || {
            ErrorInfo::new(
                ErrorCode::NoModel,
                "no much smaller model with tokens for gaps is installed",
            )
        };
        self.place.set(&self.models.installed);
        let store = Store::existing(&self.models.installed).ok_or_else(none)?;
        let mut installed: Vec<Installed> = store.list()?.into_iter().map(|it| it.model).collect();
        self.place.set(path);
        let (_, about) = open(path)?;
        installed
            .retain(|model| model.bytes.saturating_mul(SUGGESTER_TIMES_SMALLER) <= about.len());
        let (mut fast, mut slow): (Vec<_>, Vec<_>) =
            installed.into_iter().partition(|model| model.bytes <= bytes_most);
        fast.sort_by_key(|model| std::cmp::Reverse(model.bytes));
        slow.sort_by_key(|model| model.bytes);
        // Opened one after another and only until one fits: each may be on a slow disk.
        let mut found = fast.iter().chain(&slow).filter_map(|model| self.inspect(&model.id).ok());
        let fills = |model: &ModelFile| model.header.as_ref().is_some_and(|it| it.fim.is_some());
        found.find(fills).ok_or_else(none)
    }

    /// The model that could draft for another: the smallest installed one that has the same tokens
    /// and is small enough for its guesses to pay.
    fn draft(&self, path: &Path) -> Result<ModelFile, ErrorInfo> {
        let none = || {
            ErrorInfo::new(ErrorCode::NoModel, "no installed model could draft for the loaded one")
        };
        self.place.set(&self.models.installed);
        let store = Store::existing(&self.models.installed).ok_or_else(none)?;
        let mut installed: Vec<Installed> = store.list()?.into_iter().map(|it| it.model).collect();
        self.place.set(path);
        let (mut file, about) = open(path)?;
        let (_, own) = self.headers.of(path, &mut file)?;
        installed.retain(|model| model.bytes.saturating_mul(DRAFT_TIMES_SMALLER) <= about.len());
        installed.sort_by_key(|model| model.bytes);
        let drafts = |model: &ModelFile| {
            let header = model.header.as_ref();
            // A model that folds what it reads into a state can't take a guess back.
            header.is_some_and(|it| it.shares_vocabulary(&own) && !it.folds())
        };
        let mut found = installed.iter().filter_map(|model| self.inspect(&model.id).ok());
        found.find(drafts).ok_or_else(none)
    }

    /// Opens a model's file for a worker. The worker gets exactly what was checked, even if another
    /// file has the name by then.
    pub(super) fn open(&self, path: &Path) -> Result<Checked, ErrorInfo> {
        self.place.set(path);
        let (mut file, _) = open(path)?;
        let (stamp, _) = self.headers.of(path, &mut file)?;
        Ok(Checked { file, stamp })
    }

    /// Finds the file that a reference means and checks its header.
    ///
    /// # Errors
    /// If the file is not a usable model: a code and a next step for each way.
    fn inspect(&self, reference: &str) -> Result<ModelFile, ErrorInfo> {
        self.place.set(&self.models.installed);
        let (path, installed) = self.models.find(reference)?;
        let path = path.as_path();
        self.place.set(path);
        let (mut file, meta) = open(path)?;
        let (stamp, header) = self.headers.of(path, &mut file)?;
        // What is ours is known already; only a file of the user's is looked up by its digest.
        let is_ours = installed.is_some() || reference == DEMO;
        let recognition = &self.models.recognition;
        let entry = (!is_ours).then(|| recognition.of(path, stamp, &self.models.catalog)).flatten();
        let entry = entry.as_deref();
        let license = installed.as_ref().and_then(|model| model.license.as_ref());
        let info = ModelInfo {
            reference: reference.to_owned(),
            name: match (&installed, entry) {
                (Some(model), _) => model.name.clone(),
                (None, Some(entry)) => entry.name.clone(),
                (None, None) => header.name.clone().unwrap_or_else(|| file_stem(path)),
            },
            architecture: header.architecture.clone(),
            size_bytes: meta.len(),
            trained_context_tokens: u32::try_from(header.context_length).unwrap_or(u32::MAX),
            demo: reference == DEMO,
            attribution: license
                .or(entry.map(|entry| &entry.license))
                .map_or_else(Vec::new, |license| license.attribution.clone()),
        };
        let (template, sampling) = match (&installed, entry) {
            (Some(model), _) => (model.chat_template.clone(), model.sampling),
            (None, Some(entry)) => (entry.chat_template.clone(), entry.sampling),
            (None, None) => (None, None),
        };
        let pinned = match (&installed, entry) {
            (Some(model), _) => Some((&model.id, &model.sha256)),
            (None, entry) => entry.map(|entry| (&entry.id, &entry.sha256)),
        };
        let pinned = pinned.map(|(id, sha256)| Pinned { id: id.clone(), sha256: sha256.clone() });
        Ok(ModelFile {
            path: path.to_owned(),
            info,
            pinned,
            modified: meta.modified().ok(),
            chat_template: template,
            sampling: sampling.unwrap_or_default(),
            header: Some(header),
        })
    }
}

/// Opens a regular file and never blocks on anything else: opening a pipe without a writer would
/// wait forever.
fn open(path: &Path) -> Result<(File, Metadata), ErrorInfo> {
    let fails = |error: std::io::Error| cannot_open(path, &error);
    // Checked before opening, too, since opening a device may have effects.
    no_file(path, std::fs::metadata(path).map_err(fails)?.file_type())?;
    let flags = i32::try_from(OFlags::NONBLOCK.bits()).unwrap_or(0);
    let file = File::options().read(true).custom_flags(flags).open(path).map_err(fails)?;
    let meta = file.metadata().map_err(fails)?;
    no_file(path, meta.file_type())?;
    Ok((file, meta))
}

fn no_file(path: &Path, kind: FileType) -> Result<(), ErrorInfo> {
    let what = if kind.is_file() {
        return Ok(());
    } else if kind.is_dir() {
        "a folder"
    } else if kind.is_fifo() {
        "a named pipe (FIFO)"
    } else if kind.is_socket() {
        "a socket"
    } else {
        "a device"
    };
    let message = format!("`{}` is {what}", path.display());
    let hint = if kind.is_dir() { "name the GGUF file in it" } else { "name a GGUF file" };
    Err(ErrorInfo::new(ErrorCode::ModelNotGguf, message)
        .with_cause("a model is a file of the disk")
        .with_hint(hint))
}

fn file_stem(path: &Path) -> String {
    path.file_stem().unwrap_or(path.as_os_str()).to_string_lossy().into_owned()
}

fn not_installed(id: &str) -> ErrorInfo {
    ErrorInfo::new(ErrorCode::ModelNotFound, format!("no model `{id}` is installed"))
        .with_hint("choose one that is installed; a file is named by its whole path")
        .with_action(ErrorAction::ShowModels)
}

fn cannot_open(path: &Path, error: &std::io::Error) -> ErrorInfo {
    let path = path.display();
    if is_shortage(error) {
        // The file may well exist, so no other may be taken in its place.
        shortage(ErrorCode::Busy, format!("the model `{path}` can't be opened now"), error)
    } else if error.kind() == std::io::ErrorKind::NotFound {
        ErrorInfo::new(ErrorCode::ModelNotFound, format!("there is no model file `{path}`"))
            .with_hint("check the path, or use `demo` for the bundled demo model")
    } else {
        ErrorInfo::new(ErrorCode::ModelNotFound, format!("the model `{path}` can't be read"))
            .with_cause(error.to_string())
            .with_hint("check its permissions")
    }
}

#[cfg(test)]
mod tests {
    use localcoder_model_store::Catalog;

    use super::*;

    fn models(demo: Option<PathBuf>, folder: &Path) -> Models {
        Models {
            demo,
            installed: folder.to_owned(),
            catalog: folder.join("catalog.json"),
            recognition: Recognition::default(),
        }
    }

    #[test]
    fn a_file_that_a_catalog_knows_is_that_model_under_any_name() {
        let folder = tempfile::tempdir().unwrap();
        let demo = concat!(env!("CARGO_MANIFEST_DIR"), "/../../models/demo/localcoder-demo.gguf");
        let bytes = fs_err::read(demo).unwrap();
        let path = folder.path().join("my file.gguf");
        fs_err::write(&path, &bytes).unwrap();
        let mut pinned = Catalog::shipped();
        pinned.models.truncate(1);
        let entry = &mut pinned.models[0];
        (entry.id, entry.name) = ("pinned".to_owned(), "Pinned Model".to_owned());
        entry.bytes = bytes.len() as u64;
        entry.chat_template = Some("{{ messages }}".to_owned());
        entry.license.attribution = vec!["Built with Pinned".to_owned()];
        let catalog = |sha256: String| {
            let mut pinned = pinned.clone();
            pinned.models[0].sha256 = sha256;
            let text = serde_json::to_string(&pinned).unwrap();
            fs_err::write(folder.path().join("catalog.json"), text).unwrap();
        };
        let by_path = [path.to_str().unwrap().to_owned()];
        let look = |models: &Models, references: &[String]| {
            let (headers, place) = <(Headers, Place)>::default();
            Look { models, headers: &headers, place: &place }.first(references)
        };
        // Another digest for the same length means another model.
        catalog("0".repeat(64));
        let others = models(None, folder.path());
        let own_name = look(&others, &by_path).unwrap().info.name;
        catalog(hex_digest(&bytes));
        let models = models(None, folder.path());
        let deadline = std::time::Instant::now() + std::time::Duration::from_secs(60);
        let found = loop {
            let found = look(&models, &by_path).unwrap();
            if found.info.name == "Pinned Model" {
                break found;
            }
            assert!(found.info.name == own_name && std::time::Instant::now() < deadline);
            std::thread::yield_now();
        };
        assert_eq!(found.info.attribution, ["Built with Pinned"]);
        assert_eq!(found.chat_template.as_deref(), Some("{{ messages }}"));
        assert_eq!(look(&models, &["pinned".to_owned()]).unwrap().path, path);
        assert_eq!(look(&others, &by_path).unwrap().info.name, own_name);

        // The file changes in place, so it no longer is the catalog's model.
        fs_err::write(&path, [&bytes[..bytes.len() - 1], b"!"].concat()).unwrap();
        assert_eq!(look(&models, &by_path).unwrap().info.name, own_name);
        let gone = look(&models, &["pinned".to_owned()]).unwrap_err();
        assert_eq!(gone.code, ErrorCode::ModelNotFound);
    }

    fn hex_digest(bytes: &[u8]) -> String {
        use sha2::{Digest as _, Sha256};
        data_encoding::HEXLOWER.encode(&Sha256::digest(bytes))
    }

    #[test]
    fn a_file_that_was_read_before_is_read_again_where_it_changed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("model.gguf");
        let demo = concat!(env!("CARGO_MANIFEST_DIR"), "/../../models/demo/localcoder-demo.gguf");
        let bytes = fs_err::read(demo).unwrap();
        fs_err::write(&path, &bytes).unwrap();
        let models = models(None, folder.path());
        let (headers, place) = <(Headers, Place)>::default();
        let references = [path.to_str().unwrap().to_owned()];
        let look = Look { models: &models, headers: &headers, place: &place };
        let look = || look.first(&references);
        let first = look().unwrap();
        assert_eq!(look().unwrap(), first);

        fs_err::write(&path, vec![0; bytes.len()]).unwrap();
        assert_eq!(look().unwrap_err().code, ErrorCode::ModelNotGguf);
        fs_err::write(&path, &bytes).unwrap();
        assert_eq!(look().unwrap().info, first.info);
    }

    #[test]
    fn what_a_worker_is_handed_was_checked_however_often_files_are_swapped() {
        use std::sync::atomic::{AtomicBool, Ordering};

        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let demo = concat!(env!("CARGO_MANIFEST_DIR"), "/../../models/demo/localcoder-demo.gguf");
        let good = fs_err::read(demo).unwrap();
        let bad = [b"GGUF\xff\xff\xff\xff".as_slice(), &good[8..]].concat();
        let models = models(None, folder.path());
        let (headers, place) = <(Headers, Place)>::default();
        let look = Look { models: &models, headers: &headers, place: &place };
        let path = at("model.gguf");
        fs_err::write(&path, &good).unwrap();
        let over = AtomicBool::new(false);
        let (mut handed, mut refused) = (0, 0);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                for content in [&bad, &good].into_iter().cycle() {
                    fs_err::write(at("next"), content).unwrap();
                    fs_err::rename(at("next"), &path).unwrap();
                    if over.load(Ordering::Acquire) {
                        return;
                    }
                }
            });
            while handed + refused < 1_000 || handed == 0 || refused == 0 {
                match look.open(&path) {
                    Ok(Checked { mut file, stamp }) => {
                        // It may have lost its name since, but nothing else may have changed.
                        let now = Stamp::of(&file.metadata().unwrap());
                        assert_eq!((now.inode(), now.bytes()), (stamp.inode(), stamp.bytes()));
                        checked_header(&path, &mut file).unwrap();
                        handed += 1;
                    }
                    Err(error) => {
                        assert!(error.message.contains("model.gguf"), "{error}");
                        refused += 1;
                    }
                }
            }
            over.store(true, Ordering::Release);
        });
    }

    #[test]
    fn the_first_that_is_there_is_meant_and_a_damaged_one_is_not_passed_over() {
        let folder = tempfile::tempdir().unwrap();
        let demo = concat!(env!("CARGO_MANIFEST_DIR"), "/../../models/demo/localcoder-demo.gguf");
        let damaged = folder.path().join("damaged.gguf");
        fs_err::write(&damaged, "no model").unwrap();
        let models = models(Some(PathBuf::from(demo)), folder.path());
        let (headers, place) = <(Headers, Place)>::default();
        let look = Look { models: &models, headers: &headers, place: &place };
        let first = |references: &[&str]| {
            let references: Vec<String> = references.iter().map(|&it| it.to_owned()).collect();
            look.first(&references)
        };
        assert_eq!(first(&["not-installed", "demo"]).unwrap().info.reference, "demo");
        let damaged = damaged.to_str().unwrap();
        assert_eq!(first(&[damaged, "demo"]).unwrap_err().code, ErrorCode::ModelNotGguf);
        let error = first(&["not-installed", "neither"]).unwrap_err();
        assert!(error.message.contains("`not-installed`"), "{error}");
        assert_eq!(first(&[]).unwrap_err().code, ErrorCode::NoModel);
    }

    #[test]
    fn what_is_not_a_file_is_refused_at_once_with_what_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let pipe = folder.path().join("pipe.gguf");
        rustix::fs::mkfifoat(rustix::fs::CWD, &pipe, rustix::fs::Mode::RUSR).unwrap();
        let socket = folder.path().join("socket.gguf");
        let _bound = std::os::unix::net::UnixListener::bind(&socket).unwrap();
        for (path, what) in [
            (pipe.as_path(), "named pipe"),
            (&socket, "socket"),
            (Path::new("/dev/null"), "device"),
            (folder.path(), "folder"),
        ] {
            let error = open(path).unwrap_err();
            assert_eq!(error.code, ErrorCode::ModelNotGguf);
            assert!(error.message.contains(what), "{error}");
            assert!(error.hint.is_some());
        }
    }
}
