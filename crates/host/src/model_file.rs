//! A model file as it was checked before llama.cpp may see it: found, read as far as its header
//! goes, and told apart from a file of the same name that was put there later.

use std::io::BufReader;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use crossbeam_channel::Sender;
use localcoder_gguf::{GgufError, Header};
use localcoder_protocol::{ErrorCode, ErrorInfo, ModelInfo};

/// The reference of the bundled model.
const DEMO: &str = "demo";

/// See the module. Two are equal where it is the same content as far as the file system tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelFile {
    /// Absolute.
    pub path: PathBuf,
    /// What a user is told of it.
    pub info: ModelInfo,
    /// When it was written.
    pub modified: Option<SystemTime>,
}

impl ModelFile {
    /// When it was written, since 1970: with its path the name of its content in what is kept.
    pub(crate) fn written(&self) -> Option<Duration> {
        self.modified?.duration_since(SystemTime::UNIX_EPOCH).ok()
    }
}

/// Finds the file that a reference means and checks its header.
///
/// # Errors
/// With the code and the next step for each way in which a file is no usable model.
pub(crate) fn inspect(reference: &str, demo: Option<&Path>) -> Result<ModelFile, ErrorInfo> {
    let path = if reference == DEMO {
        demo.ok_or_else(|| {
            ErrorInfo::new(ErrorCode::NoModel, "the bundled demo model is missing")
                .with_hint("install LocalCoder again, or name a GGUF file with `--model PATH`")
        })?
    } else {
        Path::new(reference)
    };
    let meta = fs_err::metadata(path).map_err(|error| cannot_open(path, &error))?;
    if meta.is_dir() {
        return Err(ErrorInfo::new(
            ErrorCode::ModelNotGguf,
            format!("`{}` is a folder", path.display()),
        )
        .with_hint("name the GGUF file in it"));
    }
    let file = fs_err::File::open(path).map_err(|error| cannot_open(path, &error))?;
    let header =
        Header::read(BufReader::new(file), meta.len()).map_err(|error| refuse(path, &error))?;
    let info = ModelInfo {
        reference: reference.to_owned(),
        name: header.name.clone().unwrap_or_else(|| file_stem(path)),
        architecture: header.architecture.clone(),
        size_bytes: meta.len(),
        trained_context_tokens: u32::try_from(header.context_length).unwrap_or(u32::MAX),
        demo: reference == DEMO,
    };
    Ok(ModelFile { path: path.to_owned(), info, modified: meta.modified().ok() })
}

fn file_stem(path: &Path) -> String {
    path.file_stem().unwrap_or(path.as_os_str()).to_string_lossy().into_owned()
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

/// Checks files on a thread of its own: a header can lie on a slow disk.
pub(crate) struct Inspector {
    wanted: Sender<String>,
}

impl Inspector {
    /// `answer` gets every reference with its outcome.
    pub(crate) fn new(
        demo: Option<PathBuf>,
        answer: impl Fn(String, Result<ModelFile, ErrorInfo>) + Send + 'static,
    ) -> Self {
        let (wanted, references) = crossbeam_channel::unbounded::<String>();
        std::thread::Builder::new()
            .name("model-inspector".to_owned())
            .spawn(move || {
                for reference in references {
                    let result = inspect(&reference, demo.as_deref());
                    answer(reference, result);
                }
            })
            .expect("the system gives a thread");
        Self { wanted }
    }

    pub(crate) fn inspect(&self, reference: String) {
        if self.wanted.send(reference).is_err() {
            tracing::error!("the model inspector does not answer");
        }
    }
}

fn refuse(path: &Path, error: &GgufError) -> ErrorInfo {
    let (code, what) = match error {
        GgufError::NotGguf(_) => (ErrorCode::ModelNotGguf, "is no GGUF file"),
        GgufError::Truncated { .. } | GgufError::Damaged(_) => {
            (ErrorCode::ModelDamaged, "is damaged")
        }
        GgufError::Unsupported(_) => (ErrorCode::ModelUnsupported, "can't be run by this version"),
        _ => (ErrorCode::ModelNotFound, "can't be read"),
    };
    ErrorInfo::new(code, format!("the model `{}` {what}", path.display()))
        .with_cause(error.to_string())
        .with_hint(error.hint())
}
