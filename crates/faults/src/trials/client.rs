//! A client of a host for trials: it records when it learned of a fault and how often a request was
//! answered, and closes its connection when it is dropped. It knows nothing of the faults
//! themselves.

use std::io;
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Result, anyhow, bail};
use localcoder_protocol::{
    Assist, AssistParams, BUILD_ID, ClientKind, Delta, DocumentText, ErrorInfo, Generate,
    GenerateParams, Hello, HelloAnswer, HelloParams, HostStatus, LineRange, Nothing,
    Notification as _, PROTOCOL_VERSION, Progress, SamplingParams, Status, StatusChanged,
};
use localcoder_settings::Places;
use localcoder_test_support::fake_worker::unix_ns;
use localcoder_transport::{Client, ClientEvent};
use serde_json::{Map, Value};

/// A connection to a host. The stream is kept beside the client to be able to close it while the
/// client's reader still waits on it.
pub(super) struct Caller {
    pub(super) client: Client,
    stream: UnixStream,
}

#[derive(Debug, Default)]
pub(super) struct Ended {
    /// `None` if it did not end in time.
    pub(super) result: Option<Result<Value, ErrorInfo>>,
    pub(super) text: String,
    /// Moments at which a user could see that something was wrong: an error, a second attempt, a
    /// state.
    pub(super) signs_ns: Vec<u128>,
    pub(super) lost: bool,
}

impl Ended {
    /// The outcome in one word: `answer`, or the error's code.
    pub(super) fn word(&self) -> String {
        match &self.result {
            None if self.lost => "connection lost".to_owned(),
            None => "no end".to_owned(),
            Some(Ok(_)) => "answer".to_owned(),
            Some(Err(error)) => error.code.as_str().to_owned(),
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Improve,
    Explain,
    Generate,
}

impl Kind {
    pub(super) fn of(number: usize) -> Self {
        [Self::Generate, Self::Explain, Self::Improve][number % 3]
    }
}

#[derive(Debug, Clone, Default)]
pub(super) struct Raw<'a> {
    pub(super) id: &'a str,
    pub(super) prompt: &'a str,
    pub(super) max_tokens: Option<u32>,
    pub(super) temperature: Option<f32>,
    pub(super) model: Option<&'a str>,
}

impl Raw<'_> {
    pub(super) fn params(&self) -> GenerateParams {
        GenerateParams {
            request_id: self.id.to_owned(),
            prompt: self.prompt.to_owned(),
            system: None,
            raw: true,
            max_tokens: self.max_tokens,
            stop: Vec::new(),
            sampling: SamplingParams { temperature: self.temperature, ..SamplingParams::default() },
            model: self.model.map(str::to_owned),
            settings: Map::new(),
        }
    }
}

impl Caller {
    /// Connects, and sends nothing yet: some trials are about what comes before a hello.
    pub(super) fn connect(home: &Path) -> io::Result<Self> {
        let stream = UnixStream::connect(Places::under(home).host_socket())?;
        let client =
            Client::new(stream.try_clone()?, stream.try_clone()?).map_err(io::Error::other)?;
        Ok(Self { client, stream })
    }

    pub(super) fn greeted(home: &Path, wants_status: bool) -> Result<Self> {
        let mut caller = Self::connect(home)?;
        caller.hello(PROTOCOL_VERSION, wants_status).map_err(|error| anyhow!("hello: {error}"))?;
        Ok(caller)
    }

    pub(super) fn hello(
        &mut self,
        protocol_version: u32,
        wants_status: bool,
    ) -> Result<HelloAnswer, ErrorInfo> {
        let params = HelloParams {
            protocol_version,
            build_id: BUILD_ID.to_owned(),
            pid: std::process::id(),
            client: ClientKind::Other,
            wants_status,
        };
        self.client.call::<Hello>(&params, |_, _| {})
    }

    pub(super) fn status(&mut self) -> Result<HostStatus, ErrorInfo> {
        self.client.call::<Status>(&Nothing {}, |_, _| {})
    }

    pub(super) fn ask(&mut self, kind: Kind, id: &str, document: &str) -> Result<i64> {
        let document = DocumentText {
            path: "trial.py".to_owned(),
            language_id: None,
            text: document.to_owned(),
        };
        let selection = LineRange { start: 1, end: 2 };
        let started = match kind {
            Kind::Improve | Kind::Explain => {
                let command = if kind == Kind::Improve { "improve" } else { "explain" };
                let params = AssistParams::new(id, command, document, selection);
                self.client.start::<Assist>(&params)
            }
            Kind::Generate => {
                let raw = Raw { id, prompt: "def f(", ..Raw::default() };
                self.client.start::<Generate>(&raw.params())
            }
        };
        started.map_err(|error| anyhow!("{error}"))
    }

    pub(super) fn end_of(&self, call: i64, within: Duration) -> Ended {
        let mut ended = Ended::default();
        self.go_on(call, within, &mut ended, |_| false);
        ended
    }

    /// Follows a request until it ends, `enough` of its text has arrived, or the time is over;
    /// `ended` is continued, so a request can be followed in several parts with something done
    /// between them.
    pub(super) fn go_on(
        &self,
        call: i64,
        within: Duration,
        ended: &mut Ended,
        enough: impl Fn(&str) -> bool,
    ) {
        let deadline = Instant::now() + within;
        while let Ok(event) = self.client.events().recv_deadline(deadline) {
            match event {
                ClientEvent::Answer(answered, result) if answered == call => {
                    if result.is_err() {
                        ended.signs_ns.push(unix_ns());
                    }
                    ended.result = Some(result);
                    return;
                }
                // Of another request on the same connection.
                ClientEvent::Answer(..) => {}
                ClientEvent::Notification(method, params) => {
                    note(&method, &params, ended);
                    if enough(&ended.text) {
                        return;
                    }
                }
                // Not an end: what was asked may still be open in a host that is gone.
                ClientEvent::Closed => {
                    ended.lost = true;
                    return;
                }
            }
        }
    }

    /// Whether a request that has ended was answered a second time. Looks only at what has arrived.
    pub(super) fn answered_again(&self, call: i64) -> bool {
        let is_it = |event: ClientEvent| matches!(event, ClientEvent::Answer(id, _) if id == call);
        self.client.events().try_iter().any(is_it)
    }
}

fn note(method: &str, params: &Value, ended: &mut Ended) {
    if method == Delta::METHOD {
        ended.text.push_str(params["text"].as_str().unwrap_or_default());
    }
    // The first of these is when a user can know of a fault, which is what `reported` measures.
    let shows = (method == Progress::METHOD && params["stage"] == "retrying")
        || (method == StatusChanged::METHOD && params["engine"]["state"] == "failed");
    if shows {
        ended.signs_ns.push(unix_ns());
    }
}

impl Drop for Caller {
    fn drop(&mut self) {
        // The client's thread holds a clone of the stream, so dropping this one would not close it.
        let _ = self.stream.shutdown(Shutdown::Both);
    }
}

/// Connects as the command line does: to the running host, or else to one that it starts. `start`
/// is called again until a host answers.
pub(super) fn reconnect(
    home: &Path,
    mut start: impl FnMut() -> Result<()>,
    within: Duration,
) -> Result<Caller> {
    let deadline = Instant::now() + within;
    loop {
        match Caller::greeted(home, false) {
            Ok(caller) => return Ok(caller),
            Err(error) if Instant::now() > deadline => bail!("no host within {within:?}: {error}"),
            Err(_) => start()?,
        }
    }
}
