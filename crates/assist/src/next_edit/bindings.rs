//! Which role a name has in a grammar: defined, imported, or a member of something else.

use tree_sitter::Node;

pub(super) fn is_import(node: Node<'_>) -> bool {
    // Five levels reach the statement from a name in a list within a list of Rust's `use`. A name
    // that is only used would otherwise be followed up to the root.
    let mut up = std::iter::successors(node.parent(), Node::parent).take(5);
    up.any(|it| it.kind().contains("import") || it.kind() == "use_declaration")
}

/// Where a format string of Rust names a variable: `{name}` or `{name:`. Two braces are one of text,
/// so only the last of an odd number opens a variable.
pub(super) fn formatted(text: &str, name: &str) -> impl Iterator<Item = usize> {
    text.match_indices('{').filter_map(move |(at, _)| {
        let rest = text[at + 1..].strip_prefix(name)?;
        let braces = text[..=at].bytes().rev().take_while(|byte| *byte == b'{').count();
        (braces % 2 == 1 && rest.starts_with(['}', ':'])).then_some(at + 1)
    })
}

const MEMBERS: &[&str] = &[
    "property_identifier",
    "private_property_identifier",
    "field_identifier",
    "shorthand_property_identifier",
];

pub(super) fn is_member(node: Node<'_>) -> bool {
    let Some(parent) = node.parent() else { return false };
    let is = |field| parent.child_by_field_name(field) == Some(node);
    match parent.kind() {
        "attribute" => is("attribute"),
        "keyword_argument" | "member_access_expression" => is("name"),
        "method_invocation" => is("name") && parent.child_by_field_name("object").is_some(),
        "field_access" => is("field"),
        // Grammars that have a kind of their own for a member need no look at the parent.
        _ => MEMBERS.contains(&node.kind()),
    }
}

enum Kind {
    Any,
    Is(&'static str),
    Has(&'static str),
    EndsWith(&'static str),
}

impl Kind {
    fn matches(&self, kind: &str) -> bool {
        match *self {
            Self::Any => true,
            Self::Is(name) => kind == name,
            Self::Has(part) => kind.contains(part),
            Self::EndsWith(end) => kind.ends_with(end),
        }
    }
}

const NAME: &[&str] = &["name", "declarator", "parameter", "pattern"];

/// Where grammars have names that are defined: the parent's kind, and the fields of it. No field
/// stands for all of them.
const DEFINING: &[(Kind, &[&str])] = &[
    (Kind::Any, &["pattern", "alias"]),
    (Kind::Has("definition"), NAME),
    (Kind::Has("declaration"), NAME),
    (Kind::Has("declarator"), NAME),
    (Kind::Has("_item"), NAME),
    (Kind::Has("specifier"), NAME),
    (Kind::Has("_spec"), NAME),
    (Kind::Has("variant"), NAME),
    (Kind::Has("enum_assignment"), NAME),
    (Kind::Has("enumerator"), NAME),
    (Kind::Has("for_range"), NAME),
    (Kind::Has("preproc_"), NAME),
    (Kind::Has("property_signature"), NAME),
    (Kind::Has("property_element"), NAME),
    (Kind::Has("variable_assignment"), NAME),
    (Kind::Is("field_definition"), &["property"]),
    (Kind::Is("method"), &["name"]),
    (Kind::Is("singleton_method"), &["name"]),
    (Kind::Is("class"), &["name"]),
    (Kind::Is("module"), &["name"]),
    (Kind::Has("parameter"), &[]),
    (Kind::EndsWith("pattern"), &[]),
    (Kind::Is("pattern_list"), &[]),
    (Kind::Is("as_pattern_target"), &[]),
    (Kind::Is("public_field_definition"), &[]),
    (Kind::Is("enum_body"), &[]),
    (Kind::Is("reference_declarator"), &[]),
    (Kind::Is("structured_binding_declarator"), &[]),
];

/// Where names are used, whatever [`DEFINING`] says of the same parent.
const USING: &[(Kind, &[&str])] = &[
    (Kind::Any, &["type", "value", "right", "default_value"]),
    (Kind::Is("keyword_argument"), &[]),
    (Kind::Is("method_invocation"), &[]),
    (Kind::Has("call"), &[]),
];

fn is_in(table: &[(Kind, &[&str])], parent: Node<'_>, node: Node<'_>) -> bool {
    table.iter().any(|(kind, fields)| {
        let is = |field: &&str| parent.child_by_field_name(field) == Some(node);
        kind.matches(parent.kind()) && (fields.is_empty() || fields.iter().any(is))
    })
}

/// Whether a word of a shell names a function, where it is defined or where it is run.
pub(super) fn is_command(parent: Node<'_>) -> bool {
    ["command_name", "function_definition"].contains(&parent.kind())
}

fn is_pair_of_loop(parent: Node<'_>) -> bool {
    parent.kind() == "pair" && parent.parent().is_some_and(|it| it.kind() == "foreach_statement")
}

fn is_made(node: Node<'_>) -> bool {
    let Some(reference) = node.parent().filter(|it| it.kind() == "object_reference") else {
        return false;
    };
    reference.parent().is_some_and(|it| {
        let first = (0..it.named_child_count() as u32)
            .filter_map(|at| it.named_child(at))
            .find(|it| it.kind() == "object_reference");
        ["create_table", "create_view"].contains(&it.kind()) && first == Some(reference)
    })
}

/// Whether a name is defined here, and not used.
pub(super) fn is_binding(node: Node<'_>, text: &str) -> bool {
    let Some(parent) = node.parent() else { return false };
    // First, since the default value and the type of a parameter are children of a node all of
    // whose names count as defined below.
    if is_in(USING, parent, node) {
        return false;
    }
    // C names the kind of a type at each use: only with a body it is the definition.
    if parent.kind().ends_with("_specifier") && parent.child_by_field_name("name") == Some(node) {
        return parent.child_by_field_name("body").is_some();
    }
    // What PHP's loop goes over comes first.
    if parent.kind() == "foreach_statement" {
        return node.prev_named_sibling().is_some();
    }
    is_in(DEFINING, parent, node)
        || is_made(node)
        || is_pair_of_loop(parent)
        || is_assigned(node, text)
}

/// Whether a name is the left side of an assignment: the name alone, one of several, or a member of
/// the object itself.
fn is_assigned(node: Node<'_>, text: &str) -> bool {
    let mut inner = node;
    while let Some(outer) = inner.parent() {
        let is_left = outer.child_by_field_name("left") == Some(inner);
        let declares = outer.kind().contains("assignment")
            || outer.kind().contains("short_var")
            || outer.kind().starts_with("for_")
            || outer.kind() == "range_clause"
            || outer.kind() == "for_in_clause";
        if is_left {
            let is_compound =
                outer.kind().contains("augmented") || outer.kind().contains("compound");
            // Where variables are declared, an assignment to a name alone declares none.
            let is_plain = ["assignment_expression", "assignment_statement"]
                .contains(&outer.kind())
                && inner == node
                && node.kind() != "variable_name";
            return declares && !is_compound && !is_plain;
        }
        let of_self = outer.kind() == "attribute" || outer.kind().contains("member");
        let object = text.get(outer.byte_range()).unwrap_or_default();
        // `self.size = 1` declares a field in Python, as `this.size = 1` does in JavaScript;
        // `other.size = 1` declares nothing of this type.
        let passes = ["expression_list", "tuple_pattern", "pattern_list", "tuple"]
            .contains(&outer.kind())
            || of_self && (object.starts_with("self.") || object.starts_with("this."));
        if !passes {
            return false;
        }
        inner = outer;
    }
    false
}
