//! Our templates render as in Jinja2, byte for byte: its output is kept as a reference, and `cargo
//! xtask templates` compares again, including the templates of llama.cpp's repository.
#![expect(clippy::unwrap_used, reason = "a test that meets the unexpected should fail")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use localcoder_protocol::{ChatMessage, Role};
use localcoder_templates::{Piece, Template};
use serde::Deserialize;

#[derive(Deserialize)]
struct Kept {
    own: BTreeMap<String, BTreeMap<String, Option<String>>>,
}

#[derive(Deserialize)]
struct Given {
    bos_token: String,
    eos_token: String,
    date: u64,
    conversations: Vec<Conversation>,
}

#[derive(Deserialize)]
struct Conversation {
    name: String,
    messages: Vec<Message>,
    prefill: String,
}

#[derive(Deserialize)]
struct Message {
    role: Role,
    content: String,
}

fn reference() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("reference")
}

fn read<T: serde::de::DeserializeOwned>(name: &str) -> T {
    serde_json::from_str(&fs_err::read_to_string(reference().join(name)).unwrap()).unwrap()
}

#[test]
fn templates_come_out_as_in_the_engine_that_they_are_written_for() {
    let (kept, given): (Kept, Given) = (read("kept.json"), read("conversations.json"));
    let names = fs_err::read_dir(reference().join("templates")).unwrap();
    let names: Vec<_> = names.map(|it| it.unwrap().file_name().into_string().unwrap()).collect();
    assert_eq!(names.len(), kept.own.len(), "each template has its results");
    for (name, results) in &kept.own {
        let text = fs_err::read_to_string(reference().join("templates").join(name)).unwrap();
        let (bos, eos) = (given.bos_token.clone(), given.eos_token.clone());
        let template = Template::compile_at(text, bos, eos, given.date).unwrap();
        assert_eq!(results.len(), given.conversations.len());
        for conversation in &given.conversations {
            let message = |it: &Message| ChatMessage { role: it.role, content: it.content.clone() };
            let messages: Vec<_> = conversation.messages.iter().map(message).collect();
            let laid_out = template.lay_out_for_answer(&messages).ok().map(|laid_out| {
                let text = |piece: &Piece| match piece {
                    Piece::Template(text) | Piece::Content(text) => text.clone(),
                };
                laid_out.pieces.iter().map(text).collect::<String>() + &conversation.prefill
            });
            assert_eq!(laid_out, results[&conversation.name], "{name}, {}", conversation.name);
        }
    }
}

#[test]
fn the_answer_itself_comes_next() {
    for (name, opening) in [
        ("channels.jinja", "<|channel|>final<|message|>"),
        ("only-thinks.jinja", "\n</think>\n\n"),
        ("thinks-by-switch.jinja", ""),
        ("no-system.jinja", ""),
    ] {
        let text = fs_err::read_to_string(reference().join("templates").join(name)).unwrap();
        let template = Template::compile(text, "<s>".to_owned(), "</s>".to_owned()).unwrap();
        let question = ChatMessage { role: Role::User, content: "a".to_owned() };
        let laid_out = template.lay_out_for_answer(&[question]).unwrap();
        assert_eq!(laid_out.opening, opening, "{name}");
    }
}
