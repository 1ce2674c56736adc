//! A change to the text of a settings file: one value, and everything else stays as it was written,
//! comments and all.

use jsonc_parser::cst::{CstInputValue, CstObject, CstObjectProp, CstRootNode};
use serde_json::Value;

use crate::file::{BYTE_ORDER_MARK, dialect, parse};
use crate::resolve::PREFIX;

/// The text with a value for a setting, or without the setting where that is `None`.
///
/// # Errors
/// With what is wrong, where the text is no settings file.
pub fn edited(text: &str, key: &str, value: Option<&Value>) -> Result<String, String> {
    parse(text)?;
    let (mark, text) = match text.strip_prefix(BYTE_ORDER_MARK) {
        Some(rest) => (BYTE_ORDER_MARK.to_string(), rest),
        None => (String::new(), text),
    };
    let root = CstRootNode::parse(text, &dialect()).map_err(|error| error.to_string())?;
    let object = root.object_value().ok_or("it is no object, `{ … }`")?;
    let full = format!("{PREFIX}{key}");
    let mut properties = Vec::new();
    for name in [key, full.as_str()] {
        find(&object, name, &mut properties);
    }
    // Where it stands more than once, one stays: which of them counted nobody could tell.
    let mut properties = properties.into_iter();
    match (value, properties.next()) {
        (Some(value), Some(property)) => property.set_value(input(value)),
        (Some(value), None) => {
            object.append(key, input(value));
        }
        (None, Some(property)) => remove(property),
        (None, None) => {}
    }
    properties.for_each(remove);
    Ok(format!("{mark}{root}"))
}

/// The properties of a name, however it is written: `a.b`, or `b` in an object `a`.
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

/// Takes a property away, and the objects that are empty without it.
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
        assert_eq!(changed, text.replace("\"b\": 2", "\"b\": 3"));
        let added = edited(text, "c.d", Some(&json!("x"))).unwrap();
        assert_eq!(added, text.replace("2,\r\n", "2,\r\n\t\"c.d\": \"x\",\r\n"));
        let without = edited(text, "a", None).unwrap();
        assert!(without.contains("// mine") && without.contains("/* two */ \"b\": 2"), "{without}");
        assert_eq!(edited(text, "z", None).unwrap(), text);
        // What was plain JSON is plain JSON.
        let plain = edited("{}\n", "a", Some(&json!({"b": [1, null]}))).unwrap();
        assert_eq!(
            serde_json::from_str::<Value>(&plain).unwrap(),
            json!({"a": {"b": [1, null]}}),
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
            let set = of(text, Some(json!(7))).to_string();
            assert_eq!((set.matches('7').count(), set.len() < 50), (1, true), "{set}");
        }
        assert_eq!(of(r#"{"a": {"b": 1, "c": 2}}"#, None), json!({"a": {"c": 2}}));
    }

    #[test]
    fn what_is_no_settings_file_is_left_alone() {
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
            wanted.extend(value.map(|value| (key, value)));
            let values = parse(&after).map_err(|why| TestCaseError::fail(format!("{after}: {why}")))?;
            prop_assert_eq!(Value::Object(values), json!(wanted), "{}", after);
        }
    }
}
