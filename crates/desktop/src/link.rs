//! Where an address leads: it stays in the IDE, goes to the system's browser, or is ignored.

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Link {
    Editor,
    /// For another program of the user's: a web page or a mail address.
    Outside,
    /// Anything else: no program is started for it.
    Nowhere,
}

/// Scheme, host and port of an address. Comparing these and not a prefix of the address rejects
/// `http://127.0.0.1:80@elsewhere` and `http://127.0.0.1:8080` when `:80` is ours.
pub(crate) fn origin(url: &str) -> &str {
    let Some(scheme) = url.find("://") else { return "" };
    let authority = scheme + 3;
    let end = url[authority..].find(['/', '?', '#', '\\']).map_or(url.len(), |i| authority + i);
    &url[..end]
}

/// Judges an address that a page wants to go to in a window of its own. `editor` is the editor's
/// origin. What leaves the IDE starts another program of the user's with text that a page has
/// chosen, so only a few schemes do, and nothing with white space in it, which a program could take
/// for several arguments.
pub(crate) fn judge(url: &str, editor: &str) -> Link {
    if origin(url).eq_ignore_ascii_case(editor) {
        return Link::Editor;
    }
    let scheme = url.split(':').next().unwrap_or_default().to_ascii_lowercase();
    let plain = !url.chars().any(|c| c.is_control() || c.is_whitespace());
    match scheme.as_str() {
        "http" | "https" | "mailto" if plain => Link::Outside,
        _ => Link::Nowhere,
    }
}

/// Whether a frame inside a page may show an address. Previews consist of such frames, each on a
/// subdomain of the editor's host; they must not show any other site.
pub(crate) fn may_show(url: &str, editor: &str) -> bool {
    let inner = ["about:", "blob:", "data:"].iter().any(|scheme| url.starts_with(scheme));
    inner || judge(url, editor) == Link::Editor || is_below(origin(url), editor)
}

/// Whether an origin is on a subdomain of the editor's host, with the same scheme and port. The dot
/// has to be there: a longer name that merely ends in the editor's is another host.
fn is_below(origin: &str, editor: &str) -> bool {
    let parts = |origin: &str| {
        let (scheme, authority) = origin.split_once("://")?;
        Some((scheme.to_ascii_lowercase(), authority.to_ascii_lowercase()))
    };
    let (Some((scheme, authority)), Some((ours, editor))) = (parts(origin), parts(editor)) else {
        return false;
    };
    scheme == ours && authority.strip_suffix(&editor).is_some_and(|name| name.ends_with('.'))
}

/// The address as the launcher gets it: without the ticket, which has been used up by then.
pub(crate) fn without_ticket(url: &str) -> String {
    let Some((page, query)) = url.split_once('?') else { return url.to_owned() };
    let kept: Vec<&str> = query.split('&').filter(|part| !part.starts_with("ticket=")).collect();
    if kept.is_empty() { page.to_owned() } else { format!("{page}?{}", kept.join("&")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EDITOR: &str = "http://127.9.8.7:80";

    #[test]
    fn only_the_editor_itself_stays_in_the_window() {
        for (url, link) in [
            ("http://127.9.8.7:80/?folder=/a", Link::Editor),
            ("http://127.9.8.7:80", Link::Editor),
            ("http://127.9.8.7:80?ew=true", Link::Editor),
            ("http://127.9.8.7:8080/", Link::Outside),
            ("http://127.9.8.7:80@example.org/", Link::Outside),
            ("http://127.9.8.7:80\\@example.org/", Link::Editor),
            ("https://127.9.8.7:80/", Link::Outside),
            ("https://example.org/a?b#c", Link::Outside),
            ("mailto:someone@example.org", Link::Outside),
            ("file:///etc/passwd", Link::Nowhere),
            ("javascript:alert(1)", Link::Nowhere),
            ("https://example.org/ --option", Link::Nowhere),
            ("vscode://x", Link::Nowhere),
            ("", Link::Nowhere),
        ] {
            assert_eq!(judge(url, EDITOR), link, "{url}");
        }
    }

    #[test]
    fn a_frame_shows_the_editor_or_what_a_page_made_itself() {
        assert!(may_show("about:srcdoc", EDITOR));
        assert!(may_show("blob:http://127.9.8.7:80/1", EDITOR));
        assert!(may_show("http://127.9.8.7:80/frame", EDITOR));
        assert!(may_show("http://x.127.9.8.7:80/frame", EDITOR));
        for url in [
            "https://example.org",
            "http://x127.9.8.7:80/",
            "https://x.127.9.8.7:80/",
            "http://x.127.9.8.7:8080/",
            "http://x.127.9.8.7:80@example.org/",
        ] {
            assert!(!may_show(url, EDITOR), "{url}");
        }
    }

    #[test]
    fn the_launcher_is_told_no_ticket() {
        assert_eq!(without_ticket("http://a/open?ticket=1&folder=/b"), "http://a/open?folder=/b");
        assert_eq!(without_ticket("http://a/open?ticket=1"), "http://a/open");
        assert_eq!(without_ticket("http://a/"), "http://a/");
    }
}
