//! The only place that touches llama.cpp: a thin, safe wrapper around what the worker needs.
//!
//! It upholds llama.cpp's preconditions (a batch no longer than `n_batch`, no index out of range),
//! so that a caller can't reach an assertion, which would end the process. It decides nothing: not
//! what is loaded, not how a prompt looks, not which token comes next.
#![expect(unsafe_code, reason = "llama.cpp is a C library; this module is the wall round it")]

mod backend;
mod c_file;
mod context;
mod control;
mod kernels;
mod log;
mod memory_kinds;
mod model;
mod probe;
mod recurrent;
mod sizes;
mod vocabulary;
mod weights;

pub(crate) use backend::{Backend, build_version};
pub(crate) use context::{Context, ContextParams, DecodeError, Sequence};
pub(crate) use control::Control;
#[cfg(test)]
pub(crate) use log::Level;
pub(crate) use log::{Log, LogLines};
pub(crate) use model::{LoadError, Model, ModelParams, Token};
pub(crate) use probe::repacking_pays;
pub(crate) use recurrent::MemoryKind;
