//! Plans in English, for the command line and for whoever reads a log. The interface has words of
//! its own, for the same codes.

use jiff::{Timestamp, Zoned, tz::TimeZone};
use kernel::{
    Params, ShopId, Value,
    plan::{
        Act, ByLog, ByWal, Condition, Holds, OldData, PlanKind, Preview, StepPreview, Undo,
        WaitsFor,
    },
};
use std::fmt::Write;

/// The zone of this machine, for times that belong to no shop.
#[must_use]
pub fn zone_here() -> TimeZone {
    TimeZone::system()
}

/// What an act does, as a sentence without its full stop. Times are told in `zone`.
#[must_use]
pub fn sentence(act: &Act, zone: &TimeZone) -> String {
    match act {
        Act::Hold { shop, instance } => {
            format!("take {instance} of {shop} out, and have visitors wait")
        }
        Act::Drain { shop, instance } => {
            format!("take {instance} of {shop} out: no new requests for it")
        }
        Act::Undrain { shop, instance } => format!("give {instance} of {shop} requests again"),
        Act::Stop { shop, instance } => format!("stop {instance} of {shop}"),
        Act::Start { shop, instance } => format!("start {instance} of {shop}"),
        Act::Restart { shop, instance } => format!("restart {instance} of {shop}"),
        Act::AwaitHealthy { shop, instance, within_ms } => {
            let within = duration(*within_ms);
            format!("wait until {instance} of {shop} is healthy, {within} at most")
        }
        Act::Deploy { shop, instance, release, before } => match before {
            Some(before) => {
                format!("deploy release {release} on {instance} of {shop}, in place of {before}")
            }
            None => format!("deploy release {release} on {instance} of {shop}"),
        },
        Act::ApplyConfiguration { text_sha256, before_sha256, .. } => {
            let (new, old) = (digest(text_sha256), digest(before_sha256));
            format!("apply configuration {new} in place of {old}")
        }
        Act::OrderCertificate { shop, hosts } => {
            format!("order a certificate of {shop} for {}", hosts.join(", "))
        }
        Act::ServeCertificate { shop, before: None } => {
            format!("serve {shop} with the certificate that was ordered")
        }
        Act::ServeCertificate { shop, before: Some(before) } => {
            format!("serve {shop} with the certificate that was ordered, in place of {before}")
        }
        Act::RestoreCertificate { shop, serial: Some(serial) } => {
            format!("serve {shop} with certificate {serial} again")
        }
        Act::RestoreCertificate { shop, serial: None } => {
            format!("serve {shop} with no ordered certificate, as before the first")
        }
        Act::ConfigureWebServer { files, listen, .. } => {
            let files = files.iter().map(|file| file.path.as_str()).collect::<Vec<_>>().join(", ");
            format!("have the web server listen on {} by {files}", listen.join(", "))
        }
        Act::RecordPages { pages, .. } => {
            format!("note how {} answers: {}", pages.host, pages.paths.join(" "))
        }
        Act::YieldPorts { listen, .. } => {
            format!("leave {} to the web server for now", listen.join(", "))
        }
        Act::UnyieldPorts { listen, .. } => {
            format!("leave {} to nobody any more", listen.join(", "))
        }
        Act::TakePorts { listen, seamless: true, .. } => {
            let listen = listen.join(", ");
            format!("take {listen} over from the web server, socket and all: nobody is refused")
        }
        Act::TakePorts { listen, seamless: false, .. } => format!(
            "take {} over from the web server; visitors who come in the milliseconds between are \
             refused",
            listen.join(", ")
        ),
        Act::ReturnPorts { listen, shared, .. } if !shared.is_empty() => format!(
            "give {} back to the web server, which listens beside the edge until that has let go: \
             nobody is refused",
            listen.join(", ")
        ),
        Act::ReturnPorts { listen, .. } => format!(
            "give {} back to the web server; visitors who come while it reads its configuration, a \
             few hundredths of a second, are refused",
            listen.join(", ")
        ),
        Act::ComparePages { pages, .. } => {
            format!("see that {} answers as before: {}", pages.host, pages.paths.join(" "))
        }
        Act::RemoveOldData { what, older_than_ms } => {
            let what = match what {
                OldData::RunLogs => "logs of runs",
                OldData::Minutes => "minutes of shops",
            };
            format!("remove {what} older than {}", instant(*older_than_ms, zone))
        }
        Act::BackUp { .. }
        | Act::CopySnapshot { .. }
        | Act::ForgetSnapshots { .. }
        | Act::CheckRepository { .. }
        | Act::RestoreFiles { .. }
        | Act::RestoreObjects { .. }
        | Act::TakeObjectsBack { .. }
        | Act::RestoreDatabase { .. }
        | Act::DropRestored { .. }
        | Act::SwapDatabase { .. }
        | Act::RestoreRows { .. }
        | Act::ReturnRows { .. }
        | Act::RemoveAside { .. }
        | Act::CarryOrders { .. }
        | Act::KeepErased { .. }
        | Act::DrillBackup { .. } => of_backup(act, zone),
        Act::MakeIndex { index, .. } => {
            let waits = match index.kind.as_str() {
                "sqlite" => "; whoever writes waits until it is there",
                _ => "; everybody reads and writes meanwhile",
            };
            let over = match index.columns.is_empty() {
                true => String::new(),
                false => format!(" over {}", index.columns.join(", ")),
            };
            format!("make index {} of {}{over}{waits}", index.name, index.table)
        }
        Act::DropIndex { index, .. } => format!("drop index {} of {}", index.name, index.table),
        Act::TidyTable { table, .. } => format!(
            "clear the dead rows of {table} away, and count anew what is in it; everybody reads and \
             writes meanwhile"
        ),
        Act::ChangeSetting { setting, .. } => {
            let when = if setting.restart { ", from the server's next start on" } else { "" };
            format!("set {} to {} instead of {}{when}", setting.name, setting.to, setting.from)
        }
        Act::MakeReplica { shop, folder, listen } => format!(
            "make a replica of the database of {shop} in {folder}, have its server listen on {listen}, \
             and wait until it follows; everybody reads and writes meanwhile"
        ),
        Act::RemoveReplica { shop, folder, .. } => format!(
            "stop the replica of the database of {shop}, remove its data in {folder}, and have the \
             database keep nothing for it"
        ),
        Act::FencePrimary { shop, listen, is_dead: false, .. } => format!(
            "fence the database of {shop}, so that nobody writes there any more, and wait until the \
             replica on {listen} has all of it"
        ),
        Act::FencePrimary { shop, .. } => format!(
            "see that the database of {shop} does not answer: what its replica has not received is lost"
        ),
        Act::LiftFence { shop, .. } => {
            format!("have everybody write on the database of {shop} again")
        }
        Act::PointShop { shop, address } => {
            format!("point {shop} at the database on {address}, by its own command")
        }
        Act::PromoteReplica { shop, listen, .. } => {
            format!(
                "have the replica on {listen} take writes: it is the database of {shop} from then on"
            )
        }
        Act::ReplayChanges { name, until_ms, transactions, changes, last_ms, .. } => {
            let last = match last_ms {
                Some(last_ms) => format!(", the last of them at {}", second(*last_ms, zone)),
                None => String::new(),
            };
            format!(
                "make {changes} changes of {transactions} transactions once more in {name}, up to {}{last}, \
                 and read every row of them back",
                second(*until_ms, zone)
            )
        }
        Act::RestoreOrder { shop, order, at_ms, from_journal, added, changed, .. } => format!(
            "bring order {order} of {shop} back from the {}: {} added, {} made as they were, in one \
             transaction",
            match from_journal {
                true => format!("journal, as of {}", second(*at_ms, zone)),
                false => format!("backup of {}", instant(*at_ms, zone)),
            },
            counted(usize::try_from(*added).unwrap_or(usize::MAX), "row"),
            changed
        ),
        Act::TakeOrderBack { shop, order, .. } => {
            format!("take order {order} out of {shop} again, row by row as it came")
        }
    }
}

fn of_backup(act: &Act, zone: &TimeZone) -> String {
    match act {
        Act::BackUp { shop, to, .. } => format!("back {shop} up to {to}"),
        Act::CopySnapshot { from, to, .. } => {
            format!("copy the backup from {from} to {to}, and read it back there")
        }
        Act::ForgetSnapshots { at, prune, .. } => {
            let more = if *prune { ", and free what nobody uses any more" } else { "" };
            format!("remove backups at {at} that the configuration does not keep{more}")
        }
        Act::CheckRepository { at, part: 1, of: 1, .. } => format!("read every byte at {at} again"),
        Act::CheckRepository { at, part, of, .. } => {
            format!("check {at}, and read part {part} of {of} of its data again")
        }
        Act::RestoreFiles { at, snapshot, path, target, .. } => {
            let short = snapshot.get(..8).unwrap_or(snapshot);
            format!("restore {path} of the backup {short} at {at} into {target}")
        }
        Act::RestoreObjects { at, snapshot, path, target, overwrite, .. } => {
            let short = snapshot.get(..8).unwrap_or(snapshot);
            let others = match overwrite {
                true => "objects that are others by now are written over",
                false => "objects that are others by now stay",
            };
            format!("put {path} of the backup {short} at {at} into {target}; {others}")
        }
        Act::TakeObjectsBack { target, .. } => format!(
            "remove what was put into {target}, and bring back what it was written over, but for what \
             was written since"
        ),
        Act::RestoreDatabase { at, snapshot, name, by_log: Some(by_log), .. } => {
            let short = snapshot.get(..8).unwrap_or(snapshot);
            let ByLog { until_ms, transactions, changes, what, redefined_ms, .. } = by_log;
            let since = match what.as_str() {
                "" => String::new(),
                what => format!(
                    ", since the journal cannot go beyond \"{what}\" of {}",
                    second(*redefined_ms, zone)
                ),
            };
            format!(
                "restore the database of the backup {short} at {at} as {name}, as it was at {}: by the \
                 server's own log, {transactions} transactions of {changes} changes, which a server that \
                 is started for it plays once more{since}; rows are held against the journal",
                second(*until_ms, zone)
            )
        }
        Act::RestoreDatabase { at, name, by_wal: Some(by_wal), .. } => {
            let ByWal { until_ms, from_ms, segments, .. } = by_wal;
            format!(
                "restore the database as {name}, as it was at {}: by {segments} segments of PostgreSQL's \
                 write-ahead log, which a cluster of its own replays from the base backup of {} at {at}; \
                 then every row is held against what it has",
                second(*until_ms, zone),
                second(*from_ms, zone)
            )
        }
        Act::RestoreDatabase { at, snapshot, tables, name, .. } => {
            let short = snapshot.get(..8).unwrap_or(snapshot);
            let what = if tables.is_empty() {
                "the database".to_owned()
            } else {
                format!("{} of the database", tables.join(", "))
            };
            format!(
                "restore {what} of the backup {short} at {at} as {name}, and hold every row against it"
            )
        }
        Act::DropRestored { name, .. } => format!("remove {name} again"),
        Act::RestoreRows { shop, tables, exact, .. } => {
            let others = if *exact { "deleted" } else { "kept" };
            format!(
                "put the rows of {} back into the database of {shop}, in one transaction; rows that are \
                 only there are {others}",
                tables.join(", ")
            )
        }
        Act::ReturnRows { tables, .. } => format!(
            "put the rows of {} back as they were before, but for those changed since",
            tables.join(", ")
        ),
        Act::RemoveAside { name, run, bytes, .. } => {
            let bytes = bytes.map(|bytes| format!(", {bytes} bytes")).unwrap_or_default();
            let undo = match run {
                Some(run) => format!(
                    ": it was put aside by run {run}, which cannot be taken back any more from then on"
                ),
                None => ", which no run that is remembered has put aside".to_owned(),
            };
            format!("remove {name} for good{bytes}{undo}")
        }
        Act::SwapDatabase { shop, with, aside, kind } => {
            let noticed = match kind.as_str() {
                "postgres" => "; its sessions end, and the shop opens others",
                "mysql" => "; who asks meanwhile waits a moment",
                _ => "; no instance may have it open",
            };
            format!("put {with} in the place of the database of {shop}, then {aside}{noticed}")
        }
        Act::CarryOrders { from, to, newer_states, .. } => {
            let states = match newer_states {
                true => "; those that both have become as they are there",
                false => "; those that both have stay as they are",
            };
            format!("carry the orders that only {from} has over to {to}{states}")
        }
        Act::KeepErased { name, then_ms, .. } => format!(
            "empty in {name} what tells of people who had their data erased after {}",
            second(*then_ms, zone)
        ),
        Act::DrillBackup { at, snapshot, scratch, sheet, .. } => {
            let short = snapshot.get(..8).unwrap_or(snapshot);
            let by = if sheet.is_some() { ", by the phrase of a recovery sheet alone" } else { "" };
            format!(
                "try the backup {short} at {at} by restoring it in {scratch}, database and all{by}"
            )
        }
        other => other.code().to_owned(),
    }
}

/// What a plan or a run is for, as a title.
#[must_use]
pub fn title(kind: &PlanKind, shop: Option<&ShopId>, params: &Params) -> String {
    let says = |name| text_of(params, name);
    let of = shop.map(|shop| format!(" of {shop}")).unwrap_or_default();
    match kind.as_str() {
        "restart_instance" => format!("Restart {}{of}", says("instance")),
        "rolling_restart" => format!("Restart all instances{of}, one after the other"),
        "rolling_redeploy" => {
            format!("Deploy {} to all instances{of}, one after the other", says("release"))
        }
        "apply_configuration" => "Put the changed configuration in force".to_owned(),
        "front" => format!("Put Storewarden in front{of}"),
        "renew_certificate" => format!("Renew the certificate for {}", says("hosts")),
        "clean_up" => "Remove old records of our own".to_owned(),
        "back_up" => shop.map_or_else(|| "Back up".to_owned(), |shop| format!("Back up {shop}")),
        "verify_backup" => format!("Read the backups{of} again"),
        "drill_backup" => format!("Try the newest backup{of} by restoring it"),
        "restore_database" => format!("Restore the database{of} as {}", says("name")),
        "mend_database" => format!("Mend the database{of}: {}", says("finding")),
        "add_replica" => format!("Add a replica of the database{of}"),
        "promote_replica" => format!("Put the replica in the place of the database{of}"),
        "remove_replica" => format!("Remove the replica of the database{of}"),
        "remove_aside" => format!("Remove {}{of}, which was put aside", says("name")),
        "restore_rows" => format!("Put the rows of {}{of} back", says("tables")),
        "restore_backup" => format!("Restore {}{of} from a backup", says("path")),
        "restore_order" => {
            let order = says("order");
            format!("Bring order {}{of} back", order.strip_prefix("order:").unwrap_or(&order))
        }
        other => {
            let mut words = other.replace('_', " ");
            words[..1].make_ascii_uppercase();
            format!("{words}{of}")
        }
    }
}

/// What must hold, as a sentence without its full stop.
#[must_use]
pub fn condition(condition: &Condition) -> String {
    let says = |name| text_of(&condition.params, name);
    let has = |name| condition.params.contains_key(name);
    match condition.code.as_str() {
        "another_instance_healthy" if has("instance") => {
            format!("another instance than {} serves", says("instance"))
        }
        "instance_known" => format!("{} is in the configuration", says("instance")),
        "instance_managed" => {
            format!("the configuration says how {} is started", says("instance"))
        }
        "release_present" => format!("release {} is there", says("release")),
        "file_as_before" => "nobody else has changed the configuration meanwhile".to_owned(),
        "configuration_valid" if has("error") => {
            format!("the new text is a valid configuration: {}", says("error"))
        }
        "configuration_valid" => "the new text is a valid configuration".to_owned(),
        "web_server_runs" => format!("the web server of {} runs", says("file")),
        "web_server_files_as_before" => {
            format!("nobody else has changed {} meanwhile", says("files"))
        }
        "web_server_files_writable" => {
            format!("{} may be written by the user that Storewarden runs as", says("files"))
        }
        "web_server_configuration_valid" if has("error") => {
            format!("the web server finds its configuration valid: {}", says("error"))
        }
        "web_server_configuration_valid" => {
            "the web server finds its configuration valid".to_owned()
        }
        "port_free" => format!("nobody listens on {}", says("address")),
        "ports_passed_on" => format!(
            "{} can be taken over without a gap; else visitors who come in the milliseconds between \
             are refused",
            says("listen")
        ),
        "pages_answer" => format!("{} answers: {}", says("host"), says("paths")),
        "repository_opens" if has("error") => {
            format!("the repository at {} can be opened: {}", says("place"), says("error"))
        }
        "repository_opens" => {
            format!(
                "the repository at {} can be opened: {} backups",
                says("place"),
                says("snapshots")
            )
        }
        "repository_new" => format!("there is none at {} yet: it is made", says("place")),
        "sources_there" if has("missing") => {
            format!("what is to be backed up is there, but not {}", says("missing"))
        }
        "sources_there" => format!("what is to be backed up is there: {}", says("paths")),
        "snapshot_there" if has("error") => {
            format!("the backup {} is there: {}", says("snapshot"), says("error"))
        }
        "snapshot_there" => {
            format!("the backup {} is there: {} bytes", says("snapshot"), says("bytes"))
        }
        "target_has_room" => format!(
            "{} has room: {} bytes free, {} wanted at most",
            says("target"),
            says("free_bytes"),
            says("bytes")
        ),
        "restore_account_may" if has("lacking") => format!(
            "the account {} may make databases, but it lacks {}: name one that may in `restore_as` of \
             the shop's backup",
            says("account"),
            says("lacking")
        ),
        "restore_account_may" if has("error") => {
            format!("the account that restores may make databases: {}", says("error"))
        }
        "restore_account_may" => format!("the account {} may make databases", says("account")),
        "order_as_shown" if has("error") => {
            format!("the order is as it was shown: {}", says("error"))
        }
        "order_as_shown" => {
            "the order is as it was shown, and nobody else has its number".to_owned()
        }
        "order_needs_row" => format!(
            "the row {} of {} is gone as well, and comes back with it",
            says("key"),
            says("table")
        ),
        "order_lookups_as_they_were" => format!(
            "rows of {} come back as they were with the order; the shop makes them anew itself",
            says("tables")
        ),
        "order_buyer_gone" => format!(
            "the buyer's row in {} is gone since: look whether they had it erased",
            says("table")
        ),
        "order_buyer_other" => format!(
            "the buyer has another address in {} since, or none: look whether they had it erased",
            says("table")
        ),
        "order_platform_untried" => format!(
            "no order of a {} that runs was ever brought back by this: its tables were built for tests",
            says("platform")
        ),
        "order_stays_erased" => format!(
            "the buyer had their data erased: what tells of them in {} does not come back",
            says("tables")
        ),
        "objects_counted" => format!(
            "{} objects to put, {} bytes; {} are there already, {} are others by now, and {} are \
             compared in the run",
            says("added"),
            says("bytes"),
            says("same"),
            says("changed"),
            says("unsure")
        ),
        "objects_not_counted" => {
            format!(
                "the objects of {} are counted in the run: it takes too long to do so before",
                says("target")
            )
        }
        "objects_stay" => format!(
            "what is another in {} by now stays as it is: --overwrite writes over it",
            says("target")
        ),
        "bucket_opens" if has("error") => {
            format!("{} can be listed: {}", says("target"), says("error"))
        }
        "bucket_opens" => format!("{} can be listed", says("target")),
        "bucket_keeps_versions" => {
            format!("{} keeps versions: what is written over can come back", says("target"))
        }
        "bucket_keeps_no_versions" => format!(
            "{} keeps no versions: what is written over is gone, and this cannot be taken back",
            says("target")
        ),
        "bucket_versions_unknown" => format!(
            "whether {} keeps versions cannot be seen (s3:GetBucketVersioning): what is written over may \
             be gone, and this cannot be taken back",
            says("target")
        ),
        "rows_may_come_back" if has("error") => {
            format!("the rows can be put back: {}", says("error"))
        }
        "rows_may_come_back" => format!("the rows of {} can be put back", says("tables")),
        "database_account_may" => {
            format!("the account {} may do that to {}", says("account"), says("table"))
        }
        "index_takes" => {
            let bytes =
                if has("bytes") { says("bytes") } else { "an unknown number of".to_owned() };
            let took =
                if has("within_s") { says("within_s") } else { "an unknown number of".to_owned() };
            format!("it takes about {bytes} bytes and {took} s, by a guess")
        }
        "index_waits_for" => format!(
            "a transaction has been open for {} s: the index is not ready before it ends",
            says("open_s")
        ),
        "dead_rows_counted" => {
            format!(
                "{} has {} dead rows beside {} living ones",
                says("table"),
                says("dead"),
                says("live")
            )
        }
        "setting_after_restart" => {
            format!(
                "the server goes by {} from its next start on: Storewarden does not restart it",
                says("setting")
            )
        }
        "setting_until_restart" => format!(
            "the server forgets it at its next start, unless `{} = {}` stands in its configuration",
            says("setting"),
            says("value")
        ),
        "replica_possible" if has("mend") => format!("a replica can follow: {}", says("mend")),
        "replica_possible" => "a replica can follow".to_owned(),
        "replica_takes" => format!(
            "it takes {} bytes, and about {} s to be copied, by a guess",
            says("bytes"),
            says("within_s")
        ),
        "visitors_wait" => format!(
            "up to {} visitors wait meanwhile, {} s each at most",
            says("max_requests"),
            says("within_s")
        ),
        "replica_may_be_promoted" => format!("the replica can take the place ({})", says("state")),
        "primary_is_dead" => {
            "the database does not answer: what its replica has not received is lost".to_owned()
        }
        "fence_is_of_the_server" => {
            "nobody writes on that server's other databases either".to_owned()
        }
        "stream_begins_anew" => {
            "changes are followed anew afterwards, with a gap until the next backup with a dump"
                .to_owned()
        }
        "replica_has_room" if has("free_bytes") => {
            format!("there is room in {}: {} bytes are free", says("folder"), says("free_bytes"))
        }
        "replica_has_room" => format!("there is room in {}", says("folder")),
        "replica_has_others" => {
            format!("it has the server's other databases as well: {}", says("databases"))
        }
        "database_answers" => format!("the database answers: {}", says("error")),
        "rows_counted" => format!(
            "{}: {} rows to add, {} to change, {} that are only in the live table",
            says("table"),
            says("added"),
            says("changed"),
            says("only_live")
        ),
        "rows_not_counted" => format!(
            "the rows of {} are counted in the run: it takes too long to do so before",
            says("tables")
        ),
        "newer_orders_counted" => format!(
            "{} orders are newer than the backup, and would be carried over",
            says("orders")
        ),
        "newer_orders_not_counted" => {
            "how many orders are newer than the backup shows the run: their keys are no numbers"
                .to_owned()
        }
        "erased_people_stay" => format!(
            "{} people had their data erased since: nothing will tell of them in it",
            says("people")
        ),
        "erased_people_return" => format!(
            "{} people had their data erased since, and come back: nobody knows which columns of {} tell of \
             them. Have the shop erase them again",
            says("people"),
            says("platform")
        ),
        "newer_orders_readable" => format!("the shop's orders can be read: {}", says("error")),
        "aside_is_there" if has("bytes") => {
            format!("{} is put aside: {} bytes", says("name"), says("bytes"))
        }
        "aside_is_there" if has("error") => {
            format!("what was put aside can be seen: {}", says("error"))
        }
        "aside_is_there" => format!("{} is put aside", says("name")),
        "aside_run_is_over" => format!("run {} that put it aside is over", says("run")),
        "name_is_free" => format!("there is nothing called {} yet", says("name")),
        "old_data_counted" if has("bytes") => {
            format!("it is known how much that is: {}, {} bytes", says("count"), says("bytes"))
        }
        "old_data_counted" if has("count") => {
            format!("it is known how much that is: {}", says("count"))
        }
        "old_data_counted" => format!("it is known how much that is: {}", says("error")),
        "conditions_can_be_read" => "what must hold can be read".to_owned(),
        code => format!("{}{}", code.replace('_', " "), params(&condition.params)),
    }
}

/// Why a step cannot be taken back, from its code.
fn impossible(reason: &str) -> String {
    match reason {
        "data_is_gone" => "what is removed is gone".to_owned(),
        "two_would_write" => {
            "what is written on it is not on the old one, which stays fenced".to_owned()
        }
        "objects_written_over" => {
            "what is written over is not kept in the bucket, as far as can be seen".to_owned()
        }
        "files_were_there" => "what lies there under the same names is replaced".to_owned(),
        "process_is_gone" => "the process that ran before is gone".to_owned(),
        other => other.replace('_', " "),
    }
}

/// A preview as text, lines of at most about a hundred characters. Times are told in `zone`.
#[must_use]
pub fn preview_text(preview: &Preview, zone: &TimeZone) -> String {
    let plan = &preview.plan;
    let mut text = title(&plan.kind, plan.shop.as_ref(), &plan.params);
    let (steps, longest) = (counted(plan.steps.len(), "step"), duration(preview.longest_ms));
    put(&mut text, format_args!(": {steps}, {longest} at most\n"));
    for (index, step) in preview.steps.iter().enumerate() {
        put_step(&mut text, index + 1, step, zone);
    }
    if !preview.impossible_to_undo.is_empty() {
        let steps: Vec<String> =
            preview.impossible_to_undo.iter().map(|step| (step + 1).to_string()).collect();
        let steps = steps.join(", ");
        put(&mut text, format_args!("Cannot be undone once done: step {steps}.\n"));
    }
    for waits in &preview.waits_for {
        put(&mut text, format_args!("Waits for {}.\n", waits_for(waits, zone)));
    }
    for waits in &preview.hurries_past {
        put(&mut text, format_args!("Begins at once, without {}.\n", waits_for(waits, zone)));
    }
    if plan.takes_itself_back() {
        text.push_str("Once it is done there is nothing to take back.\n");
    }
    if !preview.stale.is_empty() {
        let facts = preview.stale.join(", ");
        put(
            &mut text,
            format_args!("Refused: {facts} changed since it was made; make it again.\n"),
        );
    }
    text
}

fn put_step(text: &mut String, number: usize, step: &StepPreview, zone: &TimeZone) {
    put(text, format_args!("{number:>3}. {}\n", sentence(&step.act, zone)));
    for condition in &step.conditions {
        put(text, format_args!("     {}\n", condition_line(condition)));
    }
    match &step.undo {
        Undo::By(act) => {
            put(text, format_args!("     undone by: {}\n", sentence(act, zone)));
        }
        Undo::NothingToUndo => {}
        Undo::Impossible { reason } => {
            put(text, format_args!("     cannot be undone: {}\n", impossible(reason)));
        }
        Undo::NoReturn { reason } => {
            let reason = impossible(reason);
            put(text, format_args!("     cannot be undone, nor what was done before: {reason}\n"));
        }
    }
}

fn condition_line(of: &Condition) -> String {
    let sentence = condition(of);
    match of.holds {
        Holds::Yes => format!("holds: {sentence}"),
        Holds::No => format!("DOES NOT HOLD: {sentence}"),
        Holds::Unknown => format!("UNKNOWN: {sentence}"),
    }
}

fn waits_for(waits: &WaitsFor, zone: &TimeZone) -> String {
    match waits {
        WaitsFor::Approval => "somebody's approval".to_owned(),
        WaitsFor::Window { window, opens_at_ms } => {
            format!("window {window}, which it next fits into at {}", instant(*opens_at_ms, zone))
        }
        WaitsFor::Freeze { freeze, reason, until_ms } => {
            format!("the end of freeze {freeze} ({reason}) at {}", instant(*until_ms, zone))
        }
        WaitsFor::Never { window } => {
            format!("window {window}, which does not open long enough as things stand")
        }
        WaitsFor::Run { run } => format!("run {run}, which holds what it needs"),
        WaitsFor::Place => "a place: as many runs act as may".to_owned(),
    }
}

fn params(params: &Params) -> String {
    if params.is_empty() {
        return String::new();
    }
    let pairs: Vec<String> =
        params.iter().map(|(name, of)| format!("{name} {}", value_text(of))).collect();
    format!(" ({})", pairs.join(", "))
}

fn text_of(params: &Params, name: &str) -> String {
    params.get(name).map_or_else(|| "?".to_owned(), value_text)
}

fn value_text(value: &Value) -> String {
    match value {
        Value::Integer(number) => number.to_string(),
        Value::Number(number) => number.to_string(),
        Value::Text(text) => text.clone(),
    }
}

fn counted(number: usize, of: &str) -> String {
    if number == 1 { format!("1 {of}") } else { format!("{number} {of}s") }
}

/// `90 s`, `2 min 30 s`, `3 h`: the two greatest units that are not 0.
pub(crate) fn duration(milliseconds: u64) -> String {
    if milliseconds < 1000 {
        return format!("{milliseconds} ms");
    }
    let seconds = milliseconds.div_ceil(1000);
    let parts = [(seconds / 3600, "h"), (seconds / 60 % 60, "min"), (seconds % 60, "s")];
    let told: Vec<String> = parts
        .into_iter()
        .skip_while(|(number, _)| *number == 0)
        .take(2)
        .filter(|(number, _)| *number > 0)
        .map(|(number, unit)| format!("{number} {unit}"))
        .collect();
    told.join(" ")
}

fn instant(at_ms: i64, zone: &TimeZone) -> String {
    told(at_ms, zone, "%Y-%m-%d %H:%M %Z")
}

/// Where a minute is too long.
fn second(at_ms: i64, zone: &TimeZone) -> String {
    told(at_ms, zone, "%Y-%m-%d %H:%M:%S %Z")
}

fn told(at_ms: i64, zone: &TimeZone, form: &str) -> String {
    let instant = Timestamp::from_millisecond(at_ms).unwrap_or(Timestamp::MAX);
    Zoned::new(instant, zone.clone()).strftime(form).to_string()
}

/// Enough of a digest to tell two texts apart.
fn digest(sha256: &str) -> &str {
    sha256.get(..12).unwrap_or(sha256)
}

fn put(text: &mut String, what: std::fmt::Arguments<'_>) {
    text.write_fmt(what).expect("invariant: a text takes whatever is written");
}

#[cfg(test)]
mod tests;
