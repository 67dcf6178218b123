//! Bodies on their way through: a request's, kept whole before a place at an instance is taken, and
//! a response's, passed on as it comes.
//!
//! Knows nothing of heads, shops or instances, and never joins two messages.

mod file;
mod observed;
mod spooled;

pub(crate) use file::Spill;
pub(crate) use observed::{BrokenOff, Observed, Observer, Outcome};
pub(crate) use spooled::{BodyError, BodyLimits, Spooled, SpooledBody};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use std::{
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

/// The body of every response the edge gives.
pub(crate) enum EdgeBody<O: Observer> {
    Empty,
    /// Whole at once: a cache hit, an error page.
    Full(Bytes),
    /// As the origin sends it.
    Upstream(Observed<Incoming, O>),
}

impl<O: Observer> EdgeBody<O> {
    pub(crate) fn full(bytes: impl Into<Bytes>) -> Self {
        let bytes = bytes.into();
        if bytes.is_empty() { Self::Empty } else { Self::Full(bytes) }
    }

    /// `quiet` is the longest time between two pieces.
    pub(crate) fn upstream(body: Incoming, observer: O, quiet: Duration) -> Self {
        Self::Upstream(Observed::new(body, observer, quiet))
    }
}

impl<O: Observer> std::fmt::Debug for EdgeBody<O> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Empty => f.write_str("Empty"),
            Self::Full(bytes) => write!(f, "Full({} bytes)", bytes.len()),
            Self::Upstream(_) => f.write_str("Upstream"),
        }
    }
}

impl<O: Observer> Body for EdgeBody<O> {
    type Data = Bytes;
    type Error = BrokenOff;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BrokenOff>>> {
        match &mut *self {
            Self::Empty => Poll::Ready(None),
            Self::Full(bytes) => {
                let bytes = std::mem::take(bytes);
                *self = Self::Empty;
                Poll::Ready(Some(Ok(Frame::data(bytes))))
            }
            Self::Upstream(body) => Pin::new(body).poll_frame(context),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Empty => true,
            Self::Full(bytes) => bytes.is_empty(),
            Self::Upstream(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Empty => SizeHint::with_exact(0),
            Self::Full(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Self::Upstream(body) => body.size_hint(),
        }
    }
}

#[cfg(test)]
mod tests;
