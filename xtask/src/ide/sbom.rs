//! What is shipped, for programs that look for known vulnerabilities: a bill of materials in
//! CycloneDX 1.5's JSON. Made from lock files and cargo's metadata for this machine, so that it
//! needs no network and is the same each time. The version of VS Code and some licenses are only in
//! what is installed from the lock files; if the IDE has not been assembled yet, they are omitted,
//! which is reported.
//!
//! It judges nothing: licenses are checked when the IDE is assembled. Used by `cargo xtask sbom`.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context as _, Result};
use serde_json::{Value, json};

use super::removed::Removed;
use super::{crates, licenses, manifest, overlay, packages, toolchain};

const LOCKS: [&str; 4] = [
    "ide/base/vscode/package-lock.json",
    "ide/base/extensions/package-lock.json",
    "ide/toolchain/package-lock.json",
    "editors/code/package-lock.json",
];
/// The lock file of the VS Code tree. Only this package from it is shipped, since the others serve
/// parts that are not shipped.
const BASE: (&str, &str) = ("ide/base/package-lock.json", "code-server");

pub(crate) struct Sbom {
    pub(crate) document: Value,
    pub(crate) lacks: Vec<String>,
}

struct Component {
    kind: &'static str,
    name: String,
    version: Option<String>,
    license: Option<String>,
    purl: Option<String>,
}

/// The list; `ide` is the folder of the assembled editor. If there is none, the list is made
/// without it, and what it then lacks is said in `lacks`.
pub(crate) fn make(root: &Path, ide: &Path) -> Result<Sbom> {
    let mut lacks = Vec::new();
    let version = manifest::product_version(root)?;
    let mut components = parts(root, ide, &mut lacks)?;
    components.extend(rust(root)?);
    components.extend(npm(root, ide, &mut lacks)?);
    let mut by_reference: BTreeMap<String, Value> = BTreeMap::new();
    for component in &components {
        // A package may be in several places but is listed once.
        by_reference.insert(component.reference(), component.json());
    }
    let document = json!({
        "$schema": "http://cyclonedx.org/schema/bom-1.5.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "metadata": {
            "component": {
                "type": "application",
                "bom-ref": "localcoder-ide",
                "name": "LocalCoder IDE",
                "version": version,
                "licenses": [{ "expression": "MIT OR Apache-2.0" }],
            },
            "properties": [{ "name": "localcoder:platform", "value": toolchain::platform() }],
        },
        "components": by_reference.into_values().collect::<Vec<_>>(),
    });
    Ok(Sbom { document, lacks })
}

impl Component {
    /// Its name within the document: the package URL, by which programs that compare documents know
    /// it.
    fn reference(&self) -> String {
        let version = self.version.as_deref().unwrap_or("unknown");
        self.purl.clone().unwrap_or_else(|| format!("{}@{version}", self.name))
    }

    fn json(&self) -> Value {
        let mut value = json!({
            "type": self.kind,
            "bom-ref": self.reference(),
            "name": self.name,
        });
        if let Some(version) = &self.version {
            value["version"] = json!(version);
        }
        if let Some(license) = &self.license {
            // Crates from before 2021 write `/` for it, which SPDX does not know.
            let spaced = license.replace('/', " OR ");
            let expression = spaced.split_whitespace().collect::<Vec<_>>().join(" ");
            value["licenses"] = json!([{ "expression": expression }]);
        }
        if let Some(purl) = &self.purl {
            value["purl"] = json!(purl);
        }
        value
    }
}

fn parts(root: &Path, ide: &Path, lacks: &mut Vec<String>) -> Result<Vec<Component>> {
    let made: Option<Value> = overlay::read_json(&ide.join("ide.json")).ok();
    let vscode = made.and_then(|made| made["vscode"]["version"].as_str().map(str::to_owned));
    if vscode.is_none() {
        lacks.push("the version of VS Code: the IDE is not assembled".to_owned());
    }
    let mut components = Vec::new();
    for component in licenses::rules().components {
        let is_base = component.name.starts_with("Visual Studio Code");
        components.push(Component {
            kind: if is_base { "application" } else { "library" },
            name: component.name,
            version: vscode.clone().filter(|_| is_base),
            license: Some(component.license),
            purl: None,
        });
    }
    let (lock, name) = BASE;
    let base = entries(root, lock)?.into_iter().find(|entry| entry.name == name);
    components.push(base.with_context(|| format!("`{lock}` names no {name}"))?.component());
    components.push(Component {
        kind: "machine-learning-model",
        name: "LocalCoder demo model".to_owned(),
        version: Some(manifest::product_version(root)?),
        license: Some("MIT OR Apache-2.0".to_owned()),
        purl: None,
    });
    Ok(components)
}

fn rust(root: &Path) -> Result<Vec<Component>> {
    let mut components = Vec::new();
    for linked in crates::shipped(root)? {
        if let Some(sources) = linked.llama_cpp() {
            components.push(Component {
                kind: "library",
                name: "llama.cpp".to_owned(),
                version: Some(crates::llama_cpp_version(&sources)?),
                license: Some("MIT".to_owned()),
                purl: None,
            });
        }
        components.push(Component {
            kind: "library",
            purl: Some(format!("pkg:cargo/{}@{}", linked.name, linked.version)),
            name: linked.name,
            version: Some(linked.version),
            license: Some(linked.license),
        });
    }
    Ok(components)
}

/// Packages in the shipped lock files. If a lock file does not give a license, the package in the
/// assembled editor does.
fn npm(root: &Path, ide: &Path, lacks: &mut Vec<String>) -> Result<Vec<Component>> {
    let removed = Removed::read(&root.join("ide/overlay"))?;
    // Without an assembled editor there are none, which is reported as what the list lacks.
    let installed = packages::find(ide).unwrap_or_default();
    let mut components = Vec::new();
    let mut unnamed = 0;
    for entry in LOCKS.iter().map(|lock| entries(root, lock)).collect::<Result<Vec<_>>>()?.concat()
    {
        if !entry.runs_here || removed.names(&entry.path) {
            continue;
        }
        let mut component = entry.component();
        if component.license.is_none() {
            // The same version at another place has the same license.
            let same = installed
                .iter()
                .find(|package| package.name == entry.name && package.version == entry.version);
            let license = same.map(|package| package.license.clone());
            component.license = license.filter(|license| !license.is_empty());
            unnamed += usize::from(component.license.is_none());
        }
        components.push(component);
    }
    if unnamed > 0 {
        lacks.push(format!("the licenses of {unnamed} npm packages: the IDE is not assembled"));
    }
    Ok(components)
}

#[derive(Clone)]
struct Entry {
    /// `node_modules/NAME`.
    path: String,
    name: String,
    version: String,
    license: Option<String>,
    runs_here: bool,
}

fn entries(root: &Path, lock: &str) -> Result<Vec<Entry>> {
    let lock: Value = overlay::read_json(&root.join(lock))?;
    let mut entries = Vec::new();
    for (path, package) in lock["packages"].as_object().into_iter().flatten() {
        // The entry without a name is our own package.
        let Some((_, name)) = path.rsplit_once("node_modules/") else { continue };
        // Only what is needed to build and test: `npm ci --omit=dev` leaves it out.
        if package["dev"] == true {
            continue;
        }
        let version = package["version"].as_str();
        let (os, cpu) = toolchain::platform().split_once('-').unwrap_or_default();
        entries.push(Entry {
            path: path.clone(),
            name: name.to_owned(),
            version: version.with_context(|| format!("{path} has no version"))?.to_owned(),
            license: package["license"].as_str().map(str::to_owned),
            runs_here: allows(&package["os"], os) && allows(&package["cpu"], cpu),
        });
    }
    Ok(entries)
}

/// Whether a field of a lock file, a word or a list of them, contains `word` or is absent.
fn allows(field: &Value, word: &str) -> bool {
    match field {
        Value::String(only) => only == word,
        Value::Array(words) => words.iter().any(|it| it == word),
        _ => true,
    }
}

impl Entry {
    fn component(&self) -> Component {
        Component {
            kind: "library",
            name: self.name.clone(),
            version: Some(self.version.clone()),
            license: self.license.clone(),
            // A scope's `@` is encoded, as the format asks; the slash after it is not.
            purl: Some(format!("pkg:npm/{}@{}", self.name.replacen('@', "%40", 1), self.version)),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn text<'a>(component: &'a Value, key: &str) -> &'a str {
        component[key].as_str().unwrap_or_default()
    }

    #[test]
    fn the_list_has_each_shipped_crate_and_package_in_the_form_that_is_asked_for() {
        let root = crate::places::root();
        // In a folder that does not exist, nothing is assembled.
        let made = make(&root, &root.join("target/no-such-ide")).unwrap();
        assert_eq!(made.lacks.len(), 2, "{:?}", made.lacks);
        let document: Value = serde_json::from_str(&made.document.to_string()).unwrap();
        assert_eq!(document["bomFormat"], "CycloneDX");
        assert_eq!(document["specVersion"], "1.5");
        assert!(document["version"].is_u64());
        assert_eq!(document["metadata"]["component"]["name"], "LocalCoder IDE");
        let components = document["components"].as_array().unwrap();
        let mut references = BTreeSet::new();
        for component in components {
            assert!(references.insert(text(component, "bom-ref")), "twice: {component}");
            assert!(!text(component, "name").is_empty(), "{component}");
            let kinds = ["application", "library", "machine-learning-model"];
            assert!(kinds.contains(&text(component, "type")), "{component}");
        }
        for linked in crates::shipped(&root).unwrap() {
            let purl = format!("pkg:cargo/{}@{}", linked.name, linked.version);
            assert!(references.contains(purl.as_str()), "{purl}");
        }
        let has = |name: &str| components.iter().any(|component| text(component, "name") == name);
        for name in ["llama.cpp", "Visual Studio Code (Code - OSS)", "code-server", "node-pty"] {
            assert!(has(name), "{name}");
        }
        assert!(components.iter().any(|it| text(it, "name").starts_with("node-")));
        for tool in ["esbuild", "eslint", "proptest", "localcoder-host", "@vscode/windows-ca-certs"]
        {
            assert!(!has(tool), "{tool} is not shipped");
        }
    }

    #[test]
    fn names_with_a_scope_and_old_licenses_are_written_as_programs_read_them() {
        let entry = Entry {
            path: "node_modules/@xterm/xterm".to_owned(),
            name: "@xterm/xterm".to_owned(),
            version: "6.1.0".to_owned(),
            license: Some("MIT/Apache-2.0".to_owned()),
            runs_here: true,
        };
        let json = entry.component().json();
        assert_eq!(json["purl"], "pkg:npm/%40xterm/xterm@6.1.0");
        assert_eq!(json["licenses"][0]["expression"], "MIT OR Apache-2.0");
    }

    #[test]
    fn packages_of_other_machines_are_left_out() {
        assert!(allows(&Value::Null, "linux") && allows(&json!("linux"), "linux"));
        assert!(allows(&json!(["darwin", "linux"]), "linux"));
        assert!(!allows(&json!(["win32"]), "linux") && !allows(&json!("darwin"), "linux"));
    }
}
