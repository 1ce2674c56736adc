//! A copy of a project for one test: its files, and links to what a project has besides. Programs
//! run in it.

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::find::Test;
use crate::program::{Confine, Program, Ran};
use crate::project::Project;

/// Folders that are not under version control but that tests need: packages and build output. The
/// copy has links to them, since they may be gigabytes: what a build writes there, such as that of
/// `cargo` into `target`, is written in the user's own folder.
const LINKED: &[&str] = &["node_modules", ".venv", "venv", "vendor", "target"];

/// The copy of a test's project, in a temporary folder that is removed with this value: a text is
/// tried in no file of the user's.
pub(crate) struct Copied<'a> {
    test: &'a Test,
    confinement: &'a dyn Confine,
    folder: tempfile::TempDir,
    root: PathBuf,
}

impl<'a> Copied<'a> {
    pub(crate) fn new(
        test: &'a Test,
        text: &str,
        confinement: &'a dyn Confine,
    ) -> std::io::Result<Self> {
        let folder = tempfile::Builder::new().prefix("localcoder-test-").tempdir()?;
        let root = folder.path().join("project");
        fs_err::create_dir(&root)?;
        copy(&test.project, &root, &test.document, text)?;
        Ok(Self { test, confinement, folder, root })
    }

    /// The folder around the project, for drivers and outputs: the project's tests don't see them.
    pub(crate) fn around(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn document(&self) -> PathBuf {
        self.root.join(&self.test.document)
    }

    /// Runs a program in the plan's folder with its environment. `output`: a name of its own, below
    /// [`Self::around`], for the file with what it says.
    pub(crate) fn run(&self, output: &str, within: Duration, arguments: &[&str]) -> Ran {
        let plan = &self.test.plan;
        let program = Program {
            confinement: self.confinement,
            folder: &self.root.join(&plan.folder),
            output: &self.around().join(output),
            environment: &plan.environment,
            within,
        };
        match program.run(arguments) {
            Ran::Failed { code, said } => {
                // The path of the copy means nothing to the user, nor to the model, which may be
                // given this.
                let said = said.replace(&format!("{}/", self.root.display()), "");
                Ran::Failed { code, said }
            }
            ran => ran,
        }
    }
}

fn copy(project: &Project, into: &Path, document: &Path, text: &str) -> std::io::Result<()> {
    let others = project.files.iter().filter(|file| *file != document);
    for file in others {
        let to = into.join(file);
        if let Some(folder) = to.parent() {
            fs_err::create_dir_all(folder)?;
        }
        match fs_err::copy(project.root.join(file), to) {
            Ok(_) => {}
            // It has gone since it was listed, or can't be read: then the test can't read it
            // either.
            Err(error)
                if matches!(
                    error.kind(),
                    std::io::ErrorKind::NotFound | std::io::ErrorKind::PermissionDenied
                ) => {}
            Err(error) => return Err(error),
        }
    }
    let folder = document.parent().unwrap_or(Path::new(""));
    fs_err::create_dir_all(into.join(folder))?;
    fs_err::write(into.join(document), text)?;
    for at in folder.ancestors() {
        for name in LINKED {
            let (from, to) = (project.root.join(at).join(name), into.join(at).join(name));
            // Where the folder is under version control its files are in the copy already.
            if from.is_dir() && !to.exists() {
                fs_err::os::unix::fs::symlink(from, to)?;
            }
        }
    }
    Ok(())
}
