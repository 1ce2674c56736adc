//! What can be typed. Only types and help; `commands` gives it meaning.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args, Parser, Subcommand};
use localcoder_protocol::{COMMANDS, CommandSpec, LineRange};

pub(crate) use crate::assist_arguments::{AssistCommand, AssistOptions};
pub(crate) use crate::complete_arguments::CompleteOptions;
pub(crate) use crate::removal_arguments::{
    HelpOptions, ResetOptions, SureOptions, UninstallOptions,
};
pub(crate) use crate::setup_arguments::{SelfTestOptions, SetupOptions};
pub(crate) use crate::stats_arguments::StatsOptions;

const EXAMPLES: &str = "\
Examples:
  localcoder .                                   open this folder in the IDE
  localcoder improve report.py --lines 10-24     show a better version as a diff
  localcoder improve report.py --lines 10-24 --apply
  localcoder explain report.py --lines 10-24
  localcoder improve report.py --lines 10-24 --model ~/models/qwen2.5-coder-7b.gguf
  echo 'Say hello.' | localcoder generate --prompt -
  localcoder setup                               choose a model for this machine, and get it
  localcoder models list                         what there is, and what can be installed
  localcoder profiles                            which models would fit, with the numbers

Exit codes: 0 done, 2 wrong arguments, 130 stopped by Ctrl-C; `localcoder help NAME`
says what the others mean. Data goes to stdout, everything else to stderr.";

/// LocalCoder IDE: edit and understand code with a model that runs on this machine.
#[derive(Debug, Parser)]
#[command(name = "localcoder", version, after_help = EXAMPLES, args_conflicts_with_subcommands = true, disable_help_subcommand = true)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
    #[command(flatten)]
    pub(crate) open: OpenOptions,
}

#[derive(Debug, Args)]
pub(crate) struct OpenOptions {
    /// Folders and files to open in the IDE
    #[arg(value_name = "PATH")]
    pub(crate) paths: Vec<PathBuf>,
    /// Print an address for a browser instead of opening a window
    #[arg(long)]
    pub(crate) browser: bool,
    /// Open another window even where one shows the folder already
    #[arg(long)]
    pub(crate) new_window: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    #[command(flatten)]
    Assist(AssistCommand),
    /// Suggest what comes next at a place in a file
    Complete(CompleteOptions),
    /// Run your own test of some lines of a file
    Test(TestOptions),
    /// Give the model a prompt of your own
    Generate(GenerateOptions),
    /// List, install, import and remove models
    Models(ModelsOptions),
    /// List the profiles with what they need and what is free, or choose one
    Profiles(ProfilesOptions),
    /// Show and change the settings
    Config(ConfigOptions),
    /// Check that everything is in order, and measure the model on this machine
    Doctor(DoctorOptions),
    /// Choose, install and test a model for this machine
    Setup(SetupOptions),
    /// Find out whether a model works on this machine, and how fast
    SelfTest(SelfTestOptions),
    /// Find out how good a model's edits are, with tasks whose answers are run
    Eval(EvalOptions),
    /// Show what became of the edits that were shown, or delete that
    Stats(StatsOptions),
    /// Show what the host and the model are doing
    Status(StatusOptions),
    /// Start or stop the background process that the windows share
    Host(HostOptions),
    /// Remove settings, the editor's data, caches and logs; models stay
    Reset(ResetOptions),
    /// Remove all that LocalCoder has written, models too
    Uninstall(UninstallOptions),
    /// Print help, or what an error means and what to do about it
    Help(HelpOptions),
}

impl Command {
    pub(crate) fn json(&self) -> bool {
        match self {
            Self::Assist(command) => command.options.json,
            Self::Complete(options) => options.json,
            Self::Test(options) => options.json,
            Self::Generate(options) => options.json,
            Self::Models(options) => options.command.json(),
            Self::Profiles(options) => {
                options.command.as_ref().map_or(options.json, ProfilesCommand::json)
            }
            Self::Config(options) => options.command.json(),
            Self::Doctor(options) => options.json,
            Self::Setup(options) => options.json,
            // Whoever reads events reads an error as the last of them.
            Self::SelfTest(options) => options.json || options.events,
            Self::Eval(options) => options.json,
            Self::Stats(options) => options.json,
            Self::Status(options) => options.json,
            Self::Host(options) => options.json(),
            Self::Reset(options) => options.sure.json,
            Self::Uninstall(options) => options.sure.json,
            Self::Help(_) => false,
        }
    }
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  localcoder generate --prompt 'Who are you?'
  localcoder generate --prompt - --max-tokens 200 < question.txt
  localcoder generate --prompt 'def add(a, b):' --raw --temperature 0")]
pub(crate) struct GenerateOptions {
    /// The prompt, or - to read it from stdin
    #[arg(long, value_name = "TEXT", default_value = "-")]
    pub(crate) prompt: String,
    /// A system message
    #[arg(long, value_name = "TEXT", conflicts_with = "raw")]
    pub(crate) system: Option<String>,
    /// Send the prompt as it is, without the model's chat template
    #[arg(long)]
    pub(crate) raw: bool,
    /// Most tokens to write
    #[arg(long, value_name = "N")]
    pub(crate) max_tokens: Option<u32>,
    /// End the answer before this text; may be given several times
    #[arg(long, value_name = "TEXT")]
    pub(crate) stop: Vec<String>,
    /// 0 always takes the likeliest word
    #[arg(long, value_name = "X")]
    pub(crate) temperature: Option<f32>,
    /// Choose among the likeliest words that together have this probability
    #[arg(long, value_name = "X")]
    pub(crate) top_p: Option<f32>,
    /// Make recently used words less likely; 1 is off
    #[arg(long, value_name = "X")]
    pub(crate) repeat_penalty: Option<f32>,
    /// The same seed and prompt give the same text
    #[arg(long, value_name = "N")]
    pub(crate) seed: Option<u32>,
    /// Print the answer as JSON
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) model: ModelOption,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  localcoder test cart.py --lines 10-24

The test is a file that is named like the code, or the examples in its documentation; where there is
neither, the compiler has its say (Go, Rust, Java, C, C++, TypeScript). It runs on a copy of the
project, so nothing is written here. The command ends with 0 whether the test passes or not.")]
pub(crate) struct TestOptions {
    #[command(flatten)]
    pub(crate) target: TargetOptions,
    /// Take the text from standard input, with edits to be made in it: {"text": …, "edits": […]}
    #[arg(long)]
    pub(crate) stdin: bool,
    /// The folder that is open, above which no test is looked for
    #[arg(long, value_name = "FOLDER")]
    pub(crate) within: Option<PathBuf>,
    /// The command that edits the lines, such as improve: where that is not to change what the code
    /// does, and there is no test, functions are called with made-up values before and after
    #[arg(long, value_name = "COMMAND", value_parser = command())]
    pub(crate) command: Option<&'static CommandSpec>,
    /// What that command is told to do
    #[arg(long, requires = "command", value_name = "TEXT")]
    pub(crate) instruction: Option<String>,
    /// Print how it went as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

// Only ids of the table: one that was misspelled once counted as a command that may change
// anything, and nothing was compared, without a word.
fn command() -> impl TypedValueParser<Value = &'static CommandSpec> {
    PossibleValuesParser::new(COMMANDS.iter().map(|spec| spec.id))
        .try_map(|id| CommandSpec::of(&id).ok_or("it is not in the table of commands"))
}

/// Which lines of which file.
#[derive(Debug, Args)]
pub(crate) struct TargetOptions {
    /// The file
    pub(crate) file: PathBuf,
    /// First and last line, from 1: 10-24, or 10 for one line
    #[arg(long, value_name = "A-B", value_parser = line_range)]
    pub(crate) lines: LineRange,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  localcoder doctor
  localcoder doctor --privacy                    what may use the network here, and how to check it
  localcoder doctor --bundle                     write a report to give to a maintainer

The report is one text file. Nothing is sent: read it first. It has the findings, versions, the
machine, settings, installed models and the last lines of the logs; no code, no prompts, no
answers.")]
pub(crate) struct DoctorOptions {
    /// Write a report that can be given to a maintainer, also where checks fail [default: a new
    /// file in this folder]
    #[arg(long, value_name = "FILE", num_args = 0..=1)]
    pub(crate) bundle: Option<Option<PathBuf>>,
    /// Say what may use the network and what can't, by what, and how to check that yourself; nothing
    /// is started for it
    #[arg(long, conflicts_with = "bundle")]
    pub(crate) privacy: bool,
    /// Print the findings as JSON, and where the report is
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  localcoder eval --model qwen2.5-coder-1.5b --out results.jsonl
  localcoder eval --kind rename --language rust
  localcoder eval --tasks humanevalpack-python.jsonl.gz --kind fix --half held-out
  localcoder eval --replay recorded.jsonl.gz     what the checks make of recorded answers
  localcoder eval --tasks infilling-singleline.jsonl.gz --every 40 --typed
  localcoder eval --prove                        whether the tasks are sound, without a model

What the model writes is run, in a folder of its own, with limits, and on Linux without a network.
Words are chosen on the half `tuning` and reported on the half `held-out`.")]
pub(crate) struct EvalOptions {
    /// `own`, which are the product's, or a file of HumanEvalPack or HumanEval-infilling; may be given
    /// several times
    /// [default: own]
    #[arg(long, value_name = "own|FILE")]
    pub(crate) tasks: Vec<PathBuf>,
    /// Judge the answers that are recorded in this file, without a model
    #[arg(long, value_name = "FILE")]
    pub(crate) replay: Option<PathBuf>,
    /// Only this kind: rename, types, docs, errors, simplify, extract, performance, bug, flaw,
    /// follow, fix, fix-docs, keep
    #[arg(long, value_name = "KIND")]
    pub(crate) kind: Vec<String>,
    /// Only tasks in this language
    #[arg(long, value_name = "NAME")]
    pub(crate) language: Vec<String>,
    /// Only one half of the tasks
    #[arg(long, value_enum, value_name = "HALF")]
    pub(crate) half: Option<EvalHalf>,
    /// Only every Nth of them
    #[arg(long, value_name = "N")]
    pub(crate) every: Option<NonZeroUsize>,
    /// Keep each outcome in this file, and go on where a run with the same model was ended
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
    /// Ask with the instruction and the code alone, to see what the product's words and checks bring
    #[arg(long)]
    pub(crate) plain: bool,
    /// Run the examples in the documentation of the code on each answer before it counts, as the
    /// setting testEdits has it
    #[arg(long, conflicts_with = "plain")]
    pub(crate) test: bool,
    /// Judge the texts that another program has put into the holes: lines of JSON with `task`,
    /// `answer` and `seconds`
    #[arg(long, value_name = "FILE", conflicts_with_all = ["plain", "test", "typed", "prove", "out"])]
    pub(crate) answers: Option<PathBuf>,
    /// Type the holes of HumanEval-infilling key by key, and tell what became of the suggestions
    #[arg(long, conflicts_with_all = ["plain", "test", "prove"])]
    pub(crate) typed: bool,
    /// Check the tasks by their own right and wrong answers, without a model
    #[arg(long, conflicts_with_all = ["json", "replay", "out"])]
    pub(crate) prove: bool,
    /// Print the report as JSON
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) model: ModelOption,
}

/// See [`EvalOptions::half`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum EvalHalf {
    /// To choose words and rules on
    Tuning,
    /// To report on
    HeldOut,
}

#[derive(Debug, Args)]
pub(crate) struct StatusOptions {
    /// Print the status as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct ModelOption {
    /// An installed model's id, a GGUF file, or `demo` [default: the one that is set]
    #[arg(long, value_name = "ID|PATH")]
    pub(crate) model: Option<String>,
    /// Another profile, for this command alone
    #[arg(long, value_name = "NAME")]
    pub(crate) profile: Option<String>,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  localcoder profiles                            what each needs, what is free, what would fit
  localcoder profiles use fast
  localcoder improve report.py --lines 10-24 --profile heavy

A profile says which models are used and how large their context window is. Your own settings
count more than the profile's: `localcoder config list --explain` shows which are set.")]
pub(crate) struct ProfilesOptions {
    #[command(subcommand)]
    pub(crate) command: Option<ProfilesCommand>,
    /// Print the list as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ProfilesCommand {
    /// Show all profiles (the default)
    List {
        /// Print the list as JSON
        #[arg(long)]
        json: bool,
    },
    /// Use this profile from now on
    Use {
        /// Its name
        name: String,
        /// Print the outcome as JSON
        #[arg(long)]
        json: bool,
    },
}

impl ProfilesCommand {
    fn json(&self) -> bool {
        match self {
            Self::List { json } | Self::Use { json, .. } => *json,
        }
    }
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  localcoder models list
  localcoder models install qwen2.5-coder-1.5b
  localcoder models import ~/Downloads/some-model.gguf --id some-model
  localcoder models use qwen2.5-coder-1.5b
  localcoder models export some-model --to /media/usb
  localcoder models remove some-model

A model is downloaded only by `install`, and only after you have agreed to its
license. With `localcoder.airGapped` nothing is.")]
pub(crate) struct ModelsOptions {
    #[command(subcommand)]
    pub(crate) command: ModelsCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ModelsCommand {
    /// Show the installed models and those that can be installed
    List {
        /// Print the list as JSON
        #[arg(long)]
        json: bool,
    },
    /// Show all that is known of a model
    Info {
        /// Its id
        id: String,
        /// Print it as JSON
        #[arg(long)]
        json: bool,
    },
    /// Download a model of the catalog, or resume a download that was stopped
    Install {
        /// Its id
        id: String,
        /// Agree to the license without being asked; read it first: `localcoder models license ID`
        #[arg(long)]
        accept_license: bool,
        /// Print what was installed as JSON
        #[arg(long)]
        json: bool,
        /// Print what happens as JSON, a line each; the last is what was installed or the error
        #[arg(long, requires = "accept_license", conflicts_with = "json")]
        events: bool,
    },
    /// Delete the partial download of a model
    Discard {
        /// Its id
        id: String,
        /// Print it as JSON
        #[arg(long)]
        json: bool,
    },
    /// Print the text of a model's license
    License {
        /// Its id, or the folder that `export` has made
        id: String,
        /// Print it as JSON
        #[arg(long)]
        json: bool,
    },
    /// Import a GGUF file, or a model that was exported
    Import {
        /// The file, or the folder that `export` has made
        path: PathBuf,
        /// What it is to be called [default: made of the file's name]
        #[arg(long)]
        id: Option<String>,
        /// Leave the file where it is instead of copying it
        #[arg(long)]
        in_place: bool,
        /// Agree to the license of an exported model without being asked
        #[arg(long)]
        accept_license: bool,
        /// Print what was imported as JSON
        #[arg(long)]
        json: bool,
    },
    /// Write a model as a folder that another machine can import without a network
    Export {
        /// Its id
        id: String,
        /// Where the folder is made
        #[arg(long, value_name = "FOLDER", default_value = ".")]
        to: PathBuf,
        /// Print the folder's path as JSON
        #[arg(long)]
        json: bool,
    },
    /// Remove a model, and say how much room that frees
    Remove {
        /// Its id
        id: String,
        /// Print it as JSON
        #[arg(long)]
        json: bool,
    },
    /// Read a model's file and compare its digest
    Verify {
        /// Its id
        id: String,
        /// Print the outcome as JSON
        #[arg(long)]
        json: bool,
    },
    /// Use this model from now on
    Use {
        /// Its id, a path, or `demo`
        id: String,
        /// For code, which is improved and explained, or for everything else
        #[arg(long = "for", value_enum, default_value_t = Purpose::Code)]
        purpose: Purpose,
        /// Print the setting as JSON
        #[arg(long)]
        json: bool,
    },
}

/// What a model is used for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Purpose {
    /// Improving and explaining code
    Code,
    /// Everything else
    General,
}

impl ModelsCommand {
    fn json(&self) -> bool {
        match self {
            Self::List { json }
            | Self::Info { json, .. }
            | Self::Discard { json, .. }
            | Self::Export { json, .. }
            | Self::License { json, .. }
            | Self::Import { json, .. }
            | Self::Remove { json, .. }
            | Self::Verify { json, .. }
            | Self::Use { json, .. } => *json,
            Self::Install { json, events, .. } => *json || *events,
        }
    }
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  localcoder config list --explain
  localcoder config set contextWindow 8192

What is set in the editor counts more than what is set here.")]
pub(crate) struct ConfigOptions {
    #[command(subcommand)]
    pub(crate) command: ConfigCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ConfigCommand {
    /// Show all settings
    List {
        /// Say where each value comes from
        #[arg(long)]
        explain: bool,
        /// As they would be under another profile
        #[arg(long, value_name = "NAME")]
        profile: Option<String>,
        /// Print them as JSON
        #[arg(long)]
        json: bool,
    },
    /// Print the value of a setting
    Get {
        /// Its name
        key: String,
        /// Print it as JSON, with where it comes from
        #[arg(long)]
        json: bool,
    },
    /// Change a setting in settings.json
    Set {
        /// Its name
        key: String,
        /// Its value
        value: String,
    },
    /// Take a setting out of settings.json
    Unset {
        /// Its name
        key: String,
    },
    /// Print the form of settings.json as a JSON schema
    Schema,
}

impl ConfigCommand {
    fn json(&self) -> bool {
        match self {
            Self::List { json, .. } | Self::Get { json, .. } => *json,
            Self::Set { .. } | Self::Unset { .. } | Self::Schema => false,
        }
    }
}

#[derive(Debug, Args)]
pub(crate) struct HostOptions {
    #[command(subcommand)]
    pub(crate) command: HostCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum HostCommand {
    /// Make sure that a host runs
    Start {
        /// Print its socket and process id as JSON
        #[arg(long)]
        json: bool,
    },
    /// End the host; running requests end with an error that says so
    Stop {
        /// Print whether one ran as JSON
        #[arg(long)]
        json: bool,
    },
    /// Delete what was kept to start faster: measurements, and states of the product's own words
    Forget,
    /// Run the host in the foreground
    #[command(hide = true)]
    Run,
}

impl HostOptions {
    fn json(&self) -> bool {
        match self.command {
            HostCommand::Start { json } | HostCommand::Stop { json } => json,
            HostCommand::Forget | HostCommand::Run => false,
        }
    }
}

fn line_range(text: &str) -> Result<LineRange, String> {
    // A single number is a range of one line.
    let (start, end) = text.split_once('-').unwrap_or((text, text));
    let number = |text: &str| {
        text.trim().parse::<u32>().map_err(|_| format!("`{text}` is not a line number"))
    };
    let range = LineRange { start: number(start)?, end: number(end)? };
    if range.start == 0 {
        return Err("lines are counted from 1".to_owned());
    }
    if range.end < range.start {
        return Err(format!("line {} comes before line {}", range.end, range.start));
    }
    Ok(range)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use clap::CommandFactory;
    use localcoder_protocol::{Assisted, Failed, PRINTED, Printed as _};

    use super::*;

    #[test]
    fn the_arguments_are_consistent() {
        Arguments::command().debug_assert();
    }

    /// The subcommands of a command that have an option.
    fn with_option(command: &clap::Command, name: &str, option: &str) -> BTreeSet<String> {
        let mut found = BTreeSet::new();
        for below in command.get_subcommands() {
            let name = format!("{name} {}", below.get_name()).trim().to_owned();
            if below.get_arguments().any(|argument| argument.get_long() == Some(option)) {
                found.insert(name.clone());
            }
            found.extend(with_option(below, &name, option));
        }
        found
    }

    #[test]
    fn every_command_with_json_has_a_published_schema_and_no_other_has() {
        let command = Arguments::command();
        let mut printed = with_option(&command, "", "json");
        for spec in COMMANDS {
            assert!(printed.remove(spec.id), "{}", spec.id);
        }
        for option in ["events", "privacy", "delete"] {
            let with = with_option(&command, "", option);
            printed.extend(with.into_iter().map(|name| format!("{name} --{option}")));
        }
        printed.extend([Failed::COMMAND, Assisted::COMMAND].map(str::to_owned));
        let published: BTreeSet<String> =
            PRINTED.iter().map(|row| row.command.to_owned()).collect();
        assert_eq!(printed, published);
    }

    #[test]
    fn line_ranges_are_read_or_refused_with_a_reason() {
        assert_eq!(line_range("3-7"), Ok(LineRange { start: 3, end: 7 }));
        assert_eq!(line_range("3"), Ok(LineRange { start: 3, end: 3 }));
        for (text, reason) in [
            ("0-2", "from 1"),
            ("7-3", "before"),
            ("a-b", "not a line number"),
            ("-3", "not a line"),
        ] {
            assert!(line_range(text).unwrap_err().contains(reason), "{text}");
        }
    }

    #[test]
    fn a_path_opens_the_ide_and_a_command_is_a_command() {
        let open = Arguments::parse_from(["localcoder", "."]);
        assert!(open.command.is_none());
        assert_eq!(open.open.paths, [PathBuf::from(".")]);
        assert!(Arguments::parse_from(["localcoder", "status"]).command.is_some());
    }
}
