//! The table of system packages: what each is for, how to check that it is there, and its names in
//! apt and Homebrew.
//!
//! Looks for files and programs rather than asking a package database: that is faster, and also
//! correct if the user installed the thing by other means.

use std::path::Path;

use crate::process;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Group {
    Engine,
    /// Assembling the editor: two native Node.js modules are compiled.
    Ide,
    Window,
    Display,
    Tests,
    Vulkan,
}

impl Group {
    /// Every group that the test command asks for.
    pub(crate) const ALL: &'static [Self] =
        // Vulkan is only for `gpu`.
        &[Self::Engine, Self::Ide, Self::Window, Self::Display, Self::Tests];
}

/// How to check a need. Any one of the alternatives is enough: distributions keep the same thing in
/// different folders.
pub(crate) enum Check {
    Program(&'static [&'static str]),
    File(&'static [&'static str]),
    /// A file of libclang, which a user may also have elsewhere, named in `LIBCLANG_PATH`; what is
    /// set there is believed.
    Clang(&'static [&'static str]),
    Library(&'static str),
}

pub(crate) struct Need {
    pub(crate) group: Group,
    pub(crate) what: &'static str,
    pub(crate) reason: &'static str,
    pub(crate) check: Check,
    /// Debian's and Ubuntu's package; `None` if Linux does not need one.
    pub(crate) apt: Option<&'static str>,
    /// Homebrew's package; `None` if macOS has it or does not need it.
    pub(crate) brew: Option<&'static str>,
}

const LIBCLANG: Check = Check::Clang(&[
    "/usr/lib/llvm-*/lib/libclang*.so*",
    "/usr/lib/*/libclang*.so*",
    "/usr/lib64/libclang*.so*",
    "/usr/lib/libclang*.so*",
]);

const CLANG_HEADERS: Check = Check::Clang(&[
    "/usr/lib/llvm-*/lib/clang/*/include/stdbool.h",
    "/usr/lib/clang/*/include/stdbool.h",
    "/usr/lib64/clang/*/include/stdbool.h",
]);

const FONTS: Check = Check::File(&[
    "/usr/share/fonts/*/*.ttf",
    "/usr/share/fonts/*/*.otf",
    "/usr/share/fonts/*/*/*.ttf",
    "/usr/share/fonts/*/*/*.otf",
]);

const fn need(
    group: Group,
    what: &'static str,
    reason: &'static str,
    check: Check,
    apt: &'static str,
) -> Need {
    Need { group, what, reason, check, apt: Some(apt), brew: None }
}

const VULKAN_DRIVER: Check = Check::File(&["/usr/share/vulkan/icd.d/*.json"]);
const SPIRV_HEADERS: Check = Check::File(&["/usr/include/spirv/unified1/spirv.h"]);

pub(crate) const NEEDS: &[Need] = &[
    need(
        Group::Vulkan,
        "glslc",
        "compiles llama.cpp's shaders",
        Check::Program(&["glslc"]),
        "glslc",
    ),
    need(
        Group::Vulkan,
        "Vulkan headers",
        "llama.cpp is built with them",
        Check::Library("vulkan"),
        "libvulkan-dev",
    ),
    need(
        Group::Vulkan,
        "SPIR-V headers",
        "llama.cpp is built with them",
        SPIRV_HEADERS,
        "spirv-headers",
    ),
    need(
        Group::Vulkan,
        "a Vulkan driver",
        "runs the worker; Mesa's computes in software where there is no GPU",
        VULKAN_DRIVER,
        "mesa-vulkan-drivers",
    ),
    Need {
        brew: Some("cmake"),
        ..need(Group::Engine, "cmake", "configures llama.cpp", Check::Program(&["cmake"]), "cmake")
    },
    need(Group::Engine, "g++", "compiles llama.cpp", Check::Program(&["g++", "c++"]), "g++"),
    need(Group::Engine, "make", "builds llama.cpp", Check::Program(&["make", "ninja"]), "make"),
    need(Group::Engine, "libclang", "reads llama.cpp's header", LIBCLANG, "libclang-dev"),
    need(
        Group::Engine,
        "clang's own headers",
        "libclang needs them for llama.cpp's header",
        CLANG_HEADERS,
        "libclang-dev",
    ),
    need(
        Group::Engine,
        "pkg-config",
        "finds system libraries for the build",
        Check::Program(&["pkg-config", "pkgconf"]),
        "pkg-config",
    ),
    need(
        Group::Ide,
        "python3",
        "runs node-gyp, which compiles two of the editor's modules",
        Check::Program(&["python3"]),
        "python3",
    ),
    need(
        Group::Ide,
        "g++ (for node-gyp)",
        "compiles two of the editor's modules",
        Check::Program(&["g++", "c++"]),
        "g++",
    ),
    need(
        Group::Ide,
        "make (for node-gyp)",
        "builds two of the editor's modules",
        Check::Program(&["make"]),
        "make",
    ),
    need(
        Group::Window,
        "WebKitGTK 4.1",
        "shows the workbench in the native window",
        Check::Library("webkit2gtk-4.1"),
        "libwebkit2gtk-4.1-dev",
    ),
    need(
        Group::Window,
        "fonts",
        "a system without any shows no text in the window",
        FONTS,
        "fonts-dejavu-core",
    ),
    need(
        Group::Display,
        "Xvfb",
        "gives the native window a screen where there is none",
        Check::Program(&["Xvfb"]),
        "xvfb",
    ),
    need(
        Group::Display,
        "openbox",
        "gives the native window a window manager under Xvfb",
        Check::Program(&["openbox"]),
        "openbox",
    ),
    need(
        Group::Tests,
        "Chromium",
        "runs the user stories in a browser",
        Check::Program(&["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"]),
        "chromium",
    ),
    need(
        Group::Tests,
        "strace",
        "shows that an edit makes no connection off this machine",
        Check::Program(&["strace"]),
        "strace",
    ),
    need(
        Group::Tests,
        "xdotool",
        "types into the native window in its story",
        Check::Program(&["xdotool"]),
        "xdotool",
    ),
    need(
        Group::Tests,
        "xclip",
        "reads the clipboard in the native window's story",
        Check::Program(&["xclip"]),
        "xclip",
    ),
    need(
        Group::Tests,
        "xwd",
        "takes a picture of the native window when its story fails",
        Check::Program(&["xwd"]),
        "x11-apps",
    ),
];

impl Need {
    pub(crate) fn applies_here(&self) -> bool {
        if cfg!(target_os = "macos") { self.brew.is_some() } else { self.apt.is_some() }
    }
}

impl Check {
    pub(crate) fn is_met(&self) -> bool {
        match self {
            Self::Program(names) => names.iter().any(|name| process::find(name).is_some()),
            Self::File(patterns) => patterns.iter().any(|pattern| exists(pattern)),
            Self::Clang(patterns) => {
                // Whoever sets it is believed; the build looks there first.
                let told = std::env::var_os("LIBCLANG_PATH").is_some();
                told || patterns.iter().any(|pattern| exists(pattern))
            }
            Self::Library(name) => {
                let file = format!("{name}.pc");
                let folders = [
                    "/usr/lib/*/pkgconfig",
                    "/usr/lib/pkgconfig",
                    "/usr/lib64/pkgconfig",
                    "/usr/share/pkgconfig",
                    "/usr/local/lib/pkgconfig",
                    "/usr/local/lib/*/pkgconfig",
                ];
                // pkg-config itself may be among what is missing, so its folders are searched here.
                let told = std::env::var_os("PKG_CONFIG_PATH").unwrap_or_default();
                std::env::split_paths(&told).any(|folder| folder.join(&file).is_file())
                    || folders.iter().any(|folder| exists(&format!("{folder}/{file}")))
            }
        }
    }
}

fn exists(pattern: &str) -> bool {
    fn below(folder: &Path, parts: &[&str]) -> bool {
        let Some((part, rest)) = parts.split_first() else { return folder.exists() };
        if !part.contains('*') {
            return below(&folder.join(part), rest);
        }
        // A folder that does not exist here is one of another distribution.
        let Ok(entries) = std::fs::read_dir(folder) else { return false };
        entries.flatten().any(|entry| {
            matches(&entry.file_name().to_string_lossy(), part) && below(&entry.path(), rest)
        })
    }
    let parts: Vec<&str> = pattern.split('/').filter(|part| !part.is_empty()).collect();
    below(Path::new("/"), &parts)
}

/// Whether `name` has the form of `pattern`, where `*` stands for any text.
fn matches(name: &str, pattern: &str) -> bool {
    let Some((start, rest)) = pattern.split_once('*') else { return name == pattern };
    let Some(name) = name.strip_prefix(start) else { return false };
    (0..=name.len()).any(|at| name.is_char_boundary(at) && matches(&name[at..], rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_parts_of_names() {
        assert!(matches("libclang-14.so.1", "libclang*.so*"));
        assert!(!matches("libclangd.a", "libclang*.so*"));
        assert!(exists("/*/"));
        assert!(!exists("/no-such-folder-*/x"));
    }
}
