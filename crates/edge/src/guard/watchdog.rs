//! How long each connection of one worker has been in which phase, and one sweep a second that
//! wakes those whose time is up.
//!
//! No timer a connection and no clock a request: phases are stamped with the second of the last
//! sweep. The sweep only wakes; the connection itself looks once more whether bytes are there
//! before it acts, so that a request that was merely not polled is never cut off.

use super::Reason;
use kernel::snapshot::Limits;
use slab::Slab;
use std::{
    cell::{Cell, RefCell},
    rc::Rc,
    task::{Context, Waker},
};

/// Counts what is refused before a request belongs to a shop.
pub(crate) trait Refusals {
    fn refused(&self, reason: Reason);
}

/// How long a connection that is being closed may go on sending, so that our last answer is not
/// lost to a reset (RFC 9112 §9.6).
const LINGER_S: u32 = 2;

/// How long a connection that has sent nothing yet may do so during a drain: it was accepted, and
/// its first request may be on the way. At least one second of it, for the clock has no more.
const FRESH_DRAIN_S: u32 = 2;

/// All connections of one worker. Not shared between threads.
pub(crate) struct Watchdog {
    limits: RefCell<Rc<Limits>>,
    now_s: Cell<u32>,
    draining: Cell<bool>,
    connections: RefCell<Slab<Rc<ConnectionWatch>>>,
    refusals: Rc<dyn Refusals>,
}

/// What a connection's reading side is waiting for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    /// Nothing has come yet.
    Fresh,
    Head,
    Body,
    /// Between two requests, or while a response goes out.
    Idle,
    /// HTTP/2, whose own layer closes it during a drain.
    Streams,
    /// Answered for the last time; what still comes is thrown away.
    Lingering,
    /// Upgraded: what passes is not HTTP.
    Upgraded,
}

/// What has lasted too long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Due {
    Head,
    Body,
    Close,
    Write,
}

/// One connection's clock face.
pub(crate) struct ConnectionWatch {
    phase: Cell<Phase>,
    since_s: Cell<u32>,
    /// The reading side of a body found nothing to read.
    starved: Cell<bool>,
    write_blocked_since_s: Cell<Option<u32>>,
    /// Requests that were let through and whose response has not ended.
    open: Cell<u32>,
    /// Something of a response may still stand in hyper's buffer.
    unflushed: Cell<bool>,
    upgraded: Cell<bool>,
    /// The reading side waits for the response before it to be out.
    owed: Cell<bool>,
    reader: RefCell<Option<Waker>>,
    writer: RefCell<Option<Waker>>,
}

/// A connection's place in the [`Watchdog`]; leaves it when dropped.
pub(super) struct Registration {
    pub(super) watchdog: Rc<Watchdog>,
    pub(super) watch: Rc<ConnectionWatch>,
    key: usize,
}

impl Watchdog {
    /// A watchdog at second 0.
    pub(crate) fn new(limits: &Limits, refusals: Rc<dyn Refusals>) -> Rc<Self> {
        Rc::new(Self {
            limits: RefCell::new(Rc::new(limits.clone())),
            now_s: Cell::new(0),
            draining: Cell::new(false),
            connections: RefCell::default(),
            refusals,
        })
    }

    /// Holds for timeouts at once, for the sizes of heads from the next connection on.
    pub(crate) fn set_limits(&self, limits: &Limits) {
        *self.limits.borrow_mut() = Rc::new(limits.clone());
    }

    /// Wakes every connection whose time is up. Called once a second with a clock in seconds that
    /// never goes back.
    pub(crate) fn sweep(&self, now_s: u32) {
        self.now_s.set(now_s);
        for (_, watch) in &*self.connections.borrow() {
            match watch.due(self) {
                Some(Due::Write) => watch.wake_writer(),
                Some(_) => watch.wake_reader(),
                None => {}
            }
        }
    }

    /// From now on a connection closes as soon as it has no request, a new one after its first.
    pub(crate) fn begin_drain(&self) {
        self.draining.set(true);
        self.sweep(self.now_s.get());
    }

    /// Connections open now.
    #[cfg(test)]
    pub(crate) fn connections(&self) -> usize {
        self.connections.borrow().len()
    }

    pub(super) fn register(self: &Rc<Self>) -> Registration {
        let watch = Rc::new(ConnectionWatch {
            phase: Cell::new(Phase::Fresh),
            since_s: Cell::new(self.now_s.get()),
            starved: Cell::new(false),
            write_blocked_since_s: Cell::new(None),
            open: Cell::new(0),
            unflushed: Cell::new(false),
            upgraded: Cell::new(false),
            owed: Cell::new(false),
            reader: RefCell::default(),
            writer: RefCell::default(),
        });
        let key = self.connections.borrow_mut().insert(Rc::clone(&watch));
        Registration { watchdog: Rc::clone(self), watch, key }
    }

    pub(super) fn limits(&self) -> Rc<Limits> {
        Rc::clone(&self.limits.borrow())
    }

    pub(super) fn count(&self, reason: Reason) {
        self.refusals.refused(reason);
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        self.watchdog.connections.borrow_mut().remove(self.key);
    }
}

impl ConnectionWatch {
    /// What has lasted too long, if anything.
    fn due(&self, watchdog: &Watchdog) -> Option<Due> {
        let now_s = watchdog.now_s.get();
        let limits = watchdog.limits.borrow();
        let over = |since_s: u32, limit_ms: u64| {
            u64::from(now_s.saturating_sub(since_s)) * 1000 >= limit_ms
        };
        if let Some(since_s) = self.write_blocked_since_s.get()
            && over(since_s, limits.write_timeout_ms)
        {
            return Some(Due::Write);
        }
        let since_s = self.since_s.get();
        let quiet = self.is_quiet();
        match self.phase.get() {
            Phase::Fresh if watchdog.draining.get() => {
                over(since_s, u64::from(FRESH_DRAIN_S) * 1000).then_some(Due::Close)
            }
            Phase::Fresh => over(since_s, limits.head_timeout_ms).then_some(Due::Close),
            Phase::Head => (quiet && over(since_s, limits.head_timeout_ms)).then_some(Due::Head),
            Phase::Body => {
                (self.starved.get() && over(since_s, limits.body_timeout_ms)).then_some(Due::Body)
            }
            Phase::Idle => (quiet
                && (watchdog.draining.get() || over(since_s, limits.idle_timeout_ms)))
            .then_some(Due::Close),
            Phase::Streams => {
                (quiet && over(since_s, limits.idle_timeout_ms)).then_some(Due::Close)
            }
            Phase::Lingering => over(since_s, u64::from(LINGER_S) * 1000).then_some(Due::Close),
            Phase::Upgraded => None,
        }
    }

    /// No request is being answered and nothing waits to be written.
    pub(super) fn is_quiet(&self) -> bool {
        self.open.get() == 0 && !self.unflushed.get()
    }

    pub(super) fn is_upgraded(&self) -> bool {
        self.upgraded.get()
    }

    pub(super) fn has_open_requests(&self) -> bool {
        self.open.get() > 0
    }

    fn wake_reader(&self) {
        if let Some(waker) = &*self.reader.borrow() {
            waker.wake_by_ref();
        }
    }

    fn wake_writer(&self) {
        if let Some(waker) = &*self.writer.borrow() {
            waker.wake_by_ref();
        }
    }
}

fn keep(slot: &RefCell<Option<Waker>>, cx: &Context<'_>) {
    let mut slot = slot.borrow_mut();
    if !slot.as_ref().is_some_and(|waker| waker.will_wake(cx.waker())) {
        *slot = Some(cx.waker().clone());
    }
}

impl Registration {
    pub(super) fn now_s(&self) -> u32 {
        self.watchdog.now_s.get()
    }

    /// Notes the phase; the clock starts anew only when it is another one.
    pub(super) fn enter(&self, phase: Phase) {
        self.watch.starved.set(false);
        if self.watch.phase.replace(phase) != phase {
            self.watch.since_s.set(self.now_s());
        }
    }

    pub(super) fn request_let_through(&self) {
        self.watch.open.set(self.watch.open.get() + 1);
    }

    /// Reading found nothing: what is due, now that we know it. Arranges to be woken otherwise.
    pub(super) fn read_blocked(&self, cx: &Context<'_>) -> Option<Due> {
        let watch = &self.watch;
        if watch.phase.get() == Phase::Body && !watch.starved.replace(true) {
            watch.since_s.set(self.now_s());
        }
        self.park_reader(cx);
        watch.due(&self.watchdog).filter(|due| *due != Due::Write)
    }

    pub(super) fn park_reader(&self, cx: &Context<'_>) {
        keep(&self.watch.reader, cx);
    }

    /// To be woken when the response that goes out now has left.
    pub(super) fn wait_until_quiet(&self, cx: &Context<'_>) {
        self.watch.owed.set(true);
        self.park_reader(cx);
    }

    /// Writing found no room: whether that has lasted too long.
    pub(super) fn write_blocked(&self, cx: &Context<'_>) -> bool {
        let watch = &self.watch;
        watch.unflushed.set(true);
        if watch.write_blocked_since_s.get().is_none() {
            watch.write_blocked_since_s.set(Some(self.now_s()));
        }
        keep(&watch.writer, cx);
        watch.due(&self.watchdog) == Some(Due::Write)
    }

    pub(super) fn written(&self) {
        self.watch.unflushed.set(true);
        self.watch.write_blocked_since_s.set(None);
    }

    /// Everything hyper had to write has been written.
    pub(super) fn flushed(&self) {
        self.watch.write_blocked_since_s.set(None);
        if self.watch.unflushed.replace(false) && self.watch.is_quiet() {
            self.watch.since_s.set(self.now_s());
            if self.watch.owed.replace(false) || self.watchdog.draining.get() {
                self.watch.wake_reader();
            }
        }
    }
}

/// What the request path knows of its connection.
#[derive(Clone)]
pub(crate) struct GuardHandle {
    watchdog: Rc<Watchdog>,
    watch: Rc<ConnectionWatch>,
    /// Requests are counted by the guard as it lets them through.
    counted: bool,
}

/// One request on its way to its last response byte. The request path takes it when its service is
/// called and drops it together with the response body, not earlier: until then the connection is
/// neither idle nor may a refusal of the next request be written.
pub(crate) struct Exchange {
    handle: GuardHandle,
}

impl GuardHandle {
    pub(super) fn new(registration: &Registration, counted: bool) -> Self {
        Self {
            watchdog: Rc::clone(&registration.watchdog),
            watch: Rc::clone(&registration.watch),
            counted,
        }
    }

    /// Begins a request's exchange.
    pub(crate) fn exchange(&self) -> Exchange {
        if !self.counted {
            self.watch.open.set(self.watch.open.get() + 1);
        }
        Exchange { handle: self.clone() }
    }

    /// From here on the connection is no HTTP any more. Called before the 101 is returned.
    pub(crate) fn upgraded(&self) {
        self.watch.upgraded.set(true);
        self.watch.phase.set(Phase::Upgraded);
        self.watch.wake_reader();
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        let GuardHandle { watchdog, watch, .. } = &self.handle;
        watch.open.set(watch.open.get().saturating_sub(1));
        watch.unflushed.set(true);
        watch.since_s.set(watchdog.now_s.get());
    }
}
