//! A model file as it was checked before llama.cpp may see it: found, read as far as its header
//! goes, and told apart from a file of the same name that was put there later. Plain data; the
//! shell's inspector makes it, the core decides by it.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use localcoder_gguf::{Header, names_base_model};
use localcoder_model_store::Sampling;
use localcoder_protocol::ModelInfo;

/// A model file that was inspected. Two are equal if, as far as the file system tells, the content
/// is the same.
#[derive(Debug, Clone, PartialEq)]
pub struct ModelFile {
    /// Absolute.
    pub path: PathBuf,
    /// What users see of it.
    pub info: ModelInfo,
    /// By which the store or a catalog knows it, where one does.
    pub pinned: Option<Pinned>,
    /// When it was written.
    pub modified: Option<SystemTime>,
    /// Its chat template, where that of the file is not to be used.
    pub chat_template: Option<String>,
    /// What its maker recommends for answers that are not code.
    pub sampling: Sampling,
    /// What its header says, where it was read.
    pub header: Option<Arc<Header>>,
}

/// A name that stands for one content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pinned {
    /// By which it is called.
    pub id: String,
    /// Its digest.
    pub sha256: String,
}

impl ModelFile {
    /// Whether its name says that it was not made to follow instructions, and it was not given a
    /// chat template all the same.
    pub(crate) fn says_base(&self) -> bool {
        let stem = self.path.file_stem().unwrap_or_default().to_string_lossy();
        let id = self.pinned.as_ref().map_or("", |pinned| &pinned.id);
        let of_header = self.header.as_ref().is_some_and(|header| header.says_base());
        let named = [id, &self.info.name, &stem].into_iter().any(names_base_model);
        self.chat_template.is_none() && (of_header || named)
    }

    /// Whether it takes instructions in words: it has a template, and was trained to follow
    /// instructions.
    pub(crate) fn takes_words(&self) -> bool {
        let of_header = || self.header.as_ref().is_none_or(|header| header.chat_template.is_some());
        (self.chat_template.is_some() || of_header()) && !self.says_base()
    }

    /// When it was written, since 1970: with its path the name of its content in what is kept.
    pub(crate) fn written(&self) -> Option<Duration> {
        self.modified?.duration_since(SystemTime::UNIX_EPOCH).ok()
    }
}

/// A file for tests that only need one.
#[cfg(test)]
pub(crate) fn sample() -> ModelFile {
    ModelFile {
        path: PathBuf::from("a"),
        info: ModelInfo {
            reference: "a".to_owned(),
            name: "a".to_owned(),
            architecture: "qwen2".to_owned(),
            size_bytes: 1,
            trained_context_tokens: 8192,
            demo: false,
            attribution: Vec::new(),
        },
        pinned: None,
        modified: None,
        chat_template: None,
        sampling: Sampling::default(),
        header: None,
    }
}
