//! Requests from their start to their end, and what workers, clients and time do to them.

use localcoder_host::core::{ClientId, Event};
use localcoder_protocol::{DOCUMENT_BYTES_MAX, ErrorCode, ErrorInfo, PROTOCOL_VERSION, WorkerId};
use localcoder_settings::Contents;
use localcoder_transport::{Id, Message};
use serde_json::{Value, json};

use crate::rig::{Rig, demo_header};

fn request(request_id: &str, text: &str, start: u32, end: u32) -> Value {
    json!({
        "requestId": request_id,
        "document": {"path": "a.py", "text": text},
        "selection": {"start": start, "end": end},
    })
}

#[test]
fn an_explanation_streams_and_ends_once() {
    let mut rig = Rig::new();
    rig.connect(1);
    let id = rig.explain(1, "a");
    rig.write("It ");
    rig.write("returns x.");
    rig.finish();
    assert_eq!(rig.answer(id).unwrap()["text"], "It returns x.");
    assert_eq!(rig.deltas(), "It returns x.");
}

#[test]
fn text_is_streamed_while_it_is_written() {
    let mut rig = Rig::new();
    rig.connect(1);
    rig.explain(1, "a");
    rig.write("It ");
    assert_eq!(rig.deltas(), "It ", "the first token goes out at once");
    rig.write("returns");
    assert_eq!(rig.deltas(), "It ", "the next waits to be sent together");
    rig.pass(50);
    assert_eq!(rig.deltas(), "It returns");
}

#[test]
fn a_rewrite_becomes_an_edit() {
    let mut rig = Rig::new();
    rig.connect(1);
    let text = "import os\n\ndef f(x):\n    if x == None:\n        return 1\n    return 2\n";
    let id = rig.request(1, "improve", request("a", text, 3, 6));
    let rewrite = "def f(x):\n    if x is None:\n        return 1\n    return 2";
    rig.write(rewrite);
    rig.finish();
    let answer = rig.answer(id).unwrap();
    assert_eq!(answer["edit"]["range"], json!({"start": 3, "end": 6}));
    assert_eq!(answer["edit"]["replacement"], rewrite);
    assert_eq!(answer["hunks"].as_array().unwrap().len(), 1);
}

#[test]
fn document_writes_comments_and_never_other_code() {
    let mut rig = Rig::new();
    rig.connect(1);
    let text = "def f(x):\n    return x\n";
    let id = rig.request(1, "document", request("a", text, 1, 2));
    let documented = "def f(x):\n    \"\"\"Gives x.\"\"\"\n    return x";
    rig.write(documented);
    rig.finish();
    assert_eq!(rig.answer(id).unwrap()["edit"]["replacement"], documented);

    let id = rig.request(1, "document", request("b", text, 1, 2));
    for _ in 0..2 {
        rig.write("def f(x):\n    \"\"\"Gives x.\"\"\"\n    return x + 1");
        rig.finish();
    }
    let error = rig.answer(id).unwrap_err();
    assert!(error.to_string().contains("only comments"), "{error}");
}

#[test]
fn two_windows_share_one_worker_and_one_model() {
    let mut rig = Rig::new();
    rig.connect(1);
    rig.connect(2);
    let first = rig.explain(1, "a");
    let second = rig.explain(2, "a");
    rig.write("one");
    rig.finish();
    rig.write("two");
    rig.finish();
    assert_eq!(rig.answer(first).unwrap()["text"], "one");
    assert_eq!(rig.answer(second).unwrap()["text"], "two");
    assert_eq!(rig.started.len(), 1);
    assert_eq!(rig.calls("loadModel").len(), 1);
}

#[test]
fn a_cancel_ends_the_request_at_once_and_the_next_one_works() {
    let mut rig = Rig::new();
    rig.connect(1);
    let first = rig.explain(1, "a");
    rig.write("half");
    let cancel = rig.request(1, "cancel", json!({"requestId": "a"}));
    assert_eq!(rig.answer(cancel).unwrap()["found"], true);
    assert_eq!(rig.answer(first).unwrap_err().code, ErrorCode::Cancelled);
    let cancelled = rig.open_call("generate");
    let second = rig.explain(1, "b");
    assert_eq!(rig.open_call("generate"), cancelled, "it waits for the first to end");
    rig.write("late");
    rig.end_cancelled(cancelled);
    rig.write("whole");
    rig.finish();
    assert_eq!(rig.answer(second).unwrap()["text"], "whole");
}

#[test]
fn a_waiting_request_can_be_cancelled_and_others_are_not_found() {
    let mut rig = Rig::new();
    rig.connect(1);
    rig.explain(1, "a");
    let waiting = rig.explain(1, "b");
    rig.request(1, "cancel", json!({"requestId": "b"}));
    assert_eq!(rig.answer(waiting).unwrap_err().code, ErrorCode::Cancelled);
    let unknown = rig.request(1, "cancel", json!({"requestId": "c"}));
    assert_eq!(rig.answer(unknown).unwrap()["found"], false);
    rig.connect(2);
    let foreign = rig.request(2, "cancel", json!({"requestId": "a"}));
    assert_eq!(rig.answer(foreign).unwrap()["found"], false, "only one's own");
}

#[test]
fn a_dead_worker_fails_its_request_and_a_new_one_answers_the_next() {
    let mut rig = Rig::new();
    rig.connect(1);
    let first = rig.explain(1, "a");
    rig.write("half");
    rig.kill();
    let error = rig.answer(first).unwrap_err();
    assert_eq!(error.code, ErrorCode::WorkerCrashed);
    assert!(error.cause.unwrap().contains("last words"));
    let second = rig.explain(1, "b");
    rig.pass(300);
    assert_eq!(rig.started, [1, 2]);
    rig.write("again");
    rig.finish();
    assert_eq!(rig.answer(second).unwrap()["text"], "again");
}

#[test]
fn what_a_dead_worker_still_says_is_dropped() {
    let mut rig = Rig::new();
    rig.connect(1);
    rig.explain(1, "a");
    let call = rig.open_call("generate");
    rig.write("half");
    rig.kill();
    let second = rig.explain(1, "b");
    rig.pass(300);
    let worker = WorkerId { slot: 0, generation: 1 };
    let params = json!({"worker": worker, "requestId": call, "text": "ghost"});
    let message = Message::Notification { method: "token".to_owned(), params };
    rig.event(Event::WorkerMessage { generation: 1, message });
    rig.write("live");
    rig.finish();
    assert_eq!(rig.answer(second).unwrap()["text"], "live");
}

#[test]
fn a_worker_that_keeps_dying_is_not_started_by_itself_for_ever() {
    let mut rig = Rig::new();
    rig.connect(1);
    for round in 0..6 {
        rig.explain(1, &format!("r{round}"));
        rig.pass(5_000);
        rig.write("begun");
        rig.kill();
    }
    let started = rig.started.len();
    rig.pass(60_000);
    assert_eq!(rig.started.len(), started, "it waits to be asked");
    let refused = rig.explain(1, "too soon");
    let error = rig.answer(refused).unwrap_err();
    assert_eq!(error.code, ErrorCode::WorkerCrashed);
    assert!(error.cause.unwrap().contains("minutes") && error.hint.unwrap().contains("lighter"));
    assert_eq!(rig.started.len(), started, "nor for each who asks");
    rig.pass(5 * 60_000);
    let asked = rig.explain(1, "asked");
    rig.write("fine");
    rig.finish();
    assert_eq!(rig.answer(asked).unwrap()["text"], "fine");
}

#[test]
fn after_a_crash_between_requests_the_model_comes_back_by_itself() {
    let mut rig = Rig::new();
    rig.connect(1);
    let warm = rig.request(1, "warm", json!({}));
    rig.answer(warm).unwrap();
    rig.kill();
    rig.pass(1_000);
    let status = rig.request(1, "status", json!({}));
    assert_eq!(rig.answer(status).unwrap()["engine"]["state"], "ready");
}

#[test]
fn a_worker_that_does_not_stop_is_killed() {
    let mut rig = Rig::new();
    rig.connect(1);
    rig.explain(1, "a");
    rig.request(1, "cancel", json!({"requestId": "a"}));
    rig.pass(11_000);
    assert_eq!(rig.killed, [1]);
}

#[test]
fn silence_kills_a_worker_but_sleep_is_not_silence() {
    let mut rig = Rig::new();
    rig.connect(1);
    rig.watch(2);
    rig.explain(1, "a");
    rig.silent = true;
    rig.now_ms += 3_600_000;
    rig.event(Event::Tick);
    rig.pass(1_500);
    assert!(rig.killed.is_empty(), "the machine slept");
    assert_eq!(rig.status(1)["engine"]["state"], "working");
    rig.pass(2_000);
    assert_eq!(rig.status(1)["engine"]["state"], "unresponsive");
    let told = rig.notifications("statusChanged").last().unwrap().1.clone();
    assert_eq!(told["engine"]["state"], "unresponsive", "whoever watches is told without asking");
    rig.pass(9_000);
    assert_eq!(rig.killed, [1]);
}

#[test]
fn an_answer_that_comes_after_sleep_makes_no_step_long() {
    let mut rig = Rig::new();
    rig.connect(1);
    rig.unanswered = "loadModel";
    let id = rig.explain(1, "a");
    // The first message after hours of sleep: the load has ended.
    rig.now_ms += 3 * 3_600_000;
    rig.unanswered = "";
    rig.answer_load();
    rig.stalled = true;
    rig.pass(19_000);
    assert!(rig.killed.is_empty());
    rig.pass(6_000);
    assert_eq!(rig.killed, [1], "that hangs as it would without the sleep");
    rig.kill();
    assert!(rig.answers(id).is_empty(), "it is asked again");
}

#[test]
fn a_worker_that_lives_and_computes_nothing_is_killed_and_a_slow_one_is_not() {
    let mut slow = Rig::new();
    slow.connect(1);
    let id = slow.explain(1, "a");
    slow.pass(3_600_000);
    assert!(slow.killed.is_empty());
    slow.finish();
    slow.answer(id).unwrap();

    let mut stalled = Rig::new();
    stalled.connect(1);
    stalled.explain(1, "a");
    stalled.stalled = true;
    stalled.pass(19_000);
    assert_eq!(stalled.status(1)["engine"]["state"], "working", "it lives");
    assert!(stalled.killed.is_empty());
    stalled.pass(6_000);
    assert_eq!(stalled.killed, [1]);
}

#[test]
fn a_client_that_goes_takes_its_requests_along() {
    let mut rig = Rig::new();
    rig.connect(1);
    rig.connect(2);
    rig.explain(1, "a");
    rig.explain(1, "b");
    let other = rig.explain(2, "c");
    rig.event(Event::ClientGone(1));
    let call = rig.open_call("generate");
    rig.end_cancelled(call);
    rig.write("mine");
    rig.finish();
    assert_eq!(rig.answer(other).unwrap()["text"], "mine");
}

#[test]
fn another_version_is_told_which_side_to_update() {
    let mut rig = Rig::new();
    rig.event(Event::ClientConnected(1));
    for (version, hint) in
        [(PROTOCOL_VERSION + 1, "start the engine again"), (0, "reload the window")]
    {
        let params = json!({"protocolVersion": version, "buildId": "x", "pid": 1, "client": "cli"});
        let id = rig.request(1, "hello", params);
        let error = rig.answer(id).unwrap_err();
        assert_eq!(error.code, ErrorCode::VersionMismatch);
        assert!(error.hint.unwrap().contains(hint));
    }
    let id = rig.request(1, "improve", json!({}));
    assert_eq!(rig.answer(id).unwrap_err().code, ErrorCode::Protocol, "hello comes first");
    let id = rig.request(1, "status", json!({}));
    assert!(rig.answer(id).is_ok(), "status works in every version");
}

#[test]
fn bad_requests_are_refused_with_their_code() {
    let mut rig = Rig::new();
    rig.connect(1);
    rig.explain(1, "a");
    let huge = "x".repeat(DOCUMENT_BYTES_MAX + 1);
    for (method, params, code) in [
        ("nonsense", json!({}), ErrorCode::Protocol),
        ("improve", json!({"requestId": 3}), ErrorCode::Protocol),
        ("explain", request("a", "x = 1", 1, 1), ErrorCode::Protocol),
        ("explain", request("", "x = 1", 1, 1), ErrorCode::Protocol),
        ("explain", request("b", "x = 1", 1, 9), ErrorCode::LinesOutOfRange),
        ("improve", request("b", "\n  \n", 1, 2), ErrorCode::SelectionEmpty),
        ("improve", request("b", &huge, 1, 1), ErrorCode::DocumentTooLarge),
    ] {
        let id = rig.request(1, method, params);
        assert_eq!(rig.answer(id).unwrap_err().code, code, "{method}");
    }
}

#[test]
fn a_missing_model_fails_its_request_only() {
    let mut rig = Rig::new();
    rig.connect(1);
    let mut params = request("a", "x = 1", 1, 1);
    params["model"] = "missing".into();
    let id = rig.request(1, "explain", params);
    assert_eq!(rig.answer(id).unwrap_err().code, ErrorCode::ModelNotFound);
    let id = rig.request(1, "status", json!({}));
    assert_eq!(rig.answer(id).unwrap()["engine"]["state"], "idle");
}

#[test]
fn settings_take_effect() {
    let mut rig = Rig::with_settings(json!({"codeModel": "file-model", "contextWindow": 1024}));
    rig.connect(1);
    let settings = json!({
        "contextWindow": 512,
        "acceleration": "cpu",
        "sampling": {"temperature": 0.5, "topP": 0.8, "repeatPenalty": 1.25},
        "wrong": 1,
    });
    let id = rig.request(1, "configure", json!({"settings": settings}));
    assert_eq!(rig.answer(id).unwrap()["errors"][0]["code"], "invalidSetting");
    rig.explain(1, "a");
    let load = &rig.calls("loadModel")[0];
    assert_eq!(load["modelRef"], "file-model");
    assert_eq!(load["profile"]["contextTokens"], 512);
    assert_eq!(load["profile"]["gpuLayers"], 0);
    let sampling = &rig.calls("generate")[0]["sampling"];
    assert_eq!(sampling["temperature"], 0.5);
    assert_eq!(sampling["repeatPenalty"], 1.25);
    assert!((sampling["topP"].as_f64().unwrap() - 0.8).abs() < 1e-6);
}

#[test]
fn what_an_editor_has_set_is_known_to_the_next_host() {
    let mut rig = Rig::new();
    rig.connect(1);
    let configure = |rig: &mut Rig, tokens: u32| {
        let id = rig.request(1, "configure", json!({"settings": {"contextWindow": tokens}}));
        assert!(rig.answer(id).is_ok());
    };
    configure(&mut rig, 512);
    configure(&mut rig, 512);
    configure(&mut rig, 1024);
    assert_eq!(rig.editor_settings_kept, [r#"{"contextWindow":512}"#, r#"{"contextWindow":1024}"#]);

    let mut next = Rig::with_editor_settings(json!({"contextWindow": 1024}));
    next.connect(1);
    next.request(1, "warm", json!({}));
    assert_eq!(next.calls("loadModel")[0]["profile"]["contextTokens"], 1024);
    // What the editor sends now replaces all of it.
    configure(&mut next, 512);
    assert_eq!(next.editor_settings_kept.len(), 1);
}

#[test]
fn settings_that_could_not_be_read_are_reported_until_they_are_set_again() {
    let problem = ErrorInfo::new(ErrorCode::InvalidSetting, "`kept.json` is not JSON");
    let mut rig = Rig::with_unread_editor_settings(problem.clone());
    rig.connect(1);
    let notes = |rig: &mut Rig| {
        let status = rig.request(1, "status", json!({}));
        rig.answer(status).as_ref().unwrap()["notes"].clone()
    };
    let told = notes(&mut rig);
    let note = told[0].as_str().unwrap();
    assert!(note.contains("`kept.json` is not JSON") && note.contains("airGapped"), "{note}");
    // A client that sets something else does not fix it, and gets the error.
    let id = rig.request(1, "configureFile", json!({"settings": {"contextWindow": 1024}}));
    assert_eq!(rig.answer(id).as_ref().unwrap()["errors"][0]["message"], json!(problem.message));
    assert_eq!(notes(&mut rig), told);
    // This must happen even if the editor has set nothing: the damaged text must not be read again.
    let id = rig.request(1, "configure", json!({"settings": {}}));
    assert!(rig.answer(id).is_ok());
    assert_eq!(notes(&mut rig), json!([]));
    assert_eq!(rig.editor_settings_kept, ["{}"]);
}

#[test]
fn a_settings_file_that_is_changed_takes_effect_at_once() {
    let mut rig = Rig::with_settings(json!({"contextWindow": 1024}));
    rig.connect(1);
    let id = rig.request(1, "configureFile", json!({"settings": {"codeModel": "other"}}));
    assert!(rig.answer(id).is_ok());
    rig.request(1, "warm", json!({}));
    assert_eq!(rig.calls("loadModel")[0]["modelRef"], "other");
    assert!(rig.editor_settings_kept.is_empty());
}

#[test]
fn a_settings_file_is_read_again_when_the_host_is_told_so() {
    let mut rig = Rig::with_settings(json!({"codeModel": "before"}));
    rig.connect(1);
    rig.file_settings =
        Contents::of("{\n  \"codeModel\": \"after\", \"contextWindow\": 1\n}").unwrap();
    let id = rig.request(1, "configureFile", json!({}));
    let answer = rig.answer(id).unwrap();
    assert_eq!(answer["errors"].as_array().unwrap().len(), 1, "{answer}");
    rig.request(1, "warm", json!({}));
    assert_eq!(rig.calls("loadModel")[0]["modelRef"], "after");
    // A file that can't be read is reported until it can be.
    let problem = ErrorInfo::new(ErrorCode::InvalidSetting, "`settings.json` is not JSON");
    rig.file_settings = Contents { problem: Some(problem.clone()), ..Contents::default() };
    let id = rig.request(1, "configureFile", json!({}));
    assert_eq!(rig.answer(id).as_ref().unwrap()["errors"][0]["message"], json!(problem.message));
    rig.file_settings = Contents::default();
    let id = rig.request(1, "configureFile", json!({}));
    assert_eq!(rig.answer(id).as_ref().unwrap()["errors"], json!([]));
}

#[test]
fn an_unused_host_ends_and_a_used_one_stays() {
    let mut rig = Rig::new();
    rig.connect(1);
    rig.pass(120_000);
    assert!(!rig.exited);
    rig.event(Event::ClientGone(1));
    rig.pass(59_000);
    assert!(!rig.exited);
    rig.pass(2_000);
    assert!(rig.exited);

    let mut nobody = Rig::new();
    nobody.event(Event::Tick);
    nobody.pass(61_000);
    assert!(nobody.exited, "a host nobody ever connects to ends too");
}

#[test]
fn stop_answers_everybody_and_drain_waits() {
    let mut rig = Rig::new();
    rig.connect(1);
    let (running, waiting) = (rig.explain(1, "a"), rig.explain(1, "b"));
    let stop = rig.request(1, "stop", json!({}));
    assert!(rig.answer(stop).is_ok() && rig.exited);
    for id in [running, waiting] {
        assert_eq!(rig.answer(id).unwrap_err().code, ErrorCode::Draining);
    }

    let mut rig = Rig::new();
    rig.connect(1);
    let running = rig.explain(1, "a");
    rig.request(1, "drain", json!({}));
    let refused = rig.explain(1, "b");
    assert_eq!(rig.answer(refused).unwrap_err().code, ErrorCode::Draining);
    assert!(!rig.exited);
    rig.write("done");
    rig.finish();
    assert!(rig.answer(running).is_ok() && rig.exited);
}

#[test]
fn there_is_a_bound_on_waiting_requests() {
    let mut rig = Rig::new();
    rig.connect(1);
    let ids: Vec<i64> = (0..80).map(|round| rig.explain(1, &format!("r{round}"))).collect();
    let refused = ids.iter().filter(|id| !rig.answers(**id).is_empty()).count();
    assert_eq!(refused, 80 - 64 - 1, "one runs and 64 wait");
    assert_eq!(rig.answer(ids[79]).unwrap_err().code, ErrorCode::Busy);
}

#[test]
fn status_is_reported_to_those_who_asked() {
    let mut rig = Rig::new();
    rig.connect(1);
    rig.watch(2);
    rig.explain(1, "a");
    rig.pass(500);
    rig.write("x");
    rig.finish();
    rig.pass(500);
    let told: Vec<(ClientId, String)> = rig
        .notifications("statusChanged")
        .map(|(client, params)| (client, params["engine"]["state"].as_str().unwrap().to_owned()))
        .collect();
    assert!(told.iter().all(|(client, _)| *client == 2));
    let states: Vec<&str> = told.iter().map(|(_, state)| state.as_str()).collect();
    assert!(states.contains(&"working") && states.last() == Some(&"ready"), "{states:?}");
}

/// A window asks to prepare two lines.
fn prepare(rig: &mut Rig, client: ClientId, request_id: &str) -> i64 {
    rig.request(client, "prepare", request(request_id, "def f(x):\n    return x\n", 1, 2))
}

/// A rig whose model is loaded.
fn warmed() -> Rig {
    let mut rig = Rig::new();
    rig.connect(1);
    let warm = rig.request(1, "warm", json!({}));
    rig.answer(warm).unwrap();
    rig
}

#[test]
fn a_preparation_reads_what_a_command_will_ask_and_writes_nothing() {
    let mut rig = warmed();
    let prepared = prepare(&mut rig, 1, "p");
    let asked = rig.calls("generate")[0].clone();
    assert_eq!(asked["maxTokens"], 0);
    let status = rig.request(1, "status", json!({}));
    let status = rig.answer(status).unwrap();
    assert_eq!((&status["engine"]["state"], &status["requests"]), (&json!("ready"), &json!(0)));
    rig.finish();
    assert_eq!(rig.answer(prepared).unwrap(), json!({"prepared": true}));
    assert_eq!(rig.notifications("progress").count(), 0);
    rig.request(1, "improve", request("i", "def f(x):\n    return x\n", 1, 2));
    assert_eq!(rig.calls("generate")[1]["prompt"], asked["prompt"]);
}

#[test]
fn a_preparation_makes_way_for_a_command_at_once() {
    let mut rig = warmed();
    let prepared = prepare(&mut rig, 1, "p");
    let call = rig.open_call("generate");
    let explained = rig.explain(1, "a");
    assert_eq!(rig.answer(prepared).unwrap(), json!({"prepared": false}));
    assert_eq!(rig.calls("cancel")[0]["requestId"], call);
    rig.end_cancelled(call);
    rig.write("text");
    rig.finish();
    assert_eq!(rig.answer(explained).unwrap()["text"], "text");
}

#[test]
fn a_newer_preparation_takes_the_place_of_the_one_before() {
    let mut rig = warmed();
    let first = prepare(&mut rig, 1, "p");
    let call = rig.open_call("generate");
    let second = prepare(&mut rig, 1, "q");
    assert_eq!(rig.answer(first).unwrap()["prepared"], false);
    rig.end_cancelled(call);
    rig.finish();
    assert_eq!(rig.answer(second).unwrap()["prepared"], true);
}

#[test]
fn a_preparation_never_waits_for_a_command_and_never_loads_a_model() {
    let mut rig = Rig::new();
    rig.connect(1);
    let early = prepare(&mut rig, 1, "p");
    assert_eq!(rig.answer(early).unwrap()["prepared"], false);
    assert!(rig.started.is_empty(), "no worker is started for it");
    rig.explain(1, "a");
    let meanwhile = prepare(&mut rig, 1, "q");
    assert_eq!(rig.answer(meanwhile).unwrap()["prepared"], false);
    assert!(rig.calls("cancel").is_empty(), "the command goes on");
}

/// Any order of requests, cancels, crashes and time: each request ends exactly once.
#[test]
fn every_request_ends_exactly_once_whatever_happens() {
    for seed in 0..300_u64 {
        let mut random = seed;
        let mut next = |bound: u64| {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040);
            (random >> 33) % bound
        };
        let mut rig = Rig::new();
        rig.connect(1);
        rig.connect(2);
        let mut ids = Vec::new();
        for step in 0..60 {
            let generating = !rig.calls("generate").is_empty();
            match next(10) {
                8 | 9 => {
                    let client = 1 + next(2);
                    ids.push(prepare(&mut rig, client, &format!("r{step}")));
                }
                0 | 1 => ids.push(rig.explain(1 + next(2), &format!("r{step}"))),
                2 if generating => rig.write("word "),
                3 if generating => rig.finish(),
                4 if !rig.started.is_empty() => rig.kill(),
                5 => {
                    let target = format!("r{}", next(60));
                    rig.request(1 + next(2), "cancel", json!({"requestId": target}));
                }
                6 if generating => {
                    let call = rig.open_call("generate");
                    rig.end_cancelled(call);
                }
                _ => rig.pass(next(3_000)),
            }
        }
        rig.request(1, "stop", json!({}));
        for id in ids {
            let answers: Vec<Result<Value, ErrorInfo>> = rig.answers(id);
            assert_eq!(answers.len(), 1, "seed {seed}");
        }
    }
}

#[test]
fn a_frame_that_is_not_a_message_gets_an_error_and_the_connection_lives() {
    let mut rig = Rig::new();
    rig.connect(1);
    rig.event(Event::ClientMalformed(1, "the frame is not JSON".to_owned()));
    let error = rig.answer(0).unwrap_err();
    assert_eq!(error.code, ErrorCode::Protocol);
    let status = rig.request(1, "status", json!({}));
    assert!(rig.answer(status).is_ok());
    let stray = Message::Response { id: Id::Number(5), result: Ok(json!(1)) };
    rig.event(Event::ClientMessage(1, stray));
}

#[test]
fn what_a_worker_measured_is_reported_to_the_next_one_of_this_host_and_of_another() {
    let mut rig = Rig::new();
    rig.connect(1);
    rig.explain(1, "a");
    assert_eq!(rig.calls("loadModel")[0]["measured"]["stepCosts"], json!([]));
    rig.finish();
    assert_eq!(rig.kept, None, "it is not written for every answer");
    rig.kill();
    rig.pass(1_000);
    let told = rig.calls("loadModel")[1]["measured"].clone();
    assert_eq!(told, json!({"repackingPays": true, "stepCosts": [{"rows": 1, "timeUs": 900}]}));
    rig.pass(30_000);
    let kept = rig.kept.clone();
    assert!(kept.is_some());

    let mut next = Rig::with_measurements(kept);
    next.connect(1);
    next.explain(1, "a");
    assert_eq!(next.calls("loadModel")[0]["measured"], told);

    let mut damaged = Rig::with_measurements(Some("{\"version\": 1".to_owned()));
    damaged.connect(1);
    damaged.explain(1, "a");
    assert_eq!(damaged.calls("loadModel")[0]["measured"]["stepCosts"], json!([]));
}

#[test]
fn nothing_is_read_ahead_in_stability_mode_or_while_the_system_saves_power() {
    let prepare = |rig: &mut Rig| {
        let id = rig.request(1, "prepare", request("p", "def f(x):\n    return x\n", 1, 2));
        rig.answers(id).first().map(|answer| answer.clone().unwrap())
    };
    let unprepared = Some(json!({"prepared": false}));

    let mut careful = Rig::with_settings(json!({"mode": "stability"}));
    careful.connect(1);
    let warm = careful.request(1, "warm", json!({}));
    careful.answer(warm).unwrap();
    assert_eq!(prepare(&mut careful), unprepared);
    assert!(careful.calls("generate").is_empty());
    let profile = &careful.calls("loadModel")[0]["profile"];
    assert_eq!((&profile["repack"], &profile["batchTokens"]), (&json!(false), &json!(64)));

    let mut rig = Rig::new();
    rig.connect(1);
    let warm = rig.request(1, "warm", json!({}));
    rig.answer(warm).unwrap();
    rig.event(Event::PowerSaving(true));
    assert_eq!(prepare(&mut rig), unprepared);
    rig.event(Event::PowerSaving(false));
    assert_eq!(prepare(&mut rig), None, "it is being read");
    assert_eq!(rig.calls("generate").len(), 1);
}

#[test]
fn what_all_prompts_begin_with_is_kept_after_the_first_answer() {
    let mut rig = Rig::new();
    rig.connect(1);
    let raw = rig.request(1, "generate", json!({"requestId": "g", "prompt": "a", "raw": true}));
    rig.finish();
    rig.answer(raw).unwrap();
    assert!(rig.calls("savePrefix").is_empty(), "a raw prompt does not begin like the others");
    rig.explain(1, "a");
    rig.finish();
    rig.explain(1, "b");
    rig.finish();
    assert_eq!(rig.calls("savePrefix").len(), 1);
    assert_eq!(rig.calls("restorePrefix").len(), 0);
    let (key, bytes) = &rig.prefixes_kept[0];
    assert_eq!((key, *bytes), (&rig.prefixes_found[0], 99));
    let messages = &rig.calls("savePrefix")[0]["prompt"]["messages"];
    assert_eq!(messages[1]["content"], "File: ", "nothing of the user's");
}

#[test]
fn a_kept_beginning_is_taken_over_before_the_first_request_and_one_of_no_use_is_replaced() {
    for (tokens, saves) in [(27, 0), (0, 1)] {
        let mut rig = Rig::new();
        (rig.prefix_bytes, rig.prefix_tokens) = (Some(5), tokens);
        rig.connect(1);
        rig.explain(1, "a");
        assert_eq!(rig.calls("restorePrefix")[0]["bytes"], 5);
        assert_eq!(rig.calls("generate").len(), 1);
        let order = |method: &str| rig.order_of(method);
        assert!(order("restorePrefix") < order("countTokens"));
        rig.finish();
        assert_eq!(rig.calls("savePrefix").len(), saves);
    }
}

#[test]
fn each_purpose_has_its_model_and_its_sampling() {
    let models = json!({"codeModel": "code", "generalModel": "lively"});
    let mut rig = Rig::with_settings(models.clone());
    rig.connect(1);
    rig.explain(1, "e");
    rig.finish();
    assert_eq!(rig.calls("loadModel")[0]["modelRef"], "code");
    assert_eq!(rig.calls("generate")[0]["sampling"]["temperature"], 0.0);
    let chat = json!({"requestId": "g", "prompt": "Hello"});
    rig.request(1, "generate", chat.clone());
    let load = rig.calls("loadModel")[1].clone();
    assert_eq!(
        (&load["modelRef"], &load["chatTemplate"]),
        (&json!("lively"), &json!("{{ messages }}"))
    );
    // The model maker's recommendation applies if neither the settings nor the request say
    // otherwise.
    let temperature = |rig: &Rig, call: usize| {
        let value = rig.calls("generate")[call]["sampling"]["temperature"].as_f64().unwrap();
        (value * 10.0).round() / 10.0
    };
    assert_eq!(temperature(&rig, 1), 0.7);

    let mut set =
        Rig::with_settings(json!({"generalModel": "lively", "sampling.temperature": 0.3}));
    set.connect(1);
    set.request(1, "generate", chat);
    assert_eq!(temperature(&set, 0), 0.3);
    set.finish();
    let asked = json!({"requestId": "h", "prompt": "Hello", "sampling": {"temperature": 1.2}});
    set.request(1, "generate", asked);
    assert_eq!(temperature(&set, 1), 1.2);
}

#[test]
fn a_model_that_does_not_fit_into_the_free_memory_is_not_loaded() {
    let mut rig = Rig::with_settings(json!({"codeModel": "measured", "contextWindow": 2048}));
    rig.connect(1);
    // Enough for its weights, but not for the window.
    rig.free_bytes = Some(demo_header().tensor_bytes + 2_500_000);
    let id = rig.request(1, "warm", json!({}));
    let error = rig.answer(id).unwrap_err();
    assert_eq!(error.code, ErrorCode::OutOfMemory);
    assert!(error.message.contains("needs") && error.message.contains("MB are free"), "{error}");
    assert!(
        error.hint.as_ref().unwrap().contains("`localcoder.contextWindow` to 512"),
        "{error:?}"
    );
    assert!(rig.calls("loadModel").is_empty());
    // Not enough for even a small window.
    rig.free_bytes = Some(1_000_000);
    let id = rig.request(1, "warm", json!({}));
    let hint = rig.answer(id).unwrap_err().hint.unwrap();
    assert!(hint.contains("a smaller model"), "{hint}");
    // As much as the model needs; once it is loaded, its own memory counts as free.
    rig.free_bytes = Some(400_000_000);
    let id = rig.request(1, "warm", json!({}));
    assert!(rig.answer(id).is_ok());
    assert_eq!(rig.calls("loadModel").len(), 1);
    // A loaded model is used, however little memory is left.
    rig.free_bytes = Some(0);
    let id = rig.request(1, "warm", json!({}));
    assert!(rig.answer(id).is_ok());
    assert_eq!(rig.calls("loadModel").len(), 1);
}
