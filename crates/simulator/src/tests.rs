//! Many worlds hold; and what the checks are for is caught by them when the host does it.

use std::collections::BTreeSet;

use localcoder_host::core::Effect;
use localcoder_transport::Message;

use crate::broken::{Broken, Trace};
use crate::faults::Fault;
use crate::tally::Tally;
use crate::world::World;

/// Enough that every fault strikes, and a few seconds.
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
    for method in ["improve", "explain", "generate", "warm", "prepare", "survey"] {
        assert!(tally.endings.contains_key(&(method, "answered")), "no `{method}` was answered");
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

/// The first world in which a host that does this is found out.
fn caught(meddle: fn(&mut Vec<Effect>)) -> Broken {
    let broken = (0..500).find_map(|seed| {
        let mut world = World::new(seed, Trace::Off);
        world.meddle = meddle;
        world.live().0.err()
    });
    broken.expect("nobody noticed")
}

fn is_answer(effect: &Effect) -> bool {
    matches!(effect, Effect::Send(_, Message::Response { result: Ok(_), .. }))
}

fn is_delta(effect: &Effect) -> bool {
    matches!(effect, Effect::Send(_, Message::Notification { method, .. }) if method == "delta")
}

fn copy(effect: &Effect) -> Option<Effect> {
    match effect {
        Effect::Send(client, message) => Some(Effect::Send(*client, message.clone())),
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
    // A host that owes an answer may tell first that it has fewer requests than there are.
    let invariants = ["inv 4: every request ends", "inv 8: what is told is true"];
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
            if let Effect::Send(client, _) = effect {
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
    assert_eq!(broken.invariant, "supervision: a worker without a sign of life is killed");
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
    assert_eq!(broken.invariant, "inv 6: only a file that was found good is loaded");
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
                Effect::Send(_, Message::Response { result: Ok(answer), .. })
                    if answer.get("notes").is_some() =>
                {
                    answer["notes"] = serde_json::json!([]);
                }
                _ => {}
            }
        }
    });
    assert_eq!(broken.invariant, "inv 8: what is lowered is told");
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
