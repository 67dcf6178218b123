//! A response body under observation: each piece, and how it ended.

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use std::{
    error::Error,
    fmt,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};
use tokio::time::{Instant, Sleep, sleep_until};

/// Sees a body go by. `end` is called exactly once, also when the body is dropped midway.
pub(crate) trait Observer: Unpin {
    fn data(&mut self, piece: &Bytes);
    fn end(self, outcome: Outcome);
}

/// How a body ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// To the last byte that was announced.
    Whole,
    /// The origin broke off; the visitor's connection is aborted, never ended cleanly.
    Broken,
    /// The origin sent nothing for too long; aborted likewise.
    Stalled,
    /// The visitor left before the end.
    Left,
}

/// Why a response body is aborted towards the visitor.
#[derive(Debug)]
pub(crate) enum BrokenOff {
    Origin(Box<dyn Error + Send + Sync>),
    Stalled,
}

impl fmt::Display for BrokenOff {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Origin(_) => "the shop broke off its answer",
            Self::Stalled => "the shop stopped sending its answer",
        })
    }
}

impl Error for BrokenOff {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Origin(error) => Some(&**error),
            Self::Stalled => None,
        }
    }
}

/// A body whose pieces pass an observer. Trailers are dropped.
///
/// The end is reported as soon as the last byte went by, since a server that knows the length does
/// not ask again.
pub(crate) struct Observed<B, O: Observer> {
    inner: B,
    observer: Option<O>,
    quiet: Duration,
    /// Made when the first wait begins: an answer that is all there needs no timer.
    alarm: Option<Pin<Box<Sleep>>>,
    /// Whether `alarm` counts from the last piece.
    armed: bool,
}

impl<B: Body<Data = Bytes> + Unpin, O: Observer> Observed<B, O> {
    /// `quiet` is the longest time between two pieces.
    pub(crate) fn new(inner: B, observer: O, quiet: Duration) -> Self {
        let mut body = Self { inner, observer: Some(observer), quiet, alarm: None, armed: false };
        if body.inner.is_end_stream() {
            body.finish(Outcome::Whole);
        }
        body
    }
}

impl<B, O: Observer> Observed<B, O> {
    fn finish(&mut self, outcome: Outcome) {
        if let Some(observer) = self.observer.take() {
            observer.end(outcome);
        }
    }

    fn stalled(&mut self, context: &mut Context<'_>) -> bool {
        let deadline = || Instant::now() + self.quiet;
        let alarm = self.alarm.get_or_insert_with(|| Box::pin(sleep_until(deadline())));
        if !self.armed {
            alarm.as_mut().reset(deadline());
            self.armed = true;
        }
        alarm.as_mut().poll(context).is_ready()
    }
}

impl<B, O> Body for Observed<B, O>
where
    B: Body<Data = Bytes> + Unpin,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
    O: Observer,
{
    type Data = Bytes;
    type Error = BrokenOff;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BrokenOff>>> {
        let this = &mut *self;
        loop {
            match Pin::new(&mut this.inner).poll_frame(context) {
                Poll::Ready(Some(Ok(frame))) => {
                    this.armed = false;
                    let Ok(piece) = frame.into_data() else { continue };
                    if let Some(observer) = &mut this.observer {
                        observer.data(&piece);
                    }
                    if this.inner.is_end_stream() {
                        this.finish(Outcome::Whole);
                    }
                    return Poll::Ready(Some(Ok(Frame::data(piece))));
                }
                Poll::Ready(Some(Err(error))) => {
                    this.finish(Outcome::Broken);
                    return Poll::Ready(Some(Err(BrokenOff::Origin(error.into()))));
                }
                Poll::Ready(None) => {
                    this.finish(Outcome::Whole);
                    return Poll::Ready(None);
                }
                Poll::Pending if this.stalled(context) => {
                    this.finish(Outcome::Stalled);
                    return Poll::Ready(Some(Err(BrokenOff::Stalled)));
                }
                Poll::Pending => return Poll::Pending,
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

impl<B, O: Observer> Drop for Observed<B, O> {
    fn drop(&mut self) {
        self.finish(Outcome::Left);
    }
}
