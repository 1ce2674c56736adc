//! What a fake worker does wrong, when and how often; and the notes that it leaves about what it
//! did, so that a trial knows the moments. Read by the fake worker, written by trials.

use std::fmt;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::{SystemTime, UNIX_EPOCH};

use localcoder_protocol::ErrorCode;
use serde::{Deserialize, Serialize};

/// Environment variable with a [`Script`], or a list of them, as JSON.
pub const SCRIPT: &str = "LOCALCODER_FAKE_WORKER";
/// Environment variable with a limit on the address space in bytes. If it is set, the program of
/// [`REAL_WORKER`] is run under that limit instead.
pub const LIMIT_AS: &str = "LOCALCODER_FAKE_LIMIT_AS";
/// Environment variable with the `cgroup.procs` file of a control group, in which the program of
/// [`REAL_WORKER`] is run.
pub const GROUP: &str = "LOCALCODER_FAKE_GROUP";
pub const REAL_WORKER: &str = "LOCALCODER_REAL_WORKER";

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Moment {
    Spawn,
    Handshake,
    /// When this fraction of a load is done, from 0 to 1.
    Load(f32),
    Count,
    Prefill,
    FirstToken,
    Token(u32),
    Unload,
    /// A little after an answer.
    Idle,
}

impl FromStr for Moment {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("`{text}` is not a moment of a worker's life");
        let (name, value) = text.split_once(':').unwrap_or((text, ""));
        Ok(match name {
            "spawn" => Self::Spawn,
            "handshake" => Self::Handshake,
            "load" => Self::Load(value.parse().map_err(|_| wrong())?),
            "count" => Self::Count,
            "prefill" => Self::Prefill,
            "firstToken" => Self::FirstToken,
            "token" => Self::Token(value.parse().map_err(|_| wrong())?),
            "unload" => Self::Unload,
            "idle" => Self::Idle,
            _ => return Err(wrong()),
        })
    }
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Spawn => f.write_str("spawn"),
            Self::Handshake => f.write_str("handshake"),
            Self::Load(fraction) => write!(f, "load:{fraction}"),
            Self::Count => f.write_str("count"),
            Self::Prefill => f.write_str("prefill"),
            Self::FirstToken => f.write_str("firstToken"),
            Self::Token(number) => write!(f, "token:{number}"),
            Self::Unload => f.write_str("unload"),
            Self::Idle => f.write_str("idle"),
        }
    }
}

impl TryFrom<String> for Moment {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<Moment> for String {
    fn from(moment: Moment) -> Self {
        moment.to_string()
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fatal {
    Kill,
    Segv,
    Abrt,
    /// An access beyond the end of a mapped file that has become shorter.
    Bus,
    Ill,
    Fpe,
}

impl Fatal {
    const ALL: [(Self, &str); 6] = [
        (Self::Kill, "KILL"),
        (Self::Segv, "SEGV"),
        (Self::Abrt, "ABRT"),
        (Self::Bus, "BUS"),
        (Self::Ill, "ILL"),
        (Self::Fpe, "FPE"),
    ];
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Fault {
    Signal(Fatal),
    Exit(i32),
    /// It is stopped, as by a debugger.
    Stop,
    /// It hangs, and its heartbeats end.
    Silent,
    /// It hangs, and its heartbeats continue, but the progress in them does not.
    Stall,
    OomError,
    /// It aborts with a last line on standard error that says that there was not enough memory, as
    /// C++ does when an allocation fails: the host has only this line to tell it from another
    /// crash.
    OomLine,
    LoadError(ErrorCode),
    Garbage,
    /// It writes frames that are meaningless.
    Nonsense,
    /// It writes a very large amount to standard error, half of it in lines and half in one line
    /// without an end.
    Flood,
    WrongVersion,
    /// It writes tokens of other requests, and of this one under an earlier worker's number.
    LateToken,
    IgnoreCancel,
}

impl Fault {
    const PLAIN: [(Self, &str); 11] = [
        (Self::Stop, "stop"),
        (Self::Silent, "silent"),
        (Self::Stall, "stall"),
        (Self::OomError, "oomError"),
        (Self::OomLine, "oomLine"),
        (Self::Garbage, "garbage"),
        (Self::Nonsense, "nonsense"),
        (Self::Flood, "flood"),
        (Self::WrongVersion, "wrongVersion"),
        (Self::LateToken, "lateToken"),
        (Self::IgnoreCancel, "ignoreCancel"),
    ];
}

impl FromStr for Fault {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("`{text}` is nothing that a worker can do");
        Ok(match text.split_once(':') {
            Some(("signal", name)) => {
                let known = Fatal::ALL.into_iter().find(|(_, word)| *word == name);
                Self::Signal(known.ok_or_else(wrong)?.0)
            }
            Some(("exit", code)) => Self::Exit(code.parse().map_err(|_| wrong())?),
            Some(("loadError", code)) => {
                let known = ErrorCode::ALL.iter().find(|known| known.as_str() == code);
                Self::LoadError(*known.ok_or_else(wrong)?)
            }
            _ => Self::PLAIN.into_iter().find(|(_, word)| *word == text).ok_or_else(wrong)?.0,
        })
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Signal(fatal) => {
                let named = Fatal::ALL.into_iter().find(|(it, _)| it == fatal);
                write!(f, "signal:{}", named.map_or("", |(_, word)| word))
            }
            Self::Exit(code) => write!(f, "exit:{code}"),
            Self::LoadError(code) => write!(f, "loadError:{}", code.as_str()),
            plain => {
                let named = Self::PLAIN.into_iter().find(|(it, _)| it == plain);
                f.write_str(named.map_or("", |(_, word)| word))
            }
        }
    }
}

impl TryFrom<String> for Fault {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<Fault> for String {
    fn from(fault: Fault) -> Self {
        fault.to_string()
    }
}

/// One fault, and how the worker behaves otherwise. If several scripts set a value, the last one
/// counts.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Script {
    /// When the fault strikes; a script without this only sets how the worker behaves.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at: Option<Moment>,
    #[serde(rename = "do", skip_serializing_if = "Option::is_none")]
    pub fault: Option<Fault>,
    /// How often it strikes, over all workers that share `counter`; every time if absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub times: Option<usize>,
    /// The file in which [`Note`]s are left, by which faults are counted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub counter: Option<PathBuf>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub per_token_ms: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub load_ms: Option<u64>,
    /// Tokens of an answer that does not repeat code.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tokens: Option<u32>,
    /// Bytes that each token has in addition to its words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token_bytes: Option<usize>,
    /// Bytes that `flood` writes; 100 MB if absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub flood_bytes: Option<usize>,
}

impl Script {
    #[must_use]
    pub fn new(at: Moment, fault: Fault, times: usize, counter: &Path) -> Self {
        Self {
            at: Some(at),
            fault: Some(fault),
            times: Some(times),
            counter: Some(counter.to_owned()),
            ..Self::default()
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    /// `spawn`, `hello`, `load`, `loaded`, `answer`, `cancel`, or a fault with its moment.
    pub word: String,
    pub is_fault: bool,
    pub pid: u32,
    pub unix_ns: u128,
}

impl Note {
    #[must_use]
    pub fn read(path: &Path) -> Vec<Self> {
        let text = std::fs::read_to_string(path).unwrap_or_default();
        text.lines().filter_map(Self::parse).collect()
    }

    fn parse(line: &str) -> Option<Self> {
        let mut words = line.split(' ');
        let (kind, word, pid, time) = (words.next()?, words.next()?, words.next()?, words.next()?);
        Some(Self {
            word: word.to_owned(),
            is_fault: kind == "fault",
            pid: pid.parse().ok()?,
            unix_ns: time.parse().ok()?,
        })
    }

    /// Appends a note in a single write, so that notes of two processes are not interleaved.
    pub(super) fn leave(path: &Path, is_fault: bool, word: &str) {
        let kind = if is_fault { "fault" } else { "step" };
        let line = format!("{kind} {word} {} {}\n", std::process::id(), unix_ns());
        let file = std::fs::OpenOptions::new().create(true).append(true).open(path);
        let _ = file.and_then(|mut file| file.write_all(line.as_bytes()));
    }
}

#[must_use]
pub fn unix_ns() -> u128 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scripts_are_read_as_they_are_written() {
        let text = r#"{"at":"load:0.5","do":"signal:SEGV","times":2,"perTokenMs":3}"#;
        let script: Script = serde_json::from_str(text).unwrap();
        assert_eq!(script.at, Some(Moment::Load(0.5)));
        assert_eq!(serde_json::to_string(&script).unwrap(), text);
        assert_eq!(script.fault, Some(Fault::Signal(Fatal::Segv)));
        for text in ["signal:FPE", "exit:3", "loadError:modelLoadFailed", "oomLine", "stop"] {
            assert_eq!(text.parse::<Fault>().unwrap().to_string(), text);
        }
        for wrong in ["signal:HUP", "exit:", "loadError:", "stall:3", "dance", ""] {
            assert!(wrong.parse::<Fault>().is_err(), "{wrong}");
        }
        for wrong in
            [r#"{"do":"dance"}"#, r#"{"at":"lunch"}"#, r#"{"at":"token:x"}"#, r#"{"when":"spawn"}"#]
        {
            assert!(serde_json::from_str::<Script>(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn notes_are_read_as_they_were_left() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notes");
        Note::leave(&path, false, "hello");
        Note::leave(&path, true, "signal:KILL");
        let notes = Note::read(&path);
        let said: Vec<_> = notes.iter().map(|note| (note.word.as_str(), note.is_fault)).collect();
        assert_eq!(said, [("hello", false), ("signal:KILL", true)]);
        assert!(notes[0].unix_ns <= notes[1].unix_ns);
        assert_eq!(notes[0].pid, std::process::id());
    }
}
