//! How the process lives and ends.

use localcoder_protocol::{
    LoadModel, LoadModelParams, LoadProfile, Measured, WorkerGenerate, WorkerGenerateParams,
    WorkerSampling,
};
use localcoder_transport::ClientEvent;

use crate::harness::{PROFILE, Worker, chat, long_text, model, noise};

#[test]
fn the_end_of_stdin_ends_it_idle_loading_or_generating() {
    let mut idle = Worker::ready();
    idle.hang_up();
    assert_eq!(idle.wait().code(), Some(0));

    let mut loading = Worker::ready();
    loading.start::<LoadModel>(&LoadModelParams {
        model_ref: model().to_str().unwrap().to_owned(),
        chat_template: None,
        profile: PROFILE,
        measured: Measured::default(),
    });
    loading.hang_up();
    assert_eq!(loading.wait().code(), Some(0));

    let mut generating = Worker::loaded(LoadProfile { batch_tokens: 2, ..PROFILE });
    generating.start::<WorkerGenerate>(&chat(1, &long_text(100)));
    while !matches!(generating.event(), ClientEvent::Notification(..)) {}
    generating.hang_up();
    assert_eq!(generating.wait().code(), Some(0));
}

#[test]
fn what_llama_cpp_says_goes_to_stderr() {
    let worker = Worker::loaded(PROFILE);
    assert!(worker.stderr().contains("llama"), "{}", worker.stderr());
}

#[cfg(target_os = "linux")]
mod linux {
    use std::io::{BufRead as _, BufReader};
    use std::path::PathBuf;
    use std::process::{Command, Stdio};
    use std::time::Instant;

    use localcoder_protocol::ErrorCode;

    use crate::harness::{DEADLINE, PROFILE, Worker, wait};

    /// What the sandbox denies is tested there; here we only see that it is on, and that a model in
    /// it continues to answer.
    #[test]
    fn the_system_refuses_it_what_it_does_not_need() {
        let mut worker = Worker::spawn();
        let confined = worker.hello().unwrap().confined;
        assert!(confined.calls, "{confined:?}");
        let status = std::fs::read_to_string(format!("/proc/{}/status", worker.child.id()));
        let status = status.unwrap();
        let line = |name: &str| status.lines().find(|line| line.starts_with(name)).unwrap();
        assert!(line("Seccomp:").ends_with('2') && line("NoNewPrivs:").ends_with('1'), "{status}");
    }

    /// The engine's stack alone needs more than that.
    #[test]
    fn without_room_for_its_threads_it_answers_with_what_is_short() {
        let mut worker = Worker::under("-v 60000");
        let error = worker.hello().unwrap_err();
        assert_eq!(error.code, ErrorCode::WorkerStart);
        assert!(error.hint.unwrap().contains("ulimit -v"));
        assert_eq!(worker.wait().code(), Some(i32::from(ErrorCode::WorkerStart.exit_code())));
    }

    #[test]
    fn no_print_can_reach_the_protocol() {
        let worker = Worker::loaded(PROFILE);
        let fd = |number: u32| {
            let path = PathBuf::from(format!("/proc/{}/fd/{number}", worker.child.id()));
            std::fs::read_link(path).unwrap()
        };
        assert_eq!(fd(0), PathBuf::from("/dev/null"));
        assert_eq!(fd(1), fd(2));
    }

    #[test]
    fn it_dumps_no_core_and_gains_no_rights() {
        let worker = Worker::ready();
        let read = |name: &str| {
            std::fs::read_to_string(format!("/proc/{}/{name}", worker.child.id())).unwrap()
        };
        assert!(read("status").lines().any(|line| line == "NoNewPrivs:\t1"));
        let limits = read("limits");
        let core = limits.lines().find(|line| line.starts_with("Max core file size")).unwrap();
        assert_eq!(core.split_whitespace().nth(4), Some("0"), "{core}");
        assert_eq!(core.split_whitespace().nth(5), Some("0"), "{core}");
    }

    #[test]
    fn it_ends_with_its_parent_even_if_the_pipe_stays_open() {
        // The shell is its parent; this test holds the pipe open.
        let mut parent = Command::new("sh")
            .args(["-c", "exec 3<&0; \"$0\" <&3 >/dev/null 2>&1 & echo $!; wait"])
            .arg(env!("CARGO_BIN_EXE_localcoder-worker"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut pid = String::new();
        BufReader::new(parent.stdout.as_mut().unwrap()).read_line(&mut pid).unwrap();
        let status = PathBuf::from(format!("/proc/{}/status", pid.trim()));
        let deadline = Instant::now() + DEADLINE;
        // It follows its parent before it gives up its rights.
        let follows =
            || std::fs::read_to_string(&status).is_ok_and(|it| it.contains("NoNewPrivs:\t1"));
        while !follows() {
            assert!(Instant::now() < deadline, "it does not start");
            std::thread::yield_now();
        }
        parent.kill().unwrap();
        let stdin = parent.stdin.take();
        wait(&mut parent);
        let lives = || std::fs::read_to_string(&status).is_ok_and(|it| !it.contains("State:\tZ"));
        while lives() {
            assert!(Instant::now() < deadline, "it outlives its parent");
            std::thread::yield_now();
        }
        drop(stdin);
    }
}

/// The longest computation that the demo model has: its whole window, token by token.
#[test]
fn it_beats_while_it_computes_and_each_beat_has_seen_more() {
    let mut worker = Worker::loaded(LoadProfile { batch_tokens: 1, ..PROFILE });
    let params = WorkerGenerateParams { max_tokens: 1900, ..noise(1, 3) };
    let mut beats = Vec::new();
    for seed in 1..40 {
        let sampling = WorkerSampling { seed, ..params.sampling };
        let params = WorkerGenerateParams { sampling, ..params.clone() };
        beats = worker.generate(&params).beats;
        if beats.len() > 3 {
            break;
        }
    }
    assert!(beats.len() > 3, "{beats:?}");
    assert!(beats.windows(2).all(|pair| pair[0] < pair[1]), "{beats:?}");
}
