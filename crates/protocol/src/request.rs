//! What a request and a notification are: a method name, the types of what goes and comes, and
//! what a caller may do when no answer arrives. `transport` and `host` are generic over these.

use serde::Serialize;
use serde::de::DeserializeOwned;

/// A call that is answered exactly once, with its answer or an error, unless the connection ends
/// first: then nothing comes. Implemented by a type for each method, so that a call can't be given
/// the parameters of another.
pub trait Request {
    type Params: Serialize + DeserializeOwned;
    /// What comes back when it worked; an [`crate::ErrorInfo`] comes otherwise.
    type Answer: Serialize + DeserializeOwned;
    const METHOD: &'static str;
    /// Whether sending it again after a lost answer changes nothing. Of a request that is not,
    /// nobody knows after a lost connection whether it was carried out.
    const IDEMPOTENT: bool;
    /// How long a caller waits in milliseconds; `None` where progress is reported instead, because
    /// the time depends on the size of a model or the length of an answer.
    const DEADLINE_MS: Option<u64>;
}

/// A message that is not answered, so that its sender does not know whether it arrived.
pub trait Notification {
    type Params: Serialize + DeserializeOwned;
    const METHOD: &'static str;
}

/// One row of a table of requests, for documentation and the generated client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RequestMethod {
    pub method: &'static str,
    /// See [`Request::IDEMPOTENT`].
    pub idempotent: bool,
    /// See [`Request::DEADLINE_MS`].
    pub deadline_ms: Option<u64>,
    /// Name of the type of [`Request::Params`].
    pub params: &'static str,
    /// Name of the type of [`Request::Answer`].
    pub answer: &'static str,
}

/// One row of a table of notifications.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotificationMethod {
    pub method: &'static str,
    /// Name of the type of [`Notification::Params`].
    pub params: &'static str,
}

/// Declares request marker types and the table that lists them.
macro_rules! requests {
    ($table:ident: $($(#[$doc:meta])* $name:ident = $method:literal, $params:ident => $answer:ident, idempotent: $idem:literal, deadline_ms: $deadline:expr;)*) => {
        $($(#[$doc])*
        #[derive(Debug, Clone, Copy)]
        pub struct $name;
        impl $crate::Request for $name {
            type Params = $params;
            type Answer = $answer;
            const METHOD: &'static str = $method;
            const IDEMPOTENT: bool = $idem;
            const DEADLINE_MS: Option<u64> = $deadline;
        })*
        /// Every request of this hop, in one table.
        pub const $table: &[$crate::RequestMethod] = &[$($crate::RequestMethod {
            method: $method,
            idempotent: $idem,
            deadline_ms: $deadline,
            params: stringify!($params),
            answer: stringify!($answer),
        }),*];
    };
}

/// Declares notification marker types and the table that lists them.
macro_rules! notifications {
    ($table:ident: $($(#[$doc:meta])* $name:ident = $method:literal, $params:ident;)*) => {
        $($(#[$doc])*
        #[derive(Debug, Clone, Copy)]
        pub struct $name;
        impl $crate::Notification for $name {
            type Params = $params;
            const METHOD: &'static str = $method;
        })*
        /// Every notification of this hop, in one table.
        pub const $table: &[$crate::NotificationMethod] =
            &[$($crate::NotificationMethod { method: $method, params: stringify!($params) }),*];
    };
}

pub(crate) use {notifications, requests};
