//! Generated customers against one instance: what they were told is what the database has.

use std::{collections::BTreeSet, time::Duration};

use demo::customers::{Customers, Options};

use crate::running::{Running, sqlite_in};

#[tokio::test(flavor = "multi_thread")]
async fn acknowledged_orders_are_the_rows() {
    let directory = tempfile::tempdir().unwrap();
    let shop = Running::start("app-1", &sqlite_in(directory.path())).await;
    let seed = rand::random();
    println!("seed {seed}");
    let options = Options { per_minute: 1800, pace: 0.01, seed, ..Options::to(shop.address) };
    let customers = Customers::start(options);
    let bought = async {
        while customers.ledger().figures().orders < 12 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), bought).await.expect("a dozen orders");
    let ledger = customers.stop(Duration::from_secs(20)).await;
    let figures = ledger.figures();
    assert_eq!(figures.failures, 0, "{:?}", ledger.failures());
    assert_eq!((figures.inside, figures.annoyed, figures.turned_away), (0, 0, 0), "{figures:?}");
    assert_eq!(figures.customers, figures.orders + figures.undecided, "{figures:?}");

    let file = rusqlite::Connection::open(directory.path().join("shop.db")).unwrap();
    let mut statement = file
        .prepare(
            "select o.number, c.email, o.cart_id, o.total_minor, \
             (select sum(quantity * price_minor) from order_line where order_id = o.id), \
             (select amount_minor from payment where order_id = o.id) \
             from shop_order o join customer c on c.id = o.customer_id",
        )
        .unwrap();
    let rows: BTreeSet<(String, String, String, i64)> = statement
        .query_map([], |row| {
            let total: i64 = row.get(3)?;
            assert_eq!((row.get::<_, i64>(4)?, row.get::<_, i64>(5)?), (total, total));
            Ok((row.get(0)?, row.get(1)?, row.get(2)?, total))
        })
        .unwrap()
        .map(Result::unwrap)
        .collect();
    let acknowledged: BTreeSet<_> = ledger
        .acknowledged()
        .into_iter()
        .map(|order| (order.number, order.email, order.cart, order.total_minor))
        .collect();
    assert_eq!(acknowledged, rows);
}
