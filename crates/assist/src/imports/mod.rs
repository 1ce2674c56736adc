//! What an answer imports. A model that sees a part of a file tends to write as if it began a whole
//! one, and to use what the file does not import; so imports that are already there are left out,
//! and new ones go to the file's other imports.

mod known;
mod missing;
mod place;

use std::ops::Range;

pub(crate) use known::{is_import, without_known};
pub(crate) use place::is_import_node;

use crate::language::Language;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Needed {
    pub(crate) line: usize,
    pub(crate) before: bool,
    pub(crate) imports: Vec<String>,
}

/// Takes the imports that go elsewhere out of an answer, and adds those that it forgot.
///
/// `lines` are those of `document` (0-based, half open) that the answer replaces. Imports that the
/// selection itself has stay where they are. `reported`: what tools report for the lines.
pub(crate) fn needed(
    language: &Language,
    document: &str,
    lines: &Range<usize>,
    original: &str,
    answer: &str,
    reported: &str,
) -> (String, Option<Needed>) {
    let Some((line, before)) = place::of_imports(language, document, lines.start) else {
        return (answer.to_owned(), None);
    };
    let (taken, code) = known::taken_off(answer, original, language);
    let mut imports: Vec<String> = Vec::new();
    // `import *` is judged by what the other imports leave undefined.
    let (all, some): (Vec<String>, Vec<String>) =
        taken.into_iter().partition(|it| language.id == "python" && known::is_of_all(it));
    let needs_all = !all.is_empty() && missing::need_all(document, lines, &some, &code);
    for import in all.into_iter().filter(|_| needs_all).chain(some) {
        let is_needed = language.id != "python" || known::is_used(&import, &code);
        // Small models import what they think of using. In other languages what an import binds is
        // not told from its line.
        if is_needed && !imports.contains(&import) {
            imports.push(import);
        }
    }
    // After the answer's own, which may bring in what would otherwise be looked for.
    imports.extend(missing::imports(language, document, lines, &imports, &code, reported));
    if imports.is_empty() {
        return (code, None);
    }
    (code, Some(Needed { line, before, imports }))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The imports, and the line (from 1) that they go after; before it if negative.
    fn of(path: &str, before: &str, original: &str, answer: &str) -> (String, i32, Vec<String>) {
        let start = before.lines().count();
        let document = format!("{before}{original}\n");
        let lines = start..start + original.lines().count();
        let language = Language::of(None, path);
        let (code, needed) = needed(language, &document, &lines, original, answer, "");
        let Some(Needed { line, before, imports }) = needed else { return (code, 0, Vec::new()) };
        let line = i32::try_from(line).unwrap() + 1;
        (code, if before { -line } else { line }, imports)
    }

    #[track_caller]
    fn check(
        path: &str,
        before: &str,
        (original, answer): (&str, &str),
        expected: (&str, i32, &str),
    ) {
        let (code, line, imports) = of(path, before, original, answer);
        assert_eq!((code.as_str(), line, imports.join("\n").as_str()), expected, "{path}");
    }

    #[test]
    fn imports_of_an_answer_go_where_the_files_are() {
        let code = "def f(a):\n    return re.sub('a', 'b', a)";
        let answer = format!("import re\n\n\n{code}");
        let old = "def f(a):\n    return a";
        check(
            "a.py",
            "\"\"\"Doc.\"\"\"\nimport os\nfrom a import (\n    b,\n)\n\n\n",
            (old, &answer),
            (code, 5, "import re"),
        );
        check(
            "a.py",
            "#!/usr/bin/python\n\"\"\"Doc.\"\"\"\n\nX = 1\n\n\n",
            (old, &answer),
            (code, -4, "import re"),
        );
        check(
            "a.ts",
            "import a from 'a';\n\n",
            ("f();", "import b from 'b';\n\nb();"),
            ("b();", 1, "import b from 'b';"),
        );
        check(
            "a.rs",
            "//! Doc.\n\nuse a::b;\n\n",
            ("fn f() {}", "use c::d;\n\nfn f() { d() }"),
            ("fn f() { d() }", 3, "use c::d;"),
        );
        check(
            "a.go",
            "package a\n\nfunc g() {}\n\n",
            ("func f() {}", "import \"os\"\n\nfunc f() { os.Exit(1) }"),
            ("func f() { os.Exit(1) }", -3, "import \"os\""),
        );
        check(
            "a.c",
            "#include <a.h>\n\n",
            ("int f;", "#include <b.h>\nint f;"),
            ("int f;", 1, "#include <b.h>"),
        );
    }

    #[test]
    fn what_the_selection_brought_in_stays_where_it_is() {
        let own = "import os\nx = os.sep";
        assert_eq!(of("a.py", "import sys\n", own, own).2, Vec::<String>::new());
        // There is no place before the selection for it.
        let answer = "import re\nx = re.sub";
        assert_eq!(of("a.py", "", "x = 1", answer), (answer.to_owned(), 0, Vec::new()));
        // In the middle of code it means something else.
        let amid = "def f():\n    import os\n    return os.sep";
        assert_eq!(of("a.py", "x = 1\n", "def f(): pass", amid).2, Vec::<String>::new());
    }

    #[test]
    fn what_nothing_uses_is_not_brought_in() {
        let code = "def f(a):\n    return a + 1";
        let answer = format!("import re\nfrom typing import List\n\n{code}");
        check("a.py", "import os\n\n", ("def f(a):\n    return a", &answer), (code, 0, ""));
        for (import, code, is_brought_in) in [
            ("from shop import tax, price as cost", "x = cost(1)", true),
            ("import shop.tax", "x = shop.tax.of(1)", true),
            ("from shop import net_price", "x = net_price(1)", true),
            ("from shop import price", "x = net_price(1)", false),
            ("from shop import price as cost", "x = price(1)", false),
        ] {
            let answer = format!("{import}\n\n{code}");
            let (line, brought_in) = if is_brought_in { (1, import) } else { (0, "") };
            check("a.py", "import os\n\n", ("x = 1", &answer), (code, line, brought_in));
        }
    }

    #[test]
    fn what_is_used_and_brought_in_by_nothing_is_brought_in() {
        let typed = "def f(a: List[int]) -> Optional[int]:\n    return math.floor(a[0])";
        let old = "def f(a):\n    return a[0]";
        check(
            "a.py",
            "import os\n\n\n",
            (old, typed),
            (typed, 1, "import math\nfrom typing import List, Optional"),
        );
        // It was missing before, so it comes from elsewhere; and a name alone does not make a
        // module.
        check(
            "a.py",
            "import os\n\nmath.pi\n",
            (old, "def f(a):\n    return math.pi"),
            ("def f(a):\n    return math.pi", 0, ""),
        );
        check(
            "a.py",
            "import os\n\n\n",
            (old, "def f(a):\n    return string"),
            ("def f(a):\n    return string", 0, ""),
        );
    }
}
