//! A model file as checked before llama.cpp may see it: found, its header read, and recognizable,
//! so that a file later put in its place is noticed. Plain data; the shell's inspector creates it,
//! the core decides by it.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use localcoder_gguf::{Header, names_base_model};
use localcoder_model_store::Sampling;
use localcoder_protocol::ModelInfo;

/// An inspected model file. Two are equal if, as far as the file system can tell, their content is
/// the same.
#[derive(Debug, Clone, PartialEq)]
pub struct ModelFile {
    pub path: PathBuf,
    pub info: ModelInfo,
    pub pinned: Option<Pinned>,
    pub modified: Option<SystemTime>,
    /// A chat template to be used instead of the file's own.
    pub chat_template: Option<String>,
    pub sampling: Sampling,
    pub header: Option<Arc<Header>>,
}

/// A name that stands for one particular content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pinned {
    pub id: String,
    pub sha256: String,
}

impl ModelFile {
    /// Whether its name says that it was not made to follow instructions, and no chat template was
    /// given to it despite that.
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

    /// When it was written, since 1970: together with its path this identifies its content in kept
    /// data.
    pub(crate) fn written(&self) -> Option<Duration> {
        self.modified?.duration_since(SystemTime::UNIX_EPOCH).ok()
    }
}

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
