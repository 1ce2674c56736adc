//! The texts of the extension's manifest under names, so that they can be translated: the manifest
//! has `%NAME%`, and `package.nls.json` has the text. Texts from tables are generated here; the
//! others are written by people.

use std::collections::BTreeMap;

use anyhow::Result;
use localcoder_protocol::COMMANDS;
use serde_json::{Map, Value};

use super::printed_json::print_json;

const SETTINGS: &str = "settings.";

#[derive(Default)]
pub(super) struct Words(BTreeMap<String, String>);

impl Words {
    /// Adds a text, and returns what the manifest has in its place.
    pub(super) fn named(&mut self, name: &str, words: &str) -> String {
        self.0.insert(name.to_owned(), words.to_owned());
        format!("%{name}%")
    }

    /// The settings with names in place of their texts. A name is made from the setting's path, not
    /// its position, so adding one setting renames no other.
    pub(super) fn of_settings(&mut self, mut properties: Value) -> Value {
        for (key, property) in properties.as_object_mut().into_iter().flatten() {
            self.of_schema(&key.replacen("localcoder.", SETTINGS, 1), property);
        }
        properties
    }

    fn of_schema(&mut self, name: &str, schema: &mut Value) {
        let choices = schema["enum"].as_array().cloned().unwrap_or_default();
        let Some(schema) = schema.as_object_mut() else { return };
        for (key, value) in schema {
            match (key.as_str(), value) {
                ("description" | "markdownDescription", Value::String(words)) => {
                    *words = self.named(name, words);
                }
                ("markdownEnumDescriptions", Value::Array(all)) => {
                    for (choice, words) in choices.iter().zip(all) {
                        let name = format!("{name}.{}", choice.as_str().unwrap_or_default());
                        *words = self.named(&name, words.as_str().unwrap_or_default()).into();
                    }
                }
                ("properties", Value::Object(inner)) => {
                    for (key, schema) in inner {
                        self.of_schema(&format!("{name}.{key}"), schema);
                    }
                }
                // `additionalProperties` may be `true`; `of_schema` then finds no object.
                ("additionalProperties", schema) => self.of_schema(name, schema),
                _ => {}
            }
        }
    }

    /// `package.nls.json` with these texts and with those that people have written there. Names
    /// from tables are all replaced, so that those of removed settings go.
    pub(super) fn among(&self, written: &str) -> Result<String> {
        let mut all: Map<String, Value> = serde_json::from_str(written)?;
        // First all of the tables go, so that names of settings that are gone do not stay.
        all.retain(|name, _| !is_of_table(name));
        all.extend(self.0.iter().map(|(name, words)| (name.clone(), words.as_str().into())));
        let mut text = String::new();
        print_json(&Value::Object(all), 0, 0, &mut text);
        Ok(text + "\n")
    }
}

/// Whether a name belongs to a table's text. Settings are recognized by their prefix, so those that
/// are gone are found, too; a command that is gone is not, and stays until it is deleted by hand.
fn is_of_table(name: &str) -> bool {
    let command = name.strip_prefix("commands.").unwrap_or_default();
    let of_table =
        COMMANDS.iter().flat_map(|spec| spec.entries).any(|entry| entry.command == command);
    of_table || name.starts_with(SETTINGS)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn all_words_of_a_setting_get_names() {
        let mut words = Words::default();
        let named = words.of_settings(json!({"localcoder.mode": {
            "enum": ["fast"],
            "markdownEnumDescriptions": ["As fast as it can"],
            "markdownDescription": "How it works.",
            "additionalProperties": {"properties": {"of": {"description": "Part of it."}}},
        }}));
        let mode = &named["localcoder.mode"];
        assert_eq!(mode["markdownDescription"], "%settings.mode%");
        assert_eq!(mode["markdownEnumDescriptions"], json!(["%settings.mode.fast%"]));
        let inner = &mode["additionalProperties"]["properties"]["of"];
        assert_eq!(inner["description"], "%settings.mode.of%");
        assert_eq!(words.0["settings.mode.fast"], "As fast as it can");
        assert_eq!(words.0.len(), 3);
    }

    #[test]
    fn what_people_have_written_stays_and_what_a_table_had_goes() {
        let mut words = Words::default();
        words.named("commands.improveSelection", "Improve Selection");
        let before =
            r#"{"commands.improveSelection": "Old", "settings.gone": "Old", "own": "Own"}"#;
        let after: Value = serde_json::from_str(&words.among(before).unwrap()).unwrap();
        assert_eq!(after, json!({"commands.improveSelection": "Improve Selection", "own": "Own"}));
    }
}
