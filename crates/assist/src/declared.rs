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

/// Nodes whose names nothing outside of them can use.
const FUNCTIONS: &[&str] = &[
    "arrow_function",
    "closure_expression",
    "constructor_declaration",
    "func_literal",
    "function_declaration",
    "function_expression",
    "function_item",
    "generator_function",
    "generator_function_declaration",
    "lambda_expression",
    "method_declaration",
    "method_definition",
];

/// What these languages and their environments define themselves. One list for all of them: a name
/// that only another language has is let through, and a right answer is not refused because of it.
const BUILTIN: &[&str] = &[
    "_",
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
    "bool",
    "byte",
    "comparable",
    "complex64",
    "complex128",
    "float32",
    "float64",
    "int8",
    "int16",
    "int32",
    "int64",
    "rune",
    "uint",
    "uint8",
    "uint16",
    "uint32",
    "uint64",
    "uintptr",
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
    "lifetime",
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
/// there is none, or if it can't be known. Every identifier of the document counts as declared,
/// since an answer that is as wrong as the code before it is not a reason to refuse it.
pub(crate) fn missing(language: &Language, document: &str, answer: &str) -> Option<String> {
    if !LANGUAGES.contains(&language.id) {
        return None;
    }
    let tree = syntax::parse(language, answer)?;
    let known = syntax::identifiers(language, document);
    let mut declared = BTreeSet::new();
    let mut used = Vec::new();
    syntax::walk(&mut tree.walk(), &mut |node| {
        match Name::of(node, answer) {
            Some(Name::Declared(name)) => _ = declared.insert(name),
            Some(Name::Used(name)) => used.push(name),
            None => {}
        }
        true
    });
    let is_known =
        |name: &str| known.contains(name) || declared.contains(name) || BUILTIN.contains(&name);
    used.into_iter().find(|name| !is_known(name)).map(str::to_owned)
}

/// The first name that a document now uses where nothing around declares it, though a function does
/// or did: as when a parameter's value was moved out of its function, or a loop lost its index.
/// `None` if there is none, or if it can't be known. Of 7,411 files of libraries in Go, Rust and
/// JavaScript, each treated as new, 79 have such a name, nearly all of which other files declare.
pub(crate) fn out_of_reach(language: &Language, before: &str, after: &str) -> Option<String> {
    let has = Reach::of(language, after).filter(|it| !it.unresolved.is_empty())?;
    // What was unresolved before comes from elsewhere: another file, a macro, a global.
    let had = Reach::of(language, before)?;
    // A name that no function declares either may come from anywhere.
    let is_of_a_function = |name: &&&str| has.locals.contains(*name) || had.locals.contains(*name);
    let mut new = has.unresolved.iter().filter(|name| !had.unresolved.contains(*name));
    new.find(is_of_a_function).map(|&name| name.to_owned())
}

/// Which names a document uses where neither the functions around nor the file declare them, and
/// the names that functions declare.
struct Reach<'a> {
    unresolved: Vec<&'a str>,
    locals: BTreeSet<&'a str>,
}

/// A function, or the file, which is around all of them. Blocks don't count: what is declared in one
/// and used beside it is for a compiler to find.
struct Scope<'a> {
    end: usize,
    around: usize,
    declared: BTreeSet<&'a str>,
}

impl<'a> Reach<'a> {
    fn of(language: &Language, document: &'a str) -> Option<Self> {
        if !LANGUAGES.contains(&language.id) {
            return None;
        }
        let tree = syntax::parse(language, document)?;
        let file = Scope { end: usize::MAX, around: 0, declared: BTreeSet::new() };
        let mut scopes = vec![file];
        let mut used: Vec<(&str, usize)> = Vec::new();
        let mut at = 0;
        syntax::walk(&mut tree.walk(), &mut |node| {
            while node.start_byte() >= scopes[at].end {
                at = scopes[at].around;
            }
            if FUNCTIONS.contains(&node.kind()) {
                // A function's name belongs to what is around it.
                let name = node.child_by_field_name("name");
                scopes[at].declared.extend(name.and_then(|it| document.get(it.byte_range())));
                scopes.push(Scope { end: node.end_byte(), around: at, declared: BTreeSet::new() });
                at = scopes.len() - 1;
                return true;
            }
            match Name::of(node, document) {
                Some(Name::Declared(name)) => _ = scopes[at].declared.insert(name),
                Some(Name::Used(name)) => used.push((name, at)),
                None => {}
            }
            true
        });
        let resolves = |name: &str, mut at: usize| loop {
            if scopes[at].declared.contains(name) {
                return true;
            }
            if at == 0 {
                return false;
            }
            at = scopes[at].around;
        };
        // Only once the whole tree is read: functions and `var` are used above their declarations.
        used.retain(|(name, at)| !BUILTIN.contains(name) && !resolves(name, *at));
        let locals = scopes.iter().skip(1).flat_map(|it| it.declared.iter().copied()).collect();
        Some(Self { unresolved: used.into_iter().map(|(name, _)| name).collect(), locals })
    }
}

enum Name<'a> {
    Declared(&'a str),
    Used(&'a str),
}

impl<'a> Name<'a> {
    /// `None` for a node that has no name, and for a name that may well be declared elsewhere.
    fn of(node: Node<'_>, text: &'a str) -> Option<Self> {
        if node.child_count() != 0 || !node.kind().contains("identifier") {
            return None;
        }
        let name = text.get(node.byte_range()).unwrap_or_default();
        if is_declared(node) || node.kind().ends_with("pattern") {
            return Some(Self::Declared(name));
        }
        let is_used = node.kind() == "identifier" && is_variable(node, name);
        is_used.then_some(Self::Used(name))
    }
}

/// Whether a name is that of a variable or constant, not of a type or a function: those are often
/// declared elsewhere.
fn is_variable(node: Node<'_>, name: &str) -> bool {
    let Some(parent) = node.parent() else { return false };
    let is_word = name.chars().all(|c| c.is_alphanumeric() || c == '_');
    // By spelling, as the grammars don't say it: `HashMap` is a type, `MAX_SIZE` a constant.
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

/// Whether a name is declared where it occurs, by its own node or by one around it. Grammars put up
/// to three nodes (a pattern in a list in a declarator) between a name and what declares it, and
/// know some forty kinds of declarations; most are recognized by their kinds' names, the rest is
/// listed.
fn is_declared(node: Node<'_>) -> bool {
    let mut next = node.parent();
    for _ in 0..4 {
        let Some(parent) = next else { return false };
        let kind = parent.kind();
        let field = |name| {
            parent.children_by_field_name(name, &mut parent.walk()).any(|it| holds(it, node))
        };
        let declares = kind.contains("parameter")
            || kind.contains("pattern") && !kind.contains("expression")
            || kind.contains("import")
            || (kind.contains("declar") || kind.ends_with("_item") || kind.contains("definition"))
                // The value of a declaration is a use: `let a = b` declares `a` alone.
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
                "receive_statement",
                "type_spec",
                "type_switch_statement",
                "instanceof_expression",
                "closure_parameters",
                "inferred_parameters",
                "catch_formal_parameter",
                "resource",
                "match_pattern",
            ]
            .contains(&kind)
                && (field("left")
                    || field("alias")
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
    fn a_local_name_that_lost_its_declaration_is_reported() {
        let found =
            |path, before: &str, after: &str| out_of_reach(Language::of(None, path), before, after);
        let go = "package a\n\nfunc f(a []int) int {\n\tfor i, v := range a {\n\t\tif v > 0 {\n\t\t\treturn i\n\t\t}\n\t}\n\treturn -1\n}\n\nfunc g(i int) int {\n\treturn i\n}\n";
        assert_eq!(found("a.go", go, &go.replace("for i,", "for _,")).as_deref(), Some("i"));
        assert_eq!(found("a.go", go, &go.replace("a {", "b {").replace("f(a", "f(b")), None);
        let rust = "fn f(a: &[u8]) -> usize {\n    let n = a.len();\n    n + 1\n}\n";
        assert_eq!(
            found("a.rs", rust, &rust.replace("    let n = a.len();\n", "")).as_deref(),
            Some("n")
        );
        let java = "class A { int f(int a) { int n = a; return n; } int n() { return 1; } }\n";
        assert_eq!(found("A.java", java, &java.replace("int n = a;", "")), None);
        assert_eq!(
            found("A.java", java, &java.replace("int n = a;", "").replace("int n()", "int m()"))
                .as_deref(),
            Some("n")
        );
        let javascript = "function f(a) {\n  const n = a;\n  return a.map((b) => b + n);\n}\n";
        let without = javascript.replace("  const n = a;\n", "");
        assert_eq!(found("a.js", javascript, &without).as_deref(), Some("n"));
        // A function inside sees what is around it.
        assert_eq!(found("a.js", &without, javascript), None);
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
