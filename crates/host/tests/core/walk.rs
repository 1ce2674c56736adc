//! The diagram in `docs/walk.md` of the messages with which a selection is improved.

use std::path::Path;

use serde_json::json;

use crate::rig::Rig;

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/walk.md");

const BEGINS: &str = "```mermaid\nsequenceDiagram\n";

/// The messages from the key press to the edit, starting without a loaded model.
fn said() -> String {
    let mut rig = Rig::new();
    rig.connect(1);
    rig.said.clear();
    let text = "def f(x):\n    if x == None:\n        return 1\n    return 2\n";
    let document = json!({"path": "a.py", "text": text});
    let cursor = json!({"document": document, "selection": {"start": 2, "end": 2}, "empty": true});
    let id = rig.request(1, "scopes", cursor);
    let selection = &rig.answer(id).unwrap()["chosen"]["range"];
    let selected = json!({"requestId": "a", "document": document, "selection": selection});
    let id = rig.request(1, "improve", selected);
    rig.write("def f(x):\n    if x is None:\n");
    rig.write("        return 1\n    return 2");
    rig.finish();
    let answer = rig.answer(id).unwrap();
    // The user chooses *Apply*.
    let located = json!({"document": document, "edits": [answer["edit"]]});
    let id = rig.request(1, "locateEdits", located);
    rig.answer(id).unwrap();
    let mut lines = rig.said;
    lines.dedup();
    lines.iter().map(|line| format!("    {line}\n")).collect()
}

#[test]
fn the_walk_of_a_selection_is_drawn_as_it_is() {
    let page = fs_err::read_to_string(Path::new(PAGE)).unwrap();
    let (before, rest) = page.split_once(BEGINS).expect("the page has a picture");
    let (_, after) = rest.split_once("```").expect("the picture ends");
    let drawn = format!("{before}{BEGINS}{}```{after}", said());
    if std::env::var_os("UPDATE_PAGES").is_some() {
        fs_err::write(PAGE, &drawn).unwrap();
        return;
    }
    assert!(page == drawn, "docs/walk.md shows another walk; UPDATE_PAGES=1 draws it:\n{drawn}");
}
