//! Models that can't be cut where prompts diverge: whatever is kept, shared, guessed and cancelled,
//! the text that is written stays the same.

use std::path::PathBuf;

use localcoder_gguf::{Header, KvType, RunShape};
use localcoder_protocol::{
    ErrorCode, LoadProfile, Purpose, Usage, WorkerCancel, WorkerCancelParams, WorkerGenerate,
    WorkerGenerateParams, WorkerPrompt,
};
use localcoder_test_support::tiny::{self, Memory};
use tempfile::TempDir;

use crate::harness::{PROFILE, Random, Worker, chat};

const WINDOW: u32 = 64;
const MEMORIES: [Memory; 4] =
    [Memory::ShortConvolution, Memory::DeltaNet, Memory::StateSpace, Memory::SlidingWindow(WINDOW)];
/// Smaller than all prompts together, so that sequences have to be evicted for others.
const SMALL: LoadProfile = LoadProfile { context_tokens: 768, threads: 1, ..PROFILE };

const SCHEDULES: usize = 250;
const ORDERS: [&str; 3] = ["Improve it.", "Add what is missing to it.", "Why?"];

struct Tiny {
    _folder: TempDir,
    path: PathBuf,
}

impl Tiny {
    fn new(memory: Memory) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tiny.gguf");
        std::fs::write(&path, tiny::model(memory)).unwrap();
        Self { _folder: folder, path }
    }

    fn loaded(&self) -> Worker {
        let mut worker = Worker::ready();
        worker.load(&self.path, SMALL).unwrap();
        worker
    }

    /// What is written when nothing is cached, shared or guessed.
    fn plainly(&self, params: &WorkerGenerateParams) -> String {
        let mut worker = self.loaded();
        worker.generate(&WorkerGenerateParams { plain: true, ..params.clone() }).text
    }
}

#[test]
fn a_state_takes_what_was_foreseen() {
    /// The log rounds to a hundredth of a MiB, for each buffer.
    const ROUNDING_BYTES: u64 = 32 * 1024;
    for memory in MEMORIES {
        let tiny = Tiny::new(memory);
        let bytes = std::fs::read(&tiny.path).unwrap();
        let header = Header::read(bytes.as_slice(), bytes.len() as u64).unwrap();
        let run = RunShape {
            context_tokens: SMALL.context_tokens,
            batch_tokens: SMALL.batch_tokens,
            output_tokens: 32,
            kv: KvType::F16,
            flash_attention: false,
        };
        let taken = Worker::ready().load(&tiny.path, SMALL).unwrap().memory.kv_bytes;
        let foreseen = header.estimate(run).kv_bytes;
        assert!(taken <= foreseen + ROUNDING_BYTES, "{memory:?}: {taken} {foreseen}");
        // That llama.cpp keeps none of a step's states here is not predicted; the difference is
        // some megabytes.
        let is_exact = memory != Memory::StateSpace;
        let least = taken * 5 / 4 + ROUNDING_BYTES;
        assert!(!is_exact || least >= foreseen, "{memory:?}: {taken} {foreseen}");
    }
}

/// This many words, none of which is the beginning of another.
fn words(seed: usize, count: usize) -> String {
    const WORDS: [&str; 8] = ["return", "self", "for", "in", "not", "def", "class", "import"];
    let word = |at: usize| WORDS[(at * 7 + seed * 3 + at * seed) % WORDS.len()];
    (0..count).map(|at| format!(" {}", word(at))).collect()
}

fn command(selection: usize, order: &str) -> WorkerGenerateParams {
    let head = "File: ";
    let around = format!("{head}a.py\n{}\n", words(1, 40));
    let shared = format!("{around}The code:\n{}\n", words(selection, 60));
    let mut params = chat(1, &format!("{shared}{order}"));
    let WorkerPrompt::Chat { partings, .. } = &mut params.prompt else { panic!("it is a chat") };
    let length = |text: &str| u32::try_from(text.len()).unwrap();
    *partings = vec![length(head), length(&around), length(&shared)];
    params
}

fn prepared(params: &WorkerGenerateParams) -> WorkerGenerateParams {
    WorkerGenerateParams { max_tokens: 0, draft: String::new(), ..params.clone() }
}

fn write(worker: &mut Worker, params: &WorkerGenerateParams) -> (String, Usage) {
    let generated = worker.generate(params);
    let usage = generated.answer().usage;
    (generated.text, usage)
}

#[test]
fn a_prepared_selection_is_read_once_and_survives_a_follow_up() {
    for memory in MEMORIES {
        let tiny = Tiny::new(memory);
        let mut worker = tiny.loaded();
        let first = command(2, "Name it after what it does.");
        let other = command(3, "Undo that.");
        let again = command(2, "Write it in one line, without a loop.");
        let unknown = prepared(&command(2, "Improve it."));
        let usage = write(&mut worker, &unknown).1;
        assert_eq!((usage.cached_tokens, usage.generated_tokens), (0, 0));
        for params in [&first, &other, &again, &first] {
            let (text, usage) = write(&mut worker, params);
            assert_eq!(text, tiny.plainly(params), "{memory:?}");
            let unread = usage.prompt_tokens - usage.cached_tokens;
            let follows = std::ptr::eq(params, &other);
            // Cells can be cut, but hold only the last prompt of each purpose.
            let lost = matches!(memory, Memory::SlidingWindow(_)) && std::ptr::eq(params, &again);
            assert!(follows || lost || unread <= 32, "{memory:?}: {unread} tokens are read again");
            assert!(usage.cached_tokens > 30, "{memory:?}: {usage:?}");
        }
    }
}

/// How much is guessed depends on measured times, which a busy machine stretches: one of this many
/// workers is undisturbed.
const TRIES: usize = 8;

#[test]
fn a_draft_that_is_mostly_right_halves_the_steps() {
    for memory in MEMORIES {
        let tiny = Tiny::new(memory);
        let params = WorkerGenerateParams { max_tokens: 120, ..command(2, "Go on.") };
        let plain = WorkerGenerateParams { plain: true, ..params.clone() };
        let (text, plain) = write(&mut tiny.loaded(), &plain);
        assert_eq!((plain.drafted_tokens, plain.generated_tokens), (0, 120));
        let mut draft: Vec<&str> = text.split_inclusive(' ').collect();
        for at in (20..draft.len()).step_by(25) {
            draft[at] = "import ";
        }
        let drafted = WorkerGenerateParams { draft: draft.concat(), ..params };
        let halves = |usage: &Usage| usage.accepted_tokens > 60 && usage.rounds * 2 <= plain.rounds;
        let mut seen = Vec::new();
        let mut is_halved = || {
            let mut worker = tiny.loaded();
            let usages = [(); 2].map(|()| {
                let (again, usage) = write(&mut worker, &drafted);
                assert_eq!(again, text, "{memory:?}");
                usage
            });
            seen.extend(usages);
            usages.iter().all(halves)
        };
        assert!((0..TRIES).any(|_| is_halved()), "{memory:?}: {seen:?}");
    }
}

/// As when the user types what is suggested: the prompt ends within what was written.
#[test]
fn what_is_guessed_behind_a_place_that_was_gone_back_to_can_be_taken_back() {
    for memory in MEMORIES {
        let tiny = Tiny::new(memory);
        let mut worker = tiny.loaded();
        let raw = |text: &str, draft: &str| WorkerGenerateParams {
            prompt: WorkerPrompt::Raw { text: text.to_owned() },
            draft: draft.to_owned(),
            ..chat(1, "")
        };
        let prompt = words(2, 60);
        let text = tiny.plainly(&raw(&prompt, ""));
        let ends: Vec<usize> = text.match_indices(' ').map(|it| it.0).skip(1).collect();
        for end in ends.into_iter().take(6) {
            let first = WorkerGenerateParams { max_tokens: 6, ..raw(&prompt, &text) };
            write(&mut worker, &first);
            let longer = format!("{prompt}{}", &text[..end]);
            let wrong = words(5, 40);
            let expected = tiny.plainly(&raw(&longer, ""));
            assert_eq!(write(&mut worker, &raw(&longer, &wrong)).0, expected, "{memory:?} {end}");
        }
    }
}

#[test]
fn no_schedule_leaves_a_wrong_short_convolution() {
    try_schedules(Memory::ShortConvolution, 1);
}

#[test]
fn no_schedule_leaves_a_wrong_delta_net() {
    try_schedules(Memory::DeltaNet, 2);
}

#[test]
fn no_schedule_leaves_a_wrong_state_space() {
    try_schedules(Memory::StateSpace, 3);
}

#[test]
fn no_schedule_leaves_a_hole_in_a_sliding_window() {
    try_schedules(Memory::SlidingWindow(WINDOW), 4);
}

/// Requests in any order, with drafts that are right for a while or not at all, and some cancelled:
/// what is written must be what is written without all that.
fn try_schedules(memory: Memory, seed: u64) {
    let tiny = Tiny::new(memory);
    let prompts: Vec<WorkerGenerateParams> =
        (0..12).map(|at| command(at / 3, ORDERS[at % 3])).collect();
    let expected: Vec<String> = prompts.iter().map(|it| tiny.plainly(it)).collect();
    let mut worker = tiny.loaded();
    let (mut cancelled, mut cached, mut accepted) = (0, 0, 0);
    for schedule in 0..SCHEDULES {
        let mut random = Random((schedule as u64 + 1) * 0x9E37_79B9 + (seed << 48));
        for step in 0..1 + random.below(5) {
            let at = random.below(prompts.len());
            let purpose = Purpose::ALL[random.below(Purpose::ALL.len())];
            // Either right for a while, or not at all.
            let other = &expected[if random.below(3) == 0 { random.below(12) } else { at }];
            let length = random.below(other.len());
            let draft = if random.below(3) == 0 {
                String::new()
            } else {
                format!("{}{}", &other[..length], words(at, 4))
            };
            let written = WorkerGenerateParams { purpose, draft, ..prompts[at].clone() };
            let params = if random.below(5) == 0 { prepared(&written) } else { written };
            let id = worker.start::<WorkerGenerate>(&params);
            if random.below(4) == 0 {
                std::thread::sleep(std::time::Duration::from_micros(random.below(3000) as u64));
                worker.start::<WorkerCancel>(&WorkerCancelParams { request_id: 1 });
            }
            let generated = worker.finish_generation(id, 1);
            match &generated.result {
                Ok(answer) if params.max_tokens > 0 => {
                    let (text, usage) = (&generated.text, answer.usage);
                    assert_eq!(text, &expected[at], "{memory:?} {schedule}.{step}: {usage:?}");
                    cached += usage.cached_tokens;
                    accepted += usage.accepted_tokens;
                }
                Ok(_) => {}
                Err(error) => {
                    assert_eq!(error.code, ErrorCode::Cancelled, "{error:?}");
                    assert!(expected[at].starts_with(&generated.text));
                    cancelled += 1;
                }
            }
        }
    }
    let seen = (cancelled, cached, accepted);
    // A tenth of what an idle machine reaches: how much is guessed and what a cancel meets depend
    // on time.
    assert!(cancelled > 4 && cached > 4_000 && accepted > 300, "{memory:?}: {seen:?}");
}
