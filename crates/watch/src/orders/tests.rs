//! The reader against a real SQLite database of the sample shop, and a real store.

use super::*;
use kernel::config::DatabaseKind;
use rusqlite::Connection;
use tempfile::TempDir;

struct Shop {
    folder: TempDir,
    database: Connection,
}

impl Shop {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let database = Connection::open(folder.path().join("shop.sqlite")).unwrap();
        let table = "create table shop_order (
            id integer primary key, placed_at text, total_minor integer)";
        database.execute(table, ()).unwrap();
        Self { folder, database }
    }

    fn place(&self, count: usize) {
        let insert = "insert into shop_order (placed_at, total_minor)
            values (strftime('%Y-%m-%dT%H:%M:%fZ', 'now'), 250)";
        for _ in 0..count {
            self.database.execute(insert, ()).unwrap();
        }
    }

    /// A reader as after a start of control.
    fn reader(&self) -> Reader {
        let path = self.folder.path().join("shop.sqlite");
        let select = orders_query("sample", DatabaseKind::Sqlite).unwrap();
        Reader {
            shop: "lamps".parse().unwrap(),
            url: DatabaseUrl {
                kind: DatabaseKind::Sqlite,
                secret: format!("sqlite:{}", path.display()),
            },
            query: OrderQuery::new(select).unwrap(),
            watch: Watch::new(crate::live::Live::new(now_ms())),
            store: Store::open(self.folder.path()).unwrap(),
        }
    }
}

/// All orders that the store knows of the shop.
async fn kept(reader: &Reader) -> (u64, i64) {
    let minutes = reader.store.minutes(&reader.shop, 0, i64::MAX).await.unwrap();
    let orders = minutes.iter().filter_map(|minute| minute.orders).sum();
    (orders, minutes.iter().filter_map(|minute| minute.revenue_minor).sum())
}

#[tokio::test]
async fn orders_are_counted_once_over_readings_and_restarts() {
    let shop = Shop::new();
    shop.place(3);
    let reader = shop.reader();
    let (mut connection, mut book) = (None, None);
    let first = reader.read(&mut connection, &mut book).await.unwrap();
    assert_eq!(first.last_minute, Some(3));
    assert!(first.minutes.len() > 26 * 60 - 2, "the whole last day is known");
    assert!(first.last_order_ms.is_some());
    assert_eq!(kept(&reader).await, (3, 750));
    let again = reader.read(&mut connection, &mut book).await.unwrap();
    assert!(again.minutes.len() <= 1, "nothing new but a minute that may have begun");

    shop.place(2);
    reader.read(&mut connection, &mut book).await.unwrap();
    assert_eq!(kept(&reader).await, (5, 1_250));
    drop(reader);
    shop.place(1);
    let reader = shop.reader();
    let (mut connection, mut book) = (None, None);
    let told = reader.read(&mut connection, &mut book).await.unwrap();
    assert_eq!(told.minutes.iter().map(|(_, orders, _)| orders).sum::<u64>(), 6);
    assert_eq!(kept(&reader).await, (6, 1_500));
}

#[tokio::test]
async fn a_shop_without_an_order_has_known_zeroes_and_no_last_order() {
    let shop = Shop::new();
    let reader = shop.reader();
    let reading = reader.read(&mut None, &mut None).await.unwrap();
    assert_eq!((reading.last_minute, reading.last_order_ms), (Some(0), None));
    assert!(reading.minutes.iter().all(|(_, orders, revenue)| (*orders, *revenue) == (0, 0)));
}

#[tokio::test]
async fn what_cannot_be_read_is_an_error_and_mends_by_itself() {
    let shop = Shop::new();
    shop.database.execute("alter table shop_order rename to hidden", ()).unwrap();
    let reader = shop.reader();
    let (mut connection, mut book) = (None, None);
    let error = reader.read(&mut connection, &mut book).await.unwrap_err();
    assert!(told(&error).contains("shop_order"), "{}", told(&error));
    shop.database.execute("alter table hidden rename to shop_order", ()).unwrap();
    shop.place(1);
    let reading = reader.read(&mut connection, &mut book).await.unwrap();
    assert_eq!((reading.last_minute, reading.error), (Some(1), None));
}

#[tokio::test]
async fn a_new_shop_with_a_long_past_begins_with_its_last_day() {
    let shop = Shop::new();
    let old = "with recursive n(i) as (select 1 union all select i + 1 from n where i < 3000)
        insert into shop_order (placed_at, total_minor)
        select strftime('%Y-%m-%dT%H:%M:%fZ', 'now', '-' || (40000 - 10 * i) || ' minutes'), 100
        from n";
    shop.database.execute(old, ()).unwrap();
    shop.place(4);
    let reader = shop.reader();
    let reading = reader.read(&mut None, &mut None).await.unwrap();
    assert_eq!(reading.minutes.iter().map(|(_, orders, _)| orders).sum::<u64>(), 4);
    assert_eq!(reading.last_minute, Some(4));
}
