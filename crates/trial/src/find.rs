//! Which test covers a document.

use std::path::{Path, PathBuf};

use localcoder_protocol::{DocumentText, LineRange, TestKind, TestOutcome, TestRun};

use crate::calls::Calls;
use crate::languages::{self, Subject};
use crate::project::Project;

/// The user's own test of a document, and how it is run.
#[derive(Debug)]
pub struct Test {
    pub(crate) project: Project,
    /// The document, below the root.
    pub(crate) document: PathBuf,
    /// The document's text as it is.
    pub(crate) original: String,
    pub(crate) plan: Plan,
}

/// How a test is run.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Plan {
    /// As users know it.
    pub(crate) name: String,
    /// The folder to run it in, below the root.
    pub(crate) folder: PathBuf,
    pub(crate) arguments: Vec<String>,
    pub(crate) environment: Vec<(&'static str, String)>,
    pub(crate) no_test: NoTest,
    pub(crate) kind: TestKind,
    /// What is called, where that is all there is to run.
    pub(crate) calls: Option<Calls>,
}

/// How a runner says that there was no test to run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct NoTest {
    pub(crate) codes: &'static [i32],
    pub(crate) said: &'static [&'static str],
    /// What that means, as a clause.
    pub(crate) why: &'static str,
}

/// What a test is searched for.
#[derive(Debug, Clone, Copy)]
pub struct Search<'a> {
    /// The document.
    pub document: &'a DocumentText,
    /// The lines that are to be edited.
    pub lines: LineRange,
    /// The folder that is open, above which nothing is searched.
    pub within: Option<&'a Path>,
    /// What calls of the code with made-up values are to leave as it is, where they can be kept from
    /// the user's files.
    pub calls: Option<Compared>,
}

/// What is compared of two calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compared {
    /// What they give. Errors that were swallowed may come out, unless they are of a name that is
    /// missing.
    Values,
    /// That, and that a call that had no error has none.
    ValuesAndErrors,
}

/// The test for some lines of a document; `None` if there is none that we know how to run.
///
/// # Errors
/// If a test can't be run, with the reason: there may be one, so the user should know.
pub fn find(search: &Search<'_>) -> Result<Option<Test>, TestRun> {
    let Search { document, lines, within, calls } = *search;
    let path = Path::new(&document.path);
    let not_run = |said: String| TestRun {
        name: "test".to_owned(),
        outcome: TestOutcome::NotRun,
        said,
        kind: TestKind::Test,
        ms: 0,
    };
    // A document without a file has no test yet.
    if !path.is_absolute() || !languages::is_known(path) {
        return Ok(None);
    }
    let project = Project::of(path, within).map_err(not_run)?;
    let Ok(relative) = path.strip_prefix(&project.root).map(Path::to_owned) else {
        return Ok(None);
    };
    let (first, last) = (lines.start.saturating_sub(1) as usize, lines.end as usize);
    let subject = Subject {
        project: &project,
        document: &relative,
        text: &document.text,
        selected: first..last,
        calls,
    };
    let plan = languages::plan(&subject);
    let original = document.text.clone();
    Ok(plan.map(|plan| Test { project, document: relative, original, plan }))
}

impl Test {
    /// As users know it, such as `tests/test_cart.py`.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.plan.name
    }

    /// What is run.
    #[must_use]
    pub fn kind(&self) -> TestKind {
        self.plan.kind
    }
}
