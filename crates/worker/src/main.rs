//! The program `localcoder-worker`: runs one model through llama.cpp for its host.
//!
//! It speaks `localcoder_protocol`'s worker half over stdin and stdout, has no network, writes no
//! file, and ends with its host. It does not decide which model to run or what to ask it. Only the
//! host starts it.

mod engine;
mod generate;
mod llama;
mod memory;
mod process;
mod prompt;
mod server;

use std::fs::File;
use std::io;
use std::os::fd::AsFd as _;
use std::sync::Arc;
use std::thread::JoinHandle;

use crossbeam_channel::bounded;
use localcoder_protocol::{Confined, ErrorCode};
use localcoder_sandbox::{Profile, Walls};
use localcoder_transport::handover::Taker;
use localcoder_transport::spawn_writer;

use process::Streams;
use server::Shared;

/// Stack of the thread that computes. Tokenizers that use `std::regex` recurse once a character.
const ENGINE_STACK_BYTES: usize = 64 * 1024 * 1024;

fn main() {
    // Before any file can be created: the worker writes none, but if a library does, only the user
    // may read it.
    localcoder_transport::private::close_umask();
    process::end_on_panic();
    if let Err(error) = run() {
        process::log(&format!("can't start: {error}"));
        process::end(ErrorCode::WorkerStart.exit_code().into());
    }
}

fn run() -> io::Result<()> {
    // Before anything of llama.cpp runs.
    let (exchange, models) = (process::take_exchange()?, process::take_models()?);
    let streams = process::take_streams()?;
    process::follow_parent()?;
    process::restrict()?;
    // What can only be read from files is read before the sandbox is closed, which forbids opening
    // any.
    memory::prepare();
    engine::look_at_processors();
    let profile = Profile::Worker { files_from: models.as_ref().map(|models| models.as_fd()) };
    // Before any byte of a model is read, and before the threads that compute and read. A wall that
    // this system lacks is not an error: the answer to the hello says what holds.
    let confined = localcoder_sandbox::close(&profile, Walls::All);
    // Copies, for the refusal: `start` takes the streams with it, and if it fails they are gone.
    let (reader, writer) = (streams.reader.try_clone()?, streams.writer.try_clone()?);
    let inherited = Inherited { exchange, models };
    let engine = match start(streams, inherited, confined) {
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

struct Inherited {
    exchange: Option<File>,
    models: Option<Taker>,
}

/// Starts all threads; the one that reads is the last, so that no request has been answered if one
/// of them can't be started.
fn start(streams: Streams, inherited: Inherited, confined: Confined) -> io::Result<JoinHandle<()>> {
    let (outbox, _writer) = spawn_writer("host", streams.writer)?;
    let shared = Arc::new(Shared::new(outbox, inherited.models, confined));
    let (jobs, queue) = bounded(server::JOBS_MAX);
    let computing = Arc::clone(&shared);
    let engine = std::thread::Builder::new()
        .name("engine".to_owned())
        .stack_size(ENGINE_STACK_BYTES)
        .spawn(move || engine::run(&computing, &queue, inherited.exchange))?;
    server::start(shared, streams.reader, jobs)?;
    Ok(engine)
}
