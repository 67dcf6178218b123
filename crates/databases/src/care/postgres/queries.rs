//! Which statements take the time (extension `pg_stat_statements`), how the server goes about them, and
//! what index they lack.

use super::{Blind, Fields, Finding, Mend, Options, Sight, Trouble, indexes};
use crate::{
    DatabaseError,
    care::{
        MOST_QUERIES, Query,
        condition::equalities,
        explained::{self, Explained, Scan},
    },
    dump::postgres::{execute, literal, qualified, texts},
};
use serde_json::Value;
use tokio_postgres::{Client, SimpleQueryMessage, error::SqlState};

pub(super) async fn read(client: &Client) -> Result<Result<Vec<Explained>, Blind>, DatabaseError> {
    let statement = "SELECT n.nspname FROM pg_extension e \
        JOIN pg_namespace n ON n.oid = e.extnamespace WHERE e.extname = 'pg_stat_statements'";
    let blind = |mend: &str| Ok(Err(Blind { what: Sight::Queries, mend: mend.to_owned() }));
    let rows = texts::<1>(client, "look for statistics", statement).await?;
    let Some([Some(schema)]) = rows.first() else {
        return blind(
            "shared_preload_libraries = 'pg_stat_statements' in the server's configuration, a restart, \
             and CREATE EXTENSION pg_stat_statements",
        );
    };
    let view = qualified(Some(schema), "pg_stat_statements");
    let statement = format!(
        "SELECT query, calls, total_exec_time, mean_exec_time, rows FROM {view} \
         WHERE dbid = (SELECT oid FROM pg_database WHERE datname = current_database()) \
         AND query ~* '^\\s*(select|with|update|delete|insert)' \
         ORDER BY total_exec_time DESC LIMIT {MOST_QUERIES}"
    );
    let rows = match texts::<5>(client, "read the statements' statistics", &statement).await {
        Ok(rows) => rows,
        Err(error) if is_not_loaded(&error) => {
            return blind("shared_preload_libraries = 'pg_stat_statements', and a restart");
        }
        Err(error) => return Err(error),
    };
    if rows.iter().any(|row| row[0].as_deref() == Some("<insufficient privilege>")) {
        return blind("GRANT pg_monitor TO its_user");
    }
    let mut queries = Vec::new();
    for row in &rows {
        let fields = Fields { what: "a statement", fields: row };
        let text = fields.text(0);
        let (plan, scans) = match explain(client, &text).await? {
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

/// Whether the extension is there and its library is not.
fn is_not_loaded(error: &DatabaseError) -> bool {
    let DatabaseError::DumpPostgres { source, .. } = error else { return false };
    source.code() == Some(&SqlState::OBJECT_NOT_IN_PREREQUISITE_STATE)
}

/// How the server would go about it with values it does not know; `None` where it cannot say: not of
/// every parameter the type can be told from the statement.
async fn explain(client: &Client, text: &str) -> Result<Option<(String, Value)>, DatabaseError> {
    let text = text.trim().trim_end_matches(';');
    // One statement, and no other behind it.
    if text.contains(';') {
        return Ok(None);
    }
    // Names are found as the shop's own sessions find them.
    let begin = "BEGIN READ ONLY; SET LOCAL plan_cache_mode = force_generic_plan; \
                 SET LOCAL search_path = \"$user\", public;";
    execute(client, "explain a statement", begin).await?;
    let explained = explain_prepared(client, text).await;
    // Ends the transaction, failed or not; what was prepared outlives it. A connection that is lost
    // fails here at the latest: that no plan was told is the server's word.
    execute(client, "explain a statement", "ROLLBACK; DEALLOCATE ALL").await?;
    Ok(explained)
}

async fn explain_prepared(client: &Client, text: &str) -> Option<(String, Value)> {
    let said = client.simple_query(&format!("PREPARE care AS {text}")).await;
    said.ok()?;
    let values = match parameters(text) {
        0 => String::new(),
        number => format!("({})", vec!["NULL"; number].join(", ")),
    };
    let lines = |messages: Vec<SimpleQueryMessage>| {
        let line = |message| match message {
            SimpleQueryMessage::Row(row) => row.get(0).map(ToOwned::to_owned),
            _ => None,
        };
        messages.into_iter().filter_map(line).collect::<Vec<String>>().join("\n")
    };
    let shown = client.simple_query(&format!("EXPLAIN EXECUTE care{values}")).await.ok()?;
    let data = format!("EXPLAIN (VERBOSE, FORMAT JSON) EXECUTE care{values}");
    let data = lines(client.simple_query(&data).await.ok()?);
    Some((lines(shown), serde_json::from_str(&data).ok()?))
}

/// Whether the server goes about a statement by an index; `None`: it cannot say.
pub(super) async fn goes_by(
    client: &Client,
    statement: &str,
    index: &str,
) -> Result<Option<bool>, DatabaseError> {
    let explained = explain(client, statement).await?;
    Ok(explained.map(|(_, plan)| explained::goes_by(&plan, "Index Name", index)))
}

/// The highest of `$1`, `$2`, … in a statement.
fn parameters(text: &str) -> usize {
    let number = |rest: &str| {
        let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
        digits.parse().unwrap_or_default()
    };
    text.split('$').skip(1).map(number).max().unwrap_or_default()
}

fn scan(node: &Value) -> Option<Scan> {
    let text = |name: &str| node.get(name).and_then(Value::as_str);
    if !matches!(text("Node Type"), Some("Seq Scan")) {
        return None;
    }
    let columns = equalities(text("Filter")?);
    let scan = Scan {
        schema: Some(text("Schema")?.into()),
        table: text("Relation Name")?.into(),
        columns,
    };
    (!scan.columns.is_empty()).then_some(scan)
}

/// One finding a table and columns: for the statement that takes the most time.
pub(super) async fn missing_indexes(
    client: &Client,
    queries: &[Explained],
    options: &Options,
) -> Result<Vec<Finding>, DatabaseError> {
    let mut findings: Vec<Finding> = Vec::new();
    for Explained { query, scans } in queries {
        for scan in scans {
            let schema = scan.schema.as_deref().unwrap_or("public");
            let found = worth_it(client, schema, scan, options).await?;
            let Some((columns, rows)) = found else { continue };
            let index = indexes::new(schema, &scan.table, &columns);
            let trouble = Trouble::MissingIndex {
                table: index.table.clone(),
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

/// The columns, at most two and the most telling first, of which a value leaves few rows of a large
/// table; and its rows.
async fn worth_it(
    client: &Client,
    schema: &str,
    scan: &Scan,
    options: &Options,
) -> Result<Option<(Vec<String>, u64)>, DatabaseError> {
    let wanted: Vec<_> = scan.columns.iter().map(|column| literal(column)).collect();
    let statement = format!(
        "SELECT s.attname, c.reltuples, CASE WHEN s.n_distinct < 0 THEN -s.n_distinct * c.reltuples \
         ELSE s.n_distinct END AS values FROM pg_stats s JOIN pg_class c ON c.relname = s.tablename \
         JOIN pg_namespace n ON n.oid = c.relnamespace AND n.nspname = s.schemaname \
         WHERE s.schemaname = {} AND s.tablename = {} AND s.attname IN ({}) AND NOT s.inherited \
         AND c.reltuples >= {} ORDER BY values DESC LIMIT 2",
        literal(schema),
        literal(&scan.table),
        wanted.join(", "),
        options.large_rows
    );
    let rows = texts::<3>(client, "look at a table's statistics", &statement).await?;
    let mut columns = Vec::new();
    let mut size = 0;
    for row in &rows {
        let fields = Fields { what: "a column's statistics", fields: row };
        let values: f64 = fields.number(2)?.unwrap_or_default();
        size = fields.count(1)?;
        // A value of the first has to leave less than a twentieth; the second only helps.
        if columns.is_empty() && values < 20.0 {
            return Ok(None);
        }
        if columns.is_empty() || values > 2.0 {
            columns.push(fields.text(0));
        }
    }
    Ok((!columns.is_empty()).then_some((columns, size)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_counted_by_the_highest() {
        for (text, expect) in [("select 1", 0), ("a = $1 and b = $2", 2), ("$12 $3", 12)] {
            assert_eq!(parameters(text), expect, "{text}");
        }
    }

    #[test]
    fn every_table_that_is_read_whole_is_found_however_deep_it_stands() {
        let plan = serde_json::json!([{ "Plan": {
            "Node Type": "Limit", "Plans": [{
                "Node Type": "Seq Scan", "Schema": "public", "Relation Name": "orders",
                "Filter": "((orders.email)::text = $1)",
            }, {
                "Node Type": "Seq Scan", "Schema": "public", "Relation Name": "cart",
            }],
        }}]);
        let expect = Scan {
            schema: Some("public".to_owned()),
            table: "orders".to_owned(),
            columns: vec!["email".to_owned()],
        };
        assert_eq!(explained::found(&plan, &scan), [expect]);
    }
}
