//! What there is to know before choosing a model, in words.

use indicatif::DecimalBytes;
use localcoder_host::connect;
use localcoder_model_store::{Catalog, Machine, Store};
use localcoder_protocol::limits::CONTEXT_TOKENS;
use localcoder_protocol::{
    Device, ErrorInfo, Fact, ModelRow, Nothing, SetupAirGap, SetupProfile, SetupReport, Status,
};
use localcoder_settings::{Key, Layer, Places, Profile, Resolved, built_in};

use super::recommend::{Known, recommend};
use super::state::State;
use crate::commands::{models, self_test};
use crate::settings_file;

const KINDS: &str = "An instruct model was trained to follow instructions, which edits and \
                     explanations need; a base model only continues a text. All models of the \
                     catalog are instruct models.";
const NETWORK: &str = "Nothing goes over the network but the downloads that you choose here: the \
                       model's file, and its license where its text is not here yet, from the host \
                       that is named before you agree. No account, no telemetry, no updates; your \
                       code is given to a process on this machine, and nowhere else.";
const AIR_GAP: [&str; 4] = [
    "Nothing is downloaded, whoever asks: the one program that could, localcoder-fetch, is not \
     started, and looks at this setting itself before each connection.",
    "From the next start of the IDE its extensions and terminals have no network either; what runs \
     now keeps what it has.",
    "Models come from files: a GGUF file, or a folder that `localcoder models export` has made on \
     another machine.",
    "Where the settings can't be read, it counts as on.",
];

/// All of these facts. It starts no host: what only a running one knows, such as a GPU, is left
/// open.
pub(super) fn report(places: &Places) -> Result<SetupReport, ErrorInfo> {
    let state = State::read(&places.setup_file());
    let resolved = settings_file::resolved(places);
    let needed = match &state {
        Some(state) => !state.finished,
        // Nothing was noted, as by versions before there was a set-up: whoever has used the product
        // already is not asked.
        None => !is_in_use(places, &resolved),
    };
    let state = state.unwrap_or_default();
    let catalog = Catalog::with_file(&places.catalog_file())?;
    let machine = Machine::here(&places.models);
    let devices = devices(places);
    let list = models::listed()?;
    let speed_of = |row: &ModelRow| Some((row.id.clone(), row.speed.as_ref()?.tokens_per_s));
    let known = Known {
        memory_bytes: machine.memory_bytes,
        disk_bytes: machine.disk_free_bytes,
        gpu: devices.as_ref().map(|devices| devices.iter().any(|device| device.gpu)),
        speeds: list.models.iter().filter_map(speed_of).collect(),
    };
    let profiles = built_in();
    Ok(SetupReport {
        needed,
        step: state.step,
        downloads: state.downloads,
        machine: machine_facts(&machine, devices.as_deref(), places),
        recommended: recommend(&catalog, &profiles, &known),
        profiles: profiles.iter().map(|it| profile_text(it, &catalog, &machine)).collect(),
        list,
        kinds_text: KINDS.to_owned(),
        stored: stored(places),
        network_text: NETWORK.to_owned(),
        air_gap: SetupAirGap {
            on: resolved.air_gap.reason().is_some(),
            reason: resolved.air_gap.reason().map(str::to_owned),
            effects: AIR_GAP.map(str::to_owned).to_vec(),
        },
        sample: self_test::sample(),
    })
}

fn is_in_use(places: &Places, resolved: &Resolved) -> bool {
    let has_models = Store::existing(&places.models)
        .is_some_and(|store| store.list().is_ok_and(|models| !models.is_empty()));
    let chosen = [Key::CodeModel, Key::GeneralModel, Key::Profile].map(|key| key.setting().key);
    let has_chosen = |(key, _, layer): &(&'static str, _, Layer)| {
        // Values of a profile or of the defaults were not chosen by anyone.
        chosen.contains(key) && *layer > Layer::Profile
    };
    has_models || resolved.values.iter().any(has_chosen)
}

/// The devices that the engine can use, from a running host; `None` before one has run, as only
/// llama.cpp's own backends know.
fn devices(places: &Places) -> Option<Vec<Device>> {
    let mut client = connect::connect_raw(places).ok()??;
    let status = client.call::<Status>(&Nothing {}, |_, _| {}).ok()?;
    (!status.devices.is_empty()).then_some(status.devices)
}

fn fact(what: &str, text: impl Into<String>) -> Fact {
    Fact { what: what.to_owned(), text: text.into() }
}

fn machine_facts(machine: &Machine, devices: Option<&[Device]>, places: &Places) -> Vec<Fact> {
    let all = DecimalBytes(machine.memory_bytes);
    let memory = match (machine.memory_bytes, machine.memory_free_bytes) {
        (0, _) => "the system does not tell".to_owned(),
        (_, Some(free)) => format!("{all}, of which {} could be had now", DecimalBytes(free)),
        (_, None) => all.to_string(),
    };
    let processors = std::thread::available_parallelism().map_or(0, usize::from);
    let (os, arch) = (std::env::consts::OS, std::env::consts::ARCH);
    let free = DecimalBytes(machine.disk_free_bytes);
    vec![
        fact("Memory", memory),
        fact("GPU", gpu_text(devices)),
        fact("Processor", format!("{processors} processors, {arch}, {os}")),
        fact("Disk", format!("{free} free for models, in {}", places.models.display())),
    ]
}

fn gpu_text(devices: Option<&[Device]>) -> String {
    let Some(devices) = devices else {
        return "looked for when the engine starts".to_owned();
    };
    let named = |device: &Device| {
        let name = match device.description.trim() {
            "" => device.name.as_str(),
            described => described,
        };
        match device.memory_bytes {
            0 => name.to_owned(),
            bytes => format!("{name}, {}", DecimalBytes(bytes)),
        }
    };
    let gpus: Vec<String> = devices.iter().filter(|device| device.gpu).map(named).collect();
    if gpus.is_empty() {
        return "none that the engine can use: models run on the processor".to_owned();
    }
    gpus.join("; ")
}

fn profile_text(profile: &Profile, catalog: &Catalog, machine: &Machine) -> SetupProfile {
    let names = [&profile.code_model, &profile.general_model];
    let entries: Vec<_> = names.into_iter().filter_map(|id| catalog.entry(id)).collect();
    // The largest and not the sum: the text says what one of them takes.
    let needed = entries.iter().map(|entry| entry.need(CONTEXT_TOKENS).bytes).max().unwrap_or(0);
    let load: u64 = entries.iter().map(|entry| entry.bytes).sum();
    let text = format!(
        "{}. {} to download, {} of memory at a time: {}.",
        profile.summary.trim_end_matches('.'),
        DecimalBytes(load),
        DecimalBytes(needed),
        machine.fit(needed).text()
    );
    SetupProfile { name: profile.name.clone(), text }
}

fn stored(places: &Places) -> Vec<Fact> {
    let at = |what: &str, path: &std::path::Path| fact(what, path.display().to_string());
    vec![
        at("Models", &places.models),
        at("Settings", &places.settings_file()),
        at("Windows, backups and extensions of the editor", &places.editor),
        at("Logs, without code or answers", &places.logs),
        at("What can be made again", &places.cache),
        at("How far this set-up is", &places.setup_file()),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn device(description: &str, gpu: bool, memory_bytes: u64) -> Device {
        Device { name: "X".to_owned(), description: description.to_owned(), gpu, memory_bytes }
    }

    #[test]
    fn a_gpu_is_reported_and_that_there_is_none_and_that_nobody_looked_yet() {
        assert!(gpu_text(None).contains("when the engine starts"));
        assert!(gpu_text(Some(&[device("Xeon", false, 0)])).starts_with("none"));
        let both = [device("Xeon", false, 0), device("RTX 4090", true, 24_000_000_000)];
        assert_eq!(gpu_text(Some(&both)), "RTX 4090, 24.00 GB");
        assert_eq!(gpu_text(Some(&[device("", true, 0)])), "X");
    }

    #[test]
    fn a_profile_is_reported_with_what_it_needs_and_whether_that_fits() {
        let machine = Machine {
            memory_bytes: 8_000_000_000,
            memory_free_bytes: Some(6_000_000_000),
            disk_free_bytes: 1,
        };
        let texts: Vec<String> = built_in()
            .iter()
            .map(|profile| profile_text(profile, &Catalog::shipped(), &machine).text)
            .collect();
        assert!(texts[0].contains("4.68 GB to download") && texts[0].contains("fits"), "{texts:?}");
        assert!(texts[1].contains("9.60 GB to download"), "{texts:?}");
        assert!(texts[2].contains("does not fit"), "{texts:?}");
    }
}
