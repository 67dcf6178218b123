//! Does the acts on instances for the change engine: what an act means for a driver, a link and the
//! edge, how it is seen to be done, and how it is told, after a crash, whether it was.

mod conditions;
mod well;

use crate::{
    AppsError, Driver, Fleet, InstanceState, InstanceView, Means, PoolView, fence, fleet,
    plans::{
        UNDRAIN_WAIT_MS, drains_fact, drains_version, instances_fact, instances_version,
        release_fact,
    },
    releases::{self, current_release, releases},
};
use kernel::{
    InstanceName, Params, ShopId, Value,
    config::{DeploySettings, InstanceSettings, ShopSettings},
    facts::Health,
    plan::{
        Act, Area, Condition, Failed, Fence, Intent, Pending, Performer, Probe, Progress, RunId,
    },
};
use std::{fmt, time::Duration};
use tokio::time::{Instant, timeout_at};

/// The instances of all shops: looked at, acted on.
pub struct Instances<F> {
    means: Means,
    fleet: F,
    now_ms: fn() -> i64,
}

/// One instance, as configured when the act began.
struct Target {
    shop: ShopSettings,
    instance: InstanceSettings,
    driver: Option<Driver>,
    drain_wait: Duration,
}

impl<F: Fleet> Instances<F> {
    /// `now_ms` reads unix milliseconds.
    pub fn new(means: Means, fleet: F, now_ms: fn() -> i64) -> Self {
        Self { means, fleet, now_ms }
    }

    /// The driver of an instance; `None` when there is no such instance, or nothing of ours starts
    /// it.
    #[must_use]
    pub fn driver(&self, shop: &ShopId, instance: &InstanceName) -> Option<Driver> {
        self.target(shop, instance)?.driver
    }

    /// What is seen of a shop's instances now; `None` when there is no such shop.
    pub async fn view(&self, shop: &ShopId) -> Option<PoolView> {
        let configuration = self.fleet.configuration();
        let settings = fleet::shop_of(&configuration, shop)?;
        let mut instances = Vec::new();
        for instance in &settings.instances {
            let state = match self.means.driver(shop, instance) {
                Some(driver) => Some(driver.state((self.now_ms)()).await),
                None => None,
            };
            let drained = self.fleet.is_drained(shop, &instance.name).await;
            let health = self.fleet.seen(shop, &instance.name).borrow().map(|seen| seen.health);
            instances.push(InstanceView {
                name: instance.name.clone(),
                health,
                // Who cannot tell leads nobody astray by leaving it as it is.
                drained: drained.unwrap_or(true),
                state,
            });
        }
        // What cannot be read is no release that could be chosen.
        let known = settings.deploy.as_ref().and_then(|deploy| releases(deploy).ok());
        let current = settings.deploy.as_ref().and_then(|deploy| current_release(deploy).ok());
        Some(PoolView {
            instances,
            requests_per_second: self.fleet.requests_per_second(shop),
            usual_start_ms: None,
            releases: known.unwrap_or_default(),
            current_release: current.flatten(),
        })
    }

    /// Brings about what was wanted last of every instance: see [`Driver::resume`]. Answers what
    /// went wrong with whom.
    pub async fn resume(&self) -> Vec<(ShopId, InstanceName, AppsError)> {
        let mut failures = Vec::new();
        for shop in &self.fleet.configuration().shops {
            for instance in &shop.instances {
                let Some(driver) = self.means.driver(&shop.id, instance) else { continue };
                if let Err(error) = driver.resume().await {
                    failures.push((shop.id.clone(), instance.name.clone(), error));
                }
            }
        }
        failures
    }

    fn target(&self, shop: &ShopId, instance: &InstanceName) -> Option<Target> {
        let configuration = self.fleet.configuration();
        let shop = fleet::shop_of(&configuration, shop)?;
        let instance = fleet::instance_of(shop, instance)?;
        Some(Target {
            shop: shop.clone(),
            instance: instance.clone(),
            driver: self.means.driver(&shop.id, instance),
            drain_wait: Duration::from_millis(configuration.edge.drain_ms),
        })
    }

    fn target_of(&self, act: &Act) -> Result<Target, Failed> {
        let (shop, instance) = act
            .instance()
            .ok_or_else(|| Failed::new(format!("`{}` is no act on an instance", act.code())))?;
        self.target(shop, instance).ok_or_else(|| {
            let names = [("shop", shop.as_str().into()), ("instance", instance.as_str().into())];
            Failed::new(format!("shop `{shop}` has no instance `{instance}`"))
                .because("no_instance", names)
        })
    }

    async fn do_act(
        &self,
        act: &Act,
        fence: Fence,
        progress: &dyn Progress,
    ) -> Result<Params, Failed> {
        let target = self.target_of(act)?;
        match act {
            Act::Drain { .. } | Act::Hold { .. } => {
                return self.drain(&target, fence, progress).await;
            }
            Act::Undrain { .. } => {
                self.set_drain(&target, None).await?;
                return Ok(Params::new());
            }
            Act::AwaitHealthy { within_ms, .. } => {
                let within = Duration::from_millis(*within_ms);
                return self.await_well(&target, within, Some(progress)).await;
            }
            _ => {}
        }
        let folder = self.means.folder_of(&target.shop.id, &target.instance.name);
        blocking(move || fence::pass(&folder, fence)).await?;
        let driver = target.driver()?;
        let done = match act {
            Act::Stop { .. } => driver.stop().await,
            Act::Start { .. } => driver.start().await,
            Act::Restart { .. } => driver.restart().await,
            Act::Deploy { release, .. } => {
                let (deploy, release) = (target.deploy()?.clone(), release.clone());
                progress.line(&format!(
                    "points {} at release {release}, restarts {}",
                    deploy.current.display(),
                    target.instance.name
                ));
                blocking(move || releases::switch(&deploy, &release)).await?;
                driver.restart().await
            }
            other => return Err(Failed::new(format!("`{}` is not ours to do", other.code()))),
        };
        done.map_err(failed)?;
        Ok(Params::new())
    }

    /// Leads visitors around it, and waits for the requests that run there.
    async fn drain(
        &self,
        target: &Target,
        fence: Fence,
        progress: &dyn Progress,
    ) -> Result<Params, Failed> {
        self.set_drain(target, Some(fence.run)).await?;
        let ends = Instant::now() + target.drain_wait;
        let mut seen = self.fleet.seen(&target.shop.id, &target.instance.name);
        // What was reported before does not know of the drain yet.
        seen.mark_unchanged();
        let mut left = None;
        while let Ok(Ok(())) = timeout_at(ends, seen.changed()).await {
            let report = *seen.borrow_and_update();
            // An edge that sends requests there still has not heard of it.
            let heard =
                report.filter(|seen| !matches!(seen.health, Health::Up | Health::SlowStart));
            let now = heard.map(|seen| seen.in_flight);
            if now == Some(0) {
                left = now;
                break;
            }
            if let Some(running) = now.filter(|_| now != left) {
                progress.line(&format!("{running} requests run there still"));
            }
            left = now;
        }
        if left != Some(0) {
            progress.line("not every request there is known to have ended; it gets its grace");
        }
        Ok(left.map(|left| ("in_flight".to_owned(), left.into())).into_iter().collect())
    }

    async fn set_drain(&self, target: &Target, drain: Option<RunId>) -> Result<(), Failed> {
        let set = self.fleet.drain(&target.shop.id, &target.instance.name, drain).await;
        set.map_err(|error| {
            let said = [("error", error.as_str().into())];
            Failed::for_now(error.clone()).because("drain_not_set", said)
        })
    }

    async fn is_drained(&self, target: &Target) -> Result<bool, Failed> {
        let drained = self.fleet.is_drained(&target.shop.id, &target.instance.name).await;
        drained.map_err(|error| {
            let said = [("error", error.as_str().into())];
            Failed::for_now(error.clone()).because("records_unreadable", said)
        })
    }

    async fn see_effect(&self, act: &Act) -> Result<Params, Failed> {
        let target = self.target_of(act)?;
        match act {
            Act::Drain { .. } | Act::Hold { .. } if self.is_drained(&target).await? => {
                Ok(Params::new())
            }
            Act::Drain { .. } | Act::Hold { .. } => {
                Err(Failed::for_now("it is not drained").because("not_drained", []))
            }
            Act::Undrain { .. } if self.is_drained(&target).await? => {
                Err(Failed::for_now("it is drained still").because("still_drained", []))
            }
            Act::Undrain { .. } => Ok(self.serves_again(&target).await),
            Act::AwaitHealthy { .. } => {
                let not_yet =
                    |not_well: well::NotWell| Failed { retryable: true, ..not_well.failed };
                self.well(&target).await.map_err(not_yet)
            }
            Act::Deploy { release, .. } => {
                let current = current_release(target.deploy()?).map_err(failed)?;
                if current.as_deref() != Some(release.as_str()) {
                    let message = format!("release {release} is not the one that runs");
                    let release = [("release", release.as_str().into())];
                    return Err(Failed::new(message).because("release_not_running", release));
                }
                self.see_state(&target, true).await
            }
            Act::Restart { .. } | Act::Start { .. } => self.see_state(&target, true).await,
            Act::Stop { .. } => self.see_state(&target, false).await,
            other => Err(Failed::new(format!("`{}` is not ours to do", other.code()))),
        }
    }

    async fn see_state(&self, target: &Target, runs: bool) -> Result<Params, Failed> {
        let state = target.driver()?.state((self.now_ms)()).await;
        let as_wanted = match &state {
            InstanceState::Running { .. } | InstanceState::Starting => runs,
            InstanceState::Stopped => !runs,
            _ => false,
        };
        if as_wanted { Ok(evidence(&state)) } else { Err(well::told(&state)) }
    }

    /// Waits a while for the edge to send requests there. That it does not is no failure of having
    /// let it: its checks decide.
    async fn serves_again(&self, target: &Target) -> Params {
        let within = Duration::from_millis(UNDRAIN_WAIT_MS);
        match self.await_well(target, within, None).await {
            Ok(evidence) => evidence,
            Err(not_well) => Params::from([("not_well".to_owned(), not_well.message.into())]),
        }
    }

    async fn look_before(&self, act: &Act) -> Result<Params, Failed> {
        let target = self.target_of(act)?;
        let mut before = Params::new();
        if let Some(driver) = &target.driver {
            before = evidence(&driver.state((self.now_ms)()).await);
        }
        if matches!(act, Act::Deploy { .. })
            && let Some(release) = current_release(target.deploy()?).map_err(failed)?
        {
            before.insert("release".to_owned(), release.into());
        }
        Ok(before)
    }

    async fn look_after(&self, act: &Act, intent: &Intent) -> Result<Probe, Failed> {
        let target = self.target_of(act)?;
        let known = |done: bool| if done { Probe::Done } else { Probe::NotDone };
        match act {
            Act::Drain { .. } | Act::Hold { .. } => {
                return self.is_drained(&target).await.map(known);
            }
            Act::Undrain { .. } => {
                return self.is_drained(&target).await.map(|drained| known(!drained));
            }
            // Waiting leaves nothing behind: to wait again is to wait.
            Act::AwaitHealthy { .. } => return Ok(Probe::NotDone),
            _ => {}
        }
        let state = target.driver()?.state((self.now_ms)()).await;
        let restarted = restarted(&state, intent);
        Ok(match act {
            Act::Stop { .. } => match &state {
                InstanceState::Stopped => Probe::Done,
                InstanceState::Stopping => Probe::Partial,
                InstanceState::Unknown { .. } => well::told(&state).into(),
                _ => Probe::NotDone,
            },
            Act::Start { .. } => match &state {
                InstanceState::Running { .. } => Probe::Done,
                InstanceState::Starting => Probe::Partial,
                InstanceState::Unknown { .. } => well::told(&state).into(),
                _ => Probe::NotDone,
            },
            Act::Deploy { release, .. } => {
                let before = intent.before.get("release");
                let is_new = before != Some(&Value::from(release.as_str()));
                let current = current_release(target.deploy()?).map_err(failed)?;
                match (current.as_deref() == Some(release.as_str()), restarted) {
                    (true, Probe::NotDone) if is_new => Probe::Partial,
                    (true, restarted) => restarted,
                    (false, unknown @ Probe::Unknown { .. }) => unknown,
                    (false, _) => Probe::NotDone,
                }
            }
            _ => restarted,
        })
    }

    async fn read_fact(&self, name: &str) -> Option<String> {
        let configuration = self.fleet.configuration();
        let shop = |fact: fn(&ShopId) -> String| {
            configuration.shops.iter().find(|shop| fact(&shop.id) == name)
        };
        if let Some(shop) = shop(instances_fact) {
            return Some(instances_version(shop));
        }
        if let Some(shop) = shop(drains_fact) {
            let mut drained = Vec::new();
            for instance in &shop.instances {
                // As in the view: who cannot tell leaves it as it is.
                let is_drained = self.fleet.is_drained(&shop.id, &instance.name).await;
                drained.extend(is_drained.unwrap_or(true).then_some(&instance.name));
            }
            return Some(drains_version(drained.into_iter()));
        }
        let deploy = shop(release_fact)?.deploy.clone()?;
        blocking(move || current_release(&deploy)).await.ok().flatten()
    }
}

impl Target {
    fn driver(&self) -> Result<&Driver, Failed> {
        self.driver.as_ref().ok_or_else(|| {
            let name = &self.instance.name;
            Failed::new(format!("nothing of ours starts `{name}`: neither `unit` nor `command`"))
                .because("no_launch", [("instance", name.as_str().into())])
        })
    }

    fn deploy(&self) -> Result<&DeploySettings, Failed> {
        let missing = || {
            let shop = &self.shop.id;
            Failed::new(format!("shop `{shop}` has no `deploy`"))
                .because("no_deploy", [("shop", shop.as_str().into())])
        };
        self.shop.deploy.as_ref().ok_or_else(missing)
    }
}

impl<F: Fleet> Performer for Instances<F> {
    fn areas(&self) -> &[Area] {
        &[Area::Instances]
    }

    fn conditions<'a>(&'a self, act: &'a Act, after: &'a [Act]) -> Pending<'a, Vec<Condition>> {
        Box::pin(self.conditions_of(act, after))
    }

    fn before<'a>(&'a self, act: &'a Act) -> Pending<'a, Result<Params, Failed>> {
        Box::pin(self.look_before(act))
    }

    fn perform<'a>(
        &'a self,
        act: &'a Act,
        fence: Fence,
        progress: &'a dyn Progress,
    ) -> Pending<'a, Result<Params, Failed>> {
        Box::pin(self.do_act(act, fence, progress))
    }

    fn verify<'a>(&'a self, act: &'a Act) -> Pending<'a, Result<Params, Failed>> {
        Box::pin(self.see_effect(act))
    }

    fn probe<'a>(&'a self, act: &'a Act, intent: &'a Intent) -> Pending<'a, Probe> {
        Box::pin(async move {
            let looked = self.look_after(act, intent).await;
            looked.unwrap_or_else(Probe::from)
        })
    }

    fn fact<'a>(&'a self, name: &'a str) -> Pending<'a, Option<String>> {
        Box::pin(self.read_fact(name))
    }
}

impl<F> fmt::Debug for Instances<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Instances").field("means", &self.means).finish_non_exhaustive()
    }
}

/// Whether another life runs than did before the act.
fn restarted(state: &InstanceState, intent: &Intent) -> Probe {
    let before = intent.before.get("life");
    match state {
        InstanceState::Running { life, .. } if before == Some(&Value::from(life.0.as_str())) => {
            Probe::NotDone
        }
        InstanceState::Running { .. } => Probe::Done,
        InstanceState::Unknown { .. } => well::told(state).into(),
        _ => Probe::Partial,
    }
}

fn evidence(state: &InstanceState) -> Params {
    let mut evidence = Params::from([("state".to_owned(), Value::from(state.code()))]);
    if let InstanceState::Running { pid, since_ms, life } = state {
        evidence.insert("life".to_owned(), life.0.as_str().into());
        evidence.insert("since_ms".to_owned(), (*since_ms).into());
        evidence.extend(pid.map(|pid| ("pid".to_owned(), Value::from(u64::from(pid)))));
    }
    evidence
}

#[expect(clippy::needless_pass_by_value, reason = "for `map_err`")]
fn failed(error: AppsError) -> Failed {
    let retryable = matches!(error, AppsError::Busy);
    Failed { message: error.chain(), reason: Some(error.reason()), retryable }
}

async fn blocking<T: Send + 'static>(
    deed: impl FnOnce() -> Result<T, AppsError> + Send + 'static,
) -> Result<T, Failed> {
    let done = tokio::task::spawn_blocking(deed).await;
    done.expect("invariant: reading and writing files does not panic").map_err(failed)
}
