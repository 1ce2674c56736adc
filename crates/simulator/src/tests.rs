//! Many worlds hold; and each check notices a host that does what it is meant to catch.

use std::collections::BTreeSet;

use localcoder_host::core::{Effect, Notice, Reply};
use localcoder_protocol::{COMMANDS, CommandSpec, HOST_REQUESTS};
use localcoder_transport::Message;
use serde_json::json;

use crate::broken::{Broken, Trace};
use crate::clients::{ACTS, on_the_wire};
use crate::faults::Fault;
use crate::tally::Tally;
use crate::world::World;

/// Enough for every fault to strike, in a few seconds.
const SEEDS: u64 = 2_000;

#[test]
fn whatever_happens_the_invariants_hold() {
    let mut tally = Tally::default();
    for seed in 0..SEEDS {
        match crate::run(seed) {
            Ok(one) => tally.add(&one),
            Err(broken) => panic!("{broken}"),
        }
    }
    let struck: BTreeSet<&str> = tally.faults.keys().copied().collect();
    for fault in Fault::ALL {
        assert!(struck.contains(fault.words()), "`{}` never struck", fault.words());
    }
    for method in
        ["improve", "explain", "generate", "warm", "prepare", "complete", "complete now", "survey"]
    {
        assert!(tally.endings.contains_key(&(method, "answered")), "no `{method}` was answered");
    }
}

/// Sent by faults of their own, because they end the host.
const BY_FAULTS: &[&str] = &["drain", "stop"];

#[test]
fn every_request_and_every_command_is_simulated() {
    let acts: Vec<&str> = ACTS.iter().map(|(_, act)| *act).collect();
    // A request that is added to the protocol must be simulated from its first day.
    let wire: Vec<&str> = acts.iter().map(|act| on_the_wire(act, json!({})).0).collect();
    for row in HOST_REQUESTS {
        let simulated = wire.contains(&row.method) || BY_FAULTS.contains(&row.method);
        assert!(simulated, "`{}` is never asked: give it a row in `ACTS`", row.method);
    }
    for spec in COMMANDS {
        let same = |act: &&str| CommandSpec::of(act).is_some_and(|it| it.answer == spec.answer);
        assert!(acts.iter().any(same), "no command is asked that answers like `{}`", spec.id);
    }
}

#[test]
fn a_seed_repeats_exactly() {
    for seed in 0..20 {
        let (first, lines) = crate::replay(seed);
        let (second, again) = crate::replay(seed);
        assert_eq!((first, lines), (second, again));
    }
}

/// The first world in which a host that misbehaves this way is caught: checks that never fail
/// would hold as well, so each is shown to notice what it is for.
fn caught(tamper: fn(&mut Vec<Effect>)) -> Broken {
    let broken = (0..500).find_map(|seed| {
        let mut world = World::new(seed, Trace::Off);
        world.tamper = tamper;
        world.live().0.err()
    });
    broken.expect("a check finds it")
}

fn is_answer(effect: &Effect) -> bool {
    matches!(effect, Effect::Reply { result: Ok(_), .. })
}

fn is_delta(effect: &Effect) -> bool {
    matches!(effect, Effect::Notify(_, Notice::Delta(_)))
}

fn copy(effect: &Effect) -> Option<Effect> {
    match effect {
        Effect::Reply { client, id, result } => {
            Some(Effect::Reply { client: *client, id: id.clone(), result: result.clone() })
        }
        Effect::Notify(client, notice) => Some(Effect::Notify(*client, notice.clone())),
        Effect::SendWorker { generation, message } => {
            Some(Effect::SendWorker { generation: *generation, message: message.clone() })
        }
        _ => None,
    }
}

#[test]
fn an_answer_that_comes_twice_is_caught() {
    let broken = caught(|effects| {
        let twice = effects.iter().find(|effect| is_answer(effect)).and_then(copy);
        effects.extend(twice);
    });
    assert_eq!(broken.invariant, "inv 4: every request ends once");
}

#[test]
fn an_answer_that_never_comes_is_caught() {
    let broken = caught(|effects| effects.retain(|effect| !is_answer(effect)));
    // A host that owes an answer may first be caught reporting fewer requests than there are.
    let invariants = [
        "inv 4: every request ends",
        "inv 8: what is reported is true",
        "exit: no request is left",
    ];
    assert!(invariants.iter().any(|it| broken.invariant.starts_with(it)), "{broken}");
}

#[test]
fn a_lost_or_doubled_piece_of_text_is_caught() {
    let lost = caught(|effects| effects.retain(|effect| !is_delta(effect)));
    assert_eq!(lost.invariant, "inv 4: a client sees its own text only");
    let doubled = caught(|effects| {
        let at = effects.iter().position(is_delta);
        if let Some((at, twice)) = at.and_then(|at| Some((at, copy(&effects[at])?))) {
            effects.insert(at, twice);
        }
    });
    assert_eq!(doubled.invariant, "inv 4: a client sees its own text only");
}

#[test]
fn text_that_goes_to_somebody_else_is_caught() {
    let broken = caught(|effects| {
        for effect in effects.iter_mut().filter(|effect| is_delta(effect)) {
            if let Effect::Notify(client, _) = effect {
                *client += 1;
            }
        }
    });
    let invariants = [
        "bounds: clients",
        "inv 4: nothing is said after the end",
        "inv 4: a client sees its own text only",
    ];
    assert!(invariants.contains(&broken.invariant), "{broken}");
}

#[test]
fn a_worker_that_is_killed_for_nothing_is_caught() {
    let broken = caught(|effects| {
        let asked = effects.iter().find_map(|effect| match effect {
            Effect::SendWorker { generation, .. } => Some(*generation),
            _ => None,
        });
        effects.extend(asked.map(|generation| Effect::KillWorker { generation }));
    });
    assert_eq!(broken.invariant, "supervision: a worker that works is not killed");
}

#[test]
fn a_worker_that_is_never_killed_is_caught() {
    let broken = caught(|effects| {
        effects.retain(|effect| !matches!(effect, Effect::KillWorker { .. }));
    });
    // What it still holds may be noticed when another model is loaded in its place.
    let invariants = [
        "supervision: a worker without a sign of life is killed",
        "memory: what is loaded is no more than there is",
    ];
    assert!(invariants.contains(&broken.invariant), "{broken}");
}

#[test]
fn a_file_that_was_not_looked_at_is_caught() {
    let broken = caught(|effects| {
        for effect in effects {
            if let Effect::SendWorker { message: Message::Request { method, params, .. }, .. } =
                effect
                && method == "loadModel"
            {
                params["modelRef"] = "narrow".into();
            }
        }
    });
    // The model that is reported as in use may first be noticed as a wrong one, or as loaded twice.
    let invariants = [
        "inv 6: only a file that was found good is loaded",
        "inv 8: what is reported is true",
        "memory: a model is not loaded twice",
    ];
    assert!(invariants.contains(&broken.invariant), "{broken}");
}

#[test]
fn a_smaller_window_that_nobody_is_told_of_is_caught() {
    let broken = caught(|effects| {
        for effect in effects {
            match effect {
                Effect::SendWorker { message: Message::Request { params, .. }, .. } => {
                    if let Some(window) = params["profile"].get_mut("contextTokens") {
                        *window = 300.into();
                    }
                }
                Effect::Reply { result: Ok(Reply::Status(status)), .. } => status.notes.clear(),
                _ => {}
            }
        }
    });
    assert_eq!(broken.invariant, "inv 8: what is lowered is reported");
}

#[test]
fn an_end_that_nobody_wanted_is_caught() {
    let broken = caught(|effects| {
        if effects.iter().any(is_answer) {
            effects.push(Effect::Exit);
        }
    });
    assert!(broken.invariant.starts_with("exit"), "{broken}");
}
