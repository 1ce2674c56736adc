//! The real program with the real demo model, called over pipes as its host calls it. The model's
//! contents change as it is trained, so nothing here depends on what it writes.
#![expect(clippy::unwrap_used, reason = "a test that meets the unexpected should fail")]

mod draft_models;
mod drafting;
mod generating;
mod harness;
mod loading;
mod memories;
mod prefixes;
mod process;
mod protocol;
