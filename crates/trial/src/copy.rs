//! A copy of a project for one test: its files, and links to what a project has besides. Programs
//! run in it.

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::find::Test;
use crate::program::{Confine, Program, Ran};
use crate::project::Project;

/// Folders that are not under version control but that tests need: packages and build output.
const LINKED: &[&str] = &["node_modules", ".venv", "venv", "vendor", "target"];

/// The copy of a test's project, in a folder that goes with it.
pub(crate) struct Copied<'a> {
    test: &'a Test,
    confinement: &'a dyn Confine,
    folder: tempfile::TempDir,
    root: PathBuf,
}

impl<'a> Copied<'a> {
    /// A copy in which the document has this text.
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

    /// The folder around the project, for what is not the project's.
    pub(crate) fn around(&self) -> &Path {
        self.folder.path()
    }

    /// The document's file.
    pub(crate) fn document(&self) -> PathBuf {
        self.root.join(&self.test.document)
    }

    /// Runs a program as the test's plan says. `output`: a name of its own for what it says.
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
                // The path of the copy means nothing to the user.
                let said = said.replace(&format!("{}/", self.root.display()), "");
                Ran::Failed { code, said }
            }
            ran => ran,
        }
    }
}

/// Copies a project into an empty folder, with the text of one file replaced.
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
            if from.is_dir() && !to.exists() {
                fs_err::os::unix::fs::symlink(from, to)?;
            }
        }
    }
    Ok(())
}
