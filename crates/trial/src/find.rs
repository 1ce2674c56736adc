//! Which test covers a document.

use std::path::{Path, PathBuf};

use localcoder_protocol::{DocumentText, LineRange, TestKind, TestOutcome, TestRun};

use crate::calls::Calls;
use crate::languages::{self, Subject};
use crate::project::Project;

#[derive(Debug)]
pub struct Test {
    pub(crate) project: Project,
    /// Below the root.
    pub(crate) document: PathBuf,
    /// The text that the editor has, which may not be on disk yet. Calls are compared with it.
    pub(crate) original: String,
    pub(crate) plan: Plan,
}

/// How a test is run. It depends on the project and on the text as it is, and not on the edit: both
/// versions are tried in the same way.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Plan {
    /// As users know it: shown, and given to the model.
    pub(crate) name: String,
    /// Below the root; empty for the root itself.
    pub(crate) folder: PathBuf,
    pub(crate) arguments: Vec<String>,
    pub(crate) environment: Vec<(&'static str, String)>,
    pub(crate) no_test: NoTest,
    pub(crate) kind: TestKind,
    /// Set for [`TestKind::Calls`] only; `arguments` is empty then.
    pub(crate) calls: Option<Calls>,
}

/// How a runner says that there was no test to run. It must not be read as a pass, which several
/// runners end with, nor as a failure, which would be held against the edit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct NoTest {
    pub(crate) codes: &'static [i32],
    pub(crate) said: &'static [&'static str],
    pub(crate) why: &'static str,
}

#[derive(Debug, Clone, Copy)]
pub struct Search<'a> {
    pub document: &'a DocumentText,
    pub lines: LineRange,
    /// The folder that is open, above which nothing is searched; `None` if no folder is.
    pub within: Option<&'a Path>,
    /// What calls with made-up values are compared by, where there is no test; `None` if they must
    /// not be made: the edit may change what the code does, or they can't be kept from the user's
    /// files.
    pub calls: Option<Compared>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compared {
    /// What they give. Errors that were swallowed may come out, as bare handlers are among what an
    /// improvement removes, unless they are of a name that is missing.
    Values,
    ValuesAndErrors,
}

/// The test for some lines of a document; `None` if there is none that we know how to run. Finding
/// one lists the project's files but starts nothing.
///
/// # Errors
/// If a test can't be run, with the reason: there may be one, so the user should know.
pub fn find(search: &Search<'_>) -> Result<Option<Test>, TestRun> {
    let Search { document, lines, within, calls } = *search;
    let path = Path::new(&document.path);
    let not_run = |said: String| TestRun {
        // What it is called was not found out.
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
    // It can't fail: the root is the document's folder or one above it.
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
    #[must_use]
    pub fn name(&self) -> &str {
        &self.plan.name
    }

    /// Whether it is a test, a build or calls: what may be said of its outcome depends on it.
    #[must_use]
    pub fn kind(&self) -> TestKind {
        self.plan.kind
    }
}
