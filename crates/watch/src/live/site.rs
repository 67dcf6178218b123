//! What the configuration says of a shop, as far as watching it needs to know.

use crate::judgement::OrdersSource;
use jiff::tz::TimeZone;
use kernel::{
    Drain, Drains, InstanceName, ShopId,
    config::{BesideSettings, Configuration, DatabaseKind, Listen, ShopSettings},
};
use std::net::SocketAddr;

/// One shop to be watched.
#[derive(Debug, Clone)]
pub struct Site {
    pub(crate) id: ShopId,
    pub(crate) name: String,
    pub(crate) platform: String,
    pub(crate) currency: String,
    pub(crate) time_zone: String,
    pub(crate) queue_waits_at_most_ms: i64,
    pub(crate) zone: TimeZone,
    pub(crate) hosts: Vec<String>,
    pub(crate) addresses: Vec<String>,
    pub(crate) instances: Vec<SiteInstance>,
    pub(crate) hold_limit: u64,
    pub(crate) hold_wait_ms: u64,
    pub(crate) orders: OrdersSource,
    /// Where it is watched from; `None`: the edge stands before it.
    pub(crate) beside: Option<BesideSettings>,
}

#[derive(Debug, Clone)]
pub(crate) struct SiteInstance {
    pub(crate) name: InstanceName,
    pub(crate) address: SocketAddr,
    pub(crate) weight: u32,
    pub(crate) limit: u64,
    pub(crate) drained: Option<Drain>,
}

impl Site {
    /// The shops of a configuration, in its order.
    #[must_use]
    pub fn all(configuration: &Configuration, drains: &Drains) -> Vec<Self> {
        let listen = &configuration.edge.listen;
        configuration.shops.iter().map(|shop| Self::new(shop, listen, drains)).collect()
    }

    fn new(shop: &ShopSettings, listen: &[Listen], drains: &Drains) -> Self {
        let instances = shop.instances.iter().map(|instance| SiteInstance {
            name: instance.name.clone(),
            address: instance.address,
            weight: instance.weight,
            limit: instance.connections.into(),
            drained: drains.get(&(shop.id.clone(), instance.name.clone())).cloned(),
        });
        Self {
            id: shop.id.clone(),
            name: shop.name.clone(),
            platform: shop.platform.clone(),
            currency: shop.currency.to_string(),
            time_zone: shop.time_zone.clone(),
            queue_waits_at_most_ms: i64::try_from(shop.queue_waits_at_most_ms).unwrap_or(i64::MAX),
            zone: zone(&shop.time_zone),
            hosts: shop.hosts.clone(),
            addresses: match shop.beside {
                // Where its web server listens is not ours to know.
                Some(_) => Vec::new(),
                None => listen.iter().map(|listen| address(*listen, &shop.hosts)).collect(),
            },
            instances: instances.collect(),
            hold_limit: shop.hold.max_requests.into(),
            hold_wait_ms: shop.hold.max_wait_ms,
            orders: orders_source(shop),
            beside: shop.beside.clone(),
        }
    }
}

fn zone(name: &str) -> TimeZone {
    TimeZone::get(name).unwrap_or_else(|error| {
        tracing::warn!(%name, %error, "time zone is not known here; days are counted in UTC");
        TimeZone::UTC
    })
}

fn orders_source(shop: &ShopSettings) -> OrdersSource {
    match &shop.database {
        None => OrdersSource::NoDatabase,
        Some(url) if orders_query(&shop.platform, url.kind).is_none() => OrdersSource::NoQuery,
        Some(_) => OrdersSource::Database,
    }
}

/// The platform's SELECT for new orders.
pub(crate) fn orders_query(platform: &str, kind: DatabaseKind) -> Option<&'static str> {
    shops::platform(platform)?.orders.as_ref()?.select(kind)
}

/// Where a browser on this machine finds the shop. An edge that listens on every address is named
/// by the shop's first plain host.
fn address(listen: Listen, hosts: &[String]) -> String {
    let scheme = if listen.tls { "https" } else { "http" };
    let host = if listen.address.ip().is_unspecified() {
        let plain = hosts.iter().find(|host| !host.contains('*'));
        plain.map_or_else(|| "localhost".to_owned(), Clone::clone)
    } else if listen.address.is_ipv6() {
        format!("[{}]", listen.address.ip())
    } else {
        listen.address.ip().to_string()
    };
    match (listen.tls, listen.address.port()) {
        (false, 80) | (true, 443) => format!("{scheme}://{host}/"),
        (_, port) => format!("{scheme}://{host}:{port}/"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_one_a_browser_can_open() {
        let check = |listen: &str, tls, hosts: &[&str], expect: &str| {
            let hosts: Vec<String> = hosts.iter().map(|host| (*host).to_owned()).collect();
            let listen = Listen { address: listen.parse().unwrap(), tls };
            assert_eq!(address(listen, &hosts), expect);
        };
        check("127.0.0.1:8080", false, &["shop.example"], "http://127.0.0.1:8080/");
        check("0.0.0.0:443", true, &["*.shop.example", "shop.example"], "https://shop.example/");
        check("0.0.0.0:8443", true, &["*"], "https://localhost:8443/");
        check("[::1]:80", false, &["*"], "http://[::1]/");
    }
}
