//! Calls of the selected functions with made-up values: where an edit is to change how code is
//! written and not what it does, they are to give the same before and after. Python and JavaScript.

use std::time::Duration;

use localcoder_protocol::TestOutcome;
use regex::Regex;

use crate::copy::Copied;
use crate::find::{Compared, Test};
use crate::program::{Confine, Ran};

/// What both drivers end with where they found nothing to call; 1 is a difference, and also a
/// module that can't be loaded.
const NOTHING_TO_CALL: i32 = 5;
/// Nobody has asked for calls, so they may take less time than a test: a module that does not load
/// within seconds is left alone.
const WITHIN: Duration = Duration::from_secs(6);
const NOTHING: &str = "none of it can be called with made-up values";

/// A language whose functions can be called, by a driver: a program in that language which makes
/// the calls inside one process. Definitions are found by a pattern and not by a grammar, line by
/// line, so that a file in the middle of an edit still has them.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Driver {
    file: &'static str,
    text: &'static str,
    /// Matches a definition in a line, with the groups `indent` and one of `class`, `function`,
    /// `value` and `method`.
    definition: &'static str,
    /// Arguments with which the interpreter prints its own path.
    whereabouts: [&'static str; 2],
    /// Keywords that the pattern takes for a method's name, as in `if (x) {`.
    not_names: &'static [&'static str],
}

pub(crate) const PYTHON: Driver = Driver {
    file: "calls.py",
    text: include_str!("drivers/calls.py"),
    definition: r"^(?<indent>[ \t]*)(?:(?:async[ \t]+)?def[ \t]+(?<function>\w+)|class[ \t]+(?<class>\w+))",
    whereabouts: ["-c", "import sys; print(sys.executable)"],
    not_names: &[],
};

pub(crate) const JAVASCRIPT: Driver = Driver {
    file: "calls.mjs",
    text: include_str!("drivers/calls.mjs"),
    definition: r"(?x)^(?<indent>[\x20\t]*)(?:export[\x20\t]+)?(?:default[\x20\t]+)?
        (?:(?:async[\x20\t]+)?function[\x20\t]*\*?[\x20\t]*(?<function>[\w$]+)
        |class[\x20\t]+(?<class>[\w$]+)
        |(?:const|let|var)[\x20\t]+(?<value>[\w$]+)[\x20\t]*=[\x20\t]*(?:async[\x20\t]*)?(?:function\b|\(|[\w$]+[\x20\t]*=>)
        |(?:static[\x20\t]+)?(?:async[\x20\t]+)?(?:get[\x20\t]+|set[\x20\t]+)?\*?(?<method>[\w$]+)[\x20\t]*\([^;]*\{[\x20\t]*$)",
    whereabouts: ["-p", "process.execPath"],
    not_names: &["if", "for", "while", "switch", "catch", "function", "return", "with"],
};

#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Calls {
    pub(crate) driver: &'static Driver,
    pub(crate) interpreter: String,
    /// Functions, classes, and methods as `Class.method`.
    pub(crate) names: Vec<String>,
    pub(crate) compared: Compared,
}

/// The definitions that lines touch: those that begin in them, else the one around their beginning.
/// Each is given as it can be reached from outside the module, so what is inside a function counts
/// as that function. A class stands for all of its methods; those that begin after it in the
/// selection are left out. `lines`: indexes of the first and the last one.
pub(crate) fn definitions(
    driver: &Driver,
    text: &str,
    (first, last): (usize, usize),
) -> Vec<String> {
    // The pattern is a constant, which the tests compile; without it there is just nothing to call.
    let Ok(definition) = Regex::new(driver.definition) else { return Vec::new() };
    // Those around the line, the outermost first: how far indented, and whether it is a class.
    let mut around: Vec<(usize, bool, &str)> = Vec::new();
    let mut names: Vec<String> = Vec::new();
    for (at, line) in text.split('\n').enumerate().take(last + 1) {
        let is_blank = line.trim().is_empty();
        let begins = begun(&definition, driver, line);
        if at == first && begins.is_none() {
            // The selection begins in the middle of one.
            let indent = line.len() - line.trim_start().len();
            // Indentation decides what the line is inside of. A blank line has none, so it belongs
            // to whatever came last.
            let inside = around.iter().take_while(|(depth, ..)| is_blank || *depth < indent);
            names.extend(name_of(&inside.copied().collect::<Vec<_>>()));
        }
        let Some((indent, is_class, name)) = begins else { continue };
        // A definition ends all that are indented as far or further. This holds for braces too, as
        // long as the code is laid out as formatters do.
        around.retain(|(depth, ..)| *depth < indent);
        around.push((indent, is_class, name));
        if at >= first {
            names.extend(name_of(&around));
        }
    }
    let mut all: Vec<String> = Vec::new();
    for name in names {
        let owner = name.split('.').next().unwrap_or_default();
        // For a function the owner is the name itself; for `C.m` it is `C`, whose calls include it.
        if !all.contains(&name) && !all.iter().any(|it| it == owner) {
            all.push(name);
        }
    }
    all
}

fn begun<'a>(definition: &Regex, driver: &Driver, line: &'a str) -> Option<(usize, bool, &'a str)> {
    let found = definition.captures(line)?;
    let indent = found.name("indent").map_or(0, |it| it.len());
    let class = found.name("class");
    let kinds = ["function", "value", "method"];
    let other = kinds.iter().find_map(|kind| found.name(kind));
    let name = class.or(other)?.as_str();
    // At the beginning of a line `name(…) {` is a call with a block behind it, not a method.
    let is_method = found.name("method").is_some();
    let is_one = !driver.not_names.contains(&name) && (!is_method || indent > 0);
    is_one.then_some((indent, class.is_some(), name))
}

/// The name under which the innermost of these can be called from outside: a method of a top-level
/// class, else the outermost definition. Private methods and constructors are exercised by way of
/// their class, as an edit may rename the former and nothing can call the latter.
fn name_of(around: &[(usize, bool, &str)]) -> Option<String> {
    let (_, is_class, outermost) = around.first()?;
    let method = around.get(1).filter(|(_, is_inner_class, name)| {
        *is_class && !is_inner_class && !name.starts_with('_') && *name != "constructor"
    });
    Some(match method {
        Some((.., method)) => format!("{outermost}.{method}"),
        None => (*outermost).to_owned(),
    })
}

impl Test {
    /// Chooses calls on the document as it is, and makes them on another text of it. Both runs are
    /// in one copy, so that whatever else the calls depend on is the same for both. Two runs of the
    /// interpreter rather than one: the second must not see what the first has loaded.
    pub(crate) fn called(
        &self,
        calls: &Calls,
        text: &str,
        confinement: &dyn Confine,
    ) -> std::io::Result<(TestOutcome, String)> {
        // The copy begins with the text as it is: what the edited one is compared with is planned
        // on it.
        let copied = Copied::new(self, &self.original, confinement)?;
        let (around, document) = (copied.around(), copied.document());
        let (driver, plan) = (around.join(calls.driver.file), around.join("plan"));
        fs_err::write(&driver, calls.driver.text)?;
        // Nobody has asked for this code to be run, so it is contained or not run at all.
        let Some(before) = confinement.contained(around) else {
            return Ok((TestOutcome::NotRun, "it can't be kept from your files here".to_owned()));
        };
        // The interpreter may be a script that starts the real one, which what is contained can't
        // do. So it is asked for its path first, outside; that runs none of the user's code.
        let [first, second] = calls.driver.whereabouts;
        let Ran::Passed { said: interpreter } =
            copied.run("whereabouts", WITHIN, &[&calls.interpreter, first, second])
        else {
            return Ok((TestOutcome::NotRun, format!("`{}` can't be run", calls.interpreter)));
        };
        let paths = [&driver, &document, &plan].map(|it| it.to_string_lossy());
        let run = |mode: &str, names: &[String], output: &str| {
            let [driver, document, plan] = paths.each_ref().map(|it| &**it);
            let own = [&*interpreter, driver, mode, document, plan];
            let all = before.iter().map(String::as_str).chain(own);
            let all: Vec<&str> = all.chain(names.iter().map(String::as_str)).collect();
            copied.run(output, WITHIN, &all)
        };
        // A failed plan says nothing about the edit, whatever its reason: code that can't be loaded
        // as it is can't be compared.
        match run("plan", &calls.names, "planned") {
            Ran::Passed { .. } => {}
            Ran::Failed { .. } => return Ok((TestOutcome::NotRun, NOTHING.to_owned())),
            Ran::NoEnd(why) => return Ok((TestOutcome::NotRun, why)),
        }
        // From here on the copy has the edited text; the plan has what the first one gave.
        fs_err::write(&document, text)?;
        let mode = match calls.compared {
            Compared::Values => "values",
            Compared::ValuesAndErrors => "all",
        };
        Ok(match run(mode, &[], "replayed") {
            Ran::Passed { said } => (TestOutcome::Passed, said),
            // Nothing of the plan exists by its name any more, as after a rename.
            Ran::Failed { code: Some(NOTHING_TO_CALL), .. } => {
                (TestOutcome::NotRun, NOTHING.to_owned())
            }
            Ran::Failed { said, .. } => (TestOutcome::Failed, said),
            // Calls that ended within the limit before may be slow now, or the machine busy; which
            // of the two it is can't be told, so it is not held against the edit.
            Ran::NoEnd(why) => (TestOutcome::NotRun, why),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn selected_lines_are_of_the_functions_that_they_touch() {
        let text = "import a\n\ndef f(x):\n    y = x\n    def g():\n        return y\n    return g\n\n\
                    class C:\n    def __init__(self):\n        self.a = 1\n\n    def m(self):\n        \
                    return 1\n\n    def n(self):\n        return 2\n\nZ = 1\n";
        let of = |first, last| definitions(&PYTHON, text, (first, last)).join(" ");
        assert_eq!(of(2, 6), "f");
        assert_eq!(of(3, 3), "f");
        assert_eq!(of(5, 5), "f", "what is inside it can't be called");
        assert_eq!(of(12, 13), "C.m");
        assert_eq!(of(13, 13), "C.m");
        assert_eq!(of(12, 16), "C.m C.n");
        assert_eq!(of(9, 10), "C");
        assert_eq!(of(8, 16), "C");
        assert_eq!(of(0, 0), "");
        assert_eq!(of(0, 18), "f C");
    }

    #[test]
    fn the_same_in_javascript() {
        let text = "import a from \"a\";\nexport function f(x) {\n  if (x) {\n    return 1;\n  }\n}\n\
                    const g = (y) => {\n  return y;\n};\nexport class C {\n  constructor(a) {\n    \
                    this.a = a;\n  }\n  get width() {\n    return 1;\n  }\n  async m(b) {\n    \
                    return b;\n  }\n}\nconst z = 1;\n";
        let of = |first, last| definitions(&JAVASCRIPT, text, (first, last)).join(" ");
        assert_eq!(of(1, 5), "f");
        assert_eq!(of(2, 4), "f");
        assert_eq!(of(6, 8), "g");
        assert_eq!(of(13, 14), "C.width");
        assert_eq!(of(17, 17), "C.m");
        assert_eq!(of(10, 12), "C");
        assert_eq!(of(20, 20), "");
    }
}
