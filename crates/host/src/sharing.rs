//! Listening sockets of other programs: who has them open, and a copy of one.
//!
//! A copy is the same socket with the same queue of visitors: when the other program closes its own,
//! nobody who waits is turned away. Only who may look into that program gets one (pidfd_getfd(2):
//! the same user, as far as `kernel.yama.ptrace_scope` allows it, or `CAP_SYS_PTRACE`).

use crate::{HostError, survey::listening_now};
use rustix::{
    io::Errno,
    process::{Pid, PidfdFlags, PidfdGetfdFlags, pidfd_getfd, pidfd_open},
};
use std::{
    fs, io,
    net::{SocketAddr, TcpListener},
    os::fd::OwnedFd,
    path::Path,
};

/// The number of the socket that listens on exactly this address; `None`: nobody does.
///
/// # Errors
/// When `/proc` cannot be read.
pub fn listening_on(address: SocketAddr) -> Result<Option<u64>, HostError> {
    let found = listening_now(Path::new("/proc"))?;
    Ok(found.into_iter().find(|(at, _)| *at == address).map(|(_, inode)| inode))
}

/// The numbers of all sockets that listen on exactly this address: several do where each has
/// `SO_REUSEPORT`.
///
/// # Errors
/// When `/proc` cannot be read.
pub fn all_listening_on(address: SocketAddr) -> Result<Vec<u64>, HostError> {
    let found = listening_now(Path::new("/proc"))?.into_iter();
    Ok(found.filter(|(at, _)| *at == address).map(|(_, inode)| inode).collect())
}

/// The processes that have a socket open, as far as we may see, in the order of their numbers.
///
/// # Errors
/// When `/proc` cannot be listed.
pub fn holders(inode: u64) -> Result<Vec<u32>, HostError> {
    let failed = |source: io::Error| HostError::Read { path: "/proc".into(), source };
    let mut pids = Vec::new();
    for entry in fs::read_dir("/proc").map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let pid: Option<u32> = entry.file_name().to_str().and_then(|name| name.parse().ok());
        pids.extend(pid.filter(|pid| descriptor(*pid, inode).is_some()));
    }
    pids.sort_unstable();
    Ok(pids)
}

/// A copy of the socket by which a process listens on an address.
///
/// # Errors
/// When it does not listen there, or we may not look into it.
pub fn copy(pid: u32, address: SocketAddr) -> Result<TcpListener, HostError> {
    let gone = || HostError::Share { pid, address, source: io::ErrorKind::NotFound.into() };
    copy_of(pid, listening_on(address)?.ok_or_else(gone)?, address)
}

/// A copy of the socket of this number, by which a process listens on an address.
///
/// # Errors
/// As of [`copy`].
pub fn copy_of(pid: u32, inode: u64, address: SocketAddr) -> Result<TcpListener, HostError> {
    let failed = |source: io::Error| HostError::Share { pid, address, source };
    let number =
        descriptor(pid, inode).ok_or_else(|| failed(io::ErrorKind::PermissionDenied.into()))?;
    let raw = i32::try_from(pid).ok().and_then(Pid::from_raw);
    let raw = raw.ok_or_else(|| failed(io::ErrorKind::InvalidInput.into()))?;
    let shared = || -> Result<OwnedFd, Errno> {
        let process = pidfd_open(raw, PidfdFlags::empty())?;
        pidfd_getfd(&process, number, PidfdGetfdFlags::empty())
    };
    let socket = TcpListener::from(shared().map_err(|errno| failed(errno.into()))?);
    // Between looking and copying it may have become another.
    if socket.local_addr().map_err(failed)? != address {
        return Err(failed(io::ErrorKind::NotFound.into()));
    }
    Ok(socket)
}

/// The number under which a process has a socket open.
fn descriptor(pid: u32, inode: u64) -> Option<i32> {
    let wanted = format!("socket:[{inode}]");
    let descriptors = fs::read_dir(format!("/proc/{pid}/fd")).ok()?;
    descriptors.flatten().find_map(|entry| {
        let is_it = fs::read_link(entry.path()).is_ok_and(|to| to.as_os_str() == wanted.as_str());
        is_it.then(|| entry.file_name().to_str()?.parse().ok()).flatten()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpStream;

    #[test]
    fn a_copy_goes_on_listening_when_the_first_is_closed() {
        let first = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = first.local_addr().unwrap();
        let inode = listening_on(address).unwrap().expect("it listens");
        assert_eq!(holders(inode).unwrap(), [std::process::id()]);
        let copy = copy(std::process::id(), address).unwrap();
        // Whoever waits in the queue of the one is taken by the other.
        let _visitor = TcpStream::connect(address).unwrap();
        drop(first);
        copy.accept().unwrap();
        drop(copy);
        assert_eq!(listening_on(address).unwrap(), None);
    }

    #[test]
    fn nobody_gives_what_they_do_not_have() {
        let first = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = first.local_addr().unwrap();
        assert!(matches!(copy(1, address), Err(HostError::Share { pid: 1, .. })));
        drop(first);
        assert!(copy(std::process::id(), address).is_err());
    }
}
