//! Changes the product's own settings file one value at a time: everything else in it stays, and a
//! running host is notified.

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

/// Each failed try means that another program has changed the file, so even one of many gets its
/// turn. Only a program that writes without end would use them up.
const TRIES_MAX: usize = 20;
const EMPTY: &str = "{}\n";

/// Gives a setting a value; `None` removes it. Comments, order and what else is in the file stay.
pub(crate) fn set(places: &Places, key: &str, value: Option<&Value>) -> Result<(), ErrorInfo> {
    rewrite_with(places, &|text| edited(text, key, value))
}

/// Replaces the file's text by what `edit` makes of it; a missing file counts as empty. `edit` may
/// run several times, each on what the file has by then, so that no change of another program is
/// lost.
///
/// # Errors
/// If the file can't be read or written, if it is malformed, or if it keeps changing; nothing is
/// written then.
pub(crate) fn rewrite_with(
    places: &Places,
    edit: &dyn Fn(&str) -> Result<String, String>,
) -> Result<(), ErrorInfo> {
    let path = places.settings_file();
    for _ in 0..TRIES_MAX {
        if !change(&path, edit)? {
            continue;
        }
        // A host that can't be reached reads the file when it next starts.
        if let Ok(Some(mut client)) = connect::connect(places, ClientKind::Cli) {
            let read = ConfigureFileParams { settings: None };
            let _ = client.call::<ConfigureFile>(&read, |_, _| {});
        }
        return Ok(());
    }
    Err(unwritten(&path, RewriteError::Changed.cause(&path)))
}

/// One try; `false` if another program has changed the file meanwhile. If the text would stay the
/// same, nothing is written.
fn change(path: &Path, edit: &dyn Fn(&str) -> Result<String, String>) -> Result<bool, ErrorInfo> {
    // A file that can't be read is never replaced: it is the user's, and may only lack a bracket.
    let hint = "fix the file, then try again: nothing in it was changed";
    let unusable = |why: String| ErrorInfo::from(no_json(path, why)).with_hint(hint);
    let before = read_file(path).map_err(|error| {
        let mut error = ErrorInfo::from(error);
        error.hint.get_or_insert_with(|| hint.to_owned());
        error
    })?;
    let text = before.as_ref().map_or(EMPTY, |(text, _)| text);
    let changed = edit(text).map_err(unusable)?;
    // Writing the same text again would change the file's time, which editors watch.
    if before.is_some() && changed == text {
        return Ok(true);
    }
    let text = changed;
    // What was read is passed along: the file is replaced only if it is still that one.
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
        // Another program was first; its file is read with the next try.
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Err(RewriteError::Changed),
        result => Ok(result?),
    }
}

fn unwritten(path: &Path, cause: Cause) -> ErrorInfo {
    let message = format!("`{}` can't be written", path.display());
    explained(ErrorInfo::new(ErrorCode::FileAccess, message), cause)
}

pub(crate) fn resolved(places: &Places) -> Resolved {
    resolved_with(places, &Map::new())
}

pub(crate) fn resolved_with(places: &Places, options: &Map<String, Value>) -> Resolved {
    SettingsFiles::read(places).resolve_with(options)
}

/// Says which settings file can't be read, and which value in it is not used: whatever a command
/// did then, it did without those. The first `reported` of them, and what its error says, are not
/// repeated. All commands pass through here; see `main`.
pub(crate) fn warn_of_problems(error: Option<&ErrorInfo>, reported: usize) {
    let error = error.map(ToString::to_string).unwrap_or_default();
    let is_said = |problem: &&ErrorInfo| error.contains(&problem.message);
    problems().iter().skip(reported).filter(|problem| !is_said(problem)).for_each(warn);
}

/// Everything that is wrong in the settings files, read again with each call: a command may have
/// fixed it.
pub(crate) fn problems() -> Vec<ErrorInfo> {
    Places::resolve().map(|places| resolved(&places).errors).unwrap_or_default()
}

pub(crate) fn warn(problem: &ErrorInfo) {
    let hint = problem.hint.as_ref().map(|hint| format!("\n  hint: {hint}"));
    output::note(&format!("warning: {problem}{}", hint.unwrap_or_default()));
}

/// Which of the suitable models is used: the first that is installed, else the first, so that
/// errors name the one that was wanted. A path counts as there without a look: it is the host that
/// opens it, and says what is wrong with it.
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
