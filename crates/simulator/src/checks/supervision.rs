//! Workers: one that hangs is killed in time, one that works never is, nothing is sent to a dead
//! one, and none is started over and over. Also, the host ends when it should and at no other time.

use std::collections::VecDeque;

use localcoder_protocol::limits::{
    RESTARTS_MAX_OF_ALL, RESTARTS_WITHIN_MS, SILENCE_MS, WORKER_START_MS,
};
use serde_json::Value;

use crate::broken::{Outcome, breach};
use crate::steps::is_unwatched;
use crate::worker::Method;
use crate::world::World;

const SPOKEN_TO: &str = "supervision: only a worker that runs is spoken to";
const FALSE_KILL: &str = "supervision: a worker that works is not killed";
const SILENCE: &str = "supervision: a worker without a sign of life is killed";
const STARTS: &str = "supervision: workers are not started over and over";

/// How late a silent worker may be killed. The system may wake the host late (by 40 ms at most) and
/// no event need come just at the deadline, so the check can't ask for the exact moment.
const SLACK_MS: u64 = 1_000;
/// A worker that does not stop is killed after this time, and not much earlier: a little under the
/// host's own limit, so that a kill at exactly that limit is not a false one.
const STOPS_WITHIN_MS: u64 = 9_900;
/// One for each slot, plus the restarts allowed within that time over all ways of running a model.
const STARTS_MAX: usize = 2 + RESTARTS_MAX_OF_ALL;

#[derive(Debug, Default)]
pub(crate) struct Supervision {
    /// When workers were started since a client last asked for something.
    starts_ms: VecDeque<u64>,
    failed_starts_ms: VecDeque<u64>,
    last_generation: u64,
    /// Whether a client, or the system, wants the host to end. From then on kills need no reason,
    /// and requests may fail with `draining`.
    pub(crate) may_exit: bool,
    /// Workers that ended, or did not start.
    pub(crate) ended: u64,
}

impl Supervision {
    pub(crate) fn wanted(&mut self) {
        self.starts_ms.clear();
        self.failed_starts_ms.clear();
    }
}

fn note_start(starts_ms: &mut VecDeque<u64>, now_ms: u64) -> Outcome {
    starts_ms.push_back(now_ms);
    while starts_ms.front().is_some_and(|at| at + RESTARTS_WITHIN_MS < now_ms) {
        starts_ms.pop_front();
    }
    if starts_ms.len() > STARTS_MAX {
        return breach(STARTS, format!("{} within five minutes, unasked", starts_ms.len()));
    }
    Ok(())
}

impl World {
    pub(crate) fn check_start(&mut self, generation: u64) -> Outcome {
        let now = self.now_ms;
        if generation <= self.supervision.last_generation {
            return breach(STARTS, format!("generation {generation} was there before"));
        }
        self.supervision.last_generation = generation;
        note_start(&mut self.supervision.starts_ms, now)?;
        let running = self.workers.values().filter(|worker| !worker.reported_gone).count();
        if running >= 2 {
            return breach("bounds: workers", format!("{running} run already"));
        }
        Ok(())
    }

    /// A worker could not be started. That is not a crash, and the waiting request gets its error
    /// at once, so it does not count against the restarts; but it must not be repeated endlessly.
    pub(crate) fn check_failed_start(&mut self) -> Outcome {
        self.supervision.ended += 1;
        // `check_start` has counted it already.
        self.supervision.starts_ms.pop_back();
        note_start(&mut self.supervision.failed_starts_ms, self.now_ms)
    }

    pub(crate) fn check_asked(
        &mut self,
        generation: u64,
        method: Method,
        params: &Value,
    ) -> Outcome {
        let Some(worker) = self.workers.get(&generation) else {
            return breach(SPOKEN_TO, format!("worker {generation} was never started"));
        };
        if !worker.reported_up || worker.reported_gone {
            return breach(SPOKEN_TO, format!("worker {generation}, {method:?}"));
        }
        // A cancel or an unload may cross the kill, but new work for a worker that was given up
        // would be lost for certain.
        if worker.killed && matches!(method, Method::Load | Method::Generate | Method::Count) {
            return breach(
                SPOKEN_TO,
                format!("worker {generation} is killed and asked {method:?}"),
            );
        }
        match method {
            Method::Load => self.check_load(generation, params),
            Method::Generate => {
                let call = params["requestId"].as_i64().unwrap_or(0);
                let resident = worker.resident.filter(|it| it.loaded || !worker.alive);
                match resident {
                    Some(resident) => self.requests.writes(call, resident.model),
                    None if worker.alive => {
                        let text = format!("worker {generation} has no model and is to write");
                        return breach(SPOKEN_TO, text);
                    }
                    None => {}
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }

    pub(crate) fn check_kill(&mut self, generation: u64) -> Outcome {
        let Some(worker) = self.workers.get(&generation) else {
            return breach(SPOKEN_TO, format!("worker {generation} is killed and never ran"));
        };
        if worker.reported_gone {
            // The worker's start is reported after its end; it is killed to make sure.
            return Ok(());
        }
        let late = |since: u64| self.now_ms >= since + STOPS_WITHIN_MS;
        // A worker that loads can't be asked to end.
        if self.supervision.may_exit || self.clients.is_empty() || worker.stopping {
            return Ok(());
        }
        let bad = !worker.alive
            || worker.refused
            || worker.is_stalled()
            || (worker.silent && !worker.calls.is_empty())
            || worker.stops_since_ms().is_some_and(late);
        if bad {
            return Ok(());
        }
        let calls: Vec<Method> = worker.calls.iter().map(|call| call.method).collect();
        breach(FALSE_KILL, format!("worker {generation}, which works on {calls:?}"))
    }

    pub(crate) fn check_silence(&self) -> Outcome {
        for worker in self.workers.values() {
            let greets = worker.calls.iter().any(|call| call.method == Method::Hello);
            let limit = SLACK_MS + if greets { WORKER_START_MS } else { SILENCE_MS };
            // Time in which the machine slept or the host got no processor is not silence.
            let since = worker.sign_ms.max(self.woke_ms);
            let watched = worker.calls.iter().any(|call| !is_unwatched(call.method));
            let ends = worker.killed || worker.stopping || worker.reported_gone;
            let silent = worker.silent && watched && !ends;
            if silent && self.now_ms > since + limit {
                let calls: Vec<Method> = worker.calls.iter().map(|call| call.method).collect();
                let ms = self.now_ms - since;
                return breach(
                    SILENCE,
                    format!("worker {} for {ms} ms, with {calls:?}", worker.generation),
                );
            }
        }
        Ok(())
    }

    /// The host ends only without clients, or when a client wants it, and leaves no request
    /// unanswered.
    pub(crate) fn check_exit(&mut self) -> Outcome {
        if let Some(open) = self.requests.first_open() {
            return breach("exit: no request is left without an answer", open);
        }
        if !self.supervision.may_exit && !self.clients.is_empty() {
            return breach("exit", "the host ends, and no client has wanted it");
        }
        Ok(())
    }
}
