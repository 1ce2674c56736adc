//! JSON-RPC 2.0 with `Content-Length` framing, over any pair of byte streams.
//!
//! Moves messages and bounds them; knows no methods. The host and the worker read through
//! [`spawn_reader`] and write through [`Outbox`]; the command line and tests use [`Client`].

mod client;
mod connection;
pub mod descriptors;
mod error;
mod explain;
mod frame;
pub mod handover;
pub mod local;
mod message;
pub mod private;
mod shortage;
mod timed;

pub use client::{Client, ClientEvent, read_answer};
pub use connection::{
    Outbox, OutboxError, QUEUE_MESSAGES, ReadError, answer_and_close, spawn_careful_reader,
    spawn_reader, spawn_writer,
};
pub use error::{Holds, NotPrivate, TransportError};
pub use explain::shortage;
pub use frame::{FrameError, HEADER_BYTES_MAX, read_frame, write_frame};
pub use message::{Id, Message, MessageError};
pub use shortage::{is_shortage, spawn_thread};
