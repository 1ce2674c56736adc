//! Which folders are trusted without asking the user: the product's own sample project, whose files
//! come with it. It is marked as trusted once, in what the page keeps, so that the user can revoke
//! that.

use std::io;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::state::State;
use crate::address::AUTHORITY;

/// The page's database with the trusted folders, and where they are in it.
const DATABASE: &str = "vscode-web-state-db-global-shared";
const STORE: &str = "ItemTable";
const KEY: &str = "content.trust.model.key";
/// Where it is noted which folder was marked as trusted.
const OWN_STORE: &str = "localcoder";
const SAID: &str = "sample";

/// Has the page trust a folder, unless the same one was marked before: the note of that stays when
/// the user revokes the trust, so it is not given a second time. `kept` is the folder for what the
/// page keeps; no page may be open, since it would write its own list over this one.
///
/// # Errors
/// If it can't be written; then the page asks.
pub(crate) fn trust_once(kept: &Path, folder: &Path) -> io::Result<()> {
    let state = State::new(kept.to_owned());
    // As the page will name it: it compares texts, and a link on the path would make it another
    // folder.
    let folder = real(folder);
    let Some(path) = folder.to_str() else { return Ok(()) };
    let kept: Value = serde_json::from_slice(&state.read(DATABASE))?;
    // The page's values begin with their type.
    let said = format!("s{path}");
    if kept[OWN_STORE][SAID] == json!(said) {
        return Ok(());
    }
    let mut trusted = trusted(&kept);
    let uri = json!({"$mid": 1, "path": path, "scheme": "vscode-remote", "authority": AUTHORITY});
    if trusted.iter().all(|it| it["uri"]["path"] != json!(path)) {
        trusted.push(json!({"uri": uri, "trusted": true}));
    }
    let value = format!("s{}", json!({"uriTrustInfo": trusted}));
    // The trust before the note: if the second fails, the next start finds the folder in the list
    // and adds nothing.
    for change in [
        json!({"store": STORE, "put": {KEY: value}}),
        json!({"store": OWN_STORE, "put": {SAID: said}}),
    ] {
        state.change(DATABASE, change.to_string().as_bytes())?;
    }
    Ok(())
}

/// The folders that are already trusted; empty if that can't be read.
fn trusted(kept: &Value) -> Vec<Value> {
    let text = kept[STORE][KEY].as_str().and_then(|text| text.strip_prefix('s'));
    let value = text.and_then(|text| serde_json::from_str::<Value>(text).ok());
    value.and_then(|it| it["uriTrustInfo"].as_array().cloned()).unwrap_or_default()
}

/// The folder's name as the page will have it once it is open; it need not exist yet.
fn real(folder: &Path) -> PathBuf {
    if let Ok(real) = folder.canonicalize() {
        return real;
    }
    let parent = folder.parent().and_then(|parent| parent.canonicalize().ok());
    match (parent, folder.file_name()) {
        (Some(parent), Some(name)) => parent.join(name),
        _ => folder.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paths(state: &Path) -> Vec<String> {
        let state = State::new(state.to_owned());
        let kept: Value = serde_json::from_slice(&state.read(DATABASE)).unwrap();
        trusted(&kept).iter().map(|it| it["uri"]["path"].as_str().unwrap().to_owned()).collect()
    }

    #[test]
    fn the_sample_is_trusted_once_beside_what_the_user_trusts() {
        let dir = tempfile::tempdir().unwrap();
        let home = dir.path().canonicalize().unwrap();
        let state = home.join("state");
        let mine = r#"s{"uriTrustInfo":[{"uri":{"path":"/mine","scheme":"vscode-remote"},"trusted":true}]}"#;
        let put = |value: &str| {
            let change = json!({"store": STORE, "put": {KEY: value}}).to_string();
            State::new(state.clone()).change(DATABASE, change.as_bytes()).unwrap();
        };
        put(mine);
        let sample = home.join("sample");
        trust_once(&state, &sample).unwrap();
        let both = ["/mine".to_owned(), sample.display().to_string()];
        assert_eq!(paths(&state), both);
        trust_once(&state, &sample).unwrap();
        assert_eq!(paths(&state), both);
        // If the user revokes it, the next run does not overrule that.
        put(mine);
        trust_once(&state, &sample).unwrap();
        assert_eq!(paths(&state), ["/mine"]);
    }
}
