//! What the service manager that started us is told, by the protocol of sd_notify(3): a datagram to
//! the socket that `NOTIFY_SOCKET` names. Without one nobody is told, which is no failure.
//!
//! It keeps descriptors too, for whoever is started next in our place ("file descriptor store"): a
//! listening socket in its hands goes on to take visitors in while nobody of ours runs.

use rustix::{
    io::{FdFlags, fcntl_setfd},
    net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags, sendmsg},
};
use std::{
    ffi::OsStr,
    io::{self, IoSlice},
    mem::MaybeUninit,
    os::{
        fd::{BorrowedFd, OwnedFd},
        linux::net::SocketAddrExt as _,
        unix::{
            ffi::OsStrExt as _,
            net::{SocketAddr, UnixDatagram},
        },
    },
};

const VARIABLE: &str = "NOTIFY_SOCKET";
/// Stands in names for the colon, by which the manager parts them (sd_listen_fds_with_names(3)).
const COLON: char = '|';

/// What there is to say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Announcement<'a> {
    /// The start is over: what depends on us may begin. With a line for `systemctl status`.
    Ready(&'a str),
    /// A line for `systemctl status`.
    Status(&'a str),
    /// The end has begun.
    Stopping,
}

/// Tells the service manager, where there is one.
///
/// # Errors
/// When one wants to be told and cannot be.
pub fn announce(announcement: &Announcement<'_>) -> io::Result<()> {
    let text = match announcement {
        Announcement::Ready(status) => format!("READY=1\nSTATUS={}", one_line(status)),
        Announcement::Status(status) => format!("STATUS={}", one_line(status)),
        Announcement::Stopping => "STOPPING=1".to_owned(),
    };
    tell_manager(&text, None)
}

/// Gives the service manager a descriptor to keep by this name, where it keeps any
/// (`FileDescriptorStoreMax=`); ours stays open.
///
/// # Errors
/// When one wants to be told and cannot be.
pub fn give_to_keep(name: &str, descriptor: BorrowedFd<'_>) -> io::Result<()> {
    let name = one_line(name).replace(':', &COLON.to_string());
    tell_manager(&format!("FDSTORE=1\nFDNAME={name}"), Some(descriptor))
}

/// Has the service manager close what it keeps by this name.
///
/// # Errors
/// When one wants to be told and cannot be.
pub fn keep_no_longer(name: &str) -> io::Result<()> {
    let name = one_line(name).replace(':', &COLON.to_string());
    tell_manager(&format!("FDSTOREREMOVE=1\nFDNAME={name}"), None)
}

/// What the service manager kept from the process before, by its names; nothing where there is none.
/// The descriptors are closed on `exec`. To be asked once, at the start: they are the caller's then.
///
/// # Errors
/// When what it says of them cannot be understood.
pub fn kept_from_before() -> io::Result<Vec<(String, OwnedFd)>> {
    let kept = sd_listen_fds::get().map_err(io::Error::other)?;
    let named = kept.into_iter().map(|(name, descriptor)| {
        let descriptor = descriptor.into_std();
        fcntl_setfd(&descriptor, FdFlags::CLOEXEC)?;
        Ok((name.unwrap_or_default().replace(COLON, ":"), descriptor))
    });
    named.collect()
}

fn tell_manager(text: &str, descriptor: Option<BorrowedFd<'_>>) -> io::Result<()> {
    let Some(socket) = std::env::var_os(VARIABLE).filter(|socket| !socket.is_empty()) else {
        return Ok(());
    };
    tell(&socket, text, descriptor)
}

fn tell(socket: &OsStr, text: &str, descriptor: Option<BorrowedFd<'_>>) -> io::Result<()> {
    // A name that begins with `@` lies in no folder (unix(7), abstract).
    let address = match socket.as_bytes() {
        [b'@', name @ ..] => SocketAddr::from_abstract_name(name)?,
        path => SocketAddr::from_pathname(OsStr::from_bytes(path))?,
    };
    let manager = UnixDatagram::unbound()?;
    manager.connect_addr(&address)?;
    let descriptors: Vec<BorrowedFd<'_>> = descriptor.into_iter().collect();
    let mut space = vec![MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    if !descriptors.is_empty() && !control.push(SendAncillaryMessage::ScmRights(&descriptors)) {
        return Err(io::Error::other("the buffer for a descriptor is too small"));
    }
    let body = [IoSlice::new(text.as_bytes())];
    sendmsg(&manager, &body, &mut control, SendFlags::NOSIGNAL).map(drop).map_err(io::Error::from)
}

/// A line break would begin another assignment.
fn one_line(text: &str) -> String {
    text.replace('\n', " ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, recvmsg};
    use std::{io::IoSliceMut, os::fd::AsFd as _};

    fn heard(by: &UnixDatagram) -> String {
        let mut bytes = [0; 256];
        let length = by.recv(&mut bytes).unwrap();
        String::from_utf8(bytes[..length].to_vec()).unwrap()
    }

    #[test]
    fn it_is_told_by_path_and_by_abstract_name() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notify");
        let manager = UnixDatagram::bind(&path).unwrap();
        tell(path.as_os_str(), "STATUS=waits", None).unwrap();
        assert_eq!(heard(&manager), "STATUS=waits");

        let name = format!("storewarden-test-{}", std::process::id());
        let address = SocketAddr::from_abstract_name(&name).unwrap();
        let manager = UnixDatagram::bind_addr(&address).unwrap();
        tell(OsStr::new(&format!("@{name}")), "STOPPING=1", None).unwrap();
        assert_eq!(heard(&manager), "STOPPING=1");
    }

    #[test]
    fn a_manager_that_is_gone_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("nobody");
        assert!(tell(path.as_os_str(), "STOPPING=1", None).is_err());
    }

    #[test]
    fn a_descriptor_goes_with_what_is_said_of_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notify");
        let manager = UnixDatagram::bind(&path).unwrap();
        let kept = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        tell(path.as_os_str(), "FDSTORE=1\nFDNAME=a", Some(kept.as_fd())).unwrap();
        let (mut bytes, mut space) =
            ([0; 64], [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))]);
        let mut control = RecvAncillaryBuffer::new(&mut space);
        let mut slices = [IoSliceMut::new(&mut bytes)];
        let got = recvmsg(&manager, &mut slices, &mut control, RecvFlags::CMSG_CLOEXEC).unwrap();
        assert_eq!(&bytes[..got.bytes], b"FDSTORE=1\nFDNAME=a");
        let descriptors = control.drain().filter_map(|message| match message {
            RecvAncillaryMessage::ScmRights(descriptors) => Some(descriptors),
            _ => None,
        });
        let mut descriptors = descriptors.flatten();
        let again = std::net::TcpListener::from(descriptors.next().expect("a descriptor came"));
        assert_eq!(again.local_addr().unwrap(), kept.local_addr().unwrap());
    }
}
