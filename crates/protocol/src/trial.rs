//! The user's own test: how it went on the document as it is, and on an edit before that is shown.

use serde::{Deserialize, Serialize};

use crate::{Edit, RequestId};

/// How a test went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "codegen", derive(ts_rs::TS, schemars::JsonSchema))]
pub enum TestOutcome {
    /// It ended well.
    Passed,
    /// It ended otherwise.
    Failed,
    /// It could not be run, or had no end in time: nothing is known.
    NotRun,
}

/// What is run to see whether an edit is right.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "codegen", derive(ts_rs::TS, schemars::JsonSchema))]
pub enum TestKind {
    /// The user's own test, or the examples in the documentation.
    #[default]
    Test,
    /// The compiler alone, since there is no test.
    Build,
    /// Calls with made-up values, which are to give what they gave before, since there is no test.
    Calls,
}

/// A run of the user's own test, or of what there is in its place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "codegen", derive(ts_rs::TS, schemars::JsonSchema))]
pub struct TestRun {
    /// What was run, such as `tests/test_cart.py`.
    pub name: String,
    /// How it went.
    pub outcome: TestOutcome,
    /// What it said, from its end, where it failed; why it could not be run where it was not.
    #[serde(default)]
    pub said: String,
    /// What was run.
    #[serde(default)]
    pub kind: TestKind,
    /// How long it took, in milliseconds.
    pub ms: u32,
}

/// An edit that may become the answer: the client runs the test that it has named with the request
/// on a copy with it, and says in [`TriedParams`] how it went.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "codegen", derive(ts_rs::TS, schemars::JsonSchema))]
pub struct TryEditParams {
    /// Which request.
    pub request_id: RequestId,
    /// Which edit of it; counted from 1.
    pub trial: u32,
    /// The edit, and what it needs elsewhere in the document.
    pub edits: Vec<Edit>,
}

/// How the test went on an edit; ignored if no request waits for it any more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "codegen", derive(ts_rs::TS, schemars::JsonSchema))]
pub struct TriedParams {
    /// Which request.
    pub request_id: RequestId,
    /// [`TryEditParams::trial`].
    pub trial: u32,
    /// How it went.
    pub run: TestRun,
}
