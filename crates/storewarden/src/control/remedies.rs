//! Carries out what remedies wish for: a wish becomes a plan, the plan a run, and the desk is told
//! how it ended. Whether the finding went away is the desk's to see.

use ::plan::Engine;
use ::watch::{
    desk::Desk,
    incidents::{ProgressKind, RemedyProgress},
};
use api::{Command, Wished};
use kernel::{
    Actor, RemedyWish, ShopId, Value,
    config::{Configuration, ShopSettings},
    plan::{Plan, Run, RunId, RunState},
};
use std::sync::Arc;
use tokio::{
    sync::{mpsc, oneshot, watch},
    task::JoinSet,
};

/// Remedies that run at the same time; the desk's own limits are lower.
const AT_ONCE: usize = 8;

/// What it takes to carry a wish out.
#[derive(Debug, Clone)]
pub(super) struct Hands {
    pub(super) desk: Desk,
    pub(super) engine: Engine,
    pub(super) commands: mpsc::Sender<Command>,
    pub(super) configuration: watch::Receiver<Arc<Configuration>>,
}

/// Takes wishes until nobody sends any.
pub(super) async fn carry_out(mut wishes: mpsc::Receiver<RemedyWish>, hands: Hands) {
    let mut running = JoinSet::new();
    for (wish, run) in hands.desk.remedy_runs().await {
        let hands = hands.clone();
        running.spawn(async move {
            let outcome = match run.parse() {
                Ok(run) => follow(run, &hands.engine).await,
                Err(_) => Err(format!("run `{run}` is none")),
            };
            tell(&hands.desk, wish, outcome).await;
        });
    }
    while let Some(wish) = wishes.recv().await {
        while running.len() >= AT_ONCE {
            running.join_next().await;
        }
        let hands = hands.clone();
        running.spawn(async move {
            let id = wish.id.clone();
            let outcome = one(wish, &hands).await;
            tell(&hands.desk, id, outcome).await;
        });
    }
}

async fn tell(desk: &Desk, wish: String, outcome: Result<(), String>) {
    let kind = match outcome {
        Ok(()) => ProgressKind::Done,
        Err(why) => ProgressKind::Failed { why },
    };
    desk.remedy_progress(RemedyProgress { wish, kind }).await;
}

/// Waits for the end of a run.
async fn follow(run: RunId, engine: &Engine) -> Result<(), String> {
    let run = engine.settled(run).await.map_err(|error| error.to_string())?;
    if run.state == RunState::Done { Ok(()) } else { Err(why(&run)) }
}

/// Makes the plan, starts it and waits for its end; why it did not end well, for a person.
async fn one(wish: RemedyWish, hands: &Hands) -> Result<(), String> {
    let Hands { desk, engine, commands, configuration } = hands;
    let id = wish.id.clone();
    let shop_of = |host: &str| {
        let configuration = configuration.borrow();
        let has = |shop: &&ShopSettings| shop.hosts.iter().any(|known| known == host);
        configuration.shops.iter().find(has).map(|shop| shop.id.clone())
    };
    let wished = understand(wish, shop_of)?;
    let (answer, answered) = oneshot::channel();
    let ending = |_| "Storewarden is ending".to_owned();
    let asked = commands.send(Command::Plan { wish: wished, answer }).await;
    asked.map_err(|_| "Storewarden is ending".to_owned())?;
    let plan = answered.await.map_err(ending)?.map_err(|refusal| refusal.message)?;
    // What is broken does not wait for a window.
    let plan = Plan { window: None, ..plan };
    let run = engine.start(plan, Actor::Storewarden).await.map_err(|error| error.to_string())?;
    let kind = ProgressKind::Started { run: run.to_string() };
    desk.remedy_progress(RemedyProgress { wish: id, kind }).await;
    follow(run, engine).await
}

/// The wish as control knows it; `shop_of` knows whose a host is.
fn understand(
    wish: RemedyWish,
    shop_of: impl Fn(&str) -> Option<ShopId>,
) -> Result<Wished, String> {
    let RemedyWish { shop, action, params, .. } = wish;
    let text = |name: &str| match params.get(name) {
        Some(Value::Text(text)) => Ok(text.clone()),
        _ => Err(format!("the finding does not say which {name}")),
    };
    match action.as_str() {
        "restart_instance" => {
            let shop = shop.ok_or("the finding does not say which shop")?;
            let instance = text("instance")?;
            let instance =
                instance.parse().map_err(|error| format!("instance `{instance}` {error}"))?;
            // One that hangs ends no requests; waiting for them would only take longer.
            Ok(Wished::RestartInstance { shop, instance, forced: true })
        }
        "renew_certificate" => {
            let host = text("host")?;
            let shop = shop.or_else(|| shop_of(&host));
            let shop = shop.ok_or_else(|| format!("no shop has the host {host}"))?;
            Ok(Wished::RenewCertificate { shop })
        }
        "free_disk" => Ok(Wished::CleanUp),
        other => Err(format!("there is no plan `{other}`")),
    }
}

fn why(run: &Run) -> String {
    let said = run.cause.as_ref().and_then(|cause| cause.message.clone());
    said.unwrap_or_else(|| format!("run {} ended as {:?}", run.id, run.state))
}

#[cfg(test)]
mod tests {
    use super::*;
    use kernel::Params;

    #[test]
    fn a_wish_is_understood_or_refused_with_its_reason() {
        let check = |action: &str, about: Option<(&str, &str)>, expect: Result<&str, &str>| {
            let params = about.map(|(name, value)| (name.to_owned(), value.into()));
            let is_of_machine = action == "renew_certificate";
            let wish = RemedyWish {
                id: "remedy-1-1".into(),
                incident: 1,
                shop: (!is_of_machine).then(|| "lamps".parse().unwrap()),
                action: action.into(),
                params: params.into_iter().collect::<Params>(),
            };
            let shop_of = |host: &str| (host == "a.example").then(|| "socks".parse().unwrap());
            let read = understand(wish, shop_of).map(|wished| match wished {
                Wished::RestartInstance { instance, .. } => instance.to_string(),
                Wished::RenewCertificate { shop } => shop.to_string(),
                _ => "clean up".to_owned(),
            });
            assert_eq!(read, expect.map(str::to_owned).map_err(str::to_owned));
        };
        check("restart_instance", Some(("instance", "app-1")), Ok("app-1"));
        check("restart_instance", None, Err("the finding does not say which instance"));
        check("free_disk", None, Ok("clean up"));
        check("renew_certificate", Some(("host", "a.example")), Ok("socks"));
        let foreign = Err("no shop has the host b.example");
        check("renew_certificate", Some(("host", "b.example")), foreign);
        check("make_coffee", None, Err("there is no plan `make_coffee`"));
    }
}
