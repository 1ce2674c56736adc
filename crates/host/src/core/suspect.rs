//! A load that took the host down, or the whole machine, is not repeated by itself at the next
//! start: what is loaded is noted before the load and forgotten after it, and what is still noted
//! at a start never ended. Who asks for that model gets it.

use serde::{Deserialize, Serialize};

use super::Host;
use super::event::Effect;
use super::slots::Slots;
use crate::ModelFile;

/// The model whose load never ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Suspect {
    name: String,
    path: String,
}

impl Suspect {
    fn of(file: &ModelFile) -> Self {
        Self { name: file.info.name.clone(), path: file.path.display().to_string() }
    }

    /// From the text that was kept; none where it can't be read.
    pub(super) fn read(text: &str) -> Option<Self> {
        serde_json::from_str(text).ok()
    }
}

impl Host {
    /// Before a load.
    pub(super) fn load_begins(&mut self, file: &ModelFile) {
        let text = serde_json::to_string(&Suspect::of(file)).expect("plain data is always JSON");
        self.effects.push(Effect::LoadBegins(text));
    }

    /// The host has seen how the load ended.
    pub(super) fn load_ended(&mut self) {
        self.effects.push(Effect::LoadEnded);
    }

    /// Loads that are still under way end with the host.
    pub(super) fn loads_end(&mut self) {
        if Slots::ids().any(|slot| self.slots[slot].loading.is_some()) {
            self.load_ended();
        }
    }

    /// Whether a model is not loaded ahead because its last load never ended. One that is asked
    /// for is loaded, and no suspect any more.
    pub(super) fn is_suspect(&mut self, file: &ModelFile, ahead: bool) -> bool {
        let is_it = self.suspect.as_ref().is_some_and(|suspect| *suspect == Suspect::of(file));
        if is_it && !ahead {
            self.suspect = None;
        }
        is_it && ahead
    }

    /// What is shown of it.
    pub(super) fn suspect_note(&self) -> Option<String> {
        let name = &self.suspect.as_ref()?.name;
        Some(format!(
            "the last load of {name} never ended, because LocalCoder or the machine went down: it \
             is not loaded ahead; ask for it, or choose a lighter profile"
        ))
    }
}
