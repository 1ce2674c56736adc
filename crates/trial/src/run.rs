//! One run of a test on a text.

use std::time::{Duration, Instant};

use localcoder_protocol::limits::TEST_WITHIN_MS;
use localcoder_protocol::{TestKind, TestOutcome, TestRun};

use crate::copy::Copied;
use crate::find::{Plan, Test};
use crate::program::{Confine, Ran};

impl Test {
    /// Runs the test on a copy of the project in which the document has this text. It always gives
    /// a run: what kept the test from running is an outcome too, which is shown but not held
    /// against the edit. Blocks for as long as the test may take.
    #[must_use]
    pub fn run(&self, text: &str, confinement: &dyn Confine) -> TestRun {
        let started = Instant::now();
        let ran = match &self.plan.calls {
            Some(calls) => self.called(calls, text, confinement),
            None => self.ran(text, confinement).map(|ran| self.judged(ran)),
        };
        let (outcome, said) = match ran {
            Ok(judged) => judged,
            Err(error) => {
                (TestOutcome::NotRun, format!("the project could not be copied: {error}"))
            }
        };
        let ms = u32::try_from(started.elapsed().as_millis()).unwrap_or(u32::MAX);
        let Plan { name, kind, .. } = &self.plan;
        // Of calls that went well, the driver says how many there were.
        let (name, said) = match (kind, outcome) {
            (TestKind::Calls, TestOutcome::Passed) => (format!("{said} {name}"), String::new()),
            _ => (name.clone(), said),
        };
        TestRun { name, outcome, said, kind: *kind, ms }
    }

    fn ran(&self, text: &str, confinement: &dyn Confine) -> std::io::Result<Ran> {
        let copied = Copied::new(self, text, confinement)?;
        let arguments: Vec<&str> = self.plan.arguments.iter().map(String::as_str).collect();
        Ok(copied.run("output", Duration::from_millis(TEST_WITHIN_MS), &arguments))
    }

    fn judged(&self, ran: Ran) -> (TestOutcome, String) {
        let (code, said, passed) = match ran {
            Ran::NoEnd(why) => return (TestOutcome::NotRun, why),
            Ran::Passed { said } => (Some(0), said, true),
            Ran::Failed { code, said } => (code, said, false),
        };
        // Looked at before success and failure: some runners end with 0 where they found no test,
        // and others with an error.
        let no_test = &self.plan.no_test;
        let has_none = code.is_some_and(|code| no_test.codes.contains(&code))
            || no_test.said.iter().any(|words| said.contains(words));
        match (has_none, passed) {
            (true, _) => (TestOutcome::NotRun, no_test.why.to_owned()),
            (false, true) => (TestOutcome::Passed, String::new()),
            (false, false) => (TestOutcome::Failed, said),
        }
    }
}
