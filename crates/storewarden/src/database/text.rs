//! What a database suffers from, in words.

use crate::{
    table::{Side, table},
    terminal::{Paint, printable},
    words,
};
use databases::care::{Examination, Finding, Mend, Query, Sight, Trouble, Weight, Why};
use std::fmt::Write as _;

/// The tables that are shown; all of them stand in the JSON.
const TABLES: usize = 10;
/// The statements that are shown, and the characters of each.
const QUERIES: usize = 10;
const STATEMENT: usize = 160;

/// With `plans`, how the server goes about each statement; the shop is what a command would name.
pub(super) fn of(examination: &Examination, (shop, plans): (&str, bool), paint: Paint) -> String {
    let mut text = head(examination);
    if examination.findings.is_empty() {
        text += "\nNothing is wrong that could be seen.\n";
    }
    for finding in &examination.findings {
        text += &one(finding, shop, paint);
    }
    for blind in &examination.blind {
        let what = match blind.what {
            Sight::Queries => "which statements take the time",
            Sight::Sessions => "what others' sessions do",
            Sight::IndexUse => "how often indexes are used",
            Sight::Replication => "how far replicas are",
        };
        let line = format!("Not seen: {what}. To see it: {}", blind.mend);
        write!(text, "\n{}\n", paint.quiet(&line)).expect("invariant: a String takes all text");
    }
    text + &queries(&examination.queries, plans) + &tables(examination)
}

fn head(examination: &Examination) -> String {
    let figures = &examination.figures;
    let mut parts = vec![examination.server.clone(), size(figures.size_bytes)];
    if let Some(connections) = figures.connections {
        parts.push(format!("{} of {} connections", connections.used, connections.most));
    }
    if let Some(share) = figures.cache_hits {
        parts.push(format!("{} of reads from memory", per_cent(share)));
    }
    if let Some(up_s) = figures.up_s {
        parts.push(format!("up {}", seconds(up_s)));
    }
    parts.join(", ") + "\n"
}

fn one(finding: &Finding, shop: &str, paint: Paint) -> String {
    let sentence = printable(&sentence(&finding.trouble));
    let mut text = match finding.trouble.weight() {
        Weight::Danger => format!("\n{} {sentence}\n", paint.bad("danger ")),
        Weight::Warning => format!("\n{} {sentence}\n", paint.attention("warning")),
        Weight::Advice => format!("\n{} {sentence}\n", paint.quiet("advice ")),
    };
    if let Some(mend) = &finding.mend {
        let after = match mend {
            Mend::Setting { .. } => {
                "   -- where the server is started or configured; restart it then"
            }
            mend if mend.restarts() => "   -- and restart the server",
            Mend::Statement { statement } if statement.starts_with("ALTER TABLE") => {
                "   -- writes the table anew, and the shop waits: in a quiet hour"
            }
            _ => "",
        };
        let end = if matches!(mend, Mend::Setting { .. }) { "" } else { ";" };
        text += &format!("          {}{end}{after}\n", printable(mend.statement()));
    }
    if let Some(mend @ (Mend::DropIndex { .. } | Mend::ChangeSetting { .. })) = &finding.mend
        && let Some(back) = mend.back()
    {
        text += &paint.quiet(&format!("          back: {};\n", printable(back)));
    }
    if finding.mend.as_ref().is_some_and(Mend::is_ours) {
        let command = format!("storewarden database mend {shop} '{}'", finding.id());
        text += &paint.quiet(&format!("          or: {}\n", printable(&command)));
    }
    text
}

/// What is wrong, with its evidence.
pub(super) fn sentence(trouble: &Trouble) -> String {
    match trouble {
        Trouble::MissingIndex { table, columns, rows, calls, mean_ms, query } => format!(
            "{table} is read whole, {rows} rows, for want of an index on {}: {calls} times, {mean_ms:.1} ms \
             each: {}",
            columns.join(", "),
            short(query)
        ),
        Trouble::UnindexedReference { table, columns, rows, to } => format!(
            "{table} refers to {to} by {} without an index: to delete there reads its {rows} rows",
            columns.join(", ")
        ),
        Trouble::UnusedIndex { table, index, bytes, counted_s } => format!(
            "index {index} of {table} was not used in {}, and takes {} and time at every write",
            seconds(*counted_s),
            bytes.map_or_else(|| "room".to_owned(), size)
        ),
        Trouble::DuplicateIndex { table, index, like, bytes } => format!(
            "index {index} of {table} does nothing that {like} does not, and takes {}",
            bytes.map_or_else(|| "room".to_owned(), size)
        ),
        Trouble::InvalidIndex { table, index } => format!(
            "index {index} of {table} was left half made: it costs time at every write and serves nobody"
        ),
        Trouble::DeadRows { table, dead, live } => format!(
            "{table} has {dead} dead rows beside {live} living ones: nobody clears up fast enough"
        ),
        Trouble::EmptySpace { table, empty_bytes, bytes } => {
            format!("{} of the {} of {table} are empty", size(*empty_bytes), size(*bytes))
        }
        Trouble::TransactionNumbers { used } => format!(
            "{} of the transaction numbers are used: at the end of them the server takes no writes",
            per_cent(*used)
        ),
        Trouble::KeyRunsOut { table, column, used, last } => format!(
            "{} of the numbers of {table}.{column} are used: after {last} no row can be added",
            per_cent(*used)
        ),
        Trouble::NoKey { table, rows } => {
            format!("{table} has {rows} rows and no key: they cannot be told apart")
        }
        Trouble::NonTransactional { table, engine } => format!(
            "{table} is of engine {engine}: a crash can leave it half written, and a backup locks it"
        ),
        Trouble::ConnectionsScarce { used, most } => {
            format!("{used} of {most} connections are taken: soon visitors get errors")
        }
        Trouble::IdleTransaction { session, user, program, idle_ms } => format!(
            "session {session} ({user}, {program}) has had a transaction open for {} and does nothing",
            milliseconds(*idle_ms)
        ),
        Trouble::Blocked { session, program, by, by_program, waits_ms } => {
            let holder = match (by, by_program) {
                (Some(by), Some(of)) if !of.is_empty() => format!("{by} ({of})"),
                (Some(by), _) => by.clone(),
                (None, _) => "somebody else's lock".to_owned(),
            };
            let waited = milliseconds(*waits_ms);
            format!("session {session} ({program}) has waited {waited} for {holder}")
        }
        Trouble::ReplicaBehind { replica, behind_bytes, behind_ms, state } => {
            let behind = match (behind_bytes, behind_ms) {
                (Some(bytes), _) => format!("{} behind", size(*bytes)),
                (None, Some(ms)) => format!("{} behind", milliseconds(*ms)),
                (None, None) => "behind, nobody knows how far".to_owned(),
            };
            format!("replica {replica} is {behind} ({state})")
        }
        Trouble::SlotKeepsLog { slot, bytes, is_capped } => {
            let end =
                if *is_capped { "" } else { ", and nothing ends that before the disk is full" };
            format!("nobody reads from slot {slot}, which keeps {} of the log{end}", size(*bytes))
        }
        Trouble::Setting { name, value, advised, why } => {
            format!("{name} = {value}: {}; {advised} would be right", reason(*why))
        }
    }
}

fn reason(why: Why) -> &'static str {
    match why {
        Why::DamagedByACrash => "a crash of the machine can damage the database",
        Why::LostByACrash => "a crash can lose orders that were acknowledged",
        Why::NeverClearedUp => "nothing clears up after deleted rows",
        Why::SmallCache => "little memory is used for the data that there is",
        Why::TooMuchMemory => "all sessions together may take more memory than there is",
        Why::FlushedTooOften => "the log is so small that the server flushes all the time",
        Why::Uncapped => "a slot that nobody reads from could fill the disk",
        Why::ReadersWait => "readers wait for writers",
    }
}

fn queries(queries: &[Query], plans: bool) -> String {
    if queries.is_empty() {
        return String::new();
    }
    let shown = &queries[..queries.len().min(QUERIES)];
    let rows: Vec<_> = shown
        .iter()
        .map(|query| {
            [
                format!("{:.1} s", query.total_ms / 1000.0),
                query.calls.to_string(),
                format!("{:.1} ms", query.mean_ms),
                short(&query.text),
            ]
        })
        .collect();
    let head = [
        ("TOGETHER", Side::Right),
        ("CALLS", Side::Right),
        ("EACH", Side::Right),
        ("STATEMENT", Side::Left),
    ];
    let mut text = format!("\n{}", table(head, &rows));
    if plans {
        for query in shown {
            let plan = query.plan.as_deref().unwrap_or("the server cannot say without the values");
            text += &format!("\n{}\n", short(&query.text));
            for line in plan.lines() {
                text += &format!("    {}\n", printable(line));
            }
        }
    }
    text
}

fn tables(examination: &Examination) -> String {
    let unknown = || "unknown".to_owned();
    let known = |bytes: Option<u64>| bytes.map_or_else(unknown, size);
    let rows: Vec<_> = examination
        .tables
        .iter()
        .take(TABLES)
        .map(|one| {
            let rows = one.rows.map_or_else(unknown, |rows| rows.to_string());
            [one.table.clone(), rows, known(one.bytes), known(one.index_bytes)]
        })
        .collect();
    let head = [
        ("TABLE", Side::Left),
        ("ROWS", Side::Right),
        ("SIZE", Side::Right),
        ("INDEXES", Side::Right),
    ];
    format!("\n{}", table(head, &rows))
}

/// A statement on one line.
fn short(statement: &str) -> String {
    let line = statement.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(STATEMENT) {
        Some((end, _)) => format!("{} …", &line[..end]),
        None => line,
    }
}

#[expect(clippy::cast_precision_loss, reason = "sizes are shown in three digits")]
pub(super) fn size(bytes: u64) -> String {
    words::bytes(Some(bytes as f64))
}

fn per_cent(share: f64) -> String {
    format!("{:.0} %", share * 100.0)
}

fn seconds(seconds: u64) -> String {
    milliseconds(seconds.saturating_mul(1000))
}

pub(super) fn milliseconds(ms: u64) -> String {
    words::age(i64::try_from(ms).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;
    use databases::care::{Blind, Connections, Figures, Index, TableSize};

    #[test]
    fn findings_stand_with_their_evidence_and_their_mend_and_what_is_not_seen_is_said() {
        let index = Index {
            table: "public.orders".to_owned(),
            name: "never".to_owned(),
            make: "CREATE INDEX CONCURRENTLY never ON orders (note)".to_owned(),
            drop: "DROP INDEX CONCURRENTLY never".to_owned(),
        };
        let finding = |trouble, mend| Finding { trouble, mend };
        let examination = Examination {
            server: "PostgreSQL 15.14".to_owned(),
            figures: Figures {
                size_bytes: 3_200_000_000,
                connections: Some(Connections { used: 12, most: 97 }),
                cache_hits: Some(0.993),
                up_s: Some(90_000),
                counted_s: Some(90_000),
            },
            tables: vec![TableSize {
                table: "public.orders".to_owned(),
                rows: Some(1_000_000),
                bytes: Some(2_000_000_000),
                index_bytes: None,
            }],
            queries: vec![Query {
                text: "SELECT *\n FROM orders".to_owned(),
                calls: 3,
                total_ms: 4500.0,
                mean_ms: 1500.0,
                rows: 3,
                plan: None,
            }],
            replicas: Vec::new(),
            findings: vec![
                finding(
                    Trouble::Setting {
                        name: "fsync".to_owned(),
                        value: "off".to_owned(),
                        advised: "on".to_owned(),
                        why: Why::DamagedByACrash,
                    },
                    Some(Mend::Setting { line: "fsync = on".to_owned() }),
                ),
                finding(
                    Trouble::UnusedIndex {
                        table: "public.orders".to_owned(),
                        index: "never".to_owned(),
                        bytes: Some(40_000_000),
                        counted_s: 700_000,
                    },
                    Some(Mend::DropIndex { index }),
                ),
            ],
            blind: vec![Blind {
                what: Sight::Sessions,
                mend: "GRANT pg_monitor TO its_user".to_owned(),
            }],
        };
        let expect = "\
PostgreSQL 15.14, 3.2 GB, 12 of 97 connections, 99 % of reads from memory, up 1 d 1 h

danger  fsync = off: a crash of the machine can damage the database; on would be right
          fsync = on   -- where the server is started or configured; restart it then

advice  index never of public.orders was not used in 8 d 2 h, and takes 40.0 MB and time at every write
          DROP INDEX CONCURRENTLY never;
          back: CREATE INDEX CONCURRENTLY never ON orders (note);
          or: storewarden database mend lamps 'unused_index:public.orders/never'

Not seen: what others' sessions do. To see it: GRANT pg_monitor TO its_user

TOGETHER  CALLS       EACH  STATEMENT
   4.5 s      3  1500.0 ms  SELECT * FROM orders

TABLE             ROWS    SIZE  INDEXES
public.orders  1000000  2.0 GB  unknown
";
        assert_eq!(of(&examination, ("lamps", false), Paint(false)), expect);
    }
}
