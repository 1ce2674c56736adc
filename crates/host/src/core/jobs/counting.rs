//! What the ledger counts of an edit: names from our own tables, and nothing of the text.

use localcoder_assist::Task;
use localcoder_protocol::{DEMO, EditAnswer, EditId};
use localcoder_settings::Settings;

use super::step::ModelView;
use crate::ledger::{About, Shown, model_name};

#[derive(Debug, Clone, Default)]
pub(in crate::core) struct Counting {
    pub(super) edit_id: EditId,
    profile: &'static str,
    is_on: bool,
}

impl Counting {
    pub(in crate::core) fn new(edit_id: EditId, settings: &Settings) -> Self {
        let profile = settings.profile.public_name();
        Self { edit_id, profile, is_on: settings.ledger }
    }

    /// The entry for the ledger, if an answer is an edit that the user is shown, and edits are
    /// counted.
    pub(super) fn shown(
        &self,
        task: &Task,
        model: ModelView<'_>,
        answer: &EditAnswer,
    ) -> Option<Box<Shown>> {
        // There is nothing that the user could keep or drop.
        if !self.is_on || answer.unchanged {
            return None;
        }
        let file = model.file;
        let of_header = || file.header.as_ref().and_then(|header| header.name.as_deref());
        let about = About {
            command: task.spec().id.to_owned(),
            instructed: task.is_instructed(),
            model: match &file.pinned {
                _ if file.info.demo => DEMO.to_owned(),
                Some(pinned) => pinned.id.clone(),
                // The name in the header, not the file's: a user may have called the file anything.
                None => model_name(of_header()),
            },
            sha256: file.pinned.as_ref().map(|pinned| pinned.sha256.clone()),
            prompt: model.prompts().label(),
            language: task.language().to_owned(),
            profile: self.profile.to_owned(),
        };
        Some(Box::new(Shown {
            edit_id: self.edit_id.clone(),
            about,
            attempts: answer.attempts,
            unsure: answer.unsure.is_some(),
        }))
    }
}
