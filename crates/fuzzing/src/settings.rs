//! A settings file: only allowed values take effect, only a plain `false` opens the air gap, and a
//! change to a file changes one value.

use localcoder_settings::{
    AIR_GAPPED, Contents, Layer, Resolved, TABLE, check_value, edited, parse, resolve,
};
use serde_json::{Map, Value};

use crate::input::Input;
use crate::messages::same;

pub(crate) fn run(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    let setting = &TABLE[input.number() % TABLE.len()];
    let (text, value) = (input.text(), input.text());
    let contents = match Contents::of(&text) {
        Ok(contents) => contents,
        Err(why) => {
            assert!(!why.is_empty());
            assert!(edited(&text, setting.key, None).is_err(), "it is not a settings file");
            return;
        }
    };
    let resolved = file(&contents);
    check_resolved(&resolved);
    check_air_gap(&contents.values, &resolved);
    let value = serde_json::from_str(&value).unwrap_or_else(|_| usual(setting.key));
    check_edited(&text, setting.key, &value);
}

fn file(contents: &Contents) -> Resolved {
    resolve(&[(Layer::File, contents)])
}

fn usual(key: &str) -> Value {
    let values = resolve(&[]).values;
    let found = values.into_iter().find(|(name, ..)| *name == key);
    found.expect("each setting has a value").1
}

fn check_resolved(resolved: &Resolved) {
    for (key, value, _) in &resolved.values {
        if let Err(error) = check_value(key, value) {
            panic!("{error}");
        }
    }
    assert_eq!(resolved.values.len(), TABLE.len());
    assert!(resolved.errors.iter().all(|error| !error.message.is_empty()));
}

/// Checks that the network is open only if every occurrence of the setting, however it is spelled,
/// is a plain `false`.
fn check_air_gap(values: &Map<String, Value>, resolved: &Resolved) {
    if resolved.air_gap.is_on() {
        return assert!(resolved.air_gap.reason().is_some_and(|reason| !reason.is_empty()));
    }
    let mut said = Vec::new();
    collect("", values, &mut said);
    // Spelled in any way: whoever writes `air-gapped` means it, and an air gap that is open
    // because of a dash would be open without a word.
    let letters = |key: &str| -> String {
        key.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_ascii_lowercase()
    };
    let wanted = letters(AIR_GAPPED);
    for (key, value) in said.iter().filter(|(key, _)| letters(key).ends_with(&wanted)) {
        assert_eq!(**value, Value::Bool(false), "`{key}` is {value}, and the network is open");
    }
}

fn collect<'a>(prefix: &str, map: &'a Map<String, Value>, into: &mut Vec<(String, &'a Value)>) {
    for (key, value) in map {
        let key = format!("{prefix}.{key}");
        match value {
            Value::Object(inner) => collect(&key, inner, into),
            value => into.push((key, value)),
        }
    }
}

fn check_edited(text: &str, key: &str, value: &Value) {
    let Ok(after) = edited(text, key, Some(value)) else {
        panic!("a settings file can be changed: {text}");
    };
    let contents = Contents::of(&after).unwrap_or_else(|why| panic!("{after}: {why}"));
    if check_value(key, value).is_ok() && !value.is_null() {
        let resolved = file(&contents);
        let found = resolved.values.iter().find(|(name, ..)| *name == key);
        let (_, found, layer) = found.expect("each setting has a value");
        // The profile may not exist, and anything that can't be understood closes the air gap.
        let is_told = ["profile", AIR_GAPPED].contains(&key) && !resolved.errors.is_empty();
        let is_in_force = same(found, value) && *layer == Layer::File;
        // An empty model name leaves the choice to the profile.
        let is_left = ["codeModel", "generalModel"].contains(&key) && value == "";
        assert!(is_in_force || is_told || is_left, "{found} for {value} in {after}");
    }
    let twice = edited(&after, key, Some(value)).expect("it is a settings file");
    // Only the indentation may differ.
    assert_eq!(parse(&twice), parse(&after), "the same change again changes nothing");
    let without = edited(text, key, None).expect("it is a settings file");
    let gone = Contents::of(&without).unwrap_or_else(|why| panic!("{without}: {why}"));
    let resolved = file(&gone);
    let (_, _, layer) = resolved.values.iter().find(|(name, ..)| *name == key).expect("each");
    // Anything that can't be understood closes the air gap, even if the setting is not in the file.
    let is_closed = key == AIR_GAPPED && !resolved.errors.is_empty();
    assert!(*layer != Layer::File || is_closed, "`{key}` is still in {without}");
    check_others(text, &[&after, &without], key);
}

fn check_others(before: &str, after: &[&str], key: &str) {
    let full = format!("localcoder.{key}");
    let is_other = |name: &str| {
        let name = name.trim_start_matches('.');
        let is_within = |of: &str| name.strip_prefix(of).is_some_and(|it| it.starts_with('.'));
        ![key, &full].iter().any(|of| name == *of || is_within(of))
    };
    let others = |text: &str| -> Option<Vec<(String, String)>> {
        let contents = Contents::of(text).expect("it is a settings file");
        let mut all = Vec::new();
        collect("", &contents.values, &mut all);
        let said = all.into_iter().filter(|(name, _)| is_other(name));
        let said = said.map(|(name, value)| (name, value.to_string())).collect();
        contents.repeated.is_empty().then_some(said)
    };
    // If the key occurs twice, the change removes one occurrence, and the value of the other counts
    // from then on.
    if let Some(wanted) = others(before)
        && no_key_twice(before)
    {
        for text in after {
            assert_eq!(others(text).as_ref(), Some(&wanted), "{before} became {text}");
        }
    }
}

/// Whether no key occurs twice, for a text that has as many colons as keys.
fn no_key_twice(text: &str) -> bool {
    let Ok(values) = parse(text) else { return false };
    fn keys(value: &Value) -> usize {
        match value {
            Value::Object(map) => map.len() + map.values().map(keys).sum::<usize>(),
            Value::Array(list) => list.iter().map(keys).sum(),
            _ => 0,
        }
    }
    keys(&Value::Object(values)) == text.matches(':').count()
}
