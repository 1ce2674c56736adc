//! Every setting, defined once. Add one here; the compiler then names what has to be made of it
//! (`values`, the simulator), and `cargo xtask codegen` writes the editor's settings page and the
//! reference page.
//!
//! The documentation of a definition is what users read.

use localcoder_protocol::limits::{
    CONTEXT_TOKENS, CONTEXT_TOKENS_MAX, CONTEXT_TOKENS_MIN, SLOW_TOKENS_PER_S,
};

use crate::Kind;
use crate::definition::{choices, settings};
use crate::profiles::Profile;
use crate::values::{DRAFT_OFF, SUGGEST_CODE};

choices! {
    /// Where the model computes.
    pub enum Acceleration {
        /// Metal on macOS, otherwise what this build has
        Auto = "auto",
        /// Every layer on the GPU that this build supports
        Gpu = "gpu",
        /// Compatibility mode: compute on the CPU only
        Cpu = "cpu",
    }
}

choices! {
    /// How much the engine does to be fast.
    pub enum Mode {
        /// As fast as the machine allows: the model is loaded ahead and stays, a selection is read
        /// before a command is called, and weights are rearranged for the processor where that is
        /// faster
        Performance = "performance",
        /// As little as possible: nothing is done ahead, weights stay as they are in the file,
        /// prompts are read in small steps, a quarter of the layers stays off a GPU that was not
        /// asked for by name, and a model that is not used is unloaded
        Stability = "stability",
    }
}

choices! {
    /// How long an explanation is.
    pub enum ExplanationLength {
        /// What the code is for, in two or three sentences
        Short = "short",
        /// A paragraph or two
        Medium = "medium",
        /// Step by step
        Long = "long",
    }
}

choices! {
    /// Which engine runs the model.
    pub enum Backend {
        /// llama.cpp inside the product, on this machine
        Embedded = "embedded",
    }
}

settings! {
    /// Which models are used, and how large their context window is. Settings of your own count
    /// more than the profile's. The list has the built-in ones; your own (see
    /// `localcoder.profiles`) are chosen with *LocalCoder: Switch Profile*, or by name in the
    /// product's `settings.json`.
    Profile = "profile", profile: String,
        Kind::ProfileName { default: "balanced" },
        affects: [Load], of_profiles: false;

    /// The model that improves and explains code: `demo` for the bundled demo model, the id of an
    /// installed model, or the absolute path of a GGUF file. Where this is empty, it is the
    /// profile's, and `demo` until that one is installed. The demo model tidies short Python
    /// functions and is not a code assistant.
    CodeModel = "codeModel", code_model: String,
        Kind::Model,
        affects: [Load], of_profiles: true;

    /// The model that answers everything else, such as `localcoder generate`: named like the one
    /// for code. Where this is empty, it is the profile's; where that one is not installed, the
    /// model for code does both.
    GeneralModel = "generalModel", general_model: String,
        Kind::Model,
        affects: [Load], of_profiles: true;

    /// A small model that guesses what the model in use writes next, which makes explanations and
    /// new code faster and never changes them: `auto` takes the smallest installed one with the
    /// same vocabulary, where memory allows and the model in use is at least six times as large;
    /// else the id of an installed model, or the absolute path of a GGUF file. `off` is none.
    /// Where its guesses cost more than they gain, it is not asked.
    DraftModel = "draftModel", draft_model: String,
        Kind::ModelOr { word: DRAFT_OFF },
        affects: [Residency], of_profiles: false;

    /// Size of the context window in tokens. A larger window takes more memory. Where nothing is
    /// set it is the profile's, which may leave it to the free memory. It is lowered to what the
    /// model was trained for, and the status bar shows what is in use.
    ContextWindow = "contextWindow", context_window: u32,
        Kind::Integer {
            default: CONTEXT_TOKENS, min: CONTEXT_TOKENS_MIN, max: CONTEXT_TOKENS_MAX
        },
        affects: [Load], of_profiles: true;

    /// Where the model computes. A GPU that fails is replaced by the CPU, which is reported, until this
    /// setting is changed.
    Acceleration = "acceleration", acceleration: Acceleration,
        Kind::Choice { default: Acceleration::Auto.word(), choices: Acceleration::CHOICES },
        affects: [Load], of_profiles: false;

    /// How much the engine does to be fast. While the system saves power, nothing is done ahead in
    /// either mode.
    Mode = "mode", mode: Mode,
        Kind::Choice { default: Mode::Performance.word(), choices: Mode::CHOICES },
        affects: [Load, Residency], of_profiles: false;

    /// Whether a model that is not used stays in memory: `true` keeps it, `false` unloads it after
    /// `localcoder.idleUnloadMinutes`, `null` leaves it to `localcoder.mode`. When memory runs
    /// short, it is unloaded whatever is set here.
    KeepModelLoaded = "keepModelLoaded", keep_model_loaded: Option<bool>,
        Kind::OptionalSwitch,
        affects: [Residency], of_profiles: false;

    /// After this many minutes without a request a model is unloaded, where it does not stay.
    IdleUnloadMinutes = "idleUnloadMinutes", idle_unload_minutes: u32,
        // The default is between Ollama's 5 and LM Studio's 60; a day is the same as never.
        Kind::Integer { default: 10, min: 1, max: 1440 },
        affects: [Residency], of_profiles: false;

    /// How freely the model chooses its words; 0 always takes the likeliest. Where this and the two
    /// below are not set, answers that are not code take what the model's maker recommends.
    Temperature = "sampling.temperature", temperature: f64,
        // 0: an edit is right or wrong, variety does not help it.
        Kind::Number { default: 0.0, min: 0.0, max: 2.0 },
        affects: [Sampling], of_profiles: false;

    /// With a temperature above 0: choose among the likeliest words that together have this
    /// probability.
    TopP = "sampling.topP", top_p: f64,
        Kind::Number { default: 0.95, min: 0.0, max: 1.0 },
        affects: [Sampling], of_profiles: false;

    /// Makes recently used words less likely; 1 is off, and best for code.
    RepeatPenalty = "sampling.repeatPenalty", repeat_penalty: f64,
        // 1: a penalty fights the verbatim copying that edits are made of.
        Kind::Number { default: 1.0, min: 1.0, max: 2.0 },
        affects: [Sampling], of_profiles: false;

    /// How long explanations are, and the answers to questions that follow. A longer one takes longer.
    ExplanationLength = "explanation.length", explanation_length: ExplanationLength,
        Kind::Choice {
            default: ExplanationLength::Medium.word(), choices: ExplanationLength::CHOICES
        },
        affects: [Answers], of_profiles: false;

    /// Suggest code at the cursor while you type, computed on this machine. Everything else that is
    /// asked of a model goes first. *LocalCoder: Why Is There No Suggestion?* says why there is none.
    GhostText = "ghostText.enabled", ghost_text: bool,
        Kind::Switch { default: true },
        affects: [GhostText], of_profiles: false;

    /// The model that suggests at the cursor: `auto` is the one for code, and where that takes
    /// longer than 0.3 seconds the largest installed one that is likely to be fast enough, at most
    /// half as large, with tokens for gaps; `code` is always the one for code; else the id of an
    /// installed model, or the absolute path of a GGUF file. A second model is loaded only where
    /// memory allows it beside the first.
    GhostTextModel = "ghostText.model", ghost_text_model: String,
        Kind::ModelOr { word: SUGGEST_CODE },
        affects: [GhostText], of_profiles: false;

    /// Languages in which nothing is suggested at the cursor, by the editor's names for them, such
    /// as `markdown` or `plaintext`.
    GhostTextLanguagesOff = "ghostText.languagesOff", ghost_text_languages_off: Vec<String>,
        Kind::Words,
        affects: [GhostText], of_profiles: false;

    /// Suggest at the cursor while the system saves power, too: on battery, it costs more of that
    /// than everything else.
    GhostTextWhileSavingPower = "ghostText.whileSavingPower", ghost_text_while_saving_power: bool,
        Kind::Switch { default: false },
        affects: [GhostText], of_profiles: false;

    /// Before an edit is shown, run your own test of the code on a copy with the edit in it: a test
    /// file by its name, or the examples in the documentation (Python, JavaScript, TypeScript, Go,
    /// Rust); where there is none, the compiler (Go, Rust, Java, C, C++, TypeScript); and where the
    /// edit is only to change how code is written, calls of its functions with made-up values,
    /// which must give what they gave before (Python, JavaScript, on Linux; they reach no network
    /// and write no files of yours). An edit with which it fails is asked for again, and shown as *not sure* where none is better. This runs
    /// programs of the folder, in folders that you trust only, without network where the system can
    /// hold them from it, and for 20 seconds at most.
    TestEdits = "testEdits", test_edits: bool,
        Kind::Switch { default: false },
        affects: [Clients], of_profiles: false;

    /// Count which edits are shown and what becomes of them (kept, dropped, taken back, asked for
    /// again), by command, model, language and version of the prompts: `localcoder stats` and
    /// *LocalCoder: Edit Statistics* show it. It stays in one file on this machine, never holds
    /// code, names of files or what you have asked for, and is deleted with
    /// `localcoder stats --delete`.
    Ledger = "ledger", ledger: bool,
        Kind::Switch { default: true },
        affects: [Statistics], of_profiles: false;

    /// Where a model writes fewer tokens a second than this in five requests in a row, the profile
    /// *fast* is suggested, once for each model. 0 suggests nothing.
    SlowTokensPerSecond = "slowTokensPerSecond", slow_tokens_per_second: f64,
        Kind::Number { default: SLOW_TOKENS_PER_S, min: 0.0, max: 10_000.0 },
        affects: [Suggestions], of_profiles: false;

    /// Profiles of your own, by name: an object each with `codeModel`, and where wanted
    /// `generalModel`, `contextWindow`, `contextWindowMax` (up to which the free memory decides),
    /// `largeModels` (whether models of 13 billion parameters and more may be loaded) and
    /// `summary`. One named like a built-in profile takes its place.
    Profiles = "profiles", profiles: Vec<Profile>,
        Kind::Profiles,
        affects: [Load], of_profiles: false;

    /// Nothing is downloaded, not even when you ask for it: the program that could is
    /// never started. Models are imported from files. Where the settings can't tell, it is on: when
    /// the product's `settings.json` or the kept copy of the editor's settings is there and can't
    /// be read, or when this value is neither `true` nor `false` in any of them, whatever the
    /// others say. `localcoder config get airGapped` says what is in force and why.
    AirGapped = "airGapped", air_gapped: bool,
        Kind::Switch { default: false },
        affects: [Network], of_profiles: false;

    /// Which engine runs the model.
    Backend = "backend", backend: Backend,
        Kind::Choice { default: Backend::Embedded.word(), choices: Backend::CHOICES },
        affects: [Nothing], of_profiles: false;
}

impl Key {
    #[must_use]
    pub fn setting(self) -> &'static crate::Setting {
        &TABLE[self as usize]
    }

    /// The setting of a name, without the `localcoder.` prefix.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|key| key.name() == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_in_the_order_of_the_names() {
        assert_eq!(TABLE.len(), Key::ALL.len());
        for (setting, key) in TABLE.iter().zip(Key::ALL) {
            assert_eq!((setting.id, setting.key), (*key, key.name()));
            assert_eq!(key.setting(), setting);
            assert_eq!(Key::named(key.name()), Some(*key));
        }
        assert_eq!(Key::named("color"), None);
    }

    #[test]
    fn the_examples_of_a_setting_are_allowed_and_differ() {
        for setting in TABLE {
            let examples = setting.examples();
            for value in &examples {
                assert_eq!(setting.check(value), Ok(()), "{} = {value}", setting.key);
            }
            let of_one_choice = setting.id == Key::Backend;
            assert!(of_one_choice || examples[1..].iter().any(|it| *it != examples[0]));
            assert!(examples.contains(&setting.default()), "{}", setting.key);
        }
    }

    #[test]
    fn a_list_of_words_has_no_blank_and_no_endless_ones() {
        let lists = TABLE.iter().filter(|setting| matches!(setting.kind, Kind::Words));
        for setting in lists {
            let good = |word: &str| setting.check(&serde_json::json!(["go", word])).is_ok();
            assert!(good(&"x".repeat(64)), "{}", setting.key);
            for word in ["", " ", &"x".repeat(65)] {
                assert!(!good(word), "{}: `{word}`", setting.key);
            }
            assert!(setting.check(&serde_json::json!(["go", 1])).is_err(), "{}", setting.key);
        }
    }

    #[test]
    fn every_word_of_a_choice_is_a_variant_of_its_type() {
        use crate::definition::FromValue as _;

        for word in [Acceleration::Auto, Acceleration::Gpu, Acceleration::Cpu] {
            assert_eq!(Acceleration::from_value(&word.word().into()), Some(word));
        }
        for word in [Mode::Performance, Mode::Stability] {
            assert_eq!(Mode::from_value(&word.word().into()), Some(word));
        }
        assert_eq!(Mode::from_value(&"swift".into()), None);
        let lengths =
            [ExplanationLength::Short, ExplanationLength::Medium, ExplanationLength::Long];
        for word in lengths {
            assert_eq!(ExplanationLength::from_value(&word.word().into()), Some(word));
        }
    }
}
