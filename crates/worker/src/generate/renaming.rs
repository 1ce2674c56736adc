//! Expects what an edit has replaced to be replaced again: a renamed variable is renamed
//! everywhere. Names are compared as text, because the same name has other tokens after a space
//! than after a bracket; everything else is compared as tokens.
//!
//! The results are only guesses, and a replacement that was wrong once is dropped. Called by the
//! drafter.

use crate::llama::Token;

/// Longest passage in tokens, on either side: with 3 a little is lost, with 10 nothing is gained
/// (measured on edits of the demo model).
const SPAN_MAX: usize = 6;
/// How many replacements are kept; then the oldest goes. An edit seldom replaces as many things.
const COUNT_MAX: usize = 16;
/// Tokens before and after a difference that may belong to the same name.
const AROUND_TOKENS: usize = 8;

/// How many words are tried as the completion of a name that was begun.
const CANDIDATES_MAX: usize = 32;

pub(super) trait Vocabulary {
    fn text(&self, tokens: &[Token]) -> String;
    /// The tokens of a text that continues after another.
    fn tokens(&self, text: &str) -> Vec<Token>;
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Name {
    old: String,
    new: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Passage {
    pub(super) from: Vec<Token>,
    pub(super) to: Vec<Token>,
}

/// Where source and text diverged and met again.
#[derive(Debug, Clone, Copy)]
pub(super) struct Difference<'a> {
    pub(super) before: &'a [Token],
    pub(super) old: &'a [Token],
    pub(super) new: &'a [Token],
    pub(super) after: &'a [Token],
}

/// Where source and text diverged and have not met again.
#[derive(Debug, Clone, Copy)]
pub(super) struct Begun<'a> {
    pub(super) before: &'a [Token],
    pub(super) rest: &'a [Token],
    pub(super) written: &'a [Token],
}

#[derive(Debug, Default)]
pub(super) struct Renamings {
    names: Vec<Name>,
    passages: Vec<Passage>,
}

impl Renamings {
    /// Learns from a difference of names; `None` if it is not one. Returns the rest of the source
    /// with the new name, if the old one occurs in it.
    pub(super) fn learn_name(
        &mut self,
        difference: Difference<'_>,
        rest: &[Token],
        vocabulary: &dyn Vocabulary,
    ) -> Option<Option<Vec<Token>>> {
        let name = name_of(difference, vocabulary)?;
        // The rest continues these tokens, and a word may begin in them and end in the rest.
        let before = vocabulary.text(difference.after);
        let rest = vocabulary.text(rest);
        let renamed = replace_word(&before, &rest, &name.old, &name.new);
        self.names.retain(|known| known.old != name.old);
        push(&mut self.names, name);
        Some((renamed != rest).then(|| vocabulary.tokens(&renamed)))
    }

    /// The model has not continued as expected: if a new name is at this place, that renaming is
    /// dropped. Returns the rest of the source with the old name.
    pub(super) fn unlearn(
        &mut self,
        before: &[Token],
        rest: &[Token],
        vocabulary: &dyn Vocabulary,
    ) -> Option<Vec<Token>> {
        if self.names.is_empty() {
            return None;
        }
        let before = vocabulary.text(&before[before.len().saturating_sub(AROUND_TOKENS)..]);
        let rest = vocabulary.text(rest);
        // A token may begin with the space before a name.
        let word_at = non_identifier_prefix(&rest).len();
        let begun = if word_at == 0 { identifier_suffix(&before) } else { "" };
        let word = format!("{begun}{}", identifier_prefix(&rest[word_at..]));
        let index = self.names.iter().position(|name| name.new == word)?;
        let name = self.names.remove(index);
        Some(vocabulary.tokens(&replace_word(&before, &rest, &name.new, &name.old)))
    }

    pub(super) fn at(&self, source: &[Token]) -> Option<&Passage> {
        self.passages.iter().find(|passage| source.starts_with(&passage.from))
    }

    pub(super) fn forget(&mut self, from: &[Token]) {
        self.passages.retain(|passage| passage.from != from);
    }

    /// The source from a place on as the answer is expected to have it: at most `most` tokens,
    /// without the first `done` tokens of the passage at its beginning.
    pub(super) fn apply(&self, mut source: &[Token], mut done: usize, most: usize) -> Vec<Token> {
        let mut tokens = Vec::new();
        while tokens.len() < most && !source.is_empty() {
            let used = match self.at(source) {
                Some(passage) => {
                    tokens.extend(&passage.to[done..]);
                    passage.from.len()
                }
                None => {
                    tokens.push(source[0]);
                    1
                }
            };
            done = 0;
            source = &source[used..];
        }
        tokens.truncate(most);
        tokens
    }

    pub(super) fn learn_passage(&mut self, from: &[Token], to: &[Token]) {
        let short = |tokens: &[Token]| (1..=SPAN_MAX).contains(&tokens.len());
        if !short(from) || !short(to) || from == to {
            return;
        }
        self.forget(from);
        push(&mut self.passages, Passage { from: from.to_vec(), to: to.to_vec() });
    }
}

fn push<T>(list: &mut Vec<T>, item: T) {
    if list.len() == COUNT_MAX {
        list.remove(0);
    }
    list.push(item);
}

/// The whole names on both sides, if the difference is one of names: what is left on each side is
/// an identifier, and what is around it is the same. Otherwise `None`, and the difference may still
/// be learned as a passage.
fn name_of(difference: Difference<'_>, vocabulary: &dyn Vocabulary) -> Option<Name> {
    let Difference { before, old, new, after } = difference;
    if old.is_empty() || new.is_empty() {
        return None;
    }
    let before = vocabulary.text(&before[before.len().saturating_sub(AROUND_TOKENS)..]);
    let after = vocabulary.text(&after[..after.len().min(AROUND_TOKENS)]);
    // Tokens split names anywhere, so only a part of one may differ (`total_a` and `total_sum`):
    // the rest is taken from the tokens around it.
    let whole = |tokens: &[Token]| {
        let text = vocabulary.text(tokens);
        format!("{}{text}{}", identifier_suffix(&before), identifier_prefix(&after))
    };
    let (old, new) = (whole(old), whole(new));
    let trimmed = |text: &str| text.trim_matches(|c: char| !is_identifier_char(c)).to_owned();
    let name = Name { old: trimmed(&old), new: trimmed(&new) };
    let is_name = |text: &str| {
        text.chars().all(is_identifier_char) && text.starts_with(|c: char| !c.is_ascii_digit())
    };
    // The text around the names must be the same, or more than a name was changed.
    let same_frame = old.replacen(&name.old, "", 1) == new.replacen(&name.new, "", 1);
    (name.old != name.new && is_name(&name.old) && is_name(&name.new) && same_frame).then_some(name)
}

/// Replaces a word wherever it is a whole word in `text`, which continues `before`.
fn replace_word(before: &str, text: &str, old: &str, new: &str) -> String {
    let mut replaced = String::with_capacity(text.len());
    let mut last = before.chars().next_back();
    let mut rest = text;
    while let Some(at) = rest.find(old) {
        let (skipped, found) = rest.split_at(at);
        last = skipped.chars().next_back().or(last);
        let behind = &found[old.len()..];
        let alone =
            !last.is_some_and(is_identifier_char) && !behind.starts_with(is_identifier_char);
        replaced.push_str(skipped);
        replaced.push_str(if alone { new } else { old });
        // The old name, not the new one: the next occurrence is judged by what the source has
        // before it.
        last = old.chars().next_back();
        rest = behind;
    }
    replaced.push_str(rest);
    replaced
}

/// If a name was begun in place of the source's: the rest of that name, if it occurs in `known`,
/// and the rest of the source with it. Of several candidates the last one counts.
pub(super) fn complete(
    known: &str,
    begun: Begun<'_>,
    vocabulary: &dyn Vocabulary,
) -> Option<Vec<Token>> {
    let before = &begun.before[begun.before.len().saturating_sub(AROUND_TOKENS)..];
    let (before, rest) = (vocabulary.text(before), vocabulary.text(begun.rest));
    let written = vocabulary.text(begun.written);
    // A token may begin with the space before a name; both must.
    let (space, written) = written.split_at(non_identifier_prefix(&written).len());
    let (old_space, rest) = rest.split_at(non_identifier_prefix(&rest).len());
    if space != old_space || identifier_prefix(written) != written {
        return None;
    }
    let head = if space.is_empty() { identifier_suffix(&before) } else { "" };
    let (old, behind) = rest.split_at(identifier_prefix(rest).len());
    let (old, new) = (format!("{head}{old}"), format!("{head}{written}"));
    if old.is_empty() || new.is_empty() {
        return None;
    }
    let tokens = |name: &str, behind: &str| {
        vocabulary.tokens(&format!("{space}{}{behind}", &name[head.len()..]))
    };
    let name = words(known)
        .rev()
        .filter(|word| word.starts_with(&new) && *word != old)
        .take(CANDIDATES_MAX)
        // The text may agree and the tokens not: then the model is on its way to another word.
        .find(|word| tokens(word, "").starts_with(begun.written))?;
    let behind = replace_word(&old, behind, &old, name);
    tokens(name, &behind).strip_prefix(begun.written).map(<[Token]>::to_vec)
}

fn words(text: &str) -> impl DoubleEndedIterator<Item = &str> {
    text.split(|c: char| !is_identifier_char(c)).filter(|word| !word.is_empty())
}

fn is_identifier_char(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

fn identifier_suffix(text: &str) -> &str {
    let kept = text.trim_end_matches(is_identifier_char).len();
    &text[kept..]
}

fn identifier_prefix(text: &str) -> &str {
    let cut = text.trim_start_matches(is_identifier_char).len();
    &text[..text.len() - cut]
}

fn non_identifier_prefix(text: &str) -> &str {
    let cut = text.trim_start_matches(|c: char| !is_identifier_char(c)).len();
    &text[..text.len() - cut]
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(crate) struct Characters;

    impl Vocabulary for Characters {
        fn text(&self, tokens: &[Token]) -> String {
            tokens.iter().filter_map(|token| char::from_u32(u32::try_from(*token).ok()?)).collect()
        }

        fn tokens(&self, text: &str) -> Vec<Token> {
            text.chars().filter_map(|c| Token::try_from(u32::from(c)).ok()).collect()
        }
    }

    fn tokens(text: &str) -> Vec<Token> {
        Characters.tokens(text)
    }

    /// Learns that in `before|after` one of two passages was replaced by the other.
    fn learn(
        renamings: &mut Renamings,
        [before, old, new, after]: [&str; 4],
        rest: &str,
    ) -> Option<String> {
        let parts = [before, old, new, after].map(tokens);
        let difference =
            Difference { before: &parts[0], old: &parts[1], new: &parts[2], after: &parts[3] };
        let name = renamings.learn_name(difference, &tokens(rest), &Characters);
        if name.is_none() {
            renamings.learn_passage(&parts[1], &parts[2]);
        }
        Some(Characters.text(&name??))
    }

    #[test]
    fn a_name_is_renamed_wherever_it_stands_alone() {
        let mut renamings = Renamings::default();
        // Only a part of the name differs in tokens.
        let rest = learn(
            &mut renamings,
            ["x = total", "_a", "_sum", " + 1\n"],
            "y = (total_a, total_ab, my_total_a)[total_a]\n",
        );
        let renamed = "y = (total_sum, total_ab, my_total_a)[total_sum]\n";
        assert_eq!(rest.as_deref(), Some(renamed));
        // The model writes the old one after all.
        let at = renamed.find("total_sum").unwrap();
        let back = renamings.unlearn(&tokens(&renamed[..at]), &tokens(&renamed[at..]), &Characters);
        let back = back.map(|back| Characters.text(&back));
        assert_eq!(back.as_deref(), Some("total_a, total_ab, my_total_a)[total_a]\n"));
        assert_eq!(renamings.unlearn(&[], &tokens("total_sum"), &Characters), None);
    }

    #[test]
    fn what_is_not_a_name_is_a_passage_of_tokens() {
        let mut renamings = Renamings::default();
        assert_eq!(learn(&mut renamings, ["x ", "==", "is", " None"], "y == None"), None);
        assert_eq!(Characters.text(&renamings.apply(&tokens("y == None"), 0, 20)), "y is None");
        // A name next to something else that changed does not count as renamed.
        assert_eq!(learn(&mut renamings, ["x = ", "a[0]", "b.c", "\n"], "a"), None);
        renamings.forget(&tokens("=="));
        assert_eq!(Characters.text(&renamings.apply(&tokens("y == None"), 0, 20)), "y == None");
    }

    #[test]
    fn what_was_replaced_is_replaced_wherever_it_stands() {
        let mut renamings = Renamings::default();
        renamings.learn_passage(&[1, 2], &[9]);
        renamings.learn_passage(&[5], &[7, 8]);
        assert_eq!(renamings.apply(&[0, 1, 2, 3, 5, 1], 0, 10), [0, 9, 3, 7, 8, 1]);
        assert_eq!(renamings.apply(&[5, 3], 1, 10), [8, 3]);
        assert_eq!(renamings.apply(&[3, 5, 3], 0, 2), [3, 7]);
        // The last replacement counts.
        renamings.learn_passage(&[5], &[6]);
        assert_eq!(renamings.apply(&[5], 0, 10), [6]);
    }

    #[test]
    fn a_name_that_was_begun_is_completed_as_it_stands_elsewhere() {
        let complete = |known: &str, [before, rest, written]: [&str; 3]| {
            let parts = [before, rest, written].map(tokens);
            let begun = Begun { before: &parts[0], rest: &parts[1], written: &parts[2] };
            super::complete(known, begun, &Characters).map(|tokens| Characters.text(&tokens))
        };
        let known = "rename n to count, not to counter_2: never";
        let begun = ["x = ", "n + f(n, nn)\n", "cou"];
        // The last name that begins like this counts; the rest of the source has it too.
        assert_eq!(complete(known, begun).as_deref(), Some("nter_2 + f(counter_2, nn)\n"));
        assert_eq!(complete("to count", begun).as_deref(), Some("nt + f(count, nn)\n"));
        // The name may be whole already, or share its beginning with the old one.
        assert_eq!(complete("cou", begun).as_deref(), Some(" + f(cou, nn)\n"));
        let shared = ["x = total_", "a + b\n", "s"];
        assert_eq!(complete("total_sum", shared).as_deref(), Some("um + b\n"));
        // No such name, or no name at all.
        assert_eq!(complete("to number", begun), None);
        assert_eq!(complete(known, ["x = ", "n + 1\n", "f(c"]), None);
        assert_eq!(complete(known, ["x = ", "", ""]), None);
    }

    #[test]
    fn there_are_bounds() {
        let mut renamings = Renamings::default();
        for token in 0..100 {
            renamings.learn_passage(&[token], &[token + 1_000]);
        }
        assert_eq!(renamings.at(&[0]), None);
        assert_eq!(renamings.apply(&[99], 0, 1), [1_099]);
        assert_eq!(renamings.passages.len(), COUNT_MAX);
        let long = [1; SPAN_MAX + 1];
        renamings.learn_passage(&long, &[2]);
        assert_eq!(renamings.at(&long), None);
    }
}
