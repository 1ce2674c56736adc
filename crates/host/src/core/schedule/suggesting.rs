//! Which model suggests at the cursor: the one for code, or a smaller one loaded beside it, since a
//! suggestion is of use only if it comes before the next key. The smaller one is looked for once
//! nothing else is to be done, and never drives another model out of memory.

use std::path::Path;

use localcoder_protocol::limits::CONTEXT_TOKENS;
use localcoder_protocol::{ErrorInfo, Usage};
use localcoder_settings::{Helper, Settings};

use super::action::Action;
use super::suggester::SLOW_MS;
use super::ticket::Ticket;
use super::{Context, Schedule, residency};
use crate::ModelFile;
use crate::core::event::Help;
use crate::core::jobs::Job;

impl Schedule {
    /// The models for a suggestion, the best first, and the settings under which they run. The
    /// smaller one only while it is loaded: a suggestion never waits for a load. It is the only one
    /// in the list, so that it counts as named and nothing takes its place.
    pub(in crate::core) fn suggestion_models(
        &self,
        settings: Settings,
        cx: &Context<'_>,
    ) -> (Vec<String>, Settings) {
        let Some(file) = self.loaded_suggester(&settings, cx) else {
            return (settings.code_models(), settings);
        };
        (vec![file.info.reference.clone()], beside(settings))
    }

    fn loaded_suggester(&self, settings: &Settings, cx: &Context<'_>) -> Option<&ModelFile> {
        let file = self.suggester.file.as_ref()?;
        let is_loaded = cx.pool.engines().any(|(_, engine)| {
            engine.loaded().is_some_and(|loaded| loaded.file == *file && !loaded.outdated)
        });
        (is_loaded && settings.suggestion_model != Helper::Without).then_some(file)
    }

    /// Notes how long a suggestion took, if the model for code made it; how fast the smaller one is
    /// decides nothing.
    pub(in crate::core) fn suggestion_took(&mut self, model: &str, usage: Usage, cx: &Context<'_>) {
        let took_ms = usage.prefill_ms + usage.decode_ms;
        let is_for_code = cx.settings.code_models().iter().any(|it| it == model);
        if took_ms > 0.0 && is_for_code {
            self.suggester.note(took_ms);
            self.changed |= self.suggester.is_slow();
        }
    }

    /// Starts the search for a smaller model where the one for code is too slow at suggestions, or
    /// the user named one.
    pub(super) fn seek_suggester(&mut self, cx: &Context<'_>, out: &mut Vec<Action>) {
        let wanted = &cx.settings.suggestion_model;
        if *wanted == Helper::Auto && !self.suggester.is_slow() {
            return;
        }
        if !self.wants_suggester(cx) || self.loaded_suggester(cx.settings, cx).is_some() {
            return;
        }
        let Some(file) = code_model(cx) else { return };
        // One search for each load, whatever it found.
        if self.suggester.sought.as_ref() == Some(&file.path) {
            return;
        }
        self.suggester.sought = Some(file.path.clone());
        let help = self.suggests(file);
        let named = wanted.name().map(str::to_owned);
        out.push(Action::FindHelper { path: file.path.clone(), help, named });
    }

    /// How large the smaller model may be to be fast enough: its time goes with its size.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_precision_loss,
        clippy::cast_sign_loss,
        reason = "an estimate, of less than the length of a file"
    )]
    fn suggests(&self, file: &ModelFile) -> Help {
        let bytes = file.info.size_bytes;
        let share = SLOW_MS / self.suggester.took_ms.max(SLOW_MS);
        Help::Suggests { bytes_most: (bytes as f64 * share) as u64 }
    }

    fn wants_suggester(&self, cx: &Context<'_>) -> bool {
        let may = self.may_help(&cx.settings.suggestion_model, cx);
        may && cx.settings.ghost_text && cx.has_clients
    }

    pub(in crate::core) fn suggester_found(
        &mut self,
        path: &Path,
        found: Result<ModelFile, ErrorInfo>,
        free_bytes: Option<u64>,
        cx: &Context<'_>,
        out: &mut Vec<Action>,
    ) {
        let is_named = cx.settings.suggestion_model.name().is_some();
        let file = match found {
            Ok(file) if file.path != path => file,
            // The model for code itself: then there is nothing to load.
            Ok(_) => return,
            Err(error) => {
                self.suggester.why_not = is_named.then(|| error.to_string());
                return;
            }
        };
        // The model for code may have been unloaded or replaced while the shell was looking.
        let is_loaded = code_model(cx).is_some_and(|loaded| loaded.path == path);
        if !is_loaded || !self.wants_suggester(cx) {
            // It will be looked for again when there is time.
            self.suggester.sought = None;
            self.changed = true;
            return;
        }
        let settings = beside(cx.settings.clone());
        let profile = self.fitting(cx).wanted(file.clone(), &settings).profile;
        match self.fits_beside(&file, &profile, free_bytes, cx) {
            Ok(()) => {
                self.suggester.why_not = None;
                let references = vec![file.info.reference.clone()];
                self.suggester.file = Some(file);
                // `beside`: it ends rather than take the place of another model.
                let ticket = Ticket::new(None, references, Job::Warm, settings);
                self.queue(ticket.ahead(true).beside(), cx, out);
            }
            Err(Some(why)) if is_named => self.suggester.why_not = Some(why),
            // More memory may be free when the model is loaded the next time.
            Err(_) => {}
        }
    }

    /// The settings have changed: decisions made under the old ones do not count. Timings are
    /// forgotten as well, since the model for code may be another one.
    pub(super) fn suggester_changed(&mut self, cx: &Context<'_>, out: &mut Vec<Action>) {
        let before = std::mem::take(&mut self.suggester);
        let is_it = |file: &ModelFile| Some(file) == before.file.as_ref();
        let mut engines = cx.pool.engines();
        let found = engines.find(|(slot, engine)| {
            engine.loaded().is_some_and(|loaded| is_it(&loaded.file))
                && residency::is_unused(engine)
                && !self.wants(*slot)
        });
        if let Some((slot, _)) = found {
            self.unload_slot(slot, out);
        }
    }

    /// Why the model for code suggests though the user named another; `None` if it need not be
    /// reported.
    pub(super) fn suggester_note(&self) -> Option<String> {
        let why = self.suggester.why_not.as_ref()?;
        Some(format!("the model for code suggests at the cursor: {why}"))
    }
}

fn code_model<'a>(cx: &Context<'a>) -> Option<&'a ModelFile> {
    let wanted = cx.settings.code_models();
    cx.pool.engines().find_map(|(_, engine)| {
        let file = &engine.loaded().filter(|_| residency::is_unused(engine))?.file;
        wanted.contains(&file.info.reference).then_some(file)
    })
}

/// The settings for a model that only suggests: in this window its prompts have all the room that
/// they use in any.
fn beside(mut settings: Settings) -> Settings {
    settings.context_tokens = settings.context_tokens.min(CONTEXT_TOKENS);
    settings.context_tokens_most = settings.context_tokens;
    settings
}
