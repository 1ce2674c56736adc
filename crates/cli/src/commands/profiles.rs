//! `localcoder profiles`: which profiles there are, what their models need, what is free; and
//! choosing one. The host does the arithmetic; the choice is a value in the product's own settings
//! file.

use std::collections::BTreeSet;

use indicatif::DecimalBytes;
use localcoder_model_store::{Catalog, Entry, Fit, Machine, Memory};
use localcoder_protocol::limits::CONTEXT_TOKENS;
use localcoder_protocol::{
    ErrorInfo, ModelSurvey, ProfileChosen, ProfileSurvey, ProfilesList, ProfilesUse, Survey,
    SurveyParams, Verdict,
};
use localcoder_settings::{Key, Layer, Places, no_such_profile};
use serde_json::Value;

use crate::arguments::{ProfilesCommand, ProfilesOptions};
use crate::session::Session;
use crate::{output, settings_file};

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
        return output::answer::<ProfilesList>(&answer);
    }
    let places = Places::resolve()?;
    let catalog = Catalog::with_file(&places.catalog_file())?;
    let memory = memory(&places, answer.free_bytes);
    let of = |model: &ModelSurvey| of(model, &catalog, memory);
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

/// Memory of this machine. The host knows better what is free: models that it has loaded would be
/// unloaded. `free_bytes`: its figure; `None` if it has none, and the system's is taken.
pub(crate) fn memory(places: &Places, free_bytes: Option<u64>) -> Memory {
    let machine = Machine::here(&places.models).memory();
    Memory { free_bytes: free_bytes.or(machine.free_bytes), ..machine }
}

/// Describes a model of a profile; one that is not installed is described by the catalog.
pub(crate) fn of(model: &ModelSurvey, catalog: &Catalog, memory: Memory) -> String {
    let measured = if model.measured { " (measured)" } else { "" };
    match (model.verdict, catalog.entry(&model.reference)) {
        (Verdict::Unusable, Some(entry)) => not_installed(entry, memory),
        (Verdict::Unusable, None) => model.text.clone(),
        _ => format!("{}: {}{measured}", model.name, model.text),
    }
}

fn not_installed(entry: &Entry, memory: Memory) -> String {
    let needed = entry.need(CONTEXT_TOKENS).bytes;
    let words = match memory.fit(needed) {
        Fit::Fits => "would fit",
        Fit::Tight => "would fit if other programs were closed",
        Fit::TooLarge => "is too large for this machine's memory",
        Fit::Unknown => "this machine does not tell its memory",
    };
    let fits = match memory.free_bytes {
        Some(free) => format!(", {} free: {words}", DecimalBytes(free)),
        None => format!(": {words}"),
    };
    format!(
        "{} is not installed ({} to download); needs {}{fits}",
        entry.name,
        DecimalBytes(entry.bytes),
        DecimalBytes(needed)
    )
}

/// Names of settings that a profile also has, and that the user has set: for these, choosing
/// another profile changes nothing.
fn set_by_user(values: &[(&'static str, Value, Layer)]) -> Vec<&'static str> {
    let of_user = |(key, _, layer): &&(&'static str, Value, Layer)| {
        let is_of_profiles = Key::named(key).is_some_and(|key| key.setting().of_profiles);
        *layer > Layer::Profile && is_of_profiles
    };
    values.iter().filter(of_user).map(|(key, ..)| *key).collect()
}

fn choose(name: &str, json: bool) -> Result<(), ErrorInfo> {
    let places = Places::resolve()?;
    let profiles = settings_file::resolved(&places).settings.profiles;
    let Some(profile) = profiles.iter().find(|profile| profile.name == name) else {
        return Err(no_such_profile(name, &profiles).into());
    };
    settings_file::set(&places, "profile", Some(&name.into()))?;
    let now = settings_file::resolved(&places);
    let in_force = now.settings.profile.name.clone();
    let overridden = (in_force != name).then_some(in_force);
    let overrides = set_by_user(&now.values);
    if json {
        return output::answer::<ProfilesUse>(&ProfileChosen {
            profile: name.to_owned(),
            overridden_by: overridden,
            overrides: overrides.into_iter().map(str::to_owned).collect(),
        });
    }
    output::line(&format!("The profile is `{name}` from now on: {}", sentence(&profile.summary)))?;
    if let Some(other) = overridden {
        output::note(&format!(
            "The editor's own setting `localcoder.profile` is `{other}` and counts more: change \
             it there."
        ));
    }
    let both = [now.settings.code_models(), now.settings.general_models()];
    // A profile may name models that are not installed; what answers in their place is said, since
    // it answers without a word otherwise.
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
