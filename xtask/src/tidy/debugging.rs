//! The debug configuration of `.vscode` names what is there.

use anyhow::{Context as _, Result};
use serde_json::Value;

use super::Repository;

/// Configurations and tasks that are named exist, and both sides mean the same port.
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
        let found = tasks.iter().find(|it| it["label"] == *task);
        if !task.is_null() && found.is_none() {
            complaints.push(format!("launch.json begins with {task}, which tasks.json lacks"));
        }
        let port = &configuration["port"];
        let given = found.map(|it| all(it, "args")).unwrap_or_default();
        if !port.is_null() && !given.contains(&Value::String(port.to_string())) {
            complaints
                .push(format!("launch.json attaches to port {port}, which {task} does not open"));
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
            "configurations": [{ "name": "a", "port": 1, "preLaunchTask": "open" }],
            "compounds": [{ "configurations": ["a", "b"] }],
        });
        let tasks = |args: Value| json!({ "tasks": [{ "label": "open", "args": args }] });
        let found = complaints(&launch, &tasks(json!(["--port", "2"])));
        assert_eq!(
            found,
            [
                "launch.json starts \"b\", which it does not describe",
                "launch.json attaches to port 1, which \"open\" does not open",
            ]
        );
        assert_eq!(complaints(&launch, &tasks(json!(["--port", "1"]))).len(), 1);
        assert!(complaints(&launch, &json!({}))[1].contains("begins with \"open\""));
    }
}
