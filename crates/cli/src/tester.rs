//! The user's own test for some lines: finds it, and runs it on the text as it is and on the edits
//! that the host wants to try.

use std::path::Path;

use localcoder_protocol::{
    DocumentText, Edit, ErrorInfo, LineRange, TestOutcome, TestRun, TriedParams, TryEditParams,
};
use localcoder_trial::Test;

use crate::offline::Offline;

pub(crate) struct Tester {
    test: Test,
    document: DocumentText,
    offline: Offline,
}

impl Tester {
    /// The test for these lines; `None` if there is none that we know how to run.
    pub(crate) fn find(
        document: &DocumentText,
        lines: LineRange,
        within: Option<&Path>,
    ) -> Result<Option<Self>, TestRun> {
        let path = std::path::absolute(&document.path).unwrap_or_default();
        let document =
            DocumentText { path: path.to_string_lossy().into_owned(), ..document.clone() };
        let test = localcoder_trial::find(&document, lines, within)?;
        Ok(test.map(|test| Self { test, document, offline: Offline::probe() }))
    }

    /// The result of the test on the text with these edits, possibly none.
    pub(crate) fn run(&self, edits: &[Edit]) -> TestRun {
        let edits: Vec<&Edit> = edits.iter().collect();
        match localcoder_assist::apply_all(&self.document, &edits) {
            Ok((text, _)) => self.test.run(&text, &self.offline),
            Err(error) => TestRun {
                name: self.test.name().to_owned(),
                outcome: TestOutcome::NotRun,
                said: ErrorInfo::from(error).to_string(),
                only_build: false,
                ms: 0,
            },
        }
    }

    /// The answer to the host's request to try an edit.
    pub(crate) fn tried(&self, wanted: &TryEditParams) -> TriedParams {
        TriedParams {
            request_id: wanted.request_id.clone(),
            trial: wanted.trial,
            run: self.run(&wanted.edits),
        }
    }
}
