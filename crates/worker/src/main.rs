//! The program `localcoder-worker`: runs one model through llama.cpp for its host.
//!
//! It speaks `localcoder_protocol`'s worker half over stdin and stdout, has no network and
//! writes no file, and ends with its host. It decides nothing about which model to run or what
//! to ask it. Only the host starts it.

mod engine;
mod generate;
mod llama;
mod memory;
mod process;
mod prompt;
mod server;

use std::io;
use std::sync::Arc;

use crossbeam_channel::bounded;
use localcoder_protocol::ErrorCode;
use localcoder_transport::spawn_writer;

use server::Shared;

/// Stack of the thread that computes. Tokenizers that use `std::regex` recurse once a character.
const ENGINE_STACK_BYTES: usize = 64 * 1024 * 1024;

fn main() {
    // Before anything is made: it writes nothing, and what a library might is the user's alone.
    localcoder_transport::private::close_umask();
    process::end_on_panic();
    if let Err(error) = run() {
        process::complain(&format!("can't start: {error}"));
        process::end(ErrorCode::WorkerStart.exit_code().into());
    }
}

fn run() -> io::Result<()> {
    // Before anything of llama.cpp runs.
    let streams = process::take_streams()?;
    let exchange = process::take_exchange()?;
    process::follow_parent()?;
    process::restrict()?;
    let (outbox, _writer) = spawn_writer("host", streams.writer);
    let shared = Arc::new(Shared::new(outbox));
    let (jobs, queue) = bounded(server::JOBS_MAX);
    server::start(Arc::clone(&shared), streams.reader, jobs)?;
    let engine = std::thread::Builder::new()
        .name("engine".to_owned())
        .stack_size(ENGINE_STACK_BYTES)
        .spawn(move || engine::run(&shared, &queue, exchange))?;
    // The reader ends the process; the engine only ends with it.
    engine.join().map_err(|_| io::Error::other("the engine ended"))
}
