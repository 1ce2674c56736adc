//! Lays out conversations with the templates in a folder and prints each result as a line of JSON,
//! to be compared with the output of other engines. Run by `cargo xtask templates`.

use std::error::Error;
use std::io::Write as _;
use std::path::PathBuf;

use localcoder_protocol::{ChatMessage, Role};
use localcoder_templates::{Piece, Template};
use serde_json::{Value, json};

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args_os().skip(1).map(PathBuf::from);
    let (Some(folder), Some(conversations)) = (arguments.next(), arguments.next()) else {
        return Err("usage: lay_out FOLDER CONVERSATIONS".into());
    };
    let given: Value = serde_json::from_str(&fs_err::read_to_string(conversations)?)?;
    let mut paths: Vec<_> = fs_err::read_dir(folder)?
        .map(|entry| Ok(entry?.path()))
        .collect::<Result<Vec<_>, std::io::Error>>()?;
    paths.retain(|path| path.extension().is_some_and(|ending| ending == "jinja"));
    paths.sort();
    let mut out = std::io::stdout().lock();
    for path in paths {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let text = fs_err::read_to_string(&path)?;
        for conversation in given["conversations"].as_array().into_iter().flatten() {
            let mut result = lay_out(&text, &given, conversation);
            result["template"] = json!(name);
            result["conversation"] = conversation["name"].clone();
            writeln!(out, "{result}")?;
        }
    }
    Ok(())
}

fn lay_out(text: &str, given: &Value, conversation: &Value) -> Value {
    let word = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let message = |message: &Value| {
        let role = match message["role"].as_str() {
            Some("system") => Role::System,
            Some("assistant") => Role::Assistant,
            _ => Role::User,
        };
        ChatMessage { role, content: word(&message["content"]) }
    };
    let messages = conversation["messages"].as_array().into_iter().flatten().map(message);
    let messages: Vec<_> = messages.collect();
    let (bos, eos) = (word(&given["bos_token"]), word(&given["eos_token"]));
    let date = given["date"].as_u64().unwrap_or_default();
    let laid_out = Template::compile_at(text.to_owned(), bos, eos, date)
        .and_then(|template| template.lay_out_for_answer(&messages));
    match laid_out {
        Ok(laid_out) => {
            let text = |piece: &Piece| match piece {
                Piece::Template(text) | Piece::Content(text) => text.clone(),
            };
            let text: String = laid_out.pieces.iter().map(text).collect();
            json!({
                "text": text + conversation["prefill"].as_str().unwrap_or_default(),
                "way": laid_out.way.to_string(),
                "opening": laid_out.opening,
            })
        }
        Err(error) => json!({ "refused": error.to_string() }),
    }
}
