//! Single lines elsewhere in the file that the selection uses: the heads of what it is in, of the
//! functions and types that it names, and the imports. They are given if they are too far away to
//! be among the surroundings.

use std::collections::BTreeSet;
use std::ops::Range;

use tree_sitter::Node;

use crate::document::Line;
use crate::imports;
use crate::language::Language;
use crate::{scopes, syntax};

/// Further lines are not even counted.
const LINES_MAX: usize = 40;

/// Lines of a function's head; a head with one parameter a line is reduced to the name and the
/// first one.
const HEAD_LINES_MAX: usize = 4;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct OutlineLine {
    pub(crate) line: usize,
    pub(crate) text: String,
}

/// The lines that the selection (0-based, half open) uses, the most useful first.
pub(crate) fn of(
    language: &Language,
    text: &str,
    all: &[Line<'_>],
    selection: &Range<usize>,
) -> Vec<OutlineLine> {
    let Some(tree) = syntax::parse(language, text) else { return Vec::new() };
    let selected: Vec<&str> = all[selection.clone()].iter().map(|line| line.text).collect();
    let selected = selected.join("\n");
    let used = syntax::identifiers(language, &selected);
    let (mut enclosing, mut named, mut imported) = (Vec::new(), Vec::new(), Vec::new());
    syntax::walk(&mut tree.walk(), &mut |node| {
        let rows = syntax::rows(node);
        let is_outside = rows.end <= selection.start || rows.start >= selection.end;
        if imports::is_import_node(node) {
            // An import that the selection doesn't use says nothing about it.
            if is_outside && names_any(text, node, &used) {
                imported.extend(rows.take(HEAD_LINES_MAX));
            }
            return false;
        }
        if !scopes::is_named(node) {
            return true;
        }
        if rows.start < selection.start && rows.end >= selection.end {
            enclosing.extend(head(node));
        } else if is_outside && scopes::name(node, text).is_some_and(|name| used.contains(name)) {
            named.extend(head(node));
        }
        true
    });
    let mut seen = BTreeSet::new();
    // What the selection is in comes first: the budget takes from the front.
    let lines = enclosing.into_iter().chain(named).chain(imported);
    let lines = lines.filter(|line| !selection.contains(line) && seen.insert(*line));
    let lines = lines.filter(|line| !all[*line].is_blank()).take(LINES_MAX);
    lines.map(|line| OutlineLine { line, text: all[line].text.trim_end().to_owned() }).collect()
}

fn head(node: Node<'_>) -> Range<usize> {
    let start = node.start_position().row;
    let body = node.child_by_field_name("body").map_or(start + 1, |body| body.start_position().row);
    start..body.clamp(start + 1, start + HEAD_LINES_MAX)
}

fn names_any(text: &str, node: Node<'_>, used: &BTreeSet<&str>) -> bool {
    let text = text.get(node.byte_range()).unwrap_or_default();
    text.split(|c: char| !c.is_alphanumeric() && c != '_').any(|word| used.contains(word))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::lines;

    fn of_lines(path: &str, text: &str, selection: Range<usize>) -> Vec<usize> {
        let language = Language::of(None, path);
        let outline = of(language, text, &lines(text), &selection);
        outline.iter().map(|line| line.line + 1).collect()
    }

    #[test]
    fn what_the_selection_uses_comes_the_nearest_relation_first() {
        let text = "import os\nimport re\nfrom a import b\n\n\ndef f(\n    x,\n):\n    return x\n\n\nclass A(B):\n    def g(self):\n        return b(f(os.sep))\n\n    def h(self):\n        return 1\n";
        assert_eq!(of_lines("a.py", text, 12..14), [12, 6, 7, 8, 1, 3]);
        // It is in a class, and uses nothing.
        assert_eq!(of_lines("a.py", text, 15..17), [12]);
    }

    #[test]
    fn it_is_known_of_other_languages_and_of_none_without_a_grammar() {
        let rust =
            "use a::B;\nuse c::D;\n\nfn f(b: B) -> u8 {\n    0\n}\n\nfn g() {\n    f(B);\n}\n";
        assert_eq!(of_lines("a.rs", rust, 7..10), [4, 1]);
        let typescript = "import { a } from \"a\";\n\nfunction f() {\n  return a;\n}\n\nf();\n";
        assert_eq!(of_lines("a.ts", typescript, 6..7), [3]);
        assert_eq!(of_lines("a.txt", "a\n\nb\n", 2..3), Vec::<usize>::new());
    }
}
