//! `models list` and `models info`: what there is, in a table for people or as JSON.

use localcoder_model_store::{Entry, Installed, LicenseTerms, Listed};
use localcoder_protocol::limits::CONTEXT_TOKENS;
use localcoder_protocol::{
    DEMO, ErrorInfo, Fact, InstalledModel, License, ModelAction, ModelDetails, ModelList, ModelRow,
    ModelState, ModelTask, ModelsInfo, ModelsList,
};

use super::Models;
use super::terminal::bytes;
use crate::output;

pub(super) fn list(models: &Models, json: bool) -> Result<(), ErrorInfo> {
    let list = model_list(models)?;
    if json {
        return output::answer::<ModelsList>(&list);
    }
    let (others, there): (Vec<_>, Vec<_>) = list
        .models
        .iter()
        .partition(|row| matches!(row.state, ModelState::Available | ModelState::Partial));
    output::line("Installed:")?;
    for row in there {
        let (size, text) = match (row.state, &row.problem) {
            (ModelState::Bundled, _) => {
                (String::new(), "the bundled demo model, no code assistant".to_owned())
            }
            (_, Some(problem)) => {
                let again = match row.actions.contains(&ModelAction::Install) {
                    true => format!("; `localcoder models install {}` loads it again", row.id),
                    false => String::new(),
                };
                (bytes(row.bytes), format!("{} (can't be used: {problem}{again})", row.name))
            }
            (_, None) => (bytes(row.bytes), row.name.clone()),
        };
        line(mark(&row.uses), &row.id, &size, &text)?;
    }
    if !others.is_empty() {
        output::line("\nCan be installed with `localcoder models install ID`:")?;
    }
    for row in others {
        let begun = match row.loaded_bytes {
            0 => String::new(),
            loaded => format!("; {} of it are loaded", bytes(loaded)),
        };
        let entry = models.entry(&row.id)?;
        let fit = models.machine.fit(entry.need(CONTEXT_TOKENS).bytes).text();
        let text = format!("{}, {}; {fit}{begun}", row.name, entry.license.name);
        line(' ', &row.id, &bytes(row.bytes), &text)?;
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

fn mark(uses: &[ModelTask]) -> char {
    if uses.contains(&ModelTask::Code) {
        '*'
    } else if uses.is_empty() {
        ' '
    } else {
        '+'
    }
}

fn line(mark: char, id: &str, size: &str, text: &str) -> Result<(), ErrorInfo> {
    output::line(&format!("{mark} {id:20} {size:>9}  {text}"))
}

/// All models, those that are there first.
fn model_list(models: &Models) -> Result<ModelList, ErrorInfo> {
    let installed = models.store.list()?;
    let in_use = models.in_use();
    let mut rows = vec![demo_row(&in_use)];
    rows.extend(installed.iter().map(|listed| installed_row(models, listed, &in_use)));
    let is_there = |entry: &Entry| installed.iter().any(|it| it.model.id == entry.id);
    let others = models.catalog.models.iter().filter(|entry| !is_there(entry));
    rows.extend(others.map(|entry| entry_row(models, entry)));
    let (used_bytes, free_bytes) = (models.store.used_bytes(), models.machine.disk_free_bytes);
    Ok(ModelList {
        models: rows,
        used_bytes,
        free_bytes,
        disk_text: format!("Models take {}; {} are free.", bytes(used_bytes), bytes(free_bytes)),
        refusal: models.network("no model is loaded").err(),
    })
}

pub(super) fn info(models: &Models, id: &str, json: bool) -> Result<(), ErrorInfo> {
    let installed = models.store.list()?.into_iter().find(|listed| listed.model.id == id);
    let entry = models.catalog.entry(id);
    if json {
        let row = match (&installed, entry) {
            (Some(listed), _) => installed_row(models, listed, &models.in_use()),
            (None, Some(entry)) => entry_row(models, entry),
            (None, None) => entry_row(models, models.entry(id)?),
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

/// What is known of a model, none of it empty.
fn known<const N: usize>(facts: [(&str, String); N]) -> Vec<Fact> {
    let facts = facts.into_iter().filter(|(_, text)| !text.is_empty());
    facts.map(|(what, text)| Fact { what: what.to_owned(), text }).collect()
}

pub(super) fn facts(facts: &[Fact]) -> Result<(), ErrorInfo> {
    let line =
        |fact: &Fact| output::line(&format!("{:14}{}", format!("{}:", fact.what), fact.text));
    facts.iter().try_for_each(line)
}

/// All that a user has to know before a model is loaded.
pub(super) fn entry_facts(models: &Models, entry: &Entry) -> Vec<Fact> {
    let machine = &models.machine;
    let needed = entry.need(CONTEXT_TOKENS).bytes;
    let fit = machine.fit(needed);
    let license = &entry.license;
    let after = machine.disk_free_bytes.saturating_sub(entry.bytes);
    let by = entry.quantized_by.as_ref().map(|by| format!(", this file by {by}"));
    known([
        ("Model", format!("{} (`{}`)", entry.name, entry.id)),
        ("What for", entry.summary.clone()),
        ("Publisher", format!("{}{}", entry.publisher, by.unwrap_or_default())),
        ("Loaded from", entry.hosts().iter().map(|it| host(it)).collect::<Vec<_>>().join(", ")),
        ("Repository", entry.repository.clone()),
        ("Revision", entry.revision.clone()),
        ("File", format!("{}, {}", entry.file, bytes(entry.bytes))),
        ("Disk", format!("{} free, {} after it", bytes(machine.disk_free_bytes), bytes(after))),
        (
            "Memory",
            format!("{} with {CONTEXT_TOKENS} tokens of context: {}", bytes(needed), fit.text()),
        ),
        ("SHA-256", entry.sha256.clone()),
        ("Licence", format!("{}, {}", license.name, license.url)),
        ("Commercial", if license.commercial { "yes" } else { "no" }.to_owned()),
        ("Conditions", license.conditions.join(" ")),
        ("Attribution", license.attribution.join("; ")),
        ("Policy", license.policy_url.clone().unwrap_or_default()),
    ])
}

/// As people write it that all of a host's subdomains are meant.
fn host(host: &str) -> String {
    if host.starts_with('.') { format!("*{host}") } else { host.to_owned() }
}

/// Repository and revision, or the file that it was imported from.
fn source(model: &Installed) -> String {
    model.source.to_string()
}

/// Whether a catalog pins its file, and what is said of it where none does.
fn verified(models: &Models, model: &Installed) -> String {
    match (models.catalog.by_digest(&model.sha256), &model.claimed_id) {
        (Some(entry), _) => format!("yes: it is the file of `{}` in the catalog", entry.id),
        (None, Some(claimed)) => {
            format!("no: it came as `{claimed}` and is another file than the catalog's")
        }
        (None, None) => "no: its name, licence and template are what came with it".to_owned(),
    }
}

/// What came with a model that no catalog knows.
fn claims(models: &Models, model: &Installed) -> String {
    let known = models.catalog.by_digest(&model.sha256).is_some();
    let of_file = model.claimed_license.as_ref().filter(|_| model.license.is_none() || !known);
    let beside = model.license.as_ref().filter(|_| !known);
    let template = model.chat_template.as_ref().filter(|_| !known);
    let parts = [
        of_file.map(|it| format!("licence `{it}`")),
        beside.map(|it| format!("licence `{}`", it.name)),
        model.claimed_source.as_ref().map(|it| format!("from {it}")),
        template.map(|_| "a chat template of its own".to_owned()),
    ];
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    if parts.is_empty() { String::new() } else { format!("{}; not checked", parts.join(", ")) }
}

/// Where its file is, where it is there.
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
        ("Architecture", model.architecture.clone()),
        ("Quantization", model.quantization.clone()),
        ("Context", format!("{} tokens", model.context_tokens)),
        ("SHA-256", model.sha256.clone()),
        ("Agreed to", model.consent.as_ref().map(|it| it.license_id.clone()).unwrap_or_default()),
        ("Claimed", claims(models, model)),
    ])
}

/// What a model is used for now.
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

/// To be used for what it is not used for yet.
fn use_actions(uses: &[ModelTask]) -> impl Iterator<Item = ModelAction> {
    let all =
        [(ModelTask::Code, ModelAction::Use), (ModelTask::General, ModelAction::UseForGeneral)];
    all.into_iter().filter(|(task, _)| !uses.contains(task)).map(|(_, action)| action)
}

fn joined(parts: [&str; 2]) -> String {
    parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(", ")
}

fn demo_row(in_use: &(String, String)) -> ModelRow {
    let uses = uses(DEMO, in_use);
    ModelRow {
        id: DEMO.to_owned(),
        name: "LocalCoder demo".to_owned(),
        state: ModelState::Bundled,
        actions: use_actions(&uses).collect(),
        bytes: 0,
        loaded_bytes: 0,
        memory_bytes: None,
        problem: None,
        description: joined(["bundled, no code assistant", uses_text(&uses)]),
        facts: known([(
            "What for",
            "tidies short Python functions, so that everything can be tried".to_owned(),
        )]),
        uses,
    }
}

fn installed_row(models: &Models, listed: &Listed, in_use: &(String, String)) -> ModelRow {
    let Listed { model, problem } = listed;
    let uses = uses(&model.id, in_use);
    let (state, actions) = if problem.is_some() {
        let again = models.catalog.entry(&model.id).map(|_| ModelAction::Install);
        (ModelState::Broken, again.into_iter().chain([ModelAction::Remove]).collect())
    } else {
        let mut actions: Vec<ModelAction> = use_actions(&uses).collect();
        actions.extend([ModelAction::Verify, ModelAction::Export]);
        // One that is in use is to be used.
        actions.extend(uses.is_empty().then_some(ModelAction::Remove));
        (ModelState::Installed, actions)
    };
    let about = match problem {
        Some(problem) => format!("can't be used: {problem}"),
        None => uses_text(&uses).to_owned(),
    };
    ModelRow {
        id: model.id.clone(),
        name: model.name.clone(),
        state,
        actions,
        bytes: model.bytes,
        loaded_bytes: model.bytes,
        memory_bytes: None,
        problem: problem.clone(),
        description: joined([&bytes(model.bytes), &about]),
        facts: installed_facts(models, model, problem.as_deref()),
        uses,
    }
}

fn entry_row(models: &Models, entry: &Entry) -> ModelRow {
    let needed = entry.need(CONTEXT_TOKENS).bytes;
    let loaded = models.store.loaded_bytes(&entry.sha256);
    let (state, description, actions) = if loaded > 0 {
        let text = format!("paused: {} of {} are loaded", bytes(loaded), bytes(entry.bytes));
        (ModelState::Partial, text, vec![ModelAction::Install, ModelAction::Discard])
    } else {
        let text = joined([&bytes(entry.bytes), models.machine.fit(needed).text()]);
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
        memory_bytes: Some(needed),
        problem: None,
        description,
        facts: entry_facts(models, entry),
    }
}

/// What is there of a model, as others may rely on it.
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
        architecture: model.architecture.clone(),
        quantization: model.quantization.clone(),
        parameters: model.parameters,
        context_tokens: model.context_tokens,
        license: model.license.as_ref().map(license),
        claimed_license: model.claimed_license.clone(),
        agreed_to: model.consent.as_ref().map(|it| it.license_id.clone()),
        installed_at_s: model.installed_at_s,
    }
}

/// A licence, as others may rely on it.
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

/// What is agreed to with a licence.
pub(super) fn license_facts(
    id: &str,
    size_bytes: u64,
    sha256: &str,
    license: Option<&str>,
) -> Vec<Fact> {
    known([
        ("Model", format!("{id}, {}", bytes(size_bytes))),
        ("SHA-256", sha256.to_owned()),
        ("Licence", license.unwrap_or("not known").to_owned()),
    ])
}
