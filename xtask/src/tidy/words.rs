//! Words that must not be in the project's texts, and what to say instead; `docs/glossary.md` says
//! why. Covers text, comments and documents alike, but knows no grammar: the rest is up to readers.

use anyhow::Result;

use super::Repository;

const KINDS: &[&str] = &["rs", "ts", "mjs", "js", "md", "json", "toml", "html", "css", "cpp", "h"];

/// Parts of paths whose files are data or others' text and may say anything, and what they are.
const OTHERS: &[(&str, &str)] = &[
    ("xtask/src/tidy/words.rs", "this table"),
    ("docs/glossary.md", "says what is not said any more"),
    ("package-lock.json", "names of packages"),
    ("crates/assist/prompts/", "what models are told, whose every word was measured"),
    ("crates/assist/tests/", "answers of models"),
    ("crates/eval/tasks/", "code to be edited"),
    ("crates/templates/reference/", "templates of others"),
    ("e2e/eval/", "code to be edited"),
    ("editors/code/test/hostile-answers.json", "answers of models"),
    ("fuzz/", "inputs that a fuzzer made"),
    ("ide/overlay/", "texts of the editor's base, to be found and replaced"),
    ("models/", "what the demo model was trained on"),
];

/// A phrase in lower case, words after which it means something else, and what to say instead.
/// `stand in for` is fine, `stand in` is not.
struct Struck(&'static str, &'static [&'static str], &'static str);

const STRUCK: &[Struck] = &[
    Struck("anew", &[], "again, or start over"),
    Struck("go on with", &[], "continue, or resume"),
    Struck("goes on with", &[], "continues, or resumes"),
    Struck("gone on with", &[], "continued, or resumed"),
    Struck("lets nobody", &[], "does not allow"),
    Struck("loaded from the network", &[], "downloaded: to load is into memory"),
    Struck("loads from the network", &[], "downloads: to load is into memory"),
    Struck("make no sense", &[], "are malformed, or say what is wrong"),
    Struck("makes no sense", &[], "is malformed, or say what is wrong"),
    Struck("mend", &[], "fix"),
    Struck("mended", &[], "fixed"),
    Struck("mends", &[], "fixes"),
    Struck("so many", &["that", "one"], "this many"),
    Struck("stand in", &["for"], "be in"),
    Struck("stands here", &[], "is here"),
    Struck("stands in", &["for"], "is in"),
    Struck("stands there", &[], "is there"),
    Struck("told nobody", &[], "not reported"),
    Struck("want of", &[], "lack of"),
];

const BRITISH: &[(&str, &str)] = &[
    ("behaviour", "behavior"),
    ("catalogue", "catalog"),
    ("colour", "color"),
    ("favour", "favor"),
    ("honour", "honor"),
    ("licence", "license"),
    ("neighbour", "neighbor"),
];

/// Verbs that end in `-ize` in American spelling, without that ending.
const IZE: &[&str] = &[
    "authori",
    "capitali",
    "customi",
    "generali",
    "initiali",
    "maximi",
    "minimi",
    "normali",
    "optimi",
    "organi",
    "prioriti",
    "recogni",
    "seriali",
    "speciali",
    "summari",
    "synchroni",
    "tokeni",
    "visuali",
];
const ISE_ENDINGS: &[&str] = &["se", "sed", "ser", "ses", "sing", "sation"];

/// Words after which *is no* is good English.
const NO: &[&str] = &[
    "better", "doubt", "good", "less", "longer", "matter", "more", "need", "other", "reason",
    "room", "use", "way", "worse",
];

/// Where a struck word is used nevertheless, and why.
const EXCEPTIONS: &[(&str, &str, &str)] = &[
    ("crates/assist/src/prompt.rs", "mend", "the name of a field in the files of prompts"),
    ("xtask/src/ide/packages.rs", "licence", "what packages call their file"),
];

pub(super) fn struck(repository: &Repository) -> Result<Vec<String>> {
    let mut complaints = Vec::new();
    for file in &repository.files {
        let is_others = OTHERS.iter().any(|(part, _)| file.path.contains(part));
        if is_others || !KINDS.contains(&file.extension()) {
            continue;
        }
        // A sentence may be broken between `there` and `is no`.
        let mut before = "";
        for (index, line) in file.text.lines().enumerate() {
            for (word, instead) in found(line, before) {
                let is_excepted =
                    EXCEPTIONS.iter().any(|(path, it, _)| *path == file.path && *it == word);
                if !is_excepted {
                    complaints.push(format!("{}:{}: “{word}”; {instead}", file.path, index + 1));
                }
            }
            before = line;
        }
    }
    Ok(complaints)
}

/// The struck words in a line, with what to say instead. `before`: the previous line, from which a
/// sentence may continue.
fn found(line: &str, before: &str) -> Vec<(String, String)> {
    let words = words(line);
    let mut found = Vec::new();
    // At every word, since phrases overlap: a phrase may begin within another one.
    for at in 0..words.len() {
        for Struck(phrase, but, instead) in STRUCK {
            let length = phrase.split(' ').count();
            let is_there =
                phrase.split(' ').eq(words[at..].iter().take(length).map(String::as_str));
            // Phrases end at commas, which are words of their own here, so none is found across two
            // sentences.
            let next = words.get(at + length).map_or("", String::as_str);
            if is_there && !but.contains(&next) {
                found.push(((*phrase).to_owned(), (*instead).to_owned()));
            }
        }
        found.extend(british(&words[at]));
        if is_no(&words[at..]) {
            let last = self::words(before);
            let previous = if at == 0 { last.last() } else { words.get(at - 1) };
            if previous.is_none_or(|it| it != "there") {
                found.push((words[at..at + 2].join(" "), "is not, or is not a".to_owned()));
            }
        }
    }
    found
}

fn is_no(words: &[String]) -> bool {
    let [verb, no, what, ..] = words else { return false };
    matches!(verb.as_str(), "is" | "are" | "was" | "were")
        && no == "no"
        && !NO.contains(&what.as_str())
}

fn british(word: &str) -> Option<(String, String)> {
    let spelled = BRITISH.iter().find(|(begin, _)| word.starts_with(begin));
    let spelled = spelled.map(|(_, american)| (*american).to_owned());
    let verb = IZE.iter().find_map(|verb| {
        let ending = word.strip_prefix(verb)?;
        ISE_ENDINGS.contains(&ending).then(|| format!("{verb}z{}", &ending[1..]))
    });
    spelled.or(verb).map(|instead| (word.to_owned(), instead))
}

/// The words of a line in lower case, with a comma wherever a phrase ends. A code identifier is one
/// word, whatever it is composed of.
fn words(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    for word in line.split(|c: char| !c.is_alphanumeric() && !"_-,;:.".contains(c)) {
        for (index, part) in word.split([',', ';', ':', '.']).enumerate() {
            if index > 0 {
                words.push(",".to_owned());
            }
            if part.contains(char::is_alphanumeric) {
                words.push(part.to_lowercase());
            }
        }
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(line: &str) -> Vec<String> {
        found(line, "").into_iter().map(|(word, _)| word).collect()
    }

    #[test]
    fn struck_words_are_found_and_their_kin_is_not() {
        assert_eq!(of("The LICENCE stands in the file."), ["licence", "stands in"]);
        assert_eq!(of("it stands in for the model; a stand-in; so many that"), [""; 0]);
        assert_eq!(of("`x` is no path; there is no path; it is no longer one"), ["is no"]);
        assert_eq!(of("where they stand, in their order: it is; no other"), [""; 0]);
        assert_eq!(found("// are no paths", "// where there"), []);
        assert_eq!(
            of("recognised, optimistic, recommended, initialisation"),
            ["recognised", "initialisation"]
        );
    }
}
