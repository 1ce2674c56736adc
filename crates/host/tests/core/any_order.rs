//! Any order of requests, switches, idle times, pressure, sleep and crashes on a machine with
//! little memory. The rig checks at every load that no model is loaded twice and that all of them
//! fit; this test checks that a running answer ends only by itself, and that every request ends
//! once.

use localcoder_host::core::Event;
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::rig::Rig;

/// At most two of them fit, and one never does.
const MODELS: [&str; 5] =
    ["size-500-a", "size-900-b", "size-1500-c", "size-2500-d", "size-5000-too-large"];
const MACHINE_BYTES: u64 = 3_000_000_000;

#[derive(Debug, Clone)]
enum Step {
    Explain { client: u64, model: Option<usize> },
    Warm { ahead: bool, model: Option<usize> },
    Prepare,
    Write,
    Finish,
    Switch { model: usize, window: u32, stays: Option<bool> },
    Short(bool),
    Woke,
    Saves(bool),
    Pass(u64),
    Survey,
}

fn step() -> impl Strategy<Value = Step> {
    let model = || prop::option::of(0..MODELS.len());
    prop_oneof![
        4 => (1_u64..3, model()).prop_map(|(client, model)| Step::Explain { client, model }),
        2 => (any::<bool>(), model()).prop_map(|(ahead, model)| Step::Warm { ahead, model }),
        1 => Just(Step::Prepare),
        3 => Just(Step::Write),
        4 => Just(Step::Finish),
        2 => (0..MODELS.len(), prop_oneof![Just(1024_u32), Just(4096)], any::<Option<bool>>())
            .prop_map(|(model, window, stays)| Step::Switch { model, window, stays }),
        1 => any::<bool>().prop_map(Step::Short),
        1 => Just(Step::Woke),
        1 => any::<bool>().prop_map(Step::Saves),
        2 => (1_u64..400_000).prop_map(Step::Pass),
        1 => Just(Step::Survey),
    ]
}

fn explain(rig: &mut Rig, client: u64, number: usize, model: Option<usize>) -> i64 {
    let mut params = json!({
        "requestId": format!("r{number}"),
        "document": {"path": "a.py", "text": "x = 1\n"}, "selection": {"start": 1, "end": 1},
    });
    if let Some(model) = model {
        params["model"] = MODELS[model].into();
    }
    rig.request(client, "explain", params)
}

/// A window that only watches for changes.
const WATCHER: u64 = 9;

/// The last status that it was sent.
fn told(rig: &Rig) -> Option<Value> {
    rig.notifications("statusChanged").last().map(|(_, status)| comparable(status.clone()))
}

fn asked(rig: &mut Rig) -> Option<Value> {
    Some(comparable(rig.status(1)))
}

/// The status without the values that change all the time.
fn comparable(mut status: Value) -> Value {
    for always in ["uptimeMs", "freeBytes"] {
        status.as_object_mut().unwrap().remove(always);
    }
    status
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn nothing_ends_a_running_answer_and_every_request_ends_once(
        steps in prop::collection::vec(step(), 1..80),
    ) {
        let mut rig = Rig::with_settings(json!({"codeModel": MODELS[0]}));
        rig.machine_bytes = Some(MACHINE_BYTES);
        rig.connect(1);
        rig.connect(2);
        rig.watch(WATCHER);
        let mut ids: Vec<i64> = Vec::new();
        for (number, step) in steps.into_iter().enumerate() {
            match step {
                Step::Explain { client, model } => ids.push(explain(&mut rig, client, number, model)),
                Step::Warm { ahead, model } => {
                    let model = model.map(|model| MODELS[model]);
                    let params = json!({"ahead": ahead, "model": model});
                    ids.push(rig.request(1, "warm", params));
                }
                Step::Prepare => ids.push(rig.request(1, "prepare", json!({
                    "requestId": format!("p{number}"),
                    "document": {"path": "a.py", "text": "x = 1\n"},
                    "selection": {"start": 1, "end": 1},
                }))),
                Step::Write if rig.is_writing() => rig.write("word "),
                Step::Finish if rig.is_writing() => rig.finish(),
                Step::Switch { model, window, stays } => {
                    let settings = json!({
                        "codeModel": MODELS[model], "contextWindow": window,
                        "keepModelLoaded": stays, "idleUnloadMinutes": 2,
                    });
                    rig.request(1, "configureFile", json!({"settings": settings}));
                }
                Step::Short(short) => rig.event(Event::MemoryShort(short)),
                Step::Woke => rig.event(Event::Woke),
                Step::Saves(saves) => rig.event(Event::PowerSaving(saves)),
                Step::Pass(ms) => {
                    rig.pass(ms);
                    // Longer than changes are gathered before they are sent.
                    rig.pass(150);
                    prop_assert_eq!(told(&rig), asked(&mut rig), "a watcher is told what is");
                }
                Step::Survey => ids.push(rig.request(1, "survey", json!({"models": MODELS}))),
                Step::Write | Step::Finish => {}
            }
            // Only work that was done ahead may be cancelled.
            for cancelled in rig.cancelled_calls() {
                prop_assert_eq!(cancelled["maxTokens"].clone(), Value::from(0));
            }
            rig.end_what_was_cancelled();
            prop_assert!(rig.killed.is_empty());
        }
        // Everything that still runs or waits must end by itself.
        for _ in 0..300 {
            if rig.is_writing() {
                rig.finish();
            }
            rig.pass(1_500);
            rig.end_what_was_cancelled();
        }
        for id in ids {
            prop_assert_eq!(rig.answers(id).len(), 1);
        }
    }
}
