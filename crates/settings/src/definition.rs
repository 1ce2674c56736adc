//! What a definition of a setting consists of, and the macros that make everything else of it: the
//! name ([`Key`](crate::Key)), the row of the table and the field of the typed values. `table` has
//! the definitions themselves.

use serde_json::{Value, json};

use crate::profiles::{self, PROFILE_CHOICES, Profile};
use crate::table::Key;
use crate::values::AUTO;

/// What values a setting takes, with its default and bounds. From it come the check, the schema of
/// the settings page, the reference page and the examples of tests, so that none of them can say
/// something else. Bounds are included. A value out of bounds is refused and not clamped: what the
/// user wrote and what counts would differ without a word.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Kind {
    /// The name of a model. An empty one is none: what the profile says counts then.
    Model,
    /// The name of a model that helps another, or `auto`, or another word.
    ModelOr {
        word: &'static str,
    },
    /// The name of a profile. Which there are is known when all layers are.
    ProfileName {
        default: &'static str,
    },
    /// One of a few words, each of which is a variant of the setting's type. Words are listed in
    /// the order in which they are shown.
    Choice {
        default: &'static str,
        /// Word and what it means, in the order shown.
        choices: Choices,
    },
    /// On or off.
    Switch {
        default: bool,
    },
    /// On, off, or `null`: what other settings imply.
    OptionalSwitch,
    /// Words in a list, each of a few characters; none where nothing is set.
    Words,
    Integer {
        default: u32,
        min: u32,
        max: u32,
    },
    Number {
        default: f64,
        min: f64,
        max: f64,
    },
    /// Profiles of the user's own, by name; see `profiles`.
    Profiles,
}

pub type Choices = &'static [(&'static str, &'static str)];

/// What a change of a setting reaches, and so what a host has to do about it. A test changes each
/// setting and compares this with what follows, so that a definition can't say too little.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Affects {
    /// Which model is loaded, or how it is run: what is loaded otherwise is loaded again, and what
    /// was lowered or left alone before is tried again.
    Load,
    Sampling,
    /// What the next answer is like.
    Answers,
    Residency,
    Suggestions,
    GhostText,
    Statistics,
    /// What is done with an edit before it is shown; hosts don't go by it.
    Clients,
    /// Whether anything may be fetched: looked up each time that something is to be.
    Network,
    /// Nothing: there is nothing to choose yet.
    Nothing,
}

impl Affects {
    /// When a change takes effect, for the reference page.
    pub(crate) const fn takes_effect(self) -> Option<&'static str> {
        match self {
            Self::Load => Some("with the next request: the model is loaded again where it must be"),
            Self::Sampling | Self::Answers | Self::Clients => Some("with the next request"),
            Self::Residency | Self::Suggestions | Self::GhostText | Self::Statistics => {
                Some("at once")
            }
            Self::Network => Some("at once for commands, and for the editor at its next start"),
            Self::Nothing => None,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Setting {
    /// By which code names it; also its index in the table.
    pub id: Key,
    /// Name without the `localcoder.` prefix.
    pub key: &'static str,
    pub kind: Kind,
    pub doc: &'static str,
    /// What a change of it reaches, the gravest first: the first one is what the reference page
    /// tells. Never empty.
    pub affects: &'static [Affects],
    /// Whether a profile has a value for it, which counts where the user has set none.
    pub of_profiles: bool,
}

impl Setting {
    pub(crate) fn default(&self) -> Value {
        match self.kind {
            Kind::Model => "".into(),
            Kind::ModelOr { .. } => AUTO.into(),
            Kind::ProfileName { default } | Kind::Choice { default, .. } => default.into(),
            Kind::Switch { default } => default.into(),
            Kind::OptionalSwitch => Value::Null,
            Kind::Words => json!([]),
            Kind::Profiles => json!({}),
            Kind::Integer { default, .. } => default.into(),
            Kind::Number { default, .. } => default.into(),
        }
    }

    /// What it may be, in words that follow "allowed is".
    pub(crate) fn allowed(&self) -> String {
        match self.kind {
            Kind::Model => "a text, which may be empty".to_owned(),
            Kind::ModelOr { word } => format!("`{AUTO}`, `{word}`, or a model"),
            Kind::ProfileName { .. } => "the name of a profile".to_owned(),
            Kind::Choice { choices, .. } => {
                let words: Vec<String> =
                    choices.iter().map(|(word, _)| format!("`{word}`")).collect();
                format!("one of {}", words.join(", "))
            }
            Kind::Switch { .. } => "`true` or `false`".to_owned(),
            Kind::OptionalSwitch => "`true`, `false` or `null`".to_owned(),
            Kind::Words => "a list of words".to_owned(),
            Kind::Profiles => "an object with a profile under each name".to_owned(),
            Kind::Integer { min, max, .. } => format!("a whole number from {min} to {max}"),
            Kind::Number { min, max, .. } => format!("a number from {min} to {max}"),
        }
    }

    /// Fails with what is allowed, in words that follow "allowed is". Nothing is converted: a
    /// number in quotes is not a number.
    pub(crate) fn check(&self, value: &Value) -> Result<(), String> {
        let good = match self.kind {
            Kind::Model => value.is_string(),
            Kind::ModelOr { .. } | Kind::ProfileName { .. } => {
                value.as_str().is_some_and(|name| !name.is_empty())
            }
            Kind::Choice { choices, .. } => {
                choices.iter().any(|(word, _)| value.as_str() == Some(word))
            }
            Kind::Switch { .. } => value.is_boolean(),
            Kind::OptionalSwitch => value.is_boolean() || value.is_null(),
            Kind::Words => value.as_array().is_some_and(|all| all.iter().all(is_word)),
            Kind::Profiles => return profiles::check(value),
            Kind::Integer { min, max, .. } => {
                value.as_u64().is_some_and(|it| (min.into()..=max.into()).contains(&it))
            }
            Kind::Number { min, max, .. } => {
                value.as_f64().is_some_and(|it| (min..=max).contains(&it))
            }
        };
        if good { Ok(()) } else { Err(self.allowed()) }
    }

    /// Whether a value that is allowed says nothing, so that the layer below it counts.
    pub(crate) fn is_nothing(&self, value: &Value) -> bool {
        self.kind == Kind::Model && value.as_str().is_some_and(|text| text.trim().is_empty())
    }

    /// Values that it may have: two that differ at least, where there are, and those at the edges of
    /// what is allowed. For tests and simulations of all settings.
    #[must_use]
    pub fn examples(&self) -> Vec<Value> {
        let words = |choices: Choices| choices.iter().map(|(word, _)| (*word).into()).collect();
        match self.kind {
            Kind::Model => vec!["".into(), "demo".into(), "/models/own.gguf".into()],
            Kind::ModelOr { word } => vec![AUTO.into(), word.into(), "/models/own.gguf".into()],
            Kind::ProfileName { .. } => words(PROFILE_CHOICES),
            Kind::Choice { choices, .. } => words(choices),
            Kind::Switch { .. } => vec![false.into(), true.into()],
            Kind::OptionalSwitch => vec![Value::Null, false.into(), true.into()],
            Kind::Words => vec![json!([]), json!(["markdown"]), json!(["python", "go"])],
            Kind::Integer { default, min, max } => vec![default.into(), min.into(), max.into()],
            Kind::Number { default, min, max } => vec![default.into(), min.into(), max.into()],
            // Of these the one that is in force where nothing else is set.
            Kind::Profiles => vec![json!({}), json!({"balanced": {"codeModel": "demo"}})],
        }
    }
}

/// Longest word of a list: names of languages and the like have a few characters.
const WORD_BYTES_MAX: usize = 64;

fn is_word(value: &Value) -> bool {
    value.as_str().is_some_and(|word| !word.trim().is_empty() && word.len() <= WORD_BYTES_MAX)
}

/// A type that the values of a setting have in the programs. `None` for a value of another type;
/// what has passed the setting's check is never one.
pub(crate) trait FromValue: Sized {
    fn from_value(value: &Value) -> Option<Self>;
}

impl FromValue for bool {
    fn from_value(value: &Value) -> Option<Self> {
        value.as_bool()
    }
}

impl FromValue for Option<bool> {
    fn from_value(value: &Value) -> Option<Self> {
        if value.is_null() { Some(None) } else { value.as_bool().map(Some) }
    }
}

impl FromValue for u32 {
    fn from_value(value: &Value) -> Option<Self> {
        value.as_u64().and_then(|number| number.try_into().ok())
    }
}

impl FromValue for f64 {
    fn from_value(value: &Value) -> Option<Self> {
        value.as_f64()
    }
}

impl FromValue for String {
    fn from_value(value: &Value) -> Option<Self> {
        // A name of blanks is none for `is_nothing`, too.
        value.as_str().map(|text| text.trim().to_owned())
    }
}

impl FromValue for Vec<String> {
    fn from_value(value: &Value) -> Option<Self> {
        value.as_array()?.iter().map(String::from_value).collect()
    }
}

impl FromValue for Vec<Profile> {
    fn from_value(value: &Value) -> Option<Self> {
        profiles::check(value).is_ok().then(|| profiles::all(value))
    }
}

/// Declares the words of a choice as an enum. The documentation of a variant is what users read of
/// the word.
macro_rules! choices {
    (
        $(#[$meta:meta])*
        pub enum $name:ident {
            $($(#[doc = $doc:literal])+ $variant:ident = $word:literal,)+
        }
    ) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum $name {
            $($(#[doc = $doc])+ $variant,)+
        }

        impl $name {
            pub(crate) const CHOICES: $crate::definition::Choices =
                &[$(($word, concat!($($doc),+).trim_ascii_start())),+];

            pub(crate) const fn word(self) -> &'static str {
                match self {
                    $(Self::$variant => $word,)+
                }
            }
        }

        impl $crate::definition::FromValue for $name {
            fn from_value(value: &serde_json::Value) -> Option<Self> {
                match value.as_str()? {
                    $($word => Some(Self::$variant),)+
                    _ => None,
                }
            }
        }
    };
}

/// Declares the settings: the name of each as a variant, its row in the table, and its field among
/// the typed values.
macro_rules! settings {
    ($(
        $(#[doc = $doc:literal])+
        $id:ident = $key:literal, $field:ident: $type:ty,
        $kind:expr,
        affects: [$($affects:ident),+],
        of_profiles: $of_profiles:literal;
    )+) => {
        /// Every setting.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Key {
            $($(#[doc = $doc])+ $id,)+
        }

        impl Key {
            /// All of them, in the order in which the editor shows them.
            pub const ALL: &[Self] = &[$(Self::$id),+];

            /// Its name without the `localcoder.` prefix.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$id => $key,)+
                }
            }
        }

        /// The definitions. All settings decide what runs, so all are the application's: a workspace
        /// can't set them.
        pub const TABLE: &[$crate::definition::Setting] = &[$($crate::definition::Setting {
            id: Key::$id,
            key: $key,
            kind: $kind,
            doc: concat!($($doc),+).trim_ascii_start(),
            affects: &[$($crate::definition::Affects::$affects),+],
            of_profiles: $of_profiles,
        }),+];

        /// The value of each setting. Who makes something of them takes them apart whole, so that
        /// one that is added can't be forgotten.
        #[derive(Debug)]
        pub(crate) struct Values {
            $(pub(crate) $field: $type,)+
        }

        impl Values {
            /// From the value of each that was found, all of which are allowed.
            pub(crate) fn read<'a>(of: impl Fn(Key) -> &'a serde_json::Value) -> Self {
                Self {
                    $($field: $crate::definition::FromValue::from_value(of(Key::$id))
                        .expect("what is allowed has the type"),)+
                }
            }
        }
    };
}

pub(crate) use {choices, settings};
