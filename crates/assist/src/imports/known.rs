//! Import lines of an answer, and which of them the document already has.

use crate::language::Language;

/// How an import line begins, by language. Other languages either have no such lines, or theirs
/// depend on where they are.
const WORDS: &[(&str, &[&str])] = &[
    ("python", &["import ", "from "]),
    ("javascript", &["import ", "const "]),
    ("javascriptreact", &["import "]),
    ("typescript", &["import "]),
    ("typescriptreact", &["import "]),
    ("rust", &["use "]),
    ("go", &["import ", "package "]),
    ("java", &["import ", "package "]),
    ("kotlin", &["import ", "package "]),
    ("swift", &["import "]),
    ("c", &["#include"]),
    ("cpp", &["#include", "using namespace "]),
    ("csharp", &["using "]),
    ("php", &["use ", "namespace ", "<?php"]),
    ("ruby", &["require ", "require_relative "]),
];

pub(crate) fn is_import(language: &Language, line: &str) -> bool {
    let line = line.trim();
    let words = WORDS.iter().find(|(id, _)| *id == language.id).map_or(&[][..], |(_, words)| words);
    words.iter().any(|word| line.starts_with(word))
        // `const` and `from` begin other statements, too.
        && (!line.starts_with("const ") || line.contains("require("))
        && (!line.starts_with("from ") || line.contains(" import "))
}

/// The answer without those lines at its beginning that already precede the selection. Lines that
/// the selection itself has are its own and stay.
pub(crate) fn without_known(
    answer: &str,
    original: &str,
    language: &Language,
    before: &[String],
) -> String {
    let lines: Vec<&str> = answer.split('\n').collect();
    // A file belongs to one package, whatever the model calls it.
    let is_package = |line: &str| line.starts_with("package ");
    let known = |line: &str| {
        let line = line.trim();
        before.iter().map(|other| other.trim()).any(|other| {
            other == line || is_package(other) && is_package(line) && is_import(language, line)
        }) && !original.lines().any(|own| own.trim() == line)
    };
    let head = lines.iter().position(|line| !line.trim().is_empty() && !is_import(language, line));
    // Only the beginning is looked at; an import further down is a part of the code.
    let (head, rest) = lines.split_at(head.unwrap_or(lines.len()));
    // An answer of nothing but imports is left as it is: taking all of it away would delete the
    // selection.
    if rest.is_empty() || !head.iter().any(|line| known(line)) {
        return answer.to_owned();
    }
    let mut kept: Vec<&str> =
        head.iter().copied().filter(|line| line.trim().is_empty() || !known(line)).collect();
    // The imports that these blank lines separated from the code are gone.
    if kept.iter().all(|line| line.trim().is_empty()) {
        kept.clear();
    }
    [kept.as_slice(), rest].concat().join("\n")
}

/// The imports at the beginning of an answer, and the rest of the answer; no imports if the
/// selection has some itself, or if nothing else would be left.
pub(super) fn taken_off(
    answer: &str,
    original: &str,
    language: &Language,
) -> (Vec<String>, String) {
    let all = || (Vec::new(), answer.to_owned());
    // The selection is or has an import section, so these lines are what was to be edited.
    if original.lines().any(|line| is_import(language, line)) {
        return all();
    }
    let lines: Vec<&str> = answer.split('\n').collect();
    // An import that continues in the next line can't be told from code here.
    let is_whole = |line: &str| {
        let names_the_file = ["package ", "namespace "].iter().any(|it| line.starts_with(it));
        let goes_on = line.trim_end().ends_with(['(', '{', '\\', ',']);
        is_import(language, line) && !names_the_file && !goes_on
    };
    let head = lines.iter().position(|line| !line.trim().is_empty() && !is_whole(line));
    let Some(head) = head.filter(|head| *head > 0) else { return all() };
    let imports = lines[..head].iter().filter(|line| !line.trim().is_empty());
    (imports.map(|line| (*line).to_owned()).collect(), lines[head..].join("\n"))
}

pub(super) fn is_of_all(import: &str) -> bool {
    import.trim_end().ends_with("import *")
}

pub(super) fn is_used(import: &str, code: &str) -> bool {
    let names = import.rsplit_once("import ").map_or("", |(_, names)| names);
    let is_word = |word: &str| {
        code.split(|c: char| !c.is_alphanumeric() && c != '_').any(|other| other == word)
    };
    names.split(',').any(|name| {
        let name = name.split('#').next().unwrap_or_default().trim();
        let bound = name.rsplit_once(" as ").map_or(name, |(_, alias)| alias.trim());
        // `import os.path` binds `os`.
        bound == "*" || is_word(bound.split('.').next().unwrap_or_default())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn without(path: &str, answer: &str, original: &str, before: &[&str]) -> String {
        let before: Vec<String> = before.iter().map(|line| (*line).to_owned()).collect();
        without_known(answer, original, Language::of(None, path), &before)
    }

    #[test]
    fn what_is_brought_in_already_is_not_brought_in_again() {
        let before = ["import os", "from typing import List", "", ""];
        let code = "def f(a: List) -> str:\n    return os.sep";
        let answer = format!("import os\nfrom typing import List\n\n{code}");
        assert_eq!(without("a.py", &answer, code, &before), code);
        let answer = format!("import re\nimport os\n\n{code}");
        assert_eq!(without("a.py", &answer, code, &before), format!("import re\n\n{code}"));
        let go = "func f() {}";
        assert_eq!(without("a.go", &format!("package lo\n\n{go}"), go, &["package lo", ""]), go);
    }

    #[test]
    fn what_is_the_selections_own_or_stands_amid_the_code_stays() {
        let own = "import os\nx = os.sep";
        assert_eq!(without("a.py", own, own, &["import os"]), own);
        let amid = "def f():\n    import os\n    return os.sep";
        assert_eq!(without("a.py", amid, "def f(): pass", &["import os"]), amid);
        let only = "import os";
        assert_eq!(without("a.py", only, "import sys", &["import os"]), only);
    }

    #[test]
    fn a_line_is_told_from_code_that_only_begins_like_it() {
        let is = |path: &str, line: &str| is_import(Language::of(None, path), line);
        assert!(is("a.js", "const { a } = require('a');") && !is("a.js", "const a = 1;"));
        assert!(is("a.py", "from a import b") && !is("a.py", "from_ = 1"));
        assert!(!is("a.py", "use os") && !is("a.unknown", "import os"));
    }
}
