//! The running IDE, as its launcher reports it: where its front listens and what that has refused,
//! and what network the editor was started with. If no IDE is running, the report says what would
//! be, and that it would be.

use localcoder_launcher::{Confinement, Running, probe_confinement, running};
use localcoder_protocol::{ErrorInfo, NetworkUse, PrivacyFinding, PrivacyRefusal};
use localcoder_settings::{AirGap, Places};

use super::{finding, process};

pub(super) enum Ide {
    Running(Running),
    NotRunning,
    /// One is running, or may be, but did not answer. It is not the same as none: nothing can be
    /// promised.
    Silent(ErrorInfo),
}

impl Ide {
    pub(super) fn ask(places: &Places) -> Self {
        match running(&places.runtime) {
            Ok(Some(running)) => Self::Running(running),
            Ok(None) => Self::NotRunning,
            Err(error) => Self::Silent(error.into()),
        }
    }

    /// What its front has refused, and a sentence about it. No rows without a running IDE: a count
    /// of 0 would say that nothing was tried.
    pub(super) fn refusals(&self) -> (Vec<PrivacyRefusal>, String) {
        let running = match self {
            Self::Running(running) => running,
            Self::NotRunning => {
                let text =
                    "no IDE runs, so nothing is counted; a run counts from its start to its end";
                return (Vec::new(), text.to_owned());
            }
            Self::Silent(error) => return (Vec::new(), format!("not known: {error}")),
        };
        let rows = running.refused.iter().map(|row| PrivacyRefusal {
            kind: row.kind.clone(),
            count: row.count,
            text: row.text.clone(),
        });
        let all: u64 = running.refused.iter().map(|row| row.count).sum();
        let text = format!(
            "the front of the IDE that runs (process {}) has refused {all} requests and connections since it was opened; what the \
             kernel refuses inside a sandbox and a browser by a page's policy is not counted",
            running.pid
        );
        (rows.collect(), text)
    }

    pub(super) fn port(&self) -> Option<u16> {
        match self {
            Self::Running(running) => running.opened.as_ref().map(|opened| opened.port),
            _ => None,
        }
    }

    pub(super) fn front(&self) -> PrivacyFinding {
        let what = "localcoder (front)";
        let Self::Running(running) = self else {
            let text = "while the IDE is open it listens on 127.0.0.1 and ::1 alone, and connects to \
                        nothing but the editor server's Unix socket";
            return self.not_running(what, text);
        };
        let at = self.port().map_or_else(
            || "it is being opened".to_owned(),
            |port| format!("it listens on port {port} of 127.0.0.1 and ::1 alone"),
        );
        let now = process::seen(running.pid);
        let network = if now.is_elsewhere() { NetworkUse::Open } else { NetworkUse::Loopback };
        let text = format!(
            "{at}, and connects to nothing but the editor server's Unix socket; {}",
            now.of_loopback()
        );
        finding(what, network, text)
    }

    /// Extensions, language servers and terminals. They have what the editor's server was started
    /// with, which the settings may no longer say: what holds now goes before what will hold.
    pub(super) fn editor_server(&self, air_gap: &AirGap) -> PrivacyFinding {
        let what = "editor and terminals";
        let opened = match self {
            Self::Running(running) => running.opened.as_ref(),
            Self::NotRunning => None,
            // Nothing is promised if it is unknown how the editor was started.
            Self::Silent(error) => return finding(what, NetworkUse::Unknown, error.to_string()),
        };
        match opened.map(|opened| opened.confinement.as_ref()) {
            Some(Some(confinement)) => {
                let text = format!("{confinement} So the IDE that runs was started.");
                finding(what, network_of(confinement), text)
            }
            Some(None) if air_gap.is_on() => {
                let text = "the IDE that runs was started before air-gapped mode was on: extensions \
                            and terminals have the network until it is started again";
                finding(what, NetworkUse::Open, text.to_owned())
            }
            // Opened without a confinement, or not opened yet.
            _ if !air_gap.is_on() => {
                let text = "extensions and terminals have the network as in any VS Code, unless \
                            air-gapped mode is on";
                finding(what, NetworkUse::Open, text.to_owned())
            }
            _ => {
                let confinement = probe_confinement();
                let text = format!(
                    "{confinement} It was tried just now, and holds from the IDE's next start on."
                );
                finding(what, network_of(&confinement), text)
            }
        }
    }

    pub(super) fn window(&self) -> PrivacyFinding {
        let what = "window";
        // On macOS the system's view does not use a proxy.
        let proxy = if cfg!(target_os = "linux") {
            "; the native window's only proxy is the front, which refuses and counts what else it asks \
             for"
        } else {
            ""
        };
        let text = format!(
            "its pages may load from the front alone, by their content security policy{proxy}; the \
             window's process was not looked at"
        );
        if matches!(self, Self::NotRunning) {
            return self.not_running(what, &text);
        }
        finding(what, NetworkUse::Loopback, text)
    }

    fn not_running(&self, what: &str, text: &str) -> PrivacyFinding {
        match self {
            Self::Silent(error) => finding(what, NetworkUse::Unknown, format!("{error}; {text}")),
            _ => finding(what, NetworkUse::NotRunning, text.to_owned()),
        }
    }
}

fn network_of(confinement: &Confinement) -> NetworkUse {
    match confinement {
        Confinement::Namespace | Confinement::Filter => NetworkUse::None,
        Confinement::None { .. } => NetworkUse::Open,
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use localcoder_launcher::{Opened, Refused};
    use localcoder_protocol::ErrorCode;
    use localcoder_settings::{Contents, Layer, resolve};

    use super::*;

    fn air_gap(on: bool) -> AirGap {
        let set = localcoder_settings::parse(&format!("{{\"airGapped\": {on}}}")).unwrap();
        resolve(&[(Layer::File, &Contents::from(set))]).air_gap
    }

    fn running(confinement: Option<Confinement>) -> Ide {
        let refused = Refused { kind: "host".to_owned(), text: "t".to_owned(), count: 3 };
        Ide::Running(Running {
            pid: std::process::id(),
            opened: Some(Opened { port: 4711, confinement }),
            refused: vec![refused],
        })
    }

    #[test]
    fn an_ide_that_was_started_open_is_open_whatever_the_settings_say_now() {
        let open = running(None);
        for on in [false, true] {
            let finding = open.editor_server(&air_gap(on));
            assert_eq!(finding.network, NetworkUse::Open, "{}", finding.text);
            assert_eq!(finding.text.contains("started again"), on, "{}", finding.text);
        }
        for (confinement, network) in [
            (Confinement::Namespace, NetworkUse::None),
            (Confinement::Filter, NetworkUse::None),
            (Confinement::None { why: "w".to_owned() }, NetworkUse::Open),
        ] {
            // Also if the mode was turned off since.
            for on in [false, true] {
                let finding = running(Some(confinement.clone())).editor_server(&air_gap(on));
                assert_eq!(finding.network, network, "{}", finding.text);
            }
        }
    }

    #[test]
    fn what_is_counted_is_reported_and_what_is_not_is_not_a_zero() {
        let (rows, text) = running(None).refusals();
        let [row] = &rows[..] else { panic!("{rows:?}") };
        assert_eq!((row.kind.as_str(), row.count, row.text.as_str()), ("host", 3, "t"));
        assert!(text.contains("refused 3 requests and connections since it was opened"), "{text}");
        let silent = Ide::Silent(ErrorInfo::new(ErrorCode::EditorStart, "it says nothing"));
        for (ide, said) in [(Ide::NotRunning, "no IDE runs"), (silent, "it says nothing")] {
            let (rows, text) = ide.refusals();
            assert!(rows.is_empty() && text.contains(said), "{text}");
        }
    }

    #[test]
    fn one_that_does_not_say_is_unknown_and_one_that_is_not_there_does_not_run() {
        let places = Places::under(Path::new("/nowhere"));
        assert!(matches!(Ide::ask(&places), Ide::NotRunning));
        for finding in [Ide::NotRunning.front(), Ide::NotRunning.window()] {
            assert_eq!(finding.network, NetworkUse::NotRunning, "{}", finding.text);
        }
        let silent = || Ide::Silent(ErrorInfo::new(ErrorCode::EditorStart, "it says nothing"));
        for finding in [silent().front(), silent().editor_server(&air_gap(true))] {
            assert_eq!(finding.network, NetworkUse::Unknown, "{}", finding.text);
        }
    }
}
