//! llama-server, called over a plain loopback connection.

use std::io::{BufRead, BufReader, Read as _, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use localcoder_protocol::WorkerPrompt;
use serde_json::{Value, json};

use super::cases::{Case, WINDOW_TOKENS};
use super::peer::Peer;
use super::worker::Timing;

#[derive(Debug)]
pub(super) struct Settings {
    arguments: &'static [&'static str],
}

impl Settings {
    pub(super) const DEFAULT: Self = Self { arguments: &[] };

    pub(super) fn name(&self) -> String {
        self.arguments.join(" ").replace("--spec-type", "type").replace("--spec-ngram", "ngram")
    }
}

/// Its drafts from earlier text: with default settings, with shorter matches and drafts, which suit
/// edits better, two kinds one after the other, and what it recommends itself. The product is
/// compared with the best of them, so that a poor choice of settings does not make the comparison
/// easier.
pub(super) const NGRAMS: &[Settings] = &[
    Settings {
        arguments: &[
            "--spec-type",
            "ngram-simple",
            "--spec-ngram-simple-size-n",
            "4",
            "--spec-ngram-simple-size-m",
            "15",
        ],
    },
    Settings {
        arguments: &[
            "--spec-type",
            "ngram-simple",
            "--spec-ngram-simple-size-n",
            "6",
            "--spec-ngram-simple-size-m",
            "31",
        ],
    },
    Settings { arguments: &["--spec-type", "ngram-simple"] },
    Settings { arguments: &["--spec-type", "ngram-mod"] },
    Settings {
        arguments: &[
            "--spec-type",
            "ngram-mod",
            "--spec-ngram-mod-n-match",
            "6",
            "--spec-ngram-mod-n-min",
            "8",
            "--spec-ngram-mod-n-max",
            "31",
        ],
    },
    Settings { arguments: &["--spec-type", "ngram-map-k"] },
    Settings {
        arguments: &[
            "--spec-type",
            "ngram-simple,ngram-mod",
            "--spec-ngram-simple-size-n",
            "4",
            "--spec-ngram-simple-size-m",
            "15",
            "--spec-ngram-mod-n-match",
            "6",
            "--spec-ngram-mod-n-min",
            "8",
            "--spec-ngram-mod-n-max",
            "31",
        ],
    },
    Settings { arguments: &["--spec-default"] },
];

/// Tokens of the text that fills a gap; ours has as many for several lines. llama-server's own
/// default has no such end.
const INFILL_TOKENS: u32 = 64;

const START_DEADLINE: Duration = Duration::from_secs(300);

pub(super) struct LlamaServer {
    child: Child,
    port: u16,
}

impl LlamaServer {
    pub(super) fn start(peer: &Peer, model: &Path, settings: &Settings) -> Result<Self> {
        let arguments = settings.arguments;
        // This port is free now, and nothing else here takes ports.
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let child = Command::new(&peer.server)
            .arg("--model")
            .arg(model)
            .args(["--host", "127.0.0.1", "--port", &port.to_string()])
            // One sequence, as the worker has: several would divide the context window.
            .args(["--ctx-size", &WINDOW_TOKENS.to_string(), "--parallel", "1"])
            .args(arguments)
            .stdin(Stdio::null())
            // A pipe that nobody empties would block the server as soon as it is full.
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .context("llama-server can't be started")?;
        let mut server = Self { child, port };
        let deadline = Instant::now() + START_DEADLINE;
        while !server.is_healthy() {
            if let Some(status) = server.child.try_wait()? {
                bail!("llama-server {} ended: {status}", arguments.join(" "));
            }
            if Instant::now() > deadline {
                bail!("llama-server {} does not get ready", arguments.join(" "));
            }
            // Short, because this wait is part of the measured start.
            std::thread::sleep(Duration::from_millis(2));
        }
        Ok(server)
    }

    pub(super) fn pid(&self) -> u32 {
        self.child.id()
    }

    fn is_healthy(&self) -> bool {
        let ask = || {
            let mut lines = self.ask("GET", "/health", "")?;
            let mut status = String::new();
            lines.read_line(&mut status)?;
            Ok::<_, anyhow::Error>(status)
        };
        // An error is the normal case until the server listens, and 503 until the model is loaded.
        ask().is_ok_and(|status| status.contains(" 200 "))
    }

    /// Sends a request; the reader that is returned starts at the status line.
    fn ask(&self, method: &str, path: &str, body: &str) -> Result<BufReader<TcpStream>> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port))?;
        // Otherwise Nagle's algorithm might hold back the end of a request that is sent in pieces.
        stream.set_nodelay(true)?;
        write!(
            stream,
            "{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        )?;
        Ok(BufReader::new(stream))
    }

    /// Fills a gap with its defaults; returns what was written, the milliseconds that took, and how
    /// many tokens of the prompt were read for it, that is, were not in its cache. With `one_line`
    /// it ends at the end of the line. `typed` is what is already in the line after `before`.
    pub(super) fn infill(
        &mut self,
        [before, after, typed]: [&str; 3],
        one_line: bool,
    ) -> Result<(String, f64, u32)> {
        let body = json!({
            "input_prefix": before,
            "input_suffix": after,
            "prompt": typed,
            "n_predict": INFILL_TOKENS,
            "stop": if one_line { vec!["\n"] } else { Vec::new() },
            "temperature": 0,
            "cache_prompt": true,
        });
        let begun = Instant::now();
        let mut answer = String::new();
        self.ask("POST", "/infill", &body.to_string())?.read_to_string(&mut answer)?;
        let ms = begun.elapsed().as_secs_f64() * 1e3;
        let (_, body) = answer.split_once("\r\n\r\n").context("an answer without a body")?;
        let body: Value = serde_json::from_str(body).context("the answer is not JSON")?;
        let text = body["content"].as_str().with_context(|| format!("no text in {body}"))?;
        let read = body["timings"]["prompt_n"].as_u64().unwrap_or(0);
        Ok((text.to_owned(), ms, u32::try_from(read)?))
    }

    /// A chat as its own template code renders it, up to where the answer goes on.
    pub(super) fn prompt(&self, case: &Case) -> Result<String> {
        let WorkerPrompt::Chat { messages, prefill, .. } = case.layout.worker_prompt() else {
            bail!("a prompt that is not a chat");
        };
        let body = json!({ "messages": messages }).to_string();
        let mut answer = String::new();
        self.ask("POST", "/apply-template", &body)?.read_to_string(&mut answer)?;
        let (_, body) = answer.split_once("\r\n\r\n").context("an answer without a body")?;
        let body: Value = serde_json::from_str(body).context("the answer is not JSON")?;
        let prompt = body["prompt"].as_str().with_context(|| format!("no prompt in {body}"))?;
        Ok(format!("{prompt}{prefill}"))
    }

    pub(super) fn read(&mut self, case: &Case) -> Result<()> {
        self.complete(case, true, 1).map(|_| ())
    }

    /// Writes the answer. With `keep` it starts from what it has already read of the prompt;
    /// without, its cache is not used, as on the first request of a session.
    pub(super) fn write(&mut self, case: &Case, keep: bool) -> Result<Timing> {
        self.complete(case, keep, case.layout.max_tokens)
    }

    fn complete(&mut self, case: &Case, keep: bool, max_tokens: u32) -> Result<Timing> {
        let body = json!({
            "prompt": case.text(),
            "n_predict": max_tokens,
            "stop": case.layout.stop,
            "temperature": 0,
            "cache_prompt": keep,
            "stream": true,
        });
        let begun = Instant::now();
        let lines = self.ask("POST", "/completion", &body.to_string())?.lines();
        let mut first_ms = None;
        // Between the events there are lines with the lengths of chunks; only events begin with
        // `data: `.
        // The first event may have no text, so only the first with text counts.
        for line in lines {
            let line = line?;
            let Some(event) = line.strip_prefix("data: ") else { continue };
            let event: Value = serde_json::from_str(event).context("an event is not JSON")?;
            if event["content"].as_str().is_some_and(|text| !text.is_empty()) {
                first_ms.get_or_insert_with(|| begun.elapsed().as_secs_f64() * 1e3);
            }
            // Its counts are in the last event only.
            if event["stop"] == true {
                let total_ms = begun.elapsed().as_secs_f64() * 1e3;
                let count = |name: &str| {
                    event[name].as_u64().and_then(|count| u32::try_from(count).ok()).unwrap_or(0)
                };
                return Ok(Timing {
                    first_ms: first_ms.unwrap_or(total_ms),
                    total_ms,
                    tokens: count("tokens_predicted"),
                    prompt_tokens: count("tokens_evaluated"),
                    steps: 0,
                    drafted: 0,
                });
            }
        }
        // Without an event that says so, the connection may have broken: a shorter time must not
        // count.
        bail!("llama-server ended its answer early")
    }
}

impl Drop for LlamaServer {
    fn drop(&mut self) {
        // It may have ended already; either way it must not outlive the measurement.
        let _ = self.child.kill();
        // Reaped at once, since another server is often started right after this one.
        let _ = self.child.wait();
    }
}
