//! Whether anything may be downloaded. It fails closed: unless the settings are certain, the air
//! gap is on.
//!
//! [`NetworkAllowed`] can only be made here, from resolved settings, and starting a program that
//! could open a connection requires one. So no caller can forget to check.

use localcoder_protocol::ErrorInfo;
use serde_json::Value;

use crate::{Key, Layer, Places, SettingsError, SettingsFiles};

pub const AIR_GAPPED: &str = Key::AirGapped.name();

/// Proof that the settings allow downloads. Only [`AirGap`] can make one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NetworkAllowed(());

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AirGap {
    /// What the user asks for may be downloaded.
    Off(NetworkAllowed),
    On {
        /// Why: a sentence without its final period, which names the file or the value.
        reason: String,
        /// What is wrong with the settings, if that is why it counts as on.
        problem: Option<ErrorInfo>,
    },
}

impl AirGap {
    /// Every layer could be read, and each value was allowed. The only place where a
    /// [`NetworkAllowed`] is made.
    pub(crate) fn set(on: bool, layer: Layer) -> Self {
        if !on {
            return Self::Off(NetworkAllowed(()));
        }
        let reason = format!("`localcoder.{AIR_GAPPED}` is on (in {})", layer.name());
        Self::On { reason, problem: None }
    }

    /// Something is wrong with the settings, so that it is not known what was meant.
    pub(crate) fn closed_by(error: &ErrorInfo) -> Self {
        Self::On {
            reason: format!("`localcoder.{AIR_GAPPED}` counts as on: {error}"),
            problem: Some(error.clone()),
        }
    }

    #[must_use]
    pub fn is_on(&self) -> bool {
        matches!(self, Self::On { .. })
    }

    #[must_use]
    pub fn reason(&self) -> Option<&str> {
        match self {
            Self::Off(_) => None,
            Self::On { reason, .. } => Some(reason),
        }
    }

    /// The permission to use the network.
    ///
    /// # Errors
    /// If the air gap is on. `what` says what does not happen because of it.
    pub fn permission(&self, what: &str) -> Result<NetworkAllowed, SettingsError> {
        match self {
            Self::Off(allowed) => Ok(*allowed),
            Self::On { reason, problem } => Err(SettingsError::AirGapped {
                what: what.to_owned(),
                reason: reason.clone(),
                problem: problem.clone().map(Box::new),
            }),
        }
    }
}

/// What the settings on disk say about the network, for callers that need nothing else from them.
/// Reads the files each time: a permission that was kept could outlive a change of them.
#[must_use]
pub fn air_gap(places: &Places) -> AirGap {
    SettingsFiles::read(places).resolve().air_gap
}

/// Part of every name that could be meant as this setting's, in lower case and without separators:
/// `air-gapped`, `AirGap` and `airgap.enabled` have it.
const STEM: &str = "airgap";

/// Whether an unknown name is a misspelling of this setting's. Rather one name too many than one
/// too few: who wrote it wants no network, and would not notice that it has no effect.
pub(crate) fn is_meant_by(key: &str) -> bool {
    let letters: String = key.chars().filter(char::is_ascii_alphanumeric).collect();
    letters.to_ascii_lowercase().contains(STEM)
}

/// Whether a value contains such a name. A profile can't set it, but whoever writes it there wants
/// it.
pub(crate) fn is_meant_in(value: &Value) -> bool {
    match value {
        Value::Object(map) => map.iter().any(|(key, it)| is_meant_by(key) || is_meant_in(it)),
        Value::Array(list) => list.iter().any(is_meant_in),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    /// A home with these contents of the product's own file and of the file with the kept copy of
    /// the editor's settings.
    fn home(file: Option<&[u8]>, editor: Option<&[u8]>) -> (tempfile::TempDir, Places) {
        let home = tempfile::tempdir().unwrap();
        let places = Places::under(home.path());
        let write = |path: &Path, bytes: Option<&[u8]>| {
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            bytes.iter().for_each(|bytes| std::fs::write(path, bytes).unwrap());
        };
        write(&places.settings_file(), file);
        write(&places.editor_settings_file(), editor);
        (home, places)
    }

    #[test]
    fn only_a_plain_no_is_one() {
        // Read as VS Code writes it, and what is meant counts.
        // A comment, a trailing comma, a byte order mark and the full key each turned the air gap
        // off without a word, before there was one reader for all programs.
        let said: [(&str, bool); 18] = [
            ("{}", false),
            (r#"{"airGapped": false}"#, false),
            (r#"{"airGapped": true}"#, true),
            ("// mine\n{\"airGapped\": true /* yes */}", true),
            ("// mine\n{\"airGapped\": false}", false),
            (r#"{"airGapped": true,}"#, true),
            (r#"{"airGapped": false,}"#, false),
            ("\u{feff}{\"airGapped\": true}", true),
            ("\u{feff}{\"airGapped\": false}", false),
            (r#"{"localcoder.airGapped": true}"#, true),
            (r#"{"localcoder.airGapped": false}"#, false),
            (r#"{"localcoder": {"airGapped": true}}"#, true),
            // It is not known which one was meant.
            (r#"{"airGapped": false, "localcoder.airGapped": true}"#, true),
            (r#"{"localcoder.airGapped": false, "airGapped": true}"#, true),
            (r#"{"airgapped": true}"#, true),
            (r#"{"air-gapped": false}"#, true),
            (r#"{"profiles": {"mine": {"airGapped": true}}}"#, true),
            (r#"{"profiles": {"mine": {"code": "demo"}}}"#, false),
        ];
        for (text, on) in said {
            let (_home, places) = home(Some(text.as_bytes()), None);
            assert_eq!(air_gap(&places).is_on(), on, "{text} in the product's file");
            let (_home, places) = home(None, Some(text.as_bytes()));
            assert_eq!(air_gap(&places).is_on(), on, "{text} of the editor");
        }
        // The editor's settings take precedence, whatever they say.
        let (yes, no) = (r#"{"airGapped": true}"#.as_bytes(), r#"{"airGapped": false}"#.as_bytes());
        for (file, editor, on) in [(yes, no, false), (no, yes, true)] {
            let (_home, places) = home(Some(file), Some(editor));
            assert_eq!(air_gap(&places).is_on(), on);
        }
        let (_home, places) = home(None, None);
        assert_eq!(air_gap(&places).reason(), None, "nothing is set");
    }

    #[test]
    fn a_value_that_is_neither_yes_nor_no_closes_and_is_named() {
        // A text `"true"` was taken for off once.
        for value in ["\"true\"", "\"false\"", "1", "0", "null", "[]", "{}", "{\"on\":true}"] {
            let text = format!("{{\"airGapped\": {value}}}");
            let (_home, places) = home(Some(text.as_bytes()), None);
            let AirGap::On { reason, problem: Some(problem) } = air_gap(&places) else {
                panic!("{text}")
            };
            let path = places.settings_file().display().to_string();
            let named = format!("`localcoder.airGapped` can't be {value} (in `{path}`, line 1)");
            assert!(reason.contains(&named), "{text}: {reason}");
            assert_eq!(problem.subject.as_deref(), Some("airGapped"), "{text}: {problem:?}");
            // A good value in the editor's settings does not fix it, nor the other way around.
            let (_home, places) = home(Some(text.as_bytes()), Some(b"{\"airGapped\": false}"));
            assert!(air_gap(&places).is_on(), "{text} below a `false`");
            let (_home, places) = home(Some(b"{\"airGapped\": false}"), Some(text.as_bytes()));
            assert!(air_gap(&places).is_on(), "{text} above a `false`");
        }
    }

    #[test]
    fn a_file_that_can_not_be_parsed_closes_and_is_named() {
        let wrong: [&[u8]; 9] = [
            b"{",
            b"",
            b" \n",
            b"// nothing but this\n",
            b"[]",
            b"true",
            b"{\"airGapped\": false} x",
            b"{\"contextWindow\": 2048 \"airGapped\": false}",
            b"{\"airGapped\": false, \"codeModel\": \"\xff\"}",
        ];
        for bytes in wrong {
            let text = String::from_utf8_lossy(bytes);
            let (_home, places) = home(Some(bytes), None);
            let AirGap::On { reason, problem: Some(problem) } = air_gap(&places) else {
                panic!("{text}")
            };
            let path = places.settings_file().display().to_string();
            assert!(reason.contains(&path) && problem.hint.is_some(), "{text}: {reason}");
            let (_home, places) = home(Some(b"{\"airGapped\": false}"), Some(bytes));
            let path = places.editor_settings_file().display().to_string();
            let reason = air_gap(&places).reason().map(str::to_owned).unwrap();
            assert!(reason.contains(&path), "{text}: {reason}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn what_is_there_and_can_not_be_read_closes() {
        let (_home, places) = home(None, None);
        let path = places.settings_file();
        let closed = |what: &str| {
            let reason = air_gap(&places).reason().map(str::to_owned).expect(what);
            assert!(reason.contains(&path.display().to_string()), "{what}: {reason}");
        };
        std::fs::create_dir(&path).unwrap();
        closed("a folder");
        std::fs::remove_dir(&path).unwrap();
        std::os::unix::fs::symlink("/nonexistent/settings.json", &path).unwrap();
        closed("a link to nothing");
        std::fs::remove_file(&path).unwrap();
        // Reading another kind, such as a pipe, would hang.
        let _socket = std::os::unix::net::UnixListener::bind(&path).unwrap();
        closed("no regular file");
        std::fs::remove_file(&path).unwrap();
        std::fs::write(&path, " ".repeat(5 << 20)).unwrap();
        closed("a file without end");
        std::fs::remove_file(&path).unwrap();
        assert!(!air_gap(&places).is_on());
    }

    #[test]
    fn the_permission_is_refused_with_the_reason_and_the_way_out() {
        let (_home, places) = home(Some(b"{ // half"), None);
        let error = air_gap(&places).permission("`small` is not downloaded").unwrap_err();
        let error = ErrorInfo::from(error);
        assert_eq!(error.code, localcoder_protocol::ErrorCode::AirGapped);
        let cause = error.cause.unwrap();
        assert!(cause.contains("settings.json` is not JSON"), "{cause}");
        let hint = error.hint.unwrap();
        assert!(hint.contains("fix the file") && hint.contains("import it here"), "{hint}");
        let (_home, places) = home(None, None);
        assert!(air_gap(&places).permission("").is_ok());
    }
}
