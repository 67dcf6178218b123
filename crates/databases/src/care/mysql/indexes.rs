//! Indexes that nothing uses and that there are twice. InnoDB makes those that references need by
//! itself.

use super::{Blind, Fields, Figures, Finding, Mend, Options, Server, Sight, Trouble};
use crate::{
    DatabaseError,
    care::{Index, SMALL_INDEX_BYTES},
    dump::mysql::{literal, quoted, texts},
};
use mysql_async::Conn;
use std::collections::BTreeMap;

/// An index, or one that could be, by its columns as they stand in a definition.
fn index(table: &str, name: &str, columns: &[String]) -> Index {
    let (quoted_table, quoted_name) = (quoted(table), quoted(name));
    // Readers and writers go on meanwhile, or it is refused.
    let online = "ALGORITHM = INPLACE, LOCK = NONE";
    Index {
        table: table.to_owned(),
        name: name.to_owned(),
        make: format!(
            "ALTER TABLE {quoted_table} ADD INDEX {quoted_name} ({}), {online}",
            columns.join(", ")
        ),
        drop: format!("ALTER TABLE {quoted_table} DROP INDEX {quoted_name}, {online}"),
    }
}

/// A plain index that is not there yet. Of long text, the first characters are enough.
pub(super) async fn new(
    conn: &mut Conn,
    table: &str,
    columns: &[String],
) -> Result<Index, DatabaseError> {
    let mut list = Vec::new();
    for column in columns {
        let statement = format!(
            "SELECT data_type, coalesce(character_maximum_length, 0) FROM information_schema.columns \
             WHERE table_schema = database() AND table_name = {} AND column_name = {}",
            literal(table),
            literal(column)
        );
        let rows = texts(conn, "look at a column", &statement).await?;
        let is_long = rows.first().is_some_and(|row| {
            let kind = row.first().cloned().flatten().unwrap_or_default();
            let length =
                row.get(1).cloned().flatten().and_then(|length| length.parse::<u64>().ok());
            kind.ends_with("text") || kind.ends_with("blob") || length.is_some_and(|l| l > 255)
        });
        list.push(format!("{}{}", quoted(column), if is_long { "(64)" } else { "" }));
    }
    let mut name = format!("{}_idx", columns.join("_"));
    while name.chars().count() > 64 {
        name.pop();
    }
    Ok(index(table, &name, &list))
}

/// A plain index of ordered columns, as the catalog has it.
struct Known {
    is_unique: bool,
    columns: Vec<String>,
}

/// By table and name; those of other kinds are left out.
async fn known(conn: &mut Conn) -> Result<BTreeMap<(String, String), Known>, DatabaseError> {
    let statement = "SELECT table_name, index_name, non_unique, column_name, sub_part, \
        coalesce(collation, 'A') FROM information_schema.statistics WHERE table_schema = database() \
        AND index_type = 'BTREE' ORDER BY table_name, index_name, seq_in_index";
    let mut found: BTreeMap<(String, String), Known> = BTreeMap::new();
    for row in texts(conn, "look at indexes", statement).await? {
        let fields = Fields { what: "an index", fields: &row };
        let known = found.entry((fields.text(0), fields.text(1)));
        let known = known
            .or_insert_with(|| Known { is_unique: fields.text(2) == "0", columns: Vec::new() });
        let part = match fields.text(4) {
            part if part.is_empty() => String::new(),
            part => format!("({part})"),
        };
        let sense = if fields.text(5) == "D" { " DESC" } else { "" };
        known.columns.push(format!("{}{part}{sense}", quoted(&fields.text(3))));
    }
    // An expression has no column: what stands in its place could not be made again.
    found.retain(|_, known| !known.columns.iter().any(|column| column.starts_with("``")));
    Ok(found)
}

pub(super) async fn duplicates(conn: &mut Conn) -> Result<Vec<Finding>, DatabaseError> {
    let known = known(conn).await?;
    let mut findings = Vec::new();
    for ((table, name), one) in known.iter().filter(|(_, one)| !one.is_unique) {
        let like = known.iter().find(|((other_table, other_name), other)| {
            other_table == table
                && other_name != name
                && other.columns.starts_with(&one.columns)
                && (other.columns.len() > one.columns.len() || other.is_unique || other_name < name)
        });
        let Some(((_, like), _)) = like else { continue };
        let index = index(table, name, &one.columns);
        let trouble = Trouble::DuplicateIndex {
            table: table.clone(),
            index: name.clone(),
            like: like.clone(),
            bytes: bytes(conn, table, name).await?,
        };
        findings.push(Finding::new(trouble, Some(Mend::DropIndex { index })));
    }
    Ok(findings)
}

/// As InnoDB estimates; `None` for who may not see it.
async fn bytes(conn: &mut Conn, table: &str, name: &str) -> Result<Option<u64>, DatabaseError> {
    let statement = format!(
        "SELECT stat_value * @@innodb_page_size FROM mysql.innodb_index_stats WHERE stat_name = 'size' \
         AND database_name = database() AND table_name = {} AND index_name = {}",
        literal(table),
        literal(name)
    );
    match texts(conn, "look at an index's size", &statement).await {
        Ok(rows) => {
            let row = rows.first().map(Vec::as_slice).unwrap_or_default();
            Fields { what: "an index's size", fields: row }.number(0)
        }
        Err(error) if super::is_refused(&error) => Ok(None),
        Err(error) => Err(error),
    }
}

pub(super) async fn unused(
    conn: &mut Conn,
    server: &Server,
    figures: &Figures,
    options: &Options,
) -> Result<Result<Vec<Finding>, Blind>, DatabaseError> {
    let statement = if server.is_on("performance_schema") {
        "SELECT object_name, index_name FROM \
         performance_schema.table_io_waits_summary_by_index_usage \
         WHERE object_schema = database() AND index_name IS NOT NULL AND count_star = 0"
    } else if server.is_on("userstat") {
        "SELECT s.table_name, s.index_name FROM information_schema.statistics s \
         LEFT JOIN information_schema.index_statistics u ON u.table_schema = s.table_schema \
         AND u.table_name = s.table_name AND u.index_name = s.index_name \
         WHERE s.table_schema = database() AND s.seq_in_index = 1 AND u.rows_read IS NULL"
    } else {
        let mend = match server.is_mariadb {
            true => "SET GLOBAL userstat = ON, and in the server's configuration",
            false => "performance_schema = ON in the server's configuration, and a restart",
        };
        return Ok(Err(Blind { what: Sight::IndexUse, mend: mend.to_owned() }));
    };
    let counted_s = figures.counted_s.unwrap_or_default();
    if counted_s < options.unused_after.as_secs() {
        return Ok(Ok(Vec::new()));
    }
    let names = match texts(conn, "look at unused indexes", statement).await {
        Ok(names) => names,
        Err(error) if super::is_refused(&error) => {
            let mend = "GRANT SELECT ON performance_schema.* TO its_user".to_owned();
            return Ok(Err(Blind { what: Sight::IndexUse, mend }));
        }
        Err(error) => return Err(error),
    };
    let needed = references(conn).await?;
    let known = known(conn).await?;
    let mut findings = Vec::new();
    for row in names {
        let fields = Fields { what: "an index", fields: &row };
        let (table, name) = (fields.text(0), fields.text(1));
        let Some(one) = known.get(&(table.clone(), name.clone())) else { continue };
        let is_needed = one.columns.first().is_some_and(|column| {
            needed.iter().any(|(of, first)| *of == table && quoted(first) == *column)
        });
        if one.is_unique || is_needed {
            continue;
        }
        let bytes = bytes(conn, &table, &name).await?;
        if bytes.is_some_and(|bytes| bytes < SMALL_INDEX_BYTES) {
            continue;
        }
        let index = index(&table, &name, &one.columns);
        let trouble = Trouble::UnusedIndex { table, index: name, bytes, counted_s };
        findings.push(Finding::new(trouble, Some(Mend::DropIndex { index })));
    }
    Ok(Ok(findings))
}

/// Tables and first columns of references: their index is not to be dropped.
async fn references(conn: &mut Conn) -> Result<Vec<(String, String)>, DatabaseError> {
    let statement = "SELECT table_name, column_name FROM information_schema.key_column_usage \
        WHERE table_schema = database() AND referenced_table_name IS NOT NULL AND ordinal_position = 1";
    let rows = texts(conn, "look at references", statement).await?;
    let pair = |row: &Vec<Option<String>>| {
        let fields = Fields { what: "a reference", fields: row };
        (fields.text(0), fields.text(1))
    };
    Ok(rows.iter().map(pair).collect())
}
