//! Whether an address in a catalog can be requested, judged by its form alone, so that a bad
//! catalog is refused when it is read and not at the first download. `localcoder-fetch` checks
//! again what is requested in the end.

use std::net::{Ipv4Addr, Ipv6Addr};

use crate::catalog::host_of;

/// What is wrong with an address, if anything; a clause. The host is the one that a URL parser
/// reads, as `localcoder-fetch` does: with rules of our own, a host in capitals was allowed here
/// and refused there.
pub(crate) fn problem(url: &str) -> Option<&'static str> {
    let Some((scheme, rest)) = url.split_once("://") else {
        return Some("is not an address: one begins with `https://`");
    };
    let host = host_of(url).unwrap_or_default();
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    if host.is_empty() || authority.is_empty() {
        Some("has no host in it")
    } else if authority.contains('@') {
        Some("has a user name or a password in it")
    } else if !url.chars().all(|c| c.is_ascii_graphic() && c != '\\') {
        Some("has characters in it that no address has")
    } else if climbs(rest) {
        Some("has `..` in it")
    } else {
        match scheme {
            "https" => None,
            // For mirrors and tests on this machine, whose traffic nobody else can read.
            "http" if is_this_machine(&host) => None,
            "http" => {
                Some("is not encrypted: only `https://` is asked, and `http://` on this machine")
            }
            _ => Some("is of a kind that is not asked: only `https://` is"),
        }
    }
}

/// What is wrong with a part of an address that becomes a path.
pub(crate) fn path_problem(path: &str) -> Option<&'static str> {
    let is_name = |c: char| c.is_ascii_alphanumeric() || "._-+@~".contains(c);
    let parts = || path.split('/');
    if parts().any(|part| part == "..") {
        Some("has `..` in it")
    } else if parts().any(|part| part.is_empty() || part == "." || !part.chars().all(is_name)) {
        Some("is not a path of names: letters, digits and `._-+@~`, with `/` between them")
    } else {
        None
    }
}

/// Whether the path climbs out of its folder, written plainly or in a way that a browser would read
/// as that.
fn climbs(rest: &str) -> bool {
    let plain = rest.to_ascii_lowercase().replace("%2e", ".").replace("%2f", "/");
    let path = plain.split(['?', '#']).next().unwrap_or_default();
    path.split('/').any(|part| part == "..")
}

fn is_this_machine(host: &str) -> bool {
    let v6 = host.trim_matches(['[', ']']).parse::<Ipv6Addr>();
    let v4 = host.parse::<Ipv4Addr>();
    v4.is_ok_and(|it| it.is_loopback()) || v6.is_ok_and(|it| it.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_can_not_be_asked_is_reported_with_why() {
        for good in [
            "https://example.org/a/b.gguf?x=1#y",
            "https://example.org:8443/",
            "http://127.0.0.1:80/a",
            "http://[::1]:80/a",
        ] {
            assert_eq!(problem(good), None, "{good}");
        }
        for (bad, why) in [
            ("", "not an address"),
            ("example.org/x", "not an address"),
            ("file:///etc/passwd", "no host"),
            ("file://host/etc/passwd", "of a kind"),
            ("ftp://example.org/x", "of a kind"),
            ("http://example.org/x", "not encrypted"),
            ("http://127.0.0.1.example.org/x", "not encrypted"),
            ("https:///x", "no host"),
            ("https://user:secret@example.org/x", "password"),
            ("https://example.org/a b", "characters"),
            // Parsers do not agree which host this is.
            ("https://example.org\\@evil.org/", "password"),
            ("https://example.org/\u{202e}x", "characters"),
            ("https://example.org/a/../b", "`..`"),
            ("https://example.org/a/%2e%2E/b", "`..`"),
            ("https://example.org/a%2f..%2fb", "`..`"),
        ] {
            let said = problem(bad).unwrap_or_default();
            assert!(said.contains(why), "{bad}: {said}");
        }
    }

    #[test]
    fn a_path_has_names_in_it_and_goes_down() {
        for good in ["owner/name", "a.gguf", "Q4_K_M/x-00001.gguf", "refs/pr/1"] {
            assert_eq!(path_problem(good), None, "{good}");
        }
        for bad in ["", "/a", "a/", "a//b", "./a", "../a", "a/../b", "a b", "a?b", "a%2e", "a\\b"] {
            assert!(path_problem(bad).is_some(), "{bad}");
        }
    }
}
