//! The program started by hand with a claim that the network is allowed, while the user's settings
//! say that it is not.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use localcoder_protocol::{ErrorCode, FetchFailure, FetchNetwork, FetchOrder, FetchTask};
use localcoder_settings::Places;
use localcoder_test_support::downloads::{Content, Fetch, request};
use localcoder_test_support::http::{Part, Reply, Server};
use localcoder_test_support::settings::TEXTS;

use crate::{program, serve};

fn by_hand(home: &Path, order: &str) -> Output {
    let mut child = Command::new(program())
        .env_clear()
        .env("LOCALCODER_HOME", home)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // A program that ends at once need not read it.
    let _ = child.stdin.take().unwrap().write_all(order.as_bytes());
    child.wait_with_output().unwrap()
}

#[test]
fn started_by_hand_it_opens_nothing_unless_the_settings_are_plain() {
    let content = Content::random(21, 1_000);
    let server = serve(&content);
    let home = tempfile::tempdir().unwrap();
    let places = Places::under(home.path());
    let dir = tempfile::tempdir().unwrap();
    let task = FetchTask::File(request(dir.path(), &content, vec![server.url("file")]));
    let order = FetchOrder { network: FetchNetwork::Allowed, task };
    let order = format!("{}\n", serde_json::to_string(&order).unwrap());
    let refused = |named: &str| {
        // Refused even before the request has been read.
        for order in [order.as_str(), "", "nonsense\n"] {
            let output = by_hand(home.path(), order);
            let (stdout, stderr) =
                (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
            let code = i32::from(ErrorCode::AirGapped.exit_code());
            assert_eq!(output.status.code(), Some(code), "{named}: {stdout}{stderr}");
            assert!(stdout.contains("\"airGapped\""), "{stdout}");
            for said in [&stdout, &stderr] {
                assert!(said.contains("nothing is downloaded: "), "{said}");
                assert!(said.contains(named), "no {named}: {said}");
            }
        }
    };
    let mut asked = 0;
    for text in TEXTS.iter().filter(|text| text.closes) {
        std::fs::write(places.settings_file(), text.bytes).unwrap();
        refused("`localcoder.airGapped`");
        asked += 3;
    }
    std::fs::write(places.settings_file(), "{\"airGapped\": true}").unwrap();
    refused("is on (in settings.json)");
    std::fs::remove_file(places.settings_file()).unwrap();
    std::fs::create_dir_all(&places.cache).unwrap();
    std::fs::write(places.editor_settings_file(), "{\"airGapped\":").unwrap();
    refused("editor-settings.json` is not JSON");
    std::fs::write(places.editor_settings_file(), "{\"airGapped\": true}").unwrap();
    refused("is on (in the editor's settings)");
    asked += 9;
    assert_eq!(server.connections(), 0);
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0, "not even a lock is there");
    // Each was counted, and the count contains nothing of what was wanted.
    let kept = std::fs::read_to_string(places.refusals_file()).unwrap();
    assert_eq!(kept.lines().count(), asked);
    assert!(kept.lines().all(|line| line.parse::<u64>().is_ok()), "{kept}");

    std::fs::write(places.editor_settings_file(), "{\"airGapped\": false}").unwrap();
    let open = [("LOCALCODER_HOME", home.path().to_str().unwrap())];
    let request = request(dir.path(), &content, vec![server.url("file")]);
    let ending = Fetch::start_with(&program(), &request, &open).follow(|_, _| {});
    assert_eq!((ending.result(), server.connections()), (Some(Ok(())), 1));
}

#[test]
fn a_home_that_leads_nowhere_closes_as_well() {
    let gone = tempfile::tempdir().unwrap();
    let mut child = Command::new("sh")
        .arg("-c")
        .arg(format!("cd {0} && rmdir {0} && exec {1}", gone.path().display(), program().display()))
        .env_clear()
        .env("LOCALCODER_HOME", "relative")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let code = i32::from(ErrorCode::AirGapped.exit_code());
    assert_eq!(child.wait().unwrap().code(), Some(code));
}

#[test]
fn an_air_gap_that_is_turned_on_meanwhile_is_heard_before_the_next_connection() {
    let home = tempfile::tempdir().unwrap();
    let places = Places::under(home.path());
    let settings = places.settings_file();
    let content = Content::random(22, 100_000);
    let bytes = content.bytes.clone();
    let server = Server::start(move |asked| {
        std::fs::write(&settings, "{\"airGapped\": true}").unwrap();
        Reply::file(asked, &bytes, "\"v1\"").until(50_000, Part::Reset)
    });
    let dir = tempfile::tempdir().unwrap();
    let request = request(dir.path(), &content, vec![server.url("file")]);
    let home = home.path().to_str().unwrap();
    let ending = Fetch::start_with(&program(), &request, &[("LOCALCODER_HOME", home)]);
    let ending = ending.follow(|_, _| {});
    assert_eq!(ending.result(), Some(Err(FetchFailure::AirGapped)), "{:?}", ending.events);
    assert_eq!(server.connections(), 1);
    let kept = std::fs::read_to_string(places.refusals_file()).unwrap();
    assert_eq!(kept.lines().count(), 1, "it was counted");
}
