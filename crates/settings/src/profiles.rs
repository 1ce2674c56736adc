//! Profiles: a single word for which models are used and how large their context window is. Three
//! are built in; the user's own come from the setting `profiles`. This module does not know which
//! of the models are installed.

use localcoder_protocol::limits::{CONTEXT_TOKENS, CONTEXT_TOKENS_MAX, CONTEXT_TOKENS_MIN};
use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::{Key, SettingsError};

/// From this many parameters on, a model is only loaded by a profile that says so: models called
/// 13B have 13.0 billion, those called 12B have 12.2.
pub const LARGE_PARAMETERS: u64 = 12_500_000_000;

/// The built-in profiles as the editor lists them: each word and what it means.
pub(crate) const PROFILE_CHOICES: &[(&str, &str)] = &[
    ("fast", "A 7B model for everything, 4096 tokens of context"),
    (
        "balanced",
        "A 7B model for code and an 8B model for the rest, 4096 to 8192 tokens of context as \
         memory allows",
    ),
    ("heavy", "A 14B model for everything, 4096 tokens of context; needs about 11 GB of memory"),
];

/// Longest name of a profile, in bytes: it is shown in the status bar.
const NAME_BYTES_MAX: usize = 32;
/// Most profiles of the user's own: more than anyone switches between.
const OWN_MAX: usize = 32;
/// The same range as for the setting `contextWindow`.
const WINDOW_TOKENS: std::ops::RangeInclusive<u32> = CONTEXT_TOKENS_MIN..=CONTEXT_TOKENS_MAX;

/// Models and context windows under one name. Its values count where the user has set none:
/// choosing a profile never overrules a setting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Profile {
    pub name: String,
    pub summary: String,
    /// The model for code: an installed model's id, a path, or `demo`.
    pub code_model: String,
    /// The model for everything else; empty if the model for code does both.
    pub general_model: String,
    pub context_tokens: u32,
    /// The largest context window that is used if memory allows.
    pub context_tokens_most: u32,
    /// Whether models of 13 billion parameters and more may be loaded.
    pub large_models: bool,
}

impl Profile {
    /// The profile's name if it is one of the product's, else `own`: the user's names are private.
    #[must_use]
    pub fn public_name(&self) -> &'static str {
        let built_in = PROFILE_CHOICES.iter().find(|(name, _)| *name == self.name);
        built_in.map_or("own", |(name, _)| name)
    }

    pub(crate) fn values(&self) -> [(Key, Value); 3] {
        [
            (Key::CodeModel, json!(self.code_model)),
            (Key::GeneralModel, json!(self.general_model)),
            (Key::ContextWindow, json!(self.context_tokens)),
        ]
    }

    pub(crate) fn runs_otherwise(&self, other: &Self) -> bool {
        // Destructured completely, so that no new field is forgotten. Name and description make no
        // difference.
        let Self {
            name: _,
            summary: _,
            code_model,
            general_model,
            context_tokens,
            context_tokens_most,
            large_models,
        } = self;
        *code_model != other.code_model
            || *general_model != other.general_model
            || *context_tokens != other.context_tokens
            || *context_tokens_most != other.context_tokens_most
            || *large_models != other.large_models
    }
}

/// As it is in the setting.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Own {
    /// The model for code: an installed model's id, a path, or `demo`.
    code_model: String,
    /// The model for everything else; the one for code where there is none.
    #[serde(default)]
    general_model: Option<String>,
    /// The context window, in tokens.
    #[serde(default)]
    #[schemars(range(min = CONTEXT_TOKENS_MIN, max = CONTEXT_TOKENS_MAX))]
    context_window: Option<u32>,
    /// Up to which the free memory decides, in tokens.
    #[serde(default)]
    #[schemars(range(min = CONTEXT_TOKENS_MIN, max = CONTEXT_TOKENS_MAX))]
    context_window_max: Option<u32>,
    /// Whether models of 13 billion parameters and more may be loaded.
    #[serde(default)]
    large_models: Option<bool>,
    /// What it is good for, in a sentence.
    #[serde(default)]
    summary: Option<String>,
}

pub(crate) fn schema() -> Value {
    // Without the meta schema, since it becomes a part of another schema.
    let settings = SchemaSettings::draft2020_12().with(|settings| settings.meta_schema = None);
    let schema = settings.into_generator().into_root_schema_for::<Own>();
    let mut profile = Value::from(schema);
    let object = profile.as_object_mut().expect("a schema is an object");
    for key in ["title", "description"] {
        object.remove(key);
    }
    for property in object["properties"].as_object_mut().into_iter().flatten() {
        let Some(property) = property.1.as_object_mut() else { continue };
        // Optional values are omitted rather than `null`.
        property.remove("format");
        property.remove("default");
        // An optional value has the type and `null`; only the first is meant.
        if let Some(kind) = property.get("type").and_then(|it| it.get(0)).cloned() {
            property.insert("type".to_owned(), kind);
        }
    }
    json!({"type": "object", "additionalProperties": profile})
}

/// The three built-in profiles, the lightest first.
#[must_use]
pub fn built_in() -> Vec<Profile> {
    let profile = |index: usize, code: &str, general: &str, most: u32| {
        let (name, summary) = PROFILE_CHOICES[index];
        Profile {
            name: name.to_owned(),
            summary: summary.to_owned(),
            code_model: code.to_owned(),
            general_model: general.to_owned(),
            context_tokens: CONTEXT_TOKENS,
            context_tokens_most: most,
            large_models: name == "heavy",
        }
    };
    vec![
        profile(0, "qwen2.5-coder-7b", "", CONTEXT_TOKENS),
        profile(1, "qwen2.5-coder-7b", "llama-3-8b", CONTEXT_TOKENS_MAX),
        profile(2, "qwen2.5-coder-14b", "", CONTEXT_TOKENS),
    ]
}

/// The built-in ones and those in a setting's value that [`check`] allows.
pub(crate) fn all(setting: &Value) -> Vec<Profile> {
    let mut all = built_in();
    for (name, value) in setting.as_object().into_iter().flatten() {
        // What is wrong was reported when the setting was checked.
        let Ok(profile) = own(name, value) else { continue };
        match all.iter_mut().find(|known| known.name == profile.name) {
            // The user's own profile takes the place of a built-in one of its name, and its place
            // in the order.
            Some(known) => *known = profile,
            None => all.push(profile),
        }
    }
    all
}

/// Fails with what is wrong with a value of the setting, in words that follow "allowed is". One bad
/// profile makes the whole setting bad, as with any other value.
pub(crate) fn check(value: &Value) -> Result<(), String> {
    let profiles: &Map<String, Value> =
        value.as_object().ok_or("an object with a profile under each name")?;
    if profiles.len() > OWN_MAX {
        return Err(format!("at most {OWN_MAX} profiles"));
    }
    profiles.iter().try_for_each(|(name, value)| own(name, value).map(|_| ()))
}

/// One profile of the user's, or what is wrong with it. Without a largest window it has the one
/// window, and leaves nothing to the memory that is free.
fn own(name: &str, value: &Value) -> Result<Profile, String> {
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if name.is_empty() || name.len() > NAME_BYTES_MAX || !name.chars().all(fits) {
        return Err(format!(
            "`{name}` as a name: it has 1 to {NAME_BYTES_MAX} small letters, digits and `-`"
        ));
    }
    let own: Own =
        serde_json::from_value(value.clone()).map_err(|error| format!("in `{name}`: {error}"))?;
    if own.code_model.trim().is_empty() {
        return Err(format!("in `{name}`: `codeModel` names a model"));
    }
    let least = own.context_window.unwrap_or(CONTEXT_TOKENS);
    let most = own.context_window_max.unwrap_or(least);
    if !WINDOW_TOKENS.contains(&least) || !WINDOW_TOKENS.contains(&most) || most < least {
        return Err(format!(
            "in `{name}`: a window of {CONTEXT_TOKENS_MIN} to {CONTEXT_TOKENS_MAX} tokens, and \
             its maximum is not below it"
        ));
    }
    Ok(Profile {
        name: name.to_owned(),
        summary: own.summary.unwrap_or_else(|| format!("`{}`, {least} tokens", own.code_model)),
        code_model: own.code_model,
        general_model: own.general_model.unwrap_or_default(),
        context_tokens: least,
        context_tokens_most: most,
        large_models: own.large_models.unwrap_or_default(),
    })
}

#[must_use]
pub fn no_such_profile(name: &str, profiles: &[Profile]) -> SettingsError {
    let there = profiles.iter().map(|it| format!("`{}`", it.name)).collect();
    SettingsError::NoProfile { name: name.to_owned(), there }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_built_in_ones_are_those_that_the_editor_lists() {
        let names: Vec<String> = built_in().into_iter().map(|profile| profile.name).collect();
        assert_eq!(names, PROFILE_CHOICES.iter().map(|(name, _)| *name).collect::<Vec<_>>());
        let large: Vec<bool> = built_in().iter().map(|profile| profile.large_models).collect();
        assert_eq!(large, [false, false, true]);
    }

    #[test]
    fn a_profile_says_what_the_settings_say_that_are_of_profiles() {
        let said: Vec<Key> = built_in()[0].values().into_iter().map(|(key, _)| key).collect();
        let of_profiles = crate::TABLE.iter().filter(|setting| setting.of_profiles);
        assert_eq!(said, of_profiles.map(|setting| setting.id).collect::<Vec<_>>());
        for profile in built_in() {
            for (key, value) in profile.values() {
                assert_eq!(key.setting().check(&value), Ok(()), "{}", profile.name);
            }
        }
    }

    #[test]
    fn the_schema_has_what_is_read_and_the_same_bounds() {
        let schema = schema();
        let profile = &schema["additionalProperties"];
        let names: Vec<&String> = profile["properties"].as_object().unwrap().keys().collect();
        assert_eq!(names.len(), 6, "{names:?}");
        assert_eq!(profile["required"], json!(["codeModel"]));
        assert_eq!(profile["additionalProperties"], false);
        for (name, kind) in [
            ("codeModel", "string"),
            ("generalModel", "string"),
            ("contextWindow", "integer"),
            ("contextWindowMax", "integer"),
            ("largeModels", "boolean"),
            ("summary", "string"),
        ] {
            let property = &profile["properties"][name];
            assert_eq!(property["type"], kind, "{name}");
            assert!(property["description"].is_string(), "{name}");
            if kind == "integer" {
                let bounds = (&property["minimum"], &property["maximum"]);
                assert_eq!(bounds, (&json!(CONTEXT_TOKENS_MIN), &json!(CONTEXT_TOKENS_MAX)));
            }
        }
    }

    #[test]
    fn own_profiles_are_added_or_take_a_built_in_ones_place() {
        let setting = json!({
            "tiny": {"codeModel": "demo", "contextWindow": 1024},
            "fast": {"codeModel": "other", "contextWindowMax": 8192, "summary": "mine"},
        });
        assert_eq!(check(&setting), Ok(()));
        let all = all(&setting);
        assert_eq!(all.len(), 4);
        let named = |name: &str| all.iter().find(|profile| profile.name == name).unwrap();
        assert_eq!(
            (named("fast").code_model.as_str(), named("fast").summary.as_str()),
            ("other", "mine")
        );
        assert_eq!((named("fast").context_tokens, named("fast").context_tokens_most), (4096, 8192));
        assert_eq!((named("tiny").context_tokens, named("tiny").context_tokens_most), (1024, 1024));
        let named = |name: &str| check(&json!({name: {"codeModel": "a"}}));
        for name in ["my-2nd", "7", &"a".repeat(32)] {
            assert_eq!(named(name), Ok(()), "{name}");
        }
        assert!(named(&"a".repeat(33)).is_err());
    }

    #[test]
    fn what_is_malformed_is_said() {
        for (setting, said) in [
            (json!([]), "an object"),
            (json!({"Big": {"codeModel": "a"}}), "small letters"),
            (json!({"": {"codeModel": "a"}}), "small letters"),
            (json!({"a": 3}), "in `a`"),
            (json!({"a": {}}), "codeModel"),
            (json!({"a": {"codeModel": " "}}), "names a model"),
            (json!({"a": {"codeModel": "b", "color": 1}}), "color"),
            (json!({"a": {"codeModel": "b", "contextWindow": 9000}}), "512 to 8192"),
            (json!({"a": {"codeModel": "b", "contextWindow": 511}}), "512 to 8192"),
            (json!({"a": {"codeModel": "b", "contextWindowMax": 9000}}), "512 to 8192"),
            (
                json!({"a": {"codeModel": "b", "contextWindow": 256, "contextWindowMax": 4096}}),
                "512 to 8192",
            ),
            (
                json!({"a": {"codeModel": "b", "contextWindow": 4096, "contextWindowMax": 2048}}),
                "not below it",
            ),
        ] {
            let error = check(&setting).unwrap_err();
            assert!(error.contains(said), "{setting}: {error}");
        }
    }
}
