//! Certificates by ACME, by themselves: looks which are missing or end soon, has each renewed by a
//! run, one after the other, and waits longer after each failure, since authorities count them.

use super::{
    certificates::{ordered_key, provable_hosts},
    changes::certificates::KIND,
    now_ms,
};
use ::edge::certificates::inspect;
use ::plan::Engine;
use anyhow::Context as _;
use api::{Command, Wished};
use kernel::{
    Actor, ShopId,
    config::{AcmeSettings, CertificateSource, Configuration, ShopSettings},
    plan::{Plan, RunId, RunState, RunSummary},
    snapshot::Challenge,
};
use std::{collections::BTreeMap, time::Duration};
use store::{RunFilter, RunPaging, Store};
use tokio::{
    sync::{mpsc, oneshot, watch},
    time::{Instant, sleep_until},
};

const DAY_MS: i64 = 24 * 60 * 60 * 1000;
/// How often certificates are looked at when nothing else happens.
const LOOK: Duration = Duration::from_secs(60 * 60);
/// The first wait after a failure; doubled with each further one, up to the longest.
const FIRST_WAIT: Duration = Duration::from_secs(60);
const LONGEST_WAIT: Duration = Duration::from_secs(6 * 60 * 60);
/// Who took a renewal back does not want the next one at once.
const TAKEN_BACK_MS: i64 = DAY_MS;
/// Runs of a shop that are looked through for renewals.
const RUNS: u32 = 200;

/// What renewal asks of control.
#[derive(Debug)]
pub(super) enum Wish {
    /// Publish these answers of a shop; the answer is the snapshot's version.
    Challenges {
        shop: ShopId,
        challenges: Vec<Challenge>,
        answer: oneshot::Sender<u64>,
    },
    /// Another certificate of this shop is in the store: publish it. The answer is the snapshot's
    /// version, or why there is none.
    Serve {
        shop: ShopId,
        answer: oneshot::Sender<Result<u64, String>>,
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
    engine: Engine,
    commands: mpsc::Sender<Command>,
    wishes: mpsc::Sender<Wish>,
    configuration: watch::Receiver<Option<Configuration>>,
    wanted: watch::Sender<Option<Configuration>>,
    waiting: BTreeMap<ShopId, Waiting>,
}

impl Renewal {
    pub(super) fn new(
        store: Store,
        engine: Engine,
        commands: mpsc::Sender<Command>,
        wishes: mpsc::Sender<Wish>,
    ) -> Self {
        let (wanted, configuration) = watch::channel(None);
        let waiting = BTreeMap::new();
        Self { store, engine, commands, wishes, configuration, wanted, waiting }
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
        let is_ours = shop.certificate == CertificateSource::Acme && shop.beside.is_none();
        if !is_ours || waits {
            return;
        }
        match self.renew_when_due(shop, acme).await {
            Ok(()) => {
                self.waiting.remove(&shop.id);
            }
            Err(error) => {
                let error = format!("{error:#}");
                tracing::warn!(shop = %shop.id, %error, "no new certificate");
                let before = self.waiting.get(&shop.id).map(|waiting| waiting.wait * 2);
                let wait = before.unwrap_or(FIRST_WAIT).min(LONGEST_WAIT);
                let waiting = Waiting { until: Instant::now() + wait, wait };
                self.waiting.insert(shop.id.clone(), waiting);
                // When control ends it hears no wishes any more.
                self.wishes.send(Wish::Failed { shop: shop.id.clone(), error }).await.ok();
            }
        }
    }

    async fn renew_when_due(&self, shop: &ShopSettings, acme: &AcmeSettings) -> anyhow::Result<()> {
        let last = self.last_run(&shop.id).await?;
        let run = match last {
            // Somebody began one, or we did before a restart.
            Some(run) if !run.state.is_over() => run.id,
            Some(run) if was_taken_back(&run, now_ms()) => return Ok(()),
            _ if !self.is_due(shop, acme).await => return Ok(()),
            _ => self.start(&shop.id).await?,
        };
        let run = self.engine.settled(run).await?;
        if run.state == RunState::Done {
            tracing::info!(shop = %shop.id, run = %run.id, "new certificate");
            return Ok(());
        }
        let why = run.cause.as_ref().and_then(|cause| cause.message.clone());
        let why = why.unwrap_or_else(|| format!("it is {}", run.state));
        anyhow::bail!("run {}: {why}", run.id)
    }

    async fn last_run(&self, shop: &ShopId) -> anyhow::Result<Option<RunSummary>> {
        let filter = RunFilter { shop: Some(shop.clone()), ..RunFilter::default() };
        let runs = self.store.runs(filter, RunPaging { before: None, limit: RUNS }).await?;
        Ok(runs.into_iter().find(|run| run.kind.as_str() == KIND))
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

    async fn start(&self, shop: &ShopId) -> anyhow::Result<RunId> {
        let (answer, answered) = oneshot::channel();
        let wish = Wished::RenewCertificate { shop: shop.clone() };
        self.commands.send(Command::Plan { wish, answer }).await.context("control is ending")?;
        let plan = answered.await.context("control is ending")?;
        let plan = plan.map_err(|refusal| anyhow::anyhow!(refusal.message))?;
        // It is due: what ends does not wait for a window.
        let plan = Plan { window: None, ..plan };
        Ok(self.engine.start(plan, Actor::Storewarden).await?)
    }
}

/// Whether a person undid this run, and not long ago.
fn was_taken_back(run: &RunSummary, now_ms: i64) -> bool {
    let by_person = run.cause.as_ref().is_some_and(|cause| cause.by.is_some());
    let ended_ms = run.ended_at_ms.unwrap_or(now_ms);
    run.state == RunState::Undone && by_person && now_ms - ended_ms < TAKEN_BACK_MS
}
