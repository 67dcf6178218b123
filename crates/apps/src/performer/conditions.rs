//! What must hold before an act on an instance.

use super::Instances;
use crate::{Fleet, fleet, releases};
use kernel::{
    InstanceName, Params, ShopId,
    config::ShopSettings,
    plan::{Act, Condition, Holds},
};

impl<F: Fleet> Instances<F> {
    pub(super) async fn conditions_of(&self, act: &Act, after: &[Act]) -> Vec<Condition> {
        let Some((shop, name)) = act.instance() else { return Vec::new() };
        let configuration = self.fleet.configuration();
        let found = fleet::shop_of(&configuration, shop)
            .and_then(|shop| Some((shop, fleet::instance_of(shop, name)?)));
        let Some((settings, instance)) = found else {
            return vec![condition("instance_known", act, Holds::No)];
        };
        let launch = || condition("instance_managed", act, known(instance.launch.is_some()));
        match act {
            Act::Drain { .. } => {
                let holds = self.others_serve(settings, name, after).await;
                vec![condition("another_instance_healthy", act, holds)]
            }
            Act::Hold { .. } => {
                let hold = &settings.hold;
                let said = [
                    ("max_requests", u64::from(hold.max_requests).into()),
                    ("within_s", (hold.max_wait_ms / 1000).into()),
                ];
                let params = said.map(|(name, value)| (name.to_owned(), value)).into();
                let holds = known(hold.max_requests > 0);
                vec![Condition { code: "visitors_wait".to_owned(), params, holds }]
            }
            Act::Stop { .. } | Act::Start { .. } | Act::Restart { .. } => vec![launch()],
            Act::Deploy { release, .. } => {
                let deploy = settings.deploy.as_ref();
                let is_there = deploy.is_some_and(|deploy| releases::is_there(deploy, release));
                vec![launch(), condition("release_present", act, known(is_there))]
            }
            _ => Vec::new(),
        }
    }

    /// Whether another instance takes requests when the acts before are done.
    async fn others_serve(&self, shop: &ShopSettings, name: &InstanceName, after: &[Act]) -> Holds {
        let mut holds = Holds::No;
        for other in shop.instances.iter().filter(|other| other.name != *name) {
            match self.will_serve(&shop.id, &other.name, after).await {
                Holds::Yes => return Holds::Yes,
                Holds::Unknown => holds = Holds::Unknown,
                Holds::No => {}
            }
        }
        holds
    }

    async fn will_serve(&self, shop: &ShopId, name: &InstanceName, after: &[Act]) -> Holds {
        let seen = *self.fleet.seen(shop, name).borrow();
        let mut well = seen.map(|seen| seen.is_well());
        let mut drained = self.fleet.is_drained(shop, name).await.ok();
        for act in after.iter().filter(|act| act.instance() == Some((shop, name))) {
            match act {
                Act::Drain { .. } | Act::Hold { .. } => drained = Some(true),
                Act::Undrain { .. } => drained = Some(false),
                Act::Stop { .. } => well = Some(false),
                Act::AwaitHealthy { .. } => well = Some(true),
                _ => {}
            }
        }
        match (well, drained) {
            (Some(true), Some(false)) => Holds::Yes,
            (Some(false), _) | (_, Some(true)) => Holds::No,
            _ => Holds::Unknown,
        }
    }
}

fn known(holds: bool) -> Holds {
    if holds { Holds::Yes } else { Holds::No }
}

fn condition(code: &str, act: &Act, holds: Holds) -> Condition {
    let params: Params = act.params();
    Condition { code: code.to_owned(), params, holds }
}
