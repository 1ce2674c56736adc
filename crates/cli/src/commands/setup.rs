//! `localcoder setup`: from a machine without a model to one that can edit. The page in the editor
//! and the questions on a terminal show the same facts (`facts`) and write the same notes
//! (`state`).

mod facts;
mod questions;
mod recommend;
mod state;

use localcoder_model_store::{Catalog, Role, Store};
use localcoder_protocol::{DEMO, ErrorAction, ErrorCode, ErrorInfo, SetupShow, SetupStep};
use localcoder_settings::{AIR_GAPPED, LARGE_PARAMETERS, Places};

use crate::arguments::SetupOptions;
use crate::setup_arguments::Switch;
use crate::{output, settings_file};
use state::State;

pub(crate) fn run(options: &SetupOptions) -> Result<(), ErrorInfo> {
    let places = Places::resolve()?;
    let changed = change(&places, options)?;
    if let Some(model) = &options.model {
        return questions::get(&places, model, options);
    }
    if options.json {
        return output::answer::<SetupShow>(&facts::report(&places)?);
    }
    if changed { Ok(()) } else { questions::ask(&places) }
}

/// Does what is asked for without questions; returns whether that was anything. The editor's page
/// goes through its steps by these options, so each of them saves how far the set-up has come.
fn change(places: &Places, options: &SetupOptions) -> Result<bool, ErrorInfo> {
    // By itself or with any of the others, hence not one of the cases below.
    if let Some(switch) = options.air_gapped {
        let on = switch == Switch::On;
        settings_file::set(places, AIR_GAPPED, Some(&on.into()))?;
        print_text(options, &format!("Air-gapped mode is {}.", if on { "on" } else { "off" }))?;
    }
    let file = places.setup_file();
    // A file that can't be read is replaced: it only costs the user a question.
    let mut state = State::read(&file).unwrap_or_default();
    if options.demo {
        stay_with_demo(places)?;
        state.go(SetupStep::Done, Vec::new());
        state.write(&file)?;
        print_text(options, "The demo model stays. `localcoder setup --again` starts over.")?;
    } else if let Some(step) = options.step {
        // Before anything is noted: what no catalog has could never be resumed.
        for id in &options.download {
            known(places, id)?;
        }
        state.go(step.into(), options.download.clone());
        state.write(&file)?;
    } else if let Some(id) = &options.used {
        take_into_use(places, id)?;
        // Only once the setting is written: if that fails, the model is still to be taken into use.
        state.arrived(id);
        state.write(&file)?;
    } else if options.again {
        State::default().write(&file)?;
        print_text(options, "The set-up is offered at the next start.")?;
    }
    let asked = options.demo || options.again || options.air_gapped.is_some();
    Ok(asked || options.step.is_some() || options.used.is_some())
}

fn print_text(options: &SetupOptions, text: &str) -> Result<(), ErrorInfo> {
    if options.json { Ok(()) } else { output::line(text) }
}

fn known(places: &Places, id: &str) -> Result<(), ErrorInfo> {
    let catalog = Catalog::with_file(&places.catalog_file())?;
    if catalog.entry(id).is_some() {
        return Ok(());
    }
    let message = format!("the catalog has no model `{id}`");
    Err(ErrorInfo::new(ErrorCode::ModelNotFound, message)
        .with_hint("choose one of those that can be installed")
        .with_action(ErrorAction::ShowModels))
}

/// Sets the demo model if another one was named; otherwise it is the one that answers anyway, and
/// no setting keeps a model that is installed later from being used.
fn stay_with_demo(places: &Places) -> Result<(), ErrorInfo> {
    let settings = settings_file::resolved(places).settings;
    if settings_file::model_in_use(places, &settings.code_models()) == DEMO {
        return Ok(());
    }
    settings_file::set(places, "codeModel", Some(&DEMO.into()))
}

/// Chooses an installed model for what it is meant for, under a profile that loads it. A model of
/// no catalog is taken for code.
fn take_into_use(places: &Places, id: &str) -> Result<(), ErrorInfo> {
    let store = Store::open(&places.models)?;
    // A model that can't be used is refused before any setting names it.
    store.path_of(id)?;
    let catalog = Catalog::with_file(&places.catalog_file())?;
    let entry = catalog.entry(id);
    let for_code = entry.is_none_or(|entry| entry.roles.contains(&Role::Code));
    let key = if for_code { "codeModel" } else { "generalModel" };
    settings_file::set(places, key, Some(&id.into()))?;
    let now = settings_file::resolved(places).settings;
    let is_large = store.model(id)?.parameters >= LARGE_PARAMETERS;
    if let Some(profile) = now.profile_for_large_models()
        && is_large
        // A profile that loads it already is the user's choice and stays.
        && !now.profile.large_models
    {
        settings_file::set(places, "profile", Some(&profile.name.clone().into()))?;
    }
    Ok(())
}
