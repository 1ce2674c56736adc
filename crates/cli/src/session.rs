//! One request to the host: finds or starts it, shows progress, and turns Ctrl-C into a cancel of
//! the generation itself.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crossbeam_channel::{Receiver, bounded, select};
use localcoder_host::connect;
use localcoder_host::unresponsive::Unresponsive;
use localcoder_protocol::{
    Cancel, CancelParams, ClientKind, DEMO, Delta, ErrorAction, ErrorCode, ErrorInfo, Nothing,
    Notification, Progress, ProgressParams, Request, Status, Tried, TryEdit, TryEditParams,
};
use localcoder_settings::{Key, Places};
use localcoder_transport::{Client, ClientEvent, read_answer, spawn_thread};
use serde_json::{Map, Value};

use crate::failure::no_interrupts;
use crate::output;
use crate::tester::Tester;

/// A connection has one request at a time, so it needs no other id; a cancel names it.
pub(crate) const REQUEST_ID: &str = "cli";

/// After this long a silence the host is asked whether it is there, and after the same time again
/// it counts as gone: it answers in milliseconds, whatever its worker does.
const SILENCE: Duration = Duration::from_secs(5);

/// A connection to the host, on which a command makes its requests one after another. When it is
/// dropped, the host ends what is still asked on it.
pub(crate) struct Session {
    client: Client,
    interrupts: Receiver<()>,
}

impl Session {
    /// Finds or starts the host. Ctrl-C is taken over from here on, for the whole process, so a
    /// command opens one session at most.
    pub(crate) fn open() -> Result<Self, ErrorInfo> {
        // With room for what comes before the first request waits for it, such as while a host
        // starts.
        let (sender, interrupts) = bounded(2);
        ctrlc::set_handler(move || {
            // The loop of a request takes each Ctrl-C and cancels. Where two wait that nobody has
            // taken, the next one means: leave without waiting for the host.
            if sender.try_send(()).is_err() {
                output::note("");
                std::process::abort();
            }
        })
        .map_err(|error| no_interrupts(&error))?;
        let places = Places::resolve()?;
        let client = connect::connect_or_start(&places, &program()?, ClientKind::Cli)?;
        Ok(Self { client, interrupts })
    }

    /// Makes the request and waits for its end. `on_delta` gets streamed text; if it fails, or
    /// nobody reads the output any more, the request ends.
    pub(crate) fn request<R: Request>(
        &mut self,
        params: &R::Params,
        on_delta: impl FnMut(&str) -> Result<(), ErrorInfo>,
    ) -> Result<R::Answer, ErrorInfo> {
        self.request_with::<R>(params, on_delta, None)
    }

    /// As [`Self::request`], with the user's test, which the host may ask to try edits with while
    /// the request runs. Trials run in a thread of their own, so that Ctrl-C and a host that ends
    /// are still seen.
    pub(crate) fn request_with<R: Request>(
        &mut self,
        params: &R::Params,
        mut on_delta: impl FnMut(&str) -> Result<(), ErrorInfo>,
        tester: Option<Tester>,
    ) -> Result<R::Answer, ErrorInfo> {
        let tester = tester.map(Arc::new);
        // This function keeps a sender of its own, so that the receiver stays open where nothing is
        // tried.
        let (tried, trials) = bounded(1);
        let progress = output::Progress::new();
        let call = self.client.start::<R>(params)?;
        let events = self.client.events().clone();
        let mut asked = false;
        let result = loop {
            let event = select! {
                recv(events) -> event => event.unwrap_or(ClientEvent::Closed),
                default(SILENCE) => {
                    if asked {
                        break Err(silent());
                    }
                    // A model may compute for a long time, but its host answers a status request at
                    // any time. The answer is dropped below: that there is one is all that counts.
                    self.client.start::<Status>(&Nothing {})?;
                    asked = true;
                    continue;
                }
                recv(trials) -> tried => {
                    if let Ok(params) = tried {
                        self.client.start::<Tried>(&params)?;
                    }
                    continue;
                }
                recv(self.interrupts) -> _ => {
                    // Not the end of the loop: the request still has its answer, which says that it
                    // was canceled, and the host is told so rather than left with a closed
                    // connection.
                    let params = CancelParams { request_id: REQUEST_ID.to_owned() };
                    self.client.start::<Cancel>(&params)?;
                    continue;
                }
            };
            // Whatever has arrived, the host is there.
            asked = false;
            match event {
                ClientEvent::Answer(id, result) if id == call => break result,
                // Answers to the status, to a cancel and to a trial.
                ClientEvent::Answer(..) => {}
                ClientEvent::Notification(method, params) if method == TryEdit::METHOD => {
                    let wanted = serde_json::from_value::<TryEditParams>(params).ok();
                    if let (Some(tester), Some(wanted)) = (tester.clone(), wanted) {
                        let tried = tried.clone();
                        let run = move || drop(tried.send(tester.tried(&wanted)));
                        // If it is not answered, the host continues without the test.
                        let _ = spawn_thread("test", run);
                    }
                }
                ClientEvent::Notification(method, params) => {
                    on_notification(&method, params, &progress, &mut on_delta)?;
                    if output::reader_is_gone() {
                        // When the connection ends, the host ends the request.
                        return Err(ErrorInfo::new(
                            ErrorCode::Cancelled,
                            "no one reads the output any more",
                        ));
                    }
                }
                ClientEvent::Closed => {
                    break Err(ErrorInfo::new(
                        ErrorCode::HostUnreachable,
                        "the LocalCoder host ended",
                    )
                    .with_hint("try again: a new one is started"));
                }
            }
        };
        progress.clear();
        read_answer::<R>(result)
    }
}

/// The error if the host has stopped answering in the middle of a request: with its process, if the
/// system says which one it is.
fn silent() -> ErrorInfo {
    let host = Places::resolve().ok().and_then(|places| Unresponsive::find(&places));
    host.map_or_else(
        || {
            ErrorInfo::new(ErrorCode::HostUnreachable, "the LocalCoder host does not answer")
                .with_hint("start the engine again")
                .with_action(ErrorAction::RestartEngine)
        },
        |host| host.error(),
    )
}

fn on_notification(
    method: &str,
    params: Value,
    progress: &output::Progress,
    on_delta: &mut impl FnMut(&str) -> Result<(), ErrorInfo>,
) -> Result<(), ErrorInfo> {
    if method == Progress::METHOD {
        if let Ok(params) = serde_json::from_value::<ProgressParams>(params) {
            progress.show(&params);
        }
    } else if method == Delta::METHOD
        && let Some(text) = params.get("text").and_then(Value::as_str)
    {
        // The progress line is in the way of the first word of the answer.
        progress.clear();
        return on_delta(text);
    }
    Ok(())
}

pub(crate) fn program() -> Result<PathBuf, ErrorInfo> {
    std::env::current_exe().map_err(|error| {
        ErrorInfo::new(ErrorCode::Internal, "this program's own place could not be found")
            .with_cause(error.to_string())
    })
}

pub(crate) fn overrides(profile: Option<&str>) -> Map<String, Value> {
    profile.iter().map(|name| ("profile".to_owned(), Value::from(*name))).collect()
}

/// Settings for an edit that is not shown, so that it is not counted: statistics are about what
/// users did with edits that they saw.
pub(crate) fn uncounted(mut settings: Map<String, Value>) -> Map<String, Value> {
    settings.insert(Key::Ledger.name().to_owned(), false.into());
    settings
}

/// A model reference that means the same in the host's working folder, which is not this command's.
///
/// # Errors
/// If what was given is not a path, such as an empty text.
pub(crate) fn model_reference(model: Option<&str>) -> Result<Option<String>, ErrorInfo> {
    match model {
        None => Ok(None),
        Some(DEMO) => Ok(Some(DEMO.to_owned())),
        // An id contains no separator; if a file with that name exists here, the file is meant.
        Some(id) if !id.contains(['/', '\\']) && !std::path::Path::new(id).exists() => {
            Ok(Some(id.to_owned()))
        }
        Some(path) => {
            let path = std::path::absolute(path).map_err(|error| {
                ErrorInfo::new(ErrorCode::ModelNotFound, format!("`{path}` is not a path"))
                    .with_cause(error.to_string())
            })?;
            Ok(Some(path.to_string_lossy().into_owned()))
        }
    }
}
