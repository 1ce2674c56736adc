//! How fast models answer real requests, and what is suggested if one is slow: the profile *fast*,
//! once for each model, with the numbers. It never nags.

use std::collections::{BTreeMap, VecDeque};

use localcoder_protocol::{ErrorAction, ErrorInfo, Speed, SuggestionParams, Usage};
use localcoder_settings::Settings;

use crate::ModelFile;

/// This many requests in a row must be slow: one is slow whenever the machine is busy with
/// something else.
const REQUESTS: usize = 5;
/// An answer shorter than this, or a prompt of which less was read, says little about the speed.
const TOKENS_MIN: u32 = 16;
const FAST: &str = "fast";

#[derive(Debug, Default)]
pub(super) struct Speeds {
    recent: BTreeMap<String, VecDeque<f64>>,
    last: BTreeMap<String, Speed>,
    pending: Option<Pending>,
}

#[derive(Debug)]
struct Pending {
    /// The slow model: its key, by which it is remembered as suggested, its name and the size of
    /// its file.
    slow: (String, String, u64),
    tokens_per_s: f64,
    threshold: f64,
    fast: String,
}

pub(super) struct Suggested {
    pub(super) model: String,
    pub(super) params: SuggestionParams,
}

impl Speeds {
    pub(super) fn last(&self, file: &ModelFile) -> Option<Speed> {
        self.last.get(&key(file)).copied()
    }

    /// A model was loaded: how fast it is now is not known yet. `recent` stays, since what counts
    /// there is the model on this machine.
    pub(super) fn forget(&mut self, file: &ModelFile) {
        self.last.remove(&key(file));
    }

    /// Notes how long an answer took. Returns the model whose file must be inspected if the profile
    /// *fast* may be suggested; `may_suggest` takes the key of the slow model. The suggestion waits
    /// for that inspection, because it names the gain, and one that is not installed is another
    /// suggestion.
    pub(super) fn note(
        &mut self,
        file: &ModelFile,
        usage: Usage,
        settings: &Settings,
        may_suggest: impl Fn(&str) -> bool,
    ) -> Option<String> {
        let written = written_tokens_per_s(usage)?;
        let read = usage.prompt_tokens.saturating_sub(usage.cached_tokens);
        let key = key(file);
        let speed = Speed {
            read_tokens_per_s: match read {
                TOKENS_MIN.. => per_second(read, usage.prefill_ms),
                _ => 0.0,
            },
            written_tokens_per_s: written,
        };
        self.last.insert(key.clone(), speed);
        let recent = self.recent.entry(key.clone()).or_default();
        recent.push_back(written);
        if recent.len() > REQUESTS {
            recent.pop_front();
        }
        let mut sorted: Vec<f64> = recent.iter().copied().collect();
        sorted.sort_by(f64::total_cmp);
        let threshold = settings.slow_tokens_per_s;
        // All of the last ones must be slow, and not their mean: one fast answer shows that the
        // model can be fast here.
        let is_slow = sorted.len() == REQUESTS && sorted.iter().all(|it| *it < threshold);
        if !is_slow || !may_suggest(&key) {
            return None;
        }
        let profile = settings.profiles.iter().find(|profile| profile.name == FAST)?;
        let fast = profile.code_model.clone();
        if fast == file.info.reference || settings.profile.name == FAST {
            return None;
        }
        let slow = (key, file.info.name.clone(), file.info.size_bytes);
        let tokens_per_s = sorted[REQUESTS / 2];
        self.pending = Some(Pending { slow, tokens_per_s, threshold, fast: fast.clone() });
        Some(fast)
    }

    /// A file was inspected. If it is the fast model's, returns the suggestion with the expected
    /// gain.
    pub(super) fn suggest(
        &mut self,
        references: &[String],
        found: &Result<ModelFile, ErrorInfo>,
    ) -> Option<Suggested> {
        let is_it = |pending: &mut Pending| references == [pending.fast.clone()];
        let Pending { slow: (model, name, bytes), tokens_per_s, threshold, fast } =
            self.pending.take_if(is_it)?;
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
            // The fast model would be no faster.
            Ok(_) => return None,
            Err(_) => SuggestionParams {
                message: format!("{seen} The profile fast uses `{fast}`, which is not installed."),
                action: ErrorAction::SwitchModel,
            },
        };
        Some(Suggested { model, params })
    }
}

pub(super) fn written_tokens_per_s(usage: Usage) -> Option<f64> {
    let Usage { generated_tokens, decode_ms, .. } = usage;
    (generated_tokens >= TOKENS_MIN).then(|| per_second(generated_tokens, decode_ms))
}

fn per_second(tokens: u32, ms: f64) -> f64 {
    f64::from(tokens) * 1e3 / ms.max(1e-3)
}

fn key(file: &ModelFile) -> String {
    file.path.display().to_string()
}
