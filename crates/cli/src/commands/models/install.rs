//! `models install` and `models license`: show what a model is and under which license, before any
//! of it is downloaded; then download it.

use std::io::{BufRead as _, IsTerminal as _};
use std::path::Path;

use localcoder_model_store::{
    Bundle, Consent, Entry, Fetcher, Installed, Installing, LicenseTerms, StoreError,
};
use localcoder_protocol::{
    Confined, ErrorAction, ErrorCode, ErrorInfo, FetchEvent, InstallEvent, ModelInstalled,
    ModelLicense, ModelsInstall, ModelsInstallEvents, ModelsLicense,
};
use localcoder_transport::{shortage, spawn_thread};

use super::terminal::{Meter, bytes, interrupts};
use super::{Models, carry, list};
use crate::commands::status::fetch_sandbox_text;
use crate::output;
use crate::session::program;

pub(super) fn license(models: &Models, id: &str, json: bool) -> Result<(), ErrorInfo> {
    if Bundle::is_at(Path::new(id)) {
        return carry::license(models, Path::new(id), json);
    }
    let license = match models.catalog.entry(id) {
        Some(entry) => of_an_entry(models, entry)?,
        None => of_an_installed(models, id)?,
    };
    if json { output::answer::<ModelsLicense>(&license) } else { output::data(&license.text) }
}

fn of_an_entry(models: &Models, entry: &Entry) -> Result<ModelLicense, ErrorInfo> {
    let Entry { id, name, bytes, sha256, license, .. } = entry;
    Ok(ModelLicense {
        id: id.clone(),
        name: name.clone(),
        license: Some(list::license(license)),
        text: text_of(models, entry, &Installing::default())?,
        facts: list::license_facts(id, *bytes, sha256, Some(&license.name)),
    })
}

fn of_an_installed(models: &Models, id: &str) -> Result<ModelLicense, ErrorInfo> {
    let model = models.store.model(id)?;
    let (Some(terms), Some(text)) = (&model.license, models.store.kept_license(&model)) else {
        let claimed = match model.claimed_license {
            Some(claimed) => format!("its file says `{claimed}`, which was not checked"),
            None => "its file says nothing of one".to_owned(),
        };
        let message = format!("the license of `{id}` is not known here");
        return Err(ErrorInfo::new(ErrorCode::ModelStore, message)
            .with_cause(claimed)
            .with_hint("ask whoever made the file"));
    };
    Ok(ModelLicense {
        facts: list::license_facts(id, model.bytes, &model.sha256, Some(&terms.name)),
        license: Some(list::license(terms)),
        id: model.id,
        name: model.name,
        text,
    })
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum OutputFormat {
    Text,
    Json,
    /// Each event as a line, the outcome last. The editor follows a download so.
    Events,
}

pub(super) fn install(
    models: &Models,
    id: &str,
    accepted: bool,
    format: OutputFormat,
) -> Result<(), ErrorInfo> {
    let entry = models.entry(id)?;
    // Before the user reads a license for nothing, or is told to bring a file that is here already.
    // In air-gapped mode it ends here, and the refusal is counted.
    models.store.check_missing(entry)?;
    models.network_now(&format!("`{id}` is not downloaded"))?;
    if format == OutputFormat::Text {
        list::facts(&list::entry_facts(models, entry))?;
        output::line("")?;
    }
    let running = Installing::default();
    let text = text_of(models, entry, &running)?;
    if !accepted {
        ask(&entry.id, &entry.license, &text)?;
    }
    let model = load(models, entry, &text, &running, format)?;
    match format {
        OutputFormat::Events => output::event::<ModelsInstallEvents>(&InstallEvent::Installed {
            installed: Box::new(list::installed_model(models, &model)),
        }),
        OutputFormat::Json => output::answer::<ModelsInstall>(&ModelInstalled {
            installed: list::installed_model(models, &model),
        }),
        OutputFormat::Text => {
            output::line(&format!("`{id}` is installed and verified: {}.", model.name))?;
            for line in &entry.license.attribution {
                output::line(line)?;
            }
            output::line(&format!("`localcoder models use {id}` makes it the model for code."))
        }
    }
}

fn load(
    models: &Models,
    entry: &Entry,
    text: &str,
    running: &Installing,
    format: OutputFormat,
) -> Result<Installed, ErrorInfo> {
    // What was agreed to is this very text: its digest is kept with the model.
    let consent = Consent::to(&entry.license, text)?;
    let stop = running.clone();
    let stopped = interrupts()?;
    // The store's work stops by a flag, and Ctrl-C arrives by a channel; a thread carries one to
    // the other. It ends with the program.
    let wait = move || {
        if stopped.recv().is_ok() {
            stop.stop();
        }
    };
    spawn_thread("interrupt", wait).map_err(|error| {
        shortage(ErrorCode::Internal, format!("`{}` can't be installed now", entry.id), &error)
    })?;
    let meter = Meter::new("downloading");
    let mut printed = Ok(());
    let mut report = |event| match event {
        // Only worth a line if something is missing.
        FetchEvent::Confined(confined) => weakly(&confined).iter().for_each(|it| meter.note(it)),
        event if format == OutputFormat::Events => {
            let Some(event) = InstallEvent::of(event).filter(|_| printed.is_ok()) else { return };
            printed = output::event::<ModelsInstallEvents>(&event);
            if printed.is_err() {
                // The program that follows is no longer listening. What has been downloaded stays.
                running.stop();
            }
        }
        event => show(&meter, event),
    };
    let fetcher = fetcher(models, &format!("`{}` is not downloaded", entry.id))?;
    let result = models.store.install(entry, consent, &fetcher, running, &mut report);
    // Before anything is printed: the bar would be drawn over it.
    meter.clear();
    // Before the result: where nobody listens any more, that is the reason why it was stopped.
    printed?;
    result.map_err(|error| match error {
        StoreError::Cancelled(_) => {
            // What has arrived stays, and is said so that nobody starts over.
            let loaded = bytes(models.store.loaded_bytes(&entry.sha256));
            ErrorInfo::from(error)
                .with_cause(format!("{loaded} of it are downloaded"))
                .with_hint("install it again: that resumes it")
                .with_action_on(ErrorAction::InstallModel, &entry.id)
        }
        _ => error.into(),
    })
}

fn text_of(models: &Models, entry: &Entry, running: &Installing) -> Result<String, ErrorInfo> {
    if let Some(text) = models.store.license_text(entry) {
        return Ok(text);
    }
    let what = format!("the text of the license of `{}` is not known here", entry.id);
    Ok(models.store.load_license(entry, &fetcher(models, &what)?, running)?)
}

/// In air-gapped mode, the program that could open a connection is never started. The settings are
/// read again each time: a question may have been open for hours.
fn fetcher(models: &Models, what: &str) -> Result<Fetcher, ErrorInfo> {
    let allowed = models.network_now(what)?;
    let name = format!("localcoder-fetch{}", std::env::consts::EXE_SUFFIX);
    Ok(Fetcher::new(&program()?.with_file_name(name), allowed))
}

/// The whole text can be read before answering; only a clear yes counts. Without a terminal it is
/// refused: nobody can have agreed. The question goes to stderr, as stdout may be a file.
pub(super) fn ask(id: &str, license: &LicenseTerms, text: &str) -> Result<(), ErrorInfo> {
    let refused = |why: &str| {
        let message = format!("`{id}` is not installed: {why}");
        ErrorInfo::new(ErrorCode::LicenseNotAccepted, message)
            .with_hint(format!("read it ({}), then say that you agree to it", license.url))
            .with_action_on(ErrorAction::InstallModel, id)
    };
    if !std::io::stdin().is_terminal() || !std::io::stderr().is_terminal() {
        return Err(refused("there was no one to agree to its license"));
    }
    loop {
        output::note(&format!("\nDo you agree to the {}? [yes / no / read]", license.name));
        let mut answer = String::new();
        let read = std::io::stdin().lock().read_line(&mut answer);
        match answer.trim().to_lowercase().as_str() {
            "yes" | "y" => return Ok(()),
            "read" | "r" => output::note(text),
            "no" | "n" => return Err(refused("you did not agree to its license")),
            // The input has ended; asking again would never end.
            _ if !matches!(read, Ok(1..)) => return Err(refused("there was no answer")),
            _ => {}
        }
    }
}

fn show(meter: &Meter, event: FetchEvent) {
    match event {
        FetchEvent::Progress { bytes, total_bytes, bytes_per_s } => {
            meter.show_with_speed(bytes, total_bytes, bytes_per_s);
        }
        FetchEvent::Checking { bytes, total_bytes } => meter.show(bytes, total_bytes),
        // Downloads are tried again by themselves; the user should know what for they wait.
        FetchEvent::Waiting { wait_ms, reason } => {
            let seconds = wait_ms.div_ceil(1_000);
            meter.note(&format!("{reason}; trying again in {seconds} s"));
        }
        FetchEvent::Restarted { reason } => meter.note(&format!("starting over: {reason}")),
        FetchEvent::Confined(_)
        | FetchEvent::Text { .. }
        | FetchEvent::Done
        | FetchEvent::Failed { .. } => {}
    }
}

/// The warning if the system holds back a download only partly, or not at all. The download
/// continues: what arrives is checked as always.
fn weakly(confined: &Confined) -> Option<String> {
    let is_weak = !(confined.calls && confined.files);
    is_weak.then(|| format!("sandbox: {}", fetch_sandbox_text(confined)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_download_that_is_held_back_in_part_says_so_and_why() {
        let why = Some("the kernel has none".to_owned());
        for (calls, files, said) in [
            (
                true,
                false,
                "sandbox: a download starts nothing, but could read and write what you can",
            ),
            (
                false,
                true,
                "sandbox: a download writes in the store's folders alone, but could start",
            ),
            (false, false, "sandbox: NONE: a download could do what you can"),
        ] {
            let text = weakly(&Confined { calls, files, why: why.clone() }).unwrap();
            assert!(text.starts_with(said) && text.ends_with(": the kernel has none"), "{text}");
        }
        assert_eq!(weakly(&Confined { calls: true, files: true, why: None }), None);
    }
}
