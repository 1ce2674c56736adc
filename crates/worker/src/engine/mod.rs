//! The thread that computes: it owns the model and does one job after another. It may wait for
//! llama.cpp and for the host; the reader's thread never waits for it.

mod draft;
mod file;
mod load;
mod prefix;
mod repacking;
mod score;
mod session;
mod threads;

use load::CPU;
pub(crate) use load::{Loaded, look_at_processors};
pub(crate) use session::{Session, SessionError};

use std::fs::File;
use std::sync::Arc;

use crossbeam_channel::{Receiver, select_biased};
use localcoder_protocol::{
    CountTokens, CountTokensAnswer, CountTokensParams, Device, Devices, DevicesAnswer, ErrorCode,
    ErrorInfo, LoadDraft, LoadDraftParams, LoadModel, LoadModelParams, Nothing, RestorePrefix,
    RestorePrefixParams, SavePrefix, SavePrefixParams, ScoreText, ScoreTextParams, UnloadDraft,
    UnloadModel, WorkerGenerate, WorkerGenerateParams,
};
use localcoder_transport::handover::Handed;
use localcoder_transport::{Id, Message};

use crate::generate::generate;
use crate::llama::{Backend, Log};
use crate::server::Shared;

#[derive(Debug)]
pub(crate) enum Job {
    Devices,
    Load(LoadModelParams, Option<Handed>),
    LoadDraft(LoadDraftParams, Option<Handed>),
    UnloadDraft,
    Score(ScoreTextParams),
    Unload,
    Count(CountTokensParams),
    SavePrefix(SavePrefixParams),
    RestorePrefix(RestorePrefixParams),
    Generate(WorkerGenerateParams),
}

/// Does jobs in order of arrival until the server is gone. Between two jobs it takes over repacked
/// weights once they are loaded: in the middle of a job a session and its model must not be
/// replaced.
pub(crate) fn run(shared: &Arc<Shared>, jobs: &Receiver<(Id, Job)>, exchange: Option<File>) {
    let (backend, shared) = (Backend::init(), Arc::clone(shared));
    let mut engine = Engine { backend, shared: Arc::clone(&shared), exchange, loaded: None };
    loop {
        let repacked = engine.repacked();
        // Biased: a request that waits goes before the takeover, which copies states of the whole
        // session.
        select_biased! {
            recv(jobs) -> job => {
                let Ok((id, job)) = job else { return };
                // Errors of an earlier job must not explain a failure of this one.
                Log::begin();
                let answer = engine.answer(id, job);
                shared.send(answer);
                shared.job_ended();
            }
            recv(repacked) -> outcome => {
                if let Ok(outcome) = outcome {
                    engine.take_over(outcome);
                }
            }
        }
    }
}

struct Engine {
    backend: Backend,
    shared: Arc<Shared>,
    /// The file for data that is too large for a message between host and worker.
    exchange: Option<File>,
    loaded: Option<Loaded>,
}

impl Engine {
    fn answer(&mut self, id: Id, job: Job) -> Message {
        match job {
            Job::Devices => Message::answer::<Devices>(id, Ok(self.devices())),
            Job::Load(params, given) => Message::answer::<LoadModel>(id, self.load(params, given)),
            Job::LoadDraft(params, given) => {
                Message::answer::<LoadDraft>(id, self.load_draft(&params, given))
            }
            Job::UnloadDraft => {
                self.unload_draft();
                Message::answer::<UnloadDraft>(id, Ok(Nothing {}))
            }
            Job::Score(params) => Message::answer::<ScoreText>(id, self.score(&params)),
            Job::Unload => {
                self.unload();
                Message::answer::<UnloadModel>(id, Ok(Nothing {}))
            }
            Job::Count(params) => Message::answer::<CountTokens>(id, self.count(&params)),
            Job::SavePrefix(params) => Message::answer::<SavePrefix>(id, self.save_prefix(&params)),
            Job::RestorePrefix(params) => {
                Message::answer::<RestorePrefix>(id, self.restore_prefix(&params))
            }
            Job::Generate(params) => {
                let answer = match &mut self.loaded {
                    Some(loaded) => generate(&self.shared, loaded, &params),
                    None => Err(no_model()),
                };
                // Before the answer goes out: the host may send the next one as soon as it comes.
                self.shared.generation_ended();
                Message::answer::<WorkerGenerate>(id, answer)
            }
        }
    }

    fn devices(&self) -> DevicesAnswer {
        let devices = self.backend.devices().into_iter().map(|found| Device {
            name: found.name,
            description: found.description,
            gpu: found.gpu,
            memory_bytes: found.memory_bytes,
        });
        DevicesAnswer { worker: self.shared.worker(), devices: devices.collect() }
    }

    fn unload(&mut self) {
        self.shared.set_loaded(false);
        self.loaded = None;
    }

    fn count(&self, params: &CountTokensParams) -> Result<CountTokensAnswer, ErrorInfo> {
        let loaded = self.loaded.as_ref().ok_or_else(no_model)?;
        let count = |text: &String| {
            u32::try_from(loaded.model.tokenize(text, false).len()).unwrap_or(u32::MAX)
        };
        Ok(CountTokensAnswer {
            worker: self.shared.worker(),
            counts: params.texts.iter().map(count).collect(),
        })
    }
}

fn no_model() -> ErrorInfo {
    ErrorInfo::new(ErrorCode::NoModel, "no model is loaded")
        .with_hint("load a model first; if it was loaded, its worker was replaced: try again")
}
