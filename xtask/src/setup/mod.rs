//! What a fresh machine with Rust and Node.js lacks, and how to install it.
//!
//! Does: look for each need of the requested groups (only files and programs, so it takes a few
//! milliseconds), show what is missing and why, ask, and install with apt or Homebrew. Does not:
//! install Rust or Node.js, or touch anything that exists. Called first by every command that
//! builds, runs or tests.

mod install;
mod needs;

use anyhow::Result;

pub(crate) use needs::Group;
use needs::{NEEDS, Need};

use crate::report;

/// Makes sure that everything the groups need is installed. What is still missing afterward is only
/// a warning: the package may keep its files elsewhere.
pub(crate) fn ensure(groups: &[Group], yes: bool) -> Result<()> {
    let missing = missing(groups);
    if missing.is_empty() {
        return Ok(());
    }
    install::install(&missing, yes)?;
    // Looked for again, because a package may be installed and its files be in a place that is not
    // searched.
    let still: Vec<&str> = self::missing(groups).iter().map(|need| need.what).collect();
    if !still.is_empty() {
        report::line(format!(
            "warning: not found although its package is installed: {}",
            still.join(", ")
        ));
    }
    Ok(())
}

pub(crate) fn missing_count(groups: &[Group]) -> usize {
    missing(groups).len()
}

fn missing(groups: &[Group]) -> Vec<&'static Need> {
    let wanted = |need: &&Need| groups.contains(&need.group) && need.applies_here();
    NEEDS.iter().filter(wanted).filter(|need| !need.check.is_met()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_need_says_why_and_looking_for_them_is_quick() {
        for need in NEEDS {
            assert!(need.reason.len() > 8, "{} has no reason", need.what);
            assert!(need.apt.is_some() || need.brew.is_some(), "{} has no package", need.what);
        }
        let start = std::time::Instant::now();
        let _ = missing(Group::ALL);
        assert!(start.elapsed().as_millis() < 500, "took {:?}", start.elapsed());
    }
}
