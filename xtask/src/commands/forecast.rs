//! What `run` is about to do and how long that takes here, printed before it begins: users who wait
//! for the first time should know for what.

use std::time::Duration;

use crate::places;
use crate::setup::{self, Group};

/// CPU time of the first build of everything, with llama.cpp and the window's libraries. Measured
/// on a virtual AMD EPYC (`cargo xtask build` in a fresh clone: 6 min 30 s on two processors).
const BUILD_CPU: Duration = Duration::from_secs(13 * 60);
/// However many processors there are, one program is linked after everything else, so more of them
/// do not make it less than this.
const BUILD_AT_LEAST: Duration = Duration::from_secs(90);
/// Downloading the editor's base from npm, building its two native modules, and the assembly, on an
/// ordinary connection.
const ASSEMBLY: Duration = Duration::from_secs(2 * 60);

#[derive(Debug, Clone, Copy)]
struct There {
    missing_packages: usize,
    is_built: bool,
    is_assembled: bool,
    processors: u32,
}

pub(super) fn of_run(groups: &[Group]) -> String {
    text(There {
        missing_packages: setup::missing_count(groups),
        is_built: places::program("localcoder-worker").is_file(),
        is_assembled: places::target().join("ide/ide.json").is_file(),
        processors: std::thread::available_parallelism()
            .map_or(1, |count| u32::try_from(count.get()).unwrap_or(1)),
    })
}

fn text(there: There) -> String {
    if there.is_built && there.is_assembled && there.missing_packages == 0 {
        return "── builds what has changed, then opens the IDE".to_owned();
    }
    let mut steps = Vec::new();
    let mut all = Duration::ZERO;
    if there.missing_packages > 0 {
        let packages = if there.missing_packages == 1 { "package" } else { "packages" };
        steps.push(format!("install {} system {packages}, listed next", there.missing_packages));
    }
    if there.is_built {
        steps.push("compile what has changed".to_owned());
    } else {
        let time = (BUILD_CPU / there.processors.max(1)).max(BUILD_AT_LEAST);
        all += time;
        steps.push(format!(
            "compile llama.cpp and the programs (about {} on {})",
            minutes(time),
            processors(there.processors)
        ));
    }
    if !there.is_assembled {
        all += ASSEMBLY;
        steps.push(format!(
            "fetch the editor's base from npm and assemble it (about {})",
            minutes(ASSEMBLY)
        ));
    }
    let numbered: Vec<String> =
        steps.iter().enumerate().map(|(at, step)| format!("  {}. {step}", at + 1)).collect();
    let whole =
        if all.is_zero() { String::new() } else { format!(", about {} in all", minutes(all)) };
    format!(
        "── before the IDE opens{whole}; the next start takes seconds:\n{}",
        numbered.join("\n")
    )
}

fn processors(count: u32) -> String {
    if count == 1 { "one processor".to_owned() } else { format!("{count} processors") }
}

/// In whole minutes, rounded up: it is an estimate, and should rather be too long than too short.
fn minutes(time: Duration) -> String {
    format!("{} min", time.as_secs().div_ceil(60))
}

#[cfg(test)]
mod tests {
    use super::*;

    const FRESH: There =
        There { missing_packages: 9, is_built: false, is_assembled: false, processors: 2 };

    #[test]
    fn a_first_run_is_told_what_it_waits_for_and_how_long() {
        assert_eq!(
            text(FRESH),
            "── before the IDE opens, about 9 min in all; the next start takes seconds:\n  \
             1. install 9 system packages, listed next\n  \
             2. compile llama.cpp and the programs (about 7 min on 2 processors)\n  \
             3. fetch the editor's base from npm and assemble it (about 2 min)"
        );
    }

    #[test]
    fn many_processors_do_not_make_it_nothing() {
        assert!(text(There { processors: 128, ..FRESH }).contains("about 2 min on 128 processors"));
    }

    #[test]
    fn what_is_there_is_not_told_again() {
        let built = There { is_built: true, missing_packages: 0, ..FRESH };
        let text_built = text(built);
        assert!(text_built.contains("1. compile what has changed"), "{text_built}");
        assert!(!text_built.contains("llama.cpp"), "{text_built}");
        let all = There { is_assembled: true, ..built };
        assert_eq!(text(all), "── builds what has changed, then opens the IDE");
    }
}
