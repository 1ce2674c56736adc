//! The table of settings. Add a row here and a field in `resolve`, then run
//! `cargo xtask codegen`; nothing else names a setting.

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
        key: "codeModel",
        kind: Kind::Text { default: "demo" },
        doc: "The model that improves and explains code: `demo` for the bundled demo model, the \
              id of an installed model, or the absolute path of a GGUF file. The demo model tidies \
              short Python functions and is no code assistant.",
    },
    Setting {
        key: "generalModel",
        kind: Kind::Text { default: "" },
        doc: "The model that answers everything else, such as `localcoder generate`: named like \
              the one for code, which does both where this is empty.",
    },
    Setting {
        key: "contextWindow",
        // The upper end is the product's limit; the lower holds the prompt and a short function.
        kind: Kind::Integer { default: 4096, min: 512, max: 8192 },
        doc: "Size of the context window in tokens. A larger window takes more memory. It is \
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
        doc: "Where the model computes.",
    },
    Setting {
        key: "mode",
        kind: Kind::Choice {
            default: "performance",
            choices: &[
                (
                    "performance",
                    "As fast as the machine allows: a selection is read before a command is \
                     called, and weights are rearranged for the processor where that is faster",
                ),
                (
                    "stability",
                    "As little as possible: nothing is done ahead, weights stay as they lie in \
                     the file, prompts are read in small steps",
                ),
            ],
        },
        doc: "How much the engine does to be fast. While the system saves power, nothing is read \
              ahead in either mode.",
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
        key: "airGapped",
        kind: Kind::Switch { default: false },
        doc: "Nothing is loaded from the network, not even when you ask for it: the program that \
              could is never started. Models are imported from files.",
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
