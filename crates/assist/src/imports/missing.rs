//! Names of Python's own library that an answer uses and nothing brings in. Nobody would ask the model
//! again for a line that is certain.

use std::collections::BTreeMap;
use std::ops::Range;

use crate::language::Language;
use crate::python;

/// Modules, and behind each the names that are nearly always its.
const KNOWN: &str = include_str!("python_library.txt");

/// The import lines that make the names of the answer known, beside those it has itself. A name that
/// was unknown before stays so, unless it is one of those that were `reported`.
pub(super) fn imports(
    language: &Language,
    document: &str,
    lines: &Range<usize>,
    own: &[String],
    answer: &str,
    reported: &str,
) -> Vec<String> {
    if language.id != "python" {
        return Vec::new();
    }
    let all: Vec<&str> = document.split('\n').collect();
    let (head, tail) = (all.get(..lines.start), all.get(lines.end..));
    let (Some(head), Some(tail)) = (head, tail) else { return Vec::new() };
    // How the lines are indented is of no matter for their names, but for whether they parse.
    let first = all.get(lines.start).copied().unwrap_or_default();
    let margin = &first[..first.len() - first.trim_start().len()];
    let indented = answer.split('\n').map(|line| format!("{margin}{line}"));
    let before: Vec<String> =
        own.iter().cloned().chain(head.iter().map(|it| (*it).to_owned())).collect();
    let after = before.into_iter().chain(indented).chain(tail.iter().map(|it| (*it).to_owned()));
    let after = after.collect::<Vec<_>>().join("\n");
    let (Some(had), Some(has)) = (python::undefined(document), python::undefined(&after)) else {
        return Vec::new();
    };
    let mut modules = Vec::new();
    let mut names: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    let is_reported = |name: &str| {
        ['"', '\'', '`'].iter().any(|it| reported.contains(&format!("{it}{name}{it}")))
    };
    for name in has.iter().filter(|name| !had.contains(*name) || is_reported(name)) {
        for row in KNOWN.lines() {
            let mut words = row.split(' ');
            let module = words.next().unwrap_or_default();
            if module == name && answer.contains(&format!("{name}.")) {
                modules.push(format!("import {module}"));
            } else if words.any(|word| word == name) {
                names.entry(module).or_default().push(name);
            }
        }
    }
    let names =
        names.iter().map(|(module, names)| format!("from {module} import {}", names.join(", ")));
    modules.into_iter().chain(names).collect()
}
