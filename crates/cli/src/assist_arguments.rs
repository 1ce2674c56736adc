//! The subcommands for code in a file: one for each row of the command table.

use clap::builder::{PossibleValue, PossibleValuesParser};
use clap::{ArgMatches, Args, Command, FromArgMatches, Subcommand};
use localcoder_protocol::{AnswerKind, COMMANDS, CommandSpec};
use localcoder_settings::{Key, Kind};

use crate::arguments::{ModelOption, TargetOptions};

/// Added to the help of every command whose answer is an edit.
const OF_EDITS: &str = "\
Without --apply the file is left alone. With it, only the lines given change, and only if
they still read as they did when the model was asked.";

/// A command on code, with its options.
#[derive(Debug)]
pub(crate) struct AssistCommand {
    pub(crate) spec: &'static CommandSpec,
    pub(crate) options: AssistOptions,
}

/// Options of such commands. Which of them a command takes is in its row of the table.
#[derive(Debug)]
pub(crate) struct AssistOptions {
    pub(crate) target: TargetOptions,
    /// What to do with the lines, or what to answer about them.
    pub(crate) instruction: Option<String>,
    /// A value of the setting `explanation.length`.
    pub(crate) length: Option<String>,
    pub(crate) apply: bool,
    pub(crate) yes: bool,
    pub(crate) test: bool,
    pub(crate) json: bool,
    pub(crate) model: ModelOption,
}

#[derive(Debug, Args)]
struct InstructionOption {
    /// What to do with the lines
    #[arg(long, value_name = "TEXT")]
    instruction: Option<String>,
}

#[derive(Debug, Args)]
struct QuestionOption {
    /// A question about the lines, to be answered in place of an explanation
    #[arg(long, value_name = "TEXT")]
    question: Option<String>,
}

#[derive(Debug, Args)]
struct LengthOption {
    /// How long the answer is to be [default: the setting explanation.length]
    #[arg(long, value_name = "LENGTH", value_parser = length())]
    length: Option<String>,
}

fn length() -> PossibleValuesParser {
    // The words are those of the setting, which the option overrides for one command.
    let choices = match Key::ExplanationLength.setting().kind {
        Kind::Choice { choices, .. } => choices,
        _ => &[],
    };
    let values = choices.iter().map(|(word, what)| PossibleValue::new(*word).help(*what));
    values.collect::<Vec<_>>().into()
}

#[derive(Debug, Args)]
struct EditOptions {
    /// Print the change as a unified diff (this is what happens anyway)
    #[arg(long, conflicts_with_all = ["apply", "json"])]
    diff: bool,
    /// Change the file
    #[arg(long)]
    apply: bool,
    /// Change files too that programs act on, such as build scripts and settings, without asking
    #[arg(long, requires = "apply")]
    yes: bool,
    /// Run your own test of the lines on each version before one is shown (`localcoder test` says
    /// which that is); the setting testEdits does so always
    #[arg(long)]
    test: bool,
}

#[derive(Debug, Args)]
struct JsonOption {
    /// Print the answer as JSON
    #[arg(long)]
    json: bool,
}

fn subcommand(spec: &CommandSpec) -> Command {
    let mut command = Command::new(spec.id);
    command = TargetOptions::augment_args(command);
    command = match (spec.answer, spec.takes_instruction) {
        (AnswerKind::Edit, true) => InstructionOption::augment_args(command),
        (AnswerKind::Text, true) => QuestionOption::augment_args(command),
        (_, false) => command,
    };
    command = match spec.answer {
        AnswerKind::Edit => EditOptions::augment_args(command),
        AnswerKind::Text => LengthOption::augment_args(command),
    };
    let command = ModelOption::augment_args(JsonOption::augment_args(command));
    // After the options: a group of options brings a description of its own, which this replaces.
    command.about(spec.about).after_help(help(spec))
}

fn help(spec: &CommandSpec) -> String {
    let plural = if spec.examples.len() == 1 { "" } else { "s" };
    let mut help = format!("Example{plural}:");
    for example in spec.examples {
        help.push_str("\n  localcoder ");
        help.push_str(example);
    }
    if spec.answer == AnswerKind::Edit {
        help.push_str("\n\n");
        help.push_str(OF_EDITS);
    }
    help
}

impl Subcommand for AssistCommand {
    fn augment_subcommands(command: Command) -> Command {
        command.subcommands(COMMANDS.iter().map(subcommand))
    }

    fn augment_subcommands_for_update(command: Command) -> Command {
        Self::augment_subcommands(command)
    }

    fn has_subcommand(name: &str) -> bool {
        CommandSpec::of(name).is_some()
    }
}

impl FromArgMatches for AssistCommand {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let missing = || clap::Error::new(clap::error::ErrorKind::MissingSubcommand);
        let (name, matches) = matches.subcommand().ok_or_else(missing)?;
        let spec = CommandSpec::of(name).ok_or_else(missing)?;
        let is_edit = spec.answer == AnswerKind::Edit;
        let instruction = match (spec.answer, spec.takes_instruction) {
            (AnswerKind::Edit, true) => InstructionOption::from_arg_matches(matches)?.instruction,
            (AnswerKind::Text, true) => QuestionOption::from_arg_matches(matches)?.question,
            (_, false) => None,
        };
        let length = match spec.answer {
            AnswerKind::Text => LengthOption::from_arg_matches(matches)?.length,
            AnswerKind::Edit => None,
        };
        let edit = is_edit.then(|| EditOptions::from_arg_matches(matches)).transpose()?;
        let options = AssistOptions {
            target: TargetOptions::from_arg_matches(matches)?,
            instruction,
            length,
            apply: edit.as_ref().is_some_and(|edit| edit.apply),
            yes: edit.as_ref().is_some_and(|edit| edit.yes),
            test: edit.as_ref().is_some_and(|edit| edit.test),
            json: JsonOption::from_arg_matches(matches)?.json,
            model: ModelOption::from_arg_matches(matches)?,
        };
        Ok(Self { spec, options })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}
