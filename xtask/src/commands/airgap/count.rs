//! Counts the calls in a trace: for each program, how often it contacted a Unix socket, loopback,
//! another machine, or a resolver. Other machines and resolvers must not occur.
//!
//! A resolver may be reached in ways that leave the machine only later: on loopback, by a Unix
//! socket (systemd's, Avahi's), or by nscd, which answers questions about users as well and is
//! therefore judged by the request. The addresses of an extension's files in a webview
//! (`https://vscode-remote+localcoder.vscode-resource.localcoder.localhost/…`) never appear: the
//! webview's own service worker answers for these names from the editor server, so nothing looks
//! them up or connects to them; if something did, it would be counted like any other.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr};

use super::line::{Call, Target, read};
use super::programs::{Programs, TERMINAL};

/// DNS, DNS over TLS, and multicast DNS.
const RESOLVER_PORTS: [u16; 3] = [53, 853, 5353];
/// Unix sockets of resolvers, by a part of their path.
const RESOLVER_SOCKETS: [&str; 3] = ["/run/systemd/resolve", "avahi-daemon", "/mdnsd"];
/// nscd's; its requests begin with a version and a kind.
const NSCD: &str = "nscd/socket";
const NSCD_VERSION: u8 = 2;
/// From glibc's `nscd-client.h`: users and groups by name and number, their tables, a user's
/// groups.
const NSCD_OF_USERS: [u8; 7] = [0, 1, 2, 3, 11, 12, 15];
/// How many lines are kept of a program that did what it must not; the first ones tell what it is.
const SHOWN_MAX: usize = 5;

/// How the launcher and `doctor` check whether the air gap holds (`offline/linux.rs`): they connect
/// a datagram socket, which sends nothing, and the kernel must answer that there is no route.
const PROBED: (IpAddr, u16) = (IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)), 9);

/// How often a program contacted each kind of target. `kernel` is netlink and the like, `elsewhere`
/// another machine or an address that could not be read, `look_ups` resolvers wherever they are.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct Counts {
    pub(super) unix: u64,
    pub(super) loopback: u64,
    pub(super) kernel: u64,
    pub(super) elsewhere: u64,
    pub(super) look_ups: u64,
    /// How many `io_uring` rings it has: calls made through one are not seen.
    pub(super) rings: u64,
    /// The first lines of those that must not occur: elsewhere, look-ups, rings.
    pub(super) shown: Vec<String>,
    pub(super) processes: u64,
}

impl Counts {
    fn is_clean(&self) -> bool {
        self.elsewhere == 0 && self.look_ups == 0 && self.rings == 0
    }

    fn add(&mut self, other: Self) {
        self.unix += other.unix;
        self.loopback += other.loopback;
        self.kernel += other.kernel;
        self.elsewhere += other.elsewhere;
        self.look_ups += other.look_ups;
        self.rings += other.rings;
        self.processes += other.processes;
        self.shown.extend(other.shown);
        self.shown.truncate(SHOWN_MAX);
    }

    /// Counts a target; false if it must not occur. A resolver counts as such wherever it is, also
    /// on loopback: from there a question may leave the machine.
    fn count(&mut self, target: &Target) -> bool {
        match target {
            Target::Kernel => self.kernel += 1,
            Target::Unix(path) if RESOLVER_SOCKETS.iter().any(|part| path.contains(part)) => {
                self.look_ups += 1;
                return false;
            }
            Target::Unix(_) => self.unix += 1,
            Target::Host(ip, port) => {
                let is_resolver = RESOLVER_PORTS.contains(port);
                let is_here = is_loopback(*ip);
                // A resolver on another machine counts twice: once as each.
                self.look_ups += u64::from(is_resolver);
                self.elsewhere += u64::from(!is_here);
                self.loopback += u64::from(is_here && !is_resolver);
                return is_here && !is_resolver;
            }
            // Not understood, and so not shown to be this machine.
            Target::Other(_) => {
                self.elsewhere += 1;
                return false;
            }
        }
        true
    }
}

#[derive(Debug, Default)]
pub(super) struct Tally {
    programs: BTreeMap<String, Counts>,
}

impl Tally {
    pub(super) fn add(&mut self, trace: &str) {
        let calls: Vec<(usize, u32, Call)> = trace
            .lines()
            .enumerate()
            .filter_map(|(at, line)| read(line).map(|(pid, call)| (at, pid, call)))
            .collect();
        // Two passes: a child's first lines may come before the line in which its parent's call
        // returns.
        let mut programs = Programs::default();
        for (at, pid, call) in &calls {
            programs.note(*at, *pid, call);
        }
        let lines: Vec<&str> = trace.lines().collect();
        let mut seen = BTreeSet::new();
        // Sockets that are connected to nscd: what is sent on them has no address of its own.
        let mut nscd = BTreeSet::new();
        for (at, pid, call) in &calls {
            let name = programs.at(*at, *pid);
            let mut counts = Counts {
                processes: u64::from(seen.insert((*pid, name.clone()))),
                ..Counts::default()
            };
            let mut good = true;
            match call {
                Call::Addressed { descriptor, targets, unreachable } => {
                    for target in targets {
                        // Only the probe's address and only without a route: with one, the probe
                        // itself would be a contact.
                        good &= match *unreachable && *target == Target::Host(PROBED.0, PROBED.1) {
                            true => counts.count(&Target::Kernel),
                            false => counts.count(target),
                        };
                        let is_nscd = matches!(target, Target::Unix(path) if path.contains(NSCD));
                        let socket = (*pid, *descriptor);
                        // A descriptor is used again for other sockets, so a later address clears
                        // it.
                        let _ = if is_nscd { nscd.insert(socket) } else { nscd.remove(&socket) };
                    }
                }
                Call::Sent { descriptor, begin } if nscd.contains(&(*pid, *descriptor)) => {
                    // Shorter requests can't be judged and so are not good.
                    good = begin.len() >= 8
                        && begin[0] == NSCD_VERSION
                        && NSCD_OF_USERS.contains(&begin[4]);
                    counts.look_ups += u64::from(!good);
                }
                Call::Ring => {
                    counts.rings += 1;
                    good = false;
                }
                // Sent on a socket whose address was counted when it was connected, or no contact
                // at all.
                Call::Sent { .. } | Call::Became(_) | Call::Made(_) => {}
            }
            if !good {
                counts.shown.extend(lines.get(*at).map(|line| line.chars().take(240).collect()));
            }
            self.programs.entry(name).or_default().add(counts);
        }
    }

    pub(super) fn of(&self, program: &str) -> Counts {
        self.programs.get(program).cloned().unwrap_or_default()
    }

    /// Programs that did what they must not. What runs in a terminal is the user's responsibility.
    pub(super) fn guilty(&self) -> Vec<&str> {
        let all = self
            .programs
            .iter()
            .filter(|(name, counts)| name.as_str() != TERMINAL && !counts.is_clean());
        all.map(|(name, _)| name.as_str()).collect()
    }

    pub(super) fn table(&self) -> String {
        let mut text = format!(
            "{:<18} {:>9} {:>8} {:>8} {:>8} {:>9} {:>8} {:>6}\n",
            "program", "processes", "unix", "loopback", "kernel", "elsewhere", "look-ups", "rings"
        );
        let (mut quiet, mut quiet_processes) = (0, 0);
        for (name, it) in &self.programs {
            if it.is_clean() && it.unix + it.loopback + it.kernel == 0 {
                quiet += 1;
                quiet_processes += it.processes;
                continue;
            }
            text += &format!(
                "{name:<18} {:>9} {:>8} {:>8} {:>8} {:>9} {:>8} {:>6}\n",
                it.processes, it.unix, it.loopback, it.kernel, it.elsewhere, it.look_ups, it.rings
            );
            for line in &it.shown {
                text += &format!("    {line}\n");
            }
        }
        text + &format!(
            "{quiet} other programs ({quiet_processes} processes) opened no connection\n"
        )
    }
}

fn is_loopback(ip: IpAddr) -> bool {
    // An IPv4 address that is mapped into IPv6 is judged as what it is.
    let ip = ip.to_canonical();
    // Connecting to the unspecified address reaches this machine.
    ip.is_loopback() || ip.is_unspecified()
}

#[cfg(test)]
mod tests {
    use super::*;

    const BEGIN: &str = "7 execve(\"/x/prog\", [\"prog\"], 0x1 /* 1 var */) = 0\n";

    fn counted(lines: &str) -> (Counts, bool) {
        let mut tally = Tally::default();
        tally.add(&format!("{BEGIN}{lines}"));
        (tally.of("prog"), tally.guilty().is_empty())
    }

    fn v4(address: &str, port: u16) -> String {
        format!(
            "7 sendto(3, \"x\", 1, 0, {{sa_family=AF_INET, sin_port=htons({port}), \
             sin_addr=inet_addr(\"{address}\")}}, 16) = 1\n"
        )
    }

    fn v6(address: &str, port: u16) -> String {
        format!(
            "7 connect(3, {{sa_family=AF_INET6, sin6_port=htons({port}), sin6_flowinfo=htonl(0), \
             inet_pton(AF_INET6, \"{address}\", &sin6_addr), sin6_scope_id=0}}, 28) = 0\n"
        )
    }

    fn unix(path: &str) -> String {
        format!("7 connect(3, {{sa_family=AF_UNIX, sun_path=\"{path}\"}}, 110) = 0\n")
    }

    #[test]
    fn loopback_and_unix_sockets_are_fine() {
        let lines = [
            v4("127.0.0.1", 4711),
            v4("0.0.0.0", 4711),
            v6("::1", 4711),
            v6("::ffff:127.0.0.1", 4711),
            unix("/run/user/0/host.sock"),
            "7 connect(3, {sa_family=AF_UNSPEC, sa_data=\"\\0\"}, 16) = 0\n".to_owned(),
        ];
        let (counts, clean) = counted(&lines.concat());
        assert!(clean, "{counts:?}");
        assert_eq!((counts.loopback, counts.unix, counts.kernel), (4, 1, 1));
    }

    #[test]
    fn another_machine_is_elsewhere_by_whatever_family() {
        let lines = [
            v4("192.0.2.1", 9),
            v6("2001:db8::1", 443),
            v6("::ffff:192.0.2.1", 443),
            "7 connect(3, {sa_family=AF_VSOCK, svm_cid=0x2, svm_port=0x16}, 16) = 0\n".to_owned(),
            "7 connect(3, 0x7ff1234, 16) = 0\n".to_owned(),
        ];
        let (counts, clean) = counted(&lines.concat());
        assert!(!clean);
        assert_eq!((counts.elsewhere, counts.look_ups), (5, 0));
        assert_eq!(counts.shown.len(), 5);
    }

    #[test]
    fn whether_there_is_a_way_may_be_asked_where_there_is_none() {
        let asked = |port: u16, end: &str| {
            format!(
                "7 connect(3, {{sa_family=AF_INET, sin_port=htons({port}), \
                 sin_addr=inet_addr(\"192.0.2.1\")}}, 16) = {end}\n"
            )
        };
        let none = "-1 ENETUNREACH (Network is unreachable)";
        let (counts, clean) = counted(&asked(9, none));
        assert!(clean && counts.kernel == 1, "{counts:?}");
        for (port, end) in [(9, "0"), (9, "-1 ETIMEDOUT (Connection timed out)"), (80, none)] {
            assert!(!counted(&asked(port, end)).1, "{port} {end}");
        }
    }

    #[test]
    fn a_resolver_is_one_wherever_it_is_asked() {
        let lines = [
            v4("127.0.0.53", 53),
            v6("::1", 53),
            v4("10.0.0.1", 53),
            v4("224.0.0.251", 5353),
            unix("/run/systemd/resolve/io.systemd.Resolve"),
            unix("/var/run/avahi-daemon/socket"),
        ];
        let (counts, clean) = counted(&lines.concat());
        assert!(!clean);
        assert_eq!((counts.look_ups, counts.elsewhere), (6, 2));
    }

    #[test]
    fn nscd_may_be_asked_about_users_and_not_about_hosts() {
        let asked = |kind: &str| {
            format!(
                "{}7 sendto(3, \"\\2\\0\\0\\0{kind}\\0\\0\\0\", 9, MSG_NOSIGNAL, NULL, 0) = 9\n",
                unix("/var/run/nscd/socket")
            )
        };
        let (counts, clean) = counted(&[asked("\\v"), asked("\\1")].concat());
        assert!(clean, "{counts:?}");
        for kind in ["\\4", "\\r", "\\16", "\\22"] {
            let (counts, clean) = counted(&asked(kind));
            assert!(!clean, "{kind}: {counts:?}");
            assert_eq!(counts.look_ups, 1, "{kind}");
        }
    }

    #[test]
    fn a_ring_is_not_clean_and_a_terminal_is_the_users() {
        let (counts, clean) = counted("7 io_uring_setup(8, {flags=0}) = 4\n");
        assert!(!clean && counts.rings == 1);
        let mut tally = Tally::default();
        let shell = "7 execve(\"/x/node\", [\"node\", \"--type=ptyHost\"], 0x1) = 0\n\
                     7 clone(flags=SIGCHLD) = 8\n8 execve(\"/bin/sh\", [\"sh\"], 0x1) = 0\n";
        tally.add(&format!("{shell}{}", v4("192.0.2.1", 80).replace("7 ", "8 ")));
        assert_eq!(tally.of(TERMINAL).elsewhere, 1);
        assert!(tally.guilty().is_empty());
        assert!(tally.table().contains("terminal"), "{}", tally.table());
    }
}
