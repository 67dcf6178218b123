//! The programs that speak for us: `pg_receivewal`, `pg_basebackup`, and what they are told. A password
//! goes into their environment, where only their own user sees it, and never into their arguments.

use crate::{DatabaseError, dump::postgres::config};
use host::process::Spawn;
use kernel::config::DatabaseUrl;
use std::{
    fs,
    path::{Path, PathBuf},
};
use tokio_postgres::config::Host;

/// Debian's place.
const INSTALLATIONS: &str = "/usr/lib/postgresql";
const NEEDED: [&str; 2] = ["pg_receivewal", "pg_basebackup"];
/// A server that does not answer is asked again later.
const CONNECT_SECONDS: &str = "10";

/// Where they lie.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Programs {
    folder: PathBuf,
}

impl Programs {
    /// The oldest that know a server of this major version: those of its own, where they are installed.
    ///
    /// # Errors
    /// [`DatabaseError::NotInstalled`] says which package has them.
    pub fn find(version: u32) -> Result<Self, DatabaseError> {
        let installed = fs::read_dir(INSTALLATIONS).into_iter().flatten().flatten();
        let fitting = installed.filter_map(|entry| {
            let number: u32 = entry.file_name().to_str()?.parse().ok()?;
            let folder = entry.path().join("bin");
            let is_whole = NEEDED.iter().all(|name| folder.join(name).is_file());
            (is_whole && number >= version).then_some((number, folder))
        });
        let (_, folder) = fitting.min().ok_or(DatabaseError::NotInstalled {
            what: "pg_receivewal and pg_basebackup of the server's version, or a later one",
            mend: "install PostgreSQL's client programs, on Debian the package \
                   `postgresql-client-VERSION`",
        })?;
        Ok(Self { folder })
    }

    /// Receives the log into a folder of its own, from where what lies there ends; everything that is said
    /// to be received is on disk. Ends when the server does.
    ///
    /// # Errors
    /// When the address is no address.
    pub fn receive(
        &self,
        url: &DatabaseUrl,
        slot: &str,
        into: &Path,
    ) -> Result<Spawn, DatabaseError> {
        let spawn = self.connected("pg_receivewal", url)?;
        let spawn = spawn.args(["--synchronous", "--no-loop", "--status-interval=1", "--slot"]);
        Ok(spawn.arg(slot).arg("--directory").arg(into))
    }

    /// Writes the cluster's files to its output as one tar archive, the list of them with their sums at its
    /// end. The log that it wants comes otherwise.
    ///
    /// # Errors
    /// When the address is no address.
    pub fn copy(&self, url: &DatabaseUrl, bandwidth: Option<u64>) -> Result<Spawn, DatabaseError> {
        let spawn = self.connected("pg_basebackup", url)?.args([
            "--pgdata=-",
            "--format=tar",
            "--wal-method=none",
            "--checkpoint=fast",
            "--label=storewarden",
        ]);
        // In KiB a second, and not below 32 (PostgreSQL manual, pg_basebackup).
        let rate = bandwidth.map(|bytes| (bytes >> 10).clamp(32, 1 << 20));
        Ok(spawn.args(rate.map(|rate| format!("--max-rate={rate}k"))))
    }

    fn connected(&self, program: &str, url: &DatabaseUrl) -> Result<Spawn, DatabaseError> {
        let config = config(url)?;
        let hosts = config.get_hosts().iter().map(|host| match host {
            Host::Tcp(name) => name.clone(),
            Host::Unix(folder) => folder.display().to_string(),
        });
        let ports = config.get_ports().iter().map(u16::to_string);
        let said = [
            ("host", hosts.collect::<Vec<_>>().join(",")),
            ("port", ports.collect::<Vec<_>>().join(",")),
            ("user", config.get_user().unwrap_or_default().to_owned()),
            ("application_name", "storewarden".to_owned()),
            ("connect_timeout", CONNECT_SECONDS.to_owned()),
        ];
        let said = said.iter().filter(|(_, value)| !value.is_empty());
        let said: Vec<String> =
            said.map(|(name, value)| format!("{name}={}", quoted(value))).collect();
        let spawn = Spawn::new(self.folder.join(program))
            .arg("--no-password")
            .arg(format!("--dbname={}", said.join(" ")))
            // What it says is looked into.
            .env("LC_ALL", "C")
            .directory("/");
        Ok(match config.get_password() {
            Some(password) => spawn.env("PGPASSWORD", String::from_utf8_lossy(password).as_ref()),
            None => spawn,
        })
    }
}

/// As libpq reads values (PostgreSQL manual, 34.1.1.1).
fn quoted(value: &str) -> String {
    format!("'{}'", value.replace('\\', "\\\\").replace('\'', "\\'"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use kernel::config::DatabaseKind;

    #[test]
    fn no_password_stands_in_arguments() {
        let programs = Programs { folder: "/p".into() };
        let secret = "postgres://me%20too:se%27cret@127.0.0.1:5433/shop".to_owned();
        let url = DatabaseUrl { kind: DatabaseKind::Postgres, secret };
        let spawn = programs.receive(&url, "slot", Path::new("/into")).unwrap();
        let shown = format!("{spawn:?}");
        assert!(shown.contains("user='me too'") && shown.contains("port='5433'"), "{shown}");
        let args = shown.split("env:").next().unwrap();
        assert!(!args.contains("cret"), "{args}");
    }

    #[test]
    fn values_are_quoted() {
        assert_eq!(quoted(r"a'b\c d"), r"'a\'b\\c d'");
    }
}
