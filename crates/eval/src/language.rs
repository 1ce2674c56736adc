//! The languages of the tasks, and how a program in each is built and run. A table: adding a
//! language means adding a row.

use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Language {
    Python,
    JavaScript,
    /// The Rust compiler alone, without packages.
    Rust,
    Go,
    Java,
    Cpp,
}

/// How a program in a language is built and run. Warnings are off everywhere: what is kept of a
/// program's output is its end, which is to be the error.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Toolchain {
    /// The name in the output of `localcoder eval`, and as a value of the option `--language`.
    pub(crate) name: &'static str,
    pub(crate) file: &'static str,
    /// The file for tests that can't be in the program's own; empty if there is none such.
    pub(crate) tests_file: &'static str,
    /// The command that must be available, called for its version; its end with 0 is all that
    /// counts.
    pub(crate) probe: &'static [&'static str],
    /// The commands that build the program, in order; the last one runs it. Each has the time limit
    /// to itself.
    pub(crate) steps: &'static [&'static [&'static str]],
    /// Used in place of `steps` where tests are marked as such (`#[test]`, `*testing.T`); empty if
    /// the language has no such marks.
    pub(crate) test_steps: &'static [&'static [&'static str]],
}

impl Language {
    pub const ALL: [Self; 6] =
        [Self::Python, Self::JavaScript, Self::Rust, Self::Go, Self::Java, Self::Cpp];

    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|language| language.name() == name)
    }

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
                // `go test` runs some of vet's checks by itself, and what they report is not what
                // is judged.
                test_steps: &[&["go", "test", "-vet=off", "."]],
            },
            Self::Java => Toolchain {
                name: "java",
                file: "Main.java",
                tests_file: "",
                probe: &["javac", "-version"],
                steps: &[
                    &["javac", "-nowarn", "Main.java"],
                    // Assertions are off in Java unless `-ea` is given. One tier of the compiler is
                    // enough for programs that end within a second.
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
