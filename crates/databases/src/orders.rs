//! A shop's placed orders, read from its own database as they come.
//!
//! The reader is a polite guest: one connection, read only whatever the role may do, two seconds a
//! statement, and it reads on from the last key by the key's index. It starts from any failure
//! again by itself with the next call.
//!
//! **Keys do not become visible in their order.** Two overlapping transactions take keys 7 and 8;
//! 8 commits first, and a reader that goes on from 8 never sees 7. So the caller does not go on
//! from the newest key: [`OrderWindow`] remembers each key that was counted within its span, reads
//! that span again, and lets every key through once. [`OrderReader::follow`] is both together.

mod mysql;
mod postgres;
mod sqlite;
mod statement;
mod window;

use crate::DatabaseError;
use kernel::config::{DatabaseKind, DatabaseUrl};
use std::time::Duration;

pub use statement::OrderQuery;
pub use window::OrderWindow;

/// A statement that takes longer is ended by the database itself.
const STATEMENT_LIMIT: Duration = Duration::from_secs(2);
/// After this we give up on the connection: the server, or the way to it, is stuck.
const ANSWER_LIMIT: Duration = Duration::from_secs(5);
/// Rows of one statement.
const PAGE: u32 = 500;
/// Pages of one [`OrderReader::follow`]; what is left is read by the next.
const MAX_PAGES: u32 = 20;

/// A placed order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OrderRow {
    /// Grows with the orders; unique.
    pub key: i64,
    /// Unix milliseconds.
    pub placed_at_ms: i64,
    /// What the buyer pays, in minor units of the shop's currency.
    pub total_minor: i64,
}

/// Reads orders over one connection that it keeps.
#[derive(Debug)]
pub struct OrderReader {
    database: Database,
}

#[derive(Debug)]
enum Database {
    Postgres(Box<postgres::Orders>),
    MySql(mysql::Orders),
    Sqlite(sqlite::Orders),
}

impl OrderReader {
    /// Connects, read only. A later loss of the connection is mended by the next read.
    ///
    /// # Errors
    /// When the address is malformed or the database does not let us in; try again later.
    pub async fn connect(url: &DatabaseUrl, query: OrderQuery) -> Result<Self, DatabaseError> {
        let database = match url.kind {
            DatabaseKind::Postgres => {
                Database::Postgres(Box::new(postgres::Orders::connect(url, &query).await?))
            }
            DatabaseKind::MySql => Database::MySql(mysql::Orders::connect(url, &query).await?),
            DatabaseKind::Sqlite => Database::Sqlite(sqlite::Orders::open(url, &query).await?),
        };
        Ok(Self { database })
    }

    /// Orders with a key greater than `after`, the smallest first; `None` means from the very first.
    /// At most `limit`.
    ///
    /// # Errors
    /// When the database cannot be reached, ends the statement for its time, or answers with
    /// something else than orders by their key.
    pub async fn new_orders(
        &mut self,
        after: Option<i64>,
        limit: u32,
    ) -> Result<Vec<OrderRow>, DatabaseError> {
        let after = after.unwrap_or(i64::MIN);
        let rows = match &mut self.database {
            Database::Postgres(orders) => orders.read(after, limit).await?,
            Database::MySql(orders) => orders.read(after, limit).await?,
            Database::Sqlite(orders) => orders.read(after, limit).await?,
        };
        check_rows(&rows, after, limit)?;
        Ok(rows)
    }

    /// The greatest key there is; `None` when there is no order.
    ///
    /// A search by doubling and halving, of a few dozen statements for one row each: the statement
    /// of a platform goes forward only, and the whole table is never read.
    ///
    /// # Errors
    /// As of [`OrderReader::new_orders`].
    pub async fn newest_key(&mut self) -> Result<Option<i64>, DatabaseError> {
        let Some(mut low) = self.first_after(i64::MIN).await? else { return Ok(None) };
        let mut step: i64 = 1;
        // There is an order at `low`, and none after `high`.
        let mut high = loop {
            let probe = low.saturating_add(step);
            match self.first_after(probe).await? {
                Some(key) => low = key,
                None => break probe,
            }
            step = step.saturating_mul(2);
        };
        while low < high {
            let middle = low.midpoint(high);
            match self.first_after(middle).await? {
                Some(key) => low = key,
                None => high = middle,
            }
        }
        Ok(Some(low))
    }

    /// Orders that `window` has not let through yet, and the window moved on. `now_ms` is unix
    /// milliseconds. On an error the window is as before, and nothing was let through.
    ///
    /// # Errors
    /// As of [`OrderReader::new_orders`].
    pub async fn follow(
        &mut self,
        window: &mut OrderWindow,
        now_ms: i64,
    ) -> Result<Vec<OrderRow>, DatabaseError> {
        let mut rows = Vec::new();
        let mut after = window.after();
        for _ in 0..MAX_PAGES {
            let page = self.new_orders(Some(after), PAGE).await?;
            after = page.last().map_or(after, |row| row.key);
            let is_last = page.len() < PAGE as usize;
            rows.extend(page);
            if is_last {
                break;
            }
        }
        Ok(window.admit(&rows, now_ms))
    }

    async fn first_after(&mut self, key: i64) -> Result<Option<i64>, DatabaseError> {
        Ok(self.new_orders(Some(key), 1).await?.first().map(|row| row.key))
    }
}

/// What a statement promises of its rows; else orders would be missed in silence.
fn check_rows(rows: &[OrderRow], after: i64, limit: u32) -> Result<(), DatabaseError> {
    let mut last = after;
    for row in rows {
        if row.key <= last {
            let text = format!("key {} follows key {last}, but keys must grow", row.key);
            return Err(DatabaseError::Row(text));
        }
        last = row.key;
    }
    if rows.len() > limit as usize {
        let text = format!("{} rows came, but at most {limit} were asked for", rows.len());
        return Err(DatabaseError::Row(text));
    }
    Ok(())
}

/// Three whole numbers, as every database gives them, or an error that names the odd one.
fn order_row(number: impl Fn(usize) -> Option<i64>) -> Result<OrderRow, DatabaseError> {
    const COLUMNS: [&str; 3] = ["key", "placed at", "total"];
    let column = |index: usize| {
        number(index).ok_or_else(|| {
            let name = COLUMNS[index];
            DatabaseError::Row(format!("column {} ({name}) is no whole number", index + 1))
        })
    };
    Ok(OrderRow { key: column(0)?, placed_at_ms: column(1)?, total_minor: column(2)? })
}

/// Waits for the database, but not for ever.
async fn within_limit<T>(
    answer: impl Future<Output = Result<T, DatabaseError>>,
) -> Result<T, DatabaseError> {
    let waited = tokio::time::timeout(ANSWER_LIMIT, answer).await;
    waited.unwrap_or(Err(DatabaseError::TimedOut(ANSWER_LIMIT)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_must_grow_by_key_and_stay_within_their_limit() {
        let check = |keys: &[i64], is_good: bool| {
            let row = |key: &i64| OrderRow { key: *key, placed_at_ms: 0, total_minor: 0 };
            let rows: Vec<_> = keys.iter().map(row).collect();
            assert_eq!(check_rows(&rows, 5, 3).is_ok(), is_good, "{keys:?}");
        };
        check(&[], true);
        check(&[6, 7, 9], true);
        check(&[5], false);
        check(&[7, 6], false);
        check(&[6, 6], false);
        check(&[6, 7, 8, 9], false);
    }
}
