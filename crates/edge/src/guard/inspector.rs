//! Follows the framing of one HTTP/1 connection: where each head, body, chunk and trailer ends, by
//! the strictest reading of RFC 9112. Bytes in, verdicts out; no I/O.
//!
//! A head, a chunk's size line and a trailer section are released only whole, body bytes as they
//! come. What is not released must be shown again together with what comes next.

#[cfg(test)]
mod differential;

use super::{
    Reason,
    chunk::{ChunkEnd, SizeLine, Trailers},
    head::{Framing, HeadScan},
    watchdog::Phase,
};
use kernel::snapshot::Limits;

/// What may go on to hyper.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Verdict {
    /// This many of the shown bytes.
    pub(super) release: usize,
    /// Heads that are whole among them.
    pub(super) requests: u32,
    /// Why nothing further may.
    pub(super) refusal: Option<Reason>,
}

/// The sizes of a head that are refused when over.
#[derive(Debug, Clone, Copy)]
pub(super) struct HeadLimits {
    pub(super) head_bytes: usize,
    pub(super) target_bytes: usize,
    pub(super) headers: usize,
}

/// Where a connection stands.
#[derive(Debug)]
pub(super) struct Inspector {
    limits: HeadLimits,
    state: State,
    /// No request may follow the one whose body passes now.
    last: bool,
    /// The request whose body passes now asked for an upgrade.
    upgrade: bool,
    /// Chunk extensions in the body that passes now.
    extensions: u32,
}

#[derive(Debug)]
enum State {
    Head(HeadScan),
    Body(u64),
    SizeLine(SizeLine),
    ChunkData(u64),
    ChunkEnd(ChunkEnd),
    Trailers(Trailers),
    /// An upgrade was asked for: what follows is looked at when it was refused.
    Answer,
    Done,
    Refused {
        mid_request: bool,
    },
}

impl Inspector {
    pub(super) fn new(limits: &Limits) -> Self {
        let limits = HeadLimits {
            head_bytes: limits.head_bytes as usize,
            target_bytes: limits.target_bytes as usize,
            headers: limits.headers as usize,
        };
        let state = State::Head(HeadScan::default());
        Self { limits, state, last: false, upgrade: false, extensions: 0 }
    }

    /// Looks at everything that came and was not released yet.
    pub(super) fn inspect(&mut self, bytes: &[u8]) -> Verdict {
        let mut verdict = Verdict { release: 0, requests: 0, refusal: None };
        loop {
            let rest = &bytes[verdict.release..];
            if rest.is_empty() {
                return verdict;
            }
            match self.step(rest, &mut verdict.requests) {
                Ok(0) => return verdict,
                Ok(count) => verdict.release += count,
                Err(reason) => {
                    self.state = State::Refused { mid_request: self.is_mid_request() };
                    verdict.refusal = Some(reason);
                    return verdict;
                }
            }
        }
    }

    /// Takes the next unit off the front of `rest`: its length, 0 while it is not whole.
    fn step(&mut self, rest: &[u8], requests: &mut u32) -> Result<usize, Reason> {
        match &mut self.state {
            State::Head(scan) => {
                let Some(head) = scan.advance(rest, &self.limits)? else { return Ok(0) };
                *requests += 1;
                self.last = head.last;
                self.upgrade = head.upgrade;
                self.extensions = 0;
                match head.framing {
                    Framing::Length(0) => self.end_request(),
                    Framing::Length(length) => self.state = State::Body(length),
                    Framing::Chunked => self.state = State::SizeLine(SizeLine::default()),
                }
                Ok(head.length)
            }
            State::Body(left) => {
                let count = pass(left, rest);
                if *left == 0 {
                    self.end_request();
                }
                Ok(count)
            }
            State::SizeLine(line) => {
                let Some((length, size)) = line.advance(rest, &mut self.extensions)? else {
                    return Ok(0);
                };
                self.state = match size {
                    0 => State::Trailers(Trailers::new(self.limits)),
                    _ => State::ChunkData(size),
                };
                Ok(length)
            }
            State::ChunkData(left) => {
                let count = pass(left, rest);
                if *left == 0 {
                    self.state = State::ChunkEnd(ChunkEnd);
                }
                Ok(count)
            }
            State::ChunkEnd(end) => {
                let length = end.advance(rest)?;
                if length > 0 {
                    self.state = State::SizeLine(SizeLine::default());
                }
                Ok(length)
            }
            State::Trailers(trailers) => {
                let length = trailers.advance(rest)?;
                if length > 0 {
                    self.end_request();
                }
                Ok(length)
            }
            State::Answer | State::Done | State::Refused { .. } => Ok(0),
        }
    }

    fn end_request(&mut self) {
        self.state = match (self.upgrade, self.last) {
            (true, _) => State::Answer,
            (false, true) => State::Done,
            (false, false) => State::Head(HeadScan::default()),
        };
    }

    /// Nothing is released until the request that asked for an upgrade has its answer.
    pub(super) fn awaits_answer(&self) -> bool {
        matches!(self.state, State::Answer)
    }

    /// The upgrade was refused: HTTP goes on.
    pub(super) fn answered(&mut self) {
        self.upgrade = false;
        self.end_request();
    }

    /// No request follows any more; further bytes mean nothing.
    pub(super) fn is_done(&self) -> bool {
        matches!(self.state, State::Done | State::Refused { .. })
    }

    /// A request was let through whose body is not whole.
    pub(super) fn is_mid_request(&self) -> bool {
        match self.state {
            State::Head(_) | State::Answer | State::Done => false,
            State::Refused { mid_request } => mid_request,
            _ => true,
        }
    }

    pub(super) fn phase(&self) -> Phase {
        match &self.state {
            State::Head(scan) if scan.has_begun() => Phase::Head,
            State::Head(_) | State::Answer | State::Done | State::Refused { .. } => Phase::Idle,
            _ => Phase::Body,
        }
    }
}

/// Counts `rest` against the bytes still to come.
fn pass(left: &mut u64, rest: &[u8]) -> usize {
    let count = usize::try_from(*left).unwrap_or(usize::MAX).min(rest.len());
    *left -= count as u64;
    count
}
