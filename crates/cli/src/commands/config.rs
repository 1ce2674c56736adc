//! `localcoder config …`: the settings, where each value comes from, and changes to the product's
//! own file.

use localcoder_protocol::{ConfigGet, ConfigList, ErrorInfo, SettingValue, SettingsList};
use localcoder_settings::{
    AIR_GAPPED, AirGap, Layer, Places, Settings, SettingsError, check_value, json_schema, own,
};
use serde_json::{Map, Value};

use crate::arguments::ConfigCommand;
use crate::session::overrides;
use crate::{output, settings_file};

pub(crate) fn run(command: ConfigCommand) -> Result<(), ErrorInfo> {
    let places = Places::resolve()?;
    match command {
        ConfigCommand::List { explain, profile, json } => {
            list(&places, explain, &overrides(profile.as_deref()), json)
        }
        ConfigCommand::Get { key, json } => get(&places, own(&key), json),
        ConfigCommand::Set { key, value } => {
            let value = typed(own(&key), &value)?;
            change(&places, own(&key), Some(&value))
        }
        ConfigCommand::Unset { key } => change(&places, own(&key), None),
        ConfigCommand::Schema => output::value(&json_schema()),
    }
}

fn list(
    places: &Places,
    explain: bool,
    options: &Map<String, Value>,
    json: bool,
) -> Result<(), ErrorInfo> {
    let resolved = settings_file::resolved_with(places, options);
    let from = |layer: Layer| from(layer, &resolved.settings);
    if json {
        let settings = resolved.values.iter().map(|(key, value, layer)| SettingValue {
            key: (*key).to_owned(),
            value: value.clone(),
            from: from(*layer),
            reason: None,
        });
        let settings = settings.collect();
        let list = SettingsList { settings, errors: resolved.errors };
        return output::answer::<ConfigList>(&list);
    }
    for (key, value, layer) in &resolved.values {
        let from = if explain { from(*layer) } else { String::new() };
        output::line(format!("{key:24} {:24} {from}", shown(value)).trim_end())?;
    }
    if explain {
        let file = places.settings_file();
        output::note(&format!("settings.json is `{}`.", file.display()));
    }
    // What is wrong with the files is reported with every command.
    let of_files = settings_file::problems();
    resolved.errors.iter().filter(|it| !of_files.contains(it)).for_each(settings_file::warn);
    Ok(())
}

fn get(places: &Places, key: &str, json: bool) -> Result<(), ErrorInfo> {
    let resolved = settings_file::resolved(places);
    let Some((_, value, layer)) = resolved.values.iter().find(|(known, ..)| *known == key) else {
        return Err(SettingsError::NoSetting(key.to_owned()).into());
    };
    // That one is a promise: where it comes from is part of the answer.
    let reason = resolved.air_gap.reason().filter(|_| key == AIR_GAPPED);
    if json {
        output::answer::<ConfigGet>(&SettingValue {
            key: key.to_owned(),
            value: value.clone(),
            from: from(*layer, &resolved.settings),
            reason: reason.map(str::to_owned),
        })?;
    } else {
        output::line(&shown(value))?;
    }
    match &resolved.air_gap {
        // If it is on because the settings can't be read, every command reports that at its end.
        AirGap::On { reason, problem } if key == AIR_GAPPED && !resolved.mentions(reason) => {
            let hint = problem.as_ref().and_then(|problem| problem.hint.as_deref());
            let hint = hint.map_or_else(String::new, |hint| format!("\n  hint: {hint}"));
            output::note(&format!("{reason}{hint}"));
        }
        _ => {}
    }
    Ok(())
}

fn change(places: &Places, key: &str, value: Option<&Value>) -> Result<(), ErrorInfo> {
    // Before the file is touched: an unknown name in it would be reported by each command from then
    // on.
    if settings_file::resolved(places).values.iter().all(|(known, ..)| *known != key) {
        return Err(SettingsError::NoSetting(key.to_owned()).into());
    }
    settings_file::set(places, key, value)?;
    let now = settings_file::resolved(places);
    for (known, value, layer) in &now.values {
        if *known == key {
            let from = from(*layer, &now.settings);
            output::line(&format!("{key} is {} ({from}).", shown(value)))?;
            let reason = now.air_gap.reason().filter(|it| key == AIR_GAPPED && !now.mentions(it));
            if let Some(reason) = reason {
                output::note(&format!("{reason}."));
            }
            // What was set is in the file and not in force.
            if *layer == Layer::Editor {
                output::note("The editor's own setting counts more: change it there.");
            }
        }
    }
    Ok(())
}

pub(crate) fn from(layer: Layer, settings: &Settings) -> String {
    match layer {
        Layer::Profile => format!("{} {}", layer.name(), settings.profile.name),
        _ => layer.name().to_owned(),
    }
}

/// Parses what was typed. A text is tried first, as `12` may be the name of a profile; else it is
/// JSON, such as a number or `true`.
///
/// # Errors
/// If the setting does not take such a value.
fn typed(key: &str, text: &str) -> Result<Value, ErrorInfo> {
    let as_text = Value::String(text.to_owned());
    if check_value(key, &as_text).is_ok() {
        return Ok(as_text);
    }
    let value = serde_json::from_str(text).unwrap_or(as_text);
    check_value(key, &value)?;
    Ok(value)
}

pub(crate) fn shown(value: &Value) -> String {
    match value {
        Value::String(text) if text.is_empty() => "-".to_owned(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}
