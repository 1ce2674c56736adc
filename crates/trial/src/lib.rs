//! The user's own test of a document, run on a copy of its project in which the document has
//! another text: so an edit is tried before the user sees it, and none of the user's sources are
//! written. What a build writes into a folder such as `target` goes where it always does, since
//! copying such a folder would take longer than the test.
//!
//! [`find`] says which test there is, [`Test::run`] whether it passes on a text. Called by the
//! command line, for itself and for the editor; the host does not start programs of the user's.
//! [`program`] runs a program within limits, for `eval` as well.

mod calls;
mod copy;
mod find;
mod languages;
pub mod program;
mod project;
mod run;

pub use find::{Compared, Search, Test, find};
