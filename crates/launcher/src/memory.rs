//! What the launcher remembers from one start to the next: the editor's address and the folder
//! that was open last.
//!
//! The address has to stay the same, because the workbench keeps its layout and the folders that
//! the user trusts in the page's own storage, which belongs to an address and port. A file that
//! is missing or damaged only costs that.

use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};

use localcoder_protocol::ErrorInfo;
use serde::{Deserialize, Serialize};

use crate::address::random_loopback;

/// The file `launcher.json` in the editor's folder.
#[derive(Debug)]
pub(crate) struct Memory {
    path: PathBuf,
    kept: Kept,
}

#[derive(Debug, Serialize, Deserialize)]
struct Kept {
    address: IpAddr,
    /// 0 until the system has chosen one.
    #[serde(default)]
    port: u16,
    #[serde(default)]
    last_folder: Option<PathBuf>,
}

impl Memory {
    /// Reads the file, or begins anew with a random address.
    pub(crate) fn load(editor: &Path) -> Result<Self, ErrorInfo> {
        let path = editor.join("launcher.json");
        let read = fs_err::read(&path).ok();
        let kept = read
            .and_then(|bytes| serde_json::from_slice::<Kept>(&bytes).ok())
            // Never listen anywhere else, whatever the file says.
            .filter(|kept| kept.address.is_loopback());
        let kept = match kept {
            Some(kept) => kept,
            None => Kept { address: random_loopback()?, port: 0, last_folder: None },
        };
        Ok(Self { path, kept })
    }

    /// Address and port to ask for; port 0 leaves the choice to the system.
    pub(crate) fn server(&self) -> SocketAddr {
        SocketAddr::new(self.kept.address, self.kept.port)
    }

    /// Keeps the address that the server got.
    pub(crate) fn keep_server(&mut self, server: SocketAddr) {
        (self.kept.address, self.kept.port) = (server.ip(), server.port());
        self.save();
    }

    /// The folder that was open last, if it is still there.
    pub(crate) fn last_folder(&self) -> Option<&Path> {
        self.kept.last_folder.as_deref().filter(|folder| folder.is_dir())
    }

    /// Keeps the folder that is open now.
    pub(crate) fn keep_folder(&mut self, folder: Option<String>) {
        if folder.is_some() {
            self.kept.last_folder = folder.map(PathBuf::from);
            self.save();
        }
    }

    fn save(&self) {
        let bytes = serde_json::to_vec_pretty(&self.kept).expect("plain data is always JSON");
        let written = self.path.with_extension("json.new");
        let saved =
            fs_err::write(&written, bytes).and_then(|()| fs_err::rename(&written, &self.path));
        if let Err(error) = saved {
            tracing::warn!(%error, "the launcher's memory can't be saved");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_stays_and_a_folder_that_is_gone_is_forgotten() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("project");
        fs_err::create_dir(&folder).unwrap();
        let mut memory = Memory::load(dir.path()).unwrap();
        let server = SocketAddr::new(memory.server().ip(), 4711);
        memory.keep_server(server);
        memory.keep_folder(Some(folder.to_str().unwrap().to_owned()));
        let memory = Memory::load(dir.path()).unwrap();
        assert_eq!(memory.server(), server);
        assert_eq!(memory.last_folder(), Some(folder.as_path()));
        fs_err::remove_dir(&folder).unwrap();
        assert_eq!(memory.last_folder(), None);
    }

    #[test]
    fn a_damaged_file_or_an_address_of_the_network_begins_anew() {
        for text in ["{", r#"{"address":"192.168.1.5","port":80}"#] {
            let dir = tempfile::tempdir().unwrap();
            fs_err::write(dir.path().join("launcher.json"), text).unwrap();
            let server = Memory::load(dir.path()).unwrap().server();
            assert!(server.ip().is_loopback() && server.port() == 0);
        }
    }
}
