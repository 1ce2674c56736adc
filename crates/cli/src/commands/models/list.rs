//! `models list` and `models info`: what models there are, as a table or as JSON.

use localcoder_model_store::{Entry, Installed, LicenseTerms, Listed, Source};
use localcoder_protocol::limits::CONTEXT_TOKENS;
use localcoder_protocol::{
    ClaimedLicense, DEMO, ErrorInfo, Fact, InstalledModel, License, LicenseSource, ModelAction,
    ModelDetails, ModelList, ModelRow, ModelState, ModelTask, ModelsInfo, ModelsList,
};

use super::known::{self, Here};
use super::terminal::bytes;
use super::{Models, table};
use crate::output;

pub(super) fn list(models: &Models, json: bool) -> Result<(), ErrorInfo> {
    let list = model_list(models)?;
    if json {
        return output::answer::<ModelsList>(&list);
    }
    for line in table::lines(&list.models, output::columns()) {
        output::line(&line)?;
    }
    let one_for_all = list.models.iter().any(|row| row.uses.len() == 2);
    output::line(&format!(
        "\nOn disk: {} in `{}`, {} free. {}",
        bytes(list.used_bytes),
        models.store.folder().display(),
        bytes(list.free_bytes),
        if one_for_all {
            "`*` is the model in use."
        } else {
            "`*` is the model for code, `+` for everything else."
        },
    ))
}

/// All models: the bundled one, those that are installed, and those of the catalog that are not.
/// One of the catalog counts as installed by its digest, whatever its id is here, and also where a
/// broken one has its id: it can be installed again from that row.
pub(super) fn model_list(models: &Models) -> Result<ModelList, ErrorInfo> {
    let installed = models.store.list()?;
    let in_use = models.in_use();
    let here = Here::look(models);
    let mut rows = vec![demo_row(&here, &in_use)];
    rows.extend(installed.iter().map(|listed| installed_row(models, &here, listed, &in_use)));
    let is_it = |listed: &Listed, entry: &Entry| {
        let same = listed.problem.is_none() && listed.model.sha256 == entry.sha256;
        same || listed.model.id == entry.id
    };
    let is_there = |entry: &Entry| installed.iter().any(|listed| is_it(listed, entry));
    let others = models.catalog.models.iter().filter(|entry| !is_there(entry));
    rows.extend(others.map(|entry| entry_row(models, &here, entry)));
    let (used_bytes, free_bytes) = (models.store.used_bytes(), models.machine.disk_free_bytes);
    Ok(ModelList {
        models: rows,
        used_bytes,
        free_bytes,
        disk_text: format!("Models take {}; {} are free.", bytes(used_bytes), bytes(free_bytes)),
        // Shown by the editor beside the list; nothing was refused yet, so it is not counted.
        refusal: models.network("no model is downloaded").err(),
    })
}

pub(super) fn info(models: &Models, id: &str, json: bool) -> Result<(), ErrorInfo> {
    let installed = models.store.list()?.into_iter().find(|listed| listed.model.id == id);
    let entry = models.catalog.entry(id);
    if json {
        let here = Here::look(models);
        let row = match (&installed, entry) {
            (Some(listed), _) => installed_row(models, &here, listed, &models.in_use()),
            (None, Some(entry)) => entry_row(models, &here, entry),
            // This is an error, which says what there is.
            (None, None) => entry_row(models, &here, models.entry(id)?),
        };
        let installed = installed.map(|listed| installed_model(models, &listed.model));
        return output::answer::<ModelsInfo>(&ModelDetails { row, installed });
    }
    if installed.is_none() && entry.is_none() {
        models.entry(id)?;
    }
    if let Some(entry) = entry {
        facts(&entry_facts(models, entry))?;
    }
    if let Some(Listed { model, problem }) = &installed {
        if entry.is_some() {
            output::line("")?;
        }
        facts(&installed_facts(models, model, problem.as_deref()))?;
    }
    Ok(())
}

fn known<const N: usize>(facts: [(&str, String); N]) -> Vec<Fact> {
    let facts = facts.into_iter().filter(|(_, text)| !text.is_empty());
    facts.map(|(what, text)| Fact { what: what.to_owned(), text }).collect()
}

pub(super) fn facts(facts: &[Fact]) -> Result<(), ErrorInfo> {
    let line =
        |fact: &Fact| output::line(&format!("{:14}{}", format!("{}:", fact.what), fact.text));
    facts.iter().try_for_each(line)
}

/// Everything that a user has to know before a model is downloaded, in the order in which it
/// matters.
pub(super) fn entry_facts(models: &Models, entry: &Entry) -> Vec<Fact> {
    let machine = &models.machine;
    let needed = entry.need(CONTEXT_TOKENS).bytes;
    let fit = machine.fit(needed);
    let license = &entry.license;
    // The file may be larger than the room; the list shows that before it is refused.
    let after = machine.disk_free_bytes.saturating_sub(entry.bytes);
    let by = entry.quantized_by.as_ref().map(|by| format!(", this file by {by}"));
    known([
        ("Model", format!("{} (`{}`)", entry.name, entry.id)),
        ("What for", entry.summary.clone()),
        ("Publisher", format!("{}{}", entry.publisher, by.unwrap_or_default())),
        ("Downloaded from", entry.hosts().iter().map(|it| host(it)).collect::<Vec<_>>().join(", ")),
        ("Address", entry.urls().into_iter().next().unwrap_or_default()),
        ("Repository", entry.repository.clone()),
        ("Revision", entry.revision.clone()),
        ("File", format!("{}, {}", entry.file, bytes(entry.bytes))),
        ("Disk", format!("{} free, {} after it", bytes(machine.disk_free_bytes), bytes(after))),
        (
            "Memory",
            format!("{} with {CONTEXT_TOKENS} tokens of context: {}", bytes(needed), fit.text()),
        ),
        ("Thinking", thinking(entry).to_owned()),
        ("Gaps", if entry.fim.is_some() { "it can fill them in" } else { "" }.to_owned()),
        ("SHA-256", entry.sha256.clone()),
        ("License", format!("{}, {}", license.name, license.url)),
        ("Commercial", if license.commercial { "yes" } else { "no" }.to_owned()),
        ("Conditions", license.conditions.join(" ")),
        ("Attribution", license.attribution.join("; ")),
        ("Policy", license.policy_url.clone().unwrap_or_default()),
    ])
}

fn thinking(entry: &Entry) -> &'static str {
    match entry.thinking.as_ref().map(|it| &it.switch) {
        None => "",
        Some(Some(_)) => "turned off here: it answers at once",
        Some(None) => "it thinks before each answer, which takes its time",
    }
}

/// In the form in which people write that all of a host's subdomains are meant.
fn host(host: &str) -> String {
    if host.starts_with('.') { format!("*{host}") } else { host.to_owned() }
}

fn source(model: &Installed) -> String {
    model.source.to_string()
}

/// Where it was downloaded from; empty for a file that was imported.
fn address(model: &Installed) -> String {
    match &model.source {
        Source::Catalog { url, .. } => url.clone(),
        Source::File { .. } => String::new(),
    }
}

/// The license that a catalog names for this very file; empty if none knows it.
fn known_license(models: &Models, model: &Installed) -> String {
    let entry = models.catalog.by_digest(&model.sha256);
    entry.map_or_else(String::new, |it| format!("{}, {}", it.license.name, it.license.url))
}

fn verified(models: &Models, model: &Installed) -> String {
    match (models.catalog.by_digest(&model.sha256), &model.claimed_id) {
        (Some(entry), _) => format!("yes: it is the file of `{}` in the catalog", entry.id),
        (None, Some(claimed)) => {
            format!("no: it came as `{claimed}` and is another file than the catalog's")
        }
        (None, None) => "no: its name, license and template are what came with it".to_owned(),
    }
}

/// The claims that came with a model that no catalog knows: they are set apart from what was
/// checked, because a folder may call itself anything.
fn claims(models: &Models, model: &Installed) -> String {
    let known = models.catalog.by_digest(&model.sha256).is_some();
    let of_file = model.claimed_license.as_ref().filter(|_| model.license.is_none() || !known);
    let beside = model.license.as_ref().filter(|_| !known);
    let template = model.chat_template.as_ref().filter(|_| !known);
    let parts = [
        of_file.map(|it| format!("license `{it}`")),
        beside.map(|it| format!("license `{}`", it.name)),
        model.claimed_source.as_ref().map(|it| format!("from {it}")),
        template.map(|_| "a chat template of its own".to_owned()),
    ];
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    if parts.is_empty() { String::new() } else { format!("{}; not checked", parts.join(", ")) }
}

fn path(models: &Models, model: &Installed) -> Option<String> {
    models.store.path_of(&model.id).ok().map(|path| path.display().to_string())
}

fn installed_facts(models: &Models, model: &Installed, problem: Option<&str>) -> Vec<Fact> {
    known([
        ("Installed", format!("{} (`{}`)", model.name, model.id)),
        ("Can be used", problem.map_or_else(|| "yes".to_owned(), |it| format!("no: {it}"))),
        ("Verified", verified(models, model)),
        ("File", path(models, model).unwrap_or_default()),
        ("Size", bytes(model.bytes)),
        ("From", source(model)),
        ("Address", address(model)),
        ("Architecture", model.architecture.clone()),
        ("Quantization", model.quantization.clone()),
        ("Context", format!("{} tokens", model.context_tokens)),
        ("SHA-256", model.sha256.clone()),
        ("License", known_license(models, model)),
        ("Agreed to", model.consent.as_ref().map(|it| it.license_id.clone()).unwrap_or_default()),
        ("Claimed", claims(models, model)),
    ])
}

fn uses(id: &str, (code, general): &(String, String)) -> Vec<ModelTask> {
    let tasks = [(code, ModelTask::Code), (general, ModelTask::General)];
    tasks.into_iter().filter(|(used, _)| *used == id).map(|(_, task)| task).collect()
}

fn uses_text(uses: &[ModelTask]) -> &'static str {
    match uses {
        [] => "",
        [ModelTask::Code] => "in use for code",
        [ModelTask::General] => "in use for everything but code",
        _ => "in use",
    }
}

fn use_actions(uses: &[ModelTask]) -> impl Iterator<Item = ModelAction> {
    let all =
        [(ModelTask::Code, ModelAction::Use), (ModelTask::General, ModelAction::UseForGeneral)];
    all.into_iter().filter(|(task, _)| !uses.contains(task)).map(|(_, action)| action)
}

fn joined(parts: [&str; 2]) -> String {
    parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(", ")
}

fn demo_row(here: &Here, in_use: &(String, String)) -> ModelRow {
    let uses = uses(DEMO, in_use);
    let about = here.demo();
    ModelRow {
        id: DEMO.to_owned(),
        name: "LocalCoder demo".to_owned(),
        state: ModelState::Bundled,
        actions: use_actions(&uses).collect(),
        bytes: about.bytes,
        loaded_bytes: about.bytes,
        roles: Vec::new(),
        profile: None,
        tuning: about.tuning,
        parameters: about.parameters,
        quantization: about.quantization,
        license: about.license,
        context_tokens: about.context_tokens,
        memory: about.memory,
        speed: about.speed,
        problem: None,
        description: joined(["bundled, no code assistant", uses_text(&uses)]),
        facts: known([
            (
                "What for",
                "tidies short Python functions, so that everything can be tried".to_owned(),
            ),
            ("File", about.path.map(|path| path.display().to_string()).unwrap_or_default()),
        ]),
        uses,
    }
}

fn installed_row(
    models: &Models,
    here: &Here,
    listed: &Listed,
    in_use: &(String, String),
) -> ModelRow {
    let Listed { model, problem } = listed;
    let uses = uses(&model.id, in_use);
    let (state, actions) = if problem.is_some() {
        // Only what a catalog has can be downloaded again.
        let again = models.catalog.entry(&model.id).map(|_| ModelAction::Install);
        (ModelState::Broken, again.into_iter().chain([ModelAction::Remove]).collect())
    } else {
        let mut actions: Vec<ModelAction> = use_actions(&uses).collect();
        actions.extend([ModelAction::Verify, ModelAction::Export]);
        // A model that is in use must not be removed.
        actions.extend(uses.is_empty().then_some(ModelAction::Remove));
        (ModelState::Installed, actions)
    };
    let about = match problem {
        Some(problem) => format!("can't be used: {problem}"),
        None => uses_text(&uses).to_owned(),
    };
    let entry = models.catalog.by_digest(&model.sha256);
    let seen = here.installed(models, model, problem.is_none());
    ModelRow {
        id: model.id.clone(),
        name: model.name.clone(),
        state,
        actions,
        bytes: model.bytes,
        loaded_bytes: model.bytes,
        roles: model.roles.iter().map(|role| known::role(*role)).collect(),
        profile: entry.map(|entry| known::profile(entry.profile).to_owned()),
        tuning: seen.tuning,
        parameters: model.parameters,
        quantization: model.quantization.clone(),
        license: known::license(model, entry),
        context_tokens: model.context_tokens,
        memory: seen.memory,
        speed: seen.speed,
        problem: problem.clone(),
        description: joined([&bytes(model.bytes), &about]),
        facts: installed_facts(models, model, problem.as_deref()),
        uses,
    }
}

fn entry_row(models: &Models, here: &Here, entry: &Entry) -> ModelRow {
    let loaded = models.store.loaded_bytes(&entry.sha256);
    let memory = here.memory(entry);
    let (state, description, actions) = if loaded > 0 {
        let text = format!("paused: {} of {} are downloaded", bytes(loaded), bytes(entry.bytes));
        (ModelState::Partial, text, vec![ModelAction::Install, ModelAction::Discard])
    } else {
        let text = joined([&bytes(entry.bytes), known::fit_text(memory.fit)]);
        (ModelState::Available, text, vec![ModelAction::Install])
    };
    ModelRow {
        id: entry.id.clone(),
        name: entry.name.clone(),
        state,
        uses: Vec::new(),
        actions,
        bytes: entry.bytes,
        loaded_bytes: loaded,
        roles: entry.roles.iter().map(|role| known::role(*role)).collect(),
        profile: Some(known::profile(entry.profile).to_owned()),
        tuning: known::tuning(entry),
        parameters: entry.parameters,
        quantization: entry.quantization.clone(),
        license: Some(ClaimedLicense {
            name: entry.license.name.clone(),
            said_by: LicenseSource::Catalog,
        }),
        context_tokens: entry.context_tokens,
        memory: Some(memory),
        speed: here.expected(entry.bytes),
        problem: None,
        description,
        facts: entry_facts(models, entry),
    }
}

/// An installed model in the form that other programs rely on, so that changes of the store don't
/// reach them.
pub(super) fn installed_model(models: &Models, model: &Installed) -> InstalledModel {
    InstalledModel {
        id: model.id.clone(),
        name: model.name.clone(),
        path: path(models, model),
        bytes: model.bytes,
        sha256: model.sha256.clone(),
        verified: models.catalog.by_digest(&model.sha256).is_some(),
        claimed_id: model.claimed_id.clone(),
        source: source(model),
        // From the manifest, as in the rows: the file may be gone or damaged.
        architecture: model.architecture.clone(),
        quantization: model.quantization.clone(),
        parameters: model.parameters,
        context_tokens: model.context_tokens,
        license: model.license.as_ref().map(license),
        claimed_license: model.claimed_license.clone(),
        agreed_to: model.consent.as_ref().map(|it| it.license_id.clone()),
        installed_at_s: model.installed_at_s,
        not_for_edits: None,
    }
}

pub(super) fn license(terms: &LicenseTerms) -> License {
    License {
        id: terms.id.clone(),
        name: terms.name.clone(),
        url: terms.url.clone(),
        commercial: terms.commercial,
        conditions: terms.conditions.clone(),
        attribution: terms.attribution.clone(),
    }
}

pub(super) fn license_facts(
    id: &str,
    size_bytes: u64,
    sha256: &str,
    license: Option<&str>,
) -> Vec<Fact> {
    known([
        ("Model", format!("{id}, {}", bytes(size_bytes))),
        ("SHA-256", sha256.to_owned()),
        ("License", license.unwrap_or("not known").to_owned()),
    ])
}
