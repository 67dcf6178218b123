//! Acts on real processes: done, seen to be done, and told from not done whenever one looks.

use crate::{
    LONG,
    fleet::SimulatedFleet,
    now_ms,
    yard::{Yard, keeper_program},
};
use apps::{
    Driver, Instances, Means, Systemd, Wish, current_release, restart_instance, rolling_redeploy,
};
use kernel::{
    InstanceName, Params, ShopId,
    config::DeploySettings,
    facts::Health,
    plan::{
        Act, Condition, Fence, Holds, Intent, Measure, Pending, Performer, Plan, Probe, Progress,
        RunId, Undo,
    },
};
use std::{fs, os::unix::fs::symlink, path::Path, time::Duration};
use testkit::{free_port, wait_until};
use tokio::time::timeout;

const FENCE: Fence = Fence { run: RunId(1), epoch: 1 };

/// Nobody listens, and nobody wants to stop.
struct Quiet;

impl Progress for Quiet {
    fn line(&self, _: &str) {}

    fn measure(&self, _: Measure) {}

    fn is_cancelled(&self) -> bool {
        false
    }

    fn cancelled(&self) -> Pending<'_, ()> {
        Box::pin(std::future::pending())
    }
}

/// Two instances, `a` and `b`, of the release that the link points at: `good` and `next` run,
/// `bad` ends at once.
struct Shop {
    yard: Yard,
    fleet: SimulatedFleet,
    instances: Instances<SimulatedFleet>,
}

impl Shop {
    fn new() -> Self {
        let yard = Yard::new();
        let root = yard.folder.path();
        for (release, script) in [
            ("good", "echo good; exec sleep 1000"),
            ("next", "echo next; exec sleep 1000"),
            ("bad", "echo out of order; exit 3"),
        ] {
            let folder = root.join("releases").join(release);
            fs::create_dir_all(&folder).unwrap();
            fs::write(folder.join("serve.sh"), script).unwrap();
        }
        symlink(root.join("releases/good"), root.join("current")).unwrap();
        let fleet = SimulatedFleet::new(&file(root));
        let means =
            Means { folder: root.to_owned(), keeper: keeper_program(), systemd: Systemd::here() };
        let instances = Instances::new(means, fleet.clone(), now_ms);
        Self { yard, fleet, instances }
    }

    fn deploy(&self) -> DeploySettings {
        let root = self.yard.folder.path();
        DeploySettings { releases: root.join("releases"), current: root.join("current") }
    }

    fn driver(&self, instance: &str) -> Driver {
        self.instances.driver(&lamps(), &name(instance)).unwrap()
    }

    /// The edge reports that both are well, as of long after whatever happened lately.
    fn report_well(&self) {
        for instance in ["a", "b"] {
            self.fleet.report(instance, Health::Up, 0, now_ms() + 60_000);
        }
    }

    async fn intent(&self, act: &Act) -> Intent {
        Intent { at_ms: now_ms(), before: self.instances.before(act).await.unwrap() }
    }

    async fn perform(&self, act: &Act) -> Result<Params, String> {
        let done = timeout(LONG, self.instances.perform(act, FENCE, &Quiet)).await;
        let done = done.unwrap_or_else(|_| panic!("`{}` takes too long", act.code()));
        done.map_err(|failed| failed.message)
    }

    /// As the engine does one step, and looks at it as if it had been killed before and after.
    async fn step(&self, act: &Act) -> Result<(), String> {
        self.report_well();
        let conditions = self.instances.conditions(act, &[]).await;
        let unmet = conditions.iter().find(|condition| condition.holds != Holds::Yes);
        assert_eq!(unmet, None, "{}", act.code());
        let intent = self.intent(act).await;
        assert_eq!(self.instances.probe(act, &intent).await, Probe::NotDone, "{}", act.code());
        self.perform_seen_drained(act).await?;
        self.report_well();
        let seen = self.instances.verify(act).await;
        seen.map_err(|failed| failed.message)?;
        let expect: &[Probe] = match act {
            Act::AwaitHealthy { .. } => &[Probe::NotDone],
            // It ends at once, before one looks or after.
            Act::Deploy { release, .. } if release == "bad" => &[Probe::Done, Probe::Partial],
            _ => &[Probe::Done],
        };
        let probed = self.instances.probe(act, &intent).await;
        assert!(expect.contains(&probed), "{}: {probed:?}", act.code());
        Ok(())
    }

    async fn perform_seen_drained(&self, act: &Act) -> Result<Params, String> {
        let performed = self.perform(act);
        let Act::Drain { instance, .. } = act else { return performed.await };
        let reports = async {
            loop {
                self.fleet.report(instance.as_str(), Health::Draining, 0, now_ms());
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::select! {
            done = performed => done,
            () = reports => unreachable!("it reports for ever"),
        }
    }

    /// Carries a plan out; when a step fails, takes back what was done, the last first.
    async fn carry_out(&self, plan: &Plan) -> Result<(), String> {
        for (number, step) in plan.steps.iter().enumerate() {
            let Err(why) = self.step(&step.act).await else { continue };
            for step in plan.steps[..=number].iter().rev() {
                if let Undo::By(act) = &step.undo {
                    self.report_well();
                    self.perform_seen_drained(act).await.unwrap();
                    self.report_well();
                    self.instances.verify(act).await.unwrap();
                }
            }
            return Err(why);
        }
        Ok(())
    }

    async fn runs(&self, instance: &str, release: &str) {
        let driver = self.driver(instance);
        wait_until(release, LONG, async || {
            let lines = driver.log_tail(1).await.unwrap();
            if lines == [release] { Ok(()) } else { Err(lines) }
        })
        .await;
        assert!(driver.state(now_ms()).await.life().is_some());
    }
}

fn file(root: &Path) -> String {
    let instance = |name: &str| {
        format!(
            "[[shop.lamps.app]]\nname = \"{name}\"\naddress = \"{}\"\n\
             command = [\"/bin/sh\", \"serve.sh\"]\ndirectory = \"{}/current\"\n\
             stop_grace = \"500ms\"\n",
            free_port(),
            root.display()
        )
    };
    format!(
        "version = 1\nedge.listen = \"http://127.0.0.1:1\"\nedge.drain = \"20s\"\n\
         [shop.lamps]\nplatform = \"sample\"\nhosts = \"lamps.example\"\n\
         deploy = {{ releases = \"{0}/releases\", current = \"{0}/current\" }}\n{1}{2}",
        root.display(),
        instance("a"),
        instance("b")
    )
}

fn lamps() -> ShopId {
    "lamps".parse().unwrap()
}

fn name(text: &str) -> InstanceName {
    text.parse().unwrap()
}

fn restart(instance: &str) -> Act {
    Act::Restart { shop: lamps(), instance: name(instance) }
}

fn drain(instance: &str) -> Act {
    Act::Drain { shop: lamps(), instance: name(instance) }
}

fn await_healthy(within_ms: u64) -> Act {
    Act::AwaitHealthy { shop: lamps(), instance: name("a"), within_ms }
}

fn deploy(release: &str) -> Act {
    let (shop, instance) = (lamps(), name("a"));
    Act::Deploy { shop, instance, release: release.to_owned(), before: None }
}

#[tokio::test]
async fn an_instance_is_restarted_by_a_plan() {
    let shop = Shop::new();
    shop.instances.resume().await;
    shop.report_well();
    let before = shop.driver("a").state(now_ms()).await;
    let view = shop.instances.view(&lamps()).await.unwrap();
    assert_eq!(view.releases, ["bad", "good", "next"]);
    let configuration = apps::Fleet::configuration(&shop.fleet);
    let wish = Wish::default();
    let plan = restart_instance(&configuration, &view, &lamps(), &name("a"), wish, now_ms());
    let plan = plan.unwrap();
    assert_eq!(plan.steps.len(), 4);
    for fact in &plan.facts {
        assert_eq!(shop.instances.fact(&fact.name).await.as_ref(), Some(&fact.version));
    }
    shop.carry_out(&plan).await.unwrap();
    let after = shop.driver("a").state(now_ms()).await;
    assert!(after.life().is_some() && after.life() != before.life(), "{before:?} {after:?}");
}

#[tokio::test]
async fn a_release_goes_out_to_all_and_one_that_is_not_well_goes_back() {
    let shop = Shop::new();
    shop.instances.resume().await;
    let configuration = apps::Fleet::configuration(&shop.fleet);
    let plan = async |release: &str| {
        shop.report_well();
        let view = shop.instances.view(&lamps()).await.unwrap();
        let wish = Wish::default();
        let plan = rolling_redeploy(&configuration, &view, &lamps(), release, wish, now_ms());
        let mut plan = plan.unwrap();
        for fact in &plan.facts {
            assert_eq!(shop.instances.fact(&fact.name).await.as_ref(), Some(&fact.version));
        }
        for step in &mut plan.steps {
            if let Act::AwaitHealthy { within_ms, .. } = &mut step.act {
                *within_ms = 1_000;
            }
        }
        plan
    };
    shop.carry_out(&plan("next").await).await.unwrap();
    shop.runs("a", "next").await;
    shop.runs("b", "next").await;
    let why = shop.carry_out(&plan("bad").await).await.unwrap_err();
    assert!(why.contains("ended with code 3") && why.contains("out of order"), "{why}");
    assert_eq!(current_release(&shop.deploy()).unwrap().as_deref(), Some("next"));
    shop.runs("a", "next").await;
    shop.runs("b", "next").await;
    let view = shop.instances.view(&lamps()).await.unwrap();
    assert!(view.instances.iter().all(|instance| !instance.drained), "{view:?}");
}

#[tokio::test]
async fn a_deploy_that_was_interrupted_is_told_by_the_link_and_the_life() {
    let shop = Shop::new();
    shop.instances.resume().await;
    let act = deploy("next");
    let intent = shop.intent(&act).await;
    assert_eq!(shop.instances.probe(&act, &intent).await, Probe::NotDone);
    // Killed after the link was pointed elsewhere.
    let (link, root) = (shop.deploy().current, shop.yard.folder.path());
    fs::remove_file(&link).unwrap();
    symlink(root.join("releases/next"), &link).unwrap();
    assert_eq!(shop.instances.probe(&act, &intent).await, Probe::Partial);
    // Killed after the old process was stopped.
    shop.driver("a").stop().await.unwrap();
    assert_eq!(shop.instances.probe(&act, &intent).await, Probe::Partial);
    shop.perform(&act).await.unwrap();
    assert_eq!(shop.instances.probe(&act, &intent).await, Probe::Done);
    shop.runs("a", "next").await;
}

#[tokio::test]
async fn an_older_life_of_the_engine_does_nothing_more() {
    let shop = Shop::new();
    let later = Fence { epoch: 2, ..FENCE };
    shop.instances.perform(&restart("a"), later, &Quiet).await.unwrap();
    let life = shop.driver("a").state(now_ms()).await;
    let failed = shop.instances.perform(&restart("a"), FENCE, &Quiet).await.unwrap_err();
    assert!(failed.message.contains("epoch 1 of this run is void"), "{failed}");
    assert_eq!(shop.driver("a").state(now_ms()).await.life(), life.life());
}

#[tokio::test]
async fn a_drain_waits_for_the_requests_that_run() {
    let shop = Shop::new();
    let act = drain("a");
    let mut draining = Box::pin(shop.instances.perform(&act, FENCE, &Quiet));
    // The last report before the edge heard of it, and then two requests that take their time.
    for (health, left) in [(Health::Up, 0), (Health::Draining, 2)] {
        shop.fleet.report("a", health, left, now_ms());
        let early = timeout(Duration::from_millis(50), &mut draining).await;
        assert!(early.is_err(), "{health:?} {left}: {early:?}");
    }
    shop.fleet.report("a", Health::Draining, 0, now_ms());
    let evidence = timeout(LONG, draining).await.unwrap().unwrap();
    assert_eq!(evidence["in_flight"], 0_u64.into());
    shop.instances.verify(&act).await.unwrap();
}

#[tokio::test]
async fn well_before_a_restart_is_not_well_after_it() {
    let shop = Shop::new();
    let act = await_healthy(500);
    let why = shop.perform(&act).await.unwrap_err();
    assert_eq!(why, "it is stopped");
    shop.driver("a").start().await.unwrap();
    let why = shop.perform(&act).await.unwrap_err();
    assert!(why.contains("the edge does not report"), "{why}");
    shop.fleet.report("a", Health::Up, 0, now_ms() - 60_000);
    let why = shop.perform(&act).await.unwrap_err();
    assert!(why.contains("well before its start"), "{why}");
    shop.fleet.report("a", Health::Down, 0, now_ms() + 60_000);
    let why = shop.perform(&act).await.unwrap_err();
    assert!(why.contains("its checks do not succeed"), "{why}");
    shop.fleet.report("a", Health::Draining, 0, now_ms() + 60_000);
    shop.perform(&act).await.unwrap();
}

#[tokio::test]
async fn conditions_are_asked_as_if_the_acts_before_were_done() {
    let shop = Shop::new();
    let check = async |act: &Act, after: &[Act], code: &str, expect: Holds| {
        let conditions: Vec<Condition> = shop.instances.conditions(act, after).await;
        let found: Vec<_> =
            conditions.iter().map(|condition| (condition.code.as_str(), condition.holds)).collect();
        assert!(found.contains(&(code, expect)), "{after:?}: {found:?}");
    };
    let serves = "another_instance_healthy";
    check(&drain("a"), &[], serves, Holds::Unknown).await;
    shop.fleet.report("b", Health::Down, 0, now_ms());
    check(&drain("a"), &[], serves, Holds::No).await;
    let b_is_well = Act::AwaitHealthy { shop: lamps(), instance: name("b"), within_ms: 1 };
    check(&drain("a"), &[b_is_well], serves, Holds::Yes).await;
    shop.report_well();
    check(&drain("a"), &[], serves, Holds::Yes).await;
    check(&drain("a"), &[drain("b")], serves, Holds::No).await;
    check(&restart("a"), &[], "instance_managed", Holds::Yes).await;
    check(&deploy("next"), &[], "release_present", Holds::Yes).await;
    check(&deploy("../etc"), &[], "release_present", Holds::No).await;
    check(&restart("z"), &[], "instance_known", Holds::No).await;
}
