//! Settings as one table, the layers they come from, and the places on disk.
//!
//! Everything that must agree about a setting (default, validation, the editor's settings page,
//! the reference page) is made from [`TABLE`]. Reads environment variables and, in `file` alone,
//! settings files; writes nothing.

mod air_gap;
mod edit;
pub mod env;
mod file;
pub mod places;
mod profiles;
mod render;
mod resolve;
mod table;
mod values;

pub use air_gap::{AIR_GAPPED, AirGap, NetworkAllowed, air_gap};
pub use edit::edited;
pub use file::{Contents, SettingsFiles, no_json, parse, read_file};
pub use places::Places;
pub use profiles::{DEMO, LARGE_PARAMETERS, Profile, built_in, no_such_profile};
pub use render::{json_schema, markdown, vscode_properties};
pub use resolve::{Layer, Resolved, check_value, no_such_setting, resolve};
pub use table::{Kind, Setting, TABLE};
pub use values::{Acceleration, Mode, Sampling, Settings};
