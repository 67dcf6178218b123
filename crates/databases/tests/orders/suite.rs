//! What must hold of every kind of database.

use databases::orders::{OrderQuery, OrderReader, OrderRow, OrderWindow};
use kernel::config::{DatabaseKind, DatabaseUrl};

pub(crate) const TABLE: &str =
    "CREATE TABLE shop_order (id integer PRIMARY KEY, placed_at bigint, total integer)";

pub(crate) const SELECT: &str = "SELECT id, placed_at, total FROM shop_order WHERE id > :after \
                                 AND total <> ':after' ORDER BY id LIMIT :limit";

pub(crate) fn url(kind: DatabaseKind, secret: impl Into<String>) -> DatabaseUrl {
    DatabaseUrl { kind, secret: secret.into() }
}

pub(crate) fn query(text: &str) -> OrderQuery {
    OrderQuery::new(text).unwrap()
}

pub(crate) fn keys(rows: &[OrderRow]) -> Vec<i64> {
    rows.iter().map(|row| row.key).collect()
}

/// `insert` writes an order of that key, placed at key × 1000, with a total of key × 10.
pub(crate) async fn reads_on_by_key(reader: &mut OrderReader, insert: impl AsyncFn(i64)) {
    assert_eq!(reader.newest_key().await.unwrap(), None);
    assert!(reader.new_orders(None, 10).await.unwrap().is_empty());
    for key in [1, 2, 5, 1_000_000, 1_000_001] {
        insert(key).await;
        assert_eq!(reader.newest_key().await.unwrap(), Some(key));
    }
    let rows = reader.new_orders(Some(2), 2).await.unwrap();
    let first = OrderRow { key: 5, placed_at_ms: 5_000, total_minor: 50 };
    assert_eq!((rows.len(), rows[0]), (2, first));
    assert_eq!(keys(&reader.new_orders(None, 100).await.unwrap()).len(), 5);
    let mut window = OrderWindow::starting_after(Some(1));
    let new = reader.follow(&mut window, 0).await.unwrap();
    assert_eq!(keys(&new), [2, 5, 1_000_000, 1_000_001]);
    insert(7).await;
    assert_eq!(keys(&reader.follow(&mut window, 1).await.unwrap()), [7]);
    assert!(reader.follow(&mut window, 2).await.unwrap().is_empty());
}
