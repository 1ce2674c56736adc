//! Ways out of a sandbox, each tried in a process of its own that has confined itself: everything
//! that its profile does not need is refused, with both walls and with only the filter of system
//! calls; what its work needs is not.

#![cfg(target_os = "linux")]
#![expect(unsafe_code, reason = "what is tried are system calls themselves")]

use std::ffi::CString;
use std::io::Write as _;
use std::os::fd::{AsFd as _, AsRawFd as _};
use std::process::Command;

use localcoder_sandbox::{Profile, Walls, close};

/// How the child confines itself, by profile and walls; without it the process is not a child.
const CHILD: &str = "LOCALCODER_TEST_SANDBOX";

/// Where it may try to write.
const FOLDER: &str = "LOCALCODER_TEST_SANDBOX_FOLDER";

/// A way out: its name, who needs it, and how it is tried.
type Way = (&'static str, &'static [&'static str], fn(&Fixture) -> i64);

const NOBODY: &[&str] = &[];
const HOST: &[&str] = &["host"];
const FETCH: &[&str] = &["fetch"];
const BOTH: &[&str] = &["host", "fetch"];
/// Profiles whose filter allows reading, since file rules refuse it outside of their folders.
const READS: &[&str] = &["host", "called", "fetch calls"];
const BY_FILES: &[&str] = &["host calls", "called calls", "fetch calls"];
const STARTS: &[&str] = &["host", "called"];

/// What is opened and created before the process is confined.
struct Fixture {
    folder: CString,
    file: CString,
    made: CString,
    parent: i64,
    open: std::fs::File,
}

fn call(number: libc::c_long, arguments: [i64; 6]) -> i64 {
    let [a, b, c, d, e, f] = arguments;
    // SAFETY: the arguments are numbers, or point to data that lives as long as the call; the calls
    // should be refused before any of it is read.
    unsafe { libc::syscall(number, a, b, c, d, e, f) }
}

fn at(text: &CString) -> i64 {
    text.as_ptr() as i64
}

fn open(fixture: &Fixture, flags: libc::c_int) -> i64 {
    call(
        libc::SYS_openat,
        [i64::from(libc::AT_FDCWD), at(&fixture.file), i64::from(flags), 0o600, 0, 0],
    )
}

fn socket(family: libc::c_int, kind: libc::c_int) -> i64 {
    call(libc::SYS_socket, [i64::from(family), i64::from(kind), 0, 0, 0, 0])
}

const HERE: i64 = libc::AT_FDCWD as i64;

const WAYS: &[Way] = &[
    ("a TCP socket", FETCH, |_| socket(libc::AF_INET, libc::SOCK_STREAM)),
    ("a UDP socket", FETCH, |_| socket(libc::AF_INET, libc::SOCK_DGRAM)),
    ("an IPv6 socket", FETCH, |_| socket(libc::AF_INET6, libc::SOCK_STREAM)),
    ("a Unix socket", BOTH, |_| socket(libc::AF_UNIX, libc::SOCK_STREAM)),
    ("a netlink socket", FETCH, |_| socket(libc::AF_NETLINK, libc::SOCK_RAW)),
    ("a vsock socket", NOBODY, |_| socket(libc::AF_VSOCK, libc::SOCK_STREAM)),
    ("a packet socket", NOBODY, |_| socket(libc::AF_PACKET, libc::SOCK_RAW)),
    ("a Bluetooth socket", NOBODY, |_| socket(libc::AF_BLUETOOTH, libc::SOCK_RAW)),
    ("a socket of the kernel's ciphers", NOBODY, |_| socket(libc::AF_ALG, libc::SOCK_SEQPACKET)),
    ("taking by a socket that was not given", BOTH, |it| {
        let mut header = [0_u64; 7];
        let socket = i64::from(it.open.as_raw_fd());
        call(libc::SYS_recvmsg, [socket, header.as_mut_ptr() as i64, 0, 0, 0, 0])
    }),
    ("waiting for connections", HOST, |it| {
        call(libc::SYS_listen, [i64::from(it.open.as_raw_fd()), 1, 0, 0, 0, 0])
    }),
    ("reading a file", READS, |it| open(it, libc::O_RDONLY)),
    ("reading another's memory by its file", READS, |it| {
        let path = CString::new(format!("/proc/{}/mem", it.parent)).expect("no NUL");
        call(libc::SYS_openat, [HERE, at(&path), 0, 0, 0, 0])
    }),
    ("a pair of sockets", BOTH, |_| {
        let mut pair = [0_i32; 2];
        call(libc::SYS_socketpair, [1, 1, 0, pair.as_mut_ptr() as i64, 0, 0])
    }),
    ("writing a file", BY_FILES, |it| open(it, libc::O_WRONLY)),
    ("reading and writing a file", BY_FILES, |it| open(it, libc::O_RDWR)),
    ("cutting a file by opening it", BY_FILES, |it| open(it, libc::O_RDONLY | libc::O_TRUNC)),
    ("making a file by opening it", BY_FILES, |it| {
        call(libc::SYS_openat, [HERE, at(&it.made), i64::from(libc::O_CREAT), 0o600, 0, 0])
    }),
    ("an unnamed file", BY_FILES, |it| {
        let flags = i64::from(libc::O_TMPFILE | libc::O_RDWR);
        call(libc::SYS_openat, [HERE, at(&it.folder), flags, 0o600, 0, 0])
    }),
    ("openat2", NOBODY, |it| {
        let how = [0_u64; 3];
        call(libc::SYS_openat2, [HERE, at(&it.file), how.as_ptr() as i64, 24, 0, 0])
    }),
    ("truncate", BY_FILES, |it| call(libc::SYS_truncate, [at(&it.file), 0, 0, 0, 0, 0])),
    ("unlink", BY_FILES, |it| call(libc::SYS_unlinkat, [HERE, at(&it.file), 0, 0, 0, 0])),
    ("rename", BY_FILES, |it| {
        call(libc::SYS_renameat2, [HERE, at(&it.file), HERE, at(&it.made), 0, 0])
    }),
    ("mkdir", BY_FILES, |it| call(libc::SYS_mkdirat, [HERE, at(&it.made), 0o700, 0, 0, 0])),
    ("link", BY_FILES, |it| call(libc::SYS_linkat, [HERE, at(&it.file), HERE, at(&it.made), 0, 0])),
    ("symlink", BY_FILES, |it| {
        call(libc::SYS_symlinkat, [at(&it.file), HERE, at(&it.made), 0, 0, 0])
    }),
    ("mknod", BY_FILES, |it| call(libc::SYS_mknodat, [HERE, at(&it.made), 0o10600, 0, 0, 0])),
    ("chmod", BOTH, |it| call(libc::SYS_fchmodat, [HERE, at(&it.file), 0o777, 0, 0, 0])),
    ("chmod of what is open", BOTH, |it| {
        call(libc::SYS_fchmod, [i64::from(it.open.as_raw_fd()), 0o777, 0, 0, 0, 0])
    }),
    ("another program", STARTS, |_| {
        let program = CString::new("/bin/true").expect("no NUL");
        let arguments = [program.as_ptr(), std::ptr::null()];
        call(libc::SYS_execve, [at(&program), arguments.as_ptr() as i64, 0, 0, 0, 0])
    }),
    ("a program out of memory", HOST, |_| {
        let name = CString::new("x").expect("no NUL");
        call(libc::SYS_memfd_create, [at(&name), 0, 0, 0, 0, 0])
    }),
    ("a process", HOST, |_| call(libc::SYS_clone, [i64::from(libc::SIGCHLD), 0, 0, 0, 0, 0])),
    ("a process by clone3", NOBODY, |_| {
        let arguments = [0_u64; 11];
        call(libc::SYS_clone3, [arguments.as_ptr() as i64, 88, 0, 0, 0, 0])
    }),
    ("ptrace of the parent", NOBODY, |it| {
        call(libc::SYS_ptrace, [i64::from(libc::PTRACE_ATTACH), it.parent, 0, 0, 0, 0])
    }),
    ("reading the parent's memory", NOBODY, |it| {
        call(libc::SYS_process_vm_readv, [it.parent, 0, 0, 0, 0, 0])
    }),
    ("a handle of the parent", HOST, |it| call(libc::SYS_pidfd_open, [it.parent, 0, 0, 0, 0, 0])),
    ("a signal to the parent", HOST, |it| call(libc::SYS_kill, [it.parent, 0, 0, 0, 0, 0])),
    ("a signal to a thread of the parent", HOST, |it| {
        call(libc::SYS_tgkill, [it.parent, it.parent, 0, 0, 0, 0])
    }),
    ("the parent's limits", NOBODY, |it| {
        let mut limits = [0_u64; 2];
        call(libc::SYS_prlimit64, [it.parent, 0, 0, limits.as_mut_ptr() as i64, 0, 0])
    }),
    ("io_uring", NOBODY, |_| {
        let mut parameters = [0_u8; 120];
        call(libc::SYS_io_uring_setup, [1, parameters.as_mut_ptr() as i64, 0, 0, 0, 0])
    }),
    ("userfaultfd", NOBODY, |_| call(libc::SYS_userfaultfd, [1, 0, 0, 0, 0, 0])),
    ("bpf", NOBODY, |_| call(libc::SYS_bpf, [0, 0, 0, 0, 0, 0])),
    ("perf", NOBODY, |_| call(libc::SYS_perf_event_open, [0, 0, 0, 0, 0, 0])),
    ("the keyring", NOBODY, |_| call(libc::SYS_keyctl, [0, -3, 1, 0, 0, 0])),
    ("mount", NOBODY, |it| call(libc::SYS_mount, [0, at(&it.folder), 0, 0, 0, 0])),
    ("chroot", NOBODY, |it| call(libc::SYS_chroot, [at(&it.folder), 0, 0, 0, 0, 0])),
    ("other namespaces", NOBODY, |_| {
        call(libc::SYS_unshare, [i64::from(libc::CLONE_NEWUSER), 0, 0, 0, 0, 0])
    }),
    ("typing into the terminal", NOBODY, |_| {
        let letter = b'x';
        call(libc::SYS_ioctl, [0, libc::TIOCSTI as i64, &raw const letter as i64, 0, 0, 0])
    }),
    ("shared memory by a key", NOBODY, |_| call(libc::SYS_shmget, [0, 4096, 0o1600, 0, 0, 0])),
    ("watching files", NOBODY, |_| call(libc::SYS_inotify_init1, [0, 0, 0, 0, 0, 0])),
];

/// Runs in the child only: it confines itself, tries everything, and prints what got through.
#[test]
fn child() {
    let Some(asked) = std::env::var(CHILD).ok() else { return };
    let (profile, walls) = asked.split_once(' ').expect("a profile and walls");
    let (gives, takes) = std::os::unix::net::UnixDatagram::pair().expect("sockets");
    gives.send(b"x").expect("there is room");
    let profile = match profile {
        "worker" => Profile::Worker { files_from: Some(takes.as_fd()) },
        "host" => Profile::Host { writes: &[] },
        "called" => Profile::Called { writes: &[] },
        _ => Profile::Fetch { writes: &[], reads: &[] },
    };
    let walls = if walls == "calls" { Walls::Calls } else { Walls::All };
    let folder = std::path::PathBuf::from(std::env::var_os(FOLDER).expect("the parent says it"));
    let path = folder.join("file");
    std::fs::write(&path, "as it was").expect("written before the walls");
    let text = |path: &std::path::Path| CString::new(path.to_str().expect("text")).expect("no NUL");
    let fixture = Fixture {
        folder: text(&folder),
        file: text(&path),
        made: text(&path.with_extension("made")),
        parent: i64::from(std::os::unix::process::parent_id()),
        open: std::fs::File::open(&path).expect("it was written"),
    };
    let confined = close(&profile, walls);
    let mut said = format!("closed {} {} {:?}\n", confined.calls, confined.files, confined.why);
    let of_all = asked.split(' ').next().unwrap_or_default();
    for (name, needed_by, way) in WAYS {
        if needed_by.contains(&of_all) || needed_by.contains(&asked.as_str()) {
            continue;
        }
        let result = way(&fixture);
        let error = std::io::Error::last_os_error().raw_os_error().unwrap_or(0);
        let refused = result == -1 && [libc::EPERM, libc::EACCES, libc::ENOSYS].contains(&error);
        if !refused {
            said.push_str(&format!("out {name}: {result}, error {error}\n"));
        }
        // A child that was created after all must not continue as this process.
        if *name == "a process" && result == 0 {
            end();
        }
    }
    let mut text = [0; 9];
    let reads = std::os::unix::fs::FileExt::read_exact_at(&fixture.open, &mut text, 0).is_ok()
        && &text == b"as it was";
    let takes = taken(takes.as_raw_fd()) == 1;
    let threads = std::thread::spawn(|| 7).join().is_ok_and(|it| it == 7);
    said.push_str(&format!("works {reads} {takes} {threads}\n"));
    let _ = std::io::stderr().write_all(said.as_bytes());
    end();
}

/// The number of bytes that arrived through a socket.
fn taken(socket: i32) -> i64 {
    let mut byte = 0_u8;
    let mut part = [&raw mut byte as u64, 1];
    let mut header = [0_u64; 7];
    header[2..4].copy_from_slice(&[part.as_mut_ptr() as u64, 1]);
    call(libc::SYS_recvmsg, [i64::from(socket), header.as_mut_ptr() as i64, 0, 0, 0, 0])
}

/// Ends at once: the harness would continue and write a report.
fn end() -> ! {
    // SAFETY: takes a number and does not return.
    unsafe { libc::_exit(0) }
}

fn tried(how: &str) -> String {
    let this = std::env::current_exe().expect("it runs");
    // The host may write among the temporary files, so these are elsewhere.
    let [folder, temporary] = [(); 2].map(|()| tempfile::tempdir().expect("a folder"));
    let output = Command::new(this)
        .args(["child", "--exact", "--nocapture"])
        .env(CHILD, how)
        .env(FOLDER, folder.path())
        .env("TMPDIR", temporary.path())
        .output()
        .expect("it starts");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{said}");
    let left = std::fs::read_dir(folder.path()).expect("it is there").count();
    assert_eq!(left, 1, "nothing was made: {said}");
    said
}

#[test]
fn no_way_leads_out_and_the_work_goes_on() {
    assert!(WAYS.len() >= 30);
    let mut files = Vec::new();
    for profile in ["worker", "host", "called", "fetch"] {
        for walls in ["all", "calls"] {
            let how = format!("{profile} {walls}");
            let said = tried(&how);
            assert!(said.contains("closed true"), "the filter can't be had here: {said}");
            if walls == "all" {
                files.push(said.contains("closed true true"));
            }
            assert!(!said.contains("out "), "{how}:\n{said}");
            // What is called gets nothing from anyone.
            let takes = profile != "called";
            assert!(said.contains(&format!("works true {takes} true")), "{how}:\n{said}");
        }
    }
    // This kernel has file rules for all of them or for none.
    assert!(files.iter().all(|it| *it == files[0]), "{files:?}");
}
