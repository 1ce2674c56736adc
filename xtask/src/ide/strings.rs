//! Changes the workbench's texts as `ide/overlay/strings.json` says.
//!
//! VS Code keeps all its texts in JSON arrays next to the code, so names are changed as data,
//! without touching a script. Every rule must match something, and no forbidden word may be left.

use std::path::Path;

use anyhow::{Context as _, Result, bail};
use fs_err as fs;
use serde::Deserialize;
use serde_json::Value;

use super::overlay::read_json;
use super::tree;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Strings {
    files: Vec<String>,
    /// Texts replaced when they are the whole text.
    whole: Vec<Rule>,
    /// Texts replaced wherever they occur, in this order.
    parts: Vec<Rule>,
    /// Words, in lower case, that must not be left.
    forbidden: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Rule {
    from: String,
    to: String,
    #[expect(dead_code, reason = "for the reader of the file; must be there")]
    reason: String,
}

impl Strings {
    pub(super) fn read(overlay: &Path) -> Result<Self> {
        read_json(&overlay.join("strings.json"))
    }

    pub(super) fn apply(&self, vscode: &Path) -> Result<()> {
        for file in &self.files {
            let path = vscode.join(file);
            let text = fs::read_to_string(&path)?;
            let changed = self.change_file(&text).with_context(|| format!("in `{file}`"))?;
            tree::write(&path, changed)?;
        }
        Ok(())
    }

    /// The content of a file with its texts changed. The JSON may be wrapped in an assignment,
    /// whose text stays as it is.
    fn change_file(&self, text: &str) -> Result<String> {
        let start = text.find(['[', '{']).context("no JSON in it")?;
        let end = text.rfind([']', '}']).context("no JSON in it")? + 1;
        let mut value: Value = serde_json::from_str(&text[start..end])?;
        // One file also has the texts' keys, which code uses and which must stay.
        let texts = if value.is_object() { &mut value["messages"] } else { &mut value };
        self.change(texts)?;
        Ok(format!("{}{}{}", &text[..start], serde_json::to_string(&value)?, &text[end..]))
    }

    /// Changes all texts in a value. A text that a rule of `whole` has changed is then given to the
    /// rules of `parts`; the forbidden words are looked for when all rules are through.
    pub(super) fn change(&self, value: &mut Value) -> Result<()> {
        let rules: Vec<&Rule> = self.whole.iter().chain(&self.parts).collect();
        // Counted over all texts of a file: each rule must have been needed in each of the files.
        let mut hits = vec![0_usize; rules.len()];
        let mut left = Vec::new();
        each_text(value, &mut |text| {
            for (at, rule) in rules.iter().enumerate() {
                if at < self.whole.len() {
                    if *text == rule.from {
                        *text = rule.to.clone();
                        hits[at] += 1;
                    }
                } else if text.contains(&rule.from) {
                    *text = text.replace(&rule.from, &rule.to);
                    hits[at] += 1;
                }
            }
            let lower = text.to_lowercase();
            if self.forbidden.iter().any(|word| lower.contains(word)) {
                left.push(text.clone());
            }
        });
        // A rule without a match means that the base has changed its text, which may now have a
        // name in it that no rule knows.
        if let Some(at) = hits.iter().position(|&count| count == 0) {
            bail!("strings.json: no text matches `{}`", rules[at].from);
        }
        if !left.is_empty() {
            bail!("strings.json: forbidden words are left in {left:?}");
        }
        Ok(())
    }
}

fn each_text(value: &mut Value, visit: &mut dyn FnMut(&mut String)) {
    match value {
        Value::String(text) => visit(text),
        Value::Array(items) => items.iter_mut().for_each(|item| each_text(item, visit)),
        Value::Object(entries) => entries.values_mut().for_each(|item| each_text(item, visit)),
        _ => {}
    }
}
