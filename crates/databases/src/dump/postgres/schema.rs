//! The schema, as `pg_dump` of this machine writes it, in the dump's own snapshot.

use crate::{DatabaseError, private::Postgres, restore::KEPT};
use host::process::{Spawn, run_to_end};
use std::{
    path::{Path, PathBuf},
    thread,
    time::Duration,
};
use tokio_postgres::{Config, config::Host};

const WITHIN: Duration = Duration::from_secs(600);
/// What every output of `pg_dump` ends with, so that a cut one is found out.
const LAST_WORDS: &[u8] = b"-- PostgreSQL database dump complete";

/// What is made before the rows, and what after them.
pub(super) fn dump(config: &Config, snapshot: &str) -> Result<(Vec<u8>, Vec<u8>), DatabaseError> {
    let program = program()?;
    thread::scope(|scope| {
        let post = scope.spawn(|| section(&program, config, snapshot, "post-data"));
        let pre = section(&program, config, snapshot, "pre-data")?;
        let post = post.join().expect("invariant: running a command does not panic")?;
        Ok((pre, post))
    })
}

/// The newest one: it reads all servers before it (pg_dump(1)).
fn program() -> Result<PathBuf, DatabaseError> {
    let beside_server = Postgres::find().map(|found| found.programs.join("pg_dump"));
    let programs = beside_server.into_iter().chain([PathBuf::from("/usr/bin/pg_dump")]);
    programs.into_iter().find(|program| program.is_file()).ok_or(DatabaseError::NotInstalled {
        what: "pg_dump",
        mend: "install it in the server's version, on Debian with `apt install postgresql-client`",
    })
}

fn section(
    program: &Path,
    config: &Config,
    snapshot: &str,
    section: &str,
) -> Result<Vec<u8>, DatabaseError> {
    let failed = |source| DatabaseError::Run { what: "pg_dump", source };
    let mut spawn = Spawn::new(program)
        .clear_env()
        .env("PATH", "/usr/bin:/bin")
        .env("LC_ALL", "C.UTF-8")
        .env("PGAPPNAME", "storewarden")
        .args(["--schema-only", "--no-owner", "--no-privileges", "--no-tablespaces"])
        .args(["--no-publications", "--no-subscriptions", "--no-security-labels"])
        .args(["--encoding=UTF8", "--lock-wait-timeout=20s", "--no-password"])
        .arg(format!("--exclude-schema={KEPT}*"))
        .arg(format!("--section={section}"))
        .arg(format!("--snapshot={snapshot}"))
        .directory("/");
    for host in config.get_hosts().iter().take(1) {
        spawn = match host {
            Host::Tcp(name) => spawn.arg("-h").arg(name),
            Host::Unix(path) => spawn.arg("-h").arg(path),
        };
    }
    if let Some(port) = config.get_ports().first() {
        spawn = spawn.arg("-p").arg(port.to_string());
    }
    if let Some(user) = config.get_user() {
        spawn = spawn.arg("-U").arg(user);
    }
    if let Some(password) = config.get_password() {
        // Seen by this user and root only; arguments are seen by all.
        spawn = spawn.env("PGPASSWORD", String::from_utf8_lossy(password).as_ref());
    }
    if let Some(name) = config.get_dbname() {
        spawn = spawn.arg("-d").arg(name);
    }
    let output = run_to_end(spawn, WITHIN).map_err(failed)?.stdout;
    let is_whole = output.starts_with(b"--\n-- PostgreSQL database dump")
        && output.windows(LAST_WORDS.len()).any(|words| words == LAST_WORDS);
    if is_whole {
        Ok(output)
    } else {
        Err(DatabaseError::DumpCut(format!("pg_dump gave no whole {section}")))
    }
}
