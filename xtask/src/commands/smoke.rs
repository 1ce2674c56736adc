//! `run --smoke`: the whole product once, unattended: it opens the IDE on a fresh copy of the
//! sample, and the extension improves one function there and applies the edit.
//!
//! Everything is in a temporary folder and is ended afterward, so that nothing of the user's is
//! read or changed. The extension does the work and writes a report; this code only waits for it,
//! prints it, and checks it against the file on disk.

use std::fmt::Write as _;
use std::io::{BufRead as _, BufReader, Read};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::Value;

use crate::display::{self, Display};
use crate::{files, places, process, report};

/// A fresh editor profile, a cold model and a slow machine together take less than this.
const REPORT_DEADLINE: Duration = Duration::from_secs(180);

const END_DEADLINE: Duration = Duration::from_secs(15);

/// The function of the sample that is improved: a small one, which the demo model can handle. Its
/// file is given to the extension relative to the sample.
const FUNCTION: (&str, &str) = ("inventory.py", "def restock");

const POLL: Duration = Duration::from_millis(100);

pub(super) fn run(ide: &Path, browser: bool) -> Result<()> {
    report::stage("smoke", || {
        let base = if cfg!(unix) { PathBuf::from("/tmp") } else { std::env::temp_dir() };
        // A short name, because the paths of the sockets below it are limited to 103 bytes.
        let folder = tempfile::Builder::new().prefix("lcs-").tempdir_in(base)?;
        let sample = folder.path().join("sample");
        files::copy_folder(&ide.join("sample"), &sample)?;
        // Kept until the end of the stage: dropping it would take the screen from the window.
        let display = if browser || display::is_there() { None } else { Some(Display::start()?) };
        let mut session = Session::start(folder.path(), &sample, browser, display.as_ref())?;
        // Ended before it is judged, whatever came out.
        let outcome = session.wait_for_report();
        session.end();
        let judged = outcome.and_then(|report| judge(&report, &ide.join("sample"), &sample));
        if judged.is_err() {
            report::line(format!("   everything is kept in {}", folder.keep().display()));
        }
        judged
    })
}

/// The lines of [`FUNCTION`], as `A-B` from 1. Looked up and not written down, so that the sample
/// may be edited.
fn lines_of_function(sample: &Path) -> Result<String> {
    let (file, function) = FUNCTION;
    let text = files::read(&sample.join(file))?;
    let start = text
        .lines()
        .position(|line| line.starts_with(function))
        .with_context(|| format!("the sample's {file} has no `{function}`"))?;
    let count = text.lines().skip(start).take_while(|line| !line.trim().is_empty()).count();
    Ok(format!("{}-{}", start + 1, start + count))
}

struct Session {
    home: PathBuf,
    report: PathBuf,
    launcher: Child,
    lines: mpsc::Receiver<String>,
    page: Option<Child>,
}

impl Session {
    fn start(
        folder: &Path,
        sample: &Path,
        browser: bool,
        display: Option<&Display>,
    ) -> Result<Self> {
        let home = folder.join("home");
        std::fs::create_dir(&home)?;
        let report = folder.join("report.json");
        let mut command = process::command(places::program("localcoder"), folder);
        if browser {
            command.arg("--browser");
        }
        command.arg(sample).env("LOCALCODER_HOME", &home).env("LOCALCODER_SMOKE_REPORT", &report);
        command.env("LOCALCODER_SMOKE_FILE", FUNCTION.0);
        command.env("LOCALCODER_SMOKE_LINES", lines_of_function(sample)?);
        if let Some(display) = display {
            display.set(&mut command);
        }
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        // A group of its own, so that what it leaves behind can be ended together with it.
        command.process_group(0);
        let mut launcher =
            command.spawn().with_context(|| format!("starting `{}`", process::show(&command)))?;
        let (sender, lines) = mpsc::channel();
        forward(launcher.stdout.take(), sender.clone());
        forward(launcher.stderr.take(), sender);
        let mut session = Self { home, report, launcher, lines, page: None };
        if browser {
            session.open_page(folder)?;
        }
        Ok(session)
    }

    /// Loads the page in a headless browser, as a user would in one, with a profile of its own. No
    /// answer of the browser is read: the extension's report says whether the page works.
    fn open_page(&mut self, folder: &Path) -> Result<()> {
        let deadline = Instant::now() + REPORT_DEADLINE;
        let address = loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let line = self.lines.recv_timeout(left).context("the IDE printed no address")?;
            // The address has a ticket for one use, which must not get into a log.
            report::line(format!("   {}", without_ticket(&line)));
            if let Some(at) = line.find("http://") {
                break line[at..].trim().to_owned();
            }
        };
        let names = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];
        let browser = names
            .iter()
            .find_map(|name| process::find(name))
            .with_context(|| format!("none of {} is installed", names.join(", ")))?;
        let profile = format!("--user-data-dir={}", folder.join("browser").display());
        let mut command = Command::new(browser);
        command.args(["--headless", "--no-sandbox", "--disable-gpu", "--window-size=1440,900"]);
        command.args([&profile, "--remote-debugging-port=0", &address]);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        self.page = Some(command.spawn().context("starting the browser")?);
        Ok(())
    }

    fn wait_for_report(&mut self) -> Result<Value> {
        let deadline = Instant::now() + REPORT_DEADLINE;
        loop {
            for line in self.lines.try_iter() {
                report::line(format!("   {}", without_ticket(&line)));
            }
            // A report that is not complete yet is not valid JSON yet.
            if let Ok(text) = std::fs::read_to_string(&self.report)
                && let Ok(value) = serde_json::from_str(&text)
            {
                return Ok(value);
            }
            if let Some(status) = self.launcher.try_wait()? {
                bail!("the IDE ended before it was done ({status})");
            }
            if Instant::now() > deadline {
                self.show_logs();
                bail!("no report after {}", report::time(REPORT_DEADLINE));
            }
            std::thread::sleep(POLL);
        }
    }

    fn show_logs(&self) {
        let mut folders = vec![self.home.clone()];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(&folder).into_iter().flatten().flatten() {
                let path = entry.path();
                if path.is_dir() {
                    folders.push(path);
                } else if path.extension().is_some_and(|extension| extension == "log") {
                    show_end(&path);
                }
            }
        }
    }

    /// Ends the window, the editor server, the host and its worker: first by asking, then by a
    /// signal to the whole group.
    fn end(&mut self) {
        if let Some(mut page) = self.page.take() {
            // It may be gone already.
            let _ = page.kill();
            let _ = page.wait();
        }
        let group = format!("-{}", self.launcher.id());
        let launcher = self.launcher.id().to_string();
        // The launcher alone first, so that it can end the others.
        process::succeeds(Command::new("kill").args(["-TERM", &launcher]));
        let deadline = Instant::now() + END_DEADLINE;
        while matches!(self.launcher.try_wait(), Ok(None)) && Instant::now() < deadline {
            std::thread::sleep(POLL);
        }
        // Then whatever is left of its group.
        process::succeeds(Command::new("kill").args(["-KILL", "--", &group]));
        let _ = self.launcher.wait();
        // The host is not in the group: it outlives launchers on purpose.
        let mut stop = process::command(places::program("localcoder"), Path::new("/"));
        stop.args(["host", "stop"]).env("LOCALCODER_HOME", &self.home);
        process::succeeds(&mut stop);
    }
}

fn show_end(path: &Path) {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    if lines.is_empty() {
        return;
    }
    report::line(format!("── end of {}", path.display()));
    for line in &lines[lines.len().saturating_sub(20)..] {
        report::line(without_ticket(line));
    }
}

fn forward(stream: Option<impl Read + Send + 'static>, sender: mpsc::Sender<String>) {
    let Some(stream) = stream else { return };
    std::thread::spawn(move || {
        // A line that is not UTF-8 ends it like the stream's end.
        for line in BufReader::new(stream).lines().map_while(Result::ok) {
            if sender.send(line).is_err() {
                return;
            }
        }
    });
}

/// A line that can be shown: without the ticket of an address, which opens the IDE to whoever has
/// it.
fn without_ticket(line: &str) -> String {
    let Some(at) = line.find("ticket=") else { return line.to_owned() };
    let (start, rest) = line.split_at(at + "ticket=".len());
    let end = rest.find(['&', ' ', '"']).unwrap_or(rest.len());
    format!("{start}…{}", &rest[end..])
}

fn judge(report: &Value, before: &Path, after: &Path) -> Result<()> {
    if report["ok"] != true {
        bail!("the extension could not improve the sample: {}", report["error"]);
    }
    let file = PathBuf::from(report["file"].as_str().context("the report names no file")?);
    let relative = file.strip_prefix(after).unwrap_or(&file);
    let (old, new) = (files::read(&before.join(relative))?, files::read(&after.join(relative))?);
    ensure!(old != new, "`{}` is as it was, although an edit was applied", relative.display());
    let wanted = report["after"].as_str().unwrap_or_default().trim_end();
    // Trimmed, because the edit's last line break may belong to the file.
    ensure!(new.contains(wanted), "`{}` does not hold the edit", relative.display());
    report::line(format!("improved {} with {}:", relative.display(), report["model"]));
    report::line(changed_lines(&old, &new));
    report::line(format!("from request to file: {} ms", report["totalMs"]));
    Ok(())
}

/// The lines that differ, without what both texts begin and end with. One hunk is enough for one
/// edit.
fn changed_lines(old: &str, new: &str) -> String {
    let (old, new): (Vec<&str>, Vec<&str>) = (old.lines().collect(), new.lines().collect());
    let start = old.iter().zip(&new).take_while(|(a, b)| a == b).count();
    let rest = |lines: &[&str]| lines.len() - start;
    let end = old.iter().rev().zip(new.iter().rev()).take_while(|(a, b)| a == b).count();
    // In repetitive texts the common end may reach into the common beginning; no line counts for
    // both.
    let end = end.min(rest(&old)).min(rest(&new));
    let mut text = format!("  @@ line {} @@\n", start + 1);
    for line in &old[start..old.len() - end] {
        let _ = writeln!(text, "  -{line}");
    }
    for line in &new[start..new.len() - end] {
        let _ = writeln!(text, "  +{line}");
    }
    text.trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_lines_that_differ_are_shown() {
        let shown = changed_lines("a\nb\nc\nd\n", "a\nx\nd\n");
        assert_eq!(shown, "  @@ line 2 @@\n  -b\n  -c\n  +x");
        assert_eq!(changed_lines("a\na\n", "a\n"), "  @@ line 2 @@\n  -a");
    }

    #[test]
    fn tickets_are_not_shown() {
        let shown = without_ticket("open http://a.localhost:1/open?ticket=secret&folder=/x now");
        assert_eq!(shown, "open http://a.localhost:1/open?ticket=…&folder=/x now");
    }

    #[test]
    fn a_report_is_believed_only_if_the_file_agrees() {
        let folder = tempfile::tempdir().unwrap();
        let (before, after) = (folder.path().join("before"), folder.path().join("after"));
        files::write(&before.join("a.py"), "x = x + 1\n").unwrap();
        files::write(&after.join("a.py"), "x = x + 1\n").unwrap();
        let report = |ok: bool| serde_json::json!({"ok": ok, "file": after.join("a.py"), "after": "x += 1", "error": "why"});
        let judged = |ok| judge(&report(ok), &before, &after).map_err(|error| error.to_string());
        assert!(judged(false).unwrap_err().contains("why"));
        assert!(judged(true).unwrap_err().contains("as it was"));
        files::write(&after.join("a.py"), "x += 1\n").unwrap();
        assert_eq!(judged(true), Ok(()));
    }
}
