//! Loops over indices, over copies, or that build a string by concatenation.

use std::sync::LazyLock;

use regex::Regex;
use tree_sitter::Node;

use super::{Code, LOOPS, around};
use crate::syntax::count_of_word;

/// The heads of index loops by language; they capture the index and what is indexed. They begin at
/// 0 and go up by 1 to the end, since any other loop does something that a loop over items does
/// not.
static HEADS: LazyLock<Vec<(&[&str], Regex)>> = LazyLock::new(|| {
    let head = |text: &str| Regex::new(text).expect("a pattern of ours");
    vec![
        (&["python"][..], head(r"^for (\w+) in range\(len\(([\w.]+)\)\):")),
        (&["rust"][..], head(r"^for (\w+) in 0\.\.([\w.]+)\.len\(\)")),
        (&["go"][..], head(r"^for (\w+) := 0; \w+ < len\(([\w.]+)\); \w+\+\+")),
        (
            &["javascript", "typescript", "java", "c", "cpp", "csharp"][..],
            head(
                r"^for \([\w:\s]*?(\w+) = 0; \w+ < ([\w.]+?)(?:\.length\(\)|\.length|\.size\(\)|\.Count); (?:\w+\+\+|\+\+\w+|\w+ \+= 1)\)",
            ),
        ),
    ]
});

/// A loop over indices that are used only to get the items, or also as numbers, for which some
/// languages have a form of their own.
pub(super) fn over_indices(code: &Code<'_>, node: Node<'_>) -> Option<String> {
    if !["for_statement", "for_expression"].contains(&node.kind()) {
        return None;
    }
    let (_, pattern) = HEADS.iter().find(|(languages, _)| code.is(languages))?;
    let text = code.of(node);
    let found = pattern.captures(text)?;
    let (index, items) = (&found[1], &found[2]);
    let body = node.child_by_field_name("body").map_or("", |body| code.of(body));
    let as_item = [
        format!("{items}[{index}]"),
        format!("{items}.get({index})"),
        format!("{items}.at({index})"),
        format!("{items}.charAt({index})"),
    ];
    let items_used: usize = as_item.iter().map(|it| body.matches(it.as_str()).count()).sum();
    // An index at which nothing of the array is read may number something else.
    if items_used == 0 {
        return None;
    }
    // Items that are written to can't be iterated over directly in every language.
    let is_only_item = count_of_word(body, index) == items_used;
    Some(match (is_only_item, code.language) {
        (true, _) => format!("loops over the indices of `{items}`; loop over its items"),
        (false, "python") => {
            format!("loops over the indices of `{items}`; use `enumerate` or `zip`")
        }
        (false, "rust") => format!("loops over the indices of `{items}`; use `iter().enumerate()`"),
        (false, "go") => format!("loops over the indices of `{items}`; use `range` with the item"),
        _ => return None,
    })
}

/// A copy that is made only to be iterated over. A loop that changes what it goes over needs its
/// copy, which [`stays_as_it_is`] tells.
pub(super) fn copies(code: &Code<'_>, node: Node<'_>) -> Option<String> {
    let text = code.of(node);
    let over = |kind: &str, field: &str| {
        (node.kind() == kind)
            .then(|| node.child_by_field_name(field))
            .flatten()
            .map(|it| code.of(it))
    };
    let is_copy = match code.language {
        "rust" => {
            let is_cloned = over("for_expression", "value")
                .and_then(|it| {
                    let ends = [".clone().iter()", ".clone()", ".to_vec()"];
                    ends.iter().find_map(|end| it.strip_suffix(end))
                })
                .is_some_and(|it| stays_as_it_is(code, node, it));
            // A copy that is given a name though it is only read.
            let is_named = node.kind() == "let_declaration"
                && !text.starts_with("let mut")
                && text.trim_end_matches(';').ends_with(".clone()")
                && around(node, &["block"]).is_some_and(|block| {
                    let name = node.child_by_field_name("pattern").map_or("", |it| code.of(it));
                    let block = code.of(block);
                    block.contains(&format!("in &{name} "))
                        || block.contains(&format!("{name}.iter()"))
                });
            is_cloned || is_named
        }
        "javascript" | "typescript" => over("for_in_statement", "right")
            .and_then(|it| {
                let within = |start, end| it.strip_prefix(start)?.strip_suffix(end);
                within("[...", "]")
                    .or_else(|| within("Array.from(", ")"))
                    .or_else(|| it.strip_suffix(".slice()"))
            })
            .is_some_and(|it| stays_as_it_is(code, node, it)),
        "python" => over("for_statement", "right")
            .and_then(|it| it.strip_suffix(".copy()").or_else(|| it.strip_suffix("[:]")))
            .is_some_and(|it| stays_as_it_is(code, node, it)),
        "cpp" => {
            over("for_range_loop", "type")
                // A number is copied as cheaply as its address. `auto` may be one too, but costs
                // nothing as a reference either.
                .is_some_and(|it| it.starts_with("std::string") || it == "auto")
                && {
                    let declared =
                        node.child_by_field_name("declarator").map_or("", |it| code.of(it));
                    !declared.contains('&')
                }
        }
        _ => false,
    };
    // A question and not an order: the copy may be there because the caller changes it.
    let is_deep = code.is(&["javascript", "typescript"])
        && node.kind() == "call_expression"
        && text.starts_with("JSON.parse(JSON.stringify(");
    match (is_copy, is_deep) {
        (true, _) => Some("copies what is only read; loop over it without a copy".to_owned()),
        (_, true) => Some("copies the whole value; is that needed?".to_owned()),
        _ => None,
    }
}

/// Whether what a loop iterates over surely stays as it is while the loop runs, so that a copy is
/// not needed: the body does not name any part of it. A field may be changed by any function that
/// is called, as a list of listeners is by one of them; Rust does not allow that.
fn stays_as_it_is(code: &Code<'_>, node: Node<'_>, over: &str) -> bool {
    let body = node.child_by_field_name("body").map_or("", |it| code.of(it));
    let is_of_word = |it: char| it.is_alphanumeric() || it == '_' || it == '$';
    let root = over.split(|it| !is_of_word(it)).next().unwrap_or_default();
    let is_named = body.split(|it| !is_of_word(it)).any(|word| word == root);
    let is_field = over.contains('.') && !over.ends_with(')') && code.language != "rust";
    let may_be_changed = is_field && body.contains('(');
    !is_named && !may_be_changed
}

/// A string that grows in a loop. Reported for Python and Java, where strings do not change and
/// each step copies all of it.
pub(super) fn concatenates(code: &Code<'_>, node: Node<'_>) -> Option<String> {
    let kinds =
        ["augmented_assignment", "augmented_assignment_expression", "assignment_expression"];
    if !kinds.contains(&node.kind()) || around(node, LOOPS).is_none() {
        return None;
    }
    let (left, _) = code.of(node).split_once("+=")?;
    let left = left.trim();
    let is_name = left.chars().all(|c| c.is_alphanumeric() || c == '_');
    let right = node.child_by_field_name("right")?;
    match (code.language, is_name && is_text(code, right)) {
        ("python", true) => Some(format!(
            "builds `{left}` by repeated concatenation; collect the parts in a list and join them"
        )),
        ("java", true) => {
            Some(format!("builds `{left}` by repeated concatenation; use a `StringBuilder`"))
        }
        _ => None,
    }
}

/// Whether an expression surely gives a text. The strings in a number's are keys, arguments or
/// parts of a comparison.
fn is_text(code: &Code<'_>, node: Node<'_>) -> bool {
    // A list and no recursion: a sum of thousands of parts is a tree as deep as it is long. What
    // is popped first is the right side, which in such a sum is a single part.
    let mut open = vec![node];
    while let Some(node) = open.pop() {
        let of_field = |name| node.child_by_field_name(name);
        match node.kind() {
            "binary_operator" | "binary_expression" => {
                open.extend(of_field("left").into_iter().chain(of_field("right")));
            }
            "parenthesized_expression" | "conditional_expression" | "ternary_expression" => {
                // The last part of a conditional is one of its two values; the brackets' only part
                // is the last, too.
                let last = u32::try_from(node.named_child_count().saturating_sub(1));
                open.extend(last.ok().and_then(|at| node.named_child(at)));
            }
            "call" => {
                let Some(function) = of_field("function") else { continue };
                let method = function.child_by_field_name("attribute").map_or("", |it| code.of(it));
                if ["format", "join"].contains(&method) {
                    open.extend(function.child_by_field_name("object"));
                }
            }
            "method_invocation" if of_field("object").is_some_and(|it| code.of(it) == "String") => {
                return true;
            }
            kind if kind.contains("string") => return true,
            _ => {}
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::super::tests::{check, clean};

    #[test]
    fn a_loop_over_indices_is_found() {
        check(
            "a.py",
            "for i in range(len(a)):\n    f(a[i])\n",
            1,
            "indices of `a`; loop over its items",
        );
        check("a.py", "for i in range(len(a)):\n    f(i, a[i])\n", 1, "enumerate");
        clean("a.py", "for i in range(len(a)):\n    f(i)\n");
        check(
            "a.rs",
            "fn f(a: &[u8]) {\n    for i in 0..a.len() {\n        g(a[i]);\n    }\n}\n",
            2,
            "its items",
        );
        check("a.js", "for (let i = 0; i < a.length; i++) {\n  f(a[i]);\n}\n", 1, "its items");
        clean("a.js", "for (let i = 0; i < a.length; i++) {\n  f(i, a[i]);\n}\n");
        check(
            "a.cpp",
            "void f() {\n  for (std::size_t i = 0; i < a.size(); ++i) {\n    g(a[i]);\n  }\n}\n",
            2,
            "its items",
        );
        check(
            "A.java",
            "class A { void f() {\n  for (int i = 0; i < a.size(); i++) {\n    g(a.get(i));\n  } } }\n",
            2,
            "its items",
        );
        check(
            "a.go",
            "package a\n\nfunc f() {\n\tfor i := 0; i < len(a); i++ {\n\t\tg(a[i])\n\t}\n}\n",
            4,
            "its items",
        );
    }

    #[test]
    fn a_copy_that_is_only_read_and_a_text_that_grows_are_found() {
        check(
            "a.rs",
            "fn f(a: &A) {\n    for b in a.c.clone() {\n        g(b);\n    }\n}\n",
            2,
            "copies",
        );
        check("a.js", "for (const a of [...b]) {\n  f(a);\n}\n", 1, "copies");
        check("a.js", "for (const a of [...this.b]) {\n  n += a;\n}\n", 1, "copies");
        clean("a.js", "for (const a of [...b]) {\n  b.delete(a);\n}\n");
        // A listener may remove itself while it is called, so the copy is needed although the body
        // names nothing of the list.
        clean("a.ts", "for (const listener of [...this.#listeners]) {\n  listener(x);\n}\n");
        clean("a.py", "for a in b[:]:\n    b.remove(a)\n");
        // The same without the field in sight: `close` may take the item off `self.b`.
        clean("a.py", "for a in self.b.copy():\n    a.close()\n");
        clean(
            "a.rs",
            "fn f(&mut self) {\n    for b in self.c.clone() {\n        self.g(b);\n    }\n}\n",
        );
        check("a.cpp", "void f() {\n  for (std::string a : b) {\n    g(a);\n  }\n}\n", 2, "copies");
        clean("a.cpp", "void f() {\n  for (const auto& a : b) {\n    g(a);\n  }\n}\n");
    }

    #[test]
    fn a_text_that_grows_is_told_from_a_sum() {
        for piece in ["a + \"\\n\"", "'-' * a", "f'{a},'", "', '.join(a)", "('a' if a else '')"] {
            check("a.py", &format!("for a in b:\n    text += {piece}\n"), 2, "join");
        }
        // A string anywhere in the expression was once enough, so sums over a key were to become
        // joined lists.
        for summand in ["1", "a['price']", "a.get(\"n\", 0)", "len('a')", "1 if a == 'b' else 0"] {
            clean("a.py", &format!("for a in b:\n    n += {summand}\n"));
        }
        let java = |added: &str| {
            format!(
                "class A {{ void f() {{\n  for (String a : b) {{\n    c += {added};\n  }} }} }}\n"
            )
        };
        for piece in ["a + \"\\n\"", "String.format(\"%s\", a)"] {
            check("A.java", &java(piece), 3, "StringBuilder");
        }
        for summand in ["a.length()", "d.get(\"a\")", "a.equals(\"b\") ? 1 : 0"] {
            clean("A.java", &java(summand));
        }
    }
}
