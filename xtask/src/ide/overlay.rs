//! Puts the VS Code tree together and applies our changes to it, as `ide/overlay` describes them.
//!
//! `overlay.json` lists merges into JSON files, files to replace and add, and edits of texts. Each
//! must find what it changes: if upstream has moved, the assembly fails instead of silently giving
//! something else.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context as _, Result, bail};
use fs_err as fs;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::addresses::Addresses;
use super::program_settings::ProgramSettings;
use super::removed::Removed;
use super::shim::Shim;
use super::sources::Sources;
use super::strings::Strings;
use super::tree;
use super::user_settings::UserSettings;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Overlay {
    merge: Vec<With>,
    replace: Vec<With>,
    add: Vec<With>,
    edit: Vec<Edit>,
    shim: Shim,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct With {
    file: String,
    with: String,
    #[expect(dead_code, reason = "for the reader of the file; must be there")]
    reason: String,
}

/// A text in a file, and its replacement. It must occur exactly once: see [`replace_once`].
/// Minified names in it change with each version of the base, so such an edit must be found again.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Edit {
    file: String,
    find: String,
    put: String,
    #[expect(dead_code, reason = "for the reader of the file; must be there")]
    reason: String,
}

/// Makes `folder/vscode` from its sources and the overlay. The tree is linked rather than copied;
/// [`tree::write`] keeps the cache as it was.
pub(super) fn build(root: &Path, folder: &Path, sources: &Sources) -> Result<()> {
    let overlay = root.join("ide/overlay");
    let vscode = folder.join("vscode");
    tree::link(&sources.base.join("lib/vscode"), &vscode)?;
    tree::link(&sources.modules, &vscode.join("node_modules"))?;
    tree::link(&sources.extension_modules, &vscode.join("extensions/node_modules"))?;
    // First, so that nothing later finds its text in a file that is not shipped.
    Removed::read(&overlay)?.apply(&vscode)?;
    apply(&overlay, &vscode, &super::manifest::product_version(root)?)?;
    // After the edits, which refer to the base's own text.
    let users = UserSettings::read(&overlay)?;
    // Checked on the base as it declares its settings, before the registry is changed.
    ProgramSettings::read(&overlay)?.check(&vscode, &users)?;
    users.apply(&vscode)?;
    // Last: addresses are to be gone from what the edits have put in, too.
    Addresses::read(&overlay)?.apply(&vscode)
}

/// Applies the overlay to a pruned tree: merges, then whole files, then edits, then the page's
/// script, which has the finished product file in it, and the texts at last.
pub(super) fn apply(overlay: &Path, vscode: &Path, version: &str) -> Result<()> {
    let list: Overlay = read_json(&overlay.join("overlay.json"))?;
    for entry in &list.merge {
        let path = vscode.join(&entry.file);
        let mut value: Value = read_json(&path)?;
        merge(&mut value, &read_json(&overlay.join(&entry.with))?);
        tree::write(&path, serde_json::to_string_pretty(&value)?)?;
    }
    let product = finish_product(&vscode.join("product.json"), version)?;
    for entry in &list.replace {
        let path = vscode.join(&entry.file);
        if !path.is_file() {
            bail!("overlay.json replaces `{}`, which the base does not have", entry.file);
        }
        tree::write(&path, fs::read(overlay.join(&entry.with))?)?;
    }
    add(&list.add, overlay, vscode)?;
    edit(&list.edit, vscode)?;
    // With the product as it is now: the page gets a copy of it.
    list.shim.apply(overlay, vscode, &product)?;
    Strings::read(overlay)?.apply(vscode)
}

/// Adds files of ours; one that the base has now must be reviewed again, since ours would hide it.
fn add(entries: &[With], overlay: &Path, vscode: &Path) -> Result<()> {
    for entry in entries {
        let path = vscode.join(&entry.file);
        if path.exists() {
            bail!("overlay.json adds `{}`, which the base already has", entry.file);
        }
        fs::create_dir_all(path.parent().expect("a file in the tree has a folder"))?;
        fs::copy(overlay.join(&entry.with), &path)?;
    }
    Ok(())
}

/// Edits texts. Each file is read and written once, since one of them has 19 MB.
fn edit(edits: &[Edit], vscode: &Path) -> Result<()> {
    let mut texts: BTreeMap<&str, String> = BTreeMap::new();
    for edit in edits {
        // Taken out and put back, so that the next edit of the file sees this one.
        let text = match texts.remove(edit.file.as_str()) {
            Some(text) => text,
            None => fs::read_to_string(vscode.join(&edit.file))?,
        };
        let text = replace_once(&text, &edit.find, &edit.put)
            .with_context(|| format!("editing `{}`", edit.file))?;
        texts.insert(&edit.file, text);
    }
    // Only after all edits have matched: a tree that is half edited is never written.
    texts.iter().try_for_each(|(file, text)| tree::write(&vscode.join(file), text))
}

/// Sets our version, and makes sure that the product file names no address of anyone's, since the
/// editor would contact what it names.
fn finish_product(path: &Path, version: &str) -> Result<Value> {
    let mut product: Value = read_json(path)?;
    // The About dialog shows this as the version of the whole product.
    product["codeServerVersion"] = version.into();
    let addresses = addresses(&product);
    if !addresses.is_empty() {
        bail!("product.json still names addresses, set them in the overlay: {addresses:?}");
    }
    tree::write(path, serde_json::to_string_pretty(&product)?)?;
    Ok(product)
}

/// The texts in a value that are addresses outside this machine.
fn addresses(value: &Value) -> Vec<&str> {
    match value {
        // The overlay may point a field that must have an address at this machine, where nothing
        // listens.
        Value::String(text) if text.contains("://") && !text.contains("://127.0.0.1") => vec![text],
        Value::Array(items) => items.iter().flat_map(addresses).collect(),
        Value::Object(entries) => entries.values().flat_map(addresses).collect(),
        _ => Vec::new(),
    }
}

/// Merges `over` into `value`: objects key by key, null removes a key, anything else replaces. This
/// is JSON Merge Patch, by which lists are replaced as a whole.
pub(super) fn merge(value: &mut Value, over: &Value) {
    let (Value::Object(entries), Value::Object(over)) = (&mut *value, over) else {
        *value = over.clone();
        return;
    };
    for (key, new) in over {
        if new.is_null() {
            entries.remove(key);
        } else {
            merge(entries.entry(key.as_str()).or_insert(Value::Null), new);
        }
    }
}

/// Replaces a text that must occur exactly once. None means that the base has changed; several mean
/// that the text does not say which one is meant, and the next version could change their order.
pub(super) fn replace_once(text: &str, find: &str, put: &str) -> Result<String> {
    match text.matches(find).count() {
        1 => Ok(text.replacen(find, put, 1)),
        count => bail!("expected `{}` once, found it {count} times", find.trim()),
    }
}

pub(super) fn read_json<T: DeserializeOwned>(path: &Path) -> Result<T> {
    let text = fs::read_to_string(path)?;
    serde_json::from_str(&text).with_context(|| format!("`{}` is not as expected", path.display()))
}
