//! The result of a target's run, taken from libFuzzer's output, as a line and as JSON.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, Result};
use serde::Serialize;

#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Ran {
    target: &'static str,
    seconds: f64,
    executions: u64,
    /// How many edges of the program were reached.
    coverage: u64,
    /// Edges, distinguished by how often each was reached.
    features: u64,
    corpus_files: u64,
    peak_mib: u64,
    pub(super) found: Vec<String>,
}

impl Ran {
    pub(super) fn new(
        target: &'static str,
        took: Duration,
        said: &str,
        found: Vec<String>,
    ) -> Result<Self> {
        // The last line counts: the earlier ones are progress.
        let last = |name: &str| said.lines().rev().find_map(|line| number_behind(line, name));
        let wanted =
            |name: &str| last(name).with_context(|| format!("{target} does not tell its `{name}`"));
        // After an input that fails, the program ends without printing the statistics.
        let executions = last("stat::number_of_executed_units:").or_else(|| last("#"));
        Ok(Self {
            target,
            seconds: took.as_secs_f64(),
            executions: executions.context("the target has not run")?,
            coverage: wanted("cov:")?,
            features: wanted("ft:")?,
            corpus_files: wanted("corp:")?,
            peak_mib: last("stat::peak_rss_mb:").or_else(|| last("rss:")).unwrap_or(0),
            found,
        })
    }

    pub(super) fn add(&mut self, next: Self) {
        self.seconds += next.seconds;
        self.executions += next.executions;
        self.coverage = self.coverage.max(next.coverage);
        self.features = self.features.max(next.features);
        // The runs share a corpus folder, so the last count is that of all.
        self.corpus_files = next.corpus_files;
        self.peak_mib = self.peak_mib.max(next.peak_mib);
        self.found.extend(next.found);
    }

    pub(super) fn line(&self) -> String {
        let held = match self.found.len() {
            0 => "all hold".to_owned(),
            count => format!("{count} DO NOT HOLD"),
        };
        format!(
            "  {} executions in {} ({:.0} a second), coverage {}, features {}, {} inputs, {} MiB: \
             {held}",
            self.executions,
            crate::report::time(Duration::from_secs_f64(self.seconds)),
            self.executions as f64 / self.seconds.max(0.001),
            self.coverage,
            self.features,
            self.corpus_files,
            self.peak_mib,
        )
    }
}

fn number_behind(line: &str, word: &str) -> Option<u64> {
    let rest = line.split_once(word)?.1.trim_start();
    let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
    rest[..end].parse().ok()
}

pub(super) fn write(all: &[Ran]) -> Result<PathBuf> {
    super::write("report.json", &(serde_json::to_string_pretty(all)? + "\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_libfuzzer_prints_is_understood() {
        let said = "#2\tINITED cov: 3 ft: 4 corp: 1/1b\n#12345\tDONE   cov: 812 ft: 3101 corp: \
                    430/18Kb lim: 90 exec/s: 20 rss: 61Mb\nDone 12345 runs in 2 second(s)\n\
                    stat::number_of_executed_units: 12345\nstat::peak_rss_mb:              63\n";
        let ran = Ran::new("gguf", Duration::from_secs(2), said, Vec::new()).unwrap();
        let numbers = (ran.executions, ran.coverage, ran.features, ran.corpus_files, ran.peak_mib);
        assert_eq!(numbers, (12_345, 812, 3_101, 430, 63));
        assert!(ran.line().contains("(6172 a second)") && ran.line().ends_with("all hold"));
        assert!(Ran::new("gguf", Duration::ZERO, "error", Vec::new()).is_err());
        let mut both = ran.clone();
        both.add(ran);
        assert_eq!((both.executions, both.coverage, both.peak_mib), (24_690, 812, 63));
    }
}
