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
        // Only lines of libFuzzer's own, the last of which counts: what a target prints may have
        // the same words, and so may the input that is printed with a finding.
        let last = |begins: &str, name: &str| {
            let mut lines = said.lines().rev().filter(|line| line.starts_with(begins));
            lines.find_map(|line| number_after(line, name))
        };
        let (progress, total) = (|name: &str| last("#", name), |name: &str| last(name, name));
        // An input that fails while the corpus is read ends the program before its first line of
        // progress: the finding matters more than these numbers.
        let failed = !found.is_empty();
        let wanted = |number: Option<u64>, name: &str| match number {
            None if failed => Ok(0),
            number => number.with_context(|| format!("`{target}` does not report `{name}`")),
        };
        // Without final statistics, as when it was killed, the last line of progress counts.
        let executions = total("stat::number_of_executed_units:").or_else(|| progress("#"));
        Ok(Self {
            target,
            seconds: took.as_secs_f64(),
            executions: wanted(executions, "#")?,
            coverage: wanted(progress("cov:"), "cov:")?,
            features: wanted(progress("ft:"), "ft:")?,
            corpus_files: wanted(progress("corp:"), "corp:")?,
            peak_mib: total("stat::peak_rss_mb:").or_else(|| progress("rss:")).unwrap_or(0),
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

fn number_after(line: &str, word: &str) -> Option<u64> {
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

        // What fails at once is still a finding, and what it prints is no statistic.
        let panicked = "thread 'main' panicked at a.rs:1: wanted cov: 5 at #7";
        let failed = Ran::new("gguf", Duration::ZERO, panicked, vec!["crash-1".to_owned()]);
        let failed = failed.unwrap();
        assert_eq!((failed.executions, failed.coverage, failed.found.len()), (0, 0, 1));
        assert!(failed.line().ends_with("1 DO NOT HOLD"), "{}", failed.line());
        let both_said = format!("{said}{panicked}\n");
        assert_eq!(Ran::new("gguf", Duration::from_secs(2), &both_said, Vec::new()).unwrap(), ran);
        let mut both = ran.clone();
        both.add(ran);
        assert_eq!((both.executions, both.coverage, both.peak_mib), (24_690, 812, 63));
    }
}
