//! The automation's terminal output: stages with their duration, lines, failures.
//!
//! The only place in the automation that prints. Everything goes to stderr, so that stdout has only
//! the output of programs that a command starts.
#![expect(clippy::print_stderr, reason = "a command line tool talks on the terminal")]

use std::process::ExitCode;
use std::time::{Duration, Instant};

pub fn line(text: impl AsRef<str>) {
    eprintln!("{}", text.as_ref());
}

pub fn stage<T>(name: &str, work: impl FnOnce() -> anyhow::Result<T>) -> anyhow::Result<T> {
    line(format!("── {name}"));
    let start = Instant::now();
    let result = work();
    let verdict = if result.is_ok() { "done" } else { "FAILED" };
    line(format!("── {name}: {verdict} in {}", time(start.elapsed())));
    result
}

pub fn failure(error: &anyhow::Error) {
    line(format!("error: {error}"));
    for cause in error.chain().skip(1) {
        line(format!("  because: {cause}"));
    }
}

/// The exit code of a program: 0 or 1; prints the error if there is one.
pub fn ending(result: anyhow::Result<()>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            failure(&error);
            ExitCode::FAILURE
        }
    }
}

/// A duration in the form `0.4 s`, `12.3 s` or `4 min 05 s`.
pub fn time(duration: Duration) -> String {
    let seconds = duration.as_secs();
    if seconds < 60 {
        return format!("{:.1} s", duration.as_secs_f64());
    }
    format!("{} min {:02} s", seconds / 60, seconds % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_read_well() {
        assert_eq!(time(Duration::from_millis(440)), "0.4 s");
        assert_eq!(time(Duration::from_secs(245)), "4 min 05 s");
    }
}
