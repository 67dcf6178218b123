//! `storewarden database replica list`: the servers that follow a shop's database, as its server tells it.

use super::text::{milliseconds, sentence, size};
use crate::{
    cli::Exit,
    table::{Side, table},
    terminal::{Paint, printable},
};
use databases::care::{Blind, Finding, Glance, Replica, Sight, Trouble};
use kernel::config::DatabaseKind;
use serde::Serialize;
use std::fmt::Write as _;

/// What is known of the replicas of one database.
#[derive(Debug, Serialize)]
pub(super) struct Replicas {
    /// Whether the server tells who follows it (PostgreSQL), or only whom it follows itself (MariaDB, MySQL).
    tells_followers: bool,
    replicas: Vec<Replica>,
    /// Those that are far behind or do not follow.
    findings: Vec<Finding>,
    /// What the account is not shown: then `replicas` may lack some.
    blind: Vec<Blind>,
}

impl Replicas {
    pub(super) fn of(glance: Glance, kind: DatabaseKind) -> Self {
        let Glance { replicas, mut findings, mut blind, .. } = glance;
        findings.retain(|one| matches!(one.trouble, Trouble::ReplicaBehind { .. }));
        blind.retain(|one| one.what == Sight::Replication);
        Self { tells_followers: kind == DatabaseKind::Postgres, replicas, findings, blind }
    }

    /// Whoever cannot see whether anything follows does not say that all is well.
    pub(super) fn exit(&self) -> Exit {
        let is_known = self.blind.is_empty() && (self.tells_followers || !self.replicas.is_empty());
        if is_known && self.findings.is_empty() { Exit::Fine } else { Exit::Wrong }
    }

    pub(super) fn text(&self, paint: Paint) -> String {
        let name = if self.tells_followers { "REPLICA" } else { "FOLLOWS" };
        let head = [
            (name, Side::Left),
            ("STATE", Side::Left),
            ("BEHIND", Side::Right),
            ("FOR", Side::Right),
        ];
        let rows: Vec<[String; 4]> = self.replicas.iter().map(row).collect();
        let mut text = table(head, &rows);
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
        match (self.replicas.is_empty() && self.blind.is_empty(), self.tells_followers) {
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
        let told = Replicas::of(glance, DatabaseKind::Postgres);
        let expect = "\
REPLICA  STATE       BEHIND      FOR
second   streaming      0 B      0 s
third    stopped    40.0 MB  unknown

warning replica third is 40.0 MB behind (stopped)
";
        assert_eq!(told.text(Paint(false)), expect);
        assert_eq!(told.exit(), Exit::Wrong);
        let only = Glance { replicas: vec![well], ..Glance::default() };
        assert_eq!(Replicas::of(only, DatabaseKind::Postgres).exit(), Exit::Fine);
    }

    #[test]
    fn an_empty_list_is_well_only_where_the_server_tells_who_follows() {
        let check = |kind, blind: Vec<Blind>, exit, said: &str| {
            let told = Replicas::of(Glance { blind, ..Glance::default() }, kind);
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
