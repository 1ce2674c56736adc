//! Generated files agree with the tables, and the tables are in use.

use anyhow::Result;
use localcoder_protocol::ErrorCode;

use super::Repository;
use crate::commands;

/// Generated files are what the code would generate now. Somebody who changes a table and forgets
/// the files, or edits a file by hand, learns it here.
pub(super) fn fresh(repository: &Repository) -> Result<Vec<String>> {
    let mut complaints = Vec::new();
    for wanted in commands::generated(&repository.root)? {
        // The repository lists its paths with `/` on every system.
        let path = wanted.path.to_string_lossy().replace('\\', "/");
        if repository.file(&path).is_none_or(|file| file.text != wanted.text) {
            complaints.push(format!("{path} is not fresh; run `cargo xtask codegen`"));
        }
    }
    Ok(complaints)
}

/// Every error code is raised somewhere: a code that is never used misleads readers of the list. In
/// the extension it is found by the name that is on the wire.
pub(super) fn error_codes(repository: &Repository) -> Result<Vec<String>> {
    let mut complaints = Vec::new();
    for code in ErrorCode::ALL {
        let (rust, wire) = (format!("ErrorCode::{code:?}"), format!("\"{}\"", code.as_str()));
        let raised = repository
            // The protocol's own crate names all codes in its tables, which does not raise them.
            .written("rs")
            .any(|file| !file.path.starts_with("crates/protocol/") && file.text.contains(&rust));
        let raised = raised || repository.written("ts").any(|file| file.text.contains(&wire));
        if !raised {
            complaints.push(format!("`{}` is raised nowhere", code.as_str()));
        }
    }
    Ok(complaints)
}

/// Every setting is explained, has a default, and is on the reference page.
pub(super) fn settings(_: &Repository) -> Result<Vec<String>> {
    let page = localcoder_settings::markdown();
    let mut complaints = Vec::new();
    for (name, property) in
        localcoder_settings::vscode_properties().as_object().into_iter().flatten()
    {
        let explained =
            property["markdownDescription"].as_str().or(property["description"].as_str());
        if explained.unwrap_or_default().len() < 20 {
            complaints.push(format!("`{name}` is not explained"));
        }
        if !page.contains(&format!("`{name}`")) {
            complaints.push(format!("`{name}` is not on docs/reference/settings.md"));
        }
        if property.get("default").is_none() {
            complaints.push(format!("`{name}` has no default"));
        }
    }
    Ok(complaints)
}
