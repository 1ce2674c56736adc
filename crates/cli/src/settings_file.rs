//! The product's own settings file, changed a value at a time: what else is in it stays, and a
//! running host hears of it.

use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};

use localcoder_host::connect;
use localcoder_model_store::Store;
use localcoder_protocol::{ClientKind, ConfigureFile, ConfigureFileParams, ErrorCode, ErrorInfo};
use localcoder_settings::{
    DEMO, Places, Resolved, SettingsFiles, edited, no_json, parse, read_text,
};
use serde_json::{Map, Value};

use crate::output;

/// Links in a row; as many as the system follows.
const LINKS_MAX: usize = 40;
/// What a file that is made has in it.
const EMPTY: &str = "{}\n";

/// Gives a setting a value, or takes it away.
pub(crate) fn set(places: &Places, key: &str, value: Option<&Value>) -> Result<(), ErrorInfo> {
    let path = places.settings_file();
    let hint = "mend the file, then try again: nothing in it was changed";
    let unusable = |why: String| no_json(&path, &why).with_hint(hint);
    let before = read_text(&path).map_err(|error| error.with_hint(hint))?;
    let text = edited(before.as_deref().unwrap_or(EMPTY), key, value).map_err(unusable)?;
    let settings = parse(&text).map_err(unusable)?;
    write(&path, &text)?;
    // A host that can't be told reads the file when it starts anew.
    if let Ok(Some(mut client)) = connect::connect(places, ClientKind::Cli) {
        let _ = client.call::<ConfigureFile>(&ConfigureFileParams { settings }, |_, _| {});
    }
    Ok(())
}

/// The settings in force: of this file and of the editor.
pub(crate) fn resolved(places: &Places) -> Resolved {
    resolved_with(places, &Map::new())
}

/// The same with options of a command over them.
pub(crate) fn resolved_with(places: &Places, options: &Map<String, Value>) -> Resolved {
    SettingsFiles::read(places).resolve_with(options)
}

/// Says which settings file can't be read, and which value in it is not used: whatever a command
/// did then, it did without that. The first `told` of them, and what its error says, are not said
/// again. The one place that all commands pass; see `main`.
pub(crate) fn tell_problems(error: Option<&ErrorInfo>, told: usize) {
    let error = error.map(ToString::to_string).unwrap_or_default();
    let is_said = |problem: &&ErrorInfo| error.contains(&problem.message);
    problems().iter().skip(told).filter(|problem| !is_said(problem)).for_each(tell);
}

/// All that is wrong in the settings files.
pub(crate) fn problems() -> Vec<ErrorInfo> {
    Places::resolve().map(|places| resolved(&places).errors).unwrap_or_default()
}

/// Something about a setting that is not used, and what to do.
pub(crate) fn tell(problem: &ErrorInfo) {
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

/// Replaces the file as a whole or not at all.
fn write(path: &Path, text: &str) -> Result<(), ErrorInfo> {
    let target = behind_links(path);
    replace(&target, text).map_err(|error| unwritable(&target, &error))
}

/// A link stays one, and the file that it leads to is replaced: people keep such files elsewhere.
fn behind_links(path: &Path) -> PathBuf {
    let mut at = path.to_owned();
    for _ in 0..LINKS_MAX {
        let Ok(next) = at.read_link() else { break };
        at = at.parent().map_or_else(|| next.clone(), |folder| folder.join(&next));
    }
    at
}

fn replace(target: &Path, text: &str) -> std::io::Result<()> {
    let folder = target.parent().unwrap_or(target);
    fs_err::create_dir_all(folder)?;
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(text.as_bytes())?;
    if let Ok(about) = target.metadata() {
        file.as_file().set_permissions(about.permissions())?;
    }
    // Else a power cut could leave an empty file, which is none that says anything.
    file.as_file().sync_all()?;
    file.persist(target).map_err(|error| error.error)?;
    Ok(())
}

/// What is to be done depends on why.
fn unwritable(target: &Path, error: &std::io::Error) -> ErrorInfo {
    let folder = target.parent().map_or_else(PathBuf::new, Path::to_owned);
    let folder = folder.display();
    let (code, hint) = match error.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => (
            ErrorCode::DiskFull,
            format!("make room on the disk of `{folder}`, then try again: the file is as it was"),
        ),
        ErrorKind::ReadOnlyFilesystem => (
            ErrorCode::FileAccess,
            format!("`{folder}` lies on a disk that can only be read: change the file elsewhere"),
        ),
        _ => (ErrorCode::FileAccess, format!("check the permissions of `{folder}`")),
    };
    ErrorInfo::new(code, format!("`{}` can't be written", target.display()))
        .with_cause(error.to_string())
        .with_hint(hint)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_is_not_taken_for_a_lack_of_rights() {
        let path = Path::new("/h/settings.json");
        for (kind, code, said) in [
            (ErrorKind::StorageFull, ErrorCode::DiskFull, "make room"),
            (ErrorKind::QuotaExceeded, ErrorCode::DiskFull, "make room"),
            (ErrorKind::ReadOnlyFilesystem, ErrorCode::FileAccess, "can only be read"),
            (ErrorKind::PermissionDenied, ErrorCode::FileAccess, "permissions of `/h`"),
        ] {
            let error = unwritable(path, &kind.into());
            assert_eq!(error.code, code, "{kind:?}");
            let hint = error.hint.unwrap();
            assert!(hint.contains(said), "{kind:?}: {hint}");
        }
    }
}
