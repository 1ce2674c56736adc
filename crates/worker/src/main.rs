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

use std::fs::File;
use std::io;
use std::sync::Arc;
use std::thread::JoinHandle;

use crossbeam_channel::bounded;
use localcoder_protocol::{Confined, ErrorCode};
use localcoder_transport::spawn_writer;

use process::Streams;
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
    let confined = localcoder_sandbox::close(localcoder_sandbox::Walls::All);
    let (reader, writer) = (streams.reader.try_clone()?, streams.writer.try_clone()?);
    let engine = match start(streams, exchange, confined) {
        Ok(engine) => engine,
        Err(error) => {
            server::refuse(reader, writer, &error);
            return Err(error);
        }
    };
    drop((reader, writer));
    // The reader ends the process; the engine only ends with it.
    engine.join().map_err(|_| io::Error::other("the engine ended"))
}

/// Starts all threads; the one that reads is the last, so that nothing was answered where one of
/// them can't be had.
fn start(
    streams: Streams,
    exchange: Option<File>,
    confined: Confined,
) -> io::Result<JoinHandle<()>> {
    let (outbox, _writer) = spawn_writer("host", streams.writer)?;
    let shared = Arc::new(Shared::new(outbox, confined));
    let (jobs, queue) = bounded(server::JOBS_MAX);
    let computing = Arc::clone(&shared);
    let engine = std::thread::Builder::new()
        .name("engine".to_owned())
        .stack_size(ENGINE_STACK_BYTES)
        .spawn(move || engine::run(&computing, &queue, exchange))?;
    server::start(shared, streams.reader, jobs)?;
    Ok(engine)
}
