//! A model that writes the file from its first line, or the class around, instead of the selection
//! is asked again, with the first word of the selection already written for it.
//!
//! Of a 1.5B model's answers to 29 instructions (`types`, `simplify`, `performance`) two were cut
//! off for this reason, in the second attempt as in the first; of 16 to others in Python one wrote
//! an import and then the class around.

use super::Task;
use crate::layout::Layout;

/// An answer with this many first lines of the file does not begin like it by chance.
const LINES_MIN: usize = 2;

const IMPORTS: &[&str] = &["import ", "from ", "use ", "using ", "#include", "package "];

impl Task {
    /// The same prompt with the answer begun, and that beginning, if an answer was the file from
    /// its first line on.
    #[must_use]
    pub fn begun_layout(&self, first: &Layout, answer: &str) -> Option<(Layout, String)> {
        let code = self.selection.text.as_str();
        // Code that begins like the file is an answer as it should be (the selection may be the
        // file's beginning).
        let is_file = begins_alike(answer, &first.before) && !begins_alike(answer, code);
        let is_around = || begins_around(answer, &first.before, code);
        let indent = code.len() - code.trim_start().len();
        // A selection of one word has nothing that could be written for the model.
        let word = code[indent..].find(char::is_whitespace).filter(|word| *word > 0);
        let begun = &code[..indent + word.filter(|_| is_file || is_around())?];
        let layout = Layout {
            prefill: first.prefill.clone() + begun,
            // The draft continues where the answer now begins; a draft that began otherwise would
            // be rejected at its first token.
            draft: first.draft.strip_prefix(begun).unwrap_or_default().to_owned(),
            ..first.clone()
        };
        Some((layout, begun.to_owned()))
    }
}

/// Whether a text begins, imports aside, with a line that opens what is around the code.
fn begins_around(answer: &str, before: &str, code: &str) -> bool {
    let is_import = |line: &str| IMPORTS.iter().any(|word| line.starts_with(word));
    let mut lines = answer.lines().map(str::trim);
    let Some(first) = lines.find(|line| !line.is_empty() && !is_import(line)) else { return false };
    let has = |text: &str| text.lines().any(|line| line.trim() == first);
    // Only a line that opens a block can be what is around the code, and only one that comes before
    // it.
    first.ends_with([':', '{']) && has(before) && !has(code)
}

fn begins_alike(a: &str, b: &str) -> bool {
    let lines = |text: &str| -> Vec<String> {
        let lines = text.lines().map(str::trim_end).filter(|line| !line.is_empty());
        lines.take(LINES_MIN).map(str::to_owned).collect()
    };
    let (a, b) = (lines(a), lines(b));
    a.len() == LINES_MIN && a == b
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_class_around_is_told_from_the_selection() {
        let before = "import a\n\nclass Cache:\n    def get(self):\n        return 1\n\n";
        let code = "    def put(self, key):\n        return 2\n";
        let around = |answer: &str| begins_around(answer, before, code);
        assert!(around(
            "    from typing import List\n\n    class Cache:\n        def get(self):\n"
        ));
        assert!(around("class Cache:\n"));
        assert!(!around(code));
        // The function itself behind an import is an answer as it should be.
        assert!(!around("import b\n\ndef put(self, key):\n"));
        assert!(!around("class Other:\n    pass\n") && !around(""));
    }
}
