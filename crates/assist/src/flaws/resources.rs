//! Files, locks and memory that are not released if an error occurs.

use tree_sitter::Node;

use super::{Code, around, function_of};

pub(super) fn left_open(code: &Code<'_>, node: Node<'_>) -> Option<String> {
    let text = code.of(node);
    let function = function_of(code, node);
    let message = match (code.language, node.kind()) {
        ("python", "call") => {
            let is_open = text.starts_with("open(") || is_opened_path(code, node);
            // A file that is returned is closed by the caller.
            let is_closed = around(node, &["with_item", "with_clause"]).is_some()
                || (function.contains("finally:") && function.contains(".close()"))
                || around(node, &["return_statement"])
                    .is_some_and(|it| code.of(it).ends_with(text));
            (is_open && !is_closed).then_some("is not closed if an error occurs; use `with`")
        }
        ("javascript" | "typescript", "call_expression") => {
            let is_open = text.starts_with("fs.openSync(") || text.starts_with("openSync(");
            let is_closed = function.contains("finally") && function.contains("closeSync");
            (is_open && !is_closed)
                .then_some("is not closed if an error occurs; close it in `finally`")
        }
        ("java", "object_creation_expression" | "method_invocation") => java(code, node),
        ("go", "call_expression") => {
            let opens = ["os.Open(", "os.Create(", "os.OpenFile("];
            let is_open = opens.iter().any(|it| text.starts_with(it));
            let closes = function.contains("defer") && function.contains(".Close()");
            let locks = text.ends_with(".Lock()") || text.ends_with(".RLock()");
            let unlocks = function.contains("defer") && function.contains("nlock()");
            match () {
                () if is_open && !closes => {
                    Some("is not closed on every path; `defer` its `Close`")
                }
                () if locks && !unlocks && function.contains("return") => {
                    Some("is not unlocked on every path; `defer` its unlock")
                }
                () => None,
            }
        }
        ("c" | "cpp", "call_expression" | "new_expression") => {
            let is_file = text.starts_with("std::fopen(") || text.starts_with("fopen(");
            let locks = text.ends_with(".lock()") && function.contains(".unlock()");
            let owns = node.kind() == "new_expression" && !function.contains("unique_ptr");
            match () {
                () if is_file && code.language == "cpp" => {
                    Some("is not closed on every path; use a stream, which closes itself")
                }
                () if is_file
                    && function.matches("return").count() > function.matches("fclose(").count() =>
                {
                    Some("is not closed on every path")
                }
                () if locks => Some("is not unlocked on every path; use `std::lock_guard`"),
                () if owns => Some("is owned by nothing; use `std::unique_ptr` or a container"),
                () => None,
            }
        }
        _ => None,
    };
    message.map(str::to_owned)
}

fn java(code: &Code<'_>, node: Node<'_>) -> Option<&'static str> {
    const KINDS: &[&str] = &[
        "new BufferedReader(",
        "new BufferedWriter(",
        "new FileInputStream(",
        "new FileOutputStream(",
        "new FileReader(",
        "new FileWriter(",
        "new PrintWriter(",
        "new Scanner(",
        "Files.lines(",
        "Files.list(",
        "Files.newBufferedReader(",
        "Files.newBufferedWriter(",
        "Files.newInputStream(",
        "Files.newOutputStream(",
        "Files.walk(",
    ];
    let text = code.of(node);
    let is_open = KINDS.iter().any(|kind| text.starts_with(kind));
    let inner =
        |kind: &&str| ["object_creation_expression", "return_statement", "resource"].contains(kind);
    let parent =
        around(node, &["object_creation_expression", "return_statement", "resource", "block"]);
    let is_kept = parent.is_some_and(|parent| inner(&parent.kind()));
    let function = function_of(code, node);
    let is_closed = function.contains("finally") && function.contains(".close()");
    (is_open && !is_kept && !is_closed)
        .then_some("is not closed if an error occurs; use try-with-resources")
}

/// Whether it is `path.open()` or `path.open("w")`. Other things are opened as well, such as pages
/// in a browser, but not with a mode.
fn is_opened_path(code: &Code<'_>, call: Node<'_>) -> bool {
    let of = |field| call.child_by_field_name(field).map_or("", |it| code.of(it));
    let arguments = of("arguments").trim_start_matches('(').trim_end_matches(')');
    let first = arguments.split(',').next().unwrap_or_default().trim();
    let first = first.strip_prefix("mode=").unwrap_or(first);
    let quoted = |quote| first.strip_prefix(quote)?.strip_suffix(quote);
    let is_mode = |it: &str| !it.is_empty() && it.chars().all(|c| "rwxabt+".contains(c));
    let has_mode = quoted('"').or_else(|| quoted('\'')).is_some_and(is_mode);
    of("function").ends_with(".open") && (arguments.is_empty() || has_mode)
}

#[cfg(test)]
mod tests {
    use super::super::tests::{check, clean};

    #[test]
    fn what_stays_open_is_found() {
        check("a.py", "def f(p):\n    a = open(p)\n    return a.read()\n", 2, "with");
        clean("a.py", "def f(p):\n    with open(p) as a:\n        return a.read()\n");
        check("a.py", "def f(p):\n    a = p.open(\"w\")\n    a.write(\"\")\n", 2, "with");
        check("a.py", "def f(p):\n    a = p.open(mode='rb')\n    return a.read()\n", 2, "with");
        check("a.py", "def f(p):\n    a = p.open()\n    return a.read()\n", 2, "with");
        clean("a.py", "def f(p):\n    with p.open(\"w\") as a:\n        a.write(\"\")\n");
        clean("a.py", "def f(p):\n    webbrowser.open(\"https://a.example\")\n    g(p)\n");
        check(
            "A.java",
            "class A { String f() {\n  BufferedReader r = new BufferedReader(new FileReader(p));\n  return r.readLine(); } }\n",
            2,
            "resource",
        );
        clean(
            "A.java",
            "class A { String f() {\n  try (BufferedReader r = new BufferedReader(new FileReader(p))) {\n  return r.readLine(); } } }\n",
        );
        check(
            "a.go",
            "package a\n\nfunc f() error {\n\tg, err := os.Open(p)\n\treturn h(g, err)\n}\n",
            4,
            "defer",
        );
        clean(
            "a.go",
            "package a\n\nfunc f() error {\n\tg, err := os.Open(p)\n\tdefer g.Close()\n\treturn h(g, err)\n}\n",
        );
        check("a.cpp", "void f() {\n  m.lock();\n  g();\n  m.unlock();\n}\n", 2, "lock_guard");
        check(
            "a.js",
            "function f() {\n  const a = fs.openSync(p);\n  return g(a);\n}\n",
            2,
            "finally",
        );
    }
}
