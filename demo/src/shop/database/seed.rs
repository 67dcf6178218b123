//! Makes the tables and fills the shelves, once however many instances start at the same time.

use anyhow::Result;

use super::Database;
use crate::shop::catalogue::{CATEGORIES, LAMPS};

/// Any number will do that nobody else on this database locks: "lampen" in ASCII.
const SEED_LOCK: i64 = 0x6c61_6d70_656e;

pub(super) async fn seed(database: &Database) -> Result<()> {
    let mut lease = database.lease().await?;
    lease.begin().await?;
    if database.is_postgres() {
        lease.query("select 1 from pg_advisory_xact_lock($1)", &[SEED_LOCK.into()]).await?;
        lease.run_script(include_str!("../../../assets/schema.postgres.sql")).await?;
    } else {
        lease.run_script(include_str!("../../../assets/schema.sqlite.sql")).await?;
    }
    if lease.query_one("select id from category limit 1", &[]).await?.is_none() {
        for (id, category) in (1_i64..).zip(&CATEGORIES) {
            let sql = "insert into category (id, slug, name, tagline) values ($1, $2, $3, $4)";
            let values =
                [id.into(), category.slug.into(), category.name.into(), category.tagline.into()];
            lease.query(sql, &values).await?;
        }
        for (id, lamp) in (1_i64..).zip(&LAMPS) {
            let sql = "insert into product (id, category_id, slug, name, material, description, \
                       price_minor, stock) values ($1, (select id from category where slug = $2), \
                       $3, $4, $5, $6, $7, $8)";
            let values = [
                id.into(),
                lamp.category.into(),
                lamp.slug.into(),
                lamp.name.into(),
                lamp.material.into(),
                lamp.description.into(),
                lamp.price_minor.into(),
                lamp.stock.into(),
            ];
            lease.query(sql, &values).await?;
        }
    }
    lease.commit().await
}
