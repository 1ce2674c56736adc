//! `localcoder status`: what the host is doing, without starting one.

use indicatif::DecimalBytes;
use localcoder_host::connect;
use localcoder_protocol::{
    Confined, EngineState, ErrorInfo, HostStatus, MemoryUse, Nothing, Resident, Speed, Status,
    StatusReport, StatusShow,
};
use localcoder_settings::Places;

use crate::arguments::StatusOptions;
use crate::{output, settings_file};

pub(crate) fn run(options: &StatusOptions) -> Result<(), ErrorInfo> {
    // Without a hello: it must work with a host of another version too.
    let status = connect::ask_raw::<Status>(&Places::resolve()?, &Nothing {})?;
    match (status, options.json) {
        (status, true) => output::answer::<StatusShow>(&StatusReport {
            running: status.is_some(),
            status,
            settings_errors: settings_file::problems(),
        }),
        (None, false) => output::line("No host runs. The next command starts one."),
        (Some(status), false) => lines(&status).iter().try_for_each(|line| output::line(line)),
    }
}

pub(crate) fn lines(status: &HostStatus) -> Vec<String> {
    let mut lines = Vec::new();
    let HostStatus { build_id, pid, clients, requests, .. } = status;
    lines.push(format!(
        "Host:    build {build_id}, process {pid}, {clients} client(s), {requests} request(s)"
    ));
    lines.push(format!("Engine:  {}", engine(&status.engine)));
    if let Some(model) = &status.model {
        let demo = if model.demo {
            " (demo model: tidies short Python functions, no code assistant)"
        } else {
            ""
        };
        lines.push(format!("Model:   {}{demo}", model.name));
        for line in &model.attribution {
            lines.push(format!("         {line}"));
        }
    }
    if !status.profile.is_empty() {
        lines.push(format!("Profile: {}", status.profile));
    }
    if let Some(tokens) = status.context_tokens {
        let held = status.held_tokens.unwrap_or(0);
        lines.push(format!("Context: {tokens} tokens, {held} of them held for what comes next"));
    }
    if let Some(memory) = &status.memory {
        let free = status.free_bytes.map(|free| format!("; {} free", DecimalBytes(free)));
        let free = free.unwrap_or_default();
        lines.push(format!("Memory:  {}{free}", memory_text(memory)));
    }
    if let Some(speed) = &status.speed {
        lines.push(format!("Speed:   {}", speed_text(*speed)));
    }
    if let Some(worker) = &status.worker {
        let (pid, device, build) = (worker.pid, &worker.device, &worker.llama_build);
        lines.push(format!("Worker:  process {pid}, {device}, {build}"));
    }
    lines.push(format!("Sandbox: {}", host_sandbox_text(&status.confined)));
    if let Some(worker) = &status.worker {
        lines.push(format!("         {}", sandbox_text(&worker.confined)));
    }
    for device in &status.devices {
        lines.push(format!("Device:  {}, {}", device.name, device.description));
    }
    let others = status.residents.iter().filter(|it| Some(&it.model) != status.model.as_ref());
    for resident in others {
        let memory = DecimalBytes(resident.memory.total_bytes());
        lines.push(format!("Also:    {} is loaded, {memory}", resident.model.name));
    }
    for Resident { model, draft, .. } in &status.residents {
        let Some(draft) = draft else { continue };
        let memory = DecimalBytes(draft.memory.total_bytes());
        lines.push(format!("Drafts:  {} for {}, {memory}", draft.model.name, model.name));
    }
    if let Some(nothing) = &status.no_ghost_text {
        lines.push(format!("Ghost:   {}", nothing.text));
    }
    for note in notes(status) {
        lines.push(format!("Note:    {note}"));
    }
    lines
}

/// The host's notes, except for what every command reports about the settings itself: the same
/// problem would be told twice, in other words.
pub(crate) fn notes(status: &HostStatus) -> impl Iterator<Item = &String> {
    // The host may report a value without its line.
    let warned: Vec<String> = settings_file::problems()
        .into_iter()
        .map(|problem| problem.message.split(" (in ").next().unwrap_or_default().to_owned())
        .collect();
    let is_warned =
        move |note: &str| warned.iter().any(|message| note.starts_with(message.as_str()));
    status.notes.iter().filter(move |note| !is_warned(note))
}

fn speed_text(speed: Speed) -> String {
    let Speed { read_tokens_per_s: read, written_tokens_per_s: written } = speed;
    let read = if read > 0.0 { format!("read {read:.0} and ") } else { String::new() };
    format!("the last answer {read}wrote {written:.1} tokens/s")
}

fn memory_text(memory: &MemoryUse) -> String {
    let MemoryUse { weights_bytes, kv_bytes, compute_bytes } = *memory;
    let [total, weights, kv, compute] =
        [memory.total_bytes(), weights_bytes, kv_bytes, compute_bytes].map(DecimalBytes);
    format!("{total} (weights {weights}, context window {kv}, computing {compute})")
}

fn engine(state: &EngineState) -> String {
    match state {
        EngineState::Idle => "idle; the next request starts it".to_owned(),
        EngineState::Starting => "starting".to_owned(),
        EngineState::Loading { fraction } => {
            format!("loading the model, {:.0} %", fraction * 100.0)
        }
        EngineState::Ready => "ready".to_owned(),
        EngineState::Working => "working".to_owned(),
        EngineState::Unresponsive => {
            "not responding; it is ended and started again if that lasts".to_owned()
        }
        EngineState::Failed { error } => match &error.hint {
            Some(hint) => format!("failed: {error}\n         {hint}"),
            None => format!("failed: {error}"),
        },
    }
}

/// What the system denies the worker, or why not. Written by what it can't do, and loud where
/// nothing holds it back: it runs native code on files of strangers.
pub(crate) fn sandbox_text(confined: &Confined) -> String {
    let Confined { calls, files, why } = confined;
    let why = why.as_ref().map(|why| format!(": {why}")).unwrap_or_default();
    match (calls, files) {
        (true, true) => "the worker opens no files and no sockets, starts nothing, sees no other \
                         processes"
            .to_owned(),
        (true, false) => format!("the worker is held back by system calls alone{why}"),
        (false, true) => format!("the worker writes nothing, but has a network{why}"),
        (false, false) => format!("NONE: the worker could do what you can{why}"),
    }
}

/// What the system denies the program that downloads; it needs a network and folders of the store.
pub(crate) fn fetch_sandbox_text(confined: &Confined) -> String {
    let Confined { calls, files, why } = confined;
    let why = why.as_ref().map(|why| format!(": {why}")).unwrap_or_default();
    match (calls, files) {
        (true, true) => {
            "a download starts nothing and writes in the store's folders alone".to_owned()
        }
        (true, false) => {
            format!("a download starts nothing, but could read and write what you can{why}")
        }
        (false, true) => {
            format!("a download writes in the store's folders alone, but could start programs{why}")
        }
        (false, false) => format!("NONE: a download could do what you can{why}"),
    }
}

/// What the system denies the host. The network is what counts: it knows the user's code.
pub(crate) fn host_sandbox_text(confined: &Confined) -> String {
    let Confined { calls, files, why } = confined;
    let why = why.as_ref().map(|why| format!(": {why}")).unwrap_or_default();
    match (calls, files) {
        (true, true) => "the host has no network and writes in its own folders alone".to_owned(),
        (true, false) => format!("the host has no network, but writes where you can{why}"),
        (false, _) => format!("the host is NOT kept from the network{why}"),
    }
}
