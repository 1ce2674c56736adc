//! Removes from a text what identifies a person or grants access: the home folder, the names of
//! user and machine, queries of addresses, tokens. Pure except for [`Redactor::here`]. It can only
//! recognize forms, so the report says what was looked for and asks to be read.

use std::path::{Path, PathBuf};

const CUT: &str = "[cut]";
/// This many letters and digits in a row, with both among them, are neither a word nor the name of
/// a model.
const TOKEN_CHARS_MIN: usize = 20;
/// Ends of keys whose values are secret whatever they look like. `tkn` is the connection token in
/// the addresses of the editor's server.
const SECRET_KEYS: &[&str] =
    &["token", "tkn", "secret", "password", "passwd", "pwd", "apikey", "api_key", "authorization"];
/// Names that are too common to identify anyone, and that logs are full of.
const COMMON_NAMES: &[&str] = &["localhost", "user", "machine"];

pub(super) struct Redactor {
    /// The home folder as it is named and as it really is, which differ where it is a link; the
    /// longest first.
    homes: Vec<String>,
    names: Vec<(String, &'static str)>,
}

impl Redactor {
    /// For this user on this machine. A home folder of `/`, as services have it, would turn every
    /// path into `~`.
    pub(super) fn here() -> Self {
        let home = std::env::home_dir().filter(|home| home.parent().is_some());
        let user = ["USER", "LOGNAME"].into_iter().filter_map(|name| std::env::var(name).ok());
        let machine = rustix::system::uname().nodename().to_string_lossy().into_owned();
        Self::new(home.as_deref(), user.collect(), &machine)
    }

    fn new(home: Option<&Path>, users: Vec<String>, machine: &str) -> Self {
        let real = home.and_then(|home| home.canonicalize().ok());
        let homes: Vec<PathBuf> = home.map(Path::to_owned).into_iter().chain(real).collect();
        let last = |path: &PathBuf| Some(path.file_name()?.to_string_lossy().into_owned());
        // The name of the home folder may be another one than that of the user.
        let users: Vec<String> = users.into_iter().chain(homes.iter().filter_map(last)).collect();
        // Logs have the name with its domain and without.
        let short = machine.split('.').next().unwrap_or_default().to_owned();
        let machines = [machine.to_owned(), short];
        let names = users.into_iter().map(|name| (name, "user"));
        let names = names.chain(machines.into_iter().map(|name| (name, "machine")));
        let is_name = |name: &str| name.len() > 1 && !COMMON_NAMES.contains(&name);
        let mut names: Vec<_> = names.filter(|(name, _)| is_name(name)).collect();
        let mut homes: Vec<String> = homes.iter().map(|it| it.display().to_string()).collect();
        // The longest first, since one may be a part of another.
        homes.sort_by_key(|home| std::cmp::Reverse(home.len()));
        names.sort_by_key(|(name, _)| std::cmp::Reverse(name.len()));
        Self { homes, names }
    }

    pub(super) fn names(&self, text: &str) -> String {
        // Sequences that control a terminal are not part of a text.
        let is_text = |it: &char| !it.is_control() || matches!(it, '\n' | '\t');
        let mut text: String = text.chars().filter(is_text).collect();
        // Before the names: the home folder has the user's in it, and would not be found any more.
        for home in &self.homes {
            text = replace(&text, home, "~", |it| it.is_alphanumeric() || matches!(it, '_' | '-'));
        }
        for (name, instead) in &self.names {
            text = replace(&text, name, instead, |it| it.is_alphanumeric() || it == '_');
        }
        text
    }

    pub(super) fn all(&self, text: &str) -> String {
        self.names(text).split_inclusive('\n').map(secrets).collect()
    }
}

/// Replaces every occurrence that is a whole word, ignoring case. `goes_on`: whether a character
/// before or after it makes it a part of another word.
fn replace(text: &str, what: &str, instead: &str, goes_on: impl Fn(char) -> bool) -> String {
    let (mut out, mut rest) = (String::with_capacity(text.len()), text);
    let mut before = None;
    while let Some(next) = rest.chars().next() {
        let after = rest.get(what.len()..);
        // `get` is `None` within a character of several bytes, where nothing of ours begins or
        // ends.
        let found = rest.get(..what.len()).is_some_and(|it| it.eq_ignore_ascii_case(what))
            // What begins with another kind of character, such as the `/` of a path, may follow a
            // word.
            && !(what.starts_with(&goes_on) && before.is_some_and(&goes_on))
            && !after.is_some_and(|it| it.starts_with(&goes_on));
        if found {
            out.push_str(instead);
            rest = after.unwrap_or_default();
            before = what.chars().next_back();
        } else {
            out.push(next);
            rest = &rest[next.len_utf8()..];
            before = Some(next);
        }
    }
    out
}

/// A line without tokens and queries of addresses. It goes word by word and remembers whether the
/// next one is the value of a secret key. Line by line, so that a key at the end of one takes
/// nothing of the next.
fn secrets(line: &str) -> String {
    let mut out = String::with_capacity(line.len());
    let mut is_secret = false;
    let ends = |it: char| it.is_whitespace() || matches!(it, '"' | '\'' | '`' | '<' | '>' | ',');
    for piece in line.split_inclusive(ends) {
        let word = piece.trim_end_matches(ends);
        let end = &piece[word.len()..];
        if word.is_empty() {
            out.push_str(end);
            continue;
        }
        // `Authorization: Bearer …`: the scheme is not the secret; the word after it is.
        let bearer = word.eq_ignore_ascii_case("bearer") || word.eq_ignore_ascii_case("basic");
        let key = word.trim_end_matches([':', '=']);
        if is_secret && !bearer && !matches!(word, ":" | "=") {
            out.push_str(CUT);
            is_secret = false;
        } else {
            out.push_str(&secret_word(word));
            // In `"token": "…"` the key's closing quote comes first, and the colon is a word of its
            // own.
            let quoted = end.starts_with(['"', '\'']);
            is_secret = bearer
                // `token = …`, in three words.
                || matches!(word, ":" | "=") && is_secret
                || is_secret_key(key) && (key.len() < word.len() || quoted);
        }
        out.push_str(end);
    }
    out
}

fn is_secret_key(word: &str) -> bool {
    let word = word.rsplit(['-', '.', '{', '(', '[']).next().unwrap_or(word).to_ascii_lowercase();
    SECRET_KEYS.iter().any(|key| word.ends_with(key))
}

fn secret_word(word: &str) -> String {
    if let Some(at) = word.find("://") {
        let (scheme, rest) = word.split_at(at + 3);
        let address = &rest[..rest.find(['?', '#']).unwrap_or(rest.len())];
        let cut = if address.len() < rest.len() { "?[cut]" } else { "" };
        let path = address.find('/').unwrap_or(address.len());
        // A user and a password before the host.
        let address = match address[..path].rfind('@') {
            Some(user) => format!("{CUT}{}", &address[user..]),
            None => address.to_owned(),
        };
        return format!("{}{}{cut}", runs(scheme), runs(&address));
    }
    if let Some((key, value)) = word.split_once(['=', ':'])
        && !value.is_empty()
        && is_secret_key(key)
    {
        return format!("{}{CUT}", &word[..=key.len()]);
    }
    // Only the path of an address, as a server logs it: `/?tkn=…`.
    match word.split_once('?') {
        Some((path, query)) if query.contains('=') => format!("{}?{CUT}", runs(path)),
        _ => runs(word),
    }
}

fn runs(word: &str) -> String {
    let in_run = |it: char| it.is_ascii_alphanumeric() || matches!(it, '-' | '_');
    let (mut out, mut rest) = (String::new(), word);
    while !rest.is_empty() {
        let end = rest.find(|it| !in_run(it)).unwrap_or(rest.len());
        let (run, after) = rest.split_at(end);
        out.push_str(if is_random(run) { CUT } else { run });
        let between = after.find(in_run).unwrap_or(after.len());
        out.push_str(&after[..between]);
        rest = &after[between..];
    }
    out
}

fn is_random(run: &str) -> bool {
    let parts: Vec<&str> = run.split(['-', '_']).collect();
    let long = parts.iter().any(|part| {
        part.len() >= TOKEN_CHARS_MIN
            && part.contains(|it: char| it.is_ascii_digit())
            && part.contains(|it: char| it.is_ascii_alphabetic())
    });
    let is_hex = |part: &&str| part.chars().all(|it| it.is_ascii_hexdigit());
    let lengths: Vec<usize> = parts.iter().map(|part| part.len()).collect();
    // The second is a UUID, each part of which is too short to look random.
    long || lengths == [8, 4, 4, 4, 12] && parts.iter().all(is_hex)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn redactor() -> Redactor {
        let users = vec!["ada".to_owned()];
        Redactor::new(Some(Path::new("/home/ada.l")), users, "zx81.example.org")
    }

    #[test]
    fn home_user_and_machine_are_taken_out_and_other_words_stay() {
        for (text, expected) in [
            ("/home/ada.l/m.gguf is read", "~/m.gguf is read"),
            ("in `/home/ada.l`", "in `~`"),
            // Another folder whose name begins with that of the home folder.
            ("/home/ada.l2/x", "/home/user.l2/x"),
            ("/srv/ada/x of Ada on zx81", "/srv/user/x of user on machine"),
            ("ada@zx81.example.org:", "user@machine:"),
            ("Canada, adaptive, ada_1", "Canada, adaptive, ada_1"),
            ("ä ada ä\u{1b}[31m", "ä user ä[31m"),
        ] {
            assert_eq!(redactor().names(text), expected, "{text}");
        }
    }

    #[test]
    fn queries_and_tokens_are_cut() {
        for (text, expected) in [
            (
                "GET http://127.3.4.5:99/?tkn=abc&folder=/x now",
                "GET http://127.3.4.5:99/?[cut] now",
            ),
            ("https://me:pw@example.org/a/b#frag", "https://[cut]@example.org/a/b?[cut]"),
            ("open /index.html?a=b", "open /index.html?[cut]"),
            ("token=hunter2 tokens=12", "token=[cut] tokens=12"),
            ("--connection-token=hunter2", "--connection-token=[cut]"),
            (r#"{"token": "hunter2", "n": 1}"#, r#"{"token": "[cut]", "n": 1}"#),
            ("Authorization: Bearer hunter2 x", "Authorization: Bearer [cut] x"),
            ("password: hunter2\n", "password: [cut]\n"),
            ("hf_abcdefghijklmn0123456789", "[cut]"),
            ("id 1b4e28ba-2fa1-11d2-883f-0016d3cca427.", "id [cut]."),
            ("/blobs/9f86d081884c7d659a2feaa0c55ad015.gguf", "/blobs/[cut].gguf"),
        ] {
            assert_eq!(redactor().all(text), expected, "{text}");
        }
    }

    #[test]
    fn what_a_maintainer_needs_stays() {
        for text in [
            "2026-11-25T03:10:55.801876Z  INFO localcoder_host::shell::log: the host starts pid=8",
            "qwen2.5-coder-7b-instruct-q4_k_m.gguf context_tokens=4096 kv=F16",
            "ggml_backend_cuda_buffer_type_alloc_buffer: failed (-12)",
            "the token limit was reached; is it 5? yes",
            "llama_model_loader: - kv  18: tokenizer.ggml.tokens arr[str,2048] = [\"<|e|>\", \"x\"]",
        ] {
            assert_eq!(redactor().all(text), text);
        }
    }
}
