//! `localcoder doctor`: whether everything is there and in order, and how fast the model really is
//! on this machine. It fixes nothing; each finding says how to do that. `report` makes a file of
//! it.

mod privacy;
mod redact;
mod report;

use indicatif::DecimalBytes;
use localcoder_host::connect;
use localcoder_model_store::{Catalog, Fetcher, Machine, Store};
use localcoder_protocol::limits::SLOW_TOKENS_PER_S;
use localcoder_protocol::{
    Checkup, ClientKind, Device, DoctorRun, ErrorAction, ErrorCode, ErrorInfo, Generate,
    GenerateAnswer, HostStatus, Nothing, ProfileSurvey, Status, Survey, SurveyParams,
};
use localcoder_settings::{Layer, Places, Settings, air_gap};

use crate::arguments::DoctorOptions;
use crate::commands::{
    profiles, self_test,
    status::{fetch_sandbox_text, host_sandbox_text, notes, sandbox_text},
};
use crate::session::{Session, program};
use crate::{output, settings_file};

/// With less than this free on the disk of the models it counts as bad: the store keeps 1 GiB free,
/// and even a small model has some hundred megabytes.
const DISK_FREE_BYTES_MIN: u64 = 2_000_000_000;

/// What was checked, and the result: a text for people, or an error with what helps. An error is a
/// finding and does not end the doctor; the checks after it may say more.
struct Finding {
    what: &'static str,
    result: Result<String, ErrorInfo>,
}

pub(crate) fn run(options: &DoctorOptions) -> Result<(), ErrorInfo> {
    if options.privacy {
        return privacy::run(options.json);
    }
    let places = Places::resolve()?;
    // Before the checks, which take a while: a name that can't be written is refused at once.
    let report = options.bundle.as_ref().map(|file| report::target(file.as_deref())).transpose()?;
    // Measured once: on some systems that starts a program.
    let here = Machine::here(&places.models);
    let findings = findings(&places, &here);
    if !options.json {
        findings.iter().flat_map(Finding::lines).try_for_each(|line| output::line(&line))?;
    }
    // After the self-test, so that the logs and the status in it are of a model that has just run.
    if let Some(path) = &report {
        report::write(path, &places, &here, &findings, status().as_ref())?;
        if !options.json {
            output::line(&format!("\nThe report is `{}`.", path.display()))?;
            output::note("Nothing was sent. Read it before you share it.");
        }
    }
    let bad = findings.iter().filter(|finding| finding.result.is_err()).count();
    // A script has the verdict in the answer, and gets 0 for an answer that is whole.
    if options.json {
        return output::answer::<DoctorRun>(&Checkup {
            healthy: bad == 0,
            findings: findings.iter().map(Finding::printed).collect(),
            report: report.map(|path| path.display().to_string()),
        });
    }
    // The exit code is that of the first bad check: those before it are what the later ones need.
    match findings.into_iter().find_map(|finding| finding.result.err()) {
        None => Ok(()),
        Some(first) => {
            let checks = if bad == 1 { "one check" } else { "several checks" };
            Err(ErrorInfo::new(first.code, format!("{checks} failed"))
                .with_hint("what to do is said above"))
        }
    }
}

fn findings(places: &Places, here: &Machine) -> Vec<Finding> {
    let (settings, of_settings) = settings(places);
    let used_for_code = settings_file::model_in_use(places, &settings.code_models());
    // In this order: what is needed by others comes first. `Profiles` starts the host and
    // `Self-test` a worker, which the last two are asked about.
    vec![
        Finding { what: "Machine", result: Ok(machine(here)) },
        Finding { what: "Programs", result: programs() },
        Finding { what: "Settings", result: of_settings },
        Finding { what: "Models", result: models(places, &settings) },
        Finding { what: "Disk", result: disk(here) },
        Finding { what: "Profiles", result: can_run() },
        Finding { what: "Self-test", result: self_test(&used_for_code) },
        Finding { what: "Devices", result: devices() },
        Finding { what: "Sandbox", result: Ok(sandbox(places)) },
    ]
}

impl Finding {
    fn printed(&self) -> localcoder_protocol::Finding {
        localcoder_protocol::Finding {
            what: self.what.to_owned(),
            ok: self.result.is_ok(),
            text: self.result.as_ref().ok().cloned(),
            error: self.result.as_ref().err().cloned(),
        }
    }

    fn lines(&self) -> Vec<String> {
        let what = format!("{}:", self.what);
        match &self.result {
            Ok(text) => vec![format!("ok   {what:11}{text}")],
            Err(error) => {
                let mut lines = vec![format!("BAD  {what:11}{error}")];
                let next = error.hint.clone().into_iter().chain(output::command_for(error));
                lines.extend(next.map(|text| format!("                {text}")));
                lines
            }
        }
    }
}

fn machine(machine: &Machine) -> String {
    let processors = std::thread::available_parallelism().map_or(0, usize::from);
    let memory = DecimalBytes(machine.memory_bytes);
    let (os, arch) = (std::env::consts::OS, std::env::consts::ARCH);
    format!("{os} on {arch}, {processors} processors, {memory} of memory")
}

fn programs() -> Result<String, ErrorInfo> {
    let own = program()?;
    let missing: Vec<&str> = ["localcoder-worker", "localcoder-fetch"]
        .into_iter()
        .filter(|name| !own.with_file_name(name).is_file())
        .collect();
    if missing.is_empty() {
        return Ok(format!("complete, version {}", env!("CARGO_PKG_VERSION")));
    }
    let message = format!("{} is not beside `{}`", missing.join(" and "), own.display());
    Err(ErrorInfo::new(ErrorCode::Internal, message).with_hint("build or install LocalCoder again"))
}

fn settings(places: &Places) -> (Settings, Result<String, ErrorInfo>) {
    let resolved = settings_file::resolved(places);
    // What a user has set, and not what a profile or the defaults say.
    let set = resolved.values.iter().filter(|(.., layer)| *layer > Layer::Profile).count();
    let result = match resolved.errors.into_iter().next() {
        Some(error) => Err(error),
        None => Ok(format!("{set} set; `localcoder config list --explain` shows them")),
    };
    (resolved.settings, result)
}

fn models(places: &Places, settings: &Settings) -> Result<String, ErrorInfo> {
    let installed = match Store::existing(&places.models) {
        Some(store) => store.list()?,
        None => Vec::new(),
    };
    // The first problem is the finding; `models list` shows all of them.
    for listed in &installed {
        if let Some(problem) = &listed.problem {
            let id = &listed.model.id;
            let message = format!("`{id}` can't be used: {problem}");
            return Err(ErrorInfo::new(ErrorCode::ModelDamaged, message)
                .with_hint("remove it, then install it again")
                .with_action_on(ErrorAction::RemoveModel, id));
        }
    }
    let used = |references: &[String]| settings_file::model_in_use(places, references);
    let (code, general) = (used(&settings.code_models()), used(&settings.general_models()));
    Ok(format!("{} installed; `{code}` for code, `{general}` for the rest", installed.len()))
}

fn disk(machine: &Machine) -> Result<String, ErrorInfo> {
    let free = DecimalBytes(machine.disk_free_bytes);
    if machine.disk_free_bytes >= DISK_FREE_BYTES_MIN {
        return Ok(format!("{free} free for models"));
    }
    Err(ErrorInfo::new(ErrorCode::DiskFull, format!("only {free} are free for models"))
        .with_hint("make room, or remove a model")
        .with_action(ErrorAction::ShowModels))
}

/// Loads the model for code, has it read and write, and measures both. It takes what a first
/// request takes, and is the one check that shows that all parts work together.
fn self_test(model: &str) -> Result<String, ErrorInfo> {
    let params = self_test::generation(model);
    let answer = Session::open()?.request::<Generate>(&params, |_| Ok(()))?;
    let worker = status().and_then(|status| status.worker);
    let device = worker.map_or_else(|| "an unknown device".to_owned(), |worker| worker.device);
    Ok(speed(&answer, &device))
}

fn speed(answer: &GenerateAnswer, device: &str) -> String {
    let (read, written) = self_test::rates(&answer.usage);
    let name = &answer.model.name;
    let Some(written) = written else {
        return format!("{name} on {device} reads {read:.0} tokens/s");
    };
    let speed = format!("{name} on {device} reads {read:.0} and writes {written:.1} tokens/s");
    if written >= SLOW_TOKENS_PER_S {
        return speed;
    }
    format!("{speed}; that is slow: close other programs, or choose a smaller model")
}

fn can_run() -> Result<String, ErrorInfo> {
    let places = Places::resolve()?;
    let mut client = connect::connect_or_start(&places, &program()?, ClientKind::Cli)?;
    let answer = client.call::<Survey>(&SurveyParams::default(), |_, _| {})?;
    let catalog = Catalog::with_file(&places.catalog_file())?;
    let memory = profiles::memory(&places, answer.free_bytes);
    let line = |profile: &ProfileSurvey| {
        let text = profiles::of(&profile.code, &catalog, memory);
        format!("{}: {text}", profile.name)
    };
    let lines: Vec<String> = answer.profiles.iter().map(line).collect();
    Ok(lines.join("\n                "))
}

fn devices() -> Result<String, ErrorInfo> {
    let status = status().ok_or_else(|| {
        ErrorInfo::new(ErrorCode::HostUnreachable, "no host runs")
            .with_hint("fix what is wrong above first")
    })?;
    let device = |device: &Device| match device.description.trim() {
        "" => device.name.clone(),
        described => format!("{} ({described})", device.name),
    };
    let found: Vec<String> = status.devices.iter().map(device).collect();
    let mut text = found.join(", ");
    for note in notes(&status) {
        text.push_str(&format!("; {note}"));
    }
    Ok(text)
}

/// What the system denies the host, the worker, which reads the model's file, and a download. Never
/// an error: on a system without these means everything works, with less to hold it back.
fn sandbox(places: &Places) -> String {
    let download = sandbox_of_downloads(places);
    // Why no host is running is reported above.
    let Some(status) = status() else { return format!("not known, as no host runs; {download}") };
    let host = host_sandbox_text(&status.confined);
    let worker = status.worker.map(|worker| sandbox_text(&worker.confined));
    format!("{host}; {}; {download}", worker.unwrap_or_else(|| "no worker runs".to_owned()))
}

/// Starts `localcoder-fetch` with nothing to download and has it report; in air-gapped mode it is
/// not started, whatever for.
fn sandbox_of_downloads(places: &Places) -> String {
    let Ok(allowed) = air_gap(places).permission("") else {
        return "nothing is downloaded in air-gapped mode".to_owned();
    };
    let confined = program().and_then(|own| {
        Ok(Fetcher::new(&own.with_file_name("localcoder-fetch"), allowed).confined()?)
    });
    confined.map_or_else(
        |error| format!("what a download may do is not known: {error}"),
        |confined| fetch_sandbox_text(&confined),
    )
}

/// `None` if no host runs or it does not answer; it is not started for that. Asked again for each
/// finding, as the checks in between start a host and a worker.
fn status() -> Option<HostStatus> {
    let places = Places::resolve().ok()?;
    let mut client = connect::connect_raw(&places).ok()??;
    client.call::<Status>(&Nothing {}, |_, _| {}).ok()
}
