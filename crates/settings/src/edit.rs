//! Changes one value in the text of a settings file; everything else stays as it was written,
//! including comments.

use jsonc_parser::cst::{CstInputValue, CstObject, CstObjectProp, CstRootNode, ObjectPropName};
use serde_json::{Map, Value};

use crate::file::{BYTE_ORDER_MARK, dialect, parse};
use crate::resolve::PREFIX;
use crate::{Key, TABLE};

/// The text with a value for a setting, or without the setting if that is `None`. Works on the
/// syntax tree and not on values, so that comments, order, indentation and line ends of the user
/// stay. Whether the value is allowed is for the caller to check: [`crate::check_value`].
///
/// # Errors
/// If the text is not a settings file: what is wrong with it.
pub fn edited(text: &str, key: &str, value: Option<&Value>) -> Result<String, String> {
    let Opened { mark, root, object } = opened(text)?;
    let full = format!("{PREFIX}{key}");
    let mut properties = Vec::new();
    for name in [key, full.as_str()] {
        find(&object, name, &mut properties);
    }
    // If it occurs more than once, only one stays, since it is not clear which of them counted. It
    // then gets its full name, by which the editor knows it.
    let place = properties.iter().position(is_outer);
    match (value, place.map(|place| properties.remove(place))) {
        (Some(value), Some(property)) => {
            property.set_value(input(value));
            rename(&property, &full);
        }
        // A nested one is not kept, since it can't have the full name: it is removed below.
        (Some(value), None) => {
            object.append(&full, input(value));
        }
        (None, Some(property)) => remove(property),
        (None, None) => {}
    }
    properties.into_iter().for_each(remove);
    Ok(format!("{mark}{root}"))
}

/// The text with full names for those of the product's settings that are there without one, so that
/// an editor that uses the file as its own knows them.
///
/// # Errors
/// As for [`edited`].
pub fn in_full(text: &str) -> Result<String, String> {
    let mut text = text.to_owned();
    for setting in TABLE {
        let values = parse(&text)?;
        let full = format!("{PREFIX}{}", setting.key);
        let stands = standing(&values, &full).or_else(|| standing(&values, setting.key)).cloned();
        // With both names in the file it is not clear which one is meant; that is reported and not
        // repaired.
        if let Some(value) = stands.filter(|_| !values.contains_key(&full)) {
            text = edited(&text, setting.key, Some(&value))?;
        }
    }
    Ok(text)
}

/// The text merged with the values of another settings file of the same editor; `counts` says which
/// one wins if both have a value. In either, a value of the product's may be written in any form.
/// For the move of settings from one of the editor's files to another.
///
/// # Errors
/// As for [`edited`].
pub fn merged(text: &str, other: &Map<String, Value>, counts: Counts) -> Result<String, String> {
    let mut text = text.to_owned();
    for (name, value) in other {
        // Read again after each change: an edit may have removed other spellings of the name.
        let values = parse(&text)?;
        let key = name.strip_prefix(PREFIX).unwrap_or(name);
        let full = format!("{PREFIX}{key}");
        let is_ours = Key::named(key).is_some();
        let stands = match is_ours {
            true => standing(&values, &full).or_else(|| standing(&values, key)),
            false => values.get(name),
        };
        if stands.is_some_and(|it| it == value || counts == Counts::This) {
            continue;
        }
        text = match is_ours {
            true => edited(&text, key, Some(value))?,
            false => put(&text, name, value)?,
        };
    }
    Ok(text)
}

/// Which of two files wins: the one that is changed, or the other one, whose values are merged into
/// it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Counts {
    This,
    Other,
}

/// A text that is being changed: its byte order mark, which the syntax tree would refuse, apart
/// from the rest.
struct Opened {
    mark: String,
    root: CstRootNode,
    object: CstObject,
}

fn opened(text: &str) -> Result<Opened, String> {
    // First by the reader of all programs: what it refuses must not be written to, even if the
    // syntax tree would accept it.
    parse(text)?;
    let (mark, text) = match text.strip_prefix(BYTE_ORDER_MARK) {
        Some(rest) => (BYTE_ORDER_MARK.to_string(), rest),
        None => (String::new(), text),
    };
    let root = CstRootNode::parse(text, &dialect()).map_err(|error| error.to_string())?;
    let object = root.object_value().ok_or("it is not an object, `{ … }`")?;
    Ok(Opened { mark, root, object })
}

fn put(text: &str, name: &str, value: &Value) -> Result<String, String> {
    let Opened { mark, root, object } = opened(text)?;
    match object.get(name) {
        Some(property) => property.set_value(input(value)),
        None => drop(object.append(name, input(value))),
    }
    Ok(format!("{mark}{root}"))
}

/// The value of a dotted name, in whichever form it is written: as one key, or nested at any dot.
fn standing<'a>(values: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
    values.get(name).or_else(|| {
        values.iter().find_map(|(key, value)| {
            let inner = name.strip_prefix(key.as_str())?.strip_prefix('.')?;
            standing(value.as_object()?, inner)
        })
    })
}

fn is_outer(property: &CstObjectProp) -> bool {
    let object = property.parent().and_then(|parent| parent.as_object());
    object.and_then(|object| object.parent()).is_none_or(|it| it.as_object_prop().is_none())
}

fn rename(property: &CstObjectProp, name: &str) {
    if let Some(ObjectPropName::String(text)) = property.name() {
        // The name of a setting has no characters that would have to be escaped.
        text.set_raw_value(format!("\"{name}\""));
    }
}

/// Finds the properties of a name, in either form: `a.b`, or `b` in an object `a`.
fn find(object: &CstObject, name: &str, found: &mut Vec<CstObjectProp>) {
    for property in object.properties() {
        let Some(of) = property.decoded_name() else { continue };
        if of == name {
            found.push(property);
        } else if let Some(inner) = name.strip_prefix(&of).and_then(|it| it.strip_prefix('.'))
            && let Some(nested) = property.object_value()
        {
            find(&nested, inner, found);
        }
    }
}

/// Removes a property, and the objects that are empty without it: `sampling: {}` would be left
/// behind otherwise.
fn remove(property: CstObjectProp) {
    let parent = property.parent();
    property.remove();
    let Some(object) = parent.and_then(|parent| parent.as_object()) else { return };
    if object.properties().is_empty()
        && let Some(outer) = object.parent().and_then(|parent| parent.as_object_prop())
    {
        remove(outer);
    }
}

fn input(value: &Value) -> CstInputValue {
    match value {
        Value::Null => CstInputValue::Null,
        Value::Bool(switch) => CstInputValue::Bool(*switch),
        Value::Number(number) => CstInputValue::Number(number.to_string()),
        Value::String(text) => CstInputValue::String(text.clone()),
        Value::Array(values) => CstInputValue::Array(values.iter().map(input).collect()),
        Value::Object(values) => CstInputValue::Object(
            values.iter().map(|(key, value)| (key.clone(), input(value))).collect(),
        ),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn what_else_is_there_stays_as_it_was_written() {
        let text = "\u{feff}// mine\r\n{\r\n\t\"a\": 1, // one\r\n\t/* two */ \"b\": 2,\r\n}\r\n";
        let changed = edited(text, "b", Some(&json!(3))).unwrap();
        assert_eq!(changed, text.replace("\"b\": 2", "\"localcoder.b\": 3"));
        let added = edited(text, "c.d", Some(&json!("x"))).unwrap();
        assert_eq!(added, text.replace("2,\r\n", "2,\r\n\t\"localcoder.c.d\": \"x\",\r\n"));
        let without = edited(text, "a", None).unwrap();
        assert!(without.contains("// mine") && without.contains("/* two */ \"b\": 2"), "{without}");
        assert_eq!(edited(text, "z", None).unwrap(), text);
        // Plain JSON stays plain JSON.
        let plain = edited("{}\n", "a", Some(&json!({"b": [1, null]}))).unwrap();
        assert_eq!(
            serde_json::from_str::<Value>(&plain).unwrap(),
            json!({"localcoder.a": {"b": [1, null]}}),
            "{plain}"
        );
    }

    #[test]
    fn a_key_is_found_however_it_is_written() {
        let of = |text: &str, value: Option<Value>| {
            Value::Object(parse(&edited(text, "a.b", value.as_ref()).unwrap()).unwrap())
        };
        for text in [
            r#"{"a.b": 1, "c": 2}"#,
            r#"{"localcoder.a.b": 1, "c": 2}"#,
            r#"{"a": {"b": 1}, "c": 2}"#,
            r#"{"localcoder": {"a": {"b": 1}}, "c": 2}"#,
            r#"{"localcoder": {"a.b": 1}, "c": 2, "a": {"b": 3}, "a.b": 4, "a.b": 5}"#,
        ] {
            assert_eq!(of(text, None), json!({"c": 2}), "{text}");
            let set = of(text, Some(json!(7)));
            assert_eq!(set, json!({"localcoder.a.b": 7, "c": 2}), "{text}");
        }
        assert_eq!(of(r#"{"a": {"b": 1, "c": 2}}"#, None), json!({"a": {"c": 2}}));
    }

    #[test]
    fn names_are_written_in_full_and_all_else_stays() {
        let text = "{\n  // mine\n  \"profile\": \"fast\", // quick\n  \"editor.fontSize\": 12,\n  \
                    \"sampling\": {\"topP\": 0.5}, \"color\": 1\n}\n";
        let full = in_full(text).unwrap();
        assert!(
            full.contains("  // mine\n  \"localcoder.profile\": \"fast\", // quick\n"),
            "{full}"
        );
        let values = json!({
            "localcoder.profile": "fast", "editor.fontSize": 12, "color": 1,
            "localcoder.sampling.topP": 0.5,
        });
        assert_eq!(Value::Object(parse(&full).unwrap()), values);
        assert_eq!(in_full(&full).unwrap(), full, "there is nothing left to do");
        // It is not clear which of the two is meant: both stay, and that is reported.
        let twice = r#"{"mode": "stability", "localcoder.mode": "performance"}"#;
        assert_eq!(in_full(twice).unwrap(), twice);
    }

    #[test]
    fn the_values_of_another_file_are_taken_over() {
        let other = json!({"editor.fontSize": 14, "localcoder.mode": "stability", "a.b": {"c": 1}});
        let other = other.as_object().unwrap();
        let text = "{ // mine\n  \"mode\": \"performance\", \"editor.fontSize\": 12 }";
        let of = |counts| parse(&merged(text, other, counts).unwrap()).map(Value::Object).unwrap();
        let this = json!({"mode": "performance", "editor.fontSize": 12, "a.b": {"c": 1}});
        assert_eq!(of(Counts::This), this);
        let that = json!({"localcoder.mode": "stability", "editor.fontSize": 14, "a.b": {"c": 1}});
        assert_eq!(of(Counts::Other), that);
        assert!(merged("{", other, Counts::This).is_err());
    }

    #[test]
    fn what_is_not_a_settings_file_is_left_alone() {
        for text in ["", "{", "[]", "{} {}"] {
            assert!(edited(text, "a", Some(&json!(1))).is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn one_value_changes_and_no_other(
            keys in prop::collection::btree_map("[a-c]", -9i64..9, 0..4),
            key in "[a-c]",
            value in prop::option::of(-9i64..9),
            comment in prop::sample::select(vec!["", " // x\n", "\n/* y */ "]),
            comma in any::<bool>(),
        ) {
            let mut text = String::from("{");
            for (index, (key, value)) in keys.iter().enumerate() {
                text += if index > 0 { "," } else { "" };
                text += &format!("{comment}\"{key}\": {value}{comment}");
            }
            text += if comma && !keys.is_empty() { ",}" } else { "}" };
            let after = edited(&text, &key, value.map(Value::from).as_ref()).unwrap();
            let mut wanted = keys.clone();
            wanted.remove(&key);
            // What is written gets its full name.
            wanted.extend(value.map(|value| (format!("{PREFIX}{key}"), value)));
            let values = parse(&after).map_err(|why| TestCaseError::fail(format!("{after}: {why}")))?;
            prop_assert_eq!(Value::Object(values), json!(wanted), "{}", after);
        }
    }
}
