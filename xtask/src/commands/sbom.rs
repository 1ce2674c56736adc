//! `sbom`: a list of what is shipped, with versions and licenses, for programs that look for known
//! vulnerabilities. [`crate::ide::sbom`] makes its contents.

use std::path::PathBuf;

use anyhow::{Context as _, Result};
use fs_err as fs;

use crate::ide::sbom;
use crate::{places, report};

/// What can be given to `sbom`.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Where to; `target/sbom.cdx.json` where it is not given
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

pub(super) fn run(options: Options) -> Result<()> {
    let path = options.out.unwrap_or_else(|| places::target().join("sbom.cdx.json"));
    let made = sbom::make(&places::root(), &places::target().join("ide"))?;
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    let text = serde_json::to_string_pretty(&made.document).context("a list is always JSON")?;
    fs::write(&path, text + "\n")?;
    let count = made.document["components"].as_array().map_or(0, Vec::len);
    report::line(format!("{count} components are in `{}`", path.display()));
    for lacking in &made.lacks {
        report::line(format!("  it lacks {lacking}; run `cargo xtask ide` first"));
    }
    Ok(())
}
