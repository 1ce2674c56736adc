//! The thread that compiles and renders one template, and the caller's side that waits for it and
//! gets either an answer or the limit that was passed, within the time. The thread stays alive
//! between renderings, so that an ordinary rendering costs two context switches and no thread
//! start.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::guard::{Entered, Parked, Watch};
use crate::jinja::{Compiled, ShownChat, Source};
use crate::limits::{Limit, Limits};
use crate::template::TemplateError;

/// How often the waiting side checks whether a limit was passed. An answer wakes it at once.
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// A thread with a compiled template. Dropping it ends the thread, unless it is parked.
#[derive(Debug)]
pub(crate) struct Renderer {
    desk: Arc<Desk>,
    watch: Arc<Watch>,
    thread: JoinHandle<()>,
    limits: Limits,
}

/// Where the two threads exchange jobs and answers. The rendering thread only comes here between
/// jobs, when it can't be parked, so the lock is never held forever.
#[derive(Debug, Default)]
struct Desk {
    paper: Mutex<Paper>,
    changed: Condvar,
}

#[derive(Debug, Default)]
enum Paper {
    #[default]
    Nothing,
    Asked(ShownChat),
    /// The answer; the messages are returned to the thread that allocated them.
    Answered(Result<String, TemplateError>, ShownChat),
    Closed,
}

impl Renderer {
    /// Starts a thread and compiles the template there. The time limit counts from `asked`.
    pub(crate) fn start(
        source: Source,
        limits: Limits,
        asked: Instant,
    ) -> Result<Self, TemplateError> {
        crate::jinja::prepare();
        // Handlers before the thread: a signal that is not handled yet would be ignored, and a
        // fault would end the program.
        crate::guard::install();
        let desk = Arc::new(Desk::default());
        let watch = Arc::new(Watch::new(limits.memory_bytes));
        let (own_desk, own_watch) = (Arc::clone(&desk), Arc::clone(&watch));
        let thread = std::thread::Builder::new()
            .name("template".to_owned())
            .stack_size(limits.stack_bytes)
            .spawn(move || work(&own_desk, &own_watch, source, limits))
            .map_err(|error| TemplateError::Failed(format!("no thread for it: {error}")))?;
        let renderer = Self { desk, watch, thread, limits };
        renderer.wait(Duration::ZERO, asked)?;
        Ok(renderer)
    }

    /// The template's output for the messages. The time limit counts from `asked`. After a limit
    /// other than on steps and output the thread is parked for good, and this renderer must not be
    /// asked again: it would wait until the time is over.
    pub(crate) fn render(&self, chat: ShownChat, asked: Instant) -> Result<String, TemplateError> {
        let computed = self.watch.computed();
        self.desk.put(Paper::Asked(chat));
        self.wait(computed, asked)
    }

    /// Waits for an answer, or until a limit is passed. `before` is the thread's CPU time at the
    /// start of the job.
    fn wait(&self, before: Duration, asked: Instant) -> Result<String, TemplateError> {
        let mut paper = self.desk.lock();
        loop {
            match std::mem::take(&mut *paper) {
                // The messages were allocated on this side, so they are freed here: freed over
                // there they would count as memory that the template gave back.
                Paper::Answered(result, chat) => {
                    drop(chat);
                    return result;
                }
                other => *paper = other,
            }
            let waited = self.desk.changed.wait_timeout(paper, LOOK_EVERY);
            paper = waited.unwrap_or_else(PoisonError::into_inner).0;
            // An answer that came with the last tick counts, even if a limit has been passed by
            // now.
            if matches!(&*paper, Paper::Answered(..)) {
                continue;
            }
            if let Some(limit) = self.passed(before, asked) {
                return Err(TemplateError::Limit(limit));
            }
        }
    }

    /// The limit that the job has passed, if any; then the thread has been parked. The job may end,
    /// or the thread park itself for another reason, between the look at the clock and the request
    /// to stop: whichever came first counts.
    fn passed(&self, before: Duration, asked: Instant) -> Option<Limit> {
        let limits = &self.limits;
        let computed = self.watch.computed().saturating_sub(before);
        let limit = if computed >= limits.computing {
            Limit::Computing(limits.computing)
        } else if asked.elapsed() >= limits.waiting {
            Limit::Waiting(limits.waiting)
        } else {
            return self.parked();
        };
        // If its job ended in the meantime, the answer arrives at once, unless the machine is
        // overloaded.
        let stopped = self.watch.stop(&self.thread);
        let late = asked.elapsed() >= limits.waiting;
        self.parked().or_else(|| (stopped || late).then_some(limit))
    }

    fn parked(&self) -> Option<Limit> {
        self.watch.parked().map(|parked| match parked {
            Parked::OutOfMemory => Limit::Memory(self.limits.memory_bytes),
            Parked::TooDeep => Limit::Depth,
        })
    }
}

impl Drop for Renderer {
    fn drop(&mut self) {
        self.desk.put(Paper::Closed);
    }
}

impl Desk {
    fn lock(&self) -> std::sync::MutexGuard<'_, Paper> {
        // Nothing that is done under the lock can fail halfway.
        self.paper.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn put(&self, paper: Paper) {
        let mut place = self.lock();
        // The thread is to be ended, whatever it may still report.
        if !matches!(&*place, Paper::Closed) {
            *place = paper;
        }
        drop(place);
        self.changed.notify_all();
    }

    fn next(&self) -> Option<ShownChat> {
        let mut paper = self.lock();
        loop {
            match &mut *paper {
                Paper::Asked(chat) => {
                    let chat = std::mem::take(chat);
                    *paper = Paper::Nothing;
                    return Some(chat);
                }
                Paper::Closed => return None,
                Paper::Nothing | Paper::Answered(..) => {}
            }
            paper = self.changed.wait(paper).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

fn work(desk: &Desk, watch: &Arc<Watch>, source: Source, limits: Limits) {
    let bytes = source.text.capacity() + source.bos.capacity() + source.eos.capacity();
    let _entered = Entered::new(watch, limits.stack_bytes);
    // The source came from the other side and is freed on this one: without this, freeing it would
    // make room for as much beyond the limit.
    watch.take_over(bytes);
    let compiled = within(watch, || Compiled::new(source, limits));
    let compiled = match compiled {
        None => return,
        Some(Err(error)) => return hand_over(desk, watch, Err(error), ShownChat::default()),
        Some(Ok(compiled)) => compiled,
    };
    hand_over(desk, watch, Ok(String::new()), ShownChat::default());
    while let Some(chat) = desk.next() {
        let Some(result) = within(watch, || compiled.render(&chat)) else { return };
        hand_over(desk, watch, result, chat);
    }
}

/// Does a job within the limits; `None` if the thread was asked to end meanwhile. It can only be
/// asked while the job runs, so that it never sleeps with the lock of the [`Desk`].
fn within<T>(
    watch: &Watch,
    job: impl FnOnce() -> Result<T, TemplateError>,
) -> Option<Result<T, TemplateError>> {
    watch.begin();
    // A panic of the template engine is an answer too. Nothing that it may have left half done is
    // used: the environment is only read.
    let result = catch_unwind(AssertUnwindSafe(job))
        .unwrap_or_else(|_| Err(TemplateError::Failed("the template engine fails on it".into())));
    watch.finish().then_some(result)
}

fn hand_over(desk: &Desk, watch: &Watch, result: Result<String, TemplateError>, chat: ShownChat) {
    watch.hand_over(match &result {
        Ok(text) | Err(TemplateError::Failed(text)) => text.capacity(),
        Err(_) => 0,
    });
    desk.put(Paper::Answered(result, chat));
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;
    use crate::jinja::Shown;

    const TEMPLATE: &str = "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n\
        {% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}";

    fn chat() -> ShownChat {
        let shown = |role| Shown { role, content: "a placeholder".to_owned() };
        ShownChat { messages: vec![shown("system"), shown("user")], opens_answer: true }
    }

    fn median(mut job: impl FnMut()) -> Duration {
        let mut times: Vec<_> = (0..3_001)
            .map(|_| {
                let started = Instant::now();
                job();
                started.elapsed()
            })
            .collect();
        times.sort_unstable();
        times[1_500]
    }

    /// It is part of the time to the first token.
    #[test]
    fn the_limits_cost_less_than_a_tenth_of_a_millisecond() {
        let empty = String::new;
        let source = Source { text: TEMPLATE.to_owned(), bos: empty(), eos: empty(), date: None };
        let here = Compiled::new(source.clone(), Limits::PRODUCT).unwrap();
        let there = Renderer::start(source, Limits::PRODUCT, Instant::now()).unwrap();
        let text = here.render(&chat()).unwrap();
        let without = median(|| assert_eq!(here.render(&chat()).unwrap(), text));
        let with = median(|| assert_eq!(there.render(chat(), Instant::now()).unwrap(), text));
        let mut out = std::io::stdout().lock();
        writeln!(out, "a rendering takes {with:?}, and {without:?} without limits").unwrap();
        assert!(with.saturating_sub(without) < Duration::from_micros(100), "{with:?}");
    }
}
