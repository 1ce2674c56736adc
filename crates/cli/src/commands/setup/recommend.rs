//! Which profile and model suit a machine. Pure: from its memory, its GPU and what the catalog says.

use indicatif::DecimalBytes;
use localcoder_model_store::{Catalog, Entry, Role};
use localcoder_protocol::limits::CONTEXT_TOKENS;
use localcoder_protocol::{DEMO, SetupRecommendation};
use localcoder_settings::Profile;

/// Of all memory, what a model may take: the rest is the system's, the editor's and the browser's.
const SHARE_PERCENT: u64 = 60;
/// The same of a large one, which has the same neighbours and is slower when they want more.
const LARGE_SHARE_PERCENT: u64 = 40;

/// What is known of the machine.
#[derive(Debug, Clone, Copy)]
pub(super) struct Known {
    /// All memory; 0 where the system does not tell.
    pub(super) memory_bytes: u64,
    /// Room for models on the disk.
    pub(super) disk_bytes: u64,
    /// Whether there is a GPU that the engine can use; not known before it has run.
    pub(super) gpu: Option<bool>,
}

/// The largest that leaves enough for everything else. Without a GPU nothing above the lightest
/// profile: a larger model writes as much slower as it is larger.
pub(super) fn recommend(
    catalog: &Catalog,
    profiles: &[Profile],
    known: Known,
) -> SetupRecommendation {
    let fits_in = |entry: &Entry, percent: u64| {
        needed(entry) <= known.memory_bytes / 100 * percent && entry.bytes < known.disk_bytes
    };
    let fits = |entry: &Entry| fits_in(entry, SHARE_PERCENT);
    let of = |profile: &Profile| {
        let percent = if profile.large_models { LARGE_SHARE_PERCENT } else { SHARE_PERCENT };
        let code = catalog.entry(&profile.code_model)?;
        let general = catalog.entry(&profile.general_model).unwrap_or(code);
        (fits_in(code, percent) && fits_in(general, percent)).then_some((code, general))
    };
    let tried = if known.gpu == Some(false) { 1 } else { profiles.len() };
    let found = profiles
        .iter()
        .take(tried)
        .filter(|profile| known.gpu == Some(true) || !profile.large_models)
        .rev()
        .find_map(|profile| Some((profile, of(profile)?)));
    let memory = DecimalBytes(known.memory_bytes);
    if let Some((profile, (code, general))) = found {
        let most = DecimalBytes(needed(code).max(needed(general)));
        let why = match known.gpu {
            Some(false) => {
                " No GPU was found that the engine can use, so a smaller model may be pleasanter."
            }
            _ => "",
        };
        return SetupRecommendation {
            profile: profile.name.clone(),
            model: code.id.clone(),
            reason: format!(
                "{} needs {most} of this machine's {memory} of memory and leaves the rest to other \
                 programs.{why}",
                code.name
            ),
        };
    }
    let lightest = profiles.first().map(|profile| profile.name.clone()).unwrap_or_default();
    let small = catalog.models.iter().filter(|it| it.roles.contains(&Role::Code) && fits(it));
    match small.max_by_key(|entry| entry.parameters) {
        Some(entry) => SetupRecommendation {
            profile: lightest,
            model: entry.id.clone(),
            reason: format!(
                "{} is the largest that leaves enough of this machine's {memory} of memory, and of \
                 its disk, to other programs: it needs {}.",
                entry.name,
                DecimalBytes(needed(entry))
            ),
        },
        None => SetupRecommendation {
            profile: lightest,
            model: DEMO.to_owned(),
            reason: format!(
                "No model of the catalog leaves enough of this machine's {memory} of memory, or of \
                 its disk ({} free), to other programs.",
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

    fn on(memory_gb: u64, disk_gb: u64, gpu: Option<bool>) -> SetupRecommendation {
        let known = Known { memory_bytes: memory_gb * GB, disk_bytes: disk_gb * GB, gpu };
        recommend(&Catalog::shipped(), &built_in(), known)
    }

    #[test]
    fn the_largest_that_leaves_enough_is_recommended() {
        for (memory_gb, gpu, profile, model) in [
            (32, Some(true), "heavy", "qwen2.5-coder-14b"),
            (18, Some(true), "balanced", "qwen2.5-coder-7b"),
            (16, Some(true), "balanced", "qwen2.5-coder-7b"),
            (16, None, "balanced", "qwen2.5-coder-7b"),
            (64, None, "balanced", "qwen2.5-coder-7b"),
            (64, Some(false), "fast", "qwen2.5-coder-7b"),
            (8, Some(true), "fast", "qwen2.5-coder-1.5b"),
            (2, None, "fast", "qwen2.5-coder-0.5b"),
            (1, None, "fast", DEMO),
            (0, None, "fast", DEMO),
        ] {
            let SetupRecommendation { profile: got, model: chosen, reason } =
                on(memory_gb, 100, gpu);
            assert_eq!((got.as_str(), chosen.as_str()), (profile, model), "{memory_gb} {gpu:?}");
            assert!(reason.ends_with('.') && reason.contains("GB") || memory_gb == 0, "{reason}");
        }
    }

    #[test]
    fn what_does_not_fit_the_disk_is_not_recommended() {
        assert_eq!(on(32, 3, Some(true)).model, "qwen2.5-coder-1.5b");
        assert_eq!(on(32, 0, Some(true)).model, DEMO);
    }
}
