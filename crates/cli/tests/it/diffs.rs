//! `git apply` takes what `improve` prints, whatever the file is called and however it begins; and
//! a file whose lines end with CR only is left alone.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::Path;
use std::process::Command;

use localcoder_protocol::ErrorCode;

use crate::installation;

const SOURCE: &str = "def f(x):\n    return x == None\n";
/// What the bundled model turns it into.
const BETTER: &str = "def f(x):\n    return x is None\n";

/// Gives a diff to `git apply`, in a folder that is not a repository.
fn git_apply(folder: &Path, diff: &Path) {
    let mut git = Command::new("git");
    git.args(["apply", "--verbose"]).arg(diff).current_dir(folder);
    let output = git.env("GIT_CEILING_DIRECTORIES", "/").output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    let diff = std::fs::read_to_string(diff).unwrap();
    assert!(output.status.success(), "{said}\n{diff}");
}

#[test]
fn git_apply_takes_the_diff_of_a_file_however_it_is_named() {
    let installation = installation();
    let work = installation.folder().join("work");
    std::fs::create_dir_all(work.join("in")).unwrap();
    let absolute = work.join("absolute.py").display().to_string();
    for (typed, file) in [
        ("plain.py", "plain.py"),
        ("./dot.py", "dot.py"),
        ("in/./../up.py", "up.py"),
        ("in/../in/./deep.py", "in/deep.py"),
        (absolute.as_str(), "absolute.py"),
        ("a space.py", "a space.py"),
        ("a 2001-01-01 date.py", "a 2001-01-01 date.py"),
        ("tab\tnew\nline\r.py", "tab\tnew\nline\r.py"),
        ("\"quoted\" back\\slash\u{1}.py", "\"quoted\" back\\slash\u{1}.py"),
        ("größe.py", "größe.py"),
    ] {
        std::fs::write(work.join(file), SOURCE).unwrap();
        let mut improve = installation.command(&["improve", typed, "--lines", "1-2"]);
        let output = improve.current_dir(&work).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{typed:?}: {said}");
        let diff = installation.write("change.diff", output.stdout);
        git_apply(&work, &diff);
        assert_eq!(std::fs::read_to_string(work.join(file)).unwrap(), BETTER, "{typed:?}");
    }
}

/// The diff of a file outside the folder has its path relative to the root, where it is applied.
#[test]
fn git_apply_takes_the_diff_of_a_file_outside_of_the_folder_at_the_root() {
    let installation = installation();
    let [work, other] = ["work", "other"].map(|name| installation.folder().join(name));
    std::fs::create_dir_all(&work).unwrap();
    std::fs::create_dir_all(&other).unwrap();
    std::fs::write(other.join("a.py"), SOURCE).unwrap();
    let mut improve = installation.command(&["improve", "../other/a.py", "--lines", "1-2"]);
    let output = improve.current_dir(&work).output().unwrap();
    let diff = installation.write("change.diff", output.stdout);
    git_apply(Path::new("/"), &diff);
    assert_eq!(std::fs::read_to_string(other.join("a.py")).unwrap(), BETTER);
}

#[test]
fn git_apply_takes_the_diff_of_a_file_with_a_byte_order_mark_and_of_one_with_crlf() {
    let installation = installation();
    let marked = |text: &str| format!("\u{feff}{text}");
    for (source, better) in [
        (marked(SOURCE), marked(BETTER)),
        (SOURCE.replace('\n', "\r\n"), BETTER.replace('\n', "\r\n")),
        (marked(SOURCE.trim_end()), marked(BETTER.trim_end())),
    ] {
        let file = installation.write("a.py", &source);
        let improved = installation.run(&["improve", "a.py", "--lines", "1-2"]).ok();
        let json = installation.run(&["improve", "a.py", "--lines", "1-2", "--json"]).ok().json();
        assert_eq!(json["diff"], improved.stdout);
        let diff = installation.write("change.diff", improved.stdout);
        git_apply(installation.folder(), &diff);
        assert_eq!(std::fs::read_to_string(&file).unwrap(), better, "{source:?}");
    }
}

#[test]
fn a_file_whose_lines_end_with_cr_alone_is_refused_and_left_as_it_is() {
    let installation = installation();
    let source = SOURCE.replace('\n', "\r");
    let file = installation.write("mac.py", &source);
    for more in [&[][..], &["--apply"]] {
        let improve = ["improve", "mac.py", "--lines", "1-1"];
        let refused = installation.run(&[&improve, more].concat()).failed(ErrorCode::NotText);
        assert!(refused.stderr.contains("CR alone"), "{}", refused.stderr);
    }
    assert_eq!(std::fs::read_to_string(&file).unwrap(), source);
}
