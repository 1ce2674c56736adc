//! Python by a real parser: syntax that its own grammar refuses though the editor's grammar accepts
//! it, and names that nothing in a file defines.

mod depth;

use std::collections::BTreeSet;

use ruff_python_ast::visitor::{self, Visitor};
use ruff_python_ast::{
    Alias, ExceptHandler, Expr, ExprContext, Mod, ModModule, Parameter, Pattern, PythonVersion,
    Stmt, TypeParam,
};
use ruff_python_parser::{Mode, ParseOptions, UnsupportedSyntaxErrorKind, parse_unchecked};

use crate::syntax::BYTES_MAX;

/// The parser's messages for what can't be parsed. `None` if the text is too long.
pub(crate) fn errors(text: &str) -> Option<Vec<String>> {
    (text.len() <= BYTES_MAX).then(|| {
        // Before parsing: the visitors recurse, and so does freeing the tree, which ended the
        // process for a sum of some thousand parts.
        if depth::is_too_deep(text) {
            return vec!["too deeply nested".to_owned()];
        }
        let parsed = parse_unchecked(text, ParseOptions::from(Mode::Module));
        let errors = parsed.errors().iter().map(|error| error.error.to_string());
        let mut misplaced = Misplaced::default();
        if let Mod::Module(module) = parsed.syntax() {
            misplaced.visit_body(&module.body);
        }
        errors.chain(misplaced.found).collect()
    })
}

/// The parser's messages for syntax that Python versions still in use refuse: of the newer
/// features, those that small models use by mistake. `None` if the text is too long
/// or too deeply nested.
pub(crate) fn newer(text: &str) -> Option<Vec<String>> {
    (text.len() <= BYTES_MAX && !depth::is_too_deep(text)).then(|| {
        let options = ParseOptions::from(Mode::Module).with_target_version(PythonVersion::PY311);
        let parsed = parse_unchecked(text, options);
        let newer = parsed.unsupported_syntax_errors().iter();
        newer
            .filter(|it| matches!(it.kind, UnsupportedSyntaxErrorKind::Pep701FString(_)))
            .map(ToString::to_string)
            .collect()
    })
}

/// What parses, but which Python refuses because of where it is.
#[derive(Debug, Default)]
struct Misplaced {
    found: Vec<String>,
    function: Function,
    in_loop: bool,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Function {
    #[default]
    None,
    Plain,
    Async,
}

impl Misplaced {
    fn found(&mut self, what: &str) {
        self.found.push(what.to_owned());
    }

    fn inside(&mut self, function: Function, in_loop: bool, body: &[Stmt]) {
        let outer = (self.function, self.in_loop);
        (self.function, self.in_loop) = (function, in_loop);
        self.visit_body(body);
        (self.function, self.in_loop) = outer;
    }
}

impl<'a> Visitor<'a> for Misplaced {
    fn visit_stmt(&mut self, stmt: &'a Stmt) {
        match stmt {
            Stmt::FunctionDef(function) => {
                let kind = if function.is_async { Function::Async } else { Function::Plain };
                // Not in the loop around the function: its body runs when it is called.
                self.inside(kind, false, &function.body);
                return;
            }
            Stmt::ClassDef(class) => {
                // A class body within a function can't return from it.
                self.inside(Function::None, false, &class.body);
                return;
            }
            Stmt::For(looped) => {
                self.visit_expr(&looped.iter);
                self.inside(self.function, true, &looped.body);
                // Outside of the loop: a `break` in the `else` of a loop needs another loop around
                // it.
                self.visit_body(&looped.orelse);
                return;
            }
            Stmt::While(looped) => {
                self.visit_expr(&looped.test);
                self.inside(self.function, true, &looped.body);
                self.visit_body(&looped.orelse);
                return;
            }
            Stmt::Return(_) if self.function == Function::None => {
                self.found("`return` outside of a function");
            }
            Stmt::Break(_) if !self.in_loop => self.found("`break` outside of a loop"),
            Stmt::Continue(_) if !self.in_loop => self.found("`continue` outside of a loop"),
            _ => {}
        }
        visitor::walk_stmt(self, stmt);
    }

    fn visit_expr(&mut self, expr: &'a Expr) {
        match expr {
            // Its body may `yield`.
            Expr::Lambda(_) => return,
            Expr::Yield(_) | Expr::YieldFrom(_) if self.function == Function::None => {
                self.found("`yield` outside of a function");
            }
            // A notebook cell may `await` outside of functions.
            Expr::Await(_) if self.function == Function::Plain => {
                self.found("`await` outside of an `async` function");
            }
            _ => {}
        }
        visitor::walk_expr(self, expr);
    }
}

/// Names that are used and that nothing in the text defines. A definition counts wherever it is,
/// even inside another function, so that what is reported is surely missing. `None` if that can't
/// be known: the text does not parse, or imports everything of another module.
pub(crate) fn undefined(text: &str) -> Option<BTreeSet<String>> {
    let mut names = Names::default();
    names.visit_body(module(text)?.body.as_slice());
    if names.everything {
        return None;
    }
    let is_known = |name: &&String| names.bound.contains(*name) || is_builtin(name);
    Some(names.used.iter().filter(|name| !is_known(name)).cloned().collect())
}

/// Names of all functions, methods and classes of a text, except those that Python itself calls.
/// `None` if it does not parse.
pub(crate) fn definitions(text: &str) -> Option<Vec<String>> {
    #[derive(Default)]
    struct Definitions(Vec<String>);
    impl<'a> Visitor<'a> for Definitions {
        fn visit_stmt(&mut self, stmt: &'a Stmt) {
            let name = match stmt {
                Stmt::FunctionDef(function) => Some(&function.name),
                Stmt::ClassDef(class) => Some(&class.name),
                _ => None,
            };
            self.0.extend(name.filter(|name| !name.starts_with("__")).map(ToString::to_string));
            visitor::walk_stmt(self, stmt);
        }
    }
    let mut found = Definitions::default();
    found.visit_body(module(text)?.body.as_slice());
    Some(found.0)
}

/// The parsed text, if it parses and is neither too long nor too deeply nested. The parser recovers
/// from errors, but names of a broken text can't be relied on.
fn module(text: &str) -> Option<ModModule> {
    if text.len() > BYTES_MAX || depth::is_too_deep(text) {
        return None;
    }
    let parsed = parse_unchecked(text, ParseOptions::from(Mode::Module));
    if !parsed.errors().is_empty() {
        return None;
    }
    parsed.into_syntax().module()
}

/// What all classes of a text define together, and what they use of `self`.
#[derive(Debug, Default)]
pub(crate) struct Members {
    pub(crate) defined: BTreeSet<String>,
    pub(crate) used: BTreeSet<String>,
}

pub(crate) fn members(text: &str) -> Option<Members> {
    let mut members = Members::default();
    members.visit_body(module(text)?.body.as_slice());
    Some(members)
}

impl<'a> Visitor<'a> for Members {
    fn visit_stmt(&mut self, stmt: &'a Stmt) {
        match stmt {
            Stmt::FunctionDef(function) => {
                self.defined.insert(function.name.to_string());
            }
            Stmt::ClassDef(class) => {
                self.defined.insert(class.name.to_string());
            }
            _ => {}
        }
        visitor::walk_stmt(self, stmt);
    }

    fn visit_expr(&mut self, expr: &'a Expr) {
        match expr {
            Expr::Name(name) if name.ctx != ExprContext::Load => {
                self.defined.insert(name.id.to_string());
            }
            // On any object and not on `self` alone: a base class or a function that makes the
            // object may set it, and what is reported has to be surely missing.
            Expr::Attribute(member) if member.ctx != ExprContext::Load => {
                self.defined.insert(member.attr.to_string());
            }
            Expr::Attribute(member) if matches!(&*member.value, Expr::Name(name) if name.id.as_str() == "self") =>
            {
                self.used.insert(member.attr.to_string());
            }
            _ => {}
        }
        visitor::walk_expr(self, expr);
    }
}

/// What a text binds anywhere and reads anywhere, without regard to scopes; `everything` says that
/// a star import brings in names that can't be known.
#[derive(Default)]
struct Names {
    bound: BTreeSet<String>,
    used: BTreeSet<String>,
    everything: bool,
}

impl Names {
    fn bind(&mut self, name: &str) {
        self.bound.insert(name.to_owned());
    }
}

impl<'a> Visitor<'a> for Names {
    fn visit_stmt(&mut self, stmt: &'a Stmt) {
        match stmt {
            Stmt::FunctionDef(function) => self.bind(&function.name),
            Stmt::ClassDef(class) => self.bind(&class.name),
            Stmt::Global(global) => global.names.iter().for_each(|name| self.bind(name)),
            Stmt::Nonlocal(nonlocal) => nonlocal.names.iter().for_each(|name| self.bind(name)),
            _ => {}
        }
        visitor::walk_stmt(self, stmt);
    }

    fn visit_expr(&mut self, expr: &'a Expr) {
        if let Expr::Name(name) = expr {
            if name.ctx == ExprContext::Load {
                self.used.insert(name.id.to_string());
            } else {
                self.bind(&name.id);
            }
        }
        visitor::walk_expr(self, expr);
    }

    fn visit_alias(&mut self, alias: &'a Alias) {
        let name = alias.asname.as_ref().unwrap_or(&alias.name);
        self.everything |= name.as_str() == "*";
        // `import os.path` binds `os`.
        self.bind(name.split('.').next().unwrap_or_default());
    }

    fn visit_parameter(&mut self, parameter: &'a Parameter) {
        self.bind(&parameter.name);
        visitor::walk_parameter(self, parameter);
    }

    fn visit_except_handler(&mut self, handler: &'a ExceptHandler) {
        let ExceptHandler::ExceptHandler(inner) = handler;
        if let Some(name) = &inner.name {
            self.bind(name);
        }
        visitor::walk_except_handler(self, handler);
    }

    fn visit_pattern(&mut self, pattern: &'a Pattern) {
        match pattern {
            Pattern::MatchAs(pattern) => pattern.name.iter().for_each(|name| self.bind(name)),
            Pattern::MatchStar(pattern) => pattern.name.iter().for_each(|name| self.bind(name)),
            Pattern::MatchMapping(pattern) => pattern.rest.iter().for_each(|name| self.bind(name)),
            _ => {}
        }
        visitor::walk_pattern(self, pattern);
    }

    fn visit_type_param(&mut self, param: &'a TypeParam) {
        self.bind(param.name());
        visitor::walk_type_param(self, param);
    }
}

/// Names that are built into Python 3, and those of each module that Python sets itself.
fn is_builtin(name: &str) -> bool {
    const BUILTINS: &str = include_str!("python_builtins.txt");
    BUILTINS.split_whitespace().any(|builtin| builtin == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_python_refuses_is_found_and_what_it_takes_is_not() {
        for good in [
            "x = 1\n",
            "match x:\n    case [a, *b]:\n        pass\n",
            "async def f():\n    await g()\n",
            "await f()\n",
            "for x in y:\n    if x:\n        continue\nelse:\n    z\n",
            "while x:\n    try:\n        pass\n    finally:\n        break\n",
            "def f():\n    g = lambda: (yield)\n    for x in y:\n        return x\n    yield\n",
            "class A:\n    async def f(self):\n        return [await x async for x in y]\n",
        ] {
            assert_eq!(errors(good), Some(Vec::new()), "{good}");
        }
        for bad in [
            "x = x += 1\n",
            "def f(:\n",
            "return x not in\n",
            "for x in y\n    pass\n",
            "class A:\n    def f(self):\n        pass\n    return 1\n",
            "return 1\n",
            "for x in y:\n    def f():\n        break\n",
            "for x in y:\n    pass\nelse:\n    continue\n",
            "def f():\n    return await g()\n",
            "class A:\n    x = yield\n",
        ] {
            assert!(!errors(bad).unwrap().is_empty(), "{bad}");
        }
        assert_eq!(errors(&" ".repeat(BYTES_MAX + 1)), None);
        let newest = "f\"{a.count('\\n')}\"\n";
        assert_eq!(errors(newest), Some(Vec::new()));
        assert!(newer(newest).unwrap()[0].contains("3.12"), "{:?}", newer(newest));
        assert_eq!(newer("def f(a): return f\"{a}\"\n"), Some(Vec::new()));
    }

    #[track_caller]
    fn check(text: &str, expected: &[&str]) {
        let expected = expected.iter().map(|name| (*name).to_owned()).collect();
        assert_eq!(undefined(text), Some(expected), "{text}");
    }

    #[test]
    fn a_name_that_nothing_defines_is_found() {
        check("def f(a):\n    return a + b\n", &["b"]);
        check("x: List[int] = []\n", &["List"]);
        check("@cached\ndef f(): return math.pi\n", &["cached", "math"]);
    }

    #[test]
    fn whatever_binds_a_name_defines_it() {
        check("import os.path\nfrom a import b as c\nos, c\n", &[]);
        check("for i, (j, *k) in f:\n    i, j, k\n", &["f"]);
        check("with open('x') as f, g() as h:\n    f, h\n", &["g"]);
        check("try:\n    pass\nexcept OSError as error:\n    error\n", &[]);
        check("[y for x in range(3) if (y := x)]\n", &[]);
        check(
            "match p:\n    case {'a': a, **rest}:\n        a, rest\n    case [*others]:\n        others\n",
            &["p"],
        );
        check(
            "def f[T](x: T, *args, key=None, **more) -> T:\n    global n\n    return x, args, key, more, n\n",
            &[],
        );
        check("class A:\n    def b(self): return A, __name__, __file__, self.c\n", &[]);
        check("lambda x: x\ndel x\n", &[]);
    }

    #[test]
    fn nothing_is_said_where_a_star_or_an_error_hides_what_there_is() {
        assert_eq!(undefined("from a import *\nb\n"), None);
        assert_eq!(undefined("def f(:\n"), None);
    }
}
