//! Draft models next to loaded ones: loading them, recording the result, and unloading them.

use localcoder_protocol::{
    DraftWhen, ErrorInfo, LoadDraft, LoadDraftAnswer, LoadDraftParams, Nothing, UnloadDraft,
};
use serde_json::Value;

use super::engine::{Call, Drafting};
use super::{Effect, Outcome, Pool, SlotId, read};
use crate::ModelFile;

impl Pool {
    pub(in crate::core) fn load_draft(
        &mut self,
        now_ms: u64,
        slot: SlotId,
        file: ModelFile,
        effects: &mut Vec<Effect>,
    ) {
        let model_ref = file.path.to_string_lossy().into_owned();
        let params = LoadDraftParams { model_ref, when: DraftWhen::Pays };
        self.call::<LoadDraft>(now_ms, slot, Call::LoadDraft, &params, effects);
        self.engines[slot].coming_draft = Some(file);
    }

    /// Unloads a draft model; the model that it drafts for stays.
    pub(in crate::core) fn unload_draft(
        &mut self,
        now_ms: u64,
        slot: SlotId,
        effects: &mut Vec<Effect>,
    ) {
        let engine = &mut self.engines[slot];
        // A draft model that is still being loaded is not wanted any more; its answer finds nothing
        // to be noted.
        engine.coming_draft = None;
        if let Some(loaded) = engine.loaded.as_mut() {
            loaded.draft = None;
        }
        self.call::<UnloadDraft>(now_ms, slot, Call::UnloadDraft, &Nothing {}, effects);
    }

    /// The result of loading a draft model. `None` if the model that it was for is gone.
    pub(super) fn draft_answered(
        &mut self,
        slot: SlotId,
        result: Result<Value, ErrorInfo>,
    ) -> Option<Outcome> {
        let engine = &mut self.engines[slot];
        let file = engine.coming_draft.take()?;
        let loaded = engine.loaded.as_mut()?;
        let error = match read::<LoadDraft>(result) {
            Ok(LoadDraftAnswer { memory, .. }) => {
                loaded.draft = Some(Drafting { file, memory });
                None
            }
            Err(error) => Some(error),
        };
        Some(Outcome::DraftLoaded(error.map(Box::new)))
    }
}
