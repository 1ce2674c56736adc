//! Files that programs on the user's machine act on without being asked. A model's text in one of
//! them can do more than be wrong code, so the user is asked before it is written.

/// Which files, by the end of their path, and what reads them. A name that ends in a slash is a
/// folder with everything in it.
const FILES: &[(&str, &str)] = &[
    (".git/", "git runs programs that are named in it"),
    (".gitmodules", "git fetches from the addresses in it"),
    (".gitattributes", "git runs the filters that are named in it"),
    (".husky/", "git runs it when something is committed"),
    (".githooks/", "git runs it when something is committed"),
    (".pre-commit-config.yaml", "it says what runs when something is committed"),
    (".vscode/", "the editor acts on it, and can run programs that it names"),
    (".code-workspace", "the editor acts on it, and can run programs that it names"),
    (".idea/", "the editor acts on it, and can run programs that it names"),
    (".devcontainer/", "it says how a container is made, and what runs in it"),
    (".envrc", "the shell runs it on entering the folder"),
    (".env", "it holds secrets"),
    (".github/workflows/", "a build server runs it, with the rights of the project"),
    (".github/actions/", "a build server runs it, with the rights of the project"),
    (".gitlab-ci.yml", "a build server runs it, with the rights of the project"),
    (".circleci/", "a build server runs it, with the rights of the project"),
    (".travis.yml", "a build server runs it, with the rights of the project"),
    ("azure-pipelines.yml", "a build server runs it, with the rights of the project"),
    ("bitbucket-pipelines.yml", "a build server runs it, with the rights of the project"),
    ("Jenkinsfile", "a build server runs it, with the rights of the project"),
    (".ci/", "a build server runs it, with the rights of the project"),
    (".ssh/", "it decides who can log in, and what runs then"),
    (".bashrc", "the shell runs it at its start"),
    (".bash_profile", "the shell runs it at its start"),
    (".profile", "the shell runs it at its start"),
    (".zshrc", "the shell runs it at its start"),
    (".npmrc", "the package manager takes addresses and passwords from it"),
    (".pypirc", "the package manager takes addresses and passwords from it"),
    (".cargo/config.toml", "Cargo runs programs that are named in it"),
    ("settings.json", "a program's settings are in it"),
    ("tasks.json", "the editor runs the programs in it"),
    ("launch.json", "the editor runs the programs in it"),
    ("mcp.json", "assistants run the programs in it"),
];

/// Why the user is asked before this file is written; `None` if that is not needed.
#[must_use]
pub fn reason(path: &str) -> Option<&'static str> {
    // File systems of Windows and macOS don't tell upper from lower case, so `.GIT` is the same
    // folder. The slash in front makes every name begin with one.
    let path = format!("/{}", path.replace('\\', "/").to_lowercase());
    let is = |wanted: &str| {
        let wanted = wanted.to_lowercase();
        match wanted.strip_suffix('/') {
            Some(folder) => path.contains(&format!("/{folder}/")),
            None if wanted == ".code-workspace" => path.ends_with(&wanted),
            // `.env.local` and the like.
            None if wanted == ".env" => path
                .rsplit('/')
                .next()
                .is_some_and(|name| name == ".env" || name.starts_with(".env.")),
            None => path.ends_with(&format!("/{wanted}")),
        }
    };
    FILES.iter().find(|(wanted, _)| is(wanted)).map(|(_, reason)| *reason)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_that_programs_act_on_are_told_from_others() {
        for path in [
            ".vscode/settings.json",
            "sub\\.VSCODE\\tasks.json",
            "/home/a/p/.git/hooks/pre-commit",
            ".github/workflows/ci.yml",
            "a.code-workspace",
            "deploy/Jenkinsfile",
            ".env",
            "web/.env.local",
            "settings.json",
        ] {
            assert!(reason(path).is_some(), "{path}");
        }
        for path in [
            "src/settings.py",
            "git/a.py",
            "a.git/b.py",
            ".github/README.md",
            "environment.py",
            "my-settings.json",
            "src/vscode/a.ts",
        ] {
            assert_eq!(reason(path), None, "{path}");
        }
    }
}
