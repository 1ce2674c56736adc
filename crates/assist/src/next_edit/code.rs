//! What a grammar says of a document's names and calls, as far as needed to find what follows from
//! a change. Every question is about the document as it is after the change.

use std::collections::BTreeSet;
use std::ops::Range;

use tree_sitter::{Node, Point, Tree};

use super::bindings::{formatted, is_binding, is_command, is_import, is_member};
use crate::language::Language;
use crate::{scopes, syntax};

#[derive(Debug)]
pub(super) struct Code<'a> {
    pub(super) text: &'a str,
    tree: Tree,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Name<'t> {
    node: Node<'t>,
    /// Where the name itself is, without a sign before it; in Rust also amid a format string.
    start: usize,
    end: usize,
    /// The sign that belongs to the name, such as Ruby's `@`: `@size` and `size` are two names.
    sign: Option<char>,
    /// After a dot or the like, or the name of an argument: it belongs to something else.
    pub(super) is_member: bool,
    pub(super) is_binding: bool,
    pub(super) is_import: bool,
}

impl<'t> Name<'t> {
    fn used(node: Node<'t>, (start, end): (usize, usize)) -> Self {
        Self { node, start, end, sign: None, is_member: false, is_binding: false, is_import: false }
    }

    pub(super) fn row(&self) -> usize {
        self.node.start_position().row
    }

    pub(super) fn range(&self) -> Range<usize> {
        self.start..self.end
    }

    pub(super) fn is_signed_like(&self, other: &Self) -> bool {
        self.sign == other.sign
    }

    pub(super) fn is_shorthand(&self) -> bool {
        self.node.kind().starts_with("shorthand_")
            || self.node.parent().is_some_and(|it| it.kind() == "shorthand_field_initializer")
    }
}

/// A function, method or constructor, or a type that is made by naming its fields.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Callee {
    pub(super) name: String,
    /// What precedes that name, if only a call with both counts.
    pub(super) of: Option<String>,
    /// Whether it is called on an object: a function of the same name that belongs to something
    /// else is a different one.
    pub(super) is_method: bool,
    /// The minimum and maximum number of arguments of a call; `None` if that is not known.
    pub(super) arity: Option<(usize, usize)>,
}

#[derive(Debug)]
pub(super) struct Call {
    pub(super) rows: Range<usize>,
    pub(super) arguments: usize,
    pub(super) places: Vec<Range<usize>>,
    /// Whether its arguments are distinguished by position alone.
    pub(super) is_positional: bool,
    pub(super) is_by_name: bool,
}

impl<'a> Code<'a> {
    pub(super) fn of(language: &Language, text: &'a str) -> Option<Self> {
        Some(Self { text, tree: syntax::parse(language, text)? })
    }

    fn source(&self, node: Node<'_>) -> &'a str {
        self.text.get(node.byte_range()).unwrap_or_default()
    }

    fn visit<'t>(&'t self, mut visit: impl FnMut(Node<'t>)) {
        let mut cursor = self.tree.walk();
        // Like `syntax::walk`, whose nodes do not have the tree's lifetime.
        loop {
            visit(cursor.node());
            if cursor.goto_first_child() {
                continue;
            }
            while !cursor.goto_next_sibling() {
                if !cursor.goto_parent() {
                    return;
                }
            }
        }
    }

    pub(super) fn line_start(&self, row: usize) -> usize {
        let Some(before) = row.checked_sub(1) else { return 0 };
        self.text.match_indices('\n').nth(before).map_or(self.text.len(), |(at, _)| at + 1)
    }

    /// The name by which the function is called whose parameter a name is, if it is one.
    pub(super) fn function_whose_parameter(&self, name: &Name<'_>) -> Option<String> {
        let mut up = std::iter::successors(name.node.parent(), Node::parent);
        up.find(|it| it.kind().contains("parameters"))?;
        let function = up.find(|it| scopes::is_function(*it))?;
        let name = scopes::name(function, self.text)?;
        // It is called by the name of its class.
        let mut class =
            || up.find(|it| scopes::is_type(*it)).and_then(|it| scopes::name(it, self.text));
        let name = if name == "__init__" { class()? } else { name };
        Some(name.to_owned())
    }

    /// Every occurrence of a name in code, in order. Rust's format strings are searched, too, as
    /// `{name}` is a use that a grammar takes for text.
    pub(super) fn names(&self, name: &str) -> Vec<Name<'_>> {
        let mut found = Vec::new();
        self.visit(|node| {
            if node.child_count() > 0 {
                return;
            }
            let (kind, source) = (node.kind(), self.source(node));
            let (from, to) = (node.start_byte(), node.end_byte());
            // Only within a macro, since `{name}` in any other string is text.
            if kind == "string_content" && self.is_in_macro(node) {
                found.extend(formatted(source, name).map(|at| {
                    let start = from + at;
                    let range = (start, start + name.len());
                    Name::used(node, range)
                }));
                return;
            }
            // Grammars agree on little more than that names are leaves whose kind ends so; the
            // other kinds are those of JavaScript's shorthands, PHP, Ruby and shells.
            let is_name = kind.ends_with("identifier")
                || kind.starts_with("shorthand_")
                || kind.ends_with("_variable")
                || ["name", "variable_name", "constant"].contains(&kind)
                || kind == "word" && node.parent().is_some_and(|it| is_command(it));
            // Ruby's `@size` and JavaScript's `#size` are one leaf with their sign, while the
            // rename is of the word alone.
            let bare = source.trim_start_matches(['@', '#']);
            if !is_name || bare != name {
                return;
            }
            // In PHP the sign is a part of its own, which tells a variable from a method.
            let node = node.parent().filter(|it| it.kind() == "variable_name").unwrap_or(node);
            let sign = source.chars().next().filter(|_| bare.len() < source.len());
            found.push(Name {
                is_member: is_member(node),
                is_binding: is_binding(node, self.text) || is_import(node),
                is_import: is_import(node),
                sign,
                ..Name::used(node, (to - bare.len(), to))
            });
        });
        found
    }

    /// Whether a literal is an argument of one of Rust's macros, where a string may name variables.
    fn is_in_macro(&self, literal: Node<'_>) -> bool {
        let mut up = std::iter::successors(literal.parent(), Node::parent).take(4);
        up.any(|it| it.kind() == "token_tree")
    }

    /// The lines of the function in which a name is bound, if it is local to it; `None` if it is
    /// visible in the whole file.
    pub(super) fn local_scope(&self, name: &Name<'_>) -> Option<Range<usize>> {
        let mut node = name.node;
        // A field is visible in every method, wherever it was first assigned.
        if self.is_of_self(node) || name.sign.is_some() {
            return None;
        }
        while let Some(parent) = node.parent() {
            if scopes::is_named(parent) {
                let is_its_name = parent
                    .child_by_field_name("name")
                    .is_some_and(|it| it.byte_range().contains(&name.node.start_byte()))
                    || scopes::name(parent, self.text) == Some(self.source(name.node))
                        && syntax::declared(parent) == Some(name.node);
                if !is_its_name {
                    return scopes::is_function(parent).then(|| syntax::rows(parent));
                }
            }
            node = parent;
        }
        None
    }

    pub(super) fn is_of_self(&self, node: Node<'_>) -> bool {
        let Some(parent) = node.parent() else { return false };
        let object = ["object", "value", "argument", "operand"]
            .iter()
            .find_map(|field| parent.child_by_field_name(field))
            .filter(|it| *it != node);
        object.is_some_and(|it| ["self", "this"].contains(&self.source(it)))
    }

    pub(super) fn name_is_of_self(&self, name: &Name<'_>) -> bool {
        self.is_of_self(name.node)
    }

    pub(super) fn is_part_of_type(&self, name: &Name<'_>) -> bool {
        if self.is_of_self(name.node) || name.sign.is_some() {
            return true;
        }
        let mut node = name.node;
        while let Some(parent) = node.parent() {
            if scopes::is_named(parent) {
                let is_its_name = parent
                    .child_by_field_name("name")
                    .is_some_and(|it| it.byte_range().contains(&name.node.start_byte()));
                if !is_its_name {
                    return scopes::is_type(parent);
                }
            }
            node = parent;
        }
        // A Go method is declared outside of its type.
        name.node.parent().is_some_and(|it| it.child_by_field_name("receiver").is_some())
    }

    pub(super) fn names_argument_of(&self, name: &Name<'_>) -> Option<&'a str> {
        let argument = name.node.parent().filter(|it| it.kind() == "keyword_argument")?;
        let call = argument.parent()?.parent()?;
        let (callee, _) = self.callee_of(call)?;
        Some(callee)
    }

    pub(super) fn literals(&self, literal: &str) -> Vec<(usize, Range<usize>)> {
        let mut found = Vec::new();
        self.visit(|node| {
            let kind = node.kind();
            let is_text = kind.contains("string") || kind.contains("literal");
            // A string and its content may be two nodes of the same text.
            if is_text && self.source(node) == literal {
                found.push((node.start_position().row, node.byte_range()));
            }
        });
        found.dedup();
        found
    }

    /// The rows of objects that name several of these fields and not `without`.
    pub(super) fn objects_with(&self, fields: &[String], without: &str) -> Vec<Range<usize>> {
        let mut found = Vec::new();
        self.visit(|node| {
            if node.kind() != "object" {
                return;
            }
            let mut cursor = node.walk();
            let keys: Vec<&str> = node
                .named_children(&mut cursor)
                .map(|it| self.source(it.child_by_field_name("key").unwrap_or(it)))
                .collect();
            // Most of the fields, and two at least: one field in common proves nothing.
            let known = fields.iter().filter(|field| keys.contains(&field.as_str())).count();
            if known >= 2 && known * 2 > fields.len() && !keys.contains(&without) {
                found.push(syntax::rows(node));
            }
        });
        found
    }

    pub(super) fn fields_at(&self, row: usize, column: usize) -> Vec<String> {
        let at = Point::new(row, column);
        let Some(field) = self.around(at).find(|it| it.kind() == "property_signature") else {
            return Vec::new();
        };
        let Some(body) = field.parent() else { return Vec::new() };
        let mut cursor = body.walk();
        let fields =
            body.named_children(&mut cursor).filter_map(|it| it.child_by_field_name("name"));
        fields.map(|it| self.source(it).to_owned()).collect()
    }

    pub(super) fn function_at(&self, row: usize, column: usize) -> Option<Range<usize>> {
        let function = self.around(Point::new(row, column)).find(|it| scopes::is_function(*it))?;
        Some(syntax::rows(function))
    }

    fn around(&self, at: Point) -> impl Iterator<Item = Node<'_>> {
        let node = self.tree.root_node().descendant_for_point_range(at, at);
        std::iter::successors(node, Node::parent)
    }

    pub(super) fn signature_at(&self, row: usize, column: usize) -> Option<(Callee, Part)> {
        let at = Point::new(row, column);
        let function = self.around(at).find(|node| {
            // Heads without a body, such as signatures of an interface and declarators of C, have
            // parameters but are not functions to `scopes`.
            let is_closure_value = node.child_by_field_name("parameters").is_some();
            scopes::is_function(*node) || is_closure_value
        })?;
        // In C a pointer that is returned wraps the declarator once for each star.
        let declarator = function.child_by_field_name("declarator").and_then(|it| {
            std::iter::successors(Some(it), |it| it.child_by_field_name("declarator"))
                .find(|it| it.child_by_field_name("parameters").is_some())
        });
        let holder = declarator.unwrap_or(function);
        let parameters = holder.child_by_field_name("parameters")?;
        let is_in = |node: Node<'_>| node.start_position() <= at && at <= node.end_position();
        // Rust, Python and TypeScript; Go; C, C++ and Java.
        let result = ["return_type", "result", "type"]
            .iter()
            .find_map(|field| function.child_by_field_name(field));
        let part = if is_in(parameters) {
            Part::Parameters
        } else if result.is_some_and(is_in) {
            Part::Result
        } else {
            return None;
        };
        Some((self.callee(function, parameters)?, part))
    }

    pub(super) fn function_rows(&self) -> BTreeSet<usize> {
        let mut rows = BTreeSet::new();
        self.visit(|node| {
            if declares(node) {
                rows.insert(node.start_position().row);
            }
        });
        rows
    }

    pub(super) fn function_declared_on(&self, row: usize) -> Option<Declared> {
        let mut found = None;
        self.visit(|node| {
            // The outermost of a line comes first, since parents are visited before their children.
            if found.is_none() && node.start_position().row == row && declares(node) {
                found = Some(node);
            }
        });
        let node = found?;
        let name = scopes::name(node, self.text)?;
        let name = name.rsplit("::").next().unwrap_or(name).to_owned();
        let mut returned = Vec::new();
        if let Some(body) = node.child_by_field_name("body") {
            self.returned(body, &mut returned);
            let last = (body.named_child_count() as u32)
                .checked_sub(1)
                .and_then(|it| body.named_child(it));
            // In Rust the last expression is returned.
            let is_value = |it: &Node<'_>| {
                body.kind() == "block"
                    && !it.kind().ends_with("_statement")
                    && !it.kind().ends_with("_item")
                    && it.kind() != "let_declaration"
                    && !it.kind().contains("comment")
            };
            returned.extend(last.filter(is_value).map(|it| it.byte_range()));
        }
        Some(Declared { name, returned })
    }

    /// The values that the `return`s in a body give; those of functions in it are others.
    fn returned(&self, body: Node<'_>, found: &mut Vec<Range<usize>>) {
        syntax::walk(&mut body.walk(), &mut |node| {
            if node.is_named() && ["return_statement", "return_expression"].contains(&node.kind()) {
                found.extend(node.named_child(0).map(|it| it.byte_range()));
            }
            !scopes::is_function(node)
        });
    }

    /// The calls of a function within functions that can wait for it, and which do not yet.
    pub(super) fn awaitable_calls(&self, name: &str) -> Vec<Range<usize>> {
        let mut found = Vec::new();
        self.visit(|node| {
            let is_it = self
                .callee_of(node)
                .is_some_and(|(callee, _)| callee.rsplit(['.', ':']).next() == Some(name));
            let mut up = std::iter::successors(node.parent(), Node::parent);
            let function = up.find(|it| scopes::is_function(*it));
            let waits = function.is_some_and(|it| {
                let head = self.source(it);
                // The word has to be in the head: an `async` closure in the body does not make the
                // function one that can wait.
                let head = head.split(['{', '\n']).next().unwrap_or(head);
                head.split(|c: char| !c.is_alphanumeric()).any(|word| word == "async")
            });
            // As an argument, it may be meant to be started and not to be waited for.
            let stands = node
                .parent()
                .is_some_and(|it| !it.kind().contains("await") && !it.kind().contains("argument"));
            if is_it && waits && stands {
                found.push(node.byte_range());
            }
        });
        found
    }

    pub(super) fn function_of_return(&self, row: usize, column: usize) -> Option<Callee> {
        let at = Point::new(row, column);
        let mut up = self.around(at);
        up.find(|node| node.kind().starts_with("return"))?;
        let function = up.find(|node| scopes::is_function(*node))?;
        self.callee(function, function.child_by_field_name("parameters")?)
    }

    fn callee(&self, function: Node<'_>, parameters: Node<'_>) -> Option<Callee> {
        let name = scopes::name(function, self.text)?;
        let name = name.split('(').next().unwrap_or(name);
        let owner = || {
            let mut up = std::iter::successors(function.parent(), Node::parent);
            let of = up.find(|node| scopes::is_type(*node))?;
            let name = of.child_by_field_name("type").or_else(|| of.child_by_field_name("name"))?;
            let name = self.source(name);
            Some(name.split(['<', '[']).next().unwrap_or(name).to_owned())
        };
        let (name, of) = match name {
            // Such a function is called by the name of its type, and `new` in Rust by both.
            "__init__" | "constructor" => (owner()?, None),
            "new" => ("new".to_owned(), owner()),
            _ => (name.rsplit("::").next().unwrap_or(name).to_owned(), None),
        };
        // In C++ the parameters belong to a declarator in the function.
        let up = std::iter::successors(Some(function), Node::parent);
        let whole = up.skip_while(|it| it.kind().contains("declarator"));
        let is_method = function.child_by_field_name("receiver").is_some()
            || whole.skip(1).take_while(|node| !scopes::is_function(*node)).any(scopes::is_type);
        Some(Callee { name, of, is_method, arity: self.arity(parameters) })
    }

    fn arity(&self, parameters: Node<'_>) -> Option<(usize, usize)> {
        let (mut least, mut most) = (0, 0);
        let mut cursor = parameters.walk();
        for (at, parameter) in parameters.named_children(&mut cursor).enumerate() {
            let (kind, text) = (parameter.kind(), self.source(parameter));
            // A type or a default may follow, with or without a blank.
            let name = text.split([':', '=', ' ']).next().unwrap_or_default();
            if kind.contains("comment")
                || kind == "self_parameter"
                || (at == 0 && ["self", "cls", "this"].contains(&name))
                || ["*", "/", "void"].contains(&text)
            {
                continue;
            }
            // Any number of arguments fits. `*` with a blank in it is a pointer of C.
            if text.starts_with('*') && !text.contains(' ') || text.contains("...") {
                return None;
            }
            let mut names = parameter.walk();
            // Go's `a, b int` is one node with two names.
            let count = parameter.children_by_field_name("name", &mut names).count().max(1);
            most += count;
            // The arrow of a function's type gives no value.
            let has_value = text.replace("=>", "").contains('=');
            let is_optional = kind.contains("optional") || has_value;
            least += if is_optional { 0 } else { count };
        }
        Some((least, most))
    }

    /// What a node calls, and the arguments, if it is a call.
    fn callee_of<'t>(&self, node: Node<'t>) -> Option<(&'a str, Node<'t>)> {
        let arguments = node.child_by_field_name("arguments")?;
        let called = ["function", "constructor", "name", "method", "type"]
            .iter()
            .find_map(|field| node.child_by_field_name(field))?;
        let text = self.source(called);
        // Without type arguments: `new List<int>(…)` calls `List`.
        let text = text.split(['<', '[']).next().unwrap_or(text);
        Some((text, arguments))
    }

    pub(super) fn calls(&self, callee: &Callee) -> Vec<Call> {
        let mut found = Vec::new();
        self.visit(|node| {
            let Some((text, arguments)) = self.callee_of(node) else { return };
            let mut parts = text.rsplit(['.', ':', '>']).filter(|part| !part.is_empty());
            // A call on an object is another function, unless a method is searched for.
            let is_it = parts.next() == Some(&callee.name)
                && (callee.is_method || !text.contains('.'))
                && callee
                    .of
                    .as_deref()
                    .is_none_or(|of| parts.next().is_some_and(|it| it == of || it == "Self"));
            if is_it {
                let mut cursor = arguments.walk();
                let children = arguments.named_children(&mut cursor);
                let all: Vec<Node<'_>> =
                    children.filter(|it| !it.kind().contains("comment")).collect();
                let is_named = |it: &Node<'_>| {
                    it.kind().contains("keyword")
                        || it.kind().contains("splat")
                        || it.kind().contains("spread")
                };
                found.push(Call {
                    rows: syntax::rows(node),
                    arguments: all.len(),
                    places: all.iter().map(Node::byte_range).collect(),
                    is_positional: !all.iter().any(is_named),
                    is_by_name: all.iter().all(|it| it.kind() == "keyword_argument"),
                });
            }
        });
        found
    }

    pub(super) fn type_with_field_at(&self, row: usize, column: usize) -> Option<String> {
        let at = Point::new(row, column);
        let mut up = self.around(at);
        let holder = up.find(|node| scopes::is_named(*node))?;
        if !scopes::is_type(holder) || holder.start_position().row == row {
            return None;
        }
        let name = scopes::name(holder, self.text).or_else(|| {
            // In Go the name is part of a specification within the declaration.
            let spec = holder.named_child(0)?;
            Some(self.source(spec.child_by_field_name("name")?))
        })?;
        Some(name.to_owned())
    }

    /// Where values of a type are created by naming its fields, or by calling its name.
    pub(super) fn values_of(&self, name: &str) -> Vec<Range<usize>> {
        let callee = Callee { name: name.to_owned(), of: None, is_method: false, arity: None };
        let mut found: Vec<Range<usize>> =
            self.calls(&callee).into_iter().map(|call| call.rows).collect();
        self.visit(|node| {
            let named = match node.kind() {
                "struct_expression" => node.child_by_field_name("name"),
                "composite_literal" | "compound_literal_expression" => {
                    node.child_by_field_name("type")
                }
                _ => None,
            };
            if named.is_some_and(|it| {
                self.source(it) == name || self.source(it).ends_with(&format!("::{name}"))
            }) {
                found.push(syntax::rows(node));
            }
        });
        found
    }

    pub(super) fn is_prose(&self, at: usize) -> bool {
        let node = self.tree.root_node().descendant_for_byte_range(at, at + 1);
        let mut up = std::iter::successors(node, Node::parent);
        up.any(|node| {
            let kind = node.kind();
            // What reads like the changed line in a comment or a text may be an example of it,
            // which need not follow.
            kind.contains("comment") || kind == "string_content" || kind == "string_fragment"
        })
    }
}

const DECLARATIONS: &[&str] = &[
    "declaration",
    "field_declaration",
    "function_signature",
    "function_signature_item",
    "method_elem",
    "method_signature",
];

fn declares(node: Node<'_>) -> bool {
    scopes::is_function(node) || DECLARATIONS.contains(&node.kind())
}

/// A function by its head, and the bytes of the values that it returns.
#[derive(Debug)]
pub(super) struct Declared {
    pub(super) name: String,
    pub(super) returned: Vec<Range<usize>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    Parameters,
    Result,
}
