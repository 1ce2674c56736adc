//! Invariant 8: the host's status is true, and reports what is lower than the settings ask for.

use serde_json::Value;

use crate::broken::{Outcome, breach};
use crate::store::{self, SPECS};
use crate::worker::Worker;
use crate::world::World;

const TRUE: &str = "inv 8: what is reported is true";
const REPORTED: &str = "inv 8: what is lowered is reported";

const WORDS: &[(&str, &[&str])] = &[
    ("window", &["window"]),
    ("batch", &["smaller steps", "batch", "tokens at a time"]),
    ("cache", &["cache", "KV", "8 bit"]),
    ("CPU", &["CPU"]),
];

impl World {
    pub(crate) fn check_status(&mut self, status: &Value) -> Outcome {
        let notes: Vec<&str> =
            status["notes"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        let model = status["model"]["reference"].as_str().and_then(store::index_of);
        self.check_residents(status)?;
        let numbers = (status["clients"].as_u64(), status["requests"].as_u64());
        let (clients, requests) = (self.clients.count() as u64, self.requests.wanted() as u64);
        if numbers != (Some(clients), Some(requests)) {
            let text = format!(
                "(clients, requests) are reported as {numbers:?}, but there are {clients} and \
                 {requests}"
            );
            return breach(TRUE, text);
        }
        let Some(model) = model else { return Ok(()) };
        let window = status["contextTokens"].as_u64().unwrap_or(0);
        let trained = u64::from(SPECS[model].trained_tokens);
        let says_trained = notes.iter().any(|note| note.contains("trained for no more"));
        if says_trained && window < trained {
            let text = format!("{window} tokens of {trained}: {notes:?}");
            return breach(TRUE, text);
        }
        let holds = |worker: &&Worker| {
            worker.alive && worker.resident.is_some_and(|it| it.model == model && it.loaded)
        };
        let Some(worker) = self.workers.values().find(holds) else { return Ok(()) };
        // The settings have changed since the load: what was lower then may be what is asked for
        // now.
        if worker.lowered_under != self.loads.settings {
            return Ok(());
        }
        for what in &worker.lowered {
            let words = WORDS.iter().find(|(it, _)| it == what).map_or(&[][..], |(_, words)| words);
            if !words.iter().any(|word| notes.iter().any(|note| note.contains(word))) {
                return breach(REPORTED, format!("{what}, and the notes are {notes:?}"));
            }
        }
        Ok(())
    }

    /// A model that is reported as loaded is loaded in the worker that is named.
    fn check_residents(&self, status: &Value) -> Outcome {
        for resident in status["residents"].as_array().into_iter().flatten() {
            let reference = resident["model"]["reference"].as_str().unwrap_or_default();
            let index = store::index_of(reference);
            let pid = resident["pid"].as_u64();
            // A worker that has ended still counts until its end is reported: the host can't know.
            let is_it =
                |worker: &&Worker| !worker.reported_gone && pid == Some(worker.pid().into());
            let holds = |worker: &Worker| {
                !worker.alive
                    || worker.resident.is_some_and(|it| it.loaded && Some(it.model) == index)
            };
            if !self.workers.values().find(is_it).is_some_and(holds) {
                return breach(TRUE, format!("`{reference}` is not loaded in {pid:?}"));
            }
        }
        Ok(())
    }
}
