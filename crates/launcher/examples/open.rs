//! Opens the IDE without the command line's own arguments: for trying the launcher out, and for its
//! tests, which need a process to send signals to.
//!
//! `open --home DIR --ide DIR [--desktop PROGRAM] [--browser] [--new-window] [--air-gapped] [PATH…]`
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "it is a program for a terminal")]

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use localcoder_launcher::{Folders, OpenRequest, Outcome, Setup, open};

fn main() -> ExitCode {
    let mut request = OpenRequest::default();
    let (mut home, mut ide, mut desktop) = (PathBuf::new(), PathBuf::new(), None);
    let mut air_gapped = false;
    let mut arguments = std::env::args_os().skip(1);
    let value = |arguments: &mut std::iter::Skip<std::env::ArgsOs>| {
        PathBuf::from(arguments.next().expect("the option has a value"))
    };
    while let Some(argument) = arguments.next() {
        match argument.to_str() {
            Some("--home") => home = value(&mut arguments),
            Some("--ide") => ide = value(&mut arguments),
            Some("--desktop") => desktop = Some(value(&mut arguments)),
            Some("--browser") => request.browser = true,
            Some("--new-window") => request.new_window = true,
            Some("--air-gapped") => air_gapped = true,
            _ => request.paths.push(argument.into()),
        }
    }
    match run(&request, &home, &ide, desktop, air_gapped) {
        Ok(outcome) => {
            println!("{outcome:?}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{:?}: {error}\nhint: {:?}", error.code, error.hint);
            ExitCode::from(error.code.exit_code())
        }
    }
}

fn run(
    request: &OpenRequest,
    home: &Path,
    ide: &Path,
    desktop: Option<PathBuf>,
    air_gapped: bool,
) -> Result<Outcome, localcoder_protocol::ErrorInfo> {
    let folders = Folders {
        editor: home.join("editor"),
        runtime: home.join("runtime"),
        logs: home.join("logs"),
        settings: home.join("settings.json"),
        sample: home.join("sample"),
    };
    // The programs are in the folder above that of the examples.
    let here = std::env::current_exe().expect("the system knows its own program");
    let programs = here.ancestors().nth(2).expect("an example lies in two folders");
    let mut setup = Setup::assembled(ide, &programs.join("localcoder"), &folders);
    setup.home = Some(home.to_owned());
    setup.air_gapped = air_gapped;
    if let Some(desktop) = desktop {
        setup.desktop = desktop;
    }
    open(request, &setup, &|notice| println!("{notice}"))
}
