//! Which addresses may be requested. We follow redirects ourselves instead of leaving them to the
//! HTTP library, so that each hop is checked here.

use localcoder_protocol::FetchFailure;
use url::{Host, Url};

use crate::attempt_error::{AttemptError, Retry};

#[derive(Debug)]
pub(crate) struct Hosts<'a>(pub(crate) &'a [String]);

impl Hosts<'_> {
    pub(crate) fn check(&self, url: &str) -> Result<Url, AttemptError> {
        let parsed = Url::parse(url).map_err(|error| {
            forbidden(format!("`{}` is not an address: {error}", without_query(url)))
        })?;
        self.allow(parsed)
    }

    pub(crate) fn follow(&self, from: &Url, location: &str) -> Result<Url, AttemptError> {
        let to = from.join(location).map_err(|error| {
            forbidden(format!("the server leads to `{}`: {error}", without_query(location)))
        })?;
        // Asked before `allow`, which lets plain HTTP through to this machine: a server must not
        // lead there.
        if from.scheme() == "https" && to.scheme() != "https" {
            let host = to.host_str().unwrap_or_default();
            return Err(forbidden(format!("the server leads to {host} without encryption")));
        }
        self.allow(to)
    }

    /// What holds for a first address and for each hop alike: the host is on the list, it is
    /// encrypted unless it is this machine, and it has no user name or password.
    fn allow(&self, url: Url) -> Result<Url, AttemptError> {
        let Some(host) = url.host_str() else {
            return Err(forbidden("an address without a host".to_owned()));
        };
        if !self.0.iter().any(|allowed| matches(allowed, host)) {
            return Err(forbidden(format!("nothing may be downloaded from `{host}`")));
        }
        let safe = match url.scheme() {
            "https" => true,
            "http" => is_this_machine(&url),
            _ => false,
        };
        if !safe {
            return Err(forbidden(format!("`{host}` is asked without encryption")));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(forbidden(format!("the address of `{host}` has a password in it")));
        }
        Ok(url)
    }
}

/// `.example.org` allows the subdomains of `example.org`; any other entry allows only itself.
fn matches(allowed: &str, host: &str) -> bool {
    if allowed.starts_with('.') {
        // The dot of the entry is compared as well, so `notexample.org` does not match.
        return host.len() > allowed.len() && host.ends_with(allowed);
    }
    host == allowed
}

/// By the address alone: `localhost` is a name, and a name is looked up.
fn is_this_machine(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        _ => false,
    }
}

/// Signed addresses have secrets in their query.
fn without_query(url: &str) -> &str {
    url.split(['?', '#']).next().unwrap_or_default()
}

fn forbidden(message: String) -> AttemptError {
    AttemptError::new(FetchFailure::Redirect, Retry::Elsewhere, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(result: Result<Url, AttemptError>) -> String {
        result.map_or_else(|error| error.failed.message, |url| url.to_string())
    }

    #[test]
    fn only_hosts_of_the_request_are_asked() {
        let hosts = ["example.org".to_owned(), ".cdn.example.org".to_owned()];
        let hosts = Hosts(&hosts);
        for good in ["https://example.org/a", "https://eu.cdn.example.org/a?x=1"] {
            assert_eq!(message(hosts.check(good)), good);
        }
        for bad in [
            "https://evil.org/a",
            "https://notexample.org/",
            "https://a.example.org/",
            "https://cdn.example.org/",
            "https://xcdn.example.org/",
            "http://example.org/a",
            "ftp://example.org/a",
            "file:///etc/passwd",
            "https://user:secret@example.org/a",
            "example.org",
            "",
        ] {
            assert!(hosts.check(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn plain_http_is_for_this_machine() {
        let hosts = ["127.0.0.1".to_owned(), "[::1]".to_owned(), "10.0.0.1".to_owned()];
        let hosts = Hosts(&hosts);
        assert!(hosts.check("http://127.0.0.1:80/a").is_ok());
        assert!(hosts.check("http://[::1]:80/a").is_ok());
        assert!(hosts.check("http://10.0.0.1/a").is_err());
    }

    #[test]
    fn a_redirect_is_checked_like_an_address() {
        let hosts = ["a.org".to_owned(), "b.org".to_owned()];
        let hosts = Hosts(&hosts);
        let from = hosts.check("https://a.org/x/y").unwrap();
        assert_eq!(message(hosts.follow(&from, "z?s=1")), "https://a.org/x/z?s=1");
        assert_eq!(message(hosts.follow(&from, "//b.org/q")), "https://b.org/q");
        assert!(hosts.follow(&from, "http://a.org/").is_err());
        assert!(hosts.follow(&from, "https://c.org/").is_err());
        // No secret of a signed address gets into a message.
        let said = message(hosts.follow(&from, "https://c.org/?Signature=abc"));
        assert!(!said.contains("abc"), "{said}");
    }
}
