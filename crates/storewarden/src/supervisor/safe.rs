//! The edge's sockets in the hands of the service manager, where one keeps them: they outlive us
//! however we end, and whoever is started next gets them back (docs/formats/handover.md).

use super::sockets::{EdgeSockets, Socket};
use crate::handover;
use host::announcement::{give_to_keep, keep_no_longer, kept_from_before};
use std::{io, net::TcpListener, os::fd::AsFd as _, sync::Arc};

/// What the manager keeps, as far as it was told.
#[derive(Debug, Default)]
pub(super) struct Safe(Vec<(String, Socket)>);

impl Safe {
    /// Opens it, with what was kept from the supervisor before. To be called once in a life.
    pub(super) fn open() -> (Self, EdgeSockets) {
        let kept = kept_from_before().unwrap_or_else(|error| {
            tracing::error!(%error, "what the service manager kept could not be taken back");
            Vec::new()
        });
        let (mut safe, mut sockets) = (Self::default(), EdgeSockets::default());
        for (name, descriptor) in kept {
            // Something else that we were started with is closed here.
            let Some(listen) = handover::listen_of(&name) else { continue };
            let socket = Arc::new(TcpListener::from(descriptor));
            if socket.local_addr().is_ok_and(|address| address == listen.address) {
                sockets.adopt([(listen, Arc::clone(&socket))]);
            }
            safe.0.push((name, socket));
        }
        (safe, sockets)
    }

    /// Has the manager keep these sockets and no others.
    pub(super) fn hold(&mut self, sockets: &EdgeSockets) {
        let is_same = |one: &(String, Socket), other: &(String, Socket)| {
            one.0 == other.0 && Arc::ptr_eq(&one.1, &other.1)
        };
        let wanted: Vec<(String, Socket)> = sockets.all().collect();
        // Old ones first: a name may be given to another socket.
        let is_over = |kept: &mut (String, Socket)| !wanted.iter().any(|one| is_same(one, kept));
        for (name, _) in self.0.extract_if(.., is_over) {
            note(keep_no_longer(&name), &name);
        }
        for new in wanted {
            if !self.0.iter().any(|kept| is_same(kept, &new)) {
                note(give_to_keep(&new.0, new.1.as_fd()), &new.0);
                self.0.push(new);
            }
        }
    }
}

/// Nobody is turned away of it, unless we end before the next supervisor is there.
fn note(told: io::Result<()>, name: &str) {
    if let Err(error) = told {
        tracing::warn!(%error, name, "the service manager does not keep a socket for us");
    }
}
