//! Starts a program without network: the program, and everything that it starts, reaches no other
//! machine, nor anything that listens on this one. Unix sockets in the file system still work,
//! since the host and the front are reached through them.
//!
//! Which method works is found out by trying it in a child, never from versions: kernels,
//! containers and distributions all forbid different things. If none works, that is reported and
//! the program is not confined, so the caller has to tell the user.
//!
//! It keeps code off the network that is harmless or ignorant: extensions, language servers, build
//! tools. It is not a wall against a program that is determined to get around it: such a program
//! could ask another one of the user's, through its Unix socket, to connect in its place (the
//! service manager, Docker), or take one over as a debugger does. Called by the session, for the
//! editor server, and by `eval`, for programs that a model has written.

#[cfg(target_os = "linux")]
mod linux;

use std::io;
use std::process::Command;

use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Confinement {
    /// A network of its own with nothing but its own loopback, and a filter for what such a network
    /// does not prevent.
    Namespace,
    /// A filter of system calls: only Unix sockets can be created, so there is no loopback either.
    Filter,
    None {
        /// Why nothing does, as a clause.
        why: String,
    },
}

/// Finds the best method that works here: [`Confinement::Namespace`] before
/// [`Confinement::Filter`], since it leaves programs a loopback of their own. This takes some
/// milliseconds and two processes, so it is done once and the result is passed on.
#[must_use]
pub fn probe() -> Confinement {
    #[cfg(target_os = "linux")]
    return linux::probe();
    #[cfg(not(target_os = "linux"))]
    Confinement::None { why: "it can be done on Linux only".to_owned() }
}

impl Confinement {
    /// Makes the command start confined. If it then can't be confined, the start fails: it never
    /// runs unconfined instead.
    ///
    /// Descriptors above standard error are not passed on, since one could be a connection; what
    /// the program is to inherit must be prepared after this. Its standard streams are up to the
    /// caller, who gives it pipes. Inside, `sudo` and other programs that raise privileges do not
    /// work.
    ///
    /// # Errors
    /// If the method can't be prepared, which [`probe`] has ruled out.
    pub fn apply(&self, command: &mut Command) -> io::Result<()> {
        match self {
            #[cfg(target_os = "linux")]
            Self::Namespace | Self::Filter => linux::apply(self, command),
            #[cfg(not(target_os = "linux"))]
            Self::Namespace | Self::Filter => {
                let _ = command;
                Err(io::ErrorKind::Unsupported.into())
            }
            Self::None { .. } => Ok(()),
        }
    }
}

impl std::fmt::Display for Confinement {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Namespace => f.write_str(
                "The editor, its extensions and its terminals have no network: they reach each \
                 other at 127.0.0.1 and nothing else.",
            ),
            Self::Filter => f.write_str(
                "The editor, its extensions and its terminals have no network. Here that takes \
                 127.0.0.1 from them as well, so debuggers and web servers that use it don't work \
                 in the IDE.",
            ),
            Self::None { why } => write!(
                f,
                "The editor's extensions and terminals are NOT kept from the network: {why}. \
                 LocalCoder itself loads nothing."
            ),
        }
    }
}

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests;
