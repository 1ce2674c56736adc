//! Which models fit now: those of every profile, and others by name, in numbers and in words.
//! For those who choose; a load decides for itself, in `waiting`.

use std::collections::BTreeMap;

use localcoder_protocol::{
    ErrorCode, ErrorInfo, LoadProfile, ModelSurvey, ProfileSurvey, SurveyAnswer, SurveyParams,
    Verdict,
};
use localcoder_settings::{Profile, Settings};
use localcoder_transport::Id;

use super::event::{ClientId, Effect};
use super::{Host, fit};
use crate::ModelFile;

/// Models that may be asked for at once.
const MODELS_MAX: usize = 64;

/// A survey whose files are being looked at.
#[derive(Debug)]
pub(super) struct Survey {
    client: ClientId,
    id: Id,
    models: Vec<String>,
    /// What was found of each reference.
    found: BTreeMap<String, Option<Result<ModelFile, ErrorInfo>>>,
    free_bytes: Option<u64>,
}

impl Host {
    pub(super) fn begin_survey(&mut self, client: ClientId, id: Id, params: SurveyParams) {
        if params.models.len() > MODELS_MAX {
            let text = format!("at most {MODELS_MAX} models can be asked for at once");
            self.reply(client, id, Err(ErrorInfo::new(ErrorCode::Protocol, text)));
            return;
        }
        let of_profiles = self
            .settings
            .profiles
            .iter()
            .flat_map(|profile| [profile.code_model.clone(), profile.general_model.clone()]);
        let wanted = of_profiles.chain(params.models.iter().cloned()).filter(|it| !it.is_empty());
        let found: BTreeMap<_, _> = wanted.map(|reference| (reference, None)).collect();
        for reference in found.keys() {
            self.effects.push(Effect::InspectModel { references: vec![reference.clone()] });
        }
        let models = params.models;
        self.surveys.push(Survey { client, id, models, found, free_bytes: None });
    }

    /// A file was looked at; it may be what a survey waits for.
    pub(super) fn surveyed(
        &mut self,
        references: &[String],
        result: &Result<ModelFile, ErrorInfo>,
        free_bytes: Option<u64>,
    ) {
        let [reference] = references else { return };
        for survey in &mut self.surveys {
            if let Some(found) = survey.found.get_mut(reference) {
                *found = Some(result.clone());
                survey.free_bytes = free_bytes;
            }
        }
        let done = |survey: &mut Survey| survey.found.values().all(Option::is_some);
        let done: Vec<Survey> = self.surveys.extract_if(.., done).collect();
        for survey in done {
            let answer = self.answer_of(&survey);
            self.answer(survey.client, survey.id, &answer);
        }
    }

    pub(super) fn forget_surveys_of(&mut self, client: ClientId) {
        self.surveys.retain(|survey| survey.client != client);
    }

    /// The host ends.
    pub(super) fn refuse_surveys(&mut self, error: &ErrorInfo) {
        for survey in std::mem::take(&mut self.surveys) {
            self.reply(survey.client, survey.id, Err(error.clone()));
        }
    }

    fn answer_of(&self, survey: &Survey) -> SurveyAnswer {
        // What is loaded would make way; its file's pages count as free already.
        let held: u64 = self
            .slots
            .iter()
            .filter_map(|(_, engine)| engine.loaded.as_ref())
            .map(|loaded| loaded.memory.kv_bytes + loaded.memory.compute_bytes)
            .sum();
        let free_bytes = survey.free_bytes.map(|free| free.saturating_add(held));
        let of = |reference: &str, profile: &Profile| {
            self.survey_of(reference, &survey.found, &self.settings.under(profile), free_bytes)
        };
        let profiles = self.settings.profiles.iter().map(|profile| ProfileSurvey {
            name: profile.name.clone(),
            summary: profile.summary.clone(),
            in_force: profile.name == self.settings.profile.name,
            code: of(&profile.code_model, profile),
            general: (!profile.general_model.is_empty())
                .then(|| of(&profile.general_model, profile)),
        });
        let models = survey
            .models
            .iter()
            .map(|it| self.survey_of(it, &survey.found, &self.settings, free_bytes));
        SurveyAnswer { free_bytes, profiles: profiles.collect(), models: models.collect() }
    }

    fn survey_of(
        &self,
        reference: &str,
        found: &BTreeMap<String, Option<Result<ModelFile, ErrorInfo>>>,
        settings: &Settings,
        free_bytes: Option<u64>,
    ) -> ModelSurvey {
        let nothing = ModelSurvey {
            reference: reference.to_owned(),
            name: reference.to_owned(),
            verdict: Verdict::Unusable,
            context_tokens: 0,
            needed_bytes: 0,
            measured: false,
            text: String::new(),
        };
        let file = match found.get(reference) {
            Some(Some(Ok(file))) => file,
            Some(Some(Err(error))) => return ModelSurvey { text: error.to_string(), ..nothing },
            _ => return nothing,
        };
        let profiles = self.profiles_for(file, settings);
        let needed = |profile: &LoadProfile| {
            fit::needed(file, profile, self.memory_of(file, profile))
                .unwrap_or(fit::Needed { bytes: file.info.size_bytes, measured: false })
        };
        let free = free_bytes.unwrap_or(u64::MAX);
        let best = profiles.iter().find(|profile| needed(profile).bytes <= free);
        let loaded = self.loaded_tokens(file, settings);
        let chosen = match loaded {
            Some(tokens) => {
                profiles.first().map(|profile| LoadProfile { context_tokens: tokens, ..*profile })
            }
            None => best.or(profiles.last()).copied(),
        };
        let Some(profile) = chosen else { return nothing };
        let fit::Needed { bytes, measured } = needed(&profile);
        let not_allowed = self.refusal_of_large(file, settings);
        let verdict = match (loaded, &not_allowed, free_bytes, best) {
            (Some(_), ..) => Verdict::Loaded,
            (_, Some(_), ..) => Verdict::NotAllowed,
            (_, _, None, _) => Verdict::Unknown,
            (_, _, _, Some(_)) => Verdict::Fits,
            (_, _, _, None) => Verdict::TooLarge,
        };
        let text = match verdict {
            Verdict::TooLarge => {
                let instead = fit::instead(file, &profile, free);
                format!("needs {}, {} free: {instead}", fit::up(bytes), fit::down(free))
            }
            _ => in_words(verdict, bytes, free, profile.context_tokens),
        };
        ModelSurvey {
            name: file.info.name.clone(),
            verdict,
            context_tokens: profile.context_tokens,
            needed_bytes: bytes,
            measured,
            text,
            ..nothing
        }
    }
}

/// What there is to say where nothing stands in the way, or what does is no matter of room.
fn in_words(verdict: Verdict, bytes: u64, free: u64, tokens: u32) -> String {
    let needed = fit::up(bytes);
    match verdict {
        Verdict::Loaded => format!("loaded, {needed} with {tokens} tokens"),
        Verdict::Fits => {
            format!("needs {needed}, {} free: fits with {tokens} tokens", fit::down(free))
        }
        Verdict::NotAllowed => format!("needs {needed}; only under the profile `heavy`"),
        Verdict::Unknown | Verdict::TooLarge => format!("needs {needed} with {tokens} tokens"),
        Verdict::Unusable => String::new(),
    }
}
