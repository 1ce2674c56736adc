//! The program as users and scripts start it. One binary, since linking one for each of these files
//! takes longer than their tests.

mod air_gap;
mod bad_input;
mod carried;
mod commands;
mod config;
mod diagnostics;
mod diffs;
mod errors;
mod eval;
mod files;
mod lifecycle;
mod limits;
mod models;
mod output;
mod prepare;
mod privacy;
mod private;
mod profiles;
mod reset;
mod schemas;
mod setup;
mod snapshots;
mod stats;
#[cfg(target_os = "linux")]
mod switching;
mod terminal;
mod tested;
