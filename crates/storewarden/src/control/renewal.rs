//! Certificates by ACME: looks which are missing or end soon, orders them one after the other, and
//! waits longer after each failure, since authorities count them.

use super::{
    certificates::{ordered_key, provable_hosts},
    link::Versions,
    now_ms,
};
use ::edge::{
    acme::{AcmeOrder, order},
    certificates::inspect,
};
use kernel::{
    ShopId,
    config::{AcmeSettings, CertificateSource, Configuration, ShopSettings},
    snapshot::Challenge,
};
use std::{collections::BTreeMap, time::Duration};
use store::{Store, StoredCertificate};
use tokio::{
    sync::{mpsc, oneshot, watch},
    time::{Instant, sleep_until, timeout},
};

const DAY_MS: i64 = 24 * 60 * 60 * 1000;
/// How often certificates are looked at when nothing else happens.
const LOOK: Duration = Duration::from_secs(60 * 60);
/// The first wait after a failure; doubled with each further one, up to the longest.
const FIRST_WAIT: Duration = Duration::from_secs(60);
const LONGEST_WAIT: Duration = Duration::from_secs(6 * 60 * 60);
/// How long edges may take to answer challenges.
const APPLY_TIMEOUT: Duration = Duration::from_secs(10);

/// What renewal asks of control.
#[derive(Debug)]
pub(super) enum Wish {
    /// Publish these answers; the answer is the snapshot's version.
    Challenges {
        challenges: Vec<Challenge>,
        answer: oneshot::Sender<u64>,
    },
    /// A new certificate of this shop is in the store.
    Renewed {
        shop: ShopId,
        host: String,
    },
    Failed {
        shop: ShopId,
        error: String,
    },
}

/// Failures of one shop.
#[derive(Debug, Clone, Copy)]
struct Waiting {
    until: Instant,
    wait: Duration,
}

pub(super) struct Renewal {
    store: Store,
    wishes: mpsc::Sender<Wish>,
    versions: watch::Receiver<Versions>,
    configuration: watch::Receiver<Option<Configuration>>,
    wanted: watch::Sender<Option<Configuration>>,
    waiting: BTreeMap<ShopId, Waiting>,
}

impl Renewal {
    pub(super) fn new(
        store: Store,
        wishes: mpsc::Sender<Wish>,
        versions: watch::Receiver<Versions>,
    ) -> Self {
        let (wanted, configuration) = watch::channel(None);
        Self { store, wishes, versions, configuration, wanted, waiting: BTreeMap::new() }
    }

    /// Where to say which configuration is in force; saying it makes renewal look at once.
    pub(super) fn wanted(&self) -> watch::Sender<Option<Configuration>> {
        self.wanted.clone()
    }

    /// Never returns.
    pub(super) async fn run(mut self) {
        loop {
            let configuration = self.configuration.borrow_and_update().clone();
            if let Some((configuration, acme)) =
                configuration.as_ref().and_then(|c| Some((c, c.acme.as_ref()?)))
            {
                for shop in &configuration.shops {
                    self.look_after(shop, acme).await;
                }
            }
            let wake = self.waiting.values().map(|waiting| waiting.until).min();
            let wake = wake.unwrap_or_else(|| Instant::now() + LOOK).min(Instant::now() + LOOK);
            tokio::select! {
                () = sleep_until(wake) => {}
                // The sender lives in `self`.
                _ = self.configuration.changed() => self.waiting.clear(),
            }
        }
    }

    async fn look_after(&mut self, shop: &ShopSettings, acme: &AcmeSettings) {
        let waits = self.waiting.get(&shop.id).is_some_and(|w| w.until > Instant::now());
        if shop.certificate != CertificateSource::Acme || waits || !self.is_due(shop, acme).await {
            return;
        }
        let host = shop.hosts.first().cloned().unwrap_or_default();
        match self.renew(shop, acme).await {
            Ok(()) => {
                tracing::info!(shop = %shop.id, "new certificate");
                self.waiting.remove(&shop.id);
                self.wish(Wish::Renewed { shop: shop.id.clone(), host }).await;
            }
            Err(error) => {
                let error = format!("{error:#}");
                tracing::warn!(shop = %shop.id, %error, "no new certificate");
                let before = self.waiting.get(&shop.id).map(|waiting| waiting.wait * 2);
                let wait = before.unwrap_or(FIRST_WAIT).min(LONGEST_WAIT);
                let waiting = Waiting { until: Instant::now() + wait, wait };
                self.waiting.insert(shop.id.clone(), waiting);
                self.wish(Wish::Failed { shop: shop.id.clone(), error }).await;
            }
        }
    }

    /// Whether there is none, it ends soon, or it lacks one of the shop's names.
    async fn is_due(&self, shop: &ShopSettings, acme: &AcmeSettings) -> bool {
        let stored = match self.store.certificates().await {
            Ok(stored) => stored,
            Err(error) => {
                // Ordering again what may be there would use up the authority's patience.
                tracing::warn!(%error, "kept certificates cannot be read");
                return false;
            }
        };
        let key = ordered_key(&shop.id);
        let Some(kept) = stored.into_iter().find(|kept| kept.host_key == key) else { return true };
        let names = inspect(&kept.chain_pem).map(|found| found.hosts).unwrap_or_default();
        kept.not_after_ms - now_ms() < i64::from(acme.renew_days) * DAY_MS
            || provable_hosts(shop).iter().any(|host| !names.contains(host))
    }

    async fn renew(&self, shop: &ShopSettings, acme: &AcmeSettings) -> anyhow::Result<()> {
        let hosts = provable_hosts(shop);
        anyhow::ensure!(!hosts.is_empty(), "wildcards cannot be proved by HTTP-01");
        let wanted = AcmeOrder {
            directory: acme.directory.clone(),
            contact: acme.contact.clone(),
            root: acme.root.clone(),
            account: self.store.acme_account(&acme.directory).await?,
            hosts,
        };
        let ordered = order(wanted, async |challenges| self.publish(challenges).await).await?;
        let directory = acme.directory.clone();
        self.store.put_acme_account(directory, ordered.account_json).await?;
        let kept = StoredCertificate {
            host_key: ordered_key(&shop.id),
            chain_pem: ordered.chain_pem,
            key_pem: ordered.key_pem,
            not_after_ms: ordered.not_after_ms,
        };
        Ok(self.store.put_certificate(kept).await?)
    }

    /// Has challenges published and waits until every edge answers them. When an edge does not say
    /// so in time the order goes on: the authority will tell.
    async fn publish(&self, challenges: Vec<Challenge>) {
        let (answer, answered) = oneshot::channel();
        self.wish(Wish::Challenges { challenges, answer }).await;
        let Ok(version) = answered.await else { return };
        let mut versions = self.versions.clone();
        let everywhere =
            |all: &Versions| !all.is_empty() && all.values().all(|held| *held >= version);
        if timeout(APPLY_TIMEOUT, versions.wait_for(everywhere)).await.is_err() {
            tracing::warn!(version, "not every edge answers the challenges yet");
        }
    }

    /// When control ends it hears no wishes any more.
    async fn wish(&self, wish: Wish) {
        self.wishes.send(wish).await.ok();
    }
}
