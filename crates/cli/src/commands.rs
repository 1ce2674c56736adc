//! One module per command. Each makes one request and prints its answer.

pub(crate) mod assist;
pub(crate) mod complete;
pub(crate) mod config;
pub(crate) mod doctor;
pub(crate) mod eval;
mod eval_infilling;
mod eval_next_edit;
mod eval_typing;
pub(crate) mod generate;
pub(crate) mod help;
pub(crate) mod host;
pub(crate) mod models;
pub(crate) mod open;
pub(crate) mod profiles;
pub(crate) mod reset;
pub(crate) mod self_test;
pub(crate) mod setup;
pub(crate) mod stats;
pub(crate) mod status;
pub(crate) mod test;
