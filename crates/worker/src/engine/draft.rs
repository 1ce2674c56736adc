//! The draft model next to the loaded one: loads it, checks whether it can draft for the loaded
//! model, and unloads it. It takes the memory that the loaded model leaves and never gets in its
//! way.

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use localcoder_protocol::{
    ErrorAction, ErrorCode, ErrorInfo, LoadDraftAnswer, LoadDraftParams, LoadProfile,
};
use localcoder_transport::handover::Handed;

use super::file::{inspect, not_given, unchanged};
use super::{CPU, Engine, no_model};
use crate::generate::DraftModel;
use crate::llama::{Log, MemoryKind, Model};

const OUTPUTS: u32 = 1;

impl Engine {
    /// Loads a draft model in place of the previous one. It gets the threads, the device and the
    /// window of the loaded model: it reads the same prompts, while that model waits for it. A
    /// failure leaves the loaded model as it is; the previous draft model is gone by then, unless
    /// the file was refused by its first look.
    ///
    /// # Errors
    /// No model is loaded, the file can't be loaded, or the model can't draft for the loaded one.
    pub(super) fn load_draft(
        &mut self,
        params: &LoadDraftParams,
        given: Option<Handed>,
    ) -> Result<LoadDraftAnswer, ErrorInfo> {
        let path = Path::new(&params.model_ref);
        let given = given.ok_or_else(|| not_given(path))?;
        inspect(path, &given)?;
        self.unload_draft();
        let loaded = self.loaded.as_ref().ok_or_else(no_model)?;
        // What was granted, not what was asked for: the loaded model may have been trained for
        // less.
        let profile = LoadProfile { context_tokens: loaded.window(), ..loaded.profile() };
        let (threads, gpu) = (loaded.threads(), loaded.device() != CPU);
        let target = Arc::clone(&loaded.model);
        let started = Instant::now();
        let model = Arc::new(self.load_model(path, &given.file, profile)?);
        unchanged(path, &given)?;
        can_draft(path, &model, &target)?;
        let session = self.make_session(&model, profile, threads, gpu, OUTPUTS)?;
        let draft = DraftModel::new(session, model, params.when).map_err(|error| {
            let message = format!("the draft model `{}` can't compute", path.display());
            ErrorInfo::new(ErrorCode::ModelLoadFailed, message).with_cause(format!("{error:?}"))
        })?;
        let step_us = std::time::Duration::from_secs_f64(draft.step_ms() / 1e3).as_micros();
        if let Some(loaded) = self.loaded.as_mut() {
            loaded.draft = Some(draft);
        }
        Ok(LoadDraftAnswer {
            worker: self.shared.worker(),
            memory: Log::lines().memory(),
            step_us: u64::try_from(step_us).unwrap_or(u64::MAX),
            load_ms: u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX),
        })
    }

    pub(super) fn unload_draft(&mut self) {
        if let Some(loaded) = self.loaded.as_mut() {
            loaded.draft = None;
        }
    }
}

fn can_draft(path: &Path, model: &Model, target: &Model) -> Result<(), ErrorInfo> {
    let cause = if model.memory_kind() != MemoryKind::Cells {
        "it folds what it reads into a state, from which a wrong guess can't be taken back"
            .to_owned()
    } else if let Some(token) = model.first_other_token(target) {
        format!(
            "its vocabulary is another one: token {token} is {:?}, and {:?} in the loaded model",
            model.token_name(token),
            target.token_name(token)
        )
    } else {
        return Ok(());
    };
    let message = format!("the model `{}` can't draft for the loaded one", path.display());
    Err(ErrorInfo::new(ErrorCode::ModelUnsupported, message)
        .with_cause(cause)
        .with_hint("name a smaller model of the same family in `localcoder.draftModel`, or `off`")
        .with_action_on(ErrorAction::OpenSettings, "draftModel"))
}
