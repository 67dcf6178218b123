//! Renewal of a shop's certificate: one is ordered and laid aside, then served in place of the one
//! before, which is kept for the way back. A handshake with the edge shows what visitors get.
//!
//! What is where, the store says: under three keys a shop, the one in force, the one that was
//! ordered, and the former one. Moving them is one transaction, so that a crash leaves one of two
//! pictures and never a third.

use super::{kind, refuse};
use crate::control::{
    certificates::{former_key, laid_aside_key, ordered_key, provable_hosts},
    link::Versions,
    now_ms,
    publisher::reachable,
    renewal::Wish,
};
use ::edge::{
    acme::{AcmeError, AcmeOrder, Ordered, order},
    certificates::{Inspected, inspect},
    handshake::served,
};
use api::Refusal;
use kernel::{
    Params, ShopId,
    config::{AcmeSettings, CertificateSource, Configuration, ShopSettings},
    plan::{
        Act, Approval, Area, Condition, Failed, Fence, Holds, Intent, OnFailure, Pending,
        Performer, Plan, PlanFact, Probe, Progress, Purpose, Step, Undo,
    },
    snapshot::Challenge,
};
use std::{error::Error, net::SocketAddr, sync::Arc, time::Duration};
use store::{Store, StoreError, StoredCertificate};
use tokio::{
    sync::{mpsc, oneshot, watch},
    task::JoinError,
    time::timeout,
};

/// The kind of these plans.
pub(in crate::control) const KIND: &str = "renew_certificate";
/// Names the fact that a plan is made from, before the shop's id.
const FACT: &str = "certificate:";
/// The version of that fact while there is no ordered certificate.
const NONE: &str = "none";

/// Longer than an order takes that is given up by itself.
const ORDER_MS: u64 = 4 * 60_000;
const SERVE_MS: u64 = 60_000;
/// One that was laid aside this recently is not ordered anew: authorities count orders.
const FRESH_MS: i64 = 7 * 24 * 60 * 60 * 1000;
/// How long edges may take to serve by a snapshot.
const APPLY_TIMEOUT: Duration = Duration::from_secs(10);
/// An edge that has lost us comes back within two seconds.
const EDGE_WAIT: Duration = Duration::from_secs(3);
/// Lines of an order that wait for whoever keeps the log.
const LINES: usize = 8;

/// The plan that renews a shop's certificate. `serial` is of the ordered one in force.
pub(in crate::control) fn plan(
    configuration: &Configuration,
    shop: &ShopId,
    serial: Option<String>,
    now_ms: i64,
) -> Result<Plan, Refusal> {
    let found = configuration.shops.iter().find(|known| known.id == *shop);
    let found = found.ok_or_else(|| refuse("there is no such shop").because("no_shop", []))?;
    if found.certificate != CertificateSource::Acme || configuration.acme.is_none() {
        let message = format!("the certificate of {shop} comes from no authority: it is not ours");
        return Err(refuse(message).because("certificate_not_ours", []));
    }
    let hosts = provable_hosts(found);
    if hosts.is_empty() {
        let message = format!("{shop} has only wildcards, which cannot be proved over http");
        return Err(refuse(message).because("only_wildcards", []));
    }
    let params = Params::from([("hosts".to_owned(), hosts.join(", ").into())]);
    let version = serial.clone().unwrap_or_else(|| NONE.to_owned());
    let (shop, before) = (shop.clone(), serial.clone());
    let steps = vec![
        Step {
            act: Act::OrderCertificate { shop: shop.clone(), hosts },
            undo: Undo::NothingToUndo,
            timeout_ms: ORDER_MS,
        },
        Step {
            act: Act::ServeCertificate { shop: shop.clone(), before },
            undo: Undo::By(Act::RestoreCertificate { shop: shop.clone(), serial }),
            timeout_ms: SERVE_MS,
        },
    ];
    Ok(Plan {
        kind: kind(KIND),
        params,
        steps,
        made_at_ms: now_ms,
        facts: vec![PlanFact { name: format!("{FACT}{shop}"), version }],
        shop: Some(shop),
        approval: Approval::NotNeeded,
        // An ended certificate turns every visitor away: no freeze holds it back.
        purpose: Purpose::Repair,
        on_failure: OnFailure::Undo,
        window: None,
    })
}

/// Orders certificates and has them served.
#[derive(Debug)]
pub(in crate::control) struct Certifier {
    pub(in crate::control) store: Store,
    pub(in crate::control) wishes: mpsc::Sender<Wish>,
    pub(in crate::control) versions: watch::Receiver<Versions>,
    pub(in crate::control) configuration: watch::Receiver<Arc<Configuration>>,
}

/// The edges' answers to the authority's challenges for one shop.
#[derive(Debug, Clone)]
struct Answers {
    shop: ShopId,
    wishes: mpsc::Sender<Wish>,
    versions: watch::Receiver<Versions>,
}

impl Answers {
    /// Has challenges published and waits until every edge answers them; what became of it. When an
    /// edge does not say so in time the order goes on: the authority will tell.
    async fn publish(&self, challenges: Vec<Challenge>) -> String {
        let count = challenges.len();
        let (answer, answered) = oneshot::channel();
        let wish = Wish::Challenges { shop: self.shop.clone(), challenges, answer };
        // When control ends it hears no wishes any more.
        self.wishes.send(wish).await.ok();
        let Ok(version) = answered.await else { return "control is ending".to_owned() };
        let is_there = everywhere(&self.versions, version).await;
        match (count, is_there) {
            (0, _) => "no challenge is answered any more".to_owned(),
            (count, true) => format!("the edge answers {count} challenges"),
            (_, false) => "not every edge has said yet that it answers the challenges".to_owned(),
        }
    }
}

/// Whether every edge serves by this version, or does so in time.
async fn everywhere(versions: &watch::Receiver<Versions>, version: u64) -> bool {
    let mut versions = versions.clone();
    let everywhere = |all: &Versions| !all.is_empty() && all.values().all(|held| *held >= version);
    timeout(APPLY_TIMEOUT, versions.wait_for(everywhere)).await.is_ok()
}

/// A certificate of the store, looked into.
struct Held {
    stored: StoredCertificate,
    found: Inspected,
}

impl Held {
    /// The same under another key.
    fn moved(&self, host_key: String) -> StoredCertificate {
        StoredCertificate { host_key, ..self.stored.clone() }
    }

    fn covers(&self, hosts: &[String]) -> bool {
        hosts.iter().all(|host| self.found.hosts.contains(host))
    }

    fn is_good(&self, now_ms: i64) -> bool {
        self.found.not_after_ms > now_ms
    }
}

/// The three certificates of a shop that the store may hold.
struct Shelf {
    in_force: Option<Held>,
    laid_aside: Option<Held>,
    former: Option<Held>,
}

impl Shelf {
    fn serial(&self) -> Option<&str> {
        self.in_force.as_ref().map(|held| held.found.serial.as_str())
    }

    /// Ordered of late, for these names: it is not ordered again.
    fn fresh(&self, hosts: &[String], now_ms: i64) -> Option<&Held> {
        let held = self.laid_aside.as_ref()?;
        let is_fresh = now_ms - held.found.not_before_ms < FRESH_MS;
        (is_fresh && held.is_good(now_ms) && held.covers(hosts)).then_some(held)
    }
}

fn alien(act: &Act) -> Failed {
    Failed::new(format!("`{}` is none of the certificates'", act.code()))
        .because("nobody_performs", [])
}

fn unkept(error: &StoreError) -> Failed {
    let failed = Failed::for_now(format!("the store: {error}"));
    failed.because("store_failed", [("error", error.to_string().into())])
}

impl Certifier {
    async fn shelf(&self, shop: &ShopId) -> Result<Shelf, Failed> {
        let all = self.store.certificates().await.map_err(|error| unkept(&error))?;
        let held = |key: String| {
            let stored = all.iter().find(|one| one.host_key == key)?.clone();
            // One that cannot be read is as good as none.
            let found = inspect(&stored.chain_pem).ok()?;
            Some(Held { stored, found })
        };
        Ok(Shelf {
            in_force: held(ordered_key(shop)),
            laid_aside: held(laid_aside_key(shop)),
            former: held(former_key(shop)),
        })
    }

    fn settings(&self, shop: &ShopId) -> Result<(ShopSettings, AcmeSettings), Failed> {
        let configuration = self.configuration.borrow();
        let found = configuration.shops.iter().find(|known| known.id == *shop);
        let found = found.filter(|shop| shop.certificate == CertificateSource::Acme);
        let both = found.cloned().zip(configuration.acme.clone());
        both.ok_or_else(|| {
            let failed = Failed::new(format!("the certificate of {shop} comes from no authority"));
            failed.because("certificate_not_ours", [])
        })
    }

    async fn order(
        &self,
        shop: &ShopId,
        hosts: &[String],
        progress: &dyn Progress,
    ) -> Result<Params, Failed> {
        let shelf = self.shelf(shop).await?;
        if let Some(held) = shelf.fresh(hosts, now_ms()) {
            progress.line("one was ordered already and not served yet: it is taken");
            return Ok(evidence(&held.found));
        }
        let (_, acme) = self.settings(shop)?;
        let account = self.store.acme_account(&acme.directory).await;
        let wanted = AcmeOrder {
            directory: acme.directory.clone(),
            contact: acme.contact,
            root: acme.root,
            account: account.map_err(|error| unkept(&error))?,
            hosts: hosts.to_vec(),
        };
        progress.line(&format!("ordering for {} at {}", hosts.join(", "), acme.directory));
        let ordered = self.ordered(shop, wanted, progress).await?;
        let kept = StoredCertificate {
            host_key: laid_aside_key(shop),
            chain_pem: ordered.chain_pem,
            key_pem: ordered.key_pem,
            not_after_ms: ordered.not_after_ms,
        };
        let found = inspect(&kept.chain_pem).map_err(|error| Failed::new(error.to_string()))?;
        // The certificate first: an account is made again in a moment, an order is counted.
        self.store.put_certificate(kept).await.map_err(|error| unkept(&error))?;
        let account = self.store.put_acme_account(acme.directory, ordered.account_json).await;
        account.map_err(|error| unkept(&error))?;
        progress.line(&format!("got certificate {}", found.serial));
        Ok(evidence(&found))
    }

    /// Orders in a task of its own: what it published is taken back by it, whatever becomes of us.
    async fn ordered(
        &self,
        shop: &ShopId,
        wanted: AcmeOrder,
        progress: &dyn Progress,
    ) -> Result<Ordered, Failed> {
        let (tell, mut told) = mpsc::channel(LINES);
        let (wishes, versions) = (self.wishes.clone(), self.versions.clone());
        let answers = Answers { shop: shop.clone(), wishes, versions };
        let answering = answers.clone();
        let mut ordering = tokio::spawn(async move {
            let publish = async move |challenges: Vec<Challenge>| {
                // Whoever listened may have left.
                tell.send(answering.publish(challenges).await).await.ok();
            };
            order(wanted, publish).await
        });
        loop {
            tokio::select! {
                Some(line) = told.recv() => progress.line(&line),
                ordered = &mut ordering => {
                    let broke = |error: JoinError| Failed::new(format!("the order broke: {error}"));
                    return ordered.map_err(broke)?.map_err(|error| refused(&error));
                }
                () = progress.cancelled() => {
                    ordering.abort();
                    progress.line(&answers.publish(Vec::new()).await);
                    return Err(Failed::new("stopped, as asked").because("stopped", []));
                }
            }
        }
    }

    /// Lays the ordered one in the place of the one in force.
    async fn swap(&self, shop: &ShopId, before: Option<&str>) -> Result<(), Failed> {
        let shelf = self.shelf(shop).await?;
        if shelf.serial() != before {
            return Ok(());
        }
        let missing = || {
            let failed = Failed::new("the certificate that was ordered is not there any more");
            failed.because("nothing_ordered", [])
        };
        let ordered = shelf.laid_aside.ok_or_else(missing)?;
        let mut kept = vec![ordered.moved(ordered_key(shop))];
        kept.extend(shelf.in_force.map(|held| held.moved(former_key(shop))));
        let gone = vec![laid_aside_key(shop), former_key(shop)];
        self.store.change_certificates(kept, gone).await.map_err(|error| unkept(&error))
    }

    /// Lays the former one back; the one that was served in its place is thrown away.
    async fn swap_back(&self, shop: &ShopId, serial: Option<&str>) -> Result<(), Failed> {
        let shelf = self.shelf(shop).await?;
        if shelf.serial() == serial {
            return Ok(());
        }
        let former = match serial {
            None => None,
            Some(serial) => {
                let former = shelf.former.filter(|held| held.found.serial == serial);
                let missing = || {
                    let failed = Failed::new(format!("certificate {serial} is not kept any more"));
                    failed.because("former_is_gone", [("serial", serial.into())])
                };
                Some(former.ok_or_else(missing)?)
            }
        };
        let kept = former.map(|held| held.moved(ordered_key(shop))).into_iter().collect();
        let gone = vec![ordered_key(shop), former_key(shop), laid_aside_key(shop)];
        self.store.change_certificates(kept, gone).await.map_err(|error| unkept(&error))
    }

    /// Has what the store says served by every edge.
    async fn serve(&self, shop: &ShopId, progress: &dyn Progress) -> Result<Params, Failed> {
        let (answer, answered) = oneshot::channel();
        let ending = || Failed::for_now("control is ending").because("control_ending", []);
        let wish = Wish::Serve { shop: shop.clone(), answer };
        self.wishes.send(wish).await.map_err(|_| ending())?;
        let published = answered.await.map_err(|_| ending())?;
        let version = published.map_err(|error| {
            let failed = Failed::for_now(error.clone());
            failed.because("not_published", [("error", error.into())])
        })?;
        if !everywhere(&self.versions, version).await {
            let failed = Failed::for_now("not every edge has taken it over yet");
            return Err(failed.because("edge_not_there", []));
        }
        progress.line(&format!("snapshot {version} is in force"));
        Ok(Params::from([("version".to_owned(), version.into())]))
    }

    /// Holds what every https listener shows against the one in force. Without an ordered one there
    /// is nothing to hold it against.
    async fn shown(&self, shop: &ShopId) -> Result<Params, Failed> {
        let shelf = self.shelf(shop).await?;
        let Some(serial) = shelf.serial() else { return Ok(Params::new()) };
        let (settings, _) = self.settings(shop)?;
        let host = provable_hosts(&settings).into_iter().next().unwrap_or_default();
        let listeners: Vec<SocketAddr> = {
            let configuration = self.configuration.borrow();
            let secure = configuration.edge.listen.iter().filter(|listen| listen.tls);
            secure.map(|listen| reachable(listen.address)).collect()
        };
        for address in &listeners {
            let found = served(*address, &host).await.map_err(|error| {
                let why = chain(&error);
                let failed = Failed::for_now(format!("see what {address} serves: {why}"));
                let place = address.to_string();
                failed.because("not_seen", [("place", place.into()), ("error", why.into())])
            })?;
            if found.serial != serial {
                let message =
                    format!("{address} serves certificate {}, not {serial}", found.serial);
                let failed = Failed::for_now(message);
                return Err(failed.because("another_is_served", [("serial", found.serial.into())]));
            }
        }
        let mut params = Params::from([("serial".to_owned(), serial.into())]);
        params.insert("listeners".to_owned(), (listeners.len() as u64).into());
        Ok(params)
    }

    async fn look(&self, act: &Act, intent: &Intent) -> Result<Probe, Failed> {
        // Served and not only laid there: otherwise doing it again completes it.
        let by_handshake = async |shop| match self.shown(shop).await {
            Ok(_) => Probe::Done,
            Err(_) => Probe::Partial,
        };
        Ok(match act {
            Act::OrderCertificate { shop, hosts } => {
                let shelf = self.shelf(shop).await?;
                let known = intent.before.get("laid_aside");
                let is_new = shelf.laid_aside.as_ref().is_some_and(|held| {
                    known != Some(&held.found.serial.as_str().into()) && held.covers(hosts)
                });
                let is_there = is_new || shelf.fresh(hosts, now_ms()).is_some();
                if is_there { Probe::Done } else { Probe::NotDone }
            }
            Act::ServeCertificate { shop, before } => {
                let shelf = self.shelf(shop).await?;
                if shelf.serial() == before.as_deref() {
                    Probe::NotDone
                } else {
                    by_handshake(shop).await
                }
            }
            Act::RestoreCertificate { shop, serial } => {
                let shelf = self.shelf(shop).await?;
                if shelf.serial() == serial.as_deref() {
                    by_handshake(shop).await
                } else {
                    Probe::NotDone
                }
            }
            other => return Err(alien(other)),
        })
    }

    async fn conditions_now(&self, act: &Act, after: &[Act]) -> Vec<Condition> {
        let condition =
            |code: &str, holds, params: Params| Condition { code: code.to_owned(), params, holds };
        let says = |yes: bool| if yes { Holds::Yes } else { Holds::No };
        let nothing = Params::new;
        match act {
            Act::OrderCertificate { shop, .. } => {
                let mut versions = self.versions.clone();
                let is_there = versions.wait_for(|edges| !edges.is_empty());
                let is_there = timeout(EDGE_WAIT, is_there).await.is_ok();
                let is_ours = self.settings(shop).is_ok();
                vec![
                    condition("certificate_is_ours", says(is_ours), nothing()),
                    // It answers the authority's challenges.
                    condition("edge_is_there", says(is_there), nothing()),
                ]
            }
            Act::ServeCertificate { shop, .. } => {
                let comes = |act: &Act| matches!(act, Act::OrderCertificate { .. });
                let holds = match self.shelf(shop).await {
                    _ if after.iter().any(comes) => Holds::Yes,
                    Ok(shelf) => says(shelf.laid_aside.is_some()),
                    Err(_) => Holds::Unknown,
                };
                vec![condition("certificate_ordered", holds, nothing())]
            }
            Act::RestoreCertificate { shop, serial: Some(serial) } => {
                let is = |held: &Held| held.found.serial == *serial && held.is_good(now_ms());
                let holds = match self.shelf(shop).await {
                    Ok(shelf) => {
                        let all = [shelf.former, shelf.in_force];
                        says(all.iter().flatten().any(is))
                    }
                    Err(_) => Holds::Unknown,
                };
                let params = Params::from([("serial".to_owned(), serial.as_str().into())]);
                vec![condition("former_certificate_good", holds, params)]
            }
            _ => Vec::new(),
        }
    }
}

impl Performer for Certifier {
    fn areas(&self) -> &[Area] {
        &[Area::Certificates]
    }

    fn conditions<'a>(&'a self, act: &'a Act, after: &'a [Act]) -> Pending<'a, Vec<Condition>> {
        Box::pin(self.conditions_now(act, after))
    }

    fn before<'a>(&'a self, act: &'a Act) -> Pending<'a, Result<Params, Failed>> {
        Box::pin(async move {
            let Act::OrderCertificate { shop, .. } = act else { return Ok(Params::new()) };
            let laid_aside = self.shelf(shop).await?.laid_aside;
            let serial = laid_aside.map(|held| ("laid_aside".to_owned(), held.found.serial.into()));
            Ok(serial.into_iter().collect())
        })
    }

    fn perform<'a>(
        &'a self,
        act: &'a Act,
        _fence: Fence,
        progress: &'a dyn Progress,
    ) -> Pending<'a, Result<Params, Failed>> {
        Box::pin(async move {
            match act {
                Act::OrderCertificate { shop, hosts } => self.order(shop, hosts, progress).await,
                Act::ServeCertificate { shop, before } => {
                    self.swap(shop, before.as_deref()).await?;
                    self.serve(shop, progress).await
                }
                Act::RestoreCertificate { shop, serial } => {
                    self.swap_back(shop, serial.as_deref()).await?;
                    self.serve(shop, progress).await
                }
                other => Err(alien(other)),
            }
        })
    }

    fn verify<'a>(&'a self, act: &'a Act) -> Pending<'a, Result<Params, Failed>> {
        Box::pin(async move {
            match act {
                Act::OrderCertificate { shop, hosts } => {
                    let shelf = self.shelf(shop).await?;
                    let held = shelf
                        .laid_aside
                        .filter(|held| held.is_good(now_ms()) && held.covers(hosts));
                    held.map(|_| Params::new()).ok_or_else(|| {
                        let failed = Failed::new("what came is not what was ordered");
                        failed.because("not_as_ordered", [])
                    })
                }
                Act::ServeCertificate { shop, .. } | Act::RestoreCertificate { shop, .. } => {
                    self.shown(shop).await
                }
                other => Err(alien(other)),
            }
        })
    }

    fn probe<'a>(&'a self, act: &'a Act, intent: &'a Intent) -> Pending<'a, Probe> {
        Box::pin(async move {
            let looked = self.look(act, intent).await;
            looked.unwrap_or_else(Probe::from)
        })
    }

    fn fact<'a>(&'a self, name: &'a str) -> Pending<'a, Option<String>> {
        Box::pin(async move {
            let shop: ShopId = name.strip_prefix(FACT)?.parse().ok()?;
            let shelf = self.shelf(&shop).await.ok()?;
            Some(shelf.serial().unwrap_or(NONE).to_owned())
        })
    }
}

fn evidence(found: &Inspected) -> Params {
    Params::from([
        ("serial".to_owned(), found.serial.as_str().into()),
        ("ends_ms".to_owned(), found.not_after_ms.into()),
    ])
}

/// Nothing of an order that failed is left over; it may be tried again, though not at once, since
/// authorities count failures.
fn refused(error: &AcmeError) -> Failed {
    let why = chain(error);
    Failed::new(why.clone()).because("order_failed", [("error", why.into())])
}

fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut behind = error.source();
    while let Some(error) = behind {
        text = format!("{text}: {error}");
        behind = error.source();
    }
    text
}
