//! The product's own host with a private home folder, called like the command line calls it.

use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Instant;

use anyhow::{Context as _, Result, anyhow};
use localcoder_protocol::{
    BUILD_ID, ClientKind, Complete, CompleteAnswer, CompleteParams, ErrorInfo, Generate,
    GenerateParams, Hello, HelloParams, Nothing, PROTOCOL_VERSION, SamplingParams, Stop, Usage,
};
use localcoder_transport::Client;

use crate::{places, process};

const ANSWER_TOKENS: u32 = 64;

pub(super) fn complete(client: &mut Client, params: &CompleteParams) -> Result<CompleteAnswer> {
    client.call::<Complete>(params, |_, _| {}).map_err(plain)
}

/// A connection to a running host, which ends with [`HostClient::stop`]; the home folder is deleted
/// with this value, so a host that still ran would lose its files.
pub(super) struct HostClient {
    client: Client,
    home: tempfile::TempDir,
}

impl HostClient {
    pub(super) fn start() -> Result<Self> {
        // `sun_path` has 104 bytes on macOS and 108 on Linux; a checkout's `target` is often
        // deeper.
        let home = tempfile::Builder::new().prefix("lcb").tempdir_in("/tmp")?;
        let mut start = process::command(places::program("localcoder"), home.path());
        process::read(start.args(["host", "start"]).env("LOCALCODER_HOME", home.path()))?;
        let client = connect(home.path(), ClientKind::Cli)?;
        Ok(Self { client, home })
    }

    pub(super) fn another_window(&self) -> Result<Client> {
        connect(self.home.path(), ClientKind::Editor)
    }

    /// Has a text written; returns the milliseconds from the request to the end, and the worker's
    /// counts. `number` makes the prompt differ from those of other calls, so that no cache has it.
    pub(super) fn generate(&mut self, model: &Path, number: usize) -> Result<(f64, Usage)> {
        let params = GenerateParams {
            request_id: format!("cost-{number}"),
            prompt: format!("def count_{number}(items):\n    total = 0\n"),
            system: None,
            raw: true,
            max_tokens: Some(ANSWER_TOKENS),
            stop: Vec::new(),
            sampling: SamplingParams::default(),
            model: Some(model.to_str().context("the model's path is not UTF-8")?.to_owned()),
            settings: serde_json::Map::new(),
        };
        let begun = Instant::now();
        let answer = self.client.call::<Generate>(&params, |_, _| {}).map_err(plain)?;
        Ok((begun.elapsed().as_secs_f64() * 1e3, answer.usage))
    }

    pub(super) fn stop(mut self) -> Result<()> {
        self.client.call::<Stop>(&Nothing {}, |_, _| {}).map(|_| ()).map_err(plain)
    }
}

fn connect(home: &Path, kind: ClientKind) -> Result<Client> {
    let stream = UnixStream::connect(home.join("runtime/host.sock"))?;
    let mut client = Client::new(stream.try_clone()?, stream)?;
    let params = HelloParams {
        protocol_version: PROTOCOL_VERSION,
        build_id: BUILD_ID.to_owned(),
        pid: std::process::id(),
        client: kind,
        wants_status: kind == ClientKind::Editor,
    };
    client.call::<Hello>(&params, |_, _| {}).map_err(plain)?;
    Ok(client)
}

#[expect(clippy::needless_pass_by_value, reason = "it is passed to `map_err`")]
fn plain(error: ErrorInfo) -> anyhow::Error {
    anyhow!("{error}")
}
