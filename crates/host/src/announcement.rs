//! What the service manager that started us is told, by the protocol of sd_notify(3): a datagram to
//! the socket that `NOTIFY_SOCKET` names. Without one nobody is told, which is no failure.

use std::{
    ffi::OsStr,
    io,
    os::{
        linux::net::SocketAddrExt as _,
        unix::{
            ffi::OsStrExt as _,
            net::{SocketAddr, UnixDatagram},
        },
    },
};

const VARIABLE: &str = "NOTIFY_SOCKET";

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
    let Some(socket) = std::env::var_os(VARIABLE).filter(|socket| !socket.is_empty()) else {
        return Ok(());
    };
    tell(&socket, announcement)
}

fn tell(socket: &OsStr, announcement: &Announcement<'_>) -> io::Result<()> {
    // A name that begins with `@` lies in no folder (unix(7), abstract).
    let address = match socket.as_bytes() {
        [b'@', name @ ..] => SocketAddr::from_abstract_name(name)?,
        path => SocketAddr::from_pathname(OsStr::from_bytes(path))?,
    };
    let text = match announcement {
        Announcement::Ready(status) => format!("READY=1\nSTATUS={}", one_line(status)),
        Announcement::Status(status) => format!("STATUS={}", one_line(status)),
        Announcement::Stopping => "STOPPING=1".to_owned(),
    };
    UnixDatagram::unbound()?.send_to_addr(text.as_bytes(), &address).map(drop)
}

/// A line break would begin another assignment.
fn one_line(text: &str) -> String {
    text.replace('\n', " ")
}

#[cfg(test)]
mod tests {
    use super::*;

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
        let check = |announcement, expect: &str| {
            tell(path.as_os_str(), &announcement).unwrap();
            assert_eq!(heard(&manager), expect);
        };
        check(Announcement::Ready("edge 7\nserves"), "READY=1\nSTATUS=edge 7 serves");
        check(Announcement::Status("waits"), "STATUS=waits");
        check(Announcement::Stopping, "STOPPING=1");

        let name = format!("storewarden-test-{}", std::process::id());
        let address = SocketAddr::from_abstract_name(&name).unwrap();
        let manager = UnixDatagram::bind_addr(&address).unwrap();
        tell(OsStr::new(&format!("@{name}")), &Announcement::Stopping).unwrap();
        assert_eq!(heard(&manager), "STOPPING=1");
    }

    #[test]
    fn a_manager_that_is_gone_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("nobody");
        assert!(tell(path.as_os_str(), &Announcement::Stopping).is_err());
    }
}
