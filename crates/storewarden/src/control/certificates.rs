//! Certificates from where each shop's come: files, the store (ordered or made by us), or made now.

use crate::configuration::Mistakes;
use ::edge::certificates::{inspect, self_signed};
use ::watch::judgement::CertificateEvidence;
use anyhow::Context;
use kernel::{
    ShopId,
    config::{CertificateSource, Configuration, ShopSettings},
    snapshot::Certificate,
};
use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};
use store::{Store, StoredCertificate};

/// A self-signed certificate is made anew when it ends within this.
const SELF_SIGNED_SPARE_MS: i64 = 30 * 24 * 60 * 60 * 1000;

/// The key in the store of what was ordered for a shop.
pub(super) fn ordered_key(shop: &ShopId) -> String {
    format!("acme/{shop}")
}

/// Of what was ordered and is not served yet.
pub(super) fn laid_aside_key(shop: &ShopId) -> String {
    format!("acme-laid-aside/{shop}")
}

/// Of what was served before.
pub(super) fn former_key(shop: &ShopId) -> String {
    format!("acme-former/{shop}")
}

fn self_signed_key(shop: &ShopId) -> String {
    format!("self-signed/{shop}")
}

/// The names that an authority can be asked for.
pub(super) fn provable_hosts(shop: &ShopSettings) -> Vec<String> {
    shop.hosts.iter().filter(|host| !host.contains('*')).cloned().collect()
}

/// The certificates in force.
#[derive(Debug)]
pub(super) struct Certificates {
    store: Store,
    by_shop: BTreeMap<ShopId, InForce>,
    /// Why the last order failed.
    errors: BTreeMap<ShopId, String>,
}

#[derive(Debug, Clone)]
struct InForce {
    certificate: Certificate,
    host: String,
    /// `None` for one that only stands in.
    ends_ms: Option<i64>,
    source: CertificateSource,
}

impl InForce {
    /// `None` for one that only stands in.
    fn serial(&self) -> Option<String> {
        let serial = inspect(&self.certificate.chain_pem).ok().map(|found| found.serial);
        serial.filter(|_| self.ends_ms.is_some())
    }
}

impl Certificates {
    pub(super) fn new(store: Store) -> Self {
        Self { store, by_shop: BTreeMap::new(), errors: BTreeMap::new() }
    }

    /// Gathers what `configuration` asks for. With mistakes, what was in force stays.
    pub(super) async fn load(&mut self, configuration: &Configuration) -> Result<(), Mistakes> {
        let mut gathered = BTreeMap::new();
        let mut details = Vec::new();
        if configuration.edge.listen.iter().any(|listen| listen.tls) {
            let stored = self.stored().await;
            for shop in configuration.shops.iter().filter(|shop| shop.beside.is_none()) {
                match self.of_shop(shop, &stored).await {
                    Ok(found) => {
                        gathered.insert(shop.id.clone(), found);
                    }
                    Err(error) => details.push(format!("certificate of {}: {error:#}", shop.id)),
                }
            }
        }
        if details.is_empty() {
            self.errors.retain(|shop, _| gathered.contains_key(shop));
            self.by_shop = gathered;
            return Ok(());
        }
        // At the start there is nothing to stay with: what could be gathered serves.
        if self.by_shop.is_empty() {
            self.by_shop = gathered;
        }
        let message = "not every certificate can be used".to_owned();
        Err(Mistakes { message, details })
    }

    async fn stored(&self) -> BTreeMap<String, StoredCertificate> {
        match self.store.certificates().await {
            Ok(all) => all.into_iter().map(|one| (one.host_key.clone(), one)).collect(),
            Err(error) => {
                tracing::warn!(%error, "kept certificates cannot be read");
                BTreeMap::new()
            }
        }
    }

    async fn of_shop(
        &self,
        shop: &ShopSettings,
        stored: &BTreeMap<String, StoredCertificate>,
    ) -> anyhow::Result<InForce> {
        let host = shop.hosts.first().cloned().unwrap_or_default();
        let source = shop.certificate.clone();
        let in_force = |certificate, ends_ms| InForce { certificate, host, ends_ms, source };
        match &shop.certificate {
            CertificateSource::Files { chain, key } => {
                let (chain_pem, key_pem) = (read(chain)?, read(key)?);
                let found = inspect(&chain_pem)?;
                let ends_ms = Some(found.not_after_ms);
                let certificate = Certificate { hosts: found.hosts, chain_pem, key_pem };
                Ok(in_force(certificate, ends_ms))
            }
            CertificateSource::SelfSigned => {
                Ok(in_force(self.made_by_us(shop, stored).await?, None))
            }
            CertificateSource::Acme => match stored.get(&ordered_key(&shop.id)) {
                Some(ordered) => Ok(in_force(of_stored(ordered)?, Some(ordered.not_after_ms))),
                // Until the authority gave one, visitors are at least told who we say we are.
                None => Ok(in_force(self.made_by_us(shop, stored).await?, None)),
            },
        }
    }

    async fn made_by_us(
        &self,
        shop: &ShopSettings,
        stored: &BTreeMap<String, StoredCertificate>,
    ) -> anyhow::Result<Certificate> {
        let key = self_signed_key(&shop.id);
        let now_ms = super::now_ms();
        let usable = |kept: &&StoredCertificate| kept.not_after_ms - now_ms > SELF_SIGNED_SPARE_MS;
        if let Some(kept) = stored.get(&key).filter(usable) {
            let kept = of_stored(kept)?;
            let names = shop.hosts.iter().filter(|host| *host != "*");
            if names.into_iter().all(|host| kept.hosts.contains(host)) {
                return Ok(kept);
            }
        }
        let made = self_signed(&shop.hosts)?;
        let not_after_ms = inspect(&made.chain_pem)?.not_after_ms;
        let (chain_pem, key_pem) = (made.chain_pem.clone(), made.key_pem.clone());
        let keep = StoredCertificate { host_key: key, chain_pem, key_pem, not_after_ms };
        if let Err(error) = self.store.put_certificate(keep).await {
            tracing::warn!(%error, "the self-signed certificate is not kept; browsers will ask again");
        }
        Ok(made)
    }

    /// The certificates of all shops, in the order of their ids.
    pub(super) fn all(&self) -> Vec<Certificate> {
        self.by_shop.values().map(|found| found.certificate.clone()).collect()
    }

    pub(super) fn renewed(&mut self, shop: &ShopId) {
        self.errors.remove(shop);
    }

    pub(super) fn failed(&mut self, shop: &ShopId, error: String) {
        self.errors.insert(shop.clone(), error);
    }

    /// The serial of a shop's ordered certificate; `None`: it has none, or not from an authority.
    pub(super) fn ordered_serial(&self, shop: &ShopId) -> Option<String> {
        let found = self.by_shop.get(shop)?;
        found.serial().filter(|_| found.source == CertificateSource::Acme)
    }

    /// What judgement should know. Self-signed ones are for trying out and no trouble.
    pub(super) fn evidence(&self) -> Vec<CertificateEvidence> {
        let watched =
            self.by_shop.iter().filter(|(_, f)| f.source != CertificateSource::SelfSigned);
        let evidence = watched.map(|(shop, found)| CertificateEvidence {
            shop: shop.clone(),
            host: found.host.clone(),
            serial: found.serial(),
            ends_ms: found.ends_ms,
            error: self.errors.get(shop).cloned(),
            renews: found.source == CertificateSource::Acme,
        });
        evidence.collect()
    }
}

fn of_stored(stored: &StoredCertificate) -> anyhow::Result<Certificate> {
    let hosts = inspect(&stored.chain_pem)?.hosts;
    let (chain_pem, key_pem) = (stored.chain_pem.clone(), stored.key_pem.clone());
    Ok(Certificate { hosts, chain_pem, key_pem })
}

fn read(path: &Path) -> anyhow::Result<String> {
    let path: PathBuf = path.to_owned();
    fs::read_to_string(&path).with_context(|| format!("read `{}`", path.display()))
}
