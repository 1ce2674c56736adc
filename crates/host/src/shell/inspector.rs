//! Looks at models' files without ever waiting for one of them: each look has a thread of its own
//! that nothing else waits for, and a deadline after which it is reported that the file system
//! does not answer. A disk can be slow, and a share can hang for ever.
//!
//! One thread, the desk, takes what is asked, starts looks and sends answers; it touches no file.
//! What a look finds is in `look`.

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

/// An answer comes within this. A disk that has to be started takes five seconds or so, and longer
/// users do not want to wait for an error.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);
/// A file is open for its worker within this: it was just looked at, and an engine that shows no
/// sign of life for longer is taken for dead.
const OPEN_WITHIN: Duration = Duration::from_secs(5);
/// A look that takes longer is no reason for others to wait: on a disk that answers, the largest
/// header is read in a tenth of it.
const SLOW_AFTER: Duration = Duration::from_millis(500);
/// Looks at once of which none is slow: more would only take the disk from each other.
const QUICK_MAX: usize = 4;
/// Inspections that no request waits for any more and that have not returned. Each holds a thread,
/// and a system on which this many hang needs fixing before it needs another.
const HUNG_MAX: usize = 8;
/// Looks at once: those that are slow and may yet hang count, too.
const RUNNING_MAX: usize = HUNG_MAX + QUICK_MAX;

/// What the inspector is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Wanted {
    First(Vec<String>),
    Draft(PathBuf, Option<String>),
    Smaller(PathBuf, u64),
    /// For the load of this number in the worker of this generation: each gets a file of its own,
    /// since those who share one share where it stands.
    Open(Load, PathBuf),
}

/// Which load a file is opened for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Load {
    pub(super) generation: u64,
    pub(super) request: i64,
}

/// What it answers, with what it was asked for.
#[derive(Debug, Clone)]
pub(super) enum Inspected {
    /// The first of several that is there.
    First(Vec<String>, Result<ModelFile, ErrorInfo>),
    /// One that could draft for another.
    Draft(PathBuf, Result<ModelFile, ErrorInfo>),
    /// One that takes less than another.
    Smaller(PathBuf, Option<ModelFile>),
    /// One that a worker is to load.
    Opened(Load, Result<Arc<Checked>, ErrorInfo>),
}

pub(super) struct Inspector {
    sender: Sender<Message>,
}

impl Inspector {
    /// `answer` gets one outcome for each question, within [`ANSWER_WITHIN`].
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
                Wanted::Draft(path, named) => {
                    Inspected::Draft(path.clone(), look.draft(path, named.as_deref()))
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

    pub(super) fn find_draft(&self, path: PathBuf, named: Option<String>) {
        self.ask(Wanted::Draft(path, named));
    }

    pub(super) fn find_smaller(&self, path: PathBuf, bytes: u64) {
        self.ask(Wanted::Smaller(path, bytes));
    }

    pub(super) fn open(&self, load: Load, path: PathBuf) {
        self.ask(Wanted::Open(load, path));
    }

    fn ask(&self, wanted: Wanted) {
        // The desk ends with the host alone: whatever panics in it ends the host.
        let _ = self.sender.send(Message::Wanted(wanted));
    }
}

/// What a look does; the place tells where it is.
type Work = dyn Fn(&Wanted, &Place) -> Inspected + Send + Sync;

/// What the desk hears.
enum Message {
    Wanted(Wanted),
    /// The look of this number has come back.
    Back(u64, Box<Inspected>),
}

/// A request that waits for an inspection that has not begun.
struct Waiting {
    wanted: Wanted,
    due: Instant,
}

/// A look that has not come back.
struct Running {
    number: u64,
    wanted: Wanted,
    place: Arc<Place>,
    begun: Instant,
    /// The requests that wait for it; empty once it was reported to them that it hangs.
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
                // It holds a sender itself.
                Err(RecvTimeoutError::Disconnected) => return,
            }
            self.give_up(Instant::now());
            self.begin();
        }
    }

    /// When something is due though nothing comes.
    fn wakes(&self) -> Option<Instant> {
        let due = self.running.iter().flat_map(|look| look.due.iter().copied());
        let due = due.chain(self.waiting.iter().map(|it| it.due));
        let now = Instant::now();
        let slow = self.running.iter().map(|look| look.begun + SLOW_AFTER);
        let slow = slow.filter(|at| *at > now && !self.waiting.is_empty());
        due.chain(slow).min()
    }

    fn wanted(&mut self, wanted: Wanted) {
        let now = Instant::now();
        let due = now + self.within_of(&wanted);
        // There is no use in another thread that waits for the same. A look that is quick is not
        // waited for: the file may have changed since it began.
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
            Wanted::First(_) | Wanted::Draft(..) | Wanted::Smaller(..) => self.within,
            Wanted::Open(..) => self.within.min(OPEN_WITHIN),
        }
    }

    fn came_back(&mut self, number: u64, inspected: &Inspected) {
        let Some(at) = self.running.iter().position(|look| look.number == number) else { return };
        let look = self.running.swap_remove(at);
        if look.due.is_empty() {
            tracing::info!(ms = millis(look.begun), "a look at a model's file came back too late");
        }
        for _ in look.due {
            (self.answer)(inspected.clone());
        }
    }

    /// Tells those who have waited for too long.
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
        while let Some(late) = self.waiting.pop_front_if(|it| it.due <= now) {
            (self.answer)(refused(late.wanted, self.others_hang()));
        }
    }

    /// Begins as many of the looks that wait as there may be.
    fn begin(&mut self) {
        while !self.waiting.is_empty() {
            let hung = self.running.iter().filter(|look| look.due.is_empty()).count();
            if hung >= HUNG_MAX {
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
            // Those who want the same wait with it.
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

/// The answer to a question that no look could answer.
fn refused(wanted: Wanted, error: ErrorInfo) -> Inspected {
    match wanted {
        Wanted::First(references) => Inspected::First(references, Err(error)),
        Wanted::Draft(path, _) => Inspected::Draft(path, Err(error)),
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

    /// An inspector whose looks at what begins with `hung` return when the sender is dropped, and
    /// what it answers.
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

        /// What is answered next: for what, and with which error.
        fn answer(&self) -> (String, ErrorInfo) {
            match self.answers.recv_timeout(PATIENCE).unwrap() {
                Inspected::First(references, Err(error)) => (references[0].clone(), error),
                other => panic!("{other:?}"),
            }
        }

        /// Asks for something that hangs and waits until that is reported.
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
        // It comes back some time; then the same question has an answer.
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
