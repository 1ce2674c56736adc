//! What a window shows, as the query of its URL, and back. The rest of the URL belongs to the
//! front.

use std::borrow::Cow;
use std::path::Path;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

use crate::error::LauncherError;

/// The name by which the page knows this machine's files. It is the same in every run, since what
/// the page keeps about a folder is stored under it; an edit in `ide/overlay/overlay.json` makes
/// the page use it.
pub(crate) const AUTHORITY: &str = "localcoder";

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Target {
    Empty,
    Folder(String),
    /// Files, in the window of the folder that contains them.
    Files {
        folder: String,
        files: Vec<String>,
    },
}

impl Target {
    /// The windows for a list of existing absolute paths: one for each folder, and one for the
    /// files of each folder.
    ///
    /// # Errors
    /// If a path does not exist, or its name is not UTF-8, which an address can't hold.
    pub(crate) fn of_paths(paths: &[impl AsRef<Path>]) -> Result<Vec<Self>, LauncherError> {
        let mut targets: Vec<Self> = Vec::new();
        for path in paths {
            let path = path.as_ref();
            let text = utf8(path)?;
            let data = fs_err::metadata(path)
                .map_err(|source| LauncherError::NotOpened { path: path.to_owned(), source })?;
            if data.is_dir() {
                targets.push(Self::Folder(text));
                continue;
            }
            let parent = utf8(path.parent().unwrap_or(Path::new("/")))?;
            // Files of one folder share a window, in the order in which they were given.
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

    pub(crate) fn query(&self) -> String {
        match self {
            Self::Empty => "ew=true".to_owned(),
            Self::Folder(folder) => format!("folder={}", percent_encode(folder)),
            Self::Files { folder, files } => {
                let opens: Vec<[String; 2]> = files
                    .iter()
                    .map(|file| {
                        let path = percent_encode(file);
                        ["openFile".to_owned(), format!("vscode-remote://{AUTHORITY}{path}")]
                    })
                    .collect();
                let payload = serde_json::to_string(&opens).expect("strings are always JSON");
                let payload = percent_encode(&payload);
                format!("folder={}&payload={payload}", percent_encode(folder))
            }
        }
    }
}

fn utf8(path: &Path) -> Result<String, LauncherError> {
    path.to_str().map(str::to_owned).ok_or_else(|| LauncherError::NotUtf8(path.to_owned()))
}

/// The query that a window was opened with, from its URL and without the ticket; that of an empty
/// window if nothing is left. Two windows that show the same have the same query.
pub(crate) fn query_of(url: &str) -> String {
    let (_, query) = url.split_once('?').unwrap_or((url, ""));
    let kept = query.split('&').filter(|part| !part.is_empty() && !part.starts_with("ticket="));
    let kept: Vec<&str> = kept.collect();
    if kept.is_empty() { Target::Empty.query() } else { kept.join("&") }
}

/// The folder in a window's URL, decoded and absolute. `None` if it shows none, or the URL is
/// malformed.
pub(crate) fn folder_of(url: &str) -> Option<String> {
    let (_, query) = url.split_once('?')?;
    let value = query.split('&').find_map(|part| part.strip_prefix("folder="))?;
    let decoded = percent_decode(value)?;
    // Once the folder is open, VS Code may write it as a URI of the server.
    let path = match decoded.strip_prefix("vscode-remote://") {
        Some(rest) => rest.get(rest.find('/')?..)?.to_owned(),
        None => decoded,
    };
    path.starts_with('/').then_some(path)
}

/// Characters that are escaped in a query: all but letters, digits and these. More than a query
/// requires, because a file's path is escaped once as a part of its URI and that again in the
/// payload.
const ENCODED: &AsciiSet =
    &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~').remove(b'/');

fn percent_encode(text: &str) -> String {
    utf8_percent_encode(text, ENCODED).to_string()
}

fn percent_decode(text: &str) -> Option<String> {
    percent_decode_str(text).decode_utf8().ok().map(Cow::into_owned)
}

#[cfg(test)]
mod tests {
    use super::*;
    use localcoder_protocol::{ErrorCode, ErrorInfo};

    #[test]
    fn a_folder_with_odd_characters_comes_back_from_its_url() {
        for folder in ["/plain", "/a b/c&d=e?f#g%41", "/größe/日本", "/100%"] {
            let url = format!("http://a/?{}", Target::Folder(folder.to_owned()).query());
            assert_eq!(folder_of(&url).as_deref(), Some(folder), "{url}");
        }
        let by_the_page = "http://a/?folder=vscode-remote%3A%2F%2Flocalcoder%2Fa";
        assert_eq!(folder_of(by_the_page).as_deref(), Some("/a"));
    }

    #[test]
    fn files_open_in_the_window_of_their_folder() {
        let dir = tempfile::tempdir().unwrap();
        let (a, b) = (dir.path().join("a.txt"), dir.path().join("b c.txt"));
        fs_err::write(&a, "").unwrap();
        fs_err::write(&b, "").unwrap();
        let targets = Target::of_paths(&[&a, &b]).unwrap();
        assert_eq!(targets.len(), 1);
        let url = format!("http://a/?{}", targets[0].query());
        assert_eq!(folder_of(&url).as_deref(), dir.path().to_str());
        let payload = percent_decode(url.split_once("&payload=").unwrap().1).unwrap();
        let payload: Vec<[String; 2]> = serde_json::from_str(&payload).unwrap();
        assert_eq!(payload[0][0], "openFile");
        assert!(payload[1][1].starts_with("vscode-remote://localcoder/"));
        assert!(payload[1][1].ends_with("/b%20c.txt"));
    }

    #[test]
    fn a_missing_path_is_an_error_that_names_it() {
        let error = Target::of_paths(&[Path::new("/no/such/place")]).unwrap_err();
        let error = ErrorInfo::from(error);
        assert_eq!(error.code, ErrorCode::FileNotFound);
        assert!(error.message.contains("/no/such/place"));
    }

    #[test]
    fn a_window_shows_the_same_again_without_the_ticket_it_came_with() {
        for (url, query) in [
            ("http://a/open?ticket=1&folder=/a", "folder=/a"),
            ("http://a/2/?folder=/a&payload=b", "folder=/a&payload=b"),
            ("http://a/open?ticket=1", "ew=true"),
            ("http://a/", "ew=true"),
        ] {
            assert_eq!(query_of(url), query, "{url}");
        }
    }
}
