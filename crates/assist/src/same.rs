//! Whether two pieces of code are the same except for layout, or for the order of what is added,
//! multiplied or compared: no user would call one an improvement of the other.

use tree_sitter::Node;

use crate::language::Language;
use crate::syntax;

/// Operators whose sides can be swapped, as far as a reader is concerned. That a type may overload
/// them does not matter: swapping the sides improves nothing either way.
const SWAPPED: &[&str] =
    &["+", "*", "==", "!=", "===", "!==", "&", "|", "^", "&&", "||", "and", "or"];

/// Code that is nested more deeply is compared as it is written: the comparison recurses, and a sum
/// of thousands of parts is a tree as deep as it is long.
const DEPTH_MAX: usize = 200;

/// Whether only layout and the order of operands differ. False without a grammar, and for code with
/// errors, of which nothing is known for certain.
pub(crate) fn code(language: &Language, before: &str, after: &str) -> bool {
    alike(language, before, after, SWAPPED)
}

pub(crate) fn but_for_layout(language: &Language, before: &str, after: &str) -> bool {
    alike(language, before, after, &[])
}

fn alike(language: &Language, before: &str, after: &str, swapped: &[&str]) -> bool {
    // In prose, blanks and words carry the meaning, and the grammar has no leaves for words.
    if language.prose {
        return false;
    }
    let form = |text: &str| {
        let tree = syntax::parse(language, text)?;
        (!tree.root_node().has_error()).then(|| form(tree.root_node(), text, swapped, 0))
    };
    // Blanks between words are layout; in some languages indentation is the nesting of a statement.
    matches!((form(before), form(after)), (Some(before), Some(after)) if before == after)
}

/// A text for a node that is the same for everything that reads the same: the kinds of the nodes
/// and their leaves, without the white space between them. Two texts are compared rather than two
/// trees, as children that may change places are put in an order first.
fn form(node: Node<'_>, text: &str, swapped: &[&str], depth: usize) -> String {
    let own = || text.get(node.byte_range()).unwrap_or_default().trim().to_owned();
    // White space within a string is its content, and some grammars split strings into parts.
    if node.child_count() == 0 || depth > DEPTH_MAX || node.kind().contains("string") {
        return own();
    }
    let mut cursor = node.walk();
    let children: Vec<Node<'_>> = node.children(&mut cursor).collect();
    let mut parts: Vec<String> =
        children.iter().map(|child| form(*child, text, swapped, depth + 1)).collect();
    if let [left, sign, right] = parts.as_mut_slice()
        && node.kind().contains("binary")
            | node.kind().contains("boolean")
            | node.kind().contains("comparison")
        && swapped.contains(&sign.as_str())
        // Which order does not matter, as long as it is the same for both texts.
        && left > right
    {
        std::mem::swap(left, right);
    }
    // Text between the children that belongs to none of them, such as that of a here-document.
    let ends = children.iter().map(Node::end_byte);
    let starts = children.iter().skip(1).map(Node::start_byte).chain([node.end_byte()]);
    let gaps = [(node.start_byte(), children.first().map_or(0, Node::start_byte))];
    let gaps = gaps.into_iter().chain(ends.zip(starts));
    let loose: Vec<&str> = gaps
        .filter_map(|(from, to)| text.get(from..to))
        .map(str::trim)
        .filter(|gap| !gap.is_empty())
        .collect();
    format!("{}({}){}", node.kind(), parts.join(" "), loose.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn same(path: &str, before: &str, after: &str) -> bool {
        code(Language::of(None, path), before, after)
    }

    #[test]
    fn layout_and_order_make_no_difference_and_everything_else_does() {
        assert!(same("a.py", "x = a * 2\n", "x = 2 * a\n"));
        assert!(same("a.py", "f(a,b)\n", "f(a, b)\n"));
        assert!(same("a.rs", "fn f() -> u8 { a + b * c }", "fn f() -> u8 {\n    c * b + a\n}"));
        assert!(same("a.js", "if (a && b) { f(); }", "if (b && a) {\n  f();\n}"));
        assert!(!same("a.py", "x = a - 2\n", "x = 2 - a\n"));
        assert!(!same("a.py", "x = a * 2\n", "x = a * 3\n"));
        assert!(!same("a.py", "if a:\n    f()\n    g()\n", "if a:\n    f()\ng()\n"));
        assert!(!same("a.py", "x = 'a b'\n", "x = 'a  b'\n"));
        assert!(!same("a.py", "x = 1\n", "x = 1  # one\n"));
        assert!(!same("a.txt", "a  b", "a b"), "nothing is known of it");
        assert!(!same("a.md", "The shop are open.\n", "The shop is open.\n"));
        assert!(!same("a.sh", "cat <<X\na $b\nX\n", "cat <<X\nc $b\nX\n"));
        let language = Language::of(None, "a.py");
        assert!(but_for_layout(language, "f(a,b)\n", "f(\n    a, b)\n"));
        assert!(!but_for_layout(language, "x = a * 2\n", "x = 2 * a\n"));
    }
}
