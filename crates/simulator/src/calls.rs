//! What a worker makes of a call: how long it takes and how it ends is drawn here, from the fault
//! plan. Nothing is sent to the host yet.

use localcoder_protocol::ErrorCode;
use localcoder_transport::{Id, Message};
use serde_json::Value;

use crate::broken::{Outcome, breach};
use crate::faults::Fault;
use crate::marks;
use crate::steps::is_unwatched;
use crate::store::{self, Content, SPECS};
use crate::worker::{Call, Ending, Method, Resident};
use crate::world::World;
use crate::world_event::WorldEvent;

const METHODS: &[(&str, Method)] = &[
    ("hello", Method::Hello),
    ("devices", Method::Devices),
    ("loadModel", Method::Load),
    ("unloadModel", Method::Unload),
    ("loadDraft", Method::LoadDraft),
    ("unloadDraft", Method::UnloadDraft),
    ("countTokens", Method::Count),
    ("generate", Method::Generate),
    ("savePrefix", Method::Save),
    ("restorePrefix", Method::Restore),
    ("cancel", Method::Cancel),
];

impl World {
    pub(crate) fn worker_is_asked(&mut self, generation: u64, message: Message) -> Outcome {
        let Message::Request { id: Id::Number(id), method, params } = message else {
            return breach("protocol", format!("worker {generation} is sent no call: {message:?}"));
        };
        let method = METHODS.iter().find(|(name, _)| *name == method).map(|(_, method)| *method);
        let Some(method) = method else {
            return breach("protocol", "a worker is asked what there is not");
        };
        // Before the worker reacts: the check goes by what the host could know when it asked.
        self.check_asked(generation, method, &params)?;
        let Some(worker) = self.workers.get_mut(&generation) else { return Ok(()) };
        if worker.calls.iter().all(|call| is_unwatched(call.method)) {
            worker.sign_ms = self.now_ms;
        }
        // The host may not know yet that the worker is dead or frozen, so the call is recorded
        // though nothing will come of it: a silent worker with a call is one that must be killed.
        let deaf = !worker.alive || worker.silent;
        let mut call = Call {
            id,
            method,
            ending: Ending::Fine,
            steps: 0,
            reads: 0,
            done: 0,
            pace_ms: 0,
            stalled: false,
            cancelled_ms: None,
            mark: 0,
            texts: Vec::new(),
            useless: false,
        };
        let after_ms = if deaf { 0 } else { self.draw_course(generation, &mut call, &params) };
        let Some(worker) = self.workers.get_mut(&generation) else { return Ok(()) };
        let after_ms = after_ms * worker.slow;
        call.pace_ms *= worker.slow;
        worker.calls.push(call);
        if deaf {
            return Ok(());
        }
        self.later(after_ms, WorldEvent::WorkerSteps { generation, call: id });
        self.begins_to_beat(generation);
        Ok(())
    }

    /// Draws how the call will go; returns the time until its first step.
    fn draw_course(&mut self, generation: u64, call: &mut Call, params: &Value) -> u64 {
        match call.method {
            Method::Hello => self.draw_greeting(call),
            Method::Devices => {
                let faults = [
                    (Fault::DevicesFail, Ending::Fails(ErrorCode::Internal)),
                    (Fault::DevicesDie, Ending::Dies),
                    (Fault::DevicesNever, Ending::Silent),
                ];
                call.ending = self.draw_ending(&faults);
                self.random.up_to_ms(800)
            }
            Method::Load => self.draw_load(generation, call, params),
            Method::Unload => {
                let faults = [
                    (Fault::UnloadDies, Ending::Dies),
                    (Fault::UnloadSilent, Ending::Silent),
                    (Fault::UnloadFails, Ending::Fails(ErrorCode::Internal)),
                ];
                call.ending = self.draw_ending(&faults);
                self.random.up_to_ms(300)
            }
            Method::LoadDraft => {
                let faults = [
                    (Fault::LoadDies, Ending::Dies),
                    (Fault::LoadFails, Ending::Fails(ErrorCode::ModelLoadFailed)),
                    (Fault::LoadOutOfMemory, Ending::Fails(ErrorCode::OutOfMemory)),
                    (Fault::LoadSilent, Ending::Silent),
                    (Fault::LoadNonsense, Ending::Nonsense),
                ];
                call.ending = self.draw_ending(&faults);
                self.random.up_to_ms(2_000)
            }
            Method::UnloadDraft => self.random.up_to_ms(50),
            Method::Count => {
                let faults = [
                    (Fault::CountDies, Ending::Dies),
                    (Fault::CountSilent, Ending::Silent),
                    (Fault::CountFails, Ending::Fails(ErrorCode::Internal)),
                    (Fault::CountNonsense, Ending::Nonsense),
                    (Fault::CountLost, Ending::Lost),
                ];
                call.ending = self.draw_ending(&faults);
                let texts = params["texts"].as_array().into_iter().flatten();
                call.texts = texts.map(|it| it.as_str().map_or(0, str::len)).collect();
                self.random.up_to_ms(50)
            }
            Method::Generate => self.draw_writing(call, params),
            Method::Save => {
                let faults = [
                    (Fault::SaveFails, Ending::Fails(ErrorCode::Internal)),
                    (Fault::SaveSilent, Ending::Silent),
                ];
                call.ending = self.draw_ending(&faults);
                self.random.up_to_ms(30)
            }
            Method::Restore => {
                let faults = [
                    (Fault::RestoreFails, Ending::Fails(ErrorCode::Internal)),
                    (Fault::RestoreSilent, Ending::Silent),
                    (Fault::RestoreDies, Ending::Dies),
                ];
                call.ending = self.draw_ending(&faults);
                self.random.up_to_ms(30)
            }
            Method::Cancel => self.draw_stop(generation, params["requestId"].as_i64()),
        }
    }

    fn draw_ending(&mut self, faults: &[(Fault, Ending)]) -> Ending {
        let struck = faults.iter().find(|(fault, _)| self.strikes(*fault));
        struck.map_or(Ending::Fine, |(_, ending)| *ending)
    }

    fn draw_greeting(&mut self, call: &mut Call) -> u64 {
        let faults = [
            (Fault::HelloDies, Ending::Dies),
            (Fault::HelloNever, Ending::Silent),
            (Fault::HelloNonsense, Ending::Nonsense),
            // The text tells it apart from nonsense.
            (Fault::HelloOther, Ending::Lost),
        ];
        call.ending = self.draw_ending(&faults);
        self.random.up_to_ms(1_000)
    }

    fn draw_load(&mut self, generation: u64, call: &mut Call, params: &Value) -> u64 {
        self.tally.loads += 1;
        call.steps = self.random.below(4);
        call.pace_ms = self.random.up_to_ms(2_000);
        let model = params["modelRef"].as_str().and_then(store::index_of).unwrap_or(0);
        let profile = &params["profile"];
        let number = |key: &str| profile[key].as_u64().and_then(|it| u32::try_from(it).ok());
        let window = number("contextTokens").unwrap_or(512).min(SPECS[model].trained_tokens);
        let batch = number("batchTokens").unwrap_or(256);
        let memory = store::memory_of(model, window, batch, profile["kv"] == "q8_0");
        let on_gpu = self.gpu && profile["gpuLayers"] != 0;
        if let Some(worker) = self.workers.get_mut(&generation) {
            let resident = Resident { model, memory, window, on_gpu, loaded: false };
            worker.resident = Some(resident);
        }
        let gpu_faults = [
            (Fault::LoadDiesOnGpu, Ending::Dies),
            (Fault::LoadFailsOnGpu, Ending::Fails(ErrorCode::ModelLoadFailed)),
        ];
        let faults = [
            (Fault::LoadDies, Ending::Dies),
            (Fault::LoadFails, Ending::Fails(ErrorCode::ModelLoadFailed)),
            (Fault::LoadOutOfMemory, Ending::Fails(ErrorCode::OutOfMemory)),
            (Fault::LoadSilent, Ending::Silent),
            (Fault::LoadStalls, Ending::Stalls),
            (Fault::LoadNonsense, Ending::Nonsense),
            (Fault::LoadLost, Ending::Lost),
        ];
        if self.store.contents[model] == Content::Fine {
            let damaged = self.strikes(Fault::LoadDamaged);
            if damaged || self.strikes(Fault::LoadUnsupported) {
                // It stays that way until the file is replaced.
                self.store.contents[model] =
                    if damaged { Content::Damaged } else { Content::Unsupported };
            }
        }
        call.ending = match self.store.contents[model] {
            Content::Damaged => Ending::Fails(ErrorCode::ModelDamaged),
            Content::Unsupported => Ending::Fails(ErrorCode::ModelUnsupported),
            Content::Fine => match self.draw_ending(&faults) {
                // Only where nothing else went wrong, so that a retry on the CPU can succeed.
                Ending::Fine if on_gpu => self.draw_ending(&gpu_faults),
                ending => ending,
            },
        };
        self.random.up_to_ms(500)
    }

    fn draw_writing(&mut self, call: &mut Call, params: &Value) -> u64 {
        let prompt = &params["prompt"];
        let said = prompt["messages"].as_array().and_then(|messages| messages.last());
        let said = said.map_or(&prompt["text"], |message| &message["content"]);
        call.mark = said.as_str().and_then(marks::request_in).unwrap_or(0);
        let writes = params["maxTokens"] != 0;
        call.reads = self.random.below(3);
        call.steps = call.reads + if writes { self.random.between(1, 5) } else { 0 };
        call.pace_ms = self.random.up_to_ms(400);
        call.useless = self.strikes(Fault::WriteUseless);
        let faults = [
            (Fault::PrefillDies, Ending::Dies),
            (Fault::DecodeDies, Ending::Dies),
            (Fault::WriteSilent, Ending::Silent),
            (Fault::WriteStalls, Ending::Stalls),
            (Fault::WriteOutOfMemory, Ending::Fails(ErrorCode::OutOfMemory)),
            (Fault::WriteFails, Ending::Fails(ErrorCode::GenerateFailed)),
            (Fault::WriteNonsense, Ending::Nonsense),
            (Fault::WriteLost, Ending::Lost),
        ];
        let struck = faults.iter().find(|(fault, _)| self.strikes(*fault));
        if let Some((fault, ending)) = struck {
            call.ending = *ending;
            if *fault == Fault::PrefillDies {
                // Within the steps that read, so that it dies before the first token.
                call.steps = self.random.below(call.reads + 1);
            }
        }
        self.random.up_to_ms(300)
    }

    /// A call must stop; returns how long the answer to that takes.
    fn draw_stop(&mut self, generation: u64, target: Option<i64>) -> u64 {
        let (dies, ignored) = (self.strikes(Fault::CancelDies), self.strikes(Fault::CancelIgnored));
        let slow = self.strikes(Fault::CancelSlow);
        let now = self.now_ms;
        let ms = if slow { self.random.between(2_000, 8_500) } else { self.random.up_to_ms(300) };
        let Some(worker) = self.workers.get_mut(&generation) else { return 0 };
        let Some(call) = worker.calls.iter_mut().find(|call| Some(call.id) == target) else {
            return 1;
        };
        // The first cancel counts: a second one does not give the worker more time to stop.
        call.cancelled_ms.get_or_insert(now);
        if dies {
            self.later(ms, WorldEvent::WorkerDies(generation));
        } else if !ignored && !call.stalled && call.ending != Ending::Lost {
            // The call stops at its next step.
            call.steps = call.done;
            call.ending = match call.ending {
                ending @ (Ending::Silent | Ending::Stalls) => ending,
                _ => Ending::Fails(ErrorCode::Cancelled),
            };
            let call = call.id;
            self.later(ms, WorldEvent::WorkerSteps { generation, call });
        }
        1
    }
}
