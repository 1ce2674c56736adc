//! What follows from an edit: files, edits that a user makes in them, and the right next edits, or
//! that there is none. They are in `tasks/next-edit.toml`, by program.

use std::collections::BTreeSet;
use std::ops::Range;

use localcoder_protocol::Position;
use serde::Deserialize;

use crate::task::Half;

const TASKS: &str = include_str!("../tasks/next-edit.toml");

/// Places whose lines from the first to the last are more than this are separate edits.
const EDIT_LINES_MAX: usize = 20;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct TaskFile {
    program: Vec<Program>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Program {
    name: String,
    file: String,
    code: String,
    task: Vec<Row>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    name: String,
    kind: NextEditKind,
    /// What the user does, in this order; the cursor is after the last edit.
    edits: Vec<Replaced>,
    #[serde(default)]
    diagnostics: Vec<Told>,
    /// The places that remain to be edited. Each is a next edit, and so are several adjacent ones
    /// at once; none where nothing follows.
    #[serde(default)]
    next: Vec<Place>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Replaced {
    find: String,
    replace: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Told {
    /// A text that occurs once, in the line that it is about.
    find: String,
    message: String,
    code: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Place {
    find: String,
    replace: Texts,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Texts {
    One(String),
    Any(Vec<String>),
}

impl Texts {
    fn all(&self) -> &[String] {
        match self {
            Self::One(text) => std::slice::from_ref(text),
            Self::Any(texts) => texts,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum NextEditKind {
    Rename,
    Signature,
    Pattern,
    /// The edit broke something, and a language server reports it.
    Diagnostic,
    /// Nothing follows: what is suggested is wrong, whatever it is.
    Nothing,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NextEditDiagnostic {
    /// From 1.
    pub line: u32,
    pub message: String,
    pub code: Option<String>,
}

/// One task: what a user does in a file, and the files that may follow from it. Whole files, as an
/// edit may be given with more or fewer lines around what it changes.
#[derive(Debug, Clone)]
pub struct NextEditTask {
    /// Unique among all: language, program and name.
    pub id: String,
    pub kind: NextEditKind,
    pub file: String,
    /// Its text before the first edit, and after each of them.
    pub texts: Vec<String>,
    /// After the text that the last edit inserted, where the user's cursor would be.
    pub cursor: Position,
    pub diagnostics: Vec<NextEditDiagnostic>,
    /// The file after each next edit that is right, sorted; empty if nothing follows.
    pub right: Vec<String>,
}

impl NextEditTask {
    #[must_use]
    pub fn before(&self) -> &str {
        self.texts.first().map_or("", String::as_str)
    }

    #[must_use]
    pub fn after(&self) -> &str {
        self.texts.last().map_or("", String::as_str)
    }

    #[must_use]
    pub fn half(&self) -> Half {
        Half::of(&self.id)
    }
}

/// All tasks.
///
/// # Errors
/// If the file is malformed; a test reads it.
pub fn next_edit_tasks() -> Result<Vec<NextEditTask>, String> {
    tasks_of(TASKS)
}

fn tasks_of(text: &str) -> Result<Vec<NextEditTask>, String> {
    let file: TaskFile =
        toml::from_str(text).map_err(|error| format!("the next edits can't be read: {error}"))?;
    let mut tasks = Vec::new();
    for program in &file.program {
        for row in &program.task {
            let id = format!("{}/{}", program.name, row.name);
            tasks.push(task_of(program, row, id.clone()).map_err(|why| format!("{id}: {why}"))?);
        }
    }
    Ok(tasks)
}

fn task_of(program: &Program, row: &Row, id: String) -> Result<NextEditTask, String> {
    let mut text = program.code.clone();
    let mut texts = vec![text.clone()];
    let mut cursor = 0;
    for Replaced { find, replace } in &row.edits {
        // Each edit is looked for in what those before it have left.
        let range = only(&text, find)?;
        cursor = range.start + replace.len();
        text.replace_range(range, replace);
        texts.push(text.clone());
    }
    let diagnostics = row.diagnostics.iter().map(|told| {
        let at = only(&text, &told.find)?.start;
        let (message, code) = (told.message.clone(), told.code.clone());
        Ok(NextEditDiagnostic { line: line_of(&text, at), message, code })
    });
    Ok(NextEditTask {
        id,
        kind: row.kind,
        file: program.file.clone(),
        cursor: position(&text, cursor),
        diagnostics: diagnostics.collect::<Result<_, String>>()?,
        // After all edits: a place that they have made must be found, and one that they have
        // changed must not.
        right: right(&text, &row.next)?,
        texts,
    })
}

/// The place of something that occurs exactly once in a text, so that a task can't silently mean
/// another place after its program was changed.
fn only(text: &str, find: &str) -> Result<Range<usize>, String> {
    let mut found = text.match_indices(find);
    match (found.next(), found.next()) {
        (Some((at, _)), None) => Ok(at..at + find.len()),
        (None, _) => Err(format!("`{find}` is not in the file")),
        _ => Err(format!("`{find}` is in the file more than once")),
    }
}

fn line_of(text: &str, at: usize) -> u32 {
    position(text, at).line
}

fn position(text: &str, at: usize) -> Position {
    let before = &text[..at];
    let line = before.rsplit('\n').next().unwrap_or_default();
    let count = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
    Position {
        line: count(before.matches('\n').count() + 1),
        character: count(line.encode_utf16().count()),
    }
}

/// The file after each right next edit: at one place or at adjacent ones, with each text that may
/// be there. It does not ask for all that remains at once, as a user accepts one edit after the
/// other, nor for an order.
fn right(text: &str, places: &[Place]) -> Result<Vec<String>, String> {
    let found = places.iter().map(|place| Ok((only(text, &place.find)?, place.replace.all())));
    let mut found = found.collect::<Result<Vec<_>, String>>()?;
    // By place and not as they are in the file of tasks: neighbors are joined from the first on.
    found.sort_by_key(|(range, _)| range.start);
    let mut files = BTreeSet::new();
    for first in 0..found.len() {
        let from = line_of(text, found[first].0.start);
        let mut edited = vec![text.to_owned()];
        for at in first..found.len() {
            let (range, texts) = &found[at];
            let lines = line_of(text, range.end) - from + 1;
            // Two ways to change the same text are alternatives, and can't both be made.
            let overlaps = at > first && found[at - 1].0.end > range.start;
            if at > first && (overlaps || lines as usize > EDIT_LINES_MAX) {
                break;
            }
            let each = |file: &String| {
                // The text after the place is as long as before the edits, so the place is found
                // from the end. Added before subtracted: the file may be shorter than the text by
                // now.
                let place =
                    range.start + file.len() - text.len()..range.end + file.len() - text.len();
                texts.iter().map(|new| put(file, place.clone(), new)).collect::<Vec<_>>()
            };
            edited = edited.iter().flat_map(each).collect();
            files.extend(edited.iter().cloned());
        }
    }
    Ok(files.into_iter().collect())
}

fn put(file: &str, place: Range<usize>, new: &str) -> String {
    let mut file = file.to_owned();
    file.replace_range(place, new);
    file
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use localcoder_assist::{broken_by, edit_of};
    use localcoder_protocol::{DocumentText, LineRange};

    use super::*;

    /// What does not parse in a text, apart from what does not parse in an empty file either.
    fn broken(file: &str, text: &str) -> Option<String> {
        let empty = DocumentText { path: file.to_owned(), language_id: None, text: String::new() };
        let edit = edit_of(&empty, LineRange { start: 1, end: 1 }, text).unwrap();
        broken_by(&empty, &[edit])
    }

    #[test]
    fn there_are_enough_of_each_kind_in_many_languages_and_halves() {
        let tasks = next_edit_tasks().unwrap();
        let ids: BTreeSet<&str> = tasks.iter().map(|task| task.id.as_str()).collect();
        assert_eq!(ids.len(), tasks.len());
        let mut kinds: BTreeMap<NextEditKind, usize> = BTreeMap::new();
        for task in &tasks {
            *kinds.entry(task.kind).or_default() += 1;
        }
        let enough = [
            (NextEditKind::Rename, 24),
            (NextEditKind::Signature, 24),
            (NextEditKind::Pattern, 24),
            (NextEditKind::Diagnostic, 8),
            (NextEditKind::Nothing, 24),
        ];
        for (kind, least) in enough {
            assert!(kinds[&kind] >= least, "{kinds:?}");
        }
        let ending = |task: &NextEditTask| task.file.rsplit('.').next().unwrap().to_owned();
        let languages: BTreeSet<String> = tasks.iter().map(ending).collect();
        assert!(languages.len() >= 6, "{languages:?}");
        let tuning = tasks.iter().filter(|task| task.half() == Half::Tuning).count();
        assert!(tuning * 3 > tasks.len() && (tasks.len() - tuning) * 3 > tasks.len(), "{tuning}");
    }

    #[test]
    fn something_follows_where_it_says_so_and_is_no_step_back() {
        for task in next_edit_tasks().unwrap() {
            let id = &task.id;
            let nothing = task.kind == NextEditKind::Nothing;
            assert_eq!(task.right.is_empty(), nothing, "{id}");
            assert_eq!(!task.diagnostics.is_empty(), task.kind == NextEditKind::Diagnostic, "{id}");
            assert!(task.texts.windows(2).all(|two| two[0] != two[1]), "{id}");
            assert!(task.right.iter().all(|right| !task.texts.contains(right)), "{id}");
            let lines = task.before().lines().count();
            assert!((25..=90).contains(&lines), "{id}: {lines} lines");
        }
    }

    /// Half a rename is wrong, but it is valid code: in every language with a grammar, at every
    /// step.
    #[test]
    fn files_parse_before_the_next_edit_and_after_it() {
        for task in next_edit_tasks().unwrap() {
            for text in task.texts.iter().chain(&task.right) {
                assert_eq!(broken(&task.file, text), None, "{}:\n{text}", task.id);
            }
        }
        assert!(broken("a.py", "def f(:\n    pass\n").is_some());
        assert!(broken("a.js", "let = = 1;\n").is_some());
        assert!(broken("a.go", "package a\nfunc f( {\n").is_some());
    }

    fn read(edits: &str, next: &str) -> Result<NextEditTask, String> {
        // Characters of one and of two UTF-16 units before the cursor, and more lines before the
        // last place than one edit may have.
        let code = "a = 1\nb = 'ä𝄞' + a\nc = a\n".to_owned() + &"\n".repeat(20) + "d = a, a\n";
        let text = format!(
            "[[program]]\nname = \"python/p\"\nfile = \"p.py\"\ncode = {code:?}\n\
             [[program.task]]\nkind = \"rename\"\nname = \"n\"\nedits = [{edits}]\n\
             diagnostics = [{{ find = \"c =\", message = \"no\" }}]\nnext = [{next}]\n"
        );
        tasks_of(&text).map(|mut tasks| tasks.remove(0))
    }

    #[test]
    fn neighbors_are_one_edit_and_what_is_far_from_them_is_another() {
        let edits =
            r#"{ find = "a = 1", replace = "x = 1" }, { find = "𝄞' + a", replace = "𝄞' + x" }"#;
        let next = r#"{ find = "d = a, a", replace = ["d = x, x", "d = 2 * x"] },
            { find = "c =", replace = "e =" }, { find = " a\n\n", replace = " x\n\n" }"#;
        let task = read(edits, next).unwrap();
        assert_eq!(task.id, "python/p/n");
        assert_eq!(task.cursor, Position { line: 2, character: 13 });
        assert_eq!(task.diagnostics[0].line, 3);
        assert!(task.before().starts_with("a = 1\n") && task.after().starts_with("x = 1\nb"));
        let of = |third: &str, last: &str| {
            format!("x = 1\nb = 'ä𝄞' + x\n{third}\n{}{last}\n", "\n".repeat(20))
        };
        let right: BTreeSet<String> = task.right.into_iter().collect();
        let all = [
            of("e = a", "d = a, a"),
            of("c = x", "d = a, a"),
            of("e = x", "d = a, a"),
            of("c = a", "d = x, x"),
            of("c = a", "d = 2 * x"),
        ];
        assert_eq!(right, BTreeSet::from(all));
    }

    #[test]
    fn what_makes_no_sense_is_said() {
        let gone = read(r#"{ find = "z", replace = "y" }"#, "");
        assert_eq!(gone.unwrap_err(), "python/p/n: `z` is not in the file");
        let twice = read(r#"{ find = "a = 1", replace = "c = 1" }"#, "");
        assert_eq!(twice.unwrap_err(), "python/p/n: `c =` is in the file more than once");
        assert!(read("1", "").unwrap_err().contains("can't be read"));
    }
}
