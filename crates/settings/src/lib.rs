//! Settings as one table, the layers they come from, and the places on disk.
//!
//! Everything that must agree about a setting (its type and default, validation, the editor's
//! settings page, the reference page, what a change of it affects) is made from its definition in
//! [`TABLE`]. Reads environment variables and, only in `file`, settings files; writes nothing.

mod air_gap;
mod definition;
mod edit;
pub mod env;
mod error;
mod explain;
mod file;
pub mod places;
mod profiles;
mod render;
mod resolve;
mod table;
mod values;

pub use air_gap::{AIR_GAPPED, AirGap, NetworkAllowed, air_gap};
pub use definition::{Affects, Choices, Kind, Setting};
pub use edit::{Counts, edited, in_full, merged};
pub use error::SettingsError;
pub use file::{Contents, Origin, SettingsFiles, no_json, parse, read_file};
pub use localcoder_protocol::DEMO;
pub use places::Places;
pub use profiles::{LARGE_PARAMETERS, Profile, built_in, no_such_profile};
pub use render::{json_schema, markdown, vscode_properties};
pub use resolve::{Layer, Resolved, check_value, own, resolve};
pub use table::{Acceleration, Backend, ExplanationLength, Key, Mode, TABLE};
pub use values::{Helper, Sampling, Settings};
