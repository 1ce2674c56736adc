//! Which models fit now: those of every profile, and others by name, in numbers and in words. This
//! is for users who choose a model; the schedule decides for itself.

use std::collections::BTreeMap;

use localcoder_model_store::Need;
use localcoder_protocol::limits::SURVEY_MODELS_MAX;
use localcoder_protocol::{
    ErrorCode, ErrorInfo, LoadProfile, ModelSurvey, ProfileSurvey, SurveyAnswer, SurveyParams,
    Verdict,
};
use localcoder_settings::{Profile, Settings};

use super::action::Asker;
use super::fit;
use super::wanted::{Fitting, refusal_of_large};
use crate::ModelFile;
use crate::core::event::ClientId;

/// A survey whose files are being inspected. Each reference is inspected by itself, through the
/// same queue of looks as requests, so answers arrive in any order and may be shared.
#[derive(Debug)]
pub(super) struct Survey {
    asker: Asker,
    models: Vec<String>,
    found: BTreeMap<String, Option<Result<ModelFile, ErrorInfo>>>,
    free_bytes: Option<u64>,
}

#[derive(Debug, Default)]
pub(super) struct Surveys(Vec<Survey>);

impl Surveys {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Begins a survey; returns the references whose files must be inspected, each by itself.
    pub(super) fn begin(
        &mut self,
        asker: Asker,
        params: SurveyParams,
        settings: &Settings,
    ) -> Result<Vec<String>, ErrorInfo> {
        if params.models.len() > SURVEY_MODELS_MAX {
            let text = format!("at most {SURVEY_MODELS_MAX} models can be asked for at once");
            return Err(ErrorInfo::new(ErrorCode::Protocol, text));
        }
        let of_profiles = settings
            .profiles
            .iter()
            .flat_map(|profile| [profile.code_model.clone(), profile.general_model.clone()]);
        // The map also makes them unique: profiles share models.
        let wanted = of_profiles.chain(params.models.iter().cloned()).filter(|it| !it.is_empty());
        let found: BTreeMap<_, _> = wanted.map(|reference| (reference, None)).collect();
        let references = found.keys().cloned().collect();
        self.0.push(Survey { asker, models: params.models, found, free_bytes: None });
        Ok(references)
    }

    pub(super) fn inspected(
        &mut self,
        references: &[String],
        result: &Result<ModelFile, ErrorInfo>,
        free_bytes: Option<u64>,
    ) -> Vec<Survey> {
        // A list of several is a request's: its result is the first that exists, which says nothing
        // of the others.
        let [reference] = references else { return Vec::new() };
        for survey in &mut self.0 {
            if let Some(found) = survey.found.get_mut(reference) {
                *found = Some(result.clone());
                survey.free_bytes = free_bytes;
            }
        }
        // Only whole surveys are answered: their answers compare models.
        let done = |survey: &mut Survey| survey.found.values().all(Option::is_some);
        self.0.extract_if(.., done).collect()
    }

    pub(super) fn forget_client(&mut self, client: ClientId) {
        self.0.retain(|survey| survey.asker.client != client);
    }

    pub(super) fn take_askers(&mut self) -> Vec<Asker> {
        std::mem::take(&mut self.0).into_iter().map(|survey| survey.asker).collect()
    }
}

impl Survey {
    pub(super) fn answer(self, settings: &Settings, fitting: Fitting<'_>) -> (Asker, SurveyAnswer) {
        // Loaded models would make way; their files' pages count as free already.
        let held: u64 = fitting
            .pool
            .engines()
            .filter_map(|(_, engine)| engine.loaded())
            .map(|loaded| loaded.memory.kv_bytes + loaded.memory.compute_bytes)
            .sum();
        let free_bytes = self.free_bytes.map(|free| free.saturating_add(held));
        let of = |reference: &str, profile: &Profile| {
            self.survey_of(reference, &settings.under(profile), free_bytes, fitting)
        };
        let profiles = settings.profiles.iter().map(|profile| ProfileSurvey {
            name: profile.name.clone(),
            summary: profile.summary.clone(),
            in_force: profile.name == settings.profile.name,
            code: of(&profile.code_model, profile),
            general: (!profile.general_model.is_empty())
                .then(|| of(&profile.general_model, profile)),
        });
        let models = self.models.iter().map(|it| self.survey_of(it, settings, free_bytes, fitting));
        let (profiles, models) = (profiles.collect(), models.collect());
        let answer = SurveyAnswer { free_bytes, profiles, models };
        (self.asker, answer)
    }

    fn survey_of(
        &self,
        reference: &str,
        settings: &Settings,
        free_bytes: Option<u64>,
        fitting: Fitting<'_>,
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
        let file = match self.found.get(reference) {
            Some(Some(Ok(file))) => file,
            Some(Some(Err(error))) => return ModelSurvey { text: error.to_string(), ..nothing },
            _ => return nothing,
        };
        let profiles = fitting.wanted(file.clone(), settings).profiles();
        let needed = |profile: &LoadProfile| {
            fit::needed(file, profile, fitting.knowledge.memory_of(file, profile))
                // Only files of tests have no header.
                .unwrap_or(Need { bytes: file.info.size_bytes, measured: false })
        };
        let free = free_bytes.unwrap_or(u64::MAX);
        let best = profiles.iter().find(|profile| needed(profile).bytes <= free);
        let loaded = fitting.loaded_tokens(file, settings);
        // What is loaded is reported as it is, not as it would be loaded now.
        let chosen = match loaded {
            Some(tokens) => {
                profiles.first().map(|profile| LoadProfile { context_tokens: tokens, ..*profile })
            }
            None => best.or(profiles.last()).copied(),
        };
        let Some(profile) = chosen else { return nothing };
        let Need { bytes, measured } = needed(&profile);
        let verdict = match (loaded, refusal_of_large(file, settings), free_bytes, best) {
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

/// The verdict in words, if room is not what prevents the model. An unusable one has its error as
/// text instead.
fn in_words(verdict: Verdict, bytes: u64, free: u64, tokens: u32) -> String {
    let needed = fit::up(bytes);
    match verdict {
        Verdict::Loaded => format!("loaded, {needed} with {tokens} tokens"),
        Verdict::Fits => {
            format!("needs {needed}, {} free: fits with {tokens} tokens", fit::down(free))
        }
        Verdict::NotAllowed => format!("needs {needed}; only under a profile for large models"),
        Verdict::Unknown | Verdict::TooLarge => format!("needs {needed} with {tokens} tokens"),
        Verdict::Unusable => String::new(),
    }
}
