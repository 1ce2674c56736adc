//! The few argument shapes the commands need: switches, options with a value, one path.
//!
//! Does: take what a command names and refuse the rest with that command's usage line. Does
//! not: abbreviations, combined short flags or sub-commands. Used by every command.

use anyhow::{Result, bail};

/// The words after the command's name, taken one by one.
pub(crate) struct Arguments {
    words: Vec<String>,
    usage: &'static str,
}

impl Arguments {
    pub(crate) fn new(words: Vec<String>, usage: &'static str) -> Self {
        Self { words, usage }
    }

    /// Whether `name` was given.
    pub(crate) fn switch(&mut self, name: &str) -> bool {
        let before = self.words.len();
        self.words.retain(|word| word != name);
        self.words.len() < before
    }

    /// The value after `name`, or in `name=value`.
    pub(crate) fn option(&mut self, name: &str) -> Result<Option<String>> {
        let prefix = format!("{name}=");
        let Some(at) =
            self.words.iter().position(|word| word == name || word.starts_with(prefix.as_str()))
        else {
            return Ok(None);
        };
        let word = self.words.remove(at);
        if let Some(value) = word.strip_prefix(prefix.as_str()) {
            return Ok(Some(value.to_owned()));
        }
        if at < self.words.len() {
            return Ok(Some(self.words.remove(at)));
        }
        bail!("{name} needs a value\nusage: cargo xtask {}", self.usage)
    }

    /// The next word that is not a flag.
    pub(crate) fn positional(&mut self) -> Option<String> {
        let at = self.words.iter().position(|word| !word.starts_with('-'))?;
        Some(self.words.remove(at))
    }

    /// Everything that is left, for a command that hands it on.
    pub(crate) fn rest(self) -> Vec<String> {
        self.words
    }

    /// Refuses what no one took.
    pub(crate) fn finish(self) -> Result<()> {
        match self.words.first() {
            None => Ok(()),
            Some(word) => bail!("unknown argument `{word}`\nusage: cargo xtask {}", self.usage),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arguments(words: &[&str]) -> Arguments {
        Arguments::new(words.iter().map(|&word| word.to_owned()).collect(), "x [--a] [--b N]")
    }

    #[test]
    fn takes_switches_options_and_paths_in_any_order() {
        let mut given = arguments(&["folder", "--b", "3", "--a"]);
        assert!(given.switch("--a"));
        assert!(!given.switch("--a"));
        assert_eq!(given.option("--b").unwrap().as_deref(), Some("3"));
        assert_eq!(given.positional().as_deref(), Some("folder"));
        given.finish().unwrap();
        assert_eq!(arguments(&["--b=3"]).option("--b").unwrap().as_deref(), Some("3"));
    }

    #[test]
    fn refuses_what_it_does_not_know_and_shows_the_usage() {
        let error = arguments(&["--wrong"]).finish().unwrap_err().to_string();
        assert!(error.contains("`--wrong`") && error.contains("x [--a] [--b N]"), "{error}");
        assert!(arguments(&["--b"]).option("--b").is_err());
    }
}
