//! What a run returns when an invariant did not hold: which one, in which world, and what had
//! happened just before.

use std::collections::VecDeque;
use std::fmt;

const KEPT: usize = 80;
/// Longest line in it; a prompt would fill a page.
const LINE_BYTES_MAX: usize = 260;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Broken {
    /// The seed of the world; it breaks the invariant again.
    pub seed: u64,
    pub invariant: &'static str,
    pub what: String,
    /// The last events and effects, the newest last.
    pub trace: Vec<String>,
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for line in &self.trace {
            writeln!(f, "{line}")?;
        }
        write!(f, "seed {}: {}: {}", self.seed, self.invariant, self.what)
    }
}

impl std::error::Error for Broken {}

/// A broken invariant before the world's seed is added.
#[derive(Debug)]
pub(crate) struct Breach {
    pub(crate) invariant: &'static str,
    pub(crate) what: String,
}

pub(crate) type Outcome = Result<(), Breach>;

pub(crate) fn breach(invariant: &'static str, what: impl Into<String>) -> Outcome {
    Err(Breach { invariant, what: what.into() })
}

/// The last lines of what happened. Most runs keep none: a run that breaks an invariant is repeated
/// with a trace.
#[derive(Debug, Default)]
pub(crate) enum Trace {
    #[default]
    Off,
    Last(VecDeque<String>),
    All(Vec<String>),
}

impl Trace {
    pub(crate) fn say(&mut self, now_ms: u64, line: impl FnOnce() -> String) {
        if matches!(self, Self::Off) {
            return;
        }
        let mut text = format!("{:>9} ms  {}", now_ms, line().replace('\n', "⏎"));
        if text.len() > LINE_BYTES_MAX {
            let end = text.floor_char_boundary(LINE_BYTES_MAX);
            text.truncate(end);
            text.push('…');
        }
        match self {
            Self::Off => {}
            Self::Last(lines) => {
                if lines.len() >= KEPT {
                    lines.pop_front();
                }
                lines.push_back(text);
            }
            Self::All(lines) => lines.push(text),
        }
    }

    pub(crate) fn into_lines(self) -> Vec<String> {
        match self {
            Self::Off => Vec::new(),
            Self::Last(lines) => lines.into(),
            Self::All(lines) => lines,
        }
    }
}
