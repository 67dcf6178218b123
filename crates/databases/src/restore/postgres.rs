//! A restored database of PostgreSQL: made, filled, given the rights of the live one, and put in its
//! place by two renamings in one transaction.

use super::{Beside, Standing, Watch, hold_against, name_of, not_swapped, with_name};
use crate::{
    DatabaseError,
    dump::{
        Files, LoadProgress, LoadReport, Reader,
        load::{Journal, go_on},
        postgres::{Note, Session, config, connect, execute, literal, quoted, runtime, texts},
    },
};
use kernel::config::DatabaseUrl;
use std::time::Duration;
use tokio::time::{MissedTickBehavior, interval};
use tokio_postgres::{Client, error::SqlState};

/// Databases that every server has (PostgreSQL manual, 23.3): nobody who renames another may be in it.
const ALWAYS_THERE: [&str; 2] = ["postgres", "template1"];
/// How often those who are in a database that is renamed are asked to leave.
const ASK_EVERY: Duration = Duration::from_millis(50);
/// Schemas of users, but for what keeps rows that were put back.
const OURS: &str = "n.nspname NOT LIKE 'pg\\_%' AND n.nspname <> 'information_schema' AND \
    n.nspname NOT LIKE 'storewarden\\_before\\_%'";

/// A connection to the server, in none of the shop's databases.
pub(crate) async fn to_server(live: &DatabaseUrl) -> Result<Session, DatabaseError> {
    let mut first = None;
    for name in ALWAYS_THERE {
        let url = with_name(live, name);
        match connect(&url, &config(&url)?).await {
            Ok(session) => return Ok(session),
            Err(error) => first = first.or(Some(error)),
        }
    }
    Err(first.expect("invariant: one was tried"))
}

async fn one(
    client: &Client,
    what: &str,
    statement: &str,
) -> Result<Option<String>, DatabaseError> {
    let answer = texts::<1>(client, what, statement).await?;
    Ok(answer.into_iter().flatten().flatten().next())
}

async fn exists(client: &Client, name: &str) -> Result<bool, DatabaseError> {
    let statement =
        format!("SELECT 1 FROM pg_catalog.pg_database WHERE datname = {}", literal(name));
    Ok(one(client, "look for a database", &statement).await?.is_some())
}

pub(super) async fn standing(beside: &Beside) -> Result<Standing, DatabaseError> {
    let server = to_server(&beside.live).await?;
    look(&server.client, beside).await
}

async fn look(client: &Client, beside: &Beside) -> Result<Standing, DatabaseError> {
    if !exists(client, &beside.name).await? {
        return Ok(Standing::Absent);
    }
    match Note::read(client, Some(&beside.name)).await? {
        Some(note) if note.mark == beside.mark && note.is_whole => Ok(Standing::Whole),
        Some(note) if note.mark == beside.mark => Ok(Standing::Begun),
        Some(_others) => Ok(Standing::Foreign),
        None => {
            let url = beside.url();
            let inside = connect(&url, &config(&url)?).await?;
            let is_empty = crate::dump::load::postgres::is_empty(&inside.client).await?;
            Ok(if is_empty { Standing::Empty } else { Standing::Foreign })
        }
    }
}

pub(super) fn restore<F: Files>(
    beside: &Beside,
    reader: &Reader<F>,
    only_tables: Option<&[String]>,
    watch: Watch<'_>,
    told: &dyn Fn(LoadProgress),
) -> Result<LoadReport, DatabaseError> {
    let runtime = runtime()?;
    let (role, is_whole) = runtime.block_on(make(beside))?;
    let (url, mark) = (beside.url(), beside.mark.clone());
    if is_whole {
        hold_against(reader, &url, only_tables, watch)?;
        return Ok(LoadReport::default());
    }
    let mut report = go_on(reader, &url, only_tables, Journal { mark, role: role.clone() }, told)?;
    hold_against(reader, &url, only_tables, watch)?;
    runtime.block_on(async {
        report.left_out.extend(rights(beside, role.as_deref()).await?);
        let server = to_server(&beside.live).await?;
        let whole = Note { is_whole: true, ..Note::new(&beside.mark) };
        whole.write(&server.client, Some(&beside.name)).await
    })?;
    Ok(report)
}

/// Makes the database like the live one, as far as that is there; gives whom its things belong to,
/// and whether it was whole already.
async fn make(beside: &Beside) -> Result<(Option<String>, bool), DatabaseError> {
    let server = to_server(&beside.live).await?;
    let client = &server.client;
    // Where somebody was killed in the midst of it, the server goes on making the database for them,
    // and lets go of what they hold when it is made.
    let wait = format!("SELECT pg_advisory_lock(hashtext({}))", literal(&beside.name));
    execute(client, "wait for whoever makes the database", &wait).await?;
    let role = owner(beside, client).await?;
    match look(client, beside).await? {
        Standing::Foreign => return Err(DatabaseError::NameTaken(beside.name.clone())),
        Standing::Begun => return Ok((role, false)),
        Standing::Whole => return Ok((role, true)),
        Standing::Absent => create(beside, client, role.as_deref()).await?,
        Standing::Empty => {}
    }
    Note::new(&beside.mark).write(client, Some(&beside.name)).await?;
    Ok((role, false))
}

/// Whom the shop's tables belong to, if that is somebody whom we may act for.
async fn owner(beside: &Beside, server: &Client) -> Result<Option<String>, DatabaseError> {
    let what = "ask whom the tables belong to";
    if !exists(server, &name_of(&beside.live)).await? {
        return Ok(None);
    }
    let live = connect(&beside.live, &config(&beside.live)?).await?;
    let statement = format!(
        "SELECT owner FROM (SELECT pg_get_userbyid(c.relowner) AS owner, 1 AS count \
         FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
         WHERE c.relkind IN ('r', 'p') AND {OURS} \
         UNION ALL SELECT pg_get_userbyid(datdba), 0 FROM pg_database \
         WHERE datname = current_database()) o GROUP BY owner \
         ORDER BY sum(count) DESC, owner LIMIT 1"
    );
    let Some(owner) = one(&live.client, what, &statement).await? else { return Ok(None) };
    let may = format!(
        "SELECT 1 FROM pg_roles WHERE rolname = {0} AND rolname <> current_user AND \
         pg_has_role(current_user, oid, 'MEMBER')",
        literal(&owner)
    );
    Ok(one(&live.client, what, &may).await?.map(|_| owner))
}

async fn create(beside: &Beside, client: &Client, role: Option<&str>) -> Result<(), DatabaseError> {
    let (live, name) = (name_of(&beside.live), quoted(&beside.name));
    // What was added with a version is looked up by its name in a version's own catalogue.
    let like = format!(
        "SELECT format(' ENCODING %L LC_COLLATE %L LC_CTYPE %L', pg_encoding_to_char(encoding), \
         datcollate, datctype) || CASE WHEN to_jsonb(d)->>'datlocprovider' = 'i' THEN \
         format(' LOCALE_PROVIDER icu ICU_LOCALE %L', \
         COALESCE(to_jsonb(d)->>'daticulocale', to_jsonb(d)->>'datlocale')) ELSE '' END \
         FROM pg_database d WHERE datname = {}",
        literal(&live)
    );
    let like = one(client, "ask what the live database is like", &like).await?;
    let like = like.unwrap_or_else(|| " ENCODING 'UTF8'".to_owned());
    let owner = role.map(|role| format!(" OWNER {}", quoted(role))).unwrap_or_default();
    let statement = format!("CREATE DATABASE {name} TEMPLATE template0{owner}{like}");
    execute(client, "make a database", &statement).await?;
    let settings = format!(
        "SELECT format('ALTER DATABASE %I SET %I TO %s', {0}, split_part(c, '=', 1), \
         CASE WHEN split_part(c, '=', 1) IN ('search_path', 'session_preload_libraries', \
         'local_preload_libraries', 'temp_tablespaces') \
         THEN substr(c, strpos(c, '=') + 1) ELSE quote_literal(substr(c, strpos(c, '=') + 1)) END) \
         FROM pg_db_role_setting s JOIN pg_database d ON d.oid = s.setdatabase, unnest(s.setconfig) c \
         WHERE s.setrole = 0 AND d.datname = {1} \
         UNION ALL SELECT format('GRANT %s ON DATABASE %I TO %s', a.privilege_type, {0}, \
         CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(a.grantee)) END) \
         FROM pg_database d, aclexplode(d.datacl) a WHERE d.datname = {1} AND a.grantee <> d.datdba",
        literal(&beside.name),
        literal(&live)
    );
    let what = "give a database the settings of the live one";
    for [statement] in texts::<1>(client, what, &settings).await? {
        execute(client, what, &statement.unwrap_or_default()).await?;
    }
    Ok(())
}

/// Gives everybody who may use the live database's things the same rights on the new ones; what is
/// there no longer is left out and named.
async fn rights(beside: &Beside, role: Option<&str>) -> Result<Vec<String>, DatabaseError> {
    let what = "give others their rights";
    let server = to_server(&beside.live).await?;
    if !exists(&server.client, &name_of(&beside.live)).await? {
        return Ok(Vec::new());
    }
    let live = connect(&beside.live, &config(&beside.live)?).await?;
    let url = beside.url();
    let new = connect(&url, &config(&url)?).await?;
    let owner = role.map_or_else(|| "current_user".to_owned(), literal);
    let statement = format!(
        "SELECT format('ALTER %s %I.%I OWNER TO %I', CASE c.relkind WHEN 'S' THEN 'SEQUENCE' \
         WHEN 'v' THEN 'VIEW' WHEN 'm' THEN 'MATERIALIZED VIEW' ELSE 'TABLE' END, n.nspname, \
         c.relname, pg_get_userbyid(c.relowner)) FROM pg_class c \
         JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind IN ('r', 'p', 'v', 'm') \
         AND {OURS} AND pg_get_userbyid(c.relowner) <> {owner} \
         UNION ALL SELECT format('GRANT %s ON %s %I.%I TO %s%s', a.privilege_type, \
         CASE c.relkind WHEN 'S' THEN 'SEQUENCE' ELSE 'TABLE' END, n.nspname, c.relname, \
         CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(a.grantee)) END, \
         CASE WHEN a.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END) \
         FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace, aclexplode(c.relacl) a \
         WHERE c.relkind IN ('r', 'p', 'v', 'm', 'S') AND {OURS} AND a.grantee <> c.relowner \
         UNION ALL SELECT format('GRANT %s ON SCHEMA %I TO %s', a.privilege_type, n.nspname, \
         CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(a.grantee)) END) \
         FROM pg_namespace n, aclexplode(n.nspacl) a WHERE {OURS} AND a.grantee <> n.nspowner \
         UNION ALL SELECT format('ALTER DEFAULT PRIVILEGES FOR ROLE %I%s GRANT %s ON %s TO %s', \
         pg_get_userbyid(d.defaclrole), CASE WHEN n.nspname IS NULL THEN '' \
         ELSE format(' IN SCHEMA %I', n.nspname) END, a.privilege_type, \
         CASE d.defaclobjtype WHEN 'S' THEN 'SEQUENCES' ELSE 'TABLES' END, \
         CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(a.grantee)) END) \
         FROM pg_default_acl d LEFT JOIN pg_namespace n ON n.oid = d.defaclnamespace, \
         aclexplode(d.defaclacl) a WHERE d.defaclobjtype IN ('r', 'S') AND a.grantee <> d.defaclrole"
    );
    let mut left_out = Vec::new();
    for [statement] in texts::<1>(&live.client, what, &statement).await? {
        let statement = statement.unwrap_or_default();
        match new.client.batch_execute(&statement).await {
            Ok(()) => {}
            Err(error) if is_gone(&error) => left_out.push(statement),
            Err(source) => {
                return Err(DatabaseError::DumpPostgres { what: what.to_owned(), source });
            }
        }
    }
    Ok(left_out)
}

fn is_gone(error: &tokio_postgres::Error) -> bool {
    error.code().is_some_and(|code| {
        [SqlState::UNDEFINED_TABLE, SqlState::INVALID_SCHEMA_NAME].contains(code)
    })
}

pub(super) async fn discard(beside: &Beside) -> Result<(), DatabaseError> {
    let server = to_server(&beside.live).await?;
    match look(&server.client, beside).await? {
        Standing::Absent => Ok(()),
        Standing::Foreign => Err(DatabaseError::NameTaken(beside.name.clone())),
        Standing::Empty | Standing::Begun | Standing::Whole => {
            let what = "remove a restored database";
            leave(&server.client, &[&beside.name]).await?;
            let statement = format!("DROP DATABASE IF EXISTS {}", quoted(&beside.name));
            execute(&server.client, what, &statement).await
        }
    }
}

pub(super) async fn lacking(live: &DatabaseUrl) -> Result<Vec<String>, DatabaseError> {
    let session = to_server(live).await?;
    let what = "ask what the account may";
    let mut lacking = Vec::new();
    let makes = "SELECT 1 FROM pg_roles WHERE rolname = current_user AND (rolsuper OR rolcreatedb)";
    if one(&session.client, what, makes).await?.is_none() {
        lacking.push("CREATEDB".to_owned());
    }
    let name = name_of(live);
    let owns = format!(
        "SELECT 1 FROM pg_database WHERE datname = {} AND NOT pg_has_role(datdba, 'USAGE')",
        literal(&name)
    );
    if one(&session.client, what, &owns).await?.is_some() {
        lacking.push(format!("to own {name}"));
    }
    Ok(lacking)
}

/// Asks whoever is in one of these databases to leave, and does not look whether they did.
async fn leave(client: &Client, databases: &[&str]) -> Result<(), DatabaseError> {
    let names: Vec<String> = databases.iter().map(|name| literal(name)).collect();
    let statement = format!(
        "SELECT pg_catalog.pg_terminate_backend(pid) FROM pg_catalog.pg_stat_activity \
         WHERE datname IN ({}) AND pid <> pg_catalog.pg_backend_pid()",
        names.join(", ")
    );
    execute(client, "end sessions of the database", &statement).await
}

/// The one who renames holds the lock that whoever comes in needs, and waits up to five seconds for
/// those who are in (PostgreSQL 15, `RenameDatabase`). So nobody comes in between, and if we end,
/// nothing has happened.
pub(super) async fn swap(live: &DatabaseUrl, with: &str, aside: &str) -> Result<(), DatabaseError> {
    if is_swapped(live, with, aside).await? {
        return Ok(());
    }
    let name = name_of(live);
    let (renaming, asking) = (to_server(live).await?, to_server(live).await?);
    for (database, wanted) in [(name.as_str(), true), (with, true), (aside, false)] {
        if exists(&renaming.client, database).await? != wanted {
            let is = if wanted { "there is no" } else { "there is already a" };
            return Err(not_swapped(live, format!("{is} database `{database}`")));
        }
    }
    let statements = format!(
        "BEGIN; ALTER DATABASE {0} RENAME TO {1}; ALTER DATABASE {2} RENAME TO {0}; COMMIT",
        quoted(&name),
        quoted(aside),
        quoted(with)
    );
    let renamed = renaming.client.batch_execute(&statements);
    tokio::pin!(renamed);
    let mut again = interval(ASK_EVERY);
    again.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let done = loop {
        tokio::select! {
            done = &mut renamed => break done,
            _ = again.tick() => leave(&asking.client, &[&name, with]).await?,
        }
    };
    done.map_err(|error| {
        let why = error.as_db_error().map_or_else(|| error.to_string(), ToString::to_string);
        not_swapped(live, why)
    })
}

pub(super) async fn is_swapped(
    live: &DatabaseUrl,
    with: &str,
    aside: &str,
) -> Result<bool, DatabaseError> {
    let server = to_server(live).await?;
    Ok(exists(&server.client, aside).await? && !exists(&server.client, with).await?)
}
