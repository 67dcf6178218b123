//! The step that keeps people erased in a database that comes back from before, and what is known of it
//! before.

use super::{BackedUp, Backups, databases::account, performer::not_ours, refused};
use crate::backup_worker::{Database, Forgetting, ForgottenPeople, Trouble, Work};
use api::Refusal;
use kernel::{
    Params, ShopId,
    plan::{Act, Condition, Holds, Step, Undo},
};

/// Every row of some tables is read.
const FORGET_MS: u64 = 6 * 60 * 60 * 1000;

/// Behind the step that restores, where somebody was erased since; that one is to restore all tables then,
/// since whose an order is may be told by another table than its own.
pub(super) fn step(
    (shop, platform): (&ShopId, &str),
    restore: &mut Step,
    erased_ms: &[i64],
    then_ms: i64,
) -> Option<Step> {
    if !erased_ms.iter().any(|at_ms| *at_ms > then_ms) {
        return None;
    }
    let Act::RestoreDatabase { name, tables, .. } = &mut restore.act else {
        unreachable!("asked for a step that restores a database alone")
    };
    if is_known(platform) {
        tables.clear();
    }
    let act = Act::KeepErased { shop: shop.clone(), name: name.clone(), then_ms };
    // It goes with the restored database.
    Some(Step { act, undo: Undo::NothingToUndo, timeout_ms: FORGET_MS })
}

/// Whether the platform's file says what tells of a person.
pub(super) fn is_known(platform: &str) -> bool {
    shops::platform(platform)
        .is_some_and(|known| known.graphs.iter().any(|graph| !graph.personal.is_empty()))
}

/// What a run says of it.
pub(super) fn evidence(forgotten: &ForgottenPeople) -> Params {
    let ForgottenPeople { people, orders, rows, left } = forgotten;
    let counts = [("people", people), ("orders", orders), ("rows", rows), ("left", left)];
    counts.into_iter().map(|(name, count)| (name.to_owned(), (*count).into())).collect()
}

impl Backups {
    /// When people of a shop had their data erased.
    ///
    /// # Errors
    /// When our own records cannot be read.
    pub(in crate::control) async fn erased_ms(&self, shop: &ShopId) -> Result<Vec<i64>, Refusal> {
        let erasures = self.erasures(shop).await.map_err(|trouble| refused(*trouble))?;
        Ok(erasures.people.into_iter().map(|(_, at_ms)| at_ms).collect())
    }

    /// What a worker is told for it.
    pub(super) async fn forget_work(&self, of: &BackedUp, act: &Act) -> Result<Work, Box<Trouble>> {
        let Act::KeepErased { name, then_ms, .. } = act else { return Err(not_ours(act)) };
        let account = account(&of.shop, &of.settings).map_err(|refusal| {
            Box::new(Trouble::new("no_database", [], refusal.message.clone()))
        })?;
        Ok(Work::KeepErased(Forgetting {
            live: Database::new(account),
            platform: of.shop.platform.clone(),
            name: name.clone(),
            then_ms: *then_ms,
            erasures: self.erasures(&of.shop.id).await?,
        }))
    }

    /// How many people that is about, and whether it can be done.
    pub(super) async fn may_forget(&self, of: &BackedUp, act: &Act) -> Vec<Condition> {
        let Act::KeepErased { then_ms, .. } = act else { return Vec::new() };
        let (code, said, holds) = match self.erased_ms(&of.shop.id).await {
            Ok(all) => {
                let people = all.iter().filter(|at_ms| **at_ms > *then_ms).count() as u64;
                let people = ("people".to_owned(), people.into());
                let platform = ("platform".to_owned(), of.shop.platform.as_str().into());
                let code = if is_known(&of.shop.platform) {
                    "erased_people_stay"
                } else {
                    "erased_people_return"
                };
                (code, Params::from([people, platform]), Holds::Yes)
            }
            Err(refusal) => {
                let error = ("error".to_owned(), refusal.message.as_str().into());
                ("conditions_can_be_read", Params::from([error]), Holds::Unknown)
            }
        };
        vec![Condition { code: code.to_owned(), params: said, holds }]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_was_erased_since_stays_so_and_all_tables_come_for_that() {
        let lamps: ShopId = "lamps".parse().unwrap();
        let step_of = |platform: &str, erased_ms: &[i64]| {
            let act = Act::RestoreDatabase {
                shop: lamps.clone(),
                at: "/srv/backups".to_owned(),
                snapshot: "s".to_owned(),
                database: "shop".to_owned(),
                tables: vec!["orders".to_owned()],
                name: "shop_then".to_owned(),
                mark: "m".to_owned(),
                by_log: None,
                by_wal: None,
            };
            let mut restore = Step { act, undo: Undo::NothingToUndo, timeout_ms: 1 };
            let step = step((&lamps, platform), &mut restore, erased_ms, 100);
            let Act::RestoreDatabase { tables, .. } = restore.act else { panic!("another act") };
            (step.map(|step| step.act), tables.len())
        };
        let keep = || {
            let (shop, name) = (lamps.clone(), "shop_then".to_owned());
            Some(Act::KeepErased { shop, name, then_ms: 100 })
        };
        assert_eq!(step_of("sample", &[]), (None, 1));
        assert_eq!(step_of("sample", &[99, 100]), (None, 1));
        assert_eq!(step_of("sample", &[99, 101]), (keep(), 0));
        // What tells of a person nobody knows there: that is said, and all else is as without it.
        assert_eq!(step_of("generic", &[101]), (keep(), 1));
    }
}
