//! What a worker gets of the host's environment: a short list, since the rest may contain tokens,
//! and the worker is the program that reads strangers' models. This decides nothing else about a
//! worker; [`super::worker_process`] calls it.

use std::ffi::{OsStr, OsString};
use std::process::Command;

/// Names, or the beginnings of names if they end in `*`, and what needs them. Not listed: PATH,
/// since a worker starts no program; the locale, which it never uses; and anything that leads to a
/// display, since it draws nothing.
const PASSED: &[(&str, &str)] = &[
    ("LD_LIBRARY_PATH", "where the loader finds OpenMP and drivers on systems without /usr/lib"),
    ("DYLD_LIBRARY_PATH", "the same on macOS"),
    ("DYLD_FALLBACK_LIBRARY_PATH", "the same on macOS"),
    ("OMP_*", "OpenMP: on how many and which processors llama.cpp computes"),
    ("GOMP_*", "the same for GCC's own settings"),
    ("KMP_*", "the same for LLVM's own settings"),
    ("GGML_*", "switches of llama.cpp, and which devices it takes; none of them is a secret"),
    ("LOCALCODER_HOME", "no secret: who cleans up finds the processes of an installation by it"),
    ("LOCALCODER_KERNELS", "turns our own kernels off, or chooses among them"),
    ("LOCALCODER_FAKE_*", "what a trial wants of the worker that misbehaves"),
    ("LOCALCODER_REAL_WORKER", "the worker that a trial runs under a limit"),
    ("MALLOC_*", "how much memory the C library sets aside for threads"),
    ("VK_*", "the Vulkan loader: which drivers and layers there are"),
    ("XDG_DATA_DIRS", "where the Vulkan loader and drivers look for their files"),
    ("XDG_CONFIG_DIRS", "the same"),
    ("XDG_DATA_HOME", "the same for a user's own"),
    ("XDG_CONFIG_HOME", "the same for a user's own"),
    ("XDG_CACHE_HOME", "drivers keep compiled shaders there; without it each load compiles them"),
    ("HOME", "the same where the one above is not set"),
    ("TMPDIR", "drivers that compile shaders put parts aside there"),
    ("MESA_*", "Mesa's drivers: the version they say they are, their cache"),
    ("LP_*", "Mesa's software device: its threads"),
    ("RADV_*", "Mesa's driver for AMD"),
    ("ANV_*", "Mesa's driver for Intel"),
    ("DRI_PRIME", "which of two graphics cards is used"),
    ("__NV_*", "the same for NVIDIA"),
    ("__GL_*", "NVIDIA's driver: its cache of shaders"),
    ("MTL_*", "Metal: its checks and what it logs"),
    ("METAL_*", "the same"),
    ("__CF_USER_TEXT_ENCODING", "macOS looks the user up at each start without it"),
];

/// Passes to the command only those variables that are on the list.
pub(super) fn limit(
    command: &mut Command,
    variables: impl IntoIterator<Item = (OsString, OsString)>,
) {
    command.env_clear();
    command.envs(variables.into_iter().filter(|(name, _)| passes(name)));
}

fn passes(name: &OsStr) -> bool {
    // A name that is not UTF-8 is not one that we know.
    let Some(name) = name.to_str() else { return false };
    PASSED.iter().any(|(listed, _)| match listed.strip_suffix('*') {
        Some(beginning) => name.starts_with(beginning),
        None => name == *listed,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_secret_of_the_environment_reaches_a_worker() {
        let secrets = [
            "AWS_SECRET_ACCESS_KEY",
            "GITHUB_TOKEN",
            "HF_TOKEN",
            // llama.cpp's own server would use this one.
            "LLAMA_API_KEY",
            "OPENAI_API_KEY",
            "SSH_AUTH_SOCK",
            "DBUS_SESSION_BUS_ADDRESS",
            "XAUTHORITY",
            "LD_PRELOAD",
            "PATH",
            "XDG_RUNTIME_DIR",
            // Neither a prefix of a listed name nor an extension of one may pass.
            "MY_OMP_TOKEN",
            "HOME_TOKEN",
        ];
        let needed = ["GGML_VK_VISIBLE_DEVICES", "HOME", "OMP_NUM_THREADS", "VK_DRIVER_FILES"];
        let all = secrets.iter().chain(&needed);
        let mut command = Command::new("/usr/bin/env");
        limit(&mut command, all.map(|name| ((*name).into(), "zq7secret".into())));
        let output = command.output().unwrap();
        let printed = String::from_utf8(output.stdout).unwrap();
        let mut names: Vec<&str> = printed.lines().filter_map(|it| it.split('=').next()).collect();
        names.sort_unstable();
        assert_eq!(names, needed, "{printed}");
    }

    #[test]
    fn every_line_of_the_list_gives_a_reason_and_stands_there_once() {
        for (at, (name, reason)) in PASSED.iter().enumerate() {
            assert!(!reason.is_empty(), "{name}");
            assert!(name.trim_end_matches('*').len() > 2, "{name} lets too much pass");
            assert!(!PASSED[..at].iter().any(|(other, _)| other == name), "{name}");
        }
    }
}
