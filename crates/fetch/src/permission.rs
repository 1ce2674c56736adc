//! Whether the user's settings allow connections. The caller states so as well, but is not trusted:
//! this program may have been started by hand, and the settings may have changed since. So they are
//! read here, at the start and before each connection.

use localcoder_disk::tally::Counter;
use localcoder_protocol::{ErrorInfo, FetchFailure};
use localcoder_settings::{AirGap, Places, air_gap};

use crate::attempt_error::{AttemptError, Failed, Retry};

const WHAT: &str = "nothing is downloaded";

/// Proof that the settings have allowed it, and where they are. Only [`Permission::ask`] makes one,
/// so code that connects can't have forgotten to ask.
#[derive(Debug)]
pub(crate) struct Permission {
    places: Places,
    /// Open from the start: later this program may not write anywhere else.
    refusals: Counter,
}

impl Permission {
    /// Reads the settings.
    ///
    /// # Errors
    /// If the air gap is on, or if that is unknown because the settings can't be found or read.
    pub(crate) fn ask() -> Result<Self, Failed> {
        let places = Places::resolve().map_err(|error| {
            let error = ErrorInfo::from(error);
            let hint = error.hint.clone().unwrap_or_default();
            refused(&format!("`localcoder.airGapped` counts as on: {error}"), &hint)
        })?;
        let refusals = Counter::open(&places.refusals_file());
        let permission = Self { places, refusals };
        permission.check().map(|()| permission)
    }

    pub(crate) fn check_again(&self) -> Result<(), AttemptError> {
        self.check().map_err(|failed| AttemptError { failed, retry: Retry::Nothing })
    }

    pub(crate) fn places(&self) -> &Places {
        &self.places
    }

    fn check(&self) -> Result<(), Failed> {
        match air_gap(&self.places) {
            AirGap::Off(_) => Ok(()),
            AirGap::On { reason, problem } => {
                self.refusals.add();
                let hint = problem.and_then(|problem| problem.hint).unwrap_or_default();
                Err(refused(&reason, &hint))
            }
        }
    }
}

fn refused(reason: &str, hint: &str) -> Failed {
    let hint = if hint.is_empty() { String::new() } else { format!(" ({hint})") };
    Failed::new(FetchFailure::AirGapped, format!("{WHAT}: {reason}{hint}"))
}
