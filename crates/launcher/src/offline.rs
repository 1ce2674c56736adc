//! Starts a program without network: the program, and everything that it starts, reaches no other
//! machine, nor what listens on this one. Unix sockets of the file system stay, since the host and
//! the front are reached by them.
//!
//! Which method there is, is found out by trying it in a child, never from versions: kernels,
//! containers and distributions all forbid different things. Where there is none, that is reported
//! and nothing is held back, so the caller has to say so to the user.
//!
//! It keeps code from the network that means no harm or knows no better: extensions, language
//! servers, build tools. It is not a wall against a program that is out to get round it: that could
//! ask another program of the user's, by its Unix socket, to connect in its place (the service
//! manager, Docker), or take one over as a debugger does. Called by the session, for the editor
//! server, and by `eval`, for programs that a model has written.

#[cfg(target_os = "linux")]
mod linux;

use std::io;
use std::process::Command;

use serde::{Deserialize, Serialize};

/// What keeps a program from the network.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Confinement {
    /// A network of its own, in which there is only its own loopback, and a filter for what such
    /// a network does not hold back.
    Namespace,
    /// A filter of system calls: there are no sockets but Unix ones. Loopback is none either.
    Filter,
    /// Nothing.
    None {
        /// A clause: why nothing does.
        why: String,
    },
}

/// Looks for the best method that works here. It takes some milliseconds and two processes, so it
/// is done once.
#[must_use]
pub fn probe() -> Confinement {
    #[cfg(target_os = "linux")]
    return linux::probe();
    #[cfg(not(target_os = "linux"))]
    Confinement::None { why: "it can be done on Linux only".to_owned() }
}

impl Confinement {
    /// Makes the command start confined. A start that then can't be confined is one that fails: it
    /// never runs free instead.
    ///
    /// Descriptors above standard error are not passed on, as one could be a connection; what the
    /// program shall inherit must be prepared after this. Its standard streams are the caller's,
    /// who gives it pipes. `sudo` and other programs that raise rights don't, inside.
    ///
    /// # Errors
    /// Where the method can't be prepared, which [`probe`] has ruled out.
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
