//! What a running process has to do with the network, as the system tells: the sockets that it has
//! open. Linux alone tells this without asking for rights.

use std::collections::HashSet;
use std::fmt;
use std::fs;

/// Lists of sockets of the network below `/proc/PID/net`; the number of the inode is in the tenth
/// column of each.
const LISTS: [&str; 8] = ["tcp", "tcp6", "udp", "udp6", "udplite", "udplite6", "raw", "raw6"];
const INODE_COLUMN: usize = 9;

/// What was seen of a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Seen {
    pid: u32,
    /// `None` where the system does not say.
    network_sockets: Option<usize>,
}

impl Seen {
    /// Whether no socket of the network is open, as far as that is known.
    pub(super) fn is_quiet(self) -> bool {
        self.network_sockets.is_none_or(|sockets| sockets == 0)
    }
}

impl fmt::Display for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let pid = self.pid;
        match self.network_sockets {
            Some(0) => write!(f, "process {pid} has no socket of the network open now"),
            Some(1) => write!(f, "process {pid} has 1 socket of the network OPEN now"),
            Some(count) => write!(f, "process {pid} has {count} sockets of the network OPEN now"),
            None => write!(f, "what process {pid} has open is not told here"),
        }
    }
}

/// Looks at a process.
pub(super) fn seen(pid: u32) -> Seen {
    Seen { pid, network_sockets: network_sockets(pid) }
}

fn network_sockets(pid: u32) -> Option<usize> {
    let mut open = HashSet::new();
    for entry in fs::read_dir(format!("/proc/{pid}/fd")).ok()? {
        let target = fs::read_link(entry.ok()?.path()).unwrap_or_default();
        let target = target.to_string_lossy();
        if let Some(inode) = target.strip_prefix("socket:[").and_then(|it| it.strip_suffix(']')) {
            open.insert(inode.to_owned());
        }
    }
    let mut count = 0;
    for list in LISTS {
        // A kernel without the family has no list of it.
        let text = fs::read_to_string(format!("/proc/{pid}/net/{list}")).unwrap_or_default();
        let inodes =
            text.lines().skip(1).filter_map(|line| line.split_whitespace().nth(INODE_COLUMN));
        count += inodes.filter(|inode| open.contains(*inode)).count();
    }
    Some(count)
}

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests {
    use std::net::{TcpListener, UdpSocket};
    use std::os::unix::net::UnixListener;

    use super::*;

    #[test]
    fn sockets_of_the_network_are_counted_and_others_are_not() {
        let pid = std::process::id();
        let before = network_sockets(pid).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let _unix = UnixListener::bind(folder.path().join("socket")).unwrap();
        assert_eq!(network_sockets(pid), Some(before));
        let _tcp = TcpListener::bind("127.0.0.1:0").unwrap();
        let _udp = UdpSocket::bind("127.0.0.1:0").unwrap();
        assert_eq!(network_sockets(pid), Some(before + 2));
        assert!(!seen(pid).is_quiet());
        assert_eq!(network_sockets(u32::MAX), None);
    }
}
