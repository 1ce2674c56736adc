//! Tests of the host's core in memory: a scripted worker and clients, and a clock that the test
//! moves.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod acceleration;
mod any_order;
mod choosing;
mod crashes;
mod drafting;
mod explaining;
mod ghost_text;
mod ledger;
mod memory;
mod next_edit;
mod requests;
mod residency;
mod rig;
mod slow;
mod suggesting;
mod switching;
mod trials;
mod typing;
mod walk;
