//! `localcoder doctor --privacy`: what may use the network here, what can't, and what prevents it.
//! Each line is checked if possible: in the settings, in the running processes, in the assembled
//! editor; what was not checked is marked as such. It starts nothing and sends no request.

mod editor;
mod ide;
mod process;

use indicatif::DecimalBytes;
use localcoder_disk::tally;
use localcoder_host::shell::LedgerFile;
use localcoder_protocol::{
    DoctorPrivacy, ErrorInfo, Fact, HostStatus, NetworkUse, PROXY_VARIABLES, PrivacyFinding,
    PrivacyReport,
};
use localcoder_settings::{AIR_GAPPED, AirGap, Places, Resolved};

use self::ide::Ide;
use super::status;
use crate::commands::status::{host_sandbox_text, sandbox_text};
use crate::session::program;
use crate::{output, settings_file};

pub(super) fn run(json: bool) -> Result<(), ErrorInfo> {
    let places = Places::resolve()?;
    let report = report(&places);
    if json {
        return output::answer::<DoctorPrivacy>(&report);
    }
    output::line(&format!("Air gap:  {}", report.air_gap))?;
    output::line(&format!("Refused:  {}", report.refused_text))?;
    output::line(&format!("Front:    {}", report.refusals_text))?;
    report.refusals.iter().try_for_each(|row| {
        output::line(&format!("  {:<9}{:22}{}", row.count, row.kind, row.text))
    })?;
    output::line("\nPrograms, and what they may do with the network:")?;
    report.programs.iter().try_for_each(print)?;
    output::line("\nWhat the editor would ask by itself:")?;
    report.editor.iter().try_for_each(print)?;
    output::line("\nWhat is kept of what you do, on this machine alone:")?;
    report.kept.iter().try_for_each(|file| {
        output::line(&format!("  {}", file.what))?;
        output::line(&format!("      {}", file.text))
    })?;
    output::line("\nHow to check it yourself:")?;
    report.checks.iter().try_for_each(|check| {
        output::line(&format!("  {}", check.text))?;
        output::line(&format!("      {}", check.what))
    })
}

fn print(finding: &PrivacyFinding) -> Result<(), ErrorInfo> {
    output::line(&format!("  {:12}{:22}{}", finding.word, finding.what, finding.text))
}

fn word(network: NetworkUse) -> &'static str {
    match network {
        NetworkUse::None => "none",
        NetworkUse::Loopback => "loopback",
        NetworkUse::Unused => "unused",
        NetworkUse::WhenAsked => "asked",
        NetworkUse::Open => "OPEN",
        NetworkUse::NotRunning => "not running",
        NetworkUse::Unknown => "unknown",
    }
}

fn report(places: &Places) -> PrivacyReport {
    let resolved = settings_file::resolved(places);
    let host = status();
    let ide = Ide::ask(places);
    let (refused, refused_text) = refused(places);
    let (refusals, refusals_text) = ide.refusals();
    PrivacyReport {
        air_gapped: resolved.air_gap.is_on(),
        air_gap: air_gap(&resolved),
        refused,
        refused_text,
        refusals,
        refusals_text,
        programs: programs(&resolved.air_gap, host.as_ref(), &ide),
        editor: editor::findings(places),
        kept: vec![ledger(places, &resolved)],
        checks: checks(host.as_ref(), ide.port()),
    }
}

fn air_gap(resolved: &Resolved) -> String {
    match &resolved.air_gap {
        AirGap::On { reason, problem: None } => {
            format!("on: {reason}; `localcoder config set {AIR_GAPPED} false` turns it off")
        }
        AirGap::On { reason, problem: Some(problem) } => {
            format!("on: {reason}; {}", problem.hint.as_deref().unwrap_or("fix the settings"))
        }
        AirGap::Off(_) => {
            let row = resolved.values.iter().find(|(key, ..)| *key == AIR_GAPPED);
            let layer = row.map_or("the defaults", |(.., layer)| layer.name());
            format!("off, by {layer}; `localcoder config set {AIR_GAPPED} true` turns it on")
        }
    }
}

/// How many downloads were refused, by the command line or by `localcoder-fetch` itself. `None` if
/// that is not known, which must not look like 0.
fn refused(places: &Places) -> (Option<u64>, String) {
    let path = places.refusals_file();
    let Some(tally) = tally::read(&path) else {
        return (None, format!("not known: `{}` can't be read", path.display()));
    };
    let more = if tally.is_full { "at least " } else { "" };
    let times = if tally.count == 1 { "download was" } else { "downloads were" };
    let text = format!(
        "{more}{} {times} refused for air-gapped mode, as `{}` counts",
        tally.count,
        path.display()
    );
    (Some(tally.count), text)
}

fn ledger(places: &Places, resolved: &Resolved) -> Fact {
    let file = LedgerFile::new(places.ledger_file());
    let is_there = match std::fs::metadata(file.path()) {
        Ok(about) => format!("it has {}", DecimalBytes(about.len())),
        Err(_) => "it is not there now".to_owned(),
    };
    let counts = match resolved.settings.ledger {
        true => "`localcoder config set ledger false` counts no more",
        false => "nothing is counted, by the setting `ledger`",
    };
    let text = format!(
        "which edits were shown and what became of them, by day, command, model, prompt and \
         language: no code, no names of files, nothing that you have asked for; {is_there}; \
         `localcoder stats` shows it, `localcoder stats --delete` deletes it; {counts}"
    );
    Fact { what: file.path().display().to_string(), text }
}

fn finding(what: &str, network: NetworkUse, text: String) -> PrivacyFinding {
    PrivacyFinding { what: what.to_owned(), network, word: word(network).to_owned(), text }
}

fn programs(air_gap: &AirGap, host: Option<&HostStatus>, ide: &Ide) -> Vec<PrivacyFinding> {
    vec![
        worker(host),
        the_host(host),
        fetch(air_gap),
        ide.front(),
        ide.editor_server(air_gap),
        ide.window(),
    ]
}

/// What the system denies the worker, as it has tried at its start, and which connections it has
/// now.
fn worker(host: Option<&HostStatus>) -> PrivacyFinding {
    let what = "localcoder-worker";
    let Some(worker) = host.and_then(|host| host.worker.as_ref()) else {
        let text =
            "none runs now; `localcoder doctor` starts one and says what the system refuses it";
        return finding(what, NetworkUse::NotRunning, text.to_owned());
    };
    let now = process::seen(worker.pid);
    // Native code that nothing holds back is not trusted just because it is quiet at the moment.
    let network = match held(worker.confined.calls, now) {
        NetworkUse::Unused | NetworkUse::Unknown => NetworkUse::Open,
        held => held,
    };
    finding(what, network, format!("{}; {now}", sandbox_text(&worker.confined)))
}

fn the_host(host: Option<&HostStatus>) -> PrivacyFinding {
    let what = "localcoder-host";
    let Some(host) = host else {
        let text = "none runs now; the first program that needs one starts it";
        return finding(what, NetworkUse::NotRunning, text.to_owned());
    };
    let now = process::seen(host.pid);
    let held_back = host_sandbox_text(&host.confined);
    let text = format!(
        "it listens on a Unix socket and links no library for the network; {held_back}; {now}"
    );
    finding(what, held(host.confined.calls, now), text)
}

/// For a program that does not need a network: `refused` is whether the system denies it one. That
/// a program has no socket now is less than that it can't have one, and not having looked is less
/// than both; the words differ.
fn held(refused: bool, now: process::Seen) -> NetworkUse {
    match now.sockets() {
        // What is seen counts more than what is said to be refused.
        Some(1..) => NetworkUse::Open,
        _ if refused => NetworkUse::None,
        Some(0) => NetworkUse::Unused,
        None => NetworkUse::Unknown,
    }
}

fn fetch(air_gap: &AirGap) -> PrivacyFinding {
    let what = "localcoder-fetch";
    let there = program().map(|own| own.with_file_name(what).is_file()).unwrap_or(false);
    if !there {
        let text = "it is not beside this program, so nothing can be downloaded";
        return finding(what, NetworkUse::None, text.to_owned());
    }
    // It is not running between downloads, so there are no sockets to look at; the settings decide.
    if air_gap.is_on() {
        let text = "it is not started, and started by hand it reads the settings and refuses";
        return finding(what, NetworkUse::None, text.to_owned());
    }
    let proxies: Vec<&str> = PROXY_VARIABLES
        .into_iter()
        .filter(|name| std::env::var_os(name).is_some_and(|value| !value.is_empty()))
        .collect();
    let proxy = match proxies.as_slice() {
        [] => "no proxy is named".to_owned(),
        names => format!("through the proxy of {}", names.join(", ")),
    };
    let text = format!(
        "it connects for `models install` and `models license` alone, to the hosts that the catalog \
         names; {proxy}; `localcoder doctor` tries what the system refuses it besides"
    );
    finding(what, NetworkUse::WhenAsked, text)
}

/// Commands with which users can check it without trusting this report, and what they show.
fn checks(host: Option<&HostStatus>, port: Option<u16>) -> Vec<Fact> {
    let pid = host.map_or_else(|| "PID".to_owned(), |host| host.pid.to_string());
    let worker = host.and_then(|host| host.worker.as_ref());
    let worker = worker.map_or_else(|| "PID".to_owned(), |worker| worker.pid.to_string());
    let port = port.map_or_else(|| "PORT".to_owned(), |port| port.to_string());
    let mut all: Vec<(&str, String)> = if cfg!(target_os = "macos") {
        vec![
            ("prints nothing: none of our programs has a socket of the network", {
                "lsof -nP -i -a -c localcoder".to_owned()
            }),
            ("no connection appears while you ask for an edit", {
                format!("nettop -m route -p {pid}")
            }),
            ("no `connect` but to Unix sockets, also of what it starts", {
                format!("sudo dtruss -f -t connect -p {pid}")
            }),
        ]
    } else {
        vec![
            (
                "lists the front and its windows on 127.0.0.1 and ::1 while the IDE is open, and nothing else",
                { "ss -tunap | grep localcoder".to_owned() },
            ),
            ("each socket that an edit makes, by all processes: Unix sockets alone", {
                // The host is ended first, so that it is started under `strace` and traced with all
                // that it starts.
                "localcoder host stop; strace -f -e trace=network localcoder improve FILE --lines A-B"
                    .to_owned()
            }),
            ("an edit where there is no network at all: nothing is missed", {
                // As above: a host that runs already is outside the empty network.
                "localcoder host stop; unshare -rn localcoder improve FILE --lines A-B".to_owned()
            }),
            ("the kernel filters the worker's calls: it has a filter more than your shell", {
                format!("grep Seccomp /proc/{worker}/status /proc/$$/status")
            }),
            ("no files of kind IPv4 or IPv6: the host has no socket of the network", {
                format!("lsof -nP -i -a -p {pid}")
            }),
        ]
    };
    all.push((
        "no answer from the front of the open IDE, and one `host` more is counted as refused",
        // A proxy in the environment would be asked in place of the front.
        format!("curl --noproxy '*' http://127.0.0.1:{port}/"),
    ));
    let fact = |(what, text): (&str, String)| Fact { what: what.to_owned(), text };
    all.into_iter().map(fact).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_system_refuses_is_closed_and_an_open_socket_is_open_whatever_is_said() {
        let seen = process::Seen::of;
        for (refused, sockets, network) in [
            (true, Some(0), NetworkUse::None),
            (true, None, NetworkUse::None),
            (true, Some(1), NetworkUse::Open),
            (false, Some(0), NetworkUse::Unused),
            (false, Some(2), NetworkUse::Open),
            // What was not checked must not be called unused.
            (false, None, NetworkUse::Unknown),
        ] {
            assert_eq!(held(refused, seen(sockets)), network, "{refused} {sockets:?}");
        }
    }
}
