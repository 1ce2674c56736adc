//! `models use`: the setting `codeModel` in the product's own settings file. Other settings in it
//! stay as they are.

use std::io::Write as _;
use std::path::Path;

use localcoder_host::connect;
use localcoder_protocol::{ClientKind, ConfigureFile, ConfigureFileParams, ErrorCode, ErrorInfo};
use serde_json::{Map, Value, json};

use super::{Models, object};
use crate::output;
use crate::session::model_reference;

/// The setting.
const KEY: &str = "codeModel";

pub(super) fn run(models: &Models, id: &str, json: bool) -> Result<(), ErrorInfo> {
    let value = if id == "demo" {
        id.to_owned()
    } else if id.contains(['/', '\\']) {
        model_reference(Some(id))?.unwrap_or_else(|| id.to_owned())
    } else {
        // It must be there and whole before it is chosen.
        models.store.path_of(id)?;
        id.to_owned()
    };
    let path = models.places.settings_file();
    let mut settings = read(&path)?;
    settings.insert(KEY.to_owned(), value.clone().into());
    write(&path, &settings)?;
    // A host that can't be told reads the file when it starts anew.
    if let Ok(Some(mut client)) = connect::connect(&models.places, ClientKind::Cli) {
        let _ = client.call::<ConfigureFile>(&ConfigureFileParams { settings }, |_, _| {});
    }
    let editor = object(&models.places.editor_settings_file());
    let overridden = editor.get(KEY).and_then(Value::as_str).filter(|set| *set != value);
    if json {
        output::value(&json!({"codeModel": value, "overriddenBy": overridden}));
        return Ok(());
    }
    output::line(&format!("`{value}` is the model for code from now on."));
    if let Some(other) = overridden {
        output::note(&format!(
            "The editor's own setting `localcoder.codeModel` is `{other}` and counts more: change it \
             there."
        ));
    }
    Ok(())
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
