//! The steps that let a shop that goes back in time keep the orders that it has taken since, and what is
//! known of them before.
//!
//! They are carried twice: most of them before the restored database takes the place of the shop's own,
//! and those of the last moments afterwards. So nobody's key is given away meanwhile, and whatever ends
//! us in between, doing it again does no harm.

use super::{BackedUp, Backups, databases::account, unexpected, worker};
use crate::{
    backup_worker::{CarriedOrders, CarryDeed, Carrying, Database, Done, Trouble, Work},
    control::changes::refuse,
};
use api::{Refusal, RestoreDatabase};
use databases::restore::name_of;
use kernel::{
    Params,
    config::{DatabaseUrl, ShopSettings},
    plan::{Act, Condition, Holds, Step, Undo},
};
use std::time::Duration;
use tokio::time::timeout;

/// Some thousand orders, each in a transaction of its own; all orders of a large shop are looked through.
const CARRY_MS: u64 = 6 * 60 * 60 * 1000;
/// How long looking may take before.
const LOOK: Duration = Duration::from_secs(20);
/// Keys that are left free for what the shop sells until the swap.
const KEYS_FREE: i64 = 100;

/// # Errors
/// When nobody can keep them: no database takes another's place, or the platform's orders are not known.
pub(super) fn may(shop: &ShopSettings, wanted: &RestoreDatabase) -> Result<(), Refusal> {
    let is_carried = wanted.keep_newer_orders || wanted.newer_states;
    let is_whole = wanted.in_place && wanted.tables.is_empty();
    if !is_carried || is_whole && wanted.keep_newer_orders {
        let knows =
            || shops::platform(&shop.platform).is_some_and(|known| !known.graphs.is_empty());
        if !is_carried || knows() {
            return Ok(());
        }
        let message = format!("what belongs to an order of {} is not known", shop.platform);
        let said = [("platform", shop.platform.as_str().into())];
        return Err(refuse(message).because("order_graph_unknown", said));
    }
    let message =
        "newer orders are kept only where a whole database takes the place of the shop's own";
    Err(refuse(message).because("keep_orders_without_place", []))
}

/// Around a swap.
pub(super) fn around(swap: Step, live: &DatabaseUrl, newer_states: bool) -> [Step; 3] {
    let Act::SwapDatabase { shop, with, aside, .. } = &swap.act else {
        unreachable!("made just before")
    };
    let carry = |from: &str, to: &str, newer_states, keys_free| {
        let (from, to) = (from.to_owned(), to.to_owned());
        let act = Act::CarryOrders { shop: shop.clone(), from, to, newer_states, keys_free };
        // They go with the database that they were carried into, when that leaves its place again.
        Step { act, undo: Undo::NothingToUndo, timeout_ms: CARRY_MS }
    };
    let own = name_of(live);
    let before = carry(&own, with, newer_states, KEYS_FREE);
    // By then the shop itself may have given an order another state: it is named, and stays.
    let after = carry(aside, &own, false, 0);
    [before, swap, after]
}

/// What a run says of the orders that it carried.
pub(super) fn evidence(carried: &CarriedOrders) -> Params {
    let CarriedOrders { orders, states, rows, others, refused } = carried;
    let counts = [
        ("orders", orders),
        ("states", states),
        ("rows", rows),
        ("others", others),
        ("refused", refused),
    ];
    counts.into_iter().map(|(name, count)| (name.to_owned(), (*count).into())).collect()
}

impl Backups {
    /// What a worker is told for it.
    pub(super) fn carry_work(of: &BackedUp, act: &Act) -> Result<Work, Box<Trouble>> {
        let Act::CarryOrders { from, to, newer_states, keys_free, .. } = act else {
            return Err(super::performer::not_ours(act));
        };
        let (from, to) = (from.clone(), to.clone());
        carrying(
            of,
            CarryDeed::Carry { from, to, newer_states: *newer_states, keys_free: *keys_free },
        )
    }

    /// How many orders that would be. In the run itself the step looks.
    pub(super) async fn may_carry(
        &self,
        of: &BackedUp,
        act: &Act,
        after: &[Act],
    ) -> Vec<Condition> {
        let Act::CarryOrders { keys_free, .. } = act else { return Vec::new() };
        let restored = after.iter().find_map(|act| match act {
            Act::RestoreDatabase { at, snapshot, database, .. } => Some((at, snapshot, database)),
            _ => None,
        });
        let Some((at, snapshot, database)) = restored.filter(|_| *keys_free > 0) else {
            return Vec::new();
        };
        let (snapshot, database) = (snapshot.clone(), database.clone());
        let looked = async {
            let work = carrying(of, CarryDeed::Count { snapshot, database })?;
            let job = self.job(of, at, work).await?;
            timeout(LOOK, self.work(job, &worker::unheard)).await.unwrap_or_else(|_| {
                let message = "the orders are not counted in time";
                let said = [("error", message.into())];
                Err(Box::new(Trouble::new("orders_not_carried", said, message).for_now()))
            })
        };
        let condition = |code: &str, params: Params, holds| {
            vec![Condition { code: code.to_owned(), params, holds }]
        };
        let trouble = match looked.await {
            Ok(Done::NewerOrders(Some(orders))) => {
                let params = Params::from([("orders".to_owned(), orders.into())]);
                return condition("newer_orders_counted", params, Holds::Yes);
            }
            Ok(Done::NewerOrders(None)) => {
                return condition("newer_orders_not_counted", Params::new(), Holds::Yes);
            }
            Ok(other) => unexpected(&other),
            Err(trouble) => trouble,
        };
        let params = Params::from([("error".to_owned(), trouble.message.as_str().into())]);
        let holds = if trouble.may_pass { Holds::Unknown } else { Holds::No };
        condition("newer_orders_readable", params, holds)
    }
}

fn carrying(of: &BackedUp, deed: CarryDeed) -> Result<Work, Box<Trouble>> {
    let account = account(&of.shop, &of.settings)
        .map_err(|refusal| Box::new(Trouble::new("no_database", [], refusal.message.clone())))?;
    let (live, platform) = (Database::new(account), of.shop.platform.clone());
    Ok(Work::Carry(Carrying { live, platform, deed }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use kernel::config::DatabaseKind;

    #[test]
    fn orders_are_carried_before_and_after_the_swap() {
        let swap = Act::SwapDatabase {
            shop: "lamps".parse().unwrap(),
            with: "shop_restored".to_owned(),
            aside: "shop_before".to_owned(),
            kind: "postgres".to_owned(),
        };
        let swap = Step { act: swap, undo: Undo::NothingToUndo, timeout_ms: 1 };
        let live =
            DatabaseUrl { kind: DatabaseKind::Postgres, secret: "postgres://h/shop".to_owned() };
        let told: Vec<String> = around(swap, &live, true)
            .iter()
            .map(|step| match &step.act {
                Act::CarryOrders { from, to, newer_states, keys_free, .. } => {
                    format!("{from} {to} {newer_states} {keys_free}")
                }
                other => other.code().to_owned(),
            })
            .collect();
        let expect = ["shop shop_restored true 100", "swap_database", "shop_before shop false 0"];
        assert_eq!(told, expect);
    }
}
