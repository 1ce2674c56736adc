//! `localcoder test`: which of the user's own tests covers some lines, and its result. For users,
//! and for the editor, whose text may not be on the disk.

use std::io::Read as _;

use localcoder_protocol::{
    DOCUMENT_BYTES_MAX, DocumentText, Edit, ErrorCode, ErrorInfo, TestKind, TestOutcome,
    TestReport, TestRun, Tested,
};
use serde::Deserialize;

use crate::arguments::TestOptions;
use crate::output;
use crate::source::SourceFile;
use crate::tester::Tester;

/// The input for `--stdin`, by which the editor gives a text that is not saved yet. Edits are made
/// in it before the test runs.
#[derive(Debug, Deserialize)]
struct Input {
    text: String,
    #[serde(default)]
    edits: Vec<Edit>,
}

pub(crate) fn run(options: &TestOptions) -> Result<(), ErrorInfo> {
    let (document, edits) = if options.stdin {
        let Input { text, edits } = input()?;
        let path = options.target.file.display().to_string();
        (DocumentText { path, language_id: None, text }, edits)
    } else {
        (SourceFile::read(&options.target.file)?.document, Vec::new())
    };
    let (lines, within) = (options.target.lines, options.within.as_deref());
    let command = options.command.map(|spec| (spec, options.instruction.as_deref()));
    let found = Tester::find(&document, lines, within, command);
    let run = match found {
        Ok(found) => found.map(|tester| tester.run(&edits)),
        // A test that can't be run is a result, with the reason; only having none is none.
        Err(run) => Some(run),
    };
    let report = TestReport { run };
    if options.json {
        return output::answer::<Tested>(&report);
    }
    match report.run {
        Some(run) => print(&run),
        None => output::line(&format!(
            "No test of {} was found that is known how to run.",
            options.target.file.display()
        )),
    }
}

fn input() -> Result<Input, ErrorInfo> {
    // Edits contain both what they replace and its replacement.
    let most = 4 * DOCUMENT_BYTES_MAX as u64;
    let unread = |cause: String| {
        ErrorInfo::new(ErrorCode::Usage, "standard input is not what `--stdin` takes")
            .with_cause(cause)
            .with_hint("it is a JSON object with `text` and, where there are any, `edits`")
    };
    let mut text = String::new();
    let read = std::io::stdin().take(most).read_to_string(&mut text);
    read.map_err(|error| unread(error.to_string()))?;
    serde_json::from_str(&text).map_err(|error| unread(error.to_string()))
}

fn print(run: &TestRun) -> Result<(), ErrorInfo> {
    let TestRun { name, outcome, said, kind, ms } = run;
    let seconds = f64::from(*ms) / 1_000.0;
    match outcome {
        TestOutcome::Passed if *kind == TestKind::Calls => {
            output::line(&format!("Same results as before in {name} ({seconds:.1} s)."))
        }
        TestOutcome::Passed => output::line(&format!("{name} passes ({seconds:.1} s).")),
        TestOutcome::Failed => {
            output::line(&format!("{name} fails ({seconds:.1} s):"))?;
            output::line(said)
        }
        TestOutcome::NotRun => output::line(&format!("{name} could not be run: {said}.")),
    }
}
