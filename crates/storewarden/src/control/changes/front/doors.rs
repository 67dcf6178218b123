//! The addresses that are given back to nginx, while it and the edge both listen there: nginx by new
//! sockets beside the edge's own, which are emptied before they are closed. Everything here blocks.

use super::nginx::{Nginx, wait};
use host::{
    HostError,
    sharing::{all_listening_on, copy_of, holders},
    steering::{Steer, are_together, await_empty, let_beside, steer, user_of},
};
use kernel::plan::Failed;
use std::{
    net::{SocketAddr, TcpListener},
    time::Duration,
};

/// Who has begun to open a connection ends it within this, or is very far away.
const ARRIVES_WITHIN: Duration = Duration::from_secs(3);

/// The edge's sockets at addresses of nginx.
pub(super) struct Doors(Vec<Door>);

/// One of them, and the copy by which we have a say in it.
struct Door {
    at: SocketAddr,
    inode: u64,
    socket: TcpListener,
}

fn not_shared(error: impl std::fmt::Display) -> Failed {
    Failed::new(format!("the web server cannot listen beside the edge: {error}"))
}

impl Doors {
    /// Those where somebody else than nginx listens, open to sockets of nginx's user.
    pub(super) fn open(nginx: &Nginx, at: &[SocketAddr]) -> Result<Self, Failed> {
        let user = user_of(nginx.identity.pid).map_err(not_shared)?;
        let mut doors = Vec::new();
        for at in at {
            let theirs = nginx.sockets_at(*at);
            let all = all_listening_on(*at).map_err(not_shared)?;
            for inode in all.into_iter().filter(|inode| !theirs.contains(inode)) {
                let socket = copied(inode, *at).map_err(not_shared)?;
                let_beside(&socket, user).map_err(not_shared)?;
                doors.push(Door { at: *at, inode, socket });
            }
        }
        Ok(Self(doors))
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn inodes(&self) -> Vec<(SocketAddr, u64)> {
        self.0.iter().map(|door| (door.at, door.inode)).collect()
    }

    /// From now on, who comes is nginx's, and nobody is left in what the edge has. nginx must listen.
    pub(super) fn lead_past(&self, nginx: &Nginx) -> Result<(), Failed> {
        for Door { at, socket, .. } in &self.0 {
            let theirs = nginx.copy_at(*at).map_err(not_shared)?;
            if !are_together(socket, &theirs).map_err(not_shared)? {
                return Err(not_shared(format!("on {at} it takes other addresses than the edge")));
            }
            // The edge's began first; nginx's of its first worker, which stays, is the next.
            steer(socket, Steer::To(1)).map_err(not_shared)?;
        }
        for Door { at, inode, .. } in &self.0 {
            let is_empty = await_empty(*inode, *at, ARRIVES_WITHIN).map_err(not_shared)?;
            if !is_empty {
                tracing::warn!(%at, "somebody is on the way to the edge for long, and may be refused");
            }
        }
        Ok(())
    }

    /// Waits until nginx has one socket at each, as by texts that let nobody listen beside it. Those
    /// where its own texts want several have them still.
    pub(super) fn await_one_each(&self, nginx: &Nginx, within: Duration) -> bool {
        let is_one = |door: &Door| nginx.sockets_at(door.at).len() == 1;
        wait(within, || self.0.iter().all(is_one)).is_ok()
    }
}

/// Has visitors come to all sockets of nginx alike, where it has several.
pub(super) fn lead_to_all(nginx: &Nginx, at: &[SocketAddr]) -> Result<(), Failed> {
    for at in at.iter().filter(|at| nginx.sockets_at(**at).len() > 1) {
        let theirs = nginx.copy_at(*at).map_err(not_shared)?;
        steer(&theirs, Steer::Alike).map_err(not_shared)?;
    }
    Ok(())
}

/// Whoever of those that have it may be looked into.
fn copied(inode: u64, at: SocketAddr) -> Result<TcpListener, HostError> {
    let mut last = None;
    for pid in holders(inode)? {
        match copy_of(pid, inode, at) {
            Ok(socket) => return Ok(socket),
            Err(error) => last = Some(error),
        }
    }
    let nobody = std::io::ErrorKind::PermissionDenied.into();
    Err(last.unwrap_or(HostError::Share { pid: 0, address: at, source: nobody }))
}
