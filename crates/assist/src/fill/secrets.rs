//! What looks like a password or a key: it is neither given to a model from other files, nor shown
//! if a model writes one that this file does not have.

use std::sync::LazyLock;

use regex::Regex;

/// Common key formats, and values assigned to a name that says so: keys of AWS, GitHub, GitLab,
/// OpenAI, Slack and Google, tokens in JSON, private keys, and passwords in addresses. Short values
/// are left alone, as placeholders and empty defaults are not secrets.
static SECRET: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(concat!(
        r"AKIA[0-9A-Z]{16}",
        r"|gh[pousr]_[A-Za-z0-9]{20,}",
        r"|github_pat_[A-Za-z0-9_]{20,}",
        r"|glpat-[A-Za-z0-9_-]{20,}",
        r"|sk-[A-Za-z0-9_-]{20,}",
        r"|xox[abprs]-[A-Za-z0-9-]{10,}",
        r"|AIza[A-Za-z0-9_-]{30,}",
        r"|eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}\.",
        r"|-----BEGIN [A-Z ]*PRIVATE KEY",
        r#"|(?i:passw(or)?d|secret|token|api_?key|credential)\w*["']?\s*[:=]+\s*["'`]([^"'`\s]{8,})["'`]"#,
        r"|://[^/\s:@]+:[^/\s:@]{3,}@",
    ))
    .expect("it is one")
});

pub(super) fn without(text: &str) -> String {
    let lines: Vec<&str> = text.split('\n').filter(|line| !SECRET.is_match(line)).collect();
    lines.join("\n")
}

/// Whether a text contains a secret that neither of the known texts has. What this file has may be
/// repeated; anything else was made up or learned from somebody's code.
pub(super) fn brings_one(text: &str, known: [&str; 2]) -> bool {
    SECRET.find_iter(text).any(|found| !known.iter().any(|it| it.contains(found.as_str())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_looks_like_one_is_told_from_code() {
        // Assembled here, so that no secret scanner takes it for a real one.
        let key = format!("AKIA{}", "Z".repeat(16));
        for secret in [
            format!("key = \"{key}\""),
            format!("gh{}_{}", "p", "a1".repeat(15)),
            "password: \"correct-horse\"".to_owned(),
            "const API_KEY = 'abcdef123456'".to_owned(),
            "postgres://me:hunter2@host/db".to_owned(),
            format!("-----BEGIN {}PRIVATE KEY-----", "RSA "),
        ] {
            assert!(brings_one(&secret, ["", ""]), "{secret}");
            assert!(!brings_one(&secret, [&secret, ""]), "{secret} is there already");
            assert_eq!(without(&format!("a\n{secret}\nb")), "a\nb");
        }
        for code in [
            "token = next(tokens)",
            "password = getpass()",
            "api_key = os.environ[\"API_KEY\"]",
            "if secret == other:",
            "https://example.com/a:b",
            "token: str = \"\"",
        ] {
            assert!(!brings_one(code, ["", ""]), "{code}");
        }
    }
}
