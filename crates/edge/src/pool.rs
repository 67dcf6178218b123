//! A pool: which instance takes a request, and who waits while none can.
//!
//! One a shop, shared by all workers. Permits are the only way to an instance, so that its limit
//! holds across cores. Knows nothing of HTTP: a request is a priority and perhaps a session key.

use crate::instance::Instance;
use arc_swap::ArcSwap;
use kernel::{
    Priority,
    facts::{Health, HoldFacts},
    snapshot::{self, Balance},
};
use std::{
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{
            AtomicUsize,
            Ordering::{Relaxed, SeqCst},
        },
    },
    time::{Duration, Instant},
};
use tokio::sync::{Notify, mpsc, oneshot};

mod balance;
mod queue;

use queue::{Queue, Turn};

/// What the request path tells the checker.
#[derive(Debug)]
pub(crate) enum Report {
    /// A connection to it was refused or timed out: look at once.
    Unreachable { instance: Arc<Instance>, error: String },
    /// It failed real requests `eject_after_failures` times in a row.
    Failing { instance: Arc<Instance>, error: String },
}

/// One instance with the settings of the snapshot in force.
#[derive(Debug, Clone)]
pub(crate) struct Slot {
    pub(crate) instance: Arc<Instance>,
    pub(crate) weight: u32,
    pub(crate) connections: u32,
    pub(crate) drain: bool,
}

/// The pool as the snapshot in force wants it.
#[derive(Debug)]
pub(crate) struct View {
    pub(crate) slots: Vec<Slot>,
    pub(crate) settings: snapshot::Pool,
    /// Slot numbers, each as often as its weight says, spread evenly.
    wheel: Vec<usize>,
}

impl View {
    pub(crate) fn new(slots: Vec<Slot>, settings: snapshot::Pool) -> Self {
        let wheel = balance::wheel(&slots);
        Self { slots, settings, wheel }
    }

    fn any_healthy(&self) -> bool {
        self.slots.iter().any(|slot| !slot.drain && slot.instance.is_healthy())
    }
}

/// Who asks for a place.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Claim {
    pub(crate) priority: Priority,
    /// A hash of the visitor's session, where there is one.
    pub(crate) session: Option<u64>,
}

/// Why no place was given. Nothing has reached the shop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NoPlace {
    /// As many wait as may.
    QueueFull,
    /// Waited as long as allowed, while no instance was healthy.
    HoldExpired,
    /// Waited as long as allowed for a free place.
    QueueExpired,
}

pub(crate) struct Pool {
    view: ArcSwap<View>,
    queue: Mutex<Queue>,
    /// How many wait; read without the lock on the fast path.
    waiting: AtomicUsize,
    turn: AtomicUsize,
    /// Wakes the pacer, which lets the held go at a measured rate.
    pub(crate) pace: Notify,
    reports: mpsc::Sender<Report>,
}

impl std::fmt::Debug for Pool {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pool").field("view", &self.view.load()).finish_non_exhaustive()
    }
}

impl Pool {
    pub(crate) fn new(view: View, reports: mpsc::Sender<Report>) -> Self {
        Self {
            view: ArcSwap::from_pointee(view),
            queue: Mutex::default(),
            waiting: AtomicUsize::new(0),
            turn: AtomicUsize::new(0),
            pace: Notify::new(),
            reports,
        }
    }

    pub(crate) fn view(&self) -> Arc<View> {
        self.view.load_full()
    }

    /// Puts a new snapshot's settings in force. Those who wait are served by the new instances.
    pub(crate) fn set_view(self: &Arc<Self>, view: View) {
        self.view.store(Arc::new(view));
        self.dispatch();
    }

    /// A place on an instance, waiting for one in order of priority and arrival. `waited` is how
    /// long this request has waited before, in an earlier try.
    ///
    /// # Errors
    /// See [`NoPlace`].
    pub(crate) async fn admit(
        self: &Arc<Self>,
        claim: Claim,
        waited: Duration,
    ) -> Result<Permit, NoPlace> {
        if self.waiting.load(SeqCst) == 0
            && let Some(permit) = self.choose(claim)
        {
            return Ok(permit);
        }
        let started = Instant::now();
        let (sender, mut receiver) = oneshot::channel();
        let mut ticket = {
            let view = self.view.load();
            let mut queue = self.lock();
            // Nobody else can leave unseen while the queue is locked: look once more.
            if queue.is_empty()
                && let Some(permit) = self.choose(claim)
            {
                return Ok(permit);
            }
            if queue.len() >= view.settings.hold.max_requests as usize {
                queue.counts.refused += 1;
                return Err(NoPlace::QueueFull);
            }
            let held = !view.any_healthy();
            let turn = queue.push(claim, held, started, sender);
            self.waiting.store(queue.len(), SeqCst);
            Ticket { pool: self, turn, held, open: true }
        };
        // Who left between our look and our stand in line did not see us wait: look for them.
        // (`waiting` and the places taken are sequentially consistent: one of us sees the other.)
        self.dispatch();
        loop {
            let allowed = ticket.allowed_wait();
            let left = allowed.saturating_sub(waited + started.elapsed());
            match tokio::time::timeout(left, &mut receiver).await {
                Ok(Ok(permit)) => {
                    ticket.open = false;
                    return Ok(permit);
                }
                Ok(Err(_closed)) => return Err(ticket.expire(receiver)),
                // The pool may have gone down meanwhile, which allows a longer wait.
                Err(_) if ticket.allowed_wait() > waited + started.elapsed() => {}
                Err(_) => {
                    if let Ok(permit) = receiver.try_recv() {
                        ticket.open = false;
                        return Ok(permit);
                    }
                    return Err(ticket.expire(receiver));
                }
            }
        }
    }

    /// A place right now, or `None`; jumps no queue when called with the queue empty.
    fn choose(self: &Arc<Self>, claim: Claim) -> Option<Permit> {
        let view = self.view.load();
        let now_ms = crate::clock::unix_ms();
        let enter = |slot: &Slot| {
            !slot.drain
                && slot.instance.is_healthy()
                && slot.instance.try_enter(slot.instance.limit(
                    slot.connections,
                    view.settings.slow_start_ms,
                    now_ms,
                ))
        };
        let index = match (view.settings.balance, claim.session) {
            (Balance::Session, Some(session)) => balance::by_session(&view.slots, session, enter),
            (Balance::RoundRobin, _) => {
                let turn = self.turn.fetch_add(1, Relaxed);
                balance::in_turn(&view.slots, &view.wheel, turn, enter)
            }
            (Balance::LeastRequests | Balance::Session, _) => {
                let turn = self.turn.fetch_add(1, Relaxed);
                balance::less_busy(&view.slots, &view.wheel, turn, enter)
            }
        }?;
        Some(Permit { pool: self.clone(), instance: view.slots[index].instance.clone() })
    }

    /// Hands free places to those who wait, until either runs out or the pace forbids.
    pub(crate) fn dispatch(self: &Arc<Self>) {
        if self.waiting.load(SeqCst) == 0 {
            return;
        }
        let mut queue = self.lock();
        let now = Instant::now();
        while let Some(next) = queue.next(now) {
            let Some(permit) = self.choose(next.claim) else { break };
            if let Err(mut unclaimed) = queue.release(next, permit) {
                // Its visitor left this very moment. Leaving through `drop` would lock again.
                unclaimed.leave_quietly();
            }
        }
        self.waiting.store(queue.len(), SeqCst);
    }

    /// An instance came (back) up: those held go on, at the pace that the settings ask for.
    pub(crate) fn instance_up(self: &Arc<Self>) {
        {
            let rate = self.view.load().settings.hold.release_per_second;
            self.lock().start_pace(rate, Instant::now());
        }
        self.dispatch();
        self.pace.notify_one();
    }

    /// Whether the pacer must go on, dispatching what the pace allows now.
    pub(crate) fn keep_pace(self: &Arc<Self>) -> bool {
        self.dispatch();
        let mut queue = self.lock();
        queue.end_pace_when_nobody_is_held();
        let starting = |slot: &Slot| slot.instance.health() == Health::SlowStart;
        // A slow start frees places by time alone, which nobody else would notice.
        queue.is_paced() || !queue.is_empty() && self.view.load().slots.iter().any(starting)
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// What waits now and what became of those who waited.
    pub(crate) fn facts(&self) -> HoldFacts {
        let held = !self.view.load().any_healthy();
        self.lock().facts(held, Instant::now())
    }

    /// Whether requests can go elsewhere than to `instance`.
    pub(crate) fn has_another(&self, instance: &Arc<Instance>) -> bool {
        let view = self.view.load();
        let mut others = view.slots.iter().filter(|slot| !Arc::ptr_eq(&slot.instance, instance));
        others.any(|slot| !slot.drain && slot.instance.is_healthy())
    }

    /// A request could not connect: nobody else tries before the checker has looked.
    pub(crate) fn report_unreachable(&self, instance: &Arc<Instance>, error: String) {
        instance.add_failure();
        instance.set_suspect(true);
        let report = Report::Unreachable { instance: instance.clone(), error };
        if self.reports.try_send(report).is_err() {
            // The checker is behind by a whole queue of reports; its own round will find out.
            instance.set_suspect(false);
        }
    }

    /// A request got no whole answer after it was sent.
    pub(crate) fn report_failure(&self, instance: &Arc<Instance>, error: String) {
        let failures = instance.add_failure();
        let is_failing = failures >= self.view.load().settings.eject_after_failures;
        // One that answers some requests is better than none; whether it is down, the checks say.
        if is_failing && self.has_another(instance) {
            let report = Report::Failing { instance: instance.clone(), error };
            if self.reports.try_send(report).is_err() {
                tracing::warn!(instance = %instance.name, "checker is behind; ejection was put off");
            }
        }
    }
}

/// A place on an instance, given back when dropped.
#[derive(Debug)]
pub(crate) struct Permit {
    pool: Arc<Pool>,
    pub(crate) instance: Arc<Instance>,
}

impl Permit {
    /// The answer began and broke off: a failure of the instance like any other.
    pub(crate) fn broke_off(&self) {
        self.pool.report_failure(&self.instance, "an answer broke off".to_owned());
    }

    fn leave_quietly(&mut self) {
        self.instance.leave();
        // Keeps `drop` from leaving a second time: it has no instance of its pool any more.
        self.instance = Arc::clone(&NOWHERE);
    }
}

static NOWHERE: std::sync::LazyLock<Arc<Instance>> = std::sync::LazyLock::new(|| {
    let name = "nowhere".parse().expect("invariant: a valid name");
    Arc::new(Instance::new(name, ([0, 0, 0, 0], 0).into(), 0))
});

impl Drop for Permit {
    fn drop(&mut self) {
        if Arc::ptr_eq(&self.instance, &NOWHERE) {
            return;
        }
        self.instance.leave();
        self.pool.dispatch();
    }
}

/// A place in the queue; dropped while open, its visitor has left.
struct Ticket<'a> {
    pool: &'a Arc<Pool>,
    turn: Turn,
    /// It was taken while no instance was healthy.
    held: bool,
    open: bool,
}

impl Ticket<'_> {
    fn allowed_wait(&self) -> Duration {
        let view = self.pool.view.load();
        let hold = &view.settings.hold;
        let held = self.held || !view.any_healthy();
        Duration::from_millis(if held { hold.max_wait_ms } else { hold.queue_wait_ms })
    }

    fn expire(&mut self, receiver: oneshot::Receiver<Permit>) -> NoPlace {
        self.open = false;
        let held = !self.pool.view.load().any_healthy();
        {
            let mut queue = self.pool.lock();
            queue.remove(self.turn);
            queue.counts.expired += 1;
            self.pool.waiting.store(queue.len(), SeqCst);
        }
        // A permit that came this very moment goes to the next one.
        drop(receiver);
        if held { NoPlace::HoldExpired } else { NoPlace::QueueExpired }
    }
}

impl Drop for Ticket<'_> {
    fn drop(&mut self) {
        if !self.open {
            return;
        }
        let mut queue = self.pool.lock();
        if queue.remove(self.turn) {
            queue.counts.left += 1;
        }
        self.pool.waiting.store(queue.len(), SeqCst);
    }
}

#[cfg(test)]
mod tests;
