//! The `localcoder` program: arguments in, one request to the host, text or JSON out, a stable exit
//! code. It decides nothing that the host could decide; `host run` is the host itself. Models are
//! installed here, under the store's own locks, whether a host is running or not.

mod arguments;
mod assist_arguments;
mod commands;
mod complete_arguments;
mod contained;
mod failure;
mod ide_settings;
mod offline;
mod output;
mod removal_arguments;
mod session;
mod settings_file;
mod setup_arguments;
mod source;
mod stats_arguments;
mod stdout;
mod tester;

use std::process::ExitCode;

use clap::Parser;

use arguments::{Arguments, Command, HostCommand};

fn main() -> ExitCode {
    // Before any file is created: logs, sockets and copies of the user's text must be accessible to
    // the user only.
    localcoder_transport::private::close_umask();
    // Not one of clap's commands: it must run before anything else does, and is in no help.
    let mut words = std::env::args_os().skip(1);
    if words.next().is_some_and(|word| word == contained::CONTAINED) {
        return contained::run(words);
    }
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => return output::instead_of_a_command(&error),
    };
    // Taken before the command is moved into its function: errors are printed in its form, too.
    let json = arguments.command.as_ref().is_some_and(Command::json);
    // How many of the problems in the settings a command reports itself; `None` if none are printed
    // at its end. The editor runs for hours, so they are printed before it starts; a host's stderr
    // is its log; the doctor has the first among its findings.
    let reported = match &arguments.command {
        None => {
            settings_file::warn_of_problems(None, 0);
            None
        }
        Some(Command::Host(options)) if matches!(options.command, HostCommand::Run) => None,
        Some(Command::Doctor(_)) => Some(1),
        Some(_) => Some(0),
    };
    let result = match arguments.command {
        None => commands::open::run(&arguments.open),
        Some(Command::Assist(command)) => commands::assist::run(&command),
        Some(Command::Complete(options)) => commands::complete::run(&options),
        Some(Command::Test(options)) => commands::test::run(&options),
        Some(Command::Generate(options)) => commands::generate::run(&options),
        Some(Command::Models(options)) => commands::models::run(options.command),
        Some(Command::Profiles(options)) => commands::profiles::run(&options),
        Some(Command::Config(options)) => commands::config::run(options.command),
        Some(Command::Doctor(options)) => commands::doctor::run(&options),
        Some(Command::Setup(options)) => commands::setup::run(&options),
        Some(Command::SelfTest(options)) => commands::self_test::run(&options),
        Some(Command::Eval(options)) => commands::eval::run(&options),
        Some(Command::Stats(options)) => commands::stats::run(&options),
        Some(Command::Status(options)) => commands::status::run(&options),
        Some(Command::Host(options)) => commands::host::run(&options),
        Some(Command::Reset(options)) => commands::reset::reset(&options),
        Some(Command::Uninstall(options)) => commands::reset::uninstall(&options),
        Some(Command::Help(options)) => commands::help::run(&options),
    };
    // The error first: what it says of the settings is not said again below.
    if let Err(error) = &result {
        output::error(error, json);
    }
    if let Some(reported) = reported {
        settings_file::warn_of_problems(result.as_ref().err(), reported);
    }
    result.map_or_else(|error| ExitCode::from(error.code.exit_code()), |()| ExitCode::SUCCESS)
}
