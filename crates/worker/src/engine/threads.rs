//! Checks that the threads that a model is to be computed with can be started. llama.cpp starts
//! them in the middle of a computation and ends the process if it can't; so we try first, and a
//! shortage becomes an error that can be reported.

use std::thread::{Builder, JoinHandle};

use localcoder_protocol::{ErrorCode, ErrorInfo};
use localcoder_transport::shortage;

/// Stack of one of llama.cpp's threads: the usual limit (`ulimit -s`).
const STACK_BYTES: usize = 8 * 1024 * 1024;

/// Starts this many threads in addition to this one and lets them end again.
///
/// # Errors
/// With what the system is short of, and how many threads could be started.
pub(super) fn ensure_available(threads: u32) -> Result<(), ErrorInfo> {
    let wanted = threads.saturating_sub(1) as usize;
    let mut started: Vec<JoinHandle<()>> = Vec::with_capacity(wanted);
    let mut failure = None;
    // All must live at once, or a limit on their number would not be met. They wait for a message
    // that never comes, and end when the sender is dropped.
    let (hold, held) = crossbeam_channel::bounded::<()>(0);
    for _ in 0..wanted {
        let held = held.clone();
        let wait = move || {
            let _ = held.recv();
        };
        match Builder::new().name("trial".to_owned()).stack_size(STACK_BYTES).spawn(wait) {
            Ok(thread) => started.push(thread),
            Err(error) => {
                failure = Some(error);
                break;
            }
        }
    }
    let there = started.len() + 1;
    drop(hold);
    for thread in started {
        let _ = thread.join();
    }
    match failure {
        None => Ok(()),
        Some(error) => {
            let message = format!("the model needs {threads} threads, and there are {there}");
            Err(shortage(ErrorCode::ModelLoadFailed, message, &error))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_few_threads_are_available() {
        for threads in [0, 1, 4] {
            ensure_available(threads).unwrap();
        }
    }
}
