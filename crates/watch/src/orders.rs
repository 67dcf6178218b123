//! Orders and revenue, read from the shop's own database: one reader a shop, every five seconds.
//!
//! A reading that fails says so and leaves the minutes unknown: no order seen is not the same as no
//! order placed. Which rows count how is [`book`]'s; how a database is asked is `databases`'.

mod book;
pub mod usual;

use crate::{
    Watch, WatchError,
    live::{MINUTES_KEPT_MS, site::orders_query},
    state::Minute,
};
use book::OrderBook;
use databases::orders::{OrderQuery, OrderReader, OrderWindow};
use kernel::{
    ShopId,
    config::{Configuration, DatabaseUrl},
};
use std::{collections::BTreeMap, error::Error, time::Duration};
use store::{MinuteRecord, Store};
use tokio::task::JoinHandle;

/// Between two readings.
const PERIOD: Duration = Duration::from_secs(5);
/// A reading of more than these may have left some unread.
const MANY: usize = 5_000;
/// How far back the first reading of a shop looks for the orders of the last day: keys before the
/// newest. Tried one after the other until one reaches back far enough.
const SPANS: [i64; 5] = [200, 1_000, 5_000, 20_000, 100_000];

/// What a reading found out, for [`Live`](crate::live::Live).
#[derive(Debug, Clone, Default, PartialEq)]
pub struct OrdersReading {
    pub at_ms: i64,
    /// Minutes that changed: start, orders, revenue in minor units. Zeroes are known zeroes.
    pub minutes: Vec<(i64, u64, i64)>,
    /// Orders placed in the last 60 seconds.
    pub last_minute: Option<u64>,
    /// `None`: no order was seen, or none new.
    pub last_order_ms: Option<i64>,
    /// Why nothing could be read; the minutes are empty then.
    pub error: Option<String>,
}

impl OrdersReading {
    fn failed(error: String) -> Self {
        Self { at_ms: now_ms(), error: Some(error), ..Self::default() }
    }
}

/// The readers of all shops: one task each, ended when the shop goes or its database changes.
#[derive(Debug)]
pub struct OrderReaders {
    watch: Watch,
    store: Store,
    running: BTreeMap<ShopId, (DatabaseUrl, String, JoinHandle<()>)>,
}

impl OrderReaders {
    #[must_use]
    pub fn new(watch: Watch, store: Store) -> Self {
        Self { watch, store, running: BTreeMap::new() }
    }

    /// Reads the orders of these shops from now on. Readers whose database stayed the same go on.
    pub fn configure(&mut self, configuration: &Configuration) {
        let mut before = std::mem::take(&mut self.running);
        for shop in &configuration.shops {
            let Some(url) = &shop.database else { continue };
            let Some(select) = orders_query(&shop.platform, url.kind) else { continue };
            let query = match OrderQuery::new(select) {
                Ok(query) => query,
                Err(error) => {
                    let reading = OrdersReading::failed(told(&error));
                    self.watch.with(|live| live.orders_read(&shop.id, &reading));
                    continue;
                }
            };
            let same = before.remove(&shop.id).filter(|(old, platform, task)| {
                let same = old == url && *platform == shop.platform && !task.is_finished();
                if !same {
                    task.abort();
                }
                same
            });
            let reader = same.unwrap_or_else(|| {
                let reader = Reader {
                    shop: shop.id.clone(),
                    url: url.clone(),
                    query: query.clone(),
                    watch: self.watch.clone(),
                    store: self.store.clone(),
                };
                (url.clone(), shop.platform.clone(), tokio::spawn(reader.run()))
            });
            self.running.insert(shop.id.clone(), reader);
        }
        for (_, _, task) in before.values() {
            task.abort();
        }
    }
}

impl Drop for OrderReaders {
    fn drop(&mut self) {
        for (_, _, task) in self.running.values() {
            task.abort();
        }
    }
}

struct Reader {
    shop: ShopId,
    url: DatabaseUrl,
    query: OrderQuery,
    watch: Watch,
    store: Store,
}

impl Reader {
    async fn run(self) {
        let mut ticks = tokio::time::interval(PERIOD);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut book = None;
        let mut connection = None;
        loop {
            ticks.tick().await;
            let reading = match self.read(&mut connection, &mut book).await {
                Ok(reading) => reading,
                Err(error) => {
                    let error = told(&error);
                    tracing::warn!(shop = %self.shop, %error, "orders could not be read");
                    OrdersReading::failed(error)
                }
            };
            self.watch.with(|live| live.orders_read(&self.shop, &reading));
        }
    }

    /// One reading. Connects when there is no connection; a failure gives the connection up.
    async fn read(
        &self,
        connection: &mut Option<OrderReader>,
        book: &mut Option<OrderBook>,
    ) -> Result<OrdersReading, WatchError> {
        let mut reader = match connection.take() {
            Some(reader) => reader,
            None => OrderReader::connect(&self.url, self.query.clone()).await?,
        };
        let mut open = match book.take() {
            Some(book) => book,
            None => self.open_book(&mut reader).await?,
        };
        let outcome = self.read_into(&mut reader, &mut open).await;
        *book = Some(open);
        if outcome.is_ok() {
            *connection = Some(reader);
        }
        outcome
    }

    async fn read_into(
        &self,
        reader: &mut OrderReader,
        book: &mut OrderBook,
    ) -> Result<OrdersReading, WatchError> {
        let begun_ms = now_ms();
        let rows = reader.follow(&mut book.window, begun_ms).await?;
        let whole = rows.len() < MANY;
        let changed = book.take(&rows, begun_ms, whole);
        self.write_down(book).await;
        Ok(OrdersReading {
            at_ms: begun_ms,
            minutes: changed,
            last_minute: whole.then(|| book.last_minute()),
            last_order_ms: book.last_order_ms(),
            error: None,
        })
    }

    /// What is not written now is written with the next reading.
    async fn write_down(&self, book: &mut OrderBook) {
        let unwritten = book.unwritten();
        if unwritten.is_empty() {
            return;
        }
        let minutes = unwritten.iter().map(|(at_ms, orders, revenue_minor)| MinuteRecord {
            at_ms: *at_ms,
            orders: Some(*orders),
            revenue_minor: Some(*revenue_minor),
            ..MinuteRecord::default()
        });
        let (minutes, window) = (minutes.collect(), book.window.to_text());
        match self.store.record_orders(&self.shop, minutes, window).await {
            Ok(()) => book.written(),
            Err(error) => {
                tracing::warn!(shop = %self.shop, error = told(&error), "orders were not kept");
            }
        }
    }

    /// Goes on from the store, or looks back over the last day for a new shop.
    async fn open_book(&self, reader: &mut OrderReader) -> Result<OrderBook, WatchError> {
        let now_ms = now_ms();
        let from_ms = now_ms - MINUTES_KEPT_MS;
        let newest = reader.newest_key().await?;
        let last_order_ms = match newest {
            Some(newest) => {
                let last = reader.new_orders(Some(newest.saturating_sub(1)), 1).await?;
                last.first().map(|row| row.placed_at_ms)
            }
            None => None,
        };
        let kept = self.store.order_mark(&self.shop).await?;
        if let Some(window) = kept.and_then(|text| OrderWindow::from_text(&text, now_ms)) {
            let minutes = self.store.minutes(&self.shop, from_ms, now_ms).await?;
            return Ok(OrderBook::resume(window, minutes.iter().map(minute), last_order_ms));
        }
        let (after, known_from_ms) = match newest {
            Some(newest) => look_back(reader, newest, from_ms, now_ms).await?,
            None => (None, from_ms),
        };
        let window = OrderWindow::starting_after(after);
        Ok(OrderBook::begin(window, known_from_ms, last_order_ms))
    }
}

/// The key after which to begin, and from when on all orders have a greater one.
async fn look_back(
    reader: &mut OrderReader,
    newest: i64,
    from_ms: i64,
    now_ms: i64,
) -> Result<(Option<i64>, i64), WatchError> {
    let mut found = (Some(newest), now_ms);
    for span in SPANS {
        let after = newest.saturating_sub(span);
        let oldest = reader.new_orders(Some(after), 1).await?;
        let placed_ms = oldest.first().map_or(now_ms, |row| row.placed_at_ms);
        if after <= 0 || placed_ms <= from_ms {
            return Ok((Some(after), from_ms));
        }
        found = (Some(after), placed_ms);
    }
    Ok(found)
}

pub(crate) fn minute(record: &MinuteRecord) -> Minute {
    Minute {
        at_ms: record.at_ms,
        orders: record.orders,
        revenue_minor: record.revenue_minor,
        requests: record.requests,
        errors: record.errors,
    }
}

/// An error with all its causes in one line, for a person.
fn told(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.ends_with(&cause_text) {
            text = format!("{text}: {cause_text}");
        }
        source = cause.source();
    }
    text
}

pub(crate) fn now_ms() -> i64 {
    jiff::Timestamp::now().as_millisecond()
}

#[cfg(test)]
mod tests;
