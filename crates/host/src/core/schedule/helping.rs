//! Whether a model that only makes another faster may be loaded beside it: one that drafts for it,
//! or one that suggests at the cursor in its place.

use localcoder_protocol::LoadProfile;
use localcoder_settings::Helper;

use super::{Context, Schedule, fit, placing};
use crate::ModelFile;

impl Schedule {
    /// Whether now is the time for it. It never competes with a request. A helper that the user
    /// named is loaded also where the host does not work ahead, in stability mode or while power is
    /// saved; memory that is short counts nevertheless.
    pub(super) fn may_help(&self, wanted: &Helper, cx: &Context<'_>) -> bool {
        let allowed = match wanted {
            Helper::Without => false,
            Helper::Auto => self.works_ahead(cx.settings),
            Helper::Named(_) => !self.residency.short_of_memory,
        };
        allowed && !cx.draining && self.nobody_waits()
    }

    /// Whether there is ample room for it beside all loaded models.
    ///
    /// # Errors
    /// Why there is none, as a clause; `None` where its need or the room is not known.
    pub(super) fn fits_beside(
        &self,
        file: &ModelFile,
        profile: &LoadProfile,
        free_bytes: Option<u64>,
        cx: &Context<'_>,
    ) -> Result<(), Option<String>> {
        let held = std::array::from_fn(|slot| self.held_in(slot, cx.pool));
        let room = placing::beside(free_bytes, &held).ok_or(None)?;
        let needed = fit::needed(file, profile, None).ok_or(None)?.bytes;
        if needed <= room {
            return Ok(());
        }
        let (needed, room) = (fit::up(needed), fit::down(room));
        Err(Some(format!("it needs {needed} beside the loaded model, and {room} are free")))
    }
}
