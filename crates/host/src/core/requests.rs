//! The table from method to handler. Handlers that answer at once return the answer; those that
//! need the model queue a [`Job`].

use localcoder_assist::{Command, prepare};
use localcoder_protocol::{
    Cancel, CancelAnswer, CancelParams, Configure, ConfigureAnswer, ConfigureFile,
    ConfigureFileParams, ConfigureParams, DOCUMENT_BYTES_MAX, DocumentText, Drain, ErrorCode,
    ErrorInfo, Explain, ExplainParams, Generate, GenerateParams, Hello, Improve, ImproveParams,
    LocateEdit, LocateEditAnswer, LocateEditParams, Nothing, Prepare, PrepareParams, Request,
    Status, Stop, Survey, Unload, Warm, WarmAnswer,
};
use localcoder_settings::{Contents, Layer, Settings, resolve};
use localcoder_transport::Id;
use serde_json::{Map, Value};

use super::job::{Job, Work};
use super::{ClientId, Effect, Host, QUEUE_MAX, errors};

type Handler = fn(&mut Host, ClientId, Id, Value);

/// Everything a client can ask. `tests::every_request_has_a_handler` holds it complete.
const HANDLERS: &[(&str, Handler)] = &[
    (Hello::METHOD, |host, client, id, params| {
        now::<Hello>(host, client, id, params, |host, params| host.hello(client, &params));
    }),
    (Status::METHOD, |host, client, id, params| {
        now::<Status>(host, client, id, params, |host, _| Ok(host.status()));
    }),
    (Drain::METHOD, |host, client, id, params| {
        now::<Drain>(host, client, id, params, |host, _| {
            host.draining = true;
            Ok(Nothing {})
        });
    }),
    (Stop::METHOD, |host, client, id, params| {
        now::<Stop>(host, client, id, params, |_, _| Ok(Nothing {}));
        host.stop();
    }),
    (Configure::METHOD, |host, client, id, params| {
        now::<Configure>(host, client, id, params, Host::configure);
    }),
    (Cancel::METHOD, |host, client, id, params| {
        now::<Cancel>(host, client, id, params, |host, params| Ok(host.cancel(client, &params)));
    }),
    (LocateEdit::METHOD, |host, client, id, params| {
        now::<LocateEdit>(host, client, id, params, |_, params| locate_edit(&params));
    }),
    (ConfigureFile::METHOD, |host, client, id, params| {
        now::<ConfigureFile>(host, client, id, params, Host::configure_file);
    }),
    (Survey::METHOD, |host, client, id, params| match parse::<Survey>(params) {
        Ok(_) if host.leaving => host.reply(client, id, Err(errors::draining())),
        Ok(params) => host.begin_survey(client, id, params),
        Err(error) => host.reply(client, id, Err(error)),
    }),
    (Unload::METHOD, |host, client, id, params| {
        now::<Unload>(host, client, id, params, |host, params| Ok(host.unload(&params.model)));
    }),
    (Warm::METHOD, warm),
    (Prepare::METHOD, |host, client, id, params| {
        later::<Prepare>(host, client, id, params, |host, params: PrepareParams| {
            check_document(&params.document)?;
            let task = prepare(&params.document, params.selection, Command::rewrite(None))?;
            let work = Work::Prepare(Box::new(task));
            host.parts(Some(params.request_id), None, &Map::new(), work)
        });
    }),
    (Improve::METHOD, |host, client, id, params| {
        later::<Improve>(host, client, id, params, |host, params: ImproveParams| {
            check_document(&params.document)?;
            let command = Command::rewrite(params.instruction.as_deref());
            let task = prepare(&params.document, params.selection, command)?;
            let work = Work::Improve(Box::new(task));
            host.parts(Some(params.request_id), params.model, &params.settings, work)
        });
    }),
    (Explain::METHOD, |host, client, id, params| {
        later::<Explain>(host, client, id, params, |host, params: ExplainParams| {
            check_document(&params.document)?;
            let task = prepare(&params.document, params.selection, Command::Explain)?;
            let work = Work::Explain(Box::new(task));
            host.parts(Some(params.request_id), params.model, &params.settings, work)
        });
    }),
    (Generate::METHOD, |host, client, id, params| {
        later::<Generate>(host, client, id, params, |host, params: GenerateParams| {
            let (request_id, model) = (params.request_id.clone(), params.model.clone());
            let settings = params.settings.clone();
            host.parts(Some(request_id), model, &settings, Work::Generate(Box::new(params)))
        });
    }),
];

/// Finds the handler and runs it.
pub(super) fn dispatch(host: &mut Host, client: ClientId, id: Id, method: &str, params: Value) {
    match HANDLERS.iter().find(|(name, _)| *name == method) {
        Some((_, handler)) => handler(host, client, id, params),
        None => {
            let error = ErrorInfo::new(ErrorCode::Protocol, format!("`{method}` is not known"))
                .with_hint("the client is newer than the host: run `localcoder host stop`");
            host.reply(client, id, Err(error));
        }
    }
}

fn parse<R: Request>(params: Value) -> Result<R::Params, ErrorInfo> {
    serde_json::from_value(params).map_err(|error| {
        ErrorInfo::new(
            ErrorCode::Protocol,
            format!("the parameters of `{}` make no sense", R::METHOD),
        )
        .with_cause(error.to_string())
    })
}

/// A request that is answered at once.
fn now<R: Request>(
    host: &mut Host,
    client: ClientId,
    id: Id,
    params: Value,
    handler: impl FnOnce(&mut Host, R::Params) -> Result<R::Answer, ErrorInfo>,
) {
    let result = parse::<R>(params)
        .and_then(|params| handler(host, params))
        .map(|answer| serde_json::to_value(answer).expect("protocol types serialize"));
    host.reply(client, id, result);
}

/// What a job is made of.
struct JobParts {
    request_id: Option<String>,
    /// Models that would do, the best first.
    references: Vec<String>,
    settings: Settings,
    work: Work,
}

/// A model that is loaded ahead where nothing is done ahead is not.
fn warm(host: &mut Host, client: ClientId, id: Id, params: Value) {
    let params = match parse::<Warm>(params) {
        Ok(params) => params,
        Err(error) => return host.reply(client, id, Err(error)),
    };
    if params.ahead && !host.works_ahead() {
        return host.answer(client, id, &WarmAnswer { loaded: false });
    }
    let queued = host.check_room().and_then(|()| {
        let parts = host.parts(None, params.model, &Map::new(), Work::Warm)?;
        let JobParts { references, work, settings, .. } = parts;
        let mut job = Job::new(Some(client), id.clone(), None, references, work, settings);
        job.ahead = params.ahead;
        host.queue_job(job);
        Ok(())
    });
    if let Err(error) = queued {
        host.reply(client, id, Err(error));
    }
}

/// A request that waits for its turn at the model.
fn later<R: Request>(
    host: &mut Host,
    client: ClientId,
    id: Id,
    params: Value,
    handler: impl FnOnce(&mut Host, R::Params) -> Result<JobParts, ErrorInfo>,
) {
    let queued = host.check_room().and_then(|()| parse::<R>(params)).and_then(|params| {
        let JobParts { request_id, references, work, settings } = handler(host, params)?;
        host.check_request_id(client, request_id.as_deref())?;
        let job = Job::new(Some(client), id.clone(), request_id, references, work, settings);
        host.queue_job(job);
        Ok(())
    });
    if let Err(error) = queued {
        host.reply(client, id, Err(error));
    }
}

/// Whether models are chosen, or run, in another way than before.
fn runs_otherwise(before: &Settings, now: &Settings) -> bool {
    let of = |it: &Settings| {
        let models = (it.code_models(), it.general_models());
        let run = (it.mode, it.acceleration, it.context_tokens, it.context_tokens_most);
        (it.profile.name.clone(), models, run)
    };
    of(before) != of(now)
}

fn check_document(document: &DocumentText) -> Result<(), ErrorInfo> {
    if document.text.len() <= DOCUMENT_BYTES_MAX {
        return Ok(());
    }
    Err(errors::document_too_large(&document.path, document.text.len()))
}

fn locate_edit(params: &LocateEditParams) -> Result<LocateEditAnswer, ErrorInfo> {
    let (range, moved) = localcoder_assist::locate(&params.document, &params.edit)?;
    Ok(LocateEditAnswer { range, moved })
}

impl Host {
    /// Which models and settings a request is for: its own, else those of its purpose.
    fn parts(
        &self,
        request_id: Option<String>,
        model: Option<String>,
        overrides: &Map<String, Value>,
        work: Work,
    ) -> Result<JobParts, ErrorInfo> {
        let settings = self.settings_with(overrides)?;
        let references = match (model, &work) {
            (Some(model), _) => vec![model],
            (None, Work::Generate(_)) => settings.general_models(),
            (None, _) => settings.code_models(),
        };
        Ok(JobParts { request_id, references, settings, work })
    }

    /// The settings with the options of a command over them.
    fn settings_with(&self, overrides: &Map<String, Value>) -> Result<Settings, ErrorInfo> {
        if overrides.is_empty() {
            return Ok(self.settings.clone());
        }
        let (file, editor) = (&self.config.file_settings, &self.editor_settings);
        let known = super::layered(file, editor).errors;
        let overrides = Contents::from(overrides.clone());
        let layers =
            [(Layer::File, file), (Layer::Editor, editor), (Layer::CommandLine, &overrides)];
        let resolved = resolve(&layers);
        match resolved.errors.into_iter().find(|error| !known.contains(error)) {
            Some(error) => Err(error.with_hint("see `localcoder config list` and `profiles`")),
            None => Ok(resolved.settings),
        }
    }

    fn check_room(&self) -> Result<(), ErrorInfo> {
        if self.draining || self.leaving {
            return Err(errors::draining());
        }
        if self.queue.len() >= QUEUE_MAX {
            return Err(ErrorInfo::new(
                ErrorCode::Busy,
                format!("{QUEUE_MAX} requests are waiting already"),
            )
            .with_hint("wait for them, or cancel some"));
        }
        Ok(())
    }

    fn check_request_id(&self, client: ClientId, id: Option<&str>) -> Result<(), ErrorInfo> {
        let Some(id) = id else { return Ok(()) };
        if id.is_empty() || id.len() > 64 {
            return Err(ErrorInfo::new(ErrorCode::Protocol, "a `requestId` has 1 to 64 bytes"));
        }
        if self.jobs().any(|job| job.is(client, id)) {
            let text = format!("the request `{id}` is running already");
            return Err(ErrorInfo::new(ErrorCode::Protocol, text));
        }
        Ok(())
    }

    fn configure(&mut self, params: ConfigureParams) -> Result<ConfigureAnswer, ErrorInfo> {
        let settings = Contents::from(params.settings);
        // What could not be read of the last ones is written anew, too.
        if self.editor_settings != settings {
            let text = Value::Object(settings.values.clone()).to_string();
            self.effects.push(Effect::KeepEditorSettings(text));
        }
        self.editor_settings = settings;
        Ok(self.settle_settings())
    }

    fn configure_file(
        &mut self,
        params: ConfigureFileParams,
    ) -> Result<ConfigureAnswer, ErrorInfo> {
        self.config.file_settings = params.settings.into();
        Ok(self.settle_settings())
    }

    fn settle_settings(&mut self) -> ConfigureAnswer {
        let resolved = super::layered(&self.config.file_settings, &self.editor_settings);
        let before = std::mem::replace(&mut self.settings, resolved.settings);
        if before.acceleration != self.settings.acceleration && self.gpu_failure.take().is_some() {
            self.knowledge_changed();
        }
        if before != self.settings {
            if runs_otherwise(&before, &self.settings) {
                // What was lowered or left alone before is tried again.
                self.forget_what_was_lowered();
                self.budgets.forget();
            }
            self.follow_settings();
        }
        self.status_dirty = true;
        ConfigureAnswer { errors: resolved.errors }
    }

    fn cancel(&mut self, client: ClientId, params: &CancelParams) -> CancelAnswer {
        let id = params.request_id.as_str();
        if self.active.as_ref().is_some_and(|job| job.is(client, id)) {
            let job = self.active.as_ref().map(|job| (job.client, job.id.clone()));
            self.abandon_active();
            self.answer_cancelled(job);
            return CancelAnswer { found: true };
        }
        if let Some(index) = self.queue.iter().position(|job| job.is(client, id)) {
            let job = self.queue.remove(index).map(|job| (job.client, job.id));
            self.answer_cancelled(job);
            return CancelAnswer { found: true };
        }
        CancelAnswer { found: false }
    }

    fn answer_cancelled(&mut self, job: Option<(Option<ClientId>, Id)>) {
        if let Some((Some(client), id)) = job {
            self.reply(client, id, Err(errors::cancelled()));
        }
    }

    /// Ends now: every running request is told so.
    pub(super) fn stop(&mut self) {
        self.draining = true;
        if self.active.is_some() {
            self.fail_active(errors::draining());
        }
        while let Some(job) = self.queue.pop_front() {
            if let Some(client) = job.client {
                self.reply(client, job.id, Err(errors::draining()));
            }
        }
        self.refuse_surveys(&errors::draining());
    }

    pub(super) fn jobs(&self) -> impl Iterator<Item = &Job> {
        self.active.iter().chain(&self.queue)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use localcoder_protocol::HOST_REQUESTS;

    #[test]
    fn every_request_has_a_handler() {
        let mut handled: Vec<&str> = HANDLERS.iter().map(|(name, _)| *name).collect();
        let mut declared: Vec<&str> = HOST_REQUESTS.iter().map(|row| row.method).collect();
        declared.push(Hello::METHOD);
        handled.sort_unstable();
        declared.sort_unstable();
        assert_eq!(handled, declared);
    }
}
