//! Every host that the shipped code names, and the verdict on it.
//!
//! `addresses.json` gives each a verdict. Those that code would contact on its own are replaced
//! here by an address where nothing listens. A host without a verdict makes the assembly fail, and
//! so does a verdict whose host is gone. Only finds hosts that are written out after `://`; one
//! that is put together at run time is not seen. Called by the overlay, after its edits.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use anyhow::{Result, bail};
use fs_err as fs;
use serde::Deserialize;

use super::overlay::read_json;
use super::tree;

/// An address where nothing listens: port 9 of this machine ("discard"), which takes no
/// connections.
const NOWHERE: &str = "http://127.0.0.1:9";
/// Files that can be run: a host in a text or in a manifest does not open a connection.
const EXECUTABLE: [&str; 4] = ["js", "mjs", "cjs", "html"];
const SCHEMES: [&str; 4] = ["https", "http", "wss", "ws"];

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Addresses {
    entries: Vec<Entry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    verdict: Verdict,
    hosts: Vec<String>,
    #[expect(dead_code, reason = "for the reader of the file; must be there")]
    reason: String,
}

#[derive(Clone, Copy, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
enum Verdict {
    /// Code would contact it: the address is removed.
    Removed,
    /// Only the page could contact it, and the policy that the page is served with forbids that.
    Blocked,
    /// Contacted only if the user's own setting says so.
    Setting,
    /// Opened in the user's browser, by a click.
    Link,
    /// A namespace, a schema's name, a comment, an example: never contacted.
    Name,
    Own,
}

impl Addresses {
    pub(super) fn read(overlay: &Path) -> Result<Self> {
        read_json(&overlay.join("addresses.json"))
    }

    /// Removes what has to be removed, and fails if inventory and tree differ. Both directions
    /// fail: a new host has not been judged, and a verdict without a host would cover a later one
    /// that nobody has looked at.
    pub(super) fn apply(&self, vscode: &Path) -> Result<()> {
        let verdicts = self.verdicts()?;
        let mut seen: BTreeSet<String> = BTreeSet::new();
        let mut unknown: BTreeMap<String, String> = BTreeMap::new();
        for file in tree::files(vscode)? {
            let executable = file
                .extension()
                .is_some_and(|end| EXECUTABLE.iter().any(|known| end.to_str() == Some(known)));
            if !executable {
                continue;
            }
            let path = vscode.join(&file);
            let bytes = fs::read(&path)?;
            // A script may have bytes that are not UTF-8; addresses are ASCII. Only what is changed
            // is written back.
            let text = String::from_utf8_lossy(&bytes);
            let (changed, hosts) = take_out(&text, &|host| {
                verdicts.get(host).is_some_and(|verdict| *verdict == Verdict::Removed)
            });
            for host in hosts {
                if !verdicts.contains_key(host.as_str()) {
                    // One file of those that name it is enough to find it.
                    unknown.insert(host.clone(), file.display().to_string());
                }
                // Also those that are removed: the verdict is needed as long as the base names
                // them.
                seen.insert(host);
            }
            if let Some(changed) = changed {
                tree::write(&path, changed)?;
            }
        }
        let gone: Vec<&str> =
            verdicts.keys().copied().filter(|host| !seen.contains(*host)).collect();
        if unknown.is_empty() && gone.is_empty() {
            return Ok(());
        }
        bail!("addresses.json: not looked at yet: {unknown:#?}; no longer named: {gone:?}");
    }

    fn verdicts(&self) -> Result<BTreeMap<&str, Verdict>> {
        let mut verdicts = BTreeMap::new();
        for entry in &self.entries {
            for host in &entry.hosts {
                if verdicts.insert(host.as_str(), entry.verdict).is_some() {
                    bail!("addresses.json names `{host}` twice");
                }
            }
        }
        Ok(verdicts)
    }
}

/// The hosts that a text names, and the text without those that have to go, if there are any.
/// Scheme, host and port are replaced and the path stays.
fn take_out(text: &str, goes: &dyn Fn(&str) -> bool) -> (Option<String>, BTreeSet<String>) {
    let mut hosts = BTreeSet::new();
    let mut changed = String::new();
    let mut kept = 0;
    for (at, _) in text.match_indices("://") {
        let before = &text[..at];
        // Other schemes, such as `vscode-file`, open no connection.
        let Some(scheme) = SCHEMES.iter().find(|scheme| before.ends_with(*scheme)) else {
            continue;
        };
        let rest = &text[at + "://".len()..];
        let length = rest
            .find(|c: char| !(c.is_ascii_alphanumeric() || "._-".contains(c)))
            .unwrap_or(rest.len());
        // A sentence's full stop after an address in a comment is not part of the name, and hosts
        // are the same in any case.
        let host = rest[..length].trim_end_matches('.').to_ascii_lowercase();
        if host.is_empty() {
            continue;
        }
        if goes(&host) {
            changed.push_str(&text[kept..at - scheme.len()]);
            changed.push_str(NOWHERE);
            kept = at + "://".len() + length + port_length(&rest[length..]);
        }
        hosts.insert(host);
    }
    if kept == 0 {
        return (None, hosts);
    }
    changed.push_str(&text[kept..]);
    (Some(changed), hosts)
}

fn port_length(rest: &str) -> usize {
    let Some(digits) = rest.strip_prefix(':') else { return 0 };
    let length = digits.find(|c: char| !c.is_ascii_digit()).unwrap_or(digits.len());
    if length == 0 { 0 } else { length + 1 }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn tree_with(text: &str) -> tempfile::TempDir {
        let place = tempfile::tempdir().unwrap();
        fs::write(place.path().join("code.js"), text).unwrap();
        fs::write(place.path().join("words.md"), "https://not-run.example").unwrap();
        place
    }

    fn inventory(entries: &serde_json::Value) -> Addresses {
        serde_json::from_value(json!({ "entries": entries })).unwrap()
    }

    #[test]
    fn an_address_that_code_asks_is_taken_out_with_its_port_and_the_path_stays() {
        let place =
            tree_with("a='https://Bad.example:7890/x'+'wss://bad.example' // http://ok.example.");
        inventory(&json!([
            {"verdict": "removed", "hosts": ["bad.example"], "reason": "r"},
            {"verdict": "name", "hosts": ["ok.example"], "reason": "r"},
        ]))
        .apply(place.path())
        .unwrap();
        let text = fs::read_to_string(place.path().join("code.js")).unwrap();
        let nowhere = "a='http://127.0.0.1:9/x'+'http://127.0.0.1:9' // http://ok.example.";
        assert_eq!(text, nowhere);
    }

    #[test]
    fn a_host_without_a_verdict_and_a_verdict_without_a_host_fail() {
        let place = tree_with("fetch('https://new.example/')");
        let known =
            inventory(&json!([{"verdict": "link", "hosts": ["old.example"], "reason": "r"}]));
        let error = known.apply(place.path()).unwrap_err().to_string();
        assert!(error.contains("new.example") && error.contains("code.js"), "{error}");
        assert!(error.contains("no longer named: [\"old.example\"]"), "{error}");
    }

    #[test]
    fn a_longer_name_is_another_host() {
        let (changed, hosts) = take_out("https://bad.example.org", &|host| host == "bad.example");
        assert!(changed.is_none() && hosts.contains("bad.example.org"));
    }

    #[test]
    fn no_host_has_two_verdicts_in_the_inventory() {
        let overlay = crate::places::root().join("ide/overlay");
        assert!(Addresses::read(&overlay).unwrap().verdicts().unwrap().len() > 100);
    }
}
