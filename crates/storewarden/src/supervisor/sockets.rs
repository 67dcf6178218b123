//! The listening sockets, which outlive every child: bound once, handed on, closed last.

use crate::{handover, ports};
use host::{HostError, descriptors, listen, sharing};
use kernel::config::Listen;
use std::{
    io::{self, Write},
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener},
    os::{
        fd::{AsFd, BorrowedFd},
        unix::net::UnixStream,
    },
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

/// The control of a supervisor that died holds its address for a moment longer.
const LAST_CONTROL_ENDS: Duration = Duration::from_secs(5);
const RETRY_EVERY: Duration = Duration::from_millis(20);
/// A serving orphan answers at once.
const ORPHAN_ANSWERS: Duration = Duration::from_secs(5);

/// A listening socket that several hold, and that closes with the last of them.
pub(super) type Socket = Arc<TcpListener>;

/// The sockets of the edge by their address. Clones share the sockets.
#[derive(Debug, Clone, Default)]
pub(super) struct EdgeSockets(Vec<(Listen, Socket)>);

impl EdgeSockets {
    /// The wanted sockets: those that are there already, and new ones for the others.
    ///
    /// # Errors
    /// When one cannot be bound; none is then.
    pub(super) fn bind(&self, wanted: &[Listen]) -> Result<Self, HostError> {
        let socket = |listen: &Listen| {
            let socket = match self.socket(listen.address) {
                Some(socket) => Arc::clone(socket),
                None => Arc::new(bind(*listen, wanted)?),
            };
            Ok((*listen, socket))
        };
        wanted.iter().map(socket).collect::<Result<_, _>>().map(Self)
    }

    fn socket(&self, address: SocketAddr) -> Option<&Socket> {
        self.0.iter().find(|(have, _)| have.address == address).map(|(_, socket)| socket)
    }

    /// Takes sockets that were got elsewhere.
    pub(super) fn adopt(&mut self, sockets: impl IntoIterator<Item = (Listen, impl Into<Socket>)>) {
        for (listen, socket) in sockets {
            if self.socket(listen.address).is_none() {
                self.0.push((listen, socket.into()));
            }
        }
    }

    /// Gets these addresses: those that are free, and of others a copy of what a process has.
    /// Answers which are to be had in neither way.
    pub(super) fn take_over(&mut self, wanted: &[Listen], holder: u32) -> Vec<Listen> {
        let mut missing = Vec::new();
        for listen in wanted {
            if self.socket(listen.address).is_some() {
                continue;
            }
            let got = bind(*listen, wanted).or_else(|error| {
                if !ports::may_copy() {
                    return Err(error);
                }
                let socket = sharing::copy(holder, listen.address)?;
                tracing::info!(%listen, holder, "the edge listens by the web server's own socket");
                Ok::<_, HostError>(socket)
            });
            match got {
                Ok(socket) => self.adopt([(*listen, socket)]),
                Err(error) => {
                    tracing::info!(%listen, %error, "waiting until the web server lets go");
                    missing.push(*listen);
                }
            }
        }
        missing
    }

    /// Each with its name.
    pub(super) fn all(&self) -> impl Iterator<Item = (String, Socket)> {
        self.0.iter().map(|(listen, socket)| (listen.to_string(), Arc::clone(socket)))
    }

    pub(super) fn named(&self) -> Vec<(String, BorrowedFd<'_>)> {
        self.0.iter().map(|(listen, socket)| (listen.to_string(), socket.as_fd())).collect()
    }
}

impl IntoIterator for EdgeSockets {
    type Item = (Listen, Socket);
    type IntoIter = std::vec::IntoIter<Self::Item>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

/// `[::]` is every address, unless IPv4 has a socket of its own.
pub(super) fn bind(listen: Listen, beside: &[Listen]) -> Result<TcpListener, HostError> {
    let every_ipv4 = SocketAddr::from((Ipv4Addr::UNSPECIFIED, listen.address.port()));
    let is_every_ipv6 = listen.address.ip() == IpAddr::V6(Ipv6Addr::UNSPECIFIED);
    if is_every_ipv6 && beside.iter().any(|other| other.address == every_ipv4) {
        return listen::bind_ipv6_only(listen.address);
    }
    listen::bind(listen.address)
}

/// Binds control's address; waits a little for the control of a supervisor that died.
///
/// # Errors
/// When the address is not to be had.
pub(super) fn bind_control(address: SocketAddr) -> Result<Arc<TcpListener>, HostError> {
    let ends = Instant::now() + LAST_CONTROL_ENDS;
    loop {
        match listen::bind(address) {
            Err(HostError::Listen { source, .. })
                if source.kind() == io::ErrorKind::AddrInUse && Instant::now() < ends =>
            {
                std::thread::sleep(RETRY_EVERY);
            }
            bound => return bound.map(Arc::new),
        }
    }
}

/// An edge that lost its supervisor and serves on until we have one of our own.
#[derive(Debug)]
pub(super) struct Orphan(UnixStream);

impl Orphan {
    /// Finds one that waits in a state directory and takes its sockets over.
    pub(super) fn find(state: &Path) -> Option<(Self, EdgeSockets)> {
        let stream = UnixStream::connect(handover::orphan_socket(state)).ok()?;
        let take = || {
            stream.set_read_timeout(Some(ORPHAN_ANSWERS)).map_err(HostError::ReceiveDescriptors)?;
            descriptors::receive(&stream, handover::MAX_SOCKETS)
        };
        match take() {
            Ok(sockets) => {
                let sockets = sockets.into_iter().filter_map(|(name, socket)| {
                    Some((handover::listen_of(&name)?, Arc::new(TcpListener::from(socket))))
                });
                let sockets = EdgeSockets(sockets.collect());
                Some((Self(stream), sockets))
            }
            Err(error) => {
                tracing::warn!(%error, "an orphaned edge answered, but gave no sockets");
                None
            }
        }
    }

    /// Tells it that another edge serves now.
    pub(super) fn drain(mut self) {
        match self.0.write_all(handover::DRAIN) {
            Ok(()) => tracing::info!("the edge of the last supervisor drains"),
            Err(error) => tracing::warn!(%error, "the edge of the last supervisor is gone"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listen(address: SocketAddr, tls: bool) -> Listen {
        Listen { address, tls }
    }

    #[test]
    fn sockets_that_stay_are_kept_and_a_failure_binds_nothing() {
        let addresses: Vec<SocketAddr> = (0..3)
            .map(|_| TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap())
            .collect();
        let [a, b, taken] = [addresses[0], addresses[1], addresses[2]];
        let first = EdgeSockets::default().bind(&[listen(a, false)]).unwrap();
        let _holder = TcpListener::bind(taken).unwrap();
        assert!(first.bind(&[listen(b, false), listen(taken, false)]).is_err());
        let second = first.bind(&[listen(a, true), listen(b, false)]).unwrap();
        assert!(Arc::ptr_eq(&first.0[0].1, &second.0[0].1));
        let names: Vec<String> = second.named().into_iter().map(|(name, _)| name).collect();
        assert_eq!(names, [format!("https://{a}"), format!("http://{b}")]);
    }
}
