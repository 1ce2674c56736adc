//! Ways out of the worker's sandbox, each tried in a process of its own that has closed itself: all
//! are refused, with both walls and with the filter of system calls alone; what the work needs is not.

#![cfg(target_os = "linux")]
#![expect(unsafe_code, reason = "what is tried are system calls themselves")]

use std::ffi::CString;
use std::io::Write as _;
use std::os::fd::AsRawFd as _;
use std::process::Command;

use localcoder_sandbox::{Walls, close};

/// Says in which way the child closes itself; without it this is no child.
const CHILD: &str = "LOCALCODER_TEST_SANDBOX";

/// Where it may try to write.
const FOLDER: &str = "LOCALCODER_TEST_SANDBOX_FOLDER";

type Way = (&'static str, fn(&Ground) -> i64);

/// What was there before the walls.
struct Ground {
    folder: CString,
    file: CString,
    made: CString,
    parent: i64,
    open: std::fs::File,
}

fn call(number: libc::c_long, arguments: [i64; 6]) -> i64 {
    let [a, b, c, d, e, f] = arguments;
    // SAFETY: the arguments are numbers, or point to what lives as long as the call; the calls are
    // to be refused before they look at any of it.
    unsafe { libc::syscall(number, a, b, c, d, e, f) }
}

fn at(text: &CString) -> i64 {
    text.as_ptr() as i64
}

fn open(ground: &Ground, flags: libc::c_int) -> i64 {
    call(
        libc::SYS_openat,
        [i64::from(libc::AT_FDCWD), at(&ground.file), i64::from(flags), 0o600, 0, 0],
    )
}

fn socket(family: libc::c_int, kind: libc::c_int) -> i64 {
    call(libc::SYS_socket, [i64::from(family), i64::from(kind), 0, 0, 0, 0])
}

const HERE: i64 = libc::AT_FDCWD as i64;

const WAYS: &[Way] = &[
    ("a TCP socket", |_| socket(libc::AF_INET, libc::SOCK_STREAM)),
    ("a UDP socket", |_| socket(libc::AF_INET, libc::SOCK_DGRAM)),
    ("an IPv6 socket", |_| socket(libc::AF_INET6, libc::SOCK_STREAM)),
    ("a Unix socket", |_| socket(libc::AF_UNIX, libc::SOCK_STREAM)),
    ("a netlink socket", |_| socket(libc::AF_NETLINK, libc::SOCK_RAW)),
    ("a vsock socket", |_| socket(libc::AF_VSOCK, libc::SOCK_STREAM)),
    ("a packet socket", |_| socket(libc::AF_PACKET, libc::SOCK_RAW)),
    ("a pair of sockets", |_| {
        let mut pair = [0_i32; 2];
        call(libc::SYS_socketpair, [1, 1, 0, pair.as_mut_ptr() as i64, 0, 0])
    }),
    ("writing a file", |it| open(it, libc::O_WRONLY)),
    ("reading and writing a file", |it| open(it, libc::O_RDWR)),
    ("cutting a file by opening it", |it| open(it, libc::O_RDONLY | libc::O_TRUNC)),
    ("making a file by opening it", |it| {
        call(libc::SYS_openat, [HERE, at(&it.made), i64::from(libc::O_CREAT), 0o600, 0, 0])
    }),
    ("an unnamed file", |it| {
        let flags = i64::from(libc::O_TMPFILE | libc::O_RDWR);
        call(libc::SYS_openat, [HERE, at(&it.folder), flags, 0o600, 0, 0])
    }),
    ("openat2", |it| {
        let how = [0_u64; 3];
        call(libc::SYS_openat2, [HERE, at(&it.file), how.as_ptr() as i64, 24, 0, 0])
    }),
    ("truncate", |it| call(libc::SYS_truncate, [at(&it.file), 0, 0, 0, 0, 0])),
    ("unlink", |it| call(libc::SYS_unlinkat, [HERE, at(&it.file), 0, 0, 0, 0])),
    ("rename", |it| call(libc::SYS_renameat2, [HERE, at(&it.file), HERE, at(&it.made), 0, 0])),
    ("mkdir", |it| call(libc::SYS_mkdirat, [HERE, at(&it.made), 0o700, 0, 0, 0])),
    ("link", |it| call(libc::SYS_linkat, [HERE, at(&it.file), HERE, at(&it.made), 0, 0])),
    ("symlink", |it| call(libc::SYS_symlinkat, [at(&it.file), HERE, at(&it.made), 0, 0, 0])),
    ("mknod", |it| call(libc::SYS_mknodat, [HERE, at(&it.made), 0o10600, 0, 0, 0])),
    ("chmod", |it| call(libc::SYS_fchmodat, [HERE, at(&it.file), 0o777, 0, 0, 0])),
    ("chmod of what is open", |it| {
        call(libc::SYS_fchmod, [i64::from(it.open.as_raw_fd()), 0o777, 0, 0, 0, 0])
    }),
    ("another program", |_| {
        let program = CString::new("/bin/true").expect("no NUL");
        let arguments = [program.as_ptr(), std::ptr::null()];
        call(libc::SYS_execve, [at(&program), arguments.as_ptr() as i64, 0, 0, 0, 0])
    }),
    ("a program out of memory", |_| {
        let name = CString::new("x").expect("no NUL");
        call(libc::SYS_memfd_create, [at(&name), 0, 0, 0, 0, 0])
    }),
    ("a process", |_| call(libc::SYS_clone, [i64::from(libc::SIGCHLD), 0, 0, 0, 0, 0])),
    ("a process by clone3", |_| {
        let arguments = [0_u64; 11];
        call(libc::SYS_clone3, [arguments.as_ptr() as i64, 88, 0, 0, 0, 0])
    }),
    ("ptrace of the parent", |it| {
        call(libc::SYS_ptrace, [i64::from(libc::PTRACE_ATTACH), it.parent, 0, 0, 0, 0])
    }),
    ("reading the parent's memory", |it| {
        call(libc::SYS_process_vm_readv, [it.parent, 0, 0, 0, 0, 0])
    }),
    ("a handle of the parent", |it| call(libc::SYS_pidfd_open, [it.parent, 0, 0, 0, 0, 0])),
    ("a signal to the parent", |it| call(libc::SYS_kill, [it.parent, 0, 0, 0, 0, 0])),
    ("a signal to a thread of the parent", |it| {
        call(libc::SYS_tgkill, [it.parent, it.parent, 0, 0, 0, 0])
    }),
    ("the parent's limits", |it| {
        let mut limits = [0_u64; 2];
        call(libc::SYS_prlimit64, [it.parent, 0, 0, limits.as_mut_ptr() as i64, 0, 0])
    }),
    ("io_uring", |_| {
        let mut parameters = [0_u8; 120];
        call(libc::SYS_io_uring_setup, [1, parameters.as_mut_ptr() as i64, 0, 0, 0, 0])
    }),
    ("userfaultfd", |_| call(libc::SYS_userfaultfd, [1, 0, 0, 0, 0, 0])),
    ("bpf", |_| call(libc::SYS_bpf, [0, 0, 0, 0, 0, 0])),
    ("perf", |_| call(libc::SYS_perf_event_open, [0, 0, 0, 0, 0, 0])),
    ("the keyring", |_| call(libc::SYS_keyctl, [0, -3, 1, 0, 0, 0])),
    ("mount", |it| call(libc::SYS_mount, [0, at(&it.folder), 0, 0, 0, 0])),
    ("chroot", |it| call(libc::SYS_chroot, [at(&it.folder), 0, 0, 0, 0, 0])),
    ("other namespaces", |_| {
        call(libc::SYS_unshare, [i64::from(libc::CLONE_NEWUSER), 0, 0, 0, 0, 0])
    }),
    ("typing into the terminal", |_| {
        let letter = b'x';
        call(libc::SYS_ioctl, [0, libc::TIOCSTI as i64, &raw const letter as i64, 0, 0, 0])
    }),
    ("shared memory by a key", |_| call(libc::SYS_shmget, [0, 4096, 0o1600, 0, 0, 0])),
    ("watching files", |_| call(libc::SYS_inotify_init1, [0, 0, 0, 0, 0, 0])),
];

/// Runs in the child only: closes itself, tries all, and says what got through.
#[test]
fn child() {
    let Some(walls) = std::env::var_os(CHILD) else { return };
    let walls = if walls == "calls" { Walls::Calls } else { Walls::All };
    let folder = std::path::PathBuf::from(std::env::var_os(FOLDER).expect("the parent says it"));
    let path = folder.join("file");
    std::fs::write(&path, "as it was").expect("written before the walls");
    let text = |path: &std::path::Path| CString::new(path.to_str().expect("text")).expect("no NUL");
    let ground = Ground {
        folder: text(&folder),
        file: text(&path),
        made: text(&path.with_extension("made")),
        parent: i64::from(std::os::unix::process::parent_id()),
        open: std::fs::File::open(&path).expect("it was written"),
    };
    let confined = close(walls);
    let mut said = format!("closed {} {}\n", confined.calls, confined.files);
    for (name, way) in WAYS {
        let result = way(&ground);
        let error = std::io::Error::last_os_error().raw_os_error().unwrap_or(0);
        let refused = result == -1 && [libc::EPERM, libc::EACCES, libc::ENOSYS].contains(&error);
        if !refused {
            said.push_str(&format!("out {name}: {result}, error {error}\n"));
        }
        // A child that was made after all must not go on as this one.
        if *name == "a process" && result == 0 {
            end();
        }
    }
    let reads = std::fs::read_to_string(&path).is_ok_and(|text| text == "as it was");
    let threads = std::thread::spawn(|| 7).join().is_ok_and(|it| it == 7);
    said.push_str(&format!("works {reads} {threads}\n"));
    let _ = std::io::stderr().write_all(said.as_bytes());
    end();
}

/// The harness would go on to write a report.
fn end() -> ! {
    // SAFETY: takes a number and does not return.
    unsafe { libc::_exit(0) }
}

fn tried(walls: &str) -> String {
    let this = std::env::current_exe().expect("it runs");
    let folder = tempfile::tempdir().expect("a folder");
    let output = Command::new(this)
        .args(["child", "--exact", "--nocapture"])
        .env(CHILD, walls)
        .env(FOLDER, folder.path())
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
    for walls in ["all", "calls"] {
        let said = tried(walls);
        assert!(said.contains("closed true"), "the filter can't be had here: {said}");
        assert!(!said.contains("out "), "with {walls}:\n{said}");
        assert!(said.contains("works true true"), "with {walls}:\n{said}");
    }
}
