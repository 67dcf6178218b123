//! English.

use super::Says;

pub(super) fn finding(code: &str, says: &Says<'_>) -> Option<String> {
    let text = |name| says.text(name);
    Some(match code {
        "access_log_lossy" => {
            format!("The access log lost {} lines in the last minute", text("dropped"))
        }
        "all_down" => "No instance answers; visitors are held up to the limits".to_owned(),
        "certificate_ending" => {
            format!("The certificate of {} ends in {}", text("host"), says.until("ends_ms"))
        }
        "certificate_failed" => format!("No certificate for {}: {}", text("host"), text("error")),
        "checkout_errors" => {
            format!("{} of {} checkouts failed", text("failed"), text("total"))
        }
        "queue_stuck" => format!(
            "The queue {} hangs: {} jobs wait, the oldest for {}",
            text("queue"),
            text("waiting"),
            says.span("waits_ms")
        ),
        "check_failing" => format!("{} fails: {}", text("check"), says.check_reason()),
        "check_unknown" => {
            format!("Whether {} works is not known: {}", text("check"), says.check_reason())
        }
        "check_certificate_ending" => format!(
            "The certificate at {} ends in {}",
            text("place"),
            says.until("ends_ms")
        ),
        "clock_off" => {
            format!("The machine's clock jumped by {}", says.span("jump_ms"))
        }
        "configuration_rejected" => {
            format!("The configuration was not taken over: {}", text("error"))
        }
        "checkpoint_undelivered" => {
            format!("Checkpoints of the ledger cannot be kept at {}: {}", text("to"), text("error"))
        }
        "disk_nearly_full" => format!(
            "The disk of {} is nearly full: {} left",
            text("path"),
            says.bytes("free_bytes")
        ),
        "edge_away" => "The edge does not report; what visitors see is unknown".to_owned(),
        "errors_up" => format!("{} of requests end in an error", says.share("share")),
        "holding" => format!("Visitors wait: {} held, {} queued", text("held"), text("queued")),
        "instance_down" => format!("Instance {} is down: {}", text("instance"), text("error")),
        "instance_draining" => format!("Instance {} is draining", text("instance")),
        "instance_hung" => {
            format!("Instance {} runs and does not answer: {}", text("instance"), text("error"))
        }
        "latency_up" => format!(
            "Pages have become slow: one in twenty takes longer than {}, usually {}",
            says.seconds("p95_ms"),
            says.seconds("usual_ms")
        ),
        "ledger_broken" => format!(
            "The ledger does not hold: record {} was changed by something else than Storewarden",
            text("sequence")
        ),
        "memory_leaking" => {
            format!("Memory keeps growing; it is full in about {}", says.span("full_in_ms"))
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
        "orders_stopped" => format!(
            "No order for {}, where {} would be usual",
            says.until("since_ms"),
            text("expected")
        ),
        "logs_unreadable" => format!("Its access logs tell nothing: {}", text("error")),
        "log_lines_broken" => format!(
            "{} lines of its access logs do not fit their format, {} of all",
            text("lines"),
            says.share("share")
        ),
        "orders_unreadable" => {
            format!("Orders cannot be read from the database: {}", text("error"))
        }
        "nothing_reachable" => format!(
            "Nothing off this machine can be reached for {}: neither peers nor anybody else",
            says.until("since_ms")
        ),
        "page_unreachable" => {
            format!("{} cannot be reached from here: {}", text("url"), text("error"))
        }
        "backup_damaged" => format!(
            "The backups at {} are damaged: {} things are not as they were written",
            text("place"),
            text("count")
        ),
        "drill_failed" => {
            format!("A backup did not come back when it was tried: {}", drilled(&text("check")))
        }
        "drill_short" => format!(
            "A backup came back after {}, with {} lost: not as agreed",
            says.span("took_ms"),
            says.span("lost_ms")
        ),
        "drill_unknown" => format!(
            "A backup was tried, and not everything could be looked at: {}",
            drilled(&text("check"))
        ),
        "drill_late" => format!(
            "No backup was tried for {}, longer than was agreed: {}",
            says.until("tried_ms"),
            text("error")
        ),
        "sheet_untried" => {
            "Nobody has tried the recovery sheet for longer than was agreed: storewarden backup drill --sheet"
                .to_owned()
        }
        "drill_missing" => format!("No backup was ever tried: {}", text("error")),
        "backup_failed" => format!("The last backup failed: {}", text("error")),
        "backup_late" if text("what") == "database" => format!(
            "The database would come back as it was {} ago, and no more than {} may be lost",
            says.until("newest_ms"),
            says.span("lose_at_most_ms")
        ),
        "backup_late" => format!(
            "The newest backup is {} old, and must not be older than {}",
            says.until("newest_ms"),
            says.span("lose_at_most_ms")
        ),
        "backup_missing" => "There is no backup yet".to_owned(),
        "backup_unknown" => {
            format!("What backups there are at {} is not known: {}", text("place"), text("error"))
        }
        "stream_behind" => {
            format!("The journal of the database's changes is {} behind", says.until("current_ms"))
        }
        "stream_stopped" => {
            format!("The database's changes are followed no longer: {}", text("error"))
        }
        "stream_refused" => {
            format!("The database's changes cannot be followed: {}", text("error"))
        }
        "stream_unknown" => "Whether the database's changes are followed is unknown".to_owned(),
        "confirmations_without_order" => format!(
            "Orders that were confirmed to visitors and are not in the shop's database: {}, the first {} ago",
            text("count"),
            says.until("first_ms")
        ),
        "orders_vanished" => format!(
            "Orders that vanished from the shop's database: {}, the first {} ago, and no change of \
             Storewarden did that",
            text("count"),
            says.until("first_ms")
        ),
        "stream_gap" => format!(
            "Changes of the database are missing in the journal, a backup is due: {}",
            text("error")
        ),
        "stream_copy_behind" => format!(
            "The copy of the journal at {} is {} behind",
            text("place"),
            says.until("current_ms")
        ),
        "stream_copy_failing" => {
            format!("The journal is not copied to {}: {}", text("place"), text("error"))
        }
        "database_waits" => format!(
            "{} sessions of the database wait for others, {} do nothing in an open transaction, the longest \
             for {}",
            text("waiting"),
            text("idle"),
            says.span("longest_ms")
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
        "peer_clock_off" => format!(
            "The clocks of this machine and of {} differ by {}",
            text("peer"),
            says.span("offset_ms")
        ),
        "peer_refuses" => {
            format!("{} does not let us ask how it is: {}", text("peer"), text("error"))
        }
        "peer_silent" => format!(
            "Storewarden {} has been silent for {}: {}",
            text("peer"),
            says.until("since_ms"),
            text("error")
        ),
        "peer_token_ending" => format!(
            "The token by which we ask {} how it is ends in {}",
            text("peer"),
            says.until("ends_ms")
        ),
        "slow" => {
            format!("Pages are slow: one in twenty takes longer than {}", says.seconds("p95_ms"))
        }
        "store_read_only" => format!("Storewarden cannot write its records: {}", text("error")),
        "storm" => format!("{} troubles at once, in {} shops", text("count"), text("shops")),
        "visitor_reports" => format!(
            "Visitors reported {} problems; the newest, {}: “{}”",
            text("count"),
            text("reference"),
            text("what")
        ),
        _ => return None,
    })
}

pub(super) fn frame(name: &str) -> &'static str {
    match name {
        "machine" => "This machine",
        "worsened" => "Worse",
        "repeated" => "Still open",
        "resolved" => "Resolved",
        "lasts" => "For",
        "lasted" => "It lasted",
        "lost" => "About {} lost so far.",
        "incident" => "Incident",
        "test" => "Storewarden: a test",
        "test_text" => "This is a test of the route “{}”. Nothing is wrong.",
        _ => "unknown",
    }
}

/// What a drill looked at.
fn drilled(check: &str) -> &'static str {
    match check {
        "files" => "its files",
        "database" => "its database",
        "changes" => "what came after its dump",
        "orders" => "its orders",
        "round_trip" => "the rows of its orders",
        "boot" => "the shop started from it",
        _ => "the time",
    }
}
