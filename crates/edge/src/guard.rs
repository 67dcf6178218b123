//! Stands between a visitor's socket and hyper: every byte of an HTTP/1 connection is looked at
//! before hyper sees it, and hyper sees a request head only whole and unambiguous.
//!
//! What hyper would forgive (Content-Length beside Transfer-Encoding, bare line feeds, odd chunk
//! sizes; RFC 9112 §11.2) is refused here with one clear answer. The same place keeps the facts
//! that timeouts need, since it sees every read and write. It knows nothing of shops, routes or
//! the meaning of a request.
//!
//! hyper must not pipeline flushes (`pipeline_flush(false)`, its default), and its `max_headers`
//! must not be below [`Limits::headers`](kernel::snapshot::Limits::headers) when that is over 100.

mod chunk;
mod field;
mod head;
mod inspector;
mod reason;
mod request_line;
mod stream_head;
#[cfg(test)]
mod tests;
mod watchdog;

pub(crate) use reason::Reason;
pub(crate) use stream_head::check_stream_head;
pub(crate) use watchdog::{Exchange, GuardHandle, Refusals, Watchdog};

use inspector::Inspector;
use std::{
    io::{self, IoSlice},
    pin::Pin,
    rc::Rc,
    task::{Context, Poll, ready},
};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use watchdog::{Due, Phase, Registration};

/// Most bytes thrown away while a connection is being closed.
const LINGER_BYTES: usize = 256 * 1024;

/// A visitor's connection that hyper may trust.
pub(crate) struct Guarded<S> {
    stream: S,
    registration: Registration,
    mode: Mode,
    inspector: Inspector,
    /// Came already but may not go on yet, apart from the first `released` bytes.
    held: Vec<u8>,
    released: usize,
}

enum Mode {
    Inspecting,
    /// HTTP/2, or after an upgrade: bytes pass unseen.
    Transparent,
    /// A head is refused; the answers before it must be out first.
    Refused(Reason),
    /// A body is refused; the service that reads it is told.
    Broken(Reason),
    Answering {
        response: Vec<u8>,
        sent: usize,
    },
    ShuttingDown,
    Lingering {
        left: usize,
    },
    Closed,
}

/// A request body that hyper may not go on reading. Travels as the source of hyper's error; the
/// request path answers with [`Reason::status`] when it can still answer.
#[derive(Debug, thiserror::Error)]
#[error("request body refused: {}", .0.code())]
pub(crate) struct BodyFault(pub(crate) Reason);

impl BodyFault {
    /// The fault behind an error of hyper's, if it is one.
    pub(crate) fn of(error: &(dyn std::error::Error + 'static)) -> Option<Reason> {
        let mut next = Some(error);
        while let Some(error) = next {
            if let Some(fault) = error.downcast_ref::<Self>() {
                return Some(fault.0);
            }
            // An io::Error shows what it holds only when asked as itself.
            let inner = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
            if let Some(fault) = inner.and_then(|inner| inner.downcast_ref::<Self>()) {
                return Some(fault.0);
            }
            next = error.source();
        }
        None
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Guarded<S> {
    /// For HTTP/1.
    pub(crate) fn new(stream: S, watchdog: &Rc<Watchdog>) -> Self {
        Self::with_mode(stream, watchdog, Mode::Inspecting)
    }

    /// For HTTP/2, whose frames are unambiguous by themselves: only the watchdog's part.
    pub(crate) fn transparent(stream: S, watchdog: &Rc<Watchdog>) -> Self {
        Self::with_mode(stream, watchdog, Mode::Transparent)
    }

    fn with_mode(stream: S, watchdog: &Rc<Watchdog>, mode: Mode) -> Self {
        let inspector = Inspector::new(&watchdog.limits());
        let registration = watchdog.register();
        Self { stream, registration, mode, inspector, held: Vec::new(), released: 0 }
    }

    /// For the request path; as many as wanted.
    pub(crate) fn handle(&self) -> GuardHandle {
        GuardHandle::new(&self.registration, !matches!(self.mode, Mode::Transparent))
    }

    /// Reads until something may go on. `None`: the mode changed, look again.
    fn read_inspected(
        &mut self,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Option<Poll<io::Result<()>>> {
        if self.released > 0 {
            self.hand_on(buf);
            return Some(Poll::Ready(Ok(())));
        }
        if self.registration.watch.is_upgraded() {
            self.mode = Mode::Transparent;
            self.released = self.held.len();
            return None;
        }
        if self.inspector.awaits_answer() {
            if self.registration.watch.has_open_requests() {
                self.registration.wait_until_quiet(cx);
                return Some(Poll::Pending);
            }
            self.inspector.answered();
            self.inspect_held();
            return None;
        }
        let before = buf.filled().len();
        match Pin::new(&mut self.stream).poll_read(cx, buf) {
            Poll::Pending => self.nothing_to_read(cx),
            Poll::Ready(Err(error)) => Some(Poll::Ready(Err(error))),
            Poll::Ready(Ok(())) if buf.filled().len() == before => Some(Poll::Ready(Ok(()))),
            Poll::Ready(Ok(())) => self.inspect_read(buf, before),
        }
    }

    /// Looks at what was just read behind `before`, in place unless something is held already.
    fn inspect_read(
        &mut self,
        buf: &mut ReadBuf<'_>,
        before: usize,
    ) -> Option<Poll<io::Result<()>>> {
        if !self.held.is_empty() {
            self.held.extend_from_slice(&buf.filled()[before..]);
            buf.set_filled(before);
            self.inspect_held();
            return None;
        }
        let came = &buf.filled()[before..];
        let verdict = self.inspector.inspect(came);
        if verdict.release < came.len() && !self.inspector.is_done() {
            self.held.extend_from_slice(&came[verdict.release..]);
        }
        buf.set_filled(before + verdict.release);
        self.note(verdict.requests, verdict.refusal);
        (verdict.release > 0).then_some(Poll::Ready(Ok(())))
    }

    fn inspect_held(&mut self) {
        let verdict = self.inspector.inspect(&self.held);
        self.released = verdict.release;
        if self.inspector.is_done() {
            self.held.truncate(verdict.release);
        }
        self.note(verdict.requests, verdict.refusal);
    }

    /// Keeps the watch up to date with what the inspector found.
    fn note(&mut self, requests: u32, refusal: Option<Reason>) {
        for _ in 0..requests {
            self.registration.request_let_through();
        }
        let Some(reason) = refusal else { return self.registration.enter(self.inspector.phase()) };
        self.registration.watchdog.count(reason);
        self.registration.enter(Phase::Idle);
        self.mode = match self.inspector.is_mid_request() {
            true => Mode::Broken(reason),
            false => Mode::Refused(reason),
        };
    }

    fn hand_on(&mut self, buf: &mut ReadBuf<'_>) {
        let count = self.released.min(buf.remaining());
        buf.put_slice(&self.held[..count]);
        self.held.drain(..count);
        self.released -= count;
    }

    /// Nothing is there: wait on, or act on what has lasted too long.
    fn nothing_to_read(&mut self, cx: &mut Context<'_>) -> Option<Poll<io::Result<()>>> {
        match self.registration.read_blocked(cx) {
            None | Some(Due::Write) => Some(Poll::Pending),
            Some(Due::Close) => {
                self.mode = Mode::Closed;
                None
            }
            Some(Due::Head) => {
                self.registration.watchdog.count(Reason::HeadTimeout);
                self.mode = Mode::Refused(Reason::HeadTimeout);
                None
            }
            Some(Due::Body) => {
                self.registration.watchdog.count(Reason::BodyTimeout);
                self.mode = Mode::Broken(Reason::BodyTimeout);
                None
            }
        }
    }

    fn read_through(
        &mut self,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.released > 0 {
            self.hand_on(buf);
            return Poll::Ready(Ok(()));
        }
        let read = Pin::new(&mut self.stream).poll_read(cx, buf);
        if read.is_ready() {
            if !self.registration.watch.is_upgraded() {
                self.registration.enter(Phase::Streams);
            }
            return read;
        }
        match self.registration.read_blocked(cx) {
            Some(Due::Close) => {
                self.mode = Mode::Closed;
                Poll::Ready(Ok(()))
            }
            _ => Poll::Pending,
        }
    }

    /// Answers a refused head once the answers before it are out, then closes. Ready when closed.
    fn refuse(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            match &mut self.mode {
                Mode::Refused(reason) => {
                    if !self.registration.watch.is_quiet() {
                        self.registration.wait_until_quiet(cx);
                        return Poll::Pending;
                    }
                    self.mode = Mode::Answering { response: reason.response(), sent: 0 };
                    self.registration.enter(Phase::Lingering);
                }
                Mode::Answering { response, sent } => {
                    let rest = &response[*sent..];
                    if rest.is_empty() {
                        self.mode = Mode::ShuttingDown;
                        continue;
                    }
                    match Pin::new(&mut self.stream).poll_write(cx, rest) {
                        Poll::Ready(Ok(count)) if count > 0 => *sent += count,
                        Poll::Ready(_) => self.mode = Mode::Closed,
                        Poll::Pending => return self.linger_on(cx),
                    }
                }
                Mode::ShuttingDown => match Pin::new(&mut self.stream).poll_shutdown(cx) {
                    Poll::Ready(Ok(())) => self.mode = Mode::Lingering { left: LINGER_BYTES },
                    Poll::Ready(Err(_)) => self.mode = Mode::Closed,
                    Poll::Pending => return self.linger_on(cx),
                },
                Mode::Lingering { .. } => ready!(self.discard(cx)),
                Mode::Inspecting | Mode::Transparent | Mode::Broken(_) | Mode::Closed => {
                    return Poll::Ready(());
                }
            }
        }
    }

    /// Throws away what still comes until the other side closes, sends too much or takes too long.
    fn discard(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let mut space = [0_u8; 4096];
        while let Mode::Lingering { left } = &mut self.mode {
            let mut buf = ReadBuf::new(&mut space);
            match Pin::new(&mut self.stream).poll_read(cx, &mut buf) {
                Poll::Ready(Ok(())) if !buf.filled().is_empty() && *left > buf.filled().len() => {
                    *left -= buf.filled().len();
                }
                Poll::Ready(_) => self.mode = Mode::Closed,
                Poll::Pending => return self.linger_on(cx),
            }
        }
        Poll::Ready(())
    }

    /// Pending, unless even closing takes too long.
    fn linger_on(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.registration.enter(Phase::Lingering);
        if self.registration.read_blocked(cx).is_none() {
            return Poll::Pending;
        }
        self.mode = Mode::Closed;
        Poll::Ready(())
    }

    fn note_write(
        &mut self,
        cx: &mut Context<'_>,
        written: Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        match &written {
            Poll::Ready(_) => self.registration.written(),
            Poll::Pending if self.registration.write_blocked(cx) => {
                return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
            }
            Poll::Pending => {}
        }
        written
    }
}

fn body_fault(reason: Reason) -> io::Error {
    let kind = match reason {
        Reason::BodyTimeout => io::ErrorKind::TimedOut,
        _ => io::ErrorKind::InvalidData,
    };
    io::Error::new(kind, BodyFault(reason))
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for Guarded<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        loop {
            match this.mode {
                Mode::Inspecting => {
                    if let Some(read) = this.read_inspected(cx, buf) {
                        return read;
                    }
                }
                Mode::Transparent => return this.read_through(cx, buf),
                // What came before the refused goes on first.
                Mode::Refused(_) | Mode::Broken(_) if this.released > 0 => {
                    this.hand_on(buf);
                    return Poll::Ready(Ok(()));
                }
                Mode::Broken(reason) => {
                    this.mode = Mode::Closed;
                    return Poll::Ready(Err(body_fault(reason)));
                }
                Mode::Closed => return Poll::Ready(Ok(())),
                _ => ready!(this.refuse(cx)),
            }
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Guarded<S> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let written = Pin::new(&mut this.stream).poll_write(cx, bytes);
        this.note_write(cx, written)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let written = Pin::new(&mut this.stream).poll_write_vectored(cx, slices);
        this.note_write(cx, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let flushed = Pin::new(&mut this.stream).poll_flush(cx);
        match &flushed {
            Poll::Ready(Ok(())) => this.registration.flushed(),
            Poll::Ready(Err(_)) => {}
            Poll::Pending if this.registration.write_blocked(cx) => {
                return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
            }
            Poll::Pending => {}
        }
        flushed
    }

    /// Closes; a visitor who is still sending a body gets to read our answer first.
    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let closing = matches!(
            this.mode,
            Mode::Answering { .. } | Mode::ShuttingDown | Mode::Lingering { .. }
        );
        if !closing {
            let heard_out = this.held.is_empty() && !this.inspector.is_mid_request();
            if heard_out {
                return Pin::new(&mut this.stream).poll_shutdown(cx);
            }
            this.held.clear();
            this.mode = Mode::ShuttingDown;
        }
        this.refuse(cx).map(Ok)
    }
}
