//! One line of strace: which process did what, and which address it used. Parses only the calls
//! that the stories trace (`e2e/support/trace.mjs`); what they mean is decided in `count.rs`.
//!
//! Texts between quotation marks are data that programs have sent, so names of address families
//! only count outside of them.

use std::net::IpAddr;

/// How many bytes of sent data are read: a request to nscd says in eight what it is about.
const SENT_BYTES_MAX: usize = 8;

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Call {
    /// It connected, or sent something with an address.
    Addressed {
        descriptor: u32,
        /// A `sendmmsg` has several.
        targets: Vec<Target>,
        /// Whether the kernel answered that there is no route to it.
        unreachable: bool,
    },
    Sent {
        descriptor: u32,
        /// At most [`SENT_BYTES_MAX`] bytes of the data; empty if the trace shows none.
        begin: Vec<u8>,
    },
    /// It has executed another program: path and arguments.
    Became(Vec<String>),
    Made(u32),
    /// It has a ring, through which it can make calls that the trace does not show.
    Ring,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Target {
    /// `@NAME` is one without a file; empty is one without a name.
    Unix(String),
    Host(IpAddr, u16),
    /// The kernel itself (netlink), or disconnecting a socket.
    Kernel,
    /// An unknown address, as it is in the trace.
    Other(String),
}

/// Parses a line; `None` if it is not relevant, such as a call that failed to start a program.
/// Calls that block are on two lines, the second of which begins with `<...`: where arguments
/// count, the first is read, and where the result does, the second.
pub(super) fn read(line: &str) -> Option<(u32, Call)> {
    let (pid, rest) = line.split_once(char::is_whitespace)?;
    let (pid, rest) = (pid.parse().ok()?, rest.trim_start());
    let (name, arguments) = match rest.strip_prefix("<... ") {
        // The arguments are on an earlier line.
        Some(rest) => (rest.split_once(" resumed")?.0, None),
        None => rest.split_once('(').map(|(name, rest)| (name, Some(rest)))?,
    };
    let result = result(rest);
    let call = match (name, arguments) {
        ("connect" | "sendto" | "sendmsg" | "sendmmsg", Some(arguments)) => sent(name, arguments)?,
        // An `execve` that is unfinished may still fail; taken as done, at worst the name is wrong
        // for a failed one.
        ("execve", Some(arguments)) if result.is_none_or(|result| result == "0") => {
            Call::Became(words(arguments))
        }
        ("clone" | "clone3" | "fork" | "vfork", _) => Call::Made(result?.parse().ok()?),
        ("io_uring_setup", _) => {
            // Only a descriptor: a refused ring can't be used.
            result?.parse::<u32>().ok()?;
            Call::Ring
        }
        _ => return None,
    };
    Some((pid, call))
}

fn sent(name: &str, arguments: &str) -> Option<Call> {
    let descriptor = arguments.split([',', ')']).next()?.trim().parse().ok()?;
    let unreachable = arguments.contains(" = -1 ENETUNREACH ");
    // A call that has addresses is judged by them alone; without any, by what it is.
    let targets = targets(arguments);
    if !targets.is_empty() {
        return Some(Call::Addressed { descriptor, targets, unreachable });
    }
    if name == "connect" {
        // An address that strace could not decode.
        let other = Target::Other(arguments.chars().take(80).collect());
        return Some(Call::Addressed { descriptor, targets: vec![other], unreachable });
    }
    // Sent on a socket that was connected before, so the address is on another line.
    let begin = arguments.split_once('"').map(|(_, text)| unescaped(text)).unwrap_or_default();
    Some(Call::Sent { descriptor, begin })
}

/// All addresses of a call. Quoted texts are skipped with their escapes, or a program could hide an
/// address by sending text that looks like one, or pass for one.
fn targets(arguments: &str) -> Vec<Target> {
    let mark = "sa_family=";
    let mut found = Vec::new();
    let mut outside = true;
    let mut bytes = arguments.bytes().enumerate();
    while let Some((at, byte)) = bytes.next() {
        match byte {
            // The byte after a backslash may be a quotation mark that does not end the text.
            b'\\' if !outside => drop(bytes.next()),
            b'"' => outside = !outside,
            b's' if outside && arguments[at..].starts_with(mark) => {
                found.push(target(&arguments[at + mark.len()..]));
            }
            _ => {}
        }
    }
    found
}

/// An address from its family on. Whatever is not understood is `Other`, which counts as another
/// machine: a new notation must not make a trace look clean.
fn target(text: &str) -> Target {
    let family = text.split([',', '}']).next().unwrap_or_default();
    let address = text.split('}').next().unwrap_or_default();
    let other = || Target::Other(address.chars().take(80).collect());
    let after = |mark: &str| address.split_once(mark).map(|(_, rest)| rest);
    match family {
        "AF_UNSPEC" | "AF_NETLINK" => Target::Kernel,
        "AF_UNIX" | "AF_LOCAL" => match after("sun_path=") {
            Some(path) => Target::Unix(unix_name(path)),
            // A socket without a name.
            None => Target::Unix(String::new()),
        },
        "AF_INET" | "AF_INET6" => {
            let ip = ["inet_addr(\"", "inet_pton(AF_INET6, \""]
                .iter()
                .find_map(|mark| after(mark)?.split_once('"').and_then(|(ip, _)| ip.parse().ok()));
            let port = after("port=htons(").and_then(|rest| rest.split_once(')')?.0.parse().ok());
            match (ip, port) {
                (Some(ip), Some(port)) => Target::Host(ip, port),
                _ => other(),
            }
        }
        _ => other(),
    }
}

fn unix_name(text: &str) -> String {
    let (sign, text) = text.strip_prefix('@').map_or(("", text), |text| ("@", text));
    let name = text.trim_start_matches('"').split('"').next().unwrap_or_default();
    format!("{sign}{name}")
}

/// Path and arguments of a program; escapes stay as they are, since only parts of the words are
/// looked for.
fn words(arguments: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut rest = arguments;
    while let Some((_, text)) = rest.split_once('"') {
        let mut end = 0;
        let bytes = text.as_bytes();
        while end < bytes.len() && bytes[end] != b'"' {
            end += if bytes[end] == b'\\' { 2 } else { 1 };
        }
        // An escape may be cut off at the end of the line.
        let end = end.min(text.len());
        words.push(text.get(..end).unwrap_or_default().to_owned());
        rest = text.get(end + 1..).unwrap_or_default();
        // The environment follows, which strace prints as an address or as words.
        if rest.starts_with(']') || rest.starts_with("...]") {
            break;
        }
    }
    words
}

fn result(rest: &str) -> Option<&str> {
    if rest.ends_with("<unfinished ...>") {
        return None;
    }
    rest.rsplit_once(" = ")?.1.split_whitespace().next()
}

fn unescaped(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rest = text.bytes().peekable();
    while let Some(byte) = rest.next() {
        if byte == b'"' || bytes.len() == SENT_BYTES_MAX {
            break;
        }
        if byte != b'\\' {
            bytes.push(byte);
            continue;
        }
        let Some(sign) = rest.next() else { break };
        let mut value = match sign {
            b'n' => b'\n',
            b't' => b'\t',
            b'v' => 0x0b,
            b'f' => 0x0c,
            b'r' => b'\r',
            b'0'..=b'7' => sign - b'0',
            other => other,
        };
        if sign.is_ascii_digit() {
            // Up to three octal digits.
            for _ in 0..2 {
                let Some(digit) = rest.next_if(|digit| (b'0'..=b'7').contains(digit)) else {
                    break;
                };
                // `\777` would be more than a byte; strace never writes it.
                value = value.wrapping_mul(8).wrapping_add(digit - b'0');
            }
        }
        bytes.push(value);
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn addressed(line: &str) -> Vec<Target> {
        match read(line) {
            Some((_, Call::Addressed { targets, .. })) => targets,
            other => panic!("{line}: {other:?}"),
        }
    }

    fn host(ip: &str, port: u16) -> Vec<Target> {
        vec![Target::Host(ip.parse().unwrap(), port)]
    }

    #[test]
    fn addresses_of_all_families_are_read() {
        let v4 = r#"7 connect(3, {sa_family=AF_INET, sin_port=htons(53), sin_addr=inet_addr("10.0.0.1")}, 16) = 0"#;
        assert_eq!(addressed(v4), host("10.0.0.1", 53));
        let v6 = r#"7  connect(3, {sa_family=AF_INET6, sin6_port=htons(443), sin6_flowinfo=htonl(0), inet_pton(AF_INET6, "2001:db8::1", &sin6_addr), sin6_scope_id=0}, 28) = -1 ENETUNREACH (Network is unreachable)"#;
        assert_eq!(addressed(v6), host("2001:db8::1", 443));
        let unix =
            r#"7 connect(5, {sa_family=AF_UNIX, sun_path="/run/x.sock"}, 110 <unfinished ...>"#;
        assert_eq!(addressed(unix), [Target::Unix("/run/x.sock".into())]);
        let nameless =
            r#"7 connect(5, {sa_family=AF_UNIX, sun_path=@"/tmp/.X11-unix/X1"}, 20) = 0"#;
        assert_eq!(addressed(nameless), [Target::Unix("@/tmp/.X11-unix/X1".into())]);
        let kernel = "7 connect(16, {sa_family=AF_NETLINK, nl_pid=0, nl_groups=00000000}, 12) = 0";
        assert_eq!(addressed(kernel), [Target::Kernel]);
        let vsock = "7 connect(16, {sa_family=AF_VSOCK, svm_cid=0x2, svm_port=0x16}, 16) = 0";
        assert!(matches!(addressed(vsock)[..], [Target::Other(_)]));
        let unread = "7 connect(16, 0x7ffd1234, 16) = -1 EFAULT (Bad address)";
        assert!(matches!(addressed(unread)[..], [Target::Other(_)]));
    }

    #[test]
    fn datagrams_without_a_connection_are_seen() {
        let one = r#"7 sendto(3, "x", 1, 0, {sa_family=AF_INET, sin_port=htons(9), sin_addr=inet_addr("192.0.2.1")}, 16) = 1"#;
        assert_eq!(addressed(one), host("192.0.2.1", 9));
        let message = r#"7 sendmsg(3, {msg_name={sa_family=AF_INET, sin_port=htons(53), sin_addr=inet_addr("127.0.0.53")}, msg_namelen=16, msg_iov=[{iov_base="\252\1", iov_len=2}], msg_iovlen=1, msg_controllen=0, msg_flags=0}, 0) = 2"#;
        assert_eq!(addressed(message), host("127.0.0.53", 53));
        let many = r#"7 sendmmsg(3, [{msg_hdr={msg_name={sa_family=AF_INET, sin_port=htons(1), sin_addr=inet_addr("1.1.1.1")}}}, {msg_hdr={msg_name={sa_family=AF_INET, sin_port=htons(2), sin_addr=inet_addr("127.0.0.1")}}}], 2, 0) = 2"#;
        assert_eq!(addressed(many).len(), 2);
    }

    #[test]
    fn what_is_sent_can_not_pass_for_an_address_nor_hide_one() {
        let says = r#"7 sendto(3, "{sa_family=AF_INET, sin_port=htons(53), sin_addr=inet_addr(\"8.8.8.8\")}", 9, 0, NULL, 0) = 9"#;
        assert!(matches!(read(says), Some((7, Call::Sent { descriptor: 3, .. }))));
        let hides = r#"7 sendto(3, "\" \\", 3, 0, {sa_family=AF_INET, sin_port=htons(80), sin_addr=inet_addr("8.8.8.8")}, 16) = 3"#;
        assert_eq!(addressed(hides), host("8.8.8.8", 80));
        let asks = r#"7 sendto(3, "\2\0\0\0\16\0\0\0\f\0\0\0example.com\0", 24, MSG_NOSIGNAL, NULL, 0) = 24"#;
        let Some((_, Call::Sent { begin, .. })) = read(asks) else { panic!() };
        assert_eq!(begin, [2, 0, 0, 0, 14, 0, 0, 0]);
    }

    #[test]
    fn processes_are_followed() {
        let became = r#"7 execve("/usr/bin/node", ["node", "a \"b\"", "--type=extensionHost"], 0x7ff /* 9 vars */) = 0"#;
        let Some((_, Call::Became(words))) = read(became) else { panic!() };
        assert_eq!(words, ["/usr/bin/node", "node", r#"a \"b\""#, "--type=extensionHost"]);
        let failed = r#"7 execve("/bin/no", ["no"], 0x7ff /* 9 vars */) = -1 ENOENT (No such file or directory)"#;
        assert_eq!(read(failed), None);
        assert_eq!(
            read("7 clone(child_stack=NULL, flags=SIGCHLD) = 12"),
            Some((7, Call::Made(12)))
        );
        let later = "8 <... clone3 resumed> => {parent_tid=[13]}, 88) = 13";
        assert_eq!(read(later), Some((8, Call::Made(13))));
        assert_eq!(read("8 <... vfork resumed>)  = 14"), Some((8, Call::Made(14))));
        assert_eq!(read("8 +++ exited with 0 +++"), None);
    }

    #[test]
    fn a_ring_counts_where_there_is_one() {
        assert_eq!(read("7 io_uring_setup(256, {flags=0}) = 4"), Some((7, Call::Ring)));
        let refused =
            "7 io_uring_setup(256, 0x7ff) = -1 ENOSYS (Function not implemented) (INJECTED)";
        assert_eq!(read(refused), None);
    }
}
