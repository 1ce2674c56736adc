//! One JSON-RPC message as a value, and its JSON. Strict in what it is, lenient in extra fields.

use localcoder_protocol::{ErrorInfo, Notification, Request};
use serde_json::{Map, Value, json};

use crate::error::TransportError;

/// Code of every error on the wire: the detail is in `data`, as an [`ErrorInfo`].
const APPLICATION_ERROR: i64 = -32_000;

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Id {
    Number(i64),
    /// Also allowed by JSON-RPC.
    Text(String),
}

#[derive(Debug, Clone, PartialEq)]
pub enum Message {
    Request {
        id: Id,
        method: String,
        params: Value,
    },
    Response {
        id: Id,
        result: Result<Value, ErrorInfo>,
    },
    /// Nobody answers it, not even with an error.
    Notification {
        method: String,
        params: Value,
    },
}

#[derive(Debug, thiserror::Error)]
pub enum MessageError {
    #[error("the frame is not JSON: {0}")]
    Json(#[from] serde_json::Error),
    #[error("the frame is not a JSON-RPC 2.0 message: {0}")]
    Shape(&'static str),
}

impl Message {
    /// A call of `R`.
    ///
    /// # Panics
    /// Never: protocol types serialize.
    #[must_use]
    pub fn request<R: Request>(id: i64, params: &R::Params) -> Self {
        let params = serde_json::to_value(params).expect("protocol types serialize");
        Self::Request { id: Id::Number(id), method: R::METHOD.to_owned(), params }
    }

    /// A notification `N`.
    ///
    /// # Panics
    /// Never: protocol types serialize.
    #[must_use]
    pub fn notification<N: Notification>(params: &N::Params) -> Self {
        let params = serde_json::to_value(params).expect("protocol types serialize");
        Self::Notification { method: N::METHOD.to_owned(), params }
    }

    /// The answer to a call of `R`.
    ///
    /// # Panics
    /// Never: protocol types serialize.
    #[must_use]
    pub fn answer<R: Request>(id: Id, result: Result<R::Answer, ErrorInfo>) -> Self {
        let result =
            result.map(|answer| serde_json::to_value(answer).expect("protocol types serialize"));
        Self::Response { id, result }
    }

    /// Its JSON, ready for a frame.
    ///
    /// # Panics
    /// Never: values serialize.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let value = match self {
            Self::Request { id, method, params } => {
                json!({"jsonrpc": "2.0", "id": id.to_json(), "method": method, "params": params})
            }
            Self::Notification { method, params } => {
                json!({"jsonrpc": "2.0", "method": method, "params": params})
            }
            Self::Response { id, result: Ok(answer) } => {
                json!({"jsonrpc": "2.0", "id": id.to_json(), "result": answer})
            }
            Self::Response { id, result: Err(error) } => json!({
                "jsonrpc": "2.0",
                "id": id.to_json(),
                // `message` and `code` are for clients that know JSON-RPC only; ours read `data`.
                "error": {"code": APPLICATION_ERROR, "message": error.to_string(), "data": error},
            }),
        };
        serde_json::to_vec(&value).expect("values serialize")
    }

    /// Reads the JSON of one frame. serde_json's own limit of 128 bounds the nesting. What a
    /// message is follows from which fields it has; others are ignored, so that a newer peer can
    /// add some.
    ///
    /// # Errors
    /// If the bytes are not JSON or not a message.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, MessageError> {
        let Value::Object(mut map) = serde_json::from_slice(bytes)? else {
            return Err(MessageError::Shape("it is not an object"));
        };
        if map.get("jsonrpc").and_then(Value::as_str) != Some("2.0") {
            return Err(MessageError::Shape("`jsonrpc` is not \"2.0\""));
        }
        // Taken out and not copied: parameters may be some megabytes of text.
        let id = map.remove("id").map(Id::from_json).transpose()?;
        let method = match map.remove("method") {
            None => None,
            Some(Value::String(method)) => Some(method),
            Some(_) => return Err(MessageError::Shape("`method` is not a string")),
        };
        // JSON-RPC allows leaving them out; methods without parameters have an empty object here.
        let params = map.remove("params").unwrap_or(Value::Object(Map::new()));
        match (id, method) {
            (Some(id), Some(method)) => Ok(Self::Request { id, method, params }),
            (None, Some(method)) => Ok(Self::Notification { method, params }),
            (Some(id), None) => Ok(Self::Response { id, result: read_result(map)? }),
            (None, None) => Err(MessageError::Shape("it has neither `id` nor `method`")),
        }
    }
}

fn read_result(mut map: Map<String, Value>) -> Result<Result<Value, ErrorInfo>, MessageError> {
    if let Some(answer) = map.remove("result") {
        return Ok(Ok(answer));
    }
    let Some(Value::Object(mut error)) = map.remove("error") else {
        return Err(MessageError::Shape("it has neither `result` nor `error`"));
    };
    let message = error.remove("message").and_then(|it| it.as_str().map(str::to_owned));
    // From a peer that is not ours, or newer and with other codes: then its message is all there
    // is.
    let info = error.remove("data").and_then(|it| serde_json::from_value(it).ok());
    Ok(Err(info.unwrap_or_else(|| TransportError::Unexplained(message).into())))
}

impl Id {
    fn to_json(&self) -> Value {
        match self {
            Self::Number(number) => json!(number),
            Self::Text(text) => json!(text),
        }
    }

    fn from_json(value: Value) -> Result<Self, MessageError> {
        match value {
            Value::Number(number) => number
                .as_i64()
                .map(Self::Number)
                .ok_or(MessageError::Shape("`id` is not a whole number")),
            Value::String(text) => Ok(Self::Text(text)),
            _ => Err(MessageError::Shape("`id` is neither number nor string")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use localcoder_protocol::ErrorCode;

    #[test]
    fn messages_survive_their_json() {
        let error = ErrorInfo::new(ErrorCode::NoModel, "no model").with_hint("name one");
        for message in [
            Message::Request {
                id: Id::Number(7),
                method: "improve".into(),
                params: json!({"a": "ä\n"}),
            },
            Message::Notification { method: "delta".into(), params: json!({}) },
            Message::Response { id: Id::Text("x".into()), result: Ok(json!([1, 2])) },
            Message::Response { id: Id::Number(0), result: Err(error) },
        ] {
            assert_eq!(Message::from_bytes(&message.to_bytes()).unwrap(), message);
        }
    }

    #[test]
    fn other_shapes_are_refused_with_a_reason() {
        for (bytes, reason) in [
            (&b"{"[..], "not JSON"),
            (b"[]", "not an object"),
            (br#"{"jsonrpc":"1.0","id":1,"method":"a"}"#, "not \"2.0\""),
            (br#"{"jsonrpc":"2.0"}"#, "neither `id` nor `method`"),
            (br#"{"jsonrpc":"2.0","id":1}"#, "neither `result` nor `error`"),
            (br#"{"jsonrpc":"2.0","id":1.5,"method":"a"}"#, "not a whole number"),
            (br#"{"jsonrpc":"2.0","id":1,"method":3}"#, "not a string"),
        ] {
            let error = Message::from_bytes(bytes).unwrap_err().to_string();
            assert!(error.contains(reason), "{error} does not say {reason}");
        }
    }
}
