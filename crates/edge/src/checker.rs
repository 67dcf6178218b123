//! The only judge of an instance's health: active checks, and what requests report.
//!
//! One thread for the whole edge. Requests never change health themselves; they report, and the
//! checker looks at once.

use crate::{
    clock::unix_ms,
    instance::Instance,
    pool::{Pool, Report},
    upstream::chain,
};
use bytes::Bytes;
use http::{Request, header};
use http_body_util::{BodyExt, Empty, Limited};
use hyper_util::rt::TokioIo;
use kernel::{
    ShopId,
    facts::Health,
    snapshot::{Check, Snapshot},
};
use std::{
    collections::HashMap,
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::{net::TcpStream, sync::Notify, task::JoinHandle};

/// Reports that may wait for the checker; more are dropped, its own rounds go on.
pub(crate) const MAX_REPORTS: usize = 1024;
/// How often those who wait are let go on while a pace is kept.
const PACE_STEP: Duration = Duration::from_millis(20);
/// A health page longer than this is not read on.
const MAX_CHECK_BODY: usize = 256 * 1024;

/// What one instance's check loop works with; a change of it starts the loop anew.
#[derive(Debug, Clone, PartialEq)]
struct Duty {
    check: Check,
    eject_for: Duration,
    slow_start: Duration,
}

struct Watched {
    duty: Duty,
    nudge: Arc<Nudge>,
    task: JoinHandle<()>,
}

/// What a report left for the check loop, and the call to look at it.
#[derive(Debug, Default)]
struct Nudge {
    eject: std::sync::Mutex<Option<String>>,
    call: Notify,
}

/// The check loops of all pools. Lives on the checker's thread.
#[derive(Default)]
pub(crate) struct Checker {
    watched: HashMap<*const Instance, Watched>,
    pacers: HashMap<ShopId, (Arc<Pool>, JoinHandle<()>)>,
}

impl Checker {
    /// Starts, keeps or ends check loops so that they are those of `pools`.
    pub(crate) fn apply(&mut self, snapshot: &Snapshot, pools: &HashMap<ShopId, Arc<Pool>>) {
        let mut wanted = HashMap::new();
        for shop in &snapshot.shops {
            let Some(pool) = pools.get(&shop.id) else { continue };
            let duty = Duty {
                check: shop.pool.check.clone(),
                eject_for: Duration::from_millis(shop.pool.eject_for_ms),
                slow_start: Duration::from_millis(shop.pool.slow_start_ms),
            };
            for slot in &pool.view().slots {
                let key = Arc::as_ptr(&slot.instance);
                wanted.insert(key, (slot.instance.clone(), pool.clone(), duty.clone()));
            }
        }
        self.watched.retain(|key, watched| {
            let keep = wanted.get(key).is_some_and(|(_, _, duty)| *duty == watched.duty);
            if !keep {
                watched.task.abort();
            }
            keep
        });
        for (key, (instance, pool, duty)) in wanted {
            self.watched.entry(key).or_insert_with(|| {
                let nudge = Arc::new(Nudge::default());
                let round = Round { instance, pool, duty: duty.clone(), nudge: nudge.clone() };
                Watched { duty, nudge, task: tokio::task::spawn_local(round.run()) }
            });
        }
        self.apply_pacers(pools);
    }

    fn apply_pacers(&mut self, pools: &HashMap<ShopId, Arc<Pool>>) {
        self.pacers.retain(|id, (pool, task)| {
            let keep = pools.get(id).is_some_and(|wanted| Arc::ptr_eq(wanted, pool));
            if !keep {
                task.abort();
            }
            keep
        });
        for (id, pool) in pools {
            self.pacers.entry(id.clone()).or_insert_with(|| {
                let task = tokio::task::spawn_local(keep_pace(pool.clone()));
                (pool.clone(), task)
            });
        }
    }

    /// Passes what a request found out on to its instance's loop.
    pub(crate) fn hear(&self, report: Report) {
        let (instance, error, eject) = match report {
            Report::Unreachable { instance, error } => (instance, error, false),
            Report::Failing { instance, error } => (instance, error, true),
        };
        instance.set_error(error.clone());
        // An instance that no snapshot wants any more has no loop, and needs none.
        if let Some(watched) = self.watched.get(&Arc::as_ptr(&instance)) {
            if eject {
                let mut slot =
                    watched.nudge.eject.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
                *slot = Some(error);
            }
            watched.nudge.call.notify_one();
        }
    }
}

/// Lets those who were held go on, a step at a time, whenever the pool asks for it.
async fn keep_pace(pool: Arc<Pool>) {
    loop {
        pool.pace.notified().await;
        while pool.keep_pace() {
            tokio::time::sleep(PACE_STEP).await;
        }
    }
}

/// The check loop of one instance.
struct Round {
    instance: Arc<Instance>,
    pool: Arc<Pool>,
    duty: Duty,
    nudge: Arc<Nudge>,
}

/// What consecutive checks have shown.
#[derive(Debug, Default)]
struct Tally {
    good: u32,
    bad: u32,
    ejected_until: Option<Instant>,
}

impl Round {
    async fn run(self) {
        let mut tally = Tally::default();
        loop {
            let result = self.look().await;
            let now = Instant::now();
            if let Err(failure) = &result {
                self.instance.set_error(failure.text.clone());
            }
            let before = self.instance.health();
            let after = tally.judge(&self.duty, before, now, self.since_change(), &result);
            self.enter(before, after);
            let pause = Duration::from_millis(self.duty.check.interval_ms);
            let nudged = tokio::time::timeout(pause, self.nudge.call.notified()).await.is_ok();
            if nudged && let Some(error) = self.take_ejection() {
                self.instance.set_error(error);
                // The others may have gone since it was reported.
                if !self.pool.has_another(&self.instance) {
                    continue;
                }
                let ejected_until = Some(Instant::now() + self.duty.eject_for);
                tally = Tally { ejected_until, ..Tally::default() };
                self.enter(self.instance.health(), Health::Down);
            }
        }
    }

    fn take_ejection(&self) -> Option<String> {
        self.nudge.eject.lock().unwrap_or_else(std::sync::PoisonError::into_inner).take()
    }

    fn since_change(&self) -> Duration {
        let elapsed = unix_ms() - self.instance.health_since_ms();
        Duration::from_millis(u64::try_from(elapsed).unwrap_or(0))
    }

    fn enter(&self, before: Health, after: Health) {
        self.instance.set_suspect(false);
        let changed = self.instance.set_health(after, unix_ms());
        if after == Health::Up || after == Health::SlowStart {
            if changed && !matches!(before, Health::Up | Health::SlowStart) {
                self.instance.reset_failures();
                tracing::info!(instance = %self.instance.name, "instance is up");
                self.pool.instance_up();
            } else {
                self.pool.dispatch();
            }
        } else if changed {
            tracing::warn!(instance = %self.instance.name, "instance is down");
        }
    }

    /// One check over a connection of its own, so that a full backlog is noticed too.
    async fn look(&self) -> Result<(), Failure> {
        let timeout = Duration::from_millis(self.duty.check.timeout_ms);
        match tokio::time::timeout(timeout, self.ask()).await {
            Ok(result) => result,
            Err(_elapsed) => {
                let text = format!("no answer to the health check within {timeout:?}");
                Err(Failure { text, blame: Blame::Unwell })
            }
        }
    }

    async fn ask(&self) -> Result<(), Failure> {
        let check = &self.duty.check;
        let unconnected = |error: std::io::Error| {
            let blame = if is_ours(&error) { Blame::Ours } else { Blame::Refused };
            Failure { text: error.to_string(), blame }
        };
        let failed = |error: hyper::Error| Failure { text: chain(&error), blame: Blame::Unwell };
        let stream = TcpStream::connect(self.instance.address).await.map_err(unconnected)?;
        let handshake = hyper::client::conn::http1::handshake::<_, Empty<Bytes>>;
        let (mut sender, connection) = handshake(TokioIo::new(stream)).await.map_err(failed)?;
        let connection = Ending(tokio::task::spawn_local(connection));
        let host = check.host.clone().unwrap_or_else(|| self.instance.address.to_string());
        let request = Request::get(&check.path)
            .header(header::HOST, host)
            .header(header::USER_AGENT, "storewarden-check")
            .header(header::CONNECTION, "close")
            .body(Empty::new());
        let request =
            request.map_err(|error| Failure { text: error.to_string(), blame: Blame::Ours })?;
        let response = sender.send_request(request).await.map_err(failed)?;
        let status = response.status().as_u16();
        // The body is read so that a page that breaks off halfway is no good answer.
        let body = Limited::new(response.into_body(), MAX_CHECK_BODY).collect().await;
        drop(connection);
        if !(check.status.0..=check.status.1).contains(&status) {
            let text = format!("health check was answered {status}");
            return Err(Failure { text, blame: Blame::Unwell });
        }
        match body {
            Ok(_) => Ok(()),
            Err(error) => Err(Failure { text: chain(&*error), blame: Blame::Unwell }),
        }
    }
}

/// Ends a check's connection task with the check.
struct Ending(JoinHandle<hyper::Result<()>>);

impl Drop for Ending {
    fn drop(&mut self) {
        self.0.abort();
    }
}

#[derive(Debug, Clone)]
struct Failure {
    text: String,
    blame: Blame,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Blame {
    /// The connection itself was refused: no second opinion is needed.
    Refused,
    /// The instance was there and did not do well.
    Unwell,
    /// We could not look, which says nothing of the instance.
    Ours,
}

/// Whether no connection was made for want of something on this side: descriptors, memory, ports
/// (connect(2), socket(2)).
fn is_ours(error: &std::io::Error) -> bool {
    use rustix::io::Errno;
    let ours = [Errno::MFILE, Errno::NFILE, Errno::NOMEM, Errno::NOBUFS, Errno::ADDRNOTAVAIL];
    Errno::from_io_error(error).is_some_and(|error| ours.contains(&error))
}

impl Tally {
    /// The instance's health after one more check; pure but for its own counts.
    fn judge(
        &mut self,
        duty: &Duty,
        before: Health,
        now: Instant,
        since_change: Duration,
        result: &Result<(), Failure>,
    ) -> Health {
        match result {
            Ok(()) => {
                (self.good, self.bad) = (self.good + 1, 0);
                if self.ejected_until.is_some_and(|until| now < until) {
                    return Health::Down;
                }
                self.ejected_until = None;
                match before {
                    // The first look decides, so that a shop that is there is served at once.
                    Health::Unknown => Health::Up,
                    Health::Down if self.good < duty.check.rise => Health::Down,
                    Health::Down if duty.slow_start.is_zero() => Health::Up,
                    Health::Down => Health::SlowStart,
                    Health::SlowStart if since_change < duty.slow_start => Health::SlowStart,
                    _ => Health::Up,
                }
            }
            Err(failure) if failure.blame == Blame::Ours => before,
            Err(failure) => {
                (self.good, self.bad) = (0, self.bad + 1);
                let refused = failure.blame == Blame::Refused;
                if refused || before == Health::Unknown || self.bad >= duty.check.fall {
                    Health::Down
                } else {
                    before
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Runs checks given as letters (`g`ood, `b`ad, `r`efused, `o`urs), one a second, from `before` on;
    /// what health each left: `?` unknown, `u`p, `s`low start, `d`own.
    fn check(before: Health, ejected_s: u64, results: &str, expect: &str) {
        let duty = Duty {
            check: Check { rise: 2, fall: 3, ..Check::default() },
            eject_for: Duration::from_secs(10),
            slow_start: Duration::from_secs(3),
        };
        let start = Instant::now();
        let mut tally = Tally::default();
        if ejected_s > 0 {
            tally.ejected_until = Some(start + Duration::from_secs(ejected_s));
        }
        let (mut health, mut changed_at, mut seen) = (before, 0, String::new());
        for (second, result) in (0_u64..).zip(results.chars()) {
            let failure = |blame| Err(Failure { text: String::new(), blame });
            let result = match result {
                'g' => Ok(()),
                'r' => failure(Blame::Refused),
                'o' => failure(Blame::Ours),
                _ => failure(Blame::Unwell),
            };
            let now = start + Duration::from_secs(second);
            let since = Duration::from_secs(second - changed_at);
            let next = tally.judge(&duty, health, now, since, &result);
            if next != health {
                changed_at = second;
            }
            health = next;
            seen.push(match health {
                Health::Unknown => '?',
                Health::Up => 'u',
                Health::SlowStart => 's',
                Health::Down => 'd',
                Health::Draining => 'x',
            });
        }
        assert_eq!(seen, expect, "{results} from {before:?}");
    }

    #[test]
    fn checks_bring_an_instance_up_and_down() {
        check(Health::Unknown, 0, "gg", "uu");
        check(Health::Unknown, 0, "bgg", "dds");
        check(Health::Up, 0, "bbgbbb", "uuuuud");
        check(Health::Up, 0, "r", "d");
        check(Health::Up, 0, "oooobobo", "uuuuuuuu");
        check(Health::Unknown, 0, "oog", "??u");
        check(Health::Down, 0, "gggggg", "dsssuu");
        check(Health::Down, 0, "gbgg", "ddds");
        check(Health::SlowStart, 0, "bbb", "ssd");
        check(Health::Down, 4, "gggggg", "ddddss");
    }
}
