//! The worker's side toward the host: reads messages, answers what needs no model at once, and
//! hands the rest to the engine. Nothing here waits for the engine, so that a ping is answered and
//! a cancel is noticed while llama.cpp computes.

mod heartbeat;
mod shared;
mod table;

pub(crate) use shared::Shared;

use std::io::{self, BufReader, Read, Write};
use std::sync::Arc;

use crossbeam_channel::{Sender, TrySendError};
use localcoder_protocol::{ErrorCode, ErrorInfo, FRAME_BYTES_MAX};
use localcoder_transport::{
    Id, Message, ReadError, read_frame, shortage, spawn_reader, write_frame,
};
use serde_json::Value;

use crate::engine::Job;
use crate::process;
use table::Handler;

/// Jobs that may wait for the engine.
pub(crate) const JOBS_MAX: usize = 16;

/// Starts the threads that read and that send heartbeats. When the stream ends, the reader ends the
/// process, whatever the engine is doing.
pub(crate) fn start(
    shared: Arc<Shared>,
    stream: impl Read + Send + 'static,
    jobs: Sender<(Id, Job)>,
) -> io::Result<()> {
    heartbeat::start(Arc::clone(&shared))?;
    let server = Server { shared, jobs };
    spawn_reader("host", stream, move |message| {
        match message {
            Some(Ok(message)) => server.take(message),
            // The message has no id to answer to. The next one may be better.
            Some(Err(ReadError::Message(error))) => {
                process::log(&format!("a message was ignored: {error}"));
            }
            Some(Err(ReadError::Frame(error))) => {
                process::log(&format!("the host can't be understood: {error}"));
                process::end(ErrorCode::Protocol.exit_code().into());
            }
            None => process::end(0),
        }
        true
    })?;
    Ok(())
}

/// Tells the host why this worker can't work, in place of an answer to its first request. Starts no
/// thread, since there may be none to be had.
pub(crate) fn refuse(reader: impl Read, mut writer: impl Write, error: &io::Error) {
    let Ok(Some(bytes)) = read_frame(&mut BufReader::new(reader), FRAME_BYTES_MAX) else { return };
    if let Ok(Message::Request { id, .. }) = Message::from_bytes(&bytes) {
        let error = shortage(
            ErrorCode::WorkerStart,
            "the worker has started and could not start its threads",
            error,
        );
        let answer = Message::Response { id, result: Err(error) };
        // Without a host there is no one to report to.
        let _ = write_frame(&mut writer, &answer.to_bytes());
    }
}

struct Server {
    shared: Arc<Shared>,
    jobs: Sender<(Id, Job)>,
}

impl Server {
    fn take(&self, message: Message) {
        match message {
            Message::Request { id, method, params } => {
                if let Some(result) = self.request(&id, &method, params) {
                    self.shared.send(Message::Response { id, result });
                }
            }
            Message::Notification { method, .. } => {
                let mut method = method;
                // It goes into a log, and may be as long as a whole frame.
                method.truncate(method.floor_char_boundary(64));
                process::log(&format!("the notification `{method}` is not known"));
            }
            Message::Response { .. } => {
                process::log("an answer was ignored: nothing was asked");
            }
        }
    }

    /// The answer; `None` if the engine gives it.
    fn request(&self, id: &Id, method: &str, params: Value) -> Option<Result<Value, ErrorInfo>> {
        let handler = match table::find(method, self.shared.is_introduced()) {
            Ok(handler) => handler,
            Err(error) => return Some(Err(error)),
        };
        match handler {
            Handler::Now(answer) => Some(answer(&self.shared, params)),
            Handler::Engine(job) => match job(&self.shared, id, params) {
                Ok(job) => self.queue(id, job).err().map(Err),
                Err(error) => Some(Err(error)),
            },
        }
    }

    fn queue(&self, id: &Id, job: Job) -> Result<(), ErrorInfo> {
        // Before the job is sent: the engine may have answered it, and counted it down, before this
        // thread comes to count it up.
        self.shared.open_jobs().begin();
        // Not `send`: the reader must not wait for the engine, or a cancel behind this request
        // would not be seen.
        self.jobs.try_send((id.clone(), job)).map_err(|error| {
            self.shared.job_ended();
            if let TrySendError::Full((_, Job::Generate(_)))
            | TrySendError::Disconnected((_, Job::Generate(_))) = error
            {
                self.shared.generation_ended();
            }
            ErrorInfo::new(ErrorCode::Busy, format!("{JOBS_MAX} requests wait already"))
                .with_hint("wait for one of them to be answered")
        })
    }
}
