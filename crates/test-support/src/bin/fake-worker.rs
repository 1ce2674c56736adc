//! The program `localcoder-fake-worker`: a worker without llama.cpp that misbehaves on command. All
//! of it is in the library's `fake_worker`. Hosts of tests and trials start it in place of the
//! real one.

fn main() -> std::process::ExitCode {
    match localcoder_test_support::fake_worker::run() {
        Ok(()) => std::process::ExitCode::SUCCESS,
        Err(_) => std::process::ExitCode::FAILURE,
    }
}
