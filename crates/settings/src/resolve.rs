//! Layers of values to one set of settings. A bad value is named and skipped, and the layer
//! below it counts.

use localcoder_protocol::{ErrorCode, ErrorInfo, SamplingParams};
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
    /// For people.
    #[must_use]
    pub fn name(self) -> &'static str {
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

/// How freely words are chosen.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sampling {
    /// 0 is greedy.
    pub temperature: f32,
    /// 0 to 1.
    pub top_p: f32,
    /// 1 is off.
    pub repeat_penalty: f32,
}

/// All settings with a value each.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// `demo`, the id of an installed model, or a path.
    pub code_model: String,
    /// The same for all that is not code; empty where that model does both.
    pub general_model: String,
    /// In tokens.
    pub context_tokens: u32,
    /// Where the model computes.
    pub acceleration: Acceleration,
    /// How much the engine does to be fast.
    pub mode: Mode,
    /// How freely words are chosen.
    pub sampling: Sampling,
    /// The same, only what was set.
    pub sampling_set: SamplingParams,
    /// Whether nothing may be loaded from the network.
    pub air_gapped: bool,
}

/// What [`resolve`] found.
#[derive(Debug, Clone, PartialEq)]
pub struct Resolved {
    /// The values in force.
    pub settings: Settings,
    /// The same as they are written, and where each comes from; in the order of the table.
    pub values: Vec<(&'static str, Value, Layer)>,
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
    let mut sources = vec![Layer::Default; TABLE.len()];
    let mut layers = layers.to_vec();
    layers.sort_by_key(|(layer, _)| *layer);
    for (layer, map) in layers {
        let mut flat = Vec::new();
        flatten("", map, &mut flat);
        for (key, value) in flat {
            match TABLE.iter().position(|setting| setting.key == key) {
                None => errors.push(unknown(layer, &key)),
                Some(index) => match check(&TABLE[index], value) {
                    Ok(()) => {
                        values[index] = value.clone();
                        sources[index] = layer;
                    }
                    Err(allowed) => errors.push(bad(layer, &key, value, &allowed)),
                },
            }
        }
    }
    let settings = Settings::from_values(&values, &sources);
    let keys = TABLE.iter().map(|setting| setting.key);
    let values = keys.zip(values).zip(sources).map(|((key, value), layer)| (key, value, layer));
    Resolved { settings, values: values.collect(), errors }
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
        Kind::Text { default: "" } => (value.is_string(), "a text, which may be empty".to_owned()),
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

/// Whether a setting may have a value.
///
/// # Errors
/// With what is allowed, where it may not; where there is no such setting.
pub fn check_value(key: &str, value: &Value) -> Result<(), ErrorInfo> {
    let setting =
        TABLE.iter().find(|setting| setting.key == key).ok_or_else(|| no_such_setting(key))?;
    check(setting, value).map_err(|allowed| {
        ErrorInfo::new(ErrorCode::InvalidSetting, format!("`{key}` can't be {value}"))
            .with_cause(format!("allowed is {allowed}"))
            .with_hint("nothing was changed")
    })
}

/// That there is no setting of this name.
#[must_use]
pub fn no_such_setting(key: &str) -> ErrorInfo {
    ErrorInfo::new(ErrorCode::InvalidSetting, format!("there is no setting `{key}`"))
        .with_hint("`localcoder config list` shows all of them")
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
    /// The model for all that is not code.
    #[must_use]
    pub fn for_general(&self) -> &str {
        if self.general_model.is_empty() { &self.code_model } else { &self.general_model }
    }

    fn from_values(values: &[Value], sources: &[Layer]) -> Self {
        let index = |key: &str| {
            let index = TABLE.iter().position(|setting| setting.key == key);
            index.expect("every field has its row in the table")
        };
        let get = |key: &str| &values[index(key)];
        let text = |key| get(key).as_str().unwrap_or_default();
        #[expect(clippy::cast_possible_truncation, reason = "sampling needs no double precision")]
        let number = |key| get(key).as_f64().unwrap_or_default() as f32;
        let number_set = |key| (sources[index(key)] > Layer::Default).then(|| number(key));
        Self {
            code_model: text("codeModel").to_owned(),
            general_model: text("generalModel").trim().to_owned(),
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
            sampling: Sampling {
                temperature: number("sampling.temperature"),
                top_p: number("sampling.topP"),
                repeat_penalty: number("sampling.repeatPenalty"),
            },
            sampling_set: SamplingParams {
                temperature: number_set("sampling.temperature"),
                top_p: number_set("sampling.topP"),
                repeat_penalty: number_set("sampling.repeatPenalty"),
                seed: None,
            },
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
        let context = resolved.values.iter().find(|(key, ..)| *key == "contextWindow").unwrap();
        assert_eq!(context, &("contextWindow", json!(2048), Layer::File));
        let Settings { sampling, sampling_set, .. } = resolved.settings;
        assert_eq!((sampling.temperature, sampling.top_p), (0.5, 0.5));
        assert_eq!((sampling.repeat_penalty, sampling_set.repeat_penalty), (1.0, None));
        assert_eq!(sampling_set.temperature, Some(0.5));
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
    fn a_value_is_checked_before_it_is_written() {
        assert_eq!(check_value("contextWindow", &json!(2048)), Ok(()));
        let bad = check_value("contextWindow", &json!(9000)).unwrap_err();
        assert_eq!(bad.cause.as_deref(), Some("allowed is a whole number from 512 to 8192"));
        assert!(check_value("colour", &json!("red")).is_err());
    }

    #[test]
    fn the_model_for_code_does_both_unless_there_is_another() {
        let general = |values: Value| {
            let resolved = resolve(&[(Layer::File, &map(&values))]);
            assert_eq!(resolved.errors, []);
            resolved.settings.for_general().to_owned()
        };
        assert_eq!(general(json!({"codeModel": "a"})), "a");
        assert_eq!(general(json!({"codeModel": "a", "generalModel": " "})), "a");
        assert_eq!(general(json!({"codeModel": "a", "generalModel": "b"})), "b");
    }

    #[test]
    fn every_kind_refuses_what_it_should() {
        for (key, value) in [
            ("codeModel", json!("")),
            ("codeModel", json!(3)),
            ("generalModel", json!(null)),
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
