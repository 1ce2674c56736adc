//! Names in formats that have no variables of their own: a key, an anchor, a class of a style
//! sheet, a target, a heading. Where one is changed at the place that defines it, the places that
//! refer to it follow.

use std::ops::Range;

use localcoder_protocol::FollowsFrom;

use super::changes::Change;
use super::places::{Place, View};

/// What refers to a name, and how surely.
struct Reference {
    /// What precedes a name that refers to it, of which one is enough.
    before: &'static [&'static str],
    /// What follows it, of which one is enough; nothing means that anything may.
    after: &'static [&'static str],
    is_certain: bool,
}

/// Where a format defines a name, and how it refers to it.
struct Form {
    languages: &'static [&'static str],
    /// What precedes a name that is defined. `^` is the beginning of the line, after blanks and the
    /// dash of an item.
    before: &'static [&'static str],
    after: &'static [&'static str],
    refers: Reference,
}

const STYLES: &[&str] = &["css", "scss", "less"];
const MARKUP: &[&str] = &["html", "xml", "vue", "svelte"];
const ENDS_OF_A_VALUE: &[&str] = &["$", ",", "]", "\"", "'", " #", ":/"];

const FORMS: &[Form] = &[
    Form {
        languages: STYLES,
        before: &["^--"],
        after: &[":"],
        refers: Reference { before: &["(--"], after: &[], is_certain: true },
    },
    Form {
        // A class has the same sign where it is defined and where it is used, so a rename in any
        // rule of a style sheet is taken for the definition.
        languages: STYLES,
        before: &["."],
        after: &[" ", ",", "{", ":", ".", ">"],
        refers: Reference { before: &["."], after: &[], is_certain: true },
    },
    Form {
        languages: STYLES,
        before: &["@keyframes "],
        after: &[" ", "{"],
        refers: Reference {
            before: &["animation: ", "animation-name: "],
            after: &[],
            is_certain: true,
        },
    },
    Form {
        languages: &["scss"],
        before: &["^$"],
        after: &[":"],
        refers: Reference { before: &["$"], after: &[], is_certain: true },
    },
    Form {
        languages: MARKUP,
        before: &[" id=\"", " id='"],
        after: &["\"", "'"],
        refers: Reference {
            before: &[
                "for=\"",
                "=\"#",
                "aria-labelledby=\"",
                "ById(\"",
                "ById('",
                "Selector('#",
                // Scripts within the page name the element, too.
                "Selector(\"#",
            ],
            after: &["\"", "'"],
            is_certain: true,
        },
    },
    Form {
        languages: &["yaml"],
        before: &["&"],
        after: &["$", " "],
        // An alias of YAML can only be that anchor's, so no model is asked.
        refers: Reference { before: &["*"], after: &["$", " ", ","], is_certain: true },
    },
    Form {
        languages: &["yaml"],
        before: &["^"],
        after: &[":"],
        refers: Reference {
            // A key of YAML means nothing to the format itself: that a job's name in a list of jobs
            // refers to it is a convention of the program that reads the file. The places are
            // therefore guesses that a model confirms.
            before: &["- ", "[", ", ", ": ", ": \"", "- \""],
            after: ENDS_OF_A_VALUE,
            is_certain: false,
        },
    },
    Form {
        languages: &["toml"],
        before: &["^", "[", "."],
        after: &[" =", "=", "]"],
        // A feature or a dependency of a manifest is named in strings elsewhere, with a `/` where a
        // feature of the dependency follows.
        refers: Reference { before: &["\"", "'"], after: &["\"", "'", "/"], is_certain: false },
    },
    Form {
        languages: &["json", "jsonc"],
        before: &["^\""],
        after: &["\":"],
        refers: Reference {
            // `npm run NAME` within another script, a pointer of a JSON schema, or any string that
            // is a value.
            before: &["run ", "\"#/definitions/", "\"#/$defs/", "[\"", ", \"", ": \""],
            after: &["\"", " "],
            is_certain: false,
        },
    },
    Form {
        languages: &["makefile"],
        before: &["^"],
        after: &[" =", " :=", " ?=", " +=", "=", ":="],
        refers: Reference { before: &["$(", "${"], after: &[")", "}", ":"], is_certain: true },
    },
    Form {
        languages: &["makefile"],
        before: &["^"],
        after: &[":"],
        // A target is a plain word among prerequisites and in recipes, where it may be any other
        // word.
        refers: Reference { before: &[": ", " "], after: &["$", " "], is_certain: false },
    },
    Form {
        languages: &["dockerfile"],
        before: &[" AS ", " as "],
        after: &["$"],
        refers: Reference { before: &["--from=", "FROM "], after: &["$", " "], is_certain: true },
    },
    Form {
        languages: &["dockerfile"],
        before: &["ARG ", "ENV "],
        after: &["$", "="],
        refers: Reference { before: &["$", "${"], after: &[], is_certain: true },
    },
];

pub(super) fn places(view: View<'_>, change: &Change) -> Vec<Place> {
    let Some((before, row)) = change.line() else { return Vec::new() };
    let after = view.lines[row].as_str();
    if view.language == "markdown" {
        return headings(view, before, after);
    }
    let Some((old, new)) = replaced(before, after) else { return Vec::new() };
    let (from, to) = (&before[old.clone()], &after[new.clone()]);
    let form = FORMS.iter().find(|form| {
        form.languages.contains(&view.language)
            && stands(after, &new, form.before, form.after)
            // Both lines have to define it. Where only one does, a definition came or went, and
            // nothing that refers to it has a new name.
            && stands(before, &old, form.before, form.after)
    });
    // A name that is there already is another thing, and not a new name for this one.
    let is_there = |form: &Form| {
        let rows = (0..view.lines.len()).filter(|at| *at != row);
        let mut others = rows.flat_map(|at| names(&view.lines[at], to).map(move |it| (at, it)));
        others.any(|(at, it)| stands(&view.lines[at], &it, form.before, form.after))
    };
    let Some(form) = form.filter(|form| !is_there(form)) else { return Vec::new() };
    let Reference { before, after, is_certain } = form.refers;
    let places =
        view.lines.iter().enumerate().filter(|(at, _)| *at != row).filter_map(|(at, line)| {
            // A line may refer to the name several times. Replaced from the end, so that the ranges
            // before stay valid.
            let mut found: Vec<Range<usize>> =
                names(line, from).filter(|it| stands(line, it, before, after)).collect();
            let mut text = line.clone();
            found.sort_by_key(|it| it.start);
            for range in found.iter().rev() {
                text.replace_range(range.clone(), to);
            }
            let place = || Place::line(FollowsFrom::Rename, at, text, is_certain);
            (!found.is_empty()).then(place)
        });
    places.collect()
}

fn headings(view: View<'_>, before: &str, after: &str) -> Vec<Place> {
    if !before.starts_with('#') || !after.starts_with('#') {
        return Vec::new();
    }
    let (old, new) = (format!("](#{})", anchor(before)), format!("](#{})", anchor(after)));
    let text = |heading: &str| heading.trim_start_matches('#').trim().to_owned();
    // Most links say what their heading says.
    let said = |line: &str| {
        let (old, new) = (format!("[{}{old}", text(before)), format!("[{}{new}", text(after)));
        line.replace(&old, &new)
    };
    let places =
        // Headings that differ in signs only, such as a question mark, have the same anchor: their
        // links still work.
        view.lines.iter().enumerate().filter(|(_, line)| old != new && line.contains(&old));
    let place = |(at, line): (usize, &String)| {
        Place::line(FollowsFrom::Rename, at, said(line).replace(&old, &new), true)
    };
    places.map(place).collect()
}

/// The address of a heading, as the renderers of Markdown in common use make it.
fn anchor(heading: &str) -> String {
    let text = heading.trim_start_matches('#').trim().to_lowercase();
    let kept = text.chars().filter(|c| c.is_alphanumeric() || " -_".contains(*c));
    kept.map(|c| if c == ' ' { '-' } else { c }).collect()
}

fn is_of_a_name(c: char) -> bool {
    c.is_alphanumeric() || c == '_' || c == '-'
}

/// The name that was changed, in either line, where one name became another and nothing else
/// changed.
fn replaced(before: &str, after: &str) -> Option<(Range<usize>, Range<usize>)> {
    let head = before.chars().zip(after.chars()).take_while(|(one, other)| one == other);
    let head: usize = head.map(|(c, _)| c.len_utf8()).sum();
    // Without this bound, head and tail would overlap where the text between repeats itself, as
    // from `aa` to `aaa`.
    let most = before.len().min(after.len()) - head;
    let ends = before[head..].chars().rev().zip(after[head..].chars().rev());
    let mut tail = 0;
    for (one, other) in ends {
        if one != other || tail + one.len_utf8() > most {
            break;
        }
        tail += one.len_utf8();
    }
    // A name that begins with a dash is one of a command's options, or a style's own property.
    let whole = |text: &str| {
        let start = text[..head]
            .rfind(|c| !is_of_a_name(c))
            .map_or(0, |at| at + text[at..].chars().next().map_or(1, char::len_utf8));
        let end = text.len() - tail;
        let end = end + text[end..].find(|c| !is_of_a_name(c)).unwrap_or(tail);
        let start = start + text[start..end].len() - text[start..end].trim_start_matches('-').len();
        let name = text.get(start..end)?;
        let is_name = name.chars().all(is_of_a_name) && name.contains(char::is_alphabetic);
        is_name.then_some(start..end)
    };
    Some((whole(before)?, whole(after)?))
}

fn names<'a>(line: &'a str, name: &'a str) -> impl Iterator<Item = Range<usize>> + 'a {
    line.match_indices(name).map(|(at, name)| at..at + name.len()).filter(move |it| {
        let before = line[..it.start].trim_end_matches('-');
        let is_begun = before.chars().next_back().is_some_and(is_of_a_name);
        !is_begun && !line[it.end..].starts_with(is_of_a_name)
    })
}

fn stands(line: &str, name: &Range<usize>, before: &[&str], after: &[&str]) -> bool {
    let (head, tail) = (&line[..name.start], &line[name.end..]);
    let begins = |sign: &str| match sign.strip_prefix('^') {
        Some(rest) => {
            // The item of a list may begin with a key: `- name: x` defines `name` as a line of its
            // own does.
            let head = head.trim_start();
            head.strip_prefix("- ").unwrap_or(head) == rest
        }
        None => head.ends_with(sign),
    };
    let ends = |sign: &str| match sign {
        "$" => tail.trim_end().is_empty(),
        sign => tail.starts_with(sign),
    };
    before.iter().any(|sign| begins(sign))
        && (after.is_empty() || after.iter().any(|sign| ends(sign)))
}
