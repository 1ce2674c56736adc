//! Writes JSON as prettier does, so that generated parts of a file that people edit stay as
//! prettier wants them.

use std::fmt::Write as _;

use serde_json::Value;

/// Longest line that prettier does not break, its default.
const LINE_CHARS: usize = 80;

/// Writes JSON as prettier does: objects with one key per line, arrays on one line if they fit.
/// `taken` is the length of the line before the value, without the indentation.
pub(super) fn print_json(value: &Value, indent: usize, taken: usize, text: &mut String) {
    let inner = " ".repeat(indent + 2);
    match value {
        Value::Object(map) if !map.is_empty() => {
            text.push_str("{\n");
            for (index, (key, value)) in map.iter().enumerate() {
                let key = Value::from(key.as_str()).to_string();
                let _ = write!(text, "{inner}{key}: ");
                print_json(value, indent + 2, key.chars().count() + 2, text);
                text.push_str(if index + 1 < map.len() { ",\n" } else { "\n" });
            }
            let _ = write!(text, "{}}}", " ".repeat(indent));
        }
        Value::Array(items) if items.iter().any(Value::is_object) => {
            text.push_str("[\n");
            for (index, item) in items.iter().enumerate() {
                text.push_str(&inner);
                print_json(item, indent + 2, 0, text);
                text.push_str(if index + 1 < items.len() { ",\n" } else { "\n" });
            }
            let _ = write!(text, "{}]", " ".repeat(indent));
        }
        Value::Array(items) if !items.is_empty() => {
            let words: Vec<String> = items.iter().map(ToString::to_string).collect();
            let line = format!("[{}]", words.join(", "));
            // `<`, not `<=`: a comma may follow the value.
            if indent + taken + line.chars().count() < LINE_CHARS {
                text.push_str(&line);
                return;
            }
            let lines: Vec<String> = words.iter().map(|word| format!("{inner}{word}")).collect();
            let _ = write!(text, "[\n{}\n{}]", lines.join(",\n"), " ".repeat(indent));
        }
        other => text.push_str(&other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_arrays_stay_on_their_line_and_long_ones_do_not() {
        let long = "x".repeat(LINE_CHARS);
        let value = serde_json::json!({"a": ["b", "c"], "d": [long]});
        let mut text = String::new();
        print_json(&value, 0, 0, &mut text);
        assert_eq!(
            text,
            format!("{{\n  \"a\": [\"b\", \"c\"],\n  \"d\": [\n    \"{long}\"\n  ]\n}}")
        );
    }
}
