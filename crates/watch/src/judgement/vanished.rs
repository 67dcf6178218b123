//! Orders that vanished: each time anew, until they are back or somebody has called it over.

use super::Sign;
use crate::backups::{ShopBackups, VanishedOrders};
use kernel::Level;

pub(super) fn signs(backups: &ShopBackups) -> Vec<Sign> {
    backups.vanished.iter().map(sign).collect()
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
