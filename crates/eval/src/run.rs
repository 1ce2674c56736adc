//! Runs programs that a model has written: each in a folder of its own, within limits, and without
//! a network if the system can keep them from it.

use std::cell::OnceCell;
use std::path::Path;
use std::time::Duration;

use localcoder_trial::program::{self, Confine, Program};

use crate::language::{Language, Toolchain};

/// Limit of each step: a compiler on a busy machine needs seconds, a correct program less than one.
const STEP_WITHIN: Duration = Duration::from_secs(30);

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ran {
    Passed,
    /// The end of its output, or why it did not start or end.
    Failed(String),
}

/// Runs programs that a model has written, one at a time. Nothing is kept between them: each has a
/// folder of its own, which is removed with it.
pub struct Runner {
    confinement: Box<dyn Confine>,
    /// By language: why it can't be run here. Looked for when first needed, since a run of one
    /// language should not start the compilers of all.
    missing: [OnceCell<Option<String>>; Language::ALL.len()],
}

impl Runner {
    #[must_use]
    pub fn new(confinement: Box<dyn Confine>) -> Self {
        Self { confinement, missing: Default::default() }
    }

    #[must_use]
    pub fn network(&self) -> Option<&str> {
        self.confinement.why_not()
    }

    #[must_use]
    pub fn can_run(&self, language: Language) -> bool {
        self.why_not(language).is_none()
    }

    #[must_use]
    pub fn why_not(&self, language: Language) -> Option<&str> {
        self.missing[language as usize].get_or_init(|| self.probe(language)).as_deref()
    }

    fn probe(&self, language: Language) -> Option<String> {
        let probe = language.toolchain().probe;
        // Within the same limits as the programs, so that a compiler that does not start within
        // them counts as missing, and not every answer as wrong.
        let ran = match tempfile::tempdir() {
            Ok(folder) => self.step(folder.path(), probe),
            Err(error) => Ran::Failed(format!("no folder for it: {error}")),
        };
        let Ran::Failed(why) = ran else { return None };
        let why = why.lines().last().unwrap_or_default();
        Some(format!("`{}` does not run: {why}", probe[0]))
    }

    /// Builds and runs a program: the document, with its tests after it or in a file of their own.
    /// What keeps it from being built counts as its failure, a full disk included.
    #[must_use]
    pub fn run(&self, language: Language, document: &str, tests: &str) -> Ran {
        let toolchain = language.toolchain();
        let folder = match tempfile::tempdir() {
            Ok(folder) => folder,
            Err(error) => return Ran::Failed(format!("no folder for it: {error}")),
        };
        let (files, steps) = laid_out(&toolchain, document, tests);
        for (name, text) in files {
            if let Err(error) = fs_err::write(folder.path().join(name), text) {
                return Ran::Failed(format!("it can't be written: {error}"));
            }
        }
        // Lazy: after a step that fails none is run.
        let failed = steps.iter().map(|step| self.step(folder.path(), step));
        failed.into_iter().find(|ran| *ran != Ran::Passed).unwrap_or(Ran::Passed)
    }

    fn step(&self, folder: &Path, step: &[&str]) -> Ran {
        let program = Program {
            confinement: &*self.confinement,
            folder,
            output: &folder.join(SAID),
            environment: &[],
            within: STEP_WITHIN,
        };
        match program.run(step) {
            program::Ran::Passed { .. } => Ran::Passed,
            program::Ran::Failed { said, .. } => Ran::Failed(said),
            program::Ran::NoEnd(why) => Ran::Failed(why),
        }
    }
}

/// Beside the program's files, so that it goes with the folder.
const SAID: &str = "said.txt";

type Steps = &'static [&'static [&'static str]];

fn laid_out(
    toolchain: &Toolchain,
    document: &str,
    tests: &str,
) -> (Vec<(&'static str, String)>, Steps) {
    // What is marked so is only called by a test runner; run as a program it would pass by doing
    // nothing.
    let marked = tests.contains("#[test]") || tests.contains("*testing.T");
    let steps = match toolchain.test_steps {
        of_tests @ [_, ..] if marked => of_tests,
        _ => toolchain.steps,
    };
    if !toolchain.tests_file.is_empty() && tests.trim_start().starts_with("package ") {
        // Go tests import the package under test, and a package called `main` can't be imported.
        let module = ("go.mod", "module judged\n\ngo 1.21\n".to_owned());
        let files =
            [(toolchain.file, document.to_owned()), (toolchain.tests_file, tests.to_owned())];
        return (files.into_iter().chain([module]).collect(), steps);
    }
    // One file for both: tests see all names of the program without it being a module that can be
    // imported.
    (vec![(toolchain.file, format!("{}\n\n{}\n", document.trim_end(), tests.trim()))], steps)
}

#[cfg(test)]
pub(crate) fn free() -> Runner {
    struct Free;
    impl Confine for Free {
        fn why_not(&self) -> Option<&str> {
            Some("it is not sandboxed")
        }

        fn apply(&self, _: &mut std::process::Command) -> std::io::Result<()> {
            Ok(())
        }
    }
    Runner::new(Box::new(Free))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn python(text: &str) -> Option<Ran> {
        let runner = free();
        runner.can_run(Language::Python).then(|| runner.run(Language::Python, text, ""))
    }

    #[test]
    fn a_program_passes_or_says_why_it_does_not() {
        let Some(ran) = python("print('fine')") else { return };
        assert_eq!(ran, Ran::Passed);
        let Some(Ran::Failed(said)) = python("raise ValueError('no')") else { panic!("it fails") };
        assert!(said.ends_with("ValueError: no"), "{said}");
        let Some(Ran::Failed(said)) = python("import sys; sys.exit(3)") else { panic!("it fails") };
        assert!(said.contains('3'), "{said}");
    }

    #[test]
    fn a_program_takes_no_more_than_it_may() {
        let run = |text: &str| python(text).is_none_or(|ran| ran != Ran::Passed);
        // More data than the 3 GiB, and a longer file than the 256 MiB that a program may have.
        assert!(run("x = bytearray(8 << 30)\nx[::4096] = b'1' * len(x[::4096])"));
        assert!(run("open('x', 'wb').truncate(1 << 30)"));
    }

    #[test]
    fn tests_stand_behind_the_code_or_beside_it() {
        let names = |language: Language, tests: &str| {
            let (files, steps) = laid_out(&language.toolchain(), "code", tests);
            (files.into_iter().map(|(name, _)| name).collect::<Vec<_>>(), steps[0][1])
        };
        assert_eq!(names(Language::Rust, "fn main() {}"), (vec!["main.rs"], "--edition"));
        assert_eq!(names(Language::Rust, "#[test]\nfn f() {}"), (vec!["main.rs"], "--test"));
        assert_eq!(names(Language::Go, "func main() {}"), (vec!["main.go"], "build"));
        let beside = names(Language::Go, "package main\nfunc TestA(t *testing.T) {}");
        assert_eq!(beside, (vec!["main.go", "main_test.go", "go.mod"], "test"));
    }

    #[test]
    fn tests_beside_the_code_are_run() {
        let runner = free();
        if !runner.can_run(Language::Go) {
            return;
        }
        let ran = |sum: &str| {
            let code = format!("package main\n\nfunc sum(a, b int) int {{ return {sum} }}\n");
            let tests = "package main\n\nimport \"testing\"\n\nfunc TestSum(t *testing.T) {\n\
                         if sum(1, 2) != 3 { t.Fatal(\"not the sum\") }\n}\n";
            runner.run(Language::Go, &code, tests)
        };
        assert_eq!(ran("a + b"), Ran::Passed);
        assert!(matches!(ran("a - b"), Ran::Failed(said) if said.contains("not the sum")));
    }
}
