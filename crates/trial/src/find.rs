//! Which test covers a document.

use std::path::{Path, PathBuf};

use localcoder_protocol::{DocumentText, LineRange, TestOutcome, TestRun};

use crate::languages::{self, Subject};
use crate::project::Project;

/// The user's own test of a document, and how it is run.
#[derive(Debug)]
pub struct Test {
    pub(crate) project: Project,
    /// The document, below the root.
    pub(crate) document: PathBuf,
    pub(crate) plan: Plan,
}

/// How a test is run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Plan {
    /// As users know it.
    pub(crate) name: String,
    /// The folder to run it in, below the root.
    pub(crate) folder: PathBuf,
    pub(crate) arguments: Vec<String>,
    pub(crate) environment: Vec<(&'static str, String)>,
    pub(crate) no_test: NoTest,
    /// Whether it only checks that the code compiles.
    pub(crate) only_build: bool,
}

/// How a runner says that there was no test to run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct NoTest {
    pub(crate) codes: &'static [i32],
    pub(crate) said: &'static [&'static str],
    /// What that means, as a clause.
    pub(crate) why: &'static str,
}

/// The test for some lines of a document; `None` if there is none that we know how to run.
/// `within`: the folder that is open, above which nothing is searched.
///
/// # Errors
/// If a test can't be run, with the reason: there may be one, so the user should know.
pub fn find(
    document: &DocumentText,
    lines: LineRange,
    within: Option<&Path>,
) -> Result<Option<Test>, TestRun> {
    let path = Path::new(&document.path);
    let not_run = |said: String| TestRun {
        name: "test".to_owned(),
        outcome: TestOutcome::NotRun,
        said,
        only_build: false,
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
    let selected: Vec<&str> = document
        .text
        .split('\n')
        .skip(lines.start.saturating_sub(1) as usize)
        .take((lines.end + 1).saturating_sub(lines.start) as usize)
        .collect();
    let subject =
        Subject { project: &project, document: &relative, text: &document.text, selected };
    let plan = languages::plan(&subject);
    Ok(plan.map(|plan| Test { project, document: relative, plan }))
}

impl Test {
    /// As users know it, such as `tests/test_cart.py`.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.plan.name
    }
}
