//! Ports of the loopback.

use std::{
    net::{Ipv4Addr, SocketAddr, TcpListener},
    ops::Range,
    os::{
        linux::net::SocketAddrExt as _,
        unix::net::{SocketAddr as UnixAddr, UnixListener},
    },
    process,
    sync::{Mutex, PoisonError},
};

/// Below those that the kernel gives to connections that leave the machine: such a one, of anybody, would
/// have the port just when its user comes to bind it.
const PORTS: Range<u16> = 15_000..32_000;

/// Names of those that this process has taken: no other test takes them while it lives.
static TAKEN: Mutex<Vec<UnixListener>> = Mutex::new(Vec::new());

/// An address of the loopback that nobody listens on, and that no other test is given as long as this
/// process lives. Bind to port 0 where that is possible.
#[must_use]
pub fn free_port() -> SocketAddr {
    let mut taken = TAKEN.lock().unwrap_or_else(PoisonError::into_inner);
    // Each process begins elsewhere, and none has to try long.
    let first = usize::try_from(process::id()).expect("a number of a process") * 101;
    let (port, name) = (0..PORTS.len())
        .map(|step| PORTS.start + u16::try_from((first + step) % PORTS.len()).expect("a port"))
        .find_map(|port| Some((port, take(port)?)))
        .expect("the loopback has a free port");
    taken.push(name);
    SocketAddr::from((Ipv4Addr::LOCALHOST, port))
}

/// The name by which a port is ours; `None`: another test has it, or somebody listens there.
fn take(port: u16) -> Option<UnixListener> {
    let name = UnixAddr::from_abstract_name(format!("storewarden-test-port-{port}"));
    let name = UnixListener::bind_addr(&name.expect("a name of this length")).ok()?;
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).ok().map(|_| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_port_is_given_twice_and_none_where_somebody_listens() {
        let first = free_port();
        let listening = TcpListener::bind(first).unwrap();
        let others: Vec<SocketAddr> = (0..50).map(|_| free_port()).collect();
        assert!(!others.contains(&first), "{others:?}");
        let is_taken = |address: &SocketAddr| take(address.port()).is_none();
        assert!(others.iter().all(is_taken), "they are ours: nobody else is given them");
        drop(listening);
    }
}
