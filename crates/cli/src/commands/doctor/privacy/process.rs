//! How a running process uses the network, according to the system: its open sockets. Only Linux
//! reports these without special rights.

use std::collections::HashSet;
use std::fmt;
use std::fs;
use std::net::{Ipv4Addr, Ipv6Addr};

/// Lists of network sockets below `/proc/PID/net`; in each, the socket's own address is in the
/// second column, and the inode number in the tenth.
const LISTS: [&str; 8] = ["tcp", "tcp6", "udp", "udp6", "udplite", "udplite6", "raw", "raw6"];
const ADDRESS_COLUMN: usize = 1;
const INODE_COLUMN: usize = 9;

/// What was seen of a process, at one moment: it says nothing about before and after.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Seen {
    pid: u32,
    /// `None` if the system does not report them.
    sockets: Option<Sockets>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Sockets {
    all: usize,
    elsewhere: usize,
}

impl Seen {
    pub(super) fn sockets(self) -> Option<usize> {
        self.sockets.map(|sockets| sockets.all)
    }

    /// Whether a socket is known to be open that is not on loopback; `false` if nothing is known.
    pub(super) fn is_elsewhere(self) -> bool {
        self.sockets.is_some_and(|sockets| sockets.elsewhere > 0)
    }

    pub(super) fn of_loopback(self) -> String {
        let pid = self.pid;
        match self.sockets {
            Some(Sockets { all, elsewhere: 0 }) => {
                format!("process {pid} has {all} sockets of the network open now, all on loopback")
            }
            Some(Sockets { all, elsewhere }) => format!(
                "of the {all} sockets of the network that process {pid} has open now {elsewhere} are \
                 NOT on loopback"
            ),
            None => self.to_string(),
        }
    }

    #[cfg(test)]
    pub(super) fn of(all: Option<usize>) -> Self {
        Self { pid: 1, sockets: all.map(|all| Sockets { all, elsewhere: 0 }) }
    }
}

impl fmt::Display for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let pid = self.pid;
        match self.sockets() {
            Some(0) => write!(f, "process {pid} has no socket of the network open now"),
            Some(1) => write!(f, "process {pid} has 1 socket of the network OPEN now"),
            Some(count) => write!(f, "process {pid} has {count} sockets of the network OPEN now"),
            None => write!(f, "what process {pid} has open can't be seen here"),
        }
    }
}

pub(super) fn seen(pid: u32) -> Seen {
    Seen { pid, sockets: network_sockets(pid) }
}

// The kernel's lists have all sockets of the process's network, also those of other processes,
// without their owners. Which are its own is told by the inodes behind its descriptors.
fn network_sockets(pid: u32) -> Option<Sockets> {
    let mut open = HashSet::new();
    for entry in fs::read_dir(format!("/proc/{pid}/fd")).ok()? {
        // A descriptor may be closed while this looks; then it is not open.
        let target = fs::read_link(entry.ok()?.path()).unwrap_or_default();
        let target = target.to_string_lossy();
        if let Some(inode) = target.strip_prefix("socket:[").and_then(|it| it.strip_suffix(']')) {
            open.insert(inode.to_owned());
        }
    }
    let mut sockets = Sockets::default();
    for list in LISTS {
        // A kernel without an address family does not have its lists.
        // Of the process and not our own: it may be in a network namespace of its own.
        let text = fs::read_to_string(format!("/proc/{pid}/net/{list}")).unwrap_or_default();
        for line in text.lines().skip(1) {
            let columns: Vec<&str> = line.split_whitespace().collect();
            if columns.get(INODE_COLUMN).is_some_and(|inode| open.contains(*inode)) {
                let address = columns.get(ADDRESS_COLUMN).copied().unwrap_or_default();
                sockets.all += 1;
                sockets.elsewhere += usize::from(!is_loopback(address));
            }
        }
    }
    Some(sockets)
}

/// `ADDRESS:PORT` as the kernel writes it: words of four bytes, each in this machine's byte order.
fn is_loopback(address: &str) -> bool {
    let host = address.split(':').next().unwrap_or_default();
    // IPv4 has one word of eight hexadecimal digits, IPv6 four.
    let words = (0..host.len() / 8).filter_map(|at| host.get(at * 8..at * 8 + 8));
    let bytes: Vec<u8> = words
        .filter_map(|word| u32::from_str_radix(word, 16).ok())
        .flat_map(u32::to_ne_bytes)
        .collect();
    match (<[u8; 4]>::try_from(&*bytes), <[u8; 16]>::try_from(&*bytes)) {
        (Ok(four), _) => Ipv4Addr::from(four).is_loopback(),
        // An IPv4 address in an IPv6 socket (`::ffff:127.0.0.1`) is judged as what it is.
        (_, Ok(six)) => Ipv6Addr::from(six).to_canonical().is_loopback(),
        // An address that can't be read must not pass for a harmless one.
        _ => false,
    }
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
        let before = network_sockets(pid).unwrap_or_default();
        let folder = tempfile::tempdir().unwrap();
        let _unix = UnixListener::bind(folder.path().join("socket")).unwrap();
        assert_eq!(network_sockets(pid), Some(before));
        let _tcp = TcpListener::bind("127.0.0.1:0").unwrap();
        let _udp = UdpSocket::bind("127.0.0.1:0").unwrap();
        let elsewhere = before.elsewhere;
        assert_eq!(network_sockets(pid), Some(Sockets { all: before.all + 2, elsewhere }));
        // It fails on a system without IPv6, and then changes nothing.
        let _six = TcpListener::bind("[::1]:0");
        assert_eq!(network_sockets(pid).unwrap().elsewhere, elsewhere);
        assert!(!seen(pid).is_elsewhere());
        let _all = TcpListener::bind("0.0.0.0:0").unwrap();
        assert!(seen(pid).is_elsewhere());
        assert!(seen(pid).of_loopback().contains("1 are NOT on loopback"));
        // No process has that number.
        assert_eq!(network_sockets(u32::MAX), None);
    }
}
