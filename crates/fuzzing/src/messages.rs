//! Messages of all connections: whatever is understood is written again in the same words, as a
//! message and as the parameters or answer of its method.

use localcoder_protocol as protocol;
use localcoder_protocol::{Notification, Request};
use localcoder_transport::{Message, MessageError};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

pub(crate) fn run(bytes: &[u8]) {
    if let Ok(line) = std::str::from_utf8(bytes) {
        check_line(line);
    }
    let message = match Message::from_bytes(bytes) {
        Ok(message) => message,
        Err(error @ MessageError::Shape(_)) => return assert!(!error.to_string().is_empty()),
        Err(MessageError::Json(_)) => return,
    };
    let written = message.to_bytes();
    let again = Message::from_bytes(&written).expect("what we write we can read");
    assert!(same_message(&message, &again), "{message:?} became {again:?}");
    match &message {
        Message::Request { method, params, .. } => {
            check_all(REQUESTS, method, params);
            check_all(ANSWERS, method, params);
        }
        Message::Notification { method, params } => check_all(NOTIFICATIONS, method, params),
        // A response does not say which method it answers, so all are tried.
        Message::Response { result, .. } => {
            if let Ok(answer) = result {
                ANSWERS.iter().for_each(|(_, check)| check(answer));
            }
        }
    }
}

fn check_line(line: &str) {
    let permission = serde_json::from_str::<protocol::FetchPermission>(line);
    if let Ok(order) = serde_json::from_str::<protocol::FetchOrder>(line) {
        // The program reads the permission alone, before anything else of the order, and must not
        // come to another result than who reads the whole order.
        let first = permission.expect("an order has its permission in it");
        assert_eq!(first.network, order.network, "the permission is read in two ways");
        check_again(&order);
    }
    if let Ok(event) = serde_json::from_str::<protocol::FetchEvent>(line) {
        check_again(&event);
    }
}

type Row = (&'static str, fn(&Value));

fn check_all(table: &[Row], method: &str, value: &Value) {
    for (_, check) in table.iter().filter(|(name, _)| *name == method) {
        check(value);
    }
}

fn check<T: Serialize + DeserializeOwned>(value: &Value) {
    // Any JSON gets here, so a value that is not of this type is not a fault.
    if let Ok(read) = serde_json::from_value::<T>(value.clone()) {
        check_again(&read);
    }
}

fn check_again<T: Serialize + DeserializeOwned>(value: &T) {
    let written = serde_json::to_value(value).expect("protocol types serialize");
    let text = written.to_string();
    let again: T = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{text}: {error}"));
    let again = serde_json::to_value(&again).expect("protocol types serialize");
    assert!(same(&written, &again), "{written} became {again}");
}

fn same_message(a: &Message, b: &Message) -> bool {
    match (a, b) {
        (
            Message::Request { id, method, params },
            Message::Request { id: id_b, method: method_b, params: params_b },
        ) => id == id_b && method == method_b && same(params, params_b),
        (
            Message::Notification { method, params },
            Message::Notification { method: method_b, params: params_b },
        ) => method == method_b && same(params, params_b),
        (Message::Response { id, result }, Message::Response { id: id_b, result: result_b }) => {
            let same_result = match (result, result_b) {
                (Ok(answer), Ok(answer_b)) => same(answer, answer_b),
                (Err(error), Err(error_b)) => error == error_b,
                _ => false,
            };
            id == id_b && same_result
        }
        _ => false,
    }
}

/// Whether two values are equal, except for the last digit of fractions: serde_json reads those
/// fast rather than exactly.
pub(crate) fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) if a.is_f64() && b.is_f64() => {
            let (a, b) = (a.as_f64().unwrap_or_default(), b.as_f64().unwrap_or_default());
            a == b || (a - b).abs() <= a.abs() * 4.0 * f64::EPSILON
        }
        (Value::Array(a), Value::Array(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b))
        }
        (Value::Object(a), Value::Object(b)) => {
            let in_b =
                |(key, value): (&String, &Value)| b.get(key).is_some_and(|it| same(value, it));
            a.len() == b.len() && a.iter().all(in_b)
        }
        _ => a == b,
    }
}

macro_rules! tables {
    (requests: $($request:ident)*; notifications: $($notification:ident)*;) => {
        const REQUESTS: &[Row] = &[$((
            protocol::$request::METHOD,
            check::<<protocol::$request as Request>::Params>,
        )),*];
        const ANSWERS: &[Row] = &[$((
            protocol::$request::METHOD,
            check::<<protocol::$request as Request>::Answer>,
        )),*];
        const NOTIFICATIONS: &[Row] = &[$((
            protocol::$notification::METHOD,
            check::<<protocol::$notification as Notification>::Params>,
        )),*];
    };
}

tables! {
    requests:
        Hello Status Drain Stop Configure ConfigureFile Warm Unload Survey Prepare Assist Generate
        Complete PredictEdit Snooze Cancel LocateEdits Scopes Tried RecordDecision
        WorkerHello Ping Devices LoadModel LoadDraft UnloadDraft ScoreText UnloadModel CountTokens WorkerGenerate SavePrefix
        RestorePrefix WorkerCancel;
    notifications:
        Progress Delta Draft TryEdit Suggestion StatusChanged
        LoadProgress Heartbeat PrefillProgress Token;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_method_of_the_protocol_is_checked() {
        let names = |table: &[Row]| table.iter().map(|(name, _)| *name).collect::<Vec<_>>();
        let tables = [protocol::HOST_REQUESTS, protocol::WORKER_REQUESTS];
        let requests = tables.into_iter().flatten().map(|row| row.method);
        // Hello is not in the table, since it stays the same in all versions.
        let requests = std::iter::once(protocol::Hello::METHOD).chain(requests);
        assert_eq!(names(REQUESTS), requests.collect::<Vec<_>>());
        let tables = [protocol::HOST_NOTIFICATIONS, protocol::WORKER_NOTIFICATIONS];
        let notifications = tables.into_iter().flatten();
        assert_eq!(names(NOTIFICATIONS), notifications.map(|row| row.method).collect::<Vec<_>>());
    }
}
