//! What the message of an act is told: its parameters, without long texts and without personal data in the
//! clear.

use super::{Act, ByLog, ByWal, FileChange, TableIndex};
use crate::{Params, Personal};

impl Act {
    /// The parameters of its message; long texts are left out.
    #[must_use]
    pub fn params(&self) -> Params {
        let mut params = Params::new();
        let mut put = |name: &str, value: crate::Value| {
            params.insert(name.to_owned(), value);
        };
        if let Some((shop, instance)) = self.instance() {
            put("shop", shop.as_str().into());
            put("instance", instance.as_str().into());
        }
        match self {
            Self::AwaitHealthy { within_ms, .. } => put("within_ms", (*within_ms).into()),
            Self::Deploy { release, before, .. } => {
                put("release", release.as_str().into());
                if let Some(before) = before {
                    put("before", before.as_str().into());
                }
            }
            Self::ApplyConfiguration { text_sha256, before_sha256, .. } => {
                put("text_sha256", text_sha256.as_str().into());
                put("before_sha256", before_sha256.as_str().into());
            }
            Self::OrderCertificate { shop, hosts } => {
                put("shop", shop.as_str().into());
                put("hosts", hosts.join(", ").into());
            }
            Self::ServeCertificate { shop, before: serial }
            | Self::RestoreCertificate { shop, serial } => {
                put("shop", shop.as_str().into());
                if let Some(serial) = serial {
                    put("serial", serial.as_str().into());
                }
            }
            Self::ConfigureWebServer { shop, files, listen, .. } => {
                put("shop", shop.as_str().into());
                put("files", paths_of(files).into());
                put("listen", listen.join(", ").into());
            }
            Self::TakePorts { shop, listen, files, .. }
            | Self::ReturnPorts { shop, listen, files, .. } => {
                let seamless = match self {
                    Self::TakePorts { seamless, .. } => *seamless,
                    Self::ReturnPorts { shared, .. } => !shared.is_empty(),
                    _ => false,
                };
                put("how", if seamless { "seamless" } else { "gap" }.into());
                put("shop", shop.as_str().into());
                put("files", paths_of(files).into());
                put("listen", listen.join(", ").into());
            }
            Self::YieldPorts { shop, listen } | Self::UnyieldPorts { shop, listen } => {
                put("shop", shop.as_str().into());
                put("listen", listen.join(", ").into());
            }
            Self::RecordPages { shop, pages } | Self::ComparePages { shop, pages } => {
                put("shop", shop.as_str().into());
                put("host", pages.host.as_str().into());
                put("paths", pages.paths.join(", ").into());
            }
            Self::RemoveOldData { what, older_than_ms } => {
                put("what", what.code().into());
                put("older_than_ms", (*older_than_ms).into());
            }
            Self::MakeIndex { shop, index, .. } => {
                put("shop", shop.as_str().into());
                index.params(&index.make, &mut put);
            }
            Self::DropIndex { shop, index } => {
                put("shop", shop.as_str().into());
                index.params(&index.drop, &mut put);
            }
            Self::TidyTable { shop, table, statement } => {
                put("shop", shop.as_str().into());
                put("table", table.as_str().into());
                put("statement", statement.as_str().into());
            }
            Self::ChangeSetting { shop, setting } => {
                put("shop", shop.as_str().into());
                put("setting", setting.name.as_str().into());
                put("from", setting.from.as_str().into());
                put("to", setting.to.as_str().into());
                put("statement", setting.set.as_str().into());
            }
            Self::MakeReplica { shop, folder, listen }
            | Self::RemoveReplica { shop, folder, listen }
            | Self::FencePrimary { shop, folder, listen, .. }
            | Self::LiftFence { shop, folder, listen }
            | Self::PromoteReplica { shop, folder, listen } => {
                put("shop", shop.as_str().into());
                put("folder", folder.as_str().into());
                put("listen", listen.to_string().into());
                if let Self::FencePrimary { is_dead: true, .. } = self {
                    put("is_dead", "yes".into());
                }
            }
            Self::PointShop { shop, address } => {
                put("shop", shop.as_str().into());
                put("address", address.as_str().into());
            }
            _ => params.extend(self.params_of_backups()),
        }
        params
    }

    fn params_of_backups(&self) -> Params {
        let text = |name: &str, value: &str| (name.to_owned(), value.into());
        match self {
            Self::BackUp { shop, to, .. } => {
                Params::from([text("shop", shop.as_str()), text("to", to)])
            }
            Self::CopySnapshot { shop, from, to, .. } => {
                Params::from([text("shop", shop.as_str()), text("from", from), text("to", to)])
            }
            Self::ForgetSnapshots { shop, at, .. } => {
                Params::from([text("shop", shop.as_str()), text("at", at)])
            }
            Self::CheckRepository { shop, at, part, of } => {
                let number = |name: &str, value: u8| (name.to_owned(), u64::from(value).into());
                let place = [text("shop", shop.as_str()), text("at", at)];
                place.into_iter().chain([number("part", *part), number("of", *of)]).collect()
            }
            Self::RestoreFiles { shop, at, snapshot, path, target } => {
                let place = [text("shop", shop.as_str()), text("at", at), text("path", path)];
                let more = [text("snapshot", snapshot), text("target", target)];
                place.into_iter().chain(more).collect()
            }
            Self::RestoreObjects { shop, at, snapshot, path, target, overwrite, .. } => {
                let others = if *overwrite { "overwritten" } else { "kept" };
                let place = [text("shop", shop.as_str()), text("at", at), text("path", path)];
                let more = [text("snapshot", snapshot), text("target", target)];
                place.into_iter().chain(more).chain([text("others", others)]).collect()
            }
            Self::TakeObjectsBack { shop, at, snapshot, path, target, .. } => {
                let place = [text("shop", shop.as_str()), text("at", at), text("path", path)];
                let more = [text("snapshot", snapshot), text("target", target)];
                place.into_iter().chain(more).collect()
            }
            Self::RestoreDatabase { shop, at, snapshot, tables, name, by_log, by_wal, .. } => {
                let place = [text("shop", shop.as_str()), text("at", at), text("name", name)];
                let only = (!tables.is_empty()).then(|| text("tables", &tables.join(", ")));
                let more = by_log.iter().flat_map(by_the_log);
                let more = more.chain(by_wal.iter().flat_map(by_the_wal));
                place
                    .into_iter()
                    .chain([text("snapshot", snapshot)])
                    .chain(only)
                    .chain(more)
                    .collect()
            }
            Self::ReplayChanges {
                shop,
                name,
                until_ms,
                from_ms,
                transactions,
                changes,
                last_ms,
                ..
            } => {
                let names = [text("shop", shop.as_str()), text("name", name)];
                let number = |name: &str, value: u64| (name.to_owned(), value.into());
                let counts = [number("transactions", *transactions), number("changes", *changes)];
                let moment = |name: &str, at_ms: i64| (name.to_owned(), at_ms.into());
                let moments = [moment("until_ms", *until_ms), moment("from_ms", *from_ms)];
                let last = last_ms.map(|at_ms| moment("last_ms", at_ms));
                names.into_iter().chain(counts).chain(moments).chain(last).collect()
            }
            Self::DropRestored { shop, name, .. } => {
                Params::from([text("shop", shop.as_str()), text("name", name)])
            }
            Self::SwapDatabase { shop, with, aside, kind } => {
                let names = [text("with", with), text("aside", aside), text("kind", kind)];
                [text("shop", shop.as_str())].into_iter().chain(names).collect()
            }
            Self::RestoreRows { shop, at, snapshot, tables, exact, .. } => {
                let place = [text("shop", shop.as_str()), text("at", at)];
                let more = [text("snapshot", snapshot), text("tables", &tables.join(", "))];
                let others = text("others", if *exact { "deleted" } else { "kept" });
                place.into_iter().chain(more).chain([others]).collect()
            }
            Self::ReturnRows { shop, tables, .. } => {
                Params::from([text("shop", shop.as_str()), text("tables", &tables.join(", "))])
            }
            Self::RemoveAside { shop, name, what, run, since_ms, bytes } => {
                let names = [text("shop", shop.as_str()), text("name", name), text("what", what)];
                let run = run.map(|run| text("run", &run.to_string()));
                let bytes = bytes.map(|bytes| ("bytes".to_owned(), bytes.into()));
                let since = ("since_ms".to_owned(), (*since_ms).into());
                names.into_iter().chain(run).chain(bytes).chain([since]).collect()
            }
            Self::RestoreOrder {
                shop,
                at,
                snapshot,
                at_ms,
                from_journal,
                order,
                added,
                changed,
                ..
            } => {
                let place = [text("shop", shop.as_str()), text("at", at)];
                let more = [text("snapshot", snapshot), of_order(order)];
                let number = |name: &str, value: u64| (name.to_owned(), value.into());
                let counts = [number("added", *added), number("changed", *changed)];
                let taken = ("at_ms".to_owned(), (*at_ms).into());
                let from = text("from", if *from_journal { "journal" } else { "backup" });
                place.into_iter().chain(more).chain(counts).chain([taken, from]).collect()
            }
            Self::CarryOrders { shop, from, to, newer_states, .. } => {
                let states = text("states", if *newer_states { "newer" } else { "kept" });
                let names = [text("from", from), text("to", to), states];
                [text("shop", shop.as_str())].into_iter().chain(names).collect()
            }
            Self::KeepErased { shop, name, then_ms } => {
                let names = [text("shop", shop.as_str()), text("name", name)];
                names.into_iter().chain([("then_ms".to_owned(), (*then_ms).into())]).collect()
            }
            Self::TakeOrderBack { shop, order, .. } => {
                Params::from([text("shop", shop.as_str()), of_order(order)])
            }
            Self::DrillBackup { shop, at, snapshot, scratch, sheet } => {
                let place = [text("shop", shop.as_str()), text("at", at)];
                let more = [text("snapshot", snapshot), text("scratch", scratch)];
                let by = sheet.iter().map(|name| text("sheet", name));
                place.into_iter().chain(more).chain(by).collect()
            }
            _ => Params::new(),
        }
    }
}

impl TableIndex {
    fn params(&self, statement: &str, put: &mut impl FnMut(&str, crate::Value)) {
        put("table", self.table.as_str().into());
        put("index", self.name.as_str().into());
        if !self.columns.is_empty() {
            put("columns", self.columns.join(", ").into());
        }
        put("kind", self.kind.as_str().into());
        put("statement", statement.into());
    }
}

fn by_the_log(by_log: &ByLog) -> Params {
    let ByLog { until_ms, from_ms, transactions, changes, last_ms, what, redefined_ms } = by_log;
    let moments = [("until_ms", *until_ms), ("from_ms", *from_ms), ("redefined_ms", *redefined_ms)];
    let moments = moments.into_iter().chain(last_ms.map(|last_ms| ("last_ms", last_ms)));
    let counts = [("transactions", *transactions), ("changes", *changes)];
    let numbers = counts.map(|(name, number)| (name.to_owned(), number.into()));
    moments
        .map(|(name, at_ms)| (name.to_owned(), at_ms.into()))
        .chain(numbers)
        .chain([("what".to_owned(), what.as_str().into())])
        .collect()
}

fn by_the_wal(by_wal: &ByWal) -> Params {
    let ByWal { until_ms, from_ms, segments, wal_bytes, base_bytes } = by_wal;
    let moments = [("until_ms", *until_ms), ("from_ms", *from_ms)];
    let moments = moments.map(|(name, at_ms)| (name.to_owned(), at_ms.into()));
    let sizes = [("segments", *segments), ("wal_bytes", *wal_bytes), ("base_bytes", *base_bytes)];
    let sizes = sizes.map(|(name, number)| (name.to_owned(), number.into()));
    moments.into_iter().chain(sizes).collect()
}

/// As the ledger may be told of it.
fn of_order(order: &str) -> (String, crate::Value) {
    ("order".to_owned(), Personal::Order(order.to_owned()).into())
}

fn paths_of(files: &[FileChange]) -> String {
    files.iter().map(|file| file.path.as_str()).collect::<Vec<_>>().join(", ")
}
