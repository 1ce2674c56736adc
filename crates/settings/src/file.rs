//! Reads a settings file as VS Code does: comments, trailing commas and a byte order mark are
//! allowed. The only reader there is, so that all programs see the same settings.
//!
//! A missing file sets nothing. A file that exists but can't be read is a problem, which is kept
//! with the values, since it must not look like a file that sets nothing.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use jsonc_parser::common::Ranged as _;
use jsonc_parser::{
    CollectOptions, ParseOptions, ParseResult, ast, parse_to_ast, parse_to_serde_value,
};
use localcoder_disk::{ReadError, Stamp};
use localcoder_protocol::{ErrorAction, ErrorInfo};
use serde_json::{Map, Value};

use crate::{Layer, Places, Resolved, SettingsError, resolve};

/// A longer file is not a settings file; VS Code's largest have some ten thousand bytes.
const FILE_BYTES_MAX: u64 = 4 * 1024 * 1024;
/// Some editors put it at the beginning of a file.
pub(crate) const BYTE_ORDER_MARK: char = '\u{feff}';

/// The contents of a layer. A missing file has none of them; one that can't be read has a `problem`
/// and no values, so that the two can't be confused.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Contents {
    pub values: Map<String, Value>,
    /// Keys that occur more than once, with different values: the last one counts, and for objects
    /// only the last one.
    pub repeated: Vec<String>,
    pub problem: Option<ErrorInfo>,
    pub origin: Origin,
}

/// The file that values come from, and their lines in it: for messages.
#[derive(Debug, Clone, Default)]
pub struct Origin {
    path: Option<PathBuf>,
    /// By dotted key, as it is written.
    lines: BTreeMap<String, usize>,
}

impl PartialEq for Origin {
    fn eq(&self, _: &Self) -> bool {
        // Two layers with the same values are equal, wherever those came from.
        true
    }
}

impl Origin {
    /// Where a key of a layer is, in words that follow "in".
    pub(crate) fn place(&self, layer: Layer, key: &str) -> String {
        match (&self.path, self.lines.get(key)) {
            (None, _) => layer.name().to_owned(),
            (Some(path), None) => format!("`{}`", path.display()),
            (Some(path), Some(line)) => format!("`{}`, line {line}", path.display()),
        }
    }
}

impl Contents {
    /// The contents of a settings file's text.
    ///
    /// # Errors
    /// As for [`parse`].
    pub fn of(text: &str) -> Result<Self, String> {
        let values = parse(text)?;
        let Keys { lines, repeated, .. } = Keys::of(text);
        Ok(Self { values, repeated, origin: Origin { path: None, lines }, problem: None })
    }
}

impl From<Map<String, Value>> for Contents {
    fn from(values: Map<String, Value>) -> Self {
        Self { values, ..Self::default() }
    }
}

/// The settings on disk: the product's own file, and what the editor last set. A snapshot: nothing
/// is watched, and whoever needs them fresh reads again.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct SettingsFiles {
    pub file: Contents,
    pub editor: Contents,
}

impl SettingsFiles {
    /// Reads both files. Never fails: what can't be read is in the contents, since the programs
    /// have to run, air-gapped, with a broken file.
    #[must_use]
    pub fn read(places: &Places) -> Self {
        let path = places.settings_file();
        let mut file = read(&path, "fix the file, or delete it");
        file.origin.path = Some(path);
        let mut editor = read(
            &places.editor_settings_file(),
            "open the editor, which writes the file again, or delete it",
        );
        // This is a copy, whose lines were not written by the user.
        editor.origin = Origin::default();
        Self { file, editor }
    }

    #[must_use]
    pub fn resolve(&self) -> Resolved {
        self.resolve_with(&Map::new())
    }

    /// The settings in force, with options of a command on top.
    #[must_use]
    pub fn resolve_with(&self, options: &Map<String, Value>) -> Resolved {
        let options = Contents::from(options.clone());
        resolve(&[
            (Layer::File, &self.file),
            (Layer::Editor, &self.editor),
            (Layer::CommandLine, &options),
        ])
    }

    pub fn problems(&self) -> impl Iterator<Item = &ErrorInfo> {
        self.file.problem.iter().chain(&self.editor.problem)
    }
}

/// What a file says, or why it can't be read and how to fix it; a missing file says nothing.
fn read(path: &Path, fix: &str) -> Contents {
    let contents = read_file(path).and_then(|file| match file {
        None => Ok(Contents::default()),
        Some((text, _)) => Contents::of(&text).map_err(|why| no_json(path, why)),
    });
    contents.unwrap_or_else(|error| {
        let error = ErrorInfo::from(error);
        // The disk knows better what helps, if it is what failed.
        let fix = error.hint.as_deref().unwrap_or(fix);
        let hint = format!(
            "{fix}: until then nothing in it is used, and `localcoder.airGapped` counts as on"
        );
        let problem = error.with_hint(hint).with_action(ErrorAction::OpenSettingsFile);
        Contents { problem: Some(problem), ..Contents::default() }
    })
}

/// The lines of the keys of a text, and which keys occur twice: what a parser that returns a map
/// has lost. Only for messages and for what is reported as ambiguous; the values are those of
/// [`parse`].
#[derive(Default)]
struct Keys<'a> {
    text: &'a str,
    /// How much of the text has been counted, and how many lines that was.
    counted: (usize, usize),
    lines: BTreeMap<String, usize>,
    values: BTreeMap<String, &'a str>,
    repeated: Vec<String>,
}

impl<'a> Keys<'a> {
    fn of(text: &'a str) -> Self {
        let text = text.strip_prefix(BYTE_ORDER_MARK).unwrap_or(text);
        let parsed = parse_to_ast(text, &CollectOptions::default(), &dialect());
        let mut keys = Self { text, ..Self::default() };
        // A text that can't be parsed has its error from `parse`; lines are not needed then.
        if let Ok(ParseResult { value: Some(ast::Value::Object(object)), .. }) = parsed {
            keys.take("", &object);
        }
        keys
    }

    fn take(&mut self, prefix: &str, object: &ast::Object<'_>) {
        for property in &object.properties {
            let name = property.name.as_str();
            let key = if prefix.is_empty() { name.to_owned() } else { format!("{prefix}.{name}") };
            // The properties come in the order of the text, on which counting lines relies.
            let line = self.line_of(property.range.start);
            // Overwrites the line of an earlier one with this key, whose value does not count.
            self.lines.insert(key.clone(), line);
            let range = property.value.range();
            let value = self.text.get(range.start..range.end).unwrap_or_default();
            // Compared as they are written: the same value twice is harmless, and is not reported.
            if self.values.insert(key.clone(), value).is_some_and(|before| before != value) {
                // An object hides the contents of an earlier one with the same key.
                let inside = format!("{key}.");
                let hidden = self.values.keys().filter(|it| it.starts_with(&inside)).cloned();
                self.repeated.extend(hidden);
                self.repeated.push(key.clone());
            }
            if let ast::Value::Object(inner) = &property.value {
                self.take(&key, inner);
            }
        }
    }

    /// Offsets come in order, so that each byte is looked at only once.
    fn line_of(&mut self, at: usize) -> usize {
        let (counted, lines) = self.counted;
        let more = self.text.get(counted..at).unwrap_or_default().matches('\n').count();
        self.counted = (at.max(counted), lines + more);
        lines + more + 1
    }
}

/// The values in the text of a settings file.
///
/// # Errors
/// If it is not an object in JSON with comments: what is wrong and where.
pub fn parse(text: &str) -> Result<Map<String, Value>, String> {
    let text = text.strip_prefix(BYTE_ORDER_MARK).unwrap_or(text);
    match parse_to_serde_value(text, &dialect()).map_err(|error| error.to_string())? {
        Value::Object(values) => Ok(values),
        // An empty file too: a machine that lost power may leave one.
        _ => Err("there is no object, `{ … }`, in it".to_owned()),
    }
}

/// What VS Code writes and no more: a text that would have to be guessed at is not a settings file.
pub(crate) fn dialect() -> ParseOptions {
    ParseOptions {
        allow_comments: true,
        allow_trailing_commas: true,
        allow_loose_object_property_names: false,
        allow_missing_commas: false,
        allow_single_quoted_strings: false,
        allow_hexadecimal_numbers: false,
        allow_unary_plus_numbers: false,
        allow_bare_decimal_point_numbers: false,
        allow_non_finite_numbers: false,
        allow_extended_string_escapes: false,
    }
}

/// The text of a settings file and its stamp; `None` if there is no file.
///
/// # Errors
/// If there is one, but it can't be read or is not text.
pub fn read_file(path: &Path) -> Result<Option<(String, Stamp)>, SettingsError> {
    let failed = |source| SettingsError::Unread { path: path.to_owned(), source };
    match localcoder_disk::read(path, FILE_BYTES_MAX) {
        // A dangling link is not the same as a missing file: something was set.
        Err(error) if error.is_missing(path) => Ok(None),
        Err(error) => Err(failed(error)),
        Ok(localcoder_disk::Contents { bytes, stamp }) => match String::from_utf8(bytes) {
            Ok(text) => Ok(Some((text, stamp))),
            Err(_) => Err(failed(ReadError::NotText)),
        },
    }
}

#[must_use]
pub fn no_json(path: &Path, why: String) -> SettingsError {
    SettingsError::NotJson { path: path.to_owned(), why }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_file_is_read_as_the_editor_writes_it() {
        let text =
            "\u{feff}// mine\r\n{\r\n  \"a.b\": 1, /* two */\r\n  \"c\": [-1.5, {},],\r\n}\r\n";
        assert_eq!(Value::Object(parse(text).unwrap()), json!({"a.b": 1, "c": [-1.5, {}]}));
        // If a key occurs twice the last one counts, as in VS Code.
        assert_eq!(parse(r#"{"a": 1, "a": 2}"#).unwrap()["a"], 2);
        assert_eq!(parse("{}").unwrap(), Map::new());
    }

    #[test]
    fn what_is_wrong_is_said_with_its_place() {
        let why = |text: &str| parse(text).unwrap_err();
        assert_eq!(why("{\n  \"a\": 1 \"b\": 2\n}"), "Expected comma on line 2 column 9");
        for text in
            ["{", "{a: 1}", "{'a': 1}", "{\"a\": 0x1}", "{\"a\": +1}", "{\"a\": NaN}", "{} {}"]
        {
            assert!(parse(text).is_err(), "{text}");
        }
        for text in ["", " // \n", "null", "[]"] {
            assert_eq!(why(text), "there is no object, `{ … }`, in it", "{text}");
        }
    }

    #[test]
    fn two_files_that_say_the_same_are_the_same_wherever_it_stands() {
        let said = |text: &str| Contents::of(text).unwrap();
        let plain = said(r#"{"a": 1}"#);
        assert_eq!(plain, said("// mine\n{\n\n  \"a\": 1\n}"));
        assert_ne!(plain, said(r#"{"a": 2}"#));
    }

    #[test]
    fn keys_are_known_by_their_lines_and_by_standing_twice() {
        let text = "\u{feff}// mine\n{\n  \"a\": {\"b\": 1,\n  \"c\": 2},\n  \"d\": 3, \"d\": 3,\n\
                    \"e\": 1,\n\"e\": 2\n}";
        let Keys { lines, repeated, .. } = Keys::of(text);
        let lines: Vec<_> = lines.iter().map(|(key, line)| (key.as_str(), *line)).collect();
        assert_eq!(lines, [("a", 3), ("a.b", 3), ("a.c", 4), ("d", 5), ("e", 7)]);
        assert_eq!(repeated, ["e"], "what is there twice alike is not a question");
    }
}
