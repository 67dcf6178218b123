//! Which statements take the time (`performance_schema`), how the server goes about them, and what
//! index they lack.

use super::{Blind, Fields, Finding, Mend, Options, Server, Sight, Trouble, indexes};
use crate::{
    DatabaseError,
    care::{
        MOST_QUERIES, Query,
        condition::equalities,
        explained::{self, Explained, Scan},
    },
    dump::mysql::{literal, quoted, texts},
};
use mysql_async::Conn;
use serde_json::Value;

pub(super) async fn read(
    conn: &mut Conn,
    server: &Server,
) -> Result<Result<Vec<Explained>, Blind>, DatabaseError> {
    let blind = |mend: &str| Ok(Err(Blind { what: Sight::Queries, mend: mend.to_owned() }));
    if !server.is_on("performance_schema") {
        return blind("performance_schema = ON in the server's configuration, and a restart");
    }
    // Picoseconds.
    let statement = format!(
        "SELECT digest_text, count_star, sum_timer_wait / 1e9, avg_timer_wait / 1e9, \
         sum_rows_sent + sum_rows_affected FROM performance_schema.events_statements_summary_by_digest \
         WHERE schema_name = database() AND digest_text IS NOT NULL \
         AND digest_text REGEXP '^(SELECT|WITH|UPDATE|DELETE|INSERT)' \
         ORDER BY sum_timer_wait DESC LIMIT {MOST_QUERIES}"
    );
    let rows = match texts(conn, "read the statements' statistics", &statement).await {
        Ok(rows) => rows,
        Err(error) if super::is_refused(&error) => {
            return blind("GRANT SELECT ON performance_schema.* TO its_user");
        }
        Err(error) => return Err(error),
    };
    let mut queries = Vec::new();
    for row in &rows {
        let fields = Fields { what: "a statement", fields: row };
        let text = fields.text(0);
        let (plan, scans) = match explain(conn, &text).await? {
            Some((plan, data)) => (Some(plan), explained::found(&data, &scan)),
            None => (None, Vec::new()),
        };
        let query = Query {
            text,
            calls: fields.count(1)?,
            total_ms: fields.number(2)?.unwrap_or_default(),
            mean_ms: fields.number(3)?.unwrap_or_default(),
            rows: fields.count(4)?,
            plan,
        };
        queries.push(Explained { query, scans });
    }
    Ok(Ok(queries))
}

/// How the server would go about it; `None` where it cannot say: the text of a digest is no statement
/// any more where a list was cut, or a value stood that only a number may be.
async fn explain(conn: &mut Conn, digest: &str) -> Result<Option<(String, Value)>, DatabaseError> {
    let Some(text) = spoken(digest) else { return Ok(None) };
    let rows = texts(conn, "explain a statement", &format!("EXPLAIN FORMAT = JSON {text}")).await;
    let rows = match rows {
        Ok(rows) => rows,
        // It was answered: of no consequence. A connection that is lost explains nothing any more.
        Err(DatabaseError::DumpMySql { source: mysql_async::Error::Server(_), .. }) => {
            return Ok(None);
        }
        Err(error) => return Err(error),
    };
    let Some(plan) = rows.into_iter().flatten().next().flatten() else { return Ok(None) };
    let data = serde_json::from_str(&plan).ok();
    Ok(data.map(|data| (plan, data)))
}

/// Whether the server goes about a statement by an index; `None`: it cannot say.
pub(super) async fn goes_by(
    conn: &mut Conn,
    statement: &str,
    index: &str,
) -> Result<Option<bool>, DatabaseError> {
    let explained = explain(conn, statement).await?;
    Ok(explained.map(|(_, plan)| explained::goes_by(&plan, "key", index)))
}

/// A statement made of a digest: any value will do where none is known.
fn spoken(digest: &str) -> Option<String> {
    if digest.contains(';') || digest.ends_with("...") {
        return None;
    }
    let text = digest.replace("(...)", "('1')").replace("...", "'1'");
    let text = text.replace("LIMIT ? , ?", "LIMIT 0, 1").replace("LIMIT ?", "LIMIT 1");
    Some(text.replace("OFFSET ?", "OFFSET 0").replace('?', "'1'"))
}

fn scan(node: &Value) -> Option<Scan> {
    let text = |name: &str| node.get(name).and_then(Value::as_str);
    // With an index that could serve, it is the value that we made up which does not fit.
    if text("access_type") != Some("ALL") || node.get("possible_keys").is_some() {
        return None;
    }
    let columns = equalities(text("attached_condition")?);
    let scan = Scan { schema: None, table: text("table_name")?.into(), columns };
    (!scan.columns.is_empty()).then_some(scan)
}

pub(super) async fn missing_indexes(
    conn: &mut Conn,
    queries: &[Explained],
    options: &Options,
) -> Result<Vec<Finding>, DatabaseError> {
    let mut findings: Vec<Finding> = Vec::new();
    for Explained { query, scans } in queries {
        for scan in scans {
            let Some((columns, rows)) = worth_it(conn, scan, options).await? else { continue };
            let index = indexes::new(conn, &scan.table, &columns).await?;
            let trouble = Trouble::MissingIndex {
                table: scan.table.clone(),
                columns,
                rows,
                calls: query.calls,
                mean_ms: query.mean_ms,
                query: query.text.clone(),
            };
            if findings.iter().all(|one| one.trouble.subject() != trouble.subject()) {
                findings.push(Finding::new(trouble, Some(Mend::MakeIndex { index })));
            }
        }
    }
    Ok(findings)
}

/// The one column of which a value leaves the fewest rows of a large table, by a sample of them; and the
/// table's rows. Nothing for an alias: it is no table's name.
async fn worth_it(
    conn: &mut Conn,
    scan: &Scan,
    options: &Options,
) -> Result<Option<(Vec<String>, u64)>, DatabaseError> {
    let statement = format!(
        "SELECT table_rows FROM information_schema.tables WHERE table_schema = database() \
         AND table_type = 'BASE TABLE' AND table_name = {}",
        literal(&scan.table)
    );
    let rows = texts(conn, "look at a table's rows", &statement).await?;
    let Some(row) = rows.first() else { return Ok(None) };
    let rows = Fields { what: "a table's rows", fields: row }.count(0)?;
    if rows < options.large_rows {
        return Ok(None);
    }
    let mut best: Option<(u64, &String)> = None;
    for column in &scan.columns {
        let statement = format!(
            "SELECT count(DISTINCT c) FROM (SELECT {} AS c FROM {} LIMIT 2000) sample",
            quoted(column),
            quoted(&scan.table)
        );
        let sample = texts(conn, "look at a column's values", &statement).await?;
        let Some(row) = sample.first() else { continue };
        let values = Fields { what: "a column's values", fields: row }.count(0)?;
        if values >= 20 && best.is_none_or(|(most, _)| values > most) {
            best = Some((values, column));
        }
    }
    Ok(best.map(|(_, column)| (vec![column.clone()], rows)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_becomes_a_statement_again() {
        for (digest, expect) in [
            (
                "SELECT * FROM `a` WHERE `b` = ? LIMIT ?",
                Some("SELECT * FROM `a` WHERE `b` = '1' LIMIT 1"),
            ),
            (
                "SELECT ? FROM `a` WHERE `b` IN (...)",
                Some("SELECT '1' FROM `a` WHERE `b` IN ('1')"),
            ),
            ("SELECT `a` FROM `b` LIMIT ? , ?", Some("SELECT `a` FROM `b` LIMIT 0, 1")),
            ("SELECT `a` FROM `b` WHERE ...", None),
            ("SELECT 1; DROP TABLE `a`", None),
        ] {
            assert_eq!(spoken(digest).as_deref(), expect, "{digest}");
        }
    }

    #[test]
    fn a_table_with_an_index_that_could_serve_lacks_none() {
        let plan = |keys: Option<&str>| {
            let mut table = serde_json::json!({
                "table_name": "orders", "access_type": "ALL",
                "attached_condition": "orders.email = '1'",
            });
            if let Some(keys) = keys {
                table["possible_keys"] = serde_json::json!([keys]);
            }
            serde_json::json!({ "query_block": { "nested_loop": [{ "table": table }] } })
        };
        for (keys, expect) in [(None, 1), (Some("email"), 0)] {
            assert_eq!(explained::found(&plan(keys), &scan).len(), expect, "{keys:?}");
        }
    }
}
