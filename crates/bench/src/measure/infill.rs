//! Ghost text compared with llama-server's `/infill`: how many gaps are filled correctly, by the
//! tests of HumanEval-infilling, and how long it takes from a pause to a suggestion.

use std::path::Path;
use std::time::Instant;

use anyhow::{Context as _, Result, anyhow, ensure};
use localcoder_eval::{Filled, Hole};
use localcoder_protocol::{
    CompleteParams, DocumentText, EvalReport, EvalRow, Infill, Position, Usage,
};
use localcoder_transport::Client;

use super::host::{HostClient, complete};
use super::llama_server::{LlamaServer, Settings};
use super::peer;
use super::projection::suggestion_ms;
use super::statistics::{geometric_mean, median};
use crate::{places, process, report};

/// Has both engines fill the same gaps, judges all answers with the product's own `eval`, and
/// prints the shares that pass; then times the pauses of a user who types.
pub(crate) fn run(tasks: &Path, model: &Path, every: usize) -> Result<()> {
    let (tasks, model) = (tasks.canonicalize()?, model.canonicalize()?);
    let holes = localcoder_eval::read_holes(&tasks).map_err(|why| anyhow!(why))?;
    // `eval` gets the same step, so both sides fill the same gaps.
    let holes: Vec<Hole> = holes.into_iter().step_by(every).collect();
    let peer = peer::build(&places::target().join("bench"))?;
    let folder = places::target().join("bench/infill");
    fs_err::create_dir_all(&folder)?;
    let mut server = LlamaServer::start(&peer, &model, &Settings::DEFAULT)?;
    let answers = folder.join("llama-server.jsonl");
    fs_err::write(&answers, filled(&mut server, &holes)?)?;
    // The host of this home is stopped below; the pauses start another with a home of its own.
    let home = tempfile::Builder::new().prefix("lcb").tempdir_in("/tmp")?;
    let judge = |arguments: &[&str]| -> Result<EvalRow> {
        let mut eval = process::command(places::program("localcoder"), home.path());
        eval.env("LOCALCODER_HOME", home.path()).args(["eval", "--json", "--tasks"]).arg(&tasks);
        eval.args(["--every", &every.to_string()]).args(arguments);
        let report: EvalReport = serde_json::from_str(&process::read(&mut eval)?)?;
        report.rows.into_iter().find(|row| row.name == "all").context("nothing was judged")
    };
    let text = |path: &Path| path.to_string_lossy().into_owned();
    let their_row = judge(&["--answers", &text(&answers)])?;
    let our_row = judge(&["--model", &text(&model)])?;
    let mut stop = process::command(places::program("localcoder"), home.path());
    process::read(stop.args(["host", "stop"]).env("LOCALCODER_HOME", home.path()))?;
    for (name, row) in [("LocalCoder", our_row), (peer.version, their_row)] {
        let share = localcoder_eval::percent(row.right, row.tasks);
        report::line(format!("{name}: {} of {} holes right, {share:.1} %", row.right, row.tasks));
    }
    pauses(&mut server, &holes, &model)
}

/// What llama-server writes into the gaps, one per line: only the first line that is not blank, if
/// a single line is missing.
fn filled(server: &mut LlamaServer, holes: &[Hole]) -> Result<String> {
    let mut lines = String::new();
    for hole in holes {
        let [before, after, _] = hole.parts();
        let (text, ms, _) = server.infill([before, after, ""], false)?;
        // The gap is in a line of its own already.
        let text = text.trim_start_matches('\n');
        // Without this, a single-line gap would count as wrong for what was written after it; our
        // own engine stops there by itself.
        let text = match hole.kind {
            "infill-line" => text.split('\n').next().unwrap_or_default(),
            _ => text,
        };
        let filled =
            Filled { task: hole.id.clone(), answer: text.to_owned(), seconds: ms / 1000.0 };
        lines.push_str(&(serde_json::to_string(&filled)? + "\n"));
    }
    Ok(lines)
}

/// One pause of a user who types: the times and the prompt tokens that each side had to read for
/// it.
#[derive(Debug)]
struct Paused {
    host_ms: f64,
    server_ms: f64,
    host_read: u32,
    server_read: u32,
    projected_ms: f64,
    /// Whether the host answered with a suggestion that it had, without asking the model: then
    /// there is nothing to compute, on any machine.
    kept: bool,
}

/// The cursor is in the empty line, then the user types its first word: the pause after that is
/// timed. The request before the word is made of both and is not timed; it is what fills their
/// caches.
fn pauses(server: &mut LlamaServer, holes: &[Hole], model: &Path) -> Result<()> {
    let host = HostClient::start()?;
    let mut window = host.another_window()?;
    let mut paused = Vec::new();
    // The projection scales with the bytes that a step reads; the header is negligible.
    #[expect(clippy::cast_precision_loss, reason = "an estimate")]
    let bytes = fs_err::metadata(model)?.len() as f64;
    for (number, hole) in holes.iter().enumerate() {
        let [before, after, right] = hole.parts();
        let white = right.len() - right.trim_start().len();
        let (white, right) = right.split_at(white);
        let word = right.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(right.len());
        // A line that begins with a bracket or a quote has no word whose typing could be timed.
        if word == 0 {
            continue;
        }
        let before = format!("{before}{white}");
        let mut asker = Asker { window: &mut window, model, number };
        asker.ask(&before, after, number == 0)?;
        server.infill([&before, after, ""], true)?;
        // The sides alternate, since a machine's speed drifts.
        let mut ask_host = || asker.ask(&format!("{before}{}", &right[..word]), after, false);
        let mut ask_server = || server.infill([&before, after, &right[..word]], true);
        let ((host_ms, usage, kept), (_, server_ms, server_read)) = if number % 2 == 0 {
            let first = ask_host()?;
            (first, ask_server()?)
        } else {
            let first = ask_server()?;
            (ask_host()?, first)
        };
        let host_read = usage.prompt_tokens - usage.cached_tokens;
        let (read, written) = (f64::from(host_read), f64::from(usage.generated_tokens));
        // A suggestion that was kept costs nothing on any machine.
        let projected_ms = if kept { 0.0 } else { suggestion_ms(bytes, read, written) };
        paused.push(Paused { host_ms, server_ms, host_read, server_read, projected_ms, kept });
    }
    host.stop()?;
    report_pauses(&paused)
}

fn report_pauses(paused: &[Paused]) -> Result<()> {
    ensure!(!paused.is_empty(), "no hole begins with a word");
    let computed: Vec<&Paused> = paused.iter().filter(|it| !it.kept).collect();
    for (name, of) in [("all pauses", paused.iter().collect()), ("computed", computed)] {
        let of: Vec<&Paused> = of;
        if of.is_empty() {
            continue;
        }
        let values = |value: fn(&Paused) -> f64| of.iter().map(|it| value(it)).collect::<Vec<_>>();
        let ratio = geometric_mean(&values(|it| it.host_ms / it.server_ms));
        report::line(format!(
            "{name}: {} pauses; ours {:.0} ms and {:.0} tokens read, theirs {:.0} ms and {:.0} \
             (medians); ours to theirs {:.2} ({:.2} to {:.2}); ours on an M3 Pro {:.0} ms \
             (projected, median)",
            of.len(),
            median(&values(|it| it.host_ms)),
            median(&values(|it| f64::from(it.host_read))),
            median(&values(|it| it.server_ms)),
            median(&values(|it| f64::from(it.server_read))),
            ratio.value,
            ratio.low,
            ratio.high,
            median(&values(|it| it.projected_ms)),
        ));
    }
    Ok(())
}

struct Asker<'a> {
    window: &'a mut Client,
    model: &'a Path,
    number: usize,
}

impl Asker<'_> {
    /// `load`: whether to load the model first; a user who types does not wait for that, so it must
    /// be asked for.
    fn ask(&mut self, before: &str, after: &str, load: bool) -> Result<(f64, Usage, bool)> {
        let line = before.rsplit('\n').next().unwrap_or_default();
        let params = CompleteParams {
            request_id: self.window.next_number().to_string(),
            document: DocumentText {
                path: format!("program_{}.py", self.number),
                language_id: Some("python".to_owned()),
                text: format!("{before}{after}"),
            },
            position: Position {
                line: u32::try_from(before.matches('\n').count() + 1)?,
                character: u32::try_from(line.encode_utf16().count())?,
            },
            chunks: Vec::new(),
            edits: Vec::new(),
            explicit: load,
            model: Some(self.model.to_string_lossy().into_owned()),
            settings: serde_json::Map::new(),
        };
        let begun = Instant::now();
        let answer = complete(self.window, &params)?;
        let ms = begun.elapsed().as_secs_f64() * 1e3;
        Ok((ms, answer.usage, answer.infill == Some(Infill::Kept)))
    }
}
