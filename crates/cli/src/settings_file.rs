//! The product's own settings file, changed a value at a time: what else is in it stays, and a
//! running host hears of it.

use std::io::ErrorKind;
use std::path::Path;

use localcoder_disk::{Cause, Options, RewriteError, create, rewrite};
use localcoder_host::connect;
use localcoder_model_store::Store;
use localcoder_protocol::{ClientKind, ConfigureFile, ConfigureFileParams, ErrorCode, ErrorInfo};
use localcoder_settings::{DEMO, Places, Resolved, SettingsFiles, edited, no_json, read_file};
use serde_json::{Map, Value};

use crate::failure::explained;
use crate::output;

/// Each that fails is a change by another program, so that one of many comes to its turn.
const TRIES_MAX: usize = 20;
/// What a file that is made has in it.
const EMPTY: &str = "{}\n";

/// Gives a setting a value, or takes it away.
pub(crate) fn set(places: &Places, key: &str, value: Option<&Value>) -> Result<(), ErrorInfo> {
    rewrite_with(places, &|text| edited(text, key, value))
}

/// Gives the file the text that is made of its own, which is empty where there is none.
pub(crate) fn rewrite_with(
    places: &Places,
    edit: &dyn Fn(&str) -> Result<String, String>,
) -> Result<(), ErrorInfo> {
    let path = places.settings_file();
    for _ in 0..TRIES_MAX {
        if !change(&path, edit)? {
            continue;
        }
        // A host that can't be reached reads the file when it starts again.
        if let Ok(Some(mut client)) = connect::connect(places, ClientKind::Cli) {
            let read = ConfigureFileParams { settings: None };
            let _ = client.call::<ConfigureFile>(&read, |_, _| {});
        }
        return Ok(());
    }
    Err(unwritten(&path, RewriteError::Changed.cause(&path)))
}

/// One try; `false` where another program has changed the file meanwhile. What is right already is
/// not written.
fn change(path: &Path, edit: &dyn Fn(&str) -> Result<String, String>) -> Result<bool, ErrorInfo> {
    let hint = "fix the file, then try again: nothing in it was changed";
    let unusable = |why: String| ErrorInfo::from(no_json(path, why)).with_hint(hint);
    let before = read_file(path).map_err(|error| {
        let mut error = ErrorInfo::from(error);
        error.hint.get_or_insert_with(|| hint.to_owned());
        error
    })?;
    let text = before.as_ref().map_or(EMPTY, |(text, _)| text);
    let changed = edit(text).map_err(unusable)?;
    if before.is_some() && changed == text {
        return Ok(true);
    }
    let text = changed;
    let written = match &before {
        Some((_, seen)) => rewrite(path, seen, text.as_bytes()),
        None => make(path, &text),
    };
    match written {
        Ok(()) => Ok(true),
        Err(RewriteError::Changed) => Ok(false),
        Err(error) => Err(unwritten(path, error.cause(path))),
    }
}

fn make(path: &Path, text: &str) -> Result<(), RewriteError> {
    std::fs::create_dir_all(path.parent().unwrap_or(path))?;
    match create(path, text.as_bytes(), Options::PRIVATE) {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Err(RewriteError::Changed),
        result => Ok(result?),
    }
}

fn unwritten(path: &Path, cause: Cause) -> ErrorInfo {
    let message = format!("`{}` can't be written", path.display());
    explained(ErrorInfo::new(ErrorCode::FileAccess, message), cause)
}

/// The settings in force: of this file and of the editor.
pub(crate) fn resolved(places: &Places) -> Resolved {
    resolved_with(places, &Map::new())
}

/// The settings in force, with options of a command on top.
pub(crate) fn resolved_with(places: &Places, options: &Map<String, Value>) -> Resolved {
    SettingsFiles::read(places).resolve_with(options)
}

/// Says which settings file can't be read, and which value in it is not used: whatever a command
/// did then, it did without that. The first `reported` of them, and what its error says, are not
/// said again. The one place that all commands pass; see `main`.
pub(crate) fn warn_of_problems(error: Option<&ErrorInfo>, reported: usize) {
    let error = error.map(ToString::to_string).unwrap_or_default();
    let is_said = |problem: &&ErrorInfo| error.contains(&problem.message);
    problems().iter().skip(reported).filter(|problem| !is_said(problem)).for_each(warn);
}

/// All that is wrong in the settings files.
pub(crate) fn problems() -> Vec<ErrorInfo> {
    Places::resolve().map(|places| resolved(&places).errors).unwrap_or_default()
}

/// Something about a setting that is not used, and what to do.
pub(crate) fn warn(problem: &ErrorInfo) {
    let hint = problem.hint.as_ref().map(|hint| format!("\n  hint: {hint}"));
    output::note(&format!("warning: {problem}{}", hint.unwrap_or_default()));
}

/// Of models that would do, the one that is used: the first that is there, else the first.
pub(crate) fn model_in_use(places: &Places, references: &[String]) -> String {
    let store = Store::existing(&places.models);
    let is_there = |reference: &&String| {
        *reference == DEMO
            || reference.contains(['/', '\\'])
            || store.as_ref().is_some_and(|store| store.path_of(reference).is_ok())
    };
    let found = references.iter().find(is_there).or(references.first());
    found.cloned().unwrap_or_default()
}
