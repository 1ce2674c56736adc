//! Good answers on real code: the functions that the demo model is chosen by. A guard that
//! stops one of them costs the user a second attempt, or a warning that teaches nothing.

use localcoder_assist::{Attempt, Command, Outcome, prepare};
use localcoder_protocol::{DocumentText, FinishReason, LineRange};

const RECORDS: &str = include_str!("../../../models/demo/choose.json");

fn indent(code: &str, by: &str) -> String {
    let lines = code.split('\n').map(|line| match line {
        "" => String::new(),
        line => format!("{by}{line}"),
    });
    lines.collect::<Vec<_>>().join("\n")
}

#[test]
fn good_answers_are_kept_without_a_word() {
    let records: Vec<serde_json::Value> = serde_json::from_str(RECORDS).unwrap();
    let mut warned = 0;
    for record in &records {
        let field = |name: &str| record[name].as_str().unwrap();
        let by = " ".repeat(usize::try_from(record["indent"].as_u64().unwrap()).unwrap());
        let class = if by.is_empty() { "" } else { "class Example:\n" };
        let head = format!("{class}{}\n\n", field("before"));
        let (old, good) = (indent(field("degraded"), &by), indent(field("good"), &by));
        let document = DocumentText {
            path: field("file").to_owned(),
            language_id: None,
            text: format!("{head}{old}\n\n{}\n", field("after")),
        };
        let start = u32::try_from(head.matches('\n').count()).unwrap() + 1;
        let end = start + u32::try_from(old.matches('\n').count()).unwrap();
        let task =
            prepare(&document, LineRange { start, end }, Command::new("improve", None).unwrap())
                .unwrap();
        match task.finish(field("good"), FinishReason::StopString, Attempt::First) {
            Outcome::Done(finished) => {
                assert_eq!(finished.edit.replacement, good, "{}", field("id"));
                warned += usize::from(!finished.warnings.is_empty());
            }
            other => panic!("{}: {other:?}", field("id")),
        }
    }
    assert!(records.len() > 100 && warned * 100 <= records.len(), "{warned} warnings");
}
