//! Checks of a shop's database. What could be better is advice, and stands on its page only; here is what
//! somebody has to look after soon.

use super::Sign;
use crate::databases::{DatabaseFinding, ShopDatabase};
use kernel::{Level, Value};

/// One look that fails may be a restart of the server.
const FAILED_IN_A_ROW: u32 = 2;

pub(super) fn signs(database: &ShopDatabase) -> Vec<Sign> {
    let findings = database.look.iter().flat_map(|look| &look.findings);
    let findings: Vec<&DatabaseFinding> = findings.collect();
    // Of the one that is kept here more is known than its primary tells.
    let kept = database.replica.as_ref().map(|own| Value::Text(own.name.clone()));
    let is_kept =
        |one: &DatabaseFinding| kept.is_some() && one.params.get("replica") == kept.as_ref();
    let others = findings.iter().filter(|finding| !is_kept(finding));
    let alone = others.filter_map(|finding| alone(finding));
    let own = [unknown_sign(database), waits_sign(&findings), replica_sign(database)];
    own.into_iter().flatten().chain(alone).collect()
}

fn unknown_sign(database: &ShopDatabase) -> Option<Sign> {
    let trouble = database.trouble.as_ref().filter(|_| database.failed >= FAILED_IN_A_ROW)?;
    let sign = Sign::new("database_unknown", Level::Attention);
    Some(sign.with("error", trouble.message.as_str()).with("code", trouble.code.as_str()))
}

/// Sessions that wait for others, and those that keep others waiting: they change from look to look, and
/// are one trouble.
fn waits_sign(findings: &[&DatabaseFinding]) -> Option<Sign> {
    let of = |code: &str| findings.iter().filter(|finding| finding.code == code).count() as u64;
    let (waiting, idle) = (of("blocked"), of("idle_transaction"));
    let longest = findings
        .iter()
        .filter_map(|one| one.params.get("waits_ms").or_else(|| one.params.get("idle_ms")))
        .filter_map(|value| if let Value::Integer(ms) = value { Some(*ms) } else { None })
        .max()?;
    let sign = Sign::new("database_waits", Level::Attention).with("waiting", waiting);
    Some(sign.with("idle", idle).with("longest_ms", longest))
}

/// The replica that Storewarden keeps.
fn replica_sign(database: &ShopDatabase) -> Option<Sign> {
    let own = database.replica.as_ref()?;
    if own.follows() {
        let behind_ms = own.behind_ms.filter(|ms| *ms > own.behind_at_most_ms)?;
        let sign = Sign::new("database_replica", Level::Attention).about(own.name.as_str());
        return Some(sign.with("replica", own.name.as_str()).with("behind_ms", behind_ms));
    }
    if own.is_well() || own.failed < FAILED_IN_A_ROW {
        return None;
    }
    let error = own.said.as_deref().unwrap_or(&own.state);
    let sign = Sign::new("replica_stopped", Level::Attention).about(own.name.as_str());
    Some(sign.with("replica", own.name.as_str()).with("error", error))
}

fn alone(finding: &DatabaseFinding) -> Option<Sign> {
    let (code, level, subject) = match finding.code.as_str() {
        "connections_scarce" => ("database_connections", Level::Attention, None),
        "replica_behind" => ("database_replica", Level::Attention, Some("replica")),
        "key_runs_out" => ("database_numbers", Level::Attention, Some("table")),
        "transaction_numbers" => ("database_numbers", Level::Attention, None),
        _ => return None,
    };
    let mut sign = Sign::new(code, level);
    sign.params.clone_from(&finding.params);
    Some(match subject.and_then(|name| finding.params.get(name)) {
        Some(Value::Text(subject)) => sign.about(subject.as_str()),
        _ => sign,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        backups::Trouble,
        databases::{DatabaseLook, OwnReplica},
    };
    use kernel::Params;

    fn database(findings: &[(&str, &str, Value)]) -> ShopDatabase {
        let finding = |(code, name, value): &(&str, &str, Value)| DatabaseFinding {
            id: (*code).to_owned(),
            code: (*code).to_owned(),
            weight: "warning".to_owned(),
            params: Params::from([((*name).to_owned(), value.clone())]),
            statement: None,
            back: None,
            restart: false,
            by_plan: false,
        };
        let look = DatabaseLook {
            server: "PostgreSQL 15".to_owned(),
            size_bytes: 1,
            connections: None,
            connections_most: None,
            cache_share: None,
            up_s: None,
            counted_s: None,
            findings: findings.iter().map(finding).collect(),
            blind: Vec::new(),
            queries: Vec::new(),
            tables: Vec::new(),
            replicas: Vec::new(),
        };
        let unseen = ShopDatabase::unseen("lamps".parse().unwrap(), Some("postgres"));
        ShopDatabase { look: Some(look), ..unseen }
    }

    #[test]
    fn who_waits_is_told_and_what_could_be_better_wakes_nobody() {
        let check = |findings: &[(&str, &str, Value)], expect: &[&str]| {
            let said: Vec<String> = signs(&database(findings)).iter().map(Sign::id).collect();
            assert_eq!(said, expect, "{findings:?}");
        };
        check(&[], &[]);
        check(&[("missing_index", "table", "a".into()), ("setting", "name", "b".into())], &[]);
        let waits = [
            ("blocked", "waits_ms", 61_000_i64.into()),
            ("idle_transaction", "idle_ms", 9_i64.into()),
        ];
        check(&waits, &["database_waits"]);
        check(&[("connections_scarce", "used", 9_i64.into())], &["database_connections"]);
        check(&[("replica_behind", "replica", "b".into())], &["database_replica:b"]);
        check(&[("key_runs_out", "table", "a".into())], &["database_numbers:a"]);
    }

    #[test]
    fn a_replica_that_is_kept_here_is_judged_by_what_it_says_itself() {
        let check = |state: &str, failed, behind_ms, expect: &[&str]| {
            let own = OwnReplica {
                name: "b".to_owned(),
                folder: "/b".to_owned(),
                listen: "127.0.0.1:1".to_owned(),
                state: state.to_owned(),
                behind_bytes: None,
                behind_ms,
                behind_at_most_ms: 1_000,
                said: None,
                seen_ms: 1,
                is_promoted: false,
                failed,
            };
            let told = database(&[("replica_behind", "replica", "b".into())]);
            let told = ShopDatabase { replica: Some(own), ..told };
            let said: Vec<String> = signs(&told).iter().map(Sign::id).collect();
            assert_eq!(said, expect, "{state} {failed}");
        };
        check("follows", 0, Some(1_000), &[]);
        check("follows", 0, None, &[]);
        check("follows", 0, Some(1_001), &["database_replica:b"]);
        check("silent", 1, None, &[]);
        check("silent", 2, None, &["replica_stopped:b"]);
        check("broken", 9, None, &["replica_stopped:b"]);
    }

    #[test]
    fn a_database_is_unknown_when_two_looks_failed() {
        for (failed, expect) in [(0, 0), (1, 0), (2, 1), (9, 1)] {
            let trouble = Trouble {
                code: "database_unanswered".to_owned(),
                params: Params::new(),
                message: "away".to_owned(),
            };
            let unseen = ShopDatabase::unseen("lamps".parse().unwrap(), Some("postgres"));
            let of = ShopDatabase { failed, trouble: Some(trouble), ..unseen };
            assert_eq!(signs(&of).len(), expect, "{failed}");
        }
    }
}
