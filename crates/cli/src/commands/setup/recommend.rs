//! Which profile and model suit a machine. Pure: derived from its memory, its GPU and the catalog.

use std::collections::HashMap;

use indicatif::DecimalBytes;
use localcoder_model_store::{Catalog, Entry, Role};
use localcoder_protocol::limits::{CONTEXT_TOKENS, SLOW_TOKENS_PER_S};
use localcoder_protocol::{DEMO, SetupRecommendation};
use localcoder_settings::{LARGE_PARAMETERS, Profile};

/// Share of all memory that a model may take: the rest is for the system, the editor and the
/// browser.
const SHARE_PERCENT: u64 = 60;
/// The share for a large model, which has to coexist with the same programs and suffers more if
/// they need memory.
const LARGE_SHARE_PERCENT: u64 = 40;

#[derive(Debug, Clone)]
pub(super) struct Known {
    /// All memory; 0 if the system does not report it.
    pub(super) memory_bytes: u64,
    pub(super) disk_bytes: u64,
    /// Whether there is a GPU that the engine can use; unknown before it has run. With one,
    /// expected speeds don't count: they are those of the processor's memory.
    pub(super) gpu: Option<bool>,
    /// Tokens per second that models write, or are expected to write, by their ids.
    pub(super) speeds: HashMap<String, f64>,
}

impl Known {
    fn has_room(&self, entry: &Entry, percent: u64) -> bool {
        needed(entry) <= self.memory_bytes / 100 * percent && entry.bytes < self.disk_bytes
    }

    /// Whether it writes slower than people read. Expected speeds assume the processor's memory.
    fn is_slow(&self, entry: &Entry) -> bool {
        let speed = self.speeds.get(&entry.id);
        self.gpu != Some(true) && speed.is_some_and(|speed| *speed < SLOW_TOKENS_PER_S)
    }
}

/// The largest model that leaves enough for everything else and is not slow; a large one only with
/// a GPU. If all are slow, the smallest: the expected speeds may be too low on a busy machine.
pub(super) fn recommend(
    catalog: &Catalog,
    profiles: &[Profile],
    known: &Known,
) -> SetupRecommendation {
    let fits =
        |entry: &Entry, percent: u64| known.has_room(entry, percent) && !known.is_slow(entry);
    let of = |profile: &Profile| {
        let percent = if profile.large_models { LARGE_SHARE_PERCENT } else { SHARE_PERCENT };
        let code = catalog.entry(&profile.code_model)?;
        // Either may be loaded, so both have to fit.
        let general = catalog.entry(&profile.general_model).unwrap_or(code);
        (fits(code, percent) && fits(general, percent)).then_some((code, general))
    };
    let memory = DecimalBytes(known.memory_bytes);
    let found = profiles
        .iter()
        // From the largest profile down; they are in order of size.
        .rev()
        // A GPU that is not known yet counts as none: a large model is slow on a processor.
        .filter(|profile| known.gpu == Some(true) || !profile.large_models)
        .find_map(|profile| Some((profile, of(profile)?)));
    if let Some((profile, (code, general))) = found {
        let most = DecimalBytes(needed(code).max(needed(general)));
        return SetupRecommendation {
            profile: profile.name.clone(),
            model: code.id.clone(),
            reason: format!(
                "{} needs {most} of this machine's {memory} of memory and leaves the rest to other \
                 programs.",
                code.name
            ),
        };
    }
    smaller(catalog, profiles, known)
}

/// The largest suitable model among the smaller alternatives to the profiles' models: others are a
/// matter of taste.
fn smaller(catalog: &Catalog, profiles: &[Profile], known: &Known) -> SetupRecommendation {
    let memory = DecimalBytes(known.memory_bytes);
    let profile = profiles.first().map(|profile| profile.name.clone()).unwrap_or_default();
    // A large model is only loaded under its own profile.
    let named: Vec<&Entry> =
        profiles.iter().filter_map(|it| catalog.entry(&it.code_model)).collect();
    let is_of_profiles = |entry: &&Entry| {
        named.iter().any(|it| it.id == entry.id || it.smaller_ids.contains(&entry.id))
    };
    let of_code = catalog
        .models
        .iter()
        .filter(|entry| entry.roles.contains(&Role::Code) && entry.parameters < LARGE_PARAMETERS)
        .filter(is_of_profiles);
    let fitting: Vec<&Entry> = of_code.filter(|it| known.has_room(it, SHARE_PERCENT)).collect();
    let quick = fitting.iter().filter(|it| !known.is_slow(it)).max_by_key(|it| it.parameters);
    match (quick, fitting.iter().min_by_key(|it| it.parameters)) {
        (Some(entry), _) => SetupRecommendation {
            profile,
            model: entry.id.clone(),
            reason: format!(
                "{} is the largest for code that leaves enough of this machine's {memory} of memory \
                 and of its disk to other programs, and that should write {SLOW_TOKENS_PER_S:.0} \
                 tokens/s or more here: about as fast as people read.",
                entry.name
            ),
        },
        (None, Some(entry)) => SetupRecommendation {
            profile,
            model: entry.id.clone(),
            reason: format!(
                "{} is the smallest for code. None is expected to write {SLOW_TOKENS_PER_S:.0} \
                 tokens/s here: about as fast as people read.",
                entry.name
            ),
        },
        (None, None) => SetupRecommendation {
            profile,
            model: DEMO.to_owned(),
            reason: format!(
                "No model of the catalog leaves enough of this machine's {memory} of memory and of \
                 its disk ({} free) to other programs.",
                DecimalBytes(known.disk_bytes)
            ),
        },
    }
}

fn needed(entry: &Entry) -> u64 {
    entry.need(CONTEXT_TOKENS).bytes
}

#[cfg(test)]
mod tests {
    use localcoder_settings::built_in;

    use super::*;

    const GB: u64 = 1_000_000_000;

    fn known(memory_gb: u64, disk_gb: u64, gpu: Option<bool>) -> Known {
        let speeds = HashMap::new();
        Known { memory_bytes: memory_gb * GB, disk_bytes: disk_gb * GB, gpu, speeds }
    }

    fn on(known: &Known) -> SetupRecommendation {
        recommend(&Catalog::shipped(), &built_in(), known)
    }

    #[test]
    fn the_largest_that_leaves_enough_is_recommended() {
        for (memory_gb, gpu, profile, model) in [
            (32, Some(true), "heavy", "qwen2.5-coder-14b"),
            (18, Some(true), "balanced", "qwen2.5-coder-7b"),
            (16, Some(true), "balanced", "qwen2.5-coder-7b"),
            (16, None, "balanced", "qwen2.5-coder-7b"),
            // Without a GPU no large one, however much memory there is.
            (64, None, "balanced", "qwen2.5-coder-7b"),
            (64, Some(false), "balanced", "qwen2.5-coder-7b"),
            (8, Some(true), "fast", "qwen2.5-coder-1.5b"),
            (2, None, "fast", "qwen2.5-coder-0.5b"),
            (1, None, "fast", DEMO),
            (0, None, "fast", DEMO),
        ] {
            let SetupRecommendation { profile: got, model: chosen, reason } =
                on(&known(memory_gb, 100, gpu));
            assert_eq!((got.as_str(), chosen.as_str()), (profile, model), "{memory_gb} {gpu:?}");
            assert!(reason.ends_with('.') && reason.contains("of memory"), "{reason}");
        }
    }

    #[test]
    fn what_does_not_fit_the_disk_is_not_recommended() {
        assert_eq!(on(&known(32, 3, Some(true))).model, "qwen2.5-coder-1.5b");
        assert_eq!(on(&known(32, 0, Some(true))).model, DEMO);
    }

    #[test]
    fn what_would_be_slow_on_the_processor_is_not_recommended() {
        let mut slow = known(64, 100, Some(false));
        let speeds = [("qwen2.5-coder-7b", 6.0), ("qwen2.5-coder-1.5b", 20.0)];
        slow.speeds = speeds.map(|(id, speed)| (id.to_owned(), speed)).into();
        let SetupRecommendation { model, reason, .. } = on(&slow);
        assert_eq!(model, "qwen2.5-coder-1.5b");
        assert!(reason.contains("10 tokens/s"), "{reason}");
        // A GPU has memory of its own, which the estimate does not cover.
        slow.gpu = Some(true);
        assert_eq!(on(&slow).model, "qwen2.5-coder-14b");
        // All are slow: the smallest.
        let all =
            ["qwen2.5-coder-7b", "qwen2.5-coder-14b", "qwen2.5-coder-1.5b", "qwen2.5-coder-0.5b"];
        slow.gpu = Some(false);
        slow.speeds = all.map(|id| (id.to_owned(), 3.0)).into();
        let SetupRecommendation { model, reason, .. } = on(&slow);
        assert_eq!(model, "qwen2.5-coder-0.5b");
        assert!(reason.contains("None is expected"), "{reason}");
    }
}
