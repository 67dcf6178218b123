//! What MariaDB and MySQL say of a database's tables, and whether the dump's user sees all of it.

use super::{quoted, texts};
use crate::{
    DatabaseError,
    dump::{Column, KeyOrder, Reference, writing::Shape},
};
use mysql_async::Conn;
use std::collections::{BTreeMap, HashSet};

/// What the dump's user needs. Without one of them the server would not refuse but show less.
const NEEDED: [&str; 4] = ["SELECT", "SHOW VIEW", "TRIGGER", "EVENT"];

#[derive(Default)]
pub(super) struct Catalog {
    pub(super) database: String,
    /// In the order of their names' bytes.
    pub(super) tables: Vec<Found>,
    pub(super) views: Vec<String>,
    pub(super) sequences: Vec<String>,
    pub(super) settings: BTreeMap<String, String>,
    pub(super) rights: Vec<String>,
    pub(super) left_out: Vec<String>,
    pub(super) approximate_bytes: u64,
    pub(super) fingerprint: String,
}

pub(super) struct Found {
    pub(super) shape: Shape,
    pub(super) is_transactional: bool,
    pub(super) bytes: u64,
}

impl Catalog {
    pub(super) async fn read(conn: &mut Conn) -> Result<Self, DatabaseError> {
        let what = "read the catalogue";
        let database = texts(conn, what, "SELECT DATABASE()").await?;
        let database = database.into_iter().flatten().flatten().next().ok_or_else(|| {
            DatabaseError::DumpRefused {
                what: "no database at all".to_owned(),
                mend: "name one in the address".to_owned(),
            }
        })?;
        let mut catalog = Self {
            settings: settings(conn).await?,
            rights: rights(conn, &database).await?,
            fingerprint: fingerprint(conn).await?,
            database,
            ..Self::default()
        };
        catalog.tables(conn).await?;
        Ok(catalog)
    }

    async fn tables(&mut self, conn: &mut Conn) -> Result<(), DatabaseError> {
        let statement = "SELECT t.TABLE_NAME, t.TABLE_TYPE, COALESCE(e.TRANSACTIONS, 'NO'), \
            t.DATA_LENGTH FROM information_schema.TABLES t LEFT JOIN information_schema.ENGINES e \
            ON e.ENGINE = t.ENGINE WHERE t.TABLE_SCHEMA = DATABASE()";
        for row in texts(conn, "read the catalogue", statement).await? {
            self.add(row);
        }
        self.tables.sort_by(|a, b| a.shape.name.cmp(&b.shape.name));
        self.views.sort();
        self.sequences.sort();
        self.columns(conn).await?;
        self.keys(conn).await?;
        self.references(conn).await
    }

    fn add(&mut self, row: Vec<Option<String>>) {
        let mut row = row.into_iter();
        let mut next = || row.next().flatten().unwrap_or_default();
        let (name, kind, transactions, bytes) = (next(), next(), next(), next());
        match kind.as_str() {
            "VIEW" => self.views.push(name),
            "SEQUENCE" => self.sequences.push(name),
            "BASE TABLE" | "SYSTEM VERSIONED" => {
                if kind == "SYSTEM VERSIONED" {
                    self.left_out.push(format!("rows of {name} that are history"));
                }
                let bytes = bytes.parse().unwrap_or(0);
                self.approximate_bytes += bytes;
                let is_transactional = transactions == "YES";
                let shape = Shape { name, ..Shape::default() };
                self.tables.push(Found { shape, is_transactional, bytes });
            }
            // Tables of one session only.
            _ => self.left_out.push(format!("{name}: {kind}")),
        }
    }

    fn shape(&mut self, name: &str) -> Option<&mut Shape> {
        let at = self.tables.binary_search_by(|table| table.shape.name.as_str().cmp(name));
        at.ok().map(|at| &mut self.tables[at].shape)
    }

    async fn columns(&mut self, conn: &mut Conn) -> Result<(), DatabaseError> {
        let statement = "SELECT TABLE_NAME, COLUMN_NAME, COLUMN_TYPE \
            FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = DATABASE() AND \
            COALESCE(GENERATION_EXPRESSION, '') = '' AND EXTRA NOT LIKE '%STORED GENERATED%' AND \
            EXTRA NOT LIKE '%VIRTUAL GENERATED%' ORDER BY TABLE_NAME, ORDINAL_POSITION";
        for row in texts(conn, "read columns", statement).await? {
            let mut row = row.into_iter().map(Option::unwrap_or_default);
            let mut next = || row.next().unwrap_or_default();
            let (table, name, type_name) = (next(), next(), next());
            if let Some(shape) = self.shape(&table) {
                shape.columns.push(Column { name, type_name });
            }
        }
        Ok(())
    }

    /// Primary keys, else the shortest unique key without NULL; and what else is indexed.
    async fn keys(&mut self, conn: &mut Conn) -> Result<(), DatabaseError> {
        let statement = "SELECT TABLE_NAME, INDEX_NAME, COLUMN_NAME, \
            NON_UNIQUE = 0 AND NULLABLE <> 'YES' AND SUB_PART IS NULL, INDEX_TYPE \
            FROM information_schema.STATISTICS WHERE TABLE_SCHEMA = DATABASE() AND \
            COLUMN_NAME IS NOT NULL ORDER BY TABLE_NAME, INDEX_NAME, SEQ_IN_INDEX";
        let mut indexes: BTreeMap<(String, String), (Vec<String>, bool)> = BTreeMap::new();
        for row in texts(conn, "read keys", statement).await? {
            let mut row = row.into_iter().map(Option::unwrap_or_default);
            let mut next = || row.next().unwrap_or_default();
            let (table, index, column, is_key, kind) = (next(), next(), next(), next(), next());
            if kind == "BTREE" || kind == "HASH" {
                let (columns, all) =
                    indexes.entry((table, index)).or_insert_with(|| (Vec::new(), true));
                columns.push(column);
                *all &= is_key == "1";
            }
        }
        let mut indexes: Vec<_> = indexes.into_iter().collect();
        indexes.sort_by_key(|((_, index), (columns, _))| (index != "PRIMARY", columns.len()));
        for ((table, _), (columns, is_key)) in indexes {
            let Some(shape) = self.shape(&table) else { continue };
            shape.looked_up.extend(columns.first().cloned());
            let has_all = columns.iter().all(|name| shape.columns.iter().any(|c| c.name == *name));
            if shape.key.is_empty() && is_key && has_all {
                let first = shape.columns.iter().find(|column| column.name == columns[0]);
                shape.key_order = first.map_or(KeyOrder::Unknown, |c| order(&c.type_name));
                shape.key = columns;
            }
        }
        Ok(())
    }

    async fn references(&mut self, conn: &mut Conn) -> Result<(), DatabaseError> {
        let statement = "SELECT TABLE_NAME, CONSTRAINT_NAME, REFERENCED_TABLE_NAME, COLUMN_NAME, \
            REFERENCED_COLUMN_NAME, REFERENCED_TABLE_SCHEMA = DATABASE() \
            FROM information_schema.KEY_COLUMN_USAGE WHERE TABLE_SCHEMA = DATABASE() AND \
            REFERENCED_TABLE_NAME IS NOT NULL ORDER BY TABLE_NAME, CONSTRAINT_NAME, ORDINAL_POSITION";
        let mut last = (String::new(), String::new());
        for row in texts(conn, "read foreign keys", statement).await? {
            let mut row = row.into_iter().map(Option::unwrap_or_default);
            let mut next = || row.next().unwrap_or_default();
            let (table, constraint, to_table) = (next(), next(), next());
            let (column, to) = (next(), next());
            let Some(shape) = self.shape(&table) else { continue };
            let this = (table, constraint);
            if last != this {
                last = this;
                shape.references.push(Reference { table: to_table, ..Reference::default() });
            }
            if let Some(reference) = shape.references.last_mut() {
                reference.columns.push(column);
                reference.to.push(to);
            }
        }
        Ok(())
    }
}

/// The tables that the user sees, in the order of their names' bytes.
pub(crate) async fn shapes(conn: &mut Conn) -> Result<Vec<Shape>, DatabaseError> {
    let mut catalog = Catalog::default();
    catalog.tables(conn).await?;
    Ok(catalog.tables.into_iter().map(|found| found.shape).collect())
}

/// The names of tables that know no transactions.
pub(crate) async fn without_transactions(
    conn: &mut Conn,
) -> Result<HashSet<String>, DatabaseError> {
    let statement = "SELECT t.TABLE_NAME FROM information_schema.TABLES t \
        LEFT JOIN information_schema.ENGINES e ON e.ENGINE = t.ENGINE \
        WHERE t.TABLE_SCHEMA = DATABASE() AND COALESCE(e.TRANSACTIONS, 'NO') <> 'YES'";
    let names = texts(conn, "look at the tables", statement).await?;
    Ok(names.into_iter().flatten().flatten().collect())
}

fn order(type_name: &str) -> KeyOrder {
    let word = type_name.split(['(', ' ']).next().unwrap_or_default().to_ascii_lowercase();
    match word.as_str() {
        "tinyint" | "smallint" | "mediumint" | "int" | "bigint" => KeyOrder::Number,
        "binary" | "varbinary" => KeyOrder::Bytes,
        _ => KeyOrder::Unknown,
    }
}

/// Changes with every table that is made, redefined, emptied or removed. No lock is taken by it.
pub(super) async fn fingerprint(conn: &mut Conn) -> Result<String, DatabaseError> {
    let what = "look for redefined tables";
    let tables = "SELECT TABLE_NAME, ENGINE, CREATE_TIME FROM information_schema.TABLES \
        WHERE TABLE_SCHEMA = DATABASE() ORDER BY TABLE_NAME";
    let columns = "SELECT TABLE_NAME, COLUMN_NAME, COLUMN_TYPE, COLLATION_NAME \
        FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = DATABASE() \
        ORDER BY TABLE_NAME, ORDINAL_POSITION";
    let tables = texts(conn, what, tables).await?;
    Ok(format!("{tables:?}{:?}", texts(conn, what, columns).await?))
}

async fn settings(conn: &mut Conn) -> Result<BTreeMap<String, String>, DatabaseError> {
    const NAMES: [&str; 4] =
        ["sql_mode", "character_set_database", "collation_database", "lower_case_table_names"];
    let statement = format!("SELECT @@GLOBAL.sql_mode, @@{}", NAMES[1..].join(", @@"));
    let values = texts(conn, "read settings", &statement).await?;
    let values = values.into_iter().flatten().map(Option::unwrap_or_default);
    Ok(NAMES.iter().map(|name| (*name).to_owned()).zip(values).collect())
}

/// The user's rights, which must be enough to see everything.
async fn rights(conn: &mut Conn, database: &str) -> Result<Vec<String>, DatabaseError> {
    let grants = texts(conn, "read the user's rights", "SHOW GRANTS").await?;
    let grants: Vec<String> = grants.into_iter().flatten().flatten().collect();
    let missing: Vec<_> =
        NEEDED.into_iter().filter(|right| !may(&grants, right, database)).collect();
    if missing.is_empty() {
        // Whose rights, and not the hash of the password.
        let shown = grants.iter().map(|grant| match grant.find(" IDENTIFIED ") {
            Some(at) => grant[..at].to_owned(),
            None => grant.clone(),
        });
        return Ok(shown.collect());
    }
    Err(DatabaseError::DumpRefused {
        what: format!(
            "a database of which not everything may be seen ({} is missing)",
            missing.join(", ")
        ),
        mend: format!(
            "as an administrator: GRANT SELECT, SHOW VIEW, TRIGGER, EVENT, LOCK TABLES ON {}.* TO \
             its user",
            quoted(database)
        ),
    })
}

/// Whether one of these gives a right on all of a database.
pub(crate) fn may(grants: &[String], right: &str, database: &str) -> bool {
    grants.iter().any(|grant| {
        let Some((rights, rest)) = grant.strip_prefix("GRANT ").and_then(|g| g.split_once(" ON "))
        else {
            return false;
        };
        let has = rights.split(", ").any(|one| one == right || one == "ALL PRIVILEGES");
        has && (rest.starts_with("*.* TO") || is_on(rest, database))
    })
}

/// Names in grants are patterns, but for what has a backslash before it.
fn is_on(rest: &str, database: &str) -> bool {
    let Some((pattern, _)) = rest.strip_prefix('`').and_then(|rest| rest.split_once("`.*")) else {
        return false;
    };
    let pattern = pattern.replace("\\_", "_").replace("\\%", "%").replace("``", "`");
    match pattern.split_once('%') {
        Some((begin, end)) => database.starts_with(begin) && database.ends_with(end),
        None => pattern == database,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rights_are_read_from_grants() {
        let check = |grant: &str, right: &str, expect: bool| {
            assert_eq!(may(&[grant.to_owned()], right, "my_shop"), expect, "{grant}");
        };
        check("GRANT ALL PRIVILEGES ON *.* TO `root`@`%` WITH GRANT OPTION", "EVENT", true);
        check("GRANT SELECT, SHOW VIEW ON `my_shop`.* TO `a`@`%`", "SHOW VIEW", true);
        check("GRANT SELECT, SHOW VIEW ON `my_shop`.* TO `a`@`%`", "EVENT", false);
        check("GRANT SELECT ON `my\\_shop`.* TO `a`@`%`", "SELECT", true);
        check("GRANT SELECT ON `my\\_%`.* TO `a`@`%`", "SELECT", true);
        check("GRANT SELECT ON `other`.* TO `a`@`%`", "SELECT", false);
        check("GRANT SELECT ON `my_shop`.`orders` TO `a`@`%`", "SELECT", false);
        check("GRANT USAGE ON *.* TO `a`@`%`", "SELECT", false);
    }
}
