//! The shop's queue: what is done after an order, and not while the customer waits. Here that is the mail that confirms it, which
//! goes nowhere. Any instance does any job; one that was begun and not ended is done by the next.

use std::time::Duration;

use anyhow::Result;
use tokio::time::sleep;

use super::Shop;

const EVERY: Duration = Duration::from_millis(500);
/// Made by the instances that work on it, as of their first look.
const TABLE: &str = "create table if not exists job (
    id text primary key, queue text not null, payload text not null, due_ms bigint not null
)";

/// Puts one into the queue, where there is one.
pub(super) async fn put(shop: &Shop, order: &str) -> Result<()> {
    if !shop.does_jobs {
        return Ok(());
    }
    let sql = "insert into job (id, queue, payload, due_ms) values ($1, 'mails', $2, $3)";
    let due_ms = jiff::Timestamp::now().as_millisecond();
    let id = format!("confirm-{order}");
    let values = [id.as_str().into(), order.into(), due_ms.into()];
    shop.database.lease().await?.query(sql, &values).await.map(drop)
}

/// Works on the queue for as long as the task lives.
pub(super) async fn work(shop: &Shop) {
    let mut is_made = false;
    loop {
        let done = if shop.faults.jobs_hang() { Ok(()) } else { round(shop, &mut is_made).await };
        if let Err(error) = done {
            // Its database is away, as for everybody; what is due waits.
            eprintln!("error: work on the queue: {error:#}");
        }
        sleep(EVERY).await;
    }
}

async fn round(shop: &Shop, is_made: &mut bool) -> Result<()> {
    let mut lease = shop.database.lease().await?;
    if !*is_made {
        lease.query(TABLE, &[]).await?;
        *is_made = true;
    }
    let now_ms = jiff::Timestamp::now().as_millisecond();
    lease.query("delete from job where due_ms <= $1", &[now_ms.into()]).await.map(drop)
}
