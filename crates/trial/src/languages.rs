//! How the test of a document is found and run, by language: one row each.

use std::ops::Range;
use std::path::{Path, PathBuf};

use localcoder_protocol::TestKind;
use regex::Regex;

use crate::calls::{self, Calls, Driver};
use crate::find::{Compared, NoTest, Plan};
use crate::project::Project;

pub(crate) struct Subject<'a> {
    pub(crate) project: &'a Project,
    /// Below the root.
    pub(crate) document: &'a Path,
    pub(crate) text: &'a str,
    /// Indexes from 0, the end excluded.
    pub(crate) selected: Range<usize>,
    pub(crate) calls: Option<Compared>,
}

type Planner = fn(&Subject<'_>) -> Option<Plan>;

/// File extensions, and how the test of such a file is run. Where a project has no test, what is
/// left is its compiler or a type check, and in Python and JavaScript calls.
const LANGUAGES: &[(&[&str], Planner)] = &[
    (&["py"], python),
    (SCRIPTS, javascript),
    (&["go"], go),
    (&["rs"], rust),
    (&["java"], java),
    (&["c"], c),
    (&["cc", "cpp", "cxx"], cpp),
];

const SCRIPTS: &[&str] = &["js", "mjs", "cjs", "jsx", "ts", "mts", "cts", "tsx"];

pub(crate) fn is_known(path: &Path) -> bool {
    planner(path).is_some()
}

pub(crate) fn plan(subject: &Subject<'_>) -> Option<Plan> {
    planner(subject.document)?(subject)
}

fn planner(path: &Path) -> Option<Planner> {
    let extension = path.extension()?.to_str()?;
    LANGUAGES.iter().find(|(known, _)| known.contains(&extension)).map(|(_, planner)| *planner)
}

impl Subject<'_> {
    fn stem(&self) -> Option<&str> {
        self.document.file_stem()?.to_str()
    }

    /// Of the files that `is_test` accepts by their names without extension, the nearest one: with
    /// the longest common path, and of these the one that is the least deep. Several packages of
    /// one repository may each have a `test_cart.py`.
    fn nearest(&self, is_test: impl Fn(&Path, &str) -> bool) -> Option<&Path> {
        let near = |file: &Path| {
            let here = self.document.components();
            here.zip(file.components()).take_while(|(one, other)| one == other).count()
        };
        let named = self.project.files.iter().map(PathBuf::as_path).filter(|file| {
            let stem = file.file_stem().and_then(|stem| stem.to_str());
            *file != self.document && stem.is_some_and(|stem| is_test(file, stem))
        });
        named.max_by_key(|file| (near(file), std::cmp::Reverse(file.components().count())))
    }

    fn read(&self, file: &Path) -> String {
        fs_err::read_to_string(self.project.root.join(file)).unwrap_or_default()
    }

    /// A program that the project provides itself, such as that of a virtual environment, searched
    /// upward from the document. The path is the one in the original project, which works from the
    /// copy as well.
    fn own_program(&self, path: &str) -> Option<String> {
        let folders = self.document.ancestors().skip(1);
        let paths = folders.map(|folder| self.project.root.join(folder).join(path));
        paths.into_iter().find(|path| path.exists()).map(|path| path.to_string_lossy().into_owned())
    }
}

fn planned(name: String, arguments: &[&str]) -> Plan {
    Plan {
        name,
        folder: PathBuf::new(),
        arguments: arguments.iter().map(|&it| it.to_owned()).collect(),
        // Test runners neither watch nor ask under it.
        environment: vec![("CI", "1".to_owned())],
        no_test: NoTest { codes: &[], said: &[], why: "there is no test in it" },
        kind: TestKind::Test,
        calls: None,
    }
}

/// Where there is no test: whether it compiles, which is reported as such and not as a test.
fn built(name: &str, arguments: &[&str]) -> Plan {
    Plan { kind: TestKind::Build, ..planned(name.to_owned(), arguments) }
}

/// A test file by pytest if the project has it, else by unittest; if there is none, calls of what
/// is selected, and if these must not be made, the examples in the documentation.
fn python(subject: &Subject<'_>) -> Option<Plan> {
    let stem = subject.stem()?;
    // A test is not tried with itself: an edit of it may be meant to fail.
    if stem.starts_with("test_") || stem.ends_with("_test") {
        return None;
    }
    let own = [".venv/bin/python", "venv/bin/python"].iter().find_map(|it| subject.own_program(it));
    let python = own.unwrap_or_else(|| "python3".to_owned());
    let (before, after) = (format!("test_{stem}"), format!("{stem}_test"));
    let file = subject.nearest(|file, stem| {
        file.extension().is_some_and(|it| it == "py") && (stem == before || stem == after)
    });
    let plan = match file {
        Some(file) => {
            let name = file.to_string_lossy().into_owned();
            let text = subject.read(file);
            // Neither runner finds a file of bare assertions; as a script it does test something.
            let is_plain = !text.contains("def test") && !text.contains("TestCase");
            if is_plain && text.contains("assert") {
                return Some(with_paths(planned(name.clone(), &[&python, &name]), subject));
            }
            // Which runner there is depends on the interpreter, so the interpreter decides, and is
            // replaced by it: the runner's exit code and output come through as they are.
            let choose = "import importlib.util as u, os, sys; p = sys.argv[1]; \
                 args = ['pytest', '-q', '-x', '--tb=short', '-p', 'no:cacheprovider', p] \
                 if u.find_spec('pytest') else ['unittest', '-f', p]; \
                 os.execv(sys.executable, [sys.executable, '-m', *args])";
            let arguments = [python.as_str(), "-c", choose, &name];
            let mut plan = planned(name.clone(), &arguments);
            plan.no_test = NoTest {
                // The exit code of pytest for this, and of unittest since Python 3.12.
                codes: &[5],
                said: &["Ran 0 tests", "NO TESTS RAN"],
                why: "no test in it was run; where pytest is not installed, only those of unittest are",
            };
            plan
        }
        None => called(subject, &calls::PYTHON, &python).or_else(|| examples(subject, &python))?,
    };
    Some(with_paths(plan, subject))
}

fn called(subject: &Subject<'_>, driver: &'static Driver, interpreter: &str) -> Option<Plan> {
    let lines = (subject.selected.start, subject.selected.end.saturating_sub(1));
    let names = calls::definitions(driver, subject.text, lines);
    let compared = subject.calls.filter(|_| !names.is_empty())?;
    let name = format!("calls of {}", names.join(", "));
    let calls = Calls { driver, interpreter: interpreter.to_owned(), names, compared };
    let mut plan = Plan { kind: TestKind::Calls, calls: Some(calls), ..planned(name, &[]) };
    // Sets come in the same order in each run.
    plan.environment.push(("PYTHONHASHSEED", "0".to_owned()));
    Some(plan)
}

/// With the variables that Python needs to find the project's modules. The paths are relative, so
/// that they mean the copy.
fn with_paths(mut plan: Plan, subject: &Subject<'_>) -> Plan {
    // Bytecode compiled from one text must not be taken for that of the next: it is told by its
    // source's size and whole seconds, in which two texts of a copy can agree.
    plan.environment.push(("PYTHONDONTWRITEBYTECODE", "1".to_owned()));
    let source = subject.project.root.join("src").is_dir().then_some("src");
    let paths: Vec<&str> = source.into_iter().chain(["."]).collect();
    plan.environment.push(("PYTHONPATH", paths.join(":")));
    plan
}

/// The examples in the documentation of the selected code. Only those of selected definitions are
/// run, as others may fail already; none are if the selection has no example.
fn examples(subject: &Subject<'_>, python: &str) -> Option<Plan> {
    let lines: Vec<&str> = subject.text.split('\n').collect();
    let (first, last) = (subject.selected.start, subject.selected.end.min(lines.len()));
    let selected = lines.get(first..last)?.join("\n");
    if !selected.contains(">>> ") {
        return None;
    }
    let defined = Regex::new(r"(?m)^[ \t]*(?:async[ \t]+)?(?:def|class)[ \t]+(\w+)").ok()?;
    let names: Vec<&str> =
        defined.captures_iter(&selected).filter_map(|it| Some(it.get(1)?.as_str())).collect();
    // A selected line may be within the documentation of a definition above it.
    let name = match names.first() {
        Some(first) => format!("the examples of {first}"),
        None => "the examples".to_owned(),
    };
    // `doctest` has no way to name what to run on its command line, nor an exit code for no
    // example.
    let run = "import doctest, importlib.util as u, os, sys; p, names = sys.argv[1], sys.argv[2:]; \
         sys.path.insert(0, os.path.dirname(os.path.abspath(p))); \
         s = u.spec_from_file_location('_tried', p); m = u.module_from_spec(s); \
         sys.modules['_tried'] = m; s.loader.exec_module(m); \
         r = doctest.DocTestRunner(optionflags=doctest.FAIL_FAST); \
         [r.run(t) for t in doctest.DocTestFinder().find(m, 'm') \
          if not names or t.name.rpartition('.')[2] in names]; \
         sys.exit(1 if r.failures else 0 if r.tries else 5)";
    let document = subject.document.to_string_lossy();
    let mut arguments = vec![python, "-c", run, &document];
    arguments.extend(names);
    let no_test = NoTest { codes: &[5], said: &[], why: "there are no examples in it" };
    Some(Plan { no_test, ..planned(name, &arguments) })
}

/// A test file by the runner that it is written for, else a type check by TypeScript, else calls of
/// what is selected. A runner that the project doesn't have is not fetched: there is no network.
fn javascript(subject: &Subject<'_>) -> Option<Plan> {
    let stem = subject.stem()?;
    if stem.ends_with(".test") || stem.ends_with(".spec") {
        return None;
    }
    let beside = [".test", ".spec", "_test", "-test"].map(|end| format!("{stem}{end}"));
    let before = format!("test-{stem}");
    let file = subject.nearest(|file, name| {
        let extension = file.extension().and_then(|it| it.to_str()).unwrap_or_default();
        let folder = file.parent().and_then(Path::file_name).and_then(|it| it.to_str());
        SCRIPTS.contains(&extension)
            && (beside.iter().any(|it| it == name)
                || name == before
                || (name == stem && matches!(folder, Some("test" | "tests" | "__tests__"))))
    });
    let Some(file) = file else {
        return type_checked(subject).or_else(|| called(subject, &calls::JAVASCRIPT, "node"));
    };
    let name = file.to_string_lossy().into_owned();
    let text = subject.read(file);
    // What the test imports is surer than what is installed, where several runners may be.
    if text.contains("node:test") {
        return Some(planned(name.clone(), &["node", "--test", &name]));
    }
    let runners: [(&str, &[&str]); 3] = [("vitest", &["run"]), ("jest", &["--ci"]), ("mocha", &[])];
    for (runner, arguments) in runners {
        let Some(program) = subject.own_program(&format!("node_modules/.bin/{runner}")) else {
            continue;
        };
        let all: Vec<&str> =
            std::iter::once(program.as_str()).chain(arguments.iter().copied()).collect();
        return Some(planned(name.clone(), &[&all[..], &[name.as_str()]].concat()));
    }
    let is_plain = text.contains("assert") && !text.contains("describe(");
    is_plain.then(|| planned(name.clone(), &["node", &name]))
}

/// A type check by the project's own compiler, with the options of its `tsconfig.json`. Without
/// either of these there is none: another version's or the default options would report what is not
/// wrong.
fn type_checked(subject: &Subject<'_>) -> Option<Plan> {
    let extension = subject.document.extension()?.to_str()?;
    if !["ts", "mts", "cts", "tsx"].contains(&extension) {
        return None;
    }
    let mut folders = subject.document.ancestors().skip(1);
    let is_root = |folder: &&Path| subject.project.files.contains(&folder.join("tsconfig.json"));
    let folder = folders.find(is_root)?;
    let program = subject.own_program("node_modules/.bin/tsc")?;
    let plan = built("tsc", &[&program, "--noEmit", "--project", "."]);
    Some(Plan { folder: folder.to_owned(), ..plan })
}

/// The tests of the document's package, else whether it compiles. They run together: the file's own
/// test gives the run its name, and any of the package's can fail it.
fn go(subject: &Subject<'_>) -> Option<Plan> {
    let folder = subject.document.parent()?;
    if subject.stem()?.ends_with("_test") {
        return None;
    }
    let own = format!("{}_test", subject.stem()?);
    let tests = subject.project.files.iter().filter(|file| {
        file.parent() == Some(folder)
            && file.file_name().is_some_and(|name| name.to_string_lossy().ends_with("_test.go"))
    });
    let file = tests.min_by_key(|file| file.file_stem().is_none_or(|stem| stem != own.as_str()));
    let Some(file) = file else {
        let document = subject.document.file_name()?.to_str()?;
        // Outside a module a package has no import path, and its files are named instead.
        let is_module = subject.project.files.iter().any(|file| file.ends_with("go.mod"));
        let what = if is_module { "." } else { document };
        // It refuses what the compiler refuses, and needs no `main` to link; of its own checks, one
        // with few findings is chosen that every version has.
        let plan = built("go vet", &["go", "vet", "-buildtag", what]);
        return Some(Plan { folder: folder.to_owned(), ..plan });
    };
    let name = file.to_string_lossy().into_owned();
    let plan = planned(name, &["go", "test", "-vet=off", "-failfast", "."]);
    let no_test = NoTest { said: &["[no test files]"], ..plan.no_test };
    Some(Plan { folder: folder.to_owned(), no_test, ..plan })
}

/// Whether it compiles together with the files beside it: running tests would need the project's
/// build.
fn java(subject: &Subject<'_>) -> Option<Plan> {
    let folder = subject.document.parent()?.to_str()?;
    let folder = if folder.is_empty() { "." } else { folder };
    let document = subject.document.to_str()?;
    let arguments = ["javac", "-nowarn", "-proc:none", "-sourcepath", folder, "-d", ".", document];
    Some(built("javac", &arguments))
}

// Syntax and types only: linking would need the project's build. Without its options a file may
// fail as it is; a build that fails before and after says nothing about the edit.
fn c(subject: &Subject<'_>) -> Option<Plan> {
    let document = subject.document.to_str()?;
    Some(built("cc", &["cc", "-w", "-fsyntax-only", document]))
}

fn cpp(subject: &Subject<'_>) -> Option<Plan> {
    let document = subject.document.to_str()?;
    Some(built("c++", &["c++", "-w", "-std=c++17", "-fsyntax-only", document]))
}

/// Tests in the file itself, else a test file of its name, else whether it compiles: by `cargo` if
/// the file belongs to a package, else by the compiler alone. Never with a download (`--offline`).
fn rust(subject: &Subject<'_>) -> Option<Plan> {
    let mut folders = subject.document.ancestors().skip(1);
    let root = &subject.project.root;
    let package = folders.find(|folder| root.join(folder).join("Cargo.toml").is_file());
    let Some(package) = package else {
        let document = subject.document.to_str()?;
        let kind = if subject.text.contains("fn main()") { "bin" } else { "lib" };
        let all = ["rustc", "--edition", "2021", "-A", "warnings", "--emit=metadata"];
        let last = ["--crate-name", "tried", "--crate-type", kind, "-o", "tried.rmeta", document];
        return Some(built("rustc", &[&all[..], &last[..]].concat()));
    };
    let within = subject.document.strip_prefix(package).ok()?;
    let mut modules: Vec<&str> = within.iter().filter_map(|part| part.to_str()).collect();
    let last = modules.pop()?.strip_suffix(".rs")?;
    let mut plan = match modules.first() {
        Some(&"src") if subject.text.contains("#[test]") => {
            modules.remove(0);
            // These file names are not module names.
            modules.extend(Some(last).filter(|it| !["main", "lib", "mod"].contains(it)));
            // The filter ends with `::`, so that `cart` does not choose `cart_items` as well. In a
            // crate's root file it is empty, which chooses all tests of the target.
            modules.push("");
            let filter = modules.join("::");
            let name = format!("the tests in {}", subject.document.display());
            let lib = root.join(package).join("src/lib.rs").is_file();
            let target = if lib && last != "main" { "--lib" } else { "--bins" };
            planned(name, &["cargo", "test", "--offline", "--quiet", target, "--", &filter])
        }
        _ => {
            let test = package.join("tests").join(format!("{last}.rs"));
            if subject.project.files.contains(&test) {
                let name = test.to_string_lossy().into_owned();
                planned(name, &["cargo", "test", "--offline", "--quiet", "--test", last])
            } else {
                built("cargo check", &["cargo", "check", "--offline", "--quiet"])
            }
        }
    };
    plan.folder = package.to_owned();
    Some(plan)
}
