//! What `cargo xtask` and the programs that it starts for some of its commands share: their command
//! lines, the repository's places and files, other programs, and what is said on the terminal.
//!
//! Nothing of the product is in it, so that `cargo xtask` is compiled in seconds. Never part of a
//! program that is shipped.

pub mod files;
pub mod metal;
pub mod node;
pub mod options;
pub mod places;
pub mod process;
pub mod python;
pub mod report;
