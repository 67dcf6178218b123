//! Performs what mends a database. The server itself says what became of it: an index is there, or is
//! not, and a table was tidied once more than before.
//!
//! Every act may be done again, and a server that still works for somebody dead is waited for: no
//! fence is needed beside the index itself.

use super::{Databases, account};
use crate::backup_worker::story;
use ::databases::{
    DatabaseError,
    care::{self, Index, IndexState, Prospect, Setting, SettingState},
};
use kernel::{
    Params, ShopId, Value,
    config::DatabaseUrl,
    plan::{
        Act, Area, Condition, Failed, Fence, Holds, Intent, Pending, Performer, Probe, Progress,
        ServerSetting, TableIndex,
    },
};
use std::{sync::Arc, time::Duration};
use tokio::time::timeout;

/// How long looking may take before something begins.
const LOOK: Duration = Duration::from_secs(20);
/// What a machine of today reads and sorts of a table in a second, by a guess on the safe side.
const BYTES_A_SECOND: u64 = 20 << 20;
/// A transaction that has been open for so long is worth a word.
const OPEN_MS: u64 = 60_000;
/// How often a table was tidied before.
const TIMES: &str = "times";

impl Performer for Databases {
    fn areas(&self) -> &[Area] {
        &[Area::Databases]
    }

    fn conditions<'a>(&'a self, act: &'a Act, _after: &'a [Act]) -> Pending<'a, Vec<Condition>> {
        Box::pin(async move {
            match self.hold(act).await {
                Ok(conditions) => conditions,
                Err(failed) => {
                    let params = Params::from([("error".to_owned(), failed.message.into())]);
                    let code = "database_answers".to_owned();
                    vec![Condition { code, params, holds: Holds::Unknown }]
                }
            }
        })
    }

    fn before<'a>(&'a self, act: &'a Act) -> Pending<'a, Result<Params, Failed>> {
        Box::pin(async move {
            let Act::TidyTable { shop, table, .. } = act else { return Ok(Params::new()) };
            let found = looked(care::tidied(&self.account(shop)?, table)).await?;
            let times = found.ok_or_else(|| no_table(table))?.times;
            Ok(Params::from([(TIMES.to_owned(), times.into())]))
        })
    }

    fn perform<'a>(
        &'a self,
        act: &'a Act,
        _fence: Fence,
        progress: &'a dyn Progress,
    ) -> Pending<'a, Result<Params, Failed>> {
        Box::pin(async move {
            let told = |()| Params::new();
            match act {
                Act::FencePrimary { shop, folder, listen, is_dead } => {
                    let place = (shop, folder.as_str(), *listen);
                    return self.fence_primary(place, *is_dead, progress).await.map(told);
                }
                Act::LiftFence { shop, folder, listen } => {
                    return self.lift_fence((shop, folder, *listen)).await.map(told);
                }
                Act::PointShop { shop, address } => {
                    return self.point_shop(shop, address, progress).await.map(told);
                }
                Act::PromoteReplica { shop, folder, listen } => {
                    return self.promote((shop, folder, *listen), progress).await.map(told);
                }
                _ => {}
            }
            // What is copied is whole or made anew: it is not left in the middle.
            if let Act::MakeReplica { shop, folder, listen } = act {
                self.make_replica((shop, folder, *listen), progress).await?;
                return Ok(Params::new());
            }
            if let Act::RemoveReplica { shop, folder, listen } = act {
                self.remove_replica((shop, folder, *listen), progress).await?;
                return Ok(Params::new());
            }
            let stopped = || Failed::new("stopped halfway, as asked").because("asked_to_stop", []);
            tokio::select! {
                performed = self.do_it(act, progress) => performed.map(|()| Params::new()),
                () = progress.cancelled() => Err(stopped()),
            }
        })
    }

    fn verify<'a>(&'a self, act: &'a Act) -> Pending<'a, Result<Params, Failed>> {
        Box::pin(async move {
            let seen = self.see(act).await?;
            if let Act::MakeIndex { shop, .. }
            | Act::DropIndex { shop, .. }
            | Act::TidyTable { shop, .. }
            | Act::ChangeSetting { shop, .. }
            | Act::MakeReplica { shop, .. }
            | Act::RemoveReplica { shop, .. }
            | Act::PromoteReplica { shop, .. } = act
            {
                self.look_soon(shop);
            }
            Ok(seen)
        })
    }

    fn probe<'a>(&'a self, act: &'a Act, intent: &'a Intent) -> Pending<'a, Probe> {
        Box::pin(async move { self.became(act, intent).await.unwrap_or_else(Probe::from) })
    }

    fn fact<'a>(&'a self, name: &'a str) -> Pending<'a, Option<String>> {
        Box::pin(async move {
            if let Some(setting) = name.strip_prefix("setting:") {
                let (shop, name) = setting.split_once(':')?;
                return self.value(&shop.parse().ok()?, name).await;
            }
            let mut parts = name.strip_prefix("index:")?.splitn(3, ':');
            let shop: ShopId = parts.next()?.parse().ok()?;
            let (table, name) = (parts.next()?.to_owned(), parts.next()?.to_owned());
            let (make, drop) = (String::new(), String::new());
            let index = Index { table, name, make, drop };
            let url = self.account(&shop).ok()?;
            let state = looked(care::index_state(&url, &index)).await.ok()?;
            Some(code(state).to_owned())
        })
    }
}

impl Databases {
    fn account(&self, shop: &ShopId) -> Result<DatabaseUrl, Failed> {
        let configuration = Arc::clone(&self.configuration.borrow());
        let found = configuration.shops.iter().find(|one| one.id == *shop).and_then(account);
        found.cloned().ok_or_else(|| {
            let message = format!("the configuration names no database of {shop}");
            Failed::new(message).because("no_database", [])
        })
    }

    async fn hold(&self, act: &Act) -> Result<Vec<Condition>, Failed> {
        let holds = |may| if may { Holds::Yes } else { Holds::No };
        match act {
            Act::MakeIndex { shop, index, .. } => {
                let found = self.prospect(shop, index).await?;
                Ok([may(&found, index), Some(takes(&found)), waits_for(&found)]
                    .into_iter()
                    .flatten()
                    .collect())
            }
            Act::DropIndex { shop, index } => {
                let found = self.prospect(shop, index).await?;
                Ok(may(&found, index).into_iter().collect())
            }
            Act::TidyTable { shop, table, .. } => {
                let found = looked(care::tidied(&self.account(shop)?, table)).await?;
                let found = found.ok_or_else(|| no_table(table))?;
                let counted = [
                    ("table", table.as_str().into()),
                    ("dead", found.dead.into()),
                    ("live", found.live.into()),
                ];
                let account = [("account", "".into()), ("table", table.as_str().into())];
                Ok(vec![
                    condition("database_account_may", account, holds(found.may)),
                    condition("dead_rows_counted", counted, Holds::Yes),
                ])
            }
            Act::ChangeSetting { shop, setting } => {
                let url = self.account(shop)?;
                let seen = looked(care::setting_seen(&url, &of_setting(setting))).await?;
                let name = || ("setting", setting.name.as_str().into());
                let account = ("account", seen.account.as_str().into());
                let may = seen.may.map(|may| {
                    let said = [account, ("table", setting.name.as_str().into())];
                    condition("database_account_may", said, holds(may))
                });
                let later = setting
                    .restart
                    .then(|| condition("setting_after_restart", [name()], Holds::Yes));
                let forgotten = (!setting.lasts).then(|| {
                    let said = [name(), ("value", setting.to.as_str().into())];
                    condition("setting_until_restart", said, Holds::Yes)
                });
                Ok([may, later, forgotten].into_iter().flatten().collect())
            }
            Act::MakeReplica { shop, folder, listen } => {
                self.replica_conditions(shop, folder, *listen).await
            }
            Act::FencePrimary { shop, folder, listen, is_dead } => {
                self.promotion_conditions((shop, folder, *listen), *is_dead).await
            }
            Act::RemoveReplica { .. }
            | Act::LiftFence { .. }
            | Act::PointShop { .. }
            | Act::PromoteReplica { .. } => Ok(Vec::new()),
            other => Err(not_ours(other)),
        }
    }

    /// What the server goes by.
    async fn value(&self, shop: &ShopId, name: &str) -> Option<String> {
        let text = String::new;
        let (name, from, to, set, back) = (name.to_owned(), text(), text(), text(), text());
        let setting = Setting { name, from, to, set, back, restart: false, lasts: true };
        let url = self.account(shop).ok()?;
        Some(looked(care::setting_seen(&url, &setting)).await.ok()?.value)
    }

    async fn prospect(&self, shop: &ShopId, index: &TableIndex) -> Result<Prospect, Failed> {
        let url = self.account(shop)?;
        looked(care::prospect(&url, &of(index), &index.columns)).await
    }

    async fn do_it(&self, act: &Act, progress: &dyn Progress) -> Result<(), Failed> {
        match act {
            Act::MakeIndex { shop, index, .. } => {
                progress.line(&index.make);
                care::make_index(&self.account(shop)?, &of(index)).await.map_err(refused)
            }
            Act::DropIndex { shop, index } => {
                progress.line(&index.drop);
                care::drop_index(&self.account(shop)?, &of(index)).await.map_err(refused)
            }
            Act::TidyTable { shop, table, statement } => {
                progress.line(statement);
                care::tidy(&self.account(shop)?, table, statement).await.map_err(refused)
            }
            Act::ChangeSetting { shop, setting } => {
                progress.line(&setting.set);
                let url = self.account(shop)?;
                care::change_setting(&url, &of_setting(setting)).await.map_err(refused)
            }
            other => Err(not_ours(other)),
        }
    }

    async fn see(&self, act: &Act) -> Result<Params, Failed> {
        match act {
            Act::MakeIndex { shop, index, query } => {
                let url = self.account(shop)?;
                self.expect(&url, index, IndexState::Whole).await?;
                let goes_by = match query {
                    None => None,
                    Some(query) => Some(looked(care::goes_by(&url, query, &of(index))).await?),
                };
                let said = goes_by.map(|goes_by| match goes_by {
                    Some(true) => "yes",
                    Some(false) => "no",
                    None => "unknown",
                });
                Ok(said.map(|said| ("goes_by".to_owned(), said.into())).into_iter().collect())
            }
            Act::DropIndex { shop, index } => {
                self.expect(&self.account(shop)?, index, IndexState::Absent).await?;
                Ok(Params::new())
            }
            Act::TidyTable { shop, table, .. } => {
                let found = looked(care::tidied(&self.account(shop)?, table)).await?;
                let found = found.ok_or_else(|| no_table(table))?;
                Ok(Params::from([("dead".to_owned(), found.dead.into())]))
            }
            Act::ChangeSetting { shop, setting } => {
                let wanted = of_setting(setting);
                let seen = looked(care::setting_seen(&self.account(shop)?, &wanted)).await?;
                if seen.is_done(&wanted) {
                    return Ok(Params::new());
                }
                let said = [
                    ("setting", setting.name.as_str().into()),
                    ("value", seen.value.as_str().into()),
                ];
                let message = format!("the server goes by {} = {}", setting.name, seen.value);
                Err(Failed::for_now(message).because("setting_not_so", said))
            }
            Act::MakeReplica { shop, folder, listen } => {
                self.see_replica(shop, folder, *listen).await
            }
            Act::RemoveReplica { shop, folder, listen } => {
                self.see_no_replica(shop, folder, *listen).await
            }
            Act::FencePrimary { shop, folder, listen, is_dead } => {
                let seen = self.see_fence((shop, folder, *listen), *is_dead).await;
                seen.map(|()| Params::new())
            }
            Act::LiftFence { shop, folder, listen } => {
                self.see_lifted((shop, folder, *listen)).await.map(|()| Params::new())
            }
            // The command itself said whether it did.
            Act::PointShop { .. } => Ok(Params::new()),
            Act::PromoteReplica { shop, folder, listen } => {
                match self.is_promoted((shop, folder, *listen)).await? {
                    true => Ok(Params::new()),
                    false => Err(Failed::for_now("the replica takes no writes yet")
                        .because("not_promoted", [])),
                }
            }
            other => Err(not_ours(other)),
        }
    }

    async fn expect(
        &self,
        url: &DatabaseUrl,
        index: &TableIndex,
        expected: IndexState,
    ) -> Result<(), Failed> {
        let state = looked(care::index_state(url, &of(index))).await?;
        if state == expected {
            return Ok(());
        }
        let said = [("index", index.name.as_str().into()), ("state", code(state).into())];
        let message = format!("index {} of {} is {}", index.name, index.table, code(state));
        Err(Failed::for_now(message).because("index_not_so", said))
    }

    async fn became(&self, act: &Act, intent: &Intent) -> Result<Probe, Failed> {
        match act {
            Act::MakeIndex { shop, index, .. } => {
                Ok(match looked(care::index_state(&self.account(shop)?, &of(index))).await? {
                    IndexState::Whole => Probe::Done,
                    IndexState::Absent => Probe::NotDone,
                    IndexState::Broken | IndexState::Busy => Probe::Partial,
                })
            }
            Act::DropIndex { shop, index } => {
                Ok(match looked(care::index_state(&self.account(shop)?, &of(index))).await? {
                    IndexState::Absent => Probe::Done,
                    IndexState::Whole => Probe::NotDone,
                    IndexState::Broken | IndexState::Busy => Probe::Partial,
                })
            }
            // Doing it once more does no harm.
            Act::TidyTable { shop, table, .. } => {
                let found = looked(care::tidied(&self.account(shop)?, table)).await?;
                let times = found.ok_or_else(|| no_table(table))?.times;
                let before: Option<&Value> = intent.before.get(TIMES);
                Ok(if before == Some(&times.into()) { Probe::NotDone } else { Probe::Done })
            }
            Act::ChangeSetting { shop, setting } => {
                let wanted = of_setting(setting);
                let seen = looked(care::setting_seen(&self.account(shop)?, &wanted)).await?;
                Ok(match seen.state {
                    SettingState::Held => Probe::Done,
                    // Something is written down, which may be another value: doing it again does no harm.
                    SettingState::Waiting => Probe::Partial,
                    SettingState::Other => Probe::NotDone,
                })
            }
            Act::MakeReplica { shop, folder, listen } => {
                self.replica_became((shop, folder, *listen), true).await
            }
            Act::RemoveReplica { shop, folder, listen } => {
                self.replica_became((shop, folder, *listen), false).await
            }
            Act::FencePrimary { shop, folder, listen, is_dead } => {
                self.fence_became((shop, folder, *listen), *is_dead).await
            }
            Act::LiftFence { shop, folder, listen } => {
                Ok(match self.see_lifted((shop, folder, *listen)).await {
                    Ok(()) => Probe::Done,
                    Err(_) => Probe::NotDone,
                })
            }
            // It may be run twice.
            Act::PointShop { .. } => Ok(Probe::NotDone),
            Act::PromoteReplica { shop, folder, listen } => {
                let is_promoted = self.is_promoted((shop, folder, *listen)).await?;
                Ok(if is_promoted { Probe::Done } else { Probe::NotDone })
            }
            other => Err(not_ours(other)),
        }
    }
}

fn of(index: &TableIndex) -> Index {
    let TableIndex { table, name, make, drop, .. } = index.clone();
    Index { table, name, make, drop }
}

fn of_setting(setting: &ServerSetting) -> Setting {
    let ServerSetting { name, from, to, set, back, restart, lasts } = setting.clone();
    Setting { name, from, to, set, back, restart, lasts }
}

fn code(state: IndexState) -> &'static str {
    match state {
        IndexState::Absent => "absent",
        IndexState::Whole => "whole",
        IndexState::Broken => "broken",
        IndexState::Busy => "busy",
    }
}

fn condition(
    code: &str,
    params: impl IntoIterator<Item = (&'static str, Value)>,
    holds: Holds,
) -> Condition {
    let params = params.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    Condition { code: code.to_owned(), params, holds }
}

/// Nothing where a role may say so: the server has the last word.
fn may(found: &Prospect, index: &TableIndex) -> Option<Condition> {
    let holds = if found.may? { Holds::Yes } else { Holds::No };
    let said = [("account", found.account.as_str().into()), ("table", index.table.as_str().into())];
    Some(condition("database_account_may", said, holds))
}

fn takes(found: &Prospect) -> Condition {
    let bytes = found.index_bytes.map(|bytes| ("bytes", bytes.into()));
    let within = found.table_bytes.map(|bytes| ("within_s", (bytes / BYTES_A_SECOND + 1).into()));
    condition("index_takes", bytes.into_iter().chain(within), Holds::Yes)
}

fn waits_for(found: &Prospect) -> Option<Condition> {
    let open_ms = found.oldest_ms.filter(|open_ms| *open_ms >= OPEN_MS)?;
    Some(condition("index_waits_for", [("open_s", (open_ms / 1000).into())], Holds::Yes))
}

async fn looked<T>(look: impl Future<Output = Result<T, DatabaseError>>) -> Result<T, Failed> {
    match timeout(LOOK, look).await {
        Ok(seen) => seen.map_err(unanswered),
        Err(_) => Err(silent()),
    }
}

fn silent() -> Failed {
    let error = format!("it did not answer within {} s", LOOK.as_secs());
    Failed::for_now(format!("the database cannot be looked at: {error}"))
        .because("database_unanswered", [("error", error.into())])
}

#[expect(clippy::needless_pass_by_value, reason = "for `map_err`")]
pub(super) fn unanswered(error: DatabaseError) -> Failed {
    let error = story(&error);
    Failed::for_now(format!("the database cannot be looked at: {error}"))
        .because("database_unanswered", [("error", error.into())])
}

/// The server's word is final; a connection that was lost may come back.
fn refused(error: DatabaseError) -> Failed {
    let DatabaseError::Change { .. } = error else { return unanswered(error) };
    let error = story(&error);
    Failed::new(error.clone()).because("database_refused", [("error", error.into())])
}

fn no_table(table: &str) -> Failed {
    let message = format!("there is no table {table}");
    Failed::new(message).because("no_such_table", [("table", table.into())])
}

fn not_ours(act: &Act) -> Failed {
    Failed::new(format!("`{}` is none of the databases'", act.code()))
}
