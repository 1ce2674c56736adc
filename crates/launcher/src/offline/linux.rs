//! The two methods on Linux, and how they are tried: a network namespace, and a seccomp filter.
//! Called by the parent module; nothing here decides which program is confined.
//!
//! What runs between fork and exec may not allocate or take a lock, since another thread may have
//! held the allocator's lock when the process was forked. So everything that it needs is prepared
//! before.

use std::collections::BTreeMap;
use std::ffi::{CStr, c_int};
use std::io;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};

use localcoder_transport::descriptors;
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter,
    SeccompRule,
};

use super::Confinement;

/// Socket families that stay allowed with a namespace: they are confined by it, or are Unix
/// sockets. The others, above all `AF_VSOCK`, which reaches the host of a virtual machine, are the
/// same in every namespace.
const IN_NAMESPACE: &[c_int] = &[libc::AF_UNIX, libc::AF_NETLINK, libc::AF_INET, libc::AF_INET6];
/// Those that stay allowed without one. Netlink only talks to the kernel; Node.js uses it to list
/// the machine's addresses.
const IN_FILTER: &[c_int] = &[libc::AF_UNIX, libc::AF_NETLINK];

const MAKING: &[libc::c_long] = &[libc::SYS_socket, libc::SYS_socketpair];
/// Calls that get a socket, or do what the filter forbids, without those calls: a ring creates and
/// uses sockets with no further system call; a descriptor can be taken from another process; and a
/// privileged program (root) could return to the machine's own network.
const ROUND: &[libc::c_long] = &[libc::SYS_io_uring_setup, libc::SYS_pidfd_getfd, libc::SYS_setns];

/// The same calls by x86-64's third ABI, which the filter can't tell apart by the architecture. A
/// kernel without it has no call of this number.
#[cfg(target_arch = "x86_64")]
const OTHER_ABIS: &[libc::c_long] = &[0, 0x4000_0000];
#[cfg(not(target_arch = "x86_64"))]
const OTHER_ABIS: &[libc::c_long] = &[0];

#[derive(Debug)]
struct Prepared {
    namespace: bool,
    filter: BpfProgram,
    /// Maps of the user namespace, in which the user is the same as outside.
    uid_map: String,
    gid_map: String,
}

impl Prepared {
    /// Everything that allocates happens here, in the parent; `confine` runs in the child.
    fn new(confinement: &Confinement) -> io::Result<Self> {
        let namespace = *confinement == Confinement::Namespace;
        let (uid, gid) = (rustix::process::geteuid(), rustix::process::getegid());
        Ok(Self {
            namespace,
            filter: filter(if namespace { IN_NAMESPACE } else { IN_FILTER })?,
            uid_map: format!("{uid} {uid} 1\n"),
            gid_map: format!("{gid} {gid} 1\n"),
        })
    }

    /// Confines the calling process. Async-signal-safe. The filter comes last, since it can't be
    /// lifted again and the steps before it make sockets and enter namespaces.
    fn confine(&self) -> io::Result<()> {
        // A descriptor could be a connection.
        descriptors::close_on_exec();
        if self.namespace {
            self.enter_namespace()?;
            raise_loopback()?;
        }
        // It first renounces new privileges, without which only root may set a filter. None of this
        // allocates: on success nothing is needed, and an error is a number.
        seccompiler::apply_filter(&self.filter).map_err(|error| match error {
            seccompiler::Error::Prctl(error) | seccompiler::Error::Seccomp(error) => error,
            _ => io::ErrorKind::InvalidInput.into(),
        })
    }

    /// Directly if root; else within a user namespace, whose owner may create one.
    fn enter_namespace(&self) -> io::Result<()> {
        // Without a user namespace first: root would lose its rights on files of other users in
        // one, which maps a single user.
        match unshare(libc::CLONE_NEWNET) {
            Err(error) if error.raw_os_error() == Some(libc::EPERM) => {}
            result => return result,
        }
        unshare(libc::CLONE_NEWUSER | libc::CLONE_NEWNET)?;
        // Without this the kernel accepts no group map from an unprivileged user. The user's other
        // groups keep their access to files.
        write_to(c"/proc/self/setgroups", b"deny")?;
        write_to(c"/proc/self/uid_map", self.uid_map.as_bytes())?;
        write_to(c"/proc/self/gid_map", self.gid_map.as_bytes())
    }
}

/// Lets sockets of these families be created and no others, by any call; everything else is
/// allowed, since it is about the network alone. Refused calls fail with EACCES, which programs
/// report as lack of permission. Calls of another architecture, which have other numbers, end the
/// program: 32-bit programs don't run.
fn filter(families: &[c_int]) -> io::Result<BpfProgram> {
    let other = |error: seccompiler::BackendError| io::Error::other(error.to_string());
    let differs = |family: &c_int| {
        // The kernel, too, only looks at the lower half of the argument.
        let (index, length) = (0, SeccompCmpArgLen::Dword);
        SeccompCondition::new(index, length, SeccompCmpOp::Ne, u64::from(family.unsigned_abs()))
    };
    let all = families.iter().map(differs).collect::<Result<Vec<_>, _>>().map_err(other)?;
    let rule = SeccompRule::new(all).map_err(other)?;
    let mut rules = BTreeMap::new();
    for abi in OTHER_ABIS {
        rules.extend(MAKING.iter().map(|call| (call | abi, vec![rule.clone()])));
        rules.extend(ROUND.iter().map(|call| (call | abi, Vec::new())));
    }
    let forbidden = SeccompAction::Errno(libc::EACCES.unsigned_abs());
    let target = std::env::consts::ARCH.try_into().map_err(other)?;
    SeccompFilter::new(rules, SeccompAction::Allow, forbidden, target)
        .and_then(TryInto::try_into)
        .map_err(other)
}

pub(super) fn apply(confinement: &Confinement, command: &mut Command) -> io::Result<()> {
    let prepared = Prepared::new(confinement)?;
    before_exec(command, move || prepared.confine());
    Ok(())
}

/// `what` must be async-signal-safe.
#[expect(unsafe_code, reason = "std calls what it is given between fork and exec")]
fn before_exec(command: &mut Command, what: impl Fn() -> io::Result<()> + Send + Sync + 'static) {
    // SAFETY: both callers pass `Prepared::confine` and system calls, which neither allocate nor
    // take a lock.
    unsafe { command.pre_exec(what) };
}

pub(super) fn probe() -> Confinement {
    let mut why = Vec::new();
    for (confinement, what) in [
        (Confinement::Namespace, "a network of its own"),
        (Confinement::Filter, "a filter of system calls"),
    ] {
        match attempt(&confinement) {
            Ok(()) => return confinement,
            Err(error) => why.push(format!("{what} can't be had ({error})")),
        }
    }
    Confinement::None { why: why.join(", and ") }
}

/// Confines a child and has it check whether that holds: a container's own filter may ignore or
/// refuse any of it, and a call that succeeds proves nothing. The child never becomes another
/// program; `/` can't be executed, in case it tries.
fn attempt(confinement: &Confinement) -> io::Result<()> {
    let prepared = Prepared::new(confinement)?;
    let mut child = Command::new("/");
    child.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    before_exec(&mut child, move || {
        prepared.confine()?;
        holds(prepared.namespace)?;
        end()
    });
    // An error from the closure arrives here with its number.
    let status = child.spawn()?.wait()?;
    if status.success() { Ok(()) } else { Err(io::Error::other(format!("the trial: {status}"))) }
}

/// Whether the calling process is confined, with a working loopback if it has a namespace.
/// Async-signal-safe.
fn holds(namespace: bool) -> io::Result<()> {
    let broken = || io::Error::from_raw_os_error(libc::ENOTRECOVERABLE);
    let forbidden = |family| match socket(family) {
        Err(error) if error.raw_os_error() == Some(libc::EACCES) => Ok(()),
        _ => Err(broken()),
    };
    // Must fail with the filter's own error: a kernel without this family refuses it, too, with
    // another one.
    forbidden(libc::AF_VSOCK)?;
    drop(socket(libc::AF_UNIX)?);
    if !namespace {
        return forbidden(libc::AF_INET);
    }
    // Nothing is sent: for datagrams, connecting only looks up the route. The first is an address
    // that RFC 5737 reserves for examples.
    if connect([192, 0, 2, 1]).is_ok() {
        return Err(broken());
    }
    connect([127, 0, 0, 1])
}

#[expect(unsafe_code, reason = "std has no call for it")]
fn unshare(flags: c_int) -> io::Result<()> {
    // SAFETY: it affects only this process, which has one thread between fork and exec.
    number(unsafe { libc::unshare(flags) }).map(drop)
}

#[derive(Debug)]
struct Socket(c_int);

impl Drop for Socket {
    #[expect(unsafe_code, reason = "the descriptor was made by a call that std does not have")]
    fn drop(&mut self) {
        // SAFETY: the descriptor is owned here alone.
        unsafe { libc::close(self.0) };
    }
}

#[expect(unsafe_code, reason = "std makes no socket that is not bound or connected")]
fn socket(family: c_int) -> io::Result<Socket> {
    // SAFETY: takes numbers and touches no memory.
    number(unsafe { libc::socket(family, libc::SOCK_DGRAM | libc::SOCK_CLOEXEC, 0) }).map(Socket)
}

#[expect(unsafe_code, reason = "std binds before it connects")]
fn connect(address: [u8; 4]) -> io::Result<()> {
    let socket = socket(libc::AF_INET)?;
    let address = libc::sockaddr_in {
        sin_family: libc::AF_INET as libc::sa_family_t,
        // The discard port. Nothing is sent there.
        sin_port: 9_u16.to_be(),
        sin_addr: libc::in_addr { s_addr: u32::from_ne_bytes(address) },
        sin_zero: [0; 8],
    };
    let size = size_of::<libc::sockaddr_in>() as libc::socklen_t;
    // SAFETY: the address is read, and lives as long as the call.
    number(unsafe { libc::connect(socket.0, (&raw const address).cast(), size) }).map(drop)
}

/// Brings up loopback: in a new namespace it is down, and debuggers could not be reached on it.
#[expect(unsafe_code, reason = "std has no call for it")]
fn raise_loopback() -> io::Result<()> {
    let socket = socket(libc::AF_INET)?;
    // SAFETY: the structure is plain data, for which zeros are valid.
    let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
    for (to, from) in request.ifr_name.iter_mut().zip(b"lo") {
        *to = from.cast_signed() as libc::c_char;
    }
    // SAFETY: both calls get a structure of the type that they expect, which lives as long as the
    // call; the first has written the flags that are changed.
    unsafe {
        number(libc::ioctl(socket.0, libc::SIOCGIFFLAGS as _, &raw mut request))?;
        request.ifr_ifru.ifru_flags |= libc::IFF_UP as libc::c_short;
        number(libc::ioctl(socket.0, libc::SIOCSIFFLAGS as _, &raw mut request)).map(drop)
    }
}

/// Not with std's file, whose errors may allocate.
#[expect(unsafe_code, reason = "std's own may allocate")]
fn write_to(path: &CStr, bytes: &[u8]) -> io::Result<()> {
    // SAFETY: the path ends with a zero and is only read.
    let file = number(unsafe { libc::open(path.as_ptr(), libc::O_WRONLY | libc::O_CLOEXEC) })?;
    // `Socket` closes any descriptor when dropped.
    let file = Socket(file);
    // SAFETY: exactly as many bytes are read as there are.
    let written = unsafe { libc::write(file.0, bytes.as_ptr().cast(), bytes.len()) };
    if written < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

fn number(result: c_int) -> io::Result<c_int> {
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(result) }
}

#[expect(unsafe_code, reason = "std's exit runs what belongs to the parent")]
fn end() -> ! {
    // SAFETY: takes a number and does not return.
    unsafe { libc::_exit(0) }
}
