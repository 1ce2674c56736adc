//! What a confined program can and can't do, seen from the inside: this test's own program is
//! started again, tries everything, and reports the results.

#![expect(unsafe_code, reason = "std makes no such sockets and calls")]

use std::collections::BTreeMap;
use std::io::{self, Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream, ToSocketAddrs as _, UdpSocket};
use std::os::fd::{AsRawFd as _, FromRawFd as _, OwnedFd};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::process::{Command, Stdio};
use std::time::Duration;

use super::{Confinement, probe};

/// Tells the program inside what to try: addresses, or a call that ends it.
const TASK: &str = "OFFLINE_TEST";
const NOBODY: u32 = 65534;

struct Outside {
    tcp: TcpListener,
    udp: UdpSocket,
    folder: tempfile::TempDir,
    unix: UnixListener,
    /// A connection that is not closed when another program is started.
    leaking: OwnedFd,
}

impl Outside {
    fn new() -> Self {
        let local = (Ipv4Addr::LOCALHOST, 0);
        let tcp = TcpListener::bind(local).unwrap();
        let udp = UdpSocket::bind(local).unwrap();
        udp.set_nonblocking(true).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let unix = UnixListener::bind(folder.path().join("s")).unwrap();
        let stream = TcpStream::connect(tcp.local_addr().unwrap()).unwrap();
        let _ = tcp.accept().unwrap();
        // SAFETY: duplicates a descriptor that is open, and owns the new one.
        let leaking =
            unsafe { OwnedFd::from_raw_fd(libc::fcntl(stream.as_raw_fd(), libc::F_DUPFD, 50)) };
        Self { tcp, udp, folder, unix, leaking }
    }

    fn task(&self) -> String {
        let (tcp, udp) = (self.tcp.local_addr().unwrap(), self.udp.local_addr().unwrap());
        let unix = self.folder.path().join("s");
        format!("{tcp} {udp} {} {}", self.leaking.as_raw_fd(), unix.display())
    }

    fn run(&self, confinement: &Confinement) -> BTreeMap<String, String> {
        let output = start(confinement, &self.task()).output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
        // A line of the test runner may contain a colon as well, which does no harm.
        text.lines()
            .filter_map(|line| line.split_once(": "))
            .map(|(name, how)| (name.to_owned(), how.to_owned()))
            .collect()
    }

    /// Whether anything arrived in a way that should be closed.
    fn was_reached(&self) -> bool {
        self.tcp.set_nonblocking(true).unwrap();
        self.tcp.accept().is_ok() || self.udp.recv(&mut [0; 8]).is_ok()
    }
}

fn start(confinement: &Confinement, task: &str) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "offline::tests::inside", "--nocapture"]);
    command.env(TASK, task).stdin(Stdio::null());
    confinement.apply(&mut command).unwrap();
    command
}

/// The other side of the tests below. Without a task it does nothing.
#[test]
fn inside() {
    let Ok(task) = std::env::var(TASK) else { return };
    if task == "foreign" {
        return foreign_call();
    }
    println!();
    for line in everything(&task) {
        println!("{line}");
    }
    let mut again = Command::new("/bin/sh");
    again.args(["-c", r#""$0" --exact offline::tests::inside --nocapture & wait"#]);
    again.arg(std::env::current_exe().unwrap());
    if std::env::var_os("GRANDCHILD").is_none() {
        again.env("GRANDCHILD", "1").status().unwrap();
    }
}

fn everything(task: &str) -> Vec<String> {
    let words: Vec<&str> = task.splitn(4, ' ').collect();
    let tcp: SocketAddr = words[0].parse().unwrap();
    let udp: SocketAddr = words[1].parse().unwrap();
    let leaked: i32 = words[2].parse().unwrap();
    let second = Duration::from_secs(1);
    let tries: [(&str, io::Result<()>); 15] = [
        ("tcp", TcpStream::connect_timeout(&tcp, second).map(drop)),
        ("udp", UdpSocket::bind("0.0.0.0:0").and_then(|it| it.send_to(b"x", udp)).map(drop)),
        ("elsewhere", TcpStream::connect_timeout(&([192, 0, 2, 1], 80).into(), second).map(drop)),
        ("name", "localcoder.invalid:80".to_socket_addrs().map(drop)),
        ("unix", UnixStream::connect(words[3]).map(drop)),
        ("loopback", talk_to_itself(Ipv4Addr::LOCALHOST.into())),
        ("netlink", call(libc::SYS_socket, [libc::AF_NETLINK, libc::SOCK_RAW])),
        ("pair", UnixStream::pair().map(drop)),
        ("vsock", call(libc::SYS_socket, [libc::AF_VSOCK, libc::SOCK_STREAM])),
        ("packet", call(libc::SYS_socket, [libc::AF_PACKET, libc::SOCK_RAW])),
        ("x32", call(libc::SYS_socket | X32, [libc::AF_INET, libc::SOCK_STREAM])),
        ("ring", call(libc::SYS_io_uring_setup, [0, 0])),
        ("taking", call(libc::SYS_pidfd_getfd, [-1, -1])),
        ("joining", call(libc::SYS_setns, [-1, libc::CLONE_NEWNET])),
        ("leaked", call(libc::SYS_fcntl, [leaked, libc::F_GETFD])),
    ];
    let prefix = if std::env::var_os("GRANDCHILD").is_some() { "grandchild " } else { "" };
    let said = |(name, result): (&str, io::Result<()>)| match result {
        Ok(()) => format!("{prefix}{name}: ok"),
        Err(error) => format!("{prefix}{name}: {error}"),
    };
    tries.into_iter().map(said).collect()
}

fn talk_to_itself(address: std::net::IpAddr) -> io::Result<()> {
    let listener = TcpListener::bind((address, 0))?;
    let mut stream = TcpStream::connect_timeout(&listener.local_addr()?, Duration::from_secs(1))?;
    listener.accept()?.0.write_all(b"x")?;
    stream.read_exact(&mut [0])
}

fn call(number: libc::c_long, [first, second]: [i32; 2]) -> io::Result<()> {
    // SAFETY: these calls take numbers; an address, if a call takes one, is null, which is an
    // error.
    let result = unsafe { libc::syscall(number, first, second, 0) };
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// Creates a socket through the 32-bit ABI, as a 32-bit program does.
fn foreign_call() {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: takes numbers; the register that the compiler reserves is restored.
    unsafe {
        std::arch::asm!(
            "xchg {family:r}, rbx", "int 0x80", "xchg {family:r}, rbx",
            family = inout(reg) i64::from(libc::AF_INET) => _,
            // `socket` has this number there.
            inout("eax") 359 => _, in("ecx") libc::SOCK_STREAM, in("edx") 0,
        );
    }
}

/// Marks a call of x86-64's third ABI. On other machines, and in most kernels, there is no such
/// call.
const X32: libc::c_long = 0x4000_0000;

const FORBIDDEN: &str = "Permission denied (os error 13)";

fn assert_offline(seen: &BTreeMap<String, String>, outside: &Outside) {
    for whose in ["", "grandchild "] {
        let how = |name: &str| seen[&format!("{whose}{name}")].as_str();
        // A datagram has no answer: whether one got out is checked below.
        for closed in ["tcp", "elsewhere", "name"] {
            assert_ne!(how(closed), "ok", "{whose}{closed}");
        }
        for forbidden in ["vsock", "packet", "ring", "taking", "joining"] {
            assert_eq!(how(forbidden), FORBIDDEN, "{whose}{forbidden}");
        }
        for open in ["unix", "netlink", "pair"] {
            assert_eq!(how(open), "ok", "{whose}{open}");
        }
        assert_eq!(how("leaked"), "Bad file descriptor (os error 9)", "{whose}");
    }
    outside.unix.set_nonblocking(true).unwrap();
    assert!(outside.unix.accept().is_ok() && outside.unix.accept().is_ok());
    assert!(!outside.was_reached());
}

/// Whether the kernel allows it here; printed for whoever reads the output.
fn namespace_is_there() -> bool {
    let found = probe();
    println!("what there is here: {found:?}");
    found == Confinement::Namespace
}

#[test]
fn without_confinement_everything_is_reached() {
    let outside = Outside::new();
    let seen = outside.run(&Confinement::None { why: String::new() });
    for open in ["tcp", "udp", "unix", "loopback", "leaked", "grandchild tcp", "grandchild leaked"]
    {
        assert_eq!(seen[open], "ok", "{open}");
    }
    assert!(outside.was_reached());
}

#[test]
fn a_namespace_has_its_own_loopback_and_nothing_else() {
    if !namespace_is_there() {
        return;
    }
    let outside = Outside::new();
    let seen = outside.run(&Confinement::Namespace);
    assert_offline(&seen, &outside);
    assert_eq!(seen["loopback"], "ok");
    assert_eq!(seen["grandchild loopback"], "ok");
    assert_eq!(seen["elsewhere"], "Network is unreachable (os error 101)");
}

/// Every kernel that this is built for has it, so this test is never skipped.
#[test]
fn a_filter_lets_unix_sockets_be_made_only() {
    let outside = Outside::new();
    let seen = outside.run(&Confinement::Filter);
    assert_offline(&seen, &outside);
    for closed in ["tcp", "udp", "elsewhere", "loopback", "grandchild loopback", "x32"] {
        assert_eq!(seen[closed], FORBIDDEN, "{closed}");
    }
}

#[cfg(target_arch = "x86_64")]
#[test]
fn another_architectures_calls_end_the_program() {
    let status = start(&Confinement::Filter, "foreign").stdout(Stdio::null()).status().unwrap();
    // By the filter, or by a kernel without these calls.
    assert!([Some(libc::SIGSYS), Some(libc::SIGSEGV)].contains(&status.signal()), "{status}");
}

#[test]
fn what_a_user_owns_outside_is_its_own_inside() {
    let folder = tempfile::tempdir().unwrap();
    let mut shell = Command::new("/bin/sh");
    shell.args(["-c", "id -u; id -g; echo text > file"]).current_dir(folder.path());
    probe().apply(&mut shell).unwrap();
    let output = shell.output().unwrap();
    let (uid, gid) = (rustix::process::getuid(), rustix::process::getgid());
    assert_eq!(String::from_utf8_lossy(&output.stdout), format!("{uid}\n{gid}\n"));
    assert_eq!(fs_err::read(folder.path().join("file")).unwrap(), b"text\n");
}

/// Has the kernel refuse these calls to the calling thread and its children.
fn refuse(calls: &[libc::c_long]) {
    let rules = calls.iter().map(|call| (*call, Vec::new())).collect();
    let refused = seccompiler::SeccompAction::Errno(libc::EPERM.unsigned_abs());
    let target = std::env::consts::ARCH.try_into().unwrap();
    let allow = seccompiler::SeccompAction::Allow;
    let filter = seccompiler::SeccompFilter::new(rules, allow, refused, target).unwrap();
    let program: seccompiler::BpfProgram = filter.try_into().unwrap();
    seccompiler::apply_filter(&program).unwrap();
}

fn probe_without(calls: &'static [libc::c_long]) -> Confinement {
    let probe = move || {
        refuse(calls);
        probe()
    };
    std::thread::spawn(probe).join().unwrap()
}

#[test]
fn where_there_are_no_namespaces_it_is_the_filter() {
    assert_eq!(probe_without(&[libc::SYS_unshare]), Confinement::Filter);
    // A network whose loopback stays down is not usable either.
    assert_eq!(probe_without(&[libc::SYS_ioctl]), Confinement::Filter);
}

#[test]
fn where_there_is_nothing_it_is_said_why() {
    let found = probe_without(&[libc::SYS_unshare, libc::SYS_seccomp]);
    let told = found.to_string();
    assert!(matches!(found, Confinement::None { .. }), "{told}");
    assert!(told.contains("NOT kept from the network"), "{told}");
    assert!(told.contains("Operation not permitted"), "{told}");
}

#[test]
fn what_can_not_be_confined_any_more_does_not_start() {
    let start = || {
        let mut command = Command::new("/bin/true");
        Confinement::Filter.apply(&mut command).unwrap();
        refuse(&[libc::SYS_seccomp]);
        command.status()
    };
    let error = std::thread::spawn(start).join().unwrap().unwrap_err();
    assert_eq!(error.raw_os_error(), Some(libc::EPERM));
}

/// Runs the tests of this file again as an unprivileged user: for root, the kernel takes another
/// path.
#[test]
fn as_another_user() {
    if !rustix::process::geteuid().is_root() {
        return;
    }
    // The folder of the test's program may be closed to other users.
    let folder = tempfile::tempdir().unwrap();
    fs_err::set_permissions(folder.path(), PermissionsExt::from_mode(0o755)).unwrap();
    let program = folder.path().join("tests");
    // By another process: a program that a concurrent test starts at that moment would inherit the
    // file open for writing, and such a file can't be run.
    let copied = Command::new("cp").arg(std::env::current_exe().unwrap()).arg(&program).status();
    assert!(copied.unwrap().success());
    let mut again = Command::new(program);
    again.args(["offline::tests::", "--nocapture", "--test-threads", "1"]);
    let output = again.uid(NOBODY).gid(NOBODY).current_dir("/").output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    println!("{text}");
    assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
}
