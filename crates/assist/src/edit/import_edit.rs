//! The edit that puts imports where the file's are.

use localcoder_protocol::{Edit, LineRange};

use super::Task;
use crate::{document, imports, place};

impl Task {
    pub(super) fn import_edit(&self, needed: &imports::Needed) -> Edit {
        let all = document::lines(&self.document.text);
        let line = all[needed.line];
        // The last line of a document has no end of its own to copy.
        let end = if line.end.is_empty() { "\n" } else { line.end };
        let added = needed.imports.join(end);
        let original = line.text.to_owned();
        let replacement = match needed.before {
            true => {
                // There is nearly always a blank line after imports, and two before a block in the
                // style of Python.
                let blank = if self.is_python_block(line.text) { 2 } else { 1 };
                [&added, end, &end.repeat(blank), line.text].concat()
            }
            false => [line.text, end, &added].concat(),
        };
        let number = u32::try_from(needed.line + 1).unwrap_or(u32::MAX);
        let anchor = place::anchor(&self.document.text, &(needed.line..needed.line + 1));
        Edit { range: LineRange { start: number, end: number }, original, replacement, anchor }
    }

    /// Whether a line begins a function or class at the outermost level in Python.
    fn is_python_block(&self, line: &str) -> bool {
        let blocks = ["def ", "async def ", "class ", "@"];
        self.language.id == "python" && blocks.iter().any(|block| line.starts_with(block))
    }
}
