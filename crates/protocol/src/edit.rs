//! Documents, ranges of lines and edits, as clients and host exchange them.

use serde::{Deserialize, Serialize};

use crate::ErrorInfo;

/// Whole lines of a document: 1-based and inclusive, as editors show them and as
/// `--lines A-B` is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "codegen", derive(ts_rs::TS, schemars::JsonSchema))]
pub struct LineRange {
    /// First line, from 1.
    pub start: u32,
    /// Last line, included.
    pub end: u32,
}

/// A document as the client sees it now, saved or not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "codegen", derive(ts_rs::TS, schemars::JsonSchema))]
pub struct DocumentText {
    /// Path or name; its last component is reported to the model. Never opened by the host.
    pub path: String,
    /// The editor's language id; guessed from the path where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "codegen", ts(optional))]
    pub language_id: Option<String>,
    /// The whole text, at most [`crate::DOCUMENT_BYTES_MAX`] bytes.
    pub text: String,
}

/// A replacement of whole lines. Text has the document's own line ends; the last line's end is
/// not part of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "codegen", derive(ts_rs::TS, schemars::JsonSchema))]
pub struct Edit {
    /// Where `original` stood when the request was made.
    pub range: LineRange,
    /// The text that was there. It must still be there when the edit is applied.
    pub original: String,
    /// The text to put in its place.
    pub replacement: String,
    /// What tells the place from others that read the same.
    pub anchor: Anchor,
}

/// What the document was around an edit when the request was made. An edit goes where its original
/// is between these neighbors, and nowhere if that is not exactly one place.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "codegen", derive(ts_rs::TS, schemars::JsonSchema))]
pub struct Anchor {
    /// SHA-256 of the whole document, in hexadecimal digits.
    pub document_sha256: String,
    /// The lines just before the edit.
    pub before: Vec<String>,
    /// The lines just after it.
    pub after: Vec<String>,
    /// Whether the original stood at one place only.
    pub alone: bool,
    /// Whether it stood between these neighbors at one place only. Otherwise the edit belongs to
    /// this very document and to no later one.
    pub unique: bool,
}

/// What a tool of the user's says about a line, such as a linter or a language server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "codegen", derive(ts_rs::TS, schemars::JsonSchema))]
pub struct Diagnostic {
    /// The line, from 1.
    pub line: u32,
    /// Who says it, such as `Pylance`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "codegen", ts(optional))]
    pub source: Option<String>,
    /// In its words.
    pub message: String,
}

/// Lines that belong together.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "codegen", derive(ts_rs::TS, schemars::JsonSchema))]
pub struct Scope {
    /// The lines.
    pub range: LineRange,
    /// What they are, such as `function total`.
    pub label: String,
}

/// An edit that waits for a decision, and what led to it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "codegen", derive(ts_rs::TS, schemars::JsonSchema))]
pub struct PendingEdit {
    /// [`crate::EditAnswer::edit`].
    pub edit: Edit,
    /// [`crate::EditAnswer::imports`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "codegen", ts(optional))]
    pub imports: Option<Edit>,
    /// The instructions so far, the first one first; none for a command that has none.
    #[serde(default)]
    pub instructions: Vec<String>,
}

/// Where do these edits belong in the document as it is now?
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "codegen", derive(ts_rs::TS, schemars::JsonSchema))]
pub struct LocateEditsParams {
    /// The document as it is now.
    pub document: DocumentText,
    /// Edits that were made from one document, at most [`crate::limits::LOCATED_EDITS_MAX`].
    pub edits: Vec<Edit>,
    /// Whether it is asked as well what does not parse with all of them in it.
    #[serde(default)]
    #[cfg_attr(feature = "codegen", ts(optional, as = "Option<bool>"))]
    pub check_syntax: bool,
}

/// The place of one edit: exactly one of both is there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "codegen", derive(ts_rs::TS, schemars::JsonSchema))]
pub struct EditPlace {
    /// Where the original is now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "codegen", ts(optional))]
    pub range: Option<LineRange>,
    /// Why it has no place any more: `documentChanged`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "codegen", ts(optional))]
    pub error: Option<ErrorInfo>,
}

/// The places, one for each edit and in their order. No two overlap.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "codegen", derive(ts_rs::TS, schemars::JsonSchema))]
pub struct LocateEditsAnswer {
    /// See the type.
    pub places: Vec<EditPlace>,
    /// What does not parse with all of them in it, where the document does now. Only where that was
    /// asked, and in a language that we have a grammar for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "codegen", ts(optional))]
    pub syntax_error: Option<String>,
}
