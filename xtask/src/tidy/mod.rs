//! Rules about the repository itself, as one table.
//!
//! Does: read the repository once and pass it to each rule, which returns what is wrong in words
//! that people can act on. Does not: change anything, or need the network. Run by
//! `cargo xtask tidy`, by `cargo xtask test` and by this crate's own test.

mod debugging;
mod documents;
mod generated;
mod graph;
mod headers;
mod interface;
mod layers;
mod licenses;
mod limits;
mod repository;
mod size;
mod sources;
mod words;

use anyhow::Result;

pub(crate) use graph::picture as crates_page;
pub(crate) use repository::Repository;

pub(crate) struct Rule {
    pub(crate) name: &'static str,
    pub(crate) check: fn(&Repository) -> Result<Vec<String>>,
}

pub(crate) const RULES: &[Rule] = &[
    Rule { name: "crate graph", check: graph::uses },
    Rule { name: "layers of the host's core", check: layers::upwards },
    Rule { name: "machines of the host's core", check: layers::machines },
    Rule { name: "native libraries", check: graph::native_libraries },
    Rule { name: "no network crates", check: graph::network },
    Rule { name: "the front only listens", check: sources::listens_only },
    Rule { name: "licenses of crates", check: licenses::crates },
    Rule { name: "licenses of npm packages", check: licenses::npm },
    Rule { name: "module documentation", check: sources::module_docs },
    Rule { name: "banned words", check: sources::banned },
    Rule { name: "words of the glossary", check: words::struck },
    Rule { name: "unsafe code", check: sources::unsafe_code },
    Rule { name: "private headers of ggml", check: headers::unchanged },
    Rule { name: "numbers that must agree", check: limits::once },
    Rule { name: "no I/O in pure code", check: sources::pure },
    Rule { name: "errors name no interface", check: interface::of_errors },
    Rule { name: "typed errors of libraries", check: interface::of_libraries },
    Rule { name: "file length", check: size::file_lines },
    Rule { name: "function length", check: size::function_lines },
    Rule { name: "file size", check: size::file_bytes },
    Rule { name: "architecture map", check: documents::map },
    Rule { name: "tests named in documents", check: documents::named_tests },
    Rule { name: "paths named in documents", check: documents::paths },
    Rule { name: "links in documents", check: documents::links },
    Rule { name: "debug configuration", check: debugging::configuration },
    Rule { name: "error codes", check: generated::error_codes },
    Rule { name: "settings", check: generated::settings },
    Rule { name: "generated files", check: generated::fresh },
    Rule { name: "lock files", check: repository::lock_files },
    Rule { name: "build results", check: repository::build_results },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_repository_keeps_its_rules() {
        let repository = Repository::open(crate::places::root()).unwrap();
        let mut complaints = Vec::new();
        for rule in RULES {
            for complaint in (rule.check)(&repository).unwrap() {
                complaints.push(format!("{}: {complaint}", rule.name));
            }
        }
        assert!(complaints.is_empty(), "\n{}\n", complaints.join("\n"));
    }
}
