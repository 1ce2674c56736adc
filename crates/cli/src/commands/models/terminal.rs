//! Progress of long work on a terminal: a bar with rate and time left; elsewhere a plain line now
//! and then. Ctrl-C ends the work cleanly.

use std::cell::Cell;
use std::io::IsTerminal as _;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, bounded};
use indicatif::{DecimalBytes, HumanDuration, ProgressBar, ProgressStyle};
use localcoder_model_store::{Progress, StoreError};
use localcoder_protocol::ErrorInfo;

use crate::failure::no_interrupts;
use crate::output;
use localcoder_assist::visible;

/// Between two plain lines, where there is no terminal.
const LINE_EVERY: Duration = Duration::from_secs(10);
const TEMPLATE: &str = "{msg} [{bar:30}] {decimal_bytes} of {decimal_total_bytes}, \
                        {decimal_bytes_per_sec}, {eta} left";

/// In the units of disks and downloads, powers of ten.
pub(super) fn bytes(bytes: u64) -> String {
    DecimalBytes(bytes).to_string()
}

pub(super) struct Meter {
    what: &'static str,
    bar: Option<ProgressBar>,
    last_line_at: Cell<Instant>,
}

impl Meter {
    pub(super) fn new(what: &'static str) -> Self {
        let bar = std::io::stderr().is_terminal().then(|| {
            let bar = ProgressBar::new(0);
            let style = ProgressStyle::with_template(TEMPLATE);
            bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
            bar.set_message(what);
            bar
        });
        // Work that is done at once needs no line.
        Self { what, bar, last_line_at: Cell::new(Instant::now()) }
    }

    pub(super) fn show(&self, done: u64, total: u64) {
        match &self.bar {
            Some(bar) => {
                bar.set_length(total);
                bar.set_position(done);
            }
            None => self.line(|| format!("{} of {}", bytes(done), bytes(total))),
        }
    }

    /// Shows progress with a speed that was measured elsewhere. The bar has its own, from how it
    /// moves.
    pub(super) fn show_with_speed(&self, done: u64, total: u64, bytes_per_s: u64) {
        if self.bar.is_some() {
            return self.show(done, total);
        }
        let left = Duration::from_secs((total - done.min(total)) / bytes_per_s.max(1));
        self.line(|| {
            let (done, total, speed) = (bytes(done), bytes(total), bytes(bytes_per_s));
            format!("{done} of {total}, {speed}/s, {} left", HumanDuration(left))
        });
    }

    pub(super) fn note(&self, text: &str) {
        match &self.bar {
            // Through the bar, which would otherwise be drawn over the line. It writes to stderr by
            // itself, past `output`, so control characters are taken care of here.
            Some(bar) => bar.println(visible(text)),
            None => output::note(text),
        }
    }

    fn line(&self, text: impl FnOnce() -> String) {
        if self.last_line_at.get().elapsed() >= LINE_EVERY {
            self.last_line_at.set(Instant::now());
            output::note(&format!("{}: {}", self.what, text()));
        }
    }

    pub(super) fn clear(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

/// Does long work with a meter. Ctrl-C has it end where it can be ended cleanly: the store asks
/// after each piece of a file.
pub(super) fn followed<T>(
    what: &'static str,
    work: impl FnOnce(&mut Progress<'_>) -> Result<T, StoreError>,
) -> Result<T, ErrorInfo> {
    let meter = Meter::new(what);
    let stopped = interrupts()?;
    let result = work(&mut |done, total| {
        meter.show(done, total);
        stopped.is_empty()
    });
    meter.clear();
    Ok(result?)
}

/// Receives a message when Ctrl-C is pressed. A second one ends the program at once, whether the
/// first is still to be taken or nobody waits for one any more.
pub(super) fn interrupts() -> Result<Receiver<()>, ErrorInfo> {
    let (sender, receiver) = bounded(1);
    ctrlc::set_handler(move || {
        if sender.try_send(()).is_err() {
            std::process::abort();
        }
    })
    .map_err(|error| no_interrupts(&error))?;
    Ok(receiver)
}
