//! What is counted and measured in trials: what must never happen, how requests ended, and times.
//! The verdicts of several trials are added up; `report` shows them.

use std::collections::BTreeMap;
use std::time::Duration;

use localcoder_protocol::{ErrorCode, ErrorInfo};

use super::client::Ended;

/// What must never happen, and what was measured. Each failure is counted once, in one of the five
/// counts, and described in `failures`. Lost is what a user had: an error of a request is an ending
/// like others, as long as it says what to do.
#[derive(Debug, Default)]
pub(super) struct Verdict {
    /// Documents or answers that are not what they should be.
    pub(super) changed: usize,
    pub(super) host_deaths: usize,
    pub(super) no_end: usize,
    pub(super) orphans: usize,
    pub(super) wrong: usize,
    pub(super) failures: Vec<String>,
    pub(super) endings: BTreeMap<String, usize>,
    pub(super) times: BTreeMap<&'static str, Vec<f64>>,
}

/// Time from a death until it is reported.
pub(super) const SHOWN: &str = "shown";
/// Time from a death until the next worker has loaded a model.
pub(super) const READY: &str = "ready";
/// Time from a hang until the worker is ended.
pub(super) const KILLED: &str = "killed";

impl Verdict {
    pub(super) fn fail(&mut self, text: impl Into<String>) {
        self.wrong += 1;
        self.failures.push(text.into());
    }

    pub(super) fn time(&mut self, of: &'static str, time: Duration) {
        self.times.entry(of).or_default().push(time.as_secs_f64() * 1e3);
    }

    /// Adds the time between two moments of the calendar; 0 if they are in reverse order, as when a
    /// check notices an end later than the host reports it.
    pub(super) fn time_between(&mut self, of: &'static str, from_ns: u128, to_ns: u128) {
        let nanos = to_ns.saturating_sub(from_ns);
        self.time(of, Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX)));
    }

    /// Counts how a request ended, and checks that its error says everything it must.
    pub(super) fn ended(&mut self, ended: &Ended) {
        *self.endings.entry(ended.word()).or_default() += 1;
        match &ended.result {
            None => {
                self.no_end += 1;
                self.failures.push(format!("a request has not ended: {}", ended.word()));
            }
            Some(Err(error)) => self.error(error),
            Some(Ok(answer)) => self.text(&answer.to_string()),
        }
        self.text(&ended.text);
    }

    /// An answer must not contain anything that belongs to another request. The fake worker marks
    /// such text.
    fn text(&mut self, text: &str) {
        if text.contains("STRAY") {
            self.changed += 1;
            self.failures.push("an answer holds words of another one".to_owned());
        }
    }

    /// An error says what happened, why, and what to do; one about a file has no button.
    pub(super) fn error(&mut self, error: &ErrorInfo) {
        if error.code == ErrorCode::Cancelled {
            // The client that cancelled it knows why.
            return;
        }
        let ErrorInfo { code, message, cause, hint, action, .. } = error;
        let whole = !message.is_empty() && cause.is_some() && hint.is_some();
        let whole = whole && (action.is_some() || *code == ErrorCode::ModelDamaged);
        if !whole {
            self.fail(format!("`{}` lacks something: {error:?}", code.as_str()));
        }
    }

    pub(super) fn add(&mut self, other: Self) {
        self.changed += other.changed;
        self.host_deaths += other.host_deaths;
        self.no_end += other.no_end;
        self.orphans += other.orphans;
        self.wrong += other.wrong;
        self.failures.extend(other.failures);
        for (word, count) in other.endings {
            *self.endings.entry(word).or_default() += count;
        }
        for (of, times) in other.times {
            self.times.entry(of).or_default().extend(times);
        }
    }
}
