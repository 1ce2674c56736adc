//! What an instruction wants to become of what code does, told by its words.

use std::sync::LazyLock;

use localcoder_protocol::{CommandSpec, Kept};
use regex::Regex;

static WRITES: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(
        r"(?xi)\b(?:refactor|renam|simplif|clean|tidy|readab|clearer|short|extract|inline|split|move
        |comment|docstring|document|jsdoc|annotat|type\ hint|typed
        |fast|speed|slow|quick|perform|efficien|optimi[sz]|quadratic|linear|comput\w*\ (?:\w+\ ){0,5}(?:once|again)
        |only\ once|look(?:ed|ing|s)?[-\ ]?\w*\ up|look-?ups?|use\ a\ (?:set|map|dict\w*|hash\ set)|index\ first|running\ sum
        |comprehension|guard\ clause|early\ return|single\ return|nest|duplicat|(?:named\ )?constants?|f-string
        |template\ literal|arrow\ function|destructur|idiom|moderni[sz]|loop|without\ changing)",
    )
    .ok()
});

static CHANGES: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(
        r"(?xi)\b(?:fix|bug|wrong|incorrect|errors?\b|exception|rais|throw|handle|validat|reject|ignor|skip|support
        |allow|default|option|flag|freeze|immutable|add\ an?\ (?:parameter|argument|check|case)|async
        |instead\ of\ (?:null|none|raising|failing|returning))",
    )
    .ok()
});

/// Whether code is to do what it did before, only written in another way. An instruction that may
/// want both, or says neither, is not taken for one.
#[must_use]
pub fn kept(command: &CommandSpec, instruction: Option<&str>) -> Kept {
    let instruction = instruction.map(str::trim).filter(|it| !it.is_empty());
    let Some(instruction) = instruction.filter(|_| command.takes_instruction) else {
        return command.keeps;
    };
    if command.keeps == Kept::Nothing {
        return Kept::Nothing;
    }
    let has = |words: &Option<Regex>| words.as_ref().is_some_and(|it| it.is_match(instruction));
    // To compare where code was to change would call right answers wrong; not to compare costs only
    // a check. So both lists err to one side.
    if has(&WRITES) && !has(&CHANGES) { Kept::All } else { Kept::Nothing }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept_by(id: &str, instruction: Option<&str>) -> Kept {
        kept(CommandSpec::of(id).unwrap(), instruction)
    }

    #[test]
    fn instructions_that_change_how_code_is_written_keep_what_it_does() {
        for instruction in [
            "Rename `result` to `amount`.",
            "Make this faster.",
            "Simplify this function.",
            "Extract the formatting into a helper function.",
            "Add type hints.",
            "Use a list comprehension.",
            "The average is computed again for each row. Compute it once, and an empty list must still give one.",
            "Looking names up in the list is slow. Use a set.",
        ] {
            assert_eq!(kept_by("improve", Some(instruction)), Kept::All, "{instruction}");
        }
        for instruction in [
            "Fix the bug.",
            "Raise ValueError for negative prices.",
            "Add a parameter `limit`.",
            "Return an empty list if there are none.",
            "Make it blue.",
            "Use the default, and raise an error if there is none in the loop.",
            "Simplify this, and handle empty input.",
        ] {
            assert_eq!(kept_by("improve", Some(instruction)), Kept::Nothing, "{instruction}");
        }
        assert_eq!(kept_by("improve", None), Kept::Values);
        assert_eq!(kept_by("improve", Some("  ")), Kept::Values);
        assert_eq!(kept_by("document", None), Kept::All);
        assert_eq!(kept_by("document", Some("Fix the bug.")), Kept::All, "it takes none");
        assert_eq!(kept_by("explain", None), Kept::Nothing);
        assert_eq!(kept_by("explain", Some("Is the loop simple?")), Kept::Nothing);
    }
}
