//! Makes snapshots of what is in force and hands them to the edges, each with a version that was
//! never used before.

use ::edge::link::ControlLink;
use ::watch::{Watch, live::Site};
use anyhow::Context;
use kernel::{
    Drain, Drains, InstanceName, ShopId,
    config::Configuration,
    snapshot::{Certificate, Challenge},
};
use std::{
    collections::{BTreeMap, HashSet},
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
};
use store::Store;

pub(super) struct Publisher {
    link: ControlLink,
    store: Store,
    watch: Watch,
    drains: Drains,
    challenges: BTreeMap<ShopId, Vec<Challenge>>,
    /// Where we answer other Storewardens.
    control: SocketAddr,
    /// The last version that was published.
    version: u64,
    /// Versions up to here are taken.
    taken: u64,
}

impl Publisher {
    pub(super) fn new(
        link: ControlLink,
        store: Store,
        watch: Watch,
        drains: Drains,
        control: SocketAddr,
    ) -> Self {
        let challenges = BTreeMap::new();
        Self { link, store, watch, drains, challenges, control, version: 0, taken: 0 }
    }

    /// Has the next snapshot answer these challenges for a shop, and no others for it.
    pub(super) fn answer(&mut self, shop: ShopId, challenges: Vec<Challenge>) {
        self.challenges.insert(shop, challenges);
        self.challenges.retain(|_, open| !open.is_empty());
    }

    pub(super) fn version(&self) -> u64 {
        self.version
    }

    /// Publishes a new snapshot; answers its version.
    pub(super) async fn publish(
        &mut self,
        configuration: &Configuration,
        certificates: Vec<Certificate>,
    ) -> anyhow::Result<u64> {
        let version = self.next_version().await;
        let drained: HashSet<_> = self.drains.keys().cloned().collect();
        let mut snapshot = shops::snapshot::make(
            configuration,
            version,
            super::now_ms(),
            certificates,
            self.challenges.values().flatten().cloned().collect(),
            &drained,
        );
        let is_asked = !configuration.peers.is_empty() && self.control.port() != 0;
        snapshot.control = is_asked.then(|| reachable(self.control));
        snapshot.check_invariants().context("check the new snapshot")?;
        self.link.publish(snapshot).context("publish the new snapshot")?;
        self.version = version;
        let sites = Site::all(configuration, &self.drains);
        self.watch.with(|live| live.configure(sites, version));
        Ok(version)
    }

    /// While the store cannot be written, versions are counted here: shop traffic goes before our
    /// records.
    async fn next_version(&mut self) -> u64 {
        let stored = self.store.next_snapshot_version().await;
        let version = stored.unwrap_or_else(|error| {
            tracing::warn!(%error, "the snapshot's version is not kept");
            0
        });
        self.taken = version.max(self.taken + 1);
        self.taken
    }

    /// Notes that an edge holds `version`; true when ours is older.
    pub(super) fn outrun(&mut self, version: u64) -> bool {
        self.taken = self.taken.max(version);
        version > self.version
    }

    /// Drains an instance, or takes it back with `None`; durably. One that is drained stays as it is.
    pub(super) async fn drain(
        &mut self,
        shop: ShopId,
        instance: InstanceName,
        drain: Option<Drain>,
    ) -> anyhow::Result<()> {
        let kept = self.store.set_drain(&shop, &instance, drain.clone()).await;
        kept.context("keep the drain for the next start")?;
        match drain {
            Some(drain) => {
                self.drains.entry((shop, instance)).or_insert(drain);
            }
            None => {
                self.drains.remove(&(shop, instance));
            }
        }
        Ok(())
    }
}

/// Where a listener of this machine is reached from this machine.
pub(super) fn reachable(listener: SocketAddr) -> SocketAddr {
    let ip = match listener.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    (ip, listener.port()).into()
}
