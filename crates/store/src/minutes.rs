//! What shops did, minute by minute, what happened to them, and how far their orders were counted.

use crate::{Store, StoreError};
use kernel::{Params, ShopId};
use rusqlite::{Connection, OptionalExtension};

/// One minute of one shop. `None` is unknown; when written, it leaves what was known.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct MinuteRecord {
    /// Its start, unix milliseconds.
    pub at_ms: i64,
    pub orders: Option<u64>,
    /// In minor units of the shop's currency.
    pub revenue_minor: Option<i64>,
    pub requests: Option<u64>,
    pub errors: Option<u64>,
}

/// Something that happened, as charts show it.
#[derive(Debug, Clone, PartialEq)]
pub struct MarkRecord {
    /// Unix milliseconds.
    pub at_ms: i64,
    pub kind: String,
    pub params: Params,
}

impl Store {
    /// Writes whole values of minutes over what was there, all or none.
    ///
    /// # Errors
    /// [`StoreError::Full`] and the like; nothing was written then.
    pub async fn put_minutes(
        &self,
        shop: &ShopId,
        minutes: Vec<MinuteRecord>,
    ) -> Result<(), StoreError> {
        let shop = shop.clone();
        self.writer.write(move |connection| put_minutes(connection, &shop, &minutes)).await
    }

    /// How many minutes, of all shops, began before this time.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn count_minutes_before(&self, before_ms: i64) -> Result<u64, StoreError> {
        let count = move |connection: &Connection| {
            let sql = "SELECT count(*) FROM minute WHERE at_ms < ?1";
            connection.query_row(sql, [before_ms], |row| row.get::<_, i64>(0))
        };
        self.reader.read(count).await.map(i64::unsigned_abs)
    }

    /// Removes the minutes, of all shops, that began before this time; how many they were.
    ///
    /// # Errors
    /// [`StoreError::Full`] and the like; none was removed then.
    pub async fn remove_minutes_before(&self, before_ms: i64) -> Result<u64, StoreError> {
        let remove = move |connection: &Connection| {
            connection.execute("DELETE FROM minute WHERE at_ms < ?1", [before_ms])
        };
        self.writer.write(remove).await.map(|removed| removed as u64)
    }

    /// The minutes with `from_ms <= at_ms < to_ms` that something is known of, oldest first.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn minutes(
        &self,
        shop: &ShopId,
        from_ms: i64,
        to_ms: i64,
    ) -> Result<Vec<MinuteRecord>, StoreError> {
        let shop = shop.clone();
        let select = move |connection: &Connection| {
            let mut select = connection.prepare_cached(
                "SELECT at_ms, orders, revenue_minor, requests, errors FROM minute
                 WHERE shop = ?1 AND at_ms >= ?2 AND at_ms < ?3 ORDER BY at_ms",
            )?;
            let rows = select.query_map((shop.as_str(), from_ms, to_ms), |row| {
                Ok(MinuteRecord {
                    at_ms: row.get(0)?,
                    orders: row.get::<_, Option<i64>>(1)?.map(to_count),
                    revenue_minor: row.get(2)?,
                    requests: row.get::<_, Option<i64>>(3)?.map(to_count),
                    errors: row.get::<_, Option<i64>>(4)?.map(to_count),
                })
            })?;
            rows.collect()
        };
        self.reader.read(select).await
    }

    /// Writes minutes and how far orders were counted as one: after a crash neither is without the
    /// other, so that no order is counted twice or not at all.
    ///
    /// # Errors
    /// As of [`Store::put_minutes`].
    pub async fn record_orders(
        &self,
        shop: &ShopId,
        minutes: Vec<MinuteRecord>,
        mark: String,
    ) -> Result<(), StoreError> {
        let shop = shop.clone();
        let write = move |connection: &Connection| {
            put_minutes(connection, &shop, &minutes)?;
            put_order_mark(connection, &shop, &mark)
        };
        self.writer.write(write).await
    }

    /// Writes minutes and how far access logs were counted as one, so that no line is counted twice or
    /// not at all.
    ///
    /// # Errors
    /// As of [`Store::put_minutes`].
    pub async fn record_log(
        &self,
        shop: &ShopId,
        minutes: Vec<MinuteRecord>,
        place: String,
    ) -> Result<(), StoreError> {
        let shop = shop.clone();
        let write = move |connection: &Connection| {
            put_minutes(connection, &shop, &minutes)?;
            let mut insert = connection.prepare_cached(
                "INSERT INTO log_place (shop, place) VALUES (?1, ?2)
                 ON CONFLICT (shop) DO UPDATE SET place = excluded.place",
            )?;
            insert.execute((shop.as_str(), &place)).map(drop)
        };
        self.writer.write(write).await
    }

    /// How far a shop's access logs were counted, as [`Store::record_log`] was told last.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn log_place(&self, shop: &ShopId) -> Result<Option<String>, StoreError> {
        let shop = shop.clone();
        let select = move |connection: &Connection| {
            connection
                .prepare_cached("SELECT place FROM log_place WHERE shop = ?1")?
                .query_row([shop.as_str()], |row| row.get(0))
                .optional()
        };
        self.reader.read(select).await
    }

    /// Forgets how far a shop's access logs were counted: from here on somebody else counts.
    ///
    /// # Errors
    /// As of [`Store::put_minutes`].
    pub async fn forget_log(&self, shop: &ShopId) -> Result<(), StoreError> {
        let shop = shop.clone();
        let forget = move |connection: &Connection| {
            connection.execute("DELETE FROM log_place WHERE shop = ?1", [shop.as_str()]).map(drop)
        };
        self.writer.write(forget).await
    }

    /// How far a shop's orders were counted, as [`Store::record_orders`] was told last.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn order_mark(&self, shop: &ShopId) -> Result<Option<String>, StoreError> {
        let shop = shop.clone();
        let select = move |connection: &Connection| {
            connection
                .prepare_cached("SELECT mark FROM order_mark WHERE shop = ?1")?
                .query_row([shop.as_str()], |row| row.get(0))
                .optional()
        };
        self.reader.read(select).await
    }

    /// Sets the mark alone, when counting begins.
    ///
    /// # Errors
    /// As of [`Store::put_minutes`].
    pub async fn put_order_mark(&self, shop: &ShopId, mark: String) -> Result<(), StoreError> {
        let shop = shop.clone();
        self.writer.write(move |connection| put_order_mark(connection, &shop, &mark)).await
    }

    /// Adds what happened to a shop, or to the whole machine.
    ///
    /// # Errors
    /// As of [`Store::put_minutes`].
    pub async fn add_mark(
        &self,
        shop: Option<&ShopId>,
        mark: MarkRecord,
    ) -> Result<(), StoreError> {
        let shop = shop.cloned();
        let params = serde_json::to_string(&mark.params)
            .map_err(|error| StoreError::Malformed(format!("parameters of a mark: {error}")))?;
        let write = move |connection: &Connection| {
            connection
                .prepare_cached("INSERT INTO mark (at_ms, shop, kind, params) VALUES (?, ?, ?, ?)")?
                .execute((mark.at_ms, shop.as_ref().map(ShopId::as_str), &mark.kind, &params))
                .map(|_| ())
        };
        self.writer.write(write).await
    }

    /// The last `limit` marks from `from_ms` on, oldest first.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn marks(
        &self,
        from_ms: i64,
        limit: u32,
    ) -> Result<Vec<(Option<ShopId>, MarkRecord)>, StoreError> {
        let select = move |connection: &Connection| {
            let mut select = connection.prepare_cached(
                "SELECT shop, at_ms, kind, params FROM mark WHERE at_ms >= ?1
                 ORDER BY at_ms DESC, id DESC LIMIT ?2",
            )?;
            let rows = select.query_map((from_ms, limit), |row| {
                Ok((row.get::<_, Option<String>>(0)?, row.get(1)?, row.get(2)?, row.get(3)?))
            })?;
            rows.collect::<Result<Vec<_>, _>>()
        };
        let rows = self.reader.read(select).await?;
        rows.into_iter().rev().map(to_mark).collect()
    }

    /// Forgets minutes and marks from before `before_ms`, and links and sessions that have expired
    /// by `now_ms`. Returns how many rows went.
    ///
    /// # Errors
    /// As of [`Store::put_minutes`].
    pub async fn prune(&self, before_ms: i64, now_ms: i64) -> Result<usize, StoreError> {
        let write = move |connection: &Connection| {
            let minutes = connection.execute("DELETE FROM minute WHERE at_ms < ?1", [before_ms])?;
            let marks = connection.execute("DELETE FROM mark WHERE at_ms < ?1", [before_ms])?;
            let links = "DELETE FROM one_time_link WHERE expires_ms <= ?1";
            let links = connection.execute(links, [now_ms])?;
            let sessions = "DELETE FROM session WHERE expires_ms <= ?1";
            let sessions = connection.execute(sessions, [now_ms])?;
            Ok(minutes + marks + links + sessions)
        };
        self.writer.write(write).await
    }
}

fn put_minutes(
    connection: &Connection,
    shop: &ShopId,
    minutes: &[MinuteRecord],
) -> Result<(), rusqlite::Error> {
    let mut upsert = connection.prepare_cached(
        "INSERT INTO minute (shop, at_ms, orders, revenue_minor, requests, errors)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6)
         ON CONFLICT (shop, at_ms) DO UPDATE SET
           orders = coalesce(excluded.orders, orders),
           revenue_minor = coalesce(excluded.revenue_minor, revenue_minor),
           requests = coalesce(excluded.requests, requests),
           errors = coalesce(excluded.errors, errors)",
    )?;
    for minute in minutes {
        upsert.execute((
            shop.as_str(),
            minute.at_ms,
            minute.orders.map(from_count),
            minute.revenue_minor,
            minute.requests.map(from_count),
            minute.errors.map(from_count),
        ))?;
    }
    Ok(())
}

fn put_order_mark(
    connection: &Connection,
    shop: &ShopId,
    mark: &str,
) -> Result<(), rusqlite::Error> {
    connection
        .prepare_cached(
            "INSERT INTO order_mark (shop, mark) VALUES (?1, ?2)
             ON CONFLICT (shop) DO UPDATE SET mark = excluded.mark",
        )?
        .execute((shop.as_str(), mark))
        .map(|_| ())
}

type MarkRow = (Option<String>, i64, String, String);

fn to_mark(
    (shop, at_ms, kind, params): MarkRow,
) -> Result<(Option<ShopId>, MarkRecord), StoreError> {
    let malformed = |what: &str| StoreError::Malformed(format!("{what} of a mark of {at_ms}"));
    let shop = shop.map(|shop| shop.parse().map_err(|_| malformed("shop"))).transpose()?;
    let params = serde_json::from_str(&params).map_err(|_| malformed("parameters"))?;
    Ok((shop, MarkRecord { at_ms, kind, params }))
}

/// SQLite's integers are signed; a count that large is a mistake long before.
fn from_count(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

fn to_count(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}
