//! How far the set-up has got, in `setup.json`: written as a whole, so that it continues there
//! whatever ends.

use std::path::Path;

use localcoder_disk::{Options, cause_of, read_text, replace};
use localcoder_protocol::{ErrorCode, ErrorInfo, SetupStep};
use serde::{Deserialize, Serialize};

use crate::failure::explained;

const VERSION: u32 = 1;
const FILE_BYTES_MAX: u64 = 64 * 1024;
/// More models than anyone downloads at once.
const DOWNLOADS_MAX: usize = 64;

/// The contents of the file. Fields of later versions are ignored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct State {
    version: u32,
    /// Whether the set-up was finished once: then it does not open by itself.
    #[serde(default)]
    pub(super) finished: bool,
    #[serde(default)]
    pub(super) step: SetupStep,
    /// Ids of the models whose licenses were agreed to and that are to be downloaded, in this
    /// order. They are downloaded without another question when the set-up continues.
    #[serde(default)]
    pub(super) downloads: Vec<String>,
}

impl Default for State {
    fn default() -> Self {
        Self { version: VERSION, finished: false, step: SetupStep::Choose, downloads: Vec::new() }
    }
}

impl State {
    /// The notes; `None` if there are none that can be read, which costs the user a question. A
    /// file of another version, or with more than this program writes, counts as none.
    pub(super) fn read(path: &Path) -> Option<Self> {
        let text = read_text(path, FILE_BYTES_MAX).ok()?;
        let state: Self = serde_json::from_str(&text).ok()?;
        (state.version == VERSION && state.downloads.len() <= DOWNLOADS_MAX).then_some(state)
    }

    pub(super) fn write(&self, path: &Path) -> Result<(), ErrorInfo> {
        let text = serde_json::to_string_pretty(self).expect("plain data serializes");
        let folder = path.parent().unwrap_or(path);
        let written = std::fs::create_dir_all(folder)
            .and_then(|()| replace(path, format!("{text}\n").as_bytes(), Options::PRIVATE));
        written.map_err(|error| {
            let message = format!("how far the set-up is can't be noted in `{}`", path.display());
            explained(ErrorInfo::new(ErrorCode::FileAccess, message), cause_of(&error, path))
        })
    }

    /// Goes to a step. Only the step of downloads has any. Once finished, it stays so, wherever the
    /// user goes later: it must not open by itself again.
    pub(super) fn go(&mut self, step: SetupStep, downloads: Vec<String>) {
        self.step = step;
        self.finished |= step == SetupStep::Done;
        self.downloads = if step == SetupStep::Download { downloads } else { Vec::new() };
    }

    /// A model has arrived: download the next one, or try this one. Models that were not waited
    /// for, such as an imported one, change nothing in the list.
    pub(super) fn arrived(&mut self, id: &str) {
        self.downloads.retain(|waiting| waiting != id);
        let left = std::mem::take(&mut self.downloads);
        let step = if left.is_empty() { SetupStep::SelfTest } else { SetupStep::Download };
        self.go(step, left);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_noted_is_read_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("new/setup.json");
        assert_eq!(State::read(&path), None);
        let mut state = State::default();
        state.go(SetupStep::Download, vec!["a".to_owned(), "b".to_owned()]);
        state.write(&path).unwrap();
        assert_eq!(State::read(&path), Some(state));
    }

    #[test]
    fn what_can_not_be_read_is_not_a_state() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("setup.json");
        for text in ["", "{", "[]", r#"{"version":2}"#, r#"{"version":1,"step":"elsewhere"}"#] {
            std::fs::write(&path, text).unwrap();
            assert_eq!(State::read(&path), None, "{text}");
        }
        // A field of a later version does not make the file another one.
        std::fs::write(&path, r#"{"version":1,"later":true}"#).unwrap();
        assert_eq!(State::read(&path), Some(State::default()));
    }

    #[test]
    fn one_model_after_the_other_arrives_and_then_it_is_tried() {
        let mut state = State::default();
        state.go(SetupStep::Download, vec!["a".to_owned(), "b".to_owned()]);
        state.arrived("a");
        assert_eq!(
            (state.step, state.downloads.as_slice()),
            (SetupStep::Download, &["b".to_owned()][..])
        );
        state.arrived("b");
        assert_eq!((state.step, state.downloads.len()), (SetupStep::SelfTest, 0));
        assert!(!state.finished);
        state.go(SetupStep::Done, vec!["c".to_owned()]);
        assert!(state.finished && state.downloads.is_empty());
        state.go(SetupStep::Choose, Vec::new());
        assert!(state.finished, "called again by hand, it is not offered by itself");
    }
}
