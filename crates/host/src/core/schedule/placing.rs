//! Where a model is loaded: next to the loaded ones, or in place of some of them, the least
//! recently used first. Pure, and tested on random machines below.
//!
//! It never takes away a model that is in use, and never plans for more memory than there is.

use crate::core::pool::{SLOTS, SlotId};

/// The part of the free memory that a second model may take: the rest is for the editor and for
/// programs that are opened later (Ollama has this rule, too).
const BESIDE_PERCENT: u64 = 80;

/// What is in a slot, as far as memory is concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Held {
    /// No model: an empty worker, or no worker.
    Nothing,
    /// A model is being loaded or unloaded, or the slot is claimed by a request further ahead; how
    /// much memory it takes is not settled.
    Moving,
    Model {
        bytes: u64,
        /// The part that is pages of its file. The system counts these as free, since it can drop
        /// them; a model that is in use reads all of them for each token.
        mapped_bytes: u64,
        used_ms: u64,
        idle: bool,
    },
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Place {
    Here {
        slot: SlotId,
        window: usize,
    },
    /// Unload these, then ask again.
    After(Vec<SlotId>),
    /// Wait until these are idle, and give them to no other request. Empty if what is awaited is a
    /// load or an unload, whose end is an event of its own.
    Wait(Vec<SlotId>),
    /// There is no room even if all others are gone; holds the bytes that would be free then.
    NoRoom(u64),
}

/// Finds a slot. `needed`: bytes for each acceptable window, the best first. `free_bytes`: free
/// memory, if the system reports it. `own`: the slot in which the same file is loaded with another
/// profile, since the same file is never loaded twice.
pub(super) fn place(
    needed: &[u64],
    free_bytes: Option<u64>,
    slots: &[Held; SLOTS],
    own: Option<SlotId>,
) -> Place {
    // Nothing is planned on top of a number that is about to change: a plan made now would count
    // memory twice, or give up where an unload is about to make room.
    if slots.contains(&Held::Moving) {
        return Place::Wait(Vec::new());
    }
    let mut models: Vec<SlotId> =
        (0..SLOTS).filter(|slot| matches!(slots[*slot], Held::Model { .. })).collect();
    // The same file goes first, then the least recently used one.
    models.sort_by_key(|slot| match slots[*slot] {
        Held::Model { used_ms, .. } => (own != Some(*slot), used_ms),
        _ => (true, 0),
    });
    // A model of the same file must leave in any case, so at least one does.
    let least = usize::from(own.is_some());
    // Keeping models loaded counts more than a large window, so as few as possible leave.
    // A busy model is waited for rather than passed over for a more recently used idle one: the
    // order of use decides alone, so that a model that is in use all the time does not keep its
    // place by being busy.
    for gone in least..=models.len() {
        let (leave, stay) = models.split_at(gone);
        let Some(room) = room(free_bytes, slots, leave, stay) else { continue };
        let Some(window) = needed.iter().position(|bytes| *bytes <= room) else { continue };
        // The slot of a model that leaves counts as empty, since the plan is made again after the
        // unload.
        let Some(slot) = (0..SLOTS).find(|slot| !stay.contains(slot)) else { continue };
        let busy = |slot: &&SlotId| matches!(slots[**slot], Held::Model { idle: false, .. });
        // Unloads are decisions of their own: after each, the free memory is read again, because
        // what a process returns is not always what it took.
        return match leave {
            [] => Place::Here { slot, window },
            leave if leave.iter().any(|slot| busy(&slot)) => Place::Wait(leave.to_vec()),
            leave => Place::After(leave.to_vec()),
        };
    }
    Place::NoRoom(room(free_bytes, slots, &models, &[]).unwrap_or(u64::MAX))
}

/// Memory that something may take next to all loaded models; `None` if that is not known, because
/// the system does not report it, a load is under way, or no model is loaded.
pub(super) fn beside(free_bytes: Option<u64>, slots: &[Held; SLOTS]) -> Option<u64> {
    let models = |held: &Held| matches!(held, Held::Model { .. });
    let stay: Vec<SlotId> = (0..SLOTS).filter(|slot| models(&slots[*slot])).collect();
    if stay.is_empty() || slots.contains(&Held::Moving) {
        return None;
    }
    room(free_bytes, slots, &[], &stay)
}

fn room(
    free_bytes: Option<u64>,
    slots: &[Held; SLOTS],
    leave: &[SlotId],
    stay: &[SlotId],
) -> Option<u64> {
    let total = |slots_of: &[SlotId], of: fn(&Held) -> u64| -> u64 {
        slots_of.iter().map(|slot| of(&slots[*slot])).fold(0, u64::saturating_add)
    };
    // Without a reading, one model is loaded and the system decides; two are a risk that nothing
    // here can judge.
    let Some(free) = free_bytes else {
        return stay.is_empty().then_some(u64::MAX);
    };
    let all = |held: &Held| match held {
        Held::Model { bytes, .. } => *bytes,
        _ => 0,
    };
    let mapped = |held: &Held| match held {
        Held::Model { mapped_bytes, .. } => *mapped_bytes,
        _ => 0,
    };
    // Pages of files count as free, but the models that stay need theirs.
    let room = free.saturating_add(total(leave, all)).saturating_sub(total(stay, mapped));
    // The first model may take everything there is; something is spared only beside another one.
    Some(if stay.is_empty() { room } else { room / 100 * BESIDE_PERCENT })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn model(bytes: u64, used_ms: u64) -> Held {
        Held::Model { bytes, mapped_bytes: bytes / 2, used_ms, idle: true }
    }

    fn busy(bytes: u64, used_ms: u64) -> Held {
        Held::Model { bytes, mapped_bytes: bytes / 2, used_ms, idle: false }
    }

    #[test]
    fn the_first_takes_what_there_is_and_the_best_window_that_fits() {
        let empty = [Held::Nothing; SLOTS];
        assert_eq!(place(&[90, 60], Some(100), &empty, None), Place::Here { slot: 0, window: 0 });
        assert_eq!(place(&[90, 60], Some(70), &empty, None), Place::Here { slot: 0, window: 1 });
        assert_eq!(place(&[90, 60], Some(50), &empty, None), Place::NoRoom(50));
        assert_eq!(place(&[90], None, &empty, None), Place::Here { slot: 0, window: 0 });
    }

    #[test]
    fn two_stay_where_both_fit_with_room_to_spare() {
        let one = [model(1000, 5), Held::Nothing];
        // 1,000 free, of which 500 are pages of the file that is in use.
        assert_eq!(place(&[400], Some(1000), &one, None), Place::Here { slot: 1, window: 0 });
        assert_eq!(place(&[401], Some(1000), &one, None), Place::After(vec![0]));
        // A smaller window is better than unloading another model.
        assert_eq!(place(&[401, 300], Some(1000), &one, None), Place::Here { slot: 1, window: 1 });
        // Free memory is not known, so only one model is loaded at a time.
        assert_eq!(place(&[1], None, &one, None), Place::After(vec![0]));
    }

    #[test]
    fn the_least_recently_used_leaves_first_and_one_at_work_is_waited_for() {
        let two = [model(100, 9), model(100, 5)];
        assert_eq!(place(&[50], Some(1000), &two, None), Place::After(vec![1]));
        assert_eq!(place(&[1150], Some(1000), &two, None), Place::After(vec![1, 0]));
        let working = [model(100, 9), busy(100, 5)];
        assert_eq!(place(&[50], Some(1000), &working, None), Place::Wait(vec![1]));
        assert_eq!(place(&[9999], Some(1000), &working, None), Place::NoRoom(1200));
        assert_eq!(
            place(&[1], Some(1000), &[Held::Moving, Held::Nothing], None),
            Place::Wait(vec![])
        );
    }

    #[test]
    fn the_same_file_is_never_loaded_beside_itself() {
        let one = [model(100, 9), Held::Nothing];
        assert_eq!(place(&[50], Some(1000), &one, Some(0)), Place::After(vec![0]));
        let two = [model(100, 9), model(100, 5)];
        assert_eq!(place(&[50], Some(1000), &two, Some(0)), Place::After(vec![0]));
    }

    #[test]
    fn what_is_beside_the_loaded_has_room_to_spare() {
        let one = [model(1000, 5), Held::Nothing];
        assert_eq!(beside(Some(1000), &one), Some(400));
        assert_eq!(beside(None, &one), None);
        assert_eq!(beside(Some(1000), &[Held::Nothing; SLOTS]), None);
        assert_eq!(beside(Some(1000), &[model(10, 5), Held::Moving]), None);
    }

    fn held() -> impl Strategy<Value = Held> {
        prop_oneof![
            Just(Held::Nothing),
            Just(Held::Moving),
            (1_u64..500, 0_u64..9, any::<bool>()).prop_map(|(bytes, used_ms, idle)| {
                Held::Model { bytes, mapped_bytes: bytes / 2, used_ms, idle }
            }),
        ]
    }

    proptest! {
        #[test]
        fn no_plan_takes_away_what_works_or_more_than_there_is(
            needed in prop::collection::vec(1_u64..1000, 1..4),
            free in prop::option::of(0_u64..1000),
            first in held(), second in held(), own in prop::option::of(0_usize..SLOTS),
        ) {
            let slots = [first, second];
            let own = own.filter(|slot| matches!(slots[*slot], Held::Model { .. }));
            match place(&needed, free, &slots, own) {
                Place::Here { slot, window } => {
                    prop_assert_eq!(slots[slot], Held::Nothing);
                    prop_assert_eq!(own, None);
                    if let Some(free) = free {
                        prop_assert!(needed[window] <= free);
                    }
                }
                Place::After(slots_of) => {
                    prop_assert!(!slots_of.is_empty());
                    for slot in slots_of {
                        let idle = matches!(slots[slot], Held::Model { idle: true, .. });
                        prop_assert!(idle);
                    }
                }
                Place::Wait(_) => {
                    let wakes = slots.iter().any(|held| {
                        matches!(held, Held::Moving | Held::Model { idle: false, .. })
                    });
                    prop_assert!(wakes, "it would wait for ever");
                }
                Place::NoRoom(room) => prop_assert!(needed.iter().all(|bytes| *bytes > room)),
            }
        }
    }
}
