//! The editor's address: which loopback address and port, the token, and the URL of a folder or
//! file. No I/O here but random bytes; who starts the server or opens the URL is elsewhere.

use std::fmt::Write as _;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::Path;

use localcoder_protocol::{ErrorCode, ErrorInfo};

/// A 256-bit secret that opens the editor. It has no `Debug`, so that no log can print it.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Token(String);

impl Token {
    /// A new one from the system's random numbers.
    ///
    /// # Errors
    /// Where the system has none to give.
    pub(crate) fn random() -> Result<Self, ErrorInfo> {
        let mut bytes = [0_u8; 32];
        fill_random(&mut bytes)?;
        Ok(Self(bytes.iter().fold(String::new(), |mut text, byte| {
            write!(text, "{byte:02x}").expect("a String takes everything");
            text
        })))
    }

    /// The secret itself. Only for the token file and the URL of a window.
    pub(crate) fn reveal(&self) -> &str {
        &self.0
    }

    /// A line with the secret taken out of it.
    pub(crate) fn redact(&self, line: &str) -> String {
        line.replace(&self.0, "[token]")
    }
}

fn fill_random(bytes: &mut [u8]) -> Result<(), ErrorInfo> {
    getrandom::fill(bytes).map_err(|error| {
        ErrorInfo::new(ErrorCode::Internal, "the system gave no random numbers")
            .with_cause(error.to_string())
    })
}

/// A loopback address of our own. On Linux all of 127.0.0.0/8 is there, and cookies and page
/// storage of other local servers, which are mostly on 127.0.0.1, are not shared with it.
///
/// # Errors
/// Where the system has no random numbers.
pub(crate) fn random_loopback() -> Result<IpAddr, ErrorInfo> {
    if !cfg!(target_os = "linux") {
        return Ok(Ipv4Addr::LOCALHOST.into());
    }
    let mut bytes = [0_u8; 3];
    fill_random(&mut bytes)?;
    // 1 to 254 in each place: neither 127.0.0.x, which others use, nor an end of the network.
    let [a, b, c] = bytes.map(|byte| 1 + byte % 254);
    Ok(Ipv4Addr::new(127, a, b, c).into())
}

/// What a window shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Target {
    /// No folder.
    Empty,
    /// A folder.
    Folder(String),
    /// Files, in the window of the folder that holds them.
    Files {
        /// The folder.
        folder: String,
        /// Absolute paths.
        files: Vec<String>,
    },
}

impl Target {
    /// The windows that a list of existing absolute paths asks for: one for each folder, and one
    /// for the files of each folder.
    ///
    /// # Errors
    /// Where a path is not there or has no UTF-8 name, which an address can't hold.
    pub(crate) fn of_paths(paths: &[impl AsRef<Path>]) -> Result<Vec<Self>, ErrorInfo> {
        let mut targets: Vec<Self> = Vec::new();
        for path in paths {
            let path = path.as_ref();
            let text = utf8(path)?;
            let data = fs_err::metadata(path).map_err(|error| {
                ErrorInfo::new(
                    ErrorCode::FileNotFound,
                    format!("`{}` can't be opened", path.display()),
                )
                .with_cause(error.to_string())
                .with_hint("Give the path of a folder or file that is there.")
            })?;
            if data.is_dir() {
                targets.push(Self::Folder(text));
                continue;
            }
            let parent = utf8(path.parent().unwrap_or(Path::new("/")))?;
            let same = targets.iter_mut().find_map(|target| match target {
                Self::Files { folder, files } if *folder == parent => Some(files),
                _ => None,
            });
            match same {
                Some(files) => files.push(text),
                None => targets.push(Self::Files { folder: parent, files: vec![text] }),
            }
        }
        targets.dedup();
        Ok(targets)
    }

    /// Path and query of the window's URL, without the token.
    fn query(&self, server: SocketAddr) -> String {
        match self {
            Self::Empty => "ew=true".to_owned(),
            Self::Folder(folder) => format!("folder={}", percent_encode(folder)),
            Self::Files { folder, files } => {
                let opens: Vec<[String; 2]> = files
                    .iter()
                    .map(|file| {
                        let path = percent_encode(file);
                        ["openFile".to_owned(), format!("vscode-remote://{server}{path}")]
                    })
                    .collect();
                let payload = serde_json::to_string(&opens).expect("strings are always JSON");
                let payload = percent_encode(&payload);
                format!("folder={}&payload={payload}", percent_encode(folder))
            }
        }
    }
}

fn utf8(path: &Path) -> Result<String, ErrorInfo> {
    path.to_str().map(str::to_owned).ok_or_else(|| {
        ErrorInfo::new(
            ErrorCode::FileAccess,
            format!("`{}` has a name that is not UTF-8", path.display()),
        )
        .with_hint("Rename it, or open the folder above it.")
    })
}

/// `http://ADDRESS:PORT`.
pub(crate) fn origin(server: SocketAddr) -> String {
    format!("http://{server}")
}

/// The URL that opens a window, with the token in it.
pub(crate) fn url_of(server: SocketAddr, token: &Token, target: &Target) -> String {
    format!("{}/?tkn={}&{}", origin(server), token.reveal(), target.query(server))
}

/// Puts a fresh server and its token in place of those of a URL that a window once had.
pub(crate) fn revive(url: &str, server: SocketAddr, token: &Token) -> String {
    let (_, query) = url.split_once('?').unwrap_or((url, ""));
    let kept = query.split('&').filter(|part| !part.is_empty() && !part.starts_with("tkn="));
    let kept: Vec<&str> = kept.collect();
    let rest = if kept.is_empty() { "ew=true".to_owned() } else { kept.join("&") };
    format!("{}/?tkn={}&{rest}", origin(server), token.reveal())
}

/// The folder that a window's URL names, decoded.
pub(crate) fn folder_of(url: &str) -> Option<String> {
    let (_, query) = url.split_once('?')?;
    let value = query.split('&').find_map(|part| part.strip_prefix("folder="))?;
    let decoded = percent_decode(value)?;
    // Once it is open, VS Code may write the folder as a URI of the server.
    let path = match decoded.strip_prefix("vscode-remote://") {
        Some(rest) => rest.get(rest.find('/')?..)?.to_owned(),
        None => decoded,
    };
    path.starts_with('/').then_some(path)
}

/// Everything but letters, digits, `-._~` and `/` becomes `%XX`.
fn percent_encode(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => {
                encoded.push(char::from(byte));
            }
            _ => write!(encoded, "%{byte:02X}").expect("a String takes everything"),
        }
    }
    encoded
}

fn percent_decode(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, tail)) = rest.split_first() {
        rest = tail;
        if first != b'%' {
            bytes.push(first);
            continue;
        }
        let digits = std::str::from_utf8(rest.get(..2)?).ok()?;
        bytes.push(u8::from_str_radix(digits, 16).ok()?);
        rest = &rest[2..];
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server() -> SocketAddr {
        "127.9.8.7:4000".parse().unwrap()
    }

    #[test]
    fn a_folder_with_odd_characters_comes_back_from_its_url() {
        let token = Token::random().unwrap();
        for folder in ["/plain", "/a b/c&d=e?f#g%41", "/größe/日本", "/100%"] {
            let url = url_of(server(), &token, &Target::Folder(folder.to_owned()));
            assert_eq!(folder_of(&url).as_deref(), Some(folder), "{url}");
        }
    }

    #[test]
    fn files_open_in_the_window_of_their_folder() {
        let dir = tempfile::tempdir().unwrap();
        let (a, b) = (dir.path().join("a.txt"), dir.path().join("b c.txt"));
        fs_err::write(&a, "").unwrap();
        fs_err::write(&b, "").unwrap();
        let targets = Target::of_paths(&[&a, &b]).unwrap();
        assert_eq!(targets.len(), 1);
        let url = url_of(server(), &Token::random().unwrap(), &targets[0]);
        assert_eq!(folder_of(&url).as_deref(), dir.path().to_str());
        let payload = percent_decode(url.split_once("&payload=").unwrap().1).unwrap();
        let payload: Vec<[String; 2]> = serde_json::from_str(&payload).unwrap();
        assert_eq!(payload[0][0], "openFile");
        assert!(payload[1][1].starts_with("vscode-remote://127.9.8.7:4000/"));
        assert!(payload[1][1].ends_with("/b%20c.txt"));
    }

    #[test]
    fn a_missing_path_is_an_error_that_names_it() {
        let error = Target::of_paths(&[Path::new("/no/such/place")]).unwrap_err();
        assert_eq!(error.code, ErrorCode::FileNotFound);
        assert!(error.message.contains("/no/such/place"));
    }

    #[test]
    fn a_revived_url_has_the_new_token_and_the_old_folder() {
        let (old, new) = (Token::random().unwrap(), Token::random().unwrap());
        let url = url_of(server(), &old, &Target::Folder("/a".to_owned()));
        let other = "127.1.1.1:5".parse().unwrap();
        let revived = revive(&url, other, &new);
        assert!(revived.starts_with("http://127.1.1.1:5/?"));
        assert!(revived.contains(new.reveal()) && !revived.contains(old.reveal()));
        assert_eq!(folder_of(&revived).as_deref(), Some("/a"));
    }

    #[test]
    fn a_token_is_256_bits_and_never_in_a_redacted_line() {
        let token = Token::random().unwrap();
        assert_eq!(token.reveal().len(), 64);
        let line = format!("Web UI available at http://localhost:1?tkn={}", token.reveal());
        assert!(!token.redact(&line).contains(token.reveal()));
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn the_address_is_loopback_and_not_the_common_one() {
        for _ in 0..100 {
            let address = random_loopback().unwrap();
            assert!(address.is_loopback());
            assert_ne!(address, Ipv4Addr::LOCALHOST);
        }
    }
}
