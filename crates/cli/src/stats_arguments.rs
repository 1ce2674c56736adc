//! What can be typed after `stats`.

use std::path::PathBuf;

use clap::Args;
use localcoder_protocol::StatisticsBy;

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  localcoder stats                               by command, model, language and prompt
  localcoder stats --by model
  localcoder stats --eval results.jsonl          beside a run of `localcoder eval --out` of your own
  localcoder stats --delete

What is counted lies in one file on this machine: no code, no names of files, nothing that you have
asked for. `localcoder config set ledger false` counts no more.")]
pub(crate) struct StatsOptions {
    /// Tell only this apart
    #[arg(long, value_enum, value_name = "WHAT")]
    pub(crate) by: Option<By>,
    /// Show these outcomes of `localcoder eval --out` beside it, instead of those that are published
    #[arg(long, value_name = "FILE")]
    pub(crate) eval: Option<PathBuf>,
    /// Delete what was counted
    #[arg(long, conflicts_with_all = ["by", "eval"])]
    pub(crate) delete: bool,
    /// Do not ask
    #[arg(long, requires = "delete")]
    pub(crate) yes: bool,
    /// Print the numbers as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// See [`StatisticsBy`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum By {
    /// What was asked for
    Command,
    /// Which model wrote it
    Model,
    /// The document's language
    Language,
    /// The version of the product's words that the model was asked with
    Prompt,
}

impl From<By> for StatisticsBy {
    fn from(by: By) -> Self {
        match by {
            By::Command => Self::Command,
            By::Model => Self::Model,
            By::Language => Self::Language,
            By::Prompt => Self::Prompt,
        }
    }
}
