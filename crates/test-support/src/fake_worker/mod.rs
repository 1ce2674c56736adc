//! A worker without llama.cpp that speaks the whole protocol and misbehaves as a [`Script`] in its
//! environment says. It holds no model and computes nothing. This is the code of the program
//! `localcoder-fake-worker`; if a limit on memory is set in its environment, it becomes the real
//! worker under that limit.

mod engine;
mod misbehave;
mod script;
mod speak;

use std::io;
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::channel;

use rustix::process::{Resource, Rlimit, setrlimit};

pub use script::{
    Fatal, Fault, GROUP, LIMIT_AS, Moment, Note, REAL_WORKER, SCRIPT, Script, unix_ns,
};
use speak::Shared;

#[derive(Debug, Clone, Default)]
struct Plan {
    lines: Vec<Script>,
    counter: Option<PathBuf>,
    per_token_ms: Option<u64>,
    load_ms: Option<u64>,
    tokens: Option<u32>,
    token_bytes: Option<usize>,
    flood_bytes: Option<usize>,
}

impl Plan {
    fn new(lines: Vec<Script>) -> Self {
        let mut plan = Self::default();
        for line in &lines {
            plan.counter = line.counter.clone().or(plan.counter);
            plan.per_token_ms = line.per_token_ms.or(plan.per_token_ms);
            plan.load_ms = line.load_ms.or(plan.load_ms);
            plan.tokens = line.tokens.or(plan.tokens);
            plan.token_bytes = line.token_bytes.or(plan.token_bytes);
            plan.flood_bytes = line.flood_bytes.or(plan.flood_bytes);
        }
        Self { lines, ..plan }
    }

    fn read(text: &str) -> Result<Self, serde_json::Error> {
        let list = if text.trim_start().starts_with('[') {
            serde_json::from_str(text)?
        } else {
            vec![serde_json::from_str(text)?]
        };
        Ok(Self::new(list))
    }

    /// The script's fault for a moment, if it has one that is not used up; counted if the script
    /// counts.
    fn next_fault(&self, is: impl Fn(Moment) -> bool) -> Option<Fault> {
        for line in &self.lines {
            let (Some(at), Some(fault)) = (line.at, line.fault) else { continue };
            if !is(at) {
                continue;
            }
            // Two scripts may have the same fault at different moments.
            let word = format!("{fault}@{at}");
            let counter = self.counter.as_deref();
            if let Some(times) = line.times {
                // Counted in a file and not in memory, since a fault often ends the process, and
                // the next worker has to know that it has struck.
                let done = Note::read(counter?).into_iter();
                if done.filter(|note| note.is_fault && note.word == word).count() >= times {
                    continue;
                }
            }
            if let Some(counter) = counter {
                // Before the fault strikes: afterwards there may be nobody left to write it.
                Note::leave(counter, true, &word);
            }
            return Some(fault);
        }
        None
    }
}

/// The whole program.
///
/// # Errors
/// If the script is malformed, or the real worker can't be run.
pub fn run() -> io::Result<()> {
    if let Some(program) = std::env::var_os(REAL_WORKER) {
        return Err(become_real(&PathBuf::from(program)));
    }
    let text = std::env::var(SCRIPT).unwrap_or_else(|_| "{}".to_owned());
    let plan = Plan::read(&text).map_err(io::Error::other)?;
    follow_parent()?;
    let shared = Arc::new(Shared::new(plan));
    shared.note("spawn");
    // Before any thread is started, so that a fault at this moment finds a worker that has
    // neither read nor written anything.
    let _ = shared.pass(Moment::Spawn, 0);
    let (jobs, queue) = channel();
    speak::start(&shared, jobs)?;
    engine::run(&shared, &queue);
    Ok(())
}

/// Runs the real worker in this process, under the limits in the environment. Returns only if that
/// fails, with the reason.
fn become_real(program: &std::path::Path) -> io::Error {
    let number = std::env::var(LIMIT_AS).ok().and_then(|text| text.parse::<u64>().ok());
    if let Some(procs) = std::env::var_os(GROUP)
        && let Err(error) = std::fs::write(procs, std::process::id().to_string())
    {
        return error;
    }
    // Last, so that the limit applies to the real worker and not to the steps before it.
    if let Some(bytes) = number {
        let limit = Rlimit { current: Some(bytes), maximum: Some(bytes) };
        if let Err(error) = setrlimit(Resource::As, limit) {
            return error.into();
        }
    }
    std::process::Command::new(program).exec()
}

#[cfg(target_os = "linux")]
fn follow_parent() -> io::Result<()> {
    use rustix::process::{Signal, getppid, set_parent_process_death_signal};

    let parent = getppid();
    set_parent_process_death_signal(Some(Signal::KILL))?;
    // The host may have ended between the two calls.
    if getppid() != parent {
        misbehave::quit(0);
    }
    Ok(())
}

#[cfg(not(target_os = "linux"))]
fn follow_parent() -> io::Result<()> {
    // By polling, since only Linux has the signal at a parent's death.
    let parent = rustix::process::getppid();
    std::thread::Builder::new().name("parent-watch".to_owned()).spawn(move || {
        while rustix::process::getppid() == parent {
            std::thread::sleep(std::time::Duration::from_millis(100));
        }
        misbehave::quit(0);
    })?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_happens_as_often_as_the_script_says() {
        let folder = tempfile::tempdir().unwrap();
        let counter = folder.path().join("counter");
        let plan = || {
            Plan::new(vec![
                Script::new(Moment::Prefill, Fault::Stall, 2, &counter),
                Script { per_token_ms: Some(3), ..Script::default() },
            ])
        };
        let done: Vec<_> =
            (0..4).map(|_| plan().next_fault(|it| it == Moment::Prefill).is_some()).collect();
        assert_eq!(done, [true, true, false, false]);
        assert_eq!(plan().next_fault(|it| it == Moment::Count), None);
        assert_eq!(plan().per_token_ms, Some(3));
    }

    #[test]
    fn one_script_and_a_list_are_read() {
        assert_eq!(Plan::read(r#"{"tokens": 2}"#).unwrap().tokens, Some(2));
        assert_eq!(Plan::read(r#"[{"tokens": 2}, {"tokens": 3}]"#).unwrap().tokens, Some(3));
        assert!(Plan::read("{").is_err());
    }
}
