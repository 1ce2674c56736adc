//! A screen of our own: Xvfb with a window manager, for showing the native window without a display
//! and for testing it, which must not touch the user's display.
//!
//! Ends both when dropped. Linux only; elsewhere there always is a display.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};

use anyhow::{Context as _, Result, bail};

pub(crate) struct Display {
    name: String,
    server: Child,
    manager: Option<Child>,
}

impl Display {
    pub(crate) fn start() -> Result<Self> {
        let mut server = Command::new("Xvfb")
            .args(["-displayfd", "1", "-screen", "0", "1440x900x24", "-nolisten", "tcp"])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .context("`Xvfb` could not be started")?;
        let mut number = String::new();
        let stdout = server.stdout.take().context("Xvfb has no output")?;
        // It writes the number once it accepts connections, or closes its output if it can't.
        BufReader::new(stdout).read_line(&mut number).context("reading from `Xvfb`")?;
        let mut display = Self { name: format!(":{}", number.trim()), server, manager: None };
        if number.trim().is_empty() {
            // Kept first, so that the server is ended by `drop` if it has no number.
            bail!("`Xvfb` ended without opening a display");
        }
        let manager = display.on(&mut Command::new("openbox")).spawn();
        display.manager = Some(manager.context("`openbox` could not be started")?);
        Ok(display)
    }

    fn on<'a>(&self, command: &'a mut Command) -> &'a mut Command {
        self.set(command);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null())
    }

    pub(crate) fn set(&self, command: &mut Command) {
        command.env("DISPLAY", &self.name).env_remove("WAYLAND_DISPLAY");
        // Otherwise GTK would try the user's Wayland display first.
        command.env("GDK_BACKEND", "x11");
    }
}

impl Drop for Display {
    fn drop(&mut self) {
        // The manager first, which lives on the server.
        for child in self.manager.iter_mut().chain([&mut self.server]) {
            // It may have ended by itself, which is just as well.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

pub(crate) fn is_there() -> bool {
    let set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    !cfg!(target_os = "linux") || set("DISPLAY") || set("WAYLAND_DISPLAY")
}
