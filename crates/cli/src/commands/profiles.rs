//! `localcoder profiles`: which there are, what their models need, what is free; and the choice of
//! one. The host does the arithmetic; the choice is a value in the product's own settings file.

use std::collections::BTreeSet;

use indicatif::DecimalBytes;
use localcoder_model_store::{Catalog, Entry};
use localcoder_protocol::{ErrorInfo, ModelSurvey, ProfileSurvey, Survey, SurveyParams, Verdict};
use localcoder_settings::{Layer, Places, no_such_profile};
use serde_json::{Value, json};

use crate::arguments::{ProfilesCommand, ProfilesOptions};
use crate::session::Session;
use crate::{output, settings_file};

/// What a profile says and a setting may say otherwise.
const OF_PROFILES: [&str; 3] = ["codeModel", "generalModel", "contextWindow"];

/// For which the memory of a model that is not installed is told.
const CONTEXT_TOKENS: u64 = 4096;

pub(crate) fn run(options: &ProfilesOptions) -> Result<(), ErrorInfo> {
    match &options.command {
        None => list(options.json),
        Some(ProfilesCommand::List { json }) => list(*json),
        Some(ProfilesCommand::Use { name, json }) => choose(name, *json),
    }
}

fn list(json: bool) -> Result<(), ErrorInfo> {
    let answer = Session::open()?.request::<Survey>(&SurveyParams::default(), |_| Ok(()))?;
    if json {
        return output::value(&answer);
    }
    let places = Places::resolve()?;
    let catalog = Catalog::with_file(&places.catalog_file())?;
    let of = |model: &ModelSurvey| of(model, &catalog, answer.free_bytes);
    for ProfileSurvey { name, summary, in_force, code, general } in &answer.profiles {
        let mark = if *in_force { '*' } else { ' ' };
        output::line(&format!("{mark} {name:12} {summary}"))?;
        output::line(&format!("    code       {}", of(code)))?;
        if let Some(general) = general {
            output::line(&format!("    the rest   {}", of(general)))?;
        }
    }
    let set = set_by_user(&settings_file::resolved(&places).values);
    if !set.is_empty() {
        output::note(&format!("Set by yourself, and counting more: {}.", set.join(", ")));
    }
    output::note("`*` is the profile in use; `localcoder profiles use NAME` chooses another.");
    Ok(())
}

/// A model of a profile in words; one that is not installed as the catalog knows it.
pub(crate) fn of(model: &ModelSurvey, catalog: &Catalog, free_bytes: Option<u64>) -> String {
    let measured = if model.measured { " (measured)" } else { "" };
    match (model.verdict, catalog.entry(&model.reference)) {
        (Verdict::Unusable, Some(entry)) => not_installed(entry, free_bytes),
        (Verdict::Unusable, None) => model.text.clone(),
        _ => format!("{}: {}{measured}", model.name, model.text),
    }
}

/// What is known of a model of the catalog before it is there.
fn not_installed(entry: &Entry, free_bytes: Option<u64>) -> String {
    let needed = entry.memory_bytes(CONTEXT_TOKENS);
    let fits = match free_bytes {
        Some(free) if needed <= free => format!(", {} free: would fit", DecimalBytes(free)),
        Some(free) => format!(", {} free: would not fit now", DecimalBytes(free)),
        None => String::new(),
    };
    format!(
        "{} is not installed ({} to load); needs {}{fits}",
        entry.name,
        DecimalBytes(entry.bytes),
        DecimalBytes(needed)
    )
}

/// Names of settings that a profile has, too, and that the user has set.
fn set_by_user(values: &[(&'static str, Value, Layer)]) -> Vec<&'static str> {
    let of_user = |(key, _, layer): &&(&'static str, Value, Layer)| {
        *layer > Layer::Profile && OF_PROFILES.contains(key)
    };
    values.iter().filter(of_user).map(|(key, ..)| *key).collect()
}

fn choose(name: &str, json: bool) -> Result<(), ErrorInfo> {
    let places = Places::resolve()?;
    let profiles = settings_file::resolved(&places).settings.profiles;
    let Some(profile) = profiles.iter().find(|profile| profile.name == name) else {
        return Err(no_such_profile(name, &profiles));
    };
    settings_file::set(&places, "profile", Some(&name.into()))?;
    let now = settings_file::resolved(&places);
    let in_force = now.settings.profile.name.clone();
    let overridden = (in_force != name).then_some(in_force);
    let overrides = set_by_user(&now.values);
    if json {
        return output::value(&json!({
            "profile": name, "overriddenBy": overridden, "overrides": overrides,
        }));
    }
    output::line(&format!("The profile is `{name}` from now on: {}", sentence(&profile.summary)))?;
    if let Some(other) = overridden {
        output::note(&format!(
            "The editor's own setting `localcoder.profile` is `{other}` and counts more: change \
             it there."
        ));
    }
    let both = [now.settings.code_models(), now.settings.general_models()];
    let missing = both.into_iter().filter_map(|models| {
        let used = settings_file::model_in_use(&places, &models);
        models.into_iter().next().filter(|wanted| *wanted != used).map(|wanted| (wanted, used))
    });
    for (wanted, used) in missing.collect::<BTreeSet<_>>() {
        output::note(&format!(
            "`{wanted}` is not installed (`localcoder models install {wanted}`); until it is, \
             `{used}` is used."
        ));
    }
    for key in overrides {
        output::note(&format!(
            "Your setting `{key}` counts more than the profile; `localcoder config unset {key}` \
             leaves it to the profile."
        ));
    }
    Ok(())
}

fn sentence(text: &str) -> String {
    let mut chars = text.chars();
    let first = chars.next().map(|first| first.to_lowercase().to_string()).unwrap_or_default();
    format!("{first}{}.", chars.as_str().trim_end_matches('.'))
}
