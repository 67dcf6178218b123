//! What is done to a MariaDB or MySQL, and what is asked before and behind it: one index, one
//! setting.

use super::{Fields, end, open, queries};
use crate::{
    DatabaseError,
    care::{Index, IndexState, Prospect, Setting, SettingSeen, SettingState},
    dump::mysql::{connect, execute, literal, texts},
};
use kernel::config::DatabaseUrl;

/// Whoever holds a table's definition is waited for that long; then an index is given up.
const INDEX_LOCK_SECONDS: u32 = 300;
/// What an entry takes besides its columns: its head, the key of its row, and pages that are not full.
const ENTRY_BYTES: u64 = 16;
/// Of a size, a server adds one part in so many at most.
const ROUNDED_UP: u64 = 8;

pub(in crate::care) async fn index_state(
    url: &DatabaseUrl,
    index: &Index,
) -> Result<IndexState, DatabaseError> {
    let mut conn = open(url).await?;
    // Sessions of one's own account are shown to everybody.
    let statement = format!(
        "SELECT EXISTS (SELECT 1 FROM information_schema.statistics WHERE table_schema = database() \
         AND table_name = {} AND index_name = {}), \
         EXISTS (SELECT 1 FROM information_schema.processlist WHERE db = database() \
         AND id <> connection_id() AND info IN ({}, {}))",
        literal(&index.table),
        literal(&index.name),
        literal(&index.make),
        literal(&index.drop),
    );
    let rows = texts(&mut conn, "look at an index", &statement).await?;
    end(conn).await;
    let row = rows.first().map(Vec::as_slice).unwrap_or_default();
    let fields = Fields { what: "an index", fields: row };
    Ok(match (fields.is_true(0), fields.is_true(1)) {
        (_, true) => IndexState::Busy,
        (true, false) => IndexState::Whole,
        (false, false) => IndexState::Absent,
    })
}

pub(in crate::care) async fn prospect(
    url: &DatabaseUrl,
    index: &Index,
    columns: &[String],
) -> Result<Prospect, DatabaseError> {
    let mut conn = open(url).await?;
    let names: Vec<_> = columns.iter().map(|column| literal(column)).collect();
    let names = if names.is_empty() { "NULL".to_owned() } else { names.join(", ") };
    // Of text a third of what may stand there: nobody counts what does.
    let statement = format!(
        "SELECT current_user(), database(), t.table_rows, t.data_length, \
         (SELECT CASE WHEN count(*) = {} THEN sum(coalesce(least(c.character_octet_length, 256) / 3, 8)) \
         END FROM information_schema.columns c WHERE c.table_schema = database() \
         AND c.table_name = t.table_name AND c.column_name IN ({names})) \
         FROM information_schema.tables t WHERE t.table_schema = database() AND t.table_name = {}",
        columns.len().max(1),
        literal(&index.table),
    );
    let found = texts(&mut conn, "look at a table", &statement).await?;
    let grants = texts(&mut conn, "look at our rights", "SHOW GRANTS").await?;
    end(conn).await;
    let Some(row) = found.first() else {
        return Err(super::odd("a table", format!("there is no {}", index.table)));
    };
    let fields = Fields { what: "a table", fields: row };
    let rows: Option<u64> = fields.number(2)?;
    let width = fields.number::<f64>(4)?.map(crate::care::whole);
    let grants: Vec<String> =
        grants.into_iter().filter_map(|row| row.into_iter().next()?).collect();
    Ok(Prospect {
        account: fields.text(0),
        may: may(&grants, &fields.text(1), &index.table),
        rows,
        table_bytes: fields.number(3)?,
        index_bytes: rows.zip(width).map(|(rows, width)| rows.saturating_mul(width + ENTRY_BYTES)),
        oldest_ms: None,
    })
}

/// Whether grants, as the server shows them, let a table be altered (MySQL manual, `ALTER TABLE`: the
/// rights ALTER, CREATE and INSERT). `None` where a role may say so.
fn may(grants: &[String], database: &str, table: &str) -> Option<bool> {
    let here = ["*.*".to_owned(), format!("{database}.*"), format!("{database}.{table}")];
    let held = Held::at(grants, &here);
    held.may(["ALTER", "CREATE", "INSERT"].into_iter().all(|right| held.has(right)))
}

/// Whether grants let settings of the server be changed. `None` where a role may say so.
fn may_set(grants: &[String]) -> Option<bool> {
    let held = Held::at(grants, &["*.*".to_owned()]);
    held.may(["SUPER", "SYSTEM_VARIABLES_ADMIN"].into_iter().any(|right| held.has(right)))
}

/// What an account holds by grants.
struct Held {
    rights: String,
    /// A role holds more, maybe.
    by_role: bool,
}

impl Held {
    /// At any of these places, as grants name them: `*.*`.
    fn at(grants: &[String], places: &[String]) -> Self {
        let mut held = Self { rights: String::new(), by_role: false };
        for grant in grants {
            let Some((rights, rest)) =
                grant.strip_prefix("GRANT ").and_then(|g| g.split_once(" ON "))
            else {
                held.by_role |= grant.starts_with("GRANT ");
                continue;
            };
            let place = rest.split(" TO ").next().unwrap_or_default().replace(['`', '\\'], "");
            if places.contains(&place) {
                held.rights += &format!(", {rights}");
            }
        }
        held
    }

    fn has(&self, right: &str) -> bool {
        let held = |one: &str| one == right || one.starts_with("ALL PRIVILEGES");
        self.rights.split(", ").any(held)
    }

    fn may(&self, all: bool) -> Option<bool> {
        if all || !self.by_role { Some(all) } else { None }
    }
}

/// A size may have become a little more than was asked for: it is rounded up to whole pieces.
pub(in crate::care) async fn setting_seen(
    url: &DatabaseUrl,
    setting: &Setting,
) -> Result<SettingSeen, DatabaseError> {
    let mut conn = open(url).await?;
    let statement = format!("SELECT current_user(), @@GLOBAL.{}", setting.name);
    let found = texts(&mut conn, "look at a setting", &statement).await?;
    let grants = texts(&mut conn, "look at our rights", "SHOW GRANTS").await?;
    end(conn).await;
    let row = found.first().ok_or_else(|| super::odd("a setting", "no row"))?;
    let fields = Fields { what: "a setting", fields: row };
    let value = fields.text(1);
    let is_held = match (value.parse::<u64>(), setting.to.parse::<u64>()) {
        (Ok(value), Ok(to)) => value >= to && value <= to.saturating_add(to / ROUNDED_UP),
        _ => value == setting.to,
    };
    let grants: Vec<String> =
        grants.into_iter().filter_map(|row| row.into_iter().next()?).collect();
    let state = if is_held { SettingState::Held } else { SettingState::Other };
    Ok(SettingSeen { state, value, account: fields.text(0), may: may_set(&grants) })
}

pub(in crate::care) async fn goes_by(
    url: &DatabaseUrl,
    statement: &str,
    index: &str,
) -> Result<Option<bool>, DatabaseError> {
    let mut conn = open(url).await?;
    let goes_by = queries::goes_by(&mut conn, statement, index).await;
    end(conn).await;
    goes_by
}

/// A statement that may take as long as it takes, and waits for locks only so long.
pub(in crate::care) async fn run(url: &DatabaseUrl, statement: &str) -> Result<(), DatabaseError> {
    let mut conn = connect(url).await?;
    let limit = format!("SET SESSION lock_wait_timeout = {INDEX_LOCK_SECONDS}");
    execute(&mut conn, "set up the session", &limit).await?;
    let done = execute(&mut conn, "mend the database", statement).await;
    end(conn).await;
    done
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_may_change_settings_is_read_from_grants() {
        for (grant, expect) in [
            ("GRANT ALL PRIVILEGES ON *.* TO `a`@`%`", Some(true)),
            ("GRANT SELECT, SUPER ON *.* TO `a`@`%`", Some(true)),
            ("GRANT ALL PRIVILEGES ON `shop`.* TO `a`@`%`", Some(false)),
            ("GRANT `clerk` TO `a`@`%`", None),
        ] {
            assert_eq!(may_set(&[grant.to_owned()]), expect, "{grant}");
        }
    }

    #[test]
    fn who_may_alter_a_table_is_read_from_grants() {
        let check = |grants: &[&str], expect| {
            let grants: Vec<String> = grants.iter().map(|grant| (*grant).to_owned()).collect();
            assert_eq!(may(&grants, "my_shop", "orders"), expect, "{grants:?}");
        };
        check(&["GRANT USAGE ON *.* TO `a`@`%`"], Some(false));
        check(&["GRANT ALL PRIVILEGES ON *.* TO `a`@`%` WITH GRANT OPTION"], Some(true));
        check(&["GRANT ALL PRIVILEGES ON `my\\_shop`.* TO `a`@`%`"], Some(true));
        check(&["GRANT ALL PRIVILEGES ON `other`.* TO `a`@`%`"], Some(false));
        check(&["GRANT SELECT, INSERT, CREATE, ALTER ON `my_shop`.* TO `a`@`%`"], Some(true));
        check(&["GRANT SELECT, ALTER ON `my_shop`.* TO `a`@`%`"], Some(false));
        check(&["GRANT INSERT, CREATE, ALTER ON `my_shop`.`orders` TO `a`@`%`"], Some(true));
        check(&["GRANT `clerk` TO `a`@`%`", "GRANT USAGE ON *.* TO `a`@`%`"], None);
    }
}
