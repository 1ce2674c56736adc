//! Names that an answer uses and that nothing declares, for languages without a parser of their own
//! here, as far as a grammar can say: a small model invents a constant or forgets a variable, and
//! the code looks right.

use std::collections::BTreeSet;

use tree_sitter::Node;

use crate::language::Language;
use crate::syntax;

/// Languages whose grammars tell identifiers from types, members and built-in names.
const LANGUAGES: &[&str] =
    &["go", "java", "javascript", "javascriptreact", "rust", "typescript", "typescriptreact"];

/// Those of them in which code outside of functions can't use anything that is declared in one.
const OUTSIDE_LANGUAGES: &[&str] =
    &["javascript", "javascriptreact", "typescript", "typescriptreact"];

/// What these languages and their environments define themselves.
const BUILTIN: &[&str] = &[
    "Infinity",
    "NaN",
    "__dirname",
    "__filename",
    "any",
    "append",
    "arguments",
    "assert",
    "cap",
    "clear",
    "close",
    "complex",
    "console",
    "copy",
    "crate",
    "delete",
    "document",
    "error",
    "eval",
    "exports",
    "false",
    "fetch",
    "global",
    "globalThis",
    "imag",
    "iota",
    "len",
    "localStorage",
    "make",
    "max",
    "min",
    "module",
    "navigator",
    "new",
    "nil",
    "null",
    "panic",
    "performance",
    "print",
    "println",
    "process",
    "real",
    "recover",
    "require",
    "self",
    "super",
    "this",
    "true",
    "undefined",
    "window",
    "parseInt",
    "parseFloat",
    "isNaN",
    "isFinite",
    "setTimeout",
    "setInterval",
    "clearTimeout",
    "clearInterval",
    "queueMicrotask",
    "structuredClone",
    "alert",
    "describe",
    "it",
    "test",
    "expect",
    "drop",
    "vec",
    "format",
    "matches",
    "write",
    "writeln",
    "eprintln",
    "dbg",
    "todo",
    "unimplemented",
    "unreachable",
    "assert_eq",
    "assert_ne",
    "debug_assert",
    "concat",
    "include_str",
    "env",
    "line",
    "file",
    "atob",
    "btoa",
    "encodeURIComponent",
    "decodeURIComponent",
    "length",
    "string",
    "int",
];

/// Parent nodes under which a name belongs to something else, or is not the use of a variable.
const ELSEWHERE: &[&str] = &[
    "attribute",
    "break_statement",
    "continue_statement",
    "enum_constant",
    "field_initializer",
    "field_pattern",
    "keyed_element",
    "label",
    "labeled_statement",
    "literal_element",
    "macro_invocation",
    "method_invocation",
    "method_reference",
    "mod_item",
    "package_clause",
    "scoped_identifier",
    "scoped_type_identifier",
    "scoped_use_list",
    "switch_label",
    "token_tree",
    "type_arguments",
    "use_declaration",
    "use_list",
];

/// The first name that the answer uses and that neither it nor the document declares. `None` if
/// there is none, or if it can't be known.
pub(crate) fn missing(language: &Language, document: &str, answer: &str) -> Option<String> {
    if !LANGUAGES.contains(&language.id) {
        return None;
    }
    let tree = syntax::parse(language, answer)?;
    let known = syntax::identifiers(language, document);
    let mut declared = BTreeSet::new();
    let mut used = Vec::new();
    syntax::walk(&mut tree.walk(), &mut |node| {
        if node.child_count() == 0 && node.kind().contains("identifier") {
            let name = answer.get(node.byte_range()).unwrap_or_default();
            if is_declared(node) || node.kind().ends_with("pattern") {
                declared.insert(name);
            } else if node.kind() == "identifier" && is_variable(node, name) {
                used.push(name);
            }
        }
        true
    });
    let is_known =
        |name: &str| known.contains(name) || declared.contains(name) || BUILTIN.contains(&name);
    used.into_iter().find(|name| !is_known(name)).map(str::to_owned)
}

/// The first name that a document uses outside of all functions though only functions declare it,
/// as when a parameter's value was moved out of its function. `None` if there is none, or if it
/// can't be known. Of 1,694 files of published packages, each treated as new, one has such a name.
pub(crate) fn out_of_reach(language: &Language, before: &str, after: &str) -> Option<String> {
    let has = used_outside(language, after).filter(|names| !names.is_empty())?;
    let had = used_outside(language, before)?;
    has.into_iter().find(|name| !had.contains(name))
}

/// The names that are used outside of all functions and not declared there.
fn used_outside(language: &Language, document: &str) -> Option<Vec<String>> {
    if !OUTSIDE_LANGUAGES.contains(&language.id) {
        return None;
    }
    let tree = syntax::parse(language, document)?;
    let mut declared = BTreeSet::new();
    let mut used = Vec::new();
    syntax::walk(&mut tree.walk(), &mut |node| {
        let kind = node.kind();
        let is_function = node.is_named() && (kind.contains("function") || kind.contains("method"));
        if is_function {
            // A function's name belongs to the outside, and nothing else of the function does.
            let name = node.child_by_field_name("name");
            declared.extend(name.and_then(|it| document.get(it.byte_range())));
        } else if node.child_count() == 0 && kind.contains("identifier") {
            let name = document.get(node.byte_range()).unwrap_or_default();
            if is_declared(node) || kind.ends_with("pattern") {
                declared.insert(name);
            } else if kind == "identifier" && is_variable(node, name) {
                used.push(name);
            }
        }
        !is_function
    });
    used.retain(|name| !declared.contains(name) && !BUILTIN.contains(name));
    if used.is_empty() {
        return Some(Vec::new());
    }
    // A name that no function declares either may come from anywhere.
    let mut of_functions = BTreeSet::new();
    syntax::walk(&mut tree.walk(), &mut |node| {
        let is_name = node.child_count() == 0 && node.kind() == "identifier";
        if is_name && is_declared(node) {
            of_functions.extend(document.get(node.byte_range()));
        }
        true
    });
    Some(used.into_iter().filter(|name| of_functions.contains(name)).map(str::to_owned).collect())
}

/// Whether a name is that of a variable or constant, not of a type or a function: those are often
/// declared elsewhere.
fn is_variable(node: Node<'_>, name: &str) -> bool {
    let Some(parent) = node.parent() else { return false };
    let is_word = name.chars().all(|c| c.is_alphanumeric() || c == '_');
    let is_type = name.starts_with(char::is_uppercase) && name.chars().any(char::is_lowercase);
    let is_called = parent.child_by_field_name("function") == Some(node)
        || parent.child_by_field_name("constructor") == Some(node);
    // `strings.ToLower`: a package, which the imports account for.
    let owner = ["object", "operand", "value"].iter().any(|field| {
        parent.child_by_field_name(field) == Some(node)
            && (parent.kind().contains("selector")
                || parent.kind().contains("member")
                || parent.kind().contains("field"))
    });
    is_word && !is_type && !is_called && !owner && !ELSEWHERE.contains(&parent.kind())
}

/// Whether a name is declared where it occurs, by its own node or by one around it.
fn is_declared(node: Node<'_>) -> bool {
    let mut next = node.parent();
    for _ in 0..4 {
        let Some(parent) = next else { return false };
        let kind = parent.kind();
        let field = |name| parent.child_by_field_name(name).is_some_and(|it| holds(it, node));
        let declares = kind.contains("parameter")
            || kind.contains("pattern") && !kind.contains("expression")
            || kind.contains("import")
            || (kind.contains("declar") || kind.ends_with("_item") || kind.contains("definition"))
                && (field("name") || field("pattern") || field("left"))
            || [
                "for_in_statement",
                "range_clause",
                "for_expression",
                "enhanced_for_statement",
                "let_condition",
                "var_spec",
                "const_spec",
                "short_var_declaration",
                "closure_parameters",
                "inferred_parameters",
                "catch_formal_parameter",
                "resource",
                "match_pattern",
            ]
            .contains(&kind)
                && (field("left")
                    || field("name")
                    || field("pattern")
                    || kind.contains("parameters"))
            || kind == "lambda_expression" && field("parameters")
            || kind == "arrow_function" && field("parameter")
            || kind == "catch_clause" && field("parameter");
        if declares {
            return true;
        }
        next = parent.parent();
    }
    false
}

fn holds(outer: Node<'_>, inner: Node<'_>) -> bool {
    outer.start_byte() <= inner.start_byte() && inner.end_byte() <= outer.end_byte()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn missing_in(path: &str, document: &str, answer: &str) -> Option<String> {
        missing(Language::of(None, path), document, answer)
    }

    #[test]
    fn a_name_that_nothing_declares_is_reported() {
        let java = "class A { int[] p; void f(int a) { p[a] = 255 - p[a]; } }\n";
        let answer = "void f(int a) { p[a] = WHITE - p[a]; }\n";
        assert_eq!(missing_in("A.java", java, answer).as_deref(), Some("WHITE"));
        let go = "package a\n\nfunc f(a int) int {\n\treturn a\n}\n";
        let answer = "func f(a int) int {\n\tb, err = g(a)\n\treturn a\n}\n";
        assert_eq!(missing_in("a.go", go, answer).as_deref(), Some("b"));
        let rust = "fn f(a: u8) -> u8 {\n    a\n}\n";
        assert_eq!(
            missing_in("a.rs", rust, "fn f(a: u8) -> u8 {\n    a + base\n}\n").as_deref(),
            Some("base")
        );
        let typescript = "function f(a: number) {\n  return a;\n}\n";
        assert_eq!(
            missing_in("a.ts", typescript, "function f(a: number) {\n  return a + base;\n}\n")
                .as_deref(),
            Some("base")
        );
    }

    #[test]
    fn a_value_that_was_moved_out_of_its_function_is_reported() {
        let found =
            |before: &str, after: &str| out_of_reach(Language::of(None, "a.js"), before, after);
        let before = "const one = 1;\nexport const f = (a) => {\n  return g(a) + g(a);\n};\n";
        let moved =
            "const one = 1;\nconst b = g(a);\nexport const f = (a) => {\n  return b + b;\n};\n";
        assert_eq!(found(before, moved).as_deref(), Some("a"));
        let inside =
            "const one = 1;\nexport const f = (a) => {\n  const b = g(a);\n  return b + b;\n};\n";
        assert_eq!(found(before, inside), None);
        let others = "import { h } from \"./h.js\";\nconst one = 1;\nconst { c, d = c } = h;\nlet e;\ne = [one, d, h, f];\nfor (const i of e) console.log(i);\nfunction f(a) {\n  return g(a);\n}\nclass A {\n  x = one;\n  m(y) {\n    return y;\n  }\n}\n";
        assert_eq!(found(before, others), None);
        assert_eq!(found("log(a);\n", "log(a);\nlog(a);\n"), None);
    }

    #[test]
    fn what_is_declared_in_any_way_is_not() {
        let go = "package a\n\nfunc f(a []int) {}\n";
        for answer in [
            "func f(a []int) {\n\tfor i, b := range a {\n\t\tc := b + i\n\t\tprintln(c)\n\t}\n}\n",
            "func f(a []int) {\n\tvar n int\n\tconst m = 1\n\tif v, ok := g(a); ok {\n\t\tprintln(n, m, v)\n\t}\n}\n",
            "func f(a []int) {\n\th := func(x int) int { return x }\n\tprintln(h(1), strings.Count)\n}\n",
        ] {
            assert_eq!(missing_in("a.go", go, answer), None, "{answer}");
        }
        let rust = "fn f(a: &[u8]) {}\n";
        for answer in [
            "fn f(a: &[u8]) {\n    for (i, b) in a.iter().enumerate() {\n        println!(\"{} {}\", i, b);\n    }\n}\n",
            "fn f(a: &[u8]) {\n    if let Some(b) = a.first() { g(b) }\n    let c = |x: &u8| x + 1;\n    a.iter().map(|d| d + 1).map(c);\n}\n",
            "fn f(a: &[u8]) -> u8 {\n    match a { [b, rest @ ..] => *b, _ => u8::MAX }\n}\n",
        ] {
            assert_eq!(missing_in("a.rs", rust, answer), None, "{answer}");
        }
        let javascript = "function f(a) {}\n";
        for answer in [
            "function f(a) {\n  for (const [b, c] of a) g(b, c);\n  const { d, e: h = 1 } = a;\n  return a.map((x) => x + d + h).filter(y => y);\n}\n",
            "function f(a) {\n  try { g(); } catch (error) { throw error; }\n  return { a, b: a, ...a };\n}\n",
            "const f = async (a, { b, c = 2 } = {}) => {\n  let d;\n  d = b + c;\n  return d;\n};\n",
        ] {
            assert_eq!(missing_in("a.js", javascript, answer), None, "{answer}");
        }
        let java = "class A { void f(List<String> a) {} }\n";
        for answer in [
            "void f(List<String> a) { for (String b : a) { int c = 1; g(b, c); } }\n",
            "void f(List<String> a) { a.stream().map(x -> x + 1).map((y) -> y).map(Math::abs); }\n",
            "void f(List<String> a) { try (R r = new R()) { g(r); } catch (E e) { throw e; } }\n",
        ] {
            assert_eq!(missing_in("A.java", java, answer), None, "{answer}");
        }
        assert_eq!(missing_in("a.c", "int f;\n", "int f = g;\n"), None);
    }
}
