//! The host is given an event, and its effects are carried out in the world: sent, started, killed,
//! kept. Effects that must not occur are caught on the way.

use std::path::PathBuf;

use localcoder_host::core::{Effect, Event, Help};

use crate::broken::{Outcome, breach};
use crate::checks::{self, bounds};
use crate::faults::Fault;
use crate::store::{SPECS, Spec};
use crate::worker::Worker;
use crate::world::World;
use crate::world_event::WorldEvent;

impl World {
    /// Gives the host an event, carries out the effects, and checks that everything holds. Does
    /// nothing if no host runs. May deliver further events before it returns, for settings that are
    /// read.
    pub(crate) fn deliver(&mut self, event: Event) -> Outcome {
        let Some(host) = self.host.as_mut() else { return Ok(()) };
        self.trace.say(self.now_ms, || format!("{event:?}"));
        self.tally.events += 1;
        let is_tick = matches!(event, Event::Tick);
        let mut effects = host.handle(self.now_ms, event);
        (self.tamper)(&mut effects);
        bounds::effects(&effects)?;
        // Looked up before the loop: a host that exits kills its workers first, and those kills are
        // earlier in the list than the exit that justifies them.
        let exits = effects.contains(&Effect::Exit);
        let mut said_exit = false;
        let mut read = Vec::new();
        for effect in effects {
            let is_sent = matches!(effect, Effect::Reply { .. } | Effect::Notify(..));
            if !(is_tick && is_sent && self.clients.is_empty()) {
                self.trace.say(self.now_ms, || format!("    → {effect:?}"));
            }
            if said_exit && !is_kept(&effect) {
                return breach("exit", format!("after it said so the host wants {effect:?}"));
            }
            said_exit |= effect == Effect::Exit;
            if let Effect::ReadSettings { client, id } = effect {
                // The answer is an event of its own, which the host may only get when it has
                // finished with this one; delivered inside the loop it would overtake the remaining
                // effects.
                read.push((client, id));
                continue;
            }
            self.apply(effect, exits)?;
        }
        if said_exit {
            self.check_exit()?;
            self.host_is_gone();
            return Ok(());
        }
        checks::after_event(self)?;
        for (client, id) in read {
            let contents = Box::new(self.disk.file_settings.clone().into());
            self.deliver(Event::SettingsRead { client, id, contents })?;
        }
        Ok(())
    }

    fn apply(&mut self, effect: Effect, exits: bool) -> Outcome {
        match effect {
            Effect::Reply { .. } | Effect::Notify(..) => match effect.message() {
                Some((client, message)) => self.client_is_sent(client, message),
                None => Ok(()),
            },
            Effect::Close(client) => self.client_is_closed(client),
            Effect::InspectModel { references } => {
                let slow = self.strikes(Fault::DiskSlow);
                let ms = self.random.up_to_ms(if slow { 20_000 } else { 60 });
                self.later(ms, WorldEvent::Inspected(references));
                Ok(())
            }
            Effect::StartWorker { generation } => self.worker_is_started(generation),
            Effect::SendWorker { generation, message } => self.worker_is_asked(generation, message),
            Effect::StopWorker { generation } => self.worker_is_to_end(generation, 1),
            Effect::TerminateWorker { generation } => self.worker_is_to_end(generation, 0),
            Effect::KillWorker { generation } => self.worker_is_killed(generation, exits),
            Effect::FindHelper { path, help, named } => {
                let ms = self.random.up_to_ms(60);
                self.later(ms, WorldEvent::HelperSought { path, help, named });
                Ok(())
            }
            Effect::FindSmaller { path, bytes } => {
                let ms = self.random.up_to_ms(60);
                self.later(ms, WorldEvent::SmallerSought { path, bytes });
                Ok(())
            }
            Effect::FindPrefix { generation, key } => {
                let ms = self.random.up_to_ms(60);
                self.later(ms, WorldEvent::PrefixLooked { generation, key });
                Ok(())
            }
            Effect::KeepPrefix { key, .. } => {
                self.disk.prefixes.insert(key);
                Ok(())
            }
            Effect::KeepMeasurements(text) => {
                self.disk.measurements = Some(text);
                Ok(())
            }
            Effect::KeepEditorSettings(text) => {
                self.disk.editor_settings = Some(text);
                Ok(())
            }
            Effect::LoadBegins(text) => {
                self.disk.unfinished_load = Some(text);
                Ok(())
            }
            Effect::LoadEnded => {
                self.disk.unfinished_load = None;
                Ok(())
            }
            // Carried out by the caller before anything else happens. A host never reads back what
            // it has counted.
            Effect::ReadSettings { .. }
            | Effect::Exit
            | Effect::CountShown(_)
            | Effect::CountDecision { .. } => Ok(()),
        }
    }

    fn worker_is_killed(&mut self, generation: u64, exits: bool) -> Outcome {
        if !exits {
            self.check_kill(generation)?;
        }
        let late = self.strikes(Fault::EndingSlow);
        let ms = self.random.up_to_ms(if late { 9_000 } else { 50 });
        // Killed is not gone: the process may take seconds to be reaped and holds its memory until
        // then, and the host must not count on that memory.
        if let Some(worker) = self.workers.get_mut(&generation) {
            worker.killed = true;
        }
        self.later(ms, WorldEvent::WorkerDies(generation));
        Ok(())
    }

    fn worker_is_to_end(&mut self, generation: u64, ms: u64) -> Outcome {
        let Some(worker) = self.workers.get_mut(&generation).filter(|it| !it.reported_gone) else {
            return breach(
                "supervision",
                format!("worker {generation} is to end and does not run"),
            );
        };
        worker.stopping = true;
        // A frozen worker does not read the message, and only a kill ends it.
        if !worker.silent {
            self.later(ms, WorldEvent::WorkerDies(generation));
        }
        Ok(())
    }

    fn worker_is_started(&mut self, generation: u64) -> Outcome {
        self.check_start(generation)?;
        self.tally.workers += 1;
        let slow = if self.strikes(Fault::Slow) { 12 } else { 1 };
        self.workers.insert(generation, Worker::new(generation, self.now_ms, slow));
        let ms = self.random.up_to_ms(100);
        self.later(ms, WorldEvent::WorkerStarts(generation));
        Ok(())
    }

    pub(crate) fn inspected(&mut self, references: Vec<String>) -> Outcome {
        let taken = self.taken_bytes();
        let result = self.store.inspect(&references);
        let free_bytes = self.store.free_bytes(taken);
        let all_bytes = free_bytes.map(|free| free + taken);
        self.loads.inspected(self.now_ms, &references, &result, all_bytes);
        self.deliver(Event::ModelInspected { references, result: Box::new(result), free_bytes })
    }

    fn taken_bytes(&self) -> u64 {
        // Without the weights: they are pages of the models' files, which count as free.
        let residents = self.workers.values().filter_map(|it| it.resident.map(|it| it.memory));
        let drafts = self.workers.values().filter_map(|worker| worker.draft);
        residents.chain(drafts).map(|it| it.kv_bytes + it.compute_bytes).sum()
    }

    pub(crate) fn helper_sought(
        &mut self,
        path: PathBuf,
        help: Help,
        named: Option<String>,
    ) -> Outcome {
        let references = [named.unwrap_or_else(|| "small".to_owned())];
        let found = Box::new(self.store.inspect(&references));
        let free_bytes = self.store.free_bytes(self.taken_bytes());
        self.deliver(Event::HelperFound { path, help, found, free_bytes })
    }

    pub(crate) fn smaller_sought(&mut self, path: PathBuf, bytes: u64) -> Outcome {
        let mut smaller: Vec<&'static Spec> = SPECS.iter().collect();
        smaller.retain(|spec| spec.bytes() < bytes);
        smaller.sort_by_key(|spec| std::cmp::Reverse(spec.bytes()));
        let all_bytes = self.store.free_bytes(0);
        let mut found = None;
        for spec in smaller {
            let references = [spec.reference.to_owned()];
            let result = self.store.inspect(&references);
            self.loads.inspected(self.now_ms, &references, &result, all_bytes);
            if let Ok(file) = result {
                found = Some(file);
                break;
            }
        }
        self.deliver(Event::SmallerFound { path, found: Box::new(found) })
    }

    pub(crate) fn prefix_looked(&mut self, generation: u64, key: String) -> Outcome {
        let bytes = self.disk.prefixes.contains(&key).then_some(99);
        self.deliver(Event::PrefixFound { generation, key, bytes })
    }
}

fn is_kept(effect: &Effect) -> bool {
    // What a host has learned is kept even by its last event, after it has said that it ends.
    matches!(effect, Effect::KeepMeasurements(_) | Effect::KeepEditorSettings(_))
}
