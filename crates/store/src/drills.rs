//! What was found when backups were tried by restoring them. What a report says is its writer's
//! business.

use crate::{Store, StoreError};
use kernel::{ShopId, plan::RunId};
use rusqlite::Connection;

/// Of a shop so many are kept, the newest.
const KEPT: u32 = 400;

/// One drill.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DrillRecord {
    pub shop: ShopId,
    /// When it began. Unix milliseconds.
    pub at_ms: i64,
    /// The repository that was tried, as the configuration names it.
    pub place: String,
    pub run: RunId,
    /// As JSON.
    pub report: String,
}

impl Store {
    /// Keeps a drill's report; that of the same run and place before it gives way.
    ///
    /// # Errors
    /// [`StoreError::Full`] and the like.
    pub async fn add_drill(&self, drill: DrillRecord) -> Result<(), StoreError> {
        let write = move |connection: &Connection| {
            let DrillRecord { shop, at_ms, place, run, report } = drill;
            let insert = "INSERT INTO drill (shop, at_ms, place, run, report)
                          VALUES (?1, ?2, ?3, ?4, ?5)
                          ON CONFLICT (run, place) DO UPDATE
                          SET at_ms = excluded.at_ms, report = excluded.report";
            connection.execute(insert, (shop.as_str(), at_ms, place, run.0, report))?;
            let trim = "DELETE FROM drill WHERE shop = ?1 AND id NOT IN
                        (SELECT id FROM drill WHERE shop = ?1 ORDER BY run DESC, at_ms DESC LIMIT ?2)";
            connection.execute(trim, (shop.as_str(), KEPT)).map(|_| ())
        };
        self.writer.write(write).await
    }

    /// The drills of a shop, the newest first, at most so many. Newest is what was begun last, whatever
    /// the clock said then.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn drills(&self, shop: &ShopId, limit: u32) -> Result<Vec<DrillRecord>, StoreError> {
        let wanted = shop.clone();
        let select = move |connection: &Connection| {
            let mut select = connection.prepare_cached(
                "SELECT at_ms, place, run, report FROM drill WHERE shop = ?1
                 ORDER BY run DESC, at_ms DESC LIMIT ?2",
            )?;
            let rows = select.query_map((wanted.as_str(), limit), |row| {
                Ok(DrillRecord {
                    shop: wanted.clone(),
                    at_ms: row.get(0)?,
                    place: row.get(1)?,
                    run: RunId(row.get(2)?),
                    report: row.get(3)?,
                })
            })?;
            rows.collect::<Result<Vec<_>, _>>()
        };
        self.reader.read(select).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn drills_are_kept_the_newest_first_and_once_a_run() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        let shop: ShopId = "lamps".parse().unwrap();
        let drill = |run: i64, at_ms, report: &str| DrillRecord {
            shop: shop.clone(),
            at_ms,
            place: "/b".into(),
            run: RunId(run),
            report: report.into(),
        };
        store.add_drill(drill(1, 10, "{}")).await.unwrap();
        store.add_drill(drill(2, 20, "half")).await.unwrap();
        // After a crash the same run tries again.
        store.add_drill(drill(2, 25, "whole")).await.unwrap();
        let kept = store.drills(&shop, 10).await.unwrap();
        assert_eq!(kept, [drill(2, 25, "whole"), drill(1, 10, "{}")]);
        assert_eq!(store.drills(&shop, 1).await.unwrap().len(), 1);
        // The clock went back.
        store.add_drill(drill(3, 5, "{}")).await.unwrap();
        assert_eq!(store.drills(&shop, 1).await.unwrap(), [drill(3, 5, "{}")]);
        assert_eq!(store.drills(&"tea".parse().unwrap(), 9).await.unwrap(), []);
    }
}
