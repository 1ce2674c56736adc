//! What can be typed after `cargo xtask`. The commands themselves, and what each takes, are in
//! [`crate::commands`].

use clap::Parser;

use crate::commands::Command;

/// The project's automation. The help of a command says what can be given to it.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
pub(crate) struct Arguments {
    /// None shows the help.
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use clap::CommandFactory as _;

    use super::*;
    use crate::{files, places};

    fn parse(line: &str) -> Result<Arguments, clap::Error> {
        Arguments::try_parse_from(["xtask"].into_iter().chain(line.split(' ')))
    }

    fn unknown(line: &str) -> Option<String> {
        let mut words = line.split_whitespace();
        // `COMMAND` is how documents write any of them.
        let name = words.next().filter(|name| *name != "COMMAND" && *name != "help")?;
        let all = Arguments::command();
        let Some(command) = all.find_subcommand(name) else { return Some(name.to_owned()) };
        let has = |flag: &str| command.get_arguments().any(|it| it.get_long() == Some(flag));
        // Flags of another program, which are not known here, are handed on unread.
        let hands_on = command.get_arguments().any(clap::Arg::is_trailing_var_arg_set);
        let flags = words.filter_map(|word| word.strip_prefix("--"));
        flags.filter(|flag| !hands_on && !has(flag)).map(str::to_owned).next()
    }

    #[test]
    fn the_definition_is_sound() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn every_command_line_in_our_documents_is_understood() {
        let root = places::root();
        let mut lines = 0;
        for file in files::list(&root).unwrap() {
            // The change log tells of commands as they were.
            if file.extension().is_none_or(|it| it != "md") || file == Path::new("CHANGELOG.md") {
                continue;
            }
            let text = files::read(&root.join(&file)).unwrap();
            for quoted in text.split('`').skip(1).step_by(2) {
                let Some(line) = quoted.strip_prefix("cargo xtask ") else { continue };
                lines += 1;
                assert_eq!(unknown(line), None, "{}: `cargo xtask {line}`", file.display());
            }
        }
        // Otherwise another way of quoting would make this test pass without checking anything.
        assert!(lines > 20, "only {lines} lines were found");
        assert_eq!(unknown("polish"), Some("polish".to_owned()));
        assert_eq!(unknown("run --polish"), Some("polish".to_owned()));
    }

    #[test]
    fn what_is_not_known_is_refused_with_what_is() {
        let said = |line: &str| parse(line).unwrap_err().to_string();
        assert!(said("polish").contains("'polish'"), "{}", said("polish"));
        assert!(said("run --wrong").contains("'--wrong'"), "{}", said("run --wrong"));
        assert!(said("test --only nothing").contains("clippy"), "{}", said("test --only nothing"));
        assert!(said("faults").contains("<KIND>"), "{}", said("faults"));
        assert!(said("faults polish").contains("memory"), "{}", said("faults polish"));
        let infill = said("bench --infill holes");
        assert!(infill.contains("--model"), "{infill}");
        assert!(said("e2e --times 0").contains("1.."), "{}", said("e2e --times 0"));
    }

    #[test]
    fn what_other_programs_take_is_handed_on() {
        for line in [
            "eval --model a.gguf --quick --half tuning --every 3",
            "demo-model train --steps 3 --help",
            "demo-model --work there all",
            "airgap --only improve,hostile --no-build",
            "fuzz --native --files 10 --from 3",
        ] {
            assert!(parse(line).is_ok(), "{line}: {}", parse(line).unwrap_err());
        }
    }
}
