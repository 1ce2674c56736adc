//! What a client gains by announcing its selection ahead, with the real host, worker and model.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::time::{Duration, Instant};

use localcoder_host::connect;
use localcoder_protocol::{
    Assist, AssistAnswer, AssistParams, ClientKind, DocumentText, EditAnswer, LineRange, Prepare,
    PrepareParams, TextAnswer, Usage, Warm, WarmParams,
};
use localcoder_settings::Places;
use localcoder_test_support::Installation;
use localcoder_transport::Client;

const SELECTION: LineRange = LineRange { start: 4, end: 8 };
/// What a command on a prepared selection may still have to read. The demo model's small vocabulary
/// splits Explain's instruction into more tokens than that of a real model.
const UNREAD_TOKENS_MAX: u32 = 64;

fn document() -> DocumentText {
    let other = "def scale(values, factor):\n    return [value * factor for value in values]\n\n\n";
    let total = "def total(prices):\n    result = 0\n    for price in prices:\n        \
                 result = result + price\n    return result\n";
    let text = format!("import os\n\n\n{total}\n\n{}", other.repeat(8));
    DocumentText { path: "prices.py".to_owned(), language_id: None, text }
}

fn connected(installation: &Installation) -> Client {
    let _ = installation.run(&["host", "start"]).ok();
    connect::connect(&Places::under(&installation.home()), ClientKind::Other).unwrap().unwrap()
}

fn prepare(client: &mut Client, request_id: &str) -> bool {
    let params = PrepareParams {
        request_id: request_id.to_owned(),
        document: document(),
        selection: SELECTION,
    };
    client.call::<Prepare>(&params, |_, _| {}).unwrap().prepared
}

fn edit(answer: AssistAnswer) -> EditAnswer {
    match answer {
        AssistAnswer::Edit(edit) => edit,
        AssistAnswer::Text(text) => panic!("no edit: {text:?}"),
    }
}

fn text(answer: AssistAnswer) -> TextAnswer {
    match answer {
        AssistAnswer::Text(text) => text,
        AssistAnswer::Edit(edit) => panic!("no text: {edit:?}"),
    }
}

fn unread(usage: Usage) -> u32 {
    usage.prompt_tokens - usage.cached_tokens
}

#[test]
fn a_command_on_a_prepared_selection_has_next_to_nothing_left_to_read() {
    let installation = Installation::new(env!("CARGO_BIN_EXE_localcoder"));
    let mut client = connected(&installation);
    assert!(!prepare(&mut client, "p0"), "it loads no model");
    client.call::<Warm>(&WarmParams::default(), |_, _| {}).unwrap();
    assert!(prepare(&mut client, "p1"));
    let improve = AssistParams::new("i", "improve", document(), SELECTION);
    let improved = edit(client.call::<Assist>(&improve, |_, _| {}).unwrap());
    assert_eq!(improved.attempts, 1);
    assert!(improved.usage.prompt_tokens > 200);
    assert_eq!(unread(improved.usage), 1, "the last token's successor is always computed");
    assert!(improved.usage.accepted_tokens > 0, "the selection is the draft");
    assert!(improved.usage.rounds < improved.usage.generated_tokens);

    let explain = AssistParams::new("e", "explain", document(), SELECTION);
    let explained = text(client.call::<Assist>(&explain, |_, _| {}).unwrap());
    assert!(unread(explained.usage) <= UNREAD_TOKENS_MAX, "{:?}", explained.usage);
}

#[test]
fn a_new_host_begins_with_what_an_earlier_one_has_kept_until_it_is_forgotten() {
    let installation = Installation::new(env!("CARGO_BIN_EXE_localcoder"));
    let kept = installation.home().join("cache/prefixes");
    let improve = |request_id: &str| {
        let mut client = connected(&installation);
        let params = AssistParams::new(request_id, "improve", document(), SELECTION);
        let usage = edit(client.call::<Assist>(&params, |_, _| {}).unwrap()).usage;
        let files = || std::fs::read_dir(&kept).map_or(0, Iterator::count);
        let deadline = Instant::now() + Duration::from_secs(30);
        while files() == 0 {
            assert!(Instant::now() < deadline, "nothing is kept");
            std::thread::sleep(Duration::from_millis(10));
        }
        let _ = installation.run(&["host", "stop"]).ok();
        usage.cached_tokens
    };
    assert_eq!(improve("a"), 0);
    let begun = improve("b");
    assert!(begun > 10, "{begun} tokens were there at the start");
    let _ = installation.run(&["host", "forget"]).ok();
    assert!(!kept.exists());
    assert_eq!(improve("c"), 0);
}
