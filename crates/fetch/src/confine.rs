//! What this program needs of the machine beside its sockets: it reads the system's files for names and
//! certificates and the settings, and writes where the file goes to. All else the system refuses it,
//! whatever a server makes of it. Called once, when it is known what is asked and nothing is open yet.

use std::env;
use std::path::{Path, PathBuf};

use localcoder_protocol::{Confined, FetchTask};
use localcoder_sandbox::{Profile, Walls};
use localcoder_settings::Places;

use crate::partial::boot_id;

/// Variables by which users name root certificates of their own: a file, and a list of folders.
const OWN_ROOTS: [&str; 2] = ["SSL_CERT_FILE", "SSL_CERT_DIR"];

/// From here on this process can do nothing else than its task.
pub(crate) fn confine(task: &FetchTask, places: &Places) -> Confined {
    // It is in a folder that can't be read any more.
    boot_id();
    let (writes, reads) = (writes(task), reads(places));
    localcoder_sandbox::close(&Profile::Fetch { writes: &writes, reads: &reads }, Walls::All)
}

fn writes(task: &FetchTask) -> Vec<PathBuf> {
    match task {
        FetchTask::File(request) => {
            vec![request.folder.clone().into(), folder_of(Path::new(&request.target)).to_owned()]
        }
        FetchTask::Text(_) => Vec::new(),
    }
}

fn reads(places: &Places) -> Vec<PathBuf> {
    // The settings' files are replaced with each change, so it is their folders that may be read; one
    // that came later could not be, and would count as an air gap.
    let mut reads = vec![places.config.clone(), places.cache.clone()];
    for folder in &reads {
        // Where it can't be made, no settings come either.
        let _ = fs_err::create_dir_all(folder);
    }
    // They may be links to elsewhere.
    reads.extend([places.settings_file(), places.editor_settings_file()]);
    for name in OWN_ROOTS {
        reads.extend(env::var_os(name).iter().flat_map(env::split_paths));
    }
    reads
}

fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}
