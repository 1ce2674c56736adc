//! Names of Python's standard library that an answer uses without importing them. The line is
//! certain, so asking the model again would be a waste.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use crate::language::Language;
use crate::python;

/// Modules, each followed by the names that almost always come from it.
const KNOWN: &str = include_str!("python_library.txt");

/// The import lines for the names of the answer, in addition to those that it has itself. A name
/// that was unknown before stays so, unless it was `reported`.
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
    let Some((had, has)) = undefined(document, lines, own, answer) else { return Vec::new() };
    let mut modules = Vec::new();
    let mut names: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    let is_reported = |name: &str| {
        ['"', '\'', '`'].iter().any(|it| reported.contains(&format!("{it}{name}{it}")))
    };
    // A name that was undefined before the edit may come from elsewhere, by `import *` or at run
    // time, and is not this answer's to settle. A tool's report says that it does not.
    for name in has.iter().filter(|name| !had.contains(*name) || is_reported(name)) {
        for row in KNOWN.lines() {
            let mut words = row.split(' ');
            let module = words.next().unwrap_or_default();
            // A variable may be called like a module; only with an attribute is it the module.
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

/// Whether the answer needs an import of everything that a module has, because nothing else
/// provides some of its names. Such an import is seldom asked for, and it hides where names come
/// from.
pub(super) fn need_all(document: &str, lines: &Range<usize>, own: &[String], answer: &str) -> bool {
    undefined(document, lines, own, answer)
        // Where Python does not parse the document nothing is known, and the import stays as the
        // model wrote it.
        .is_none_or(|(had, has)| has.iter().any(|name| !had.contains(name)))
}

/// The names that nothing in the document defines, as it is now, and with the answer and its
/// imports. `None` if that can't be known.
fn undefined(
    document: &str,
    lines: &Range<usize>,
    own: &[String],
    answer: &str,
) -> Option<(BTreeSet<String>, BTreeSet<String>)> {
    let all: Vec<&str> = document.split('\n').collect();
    let (head, tail) = (all.get(..lines.start)?, all.get(lines.end..)?);
    // The indentation does not affect the names, but it decides whether the document parses.
    let first = all.get(lines.start).copied().unwrap_or_default();
    let margin = &first[..first.len() - first.trim_start().len()];
    let indented = answer.split('\n').map(|line| format!("{margin}{line}"));
    let before: Vec<String> =
        own.iter().cloned().chain(head.iter().map(|it| (*it).to_owned())).collect();
    let after = before.into_iter().chain(indented).chain(tail.iter().map(|it| (*it).to_owned()));
    let after = after.collect::<Vec<_>>().join("\n");
    Some((python::undefined(document)?, python::undefined(&after)?))
}
