//! HumanEvalPack, if the user has it: the same functions in six languages, each with one bug and
//! tests. Each gives three tasks: to fix the bug without a description of the function, to fix it
//! with the documentation, and to leave the right code alone.

use std::io::{BufRead as _, BufReader, Read};
use std::path::Path;

use flate2::read::GzDecoder;
use localcoder_protocol::{DocumentText, LineRange};
use serde::Deserialize;

use crate::language::Language;
use crate::task::{Check, Task};

/// Limit of one row, so that a file of another kind without line ends is not read as a whole. The
/// longest known row has a hundredth of it.
const LINE_BYTES_MAX: u64 = 4 * 1024 * 1024;

#[derive(Debug, Deserialize)]
struct Row {
    task_id: String,
    declaration: String,
    canonical_solution: String,
    buggy_solution: String,
    test: String,
    entry_point: String,
    #[serde(default)]
    import: String,
    #[serde(default)]
    docstring: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Fix,
    FixDocumented,
    Keep,
}

impl Form {
    const ALL: [Self; 3] = [Self::Fix, Self::FixDocumented, Self::Keep];

    fn name(self) -> &'static str {
        match self {
            Self::Fix => "fix",
            Self::FixDocumented => "fix-docs",
            Self::Keep => "keep",
        }
    }
}

/// The lines of a file that are not blank. It may be compressed with gzip, by its name.
pub(crate) fn lines_of(path: &Path) -> Result<Vec<String>, String> {
    let told = |error: &dyn std::fmt::Display| format!("`{}`: {error}", path.display());
    let file = fs_err::File::open(path).map_err(|error| error.to_string())?;
    let unpacked: Box<dyn Read> = match path.extension() {
        Some(ending) if ending == "gz" => Box::new(GzDecoder::new(file)),
        _ => Box::new(file),
    };
    let mut reader = BufReader::new(unpacked);
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        // A longer row comes in pieces, none of which is JSON, so it is refused like any other kind
        // of file.
        let read = reader.by_ref().take(LINE_BYTES_MAX).read_line(&mut line);
        match read.map_err(|error| told(&error))? {
            0 => return Ok(lines),
            _ if line.trim().is_empty() => {}
            _ => lines.push(line),
        }
    }
}

/// The tasks of a HumanEvalPack file; the language comes from its name
/// `humanevalpack-LANGUAGE.jsonl[.gz]`, or from its rows.
///
/// # Errors
/// If it can't be read, or is another kind of file.
pub fn read_pack(path: &Path) -> Result<Vec<Task>, String> {
    let rows = lines_of(path)?.into_iter().map(|line| {
        serde_json::from_str::<Row>(&line)
            .map_err(|error| format!("`{}` is not HumanEvalPack: {error}", path.display()))
    });
    let rows = rows.collect::<Result<Vec<_>, _>>()?;
    let tasks = rows.iter().map(|row| {
        let language = language_of(&row.task_id)
            .ok_or_else(|| format!("`{}` is in a language that is not known", row.task_id))?;
        Ok(Form::ALL.map(|form| task(language, row, form)))
    });
    let tasks = tasks.collect::<Result<Vec<_>, String>>()?;
    Ok(tasks.into_iter().flatten().flatten().collect())
}

fn language_of(id: &str) -> Option<Language> {
    Some(match id.split('/').next()? {
        "Python" => Language::Python,
        "JavaScript" => Language::JavaScript,
        "Java" => Language::Java,
        "Go" => Language::Go,
        "CPP" => Language::Cpp,
        "Rust" => Language::Rust,
        _ => return None,
    })
}

// `None` for a row without documentation where it is asked for with it, which is left out silently:
// its other two tasks are there.
fn task(language: Language, row: &Row, form: Form) -> Option<Task> {
    let (head, start) = match form {
        Form::Fix | Form::Keep => {
            let head = head(language, row);
            let start = entry(head.trim_end().split('\n'), row);
            (head, start)
        }
        Form::FixDocumented => documented(language, row)?,
    };
    let right = &row.canonical_solution;
    let shown = if form == Form::Keep { right } else { &row.buggy_solution };
    let document = |solution: &str| format!("{}\n{}", head.trim_end(), solution.trim_end());
    let end = |solution: &str| {
        let lines = document(solution).split('\n').count();
        // In Java, the surrounding class stays outside.
        if language == Language::Java { lines - 1 } else { lines }
    };
    let selection = |solution: &str| {
        let text = document(solution);
        text.split('\n').take(end(solution)).skip(start).collect::<Vec<_>>().join("\n")
    };
    let number = |line: usize| u32::try_from(line).ok();
    Some(Task {
        id: format!(
            // The three tasks of a row are of one program, and thereby in the same half.
            "{}/humaneval-{}/{}",
            language.name(),
            row.task_id.rsplit('/').next()?,
            form.name()
        ),
        language,
        kind: form.name().to_owned(),
        lines: LineRange { start: number(start + 1)?, end: number(end(shown))? },
        document: DocumentText {
            path: format!("solution.{}", ending(language)),
            language_id: None,
            text: document(shown) + "\n",
        },
        instruction: (form != Form::Keep).then(|| "Fix the bug.".to_owned()),
        first: None,
        check: Check { tests: tests(language, row), ..Check::default() },
        right: selection(right),
        wrong: None,
    })
}

/// The code before the solution, made so that it can be compiled alone.
fn head(language: Language, row: &Row) -> String {
    match language {
        // Packages that only a few of the solutions need; those can't be run here.
        Language::Rust => {
            let foreign = ["use rand", "use regex", "use md5"];
            let lines = row.declaration.lines();
            let own = lines.filter(|line| !foreign.iter().any(|it| line.starts_with(it)));
            own.collect::<Vec<_>>().join("\n")
        }
        Language::Go => format!("package main\n\n{}\n{}", row.import, row.declaration),
        _ => row.declaration.clone(),
    }
}

/// Where the function begins: the line with its name. The head may end with the function's first
/// line.
fn entry<'a>(head: impl Iterator<Item = &'a str>, row: &Row) -> usize {
    let lines: Vec<&str> = head.collect();
    lines.iter().rposition(|line| names(line, &row.entry_point)).unwrap_or(lines.len() - 1)
}

/// The head with the function's documentation in the form of the language, and the line on which
/// both begin; `None` if there is no documentation.
fn documented(language: Language, row: &Row) -> Option<(String, usize)> {
    let head = head(language, row);
    let text = row.docstring.trim();
    let mut lines: Vec<String> = head.trim_end().split('\n').map(str::to_owned).collect();
    // Python has its documentation below the first line of a function, the others above it.
    let at = entry(lines.iter().map(String::as_str), row);
    if text.is_empty() {
        return None;
    }
    if language == Language::Python {
        // The documentation is any text: its own quotes and backslashes must not end or change the
        // string.
        let quotes = if text.contains("\"\"\"") { "'''" } else { "\"\"\"" };
        let raw = if text.contains('\\') { "r" } else { "" };
        let body = text.split('\n').collect::<Vec<_>>().join("\n    ");
        lines.push(format!("    {raw}{quotes}{body}\n    {quotes}"));
        return Some((lines.join("\n"), at));
    }
    let indent = lines[at].len() - lines[at].trim_start().len();
    let indent = &lines[at][..indent];
    let comment: Vec<String> =
        text.split('\n').map(|line| format!("{indent}// {line}").trim_end().to_owned()).collect();
    lines.splice(at..at, comment);
    Some((lines.join("\n"), at))
}

fn tests(language: Language, row: &Row) -> String {
    match language {
        // `console.assert` of Node.js prints and continues, so that a program with failed
        // assertions would end with 0.
        Language::JavaScript => format!(
            "console.assert = (good) => {{ if (!good) throw new Error('assertion'); }};\n{}",
            row.test
        ),
        // The rows use an assertion library that is not in Go's own, and there is no network to get
        // it by. They only use `Equal` of it.
        Language::Go => format!(
            "package main\n\nimport (\n\"reflect\"\n\"testing\"\n)\n\n\
             type asserted struct{{ t *testing.T }}\n\n\
             func (a asserted) Equal(want, got any, _ ...any) {{\n\
             if !reflect.DeepEqual(want, got) {{ a.t.Fatal(want, got) }}\n}}\n\n{}",
            row.test.replace("assert.New(t)", "asserted{t}")
        ),
        _ => row.test.clone(),
    }
}

fn ending(language: Language) -> &'static str {
    match language {
        Language::Python => "py",
        Language::JavaScript => "js",
        Language::Rust => "rs",
        Language::Go => "go",
        Language::Java => "java",
        Language::Cpp => "cpp",
    }
}

fn names(line: &str, name: &str) -> bool {
    line.split(|c: char| !c.is_alphanumeric() && c != '_').any(|word| word == name)
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    fn pack(rows: &[serde_json::Value]) -> Result<Vec<Task>, String> {
        let mut file = tempfile::Builder::new().suffix(".jsonl.gz").tempfile().unwrap();
        let mut packed = flate2::write::GzEncoder::new(&mut file, flate2::Compression::fast());
        for row in rows {
            writeln!(packed, "{row}").unwrap();
        }
        packed.finish().unwrap();
        read_pack(file.path())
    }

    fn python() -> serde_json::Value {
        serde_json::json!({
            "task_id": "Python/7",
            "declaration": "from typing import List\n\n\ndef total(a: List[int]) -> int:\n",
            "canonical_solution": "    return sum(a)\n",
            "buggy_solution": "    return sum(a) + 1\n",
            "test": "\n\ndef check(total):\n    assert total([1, 2]) == 3\n\ncheck(total)",
            "entry_point": "total",
            "docstring": "The sum.\n>>> total([1])\n1",
        })
    }

    #[test]
    fn documentation_stands_where_the_language_has_it() {
        let tasks = pack(&[python()]).unwrap();
        let documented = &tasks[1];
        assert_eq!(documented.kind, "fix-docs");
        assert_eq!(
            documented.selection(),
            "def total(a: List[int]) -> int:\n    \"\"\"The sum.\n    >>> total([1])\n    1\n    \
             \"\"\"\n    return sum(a) + 1"
        );
        let mut row = python();
        row["task_id"] = "JavaScript/7".into();
        row["declaration"] = "const total = (a) => {\n".into();
        row["buggy_solution"] = "  return 1;\n}\n".into();
        row["canonical_solution"] = "  return 2;\n}\n".into();
        let tasks = pack(&[row]).unwrap();
        let text = tasks[1].selection();
        assert!(text.starts_with("// The sum.\n// >>> total([1])\n// 1\nconst total"), "{text}");
    }

    #[test]
    fn a_row_is_a_bug_to_fix_and_right_code_to_keep() {
        let tasks = pack(&[python()]).unwrap();
        let [fix, documented, keep] = tasks.as_slice() else { panic!("{tasks:?}") };
        assert_eq!((fix.id.as_str(), keep.kind.as_str()), ("python/humaneval-7/fix", "keep"));
        assert_eq!(fix.lines, LineRange { start: 4, end: 5 });
        assert_eq!(fix.instruction.as_deref(), Some("Fix the bug."));
        assert_eq!(keep.instruction, None);
        assert!(fix.selection().ends_with("sum(a) + 1") && keep.selection() == fix.right);
        assert_eq!(fix.half(), keep.half());
        let runner = crate::run::free();
        if runner.can_run(Language::Python) {
            assert_eq!((fix.prove(&runner), keep.prove(&runner)), (Ok(()), Ok(())));
            assert_eq!(documented.prove(&runner), Ok(()));
        }
    }

    #[test]
    fn the_class_round_a_method_is_not_selected() {
        let row = serde_json::json!({
            "task_id": "Java/1",
            "declaration": "import java.util.*;\n\nclass Solution {\n    public int one() {\n",
            "canonical_solution": "        return 1;\n    }\n}",
            "buggy_solution": "        return 2;\n    }\n}",
            "test": "public class Main { }",
            "entry_point": "one",
        });
        let tasks = pack(&[row]).unwrap();
        assert_eq!(tasks[0].selection(), "    public int one() {\n        return 2;\n    }");
    }

    #[test]
    fn another_file_is_refused_with_its_name() {
        let error = pack(&[serde_json::json!({"a": 1})]).unwrap_err();
        assert!(error.contains("is not HumanEvalPack: missing field"), "{error}");
        let mut row = python();
        row["task_id"] = "Cobol/1".into();
        assert!(pack(&[row]).unwrap_err().contains("Cobol/1"));
        assert!(read_pack(Path::new("/nonexistent.jsonl")).is_err());
    }
}
