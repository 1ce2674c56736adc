//! All settings with a value each, as the programs use them, and what follows from several of them
//! together. Made by `resolve`; read by the host and the command line.

use localcoder_protocol::SamplingParams;

use crate::resolve::{Found, Layer, resolve};
use crate::table::Values;
use crate::{
    Acceleration, Affects, Backend, DEMO, ExplanationLength, Key, Mode, Profile, Setting, TABLE,
};

/// How freely words are chosen: temperature 0 always takes the likeliest, a repeat penalty of 1 is
/// off.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sampling {
    pub temperature: f32,
    pub top_p: f32,
    pub repeat_penalty: f32,
}

/// All settings with a value each. Never partial and never out of bounds: [`resolve`] has replaced
/// what was bad. What follows from several settings together is a method here, so that host and
/// command line can't differ.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    pub profile: Profile,
    /// All profiles there are, the built-in ones first.
    pub profiles: Vec<Profile>,
    pub context_tokens: u32,
    /// The context window if memory allows; the same as `context_tokens` unless a profile leaves it
    /// open.
    pub context_tokens_most: u32,
    pub acceleration: Acceleration,
    pub mode: Mode,
    pub sampling: Sampling,
    /// Those of the sampling values that the user set; what a model's maker recommends counts for
    /// the others.
    pub sampling_set: SamplingParams,
    pub explanation_length: ExplanationLength,
    pub ghost_text: bool,
    pub ghost_text_languages_off: Vec<String>,
    pub ghost_text_while_saving_power: bool,
    /// Whether the user's own test is run on an edit before it is shown.
    pub test_edits: bool,
    /// Whether it is counted what becomes of edits.
    pub ledger: bool,
    /// Below this speed a model counts as slow; 0 turns that off.
    pub slow_tokens_per_s: f64,
    pub draft_model: Helper,
    pub suggestion_model: Helper,
    code_model: Wanted,
    general_model: Wanted,
    keep_model_loaded: Option<bool>,
    idle_unload_minutes: u64,
}

/// Which model helps the one in use, loaded beside it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Helper {
    /// An installed one that fits, where it is likely to pay.
    Auto,
    Without,
    /// The model with this name, where there is room for it.
    Named(String),
}

pub(crate) const AUTO: &str = "auto";
pub(crate) const DRAFT_OFF: &str = "off";
/// The word for no model for suggestions beside the one for code.
pub(crate) const SUGGEST_CODE: &str = "code";

impl Helper {
    /// `without`: the setting's own word for none.
    fn of(reference: String, without: &str) -> Self {
        match reference.as_str() {
            AUTO => Self::Auto,
            word if word == without => Self::Without,
            _ => Self::Named(reference),
        }
    }

    #[must_use]
    pub fn name(&self) -> Option<&str> {
        match self {
            Self::Named(reference) => Some(reference),
            Self::Auto | Self::Without => None,
        }
    }
}

/// A model that is wanted, and whether the profile says so: then others may stand in for it. A
/// model that the user has named is never replaced, since an answer of another one would look like
/// its.
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
    /// The models for code, the best first: the first one that is installed is used. If the user
    /// has named one, there is no alternative to it.
    #[must_use]
    pub fn code_models(&self) -> Vec<String> {
        let Wanted { reference, by_profile } = &self.code_model;
        let mut models = vec![reference.clone()];
        if *by_profile && reference != DEMO {
            models.push(DEMO.to_owned());
        }
        models
    }

    /// The models for everything but code, the best first.
    #[must_use]
    pub fn general_models(&self) -> Vec<String> {
        let Wanted { reference, by_profile } = &self.general_model;
        match (reference.is_empty(), by_profile) {
            // No name means that the model for code does both.
            (true, _) => self.code_models(),
            // Named by the user: an answer of another model would look like this one's.
            (false, false) => vec![reference.clone()],
            (false, true) => {
                let mut models = vec![reference.clone()];
                models.extend(self.code_models());
                // A profile may name one model for both.
                models.dedup();
                models
            }
        }
    }

    /// A profile that loads large models: the user may have given it any name, or have none.
    #[must_use]
    pub fn profile_for_large_models(&self) -> Option<&Profile> {
        self.profiles.iter().find(|profile| profile.large_models)
    }

    /// How long a model stays in memory without a request; `None` if it always stays. The setting
    /// takes precedence over what the mode implies.
    #[must_use]
    pub fn idle_unload_ms(&self) -> Option<u64> {
        let stays = self.keep_model_loaded.unwrap_or(self.mode == Mode::Performance);
        (!stays).then_some(self.idle_unload_minutes * 60_000)
    }

    /// These settings under another profile, to see what choosing that would change.
    #[must_use]
    pub fn under(&self, profile: &Profile) -> Self {
        let mut settings = self.clone();
        settings.profile = profile.clone();
        settings.context_tokens = profile.context_tokens;
        settings.context_tokens_most = profile.context_tokens_most;
        settings
    }

    /// Whether models are chosen, or run, differently than under other settings: then what was
    /// lowered or given up before is tried again.
    #[must_use]
    pub fn runs_otherwise(&self, other: &Self) -> bool {
        self.changes(other).any(|setting| setting.affects.contains(&Affects::Load))
    }

    /// The settings in which two differ, as far as a host uses them.
    pub fn changes<'a>(&'a self, other: &'a Self) -> impl Iterator<Item = &'static Setting> + 'a {
        TABLE.iter().filter(|setting| self.differs(other, setting.id))
    }

    /// Whether two settings differ in this one, as far as a host goes by it. The match has no
    /// wildcard: a setting that is added has to be compared here, or said not to matter to hosts.
    fn differs(&self, other: &Self, key: Key) -> bool {
        let (sampling, others) = (self.sampling, other.sampling);
        let (set, others_set) = (self.sampling_set, other.sampling_set);
        match key {
            Key::Profile => self.profile.name != other.profile.name,
            // Of all profiles, only the one in force counts, however it came about.
            Key::Profiles => self.profile.runs_otherwise(&other.profile),
            Key::CodeModel => self.code_model != other.code_model,
            Key::GeneralModel => self.general_model != other.general_model,
            Key::DraftModel => self.draft_model != other.draft_model,
            Key::GhostTextModel => self.suggestion_model != other.suggestion_model,
            Key::ContextWindow => {
                self.context_tokens != other.context_tokens
                    || self.context_tokens_most != other.context_tokens_most
            }
            Key::Acceleration => self.acceleration != other.acceleration,
            Key::Mode => self.mode != other.mode,
            Key::KeepModelLoaded => self.keep_model_loaded != other.keep_model_loaded,
            Key::IdleUnloadMinutes => self.idle_unload_minutes != other.idle_unload_minutes,
            Key::Temperature => {
                (sampling.temperature, set.temperature)
                    != (others.temperature, others_set.temperature)
            }
            Key::TopP => (sampling.top_p, set.top_p) != (others.top_p, others_set.top_p),
            Key::RepeatPenalty => {
                (sampling.repeat_penalty, set.repeat_penalty)
                    != (others.repeat_penalty, others_set.repeat_penalty)
            }
            Key::ExplanationLength => self.explanation_length != other.explanation_length,
            Key::SlowTokensPerSecond => {
                self.slow_tokens_per_s.total_cmp(&other.slow_tokens_per_s).is_ne()
            }
            Key::GhostText => self.ghost_text != other.ghost_text,
            Key::GhostTextLanguagesOff => {
                self.ghost_text_languages_off != other.ghost_text_languages_off
            }
            Key::GhostTextWhileSavingPower => {
                self.ghost_text_while_saving_power != other.ghost_text_while_saving_power
            }
            Key::Ledger => self.ledger != other.ledger,
            // No host uses them: for the network, `AirGap` decides, and there is only one backend.
            Key::AirGapped | Key::TestEdits | Key::Backend => false,
        }
    }

    pub(crate) fn new(found: &Found, profile: Profile) -> Self {
        // A default counts as the profile's: in either case the user has said nothing.
        let by_profile = |key| found.source(key) <= Layer::Profile;
        let set = |key, value| (!by_profile(key)).then_some(value);
        // Destructured completely: every new setting has to be dealt with here.
        let Values {
            profile: name,
            profiles,
            code_model,
            general_model,
            draft_model,
            context_window,
            acceleration,
            mode,
            keep_model_loaded,
            idle_unload_minutes,
            temperature,
            top_p,
            repeat_penalty,
            explanation_length,
            ghost_text,
            ghost_text_languages_off,
            ghost_text_model,
            ghost_text_while_saving_power,
            test_edits,
            ledger,
            slow_tokens_per_second,
            air_gapped,
            backend: Backend::Embedded,
        } = Values::read(|key| found.value(key));
        debug_assert_eq!(name, profile.name, "the one that is in force was found by its name");
        // For the network, `AirGap` decides, which knows more than this value.
        let _ = air_gapped;
        // A window that the user has set is exact; only a profile may leave it to the memory that
        // is free.
        let is_open = by_profile(Key::ContextWindow);
        let wanted = |key, reference| Wanted { reference, by_profile: by_profile(key) };
        let (temperature, top_p, repeat_penalty) =
            (single(temperature), single(top_p), single(repeat_penalty));
        Self {
            context_tokens: context_window,
            context_tokens_most: if is_open { profile.context_tokens_most } else { context_window },
            acceleration,
            mode,
            sampling: Sampling { temperature, top_p, repeat_penalty },
            sampling_set: SamplingParams {
                temperature: set(Key::Temperature, temperature),
                top_p: set(Key::TopP, top_p),
                repeat_penalty: set(Key::RepeatPenalty, repeat_penalty),
                // There is no setting for it: only a request names one.
                seed: None,
            },
            explanation_length,
            ghost_text,
            ghost_text_languages_off,
            ghost_text_while_saving_power,
            test_edits,
            ledger,
            slow_tokens_per_s: slow_tokens_per_second,
            code_model: wanted(Key::CodeModel, code_model),
            general_model: wanted(Key::GeneralModel, general_model),
            draft_model: Helper::of(draft_model, DRAFT_OFF),
            suggestion_model: Helper::of(ghost_text_model, SUGGEST_CODE),
            keep_model_loaded,
            idle_unload_minutes: idle_unload_minutes.into(),
            profile,
            profiles,
        }
    }
}

#[expect(clippy::cast_possible_truncation, reason = "sampling needs no double precision")]
fn single(number: f64) -> f32 {
    number as f32
}

#[cfg(test)]
mod tests {
    use serde_json::{Map, Value, json};

    use super::*;
    use crate::Contents;

    fn with(setting: &Setting, value: &Value) -> Settings {
        let set = Map::from_iter([(setting.key.to_owned(), value.clone())]);
        let resolved = resolve(&[(Layer::File, &Contents::from(set))]);
        assert_eq!(resolved.errors, [], "{} = {value}", setting.key);
        resolved.settings
    }

    #[test]
    fn each_setting_says_what_a_change_of_it_reaches() {
        for setting in TABLE {
            let examples = setting.examples();
            let (first, rest) = examples.split_first().unwrap();
            let before = with(setting, first);
            assert_eq!(before.changes(&before).count(), 0, "{}", setting.key);
            let changes = |value: &Value| {
                let now = with(setting, value);
                assert_eq!(
                    before.runs_otherwise(&now),
                    before.changes(&now).any(|it| it.affects.contains(&Affects::Load)),
                );
                before.changes(&now).map(|it| it.id).collect::<Vec<_>>()
            };
            let of_others = [Affects::Network, Affects::Clients, Affects::Nothing];
            let is_of_the_host = !setting.affects.iter().any(|it| of_others.contains(it));
            let changed = rest.iter().any(|value| changes(value).contains(&setting.id));
            assert_eq!(changed, is_of_the_host, "{}", setting.key);
            // Only settings that affect the load cause a model to be loaded again.
            let runs = rest.iter().any(|value| before.runs_otherwise(&with(setting, value)));
            assert_eq!(runs, setting.affects.contains(&Affects::Load), "{}", setting.key);
            // And only those that affect residency change how long it stays.
            let idle = |value: &Value| with(setting, value).idle_unload_ms();
            let stays = examples.iter().any(|value| idle(value) != idle(first));
            let may_stay = setting.affects.contains(&Affects::Residency);
            assert!(may_stay || !stays, "{}", setting.key);
        }
    }

    #[test]
    fn who_wants_large_models_is_told_the_profile_that_loads_them() {
        let name = |profiles: Value| {
            let settings = with(Key::Profiles.setting(), &profiles);
            settings.profile_for_large_models().map(|profile| profile.name.clone())
        };
        assert_eq!(name(json!({})).as_deref(), Some("heavy"));
        let plain = json!({"codeModel": "a"});
        assert_eq!(name(json!({"heavy": plain})), None, "the user's own takes its place");
        let large = json!({"codeModel": "a", "largeModels": true});
        assert_eq!(name(json!({"heavy": plain, "mine": large})).as_deref(), Some("mine"));
    }

    #[test]
    fn a_profile_of_ones_own_counts_while_it_is_in_force() {
        let settings = |value: Value| {
            let set = Contents::from(value.as_object().unwrap().clone());
            let resolved = resolve(&[(Layer::File, &set)]);
            assert_eq!(resolved.errors, []);
            resolved.settings
        };
        let mine = |chosen: &str, max: u32, large: bool, summary: &str| {
            settings(json!({"profile": chosen, "profiles": {"mine": {
                "codeModel": "a", "contextWindowMax": max, "largeModels": large,
                "summary": summary,
            }}}))
        };
        let before = mine("mine", 4096, false, "x");
        assert!(before.runs_otherwise(&mine("mine", 8192, false, "x")));
        assert!(before.runs_otherwise(&mine("mine", 4096, true, "x")));
        assert!(!before.runs_otherwise(&mine("mine", 4096, false, "y")));
        let before = mine("fast", 4096, false, "x");
        assert!(!before.runs_otherwise(&mine("fast", 8192, true, "x")));
        // What the profile wants is not the same as what the user has named: only the former may be
        // replaced by another model.
        let by_profile = settings(json!({"profile": "fast"}));
        let by_user = settings(json!({"profile": "fast", "codeModel": "qwen2.5-coder-7b"}));
        assert!(by_profile.runs_otherwise(&by_user));
    }
}
