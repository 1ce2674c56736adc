//! A draft model: it makes writing faster where it pays, and changes nothing in what is written.

use std::path::{Path, PathBuf};

use localcoder_protocol::{
    DraftUse, DraftWhen, ErrorCode, LoadProfile, Nothing, Purpose, ScoreText, ScoreTextParams,
    UnloadDraft, Usage, WorkerCancel, WorkerCancelParams, WorkerGenerate, WorkerGenerateParams,
};
use localcoder_test_support::tiny::{self, Memory};
use tempfile::TempDir;

use crate::harness::{PROFILE, Random, Worker, chat};

const WINDOW: u32 = 64;
const SMALL: LoadProfile = LoadProfile { context_tokens: 768, threads: 1, ..PROFILE };
const CELLS: Memory = Memory::SlidingWindow(WINDOW);
const TARGETS: [Memory; 4] =
    [CELLS, Memory::ShortConvolution, Memory::DeltaNet, Memory::StateSpace];
/// How much of its weights differs in a model that is often wrong.
const DIFFERENCE: f32 = 0.06;
const SCHEDULES: usize = 120;

struct Models {
    _folder: TempDir,
    target: PathBuf,
    draft: PathBuf,
}

impl Models {
    fn new(target: Memory, draft: &[u8]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, bytes: &[u8]| {
            let path = folder.path().join(name);
            std::fs::write(&path, bytes).unwrap();
            path
        };
        let target = write("target.gguf", &tiny::model(target));
        let draft = write("draft.gguf", draft);
        Self { _folder: folder, target, draft }
    }

    fn plain(&self) -> Worker {
        let mut worker = Worker::ready();
        worker.load(&self.target, SMALL).unwrap();
        worker
    }

    /// What is written when nothing is cached or guessed.
    fn plainly(&self, params: &WorkerGenerateParams) -> String {
        let params = WorkerGenerateParams { plain: true, ..params.clone() };
        self.plain().generate(&params).text
    }

    fn drafted(&self, when: DraftWhen) -> Worker {
        let mut worker = self.plain();
        worker.load_draft(&self.draft, when).unwrap();
        worker
    }
}

fn words(seed: usize, count: usize) -> String {
    const WORDS: [&str; 8] = ["return", "self", "for", "in", "not", "def", "class", "import"];
    let word = |at: usize| WORDS[(at * 7 + seed * 3 + at * seed) % WORDS.len()];
    (0..count).map(|at| format!(" {}", word(at))).collect()
}

fn question(at: usize) -> WorkerGenerateParams {
    let shared = format!("The code:\n{}\n", words(at / 2, 50));
    let params = chat(1, &format!("{shared}{}", words(at, 6)));
    WorkerGenerateParams { max_tokens: 32, purpose: Purpose::Answer, ..params }
}

fn write(worker: &mut Worker, params: &WorkerGenerateParams) -> (String, Usage, DraftUse) {
    let generated = worker.generate(params);
    let answer = generated.answer();
    (generated.text.clone(), answer.usage, answer.draft)
}

#[test]
fn a_model_that_says_the_same_drafts_nearly_all() {
    let models = Models::new(CELLS, &tiny::model(CELLS));
    let mut drafted = models.drafted(DraftWhen::Always);
    for at in 0..4 {
        let (text, usage, draft) = write(&mut drafted, &question(at));
        assert_eq!(text, models.plainly(&question(at)));
        assert!(draft.accepted_tokens * 10 >= draft.drafted_tokens * 9, "{draft:?}");
        assert!(usage.rounds * 3 < usage.generated_tokens, "{usage:?}");
        assert_eq!(usage.drafted_tokens, draft.drafted_tokens);
        assert_eq!(usage.accepted_tokens, draft.accepted_tokens);
    }
}

#[test]
fn the_selection_comes_before_the_draft_model() {
    let models = Models::new(CELLS, &tiny::relative(CELLS, DIFFERENCE));
    let mut worker = models.drafted(DraftWhen::Always);
    let (text, _, by_model) = write(&mut worker, &question(1));
    assert!(by_model.drafted_tokens > 0);
    let edit = WorkerGenerateParams { draft: text.clone(), ..question(1) };
    let (again, usage, by_model) = write(&mut worker, &edit);
    assert_eq!(again, text);
    assert!(usage.accepted_tokens >= usage.generated_tokens * 3 / 4, "{usage:?}");
    assert!(by_model.drafted_tokens * 4 < usage.drafted_tokens, "{by_model:?} {usage:?}");
}

#[test]
fn one_that_costs_more_than_it_gains_is_not_asked() {
    // A draft model that takes as long as the model that it drafts for never pays.
    let models = Models::new(CELLS, &tiny::model(CELLS));
    let mut worker = models.drafted(DraftWhen::Pays);
    let (mut rounds, mut tokens) = (0, 0);
    for at in 0..12 {
        let (_, usage, draft) = write(&mut worker, &question(at));
        rounds += draft.rounds;
        tokens += usage.generated_tokens;
    }
    assert!(rounds * 5 < tokens, "{rounds} of {tokens}");
}

#[test]
fn another_vocabulary_and_a_state_are_refused_and_reported() {
    let name = "\u{120}return";
    let mut other = tiny::model(CELLS);
    let at = other.windows(name.len()).position(|it| it == name.as_bytes()).unwrap();
    other[at + name.len() - 1] = b'x';
    let cases =
        [(other, "its vocabulary is another one"), (tiny::model(Memory::StateSpace), "a state")];
    for (bytes, cause) in cases {
        let models = Models::new(CELLS, &bytes);
        let mut worker = models.plain();
        let error = worker.load_draft(&models.draft, DraftWhen::Always).unwrap_err();
        assert_eq!(error.code, ErrorCode::ModelUnsupported);
        assert!(error.cause.as_ref().unwrap().contains(cause), "{error:?}");
        assert!(error.hint.unwrap().contains("localcoder.draftModel"));
        // The other model answers as before.
        assert_eq!(write(&mut worker, &question(1)).2, DraftUse::default());
    }
    let error = Worker::ready().load_draft(Path::new("none.gguf"), DraftWhen::Pays).unwrap_err();
    assert_eq!(error.code, ErrorCode::ModelNotFound);
    let models = Models::new(CELLS, &tiny::model(CELLS));
    let error = Worker::ready().load_draft(&models.draft, DraftWhen::Pays).unwrap_err();
    assert_eq!(error.code, ErrorCode::NoModel);
}

#[test]
fn it_goes_when_it_is_unloaded_and_with_the_model() {
    let models = Models::new(CELLS, &tiny::model(CELLS));
    let mut worker = models.plain();
    let answer = worker.load_draft(&models.draft, DraftWhen::Always).unwrap();
    assert!(answer.memory.kv_bytes > 0 && answer.step_us > 0);
    let asked = |worker: &mut Worker| write(worker, &question(2)).2.drafted_tokens > 0;
    assert!(asked(&mut worker));
    worker.call::<UnloadDraft>(&Nothing {}, |_, _| {}).unwrap();
    assert!(!asked(&mut worker));
    worker.load_draft(&models.draft, DraftWhen::Always).unwrap();
    assert!(asked(&mut worker));
    worker.load(&models.target, LoadProfile { context_tokens: 512, ..SMALL }).unwrap();
    assert!(!asked(&mut worker));
}

#[test]
fn a_text_is_scored_by_what_would_have_been_written() {
    let models = Models::new(CELLS, &tiny::model(CELLS));
    let mut worker = models.plain();
    let params = question(3);
    let (text, usage, _) = write(&mut worker, &params);
    let score = |worker: &mut Worker, text: String| {
        let params = ScoreTextParams { prompt: params.prompt.clone(), text };
        worker.call::<ScoreText>(&params, |_, _| {}).unwrap()
    };
    let own = score(&mut worker, text);
    assert_eq!(own.prompt.len(), usage.prompt_tokens as usize);
    assert_eq!(own.tokens.len(), usage.generated_tokens as usize);
    assert!(own.tokens.iter().all(|it| it.token == it.likeliest && it.probability > 0.0));
    let other = score(&mut worker, words(5, 80));
    assert!(other.tokens.len() >= 80 && other.tokens.iter().any(|it| it.token != it.likeliest));
    assert_eq!(score(&mut worker, String::new()).tokens, []);
}

#[test]
fn no_schedule_changes_what_is_written() {
    for (seed, target) in TARGETS.into_iter().enumerate() {
        // A draft model of another kind is nearly always wrong, and one of the same kind often
        // right.
        let draft =
            if target == CELLS { tiny::relative(CELLS, DIFFERENCE) } else { tiny::model(CELLS) };
        let models = Models::new(target, &draft);
        let expected: Vec<String> = (0..8).map(|at| models.plainly(&question(at))).collect();
        let mut worker = models.drafted(DraftWhen::Always);
        let (mut cancelled, mut used, mut cached) = (0, DraftUse::default(), 0);
        for schedule in 0..SCHEDULES {
            let mut random =
                Random((schedule as u64 + 1) * 0x9E37_79B9 + ((seed as u64 + 9) << 48));
            let at = random.below(expected.len());
            let purpose = Purpose::ALL[random.below(Purpose::ALL.len())];
            let draft = match random.below(4) {
                0 => expected[at][..random.below(expected[at].len())].to_owned(),
                _ => String::new(),
            };
            let max_tokens = if random.below(6) == 0 { 0 } else { question(at).max_tokens };
            let params = WorkerGenerateParams { purpose, draft, max_tokens, ..question(at) };
            let id = worker.start::<WorkerGenerate>(&params);
            if random.below(4) == 0 {
                std::thread::sleep(std::time::Duration::from_micros(random.below(4000) as u64));
                worker.start::<WorkerCancel>(&WorkerCancelParams { request_id: 1 });
            }
            let generated = worker.finish_generation(id, 1);
            match &generated.result {
                Ok(answer) if max_tokens > 0 => {
                    assert_eq!(generated.text, expected[at], "{target:?} {schedule}: {answer:?}");
                    used.drafted_tokens += answer.draft.drafted_tokens;
                    used.accepted_tokens += answer.draft.accepted_tokens;
                    cached += answer.usage.cached_tokens;
                }
                Ok(_) => {}
                Err(error) => {
                    assert_eq!(
                        error.code,
                        ErrorCode::Cancelled,
                        "{target:?} {schedule}: {error:?} {}",
                        worker.stderr()
                    );
                    assert!(expected[at].starts_with(&generated.text));
                    cancelled += 1;
                }
            }
        }
        assert!(
            cancelled > 5 && cached > 1_000 && used.drafted_tokens > 500,
            "{target:?} {used:?}"
        );
        let part = used.accepted_tokens * 10 / used.drafted_tokens;
        assert!(target != CELLS || (1..10).contains(&part), "{used:?}");
    }
}
