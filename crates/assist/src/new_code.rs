//! Code that is written into an empty line.

use crate::document::Line;
use crate::language::Language;
use crate::syntax;

/// Code that defines something is a block of its own: it is set off from its neighbors by as many
/// blank lines as is usual in the language. Other code stays as it is.
pub(crate) fn set_off(language: &Language, all: &[Line<'_>], row: usize, code: &str) -> String {
    if syntax::defined_names(language, code).is_empty() {
        return code.to_owned();
    }
    let blank =
        |lines: &mut dyn Iterator<Item = &Line<'_>>| lines.take_while(|it| it.is_blank()).count();
    let before = blank(&mut all[..row].iter().rev());
    let after = blank(&mut all[row + 1..].iter());
    let is_nested =
        all[row + 1..].get(after).is_some_and(|next| next.text.starts_with([' ', '\t']));
    // Python style has two blank lines around definitions at the outermost level.
    let usual: usize = if language.id == "python" && !is_nested { 2 } else { 1 };
    let lines = |has_neighbor: bool, there: usize| match has_neighbor {
        true => "\n".repeat(usual.saturating_sub(there)),
        false => String::new(),
    };
    let (first, last) = (before < row, row + 1 + after < all.len());
    [&lines(first, before), code, &lines(last, after)].concat()
}
