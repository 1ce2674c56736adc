//! The program `localcoder-fake-worker`: a worker without llama.cpp that misbehaves on command. All
//! of its code is in the library's module `fake_worker`. Hosts in tests and trials start it instead
//! of the real worker.

fn main() -> std::process::ExitCode {
    match localcoder_test_support::fake_worker::run() {
        Ok(()) => std::process::ExitCode::SUCCESS,
        Err(_) => std::process::ExitCode::FAILURE,
    }
}
