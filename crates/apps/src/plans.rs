//! Plans for the instances of a shop: pure functions from what is configured and seen to what is to
//! be done, or to why it is not.
//!
//! One instance after the other: nobody is sent there, it is restarted, it becomes well, it is sent
//! requests again. What is found unwell goes first, so that the well ones need not carry the shop
//! with less than there could be.

mod refused;
mod view;

pub use refused::Refused;
pub use view::{InstanceView, PoolView};

use crate::{fleet, releases::is_release_name};
use kernel::{
    InstanceName, Params, ShopId,
    config::{Configuration, InstanceSettings, Launch, ShopSettings},
    plan::{Act, Approval, OnFailure, Plan, PlanFact, Purpose, Step, Undo},
};
use sha2::{Digest as _, Sha256};

/// Within this an instance is well after a restart, or the restart has failed. Node on a busy
/// machine needs most of a minute.
const WELL_WITHIN_MS: u64 = 120_000;
/// How long is waited for one that is sent requests again to be well, before it is left to the
/// edge's checks.
pub(crate) const UNDRAIN_WAIT_MS: u64 = 90_000;
/// systemd's own limits: `TimeoutStopSec=` and `TimeoutStartSec=` are 90 s each where nothing is
/// said.
const UNIT_RESTART_MS: u64 = 240_000;
/// For what a step does beside waiting.
const MARGIN_MS: u64 = 30_000;
/// What a restart takes where nobody has seen one.
const USUAL_START_MS: u64 = 10_000;

/// What somebody wants, beyond what is to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Wish {
    /// Also when nobody serves meanwhile: requests are held until it is back.
    pub forced: bool,
    pub purpose: Purpose,
}

/// Restarts one instance.
///
/// # Errors
/// When there is no such instance, nothing of ours starts it, or it is the last one that is well
/// and that was not wished for.
pub fn restart_instance(
    configuration: &Configuration,
    view: &PoolView,
    shop: &ShopId,
    instance: &InstanceName,
    wish: Wish,
    now_ms: i64,
) -> Result<Plan, Refused> {
    let maker = Maker::new(configuration, view, shop, wish)?;
    let settings = fleet::instance_of(maker.shop, instance)
        .ok_or_else(|| Refused::NoInstance { shop: shop.clone(), instance: instance.clone() })?;
    let steps = maker.steps(&[settings], &Deed::Restart)?;
    let mut plan = maker.plan("restart_instance", steps, now_ms);
    plan.params.insert("instance".to_owned(), instance.as_str().into());
    Ok(plan)
}

/// Restarts all instances of a shop, one after the other.
///
/// # Errors
/// As of [`restart_instance`], for any of them.
pub fn rolling_restart(
    configuration: &Configuration,
    view: &PoolView,
    shop: &ShopId,
    wish: Wish,
    now_ms: i64,
) -> Result<Plan, Refused> {
    let maker = Maker::new(configuration, view, shop, wish)?;
    let steps = maker.steps(&maker.all(), &Deed::Restart)?;
    Ok(maker.plan("rolling_restart", steps, now_ms))
}

/// Has all instances of a shop run a release, one after the other. When one does not become well,
/// all go back to the release before.
///
/// # Errors
/// As of [`restart_instance`], for any of them; also when the shop has no `deploy`, there is no such
/// release, it runs already, or none runs that one could go back to.
pub fn rolling_redeploy(
    configuration: &Configuration,
    view: &PoolView,
    shop: &ShopId,
    release: &str,
    wish: Wish,
    now_ms: i64,
) -> Result<Plan, Refused> {
    let maker = Maker::new(configuration, view, shop, wish)?;
    let before = maker.before(release)?;
    let deed = Deed::Deploy { release: release.to_owned(), before: before.clone() };
    let steps = maker.steps(&maker.all(), &deed)?;
    let mut plan = maker.plan("rolling_redeploy", steps, now_ms);
    plan.params.insert("release".to_owned(), release.into());
    plan.params.insert("before".to_owned(), before.as_str().into());
    plan.facts.push(PlanFact { name: release_fact(shop), version: before });
    Ok(plan)
}

/// The name of the fact how a shop's instances are started.
pub(crate) fn instances_fact(shop: &ShopId) -> String {
    format!("instances:{shop}")
}

/// The name of the fact which instances nobody is sent to: a plan that was made while another run
/// held some of them drained would not lead visitors around them.
pub(crate) fn drains_fact(shop: &ShopId) -> String {
    format!("drains:{shop}")
}

/// The names of those that are drained, in the order of the configuration.
pub(crate) fn drains_version<'a>(drained: impl Iterator<Item = &'a InstanceName>) -> String {
    drained.map(InstanceName::as_str).collect::<Vec<_>>().join(" ")
}

/// The name of the fact which release a shop runs.
pub(crate) fn release_fact(shop: &ShopId) -> String {
    format!("release:{shop}")
}

/// Differs when the instances or how they are started do. A digest, since a command may say what is
/// nobody's business.
pub(crate) fn instances_version(shop: &ShopSettings) -> String {
    let told = |instance: &InstanceSettings| {
        format!("{} {} {:?}\n", instance.name, instance.address, instance.launch)
    };
    let text: String = shop.instances.iter().map(told).collect();
    let digest = Sha256::digest(format!("{text}{:?}", shop.deploy));
    digest.iter().take(16).map(|byte| format!("{byte:02x}")).collect()
}

/// What is done to each instance.
enum Deed {
    Restart,
    Deploy { release: String, before: String },
}

struct Maker<'a> {
    configuration: &'a Configuration,
    shop: &'a ShopSettings,
    view: &'a PoolView,
    wish: Wish,
}

impl<'a> Maker<'a> {
    fn new(
        configuration: &'a Configuration,
        view: &'a PoolView,
        shop: &ShopId,
        wish: Wish,
    ) -> Result<Self, Refused> {
        let settings = fleet::shop_of(configuration, shop)
            .ok_or_else(|| Refused::NoShop { shop: shop.clone() })?;
        Ok(Self { configuration, shop: settings, view, wish })
    }

    /// The release that runs now, to which a failed one goes back.
    fn before(&self, release: &str) -> Result<String, Refused> {
        let shop = || self.shop.id.clone();
        if self.shop.deploy.is_none() {
            return Err(Refused::NoDeploy { shop: shop() });
        }
        let is_there = self.view.releases.iter().any(|known| known == release);
        if !is_release_name(release) || !is_there {
            return Err(Refused::no_release(shop(), release, &self.view.releases));
        }
        match &self.view.current_release {
            None => Err(Refused::NoWayBack { shop: shop() }),
            Some(before) if before == release => {
                Err(Refused::RunsAlready { shop: shop(), release: before.clone() })
            }
            Some(before) => Ok(before.clone()),
        }
    }

    /// Every instance, those that are not well first.
    fn all(&self) -> Vec<&'a InstanceSettings> {
        let mut all: Vec<&InstanceSettings> = self.shop.instances.iter().collect();
        all.sort_by_key(|instance| self.view.is_well(&instance.name));
        all
    }

    fn steps(&self, instances: &[&InstanceSettings], deed: &Deed) -> Result<Vec<Step>, Refused> {
        let mut steps = Vec::new();
        for (turn, settings) in instances.iter().enumerate() {
            let Some(launch) = &settings.launch else {
                let (shop, instance) = (self.shop.id.clone(), settings.name.clone());
                return Err(Refused::NoLaunch { shop, instance });
            };
            let restarted = &instances[..turn];
            let drains = self.drains(settings, restarted)?;
            self.one(settings, launch, deed, drains, &mut steps);
        }
        Ok(steps)
    }

    /// Whether visitors are led around the instance while it restarts.
    fn drains(
        &self,
        settings: &InstanceSettings,
        restarted: &[&InstanceSettings],
    ) -> Result<bool, Refused> {
        let name = &settings.name;
        if self.view.is_drained(name) {
            // Somebody has led them around it already, and does not want it back.
            return Ok(false);
        }
        let serves = |other: &&InstanceSettings| {
            let is_well = self.view.is_well(&other.name)
                || restarted.iter().any(|done| done.name == other.name);
            other.name != *name && is_well && !self.view.is_drained(&other.name)
        };
        if self.shop.instances.iter().any(|other| serves(&other)) {
            // Where another web server sends visitors is not ours to say.
            return Ok(self.view.is_well(name) && self.shop.beside.is_none());
        }
        if self.wish.forced || !self.view.is_well(name) {
            return Ok(false);
        }
        Err(self.last_one(name))
    }

    fn last_one(&self, instance: &InstanceName) -> Refused {
        let for_ms = self.view.usual_start_ms.unwrap_or(USUAL_START_MS);
        #[expect(
            clippy::cast_precision_loss,
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "about how many, for a person"
        )]
        let held = self
            .view
            .requests_per_second
            .map(|rate| (rate.max(0.0) * for_ms as f64 / 1_000.0).round() as u64);
        let (shop, instance) = (self.shop.id.clone(), instance.clone());
        Refused::LastOne { shop, instance, held, for_ms }
    }

    fn one(
        &self,
        settings: &InstanceSettings,
        launch: &Launch,
        deed: &Deed,
        drains: bool,
        steps: &mut Vec<Step>,
    ) {
        let at = || (self.shop.id.clone(), settings.name.clone());
        let drain = || {
            let (shop, instance) = at();
            Act::Drain { shop, instance }
        };
        let undrain = || {
            let (shop, instance) = at();
            Act::Undrain { shop, instance }
        };
        let drain_ms = self.configuration.edge.drain_ms + UNDRAIN_WAIT_MS + MARGIN_MS;
        if drains {
            steps.push(Step { act: drain(), undo: Undo::By(undrain()), timeout_ms: drain_ms });
        }
        let (shop, instance) = at();
        let restart_ms = restart_ms(launch);
        steps.push(match deed {
            Deed::Restart => Step {
                act: Act::Restart { shop, instance },
                undo: Undo::NothingToUndo,
                timeout_ms: restart_ms,
            },
            Deed::Deploy { release, before } => {
                let deploy = |release: &str, before: &str| Act::Deploy {
                    shop: shop.clone(),
                    instance: instance.clone(),
                    release: release.to_owned(),
                    before: Some(before.to_owned()),
                };
                let undo = Undo::By(deploy(before, release));
                Step { act: deploy(release, before), undo, timeout_ms: restart_ms }
            }
        });
        let (shop, instance) = at();
        steps.push(Step {
            act: Act::AwaitHealthy { shop, instance, within_ms: WELL_WITHIN_MS },
            undo: Undo::NothingToUndo,
            timeout_ms: WELL_WITHIN_MS + MARGIN_MS,
        });
        if drains {
            steps.push(Step { act: undrain(), undo: Undo::By(drain()), timeout_ms: drain_ms });
        }
    }

    fn plan(&self, kind: &str, steps: Vec<Step>, now_ms: i64) -> Plan {
        let id = &self.shop.id;
        let version = instances_version(self.shop);
        let names = self.shop.instances.iter().map(|instance| &instance.name);
        let drained = drains_version(names.filter(|name| self.view.is_drained(name)));
        Plan {
            kind: kind.parse().expect("invariant: our kinds are snake_case"),
            shop: Some(id.clone()),
            params: Params::from([("shop".to_owned(), id.as_str().into())]),
            steps,
            made_at_ms: now_ms,
            facts: vec![
                PlanFact { name: instances_fact(id), version },
                PlanFact { name: drains_fact(id), version: drained },
            ],
            approval: Approval::NotNeeded,
            purpose: self.wish.purpose,
            on_failure: OnFailure::Undo,
            window: None,
        }
    }
}

fn restart_ms(launch: &Launch) -> u64 {
    MARGIN_MS
        + match launch {
            Launch::Unit(_) => UNIT_RESTART_MS,
            // Once by its keeper, and once by us if the keeper should be gone.
            Launch::Command(settings) => settings.stop_grace_ms.saturating_mul(2),
        }
}

#[cfg(test)]
mod tests;
