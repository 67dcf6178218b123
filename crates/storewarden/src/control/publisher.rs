//! Makes snapshots of what is in force and hands them to the edges, each with a version that was
//! never used before.

use ::edge::link::ControlLink;
use ::watch::{Watch, live::Site};
use anyhow::Context;
use kernel::{
    InstanceName, ShopId,
    config::Configuration,
    snapshot::{Certificate, Challenge},
};
use std::collections::HashSet;
use store::Store;

pub(super) struct Publisher {
    link: ControlLink,
    store: Store,
    watch: Watch,
    drains: HashSet<(ShopId, InstanceName)>,
    pub(super) challenges: Vec<Challenge>,
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
        drains: HashSet<(ShopId, InstanceName)>,
    ) -> Self {
        Self { link, store, watch, drains, challenges: Vec::new(), version: 0, taken: 0 }
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
        let snapshot = shops::snapshot::make(
            configuration,
            version,
            super::now_ms(),
            certificates,
            self.challenges.clone(),
            &self.drains,
        );
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

    /// Drains an instance or takes it back, durably.
    pub(super) async fn drain(
        &mut self,
        shop: ShopId,
        instance: InstanceName,
        drain: bool,
    ) -> anyhow::Result<()> {
        let kept = self.store.set_drain(&shop, &instance, drain).await;
        kept.context("keep the drain for the next start")?;
        if drain {
            self.drains.insert((shop, instance));
        } else {
            self.drains.remove(&(shop, instance));
        }
        Ok(())
    }
}
