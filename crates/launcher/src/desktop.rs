//! The window program as a child: sends it commands, turns its lines into events.

use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{ChildStdin, Command as Program, ExitStatus, Stdio};
use std::time::Duration;

use localcoder_protocol::{ErrorCode, ErrorInfo};

use crate::Setup;
use crate::process::Group;
use crate::server::PROXIES;
use crate::window::{Command, Event, LINE_BYTES_MAX};

/// How long windows may take to close: a page is asked before.
const STOP_TIME: Duration = Duration::from_secs(4);

/// A running window program.
#[derive(Debug)]
pub(crate) struct Desktop {
    group: Group,
    stdin: Option<ChildStdin>,
}

impl Desktop {
    /// Starts it for one origin. `on_event` is called for each event and `on_end` once, from
    /// threads of their own.
    pub(crate) fn start(
        setup: &Setup,
        origin: String,
        on_event: impl Fn(Event) + Send + 'static,
        on_end: impl FnOnce(ExitStatus) + Send + 'static,
    ) -> Result<Self, ErrorInfo> {
        let mut program = Program::new(&setup.desktop);
        program.stdin(Stdio::piped()).stdout(Stdio::piped());
        // WebKit would send even the loopback address to a proxy.
        for name in PROXIES {
            program.env_remove(name);
        }
        for (name, value) in software_rendering() {
            program.env(name, value);
        }
        let spawned = Group::spawn(
            program,
            move |child| {
                if let Some(stdout) = child.stdout.take() {
                    spawn_reader(stdout, on_event);
                }
                child.stdin.take()
            },
            on_end,
        );
        let (group, stdin) = spawned.map_err(|error| {
            ErrorInfo::new(
                ErrorCode::EditorStart,
                format!("`{}` could not be started", setup.desktop.display()),
            )
            .with_cause(error.to_string())
        })?;
        let mut desktop = Self { group, stdin };
        desktop.send(&Command::Start { data: setup.editor.join("window"), origin });
        Ok(desktop)
    }

    /// Sends a command. That the program is gone is told by its end, not here.
    pub(crate) fn send(&mut self, command: &Command) {
        let Some(stdin) = &mut self.stdin else { return };
        let mut line = serde_json::to_vec(command).expect("plain data is always JSON");
        line.push(b'\n');
        if let Err(error) = stdin.write_all(&line).and_then(|()| stdin.flush()) {
            tracing::debug!(%error, "the window program takes no commands");
            self.stdin = None;
        }
    }

    /// Closes the windows and ends the program.
    pub(crate) fn stop(mut self) {
        self.send(&Command::Quit);
        drop(self.stdin.take());
        if !self.group.wait(STOP_TIME) {
            self.group.stop(Duration::from_secs(1));
        }
    }
}

fn spawn_reader(stdout: impl Read + Send + 'static, on_event: impl Fn(Event) + Send + 'static) {
    let read = move || {
        let mut reader = BufReader::new(stdout);
        loop {
            let mut line = Vec::new();
            match (&mut reader).take(LINE_BYTES_MAX).read_until(b'\n', &mut line) {
                Ok(0) | Err(_) => return,
                Ok(_) => {}
            }
            match serde_json::from_slice(&line) {
                Ok(event) => on_event(event),
                // A library of the system may print there; it must not end the windows.
                Err(error) => tracing::debug!(%error, "a line of the window program is no event"),
            }
        }
    };
    let spawned = std::thread::Builder::new().name("window-events".to_owned()).spawn(read);
    if let Err(error) = spawned {
        tracing::warn!(%error, "the window program's events can't be read");
    }
}

/// Without a GPU that the user may open, WebKitGTK shows an empty window unless it is told to
/// draw in software. What the user has set stays.
fn software_rendering() -> impl Iterator<Item = (&'static str, &'static str)> {
    let needed = cfg!(target_os = "linux") && !has_gpu(Path::new("/dev/dri"));
    let variables = [("WEBKIT_DISABLE_DMABUF_RENDERER", "1"), ("LIBGL_ALWAYS_SOFTWARE", "1")];
    variables.into_iter().filter(move |(name, _)| needed && std::env::var_os(name).is_none())
}

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
}
