//! Settings that can cause a connection belong to the user: a folder can't set them.
//!
//! `user-settings.json` lists them, and the workbench's registry is made to treat each as an
//! application setting: its value in a folder or workspace file is then ignored, by the page and by
//! the extension host, which gets its values from the page. Fails if a listed setting is gone, and
//! if a setting of the base mentions the network and was not reviewed. Called by the overlay.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use anyhow::{Result, bail};
use fs_err as fs;
use serde::Deserialize;
use serde_json::Value;

use super::overlay::{read_json, replace_once};
use super::tree;

/// A setting's declaration is a few hundred bytes; one with a list of proxies or languages a few
/// thousand.
const DECLARATION_BYTES_MAX: usize = 32 * 1024;
/// Names in minified code have one to three letters.
const MINIFIED_NAME_BYTES_MAX: usize = 3;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct UserSettings {
    /// The file with the registry, and the core's own settings.
    file: String,
    /// The code in which the registry decides a setting's scope, and its replacement, in which
    /// `@USERS@` becomes a function of the setting's name.
    find: String,
    put: String,
    #[expect(dead_code, reason = "for the reader of the file; must be there")]
    reason: String,
    /// Beginnings of words: if one is in a setting's name or description, the setting needs a
    /// review.
    words: Vec<String>,
    families: Vec<Family>,
    users: Vec<Keys>,
    /// Settings that mention the network, or something called that, and that a folder may still
    /// set.
    harmless: Vec<Keys>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Family {
    prefix: String,
    #[expect(dead_code, reason = "for the reader of the file; must be there")]
    reason: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Keys {
    pub(super) keys: Vec<String>,
    #[expect(dead_code, reason = "for the reader of the file; must be there")]
    reason: String,
}

#[derive(Debug)]
pub(super) struct Setting {
    text: String,
    application: bool,
}

type Settings = BTreeMap<String, Setting>;

impl UserSettings {
    pub(super) fn read(overlay: &Path) -> Result<Self> {
        read_json(&overlay.join("user-settings.json"))
    }

    pub(super) fn file(&self) -> &str {
        &self.file
    }

    /// Changes the registry, after checking everything that is declared. Nothing is written if the
    /// check finds a problem.
    pub(super) fn apply(&self, vscode: &Path) -> Result<()> {
        let path = vscode.join(&self.file);
        let code = fs::read_to_string(&path)?;
        let texts: Vec<String> = read_json(&vscode.join("out/nls.messages.json"))?;
        let mut settings = of_the_core(&code, &texts);
        of_extensions(vscode, &mut settings)?;
        let problems = self.problems(&settings, &code);
        if !problems.is_empty() {
            bail!("user-settings.json:\n  {}", problems.join("\n  "));
        }
        let put = self.put.replace("@USERS@", &self.function()?);
        tree::write(&path, replace_once(&code, &self.find, &put)?)
    }

    /// Contradictions between the list and the declared settings, as sentences; empty if all have
    /// been judged.
    pub(super) fn problems(&self, settings: &Settings, code: &str) -> Vec<String> {
        let mut problems = Vec::new();
        let users: BTreeSet<&str> = keys(&self.users).collect();
        let harmless: BTreeSet<&str> = keys(&self.harmless).collect();
        for key in users.iter().chain(&harmless) {
            // Some names are constants elsewhere in the code.
            if !settings.contains_key(*key) && !code.contains(&format!("\"{key}\"")) {
                problems.push(format!("`{key}` is gone"));
            }
        }
        for key in users.intersection(&harmless) {
            problems.push(format!("`{key}` is in both lists"));
        }
        for family in &self.families {
            if !settings.keys().any(|key| key.starts_with(&family.prefix)) {
                problems.push(format!("no setting begins with `{}`", family.prefix));
            }
        }
        for (key, setting) in settings {
            let known = setting.application
                || users.contains(key.as_str())
                || harmless.contains(key.as_str())
                || self.families.iter().any(|family| key.starts_with(&family.prefix));
            if known {
                continue;
            }
            if let Some(word) = self.word_in(&format!("{key} {}", setting.text)) {
                let text = &setting.text;
                problems.push(format!("`{key}` says `{word}` and was not looked at: {text}"));
            }
        }
        problems
    }

    /// Whether a folder can't set it because this list makes it the user's. Settings that the base
    /// itself keeps from folders are not asked about here.
    pub(super) fn is_users(&self, key: &str) -> bool {
        keys(&self.users).any(|other| other == key)
            || self.families.iter().any(|family| key.starts_with(&family.prefix))
    }

    fn word_in(&self, text: &str) -> Option<String> {
        word_in(text, &self.words)
    }

    /// A JavaScript function that says whether a setting is the user's, as one expression, since it
    /// is put into minified code. Keys are written as JSON, which JavaScript reads as well.
    fn function(&self) -> Result<String> {
        let keys = serde_json::to_string(&keys(&self.users).collect::<Vec<_>>())?;
        let families =
            serde_json::to_string(&self.families.iter().map(|f| &f.prefix).collect::<Vec<_>>())?;
        Ok(format!("(k=>{keys}.includes(k)||{families}.some(f=>k.startsWith(f)))"))
    }
}

/// The first word of a text that begins with one of these. Addresses of documentation don't count:
/// a link is not a contact.
pub(super) fn word_in(text: &str, beginnings: &[String]) -> Option<String> {
    let parts = text.split_whitespace().map(|part| {
        let part = part.split("](").next().unwrap_or(part);
        part.split("http://").next().unwrap_or(part).split("https://").next().unwrap_or(part)
    });
    let begins = |word: &String| beginnings.iter().any(|one| word.starts_with(one.as_str()));
    parts.flat_map(split_words).find(begins)
}

pub(super) fn keys(lists: &[Keys]) -> impl Iterator<Item = &str> {
    lists.iter().flat_map(|list| &list.keys).map(String::as_str)
}

/// The words of a text in lower case; `resourceRequest` has two. Capitals in a row are one word, so
/// `URI` is not split.
fn split_words(text: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut small = false;
    for c in text.chars() {
        if !c.is_alphanumeric() || (small && c.is_uppercase()) {
            words.push(String::new());
        }
        if c.is_alphanumeric() {
            words.last_mut().expect("never empty").extend(c.to_lowercase());
        }
        small = c.is_lowercase();
    }
    words
}

fn of_extensions(vscode: &Path, settings: &mut Settings) -> Result<()> {
    for Declared { key, value, text, .. } in declared_by_extensions(vscode)? {
        let tags = value["tags"].as_array().into_iter().flatten().map(Value::to_string);
        let text = [text].into_iter().chain(tags).collect::<Vec<_>>().join(" ");
        settings.insert(key, Setting { text, application: value["scope"] == "application" });
    }
    Ok(())
}

pub(super) struct Declared {
    pub(super) key: String,
    pub(super) value: Value,
    pub(super) text: String,
    /// Whether the value in an untrusted folder is ignored.
    pub(super) restricted: bool,
}

/// All settings in the manifests of the base's extensions, with their English descriptions.
/// `configuration` is one block or a list of them, and both occur.
pub(super) fn declared_by_extensions(vscode: &Path) -> Result<Vec<Declared>> {
    let mut declared = Vec::new();
    for path in tree::matching(vscode, "extensions/*/package.json")? {
        let manifest: Value = read_json(&path)?;
        let texts_path = path.with_file_name("package.nls.json");
        let texts: Value = if texts_path.is_file() { read_json(&texts_path)? } else { Value::Null };
        let restricted =
            manifest["capabilities"]["untrustedWorkspaces"]["restrictedConfigurations"].as_array();
        let blocks = &manifest["contributes"]["configuration"];
        let blocks = blocks.as_array().map_or(std::slice::from_ref(blocks), Vec::as_slice);
        for (key, value) in
            blocks.iter().filter_map(|block| block["properties"].as_object()).flatten()
        {
            let text = ["description", "markdownDescription"]
                .iter()
                .filter_map(|name| value[*name].as_str())
                .map(|text| translated(text, &texts))
                .collect::<Vec<_>>()
                .join(" ");
            // An extension names them in either of two places.
            let restricted = value["restricted"] == true
                || restricted.is_some_and(|keys| keys.iter().any(|other| other == key));
            declared.push(Declared { key: key.clone(), value: value.clone(), text, restricted });
        }
    }
    Ok(declared)
}

fn translated(text: &str, texts: &Value) -> String {
    let name = text.trim_matches('%');
    let found = &texts[name];
    found.as_str().or(found["message"].as_str()).unwrap_or(text).to_owned()
}

/// The settings that the workbench's own code declares with a written-out name.
pub(super) fn of_the_core(code: &str, texts: &[String]) -> Settings {
    let settings = declared_by_the_core(code).into_iter().map(|(key, declaration)| {
        // 1 is what the minifier leaves of the enum's value for an application setting.
        let application = declaration.contains("scope:1,") || declaration.contains("scope:1}");
        (key.to_owned(), Setting { text: description(declaration, texts), application })
    });
    settings.collect()
}

/// Their names and declarations, found by their form: a quoted name with a dot, a colon, and an
/// object that has what a setting's schema has. Names that are put together at run time are not
/// found.
pub(super) fn declared_by_the_core(code: &str) -> Vec<(&str, &str)> {
    let mut declared = Vec::new();
    for (at, _) in code.match_indices("\":{") {
        let Some(start) = code[..at].rfind('"') else { continue };
        let key = &code[start + 1..at];
        let is_name = key.contains('.')
            && key.starts_with(|c: char| c.is_ascii_alphabetic())
            && key.chars().all(|c| c.is_ascii_alphanumeric() || "._-/".contains(c));
        if !is_name {
            continue;
        }
        let Some(declaration) = object(&code[at + 2..]) else { continue };
        let says = |name: &str| declaration.contains(&format!("{name}:"));
        // Otherwise it is something else with a type, such as the parameter of a command.
        if (says("type") || says("$ref") || says("anyOf") || says("enum"))
            && (says("escription") || says("default") || says("scope"))
        {
            declared.push((key, declaration));
        }
    }
    declared
}

/// The object literal at the beginning of a text, by counting braces outside of strings; `None` if
/// it is malformed or longer than any declaration, so that a stray brace does not read the whole
/// file.
fn object(text: &str) -> Option<&str> {
    let mut depth = 0_usize;
    let mut quote = None;
    let mut escaped = false;
    for (at, byte) in text.bytes().enumerate().take(DECLARATION_BYTES_MAX) {
        if let Some(end) = quote {
            if escaped {
                escaped = false;
            } else if byte == b'\\' {
                escaped = true;
            } else if byte == end {
                quote = None;
            }
            continue;
        }
        match byte {
            // Templates are taken for plain strings: what is inside `${…}` does not count.
            b'"' | b'\'' | b'`' => quote = Some(byte),
            b'{' => depth += 1,
            b'}' if depth == 1 => return text.get(..=at),
            b'}' => depth = depth.checked_sub(1)?,
            _ => {}
        }
    }
    None
}

/// The descriptions in a declaration: written out, or as `d(123,…)`, a call of a function with a
/// minified name that takes a text's index in the list of texts.
pub(super) fn description(declaration: &str, texts: &[String]) -> String {
    let mut found = Vec::new();
    for (at, part) in declaration.match_indices("escription:") {
        let rest = &declaration[at + part.len()..];
        if let Some(literal) = rest.strip_prefix('"') {
            found.push(literal.split('"').next().unwrap_or(literal));
        } else if let Some((_, number)) =
            rest.split_once('(').filter(|(name, _)| name.len() <= MINIFIED_NAME_BYTES_MAX)
        {
            let digits = number.find(|c: char| !c.is_ascii_digit()).unwrap_or(0);
            let text = number[..digits].parse().ok().and_then(|at: usize| texts.get(at));
            found.extend(text.map(String::as_str));
        }
    }
    found.join(" ")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn list(users: &[&str], harmless: &[&str]) -> UserSettings {
        let value = json!({
            "file": "workbench.js",
            "find": "scope=s",
            "put": "scope=@USERS@(k)?1:s",
            "reason": "r",
            "words": ["download", "http"],
            "families": [{"prefix": "chat.", "reason": "r"}],
            "users": [{"keys": users, "reason": "r"}],
            "harmless": [{"keys": harmless, "reason": "r"}],
        });
        serde_json::from_value(value).unwrap()
    }

    fn base(code: &str, manifest: &Value) -> tempfile::TempDir {
        let place = tempfile::tempdir().unwrap();
        for folder in ["out", "extensions/one"] {
            fs::create_dir_all(place.path().join(folder)).unwrap();
        }
        fs::write(place.path().join("workbench.js"), code).unwrap();
        fs::write(place.path().join("out/nls.messages.json"), r#"["Loads { things","Downloads"]"#)
            .unwrap();
        let manifest = json!({ "contributes": { "configuration": manifest } });
        fs::write(place.path().join("extensions/one/package.json"), manifest.to_string()).unwrap();
        let texts = r#"{"speaks": {"message": "Whether a schema is downloaded"}}"#;
        fs::write(place.path().join("extensions/one/package.nls.json"), texts).unwrap();
        place
    }

    /// One core and one extension setting that mention the network, one of which is an application
    /// setting.
    fn usual() -> tempfile::TempDir {
        base(
            r#"r({"a.b":{type:"string",description:d(1,null)},"a.c":{type:"x",description:d(0,null)},
               "a.d":{type:"x",scope:1,description:d(1,null)},"chat.x":{type:"x",default:"http"}});scope=s"#,
            &json!([{"properties": {
                "one.speaks": {"type": "boolean", "description": "%speaks%"},
                "one.documented": {"markdownDescription": "See [this](https://download.example)."},
            }}]),
        )
    }

    #[test]
    fn the_registry_asks_whether_a_setting_is_the_users() {
        let place = usual();
        list(&["a.b"], &["one.speaks"]).apply(place.path()).unwrap();
        let code = fs::read_to_string(place.path().join("workbench.js")).unwrap();
        let asks = r#"scope=(k=>["a.b"].includes(k)||["chat."].some(f=>k.startsWith(f)))(k)?1:s"#;
        assert!(code.ends_with(asks), "{code}");
    }

    #[test]
    fn a_setting_that_speaks_of_the_network_and_is_in_no_list_fails() {
        let error = list(&[], &[]).apply(usual().path()).unwrap_err().to_string();
        for part in ["`a.b` says `downloads`", "`one.speaks` says `downloaded`"] {
            assert!(error.contains(part), "{part} in {error}");
        }
        for part in ["a.c", "a.d", "chat.x", "one.documented"] {
            assert!(!error.contains(part), "{part} in {error}");
        }
    }

    #[test]
    fn a_setting_that_is_gone_or_in_both_lists_fails() {
        let list = list(&["a.b", "a.gone"], &["one.speaks", "a.b"]);
        let error = list.apply(usual().path()).unwrap_err().to_string();
        assert!(
            error.contains("`a.gone` is gone") && error.contains("`a.b` is in both"),
            "{error}"
        );
    }

    #[test]
    fn names_are_read_as_words() {
        assert_eq!(split_words("resourceRequestURI x"), ["resource", "request", "uri", "x"]);
        let list = list(&[], &[]);
        assert_eq!(list.word_in("autoDownload.on"), Some("download".to_owned()));
        assert_eq!(list.word_in("see [it](https://download.example/http), undownloaded"), None);
    }

    #[test]
    fn the_assembled_editors_settings_were_all_looked_at() {
        let root = crate::places::root();
        let vscode = root.join("target/ide/vscode");
        if !vscode.is_dir() {
            return;
        }
        let list = UserSettings::read(&root.join("ide/overlay")).unwrap();
        let code = fs::read_to_string(vscode.join(&list.file)).unwrap();
        let texts: Vec<String> = read_json(&vscode.join("out/nls.messages.json")).unwrap();
        let mut settings = of_the_core(&code, &texts);
        of_extensions(&vscode, &mut settings).unwrap();
        // Ours come from our own table, and are recognized by their name.
        settings.retain(|key, _| !key.starts_with("localcoder."));
        assert!(settings.len() > 1500, "only {} settings were found", settings.len());
        assert_eq!(list.problems(&settings, &code), Vec::<String>::new());
    }
}
