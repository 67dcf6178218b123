//! Makes the edge's snapshot of a configuration. Pure: what it says of a shop is what the person
//! asked for, and the platform's knowledge where nobody asked.

use crate::platform;
use kernel::{
    InstanceName, ShopId, TrafficRules,
    config::{Configuration, InstanceSettings, ShopSettings},
    snapshot::{Brand, Certificate, Challenge, Instance, Pool, ShopSite, Snapshot},
};
use std::collections::HashSet;

/// The snapshot `version` of `configuration`.
///
/// `drains` are the instances that get no new requests; `certificates` the first of which serves
/// names that none matches; `challenges` the open answers to a certificate authority. A platform
/// that is not known has no rules; a configuration that was parsed names none such.
#[must_use]
pub fn make(
    configuration: &Configuration,
    version: u64,
    made_at_ms: i64,
    certificates: Vec<Certificate>,
    challenges: Vec<Challenge>,
    drains: &HashSet<(ShopId, InstanceName)>,
) -> Snapshot {
    // Of a shop that we are beside the edge only looks after the instances, if there are any.
    let has_work = |shop: &&ShopSettings| shop.beside.is_none() || !shop.instances.is_empty();
    let shops = configuration.shops.iter().filter(has_work);
    Snapshot {
        version,
        made_at_ms,
        limits: configuration.edge.limits.clone(),
        shops: shops.map(|shop| site(shop, drains)).collect(),
        certificates,
        challenges,
        control: None,
    }
}

fn site(shop: &ShopSettings, drains: &HashSet<(ShopId, InstanceName)>) -> ShopSite {
    let instance = |instance: &InstanceSettings| Instance {
        name: instance.name.clone(),
        address: instance.address,
        weight: instance.weight,
        connections: instance.connections,
        drain: drains.contains(&(shop.id.clone(), instance.name.clone())),
    };
    ShopSite {
        id: shop.id.clone(),
        brand: Brand {
            name: shop.name.clone(),
            colour: shop.colour.clone(),
            contact: shop.contact.clone(),
            currency: shop.currency,
        },
        // Nobody who comes to the edge is sent to a shop that another web server stands before.
        hosts: if shop.beside.is_some() { Vec::new() } else { shop.hosts.clone() },
        force_https: shop.force_https,
        pool: Pool {
            instances: shop.instances.iter().map(instance).collect(),
            balance: shop.balance,
            check: shop.check.clone(),
            hold: shop.hold.clone(),
            timeouts: shop.timeouts.clone(),
            slow_start_ms: shop.slow_start_ms,
            eject_after_failures: shop.eject_after_failures,
            eject_for_ms: shop.eject_for_ms,
        },
        traffic: platform(&shop.platform)
            .map_or_else(TrafficRules::default, |platform| platform.traffic.clone()),
        cache: shop.cache.clone(),
    }
}

#[cfg(test)]
mod tests;
