//! Checks a part of an edit: by itself, it may no longer be valid code.

use localcoder_protocol::{DocumentText, Edit};

use crate::language::Language;
use crate::place::apply_all;
use crate::{python, syntax};

/// What does not parse in a document with these edits in it; `None` if it parses, if it does not
/// parse without them either, or if there is no parser.
#[must_use]
pub fn broken_by(document: &DocumentText, edits: &[Edit]) -> Option<String> {
    let language = Language::of(document.language_id.as_deref(), &document.path);
    let edits: Vec<&Edit> = edits.iter().collect();
    let (after, _) = apply_all(document, &edits).ok()?;
    let before = document.text.as_str();
    if language.id == "python" && python::errors(before)?.is_empty() {
        return python::errors(&after)?.into_iter().next();
    }
    let errors = |text| syntax::error_count(language, text);
    (errors(&after)? > errors(before)?).then(|| "the code does not parse".to_owned())
}

#[cfg(test)]
mod tests {
    use localcoder_protocol::LineRange;

    use super::*;
    use crate::edit_of;

    #[track_caller]
    fn check(path: &str, text: &str, changes: &[(u32, u32, &str)], breaks: bool) {
        let document =
            DocumentText { path: path.to_owned(), language_id: None, text: text.to_owned() };
        let edit = |(start, end, now): &(u32, u32, &str)| {
            edit_of(&document, LineRange { start: *start, end: *end }, now).unwrap()
        };
        let edits: Vec<Edit> = changes.iter().map(edit).collect();
        assert_eq!(broken_by(&document, &edits).is_some(), breaks, "{path}: {changes:?}");
    }

    #[test]
    fn one_half_of_a_change_is_not_code() {
        let python = "def f(a):\n    if a:\n        return 1\n    return 2\n";
        check(
            "a.py",
            python,
            &[(2, 2, "    try:"), (4, 4, "    except OSError:\n        return 2")],
            false,
        );
        check("a.py", python, &[(2, 2, "    try:")], true);
        let rust = "fn f() -> u32 {\n    let a = 1;\n    a\n}\n";
        check("a.rs", rust, &[(2, 2, "    {"), (3, 3, "    1 }")], false);
        check("a.rs", rust, &[(2, 2, "    {")], true);
    }

    #[test]
    fn what_is_broken_before_or_has_no_grammar_is_not_told() {
        check("a.rs", "fn f( {\n    a\n}\n", &[(2, 2, "    b")], false);
        check("notes.txt", "one\ntwo\n", &[(2, 2, "(")], false);
    }
}
