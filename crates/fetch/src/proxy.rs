//! Which proxy an address is requested through. If a proxy is named that can't be used, that is an
//! error: connecting directly would expose the user's address to those it was to be hidden from, or
//! be blocked for a reason that users can't find. So the variables are read here and not by the
//! HTTP library, which ignores what it does not understand.

use std::ffi::OsString;
use std::fmt;
use std::net::IpAddr;

use localcoder_protocol::{FetchFailure, PROXY_VARIABLES};
use ureq::{Proxy, ProxyProtocol};
use url::{Host, Url};

use crate::attempt_error::{AttemptError, Retry};

/// In order of precedence for an encrypted address. All of them count for any address: a user who
/// has set one of them does not want anything to be requested without a proxy.
const FOR_HTTPS: [&str; 6] = PROXY_VARIABLES;
const FOR_HTTP: [&str; 6] =
    ["http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY", "https_proxy", "HTTPS_PROXY"];
const EXCEPT: [&str; 2] = ["no_proxy", "NO_PROXY"];
const KINDS: &str = "`http`, `https`, `socks4`, `socks4a`, `socks5` and `socks5h` are";
/// How much of an unknown kind's name is shown; the longest known one has 7 characters.
const KIND_LENGTH_MAX: usize = 16;

#[derive(Debug, Clone)]
pub(crate) struct Through {
    pub(crate) proxy: Proxy,
    variable: &'static str,
    host: String,
    port: u16,
}

/// Never shows the user name and password that an address may contain.
impl fmt::Display for Through {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}:{}` of {}", self.host, self.port, self.variable)
    }
}

impl Through {
    /// Whether the proxy gets the name, instead of an address that was looked up here.
    pub(crate) fn resolves(&self) -> bool {
        self.proxy.protocol() != ProxyProtocol::Socks4
    }
}

/// The proxy for an address; `None` if the environment names none for it. `variable` reads the
/// environment, so that tests need not change the process's own, which other threads read.
/// Variables that are set but empty count as not set, as in other programs.
///
/// # Errors
/// If it names one that can't be used.
pub(crate) fn for_address(
    to: &Url,
    variable: impl Fn(&str) -> Option<OsString>,
) -> Result<Option<Through>, AttemptError> {
    let names = if to.scheme() == "https" { FOR_HTTPS } else { FOR_HTTP };
    let set = |name: &'static str| Some((name, variable(name).filter(|it| !it.is_empty())?));
    let Some((name, value)) = names.into_iter().find_map(set) else { return Ok(None) };
    // An entry that can't be read makes no exception: the request goes through the proxy.
    let except = EXCEPT.into_iter().find_map(|it| variable(it)?.into_string().ok());
    if except.is_some_and(|list| is_except(&list, to)) {
        return Ok(None);
    }
    let nonsense = || unusable(name, "names a proxy whose address is malformed");
    parse(name, value.to_str().ok_or_else(nonsense)?.trim()).map(Some)
}

fn parse(variable: &'static str, value: &str) -> Result<Through, AttemptError> {
    // Nothing of the address is shown but its kind: a malformed one may have a password anywhere.
    let nonsense = || unusable(variable, "names a proxy whose address is malformed");
    let (kind, rest) = match value.split_once("://") {
        Some((kind, rest)) => (kind.to_ascii_lowercase(), rest),
        None => ("http".to_owned(), value),
    };
    let is_name = |c: char| c.is_ascii_alphanumeric() || "+.-".contains(c);
    if kind.is_empty() || kind.len() > KIND_LENGTH_MAX || !kind.chars().all(is_name) {
        return Err(nonsense());
    }
    let kind = match kind.as_str() {
        "http" | "https" | "socks4" | "socks4a" | "socks5h" => kind.as_str(),
        // Taken literally, `socks5` would look up the name here: that exposes it to a name server,
        // and where a proxy is needed there may be none.
        "socks" | "socks5" => "socks5h",
        other => {
            let why = format!("names a proxy of the kind `{other}`, which can't be used; {KINDS}");
            return Err(unusable(variable, &why));
        }
    };
    let address = format!("{kind}://{rest}");
    let checked = Url::parse(&address).map_err(|_| nonsense())?;
    if checked.host_str().is_none_or(str::is_empty) {
        return Err(nonsense());
    }
    let proxy = Proxy::new(&address).map_err(|_| nonsense())?;
    let (host, port) = (proxy.host().to_owned(), proxy.port());
    Ok(Through { proxy, variable, host, port })
}

fn unusable(variable: &str, why: &str) -> AttemptError {
    AttemptError::new(FetchFailure::Proxy, Retry::Nothing, format!("{variable} {why}"))
}

/// Whether a list such as `localhost, .example.org, 10.0.0.0/8` contains a host. As in other
/// programs, a name stands for its subdomains as well.
fn is_except(list: &str, to: &Url) -> bool {
    let Some(host) = to.host() else { return false };
    list.split([',', ' ']).filter(|entry| !entry.is_empty()).any(|entry| {
        let (entry, port) = without_port(entry);
        let same_port = port.is_none_or(|port| to.port_or_known_default() == Some(port));
        same_port && (entry == "*" || matches(entry, &host))
    })
}

fn without_port(entry: &str) -> (&str, Option<u16>) {
    let colons = entry.matches(':').count();
    match entry.rsplit_once(':') {
        // More than one colon means an IPv6 address.
        Some((host, port)) if colons == 1 || host.ends_with(']') => match port.parse() {
            Ok(port) => (host, Some(port)),
            Err(_) => (entry, None),
        },
        _ => (entry, None),
    }
}

fn matches(entry: &str, host: &Host<&str>) -> bool {
    let address = match host {
        Host::Domain(name) => {
            // `*.example.org`, `.example.org` and `example.org` mean the same.
            let entry = entry.trim_start_matches('*').trim_start_matches('.').to_ascii_lowercase();
            let parent = name.strip_suffix(&entry);
            return !entry.is_empty()
                && parent.is_some_and(|before| before.is_empty() || before.ends_with('.'));
        }
        Host::Ipv4(address) => IpAddr::from(*address),
        Host::Ipv6(address) => IpAddr::from(*address),
    };
    let entry = entry.trim_matches(['[', ']']);
    let (network, bits) = match entry.split_once('/') {
        Some((network, bits)) => (network, bits.parse().ok()),
        None => (entry, Some(u32::MAX)),
    };
    match (network.parse(), bits) {
        (Ok(network), Some(bits)) => is_within(address, network, bits),
        _ => false,
    }
}

/// Whether the first `bits` bits of two addresses are equal; never for two of different kinds.
/// `u32::MAX` means all of them.
fn is_within(address: IpAddr, network: IpAddr, bits: u32) -> bool {
    let (differs, width) = match (address, network) {
        (IpAddr::V4(a), IpAddr::V4(b)) => (u128::from(a.to_bits() ^ b.to_bits()), 32),
        (IpAddr::V6(a), IpAddr::V6(b)) => (a.to_bits() ^ b.to_bits(), 128),
        _ => return false,
    };
    // Shifting by the whole width, as for `::/0`, overflows: then all addresses are within.
    differs.checked_shr(width - bits.min(width)).unwrap_or(0) == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(to: &str, environment: &[(&str, &str)]) -> Result<Option<String>, String> {
        let variable = |name: &str| {
            environment.iter().find(|(it, _)| *it == name).map(|(_, value)| (*value).into())
        };
        match for_address(&Url::parse(to).unwrap(), variable) {
            Ok(through) => Ok(through.map(|it| it.to_string())),
            Err(error) => {
                assert_eq!(error.failed.failure, FetchFailure::Proxy);
                assert_eq!(error.retry, Retry::Nothing);
                Err(error.failed.message)
            }
        }
    }

    const TARGET: &str = "https://example.org/f";

    #[test]
    fn every_variable_counts_and_the_one_for_the_scheme_first() {
        let all: Vec<(&str, String)> =
            FOR_HTTPS.iter().map(|it| (*it, format!("http://{it}.example:80"))).collect();
        for (names, to) in [(FOR_HTTPS, TARGET), (FOR_HTTP, "http://127.0.0.1:1/f")] {
            for first in 0..names.len() {
                let rest: Vec<(&str, &str)> = all
                    .iter()
                    .filter(|(name, _)| names[first..].contains(name))
                    .map(|(name, value)| (*name, value.as_str()))
                    .collect();
                let through = asked(to, &rest).unwrap().unwrap();
                assert!(through.ends_with(&format!(" of {}", names[first])), "{through}");
            }
        }
        assert_eq!(asked(TARGET, &[]), Ok(None));
        assert_eq!(asked(TARGET, &[("https_proxy", ""), ("ALL_PROXY", "")]), Ok(None));
    }

    #[test]
    fn an_address_of_a_proxy_is_read_in_each_form_and_shown_without_its_password() {
        for (value, shown) in [
            ("http://proxy.example:3128", "proxy.example:3128"),
            ("proxy.example:3128", "proxy.example:3128"),
            (" http://proxy.example:3128/ ", "proxy.example:3128"),
            ("https://user:secret@proxy.example", "proxy.example:443"),
            ("user:s%40cret@proxy.example:1", "proxy.example:1"),
            ("SOCKS5://user:secret@127.0.0.1:9", "127.0.0.1:9"),
            ("socks5h://[::1]", "[::1]:1080"),
            ("socks4://127.0.0.1:9", "127.0.0.1:9"),
        ] {
            let through = asked(TARGET, &[("ALL_PROXY", value)]).unwrap().unwrap();
            assert_eq!(through, format!("`{shown}` of ALL_PROXY"), "{value}");
        }
    }

    #[test]
    fn one_that_can_not_be_used_is_an_error_that_names_the_variable() {
        for (value, said) in [
            ("ftp://proxy.example:21", "the kind `ftp`, which can't be used; `http`"),
            ("socks6://proxy.example", "the kind `socks6`"),
            ("http://", "is malformed"),
            ("http://:80", "is malformed"),
            ("http://secret@:80", "is malformed"),
            ("http://proxy.example:99999", "is malformed"),
            ("http://proxy.example:secret", "is malformed"),
            ("user:secret://x@proxy.example", "is malformed"),
            ("http://secret proxy", "is malformed"),
            ("://secret", "is malformed"),
            ("http://us%FFer:secret@proxy.example", "is malformed"),
        ] {
            for name in FOR_HTTPS {
                let why = asked(TARGET, &[(name, value)]).unwrap_err();
                assert!(why.starts_with(&format!("{name} names a proxy ")), "{value}: {why}");
                assert!(why.contains(said) && !why.contains("secret"), "{value}: {why}");
            }
        }
        #[cfg(unix)]
        {
            use std::os::unix::ffi::OsStringExt as _;
            let bytes = |name: &str| {
                (name == "ALL_PROXY").then(|| OsString::from_vec(b"http://\xff".to_vec()))
            };
            assert!(for_address(&Url::parse(TARGET).unwrap(), bytes).is_err());
        }
    }

    #[test]
    fn hosts_of_the_list_are_asked_without_one() {
        let direct = |list: &str, to: &str| {
            let set = [("ALL_PROXY", "http://proxy.example"), ("NO_PROXY", list)];
            asked(to, &set).unwrap().is_none()
        };
        for (list, to) in [
            ("*", TARGET),
            ("example.org", TARGET),
            ("localhost, EXAMPLE.org", TARGET),
            (".example.org", "https://cdn.example.org/f"),
            ("*.example.org", "https://cdn.example.org/f"),
            ("example.org:443", TARGET),
            ("127.0.0.1", "http://127.0.0.1:8/f"),
            ("127.0.0.0/8", "http://127.0.0.1:8/f"),
            ("::1", "http://[::1]:8/f"),
            ("[::1]:8", "http://[::1]:8/f"),
            ("fe80::/10", "https://[fe80::1]/f"),
        ] {
            assert!(direct(list, to), "{list}: {to}");
        }
        for (list, to) in [
            ("", TARGET),
            ("localhost", TARGET),
            ("ample.org", TARGET),
            ("org.example", TARGET),
            ("example.org:80", TARGET),
            (".", TARGET),
            ("127.0.0.2", "http://127.0.0.1:8/f"),
            ("10.0.0.0/8", "http://127.0.0.1:8/f"),
            ("10.0.0.0/x", "http://10.0.0.1/f"),
            ("::2", "http://[::1]:8/f"),
        ] {
            assert!(!direct(list, to), "{list}: {to}");
        }
        // An exception does not hide that the proxy for all other hosts is unusable.
        let set = [("ALL_PROXY", "nonsense://x"), ("no_proxy", "localhost")];
        assert!(asked(TARGET, &set).is_err());
    }
}
