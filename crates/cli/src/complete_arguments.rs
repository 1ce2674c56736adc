//! What can be typed for `localcoder complete`.

use std::path::PathBuf;

use clap::Args;

use crate::arguments::ModelOption;

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  localcoder complete report.py --at 12:9
  localcoder complete report.py --at 12:9 --json     with what it cost, or why there is nothing

It is what the editor shows at the cursor while you type. The file is left alone. Where there is
nothing to suggest, that is said with the reason, and the command ends with 0.")]
pub(crate) struct CompleteOptions {
    /// The file
    pub(crate) file: PathBuf,
    /// The line and the column, both from 1: 12:9 is before the ninth character of line 12
    #[arg(long, value_name = "LINE:COLUMN", value_parser = place)]
    pub(crate) at: At,
    /// Print the answer as JSON
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) model: ModelOption,
}

/// A place in a file, in lines and characters from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct At {
    pub(crate) line: u32,
    pub(crate) column: u32,
}

fn place(text: &str) -> Result<At, String> {
    let number = |text: &str| text.parse().ok().filter(|number| *number > 0);
    let found = text
        .split_once(':')
        .and_then(|(line, column)| Some(At { line: number(line)?, column: number(column)? }));
    found.ok_or_else(|| "it is LINE:COLUMN, both from 1, such as 12:9".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_a_line_and_a_column_from_1() {
        assert_eq!(place("12:9"), Ok(At { line: 12, column: 9 }));
        for text in ["12", "0:1", "1:0", ":", "a:1", "1:2:3", "-1:1"] {
            assert!(place(text).is_err(), "{text}");
        }
    }
}
