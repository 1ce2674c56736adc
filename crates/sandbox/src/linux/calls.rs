//! The filter of system calls (seccomp): what each program is refused, as data.

use std::collections::BTreeMap;
use std::io;
use std::os::fd::AsRawFd as _;

use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter,
    SeccompRule,
};

use super::HAS_DRIVERS;
use crate::Profile;

/// Sockets of any family. The protocol runs over pipes, which only need reading and writing.
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

const PROGRAMS: &[libc::c_long] = &[libc::SYS_execve];

/// Starting other programs through a descriptor, and from memory: a file that never had a name
/// passes by every rule on files.
const HIDDEN_PROGRAMS: &[libc::c_long] =
    &[libc::SYS_execveat, libc::SYS_memfd_create, libc::SYS_memfd_secret];

/// Ending other processes, and related calls. `tgkill` is not among them: it is how a process
/// aborts, and is refused by its argument in [`in_part`].
const SIGNALS: &[libc::c_long] = &[
    libc::SYS_pidfd_open,
    libc::SYS_pidfd_send_signal,
    libc::SYS_kill,
    libc::SYS_tkill,
    libc::SYS_rt_sigqueueinfo,
    libc::SYS_rt_tgsigqueueinfo,
];

/// Looking into other processes, and taking their descriptors.
const OTHERS: &[libc::c_long] = &[
    libc::SYS_ptrace,
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
    libc::SYS_process_madvise,
    libc::SYS_pidfd_getfd,
    libc::SYS_kcmp,
    libc::SYS_migrate_pages,
    libc::SYS_move_pages,
];

/// Parts of the kernel that are large, seldom used, and often had vulnerabilities. `io_uring` is
/// the most important of them: a ring opens files and sockets without a call that this filter sees.
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

/// Changes to the file tree by name. Writing to an open descriptor stays allowed.
const FILES: &[libc::c_long] = &[
    libc::SYS_renameat,
    libc::SYS_renameat2,
    libc::SYS_unlinkat,
    libc::SYS_mkdirat,
    libc::SYS_mknodat,
    libc::SYS_linkat,
    libc::SYS_symlinkat,
    libc::SYS_truncate,
];

/// Changes to what the system keeps of a file besides its content, which file rules don't cover:
/// without this, a program could open the user's files to others even where it may not write them.
const ATTRIBUTES: &[libc::c_long] = &[
    libc::SYS_fchmod,
    libc::SYS_fchmodat,
    libc::SYS_fchown,
    libc::SYS_fchownat,
    libc::SYS_setxattr,
    libc::SYS_lsetxattr,
    libc::SYS_fsetxattr,
    libc::SYS_removexattr,
    libc::SYS_lremovexattr,
    libc::SYS_fremovexattr,
    libc::SYS_utimensat,
];

/// The calls of [`FILES`] under names that only x86-64 has.
#[cfg(target_arch = "x86_64")]
const OLD_FILES: &[libc::c_long] = &[
    libc::SYS_creat,
    libc::SYS_rename,
    libc::SYS_unlink,
    libc::SYS_rmdir,
    libc::SYS_mkdir,
    libc::SYS_mknod,
    libc::SYS_link,
    libc::SYS_symlink,
];
#[cfg(not(target_arch = "x86_64"))]
const OLD_FILES: &[libc::c_long] = &[];

#[cfg(target_arch = "x86_64")]
const OLD_ATTRIBUTES: &[libc::c_long] = &[
    libc::SYS_chmod,
    libc::SYS_chown,
    libc::SYS_lchown,
    libc::SYS_utime,
    libc::SYS_utimes,
    libc::SYS_futimesat,
];
#[cfg(not(target_arch = "x86_64"))]
const OLD_ATTRIBUTES: &[libc::c_long] = &[];

/// Creating processes that are not threads of this one, under names that only x86-64 has.
#[cfg(target_arch = "x86_64")]
const OLD_PROCESSES: &[libc::c_long] = &[libc::SYS_fork, libc::SYS_vfork];
#[cfg(not(target_arch = "x86_64"))]
const OLD_PROCESSES: &[libc::c_long] = &[];

#[cfg(target_arch = "x86_64")]
const OLD_KERNEL: &[libc::c_long] =
    &[libc::SYS_inotify_init, libc::SYS_iopl, libc::SYS_ioperm, libc::SYS_kexec_file_load];
#[cfg(not(target_arch = "x86_64"))]
const OLD_KERNEL: &[libc::c_long] = &[];

/// Newer calls whose arguments are in memory, where a filter can't see them. They are reported as
/// missing (ENOSYS) and not as forbidden, so that the C library uses the older call, whose flags
/// are in registers; on EPERM it would give up, and no thread could be started.
const MISSING: &[libc::c_long] = &[libc::SYS_clone3, libc::SYS_openat2];

/// The same calls in x86-64's third ABI, which the filter can't tell apart by the architecture.
#[cfg(target_arch = "x86_64")]
const ABIS: &[libc::c_long] = &[0, 0x4000_0000];
#[cfg(not(target_arch = "x86_64"))]
const ABIS: &[libc::c_long] = &[0];

#[cfg(target_arch = "x86_64")]
const OPENING: &[libc::c_long] = &[libc::SYS_openat, libc::SYS_open];
#[cfg(not(target_arch = "x86_64"))]
const OPENING: &[libc::c_long] = &[libc::SYS_openat];

/// Inserts text into a terminal's input, as if the user had typed it.
const TERMINAL: &[u64] = &[libc::TIOCSTI, libc::TIOCLINUX];

/// Waiting for connections; a program that only connects does not do this.
const SERVING: &[libc::c_long] = &[libc::SYS_listen, libc::SYS_accept, libc::SYS_accept4];

/// Each of these would give a process another view of the system. The host may start processes, but
/// not such ones.
const NAMESPACES: &[libc::c_int] = &[
    libc::CLONE_NEWUSER,
    libc::CLONE_NEWNS,
    libc::CLONE_NEWNET,
    libc::CLONE_NEWPID,
    libc::CLONE_NEWIPC,
    libc::CLONE_NEWUTS,
    libc::CLONE_NEWCGROUP,
];

/// Socket families for resolving names and connecting: nscd and systemd are asked through Unix
/// sockets, and the C library asks the kernel for this machine's addresses through netlink.
const CONNECTING: &[libc::c_int] =
    &[libc::AF_INET, libc::AF_INET6, libc::AF_UNIX, libc::AF_NETLINK];

/// Sets two filters, because one filter has one error for everything that it refuses: EPERM for
/// what is forbidden and ENOSYS for what is to look missing. The kernel applies both.
pub(super) fn close(profile: &Profile<'_>) -> io::Result<()> {
    // `apply_filter` first renounces new privileges, without which only root may set a filter.
    for filter in [refusing(profile)?, missing()?] {
        seccompiler::apply_filter(&filter).map_err(|error| match error {
            seccompiler::Error::Prctl(error) | seccompiler::Error::Seccomp(error) => error,
            _ => io::ErrorKind::InvalidInput.into(),
        })?;
    }
    Ok(())
}

/// Calls that a profile is refused entirely, whatever their arguments. A call that is also in
/// [`in_part`] gets the rule from there.
fn whole(profile: &Profile<'_>) -> Vec<&'static [libc::c_long]> {
    let all = [OTHERS, KERNEL, OLD_KERNEL];
    let more: &[&[libc::c_long]] = match profile {
        Profile::Worker { .. } if HAS_DRIVERS => {
            &[NETWORK, PROGRAMS, &[libc::SYS_execveat], SIGNALS, OLD_PROCESSES]
        }
        Profile::Worker { .. } => &[
            NETWORK,
            PROGRAMS,
            HIDDEN_PROGRAMS,
            SIGNALS,
            FILES,
            OLD_FILES,
            ATTRIBUTES,
            OLD_ATTRIBUTES,
            OLD_PROCESSES,
            OPENING,
        ],
        // Of `HIDDEN_PROGRAMS`, GPU drivers in its worker may need memory files.
        Profile::Host { .. } => &[&[libc::SYS_execveat]],
        // The program that is to run is started once it is closed.
        Profile::Called { .. } => {
            &[NETWORK, HIDDEN_PROGRAMS, SIGNALS, ATTRIBUTES, OLD_ATTRIBUTES, OLD_PROCESSES]
        }
        Profile::Fetch { .. } => &[SERVING, PROGRAMS, HIDDEN_PROGRAMS, SIGNALS, OLD_PROCESSES],
    };
    all.into_iter().chain(more.iter().copied()).collect()
}

type Rules = BTreeMap<libc::c_long, Vec<SeccompRule>>;

/// Calls that a profile is refused with some arguments only. It runs after [`whole`] and replaces
/// entries of it: a worker is refused `recvmsg` except on the one socket through which it gets
/// files. Each rule says when a call is refused.
fn in_part(profile: &Profile<'_>, rules: &mut Rules, abi: libc::c_long) -> io::Result<()> {
    // A thread shares this process; anything else is a new one.
    let thread = vec![masked(0, value(libc::CLONE_THREAD), 0)?];
    match profile {
        Profile::Worker { files_from } => {
            if let Some(files_from) = files_from {
                let number = value(files_from.as_raw_fd());
                let rule = vec![compared(0, SeccompCmpOp::Ne, number)?];
                // A descriptor's number can be given to another file later, but a worker can't
                // create a socket to put there.
                rules.insert(libc::SYS_recvmsg | abi, rule);
            }
            rules.insert(libc::SYS_clone | abi, thread);
        }
        Profile::Called { .. } => {
            rules.insert(libc::SYS_clone | abi, thread);
        }
        Profile::Host { .. } => {
            for call in [libc::SYS_socket, libc::SYS_socketpair] {
                rules.insert(call | abi, vec![none_of(&[libc::AF_UNIX])?]);
            }
            // One rule for each flag: any of them is enough to be refused.
            let spaces = NAMESPACES.iter().map(|&flag| masked(0, value(flag), value(flag)));
            rules.insert(libc::SYS_clone | abi, spaces.collect::<io::Result<_>>()?);
        }
        Profile::Fetch { .. } => {
            for call in [libc::SYS_socket, libc::SYS_socketpair] {
                rules.insert(call | abi, vec![none_of(CONNECTING)?]);
            }
            rules.insert(libc::SYS_clone | abi, thread);
        }
    }
    if !matches!(profile, Profile::Host { .. }) {
        // A process may signal itself, as it does to abort, and no other process.
        let own = u64::from(std::process::id());
        rules.insert(libc::SYS_tgkill | abi, vec![compared(0, SeccompCmpOp::Ne, own)?]);
    }
    // For the process itself, as the C library calls it: 0 means the caller.
    rules.insert(libc::SYS_prlimit64 | abi, vec![compared(0, SeccompCmpOp::Ne, 0)?]);
    let terminal = TERMINAL.iter().map(|&request| compared(1, SeccompCmpOp::Eq, request));
    rules.insert(libc::SYS_ioctl | abi, terminal.collect::<io::Result<_>>()?);
    Ok(())
}

fn refusing(profile: &Profile<'_>) -> io::Result<BpfProgram> {
    let mut rules = Rules::new();
    for abi in ABIS {
        let whole = whole(profile);
        let whole = whole.into_iter().flatten();
        rules.extend(whole.map(|call| (call | abi, Vec::new())));
        in_part(profile, &mut rules, *abi)?;
    }
    program(rules, libc::EPERM)
}

fn missing() -> io::Result<BpfProgram> {
    let calls = ABIS.iter().flat_map(|abi| MISSING.iter().map(move |call| call | abi));
    program(calls.map(|call| (call, Vec::new())).collect(), libc::ENOSYS)
}

fn value(flag: libc::c_int) -> u64 {
    u64::from(flag.unsigned_abs())
}

/// A rule that matches if the first argument is none of these: the conditions of one rule must all
/// hold.
fn none_of(values: &[libc::c_int]) -> io::Result<SeccompRule> {
    let conditions = values.iter().map(|&it| condition(0, SeccompCmpOp::Ne, value(it)));
    SeccompRule::new(conditions.collect::<io::Result<_>>()?).map_err(other)
}

fn masked(argument: u8, mask: u64, value: u64) -> io::Result<SeccompRule> {
    compared(argument, SeccompCmpOp::MaskedEq(mask), value)
}

fn compared(argument: u8, operator: SeccompCmpOp, value: u64) -> io::Result<SeccompRule> {
    SeccompRule::new(vec![condition(argument, operator, value)?]).map_err(other)
}

/// A condition on the lower half of an argument: the kernel ignores the rest in these calls.
fn condition(argument: u8, operator: SeccompCmpOp, value: u64) -> io::Result<SeccompCondition> {
    SeccompCondition::new(argument, SeccompCmpArgLen::Dword, operator, value).map_err(other)
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
