//! `localcoder reset` and `localcoder uninstall`: remove what LocalCoder has written on this
//! machine, after saying what goes and what stays. The open IDE and the host are ended first.
//!
//! Only names that the product itself writes are removed, each below a folder of the product's own;
//! everything else stays. No link is followed: a link in place of one of our files is removed as a
//! link.

mod own;

use std::path::Path;
use std::time::{Duration, Instant};

use indicatif::DecimalBytes;
use localcoder_disk::cause_of;
use localcoder_launcher::running;
use localcoder_model_store::Store;
use localcoder_protocol::{ErrorCode, ErrorInfo, Removal, RemovalPart, Reset, Uninstall};
use localcoder_settings::Places;
use rustix::process::{Pid, Signal, kill_process};

use self::own::{Kind, Part};
use super::host::end_host;
use crate::arguments::{ResetOptions, SureOptions, UninstallOptions};
use crate::failure::explained;
use crate::output;
use crate::session::program;

/// How long an IDE that was told to end may take: its windows write backups, its server has five
/// seconds.
const IDE_ENDS_WITHIN: Duration = Duration::from_secs(30);
const LOOK_EVERY: Duration = Duration::from_millis(50);

pub(crate) fn reset(options: &ResetOptions) -> Result<(), ErrorInfo> {
    let removal = run(options.models, &options.sure, None)?;
    if options.sure.json { output::answer::<Reset>(&removal) } else { Ok(()) }
}

pub(crate) fn uninstall(options: &UninstallOptions) -> Result<(), ErrorInfo> {
    let program = program()?;
    let folder = program.parent().unwrap_or(&program);
    let removal = run(!options.keep_models, &options.sure, Some(folder))?;
    if options.sure.json { output::answer::<Uninstall>(&removal) } else { Ok(()) }
}

/// What both commands do. `programs`: the folder of the programs; the report says that they stay.
/// Nothing is ended or removed before the user has agreed to the list.
fn run(models: bool, sure: &SureOptions, programs: Option<&Path>) -> Result<Removal, ErrorInfo> {
    let places = Places::resolve()?;
    let goes = |part: &Part| part.stays.is_none() && (models || part.kind != Kind::Models);
    let (go, stay): (Vec<Part>, Vec<Part>) =
        own::parts(&places, &linked_files(&places)?).into_iter().partition(goes);
    let open = running(&places.runtime)?;
    let mut removal = Removal {
        done: false,
        bytes: go.iter().map(|part| part.bytes).sum(),
        goes: go.iter().map(Part::removal_part).collect(),
        stays: stay.iter().map(Part::removal_part).chain(programs.map(programs_part)).collect(),
        closes: open.is_some(),
    };
    if !sure.json {
        show(&removal)?;
    }
    if sure.dry_run || go.is_empty() {
        return Ok(removal);
    }
    if !sure.yes {
        agreed(sure.json)?;
    }
    // First the IDE and then the host: its windows would start a host again.
    if let Some(ide) = open {
        end_ide(&places, ide.pid)?;
    }
    end_host(&places)?;
    // A host writes its measurements when it ends, so look again now.
    let now = own::parts(&places, &linked_files(&places)?).into_iter().filter(goes);
    let gone: Vec<Part> = now.collect();
    gone.iter().try_for_each(remove)?;
    removal.goes = gone.iter().map(Part::removal_part).collect();
    removal.bytes = gone.iter().map(|part| part.bytes).sum();
    own::remove_empty(&places);
    removal.done = true;
    if !sure.json {
        output::note(&format!("Removed {}.", DecimalBytes(removal.bytes)));
    }
    Ok(removal)
}

fn linked_files(places: &Places) -> Result<Vec<std::path::PathBuf>, ErrorInfo> {
    let Some(store) = Store::existing(&places.models) else { return Ok(Vec::new()) };
    let linked = store.list()?.into_iter().filter_map(|listed| listed.model.linked);
    Ok(linked.map(|linked| linked.path).collect())
}

fn show(removal: &Removal) -> Result<(), ErrorInfo> {
    output::line(if removal.goes.is_empty() { "There is nothing to remove." } else { "Goes:" })?;
    removal.goes.iter().try_for_each(show_part)?;
    if !removal.stays.is_empty() {
        output::line("Stays:")?;
        removal.stays.iter().try_for_each(show_part)?;
    }
    if removal.closes && !removal.goes.is_empty() {
        output::line("The IDE that is open is closed first.")?;
    }
    Ok(())
}

fn show_part(part: &RemovalPart) -> Result<(), ErrorInfo> {
    let size = part.bytes.map(|bytes| DecimalBytes(bytes).to_string()).unwrap_or_default();
    output::line(&format!("  {size:>10}  {}", part.what))?;
    for path in &part.paths {
        output::line(&format!("              {path}"))?;
    }
    part.text.iter().try_for_each(|text| output::line(&format!("              ({text})")))
}

fn programs_part(folder: &Path) -> RemovalPart {
    RemovalPart {
        what: "The programs themselves".to_owned(),
        paths: vec![folder.display().to_string()],
        bytes: None,
        // Whether they came by a package or as a folder is not known here.
        text: Some("remove them as they came: the package, or the folder".to_owned()),
    }
}

fn agreed(json: bool) -> Result<(), ErrorInfo> {
    // With `--json` a program has called, and there is nobody to be asked.
    match (!json).then(|| output::confirmed("Remove this? [y/N] ")).flatten() {
        Some(true) => Ok(()),
        Some(false) => Err(ErrorInfo::new(ErrorCode::Cancelled, "nothing was removed")),
        None => Err(ErrorInfo::new(ErrorCode::Usage, "nothing was removed")
            .with_cause("there is no terminal to ask in")
            .with_hint("`--yes` removes it without a question, `--dry-run` shows what would go")),
    }
}

/// Ends the launcher, which ends its windows and its server. Never by force: its windows may have
/// text that is not saved yet, of which they write backups. If it does not end in time, nothing is
/// removed.
fn end_ide(places: &Places, pid: u32) -> Result<(), ErrorInfo> {
    let process = i32::try_from(pid).ok().and_then(Pid::from_raw);
    let failed = || {
        ErrorInfo::new(
            ErrorCode::Busy,
            format!("the IDE that is open (process {pid}) does not end"),
        )
        .with_hint("close its windows, then try again; nothing was removed")
    };
    let process = process.ok_or_else(failed)?;
    kill_process(process, Signal::TERM).map_err(|_| failed())?;
    let deadline = Instant::now() + IDE_ENDS_WITHIN;
    // Both: it stops answering before it has ended, and an answer could be that of a new one.
    while running(&places.runtime).ok().flatten().is_some() || process_is_there(process) {
        if Instant::now() > deadline {
            return Err(failed());
        }
        std::thread::sleep(LOOK_EVERY);
    }
    Ok(())
}

fn process_is_there(process: Pid) -> bool {
    rustix::process::test_kill_process(process).is_ok() && !is_zombie(process)
}

/// Whether it has ended and only waits for its parent to collect it, which is that one's own
/// affair. The state follows the name, which may have parentheses itself.
fn is_zombie(process: Pid) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", process.as_raw_nonzero()));
    stat.is_ok_and(|stat| stat.rsplit_once(')').is_some_and(|(_, rest)| rest.starts_with(" Z")))
}

fn remove(part: &Part) -> Result<(), ErrorInfo> {
    for path in &part.paths {
        // Neither call follows a link, and the second checks each folder again before entering it.
        let is_folder = path.symlink_metadata().is_ok_and(|about| about.is_dir());
        let removed =
            if is_folder { fs_err::remove_dir_all(path) } else { fs_err::remove_file(path) };
        match removed {
            // What has gone meanwhile is fine: sockets and locks go with their processes, which
            // have just ended.
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                let message = format!("`{}` could not be removed", path.display());
                let info = ErrorInfo::new(ErrorCode::FileAccess, message);
                return Err(explained(info, cause_of(&error, path)));
            }
            _ => {}
        }
    }
    Ok(())
}
