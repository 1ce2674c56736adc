//! The product's own settings file, changed a value at a time: what else is in it stays, and a
//! running host hears of it.

use std::io::Write as _;
use std::path::Path;

use localcoder_host::connect;
use localcoder_model_store::Store;
use localcoder_protocol::{ClientKind, ConfigureFile, ConfigureFileParams, ErrorCode, ErrorInfo};
use localcoder_settings::{DEMO, Layer, Places, Resolved, resolve};
use serde_json::{Map, Value};

/// Gives a setting a value, or takes it away.
pub(crate) fn set(places: &Places, key: &str, value: Option<Value>) -> Result<(), ErrorInfo> {
    let path = places.settings_file();
    let mut settings = read(&path)?;
    remove(&mut settings, key);
    if let Some(value) = value {
        settings.insert(key.to_owned(), value);
    }
    write(&path, &settings)?;
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
    let file = object(&places.settings_file());
    let editor = object(&places.editor_settings_file());
    resolve(&[(Layer::File, &file), (Layer::Editor, &editor), (Layer::CommandLine, options)])
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

/// The values of a settings file; none where there is none or it makes no sense, which the
/// host has told.
pub(crate) fn object(path: &Path) -> Map<String, Value> {
    let text = fs_err::read_to_string(path).unwrap_or_default();
    serde_json::from_str(&text).unwrap_or_default()
}

/// Removes a key however it is written: `a.b`, or `b` in an object `a`.
fn remove(map: &mut Map<String, Value>, key: &str) {
    map.remove(key);
    for (at, _) in key.match_indices('.') {
        let (outer, inner) = (&key[..at], &key[at + 1..]);
        if let Some(Value::Object(nested)) = map.get_mut(outer) {
            remove(nested, inner);
            if nested.is_empty() {
                map.remove(outer);
            }
        }
    }
}

/// A file that can't be read as it is must not be written over.
fn read(path: &Path) -> Result<Map<String, Value>, ErrorInfo> {
    let unusable = |why: String| {
        ErrorInfo::new(ErrorCode::InvalidSetting, format!("`{}` can't be changed", path.display()))
            .with_cause(why)
            .with_hint("mend the file, then try again: nothing in it was changed")
    };
    match fs_err::read_to_string(path) {
        Ok(text) => serde_json::from_str(&text).map_err(|error| unusable(error.to_string())),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Map::new()),
        Err(error) => Err(unusable(error.to_string())),
    }
}

fn write(path: &Path, settings: &Map<String, Value>) -> Result<(), ErrorInfo> {
    let write = || {
        let folder = path.parent().unwrap_or(path);
        fs_err::create_dir_all(folder)?;
        let mut file = tempfile::NamedTempFile::new_in(folder)?;
        file.write_all(serde_json::to_string_pretty(settings)?.as_bytes())?;
        file.write_all(b"\n")?;
        file.persist(path).map_err(|error| error.error)?;
        Ok::<_, std::io::Error>(())
    };
    write().map_err(|error| {
        ErrorInfo::new(ErrorCode::FileAccess, format!("`{}` can't be written", path.display()))
            .with_cause(error.to_string())
            .with_hint("check its permissions")
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_key_is_found_however_it_is_written() {
        let file = json!({"a.b": 1, "a": {"b": 2, "c": 3}, "d": {"e": {"f": 4}}});
        let mut map = file.as_object().unwrap().clone();
        remove(&mut map, "a.b");
        remove(&mut map, "d.e.f");
        remove(&mut map, "missing.key");
        assert_eq!(Value::Object(map), json!({"a": {"c": 3}}));
    }
}
