//! Inspects model files without ever letting one of them block anything else: each look has its own
//! thread, for which nothing else waits, and a deadline after which the file system is reported as
//! not answering. A disk can be slow, and a network share can hang forever.
//!
//! One thread, the desk, takes questions, starts looks and sends answers; it touches no file. What
//! a look finds out is in `look`.

use std::collections::VecDeque;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, unbounded};
use localcoder_protocol::{ErrorAction, ErrorCode, ErrorInfo};
use localcoder_transport::{shortage, spawn_thread};

use super::look::{Checked, Headers, Look, Models, Place};
use crate::ModelFile;
use crate::core::Help;

/// Every question is answered within this time. A disk that has to spin up takes five seconds or
/// so, and users do not want to wait longer for an error.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);
/// A file must be open for its worker within this time: it was inspected a moment ago, and an
/// engine that shows no sign of life for longer is taken for dead.
const OPEN_WITHIN: Duration = Duration::from_secs(5);
/// A look that takes longer than this must not make others wait: on a disk that answers, the
/// largest header is read in a tenth of this time.
const SLOW_AFTER: Duration = Duration::from_millis(500);
/// How many looks may run at once while none is slow: more would only compete for the disk.
const QUICK_MAX: usize = 4;
/// How many inspections may hang, with no request waiting for them any more. Each holds a thread,
/// and a system on which this many hang needs fixing before it needs another.
const HUNG_MAX: usize = 8;
const RUNNING_MAX: usize = HUNG_MAX + QUICK_MAX;

/// What the inspector is asked. Equal questions share a look that has not begun.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Wanted {
    First(Vec<String>),
    Helper(PathBuf, Help, Option<String>),
    Smaller(PathBuf, u64),
    /// The file for a load, by its number and the worker's generation. Each load gets a file of its
    /// own, since those who share an open file share its position.
    Open(Load, PathBuf),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Load {
    pub(super) generation: u64,
    pub(super) request: i64,
}

#[derive(Debug, Clone)]
pub(super) enum Inspected {
    First(Vec<String>, Result<ModelFile, ErrorInfo>),
    Helper(PathBuf, Help, Result<ModelFile, ErrorInfo>),
    Smaller(PathBuf, Option<ModelFile>),
    Opened(Load, Result<Arc<Checked>, ErrorInfo>),
}

pub(super) struct Inspector {
    sender: Sender<Message>,
}

impl Inspector {
    pub(super) fn new(
        models: Models,
        answer: impl Fn(Inspected) + Send + 'static,
    ) -> io::Result<Self> {
        let headers = Arc::new(Headers::default());
        let work = move |wanted: &Wanted, place: &Place| {
            let look = Look { models: &models, headers: &headers, place };
            match wanted {
                Wanted::First(references) => {
                    Inspected::First(references.clone(), look.first(references))
                }
                Wanted::Helper(path, help, named) => {
                    let found = look.helper(path, *help, named.as_deref());
                    Inspected::Helper(path.clone(), *help, found)
                }
                Wanted::Smaller(path, bytes) => {
                    Inspected::Smaller(path.clone(), look.smaller(path, *bytes))
                }
                Wanted::Open(load, path) => Inspected::Opened(*load, look.open(path).map(Arc::new)),
            }
        };
        Self::with(Arc::new(work), answer, ANSWER_WITHIN)
    }

    fn with(
        work: Arc<Work>,
        answer: impl Fn(Inspected) + Send + 'static,
        within: Duration,
    ) -> io::Result<Self> {
        // Unbounded: the shell must never wait for this thread, and the core asks few questions at
        // once.
        let (sender, messages) = unbounded();
        let desk = Desk {
            work,
            answer,
            within,
            messages,
            back: sender.clone(),
            waiting: VecDeque::new(),
            running: Vec::new(),
            next: 0,
        };
        spawn_thread("model-inspector", move || desk.run())?;
        Ok(Self { sender })
    }

    pub(super) fn inspect(&self, references: Vec<String>) {
        self.ask(Wanted::First(references));
    }

    pub(super) fn find_helper(&self, path: PathBuf, help: Help, named: Option<String>) {
        self.ask(Wanted::Helper(path, help, named));
    }

    pub(super) fn find_smaller(&self, path: PathBuf, bytes: u64) {
        self.ask(Wanted::Smaller(path, bytes));
    }

    pub(super) fn open(&self, load: Load, path: PathBuf) {
        self.ask(Wanted::Open(load, path));
    }

    fn ask(&self, wanted: Wanted) {
        // The desk ends only with the host: any panic in it ends the host.
        let _ = self.sender.send(Message::Wanted(wanted));
    }
}

/// What a look does. It notes in the place which file it is at, so that a look that hangs can be
/// reported with the file that is to blame.
type Work = dyn Fn(&Wanted, &Place) -> Inspected + Send + Sync;

enum Message {
    Wanted(Wanted),
    Back(u64, Box<Inspected>),
}

struct Waiting {
    wanted: Wanted,
    due: Instant,
}

struct Running {
    number: u64,
    wanted: Wanted,
    place: Arc<Place>,
    begun: Instant,
    /// The deadlines of the requests that wait for it; empty once they were told that it hangs. The
    /// look itself stays in the list: a thread in a system call that does not return can't be
    /// ended.
    due: Vec<Instant>,
}

struct Desk<A> {
    work: Arc<Work>,
    answer: A,
    within: Duration,
    messages: Receiver<Message>,
    back: Sender<Message>,
    waiting: VecDeque<Waiting>,
    running: Vec<Running>,
    next: u64,
}

impl<A: Fn(Inspected)> Desk<A> {
    fn run(mut self) {
        loop {
            let message = match self.wakes() {
                Some(at) => self.messages.recv_deadline(at),
                None => self.messages.recv().map_err(|_| RecvTimeoutError::Disconnected),
            };
            match message {
                Ok(Message::Wanted(wanted)) => self.wanted(wanted),
                Ok(Message::Back(number, inspected)) => self.came_back(number, &inspected),
                Err(RecvTimeoutError::Timeout) => {}
                // Can't happen, since the desk holds a sender itself.
                Err(RecvTimeoutError::Disconnected) => return,
            }
            // In this order: what is late must not begin any more.
            self.give_up(Instant::now());
            self.begin();
        }
    }

    fn wakes(&self) -> Option<Instant> {
        let due = self.running.iter().flat_map(|look| look.due.iter().copied());
        let due = due.chain(self.waiting.iter().map(|it| it.due));
        let now = Instant::now();
        // A look that becomes slow makes room for one that waits.
        let slow = self.running.iter().map(|look| look.begun + SLOW_AFTER);
        let slow = slow.filter(|at| *at > now && !self.waiting.is_empty());
        due.chain(slow).min()
    }

    fn wanted(&mut self, wanted: Wanted) {
        let now = Instant::now();
        let due = now + self.within_of(&wanted);
        // Another thread that waits for the same file would not help. A look that is still quick is
        // not shared: the file may have changed since it began.
        let hangs_already = |look: &&mut Running| {
            look.wanted == wanted && (look.due.is_empty() || look.begun.elapsed() >= SLOW_AFTER)
        };
        match self.running.iter_mut().find(hangs_already) {
            Some(look) if look.due.is_empty() => {
                let error = hangs(&look.place.get(), now - look.begun);
                (self.answer)(refused(wanted, error));
            }
            Some(look) => look.due.push(due),
            None => self.waiting.push_back(Waiting { wanted, due }),
        }
    }

    fn within_of(&self, wanted: &Wanted) -> Duration {
        match wanted {
            Wanted::First(_) | Wanted::Helper(..) | Wanted::Smaller(..) => self.within,
            Wanted::Open(..) => self.within.min(OPEN_WITHIN),
        }
    }

    fn came_back(&mut self, number: u64, inspected: &Inspected) {
        let Some(at) = self.running.iter().position(|look| look.number == number) else { return };
        let look = self.running.swap_remove(at);
        if look.due.is_empty() {
            tracing::info!(ms = millis(look.begun), "a look at a model's file came back too late");
        }
        // Each question has its own answer, since each is counted by whoever asked.
        for _ in look.due {
            (self.answer)(inspected.clone());
        }
    }

    /// Reports to those who have waited for too long, and warns once for each look that no one
    /// waits for any more.
    fn give_up(&mut self, now: Instant) {
        for look in &mut self.running {
            let before = look.due.len();
            look.due.retain(|due| *due > now);
            for _ in look.due.len()..before {
                let error = hangs(&look.place.get(), now - look.begun);
                (self.answer)(refused(look.wanted.clone(), error));
            }
            if before > 0 && look.due.is_empty() {
                tracing::warn!(ms = millis(look.begun), "a look at a model's file hangs");
            }
        }
        // The one in front need not be due first: to open a file is given less time than to find it.
        let (late, waiting): (VecDeque<_>, VecDeque<_>) =
            std::mem::take(&mut self.waiting).into_iter().partition(|it| it.due <= now);
        self.waiting = waiting;
        for late in late {
            (self.answer)(refused(late.wanted, self.others_hang()));
        }
    }

    /// Begins as many of the waiting looks as are allowed at once. Slow ones do not count as long
    /// as there is room for them, so that one dead disk does not keep the models of another from
    /// being looked at.
    fn begin(&mut self) {
        while !self.waiting.is_empty() {
            let hung = self.running.iter().filter(|look| look.due.is_empty()).count();
            if hung >= HUNG_MAX {
                // An error now is better than the same one after the deadline: none of these will
                // begin.
                for late in std::mem::take(&mut self.waiting) {
                    (self.answer)(refused(late.wanted, self.others_hang()));
                }
                return;
            }
            let quick = self.running.iter().filter(|look| look.begun.elapsed() < SLOW_AFTER);
            if quick.count() >= QUICK_MAX || self.running.len() >= RUNNING_MAX {
                return;
            }
            let Some(Waiting { wanted, due }) = self.waiting.pop_front() else { return };
            // Requests for the same file wait for this look, too.
            let same = self.waiting.iter().filter(|it| it.wanted == wanted).map(|it| it.due);
            let due = std::iter::once(due).chain(same).collect();
            self.waiting.retain(|it| it.wanted != wanted);
            self.look(wanted, due);
        }
    }

    fn look(&mut self, wanted: Wanted, due: Vec<Instant>) {
        let number = self.next;
        self.next += 1;
        let place = Arc::new(Place::default());
        let (work, back) = (Arc::clone(&self.work), self.back.clone());
        let (asked, at) = (wanted.clone(), Arc::clone(&place));
        // A thread for each look: a named pipe given as a model once kept every later request
        // waiting.
        let started = spawn_thread("model-look", move || {
            let _ = back.send(Message::Back(number, Box::new(work(&asked, &at))));
        });
        match started {
            Ok(_) => {
                let begun = Instant::now();
                self.running.push(Running { number, wanted, place, begun, due });
            }
            Err(error) => {
                let error = shortage(ErrorCode::Busy, "a model's file can't be looked at", &error);
                for _ in due {
                    (self.answer)(refused(wanted.clone(), error.clone()));
                }
            }
        }
    }

    fn others_hang(&self) -> ErrorInfo {
        let mut places: Vec<PathBuf> = self.running.iter().map(|look| look.place.get()).collect();
        places.sort();
        places.dedup();
        let places: Vec<String> = places.iter().map(|it| format!("`{}`", it.display())).collect();
        let message = "the model's file was not looked at, since others hang";
        no_answer(message, format!("the file system gives no answer for {}", places.join(", ")))
    }
}

fn millis(begun: Instant) -> u64 {
    u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX)
}

fn refused(wanted: Wanted, error: ErrorInfo) -> Inspected {
    match wanted {
        Wanted::First(references) => Inspected::First(references, Err(error)),
        Wanted::Helper(path, help, _) => Inspected::Helper(path, help, Err(error)),
        Wanted::Smaller(path, _) => Inspected::Smaller(path, None),
        Wanted::Open(load, _) => Inspected::Opened(load, Err(error)),
    }
}

fn hangs(place: &Path, since: Duration) -> ErrorInfo {
    let message = format!("the file system gives no answer for `{}`", place.display());
    no_answer(message, format!("it was asked {} s ago", since.as_secs().max(1)))
}

fn no_answer(message: impl Into<String>, cause: String) -> ErrorInfo {
    ErrorInfo::new(ErrorCode::FileAccess, message)
        .with_cause(cause)
        .with_hint("check that its disk or network share is there, or use a model on another disk")
        .with_action(ErrorAction::Retry)
}

#[cfg(test)]
mod tests {
    use crossbeam_channel::bounded;

    use super::*;

    const WITHIN: Duration = Duration::from_millis(300);
    const PATIENCE: Duration = Duration::from_secs(30);

    /// An inspector, and its answers. Its looks at files whose names begin with `hung` return when
    /// the sender is dropped.
    struct Rig {
        inspector: Inspector,
        answers: Receiver<Inspected>,
        begun: Receiver<String>,
        hold: Option<Sender<()>>,
    }

    impl Rig {
        fn new() -> Self {
            let (hold, held) = bounded::<()>(0);
            let (begins, begun) = unbounded();
            let work = move |wanted: &Wanted, place: &Place| {
                let Wanted::First(references) = wanted else { unreachable!("not asked for") };
                place.set(Path::new(&references[0]));
                begins.send(references[0].clone()).unwrap();
                if references[0].starts_with("hung") {
                    let _ = held.recv();
                }
                let error = ErrorInfo::new(ErrorCode::ModelNotFound, "looked at");
                Inspected::First(references.clone(), Err(error))
            };
            let (sender, answers) = unbounded();
            let answer = move |inspected| sender.send(inspected).unwrap();
            let inspector = Inspector::with(Arc::new(work), answer, WITHIN).unwrap();
            Self { inspector, answers, begun, hold: Some(hold) }
        }

        fn ask(&self, reference: &str) {
            self.inspector.inspect(vec![reference.to_owned()]);
        }

        fn answer(&self) -> (String, ErrorInfo) {
            match self.answers.recv_timeout(PATIENCE).unwrap() {
                Inspected::First(references, Err(error)) => (references[0].clone(), error),
                other => panic!("{other:?}"),
            }
        }

        fn hang(&self, reference: &str) {
            self.ask(reference);
            let (asked, error) = self.answer();
            assert_eq!((asked.as_str(), error.code), (reference, ErrorCode::FileAccess));
            assert!(error.message.contains(&format!("`{reference}`")), "{error}");
            assert!(error.hint.is_some());
        }
    }

    #[test]
    fn a_file_that_hangs_is_reported_and_others_are_looked_at_meanwhile() {
        let rig = Rig::new();
        rig.ask("hung");
        assert_eq!(rig.begun.recv_timeout(PATIENCE).unwrap(), "hung");
        rig.ask("other");
        assert_eq!(rig.answer().0, "other");
        let (asked, error) = rig.answer();
        assert_eq!((asked.as_str(), error.code), ("hung", ErrorCode::FileAccess));
    }

    #[test]
    fn who_asks_for_what_hangs_is_told_at_once_and_a_late_answer_reaches_nobody() {
        let mut rig = Rig::new();
        rig.hang("hung");
        rig.ask("hung");
        assert_eq!(rig.answer().1.code, ErrorCode::FileAccess);
        assert_eq!(rig.begun.len(), 1, "there is one thread for it");
        rig.hold = None;
        // The look returns eventually; then the same question is answered.
        let deadline = Instant::now() + PATIENCE;
        loop {
            rig.ask("hung");
            match rig.answer().1.code {
                ErrorCode::ModelNotFound => break,
                _ => assert!(Instant::now() < deadline),
            }
        }
        assert!(rig.answers.is_empty());
    }

    #[test]
    fn one_that_waits_behind_others_is_answered_when_it_is_due() {
        let now = Instant::now();
        let (sender, answers) = unbounded();
        let (back, messages) = unbounded();
        let waiting = |reference: &str, due| Waiting {
            wanted: Wanted::First(vec![reference.to_owned()]),
            due,
        };
        let mut desk = Desk {
            work: Arc::new(|_: &Wanted, _: &Place| -> Inspected { unreachable!("none begins") }),
            answer: move |inspected| sender.send(inspected).unwrap(),
            within: WITHIN,
            messages,
            back,
            waiting: VecDeque::from([waiting("later", now + PATIENCE), waiting("due", now)]),
            running: Vec::new(),
            next: 0,
        };
        desk.give_up(now);
        let Inspected::First(references, Err(_)) = answers.try_recv().unwrap() else {
            panic!("it is refused")
        };
        assert_eq!(references, ["due"]);
        assert!(answers.is_empty());
        assert_eq!(desk.wakes(), Some(now + PATIENCE), "nothing keeps the thread awake");
    }

    #[test]
    fn many_questions_at_once_have_one_answer_each() {
        let rig = Rig::new();
        let mut asked: Vec<String> = (0..100).map(|number| format!("{}", number % 25)).collect();
        asked.iter().for_each(|reference| rig.ask(reference));
        let mut answered: Vec<String> = asked.iter().map(|_| rig.answer().0).collect();
        asked.sort();
        answered.sort();
        assert_eq!(answered, asked);
        assert!(rig.answers.is_empty());
    }

    #[test]
    fn this_many_that_hang_are_enough() {
        let mut rig = Rig::new();
        for number in 0..HUNG_MAX {
            rig.hang(&format!("hung-{number}"));
        }
        rig.ask("other");
        let (_, error) = rig.answer();
        assert_eq!(error.code, ErrorCode::FileAccess);
        assert!(error.cause.unwrap().contains("`hung-0`"));
        rig.hold = None;
        let deadline = Instant::now() + PATIENCE;
        loop {
            rig.ask("other");
            match rig.answer().1.code {
                ErrorCode::ModelNotFound => break,
                _ => assert!(Instant::now() < deadline),
            }
        }
    }
}
