//! Characters that are invisible or look like others: they can make code read differently from how
//! it runs.
//!
//! Only newly introduced ones count; a document may have its own.

use super::placeholder::{comment, starts};
use super::{Problem, Rewrite, Severity};
use crate::language::Comments;
use crate::syntax::identifiers;

/// An invisible or reordering character in the answer that the original does not have.
pub(super) fn introduced(original: &str, answer: &str) -> Option<Problem> {
    let new = answer.chars().find(|&c| is_hidden(c) && !original.contains(c))?;
    let reason = format!("it has an invisible character (U+{:04X})", u32::from(new));
    Some(Problem::new(Severity::Unusable, reason))
}

/// A word in the brackets of control tokens that was not there before: a control token that none of
/// our tables has.
pub(super) fn control(rewrite: &Rewrite<'_>) -> Option<Problem> {
    // Operators of F# and Elm read so, and code about models has such tokens of its own.
    let known = rewrite.document.0.contains("<|")
        || rewrite.instruction.is_some_and(|text| text.contains("<|"));
    let is_word = |text: &str| {
        text.len() > 2
            && text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
    };
    let found = rewrite
        .answer
        .split("<|")
        .skip(1)
        .any(|rest| rest.split_once("|>").is_some_and(|(word, _)| is_word(word)));
    (found && !known)
        .then(|| Problem::new(Severity::Unusable, "it has a control token of the model"))
}

fn is_hidden(c: char) -> bool {
    matches!(c,
        // Reordering of text, and direction marks.
        '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}' | '\u{200E}' | '\u{200F}' | '\u{061C}'
        // Characters without width, and blanks that look like the space between letters.
        | '\u{200B}'..='\u{200D}' | '\u{2060}'..='\u{2064}' | '\u{FEFF}' | '\u{00AD}'
        | '\u{115F}' | '\u{1160}' | '\u{3164}' | '\u{FFA0}' | '\u{180E}'
        // Line separators that editors do not show as such.
        | '\u{2028}' | '\u{2029}' | '\u{0085}'
        // Tags and supplementary variation selectors.
        | '\u{E0000}'..='\u{E01EF}')
        || c.is_control() && !matches!(c, '\n' | '\t' | '\r' | '\u{000C}')
}

/// Letters of other scripts that look like those of ASCII.
const ALIKE: &str = "аеорсухіјѕАВЕЅІЈКМНОРСТУХΑΒΕΖΗΙΚΜΝΟΡΤΥΧο";

/// A character in code that looks like another one and is not in the selection: a blank that
/// compilers do not accept as one, a typographic quote, a letter of another script within a word.
pub(super) fn misleading(rewrite: &Rewrite<'_>) -> Option<Problem> {
    let language = rewrite.language;
    let is_page = language.comments == Comments::Markup
        || matches!(language.id, "" | "vue" | "svelte" | "json" | "jsonc");
    if language.prose || is_page {
        return None;
    }
    let is_new = |c: char| !rewrite.original.contains(c);
    let lines = rewrite.answer.lines().filter(|line| {
        // `trim` removes such blanks, too. Within a comment of several lines each may begin with a
        // star.
        comment(line.trim(), language.comments).is_none() && !line.trim().starts_with('*')
    });
    // Other grammars refuse them; a shell takes any word for a command.
    let is_unchecked =
        matches!(language.id, "shellscript" | "yaml") || language.grammar("").is_none();
    if is_unchecked {
        let outside = |wanted: fn(char) -> bool| {
            lines.clone().find_map(|line| outside_strings(line, language.comments, wanted))
        };
        if let Some(blank) = outside(is_other_blank).filter(|&c| is_new(c)) {
            let reason =
                format!("it has a blank that is none in code (U+{:04X})", u32::from(blank));
            return Some(Problem::new(Severity::Unusable, reason));
        }
        if lines.clone().any(|line| has_entity(line, rewrite.document.0)) {
            let reason = "it has entities of HTML in the code";
            return Some(Problem::new(Severity::Doubtful, reason));
        }
        if outside(is_other_quote).is_some_and(is_new) {
            return Some(quotes());
        }
    }
    // Some grammars accept quotes as letters.
    if identifiers(language, rewrite.answer).iter().any(|name| name.contains(is_other_quote)) {
        return Some(quotes());
    }
    // A word that the document has may be written that way on purpose.
    let own = |word: &str| rewrite.document.0.contains(word);
    let word = lines.clone().flat_map(words).find(|word| is_of_two_scripts(word) && !own(word))?;
    let reason = format!("`{word}` has letters that look like others");
    Some(Problem::new(Severity::Doubtful, reason))
}

fn quotes() -> Problem {
    Problem::new(Severity::Doubtful, "it has typographic quotes in the code")
}

/// The first such character of a line outside of strings and comments, both found by their signs
/// alone.
fn outside_strings(line: &str, comments: Comments, wanted: fn(char) -> bool) -> Option<char> {
    let ends = starts(comments).iter().filter_map(|start| line.find(&format!(" {start}")));
    let code = &line[..ends.min().unwrap_or(line.len())];
    let mut quotes = 0;
    code.chars().find(|&c| {
        quotes += usize::from(matches!(c, '"' | '\'' | '`'));
        quotes % 2 == 0 && wanted(c)
    })
}

/// Whether a line has a character written as an HTML entity, outside of strings.
fn has_entity(line: &str, document: &str) -> bool {
    ["&lt;", "&gt;", "&quot;"].iter().any(|entity| {
        let head = line.split_once(entity).map(|(head, _)| head);
        let quotes = |head: &str| head.chars().filter(|c| matches!(c, '"' | '\'' | '`')).count();
        head.is_some_and(|head| quotes(head).is_multiple_of(2)) && !document.contains(entity)
    })
}

fn is_other_blank(c: char) -> bool {
    matches!(c, '\u{A0}' | '\u{2000}'..='\u{200A}' | '\u{202F}' | '\u{205F}' | '\u{3000}')
}

fn is_other_quote(c: char) -> bool {
    matches!(c, '“' | '”' | '‘' | '’' | '„')
}

fn words(line: &str) -> impl Iterator<Item = &str> {
    line.split(|c: char| !c.is_alphanumeric() && c != '_')
}

fn is_of_two_scripts(word: &str) -> bool {
    word.chars().any(|c| c.is_ascii_alphabetic()) && word.chars().any(|c| ALIKE.contains(c))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_in_the_brackets_of_control_tokens_are_found() {
        let found = |answer| control(&Rewrite::of("a.fs", "let a = 1", answer)).is_some();
        // Tokens that models have in reserve are in no table of ours.
        assert!(found("let a = 1<|reserved_7|>") && !found("f <| a |> b"));
    }

    #[test]
    fn what_looks_like_another_character_is_found_in_code_and_nowhere_else() {
        let found = |path, answer| misleading(&Rewrite::of(path, "val a = 1", answer)).is_some();
        assert!(found("a.kt", "val a\u{A0}= 1") && found("a.kt", "f(“a”)"));
        assert!(found("a.rs", "let v\u{430}lue = 1;"));
        assert!(!found("a.kt", "f(\"10\u{A0}€ “a”\") // “b”"));
        assert!(!found("a.kt", "// f\u{A0}(“a”)") && !found("a.kt", "val Δx = größe"));
        assert!(!found("a.md", "10\u{A0}“v\u{430}lues”"));
    }

    #[test]
    fn new_hidden_characters_are_found_and_old_ones_are_not() {
        let found = |original, answer| introduced(original, answer).map(|problem| problem.reason);
        assert_eq!(found("a", "a = 'äöü → 你好 😀'\t\n"), None);
        assert!(found("a", "a\u{202E}b").unwrap().contains("U+202E"));
        assert!(found("a", "a\u{200B}b").unwrap().contains("U+200B"));
        assert!(found("a", "a\u{E0041}").unwrap().contains("U+E0041"));
        assert!(found("a", "a\u{1b}[0m").unwrap().contains("U+001B"));
        assert_eq!(found("a\u{200D}", "b\u{200D}"), None);
    }
}
