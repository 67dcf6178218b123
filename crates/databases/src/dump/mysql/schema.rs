//! The schema as the server itself writes it, as statements that `mariadb < FILE` understands.

use super::{catalog::Catalog, literal, quoted, texts};
use crate::{
    DatabaseError,
    dump::{Sequence, manifest::sequence_value},
};
use mysql_async::Conn;

/// What is made before the rows (sequences, tables), and what after them, so that no trigger fires
/// and no view lacks a table.
pub(super) async fn dump(
    conn: &mut Conn,
    catalog: &Catalog,
) -> Result<(Vec<u8>, Vec<u8>), DatabaseError> {
    let mut pre = Vec::new();
    for name in &catalog.sequences {
        pre.push(show(conn, "SEQUENCE", name, 1).await?.1);
    }
    for table in &catalog.tables {
        pre.push(show(conn, "TABLE", &table.shape.name, 1).await?.1);
    }
    let mut post = Vec::new();
    let routines = "SELECT ROUTINE_TYPE, ROUTINE_NAME FROM information_schema.ROUTINES \
        WHERE ROUTINE_SCHEMA = DATABASE() ORDER BY ROUTINE_TYPE, ROUTINE_NAME";
    modal(conn, &mut post, routines, 2).await?;
    post.extend(views(conn, &catalog.views).await?);
    let triggers = "SELECT 'TRIGGER', TRIGGER_NAME FROM information_schema.TRIGGERS \
        WHERE TRIGGER_SCHEMA = DATABASE() ORDER BY EVENT_OBJECT_TABLE, ACTION_TIMING, \
        EVENT_MANIPULATION, ACTION_ORDER";
    modal(conn, &mut post, triggers, 2).await?;
    let events = "SELECT 'EVENT', EVENT_NAME FROM information_schema.EVENTS \
        WHERE EVENT_SCHEMA = DATABASE() ORDER BY EVENT_NAME";
    modal(conn, &mut post, events, 3).await?;
    Ok((script(&pre), script(&post)))
}

/// The values that each sequence gives next.
pub(super) async fn sequences(
    conn: &mut Conn,
    catalog: &Catalog,
) -> Result<Vec<Sequence>, DatabaseError> {
    let mut sequences = Vec::new();
    for name in &catalog.sequences {
        let statement = format!("SELECT next_not_cached_value FROM {}", quoted(name));
        let value = texts(conn, "read sequences", &statement).await?;
        let value = value.into_iter().flatten().flatten().next();
        let value = sequence_value(name, value.as_deref())?;
        sequences.push(Sequence { schema: None, name: name.clone(), value, is_called: false });
    }
    Ok(sequences)
}

/// SHOW CREATE: the second column, which is the statement or the `sql_mode`, and the one at `at`.
async fn show(
    conn: &mut Conn,
    kind: &str,
    name: &str,
    at: usize,
) -> Result<(String, String), DatabaseError> {
    let what = format!("read the definition of `{name}`");
    let answer = texts(conn, &what, &format!("SHOW CREATE {kind} {}", quoted(name))).await?;
    let mut row = answer.into_iter().next().unwrap_or_default();
    let mode = row.get(1).cloned().flatten().unwrap_or_default();
    match row.get_mut(at).and_then(Option::take) {
        Some(statement) => Ok((mode, statement)),
        None => Err(DatabaseError::DumpRefused {
            what: format!("`{name}`, whose definition may not be seen"),
            mend: "grant its user SELECT on mysql.proc (MariaDB) or SHOW_ROUTINE (MySQL)"
                .to_owned(),
        }),
    }
}

/// What is compiled under a `sql_mode` of its own.
async fn modal(
    conn: &mut Conn,
    statements: &mut Vec<String>,
    list: &str,
    at: usize,
) -> Result<(), DatabaseError> {
    for row in texts(conn, "list routines, triggers and events", list).await? {
        let [Some(kind), Some(name)] = row.as_slice() else { continue };
        let (mode, statement) = show(conn, kind, name, at).await?;
        statements.push(format!("SET sql_mode = {}", literal(&mode)));
        statements.push(statement);
    }
    if !statements.is_empty() {
        statements.push("SET sql_mode = DEFAULT".to_owned());
    }
    Ok(())
}

/// Those that others are made of first. A view names its tables in backquotes.
async fn views(conn: &mut Conn, names: &[String]) -> Result<Vec<String>, DatabaseError> {
    let mut left = Vec::new();
    for name in names {
        left.push((quoted(name), show(conn, "VIEW", name, 1).await?.1));
    }
    let mut ordered = Vec::new();
    while !left.is_empty() {
        let needs_none = |(name, statement): &(String, String)| {
            !left.iter().any(|(other, _)| other != name && statement.contains(other.as_str()))
        };
        // Two that name one another in a text only: then any order is as good.
        let at = left.iter().position(needs_none).unwrap_or(0);
        ordered.push(left.remove(at).1);
    }
    Ok(ordered)
}

/// A delimiter that no statement has in it.
fn script(statements: &[String]) -> Vec<u8> {
    let mut delimiter = ";;".to_owned();
    while statements.iter().any(|statement| statement.contains(&delimiter)) {
        delimiter.push(';');
    }
    let mut text =
        format!("SET NAMES utf8mb4;\nSET foreign_key_checks = 0;\nDELIMITER {delimiter}\n");
    for statement in statements {
        text.push_str(statement);
        text.push_str(&format!("\n{delimiter}\n"));
    }
    text.into_bytes()
}

/// The statements of a script that [`script`] wrote; `None` when it is another.
pub(in crate::dump) fn statements(script: &str) -> Option<Vec<&str>> {
    let (_, rest) = script.split_once("\nDELIMITER ")?;
    let (delimiter, rest) = rest.split_once('\n')?;
    let end = format!("\n{delimiter}\n");
    let mut statements: Vec<_> = rest.split(end.as_str()).collect();
    statements.pop().filter(|last| last.is_empty())?;
    Some(statements)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statements_come_back_from_a_script() {
        let check = |list: &[&str]| {
            let list: Vec<_> = list.iter().map(|text| (*text).to_owned()).collect();
            let text = String::from_utf8(script(&list)).unwrap();
            assert_eq!(statements(&text).unwrap(), list);
        };
        check(&[]);
        check(&["CREATE TABLE a (b int)", "CREATE TRIGGER x BEGIN SELECT ';;'; \n;;\nEND"]);
        assert_eq!(statements("DELIMITER"), None);
    }
}
