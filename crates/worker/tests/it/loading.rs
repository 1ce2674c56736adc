//! Loading, replacing and unloading, and files that are not models.

use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use localcoder_protocol::{
    ErrorAction, ErrorCode, Heartbeat, KvStorage, LoadModel, LoadModelParams, LoadProfile,
    LoadProgress, LoadProgressParams, Measured, Nothing, Notification, Ping, UnloadModel,
    WorkerGenerateParams, WorkerPrompt,
};
use localcoder_test_support::demo;

use crate::harness::{PROFILE, WORKER, Worker, chat, model, noise};

/// The demo model with the first `old` in its file replaced by `new`, which is as long.
fn patched(folder: &Path, old: &str, new: &str) -> PathBuf {
    let mut bytes = fs::read(model()).unwrap();
    let at = bytes.windows(old.len()).position(|window| window == old.as_bytes()).unwrap();
    bytes[at..at + old.len()].copy_from_slice(new.as_bytes());
    let path = folder.join(format!("{}.gguf", new.replace(|it: char| !it.is_alphanumeric(), "-")));
    fs::write(&path, bytes).unwrap();
    path
}

#[test]
fn a_load_tells_its_progress_and_what_it_took() {
    let mut worker = Worker::ready();
    let mut fractions = Vec::new();
    let params = LoadModelParams {
        model_ref: model().to_str().unwrap().to_owned(),
        chat_template: None,
        profile: PROFILE,
        measured: Measured::default(),
    };
    let answer = worker
        .call::<LoadModel>(&params, |method, params| {
            // Heartbeats come if the call takes longer.
            if method == Heartbeat::METHOD {
                return;
            }
            assert_eq!(method, LoadProgress::METHOD);
            let it: LoadProgressParams = serde_json::from_value(params).unwrap();
            assert_eq!(it.worker, WORKER);
            fractions.push(it.fraction);
        })
        .unwrap();
    assert_eq!(answer.worker, WORKER);
    assert!(answer.context_tokens > 0 && answer.context_tokens <= PROFILE.context_tokens);
    assert_eq!(answer.threads, 1, "a tiny model computes on one thread");
    assert!(!answer.device.is_empty());
    assert!(fractions.is_sorted() && fractions.iter().all(|it| (0.0..=1.0).contains(it)));
    assert_eq!(fractions.last(), Some(&1.0));
    assert!(worker.call::<Ping>(&Nothing {}, |_, _| {}).unwrap().loaded);
}

#[test]
fn the_memory_that_was_taken_is_reported() {
    let small = Worker::ready().load(model(), PROFILE).unwrap().memory;
    let file_bytes = std::fs::metadata(model()).unwrap().len();
    assert!(small.weights_bytes > file_bytes / 2 && small.weights_bytes <= file_bytes);
    assert!(small.kv_bytes > 0 && small.compute_bytes > 0);
    let half = LoadProfile { context_tokens: PROFILE.context_tokens / 2, ..PROFILE };
    let half = Worker::ready().load(model(), half).unwrap().memory;
    assert_eq!(half.kv_bytes * 2, small.kv_bytes, "the cache is as large as the window");
}

#[test]
fn a_quantized_cache_takes_half_the_memory_and_the_model_still_writes() {
    let mut plain = Worker::ready();
    let f16 = plain.load(model(), PROFILE).unwrap().memory;
    let mut worker = Worker::ready();
    let profile = LoadProfile { kv: KvStorage::Q8_0, ..PROFILE };
    let q8 = worker.load(model(), profile).unwrap().memory;
    // 34 bytes for 32 values instead of 64.
    assert!((q8.kv_bytes * 64).abs_diff(f16.kv_bytes * 34) < f16.kv_bytes, "{q8:?}");
    let asked = chat(1, "def total(items):\n    return sum(items)");
    let (first, again) = (worker.generate(&asked), worker.generate(&asked));
    assert_eq!(first.text, again.text);
    assert_eq!(again.answer().usage.cached_tokens, again.answer().usage.prompt_tokens - 1);
}

#[test]
fn the_window_is_clamped_and_said() {
    let mut worker = Worker::ready();
    let huge = LoadProfile { context_tokens: u32::MAX, batch_tokens: u32::MAX, ..PROFILE };
    let answer = worker.load(model(), huge).unwrap();
    assert!((1..=8192).contains(&answer.context_tokens));
    let small = LoadProfile { context_tokens: 100, batch_tokens: 0, threads: 2, ..PROFILE };
    let answer = worker.load(model(), small).unwrap();
    assert_eq!((answer.context_tokens, answer.threads), (100, 2));
    worker.generate(&chat(1, "x = 1")).result.unwrap();
}

#[test]
fn the_same_load_again_changes_nothing_and_another_replaces_it() {
    let mut worker = Worker::loaded(PROFILE);
    worker.generate(&chat(1, "x = 1")).result.unwrap();
    let params = LoadModelParams {
        model_ref: model().to_str().unwrap().to_owned(),
        chat_template: None,
        profile: PROFILE,
        measured: Measured::default(),
    };
    let progress = |_: &str, _| panic!("nothing is loaded again");
    worker.call::<LoadModel>(&params, progress).unwrap();
    assert!(worker.generate(&chat(2, "x = 1")).answer().usage.cached_tokens > 0);
    let other = LoadProfile { context_tokens: 1024, ..PROFILE };
    assert_eq!(worker.load(model(), other).unwrap().context_tokens, 1024);
    assert_eq!(worker.generate(&chat(3, "x = 1")).answer().usage.cached_tokens, 0);
}

#[test]
fn a_replaced_file_is_loaded_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.gguf");
    fs::copy(model(), &path).unwrap();
    let mut worker = Worker::ready();
    worker.load(&path, PROFILE).unwrap();
    let new = folder.path().join("b.gguf");
    fs::copy(model(), &new).unwrap();
    fs::rename(&new, &path).unwrap();
    let mut steps = 0;
    let params = LoadModelParams {
        model_ref: path.to_str().unwrap().into(),
        chat_template: None,
        profile: PROFILE,
        measured: Measured::default(),
    };
    worker.call::<LoadModel>(&params, |_, _| steps += 1).unwrap();
    assert!(steps > 0);
}

/// A load of a file that does not exist.
fn named(name: &str) -> LoadModelParams {
    let (model_ref, measured) = (name.to_owned(), Measured::default());
    LoadModelParams { model_ref, chat_template: None, profile: PROFILE, measured }
}

#[test]
fn what_was_given_is_loaded_whatever_has_its_name_by_then() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("gone.gguf");
    fs::copy(model(), &path).unwrap();
    let mut worker = Worker::ready();
    worker.give(&fs::File::open(&path).unwrap());
    fs::remove_file(&path).unwrap();
    worker.call::<LoadModel>(&named("/gone.gguf"), |_, _| {}).unwrap();
    worker.generate(&chat(1, "x = 1")).result.unwrap();
}

#[test]
fn a_file_that_another_program_writes_to_is_reported_and_a_missing_one_too() {
    use std::io::Write as _;

    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.gguf");
    fs::copy(model(), &path).unwrap();
    let mut worker = Worker::ready();
    worker.give(&fs::File::open(&path).unwrap());
    fs::File::options().append(true).open(&path).unwrap().write_all(b"more").unwrap();
    let error = worker.call::<LoadModel>(&named("/a.gguf"), |_, _| {}).unwrap_err();
    assert_eq!((error.code, error.action), (ErrorCode::ModelDamaged, Some(ErrorAction::Retry)));
    assert!(error.message.contains("changed while it was loaded"), "{error:?}");
    let error = worker.call::<LoadModel>(&named("/b.gguf"), |_, _| {}).unwrap_err();
    assert_eq!(error.code, ErrorCode::ModelNotFound);
    assert!(error.hint.is_some());
    // A file that was passed for a load that never came is not taken for another load.
    worker.give(&fs::File::open(&path).unwrap());
    worker.call::<Ping>(&Nothing {}, |_, _| {}).unwrap();
    let error = worker.call::<LoadModel>(&named("/c.gguf"), |_, _| {}).unwrap_err();
    assert_eq!(error.code, ErrorCode::ModelNotFound);
}

#[test]
fn after_unloading_there_is_no_model() {
    let mut worker = Worker::loaded(PROFILE);
    for _ in 0..2 {
        worker.call::<UnloadModel>(&Nothing {}, |_, _| {}).unwrap();
        assert!(!worker.call::<Ping>(&Nothing {}, |_, _| {}).unwrap().loaded);
    }
    assert_eq!(worker.generate(&chat(1, "a")).result.unwrap_err().code, ErrorCode::NoModel);
    worker.load(model(), PROFILE).unwrap();
    worker.generate(&chat(2, "a")).result.unwrap();
}

#[test]
fn every_bad_file_has_an_error_of_its_own_and_the_worker_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let good = fs::read(model()).unwrap();
    let write = |name: &str, bytes: &[u8]| {
        let path = folder.path().join(name);
        fs::write(&path, bytes).unwrap();
        path
    };
    let mut future = good.clone();
    future[4] = 99;
    let mut worker = Worker::ready();
    for (path, code) in [
        (folder.path().join("missing.gguf"), ErrorCode::ModelNotFound),
        (folder.path().to_owned(), ErrorCode::ModelNotGguf),
        (write("empty.gguf", b""), ErrorCode::ModelNotGguf),
        (write("text.gguf", b"<html>Log in to download</html>"), ErrorCode::ModelNotGguf),
        (write("magic.gguf", b"GGUF"), ErrorCode::ModelDamaged),
        (write("header.gguf", &good[..100]), ErrorCode::ModelDamaged),
        (write("metadata.gguf", &good[..20_000]), ErrorCode::ModelDamaged),
        (write("half.gguf", &good[..good.len() / 2]), ErrorCode::ModelDamaged),
        (write("short.gguf", &good[..good.len() - 64]), ErrorCode::ModelDamaged),
        (patched(folder.path(), "qwen2", "qwenZ"), ErrorCode::ModelUnsupported),
        (write("future.gguf", &future), ErrorCode::ModelUnsupported),
    ] {
        let error = worker.load(&path, PROFILE).unwrap_err();
        assert_eq!(error.code, code, "{error:?}");
        assert!(error.cause.is_some() || !path.is_file(), "{error:?}");
        assert!(error.hint.is_some(), "{error:?}");
        assert!(error.message.contains(path.to_str().unwrap()), "{error:?}");
    }
    assert!(!worker.call::<Ping>(&Nothing {}, |_, _| {}).unwrap().loaded);
    worker.load(model(), PROFILE).unwrap();
    worker.generate(&chat(1, "a")).result.unwrap();
    // A file that can't be opened leaves the loaded model alone.
    let error = worker.load(Path::new("/nowhere\0"), PROFILE).unwrap_err();
    assert!(matches!(error.code, ErrorCode::ModelNotFound | ErrorCode::FileAccess));
    assert!(worker.generate(&chat(2, "a")).answer().usage.cached_tokens > 0);
}

#[test]
fn a_file_without_a_template_and_with_the_tokens_of_chatml_is_asked_in_chatml() {
    let folder = tempfile::tempdir().unwrap();
    let path = patched(folder.path(), "tokenizer.chat_template", "tokenizer.chat_templatX");
    let mut worker = Worker::loaded(PROFILE);
    let with = worker.generate(&chat(1, "x = 1")).answer().usage.prompt_tokens;
    worker.load(&path, PROFILE).unwrap();
    let without = worker.generate(&chat(2, "x = 1")).answer().usage.prompt_tokens;
    assert_eq!(with, without);
}

#[test]
fn a_template_that_is_none_leaves_raw_prompts() {
    let folder = tempfile::tempdir().unwrap();
    let path = patched(folder.path(), "{% for", "{% fox");
    let mut worker = Worker::ready();
    worker.load(&path, PROFILE).unwrap();
    let error = worker.generate(&chat(1, "x = 1")).result.unwrap_err();
    assert_eq!(error.code, ErrorCode::ModelUnsupported);
    assert!(error.cause.is_some() && error.hint.is_some());
    let mut raw = chat(2, "");
    raw.prompt = WorkerPrompt::Raw { text: "x = 1".into() };
    worker.generate(&raw).result.unwrap();
}

/// The demo model with a part of its weights overwritten; the part is counted from where the
/// weights begin.
fn overwritten(folder: &Path, name: &str, part: Range<usize>, by: u8) -> PathBuf {
    let mut bytes = fs::read(model()).unwrap();
    let header = localcoder_gguf::Header::read(bytes.as_slice(), bytes.len() as u64).unwrap();
    let start = bytes.len() - usize::try_from(header.tensor_bytes).unwrap();
    let end = (start + part.end).min(bytes.len());
    bytes[start + part.start..end].fill(by);
    let path = folder.join(name);
    fs::write(&path, bytes).unwrap();
    path
}

#[test]
fn weights_that_give_nothing_are_reported_as_damage_in_place_of_an_answer() {
    let folder = tempfile::tempdir().unwrap();
    let all = 0..usize::MAX / 2;
    // The embeddings come first; they also produce the logits.
    let embeddings = 0..500_000;
    let mut worker = Worker::ready();
    for (name, part, by, words) in [
        ("empty.gguf", all.clone(), 0, "as likely as any other"),
        ("nan.gguf", all, 0xff, "not a number"),
        ("nan-embeddings.gguf", embeddings, 0xff, "not a number"),
        ("nan-end.gguf", 3_500_000..3_700_000, 0xff, "not a number"),
    ] {
        let path = overwritten(folder.path(), name, part, by);
        worker.load(&path, PROFILE).unwrap();
        let mut raw = chat(2, "");
        raw.prompt = WorkerPrompt::Raw { text: "x = 1".into() };
        let drafted = WorkerGenerateParams { draft: "x = 1\n".into(), ..chat(3, "x = 1") };
        let drawn = WorkerGenerateParams { request_id: 4, ..noise(4, 1) };
        for asked in [chat(1, "x = 1"), raw, drafted, drawn] {
            let generated = worker.generate(&asked);
            let error = generated.result.unwrap_err();
            assert_eq!(error.code, ErrorCode::ModelDamaged, "{name}: {error:?}");
            assert!(error.message.contains(path.to_str().unwrap()), "{error:?}");
            assert!(error.cause.as_ref().is_some_and(|cause| cause.contains(words)), "{error:?}");
            assert_eq!(error.action, Some(ErrorAction::VerifyModel));
            assert_eq!(generated.text, "");
        }
    }
    worker.load(model(), PROFILE).unwrap();
    worker.generate(&chat(5, "x = 1")).result.unwrap();
}

#[test]
fn a_model_that_repeats_itself_is_not_called_damaged() {
    let mut worker = Worker::loaded(PROFILE);
    let mut raw = chat(1, "");
    raw.prompt = WorkerPrompt::Raw { text: "aaaa ".repeat(200) };
    worker.generate(&raw).result.unwrap();
}

#[test]
fn a_hostile_template_is_refused_in_time_with_its_reason_and_the_worker_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let mut worker = Worker::ready();
    for (template, reason) in [
        (
            "{% set ns=namespace(s='x') %}{% for i in range(40) %}{% set ns.s=ns.s~ns.s %}{% endfor %}",
            "memory",
        ),
        (
            "{% for i in range(9999) %}{% set x=range(99999)|sort %}{% endfor %}",
            "computes for more",
        ),
        ("{% set ns=namespace() %}{% set ns.a=ns %}{{ ns|tojson }}", "too deeply"),
        ("{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}", "steps"),
        ("{{ '%.1000000000f' | format(1.5) }}", "the template engine fails"),
    ] {
        let path = folder.path().join("template.gguf");
        fs::write(&path, demo::with_template(template)).unwrap();
        worker.load(&path, PROFILE).unwrap();
        let started = Instant::now();
        let error = worker.generate(&chat(1, "x = 1")).result.unwrap_err();
        // The limit of one second is tested where nothing else computes, in `localcoder-templates`.
        assert!(started.elapsed() < Duration::from_secs(3), "{template}: {:?}", started.elapsed());
        assert!(error.hint.is_some());
        let again = worker.generate(&chat(2, "x = 1")).result.unwrap_err();
        // If other programs had the processor all that time, the error says so and the load may be
        // retried.
        if error.code != ErrorCode::Busy {
            assert_eq!(error.code, ErrorCode::ModelUnsupported, "{error:?}");
            assert!(error.cause.as_ref().is_some_and(|cause| cause.contains(reason)), "{error:?}");
            // The same reason again, without running the template again.
            assert_eq!(again, error);
        }
        let mut raw = chat(3, "");
        raw.prompt = WorkerPrompt::Raw { text: "x = 1".into() };
        worker.generate(&raw).result.unwrap();
    }
    assert!(worker.child.try_wait().unwrap().is_none(), "it is still the same one");
    worker.load(model(), PROFILE).unwrap();
    worker.generate(&chat(4, "x = 1")).result.unwrap();
}

/// The demo model is small and has no weights that would be rearranged; the procedure is the same.
#[test]
fn faster_weights_take_over_without_losing_what_was_read() {
    let mut worker = Worker::ready();
    let measured = Measured { repacking_pays: Some(true), step_costs: Vec::new() };
    let model_ref = model().to_str().unwrap().to_owned();
    let params = LoadModelParams { model_ref, chat_template: None, profile: PROFILE, measured };
    worker.call::<LoadModel>(&params, |_, _| {}).unwrap();
    let question = chat(1, "def f(x):\n    return x == None\n");
    let before = worker.generate(&question);
    // This pace is not that of the weights that are to come.
    assert_eq!(before.answer().measured.step_costs, []);
    let deadline = Instant::now() + Duration::from_secs(60);
    while !worker.stderr().contains("the faster weights are in use") {
        assert!(Instant::now() < deadline, "{}", worker.stderr());
        std::thread::sleep(Duration::from_millis(10));
    }
    let after = worker.generate(&WorkerGenerateParams { request_id: 2, ..question });
    assert_eq!(after.text, before.text);
    let usage = after.answer().usage;
    assert_eq!(usage.cached_tokens, usage.prompt_tokens - 1, "what was read is still there");
    assert_ne!(after.answer().measured.step_costs, []);
    // A load that has not finished does not keep the model from being replaced.
    worker.call::<UnloadModel>(&Nothing {}, |_, _| {}).unwrap();
    worker.call::<LoadModel>(&params, |_, _| {}).unwrap();
    worker.call::<UnloadModel>(&Nothing {}, |_, _| {}).unwrap();
    worker.load(model(), PROFILE).unwrap();
}

#[test]
fn a_chat_template_that_is_given_counts_more_than_the_files() {
    let mut worker = Worker::ready();
    let model_ref = model().to_str().unwrap().to_owned();
    let mut load = |template: Option<&str>| {
        let chat_template = template.map(str::to_owned);
        let (model_ref, measured) = (model_ref.clone(), Measured::default());
        let params = LoadModelParams { model_ref, chat_template, profile: PROFILE, measured };
        worker.call::<LoadModel>(&params, |_, _| {}).unwrap();
        let generated = worker.generate(&chat(1, "x = 1"));
        generated.result.map(|answer| answer.usage.prompt_tokens)
    };
    let own = load(None).unwrap();
    let bare = load(Some("{{ messages[-1]['content'] }}")).unwrap();
    assert!(bare < own, "{bare} and {own} tokens");
    let error = load(Some("{% if %}")).unwrap_err();
    assert_eq!(error.code, ErrorCode::ModelUnsupported);
    assert_eq!(load(None).unwrap(), own);
}
