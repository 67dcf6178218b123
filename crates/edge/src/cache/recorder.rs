//! A response on its way into the cache: kept only if it ends as it was announced.

use super::{
    shelf::Shelf,
    stored::{Head, Stored},
};
use bytes::Bytes;
use std::{sync::Arc, time::Instant};

/// The right to fill one place, taken before the request goes to the shop: what is changed or
/// purged from then on voids it.
#[derive(Debug)]
pub(crate) struct Ticket {
    pub(super) key: Box<[u8]>,
    pub(super) key_hash: u64,
    pub(super) uri_hash: u64,
    pub(super) path: Box<str>,
    /// Of the shelf and of the address, at the time of asking.
    pub(super) epoch: u64,
    pub(super) stamp: u32,
    pub(super) asked: Instant,
}

/// Sees a response's body pass. Dropped before its end, it leaves nothing.
#[derive(Debug)]
pub(crate) struct Recorder {
    shelf: Arc<Shelf>,
    /// `None` once it gave up. Boxed, for it travels with every response's body.
    recording: Option<Box<Recording>>,
    /// Bytes taken from what all recorders of the shop may hold.
    reserved: u64,
}

#[derive(Debug)]
struct Recording {
    ticket: Ticket,
    head: Head,
    announced: Option<u64>,
    body: Vec<u8>,
}

/// First room for a body whose length is not known, or is doubted.
const FIRST_ROOM: usize = 64 * 1024;

impl Recorder {
    pub(super) fn new(
        shelf: Arc<Shelf>,
        ticket: Ticket,
        head: Head,
        announced: Option<u64>,
    ) -> Self {
        let room = announced.and_then(|length| usize::try_from(length).ok()).unwrap_or(0);
        let body = Vec::with_capacity(room.min(FIRST_ROOM));
        let recording = Box::new(Recording { ticket, head, announced, body });
        Self { shelf, recording: Some(recording), reserved: 0 }
    }

    /// A piece that goes to the visitor.
    pub(crate) fn data(&mut self, piece: &Bytes) {
        let Some(recording) = &mut self.recording else { return };
        let more = piece.len() as u64;
        let whole = recording.body.len() as u64 + more;
        if whole > self.shelf.object_bytes() || !self.shelf.reserve(more) {
            self.recording = None;
            return;
        }
        self.reserved += more;
        recording.body.extend_from_slice(piece);
    }

    /// The body ended cleanly. Returns whether the response is kept now.
    pub(crate) fn commit(mut self) -> bool {
        let Some(recording) = self.recording.take() else { return false };
        let Recording { ticket, head, announced, body } = *recording;
        let met = announced.is_none_or(|announced| announced == body.len() as u64);
        met && self.shelf.keep(ticket, head, body.into_boxed_slice().into())
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        self.shelf.release(self.reserved);
    }
}

impl Ticket {
    pub(super) fn into_stored(
        self,
        head: Head,
        body: Bytes,
        slot: Arc<super::queue::Slot>,
    ) -> Stored {
        Stored::new(self.key, self.path, head, body, slot)
    }
}
