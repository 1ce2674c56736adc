//! Resolves layers of values to one set of settings. A bad value is reported and skipped, and the
//! layer below it counts. The settings about the network are the exception: there a bad value, or a
//! layer that can't be read, counts as a refusal, whatever the other layers say.

use std::collections::BTreeMap;

use localcoder_protocol::ErrorInfo;
use serde_json::Value;

use crate::air_gap::{self, AIR_GAPPED, AirGap};
use crate::values::Settings;
use crate::{Contents, Key, Profile, Setting, SettingsError, TABLE, no_such_profile, profiles};

/// The prefix of the settings' names in the editor; it may be omitted in a file of ours.
pub(crate) const PREFIX: &str = "localcoder.";

/// Where a value comes from, in order of precedence, the weakest first: the derived order is the
/// precedence. The editor's layer exists for editors with settings of their own; the IDE's are in
/// `settings.json`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Layer {
    Default,
    /// The profile that the layers above it choose.
    Profile,
    File,
    Editor,
    CommandLine,
    Request,
}

impl Layer {
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Default => "the defaults",
            Self::Profile => "the profile",
            Self::File => "settings.json",
            Self::Editor => "the editor's settings",
            Self::CommandLine => "the command line",
            Self::Request => "the request",
        }
    }
}

/// What [`resolve`] found: values that are all good, and beside them what was wrong with those that
/// are not among them. A caller that uses the values has to report the errors.
#[derive(Debug, Clone, PartialEq)]
pub struct Resolved {
    pub settings: Settings,
    /// The values as JSON, each with the layer that it comes from; in the order of the table.
    pub values: Vec<(&'static str, Value, Layer)>,
    pub air_gap: AirGap,
    /// One error for each value that was not used, and one for each layer that could not be read.
    pub errors: Vec<ErrorInfo>,
    /// Those of the errors that are about layers, which were ignored as a whole. They are in
    /// `errors`, too.
    pub unread: Vec<ErrorInfo>,
}

/// Takes each setting from the strongest layer that has a good value; the profile chosen by that
/// fills in what no layer above it has set. Keys may be dotted or nested, with or without the
/// product's name; unknown keys are errors.
///
/// A bad value is skipped as if it were not there, so that a typo costs one setting and not all.
/// The network is the exception: a layer that can't be read may have been the one that forbids it,
/// so anything that is wrong there closes the air gap for good, and no stronger layer opens it
/// again. The order of `layers` does not matter.
#[must_use]
pub fn resolve(layers: &[(Layer, &Contents)]) -> Resolved {
    let mut found = Found::defaults();
    let mut layers = layers.to_vec();
    layers.sort_by_key(|(layer, _)| *layer);
    let unread = layers.iter().filter_map(|(_, contents)| contents.problem.clone()).collect();
    let mut wrong: Vec<Wrong> =
        layers.into_iter().flat_map(|(layer, contents)| found.take(layer, contents)).collect();
    // If only one is reported, it should be one that closes the air gap.
    wrong.sort_by_key(|it| !it.closes);
    let air_gap = match wrong.first().filter(|it| it.closes) {
        Some(Wrong { layer, error, .. }) => {
            found.put(Key::AirGapped, true.into(), *layer, layer.name());
            AirGap::closed_by(error)
        }
        None => {
            // Anything but a plain `false` is on.
            let on = *found.value(Key::AirGapped) != Value::Bool(false);
            AirGap::set(on, found.source(Key::AirGapped))
        }
    };
    let mut errors = wrong.into_iter().map(|it| it.error).collect();
    // After all layers: the profile that counts is known only then, and it may be one that a weaker
    // layer defines.
    let profile = chosen(&mut found, &mut errors);
    found.fill_in(&profile);
    let settings = Settings::new(&found, profile);
    let values =
        found.taken.into_iter().zip(TABLE).map(|(it, row)| (row.key, it.value, it.layer)).collect();
    Resolved { settings, values, air_gap, errors, unread }
}

impl Resolved {
    /// Whether one of the errors gives this reason already: if the user did not ask for an air gap,
    /// it was closed by such an error.
    #[must_use]
    pub fn mentions(&self, reason: &str) -> bool {
        self.errors.iter().any(|error| reason.contains(&error.message))
    }

    /// A sentence for the status about each value and file that is not used; files that can't be
    /// read come first.
    #[must_use]
    pub fn notes(&self) -> Vec<String> {
        let unread = self.unread.iter().map(|problem| {
            format!("{problem}: nothing in it is used, and `localcoder.{AIR_GAPPED}` counts as on")
        });
        let bad = self.errors.iter().filter(|error| !self.unread.contains(error));
        unread.chain(bad.map(ToString::to_string)).collect()
    }
}

struct Wrong {
    layer: Layer,
    error: ErrorInfo,
    /// Whether it makes it unknown what was meant about the network: the air gap is closed then.
    closes: bool,
}

#[derive(Clone)]
struct Taken {
    value: Value,
    layer: Layer,
    /// Where it comes from, in words: the file, and the line if it is known.
    place: String,
}

/// The values found so far, one for each setting in the order of the table, so that a [`Key`] is an
/// index. Every value in it has passed its setting's check.
pub(crate) struct Found {
    taken: Vec<Taken>,
}

impl Found {
    fn defaults() -> Self {
        let taken = |setting: &Setting| Taken {
            value: setting.default(),
            layer: Layer::Default,
            place: Layer::Default.name().to_owned(),
        };
        Self { taken: TABLE.iter().map(taken).collect() }
    }

    /// Takes the good values of a layer, and returns what is wrong with the others. Layers are
    /// taken from the weakest to the strongest, so that the last one to put a value wins.
    fn take(&mut self, layer: Layer, contents: &Contents) -> Vec<Wrong> {
        let mut wrong = Vec::new();
        let mut add = |error: ErrorInfo, closes| wrong.push(Wrong { layer, error, closes });
        if let Some(problem) = &contents.problem {
            add(problem.clone(), true);
        }
        let mut flat = Vec::new();
        // The editor uses this file as well.
        let passed = |key: &str| layer == Layer::File && is_the_editors(key);
        for (key, value) in &contents.values {
            // A name that may be meant as the air gap's is never passed over as the editor's: a
            // misspelled one must close it.
            if !passed(key) || air_gap::is_meant_by(key) {
                flatten(key.clone(), value, &mut flat);
            }
        }
        // Keys that only an earlier object of the same name has: they are not among the values any
        // more, and would be dropped without a word.
        let hidden = contents.repeated.iter().filter(|key| flat.iter().all(|it| it.0 != **key));
        for written in hidden.collect::<Vec<_>>() {
            if let Some(key) = Key::named(own(written)) {
                let place = contents.origin.place(layer, written);
                add(SettingsError::TwiceIn { place, key }.into(), key == Key::AirGapped);
            }
        }
        let mut seen = BTreeMap::new();
        for (written, value) in flat {
            let place = contents.origin.place(layer, &written);
            let name = own(&written);
            let Some(key) = Key::named(name) else {
                let (name, means_air_gap) = (name.to_owned(), air_gap::is_meant_by(name));
                let error = SettingsError::UnknownIn { place, name, means_air_gap };
                add(error.into(), means_air_gap);
                continue;
            };
            let closes = key == Key::AirGapped;
            // The short and the full name of a setting are two keys of the file. Which one was
            // meant is not known, so it is reported, and for the air gap counts as on.
            let again = seen.insert(key, value).is_some_and(|before| before != value);
            if again || contents.repeated.contains(&written) {
                add(SettingsError::TwiceIn { place: place.clone(), key }.into(), closes);
            }
            let setting = key.setting();
            match setting.check(value) {
                // An empty name must not hide the value of the layer below.
                Ok(()) if setting.is_nothing(value) => {}
                Ok(()) => self.put(key, value.clone(), layer, &place),
                Err(allowed) => {
                    let closes = closes || air_gap::is_meant_in(value);
                    let value = value.clone();
                    let error = SettingsError::NotAllowedIn { place, key, value, allowed };
                    add(error.into(), closes);
                }
            }
        }
        wrong
    }

    fn put(&mut self, key: Key, value: Value, layer: Layer, place: &str) {
        self.taken[key as usize] = Taken { value, layer, place: place.to_owned() };
    }

    pub(crate) fn value(&self, key: Key) -> &Value {
        &self.taken[key as usize].value
    }

    pub(crate) fn source(&self, key: Key) -> Layer {
        self.taken[key as usize].layer
    }

    fn fill_in(&mut self, profile: &Profile) {
        for (key, value) in profile.values() {
            // Just above the defaults: whatever a user has set in any layer counts more.
            if self.source(key) == Layer::Default && !key.setting().is_nothing(&value) {
                self.put(key, value, Layer::Profile, Layer::Profile.name());
            }
        }
    }
}

/// The profile that is set; the default one if there is none with that name, which is reported.
/// Weaker layers are not asked then: they were overruled on purpose.
fn chosen(found: &mut Found, errors: &mut Vec<ErrorInfo>) -> Profile {
    let profiles = profiles::all(found.value(Key::Profiles));
    let named = |name: &str| profiles.iter().find(|profile| profile.name == name).cloned();
    let name = found.value(Key::Profile).as_str().unwrap_or_default().to_owned();
    if let Some(profile) = named(&name) {
        return profile;
    }
    let usual = Key::Profile.setting().default();
    let mut error = ErrorInfo::from(no_such_profile(&name, &profiles));
    let instead = usual.as_str().unwrap_or_default().to_owned();
    error.message = format!("{} (in {})", error.message, found.taken[Key::Profile as usize].place);
    errors.push(error.with_hint(format!("`{instead}` is used until this one is fixed")));
    // What is shown as the value in force must not name a profile that does not exist.
    found.put(Key::Profile, usual, Layer::Default, Layer::Default.name());
    named(&instead).expect("the usual profile is built in")
}

/// A key without the product's prefix, which it may be written with.
#[must_use]
pub fn own(key: &str) -> &str {
    key.strip_prefix(PREFIX).unwrap_or(key)
}

/// The keys of nested objects, dotted. What is under the name of a setting is its value, even if
/// that is an object and should not be.
fn flatten<'a>(key: String, value: &'a Value, out: &mut Vec<(String, &'a Value)>) {
    match value {
        Value::Object(inner) if Key::named(own(&key)).is_none() => {
            for (name, value) in inner {
                flatten(format!("{key}.{name}"), value, out);
            }
        }
        value => out.push((key, value)),
    }
}

/// Whether a name in a settings file belongs to the editor or another extension: such names have a
/// section in front, or are in brackets if they apply to one language. The editor uses the same
/// file, so thousands of its names must not be errors; a name without a section, or in a section of
/// ours, is one.
fn is_the_editors(key: &str) -> bool {
    if key.starts_with('[') {
        return true;
    }
    let Some((section, _)) = key.split_once('.') else { return false };
    let of_ours = |setting: &Setting| setting.key.split('.').next() == Some(section);
    format!("{section}.") != PREFIX && !TABLE.iter().any(of_ours)
}

/// Whether a setting may have a value.
///
/// # Errors
/// If it may not: what is allowed; or if there is no such setting.
pub fn check_value(key: &str, value: &Value) -> Result<(), SettingsError> {
    let named = Key::named(key).ok_or_else(|| SettingsError::NoSetting(key.to_owned()))?;
    named.setting().check(value).map_err(|allowed| SettingsError::NotAllowed {
        key: key.to_owned(),
        value: value.clone(),
        allowed,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::{Map, json};

    fn map(value: &Value) -> Contents {
        value.as_object().unwrap().clone().into()
    }

    #[test]
    fn the_table_has_good_defaults() {
        for setting in TABLE {
            assert_eq!(setting.check(&setting.default()), Ok(()), "{}", setting.key);
        }
        let resolved = resolve(&[]);
        assert_eq!(resolved.errors, []);
        assert_eq!(resolved.settings.code_models(), ["qwen2.5-coder-7b", "demo"]);
        assert_eq!(resolved.settings.context_tokens, 4096);
    }

    #[test]
    fn the_strongest_good_value_wins_and_bad_ones_are_named() {
        let file = map(&json!({"contextWindow": 2048, "sampling": {"temperature": 0.5}}));
        let editor = map(&json!({"contextWindow": 9000, "sampling.topP": 0.5, "color": "red"}));
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
                "there is no setting `localcoder.color` (in the editor's settings)",
                "`localcoder.contextWindow` can't be 9000 (in the editor's settings): \
                 allowed is a whole number from 512 to 8192",
            ]
        );
    }

    #[test]
    fn what_is_the_editors_in_the_file_is_left_to_it() {
        let file = map(&json!({
            "editor.fontSize": 12, "[python]": {"editor.tabSize": 2}, "other.airgapped.x": 1,
            "files.associations": {"*.airgapped": "ini"}, "localcoder.contextWindow": 2048,
            "sampling.topX": 1, "color": 1, "localcoder.color": 2,
        }));
        let resolved = resolve(&[(Layer::File, &file)]);
        assert_eq!(resolved.settings.context_tokens, 2048);
        let mut names: Vec<_> = resolved.errors.iter().map(|it| it.message.as_str()).collect();
        names.sort_unstable();
        assert_eq!(
            names,
            [
                "there is no setting `localcoder.color` (in settings.json)",
                "there is no setting `localcoder.color` (in settings.json)",
                "there is no setting `localcoder.other.airgapped.x` (in settings.json)",
                "there is no setting `localcoder.sampling.topX` (in settings.json)",
            ]
        );
        assert!(resolved.air_gap.is_on(), "nobody knows what was meant by the third");
        // Commands and requests don't contain the editor's settings.
        let request = map(&json!({"editor.fontSize": 12}));
        assert_eq!(resolve(&[(Layer::Request, &request)]).errors.len(), 1);
    }

    #[test]
    fn a_value_is_checked_before_it_is_written() {
        assert!(check_value("contextWindow", &json!(2048)).is_ok());
        let bad = ErrorInfo::from(check_value("contextWindow", &json!(9000)).unwrap_err());
        assert_eq!(bad.cause.as_deref(), Some("allowed is a whole number from 512 to 8192"));
        assert!(check_value("color", &json!("red")).is_err());
    }

    #[test]
    fn the_profile_fills_in_what_nobody_has_set() {
        let set = map(&json!({"profile": "heavy", "contextWindow": 2048}));
        let resolved = resolve(&[(Layer::File, &set)]);
        assert_eq!(resolved.errors, []);
        let value = |key: &str| {
            let (_, value, layer) = resolved.values.iter().find(|(it, ..)| *it == key).unwrap();
            (value.clone(), *layer)
        };
        assert_eq!(value("codeModel"), (json!("qwen2.5-coder-14b"), Layer::Profile));
        assert_eq!(value("contextWindow"), (json!(2048), Layer::File));
        assert_eq!(value("generalModel"), (json!(""), Layer::Default));
        // A command may select another profile, and a request other values than that profile's.
        let command = map(&json!({"profile": "balanced"}));
        let request = map(&json!({"codeModel": "mine"}));
        let layers =
            [(Layer::Request, &request), (Layer::CommandLine, &command), (Layer::File, &set)];
        let settings = resolve(&layers).settings;
        assert_eq!(settings.code_models(), ["mine"]);
        assert_eq!((settings.context_tokens, settings.context_tokens_most), (2048, 2048));
        assert_eq!(settings.general_models(), ["llama-3-8b", "mine"]);
    }

    #[test]
    fn a_profile_that_is_not_there_is_named_and_the_usual_one_is_used() {
        let own = json!({"mine": {"codeModel": "a", "contextWindowMax": 8192}});
        let set = map(&json!({"profile": "mine", "profiles": own}));
        let resolved = resolve(&[(Layer::Editor, &set)]);
        assert_eq!(resolved.errors, []);
        assert_eq!(resolved.settings.profile.name, "mine");
        assert_eq!(resolved.settings.context_tokens_most, 8192);
        let set = map(&json!({"profile": "none"}));
        let resolved = resolve(&[(Layer::Editor, &set)]);
        let error = &resolved.errors[0];
        assert_eq!(error.message, "there is no profile `none` (in the editor's settings)");
        assert_eq!(error.hint.as_deref(), Some("`balanced` is used until this one is fixed"));
        assert_eq!(resolved.settings.profile.name, "balanced");
    }

    #[test]
    fn which_model_is_asked_follows_from_what_is_set() {
        let settings = |values: Value| {
            let resolved = resolve(&[(Layer::File, &map(&values))]);
            assert_eq!(resolved.errors, []);
            resolved.settings
        };
        let general = |values: Value| settings(values).general_models();
        assert_eq!(general(json!({"profile": "fast", "codeModel": "a"})), ["a"]);
        assert_eq!(
            general(json!({"profile": "fast", "generalModel": " "})),
            ["qwen2.5-coder-7b", "demo"]
        );
        assert_eq!(general(json!({"codeModel": "a", "generalModel": "b"})), ["b"]);
        assert_eq!(general(json!({"codeModel": "a"})), ["llama-3-8b", "a"]);
        // An empty name counts as none.
        assert_eq!(settings(json!({"codeModel": ""})).code_models(), ["qwen2.5-coder-7b", "demo"]);
    }

    #[test]
    fn what_keeps_a_model_loaded() {
        let keeps = |values: Value| {
            let settings = resolve(&[(Layer::File, &map(&values))]).settings;
            settings.idle_unload_ms()
        };
        assert_eq!(keeps(json!({})), None);
        assert_eq!(keeps(json!({"mode": "stability"})), Some(600_000));
        let other = json!({"mode": "stability", "keepModelLoaded": true});
        assert_eq!(keeps(other), None, "what is set counts more than the mode");
        let other = json!({"keepModelLoaded": false, "idleUnloadMinutes": 2});
        assert_eq!(keeps(other), Some(120_000));
        assert_eq!(keeps(json!({"keepModelLoaded": null, "idleUnloadMinutes": 2})), None);
    }

    fn layer() -> impl Strategy<Value = Contents> {
        let value = |key: &'static str, values: Vec<Value>| {
            prop::option::of(prop::sample::select(values)).prop_map(move |value| (key, value))
        };
        (
            value("profile", vec![json!("fast"), json!("heavy"), json!("none"), json!(1)]),
            value("codeModel", vec![json!("a"), json!("/b.gguf"), json!(""), json!(false)]),
            value("contextWindow", vec![json!(512), json!(8192), json!(8193), json!("1024")]),
            value("keepModelLoaded", vec![json!(true), json!(false), json!(null), json!(0)]),
            value("sampling.topP", vec![json!(0.0), json!(1), json!(1.5)]),
            value("mode", vec![json!("stability"), json!("swift")]),
        )
            .prop_map(|(a, b, c, d, e, f)| {
                let set = [a, b, c, d, e, f];
                let set = set.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?)));
                set.collect::<Map<String, Value>>().into()
            })
    }

    proptest! {
        #[test]
        fn each_setting_is_the_strongest_good_value_whatever_the_layers(
            file in layer(), editor in layer(), command in layer(), request in layer(),
        ) {
            let layers = [
                (Layer::File, &file),
                (Layer::Editor, &editor),
                (Layer::CommandLine, &command),
                (Layer::Request, &request),
            ];
            let mut shuffled = layers;
            shuffled.reverse();
            let resolved = resolve(&shuffled);
            prop_assert_eq!(&resolved, &resolve(&layers));
            let mut bad = 0;
            for (key, value, from) in &resolved.values {
                let setting = Key::named(key).unwrap().setting();
                prop_assert_eq!(setting.check(value), Ok(()));
                let set: Vec<_> =
                    layers.iter().filter_map(|(layer, map)| Some((*layer, map.values.get(*key)?))).collect();
                let good = |value: &Value| setting.check(value).is_ok();
                bad += set.iter().filter(|(_, value)| !good(value)).count();
                let counts = |(_, value): &&(Layer, &Value)| {
                    good(value) && !setting.is_nothing(value) && (*key != "profile" || **value != "none")
                };
                // A profile that does not exist hides the weaker layers' choice, and is reported
                // instead.
                let strongest = set.iter().rev().find(|it| good(it.1) && !setting.is_nothing(it.1));
                match strongest {
                    Some(it) if counts(&it) => prop_assert_eq!((value, *from), (it.1, it.0)),
                    Some(_) => {
                        bad += 1;
                        prop_assert_eq!((value, *from), (&json!("balanced"), Layer::Default));
                    }
                    None => prop_assert!(*from <= Layer::Profile, "{} is from {:?}", key, from),
                }
            }
            // Each value that is not used is reported.
            prop_assert_eq!(resolved.errors.len(), bad);
            let profile = resolved.values.iter().find(|(key, ..)| *key == "profile").unwrap();
            prop_assert_eq!(&json!(resolved.settings.profile.name), &profile.1);
        }
    }

    #[test]
    fn every_kind_refuses_what_it_should() {
        for (key, value) in [
            ("profile", json!("")),
            ("profile", json!("nobody's")),
            ("profiles", json!({"a": {"codeModel": ""}})),
            ("keepModelLoaded", json!("yes")),
            ("idleUnloadMinutes", json!(0)),
            ("slowTokensPerSecond", json!(-1)),
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
