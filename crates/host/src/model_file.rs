//! A model file as it was checked before llama.cpp may see it: found, read as far as its header
//! goes, and told apart from a file of the same name that was put there later.

use std::collections::HashMap;
use std::fs::File;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use crossbeam_channel::Sender;
use localcoder_gguf::Header;
use localcoder_model_store::{Installed, Sampling, Store, checked_header};
use localcoder_protocol::{DEMO, ErrorCode, ErrorInfo, ModelInfo};

/// See the module. Two are equal where it is the same content as far as the file system tells.
#[derive(Debug, Clone, PartialEq)]
pub struct ModelFile {
    /// Absolute.
    pub path: PathBuf,
    /// What a user is told of it.
    pub info: ModelInfo,
    /// When it was written.
    pub modified: Option<SystemTime>,
    /// Its chat template, where that of the file is not to be used.
    pub chat_template: Option<String>,
    /// What its maker recommends for answers that are no code.
    pub sampling: Sampling,
    /// What its header says, where it was read.
    pub header: Option<Arc<Header>>,
}

impl ModelFile {
    /// When it was written, since 1970: with its path the name of its content in what is kept.
    pub(crate) fn written(&self) -> Option<Duration> {
        self.modified?.duration_since(SystemTime::UNIX_EPOCH).ok()
    }
}

/// Where references lead.
#[derive(Debug, Clone)]
pub(crate) struct Models {
    /// The bundled model.
    pub(crate) demo: Option<PathBuf>,
    /// Folder of the installed ones.
    pub(crate) installed: PathBuf,
}

impl Models {
    /// The file of `demo`, of the id of an installed model, or of a path; and what the store knows
    /// of it.
    fn find(&self, reference: &str) -> Result<(PathBuf, Option<Installed>), ErrorInfo> {
        if reference == DEMO {
            let demo = self.demo.clone().ok_or_else(|| {
                ErrorInfo::new(ErrorCode::NoModel, "the bundled demo model is missing")
                    .with_hint("install LocalCoder again, or name a GGUF file with `--model PATH`")
            })?;
            return Ok((demo, None));
        }
        // A path has a separator in it: what is sent here is absolute.
        if reference.contains(['/', '\\']) {
            return Ok((PathBuf::from(reference), None));
        }
        let Some(store) = Store::existing(&self.installed) else {
            return Err(not_installed(reference));
        };
        let model = store.model(reference)?;
        Ok((store.path_of(reference)?, Some(model)))
    }
}

/// Headers that were read before, each with what told its file apart: every request asks for its
/// model, and to read a vocabulary of 150,000 tokens takes 18 ms.
#[derive(Debug, Default)]
pub(crate) struct Headers {
    known: HashMap<PathBuf, (Stamp, Arc<Header>)>,
}

/// Of files that were asked for; a chat template in a header may take 1 MiB.
const HEADERS_MAX: usize = 16;

/// Size, inode, and when content and inode changed, in seconds and nanoseconds.
type Stamp = (u64, u64, (i64, i64), (i64, i64));

impl Headers {
    fn of(&mut self, path: &Path, file: &mut File) -> Result<Arc<Header>, ErrorInfo> {
        let meta = file.metadata().map_err(|error| cannot_open(path, &error))?;
        let stamp = (
            meta.len(),
            meta.ino(),
            (meta.mtime(), meta.mtime_nsec()),
            (meta.ctime(), meta.ctime_nsec()),
        );
        if self.known.get(path).is_none_or(|(known, _)| *known != stamp) {
            let header = Arc::new(checked_header(path, file)?);
            if self.known.len() >= HEADERS_MAX {
                self.known.clear();
            }
            self.known.insert(path.to_owned(), (stamp, header));
        }
        Ok(Arc::clone(&self.known[path].1))
    }
}

/// Finds the file that a reference means and checks its header.
///
/// # Errors
/// With the code and the next step for each way in which a file is no usable model.
pub(crate) fn inspect(
    reference: &str,
    models: &Models,
    headers: &mut Headers,
) -> Result<ModelFile, ErrorInfo> {
    let (path, installed) = models.find(reference)?;
    let path = path.as_path();
    let meta = fs_err::metadata(path).map_err(|error| cannot_open(path, &error))?;
    if meta.is_dir() {
        return Err(ErrorInfo::new(
            ErrorCode::ModelNotGguf,
            format!("`{}` is a folder", path.display()),
        )
        .with_hint("name the GGUF file in it"));
    }
    let mut file = File::open(path).map_err(|error| cannot_open(path, &error))?;
    let header = headers.of(path, &mut file)?;
    let info = ModelInfo {
        reference: reference.to_owned(),
        name: match &installed {
            Some(model) => model.name.clone(),
            None => header.name.clone().unwrap_or_else(|| file_stem(path)),
        },
        architecture: header.architecture.clone(),
        size_bytes: meta.len(),
        trained_context_tokens: u32::try_from(header.context_length).unwrap_or(u32::MAX),
        demo: reference == DEMO,
        attribution: installed
            .as_ref()
            .and_then(|model| model.license.as_ref())
            .map_or_else(Vec::new, |license| license.attribution.clone()),
    };
    Ok(ModelFile {
        path: path.to_owned(),
        info,
        modified: meta.modified().ok(),
        chat_template: installed.as_ref().and_then(|model| model.chat_template.clone()),
        sampling: installed.and_then(|model| model.sampling).unwrap_or_default(),
        header: Some(header),
    })
}

fn file_stem(path: &Path) -> String {
    path.file_stem().unwrap_or(path.as_os_str()).to_string_lossy().into_owned()
}

fn not_installed(id: &str) -> ErrorInfo {
    ErrorInfo::new(ErrorCode::ModelNotFound, format!("no model `{id}` is installed")).with_hint(
        "`localcoder models list` shows what there is; a file is named by its whole path",
    )
}

fn cannot_open(path: &Path, error: &std::io::Error) -> ErrorInfo {
    let path = path.display();
    if error.kind() == std::io::ErrorKind::NotFound {
        ErrorInfo::new(ErrorCode::ModelNotFound, format!("there is no model file `{path}`"))
            .with_hint("check the path, or use `demo` for the bundled demo model")
    } else {
        ErrorInfo::new(ErrorCode::ModelNotFound, format!("the model `{path}` can't be read"))
            .with_cause(error.to_string())
            .with_hint("check its permissions")
    }
}

/// The first of several that is there. One that is there and can't be used is an error: another in
/// its place would be a surprise.
fn inspect_first(
    references: &[String],
    models: &Models,
    headers: &mut Headers,
) -> Result<ModelFile, ErrorInfo> {
    let mut missing = None;
    for reference in references {
        match inspect(reference, models, headers) {
            Err(error) if error.code == ErrorCode::ModelNotFound => {
                missing.get_or_insert(error);
            }
            found => return found,
        }
    }
    let nothing = || ErrorInfo::new(ErrorCode::NoModel, "no model is named");
    Err(missing.unwrap_or_else(nothing))
}

/// The largest installed model that takes less than `bytes`: of the same kind before any other, so
/// that another quantization of the same is found first.
fn smaller(path: &Path, bytes: u64, models: &Models, headers: &mut Headers) -> Option<ModelFile> {
    let store = Store::existing(&models.installed)?;
    let installed: Vec<Installed> = store.list().ok()?.into_iter().map(|it| it.model).collect();
    let is_it = |model: &&Installed| store.path_of(&model.id).is_ok_and(|at| at == path);
    let own = installed.iter().find(is_it).map(|model| (&model.architecture, model.parameters));
    let mut smaller: Vec<&Installed> = installed.iter().filter(|it| it.bytes < bytes).collect();
    smaller.sort_by_key(|model| {
        let same = own.is_some_and(|own| own == (&model.architecture, model.parameters));
        let akin = own.is_some_and(|own| *own.0 == model.architecture);
        (!same, !akin, std::cmp::Reverse(model.bytes))
    });
    smaller.iter().find_map(|model| inspect(&model.id, models, headers).ok())
}

/// What the inspector is asked.
enum Wanted {
    First(Vec<String>),
    Smaller(PathBuf, u64),
}

/// What it answers, with what it was asked for.
pub(crate) enum Inspected {
    /// The first of several that is there.
    First(Vec<String>, Result<ModelFile, ErrorInfo>),
    /// One that takes less than another.
    Smaller(PathBuf, Option<ModelFile>),
}

/// Checks files on a thread of its own: a header can lie on a slow disk.
pub(crate) struct Inspector {
    wanted: Sender<Wanted>,
}

impl Inspector {
    /// `answer` gets each outcome.
    pub(crate) fn new(models: Models, answer: impl Fn(Inspected) + Send + 'static) -> Self {
        let (wanted, asked) = crossbeam_channel::unbounded::<Wanted>();
        std::thread::Builder::new()
            .name("model-inspector".to_owned())
            .spawn(move || {
                let mut headers = Headers::default();
                for wanted in asked {
                    answer(match wanted {
                        Wanted::First(references) => {
                            let result = inspect_first(&references, &models, &mut headers);
                            Inspected::First(references, result)
                        }
                        Wanted::Smaller(path, bytes) => {
                            let found = smaller(&path, bytes, &models, &mut headers);
                            Inspected::Smaller(path, found)
                        }
                    });
                }
            })
            .expect("the system gives a thread");
        Self { wanted }
    }

    pub(crate) fn inspect(&self, references: Vec<String>) {
        self.ask(Wanted::First(references));
    }

    pub(crate) fn find_smaller(&self, path: PathBuf, bytes: u64) {
        self.ask(Wanted::Smaller(path, bytes));
    }

    fn ask(&self, wanted: Wanted) {
        if self.wanted.send(wanted).is_err() {
            tracing::error!("the model inspector does not answer");
        }
    }
}

#[cfg(test)]
mod tests {
    use localcoder_protocol::ErrorCode;

    use super::*;

    #[test]
    fn a_file_that_was_read_before_is_read_again_where_it_changed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("model.gguf");
        let demo = concat!(env!("CARGO_MANIFEST_DIR"), "/../../models/demo/localcoder-demo.gguf");
        let bytes = fs_err::read(demo).unwrap();
        fs_err::write(&path, &bytes).unwrap();
        let models = Models { demo: None, installed: folder.path().to_owned() };
        let mut headers = Headers::default();
        let mut look = || inspect(path.to_str().unwrap(), &models, &mut headers);
        let first = look().unwrap();
        assert_eq!(look().unwrap(), first);

        fs_err::write(&path, vec![0; bytes.len()]).unwrap();
        assert_eq!(look().unwrap_err().code, ErrorCode::ModelNotGguf);
        fs_err::write(&path, &bytes).unwrap();
        assert_eq!(look().unwrap().info, first.info);
    }

    #[test]
    fn the_first_that_is_there_is_meant_and_a_damaged_one_is_not_passed_over() {
        let folder = tempfile::tempdir().unwrap();
        let demo = concat!(env!("CARGO_MANIFEST_DIR"), "/../../models/demo/localcoder-demo.gguf");
        let damaged = folder.path().join("damaged.gguf");
        fs_err::write(&damaged, "no model").unwrap();
        let models =
            Models { demo: Some(PathBuf::from(demo)), installed: folder.path().to_owned() };
        let mut headers = Headers::default();
        let mut first = |references: &[&str]| {
            let references: Vec<String> = references.iter().map(|&it| it.to_owned()).collect();
            inspect_first(&references, &models, &mut headers)
        };
        assert_eq!(first(&["not-installed", "demo"]).unwrap().info.reference, "demo");
        let damaged = damaged.to_str().unwrap();
        assert_eq!(first(&[damaged, "demo"]).unwrap_err().code, ErrorCode::ModelNotGguf);
        let error = first(&["not-installed", "neither"]).unwrap_err();
        assert!(error.message.contains("`not-installed`"), "{error}");
        assert_eq!(first(&[]).unwrap_err().code, ErrorCode::NoModel);
    }
}
