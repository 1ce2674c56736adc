//! A worker continues a call: progress, tokens, and the end that was drawn for it.

use localcoder_protocol::{BUILD_ID, ErrorInfo, WORKER_VERSION, WorkerId};
use serde_json::{Value, json};

use crate::broken::Outcome;
use crate::faults::Fault;
use crate::marks;
use crate::store;
use crate::worker::{Call, Ending, Method, Worker, answer, notification, token};
use crate::world::World;
use crate::world_event::WorldEvent;

impl World {
    pub(crate) fn worker_steps(&mut self, generation: u64, id: i64) -> Outcome {
        self.says_stray_things(generation)?;
        let Some(worker) = self.workers.get_mut(&generation) else { return Ok(()) };
        let Some(at) = worker.calls.iter().position(|call| call.id == id) else { return Ok(()) };
        if !worker.alive || worker.silent || worker.calls[at].stalled {
            return Ok(());
        }
        if worker.calls[at].done >= worker.calls[at].steps {
            return self.worker_ends_call(generation, at);
        }
        worker.calls[at].done += 1;
        let worker_id = worker.id();
        let (call, pace_ms) = (&worker.calls[at], worker.calls[at].pace_ms);
        let message = progress(worker_id, call);
        self.later(pace_ms + 1, WorldEvent::WorkerSteps { generation, call: id });
        self.says(generation, message)
    }

    fn worker_ends_call(&mut self, generation: u64, at: usize) -> Outcome {
        let gpu = self.gpu;
        let Some(worker) = self.workers.get_mut(&generation) else { return Ok(()) };
        let (method, ending, id) =
            (worker.calls[at].method, worker.calls[at].ending, worker.calls[at].id);
        let result = match ending {
            Ending::Dies => {
                self.worker_dies(generation);
                return Ok(());
            }
            Ending::Silent => {
                self.worker_freezes(generation);
                return Ok(());
            }
            Ending::Stalls => {
                worker.calls[at].stalled = true;
                return Ok(());
            }
            Ending::Lost if method != Method::Hello => {
                worker.calls[at].stalled = true;
                let wrong = answer(id + 1_000, Ok(json!({"worker": worker.id()})));
                return self.says(generation, wrong);
            }
            Ending::Fails(code) => Err(ErrorInfo::new(code, "a fault of the simulator")),
            Ending::Nonsense => Ok(json!({"worker": "none", "counts": 7})),
            Ending::Fine | Ending::Lost => Ok(good_answer(worker, at, gpu)),
        };
        // Before the answer is sent: the host may ask for the next thing while it handles the
        // answer, and the checks then look at what the worker holds.
        self.note_end(generation, method, ending);
        let Some(worker) = self.workers.get_mut(&generation) else { return Ok(()) };
        // Removed first for the same reason: the check of kills must not see an answered call.
        worker.calls.remove(at);
        self.says(generation, answer(id, result))?;
        self.rests_badly(generation);
        Ok(())
    }

    fn note_end(&mut self, generation: u64, method: Method, ending: Ending) {
        let Some(worker) = self.workers.get_mut(&generation) else { return };
        match (method, ending) {
            (Method::Hello, Ending::Fine) => {}
            // The worker can't be used, or may still hold its memory.
            (Method::Hello, _)
            | (Method::Unload, Ending::Fails(_))
            | (Method::Load, Ending::Nonsense) => worker.refused = true,
            (Method::Load, Ending::Fine) => {
                worker.draft = None;
                if let Some(resident) = &mut worker.resident {
                    resident.loaded = true;
                }
            }
            (Method::Load, Ending::Fails(code)) => {
                let tried = worker.resident.take().map(|it| it.model);
                self.loads.failed(tried, code);
            }
            (Method::LoadDraft, Ending::Fine) => worker.draft = Some(store::draft_memory()),
            (Method::UnloadDraft, Ending::Fine) => worker.draft = None,
            (Method::Unload, Ending::Fine) => (worker.resident, worker.draft) = (None, None),
            _ => {}
        }
    }

    fn rests_badly(&mut self, generation: u64) {
        let works = self.workers.get(&generation).is_none_or(Worker::has_work);
        if works {
            return;
        }
        if self.strikes(Fault::IdleDies) {
            let ms = self.random.up_to_ms(5_000);
            self.later(ms, WorldEvent::WorkerDies(generation));
        } else if self.strikes(Fault::IdleSilent) {
            self.worker_freezes(generation);
        }
    }

    /// Sends messages that belong to nothing; they must change nothing.
    fn says_stray_things(&mut self, generation: u64) -> Outcome {
        let said = self.random.between(1, 6);
        let (other, nothing) = (self.strikes(Fault::StrayToken), self.strikes(Fault::StrayAnswer));
        let nonsense = self.strikes(Fault::StrayNonsense);
        if !(other || nothing || nonsense) {
            return Ok(());
        }
        let Some(worker) = self.workers.get(&generation) else { return Ok(()) };
        if !worker.alive || worker.silent || !worker.reported_up {
            return Ok(());
        }
        let (id, newest) = (worker.id(), worker.calls.iter().map(|call| call.id).max());
        // An id that none of its own calls has, past or future: a message about calls of others
        // must change nothing.
        let wrong = (newest.unwrap_or(1).unsigned_abs() + 3).saturating_sub(said);
        let own = worker.calls.iter().any(|call| call.id.unsigned_abs() == wrong);
        if other && !own {
            let text = format!("{} stray ", marks::of_request(u64::MAX));
            self.says(generation, token(id, wrong, &text))?;
        }
        if nothing && !own {
            let wrong = i64::try_from(wrong).unwrap_or(0) + 100;
            self.says(generation, answer(wrong, Ok(json!({}))))?;
        }
        if nonsense {
            let params = json!({"worker": id, "fraction": "much", "text": 5, "requestId": null});
            for method in ["token", "loadProgress", "prefillProgress", "heartbeat", "unknown"] {
                self.says(generation, notification(method, params.clone()))?;
            }
        }
        Ok(())
    }
}

/// Whether the host does not notice that a worker freezes during this call: a cancel alone is not
/// watched, only the call that it stops.
pub(crate) fn is_unwatched(method: Method) -> bool {
    method == Method::Cancel
}

fn progress(worker: WorkerId, call: &Call) -> localcoder_transport::Message {
    match call.method {
        Method::Generate if call.done > call.reads => {
            // One line of code per token, so that the text may be an edit, too.
            let (request, own) =
                (marks::of_request(call.mark), marks::of_call(call.id.unsigned_abs()));
            let line = match call.done - call.reads {
                _ if call.useless => format!("Sure, {request} {own} "),
                1 => format!("def {request}(x): # {own}\n"),
                _ => format!("    return x # {request} {own}\n"),
            };
            token(worker, call.id.unsigned_abs(), &line)
        }
        Method::Generate => {
            let params = json!({
                "worker": worker, "requestId": call.id, "doneTokens": call.done,
                "totalTokens": call.reads,
            });
            notification("prefillProgress", params)
        }
        _ => {
            let params =
                json!({"worker": worker, "fraction": call.done as f64 / (call.steps + 1) as f64});
            notification("loadProgress", params)
        }
    }
}

fn good_answer(worker: &Worker, at: usize, gpu: bool) -> Value {
    let (id, call) = (worker.id(), &worker.calls[at]);
    match call.method {
        Method::Hello => json!({
            // A worker of another version answers correctly as well.
            "workerVersion": WORKER_VERSION + u32::from(call.ending == Ending::Lost),
            "buildId": BUILD_ID, "pid": worker.pid(), "llamaBuild": "simulated", "worker": id,
        }),
        Method::Devices => {
            let mut devices = vec![
                json!({"name": "CPU", "description": "a processor", "gpu": false, "memoryBytes": 0}),
            ];
            if gpu {
                devices.insert(0, json!({
                    "name": "GPU", "description": "a GPU", "gpu": true, "memoryBytes": 8_000_000_000_u64,
                }));
            }
            json!({"worker": id, "devices": devices})
        }
        Method::Load => {
            let Some(resident) = &worker.resident else { return json!({}) };
            json!({
                "worker": id, "contextTokens": resident.window, "threads": 2, "loadMs": 5,
                "device": if resident.on_gpu { "GPU" } else { "CPU" }, "memory": resident.memory,
            })
        }
        Method::LoadDraft => json!({
            "worker": id, "memory": store::draft_memory(), "stepUs": 900, "loadMs": 5,
        }),
        Method::Unload | Method::UnloadDraft => json!({}),
        Method::Count => {
            let counts: Vec<usize> = call.texts.iter().map(|bytes| bytes / 3 + 1).collect();
            json!({"worker": id, "counts": counts})
        }
        Method::Generate => json!({
            "worker": id, "finish": "endOfTurn", "heldTokens": 7,
            "measured": {"repackingPays": true, "stepCosts": [{"rows": 1, "timeUs": 900}]},
            "usage": {
                "promptTokens": 90, "cachedTokens": 10, "generatedTokens": 20, "prefillMs": 50.0,
                "decodeMs": 100.0 + (call.id % 7) as f64 * 500.0, "rounds": 9, "draftedTokens": 4,
                "acceptedTokens": 3,
            },
        }),
        Method::Save | Method::Restore => json!({"worker": id, "tokens": 27, "bytes": 99}),
        Method::Cancel => json!({"found": true}),
    }
}
