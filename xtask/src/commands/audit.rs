//! `audit`: whether anything that we build on has a known vulnerability. It queries databases on
//! the network, so it is not part of `test`; checks that need none (licenses, what may open a
//! connection) are in `tidy`.
//!
//! cargo-deny checks crates by the rules in `deny.toml`, npm checks packages, for each lock file.
//! Changes nothing and installs nothing.

use std::path::PathBuf;

use anyhow::{Result, bail};

use crate::{files, node, places, process, report};

const NO_CARGO_DENY: &str = "cargo-deny is not installed, so no crate was looked at: \
                             `cargo install --locked cargo-deny`, then this command again";

pub(super) fn run() -> Result<()> {
    report::line("This asks the databases of RustSec and of npm's registry: it needs the network.");
    let mut problems = Vec::new();
    // All parts are tried, so that one run lists all findings.
    let mut look = |name: &str, work: &dyn Fn() -> Result<()>| {
        if let Err(error) = report::stage(name, work) {
            problems.push(format!("{name}: {error:#}"));
        }
    };
    look("crates", &crates);
    look("npm", &|| node::ensure().map(drop));
    for folder in locked()? {
        let name = folder.strip_prefix(places::root()).unwrap_or(&folder).display().to_string();
        look(&name, &|| process::run(node::npm(&folder).args(["audit", "--package-lock-only"])));
    }
    if problems.is_empty() {
        return Ok(());
    }
    bail!(
        "not everything is free of known flaws, or could be checked; the findings are above:\
         \n  {}",
        problems.join("\n  ")
    )
}

fn crates() -> Result<()> {
    if process::find("cargo-deny").is_none() {
        bail!(NO_CARGO_DENY);
    }
    process::run(process::cargo(&places::root()).args(["deny", "--locked", "check"]))
}

fn locked() -> Result<Vec<PathBuf>> {
    let root = places::root();
    let mut folders: Vec<PathBuf> = files::list(&root)?
        .into_iter()
        .filter(|file| file.ends_with("package-lock.json"))
        .filter_map(|file| Some(root.join(file.parent()?)))
        .collect();
    folders.sort();
    Ok(folders)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn list(name: &str) -> BTreeSet<String> {
        let text = files::read(&places::root().join("deny.toml")).unwrap();
        let (_, rest) = text.split_once(&format!("\n{name} = [")).unwrap();
        let (list, _) = rest.split_once(']').unwrap();
        list.split('"').skip(1).step_by(2).map(str::to_owned).collect()
    }

    #[test]
    fn crates_may_have_the_licenses_that_the_assembly_accepts_and_no_others() {
        let accepted: BTreeSet<String> = crate::ide::licenses::accepted().into_iter().collect();
        assert_eq!(list("allow"), accepted);
    }

    #[test]
    fn crates_come_from_one_registry() {
        assert_eq!(list("allow-git"), BTreeSet::new());
        let only = "https://github.com/rust-lang/crates.io-index".to_owned();
        assert_eq!(list("allow-registry"), BTreeSet::from([only]));
    }

    #[test]
    fn each_lock_file_is_looked_at() {
        let folders = locked().unwrap();
        for name in ["editors/code", "ide/base/vscode", "ide/toolchain", "e2e"] {
            assert!(folders.contains(&places::root().join(name)), "{name}");
        }
    }
}
