//! What on the disk belongs to the product: names that it writes, below its own folders. Only
//! looks, except that it removes folders that have become empty.

use std::path::{Path, PathBuf};

use localcoder_protocol::RemovalPart;
use localcoder_settings::Places;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Settings,
    Editor,
    Statistics,
    Models,
    Cache,
    Logs,
    Runtime,
}

#[derive(Debug)]
pub(super) struct Part {
    pub(super) kind: Kind,
    what: &'static str,
    pub(super) paths: Vec<PathBuf>,
    pub(super) bytes: u64,
    /// Why it must stay; `None` if it may go.
    pub(super) stays: Option<String>,
    /// What else to report, such as that one of its paths is a link.
    note: Option<String>,
}

/// The names to remove from a folder; a name that ends in `*` stands for all with that beginning.
/// Names and not whole folders: a user may have pointed a folder at one with other files in it.
/// What the product writes under a new name has to be added here.
struct Row<'a> {
    kind: Kind,
    what: &'static str,
    folder: &'a Path,
    names: &'static [&'static str],
}

fn rows(places: &Places) -> [Row<'_>; 8] {
    let row = |kind, what, folder, names| Row { kind, what, folder, names };
    [
        row(
            Kind::Settings,
            "Settings, and your own catalog of models",
            &places.config,
            &["settings.json", "catalog.json"],
        ),
        row(Kind::Settings, "How far the set-up has come", &places.data, &["setup.json"]),
        row(
            Kind::Statistics,
            "Which edits were shown, and what became of them",
            &places.data,
            &["statistics"],
        ),
        row(
            Kind::Editor,
            "The editor's settings, keys, extensions and windows, and text that is not saved yet",
            &places.editor,
            &["extensions", "launcher.json", "server", "state", "user", "window"],
        ),
        row(
            Kind::Models,
            "Installed and unfinished models, and which licenses you agreed to",
            &places.models,
            &["blobs", "consents.jsonl", "downloads", "licenses", "lock", "manifests"],
        ),
        row(
            Kind::Cache,
            "What was measured and kept to start faster",
            &places.cache,
            &[
                "editor-settings.json",
                "loading.json",
                "measurements.json",
                "memory-bandwidth.json",
                "prefixes",
            ],
        ),
        row(
            Kind::Logs,
            "Logs",
            &places.logs,
            &["air-gap-refusals.log", "editor-server.log*", "host.log*"],
        ),
        row(
            Kind::Runtime,
            "Sockets and locks",
            &places.runtime,
            &["host.lock", "host.sock", "ide.lock", "ide.sock", "ipc", "web.sock", "workers.json"],
        ),
    ]
}

pub(super) fn parts(places: &Places, linked: &[PathBuf]) -> Vec<Part> {
    let own = own_folders(places);
    let parts = rows(places).into_iter().filter_map(|row| part(&row, &own, linked));
    parts.collect()
}

fn part(row: &Row<'_>, own: &[PathBuf], linked: &[PathBuf]) -> Option<Part> {
    let paths = there(row);
    if paths.is_empty() {
        return None;
    }
    // From the outermost reason on: below a link nothing else is worth looking at.
    let stays = link_above(row.folder, own).or_else(|| of_another(row.folder)).or_else(|| {
        let within = |path: &&PathBuf| paths.iter().any(|own| is_within(path, own));
        let held = linked.iter().find(within)?;
        Some(format!(
            "it holds `{}`, which you have imported in place: move that first",
            held.display()
        ))
    });
    let links: Vec<String> = paths.iter().filter_map(|path| link(path)).collect();
    Some(Part {
        kind: row.kind,
        what: row.what,
        bytes: paths.iter().map(|path| size_bytes(path)).sum(),
        paths,
        stays,
        note: (!links.is_empty()).then(|| links.join("; ")),
    })
}

impl Part {
    pub(super) fn removal_part(&self) -> RemovalPart {
        RemovalPart {
            what: self.what.to_owned(),
            paths: self.paths.iter().map(|path| path.display().to_string()).collect(),
            bytes: Some(self.bytes),
            text: self.stays.clone().or_else(|| self.note.clone()),
        }
    }
}

fn there(row: &Row<'_>) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(row.folder) else { return Vec::new() };
    let is_ours = |name: &str| {
        row.names.iter().any(|own| match own.strip_suffix('*') {
            Some(begin) => name.starts_with(begin),
            None => name == *own,
        })
    };
    // A name that is not UTF-8 is none of ours.
    let ours = entries.flatten().filter(|entry| entry.file_name().to_str().is_some_and(is_ours));
    let mut paths: Vec<PathBuf> = ours.map(|entry| entry.path()).collect();
    paths.sort();
    paths
}

fn own_folders(places: &Places) -> Vec<PathBuf> {
    let Places { data, config, cache, logs, runtime, models, editor } = places;
    let mut own: Vec<PathBuf> =
        [data, config, cache, logs, runtime, models, editor].map(PathBuf::clone).to_vec();
    // Logs are one level deeper on systems that have a folder for state.
    let named = |path: &&Path| path.file_name().is_some_and(|name| name == "localcoder");
    own.extend(logs.parent().filter(named).map(Path::to_owned));
    own
}

/// A link between our outermost folder and this one: what it leads to may belong to anyone, so
/// nothing below it is removed, and the user is told to. Links further out, such as of the home
/// folder, are the system's.
fn link_above(folder: &Path, own: &[PathBuf]) -> Option<String> {
    let mut ways = folder.ancestors().filter(|path| own.iter().any(|own| path == own));
    ways.find_map(|path| {
        let target = std::fs::read_link(path).ok()?;
        let (path, target) = (path.display(), target.display());
        Some(format!("`{path}` is a link to `{target}`, where nothing is removed: do that by hand"))
    })
}

fn of_another(folder: &Path) -> Option<String> {
    use std::os::unix::fs::MetadataExt as _;
    let about = std::fs::symlink_metadata(folder).ok()?;
    let is_own = about.uid() == rustix::process::geteuid().as_raw();
    (!is_own).then(|| format!("`{}` belongs to another user", folder.display()))
}

fn link(path: &Path) -> Option<String> {
    let target = std::fs::read_link(path).ok()?;
    Some(format!("`{}` is a link; `{}` stays", path.display(), target.display()))
}

/// Whether a file is in a folder, by its names and by where they lead: removing the folder would
/// take the file with it either way. Not if the folder is a link itself, of which only the link is
/// removed.
fn is_within(file: &Path, folder: &Path) -> bool {
    if folder.is_symlink() {
        return false;
    }
    let real = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_owned());
    file.starts_with(folder) || real(file).starts_with(real(folder))
}

/// Size of a file, or of all files in a folder; a link counts as zero, as what it leads to stays.
/// What can't be read counts as zero too: it is only a figure in the report.
fn size_bytes(path: &Path) -> u64 {
    let Ok(about) = path.symlink_metadata() else { return 0 };
    if !about.is_dir() {
        return if about.is_file() { about.len() } else { 0 };
    }
    let entries = std::fs::read_dir(path).into_iter().flatten().flatten();
    entries.map(|entry| size_bytes(&entry.path())).sum()
}

/// Removes our folders that have become empty, and leaves those with files of someone else.
/// Failures are ignored: an empty folder does no harm.
pub(super) fn remove_empty(places: &Places) {
    let mut folders = own_folders(places);
    // The innermost first.
    folders.sort_by_key(|folder| std::cmp::Reverse(folder.components().count()));
    for folder in folders {
        // Fails if it is not empty, or if it is a link.
        let _ = std::fs::remove_dir(folder);
    }
}
