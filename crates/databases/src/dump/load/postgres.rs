//! Rows into PostgreSQL by COPY; indexes, keys and triggers after them.

use super::{Loading, not_empty};
use crate::{
    DatabaseError,
    dump::{
        Files, Table,
        manifest::{SCHEMA_POST, SCHEMA_PRE},
        postgres::{
            MANNERS, Note, Session, config, connect, execute, qualified, quoted, runtime, texts,
        },
    },
};
use bytes::Bytes;
use futures_util::SinkExt;
use kernel::config::DatabaseUrl;
use std::{cell::RefCell, pin::pin};
use tokio_postgres::Client;

pub(super) fn load<F: Files>(
    loading: &Loading<'_, F>,
    into: &DatabaseUrl,
) -> Result<(), DatabaseError> {
    runtime()?.block_on(async {
        let Session { client, .. } = &connect(into, &config(into)?).await?;
        let steps = Steps::begin(client, loading, into).await?;
        let pre = loading.schema(SCHEMA_PRE)?;
        steps
            .once("tables", async || {
                execute(client, "make the tables", without_commands(&pre)).await
            })
            .await?;
        execute(client, "set up the session", MANNERS).await?;
        for table in &loading.tables {
            if steps.has(&table.rows.name) {
                loading.keeps(table);
                continue;
            }
            loading.begins(table);
            let filled = async || {
                let rows = fill(client, loading, table).await?;
                loading.ends(table, rows)
            };
            steps.once(&table.rows.name, filled).await?;
        }
        sequences(client, loading).await?;
        after_the_rows(client, loading, &steps).await?;
        if !loading.is_partial {
            refresh(client).await?;
        }
        execute(client, "gather statistics", "ANALYZE").await
    })
}

async fn after_the_rows<F: Files>(
    client: &Client,
    loading: &Loading<'_, F>,
    steps: &Steps<'_>,
) -> Result<(), DatabaseError> {
    let post = loading.schema(SCHEMA_POST)?;
    for (number, part) in parts(without_commands(&post)).into_iter().enumerate() {
        let what = part.name.map_or("set up the session".to_owned(), |name| format!("make {name}"));
        if loading.is_partial && part.is_foreign_key {
            loading.leaves_out(format!("{what}: its tables are not all filled"));
        } else if part.is_object {
            let made = async || execute(client, &what, part.text).await;
            steps.once(&format!("after {number}"), made).await?;
        } else {
            execute(client, &what, part.text).await?;
        }
    }
    Ok(())
}

/// What is whole already. It stands in the database's own comment, which is written in the
/// transaction of what it says.
struct Steps<'a> {
    client: &'a Client,
    noted: Option<RefCell<Note>>,
}

impl<'a> Steps<'a> {
    async fn begin<F>(
        client: &'a Client,
        loading: &Loading<'_, F>,
        into: &DatabaseUrl,
    ) -> Result<Self, DatabaseError> {
        let Some(journal) = &loading.journal else {
            if !is_empty(client).await? {
                return Err(not_empty(into));
            }
            return Ok(Self { client, noted: None });
        };
        if let Some(role) = &journal.role {
            let become_it = format!("SET ROLE {}", quoted(role));
            execute(client, "make things the owner's", &become_it).await?;
        }
        let note = Note::read(client, None).await?;
        let note = note.filter(|note| note.mark == journal.mark);
        let note = note.ok_or_else(|| not_empty(into))?;
        Ok(Self { client, noted: Some(RefCell::new(note)) })
    }

    fn has(&self, step: &str) -> bool {
        self.noted.as_ref().is_some_and(|note| note.borrow().done.contains(step))
    }

    /// Does it, unless it is done; all of it or nothing.
    async fn once(
        &self,
        step: &str,
        work: impl AsyncFnOnce() -> Result<(), DatabaseError>,
    ) -> Result<(), DatabaseError> {
        let Some(note) = &self.noted else { return work().await };
        if self.has(step) {
            return Ok(());
        }
        execute(self.client, "begin a step", "BEGIN").await?;
        work().await?;
        note.borrow_mut().done.insert(step.to_owned());
        let noted = note.borrow().clone();
        noted.write(self.client, None).await?;
        execute(self.client, "end a step", "COMMIT").await
    }
}

/// Whether there is nothing in it but what every database has.
pub(crate) async fn is_empty(client: &Client) -> Result<bool, DatabaseError> {
    let statement = "SELECT c.relname FROM pg_catalog.pg_class c \
        JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
        WHERE n.nspname NOT LIKE 'pg\\_%' AND n.nspname <> 'information_schema' AND \
        c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S') AND NOT EXISTS (SELECT FROM \
        pg_catalog.pg_depend d WHERE d.objid = c.oid AND d.deptype = 'e') LIMIT 1";
    Ok(texts::<1>(client, "look whether the database is empty", statement).await?.is_empty())
}

async fn fill<F: Files>(
    client: &Client,
    loading: &Loading<'_, F>,
    table: &Table,
) -> Result<u64, DatabaseError> {
    let what = format!("load table `{}`", table.label());
    let failed = |source| DatabaseError::DumpPostgres { what: what.clone(), source };
    let columns: Vec<_> = table.columns.iter().map(|column| quoted(&column.name)).collect();
    let columns =
        if columns.is_empty() { String::new() } else { format!(" ({})", columns.join(", ")) };
    let name = qualified(table.schema.as_deref(), &table.name);
    let sink = client.copy_in(&format!("COPY {name}{columns} FROM STDIN")).await.map_err(failed)?;
    let mut sink = pin!(sink);
    for block in loading.reader.blocks(table)? {
        let block = block?;
        loading.block_done(&block);
        sink.send(Bytes::from(block)).await.map_err(failed)?;
    }
    sink.finish().await.map_err(failed)
}

async fn sequences<F: Files>(
    client: &Client,
    loading: &Loading<'_, F>,
) -> Result<(), DatabaseError> {
    for sequence in &loading.reader.manifest().sequences {
        let name = qualified(sequence.schema.as_deref(), &sequence.name).replace('\'', "''");
        let statement = format!(
            "SELECT pg_catalog.setval('{name}'::pg_catalog.regclass, {}, {})",
            sequence.value, sequence.is_called
        );
        execute(client, &format!("set sequence `{}`", sequence.name), &statement).await?;
    }
    Ok(())
}

/// Views that keep rows are empty until now. One may be made of another: those that cannot be filled
/// yet are tried again after the others.
async fn refresh(client: &Client) -> Result<(), DatabaseError> {
    let statement = "SELECT schemaname, matviewname FROM pg_catalog.pg_matviews \
                     WHERE NOT ispopulated ORDER BY 1, 2";
    let what = "fill materialized views";
    let mut left = usize::MAX;
    loop {
        let views = texts::<2>(client, what, statement).await?;
        if views.is_empty() {
            return Ok(());
        }
        let is_stuck = views.len() >= left;
        left = views.len();
        for [schema, name] in views {
            let name = qualified(schema.as_deref(), &name.unwrap_or_default());
            let done = execute(client, what, &format!("REFRESH MATERIALIZED VIEW {name}")).await;
            if is_stuck {
                done?;
            }
        }
    }
}

/// `pg_dump` wraps its output into two commands of psql that only psql understands (since the
/// releases of August 2025): `\restrict KEY`, `\unrestrict KEY`.
fn without_commands(script: &str) -> &str {
    let begin = match script.find("\n\\restrict ") {
        Some(at) => script[at + 1..].find('\n').map_or(script.len(), |end| at + 1 + end),
        None => 0,
    };
    let end = script.rfind("\n\\unrestrict ").unwrap_or(script.len());
    &script[begin..end.max(begin)]
}

struct Part<'a> {
    /// As `pg_dump` heads it: `orders orders_pkey CONSTRAINT`.
    name: Option<String>,
    is_foreign_key: bool,
    /// Else it only sets the session up.
    is_object: bool,
    text: &'a str,
}

/// The objects of what comes after the rows. `pg_dump` heads each with a comment.
fn parts(script: &str) -> Vec<Part<'_>> {
    const HEAD: &str = "\n--\n-- Name: ";
    let mut parts = Vec::new();
    let mut rest = script;
    while !rest.is_empty() {
        let after = usize::from(rest.starts_with(HEAD)) * HEAD.len();
        let end = rest[after..].find(HEAD).map_or(rest.len(), |at| after + at);
        let (text, others) = rest.split_at(end);
        rest = others;
        let head = text.strip_prefix(HEAD).and_then(|text| text.split_once("; Schema: "));
        let head = head.and_then(|(head, _)| head.split_once("; Type: "));
        parts.push(Part {
            is_object: head.is_some(),
            name: head.map(|(name, kind)| format!("{name} ({kind})")),
            is_foreign_key: head.is_some_and(|(_, kind)| kind == "FK CONSTRAINT"),
            text,
        });
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_of_psql_are_left_out() {
        let check = |script: &str, expect: &str| assert_eq!(without_commands(script), expect);
        check("--\n\\restrict abc\n\nSET a;\n\n\\unrestrict abc\n\n", "\n\nSET a;\n");
        check("SET a;\n", "SET a;\n");
        check("", "");
    }

    #[test]
    fn objects_after_the_rows_are_told_apart() {
        let script = "SET a;\n\n--\n-- Name: t t_pkey; Type: CONSTRAINT; Schema: public; Owner: -\n--\n\n\
                      ALTER A;\n\n--\n-- Name: t f; Type: FK CONSTRAINT; Schema: public; Owner: -\n--\nB;\n";
        let parts = parts(script);
        let names: Vec<_> = parts.iter().map(|part| part.name.as_deref()).collect();
        assert_eq!(names, [None, Some("t t_pkey (CONSTRAINT)"), Some("t f (FK CONSTRAINT)")]);
        assert_eq!(parts.iter().filter(|part| part.is_foreign_key).count(), 1);
        assert_eq!(parts.iter().map(|part| part.text).collect::<String>(), script);
    }
}
