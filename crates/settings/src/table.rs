//! The table of settings. Add a row here and a field in `values`, then run
//! `cargo xtask codegen`; nothing else names a setting.

use crate::profiles::PROFILE_CHOICES;

/// What values a setting takes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Kind {
    /// Any text.
    Text {
        /// Used where nothing is set. Where it is empty, the setting may be so.
        default: &'static str,
    },
    /// One of a few words.
    Choice {
        /// Used where nothing is set.
        default: &'static str,
        /// Word and what it means, in the order shown.
        choices: &'static [(&'static str, &'static str)],
    },
    /// On or off.
    Switch {
        /// Used where nothing is set.
        default: bool,
    },
    /// On, off, or `null`: what other settings imply.
    OptionalSwitch,
    /// A whole number.
    Integer {
        /// Used where nothing is set.
        default: i64,
        /// Smallest.
        min: i64,
        /// Largest.
        max: i64,
    },
    /// A number.
    Number {
        /// Used where nothing is set.
        default: f64,
        /// Smallest.
        min: f64,
        /// Largest.
        max: f64,
    },
    /// Profiles of the user's own, by name; see `profiles`.
    Profiles,
}

/// One setting.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Setting {
    /// Name without the `localcoder.` prefix.
    pub key: &'static str,
    /// What values it takes.
    pub kind: Kind,
    /// What it does, in Markdown.
    pub doc: &'static str,
}

/// Every setting, in the order in which the editor shows them. All of them decide what runs, so
/// all are machine-scoped: a workspace can't set them.
pub const TABLE: &[Setting] = &[
    Setting {
        key: "profile",
        kind: Kind::Choice { default: "balanced", choices: PROFILE_CHOICES },
        doc: "Which models are used, and how large their context window is. Settings of your own \
              count more than the profile's. The list has the built-in ones; your own (see \
              `localcoder.profiles`) are chosen with *LocalCoder: Switch Profile*, or by name in \
              the product's `settings.json`.",
    },
    Setting {
        key: "codeModel",
        kind: Kind::Text { default: "" },
        doc: "The model that improves and explains code: `demo` for the bundled demo model, the \
              id of an installed model, or the absolute path of a GGUF file. Where this is empty, \
              it is the profile's, and `demo` until that one is installed. The demo model tidies \
              short Python functions and is no code assistant.",
    },
    Setting {
        key: "generalModel",
        kind: Kind::Text { default: "" },
        doc: "The model that answers everything else, such as `localcoder generate`: named like \
              the one for code. Where this is empty, it is the profile's; where that one is not \
              installed, the model for code does both.",
    },
    Setting {
        key: "contextWindow",
        // The upper end is the product's limit; the lower holds the prompt and a short function.
        kind: Kind::Integer { default: 4096, min: 512, max: 8192 },
        doc: "Size of the context window in tokens. A larger window takes more memory. Where \
              nothing is set it is the profile's, which may leave it to the free memory. It is \
              lowered to what the model was trained for, and the status bar shows what is in use.",
    },
    Setting {
        key: "acceleration",
        kind: Kind::Choice {
            default: "auto",
            choices: &[
                ("auto", "Metal on macOS, otherwise what this build has"),
                ("gpu", "Every layer on the GPU that this build supports"),
                ("cpu", "Compatibility mode: compute on the CPU only"),
            ],
        },
        doc: "Where the model computes. A GPU that fails is replaced by the CPU, which is told, \
              until this setting is changed.",
    },
    Setting {
        key: "mode",
        kind: Kind::Choice {
            default: "performance",
            choices: &[
                (
                    "performance",
                    "As fast as the machine allows: the model is loaded ahead and stays, a \
                     selection is read before a command is called, and weights are rearranged for \
                     the processor where that is faster",
                ),
                (
                    "stability",
                    "As little as possible: nothing is done ahead, weights stay as they lie in \
                     the file, prompts are read in small steps, a quarter of the layers stays off \
                     a GPU that was not asked for by name, and a model that is not used is \
                     unloaded",
                ),
            ],
        },
        doc: "How much the engine does to be fast. While the system saves power, nothing is done \
              ahead in either mode.",
    },
    Setting {
        key: "keepModelLoaded",
        kind: Kind::OptionalSwitch,
        doc: "Whether a model that is not used stays in memory: `true` keeps it, `false` unloads \
              it after `localcoder.idleUnloadMinutes`, `null` leaves it to `localcoder.mode`. \
              When memory runs short, it is unloaded whatever stands here.",
    },
    Setting {
        key: "idleUnloadMinutes",
        // The default lies between Ollama's 5 and LM Studio's 60; a day is the same as never.
        kind: Kind::Integer { default: 10, min: 1, max: 1440 },
        doc: "After so many minutes without a request a model is unloaded, where it does not stay.",
    },
    Setting {
        key: "sampling.temperature",
        // 0: an edit is right or wrong, variety does not help it.
        kind: Kind::Number { default: 0.0, min: 0.0, max: 2.0 },
        doc: "How freely the model chooses its words; 0 always takes the likeliest. Where this and \
              the two below are not set, answers that are no code take what the model's maker \
              recommends.",
    },
    Setting {
        key: "sampling.topP",
        kind: Kind::Number { default: 0.95, min: 0.0, max: 1.0 },
        doc: "With a temperature above 0: choose among the likeliest words that together have \
              this probability.",
    },
    Setting {
        key: "sampling.repeatPenalty",
        // 1: a penalty fights the verbatim copying that edits are made of.
        kind: Kind::Number { default: 1.0, min: 1.0, max: 2.0 },
        doc: "Makes recently used words less likely; 1 is off, and best for code.",
    },
    Setting {
        key: "slowTokensPerSecond",
        // Slower than people read.
        kind: Kind::Number { default: 10.0, min: 0.0, max: 10_000.0 },
        doc: "Where a model writes fewer tokens a second than this in five requests in a row, the \
              profile *fast* is suggested, once for each model. 0 suggests nothing.",
    },
    Setting {
        key: "profiles",
        kind: Kind::Profiles,
        doc: "Profiles of your own, by name: an object each with `codeModel`, and where wanted \
              `generalModel`, `contextWindow`, `contextWindowMax` (up to which the free memory \
              decides), `largeModels` (whether models of 13 billion parameters and more may be \
              loaded) and `summary`. One named like a built-in profile takes its place.",
    },
    Setting {
        key: "airGapped",
        kind: Kind::Switch { default: false },
        doc: "Nothing is loaded from the network, not even when you ask for it: the program that \
              could is never started. Models are imported from files. Where the settings can't \
              tell, it is on: when the product's `settings.json` or the kept copy of the editor's \
              settings is there and can't be read, or when this value is neither `true` nor \
              `false` in any of them, whatever the others say. `localcoder config get airGapped` \
              says what is in force and why.",
    },
    Setting {
        key: "backend",
        kind: Kind::Choice {
            default: "embedded",
            choices: &[("embedded", "llama.cpp inside the product, on this machine")],
        },
        doc: "Which engine runs the model.",
    },
];
