//! What happened to a file, judged by how its process ended and by its log.

use std::path::{Path, PathBuf};

use serde::Serialize;

/// Ordered from worst to best.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum Kind {
    /// A read or write at an invalid address, or an index beyond the end of a list.
    Memory,
    /// Undefined behavior without an invalid address.
    Undefined,
    /// A division by zero, or a stack overflow.
    Crash,
    /// It aborted: a failed assertion of its own, or an uncaught exception.
    Abort,
    Time,
    Size,
    /// It reported why the file can't be loaded or computed with.
    Refused,
    Ran,
}

impl Kind {
    pub(super) fn words(self) -> &'static str {
        match self {
            Self::Memory => "WITH WRONG ADDRESSES",
            Self::Undefined => "with undefined behavior",
            Self::Crash => "crash",
            Self::Abort => "abort",
            Self::Time => "take too long",
            Self::Size => "take too much memory",
            Self::Refused => "are refused",
            Self::Ran => "run",
        }
    }

    /// Whether it is something that running llama.cpp in a process of its own does not contain.
    pub(super) fn is_finding(self) -> bool {
        // A crash, an abort or a limit ends the worker, which the host survives; a wrong address
        // may go unnoticed.
        self == Self::Memory
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Verdict {
    pub(super) kind: Kind,
    pub(super) said: String,
    at: String,
}

/// Path of the log that a file's process writes, beside the file.
pub(super) fn log_of(file: &Path) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(".log");
    name.into()
}

/// Sanitizer reports that are not about invalid addresses, although the sanitizer for addresses
/// prints them.
const CRASHES: &[&str] = &["AddressSanitizer: FPE", "AddressSanitizer: stack-overflow"];
const SIZES: &[&str] = &[
    "AddressSanitizer: out of memory",
    "AddressSanitizer: requested allocation size",
    "AddressSanitizer: allocator is out of memory",
    "AddressSanitizer: calloc parameters overflow",
];

impl Verdict {
    pub(super) fn of(ended: &str, said: &str) -> Self {
        let line = |with: &str| said.lines().find(|line| line.contains(with)).unwrap_or_default();
        let report = line("ERROR: AddressSanitizer");
        // From the standard library: an index beyond the end of a vector.
        let index = line("Assertion '");
        // ggml reads words at unaligned addresses, which the processors it is built for allow.
        let is_undefined =
            |line: &&str| line.contains(": runtime error: ") && !line.contains(" misaligned ");
        let undefined = said.lines().find(is_undefined).unwrap_or_default();
        let last = said.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or_default();
        let first = said.lines().next().unwrap_or_default();
        let is = |all: &[&str]| all.iter().any(|it| report.contains(it));
        // Reports come before the way it ended: with a report the process may still exit with 0,
        // and an exit code says less than the report.
        let (kind, message) = match ended {
            _ if is(SIZES) => (Kind::Size, report),
            _ if is(CRASHES) => (Kind::Crash, report),
            _ if !report.is_empty() => (Kind::Memory, report),
            _ if !index.is_empty() => (Kind::Memory, index),
            _ if !undefined.is_empty() => (Kind::Undefined, undefined),
            "time" => (Kind::Time, ""),
            "memory" => (Kind::Size, ""),
            "exit 0" => (Kind::Ran, ""),
            "exit 2" | "exit 3" | "exit 4" => (Kind::Refused, first),
            "signal 6" => (Kind::Abort, aborted(said).unwrap_or(last)),
            _ => (Kind::Crash, last),
        };
        // Without a report, a line that looks like a frame is only llama.cpp's own log.
        let frames = if report.is_empty() { "" } else { said };
        Self { kind, said: message.to_owned(), at: frame(frames).unwrap_or_default() }
    }

    /// A name for what happened and where; `None` if nothing did. Files with the same name are one
    /// class, so nothing that differs from file to file may be in it.
    pub(super) fn place(&self) -> Option<String> {
        if matches!(self.kind, Kind::Ran | Kind::Refused) {
            return None;
        }
        // The path before it differs from machine to machine.
        let said = self.said.rsplit_once("llama.cpp/").map_or(self.said.as_str(), |it| it.1);
        Some(format!("{}: {} {}", self.kind.words(), without_numbers(said), self.at))
    }
}

/// The line with which llama.cpp or the library aborted.
fn aborted(said: &str) -> Option<&str> {
    let says = ["GGML_ASSERT(", "GGML_ABORT", "what():", "terminate called", "fatal error"];
    says.iter().find_map(|it| said.lines().find(|line| line.contains(it)))
}

/// The first frame of a report that is in llama.cpp: function, file and line. The frames above it
/// are the sanitizer's own or the library's, and are the same for many faults.
fn frame(said: &str) -> Option<String> {
    let frame = |line: &str| {
        let (_, rest) = line.trim_start().strip_prefix('#')?.split_once(" in ")?;
        let (function, place) = rest.split_once("llama.cpp/")?;
        let function = function.split(['(', '/']).next().unwrap_or_default().trim();
        let place = place.rsplit_once('/').map_or(place, |it| it.1);
        Some(format!("in {function} ({place})"))
    };
    said.lines().find_map(frame)
}

/// Addresses and sizes differ from file to file. The part before the first colon is kept, since it
/// is a line of the sources.
fn without_numbers(said: &str) -> String {
    let mut out = String::new();
    for word in said.split(' ') {
        let is_number = word.starts_with("0x") || word.parse::<f64>().is_ok();
        let pid = word.starts_with("==");
        if !out.is_empty() {
            out.push(' ');
        }
        out.push_str(if is_number || pid { "N" } else { word });
    }
    out.chars().take(160).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const REPORT: &str = "==12==ERROR: AddressSanitizer: heap-buffer-overflow on address 0x60 at pc 0x55\n\
        READ of size 4 at 0x60 thread T0\n    #0 0x7f in __interceptor_strlen (/lib/libasan.so+0x1)\n    \
        #1 0x55 in llama_vocab::impl::load(llama_model_loader&) /r/llama.cpp/src/llama-vocab.cpp:20\n";

    #[test]
    fn a_wrong_address_is_named_by_its_place() {
        let verdict = Verdict::of("exit 99", REPORT);
        assert_eq!(verdict.kind, Kind::Memory);
        let place = verdict.place().unwrap();
        assert!(place.ends_with("in llama_vocab::impl::load (llama-vocab.cpp:20)"), "{place}");
        assert!(!place.contains("0x"), "{place}");
    }

    #[test]
    fn ends_are_told_apart() {
        for (ended, said, kind) in [
            ("exit 0", "", Kind::Ran),
            ("exit 2", "error loading model: missing tensor 'x'", Kind::Refused),
            ("signal 6", "/l/llama.cpp/src/a.cpp:3: GGML_ASSERT(n > 0) failed", Kind::Abort),
            ("signal 6", "stl_vector.h:1: Assertion '__n < this->size()' failed.", Kind::Memory),
            ("exit 99", "==1==ERROR: AddressSanitizer: FPE on unknown address", Kind::Crash),
            ("exit 99", "==1==ERROR: AddressSanitizer: out of memory: it", Kind::Size),
            ("exit 0", "/l/llama.cpp/a.cpp:3:1: runtime error: shift", Kind::Undefined),
            (
                "exit 0",
                "/l/llama.cpp/a.cpp:3:1: runtime error: load of misaligned address",
                Kind::Ran,
            ),
            ("time", "", Kind::Time),
            ("memory", "", Kind::Size),
        ] {
            assert_eq!(Verdict::of(ended, said).kind, kind, "{ended}: {said}");
        }
        assert!(Kind::Memory < Kind::Abort);
    }
}
