//! Settings through which a folder could name a program, or a file that a program reads: each has
//! been reviewed.
//!
//! `program-settings.json` lists them and what happens to a folder's value. Fails if the base
//! declares such a setting that is in no list, or no longer lets a folder set a listed one. It only
//! finds names that are written out, not those that the code puts together at run time.
//! `e2e/support/traps.mjs` tries what such settings could run. Called by the overlay.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use anyhow::{Result, bail};
use fs_err as fs;
use serde::Deserialize;
use serde_json::Value;

use super::overlay::read_json;
use super::user_settings::{
    Keys, UserSettings, declared_by_extensions, declared_by_the_core, description, keys, word_in,
};

/// Scopes in which a folder's value is ignored, in manifests and as the core's numbers, which is
/// what the minifier leaves of its enum.
const NO_FOLDERS: [&str; 6] = ["application", "machine", "application-machine", "1", "2", "3"];
const NO_NAMES: [&str; 4] = ["boolean", "number", "integer", "null"];

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct ProgramSettings {
    /// Beginnings of words: if one is in a setting's name or description, the setting needs a
    /// review.
    words: Vec<String>,
    looked_at: Vec<Keys>,
}

type Found = BTreeMap<String, String>;

impl ProgramSettings {
    pub(super) fn read(overlay: &Path) -> Result<Self> {
        read_json(&overlay.join("program-settings.json"))
    }

    /// Compares it with what the base declares; `users` are the settings that a folder can't set.
    /// Fails for one that has not been reviewed and for one that is listed but gone, so that the
    /// list stays the size of what must be reviewed.
    pub(super) fn check(&self, vscode: &Path, users: &UserSettings) -> Result<()> {
        let problems = self.problems(&self.found(vscode, users)?);
        if !problems.is_empty() {
            bail!("program-settings.json:\n  {}", problems.join("\n  "));
        }
        Ok(())
    }

    fn problems(&self, found: &Found) -> Vec<String> {
        let listed: BTreeSet<&str> = keys(&self.looked_at).collect();
        let new = found.iter().filter(|(key, _)| !listed.contains(key.as_str()));
        let new = new.map(|(key, why)| {
            format!("a folder can set `{key}`, which {why}; it was not reviewed")
        });
        let gone = listed.iter().filter(|key| !found.contains_key(**key));
        new.chain(gone.map(|key| format!("`{key}` is gone, or is not a folder's any more")))
            .collect()
    }

    fn found(&self, vscode: &Path, users: &UserSettings) -> Result<Found> {
        let code = fs::read_to_string(vscode.join(users.file()))?;
        let texts: Vec<String> = read_json(&vscode.join("out/nls.messages.json"))?;
        let mut found = Found::new();
        for (key, declaration) in declared_by_the_core(&code) {
            let scope = top_level(declaration, "scope").unwrap_or_default();
            if !NO_FOLDERS.contains(&scope.trim_matches('"')) && core_holds_names(declaration) {
                let restricted = top_level(declaration, "restricted").is_some();
                self.look(&mut found, key, &description(declaration, &texts), restricted);
            }
        }
        for declared in declared_by_extensions(vscode)? {
            // The page lists the extensions' settings as well, under the names of their texts.
            found.remove(&declared.key);
            let scope = declared.value["scope"].as_str().unwrap_or_default();
            if !NO_FOLDERS.contains(&scope) && holds_names(&declared.value) {
                self.look(&mut found, &declared.key, &declared.text, declared.restricted);
            }
        }
        // Ours come from our own table, and a folder can't set any of them.
        found.retain(|key, _| !users.is_users(key) && !key.starts_with("localcoder."));
        Ok(found)
    }

    fn look(&self, found: &mut Found, key: &str, text: &str, restricted: bool) {
        // The names of these languages do not mean scripts.
        let text = format!("{key} {text}").replace("TypeScript", "").replace("JavaScript", "");
        let why = word_in(&text, &self.words).map(|word| format!("says `{word}`"));
        let why = why.or(restricted.then(|| "the base restricts to trusted folders".to_owned()));
        found.extend(why.map(|why| (key.to_owned(), why)));
    }
}

/// Whether a setting accepts texts that are not in a list of choices.
fn holds_names(value: &Value) -> bool {
    let no_name = |kind: &Value| kind.as_str().is_some_and(|kind| NO_NAMES.contains(&kind));
    let types_without = match &value["type"] {
        Value::Array(kinds) => kinds.iter().all(no_name),
        kind => no_name(kind),
    };
    value.get("enum").is_none() && !types_without
}

/// As [`holds_names`], for a declaration in the core's code. A type that is not written as a
/// literal could be any, so it counts as one that can.
fn core_holds_names(declaration: &str) -> bool {
    let kinds = top_level(declaration, "type").unwrap_or_default();
    let kinds: Vec<&str> = kinds.split('"').skip(1).step_by(2).collect();
    let types_without = !kinds.is_empty() && kinds.iter().all(|kind| NO_NAMES.contains(kind));
    top_level(declaration, "enum").is_none() && !types_without
}

/// The value of a name directly in an object literal, not in a nested one. A `scope` or `enum` of a
/// nested property says nothing about the setting itself.
fn top_level<'a>(declaration: &'a str, name: &str) -> Option<&'a str> {
    let mut begins = None;
    for (at, byte, depth) in outside_of_texts(declaration) {
        match (begins, byte) {
            (Some(begin), b',') | (Some(begin), b'}') if depth == 1 => {
                return declaration.get(begin..at);
            }
            (None, b':') if depth == 1 => {
                // The name must be whole: `type` also ends other names.
                let before = declaration[..at].strip_suffix(name);
                let whole = before.is_some_and(|before| before.ends_with([',', '{']));
                begins = whole.then_some(at + 1);
            }
            _ => {}
        }
    }
    None
}

/// The bytes of code outside of string literals, with the bracket depth of each. Regular
/// expressions are not recognized, which declarations of settings do not have.
fn outside_of_texts(code: &str) -> impl Iterator<Item = (usize, u8, usize)> {
    let (mut depth, mut quote, mut escaped) = (0_usize, None, false);
    code.bytes().enumerate().filter_map(move |(at, byte)| {
        if let Some(end) = quote {
            if !escaped && byte == end {
                quote = None;
            }
            escaped = !escaped && byte == b'\\';
            return None;
        }
        // An opening bracket is reported with the depth outside of it.
        let inside = depth;
        match byte {
            b'"' | b'\'' | b'`' => quote = Some(byte),
            b'{' | b'[' | b'(' => depth += 1,
            b'}' | b']' | b')' => depth = depth.saturating_sub(1),
            _ => {}
        }
        Some((at, byte, inside))
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn list(looked_at: &[&str]) -> ProgramSettings {
        let value = json!({
            "words": ["path", "executable"],
            "lookedAt": [{"keys": looked_at, "reason": "r"}],
        });
        serde_json::from_value(value).unwrap()
    }

    fn users() -> UserSettings {
        UserSettings::read(&crate::places::root().join("ide/overlay")).unwrap()
    }

    fn base() -> tempfile::TempDir {
        let place = tempfile::tempdir().unwrap();
        let vscode = place.path();
        let page = vscode.join(users().file());
        for folder in [page.parent().unwrap(), &vscode.join("out"), &vscode.join("extensions/one")]
        {
            fs::create_dir_all(folder).unwrap();
        }
        let code = r#"r({"a.path":{type:"string",description:d(0,null)},
            "a.b":{restricted:!0,type:["object","null"],default:{}},
            "a.count":{type:"number",description:d(0,null)},
            "a.choice":{type:"string",enum:["x"],description:d(0,null)},
            "a.machine":{type:"string",scope:2,description:d(0,null)},
            "a.deep":{type:"object",properties:{scope:2,enum:["x"]},description:d(0,null)},
            "a.other":{type:"string",description:d(1,null)}})"#;
        fs::write(page, code).unwrap();
        fs::write(vscode.join("out/nls.messages.json"), r#"["A path","Nothing {"]"#).unwrap();
        let manifest = json!({
            "capabilities": {"untrustedWorkspaces": {"restrictedConfigurations": ["one.quiet"]}},
            "contributes": {"configuration": [{"properties": {
                "one.run": {"type": ["string", "null"], "description": "%run%"},
                "one.quiet": {"type": "string", "description": "q"},
                "one.on": {"type": "boolean", "description": "%run%"},
                "one.own": {"type": "string", "scope": "machine", "description": "%run%"},
                "git.autofetch": {"type": "string", "description": "%run%"},
            }}]},
        });
        fs::write(vscode.join("extensions/one/package.json"), manifest.to_string()).unwrap();
        let texts = r#"{"run": "The executable of JavaScript"}"#;
        fs::write(vscode.join("extensions/one/package.nls.json"), texts).unwrap();
        place
    }

    #[test]
    fn what_a_folder_could_name_is_found_and_nothing_else() {
        let base = base();
        let found = list(&[]).found(base.path(), &users()).unwrap();
        let names: Vec<&str> = found.keys().map(String::as_str).collect();
        assert_eq!(names, ["a.b", "a.deep", "a.path", "one.quiet", "one.run"]);
        assert_eq!(found["one.run"], "says `executable`");
        assert_eq!(found["one.quiet"], "the base restricts to trusted folders");
    }

    #[test]
    fn one_that_is_new_or_gone_fails() {
        let base = base();
        let known = ["a.b", "a.deep", "a.path", "one.quiet", "one.run"];
        list(&known).check(base.path(), &users()).unwrap();
        let error = list(&known[1..]).check(base.path(), &users()).unwrap_err().to_string();
        assert!(error.contains("a folder can set `a.b`"), "{error}");
        let more = [&known[..], &["a.machine"]].concat();
        let error = list(&more).check(base.path(), &users()).unwrap_err().to_string();
        assert!(error.contains("`a.machine` is gone, or is not a folder's"), "{error}");
    }

    #[test]
    fn the_assembled_editors_settings_were_all_looked_at() {
        let root = crate::places::root();
        let vscode = root.join("target/ide/vscode");
        if !vscode.is_dir() {
            return;
        }
        let list = ProgramSettings::read(&root.join("ide/overlay")).unwrap();
        let found = list.found(&vscode, &users()).unwrap();
        assert!(found.len() > 30, "only {} settings were found", found.len());
        assert_eq!(list.problems(&found), Vec::<String>::new());
    }
}
