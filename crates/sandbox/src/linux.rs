//! Linux has two walls: a filter of system calls (seccomp), which knows what is called and not on
//! which file, and rules on files (Landlock), which know files and not every call. Either refuses
//! writing by itself, so that a kernel without Landlock, or a fault in one, leaves the other.

use std::collections::BTreeMap;
use std::io;

use landlock::{
    ABI, Access as _, AccessFs, CompatLevel, Compatible as _, PathBeneath, PathFd, Ruleset,
    RulesetAttr as _, RulesetCreatedAttr as _, RulesetStatus, Scope,
};
use localcoder_protocol::Confined;
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter,
    SeccompRule,
};

use crate::Walls;

/// What the rules on files are asked for; an older kernel has a part of it.
const ABI_WANTED: ABI = ABI::V6;

/// Calls that nothing here needs, by what they would be good for.
const REFUSED: &[&[libc::c_long]] = &[NETWORK, PROGRAMS, OTHERS, KERNEL, FILES];

/// Sockets of any family. The protocol's descriptors are pipes, which are read and written.
const NETWORK: &[libc::c_long] = &[
    libc::SYS_socket,
    libc::SYS_socketpair,
    libc::SYS_connect,
    libc::SYS_bind,
    libc::SYS_listen,
    libc::SYS_accept,
    libc::SYS_accept4,
    libc::SYS_sendto,
    libc::SYS_sendmsg,
    libc::SYS_sendmmsg,
    libc::SYS_recvfrom,
    libc::SYS_recvmsg,
    libc::SYS_recvmmsg,
];

/// Other programs, also out of memory.
const PROGRAMS: &[libc::c_long] =
    &[libc::SYS_execve, libc::SYS_execveat, libc::SYS_memfd_create, libc::SYS_memfd_secret];

/// Other processes: to look into them, to take their descriptors, to signal them.
const OTHERS: &[libc::c_long] = &[
    libc::SYS_ptrace,
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
    libc::SYS_process_madvise,
    libc::SYS_pidfd_open,
    libc::SYS_pidfd_getfd,
    libc::SYS_pidfd_send_signal,
    libc::SYS_kcmp,
    libc::SYS_kill,
    libc::SYS_tkill,
    libc::SYS_rt_sigqueueinfo,
    libc::SYS_rt_tgsigqueueinfo,
    libc::SYS_migrate_pages,
    libc::SYS_move_pages,
];

/// Parts of the kernel that are large, seldom used, and where its faults were.
const KERNEL: &[libc::c_long] = &[
    libc::SYS_io_uring_setup,
    libc::SYS_io_uring_enter,
    libc::SYS_io_uring_register,
    libc::SYS_userfaultfd,
    libc::SYS_bpf,
    libc::SYS_perf_event_open,
    libc::SYS_keyctl,
    libc::SYS_add_key,
    libc::SYS_request_key,
    libc::SYS_mount,
    libc::SYS_umount2,
    libc::SYS_pivot_root,
    libc::SYS_chroot,
    libc::SYS_unshare,
    libc::SYS_setns,
    libc::SYS_open_tree,
    libc::SYS_move_mount,
    libc::SYS_fsopen,
    libc::SYS_fsconfig,
    libc::SYS_fsmount,
    libc::SYS_fspick,
    libc::SYS_mount_setattr,
    libc::SYS_init_module,
    libc::SYS_finit_module,
    libc::SYS_delete_module,
    libc::SYS_kexec_load,
    libc::SYS_reboot,
    libc::SYS_swapon,
    libc::SYS_swapoff,
    libc::SYS_sethostname,
    libc::SYS_setdomainname,
    libc::SYS_quotactl,
    libc::SYS_acct,
    libc::SYS_syslog,
    libc::SYS_personality,
    libc::SYS_name_to_handle_at,
    libc::SYS_open_by_handle_at,
    libc::SYS_fanotify_init,
    libc::SYS_inotify_init1,
    libc::SYS_mq_open,
    libc::SYS_shmget,
    libc::SYS_semget,
    libc::SYS_msgget,
];

/// Changes of the tree of files by name. Writing to a descriptor that was given stays.
const FILES: &[libc::c_long] = &[
    libc::SYS_renameat,
    libc::SYS_renameat2,
    libc::SYS_unlinkat,
    libc::SYS_mkdirat,
    libc::SYS_mknodat,
    libc::SYS_linkat,
    libc::SYS_symlinkat,
    libc::SYS_fchmod,
    libc::SYS_fchmodat,
    libc::SYS_fchown,
    libc::SYS_fchownat,
    libc::SYS_truncate,
    libc::SYS_setxattr,
    libc::SYS_lsetxattr,
    libc::SYS_fsetxattr,
    libc::SYS_removexattr,
    libc::SYS_lremovexattr,
    libc::SYS_fremovexattr,
    libc::SYS_utimensat,
];

/// The same by the names that only x86-64 has besides.
#[cfg(target_arch = "x86_64")]
const OLD: &[libc::c_long] = &[
    libc::SYS_fork,
    libc::SYS_vfork,
    libc::SYS_creat,
    libc::SYS_rename,
    libc::SYS_unlink,
    libc::SYS_rmdir,
    libc::SYS_mkdir,
    libc::SYS_mknod,
    libc::SYS_link,
    libc::SYS_symlink,
    libc::SYS_chmod,
    libc::SYS_chown,
    libc::SYS_lchown,
    libc::SYS_utime,
    libc::SYS_utimes,
    libc::SYS_futimesat,
    libc::SYS_inotify_init,
    libc::SYS_iopl,
    libc::SYS_ioperm,
    libc::SYS_kexec_file_load,
];
#[cfg(not(target_arch = "x86_64"))]
const OLD: &[libc::c_long] = &[];

/// Newer forms of calls whose arguments stand in memory, where a filter can't see them. Told to be
/// missing, at which the C library takes the older form.
const MISSING: &[libc::c_long] = &[libc::SYS_clone3, libc::SYS_openat2];

/// The same calls by x86-64's third ABI, which the filter can't tell by the architecture.
#[cfg(target_arch = "x86_64")]
const ABIS: &[libc::c_long] = &[0, 0x4000_0000];
#[cfg(not(target_arch = "x86_64"))]
const ABIS: &[libc::c_long] = &[0];

/// Puts typed text into a terminal, as if the user had typed it.
const TERMINAL: &[u64] = &[libc::TIOCSTI, libc::TIOCLINUX];

/// Drivers of GPUs open their devices to write, and keep compiled programs on the disk.
const HAS_DRIVERS: bool = cfg!(feature = "drivers");

pub(super) fn close(walls: Walls) -> Confined {
    let files = match walls {
        Walls::All => close_files(),
        Walls::Calls => Err(io::Error::other("they were not asked for")),
    };
    let calls = close_calls().and_then(|()| tried());
    let mut why = Vec::new();
    if let Err(error) = &calls {
        why.push(format!("system calls can't be filtered ({error})"));
    }
    if let Err(error) = &files {
        why.push(format!("there are no rules on files ({error})"));
    }
    Confined {
        calls: calls.is_ok(),
        files: files.is_ok(),
        why: (!why.is_empty()).then(|| why.join(", and ")),
    }
}

/// Whether the filter holds: what it refuses is tried, in ways that change nothing where it does not.
fn tried() -> io::Result<()> {
    let socket = rustix::net::socket(
        rustix::net::AddressFamily::UNIX,
        rustix::net::SocketType::STREAM,
        None,
    );
    let opened = std::fs::File::options().write(true).open("/dev/null");
    match (socket.is_err(), opened.is_err() || HAS_DRIVERS) {
        (true, true) => Ok(()),
        _ => Err(io::Error::other("it was set and does not hold")),
    }
}

fn close_calls() -> io::Result<()> {
    for filter in [refusing()?, missing()?] {
        seccompiler::apply_filter(&filter).map_err(|error| match error {
            seccompiler::Error::Prctl(error) | seccompiler::Error::Seccomp(error) => error,
            _ => io::ErrorKind::InvalidInput.into(),
        })?;
    }
    Ok(())
}

type Rules = BTreeMap<libc::c_long, Vec<SeccompRule>>;

fn refusing() -> io::Result<BpfProgram> {
    let mut rules = Rules::new();
    for abi in ABIS {
        let whole = REFUSED.iter().copied().flatten().chain(OLD);
        rules.extend(whole.map(|call| (call | abi, Vec::new())));
        if HAS_DRIVERS {
            for call in FILES.iter().chain([&libc::SYS_memfd_create]) {
                rules.remove(&(call | abi));
            }
        } else {
            rules.insert(libc::SYS_openat | abi, writing(2)?);
            #[cfg(target_arch = "x86_64")]
            rules.insert(libc::SYS_open | abi, writing(1)?);
        }
        // A thread shares this process; anything else is another one.
        let thread = u64::try_from(libc::CLONE_THREAD).unwrap_or_default();
        rules.insert(libc::SYS_clone | abi, vec![masked(0, thread, 0)?]);
        // What ends this process, and nothing else.
        let own = u64::from(std::process::id());
        rules.insert(libc::SYS_tgkill | abi, vec![compared(0, SeccompCmpOp::Ne, own)?]);
        // Of itself, as the C library asks for them: 0 means oneself.
        rules.insert(libc::SYS_prlimit64 | abi, vec![compared(0, SeccompCmpOp::Ne, 0)?]);
        let terminal = TERMINAL.iter().map(|&request| compared(1, SeccompCmpOp::Eq, request));
        rules.insert(libc::SYS_ioctl | abi, terminal.collect::<io::Result<_>>()?);
    }
    program(rules, libc::EPERM)
}

fn missing() -> io::Result<BpfProgram> {
    let calls = ABIS.iter().flat_map(|abi| MISSING.iter().map(move |call| call | abi));
    program(calls.map(|call| (call, Vec::new())).collect(), libc::ENOSYS)
}

/// Opening in any way but to read, by the flags at this argument.
fn writing(argument: u8) -> io::Result<Vec<SeccompRule>> {
    let flag = |flag: libc::c_int| u64::from(flag.unsigned_abs());
    let mode = flag(libc::O_ACCMODE);
    [
        (mode, flag(libc::O_WRONLY)),
        (mode, flag(libc::O_RDWR)),
        (mode, mode),
        (flag(libc::O_CREAT), flag(libc::O_CREAT)),
        (flag(libc::O_TRUNC), flag(libc::O_TRUNC)),
    ]
    .into_iter()
    .map(|(mask, value)| masked(argument, mask, value))
    .collect()
}

fn masked(argument: u8, mask: u64, value: u64) -> io::Result<SeccompRule> {
    compared(argument, SeccompCmpOp::MaskedEq(mask), value)
}

/// A rule on the lower half of an argument, which is all that the kernel looks at in these.
fn compared(argument: u8, operator: SeccompCmpOp, value: u64) -> io::Result<SeccompRule> {
    let condition = SeccompCondition::new(argument, SeccompCmpArgLen::Dword, operator, value);
    SeccompRule::new(vec![condition.map_err(other)?]).map_err(other)
}

fn program(rules: Rules, error: libc::c_int) -> io::Result<BpfProgram> {
    let refused = SeccompAction::Errno(error.unsigned_abs());
    let target = std::env::consts::ARCH.try_into().map_err(other)?;
    SeccompFilter::new(rules, SeccompAction::Allow, refused, target)
        .and_then(TryInto::try_into)
        .map_err(other)
}

#[expect(clippy::needless_pass_by_value, reason = "it is what `map_err` gives")]
fn other(error: seccompiler::BackendError) -> io::Error {
    io::Error::other(error.to_string())
}

/// Reading stays everywhere, since the model may lie anywhere; writing, making, removing and running
/// go, and signals to other processes with them.
fn close_files() -> io::Result<()> {
    let wrong = |error: landlock::RulesetError| io::Error::other(error.to_string());
    let reading = AccessFs::ReadFile | AccessFs::ReadDir;
    let root = PathFd::new("/").map_err(|error| io::Error::other(error.to_string()))?;
    let status = Ruleset::default()
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(AccessFs::from_all(ABI_WANTED))
        .and_then(|rules| rules.scope(Scope::from_all(ABI_WANTED)))
        .and_then(Ruleset::create)
        .and_then(|rules| rules.add_rule(PathBeneath::new(root, reading)))
        .and_then(landlock::RulesetCreated::restrict_self)
        .map_err(wrong)?;
    match status.ruleset {
        RulesetStatus::NotEnforced => Err(io::Error::other("the kernel has none")),
        RulesetStatus::PartiallyEnforced | RulesetStatus::FullyEnforced => Ok(()),
    }
}
