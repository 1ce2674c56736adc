//! The IDE's user settings are in the product's own file, so that there is one place for settings:
//! the editor reaches it through a link. What earlier versions had kept elsewhere is migrated.

use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use fs_err::os::unix::fs::symlink;
use localcoder_protocol::{ErrorCode, ErrorInfo};
use localcoder_settings::{
    AIR_GAPPED, Counts, Places, edited, in_full, merged, no_json, parse, read_file,
};
use serde_json::{Map, Value};

use crate::settings_file::rewrite_with;

/// The new name of a file whose settings were migrated. It is renamed and not deleted: the comments
/// in it are the user's, and are not migrated.
const MIGRATED: &str = "settings-before";

/// Makes the IDE use the product's settings file; called before it starts. Returns what could not be
/// done: the IDE starts anyway, and nothing is lost.
pub(crate) fn unite(places: &Places) -> Vec<ErrorInfo> {
    let mut problems = Vec::new();
    let mut note = |result: Result<(), ErrorInfo>| problems.extend(result.err());
    // In this order: settings of the machine took precedence, and are there when those of the
    // editor are merged; only then is the file complete, and the link put in the place of the old
    // one.
    note(take_machine_settings(places));
    note(take_user_settings(places));
    // The editor knows settings by their full names alone; ours may be in the file without a
    // prefix.
    note(rewrite_with(places, &in_full));
    note(link(places));
    problems
}

fn take_machine_settings(places: &Places) -> Result<(), ErrorInfo> {
    let path = places.ide_machine_settings();
    let values = match values_of(&path) {
        Ok(None) => return Ok(()),
        Ok(Some(values)) => Ok(values),
        // The host has kept a copy of those that belong to this product; it may be readable where
        // the file itself is not any more.
        Err(problem) => match values_of(&places.editor_settings_file()) {
            Ok(Some(kept)) => Ok(kept),
            _ => Err(problem),
        },
    };
    match &values {
        Ok(values) => rewrite_with(places, &|text| merged(text, values, Counts::Other))?,
        Err(_) => {
            // A file that can't be read counts as air-gapped.
            let on = Value::Bool(true);
            rewrite_with(places, &|text| edited(text, AIR_GAPPED, Some(&on)))?;
        }
    }
    // Only now, with the values safely in the new file, and the copy before the file that leads
    // here: if anything fails, the next start migrates again.
    let kept = remove_copy(places).and_then(|()| put_aside(&path));
    match (values, kept) {
        (Ok(_), kept) => kept.map(drop),
        // Why the air gap is on counts more than that the file is still there, which is tried again.
        (Err(problem), kept) => Err(problem.with_hint(format!(
            "its settings are not used any more, and `localcoder.{AIR_GAPPED}` is on: set them \
             again; the file is kept as `{}`",
            kept.unwrap_or(path).display()
        ))),
    }
}

fn remove_copy(places: &Places) -> Result<(), ErrorInfo> {
    let copy = places.editor_settings_file();
    match fs_err::remove_file(&copy) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(cannot_change(&copy, &error)),
        _ => Ok(()),
    }
}

/// Migrates settings of the editor itself. A link there was made by an earlier start.
fn take_user_settings(places: &Places) -> Result<(), ErrorInfo> {
    let path = places.ide_settings_link();
    if !path.symlink_metadata().is_ok_and(|it| it.is_file()) {
        return Ok(());
    }
    let unusable = |problem: ErrorInfo| {
        problem.with_hint("fix the file, then start the IDE again: until then it is used as it is")
    };
    if let Some(values) = values_of(&path).map_err(unusable)? {
        rewrite_with(places, &|text| merged(text, &values, Counts::This))?;
        put_aside(&path)?;
    }
    Ok(())
}

fn link(places: &Places) -> Result<(), ErrorInfo> {
    let (path, file) = (places.ide_settings_link(), places.settings_file());
    match fs_err::read_link(&path) {
        Ok(to) if to == file => return Ok(()),
        Ok(_) => fs_err::remove_file(&path).map_err(|error| cannot_change(&path, &error))?,
        // A file that could not be migrated stays.
        Err(_) if path.symlink_metadata().is_ok() => return Ok(()),
        Err(_) => {}
    }
    let made = fs_err::create_dir_all(folder_of(&path)).and_then(|()| symlink(&file, &path));
    made.map_err(|error| cannot_change(&path, &error))
}

fn values_of(path: &Path) -> Result<Option<Map<String, Value>>, ErrorInfo> {
    match read_file(path)? {
        // The editor treats an empty file as one without settings.
        Some((text, _)) if text.trim().is_empty() => Ok(Some(Map::new())),
        Some((text, _)) => Ok(Some(parse(&text).map_err(|why| no_json(path, why))?)),
        None => Ok(None),
    }
}

/// Renames a file whose settings were migrated; returns its new path, which no file has: an editor
/// that replaces the link by a file of its own leads here again.
fn put_aside(path: &Path) -> Result<PathBuf, ErrorInfo> {
    let numbers = std::iter::once(String::new()).chain((2..).map(|number| format!("-{number}")));
    let to = numbers
        .map(|number| folder_of(path).join(format!("{MIGRATED}{number}.json")))
        .find(|to| to.symlink_metadata().is_err())
        .unwrap_or_else(|| path.with_extension("before"));
    fs_err::rename(path, &to).map_err(|error| cannot_change(path, &error))?;
    Ok(to)
}

fn folder_of(path: &Path) -> PathBuf {
    path.parent().unwrap_or(path).to_owned()
}

fn cannot_change(path: &Path, error: &io::Error) -> ErrorInfo {
    let message = format!("`{}` can't be changed", path.display());
    ErrorInfo::new(ErrorCode::FileAccess, message)
        .with_cause(error.to_string())
        .with_hint("settings of the IDE may not be those that `localcoder config list` shows")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn home() -> (tempfile::TempDir, Places) {
        let home = tempfile::tempdir().unwrap();
        let places = Places::under(home.path());
        (home, places)
    }

    fn write(path: &Path, text: &str) {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    fn settings(places: &Places) -> Value {
        let text = std::fs::read_to_string(places.settings_file()).unwrap();
        Value::Object(parse(&text).unwrap())
    }

    fn assert_linked(places: &Places) {
        let link = places.ide_settings_link();
        assert_eq!(std::fs::read_link(link).unwrap(), places.settings_file());
    }

    #[test]
    fn a_new_installation_has_one_file_and_keeps_it() {
        let (_home, places) = home();
        for _ in 0..2 {
            assert_eq!(unite(&places), []);
            assert_eq!(settings(&places), json!({}));
            assert_linked(&places);
        }
        // If the folder was moved, the link is created again.
        std::fs::remove_file(places.ide_settings_link()).unwrap();
        symlink("/elsewhere", places.ide_settings_link()).unwrap();
        assert_eq!(unite(&places), []);
        assert_linked(&places);
    }

    #[test]
    fn what_was_kept_elsewhere_is_taken_over_once() {
        let (_home, places) = home();
        write(
            &places.settings_file(),
            "{\n  // mine\n  \"mode\": \"stability\", \"airGapped\": false\n}\n",
        );
        let machine = r#"{"localcoder.airGapped": true, "git.path": "/g", // its
            "localcoder.contextWindow": 1024,}"#;
        write(&places.ide_machine_settings(), machine);
        write(&places.editor_settings_file(), r#"{"airGapped": true, "contextWindow": 1024}"#);
        write(
            &places.ide_settings_link(),
            r#"{"editor.fontSize": 9, "localcoder.mode": "performance"}"#,
        );
        assert_eq!(unite(&places), []);
        let united = json!({
            "localcoder.mode": "stability", "localcoder.airGapped": true, "git.path": "/g",
            "localcoder.contextWindow": 1024, "editor.fontSize": 9,
        });
        assert_eq!(settings(&places), united);
        assert_linked(&places);
        let text = std::fs::read_to_string(places.settings_file()).unwrap();
        assert!(text.contains("// mine"), "{text}");
        assert!(!places.editor_settings_file().exists() && !places.ide_machine_settings().exists());
        let kept = places.ide_machine_settings().with_file_name("settings-before.json");
        assert_eq!(std::fs::read_to_string(kept).unwrap(), machine);
        // What is set now is not undone by the next start.
        write(&places.settings_file(), "{}");
        assert_eq!(unite(&places), []);
        assert_eq!(settings(&places), json!({}));
    }

    #[test]
    fn what_cannot_be_read_is_reported_and_turns_the_air_gap_on() {
        let (_home, places) = home();
        write(&places.ide_machine_settings(), "{ // half");
        let problems = unite(&places);
        assert_eq!(problems.len(), 1);
        assert!(
            problems[0].message.ends_with("Machine/settings.json` is not JSON"),
            "{}",
            problems[0]
        );
        assert_eq!(settings(&places), json!({"localcoder.airGapped": true}));

        // The host's copy of it says what was meant.
        let (_home, places) = home();
        write(&places.ide_machine_settings(), "{ // half");
        write(&places.editor_settings_file(), r#"{"airGapped": false, "mode": "stability"}"#);
        assert_eq!(unite(&places), []);
        let meant = json!({"localcoder.airGapped": false, "localcoder.mode": "stability"});
        assert_eq!(settings(&places), meant);
    }

    #[test]
    fn a_file_that_the_editor_makes_again_is_kept_beside_the_first() {
        let (_home, places) = home();
        let text = |size: u8| format!("{{\"editor.fontSize\": {size}}} // mine");
        for size in [9, 10] {
            let _ = std::fs::remove_file(places.ide_settings_link());
            write(&places.ide_settings_link(), &text(size));
            assert_eq!(unite(&places), []);
            assert_linked(&places);
        }
        for (name, size) in [("settings-before.json", 9), ("settings-before-2.json", 10)] {
            let kept = std::fs::read_to_string(places.ide_settings_link().with_file_name(name));
            assert_eq!(kept.unwrap(), text(size));
        }
    }

    #[test]
    fn why_the_air_gap_is_on_is_reported_also_where_the_copy_cannot_be_removed() {
        let (_home, places) = home();
        write(&places.ide_machine_settings(), "{ // half");
        // A folder that is not empty can't be removed as a file, by root neither.
        write(&places.editor_settings_file().join("file"), "");
        let problems = unite(&places);
        assert!(problems[0].message.ends_with("is not JSON"), "{problems:?}");
        assert_eq!(settings(&places), json!({"localcoder.airGapped": true}));
        // The next start migrates again.
        assert!(places.ide_machine_settings().exists());
        std::fs::remove_dir_all(places.editor_settings_file()).unwrap();
        assert_eq!(unite(&places).len(), 1);
        assert!(!places.ide_machine_settings().exists());
        assert_eq!(unite(&places), []);
    }

    #[test]
    fn a_file_that_is_not_json_stays_as_it_is() {
        let (_home, places) = home();
        write(&places.settings_file(), "{ half");
        write(&places.ide_machine_settings(), r#"{"localcoder.airGapped": true}"#);
        write(&places.ide_settings_link(), r#"{"editor.fontSize": 9}"#);
        let problems = unite(&places);
        assert!(
            problems.iter().all(|it| it.message.ends_with("settings.json` is not JSON")),
            "{problems:?}"
        );
        assert!(!problems.is_empty());
        assert_eq!(std::fs::read_to_string(places.settings_file()).unwrap(), "{ half");
        assert!(places.ide_machine_settings().exists() && places.ide_settings_link().is_file());
        // Once it is fixed, everything is merged.
        write(&places.settings_file(), "{}");
        assert_eq!(unite(&places), []);
        let united = json!({"localcoder.airGapped": true, "editor.fontSize": 9});
        assert_eq!(settings(&places), united);
        assert_linked(&places);
    }
}
