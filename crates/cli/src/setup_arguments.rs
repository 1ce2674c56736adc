//! What can be typed after `setup` and `self-test`. Only types and help.

use clap::{Args, ValueEnum};
use localcoder_protocol::SetupStep;

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  localcoder setup                               what this machine has, and a model for it: asks
  localcoder setup --model qwen2.5-coder-1.5b    without questions about which
  localcoder setup --model ~/Downloads/some-model.gguf --in-place
  localcoder setup --model /media/usb/some-model.localcoder-model --accept-license
  localcoder setup --demo                        stay with the bundled demo model
  localcoder setup --air-gapped on               nothing is downloaded
  localcoder setup --json                        the facts, and how far it is; changes nothing

Where it was ended, it goes on. Without a terminal it asks nothing: it prints the facts.")]
pub(crate) struct SetupOptions {
    /// Get this model, use it for code and test it: an id of the catalog, a GGUF file, or a folder
    /// that `models export` has made
    #[arg(long, value_name = "ID|PATH", conflicts_with_all = ["demo", "step", "used", "again", "json"])]
    pub(crate) model: Option<String>,
    /// Agree to its license without being asked; read it first: `localcoder models license ID`
    #[arg(long, requires = "model")]
    pub(crate) accept_license: bool,
    /// Leave a GGUF file where it is
    #[arg(long, requires = "model")]
    pub(crate) in_place: bool,
    /// Don't test it
    #[arg(long, requires = "model")]
    pub(crate) no_test: bool,
    /// Stay with the bundled demo model, and be done
    #[arg(long)]
    pub(crate) demo: bool,
    /// Turn air-gapped mode on or off
    #[arg(long, value_enum, value_name = "on|off")]
    pub(crate) air_gapped: Option<Switch>,
    /// Record how far the set-up is, as the page in the editor does
    #[arg(long, value_enum, value_name = "STEP", conflicts_with = "demo")]
    pub(crate) step: Option<Step>,
    /// With `--step download`: a model that was agreed to; may be given several times
    #[arg(long, value_name = "ID", requires = "step")]
    pub(crate) download: Vec<String>,
    /// Use this installed model for what it is meant for, and go on to the test
    #[arg(long = "use", value_name = "ID", conflicts_with_all = ["demo", "step"])]
    pub(crate) used: Option<String>,
    /// Start over, and offer it at the next start
    #[arg(long, conflicts_with_all = ["demo", "step", "used"])]
    pub(crate) again: bool,
    /// Print the facts and how far the set-up is as JSON, and ask nothing
    #[arg(long)]
    pub(crate) json: bool,
}

/// Yes or no.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Switch {
    /// Yes.
    On,
    /// No.
    Off,
}

/// See [`SetupStep`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Step {
    /// A model is to be chosen
    Choose,
    /// Models are downloaded
    Download,
    /// A model is tried
    SelfTest,
    /// Nothing is left to do
    Done,
}

impl From<Step> for SetupStep {
    fn from(step: Step) -> Self {
        match step {
            Step::Choose => Self::Choose,
            Step::Download => Self::Download,
            Step::SelfTest => Self::SelfTest,
            Step::Done => Self::Done,
        }
    }
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  localcoder self-test                           the model for code
  localcoder self-test --model qwen2.5-coder-1.5b
  localcoder self-test --json | jq .measured

It loads the model, measures the first token cold and warm, reading and writing, and has a function
of the sample project improved. With `--json` and `--events` the verdict is in what is printed;
otherwise a test that fails ends with the exit code of what went wrong.")]
pub(crate) struct SelfTestOptions {
    /// An installed model's id, a GGUF file, or `demo` [default: the one for code]
    #[arg(long, value_name = "ID|PATH")]
    pub(crate) model: Option<String>,
    /// Print the outcome as JSON
    #[arg(long)]
    pub(crate) json: bool,
    /// Print what happens as JSON, a line each; the last is the outcome or the error
    #[arg(long, conflicts_with = "json")]
    pub(crate) events: bool,
}
