//! The product's own tasks, one file for each language in `tasks/`. A file holds programs with
//! their tests, and what is to be done with parts of them; CONTRIBUTING says how to add one.

use localcoder_protocol::{DocumentText, LineRange};
use regex::{Regex, RegexBuilder};
use serde::Deserialize;

use crate::language::Language;
use crate::task::{Check, First, Task};

const FILES: &[(Language, &str)] = &[
    (Language::Python, include_str!("../tasks/python.toml")),
    (Language::JavaScript, include_str!("../tasks/javascript.toml")),
    (Language::Rust, include_str!("../tasks/rust.toml")),
    (Language::Go, include_str!("../tasks/go.toml")),
    (Language::Java, include_str!("../tasks/java.toml")),
    (Language::Cpp, include_str!("../tasks/cpp.toml")),
];

const FOLLOWS: &str = include_str!("../tasks/follow.toml");

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
    tests: String,
    task: Vec<Row>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    kind: String,
    name: String,
    flaw: Option<String>,
    /// First and last line of the selection, by their text: numbers would have to be counted again
    /// after each change of the code above. Indentation does not count.
    select: [String; 2],
    instruction: Option<String>,
    #[serde(default)]
    asked: Vec<String>,
    #[serde(default)]
    forbidden: Vec<String>,
    /// Turns the good code of the program, which passes the tests, into the one that is shown.
    buggy: Option<Change>,
    /// Turns what is shown into the right answer; if absent, that is the program's own code, as for
    /// a bug.
    right: Option<Change>,
    wrong: Change,
    /// Replace the program's, where the task changes what they use.
    tests: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct FollowFile {
    follow: Vec<Follow>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Follow {
    base: String,
    name: String,
    instruction: String,
    #[serde(default)]
    asked: Vec<String>,
    #[serde(default)]
    forbidden: Vec<String>,
    right: Change,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Change {
    Text(String),
    /// Each first text is replaced with the second wherever it occurs, one pair after the other.
    /// One that does not occur is an error: the code was changed, and the task with it.
    Pairs(Vec<[String; 2]>),
}

impl Change {
    fn of(&self, selection: &str) -> Result<String, String> {
        match self {
            Self::Text(text) => Ok(text.trim_matches('\n').to_owned()),
            Self::Pairs(pairs) => {
                pairs.iter().try_fold(selection.to_owned(), |text, [old, new]| {
                    if text.contains(old.as_str()) {
                        Ok(text.replace(old.as_str(), new))
                    } else {
                        Err(format!("`{old}` is not in the selection"))
                    }
                })
            }
        }
    }
}

/// All of the product's own tasks. Each call parses the files, which are part of the program.
///
/// # Errors
/// If one of the files is malformed; a test reads them all.
pub fn own_tasks() -> Result<Vec<Task>, String> {
    let read = |(language, text): &(Language, &str)| tasks_of(*language, text);
    let files = FILES.iter().map(read).collect::<Result<Vec<_>, String>>()?;
    let mut tasks: Vec<Task> = files.into_iter().flatten().collect();
    let file: FollowFile = toml::from_str(FOLLOWS)
        .map_err(|error| format!("the follow-ups can't be read: {error}"))?;
    let follows = file.follow.iter().map(|row| follow(&tasks, row));
    let follows = follows.collect::<Result<Vec<_>, String>>()?;
    tasks.extend(follows);
    Ok(tasks)
}

/// A task of the kind `follow`. What the other task asked for must still be there, except where the
/// right answer differs.
fn follow(tasks: &[Task], row: &Follow) -> Result<Task, String> {
    let Follow { base, name, instruction, asked, forbidden, right } = row;
    let id = format!("{base}-{name}");
    let of = tasks.iter().find(|task| task.id == *base);
    let of = of.ok_or_else(|| format!("{id}: there is no task `{base}`"))?;
    let right = right.of(&of.right).map_err(|why| format!("{id}: {why}"))?;
    let regexes = |all: &[String]| all.iter().map(|it| regex(it)).collect::<Result<Vec<_>, _>>();
    // What the other task asked for counts here too, unless this one's right answer undoes it.
    let stays = of.check.asked.iter().filter(|it| it.is_match(&right)).cloned();
    let stays_out = of.check.forbidden.iter().filter(|it| !it.is_match(&right)).cloned();
    let first = First {
        instruction: of.instruction.clone().unwrap_or_default(),
        selection: of.right.clone(),
    };
    let check = Check {
        asked: regexes(asked)?.into_iter().chain(stays).collect(),
        forbidden: regexes(forbidden)?.into_iter().chain(stays_out).collect(),
        tests: of.check.tests.clone(),
    };
    Ok(Task {
        id,
        kind: "follow".to_owned(),
        instruction: Some(instruction.clone()),
        first: Some(first),
        check,
        right,
        wrong: None,
        ..of.clone()
    })
}

fn tasks_of(language: Language, text: &str) -> Result<Vec<Task>, String> {
    let file: TaskFile = toml::from_str(text)
        .map_err(|error| format!("the tasks of {} can't be read: {error}", language.name()))?;
    let of_program = |program: &Program| {
        let task = |row: &Row| {
            let id = format!("{}/{}/{}", language.name(), program.name, row.name);
            task(language, program, row, &id).map_err(|why| format!("{id}: {why}"))
        };
        program.task.iter().map(task).collect::<Result<Vec<_>, String>>()
    };
    let tasks = file.program.iter().map(of_program).collect::<Result<Vec<_>, String>>()?;
    Ok(tasks.into_iter().flatten().collect())
}

fn task(language: Language, program: &Program, row: &Row, id: &str) -> Result<Task, String> {
    let code = program.code.trim_matches('\n');
    let lines: Vec<&str> = code.split('\n').collect();
    let [first, last] = &row.select;
    // The last line is searched from the first one, as lines such as `}` are everywhere.
    let at = |from: usize, wanted: &str| {
        let found = lines[from..].iter().position(|line| line.trim() == wanted.trim());
        found.map(|at| from + at).ok_or_else(|| format!("no line is `{wanted}`"))
    };
    let start = at(0, first)?;
    let end = at(start, last)? + 1;
    let good = lines[start..end].join("\n");
    let shown = row.buggy.as_ref().map_or(Ok(good.clone()), |change| change.of(&good))?;
    let right = row.right.as_ref().map_or(Ok(good), |change| change.of(&shown))?;
    let wrong = row.wrong.of(&shown)?;
    let number = |line: usize| u32::try_from(line).map_err(|error| error.to_string());
    // A planted bug may have more or fewer lines than the good code; the selection is what is
    // shown.
    let shown_lines = shown.split('\n').count();
    let text = [&lines[..start].join("\n"), shown.as_str(), &lines[end..].join("\n")];
    // A selection at the beginning or the end of the file has nothing before or after it, and must
    // not get an empty line there.
    let text = text.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("\n");
    let kind = row.flaw.as_ref().map_or(row.kind.clone(), |flaw| format!("{}: {flaw}", row.kind));
    Ok(Task {
        id: id.to_owned(),
        language,
        kind,
        document: DocumentText { path: program.file.clone(), language_id: None, text: text + "\n" },
        lines: LineRange { start: number(start + 1)?, end: number(start + shown_lines)? },
        instruction: row.instruction.clone(),
        first: None,
        check: Check {
            asked: row.asked.iter().map(|it| regex(it)).collect::<Result<_, _>>()?,
            forbidden: row.forbidden.iter().map(|it| regex(it)).collect::<Result<_, _>>()?,
            tests: row.tests.as_ref().unwrap_or(&program.tests).clone(),
        },
        right,
        wrong: Some(wrong),
    })
}

fn regex(text: &str) -> Result<Regex, String> {
    RegexBuilder::new(text).multi_line(true).build().map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use localcoder_assist::{Attempt, Command, Outcome, Prompts, prepare, prepare_follow};
    use localcoder_protocol::FinishReason;

    use super::*;

    const INSTRUCTED: [&str; 8] =
        ["rename", "types", "docs", "errors", "simplify", "extract", "performance", "bug"];

    #[test]
    fn there_are_enough_tasks_of_every_kind_in_every_language() {
        let tasks = own_tasks().unwrap();
        let ids: BTreeSet<&str> = tasks.iter().map(|task| task.id.as_str()).collect();
        assert_eq!(ids.len(), tasks.len(), "an id stands twice");
        let mut counts: BTreeMap<(Language, &str), usize> = BTreeMap::new();
        for task in &tasks {
            let kind = task.kind.split(':').next().unwrap();
            *counts.entry((task.language, kind)).or_default() += 1;
            assert_eq!(task.is_instructed(), kind != "flaw", "{}", task.id);
        }
        for language in Language::ALL {
            for kind in INSTRUCTED {
                let count = counts.get(&(language, kind)).copied().unwrap_or(0);
                assert!(count >= 2, "{language:?}: {count} of {kind}");
            }
        }
        let flaws: usize =
            counts.iter().filter(|((_, kind), _)| *kind == "flaw").map(|(_, count)| count).sum();
        let sorts: BTreeSet<&str> =
            tasks.iter().filter_map(|task| task.kind.strip_prefix("flaw: ")).collect();
        assert!(tasks.len() - flaws >= 120 && flaws >= 100, "{} and {flaws}", tasks.len() - flaws);
        assert_eq!(sorts.len(), 5, "{sorts:?}");
    }

    /// The checks must let right answers pass: each that they flag would cost a user a good edit.
    /// One in a hundred may be flagged.
    #[test]
    fn right_answers_pass_the_checks_of_answers() {
        let tasks = own_tasks().unwrap();
        let mut flagged = Vec::new();
        for task in &tasks {
            let command = Command::new("improve", task.instruction.as_deref()).unwrap();
            let asked = match task.pending() {
                Some(pending) => prepare_follow(&task.document, &pending, command).unwrap(),
                None => prepare(&task.document, task.lines, command).unwrap(),
            };
            // A selection that cut through code has been extended, and the answer is for the
            // extended one.
            if task.first.is_none() && asked.range() != trimmed(task) {
                continue;
            }
            match asked.finish(&task.right, FinishReason::EndOfTurn, Attempt::First) {
                Outcome::Done(done) if !done.unchanged => {}
                other => flagged.push(format!("{}: {other:?}", task.id)),
            }
        }
        assert!(
            flagged.len() * 100 <= tasks.len(),
            "{} of {}: {flagged:#?}",
            flagged.len(),
            tasks.len()
        );
    }

    /// What Improve finds without a model: planted flaws are recognized, and little is reported in
    /// the same code without them.
    #[test]
    fn planted_flaws_are_reported_and_code_without_them_is_left_alone() {
        let told = |text: String, lines: LineRange, document: &DocumentText| {
            let document = DocumentText { text, ..document.clone() };
            let asked = prepare(&document, lines, Command::new("improve", None).unwrap()).unwrap();
            let words = &asked.texts_to_count(Prompts::usual())[1];
            let told: Vec<&str> = words.lines().filter(|line| line.starts_with("- `")).collect();
            (!told.is_empty()).then(|| told.join("\n"))
        };
        let (mut flaws, mut found, mut false_alarms) = (0, 0, Vec::new());
        let mut missed = Vec::new();
        for task in own_tasks().unwrap().into_iter().filter(|task| task.kind.starts_with("flaw")) {
            flaws += 1;
            match told(task.document.text.clone(), task.lines, &task.document) {
                Some(_) => found += 1,
                None => missed.push(task.id.clone()),
            }
            let height = u32::try_from(task.right.split('\n').count()).unwrap();
            let lines = LineRange { end: task.lines.start + height - 1, ..task.lines };
            if let Some(text) = told(task.with(&task.right), lines, &task.document) {
                false_alarms.push(format!("{}: {text}", task.id));
            }
        }
        println!("{found} of {flaws} told; missed {missed:#?}\nfalse: {false_alarms:#?}");
        assert!(found * 100 >= flaws * 60, "{found} of {flaws}; missed {missed:#?}");
        assert!(false_alarms.len() * 100 <= flaws * 5, "{false_alarms:#?}");
    }

    fn trimmed(task: &Task) -> LineRange {
        let lines: Vec<&str> = task.document.text.split('\n').collect();
        let end = (task.lines.start..=task.lines.end)
            .rev()
            .find(|line| !lines[*line as usize - 1].trim().is_empty());
        LineRange { end: end.unwrap(), ..task.lines }
    }

    /// Tasks prove themselves with their references, in languages that can be run here. All of them
    /// would take minutes, so a few represent each; `localcoder eval --prove` proves every one.
    #[test]
    fn right_answers_count_and_wrong_ones_do_not() {
        let runner = crate::run::free();
        let mut proved: BTreeMap<Language, usize> = BTreeMap::new();
        for task in own_tasks().unwrap() {
            let most = match task.language {
                Language::Python | Language::JavaScript => 10,
                _ => 2,
            };
            let count = proved.entry(task.language).or_default();
            if *count < most && runner.can_run(task.language) {
                *count += 1;
                assert_eq!(task.prove(&runner), Ok(()));
            }
        }
    }

    #[test]
    fn what_is_malformed_in_a_file_is_said() {
        let program = |task: &str| {
            let text = format!(
                "[[program]]\nname = \"p\"\nfile = \"p.py\"\ncode = \"a = 1\\nb = 2\"\n\
                 tests = \"\"\n[[program.task]]\nkind = \"rename\"\nname = \"n\"\n{task}"
            );
            tasks_of(Language::Python, &text).map(|tasks| tasks[0].lines)
        };
        let select = "select = [\"b = 2\", \"b = 2\"]\n";
        let good = format!("{select}wrong = [[\"b\", \"c\"]]");
        assert_eq!(program(&good), Ok(LineRange { start: 2, end: 2 }));
        let far = "select = [\"c = 2\", \"b = 2\"]\nwrong = \"\"";
        assert_eq!(program(far), Err("python/p/n: no line is `c = 2`".to_owned()));
        let gone = format!("{select}wrong = [[\"x\", \"c\"]]");
        assert_eq!(program(&gone), Err("python/p/n: `x` is not in the selection".to_owned()));
        let regex = format!("{select}asked = ['(']\nwrong = \"\"");
        assert!(program(&regex).unwrap_err().contains("unclosed group"));
        assert!(program("color = 1").unwrap_err().contains("color"));
    }
}
