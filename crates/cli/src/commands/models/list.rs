//! `models list` and `models info`: what there is, in a table for people or as JSON.

use localcoder_model_store::{Entry, Installed, Listed, Source};
use localcoder_protocol::limits::CONTEXT_TOKENS;
use localcoder_protocol::{DEMO, ErrorInfo};
use serde_json::{Value, json};

use super::Models;
use super::terminal::bytes;
use crate::output;

pub(super) fn list(models: &Models, json: bool) -> Result<(), ErrorInfo> {
    let installed = models.store.list()?;
    let others: Vec<&Entry> = models
        .catalog
        .models
        .iter()
        .filter(|entry| installed.iter().all(|it| it.model.id != entry.id || it.problem.is_some()))
        .collect();
    let (code, general) = models.in_use();
    let (code, general) = (code.as_str(), general.as_str());
    if json {
        return output::value(&json!({
            "codeModel": code,
            "generalModel": general,
            "installed": installed.iter().map(|it| installed_json(models, it)).collect::<Vec<_>>(),
            "available": others.iter().map(|entry| entry_json(models, entry)).collect::<Vec<_>>(),
            "machine": models.machine,
            "usedBytes": models.store.used_bytes(),
            // Why nothing can be loaded from the network, where that is so.
            "refusal": models.network("no model is loaded").err(),
        }));
    }
    output::line("Installed:")?;
    let mark = |id: &str| mark(id == code, id == general);
    line(mark(DEMO), DEMO, "", "the bundled demo model, no code assistant")?;
    for Listed { model, problem } in &installed {
        let text = match problem {
            Some(problem) => format!("{} (can't be used: {problem})", model.name),
            None => model.name.clone(),
        };
        line(mark(&model.id), &model.id, &bytes(model.bytes), &text)?;
    }
    if !others.is_empty() {
        output::line("\nCan be installed with `localcoder models install ID`:")?;
    }
    for entry in others {
        let fit = models.machine.fit(entry.need(CONTEXT_TOKENS).bytes);
        let begun = models.store.loaded_bytes(&entry.sha256);
        let begun =
            if begun > 0 { format!("; {} of it are loaded", bytes(begun)) } else { String::new() };
        let text = format!("{}, {}; {}{begun}", entry.name, entry.license.name, fit.text());
        line(' ', &entry.id, &bytes(entry.bytes), &text)?;
    }
    let free = models.machine.disk_free_bytes;
    let used = models.store.used_bytes();
    output::line(&format!(
        "\nOn disk: {} in `{}`, {} free. {}",
        bytes(used),
        models.store.folder().display(),
        bytes(free),
        if code == general {
            "`*` is the model in use."
        } else {
            "`*` is the model for code, `+` for everything else."
        },
    ))
}

fn mark(code: bool, general: bool) -> char {
    match (code, general) {
        (true, _) => '*',
        (false, true) => '+',
        (false, false) => ' ',
    }
}

fn line(mark: char, id: &str, size: &str, text: &str) -> Result<(), ErrorInfo> {
    output::line(&format!("{mark} {id:20} {size:>9}  {text}"))
}

pub(super) fn info(models: &Models, id: &str, json: bool) -> Result<(), ErrorInfo> {
    let installed = models.store.list()?.into_iter().find(|listed| listed.model.id == id);
    let entry = models.catalog.entry(id);
    if installed.is_none() && entry.is_none() {
        models.entry(id)?;
    }
    if json {
        return output::value(&json!({
            "installed": installed.as_ref().map(|it| installed_json(models, it)),
            "catalog": entry.map(|entry| entry_json(models, entry)),
        }));
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

/// What is known of a model: a word and a text each, none of them empty.
pub(super) type Facts = Vec<(&'static str, String)>;

fn known(mut facts: Facts) -> Facts {
    facts.retain(|(_, text)| !text.is_empty());
    facts
}

pub(super) fn facts(facts: &Facts) -> Result<(), ErrorInfo> {
    let line =
        |(what, text): &(_, String)| output::line(&format!("{:14}{text}", format!("{what}:")));
    facts.iter().try_for_each(line)
}

/// All that a user has to know before a model is loaded.
pub(super) fn entry_facts(models: &Models, entry: &Entry) -> Facts {
    let machine = &models.machine;
    let needed = entry.need(CONTEXT_TOKENS).bytes;
    let fit = machine.fit(needed);
    let license = &entry.license;
    let after = machine.disk_free_bytes.saturating_sub(entry.bytes);
    let by = entry.quantized_by.as_ref().map(|by| format!(", this file by {by}"));
    known(vec![
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

fn installed_facts(models: &Models, model: &Installed, problem: Option<&str>) -> Facts {
    let source = match &model.source {
        Source::Catalog { repository, revision, .. } => format!("{repository} at {revision}"),
        Source::File { path } => format!("imported from `{}`", path.display()),
    };
    let path = models.store.path_of(&model.id);
    known(vec![
        ("Installed", format!("{} (`{}`)", model.name, model.id)),
        ("Can be used", problem.map_or_else(|| "yes".to_owned(), |it| format!("no: {it}"))),
        ("File", path.map(|path| path.display().to_string()).unwrap_or_default()),
        ("Size", bytes(model.bytes)),
        ("From", source),
        ("Architecture", model.architecture.clone()),
        ("Quantization", model.quantization.clone()),
        ("Context", format!("{} tokens", model.context_tokens)),
        ("SHA-256", model.sha256.clone()),
        ("Agreed to", model.consent.as_ref().map(|it| it.license_id.clone()).unwrap_or_default()),
        (
            "Claimed",
            model
                .claimed_license
                .as_ref()
                .map(|it| format!("licence `{it}`, not checked"))
                .unwrap_or_default(),
        ),
    ])
}

fn installed_json(models: &Models, listed: &Listed) -> Value {
    let Listed { model, problem } = listed;
    let facts = installed_facts(models, model, problem.as_deref());
    json!({"model": model, "problem": problem, "facts": facts_json(&facts)})
}

/// For a list that shows them as they are.
fn facts_json(facts: &Facts) -> Value {
    facts.iter().map(|(what, text)| json!({"what": what, "text": text})).collect()
}

fn entry_json(models: &Models, entry: &Entry) -> Value {
    let needed = entry.need(CONTEXT_TOKENS).bytes;
    let fit = models.machine.fit(needed);
    json!({
        "entry": entry,
        "memoryBytes": needed,
        "fit": fit,
        "fitText": fit.text(),
        "facts": facts_json(&entry_facts(models, entry)),
        "loadedBytes": models.store.loaded_bytes(&entry.sha256),
    })
}
