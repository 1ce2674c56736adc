//! The report of `localcoder doctor --bundle`: one text file that users read before giving it to
//! anyone. It collects what is on this machine and sends nothing. If something can't be had, the
//! report says so in its place: it is needed most when much is broken.

use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use indicatif::DecimalBytes;
use localcoder_disk::{Options, cause_of, create};
use localcoder_host::shell::machine_name;
use localcoder_model_store::{Machine, Store};
use localcoder_protocol::{BUILD_ID, ErrorCode, ErrorInfo, HostStatus, PROTOCOL_VERSION};
use localcoder_settings::{Layer, Places};

use super::Finding;
use super::redact::Redactor;
use crate::commands::{config, status};
use crate::failure::explained;
use crate::settings_file;

/// How many of a log's last lines are included: a day's work, or two loads of a model.
const LOG_LINES: usize = 300;
const OLDER_LOG_LINES: usize = 100;
/// Most bytes read from a log; a line longer than this is shown without its beginning.
const LOG_BYTES: u64 = 256 * 1024;
/// There are six; someone may put more into that folder, and the report stays a file that can be
/// read.
const LOGS_MAX: usize = 16;

const INTRODUCTION: &str = "\
Nothing was sent: this file lies on your disk and nowhere else. Read it before you give it to
anybody, and delete what they should not see.

It contains: versions; this machine's system, processor, memory and disk; what `localcoder doctor`
found; what the host does; the settings that differ from the defaults; the installed models; the
last lines of the logs.

It does not contain: code, prompts, answers, or files of yours; the product's own logs have none of
them either. The path of your home folder stands as `~`, your user name as `user`, the machine's
name as `machine`. Queries of addresses, and whatever looks like a password or a token, stand as
`[cut]`. This goes by their form: look at the logs yourself, above all at what the editor's own
server wrote, which may name a folder that you opened.
";

/// Where the report goes: a new file with this name, or with a generated name in this folder. A
/// file that exists is never replaced, whatever it is.
pub(super) fn target(named: Option<&Path>) -> Result<PathBuf, ErrorInfo> {
    let named = named.unwrap_or(Path::new("."));
    let path = if named.is_dir() {
        let (date, time) = now();
        named.join(format!("localcoder-report-{}-{}.txt", digits(&date), digits(&time)))
    } else {
        named.to_owned()
    };
    // Shown to the user, who is told to read it.
    let path = std::path::absolute(&path).unwrap_or(path);
    let refused = |why: &str, hint: &str| {
        let message = format!("the report can't be written to `{}`", path.display());
        Err(ErrorInfo::new(ErrorCode::FileAccess, message).with_cause(why).with_hint(hint))
    };
    // A link counts, also one that leads nowhere: a report must not come to be where it points.
    if path.symlink_metadata().is_ok() {
        return refused("there is a file of that name", "name another file");
    }
    if !path.parent().is_some_and(Path::is_dir) {
        return refused("its folder does not exist", "make the folder, or name another file");
    }
    Ok(path)
}

pub(super) fn write(
    path: &Path,
    places: &Places,
    machine: &Machine,
    findings: &[Finding],
    status: Option<&HostStatus>,
) -> Result<(), ErrorInfo> {
    let redactor = Redactor::here();
    let logs = logs(places);
    let (date, time) = now();
    let mut text = format!("# LocalCoder report\n\nMade on {date} at {time} UTC.\n{INTRODUCTION}");
    let mut add = |title: &str, body: &str| {
        text.push_str(&format!("\n## {title}\n\n{}\n", body.trim_end()));
    };
    // Each part is redacted by itself, and titles with it: the introduction must stay as it is,
    // though it has words that look like secrets.
    add("Versions", &redactor.all(&versions(status, &logs)));
    add("Machine", &redactor.all(&of_machine(machine, status)));
    add("Checks", &redactor.all(&fenced(&checks(findings))));
    add("Host", &redactor.all(&fenced(&host(status))));
    add("Settings", &redactor.all(&fenced(&settings(places))));
    // Digests of models are wanted here, although they look like tokens: whether a file is the one
    // of the catalog is the first question.
    add("Models", &redactor.names(&fenced(&models(places))));
    if logs.is_empty() {
        add("Logs", "There are none.");
    }
    for log in &logs {
        add(&redactor.names(&format!("Log {}", log.name)), &redactor.all(&fenced(&log.text)));
    }
    // Accessible to its owner only, and never over another file: one may have appeared since the
    // name was checked. A partial file is not a report.
    create(path, text.as_bytes(), Options::PRIVATE).map_err(|error| {
        let message = format!("the report can't be written to `{}`", path.display());
        explained(ErrorInfo::new(ErrorCode::FileAccess, message), cause_of(&error, path))
    })
}

fn versions(status: Option<&HostStatus>, logs: &[Log]) -> String {
    let worker = status.and_then(|status| status.worker.as_ref());
    let running = worker.map(|worker| worker.llama_build.clone());
    // Otherwise the one that ran last.
    let llama =
        running.or_else(|| logs.iter().find_map(|log| last_value(&log.text, "llama_build")));
    let llama = llama.unwrap_or_else(|| "unknown: no worker has run".to_owned());
    let host = status.map_or_else(
        || "none runs".to_owned(),
        |status| format!("build {}, protocol {}", status.build_id, status.protocol_version),
    );
    format!(
        "- LocalCoder: build {BUILD_ID}, protocol {PROTOCOL_VERSION}\n- Host: {host}\n\
         - llama.cpp: {llama}"
    )
}

fn last_value(log: &str, key: &str) -> Option<String> {
    let (_, rest) = log.rsplit_once(&format!("{key}=\""))?;
    Some(rest.split_once('"')?.0.to_owned())
}

fn of_machine(machine: &Machine, status: Option<&HostStatus>) -> String {
    let uname = rustix::system::uname();
    let release = std::fs::read_to_string("/etc/os-release").unwrap_or_default();
    let release = release.lines().find_map(|line| line.strip_prefix("PRETTY_NAME="));
    let (kernel, version) = (uname.sysname().to_string_lossy(), uname.release().to_string_lossy());
    let system = release.map_or_else(String::new, |name| format!("{}, ", name.trim_matches('"')));
    let [memory, disk] = [machine.memory_bytes, machine.disk_free_bytes].map(DecimalBytes);
    let free = status.and_then(|status| status.free_bytes);
    let free = free.map_or_else(String::new, |free| format!(", {} free", DecimalBytes(free)));
    format!(
        "- System: {system}{kernel} {version} on {}\n- Processor: {}\n- Memory: {memory}{free}\n\
         - Disk: {disk} free for models",
        std::env::consts::ARCH,
        machine_name()
    )
}

fn checks(findings: &[Finding]) -> String {
    findings.iter().flat_map(Finding::lines).collect::<Vec<_>>().join("\n")
}

fn host(status: Option<&HostStatus>) -> String {
    match status {
        Some(status) => status::lines(status).join("\n"),
        None => "No host runs.".to_owned(),
    }
}

fn settings(places: &Places) -> String {
    let resolved = settings_file::resolved(places);
    let mut lines = Vec::new();
    for (key, value, layer) in &resolved.values {
        if *layer > Layer::Default {
            let from = config::from(*layer, &resolved.settings);
            lines.push(format!("{key}: {} ({from})", config::shown(value)));
        }
    }
    lines.extend(resolved.errors.iter().map(|error| format!("not used: {error}")));
    lines.join("\n")
}

fn models(places: &Places) -> String {
    let Some(store) = Store::existing(&places.models) else {
        return "None is installed.".to_owned();
    };
    let listed = match store.list() {
        Ok(listed) => listed,
        Err(error) => return format!("They can't be listed: {error}"),
    };
    let lines = listed.iter().map(|listed| {
        let model = &listed.model;
        let (id, size) = (&model.id, DecimalBytes(model.bytes));
        let linked = if model.linked.is_some() { ", not in the store" } else { "" };
        let problem = listed.problem.as_ref().map(|problem| format!("; can't be used: {problem}"));
        format!(
            "{id}: {size}, {}, {}, sha256 {}{linked}{}",
            model.architecture,
            model.quantization,
            model.sha256,
            problem.unwrap_or_default()
        )
    });
    lines.collect::<Vec<_>>().join("\n")
}

struct Log {
    name: String,
    text: String,
}

/// The last lines of each log, the newest of a ring first, which is the order of their names
/// (`host.log`, `host.log.1`). A log that can't be read says so in its place.
fn logs(places: &Places) -> Vec<Log> {
    let entries = std::fs::read_dir(&places.logs).into_iter().flatten().flatten();
    let files = entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_file()));
    let mut paths: Vec<PathBuf> = files.map(|entry| entry.path()).collect();
    paths.sort();
    paths.truncate(LOGS_MAX);
    let log = |path: PathBuf| {
        let name = path.file_name()?.to_string_lossy().into_owned();
        let lines = if name.ends_with(".log") { LOG_LINES } else { OLDER_LOG_LINES };
        let text = tail(&path, lines).unwrap_or_else(|error| format!("It can't be read: {error}"));
        Some(Log { name, text })
    };
    let mut logs: Vec<Log> = paths.into_iter().filter_map(log).collect();
    // The host's come first: they are the most informative.
    logs.sort_by_key(|log| !log.name.starts_with("host."));
    logs
}

fn tail(path: &Path, lines: usize) -> std::io::Result<String> {
    let mut file = std::fs::File::open(path)?;
    let bytes = file.metadata()?.len();
    // From the end, as a log may be large. The first line read is a part of one then, and is left
    // out.
    let skipped = bytes.saturating_sub(LOG_BYTES);
    file.seek(SeekFrom::Start(skipped))?;
    let mut text = Vec::new();
    file.take(LOG_BYTES).read_to_end(&mut text)?;
    let text = String::from_utf8_lossy(&text);
    let all: Vec<&str> = text.lines().skip(usize::from(skipped > 0)).collect();
    Ok(all[all.len().saturating_sub(lines)..].join("\n"))
}

/// Fenced, so that a Markdown viewer does not interpret anything in it. A fence inside would end it
/// early.
fn fenced(text: &str) -> String {
    let text = if text.is_empty() { "Nothing." } else { text };
    format!("```text\n{}\n```", text.trim_end().replace("```", "'''"))
}

/// Date and time in UTC.
fn now() -> (String, String) {
    let seconds = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |it| it.as_secs());
    let (year, month, day) = civil(seconds / 86_400);
    let of_day = seconds % 86_400;
    let (hour, minute, second) = (of_day / 3_600, of_day / 60 % 60, of_day % 60);
    (format!("{year:04}-{month:02}-{day:02}"), format!("{hour:02}:{minute:02}:{second:02}"))
}

fn digits(text: &str) -> String {
    text.chars().filter(char::is_ascii_digit).collect()
}

/// The date of a day since 1970, by counting from March 1 of year 0, so that leap days come last
/// (Howard Hinnant's `civil_from_days`).
fn civil(days: u64) -> (u64, u64, u64) {
    let days = days + 719_468;
    let (era, of_era) = (days / 146_097, days % 146_097);
    let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    (era * 400 + year + u64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_dates() {
        for (days, date) in [
            (0, (1970, 1, 1)),
            (11_016, (2000, 2, 29)),
            (11_017, (2000, 3, 1)),
            (20_088, (2024, 12, 31)),
            (20_782, (2026, 11, 25)),
        ] {
            assert_eq!(civil(days), date);
        }
    }

    #[test]
    fn the_last_lines_of_a_long_log_are_whole() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("host.log");
        // With a character of two bytes in each line, which a cut may split.
        let text: String = (0..100_000).map(|line| format!("ä line {line}\n")).collect();
        fs_err::write(&path, text).unwrap();
        assert_eq!(tail(&path, 2).unwrap(), "ä line 99998\nä line 99999");
        assert!(tail(&path, 1_000_000).unwrap().lines().all(|line| line.starts_with("ä line")));
    }

    #[test]
    fn nothing_ends_a_fence_early() {
        assert_eq!(fenced("a\n```\nb\n"), "```text\na\n'''\nb\n```");
    }
}
