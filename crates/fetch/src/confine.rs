//! What this program needs besides its sockets: it reads the settings and the system's files for
//! names and certificates, and writes where the file goes. The system denies it everything else,
//! whatever a server makes of it. Called once, when it is known what is wanted and nothing is open
//! yet.

use std::env;
use std::path::{Path, PathBuf};

use localcoder_protocol::{Confined, FetchTask};
use localcoder_sandbox::{Profile, Walls};
use localcoder_settings::Places;

use crate::partial::boot_id;

/// Variables by which users name their own root certificates: a file, and a list of folders.
const OWN_ROOTS: [&str; 2] = ["SSL_CERT_FILE", "SSL_CERT_DIR"];

/// From here on this process can do nothing but its task. It must be single-threaded, and must have
/// opened what it needs outside of its folders (the count of refusals). What holds is reported to
/// the caller: a system without these walls does not keep a user from downloading.
pub(crate) fn confine(task: &FetchTask, places: &Places) -> Confined {
    // Read now: it is in a folder that can't be read any more afterward.
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
    // The settings' files are replaced at each change, so their folders have to be readable. A
    // folder that is created later would not be, and would count as an air gap.
    let mut reads = vec![places.config.clone(), places.cache.clone()];
    for folder in &reads {
        // If the folder can't be created, there will be no settings in it either.
        let _ = fs_err::create_dir_all(folder);
    }
    // The files may be links that lead elsewhere.
    reads.extend([places.settings_file(), places.editor_settings_file()]);
    for name in OWN_ROOTS {
        reads.extend(env::var_os(name).iter().flat_map(env::split_paths));
    }
    reads
}

fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}
