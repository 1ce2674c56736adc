//! What VS Code would request from the network by itself. It is off in the assembled editor because
//! its product file does not name an address for it, or by a default of its settings, unless the
//! user has set otherwise. Both files are read here, so that the report is about what is installed.

use std::path::Path;

use localcoder_disk::read_text;
use localcoder_protocol::{NetworkUse, PrivacyFinding};
use localcoder_settings::{Places, parse, places};
use serde_json::{Map, Value};

use super::finding;
use crate::session::program;

const BYTES_MAX: u64 = 4 * 1024 * 1024;
/// The page of the assembled editor, into which its assembly has written the defaults of settings.
const PAGE: &str = "vscode/out/vs/code/browser/workbench/workbench.html";
const PRODUCT: &str = "vscode/product.json";
const USER: &str = "user/User/settings.json";

/// A feature that would use the network, and what keeps it from that: either is enough. A new
/// feature of the base belongs here as well as in the overlay that turns it off.
struct User {
    what: &'static str,
    /// JSON pointers to addresses in the product file; without any of them no request is possible.
    unnamed: &'static [&'static str],
    /// Settings with the value that turns the feature off; all are needed where no address
    /// protects.
    off: &'static [(&'static str, Off)],
}

enum Off {
    Is(bool),
    Word(&'static str),
}

impl Off {
    fn value(&self) -> Value {
        match self {
            Self::Is(value) => (*value).into(),
            Self::Word(word) => (*word).into(),
        }
    }
}

const USERS: &[User] = &[
    User {
        what: "extension gallery",
        unnamed: &["/extensionsGallery/serviceUrl", "/extensionsGallery/controlUrl"],
        off: &[],
    },
    User {
        what: "extension updates",
        unnamed: &["/extensionsGallery/serviceUrl"],
        off: &[
            ("extensions.autoCheckUpdates", Off::Is(false)),
            ("extensions.autoUpdate", Off::Is(false)),
        ],
    },
    User {
        what: "recommendations",
        unnamed: &["/extensionsGallery/recommendationsUrl"],
        off: &[("extensions.ignoreRecommendations", Off::Is(true))],
    },
    User {
        what: "updates",
        unnamed: &["/updateUrl", "/releaseNotesUrl"],
        off: &[("update.mode", Off::Word("none")), ("update.showReleaseNotes", Off::Is(false))],
    },
    User {
        what: "telemetry",
        unnamed: &["/aiConfig", "/experimentsUrl", "/crashReporter"],
        off: &[
            ("telemetry.telemetryLevel", Off::Word("off")),
            ("telemetry.feedback.enabled", Off::Is(false)),
            ("workbench.enableExperiments", Off::Is(false)),
        ],
    },
    User {
        what: "type acquisition",
        unnamed: &[],
        off: &[
            ("js/ts.tsserver.automaticTypeAcquisition.enabled", Off::Is(false)),
            ("typescript.disableAutomaticTypeAcquisition", Off::Is(true)),
        ],
    },
    User {
        what: "schema downloads",
        unnamed: &[],
        off: &[("json.schemaDownload.enable", Off::Is(false))],
    },
    User {
        what: "package information",
        unnamed: &[],
        off: &[("npm.fetchOnlinePackageInfo", Off::Is(false))],
    },
    User { what: "git autofetch", unnamed: &[], off: &[("git.autofetch", Off::Is(false))] },
    User {
        what: "forwarded ports",
        unnamed: &[],
        off: &[("remote.autoForwardPorts", Off::Is(false))],
    },
    User {
        what: "settings search",
        unnamed: &["/settingsSearchUrl"],
        off: &[("workbench.settings.enableNaturalLanguageSearch", Off::Is(false))],
    },
    User {
        what: "chat and its servers",
        unnamed: &[],
        off: &[
            ("chat.disableAIFeatures", Off::Is(true)),
            ("chat.mcp.access", Off::Word("none")),
            ("chat.mcp.gallery.enabled", Off::Is(false)),
        ],
    },
];

/// The assembled editor, as far as it could be read. What can't be read is reported as unknown, not
/// as off.
struct Editor {
    product: Option<Value>,
    page: Option<String>,
    user: Result<Map<String, Value>, String>,
}

pub(super) fn findings(places: &Places) -> Vec<PrivacyFinding> {
    let folder = program().ok().and_then(|own| places::ide_dir(own.parent()?));
    let Some(folder) = folder else {
        let text = "the IDE is not assembled here: `cargo xtask ide` does that".to_owned();
        return vec![finding("editor", NetworkUse::Unknown, text)];
    };
    let editor = Editor::read(&folder, &places.editor.join(USER));
    USERS.iter().map(|user| editor.judge(user)).collect()
}

impl Editor {
    fn read(folder: &Path, settings: &Path) -> Self {
        let text = |name: &str| read_text(&folder.join(name), BYTES_MAX).ok();
        let user = match read_text(settings, BYTES_MAX) {
            Ok(text) => parse(&text),
            Err(error) if error.is_missing(settings) => Ok(Map::new()),
            Err(error) => Err(error.cause(settings).text),
        };
        Self {
            product: text(PRODUCT).and_then(|text| serde_json::from_str(&text).ok()),
            page: text(PAGE),
            user: user.map_err(|why| format!("`{}` can't be read: {why}", settings.display())),
        }
    }

    fn judge(&self, user: &User) -> PrivacyFinding {
        let (network, text) = self.state(user);
        finding(user.what, network, text)
    }

    fn state(&self, user: &User) -> (NetworkUse, String) {
        let (Some(product), Some(page)) = (&self.product, &self.page) else {
            return (NetworkUse::Unknown, "the assembled editor can't be read".to_owned());
        };
        // Products turn an address off by `null`, an empty text or `false`.
        let named = |pointer: &&&str| {
            let value = product.pointer(pointer);
            value.is_some_and(|value| {
                !value.is_null() && value != "" && *value != Value::Bool(false)
            })
        };
        let unnamed = match user.unnamed.iter().find(named) {
            Some(pointer) => {
                let text = format!("product.json names {}", pointer.trim_start_matches('/'));
                return (NetworkUse::Open, text);
            }
            None if user.unnamed.is_empty() => None,
            None => Some("product.json names no service to ask".to_owned()),
        };
        let set = match &self.user {
            Ok(set) => set,
            // Without an address, no setting can cause a connection.
            Err(_) if unnamed.is_some() => &Map::new(),
            Err(why) => return (NetworkUse::Unknown, why.clone()),
        };
        let mut off = Vec::new();
        for (key, value) in user.off {
            let value = value.value();
            match set.get(*key) {
                Some(own) if *own != value => {
                    let text = format!("you have set `{key}` to {own} in the editor");
                    return match &unnamed {
                        // The setting makes no difference.
                        Some(unnamed) => (NetworkUse::None, format!("{text}; {unnamed}")),
                        None => (NetworkUse::Open, text),
                    };
                }
                Some(_) => off.push(format!("`{key}` is {value}, as you have set")),
                // The page has them as JSON within a script, so the text is searched for rather
                // than parsed.
                None if page.contains(&format!("\"{key}\":{value}")) => {
                    off.push(format!("`{key}` is {value}"));
                }
                None if unnamed.is_some() => {}
                None => {
                    let text = format!("the editor's page does not set `{key}` to {value}");
                    return (NetworkUse::Open, text);
                }
            }
        }
        (NetworkUse::None, unnamed.into_iter().chain(off).collect::<Vec<_>>().join(", "))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const DEFAULTS: &str =
        include_str!("../../../../../../ide/overlay/configuration-defaults.json");
    const PRODUCT_OVERLAY: &str = include_str!("../../../../../../ide/overlay/product.json");

    fn editor(user: &Value) -> Editor {
        let defaults: Value = serde_json::from_str(DEFAULTS).unwrap();
        Editor {
            product: Some(serde_json::from_str(PRODUCT_OVERLAY).unwrap()),
            page: Some(defaults.to_string()),
            user: Ok(user.as_object().unwrap().clone()),
        }
    }

    #[test]
    fn every_user_of_the_network_is_off_in_what_is_assembled() {
        let editor = editor(&json!({}));
        let defaults: Map<String, Value> = serde_json::from_str(DEFAULTS).unwrap();
        for user in USERS {
            let (network, text) = editor.state(user);
            assert_eq!(network, NetworkUse::None, "{}: {text}", user.what);
            assert!(!text.is_empty(), "{}", user.what);
            for (key, value) in user.off {
                assert_eq!(defaults.get(*key), Some(&value.value()), "{key}");
            }
        }
    }

    #[test]
    fn what_the_user_has_turned_on_is_reported_as_open() {
        for (what, key, value) in [
            ("git autofetch", "git.autofetch", json!(true)),
            ("git autofetch", "git.autofetch", json!("all")),
            ("schema downloads", "json.schemaDownload.enable", json!(true)),
            ("type acquisition", "typescript.disableAutomaticTypeAcquisition", json!(false)),
        ] {
            let user = USERS.iter().find(|it| it.what == what).unwrap();
            let (network, text) = editor(&json!({ key: value })).state(user);
            assert_eq!(network, NetworkUse::Open, "{text}");
            assert!(text.contains(key) && text.contains("you have set"), "{text}");
        }
        // Without an address it makes no difference, but is reported nevertheless.
        let user = USERS.iter().find(|it| it.what == "updates").unwrap();
        let (network, text) = editor(&json!({"update.mode": "default"})).state(user);
        assert_eq!(network, NetworkUse::None);
        assert!(text.contains("you have set") && text.contains("no service to ask"), "{text}");
    }

    #[test]
    fn an_editor_that_is_another_one_is_not_called_closed() {
        let gallery = USERS.iter().find(|it| it.what == "extension gallery").unwrap();
        let git = USERS.iter().find(|it| it.what == "git autofetch").unwrap();
        let mut other = editor(&json!({}));
        other.product = Some(json!({"extensionsGallery": {"serviceUrl": "https://open-vsx.org"}}));
        assert_eq!(other.state(gallery).0, NetworkUse::Open);
        other.page = Some("{}".to_owned());
        assert_eq!(other.state(git).0, NetworkUse::Open);
        other.page = None;
        assert_eq!(other.state(git).0, NetworkUse::Unknown);
        let mut unread = editor(&json!({}));
        unread.user = Err("`settings.json` can't be read".to_owned());
        assert_eq!(unread.state(git).0, NetworkUse::Unknown);
        assert_eq!(unread.state(gallery).0, NetworkUse::None);
    }
}
