//! Which test is found for a document, what it says about a text, and that none of the user's files
//! are written.

use std::path::{Path, PathBuf};

use localcoder_protocol::{DocumentText, LineRange, TestKind, TestOutcome, TestRun};
use localcoder_trial::{Search, find};

use crate::{Free, has};

fn search<'a>(
    document: &'a DocumentText,
    lines: LineRange,
    within: Option<&'a Path>,
) -> Search<'a> {
    Search { document, lines, within, calls: None }
}

struct Folder(tempfile::TempDir);

impl Folder {
    fn with(files: &[(&str, &str)]) -> Self {
        let folder = Self(tempfile::tempdir().expect("a folder"));
        for (path, text) in files {
            let path = folder.path(path);
            std::fs::create_dir_all(path.parent().expect("it is in the folder")).expect("made");
            std::fs::write(path, text).expect("written");
        }
        folder
    }

    fn path(&self, path: &str) -> PathBuf {
        self.0.path().join(path)
    }

    fn document(&self, path: &str) -> DocumentText {
        let text = std::fs::read_to_string(self.path(path)).expect("it was written");
        let path = self.path(path).to_string_lossy().into_owned();
        DocumentText { path, language_id: None, text }
    }

    /// Runs the test of a file with this text in it.
    fn run(&self, path: &str, text: &str) -> Option<TestRun> {
        let document = self.document(path);
        let lines = LineRange { start: 1, end: 40 };
        let test = match find(&search(&document, lines, Some(self.0.path()))) {
            Err(run) => return Some(run),
            Ok(test) => test?,
        };
        Some(test.run(text, &Free))
    }

    fn names(&self, path: &str) -> Option<String> {
        let lines = LineRange { start: 1, end: 40 };
        let found =
            find(&search(&self.document(path), lines, Some(self.0.path()))).expect("small enough");
        found.map(|test| test.name().to_owned())
    }
}

const CART: &str = "def total(prices):\n    return sum(prices)\n";
const CART_TEST: &str = "import unittest\nfrom cart import total\n\n\nclass Totals(unittest.TestCase):\n    \
     def test_adds(self):\n        self.assertEqual(total([1, 2]), 3)\n";

#[test]
fn a_test_file_of_python_judges_a_text_that_is_not_on_the_disk() {
    if !has("python3", "--version") {
        return;
    }
    let folder = Folder::with(&[("cart.py", CART), ("tests/test_cart.py", CART_TEST)]);
    let good = folder.run("cart.py", CART).expect("there is a test");
    assert_eq!((good.outcome, good.name.as_str()), (TestOutcome::Passed, "tests/test_cart.py"));
    let bad = folder.run("cart.py", &CART.replace("sum", "len")).expect("there is a test");
    assert_eq!(bad.outcome, TestOutcome::Failed, "{bad:?}");
    assert!(bad.said.contains("2 != 3"), "it says what was wrong: {}", bad.said);
    assert_eq!(folder.document("cart.py").text, CART, "the file is as it was");
    let left = std::fs::read_dir(folder.0.path()).expect("a folder").count();
    assert_eq!(left, 2, "nothing was written into the project");
}

#[test]
fn without_a_test_file_the_examples_of_what_is_selected_are_run() {
    if !has("python3", "--version") {
        return;
    }
    let text = "def double(x):\n    \"\"\"Twice.\n\n    >>> double(2)\n    4\n    \"\"\"\n    return 2 * x\n\n\n\
         def broken(x):\n    \"\"\"\n    >>> broken(1)\n    7\n    \"\"\"\n    return x\n";
    let folder = Folder::with(&[("a.py", text)]);
    let document = folder.document("a.py");
    let first = LineRange { start: 1, end: 7 };
    let test = find(&search(&document, first, None)).expect("small").expect("it has examples");
    assert_eq!(test.name(), "the examples of double");
    let run = test.run(text, &Free);
    assert_eq!(run.outcome, TestOutcome::Passed, "the other's are not asked for: {run:?}");
    let run = test.run(&text.replace("2 * x", "3 * x"), &Free);
    assert_eq!(run.outcome, TestOutcome::Failed);
    assert!(run.said.contains("Expected:") && run.said.contains('6'), "{}", run.said);
}

#[test]
fn the_test_of_a_script_is_run_by_what_it_is_written_for() {
    if !has("node", "--version") {
        return;
    }
    let test = "import assert from 'node:assert';\nimport { test } from 'node:test';\n\
         import { add } from './add.mjs';\ntest('adds', () => assert.equal(add(1, 2), 3));\n";
    let add = "export const add = (a, b) => a + b;\n";
    let folder = Folder::with(&[("src/add.mjs", add), ("src/add.test.mjs", test)]);
    let run = folder.run("src/add.mjs", add).expect("there is a test");
    assert_eq!((run.outcome, run.name.as_str()), (TestOutcome::Passed, "src/add.test.mjs"));
    let run = folder.run("src/add.mjs", &add.replace('+', "-")).expect("there is a test");
    assert_eq!(run.outcome, TestOutcome::Failed, "{run:?}");
}

#[test]
fn go_tests_its_package() {
    let files = [
        ("go.mod", "module a\n\ngo 1.21\n"),
        ("cart/cart.go", "package cart\n\nfunc Add(a, b int) int { return a + b }\n"),
        (
            "cart/cart_test.go",
            "package cart\n\nimport \"testing\"\n\nfunc TestAdd(t *testing.T) {\n\tif Add(1, 2) != 3 {\n\t\t\
             t.Fatal(\"no\")\n\t}\n}\n",
        ),
    ];
    let folder = Folder::with(&files);
    assert_eq!(folder.names("cart/cart.go").as_deref(), Some("cart/cart_test.go"));
    if !has("go", "version") {
        return;
    }
    let run = folder.run("cart/cart.go", files[1].1).expect("there is a test");
    assert_eq!(run.outcome, TestOutcome::Passed, "{run:?}");
}

#[test]
fn rust_tests_what_is_in_the_file_itself() {
    let text = "pub fn add(a: i32, b: i32) -> i32 {\n    a + b\n}\n\n#[cfg(test)]\nmod tests {\n    \
         #[test]\n    fn adds() {\n        assert_eq!(super::add(1, 2), 3);\n    }\n}\n";
    let manifest =
        "[package]\nname = \"tried\"\nversion = \"0.1.0\"\nedition = \"2021\"\n\n[workspace]\n";
    let folder = Folder::with(&[
        ("Cargo.toml", manifest),
        ("src/lib.rs", "pub mod sums;\n"),
        ("src/sums.rs", text),
    ]);
    let run = folder.run("src/sums.rs", text).expect("there is a test");
    assert_eq!(run.outcome, TestOutcome::Passed, "{run:?}");
    let run = folder.run("src/sums.rs", &text.replacen("a + b", "a - b", 1)).expect("there is");
    assert_eq!(run.outcome, TestOutcome::Failed, "{run:?}");
}

#[test]
fn the_nearest_test_of_the_name_is_meant_and_a_test_has_none() {
    let folder = Folder::with(&[
        ("pyproject.toml", ""),
        ("a/cart.py", CART),
        ("a/tests/test_cart.py", CART_TEST),
        ("b/cart.py", CART),
        ("b/cart_test.py", CART_TEST),
        ("c/none.py", CART),
    ]);
    assert_eq!(folder.names("a/cart.py").as_deref(), Some("a/tests/test_cart.py"));
    assert_eq!(folder.names("b/cart.py").as_deref(), Some("b/cart_test.py"));
    assert_eq!(folder.names("c/none.py"), None);
    assert_eq!(folder.names("b/cart_test.py"), None);
}

#[test]
fn a_test_without_an_end_is_ended_and_has_told_nothing() {
    if !has("python3", "--version") {
        return;
    }
    let text = "def f():\n    \"\"\"\n    >>> f()\n    1\n    \"\"\"\n    return 1\n";
    let folder = Folder::with(&[("a.py", text)]);
    let hangs = text.replace("return 1", "while True:\n        pass");
    let run = folder.run("a.py", &hangs).expect("it has examples");
    assert_eq!(run.outcome, TestOutcome::NotRun, "{run:?}");
}

#[test]
fn ignored_packages_are_there_and_other_ignored_files_are_not() {
    if !has("node", "--version") {
        return;
    }
    let test = "const assert = require('assert');\nassert.equal(require('./a'), 7);\n\
         assert.throws(() => require('fs').readFileSync('secret.txt'));\n";
    let folder = Folder::with(&[
        (".gitignore", "node_modules\nsecret.txt\n"),
        ("package.json", "{}"),
        ("a.js", "module.exports = require('seven');\n"),
        ("a.test.js", test),
        ("secret.txt", "a"),
        ("node_modules/seven/index.js", "module.exports = 7;\n"),
    ]);
    let run = folder.run("a.js", "module.exports = require('seven');\n").expect("there is a test");
    assert_eq!(run.outcome, TestOutcome::Passed, "{run:?}");
}

#[test]
fn a_project_that_is_too_large_is_told_to_be_so() {
    let folder = Folder::with(&[("pyproject.toml", ""), ("cart.py", CART)]);
    for part in 0..66 {
        let file = std::fs::File::create(folder.path(&format!("data{part}"))).expect("made");
        file.set_len(1024 * 1024).expect("made longer");
    }
    let run = folder.run("cart.py", CART).expect("it is told");
    assert_eq!(run.outcome, TestOutcome::NotRun);
    assert!(run.said.contains("too large"), "{}", run.said);
    assert!(Path::new(&folder.path("cart.py")).exists());
}

#[test]
fn typescript_without_a_test_is_checked_by_the_project_s_own_compiler() {
    let compiler = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../editors/code/node_modules");
    if !has("node", "--version") || !compiler.join(".bin/tsc").exists() {
        return;
    }
    let text = "export const one: number = 1;\n";
    let folder = Folder::with(&[("app/tsconfig.json", "{}\n"), ("app/src/a.ts", text)]);
    std::os::unix::fs::symlink(compiler, folder.path("app/node_modules")).expect("it is linked");
    let run = folder.run("app/src/a.ts", text).expect("it can be checked");
    assert!(run.kind == TestKind::Build && run.outcome == TestOutcome::Passed, "{run:?}");
    let run = folder.run("app/src/a.ts", &text.replace("= 1", "= \"1\"")).expect("as before");
    assert_eq!(run.outcome, TestOutcome::Failed, "{run:?}");
    assert!(run.said.contains("src/a.ts(1,14): error TS2322"), "{}", run.said);

    let folder = Folder::with(&[("a.ts", text)]);
    assert!(folder.run("a.ts", text).is_none(), "it has no compiler of its own");
}

#[test]
fn where_there_is_no_test_the_compiler_judges() {
    let rust = "fn main() {\n    println!(\"{}\", 1 + 1);\n}\n";
    let java = "class A {\n    int one() {\n        return 1;\n    }\n}\n";
    let cpp = "#include <vector>\nint main() {\n    return std::vector<int>().size();\n}\n";
    // Unfinished as it is: no `main` yet.
    let go = "package main\n\nfunc one() {\n\tprintln(1)\n}\n";
    let cases = [
        ("a.rs", rust, "1 + 1", "1 + \"a\"", "rustc", "--version"),
        ("A.java", java, "1;", "\"a\";", "javac", "-version"),
        ("a.cpp", cpp, ".size()", ".sum()", "c++", "--version"),
        ("a.go", go, "println(1)", "println(two)", "go", "version"),
    ];
    for (path, text, good, bad, program, asked) in cases {
        if !has(program, asked) {
            continue;
        }
        let folder = Folder::with(&[(path, text)]);
        let run = folder.run(path, text).expect("it can be compiled");
        assert!(
            run.kind == TestKind::Build && run.outcome == TestOutcome::Passed,
            "{path}: {run:?}"
        );
        let run = folder.run(path, &text.replace(good, bad)).expect("it can be compiled");
        assert_eq!(run.outcome, TestOutcome::Failed, "{path}: {run:?}");
    }
}
