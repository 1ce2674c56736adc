//! Layers of values to one set of settings. A bad value is named and skipped, and the layer
//! below it counts.

use localcoder_protocol::{ErrorCode, ErrorInfo};
use serde_json::{Map, Value};

use crate::{Kind, Setting, TABLE};

/// Where a value comes from, the weakest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Layer {
    /// The table.
    Default,
    /// `settings.json` in the product's folder.
    File,
    /// The editor's user settings.
    Editor,
}

impl Layer {
    fn name(self) -> &'static str {
        match self {
            Self::Default => "the defaults",
            Self::File => "settings.json",
            Self::Editor => "the editor's settings",
        }
    }
}

/// Where the model computes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Acceleration {
    /// Metal on macOS, otherwise what the build has.
    Auto,
    /// Every layer on the GPU.
    Gpu,
    /// Nothing on the GPU.
    Cpu,
}

/// How much the engine does to be fast.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// As fast as the machine allows.
    Performance,
    /// Nothing ahead, nothing twice, small steps.
    Stability,
}

/// All settings with a value each.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// `demo`, the id of an installed model, or a path.
    pub code_model: String,
    /// In tokens.
    pub context_tokens: u32,
    /// Where the model computes.
    pub acceleration: Acceleration,
    /// How much the engine does to be fast.
    pub mode: Mode,
    /// 0 is greedy.
    pub temperature: f32,
    /// 0 to 1.
    pub top_p: f32,
    /// 1 is off.
    pub repeat_penalty: f32,
    /// Whether nothing may be loaded from the network.
    pub air_gapped: bool,
}

/// What [`resolve`] found.
#[derive(Debug, Clone, PartialEq)]
pub struct Resolved {
    /// The values in force.
    pub settings: Settings,
    /// One error a value that was not used.
    pub errors: Vec<ErrorInfo>,
}

impl Default for Settings {
    fn default() -> Self {
        resolve(&[]).settings
    }
}

/// Takes each setting from the strongest layer that has a good value. Keys may be dotted or
/// nested; unknown keys are errors.
#[must_use]
pub fn resolve(layers: &[(Layer, &Map<String, Value>)]) -> Resolved {
    let mut errors = Vec::new();
    let mut values: Vec<Value> = TABLE.iter().map(|setting| default(setting.kind)).collect();
    let mut layers = layers.to_vec();
    layers.sort_by_key(|(layer, _)| *layer);
    for (layer, map) in layers {
        let mut flat = Vec::new();
        flatten("", map, &mut flat);
        for (key, value) in flat {
            match TABLE.iter().position(|setting| setting.key == key) {
                None => errors.push(unknown(layer, &key)),
                Some(index) => match check(&TABLE[index], value) {
                    Ok(()) => values[index] = value.clone(),
                    Err(allowed) => errors.push(bad(layer, &key, value, &allowed)),
                },
            }
        }
    }
    Resolved { settings: Settings::from_values(&values), errors }
}

fn flatten<'a>(prefix: &str, map: &'a Map<String, Value>, out: &mut Vec<(String, &'a Value)>) {
    for (key, value) in map {
        let key = if prefix.is_empty() { key.clone() } else { format!("{prefix}.{key}") };
        match value {
            Value::Object(inner) => flatten(&key, inner, out),
            value => out.push((key, value)),
        }
    }
}

pub(crate) fn default(kind: Kind) -> Value {
    match kind {
        Kind::Text { default } | Kind::Choice { default, .. } => default.into(),
        Kind::Switch { default } => default.into(),
        Kind::Integer { default, .. } => default.into(),
        Kind::Number { default, .. } => default.into(),
    }
}

/// Says what is allowed where the value is not.
fn check(setting: &Setting, value: &Value) -> Result<(), String> {
    let (good, allowed) = match setting.kind {
        Kind::Text { .. } => (
            value.as_str().is_some_and(|text| !text.trim().is_empty()),
            "a text that is not empty".to_owned(),
        ),
        Kind::Choice { choices, .. } => {
            let words: Vec<String> = choices.iter().map(|(word, _)| format!("`{word}`")).collect();
            let good = choices.iter().any(|(word, _)| value.as_str() == Some(word));
            (good, format!("one of {}", words.join(", ")))
        }
        Kind::Switch { .. } => (value.is_boolean(), "`true` or `false`".to_owned()),
        Kind::Integer { min, max, .. } => (
            value.as_i64().is_some_and(|number| (min..=max).contains(&number)),
            format!("a whole number from {min} to {max}"),
        ),
        Kind::Number { min, max, .. } => (
            value.as_f64().is_some_and(|number| (min..=max).contains(&number)),
            format!("a number from {min} to {max}"),
        ),
    };
    if good { Ok(()) } else { Err(allowed) }
}

fn unknown(layer: Layer, key: &str) -> ErrorInfo {
    ErrorInfo::new(
        ErrorCode::InvalidSetting,
        format!("there is no setting `localcoder.{key}` (in {})", layer.name()),
    )
    .with_hint("remove it, or look up the name in docs/reference/settings.md")
}

fn bad(layer: Layer, key: &str, value: &Value, allowed: &str) -> ErrorInfo {
    ErrorInfo::new(
        ErrorCode::InvalidSetting,
        format!("`localcoder.{key}` can't be {value} (in {})", layer.name()),
    )
    .with_cause(format!("allowed is {allowed}"))
    .with_hint("the value below it is used until this one is mended")
}

impl Settings {
    fn from_values(values: &[Value]) -> Self {
        let get = |key: &str| {
            let index = TABLE.iter().position(|setting| setting.key == key);
            &values[index.expect("every field has its row in the table")]
        };
        let text = |key| get(key).as_str().unwrap_or_default();
        #[expect(clippy::cast_possible_truncation, reason = "sampling needs no double precision")]
        let number = |key| get(key).as_f64().unwrap_or_default() as f32;
        Self {
            code_model: text("codeModel").to_owned(),
            context_tokens: get("contextWindow")
                .as_u64()
                .and_then(|tokens| u32::try_from(tokens).ok())
                .expect("the table bounds it"),
            acceleration: match text("acceleration") {
                "gpu" => Acceleration::Gpu,
                "cpu" => Acceleration::Cpu,
                _ => Acceleration::Auto,
            },
            mode: match text("mode") {
                "stability" => Mode::Stability,
                _ => Mode::Performance,
            },
            temperature: number("sampling.temperature"),
            top_p: number("sampling.topP"),
            repeat_penalty: number("sampling.repeatPenalty"),
            air_gapped: get("airGapped").as_bool().unwrap_or_default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn map(value: &Value) -> Map<String, Value> {
        value.as_object().unwrap().clone()
    }

    #[test]
    fn the_table_has_good_defaults() {
        for setting in TABLE {
            assert_eq!(check(setting, &default(setting.kind)), Ok(()), "{}", setting.key);
        }
        let resolved = resolve(&[]);
        assert_eq!(resolved.errors, []);
        assert_eq!(resolved.settings.code_model, "demo");
        assert_eq!(resolved.settings.context_tokens, 4096);
    }

    #[test]
    fn the_strongest_good_value_wins_and_bad_ones_are_named() {
        let file = map(&json!({"contextWindow": 2048, "sampling": {"temperature": 0.5}}));
        let editor = map(&json!({"contextWindow": 9000, "sampling.topP": 0.5, "colour": "red"}));
        let resolved = resolve(&[(Layer::Editor, &editor), (Layer::File, &file)]);
        assert_eq!(resolved.settings.context_tokens, 2048);
        assert_eq!(resolved.settings.temperature, 0.5);
        assert_eq!(resolved.settings.top_p, 0.5);
        let texts: Vec<String> = resolved.errors.iter().map(ToString::to_string).collect();
        assert_eq!(
            texts,
            [
                "there is no setting `localcoder.colour` (in the editor's settings)",
                "`localcoder.contextWindow` can't be 9000 (in the editor's settings): \
                 allowed is a whole number from 512 to 8192",
            ]
        );
    }

    #[test]
    fn every_kind_refuses_what_it_should() {
        for (key, value) in [
            ("codeModel", json!("")),
            ("codeModel", json!(3)),
            ("contextWindow", json!(1.5)),
            ("contextWindow", json!("4096")),
            ("acceleration", json!("tpu")),
            ("sampling.temperature", json!(-0.1)),
            ("sampling.repeatPenalty", json!(0.9)),
            ("backend", json!("cloud")),
        ] {
            let layer = map(&json!({key: value}));
            assert_eq!(resolve(&[(Layer::File, &layer)]).errors.len(), 1, "{key} = {value}");
        }
    }
}
