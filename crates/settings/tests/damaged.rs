//! What follows from a damaged settings file: whether the network may be used, whether the other
//! values count, and what is reported.

#![expect(clippy::unwrap_used, reason = "a test says where it fails")]

use std::path::Path;

use localcoder_settings::{Key, Places, SettingsFiles};
use localcoder_test_support::settings::{TEXTS, WINDOW_TOKENS};

fn write(path: &Path, bytes: &[u8]) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, bytes).unwrap();
}

#[test]
fn of_every_text_comes_what_must_and_nothing_is_dropped_silently() {
    for text in TEXTS {
        let home = tempfile::tempdir().unwrap();
        let places = Places::under(home.path());
        write(&places.settings_file(), text.bytes);
        let resolved = SettingsFiles::read(&places).resolve();
        assert_eq!(resolved.air_gap.is_on(), text.closes, "{}", text.name);
        let window = u64::from(resolved.settings.context_tokens);
        let usual = u64::from(localcoder_protocol::limits::CONTEXT_TOKENS);
        assert_eq!(window, if text.counts { WINDOW_TOKENS } else { usual }, "{}", text.name);
        // The report names the file, and is among those that all commands print.
        let reported: Vec<String> = resolved
            .errors
            .iter()
            .map(|error| format!("{error} {}", error.hint.as_deref().unwrap_or_default()))
            .collect();
        assert_eq!(
            reported.len(),
            usize::from(!text.reported.is_empty()),
            "{}: {reported:?}",
            text.name
        );
        for part in text.reported {
            assert!(reported[0].contains(part), "{}: no {part} in {reported:?}", text.name);
        }
        if let [reported] = &reported[..] {
            let path = places.settings_file().display().to_string();
            assert!(reported.contains(&path), "{}: {reported}", text.name);
        }
        // The status has the same words.
        let notes = resolved.notes();
        assert_eq!(notes.len(), resolved.errors.len(), "{}", text.name);
        let is_noted = |part: &&&str| notes.iter().any(|note| note.contains(**part));
        assert_eq!(
            text.reported.iter().filter(is_noted).count(),
            text.reported.len(),
            "{}",
            text.name
        );
        // And it is the reason for an air gap that nobody asked for.
        let reason = resolved.air_gap.reason().unwrap_or_default();
        let asked_for = text.closes && text.reported.is_empty();
        assert_eq!(reason.contains("is on"), asked_for, "{}: {reason}", text.name);
        assert_eq!(resolved.mentions(reason), text.closes && !asked_for, "{}: {reason}", text.name);
    }
}

#[test]
fn the_same_text_as_the_copy_of_the_editors_settings_closes_too() {
    for text in TEXTS {
        let home = tempfile::tempdir().unwrap();
        let places = Places::under(home.path());
        // A clear `false` in the product's own file does not lift the doubt about the editor's
        // settings.
        write(&places.settings_file(), br#"{"airGapped": false}"#);
        write(&places.editor_settings_file(), text.bytes);
        let resolved = SettingsFiles::read(&places).resolve();
        assert_eq!(resolved.air_gap.is_on(), text.closes, "{}", text.name);
        assert_eq!(resolved.errors.is_empty(), text.reported.is_empty(), "{}", text.name);
        let (_, value, _) = &resolved.values[Key::AirGapped as usize];
        assert_eq!(*value, text.closes, "{}", text.name);
    }
}

#[test]
fn a_file_that_is_nested_without_end_is_refused_and_not_followed() {
    let home = tempfile::tempdir().unwrap();
    let places = Places::under(home.path());
    for (open, close) in [("{\"a\":", "}"), ("[", "]")] {
        let text = format!("{{\"a\": {}1{}}}", open.repeat(200_000), close.repeat(200_000));
        write(&places.settings_file(), text.as_bytes());
        let resolved = SettingsFiles::read(&places).resolve();
        assert!(resolved.air_gap.is_on(), "{open}");
        assert_eq!(resolved.unread.len(), 1, "{open}");
    }
}
