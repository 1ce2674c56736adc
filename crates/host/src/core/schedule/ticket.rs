//! A request that needs a model, on its way to it: who asked, what is known of its model, in which
//! slot that is. What is done once the model is ready is its [`Job`].

use localcoder_protocol::Stage;
use localcoder_settings::Settings;

use super::action::{Action, Asker, Report};
use crate::ModelFile;
use crate::core::event::ClientId;
use crate::core::jobs::Job;
use crate::core::pool::SlotId;

/// How far the request is. Steps only go forward, except from `Placing` back to `Queued` when the
/// free memory has changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    Queued,
    Inspecting,
    Placing,
}

#[derive(Debug)]
pub(in crate::core) struct Ticket {
    pub(super) asker: Option<Asker>,
    pub(super) references: Vec<String>,
    pub(super) settings: Box<Settings>,
    pub(super) job: Job,
    pub(super) ahead: bool,
    pub(super) beside: bool,
    began_again: bool,
    pub(super) named: bool,
    pub(super) step: Step,
    pub(super) slot: Option<SlotId>,
    pub(super) file: Option<ModelFile>,
    pub(super) unverified: bool,
    pub(super) free_bytes: Option<u64>,
    pub(super) inspected_ms: Option<u64>,
}

impl Ticket {
    pub(in crate::core) fn new(
        asker: Option<Asker>,
        references: Vec<String>,
        job: Job,
        settings: Settings,
    ) -> Self {
        Self {
            asker,
            named: references.len() == 1,
            references,
            settings: Box::new(settings),
            job,
            ahead: false,
            beside: false,
            began_again: false,
            step: Step::Queued,
            slot: None,
            file: None,
            unverified: false,
            free_bytes: None,
            inspected_ms: None,
        }
    }

    pub(in crate::core) fn ahead(self, ahead: bool) -> Self {
        Self { ahead, ..self }
    }

    pub(in crate::core) fn beside(self) -> Self {
        Self { beside: true, ..self }
    }

    /// Whether it may start over after its worker died: once, and only if the client has seen
    /// nothing of an answer.
    pub(super) fn may_begin_again(&self) -> bool {
        !self.began_again && !self.job.has_shown() && !self.job.is_ahead_of_need()
    }

    pub(super) fn again(self) -> Self {
        let Self { asker, references, settings, job, ahead, beside, named, .. } = self;
        let ticket = Self::new(asker, references, job.again(), *settings);
        Self { ahead, beside, named, began_again: true, ..ticket }
    }

    pub(super) fn restarted(self) -> Self {
        let began_again = self.began_again;
        Self { began_again, ..self.again() }
    }

    pub(super) fn is_of(&self, client: ClientId) -> bool {
        self.asker.as_ref().is_some_and(|asker| asker.client == client)
    }

    pub(super) fn is(&self, client: ClientId, request_id: &str) -> bool {
        self.is_of(client)
            && self.asker.as_ref().is_some_and(|it| it.request_id.as_deref() == Some(request_id))
    }

    pub(super) fn is_wanted(&self) -> bool {
        self.asker.is_some() && !self.job.is_ahead_of_need()
    }

    pub(super) fn is_for(&self, file: &ModelFile) -> bool {
        self.file.as_ref() == Some(file)
    }

    pub(super) fn report(&self, stage: Stage, message: String, out: &mut Vec<Action>) {
        self.report_fraction(stage, None, message, false, out);
    }

    pub(super) fn report_fraction(
        &self,
        stage: Stage,
        fraction: Option<f32>,
        message: String,
        throttled: bool,
        out: &mut Vec<Action>,
    ) {
        let Some(asker) = self.asker.clone().filter(|it| it.request_id.is_some()) else { return };
        if !self.job.is_ahead_of_need() {
            let report = Report { asker, stage, fraction, message, throttled };
            out.push(Action::Report(Box::new(report)));
        }
    }
}
