//! The target `template` of `localcoder-fuzzing`. A template that has to be stopped leaves its thread
//! behind: such inputs are not gone on from, and after many of them the program ends.
#![no_main]

use libfuzzer_sys::Corpus;
use localcoder_fuzzing::{Tried, tried_template};
use rustix::process::{Signal, getpid, kill_process};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| -> Corpus {
    match tried_template(bytes) {
        Tried::Ended => Corpus::Keep,
        Tried::Stopped => Corpus::Reject,
        Tried::NotRun => {
            // libFuzzer takes it as a wish to end, tells what it has done, and ends with 0.
            let _ = kill_process(getpid(), Signal::USR1);
            Corpus::Reject
        }
    }
});
