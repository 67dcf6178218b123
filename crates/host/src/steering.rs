//! Which of several sockets of one address visitors come to (`SO_REUSEPORT`, socket(7)).
//!
//! A server that binds an address beside a socket that listens there already gets a queue of its own.
//! With everybody who comes from then on led to that one, the other can be emptied and closed, and
//! nobody is refused: closing a socket refuses whoever waits in it.

use crate::{
    HostError,
    survey::{greeting_now, waiting_now},
};
use nix::{
    libc::{sock_filter, sock_fprog},
    sys::socket::{setsockopt, sockopt::AttachReusePortCbpf},
};
use rustix::fs::{Gid, Uid, fchown, fstat};
use socket2::{Domain, SockRef, Socket, Type};
use std::{
    collections::BTreeSet,
    fs, io,
    net::{Ipv4Addr, SocketAddr, TcpListener},
    os::{fd::AsFd, unix::fs::MetadataExt as _},
    path::Path,
    time::{Duration, Instant},
};

/// `BPF_RET | BPF_K` (linux/bpf_common.h): the program answers a number, and that is all of it.
const RETURN: u16 = 0x06;
const LOOK_EVERY: Duration = Duration::from_millis(1);

/// Whom new visitors of an address come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Steer {
    /// The socket that began to listen as the so-manieth, from 0.
    To(u32),
    /// All of them alike, as the kernel does it by itself.
    Alike,
}

/// The user of a process, which its sockets belong to.
///
/// # Errors
/// When there is no such process.
pub fn user_of(pid: u32) -> Result<u32, HostError> {
    let path = format!("/proc/{pid}");
    let found = fs::metadata(&path);
    found.map(|found| found.uid()).map_err(|source| HostError::Read { path: path.into(), source })
}

/// Lets sockets of a user listen on the same address as this one, which then has to be theirs too.
/// They must have `SO_REUSEPORT` set.
///
/// # Errors
/// When it belongs to another user and may not be given away (`CAP_CHOWN`).
pub fn let_beside(socket: &TcpListener, user: u32) -> Result<(), HostError> {
    SockRef::from(socket).set_reuse_port(true).map_err(HostError::Beside)?;
    let failed = |errno: rustix::io::Errno| HostError::Beside(errno.into());
    if fstat(socket).map_err(failed)?.st_uid != user {
        fchown(socket, Some(Uid::from_raw(user)), None::<Gid>).map_err(failed)?;
    }
    Ok(())
}

/// Chooses whom new visitors come to of all sockets that listen where this one does. A number that
/// is nobody's leaves it to the kernel. Holds for as long as one of them listens.
///
/// # Errors
/// When no other socket may listen beside this one, or the kernel cannot (before Linux 4.6).
pub fn steer(socket: &TcpListener, to: Steer) -> Result<(), HostError> {
    let answer = match to {
        Steer::To(place) => place,
        Steer::Alike => u32::MAX,
    };
    let mut filter = [sock_filter { code: RETURN, jt: 0, jf: 0, k: answer }];
    let program = sock_fprog { len: 1, filter: filter.as_mut_ptr() };
    setsockopt(&socket.as_fd(), AttachReusePortCbpf, &program)
        .map_err(|errno| HostError::Steer(io::Error::from_raw_os_error(errno as i32)))
}

/// Whether the kernel lets us choose, tried on an address of our own.
#[must_use]
pub fn is_possible() -> bool {
    let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let listening = || {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
        socket.set_reuse_port(true)?;
        socket.bind(&any.into())?;
        socket.listen(1)?;
        io::Result::Ok(TcpListener::from(socket))
    };
    listening().is_ok_and(|socket| steer(&socket, Steer::Alike).is_ok())
}

/// Whether both belong to one address as the kernel counts, so that it can be chosen between them.
///
/// # Errors
/// When they do not say what they are.
pub fn are_together(one: &TcpListener, other: &TcpListener) -> io::Result<bool> {
    let kind = |socket: &TcpListener| {
        let address = socket.local_addr()?;
        let socket = SockRef::from(socket);
        let only_ipv6 = address.is_ipv6() && socket.only_v6()?;
        io::Result::Ok((address, only_ipv6, socket.reuse_port()?))
    };
    let (one, other) = (kind(one)?, kind(other)?);
    Ok(one == other && one.2)
}

/// Waits until nobody waits in a socket any more of those who came before it was passed over: who is
/// on the way now has arrived, and everybody was accepted. Blocks. `false`: not within that time.
///
/// # Errors
/// When `/proc` cannot be read.
pub fn await_empty(inode: u64, address: SocketAddr, within: Duration) -> Result<bool, HostError> {
    let (proc, ends) = (Path::new("/proc"), Instant::now() + within);
    let mut coming: BTreeSet<String> = greeting_now(proc, address.port())?.into_iter().collect();
    loop {
        if !coming.is_empty() {
            let still: BTreeSet<String> = greeting_now(proc, address.port())?.into_iter().collect();
            coming.retain(|one| still.contains(one));
        }
        if coming.is_empty() && waiting_now(proc, inode)?.unwrap_or(0) == 0 {
            return Ok(true);
        }
        if Instant::now() > ends {
            return Ok(false);
        }
        std::thread::sleep(LOOK_EVERY);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{listen::bind, sharing::all_listening_on};
    use std::net::TcpStream;

    fn beside(address: SocketAddr) -> io::Result<TcpListener> {
        let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
        // As web servers do: connections of before stand in no way then.
        socket.set_reuse_address(true)?;
        socket.set_reuse_port(true)?;
        socket.set_nonblocking(true)?;
        socket.bind(&address.into())?;
        socket.listen(64)?;
        Ok(socket.into())
    }

    /// How many of so many new visitors each of two has in its queue.
    fn come(visitors: usize, to: [&TcpListener; 2]) -> [usize; 2] {
        let address = to[0].local_addr().unwrap();
        let _visitors: Vec<TcpStream> =
            (0..visitors).map(|_| TcpStream::connect(address).unwrap()).collect();
        to.map(|socket| std::iter::from_fn(|| socket.accept().ok()).count())
    }

    #[test]
    fn visitors_come_to_the_socket_that_was_chosen_and_the_other_closes_on_nobody() {
        let first = bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let address = first.local_addr().unwrap();
        assert!(beside(address).is_err(), "the address is ours alone");
        assert!(steer(&first, Steer::To(0)).is_err(), "there is nobody to choose between");
        let [inode] = all_listening_on(address).unwrap()[..] else { panic!("one socket") };
        let early = TcpStream::connect(address).unwrap();

        let_beside(&first, user_of(std::process::id()).unwrap()).unwrap();
        let second = beside(address).unwrap();
        assert!(are_together(&first, &second).unwrap());
        assert_eq!(all_listening_on(address).unwrap().len(), 2);
        steer(&first, Steer::To(1)).unwrap();
        assert!(!await_empty(inode, address, Duration::ZERO).unwrap(), "one waits in it");
        assert_eq!(come(32, [&first, &second]), [1, 32], "who came before is the first's");
        assert!(await_empty(inode, address, Duration::from_secs(10)).unwrap());
        drop((early, first));

        let third = beside(address).unwrap();
        steer(&second, Steer::Alike).unwrap();
        let [some, others] = come(64, [&second, &third]);
        assert_eq!(some + others, 64);
        assert!(some > 0 && others > 0, "alike: {some} and {others}");
        assert!(is_possible());
    }
}
