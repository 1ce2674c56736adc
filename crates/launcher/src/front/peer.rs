//! Which user a connection belongs to. All users of the machine can reach loopback, so the front
//! asks the system who made a connection before it reads a byte from it. Called once for each
//! connection.

#[cfg(any(test, not(target_os = "linux")))]
use std::net::SocketAddr;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Peer {
    /// It is this user's, or the superuser's, from whom nothing can be withheld.
    Ours,
    /// It is another user's, or it is already gone.
    Foreign,
    /// The system can't say. Such connections are let on to the token and the limits: keeping them
    /// out would lock every user out where the kernel lacks this service.
    Unknown,
}

#[cfg(target_os = "linux")]
mod linux {
    use std::io;
    use std::net::SocketAddr;

    use netlink_packet_core::{NLM_F_REQUEST, NetlinkHeader, NetlinkMessage, NetlinkPayload};
    use netlink_packet_sock_diag::SockDiagMessage;
    use netlink_packet_sock_diag::constants::{AF_INET, AF_INET6, IPPROTO_TCP, TCP_ESTABLISHED};
    use netlink_packet_sock_diag::inet::{ExtensionFlags, InetRequest, SocketId, StateFlags};
    use netlink_sys::{Socket, protocols::NETLINK_SOCK_DIAG};

    use super::Peer;

    const ANSWER_BYTES: usize = 8 * 1024;
    /// The kernel's "any": the socket is identified by its addresses.
    const NO_COOKIE: [u8; 8] = [0xff; 8];

    /// Asks the kernel about connections, through the service that `ss` uses (`NETLINK_SOCK_DIAG`).
    /// It answers for one connection in a single exchange, where `/proc/net/tcp` lists all of them.
    #[derive(Debug)]
    pub(crate) struct Peers {
        socket: Option<Socket>,
        user: u32,
    }

    impl Peers {
        /// `listening`: where this process listens. A kernel built without this service says that
        /// there is no such connection, as it does for one that is gone; so it is first asked about
        /// something that exists.
        pub(crate) fn open(listening: SocketAddr) -> Self {
            let open = || -> io::Result<Socket> {
                let mut socket = Socket::new(NETLINK_SOCK_DIAG)?;
                socket.bind_auto()?;
                // To the kernel itself, so that `send` needs no address and no other process can
                // answer.
                socket.connect(&netlink_sys::SocketAddr::new(0, 0))?;
                let nobody = if listening.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" };
                let nobody = nobody.parse().map_err(io::Error::other)?;
                owner(&socket, listening, nobody)?.ok_or(io::ErrorKind::Unsupported)?;
                Ok(socket)
            };
            let socket = open();
            if let Err(error) = &socket {
                tracing::warn!(%error, "the system does not tell whose a connection is");
            }
            Self { socket: socket.ok(), user: rustix::process::geteuid().as_raw() }
        }

        pub(crate) fn of(&self, peer: SocketAddr, here: SocketAddr) -> Peer {
            let Some(socket) = &self.socket else { return Peer::Unknown };
            match owner(socket, peer, here) {
                // The kernel attributes a closing connection to the superuser.
                Ok(Some((state, user))) if state == TCP_ESTABLISHED => {
                    if user == self.user || user == 0 { Peer::Ours } else { Peer::Foreign }
                }
                // A client that is gone by the time that we ask may have sent its request before,
                // and whose it was can't be found out any more.
                Ok(_) => Peer::Foreign,
                Err(error) => {
                    tracing::debug!(%error, "the system does not tell whose a connection is");
                    Peer::Unknown
                }
            }
        }
    }

    /// State and user of the socket at the other end; `None` if it no longer exists. `peer` and
    /// `here` are as the front sees them. Asks and waits for the kernel's answer, which comes at
    /// once: nothing else uses this socket.
    fn owner(socket: &Socket, peer: SocketAddr, here: SocketAddr) -> io::Result<Option<(u8, u32)>> {
        let family = if peer.is_ipv4() { AF_INET } else { AF_INET6 };
        let request = InetRequest {
            family,
            protocol: IPPROTO_TCP,
            extensions: ExtensionFlags::empty(),
            states: StateFlags::all(),
            socket_id: SocketId {
                // From the client's point of view: its socket is the one whose owner is wanted.
                source_port: peer.port(),
                destination_port: here.port(),
                source_address: peer.ip(),
                destination_address: here.ip(),
                interface_id: 0,
                cookie: NO_COOKIE,
            },
        };
        let mut header = NetlinkHeader::default();
        header.flags = NLM_F_REQUEST;
        let mut message = NetlinkMessage::new(header, SockDiagMessage::InetRequest(request).into());
        message.finalize();
        let mut bytes = vec![0; message.buffer_len()];
        message.serialize(&mut bytes);
        socket.send(&bytes, 0)?;
        let mut answer = vec![0; ANSWER_BYTES];
        let length = socket.recv(&mut &mut answer[..], 0)?;
        let answer = NetlinkMessage::<SockDiagMessage>::deserialize(&answer[..length])
            .map_err(|error| io::Error::other(error.to_string()))?;
        match answer.payload {
            NetlinkPayload::InnerMessage(SockDiagMessage::InetResponse(found)) => {
                Ok(Some((found.header.state, found.header.uid)))
            }
            NetlinkPayload::Error(error) if error.raw_code() == -libc::ENOENT => Ok(None),
            NetlinkPayload::Error(error) => Err(error.to_io()),
            _ => Err(io::ErrorKind::InvalidData.into()),
        }
    }
}

#[cfg(target_os = "linux")]
pub(crate) use linux::Peers;

/// On other systems the token and the limits keep other users out.
#[cfg(not(target_os = "linux"))]
#[derive(Debug)]
pub(crate) struct Peers;

#[cfg(not(target_os = "linux"))]
impl Peers {
    pub(crate) fn open(_listening: SocketAddr) -> Self {
        Self
    }

    pub(crate) fn of(&self, _peer: SocketAddr, _here: SocketAddr) -> Peer {
        Peer::Unknown
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::net::{TcpListener, TcpStream};

    use super::*;

    #[test]
    fn where_the_system_does_not_tell_nobody_is_taken_for_another_user() {
        // Nothing listens there, which a kernel without the service says about everything.
        let peers = Peers::open("127.0.0.1:1".parse().unwrap());
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let here = listener.local_addr().unwrap();
        let _stream = TcpStream::connect(here).unwrap();
        assert_eq!(peers.of(listener.accept().unwrap().1, here), Peer::Unknown);
    }

    #[test]
    fn a_connection_of_our_own_is_ours_and_one_that_is_gone_is_not() {
        for address in ["127.0.0.1:0", "[::1]:0"] {
            // The machine may have no IPv6.
            let Ok(listener) = TcpListener::bind(address) else { continue };
            let stream = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
            let (_kept, peer) = listener.accept().unwrap();
            let here = listener.local_addr().unwrap();
            let peers = Peers::open(here);
            assert_eq!(peers.of(peer, here), Peer::Ours, "{address}");
            drop(stream);
            assert_eq!(peers.of(peer, here), Peer::Foreign, "{address}");
            let nobody = SocketAddr::new(here.ip(), 1);
            assert_eq!(peers.of(nobody, here), Peer::Foreign, "{address}");
        }
    }
}
