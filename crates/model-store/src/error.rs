//! What can go wrong with models on disk, by cause. The hint and the error code are added where it
//! becomes what a client shows: `explain.rs`.

use std::path::{Path, PathBuf};

use localcoder_disk::{Cause, Kind, cause_of};
use localcoder_gguf::GgufError;
use localcoder_protocol::FetchFailure;

/// An error of the store. Its text says what happened, in one clause. Variants carry what a hint or
/// a button needs later: paths, both digests, the id.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    #[error("`{}` can't be {}", path.display(), used_or_written(source.kind))]
    Disk { path: PathBuf, source: Cause },
    #[error("no model `{0}` is installed")]
    NotInstalled(String),
    #[error("{0} was cancelled")]
    Cancelled(&'static str),
    #[error("`{0}` can't be a model's id")]
    NotAnId(String),
    #[error("there is a model `{0}` already")]
    IdTaken(String),
    #[error("`{0}` is the name of a model of the catalog, and this is another file")]
    IdReserved(String),
    #[error("this is the file of `{0}`, which is installed already")]
    FileInstalled(String),
    #[error("`{id}` is installed already")]
    Installed { id: String, path: PathBuf },
    #[error("what is known of `{id}` can't be read")]
    Manifest { id: String, path: PathBuf, source: Unread },
    #[error("`{id}` can't be used")]
    Unusable { id: String, problem: Problem },
    #[error("the file of `{id}` is not what was installed")]
    Changed { id: String, found: String, installed: String, aside: Option<PathBuf> },
    #[error("`{}` is {kind}", path.display())]
    NotAFile { path: PathBuf, kind: &'static str },
    #[error("{}", unopened(path, source.kind))]
    Unopened { path: PathBuf, source: Cause },
    #[error("the model `{}` {}", path.display(), refused(source))]
    NotAModel { path: PathBuf, source: GgufError },
    #[error("there is no room for a copy of {}", gb(*bytes))]
    NoRoom { bytes: u64, free_bytes: u64 },
    #[error("the file of `{of}` is not the one that it is said to be")]
    OtherDigest { of: String, found: String, wanted: String },
    #[error("`{}` is not the file that its folder speaks of", path.display())]
    OtherLength { path: PathBuf, found: u64, claimed: u64 },
    #[error("`{}` is not an exported model", folder.display())]
    NotExported { folder: PathBuf, why: String },
    #[error("`{}` is there already", .0.display())]
    ExportedAlready(PathBuf),
    #[error("there is no folder `{}`", .0.display())]
    NoFolder(PathBuf),
    #[error("`{}` is not a folder", .0.display())]
    NotAFolder(PathBuf),
    #[error("your catalog `{}` can't be used", path.display())]
    Catalog { path: PathBuf, source: Unread },
    #[error("the {license} is another one than was known")]
    OtherLicense { license: String, sha256: String },
    #[error("the license of `{id}` could not be downloaded")]
    NoLicense { id: String, source: Box<StoreError> },
    #[error("`{}` could not be started", program.display())]
    FetchNotStarted { program: PathBuf, source: Cause },
    #[error("the download program ended without an explanation")]
    FetchSilent(String),
    #[error("{}", undone(*failure))]
    Fetch { failure: FetchFailure, message: String, named: Named },
}

/// Why one of our files could not be used. The two need different help: contents can be fixed or
/// replaced by the user, and a failing disk can't be helped by touching the file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unread {
    /// The disk failed, so its contents are not known.
    #[error(transparent)]
    Disk(Cause),
    #[error("{0}")]
    Nonsense(String),
}

/// Why an installed model can't be used, and what would make it usable again.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text}")]
pub struct Problem {
    pub(crate) remedy: Remedy,
    pub(crate) text: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Remedy {
    /// The file is outside the store and was touched: it may still be the same.
    Verify,
    /// Install it: the catalog has it.
    Install,
    /// Import it: the user who brought it may still have it.
    Import,
}

/// Where address, length and digest were written down, and so who can fix them: the user in a
/// catalog of their own, or only a new version of the product.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Named {
    Here,
    InUsersCatalog,
}

pub(crate) fn disk(path: &Path, error: &std::io::Error) -> StoreError {
    unusable(path, cause_of(error, path))
}

/// The disk failed at a path of the store, for a known cause.
pub(crate) fn unusable(path: &Path, cause: Cause) -> StoreError {
    StoreError::Disk { path: path.to_owned(), source: cause }
}

fn used_or_written(kind: Kind) -> &'static str {
    // Such a disk can still be read, so it is the writing that failed.
    if matches!(kind, Kind::Full | Kind::ReadOnly) { "written" } else { "used" }
}

fn unopened(path: &Path, kind: Kind) -> String {
    let path = path.display();
    match kind {
        Kind::Missing => format!("there is no file `{path}`"),
        _ => format!("`{path}` can't be read"),
    }
}

fn refused(error: &GgufError) -> &'static str {
    match error {
        GgufError::NotGguf(_) => "is not a GGUF file",
        GgufError::Truncated { .. } | GgufError::Damaged(_) => "is damaged",
        GgufError::NotText(_) => "is not a text model",
        GgufError::WritesNothing(_) => "writes no text",
        GgufError::Unsupported(_) | GgufError::UnknownArchitecture(_) => {
            "can't be run by this version"
        }
        GgufError::Read(_) => "can't be read",
    }
}

/// In units of 10⁹ bytes, with one decimal that is cut off and not rounded.
pub(crate) fn gb(bytes: u64) -> String {
    format!("{}.{} GB", bytes / 1_000_000_000, bytes / 100_000_000 % 10)
}

fn undone(failure: FetchFailure) -> &'static str {
    match failure {
        FetchFailure::AirGapped => "nothing is downloaded",
        FetchFailure::NoSpace => "there is no room for the model",
        FetchFailure::Disk => "the model could not be written",
        FetchFailure::Busy => "the model is being downloaded already",
        FetchFailure::Checksum => {
            "the model was downloaded twice, and its checksum was wrong both times"
        }
        FetchFailure::WrongFile => "what was received is not the model",
        FetchFailure::Untrusted => "the connection is not safe",
        FetchFailure::Proxy => "the proxy can't be used",
        FetchFailure::Unreachable | FetchFailure::TooSlow | FetchFailure::Server => {
            "the model could not be downloaded"
        }
        FetchFailure::Refused | FetchFailure::Redirect | FetchFailure::Invalid => {
            "the model can't be had from there"
        }
    }
}
