//! Open descriptors on their way from one process to another (`SCM_RIGHTS`, unix(7)).
//!
//! A message is one line of JSON that names the descriptors in their order, `["http://…","control"]`,
//! with the descriptors attached to its first byte. Sockets stay open on the way: a listening
//! socket that changes hands so loses no connection that waits in it.

use crate::HostError;
use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, ReturnFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, recvmsg, sendmsg,
};
use std::{
    io::{self, IoSlice, IoSliceMut, Write},
    mem::MaybeUninit,
    os::{
        fd::{AsFd, BorrowedFd, OwnedFd},
        unix::net::UnixStream,
    },
};

/// Most descriptors in one message (`SCM_MAX_FD`, linux/include/net/scm.h).
pub const MAX_DESCRIPTORS: usize = 253;
/// Names of a message are refused beyond this.
const MAX_BODY_BYTES: usize = 64 * 1024;

/// Sends descriptors with their names; the sender's own stay open.
///
/// # Errors
/// When there are more than [`MAX_DESCRIPTORS`], or the other side has gone.
pub fn send(stream: &UnixStream, named: &[(&str, BorrowedFd<'_>)]) -> Result<(), HostError> {
    if named.len() > MAX_DESCRIPTORS {
        return Err(HostError::Descriptors("more descriptors than one message can carry"));
    }
    let names: Vec<&str> = named.iter().map(|(name, _)| *name).collect();
    let fds: Vec<BorrowedFd<'_>> = named.iter().map(|(_, fd)| *fd).collect();
    let mut body =
        serde_json::to_vec(&names).map_err(|source| HostError::SendDescriptors(source.into()))?;
    body.push(b'\n');
    let mut space = vec![MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(fds.len()))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    if !fds.is_empty() && !control.push(SendAncillaryMessage::ScmRights(&fds)) {
        return Err(HostError::Descriptors("the buffer for descriptors is too small"));
    }
    let sent = rustix::io::retry_on_intr(|| {
        sendmsg(stream, &[IoSlice::new(&body)], &mut control, SendFlags::NOSIGNAL)
    })
    .map_err(|source| HostError::SendDescriptors(source.into()))?;
    let mut rest = stream;
    rest.write_all(&body[sent..]).map_err(HostError::SendDescriptors)
}

/// Receives one message: descriptors with their names, in the order they were sent. Blocks, unless
/// the stream has a read timeout. Received descriptors are closed on `exec`.
///
/// # Errors
/// When the other side has gone, sends more than `max` descriptors, or something else than such a
/// message. Descriptors that came with it are closed then.
pub fn receive(stream: &UnixStream, max: usize) -> Result<Vec<(String, OwnedFd)>, HostError> {
    let mut fds: Vec<OwnedFd> = Vec::new();
    let mut body: Vec<u8> = Vec::new();
    while !body.ends_with(b"\n") {
        if body.len() > MAX_BODY_BYTES {
            return Err(HostError::Descriptors("it is too long"));
        }
        if receive_piece(stream, max, &mut body, &mut fds)? == 0 {
            let gone = io::Error::from(io::ErrorKind::UnexpectedEof);
            return Err(HostError::ReceiveDescriptors(gone));
        }
    }
    let names: Vec<String> = serde_json::from_slice(&body)
        .map_err(|_| HostError::Descriptors("it is not a list of names"))?;
    if names.len() != fds.len() {
        return Err(HostError::Descriptors("it names more or fewer descriptors than came with it"));
    }
    Ok(names.into_iter().zip(fds).collect())
}

fn receive_piece(
    stream: &UnixStream,
    max: usize,
    body: &mut Vec<u8>,
    fds: &mut Vec<OwnedFd>,
) -> Result<usize, HostError> {
    let mut piece = [0; 4096];
    let room = max.min(MAX_DESCRIPTORS);
    let mut space = vec![MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(room))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let received = rustix::io::retry_on_intr(|| {
        let mut slices = [IoSliceMut::new(&mut piece)];
        recvmsg(stream, &mut slices, &mut control, RecvFlags::CMSG_CLOEXEC)
    })
    .map_err(|source| HostError::ReceiveDescriptors(source.into()))?;
    for message in control.drain() {
        if let RecvAncillaryMessage::ScmRights(rights) = message {
            fds.extend(rights);
        }
    }
    // The kernel rounds the room for descriptors up, so both must be looked at.
    if received.flags.contains(ReturnFlags::CTRUNC) || fds.len() > max {
        return Err(HostError::Descriptors("it brings more descriptors than were asked for"));
    }
    body.extend_from_slice(&piece[..received.bytes]);
    Ok(received.bytes)
}

/// The socket that our parent gave us as descriptor 0, as a descriptor of its own.
///
/// # Errors
/// When descriptor 0 is something else: the program was started by a person, not by its parent.
pub fn from_stdin() -> io::Result<UnixStream> {
    let stream = UnixStream::from(io::stdin().as_fd().try_clone_to_owned()?);
    // Fails for anything that is not a Unix socket.
    stream.local_addr()?;
    Ok(stream)
}
