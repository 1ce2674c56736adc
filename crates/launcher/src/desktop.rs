//! The window program as a child: sends it commands, turns its lines into events.

use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{ChildStdin, Command as Program, ExitStatus, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use crate::Setup;
use crate::environment::PROXIES;
use crate::error::LauncherError;
use crate::private::restore_umask;
use crate::process::Group;
use crate::window::{Command, Event, LINE_BYTES_MAX};

/// How long windows may take to close: each page is asked first.
const STOP_TIME: Duration = Duration::from_secs(4);

/// How long to wait for the last events of a program that has ended. They are there at once, unless
/// a process that left its group still holds the pipe.
const LAST_EVENTS_TIME: Duration = Duration::from_secs(1);

#[derive(Debug)]
pub(crate) struct Desktop {
    group: Group,
    stdin: Option<ChildStdin>,
}

impl Desktop {
    /// Starts it for the front's origin. `on_event` is called for each event, and `on_end` once
    /// after the last of them, on threads of their own.
    pub(crate) fn start(
        setup: &Setup,
        (origin, proxy): (String, String),
        on_event: impl Fn(Event) + Send + 'static,
        on_end: impl FnOnce(ExitStatus) + Send + 'static,
    ) -> Result<Self, LauncherError> {
        let mut program = Program::new(&setup.desktop);
        program.stdin(Stdio::piped()).stdout(Stdio::piped());
        // WebKit would send even requests to the loopback address to a proxy.
        for name in PROXIES {
            program.env_remove(name);
        }
        for (name, value) in software_rendering() {
            program.env(name, value);
        }
        // It sets a closed umask at once, and opens the user's browser with the one it was started
        // with.
        restore_umask(&mut program);
        let (reading, read_out) = mpsc::channel::<()>();
        let spawned = Group::spawn(
            program,
            move |child| {
                if let Some(stdout) = child.stdout.take() {
                    spawn_reader(stdout, on_event, reading);
                }
                child.stdin.take()
            },
            move |status| {
                // Nothing is ever sent: this returns when the reader drops its end.
                let _ = read_out.recv_timeout(LAST_EVENTS_TIME);
                on_end(status);
            },
        );
        let (group, stdin) = spawned.map_err(|source| LauncherError::NotStarted {
            program: setup.desktop.clone(),
            source,
        })?;
        let mut desktop = Self { group, stdin };
        desktop.send(&Command::Start { data: setup.editor.join("window"), origin, proxy });
        Ok(desktop)
    }

    /// Sends a command. If the program is gone, `on_end` reports that, and not this.
    pub(crate) fn send(&mut self, command: &Command) {
        let Some(stdin) = &mut self.stdin else { return };
        let mut line = serde_json::to_vec(command).expect("plain data is always JSON");
        line.push(b'\n');
        if let Err(error) = stdin.write_all(&line).and_then(|()| stdin.flush()) {
            tracing::debug!(%error, "the window program takes no commands");
            // Not tried again: a line that was cut in the middle would make the next one
            // unreadable.
            self.stdin = None;
        }
    }

    /// Closes the windows and ends the program. Its standard input is closed after the command,
    /// which means the same to it. It is sent a signal only if it ignores both.
    pub(crate) fn stop(mut self) {
        self.send(&Command::Quit);
        drop(self.stdin.take());
        if !self.group.wait(STOP_TIME) {
            self.group.stop(Duration::from_secs(1));
        }
    }
}

/// Reads events until the pipe ends, then drops `reading`: that is how the end of the program,
/// which is noticed elsewhere, waits for its last events. A window that moved just before a crash
/// would otherwise be opened again where it had been before.
fn spawn_reader(
    stdout: impl Read + Send + 'static,
    on_event: impl Fn(Event) + Send + 'static,
    reading: mpsc::Sender<()>,
) {
    let read = move || {
        let _reading = reading;
        let mut reader = BufReader::new(stdout);
        loop {
            let mut line = Vec::new();
            // Of a longer line the rest is read as another one; neither is JSON, so both are passed
            // over below.
            match (&mut reader).take(LINE_BYTES_MAX).read_until(b'\n', &mut line) {
                Ok(0) | Err(_) => return,
                Ok(_) => {}
            }
            match serde_json::from_slice(&line) {
                Ok(event) => on_event(event),
                // A system library may print to the pipe as well; that must not end the windows.
                Err(error) => {
                    tracing::debug!(%error, "a line of the window program is not an event");
                }
            }
        }
    };
    let spawned = std::thread::Builder::new().name("window-events".to_owned()).spawn(read);
    if let Err(error) = spawned {
        tracing::warn!(%error, "the window program's events can't be read");
    }
}

/// Without a GPU that the user may open, WebKitGTK shows an empty window unless it is made to draw
/// in software. The user's own choice is respected.
fn software_rendering() -> impl Iterator<Item = (&'static str, &'static str)> {
    let needed = cfg!(target_os = "linux") && !has_gpu(Path::new("/dev/dri"));
    let variables = [("WEBKIT_DISABLE_DMABUF_RENDERER", "1"), ("LIBGL_ALWAYS_SOFTWARE", "1")];
    variables.into_iter().filter(move |(name, _)| needed && std::env::var_os(name).is_none())
}

/// Whether there is a render node that this user may open. A card without one (`card0` alone) only
/// shows pictures and can't draw.
fn has_gpu(folder: &Path) -> bool {
    let Ok(entries) = std::fs::read_dir(folder) else { return false };
    entries.flatten().any(|entry| {
        entry.file_name().to_string_lossy().starts_with("renderD")
            && std::fs::File::options().read(true).write(true).open(entry.path()).is_ok()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gpu_is_a_render_node_that_can_be_opened() {
        let dir = tempfile::tempdir().unwrap();
        assert!(!has_gpu(&dir.path().join("none")));
        fs_err::write(dir.path().join("card0"), "").unwrap();
        assert!(!has_gpu(dir.path()));
        fs_err::write(dir.path().join("renderD128"), "").unwrap();
        assert!(has_gpu(dir.path()));
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn the_last_events_of_a_program_come_before_its_end() {
        let dir = tempfile::tempdir().unwrap();
        let program = dir.path().join("desktop");
        let events = 500;
        let event = r#"{"event":"loaded","window":1}"#;
        let script = format!("#!/bin/sh\nfor n in $(seq {events}); do echo '{event}'; done");
        // Another process writes the script: if this one did, a program that another test starts at
        // this moment would inherit the file open for writing, and the system would refuse to run
        // it.
        let write = format!("cat > '{0}' && chmod 755 '{0}'", program.display());
        let mut shell = Program::new("/bin/sh");
        let mut shell = shell.args(["-c", &write]).stdin(Stdio::piped()).spawn().unwrap();
        shell.stdin.take().unwrap().write_all(script.as_bytes()).unwrap();
        assert!(shell.wait().unwrap().success());
        let folder = || dir.path().to_owned();
        let setup = Setup {
            editor: folder(),
            runtime: folder(),
            logs: folder(),
            settings: folder(),
            sample: folder(),
            home: None,
            node: folder(),
            server_main: folder(),
            localcoder: folder(),
            desktop: program,
            display: true,
            air_gapped: false,
        };
        let (sender, receiver) = mpsc::channel();
        let ends = sender.clone();
        let desktop = Desktop::start(
            &setup,
            ("http://a.localhost".to_owned(), "http://127.0.0.1".to_owned()),
            move |_| sender.send("event").unwrap_or_default(),
            move |_| ends.send("end").unwrap_or_default(),
        )
        .unwrap();
        let heard: Vec<&str> = receiver.iter().collect();
        assert_eq!(heard.len(), events + 1);
        assert_eq!(heard.last(), Some(&"end"));
        drop(desktop);
    }
}
