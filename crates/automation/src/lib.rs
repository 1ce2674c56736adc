//! What `cargo xtask` and the programs that it starts for some of its commands share: their command
//! lines, the repository's places and files, running other programs, and terminal output.
//!
//! It contains nothing of the product, so that `cargo xtask` compiles in seconds, and is never part
//! of a program that is shipped.

pub mod files;
pub mod metal;
pub mod node;
pub mod options;
pub mod places;
pub mod process;
pub mod python;
pub mod report;
