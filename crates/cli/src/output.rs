//! The only place that writes to the terminal: data to stdout, everything else to stderr. On a
//! terminal, control sequences from elsewhere are never executed (`visible`); what goes to a file
//! or a pipe is written byte for byte.
//!
//! A command whose data could not be written has failed, whatever it did. A command whose reader
//! has gone away (`| head`) has not: it ends silently.

use std::borrow::Cow;
use std::io::{self, BufRead as _, ErrorKind, IsTerminal as _, Write};
use std::path::Path;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};

use indicatif::{ProgressBar, ProgressStyle};
use localcoder_assist::visible;
use localcoder_disk::{Kind, cause_of};
use localcoder_protocol::{
    ErrorAction, ErrorCode, ErrorInfo, Failed, Failure, Printed, ProgressParams,
};
use rustix::io::Errno;
use serde::Serialize;

use crate::stdout::Stdout;

/// Set once and never reset: a pipe whose reader has gone gets no other. A static, since data is
/// written from everywhere and everyone has to stop.
static READER_GONE: AtomicBool = AtomicBool::new(false);

/// Writes data to stdout, all of it, before it returns. A reader that has gone away is not an error
/// here: the command ends silently, as others do in a pipe. Long work asks [`reader_is_gone`] and
/// ends early.
///
/// # Errors
/// [`ErrorCode::OutputFailed`] if it can't be written, whatever the command has done besides: a
/// script must not take a file that was cut by a full disk for the whole answer.
pub(crate) fn data(text: &str) -> Result<(), ErrorInfo> {
    if text.is_empty() || reader_is_gone() {
        return Ok(());
    }
    // Looked at with each write and not once: the cost is nothing beside writing, and there is no
    // state that could be wrong.
    let text = for_people(text, std::io::stdout().is_terminal());
    written(Stdout.write_all(text.as_bytes()))
}

/// A text as it is written. What comes from elsewhere, such as a model's name, a license, an answer
/// or the name of a file, may hold sequences that clear the screen, name the window or turn the
/// direction of text; on a terminal they are written out in the form that JSON has for them, so
/// that `--json` is the same JSON there. Files and pipes get every byte.
fn for_people(text: &str, on_terminal: bool) -> Cow<'_, str> {
    if on_terminal { visible(text) } else { Cow::Borrowed(text) }
}

fn for_stderr(text: &str) -> Cow<'_, str> {
    for_people(text, std::io::stderr().is_terminal())
}

fn written(result: io::Result<()>) -> Result<(), ErrorInfo> {
    match result {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => {
            READER_GONE.store(true, Ordering::Relaxed);
            Ok(())
        }
        result => result.map_err(|error| unwritten(&error)),
    }
}

pub(crate) fn reader_is_gone() -> bool {
    READER_GONE.load(Ordering::Relaxed)
}

fn unwritten(error: &io::Error) -> ErrorInfo {
    let cause = cause_of(error, Path::new("/dev/stdout"));
    // The system calls a closed stream a bad file descriptor, which says nothing to its user.
    let (text, hint) = if error.raw_os_error() == Some(Errno::BADF.raw_os_error()) {
        ("standard output is closed".to_owned(), "leave it open, or send it to a file")
    } else if cause.kind == Kind::Full {
        (cause.text, "make room there, or send it to another place")
    } else {
        (cause.text, "send it to another place")
    };
    ErrorInfo::new(ErrorCode::OutputFailed, "what this command prints could not be written")
        .with_cause(text)
        .with_hint(hint)
}

/// The width of the terminal that data goes to, in columns; `None` for a file or a pipe, which get
/// whole lines, and for terminals that report a width of 0, as some do that are not shown.
pub(crate) fn columns() -> Option<usize> {
    let stdout = std::io::stdout();
    let size = stdout.is_terminal().then(|| rustix::termios::tcgetwinsize(&stdout).ok())??;
    Some(usize::from(size.ws_col)).filter(|columns| *columns > 0)
}

pub(crate) fn line(text: &str) -> Result<(), ErrorInfo> {
    data(&format!("{text}\n"))
}

/// Writes what a command prints with `--json`. The type parameter ties the command to its published
/// schema: what has none can't be printed.
pub(crate) fn answer<C: Printed>(answer: &C::Answer) -> Result<(), ErrorInfo> {
    value(answer)
}

/// As one line, for a program that reads events while the command works. It has arrived when this
/// returns, as stdout has no buffer.
pub(crate) fn event<C: Printed>(event: &C::Answer) -> Result<(), ErrorInfo> {
    json_line(event)
}

/// Writes a value as JSON: a schema, which is not one of our typed answers.
pub(crate) fn value(value: &impl Serialize) -> Result<(), ErrorInfo> {
    line(&serde_json::to_string_pretty(value).expect("protocol types serialize"))
}

fn json_line(value: &impl Serialize) -> Result<(), ErrorInfo> {
    line(&serde_json::to_string(value).expect("protocol types serialize"))
}

/// Writes something for the user that is not data, to stderr. Failures are ignored: there is
/// nowhere left to report them, and the data may have arrived.
pub(crate) fn note(text: &str) {
    let _ = writeln!(std::io::stderr().lock(), "{}", for_stderr(text));
}

/// Whether the user agrees; `None` if nobody is at the terminal. Only a clear yes counts. The
/// question is written to stderr, as stdout may be a file while the user sits at the terminal.
pub(crate) fn confirmed(question: &str) -> Option<bool> {
    if !std::io::stdin().is_terminal() || !std::io::stderr().is_terminal() {
        return None;
    }
    let _ = write!(std::io::stderr().lock(), "{}", for_stderr(question));
    let mut answer = String::new();
    // An end of input is an empty answer, and thereby a no.
    let read = std::io::stdin().lock().read_line(&mut answer);
    let is_yes = ["y", "yes"].contains(&answer.trim().to_lowercase().as_str());
    Some(read.is_ok() && is_yes)
}

pub(crate) fn error(error: &ErrorInfo, json: bool) {
    // On one line, since it may be one of a sequence of events. If stdout is what has failed, the
    // error is at least on stderr.
    if !json || event::<Failed>(&Failure { error: error.clone() }).is_err() {
        note(&render(error));
    }
}

/// What is printed instead of running a command: help, the version, or what is wrong with the
/// arguments.
pub(crate) fn instead_of_a_command(stopped: &clap::Error) -> ExitCode {
    let result = if stopped.use_stderr() {
        print_usage_error(stopped);
        return ExitCode::from(ErrorCode::Usage.exit_code());
    } else if std::io::stdout().is_terminal() {
        // clap's own writer has colors, which `data` would write out as text.
        written(stopped.print().and_then(|()| std::io::stdout().flush()))
    } else {
        data(&stopped.render().to_string())
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(failed) => {
            error(&failed, false);
            ExitCode::from(failed.code.exit_code())
        }
    }
}

/// Prints in color, unless an argument has control characters: the message quotes the argument, and
/// our colors can't be distinguished from sequences of its own, so all of them are removed.
fn print_usage_error(stopped: &clap::Error) {
    let plain = |argument: std::ffi::OsString| {
        let argument = argument.to_string_lossy();
        visible(&argument) == argument
    };
    if !std::io::stderr().is_terminal() || std::env::args_os().all(plain) {
        // The command ends with an error as it is, also if stderr is closed.
        let _ = stopped.print();
    } else {
        note(stopped.render().to_string().trim_end());
    }
}

/// A writer to stdout for code that wants an [`io::Write`]. It keeps the error of a failed write,
/// which such code passes on without the cause and the hint, if at all.
#[derive(Debug)]
pub(crate) struct ErrorCapture<'a>(pub(crate) &'a mut Result<(), ErrorInfo>);

impl Write for ErrorCapture<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let result = if std::io::stdout().is_terminal() {
            // Whole lines of text arrive here; a terminal gets nothing that is not text.
            Stdout.write_all(visible(&String::from_utf8_lossy(bytes)).as_bytes())
        } else {
            Stdout.write_all(bytes)
        };
        // The code that writes is told of a reader that has gone, so that it stops; the command is
        // not, as that is not its failure.
        let failed = result.as_ref().err().map(io::Error::kind);
        *self.0 = written(result);
        failed.map_or(Ok(bytes.len()), |kind| Err(kind.into()))
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn render(error: &ErrorInfo) -> String {
    let mut text = format!("error: {}", error.message);
    for (label, part) in [("cause", &error.cause), ("hint", &error.hint)] {
        if let Some(part) = part {
            text.push_str(&format!("\n  {label}: {part}"));
        }
    }
    if let Some(command) = command_for(error) {
        text.push_str(&format!("\n  try: {command}"));
    }
    // What users did on purpose, or just typed, needs no page.
    if !matches!(error.code, ErrorCode::Cancelled | ErrorCode::Usage) {
        text.push_str(&format!("\n  more: `localcoder help {}`", error.code.as_str()));
    }
    text
}

/// The command that the command line offers where a window offers a button. Texts of errors name
/// neither, as both show them; `None` if there is nothing to be typed.
pub(crate) fn command_for(error: &ErrorInfo) -> Option<String> {
    let of = |name: &'static str| error.subject.as_deref().unwrap_or(name);
    let command = match error.action? {
        // To retry, the command has to be typed again; and the window is not ours.
        ErrorAction::Retry | ErrorAction::ShowLog | ErrorAction::ReloadWindow => return None,
        ErrorAction::OpenSettings if error.subject.is_none() => "config list".to_owned(),
        // An editor opens it; the error says which file it is.
        ErrorAction::OpenSettingsFile if error.subject.is_none() => return None,
        ErrorAction::OpenSettings if error.code == ErrorCode::AirGapped => {
            format!("config set {} false", of("NAME"))
        }
        ErrorAction::OpenSettings | ErrorAction::OpenSettingsFile => {
            format!("config set {} VALUE", of("NAME"))
        }
        ErrorAction::SwitchProfile => "profiles use NAME".to_owned(),
        ErrorAction::UseFastProfile => "profiles use fast".to_owned(),
        ErrorAction::SwitchModel => format!("models use {}", of("ID")),
        ErrorAction::ShowModels => "models list".to_owned(),
        ErrorAction::InstallModel if error.code == ErrorCode::LicenseNotAccepted => {
            format!("models install {} --accept-license", of("ID"))
        }
        ErrorAction::InstallModel => format!("models install {}", of("ID")),
        ErrorAction::VerifyModel => format!("models verify {}", of("ID")),
        ErrorAction::RemoveModel => format!("models remove {}", of("ID")),
        ErrorAction::ImportModel => "models import PATH".to_owned(),
        // The next command starts a new one.
        ErrorAction::RestartEngine => "host stop".to_owned(),
        ErrorAction::CreateReport => "doctor --bundle".to_owned(),
    };
    Some(format!("`localcoder {command}`"))
}

/// One line on a terminal that says what is going on; silent elsewhere, by `indicatif` itself.
pub(crate) struct Progress {
    bar: ProgressBar,
}

impl Progress {
    pub(crate) fn new() -> Self {
        let bar = ProgressBar::new_spinner();
        bar.set_style(ProgressStyle::default_spinner());
        Self { bar }
    }

    pub(crate) fn show(&self, progress: &ProgressParams) {
        let percent = progress.fraction.map(|fraction| format!(" {:.0} %", fraction * 100.0));
        // The bar writes to the terminal by itself, past `for_stderr`.
        let message = visible(&progress.message);
        self.bar.set_message(format!("{message}{}", percent.unwrap_or_default()));
        // No thread of its own draws it: it moves when the host reports, so that a host that has
        // stopped looks like one.
        self.bar.tick();
    }

    pub(crate) fn clear(&self) {
        self.bar.finish_and_clear();
    }
}
