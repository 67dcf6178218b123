//! Orders that vanished: each time anew, until they are back or somebody has called it over.

use super::Sign;
use crate::backups::{ShopBackups, VanishedOrders};
use kernel::Level;

pub(super) fn signs(backups: &ShopBackups) -> Vec<Sign> {
    let missing = backups.missing.iter().map(missing);
    backups.vanished.iter().map(sign).chain(missing).collect()
}

/// Since the first of them was confirmed.
fn missing(missing: &VanishedOrders) -> Sign {
    let VanishedOrders { count, first_ms, last_ms } = *missing;
    Sign::new("confirmations_without_order", Level::Broken)
        .with("count", count)
        .with("first_ms", first_ms)
        .with("last_ms", last_ms)
        .since(first_ms)
}

fn sign(vanished: &VanishedOrders) -> Sign {
    let VanishedOrders { count, first_ms, last_ms } = *vanished;
    Sign::new("orders_vanished", Level::Broken)
        .about(first_ms.to_string())
        .with("count", count)
        .with("first_ms", first_ms)
        .with("last_ms", last_ms)
        .since(first_ms)
}
