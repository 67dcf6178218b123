//! Verdicts and findings as English sentences, for the command line. The interface's message files
//! say the same; codes and parameters are the contract between them.

use kernel::{Currency, Finding, Money, Params, Value, Verdict};

/// The sentence of a verdict. `now_ms` is unix milliseconds.
pub(crate) fn verdict(verdict: &Verdict, now_ms: i64) -> String {
    let says = Says { params: &verdict.params, now_ms };
    match verdict.code.as_str() {
        "selling" => {
            let orders = says.integer("orders_last_hour");
            format!("Selling: {} in the last hour.", count(orders, "order", "orders"))
        }
        "selling_quiet" => {
            let minutes = says.integer("minutes_since_order");
            format!("Open and quiet: last order {} ago.", count(minutes, "minute", "minutes"))
        }
        "checkout_failing" => says.checkout_failing(),
        "errors_up" => {
            format!("Selling, but {} of requests end in an error.", says.share("share"))
        }
        "held" => {
            let held = says.integer("held");
            format!("{} held until the shop answers again.", count(held, "visitor", "visitors"))
        }
        "down" => format!("Down for {}.", says.age("since_ms")),
        "instance_down" => {
            format!("Selling, with {} of {} instances down.", says.text("down"), says.text("total"))
        }
        "edge_away" => {
            format!("Unknown for {}: the edge does not report.", says.age("since_ms"))
        }
        "logs_unreadable" => {
            format!("Unknown: the access logs tell nothing ({}).", says.text("error"))
        }
        "no_traffic_yet" => "Waiting for the first visitor.".to_owned(),
        "orders_unknown" => orders_unknown(&says.text("reason")),
        code => format!("State of the shop: {code}."),
    }
}

fn orders_unknown(reason: &str) -> String {
    let why = match reason {
        "no_database" => "the configuration names no database",
        "no_query" => "this platform's orders cannot be read from such a database",
        "not_read_yet" => "they have not been read yet",
        "no_order_yet" => "the database holds none yet",
        reason => reason,
    };
    format!("Answering; whether orders come in is unknown: {why}.")
}

/// What a finding says, in one line.
pub(crate) fn finding(finding: &Finding, now_ms: i64) -> String {
    let says = Says { params: &finding.params, now_ms };
    let text = |name| says.text(name);
    match finding.code.as_str() {
        "instance_down" => format!("Instance {} is down: {}", text("instance"), text("error")),
        "instance_hung" => format!("Instance {} runs and does not answer", text("instance")),
        "latency_up" => {
            let seconds = |name| says.number(name).unwrap_or(0.0) / 1000.0;
            let (now, usual) = (seconds("p95_ms"), seconds("usual_ms"));
            format!("One page in twenty takes longer than {now:.1} s, usually {usual:.1} s")
        }
        "orders_stopped" => {
            let (age, expected) = (says.age("since_ms"), text("expected"));
            format!("No order for {age}, where {expected} would be usual")
        }
        "memory_leaking" => {
            let left = says.integer("full_in_ms").map_or_else(|| "unknown".to_owned(), age);
            format!("Memory keeps growing; it is full in about {left}")
        }
        "clock_off" => {
            let jump = says.integer("jump_ms").map_or_else(|| "unknown".to_owned(), age);
            format!("The machine's clock jumped by {jump}")
        }
        "notify_failing" => {
            format!("{} cannot be told of incidents: {}", text("route"), text("error"))
        }
        "upgrade_taken_back" => format!(
            "Storewarden {} did not come up, and {} runs again: {}",
            text("version"),
            text("runs"),
            text("error")
        ),
        "instance_draining" => format!("Instance {} is draining", text("instance")),
        "all_down" => "No instance answers; visitors are held up to the limits".to_owned(),
        "checkout_errors" => {
            format!("{} of {} checkouts failed", text("failed"), text("total"))
        }
        "errors_up" => format!("{} of requests end in an error", says.share("share")),
        "slow" => {
            let seconds = says.number("p95_ms").unwrap_or(0.0) / 1000.0;
            format!("Pages are slow: one in twenty takes longer than {seconds:.1} s")
        }
        "holding" => format!("{} held, {} queued", text("held"), text("queued")),
        "logs_unreadable" => format!("Its access logs tell nothing: {}", text("error")),
        "log_lines_broken" => format!(
            "{} lines of its access logs do not fit `log_format`, {} of all",
            text("lines"),
            says.share("share")
        ),
        "orders_unreadable" => {
            format!("Orders cannot be read from the database: {}", text("error"))
        }
        "edge_away" => "The edge is not reporting; it serves on without us".to_owned(),
        "disk_nearly_full" => format!(
            "The disk of {} is nearly full: {} left",
            text("path"),
            bytes(says.number("free_bytes"))
        ),
        "store_read_only" => {
            format!("Storewarden cannot write its records: {}", text("error"))
        }
        "ledger_broken" => format!(
            "The ledger does not hold from record {} on; `storewarden ledger verify` says more",
            text("sequence")
        ),
        "checkpoint_undelivered" => {
            format!("Checkpoints of the ledger cannot be kept at {}: {}", text("to"), text("error"))
        }
        "access_log_lossy" => {
            format!("The access log lost {} lines in the last minute", text("dropped"))
        }
        "certificate_ending" => {
            format!("The certificate of {} ends in {}", text("host"), says.age("ends_ms"))
        }
        "certificate_failed" => format!("No certificate for {}: {}", text("host"), text("error")),
        "configuration_rejected" => {
            format!("The configuration was not taken over: {}", text("error"))
        }
        "queue_stuck" => {
            let waiting = count(says.integer("waiting"), "job waits", "jobs wait");
            format!("The queue {} hangs: {waiting}", text("queue"))
        }
        "check_failing" => format!("{} fails: {}", text("check"), text("error")),
        "check_unknown" => format!("Whether {} works is unknown: {}", text("check"), text("error")),
        "check_certificate_ending" => {
            format!("The certificate at {} ends in {}", text("place"), says.age("ends_ms"))
        }
        "nothing_reachable" => {
            let age = says.age("since_ms");
            format!("Nothing off this machine has been reached for {age}: no peer, nobody else")
        }
        "page_unreachable" => {
            format!("{} cannot be reached from here: {}", text("url"), text("error"))
        }
        "backup_damaged" => {
            let count = count(says.integer("count"), "thing is", "things are");
            format!("The backups at {} are damaged: {count} not as written", text("place"))
        }
        "drill_failed" => {
            format!("A backup did not come back when it was tried: see run {}", text("run"))
        }
        "drill_short" => {
            format!("A backup came back, and not as agreed: see run {}", text("run"))
        }
        "drill_unknown" => format!(
            "A backup was tried, and not everything could be looked at: see run {}",
            text("run")
        ),
        "drill_late" => format!(
            "No backup was tried for {}, longer than was agreed: {}",
            says.age("tried_ms"),
            text("error")
        ),
        "sheet_untried" => {
            "Nobody has tried the recovery sheet for longer than was agreed: backup drill --sheet FILE"
                .to_owned()
        }
        "drill_missing" => format!("No backup was ever tried: {}", text("error")),
        "backup_failed" => format!("The last backup failed: {}", text("error")),
        "backup_late" => {
            let most = says.integer("lose_at_most_ms").map_or_else(|| "agreed".to_owned(), age);
            if text("what") == "database" {
                let old = says.age("newest_ms");
                return format!("The database would come back as it was {old} ago, and no more than {most} may be lost");
            }
            format!(
                "The newest backup is {} old, and must not be older than {most}",
                says.age("newest_ms")
            )
        }
        "backup_missing" => "There is no backup yet".to_owned(),
        "backup_unknown" => {
            format!("What backups there are at {} is unknown: {}", text("place"), text("error"))
        }
        "stream_behind" => {
            format!("The journal of the database's changes is {} behind", says.age("current_ms"))
        }
        "stream_stopped" => {
            format!("The database's changes are followed no longer: {}", text("error"))
        }
        "stream_refused" => {
            format!("The database's changes cannot be followed: {}", text("error"))
        }
        "stream_unknown" => "Whether the database's changes are followed is unknown".to_owned(),
        "confirmations_without_order" => format!(
            "Orders that were confirmed and are not in the database: {}, the first {} ago; storewarden \
             order missing",
            text("count"),
            says.age("first_ms")
        ),
        "orders_vanished" => format!(
            "Orders that vanished from the database: {}, the first {} ago, and no change of ours did that; \
             storewarden order deleted",
            text("count"),
            says.age("first_ms")
        ),
        "stream_gap" => format!(
            "Changes of the database are missing in the journal, a backup is due: {}",
            text("error")
        ),
        "stream_copy_behind" => format!(
            "The copy of the journal at {} is {} behind",
            text("place"),
            says.age("current_ms")
        ),
        "stream_copy_failing" => {
            format!("The journal is not copied to {}: {}", text("place"), text("error"))
        }
        "database_waits" => format!(
            "{} sessions of the database wait for others, {} do nothing in an open transaction, the longest \
             for {}",
            text("waiting"),
            text("idle"),
            says.integer("longest_ms").map_or_else(|| "unknown".to_owned(), age)
        ),
        "database_connections" => {
            format!("{} of {} connections of the database are taken", text("used"), text("most"))
        }
        "database_replica" => format!("Replica {} of the database is behind", text("replica")),
        "replica_stopped" => {
            format!("Replica {} of the database does not follow: {}", text("replica"), text("error"))
        }
        "database_numbers" => {
            "The numbers of the database run out: soon no row can be added".to_owned()
        }
        "database_unknown" => format!("The database cannot be looked at: {}", text("error")),
        "peer_silent" => {
            let age = says.age("since_ms");
            format!("Storewarden {} has been silent for {age}: {}", text("peer"), text("error"))
        }
        "peer_refuses" => {
            format!("{} does not let us ask how it is: {}", text("peer"), text("error"))
        }
        "peer_clock_off" => {
            let offset = says.integer("offset_ms").map(i64::abs);
            let offset = offset.map_or_else(|| "unknown".to_owned(), age);
            format!("The clocks of this machine and of {} differ by {offset}", text("peer"))
        }
        "peer_token_ending" => {
            format!("The token by which we ask {} ends in {}", text("peer"), says.age("ends_ms"))
        }
        "visitor_reports" => {
            let count = count(says.integer("count"), "visitor reports", "visitors report");
            format!("{count} a problem; the newest, {}: {:?}", text("reference"), text("what"))
        }
        code => code.to_owned(),
    }
}

/// The parameters of one message.
struct Says<'a> {
    params: &'a Params,
    now_ms: i64,
}

impl Says<'_> {
    fn integer(&self, name: &str) -> Option<i64> {
        match self.params.get(name)? {
            Value::Integer(number) => Some(*number),
            #[expect(clippy::cast_possible_truncation, reason = "a count, shown to a person")]
            Value::Number(number) => Some(number.round() as i64),
            Value::Text(_) => None,
        }
    }

    fn number(&self, name: &str) -> Option<f64> {
        match self.params.get(name)? {
            Value::Integer(number) => Some(*number as f64),
            Value::Number(number) => Some(*number),
            Value::Text(_) => None,
        }
    }

    fn text(&self, name: &str) -> String {
        match self.params.get(name) {
            Some(Value::Integer(number)) => number.to_string(),
            Some(Value::Number(number)) => format!("{number:.1}"),
            Some(Value::Text(text)) => text.clone(),
            None => "unknown".to_owned(),
        }
    }

    fn share(&self, name: &str) -> String {
        let share = self.number(name);
        share.map_or_else(|| "an unknown share".to_owned(), |s| format!("{:.1} %", s * 100.0))
    }

    fn age(&self, name: &str) -> String {
        self.integer(name).map_or_else(|| "an unknown time".to_owned(), |at| age(self.now_ms - at))
    }

    fn checkout_failing(&self) -> String {
        let failed = count(self.integer("failed"), "attempt", "attempts");
        let currency: Option<Currency> = self.text("currency").parse().ok();
        let lost = self.integer("lost_minor").zip(currency);
        let lost = lost.map_or_else(String::new, |(minor, currency)| {
            format!(" About {} lost so far.", Money { minor, currency })
        });
        format!("Checkout has been failing for {}: {failed}.{lost}", self.age("since_ms"))
    }
}

fn count(number: Option<i64>, one: &str, many: &str) -> String {
    match number {
        Some(1) => format!("1 {one}"),
        Some(number) => format!("{number} {many}"),
        None => format!("an unknown number of {many}"),
    }
}

/// A length of time, in the two largest units that matter.
pub(crate) fn age(milliseconds: i64) -> String {
    let seconds = milliseconds.unsigned_abs() / 1000;
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3_600 => format!("{} min", seconds / 60),
        3_600..86_400 => format!("{} h {} min", seconds / 3_600, seconds / 60 % 60),
        _ => format!("{} d {} h", seconds / 86_400, seconds / 3_600 % 24),
    }
}

/// A size in decimal units.
pub(crate) fn bytes(number: Option<f64>) -> String {
    let Some(number) = number else { return "an unknown amount".to_owned() };
    let units = [(1e12, "TB"), (1e9, "GB"), (1e6, "MB"), (1e3, "kB")];
    let unit = units.iter().find(|(size, _)| number >= *size);
    unit.map_or_else(
        || format!("{number:.0} B"),
        |(size, unit)| format!("{:.1} {unit}", number / size),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use kernel::Level;

    fn params(pairs: &[(&str, Value)]) -> Params {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect()
    }

    #[test]
    fn every_verdict_has_its_sentence() {
        let check = |code: &str, pairs: &[(&str, Value)], expect: &str| {
            let said = Verdict { level: Level::Good, code: code.into(), params: params(pairs) };
            assert_eq!(verdict(&said, 3_600_000), expect);
        };
        check(
            "selling",
            &[("orders_last_hour", 14_i64.into())],
            "Selling: 14 orders in the last hour.",
        );
        check(
            "selling",
            &[("orders_last_hour", 1_i64.into())],
            "Selling: 1 order in the last hour.",
        );
        check(
            "checkout_failing",
            &[
                ("since_ms", 3_300_000_i64.into()),
                ("failed", 7_i64.into()),
                ("lost_minor", 34_860_i64.into()),
                ("currency", "EUR".into()),
            ],
            "Checkout has been failing for 5 min: 7 attempts. About 348.60 EUR lost so far.",
        );
        check(
            "checkout_failing",
            &[("since_ms", 3_300_000_i64.into()), ("failed", 7_i64.into())],
            "Checkout has been failing for 5 min: 7 attempts.",
        );
        check(
            "errors_up",
            &[("share", 0.034.into())],
            "Selling, but 3.4 % of requests end in an error.",
        );
        check("down", &[("since_ms", 3_590_000_i64.into())], "Down for 10 s.");
        check(
            "orders_unknown",
            &[("reason", "no_database".into())],
            "Answering; whether orders come in is unknown: the configuration names no database.",
        );
        check("from_the_future", &[], "State of the shop: from_the_future.");
    }

    #[test]
    fn sizes_and_ages_are_short() {
        assert_eq!(bytes(Some(1_900_000_000.0)), "1.9 GB");
        assert_eq!(bytes(Some(12.0)), "12 B");
        assert_eq!(age(93_784_000), "1 d 2 h");
        assert_eq!(age(59_999), "59 s");
    }
}
