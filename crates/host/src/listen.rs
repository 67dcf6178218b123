//! Listening sockets, opened once and handed on; and whom to blame when one cannot be opened.

use crate::HostError;
use rustix::io::Errno;
use socket2::{Domain, Protocol, Socket, Type};
use std::{
    fs, io,
    net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener},
    path::Path,
};

/// Connections that may wait to be accepted; the kernel cuts it to `net.core.somaxconn` (4096 since
/// Linux 5.4).
const BACKLOG: i32 = 4096;

/// Listens on a TCP address: non-blocking, closed on `exec`. `[::]` is every address of the machine,
/// IPv4 too (visitors over IPv4 then show as `::ffff:a.b.c.d`), also where there is no IPv6.
///
/// # Errors
/// When the address is taken, not of this machine or not allowed. The message says by whom it is
/// taken, as far as we may know, and what to do.
pub fn bind(address: SocketAddr) -> Result<TcpListener, HostError> {
    let every_ipv4 = SocketAddr::from((Ipv4Addr::UNSPECIFIED, address.port()));
    let bound = match open(address) {
        Err(error) if address.ip() == Ipv6Addr::UNSPECIFIED && is_without_ipv6(&error) => {
            open(every_ipv4)
        }
        bound => bound,
    };
    bound.map_err(|source| HostError::Listen { address, mend: mend(address, &source), source })
}

/// Listens as [`bind`] does, on `[::]` for IPv6 alone: somebody of ours has IPv4.
///
/// # Errors
/// As of [`bind`].
pub fn bind_ipv6_only(address: SocketAddr) -> Result<TcpListener, HostError> {
    let bound = open_with(address, true);
    bound.map_err(|source| HostError::Listen { address, mend: mend(address, &source), source })
}

fn open(address: SocketAddr) -> io::Result<TcpListener> {
    open_with(address, false)
}

fn open_with(address: SocketAddr, only_ipv6: bool) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    if address.is_ipv6() {
        // Whatever the machine's own default is (net.ipv6.bindv6only).
        socket.set_only_v6(only_ipv6)?;
    }
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

/// A kernel without IPv6 refuses the socket, one that has it switched off the address.
fn is_without_ipv6(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::AddrNotAvailable
        || error.raw_os_error() == Some(Errno::AFNOSUPPORT.raw_os_error())
}

fn mend(address: SocketAddr, error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::AddrInUse => match listener_of(address.port()) {
            Some((pid, _)) if pid == std::process::id() => {
                "another address of ours covers it already; leave one of them out".into()
            }
            Some((pid, name)) => format!(
                "the port is taken by process {pid} ({name}); end it or choose another port"
            ),
            None => "the port is taken by another process; end it or choose another port".into(),
        },
        io::ErrorKind::PermissionDenied => format!(
            "port {} is for privileged programs; start as root, give the program \
             CAP_NET_BIND_SERVICE or choose a port from 1024 up",
            address.port()
        ),
        io::ErrorKind::AddrNotAvailable => format!(
            "no network interface of this machine has the address {}; `ip address` shows those there are",
            address.ip()
        ),
        _ => "the system refused it".into(),
    }
}

/// The process that listens on a port, as far as `/proc` shows it to us: its id and name.
fn listener_of(port: u16) -> Option<(u32, String)> {
    let inode = ["/proc/net/tcp", "/proc/net/tcp6"]
        .iter()
        .find_map(|path| listening_inode(&fs::read_to_string(path).ok()?, port))?;
    let wanted = format!("socket:[{inode}]");
    let pid = fs::read_dir("/proc").ok()?.flatten().find_map(|entry| {
        let pid: u32 = entry.file_name().to_str()?.parse().ok()?;
        has_descriptor(&entry.path(), &wanted).then_some(pid)
    })?;
    let name = fs::read_to_string(format!("/proc/{pid}/comm")).ok()?;
    Some((pid, name.trim().to_owned()))
}

/// The inode of the socket that listens on a port, from a table of `/proc/net/tcp` (proc_net(5)).
fn listening_inode(table: &str, port: u16) -> Option<u64> {
    const LISTEN: &str = "0A";
    table.lines().skip(1).find_map(|line| {
        let mut fields = line.split_ascii_whitespace();
        let (_, local_port) = fields.nth(1)?.rsplit_once(':')?;
        let state = fields.nth(1)?;
        let is_it = state == LISTEN && u16::from_str_radix(local_port, 16).ok()? == port;
        is_it.then(|| fields.nth(5)?.parse().ok()).flatten()
    })
}

fn has_descriptor(process: &Path, wanted: &str) -> bool {
    let Ok(descriptors) = fs::read_dir(process.join("fd")) else { return false };
    descriptors
        .flatten()
        .any(|entry| fs::read_link(entry.path()).is_ok_and(|target| target.as_os_str() == wanted))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_listening_socket_is_found_by_its_port() {
        let table = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n   \
            0: 0100007F:1F90 0100007F:D2F0 01 00000000:00000000 00:00000000 00000000     0        0 1111 1\n   \
            1: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 2222 1\n";
        assert_eq!(listening_inode(table, 8080), Some(2222));
        assert_eq!(listening_inode(table, 8081), None);
    }

    #[test]
    fn no_table_makes_it_panic() {
        bolero::check!().with_type::<String>().for_each(|table| {
            listening_inode(&format!("head\n{table}"), 80);
        });
    }

    #[test]
    fn a_port_that_we_hold_ourselves_is_told_from_anothers() {
        let held = bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let address = held.local_addr().unwrap();
        let error = bind(address).unwrap_err().to_string();
        assert!(error.contains("another address of ours"), "{error}");
        let holder = listener_of(address.port()).unwrap();
        assert_eq!(holder.0, std::process::id());
    }

    #[test]
    fn every_address_takes_visitors_over_ipv4() {
        let every = bind("[::]:0".parse().unwrap()).unwrap();
        let port = every.local_addr().unwrap().port();
        std::net::TcpStream::connect((Ipv4Addr::LOCALHOST, port)).unwrap();
    }

    #[test]
    fn a_foreign_address_is_told_from_a_taken_one() {
        // 192.0.2.0/24 is for documentation (RFC 5737) and so on no interface.
        let error = bind("192.0.2.1:0".parse().unwrap()).unwrap_err().to_string();
        assert!(error.contains("no network interface"), "{error}");
    }
}
