//! Refuses an assembled editor that contains something we may not or do not want to ship.
//!
//! Reads the rules in `ide/overlay/licenses.json`: names that must not occur in any path or
//! package, and the licenses that are allowed. The assembly ends with this check, and a test calls
//! it.

use std::path::Path;

use serde::Deserialize;

use super::packages::{self, Package};
use super::tree;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Rules {
    allowed: Vec<String>,
    allowed_exceptions: Vec<String>,
    packages: Vec<Exception>,
    refused_names: Vec<Refused>,
    pub(super) components: Vec<Component>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Exception {
    name: String,
    license: String,
    #[expect(dead_code, reason = "for the reader of the file; must be there")]
    reason: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Refused {
    part: String,
    reason: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Component {
    pub(super) name: String,
    pub(super) license: String,
    pub(super) text: String,
}

/// The rules, which are built in: they are the same for every tree that is checked.
pub(super) fn rules() -> Rules {
    serde_json::from_str(include_str!("../../../ide/overlay/licenses.json"))
        .expect("licenses.json is read by this module's tests")
}

/// Whether an SPDX expression can be met with the licenses we accept, for other checks.
pub(crate) fn allows(expression: &str) -> bool {
    rules().allows(expression)
}

/// Everything that is accepted, one by one, for other checks: an exception is listed by the license
/// that it was made for.
#[cfg(test)]
pub(crate) fn accepted() -> Vec<String> {
    let rules = rules();
    let excepted = rules.allowed_exceptions.iter().map(|it| format!("Apache-2.0 WITH {it}"));
    excepted.chain(rules.allowed.iter().cloned()).collect()
}

/// What must not be shipped in the editor in `ide`, each with its reason. Empty if all is well. All
/// problems are collected, and a folder that can't be read is one of them: what was not seen is not
/// allowed.
pub(crate) fn check(ide: &Path) -> Vec<String> {
    let rules = rules();
    let mut problems = Vec::new();
    match tree::files(ide) {
        Ok(files) => {
            for file in files {
                problems.extend(rules.refuse_name(&file.to_string_lossy()));
            }
        }
        Err(error) => problems.push(format!("{error:#}")),
    }
    match packages::find(ide) {
        Ok(found) => problems.extend(found.iter().flat_map(|package| rules.judge(package))),
        Err(error) => problems.push(format!("{error:#}")),
    }
    problems
}

impl Rules {
    fn refuse_name(&self, name: &str) -> Option<String> {
        let lower = name.to_lowercase();
        let refused = self.refused_names.iter().find(|refused| lower.contains(&refused.part))?;
        Some(format!("`{name}`: {}", refused.reason))
    }

    fn judge(&self, package: &Package) -> Vec<String> {
        let Package { name, license, .. } = package;
        let mut problems: Vec<String> = self.refuse_name(name).into_iter().collect();
        // By name and license: an exception ends as soon as the package changes its license.
        let excepted = self.packages.iter().any(|e| e.name == *name && e.license == *license);
        if license.is_empty() {
            problems.push(format!("`{name}` names no license"));
        } else if !excepted && !self.allows(license) {
            problems.push(format!("`{name}` has the license `{license}`, which is not allowed"));
        }
        problems
    }

    /// Whether an SPDX expression can be met with allowed licenses. `/` is an old form of `OR`.
    /// `AND` binds more tightly than `OR`, as SPDX has it; whatever does not parse is refused.
    pub(super) fn allows(&self, expression: &str) -> bool {
        let spaced = expression.replace('/', " OR ").replace('(', " ( ").replace(')', " ) ");
        let words: Vec<&str> = spaced.split_whitespace().collect();
        let mut at = 0;
        let met = self.any_of(&words, &mut at);
        // A rest means an expression of another form, which is refused.
        met && at == words.len()
    }

    fn any_of(&self, words: &[&str], at: &mut usize) -> bool {
        let mut met = self.all_of(words, at);
        while words.get(*at) == Some(&"OR") {
            *at += 1;
            // Not short-circuited: the other side must be consumed in any case.
            met |= self.all_of(words, at);
        }
        met
    }

    fn all_of(&self, words: &[&str], at: &mut usize) -> bool {
        let mut met = self.one(words, at);
        while words.get(*at) == Some(&"AND") {
            *at += 1;
            met &= self.one(words, at);
        }
        met
    }

    fn one(&self, words: &[&str], at: &mut usize) -> bool {
        let word = words.get(*at).copied();
        // Also past the end: then not all words are consumed, and the whole expression is refused.
        *at += 1;
        let Some(word) = word else { return false };
        if word == "(" {
            let met = self.any_of(words, at);
            let closed = words.get(*at) == Some(&")");
            *at += 1;
            return met && closed;
        }
        // The exception is judged on its own: a license that is allowed alone may not be with a
        // condition added.
        let mut met = self.allowed.iter().any(|license| license == word);
        if words.get(*at) == Some(&"WITH") {
            met &= words.get(*at + 1).is_some_and(|&exception| {
                self.allowed_exceptions.iter().any(|allowed| allowed == exception)
            });
            *at += 2;
        }
        met
    }
}
