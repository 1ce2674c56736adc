//! File rules (Landlock): what may be read and written, by folder.

use std::io;
use std::path::Path;

use landlock::{
    ABI, Access as _, AccessFs, AccessNet, BitFlags, CompatLevel, Compatible as _, PathBeneath,
    PathFd, Ruleset, RulesetAttr as _, RulesetCreatedAttr as _, RulesetStatus, Scope,
};

use super::HAS_DRIVERS;
use crate::Profile;

/// The version that is asked for; an older kernel supports part of it. The sixth is the first that
/// keeps a process from signaling others and from abstract Unix sockets ([`Scope`]).
const ABI_WANTED: ABI = ABI::V6;

/// Where name resolution and certificates are configured on the usual distributions. A rule applies
/// to the target of a path, so what may be a link to somewhere else is listed in addition to its
/// folder.
const SYSTEM: &[&str] = &[
    "/etc",
    "/usr",
    "/lib",
    "/lib64",
    "/nix",
    "/gnu",
    "/opt/etc",
    "/var/lib/ca-certificates",
    "/etc/ssl/certs",
    "/etc/pki/tls/certs",
    "/etc/hosts",
    "/etc/resolv.conf",
    "/dev/null",
    "/dev/urandom",
    // Not all of `/run`: it has the users' folders, with their sockets and keys.
    "/run/systemd/resolve",
    "/run/NetworkManager",
    "/run/resolvconf",
    "/run/netconfig",
    "/run/connman",
    "/run/nscd",
    "/run/host/etc",
];

type Rule<'a> = (&'a Path, BitFlags<AccessFs>);

/// Allows what the profile lists and refuses the rest of what is handled. A right that is not
/// handled stays as it is: so host and called code, of which only writing is handled, read
/// everything.
pub(super) fn close(profile: &Profile<'_>) -> io::Result<()> {
    let reading = AccessFs::ReadFile | AccessFs::ReadDir;
    // Starting programs is left to the filter.
    let writing = AccessFs::from_write(ABI_WANTED) | reading;
    let below = |paths: &'_ [std::path::PathBuf], access| -> Vec<_> {
        paths.iter().map(|path| (path.clone(), access)).collect()
    };
    let temporary = std::env::temp_dir();
    let (handled, rules): (_, Vec<(std::path::PathBuf, _)>) = match profile {
        Profile::Worker { .. } if HAS_DRIVERS => {
            (AccessFs::from_all(ABI_WANTED), vec![("/".into(), reading)])
        }
        Profile::Worker { .. } => (AccessFs::from_all(ABI_WANTED), Vec::new()),
        // It reads models wherever they are, and starts its worker.
        Profile::Host { writes } => {
            let mut rules = below(writes, writing);
            rules.push((temporary, writing));
            rules.push(("/dev/null".into(), writing));
            (AccessFs::from_write(ABI_WANTED), rules)
        }
        Profile::Called { writes } => {
            let mut rules = below(writes, writing);
            rules.push(("/dev/null".into(), writing));
            (AccessFs::from_write(ABI_WANTED), rules)
        }
        Profile::Fetch { writes, reads } => {
            let mut rules = below(writes, writing);
            rules.extend(below(reads, reading));
            rules.extend(SYSTEM.iter().map(|path| (path.into(), reading)));
            (AccessFs::from_all(ABI_WANTED), rules)
        }
    };
    let rules: Vec<Rule<'_>> =
        rules.iter().map(|(path, access)| (path.as_path(), *access)).collect();
    restrict(handled, &rules, profile)
}

/// Builds the rules and applies them to this thread and what it starts. Best effort: rights that
/// this kernel does not know are left out, and only a kernel without any rules is an error.
fn restrict(
    handled: BitFlags<AccessFs>,
    rules: &[Rule<'_>],
    profile: &Profile<'_>,
) -> io::Result<()> {
    let wrong = |error: landlock::RulesetError| io::Error::other(error.to_string());
    let mut ruleset =
        started(profile)?.set_compatibility(CompatLevel::BestEffort).handle_access(handled);
    // The host ends workers that another host has left behind.
    if !matches!(profile, Profile::Host { .. }) {
        ruleset = ruleset.and_then(|rules| rules.scope(Scope::from_all(ABI_WANTED)));
    }
    // No profile may listen on TCP. Only a download connects; to which ports is not limited, since
    // a server or a proxy may be on any.
    let net = match profile {
        Profile::Fetch { .. } => AccessNet::BindTcp.into(),
        Profile::Worker { .. } | Profile::Host { .. } | Profile::Called { .. } => {
            AccessNet::from_all(ABI_WANTED)
        }
    };
    let mut ruleset = ruleset
        .and_then(|rules| rules.handle_access(net))
        .and_then(Ruleset::create)
        .map_err(wrong)?;
    for (path, access) in rules {
        // A path that does not exist needs no rule.
        let Ok(beneath) = PathFd::new(path) else { continue };
        ruleset = ruleset
            .add_rule(PathBeneath::new(beneath, for_kind(path, *access & handled)))
            .map_err(wrong)?;
    }
    match ruleset.restrict_self().map_err(wrong)?.ruleset {
        RulesetStatus::NotEnforced => Err(io::Error::other("the kernel has none")),
        // Partly is what an older kernel gives; the filter of calls is there as well.
        RulesetStatus::PartiallyEnforced | RulesetStatus::FullyEnforced => Ok(()),
    }
}

/// The first kernels with such rules refuse every move of a file to another folder, which is how a
/// completed download gets its name: on these, file rules are not used for that program.
fn started(profile: &Profile<'_>) -> io::Result<Ruleset> {
    let none = Ruleset::default();
    if !matches!(profile, Profile::Fetch { .. }) {
        return Ok(none);
    }
    let moves = none.set_compatibility(CompatLevel::HardRequirement).handle_access(AccessFs::Refer);
    moves.map_err(|_| io::Error::other("the kernel has none that let a file be moved"))
}

/// A rule for a file may not contain rights that only folders have.
fn for_kind(path: &Path, access: BitFlags<AccessFs>) -> BitFlags<AccessFs> {
    if path.is_dir() { access } else { access & AccessFs::from_file(ABI_WANTED) }
}
