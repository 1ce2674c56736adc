//! Renames that an instruction asks for by both names, such as "rename `total` to `sum`": the
//! code as it is expected afterwards, which the engine drafts from.
//!
//! It only guesses: what is written is the model's own, and a wrong guess costs time alone.
//! Called for the prompt's draft.

/// Words and arrows between the old name and the new one.
const BETWEEN: &[&str] = &["to", "into", "as", "->", "=>", "→"];
/// Words that make of plain words names: "rename total to sum".
const ORDERS: &[&str] = &["rename", "renaming", "renamed", "call"];
/// What may stand round a name.
const QUOTES: &[char] = &['`', '\'', '"', ',', '.', ';', ':', '(', ')'];

/// The code with the names that the instruction gives it.
pub(crate) fn renamed(code: &str, instruction: &str) -> String {
    let pairs = pairs(code, instruction);
    let new = |word: &str| pairs.iter().find(|(old, _)| *old == word).map(|(_, new)| *new);
    code.split_inclusive(|c: char| !is_of_a_name(c))
        .map(|part| {
            let word = part.trim_end_matches(|c: char| !is_of_a_name(c));
            new(word).map_or_else(|| part.to_owned(), |new| part.replacen(word, new, 1))
        })
        .collect()
}

/// Old and new names: the old one stands in the code, the new one does not.
fn pairs<'a>(code: &str, instruction: &'a str) -> Vec<(&'a str, &'a str)> {
    let words: Vec<&str> = instruction.split_whitespace().collect();
    let bare = |word: &str| word.trim_matches(QUOTES).to_lowercase();
    let ordered = words.iter().any(|word| ORDERS.contains(&bare(word).as_str()));
    let stands = |name: &str| code.split(|c: char| !is_of_a_name(c)).any(|word| word == name);
    let pair = |three: &[&'a str]| {
        let (old, new) = (three[0].trim_matches(QUOTES), three[2].trim_matches(QUOTES));
        let meant = ordered || (looks_like_code(three[0]) && looks_like_code(three[2]));
        let fits = BETWEEN.contains(&three[1]) && is_name(old) && is_name(new);
        (meant && fits && stands(old) && !stands(new)).then_some((old, new))
    };
    words.windows(3).filter_map(pair).collect()
}

/// Told from a word of a sentence by its quotes or by its letters.
fn looks_like_code(word: &str) -> bool {
    let inner = word.trim_matches(QUOTES);
    word.starts_with(['`', '\'', '"'])
        || inner.contains(['_', '$'])
        || inner.chars().skip(1).any(char::is_uppercase)
}

fn is_name(text: &str) -> bool {
    !text.is_empty() && text.chars().all(is_of_a_name) && !text.starts_with(char::is_numeric)
}

fn is_of_a_name(c: char) -> bool {
    c.is_alphanumeric() || c == '_' || c == '$'
}

#[cfg(test)]
mod tests {
    use super::renamed;

    const CODE: &str = "total = 0\nfor n in ns:\n    total += n.total_a\nreturn total\n";

    #[test]
    fn a_name_is_renamed_wherever_it_stands_alone() {
        let expected = "sum = 0\nfor n in ns:\n    sum += n.total_a\nreturn sum\n";
        for instruction in [
            "rename total to sum",
            "Rename the variable `total` to `sum`.",
            "`total` -> `sum`",
            "Please use types, and change 'total' into 'sum', too",
        ] {
            assert_eq!(renamed(CODE, instruction), expected, "{instruction}");
        }
    }

    #[test]
    fn several_names_are_renamed_at_once() {
        let expected = "sum = 0\nfor item in items:\n    sum += item.total_a\nreturn sum\n";
        let instruction = "rename `total` to `sum`, n to item and ns to items";
        assert_eq!(renamed(CODE, instruction), expected);
    }

    #[test]
    fn anything_else_leaves_the_code_as_it_is() {
        for instruction in [
            "",
            "add types",
            // No order to rename, and no name to be told from a word.
            "convert n to int",
            // The old name does not stand there, the new one does.
            "rename count to sum",
            "rename total to ns",
            "rename total to 2 sums",
            "rename total",
        ] {
            assert_eq!(renamed(CODE, instruction), CODE, "{instruction}");
        }
    }
}
