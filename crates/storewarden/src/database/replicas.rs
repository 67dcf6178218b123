//! `storewarden database replica list`: the servers that follow a shop's database, as its server tells it.

use super::text::{milliseconds, sentence, size};
use crate::{
    cli::Exit,
    table::{Side, table},
    terminal::{Paint, printable},
};
use databases::{
    care::{Blind, Finding, Glance, Replica, Sight, Trouble},
    replica::{Standing, State},
};
use kernel::config::DatabaseKind;
use serde::Serialize;
use std::{fmt::Write as _, net::SocketAddr, path::PathBuf};

/// The replica that Storewarden keeps, as it says itself.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Own {
    name: String,
    folder: PathBuf,
    listen: SocketAddr,
    state: &'static str,
    behind_bytes: Option<u64>,
    behind_ms: Option<u64>,
    /// What its server says where it does not follow.
    said: Option<String>,
}

impl Own {
    pub(super) fn of(replica: databases::replica::Replica, standing: Standing) -> Self {
        Self {
            name: replica.name,
            folder: replica.folder,
            listen: replica.address,
            state: standing.state.code(),
            behind_bytes: standing.behind_bytes,
            behind_ms: standing.behind_ms,
            said: standing.said,
        }
    }

    fn follows(&self) -> bool {
        self.state == State::Follows.code()
    }

    fn row(&self) -> [String; 4] {
        let Self { name, behind_bytes, behind_ms, .. } = self.clone();
        row(&Replica { name, state: self.state.to_owned(), behind_bytes, behind_ms })
    }
}

/// What is known of the replicas of one database.
#[derive(Debug, Serialize)]
pub(super) struct Replicas {
    /// The one that Storewarden keeps on this machine.
    own: Option<Own>,
    /// Why the database itself could not be asked.
    error: Option<String>,
    /// Whether the server tells who follows it (PostgreSQL), or only whom it follows itself (MariaDB, MySQL).
    tells_followers: bool,
    replicas: Vec<Replica>,
    /// Those that are far behind or do not follow.
    findings: Vec<Finding>,
    /// What the account is not shown: then `replicas` may lack some.
    blind: Vec<Blind>,
}

impl Replicas {
    pub(super) fn of(glance: Glance, own: Option<Own>, kind: DatabaseKind) -> Self {
        let Glance { mut replicas, mut findings, mut blind, .. } = glance;
        // Of the one that is kept here more is known than its primary tells.
        let is_own = |name: &str| own.as_ref().is_some_and(|own| own.name == name);
        replicas.retain(|one| !is_own(&one.name));
        findings.retain(
            |one| matches!(&one.trouble, Trouble::ReplicaBehind { replica, .. } if !is_own(replica)),
        );
        blind.retain(|one| one.what == Sight::Replication);
        let tells_followers = kind == DatabaseKind::Postgres;
        Self { own, error: None, tells_followers, replicas, findings, blind }
    }

    /// Of a database that could not be asked itself.
    pub(super) fn alone(own: Own, error: String, kind: DatabaseKind) -> Self {
        Self { error: Some(error), ..Self::of(Glance::default(), Some(own), kind) }
    }

    /// Whoever cannot see whether anything follows does not say that all is well.
    pub(super) fn exit(&self) -> Exit {
        let is_told = self.own.is_some() || self.tells_followers || !self.replicas.is_empty();
        let is_known = self.error.is_none() && self.blind.is_empty() && is_told;
        let is_well = self.findings.is_empty() && self.own.as_ref().is_none_or(Own::follows);
        if is_known && is_well { Exit::Fine } else { Exit::Wrong }
    }

    pub(super) fn text(&self, paint: Paint) -> String {
        let name = if self.tells_followers { "REPLICA" } else { "FOLLOWS" };
        let head = [
            (name, Side::Left),
            ("STATE", Side::Left),
            ("BEHIND", Side::Right),
            ("FOR", Side::Right),
        ];
        let own = self.own.as_ref();
        let rows: Vec<[String; 4]> =
            own.map(Own::row).into_iter().chain(self.replicas.iter().map(row)).collect();
        let mut text = table(head, &rows);
        if let Some(own) = own {
            let place = format!(
                "{} is kept here: in {}, listening on {}",
                own.name,
                own.folder.display(),
                own.listen
            );
            writeln!(text, "{}", paint.quiet(&printable(&place)))
                .expect("invariant: a String takes all text");
            if let Some(said) = &own.said {
                let line = format!("{} does not follow: {said}", own.name);
                writeln!(text, "\n{} {}", paint.attention("warning"), printable(&line))
                    .expect("invariant: a String takes all text");
            }
        }
        if let Some(error) = &self.error {
            let line = format!("the database itself could not be asked: {error}");
            writeln!(text, "\n{} {}", paint.attention("warning"), printable(&line))
                .expect("invariant: a String takes all text");
        }
        if let Some(line) = self.none() {
            writeln!(text, "{line}").expect("invariant: a String takes all text");
        }
        for finding in &self.findings {
            let sentence = printable(&sentence(&finding.trouble));
            write!(text, "\n{} {sentence}\n", paint.attention("warning"))
                .expect("invariant: a String takes all text");
        }
        for blind in &self.blind {
            let line = format!("Not seen: how far replicas are. To see it: {}", blind.mend);
            write!(text, "\n{}\n", paint.quiet(&line)).expect("invariant: a String takes all text");
        }
        text
    }

    /// What an empty list means.
    fn none(&self) -> Option<&'static str> {
        let is_bare = self.own.is_none() && self.error.is_none() && self.replicas.is_empty();
        match (is_bare && self.blind.is_empty(), self.tells_followers) {
            (false, _) => None,
            (true, true) => Some("No replica follows, and no slot is kept for one."),
            (true, false) => Some(
                "This server follows nobody. Who follows it, and how far, it does not tell: \
                 ask the replica, by SHOW REPLICA STATUS.",
            ),
        }
    }
}

fn row(replica: &Replica) -> [String; 4] {
    let or_unknown = |told: Option<String>| told.unwrap_or_else(|| "unknown".to_owned());
    // A server that has replayed everything tells no time.
    let lag = match (replica.behind_ms, replica.behind_bytes) {
        (None, Some(0)) => Some(milliseconds(0)),
        (told, _) => told.map(milliseconds),
    };
    [
        replica.name.clone(),
        replica.state.clone(),
        or_unknown(replica.behind_bytes.map(size)),
        or_unknown(lag),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn replica(name: &str, state: &str, bytes: Option<u64>, ms: Option<u64>) -> Replica {
        let (name, state) = (name.to_owned(), state.to_owned());
        Replica { name, state, behind_bytes: bytes, behind_ms: ms }
    }

    fn stopped() -> Finding {
        let trouble = Trouble::ReplicaBehind {
            replica: "third".to_owned(),
            behind_bytes: Some(40_000_000),
            behind_ms: None,
            state: "stopped".to_owned(),
        };
        Finding { trouble, mend: None }
    }

    #[test]
    fn what_is_not_known_of_a_replica_is_said_and_is_not_well() {
        let well = replica("second", "streaming", Some(0), None);
        let third = replica("third", "stopped", Some(40_000_000), None);
        let glance = Glance {
            replicas: vec![well.clone(), third],
            findings: vec![stopped()],
            ..Glance::default()
        };
        let told = Replicas::of(glance, None, DatabaseKind::Postgres);
        let expect = "\
REPLICA  STATE       BEHIND      FOR
second   streaming      0 B      0 s
third    stopped    40.0 MB  unknown

warning replica third is 40.0 MB behind (stopped)
";
        assert_eq!(told.text(Paint(false)), expect);
        assert_eq!(told.exit(), Exit::Wrong);
        let only = Glance { replicas: vec![well], ..Glance::default() };
        assert_eq!(Replicas::of(only, None, DatabaseKind::Postgres).exit(), Exit::Fine);
    }

    #[test]
    fn the_replica_that_is_kept_here_says_itself_how_far_it_is() {
        let own = |state: State, said: Option<&str>| Own {
            name: "third".to_owned(),
            folder: "/srv/third".into(),
            listen: "127.0.0.1:5433".parse().unwrap(),
            state: state.code(),
            behind_bytes: None,
            behind_ms: (state == State::Follows).then_some(1_000),
            said: said.map(str::to_owned),
        };
        let told = || Glance { findings: vec![stopped()], ..Glance::default() };
        let expect = "REPLICA  STATE     BEHIND  FOR\nthird    follows  unknown  1 s\n\
             third is kept here: in /srv/third, listening on 127.0.0.1:5433\n";
        let follows = Replicas::of(told(), Some(own(State::Follows, None)), DatabaseKind::Postgres);
        assert_eq!((follows.exit(), &*follows.text(Paint(false))), (Exit::Fine, expect));
        let silent = own(State::Silent, Some("refused"));
        let silent = Replicas::alone(silent, "away".to_owned(), DatabaseKind::MySql);
        let told = silent.text(Paint(false));
        assert!(told.contains("warning third does not follow: refused"), "{told}");
        assert!(told.contains("the database itself could not be asked: away"), "{told}");
        assert_eq!(silent.exit(), Exit::Wrong);
    }

    #[test]
    fn an_empty_list_is_well_only_where_the_server_tells_who_follows() {
        let check = |kind, blind: Vec<Blind>, exit, said: &str| {
            let told = Replicas::of(Glance { blind, ..Glance::default() }, None, kind);
            assert_eq!(told.exit(), exit, "{told:?}");
            let text = told.text(Paint(false));
            assert!(text.contains(said), "{text}");
        };
        let hidden = || vec![Blind { what: Sight::Replication, mend: "GRANT x".to_owned() }];
        check(DatabaseKind::Postgres, Vec::new(), Exit::Fine, "No replica follows");
        check(DatabaseKind::Postgres, hidden(), Exit::Wrong, "Not seen: how far replicas are");
        check(DatabaseKind::MySql, Vec::new(), Exit::Wrong, "it does not tell");
        check(DatabaseKind::MySql, hidden(), Exit::Wrong, "GRANT x");
    }
}
