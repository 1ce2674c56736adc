//! Which crate may use which, what native code a program may link, and that nothing of ours
//! can speak HTTP or TLS but `localcoder-fetch`.
//!
//! The tables are the architecture: a new arrow between crates is a change here first.

use std::collections::BTreeSet;

use anyhow::{Context as _, Result};
use serde_json::Value;

use super::Repository;
use crate::process;

/// One of our crates.
struct Row {
    name: &'static str,
    /// Crates of ours that it may use. `test-support` is open to the tests of all.
    uses: &'static [&'static str],
    /// Native libraries that may be in it and in what it uses, by cargo's `links` key.
    links: &'static [&'static str],
}

const TREE_SITTER: &[&str] = &["tree-sitter"];

/// The window of the desktop is the system's own web view; these are its bindings.
const WEB_VIEW: &[&str] = &["atk-1.0", "gdk-3", "gtk-3", "web_kit2"];

/// Arithmetic of TLS, in C and assembler.
const FETCH: &[&str] = &["ring_core_0_17_14_"];

/// llama.cpp.
const WORKER: &[&str] = &["llama"];

const ROWS: &[Row] = &[
    Row { name: "protocol", uses: &[], links: &[] },
    Row { name: "transport", uses: &["protocol", "disk"], links: &[] },
    // Files and their failures; it knows nothing of what is in them.
    Row { name: "disk", uses: &[], links: &[] },
    Row { name: "gguf", uses: &[], links: &[] },
    Row { name: "assist", uses: &["protocol"], links: TREE_SITTER },
    Row { name: "settings", uses: &["protocol", "disk"], links: &[] },
    // The settings decide whether it may load anything.
    Row { name: "model-store", uses: &["protocol", "disk", "gguf", "settings"], links: &[] },
    // Whoever starts it, it asks the settings itself whether it may.
    Row { name: "fetch", uses: &["protocol", "disk", "sandbox", "settings"], links: FETCH },
    Row {
        name: "host",
        uses: &[
            "protocol",
            "transport",
            "disk",
            "gguf",
            "assist",
            "sandbox",
            "settings",
            "model-store",
        ],
        links: TREE_SITTER,
    },
    Row {
        name: "simulator",
        uses: &["protocol", "transport", "gguf", "settings", "model-store", "host"],
        links: TREE_SITTER,
    },
    Row {
        name: "fuzzing",
        uses: &["protocol", "transport", "gguf", "assist", "settings", "model-store", "templates"],
        links: TREE_SITTER,
    },
    Row { name: "kernels", uses: &[], links: &[] },
    Row { name: "sandbox", uses: &["protocol"], links: &[] },
    // It runs what strangers wrote: of the programs in the worker alone.
    Row { name: "templates", uses: &["protocol"], links: &[] },
    Row {
        name: "worker",
        uses: &["disk", "kernels", "protocol", "sandbox", "templates", "transport"],
        links: WORKER,
    },
    Row { name: "launcher", uses: &["protocol", "transport", "disk"], links: &[] },
    Row {
        name: "cli",
        uses: &[
            "protocol",
            "transport",
            "disk",
            "host",
            "launcher",
            "settings",
            "assist",
            "model-store",
            "eval",
            "trial",
        ],
        links: TREE_SITTER,
    },
    Row { name: "trial", uses: &["protocol"], links: &[] },
    Row { name: "eval", uses: &["protocol", "assist", "trial"], links: TREE_SITTER },
    Row { name: "desktop", uses: &["launcher", "disk"], links: WEB_VIEW },
    Row { name: "test-support", uses: &["protocol", "transport"], links: &[] },
    // Nothing of the product: `cargo xtask` is compiled in seconds.
    Row { name: "automation", uses: &[], links: &[] },
    Row {
        name: "bench",
        uses: &["automation", "protocol", "transport", "gguf", "assist", "eval", "test-support"],
        links: TREE_SITTER,
    },
    Row {
        name: "faults",
        uses: &[
            "automation",
            "protocol",
            "transport",
            "gguf",
            "settings",
            "simulator",
            "fuzzing",
            "test-support",
        ],
        links: TREE_SITTER,
    },
    // What generated files and rules are made from, and no more: it is compiled before it can say a word.
    Row { name: "xtask", uses: &["automation", "protocol", "settings", "model-store"], links: &[] },
];

/// Crates that can open a connection to elsewhere or encrypt one.
const NETWORK: &[&str] = &[
    "attohttpc",
    "aws-lc-rs",
    "curl",
    "curl-sys",
    "h2",
    "h3",
    "hyper",
    "hyper-util",
    "isahc",
    "minreq",
    "native-tls",
    "openssl",
    "openssl-sys",
    "quinn",
    "reqwest",
    "ring",
    "rustls",
    "schannel",
    "security-framework",
    "surf",
    "tungstenite",
    "ureq",
    "webpki-roots",
];

/// `localcoder-host` is `host` in the tables.
fn short(name: &str) -> &str {
    name.strip_prefix("localcoder-").unwrap_or(name)
}

/// Every crate uses only those of ours that its row names.
pub(super) fn uses(repository: &Repository) -> Result<Vec<String>> {
    let mut complaints = Vec::new();
    let ours = repository.our_packages()?;
    let names: BTreeSet<&str> =
        ours.iter().filter_map(|package| package["name"].as_str()).collect();
    for package in &ours {
        let name = package["name"].as_str().context("a package without a name")?;
        let Some(row) = ROWS.iter().find(|row| row.name == short(name)) else {
            complaints.push(format!("{name} is not in the table of xtask/src/tidy/graph.rs"));
            continue;
        };
        for dependency in package["dependencies"].as_array().into_iter().flatten() {
            let used = dependency["name"].as_str().unwrap_or_default();
            let for_tests = dependency["kind"] == "dev";
            if names.contains(used) && !for_tests && !row.uses.contains(&short(used)) {
                complaints.push(format!("{name} may not use {used}"));
            }
        }
    }
    for row in ROWS {
        if !names.iter().any(|name| short(name) == row.name) {
            complaints.push(format!("{} is in the table and not in the workspace", row.name));
        }
    }
    Ok(complaints)
}

/// Every crate links only the native code that its row names; llama.cpp is in the worker alone.
pub(super) fn native_libraries(repository: &Repository) -> Result<Vec<String>> {
    let packages = repository.packages()?;
    let mut complaints = Vec::new();
    for package in repository.our_packages()? {
        let name = package["name"].as_str().context("a package without a name")?;
        let Some(row) = ROWS.iter().find(|row| row.name == short(name)) else { continue };
        for linked in closure(repository, name)? {
            let Some(links) = links(packages, &linked) else { continue };
            if !row.links.contains(&links) {
                complaints.push(format!("{name} may not link `{links}` (through {linked})"));
            }
        }
    }
    Ok(complaints)
}

/// All features of all that is in a crate's programs, as text.
fn features(repository: &Repository, name: &str) -> Result<String> {
    let mut cargo = process::cargo(&repository.root);
    cargo.args(["tree", "--locked", "--prefix", "none", "--edges", "normal"]);
    process::read(cargo.args(["--format", "{p} {f}", "--package", name]))
}

/// Keys that only pass on a configuration and bring no library.
const NOT_NATIVE: &[&str] = &["rayon-core", "tree-sitter-language"];

fn links<'a>(packages: &'a [Value], linked: &str) -> Option<&'a str> {
    let (name, version) = linked.split_once(" v")?;
    let package =
        packages.iter().find(|package| package["name"] == name && package["version"] == version)?;
    package["links"].as_str().filter(|links| !NOT_NATIVE.contains(links))
}

/// Everything that ends up in the crate's programs here, as `name vVERSION`, with the features
/// that this crate alone asks for.
fn closure(repository: &Repository, name: &str) -> Result<BTreeSet<String>> {
    tree(repository, name, &["--edges", "normal"])
}

fn tree(repository: &Repository, name: &str, what: &[&str]) -> Result<BTreeSet<String>> {
    let mut cargo = process::cargo(&repository.root);
    cargo.args(["tree", "--locked", "--prefix", "none", "--format", "{p}"]).args(what);
    let tree = process::read(cargo.args(["--package", name]))?;
    let first_two = |line: &str| line.split(' ').take(2).collect::<Vec<_>>().join(" ");
    Ok(tree.lines().filter(|line| !line.is_empty()).map(first_two).collect())
}

/// The one program that may.
const ONLINE: &str = "localcoder-fetch";

/// The launcher's front speaks HTTP to who comes to it, and to the editor server over a Unix
/// socket; so do the programs that the launcher is in. Without a connector these two open no
/// connection, and [`super::sources::listens_only`] sees to it that nobody else does for them.
const LISTENING: &[(&str, &[&str])] =
    &[("localcoder-launcher", SPEAKS), ("localcoder-cli", SPEAKS), ("localcoder-desktop", SPEAKS)];
const SPEAKS: &[&str] = &["hyper", "hyper-util"];
/// What would make a connector of `hyper-util`.
const CONNECTOR: &str = "client-legacy";

/// No HTTP or TLS anywhere else, for any platform, not even to build or to test.
pub(super) fn network(repository: &Repository) -> Result<Vec<String>> {
    let mut complaints = Vec::new();
    for package in repository.our_packages()? {
        let name = package["name"].as_str().context("a package without a name")?;
        if name == ONLINE {
            continue;
        }
        let all = ["--edges", "normal,build,dev", "--target", "all"];
        let listening = LISTENING.iter().find(|(listed, _)| *listed == name);
        let may = |used: &str| listening.is_some_and(|(_, speaks)| speaks.contains(&used));
        if listening.is_some() && features(repository, name)?.contains(CONNECTOR) {
            complaints.push(format!("{name} has `{CONNECTOR}` of hyper-util, which connects"));
        }
        for used in tree(repository, name, &all)? {
            let used = used.split(' ').next().unwrap_or_default();
            if NETWORK.contains(&used) && !may(used) {
                complaints.push(format!(
                    "{name} uses `{used}`, which can open connections: `cargo tree -i {used}`"
                ));
            }
        }
    }
    Ok(complaints)
}
