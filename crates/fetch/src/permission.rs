//! Whether the user's settings allow to open a connection. Whoever has started this program says so
//! as well, and is not believed: it may have been started by hand, and the settings may have changed
//! since. So they are read here, at the start and before each connection.

use localcoder_disk::tally;
use localcoder_protocol::FetchFailure;
use localcoder_settings::{AirGap, Places, air_gap};

use crate::trouble::{Failed, Remedy, Trouble};

/// What stands before the reason.
const WHAT: &str = "nothing is loaded from the network";

/// Reads the settings.
///
/// # Errors
/// Where the air gap is on, or nobody knows whether it is: the settings can't be found or read.
pub(crate) fn check() -> Result<(), Failed> {
    let refused = |reason: &str, hint: &str| {
        let hint = if hint.is_empty() { String::new() } else { format!(" ({hint})") };
        Failed::new(FetchFailure::AirGapped, format!("{WHAT}: {reason}{hint}"))
    };
    let places = Places::resolve().map_err(|error| {
        let hint = error.hint.clone().unwrap_or_default();
        refused(&format!("`localcoder.airGapped` counts as on: {error}"), &hint)
    })?;
    match air_gap(&places) {
        AirGap::Off(_) => Ok(()),
        AirGap::On { reason, hint } => {
            tally::add(&places.refusals_file());
            Err(refused(&reason, &hint))
        }
    }
}

/// The same before a connection.
pub(crate) fn check_again() -> Result<(), Trouble> {
    check().map_err(|failed| Trouble { failed, remedy: Remedy::Nothing })
}
