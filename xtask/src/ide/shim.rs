//! The script and the style that are put into the page that starts the workbench.
//!
//! The page is a template: the server replaces every `{{…}}` in it on each request. So the JSON
//! that is put in here must not contain `{{`, or `</` and `<!--`, which would end the script or
//! keep it from ending. Called by the overlay.

use std::path::Path;

use anyhow::{Context as _, Result};
use fs_err as fs;
use serde::Deserialize;
use serde_json::Value;

use super::overlay::{read_json, replace_once};
use super::tree;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Shim {
    file: String,
    script: String,
    style: String,
    script_before: String,
    style_before: String,
    configuration_defaults: String,
}

impl Shim {
    pub(super) fn apply(&self, overlay: &Path, vscode: &Path, product: &Value) -> Result<()> {
        let defaults: Value = read_json(&overlay.join(&self.configuration_defaults))?;
        let script = script(&fs::read_to_string(overlay.join(&self.script))?, product, &defaults)?;
        let style = fs::read_to_string(overlay.join(&self.style))?;
        let style = format!("<style>\n{style}</style>\n\t{}", self.style_before);
        let script = format!(
            "\t<script nonce=\"{{{{WORKBENCH_SCRIPT_NONCE}}}}\">\n{script}</script>\n{}",
            self.script_before
        );
        let path = vscode.join(&self.file);
        let page = replace_once(&fs::read_to_string(&path)?, &self.style_before, &style)?;
        tree::write(&path, replace_once(&page, &self.script_before, &script)?)
    }
}

/// The script with the product, its version and the configuration defaults filled in. Each
/// placeholder must occur once, so that a script that was changed fails here and not in the page.
pub(super) fn script(template: &str, product: &Value, defaults: &Value) -> Result<String> {
    let version = product.get("version").filter(|it| it.is_string());
    let version = version.context("the product has no `version`")?;
    let script = replace_once(template, "\"@PRODUCT@\"", &literal(product)?)?;
    let script = replace_once(&script, "\"@VERSION@\"", &literal(version)?)?;
    replace_once(&script, "\"@DEFAULTS@\"", &literal(defaults)?)
}

/// JSON that is safe in a script in the page's template.
fn literal(value: &Value) -> Result<String> {
    // `<` and `{{` are only within its strings, where an escape means the same.
    Ok(serde_json::to_string(value)?.replace('<', "\\u003c").replace("{{", "{\\u007b"))
}
