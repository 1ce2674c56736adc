//! What the debug configuration in `.vscode` names exists.

use anyhow::{Context as _, Result};
use serde_json::Value;

use super::Repository;

pub(super) fn configuration(repository: &Repository) -> Result<Vec<String>> {
    let read = |name: &str| -> Result<Value> {
        let file = repository.file(name).with_context(|| format!("there is no {name}"))?;
        serde_json::from_str(&file.text).with_context(|| format!("{name} is not JSON"))
    };
    Ok(complaints(&read(".vscode/launch.json")?, &read(".vscode/tasks.json")?))
}

fn complaints(launch: &Value, tasks: &Value) -> Vec<String> {
    let all = |of: &Value, list: &str| of[list].as_array().cloned().unwrap_or_default();
    let (configurations, tasks) = (all(launch, "configurations"), all(tasks, "tasks"));
    let mut complaints = Vec::new();
    for compound in all(launch, "compounds") {
        for name in all(&compound, "configurations") {
            if !configurations.iter().any(|it| it["name"] == name) {
                complaints.push(format!("launch.json starts {name}, which it does not describe"));
            }
        }
    }
    for configuration in &configurations {
        let task = &configuration["preLaunchTask"];
        if !task.is_null() && !tasks.iter().any(|it| it["label"] == *task) {
            complaints.push(format!("launch.json begins with {task}, which tasks.json lacks"));
        }
    }
    complaints
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_a_debug_configuration_names_and_lacks_is_reported() {
        let launch = json!({
            "configurations": [{ "name": "a", "preLaunchTask": "open" }, { "name": "c" }],
            "compounds": [{ "configurations": ["a", "b"] }],
        });
        let unknown = "launch.json starts \"b\", which it does not describe";
        let tasks = json!({ "tasks": [{ "label": "open" }] });
        assert_eq!(complaints(&launch, &tasks), [unknown]);
        let lacking = "launch.json begins with \"open\", which tasks.json lacks";
        assert_eq!(complaints(&launch, &json!({})), [unknown, lacking]);
    }
}
