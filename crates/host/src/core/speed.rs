//! How fast models answer real requests, and what is suggested where one is slow: the profile
//! *fast*, once for each model, with the numbers. It never nags.

use std::collections::{BTreeMap, VecDeque};

use localcoder_protocol::{ErrorAction, ErrorInfo, Speed, Suggestion, SuggestionParams, Usage};
use localcoder_settings::Settings;
use localcoder_transport::Message;

use super::Host;
use super::event::Effect;
use super::slots::SlotId;
use crate::ModelFile;

/// So many requests in a row have to be slow.
const REQUESTS: usize = 5;
/// Shorter answers, and prompts of which less was read, say little about a speed.
const TOKENS_MIN: u32 = 16;
/// The profile that is suggested.
const FAST: &str = "fast";

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Speeds {
    /// Written tokens a second of the last answers, by model.
    recent: BTreeMap<String, VecDeque<f64>>,
    /// What is to be suggested once the fast model's file was looked at.
    pending: Option<Pending>,
}

#[derive(Debug)]
struct Pending {
    /// Key of the slow model, its name, and the size of its file.
    slow: (String, String, u64),
    tokens_per_s: f64,
    threshold: f64,
    fast: String,
}

impl Host {
    /// Notes what an answer took.
    pub(super) fn note_speed(&mut self, slot: SlotId, usage: Usage, settings: &Settings) {
        let Some(loaded) = &mut self.slots[slot].loaded else { return };
        if usage.generated_tokens < TOKENS_MIN {
            return;
        }
        let per_second = |tokens: u32, ms: f64| f64::from(tokens) * 1e3 / ms.max(1e-3);
        let read = usage.prompt_tokens.saturating_sub(usage.cached_tokens);
        let written = per_second(usage.generated_tokens, usage.decode_ms);
        loaded.speed = Some(Speed {
            read_tokens_per_s: match read {
                TOKENS_MIN.. => per_second(read, usage.prefill_ms),
                _ => 0.0,
            },
            written_tokens_per_s: written,
        });
        let info = &loaded.file.info;
        let key = loaded.file.path.display().to_string();
        let slow = (key.clone(), info.name.clone(), info.size_bytes);
        let reference = info.reference.clone();
        let recent = self.speeds.recent.entry(key).or_default();
        recent.push_back(written);
        if recent.len() > REQUESTS {
            recent.pop_front();
        }
        let mut sorted: Vec<f64> = recent.iter().copied().collect();
        sorted.sort_by(f64::total_cmp);
        let threshold = settings.slow_tokens_per_s;
        let is_slow = sorted.len() == REQUESTS && sorted.iter().all(|it| *it < threshold);
        if !is_slow || self.was_suggested(&slow.0) || !self.anybody_watches() {
            return;
        }
        let profile = settings.profiles.iter().find(|profile| profile.name == FAST);
        let Some(fast) = profile.map(|profile| profile.code_model.clone()) else { return };
        if fast == reference || settings.profile.name == FAST {
            return;
        }
        let tokens_per_s = sorted[REQUESTS / 2];
        self.effects.push(Effect::InspectModel { references: vec![fast.clone()] });
        self.speeds.pending = Some(Pending { slow, tokens_per_s, threshold, fast });
    }

    fn anybody_watches(&self) -> bool {
        self.clients.values().any(|client| client.wants_status)
    }

    /// The fast model's file was looked at: tells what would be gained.
    pub(super) fn suggest(&mut self, references: &[String], found: &Result<ModelFile, ErrorInfo>) {
        let is_it = |pending: &mut Pending| references == [pending.fast.clone()];
        let Some(pending) = self.speeds.pending.take_if(is_it) else { return };
        let Pending { slow: (key, name, bytes), tokens_per_s, threshold, fast } = pending;
        let seen = format!(
            "{name} writes {tokens_per_s:.1} tokens a second here; below {threshold} an answer \
             takes long to wait for."
        );
        let params = match found {
            Ok(file) if file.info.size_bytes < bytes => {
                // Each token reads all weights once, so speed goes with their size.
                #[expect(clippy::cast_precision_loss, reason = "a rough figure")]
                let gain = bytes as f64 / file.info.size_bytes.max(1) as f64;
                SuggestionParams {
                    message: format!(
                        "{seen} The profile fast uses {}, which should write about {:.0}.",
                        file.info.name,
                        tokens_per_s * gain
                    ),
                    action: ErrorAction::UseFastProfile,
                }
            }
            // It would be no faster.
            Ok(_) => return,
            Err(_) => SuggestionParams {
                message: format!("{seen} The profile fast uses `{fast}`, which is not installed."),
                action: ErrorAction::SwitchModel,
            },
        };
        self.mark_suggested(key);
        let watching = self.clients.iter().filter(|(_, client)| client.wants_status);
        for client in watching.map(|(id, _)| *id).collect::<Vec<_>>() {
            let message = Message::notification::<Suggestion>(&params);
            self.effects.push(Effect::Send(client, message));
        }
    }
}
