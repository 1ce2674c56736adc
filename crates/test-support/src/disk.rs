//! A disk of a few megabytes that can be full or read-only, in a namespace of its own, so that
//! tests do not need to run as root. Only for Linux, on systems that allow users to create
//! namespaces.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};

#[derive(Debug)]
pub struct Disk {
    /// A shell in the namespace; it runs the commands that it gets.
    shell: Child,
    said: BufReader<ChildStdout>,
    /// Where it is mounted, which is visible only in the namespace.
    _place: tempfile::TempDir,
    mounted: String,
    path: PathBuf,
}

impl Disk {
    /// A disk with these options of `tmpfs`, such as `size=4m`; `None` if this system does not
    /// allow users to create one.
    ///
    /// # Panics
    /// If no temporary folder can be created.
    #[must_use]
    pub fn new(options: &str) -> Option<Self> {
        let place = tempfile::tempdir().expect("a temporary folder");
        let mounted = place.path().to_str()?.to_owned();
        let mut shell = Command::new("unshare")
            .args(["--user", "--map-root-user", "--mount", "sh"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .ok()?;
        let said = BufReader::new(shell.stdout.take()?);
        // The mount exists only in the shell's namespace; the test reaches it through the shell's
        // root, which the kernel shows under /proc.
        let path = PathBuf::from(format!("/proc/{}/root{mounted}", shell.id()));
        let mut disk = Self { shell, said, _place: place, mounted, path };
        let mount = format!("mount -t tmpfs -o {options} tmpfs '{}'", disk.mounted);
        disk.order(&mount).then_some(disk)
    }

    /// Its path as seen from outside the namespace.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Its path as seen by a program that [`Self::starting`] starts.
    #[must_use]
    pub fn mounted(&self) -> &Path {
        Path::new(&self.mounted)
    }

    /// A command that starts a program in its namespace. A program that has confined itself can't
    /// use [`Self::path`], which leads through another process.
    #[must_use]
    pub fn starting(&self, program: &Path) -> Command {
        let mut command = Command::new("nsenter");
        command
            .args(["--user", "--preserve-credentials", "--mount", "--target"])
            .arg(self.shell.id().to_string())
            .arg(program);
        command
    }

    /// Makes it read-only, or writable again.
    ///
    /// # Panics
    /// If the system refuses.
    pub fn set_read_only(&mut self, read_only: bool) {
        let how = if read_only { "ro" } else { "rw" };
        // All options are given: otherwise `mount` looks up options that an ordinary user can't
        // set.
        let remount = format!("mount -t tmpfs -o remount,{how} tmpfs '{}'", self.mounted);
        assert!(self.order(&remount), "`{remount}`");
    }

    /// A folder on it that shows the content of its folder `lower` and keeps changes elsewhere, as
    /// a container's file system does; `None` if this system does not allow it.
    #[must_use]
    pub fn overlay(&mut self) -> Option<PathBuf> {
        let at = &self.mounted;
        let mount = format!(
            "mkdir '{at}/upper' '{at}/work' '{at}/merged' && mount -t overlay -o \
             'lowerdir={at}/lower,upperdir={at}/upper,workdir={at}/work' overlay '{at}/merged'"
        );
        self.order(&mount).then(|| self.path.join("merged"))
    }

    /// Fills it up except for this many bytes; returns the file that takes the room.
    ///
    /// # Panics
    /// If that file can't be written.
    #[must_use]
    pub fn fill(path: &Path, leave_bytes: u64) -> PathBuf {
        let filler = path.join("filler");
        let stat = rustix::fs::statvfs(path).expect("a disk");
        // What the user may write, which is less than what is free where blocks are reserved.
        let bytes = stat.f_bavail.saturating_mul(stat.f_frsize).saturating_sub(leave_bytes);
        let zeros = vec![0; usize::try_from(bytes).expect("a small disk")];
        std::fs::write(&filler, zeros).expect("it fits");
        filler
    }

    fn order(&mut self, command: &str) -> bool {
        let Some(stdin) = self.shell.stdin.as_mut() else { return false };
        let mut answer = String::new();
        // One line for each command, so that its end is known without ending the shell.
        writeln!(stdin, "{command} && echo done || echo failed").is_ok()
            && self.said.read_line(&mut answer).is_ok()
            && answer.trim() == "done"
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // The namespace goes with its last process, and the mount with the namespace.
        let _ = self.shell.kill();
        let _ = self.shell.wait();
    }
}
