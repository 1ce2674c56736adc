//! `tidy`: the rules about the repository itself, which are in [`crate::tidy`].

use anyhow::{Result, bail};

use crate::{places, report, tidy};

pub(super) fn check() -> Result<()> {
    let repository = tidy::Repository::open(places::root())?;
    let mut count = 0;
    for rule in tidy::RULES {
        for complaint in (rule.check)(&repository)? {
            report::line(format!("{}: {complaint}", rule.name));
            count += 1;
        }
    }
    if count > 0 {
        bail!("{count} of the repository's rules are broken, listed above");
    }
    Ok(())
}
