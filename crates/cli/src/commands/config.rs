//! `localcoder config …`: the settings, where each value comes from, and changes to the product's
//! own file.

use localcoder_protocol::ErrorInfo;
use localcoder_settings::{Layer, Places, check_value, json_schema, no_such_setting};
use serde_json::{Value, json};

use crate::arguments::ConfigCommand;
use crate::{output, settings_file};

pub(crate) fn run(command: ConfigCommand) -> Result<(), ErrorInfo> {
    let places = Places::resolve()?;
    match command {
        ConfigCommand::List { explain, json } => list(&places, explain, json),
        ConfigCommand::Get { key, json } => get(&places, &key, json),
        ConfigCommand::Set { key, value } => {
            let value = typed(&key, &value)?;
            change(&places, &key, Some(value))
        }
        ConfigCommand::Unset { key } => change(&places, &key, None),
        ConfigCommand::Schema => {
            output::value(&json_schema());
            Ok(())
        }
    }
}

fn list(places: &Places, explain: bool, json: bool) -> Result<(), ErrorInfo> {
    let resolved = settings_file::resolved(places);
    if json {
        let rows = resolved
            .values
            .iter()
            .map(|(key, value, layer)| json!({"key": key, "value": value, "from": layer.name()}));
        let rows: Vec<Value> = rows.collect();
        output::value(&json!({"settings": rows, "errors": resolved.errors}));
        return Ok(());
    }
    for (key, value, layer) in &resolved.values {
        let from = if explain { layer.name() } else { "" };
        output::line(format!("{key:24} {:24} {from}", shown(value)).trim_end());
    }
    if explain {
        let file = places.settings_file();
        output::note(&format!("settings.json is `{}`.", file.display()));
    }
    for error in &resolved.errors {
        output::note(&error.to_string());
    }
    Ok(())
}

fn get(places: &Places, key: &str, json: bool) -> Result<(), ErrorInfo> {
    let resolved = settings_file::resolved(places);
    let Some((_, value, layer)) = resolved.values.iter().find(|(known, ..)| *known == key) else {
        return Err(no_such_setting(key));
    };
    if json {
        output::value(&json!({"key": key, "value": value, "from": layer.name()}));
    } else {
        output::line(&shown(value));
    }
    Ok(())
}

fn change(places: &Places, key: &str, value: Option<Value>) -> Result<(), ErrorInfo> {
    if settings_file::resolved(places).values.iter().all(|(known, ..)| *known != key) {
        return Err(no_such_setting(key));
    }
    settings_file::set(places, key, value)?;
    let now = settings_file::resolved(places);
    for (known, value, layer) in &now.values {
        if *known == key {
            output::line(&format!("{key} is {} ({}).", shown(value), layer.name()));
            if *layer == Layer::Editor {
                output::note("The editor's own setting counts more: change it there.");
            }
        }
    }
    Ok(())
}

/// What was typed: a number or a word, as the setting wants it.
fn typed(key: &str, text: &str) -> Result<Value, ErrorInfo> {
    let as_text = Value::String(text.to_owned());
    if check_value(key, &as_text).is_ok() {
        return Ok(as_text);
    }
    let value = serde_json::from_str(text).unwrap_or(as_text);
    check_value(key, &value)?;
    Ok(value)
}

fn shown(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}
