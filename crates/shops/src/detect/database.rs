//! Databases: those that listen, and what a shop says of its own. A password is never kept.

use super::{Listener, Place};
use kernel::config::DatabaseKind;
use serde::{Serialize, Serializer};
use std::net::SocketAddr;

/// A database server that was seen to run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DatabaseServer {
    #[serde(serialize_with = "by_name")]
    pub kind: DatabaseKind,
    pub listens: SocketAddr,
    /// `None`: only its port speaks for it.
    pub pid: Option<u32>,
}

/// Where a shop's database is, as the shop itself says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Database {
    #[serde(serialize_with = "by_name")]
    pub kind: DatabaseKind,
    /// `None` for SQLite.
    pub host: Option<String>,
    pub port: Option<u16>,
    /// For SQLite the file.
    pub name: String,
    /// What said it, for people: `/srv/shop/.env`, `the environment of process 17`.
    pub said_by: String,
    pub place: Option<Place>,
}

impl Database {
    /// Of `postgres://user:password@host:port/name?…`; user, password and query are dropped.
    pub(super) fn of_url(url: &str, said_by: String) -> Option<Self> {
        let (scheme, rest) = url.split_once(':')?;
        let kind = kind_of(scheme)?;
        if kind == DatabaseKind::Sqlite {
            let name = rest.strip_prefix("//").unwrap_or(rest).split('?').next()?.to_owned();
            let whole = name.starts_with('/');
            return whole.then_some(Self {
                kind,
                host: None,
                port: None,
                name,
                said_by,
                place: None,
            });
        }
        let rest = rest.strip_prefix("//")?;
        // A password may hold any sign where it was not encoded: the last `@` ends it.
        let rest = rest.rsplit_once('@').map_or(rest, |(_, rest)| rest);
        let rest = rest.split('?').next()?;
        let (server, name) = rest.split_once('/')?;
        let (host, port) = host_and_port(server);
        let name = (!name.is_empty()).then(|| name.to_owned())?;
        let host = (!host.is_empty()).then_some(host);
        Some(Self { kind, host, port, name, said_by, place: None })
    }

    /// Where it is, as a configuration of ours says it, with the user whom we propose.
    pub(super) fn url(&self, user: &str) -> String {
        let scheme = match self.kind {
            DatabaseKind::Sqlite => return format!("sqlite:{}", self.name),
            DatabaseKind::Postgres => "postgres",
            DatabaseKind::MySql => "mysql",
        };
        let host = self.host.as_deref().unwrap_or("127.0.0.1");
        let port = self.port.map(|port| format!(":{port}")).unwrap_or_default();
        format!("{scheme}://{user}@{host}{port}/{}", self.name)
    }
}

/// The kind that a shop's own word means: of an address, of a driver, of a setting.
pub(super) fn kind_of(word: &str) -> Option<DatabaseKind> {
    match word.to_ascii_lowercase().as_str() {
        "postgres" | "postgresql" | "pgsql" | "pdo_pgsql" => Some(DatabaseKind::Postgres),
        "mysql" | "mysqli" | "mariadb" | "pdo_mysql" => Some(DatabaseKind::MySql),
        "sqlite" | "sqlite3" | "better-sqlite3" => Some(DatabaseKind::Sqlite),
        _ => None,
    }
}

/// `host`, `host:port`, `host:/socket`; a socket is the same server's, which listens on TCP too.
pub(super) fn host_and_port(text: &str) -> (String, Option<u16>) {
    match text.rsplit_once(':') {
        Some((host, port)) if !host.contains(':') || host.ends_with(']') => {
            (host.to_owned(), port.parse().ok())
        }
        _ => (text.to_owned(), None),
    }
}

/// The database servers among the listeners: by their name, else by the port of their kind.
pub(super) fn servers(listeners: &[Listener]) -> Vec<DatabaseServer> {
    let mut servers: Vec<DatabaseServer> = Vec::new();
    for listener in listeners {
        let Some(listens) = listener.address else { continue };
        let named = match listener.name.as_deref() {
            Some("postgres") => Some(DatabaseKind::Postgres),
            Some("mariadbd" | "mysqld") => Some(DatabaseKind::MySql),
            Some(_) => continue,
            None => None,
        };
        let usual = match listens.port() {
            5432 => Some(DatabaseKind::Postgres),
            3306 => Some(DatabaseKind::MySql),
            _ => None,
        };
        let Some(kind) = named.or(usual) else { continue };
        // Both families are one server.
        let same = |known: &DatabaseServer| {
            known.listens.port() == listens.port() && known.pid == listener.pid
        };
        if !servers.iter().any(same) {
            servers.push(DatabaseServer { kind, listens, pid: listener.pid });
        }
    }
    servers
}

pub(super) fn title(kind: DatabaseKind) -> &'static str {
    match kind {
        DatabaseKind::Postgres => "PostgreSQL",
        DatabaseKind::MySql => "MariaDB or MySQL",
        DatabaseKind::Sqlite => "SQLite",
    }
}

fn by_name<S: Serializer>(kind: &DatabaseKind, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(match kind {
        DatabaseKind::Postgres => "postgres",
        DatabaseKind::MySql => "mysql",
        DatabaseKind::Sqlite => "sqlite",
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_lose_who_comes_and_by_which_word() {
        let check = |url: &str, expect: Option<&str>| {
            let found = Database::of_url(url, String::new());
            assert_eq!(found.map(|found| found.url("me")).as_deref(), expect, "{url}");
        };
        check(
            "postgres://shop:secret@db.local:5433/shop?x=1",
            Some("postgres://me@db.local:5433/shop"),
        );
        check("postgresql://h/x", Some("postgres://me@h/x"));
        check("mysql://root:p@ss/w:rd@127.0.0.1/shop", Some("mysql://me@127.0.0.1/shop"));
        check("mysql://u@[::1]:3306/shop", Some("mysql://me@[::1]:3306/shop"));
        check("sqlite:///srv/shop.db", Some("sqlite:/srv/shop.db"));
        check("sqlite:shop.db", None);
        check("postgres://h/", None);
        check("redis://h/0", None);
        check("", None);
    }

    #[test]
    fn no_text_makes_it_panic() {
        bolero::check!().with_type::<String>().for_each(|text| {
            Database::of_url(text, String::new());
            Database::of_url(&format!("mysql://{text}"), String::new());
        });
    }
}
