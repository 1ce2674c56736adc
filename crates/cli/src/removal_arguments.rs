//! What can be typed after `help`, `reset` and `uninstall`.

use clap::Args;

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  localcoder help                                the commands
  localcoder help models install                 a command
  localcoder help noModel                        an error, by its name or its exit code")]
pub(crate) struct HelpOptions {
    /// A command, or an error
    pub(crate) topic: Vec<String>,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  localcoder reset --dry-run                     what would go and what would stay
  localcoder reset
  localcoder reset --models

The open IDE and the host are ended first. Your projects, and model files that were imported in place,
are never touched.")]
pub(crate) struct ResetOptions {
    /// Remove the installed models as well
    #[arg(long)]
    pub(crate) models: bool,
    #[command(flatten)]
    pub(crate) sure: SureOptions,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  localcoder uninstall --dry-run                 what would go and what would stay
  localcoder uninstall
  localcoder uninstall --keep-models

The open IDE and the host are ended first. Your projects, and model files that were imported in place,
are never touched. The programs themselves are removed as they came; where they are is said.")]
pub(crate) struct UninstallOptions {
    /// Leave the installed models
    #[arg(long)]
    pub(crate) keep_models: bool,
    #[command(flatten)]
    pub(crate) sure: SureOptions,
}

/// What `reset` and `uninstall` have in common.
#[derive(Debug, Args)]
pub(crate) struct SureOptions {
    /// Only say what would go and what would stay
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Do not ask
    #[arg(long)]
    pub(crate) yes: bool,
    /// Print what goes and what stays as JSON
    #[arg(long)]
    pub(crate) json: bool,
}
