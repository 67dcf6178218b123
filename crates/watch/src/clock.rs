//! The beat: once a second the picture moves on, is published, and what is new goes to the store.

use crate::{
    Watch, WatchError,
    access_log::LogPlaces,
    live::{Live, MINUTES_KEPT_MS, Unsaved},
    orders::{minute, now_ms},
    state::{Mark, MarkKind, Minute, Tick},
};
use kernel::ShopId;
use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};
use store::{MarkRecord, MinuteRecord, Store};
use tokio::sync::watch::Receiver;

/// Traffic of the running minute is written down every so many ticks; kill -9 loses no more.
const TICKS_PER_SAVE: u64 = 10;
/// Marks brought back after a restart.
const MARKS: u32 = 100;
/// Records older than this are forgotten.
const KEPT_MS: i64 = 400 * 24 * 60 * 60 * 1000;
/// How often old records are looked for, in ticks.
const TICKS_PER_PRUNE: u64 = 6 * 60 * 60;

/// A clock that differs by so much from one that only grows has jumped, rather than been corrected.
const JUMP_MS: i64 = 2_000;

/// Moves the picture on until `stop` is true, then writes down what is left. `publish` gets every
/// second's ticks and must not wait.
pub async fn run(
    watch: Watch,
    store: Store,
    mut publish: impl FnMut(Vec<Tick>),
    mut stop: Receiver<bool>,
) {
    let mut seconds = tokio::time::interval(Duration::from_secs(1));
    seconds.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut count: u64 = 0;
    let mut before = (Instant::now(), now_ms());
    loop {
        tokio::select! {
            _ = seconds.tick() => {}
            _ = stop.wait_for(|stop| *stop) => break,
        }
        count += 1;
        let now = (Instant::now(), now_ms());
        let passed_ms = i64::try_from((now.0 - before.0).as_millis()).unwrap_or(i64::MAX);
        let jump_ms = now.1 - before.1 - passed_ms;
        before = now;
        if jump_ms.abs() >= JUMP_MS {
            tracing::warn!(jump_ms, "the machine's clock jumped");
            watch.with(|live| live.clock_jumped(jump_ms, now.1));
        }
        let health = store.health();
        watch.with(|live| {
            live.store_error(health.last_error.filter(|_| !health.writable));
            publish(live.tick(now_ms()));
        });
        // A store that cannot be written is tried again less often than it would have to say so.
        let is_due = count.is_multiple_of(TICKS_PER_SAVE);
        if health.writable || is_due {
            save(&watch, &store, watch.with(|live| live.take_unsaved(is_due))).await;
        }
        if count % TICKS_PER_PRUNE == TICKS_PER_SAVE {
            let now_ms = now_ms();
            if let Err(error) = store.prune(now_ms - KEPT_MS, now_ms).await {
                tracing::warn!(%error, "old records were not forgotten");
            }
        }
    }
    let unsaved = watch.with(|live| live.take_unsaved(true));
    save(&watch, &store, unsaved).await;
}

async fn save(watch: &Watch, store: &Store, unsaved: Unsaved) {
    let mut failed = Unsaved::default();
    let mut logs: BTreeMap<ShopId, LogPlaces> = unsaved.logs.into_iter().collect();
    for (shop, minutes) in unsaved.minutes {
        let records = minutes.iter().map(record).collect();
        let places = logs.remove(&shop);
        let written = match &places {
            Some(places) => store.record_log(&shop, records, places.to_text()).await,
            None => store.put_minutes(&shop, records).await,
        };
        if let Err(error) = written {
            tracing::warn!(%shop, %error, "minutes were not written down");
            failed.logs.extend(places.map(|places| (shop.clone(), places)));
            failed.minutes.push((shop, minutes));
        }
    }
    for (shop, places) in logs {
        if let Err(error) = store.record_log(&shop, Vec::new(), places.to_text()).await {
            tracing::warn!(%shop, %error, "how far its logs were read was not written down");
            failed.logs.push((shop, places));
        }
    }
    for (shop, mark) in unsaved.marks {
        let Mark { at_ms, kind, params } = mark.clone();
        let record = MarkRecord { at_ms, kind: kind.as_str().to_owned(), params };
        if let Err(error) = store.add_mark(shop.as_ref(), record).await {
            tracing::warn!(%error, "a mark was not written down");
            failed.marks.push((shop, mark));
        }
    }
    if failed != Unsaved::default() {
        watch.with(|live| live.put_back(failed));
    }
}

/// Fills `live` with what the store knows of the shops it watches.
///
/// # Errors
/// When the store cannot be read.
pub async fn restore(live: &mut Live, store: &Store, now_ms: i64) -> Result<(), WatchError> {
    let from_ms = now_ms - MINUTES_KEPT_MS;
    for shop in live.shops() {
        let minutes = store.minutes(&shop.id, from_ms, now_ms + 1).await?;
        live.restore_minutes(&shop.id, minutes.iter().map(minute));
    }
    let mut marks: BTreeMap<Option<ShopId>, Vec<Mark>> = BTreeMap::new();
    for (shop, record) in store.marks(from_ms, MARKS).await? {
        // A kind that a newer version noted is not shown by this one.
        let Some(kind) = MarkKind::named(&record.kind) else { continue };
        let mark = Mark { at_ms: record.at_ms, kind, params: record.params };
        marks.entry(shop).or_default().push(mark);
    }
    for (shop, marks) in marks {
        live.restore_marks(shop.as_ref(), marks);
    }
    Ok(())
}

/// Orders are written by their reader alone, so that none is counted twice.
fn record(minute: &Minute) -> MinuteRecord {
    MinuteRecord {
        at_ms: minute.at_ms,
        orders: None,
        revenue_minor: None,
        requests: minute.requests,
        errors: minute.errors,
    }
}
