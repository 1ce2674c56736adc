//! The only place that writes to the terminal: data to stdout, everything else to stderr.

use std::io::Write;

use indicatif::{ProgressBar, ProgressStyle};
use localcoder_protocol::{ErrorInfo, ProgressParams};
use serde::Serialize;
use serde_json::json;

/// Writes data. A reader that has gone away (`| head`) is no error.
pub(crate) fn data(text: &str) {
    let mut stdout = std::io::stdout().lock();
    let _ = stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush());
}

/// Writes a line of data.
pub(crate) fn line(text: &str) {
    data(&format!("{text}\n"));
}

/// Writes a value as JSON.
pub(crate) fn value(value: &impl Serialize) {
    line(&serde_json::to_string_pretty(value).expect("protocol types serialize"));
}

/// Writes a value as one line of JSON, for a program that follows.
pub(crate) fn json_line(value: &impl Serialize) {
    line(&serde_json::to_string(value).expect("protocol types serialize"));
}

/// Writes something for the user that is no data.
pub(crate) fn note(text: &str) {
    let _ = writeln!(std::io::stderr().lock(), "{text}");
}

/// Writes an error: for a script on stdout as JSON, for a person on stderr.
pub(crate) fn error(error: &ErrorInfo, json: bool) {
    if json {
        // One line, so that it is one of the events where these are followed.
        json_line(&json!({ "error": error }));
    } else {
        note(&render(error));
    }
}

/// What happened, why, and what to do next.
fn render(error: &ErrorInfo) -> String {
    let mut text = format!("error: {}", error.message);
    for (label, part) in [("cause", &error.cause), ("hint", &error.hint)] {
        if let Some(part) = part {
            text.push_str(&format!("\n  {label}: {part}"));
        }
    }
    text
}

/// One line on a terminal that says what is going on; silent elsewhere.
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
        self.bar.set_message(format!("{}{}", progress.message, percent.unwrap_or_default()));
        self.bar.tick();
    }

    /// Takes the line away, so that data can follow.
    pub(crate) fn clear(&self) {
        self.bar.finish_and_clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use localcoder_protocol::ErrorCode;

    #[test]
    fn every_error_code_is_rendered_with_all_its_parts() {
        for code in ErrorCode::ALL {
            let error =
                ErrorInfo::new(*code, "it broke").with_cause("a stone").with_hint("mend it");
            assert_eq!(render(&error), "error: it broke\n  cause: a stone\n  hint: mend it");
        }
    }
}
