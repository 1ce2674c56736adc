//! The user's own test for some lines: finds it, and runs it on the text as it is and on the edits
//! that the host wants to try.

use std::path::Path;

use localcoder_protocol::{
    CommandSpec, DocumentText, Edit, ErrorInfo, Kept, LineRange, TestOutcome, TestRun, TriedParams,
    TryEditParams,
};
use localcoder_trial::{Compared, Search, Test};

use crate::offline::Offline;

pub(crate) struct Tester {
    test: Test,
    document: DocumentText,
    offline: Offline,
}

impl Tester {
    /// The test for these lines; `None` if there is none that we know how to run. `command`: the
    /// one that edits them, where it is known, with its instruction, which decide what calls may be
    /// held against an edit. Without a command nothing is called.
    pub(crate) fn find(
        document: &DocumentText,
        lines: LineRange,
        within: Option<&Path>,
        command: Option<(&CommandSpec, Option<&str>)>,
    ) -> Result<Option<Self>, TestRun> {
        // What the code does is to stay as it is only for some commands, and an instruction may
        // want another behavior.
        let kept = command.map(|(spec, instruction)| localcoder_assist::kept(spec, instruction));
        let calls = match kept.filter(|_| Offline::can_contain()) {
            Some(Kept::All) => Some(Compared::ValuesAndErrors),
            Some(Kept::Values) => Some(Compared::Values),
            Some(Kept::Nothing) | None => None,
        };
        // The project is searched upward from the document, whatever the working folder is.
        let path = std::path::absolute(&document.path).unwrap_or_default();
        let document =
            DocumentText { path: path.to_string_lossy().into_owned(), ..document.clone() };
        let test = localcoder_trial::find(&Search { document: &document, lines, within, calls })?;
        Ok(test.map(|test| Self { test, document, offline: Offline::probe() }))
    }

    /// The result of the test on the text with these edits, possibly none. It blocks for as long as
    /// the test takes. Edits that can't be applied are a run, too: the host waits for an answer.
    pub(crate) fn run(&self, edits: &[Edit]) -> TestRun {
        let edits: Vec<&Edit> = edits.iter().collect();
        match localcoder_assist::apply_all(&self.document, &edits) {
            Ok((text, _)) => self.test.run(&text, &self.offline),
            Err(error) => TestRun {
                name: self.test.name().to_owned(),
                outcome: TestOutcome::NotRun,
                said: ErrorInfo::from(error).to_string(),
                kind: self.test.kind(),
                ms: 0,
            },
        }
    }

    pub(crate) fn tried(&self, wanted: &TryEditParams) -> TriedParams {
        TriedParams {
            request_id: wanted.request_id.clone(),
            trial: wanted.trial,
            run: self.run(&wanted.edits),
        }
    }
}
