//! A GPU that fails: the CPU takes its place once, this is reported, and it stays that way until
//! the user changes the setting.

use localcoder_protocol::{ErrorCode, ErrorInfo};
use serde_json::{Value, json};

use crate::rig::Rig;

fn with_gpu(mut rig: Rig) -> Rig {
    rig.devices = json!([
        {"name": "Metal", "description": "Fast GPU", "gpu": true, "memoryBytes": 1},
        {"name": "CPU", "description": "a processor", "gpu": false, "memoryBytes": 0},
    ]);
    rig.connect(1);
    rig
}

fn warm(rig: &mut Rig) -> Result<Value, ErrorInfo> {
    let id = rig.request(1, "warm", json!({}));
    rig.answer(id)
}

fn device(rig: &mut Rig) -> Value {
    rig.status(1)["worker"]["device"].clone()
}

fn note(rig: &mut Rig) -> String {
    let notes = rig.status(1)["notes"].clone();
    notes.as_array().unwrap().iter().map(|note| note.as_str().unwrap()).collect()
}

#[test]
fn a_load_that_fails_on_the_gpu_is_done_on_the_cpu_and_reported() {
    let mut rig = with_gpu(Rig::new());
    rig.load_error = Some(ErrorInfo::new(ErrorCode::ModelLoadFailed, "the GPU said no"));
    warm(&mut rig).unwrap();
    assert_eq!(device(&mut rig), "CPU");
    let told = note(&mut rig);
    assert!(told.contains("Fast GPU failed") && told.contains("the GPU said no"), "{told}");
    assert!(told.contains("`localcoder.acceleration`"), "{told}");
    assert_eq!(rig.calls("loadModel").len(), 2, "once on each");

    // The CPU is still used, by the next host, too.
    rig.load_error = None;
    warm(&mut rig).unwrap();
    assert_eq!(rig.calls("loadModel").len(), 2);
    rig.pass(40_000);
    let mut next = with_gpu(Rig::with_measurements(rig.kept.clone()));
    warm(&mut next).unwrap();
    assert_eq!(next.calls("loadModel")[0]["profile"]["gpuLayers"], 0);

    // Until the user changes the setting.
    let settings = json!({"acceleration": "gpu"});
    next.request(1, "configure", json!({"settings": settings}));
    warm(&mut next).unwrap();
    assert_eq!(device(&mut next), "GPU");
    assert!(!note(&mut next).contains("failed"));
}

#[test]
fn a_worker_that_dies_loading_on_the_gpu_is_followed_by_one_on_the_cpu() {
    let mut rig = with_gpu(Rig::new());
    rig.unanswered = "loadModel";
    let id = rig.request(1, "warm", json!({}));
    rig.unanswered = "";
    rig.kill();
    rig.pass(1_000);
    assert_eq!(rig.answer(id).unwrap()["loaded"], true);
    assert_eq!(device(&mut rig), "CPU");
}

#[test]
fn a_bad_file_is_not_the_gpus_fault() {
    let mut rig = with_gpu(Rig::new());
    rig.load_error = Some(ErrorInfo::new(ErrorCode::ModelDamaged, "it is cut off"));
    assert_eq!(warm(&mut rig).unwrap_err().code, ErrorCode::ModelDamaged);
    assert_eq!(rig.calls("loadModel").len(), 1);
    assert_eq!(note(&mut rig), "");
}

#[test]
fn two_crashes_while_answering_on_the_gpu_are_enough() {
    let mut rig = with_gpu(Rig::new());
    for round in 0..2 {
        let id = rig.explain(1, &format!("r{round}"));
        rig.write("begun");
        rig.kill();
        assert_eq!(rig.answer(id).unwrap_err().code, ErrorCode::WorkerCrashed);
        rig.pass(5_000);
    }
    let id = rig.explain(1, "last");
    rig.finish();
    rig.answer(id).unwrap();
    assert_eq!(device(&mut rig), "CPU");
}

#[test]
fn two_answers_that_the_gpu_fails_at_are_enough() {
    let mut rig = with_gpu(Rig::new());
    warm(&mut rig).unwrap();
    for (name, after) in [("a", Value::Null), ("b", json!(0))] {
        let id = rig.explain(1, name);
        rig.fail(ErrorCode::GenerateFailed);
        rig.pass(2_000);
        let loaded = rig.calls("loadModel").last().unwrap()["profile"]["gpuLayers"].clone();
        assert_eq!(loaded, after, "{name}");
        rig.write("It returns x.");
        rig.finish();
        assert_eq!(rig.answer(id).unwrap()["text"], "It returns x.", "it is asked once more");
    }
    assert!(note(&mut rig).contains("CPU"), "{}", note(&mut rig));
}

#[test]
fn compatibility_mode_never_asks_the_gpu() {
    let mut rig = with_gpu(Rig::with_settings(json!({"acceleration": "cpu"})));
    warm(&mut rig).unwrap();
    assert_eq!(rig.calls("loadModel")[0]["profile"]["gpuLayers"], 0);
    assert_eq!(device(&mut rig), "CPU");
    let devices = rig.status(1)["devices"].clone();
    assert_eq!(devices[0]["description"], "Fast GPU", "found, and not used");
}

#[test]
fn in_stability_mode_a_gpu_that_was_not_asked_for_is_not_filled() {
    for (acceleration, layers) in [("auto", json!(3)), ("gpu", Value::Null), ("cpu", json!(0))] {
        let mut rig = with_gpu(Rig::with_settings(json!({
            "codeModel": "size-100-a", "mode": "stability", "acceleration": acceleration,
        })));
        warm(&mut rig).unwrap();
        let profile = rig.calls("loadModel")[0]["profile"].clone();
        assert_eq!(profile["gpuLayers"], layers, "{acceleration}");
    }
}
