//! What is kept between two requests for ghost text: the content of each client's last prompt, so
//! that the next one differs little; suggestions that stay valid while the user types what they
//! say; how long suggestions take; and whether suggestions are paused.

use std::collections::{BTreeMap, VecDeque};

use localcoder_assist::{Fill, Held, Spot};
use localcoder_protocol::{CompleteAnswer, GhostText, Infill, Silence, Usage};
use localcoder_settings::Settings;

use super::event::ClientId;
use super::jobs::ghost_answer;

/// Suggestions kept for one client: those of the last places, and those that would follow from
/// accepting them.
const KEPT_MAX: usize = 6;
/// Places that are not asked about again, the latest ones: few places in a file follow from one
/// change.
const REFUSED_MAX: usize = 32;
/// The pause after a key is this part of the time that a suggestion takes: on a machine where it
/// takes long, more keys come before it is ready, and what was begun for each would be lost.
const PAUSE_PART: f64 = 0.25;
const PAUSE_MIN_MS: f64 = 40.0;
const PAUSE_MAX_MS: f64 = 400.0;
/// Weight of the latest answer in the running mean.
const LAST_COUNTS: f64 = 0.3;

/// What is kept for one client. It goes with the connection, and nothing of it is written to a
/// file: it is the user's code.
#[derive(Debug, Default)]
struct Own {
    held: Option<Held>,
    kept: VecDeque<KnownSuggestion>,
    refused: VecDeque<u64>,
}

#[derive(Debug)]
struct KnownSuggestion {
    spot: Spot,
    references: Vec<String>,
    /// What is suggested there; `None` if the model ended its text at once.
    text: Option<GhostText>,
}

#[derive(Debug, Default)]
pub(super) struct Ghost {
    clients: BTreeMap<ClientId, Own>,
    took_ms: Option<f64>,
    snoozed_until_ms: Option<u64>,
}

impl Ghost {
    pub(super) fn silence(&self, now_ms: u64, settings: &Settings) -> Option<Silence> {
        if !settings.ghost_text {
            Some(Silence::Off)
        } else if self.snoozed_until_ms.is_some_and(|until| now_ms < until) {
            Some(Silence::Snoozed)
        } else {
            None
        }
    }

    /// Why nothing is suggested at this place, before a model is asked. Neither the settings nor a
    /// pause keep a suggestion from a user who asks for one.
    pub(super) fn silence_at(
        &self,
        now_ms: u64,
        fill: &Fill,
        settings: &Settings,
    ) -> Option<Silence> {
        let off = || self.silence_in(now_ms, fill.language(), settings);
        let off = (!fill.is_explicit()).then(off).flatten();
        off.or_else(|| fill.silence())
    }

    pub(super) fn silence_in(
        &self,
        now_ms: u64,
        language: &str,
        settings: &Settings,
    ) -> Option<Silence> {
        let is_off = || settings.ghost_text_languages_off.iter().any(|it| it == language);
        self.silence(now_ms, settings).or_else(|| is_off().then_some(Silence::LanguageOff))
    }

    pub(super) fn deadline_ms(&self) -> Option<u64> {
        self.snoozed_until_ms
    }

    pub(super) fn wakes(&mut self, now_ms: u64) -> bool {
        self.snoozed_until_ms.take_if(|until| *until <= now_ms).is_some()
    }

    pub(super) fn snooze(&mut self, now_ms: u64, minutes: u32) {
        let until = now_ms.saturating_add(u64::from(minutes) * 60_000);
        // No minutes end a pause.
        self.snoozed_until_ms = (minutes > 0).then_some(until);
    }

    /// The content of a client's last prompt, which the next one continues.
    pub(super) fn held(&self, client: ClientId) -> Option<Held> {
        self.clients.get(&client)?.held.clone()
    }

    pub(super) fn hold(&mut self, client: ClientId, held: Held) {
        self.clients.entry(client).or_default().held = Some(held);
    }

    /// The rest of an earlier suggestion, if the user typed or accepted its beginning.
    pub(super) fn kept(
        &self,
        client: ClientId,
        references: &[String],
        spot: &Spot,
    ) -> Option<CompleteAnswer> {
        // The newest first: what was suggested last is what the user sees.
        let kept = self.clients.get(&client)?.kept.iter().rev();
        let found =
            kept.filter(|kept| kept.references == references).find_map(|kept| match &kept.text {
                Some(text) => kept.spot.rest_at(text, spot).map(Ok),
                None => (kept.spot == *spot).then_some(Err(Silence::NothingToAdd)),
            });
        let answer = CompleteAnswer { infill: Some(Infill::Kept), ..ghost_answer(found?) };
        Some(self.paced(answer))
    }

    /// Keeps the suggestion made for a client's place, or that there is none. A later one for the
    /// same place replaces it; the oldest of all is forgotten.
    pub(super) fn keep(
        &mut self,
        client: ClientId,
        references: &[String],
        spot: Spot,
        text: Option<GhostText>,
    ) {
        let kept = &mut self.clients.entry(client).or_default().kept;
        kept.retain(|other| other.spot != spot);
        kept.push_back(KnownSuggestion { spot, references: references.to_vec(), text });
        while kept.len() > KEPT_MAX {
            kept.pop_front();
        }
    }

    /// Notes that a model had no suggestion for these places.
    pub(super) fn refuse(&mut self, client: ClientId, marks: &[u64]) {
        let refused = &mut self.clients.entry(client).or_default().refused;
        refused.extend(marks);
        while refused.len() > REFUSED_MAX {
            refused.pop_front();
        }
    }

    pub(super) fn is_refused(&self, client: ClientId, mark: u64) -> bool {
        self.clients.get(&client).is_some_and(|own| own.refused.contains(&mark))
    }

    pub(super) fn note(&mut self, usage: Usage) {
        // One that was answered without computing says nothing about the time.
        let took = usage.prefill_ms + usage.decode_ms;
        if took > 0.0 {
            let mean = self.took_ms.unwrap_or(took);
            self.took_ms = Some(mean + LAST_COUNTS * (took - mean));
        }
    }

    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "it is between two bounds"
    )]
    pub(super) fn paced(&self, answer: CompleteAnswer) -> CompleteAnswer {
        let pause = self.took_ms.map_or(PAUSE_MIN_MS, |took| took * PAUSE_PART);
        CompleteAnswer { debounce_ms: pause.clamp(PAUSE_MIN_MS, PAUSE_MAX_MS) as u32, ..answer }
    }

    /// Drops suggestions of another model, or made under other settings.
    pub(super) fn forget_kept(&mut self) {
        for own in self.clients.values_mut() {
            own.kept.clear();
            own.refused.clear();
        }
    }

    pub(super) fn client_gone(&mut self, client: ClientId) {
        self.clients.remove(&client);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pause_follows_what_suggestions_take_within_bounds() {
        let mut ghost = Ghost::default();
        let pause = |ghost: &Ghost| ghost.paced(ghost_answer(Err(Silence::Unsure))).debounce_ms;
        assert_eq!(pause(&ghost), 40);
        let took = |prefill_ms| Usage { prefill_ms, ..Usage::default() };
        ghost.note(took(800.0));
        assert_eq!(pause(&ghost), 200);
        ghost.note(took(0.0));
        assert_eq!(pause(&ghost), 200, "nothing was computed");
        (0..40).for_each(|_| ghost.note(took(20.0)));
        assert_eq!(pause(&ghost), 40);
        (0..40).for_each(|_| ghost.note(took(9_000.0)));
        assert_eq!(pause(&ghost), 400);
    }

    #[test]
    fn a_snooze_ends_by_itself_or_when_it_is_ended() {
        let (mut ghost, settings) = (Ghost::default(), Settings::default());
        ghost.snooze(1_000, 1);
        assert_eq!(ghost.silence(60_999, &settings), Some(Silence::Snoozed));
        assert_eq!(ghost.deadline_ms(), Some(61_000));
        assert!(!ghost.wakes(60_999) && ghost.wakes(61_000) && !ghost.wakes(61_001));
        ghost.snooze(61_000, 5);
        ghost.snooze(61_001, 0);
        assert_eq!((ghost.silence(61_002, &settings), ghost.deadline_ms()), (None, None));
    }
}
