//! Ports of the loopback.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};

/// An address of the loopback that nobody listens on now. Another process may take it before its
/// user does: bind to port 0 where that is possible.
#[must_use]
pub fn free_port() -> SocketAddr {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        .and_then(|listener| listener.local_addr())
        .expect("the loopback has a free port")
}
