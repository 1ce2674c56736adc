//! The languages of the tasks, and how a program in each is built and run. A table: adding a
//! language means adding a row.

use serde::{Deserialize, Serialize};

/// A language of tasks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Language {
    /// Python 3.
    Python,
    /// Node.js.
    JavaScript,
    /// The Rust compiler alone, without packages.
    Rust,
    /// The Go toolchain.
    Go,
    /// A JDK.
    Java,
    /// g++.
    Cpp,
}

/// How a program in a language is built and run.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Toolchain {
    /// The name in the output of `localcoder eval`, and as a value of the option `--language`.
    pub(crate) name: &'static str,
    /// The name of the program's file.
    pub(crate) file: &'static str,
    /// The name of the file for tests, if they have one of their own.
    pub(crate) tests_file: &'static str,
    /// The command that must be available, called for its version.
    pub(crate) probe: &'static [&'static str],
    /// The commands that build the program, in order; the last one runs it.
    pub(crate) steps: &'static [&'static [&'static str]],
    /// The commands for a program whose tests are marked as such.
    pub(crate) test_steps: &'static [&'static [&'static str]],
}

impl Language {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::Python, Self::JavaScript, Self::Rust, Self::Go, Self::Java, Self::Cpp];

    /// The language with this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|language| language.name() == name)
    }

    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.toolchain().name
    }

    pub(crate) fn toolchain(self) -> Toolchain {
        match self {
            Self::Python => Toolchain {
                name: "python",
                file: "main.py",
                tests_file: "",
                probe: &["python3", "--version"],
                steps: &[&["python3", "main.py"]],
                test_steps: &[],
            },
            Self::JavaScript => Toolchain {
                name: "javascript",
                file: "main.mjs",
                tests_file: "",
                probe: &["node", "--version"],
                steps: &[&["node", "main.mjs"]],
                test_steps: &[],
            },
            Self::Rust => Toolchain {
                name: "rust",
                file: "main.rs",
                tests_file: "",
                probe: &["rustc", "--version"],
                steps: &[
                    &["rustc", "--edition", "2021", "-A", "warnings", "-o", "main", "main.rs"],
                    &["./main"],
                ],
                test_steps: &[
                    &[
                        "rustc",
                        "--test",
                        "--edition",
                        "2021",
                        "-A",
                        "warnings",
                        "-o",
                        "main",
                        "main.rs",
                    ],
                    &["./main"],
                ],
            },
            Self::Go => Toolchain {
                name: "go",
                file: "main.go",
                tests_file: "main_test.go",
                probe: &["go", "version"],
                steps: &[&["go", "build", "-o", "main", "main.go"], &["./main"]],
                test_steps: &[&["go", "test", "-vet=off", "."]],
            },
            Self::Java => Toolchain {
                name: "java",
                file: "Main.java",
                tests_file: "",
                probe: &["javac", "-version"],
                steps: &[
                    &["javac", "-nowarn", "Main.java"],
                    &["java", "-XX:TieredStopAtLevel=1", "-ea", "-cp", ".", "Main"],
                ],
                test_steps: &[],
            },
            Self::Cpp => Toolchain {
                name: "cpp",
                file: "main.cpp",
                tests_file: "",
                probe: &["g++", "--version"],
                steps: &[&["g++", "-std=c++17", "-w", "-o", "main", "main.cpp"], &["./main"]],
                test_steps: &[],
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_language_is_found_by_its_name() {
        for language in Language::ALL {
            assert_eq!(Language::named(language.name()), Some(language));
            assert_eq!(serde_json::json!(language), language.name());
        }
        assert_eq!(Language::named("cobol"), None);
    }
}
