//! All settings with a value each, as the programs use them, and what follows from several of them
//! together. Made by `resolve`; read by the host and the command line.

use localcoder_protocol::SamplingParams;

use crate::resolve::{Found, Layer, resolve};
use crate::{DEMO, Profile};

/// Where the model computes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Acceleration {
    /// Metal on macOS, otherwise what the build has.
    Auto,
    /// Every layer on the GPU.
    Gpu,
    /// Nothing on the GPU.
    Cpu,
}

/// How much the engine does to be fast.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// As fast as the machine allows.
    Performance,
    /// Nothing ahead, nothing twice, small steps.
    Stability,
}

/// How freely words are chosen.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sampling {
    /// 0 is greedy.
    pub temperature: f32,
    /// 0 to 1.
    pub top_p: f32,
    /// 1 is off.
    pub repeat_penalty: f32,
}

/// All settings with a value each.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// The profile in force.
    pub profile: Profile,
    /// All that there are, the built-in ones first.
    pub profiles: Vec<Profile>,
    /// In tokens.
    pub context_tokens: u32,
    /// As much as that where memory allows; the same unless a profile leaves it open.
    pub context_tokens_most: u32,
    /// Where the model computes.
    pub acceleration: Acceleration,
    /// How much the engine does to be fast.
    pub mode: Mode,
    /// How freely words are chosen.
    pub sampling: Sampling,
    /// The same, only what was set.
    pub sampling_set: SamplingParams,
    /// Below it a model counts as slow; 0 for none.
    pub slow_tokens_per_s: f64,
    code_model: Wanted,
    general_model: Wanted,
    keep_model_loaded: Option<bool>,
    idle_unload_minutes: u64,
}

/// A model that is named, and whether by the profile: then others may stand in for it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Wanted {
    reference: String,
    by_profile: bool,
}

impl Default for Settings {
    fn default() -> Self {
        resolve(&[]).settings
    }
}

impl Settings {
    /// The models for code, the best first: the first that is there is used. One that the user
    /// has named is used or nothing.
    #[must_use]
    pub fn code_models(&self) -> Vec<String> {
        let Wanted { reference, by_profile } = &self.code_model;
        let mut models = vec![reference.clone()];
        if *by_profile && reference != DEMO {
            models.push(DEMO.to_owned());
        }
        models
    }

    /// The same for all that is not code.
    #[must_use]
    pub fn general_models(&self) -> Vec<String> {
        let Wanted { reference, by_profile } = &self.general_model;
        match (reference.is_empty(), by_profile) {
            (true, _) => self.code_models(),
            (false, false) => vec![reference.clone()],
            (false, true) => {
                let mut models = vec![reference.clone()];
                models.extend(self.code_models());
                models.dedup();
                models
            }
        }
    }

    /// After how long without a request a model is unloaded; never where it stays. What is set
    /// counts more than what the mode implies.
    #[must_use]
    pub fn idle_unload_ms(&self) -> Option<u64> {
        let stays = self.keep_model_loaded.unwrap_or(self.mode == Mode::Performance);
        (!stays).then_some(self.idle_unload_minutes * 60_000)
    }

    /// The same under another profile: what it would mean to choose it.
    #[must_use]
    pub fn under(&self, profile: &Profile) -> Self {
        let mut settings = self.clone();
        settings.profile = profile.clone();
        settings.context_tokens = profile.context_tokens;
        settings.context_tokens_most = profile.context_tokens_most;
        settings
    }

    pub(crate) fn new(found: &Found, profile: Profile, profiles: Vec<Profile>) -> Self {
        let text = |key| found.value(key).as_str().unwrap_or_default();
        let number = |key| found.value(key).as_f64().unwrap_or_default();
        #[expect(clippy::cast_possible_truncation, reason = "sampling needs no double precision")]
        let single = |key| number(key) as f32;
        let set = |key| (found.source(key) > Layer::Profile).then(|| single(key));
        let wanted = |key| Wanted {
            reference: text(key).trim().to_owned(),
            by_profile: found.source(key) <= Layer::Profile,
        };
        let context_tokens = found
            .value("contextWindow")
            .as_u64()
            .and_then(|tokens| u32::try_from(tokens).ok())
            .expect("the table bounds it");
        let is_open = found.source("contextWindow") <= Layer::Profile;
        Self {
            context_tokens,
            context_tokens_most: if is_open { profile.context_tokens_most } else { context_tokens },
            acceleration: match text("acceleration") {
                "gpu" => Acceleration::Gpu,
                "cpu" => Acceleration::Cpu,
                _ => Acceleration::Auto,
            },
            mode: match text("mode") {
                "stability" => Mode::Stability,
                _ => Mode::Performance,
            },
            sampling: Sampling {
                temperature: single("sampling.temperature"),
                top_p: single("sampling.topP"),
                repeat_penalty: single("sampling.repeatPenalty"),
            },
            sampling_set: SamplingParams {
                temperature: set("sampling.temperature"),
                top_p: set("sampling.topP"),
                repeat_penalty: set("sampling.repeatPenalty"),
                seed: None,
            },
            slow_tokens_per_s: number("slowTokensPerSecond"),
            code_model: wanted("codeModel"),
            general_model: wanted("generalModel"),
            keep_model_loaded: found.value("keepModelLoaded").as_bool(),
            idle_unload_minutes: found.value("idleUnloadMinutes").as_u64().unwrap_or_default(),
            profile,
            profiles,
        }
    }
}
