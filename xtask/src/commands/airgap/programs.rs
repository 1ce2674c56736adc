//! Which of our programs a process in a trace is, judged by what it has executed and which process
//! created it.
//!
//! What a terminal runs is the user's: it is listed separately, and may do what the user wants.

use std::collections::BTreeMap;

use super::line::Call;

pub(super) const TERMINAL: &str = "terminal";
/// A chain of parents has about ten; a longer one is a bug of ours, and this keeps it from being an
/// endless loop: process ids may be used again in a trace.
const PARENTS_MAX: usize = 64;

/// Parts of command lines and what they mean; the first match counts.
const NAMES: [(&str, &str); 11] = [
    ("localcoder-worker", "worker"),
    ("localcoder-fetch", "fetch"),
    ("localcoder-desktop", "native window"),
    ("WebKit", "native window"),
    ("localcoder host run", "host"),
    ("localcoder --browser", "launcher"),
    ("server-main.js", "editor server"),
    ("--type=extensionHost", "extension host"),
    ("--type=ptyHost", PTY_HOST),
    ("--type=fileWatcher", "file watcher"),
    ("/extensions/", "language servers"),
];
const PTY_HOST: &str = "terminal host";

#[derive(Default)]
pub(super) struct Programs {
    /// By child: the line in which it was created, and by which process.
    made: BTreeMap<u32, (usize, u32)>,
    /// By process: the lines in which it executed a program, in order, and what it was then.
    became: BTreeMap<u32, Vec<(usize, String)>>,
}

impl Programs {
    /// Records a call. All calls of a trace must be recorded before the first query, since a child
    /// may appear before the line that says who created it.
    pub(super) fn note(&mut self, at: usize, pid: u32, call: &Call) {
        match call {
            Call::Made(child) => drop(self.made.insert(*child, (at, pid))),
            Call::Became(words) => {
                self.became.entry(pid).or_default().push((at, name(words)));
            }
            _ => {}
        }
    }

    /// What a process is at a line. A process that has executed nothing is what its creator was at
    /// that time. Walks on to the root nevertheless, since a terminal anywhere above makes it the
    /// user's.
    pub(super) fn at(&self, line: usize, pid: u32) -> String {
        let (mut at, mut pid) = (line, pid);
        let mut own: Option<&str> = None;
        for _ in 0..PARENTS_MAX {
            let runs = self.became.get(&pid).into_iter().flatten();
            // A child's first lines may come before its parent's call has returned.
            if let Some((_, name)) = runs.rev().find(|(since, _)| *since <= at) {
                // The terminal host itself is ours; only what comes below it is not.
                if own.is_some_and(|own| own != PTY_HOST) && name == PTY_HOST {
                    return TERMINAL.to_owned();
                }
                own = own.or(Some(name));
            }
            let Some(&(since, parent)) = self.made.get(&pid) else { break };
            (at, pid) = (since, parent);
        }
        own.unwrap_or("unknown").to_owned()
    }
}

fn name(words: &[String]) -> String {
    let path = words.first().map_or("", String::as_str);
    let file = path.rsplit('/').next().unwrap_or(path);
    // The first word of the arguments is the program's own name, which says less than its path.
    let line = format!("{path} {}", words.get(2..).unwrap_or_default().join(" "));
    let found = NAMES.iter().find(|(part, _)| line.contains(part));
    match found {
        Some((_, name)) => (*name).to_owned(),
        // `localcoder PATH` opens a window; anything else is a command.
        None if file == "localcoder" => match words.get(2) {
            Some(word) if word == "." || word.starts_with('/') => "launcher".to_owned(),
            _ => "command line".to_owned(),
        },
        None => file.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::line::read;
    use super::*;

    fn programs(trace: &str) -> Programs {
        let mut programs = Programs::default();
        for (at, line) in trace.lines().enumerate() {
            if let Some((pid, call)) = read(line) {
                programs.note(at, pid, &call);
            }
        }
        programs
    }

    #[test]
    fn a_process_is_what_it_became_or_what_made_it() {
        let trace = r#"1 execve("/x/localcoder", ["localcoder", "--browser", "/f"], 0x1 /* 1 var */) = 0
1 clone(child_stack=NULL, flags=SIGCHLD) = 2
2 execve("/x/node", ["node", "/x/out/server-main.js"], 0x1 /* 1 var */) = 0
2 clone3({flags=CLONE_THREAD}, 88) = 3
2 clone3({flags=0}, 88) = 4
4 execve("/x/node", ["node", "/x/bootstrap-fork", "--type=ptyHost"], 0x1 /* 1 var */) = 0
4 clone3({flags=0}, 88) = 5
5 execve("/bin/bash", ["bash"], 0x1 /* 1 var */) = 0
5 clone3({flags=0}, 88) = 6
6 execve("/usr/bin/curl", ["curl", "https://example.com"], 0x1 /* 1 var */) = 0
2 clone3({flags=0}, 88) = 7
7 execve("/usr/bin/git", ["git", "status"], 0x1 /* 1 var */) = 0"#;
        let programs = programs(trace);
        let expected = [
            (1, "launcher"),
            (3, "editor server"),
            (4, "terminal host"),
            (5, TERMINAL),
            (6, TERMINAL),
            (7, "git"),
            (99, "unknown"),
        ];
        for (pid, name) in expected {
            assert_eq!(programs.at(100, pid), name, "{pid}");
        }
        assert_eq!(programs.at(1, 2), "launcher", "before it became the server");
    }

    #[test]
    fn host_worker_and_commands_are_told_apart() {
        let name = |words: &[&str]| {
            let words: Vec<String> = words.iter().map(|&word| word.to_owned()).collect();
            super::name(&words)
        };
        assert_eq!(name(&["/d/localcoder", "localcoder", "host", "run"]), "host");
        assert_eq!(name(&["/d/localcoder", "localcoder", "host", "start"]), "command line");
        assert_eq!(name(&["/d/localcoder", "localcoder", "."]), "launcher");
        assert_eq!(name(&["/d/localcoder-worker", "localcoder-worker"]), "worker");
        assert_eq!(
            name(&["/usr/lib/WebKitNetworkProcess", "WebKitNetworkProcess"]),
            "native window"
        );
    }
}
