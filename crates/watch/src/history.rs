//! The history: what was measured of shops and machine every ten seconds, in the metrics store.
//!
//! What is unknown is not written, so that it comes back as a gap. A disk that is full or a store
//! that does not open is told, and tried again every ten seconds; nothing else waits for it. Names
//! and units are in docs/formats/history.md. It judges nothing and forgets nothing: the store does.

mod chart;
mod collected;
mod exposition;
mod families;
mod growth;
mod intake;
mod measurement;
mod scrape;
#[cfg(test)]
mod tests;

pub use chart::{Asked, HistoryPoints, HistorySeries, MOST_POINTS, ShopHistory};
pub use exposition::page;
pub use families::{FamilyFacts, MOST_FAMILIES};
pub use growth::Grown;
pub use intake::{IntakeError, MOST_OF_OTHERS, Taken};
pub use measurement::{Measured, Measurement, Unit};
pub use scrape::{TargetFetch, TargetState};

use crate::{
    Watch, WatchError,
    checks::Checks,
    orders::now_ms,
    services::{Asking, Services},
};
use collected::{Collected, Pulse};
use host::readings::{HostPulse, HostReadings};
use kernel::{ShopId, config::Configuration};
use series::{Labels, Limits, Refused, Sample, Series, SeriesRef, Ticket};
use std::{
    collections::BTreeMap,
    error::Error,
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::sync::{Semaphore, watch::Receiver};

/// How far apart samples are. Their times are multiples of it, so that all series share them.
pub(crate) const STEP_MS: i64 = 10_000;
/// How often the store is asked whether it has something to tidy.
const MAINTENANCE: Duration = Duration::from_secs(10);
/// Rounds of maintenance one after the other; what is left waits for the next time.
const MOST_ROUNDS: usize = 16;
/// Reads at the same time; further ones wait.
const READS_AT_ONCE: usize = 2;
/// Questions of others at the same time, each of which may take much memory; further ones wait.
const QUESTIONS_AT_ONCE: usize = 2;

/// Shops that there is room for whatever the configuration says: those that a reload adds, and those that
/// were removed, whose history stays for more than a year. Room costs nothing before it is taken.
const FEWEST_SHOPS: usize = 400;
/// Series of one shop: twice what is measured, since the history of a shop that was removed stays.
const SERIES_A_SHOP: usize = 2 * Measurement::ALL.len() + MOST_TABLES;
/// Tables of a shop's database, the largest, whose size is written down.
pub const MOST_TABLES: usize = 20;
/// Series of the machine, a disk each for the most part.
const SERIES_OF_MACHINE: usize = 64;
/// Series of what collectors read of the machine; room for them is beside that of others.
const SERIES_COLLECTED: usize = 8_000;
/// Bytes of samples in memory for each series: half an hour of them takes less than half of it.
const HEAD_BYTES_A_SERIES: usize = 4 << 10;
/// Bytes of samples in memory for all that others send.
const HEAD_BYTES_OF_OTHERS: usize = 128 << 20;
/// Bytes that wait for a disk that is full: about an hour of a hundred shops, or a few requests of others.
const WAITING_BYTES: usize = 32 << 20;

/// A handle on the history: cheap to clone.
#[derive(Debug, Clone)]
pub struct History(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    folder: PathBuf,
    limits: Limits,
    store: Mutex<Opened>,
    reads: Semaphore,
    questions: Semaphore,
    /// Series that are ours: there is room for them whatever others send.
    own: usize,
    intake: intake::Senders,
    families: Mutex<families::Book>,
    targets: scrape::Board,
    /// What could not be done the last time, and why.
    troubles: Mutex<BTreeMap<Deed, String>>,
}

#[derive(Debug, Default)]
struct Opened {
    series: Option<Arc<Series>>,
    /// Samples that are only in memory yet, because the disk refused them.
    unwritten: Option<Ticket>,
}

/// What is done with the store without anybody asking.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Deed {
    Record,
    Collect,
    Pulse,
    Maintain,
}

impl History {
    /// A history in this folder, of about so many shops. The folder is opened when it is first
    /// needed.
    #[must_use]
    pub fn new(folder: PathBuf, shops: usize) -> Self {
        let own = SERIES_OF_MACHINE + shops.max(FEWEST_SHOPS) * SERIES_A_SHOP;
        let head_bytes = own * HEAD_BYTES_A_SERIES + HEAD_BYTES_OF_OTHERS;
        let series = own + SERIES_COLLECTED + MOST_OF_OTHERS;
        let limits =
            Limits { series, head_bytes, waiting_bytes: WAITING_BYTES, ..Limits::default() };
        Self(Arc::new(Inner {
            folder,
            limits,
            store: Mutex::default(),
            reads: Semaphore::new(READS_AT_ONCE),
            questions: Semaphore::new(QUESTIONS_AT_ONCE),
            own,
            intake: intake::Senders::default(),
            families: Mutex::default(),
            targets: scrape::Board::default(),
            troubles: Mutex::default(),
        }))
    }

    /// Writes down what `watch` knows every ten seconds, and keeps the store tidy, until `stop` is
    /// true. What fails is told to `watch` and tried again.
    pub async fn run(
        self,
        watch: Watch,
        (checks, services): (Checks, Services),
        configuration: Receiver<Arc<Configuration>>,
        mut stop: Receiver<bool>,
    ) {
        let services = Asking::new(configuration.clone(), services);
        let pulse = self.feel_pulse(configuration.clone(), &watch);
        tokio::select! {
            _ = stop.wait_for(|stop| *stop) => {}
            () = self.record_on_time(&watch) => {}
            () = self.collect_on_time(services, checks, &watch) => {}
            () = pulse => {}
            () = self.scrape(configuration) => {}
            () = self.maintain_now_and_then(&watch) => {}
        }
    }

    async fn record_on_time(&self, watch: &Watch) {
        loop {
            let (at_ms, now_ms) = next_step(STEP_MS).await;
            let measured = watch.with(|live| live.measured(at_ms));
            let write = move |history: &Self| history.record(&measured, now_ms);
            self.carry_out(Deed::Record, watch, write).await;
        }
    }

    /// Beside what `watch` knows, which waits for no service.
    async fn collect_on_time(&self, mut services: Asking, checks: Checks, watch: &Watch) {
        let collected = Arc::new(Mutex::new(Collected::new(HostReadings::default())));
        loop {
            let times = next_step(STEP_MS).await;
            let mut round = services.round(times.0 / STEP_MS).await;
            round.add(checks.told());
            watch.with(|live| live.queues(services.queues()));
            let collected = Arc::clone(&collected);
            let collect = move |history: &Self| {
                let mut collected = collected.lock().unwrap_or_else(PoisonError::into_inner);
                collected.round(history, &round, times)
            };
            self.carry_out(Deed::Collect, watch, collect).await;
        }
    }

    /// What changes from second to second, as often as the configuration says.
    async fn feel_pulse(&self, configuration: Receiver<Arc<Configuration>>, watch: &Watch) {
        let pulse = Arc::new(Mutex::new(Pulse::new(HostPulse::default())));
        loop {
            let step_ms = configuration.borrow().control.pulse_ms;
            let times = next_step(step_ms.cast_signed()).await;
            let pulse = Arc::clone(&pulse);
            let beat = move |history: &Self| {
                pulse.lock().unwrap_or_else(PoisonError::into_inner).beat(history, times)
            };
            self.carry_out(Deed::Pulse, watch, beat).await;
        }
    }

    async fn maintain_now_and_then(&self, watch: &Watch) {
        let mut turns = tokio::time::interval(MAINTENANCE);
        turns.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            turns.tick().await;
            let now_ms = now_ms();
            let maintain = move |history: &Self| history.maintain(now_ms);
            self.carry_out(Deed::Maintain, watch, maintain).await;
        }
    }

    /// Does it on a thread that may wait for the disk, and tells how it went.
    async fn carry_out(
        &self,
        deed: Deed,
        watch: &Watch,
        work: impl FnOnce(&Self) -> Result<(), WatchError> + Send + 'static,
    ) {
        let history = self.clone();
        let outcome = tokio::task::spawn_blocking(move || work(&history)).await;
        // A panic there is our own bug, and no reason to stop watching.
        let outcome = outcome.map_err(|error| error.to_string());
        let outcome = outcome.and_then(|done| done.map_err(|error| story(&error)));
        let trouble = self.note(deed, outcome);
        watch.with(|live| live.history_error(trouble));
    }

    /// Remembers how it went, and says so in the log when that is news. What stands in the way now.
    fn note(&self, deed: Deed, outcome: Result<(), String>) -> Option<String> {
        let mut troubles = self.0.troubles.lock().unwrap_or_else(PoisonError::into_inner);
        match outcome {
            Ok(()) => {
                if troubles.remove(&deed).is_some() {
                    tracing::info!(?deed, "the history is kept again");
                }
            }
            Err(error) => {
                if troubles.get(&deed) != Some(&error) {
                    tracing::error!(?deed, error, "the history is not kept; it is tried again");
                }
                troubles.insert(deed, error);
            }
        }
        troubles.values().next().cloned()
    }

    /// Writes these down; they are on disk when it returns. Waits for the disk.
    ///
    /// # Errors
    /// When the store cannot be opened or written. What was taken into memory is written with the
    /// next ones, if that can be.
    pub fn record(&self, measured: &[Measured], now_ms: i64) -> Result<(), WatchError> {
        let store = self.series(now_ms)?;
        let labels: Result<Vec<Labels>, _> = measured.iter().map(Measured::labels).collect();
        let known = store.series_all(&labels?, now_ms)?;
        let samples = known.into_iter().zip(measured);
        let samples: Vec<_> = samples
            .map(|(one, measured)| (one, Sample { at_ms: measured.at_ms, value: measured.value }))
            .collect();
        self.append(&samples, now_ms).map(drop)
    }

    /// Appends samples; they are on disk when it returns. What was refused of them.
    fn append(&self, samples: &[(SeriesRef, Sample)], now_ms: i64) -> Result<Refused, WatchError> {
        let mut opened = self.opened(now_ms)?;
        let series = opened.series.clone().expect("invariant: it was just opened");
        // First what waits: it may be what makes the store refuse more.
        let waiting = opened.unwritten.map_or(Ok(()), |ticket| series.commit(ticket));
        let appended = match (series.append(samples, now_ms), waiting) {
            (Ok(appended), _) => appended,
            (Err(_), Err(cause)) | (Err(cause), Ok(())) => return Err(cause.into()),
        };
        if appended.refused.total() > 0 {
            tracing::warn!(refused = ?appended.refused, "samples are too far from the clock");
        }
        opened.unwritten = Some(appended.ticket);
        series.commit(appended.ticket)?;
        opened.unwritten = None;
        Ok(appended.refused)
    }

    /// Keeps the store tidy: makes its files fewer, and forgets what is too old. Waits for the disk.
    ///
    /// # Errors
    /// When the store cannot be opened or written; it can be tried again.
    pub fn maintain(&self, now_ms: i64) -> Result<(), WatchError> {
        let series = self.series(now_ms)?;
        for _ in 0..MOST_ROUNDS {
            if !series.maintain(now_ms)?.is_worth_another() {
                break;
            }
        }
        Ok(())
    }

    /// What is known of a shop and its machine over a time.
    ///
    /// # Errors
    /// When the store cannot be opened or read.
    pub async fn of(&self, shop: ShopId, asked: Asked) -> Result<ShopHistory, WatchError> {
        let _permit = self.0.reads.acquire().await.expect("invariant: it is never closed");
        let history = self.clone();
        let read = move || {
            let series = history.series(now_ms())?;
            chart::read(&series, &shop, asked).map_err(WatchError::from)
        };
        tokio::task::spawn_blocking(read).await.map_err(WatchError::HistoryBroke)?
    }

    /// By how much the tables of a shop's database have grown within about a week.
    ///
    /// # Errors
    /// When the store cannot be opened or read.
    pub async fn growth(&self, shop: ShopId, now_ms: i64) -> Result<Vec<Grown>, WatchError> {
        let _permit = self.0.reads.acquire().await.expect("invariant: it is never closed");
        let history = self.clone();
        let read = move || growth::read(&*history.series(now_ms)?, &shop, now_ms);
        tokio::task::spawn_blocking(read).await.map_err(WatchError::HistoryBroke)?
    }

    /// Writes down what was measured now and then, beside what is every ten seconds.
    ///
    /// # Errors
    /// As [`Self::record`].
    pub async fn note_down(&self, measured: Vec<Measured>, now_ms: i64) -> Result<(), WatchError> {
        let history = self.clone();
        let write = move || history.record(&measured, now_ms);
        tokio::task::spawn_blocking(write).await.map_err(WatchError::HistoryBroke)?
    }

    /// Has a question answered out of the store, on a thread that may wait for the disk. Few at a time: others wait.
    ///
    /// # Errors
    /// When the store cannot be opened.
    pub async fn ask<T: Send + 'static>(
        &self,
        question: impl FnOnce(&Series) -> T + Send + 'static,
    ) -> Result<T, WatchError> {
        let _permit = self.0.questions.acquire().await.expect("invariant: it is never closed");
        let history = self.clone();
        let answer = move || history.series(now_ms()).map(|series| question(&series));
        tokio::task::spawn_blocking(answer).await.map_err(WatchError::HistoryBroke)?
    }

    fn series(&self, now_ms: i64) -> Result<Arc<Series>, WatchError> {
        let opened = self.opened(now_ms)?;
        Ok(Arc::clone(opened.series.as_ref().expect("invariant: it was just opened")))
    }

    /// The store, opened if it is not yet.
    fn opened(&self, now_ms: i64) -> Result<MutexGuard<'_, Opened>, WatchError> {
        let mut opened = self.0.store.lock().unwrap_or_else(PoisonError::into_inner);
        if opened.series.is_none() {
            let series = Series::open(&self.0.folder, self.0.limits, now_ms)?;
            opened.series = Some(Arc::new(series));
        }
        Ok(opened)
    }
}

/// Waits for the next multiple of `step_ms`: which it is, and what the clock says.
async fn next_step(step_ms: i64) -> (i64, i64) {
    let wait_ms = step_ms - now_ms().rem_euclid(step_ms);
    tokio::time::sleep(Duration::from_millis(wait_ms.unsigned_abs())).await;
    let now_ms = now_ms();
    // The nearest: a clock that is being corrected may say a little less than was waited for.
    ((now_ms + step_ms / 2).div_euclid(step_ms) * step_ms, now_ms)
}

/// An error with what caused it, in one line.
fn story(error: &WatchError) -> String {
    let causes = std::iter::successors(Some(error as &dyn Error), |&error| error.source());
    let causes: Vec<String> = causes.map(ToString::to_string).collect();
    causes.join(": ")
}
