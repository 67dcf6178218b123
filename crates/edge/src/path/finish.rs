//! What is still to do when the last byte of an answer has gone by.

use super::Record;
use crate::{
    body::{Observer, Outcome},
    cache::Recorder,
    guard,
    pool::Permit,
    upstream::Lane,
    worker::Worker,
};
use bytes::Bytes;
use std::rc::Rc;

/// Rides on an answer's body. At its end: the connection goes back to the idle ones, what was kept
/// is kept for good, the request is counted, and then, last, the place at the instance is free.
pub(crate) struct Finish {
    worker: Rc<Worker>,
    record: Box<Record>,
    lane: Option<Lane>,
    recorder: Option<Recorder>,
    bytes: u64,
    permit: Permit,
    exchange: guard::Exchange,
}

impl Finish {
    pub(crate) fn new(
        worker: Rc<Worker>,
        record: Box<Record>,
        permit: Permit,
        exchange: guard::Exchange,
    ) -> Self {
        Self { worker, record, lane: None, recorder: None, bytes: 0, permit, exchange }
    }

    pub(crate) fn giving_back(self, lane: Lane) -> Self {
        Self { lane: Some(lane), ..self }
    }

    pub(crate) fn keeping(self, recorder: Option<Recorder>) -> Self {
        Self { recorder, ..self }
    }

    /// The end of a connection that was upgraded: how many bytes went to the visitor, or `None` when
    /// either side just went away; that is how WebSockets end.
    pub(crate) fn end_upgrade(mut self, to_visitor: Option<u64>) {
        self.bytes = to_visitor.unwrap_or(0);
        self.end(if to_visitor.is_some() { Outcome::Whole } else { Outcome::Left });
    }
}

impl Observer for Finish {
    fn data(&mut self, piece: &Bytes) {
        self.bytes += piece.len() as u64;
        if let Some(recorder) = &mut self.recorder {
            recorder.data(piece);
        }
    }

    fn end(self, outcome: Outcome) {
        let Self { worker, mut record, lane, recorder, bytes, permit, exchange } = self;
        if outcome == Outcome::Whole {
            if let Some(lane) = lane {
                worker.upstreams.give_back(lane);
            }
            if recorder.is_some_and(Recorder::commit) {
                record.kept();
            }
        } else {
            drop(lane);
            if matches!(outcome, Outcome::Broken | Outcome::Stalled) {
                permit.broke_off();
            }
        }
        record.end(bytes, outcome, None);
        drop(permit);
        drop(exchange);
    }
}
