//! The launcher as a process, with shell scripts as its editor server and window program: what it
//! starts and with what, who sees the token, what a second start does, and that nothing outlives
//! it.
#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "a test fails by it")]

mod support;

use std::time::Duration;

use support::{Fake, alive, until};

#[test]
fn the_ticket_is_on_no_command_line_and_in_no_environment_or_log() {
    let fake = Fake::new();
    let run = fake.open(&["project"]);
    let url = fake.opened_url(0);
    let ticket = url.split_once("ticket=").unwrap().1.split('&').next().unwrap().to_owned();
    assert_eq!(ticket.len(), 64);
    assert!(url.contains(".localhost:") && !url.contains("//localhost"), "{url}");
    assert!(url.ends_with(&format!("&folder={}", fake.project().display())), "{url}");
    let host = url.split("//").nth(1).unwrap().split('.').next().unwrap().to_owned();
    for pid in [run.pid(), fake.pid("server"), fake.pid("desktop")] {
        for file in ["cmdline", "environ"] {
            let bytes = std::fs::read(format!("/proc/{pid}/{file}")).unwrap();
            let text = String::from_utf8_lossy(&bytes);
            assert!(!text.contains(&ticket) && !text.contains(&host), "{file} of {pid}");
        }
    }
    let log = until("the log has the server's words", || {
        fake.read("logs/editor-server.log").filter(|log| log.contains("listening on"))
    });
    assert!(!log.contains(&ticket) && !log.contains(&host), "{log}");
    assert!(!run.output().contains(&ticket));
    assert_eq!(fake.mode("runtime"), 0o700);
    assert_eq!(fake.mode("runtime/ide.sock"), 0o600);
    assert_eq!(fake.mode("editor/window"), 0o700);
}

#[test]
fn the_server_listens_in_the_private_folder_and_nowhere_else() {
    let fake = Fake::new();
    let _run = fake.open(&["project"]);
    let first = fake.opened_url(0);
    let arguments = fake.read("server.args").unwrap();
    let socket = fake.home().join("runtime/web.sock");
    assert!(arguments.contains(&format!("--socket-path {}", socket.display())), "{arguments}");
    assert!(!arguments.contains("--port") && !arguments.contains("--host"), "{arguments}");
    // A run shares nothing with the previous one by which its end could be awaited.
    drop(_run);
    let _next = fake.open(&["project"]);
    let next = fake.opened_url(1);
    let origin = |url: &str| url.split('/').nth(2).unwrap().to_owned();
    assert_ne!(origin(&first).split(':').next(), origin(&next).split(':').next());
}

#[test]
fn the_server_gets_the_products_variables_and_none_of_another_editor_or_proxy() {
    let fake = Fake::new();
    let _run = fake.open(&["project"]);
    fake.opened_url(0);
    let environment = fake.read("server.env").unwrap();
    let has = |line: &str| environment.lines().any(|other| other.starts_with(line));
    assert!(has("LOCALCODER_BIN=/"), "{environment}");
    assert!(has(&format!("LOCALCODER_HOME={}", fake.home().display())));
    for name in ["VSCODE_IPC_HOOK=", "ELECTRON_RUN_AS_NODE=", "NODE_OPTIONS=", "http_proxy="] {
        assert!(!has(name), "{name}");
    }
    for name in ["EXTENSIONS_GALLERY=", "CS_TELEMETRY_URL="] {
        assert!(!has(name), "{name}");
    }
    let desktop = fake.read("desktop.env").unwrap();
    assert!(!desktop.contains("http_proxy="));
}

#[test]
fn closing_the_last_window_ends_the_server_and_the_launcher() {
    let fake = Fake::new();
    let mut run = fake.open(&["project"]);
    fake.opened_url(0);
    let (server, child) = (fake.pid("server"), fake.pid("server-child"));
    fake.say(r#"{"event":"closed","window":1}"#);
    assert_eq!(run.wait(), Some(0));
    assert!(run.output().contains("Closed"), "{}", run.output());
    until("the server and its child are gone", || (!alive(server) && !alive(child)).then_some(()));
    assert!(fake.read("runtime/web.sock").is_none(), "its socket is removed");
}

#[test]
fn a_second_start_opens_its_folder_in_the_first_and_ends() {
    let fake = Fake::new();
    let run = fake.open(&["project"]);
    fake.opened_url(0);
    let mut second = fake.open(&["other"]);
    assert_eq!(second.wait(), Some(0));
    assert!(second.output().contains("that is running"), "{}", second.output());
    assert!(fake.opened_url(1).ends_with("/other"));
    // Opening the same folder again only brings it to the front.
    assert_eq!(fake.open(&["project"]).wait(), Some(0));
    until("the window is brought to the front", || {
        fake.read("commands").filter(|c| c.contains(r#"{"command":"focus","window":1}"#))
    });
    assert_eq!(fake.open(&["--new-window", "project"]).wait(), Some(0));
    assert!(fake.opened_url(2).ends_with("/project"));
    assert!(alive(run.pid()));
}

#[test]
fn a_path_that_is_not_there_starts_nothing() {
    let fake = Fake::new();
    let mut run = fake.open(&["no-such-folder"]);
    assert_eq!(run.wait(), Some(10), "{}", run.output());
    assert!(run.output().contains("no-such-folder"));
    assert!(fake.read("server.env").is_none());
}

#[test]
fn a_server_that_dies_is_started_again_behind_the_same_front_until_it_dies_too_often() {
    let fake = Fake::new();
    let mut run = fake.open(&["project"]);
    let url = fake.opened_url(0);
    let origin = url.split("/open").next().unwrap().to_owned();
    let mut last = 0;
    for restarts in 1..=3 {
        last = fake.kill("server", last);
        until("it is told", || {
            (run.output().matches("was started again").count() == restarts).then_some(())
        });
        if restarts < 3 {
            let folder = format!("/come/{restarts}");
            let url = format!("{origin}/0123/?folder={folder}");
            fake.say(&format!(r#"{{"event":"moved","window":1,"url":"{url}"}}"#));
            until("the event is handled", || {
                fake.read("editor/launcher.json").filter(|memory| memory.contains(&folder))
            });
        }
    }
    until("a page that does not load itself again is made to", || {
        fake.read("commands")?.contains(r#"{"command":"reload"}"#).then_some(())
    });
    let commands = fake.read("commands").unwrap();
    assert_eq!(commands.matches(r#"{"command":"reload"}"#).count(), 1, "only that one");
    let mut next = fake.open(&["other"]);
    assert_eq!(next.wait(), Some(0), "{}", next.output());
    assert!(fake.opened_url(1).starts_with(&origin), "{}", fake.opened_url(1));
    fake.say(r#"{"event":"closed","window":2}"#);
    fake.kill("server", last);
    until("it is told", || run.output().contains("4 times in 5 minutes").then_some(()));
    assert!(alive(run.pid()), "the windows stay for unsaved text to be copied");
    fake.say(r#"{"event":"closed","window":1}"#);
    assert_eq!(run.wait(), Some(40), "{}", run.output());
}

#[test]
fn windows_that_die_are_opened_again_once() {
    let fake = Fake::new();
    let mut run = fake.open(&["project"]);
    fake.opened_url(0);
    fake.say(r#"{"event":"moved","window":1,"url":"http://a.localhost:1/2/?folder=/moved/to"}"#);
    until("the event is handled", || {
        fake.read("editor/launcher.json").filter(|memory| memory.contains("/moved/to"))
    });
    let first = fake.kill("desktop", 0);
    assert!(fake.opened_url(1).ends_with("&folder=/moved/to"), "{}", fake.opened_url(1));
    fake.kill("desktop", first);
    assert_eq!(run.wait(), Some(40), "{}", run.output());
    assert!(run.output().contains("window program ended"), "{}", run.output());
}

#[test]
fn windows_that_die_too_often_leave_what_is_open_in_a_browser() {
    let fake = Fake::new();
    let mut run = fake.open(&["project"]);
    fake.opened_url(0);
    assert_eq!(fake.open(&["--browser", "other"]).wait(), Some(0));
    let first = fake.kill("desktop", 0);
    fake.opened_url(1);
    fake.kill("desktop", first);
    until("it is reported", || run.output().contains("comes back at the next start").then_some(()));
    assert!(alive(fake.pid("server")), "the page in the browser works");
    run.signal(libc::SIGINT);
    assert_eq!(run.wait(), Some(0), "{}", run.output());
}

#[test]
fn a_signal_ends_everything_in_good_order() {
    let fake = Fake::new();
    let mut run = fake.open(&["project"]);
    fake.opened_url(0);
    let pids = [fake.pid("server"), fake.pid("server-child"), fake.pid("desktop")];
    run.signal(libc::SIGTERM);
    assert_eq!(run.wait(), Some(0));
    assert!(run.output().contains("Interrupted"));
    assert!(fake.read("commands").unwrap().contains(r#"{"command":"quit"}"#));
    until("all are gone", || pids.iter().all(|&pid| !alive(pid)).then_some(()));
}

#[test]
fn a_launcher_that_is_killed_takes_its_children_with_it() {
    let fake = Fake::new();
    let mut run = fake.open(&["project"]);
    fake.opened_url(0);
    let pids = [fake.pid("server"), fake.pid("desktop")];
    run.signal(libc::SIGKILL);
    run.wait();
    until("all are gone", || pids.iter().all(|&pid| !alive(pid)).then_some(()));
    // What it left behind does not keep the next one from starting.
    let _next = fake.open(&["project"]);
    fake.opened_url(1);
}

#[test]
fn a_server_that_does_not_start_is_an_error_with_its_last_words() {
    let fake = Fake::new();
    fake.server("echo 'no such module: left-pad' >&2; exit 1");
    let mut run = fake.open(&["project"]);
    assert_eq!(run.wait(), Some(40));
    let output = run.output();
    assert!(output.contains("left-pad") && output.contains("editor-server.log"), "{output}");
}

#[test]
fn without_a_display_the_address_is_reported_and_the_server_runs_until_ctrl_c() {
    let fake = Fake::new();
    let mut run = fake.open_without_display(&["project"]);
    let output = until("the address is reported", || {
        let output = run.output();
        output.contains(".localhost:").then_some(output)
    });
    assert!(output.contains("no display") && output.contains("/open?ticket="), "{output}");
    // Another start gets the address too.
    let mut second = fake.open(&["--browser", "other"]);
    assert_eq!(second.wait(), Some(0));
    assert!(second.output().contains("/other"), "{}", second.output());
    // Of several folders, each has its own.
    let mut third = fake.open(&["--browser", "other", "project"]);
    assert_eq!(third.wait(), Some(0));
    let output = third.output();
    assert!(output.contains("/other") && output.contains("/project"), "{output}");
    assert_eq!(output.matches("/open?ticket=").count(), 2, "{output}");
    assert!(!run.exited_within(Duration::from_millis(200)));
    run.signal(libc::SIGINT);
    assert_eq!(run.wait(), Some(0));
}

#[test]
fn without_a_path_the_folder_that_was_open_last_is_opened() {
    let fake = Fake::new();
    let mut run = fake.open(&["project"]);
    fake.opened_url(0);
    fake.say(r#"{"event":"closed","window":1}"#);
    run.wait();
    let _again = fake.open(&[]);
    assert!(fake.opened_url(1).ends_with("/project"), "{}", fake.opened_url(1));
}

#[test]
fn an_air_gapped_editor_has_no_network_and_says_so() {
    let fake = Fake::new();
    // An address of this machine other than loopback would do as well; a route is what is missing.
    fake.server(
        "while [ \"$1\" != --socket-path ]; do shift; done; : > \"$2\"\n\
         ls /sys/class/net > \"$FAKE/interfaces\" 2>/dev/null\n\
         cat /proc/self/net/dev > \"$FAKE/devices\"\n\
         grep -E '^(NoNewPrivs|Seccomp):' /proc/self/status > \"$FAKE/status\"\n\
         echo \"Extension host agent listening on $2\"; sleep 600",
    );
    let run = fake.open(&["--air-gapped", "project"]);
    fake.opened_url(0);
    let devices = fake.read("devices").unwrap();
    let status = fake.read("status").unwrap();
    let only_loopback = devices.lines().skip(2).all(|line| line.trim_start().starts_with("lo:"));
    let filtered = status.contains("Seccomp:\t2");
    assert!(only_loopback || filtered, "{devices}{status}");
    assert!(status.contains("NoNewPrivs:\t1"), "{status}");
    assert!(run.output().contains("have no network"), "{}", run.output());
    assert!(fake.read("server.env").unwrap().contains("LOCALCODER_AIR_GAPPED=1"));
}
